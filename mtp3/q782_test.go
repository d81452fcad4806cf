package mtp3

import (
	"slices"
	"testing"
	"time"
)

// The cases stand in the groups of ITU-T Q.782 section 4 and carry its group numbers. The node under
// test is a (SP A of Q.782), its neighbours are nodes of this package too.

// sentBy counts management messages.
func sentBy(n *testNode, h Heading) uint64 {
	_, s := n.ManagementCount(SNM, h)
	return s
}

// triangle is three transfer points, each with two links to each other, in service.
func triangle(t testing.TB) (w *network, a, b, c *testNode, ab, ac, bc []*memLink) {
	w = newNetwork(t)
	a = w.node(Config{PointCode: 1, Transfer: true})
	b = w.node(Config{PointCode: 2, Transfer: true})
	c = w.node(Config{PointCode: 3, Transfer: true})
	aB, bA, ab := w.linksets(a, b, 2)
	aC, cA, ac := w.linksets(a, c, 2)
	bC, cB, bc := w.linksets(b, c, 2)
	w.route(a, "3", aB, 5)
	w.route(a, "2", aC, 5)
	w.route(b, "1", bC, 5)
	w.route(b, "3", bA, 5)
	w.route(c, "1", cB, 5)
	w.route(c, "2", cA, 5)
	w.start()
	w.run(90 * time.Second)
	for _, n := range w.nodes {
		for _, m := range w.nodes {
			if s, _ := n.Status(m.pc); s != Available {
				t.Fatalf("%d is %v from %d", m.pc, s, n.pc)
			}
		}
	}
	return w, a, b, c, ab, ac, bc
}

type q782Case struct {
	group, name string
	run         func(t *testing.T)
}

func TestQ782(t *testing.T) {
	for _, c := range q782 {
		t.Run(c.group+" "+c.name, c.run)
	}
}

