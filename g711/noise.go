package g711

import (
	"errors"
	"math"
)

// MaxOrder is how many reflection coefficients this package uses of a comfort noise payload; a
// receiver may leave higher ones out (RFC 3389 section 3).
const MaxOrder = 12

// Noise describes background noise, as a comfort noise payload does (RFC 3389).
type Noise struct {
	// Level is the power in -dBov, 0 to 127: 0 is a square wave of full scale.
	Level uint8
	// Reflection are the first Order reflection coefficients of an all-pole model of the spectrum,
	// each between -1 and 1. The first is negative for noise that is louder at low frequencies.
	Reflection [MaxOrder]float64
	Order      int // 0 to MaxOrder; 0 is white noise
}

// ErrNoise says that a comfort noise payload is empty.
var ErrNoise = errors.New("g711: empty comfort noise payload")

// ParseNoise reads a comfort noise payload (RFC 3389 section 3.3). Coefficients beyond [MaxOrder],
// and from one of the reserved value 255 on, are left out.
func ParseNoise(payload []byte) (Noise, error) {
	if len(payload) == 0 {
		return Noise{}, ErrNoise
	}
	n := Noise{Level: payload[0] & 0x7f}
	for _, index := range payload[1:] {
		if n.Order == MaxOrder || index == 255 {
			break
		}
		n.Reflection[n.Order] = 258 * float64(int(index)-127) / 32768 // section 3.2
		n.Order++
	}
	return n, nil
}

// AppendBinary appends the comfort noise payload of n. Level is limited to 127, Order to what
// Reflection holds, coefficients to the range of the format.
func (n Noise) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, min(n.Level, 127))
	for _, k := range n.Reflection[:min(max(n.Order, 0), MaxOrder)] {
		index := math.Round(k*32768/258) + 127
		if !(index >= 0) { // also not a number
			index = 0
		}
		b = append(b, byte(min(index, 254)))
	}
	return b, nil
}

// overload is the amplitude of 0 dBov: mu-law's full scale (RFC 3389 section 3.1).
const overload = 8031 * 4

// MeasureNoise describes the noise in pcm with a model of the given order, 0 to [MaxOrder]. A
// frame of 10 to 30 ms is customary, more is more accurate.
func MeasureNoise(pcm []int16, order int) Noise {
	order = min(max(order, 0), MaxOrder, max(len(pcm)-1, 0))
	var r [MaxOrder + 1]float64
	for lag := range order + 1 {
		for i := lag; i < len(pcm); i++ {
			r[lag] += float64(pcm[i]) * float64(pcm[i-lag])
		}
	}
	n := Noise{Level: 127, Order: order}
	if r[0] == 0 {
		n.Order = 0
		return n
	}
	level := -10 * math.Log10(r[0]/float64(len(pcm))/(overload*overload))
	n.Level = uint8(min(max(math.Round(level), 0), 127))

	// Levinson-Durbin, with a little white noise added to keep it well conditioned.
	r[0] *= 1.0001
	var a, before [MaxOrder + 1]float64
	err := r[0]
	for i := 1; i <= order; i++ {
		sum := r[i]
		for j := 1; j < i; j++ {
			sum += a[j] * r[i-j]
		}
		k := -sum / err
		n.Reflection[i-1] = k
		before = a
		for j := 1; j < i; j++ {
			a[j] = before[j] + k*before[i-j]
		}
		a[i] = k
		err *= 1 - k*k
	}
	return n
}

// Comfort makes comfort noise: white noise through the all-pole filter of the last description.
// The zero value is silent until its first [Comfort.Update]; one per stream. It allocates nothing
// once dst has room and is not safe for concurrent use.
type Comfort struct {
	noise   Noise
	started bool
	gain    float64 // of the excitation, going towards the one below
	target  float64
	delay   [MaxOrder]float64 // of the lattice
	random  uint32
}

// Update changes the noise to n. The first takes effect at once; later ones within some 50 ms, so
// that steps of the level are not heard.
func (c *Comfort) Update(n Noise) {
	n.Order = min(max(n.Order, 0), MaxOrder)
	rest := 1.0 // of the power, that the filter adds to the excitation
	for i := range n.Reflection[:n.Order] {
		k := &n.Reflection[i]
		if !(*k > -0.9999) {
			*k = -0.9999
		}
		*k = min(*k, 0.9999)
		rest *= 1 - *k**k
	}
	rms := overload * math.Pow(10, -float64(n.Level)/20)
	c.noise, c.target = n, rms*math.Sqrt(rest)
	if !c.started {
		c.started, c.gain = true, c.target
	}
}

// Append appends samples of noise to dst and returns the extended slice.
func (c *Comfort) Append(dst []int16, samples int) []int16 {
	const approach = 1.0 / 160 // of the difference per sample: a time constant of 20 ms
	for range samples {
		c.gain += (c.target - c.gain) * approach
		// The sum of three uniform numbers is near enough to a normal one; its variance is 1.
		sum := -1.5
		for range 3 {
			c.random = c.random*1664525 + 1013904223 // Numerical Recipes, "quick and dirty"
			sum += float64(c.random>>8) / (1 << 24)
		}
		f := c.gain * sum * 2
		for i := c.noise.Order - 1; i >= 0; i-- {
			k := c.noise.Reflection[i]
			f -= k * c.delay[i]
			if i+1 < c.noise.Order {
				c.delay[i+1] = c.delay[i] + k*f
			}
		}
		c.delay[0] = f
		dst = append(dst, int16(min(max(math.Round(f), -32768), 32767)))
	}
	return dst
}
