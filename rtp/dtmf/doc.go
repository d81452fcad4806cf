// Package dtmf finds and makes the tones of telephone keys within audio (ITU-T Q.23 and Q.24), for peers that do not send
// telephone-events.
//
//	d := dtmf.NewDetector(dtmf.Config{})
//	for pcm := range frames { // of any length
//		d.Write(pcm)
//		for e, ok := d.Next(); ok; e, ok = d.Next() {
//			fmt.Println(string(e.Key), e.End, e.Duration)
//		}
//	}
//
// # Conformance
//
//   - Q.23: frequencies (the generator is exact within 0.01 %), the keys A to D included
//   - Q.24 annex A, the values of AT&T: signals of 40 ms and pauses of 40 ms are found, signals of 21 ms and gaps of
//     10 ms in a signal are not; levels of 0 to -25 dBm0 per frequency; forward twist up to 8 dB (column above
//     row; Q.24 asks for 4), reverse twist up to 8 dB; frequencies within 1.5 % are found, 3.5 % off are not
//   - Speech must not be taken for keys: both tones have to hold most of the energy, their levels have to fit each other, and
//     their phases have to go on with the right frequency for two blocks of 12.75 ms
//
// The digital level is that of G.711: a sine of full scale is 3.14 dBm0.
package dtmf

// rows and columns are the frequencies of Q.23 in Hz.
var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
)

// keys by row and column.
const keys = "123A456B789C*0#D"

// fullScale is the level of a sine of full scale in dBm0 (G.711).
const fullScale = 3.14
