package resample

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var rates = []int{8000, 16000, 48000}

func sine(rate int, hz, peak float64, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(peak * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return pcm
}

// tone is the amplitude of a frequency, under a Hann window.
func tone(pcm []int16, rate int, hz float64) float64 {
	var re, im, sum float64
	for i, v := range pcm {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(pcm)))
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re, im, sum = re+w*float64(v)*c, im+w*float64(v)*s, sum+w
	}
	return 2 * math.Hypot(re, im) / sum
}

func dB(x float64) float64 { return 20 * math.Log10(x) }

func convert(t testing.TB, from, to int, pcm []int16) []int16 {
	t.Helper()
	r, err := New(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return r.Append(nil, pcm)
}

// band is up to where the lower of two rates passes, and from where it stops.
func band(low int) (pass, stop float64) {
	if low == 8000 {
		return 3400, 4600
	}
	return 7000, 9000
}

// Sines of all frequencies of the pass band come through as they are, without images; those of the stop band leave nothing
// behind when the rate falls.
func TestSines(t *testing.T) {
	const peak = 16000
	for _, from := range rates {
		for _, to := range rates {
			if from == to {
				continue
			}
			pass, stop := band(min(from, to))
			ripple, image, alias := 0.0, -200.0, -200.0
			for hz := 50.0; hz < float64(from)/2-100; hz += 75 {
				out := convert(t, from, to, sine(from, hz, peak, from/2))
				out = out[to/20:]
				if hz <= pass {
					ripple = max(ripple, math.Abs(dB(tone(out, to, hz)/peak)))
				}
				if to > from && (hz <= pass || hz >= stop) {
					for k := 1; k <= to/from; k++ {
						for _, f := range []float64{float64(k*from) - hz, float64(k*from) + hz} {
							if f < float64(to)/2 && f >= stop {
								image = max(image, dB(tone(out, to, f)/peak))
							}
						}
					}
				}
				if to < from && hz >= stop {
					sum := 0.0
					for _, v := range out {
						sum += float64(v) * float64(v)
					}
					alias = max(alias, dB(math.Sqrt(2*sum/float64(len(out)))/peak))
				}
			}
			t.Logf("%d -> %d Hz: ripple %.4f dB, images %.1f dB, aliases %.1f dB", from, to, ripple, image, alias)
			if ripple >= 0.1 || image > -60 || alias > -60 {
				t.Errorf("%d -> %d Hz: ripple %.4f dB, images %.1f dB, aliases %.1f dB", from, to, ripple, image, alias)
			}
		}
	}
}

// Up and down again is a delay of whole samples: what was in the band comes back. (From 8 to 48 kHz and back it is one of
// half a sample more.)
func TestThereAndBack(t *testing.T) {
	for _, tc := range []struct{ low, high int }{{8000, 16000}, {16000, 48000}} {
		pcm := make([]int16, tc.low)
		for _, hz := range []float64{180, 440, 1234, 2500, 3300} {
			for i, v := range sine(tc.low, hz, 4000, len(pcm)) {
				pcm[i] += v
			}
		}
		back := convert(t, tc.high, tc.low, convert(t, tc.low, tc.high, pcm))
		if len(back) != len(pcm) {
			t.Fatalf("%d samples of %d", len(back), len(pcm))
		}
		a, _ := New(tc.low, tc.high)
		b, _ := New(tc.high, tc.low)
		delay := (a.Delay() + b.Delay()).Seconds() * float64(tc.low)
		best, at := math.Inf(-1), 0
		for d := range 100 {
			var sig, err float64
			for i := 300; i < len(pcm)-300; i++ {
				e := float64(back[i+d]) - float64(pcm[i])
				sig, err = sig+float64(pcm[i])*float64(pcm[i]), err+e*e
			}
			if snr := 10 * math.Log10(sig/err); snr > best {
				best, at = snr, d
			}
		}
		if best < 60 || math.Abs(float64(at)-delay) > 1 {
			t.Errorf("%d, %d Hz: SNR %.1f dB at a delay of %d samples; Delay says %.1f", tc.low, tc.high, best, at, delay)
		}
	}
}

// How a stream is cut does not matter, and the lengths are exact.
func TestPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, from := range rates {
		for _, to := range rates {
			pcm := make([]int16, 7*480+from/8000*4)
			for i := range pcm {
				pcm[i] = int16(r.Uint32())
			}
			whole := convert(t, from, to, pcm)
			if want := len(pcm) * to / from; len(whole) != want {
				t.Errorf("%d -> %d Hz: %d samples, want %d", from, to, len(whole), want)
			}
			s, _ := New(from, to)
			for round := range 3 {
				var got []int16
				for rest := pcm; len(rest) > 0; {
					n := min(r.IntN(700), len(rest))
					if round == 0 {
						n = 1
					}
					got = s.Append(got, rest[:n])
					rest = rest[n:]
				}
				if !slices.Equal(got, whole) {
					t.Errorf("%d -> %d Hz: pieces make another signal", from, to)
				}
				s.Reset()
			}
		}
	}
}

// The loudest signal there is is limited, never wrapped.
func TestLimit(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			pcm := make([]int16, 4800)
			for i := range pcm {
				pcm[i] = math.MaxInt16
				if i/60%2 == 1 {
					pcm[i] = math.MinInt16
				}
			}
			out := convert(t, from, to, pcm)
			last := int32(0)
			for i, v := range out[200*to/from:] {
				if d := int32(v) - last; i > 0 && (d > 60000 || d < -60000) && from != to && to > from {
					t.Fatalf("%d -> %d Hz: from %d to %d", from, to, last, v)
				}
				last = int32(v)
			}
		}
	}
	silence := convert(t, 16000, 8000, make([]int16, 1600))
	if slices.Max(silence) != 0 || slices.Min(silence) != 0 {
		t.Error("silence is not silent")
	}
}

func TestRates(t *testing.T) {
	for _, p := range [][2]int{{8000, 11025}, {0, 8000}, {44100, 48000}} {
		var re *RateError
		if _, err := New(p[0], p[1]); !errors.As(err, &re) || re.From != p[0] || re.To != p[1] {
			t.Errorf("%v: %v", p, err)
		}
	}
	r, err := New(8000, 48000)
	if err != nil {
		t.Fatal(err)
	}
	if from, to := r.Rates(); from != 8000 || to != 48000 || r.Delay() < 3*time.Millisecond || r.Delay() > 4*time.Millisecond {
		t.Error(from, to, r.Delay())
	}
}

func TestDoesNotAllocate(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			r, _ := New(from, to)
			pcm, out := make([]int16, from/50), make([]int16, 0, to/50)
			if n := testing.AllocsPerRun(10, func() { out = r.Append(out[:0], pcm) }); n != 0 || len(out) != to/50 {
				t.Errorf("%d -> %d Hz: %g allocations, %d samples", from, to, n, len(out))
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, p := range [][2]int{{8000, 16000}, {16000, 8000}, {8000, 48000}, {48000, 8000}} {
		b.Run(fmt.Sprintf("%d-%d", p[0], p[1]), func(b *testing.B) {
			r, _ := New(p[0], p[1])
			pcm, out := sine(p[0], 440, 8000, p[0]/50), []int16(nil)
			for b.Loop() {
				out = r.Append(out[:0], pcm)
			}
			b.ReportMetric(float64(b.N)*0.02/b.Elapsed().Seconds(), "x-realtime")
		})
	}
}
