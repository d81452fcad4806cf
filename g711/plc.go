package g711

import (
	"errors"
	"math"
)

// FrameSize is the number of samples in 10 ms, the unit in which a [Concealer] works.
const FrameSize = 80

// Concealer hides lost packets by the algorithm of ITU-T G.711 Appendix I: it repeats the last
// pitch periods of what was heard, with smooth transitions, fades from 10 ms on and is silent
// after 60 ms. Every frame goes through it, good or lost, and comes out 3.75 ms ([Delay] samples)
// later. The zero value is ready; one per stream. It allocates nothing and is not safe for
// concurrent use.
type Concealer struct {
	history [historyLen]int16 // what went out, and the last delay samples that did not yet

	periods [historyLen]float32 // the last pitch periods at its end, while frames are lost
	tail    [Delay]float32      // the end of history before it was smoothed
	pitch   int                 // samples of a period
	overlap int                 // a quarter of that
	length  int                 // samples of periods that are repeated
	offset  int                 // where in them the next sample is
	lost    int                 // frames in a row
}

const (
	pitchMin = 40  // 200 Hz
	pitchMax = 120 // 66 Hz
	// Delay is how many samples a [Concealer] holds back, so that it can smooth the beginning of a
	// loss: a quarter of the longest pitch period.
	Delay      = pitchMax / 4
	historyLen = 3*pitchMax + Delay

	matchLen = 160 // samples that are compared in the search for the pitch
	minPower = 250
	fade     = 0.2 // of full volume, for each frame after the first
	widen    = 32  // samples by which the end is smoothed longer for each frame after the first
)

// ErrFrameSize says that a frame is not a whole number of 10 ms.
var ErrFrameSize = errors.New("g711: frame is not a multiple of 80 samples")

// Good takes a frame that arrived, one or several times [FrameSize], and replaces it by what is to
// be played now.
func (c *Concealer) Good(pcm []int16) error {
	if len(pcm)%FrameSize != 0 {
		return ErrFrameSize
	}
	for ; len(pcm) > 0; pcm = pcm[FrameSize:] {
		c.good((*[FrameSize]int16)(pcm))
	}
	return nil
}

// Lost fills pcm, one or several times [FrameSize], with what is to be played although nothing
// arrived.
func (c *Concealer) Lost(pcm []int16) error {
	if len(pcm)%FrameSize != 0 {
		return ErrFrameSize
	}
	for ; len(pcm) > 0; pcm = pcm[FrameSize:] {
		c.conceal((*[FrameSize]int16)(pcm))
	}
	return nil
}

// good smooths the transition from a loss and delays the frame (Appendix I, I.2.7).
func (c *Concealer) good(pcm *[FrameSize]int16) {
	if c.lost > 0 {
		n := min(c.overlap+(c.lost-1)*widen, FrameSize)
		var synthetic [FrameSize]int16
		c.repeat(synthetic[:n])
		gain := max(1-float32(float32(c.lost-1)*fade), 0)
		step := 1 / float32(n)
		out, in := float32(1-step)*gain, step
		outStep := float32(step * gain)
		for i := range n {
			pcm[i] = mix(out, float32(synthetic[i]), in, float32(pcm[i]))
			out -= outStep
			in += step
		}
		c.lost = 0
	}
	c.delay(pcm)
}

