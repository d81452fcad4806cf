package g711

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"
)

// voiced is a deterministic, voice-like signal: pulses of a changing pitch through a resonance,
// with some noise, in integers alone.
func voiced(n int) []int16 {
	pcm := make([]int16, n)
	random, phase, y1, y2 := uint32(1), 0, 0, 0
	for i := range pcm {
		random = random*1664525 + 1013904223
		period := 45 + (i/200)%70
		x := int(random>>24) - 128
		if phase++; phase >= period {
			phase = 0
			x += 9000
		}
		y := x + (y1*3-y2*2)*7/24
		y1, y2 = y, y1
		pcm[i] = int16(max(min(y*(1+i/4000%3), 32767), -32768))
	}
	return pcm
}

// losses is a deterministic pattern of bursts, one octet a frame.
func losses(frames int) []byte {
	out := make([]byte, frames)
	random, burst := uint32(7), 0
	for i := range out {
		random = random*1664525 + 1013904223
		if burst == 0 && random>>24 < 40 {
			burst = 1 + int(random>>8)%9
		}
		if out[i] = '0'; burst > 0 {
			out[i] = '1'
			burst--
		}
	}
	return out
}

// The output for this input has the same checksum as that of the ITU-T's own program (G.191,
// module g711iplc, single precision), which was run on it once.
func TestConcealerAgainstReference(t *testing.T) {
	pcm := voiced(3000 * FrameSize)
	pattern := losses(3000)
	var c Concealer
	for i, l := range pattern {
		frame := pcm[i*FrameSize : (i+1)*FrameSize]
		f := c.Good
		if l == '1' {
			f = c.Lost
		}
		if err := f(frame); err != nil {
			t.Fatal(err)
		}
	}
	b, err := binary.Append(nil, binary.LittleEndian, pcm)
	if err != nil {
		t.Fatal(err)
	}
	const want = 0x52cd687c
	if got := crc32.ChecksumIEEE(b); got != want {
		t.Errorf("checksum %#08x, want %#08x", got, want)
	}
}

// Without loss the samples come out unchanged, Delay samples later. 20 ms at once are the same as
// 10 ms twice.
func TestConcealerDelays(t *testing.T) {
	in := voiced(100 * FrameSize)
	out := append([]int16(nil), in...)
	var c Concealer
	for i := 0; i < len(out); i += 2 * FrameSize {
		if err := c.Good(out[i : i+2*FrameSize]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range out {
		want := int16(0)
		if i >= Delay {
			want = in[i-Delay]
		}
		if out[i] != want {
			t.Fatalf("sample %d is %d, want %d", i, out[i], want)
		}
	}
}

// A tone goes on through 10 ms of loss nearly as it was, gets weaker with each further frame, is
// silent after 60 ms, and comes back.
func TestConcealerContinuesATone(t *testing.T) {
	tone := func(i int) float64 { return 8000 * math.Sin(2*math.Pi*float64(i)/80) }
	var c Concealer
	power := func(frame []int16) (p float64) {
		for _, s := range frame {
			p += float64(s) * float64(s)
		}
		return math.Sqrt(p / float64(len(frame)))
	}
	var levels []float64
	for n := range 40 {
		frame := make([]int16, FrameSize)
		for i := range frame {
			frame[i] = int16(tone(n*FrameSize + i))
		}
		lost := n >= 20 && n < 30
		var err error
		if lost {
			clear(frame)
			err = c.Lost(frame)
		} else {
			err = c.Good(frame)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 20 {
			for i, s := range frame {
				if d := math.Abs(float64(s) - tone(n*FrameSize+i-Delay)); d > 200 {
					t.Fatalf("concealed sample %d differs by %.0f", i, d)
				}
			}
		}
		levels = append(levels, power(frame))
	}
	for n := 21; n < 26; n++ {
		if levels[n] >= levels[n-1] {
			t.Errorf("frame %d has %.0f after %.0f", n, levels[n], levels[n-1])
		}
	}
	if levels[28] != 0 || levels[33] < 5000 {
		t.Errorf("levels %.0f", levels)
	}
}

func TestConcealerFrames(t *testing.T) {
	var c Concealer
	if c.Good(make([]int16, 100)) != ErrFrameSize || c.Lost(make([]int16, 79)) != ErrFrameSize || c.Good(nil) != nil {
		t.Error("frame sizes")
	}
	frame := voiced(FrameSize)
	n := 0
	if allocs := testing.AllocsPerRun(1000, func() {
		if n++; n%7 < 3 {
			c.Lost(frame)
		} else {
			c.Good(frame)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// FuzzConcealer: any samples and losses give a frame for a frame, without a panic.
func FuzzConcealer(f *testing.F) {
	f.Add([]byte("0011010"), uint64(1))
	f.Fuzz(func(t *testing.T, pattern []byte, seed uint64) {
		var c Concealer
		frame := make([]int16, FrameSize)
		for _, l := range pattern[:min(len(pattern), 200)] {
			for i := range frame {
				seed = seed*6364136223846793005 + 1442695040888963407
				frame[i] = int16(seed >> 48)
				if l&2 != 0 {
					frame[i] = int16(l) << 8
				}
			}
			var err error
			if l&1 != 0 {
				err = c.Lost(frame)
			} else {
				err = c.Good(frame)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkConcealer(b *testing.B) {
	var c Concealer
	frame := voiced(FrameSize)
	for _, kind := range []string{"good", "first lost", "lost"} {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				switch kind {
				case "good":
					c.lost = 0
					c.Good(frame)
				case "first lost":
					c.lost = 0
					c.Lost(frame)
				default:
					c.lost = 4
					c.Lost(frame)
				}
			}
		})
	}
}
