package call

import (
	"fmt"
	"sync"

	"github.com/gotelco/telco/resample"
)

// Tap hands both directions of a leg to one Sink: mixed, or as the two channels of a stereo recording. It writes on a goroutine of
// its own, so that a Sink may be a file.
type Tap struct {
	media  *Media
	to     *Recorder
	rate   int
	edit   func([]int16) bool
	stereo bool

	// Of the wheel's goroutine.
	said, heard direction
	frame       []int16

	once sync.Once
	err  error
}

// direction is what one side said in this turn.
type direction struct {
	pcm     []int16
	from    int
	convert *resample.Resampler
}

// TapOptions say what a [Tap] gives. The zero value mixes both directions at the sample rate that the leg has now.
type TapOptions struct {
	// Stereo gives what the peer says on the left and what it hears on the right, interleaved.
	Stereo bool
	// SampleRate in Hz: 8000, 16000 or 48000. If zero, that of the leg as it is now.
	SampleRate int
	// Edit, if not nil, is called with the samples of each 20 ms before they go to the Sink, on the goroutine of all media: it must
	// not block. It may change them, to silence what must not be recorded; if it returns false they are left out.
	Edit func(pcm []int16) bool
}

// NewTap begins to hand sink what is said and heard, in step, silence included. Close ends it; it does not close sink.
func NewTap(m *Media, sink Sink, opts TapOptions) (*Tap, error) {
	if opts.SampleRate == 0 {
		opts.SampleRate = m.SampleRate()
	}
	if _, err := resample.New(m.SampleRate(), opts.SampleRate); err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	t := &Tap{media: m, to: NewRecorder(sink), rate: opts.SampleRate, stereo: opts.Stereo, edit: opts.Edit}
	m.AddSink((*tapSaid)(t))
	m.AddSentSink((*tapHeard)(t))
	return t, nil
}

// Close ends the recording, waits until all is written, and returns the first error of the sink.
func (t *Tap) Close() error {
	t.once.Do(func() {
		t.media.RemoveSink((*tapSaid)(t))
		t.media.RemoveSentSink((*tapHeard)(t))
		t.err = t.to.Close()
	})
	return t.err
}

// Lost is how many samples became silence because the sink was too slow.
func (t *Tap) Lost() uint64 { return t.to.Lost() }

type (
	tapSaid  Tap
	tapHeard Tap
)

func (s *tapSaid) WriteSamples(pcm []int16) error { return s.said.take(pcm, s.rate) }

func (s *tapHeard) WriteSamples(pcm []int16) error {
	t := (*Tap)(s)
	if err := t.heard.take(pcm, t.rate); err != nil {
		return err
	}
	t.frame = t.frame[:0]
	for i := range t.rate / 50 {
		said, heard := t.said.at(i), t.heard.at(i)
		if t.stereo {
			t.frame = append(t.frame, said, heard)
		} else {
			t.frame = append(t.frame, clip(int32(said)+int32(heard)))
		}
	}
	t.said.pcm = t.said.pcm[:0]
	if t.edit != nil && !t.edit(t.frame) {
		return nil
	}
	return t.to.WriteSamples(t.frame)
}

// take keeps 20 ms.
func (d *direction) take(pcm []int16, to int) error {
	from := len(pcm) * 50
	if from == to {
		d.pcm = append(d.pcm[:0], pcm...)
		return nil
	}
	if from != d.from {
		c, err := resample.New(from, to)
		if err != nil {
			return err
		}
		d.from, d.convert = from, c
	}
	d.pcm = d.convert.Append(d.pcm[:0], pcm)
	return nil
}

func (d *direction) at(i int) int16 {
	if i < len(d.pcm) {
		return d.pcm[i]
	}
	return 0
}
