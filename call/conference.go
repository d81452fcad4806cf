package call

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gotelco/telco/resample"
)

// Conference mixes: each member hears all the others. Members may have any codecs; the mix is at the rate
// of the conference. It turns with the wheel that its members are on, which has to be the same, and needs no
// goroutine. A leg that is closed says nothing any more, and stays a member until [Conference.Remove]. Its methods may be called by any
// goroutine.
type Conference struct {
	rate int

	mu      sync.Mutex
	members []*Member
	sum     []int32 // of all who are heard in this turn
	sending bool    // somebody has read the mix of this turn: who says something begins the next
	closed  bool
}

// Member is one leg of a [Conference].
type Member struct {
	conference *Conference
	media      *Media

	// Guarded by the conference.
	muted   bool    // is not heard
	deaf    bool    // hears nothing
	in      []int16 // what is in the sum
	heard   bool    // in this turn
	level   float64
	up      *resample.Resampler // to the conference's rate
	upFrom  int
	down    *resample.Resampler
	downTo  int
	scratch []int16
	mix     []int16
}

// NewConference returns an empty conference that mixes at a sample rate in Hz: 8000 or 16000.
func NewConference(sampleRate int) (*Conference, error) {
	if sampleRate != 8000 && sampleRate != 16000 {
		return nil, fmt.Errorf("call: no conference at %d Hz", sampleRate)
	}
	return &Conference{rate: sampleRate, sum: make([]int32, sampleRate/50)}, nil
}

// Add lets a leg take part, instead of what it was bridged to or played.
func (c *Conference) Add(m *Media) (*Member, error) {
	if err := convertible(m.SampleRate(), c.rate); err != nil {
		return nil, err
	}
	p := &Member{conference: c, media: m}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errClosed
	}
	for _, have := range c.members {
		if have.media == m {
			c.mu.Unlock()
			return nil, errors.New("call: the leg is in the conference already")
		}
	}
	c.members = slices.DeleteFunc(slices.Clone(c.members), func(p *Member) bool { return p.gone() }) // they hear nothing any more
	var with *Media                                                                                  // who turns; one that is closed does not
	for _, have := range c.members {
		if have.media.wheel != m.wheel {
			c.mu.Unlock()
			return nil, errors.New("call: the conference turns with another wheel")
		}
		if with == nil && have.media.on.Load() != nil {
			with = have.media
		}
	}
	c.members = append(c.members, p)
	c.mu.Unlock()
	Unbridge(m)
	if with != nil {
		m.wheel.join(m, with) // all of a conference receive before any of them sends
	}
	m.AddSink((*memberSink)(p))
	m.SetSource((*memberSource)(p))
	c.mu.Lock()
	there := slices.Contains(c.members, p)
	c.mu.Unlock()
	if !there { // Close came between
		c.Remove(p)
		return nil, errClosed
	}
	return p, nil
}

// gone reports a member whose call has ended.
func (p *Member) gone() bool { return p.media.ended.Load() }

// Remove lets a member go, which sends silence from then on.
func (c *Conference) Remove(p *Member) {
	c.mu.Lock()
	for i, have := range c.members {
		if have == p {
			c.members = append(c.members[:i:i], c.members[i+1:]...)
			break
		}
	}
	c.mu.Unlock()
	p.media.RemoveSink((*memberSink)(p))
	p.media.letGo((*memberSource)(p))
}

// letGo ends src if it is what is sent.
func (m *Media) letGo(src Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed && m.source == src {
		m.setSource(nil)
	}
}

// Members returns those who take part. Who has hung up does not, though nobody called Remove.
func (c *Conference) Members() []*Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.members), (*Member).gone)
}

// Close lets all members go.
func (c *Conference) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	for _, p := range c.Members() {
		c.Remove(p)
	}
}

// Speaker returns the member who speaks now: the loudest of those who are not muted; nil while there is silence.
func (c *Conference) Speaker() *Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	var loudest *Member
	for _, p := range c.members {
		if !p.muted && !p.gone() && p.level > silentLevel && (loudest == nil || p.level > loudest.level) {
			loudest = p
		}
	}
	return loudest
}

// silentLevel is the root mean square under which nobody speaks: about -50 dBm0.
const silentLevel = 80.0

// Media returns the leg.
func (p *Member) Media() *Media { return p.media }

// Mute has the others not hear the member.
func (p *Member) Mute(muted bool) {
	p.conference.mu.Lock()
	p.muted = muted
	p.conference.mu.Unlock()
}

// Deafen has the member hear nobody.
func (p *Member) Deafen(deaf bool) {
	p.conference.mu.Lock()
	p.deaf = deaf
	p.conference.mu.Unlock()
}

// Level is how loud the member is: the root mean square of its samples, smoothed over some 100 ms.
func (p *Member) Level() float64 {
	p.conference.mu.Lock()
	defer p.conference.mu.Unlock()
	return p.level
}

// memberSink takes what a member says. A turn of the wheel has all members receive before any of them sends.
type memberSink Member

func (s *memberSink) WriteSamples(pcm []int16) error {
	p := (*Member)(s)
	c := p.conference
	c.mu.Lock()
	defer c.mu.Unlock()
	samples := pcm
	if rate := len(pcm) * 50; rate != c.rate {
		if p.upFrom != rate {
			up, err := resample.New(rate, c.rate)
			if err != nil {
				return err
			}
			p.up, p.upFrom = up, rate
		}
		p.scratch = p.up.Append(p.scratch[:0], pcm)
		samples = p.scratch
	}
	if c.sending || p.heard { // p.heard: all of them are on hold, and nobody reads
		c.sending = false
		clear(c.sum)
		for _, m := range c.members {
			m.in, m.heard = m.in[:0], false
		}
	}
	samples = samples[:min(len(samples), len(c.sum))]
	p.heard = true
	p.level += (rms(samples) - p.level) / 5
	if !p.muted {
		p.in = append(p.in[:0], samples...)
		for i, v := range p.in {
			c.sum[i] += int32(v)
		}
	}
	return nil
}

// memberSource gives a member what the others say.
type memberSource Member

func (s *memberSource) ReadSamples(pcm []int16) (int, error) {
	p := (*Member)(s)
	c := p.conference
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sending = true
	p.mix = p.mix[:0]
	for i, v := range c.sum {
		if i < len(p.in) {
			v -= int32(p.in[i])
		}
		if p.deaf {
			v = 0
		}
		p.mix = append(p.mix, clip(v))
	}
	if len(pcm) == len(p.mix) {
		return copy(pcm, p.mix), nil
	}
	if rate := len(pcm) * 50; p.downTo != rate {
		down, err := resample.New(c.rate, rate)
		if err != nil {
			return 0, err
		}
		p.down, p.downTo = down, rate
	}
	p.scratch = p.down.Append(p.scratch[:0], p.mix)
	return copy(pcm, p.scratch), nil
}

func clip(v int32) int16 { return int16(min(max(v, -32768), 32767)) }

func rms(pcm []int16) float64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum int64
	for _, v := range pcm {
		sum += int64(v) * int64(v)
	}
	return math.Sqrt(float64(sum) / float64(len(pcm)))
}
