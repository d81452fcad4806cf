package call

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// exchange is three agents: A calls B through the one in the middle.
type exchange struct {
	a, as, b *Agent
	network  *memnet.Network
	heardB   *sipLog
	heardA   *sipLog
	result   chan error
}

// newExchange makes them. The one in the middle calls sip:b@10.0.0.3 with opts.
func newExchange(t *testing.T, opts ConnectOptions, as, b Config) *exchange {
	x := &exchange{network: memnet.New(memnet.Config{Latency: 20 * time.Millisecond}), heardA: &sipLog{}, heardB: &sipLog{}, result: make(chan error, 4)}
	b.SIP.Endpoint.Trace = x.heardB.trace
	x.b = newAgent(t, x.network, 3, b)
	as.OnCall = func(c *Call) { x.result <- x.as.Connect(t.Context(), c, "sip:b@10.0.0.3", opts) }
	x.as = newAgent(t, x.network, 2, as)
	x.a = newAgent(t, x.network, 1, Config{SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: x.heardA.trace}}})
	return x
}

// close checks that nothing is left.
func (x *exchange) close(t *testing.T) {
	t.Helper()
	time.Sleep(time.Minute)
	for _, a := range []*Agent{x.a, x.as, x.b} {
		if a.Calls() != 0 || a.Wheel().Stats().Media != 0 || a.UserAgent().Dialogs() != 0 {
			t.Errorf("%v: %d calls, %d media, %d dialogs left", a.cfg.Address, a.Calls(), a.Wheel().Stats().Media, a.UserAgent().Dialogs())
		}
		a.Close()
	}
}

func (x *exchange) dial(t *testing.T) (*Call, error) {
	return x.a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
}

func reasons(list []sip.Reason) string {
	var out []string
	for _, r := range list {
		out = append(out, r.String())
	}
	return strings.Join(out, ", ")
}

// Early media is heard through both legs, acknowledged on both.
func TestConnectEarlyMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, ConnectOptions{}, Config{}, Config{Codecs: []Codec{PCMU}, OnCall: func(c *Call) {
			c.Progress()
			c.Media().SetSource(Tone(8000, 440, 4000))
			time.Sleep(2 * time.Second)
			c.Ring()
			time.Sleep(time.Second)
			c.Answer(c.Context())
			<-c.Context().Done()
		}})
		heard := &capture{}
		var codes []int
		c, err := x.a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{OnProgress: func(c *Call, r *sip.Response) {
			codes = append(codes, r.StatusCode)
			if len(codes) == 1 {
				c.Media().AddSink(heard)
			}
			if r.StatusCode == 180 && part(heard, 8000, 440) < 3000 {
				t.Errorf("early media with %.0f", part(heard, 8000, 440))
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(codes) != "[183 180]" || x.heardA.find("> PRACK") == "" || x.heardB.find("< PRACK") == "" {
			t.Errorf("provisional responses %v\n%s", codes, x.heardA)
		}
		c.HangUp(t.Context())
		if err := <-x.result; err != nil {
			t.Error(err)
		}
		x.close(t)
	})
}

// Why a call ends is told to the other side: of BYE, of CANCEL, of a refusal.
func TestConnectReasons(t *testing.T) {
	preempted := sip.NewReason("preemption", 1, "UA Preemption")
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan string, 4)
		mode := "answer"
		x := newExchange(t, ConnectOptions{}, Config{}, Config{OnCall: func(c *Call) {
			c.Ring()
			switch mode {
			case "answer":
				c.Answer(c.Context())
			case "refuse":
				c.Refuse(486, "", sip.NewReason("Q.850", 17, "user busy"))
			}
			<-c.Context().Done()
			ended <- reasons(c.Reasons())
		}})
		c, err := x.dial(t)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.HangUp(t.Context(), preempted); err != nil {
			t.Error(err)
		}
		if got := <-ended; got != preempted.String() {
			t.Errorf("BYE came with %q", got)
		}
		if err := <-x.result; err != nil {
			t.Error(err)
		}
		mode = "ring"
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { time.Sleep(3 * time.Second); cancel(&sip.HangUpError{Reasons: []sip.Reason{preempted}}) }()
		if _, err := x.a.Dial(ctx, "sip:b@10.0.0.2", DialOptions{}); !errors.Is(err, sip.ErrHungUp) {
			t.Error(err)
		}
		if got := <-ended; got != preempted.String() {
			t.Errorf("CANCEL came with %q", got)
		}
		if err := <-x.result; !errors.Is(err, sip.ErrCanceled) {
			t.Error(err)
		}
		mode = "refuse"
		_, err = x.dial(t)
		if sip.StatusCode(err) != 486 || reasons(ReasonsOf(err)) != `Q.850;cause=17;text="user busy"` {
			t.Errorf("%v, %s", err, reasons(ReasonsOf(err)))
		}
		x.close(t)
	})
}

