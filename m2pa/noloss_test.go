package m2pa_test

import (
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// timers are within the ranges of Q.704 and Q.703. T7 is well below T2, so that changeover orders
// on a link that has fallen silent are noticed and sent again on another in time.
var timers = mtp3.Timers{T2: 2 * time.Second, T17: 800 * time.Millisecond}

var quickLink = m2pa.Config{T7: 500 * time.Millisecond, T4n: 60 * time.Millisecond, T4e: 30 * time.Millisecond,
	ProvingInterval: 10 * time.Millisecond, RepeatInterval: 200 * time.Millisecond}

// seeded is the seed of a soak, and how many messages it takes: TELCO_SEED, and many if TELCO_SOAK is set.
func seeded(t *testing.T, short, quick, soak uint64) (seed, messages uint64) {
	t.Helper()
	seed = 1
	if s := os.Getenv("TELCO_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("TELCO_SEED: %v", err)
		}
		seed = n
	}
	switch {
	case os.Getenv("TELCO_SOAK") != "":
		return seed, soak
	case testing.Short():
		return seed, short
	}
	return seed, quick
}

// order follows the messages of each SLS in one direction.
type order struct {
	sent, got          [16]uint32
	arrived            uint64
	missing, backwards uint64
}

func (o *order) take(m *mtp3.MSU) {
	o.arrived++
	number := binary.BigEndian.Uint32(m.Data)
	sls := m.Label.SLS & 15
	switch want := o.got[sls] + 1; {
	case number < want: // doubled, or behind a later one
		o.backwards++
		return
	case number > want:
		o.missing += uint64(number - want)
	}
	o.got[sls] = number
}

func (o *order) total() (n uint64) {
	for _, s := range o.sent {
		n += uint64(s)
	}
	return n
}

// disturb does one of the things that happen to links to a line, and undoes it after a while.
func (w *span) disturb(k *line, counts *[10]int) {
	j, i := w.index(k), w.r.IntN(2)
	n := w.nodes[i]
	k.disturbed = true
	what := w.r.IntN(10)
	counts[what]++
	w.note("disturb", what, j, i)
	rest := func(d time.Duration) { w.after(d, func() { k.disturbed = false }) }
	again := func(d time.Duration) {
		w.after(d, func() { w.connect(k) })
		rest(d + time.Millisecond)
	}
	switch what {
	case 0: // the association is lost, as each end finds out
		w.lose(k, 100*time.Millisecond)
		again(w.ms(101, 1000))
	case 1: // an end aborts it
		w.abort(k, i)
		again(w.ms(60, 600))
	case 2: // an end begins it anew
		w.restart(k, i)
		rest(60 * time.Millisecond)
	case 3: // a direction falls silent: for short, SCTP makes it good; for long, T7 runs out
		d := w.ms(20, 1500)
		w.silence(k, i, d)
		rest(d + 30*time.Millisecond)
	case 4: // both directions do
		d := w.ms(20, 1500)
		w.silence(k, 0, d)
		w.silence(k, 1, d)
		rest(d + 30*time.Millisecond)
	case 5: // they do until the association is lost
		d := w.ms(20, 800)
		w.silence(k, 0, 5*time.Second)
		w.silence(k, 1, 5*time.Second)
		w.after(d, func() { w.lose(k, 20*time.Millisecond) })
		again(d + w.ms(50, 300))
	case 6: // a message cannot be sent
		w.event(j, i, sctp.Received{Event: &sctp.Event{Kind: sctp.SendFailed}})
		rest(10 * time.Millisecond)
	case 7: // processor outage, shorter than T1
		d := w.ms(5, 400)
		if w.harsh && w.r.IntN(2) == 0 { // or longer: what was under way when it began is given up
			d = w.ms(600, 3000)
		}
		w.take(n, n.SetLocalProcessorOutage(w.now, n.ids[j], true, n.out[:0]))
		w.after(d, func() { w.take(n, n.SetLocalProcessorOutage(w.now, n.ids[j], false, n.out[:0])) })
		if w.r.IntN(3) == 0 { // in which the link fails
			w.after(d/2, func() { w.abort(k, w.r.IntN(2)) })
			again(d + w.ms(60, 300))
		} else {
			rest(d + 100*time.Millisecond)
		}
	case 8: // an end is busy, well below T2: changeover messages on the link wait too
		d := w.ms(5, 500)
		busy := func(b bool) {
			n.ind = n.links[j].Busy(w.now, b, n.ind[:0])
			w.said(j, n)
		}
		busy(true)
		w.after(d, func() { busy(false) })
		rest(d + 50*time.Millisecond)
	case 9: // management takes the link away
		d := w.ms(500, 3000)
		if w.r.IntN(2) == 0 {
			w.take(n, n.Deactivate(w.now, n.ids[j], n.out[:0]))
			w.after(d, func() { w.take(n, n.Activate(w.now, n.ids[j], n.out[:0])) })
			rest(d + 500*time.Millisecond)
			break
		}
		w.take(n, n.Inhibit(w.now, n.ids[j], n.out[:0]))
		uninhibit := func() { w.take(n, n.Uninhibit(w.now, n.ids[j], n.out[:0])) }
		w.after(d, uninhibit)
		w.after(6*time.Second, uninhibit) // inhibiting may have taken twice T14
		rest(7 * time.Second)
	}
}

