package mtp3

import (
	"testing"
	"time"
)

// hears gives a the management message m of its neighbour b, about a link where it is about one.
func hears(a, b *testNode, m SNMessage) {
	raw, err := a.f.AppendSNMessage(b.managementHeader(nil, m.SI, a.pc, b.pc, m.SLC), m)
	if err != nil {
		a.net.t.Fatal(err)
	}
	for i, l := range a.links {
		if l.ls.adjacent == b.pc && l.up {
			a.take(a.HandleLink(a.net.now, LinkID(i+1), []Indication{{Kind: Received, MSU: raw}}, nil))
			return
		}
	}
	a.net.t.Fatal("no link to hear it on")
}

func (n *testNode) management(h Heading) (received, sent uint64) { return n.ManagementCount(SNM, h) }

// drops has both ends of a link lose messages of some headings.
func (l *memLink) drops(hs ...Heading) {
	f := func(raw []byte) bool {
		for _, h := range hs {
			if raw[0]&15 == byte(SNM) && raw[5] == byte(h) {
				return true
			}
		}
		return false
	}
	l.drop, l.peer.drop = f, f
}

// whole checks that everything arrived.
func (f *flow) whole(t *testing.T) {
	t.Helper()
	if f.missing() != 0 || f.disordered != 0 || f.arrived == 0 {
		t.Errorf("%d arrived, %d missing, %d out of order", f.arrived, f.missing(), f.disordered)
	}
}

