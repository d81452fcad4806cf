package hss

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gotelco/telco/diameter"
)

// Stats is a snapshot of an HSS's counters since it was made.
type Stats struct {
	Subscribers int
	// Answers counts answers by command and result, such as "MAR" and "DIAMETER_SUCCESS" or "5001 of vendor 10415".
	Answers map[string]map[string]uint64

	Vectors          uint64 // authentication vectors given out
	Resynchronised   uint64 // AUTS that were right
	ResyncFailed     uint64 // AUTS that were wrong
	PushesOwed       int    // pushes that have not been answered yet
	PushesDone       uint64 // answered
	PushesRetried    uint64 // sent again
	PushesGivenUp    uint64 // thrown away after PushConfig.Life, or refused
	AuthPendingUsers int    // users with the authentication pending flag
}

type counterKey struct {
	command string
	result  diameter.Result
}

type counters struct {
	answers sync.Map // counterKey to *atomic.Uint64

	vectors, resync, resyncFailed        atomic.Uint64
	pushesDone, pushesRetried, pushesEnd atomic.Uint64
}

func (c *counters) answered(command string, r diameter.Result) {
	k := counterKey{command, r}
	v, ok := c.answers.Load(k)
	if !ok {
		v, _ = c.answers.LoadOrStore(k, new(atomic.Uint64))
	}
	v.(*atomic.Uint64).Add(1)
}

func (c *counters) failed(command string, err error) {
	var p *diameter.ProtocolError
	code := diameter.UnableToComply
	if errors.As(err, &p) {
		code = p.ResultCode
	}
	c.answered(command, diameter.Result{Code: code})
}

// Stats returns a snapshot.
func (h *HSS) Stats() Stats {
	s := Stats{
		Subscribers: h.store.Len(), Answers: map[string]map[string]uint64{},
		Vectors: h.stats.vectors.Load(), Resynchronised: h.stats.resync.Load(), ResyncFailed: h.stats.resyncFailed.Load(),
		PushesOwed: h.push.owed(), PushesDone: h.stats.pushesDone.Load(), PushesRetried: h.stats.pushesRetried.Load(), PushesGivenUp: h.stats.pushesEnd.Load(),
		AuthPendingUsers: h.pending.len(),
	}
	h.stats.answers.Range(func(k, v any) bool {
		key := k.(counterKey)
		m := s.Answers[key.command]
		if m == nil {
			m = map[string]uint64{}
			s.Answers[key.command] = m
		}
		m[resultName(key.result)] += v.(*atomic.Uint64).Load()
		return true
	})
	return s
}
