package call

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// keypad is how keys travel on a call.
type keypad struct {
	form DTMF // guarded by the call's mu

	mu       sync.Mutex   // the wheel takes it: nothing else is locked within
	infos    []pressedKey // to be sent by INFO
	active   bool         // somebody sends them
	heard    func(rtp.EventReport)
	handlers []*keyHandler // of Collect
}

type pressedKey struct {
	key    byte
	length time.Duration
}

// describe leaves telephone-events out where they are not wanted.
func (k *keypad) describe(m *sdp.LocalMedia, cfg *Config) {
	if k.form == DTMFDefault {
		k.form = cfg.DTMF
	}
	if k.form == DTMFTones {
		m.Formats = slices.DeleteFunc(m.Formats, func(f sdp.Format) bool { return f.Name == sdp.TelephoneEvent })
	}
}

// keysOf says how keys travel, after offer and answer. The caller holds mu.
func (c *Call) keysOf(cfg *MediaConfig) {
	switch c.pad.form {
	case DTMFTones:
		cfg.Tones = true
	case DTMFInfo:
		cfg.SendEvent, cfg.SendKey = 0, c.sendInfo
	case DTMFEvents:
	default:
		cfg.Tones = cfg.ReceiveEvent == 0
	}
}

// SetDTMF has the call's keys travel in another form than the agent's Config says, from the next offer or answer on.
func (c *Call) SetDTMF(form DTMF) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pad.form = form
}

// SendDTMF presses a key for 100 ms, in the form that the call has: see [DTMF]. Keys wait for those before them.
func (c *Call) SendDTMF(key byte) error {
	m := c.Media()
	if m == nil {
		return errNoMedia
	}
	code, ok := rtp.DTMF(key)
	if !ok {
		return fmt.Errorf("call: no key %q", key)
	}
	return m.SendEvent(code, defaultKey)
}

// sendInfo sends a key by INFO, after those before it.
func (c *Call) sendInfo(code rtp.EventCode, length time.Duration) {
	c.pad.mu.Lock()
	defer c.pad.mu.Unlock()
	if len(c.pad.infos) >= maxKeys || code.Key() == 0 {
		return
	}
	c.pad.infos = append(c.pad.infos, pressedKey{code.Key(), length})
	if !c.pad.active {
		c.pad.active = true
		go c.sendInfos()
	}
}

func (c *Call) sendInfos() {
	for {
		d := c.Dialog()
		c.pad.mu.Lock()
		if len(c.pad.infos) == 0 || d == nil || c.ctx.Err() != nil {
			c.pad.active, c.pad.infos = false, nil
			c.pad.mu.Unlock()
			return
		}
		k := c.pad.infos[0]
		c.pad.infos = c.pad.infos[1:]
		c.pad.mu.Unlock()
		ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
		_, err := d.Do(ctx, sip.INFO, sip.RequestOptions{Body: appendRelay(nil, k), ContentType: relayType})
		cancel()
		if err != nil {
			c.warn("a key is not taken", err)
		}
	}
}

// The bodies of INFO with keys. Neither has an RFC: the first is Cisco's, the other is just the key.
const (
	relayType = "application/dtmf-relay"
	plainType = "application/dtmf"
)

func appendRelay(b []byte, k pressedKey) []byte {
	return fmt.Appendf(b, "Signal=%c\r\nDuration=%d\r\n", k.key, k.length.Milliseconds())
}

// informed takes an INFO.
func (c *Call) informed(in *sip.Incoming) {
	ct, _, _ := strings.Cut(strings.ToLower(in.Request.Head().ContentType()), ";")
	ct = strings.TrimSpace(ct)
	if ct != relayType && ct != plainType {
		c.other(in)
		return
	}
	code, length, ok := parseKey(in.Request.Body, ct == relayType)
	m := c.Media()
	switch {
	case !ok:
		in.Reply(400, nil, "")
	case m == nil:
		in.Reply(488, nil, "")
	default:
		in.Reply(200, nil, "")
		m.PressKey(code, length)
	}
}

// parseKey reads the body of an INFO: lines "Signal=5" and "Duration=160" in milliseconds, or just the key. A key may be given by the number
// of its event.
func parseKey(body []byte, relay bool) (code rtp.EventCode, length time.Duration, ok bool) {
	length = defaultKey
	if !relay {
		code, ok = keyNamed(string(bytes.TrimSpace(body)))
		return code, length, ok
	}
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "signal":
			code, ok = keyNamed(value)
		case "duration":
			if ms, err := strconv.ParseUint(value, 10, 16); err == nil && ms > 0 {
				length = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return code, length, ok
}

func keyNamed(s string) (rtp.EventCode, bool) {
	if len(s) == 1 {
		return rtp.DTMF(s[0])
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return rtp.EventCode(n), err == nil && n >= 10 && n <= 16
}
