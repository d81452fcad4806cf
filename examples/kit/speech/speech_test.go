package speech

import (
	"testing"

	"github.com/gotelco/telco/examples/kit/sound"
)

func TestSentences(t *testing.T) {
	for name, pcm := range map[string][]int16{"caller": Caller(), "callee": Callee()} {
		if d := len(pcm) / Rate; d < 5 || d > 10 {
			t.Errorf("%s: %d s", name, d)
		}
		if rms := sound.RMS(pcm); rms < 500 || rms > 10000 {
			t.Errorf("%s: level %g", name, rms)
		}
	}
	if m := sound.Find(Caller(), Callee(), 8000); m.SNR > 0 {
		t.Errorf("the two sentences are alike: %+v", m)
	}
}
