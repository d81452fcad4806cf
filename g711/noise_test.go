package g711

import (
	"bytes"
	"math"
	"testing"
)

func TestNoisePayload(t *testing.T) {
	n, err := ParseNoise([]byte{0x80 | 60, 0, 127, 254})
	if err != nil || n.Level != 60 || n.Order != 3 {
		t.Fatal(n, err)
	}
	// RFC 3389 section 3.2: k = 258*(N-127)/32768
	want := []float64{-258 * 127 / 32768.0, 0, 258 * 127 / 32768.0}
	for i, k := range want {
		if n.Reflection[i] != k {
			t.Errorf("coefficient %d is %v, want %v", i, n.Reflection[i], k)
		}
	}
	if b, _ := n.AppendBinary([]byte("x")); !bytes.Equal(b, []byte{'x', 60, 0, 127, 254}) {
		t.Errorf("appends % x", b)
	}
	if _, err := ParseNoise(nil); err != ErrNoise {
		t.Error(err)
	}
	if n, _ := ParseNoise([]byte{1, 100, 255, 100}); n.Order != 1 {
		t.Errorf("reserved value: %+v", n)
	}
	if n, _ := ParseNoise(make([]byte, 100)); n.Order != MaxOrder {
		t.Errorf("long payload: %+v", n)
	}
	wild := Noise{Level: 200, Order: 50, Reflection: [MaxOrder]float64{math.NaN(), 7, -7, math.Inf(1)}}
	if b, err := wild.AppendBinary(nil); err != nil || len(b) != 1+MaxOrder || b[0] != 127 || b[1] != 0 || b[2] != 254 || b[3] != 0 || b[4] != 254 {
		t.Errorf("% x %v", b, err)
	}
	for i := range 255 { // every coefficient comes back
		n, _ := ParseNoise([]byte{5, byte(i)})
		if b, _ := n.AppendBinary(nil); !bytes.Equal(b, []byte{5, byte(i)}) {
			t.Fatalf("%d comes back as % x", i, b)
		}
	}
}

// A square wave of mu-law's full scale is 0 dBov, each halving 6 dB less.
func TestNoiseLevel(t *testing.T) {
	for shift, want := range []uint8{0, 6, 12, 18, 24, 30, 36} {
		pcm := make([]int16, 160)
		for i := range pcm {
			pcm[i] = int16(overload>>shift) * int16(1-i&2)
		}
		if n := MeasureNoise(pcm, 0); n.Level != want || n.Order != 0 {
			t.Errorf("%+v, want level %d", n, want)
		}
	}
	if n := MeasureNoise(make([]int16, 160), 5); n.Level != 127 || n.Order != 0 {
		t.Errorf("silence: %+v", n)
	}
	if n := MeasureNoise(nil, 5); n.Level != 127 {
		t.Errorf("nothing: %+v", n)
	}
}

// What is measured of comfort noise is what it was made of: level to 1 dB, spectrum to 0.05.
func TestComfort(t *testing.T) {
	for _, in := range []Noise{
		{Level: 30}, {Level: 60},
		{Level: 40, Order: 1, Reflection: [MaxOrder]float64{-0.8}},
		{Level: 45, Order: 2, Reflection: [MaxOrder]float64{0.5, 0.3}},
		{Level: 35, Order: 4, Reflection: [MaxOrder]float64{-0.7, 0.4, -0.2, 0.1}},
	} {
		var c Comfort
		c.Update(in)
		pcm := c.Append(nil, 80000)
		out := MeasureNoise(pcm, max(in.Order, 1))
		if d := int(out.Level) - int(in.Level); len(pcm) != 80000 || d < -1 || d > 1 {
			t.Errorf("level %d, want %d", out.Level, in.Level)
		}
		for i := range max(in.Order, 1) {
			if d := math.Abs(out.Reflection[i] - in.Reflection[i]); d > 0.05 {
				t.Errorf("coefficient %d is %.3f, want %.3f", i, out.Reflection[i], in.Reflection[i])
			}
		}
	}
	var c Comfort
	for _, s := range c.Append(nil, 100) {
		if s != 0 {
			t.Fatal("noise before the first description")
		}
	}
	// A change of level is gradual.
	c.Update(Noise{Level: 60})
	c.Append(nil, 800)
	c.Update(Noise{Level: 30})
	first, last := MeasureNoise(c.Append(nil, 40), 0).Level, MeasureNoise(c.Append(nil, 1600)[800:], 0).Level
	if first < 35 || last < 29 || last > 31 {
		t.Errorf("levels %d and %d", first, last)
	}
	buf := make([]int16, 0, 160)
	if n := testing.AllocsPerRun(100, func() { buf = c.Append(buf[:0], 160) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzNoise: any payload makes noise that is stable, at most a little louder than it says.
func FuzzNoise(f *testing.F) {
	f.Add([]byte{30, 0, 254, 0, 254})
	f.Add([]byte{127})
	f.Fuzz(func(t *testing.T, payload []byte) {
		n, err := ParseNoise(payload)
		if err != nil {
			return
		}
		b, err := n.AppendBinary(nil)
		if err != nil || b[0] != payload[0]&0x7f || !bytes.Equal(b[1:], payload[1:len(b)]) {
			t.Fatalf("% x comes back as % x", payload, b)
		}
		var c Comfort
		c.Update(n)
		c.Append(nil, 1600)
		for _, d := range c.delay {
			if math.IsNaN(d) || math.Abs(d) > 1e9 {
				t.Fatalf("the filter blew up: %v", c.delay)
			}
		}
	})
}