var q782Procedures = []q782Case{
	{"1", "the first link of a set aligns as an emergency, the others normally", func(t *testing.T) {
		w := newNetwork(t)
		a, b := w.node(Config{PointCode: 1, NoRestart: true}), w.node(Config{PointCode: 2, NoRestart: true})
		_, _, ends := w.linksets(a, b, 2)
		a.take(a.Activate(w.now, 1, nil))
		b.take(b.Activate(w.now, 1, nil))
		if !ends[0].emergency {
			t.Error("the first is no emergency")
		}
		w.run(5 * time.Second)
		a.take(a.Activate(w.now, 2, nil))
		b.take(b.Activate(w.now, 2, nil))
		if ends[1].emergency {
			t.Error("the second is an emergency")
		}
		w.run(5 * time.Second)
		if a.changed(LinkAvailable) != 2 {
			t.Errorf("%v", a.changes)
		}
	}},
	{"1", "a link that cannot be activated is tried again after T17", func(t *testing.T) {
		w := newNetwork(t)
		a := w.node(Config{PointCode: 1, NoRestart: true})
		b := w.node(Config{PointCode: 2, NoRestart: true})
		_, _, ends := w.linksets(a, b, 1)
		w.start()
		ends[0].state = 0
		ends[0].up(Indication{Kind: OutOfService, Reason: AlignmentNotPossible})
		w.run(time.Second)
		if ends[0].state != 0 {
			t.Error("tried before T17")
		}
		w.run(5 * time.Second)
		if a.changed(LinkAvailable) != 1 {
			t.Errorf("%v", a.changes)
		}
	}},
	{"2", "load sharing between two link sets, both available and one not", func(t *testing.T) {
		w, a, b, c, ab, _, _ := triangle(t)
		w.route(a, "9", 1, 3)
		w.route(a, "9", 2, 3)
		w.run(2 * time.Second)
		count := func() (n [3]int) {
			for s := range SLS(16) {
				if h := a.Router().Route(9, s); h.Kind == LinkHop {
					n[h.Linkset]++
				}
			}
			return n
		}
		if n := count(); n[1] != 8 || n[2] != 8 {
			t.Errorf("shared %v", n)
		}
		for _, l := range ab {
			l.cut(0, 0)
		}
		w.run(5 * time.Second)
		if n := count(); n[1] != 0 || n[2] != 16 {
			t.Errorf("shared %v without the first", n)
		}
		for _, l := range ab {
			l.restore()
		}
		w.run(90 * time.Second)
		if n := count(); n[1] != 8 || n[2] != 8 {
			t.Errorf("shared %v with both again", n)
		}
		_, _ = b, c
	}},
	{"2", "a message for another point is transferred as it came", func(t *testing.T) {
		w, a, b, c, _, _, _ := triangle(t)
		m := MSU{NI: National, SI: ISUP, Priority: 2, Label: Label{DPC: c.pc, OPC: 77, SLS: 11}, Data: []byte{1, 2, 3}}
		a.take(a.HandleLink(w.now, 1, []Indication{{Kind: Received, Priority: 1, MSU: a.f.AppendMSU(nil, m)}}, nil))
		w.run(time.Second)
		if len(c.got) != 1 || string(a.f.AppendMSU(nil, c.got[0])) != string(a.f.AppendMSU(nil, m)) {
			t.Errorf("%+v", c.got)
		}
		_ = b
	}},
	{"2", "without the transfer function nothing is transferred", func(t *testing.T) {
		w, a, b, ends := pair(t, 1, Config{})
		ends[0].up(Indication{Kind: Received, MSU: a.f.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: b.pc, OPC: 5}})})
		w.run(time.Second)
		if a.Stats().Reasons[NotForUs] != 1 || len(b.got) != 0 {
			t.Errorf("%v", nonZero(a.Stats().Reasons))
		}
	}},
	{"3", "changeover begun at one side: order and acknowledgement, messages retrieved", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		f := newFlow()
		b.transfers = f.take
		ends[0].window = 3
		for i := range 40 {
			f.send(a, b.pc, SLS(i%16))
		}
		ends[0].cut(0, time.Hour) // only a sees it
		w.run(5 * time.Second)
		_, orders := a.management(XCO)
		_, acks := b.management(XCA)
		if _, back := b.management(XCO); orders != 1 || acks != 1 || back != 0 || a.Stats().Retrieved == 0 {
			t.Errorf("%d orders, %d acknowledgements, %d orders back, %d retrieved", orders, acks, back, a.Stats().Retrieved)
		}
		f.whole(t)
	}},
	{"3", "changeover begun at both sides at the same time", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		fa, fb := newFlow(), newFlow()
		a.transfers, b.transfers = fb.take, fa.take
		for i := range 40 {
			fa.send(a, b.pc, SLS(i%16))
			fb.send(b, a.pc, SLS(i%16))
		}
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		if _, x := a.management(XCO); x != 1 {
			t.Errorf("%d orders of a", x)
		}
		if _, x := b.management(XCO); x != 1 {
			t.Errorf("%d orders of b", x)
		}
		fa.whole(t)
		fb.whole(t)
	}},
	{"3", "changeover to several links", func(t *testing.T) {
		w, a, b, ends := pair(t, 4, Config{})
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		used := map[LinkID]int{}
		for s := range SLS(16) {
			used[a.Router().Route(b.pc, s).Link]++
		}
		if len(used) != 3 || used[1] != 0 || used[2] > 6 || used[3] > 6 || used[4] > 6 {
			t.Errorf("%v", used)
		}
	}},
	{"3", "two links fail at once", func(t *testing.T) {
		w, a, b, ends := pair(t, 3, Config{})
		f := newFlow()
		b.transfers = f.take
		for i := range 60 {
			f.send(a, b.pc, SLS(i%16))
		}
		ends[0].cut(0, 3*time.Millisecond)
		ends[1].cut(2*time.Millisecond, 0)
		for i := range 60 {
			f.send(a, b.pc, SLS(i%16))
		}
		w.run(5 * time.Second)
		if a.changed(ChangeoverDone) != 2 {
			t.Errorf("%v", a.changes)
		}
		f.whole(t)
	}},
	{"3", "the link that the order went over fails as well", func(t *testing.T) {
		w, a, b, ends := pair(t, 3, Config{})
		f := newFlow()
		b.transfers = f.take
		ends[1].broken, ends[1].peer.broken = true, true // nobody has noticed
		for i := range 60 {
			f.send(a, b.pc, SLS(i%16))
		}
		ends[0].cut(0, 0)
		w.run(300 * time.Millisecond)
		ends[1].cut(0, 0)
		w.run(5 * time.Second)
		f.whole(t)
	}},
	{"3", "two failed terminals: emergency orders both ways", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		f := newFlow()
		b.transfers = f.take
		ends[0].lost, ends[0].peer.lost = true, true
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		if _, x := a.management(ECO); x != 1 {
			t.Errorf("%d emergency orders of a", x)
		}
		if _, x := b.management(ECO); x != 1 {
			t.Errorf("%d emergency orders of b", x)
		}
		for i := range 16 {
			f.send(a, b.pc, SLS(i))
		}
		w.run(time.Second)
		f.whole(t)
	}},
	{"3", "an unreasonable sequence number: only what was never sent is diverted", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		ends[0].window = 2
		for i := range 16 {
			a.send(b.pc, 0, uint32(i))
		}
		ends[0].cut(0, time.Hour)
		hears(a, b, SNMessage{Heading: XCO, FSN: 0x700000})
		w.run(5 * time.Second)
		if s := a.Stats(); s.Reasons[LostWithLink] != 2 || len(b.got) != 14 {
			t.Errorf("%d lost, %d arrived", s.Reasons[LostWithLink], len(b.got))
		}
	}},
	{"3", "an order about a link that is not in use is acknowledged", func(t *testing.T) {
		w, a, b, _ := pair(t, 2, Config{})
		a.take(a.Deactivate(w.now, 1, nil))
		w.run(5 * time.Second)
		_, before := a.management(ECA)
		hears(a, b, SNMessage{Heading: XCO, FSN: 0})
		if _, x := a.management(ECA); x != before+1 {
			t.Errorf("%d acknowledgements", x-before)
		}
	}},
	{"3", "an order that waited in a failed link for its link to serve again is not sent any more", func(t *testing.T) {
		w, a, b, ends := pair(t, 3, Config{})
		ends[1].window = 0 // the peer is busy: what a sends over it waits
		ends[2].drops(XCO, XCA, ECO, ECA)
		ends[0].cut(0, time.Hour)
		w.run(5 * time.Second) // T2
		ends[0].restore()
		ends[0].peer.fail(AcknowledgementLate)
		w.run(10 * time.Second)
		failures := a.links[0].stats.Failures
		ends[1].cut(0, 0)
		ends[2].drop, ends[2].peer.drop = nil, nil
		w.run(10 * time.Second)
		if a.links[0].stats.Failures != failures || !a.links[0].usable || !b.links[0].usable {
			t.Errorf("%d failures, was %d", a.links[0].stats.Failures, failures)
		}
	}},
	{"3", "an order about a link that is inhibited is acknowledged with the number of the last message", func(t *testing.T) {
		w, a, b, _ := pair(t, 2, Config{})
		a.take(a.Inhibit(w.now, 1, nil))
		w.run(5 * time.Second)
		hears(a, b, SNMessage{Heading: XCO, FSN: 0})
		_, with := a.management(XCA)
		if _, without := a.management(ECA); with != 1 || without != 0 || a.links[0].up {
			t.Errorf("%d XCA, %d ECA, %v", with, without, a.changes)
		}
	}},
	{"3", "an acknowledgement that waited in a failed link still counts while its link aligns, and not once it serves", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		if b.links[0].co != nil || !b.links[0].starting {
			t.Fatal("b does not align")
		}
		raw, err := b.f.AppendSNMessage(b.managementHeader(nil, SNM, a.pc, b.pc, 0), SNMessage{Heading: XCA, FSN: b.links[0].bsnt})
		if err != nil {
			t.Fatal(err)
		}
		m, err := b.f.ParseMSU(raw)
		if err != nil || !b.timely(&m) {
			t.Errorf("forgotten: %v", err)
		}
		ends[0].restore()
		w.run(5 * time.Second)
		if !b.links[0].up || b.timely(&m) {
			t.Error("still sent")
		}
	}},
	{"4", "changeback, messages in order", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		f := newFlow()
		b.transfers = f.take
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		ends[1].delay = 40 * time.Millisecond
		ends[1].peer.delay = 40 * time.Millisecond
		ends[0].restore()
		for range 200 {
			for s := range SLS(16) {
				f.send(a, b.pc, s)
			}
			w.run(5 * time.Millisecond)
		}
		w.run(5 * time.Second)
		if a.changed(ChangebackDone) != 1 || a.Router().Route(b.pc, 0).Link != 1 {
			t.Errorf("%v", a.changes)
		}
		f.whole(t)
	}},
	{"4", "a declaration that is repeated is acknowledged again, an acknowledgement alone is ignored", func(t *testing.T) {
		_, a, b, _ := pair(t, 2, Config{})
		hears(a, b, SNMessage{Heading: CBD, Code: 9})
		hears(a, b, SNMessage{Heading: CBD, Code: 9})
		if _, x := a.management(CBA); x != 2 {
			t.Errorf("%d acknowledgements", x)
		}
		before := a.Stats().Reasons[UnexpectedManagement]
		hears(a, b, SNMessage{Heading: CBA, Code: 9})
		if a.Stats().Reasons[UnexpectedManagement] != before+1 {
			t.Error("the acknowledgement was taken")
		}
	}},
	{"4", "the alternative link fails during changeback", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		f := newFlow()
		b.transfers = f.take
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		ends[1].drops(CBD, CBA)
		ends[0].drops(CBA)
		ends[0].restore()
		w.run(time.Second)
		for i := range 32 {
			f.send(a, b.pc, SLS(i%16))
		}
		ends[1].cut(0, 0)
		w.run(5 * time.Second)
		f.whole(t)
	}},
	{"5", "forced rerouting to an alternative, at once and in order", func(t *testing.T) {
		w, a, b, c, _, _, _ := triangle(t)
		d := w.node(Config{PointCode: 9, NoRestart: true})
		f := newFlow()
		d.transfers = f.take
		w.linksets(d, b, 2)
		w.linksets(d, c, 2)
		w.route(a, "9", 2, 1)
		w.route(a, "9", 1, 2)
		for _, n := range w.nodes {
			n.take(n.Start(w.now, nil))
		}
		w.run(2 * time.Minute)
		for i := range 600 {
			f.send(a, 9, SLS(i%16))
			if i == 300 {
				hears(a, c, SNMessage{Heading: TFP, Destination: 9})
				if h := a.Router().Route(9, 0); h.Linkset != 1 {
					t.Errorf("%+v", h)
				}
			}
			w.run(2 * time.Millisecond)
		}
		w.run(time.Second)
		f.whole(t)
	}},
	{"5", "forced rerouting without an alternative: MTP-PAUSE, and TFP to the neighbours", func(t *testing.T) {
		w, a, b, c, _, _, _ := triangle(t)
		w.route(a, "9", 2, 1)
		_, before := a.management(TFP)
		a.forget()
		hears(a, c, SNMessage{Heading: TFP, Destination: 9})
		if len(a.prims) != 1 || a.prims[0].Kind != PausePrimitive || a.prims[0].Affected.PC != 9 {
			t.Errorf("%+v", a.prims)
		}
		if _, x := a.management(TFP); x != before+2 { // to all adjacent transfer points
			t.Errorf("%d TFP", x-before)
		}
		a.send(9, 1, 1)
		if a.Stats().Reasons[DestinationUnavailable] != 1 {
			t.Errorf("%v", nonZero(a.Stats().Reasons))
		}
		w.run(time.Second)
		_ = b
	}},
	{"6", "controlled rerouting on TFR", func(t *testing.T) {
		w, a, b, c, _, _, _ := triangle(t)
		w.route(a, "9", 2, 1)
		w.route(a, "9", 1, 1)
		w.run(2 * time.Second)
		before := a.Router().Route(9, 0).Linkset
		from := map[LinksetID]*testNode{1: b, 2: c}[before]
		hears(a, from, SNMessage{Heading: TFR, Destination: 9})
		if h := a.Router().Route(9, 0); h.Kind != NodeHop {
			t.Errorf("not withheld: %+v", h)
		}
		w.run(time.Second)
		if h := a.Router().Route(9, 0); h.Linkset == before || h.Linkset == 0 {
			t.Errorf("%+v", h)
		}
	}},
	{"6", "what is withheld for T6 follows in order", func(t *testing.T) {
		w, a, _, c, _, ac, _ := triangle(t)
		f := newFlow()
		c.transfers = f.take
		for _, l := range ac {
			l.cut(0, 0)
		}
		w.run(5 * time.Second)
		for _, l := range ac {
			l.restore()
		}
		for range 20_000 / 16 {
			for s := range SLS(16) {
				f.send(a, c.pc, s)
			}
			w.run(50 * time.Millisecond)
		}
		w.run(5 * time.Second)
		if h := a.Router().Route(c.pc, 0); h.Linkset != 2 {
			t.Errorf("%+v", h)
		}
		f.whole(t)
	}},
	{"7", "inhibiting is denied by the other end", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		ends[1].peer.up(Indication{Kind: RemoteProcessorOutage}) // b has one link left, a does not know
		a.take(a.Inhibit(w.now, 1, nil))
		w.run(10 * time.Second)
		if _, x := b.management(LID); x != 1 || a.changed(InhibitDenied) != 1 || !a.links[0].usable {
			t.Errorf("%d LID, %v", x, a.changes)
		}
	}},
	{"7", "inhibiting without an answer: LIN again after T14, then given up", func(t *testing.T) {
		w, a, _, ends := pair(t, 2, Config{})
		ends[0].drops(LIN, LIA)
		ends[1].drops(LIN, LIA)
		a.take(a.Inhibit(w.now, 1, nil))
		w.run(10 * time.Second)
		if _, x := a.management(LIN); x != 2 || a.changed(InhibitDenied) != 1 || a.links[0].linh {
			t.Errorf("%d LIN, %v", x, a.changes)
		}
	}},
	{"7", "uninhibiting without an answer: LUN again after T12, then given up", func(t *testing.T) {
		w, a, _, ends := pair(t, 2, Config{})
		a.take(a.Inhibit(w.now, 1, nil))
		w.run(5 * time.Second)
		ends[0].drops(LUN, LUA)
		ends[1].drops(LUN, LUA)
		a.take(a.Uninhibit(w.now, 1, nil))
		w.run(5 * time.Second)
		if _, x := a.management(LUN); x != 2 || a.changed(UninhibitFailed) != 1 || !a.links[0].linh {
			t.Errorf("%d LUN, %v", x, a.changes)
		}
	}},
	{"7", "the other end takes an inhibition back by force", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		b.take(b.Inhibit(w.now, 1, nil))
		w.run(5 * time.Second)
		ends[1].cut(0, 0)
		w.run(10 * time.Second)
		_, forced := a.management(LFU)
		_, taken := b.management(LUN)
		if forced+taken == 0 || !a.links[0].usable || b.links[0].linh {
			t.Errorf("%d LFU, %d LUN", forced, taken)
		}
	}},
	{"7", "tests of an inhibition that only one end knows of", func(t *testing.T) {
		w, a, b, _ := pair(t, 2, Config{})
		hears(a, b, SNMessage{Heading: LLT}) // b thinks that it has inhibited the link; a does not know
		if _, x := a.management(LFU); x != 1 {
			t.Errorf("%d LFU", x)
		}
		w.run(5 * time.Second)
		hears(a, b, SNMessage{Heading: LRT, SLC: 1}) // b thinks that a has
		if _, x := a.management(LUN); x == 0 {
			t.Error("no LUN")
		}
		w.run(5 * time.Second)
		if !a.links[0].usable || !a.links[1].usable {
			t.Errorf("%v", a.changes)
		}
	}},
	{"7", "an inhibited link stays so over a failure", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		a.take(a.Inhibit(w.now, 1, nil))
		w.run(5 * time.Second)
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		ends[0].restore()
		w.run(10 * time.Second)
		if !a.links[0].up || a.links[0].usable || b.links[0].usable || !a.links[0].linh {
			t.Errorf("%v", a.changes)
		}
	}},
	{"8", "TFC with priorities: congestion, test with RCT after T15, abatement after T16", func(t *testing.T) {
		w, a, _, c, _, _, _ := triangle(t)
		a.cfg.Congestion = CongestionPriorities
		a.forget()
		hears(a, c, SNMessage{Heading: TFC, Destination: c.pc, Status: 2})
		if _, level := a.Status(c.pc); level != 2 || len(a.prims) != 1 || a.prims[0].Status != (Status{Cause: Congested, Level: 2}) {
			t.Fatalf("level %d, %+v", level, a.prims)
		}
		a.take(a.Transfer(w.now, MSU{SI: ISUP, Priority: 1, Label: Label{DPC: c.pc}}, nil))
		if a.Stats().Reasons[CongestedDestination] != 1 {
			t.Errorf("%v", nonZero(a.Stats().Reasons))
		}
		w.run(2600 * time.Millisecond)
		if _, x := a.management(RCT); x != 1 {
			t.Errorf("%d RCT after T15", x)
		}
		w.run(10 * time.Second)
		if _, level := a.Status(c.pc); level != 0 || a.prims[len(a.prims)-1].Status.Level != 0 {
			t.Errorf("level %d, %+v", level, a.prims)
		}
	}},
	{"8", "user part unequipped", func(t *testing.T) {
		w, a, b, _ := pair(t, 1, Config{})
		a.SetUser(TUP, true)
		a.forget()
		a.take(a.Transfer(w.now, MSU{SI: TUP, Label: Label{DPC: b.pc}}, nil))
		w.run(time.Second)
		if len(a.prims) != 1 || a.prims[0].Status != (Status{Cause: UserUnequipped, SI: TUP}) {
			t.Errorf("%+v", a.prims)
		}
	}},
	{"9", "TFP and TFA are broadcast", func(t *testing.T) {
		w, a, _, c, _, _, _ := triangle(t)
		w.route(a, "9", 2, 1)
		_, p0 := a.management(TFP)
		_, a0 := a.management(TFA)
		hears(a, c, SNMessage{Heading: TFP, Destination: 9})
		w.run(time.Second)
		hears(a, c, SNMessage{Heading: TFA, Destination: 9})
		w.run(time.Second)
		_, p1 := a.management(TFP)
		if _, a1 := a.management(TFA); p1 != p0+2 || a1 != a0+1 { // TFP to all, TFA not to where the way leads
			t.Errorf("%d TFP, %d TFA", p1-p0, a1-a0)
		}
	}},
	{"9", "route set test every T10 until TFA", func(t *testing.T) {
		w, a, _, c, _, _, _ := triangle(t)
		w.route(a, "9", 2, 1)
		hears(a, c, SNMessage{Heading: TFP, Destination: 9})
		_, before := a.management(RST)
		w.run(140 * time.Second) // c has no route to 9, and says nothing
		if _, x := a.management(RST); x != before+3 {
			t.Errorf("%d RST in three times T10", x-before)
		}
		hears(a, c, SNMessage{Heading: TFA, Destination: 9})
		_, before = a.management(RST)
		w.run(140 * time.Second)
		if _, x := a.management(RST); x != before {
			t.Errorf("%d RST after TFA", x-before)
		}
	}},
	{"9", "management of a route from a point that is not adjacent is ignored", func(t *testing.T) {
		w, a, b, _, _, _, _ := triangle(t)
		w.route(a, "9", 2, 1)
		raw, err := a.f.AppendSNMessage(a.managementHeader(nil, SNM, a.pc, 55, 0), SNMessage{Heading: TFP, Destination: 9})
		if err != nil {
			t.Fatal(err)
		}
		before := a.Stats().Reasons[NotAdjacent]
		a.take(a.HandleLink(w.now, 1, []Indication{{Kind: Received, MSU: raw}}, nil))
		if s, _ := a.Status(9); s != Available || a.Stats().Reasons[NotAdjacent] != before+1 {
			t.Errorf("9 is %v, %v", s, nonZero(a.Stats().Reasons))
		}
		_ = b
	}},
	{"10", "restart of a transfer point ends with the last TRA", func(t *testing.T) {
		w, a, b, c, ab, ac, _ := triangle(t)
		for _, l := range append(ab[:len(ab):len(ab)], ac...) {
			l.cut(0, 0)
		}
		w.run(10 * time.Second)
		for _, l := range append(ab[:len(ab):len(ab)], ac...) {
			l.restore()
		}
		a.forget()
		w.run(8 * time.Second)
		if a.changed(RestartBegan) != 1 || a.changed(RestartEnded) != 1 { // well before T18 and T20
			t.Errorf("%v", a.changes)
		}
		if x, _ := a.management(TRA); x == 0 {
			t.Error("no TRA came")
		}
		for _, n := range []*testNode{b, c} {
			if s, _ := n.Status(a.pc); s != Available {
				t.Errorf("a is %v from %d", s, n.pc)
			}
		}
	}},
	{"10", "messages for others during the restart are discarded", func(t *testing.T) {
		w, a, b, _, ab, ac, _ := triangle(t)
		for _, l := range append(ab[:len(ab):len(ab)], ac...) {
			l.drops(TRA)
			l.cut(0, 0)
		}
		w.run(10 * time.Second)
		for _, l := range append(ab[:len(ab):len(ab)], ac...) {
			l.restore()
		}
		w.run(5 * time.Second)
		before := a.Stats().Reasons[Restarting]
		raw := a.f.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: 3, OPC: b.pc}})
		a.take(a.HandleLink(w.now, 1, []Indication{{Kind: Received, MSU: raw}}, nil))
		if a.Stats().Reasons[Restarting] != before+1 {
			t.Errorf("%v", nonZero(a.Stats().Reasons))
		}
		w.run(90 * time.Second) // T20
		if a.changed(RestartEnded) == 0 {
			t.Errorf("%v", a.changes)
		}
	}},
	{"10", "an unexpected TRA is answered once in T19", func(t *testing.T) {
		w, a, b, _ := pair(t, 1, Config{})
		w.run(2 * time.Minute)
		_, before := a.management(TRA)
		hears(a, b, SNMessage{Heading: TRA})
		hears(a, b, SNMessage{Heading: TRA})
		if _, x := a.management(TRA); x != before+1 {
			t.Errorf("%d TRA", x-before)
		}
	}},
	{"11", "traffic of all user parts on all links, both ways and through a transfer point", func(t *testing.T) {
		w, a, b, c, _, _, _ := triangle(t)
		f := newFlow()
		for _, n := range w.nodes {
			n.transfers = f.take
		}
		hours := 200
		if testing.Short() {
			hours = 20
		}
		d := w.node(Config{PointCode: 9, NoRestart: true})
		d.transfers = f.take
		dA, aD, _ := w.linksets(d, a, 4)
		_ = aD
		w.route(d, "2", dA, 1)
		w.route(d, "3", dA, 1)
		w.route(b, "9", 1, 1)
		w.route(c, "9", 1, 1)
		d.take(d.Start(w.now, nil))
		a.take(a.Start(w.now, nil))
		w.run(2 * time.Minute)
		for range hours {
			for s := range SLS(16) {
				for _, x := range [][2]*testNode{{a, b}, {b, a}, {b, c}, {c, a}, {d, b}, {c, d}, {d, a}} {
					f.send(x[0], x[1].pc, s)
				}
			}
			w.run(10 * time.Millisecond)
		}
		w.run(time.Second)
		f.whole(t)
		if f.arrived != hours*16*7 {
			t.Errorf("%d arrived", f.arrived)
		}
		for _, n := range w.nodes {
			for _, l := range n.links {
				if l.stats.MSUsIn == 0 || l.stats.MSUsOut == 0 {
					t.Errorf("%s: %+v", l.name, l.stats)
				}
			}
		}
	}},
	{"12", "an acknowledgement with another pattern is none", func(t *testing.T) {
		w := newNetwork(t)
		a, b := w.node(Config{PointCode: 1, NoRestart: true}), w.node(Config{PointCode: 2, NoRestart: true})
		_, _, ends := w.linksets(a, b, 1)
		spoilt := 0
		ends[0].peer.drop = func(raw []byte) bool { // SLTA of b
			if raw[0]&15 == byte(SNT) && raw[5] == byte(SLTA) && spoilt < 1 {
				spoilt++
				raw[len(raw)-1] ^= 1
			}
			return false
		}
		w.start()
		w.run(5 * time.Second)
		if a.changed(LinkAvailable) != 0 || a.Stats().Reasons[UnexpectedManagement] == 0 {
			t.Errorf("%v", a.changes)
		}
		w.run(10 * time.Second) // the second attempt
		if a.changed(LinkAvailable) != 1 || a.changed(LinkFailed) != 0 {
			t.Errorf("%v", a.changes)
		}
	}},
	{"12", "a test from another point or with another code is not answered", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		_, before := a.ManagementCount(SNT, SLTA)
		for _, l := range []Label{{DPC: a.pc, OPC: 99}, {DPC: a.pc, OPC: b.pc, SLS: 1}} {
			raw := a.f.AppendMSU(nil, MSU{NI: National, SI: SNT, Label: l, Data: []byte{byte(SLTM), 0x10, 1}})
			ends[0].up(Indication{Kind: Received, MSU: raw})
		}
		if _, x := a.ManagementCount(SNT, SLTA); x != before || a.Stats().Reasons[NotAdjacent] != 2 {
			t.Errorf("%d answers", x-before)
		}
		w.run(time.Second)
	}},
	{"12", "the test is repeated every T2", func(t *testing.T) {
		w, a, _, _ := pair(t, 1, Config{})
		_, before := a.ManagementCount(SNT, SLTM)
		w.run(5 * time.Minute)
		if _, x := a.ManagementCount(SNT, SLTM); x != before+5 && x != before+4 {
			t.Errorf("%d tests in five minutes", x-before)
		}
	}},
}

func TestQ782Procedures(t *testing.T) {
	for _, c := range q782Procedures {
		t.Run(c.group+" "+c.name, c.run)
	}
}

// TestQ782Groups counts the cases by group; doc.go says how many there are.
func TestQ782Groups(t *testing.T) {
	groups := map[string]int{}
	for _, c := range append(q782[:len(q782):len(q782)], q782Procedures...) {
		groups[c.group]++
	}
	total := 0
	for _, g := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
		if groups[g] == 0 {
			t.Errorf("nothing of group %s", g)
		}
		total += groups[g]
	}
	if t.Logf("%d cases, by group: %v", total, groups); total != 62 {
		t.Errorf("%d cases: doc.go says otherwise", total)
	}
}
