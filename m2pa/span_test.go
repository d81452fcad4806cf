package m2pa_test

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// span is two mtp3 nodes with links between them, whole but for SCTP, on virtual time. In place of
// the associations there are lines, which keep the order of each stream as SCTP does, delay what
// they carry by chance, and break in the ways in which associations break.
type span struct {
	t       testing.TB
	r       *rand.Rand
	now     time.Time
	nodes   [2]*spanNode
	lines   []*line
	actions actionHeap
	seq     int
	config  mtp3.Config // but for the point code
	link    m2pa.Config
	free    [][]byte
	harsh   bool // what happens may be such that messages are lost

	deliver func(to int, m *mtp3.MSU) // a message of a user arrived
	lost    func(from int, raw []byte)
}

// spanNode is one of the nodes with its ends of the links.
type spanNode struct {
	*mtp3.Node
	side   int
	links  []*m2pa.Link
	ids    []mtp3.LinkID
	usable []bool // as level 3 has told
	out    []mtp3.Output
	ind    []mtp3.Indication
	ms     []sctp.Message
}

var pointCodes = [2]mtp3.PointCode{2065, 8233}

// line is an association: what is under way on it, and what is wrong with it.
type line struct {
	there     [2]bool   // end i has the association
	passes    [2]bool   // what is sent towards end i gets under way; else it is lost
	silent    [2]bool   // towards end i nothing arrives for now
	air       [2]stream // towards end i, stream 0
	data      [2]stream // and stream 1
	disturbed bool
}

// stream is a queue of messages under way.
type stream struct {
	q    []frame
	head int
}

type frame struct {
	at   time.Time
	data []byte
}

type action struct {
	at  time.Time
	seq int
	do  func()
}

type actionHeap []action

func (h actionHeap) Len() int { return len(h) }
func (h actionHeap) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].seq < h[j].seq
}
func (h actionHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *actionHeap) Push(x any)   { *h = append(*h, x.(action)) }
func (h *actionHeap) Pop() any     { x := (*h)[len(*h)-1]; *h = (*h)[:len(*h)-1]; return x }

// newSpan makes the nodes and their links, and starts them.
func newSpan(t testing.TB, seed uint64, links int, config mtp3.Config, link m2pa.Config) *span {
	t.Helper()
	w := &span{t: t, r: rand.New(rand.NewPCG(seed, 4165)), now: began, config: config, link: link}
	for range links {
		w.lines = append(w.lines, &line{})
	}
	w.node(0)
	w.node(1)
	for _, k := range w.lines {
		w.connect(k)
	}
	return w
}

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// since is the time since the beginning.
func (w *span) since() time.Duration { return w.now.Sub(began) }

// note says what happens, where that is wanted.
func (w *span) note(a ...any) {
	if os.Getenv("TELCO_SPAN") != "" {
		w.t.Logf("%v %v", w.since(), fmt.Sprintln(a...))
	}
}

