package soundfile

import (
	"context"
	"errors"
	"fmt"

	"github.com/gotelco/telco/call"
)

// Player is what plays: a [call.Call] or a [call.Media].
type Player interface {
	Play(ctx context.Context, src call.Source) error
}

// Play plays a file to its end, and returns as [call.Media.Play] does; or why the file cannot be read.
func Play(ctx context.Context, p Player, name string) error {
	r, err := Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	ahead, err := call.NewReadAhead(r, r.SampleRate())
	if err != nil {
		return err
	}
	err = p.Play(ctx, ahead)
	if failed := ahead.Close(); err == nil && failed != nil {
		err = fmt.Errorf("%s: %w", name, failed)
	}
	return err
}

// Options say how to record. The zero value mixes both directions.
type Options struct {
	// Stereo keeps what the peer says and what it hears apart: on the left and on the right.
	Stereo bool
	// Config overrides what the name of the file says, but for its Channels. A SampleRate of zero is that of the media.
	Config Config
}

// Recording is media that is being recorded.
type Recording struct {
	tap  *call.Tap
	file *Writer
}

// Record records both directions of m to a file, whose suffix says which kind it is: see [KindOf]. Close must be called.
func Record(m *call.Media, name string, opts Options) (*Recording, error) {
	cfg := opts.Config
	if cfg.Kind == WAV {
		k, ok := KindOf(name)
		if !ok {
			return nil, fmt.Errorf("%w: the suffix of %s", ErrUnsupported, name)
		}
		cfg.Kind = k
	}
	cfg.Channels = 1
	if opts.Stereo {
		cfg.Channels = 2
	}
	if cfg.SampleRate == 0 {
		cfg.SampleRate = cfg.Kind.SampleRateOf(m.SampleRate())
	}
	w, err := Create(name, cfg)
	if err != nil {
		return nil, err
	}
	tap, err := call.NewTap(m, w, call.TapOptions{Stereo: opts.Stereo, SampleRate: cfg.SampleRate})
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &Recording{tap, w}, nil
}

// Close ends the recording. The error says that the file lacks something.
func (r *Recording) Close() error {
	err := r.tap.Close()
	if lost := r.tap.Lost(); err == nil && lost > 0 {
		err = fmt.Errorf("soundfile: %d samples are silent: the disk was too slow", lost)
	}
	return errors.Join(err, r.file.Close())
}