// conceal makes a frame of the last pitch periods: one in the first 10 ms, two in the second and
// three from then on, so that no tone comes out (Appendix I, I.2.1 to I.2.6).
func (c *Concealer) conceal(pcm *[FrameSize]int16) {
	switch {
	case c.lost == 0:
		for i, s := range c.history {
			c.periods[i] = float32(s)
		}
		c.pitch = c.findPitch()
		c.overlap = c.pitch / 4
		copy(c.tail[:c.overlap], c.periods[historyLen-c.overlap:])
		c.offset, c.length = 0, c.pitch
		c.smooth()
		// What was held back ends as the periods do.
		for i := historyLen - c.overlap; i < historyLen; i++ {
			c.history[i] = int16(c.periods[i])
		}
		c.repeat(pcm[:])
	case c.lost <= 2:
		// Go over from the old periods to one more.
		var old [Delay]int16
		at := c.offset
		c.repeat(old[:c.overlap])
		for at > c.pitch {
			at -= c.pitch
		}
		c.offset = at
		c.length += c.pitch
		c.smooth()
		c.repeat(pcm[:])
		step := 1 / float32(c.overlap)
		left, right := 1-step, step
		for i := range c.overlap {
			pcm[i] = mix(left, float32(old[i]), right, float32(pcm[i]))
			left -= step
			right += step
		}
		c.attenuate(pcm)
	case c.lost <= 5:
		c.repeat(pcm[:])
		c.attenuate(pcm)
	default:
		*pcm = [FrameSize]int16{}
	}
	c.lost++
	c.delay(pcm)
}

// smooth joins the end of the repeated periods to their beginning.
func (c *Concealer) smooth() {
	end := c.periods[historyLen-c.overlap:]
	before := c.periods[historyLen-c.length-c.overlap:]
	step := 1 / float32(c.overlap)
	left, right := 1-step, step
	for i := range c.overlap {
		end[i] = clamp(float32(left*c.tail[i]) + float32(right*before[i]))
		left -= step
		right += step
	}
}

// repeat fills out with the periods, going on where it ended.
func (c *Concealer) repeat(out []int16) {
	periods := c.periods[historyLen-c.length:]
	for i := range out {
		out[i] = int16(periods[c.offset])
		if c.offset++; c.offset == c.length {
			c.offset = 0
		}
	}
}

func (c *Concealer) attenuate(pcm *[FrameSize]int16) {
	gain := 1 - float32(float32(c.lost-1)*fade)
	for i, s := range pcm {
		pcm[i] = int16(float32(float32(s) * gain))
		gain -= float32(fade) / FrameSize
	}
}

// delay puts the frame behind the history and takes out what is due.
func (c *Concealer) delay(pcm *[FrameSize]int16) {
	copy(c.history[:], c.history[FrameSize:])
	copy(c.history[historyLen-FrameSize:], pcm[:])
	copy(pcm[:], c.history[historyLen-FrameSize-Delay:])
}

// findPitch looks where the last 20 ms fit best into what was before: first at every second
// sample, then around the best (Appendix I, I.2.2).
func (c *Concealer) findPitch() int {
	best := c.match(0, pitchMax-pitchMin, 2, true)
	best = c.match(max(best-1, 0), min(best+1, pitchMax-pitchMin), 1, false)
	return pitchMax - best
}

// match returns the shift from first to last whose samples, every step-th, have the greatest
// normalised cross-correlation with the last ones. Of equals the last counts if late is set.
func (c *Concealer) match(first, last, step int, late bool) int {
	recent := c.periods[historyLen-matchLen:]
	earlier := c.periods[historyLen-matchLen-pitchMax:]
	var energy float32
	for i := 0; i < matchLen; i += step {
		s := earlier[first+i]
		energy += float32(s * s)
	}
	best, greatest := first, float32(0)
	for at := first; at <= last; at += step {
		if at > first {
			s := earlier[at-step]
			energy -= float32(s * s)
			s = earlier[at-step+matchLen]
			energy += float32(s * s)
		}
		var corr float32
		for i := 0; i < matchLen; i += step {
			corr += float32(earlier[at+i] * recent[i])
		}
		corr /= float32(math.Sqrt(float64(max(energy, minPower))))
		if at == first || corr > greatest || late && corr == greatest {
			best, greatest = at, corr
		}
	}
	return best
}

// mix adds two weighted samples. The conversions keep compilers from fusing, so that every
// machine gives the same samples.
func mix(a, x, b, y float32) int16 { return int16(clamp(float32(a*x) + float32(b*y))) }

func clamp(v float32) float32 { return min(max(v, -32768), 32767) }
