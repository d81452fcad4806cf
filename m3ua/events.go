package m3ua

import "sync"

// events hands events over in order, one at a time, outside of every lock: whoever added some
// delivers until none is left, unless somebody is at it already.
type events struct {
	deliver func(Event)

	mu   sync.Mutex
	list []Event
	busy bool
}

func (q *events) add(e Event) {
	q.mu.Lock()
	q.list = append(q.list, e)
	q.mu.Unlock()
}

func (q *events) drain() {
	q.mu.Lock()
	if q.busy {
		q.mu.Unlock()
		return
	}
	q.busy = true
	for len(q.list) > 0 {
		list := q.list
		q.list = nil
		q.mu.Unlock()
		for _, e := range list {
			q.deliver(e)
		}
		q.mu.Lock()
	}
	q.busy = false
	q.mu.Unlock()
}
