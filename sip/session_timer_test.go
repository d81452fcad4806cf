package sip

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// The table of RFC 4028 section 9: who refreshes, and how, by what the two sides want and know. A call
// of 2 h stays up, and each refresh is seen by the other side.
func TestSessionTimer(t *testing.T) {
	timer := []string{"timer"}
	for name, tc := range map[string]struct {
		alice, bob SessionTimer
		aliceKnows bool
		bobKnows   bool
		handler    bool // answers UPDATE where timer is not supported
		refreshes  [2]int32
		interval   string
	}{
		"both, the caller by default":       {SessionTimer{Expires: 30 * time.Minute}, SessionTimer{Expires: 30 * time.Minute}, true, true, false, [2]int32{7, 0}, "1800;refresher=uac"},
		"the caller wants the callee to":    {SessionTimer{Expires: 30 * time.Minute, Refresher: "uas"}, SessionTimer{Expires: time.Hour}, true, true, false, [2]int32{0, 7}, "1800;refresher=uas"},
		"the callee wants to":               {SessionTimer{Expires: time.Hour}, SessionTimer{Expires: 10 * time.Minute, Refresher: "uas"}, true, true, false, [2]int32{0, 23}, "600;refresher=uas"},
		"only the callee, the caller obeys": {SessionTimer{}, SessionTimer{Expires: 10 * time.Minute}, true, true, false, [2]int32{23, 0}, "600;refresher=uac"},
		"the caller knows nothing":          {SessionTimer{}, SessionTimer{Expires: 10 * time.Minute}, false, true, true, [2]int32{0, 23}, "600;refresher=uas"},
		"the callee knows nothing":          {SessionTimer{Expires: 10 * time.Minute}, SessionTimer{}, true, false, true, [2]int32{23, 0}, ""},
		"too short for the callee":          {SessionTimer{Expires: 100 * time.Second}, SessionTimer{Expires: time.Hour, MinSE: 20 * time.Minute}, true, true, false, [2]int32{11, 0}, "1200;refresher=uac"},
		"nobody":                            {SessionTimer{}, SessionTimer{}, true, true, false, [2]int32{0, 0}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
				var refreshes [2]atomic.Int32
				config := func(i int, s SessionTimer, knows bool) UserAgentConfig {
					s.OnRefresh = func(*Dialog, *Response) { refreshes[i].Add(1) }
					cfg := UserAgentConfig{Session: s}
					if knows {
						cfg.Supported = timer
					}
					if tc.handler {
						cfg.OnRequest = func(in *Incoming) { in.Reply(200, []byte(answer), "") }
					}
					return cfg
				}
				calls := make(chan *Incoming, 1)
				b := config(1, tc.bob, tc.bobKnows)
				b.OnInvite = accepting(t, calls)
				bob := newUA(t, n, bobAddr, b)
				alice := newUA(t, n, aliceAddr, config(0, tc.alice, tc.aliceKnows))
				d, resp, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
				if err != nil {
					t.Fatal(err)
				}
				if got := resp.Value("Session-Expires"); got != tc.interval {
					t.Errorf("Session-Expires: %s, want %s", got, tc.interval)
				}
				time.Sleep(2*time.Hour - time.Minute)
				if err := d.Context().Err(); err != nil {
					t.Fatalf("the call has ended: %v", context.Cause(d.Context()))
				}
				if got := [2]int32{refreshes[0].Load(), refreshes[1].Load()}; got != tc.refreshes {
					t.Errorf("%d refreshes, want %d", got, tc.refreshes)
				}
				if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
					t.Error(err)
				}
				quiet(t, alice, bob)
			})
		})
	}
}

// A peer without UPDATE is refreshed by a re-INVITE that repeats the description.
func TestSessionTimerReinvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		p := newScriptPeer(t, n, bobAddr, aliceAddr)
		got := make(chan string, 1)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Session: SessionTimer{Expires: 20 * time.Minute, OnRefresh: func(_ *Dialog, resp *Response) { got <- string(resp.Body) }}})
		done := make(chan *Dialog, 1)
		go func() {
			d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
			if err != nil {
				t.Error(err)
			}
			done <- d
		}()
		accept := func(req *Request, status int, value string) {
			resp := NewResponse(req, status, "")
			resp.SetToTag("callee")
			resp.Set("Contact", "<sip:peer@192.0.2.2>")
			resp.Set("Allow", "INVITE, ACK, BYE, CANCEL")
			if value != "" {
				resp.Set("Session-Expires", value)
				resp.Set("Content-Type", "application/sdp")
				resp.Body = []byte(answer)
			}
			p.send(resp)
			p.request(ACK)
		}
		start := time.Now()
		accept(p.request(INVITE), 200, "1200;refresher=uac")
		d := <-done
		p.conn.SetReadDeadline(time.Time{})
		time.Sleep(599 * time.Second)
		req := p.request(INVITE)
		if took := time.Since(start).Truncate(time.Second); took != 600*time.Second || string(req.Body) != offer || req.Value("Session-Expires") != "1200;refresher=uac" {
			t.Errorf("after %v:\n%s", took, req)
		}
		accept(req, 488, "") // fails, and is tried again
		time.Sleep(280 * time.Second)
		accept(p.request(INVITE), 200, "1200;refresher=uac")
		if body := <-got; body != answer {
			t.Error(body)
		}
		go d.Bye(context.Background(), RequestOptions{})
		p.send(NewResponse(p.request(BYE), 200, ""))
		quiet(t, alice)
	})
}

// Nobody refreshes: whoever waits for it hangs up before the interval ends.
func TestSessionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		p := newScriptPeer(t, n, aliceAddr, bobAddr)
		calls := make(chan *Incoming, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{Session: SessionTimer{Expires: time.Hour}, OnInvite: accepting(t, calls)})
		inv := p.invite("expires")
		inv.Set("Supported", "timer")
		inv.Set("Session-Expires", "60;refresher=uac")
		p.send(inv)
		resp := p.response(422)
		if resp.Value("Min-SE") != "90" {
			t.Errorf("%s", resp)
		}
		p.send(NewACK(inv, resp))
		inv = p.invite("expires2")
		inv.Set("Supported", "timer")
		inv.Set("Session-Expires", "300;refresher=uac")
		p.send(inv)
		resp = p.response(200)
		if resp.Value("Session-Expires") != "300;refresher=uac" || !resp.HasToken("Require", "timer") {
			t.Errorf("%s", resp)
		}
		p.send(within(inv, resp, ACK, "e1", 10))
		start := time.Now()
		time.Sleep(100 * time.Second)
		update := within(inv, resp, UPDATE, "e2", 11)
		update.Set("Supported", "timer")
		update.Set("Session-Expires", "300;refresher=uac")
		p.send(update)
		p.response(200)
		time.Sleep(267 * time.Second)
		bye := p.request(BYE)
		if took := time.Since(start).Truncate(time.Second); took != 368*time.Second || bye.Value("Reason") != `SIP;cause=408;text="session timer expired"` {
			t.Errorf("after %v:\n%s", took, bye)
		}
		p.send(NewResponse(bye, 200, ""))
		in := <-calls
		if err := context.Cause(in.Dialog.Context()); !errors.Is(err, ErrSessionExpired) {
			t.Error(err)
		}
		quiet(t, bob)
	})
}
