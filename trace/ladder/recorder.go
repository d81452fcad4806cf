package ladder

import (
	"bytes"
	"slices"
	"sync"

	"github.com/gotelco/telco/trace"
)

// A Recorder keeps the last events, to draw them later. The zero value keeps 1000. Its methods may
// be called by several goroutines.
type Recorder struct {
	// Max is how many events are kept. If zero, 1000.
	Max int

	mu     sync.Mutex
	events []trace.Event
	next   int // the oldest, once there are Max
}

// Trace keeps a copy of an event. It is a [trace.Func].
func (r *Recorder) Trace(e trace.Event) {
	e.Data = bytes.Clone(e.Data)
	e.Secrets = slices.Clone(e.Secrets)
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.Max
	if most <= 0 {
		most = 1000
	}
	if len(r.events) < most {
		r.events = append(r.events, e)
		return
	}
	r.events[r.next] = e
	r.next = (r.next + 1) % len(r.events)
}

// Events returns what is kept, the oldest first.
func (r *Recorder) Events() []trace.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.events[r.next:], r.events[:r.next])
}

// Text draws what is kept.
func (r *Recorder) Text(cfg Config) string { return Text(r.Events(), cfg) }
