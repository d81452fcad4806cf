package soundfile_test

import (
	"bytes"
	"fmt"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/soundfile"
)

func ExampleNewWriter() {
	var file bytes.Buffer
	w, err := soundfile.NewWriter(&file, soundfile.Config{Kind: soundfile.AMRWB})
	if err != nil {
		fmt.Println(err)
		return
	}
	second := make([]int16, 16000)
	call.Tone(16000, 440, 8000).ReadSamples(second)
	w.WriteSamples(second)
	w.Close()
	fmt.Println(file.Len(), "octets")

	r, err := soundfile.NewReader(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := r.ReadSamples(second)
	fmt.Println(n, "samples at", r.SampleRate(), "Hz", err)
	// Output:
	// 1659 octets
	// 16000 samples at 16000 Hz <nil>
}
