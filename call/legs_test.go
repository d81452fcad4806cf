package call

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
)

// Both branches of a call that was forked learn that the caller has its bearer, whichever described its media last.
func TestForkedPreconditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
		var rang atomic.Int32
		phone := func(answers time.Duration) func(*Call) {
			return func(c *Call) {
				if c.AwaitPreconditions(c.Context()) != nil {
					return
				}
				rang.Add(1)
				c.Ring()
				select {
				case <-time.After(answers):
				case <-c.Context().Done():
				}
				if c.Answer(c.Context()) == nil {
					<-c.Context().Done()
				}
			}
		}
		b1 := newAgent(t, n, 3, Config{Codecs: []Codec{PCMA}, OnCall: phone(5 * time.Second)})
		defer b1.Close()
		b2 := newAgent(t, n, 4, Config{Codecs: []Codec{PCMU}, OnCall: phone(time.Hour)})
		defer b2.Close()
		defer newFork(t, n, 2, 3, 4).Endpoint().Close()
		log := &sipLog{}
		a := newAgent(t, n, 1, Config{Reserve: reserving(time.Second, nil), SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: log.trace}}})
		defer a.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, err := a.Dial(ctx, "sip:b@10.0.0.2", DialOptions{Preconditions: PreconditionsOffer})
		if err != nil {
			t.Fatalf("%v, %d rang\n%s", err, rang.Load(), log)
		}
		if rang.Load() != 2 || c.Codec().Name != "PCMA" {
			t.Errorf("%d rang, %s answered", rang.Load(), c.Codec().Name)
		}
		if err := c.Hold(t.Context()); err != nil {
			t.Error(err)
		}
		c.HangUp(t.Context())
		time.Sleep(time.Minute)
		if a.Calls()+b1.Calls()+b2.Calls() != 0 {
			t.Errorf("%d, %d, %d calls left", a.Calls(), b1.Calls(), b2.Calls())
		}
	})
}

// A caller hangs up at the very moment of the answer, which is acknowledged but not handed to it yet: nobody is left in a call.
func TestHangUpCrossesAnswer(t *testing.T) {
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{})
			b := newAgent(t, n, 2, Config{OnCall: func(c *Call) {
				c.Ring()
				time.Sleep(time.Second)
				if c.Answer(c.Context()) == nil {
					<-c.Context().Done()
				}
			}})
			defer b.Close()
			var early atomic.Pointer[Call]
			a := newAgent(t, n, 1, Config{SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: func(e trace.Event) {
				if e.Dir == trace.Sent && bytes.HasPrefix(e.Data, []byte("ACK")) {
					early.Load().HangUp(context.Background())
				}
			}}}})
			defer a.Close()
			c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{LateOffer: late, OnProgress: func(c *Call, _ *sip.Response) { early.Store(c) }})
			time.Sleep(time.Minute)
			if err == nil || a.Calls()+b.Calls() != 0 || a.UserAgent().Dialogs()+b.UserAgent().Dialogs() != 0 {
				t.Errorf("late offer %t: %v, %v: %d and %d calls, %d dialogs left", late, c, err, a.Calls(), b.Calls(), a.UserAgent().Dialogs()+b.UserAgent().Dialogs())
			}
		})
	}
}

