package user

import (
	"net/netip"
	"time"

	"github.com/gotelco/telco/sctp"
)

// maxBurst is Max.Burst (RFC 9260 section 16): packets of new data for each SACK, or at once.
const maxBurst = 4

// outbox is where output puts packets.
type outbox struct {
	pkts []Packet
	buf  []byte
	size int // the longest packet with DATA
}

func newOutbox(packets, size int) *outbox {
	return &outbox{pkts: make([]Packet, 0, packets), buf: make([]byte, 0, packets*size), size: size}
}

func (o *outbox) reset() { o.pkts, o.buf = o.pkts[:0], o.buf[:0] }

func (o *outbox) full() bool {
	return len(o.pkts) == cap(o.pkts) || len(o.buf)+o.size > cap(o.buf)
}

// begin returns an empty slice to build a packet in; add takes it.
func (o *outbox) begin() []byte {
	n := len(o.buf)
	return o.buf[n : n : n+o.size]
}

func (o *outbox) add(local, remote netip.AddrPort, b []byte) {
	finishPacket(b)
	if len(b) <= o.size { // else it lies elsewhere
		o.buf = o.buf[:len(o.buf)+len(b)]
	}
	o.pkts = append(o.pkts, Packet{local, remote, b})
}

// send takes a message into the queue, as one or several chunks (section 6.9).
func (a *assoc) send(m *sctp.Message) error {
	if err := a.closing(); err != nil {
		return err
	}
	most := a.pmdcs - dataHead
	switch {
	case len(m.Data) == 0:
		return sctp.ErrEmpty
	case len(m.Data) > a.cfg.MaxMessage:
		return sctp.ErrTooLong
	case m.Stream >= a.out:
		return sctp.ErrStream
	}
	wire := pad4(len(m.Data)) + dataHead*((len(m.Data)+most-1)/most)
	if a.q.live > 0 && a.q.live+wire > a.cfg.SendBuffer {
		return sctp.ErrFull
	}
	d := data{flags: flagB, stream: m.Stream, ppid: m.PPID}
	if m.Unordered {
		d.flags |= flagU
	} else {
		d.ssn = a.ssn[m.Stream]
		a.ssn[m.Stream]++
	}
	for rest := m.Data; ; {
		n := min(len(rest), most)
		d.tsn, d.user = a.q.end, rest[:n]
		if rest = rest[n:]; len(rest) == 0 {
			d.flags |= flagE
		}
		room := a.q.add(pad4(dataHead + n))
		d.append(room[:0])
		a.q.waiting += len(room)
		if d.flags &^= flagB; len(rest) == 0 {
			return nil
		}
	}
}

// output makes the packets that may go now. If there are more than the outbox takes, it says so and
// wants to be called again.
func (a *assoc) output(now time.Time, o *outbox) (more bool) {
	if a.flushControl(o) {
		return true
	}
	switch a.state {
	case established, shutdownPending, shutdownReceived:
		if a.sacks > 0 || !a.goingOn {
			a.burst = maxBurst * max(1, a.sacks)
			a.sacks = 0
		}
		before := a.seq
		if a.marked > 0 {
			a.goingOn = a.retransmit(now, o)
		} else {
			a.goingOn = a.transmit(now, o)
		}
		if a.seq != before {
			a.armTail(now)
		}
		if a.goingOn {
			return true
		}
	case closed:
		return false
	}
	if a.sackNow {
		if o.full() {
			return true
		}
		p := a.sackPath
		if p == nil {
			p = a.data
		}
		o.add(p.local, p.remote, a.appendSack(a.beginPacket(o)))
	}
	return false
}

func (a *assoc) beginPacket(o *outbox) []byte {
	return beginPacket(o.begin(), header{a.localPort, a.remotePort, a.peerTag})
}

// flushControl makes the packets of control chunks, several chunks in one where they go the same way.
func (a *assoc) flushControl(o *outbox) (more bool) {
	for i := 0; i < len(a.control); {
		if o.full() {
			a.control = append(a.control[:0], a.control[i:]...)
			return true
		}
		r := a.control[i]
		b := append(beginPacket(o.begin(), header{a.localPort, a.remotePort, r.tag}), r.chunks...)
		for i++; i < len(a.control) && !r.alone; i++ {
			s := a.control[i]
			if s.alone || s.local != r.local || s.remote != r.remote || s.tag != r.tag || len(b)+len(s.chunks) > o.size {
				break
			}
			b = append(b, s.chunks...)
		}
		o.add(r.local, r.remote, b)
	}
	clear(a.control)
	a.control = a.control[:0]
	return false
}

// dataPacket begins a packet of DATA to p, with a SACK in front if one is due and this is its way
// (section 6.1). first is the size of the first chunk that must fit.
func (a *assoc) dataPacket(o *outbox, p *path, first int) []byte {
	b := a.beginPacket(o)
	if (a.sackNow || a.packets > 0) && (a.sackPath == nil || a.sackPath == p) &&
		headerLen+a.sackSize()+first <= o.size {
		b = a.appendSack(b)
	}
	return b
}

