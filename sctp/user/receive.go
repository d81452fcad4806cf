package user

import (
	"math/bits"
	"net/netip"
	"time"

	"github.com/gotelco/telco/sctp"
)

// tsnSet is which TSNs have arrived: all up to cum, and those of the bitmap up to high.
type tsnSet struct {
	cum, high uint32
	bits      *[1 << 10]uint64 // by TSN modulo 65536
}

// reach is how far beyond cum a TSN is remembered; gap blocks cannot say more than 65535.
const reach = 1<<16 - 64

func (s *tsnSet) has(t uint32) bool {
	if !tsnLess(s.cum, t) {
		return true
	}
	return s.bits != nil && s.bits[t>>6&1023]>>(t&63)&1 != 0
}

// add notes a TSN that has is false for, and that is within reach.
func (s *tsnSet) add(t uint32) {
	if t == s.cum+1 && s.cum == s.high {
		s.cum, s.high = t, t
		return
	}
	if s.bits == nil {
		s.bits = new([1 << 10]uint64)
	}
	s.bits[t>>6&1023] |= 1 << (t & 63)
	if tsnLess(s.high, t) {
		s.high = t
	}
	for s.cum != s.high {
		n := s.cum + 1
		if s.bits[n>>6&1023]>>(n&63)&1 == 0 {
			break
		}
		s.bits[n>>6&1023] &^= 1 << (n & 63)
		s.cum = n
	}
}

func (s *tsnSet) gaps() bool { return s.cum != s.high }

// run is the next range of TSNs from t on that have arrived, beyond cum.
func (s *tsnSet) run(t uint32) (start, end uint32, ok bool) {
	t, ok = s.scan(t, true)
	if !ok {
		return 0, 0, false
	}
	start = t
	if end, ok = s.scan(t, false); !ok {
		return start, s.high, true
	}
	return start, end - 1, true
}

// scan finds the first TSN from t to high that has arrived, or has not.
func (s *tsnSet) scan(t uint32, arrived bool) (uint32, bool) {
	for !tsnLess(s.high, t) {
		w := s.bits[t>>6&1023]
		if !arrived {
			w = ^w
		}
		if w >>= t & 63; w != 0 {
			t += uint32(bits.TrailingZeros64(w))
			return t, !tsnLess(s.high, t)
		}
		t = (t | 63) + 1
	}
	return 0, false
}

// inStream is where an inbound stream stands: the next stream sequence number, and the complete
// messages that came before their turn, by theirs.
type inStream struct {
	next uint16
	wait []early
}

type early struct {
	ssn  uint16
	ppid uint32
	data []byte
}

// run is a range of fragments of one message, without a hole.
type run struct {
	first, last uint32 // TSNs
	flags       uint8  // flagB if its beginning is there, flagE if its end is; flagU
	stream, ssn uint16
	ppid        uint32
	parts       [][]byte
	size        int
}

// charge is what counts against the receive buffer.
func (a *assoc) charge() int { return a.inbox.held + a.heldBytes }

// handleData takes a DATA chunk (sections 6.2, 6.5, 6.6 and 6.9): whether it is new, and whether it
// should be acknowledged at once.
func (a *assoc) handleData(c chunk, local, remote netip.AddrPort) (fresh, eager bool) {
	d, err := parseData(c)
	if err != nil {
		return false, false
	}
	eager = d.flags&flagI != 0
	if len(d.user) == 0 { // section 6.2
		a.giveUp(appendCause(nil, causeNoUserData, be.AppendUint32(nil, d.tsn)), &sctp.DownError{Reason: sctp.LocalClosed, Err: &PeerError{"a DATA chunk without user data"}})
		return false, false
	}
	if a.tsns.has(d.tsn) {
		if len(a.dups) < 16 {
			a.dups = append(a.dups, d.tsn)
		}
		return false, true
	}
	if d.tsn-a.tsns.cum >= reach {
		return false, true
	}
	if !a.hasRoom(d.tsn) {
		return false, true
	}
	a.tsns.add(d.tsn)
	if !a.anyData {
		a.anyData, eager = true, true // section 5.1
	}
	if int(d.stream) >= len(a.streams) {
		info := be.AppendUint16(be.AppendUint16(nil, d.stream), 0)
		a.errorReply(local, remote, causeInvalidStream, info)
		return true, true
	}
	if d.flags&(flagB|flagE) == flagB|flagE {
		if len(d.user) > a.cfg.MaxMessage {
			a.tooLong()
			return true, true
		}
		a.whole(d.stream, d.ssn, d.ppid, d.flags&flagU != 0, [][]byte{d.user}, len(d.user), false)
		return true, eager
	}
	a.fragment(&d)
	return true, eager
}

