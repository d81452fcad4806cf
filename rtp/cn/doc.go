// Package cn describes and makes comfort noise (RFC 3389): the payload, an analysis of what a microphone hears in a
// pause, and a generator of noise that sounds like it.
//
//	a := cn.NewAnalyzer(10)
//	a.Write(pause)                        // samples of the pause
//	payload, err := a.Noise().AppendBinary(nil)
//
//	n, err := cn.Parse(payload)           // at the other end
//	g.Set(n)
//	g.ReadSamples(frame)
//
// # Conformance
//
//   - RFC 3389 section 3: level and reflection coefficients. Coefficients are those of the Levinson-Durbin recursion with the
//     sign of G.711 appendix II, k = -A(m)/E for a predictor error filter 1 + a1/z + …
//   - Section 5: when to send is left to the caller; [Changed] says when the noise has become another
//
// Levels are in dBov: a square wave of full scale is 0.
package cn
