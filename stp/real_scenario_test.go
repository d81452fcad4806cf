package stp_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
	"github.com/gotelco/telco/stp"
)

// The points of the scenario: see the tests on virtual time, which look closer.
const pcA, pcC, pcSCP, pcSTPA, pcSTPB, pcE, pcB = 2067, 2068, 2070, 2065, 8233, 8235, 8238

var scenarioReal = strings.NewReplacer(
	`asps: [ { name: c1, peer: "127.1.0.4" } ] }`, `mode: override, asps: [ { name: c1, peer: "127.1.0.4" }, { name: c2, peer: "127.1.0.44" } ] }
  - { name: SCP, point-code: 1.2.6, routing-context: 4, asps: [ { name: scp1, peer: "127.1.0.6" } ] }`,
).Replace(realA) + `
m3ua: { send-messages: 256 }
gtt:  [ { match: { np: e164, prefix: "49800" }, to: { pc: 1.2.6, ssn: 12 } } ]
`

var scenarioRealB = strings.Replace(realB, `peer: "127.2.0.6" } ] }`, `peer: "127.2.0.6" } ] }, { name: E, point-code: 4.5.3, routing-context: 1, asps: [ { name: e1, peer: "127.2.0.3" } ] }`, 1)

func (e *end) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.primed)
}

