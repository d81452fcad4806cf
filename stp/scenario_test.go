package stp

import (
	"context"
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
	stpA, stpB        *Node
	a, c1, c2, d1, d2 *exchange
	scp, e, b         *exchange
	masked            bool
	numbers           [16]byte
}

func newScenario(t testing.TB, masked bool) *scenario {
	t.Helper()
	s := &scenario{world: newWorld(t), masked: masked}
	return s
}

// start brings everything up.
func (s *scenario) start() {
	t := s.t
	t.Helper()
	routes := singleRoutes
	if s.masked {
		routes = maskedRoute
	}
	s.stpB = s.node(scenarioB)
	s.stpA = s.node(scenarioA + routes)
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
	var c sccp.Codec
	gt := func(digits string) sccp.Address {
		d, err := sccp.ParseDigits(digits)
		if err != nil {
			t.Fatal(err)
		}
		return sccp.Address{HasSSN: true, SSN: 8, GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.InternationalNumber, Digits: d}}
	}
	b, err := c.Append(nil, sccp.Message{Type: sccp.UDT, Called: gt(called), Calling: gt(calling), Data: []byte{0x62, 0x00}})
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

func forEachTable(t *testing.T, test func(t *testing.T, s *scenario)) {
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
