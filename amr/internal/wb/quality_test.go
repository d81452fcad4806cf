package wb

import (
	"math"
	"path/filepath"
	"testing"
)

// TestQuality measures what coding costs: the segmental signal-to-noise ratio of 8 s of speech, over frames of 20 ms that
// aren't silent, at the delay where it is best. The waveform above 6.4 kHz is noise, so that it is taken from both first.
func TestQuality(t *testing.T) {
	in := readWords(t, filepath.Join(publicDir(t), "public16k.pcm"))[2*FrameSamples:][:400*FrameSamples]
	var best float64
	for mode := Mode660; mode <= Mode2385; mode++ {
		e, d := NewEncoder(), NewDecoder()
		out := make([]int16, len(in))
		for i := 0; i < len(in); i += FrameSamples {
			data, _ := e.Encode((*[FrameSamples]int16)(in[i:]), mode, nil)
			d.Decode(SpeechGood, mode, data, (*[FrameSamples]int16)(out[i:]))
		}
		a, b := below6k(in), below6k(out)
		snr, delay := -100.0, 0
		for lag := 80; lag < 120; lag++ {
			if s := segmentalSNR(a, b[lag:]); s > snr {
				snr, delay = s, lag
			}
		}
		t.Logf("mode %d: %.1f dB, delay %.2f ms", mode, snr, float64(delay)/16)
		if snr < 4 || mode != Mode2385 && snr < best {
			t.Errorf("mode %d: segmental SNR is %.1f dB, the mode below has %.1f", mode, snr, best)
		}
		best = snr
	}
}

// below6k low-pass filters x at 6 kHz.
func below6k(x []int16) []float64 {
	var c [63]float64
	for i := range c {
		k := float64(i - 31)
		c[i] = 0.75
		if k != 0 {
			c[i] = math.Sin(0.75*math.Pi*k) / (math.Pi * k)
		}
		c[i] *= 0.54 + 0.46*math.Cos(math.Pi*k/32)
	}
	y := make([]float64, len(x)-len(c))
	for i := range y {
		for k, v := range c {
			y[i] += v * float64(x[i+k])
		}
	}
	return y
}

func segmentalSNR(a, b []float64) float64 {
	sum, n := 0.0, 0
	for len(a) >= FrameSamples && len(b) >= FrameSamples {
		var sig, noise float64
		for i, v := range a[:FrameSamples] {
			sig += v * v
			noise += (v - b[i]) * (v - b[i])
		}
		if sig > FrameSamples*100*100 {
			sum += 10 * math.Log10(sig/(noise+1))
			n++
		}
		a, b = a[FrameSamples:], b[FrameSamples:]
	}
	return sum / float64(max(n, 1))
}