// node makes a node, with nothing of the one before it.
func (w *span) node(side int) {
	w.t.Helper()
	cfg := w.config
	cfg.PointCode, cfg.NI = pointCodes[side], mtp3.National
	core, err := mtp3.NewNode(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	n := &spanNode{Node: core, side: side, ms: make([]sctp.Message, 0, 16)}
	core.SetUser(mtp3.ISUP, true)
	ls, err := core.AddLinkset(mtp3.LinksetConfig{Adjacent: pointCodes[1-side]})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range w.lines {
		l := m2pa.New(w.link)
		id, err := core.AddLink(ls, mtp3.LinkConfig{SLC: uint8(i), Link: &watched{Link: l, w: w, side: side}})
		if err != nil {
			w.t.Fatal(err)
		}
		n.links, n.ids, n.usable = append(n.links, l), append(n.ids, id), append(n.usable, false)
	}
	w.nodes[side] = n
	w.take(n, core.Start(w.now, n.out[:0]))
}

// watched is a link whose losses are seen.
type watched struct {
	*m2pa.Link
	w    *span
	side int
}

func (l *watched) see(n int, out []mtp3.Indication) []mtp3.Indication {
	for _, i := range out[n:] {
		if i.Kind == mtp3.Lost && l.w.lost != nil {
			l.w.lost(l.side, i.MSU)
		}
	}
	return out
}

func (l *watched) Start(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	return l.see(len(out), l.Link.Start(now, out))
}

func (l *watched) RetrieveUnsent(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	return l.see(len(out), l.Link.RetrieveUnsent(now, out))
}

func (l *watched) FlushBuffers(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	return l.see(len(out), l.Link.FlushBuffers(now, out))
}

// take is what a node has to say.
func (w *span) take(n *spanNode, out []mtp3.Output) {
	n.out = out
	for i := range out {
		o := &out[i]
		switch {
		case o.Kind == mtp3.Deliver && o.Primitive.Kind == mtp3.TransferPrimitive:
			if w.deliver != nil {
				w.deliver(n.side, &o.Primitive.MSU)
			}
		case o.Kind == mtp3.Changed && os.Getenv("TELCO_SPAN") != "" && w.noted(n, o):
		case o.Kind == mtp3.Changed && (o.Change.Kind == mtp3.LinkAvailable || o.Change.Kind == mtp3.LinkUnavailable):
			for j, id := range n.ids {
				if id == o.Change.Link {
					n.usable[j] = o.Change.Kind == mtp3.LinkAvailable
				}
			}
		}
	}
}

func (w *span) noted(n *spanNode, o *mtp3.Output) bool { w.note(n.side, o.Change.Text); return false }

// after has something done later.
func (w *span) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.actions, action{w.now.Add(d), w.seq, do})
}

// ms is a chance number of milliseconds.
func (w *span) ms(from, to int) time.Duration {
	return time.Duration(from+w.r.IntN(to-from+1)) * time.Millisecond
}

// send is a message of a user at one side.
func (w *span) send(side int, sls mtp3.SLS, number uint32) {
	n := w.nodes[side]
	var b [64]byte
	binary.BigEndian.PutUint32(b[:], number)
	m := mtp3.MSU{SI: mtp3.ISUP, Label: mtp3.Label{DPC: pointCodes[1-side], SLS: sls}, Data: b[:8+w.r.IntN(56)]}
	w.take(n, n.Transfer(w.now, m, n.out[:0]))
}

// tick lets a millisecond pass.
func (w *span) tick() {
	w.now = w.now.Add(time.Millisecond)
	for len(w.actions) > 0 && !w.actions[0].at.After(w.now) {
		heap.Pop(&w.actions).(action).do()
	}
	for j, k := range w.lines {
		for i := range 2 {
			if !k.silent[i] {
				w.arrive(j, i, 0, &k.air[i])
				w.arrive(j, i, 1, &k.data[i])
			}
		}
	}
	for _, n := range w.nodes {
		if d := n.Deadline(); !d.IsZero() && !d.After(w.now) {
			w.take(n, n.Expire(w.now, n.out[:0]))
		}
	}
	w.flush()
}

// run lets time pass.
func (w *span) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.tick()
	}
}

// arrive gives end i of a line what is due on a stream.
func (w *span) arrive(j, i int, id uint16, s *stream) {
	for s.head < len(s.q) && !s.q[s.head].at.After(w.now) {
		b := s.q[s.head].data
		s.q[s.head].data = nil
		if s.head++; s.head == len(s.q) {
			s.q, s.head = s.q[:0], 0
		}
		w.event(j, i, sctp.Received{Message: sctp.Message{Stream: id, PPID: m2pa.PPID, Data: b}})
		w.free = append(w.free, b)
	}
}

// event gives end i of a line what its association delivers.
func (w *span) event(j, i int, in sctp.Received) {
	n := w.nodes[i]
	n.ind = n.links[j].HandleSCTP(w.now, in, n.ind[:0])
	w.said(j, n)
}

func (w *span) said(j int, n *spanNode) {
	if len(n.ind) > 0 {
		w.take(n, n.HandleLink(w.now, n.ids[j], n.ind, n.out[:0]))
	}
}

