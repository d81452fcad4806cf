package wav_test

import (
	"bytes"
	"fmt"

	"github.com/gotelco/telco/call/wav"
)

func Example() {
	var file bytes.Buffer // or an *os.File, whose header stays valid
	w, err := wav.NewWriter(&file, wav.Format{Channels: 1, SampleRate: 8000})
	if err != nil {
		fmt.Println(err)
		return
	}
	w.WriteSamples([]int16{1, -2, 3})
	w.Close()

	r, err := wav.NewReader(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	pcm := make([]int16, 8)
	n, err := r.ReadSamples(pcm)
	fmt.Println(r.Format().Encoding, r.Format().SampleRate, pcm[:n], err)
	// Output: PCM16 8000 [1 -2 3] <nil>
}
