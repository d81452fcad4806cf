package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/gotelco/telco/diameter"
)

func ip6(b []byte) string {
	a, _ := netip.AddrFromSlice(b)
	return "[" + a.String() + "]"
}

// extractor finds Diameter messages in packets.
type extractor struct {
	tcp    map[string]*tcpHalf
	sctp   map[string][]byte // of fragments, by association half, stream and SSN
	found  func(frame)
	closed func(who, other, how string)

	packets, messages, gaps int
}

// tcpHalf is one direction of a TCP connection.
type tcpHalf struct {
	next    uint32
	started bool
	buf     []byte
	early   map[uint32][]byte // what came before its turn
	not     bool              // it does not carry Diameter
}

const (
	maxHalf  = 16 << 20
	maxEarly = 1000
)

func newExtractor(found func(frame), closed func(who, other, how string)) *extractor {
	return &extractor{tcp: map[string]*tcpHalf{}, sctp: map[string][]byte{}, found: found, closed: closed}
}

func (x *extractor) packet(p packet) {
	x.packets++
	s, ok := parseIP(network(p))
	if !ok {
		return
	}
	switch s.protocol {
	case 6:
		x.segment(p, s)
	case 132:
		x.chunks(p, s)
	}
}

// segment follows TCP.
func (x *extractor) segment(p packet, s segment) {
	b := s.data
	if len(b) < 20 {
		return
	}
	head := int(b[12]>>4) * 4
	if head < 20 || head > len(b) {
		return
	}
	from := s.from + ":" + strconv.Itoa(int(binary.BigEndian.Uint16(b)))
	to := s.to + ":" + strconv.Itoa(int(binary.BigEndian.Uint16(b[2:])))
	seq, flags, data := binary.BigEndian.Uint32(b[4:]), b[13], b[head:]
	const fin, syn, rst = 1, 2, 4
	key := from + " " + to
	h := x.tcp[key]
	if h == nil || flags&syn != 0 && (!h.started || seq+1 != h.next) {
		h = &tcpHalf{early: map[uint32][]byte{}}
		x.tcp[key] = h
	}
	if flags&syn != 0 {
		h.next, h.started = seq+1, true
		return
	}
	if len(data) > 0 && !h.not {
		if !h.started {
			h.next, h.started = seq, true
		}
		x.bytes(p, h, seq, data, from, to)
	}
	switch {
	case flags&rst != 0:
		x.closed(from, to, "reset the connection")
	case flags&fin != 0:
		x.closed(from, to, "closed the connection")
	}
}

// bytes takes the octets of a segment in their order.
func (x *extractor) bytes(p packet, h *tcpHalf, seq uint32, data []byte, from, to string) {
	switch ahead := int32(seq - h.next); {
	case ahead > 0:
		if len(h.early) < maxEarly {
			h.early[seq] = append([]byte(nil), data...)
			return
		}
		x.gaps++ // lost for good
		h.buf, h.next, h.early = nil, seq, map[uint32][]byte{}
	case ahead < 0: // again
		if int(-ahead) >= len(data) {
			return
		}
		data = data[-ahead:]
	}
	h.buf = append(h.buf, data...)
	h.next += uint32(len(data))
	for again := true; again; {
		again = false
		for at, more := range h.early {
			if behind := int32(h.next - at); behind >= 0 {
				delete(h.early, at)
				if int(behind) < len(more) {
					h.buf = append(h.buf, more[behind:]...)
					h.next += uint32(len(more)) - uint32(behind)
					again = true
				}
			}
		}
	}
	for len(h.buf) >= diameter.HeaderLen {
		_, n, err := diameter.ParseHeader(h.buf)
		if err != nil || n > maxHalf || !plausible(h.buf) {
			h.not, h.buf, h.early = true, nil, nil
			return
		}
		if len(h.buf) < n {
			return
		}
		x.message(p, h.buf[:n], from, to)
		h.buf = append([]byte(nil), h.buf[n:]...)
	}
}

// plausible tells whether octets on any port begin a Diameter message: version 1, no reserved flag.
func plausible(b []byte) bool { return b[0] == 1 && b[4]&0x0f == 0 }

func (x *extractor) message(p packet, b []byte, from, to string) {
	x.messages++
	m, err := diameter.ParseMessage(append([]byte(nil), b...))
	x.found(frame{number: p.number, at: p.at, from: from, to: to, msg: m, err: err})
}

// chunks finds DATA in SCTP (RFC 9260 section 3.3.1).
func (x *extractor) chunks(p packet, s segment) {
	b := s.data
	if len(b) < 12 {
		return
	}
	from := s.from + ":" + strconv.Itoa(int(binary.BigEndian.Uint16(b)))
	to := s.to + ":" + strconv.Itoa(int(binary.BigEndian.Uint16(b[2:])))
	for b = b[12:]; len(b) >= 4; {
		kind, flags, n := b[0], b[1], int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return
		}
		switch {
		case kind == 0 && n > 16:
			x.data(p, b[:n], flags, from, to)
		case kind == 6:
			x.closed(from, to, "aborted the association")
		case kind == 7 || kind == 8:
			x.closed(from, to, "closed the association")
		}
		b = b[min((n+3)&^3, len(b)):]
	}
}

func (x *extractor) data(p packet, c []byte, flags byte, from, to string) {
	ppid := binary.BigEndian.Uint32(c[12:])
	if ppid != diameter.PPIDDiameter && ppid != 0 {
		return
	}
	key := fmt.Sprintf("%s %s %d %d", from, to, binary.BigEndian.Uint16(c[8:]), binary.BigEndian.Uint16(c[10:]))
	const end, begin = 1, 2
	if flags&begin != 0 {
		delete(x.sctp, key)
	} else if x.sctp[key] == nil {
		return
	}
	b := append(x.sctp[key], c[16:]...)
	if flags&end == 0 {
		if len(b) < maxHalf && len(x.sctp) < maxEarly {
			x.sctp[key] = b
		}
		return
	}
	delete(x.sctp, key)
	if len(b) >= diameter.HeaderLen && plausible(b) {
		x.message(p, b, from, to)
	}
}

// clock is a time of day as a capture shows it.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("15:04:05.000000 ")
}
