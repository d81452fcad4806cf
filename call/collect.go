package call

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// CollectOptions say which keys to wait for. The zero value takes one key, within 5 s.
type CollectOptions struct {
	Max         int           // keys at most; if zero, 1
	Terminators string        // keys that end the input without being part of it, such as "#"
	First       time.Duration // for the first key, counted from the end of Prompt; if zero, 5 s
	Next        time.Duration // between keys; if zero, 3 s
	// Prompt, if not nil, is played until it ends or a key is pressed. NoInterrupt has it played to its
	// end; keys count all the same.
	Prompt      Source
	NoInterrupt bool
}

// ErrNoInput says that no key was pressed in time.
var ErrNoInput = errors.New("call: no key was pressed")

// Collect plays a prompt and waits for keys. It returns what was pressed when there are
// Max keys, after a terminator, or when the time for the next key is over. Where nothing was pressed at
// all the error is [ErrNoInput]; at the end of the call or of ctx it is their cause.
func (c *Call) Collect(ctx context.Context, opts CollectOptions) (keys string, err error) {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&opts.First, 5*time.Second)
	set(&opts.Next, 3*time.Second)
	opts.Max = max(opts.Max, 1)

	pressed := make(chan byte, 64) // what does not fit is pressed too fast for a hand
	stop := c.onKey(func(key byte) {
		select {
		case pressed <- key:
		default:
		}
	})
	defer stop()

	prompted := make(chan error, 1)
	play, silence := context.WithCancel(ctx)
	defer silence()
	if opts.Prompt == nil {
		prompted <- nil
	} else {
		go func() { prompted <- c.Play(play, opts.Prompt) }()
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var b strings.Builder
	done := false // only the prompt is waited for
	for prompting := true; ; {
		select {
		case key := <-pressed:
			switch {
			case done:
				continue
			case strings.IndexByte(opts.Terminators, key) >= 0:
				done = true
			default:
				b.WriteByte(key)
				done = b.Len() >= opts.Max
			}
			if !opts.NoInterrupt {
				silence()
				if prompting {
					<-prompted
					prompting = false
				}
			}
			if done && !prompting {
				return b.String(), nil
			}
			if !prompting {
				timer.Reset(opts.Next)
			}
		case err := <-prompted:
			if err != nil && ctx.Err() == nil && c.ctx.Err() == nil {
				return b.String(), err
			}
			prompting = false
			switch {
			case done:
				return b.String(), nil
			case b.Len() > 0:
				timer.Reset(opts.Next)
			default:
				timer.Reset(opts.First)
			}
		case <-timer.C:
			if b.Len() == 0 {
				return "", ErrNoInput
			}
			return b.String(), nil
		case <-ctx.Done():
			return b.String(), context.Cause(ctx)
		case <-c.ctx.Done():
			return b.String(), context.Cause(c.ctx)
		}
	}
}

// onKey has f called with each key, on the wheel's goroutine, until stop is called.
func (c *Call) onKey(f func(byte)) (stop func()) {
	h := &keyHandler{f}
	c.pad.mu.Lock()
	defer c.pad.mu.Unlock()
	c.pad.handlers = append(slices.Clone(c.pad.handlers), h) // who is calling them has the old ones
	return func() {
		c.pad.mu.Lock()
		defer c.pad.mu.Unlock()
		if i := slices.Index(c.pad.handlers, h); i >= 0 {
			c.pad.handlers = slices.Delete(slices.Clone(c.pad.handlers), i, i+1)
		}
	}
}

type keyHandler struct{ f func(byte) }
