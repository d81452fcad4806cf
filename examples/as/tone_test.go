package main

import "github.com/gotelco/telco/call"

// tone is n samples of a sine at 8 kHz.
func tone(hz float64, n int) []int16 {
	pcm := make([]int16, n)
	call.Tone(8000, hz, 8000).ReadSamples(pcm)
	return pcm
}