// A phone that has a call transferred hangs up without waiting: the other party is connected with the target all the same,
// or hung up on if that refuses.
func TestTransferHungUp(t *testing.T) {
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
			var exchange *Agent
			exchange = newAgent(t, n, 9, Config{
				OnCall:     func(c *Call) { exchange.Connect(t.Context(), c, "sip:2@10.0.0.2", ConnectOptions{}) },
				OnTransfer: func(c *Call, r *sip.Referred) { c.Follow(t.Context(), r, DialOptions{}) },
			})
			defer exchange.Close()
			c3 := newAgent(t, n, 3, Config{OnCall: func(c *Call) {
				c.Ring()
				time.Sleep(5 * time.Second)
				if !answers {
					c.Refuse(486, "")
				} else if c.Answer(t.Context()) == nil {
					c.Media().SetSource(Tone(8000, 1000, 4000))
					<-c.Context().Done()
				}
			}})
			defer c3.Close()
			bob := make(chan *Call, 1)
			b := newAgent(t, n, 2, Config{OnCall: func(c *Call) { c.Answer(t.Context()); bob <- c; <-c.Context().Done() }})
			defer b.Close()
			a := newAgent(t, n, 1, Config{})
			defer a.Close()
			alice, heard := caller(t, a, "sip:2@10.0.0.9", 440)
			c := <-bob
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c.Transfer(ctx, "sip:3@10.0.0.3;method=INVITE")
			c.HangUp(t.Context())
			time.Sleep(10 * time.Second)
			if got := part(heard, 8000, 1000); answers != (alice.Context().Err() == nil) || answers != (got > 3000) {
				t.Errorf("answers %t: Alice's call: %v, hears Carol with %.0f", answers, context.Cause(alice.Context()), got)
			}
			alice.HangUp(t.Context())
			time.Sleep(time.Minute)
			if n := a.Calls() + b.Calls() + c3.Calls() + exchange.Calls(); n != 0 {
				t.Errorf("%d calls left", n)
			}
		})
	}
	// The other party does not wait for the target.
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
		followed := make(chan error, 1)
		var exchange *Agent
		exchange = newAgent(t, n, 9, Config{
			OnCall:     func(c *Call) { exchange.Connect(t.Context(), c, "sip:2@10.0.0.2", ConnectOptions{}) },
			OnTransfer: func(c *Call, r *sip.Referred) { _, err := c.Follow(t.Context(), r, DialOptions{}); followed <- err },
		})
		defer exchange.Close()
		c3 := newAgent(t, n, 3, Config{OnCall: func(c *Call) { c.Ring(); <-c.Context().Done() }})
		defer c3.Close()
		bob := make(chan *Call, 1)
		b := newAgent(t, n, 2, Config{OnCall: func(c *Call) { c.Answer(t.Context()); bob <- c; <-c.Context().Done() }})
		defer b.Close()
		a := newAgent(t, n, 1, Config{})
		defer a.Close()
		alice, _ := caller(t, a, "sip:2@10.0.0.9", 440)
		go func() { (<-bob).Transfer(t.Context(), "sip:3@10.0.0.3") }()
		time.Sleep(time.Second)
		alice.HangUp(t.Context())
		if err := <-followed; !errors.Is(err, sip.ErrPeerHungUp) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if n := a.Calls() + b.Calls() + c3.Calls() + exchange.Calls(); n != 0 {
			t.Errorf("%d calls left", n)
		}
	})
}

// Bill picks up the call that rings at Bob's phone: by Replaces, early-only, at the exchange (RFC 5359 section 2.12).
func TestPickUp(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
			missed := make(chan string, 1)
			ringing := make(chan string, 1)
			b := newAgent(t, n, 2, Config{OnCall: func(c *Call) {
				c.Ring()
				s := c.in.Dialog.State()
				ringing <- fmt.Sprintf("%s;to-tag=%s;from-tag=%s;early-only", s.CallID, s.RemoteTag, s.LocalTag)
				<-c.Context().Done()
				missed <- reasons(c.Reasons())
			}})
			defer b.Close()
			var exchange *Agent
			exchange = newAgent(t, n, 9, Config{OnCall: func(c *Call) {
				old, err := c.Replaces()
				switch {
				case err != nil:
				case old != nil:
					if err := c.TakeOver(t.Context(), old); err != nil {
						t.Error(err)
					}
					<-c.Context().Done()
				default:
					if err := exchange.Connect(t.Context(), c, "sip:2@10.0.0.2", ConnectOptions{}); err != nil {
						t.Error(err)
					}
				}
			}})
			defer exchange.Close()
			a, bill := newAgent(t, n, 1, Config{}), newAgent(t, n, 3, Config{})
			defer a.Close()
			defer bill.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				replaces := <-ringing
				if !known {
					_, err := bill.Dial(t.Context(), "sip:x@10.0.0.9", DialOptions{Edit: func(r *sip.Request) { r.Set("Replaces", "x;to-tag=1;from-tag=2;early-only") }})
					if sip.StatusCode(err) != 481 {
						t.Error(err)
					}
				}
				c, err := bill.Dial(t.Context(), "sip:x@10.0.0.9", DialOptions{Edit: func(r *sip.Request) { r.Set("Replaces", replaces); r.Add("Require", "replaces") }})
				if err != nil {
					t.Error(err)
					return
				}
				c.Media().SetSource(Tone(8000, 1000, 4000))
			}()
			c, heard := caller(t, a, "sip:2@10.0.0.9", 440)
			<-done
			time.Sleep(time.Second)
			if got := part(heard, 8000, 1000); got < 3000 {
				t.Errorf("heard with %.0f", got)
			}
			if why := <-missed; why != `SIP;cause=200;text="Call completed elsewhere"` {
				t.Errorf("Bob is told %q", why)
			}
			c.HangUp(t.Context())
			time.Sleep(time.Minute)
			if n := a.Calls() + b.Calls() + bill.Calls() + exchange.Calls(); n != 0 {
				t.Errorf("%d calls left", n)
			}
		})
	}
}

