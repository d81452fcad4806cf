package control

import (
	"context"
	"slices"
	"sync"
)

// enterprise follows whole dial strings at once, each with its own order, retries and timeouts. The first of them whose leg
// wins ends the others; where none does, the last to fail says why.
func (h *hunt) enterprise(ctx context.Context) (*Channel, error) {
	type result struct {
		leg *Channel
		err error
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make(chan result)
	var ring sync.Once
	for _, d := range h.dial.Enterprise {
		one := *h
		one.dial, one.vars = d, slices.Concat(h.vars, h.dial.Vars)
		if h.ringing != nil {
			one.ringing = func(c *Channel) { ring.Do(func() { h.ringing(c) }) }
		}
		go func() {
			leg, err := one.run(ctx)
			results <- result{leg, err}
		}()
	}
	var winner *Channel
	var last error
	for range h.dial.Enterprise {
		switch r := <-results; {
		case r.err != nil:
			last = r.err
		case winner == nil:
			winner = r.leg
			cancel(LoseRace)
		default:
			r.leg.Hangup(LoseRace)
		}
	}
	if winner != nil {
		return winner, nil
	}
	return nil, last
}
