package call

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// What a caller hears before the answer is told in P-Early-Media where it knows of that (RFC 5009), once; without
// preconditions a description says it, with them it says nothing. Both legs of a back-to-back user agent have it.
func TestEarly(t *testing.T) {
	const supported = "supported"
	for _, tc := range []struct {
		mode    Preconditions
		field   string // in the INVITE
		through bool   // an exchange
		play    bool   // an announcement
		want    string // status codes, with P-Early-Media, and whether something is to be heard
	}{
		{PreconditionsAuto, "", false, false, "[180  false]"},
		{PreconditionsAuto, "", false, true, "[183  true]"},
		{PreconditionsAuto, supported, false, true, "[183 sendrecv true]"},
		{PreconditionsAuto, supported, true, true, "[183 sendrecv true]"},
		{PreconditionsOffer, supported, false, false, "[183  false 180  false]"},
		{PreconditionsOffer, supported, false, true, "[183 sendrecv true]"},
		{PreconditionsOffer, supported, true, false, "[183  false 180  false]"},
		{PreconditionsOffer, supported, true, true, "[183  false 183 sendrecv true]"},
	} {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
				b := newAgent(t, n, 3, Config{OnCall: func(c *Call) {
					if tc.play {
						if err := c.Progress(); err != nil {
							t.Error(err)
						}
						c.Progress()
					} else {
						c.Ring()
						c.AwaitPreconditions(c.Context())
					}
					time.Sleep(time.Second)
					if c.Answer(c.Context()) == nil {
						<-c.Context().Done()
					}
				}})
				defer b.Close()
				var as *Agent
				as = newAgent(t, n, 2, Config{OnCall: func(c *Call) {
					as.Connect(t.Context(), c, "sip:b@10.0.0.3", ConnectOptions{DialOptions: DialOptions{Edit: func(r *sip.Request) {
						r.Set("P-Early-Media", supported)
					}}})
				}})
				defer as.Close()
				a := newAgent(t, n, 1, Config{Reserve: reserving(time.Second, nil)})
				defer a.Close()
				to := "sip:b@10.0.0.3"
				if tc.through {
					to = "sip:b@10.0.0.2"
				}
				var got []any
				c, err := a.Dial(t.Context(), to, DialOptions{Preconditions: tc.mode, OnProgress: func(c *Call, r *sip.Response) {
					got = append(got, r.StatusCode, r.Value("P-Early-Media"), c.Early(r))
				}, Edit: func(r *sip.Request) {
					if tc.field != "" {
						r.Set("P-Early-Media", tc.field)
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				if fmt.Sprint(got) != tc.want {
					t.Errorf("%v, want %s", got, tc.want)
				}
				c.HangUp(t.Context())
				time.Sleep(time.Minute)
			})
		})
	}
}
