// Package speech holds two short sentences, spoken by two voices, for demonstrations and tests.
package speech

import (
	"bytes"
	_ "embed" // for the two files
	"io"

	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/g711"
)

// Both files are 7 s of A-law at 8 kHz, spoken by the synthesiser espeak-ng.
var (
	//go:embed caller.wav
	caller []byte
	//go:embed callee.wav
	callee []byte
)

// Rate is the sampling rate of the two sentences, in Hz.
const Rate = 8000

// Caller returns the caller's sentence as 16-bit samples.
func Caller() []int16 { return samples(caller) }

// Callee returns the callee's sentence as 16-bit samples.
func Callee() []int16 { return samples(callee) }

func samples(file []byte) []int16 {
	r, err := wav.NewReader(bytes.NewReader(file))
	if err != nil {
		panic(err) // the file is part of the program
	}
	law, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return g711.ALaw.AppendDecode(nil, law)
}
