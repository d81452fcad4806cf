package mtp3

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestTable compares the table with a search through all destinations.
func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, total := range []int{14, 16, 24} {
		for range 20 {
			dests := make([]Destination, 1+r.IntN(300))
			for i := range dests {
				dests[i] = Destination{PC: PointCode(r.IntN(1 << total)), Wild: uint8(r.IntN(total + 1))}.Canonical()
				if r.IntN(3) == 0 {
					dests[i].Wild = 0
				}
			}
			tab := buildTable(dests, nil)
			find := func(pc PointCode) int {
				best := -1
				for i, d := range dests {
					if d.Contains(pc) && (best < 0 || d.Wild <= dests[best].Wild) {
						best = i
					}
				}
				return best
			}
			for range 2000 {
				pc := PointCode(r.IntN(1 << total))
				if r.IntN(2) == 0 {
					pc = dests[r.IntN(len(dests))].PC
				}
				if got, want := tab.lookup(pc), find(pc); got != want {
					t.Fatalf("%d bits: %d finds %d, want %d of %v", total, pc, got, want, dests)
				}
			}
			pc := PointCode(r.IntN(1 << total))
			was, near := tab.lookup(pc), tab.lookup(pc^1)
			changed := tab.set(pc, 4711)
			if changed.lookup(pc) != 4711 || changed.lookup(pc^1) != near || tab.lookup(pc) != was {
				t.Fatal("set changes something else")
			}
		}
	}
}

func TestTableNesting(t *testing.T) {
	var dests []Destination
	for _, s := range []string{"4.5.6", "4.5.0/11", "4.0.0/3", "0.0.0/0", "1.2.3"} {
		d, err := Format{}.ParseDestination(s)
		if err != nil {
			t.Fatal(err)
		}
		dests = append(dests, d)
	}
	within := map[int]int{}
	buildTable(dests, func(i, w int) { within[i] = w })
	if got := fmt.Sprint(within); got != "map[0:1 1:2 2:3 3:-1 4:3]" {
		t.Error(got)
	}
}

func TestSpread(t *testing.T) {
	usable := []bool{true, true, true, true}
	cur := make([]int16, 16)
	for i := range cur {
		cur[i] = -1
	}
	count := func() (c [4]int) {
		for _, x := range cur {
			c[x]++
		}
		return c
	}
	share := func() {
		spread(cur, 4, func(s int) int { return s % 4 }, func(c int) bool { return usable[c] })
	}
	share()
	if count() != [4]int{4, 4, 4, 4} {
		t.Errorf("all: %v", cur)
	}
	before := append([]int16(nil), cur...)
	usable[2] = false
	share()
	for s := range cur {
		if before[s] != 2 && cur[s] != before[s] {
			t.Errorf("SLS %d moved from %d to %d though its link is there", s, before[s], cur[s])
		}
	}
	if c := count(); c[2] != 0 || c[0] < 5 || c[1] < 5 || c[3] < 5 {
		t.Errorf("one of four failed: %v", c)
	}
	usable[2] = true
	share()
	if fmt.Sprint(cur) != fmt.Sprint(before) {
		t.Errorf("back: %v, want %v", cur, before)
	}
}

func TestSlots(t *testing.T) {
	for _, n := range []int{16, 32, 256} {
		for rotate := range uint8(4) {
			seen := map[int]bool{}
			for s := range n {
				seen[slotOf(SLS(s), rotate, n)] = true
			}
			if len(seen) != n {
				t.Errorf("%d values rotated by %d fill %d slots", n, rotate, len(seen))
			}
		}
	}
	if slotOf(1, 1, 16) != 8 || slotOf(6, 1, 16) != 3 {
		t.Error("not to the right")
	}
}

