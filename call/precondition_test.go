package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
)

// sipLog keeps the start lines that an agent sends and receives, with what they say of preconditions.
type sipLog struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func (l *sipLog) trace(e trace.Event) {
	m, err := sip.Parse(e.Data)
	if err != nil {
		return
	}
	what := ""
	switch m := m.(type) {
	case *sip.Request:
		what = string(m.Method)
	case *sip.Response:
		c, _ := m.CSeq()
		what = fmt.Sprint(m.StatusCode, " ", c.Method)
	}
	if d, err := sdp.Parse(m.Content()); err == nil && len(d.Media) > 0 {
		list, _ := d.Media[0].Statuses()
		for _, s := range list {
			if s.Kind == sdp.Current {
				what += " " + s.Segment.String() + "=" + s.Way.String()
			}
		}
	}
	dir := "<"
	if e.Dir == trace.Sent {
		dir = ">"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.start.IsZero() {
		l.start = time.Now()
	}
	l.lines = append(l.lines, fmt.Sprintf("%s %s %s", dir, what, time.Since(l.start).Round(100*time.Millisecond)))
}

func (l *sipLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// find returns the first line that contains all of parts, "" if there is none.
func (l *sipLog) find(parts ...string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			return line
		}
	}
	return ""
}

// reserving takes a while to reserve.
func reserving(d time.Duration, err error) func(context.Context, *Call) error {
	return func(ctx context.Context, _ *Call) error {
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ringAndAnswer rings for a second.
func ringAndAnswer(c *Call) {
	c.Ring()
	c.AwaitPreconditions(c.Context())
	time.Sleep(time.Second)
	if c.Answer(c.Context()) == nil {
		c.Media().SetSource(Tone(8000, 1000, 4000))
		<-c.Context().Done()
	}
}

// A handset whose radio takes two seconds calls one whose resources are there, and is called by it (TS 24.229 sections
// 5.1.3.1 and 5.1.4.1).
func TestPreconditions(t *testing.T) {
	for _, tc := range []struct {
		name           string
		caller, callee func(context.Context, *Call) error
		mode           Preconditions
		rings          string
		want           []string // in this order
	}{
		{"handset calls", reserving(2*time.Second, nil), nil, PreconditionsOffer, "2s", []string{
			"> INVITE local=none remote=none 0s", "< 183 INVITE local=sendrecv remote=none 0s", "> PRACK 0s", "< 200 PRACK 0s",
			"> UPDATE local=sendrecv remote=sendrecv 2s", "< 200 UPDATE local=sendrecv remote=sendrecv 2s", "< 180 INVITE 2s", "< 200 INVITE 3s", "> ACK 3s"}},
		{"handset is called", nil, reserving(2*time.Second, nil), PreconditionsOffer, "2s", []string{
			"> INVITE local=sendrecv remote=none 0s", "< 183 INVITE local=none remote=sendrecv 0s", "> PRACK 0s", "< 200 PRACK 0s",
			"< 180 INVITE 2s", "< 200 INVITE 3s", "> ACK 3s"}},
		{"both reserve", reserving(time.Second, nil), reserving(3*time.Second, nil), PreconditionsRequire, "3s", []string{
			"> INVITE local=none remote=none 0s", "< 183 INVITE local=none remote=none 0s", "> UPDATE local=sendrecv remote=none 1s",
			"< 200 UPDATE local=none remote=sendrecv 1s", "< 180 INVITE 3s"}},
		{"all is there", nil, nil, PreconditionsRequire, "0s", []string{
			"> INVITE local=sendrecv remote=none 0s", "< 180 INVITE local=sendrecv remote=sendrecv 0s", "> PRACK 0s", "< 200 INVITE 1s"}},
		{"none are asked for", reserving(time.Second, nil), reserving(time.Second, nil), PreconditionsAuto, "0s", []string{
			"> INVITE 0s", "< 180 INVITE 0s", "< 200 INVITE 1s"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
				b := newAgent(t, n, 2, Config{Reserve: tc.callee, OnCall: ringAndAnswer})
				defer b.Close()
				log := &sipLog{}
				a := newAgent(t, n, 1, Config{Reserve: tc.caller, SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: log.trace}}})
				defer a.Close()
				heard := &capture{}
				c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{Preconditions: tc.mode})
				if err != nil {
					t.Fatalf("%v\n%s", err, log)
				}
				c.Media().AddSink(heard)
				time.Sleep(time.Second)
				if got := part(heard, 8000, 1000); got < 3000 {
					t.Errorf("heard with %.0f", got)
				}
				at := 0
				for _, line := range strings.Split(log.String(), "\n") {
					if at < len(tc.want) && line == tc.want[at] {
						at++
					}
				}
				if at < len(tc.want) {
					t.Errorf("missing %q in\n%s", tc.want[at], log)
				}
				if r := log.find("180 INVITE"); !strings.HasSuffix(r, " "+tc.rings) {
					t.Errorf("rings: %s, want after %s", r, tc.rings)
				}
				if err := c.HangUp(t.Context()); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if a.Calls()+b.Calls() != 0 {
					t.Errorf("%d and %d calls are left", a.Calls(), b.Calls())
				}
			})
		})
	}
}

