package sdp

import "testing"

func BenchmarkParse(b *testing.B) {
	text := []byte(realOffers[0].text)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	offer, err := Parse([]byte(realOffers[0].text))
	if err != nil {
		b.Fatal(err)
	}
	local := voice()
	b.ReportAllocs()
	for b.Loop() {
		var s Session
		if _, err := s.Answer(offer, local); err != nil {
			b.Fatal(err)
		}
	}
}
