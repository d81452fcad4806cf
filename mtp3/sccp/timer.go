package sccp

import "time"

// timer calls fire once when it is due. It belongs to the heap of a node.
type timer struct {
	at   time.Time
	seq  uint64
	pos  int // place in the heap + 1; 0 while it does not run
	fire func()
}

func (t *timer) running() bool { return t != nil && t.pos > 0 }

// timerHeap orders timers by time, and those of the same time by when they were started.
type timerHeap struct {
	heap []*timer
	seq  uint64
}

func (h *timerHeap) less(i, j int) bool {
	a, b := h.heap[i], h.heap[j]
	if !a.at.Equal(b.at) {
		return a.at.Before(b.at)
	}
	return a.seq < b.seq
}

func (h *timerHeap) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].pos, h.heap[j].pos = i+1, j+1
}

func (h *timerHeap) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			return
		}
		h.swap(i, p)
		i = p
	}
}

func (h *timerHeap) down(i int) {
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

// start lets t fire at a time; a timer that runs is started anew.
func (h *timerHeap) start(t *timer, at time.Time) {
	h.stop(t)
	h.seq++
	t.at, t.seq = at, h.seq
	h.heap = append(h.heap, t)
	t.pos = len(h.heap)
	h.up(t.pos - 1)
}

// stop stops t, which may be nil or stopped already.
func (h *timerHeap) stop(t *timer) {
	if !t.running() {
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

// next is the earliest timer, or nil.
func (h *timerHeap) next() *timer {
	if len(h.heap) == 0 {
		return nil
	}
	return h.heap[0]
}
