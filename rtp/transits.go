package rtp

import (
	"slices"
	"time"
)

// transits remembers how long the last packets travelled, and says what to aim at. Transit times have an
// unknown constant in them, the difference of the two clocks.
type transits struct {
	base time.Duration // of the ring
	ring [ringSize]int32
	n    uint64        // packets that were put into the ring
	last time.Duration // arrival of the last
	long time.Duration // the quantile over the ring
	aim  time.Duration
}

const (
	ringSize    = 512 // about ten seconds of speech
	recent      = 32  // the last packets, of which two raise the aim
	recompute   = 32  // how often the long quantile is looked for
	enough      = 64  // packets before which the aim does not fall
	fallPerTime = 100 // the aim falls by at most 1/100 of the time that passes
	forget      = 30 * time.Second
)

// add takes a packet's transit time. While little is known the aim is first or above.
func (t *transits) add(arrival, transit time.Duration, late float64, first time.Duration) {
	if t.n == 0 || arrival-t.last > forget {
		*t = transits{base: transit, last: arrival, aim: first}
	}
	t.ring[t.n%ringSize] = int32(min(max((transit-t.base)/time.Microsecond, -1<<31), 1<<31-1))
	t.n++
	passed := max(arrival-t.last, 0)
	t.last = max(arrival, t.last)
	if t.n%recompute == 0 {
		t.long = t.quantile(late)
	}
	want := t.aim
	if t.n >= enough {
		want = max(t.long, t.aim-passed/fallPerTime)
	}
	if transit > t.aim {
		want = max(want, t.second())
	}
	t.aim = want
}

// quantile returns the transit time that the given share of the ring exceeds.
func (t *transits) quantile(share float64) time.Duration {
	ring := t.ring[:min(t.n, ringSize)]
	above := int(share * float64(len(ring))) // how many exceed it
	if above >= fewLongest {
		var sorted [ringSize]int32
		n := copy(sorted[:], ring)
		slices.Sort(sorted[:n])
		return t.base + time.Duration(sorted[n-1-above])*time.Microsecond
	}
	var longest [fewLongest]int32 // the longest first
	n := 0
	for _, v := range ring {
		if n > above {
			if v <= longest[above] {
				continue
			}
			n = above // the shortest of them gives way
		}
		i := n
		for ; i > 0 && longest[i-1] < v; i-- {
			longest[i] = longest[i-1]
		}
		longest[i] = v
		n++
	}
	return t.base + time.Duration(longest[above])*time.Microsecond
}

// fewLongest is how many of the longest are told apart without putting all in order.
const fewLongest = 8

// second returns the second longest of the recent transit times.
func (t *transits) second() time.Duration {
	first, second := int32(-1<<31), int32(-1<<31)
	for i := range min(t.n, recent) {
		switch v := t.ring[(t.n-1-i)%ringSize]; {
		case v > first:
			first, second = v, first
		case v > second:
			second = v
		}
	}
	if t.n < 2 {
		return t.aim
	}
	return t.base + time.Duration(second)*time.Microsecond
}
