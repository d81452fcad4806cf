package call

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gotelco/telco/resample"
)

// ReadAhead is a Source that never blocks: a goroutine of its own reads another Source, such as a file, two seconds
// ahead. Where that is too slow there is silence meanwhile, which is counted. It gives samples at whatever rate it is asked for: 20 ms
// each time.
type ReadAhead struct {
	from Source
	rate int

	mu     sync.Mutex
	room   sync.Cond
	buf    []int16 // a ring
	head   int
	count  int
	err    error // of from, after what is in buf
	late   uint64
	closed bool
	done   chan struct{}

	// Of the reader.
	pcm     []int16
	convert *resample.Resampler
	to      int
}

// firstWait is how long the first samples are waited for: who is to hear them waits too.
const firstWait = 2 * time.Second

// NewReadAhead begins to read src, which gives samples at a rate of 8000, 16000 or 48000 Hz, and waits for the first 100 ms of sound, for
// two seconds at most: then there is silence until it comes. Close must be called.
func NewReadAhead(src Source, sampleRate int) (*ReadAhead, error) {
	if _, err := resample.New(sampleRate, 16000); err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	r := &ReadAhead{from: src, rate: sampleRate, buf: make([]int16, 2*sampleRate), done: make(chan struct{})}
	r.room.L = &r.mu
	first := make(chan struct{})
	go r.run(first)
	wait := time.NewTimer(firstWait)
	defer wait.Stop()
	select {
	case <-first:
	case <-wait.C:
	}
	return r, nil
}

// run fills the ring.
func (r *ReadAhead) run(first chan struct{}) {
	defer close(r.done)
	pcm := make([]int16, r.rate/50)
	idle := 0
	for {
		n, err := r.from.ReadSamples(pcm)
		if idle++; n > 0 {
			idle = 0
		}
		if idle > 100 && err == nil {
			err = io.ErrNoProgress
		}
		r.mu.Lock()
		for !r.closed && len(r.buf)-r.count < n {
			r.room.Wait()
		}
		for _, v := range pcm[:n] {
			r.buf[(r.head+r.count)%len(r.buf)] = v
			r.count++
		}
		r.err = err
		if first != nil && (err != nil || r.count >= r.rate/10 || r.closed) {
			close(first)
			first = nil
		}
		end := r.closed || err != nil
		r.mu.Unlock()
		if end {
			return
		}
	}
}

// ReadSamples gives 20 ms of what was read, at the rate that the length of pcm says. At the end it returns the error of the
// underlying Source, or an error that is net.ErrClosed after Close.
func (r *ReadAhead) ReadSamples(pcm []int16) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, errClosed
	}
	want := r.rate / 50
	n := min(want, r.count)
	if cap(r.pcm) < want {
		r.pcm = make([]int16, want)
	}
	got := r.pcm[:want]
	for i := range n {
		got[i] = r.buf[(r.head+i)%len(r.buf)]
	}
	clear(got[n:])
	r.head = (r.head + n) % len(r.buf)
	r.count -= n
	r.room.Signal()
	if n < want && r.err == nil {
		r.late += uint64(want - n)
	}
	err := error(nil)
	if r.count == 0 && r.err != nil {
		err = r.err
		if n == 0 {
			return 0, err
		}
	}
	if len(pcm) == want {
		copy(pcm, got)
		return n, err
	}
	if to := len(pcm) * 50; to != r.to {
		c, cerr := resample.New(r.rate, to)
		if cerr != nil {
			return 0, cerr
		}
		r.convert, r.to = c, to
	}
	// What comes out has the length that goes in, but that the last piece may be shorter.
	converted := r.convert.Append(pcm[:0], got)
	return min(len(converted), len(pcm)), err
}

// Late is how many samples became silence because the underlying Source was too slow.
func (r *ReadAhead) Late() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.late
}

// Close stops reading and waits until the underlying Source is let go of. It returns the error of that Source, unless it was
// io.EOF.
func (r *ReadAhead) Close() error {
	r.mu.Lock()
	r.closed = true
	r.room.Signal()
	r.mu.Unlock()
	<-r.done
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}
