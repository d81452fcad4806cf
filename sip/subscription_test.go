package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// notifying is an agent that has one package and gives its subscriptions out.
func notifying(ch chan<- *Notifier) UserAgentConfig {
	return UserAgentConfig{Events: Events{Packages: []string{"reg", "dialog"}, Min: 100 * time.Second, Max: time.Hour}, OnSubscribe: func(n *Notifier) { ch <- n }}
}

// A subscription over a network with losses: the state at once and on each change, refreshed for hours,
// ended by either side.
func TestSubscribe(t *testing.T) {
	for _, closer := range []string{"subscriber", "notifier"} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond, Loss: 0.1, Seed: 3})
			ch := make(chan *Notifier, 1)
			bob := newUA(t, n, bobAddr, notifying(ch))
			alice := newUA(t, n, aliceAddr, UserAgentConfig{})
			var mu sync.Mutex
			var got []string
			go func() {
				s := <-ch
				if s.Event.Package != "reg" || s.Request.Value("Accept") != "text/plain" {
					t.Errorf("%s", s.Request)
				}
				if err := s.Notify(t.Context(), nil, ""); err == nil {
					t.Error("notified before it was accepted")
				}
				if err := s.Accept(true); err != nil {
					t.Error(err)
				}
				if err := s.notify(t.Context()); err != nil {
					t.Error(err)
				}
				for i := range 3 {
					if err := s.Notify(t.Context(), fmt.Append(nil, i), "text/plain"); err != nil {
						t.Error(err)
					}
				}
				if closer == "notifier" {
					time.Sleep(3 * time.Hour)
					if err := s.Terminate(t.Context(), "probation", time.Minute); err != nil {
						t.Error(err)
					}
				}
				<-s.Context().Done()
			}()
			sub, err := alice.Subscribe(t.Context(), bobURI, SubscribeOptions{Event: "reg", Accept: []string{"text/plain"}, Expires: 100 * time.Hour, OnNotify: func(n *Notification) {
				mu.Lock()
				got = append(got, n.State.State+" "+string(n.Request.Body))
				mu.Unlock()
			}})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour)
			if left := time.Until(sub.Expires()); left < 30*time.Second || left > time.Hour {
				t.Errorf("%v left", left)
			}
			if closer == "subscriber" {
				if err := sub.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			<-sub.Context().Done()
			var ended *SubscriptionError
			switch err := context.Cause(sub.Context()); {
			case closer == "subscriber" && err != ErrUnsubscribed:
				t.Error(err)
			case closer == "notifier" && (!errors.As(err, &ended) || ended.Reason != "probation" || ended.RetryAfter != time.Minute):
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			text := strings.Join(got, ",")
			if want := "pending ,active 0,active 1,active 2,active 2"; !strings.HasPrefix(text, want) || !strings.HasSuffix(text, ",terminated 2") {
				t.Errorf("%s\nwant %s…", text, want)
			}
			quiet(t, alice, bob)
		})
	}
}

// What is refused, and with what.
func TestSubscribeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		ch := make(chan *Notifier, 1)
		bob := newUA(t, n, bobAddr, notifying(ch))
		p := newScriptPeer(t, n, aliceAddr, bobAddr)
		subscribe := func(branch, event, expires string) *Request {
			r := p.invite(branch)
			r.Method = SUBSCRIBE
			r.Set("CSeq", "10 SUBSCRIBE")
			r.Del("Content-Type")
			r.Body = nil
			if event != "" {
				r.Set("Event", event)
			}
			if expires != "" {
				r.Set("Expires", expires)
			}
			p.send(r)
			return r
		}
		subscribe("a", "presence", "600")
		if resp := p.response(489); resp.Value("Allow-Events") != "reg" || !resp.HasToken("Allow-Events", "dialog") {
			t.Errorf("%s", resp)
		}
		subscribe("b", "", "600")
		p.response(489)
		subscribe("c", "reg", "10")
		if resp := p.response(423); resp.Value("Min-Expires") != "100" {
			t.Errorf("%s", resp)
		}
		subscribe("d", "reg", "forever")
		p.response(400)
		subscribe("e", "reg", "600")
		(<-ch).Refuse(403)
		p.response(403)

		// One look: 200 with no time, one NOTIFY, and that is all.
		subscribe("f", "reg;id=7", "0")
		s := <-ch
		s.Accept(false)
		resp := p.response(200)
		if resp.Value("Expires") != "0" {
			t.Errorf("%s", resp)
		}
		go s.Notify(t.Context(), []byte("now"), "text/plain")
		notify := p.request(NOTIFY)
		if notify.Value("Subscription-State") != "terminated;reason=timeout" || notify.Value("Event") != "reg;id=7" || string(notify.Body) != "now" {
			t.Errorf("%s", notify)
		}
		p.send(NewResponse(notify, 200, ""))
		<-s.Context().Done()
		if err := context.Cause(s.Context()); err != ErrUnsubscribed {
			t.Error(err)
		}

		// Not refreshed: it ends by itself. Within its dialog, BYE and INVITE have no place.
		req := subscribe("g", "reg", "200")
		s = <-ch
		start := time.Now()
		s.Accept(false)
		resp = p.response(200)
		for i, m := range []Method{BYE, INVITE} {
			p.send(within(req, resp, m, fmt.Sprintf("h%d", i), uint32(11+i)))
			refused := p.response(481)
			if m == INVITE {
				p.send(NewACK(within(req, resp, m, fmt.Sprintf("h%d", i), uint32(11+i)), refused))
			}
		}
		p.conn.SetReadDeadline(time.Time{})
		time.Sleep(199 * time.Second)
		notify = p.request(NOTIFY)
		if took := time.Since(start).Truncate(time.Second); notify.Value("Subscription-State") != "terminated;reason=timeout" || took != 200*time.Second {
			t.Errorf("after %v:\n%s", took, notify)
		}
		p.send(NewResponse(notify, 200, ""))
		quiet(t, bob)
	})
}

