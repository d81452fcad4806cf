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

func ExampleConcealer() {
	var c g711.Concealer
	pcm := make([]int16, 160)
	for n := range 4 {
		if n == 2 { // this packet did not come
			c.Lost(pcm)
		} else {
			pcm = g711.ALaw.AppendDecode(pcm[:0], make([]byte, 160))
			c.Good(pcm)
		}
		fmt.Println(len(pcm), "samples to play")
	}
	// Output:
	// 160 samples to play
	// 160 samples to play
	// 160 samples to play
	// 160 samples to play
}

func ExampleComfort() {
	noise, err := g711.ParseNoise([]byte{60, 90, 140}) // payload type 13
	if err != nil {
		fmt.Println(err)
		return
	}
	var c g711.Comfort
	c.Update(noise)
	pcm := c.Append(nil, 160)
	fmt.Println(len(pcm), "samples at", -int(noise.Level), "dBov")
	// Output: 160 samples at -60 dBov
}
