package m3ua_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
)

// osmo runs an osmo-stp with a configuration until the test ends.
func osmo(t *testing.T, config string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "osmo-stp.cfg")
	if err := os.WriteFile(name, []byte("log stderr\n logging level set-all notice\nline vty\n no login\n bind 127.0.0.1\n"+config), 0o644); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.Command("osmo-stp", "-c", name)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	eventually(t, "osmo-stp answers", func() bool { return vty("show version") != "" })
}

// vty asks osmo-stp's operator terminal.
func vty(command string) string {
	c, err := net.Dial("tcp", "127.0.0.1:4239")
	if err != nil {
		return ""
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	var out []byte
	prompt := func() bool {
		b := make([]byte, 4096)
		for !strings.HasSuffix(strings.TrimRight(string(out), " "), ">") {
			n, err := c.Read(b)
			if out = append(out, b[:n]...); err != nil {
				return false
			}
		}
		return true
	}
	if !prompt() {
		return ""
	}
	out = nil
	fmt.Fprintf(c, "%s\r\n", command)
	if !prompt() {
		return ""
	}
	return string(out)
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 300 {
		if f() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// party is an ASP with what it got.
type party struct {
	*m3ua.ASP
	mu  sync.Mutex
	got map[mtp3.SLS][]byte
	n   int
	pri map[string]bool
}

func join(t *testing.T, cfg m3ua.ClientConfig, local, remote string) *party {
	t.Helper()
	p := &party{got: map[mtp3.SLS][]byte{}, pri: map[string]bool{}}
	from, err := sctp.ParseAddr(local)
	if err != nil {
		t.Fatal(err)
	}
	to, err := sctp.ParseAddr(remote)
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxBackoff = 100 * time.Millisecond
	cfg.Dial = func(ctx context.Context) (sctp.Conn, error) {
		return kernel.Network{}.Dial(ctx, from, to, sctp.Config{})
	}
	cfg.Transfer = func(in *m3ua.Indication) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.n++
		p.got[in.MSU.Label.SLS] = append(p.got[in.MSU.Label.SLS], in.MSU.Data[len(in.MSU.Data)-1])
	}
	cfg.Event = func(e m3ua.Event) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if e.Kind == m3ua.PrimitiveEvent {
			p.pri[fmt.Sprintf("%v %d", e.Primitive.Kind, e.Primitive.Affected.PC)] = true
		}
	}
	p.ASP = m3ua.NewASP(cfg)
	t.Cleanup(func() { p.Close() })
	return p
}

func (p *party) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func (p *party) heard(s string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pri[s]
}

// inOrder checks the last octets that send put in.
func (p *party) inOrder(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for sls, list := range p.got {
		for i := 1; i < len(list); i++ {
			if list[i] <= list[i-1] {
				t.Fatalf("SLS %d: %v", sls, list)
			}
		}
	}
}

// send sends ISUP messages over every SLS.
func send(t *testing.T, from *party, opc, dpc mtp3.PointCode, n int) {
	t.Helper()
	for i := range n {
		m := mtp3.MSU{NI: mtp3.National, SI: mtp3.ISUP, Label: mtp3.Label{DPC: dpc, OPC: opc, SLS: mtp3.SLS(i % 16)},
			Data: []byte{1, 0, 12, 2, 0, 2, 131, byte(i / 16)}} // REL
		if err := from.Transfer(&m); err != nil {
			t.Fatal(err)
		}
	}
}

const isup4, isup5 = mtp3.PointCode(12<<3 | 4), mtp3.PointCode(12<<3 | 5) // 0.12.4, 0.12.5

// TestOsmoSTPAsGateway: our ASPs with osmo-stp as their gateway: one AS in mode override with a
// standby, one in mode loadshare.
func TestOsmoSTPAsGateway(t *testing.T) {
	lab.NeedKernel(t)
	lab.Need(t, "osmo-stp", "osmo-stp")
	asp := func(name string, port, ip int) string {
		return fmt.Sprintf(" asp %s %d 2905 m3ua\n  remote-ip 127.0.0.%d\n  local-ip 127.0.0.1\n  role sg\n  sctp-role server\n", name, port, ip)
	}
	osmo(t, "cs7 instance 0\n point-code 0.0.1\n"+asp("a1", 3001, 2)+asp("a2", 3002, 3)+asp("b1", 3003, 4)+asp("b2", 3004, 5)+
		" as as-a m3ua\n  asp a1\n  asp a2\n  traffic-mode override\n  routing-key 1 0.12.4\n"+
		" as as-b m3ua\n  asp b1\n  asp b2\n  traffic-mode loadshare\n  routing-key 2 0.12.5\n"+
		" route-table system\n  update route 0.12.4 7.255.7 linkset as-a\n  update route 0.12.5 7.255.7 linkset as-b\n"+
		" listen m3ua 2905\n  local-ip 127.0.0.1\n")
	tr := tsharktest.Capture(t)
	const sg = "127.0.0.1:2905"
	a1 := join(t, m3ua.ClientConfig{Name: "a1", RoutingContexts: []uint32{1}, TrafficMode: m3ua.Override, Trace: tr}, "127.0.0.2:3001", sg)
	a2 := join(t, m3ua.ClientConfig{Name: "a2", RoutingContexts: []uint32{1}, TrafficMode: m3ua.Override, Standby: true, Trace: tr}, "127.0.0.3:3002", sg)
	b1 := join(t, m3ua.ClientConfig{Name: "b1", RoutingContexts: []uint32{2}, TrafficMode: m3ua.Loadshare, Trace: tr}, "127.0.0.4:3003", sg)
	b2 := join(t, m3ua.ClientConfig{Name: "b2", RoutingContexts: []uint32{2}, TrafficMode: m3ua.Loadshare, Trace: tr}, "127.0.0.5:3004", sg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := errors.Join(a1.Active(ctx), a2.Active(ctx), b1.Active(ctx), b2.Active(ctx)); err != nil {
		t.Fatal(err)
	}
	asps, ass := vty("show cs7 instance 0 asp"), vty("show cs7 instance 0 as all")
	if strings.Count(asps, "ASP_ACTIVE") != 3 || strings.Count(asps, "ASP_INACTIVE") != 1 || strings.Count(ass, "AS_ACTIVE") != 2 {
		t.Errorf("osmo-stp sees\n%s\n%s", asps, ass)
	}
	send(t, a1, isup4, isup5, 480)
	send(t, b1, isup5, isup4, 480)
	eventually(t, "everything arrives", func() bool { return a1.count() == 480 && b1.count()+b2.count() == 480 })
	t.Logf("loadshare: %d and %d", b1.count(), b2.count())
	a1.inOrder(t)
	b1.inOrder(t)
	b2.inOrder(t)

	// The active ASP of the override AS leaves: the standby takes over.
	if err := a1.Down(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the standby is active", func() bool { return a2.Stats().State == m3ua.Active })
	send(t, b1, isup5, isup4, 16)
	eventually(t, "the standby gets the traffic", func() bool { return a2.count() == 16 })

	// One ASP of the loadshare AS fails, then the other.
	b1.Close()
	before := b2.count()
	eventually(t, "osmo-stp notices", func() bool { return strings.Count(vty("show cs7 instance 0 asp"), "ASP_ACTIVE") == 2 })
	send(t, a2, isup4, isup5, 32)
	eventually(t, "the other gets everything", func() bool { return b2.count() == before+32 })
	b2.Close()
	eventually(t, "DUNA", func() bool { return a2.heard(fmt.Sprintf("MTP-PAUSE %d", isup5)) })
	b3 := join(t, m3ua.ClientConfig{Name: "b3", RoutingContexts: []uint32{2}, TrafficMode: m3ua.Loadshare, Trace: tr}, "127.0.0.4:3003", sg)
	if err := b3.Active(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "DAVA", func() bool { return a2.heard(fmt.Sprintf("MTP-RESUME %d", isup5)) })
}

// TestOsmoSTPAsASP: osmo-stp as an ASP of our gateway. Behind it, to which it is a gateway, is
// another ASP of ours: A - our gateway - osmo-stp - B.
func TestOsmoSTPAsASP(t *testing.T) {
	lab.NeedKernel(t)
	lab.Need(t, "osmo-stp", "osmo-stp")
	tr := tsharktest.Capture(t)
	l, err := kernel.Network{}.Listen(t.Context(), sctp.AddrOf(netip.MustParseAddrPort("127.0.0.9:2906")), sctp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	key := func(pc mtp3.PointCode) m3ua.RoutingKey { return m3ua.RoutingKey{Groups: []m3ua.KeyGroup{{DPC: pc}}} }
	sg, err := m3ua.NewSG(m3ua.SGConfig{Trace: tr,
		ASP: []m3ua.ASPConfig{{Name: "a", Remote: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.2:0")}}, {Name: "osmo", Remote: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:3005")}}},
		AS:  []m3ua.ASConfig{{Name: "A", RoutingContext: 1, Key: key(isup4), ASPs: []string{"a"}}, {Name: "B", RoutingContext: 7, Key: key(isup5), ASPs: []string{"osmo"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sg.Close()
	go sg.Serve(context.Background(), l)
	osmo(t, "cs7 instance 0\n point-code 0.0.1\n"+
		" asp to-sg 2906 3005 m3ua\n  remote-ip 127.0.0.9\n  local-ip 127.0.0.1\n  role asp\n  sctp-role client\n"+
		" asp b1 3003 2905 m3ua\n  remote-ip 127.0.0.4\n  local-ip 127.0.0.1\n  role sg\n  sctp-role server\n"+
		" as as-sg m3ua\n  asp to-sg\n  traffic-mode override\n  routing-key 7 0.12.5\n"+
		" as as-b m3ua\n  asp b1\n  traffic-mode override\n  routing-key 2 0.12.5\n"+
		" route-table system\n  update route 0.12.4 7.255.7 linkset as-sg\n  update route 0.12.5 7.255.7 linkset as-b\n"+
		" listen m3ua 2905\n  local-ip 127.0.0.1\n")
	a := join(t, m3ua.ClientConfig{Name: "a", RoutingContexts: []uint32{1}, Trace: tr}, "127.0.0.2:3001", "127.0.0.9:2906")
	b := join(t, m3ua.ClientConfig{Name: "b", RoutingContexts: []uint32{2}, Trace: tr}, "127.0.0.4:3003", "127.0.0.1:2905")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := errors.Join(a.Active(ctx), b.Active(ctx)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "osmo-stp is active at our gateway", func() bool { return sg.AS("B").State() == m3ua.Active })
	if s := vty("show cs7 instance 0 asp"); strings.Count(s, "ASP_ACTIVE") != 2 {
		t.Errorf("osmo-stp sees\n%s", s)
	}
	send(t, a, isup4, isup5, 480)
	send(t, b, isup5, isup4, 480)
	eventually(t, "everything arrives", func() bool { return a.count() == 480 && b.count() == 480 })
	a.inOrder(t)
	b.inOrder(t)
	if err := sg.BlockAS("B"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "DUNA at A", func() bool { return a.heard(fmt.Sprintf("MTP-PAUSE %d", isup5)) })
}
