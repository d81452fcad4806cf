// Package loop has what protocol cores that run in one loop, on virtual time, share: their timers.
package loop

import "time"

// Timer is due once, and then Fire is for its owner to call. It belongs to one [Heap].
type Timer struct {
	Fire func()

	at  time.Time
	seq uint64
	pos int // place in the heap + 1; 0 while it does not run
}

// Running reports whether the timer was started and neither fired nor stopped. A nil timer does not run.
func (t *Timer) Running() bool { return t != nil && t.pos > 0 }

// Heap orders timers by time, and those of the same time by when they were started.
type Heap struct {
	heap []*Timer
	seq  uint64
}

// Len is how many timers run.
func (h *Heap) Len() int { return len(h.heap) }

func (h *Heap) less(i, j int) bool {
	a, b := h.heap[i], h.heap[j]
	if !a.at.Equal(b.at) {
		return a.at.Before(b.at)
	}
	return a.seq < b.seq
}

func (h *Heap) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].pos, h.heap[j].pos = i+1, j+1
}

func (h *Heap) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			return
		}
		h.swap(i, p)
		i = p
	}
}

func (h *Heap) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(h.heap) {
			return
		}
		if c+1 < len(h.heap) && h.less(c+1, c) {
			c++
		}
		if !h.less(c, i) {
			return
		}
		h.swap(i, c)
		i = c
	}
}

// Start lets t fire at a time; a timer that runs is started anew.
func (h *Heap) Start(t *Timer, at time.Time) {
	h.Stop(t)
	h.seq++
	t.at, t.seq = at, h.seq
	h.heap = append(h.heap, t)
	t.pos = len(h.heap)
	h.up(t.pos - 1)
}

// Stop stops t, which may be nil or stopped already.
func (h *Heap) Stop(t *Timer) {
	if !t.Running() {
		return
	}
	i, last := t.pos-1, len(h.heap)-1
	h.swap(i, last)
	h.heap[last] = nil
	h.heap = h.heap[:last]
	t.pos = 0
	if i < last {
		h.up(i)
		h.down(i)
	}
}

// Deadline is when the earliest timer is due; zero if none runs.
func (h *Heap) Deadline() time.Time {
	if len(h.heap) == 0 {
		return time.Time{}
	}
	return h.heap[0].at
}

// Due stops the earliest timer that is due at now, and returns it; nil if there is none.
func (h *Heap) Due(now time.Time) *Timer {
	if len(h.heap) == 0 || h.heap[0].at.After(now) {
		return nil
	}
	t := h.heap[0]
	h.Stop(t)
	return t
}
