// Package sound says what a recording holds: whether a known signal is in it and how clean, and
// whether there is a tone. Programs use it to check that speech really went through.
package sound

import (
	"math"
	"slices"
)

// Match is where and how well a reference was found in a recording.
type Match struct {
	Offset int     // the sample of the recording at which the reference starts; negative if its start is missing
	Gain   float64 // the recording's level against the reference's
	SNR    float64 // power of the reference against that of what differs, in dB; -Inf if it is not there
}

// Find looks for reference in recording (both at the same rate) at offsets from -maxOffset to
// maxOffset, and compares the two there after the levels were made equal. Where the recording
// ends early, what is missing counts as noise.
func Find(recording, reference []int16, maxOffset int) Match {
	// The loudest stretch of the reference decides on the offset: it is enough, and quick.
	at, n := loudest(reference, 4096)
	// Where there is much to search, a quarter of the rate finds the place, and the full one the sample.
	lo, hi := -maxOffset, maxOffset
	if hi-lo > 1000 {
		coarse, ok := correlate(quarter(recording), quarter(reference), at/4, n/4, lo/4-1, hi/4+1)
		if !ok {
			return Match{SNR: math.Inf(-1)}
		}
		lo, hi = max(lo, 4*coarse-8), min(hi, 4*coarse+8)
	}
	best, ok := correlate(recording, reference, at, n, lo, hi)
	if !ok {
		return Match{SNR: math.Inf(-1)}
	}
	sample := func(i int) float64 {
		if i += best; i < 0 || i >= len(recording) {
			return 0
		}
		return float64(recording[i])
	}
	var xx, xy float64
	for i, x := range reference {
		xx += float64(x) * float64(x)
		xy += float64(x) * sample(i)
	}
	gain := xy / xx
	var signal, noise float64
	for i, x := range reference {
		want := gain * float64(x)
		d := sample(i) - want
		signal += want * want
		noise += d * d
	}
	return Match{Offset: best, Gain: gain, SNR: decibel(signal, noise)}
}

// correlate finds the offset from lo to hi at which recording is most like n samples of reference
// from at on.
func correlate(recording, reference []int16, at, n, lo, hi int) (best int, ok bool) {
	probe := reference[at : at+n]
	bestScore := 0.0
	for off := lo; off <= hi; off++ {
		from := at + off
		if from < 0 || from+n > len(recording) {
			continue
		}
		part := recording[from : from+n]
		var xy, yy int64
		for i, x := range probe {
			y := int64(part[i])
			xy += int64(x) * y
			yy += y * y
		}
		if xy > 0 && yy > 0 {
			if score := float64(xy) * float64(xy) / float64(yy); score > bestScore {
				best, bestScore = off, score
			}
		}
	}
	return best, bestScore > 0
}

// quarter returns pcm at a quarter of its rate: the means of four samples each.
func quarter(pcm []int16) []int16 {
	out := make([]int16, len(pcm)/4)
	for i := range out {
		p := pcm[4*i : 4*i+4]
		out[i] = int16((int(p[0]) + int(p[1]) + int(p[2]) + int(p[3])) / 4)
	}
	return out
}

// Heard is how much of a reference was found in a recording, piece by piece.
type Heard struct {
	Share float64 // of the pieces of the reference that hold sound: how many were found, 0 to 1
	SNR   float64 // the median over those pieces, in dB
}

// Listen looks for reference in recording as Find does, but in pieces of a quarter of a second,
// each of which may stand up to 200 ms from where it ought to: so a gap that a late packet left
// costs the piece that it is in, and not all that follows. A piece counts as found from 20 dB on.
func Listen(recording, reference []int16, rate, maxOffset int) Heard {
	size := rate / 4
	loud := RMS(reference) / 10
	// The quarter of the reference that is found best says where the whole of it is.
	var best Match
	best.SNR = math.Inf(-1)
	for q := range 4 {
		at, end := q*len(reference)/4, (q+1)*len(reference)/4
		lo, hi := max(at-maxOffset, 0), min(end+maxOffset, len(recording))
		if lo >= hi {
			continue
		}
		if m := Find(recording[lo:hi], reference[at:end], hi-lo); m.SNR > best.SNR {
			best = m
			best.Offset += lo - at
		}
	}
	var all []float64
	found := 0
	for at := 0; at+size <= len(reference); at += size {
		piece := reference[at : at+size]
		if RMS(piece) < loud {
			continue
		}
		lo := max(at+best.Offset-rate/5, 0)
		hi := min(at+best.Offset+size+rate/5, len(recording))
		snr := math.Inf(-1)
		if hi-lo >= size {
			snr = Find(recording[lo:hi], piece, hi-lo-size).SNR
		}
		if all = append(all, snr); snr >= 20 {
			found++
		}
	}
	if len(all) == 0 {
		return Heard{SNR: math.Inf(-1)}
	}
	slices.Sort(all)
	return Heard{Share: float64(found) / float64(len(all)), SNR: all[len(all)/2]}
}

// loudest finds the n samples (or all, if there are fewer) with the most energy.
func loudest(pcm []int16, n int) (at, length int) {
	n = min(n, len(pcm))
	var sum, best float64
	for i, x := range pcm {
		sum += float64(x) * float64(x)
		if i >= n {
			sum -= float64(pcm[i-n]) * float64(pcm[i-n])
		}
		if sum > best && i+1 >= n {
			best, at = sum, i+1-n
		}
	}
	return at, n
}

// Tone returns which part of the energy of pcm, 0 to 1, is a steady tone of the given frequency
// (the Goertzel filter over the whole of pcm).
func Tone(pcm []int16, rate int, frequency float64) float64 {
	w := 2 * math.Pi * frequency / float64(rate)
	c := 2 * math.Cos(w)
	var s1, s2, energy float64
	for _, x := range pcm {
		s1, s2 = float64(x)+c*s1-s2, s1
		energy += float64(x) * float64(x)
	}
	if energy == 0 {
		return 0
	}
	power := s1*s1 + s2*s2 - c*s1*s2
	return min(2*power/(energy*float64(len(pcm))), 1)
}

// RMS returns the root of the mean square of pcm.
func RMS(pcm []int16) float64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum float64
	for _, x := range pcm {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

func decibel(signal, noise float64) float64 {
	switch {
	case signal == 0:
		return math.Inf(-1)
	case noise == 0:
		return math.Inf(1)
	}
	return 10 * math.Log10(signal/noise)
}