// Calls that come at once are no more than there may be; those that are there when the agent leaves are tried elsewhere.
func TestMaxCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		b := newAgent(t, n, 2, Config{Admission: Admission{MaxCalls: 3}, OnCall: func(c *Call) { c.Ring(); <-c.Context().Done() }})
		defer b.Close()
		a := newAgent(t, n, 1, Config{})
		defer a.Close()
		results := make(chan error, 20)
		for range 20 {
			go func() {
				_, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
				results <- err
			}()
		}
		time.Sleep(time.Second)
		if b.Calls() != 3 || len(results) != 17 {
			t.Errorf("%d calls, %d refused", b.Calls(), len(results))
		}
		b.HangUp(t.Context())
		time.Sleep(time.Second)
		for range len(results) {
			if err := <-results; sip.StatusCode(err) != 503 {
				t.Error(err)
			}
		}
		if b.Calls() != 0 {
			t.Errorf("%d calls left", b.Calls())
		}
	})
}

// A call is parked once; who wants to fetch one and cannot be answered leaves it there; who comes second gets nothing.
func TestRetrieve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
		lot, err := NewParkingLot(ParkingConfig{})
		if err != nil {
			t.Fatal(err)
		}
		parked := make(chan *Call, 1)
		fetched := make(chan error, 4)
		b := newAgent(t, n, 2, Config{OnCall: func(c *Call) {
			if u, _ := c.Request().URI(); u.User == "park" {
				c.Answer(t.Context())
				parked <- c
				<-c.Context().Done()
				return
			}
			fetched <- lot.Retrieve(t.Context(), 701, c)
		}})
		defer b.Close()
		a := newAgent(t, n, 1, Config{})
		defer a.Close()
		alice, _ := caller(t, a, "sip:park@10.0.0.2", 440)
		c := <-parked
		if _, err := lot.Park(c, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := lot.Park(c, 0); !errors.Is(err, ErrParked) {
			t.Error(err)
		}
		other := PCMA
		other.Name, other.PayloadType = "iLBC", 97
		if _, err := a.Dial(t.Context(), "sip:fetch@10.0.0.2", DialOptions{Codecs: []Codec{other}}); sip.StatusCode(err) != 488 {
			t.Error(err)
		}
		if err := <-fetched; err == nil || len(lot.Calls()) != 1 || lot.Calls()[0].Call != c {
			t.Errorf("%v, parked: %v", err, lot.Calls())
		}
		first, _ := caller(t, a, "sip:fetch@10.0.0.2", 1000)
		if _, err := a.Dial(t.Context(), "sip:fetch@10.0.0.2", DialOptions{}); sip.StatusCode(err) != 480 {
			t.Errorf("the second: %v", err)
		}
		if err := <-fetched; !errors.Is(err, ErrOrbitEmpty) || c.Peer() == nil {
			t.Error(err)
		}
		alice.HangUp(t.Context())
		<-first.Context().Done()
		if err := <-fetched; err != nil {
			t.Error(err)
		}
	})
}

// Who has hung up is no member of a conference any more, and holds nobody's place in its turn of the wheel.
func TestConferenceHungUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := newPair(t), newPair(t)
		defer p.close()
		room, err := NewConference(8000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := room.Add(p.to.Media()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if s := room.Speaker(); s == nil || s.Media() != p.to.Media() {
			t.Errorf("speaker %v", s)
		}
		q.close()
		p.from.HangUp(t.Context())
		time.Sleep(time.Second)
		if len(room.Members()) != 0 || room.Speaker() != nil {
			t.Errorf("%d members, speaker %v", len(room.Members()), room.Speaker())
		}
		r := newPair(t)
		defer r.close()
		if _, err := room.Add(r.to.Media()); err != nil {
			t.Error(err)
		}
		if room.mu.Lock(); len(room.members) != 1 {
			t.Errorf("%d members", len(room.members))
		}
		room.mu.Unlock()
		room.Close()
		if _, err := room.Add(r.from.Media()); err == nil {
			t.Error("a conference that is closed took a member")
		}
	})
}

// What is for calls that came in says so of others.
func TestOutgoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.close()
		for name, err := range map[string]error{"Ring": p.from.Ring(), "Progress": p.from.Progress(), "Answer": p.from.Answer(t.Context()), "Refuse": p.from.Refuse(486, ""), "Respond": p.from.Respond(sip.NewResponse(p.to.Request(), 180, ""))} {
			if !errors.Is(err, errOutgoing) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := p.to.Refuse(200, ""); err == nil {
			t.Error("refused with 200")
		}
	})
}