// flush puts on the lines what the links have to send. Now and then a line takes only some of it.
func (w *span) flush() {
	for j, k := range w.lines {
		for i, n := range w.nodes {
			l := n.links[j]
			for k.there[i] && l.Pending() {
				ms := l.Output(w.now, n.ms[:0])
				take := len(ms)
				if w.r.IntN(16) == 0 {
					take = w.r.IntN(take + 1)
				}
				for _, m := range ms[:take] {
					if k.passes[1-i] {
						s := &k.air[1-i]
						if m.Stream == 1 {
							s = &k.data[1-i]
						}
						s.push(w.now.Add(w.ms(1, 8)), w.copied(m.Data))
					}
				}
				if l.Sent(w.now, ms[:take]); take < len(ms) {
					break
				}
			}
		}
	}
}

func (w *span) copied(b []byte) []byte {
	if n := len(w.free); n > 0 {
		c := append(w.free[n-1][:0], b...)
		w.free = w.free[:n-1]
		return c
	}
	return append(make([]byte, 0, 128), b...)
}

// push keeps order within a stream.
func (s *stream) push(at time.Time, b []byte) {
	if n := len(s.q); n > s.head && s.q[n-1].at.After(at) {
		at = s.q[n-1].at
	}
	if s.head > 4096 && s.head > len(s.q)/2 {
		s.q, s.head = s.q[:copy(s.q, s.q[s.head:])], 0
	}
	s.q = append(s.q, frame{at, b})
}

func (s *stream) drop() { s.q, s.head = s.q[:0], 0 }

// connect sets up the association of a line.
func (w *span) connect(k *line) {
	*k = line{there: [2]bool{true, true}, passes: [2]bool{true, true}, disturbed: k.disturbed}
	first := w.r.IntN(2)
	for _, i := range []int{first, 1 - first} {
		w.event(w.index(k), i, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 2, Out: 2}})
	}
}

func (w *span) index(k *line) int {
	for j := range w.lines {
		if w.lines[j] == k {
			return j
		}
	}
	panic("no such line")
}

// down tells end i that its association is over.
func (w *span) down(k *line, i int) {
	if k.there[i] {
		k.there[i] = false
		w.event(w.index(k), i, sctp.Received{Event: &sctp.Event{Kind: sctp.Down}})
	}
}

// lose ends the association of a line: nothing that is under way arrives, and each end finds out in
// its own time.
func (w *span) lose(k *line, within time.Duration) {
	for i := range 2 {
		k.passes[i] = false
		k.air[i].drop()
		k.data[i].drop()
		w.after(w.ms(0, int(within/time.Millisecond)), func() { w.down(k, i) })
	}
}

// abort ends the association from end i. Of what it sent, the first part arrives before the ABORT.
func (w *span) abort(k *line, i int) {
	k.passes = [2]bool{}
	k.air[i].drop()
	k.data[i].drop()
	last := w.now
	for _, s := range []*stream{&k.air[1-i], &k.data[1-i]} {
		if n := len(s.q) - s.head; n > 0 {
			s.q = s.q[:s.head+w.r.IntN(n+1)]
		}
		if n := len(s.q); n > s.head && s.q[n-1].at.After(last) {
			last = s.q[n-1].at
		}
	}
	w.down(k, i)
	w.after(last.Sub(w.now)+w.ms(0, 5), func() { w.down(k, 1-i) })
}

// restart is a new association from end i, of which the other end hears as a restart.
func (w *span) restart(k *line, i int) {
	k.passes = [2]bool{}
	for e := range 2 {
		k.air[e].drop()
		k.data[e].drop()
	}
	w.down(k, i)
	w.after(w.ms(1, 50), func() {
		*k = line{there: [2]bool{true, true}, passes: [2]bool{true, true}, disturbed: k.disturbed}
		w.event(w.index(k), 1-i, sctp.Received{Event: &sctp.Event{Kind: sctp.Restart, In: 2, Out: 2}})
		w.event(w.index(k), i, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 2, Out: 2}})
	})
}

// silence lets nothing through towards end i for a while; then it arrives.
func (w *span) silence(k *line, i int, d time.Duration) {
	k.silent[i] = true
	w.after(d, func() {
		k.silent[i] = false
		at := w.now.Add(w.ms(1, 20)) // of both streams: SCTP sends again in the order in which it sent
		for _, s := range []*stream{&k.air[i], &k.data[i]} {
			for f := s.head; f < len(s.q); f++ {
				if s.q[f].at.Before(at) {
					s.q[f].at = at
				}
			}
		}
	})
}
