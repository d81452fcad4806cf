package sip

import (
	"cmp"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// health remembers which targets failed, and for how long they are avoided: tried last. It holds
// failing ones only.
type health struct {
	first, limit time.Duration // of the back-off
	max          int

	count atomic.Int64 // of state, to be read without mu

	mu    sync.Mutex
	state map[healthKey]*ailment
}

type healthKey struct {
	transport Transport
	addr      netip.AddrPort
}

// ailment is what is known of a failing target.
type ailment struct {
	failures int
	until    time.Time // avoided until then
	last     time.Time // newest failure
}

const (
	defaultBackOff    = 30 * time.Second
	defaultMaxBackOff = 5 * time.Minute
	defaultMaxHealth  = 4096
	maxRetryAfter     = time.Hour
	// probeTime is for how long one request alone tries a target whose back-off has ended.
	probeTime = 5 * time.Second
	// burst is how close failures count as one: requests under way when a target dies.
	burst = time.Second
)

func newHealth(cfg LocateConfig) *health {
	return &health{
		first: cmp.Or(cfg.BackOff, defaultBackOff),
		limit: cmp.Or(cfg.MaxBackOff, defaultMaxBackOff),
		max:   cmp.Or(cfg.MaxHealth, defaultMaxHealth),
		state: make(map[healthKey]*ailment),
	}
}

func (h *health) failed(t Target, retryAfter time.Duration) {
	key, now := healthKey{t.Transport, t.Addr}, time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.state[key]
	if a == nil {
		if len(h.state) >= h.max {
			h.makeRoom(now)
		}
		a = new(ailment)
		h.state[key] = a
		h.count.Store(int64(len(h.state)))
	}
	if a.failures == 0 || now.Sub(a.last) >= burst {
		a.failures++
	}
	a.last = now
	wait := h.limit
	if n := a.failures - 1; n < 20 {
		wait = min(h.first<<n, h.limit)
	}
	a.until = now.Add(max(wait, min(retryAfter, maxRetryAfter)))
}

func (h *health) succeeded(t Target) {
	if h.count.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.state, healthKey{t.Transport, t.Addr})
	h.count.Store(int64(len(h.state)))
}

// makeRoom forgets one of a sample: the one whose back-off ends first. The caller holds h.mu.
func (h *health) makeRoom(now time.Time) {
	var victim healthKey
	seen := 0
	for k, a := range h.state {
		if seen == 0 || a.until.Before(h.state[victim].until) {
			victim = k
		}
		if seen++; seen == 32 || a.until.Before(now) {
			break
		}
	}
	delete(h.state, victim)
}

// rank puts avoided targets behind the others, keeping the order otherwise. A target whose
// back-off has ended stands in its place again, for one request at a time until it has answered.
func (h *health) rank(targets []Target) []Target {
	if len(targets) < 2 || h.count.Load() == 0 {
		return targets
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	var avoided []Target
	good := targets[:0]
	probing := false
	for _, t := range targets {
		a := h.state[healthKey{t.Transport, t.Addr}]
		switch {
		case a == nil:
			good = append(good, t)
		case now.Before(a.until) || probing:
			t.Why += fmt.Sprintf("; avoided after %d failures", a.failures)
			avoided = append(avoided, t)
		default:
			if len(good) == 0 { // it will be tried first
				probing = true
				a.until = now.Add(probeTime)
			}
			t.Why += fmt.Sprintf("; tried again after %d failures", a.failures)
			good = append(good, t)
		}
	}
	return append(good, avoided...)
}
