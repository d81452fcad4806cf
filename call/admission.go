package call

import (
	"fmt"
	"sync"
	"time"
)

// Admission bounds the calls that are taken, so that there is no choppy audio for everyone: what is beyond
// gets 503 with Retry-After. Calls that an application makes are not bounded.
type Admission struct {
	// MaxCalls is how many legs there may be, outgoing and early ones included. If zero, any number.
	MaxCalls int
	// MaxLate is how late the wheel's turns may begin, at the 90th percentile of the last second. If
	// zero, that is not looked at; 10 ms is a good value.
	MaxLate time.Duration
	// MaxBusy is the part of the time of the wheel's goroutines that their turns may take, over the last second: up to 1. If
	// zero, that is not looked at; 0.8 is a good value.
	MaxBusy float64
}

// AdmissionStats is a snapshot of what an [Admission] looks at.
type AdmissionStats struct {
	Calls   int
	Late    time.Duration // 90th percentile of the last second
	Busy    float64       // part of the last second
	Refused uint64        // calls
}

// Admission returns what the agent's Admission looks at.
func (a *Agent) Admission() AdmissionStats {
	late, busy := a.load.read(a.wheel)
	return AdmissionStats{Calls: a.Calls(), Late: late, Busy: busy, Refused: a.refused.Load()}
}

// admit says whether a call is taken: why is empty then, and otherwise after is the number of seconds after which
// to try again.
func (a *Agent) admit() (after int, why string) {
	limits := &a.cfg.Admission
	if n := a.Calls(); limits.MaxCalls > 0 && n >= limits.MaxCalls {
		return 10, fmt.Sprintf("%d calls", n)
	}
	if limits.MaxLate == 0 && limits.MaxBusy == 0 {
		return 0, ""
	}
	late, busy := a.load.read(a.wheel)
	switch {
	case limits.MaxLate > 0 && late > limits.MaxLate:
		return 2, fmt.Sprintf("media is %v late", late.Round(time.Millisecond))
	case limits.MaxBusy > 0 && busy > limits.MaxBusy:
		return 2, fmt.Sprintf("media takes %.0f %% of the time", busy*100)
	}
	return 0, ""
}

// load is how a wheel does, measured over a second.
type load struct {
	mu    sync.Mutex
	since time.Time
	last  WheelStats
	late  time.Duration
	busy  float64
}

func (l *load) read(w *Wheel) (late time.Duration, busy float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if took := now.Sub(l.since); took >= time.Second {
		s := w.Stats()
		if took < 10*time.Second && s.Turns > l.last.Turns {
			l.busy = float64(s.Busy-l.last.Busy) / float64(took) / float64(s.Workers)
		} else {
			l.busy = 0
		}
		l.since, l.last = now, s
	}
	l.late = w.lateness()
	return l.late, l.busy
}
