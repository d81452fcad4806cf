package call

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
)

// A phone whose network is gone ends the call, for both sides of a bridge; one that is on hold, or sends RTCP alone, does not.
func TestMediaTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		var mu sync.Mutex
		var byes []string
		b := newAgent(t, n, 3, Config{
			OnCall: func(c *Call) { c.Answer(t.Context()); <-c.Context().Done() },
			SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: func(e trace.Event) {
				if e.Dir == trace.Received && strings.HasPrefix(string(e.Data), "BYE ") {
					mu.Lock()
					byes = append(byes, string(e.Data))
					mu.Unlock()
				}
			}}},
		})
		defer b.Close()
		var as *Agent
		var in *Call
		as = newAgent(t, n, 2, Config{MediaTimeout: 10 * time.Second, OnCall: func(c *Call) {
			in = c
			as.Connect(t.Context(), c, "sip:b@10.0.0.3", ConnectOptions{})
		}})
		defer as.Close()
		a := newAgent(t, n, 1, Config{})
		defer a.Close()
		c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		// On hold nothing has to come.
		if err := in.Hold(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Media().session.Close() // neither RTP nor RTCP
		time.Sleep(time.Minute)
		if as.Calls() != 2 {
			t.Fatal("a call on hold has ended")
		}
		if err := in.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		<-in.Context().Done()
		if took := time.Since(start); !errors.Is(context.Cause(in.Context()), ErrMediaTimeout) || took < 9*time.Second || took > 12*time.Second {
			t.Errorf("%v after %v", context.Cause(in.Context()), took)
		}
		time.Sleep(time.Second)
		if a.Calls()+as.Calls()+b.Calls() != 0 {
			t.Errorf("%d, %d and %d calls are left", a.Calls(), as.Calls(), b.Calls())
		}
		if len(byes) != 1 {
			t.Errorf("%d BYE", len(byes))
		}
	})
}

// A peer that never sends ends the call too, and an application may decide otherwise.
func TestMediaTimeoutOfTheSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		var asked atomic.Int32
		ended := make(chan error, 2)
		onCall := func(c *Call) {
			c.Answer(t.Context())
			<-c.Context().Done()
			ended <- context.Cause(c.Context())
		}
		b := newAgent(t, n, 2, Config{MediaTimeout: 5 * time.Second, OnCall: onCall})
		defer b.Close()
		lenient := newAgent(t, n, 3, Config{MediaTimeout: 5 * time.Second, OnCall: onCall, OnMediaTimeout: func(*Call) { asked.Add(1) }})
		defer lenient.Close()
		ua, err := sip.NewUserAgent(sip.UserAgentConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer ua.Close()
		conn, err := n.ListenPacket(addr(1, 5060))
		if err != nil {
			t.Fatal(err)
		}
		ua.Endpoint().ServePacketConn(conn, sip.ListenConfig{})
		offer := []byte("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")
		var dialogs []*sip.Dialog
		for _, uri := range []string{"sip:b@10.0.0.2", "sip:b@10.0.0.3"} {
			d, _, err := ua.Invite(t.Context(), uri, sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: offer}})
			if err != nil {
				t.Fatal(err)
			}
			dialogs = append(dialogs, d)
		}
		start := time.Now()
		<-dialogs[0].Context().Done()
		if err, took := <-ended, time.Since(start); !errors.Is(err, ErrMediaTimeout) || took < 9*time.Second || took > 12*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		time.Sleep(30*time.Second - time.Since(start))
		if asked.Load() < 4 || lenient.Calls() != 1 {
			t.Errorf("asked %d times, %d calls", asked.Load(), lenient.Calls())
		}
		dialogs[1].Bye(t.Context(), sip.RequestOptions{})
	})
}

// Who asks for VoIP metrics gets them, and both sides know how good the call is.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Seed: 3, Loss: 0.03, Latency: 40 * time.Millisecond})
		got := make(chan *Call, 1)
		b := newAgent(t, n, 2, Config{OnCall: func(c *Call) { c.Answer(t.Context()); got <- c; <-c.Context().Done() }})
		defer b.Close()
		a := newAgent(t, n, 1, Config{XR: true, DSCP: 46})
		defer a.Close()
		c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		other := <-got
		time.Sleep(30 * time.Second)
		ours, theirs := c.Media().Stats().RTP, other.Media().Stats().RTP
		if m := ours.RemoteMetrics; m.SSRC != ours.SSRC || m.LossRate < 2 || m.LossRate > 20 || m.MOSCQ < 30 || m.MOSCQ > 44 {
			t.Errorf("the peer reports %+v", m)
		}
		if theirs.RemoteMetrics.SSRC != 0 {
			t.Error("metrics for who did not ask")
		}
		if q := theirs.Quality; q.MOS < 3 || q.MOS > 4.4 || q.R < 60 {
			t.Errorf("%+v", q)
		}
	})
	if _, err := NewAgent(Config{DSCP: 64}); err == nil {
		t.Error("DSCP 64")
	}
}
