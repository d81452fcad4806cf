package m3ua

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// lab is a gateway and ASPs on a network in memory, within a bubble of synctest.
type lab struct {
	t   *testing.T
	net *sctp.Memory
	sg  *SG
	l   sctp.Listener
}

func addrOf(s string) sctp.Addr {
	a, err := sctp.ParseAddr(s)
	if err != nil {
		panic(err)
	}
	return a
}

const sgAddr = "192.0.2.1:2905"

func aspAddr(i int) string { return fmt.Sprintf("192.0.2.%d:2905", 10+i) }

func newLab(t *testing.T, cfg SGConfig) *lab {
	t.Helper()
	for i := range cfg.ASP {
		cfg.ASP[i].Remote = []netip.AddrPort{netip.MustParseAddrPort(aspAddr(i))}
	}
	sg, err := NewSG(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := sctp.NewMemory(sctp.MemoryConfig{Delay: time.Millisecond})
	l, err := n.Listen(t.Context(), addrOf(sgAddr), sctp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	go sg.Serve(context.Background(), l)
	lb := &lab{t: t, net: n, sg: sg, l: l}
	return lb
}

func (lb *lab) close() {
	lb.sg.Close()
	lb.l.Close()
	time.Sleep(time.Minute) // what the network still does, in virtual time
}

// asp makes the ASP number i of the gateway's configuration.
func (lb *lab) asp(i int, cfg ClientConfig) *user {
	u := &user{}
	cfg.Name = fmt.Sprintf("asp%d", i)
	cfg.Dial = func(ctx context.Context) (sctp.Conn, error) {
		c, err := lb.net.Dial(ctx, addrOf(aspAddr(i)), addrOf(sgAddr), sctp.Config{})
		u.mu.Lock()
		u.conn, _ = c.(*sctp.MemoryConn)
		u.mu.Unlock()
		return c, err
	}
	cfg.Transfer = u.transfer
	cfg.Event = u.event
	u.ASP = NewASP(cfg)
	return u
}

// user is an ASP with what it got.
type user struct {
	*ASP
	mu     sync.Mutex
	conn   *sctp.MemoryConn
	got    []mtp3.MSU
	corr   int
	events []Event
}

func (u *user) transfer(in *Indication) {
	u.mu.Lock()
	defer u.mu.Unlock()
	m := in.MSU
	m.Data = append([]byte(nil), m.Data...)
	u.got = append(u.got, m)
	if in.CorrelationID.Set {
		u.corr++
	}
}

func (u *user) event(e Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.events = append(u.events, e)
}

func (u *user) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.got)
}

// saw says whether there was a primitive about a destination.
func (u *user) saw(k mtp3.PrimitiveKind, d mtp3.Destination) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, e := range u.events {
		if e.Kind == PrimitiveEvent && e.Primitive.Kind == k && e.Primitive.Affected == d {
			return true
		}
	}
	return false
}

func (lb *lab) active(us ...*user) {
	lb.t.Helper()
	for _, u := range us {
		ctx, cancel := context.WithTimeout(lb.t.Context(), time.Minute)
		if err := u.Active(ctx); err != nil {
			lb.t.Fatalf("%s: %v", u.cfg.Name, err)
		}
		cancel()
	}
}

func msu(opc, dpc mtp3.PointCode, sls int, data ...byte) *mtp3.MSU {
	return &mtp3.MSU{NI: mtp3.National, SI: mtp3.ISUP, Label: mtp3.Label{DPC: dpc, OPC: opc, SLS: mtp3.SLS(sls)}, Data: append([]byte{1, 0, 16, 0}, data...)}
}

// capture judges by tshark what a test sends.
func capture(t *testing.T) trace.Func {
	if testing.Short() {
		return nil
	}
	return tsharktest.Capture(t)
}

