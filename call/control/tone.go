package control

import (
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gotelco/telco/call"
)

// Tones is a [call.Source] of tones, as tone_stream:// and gentones name them.
type Tones struct {
	steps []toneStep
	loops int // of all steps; below 0 without end
	rate  int

	step, again int
	sample      int // of the step
}

type toneStep struct {
	on, off int // samples
	freqs   []float64
	peak    float64 // of each frequency
	times   int     // below 0 without end
}

const (
	maxToneSteps = 1000
	maxToneFreqs = 18
	// toneLevel is the level of each frequency, in dB below the loudest, where v= does not say else.
	toneLevel = -7
)

var toneKeys = map[rune][]float64{
	'1': {697, 1209}, '2': {697, 1336}, '3': {697, 1477}, 'A': {697, 1633},
	'4': {770, 1209}, '5': {770, 1336}, '6': {770, 1477}, 'B': {770, 1633},
	'7': {852, 1209}, '8': {852, 1336}, '9': {852, 1477}, 'C': {852, 1633},
	'*': {941, 1209}, '0': {941, 1336}, '#': {941, 1477}, 'D': {941, 1633},
}

var errTone = errors.New("no tone")

// ParseTones reads a script of tones for a sample rate in Hz, as FreeSWITCH's tone_stream:// and gentones have it:
//
//	%(ON_MS,OFF_MS,FREQ,…)   a tone of up to 18 frequencies, and a pause
//	0-9 * # A-D              a key, with the times of d= and w=
//	v=DB                     volume of what follows, 0 to -63; if not given, -7
//	d=MS w=MS                time of keys and of the pause after them; if not given, 250 and 50
//	l=N                      times of each tone that follows
//	L=N loops=N              times of the whole; -1 is without end
//
// Parts are separated by semicolons; r= and c= are read, and have no meaning here. The error is a [*ParseError].
func ParseTones(script string, rate int) (*Tones, error) {
	const what = "tones"
	t := &Tones{loops: 1, rate: rate}
	if len(script) > maxTextSize {
		return nil, parseError(what, script, errTooMany)
	}
	on, off, times := 250, 50, 1
	volume := float64(toneLevel)
	for _, part := range strings.Split(script, ";") {
		part = strings.TrimSpace(part)
		name, value, ok := strings.Cut(part, "=")
		if ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil || math.IsNaN(n) || n > 1e9 || n < -1e9 {
				return nil, parseError(what, part, errTone)
			}
			switch strings.TrimSpace(name) {
			case "v":
				volume = min(max(n, -63), 0)
			case "d":
				on = max(int(n), 0)
			case "w":
				off = max(int(n), 0)
			case "l":
				times = int(n)
			case "L", "loops":
				t.loops = int(n)
			case "r", "c", ">", "<", "+":
			default:
				return nil, parseError(what, part, errTone)
			}
			continue
		}
		for part != "" {
			r, size := utf8.DecodeRuneInString(part)
			rest := part[size:]
			if r == ' ' {
				part = rest
				continue
			}
			step := toneStep{on: t.samples(on), off: t.samples(off), peak: 16383 * math.Pow(10, volume/20), times: times}
			if strings.HasPrefix(rest, "(") {
				end := strings.IndexByte(rest, ')')
				if end < 0 {
					return nil, parseError(what, part, errBracket)
				}
				if !step.parse(t, rest[1:end], r == '%') {
					return nil, parseError(what, part, errTone)
				}
				rest = rest[end+1:]
			}
			if r != '%' {
				if step.freqs = toneKeys[r]; step.freqs == nil {
					return nil, parseError(what, part, errTone)
				}
			} else if step.freqs == nil {
				return nil, parseError(what, part, errTone)
			}
			if len(t.steps) == maxToneSteps {
				return nil, parseError(what, part, errTooMany)
			}
			if step.on+step.off > 0 && step.times != 0 {
				t.steps = append(t.steps, step)
			}
			part = rest
		}
	}
	if len(t.steps) == 0 {
		return nil, parseError(what, script, errEmpty)
	}
	if t.loops == 0 {
		t.loops = 1
	}
	return t, nil
}

// parse reads ON,OFF,FREQ,….
func (s *toneStep) parse(t *Tones, text string, freqs bool) bool {
	for i, v := range strings.Split(text, ",") {
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || math.IsNaN(n) || n < -1 || n > 1e8 {
			return false
		}
		switch {
		case i == 0:
			if n >= 0 {
				s.on = t.samples(int(n))
			}
		case i == 1:
			if n >= 0 {
				s.off = t.samples(int(n))
			}
		case !freqs || i > maxToneFreqs+1 || n > float64(t.rate)/2:
			return false
		default:
			s.freqs = append(s.freqs, n)
		}
	}
	return true
}

// samples is the number of samples of so many milliseconds, at most a day.
func (t *Tones) samples(ms int) int { return min(ms, 86400000) * t.rate / 1000 }

// ReadSamples gives the next samples.
func (t *Tones) ReadSamples(pcm []int16) (int, error) {
	for i := range pcm {
		if t.step == len(t.steps) {
			return i, io.EOF
		}
		s := &t.steps[t.step]
		pcm[i] = 0
		if t.sample < s.on {
			v := 0.0
			for _, f := range s.freqs {
				v += s.peak * math.Sin(2*math.Pi*math.Mod(f*float64(t.sample)/float64(t.rate), 1))
			}
			pcm[i] = int16(min(max(math.Round(v), math.MinInt16), math.MaxInt16))
		}
		if t.sample++; t.sample < s.on+s.off {
			continue
		}
		t.sample = 0
		if t.again++; s.times < 0 || t.again < s.times {
			continue
		}
		t.again = 0
		if t.step++; t.step == len(t.steps) {
			if t.loops > 0 {
				t.loops--
			}
			if t.loops != 0 {
				t.step = 0
			}
		}
	}
	if t.step == len(t.steps) {
		return len(pcm), io.EOF
	}
	return len(pcm), nil
}

var _ call.Source = (*Tones)(nil)
