package nb

// Homing frames (TS 26.090 section 8): an input frame of homingSample throughout resets the encoder, and the frame that
// a fresh encoder makes of it resets the decoder.

const homingSample = 8

// homingParams are the parameters of the decoder homing frame by mode.
var homingParams = [8][]int16{
	dhfMR475[:], dhfMR515[:], dhfMR59[:], dhfMR67[:], dhfMR74[:], dhfMR795[:], dhfMR102[:], dhfMR122[:],
}

// isHomingFrame tells whether parameters are a decoder homing frame, or if firstOnly, whether they agree with one to the
// end of the first subframe.
func isHomingFrame(mode Mode, prm *[maxParams]int16, firstOnly bool) bool {
	want := homingParams[mode]
	if firstOnly {
		want = want[:prmnofsf[mode]]
	}
	for i, v := range want {
		if prm[i] != v {
			return false
		}
	}
	return true
}

// isHomingInput tells whether every sample of an encoder's input is homingSample.
func isHomingInput(pcm *[FrameLen]int16) bool {
	for _, v := range pcm {
		if v != homingSample {
			return false
		}
	}
	return true
}