// scenarioSteps are the eight steps over real associations.
func scenarioSteps(t *testing.T, network sctp.Network, more string, udp uint16) {
	tr := tsharktest.Capture(t)
	net := &cutter{Network: network, dialled: map[string]sctp.Conn{}}
	stpB := run(t, scenarioRealB+more, net, tr)
	stpA := run(t, scenarioReal+more, net, tr)
	at := func(s string) sctp.Addr {
		a := sctp.AddrOf(netip.MustParseAddrPort(s))
		a.UDP = udp
		return a
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	join := func(name string, pc mtp3.PointCode, rc uint32, local, remote string) *end {
		t.Helper()
		e := newEnd(t, net, name, pc, rc, at(local), at(remote), nil)
		if err := e.Active(ctx); err != nil {
			t.Fatal(err)
		}
		return e
	}
	status := func(n *stp.Node) stp.Status {
		t.Helper()
		st, err := n.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	up := func() (n int) {
		for _, l := range status(stpA).Links {
			if l.State == mtp3.LinkInService.String() && len(l.SLS) == 4 {
				n++
			}
		}
		return n
	}
	reach := func(n *stp.Node, opc, dpc mtp3.PointCode) bool {
		e, err := n.Explain(ctx, stp.Query{Label: mtp3.Label{OPC: opc, DPC: dpc}})
		if err != nil {
			t.Fatal(err)
		}
		return e.Forwarded
	}
	const gwA, gwB = "127.1.0.1:2905", "127.2.0.1:2905"
	a, c1, scp := join("a1", pcA, 1, "127.1.0.3:2905", gwA), join("c1", pcC, 2, "127.1.0.4:2905", gwA), join("scp1", pcSCP, 4, "127.1.0.6:2905", gwA)
	e, b := join("e1", pcE, 1, "127.2.0.3:2905", gwB), join("b1", pcB, 2, "127.2.0.6:2905", gwB)

	// 1. Everything in service.
	until(t, "four links carry four SLS each", func() bool { return up() == 4 })
	until(t, "A, B and E can reach one another", func() bool {
		return reach(stpA, pcA, pcB) && reach(stpA, pcA, pcE) && reach(stpB, pcB, pcA) && reach(stpB, pcE, pcC)
	})
	a.flood(t, b, 1600, 200, nil)
	b.flood(t, a, 160, 200, nil)
	e.flood(t, c1, 160, 200, nil)

	// 2. One link is lost and comes back.
	b.renumber()
	a.flood(t, b, 1600, 200, func(sent int) {
		if sent == 400 {
			net.cut("127.1.0.1:3571")
			until(t, "the link is lost", func() bool { return up() < 4 })
		}
	})
	until(t, "the link is back", func() bool { return up() == 4 })

	// 3. All links are lost and come back.
	a.forget()
	for i := range 4 {
		net.cut(fmt.Sprintf("127.1.0.1:357%d", i))
	}
	until(t, "A hears that 4.5.0/11 is lost", func() bool { return a.heard("MTP-PAUSE %d", 8232) })
	until(t, "A hears that it is back", func() bool { return a.heard("MTP-RESUME %d", 8232) })
	until(t, "the links are back", func() bool { return up() == 4 })

	// 4. B alone is lost.
	a.forget()
	b.Close()
	until(t, "A hears that B is lost", func() bool { return a.heard("MTP-PAUSE %d", pcB) })
	if !reach(stpA, pcA, pcE) || a.heard("MTP-PAUSE %d", 8232) {
		t.Error("more than B is lost")
	}
	b = join("b1", pcB, 2, "127.2.0.6:2905", gwB)
	until(t, "B is back", func() bool { return reach(stpA, pcA, pcB) })

	// 5. An ASP fails; the next one gets what came meanwhile.
	if err := c1.Inactive(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range 32 {
		m := mtp3.MSU{SI: mtp3.MTPTest, NI: mtp3.National, Label: mtp3.Label{DPC: pcC, OPC: pcA, SLS: mtp3.SLS(i % 16)}, Data: []byte{0, 0, byte(i), 0}}
		if err := a.Transfer(&m); err != nil {
			t.Fatal(err)
		}
	}
	c2 := join("c2", pcC, 2, "127.1.0.44:2905", gwA)
	until(t, "the other ASP of C has everything", func() bool { return c2.count() == 32 })

	// 6. An ASP does not read.
	stuck := make(chan struct{})
	scp.mu.Lock()
	scp.block = stuck
	scp.mu.Unlock()
	for i := 0; !a.heard("MTP-STATUS %d", pcSCP) && i < 200_000; i++ {
		m := mtp3.MSU{SI: mtp3.MTPTest, NI: mtp3.National, Label: mtp3.Label{DPC: pcSCP, OPC: pcA}, Data: make([]byte, 200)}
		if a.Transfer(&m) != nil {
			time.Sleep(time.Millisecond)
		}
	}
	if !a.heard("MTP-STATUS %d", pcSCP) {
		t.Error("A does not hear of congestion")
	}
	b.renumber()
	a.flood(t, b, 320, 100, nil)
	close(stuck)
	until(t, "what waits for the SCP is on its way", func() bool {
		for _, x := range status(stpA).ASPs {
			if x.Name == "scp1" {
				return x.Queued == 0 && x.Congestion == 0
			}
		}
		return false
	})

	// 7. Translation.
	digits, err := sccp.ParseDigits("49800123")
	if err != nil {
		t.Fatal(err)
	}
	gt := sccp.Address{HasSSN: true, SSN: 8, GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.InternationalNumber, Digits: digits}}
	udt, err := sccp.Codec{}.Append(nil, sccp.Message{Type: sccp.UDT, Called: gt, Calling: gt, Data: []byte{0x64, 0x06, 0x49, 0x04, 0, 0, 0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	m := mtp3.MSU{SI: mtp3.SCCP, NI: mtp3.National, Label: mtp3.Label{DPC: pcSTPA, OPC: pcB}, Data: udt}
	if err := b.Transfer(&m); err != nil {
		t.Fatal(err)
	}
	until(t, "the SCP has the number", func() bool {
		scp.mu.Lock()
		defer scp.mu.Unlock()
		return scp.units == 1
	})

	// 8. Another configuration.
	was := status(stpA)
	c, err := stp.ParseConfig("new.yaml", []byte(strings.Replace(scenarioReal+more, "priority: 1", "priority: 3", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := stpA.Apply(ctx, c); err != nil || len(steps) != 1 {
		t.Errorf("%v %v", steps, err)
	}
	for i, l := range status(stpA).Links {
		if l.Since != was.Links[i].Since || l.Associations != was.Links[i].Associations {
			t.Errorf("%+v, before %+v", l, was.Links[i])
		}
	}
	b.renumber()
	a.flood(t, b, 320, 100, nil)
}

// TestScenarioUDP: the eight steps over our own SCTP, over UDP.
func TestScenarioUDP(t *testing.T) {
	if testing.Short() {
		t.Skip("a quarter of a minute of real time, left out with -short")
	}
	port := uint16(lab.FreePort(t))
	scenarioSteps(t, user.New(user.Config{}), fmt.Sprintf("sctp: { udp-port: %d }\n", port), port)
}

// TestScenarioKernel: the same over the kernel's SCTP.
func TestScenarioKernel(t *testing.T) {
	lab.NeedKernel(t)
	scenarioSteps(t, kernel.Network{}, "", 0)
}
