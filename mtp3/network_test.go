package mtp3

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// network is several nodes and the links between them on virtual time.
type network struct {
	t      testing.TB
	now    time.Time
	events eventHeap
	seq    int
	nodes  []*testNode
	trace  func(from *memLink, raw []byte) // each message put on a link
}

type event struct {
	at  time.Time
	seq int
	do  func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any     { x := (*h)[len(*h)-1]; *h = (*h)[:len(*h)-1]; return x }

func newNetwork(t testing.TB) *network {
	return &network{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (w *network) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, event{w.now.Add(d), w.seq, do})
}

// run lets d pass.
func (w *network) run(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 20_000_000 {
			w.t.Fatal("the network does not come to rest")
		}
		at := end
		var who *testNode
		for _, n := range w.nodes {
			if dl := n.Deadline(); !dl.IsZero() && !dl.After(at) {
				at, who = dl, n
			}
		}
		if len(w.events) > 0 && !w.events[0].at.After(at) {
			e := heap.Pop(&w.events).(event)
			if e.at.After(w.now) {
				w.now = e.at
			}
			e.do()
			continue
		}
		if who == nil {
			w.now = end
			return
		}
		if at.After(w.now) {
			w.now = at
		}
		who.take(who.Expire(w.now, nil))
	}
}

// testNode is a node with what came out of it.
type testNode struct {
	*Node
	net       *network
	pc        PointCode
	prims     []Primitive
	changes   []Change
	toOwner   []Output
	transfers func(MSU) // if set, called with each message for its users
	got       []MSU
}

