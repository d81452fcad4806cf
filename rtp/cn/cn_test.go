package cn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func ExampleParse() {
	n, err := Parse([]byte{50, 127, 200})
	fmt.Printf("-%d dBov, order %d, %.3f %v\n", n.Level, n.Order, n.Reflection[1], err)
	// Output: -50 dBov, order 2, 0.575 <nil>
}

func TestPayload(t *testing.T) {
	var pe *ParseError
	if _, err := Parse(nil); !errors.As(err, &pe) || !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	if n, err := Parse(make([]byte, 1400)); err != nil || n.Order != MaxOrder {
		t.Errorf("%d, %v", n.Order, err)
	}
	for _, n := range []Noise{{Level: 128}, {Order: 33}, {Order: 1, Reflection: [MaxOrder]float64{1}}, {Order: 1, Reflection: [MaxOrder]float64{math.NaN()}}} {
		if _, err := n.AppendBinary(nil); err == nil {
			t.Errorf("%+v", n)
		}
	}
	for i := range 255 {
		n, _ := Parse([]byte{1, byte(i)})
		if b, err := n.AppendBinary(nil); err != nil || b[1] != byte(i) {
			t.Errorf("%d: %v, %v", i, b, err)
		}
	}
}

// Coloured noise is described, and what is made of the description has the same level and spectrum.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, level := range []float64{-30, -50, -65} {
		for _, pole := range []float64{-0.8, 0, 0.5, 0.9} {
			rms := 32768 * math.Pow(10, level/20)
			pcm, y := make([]int16, 16000), 0.0
			for i := range pcm {
				y = pole*y + r.NormFloat64()*rms*math.Sqrt(1-pole*pole)
				pcm[i] = int16(math.Round(y))
			}
			a := NewAnalyzer(10)
			a.Write(pcm)
			n := a.Noise()
			if d := float64(n.Level) + level; d < -1 || d > 1 {
				t.Errorf("%v dBov, pole %v: level %d", level, pole, n.Level)
			}
			if k := n.Reflection[0]; math.Abs(k+pole) > 0.05 {
				t.Errorf("%v dBov, pole %v: k1 = %v", level, pole, k)
			}
			b, err := n.AppendBinary(nil)
			if err != nil || len(b) != 11 {
				t.Fatal(len(b), err)
			}
			n, _ = Parse(b)
			var g Generator
			g.Set(n)
			g.ReadSamples(pcm)
			a.Reset()
			a.Write(pcm)
			m := a.Noise()
			if Changed(n, m) || math.Abs(float64(m.Level)-float64(n.Level)) > 1 || math.Abs(m.Reflection[0]-n.Reflection[0]) > 0.1 {
				t.Errorf("%v dBov, pole %v: made -%d dBov, k1 = %v of %v", level, pole, m.Level, m.Reflection[0], n.Reflection[0])
			}
		}
	}
	if n := NewAnalyzer(10).Noise(); n.Level != 127 {
		t.Errorf("silence: %+v", n)
	}
	var g Generator
	pcm := []int16{1, 2, 3}
	if n, err := g.ReadSamples(pcm); n != 3 || err != nil || pcm[2] != 0 {
		t.Error("the zero Generator is not silent")
	}
}

func TestNoAllocations(t *testing.T) {
	var g Generator
	g.Set(Noise{Level: 40, Order: 10})
	a, pcm := NewAnalyzer(10), make([]int16, 160)
	if n := testing.AllocsPerRun(100, func() { g.ReadSamples(pcm); a.Write(pcm); g.Set(a.Noise()) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// Whatever is received, the noise stays finite and as loud as it says.
func FuzzParse(f *testing.F) {
	f.Add([]byte{40, 127, 200, 3})
	f.Add([]byte{0, 254, 0, 254, 0, 254})
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Parse(data)
		if err != nil {
			return
		}
		b, err := n.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(b); err != nil || again != n {
			t.Fatal(again, err)
		}
		var g Generator
		g.Set(n)
		pcm := make([]int16, 800)
		g.ReadSamples(pcm)
		for _, v := range g.back {
			if math.IsNaN(v) || math.Abs(v) > 1e9 {
				t.Fatal(v)
			}
		}
	})
}
