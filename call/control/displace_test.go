package control

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
)

// Legs of a bridge hear something else for a while, mixed or not, and one another again.
func TestDisplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("bridge sofia/internal/bob@10.0.0.2")}, call.Config{})
		defer h.close()
		h.phone(2).answers(0, 1000)
		_, alice, err := h.dial(1, "77", 440)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		_, bob := h.phone(2).last()
		c := h.incoming()
		const tone = "tone_stream://%(700,0,2200)"
		check := func(what string, a, b []float64) {
			t.Helper()
			time.Sleep(600 * time.Millisecond)
			hears(t, what+": A", alice, a...)
			hears(t, what+": B", bob, b...)
		}
		plain := func(what string) {
			t.Helper()
			time.Sleep(time.Second)
			check("after "+what, []float64{1000}, []float64{440})
		}
		for _, tc := range []struct {
			args string
			a, b []float64
		}{
			{tone, []float64{2200}, []float64{440}},
			{tone + " m", []float64{1000, 2200}, []float64{440}},
			{tone + " r", []float64{1000}, []float64{2200}},
			{tone + " mr", []float64{1000}, []float64{440, 2200}},
		} {
			if err := c.Execute(t.Context(), "break", ""); err != nil { // not it
				t.Fatal(err)
			}
			if err := c.RunAction(t.Context(), Action{App: "displace_session", Args: tc.args}); err != nil {
				t.Fatal(err)
			}
			check(tc.args, tc.a, tc.b)
			plain(tc.args)
		}
		// Both directions at once, one without end, the other with a limit.
		if err := c.Displace(tone, "lm", 0); err != nil {
			t.Fatal(err)
		}
		if err := c.Displace(tone, "", 0); err == nil {
			t.Error("displaced twice by one sound")
		}
		if err := c.Displace("tone_stream://%(9000,0,1600)", "r", 2*time.Second); err != nil {
			t.Fatal(err)
		}
		check("both", []float64{1000, 2200}, []float64{1600})
		time.Sleep(2 * time.Second)
		check("one", []float64{1000, 2200}, []float64{440})
		if err := c.StopDisplace(tone); err != nil {
			t.Fatal(err)
		}
		check("none", []float64{1000}, []float64{440})
		// Levels.
		if err := c.SetLevel(true, -5); err != nil {
			t.Fatal(err)
		}
		check("muted", []float64{1000}, nil)
		if err := c.SetLevel(false, -5); err != nil {
			t.Fatal(err)
		}
		check("both muted", nil, nil)
		if err := c.SetLevel(true, 0); err != nil {
			t.Fatal(err)
		}
		if err := c.SetLevel(false, 1); err != nil {
			t.Fatal(err)
		}
		check("louder", []float64{1000}, []float64{440})
		if err := c.StopDisplace("nothing"); err == nil {
			t.Error("stopped nothing")
		}
		c.Bridged().Hangup(NormalClearing)
		time.Sleep(time.Second)
		c.recMu.Lock()
		defer c.recMu.Unlock()
		if len(c.overlays) != 0 {
			t.Errorf("%d overlays are left", len(c.overlays))
		}
	})
}
