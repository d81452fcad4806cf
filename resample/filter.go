package resample

import "math"

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

// dot is the exact sum of products. Their number is a multiple of 8, and two of them fit into 32 bits, because no
// coefficient is -1.
func dot(c, x []int16) (sum int64) {
	x = x[:len(c)]
	for len(c) >= 8 && len(x) >= 8 {
		a := int32(c[0])*int32(x[0]) + int32(c[1])*int32(x[1])
		b := int32(c[2])*int32(x[2]) + int32(c[3])*int32(x[3])
		d := int32(c[4])*int32(x[4]) + int32(c[5])*int32(x[5])
		e := int32(c[6])*int32(x[6]) + int32(c[7])*int32(x[7])
		sum += int64(a) + int64(b) + int64(d) + int64(e)
		c, x = c[8:], x[8:]
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
		for i := range src {
			x := s.x[i : i+2*s.k]
			for _, c := range s.phases {
				dst = append(dst, limit((dot(c, x)+one/2)>>15))
			}
			dst = append(dst, x[s.k]) // phase l-1
		}
	} else {
		for i := range src {
			if s.phase == s.l-2 { // so that the middle tap meets a phase that interpolation only delays
				dst = append(dst, s.down(s.x[i:i+2*s.l*s.k]))
			}
			if s.phase++; s.phase == s.l {
				s.phase = 0
			}
		}
	}
	keep := s.history()
	copy(s.x, s.x[len(s.x)-keep:])
	s.x = s.x[:keep]
	return dst
}

// down is one output of a decimator: x holds the last 2*l*k samples, and the middle tap is 1.
func (s *stage) down(x []int16) int16 {
	sum := dot(s.whole, x) + int64(x[s.l*s.k])<<15
	div := int64(s.l) * one
	sum += div / 2
	if sum < 0 {
		sum -= div - 1
	}
	return limit(sum / div)
}