var q782 = []q782Case{
	{"1", "first signalling link activation", func(t *testing.T) {
		_, a, b, _ := pair(t, 1, Config{})
		if a.changed(LinkAvailable) != 1 || b.changed(LinkAvailable) != 1 || a.changed(RestartEnded) != 1 {
			t.Errorf("%v", a.changes)
		}
		if len(a.prims) != 1 || a.prims[0].Kind != ResumePrimitive || a.prims[0].Affected.PC != b.pc {
			t.Errorf("%+v", a.prims)
		}
	}},
	{"1", "link set deactivation and activation", func(t *testing.T) {
		w, a, b, _ := pair(t, 2, Config{})
		a.forget()
		for id := range a.links {
			a.take(a.Deactivate(w.now, LinkID(id+1), nil))
		}
		w.run(5 * time.Second)
		if s, _ := a.Status(b.pc); s != Unavailable || len(a.prims) != 1 || a.prims[0].Kind != PausePrimitive {
			t.Errorf("%v, %+v", s, a.prims)
		}
		a.forget()
		for id := range a.links {
			a.take(a.Activate(w.now, LinkID(id+1), nil))
		}
		w.run(80 * time.Second)
		if len(a.prims) != 1 || a.prims[0].Kind != ResumePrimitive {
			t.Errorf("%+v", a.prims)
		}
	}},
	{"2", "messages with an invalid SSF, DPC and SI", func(t *testing.T) {
		w, a, b, ends := pair(t, 1, Config{})
		for _, x := range []struct {
			m      MSU
			reason Reason
		}{
			{MSU{NI: International, SI: ISUP, Label: Label{DPC: a.pc, OPC: b.pc}}, WrongNetwork},
			{MSU{NI: National, SI: ISUP, Label: Label{DPC: 99, OPC: b.pc}}, NotForUs},
			{MSU{NI: National, SI: TUP, Label: Label{DPC: a.pc, OPC: b.pc}}, UserUnavailable},
		} {
			before := a.Stats().Reasons[x.reason]
			ends[0].up(Indication{Kind: Received, MSU: a.f.AppendMSU(nil, x.m)})
			if a.Stats().Reasons[x.reason] != before+1 {
				t.Errorf("%v: %v", x.reason, nonZero(a.Stats().Reasons))
			}
		}
		ends[0].up(Indication{Kind: Received, MSU: []byte{0x85, 1}})
		if a.Stats().Reasons[Malformed] != 1 || sentBy(a, UPU) != 1 {
			t.Errorf("%v", nonZero(a.Stats().Reasons))
		}
		w.run(time.Second)
	}},
	{"2", "load sharing within a link set, all links available and one unavailable", func(t *testing.T) {
		w, a, _, ends := pair(t, 4, Config{})
		where := func() (at [16]LinkID) {
			for s := range at {
				at[s] = a.Router().Route(8233, SLS(s)).Link
			}
			return at
		}
		all := where()
		for id := LinkID(1); id <= 4; id++ {
			n := 0
			for _, l := range all {
				if l == id {
					n++
				}
			}
			if n != 4 {
				t.Errorf("link %d has %d SLS", id, n)
			}
		}
		ends[1].cut(0, 0)
		w.run(10 * time.Second)
		for s, l := range where() {
			if l == 2 || all[s] != 2 && l != all[s] {
				t.Errorf("SLS %d: link %d, was %d", s, l, all[s])
			}
		}
		ends[1].restore()
		w.run(10 * time.Second)
		if where() != all {
			t.Errorf("%v, want %v", where(), all)
		}
	}},
	{"2", "inaccessible destination", func(t *testing.T) {
		w, a, b, ends := pair(t, 1, Config{})
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		a.send(b.pc, 1, 1)
		a.send(77, 1, 1)
		r := a.Stats().Reasons
		if r[DestinationUnavailable] != 1 || r[UnknownDestination] != 1 {
			t.Errorf("%v", nonZero(r))
		}
	}},
	{"3", "changeover: emergency, from a failed terminal", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		ends[0].peer.lost = true
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		if sentBy(b, ECO)+sentBy(b, ECA) == 0 || sentBy(a, XCO) == 0 {
			t.Errorf("ECO %d ECA %d XCO %d", sentBy(b, ECO), sentBy(b, ECA), sentBy(a, XCO))
		}
	}},
	{"3", "changeover: 7 bit numbers are sent in COO and COA", func(t *testing.T) {
		w := newNetwork(t)
		a, b := w.node(Config{PointCode: 1, NoRestart: true}), w.node(Config{PointCode: 2, NoRestart: true})
		_, _, ends := w.linksets(a, b, 2)
		a.links[0].bits, b.links[0].bits = 7, 7
		w.start()
		w.run(10 * time.Second)
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		if sentBy(a, COO) == 0 || sentBy(b, COA) == 0 || sentBy(a, XCO) != 0 {
			t.Errorf("COO %d COA %d", sentBy(a, COO), sentBy(b, COA))
		}
	}},
	{"3", "changeover: no acknowledgement before T2", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		f := newFlow()
		b.transfers = f.take
		ends[1].drop = func(raw []byte) bool { return raw[0]&15 == 0 && raw[5]&15 == 1 } // CHM
		ends[1].peer.drop = ends[1].drop
		ends[0].cut(0, 0)
		w.run(100 * time.Millisecond)
		f.send(a, b.pc, 0)
		if f.send(a, b.pc, 2); a.Stats().Held != 2 {
			t.Errorf("%d held", a.Stats().Held)
		}
		w.run(2 * time.Second)
		if a.Stats().Held != 0 || a.changed(ChangeoverDone) != 1 {
			t.Errorf("%d held, %v", a.Stats().Held, a.changes)
		}
	}},
	{"3", "changeover: order after completion is answered with ECA, acknowledgement alone with nothing", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		eca := sentBy(a, ECA)
		b.sendAdjacent(b.linksets[0], SNMessage{Heading: XCO, FSN: 1}, nil)
		w.run(time.Second)
		if sentBy(a, ECA) != eca+1 {
			t.Errorf("ECA %d", sentBy(a, ECA))
		}
		before := a.Stats().Reasons[UnexpectedManagement]
		b.sendAdjacent(b.linksets[0], SNMessage{Heading: XCA, FSN: 1}, nil)
		w.run(time.Second)
		if a.Stats().Reasons[UnexpectedManagement] != before+1 {
			t.Errorf("%v", nonZero(a.Stats().Reasons))
		}
	}},
	{"3", "changeover to another route through the remote point, processor outage time-controlled", func(t *testing.T) {
		w, a, b, _, ab, _, _ := triangle(t)
		f := newFlow()
		b.transfers = f.take
		for i := range 50 {
			f.send(a, b.pc, SLS(i%16))
		}
		for _, l := range ab {
			l.cut(0, 10*time.Millisecond)
		}
		w.run(200 * time.Millisecond)
		for i := range 50 {
			f.send(a, b.pc, SLS(i%16))
		}
		w.run(10 * time.Second)
		if f.missing() != 0 || f.disordered != 0 {
			t.Errorf("%d missing, %d out of order: %v", f.missing(), f.disordered, nonZero(a.Stats().Reasons))
		}
	}},
	{"3", "changeover: processor outage, short and long", func(t *testing.T) {
		for _, d := range []time.Duration{400 * time.Millisecond, 5 * time.Second} {
			w, a, b, _ := pair(t, 2, Config{})
			f := newFlow()
			b.transfers = f.take
			b.take(b.SetLocalProcessorOutage(w.now, 1, true, nil))
			w.run(50 * time.Millisecond)
			for i := range 32 {
				f.send(a, b.pc, SLS(i%16))
			}
			w.run(d)
			b.take(b.SetLocalProcessorOutage(w.now, 1, false, nil))
			w.run(5 * time.Second)
			for i := range 32 {
				f.send(a, b.pc, SLS(i%16))
			}
			w.run(time.Second)
			if f.missing() != 0 || f.disordered != 0 || a.changed(LinkUnblocked) != 1 {
				t.Errorf("%v: %d missing, %d out of order", d, f.missing(), f.disordered)
			}
		}
	}},
	{"4", "changeback with T4 and T5", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		ends[0].cut(0, 0)
		w.run(5 * time.Second)
		ends[1].drop = func(raw []byte) bool { return raw[0]&15 == 0 && raw[5] == byte(CBD) }
		cbd := sentBy(a, CBD)
		ends[0].restore()
		w.run(6 * time.Second)
		if sentBy(a, CBD) != cbd+2 || a.changed(ChangebackDone) == 0 || sentBy(b, CBD) == 0 {
			t.Errorf("CBD %d", sentBy(a, CBD)-cbd)
		}
		if h := a.Router().Route(b.pc, 0); h.Link != 1 {
			t.Errorf("%+v", h)
		}
	}},
	{"5", "forced rerouting on TFP", func(t *testing.T) {
		w, a, b, c, _, ac, bc := triangle(t)
		for _, l := range ac {
			l.cut(0, 0)
		}
		w.run(5 * time.Second)
		if h := a.Router().Route(c.pc, 0); h.Linkset != 1 {
			t.Errorf("%+v", h)
		}
		a.forget()
		for _, l := range bc {
			l.cut(0, 0)
		}
		w.run(5 * time.Second)
		if s, _ := a.Status(c.pc); s != Unavailable || sentBy(b, TFP) == 0 {
			t.Errorf("c is %v, TFP %d", s, sentBy(b, TFP))
		}
		if !slices.ContainsFunc(a.prims, func(p Primitive) bool { return p.Kind == PausePrimitive && p.Affected.PC == c.pc }) {
			t.Errorf("%+v", a.prims)
		}
	}},
	{"6", "controlled rerouting on TFA waits for T6", func(t *testing.T) {
		w, a, b, c, _, _, _ := triangle(t)
		b.sendAdjacent(b.linksets[0], SNMessage{Heading: TFA, Destination: c.pc}, nil)
		w.run(time.Second)
		c.sendAdjacent(c.linksets[0], SNMessage{Heading: TFP, Destination: b.pc}, nil) // about its alternative only
		w.run(time.Second)
		if h := a.Router().Route(b.pc, 0); h.Linkset != 1 {
			t.Errorf("%+v", h)
		}
		// A third point that both reach, c the better way.
		w.route(a, "9", 2, 1)
		w.route(a, "9", 1, 2)
		c.sendAdjacent(c.linksets[0], SNMessage{Heading: TFP, Destination: 9}, nil)
		w.run(time.Second)
		if h := a.Router().Route(9, 0); h.Linkset != 1 {
			t.Errorf("%+v", h)
		}
		c.sendAdjacent(c.linksets[0], SNMessage{Heading: TFA, Destination: 9}, nil)
		w.run(100 * time.Millisecond)
		if h := a.Router().Route(9, 0); h.Kind != NodeHop {
			t.Errorf("not withheld: %+v", h)
		}
		w.run(time.Second)
		if h := a.Router().Route(9, 0); h.Linkset != 2 {
			t.Errorf("%+v", h)
		}
	}},
	{"7", "inhibiting, tests and uninhibiting", func(t *testing.T) {
		w, a, b, _ := pair(t, 2, Config{})
		a.take(a.Inhibit(w.now, 1, nil))
		w.run(5 * time.Second)
		if a.changed(LinkInhibited) != 1 || b.changed(LinkInhibited) != 1 || a.links[0].usable || b.links[0].usable {
			t.Fatalf("%v", a.changes)
		}
		a.take(a.Inhibit(w.now, 2, nil)) // the last one: no
		w.run(5 * time.Second)
		if a.changed(InhibitDenied) != 1 {
			t.Errorf("%v", a.changes)
		}
		w.run(5 * time.Minute)
		if sentBy(a, LLT) == 0 || sentBy(b, LRT) == 0 || a.links[0].usable {
			t.Errorf("LLT %d LRT %d", sentBy(a, LLT), sentBy(b, LRT))
		}
		a.take(a.Uninhibit(w.now, 1, nil))
		w.run(5 * time.Second)
		if a.changed(LinkUninhibited) != 1 || !a.links[0].usable || !b.links[0].usable {
			t.Errorf("%v", a.changes)
		}
	}},
	{"7", "routing takes the inhibition of the last link back", func(t *testing.T) {
		w, a, b, ends := pair(t, 2, Config{})
		a.take(a.Inhibit(w.now, 1, nil))
		w.run(5 * time.Second)
		ends[1].cut(0, 0)
		w.run(10 * time.Second)
		if s, _ := a.Status(b.pc); s != Available || !a.links[0].usable {
			t.Errorf("%v %v", s, a.changes)
		}
	}},
	{"8", "congestion of a link: MTP-STATUS here, TFC to those behind", func(t *testing.T) {
		w, a, b, c, _, ac, _ := triangle(t)
		ac[0].up(Indication{Kind: Congestion, Level: 1})
		ac[1].up(Indication{Kind: Congestion, Level: 1})
		a.forget()
		b.forget()
		for i := range 16 {
			a.send(c.pc, SLS(i), 1)
		}
		if n := len(a.prims); n != 2 || a.prims[0].Status.Cause != Congested { // two links, one of eight each
			t.Errorf("%+v", a.prims)
		}
		raw := a.f.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: c.pc, OPC: b.pc}})
		for range 9 {
			a.take(a.HandleLink(w.now, 1, []Indication{{Kind: Received, MSU: raw}}, nil))
		}
		w.run(time.Second)
		if sentBy(a, TFC) == 0 || len(b.prims) == 0 {
			t.Errorf("TFC %d %+v", sentBy(a, TFC), b.prims)
		}
	}},
	{"8", "user part unavailable", func(t *testing.T) {
		w, a, b, _ := pair(t, 1, Config{})
		b.SetUser(ISUP, false)
		a.forget()
		a.send(b.pc, 1, 1)
		w.run(time.Second)
		if len(a.prims) != 1 || a.prims[0].Status != (Status{Cause: UserInaccessible, SI: ISUP}) {
			t.Errorf("%+v", a.prims)
		}
	}},
	{"9", "TFP in response, T8, and route set test", func(t *testing.T) {
		w, a, b, c, _, ac, _ := triangle(t)
		w.route(a, "9", 2, 1)
		for _, l := range ac {
			l.cut(0, 0)
		}
		w.run(5 * time.Second)
		before := sentBy(a, TFP)
		raw := a.f.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: 9, OPC: b.pc}})
		for range 5 {
			a.take(a.HandleLink(w.now, 1, []Indication{{Kind: Received, MSU: raw}}, nil))
		}
		if sentBy(a, TFP) != before+1 {
			t.Errorf("TFP %d", sentBy(a, TFP)-before)
		}
		before = sentBy(a, TFP)
		b.sendAdjacent(b.linksets[0], SNMessage{Heading: RST, Destination: 9}, nil)
		b.sendAdjacent(b.linksets[0], SNMessage{Heading: RSR, Destination: 9}, nil)
		w.run(time.Second)
		if sentBy(a, TFP) != before+1 { // only who thinks wrongly is told
			t.Errorf("TFP %d", sentBy(a, TFP)-before)
		}
		w.run(2 * time.Minute)
		_ = c
	}},
	{"10", "adjacent restart: T21 without TRA", func(t *testing.T) {
		w, a, b, c, ab, _, bc := triangle(t)
		for _, l := range append(slices.Clone(ab), bc...) {
			l.cut(0, 0)
		}
		w.run(10 * time.Second)
		if s, _ := a.Status(b.pc); s != Unavailable {
			t.Errorf("b is %v", s)
		}
		for _, l := range append(slices.Clone(ab), bc...) {
			l.restore()
		}
		w.run(70 * time.Second)
		if s, _ := a.Status(b.pc); s != Available || b.changed(RestartEnded) != 2 || a.changed(AdjacentRestartEnded) != 1 {
			t.Errorf("b is %v, %d restarts", s, b.changed(RestartEnded))
		}
		_ = c
	}},
	{"12", "signalling link test fails twice", func(t *testing.T) {
		w := newNetwork(t)
		a, b := w.node(Config{PointCode: 1, NoRestart: true}), w.node(Config{PointCode: 2, NoRestart: true})
		_, _, ends := w.linksets(a, b, 1)
		ends[0].drop = func(raw []byte) bool { return raw[0]&15 == byte(SNT) }
		w.start()
		w.run(time.Minute)
		if a.changed(LinkAvailable) != 0 || a.changed(LinkFailed) < 2 {
			t.Errorf("%v", a.changes)
		}
		ends[0].drop = nil
		w.run(time.Minute)
		if a.changed(LinkAvailable) == 0 {
			t.Errorf("%v", a.changes)
		}
	}},
}

