// Package resample converts speech between the sample rates of telephony: 8, 16 and 48 kHz.
//
//	r, err := resample.New(8000, 16000)
//	...
//	wide = r.Append(wide[:0], narrow)
//
// A Resampler serves one stream, in pieces of any length: the result does not depend on how the stream is cut. It is a
// chain of Nyquist filters (of the 2nd band between 8 and 16 kHz, of the 3rd between 16 and 48 kHz; Kaiser windows) in
// polyphase form, with 16-bit coefficients and exact sums that are rounded and limited once. One phase of each filter is a
// mere delay, so that what was doubled and is halved again loses next to nothing.
//
// # Quality
//
// Tests hold these, by sines and against sox: between 8 and 16 kHz the gain is within 0.1 dB up to 3.4 kHz, and images and aliases from
// 4.6 kHz on are 60 dB down; between 16 and 48 kHz the same holds up to 7 kHz and from 9 kHz. Between 3.4 and 4.6 kHz, at
// the edge of the narrow band, the filters roll off. Delay is 1.9 ms for a step of two and 1.2 ms for one of three; phase is linear.
//
// # Limitations
//
// Other rates (44.1 kHz, drifting clocks) are not done.
package resample