// transmit sends new DATA chunks, as windows and burst allow (section 6.1).
func (a *assoc) transmit(now time.Time, o *outbox) (more bool) {
	if a.q.next == a.q.end {
		return false
	}
	p := a.data
	p.rested(a, now)
	first := true
	for a.q.next != a.q.end {
		if p.flight >= p.cwnd {
			p.limited = true
			return false
		}
		c := a.q.at(a.q.next)
		need := int(c.n) - dataHead
		if need > a.rwnd { // rule A
			p.limited = false
			if a.outstanding > 0 {
				return false
			}
			if !a.probe {
				if p.t3.IsZero() {
					p.t3 = now.Add(p.rto)
				}
				return false
			}
			a.probe, a.probing = false, true
		}
		if a.cfg.Delay && a.outstanding > 0 && a.q.waiting < a.pmdcs || a.burst <= 0 {
			return false
		}
		if o.full() {
			return true
		}
		a.burst--
		a.seq++
		b := a.dataPacket(o, p, int(c.n))
		if first {
			first = false
			p.idleSince = now
			if a.cfg.Heartbeat > 0 {
				a.scheduleHeartbeat(now, p)
			}
			if !p.timing {
				p.timing, p.timedTSN, p.timedAt = true, a.q.next, now
			}
			if p.t3.IsZero() {
				p.t3 = now.Add(p.rto)
			}
		}
		for {
			raw := a.q.bytes(c)
			c.state, c.path, c.seq = flying, int8(p.index), a.seq
			p.flight += int(c.n)
			a.outstanding += need
			a.rwnd = max(0, a.rwnd-need)
			a.q.waiting -= int(c.n)
			a.q.next++
			if raw[1]&flagB != 0 {
				a.sent++
			}
			last := a.q.next == a.q.end
			over := last
			if !last {
				c = a.q.at(a.q.next)
				need = int(c.n) - dataHead
				over = len(b)+len(raw)+int(c.n) > o.size || need > a.rwnd
			}
			if over { // section 6.1: a SACK without delay is of use if no more may go before it
				a.asked = p.flight >= p.cwnd || a.burst == 0 || last && a.state == shutdownPending
				if a.asked {
					raw[1] |= flagI
				}
			}
			b = append(b, raw...)
			if over {
				break
			}
		}
		o.add(p.local, p.remote, b)
	}
	p.limited = p.flight >= p.cwnd
	return false
}

// retransmit sends again what is marked for it, before anything new goes (section 6.1 rule C).
func (a *assoc) retransmit(now time.Time, o *outbox) (more bool) {
	for a.marked > 0 {
		for a.q.at(a.hint).state != lost {
			a.hint++
		}
		t := a.hint
		c := a.q.at(t)
		p := a.rtxTo(c)
		if p.flight >= p.cwnd && !a.fast {
			p.limited = true
			return false
		}
		if o.full() {
			return true
		}
		a.fast = false
		a.seq++
		if a.tailing {
			a.tailing, a.tailSeq = false, a.seq
		}
		b := a.dataPacket(o, p, int(c.n))
		for ; t != a.q.next && a.marked > 0; t++ {
			if c = a.q.at(t); c.state != lost {
				continue
			}
			if len(b)+int(c.n) > o.size && t != a.hint || a.rtxTo(c) != p {
				break
			}
			raw := a.q.bytes(c)
			c.state, c.path, c.seq, c.again, c.miss, c.timedOut = flying, int8(p.index), a.seq, true, 0, false
			p.flight += int(c.n)
			a.outstanding += int(c.n) - dataHead
			a.rwnd = max(0, a.rwnd-int(c.n)+dataHead)
			a.marked--
			a.retransmitted++
			if a.asked = p.flight >= p.cwnd || a.marked == 0; a.asked {
				raw[1] |= flagI
			}
			b = append(b, raw...)
			for _, q := range a.paths { // Karn (section 6.3.1 C5)
				if q.timing && !tsnLess(q.timedTSN, t) {
					q.timing = false
				}
			}
		}
		if p.t3.IsZero() || a.hint == a.q.base {
			p.t3 = now.Add(p.rto)
		}
		p.idleSince = now
		o.add(p.local, p.remote, b)
	}
	return a.transmit(now, o)
}

// rtxTo is where a chunk is sent again: another path after a time-out, else the same (section 6.4).
func (a *assoc) rtxTo(c *outChunk) *path {
	p := a.paths[c.path]
	if c.timedOut && a.rtxPath != nil {
		p = a.rtxPath
	}
	if !p.active || !p.confirmed {
		return a.data
	}
	return p
}

// mark has a chunk under way sent again.
func (a *assoc) mark(tsn uint32, c *outChunk) {
	c.state = lost
	a.paths[c.path].flight -= int(c.n)
	a.outstanding -= int(c.n) - dataHead
	a.rwnd += int(c.n) - dataHead // section 6.2.1 C
	if a.marked == 0 || tsnLess(tsn, a.hint) {
		a.hint = tsn
	}
	a.marked++
}

// expireT3 lets the retransmission timer of a path run off (section 6.3.3).
func (a *assoc) expireT3(now time.Time, p *path) {
	p.t3 = time.Time{}
	if p.flight == 0 && a.outstanding == 0 && a.marked == 0 { // the window was closed for an RTO
		a.probe = a.q.next != a.q.end
		p.backOff(a)
		return
	}
	if !(a.probing && a.heard) { // section 6.1 rule A: probes are no failure while the peer answers
		if a.failure() {
			return
		}
		p.failed(a)
	}
	a.heard = false
	p.lost(a)
	p.cwnd = a.pmdcs
	p.backOff(a)
	p.timing = false
	a.recovering = false
	for t := a.q.base; t != a.q.next; t++ {
		if c := a.q.at(t); c.state == flying && int(c.path) == p.index {
			a.mark(t, c)
			c.timedOut, c.miss = true, 0
		}
	}
	p.flight = 0
	a.rtxPath = a.another(p)
}