// hasRoom says whether a chunk is taken. Once the buffer is full nothing new is, but what fills a
// gap is, for it frees what waits; so does the next chunk of all while the upper layer has nothing
// left to take.
func (a *assoc) hasRoom(tsn uint32) bool {
	full, charge := a.cfg.ReceiveBuffer, a.charge()
	switch next := tsn == a.tsns.cum+1; {
	case charge < full:
		return true
	case next && (a.tsns.gaps() || a.inbox.held == 0):
		return charge < 8*full
	case tsnLess(tsn, a.tsns.high):
		return charge < 4*full
	}
	return false
}

func (a *assoc) tooLong() {
	a.giveUp(appendCause(nil, causeOutOfResource, nil), &sctp.DownError{Reason: sctp.LocalClosed, Err: sctp.ErrTooLong})
}

// fragment joins a fragment with its neighbours, and passes on the message that it completes.
func (a *assoc) fragment(d *data) {
	if a.frags == nil {
		a.frags = make(map[uint32]*run)
	}
	r := &run{d.tsn, d.tsn, d.flags & (flagB | flagE | flagU), d.stream, d.ssn, d.ppid, nil, len(d.user)}
	r.parts = append(r.parts, append([]byte(nil), d.user...))
	a.heldBytes += len(d.user) + overhead
	before, after := a.frags[d.tsn-1], a.frags[d.tsn+1]
	if before != nil && before.last != d.tsn-1 {
		before = nil
	}
	if after != nil && after.first != d.tsn+1 {
		after = nil
	}
	ok := true
	if before != nil && before.flags&flagE == 0 { // this one has to go on with that
		if ok = r.follows(before); ok {
			r = a.join(before, r)
		}
	} else if before != nil && r.flags&flagB == 0 {
		ok = false
	}
	if after != nil && ok {
		if r.flags&flagE == 0 {
			if ok = after.follows(r); ok {
				r = a.join(r, after)
			}
		} else if after.flags&flagB == 0 {
			ok = false
		}
	}
	switch {
	case !ok:
		a.violated("fragments that do not belong together")
	case r.size > a.cfg.MaxMessage:
		a.tooLong()
	case r.flags&(flagB|flagE) == flagB|flagE:
		delete(a.frags, r.first)
		delete(a.frags, r.last)
		a.heldBytes -= r.size + overhead*len(r.parts)
		a.whole(r.stream, r.ssn, r.ppid, r.flags&flagU != 0, r.parts, r.size, true)
	default:
		a.frags[r.first], a.frags[r.last] = r, r
	}
}

// follows says whether r may go on with what before began.
func (r *run) follows(before *run) bool {
	return r.flags&flagB == 0 && before.flags&flagE == 0 && r.flags&flagU == before.flags&flagU && r.stream == before.stream &&
		(r.ssn == before.ssn || r.flags&flagU != 0)
}

// join makes one run of two neighbours. The shorter list of parts moves.
func (a *assoc) join(x, y *run) *run {
	delete(a.frags, x.first)
	delete(a.frags, x.last)
	delete(a.frags, y.first)
	delete(a.frags, y.last)
	j := &run{x.first, y.last, x.flags | y.flags, x.stream, x.ssn, x.ppid, nil, x.size + y.size}
	if len(x.parts) >= len(y.parts) {
		j.parts = append(x.parts, y.parts...)
	} else {
		j.parts = append(append(make([][]byte, 0, 2*(len(x.parts)+len(y.parts))), x.parts...), y.parts...)
	}
	return j
}

