package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/soundfile"
	"github.com/gotelco/telco/resample"
)

// sound is something to play, as a [call.Source] that may block.
type sound interface {
	ReadSamples(pcm []int16) (int, error)
	Close() error
}

// openSound opens what playback names, for a leg of the given sample rate. It gives samples at the rate that it returns.
func (s *Switch) openSound(name string, rate int) (sound, int, error) {
	name = strings.TrimSpace(name)
	gain := 0.0
	if strings.HasPrefix(name, "{") {
		vars, after, err := parseVars(name)
		if err != nil {
			return nil, 0, parseError("file", name, err)
		}
		if v, err := strconv.ParseFloat(find(vars, "vol"), 64); err == nil {
			gain = min(max(v, -60), 20)
		}
		name = strings.TrimSpace(after)
	}
	snd, at, err := s.openPlain(name, rate)
	if err == nil && gain != 0 {
		snd = &louder{snd, math.Pow(10, gain/20)}
	}
	return snd, at, err
}

func (s *Switch) openPlain(name string, rate int) (sound, int, error) {
	if rest, ok := strings.CutPrefix(name, "file_string://"); ok {
		return s.openList(strings.Split(rest, "!"), rate, false)
	}
	if rest, ok := strings.CutPrefix(name, "tone_stream://"); ok {
		src, err := ParseTones(rest, rate)
		if err != nil {
			return nil, 0, err
		}
		return noClose{src}, rate, nil
	}
	if rest, ok := strings.CutPrefix(name, "silence_stream://"); ok {
		src, err := parseSilence(rest, rate)
		if err != nil {
			return nil, 0, err
		}
		return noClose{src}, rate, nil
	}
	if rest, ok := strings.CutPrefix(name, "local_stream://"); ok {
		names, err := s.sounds.list(rest)
		if err != nil {
			return nil, 0, err
		}
		return s.openList(names, rate, true)
	}
	if i := strings.Index(name, "://"); i >= 0 {
		return nil, 0, fmt.Errorf("control: %.20s cannot be played", name[:i+3])
	}
	f, err := s.sounds.open(name)
	for _, at := range []int{rate, 8000, 16000, 32000, 48000} { // FreeSWITCH's sounds have a folder for each sample rate
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if g, err2 := s.sounds.open(path.Join(path.Dir(name), strconv.Itoa(at), path.Base(name))); err2 == nil {
			f, err = g, nil
		}
	}
	if err != nil {
		var err2 error
		if f, err2 = s.recordings.open(name); err2 != nil {
			return nil, 0, err
		}
	}
	r, err := soundfile.NewReader(f)
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return &fileSound{r, f}, r.SampleRate(), nil
}

type fileSound struct {
	*soundfile.Reader
	file *os.File
}

func (f *fileSound) Close() error { return f.file.Close() }

type noClose struct{ call.Source }

func (noClose) Close() error { return nil }

// louder changes the volume.
type louder struct {
	sound
	gain float64
}

func (l *louder) ReadSamples(pcm []int16) (int, error) {
	n, err := l.sound.ReadSamples(pcm)
	amplify(pcm[:n], l.gain)
	return n, err
}

func amplify(pcm []int16, gain float64) {
	for i, v := range pcm {
		pcm[i] = int16(min(max(math.Round(float64(v)*gain), math.MinInt16), math.MaxInt16))
	}
}

// playlist plays one sound after the other, at one rate.
type playlist struct {
	s       *Switch
	names   []string
	rate    int
	again   bool
	at      int
	current sound
	convert *resample.Resampler
	from    int
	in      []int16
	rest    []int16
	heard   bool // something, since the list began
}

func (s *Switch) openList(names []string, rate int, again bool) (sound, int, error) {
	if len(names) > 1000 {
		return nil, 0, parseError("file_string", names[0], errTooMany)
	}
	p := &playlist{s: s, names: names, rate: rate, again: again}
	if err := p.next(); err != nil {
		return nil, 0, err
	}
	return p, rate, nil
}