// cutSome disturbs lines by chance, one to all but one of them at a time.
func (w *span) cutSome(counts *[10]int) {
	for _, j := range w.r.Perm(len(w.lines)) {
		k := w.lines[j]
		if k.disturbed || w.r.IntN(3) == 0 {
			continue
		}
		for o, other := range w.lines { // one stays
			if other != k && !other.disturbed && w.nodes[0].usable[o] && w.nodes[1].usable[o] {
				w.disturb(k, counts)
				break
			}
		}
	}
}

// TestSoakNoLoss breaks one to three of four links at a time in every way there is, under load in
// both directions and on every SLS: no message is lost, doubled or out of order within its SLS.
// With TELCO_SOAK set there are ten million messages and well over a thousand changeovers.
func TestSoakNoLoss(t *testing.T) {
	seed, messages := seeded(t, 60_000, 300_000, 10_000_000)
	w := newSpan(t, seed, 4, mtp3.Config{Timers: timers}, quickLink)
	var to [2]order // towards each side
	w.deliver = func(side int, m *mtp3.MSU) { to[side].take(m) }
	w.lost = func(side int, raw []byte) {
		if raw[0]&15 == byte(mtp3.ISUP) {
			t.Fatalf("seed %d: at %v side %d gave up a message of SLS %d", seed, w.since(), side, raw[4]>>4)
		}
	}
	w.run(90 * time.Second)
	var counts [10]int
	for sent := uint64(0); sent < messages && !t.Failed(); {
		if w.r.IntN(300) == 0 {
			w.cutSome(&counts)
		}
		for range w.r.IntN(20) {
			side, sls := w.r.IntN(2), mtp3.SLS(w.r.IntN(16))
			to[1-side].sent[sls]++
			w.send(side, sls, to[1-side].sent[sls])
			sent++
		}
		w.tick()
	}
	w.run(30 * time.Second)
	changeovers, failures := uint64(0), uint64(0)
	for i, n := range w.nodes {
		o, s := &to[1-i], n.Stats()
		if o.sent != o.got || o.missing > 0 || o.backwards > 0 || o.arrived != o.total() {
			t.Errorf("seed %d: from side %d: of %d messages %d arrived, %d lost, %d doubled or out of order", seed, i, o.total(), o.arrived, o.missing, o.backwards)
		}
		for r, c := range s.Reasons {
			if c > 0 && ofUsers(mtp3.Reason(r)) {
				t.Errorf("seed %d: side %d: %d %v", seed, i, c, mtp3.Reason(r))
			}
		}
		if s.Held != 0 || s.Retrieved == 0 || s.Changebacks == 0 {
			t.Errorf("seed %d: side %d: %+v", seed, i, s)
		}
		changeovers += s.Changeovers
		for _, l := range n.links {
			ls := l.Stats()
			failures += ls.Failures
			if ls.WrongFSN+ls.WrongBSN+ls.WrongStream+ls.WrongLength+ls.ReceiveOverflows > 0 {
				t.Errorf("seed %d: side %d: %+v", seed, i, ls)
			}
		}
	}
	t.Logf("seed %d: %d messages, %d changeovers, %d failures of links in %v; disturbances by kind %v: %d lost, %d doubled or out of order",
		seed, to[0].total()+to[1].total(), changeovers, failures, w.since(), counts,
		to[0].missing+to[1].missing, to[0].backwards+to[1].backwards)
	if changeovers < messages/10_000 {
		t.Errorf("only %d changeovers", changeovers)
	}
}

// ofUsers tells whether a reason counts messages of users, and not those of level 3 itself.
func ofUsers(r mtp3.Reason) bool {
	switch r {
	case mtp3.Forwarded, mtp3.UnexpectedManagement, mtp3.NoManagementPath, mtp3.NotAdjacent:
		return false
	}
	return true
}

// fate is what became of a message.
type fate uint8

const (
	arrived fate = 1 << iota
	givenUp      // by a link that does not know whether the other end has it
)

// ledger keeps the fate of each message, by its number.
type ledger struct {
	fates     []fate
	last      [2][16]uint32
	doubled   int
	backwards int
}