func (w *network) node(cfg Config) *testNode {
	w.t.Helper()
	cfg.NI = National
	n, err := NewNode(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	tn := &testNode{Node: n, net: w, pc: cfg.PointCode}
	n.SetUser(SCCP, true)
	n.SetUser(ISUP, true)
	w.nodes = append(w.nodes, tn)
	return tn
}

func (n *testNode) take(out []Output) {
	for _, o := range out {
		switch {
		case o.Kind == Changed:
			n.changes = append(n.changes, o.Change)
		case o.Kind == ToOwner:
			o.Primitive.MSU.Data = slices.Clone(o.Primitive.MSU.Data)
			n.toOwner = append(n.toOwner, o)
		case o.Primitive.Kind != TransferPrimitive:
			n.prims = append(n.prims, o.Primitive)
		case n.transfers != nil:
			n.transfers(o.Primitive.MSU)
		default:
			m := o.Primitive.MSU
			m.Data = slices.Clone(m.Data)
			n.got = append(n.got, m)
		}
	}
}

// send sends a numbered message of a user.
func (n *testNode) send(dpc PointCode, sls SLS, number uint32) {
	n.take(n.Transfer(n.net.now, MSU{SI: ISUP, Label: Label{DPC: dpc, SLS: sls}, Data: binary.BigEndian.AppendUint32(nil, number)}, nil))
}

// forget clears what came out.
func (n *testNode) forget() { n.prims, n.changes, n.got, n.toOwner = nil, nil, nil, nil }

func (n *testNode) changed(k ChangeKind) int {
	c := 0
	for _, x := range n.changes {
		if x.Kind == k {
			c++
		}
	}
	return c
}

// memLink is a level 2 in memory: a window of messages that may wait for acknowledgement, retrieval, processor outage.
type memLink struct {
	net    *network
	node   *testNode
	id     LinkID
	peer   *memLink
	name   string
	delay  time.Duration
	window int
	bits   int

	state     int // 0 out of service, 1 aligning, 2 in service
	broken    bool
	epoch     int // what was under way when it grows is lost
	sent      []memMessage
	unsent    []memMessage
	fsn       uint32 // of the last message sent
	acked     uint32 // the last one that the peer acknowledged
	bsn       uint32 // of the last message taken
	lost      bool   // the terminal failed: its numbers are gone
	emergency bool
	rpo       bool // the peer's level 3 is away
	lpo       bool
	waiting   []memMessage // received while the level 3 here was away
	drop      func(raw []byte) bool
}

type memMessage struct {
	fsn uint32
	pri uint8
	msu []byte
}

// connect makes a link of two ends between two linksets.
func (w *network) connect(a *testNode, la LinksetID, b *testNode, lb LinksetID, slc uint8) (*memLink, *memLink) {
	w.t.Helper()
	x := &memLink{net: w, node: a, delay: 5 * time.Millisecond, window: 1 << 30, bits: 24}
	y := &memLink{net: w, node: b, delay: 5 * time.Millisecond, window: 1 << 30, bits: 24}
	x.peer, y.peer = y, x
	var err error
	if x.id, err = a.AddLink(la, LinkConfig{SLC: slc, Link: x}); err != nil {
		w.t.Fatal(err)
	}
	if y.id, err = b.AddLink(lb, LinkConfig{SLC: slc, Link: y}); err != nil {
		w.t.Fatal(err)
	}
	x.name, y.name = fmt.Sprintf("%s/%d", a.cfg.Name, slc), fmt.Sprintf("%s/%d", b.cfg.Name, slc)
	return x, y
}

// linksets makes the linksets of two neighbours, and links of them.
func (w *network) linksets(a, b *testNode, links int) (la, lb LinksetID, ends []*memLink) {
	w.t.Helper()
	la, err := a.AddLinkset(LinksetConfig{Adjacent: b.pc})
	if err != nil {
		w.t.Fatal(err)
	}
	lb, err = b.AddLinkset(LinksetConfig{Adjacent: a.pc})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range links {
		x, _ := w.connect(a, la, b, lb, uint8(i))
		ends = append(ends, x)
	}
	return la, lb, ends
}

func (w *network) route(n *testNode, dest string, ls LinksetID, priority uint8) {
	w.t.Helper()
	d, err := n.f.ParseDestination(dest)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := n.AddRoute(w.now, Route{Destination: d, Linkset: ls, Priority: priority}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	n.take(out)
}

func (w *network) start() {
	for _, n := range w.nodes {
		n.take(n.Start(w.now, nil))
	}
}

func (l *memLink) up(k Indication) {
	l.node.take(l.node.HandleLink(l.net.now, l.id, []Indication{k}, nil))
}

func (l *memLink) Start(now time.Time, out []Indication) []Indication {
	if l.state != 0 {
		return out
	}
	l.state = 1
	l.sent, l.unsent, l.waiting = nil, nil, nil
	l.fsn, l.acked, l.bsn = 0xffffff, 0xffffff, 0xffffff
	l.lost = false
	l.epoch++
	l.align()
	return out
}

// align ends the alignment when both ends want it.
func (l *memLink) align() {
	if l.broken || l.state != 1 || l.peer.state != 1 {
		return
	}
	ex, ey := l.epoch, l.peer.epoch
	l.net.after(50*time.Millisecond, func() {
		if l.broken || l.epoch != ex || l.peer.epoch != ey || l.state != 1 || l.peer.state != 1 {
			return
		}
		l.state, l.peer.state = 2, 2
		l.up(Indication{Kind: InService})
		l.peer.up(Indication{Kind: InService})
	})
}

func (l *memLink) Stop(now time.Time, out []Indication) []Indication {
	if l.state == 2 { // the peer sees that we are out of service
		p, e := l.peer, l.peer.epoch
		l.net.after(l.delay, func() {
			if p.epoch == e {
				p.fail(ReceivedOutOfService)
			}
		})
	}
	l.state = 0
	l.epoch++
	return out
}

// fail ends service at this end.
func (l *memLink) fail(r LinkFailReason) {
	if l.state != 2 {
		return
	}
	l.state = 0
	l.epoch++
	l.up(Indication{Kind: OutOfService, Reason: r})
}

// cut breaks the line; each end sees it after its time.
func (l *memLink) cut(mine, theirs time.Duration) {
	l.broken, l.peer.broken = true, true
	l.epoch++
	l.peer.epoch++
	l.net.after(mine, func() { l.fail(AcknowledgementLate) })
	l.net.after(theirs, func() { l.peer.fail(AcknowledgementLate) })
}

func (l *memLink) restore() {
	l.broken, l.peer.broken = false, false
	l.align()
}

func (l *memLink) SetEmergency(now time.Time, out []Indication) []Indication {
	l.emergency = true
	return out
}
func (l *memLink) ClearEmergency(now time.Time, out []Indication) []Indication {
	l.emergency = false
	return out
}

func (l *memLink) LocalProcessorOutage(now time.Time, out []Indication) []Indication {
	l.lpo = true
	l.tellOutage(true)
	return out
}

func (l *memLink) LocalProcessorRecovered(now time.Time, out []Indication) []Indication {
	l.lpo = false
	l.tellOutage(false)
	return out
}

func (l *memLink) tellOutage(on bool) {
	p, e := l.peer, l.peer.epoch
	l.net.after(l.delay, func() {
		if p.epoch != e || p.state != 2 {
			return
		}
		p.rpo = on
		if on {
			p.up(Indication{Kind: RemoteProcessorOutage})
		} else {
			p.up(Indication{Kind: RemoteProcessorRecovered})
		}
	})
}

func (l *memLink) Send(now time.Time, priority uint8, msu []byte, out []Indication) []Indication {
	m := memMessage{pri: priority, msu: slices.Clone(msu)}
	if l.net.trace != nil {
		l.net.trace(l, m.msu)
	}
	l.unsent = append(l.unsent, m)
	l.pump()
	return out
}

// pump puts on the line what the window allows.
func (l *memLink) pump() {
	for len(l.unsent) > 0 && len(l.sent) < l.window && l.state == 2 && !l.rpo && !l.lpo {
		m := l.unsent[0]
		l.unsent = l.unsent[1:]
		l.fsn = (l.fsn + 1) & 0xffffff
		m.fsn = l.fsn
		l.sent = append(l.sent, m)
		if l.broken || l.drop != nil && l.drop(m.msu) {
			continue
		}
		e, pe := l.epoch, l.peer.epoch
		l.net.after(l.delay, func() {
			if l.epoch != e || l.peer.epoch != pe || l.peer.state != 2 {
				return
			}
			l.peer.take(m)
		})
	}
}

func (l *memLink) take(m memMessage) {
	if m.fsn != (l.bsn+1)&0xffffff { // a gap: the line was broken in between, and is about to be found out
		return
	}
	l.bsn = m.fsn
	p, e := l.peer, l.peer.epoch
	l.net.after(l.delay, func() {
		if p.epoch != e || p.state != 2 {
			return
		}
		for len(p.sent) > 0 && (p.sent[0].fsn-m.fsn)&0xffffff == 0 || len(p.sent) > 0 && (m.fsn-p.sent[0].fsn)&0xffffff < 1<<23 {
			p.sent = p.sent[1:]
		}
		p.acked = m.fsn
		p.pump()
	})
	l.up(Indication{Kind: Received, MSU: m.msu, Priority: m.pri})
}

func (l *memLink) RetrieveBSNT(now time.Time, out []Indication) []Indication {
	if l.lost {
		return append(out, Indication{Kind: BSNTNotRetrievable})
	}
	return append(out, Indication{Kind: BSNT, FSN: l.bsn})
}

func (l *memLink) Retrieve(now time.Time, fsnc uint32, out []Indication) []Indication {
	if (fsnc-l.acked)&0xffffff > (l.fsn-l.acked)&0xffffff {
		return append(out, Indication{Kind: RetrievalNotPossible})
	}
	for _, m := range l.sent {
		if d := (m.fsn - fsnc) & 0xffffff; d != 0 && d < 1<<23 {
			out = append(out, Indication{Kind: Retrieved, MSU: m.msu, Priority: m.pri})
		}
	}
	l.sent = nil
	return l.RetrieveUnsent(now, out)
}

func (l *memLink) RetrieveUnsent(now time.Time, out []Indication) []Indication {
	for _, m := range l.sent {
		out = append(out, Indication{Kind: Lost, MSU: m.msu, Priority: m.pri})
	}
	l.sent = nil
	for _, m := range l.unsent {
		out = append(out, Indication{Kind: Retrieved, MSU: m.msu, Priority: m.pri})
	}
	l.unsent = nil
	return append(out, Indication{Kind: RetrievalComplete})
}

func (l *memLink) FlushBuffers(now time.Time, out []Indication) []Indication {
	l.unsent = nil
	return out
}

func (l *memLink) Continue(now time.Time, out []Indication) []Indication {
	l.pump()
	return out
}

func (l *memLink) SequenceBits() int   { return l.bits }
func (l *memLink) Deadline() time.Time { return time.Time{} }
func (l *memLink) Expire(now time.Time, out []Indication) []Indication {
	return out
}

// flow checks that the messages of each (origin, destination, SLS) arrive once and in order.
type flow struct {
	sent map[flowKey]uint32
	got  map[flowKey]uint32
	lost, disordered,
	arrived int
}

type flowKey struct {
	opc, dpc PointCode
	sls      SLS
}

func newFlow() *flow { return &flow{sent: map[flowKey]uint32{}, got: map[flowKey]uint32{}} }

func (f *flow) send(n *testNode, dpc PointCode, sls SLS) {
	k := flowKey{n.pc, dpc, sls}
	f.sent[k]++
	n.send(dpc, sls, f.sent[k])
}

func (f *flow) take(m MSU) {
	k := flowKey{m.Label.OPC, m.Label.DPC, m.Label.SLS}
	number := binary.BigEndian.Uint32(m.Data)
	f.arrived++
	switch want := f.got[k] + 1; {
	case number == want:
		f.got[k] = number
	case number > want:
		f.lost += int(number - want)
		f.got[k] = number
	default:
		f.disordered++
	}
}

func (f *flow) missing() int {
	m := f.lost
	for k, s := range f.sent {
		m += int(s - f.got[k])
	}
	return m
}

// pair is two end points with one linkset between them, in service.
func pair(t testing.TB, links int, cfg Config) (*network, *testNode, *testNode, []*memLink) {
	w := newNetwork(t)
	cfg.PointCode = 2067
	a := w.node(cfg)
	cfg.PointCode = 8233
	b := w.node(cfg)
	_, _, ends := w.linksets(a, b, links)
	w.start()
	w.run(70 * time.Second)
	if s, _ := a.Status(b.pc); s != Available {
		t.Fatalf("b is %v from a: %v", s, a.changes)
	}
	return w, a, b, ends
}

func TestPair(t *testing.T) {
	w, a, b, _ := pair(t, 4, Config{})
	f := newFlow()
	b.transfers = f.take
	for i := range 160 {
		f.send(a, b.pc, SLS(i%16))
	}
	w.run(time.Second)
	if f.missing() != 0 || f.disordered != 0 || f.arrived != 160 {
		t.Errorf("%+v", f)
	}
	for _, l := range a.links {
		if l.stats.MSUsOut < 40 {
			t.Errorf("%s: %+v", l.name, l.stats)
		}
	}
}

// TestRandomCuts cuts and restores one to three of four links under load: nothing is lost, doubled or
// out of order within an SLS.
func TestRandomCuts(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for seed := range uint64(4) {
		randomCuts(t, seed, rounds)
	}
}

func randomCuts(t *testing.T, seed uint64, rounds int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	w, a, b, ends := pair(t, 4, Config{})
	fa, fb := newFlow(), newFlow()
	a.transfers, b.transfers = fb.take, fa.take
	for _, e := range ends {
		e.window, e.peer.window = 30, 30
	}
	traffic := true
	var tick func()
	tick = func() {
		for range 4 {
			fa.send(a, b.pc, SLS(r.IntN(16)))
			fb.send(b, a.pc, SLS(r.IntN(16)))
		}
		if traffic {
			w.after(time.Duration(1+r.IntN(8))*time.Millisecond, tick)
		}
	}
	tick()
	for range rounds {
		alive := -1 // one stays
		for _, i := range r.Perm(4) {
			if a.links[i].usable && b.links[i].usable {
				alive = i
			}
		}
		for i, e := range ends {
			if alive >= 0 && i != alive && r.IntN(2) == 0 && !e.broken {
				e.cut(time.Duration(r.IntN(60))*time.Millisecond, time.Duration(r.IntN(60))*time.Millisecond)
			}
		}
		w.run(time.Duration(r.IntN(3000)) * time.Millisecond)
		for _, e := range ends {
			if e.broken && r.IntN(4) > 0 {
				e.restore()
			}
		}
		w.run(time.Duration(r.IntN(3000)) * time.Millisecond)
	}
	for _, e := range ends {
		e.restore()
	}
	w.run(20 * time.Second)
	traffic = false
	w.run(20 * time.Second)
	for i, f := range []*flow{fa, fb} {
		if f.missing() != 0 || f.disordered != 0 {
			t.Errorf("seed %d direction %d: %d arrived, %d missing, %d out of order or doubled", seed, i, f.arrived, f.missing(), f.disordered)
		}
	}
	s := a.Stats()
	if s.Changeovers == 0 || s.Changebacks == 0 || s.Retrieved == 0 || s.Held != 0 {
		t.Errorf("seed %d: %+v", seed, s)
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("seed %d: %d arrived, %+v\n%v", seed, fa.arrived, s, nonZero(s.Reasons))
	}
}

func nonZero(r Reasons) map[string]uint64 {
	m := map[string]uint64{}
	for i, c := range r {
		if c > 0 {
			m[Reason(i).String()] = c
		}
	}
	return m
}
