package pcapng

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/gotelco/telco/trace"
)

// ErrTooManyReaders says that a [Live] serves as many readers as its Config allows.
var ErrTooManyReaders = errors.New("pcapng: too many readers")

// A Live gives a running stack's events to readers that come and go, each as a capture of its
// own that starts when the reader comes. Without a reader an event costs one atomic load. A
// reader that is too slow loses events; it never holds up the stack.
type Live struct {
	cfg Config

	count   atomic.Int32
	mu      sync.RWMutex
	readers map[*reader]struct{}
}

// NewLive returns a Live without readers.
func NewLive(cfg Config) *Live {
	return &Live{cfg: cfg, readers: make(map[*reader]struct{})}
}

// reader is the queue between the stack and one Stream.
type reader struct {
	w    *Writer
	wake chan struct{}
	max  int

	mu      sync.Mutex
	pending []byte
}

// Trace gives an event to every reader. It is a [trace.Func].
func (l *Live) Trace(e trace.Event) {
	if l.count.Load() == 0 {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for r := range l.readers {
		if r.full() {
			r.w.lose()
			continue
		}
		r.w.Trace(e)
	}
}

// Stream writes a capture of all that happens from now on to out, until ctx is done (it then
// returns nil) or out fails. Where out has a method Flush, as an http.ResponseWriter usually has,
// it is called after each write. Stream doesn't interrupt a call of out.Write that blocks.
func (l *Live) Stream(ctx context.Context, out io.Writer) error {
	r := &reader{wake: make(chan struct{}, 1), max: or(l.cfg.QueueSize, 4<<20)}
	w, err := NewWriter(r, l.cfg)
	if err != nil {
		return err
	}
	r.w = w
	if err := l.add(r); err != nil {
		return err
	}
	defer l.remove(r)

	flusher, _ := out.(interface{ Flush() })
	var batch []byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		batch = r.take(batch[:0])
		if _, err := out.Write(batch); err != nil {
			return err
		}
		if flusher != nil {
			flusher.Flush()
		}
	}
}

// Readers returns how many readers there are now.
func (l *Live) Readers() int { return int(l.count.Load()) }

func (l *Live) add(r *reader) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.readers) >= or(l.cfg.MaxReaders, 16) {
		return ErrTooManyReaders
	}
	l.readers[r] = struct{}{}
	l.count.Add(1)
	return nil
}

func (l *Live) remove(r *reader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.readers, r)
	l.count.Add(-1)
}

func (w *Writer) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late++
	w.stats.Events++
	w.stats.Lost++
}

// Write queues the blocks of an event.
func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	r.pending = append(r.pending, b...)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (r *reader) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pending) >= r.max
}

// take swaps the queue's buffer for the caller's empty one.
func (r *reader) take(empty []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.pending
	r.pending = empty
	return b
}
