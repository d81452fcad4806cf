package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
)

// keyWatch is somebody who hears of keys as they are pressed. f is called on the wheel's goroutine, and returns
// whether it has taken the key away from the others.
type keyWatch struct{ f func(byte) bool }

// key takes a key of the peer, on the wheel's goroutine.
func (c *Channel) key(k byte) {
	c.keyMu.Lock()
	watches := slices.Clone(c.onKey)
	c.keyMu.Unlock()
	taken := false
	for _, w := range watches {
		taken = w.f(k) || taken
	}
	if !taken {
		c.keyMu.Lock()
		if len(c.keys) >= c.sw.cfg.MaxKeys {
			c.keys = slices.Delete(c.keys, 0, 1)
		}
		c.keys = append(c.keys, k)
		c.keyMu.Unlock()
		select {
		case c.pressed <- struct{}{}:
		default:
		}
	}
	c.emitting.Lock()
	defer c.emitting.Unlock()
	if c.sw.watching.Load() > 0 && !c.destroyed {
		c.sw.later(func() {
			c.sw.deliver(c.Event("DTMF", "DTMF-Digit", string(rune(k)), "DTMF-Duration", "800", "DTMF-Source", "RTP"))
		})
	}
}

// watchKeys has f called with each key until stop is called.
func (c *Channel) watchKeys(f func(byte) bool) (stop func()) {
	w := &keyWatch{f}
	c.keyMu.Lock()
	c.onKey = append(slices.Clone(c.onKey), w)
	c.keyMu.Unlock()
	return func() {
		c.keyMu.Lock()
		defer c.keyMu.Unlock()
		c.onKey = slices.DeleteFunc(slices.Clone(c.onKey), func(o *keyWatch) bool { return o == w })
	}
}

// OnKey has f called with each key that the peer presses, until stop is called. f is called on the goroutine of all
// media: it must not block. If it returns true, the key is not kept for applications that read keys.
func (c *Channel) OnKey(f func(key byte) bool) (stop func()) { return c.watchKeys(f) }

// nextKey waits for a key until ctx is done.
func (c *Channel) nextKey(ctx context.Context, timeout <-chan time.Time) (byte, error) {
	for {
		c.keyMu.Lock()
		if len(c.keys) > 0 {
			k := c.keys[0]
			c.keys = slices.Delete(c.keys, 0, 1)
			c.keyMu.Unlock()
			return k, nil
		}
		c.keyMu.Unlock()
		select {
		case <-c.pressed:
		case <-timeout:
			return 0, call.ErrNoInput
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// FlushKeys forgets the keys that were pressed and nobody has read.
func (c *Channel) FlushKeys() {
	c.keyMu.Lock()
	c.keys = c.keys[:0]
	c.keyMu.Unlock()
}

// SendDTMF presses keys, 100 ms each unless duration says else; "w" waits half a second, "W" a second, and "@" and a
// number at the end gives the time of each key in milliseconds.
func (c *Channel) SendDTMF(ctx context.Context, keys string) error {
	keys, ms, has := strings.Cut(keys, "@")
	length := 100 * time.Millisecond
	if has {
		if d, err := parseMillis(ms); err == nil && d >= 40*time.Millisecond && d <= 10*time.Second {
			length = d
		}
	}
	if len(keys) > 128 {
		return parseError("keys", keys, errTooMany)
	}
	for _, k := range strings.ToUpper(strings.ReplaceAll(keys, "w", "\x01")) {
		pause := length + 50*time.Millisecond
		switch k {
		case 1:
			pause = 500 * time.Millisecond
		case 'W':
			pause = time.Second
		default:
			in := c.Call()
			if in == nil {
				return errNoMedia
			}
			if k > 0x7f {
				return fmt.Errorf("control: no key %q", k)
			}
			if err := in.SendDTMF(byte(k)); err != nil {
				return err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