// What cannot be reserved refuses the call with 580, on whichever side; an agent without preconditions refuses who
// requires them.
func TestPreconditionsFail(t *testing.T) {
	noBearer := errors.New("no bearer")
	for _, tc := range []struct {
		name           string
		caller, callee Config
		mode           Preconditions
		want           int
	}{
		{"callee", Config{}, Config{Reserve: reserving(time.Second, noBearer)}, PreconditionsRequire, 580},
		{"caller", Config{Reserve: reserving(time.Second, noBearer)}, Config{}, PreconditionsRequire, 0},
		{"not known", Config{}, Config{NoPreconditions: true}, PreconditionsRequire, 420},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{})
				rang := false
				tc.callee.OnCall = func(c *Call) {
					if c.AwaitPreconditions(t.Context()) == nil {
						rang = true
						c.Answer(t.Context())
					}
				}
				b := newAgent(t, n, 2, tc.callee)
				defer b.Close()
				a := newAgent(t, n, 1, tc.caller)
				defer a.Close()
				_, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{Preconditions: tc.mode})
				var pre *sdp.PreconditionError
				if tc.want == 0 && (!errors.As(err, &pre) || !errors.Is(err, noBearer)) || sip.StatusCode(err) != tc.want {
					t.Errorf("%v", err)
				}
				var refused *sip.ResponseError
				if tc.want == 580 && errors.As(err, &refused) && !strings.Contains(string(refused.Response.Body), "a=des:qos failure local sendrecv") {
					t.Errorf("says %q", refused.Response.Body)
				}
				time.Sleep(time.Second)
				if rang || a.Calls()+b.Calls() != 0 {
					t.Errorf("rang %t, %d and %d calls left", rang, a.Calls(), b.Calls())
				}
			})
		})
	}
	// An unknown type that is mandatory (RFC 3312 section 9), and lines that are none.
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		b := newAgent(t, n, 2, Config{OnCall: func(c *Call) { c.Answer(t.Context()) }})
		defer b.Close()
		ua := newUA(t, n, 1)
		defer ua.Close()
		for _, bad := range []struct {
			line string
			want int
		}{{"a=des:foo mandatory e2e sendrecv", 580}, {"a=des:qos perhaps e2e sendrecv", 400}} {
			_, _, err := ua.Invite(t.Context(), "sip:b@10.0.0.2", sip.InviteOptions{RequestOptions: sip.RequestOptions{
				Body: []byte("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n" + bad.line + "\r\n"),
				Edit: func(r *sip.Request) { r.Add("Require", "precondition") },
			}})
			if sip.StatusCode(err) != bad.want {
				t.Errorf("%s: %v", bad.line, err)
			}
			var refused *sip.ResponseError
			if bad.want == 580 && errors.As(err, &refused) && !strings.Contains(string(refused.Response.Body), "a=des:foo unknown e2e sendrecv") {
				t.Errorf("says %q", refused.Response.Body)
			}
		}
	})
}

