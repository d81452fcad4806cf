package sip

import (
	"context"
	"errors"
	"time"
)

// cacheEntry is an answer and how long it holds.
type cacheEntry struct {
	answer  dnsAnswer
	err     error     // a failure, which is not asked for again at once
	expires time.Time // until then it answers without asking
	fresh   time.Time // until then it was valid by its TTL
}

// dnsCall is a question under way, and who waits for its answer.
type dnsCall struct {
	done   chan struct{}
	answer dnsAnswer
	err    error
}

const (
	failureTTL = 5 * time.Second  // RFC 2308 section 7
	staleTTL   = 30 * time.Second // RFC 8767 section 5
)

// lookup answers one question from the cache, or asks the servers. The question goes on when ctx
// ends: others wait for it, or will ask.
func (d *DNS) lookup(ctx context.Context, q dnsQuestion) (dnsAnswer, error) {
	d.mu.Lock()
	if e, ok := d.cache[q]; ok && time.Now().Before(e.expires) {
		d.mu.Unlock()
		d.stats.hits.Add(1)
		return e.answer, e.err
	}
	call := d.pending[q]
	if call == nil {
		if len(d.pending) >= d.cfg.MaxPending {
			d.mu.Unlock()
			return dnsAnswer{}, &DNSError{Name: q.name, Type: q.typeName(), Err: errors.New("too many questions under way")}
		}
		call = &dnsCall{done: make(chan struct{})}
		d.pending[q] = call
		go d.run(q, call)
	}
	d.mu.Unlock()
	select {
	case <-call.done:
		return call.answer, call.err
	default:
	}
	select {
	case <-call.done:
		return call.answer, call.err
	case <-ctx.Done():
		return dnsAnswer{}, &DNSError{Name: q.name, Type: q.typeName(), Err: context.Cause(ctx)}
	}
}

// run asks, and keeps the answer.
func (d *DNS) run(q dnsQuestion, call *dnsCall) {
	a, err := d.exchange(q)
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	ttl := failureTTL
	if err == nil {
		ttl = d.ttl(a)
	} else {
		d.stats.failures.Add(1)
		if old, ok := d.cache[q]; ok && old.err == nil && now.Before(old.fresh.Add(d.cfg.MaxStale)) {
			d.stats.stale.Add(1)
			d.cfg.Logger.Warn("dns: no server answers, using an expired answer", "name", q.name, "type", q.typeName(), "err", err)
			old.expires = now.Add(staleTTL) // but not fresh: an answer grows no younger by use
			d.cache[q] = old
			call.answer = old.answer
			delete(d.pending, q)
			close(call.done)
			return
		}
	}
	call.answer, call.err = a, err
	d.store(q, cacheEntry{answer: a, err: err, expires: now.Add(ttl), fresh: now.Add(ttl)}, now)
	delete(d.pending, q)
	close(call.done)
}

// ttl is how long an answer is kept.
func (d *DNS) ttl(a dnsAnswer) time.Duration {
	limit := d.cfg.MaxTTL
	if a.empty() && a.alias == "" {
		limit = d.cfg.MaxNegativeTTL
		if a.ttl < 0 { // no SOA record: keep it shortly (RFC 2308 section 5 would not keep it)
			return min(failureTTL, limit)
		}
	}
	return max(min(a.ttl, limit), d.cfg.MinTTL)
}

// store keeps an entry, making room. The caller holds d.mu.
func (d *DNS) store(q dnsQuestion, e cacheEntry, now time.Time) {
	if _, ok := d.cache[q]; !ok && len(d.cache) >= d.cfg.MaxCache {
		seen, victim := 0, dnsQuestion{}
		for k, v := range d.cache { // a random sample
			if seen == 0 || v.expires.Before(d.cache[victim].expires) {
				victim = k
			}
			if seen++; seen == 32 || now.After(v.expires.Add(max(d.cfg.MaxStale, 0))) {
				break
			}
		}
		delete(d.cache, victim)
	}
	d.cache[q] = e
}
