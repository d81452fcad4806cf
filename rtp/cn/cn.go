package cn

import (
	"errors"
	"fmt"
	"math"
)

// MaxOrder is the highest order of the spectrum that is kept; coefficients beyond it are ignored.
const MaxOrder = 32

// Noise is what a payload says.
type Noise struct {
	Level uint8 // -dBov, 0 (loudest) to 127
	// Order is how many of Reflection are used, 0 for white noise. They lie between -1 and 1.
	Order      int
	Reflection [MaxOrder]float64
}

// ErrEmpty is the cause of a [ParseError] about a payload without a level.
var ErrEmpty = errors.New("empty payload")

// ParseError says that a payload is not comfort noise.
type ParseError struct{ Err error }

func (e *ParseError) Error() string { return "cn: parse: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

// Parse reads a payload (RFC 3389 section 3.3). The reserved bit of the level is ignored, the reserved index 255 is
// taken for 254.
func Parse(b []byte) (n Noise, err error) {
	if len(b) == 0 {
		return n, &ParseError{ErrEmpty}
	}
	n.Level = b[0] & 0x7f
	for _, i := range b[1:] {
		if n.Order == MaxOrder {
			break
		}
		n.Reflection[n.Order] = 258 * (float64(min(i, 254)) - 127) / 32768
		n.Order++
	}
	return n, nil
}

// AppendBinary appends the payload.
func (n Noise) AppendBinary(b []byte) ([]byte, error) {
	if n.Level > 127 || n.Order < 0 || n.Order > MaxOrder {
		return b, fmt.Errorf("cn: level %d, order %d", n.Level, n.Order)
	}
	b = append(b, n.Level)
	for _, k := range n.Reflection[:n.Order] {
		if !(k > -1 && k < 1) {
			return b, fmt.Errorf("cn: reflection coefficient %v", k)
		}
		b = append(b, byte(min(max(math.Round(k*32768/258)+127, 0), 254)))
	}
	return b, nil
}

// Changed says whether b differs from a so that it should be sent: by 3 dB, or in the first two coefficients.
func Changed(a, b Noise) bool {
	if d := int(a.Level) - int(b.Level); d >= 3 || d <= -3 {
		return true
	}
	for i := range 2 {
		if math.Abs(a.Reflection[i]-b.Reflection[i]) > 0.3 {
			return true
		}
	}
	return false
}

// Analyzer measures noise. It is not safe for concurrent use.
type Analyzer struct {
	order int
	r     [MaxOrder + 1]float64 // autocorrelation
	past  [MaxOrder]float64     // samples, newest first
	n     int
}

// NewAnalyzer returns an Analyzer of a spectrum of the given order, 0 to MaxOrder; G.711 appendix II uses 10.
func NewAnalyzer(order int) *Analyzer {
	return &Analyzer{order: min(max(order, 0), MaxOrder)}
}

// Write takes samples of the noise.
func (a *Analyzer) Write(pcm []int16) {
	for _, s := range pcm {
		v := float64(s)
		a.r[0] += v * v
		for i := range a.order {
			a.r[i+1] += v * a.past[i]
		}
		copy(a.past[1:a.order], a.past[:max(a.order-1, 0)])
		a.past[0] = v
	}
	a.n += len(pcm)
}

// Reset forgets what was written.
func (a *Analyzer) Reset() { *a = Analyzer{order: a.order} }

// Noise describes what was written since Reset; without any, it is silence.
func (a *Analyzer) Noise() (n Noise) {
	n.Level, n.Order = 127, a.order
	if a.n == 0 || a.r[0] < 1 {
		return n
	}
	db := 10 * math.Log10(a.r[0]/float64(a.n)/(32768*32768))
	n.Level = uint8(min(max(math.Round(-db), 0), 127))
	// Levinson-Durbin; a little white noise keeps it stable.
	r0 := a.r[0] * 1.0001
	var lpc, next [MaxOrder + 1]float64
	lpc[0] = 1
	e := r0
	for m := 1; m <= a.order; m++ {
		sum := 0.0
		for i := range m {
			sum += lpc[i] * a.r[m-i]
		}
		k := -sum / e
		next = lpc
		for i := 1; i <= m; i++ {
			next[i] = lpc[i] + k*lpc[m-i]
		}
		lpc = next
		e *= 1 - k*k
		n.Reflection[m-1] = min(max(k, -0.999), 0.999)
	}
	return n
}

// Generator makes noise. The zero Generator is silent. It allocates nothing and is not safe for concurrent use.
type Generator struct {
	noise Noise
	set   bool
	gain  float64
	back  [MaxOrder + 1]float64 // of the lattice filter
	seed  uint64
}

// Set has the noise be n from now on; what was made before fades into it without a click.
func (g *Generator) Set(n Noise) {
	n.Order = min(max(n.Order, 0), MaxOrder)
	rms := 32768 * math.Pow(10, -float64(n.Level&0x7f)/20)
	if n.Level&0x7f == 127 {
		rms = 0
	}
	// The synthesis filter makes the noise louder by 1/prod(1-k^2).
	for i := range n.Order {
		k := min(max(n.Reflection[i], -0.999), 0.999)
		n.Reflection[i] = k
		rms *= math.Sqrt(1 - k*k)
	}
	g.noise, g.gain, g.set = n, rms, true
	if g.seed == 0 {
		g.seed = 0x9e3779b97f4a7c15
	}
}

// ReadSamples fills pcm with noise. It never fails.
func (g *Generator) ReadSamples(pcm []int16) (int, error) {
	if !g.set {
		clear(pcm)
		return len(pcm), nil
	}
	for i := range pcm {
		f := g.gain * g.white()
		for m := g.noise.Order - 1; m >= 0; m-- {
			k := g.noise.Reflection[m]
			f -= k * g.back[m]
			g.back[m+1] = g.back[m] + k*f
		}
		g.back[0] = f
		pcm[i] = int16(min(max(math.Round(f), -32768), 32767))
	}
	return len(pcm), nil
}

// white returns noise with variance 1: the sum of four uniform numbers is normal enough.
func (g *Generator) white() float64 {
	// xorshift64: no need for more.
	g.seed ^= g.seed << 13
	g.seed ^= g.seed >> 7
	g.seed ^= g.seed << 17
	s := g.seed
	sum := float64(s&0xffff) + float64(s>>16&0xffff) + float64(s>>32&0xffff) + float64(s>>48)
	return (sum/65535 - 2) * math.Sqrt(3)
}
