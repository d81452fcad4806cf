package g711_test

import (
	"fmt"

	"github.com/gotelco/telco/g711"
)

func ExampleLaw_AppendEncode() {
	pcm := []int16{0, 1000, -1000, 32767}
	payload := g711.ALaw.AppendEncode(nil, pcm)
	fmt.Printf("%v % x\n", g711.ALaw, payload)
	fmt.Println(g711.ALaw.AppendDecode(nil, payload))
	// Output:
	// PCMA d5 fa 7a aa
	// [8 1008 -1008 32256]
}

func ExampleAppendULawToALaw() {
	frame := []byte{0xff, 0x80, 0x00}
	frame = g711.AppendULawToALaw(frame[:0], frame) // in place
	fmt.Printf("% x\n", frame)
	// Output: d5 aa 2a
}
