package sound

import (
	"math"
	"math/rand/v2"
	"testing"
)

func tone(n int, rate, hz, amplitude float64) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(i)/rate)))
	}
	return pcm
}

func noise(n int, amplitude float64, seed uint64) []int16 {
	r := rand.New(rand.NewPCG(seed, 1))
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(r.NormFloat64() * amplitude)
	}
	return pcm
}

func TestFind(t *testing.T) {
	ref := noise(16000, 3000, 1)
	rec := noise(24000, 30, 2) // 34 dB below a signal at half the level
	for i, x := range ref {
		rec[i+1234] += x / 2
	}
	m := Find(rec, ref, 4000)
	if m.Offset != 1234 || math.Abs(m.Gain-0.5) > 0.01 || m.SNR < 33 || m.SNR > 35 {
		t.Errorf("%+v", m)
	}
	if m := Find(noise(24000, 1000, 3), ref, 4000); m.SNR > -5 {
		t.Errorf("found in noise: %+v", m)
	}
	if m := Find(make([]int16, 24000), ref, 4000); !math.IsInf(m.SNR, -1) {
		t.Errorf("found in silence: %+v", m)
	}
	if m := Find(ref[100:], ref, 4000); m.Offset != -100 || m.SNR < 15 {
		t.Errorf("without its start: %+v", m)
	}
	if m := Find(nil, nil, 10); !math.IsInf(m.SNR, -1) {
		t.Errorf("nothing in nothing: %+v", m)
	}
}

func TestTone(t *testing.T) {
	if p := Tone(tone(8000, 8000, 440, 8000), 8000, 440); p < 0.99 {
		t.Errorf("a tone has %g of its energy at its frequency", p)
	}
	if p := Tone(tone(8000, 8000, 440, 8000), 8000, 441.7); p > 0.1 {
		t.Errorf("a tone has %g of its energy elsewhere", p)
	}
	if p := Tone(noise(8000, 1000, 1), 8000, 440); p > 0.01 {
		t.Errorf("noise has %g of its energy in a tone", p)
	}
	if Tone(nil, 8000, 440) != 0 || RMS(nil) != 0 {
		t.Error("silence has a tone")
	}
	if r := RMS(tone(8000, 8000, 100, 1000)); math.Abs(r-707) > 1 {
		t.Errorf("RMS %g", r)
	}
}

func TestListen(t *testing.T) {
	ref := noise(32000, 3000, 1)
	// 20 ms are missing after 1 s, and 60 ms of silence stand in the middle.
	rec := append([]int16{}, make([]int16, 900)...)
	rec = append(rec, ref[:8000]...)
	rec = append(rec, ref[8160:20000]...)
	rec = append(rec, make([]int16, 480)...)
	rec = append(rec, ref[20000:]...)
	if h := Listen(rec, ref, 8000, 4000); h.Share < 0.85 || h.Share > 0.95 || h.SNR < 60 {
		t.Errorf("%+v", h)
	}
	if h := Listen(noise(32000, 3000, 5), ref, 8000, 4000); h.Share != 0 || h.SNR > 10 {
		t.Errorf("found in noise: %+v", h)
	}
	if h := Listen(make([]int16, 32000), ref, 8000, 4000); h.Share != 0 {
		t.Errorf("found in silence: %+v", h)
	}
	if h := Listen(rec[:16000], ref, 8000, 4000); h.Share < 0.3 || h.Share > 0.5 {
		t.Errorf("half of it: %+v", h)
	}
	if h := Listen(rec, make([]int16, 8000), 8000, 4000); h.Share != 0 {
		t.Errorf("silence was found: %+v", h)
	}
}