// newUA makes a user agent without media at 10.0.0.host:5060.
func newUA(t *testing.T, n *memnet.Network, host byte) *sip.UserAgent {
	t.Helper()
	ua, err := sip.NewUserAgent(sip.UserAgentConfig{Supported: []string{"100rel", "precondition", "timer"}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := n.ListenPacket(addr(host, 5060))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ua.Endpoint().ServePacketConn(conn, sip.ListenConfig{}); err != nil {
		t.Fatal(err)
	}
	return ua
}

// Two handsets through an exchange: the second rings when both have their resources; and one that knows of none, which is
// called when the first has.
func TestConnectPreconditions(t *testing.T) {
	for _, tc := range []struct {
		name  string
		mode  Preconditions
		rings string
	}{{"passed on", PreconditionsAuto, "3s"}, {"kept", PreconditionsOff, "2s"}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
				log := &sipLog{}
				b := newAgent(t, n, 3, Config{Reserve: reserving(3*time.Second, nil), OnCall: ringAndAnswer, SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: log.trace}}})
				defer b.Close()
				var as *Agent
				as = newAgent(t, n, 2, Config{OnCall: func(c *Call) {
					as.Connect(t.Context(), c, "sip:b@10.0.0.3", ConnectOptions{DialOptions: DialOptions{Preconditions: tc.mode}})
				}})
				defer as.Close()
				a := newAgent(t, n, 1, Config{Reserve: reserving(2*time.Second, nil)})
				defer a.Close()
				start := time.Now()
				rang := time.Duration(0)
				c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{Preconditions: PreconditionsOffer, OnProgress: func(_ *Call, r *sip.Response) {
					if r.StatusCode == 180 {
						rang = time.Since(start)
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				if rang.Round(100*time.Millisecond).String() != tc.rings {
					t.Errorf("rings after %v, want %s\n%s", rang, tc.rings, log)
				}
				if said := log.find("< UPDATE local=sendrecv"); (said != "") != (tc.mode == PreconditionsAuto) {
					t.Errorf("the second leg was told %q", said)
				}
				heard := &capture{}
				c.Media().AddSink(heard)
				time.Sleep(time.Second)
				if got := part(heard, 8000, 1000); got < 3000 {
					t.Errorf("heard with %.0f", got)
				}
				c.HangUp(t.Context())
				synctest.Wait()
				time.Sleep(time.Second)
				if a.Calls()+b.Calls()+as.Calls() != 0 {
					t.Errorf("%d, %d and %d calls are left", a.Calls(), as.Calls(), b.Calls())
				}
			})
		})
	}
}

// A peer moves its media in the middle of a call: the old address holds until the new one has its resources (RFC 3312
// section 13.1, figure 3). One that asks for what we cannot know is refused, and the call goes on.
func TestPreconditionsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		got := make(chan *Call, 1)
		b := newAgent(t, n, 2, Config{OnCall: answerWith(1000, got)})
		defer b.Close()
		ua := newUA(t, n, 1)
		defer ua.Close()
		version := 0
		describe := func(address, lines string) sip.RequestOptions {
			version++
			return sip.RequestOptions{
				Body: fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n%s", version, address, lines),
				Edit: func(r *sip.Request) { r.Set("Supported", "100rel, precondition") },
			}
		}
		const des = "a=des:qos mandatory e2e sendrecv\r\n"
		d, _, err := ua.Invite(t.Context(), "sip:b@10.0.0.2", sip.InviteOptions{RequestOptions: describe("10.0.0.1", "")})
		if err != nil {
			t.Fatal(err)
		}
		c := <-got
		check := func(what string, resp *sip.Response, err error, current, confirm, remote string) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			answer, err := sdp.Parse(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			cur, _ := answer.Media[0].Attribute("curr")
			conf, _ := answer.Media[0].Attribute("conf")
			if cur != current || conf != confirm || c.Media().Stats().Remote.Addr().String() != remote {
				t.Errorf("%s: curr %q, conf %q, to %v", what, cur, conf, c.Media().Stats().Remote)
			}
		}
		resp, err := d.Invite(t.Context(), describe("10.0.0.7", "a=curr:qos e2e none\r\n"+des))
		check("moves", resp, err, "qos e2e send", "qos e2e recv", "10.0.0.1")
		resp, err = d.Do(t.Context(), sip.UPDATE, describe("10.0.0.7", "a=curr:qos e2e send\r\n"+des))
		check("has resources", resp, err, "qos e2e sendrecv", "", "10.0.0.7")
		if _, err := d.Invite(t.Context(), describe("10.0.0.8", "a=des:foo mandatory e2e sendrecv\r\n")); sip.StatusCode(err) != 580 {
			t.Errorf("unknown: %v", err)
		}
		if c.Context().Err() != nil || c.Media().Stats().Remote.Addr().String() != "10.0.0.7" {
			t.Errorf("%v, to %v", context.Cause(c.Context()), c.Media().Stats().Remote)
		}
		d.Bye(t.Context(), sip.RequestOptions{})
	})
}
