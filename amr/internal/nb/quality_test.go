package nb

import (
	"math"
	"path/filepath"
	"testing"
)

// TestQuality measures how near decoded speech comes to the original behind the codec's high-pass filters: the mean, over frames that are not silent, of the
// signal to noise ratio, limited to 0..35 dB. The codec is exact, so the figures are those of the standard's; the bounds
// stand a little below.
func TestQuality(t *testing.T) {
	publicCases(t)                                                                      // skips where there are none
	pcm := samples(readFile(t, filepath.Join(public, "public8k.pcm")))[:30*50*FrameLen] // 30 s, mostly speech
	ref := make([]int16, len(pcm))
	var in, out highPass
	for at := 0; at < len(pcm); at += FrameLen {
		frame := (*[FrameLen]int16)(ref[at:])
		for i := range frame {
			frame[i] = pcm[at+i] &^ 7
		}
		in.run80(frame)
		out.run60(frame)
	}
	for m, least := range [...]float64{MR475: 6.6, MR515: 6.9, MR59: 7.5, MR67: 8.2, MR74: 9.1, MR795: 8.9, MR102: 12.2, MR122: 12.7} {
		var e Encoder
		var d Decoder
		e.Reset(false, 1)
		d.Reset()
		var decoded []int16
		for at := 0; at < len(pcm); at += FrameLen {
			var bits [MaxBytes]byte
			var out [FrameLen]int16
			e.Encode((*[FrameLen]int16)(pcm[at:]), Mode(m), &bits)
			d.Decode(&out, Mode(m), SpeechGood, bits[:])
			decoded = append(decoded, out[:]...)
		}
		decoded = decoded[lookAhead:]
		total, n := 0.0, 0
		for at := 0; at+FrameLen <= len(decoded); at += FrameLen {
			var signal, noise float64
			for i, v := range decoded[at : at+FrameLen] {
				x := float64(ref[at+i])
				signal += x * x
				noise += (x - float64(v)) * (x - float64(v))
			}
			if signal < FrameLen*100*100 {
				continue
			}
			total += max(min(10*math.Log10(signal/(noise+1)), 35), 0)
			n++
		}
		snr := total / float64(n)
		t.Logf("mode %d: %.1f dB over %d frames", m, snr, n)
		if snr < least {
			t.Errorf("mode %d: %.1f dB, want at least %.1f", m, snr, least)
		}
	}
}