// whole takes a complete message and delivers it in its turn (section 6.6), and those after it that
// waited for it. The parts are not kept unless owned.
func (a *assoc) whole(stream, ssn uint16, ppid uint32, unordered bool, parts [][]byte, size int, owned bool) {
	if unordered {
		a.deliver(stream, ppid, true, parts, size)
		return
	}
	s := &a.streams[stream]
	switch {
	case ssn == s.next:
		a.deliver(stream, ppid, false, parts, size)
		s.next++
		n := 0
		for ; n < len(s.wait) && s.wait[n].ssn == s.next; n++ {
			w := s.wait[n]
			a.heldBytes -= len(w.data) + overhead
			a.deliver(stream, w.ppid, false, [][]byte{w.data}, len(w.data))
			s.next++
		}
		if n > 0 {
			rest := copy(s.wait, s.wait[n:])
			clear(s.wait[rest:])
			s.wait = s.wait[:rest]
		}
	case ssnLess(ssn, s.next):
		a.violated("a stream sequence number came again")
	default:
		w := early{ssn, ppid, make([]byte, 0, size)}
		for _, p := range parts {
			w.data = append(w.data, p...)
		}
		i := len(s.wait)
		for i > 0 && ssnLess(ssn, s.wait[i-1].ssn) {
			i--
		}
		if i > 0 && s.wait[i-1].ssn == ssn {
			a.violated("a stream sequence number came twice")
			return
		}
		s.wait = append(s.wait, early{})
		copy(s.wait[i+1:], s.wait[i:])
		s.wait[i] = w
		a.heldBytes += size + overhead
	}
}

func (a *assoc) deliver(stream uint16, ppid uint32, unordered bool, parts [][]byte, size int) {
	b := a.inbox.alloc(size)
	n := 0
	for _, p := range parts {
		n += copy(b[n:], p)
	}
	a.received++
	a.inbox.push(sctp.Received{Message: sctp.Message{Stream: stream, PPID: ppid, Unordered: unordered, Data: b}})
}

// acknowledge decides when the packet of DATA at hand is acknowledged (sections 6.2 and 6.7).
func (a *assoc) acknowledge(now time.Time, fresh, eager bool) {
	if a.state == shutdownSent {
		a.sendShutdown(now)
		if !a.tsns.gaps() && len(a.dups) == 0 {
			return
		}
		eager = true
	}
	a.packets++
	switch {
	case eager, !fresh, a.tsns.gaps(), a.packets >= 2, a.cfg.SACKDelay <= 0:
		a.sackNow = true
	case a.sackAt.IsZero():
		a.sackAt = now.Add(a.cfg.SACKDelay)
	}
}

// room is the window to advertise; one too small to be of use is none (section 6.2).
func (a *assoc) room() int {
	w := a.cfg.ReceiveBuffer - a.charge()
	if w < min(a.pmdcs, a.cfg.ReceiveBuffer/4) {
		return 0
	}
	return w
}

// taken follows after the upper layer took messages: a window that has opened by a quarter of the
// buffer is worth a SACK (section 6.2).
func (a *assoc) taken() bool {
	if a.state >= established && a.anyData && a.room()-a.window >= a.cfg.ReceiveBuffer/4 {
		a.sackNow = true
		return true
	}
	return false
}

// sackSize is how long the SACK will be, at most.
func (a *assoc) sackSize() int {
	if !a.tsns.gaps() {
		return 16 + 4*len(a.dups)
	}
	return 16 + 4*len(a.dups) + 4*min(maxGaps, int(a.tsns.high-a.tsns.cum)/2+1)
}

// maxGaps is how many gap blocks go into a SACK; the packet they ride in must hold them.
const maxGaps = 100

// appendSack appends a SACK of what has arrived (section 3.3.4), and takes it off the list.
func (a *assoc) appendSack(b []byte) []byte {
	start := len(b)
	a.window = a.room()
	b = beginChunk(b, ctSack, 0)
	b = be.AppendUint32(b, a.tsns.cum)
	b = be.AppendUint32(b, uint32(a.window))
	b = append(b, 0, 0, 0, byte(len(a.dups)))
	n := 0
	if a.tsns.gaps() {
		for t := a.tsns.cum + 1; n < maxGaps; n++ {
			s, e, ok := a.tsns.run(t)
			if !ok {
				break
			}
			b = be.AppendUint16(b, uint16(s-a.tsns.cum))
			b = be.AppendUint16(b, uint16(e-a.tsns.cum))
			t = e + 1
		}
		be.PutUint16(b[start+12:], uint16(n))
	}
	for _, d := range a.dups {
		b = be.AppendUint32(b, d)
	}
	a.dups = a.dups[:0]
	a.sackNow, a.sackAt, a.packets = false, time.Time{}, 0
	return finishTLV(b, start)
}