// next opens the next sound.
func (p *playlist) next() error {
	if p.current != nil {
		p.current.Close()
		p.current = nil
	}
	if p.at >= len(p.names) {
		if !p.again || !p.heard {
			return io.EOF
		}
		p.at, p.heard = 0, false
	}
	name := strings.TrimSpace(p.names[p.at])
	p.at++
	if strings.Contains(name, "file_string://") || strings.Contains(name, "local_stream://") {
		return parseError("file_string", name, errors.New("a list within a list"))
	}
	snd, rate, err := p.s.openSound(name, p.rate)
	if err != nil {
		return err
	}
	if rate != p.from || p.convert == nil {
		if p.convert, err = resample.New(rate, p.rate); err != nil {
			snd.Close()
			return err
		}
		p.from = rate
	}
	p.current = snd
	return nil
}

func (p *playlist) ReadSamples(pcm []int16) (int, error) {
	for len(p.rest) < len(pcm) {
		if p.in == nil {
			p.in = make([]int16, 960)
		}
		n, err := p.current.ReadSamples(p.in[:p.from/50])
		p.heard = p.heard || n > 0
		p.rest = p.convert.Append(p.rest, p.in[:n])
		if err != nil {
			if err != io.EOF {
				return p.give(pcm), err
			}
			if err := p.next(); err != nil {
				return p.give(pcm), err
			}
		} else if n == 0 {
			break
		}
	}
	return p.give(pcm), nil
}

func (p *playlist) give(pcm []int16) int {
	n := copy(pcm, p.rest)
	p.rest = append(p.rest[:0], p.rest[n:]...)
	return n
}

func (p *playlist) Close() error {
	if p.current == nil {
		return nil
	}
	err := p.current.Close()
	p.current = nil
	return err
}

// Play plays what name says to its end, and returns nil; or until ctx is done, and returns its cause. It may be called
// by any goroutine; what was played or heard before is no longer. See the package documentation for names.
func (c *Channel) Play(ctx context.Context, name string) error {
	m := c.media()
	if m == nil {
		return errNoMedia
	}
	snd, rate, err := c.sw.openSound(name, m.SampleRate())
	if err != nil {
		return err
	}
	defer snd.Close()
	src, err := call.NewReadAhead(snd, rate)
	if err != nil {
		return err
	}
	defer src.Close()
	return c.play(ctx, src)
}

// play sends src, instead of what comes from the bridge that the channel is in, and then that again.
func (c *Channel) play(ctx context.Context, src call.Source) error {
	c.mu.Lock()
	in := c.call
	gain := c.vars["write_volume"]
	c.mu.Unlock()
	if in == nil {
		return errNoMedia
	}
	if m := in.Media(); m != nil {
		defer m.Resume()
	}
	if v, err := strconv.ParseFloat(gain, 64); err == nil && v != 0 {
		src = &louder{noClose{src}, math.Pow(10, min(max(v, -60), 20)/20)}
	}
	err := in.Play(ctx, src)
	if errors.Is(err, call.ErrReplaced) {
		// A bridge that was made anew, or another sound: what is to be heard now is not ours.
		return nil
	}
	return err
}

// parseSilence reads the time of silence_stream://MS[,LEVEL]: -1 has no end. A level above 0 is comfort noise, the
// quieter the higher it is.
func parseSilence(s string, rate int) (call.Source, error) {
	ms, level, _ := strings.Cut(s, ",")
	n, err := strconv.Atoi(strings.TrimSpace(ms))
	if err != nil || n > 366*86400*1000 {
		return nil, parseError("silence_stream", s, errors.New("no number of milliseconds"))
	}
	src := &silence{left: -1, noise: 1}
	if n >= 0 {
		src.left = int64(n) * int64(rate) / 1000
	}
	if v, err := strconv.Atoi(strings.TrimSpace(level)); err == nil && v > 0 {
		src.level = 32767 / int32(min(v, 32767))
	}
	return src, nil
}

type silence struct {
	left  int64 // samples; below 0 without end
	level int32
	noise uint32
}

func (s *silence) ReadSamples(pcm []int16) (int, error) {
	n := len(pcm)
	if s.left >= 0 {
		n = int(min(int64(n), s.left))
		s.left -= int64(n)
	}
	for i := range pcm[:n] {
		pcm[i] = 0
		if s.level > 0 {
			s.noise = s.noise*1664525 + 1013904223
			pcm[i] = int16(int32(s.noise>>16)*s.level/65536 - s.level/2)
		}
	}
	if s.left == 0 {
		return n, io.EOF
	}
	return n, nil
}

// millis is a length of time in milliseconds, as text.
func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
