package as

import (
	"context"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// A handset whose radio takes two seconds calls over a trunk: one that knows nothing of preconditions, and would ring at once, is called
// when the handset has its bearer; to one that does they are passed on.
func TestTrunkPreconditions(t *testing.T) {
	for _, tc := range []struct {
		name            string
		known           bool // to the configuration
		invited, alerts time.Duration
	}{{"ordinary", false, 2 * time.Second, 2 * time.Second}, {"another IMS", true, 0, 2 * time.Second}} {
		t.Run(tc.name, func(t *testing.T) {
			tr := trunkTo("a", hostTrunk+1)
			tr.Preconditions = tc.known
			cfg := Config{Trunks: []Trunk{tr}, Router: always(Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}}),
				Phones: Phones{Domain: "phones.example.org", Users: map[string]string{"alice": "a"}}}
			run(t, cfg, func(h *house) {
				var invited, alerts time.Time
				carrier := call.Config{NoPreconditions: !tc.known, OnCall: func(c *call.Call) {
					invited = time.Now()
					if c.AwaitPreconditions(c.Context()) != nil {
						return
					}
					alerts = time.Now()
					c.Ring()
					time.Sleep(time.Second)
					if c.Answer(c.Context()) == nil {
						<-c.Context().Done()
					}
				}}
				h.agent(hostTrunk+1, carrier)
				bearer := func(ctx context.Context, _ *call.Call) error {
					select {
					case <-time.After(2 * time.Second):
						return nil
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				}
				alice := h.agent(hostPhone, call.Config{Reserve: bearer, SIP: sip.UserAgentConfig{Address: "<sip:alice@phones.example.org>", Auth: sip.Password("", "alice", "a")}})
				start := time.Now()
				c, err := alice.Dial(h.Context(), "sip:+4930@10.0.0.9", call.DialOptions{Preconditions: call.PreconditionsOffer})
				if err != nil {
					t.Fatal(err)
				}
				round := func(at time.Time) time.Duration { return at.Sub(start).Round(100 * time.Millisecond) }
				if round(invited) != tc.invited || round(alerts) != tc.alerts {
					t.Errorf("called after %v, alerts after %v, want %v and %v", round(invited), round(alerts), tc.invited, tc.alerts)
				}
				c.HangUp(h.Context())
				if i := h.end(0); i.Target != "trunk/a" {
					t.Errorf("%+v", i)
				}
				// The handset gives up before it has its bearer, where nobody is troubled, and while it rings: the trunk is not to blame.
				for i, after := range []time.Duration{time.Second, 2500 * time.Millisecond} {
					invited = time.Time{}
					ctx, cancel := context.WithTimeout(h.Context(), after)
					if _, err := alice.Dial(ctx, "sip:+4930@10.0.0.9", call.DialOptions{Preconditions: call.PreconditionsOffer}); err == nil {
						t.Error("answered")
					}
					cancel()
					h.end(1 + i)
					if st := h.s.Stats().Trunks[0]; invited.IsZero() != (!tc.known && after < tc.alerts) || st.Servers[0].Failures != 0 || st.Calls != 0 {
						t.Errorf("called at %v: %+v", invited, st)
					}
				}
			})
		})
	}
}
