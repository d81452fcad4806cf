package g711

import "testing"

func BenchmarkEncode(b *testing.B) {
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(i * 409)
	}
	for _, l := range []Law{ALaw, ULaw} {
		b.Run(l.String(), func(b *testing.B) {
			out := make([]byte, 0, 160)
			b.SetBytes(160)
			for b.Loop() {
				out = l.AppendEncode(out[:0], pcm)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	data := make([]byte, 160)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, l := range []Law{ALaw, ULaw} {
		b.Run(l.String(), func(b *testing.B) {
			out := make([]int16, 0, 160)
			b.SetBytes(160)
			for b.Loop() {
				out = l.AppendDecode(out[:0], data)
			}
		})
	}
}

func BenchmarkALawToULaw(b *testing.B) {
	data, out := make([]byte, 160), make([]byte, 0, 160)
	b.SetBytes(160)
	for b.Loop() {
		out = AppendALawToULaw(out[:0], data)
	}
}
