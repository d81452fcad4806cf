package call

import (
	"errors"
	"io"
	"math"
	"net"
	"sync"
)

// errClosed is what is returned after Close.
var errClosed = &closedError{}

type closedError struct{}

func (*closedError) Error() string { return "call: closed" }
func (*closedError) Unwrap() error { return net.ErrClosed }

// ErrReplaced is what Play returns when something else is sent instead.
var ErrReplaced = errors.New("call: another source took over")

// untilEOF remembers how a Source ended.
type untilEOF struct {
	Source
	err error
}

func (u *untilEOF) ReadSamples(pcm []int16) (int, error) {
	n, err := u.Source.ReadSamples(pcm)
	if err != nil {
		u.err = err
	}
	return n, err
}

func (u *untilEOF) result() error {
	if u.err == io.EOF {
		return nil
	}
	return u.err
}

// Samples returns a Source that gives pcm once.
func Samples(pcm []int16) Source { return &samples{pcm} }

type samples struct{ rest []int16 }

func (s *samples) ReadSamples(pcm []int16) (int, error) {
	n := copy(pcm, s.rest)
	if s.rest = s.rest[n:]; len(s.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// Tone returns a Source that gives a sine of the given frequency in Hz without end, at the given
// level: the peak value of its samples.
func Tone(sampleRate int, frequency float64, peak int16) Source {
	return &tone{step: 2 * math.Pi * frequency / float64(sampleRate), peak: float64(peak)}
}

type tone struct{ phase, step, peak float64 }

func (t *tone) ReadSamples(pcm []int16) (int, error) {
	for i := range pcm {
		pcm[i] = int16(math.Round(t.peak * math.Sin(t.phase)))
		t.phase += t.step
	}
	t.phase = math.Mod(t.phase, 2*math.Pi)
	return len(pcm), nil
}

// Recorder is a Sink that never blocks: a goroutine of its own writes what it is given to another
// Sink, such as a file. What is more than ten seconds behind becomes silence, and is counted.
type Recorder struct {
	to     Sink
	frames chan recorded
	free   chan []int16
	done   chan struct{}

	mu     sync.Mutex
	gap    int // samples that were lost since the last that was taken
	lost   uint64
	err    error
	closed bool
}

// recorded is what is to be written: silence, then samples.
type recorded struct {
	gap int
	pcm []int16
}

const recorderDepth = 500 // frames of 20 ms

// NewRecorder returns a Recorder that writes to sink. Close must be called.
func NewRecorder(sink Sink) *Recorder {
	r := &Recorder{to: sink, frames: make(chan recorded, recorderDepth), free: make(chan []int16, recorderDepth), done: make(chan struct{})}
	go r.run()
	return r
}

func (r *Recorder) run() {
	defer close(r.done)
	var silence [160]int16
	for f := range r.frames {
		r.mu.Lock()
		err := r.err
		r.mu.Unlock()
		for ; err == nil && f.gap > 0; f.gap -= len(silence) {
			err = r.to.WriteSamples(silence[:min(f.gap, len(silence))])
		}
		if err == nil && len(f.pcm) > 0 {
			err = r.to.WriteSamples(f.pcm)
		}
		r.mu.Lock()
		if r.err == nil {
			r.err = err
		}
		r.mu.Unlock()
		select {
		case r.free <- f.pcm:
		default:
		}
	}
}

// WriteSamples takes pcm to be written. It fails after the underlying Sink has failed, and once the
// Recorder is closed.
func (r *Recorder) WriteSamples(pcm []int16) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errClosed
	case r.err != nil:
		return r.err
	case len(r.frames) == cap(r.frames):
		r.gap += len(pcm)
		r.lost += uint64(len(pcm))
		return nil
	}
	var f []int16
	select {
	case f = <-r.free:
	default:
	}
	r.frames <- recorded{r.gap, append(f[:0], pcm...)} // there is room: nobody else sends
	r.gap = 0
	return nil
}

// Lost is how many samples became silence because the underlying Sink was too slow.
func (r *Recorder) Lost() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// Close waits until everything is written and returns the first error of the underlying Sink, which
// it does not close.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.frames)
	}
	r.mu.Unlock()
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