// TestSoakReasons breaks everything: single links, all four at once, and nodes, which begin anew with
// nothing of what they had. Each message that is missing afterwards has been counted under its
// reason: there are as many as the reasons say, those that a link gave up and the other end had got aside.
func TestSoakReasons(t *testing.T) {
	seed, messages := seeded(t, 30_000, 150_000, 3_000_000)
	w := newSpan(t, seed, 4, mtp3.Config{Timers: timers}, quickLink)
	w.harsh = true
	var book ledger
	w.deliver = func(side int, m *mtp3.MSU) {
		n := binary.BigEndian.Uint32(m.Data)
		if book.fates[n]&arrived != 0 {
			book.doubled++
		}
		book.fates[n] |= arrived
		if n < book.last[side][m.Label.SLS] {
			book.backwards++
		}
		book.last[side][m.Label.SLS] = n
	}
	w.lost = func(side int, raw []byte) {
		if m, err := (mtp3.Format{}).ParseMSU(raw); err == nil && m.SI == mtp3.ISUP {
			book.fates[binary.BigEndian.Uint32(m.Data)] |= givenUp
		}
	}
	var reasons mtp3.Reasons
	var died uint64 // with a node
	add := func(n *spanNode) mtp3.Stats {
		s := n.Stats()
		for r, c := range s.Reasons {
			reasons[r] += c
		}
		return s
	}
	// kill ends a node at once. What it held is gone.
	kill := func(side int) {
		n := w.nodes[side]
		died += uint64(add(n).Held)
		for j, l := range n.links {
			k := w.lines[j]
			k.there[side] = false
			w.lose(k, 100*time.Millisecond)
			l.Stop(w.now, nil)
			for _, i := range l.RetrieveUnsent(w.now, nil) {
				if (i.Kind == mtp3.Lost || i.Kind == mtp3.Retrieved) && i.MSU[0]&15 == byte(mtp3.ISUP) {
					died++
					w.lost(side, i.MSU)
				}
			}
		}
		w.node(side)
	}
	var counts [10]int
	restarts, isolations := 0, 0
	send := func() {
		n := uint32(len(book.fates))
		book.fates = append(book.fates, 0)
		w.send(w.r.IntN(2), mtp3.SLS(w.r.IntN(16)), n)
	}
	w.run(90 * time.Second)
	reach := func() bool {
		for i, n := range w.nodes {
			if s, _ := n.Status(pointCodes[1-i]); s != mtp3.Available {
				return false
			}
		}
		return true
	}
	reconnect := func() {
		for _, k := range w.lines {
			k.disturbed = true
			w.after(w.ms(101, 3000), func() { w.connect(k); k.disturbed = false })
		}
	}
	for sent := uint64(0); sent < messages; w.tick() {
		if !reach() { // an MTP restart takes a minute; at times it is disturbed too
			switch w.r.IntN(200_000) {
			case 0:
				kill(w.r.IntN(2))
				reconnect()
				restarts++
			case 1, 2:
				w.disturb(w.lines[w.r.IntN(len(w.lines))], &counts)
			}
			if w.r.IntN(100) == 0 {
				send()
				sent++
			}
			continue
		}
		calm := !slices.ContainsFunc(w.lines, func(k *line) bool { return k.disturbed })
		switch {
		case calm && w.r.IntN(3_000) == 0: // a node, and with it every association
			restarts++
			kill(w.r.IntN(2))
			reconnect()
		case calm && w.r.IntN(1_000) == 0: // every association
			isolations++
			for _, k := range w.lines {
				w.lose(k, 100*time.Millisecond)
			}
			reconnect()
		case w.r.IntN(400) == 0: // some links; nothing says that one stays
			for _, k := range w.lines {
				if !k.disturbed && w.r.IntN(3) > 0 {
					w.disturb(k, &counts)
				}
			}
		}
		for range w.r.IntN(20) {
			send()
			sent++
		}
	}
	w.run(3 * time.Minute)
	for i, n := range w.nodes {
		if s := add(n); s.Held != 0 {
			t.Errorf("seed %d: side %d holds %d messages", seed, i, s.Held)
		}
		if s, _ := n.Status(pointCodes[1-i]); s != mtp3.Available {
			t.Errorf("seed %d: side %d: the other one is %v", seed, i, s)
		}
	}
	missing, spared, counted := uint64(0), uint64(0), died
	for _, f := range book.fates {
		if f&arrived == 0 {
			missing++
		}
		if f == arrived|givenUp {
			spared++
		}
	}
	named := map[string]uint64{"died with its node": died, "given up, but arrived": spared}
	for r, c := range reasons {
		if ofUsers(mtp3.Reason(r)) {
			counted += c
		}
		if c > 0 {
			named[mtp3.Reason(r).String()] = c
		}
	}
	if missing != counted-spared {
		t.Errorf("seed %d: %d messages are missing, the reasons count %d", seed, missing, counted-spared)
	}
	if book.doubled > 0 || book.backwards > 0 {
		t.Errorf("seed %d: %d doubled, %d out of order", seed, book.doubled, book.backwards)
	}
	t.Logf("seed %d: %d messages, %d restarts of nodes, %d times all links, disturbances by kind %v: %d missing, by reason %v",
		seed, len(book.fates), restarts, isolations, counts, missing, named)
	if restarts == 0 || isolations == 0 || missing == 0 || spared == 0 {
		t.Errorf("seed %d: nothing was tested", seed)
	}
}