// FuzzNode gives a node arbitrary management messages and link events: it stays standing and bounded.
func FuzzNode(f *testing.F) {
	for _, c := range messages {
		b, err := Format{}.AppendSNMessage(nil, c.m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{byte(len(b)), byte(c.m.SI)}, b...))
	}
	f.Add([]byte{0x82, 0, 0x83, 1, 0x81, 0, 0x84, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newNetwork(t)
		a := w.node(Config{PointCode: 1, Transfer: true, NoRestart: len(in)%2 == 0, MaxExceptions: 8, Congestion: CongestionMode(len(in) % 3)})
		b := w.node(Config{PointCode: 2, Transfer: true})
		c := w.node(Config{PointCode: 3})
		_, _, ends := w.linksets(a, b, 2)
		aC, _, more := w.linksets(a, c, 1)
		ends = append(ends, more...)
		w.route(a, "0.0.0/3", 1, 1)
		w.route(a, "0.0.0/3", aC, 1)
		w.start()
		w.run(70 * time.Second)
		for len(in) >= 2 {
			op, arg := in[0], in[1]
			in = in[2:]
			e := ends[int(arg)%len(ends)]
			switch {
			case op == 0x80:
				e.cut(0, 0)
			case op == 0x81:
				e.restore()
			case op == 0x82:
				a.take(a.Inhibit(w.now, LinkID(arg%4), nil))
			case op == 0x83:
				a.take(a.Uninhibit(w.now, LinkID(arg%4), nil))
			case op == 0x84:
				a.send(PointCode(arg), SLS(arg)&15, 1)
			case op == 0x85:
				w.run(time.Duration(arg) * 50 * time.Millisecond)
			case op == 0x86:
				e.up(Indication{Kind: IndicationKind(arg), Level: arg >> 4})
			default:
				n := min(int(op&31), len(in))
				opc := b.pc
				if arg&0x10 != 0 {
					opc = c.pc
				}
				raw := a.f.AppendMSU(nil, MSU{NI: National, SI: ServiceIndicator(arg & 3), Label: Label{DPC: a.pc, OPC: opc, SLS: SLS(arg >> 5)}, Data: in[:n]})
				in = in[n:]
				e.up(Indication{Kind: Received, MSU: raw})
			}
		}
		w.run(time.Second)
		if s := a.Stats(); s.Held > 65536 || s.Exceptions > 8 {
			t.Errorf("%+v", s)
		}
	})
}
