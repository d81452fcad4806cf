package dtmf_test

import (
	"fmt"

	"github.com/gotelco/telco/rtp/dtmf"
)

func Example() {
	g, err := dtmf.NewGenerator(dtmf.GeneratorConfig{}, "42#")
	if err != nil {
		fmt.Println(err)
		return
	}
	d := dtmf.NewDetector(dtmf.Config{})
	for frame := make([]int16, 160); ; {
		n, err := g.ReadSamples(frame)
		if err != nil {
			break
		}
		d.Write(frame[:n])
	}
	for e, ok := d.Next(); ok; e, ok = d.Next() {
		if e.End {
			fmt.Println(string(e.Key), e.At/8, "ms")
		}
	}
	// Output:
	// 4 0 ms
	// 2 204 ms
	// # 408 ms
}
