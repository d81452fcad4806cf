package pcapng

import (
	"hash/crc32"
	"net/netip"

	"github.com/gotelco/telco/trace"
)

// flowKey names a TCP connection or SCTP association; a is the lower end, whoever sends.
type flowKey struct {
	proto byte
	a, b  netip.AddrPort
}

// flow remembers what each of its two directions counts.
type flow struct{ ways [2]way }

type way struct {
	seq uint32            // the next TCP sequence number, or SCTP TSN
	ssn map[uint16]uint16 // SCTP: the next stream sequence number of each stream
}

// flow returns the direction from src to dst and the one back.
func (w *Writer) flow(proto byte, src, dst netip.AddrPort) (forth, back *way) {
	k, i := flowKey{proto, src, dst}, 0
	if src.Compare(dst) > 0 {
		k, i = flowKey{proto, dst, src}, 1
	}
	f := w.flows[k]
	if f == nil {
		if len(w.flows) >= or(w.cfg.MaxFlows, 16384) {
			for old := range w.flows {
				delete(w.flows, old)
				break
			}
		}
		f = &flow{[2]way{{seq: 1}, {seq: 1}}}
		w.flows[k] = f
	}
	return &f.ways[i], &f.ways[1-i]
}

// tcp writes a message as one or more segments.
func (w *Writer) tcp(e *trace.Event, src, dst netip.AddrPort) {
	forth, back := w.flow(ipTCP, src, dst)
	for from := 0; from == 0 || from < len(e.Data); from += maxSegment {
		to := min(from+maxSegment, len(e.Data))
		w.packet(e, linkIP, from == 0, func(w *Writer) {
			at := w.ip(ipTCP, src, dst)
			t := len(w.buf)
			w.buf = be.AppendUint16(w.buf, src.Port())
			w.buf = be.AppendUint16(w.buf, dst.Port())
			w.buf = be.AppendUint32(w.buf, forth.seq)
			w.buf = be.AppendUint32(w.buf, back.seq)
			w.buf = append(w.buf, 5<<4, 0x18, 0xff, 0xff, 0, 0, 0, 0) // PSH, ACK
			w.payload(e, from, to)
			be.PutUint16(w.buf[t+16:], w.checksum(at, t))
			w.finishIP(at)
		})
		forth.seq += uint32(to - from)
	}
}

// sctp writes a message as one or more DATA chunks, each in a packet.
func (w *Writer) sctp(e *trace.Event, src, dst netip.AddrPort) {
	forth, _ := w.flow(ipSCTP, src, dst)
	if forth.ssn == nil {
		forth.ssn = make(map[uint16]uint16)
	}
	ssn := forth.ssn[e.Stream]
	forth.ssn[e.Stream] = ssn + 1
	for from := 0; from == 0 || from < len(e.Data); from += maxSegment {
		to := min(from+maxSegment, len(e.Data))
		flags := byte(0)
		if from == 0 {
			flags |= 2 // beginning
		}
		if to == len(e.Data) {
			flags |= 1 // end
		}
		w.packet(e, linkIP, from == 0, func(w *Writer) {
			at := w.ip(ipSCTP, src, dst)
			t := len(w.buf)
			w.buf = be.AppendUint16(w.buf, src.Port())
			w.buf = be.AppendUint16(w.buf, dst.Port())
			w.buf = be.AppendUint32(w.buf, verificationTag(src, dst))
			w.buf = append(w.buf, 0, 0, 0, 0)
			w.buf = append(w.buf, 0, flags)
			w.buf = be.AppendUint16(w.buf, uint16(16+to-from))
			w.buf = be.AppendUint32(w.buf, forth.seq)
			w.buf = be.AppendUint16(w.buf, e.Stream)
			w.buf = be.AppendUint16(w.buf, ssn)
			w.buf = be.AppendUint32(w.buf, ppid(e))
			w.payload(e, from, to)
			w.buf = pad4(w.buf, to-from)
			// The checksum is sent with its lowest octet first (RFC 9260 appendix A).
			le.PutUint32(w.buf[t+8:], crc32.Checksum(w.buf[t:], castagnoli))
			w.finishIP(at)
		})
		forth.seq++
	}
}

// verificationTag makes a tag that differs per direction and is never zero.
func verificationTag(src, dst netip.AddrPort) uint32 {
	a, b := src.Addr().As16(), dst.Addr().As16()
	tag := uint32(src.Port())<<16 | uint32(dst.Port())
	for i := range a {
		tag = tag*31 + uint32(a[i])*7 + uint32(b[i])
	}
	return tag | 1
}

// ppid is the event's payload protocol identifier, or that of its protocol (IANA registry).
// Diameter over DTLS (47) is shown in clear.
func ppid(e *trace.Event) uint32 {
	if e.PPID != 0 && e.PPID != 47 {
		return e.PPID
	}
	switch e.Proto {
	case trace.M3UA:
		return 3
	case trace.M2PA:
		return 5
	case trace.Diameter:
		return 46
	}
	return 0
}