// A second leg that rings for too long is given up, one that is not answered in time by the caller's clock too.
func TestRingTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan string, 1)
		x := newExchange(t, ConnectOptions{DialOptions: DialOptions{RingTimeout: 20 * time.Second}}, Config{}, Config{OnCall: func(c *Call) {
			c.Ring()
			<-c.Context().Done()
			ended <- reasons(c.Reasons())
		}})
		start := time.Now()
		if _, err := x.dial(t); sip.StatusCode(err) != 480 || time.Since(start).Round(time.Second) != 20*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if got := <-ended; got != "Q.850;cause=19" {
			t.Errorf("CANCEL came with %q", got)
		}
		if err := <-x.result; !errors.Is(err, ErrNoAnswer) {
			t.Error(err)
		}
		x.close(t)
	})
}

// The caller gives up while the callee answers, at every moment around it: both ends end.
func TestCancelRace(t *testing.T) {
	for late := -100 * time.Millisecond; late <= 100*time.Millisecond; late += 10 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			x := newExchange(t, ConnectOptions{}, Config{}, Config{OnCall: func(c *Call) {
				c.Ring()
				time.Sleep(time.Second)
				c.Answer(c.Context())
				<-c.Context().Done()
			}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second+late)
			defer cancel()
			c, err := x.a.Dial(ctx, "sip:b@10.0.0.2", DialOptions{})
			if err == nil {
				c.HangUp(t.Context())
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: %v", late, err)
			}
			<-x.result
			x.close(t)
		})
	}
}

// Redirections are followed, to an end.
func TestRedirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		x := newExchange(t, ConnectOptions{}, Config{}, Config{OnCall: func(c *Call) {
			asked++
			resp := c.in.NewResponse(302, "")
			resp.Set("Contact", fmt.Sprintf("<sip:b%d@10.0.0.3>", asked))
			if asked == 3 {
				resp.Set("Contact", "<sip:c@10.0.0.4>;q=0.5, <sip:d@10.0.0.5>;q=0.7")
			}
			c.Respond(resp)
		}})
		got := make(chan *Call, 1)
		c4 := newAgent(t, x.network, 4, Config{OnCall: answerWith(1000, got)})
		defer c4.Close()
		d5 := newAgent(t, x.network, 5, Config{OnCall: func(c *Call) { c.Refuse(480, "") }})
		defer d5.Close()
		c, err := x.dial(t)
		if err != nil || asked != 3 {
			t.Fatalf("%v after %d", err, asked)
		}
		<-got
		c.HangUp(t.Context())
		if err := <-x.result; err != nil {
			t.Error(err)
		}
		asked = 3
		if _, err := x.dial(t); err == nil || asked > 10 { // without end
			t.Errorf("%v after %d", err, asked)
		}
		<-x.result
		x.close(t)
	})
}

// A callee that wants longer sessions gets them.
func TestSessionTooShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, ConnectOptions{}, Config{SIP: sip.UserAgentConfig{Session: sip.SessionTimer{Expires: 90 * time.Second}}},
			Config{SIP: sip.UserAgentConfig{Session: sip.SessionTimer{Expires: time.Hour, MinSE: 10 * time.Minute}}, OnCall: func(c *Call) {
				c.Answer(c.Context())
				<-c.Context().Done()
			}})
		c, err := x.dial(t)
		if err != nil {
			t.Fatal(err)
		}
		if x.heardB.find("> 422 INVITE") == "" {
			t.Errorf("%s", x.heardB)
		}
		time.Sleep(10 * time.Minute)
		if c.Context().Err() != nil || x.heardB.find("< UPDATE") == "" {
			t.Errorf("%v\n%s", context.Cause(c.Context()), x.heardB)
		}
		c.HangUp(t.Context())
		x.close(t)
	})
}

