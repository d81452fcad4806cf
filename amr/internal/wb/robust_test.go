package wb

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// TestStateSize keeps a stream's state small enough for many streams in a cache.
func TestStateSize(t *testing.T) {
	if n := unsafe.Sizeof(Encoder{}); n > 16<<10 {
		t.Errorf("an encoder has %d bytes", n)
	}
	if n := unsafe.Sizeof(Decoder{}); n > 16<<10 {
		t.Errorf("a decoder has %d bytes", n)
	}
}

// speechLike fills pcm with noise, tones and clicks of varying level.
func speechLike(r *rand.Rand, pcm *[FrameSamples]int16, last *float64) {
	level := int32(1) << r.IntN(17)
	kind := r.IntN(4)
	for i := range pcm {
		n := r.Int32N(2*level+1) - level
		switch kind {
		case 0: // low-pass noise
			*last = 0.95**last + 0.05*float64(n)
			n = int32(*last)
		case 1: // square wave
			if i/40&1 == 0 {
				n = level
			} else {
				n = -level
			}
		case 2:
			if i%80 != 0 {
				n >>= 6
			}
		}
		pcm[i] = int16(min(max(n, -32768), 32767))
	}
}

func TestNoAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	e, d := NewEncoder(), NewDecoder()
	e.DTX = true
	var pcm [FrameSamples]int16
	buf := make([]byte, 0, MaxBytes)
	var last float64
	n := testing.AllocsPerRun(300, func() {
		speechLike(r, &pcm, &last)
		mode := Mode(r.IntN(9))
		data, tx := e.Encode(&pcm, mode, buf[:0])
		rx := RxType(r.IntN(8))
		if tx == TxSpeech && r.IntN(3) > 0 {
			rx = SpeechGood
		}
		d.Decode(rx, mode, data, &pcm)
	})
	if n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// TestReset holds that a stream after Reset is as a new one.
func TestReset(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	used, fresh := NewEncoder(), NewEncoder()
	usedDec, freshDec := NewDecoder(), NewDecoder()
	var pcm, a, b [FrameSamples]int16
	var last float64
	for range 50 {
		speechLike(r, &pcm, &last)
		data, _ := used.Encode(&pcm, Mode2385, nil)
		usedDec.Decode(RxType(r.IntN(8)), Mode2385, data, &a)
	}
	used.Reset()
	usedDec.Reset()
	if *used != *fresh {
		t.Error("encoder after Reset differs from a new one")
	}
	if *usedDec != *freshDec {
		t.Error("decoder after Reset differs from a new one")
	}
	for range 20 {
		speechLike(r, &pcm, &last)
		x, tx := used.Encode(&pcm, Mode1265, nil)
		y, _ := fresh.Encode(&pcm, Mode1265, nil)
		if string(x) != string(y) || tx != TxSpeech {
			t.Fatal("streams differ")
		}
		usedDec.Decode(SpeechGood, Mode1265, x, &a)
		freshDec.Decode(SpeechGood, Mode1265, y, &b)
		if a != b {
			t.Fatal("signals differ")
		}
	}
}

// TestEncoderHoming holds that the homing frame makes the encoder's next frame that of a new one, and that the decoder
// answers homing with homing.
func TestHoming(t *testing.T) {
	var home, pcm [FrameSamples]int16
	for i := range home {
		home[i] = homingSample
	}
	for mode := Mode660; mode <= Mode2385; mode++ {
		r := rand.New(rand.NewPCG(5, uint64(mode)))
		e, d := NewEncoder(), NewDecoder()
		var last float64
		for range 10 {
			speechLike(r, &pcm, &last)
			data, _ := e.Encode(&pcm, mode, nil)
			d.Decode(SpeechGood, mode, data, &pcm)
		}
		e.Encode(&home, mode, nil)
		data, _ := e.Encode(&home, mode, nil) // in the home state: the decoder homing frame
		var bits codecBits
		bits.unsort(mode, data)
		if !isDecoderHoming(&bits, mode, false) {
			t.Errorf("mode %d: the homing frame isn't coded as the decoder homing frame", mode)
		}
		d.Decode(SpeechGood, mode, data, &pcm)
		d.Decode(SpeechGood, mode, data, &pcm)
		if pcm != home {
			t.Errorf("mode %d: the second decoder homing frame isn't answered by the homing frame", mode)
		}
	}
}

// FuzzDecode decodes any bits in any mode and receive type: each frame is an octet for both and the bits.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x00\x48\x80any bits at all, in any order"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDecoder()
		var pcm [FrameSamples]int16
		for n := 0; len(b) > 0 && n < 40; n++ {
			mode := Mode(b[0] % 10)
			if mode == 9 {
				mode = ModeUnknown
			}
			rx := RxType(b[0] >> 5)
			b = b[1:]
			k := min(len(b), MaxBytes)
			d.Decode(rx, mode, b[:k], &pcm)
			b = b[k:]
			for i, s := range pcm {
				if s&3 != 0 {
					t.Fatalf("sample %d is %#x: the lower bits aren't 0", i, s)
				}
			}
		}
	})
}

// FuzzEncode encodes any samples in any mode and decodes what comes out.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("\x05samples"), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		e, d := NewEncoder(), NewDecoder()
		e.DTX = seed&1 != 0
		var pcm, out [FrameSamples]int16
		for n := range 10 {
			for i := range pcm {
				pcm[i] = int16(r.Uint32() >> (r.Uint32() & 15))
				if k := 2 * (n*FrameSamples + i); k+1 < len(b) {
					pcm[i] = int16(b[k])<<8 | int16(b[k+1])
				}
			}
			mode := Mode(r.IntN(9))
			data, tx := e.Encode(&pcm, mode, nil)
			rx := [...]RxType{TxSpeech: SpeechGood, TxSIDFirst: SIDFirst, TxSIDUpdate: SIDUpdate, TxNoData: NoData}[tx]
			d.Decode(rx, mode, data, &out)
		}
	})
}
