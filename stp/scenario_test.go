package stp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/sctp"
)

// The network of the scenario: exchanges A, C, D and an SCP at STP-A, four links to STP-B, E and B behind it.
//
//	A 1.2.3 --\                              /-- E 4.5.3
//	C 1.2.4 -- STP-A 1.2.1 ==4 links== STP-B 4.5.1
//	D 1.2.5 --/    \-- SCP 1.2.6             \-- B 4.5.6
const scenarioA = `
node:   { name: STP-A, point-code: 1.2.1, network-indicator: national }
listen: [ { m3ua: "10.1.0.1:2905" } ]
as:
  - { name: A, point-code: 1.2.3, routing-context: 1, asps: [ { name: a1, peer: "10.1.0.3" } ] }
  - { name: C, point-code: 1.2.4, routing-context: 2, mode: override, asps: [ { name: c1, peer: "10.1.0.4" }, { name: c2, peer: "10.1.0.44" } ] }
  - { name: D, point-code: 1.2.5, routing-context: 3, mode: loadshare, asps: [ { name: d1, peer: "10.1.0.5" }, { name: d2, peer: "10.1.0.55" } ] }
  - { name: SCP, point-code: 1.2.6, routing-context: 4, asps: [ { name: scp1, peer: "10.1.0.6" } ] }
linkset:
  - name: to-B
    adjacent: 4.5.1
    links:
      - { slc: 0, m2pa: { connect: "10.2.0.1:3565", local: "10.1.0.1:3570" } }
      - { slc: 1, m2pa: { connect: "10.2.0.1:3565", local: "10.1.0.1:3571" } }
      - { slc: 2, m2pa: { connect: "10.2.0.1:3565", local: "10.1.0.1:3572" } }
      - { slc: 3, m2pa: { connect: "10.2.0.1:3565", local: "10.1.0.1:3573" } }
gtt:
  - { name: free numbers, match: { np: e164, prefix: "49800" }, to: { pc: 1.2.6, ssn: 12 } }
  - { name: loop, match: { np: e164, prefix: "666" }, to: { pc: 4.5.1, route: gt } }
`

const scenarioB = `
node:   { name: STP-B, point-code: 4.5.1, network-indicator: national }
listen: [ { m3ua: "10.2.0.1:2905" }, { m2pa: "10.2.0.1:3565" } ]
as:
  - { name: E, point-code: 4.5.3, routing-context: 1, asps: [ { name: e1, peer: "10.2.0.3" } ] }
  - { name: B, point-code: 4.5.6, routing-context: 2, asps: [ { name: b1, peer: "10.2.0.6" } ] }
linkset:
  - name: to-A
    adjacent: 1.2.1
    links:
      - { slc: 0, m2pa: { accept: "10.1.0.1:3570" } }
      - { slc: 1, m2pa: { accept: "10.1.0.1:3571" } }
      - { slc: 2, m2pa: { accept: "10.1.0.1:3572" } }
      - { slc: 3, m2pa: { accept: "10.1.0.1:3573" } }
route: [ { to: 1.2.0/11, via: to-A, priority: 1 } ]
gtt:
  - { name: free numbers, match: { np: e164, prefix: "49800" }, to: { pc: 1.2.1, route: gt } }
  - { name: loop, match: { np: e164, prefix: "666" }, to: { pc: 1.2.1, route: gt } }
`

// Two tables that STP-A may have.
const (
	singleRoutes = "route: [ { to: 4.5.3, via: to-B, priority: 1 }, { to: 4.5.6, via: to-B, priority: 1 } ]\n"
	maskedRoute  = "route: [ { to: 4.5.0/11, via: to-B, priority: 1 } ]\n"
)

const pcA, pcC, pcD, pcSCP, pcSTPA, pcSTPB, pcE, pcB = 2067, 2068, 2069, 2070, 2065, 8233, 8235, 8238

