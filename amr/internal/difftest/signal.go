package main

import (
	"math"
	"math/rand/v2"

	"github.com/gotelco/telco/amr/internal/nb"
)

// signal makes frames of random stretches of what a codec may meet: voices of changing pitch and formants, noises of
// different colour, tones, clicks, silence, signals beyond full scale, and homing frames.
func signal(r *rand.Rand, frames int) []int16 {
	n := frames * nb.FrameLen
	pcm := make([]int16, 0, n)
	makers := []func(*rand.Rand, []float64){voice, voice, voice, noise, noise, tones, square, clicks, silence, nonsense}
	for len(pcm) < n {
		if r.IntN(12) == 0 {
			for len(pcm)%nb.FrameLen != 0 {
				pcm = append(pcm, 0)
			}
			for range (1 + r.IntN(3)) * nb.FrameLen {
				pcm = append(pcm, 8)
			}
			continue
		}
		x := make([]float64, 80+r.IntN(12000))
		makers[r.IntN(len(makers))](r, x)
		from, to := level(r), level(r)
		for i, v := range x {
			g := from + (to-from)*float64(i)/float64(len(x))
			pcm = append(pcm, int16(max(min(v*g, 32767), -32768)))
		}
	}
	return pcm[:n]
}

// level returns an amplitude, from a few steps up to an overload of 12 dB.
func level(r *rand.Rand) float64 { return math.Exp2(1 + 16*r.Float64()) }

// voice is a pulse train with jitter through a few moving resonances, with breaths between.
func voice(r *rand.Rand, x []float64) {
	period := 18 + 130*r.Float64()
	glide := 1 + (r.Float64()-0.5)*0.002
	breath := r.Float64() * 0.3
	type resonance struct{ f, bw, y1, y2 float64 }
	var res [4]resonance
	for i := range res {
		res[i] = resonance{f: 200 + 3600*r.Float64(), bw: 40 + 300*r.Float64()}
	}
	next := 0.0
	for i := range x {
		s := breath * r.NormFloat64()
		if float64(i) >= next {
			s += 6
			period = max(min(period*glide, 160), 16)
			next += period * (1 + 0.02*r.NormFloat64())
		}
		for k := range res {
			f := &res[k]
			f.f += r.NormFloat64()
			q := math.Exp(-math.Pi * f.bw / 8000)
			y := s + 2*q*math.Cos(2*math.Pi*f.f/8000)*f.y1 - q*q*f.y2
			f.y1, f.y2 = y, f.y1
			s = y * (1 - q)
		}
		x[i] = s
	}
}

// noise is white noise through a one-pole filter.
func noise(r *rand.Rand, x []float64) {
	a, y := 2*r.Float64()-1, 0.0
	for i := range x {
		y = a*y + (1-math.Abs(a))*r.NormFloat64()
		x[i] = y
	}
}

// tones is a sum of sines, as in signalling and music.
func tones(r *rand.Rand, x []float64) {
	for range 1 + r.IntN(4) {
		w, phase, sweep := math.Pi*r.Float64(), 2*math.Pi*r.Float64(), 0.0001*(r.Float64()-0.5)
		if r.IntN(2) == 0 {
			sweep = 0
		}
		for i := range x {
			x[i] += math.Sin(phase) / 2
			phase += w
			w += sweep
		}
	}
}

func square(r *rand.Rand, x []float64) {
	half := 1 + r.IntN(150)
	for i := range x {
		x[i] = float64(1 - 2*(i/half&1))
	}
}

func clicks(r *rand.Rand, x []float64) {
	for range 1 + len(x)/(50+r.IntN(2000)) {
		x[r.IntN(len(x))] = 4 * r.NormFloat64()
	}
}

func silence(*rand.Rand, []float64) {}

// nonsense is full-scale noise of few values.
func nonsense(r *rand.Rand, x []float64) {
	for i := range x {
		x[i] = float64(r.IntN(3)-1) * 40000
	}
}
