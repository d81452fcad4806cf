package sip

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// Bob transfers Alice to Carol while he has a call with Carol: she takes the new call in the place of
// his. And what becomes of a target that refuses, of one that is no URI to call, and of no subscription.
func TestRefer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
		var bob, alice, carol *UserAgent
		carol = newUA(t, n, carolAddr, UserAgentConfig{Supported: []string{"replaces"}, OnInvite: func(in *Incoming) {
			old, err := in.Replaced()
			var bad *ReplacesError
			if errors.As(err, &bad) {
				in.Reply(bad.Status, nil, "")
				return
			}
			in.Reply(180, nil, "")
			in.Reply(200, []byte(answer), "")
			if old != nil {
				old.Bye(context.Background(), RequestOptions{})
			}
		}})
		calls := make(chan *Dialog, 4)
		alice = newUA(t, n, aliceAddr, UserAgentConfig{Supported: []string{"replaces"}, OnInvite: func(in *Incoming) { in.Reply(200, []byte(answer), "") },
			OnRequest: func(in *Incoming) {
				r, err := in.AcceptRefer()
				if err != nil {
					return
				}
				d, _, err := alice.Invite(t.Context(), r.Target.String(), InviteOptions{
					RequestOptions: RequestOptions{Body: []byte(offer), Edit: func(req *Request) {
						req.Set("Referred-By", r.By)
						if r.Replaces.CallID != "" {
							req.Set("Replaces", r.Replaces.String())
							req.Set("Require", "replaces")
						}
					}},
					OnProvisional: func(_ *Dialog, resp *Response) { r.Notify(t.Context(), resp.StatusCode, "") },
				})
				if err != nil {
					r.Notify(t.Context(), StatusCode(err), "")
					return
				}
				calls <- d
				r.Notify(t.Context(), 200, "")
			}})
		bob = newUA(t, n, bobAddr, UserAgentConfig{Address: "<sip:bob@example.org>"})
		withAlice, _, err := bob.Invite(t.Context(), "sip:alice@192.0.2.1", InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
		if err != nil {
			t.Fatal(err)
		}
		withCarol, _, err := bob.Invite(t.Context(), "sip:carol@192.0.2.3", InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
		if err != nil {
			t.Fatal(err)
		}
		state := withCarol.State()
		var progress []int
		if err := withAlice.Refer(t.Context(), "sip:carol@192.0.2.3", ReferOptions{Replaces: state.Replaces(), OnProgress: func(s int) { progress = append(progress, s) }}); err != nil {
			t.Error(err)
		}
		if len(progress) != 2 || progress[0] != 100 || progress[1] != 180 {
			t.Errorf("%v", progress)
		}
		<-withCarol.Context().Done()
		if err := context.Cause(withCarol.Context()); !errors.Is(err, ErrPeerHungUp) {
			t.Error(err)
		}
		(<-calls).Bye(t.Context(), RequestOptions{})

		// Again: the dialog to be replaced is no more.
		var refused *ResponseError
		if err := withAlice.Refer(t.Context(), "sip:carol@192.0.2.3", ReferOptions{Replaces: state.Replaces()}); !errors.As(err, &refused) || refused.Response.StatusCode != 481 {
			t.Errorf("%v", err)
		}
		if err := withAlice.Refer(t.Context(), "mailto:carol@example.org", ReferOptions{}); StatusCode(err) != 400 {
			t.Errorf("%v", err)
		}
		if err := withAlice.Refer(t.Context(), "sip:carol@192.0.2.3", ReferOptions{NoSubscription: true}); err != nil {
			t.Error(err)
		}
		(<-calls).Bye(t.Context(), RequestOptions{})
		if err := withAlice.Context().Err(); err != nil {
			t.Errorf("the call has ended: %v", context.Cause(withAlice.Context()))
		}
		withAlice.Bye(t.Context(), RequestOptions{})
		quiet(t, alice, bob, carol)
	})
}

// A NOTIFY that the transferred party's peer does not know any more ends nothing but the telling.
func TestReferForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		refers := make(chan *Referred, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{
			OnInvite: func(in *Incoming) { in.Reply(200, []byte(answer), "") },
			OnRequest: func(in *Incoming) {
				r, err := in.AcceptRefer()
				if err != nil {
					t.Error(err)
				}
				refers <- r
			}})
		p := newScriptPeer(t, n, aliceAddr, bobAddr)
		inv := p.invite("r")
		p.send(inv)
		resp := p.response(200)
		p.send(within(inv, resp, ACK, "r1", 10))
		refer := within(inv, resp, REFER, "r2", 11)
		refer.Set("Refer-To", "<sip:carol@192.0.2.3?Subject=x>")
		p.send(refer)
		p.response(202)
		r := <-refers
		if r.Target.String() != "sip:carol@192.0.2.3" {
			t.Error(r.Target)
		}
		notify := p.request(NOTIFY)
		if notify.Value("Event") != "refer;id=11" || string(notify.Body) != "SIP/2.0 100 Trying\r\n" || notify.Value("Subscription-State") != "active;expires=180" {
			t.Errorf("%s", notify)
		}
		p.send(NewResponse(notify, 481, ""))
		told := make(chan error, 1)
		go func() { told <- r.Notify(t.Context(), 486, "") }()
		notify = p.request(NOTIFY)
		if string(notify.Body) != "SIP/2.0 486 Busy Here\r\n" || notify.Value("Subscription-State") != "terminated;reason=noresource" {
			t.Errorf("%s", notify)
		}
		p.send(NewResponse(notify, 200, ""))
		if err := <-told; err != nil {
			t.Error(err)
		}
		if n := bob.Dialogs(); n != 1 {
			t.Errorf("%d dialogs", n)
		}
		p.send(within(inv, resp, BYE, "r3", 12))
		p.response(200)
		quiet(t, bob)
	})
}

// What is told of progress does not come after the last word, however late its goroutine runs.
func TestReferNotifyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		refers := make(chan *Referred, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{
			OnInvite: func(in *Incoming) { in.Reply(200, []byte(answer), "") },
			OnRequest: func(in *Incoming) {
				r, err := in.AcceptRefer()
				if err != nil {
					t.Error(err)
				}
				refers <- r
			}})
		p := newScriptPeer(t, n, aliceAddr, bobAddr)
		inv := p.invite("r")
		p.send(inv)
		resp := p.response(200)
		p.send(within(inv, resp, ACK, "r1", 10))
		refer := within(inv, resp, REFER, "r2", 11)
		refer.Set("Refer-To", "<sip:carol@192.0.2.3>")
		p.send(refer)
		p.response(202)
		r := <-refers
		trying := p.request(NOTIFY) // under way while more is to be told
		told := make(chan error, 2)
		go func() { told <- r.Notify(t.Context(), 200, "") }()
		synctest.Wait()
		go func() { told <- r.Notify(t.Context(), 180, "") }()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.Notify(short, 183, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while another is under way: %v", err)
		}
		p.send(NewResponse(trying, 200, ""))
		last := p.request(NOTIFY)
		if string(last.Body) != "SIP/2.0 200 OK\r\n" {
			t.Errorf("told %q", last.Body)
		}
		p.send(NewResponse(last, 200, ""))
		for range 2 {
			if err := <-told; err != nil {
				t.Error(err)
			}
		}
		bye := within(inv, resp, BYE, "r3", 12)
		p.send(bye)
		p.response(200) // and no NOTIFY before it
		quiet(t, bob)
	})
}
