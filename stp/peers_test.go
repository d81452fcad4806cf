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

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// TestGateway: a node that is an ASP of another one, over two associations: what is behind that one is a matter of
// DUNA and DAVA, point by point.
func TestGateway(t *testing.T) {
	for _, role := range []string{"sg", "ipsp-single", "ipsp-double"} {
		t.Run(role, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				passive := "on" // a double exchange has two first steps
				if role == "ipsp-double" {
					passive = "off"
				}
				far := `gateway: [ { name: near, role: ` + role + `, accept: "10.1.0.1", passive: ` + passive + `, routing-contexts: [ 9 ], peer-contexts: [ 9 ] } ]
route: [ { to: 1.2.3, via: near } ]
`
				if role == "sg" {
					far = ""
				}
				n := w.node(`
node:   { name: far, point-code: 4.5.1, network-indicator: national }
listen: [ { m3ua: "10.2.0.1:2905" } ]
as:
  - { name: B, point-code: 4.5.6, routing-context: 2, asps: [ { name: b1, peer: "10.2.0.6" } ] }
  - { name: E, point-code: 4.5.3, routing-context: 1, asps: [ { name: e1, peer: "10.2.0.3" } ] }
` + map[bool]string{true: `  - { name: near, point-code: 1.2.3, routing-context: 9, mode: loadshare, asps: [ { name: n1, peer: "10.1.0.1:4001" } ] }
`}[role == "sg"] + far)
				_ = n
				near := w.node(`
node:    { name: near, point-code: 1.2.1, network-indicator: national }
listen:  [ { m3ua: "10.1.0.1:2905" } ]
as:      [ { name: A, point-code: 1.2.3, routing-context: 1, asps: [ { name: a1, peer: "10.1.0.3" } ] } ]
gateway: [ { name: far, role: ` + role + `, connect: "10.2.0.1:2905", local: "10.1.0.1:4001", routing-contexts: [ 9 ], peer-contexts: [ 9 ], max-backoff: 2s } ]
route:   [ { to: 4.5.0/11, via: far } ]
`)
				a := w.exchange("a1", pcA, "10.1.0.3:2905", "10.1.0.1:2905", 1)
				b := w.exchange("b1", pcB, "10.2.0.6:2905", "10.2.0.1:2905", 2)
				e := w.exchange("e1", pcE, "10.2.0.3:2905", "10.2.0.1:2905", 1)
				settle(5 * time.Second)
				st, err := near.Status(t.Context())
				if err != nil || st.Gateways[0].State != "ACTIVE" {
					t.Fatalf("%+v %v", st.Gateways, err)
				}
				for i := range 32 {
					a.send(pcB, mtp3.SLS(i%16), mtp3.MTPTest, byte(i))
					b.send(pcA, mtp3.SLS(i%16), mtp3.MTPTest, byte(i))
				}
				settle(time.Second)
				if x, y := len(b.taken()), len(a.taken()); x != 32 || y != 32 {
					st, _ := n.Status(t.Context())
					t.Errorf("B got %d, A got %d; far: %+v", x, y, st)
				}
				if role != "sg" {
					return // an IPSP says nothing of destinations
				}
				a.heard()
				b.asp.Close()
				settle(5 * time.Second)
				if diff := cmp.Diff([]string{"MTP-PAUSE 4.5.6"}, a.heard()); diff != "" {
					t.Error(diff)
				}
				a.send(pcE, 1, mtp3.MTPTest, 1)
				a.send(pcB, 1, mtp3.MTPTest, 1)
				settle(time.Second)
				if len(e.taken()) != 1 {
					t.Error("E got nothing")
				}
				w.exchange("b1", pcB, "10.2.0.6:2906", "10.2.0.1:2905", 2)
				settle(5 * time.Second)
				if diff := cmp.Diff([]string{"MTP-RESUME 4.5.6"}, a.heard()); diff != "" {
					t.Error(diff)
				}
				if err := near.Block(t.Context(), KindGateway, "far"); err != nil {
					t.Fatal(err)
				}
				settle(time.Second)
				if diff := cmp.Diff([]string{"MTP-PAUSE 4.5.0/11"}, a.heard()); diff != "" {
					t.Error(diff)
				}
				if err := near.Unblock(t.Context(), KindGateway, "far"); err != nil {
					t.Fatal(err)
				}
				settle(5 * time.Second)
				if diff := cmp.Diff([]string{"MTP-RESUME 4.5.0/11"}, a.heard()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestRegistration: ASPs that nobody configured come, register keys, and share a point code by service indicator;
// their routes come and go with them.
func TestRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		n := w.node(twoAS + "m3ua: { any-asp: on, registration: { dynamic: on } }\n")
		a := w.exchange("a1", pcA, "10.0.0.3:2905", "10.0.0.1:2905", 1)
		var got [2][]mtp3.MSU
		var asps [2]*m3ua.ASP
		for i, si := range []mtp3.ServiceIndicator{mtp3.ISUP, mtp3.SCCP} {
			from := at(fmt.Sprintf("10.0.0.%d:2905", 20+i))
			asps[i] = m3ua.NewASP(m3ua.ClientConfig{
				Name: fmt.Sprint("stranger", i),
				Keys: []m3ua.RoutingKeyRequest{{TrafficMode: m3ua.Override, Key: m3ua.RoutingKey{Groups: []m3ua.KeyGroup{{DPC: 2071, SIs: []mtp3.ServiceIndicator{si}}}}}},
				Dial: func(ctx context.Context) (sctp.Conn, error) {
					return w.net.Dial(ctx, from, at("10.0.0.1:2905"), sctp.Config{})
				},
				Transfer: func(in *m3ua.Indication) {
					m := in.MSU
					m.Data = slices.Clone(m.Data)
					got[i] = append(got[i], m)
				},
			})
			defer asps[i].Close()
			if err := asps[i].Active(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		settle(time.Second)
		if diff := cmp.Diff([]string{"MTP-PAUSE 1.2.4", "MTP-RESUME 1.2.7"}, slices.DeleteFunc(a.heard(), func(s string) bool { return s == "MTP-PAUSE 1.2.7" })); diff != "" {
			t.Error(diff)
		}
		a.send(2071, 1, mtp3.ISUP, releaseComplete(1)...)
		a.send(2071, 1, mtp3.SCCP, unitdata(t, "1", "2")...)
		a.send(2071, 1, mtp3.TUP, 1) // nobody's
		settle(time.Second)
		if len(got[0]) != 1 || got[0][0].SI != mtp3.ISUP || len(got[1]) != 1 || got[1][0].SI != mtp3.SCCP {
			t.Errorf("%+v", got)
		}
		st, err := n.Status(t.Context())
		if err != nil || st.Traffic.Dropped["no routing key"] != 1 {
			t.Errorf("%v %+v", err, st.Traffic.Dropped)
		}
		asps[0].Close()
		asps[1].Close()
		settle(5 * time.Second)
		if diff := cmp.Diff([]string{"MTP-PAUSE 1.2.7"}, a.heard()); diff != "" {
			t.Error(diff)
		}
		if st, _ = n.Status(t.Context()); len(st.AS) != 2 || len(st.ASPs) != 2 || slices.ContainsFunc(st.Routes, func(r RouteStatus) bool { return r.To == "1.2.7" }) {
			t.Errorf("%+v %+v", st.AS, st.Routes)
		}
	})
}

// TestScreening: who may send what to whom, on the short way and through the loop.
func TestScreening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		n := w.node(strings.Replace(twoAS, "routing-context: 1,", "routing-context: 1, screen: no-isup,", 1) + `
screening: [ { name: no-isup, rules: [ { action: deny, si: [ isup ] }, { action: deny, opc: [ 1.2.7 ] } ] } ]
`)
		a := w.exchange("a1", pcA, "10.0.0.3:2905", "10.0.0.1:2905", 1)
		b := w.exchange("b1", pcC, "10.0.0.4:2905", "10.0.0.1:2905", 2)
		settle(time.Second)
		a.send(pcC, 1, mtp3.ISUP, 1)
		a.send(pcC, 1, mtp3.SCCP, 2)
		a.send(pcSTPA, 1, mtp3.ISUP, 3)
		b.send(pcA, 1, mtp3.ISUP, 4)
		m := mtp3.MSU{SI: mtp3.SCCP, NI: mtp3.International, Label: mtp3.Label{DPC: pcC, OPC: pcA}, Data: []byte{5}}
		if err := a.asp.Transfer(&m); err != nil {
			t.Error(err)
		}
		a.pc = 2071
		a.send(pcC, 1, mtp3.SCCP, 6)
		settle(time.Second)
		if got := b.taken(); len(got) != 1 || got[0].Data[0] != 2 {
			t.Errorf("B got %+v", got)
		}
		if got := a.taken(); len(got) != 1 {
			t.Errorf("A got %+v", got)
		}
		st, err := n.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]uint64{"screened out": 3, "wrong network": 1}, st.Traffic.Dropped); diff != "" {
			t.Error(diff)
		}
	})
}

