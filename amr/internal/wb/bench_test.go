package wb

import (
	"fmt"
	"path/filepath"
	"testing"
)

func BenchmarkEncode(b *testing.B) {
	in := readWords(b, filepath.Join(publicDir(b), "public16k.pcm"))
	for dtx := range 2 {
		for mode := Mode660; mode <= Mode2385; mode++ {
			b.Run(fmt.Sprintf("mode%d-dtx%d", mode, dtx), func(b *testing.B) {
				e := NewEncoder()
				e.DTX = dtx == 1
				buf := make([]byte, 0, MaxBytes)
				n := len(in) / FrameSamples
				defer reportCPU(b)()
				for i := range b.N {
					e.Encode((*[FrameSamples]int16)(in[i%n*FrameSamples:]), mode, buf)
				}
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	in := readWords(b, filepath.Join(publicDir(b), "public16k.pcm"))
	for mode := Mode660; mode <= Mode2385; mode++ {
		b.Run(fmt.Sprintf("mode%d", mode), func(b *testing.B) {
			e := NewEncoder()
			var frames [][]byte
			for i := range len(in) / FrameSamples {
				data, _ := e.Encode((*[FrameSamples]int16)(in[i*FrameSamples:]), mode, nil)
				frames = append(frames, data)
			}
			d := NewDecoder()
			var pcm [FrameSamples]int16
			b.ResetTimer()
			defer reportCPU(b)()
			for i := range b.N {
				d.Decode(SpeechGood, mode, frames[i%len(frames)], &pcm)
			}
		})
	}
}
