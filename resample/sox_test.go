package resample

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"strconv"
	"testing"
)

// sox, at its best quality, makes the same of a signal that lies in the band, but for the delay.
func TestSox(t *testing.T) {
	if testing.Short() {
		t.Skip("runs sox, left out with -short")
	}
	if _, err := exec.LookPath("sox"); err != nil {
		t.Skip("needs sox (Debian: apt-get install sox)")
	}
	for _, tc := range []struct{ from, to, delay int }{{8000, 16000, 31}, {16000, 48000, 59}} {
		pcm := make([]int16, tc.from)
		for _, hz := range []float64{97, 440, 1234, 2500, 3300} {
			for i, v := range sine(tc.from, hz, 4000, len(pcm)) {
				pcm[i] += v
			}
		}
		var in, out bytes.Buffer
		binary.Write(&in, binary.LittleEndian, pcm)
		raw := func(rate int) []string {
			return []string{"-t", "raw", "-e", "signed", "-b", "16", "-L", "-c", "1", "-r", strconv.Itoa(rate), "-"}
		}
		cmd := exec.Command("sox", append(append(append([]string{"-D"}, raw(tc.from)...), raw(tc.to)...), "rate", "-v")...)
		cmd.Stdin, cmd.Stdout = &in, &out
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		theirs := make([]int16, out.Len()/2)
		binary.Read(&out, binary.LittleEndian, theirs)
		ours := convert(t, tc.from, tc.to, pcm)
		if len(ours) != len(theirs) {
			t.Errorf("%d -> %d Hz: %d samples, sox makes %d", tc.from, tc.to, len(ours), len(theirs))
		}
		var sig, noise float64
		for i := 2000; i < len(theirs)-2000; i++ {
			e := float64(ours[i+tc.delay]) - float64(theirs[i])
			sig, noise = sig+float64(theirs[i])*float64(theirs[i]), noise+e*e
		}
		if snr := 10 * math.Log10(sig/noise); snr < 60 {
			t.Errorf("%d -> %d Hz: %.1f dB from what sox makes", tc.from, tc.to, snr)
		} else {
			t.Logf("%d -> %d Hz: %.1f dB from what sox makes", tc.from, tc.to, snr)
		}
	}
}
