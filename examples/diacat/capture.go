package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// packet is a packet of a capture.
type packet struct {
	number int // from 1
	at     time.Time
	link   uint32 // link type, as tcpdump.org lists them
	data   []byte
}

var errCapture = errors.New("damaged capture")

// isCapture tells by its first octets whether a file is a capture.
func isCapture(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	switch binary.BigEndian.Uint32(b) {
	case 0x0a0d0d0a, 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1:
		return true
	}
	return false
}

// readCapture calls f for each packet of a pcap or pcapng file. What could be read before the error has been given to f.
func readCapture(b []byte, f func(packet)) error {
	if bytes.HasPrefix(b, []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
		return readPcapng(b, f)
	}
	return readPcap(b, f)
}

// readPcap reads the older format (draft-ietf-opsawg-pcap).
func readPcap(b []byte, f func(packet)) error {
	if len(b) < 24 {
		return errCapture
	}
	order, unit := binary.ByteOrder(binary.BigEndian), time.Microsecond
	switch binary.BigEndian.Uint32(b) {
	case 0xd4c3b2a1:
		order = binary.LittleEndian
	case 0x4d3cb2a1:
		order, unit = binary.LittleEndian, time.Nanosecond
	case 0xa1b23c4d:
		unit = time.Nanosecond
	}
	link := order.Uint32(b[20:]) & 0xffff
	for number, rest := 1, b[24:]; len(rest) > 0; number++ {
		if len(rest) < 16 {
			return errCapture
		}
		n := order.Uint32(rest[8:])
		if uint64(n) > uint64(len(rest)-16) {
			return errCapture
		}
		at := time.Unix(int64(order.Uint32(rest)), int64(order.Uint32(rest[4:]))*int64(unit))
		f(packet{number, at, link, rest[16 : 16+n]})
		rest = rest[16+n:]
	}
	return nil
}

// ngInterface is an interface of a pcapng section.
type ngInterface struct {
	link uint32
	unit float64 // seconds of a tick
}

// readPcapng reads the newer format (draft-ietf-opsawg-pcapng): section headers, interfaces, enhanced and simple packets.
func readPcapng(b []byte, f func(packet)) error {
	var order binary.ByteOrder = binary.LittleEndian
	var interfaces []ngInterface
	number := 0
	for len(b) > 0 {
		if len(b) < 12 {
			return errCapture
		}
		kind := order.Uint32(b)
		if bytes.HasPrefix(b, []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
			kind, interfaces = 0x0a0d0d0a, nil
			order = binary.LittleEndian
			if binary.BigEndian.Uint32(b[8:]) == 0x1a2b3c4d {
				order = binary.BigEndian
			}
		}
		n := order.Uint32(b[4:])
		if n < 12 || n%4 != 0 || uint64(n) > uint64(len(b)) {
			return errCapture
		}
		body := b[8 : n-4]
		b = b[n:]
		switch kind {
		case 1: // Interface Description
			if len(body) < 8 {
				return errCapture
			}
			interfaces = append(interfaces, ngInterface{uint32(order.Uint16(body)), resolution(body[8:], order)})
		case 3: // Simple Packet
			number++
			if len(body) >= 4 && len(interfaces) > 0 {
				f(packet{number, time.Time{}, interfaces[0].link, body[4:min(len(body), 4+int(min(order.Uint32(body), 1<<30)))]})
			}
		case 6: // Enhanced Packet
			number++
			if len(body) < 20 {
				return errCapture
			}
			i, captured := order.Uint32(body), order.Uint32(body[12:])
			if uint64(i) >= uint64(len(interfaces)) || uint64(captured) > uint64(len(body)-20) {
				return errCapture
			}
			ticks := uint64(order.Uint32(body[4:]))<<32 | uint64(order.Uint32(body[8:]))
			seconds := float64(ticks) * interfaces[i].unit
			at := time.Unix(int64(seconds), int64((seconds-float64(int64(seconds)))*1e9))
			f(packet{number, at, interfaces[i].link, body[20 : 20+captured]})
		}
	}
	return nil
}

// resolution reads the option if_tsresol; 1e-6 seconds without one.
func resolution(options []byte, order binary.ByteOrder) float64 {
	for len(options) >= 4 {
		code, n := order.Uint16(options), int(order.Uint16(options[2:]))
		if code == 0 || n > len(options)-4 {
			break
		}
		if code == 9 && n == 1 {
			v, unit := options[4], 1.0
			base := 10.0
			if v&0x80 != 0 {
				base = 2
			}
			for range v & 0x7f {
				unit /= base
			}
			return unit
		}
		options = options[min(4+(n+3)&^3, len(options)):]
	}
	return 1e-6
}

// network returns the IP packet in a packet of a link, or nil.
func network(p packet) []byte {
	b := p.data
	skip := func(n int) []byte {
		if len(b) < n {
			return nil
		}
		return b[n:]
	}
	switch p.link {
	case 0, 108: // BSD loopback
		return skip(4)
	case 1: // Ethernet
		if len(b) < 14 {
			return nil
		}
		kind, at := binary.BigEndian.Uint16(b[12:]), 14
		for kind == 0x8100 || kind == 0x88a8 {
			if len(b) < at+4 {
				return nil
			}
			kind = binary.BigEndian.Uint16(b[at+2:])
			at += 4
		}
		if kind == 0x0800 || kind == 0x86dd {
			return b[at:]
		}
	case 12, 101, 228, 229: // raw IP
		return b
	case 113: // Linux, cooked
		return skip(16)
	case 276: // Linux, cooked, version 2
		return skip(20)
	}
	return nil
}

// segment is what an IP packet carries, unless it is a fragment.
type segment struct {
	from, to string // addresses, without ports
	protocol byte
	data     []byte
}

func parseIP(b []byte) (s segment, ok bool) {
	if len(b) < 20 {
		return s, false
	}
	switch b[0] >> 4 {
	case 4:
		head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
		if total == 0 { // left to the network card
			total = len(b)
		}
		if head < 20 || total < head || len(b) < total || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
			return s, false
		}
		return segment{fmt.Sprintf("%d.%d.%d.%d", b[12], b[13], b[14], b[15]), fmt.Sprintf("%d.%d.%d.%d", b[16], b[17], b[18], b[19]), b[9], b[head:total]}, true
	case 6:
		if len(b) < 40 {
			return s, false
		}
		n := int(binary.BigEndian.Uint16(b[4:]))
		if len(b) < 40+n {
			return s, false
		}
		next, data := b[6], b[40:40+n]
		for next == 0 || next == 43 || next == 60 { // hop by hop, routing, destination options
			if len(data) < 8 {
				return s, false
			}
			k := 8 + int(data[1])*8
			if len(data) < k {
				return s, false
			}
			next, data = data[0], data[k:]
		}
		return segment{ip6(b[8:24]), ip6(b[24:40]), next, data}, true
	}
	return s, false
}
