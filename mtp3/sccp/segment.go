package sccp

import (
	"github.com/gotelco/telco/internal/loop"
	"github.com/gotelco/telco/mtp3"
)

// maxData is how long the data of a message may be (Q.714 section 4.1.1).
const maxData = 3952

// segmentRoom is how much data fits a segment whose addresses have so many octets.
func (n *Node) segmentRoom(addresses int, importance bool) int {
	room := n.cfg.MaxSIF - n.cfg.Format.LabelLen() - 7 - 3 - 7 // type to pointers; lengths; segmentation and end
	if importance {
		room -= 3
	}
	return min(room-addresses, 251-addresses) // the pointer to the optional part has one octet
}

// singleRoom is how much data fits an XUDT that is not a segment.
func (n *Node) singleRoom(addresses int, importance bool) int {
	room := n.cfg.MaxSIF - n.cfg.Format.LabelLen() - 7 - 3 - addresses
	if importance {
		return min(room-4, 251-addresses)
	}
	return min(room, 255)
}

// reference is a segmentation local reference that was not used for a while (Q.714 section 4.1.1.2.1: frozen references).
func (n *Node) reference() (uint32, error) {
	if n.ref == 0 || n.ref >= 1<<24 {
		if n.ref != 0 && n.now.Before(n.refWrapped.Add(n.t.FreezeRef)) {
			return 0, ErrReferences
		}
		n.ref, n.refWrapped = 1, n.now
	}
	ref := n.ref
	n.ref++
	return ref, nil
}

// segment sends a message in XUDTs (Q.714 section 4.1.1.2.2). It returns reasonCount, or why it cannot: of messages from elsewhere
// only an LUDT with a segmentation reference can be segmented here.
func (n *Node) segment(m *Message, pc mtp3.PointCode, o *origin) Reason {
	if m.Type.service() || o.from == fromMTP && m.Type != LUDT || m.HasSegmentation && m.Segmentation.Remaining > 0 {
		return TooLong
	}
	s := m.Segmentation
	if !m.HasSegmentation {
		if o.from == fromMTP {
			return NoSegmentation
		}
		ref, err := n.reference()
		if err != nil {
			return NoSegmentation
		}
		s = Segmentation{InOrder: m.Class == 1, Reference: ref}
	}
	n.address = n.codec.AppendAddress(n.address[:0], m.Called)
	n.address = n.codec.AppendAddress(n.address, m.Calling)
	room := n.segmentRoom(len(n.address)+n.reserve(m), m.HasImportance) - len(m.Optional)
	if room < 1 {
		return TooLong
	}
	count := (len(m.Data) + room - 1) / room
	if count > 16 {
		return TooLong
	}
	// All but the last have one length, so that the first says how much there is at most.
	size := (len(m.Data) + count - 1) / count
	start, first := len(n.buf), len(n.out)
	w := *m
	w.Type, w.Class, w.HasSegmentation = XUDT, 1, true
	for i, rest := 0, m.Data; len(rest) > 0; i++ {
		w.Data = rest[:min(size, len(rest))]
		rest = rest[len(w.Data):]
		w.Segmentation = Segmentation{First: i == 0, InOrder: s.InOrder, Reference: s.Reference, Remaining: uint8((len(rest) + size - 1) / size)}
		w.ReturnOnError = m.ReturnOnError && i == 0
		if count == 1 {
			w.Class, w.HasSegmentation = m.Class, false
		}
		if !n.encode(&w, pc, o) {
			n.buf, n.out = n.buf[:start], n.out[:first]
			return TooLong
		}
	}
	n.stats.Segmented++
	return reasonCount
}

// reassembly is a message whose segments come in.
type reassembly struct {
	key       string
	first     Message // its addresses and data are copies
	called    Address
	o         origin
	data      []byte // of capacity of all that may come
	firstLen  int
	remaining uint8
	timer     loop.Timer
}

// reassemble takes a segment (Q.714 section 4.1.1.3).
func (n *Node) reassemble(m *Message, called Address, o *origin) {
	s := m.Segmentation
	n.address = append(n.address[:0], byte(s.Reference), byte(s.Reference>>8), byte(s.Reference>>16), byte(o.opc), byte(o.opc>>8), byte(o.opc>>16))
	n.address = n.codec.AppendAddress(n.address, m.Calling)
	r := n.parts[string(n.address)]
	if s.First {
		if r != nil { // two messages with one reference: the older one is lost
			n.abandon(r, ReassemblyOrder)
		}
		n.firstSegment(m, called, o)
		return
	}
	switch {
	case r == nil:
		n.drop(SegmentUnexpected)
		return
	case s.Remaining != r.remaining-1:
		n.abandon(r, ReassemblyOrder)
		return
	case len(m.Data) > cap(r.data)-len(r.data):
		n.abandon(r, ReassemblyFull)
		return
	}
	r.data = append(r.data, m.Data...)
	if r.remaining--; r.remaining > 0 {
		return
	}
	n.forget(r)
	n.stats.Assembled++
	n.indicate(&r.first, r.called, &r.o, r.data)
}

func (n *Node) firstSegment(m *Message, called Address, o *origin) {
	size := min((int(m.Segmentation.Remaining)+1)*len(m.Data), maxData)
	if len(n.parts) >= n.cfg.MaxReassemblies || n.partBytes+size > n.cfg.MaxReassembly {
		n.fail(m, o, ReassemblyFull)
		return
	}
	r := &reassembly{key: string(n.address), first: *m, o: *o, data: make([]byte, 0, size), firstLen: len(m.Data), remaining: m.Segmentation.Remaining}
	r.data = append(r.data, m.Data...)
	r.first.Data = r.data[:r.firstLen]
	r.first.Called, r.first.Calling, r.called = m.Called.clone(), m.Calling.clone(), called.clone()
	r.first.Optional = append([]byte(nil), m.Optional...)
	r.timer.Fire = func() { n.abandon(r, ReassemblyTimeout) }
	n.parts[r.key] = r
	n.partBytes += size
	n.timers.Start(&r.timer, n.now.Add(n.t.Reassembly))
}

// clone is an address that aliases nothing.
func (a Address) clone() Address {
	a.GT.Digits.packed = append([]byte(nil), a.GT.Digits.packed...)
	if a.raw != nil {
		a.raw = append([]byte(nil), a.raw...)
	}
	return a
}

// abandon gives a message up of which not all segments came. What came first goes back.
func (n *Node) abandon(r *reassembly, why Reason) {
	n.forget(r)
	n.fail(&r.first, &r.o, why)
}

func (n *Node) forget(r *reassembly) {
	n.timers.Stop(&r.timer)
	delete(n.parts, r.key)
	n.partBytes -= cap(r.data)
}