// manyRoutes is a node with n masked routes over two linksets and an owner, all available.
func manyRoutes(t testing.TB, n int) *testNode {
	w := newNetwork(t)
	f := Format{Variant: ANSI}
	a := w.node(Config{PointCode: 0x010101, Format: f, Transfer: true, NoRestart: true})
	b := w.node(Config{PointCode: 0x020202, Format: f, NoRestart: true})
	c := w.node(Config{PointCode: 0x030303, Format: f, NoRestart: true})
	ab, _, _ := w.linksets(a, b, 4)
	ac, _, _ := w.linksets(a, c, 4)
	o, err := a.AddOwner(OwnerConfig{Name: "AS"})
	if err != nil {
		t.Fatal(err)
	}
	a.take(a.SetOwner(w.now, o, Available, nil))
	for i := range n {
		d := Destination{PC: PointCode(0x100000 + i*97), Wild: uint8(i % 6)}
		if d = d.Canonical(); a.exact[d] != nil {
			continue
		}
		for _, r := range []Route{{Destination: d, Linkset: ab}, {Destination: d, Linkset: ac}, {Destination: d, Owner: o, Priority: 1}} {
			if i%3 == 0 && r.Owner == 0 {
				continue
			}
			out, err := a.AddRoute(w.now, r, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.take(out)
		}
	}
	w.start()
	w.run(10 * time.Second)
	return a
}

func TestRouterAgrees(t *testing.T) {
	a := manyRoutes(t, 500)
	kinds := map[HopKind]int{}
	for i := range 4000 {
		pc := PointCode(0x100000 + i*13)
		sls := SLS(i * 7)
		h := a.Router().Route(pc, sls)
		kinds[h.Kind]++
		rs := a.lookup(pc)
		switch {
		case rs == nil:
			if h.Kind != NoHop || h.Reason != UnknownDestination {
				t.Fatalf("%d: %+v", pc, h)
			}
		case rs.routeOf(int(sls)).owner != nil:
			if h.Kind != OwnerHop || h.Owner != rs.routeOf(int(sls)).owner.id {
				t.Fatalf("%d: %+v", pc, h)
			}
		default:
			ls := rs.routeOf(int(sls)).ls
			if h.Kind != LinkHop || h.Linkset != ls.id || h.Link != ls.cur[ls.slot(sls)].id {
				t.Fatalf("%d: %+v", pc, h)
			}
		}
	}
	if kinds[NoHop] == 0 || kinds[LinkHop] == 0 || kinds[OwnerHop] == 0 {
		t.Errorf("%v", kinds)
	}
	if h := a.Router().Route(0x010101, 0); h.Kind != LocalHop {
		t.Errorf("itself: %+v", h)
	}
}

// TestRouterConcurrent reads the snapshot while the table changes; the race detector is the judge.
func TestRouterConcurrent(t *testing.T) {
	a := manyRoutes(t, 50)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					a.Router().Transit(PointCode(0x100000+i%5000), SLS(i))
				}
			}
		})
	}
	for i := range 200 {
		state := Unavailable
		if i%2 == 0 {
			state = Available
		}
		a.take(a.SetOwner(a.net.now, 1, state, nil))
	}
	close(stop)
	wg.Wait()
	if a.Router().Reasons()[UnknownDestination] == 0 {
		t.Error("nothing was counted")
	}
}

func BenchmarkRoute(b *testing.B) {
	a := manyRoutes(b, 10000)
	pcs := make([]PointCode, 4096)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range pcs {
		pcs[i] = PointCode(0x100000 + r.IntN(10000)*97)
	}
	router := a.Router()
	b.ReportAllocs()
	b.ResetTimer()
	n := 0
	for i := range b.N {
		if router.Transit(pcs[i&4095], SLS(i)).Kind != NoHop {
			n++
		}
	}
	if n != b.N {
		b.Errorf("%d of %d found a way", n, b.N)
	}
}

// BenchmarkTransit is what a transfer point does for a message between two owners: parse, route, append.
func BenchmarkTransit(b *testing.B) {
	a := manyRoutes(b, 10000)
	f := a.Format()
	wire := f.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: 0x100000 + 3*97, OPC: 0x0a0a0a, SLS: 9}, Data: make([]byte, 80)})
	router := a.Router()
	out := make([]byte, 0, 300)
	b.ReportAllocs()
	for b.Loop() {
		m, err := f.ParseMSU(wire)
		if err != nil {
			b.Fatal(err)
		}
		if router.Transit(m.Label.DPC, m.Label.SLS).Kind == NoHop {
			b.Fatal("no way")
		}
		out = f.AppendMSU(out[:0], m)
	}
}

// nullLink is a level 2 that is in service and forgets what it is given.
type nullLink struct{ memLink }

func (l *nullLink) Start(_ time.Time, out []Indication) []Indication {
	return append(out, Indication{Kind: InService})
}
func (l *nullLink) Send(_ time.Time, _ uint8, _ []byte, out []Indication) []Indication { return out }
func (l *nullLink) SequenceBits() int                                                  { return 24 }

// BenchmarkNodeTransfer is a message from one link to another within the node's loop.
func BenchmarkNodeTransfer(b *testing.B) {
	w := newNetwork(b)
	n := w.node(Config{PointCode: 1, Transfer: true, NoRestart: true, NoLinkTest: true})
	var ids []LinkID
	for _, pc := range []PointCode{2, 3} {
		ls, err := n.AddLinkset(LinksetConfig{Adjacent: pc})
		if err != nil {
			b.Fatal(err)
		}
		id, err := n.AddLink(ls, LinkConfig{Link: &nullLink{}})
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, id)
	}
	w.start()
	raw := n.f.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: 3, OPC: 2, SLS: 9}, Data: make([]byte, 80)})
	in := []Indication{{Kind: Received, MSU: raw}}
	var out []Output
	b.ReportAllocs()
	for b.Loop() {
		out = n.HandleLink(w.now, ids[0], in, out[:0])
	}
	if n.Stats().Transferred == 0 {
		b.Error("nothing was transferred")
	}
}
