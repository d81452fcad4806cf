package resample

import (
	"math"
	"slices"
)

// filter is a linear-phase low-pass of the L-th band with 2*L*K-1 taps: c[n] = sinc((n-(L*K-1))/L) under a Kaiser window,
// in Q15. Its gain is L, for the L-1 zeros that interpolation puts between samples.
type filter struct {
	l, k   int
	phases [][]int16 // phase p: c[p+L*i], the last i first; phase L-1 would be a 1 among zeros, and is left out
	whole  []int16   // all of c, the last first, after a zero; with a zero for the 1 in the middle
}

const one = 1 << 15 // in Q15

var (
	double = newFilter(2, 16)
	triple = newFilter(3, 20)
)

// beta is the parameter of the Kaiser window: 70 dB of attenuation.
const beta = 0.1102 * (70 - 8.7)

func newFilter(l, k int) *filter {
	f := &filter{l: l, k: k, whole: make([]int16, 2*l*k)}
	center := l*k - 1
	for p := range l - 1 {
		c := make([]int16, 2*k)
		sum, largest := 0, 0
		for i := range c {
			n := float64(p + l*i - center)
			x := float64(n/float64(l)) * math.Pi
			w := n / float64(center+1)
			v := float64(math.Sin(x)/x) * float64(bessel(beta*math.Sqrt(1-float64(w*w)))/bessel(beta))
			at := 2*k - 1 - i
			c[at] = int16(math.Round(v * one))
			sum += int(c[at])
			if c[at] > c[largest] {
				largest = at
			}
		}
		c[largest] += int16(one - sum) // all phases have the same gain at 0 Hz
		f.phases = append(f.phases, c)
		for i, v := range c {
			f.whole[l*(i+1)-1-p] = v
		}
	}
	return f
}

// bessel is the modified Bessel function of the first kind of order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for i := 1.0; term > 1e-12*sum; i++ {
		term *= float64(x / 2 / i * x / 2 / i)
		sum += term
	}
	return sum
}

func limit(x int64) int16 { return int16(min(max(x, math.MinInt16), math.MaxInt16)) }

const chunk = 480 // samples that a stage takes at once

// stage is one filter with its memory.
type stage struct {
	*filter
	up    bool
	phase int     // down: where in a group of l samples the next one is
	x     []int16 // history, then the samples of this call
}

func newStage(f *filter, up bool) stage {
	s := stage{filter: f, up: up}
	s.x = make([]int16, s.history(), s.history()+chunk)
	return s
}

// history is how many samples before the present one a filter reaches back.
func (s *stage) history() int {
	if s.up {
		return 2*s.k - 1
	}
	return 2*s.l*s.k - 1 // one more than there are taps: whole begins with a zero
}

func (s *stage) reset() {
	clear(s.x)
	s.phase = 0
}

// append filters at most chunk samples.
func (s *stage) append(dst, src []int16) []int16 {
	s.x = append(s.x, src...)
	if s.up {
		dst = s.interpolate(dst, len(src))
	} else {
		dst = s.decimate(dst, len(src))
	}
	keep := s.history()
	copy(s.x, s.x[len(s.x)-keep:])
	s.x = s.x[:keep]
	return dst
}

// interpolate appends l samples for each of n new ones.
func (s *stage) interpolate(dst []int16, n int) []int16 {
	var sums [chunk]int64
	at := len(dst)
	dst = slices.Grow(dst, n*s.l)[:at+n*s.l]
	for p, c := range s.phases {
		dots(sums[:n], s.x, c, 1)
		out := dst[at+p:]
		for i, sum := range sums[:n] {
			out[i*s.l] = limit((sum + one/2) >> 15)
		}
	}
	out := dst[at+s.l-1:]
	for i, v := range s.x[s.k:][:n] { // phase l-1
		out[i*s.l] = v
	}
	return dst
}

// decimate appends a sample where, of n new ones, the middle tap meets a phase that interpolation only delays.
func (s *stage) decimate(dst []int16, n int) []int16 {
	first := s.l - 2 - s.phase
	if first < 0 {
		first += s.l
	}
	s.phase = (s.phase + n) % s.l
	if n <= first {
		return dst
	}
	var sums [chunk]int64
	x := s.x[first:]
	m := (n - first + s.l - 1) / s.l
	dots(sums[:m], x, s.whole, s.l)
	div := int64(s.l) * one
	for i, sum := range sums[:m] {
		sum += int64(x[(i+s.k)*s.l])<<15 + div/2 // the middle tap is 1
		if sum < 0 {
			sum -= div - 1
		}
		dst = append(dst, limit(sum/div))
	}
	return dst
}
