package control

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/resample"
)

// overlay is what a leg hears instead of the one that it is bridged to: a sound, with that one if it is mixed.
type overlay struct {
	src  call.Source // if nil, none
	gain float64     // of the other leg; 0 is silence

	mu      sync.Mutex
	frame   []int16 // of the other leg, in this turn
	from    int
	convert *resample.Resampler
	mix     []int16
}

// WriteSamples takes what the other leg says.
func (o *overlay) WriteSamples(pcm []int16) error {
	o.mu.Lock()
	o.frame = append(o.frame[:0], pcm...)
	o.mu.Unlock()
	return nil
}

// ReadSamples gives both.
func (o *overlay) ReadSamples(pcm []int16) (n int, err error) {
	if o.src != nil {
		n, err = o.src.ReadSamples(pcm)
	}
	clear(pcm[n:])
	o.mu.Lock()
	defer o.mu.Unlock()
	from, to := len(o.frame)*50, len(pcm)*50
	if o.gain == 0 || from == 0 {
		return len(pcm), err
	}
	o.mix = o.mix[:0]
	if from == to {
		o.mix = append(o.mix, o.frame...)
	} else {
		if from != o.from || o.convert == nil {
			c, e := resample.New(from, to)
			if e != nil {
				return len(pcm), err
			}
			o.from, o.convert = from, c
		}
		o.mix = o.convert.Append(o.mix, o.frame)
	}
	o.frame = o.frame[:0]
	for i, v := range o.mix[:min(len(o.mix), len(pcm))] {
		pcm[i] = int16(min(max(float64(pcm[i])+o.gain*float64(v), math.MinInt16), math.MaxInt16))
	}
	return len(pcm), err
}

const maxOverlays = 8

var errDisplaced = errors.New("control: the channel hears that already")

// Displace has the peer hear a sound instead of the leg that the channel is bridged to, or nothing else, while the channel
// goes on with what it does, until StopDisplace, the end of the sound, or limit, if that is not zero. Flags are letters: m
// mixes the sound with that leg, l repeats it, r has that leg hear the sound instead of the peer. It ends early where the channel is
// bridged anew or something else is played.
func (c *Channel) Displace(name, flags string, limit time.Duration) error {
	leg, other, err := c.heard(strings.Contains(flags, "r"))
	if err != nil {
		return err
	}
	m := leg.media()
	if m == nil {
		return errNoMedia
	}
	var snd sound
	rate := m.SampleRate()
	if strings.Contains(flags, "l") {
		snd, rate, err = c.sw.openList([]string{name}, rate, true)
	} else {
		snd, rate, err = c.sw.openSound(name, rate)
	}
	if err != nil {
		return err
	}
	src, err := call.NewReadAhead(snd, rate)
	if err != nil {
		snd.Close()
		return err
	}
	o := &overlay{src: src}
	if strings.Contains(flags, "m") {
		o.gain = 1
	}
	err = c.lay(name, leg, other, o, limit, nil, func() {
		src.Close()
		snd.Close()
	})
	if err != nil {
		src.Close()
		snd.Close()
	}
	return err
}

// heard says who hears an overlay, and whom else it hears.
func (c *Channel) heard(reverse bool) (leg, other *Channel, err error) {
	other = c.Bridged()
	switch {
	case !reverse:
		return c, other, c.ready()
	case other == nil:
		return nil, nil, errNotBridged
	}
	return other, c, nil
}

// layer is an overlay that is being heard.
type layer struct{ cancel context.CancelCauseFunc }

// lay plays an overlay on a leg, on a goroutine of its own that calls over at the end. done, if not nil, ends it as well.
func (c *Channel) lay(key string, leg, other *Channel, o *overlay, limit time.Duration, done <-chan struct{}, over func()) error {
	c.recMu.Lock()
	defer c.recMu.Unlock()
	switch {
	case c.overlays[key] != nil:
		return errDisplaced
	case len(c.overlays) >= maxOverlays:
		return errTooMany
	case c.overlays == nil:
		c.overlays = map[string]*layer{}
	}
	ctx, cancel := context.WithCancelCause(leg.ctx)
	l := &layer{cancel}
	c.overlays[key] = l
	stop := context.AfterFunc(c.ctx, func() { cancel(errBreak) })
	var timeout <-chan time.Time
	if limit > 0 {
		timeout = time.After(limit)
	}
	go func() {
		select {
		case <-done:
		case <-timeout:
		case <-ctx.Done():
		}
		cancel(errBreak)
	}()
	go func() {
		defer over()
		defer stop()
		defer cancel(nil)
		if other != nil && o.gain != 0 {
			if m := other.media(); m != nil {
				m.AddSink(o)
				defer m.RemoveSink(o)
			}
		}
		if err := leg.play(ctx, o); err != nil && ctx.Err() == nil {
			c.sw.log.Warn("control: audio is not displaced any more", "uuid", c.uuid, "err", err)
		}
		c.recMu.Lock()
		if c.overlays[key] == l {
			delete(c.overlays, key)
		}
		c.recMu.Unlock()
	}()
	return nil
}

// StopDisplace ends what Displace began.
func (c *Channel) StopDisplace(name string) error { return c.unlay(name) }

func (c *Channel) unlay(key string) error {
	c.recMu.Lock()
	defer c.recMu.Unlock()
	l := c.overlays[key]
	if l == nil {
		return fmt.Errorf("control: nothing is displaced by %.100q", key)
	}
	delete(c.overlays, key) // it may begin anew at once
	l.cancel(errBreak)
	return nil
}

// appDisplace is FILE [FLAGS] [+LIMIT_SECONDS].
func appDisplace(_ context.Context, c *Channel, line string) error {
	args, err := splitWords(line)
	if err != nil || len(args) == 0 {
		return parseError("displace_session", line, errEmpty)
	}
	flags, limit := "", time.Duration(0)
	for _, a := range args[1:] {
		if after, ok := strings.CutPrefix(a, "+"); !ok {
			flags = a
		} else if limit, err = parseSeconds(after); err != nil {
			return parseError("displace_session", a, err)
		}
	}
	return c.Displace(unquoteWhole(args[0]), flags, limit)
}

// levels are the factors of the steps of SetLevel from -4 to 4.
var levels = [9]float64{0.2, 0.4, 0.6, 0.8, 1, 1.3, 2.3, 3.3, 4.3}

// SetLevel changes how loud the two legs of a bridge hear one another: what the peer hears or, if read is set, what is
// heard of it, in steps from -4 to 4; below that is silence. 0 has it as it was. It lasts as long as the bridge.
func (c *Channel) SetLevel(read bool, step int) error {
	key := "\x00" + strconv.FormatBool(read)
	gone := c.unlay(key)
	if step == 0 {
		return gone
	}
	leg, other, err := c.heard(read)
	if err != nil {
		return err
	}
	c.mu.Lock()
	br := c.bridge
	c.mu.Unlock()
	if br == nil {
		return errNotBridged
	}
	o := &overlay{}
	if step >= -4 {
		o.gain = levels[min(step, 4)+4]
	}
	return c.lay(key, leg, other, o, 0, br.done, func() {})
}
