package diameter

import (
	"strings"
	"testing"
	"time"
)

const (
	testTw = 30 * time.Second
	testTc = 20 * time.Second
)

// TestWatchdog runs every row of the state machine of RFC 3539 appendix A. Actions that are
// assignments there are looked up in the state afterwards.
func TestWatchdog(t *testing.T) {
	now := time.Unix(1e9, 0)
	receive := func(dwa bool) func(*watchdog) []watchdogAction {
		return func(w *watchdog) []watchdogAction { return w.receive(now, dwa, nil) }
	}
	dwa, nonDWA := receive(true), receive(false)
	timer := func(w *watchdog) []watchdogAction { return w.expire(now, nil) }
	up := func(w *watchdog) []watchdogAction { return w.connectionUp(now, nil) }
	down := func(w *watchdog) []watchdogAction { return w.connectionDown(now, nil) }
	const (
		initial = WatchdogInitial
		okay    = WatchdogOkay
		suspect = WatchdogSuspect
		gone    = WatchdogDown
		reopen  = WatchdogReopen
	)
	for _, c := range []struct {
		name     string
		state    WatchdogState
		pending  bool
		numDWA   int
		event    func(*watchdog) []watchdogAction
		actions  string // in the RFC's order
		set      bool   // SetWatchdog()
		next     WatchdogState
		pending2 bool
		numDWA2  int
	}{
		{"OKAY Receive DWA", okay, true, 0, dwa, "", true, okay, false, 0},
		{"OKAY Receive non-DWA", okay, true, 0, nonDWA, "", true, okay, true, 0},
		{"SUSPECT Receive DWA", suspect, true, 0, dwa, "Failback", true, okay, false, 0},
		{"SUSPECT Receive non-DWA", suspect, true, 0, nonDWA, "Failback", true, okay, true, 0},
		{"REOPEN Receive DWA & NumDWA == 2", reopen, true, 2, dwa, "Failback", false, okay, false, 3},
		{"REOPEN Receive DWA & NumDWA < 2", reopen, true, 1, dwa, "", false, reopen, false, 2},
		{"REOPEN Receive DWA & NumDWA < 2 (after one was late)", reopen, true, -1, dwa, "", false, reopen, false, 0},
		{"REOPEN Receive non-DWA", reopen, true, 1, nonDWA, "Throwaway", false, reopen, true, 1},
		{"INITIAL Receive DWA", initial, true, 0, dwa, "Throwaway", false, initial, false, 0},
		{"INITIAL Receive non-DWA", initial, true, 0, nonDWA, "Throwaway", false, initial, true, 0},
		{"DOWN Receive DWA", gone, true, 0, dwa, "Throwaway", false, gone, false, 0},
		{"DOWN Receive non-DWA", gone, true, 0, nonDWA, "Throwaway", false, gone, true, 0},
		{"OKAY Timer expires & !Pending", okay, false, 0, timer, "SendWatchdog", true, okay, true, 0},
		{"OKAY Timer expires & Pending", okay, true, 0, timer, "Failover", true, suspect, true, 0},
		{"SUSPECT Timer expires", suspect, true, 0, timer, "CloseConnection", true, gone, true, 0},
		{"INITIAL Timer expires", initial, false, 0, timer, "AttemptOpen", true, initial, false, 0},
		{"DOWN Timer expires", gone, false, 0, timer, "AttemptOpen", true, gone, false, 0},
		{"REOPEN Timer expires & !Pending", reopen, false, 1, timer, "SendWatchdog", true, reopen, true, 1},
		{"REOPEN Timer expires & Pending & NumDWA < 0", reopen, true, -1, timer, "CloseConnection", true, gone, true, -1},
		{"REOPEN Timer expires & Pending & NumDWA >= 0", reopen, true, 0, timer, "", true, reopen, true, -1},
		{"INITIAL Connection up", initial, false, 0, up, "", true, okay, false, 0},
		{"DOWN Connection up", gone, false, 2, up, "SendWatchdog", true, reopen, true, 0},
		{"OKAY Connection down", okay, false, 0, down, "CloseConnection Failover", true, gone, false, 0},
		{"SUSPECT Connection down", suspect, true, 0, down, "CloseConnection", true, gone, false, 0},
		{"REOPEN Connection down", reopen, true, 2, down, "CloseConnection", true, gone, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := now // the timer that runs is due
			w := watchdog{status: c.state, pending: c.pending, numDWA: c.numDWA, deadline: old,
				tw: testTw, jitter: 2 * time.Second, reopen: 3, tc: testTc, tcMax: testTc, random: func() float64 { return 0.75 }}
			var got []string
			for _, a := range c.event(&w) {
				got = append(got, a.String())
			}
			if s := strings.Join(got, " "); s != c.actions || w.status != c.next || w.pending != c.pending2 || w.numDWA != c.numDWA2 {
				t.Errorf("%q, %v, pending %v, NumDWA %d; want %q, %v, %v, %d", s, w.status, w.pending, w.numDWA, c.actions, c.next, c.pending2, c.numDWA2)
			}
			want := old
			if c.set {
				want = now.Add(testTw + time.Second)
				if c.next == initial || c.next == gone {
					want = now.Add(testTc + time.Second)
				}
			}
			if !w.deadline.Equal(want) {
				t.Errorf("the timer expires %v after now, want %v", w.deadline.Sub(now), want.Sub(now))
			}
		})
	}
}