// TestUsers: a program that embeds the node has users of its own.
func TestUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		var got []byte
		var said []string
		n := w.nodeOf(parseTest(t, twoAS), Options{
			Users:     map[mtp3.ServiceIndicator]func(*mtp3.MSU){mtp3.ISUP: func(m *mtp3.MSU) { got = append(got, m.Data...) }},
			Primitive: func(p mtp3.Primitive) { said = append(said, fmt.Sprintf("%v %d", p.Kind, p.Affected.PC)) },
		})
		a := w.exchange("a1", pcA, "10.0.0.3:2905", "10.0.0.1:2905", 1)
		settle(time.Second)
		a.send(pcSTPA, 1, mtp3.ISUP, 7)
		m := mtp3.MSU{SI: mtp3.ISUP, Label: mtp3.Label{DPC: pcA}, Data: []byte{8}}
		if err := n.Transfer(&m); err != nil {
			t.Error(err)
		}
		m.Label.SLS = 99
		if err := n.Transfer(&m); err == nil {
			t.Error("an SLS of 99")
		}
		settle(time.Second)
		if back := a.taken(); len(back) != 1 || back[0].Label.OPC != pcSTPA || back[0].NI != mtp3.National {
			t.Errorf("A got %+v", back)
		}
		if string(got) != "\a" || !slices.Equal(said, []string{fmt.Sprintf("MTP-RESUME %d", pcA)}) {
			t.Errorf("the node got %v, %q", got, said)
		}
	})
}

// TestTCP: M3UA over TCP, on real sockets.
func TestTCP(t *testing.T) {
	port := lab.FreePort(t)
	w := &world{t: t, net: m3ua.TCP{}}
	defer w.end()
	yaml := strings.ReplaceAll(twoAS, `m3ua: "10.0.0.1:2905"`, fmt.Sprintf(`m3ua-tcp: "127.0.0.1:%d"`, port))
	yaml = strings.NewReplacer("10.0.0.3", "127.0.0.3", "10.0.0.4", "127.0.0.4").Replace(yaml)
	w.node(yaml)
	to := fmt.Sprintf("127.0.0.1:%d", port)
	a := w.exchange("a1", pcA, "127.0.0.3:0", to, 1)
	b := w.exchange("b1", pcC, "127.0.0.4:0", to, 2)
	for i := 0; len(b.taken()) == 0 && i < 500; i++ {
		a.send(pcC, 1, mtp3.MTPTest, 1)
		time.Sleep(10 * time.Millisecond)
		if i == 499 {
			t.Error("nothing arrives")
		}
	}
}
