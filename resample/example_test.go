package resample_test

import (
	"fmt"

	"github.com/gotelco/telco/resample"
)

// From a telephone of 8 kHz to one of 16 kHz, frame by frame.
func Example() {
	r, err := resample.New(8000, 16000)
	if err != nil {
		fmt.Println(err)
		return
	}
	narrow := make([]int16, 160) // 20 ms
	var wide []int16
	for range 3 {
		wide = r.Append(wide[:0], narrow)
		fmt.Println(len(wide), "samples")
	}
	// Output:
	// 320 samples
	// 320 samples
	// 320 samples
}