func TestWatchdogJitter(t *testing.T) {
	now := time.Unix(1e9, 0)
	w := watchdog{status: WatchdogOkay, tw: testTw, jitter: 2 * time.Second}
	seen := map[time.Duration]bool{}
	for range 1000 {
		w.receive(now, false, nil)
		d := w.deadline.Sub(now)
		if d < 28*time.Second || d > 32*time.Second {
			t.Fatalf("Tw is %v", d)
		}
		seen[d] = true
	}
	if len(seen) < 900 {
		t.Errorf("%d different values of Tw in 1000", len(seen))
	}
}

// TestWatchdogBackOff: attempts to connect come at Tc, then at intervals that double up to a limit.
func TestWatchdogBackOff(t *testing.T) {
	now := time.Unix(1e9, 0)
	w := watchdog{tc: time.Second, tcMax: 5 * time.Second, deadline: now}
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		out := w.expire(w.deadline, nil)
		if len(out) != 1 || out[0] != wdAttemptOpen || w.deadline.Sub(now) != want*time.Second {
			t.Fatalf("attempt %d: %v, next after %v, want %vs", i+1, out, w.deadline.Sub(now), want)
		}
		now = w.deadline
	}
	w.connectionUp(now, nil)
	w.connectionDown(now, nil)
	if w.deadline.Sub(now) != time.Second {
		t.Errorf("after a connection the next attempt comes after %v", w.deadline.Sub(now))
	}
	w.tc = 0
	w.parted(now)
	if !w.deadline.IsZero() || w.status != WatchdogInitial {
		t.Errorf("%v, %v", w.status, w.deadline)
	}
}

// TestWatchdogStory is the life of a peer that falls silent, comes back and has to prove itself.
func TestWatchdogStory(t *testing.T) {
	now := time.Unix(1e9, 0)
	w := watchdog{tw: testTw, reopen: 3, tc: testTc, tcMax: testTc, random: func() float64 { return 0.5 }}
	w.connectionUp(now, nil)
	step := func(want watchdogAction, status WatchdogState) {
		t.Helper()
		now = w.deadline
		if out := w.expire(now, nil); len(out) != 1 || out[0] != want || w.status != status {
			t.Fatalf("%v, %v; want %v, %v", out, w.status, want, status)
		}
	}
	step(wdSendWatchdog, WatchdogOkay)
	step(wdFailover, WatchdogSuspect)
	step(wdCloseConnection, WatchdogDown)
	w.connectionDown(now, nil)
	step(wdAttemptOpen, WatchdogDown)
	if out := w.connectionUp(now, nil); len(out) != 1 || out[0] != wdSendWatchdog || w.status != WatchdogReopen {
		t.Fatalf("%v, %v", out, w.status)
	}
	w.receive(now, true, nil)
	step(wdSendWatchdog, WatchdogReopen)
	w.receive(now, true, nil)
	step(wdSendWatchdog, WatchdogReopen)
	if out := w.receive(now, true, nil); len(out) != 1 || out[0] != wdFailback || w.status != WatchdogOkay {
		t.Fatalf("%v, %v", out, w.status)
	}
}
