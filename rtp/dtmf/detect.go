package dtmf

import (
	"math"
	"time"
)

// Config configures a [Detector]. The zero value works.
type Config struct {
	// SampleRate in Hz, at least 8000. If zero, 8000.
	SampleRate int
	// MinLevel is the lowest level of each of the two tones, in dBm0. If zero, -27.
	MinLevel float64
	// Twist is by how many dB the column's tone may exceed the row's, ReverseTwist the opposite. If zero, 8
	// and 8.
	Twist, ReverseTwist float64
}

// Event tells of a key: once when it is found, once when it ends.
type Event struct {
	Key      byte // '0' to '9', '*', '#', 'A' to 'D'
	End      bool
	Level    float64       // of the louder tone, dBm0
	At       int64         // sample at which it began, counted from the first written; precise to a block of 12.75 ms
	Duration time.Duration // if End
}

// Detector finds keys in audio by Goertzel's algorithm. It has no clock or goroutine, allocates nothing, and is not safe for concurrent
// use.
type Detector struct {
	cfg     Config
	minimum float64
	twist   float64 // as ratios of power
	reverse float64
	tones   [8]tone // rows, then columns

	block []int16 // being filled
	n     int     // samples in it
	total int64

	last    byte       // key of the block before; 0 if none
	phase   [2]float64 // of that block's tones, in radians
	filled  [2]float64 // by that block's tones, as shares of its energy
	lastLvl float64
	key     byte // key that is held
	level   float64
	begin   int64
	misses  int // blocks in a row without the key

	queue  [16]Event
	head   int
	count  int
	missed uint64
}

// tone is one of Goertzel's filters.
type tone struct {
	freq     float64 // Hz
	coeff    float64
	cos, sin float64
}

// NewDetector returns a Detector that has heard nothing.
func NewDetector(cfg Config) *Detector {
	if cfg.SampleRate < 8000 {
		cfg.SampleRate = 8000
	}
	if cfg.MinLevel == 0 {
		cfg.MinLevel = -27
	}
	if cfg.Twist == 0 {
		cfg.Twist = 8
	}
	if cfg.ReverseTwist == 0 {
		cfg.ReverseTwist = 8
	}
	d := &Detector{cfg: cfg, block: make([]int16, cfg.SampleRate*102/8000)}
	amplitude := 32767 * math.Pow(10, (cfg.MinLevel-fullScale)/20)
	d.minimum = power(amplitude, len(d.block))
	// The two groups leak into each other: leave 2 dB more than is asked for.
	d.twist, d.reverse = math.Pow(10, (cfg.Twist+2)/10), math.Pow(10, (cfg.ReverseTwist+2)/10)
	for i := range d.tones {
		f := rows[i%4]
		if i >= 4 {
			f = columns[i%4]
		}
		w := 2 * math.Pi * f / float64(cfg.SampleRate)
		d.tones[i] = tone{freq: f, coeff: 2 * math.Cos(w), cos: math.Cos(w), sin: math.Sin(w)}
	}
	return d
}

// power is what Goertzel's filter says of a sine over n samples.
func power(amplitude float64, n int) float64 {
	return amplitude * amplitude * float64(n) * float64(n) / 4
}

const (
	// share is how much of the energy of a block the two tones have to hold. Frequencies that are 1.5 % off, and noise 15 dB
	// below, leave that much.
	share = 0.7
	// full is the share after the measured frequencies are allowed for, which a block has that the tones fill: so that a signal is
	// longer than 0.86 of two blocks.
	full = 0.86
	// peak is by how much the tone of a group has to exceed the others, as a ratio of power.
	peak = 4
	// tolerance is how far a frequency may be off: between the 1.5 % and 3.5 % of Q.24.
	tolerance = 0.025
)

// Write takes samples, as many as there are.
func (d *Detector) Write(pcm []int16) {
	for len(pcm) > 0 {
		n := copy(d.block[d.n:], pcm)
		pcm = pcm[n:]
		d.n += n
		d.total += int64(n)
		if d.n == len(d.block) {
			d.n = 0
			d.end()
		}
	}
}

// spectrum is what a block has of the four tones of a group.
type spectrum struct {
	re, im, power [4]float64
	best          int // the strongest
}

// filter runs four filters at once: each step of one waits for the step before, and the processor does the others meanwhile.
func filter(t *[4]tone, pcm []int16) (s spectrum) {
	var a1, a2, b1, b2, c1, c2, d1, d2 float64
	ac, bc, cc, dc := t[0].coeff, t[1].coeff, t[2].coeff, t[3].coeff
	for _, x := range pcm {
		v := float64(x)
		a1, a2 = v-a2+ac*a1, a1
		b1, b2 = v-b2+bc*b1, b1
		c1, c2 = v-c2+cc*c1, c1
		d1, d2 = v-d2+dc*d1, d1
	}
	for i, v := range [4][2]float64{{a1, a2}, {b1, b2}, {c1, c2}, {d1, d2}} {
		re, im := v[0]-v[1]*t[i].cos, v[1]*t[i].sin
		s.re[i], s.im[i], s.power[i] = re, im, re*re+im*im
		if s.power[i] > s.power[s.best] {
			s.best = i
		}
	}
	return s
}

