package control

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gotelco/telco/call"
)

var (
	errNotBridged = errors.New("control: the channel is not bridged")
	errNoMedia    = errors.New("control: there is no audio yet")
)

// bridge is two channels whose peers hear one another.
type bridge struct {
	a, b *Channel      // a's application, or nobody's, holds them together
	done chan struct{} // closed at the end
	once sync.Once
	app  bool // a waits for the end

	stop [2]func() bool

	mu    sync.Mutex
	room  *call.Conference // of three and more, instead of the plain connection
	extra int              // how many beside the two
}

func (br *bridge) other(c *Channel) *Channel {
	if c == br.a {
		return br.b
	}
	return br.a
}

// connect bridges two channels that have audio, instead of what they were bridged to. app says that a waits for the end.
func (s *Switch) connect(a, b *Channel, app bool) (*bridge, error) {
	ma, mb := a.media(), b.media()
	if ma == nil || mb == nil {
		return nil, errNoMedia
	}
	if a == b {
		return nil, errors.New("control: a channel cannot be bridged to itself")
	}
	for _, c := range []*Channel{a, b} {
		c.mu.Lock()
		br := c.bridge
		c.mu.Unlock()
		if br != nil {
			br.replaced(c)
		}
	}
	br := &bridge{a: a, b: b, done: make(chan struct{}), app: app}
	if err := br.begin(ma, mb); err != nil {
		return nil, err
	}
	for _, c := range []*Channel{a, b} {
		c.executeOn("bridge")
		c.poke()
	}
	go br.answers()
	return br, nil
}

// begin connects the two, and tells of it before anything can end it.
func (br *bridge) begin(ma, mb *call.Media) error {
	br.mu.Lock()
	defer br.mu.Unlock()
	a, b := br.a, br.b
	now := time.Now()
	for _, c := range []*Channel{a, b} {
		other := br.other(c)
		c.mu.Lock()
		if cause := c.cause; cause != CauseNone {
			c.mu.Unlock()
			br.undo()
			return cause
		}
		c.bridge, c.other, c.parked = br, other, false
		c.callUUID = a.uuid
		c.times.Bridged = now
		c.setLocked("bridge_uuid", other.uuid, "signal_bond", other.uuid, "bridge_channel", other.name, "last_bridge_to", other.uuid, "call_uuid", a.uuid)
		c.mu.Unlock()
	}
	if err := call.Bridge(ma, mb); err != nil {
		br.undo()
		return err
	}
	a.emit("CHANNEL_BRIDGE", "Bridge-A-Unique-ID", a.uuid, "Bridge-B-Unique-ID", b.uuid)
	br.stop = [2]func() bool{context.AfterFunc(a.ctx, func() { br.end(a) }), context.AfterFunc(b.ctx, func() { br.end(b) })}
	return nil
}

// undo is for a bridge that did not come about.
func (br *bridge) undo() {
	for _, c := range []*Channel{br.a, br.b} {
		c.mu.Lock()
		if c.bridge == br {
			c.bridge = nil
		}
		c.mu.Unlock()
	}
}

// answers has the caller answered when the called party answers that was heard early.
func (br *bridge) answers() {
	for _, c := range []*Channel{br.a, br.b} {
		if c.IsAnswered() || !c.incoming {
			continue
		}
		other := br.other(c)
		select {
		case <-other.answered:
			c.Answer(c.ctx)
		case <-br.done:
		}
		return
	}
}

// finish ends the bridge, and says whether it was there.
func (br *bridge) finish() bool {
	first := false
	br.once.Do(func() {
		first = true
		br.mu.Lock()
		close(br.done)
		for _, stop := range br.stop {
			if stop != nil {
				stop()
			}
		}
		ma, mb := br.a.media(), br.b.media()
		if ma != nil && mb != nil && ma.Peer() == mb {
			call.Unbridge(ma)
		}
		br.mu.Unlock()
		br.a.emit("CHANNEL_UNBRIDGE", "Bridge-A-Unique-ID", br.a.uuid, "Bridge-B-Unique-ID", br.b.uuid, "Bridge-Hangup-Cause", br.b.Cause().String())
		br.undo()
		for _, c := range []*Channel{br.a, br.b} {
			if cause := br.other(c).Cause(); cause != CauseNone {
				c.set("last_bridge_hangup_cause", cause.String(), "bridge_hangup_cause", cause.String())
			}
		}
	})
	return first
}

// end ends the bridge because c leaves it: it has ended, or is transferred.
func (br *bridge) end(c *Channel) {
	if !br.finish() {
		return
	}
	br.left(br.other(c), c)
	if c.ctx.Err() == nil {
		br.left(c, br.other(c))
	}
}

// replaced ends the bridge because c is bridged to another channel.
func (br *bridge) replaced(c *Channel) {
	if br.finish() {
		br.left(br.other(c), c)
	}
}

// left decides what becomes of a leg whose bridge has ended.
func (br *bridge) left(c, gone *Channel) {
	defer c.poke()
	if c.ctx.Err() != nil || br.app && c == br.a { // a's application decides
		return
	}
	c.mu.Lock()
	park := isTrue(c.vars["park_after_bridge"])
	transfer := c.vars["transfer_after_bridge"]
	moved := c.next != nil || c.bridge != nil || c.owned
	if !moved && park {
		c.parked = true
	}
	goesOn := moved || park || len(c.program) > 0 && isFalse(c.vars["hangup_after_bridge"])
	c.mu.Unlock()
	switch {
	case goesOn:
	case transfer != "":
		c.Transfer(parseTransfer(transfer, ":"))
	default:
		cause := gone.Cause()
		if cause == CauseNone || cause == OriginatorCancel {
			cause = NormalClearing
		}
		c.Hangup(cause)
	}
}

// media returns the audio, nil if there is none.
func (c *Channel) media() *call.Media {
	if in := c.Call(); in != nil {
		return in.Media()
	}
	return nil
}

// Bridge connects two channels that have audio, instead of what they do: the peers hear one another. It lasts until
// one of them ends, which ends the other, or is transferred.
func (s *Switch) Bridge(a, b *Channel) error {
	for _, c := range []*Channel{a, b} {
		if c.incoming && !c.IsAnswered() {
			if err := c.PreAnswer(); err != nil {
				return err
			}
		}
	}
	defer a.seize(CauseNone)()
	defer b.seize(CauseNone)()
	_, err := s.connect(a, b, false)
	return err
}

// seize has the channel leave what it does, and do nothing until the function that it returns is called. Where there
// is no bridge by then, it is parked. Whom it was bridged to ends with the given cause, if there is one.
func (c *Channel) seize(ends Cause) (free func()) {
	c.mu.Lock()
	end := c.leaves()
	c.program, c.next, c.owned = nil, nil, true
	br := c.bridge
	c.mu.Unlock()
	if br != nil && ends != CauseNone {
		br.other(c).Hangup(ends)
	}
	if br != nil {
		br.replaced(c)
	}
	end()
	return func() {
		c.mu.Lock()
		c.owned = false
		c.parked = c.bridge == nil
		c.mu.Unlock()
		c.poke()
	}
}

// Unbridge ends the bridge of the channel: see the variables park_after_bridge and hangup_after_bridge.
func (c *Channel) Unbridge() error {
	c.mu.Lock()
	br := c.bridge
	c.mu.Unlock()
	if br == nil {
		return errNotBridged
	}
	br.end(c)
	return nil
}
