package m3ua

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// TestAdmin: the configuration changes while traffic goes on, and the operator blocks.
func TestAdmin(t *testing.T) {
	cfg := two(Loadshare)
	cfg.Trace = capture(t)
	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	synctest.Test(t, func(t *testing.T) {
		lb := newLab(t, cfg)
		defer lb.close()
		a, c := lb.asp(0, ClientConfig{RoutingContexts: []uint32{1}}), lb.asp(2, ClientConfig{RoutingContexts: []uint32{3}})
		defer a.Close()
		defer c.Close()
		lb.active(a, c)
		wait := func(what string, f func() bool) {
			t.Helper()
			for range 100 {
				if f() {
					return
				}
				time.Sleep(time.Second)
			}
			t.Errorf("never: %s", what)
		}
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		var ce *ConfigError
		for _, err := range []error{lb.sg.BlockAS("X"), lb.sg.UnblockASP("x"), lb.sg.RemoveAS("X"), lb.sg.RemoveASP("x"), lb.sg.AddASP(ASPConfig{Name: "a"})} {
			if !errors.As(err, &ce) {
				t.Errorf("%v", err)
			}
		}
		ok(lb.sg.BlockAS("A"))
		wait("A is blocked", func() bool { return a.Stats().State == Inactive && lb.sg.AS("A").State() == Inactive })
		ok(lb.sg.UnblockAS("A"))
		wait("A is back", func() bool { return a.Stats().State == Active })
		lb.sg.Isolate(true)
		wait("isolated", func() bool { return a.Stats().State == Down && c.Stats().State == Down })
		lb.sg.Isolate(false)
		wait("joined again", func() bool { return a.Stats().State == Active && c.Stats().State == Active })

		for _, p := range []struct {
			do   func()
			kind mtp3.PrimitiveKind
		}{
			{func() { lb.sg.Pause(Optional{}, mtp3.Destination{PC: 4000}) }, mtp3.PausePrimitive},
			{func() { lb.sg.Resume(Optional{}, mtp3.Destination{PC: 4000}) }, mtp3.ResumePrimitive},
			{func() { lb.sg.Congested(Optional{}, mtp3.Destination{PC: 4000}, 1) }, mtp3.StatusPrimitive},
			{func() { lb.sg.Restrict(Optional{}, mtp3.Destination{PC: 4001}) }, 0},
			{func() { lb.sg.UserUnavailable(Optional{}, 4000, mtp3.ISUP, CauseUnequipped) }, mtp3.StatusPrimitive},
		} {
			a.mu.Lock()
			a.events = nil
			a.mu.Unlock()
			p.do()
			wait(p.kind.String(), func() bool {
				return a.saw(p.kind, mtp3.Destination{PC: 4000}) || p.kind == 0 && a.saw(mtp3.ResumePrimitive, mtp3.Destination{PC: 4001})
			})
		}
		ok(a.Audit(mtp3.Destination{PC: 4001}, mtp3.Destination{PC: 77}))
		wait("the answer", func() bool { return a.saw(mtp3.PausePrimitive, mtp3.Destination{PC: 77}) })
		ok(a.Congested(mtp3.Destination{PC: 2067}, Some(1)))
		wait("SCON at c", func() bool { return c.saw(mtp3.StatusPrimitive, mtp3.Destination{PC: 2067}) })

		ok(lb.sg.RemoveAS("A"))
		wait("A is gone", func() bool { return lb.sg.AS("A") == nil && a.Stats().State == Inactive })
		if err := lb.sg.Transfer(Optional{}, msu(1, 2067, 1)); err != ErrNoRoute {
			t.Errorf("to an AS that is gone: %v", err)
		}
		ok(lb.sg.AddAS(ASConfig{Name: "A2", RoutingContext: 1, Key: dpc(2067), ASPs: []string{"a"}}))
		wait("the new one is active", func() bool { return lb.sg.AS("A2").State() == Active })
		ok(lb.sg.Transfer(Optional{}, msu(1, 2067, 1)))
		wait("a message", func() bool { return a.count() == 1 })
		ok(lb.sg.RemoveASP("a"))
		wait("a is gone", func() bool { return a.Stats().State == Down && lb.sg.AS("A2").State() != Active })
		synctest.Wait()
		for _, line := range []string{"AS state as=A ACTIVE -> INACTIVE", "ASP state asp=a as=A2 INACTIVE -> ACTIVE", "association up asp=c"} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("no %q in the log", line)
			}
		}
		if len(lb.sg.Stats().ASP) != 2 {
			t.Errorf("%+v", lb.sg.Stats().ASP)
		}
	})
}

// TestGatewayDials: a gateway that is the client of the association, and dials again.
func TestGatewayDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{})
		l, err := n.Listen(t.Context(), addrOf(aspAddr(0)), sctp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		cfg := one()
		cfg.ASP[0].Dial = func(ctx context.Context) (sctp.Conn, error) {
			return n.Dial(ctx, addrOf(sgAddr), l.Addr(), sctp.Config{})
		}
		sg, err := NewSG(cfg)
		if err != nil {
			t.Fatal(err)
		}
		a := NewASP(ClientConfig{})
		for range 2 {
			c, err := l.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Attach(c); err != nil {
				t.Fatal(err)
			}
			if err := a.Active(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.Abort("again")
		}
		a.Close()
		sg.Close()
		l.Close()
		if err := a.Active(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if err := sg.BlockASP("a"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		time.Sleep(time.Minute)
	})
}