// scenario is the network, all of it up.
type scenario struct {
	*world
	stpA, stpB    *Node
	a, c1, d1, d2 *exchange
	scp, e, b     *exchange
	masked        bool
	more          string // of STP-A's configuration
}

func newScenario(t testing.TB, masked bool) *scenario {
	t.Helper()
	s := &scenario{world: newWorld(t), masked: masked}
	return s
}

// text is the configuration of STP-A.
func (s *scenario) text() string {
	if s.masked {
		return scenarioA + maskedRoute + s.more
	}
	return scenarioA + singleRoutes + s.more
}

// start brings everything up.
func (s *scenario) start() {
	t := s.t
	t.Helper()
	s.stpB = s.node(scenarioB)
	s.stpA = s.node(s.text())
	const gwA, gwB = "10.1.0.1:2905", "10.2.0.1:2905"
	s.a = s.exchange("a1", pcA, "10.1.0.3:2905", gwA, 1)
	s.c1 = s.exchange("c1", pcC, "10.1.0.4:2905", gwA, 2)
	s.d1 = s.exchange("d1", pcD, "10.1.0.5:2905", gwA, 3)
	s.d2 = s.exchange("d2", pcD, "10.1.0.55:2905", gwA, 3)
	s.scp = s.exchange("scp1", pcSCP, "10.1.0.6:2905", gwA, 4)
	s.e = s.exchange("e1", pcE, "10.2.0.3:2905", gwB, 1)
	s.b = s.exchange("b1", pcB, "10.2.0.6:2905", gwB, 2)
	settle(90 * time.Second) // alignment, proving, MTP restart
}

// all are those that hear of changes.
func (s *scenario) all() []*exchange { return []*exchange{s.a, s.c1, s.d1, s.d2, s.scp, s.e, s.b} }

func (s *scenario) forget() {
	for _, x := range s.all() {
		x.heard()
		x.taken()
	}
}

