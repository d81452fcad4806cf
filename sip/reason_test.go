package sip

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// Why a call is given up goes with the CANCEL, and its peer learns it (RFC 3326).
func TestCancelReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		ended := make(chan error, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: func(in *Incoming) {
			in.Reply(180, nil, "")
			<-in.Dialog.Context().Done()
			ended <- context.Cause(in.Dialog.Context())
		}})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(&HangUpError{[]Reason{NewReason("SIP", 200, "Call completed elsewhere"), NewReason("Q.850", 26, "")}})
		}()
		if _, _, err := alice.Invite(ctx, "sip:bob@192.0.2.2", InviteOptions{}); !errors.Is(err, ErrHungUp) {
			t.Error(err)
		}
		err := <-ended
		var cancelled *CancelError
		if !errors.Is(err, ErrCanceled) || !errors.As(err, &cancelled) {
			t.Fatalf("%v", err)
		}
		var got []string
		for r, err := range cancelled.Request.Reasons() {
			if err != nil {
				t.Error(err)
			}
			got = append(got, r.String())
		}
		if len(got) != 2 || got[0] != `SIP;cause=200;text="Call completed elsewhere"` || got[1] != "Q.850;cause=26" {
			t.Errorf("%q", got)
		}
		quiet(t, alice, bob)
	})
}

// Both change the session at once: each makes its offer anew when its turn comes.
func TestOfferAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 20 * time.Millisecond})
		dialogs := make(chan *Dialog, 1)
		serve := func(in *Incoming) { in.Reply(200, []byte(answer), "") }
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnRequest: serve, OnInvite: func(in *Incoming) {
			in.Reply(200, []byte(answer), "")
			dialogs <- in.Dialog
		}})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{OnRequest: serve})
		a, _, err := alice.Invite(t.Context(), "sip:bob@192.0.2.2", InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
		if err != nil {
			t.Fatal(err)
		}
		b := <-dialogs
		time.Sleep(time.Second)
		type side struct{ made, withdrawn int }
		var sides [2]side
		done := make(chan error, 2)
		for i, d := range []*Dialog{a, b} {
			go func() {
				_, err := d.Invite(t.Context(), RequestOptions{
					Offer:    func() ([]byte, error) { sides[i].made++; return []byte(offer), nil },
					Withdraw: func() { sides[i].withdrawn++ },
				})
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for i, s := range sides {
			if s.made != s.withdrawn+1 || s.made < 2 {
				t.Errorf("side %d: %+v", i, s)
			}
		}
		broken := errors.New("no ports")
		if _, err := a.Do(t.Context(), UPDATE, RequestOptions{Offer: func() ([]byte, error) { return nil, broken }}); !errors.Is(err, broken) {
			t.Error(err)
		}
		if _, err := a.Do(t.Context(), UPDATE, RequestOptions{Offer: func() ([]byte, error) { return []byte(offer), nil }}); err != nil {
			t.Errorf("after an offer that was not made: %v", err)
		}
		a.Bye(t.Context(), RequestOptions{})
		quiet(t, alice, bob)
	})
}
