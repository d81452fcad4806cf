package user_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// TestTraceStates watches an association come and go: what the upper layers are told is in the trace as well.
func TestTraceStates(t *testing.T) {
	noLeak(t)
	states := make(chan string, 16)
	c, s := dialPair(t, sctp.Config{Trace: func(e trace.Event) {
		if e.Dir == trace.State {
			if !e.Local.IsValid() || !e.Remote.IsValid() || e.Proto != trace.SCTP || e.Data != nil {
				t.Errorf("%+v", e)
			}
			states <- e.Comment
		}
	}})
	c.Abort("had enough")
	wantEvent(t, s, sctp.Up)
	wantEvent(t, s, sctp.Down)
	want := map[string]int{"up": 2, "down: sctp: closed": 1, "down: sctp: aborted by the peer": 1}
	for left := 4; left > 0; left-- {
		select {
		case got := <-states:
			known := false
			for w, n := range want {
				if n > 0 && strings.HasPrefix(got, w) {
					want[w]--
					known = true
					break
				}
			}
			if !known {
				t.Errorf("%q; expected still: %v", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("expected still: %v", want)
		}
	}
}
