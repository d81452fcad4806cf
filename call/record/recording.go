package record

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/wav"
)

// Options say what to record. The zero value mixes both directions.
type Options struct {
	// Name is the name of the recording on the server, without a suffix: letters, digits, '-', '_' and '.'. If
	// empty, the time and something random.
	Name string
	// Stereo keeps what the peer says and what it hears apart: on the left and on the right.
	Stereo bool
	// SampleRate in Hz of the file. If zero, that of the call as it begins.
	SampleRate int
	// Meta goes into the description.
	Meta map[string]string
	// MaxTime bounds the recording; it stops then. If zero, 12 hours.
	MaxTime time.Duration
	// Edit, if not nil, is called with the samples of each 20 ms before they are kept, on the goroutine of all media: it must not
	// block. It may change them, to silence what must not be recorded; if it returns false they are left out.
	Edit func(pcm []int16) bool
	// To is where the recording goes. If its URL is empty, where the Config says.
	To Destination
}

// Recording is a call that is being recorded. It stops with the call. Its methods may be called by any
// goroutine.
type Recording struct {
	spool *Spool
	file  *os.File
	wav   *wav.Writer
	tap   *call.Tap
	d     Description
	to    Destination
	max   int64 // frames

	once sync.Once
	err  error

	mu     sync.Mutex
	broken error // why the file lacks something
}

// Start records a call that has media. Where the disk is full later, the call goes on, and the recording is marked
// incomplete.
func (s *Spool) Start(c *call.Call, opts Options) (*Recording, error) {
	m := c.Media()
	if m == nil {
		return nil, errors.New("record: the call has no media yet")
	}
	r, err := s.Record(m, opts)
	if err == nil {
		context.AfterFunc(c.Context(), func() { r.Stop() })
	}
	return r, err
}

// Record is Start for Media without a call: Stop has to be called.
func (s *Spool) Record(m *call.Media, opts Options) (*Recording, error) {
	if opts.SampleRate == 0 {
		opts.SampleRate = m.SampleRate()
	}
	if opts.MaxTime <= 0 {
		opts.MaxTime = 12 * time.Hour
	}
	if opts.Name == "" {
		opts.Name = time.Now().UTC().Format("20060102T150405") + "-" + strings.ToLower(rand.Text()[:12])
	}
	if err := checkName(opts.Name); err != nil {
		return nil, err
	}
	if opts.To.URL != "" {
		if err := opts.To.check(); err != nil {
			return nil, err
		}
	}
	r := &Recording{spool: s, to: opts.To, max: int64(opts.MaxTime.Seconds() * float64(opts.SampleRate))}
	r.d = Description{Name: opts.Name, Start: time.Now(), SampleRate: opts.SampleRate, Channels: 1, Meta: maps.Clone(opts.Meta)}
	if opts.Stereo {
		r.d.Channels = 2
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	for _, suffix := range []string{partial, complete} {
		if _, err := os.Stat(s.path(opts.Name, suffix)); err == nil {
			return nil, fmt.Errorf("record: there is a recording %s already", opts.Name)
		}
	}
	if err := r.create(); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	var err error
	if r.tap, err = call.NewTap(m, (*fileSink)(r), call.TapOptions{Stereo: opts.Stereo, SampleRate: opts.SampleRate, Edit: opts.Edit}); err != nil {
		r.file.Close()
		s.remove(opts.Name)
		return nil, fmt.Errorf("record: %w", err)
	}
	s.active[opts.Name] = r
	return r, nil
}

// checkName keeps a name within the folder, and fit for an address.
func checkName(name string) error {
	if name == "" || len(name) > 200 || name[0] == '.' {
		return fmt.Errorf("record: %.20q is no name for a recording", name)
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return fmt.Errorf("record: %.20q is no name for a recording: it has %q", name, c)
		}
	}
	return nil
}

// create makes the files.
func (r *Recording) create() error {
	s, name := r.spool, r.d.Name
	if r.to.URL != "" {
		if err := s.writeDestination(name, r.to); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(s.path(name, partial), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		os.Remove(s.path(name, destination))
		return err
	}
	w, err := wav.NewWriter(f, wav.Format{Channels: r.d.Channels, SampleRate: r.d.SampleRate})
	if err == nil {
		err = s.writeDescription(name, r.d)
	}
	if err != nil {
		f.Close()
		s.remove(name)
		return err
	}
	r.file, r.wav = f, w
	return nil
}

// remove takes back what create has made.
func (s *Spool) remove(name string) {
	for _, suffix := range []string{partial, description, destination} {
		os.Remove(s.path(name, suffix))
	}
}

// Name returns the name of the recording on the server, without its suffix.
func (r *Recording) Name() string { return r.d.Name }

// Stop ends the recording and has it uploaded. A second Stop does nothing. The error says that it could not be kept.
func (r *Recording) Stop() error {
	r.once.Do(func() { r.err = r.stop() })
	return r.err
}

func (r *Recording) stop() error {
	s, name := r.spool, r.d.Name
	s.mu.Lock() // Record may not have returned yet
	tap := r.tap
	s.mu.Unlock()
	tap.Close() // its error is in broken
	err := r.wav.Close()
	if err == nil {
		err = r.file.Sync()
	}
	if err2 := r.file.Close(); err == nil {
		err = err2
	}
	r.breaks(err)
	r.d.Seconds = float64(r.wav.Frames()) / float64(r.d.SampleRate)
	r.mu.Lock()
	switch {
	case r.broken != nil:
		r.d.Incomplete = r.broken.Error()
	case tap.Lost() > 0:
		r.d.Incomplete = fmt.Sprintf("%.1f s are silent: the disk was too slow", float64(tap.Lost())/float64(r.d.SampleRate*r.d.Channels))
	}
	r.mu.Unlock()
	err = s.finish(name, r.d)
	s.mu.Lock()
	delete(s.active, name)
	if r.d.Incomplete != "" {
		s.stats.Incomplete++
	}
	s.mu.Unlock()
	if err != nil {
		s.cfg.Logger.Error("recording is left as it is", "name", name, "err", err)
		return fmt.Errorf("record: %w", err)
	}
	s.push(name)
	return nil
}

// breaks takes note of what the file lacks, and tells the operator once.
func (r *Recording) breaks(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	first := r.broken == nil
	if first {
		r.broken = err
	}
	r.mu.Unlock()
	if first {
		r.spool.cfg.Logger.Error("recording is incomplete", "name", r.d.Name, "err", err)
	}
}

// fileSink writes, on a goroutine of its own.
type fileSink Recording

func (f *fileSink) WriteSamples(pcm []int16) error {
	r := (*Recording)(f)
	if left := (r.max - r.wav.Frames()) * int64(r.d.Channels); left <= int64(len(pcm)) {
		pcm = pcm[:left]
		go r.Stop()
	}
	err := r.wav.WriteSamples(pcm)
	r.breaks(err)
	return err
}

// mend makes the sizes in the header of a file that was being written say what is there.
func mend(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := wav.Mend(f); err != nil {
		return err
	}
	return f.Sync()
}
