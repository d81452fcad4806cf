package call

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/gotelco/telco/sip"
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
	// MaxCPU is the part of the machine's processor time that this process may use, over the last second: up to 1. If zero, that
	// is not looked at, and neither is it where the system does not say (Windows); 0.85 is a good value.
	MaxCPU float64
	// Exempt, if not nil, says which calls are taken whatever the load: emergency calls. It must not block.
	Exempt func(invite *sip.Request) bool
}

// AdmissionStats is a snapshot of what an [Admission] looks at.
type AdmissionStats struct {
	Calls   int
	Late    time.Duration // 90th percentile of the last second
	Busy    float64       // part of the last second
	CPU     float64       // part of the machine's, over the last second
	Refused uint64        // calls
}

// Admission returns what the agent's Admission looks at.
func (a *Agent) Admission() AdmissionStats {
	return AdmissionStats{Calls: a.Calls(), Late: a.wheel.lateness(), Busy: a.wheel.busy(), CPU: a.processor.used(), Refused: a.refused.Load()}
}

// admit takes a call: why is empty then, and otherwise after is the number of seconds after which to try again. The error
// says that the agent is closed.
func (a *Agent) admit(c *Call) (after int, why string, err error) {
	limits := &a.cfg.Admission
	if limits.Exempt != nil && limits.Exempt(c.in.Request) {
		return 0, "", a.add(c)
	}
	if after, why = a.overloaded(); why != "" {
		return after, why, nil
	}
	n, err := a.addBelow(c, limits.MaxCalls) // in one step, as calls come at once
	if n > 0 {
		return 10, fmt.Sprintf("%d calls", n), nil
	}
	return 0, "", err
}

func (a *Agent) overloaded() (after int, why string) {
	limits := &a.cfg.Admission
	if limits.MaxLate > 0 {
		if late := a.wheel.lateness(); late > limits.MaxLate {
			return 2, fmt.Sprintf("media is %v late", late.Round(time.Millisecond))
		}
	}
	if limits.MaxBusy > 0 {
		if busy := a.wheel.busy(); busy > limits.MaxBusy {
			return 2, fmt.Sprintf("media takes %.0f %% of the time", busy*100)
		}
	}
	if limits.MaxCPU > 0 {
		if cpu := a.processor.used(); cpu > limits.MaxCPU {
			return 2, fmt.Sprintf("the process takes %.0f %% of the processors", cpu*100)
		}
	}
	return 0, ""
}

// processor is what the process uses of the machine's processors.
type processor struct {
	mu   sync.Mutex
	at   time.Time
	time time.Duration
	part float64
}

// used is the part of the last second or more, up to 1.
func (p *processor) used() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if took := now.Sub(p.at); took >= time.Second {
		used := processorTime()
		if !p.at.IsZero() {
			p.part = float64(used-p.time) / float64(took) / float64(runtime.NumCPU())
		}
		p.at, p.time = now, used
	}
	return p.part
}
