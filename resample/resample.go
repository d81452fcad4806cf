package resample

import (
	"fmt"
	"time"
)

// A RateError is a pair of sample rates that cannot be converted.
type RateError struct{ From, To int }

func (e *RateError) Error() string {
	return fmt.Sprintf("resample: no conversion from %d Hz to %d Hz", e.From, e.To)
}

// Resampler converts one stream. It allocates nothing while it runs.
type Resampler struct {
	from, to int
	stages   []stage
	scratch  []int16
}

// New returns a Resampler between two of the rates 8000, 16000 and 48000 Hz; both may be the same, then it copies. The
// error is a *RateError.
func New(from, to int) (*Resampler, error) {
	r := &Resampler{from: from, to: to}
	a, b := level(from), level(to)
	if a < 0 || b < 0 {
		return nil, &RateError{from, to}
	}
	steps := [...]*filter{double, triple}
	for ; a < b; a++ {
		r.stages = append(r.stages, newStage(steps[a], true))
	}
	for ; a > b; a-- {
		r.stages = append(r.stages, newStage(steps[a-1], false))
	}
	if len(r.stages) == 2 {
		r.scratch = make([]int16, 0, 2*chunk)
	}
	return r, nil
}

func level(rate int) int {
	switch rate {
	case 8000:
		return 0
	case 16000:
		return 1
	case 48000:
		return 2
	}
	return -1
}

// Rates returns the rates of what goes in and of what comes out, in Hz.
func (r *Resampler) Rates() (from, to int) { return r.from, r.to }

// Delay is how long a signal takes through the filters.
func (r *Resampler) Delay() time.Duration {
	var d time.Duration
	rate := r.from
	for i := range r.stages {
		s := &r.stages[i]
		high := rate
		if s.up {
			high = rate * s.l
			rate = high
		} else {
			rate /= s.l
		}
		d += time.Duration(s.l*s.k-1) * time.Second / time.Duration(high)
	}
	return d
}

// Reset forgets the signal, so that the next samples begin a stream.
func (r *Resampler) Reset() {
	for i := range r.stages {
		r.stages[i].reset()
	}
}

// Append converts src and appends the result to dst, which must not overlap src. As many samples come out as the rates
// say: where the rate falls by a factor of n, one for each n that went in, whatever the pieces.
func (r *Resampler) Append(dst, src []int16) []int16 {
	switch len(r.stages) {
	case 0:
		return append(dst, src...)
	case 1:
		for len(src) > 0 {
			n := min(len(src), chunk)
			dst = r.stages[0].append(dst, src[:n])
			src = src[n:]
		}
		return dst
	}
	first, second := &r.stages[0], &r.stages[1]
	for len(src) > 0 {
		n := min(len(src), chunk)
		if first.up {
			n = min(n, chunk/first.l)
		}
		r.scratch = first.append(r.scratch[:0], src[:n])
		dst = second.append(dst, r.scratch)
		src = src[n:]
	}
	return dst
}
