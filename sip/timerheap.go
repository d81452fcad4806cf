package sip

import "time"

// timerNode is one entry of a [timerHeap]; what it belongs to embeds it. The zero value with an
// owner is ready.
type timerNode struct {
	owner expirer
	slot  int // index in the heap plus 1; 0: not in it
}

// expirer is what a timer fires at, called with the shard locked.
type expirer interface {
	expire(now time.Time)
}

// timerHeap orders timers by time: a 4-ary heap, which needs half the levels of a binary one and
// keeps the times to compare beside each other. Times count nanoseconds from one instant.
type timerHeap struct {
	entries []timerEntry
}

type timerEntry struct {
	at   int64
	node *timerNode
}

// next returns the earliest time; false if no timer runs.
func (h *timerHeap) next() (int64, bool) {
	if len(h.entries) == 0 {
		return 0, false
	}
	return h.entries[0].at, true
}

// set starts the timer of n or moves it.
func (h *timerHeap) set(n *timerNode, at int64) {
	if n.slot == 0 {
		h.entries = append(h.entries, timerEntry{at, n})
		n.slot = len(h.entries)
		h.up(n.slot - 1)
		return
	}
	i := n.slot - 1
	old := h.entries[i].at
	h.entries[i].at = at
	switch {
	case at < old:
		h.up(i)
	case at > old:
		h.down(i)
	}
}

// stop takes the timer of n out, if it runs.
func (h *timerHeap) stop(n *timerNode) {
	if n.slot == 0 {
		return
	}
	i, last := n.slot-1, len(h.entries)-1
	n.slot = 0
	moved := h.entries[last]
	h.entries[last] = timerEntry{}
	h.entries = h.entries[:last]
	if i == last {
		return
	}
	h.put(i, moved)
	h.up(i)
	h.down(moved.node.slot - 1)
	if last < cap(h.entries)/4 && cap(h.entries) > 1024 {
		h.entries = append(make([]timerEntry, 0, cap(h.entries)/2), h.entries...)
	}
}

func (h *timerHeap) put(i int, e timerEntry) {
	h.entries[i] = e
	e.node.slot = i + 1
}

func (h *timerHeap) up(i int) {
	e := h.entries[i]
	for i > 0 {
		p := (i - 1) / 4
		if h.entries[p].at <= e.at {
			break
		}
		h.put(i, h.entries[p])
		i = p
	}
	h.put(i, e)
}

func (h *timerHeap) down(i int) {
	e := h.entries[i]
	for {
		first := 4*i + 1
		if first >= len(h.entries) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(h.entries)); c++ {
			if h.entries[c].at < h.entries[least].at {
				least = c
			}
		}
		if h.entries[least].at >= e.at {
			break
		}
		h.put(i, h.entries[least])
		i = least
	}
	h.put(i, e)
}
