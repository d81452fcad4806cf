package m3ua

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/sctp"
)

// TestRestart: an ASP whose machine began anew under the same addresses (SCTP RI, RFC 4666 section
// 4.3.1) is ASP-DOWN at its gateway and comes up again.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb := newLab(t, one())
		defer lb.close()
		c, err := lb.net.Dial(t.Context(), addrOf(aspAddr(0)), addrOf(sgAddr), sctp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		a := NewASP(ClientConfig{})
		if err := a.Attach(c); err != nil {
			t.Fatal(err)
		}
		if err := a.Active(t.Context()); err != nil {
			t.Fatal(err)
		}
		again := c.(*sctp.MemoryConn).Restart()
		time.Sleep(time.Second)
		if st := lb.sg.Stats(); st.ASP[0].State != Down || !st.ASP[0].Associated || st.AS[0].State != Pending {
			t.Errorf("after the restart %+v", st)
		}
		a.Close()
		b := NewASP(ClientConfig{})
		defer b.Close()
		if err := b.Attach(again); err != nil {
			t.Fatal(err)
		}
		if err := b.Active(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if st := lb.sg.AS("A").State(); st != Active {
			t.Errorf("AS-%v", st)
		}
	})
}

// TestReplaced: an ASP that comes again while its old association still seems to be there.
func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := one()
		lb := newLab(t, cfg)
		defer lb.close()
		var as [2]*ASP
		for i := range as {
			here, there := sctp.Pipe()
			as[i] = NewASP(ClientConfig{})
			defer as[i].Close()
			if err := lb.sg.Attach("a", here); err != nil {
				t.Fatal(err)
			}
			if err := as[i].Attach(there); err != nil {
				t.Fatal(err)
			}
			if err := as[i].Active(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if as[0].Stats().State != Down || as[1].Stats().State != Active || lb.sg.AS("A").State() != Active {
			t.Errorf("%v, %v, AS-%v", as[0].Stats().State, as[1].Stats().State, lb.sg.AS("A").State())
		}
		if err := lb.sg.Attach("nobody", nobody()); err == nil {
			t.Error("an ASP that is not configured was taken")
		}
	})
}

func nobody() sctp.Conn {
	c, _ := sctp.Pipe()
	return c
}

// TestSilence: whoever says nothing for 2*T(beat) is given up, by the gateway and by the ASP, which
// dials again.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := one()
		cfg.TBeat = 10 * time.Second
		lb := newLab(t, cfg)
		defer lb.close()
		c, err := lb.net.Dial(t.Context(), addrOf(aspAddr(0)), addrOf(sgAddr), sctp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		up, _ := (&ASPUp{}).AppendBinary(nil)
		if _, err := c.Send(t.Context(), sctp.Message{PPID: PPID, Data: up}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var in []sctp.Received
		for err == nil {
			in, err = c.Receive(t.Context(), in[:0])
		}
		if d := time.Since(start); d < 20*time.Second || d > 31*time.Second {
			t.Errorf("given up after %v", d)
		}

		// A gateway that acknowledges ASP Up and is silent then.
		l, err := lb.net.Listen(t.Context(), addrOf("192.0.2.99:2905"), sctp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var dials atomic.Int32
		a := NewASP(ClientConfig{TBeat: 10 * time.Second, Dial: func(ctx context.Context) (sctp.Conn, error) {
			dials.Add(1)
			return lb.net.Dial(ctx, addrOf("192.0.2.98:2905"), l.Addr(), sctp.Config{})
		}})
		defer a.Close()
		go func() {
			ack, _ := (&ASPUpAck{}).AppendBinary(nil)
			for {
				c, err := l.Accept(t.Context())
				if err != nil {
					return
				}
				c.Send(t.Context(), sctp.Message{PPID: PPID, Data: ack})
			}
		}()
		go a.Up(t.Context())
		time.Sleep(2 * time.Minute)
		if dials.Load() < 3 {
			t.Errorf("dialled %d times", dials.Load())
		}
		if st := a.Stats().State; !slices.Contains([]State{Down, Inactive}, st) {
			t.Errorf("the ASP is %v", st)
		}
	})
}