// TestTransit: A and C exchange messages through a gateway that routes by its keys; C fails and
// comes back.
func TestTransit(t *testing.T) {
	cfg := two(Override)
	cfg.Trace = capture(t)
	synctest.Test(t, func(t *testing.T) {
		lb := newLab(t, cfg)
		defer lb.close()
		a, c := lb.asp(0, ClientConfig{RoutingContexts: []uint32{1}}), lb.asp(2, ClientConfig{})
		defer a.Close()
		defer c.Close()
		lb.active(a, c)
		for i := range 100 {
			if err := a.Transfer(msu(2067, 2069, i%16, byte(i))); err != nil {
				t.Fatal(err)
			}
			if err := c.Transfer(msu(2069, 2067, i%16, byte(i))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if a.count() != 100 || c.count() != 100 {
			t.Fatalf("%d and %d messages", a.count(), c.count())
		}
		last := map[mtp3.SLS]byte{}
		for _, m := range c.got {
			if d := m.Data[4]; d < last[m.Label.SLS] || m.Label.OPC != 2067 || m.Label.DPC != 2069 || m.SI != mtp3.ISUP || m.NI != mtp3.National {
				t.Fatalf("%+v after %d", m, last[m.Label.SLS])
			} else {
				last[m.Label.SLS] = d
			}
		}
		if err := a.Transfer(msu(2067, 9999, 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if !a.saw(mtp3.PausePrimitive, mtp3.Destination{PC: 9999}) {
			t.Error("no DUNA for a destination that nobody has")
		}
		c.conn.Crash()
		lb.sg.BlockASP("c") // it is kept away
		time.Sleep(20 * time.Minute)
		if !a.saw(mtp3.PausePrimitive, mtp3.Destination{PC: 2069}) {
			t.Error("no DUNA when C failed")
		}
		lb.sg.UnblockASP("c")
		time.Sleep(20 * time.Minute)
		if !a.saw(mtp3.ResumePrimitive, mtp3.Destination{PC: 2069}) || c.Stats().State != Active {
			t.Errorf("C did not come back: %+v", lb.sg.Stats())
		}
		if st := lb.sg.Stats(); st.NoRoute != 1 || st.AS[0].Transferred != 100 || st.AS[1].Transferred != 100 || st.ASP[0].Received < 102 {
			t.Errorf("%+v", st)
		}
	})
}

// TestRecovery: what comes while an AS is pending goes to the ASP that takes over within T(r), in
// order and without loss.
func TestRecovery(t *testing.T) {
	cfg := two(Override)
	cfg.PendingMessages = 50
	cfg.Trace = capture(t)
	synctest.Test(t, func(t *testing.T) {
		lb := newLab(t, cfg)
		defer lb.close()
		a, b := lb.asp(0, ClientConfig{RoutingContexts: []uint32{1}, Identifier: Some(1)}), lb.asp(1, ClientConfig{RoutingContexts: []uint32{1}, Identifier: Some(2), Standby: true})
		defer a.Close()
		defer b.Close()
		lb.active(a, b)
		if st := b.Stats().State; st != Inactive {
			t.Fatalf("the standby is %v", st)
		}
		A := lb.sg.AS("A")
		n := 0
		send := func(k int) (err error) {
			for range k {
				n++
				err = errors.Join(err, A.Transfer(msu(1, 2067, n%16, byte(n))))
			}
			return err
		}
		if err := send(10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		a.conn.Abort("gone")
		time.Sleep(time.Millisecond + 1) // the gateway knows, the standby does not yet
		if A.State() != Pending {
			t.Fatalf("AS-%v", A.State())
		}
		if err := send(50); err != nil {
			t.Fatal(err)
		}
		if err := A.Transfer(msu(1, 2067, 0)); err != ErrCongested {
			t.Errorf("over the limit: %v", err)
		}
		time.Sleep(time.Second)
		if A.State() != Active || b.count() != 50 || a.count() != 10 {
			t.Fatalf("AS-%v, %d and %d messages", A.State(), a.count(), b.count())
		}
		last := map[mtp3.SLS]byte{}
		for _, m := range b.got {
			if m.Data[4] < last[m.Label.SLS] {
				t.Fatalf("out of order: %+v", b.got)
			}
			last[m.Label.SLS] = m.Data[4]
		}
		// The first one comes back and takes over again: the second is overridden, and stays so.
		time.Sleep(time.Minute)
		if a.Stats().State != Active || b.Stats().State != Inactive {
			t.Errorf("%v, %v", a.Stats().State, b.Stats().State)
		}
		b.Close()
		a.conn.Abort("gone")
		time.Sleep(2 * time.Millisecond)
		if err := send(5); err != nil {
			t.Fatal(err)
		}
		lb.sg.BlockASP("a")
		time.Sleep(3 * time.Second)
		var na *NotActiveError
		if err := send(1); !errors.As(err, &na) || !errors.Is(err, ErrNotActive) {
			t.Errorf("after T(r): %v", err)
		}
		if st := lb.sg.Stats().AS[0]; st.Expired != 5 || st.Overflowed != 1 || st.Queued != 55 {
			t.Errorf("%+v", st)
		}
	})
}

// TestSharing: loadshare and broadcast over three ASPs, and what happens when one leaves.
func TestSharing(t *testing.T) {
	for _, mode := range []TrafficMode{Loadshare, Broadcast} {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := two(mode)
			cfg.AS = cfg.AS[:1]
			cfg.AS[0].ASPs = []string{"a", "b", "c"}
			cfg.Trace = capture(t)
			synctest.Test(t, func(t *testing.T) {
				lb := newLab(t, cfg)
				defer lb.close()
				var us []*user
				for i := range 3 {
					u := lb.asp(i, ClientConfig{RoutingContexts: []uint32{1}, TrafficMode: mode})
					defer u.Close()
					us = append(us, u)
				}
				lb.active(us...)
				A := lb.sg.AS("A")
				burst := func() (counts [3]int, of [16]int) {
					for _, u := range us {
						u.mu.Lock()
						u.got = nil
						u.mu.Unlock()
					}
					for i := range 160 {
						if err := A.Transfer(msu(1, 2067, i%16, byte(i))); err != nil {
							t.Fatal(err)
						}
					}
					time.Sleep(time.Second)
					for i, u := range us {
						counts[i] = u.count()
						for _, m := range u.got {
							of[m.Label.SLS] = i
						}
					}
					return counts, of
				}
				n, before := burst()
				if mode == Broadcast {
					// The first of each SLS has a Correlation ID, for each ASP.
					if n != [3]int{160, 160, 160} || us[0].corr != 16 || us[2].corr != 16 {
						t.Errorf("%v, %d, %d", n, us[0].corr, us[2].corr)
					}
				} else if n[0]+n[1]+n[2] != 160 || min(n[0], n[1], n[2]) != 50 || max(n[0], n[1], n[2]) != 60 {
					t.Errorf("%v", n)
				}
				if err := us[1].Inactive(t.Context()); err != nil {
					t.Fatal(err)
				}
				n, after := burst()
				if mode == Broadcast {
					if n != [3]int{160, 0, 160} {
						t.Errorf("%v", n)
					}
					return
				}
				if n != [3]int{80, 0, 80} {
					t.Errorf("%v", n)
				}
				for sls := range before {
					if before[sls] != 1 && before[sls] != after[sls] {
						t.Errorf("SLS %d moved from %d to %d", sls, before[sls], after[sls])
					}
				}
			})
		})
	}
}

// TestSlowASP: an ASP that does not read is congested, its DATA is bounded, and others go on.
func TestSlowASP(t *testing.T) {
	cfg := SGConfig{SendMessages: 1000, CongestionLevels: true,
		ASP: []ASPConfig{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		AS: []ASConfig{{Name: "A", RoutingContext: 1, Key: dpc(2067), ASPs: []string{"a"}}, {Name: "B", RoutingContext: 2, Key: dpc(2068), ASPs: []string{"b"}},
			{Name: "C", RoutingContext: 3, Key: dpc(2069), ASPs: []string{"c"}}}}
	synctest.Test(t, func(t *testing.T) {
		lb := newLab(t, cfg)
		defer lb.close()
		a, b := lb.asp(0, ClientConfig{}), lb.asp(1, ClientConfig{})
		defer a.Close()
		defer b.Close()
		stuck, release := make(chan struct{}), make(chan struct{})
		c, err := lb.net.Dial(t.Context(), addrOf(aspAddr(2)), addrOf(sgAddr), sctp.Config{ReceiveBuffer: 4096, SendBuffer: 4096})
		if err != nil {
			t.Fatal(err)
		}
		var once sync.Once
		slow := NewASP(ClientConfig{Transfer: func(*Indication) { once.Do(func() { close(stuck); <-release }) }})
		defer slow.Close()
		if err := slow.Attach(c); err != nil {
			t.Fatal(err)
		}
		lb.active(a, b)
		if err := slow.Active(t.Context()); err != nil {
			t.Fatal(err)
		}
		big := make([]byte, 1000)
		for range 500 {
			if err := a.Transfer(msu(2067, 2069, 1, big...)); err != nil {
				t.Fatal(err)
			}
		}
		<-stuck
		var full error
		for range 5000 {
			if full = errors.Join(full, a.Transfer(msu(2067, 2069, 1, big...))); full != nil {
				break
			}
			time.Sleep(time.Millisecond)
			if lb.sg.AS("C").refused.Load() > 10 {
				break
			}
		}
		time.Sleep(time.Second)
		level := uint8(0)
		a.mu.Lock()
		for _, e := range a.events {
			if p := e.Primitive; p.Kind == mtp3.StatusPrimitive && p.Affected.PC == 2069 {
				level = max(level, p.Status.Level)
			}
		}
		a.mu.Unlock()
		if st := lb.sg.Stats(); level != 3 || st.AS[2].Refused == 0 || st.ASP[2].Queued > 1001 {
			t.Errorf("level %d, %+v", level, st)
		}
		// b hears from a at once.
		if err := a.Transfer(msu(2067, 2068, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		if b.count() != 1 {
			t.Errorf("b got %d messages", b.count())
		}
		close(release)
		time.Sleep(time.Minute)
		if st := lb.sg.Stats(); st.AS[2].Congestion != 0 || st.ASP[2].Queued != 0 {
			t.Errorf("afterwards %+v", st)
		}
		if a.saw(mtp3.StatusPrimitive, mtp3.Destination{PC: 2068}) {
			t.Error("B was called congested")
		}
	})
}

// TestUnknownPeer: the refusal says what the configuration lacks.
func TestUnknownPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb := newLab(t, one())
		defer lb.close()
		c, err := lb.net.Dial(t.Context(), addrOf(aspAddr(7)), addrOf(sgAddr), sctp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for {
			in, err := c.Receive(t.Context(), nil)
			for _, r := range in {
				if r.Event != nil && r.Event.Kind == sctp.Down {
					t.Log(r.Event.Reason)
				}
			}
			if err != nil {
				break
			}
		}
		if n := lb.sg.Stats().UnknownPeers; n != 1 {
			t.Errorf("%d unknown peers", n)
		}
	})
}

// TestRegistration: an ASP registers, is active, goes down, and the AS is gone.
func TestRegistration(t *testing.T) {
	cfg := SGConfig{ASP: []ASPConfig{{Name: "a"}, {Name: "b"}}, Registration: RegistrationConfig{Dynamic: true}}
	cfg.Trace = capture(t)
	synctest.Test(t, func(t *testing.T) {
		lb := newLab(t, cfg)
		defer lb.close()
		a := lb.asp(0, ClientConfig{TrafficMode: Loadshare, Keys: []RoutingKeyRequest{{TrafficMode: Loadshare, Key: dpc(2067)}, {Key: dpc(2068)}}})
		defer a.Close()
		b := lb.asp(1, ClientConfig{Keys: []RoutingKeyRequest{{Key: RoutingKey{Groups: []KeyGroup{{DPC: 2067, SIs: []mtp3.ServiceIndicator{mtp3.SCCP}}}}}}})
		defer b.Close()
		lb.active(a)
		var re *RegistrationError
		if err := b.Active(t.Context()); !errors.As(err, &re) || re.Status != RegNotUnique {
			t.Errorf("an overlapping key: %v", err)
		}
		if err := lb.sg.Transfer(Optional{}, msu(1, 2068, 3)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if a.count() != 1 {
			t.Errorf("%d messages", a.count())
		}
		if err := a.Down(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if st := lb.sg.Stats(); len(st.AS) != 0 {
			t.Errorf("%+v", st.AS)
		}
		lb.active(a)
		if st := lb.sg.Stats(); len(st.AS) != 2 {
			t.Errorf("%+v", st.AS)
		}
	})
}

// TestIPSP: two IPSPs, with one exchange and with two.
func TestIPSP(t *testing.T) {
	for _, x := range []Exchange{SingleExchange, DoubleExchange} {
		tr := capture(t)
		synctest.Test(t, func(t *testing.T) {
			ca, cb := sctp.Pipe()
			var a, b user
			a.ASP = NewASP(ClientConfig{Name: "a", RoutingContexts: []uint32{1}, PeerContexts: []uint32{2}, Exchange: x, Transfer: a.transfer, Event: a.event, Trace: tr})
			peer := ClientConfig{Name: "b", RoutingContexts: []uint32{1}, Exchange: x, Passive: true, Transfer: b.transfer, Event: b.event}
			if x == DoubleExchange {
				peer.RoutingContexts, peer.PeerContexts, peer.Passive = []uint32{2}, []uint32{1}, false
			}
			b.ASP = NewASP(peer)
			if err := errors.Join(a.Attach(ca), b.Attach(cb)); err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			defer b.Close()
			// An IPSP refuses who comes before it was told to be active, and is asked again.
			active := func(u *user) error {
				for {
					var refused *RefusedError
					if err := u.Active(t.Context()); !errors.As(err, &refused) {
						return err
					}
				}
			}
			done := make(chan error)
			go func() { done <- active(&b) }()
			if err := errors.Join(active(&a), <-done); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(a.Transfer(msu(1, 2, 3)), b.Transfer(msu(2, 1, 3))); err != nil {
				t.Error(x, err)
			}
			time.Sleep(time.Second)
			if a.count() != 1 || b.count() != 1 {
				t.Errorf("%v: %d, %d", x, a.count(), b.count())
			}
			if err := a.Inactive(t.Context()); err != nil {
				t.Error(x, err)
			}
			// In a double exchange the other direction goes on.
			if err := b.Transfer(msu(2, 1, 3)); !errors.Is(err, ErrNotActive) {
				t.Errorf("%v: to an inactive IPSP: %v", x, err)
			}
			if err := a.Transfer(msu(1, 2, 3)); (err == nil) != (x == DoubleExchange) {
				t.Errorf("%v: from an inactive IPSP: %v", x, err)
			}
			if err := a.Down(t.Context()); err != nil {
				t.Error(x, err)
			}
			a.Close()
			b.Close()
			time.Sleep(time.Minute)
		})
	}
}