// stands says whether the strongest tone of a group exceeds the others by enough.
func (s *spectrum) stands() bool {
	for i, p := range s.power {
		if i != s.best && p*peak > s.power[s.best] {
			return false
		}
	}
	return true
}

// deviation is by how much a tone of this block is off its nominal frequency, relative to it: how far the phase has gone on since
// the block before tells the frequency.
func (d *Detector) deviation(t *tone, phase, last float64) float64 {
	want := 2 * math.Pi * t.freq * float64(len(d.block)) / float64(d.cfg.SampleRate)
	return math.Abs(math.Remainder(phase-last-want, 2*math.Pi)) / want
}

// end looks at a block that is full. Most blocks are silence or speech: each step is left out when the ones before have shown
// that there is no key.
func (d *Detector) end() {
	var sum int64
	for _, v := range d.block {
		sum += int64(v) * int64(v)
	}
	all := float64(sum) * float64(len(d.block)) // the most that a filter can say
	if all < d.minimum {
		d.step(0, false, 0)
		return
	}
	of := all / 2 // what a filter says of a sine that is all there is
	rows := filter((*[4]tone)(d.tones[:4]), d.block)
	row := rows.power[rows.best]
	if row < d.minimum || row*(1+d.twist) < share*of || !rows.stands() {
		d.step(0, false, 0)
		return
	}
	columns := filter((*[4]tone)(d.tones[4:]), d.block)
	column := columns.power[columns.best]
	switch {
	case column < d.minimum,
		column > row*d.twist, row > column*d.reverse,
		row+column < share*of,
		!columns.stands():
		d.step(0, false, 0)
		return
	}
	hit := keys[4*rows.best+columns.best]
	phase := [2]float64{
		math.Atan2(rows.im[rows.best], rows.re[rows.best]),
		math.Atan2(columns.im[columns.best], columns.re[columns.best]),
	}
	filled := [2]float64{row / of, column / of}
	steady := false
	if hit == d.last {
		r, c := &d.tones[rows.best], &d.tones[4+columns.best]
		dr, dc := d.deviation(r, phase[0], d.phase[0]), d.deviation(c, phase[1], d.phase[1])
		if dr < tolerance && dc < tolerance {
			r, c := d.response(r, dr), d.response(c, dc)
			steady = filled[0]/r+filled[1]/c >= full && d.filled[0]/r+d.filled[1]/c >= full
		}
	}
	d.phase, d.filled = phase, filled
	d.step(hit, steady, 10*math.Log10(max(row, column)/power(32767, len(d.block)))+fullScale)
}

// response is how much of the power of a tone its filter sees that is off by a relative deviation.
func (d *Detector) response(t *tone, deviation float64) float64 {
	x := math.Pi * deviation * t.freq * float64(len(d.block)) / float64(d.cfg.SampleRate)
	if x < 1e-3 {
		return 1
	}
	return math.Sin(x) * math.Sin(x) / (x * x)
}

// releases is how many blocks in a row end a key.
const releases = 3

// step follows the keys from block to block.
//
//	Held   Block                                 Action
//	none   a key, again, with steady phases      it begins
//	a key  the same                              it goes on
//	a key  another or none, once                 wait
//	a key  another or none, three times          it ends
func (d *Detector) step(hit byte, steady bool, level float64) {
	if d.key != 0 {
		if hit == d.key {
			d.misses = 0
			d.level = max(d.level, level)
		} else if d.misses++; d.misses == releases {
			end := d.total - releases*int64(len(d.block))
			d.put(Event{
				Key: d.key, End: true, Level: d.level, At: d.begin,
				Duration: time.Duration(end-d.begin) * time.Second / time.Duration(d.cfg.SampleRate),
			})
			d.key = 0
		}
	}
	if d.key == 0 && hit != 0 && hit == d.last && steady {
		d.key, d.misses, d.begin = hit, 0, d.total-2*int64(len(d.block))
		d.level = max(level, d.lastLvl)
		d.put(Event{Key: hit, Level: d.level, At: d.begin})
	}
	d.last, d.lastLvl = hit, level
}

// put keeps an event; the oldest are dropped if nobody fetches them.
func (d *Detector) put(e Event) {
	if d.count == len(d.queue) {
		d.head = (d.head + 1) % len(d.queue)
		d.count--
		d.missed++
	}
	d.queue[(d.head+d.count)%len(d.queue)] = e
	d.count++
}

// Next returns the next event that was found.
func (d *Detector) Next() (Event, bool) {
	if d.count == 0 {
		return Event{}, false
	}
	e := d.queue[d.head]
	d.head = (d.head + 1) % len(d.queue)
	d.count--
	return e, true
}

// Suspects reports whether the last block of samples may be part of a key's tone, before it is certain: for who does not want to pass the
// tone on.
func (d *Detector) Suspects() bool { return d.key != 0 || d.last != 0 }

// Missed is how many events nobody fetched in time.
func (d *Detector) Missed() uint64 { return d.missed }