// A leg whose network is gone ends the call when its session is not refreshed, and the other leg learns why.
func TestConnectSessionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		x := newExchange(t, ConnectOptions{}, Config{}, Config{OnCall: func(c *Call) {
			c.Answer(c.Context())
			<-c.Context().Done()
			ended <- context.Cause(c.Context())
		}})
		x.a.Close() // another one that refreshes its session
		x.a = newAgent(t, x.network, 1, Config{SIP: sip.UserAgentConfig{Session: sip.SessionTimer{Expires: 120 * time.Second, Refresher: "uac"}}})
		if _, err := x.dial(t); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Minute)
		if x.as.Calls() != 2 {
			t.Fatalf("%d calls", x.as.Calls())
		}
		start := time.Now()
		x.network.Block(addr(1, 0).Addr(), true)
		err := <-ended
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("after %v", took)
		}
		if !errors.Is(err, sip.ErrPeerHungUp) || reasons(ReasonsOf(err)) != `SIP;cause=408;text="session timer expired", Q.850;cause=102` {
			t.Errorf("%v: %s", err, reasons(ReasonsOf(err)))
		}
		if err := <-x.result; err != nil {
			t.Error(err)
		}
		x.close(t)
	})
}

// newFork makes a proxy at 10.0.0.host:5060 that sends each call to all the others.
func newFork(t *testing.T, n *memnet.Network, host byte, to ...byte) *sip.Proxy {
	t.Helper()
	proxy, err := sip.NewProxy(sip.ProxyConfig{OnRequest: func(f *sip.Forwarding) {
		if f.Request.Method != sip.INVITE || f.Request.Has("Route") {
			f.Forward()
			return
		}
		var branches []*sip.Branch
		for _, host := range to {
			branches = append(branches, &sip.Branch{URI: "sip:b@" + addr(host, 5060).String()})
		}
		f.Forward(branches...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := n.ListenPacket(addr(host, 5060))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proxy.Endpoint().ServePacketConn(conn, sip.ListenConfig{}); err != nil {
		t.Fatal(err)
	}
	return proxy
}

// A call that was forked has several early dialogs: the last that describes media is heard, the one that answers in the end.
func TestForked(t *testing.T) {
	for _, mode := range []Preconditions{PreconditionsAuto, PreconditionsOffer} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
			phone := func(after, answer time.Duration, frequency float64) func(*Call) {
				return func(c *Call) {
					time.Sleep(after)
					if c.Progress() != nil {
						return
					}
					c.Media().SetSource(Tone(c.Media().SampleRate(), frequency, 4000))
					select {
					case <-time.After(answer):
					case <-c.Context().Done():
					}
					if c.Answer(c.Context()) == nil {
						<-c.Context().Done()
					}
				}
			}
			b1 := newAgent(t, n, 3, Config{Codecs: []Codec{PCMA}, Reserve: reserving(500*time.Millisecond, nil), OnCall: phone(time.Second, 8*time.Second, 440)})
			defer b1.Close()
			b2 := newAgent(t, n, 4, Config{Codecs: []Codec{PCMU}, OnCall: phone(4*time.Second, time.Hour, 1000)})
			defer b2.Close()
			defer newFork(t, n, 2, 3, 4).Endpoint().Close()
			log := &sipLog{}
			a := newAgent(t, n, 1, Config{Reserve: reserving(200*time.Millisecond, nil), SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: log.trace}}})
			defer a.Close()
			heard := &capture{}
			var media []string
			c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{Preconditions: mode, OnProgress: func(c *Call, r *sip.Response) {
				if len(r.Body) > 0 {
					media = append(media, c.Codec().Name)
				}
				if len(media) == 1 {
					c.Media().AddSink(heard)
					go func() {
						time.Sleep(2500 * time.Millisecond)
						if got := part(heard, 8000, 440); got < 3000 {
							t.Errorf("the first branch is heard with %.0f", got)
						}
						time.Sleep(3 * time.Second)
						if got := part(heard, 8000, 1000); got < 3000 {
							t.Errorf("the second branch is heard with %.0f", got)
						}
					}()
				}
			}})
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			if fmt.Sprint(media) != "[PCMA PCMU]" || c.Codec().Name != "PCMA" {
				t.Errorf("early %v, answered %s\n%s", media, c.Codec().Name, log)
			}
			time.Sleep(2 * time.Second)
			if got := part(heard, 8000, 440); got < 3000 {
				t.Errorf("who answered is heard with %.0f", got)
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
}