func (s *scenario) status(n *Node) Status {
	s.t.Helper()
	st, err := n.Status(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// links is the state of the links of STP-A, and the SLS that each carries.
func (s *scenario) links() string {
	s.t.Helper()
	var all []string
	for _, l := range s.status(s.stpA).Links {
		all = append(all, fmt.Sprintf("%s %s %v", l.Name, l.State, l.SLS))
	}
	return strings.Join(all, "; ")
}

// dropped is how many messages a node did not forward, by reason.
func (s *scenario) dropped(n *Node) map[string]uint64 {
	s.t.Helper()
	return s.status(n).Traffic.Dropped
}

// flood sends n messages of one exchange to another over all SLS, each numbered, 20 every pause, and runs
// between, if set, after each 20.
func (s *scenario) flood(from *exchange, to mtp3.PointCode, n int, pause time.Duration, between func(sent int)) {
	for i := range n {
		from.send(to, mtp3.SLS(i%16), mtp3.MTPTest, byte(i>>16), byte(i>>8), byte(i))
		if i%20 == 19 {
			time.Sleep(pause)
			if between != nil {
				between(i + 1)
			}
		}
	}
	settle(5 * time.Second)
}

// complete says what is wrong with a flood as it arrived: lost, doubled or out of order within an SLS.
func complete(t testing.TB, got []mtp3.MSU, n int) {
	t.Helper()
	seen := make([]int, n)
	last := map[mtp3.SLS]int{}
	wrong := 0
	for _, m := range got {
		if len(m.Data) != 3 {
			continue
		}
		i := int(m.Data[0])<<16 | int(m.Data[1])<<8 | int(m.Data[2])
		seen[i]++
		if mtp3.SLS(i%16) != m.Label.SLS {
			t.Errorf("message %d has SLS %d", i, m.Label.SLS)
		}
		if prev, ok := last[m.Label.SLS]; ok && i <= prev {
			wrong++
		}
		last[m.Label.SLS] = i
	}
	lost, doubled := 0, 0
	for _, c := range seen {
		switch {
		case c == 0:
			lost++
		case c > 1:
			doubled++
		}
	}
	if lost+doubled+wrong > 0 {
		t.Errorf("of %d messages %d were lost, %d doubled, %d out of order", n, lost, doubled, wrong)
	}
}

// releaseComplete is an RLC of ISUP (Q.763).
func releaseComplete(circuit uint8) []byte { return []byte{circuit, 0, 0x10, 0} }

// unitdata is a UDT of SCCP routed on global title.
func unitdata(t testing.TB, calling, called string) []byte {
	t.Helper()
	return connectionless(t, sccp.Message{Type: sccp.UDT}, calling, called)
}

// connectionless is a message of SCCP routed on global title.
func connectionless(t testing.TB, m sccp.Message, calling, called string) []byte {
	t.Helper()
	var c sccp.Codec
	gt := func(digits string) sccp.Address {
		d, err := sccp.ParseDigits(digits)
		if err != nil {
			t.Fatal(err)
		}
		return sccp.Address{HasSSN: true, SSN: 8, GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.InternationalNumber, Digits: d}}
	}
	m.Called, m.Calling, m.Data = gt(called), gt(calling), []byte{0x64, 0x06, 0x49, 0x04, 0, 0, 0, 1} // the End of a TCAP transaction
	b, err := c.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// conn is the association of a link of STP-A.
func (s *scenario) conn(slc int) *sctp.MemoryConn {
	s.t.Helper()
	return s.memory().find(s.t, fmt.Sprintf("10.1.0.1:%d", 3570+slc))
}

func forEachTable(t *testing.T, test func(t *testing.T, s *scenario), options ...func(*scenario)) {
	for _, masked := range []bool{false, true} {
		name := "single"
		if masked {
			name = "masked"
		}
		t.Run(name, func(t *testing.T) {
			capture := tsharktest.Capture(t)
			synctest.Test(t, func(t *testing.T) {
				s := newScenario(t, masked)
				s.trace = capture
				for _, o := range options {
					o(s)
				}
				defer s.end()
				s.start()
				test(t, s)
			})
		})
	}
}

// TestScenario1: all links in service, all ASPs active; ISUP and SCCP from A arrive at B, SLS and order kept.
func TestScenario1(t *testing.T) {
	forEachTable(t, func(t *testing.T, s *scenario) {
		if got := s.links(); got != allInService {
			t.Errorf("links: %s", got)
		}
		for _, n := range []*Node{s.stpA, s.stpB} {
			if alarms := s.status(n).Alarms; len(alarms) > 0 && !(n == s.stpA && len(alarms) == 1) {
				t.Errorf("%s: %v", n.name, alarms) // c2 has no association yet
			}
		}
		s.forget()
		before := map[*Node]map[string]uint64{s.stpA: s.dropped(s.stpA), s.stpB: s.dropped(s.stpB)}
		for sls := range mtp3.SLS(16) {
			s.a.send(pcB, sls, mtp3.ISUP, releaseComplete(uint8(sls))...)
			s.a.send(pcB, sls, mtp3.SCCP, unitdata(s.t, "4989123", "49800123")...)
			s.b.send(pcA, sls, mtp3.ISUP, releaseComplete(uint8(sls))...)
		}
		settle(time.Second)
		count := map[mtp3.SLS][]mtp3.ServiceIndicator{}
		for _, m := range s.b.taken() {
			if m.Label.OPC != pcA || m.Label.DPC != pcB || m.SI == mtp3.ISUP && m.Data[0] != byte(m.Label.SLS) {
				t.Errorf("B got %+v", m)
			}
			count[m.Label.SLS] = append(count[m.Label.SLS], m.SI)
		}
		for sls := range mtp3.SLS(16) {
			if !slices.Equal(count[sls], []mtp3.ServiceIndicator{mtp3.ISUP, mtp3.SCCP}) {
				t.Errorf("SLS %d: %v", sls, count[sls])
			}
		}
		if got := s.a.taken(); len(got) != 16 {
			t.Errorf("A got %d", len(got))
		}
		s.flood(s.a, pcB, 2000, time.Millisecond, nil)
		complete(t, s.b.taken(), 2000)
		for _, n := range []*Node{s.stpA, s.stpB} {
			if diff := cmp.Diff(before[n], s.dropped(n)); diff != "" {
				t.Errorf("%s: %s", n.name, diff)
			}
		}
	})
}

const allInService = "to-B/0 in service [0 4 8 12]; to-B/1 in service [1 5 9 13]; to-B/2 in service [2 6 10 14]; to-B/3 in service [3 7 11 15]"

// TestScenario2: one of four links is lost under load and comes back: its SLS move, the others stay, nothing
// is lost, doubled or out of order.
func TestScenario2(t *testing.T) {
	forEachTable(t, func(t *testing.T, s *scenario) {
		s.forget()
		s.flood(s.a, pcB, 10000, 50*time.Millisecond, func(sent int) { // for as long as alignment takes
			switch sent {
			case 2000:
				s.conn(1).Lose()
			case 4000:
				if got, want := s.links(), "to-B/0 in service [0 1 4 8 12 13]; to-B/1 aligning []; to-B/2 in service [2 5 6 10 14]; to-B/3 in service [3 7 9 11 15]"; got != want {
					t.Errorf("without link 1: %s", got)
				}
				if got := s.status(s.stpA).Alarms[0]; got.Kind != "link" || got.About != "to-B/1" || got.Text != "aligning (transport lost)" {
					t.Errorf("alarm %+v", got)
				}
			}
		})
		complete(t, s.b.taken(), 10000)
		if got := s.links(); got != allInService {
			t.Errorf("at the end: %s", got)
		}
		if tr := s.status(s.stpA).Traffic; tr.Changeovers != 1 || tr.Changebacks == 0 {
			t.Errorf("%+v", tr)
		}
	})
}

// TestScenario3: all links to STP-B are lost: STP-A tells its ASPs, refuses messages and counts why; when the
// links are back, it tells them again, after an MTP restart.
func TestScenario3(t *testing.T) {
	forEachTable(t, func(t *testing.T, s *scenario) {
		s.forget()
		before := s.dropped(s.stpA)["destination unavailable"]
		for slc := range 4 {
			s.conn(slc).Lose()
		}
		settle(3 * time.Second)
		down, up := []string{"MTP-PAUSE 4.5.1", "MTP-PAUSE 4.5.3", "MTP-PAUSE 4.5.6"}, []string{"MTP-RESUME 4.5.1", "MTP-RESUME 4.5.3", "MTP-RESUME 4.5.6"}
		if s.masked {
			down, up = []string{"MTP-PAUSE 4.5.0/11", "MTP-PAUSE 4.5.1"}, []string{"MTP-RESUME 4.5.0/11", "MTP-RESUME 4.5.1"}
		}
		for _, x := range []*exchange{s.a, s.c1, s.d1, s.d2, s.scp} {
			if diff := cmp.Diff(down, sorted(x.heard())); diff != "" {
				t.Errorf("%s heard: %s", x.name, diff)
			}
		}
		for i := range 10 {
			s.a.send(pcB, mtp3.SLS(i), mtp3.MTPTest, 1)
			s.a.send(pcC, mtp3.SLS(i), mtp3.MTPTest, 1)
		}
		settle(time.Second)
		if got := s.dropped(s.stpA)["destination unavailable"] - before; got != 10 {
			t.Errorf("%d messages were refused", got)
		}
		if got := len(s.c1.taken()); got != 10 {
			t.Errorf("C got %d", got)
		}
		lost := s.status(s.stpA)
		if len(lost.Alarms) < 5 || lost.Alarms[0].Severity != Major {
			t.Errorf("%+v", lost.Alarms)
		}
		settle(90 * time.Second)
		for _, x := range []*exchange{s.a, s.c1, s.d1, s.d2, s.scp} {
			heard := sorted(x.heard())
			if x == s.a && s.masked { // the answer to its messages
				heard = slices.DeleteFunc(heard, func(p string) bool { return p == "MTP-PAUSE 4.5.6" })
			}
			if diff := cmp.Diff(up, heard); diff != "" {
				t.Errorf("%s heard: %s", x.name, diff)
			}
		}
		back := s.status(s.stpA)
		for _, r := range back.Routes {
			if r.State != "available" {
				t.Errorf("%+v", r)
			}
			if r.To == "4.5.1" && r.Since.Sub(lost.Now) > 80*time.Second {
				t.Errorf("back after %v", r.Since.Sub(lost.Now))
			}
		}
		s.flood(s.a, pcB, 1000, time.Millisecond, nil)
		complete(t, s.b.taken(), 1000)
	})
}

// TestScenario4: B alone is lost behind STP-B: its neighbours lose that point and no other.
func TestScenario4(t *testing.T) {
	forEachTable(t, func(t *testing.T, s *scenario) {
		s.forget()
		s.b.asp.Close()
		settle(5 * time.Second) // T(r) is 2 s
		for _, x := range []*exchange{s.a, s.c1, s.e} {
			if diff := cmp.Diff([]string{"MTP-PAUSE 4.5.6"}, x.heard()); diff != "" {
				t.Errorf("%s heard: %s", x.name, diff)
			}
		}
		s.a.send(pcB, 1, mtp3.MTPTest, 1)
		s.a.send(pcE, 1, mtp3.MTPTest, 2)
		settle(time.Second)
		if got := s.e.taken(); len(got) != 1 || got[0].Data[0] != 2 {
			t.Errorf("E got %+v", got)
		}
		if got := s.dropped(s.stpA)["destination unavailable"]; got == 0 {
			t.Errorf("dropped: %v", s.dropped(s.stpA))
		}
		s.b = s.exchange("b1", pcB, "10.2.0.6:2906", "10.2.0.1:2905", 2)
		settle(5 * time.Second)
		for _, x := range []*exchange{s.a, s.c1, s.e} {
			if diff := cmp.Diff([]string{"MTP-RESUME 4.5.6"}, x.heard()); diff != "" {
				t.Errorf("%s heard: %s", x.name, diff)
			}
		}
		s.a.send(pcB, 1, mtp3.MTPTest, 3)
		settle(time.Second)
		if got := s.b.taken(); len(got) != 1 || got[0].Data[0] != 3 {
			t.Errorf("B got %+v", got)
		}
	})
}

// TestScenario5: a failure of an ASP loses nothing, in mode override when the second one comes within T(r), in mode
// loadshare when the other one is there.
func TestScenario5(t *testing.T) {
	forEachTable(t, func(t *testing.T, s *scenario) {
		s.forget()
		// Loadshare at D: each ASP has half of the SLS.
		s.flood(s.a, pcD, 320, time.Millisecond, nil)
		one, two := s.d1.taken(), s.d2.taken()
		if len(one) != 160 || len(two) != 160 {
			t.Errorf("the ASPs of D got %d and %d", len(one), len(two))
		}
		complete(t, append(one, two...), 320)
		s.flood(s.b, pcD, 320, time.Millisecond, func(sent int) {
			if sent == 160 {
				if err := s.d2.asp.Inactive(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
		one, two = s.d1.taken(), s.d2.taken()
		if len(one)+len(two) != 320 || len(two) < 60 || len(two) > 100 {
			t.Errorf("the ASPs of D got %d and %d", len(one), len(two))
		}
		complete(t, append(two, one...), 320)

		// Override at C: the only ASP goes, messages wait, the second one gets them.
		if err := s.c1.asp.Inactive(context.Background()); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			s.a.send(pcC, mtp3.SLS(i%16), mtp3.MTPTest, 0, 0, byte(i))
			s.b.send(pcC, mtp3.SLS(i%16), mtp3.MTPTest, 9, byte(i))
		}
		settle(time.Second)
		for _, a := range s.status(s.stpA).AS {
			if a.Name == "C" && (a.State != "PENDING" || a.Waiting != 200) {
				t.Errorf("%+v", a)
			}
		}
		c2 := s.exchange("c2", pcC, "10.1.0.44:2905", "10.1.0.1:2905", 2)
		settle(time.Second)
		got := c2.taken()
		if len(got) != 200 || len(s.c1.taken()) != 0 {
			t.Errorf("the second ASP of C got %d", len(got))
		}
		complete(t, got, 100)
		// And back: the first one overrides it.
		if err := s.c1.asp.Active(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.a.send(pcC, 1, mtp3.MTPTest, 1)
		settle(time.Second)
		if len(s.c1.taken()) != 1 || len(c2.taken()) != 0 {
			t.Error("the first ASP of C has not overridden the second")
		}
		if heard := s.a.heard(); len(heard) > 0 {
			t.Errorf("A heard %q", heard)
		}
	})
}

// TestScenario6: an ASP that stops reading is congested: those who send to it are told, wherever they are, memory
// is bounded, and nobody else is harmed.
func TestScenario6(t *testing.T) {
	forEachTable(t, func(t *testing.T, s *scenario) {
		s.forget()
		stuck := make(chan struct{})
		taken := 0
		s.scp.mu.Lock()
		s.scp.take = func(*mtp3.MSU) { <-stuck; taken++ }
		s.scp.mu.Unlock()
		const n = 2000
		for i := range n {
			s.a.send(pcSCP, mtp3.SLS(i%16), mtp3.MTPTest, 1, byte(i>>8), byte(i))
			s.b.send(pcSCP, mtp3.SLS(i%16), mtp3.MTPTest, 2, byte(i>>8), byte(i))
			s.a.send(pcC, mtp3.SLS(i%16), mtp3.MTPTest, 0, byte(i>>8), byte(i))
			s.b.send(pcD, mtp3.SLS(i%16), mtp3.MTPTest, 0, byte(i>>8), byte(i))
			if i%20 == 19 {
				time.Sleep(10 * time.Millisecond)
			}
		}
		settle(time.Second)
		complete(t, s.c1.taken(), n)
		complete(t, append(s.d1.taken(), s.d2.taken()...), n)
		for _, x := range []*exchange{s.a, s.b} {
			heard := x.heard()
			if !slices.ContainsFunc(heard, func(p string) bool { return strings.HasPrefix(p, "MTP-STATUS 1.2.6 congested") }) {
				t.Errorf("%s heard %q", x.name, heard)
			}
		}
		st := s.status(s.stpA)
		for _, a := range st.ASPs {
			if a.Name == "scp1" && (a.Queued > 300 || a.Congestion != 3 || a.Dropped == 0) {
				t.Errorf("%+v", a)
			}
		}
		full := st.Traffic.Dropped["owner's queue full"]
		if full == 0 {
			t.Errorf("dropped: %v", st.Traffic.Dropped)
		}
		close(stuck)
		settle(5 * time.Second)
		s.scp.mu.Lock()
		if want := 2*n - int(full); taken != want {
			t.Errorf("after it had begun to read again, the SCP had %d messages, want %d", taken, want)
		}
		s.scp.mu.Unlock()
		for _, a := range s.status(s.stpA).AS {
			if a.Congestion != 0 {
				t.Errorf("%+v", a)
			}
		}
	}, func(s *scenario) {
		s.more = "m3ua: { send-messages: 256 }\nsctp: { send-buffer: 8192 }\n"
		s.assoc = sctp.Config{ReceiveBuffer: 8192}
	})
}

// TestScenario7: STP-A translates numbers to the SCP, for an exchange of its own and for one behind STP-B; what cannot
// be translated comes back; a loop of translations ends.
func TestScenario7(t *testing.T) {
	forEachTable(t, func(t *testing.T, s *scenario) {
		s.forget()
		var c sccp.Codec
		s.a.send(pcSTPA, 3, mtp3.SCCP, unitdata(t, "4989123", "49800123456")...)
		s.b.send(pcSTPA, 4, mtp3.SCCP, unitdata(t, "4930123", "49800654321")...)
		settle(time.Second)
		got := s.scp.taken()
		if len(got) != 2 {
			t.Fatalf("the SCP got %+v", got)
		}
		for i, digits := range []string{"49800123456", "49800654321"} {
			m, err := c.Parse(got[i].Data)
			if err != nil || got[i].Label.DPC != pcSCP || got[i].Label.SLS != mtp3.SLS(3+i) || !m.Called.RouteOnSSN || m.Called.SSN != 12 || m.Called.GT.Digits.String() != digits {
				t.Errorf("the SCP got %+v: %+v, %v", got[i], m, err)
			}
		}
		// Without a translation: back as UDTS.
		s.b.send(pcSTPA, 4, mtp3.SCCP, connectionless(t, sccp.Message{Type: sccp.UDT, ReturnOnError: true}, "49800654321", "1234")...)
		settle(time.Second)
		if back := s.scp.taken(); len(back) != 1 { // the calling title is one of the SCP's
			t.Errorf("came back: %+v", back)
		} else if m, err := c.Parse(back[0].Data); err != nil || m.Type != sccp.UDTS || m.Cause != sccp.NoTranslation {
			t.Errorf("came back: %+v %v", m, err)
		}
		// Over one translation too many: its hop counter was 1.
		s.e.send(pcSTPB, 5, mtp3.SCCP, connectionless(t, sccp.Message{Type: sccp.XUDT, HopCounter: 2, ReturnOnError: true}, "49800654321", "49800654321")...)
		settle(5 * time.Second)
		if got := s.dropped(s.stpA)["SCCP: hop counter used up"]; got != 1 {
			t.Errorf("%v", s.dropped(s.stpA))
		}
		s.scp.taken()
		// The hop counter is put in where there was none.
		s.a.send(pcSTPA, 5, mtp3.SCCP, unitdata(t, "4989123", "49800123456")...)
		settle(time.Second)
		if got := s.scp.taken(); len(got) != 1 {
			t.Errorf("the SCP got %+v", got)
		} else if m, err := c.Parse(got[0].Data); err != nil || m.Type != sccp.XUDT || m.HopCounter != 15 {
			t.Errorf("the SCP got %+v %v", m, err)
		}
		// In a circle between both STPs.
		s.a.send(pcSTPA, 5, mtp3.SCCP, connectionless(t, sccp.Message{Type: sccp.XUDT, HopCounter: 9, ReturnOnError: true}, "49800654321", "6661")...)
		settle(5 * time.Second)
		if back := s.scp.taken(); len(back) != 1 {
			t.Errorf("came back: %+v", back)
		} else if m, err := c.Parse(back[0].Data); err != nil || m.Type != sccp.XUDTS {
			t.Errorf("came back: %+v %v", m, err)
		}
	}, func(s *scenario) { s.more = "sccp: { extended: on }\n" })
}

// TestScenario8: another configuration is applied under load: what does not change does not notice.
func TestScenario8(t *testing.T) {
	forEachTable(t, func(t *testing.T, s *scenario) {
		s.forget()
		before := s.status(s.stpA)
		text := strings.NewReplacer(
			`{ slc: 2, m2pa: { connect: "10.2.0.1:3565", local: "10.1.0.1:3572" } }`, ``,
			`{ name: d2, peer: "10.1.0.55" }`, `{ name: d2, peer: "10.1.0.56" }`,
			`prefix: "49800"`, `prefix: "49700"`,
			`priority: 1`, `priority: 2`,
			`  - { name: A,`, `  - { name: F, point-code: 1.2.7, routing-context: 7, asps: [ { name: f1, peer: "10.1.0.7" } ] }
  - { name: A,`,
		).Replace(strings.ReplaceAll(s.text(), "      - { slc: 2,", "      # { slc: 2,"))
		cfg := parseTest(t, text)
		var steps []Step
		s.flood(s.a, pcB, 4000, 20*time.Millisecond, func(sent int) {
			if sent == 1000 {
				var err error
				if steps, err = s.stpA.Apply(context.Background(), cfg); err != nil {
					t.Error(err)
				}
			}
		})
		var did []string
		for _, x := range steps {
			did = append(did, x.Kind.String()+" "+x.What+" "+x.Name)
		}
		want := []string{"remove link to-B/2", "add asp f1", "reopen asp d2", "add as F", "add route 1.2.7 via as F", "change gtt "}
		if s.masked {
			want = append(want, "change route 4.5.0/11 via linkset to-B")
		} else {
			want = append(want, "change route 4.5.3 via linkset to-B", "change route 4.5.6 via linkset to-B")
		}
		if diff := cmp.Diff(sorted(want), sorted(did)); diff != "" {
			t.Error(diff)
		}
		complete(t, s.b.taken(), 4000)
		after := s.status(s.stpA)
		for _, l := range before.Links {
			i := slices.IndexFunc(after.Links, func(x LinkStatus) bool { return x.Name == l.Name })
			if l.Name == "to-B/2" {
				if i >= 0 {
					t.Error("link 2 is still there")
				}
				continue
			}
			if x := after.Links[i]; x.Since != l.Since || x.Associations != l.Associations || x.State != "in service" {
				t.Errorf("%+v, before %+v", x, l)
			}
		}
		for _, a := range before.ASPs {
			i := slices.IndexFunc(after.ASPs, func(x ASPStatus) bool { return x.Name == a.Name })
			if x := after.ASPs[i]; a.Name != "d2" && x.Since != a.Since {
				t.Errorf("%+v, before %+v", x, a)
			}
		}
		for _, x := range []*exchange{s.c1, s.scp} { // what they can reach has not changed, but for F
			if diff := cmp.Diff([]string{"MTP-PAUSE 1.2.7"}, x.heard()); diff != "" {
				t.Errorf("%s heard: %s", x.name, diff)
			}
		}
		f := s.exchange("f1", 2071, "10.1.0.7:2905", "10.1.0.1:2905", 7)
		s.a.send(2071, 1, mtp3.MTPTest, 1)
		s.a.send(pcSTPA, 3, mtp3.SCCP, unitdata(t, "4989123", "49700123456")...)
		settle(time.Second)
		if len(f.taken()) != 0 { // A had not heard of it when it sent
			t.Log("F has its first message")
		}
		s.a.send(2071, 1, mtp3.MTPTest, 2)
		settle(time.Second)
		if got := f.taken(); len(got) == 0 || len(s.scp.taken()) != 1 {
			t.Errorf("F got %+v", got)
		}

		// Back to what it was: the link is there again after its alignment.
		if _, err := s.stpA.Apply(context.Background(), parseTest(t, s.text())); err != nil {
			t.Error(err)
		}
		settle(60 * time.Second)
		if got := s.links(); got != strings.Replace(allInService, "x", "x", 1) && !strings.Contains(got, "to-B/2 in service [2 6 10 14]") {
			t.Errorf("%s", got)
		}
		// What needs a new start is refused as a whole.
		var restart *RestartError
		if _, err := s.stpA.Apply(context.Background(), parseTest(t, strings.Replace(s.text(), "1.2.1,", "1.2.2,", 1))); !errors.As(err, &restart) {
			t.Error(err)
		}
		if steps, err := s.stpA.Apply(context.Background(), parseTest(t, s.text())); err != nil || len(steps) != 0 {
			t.Errorf("%v %v", steps, err)
		}
	})
}