// A subscriber whose SUBSCRIBE was forked takes the first NOTIFY and refuses the others, raises the time
// that is too short, and gives up where no NOTIFY comes.
func TestSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		p := newScriptPeer(t, n, bobAddr, aliceAddr)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		type result struct {
			s   *Subscription
			err error
		}
		results := make(chan result, 1)
		subscribe := func() {
			s, err := alice.Subscribe(t.Context(), bobURI, SubscribeOptions{Event: "dialog", Expires: 2 * time.Minute})
			results <- result{s, err}
		}
		go subscribe()
		req := p.request(SUBSCRIBE)
		short := NewResponse(req, 423, "")
		short.SetToTag("x")
		short.Set("Min-Expires", "300")
		p.send(short)
		req = p.request(SUBSCRIBE)
		if req.Value("Expires") != "300" {
			t.Errorf("%s", req)
		}
		notify := func(tag, branch, event, state string, seq int) *Request {
			r := NewRequest(NOTIFY, "sip:anonymous@192.0.2.1:5060")
			r.Add("Via", "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK"+branch)
			r.Add("Max-Forwards", "70")
			r.Add("From", "<"+bobURI+">;tag="+tag)
			r.Add("To", req.Value("From"))
			r.Add("Call-ID", req.CallID())
			r.Add("CSeq", fmt.Sprint(seq, " NOTIFY"))
			r.Add("Contact", "<sip:"+tag+"@192.0.2.2>")
			r.Add("Event", event)
			if state != "" {
				r.Add("Subscription-State", state)
			}
			p.send(r)
			return r
		}
		notify("wrong", "n0", "presence", "active;expires=300", 1)
		p.response(481)
		notify("one", "n1", "dialog", "active;expires=300", 1) // before the 200
		p.response(200)
		resp := NewResponse(req, 200, "")
		resp.SetToTag("one")
		resp.Set("Contact", "<sip:one@192.0.2.2>")
		resp.Set("Expires", "300")
		p.send(resp)
		notify("two", "n2", "dialog", "active;expires=300", 1)
		p.response(481)
		notify("one", "n3", "dialog", "", 2)
		p.response(400)
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		notify("one", "n4", "dialog", "active;expires=60", 3) // shortened: refreshed earlier
		p.response(200)
		start := time.Now()
		refresh := p.request(SUBSCRIBE)
		if took := time.Since(start).Truncate(time.Second); took != 30*time.Second || refresh.RequestURI != "sip:one@192.0.2.2" || refresh.Value("Event") != "dialog" {
			t.Errorf("after %v:\n%s", took, refresh)
		}
		p.send(NewResponse(refresh, 481, ""))
		<-r.s.Context().Done()
		if err := context.Cause(r.s.Context()); StatusCode(err) != 481 {
			t.Error(err)
		}

		go subscribe()
		req = p.request(SUBSCRIBE)
		resp = NewResponse(req, 202, "")
		resp.SetToTag("silent")
		resp.Set("Contact", "<sip:silent@192.0.2.2>")
		p.send(resp)
		if r := <-results; !errors.Is(r.err, ErrTimeout) {
			t.Error(r.err)
		}
		quiet(t, alice)
	})
}
