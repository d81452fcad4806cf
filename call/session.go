package call

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// negotiation is the offers and answers of one dialog. A call of ours that was forked has several, one of which is heard.
// A negotiation that is the call's is only replaced, by a clone with the next step done, under the call's mu.
type negotiation struct {
	sdp.Session
	dialog  *sip.Dialog // nil before the first response to an INVITE of ours
	local   sdp.Local   // what the last offer or answer was made from
	codecs  []Codec     // what the formats of local stand for
	pre     sdp.Preconditions
	settled bool         // offer and answer were exchanged reliably before the 2xx
	before  *negotiation // what there was before an offer of ours that is not answered
}

func (n *negotiation) clone() *negotiation {
	c := *n
	c.Session, c.pre = *n.Session.Clone(), n.pre.Clone()
	return &c
}

// bound returns local with what this negotiation adds to descriptions.
func (n *negotiation) bound() sdp.Local {
	l := n.local
	l.Media = slices.Clone(l.Media)
	for i := range l.Media {
		before := l.Media[i].Adjust
		l.Media[i].Adjust = func(theirs, ours *sdp.Media) {
			if before != nil {
				before(theirs, ours)
			}
			ours.Attributes = append(ours.Attributes, n.pre.Attributes()...)
		}
	}
	return l
}

// stream is the index of the audio that was agreed, -1 if there is none.
func (n *negotiation) stream() int {
	return slices.IndexFunc(n.Streams, func(s sdp.Stream) bool { return s.Active && len(s.Codecs) > 0 })
}

// audio returns the stream of a description that ours is negotiated with, nil if there is none.
func audio(d *sdp.Description) *sdp.Media {
	for i := range d.Media {
		if m := &d.Media[i]; m.Kind == "audio" && m.Port != 0 {
			return m
		}
	}
	return nil
}

// commit makes n the negotiation of its dialog, and of the call. The caller holds mu.
func (c *Call) commit(n *negotiation) {
	if _, forked := c.branches[n.dialog]; forked {
		c.branches[n.dialog] = n
	}
	c.neg = n
}

// of returns the negotiation of a dialog. The caller holds mu.
func (c *Call) of(d *sip.Dialog) *negotiation {
	if n := c.branches[d]; n != nil {
		return n
	}
	return c.neg
}

// description returns the session description in a message, nil if there is none.
func description(h *sip.Header, body []byte) (*sdp.Description, error) {
	if len(body) == 0 {
		return nil, nil
	}
	if ct := strings.ToLower(h.ContentType()); ct != "" && !strings.HasPrefix(ct, "application/sdp") {
		return nil, fmt.Errorf("call: a body of type %s is no description", ct)
	}
	return sdp.Parse(body)
}

// listen opens the sockets, once. The caller holds mu.
func (c *Call) listen(at netip.Addr) error {
	if c.open || c.media != nil {
		return nil
	}
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	s, err := c.agent.listen(at)
	if err != nil {
		return err
	}
	c.socks, c.open, c.at = s, true, at
	return nil
}

// take answers an offer of the peer, in a message with the header h: it returns the answer and the negotiation as it is
// then, which is not committed. The caller holds mu.
func (c *Call) take(n *negotiation, h *sip.Header, offer *sdp.Description, must bool) (*negotiation, *sdp.Description, error) {
	n = n.clone()
	n.codecs = c.codecs
	c.describe(n, c.direction)
	if m := audio(offer); m != nil && c.preconditioned(n, h) {
		n.pre.Callee = c.in != nil
		if c.reserver != nil { // TS 24.229 section 5.1.4.1
			n.pre.Least = sdp.Mandatory
		}
		if err := n.pre.ReceiveOffer(m); err != nil {
			return nil, nil, err
		}
		if c.reserved {
			n.pre.Set(true)
		}
	}
	l := n.bound()
	l.MustAnswer = must
	d, err := n.Answer(offer, l)
	return n, d, err
}

// propose makes an offer. The caller holds mu.
func (c *Call) propose(dir sdp.Direction, codecs []Codec, policy sdp.Reoffer) ([]byte, error) {
	if c.neg.State != sdp.Stable {
		return nil, &sdp.StateError{Op: "offer", State: c.neg.State, Err: sdp.ErrPending}
	}
	if err := c.listen(c.at); err != nil {
		return nil, err
	}
	n := c.neg.clone()
	n.before, n.codecs = c.neg, codecs
	c.describe(n, dir)
	n.local.Reoffer = policy
	d, err := n.CreateOffer(n.bound())
	if err != nil {
		return nil, err
	}
	c.commit(n)
	return d.MarshalText()
}

// withdraw forgets an offer of ours.
func (c *Call) withdraw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.undo(c.neg)
}

// undo goes back to what there was before an offer of ours. The caller holds mu.
func (c *Call) undo(n *negotiation) {
	if n.before == nil {
		return
	}
	old := n.before.clone()
	old.Version, old.ID, old.Sent = n.Version, n.ID, n.Sent // an offer that was sent has had its version
	old.pre = n.pre
	c.commit(old)
}

// answered takes the answer to the offer of n and opens or changes the media.
func (c *Call) answered(h *sip.Header, body []byte) error {
	d, err := description(h, body)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.receive(c.neg, d, err)
}

// receive is answered for the answer d, or the reason why there is none. The caller holds mu.
func (c *Call) receive(offered *negotiation, d *sdp.Description, err error) error {
	if err == nil && d == nil {
		err = errors.New("call: the peer did not answer our offer")
	}
	n := offered.clone()
	n.before = nil
	if err == nil {
		err = n.ReceiveAnswer(d, n.local)
	}
	if m := answeredMedia(n, d); err == nil && m != nil && len(n.pre.Rows) > 0 {
		err = n.pre.ReceiveAnswer(m)
	}
	if err == nil {
		err = c.start(n)
	}
	if err != nil {
		c.undo(offered)
		return err
	}
	c.commit(n)
	return nil
}

func answeredMedia(n *negotiation, d *sdp.Description) *sdp.Media {
	if i := n.stream(); d != nil && i >= 0 && i < len(d.Media) {
		return &d.Media[i]
	}
	return nil
}

// errNoAudio says that the peers have no audio in common.
var errNoAudio = errors.New("call: no audio was agreed")

// start opens the media as agreed, or changes it. The caller holds mu.
func (c *Call) start(n *negotiation) error {
	i := n.stream()
	if i < 0 {
		return errNoAudio
	}
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	cfg := c.mediaConfig(n, i)
	if err := c.agree(n, &cfg, i); err != nil {
		return err
	}
	if !n.pre.Met() {
		if c.met == nil {
			c.met = make(chan struct{})
		}
		if c.media != nil && c.confirmed() { // RFC 3312 section 6: the old parameters hold until then
			return nil
		}
		cfg.Hold, cfg.NoRTCP = true, true
	}
	if held := n.Streams[i].Held(); held != c.peerHolds {
		c.peerHolds = held
		go c.tellHold()
	}
	if c.media != nil {
		return c.media.Update(cfg)
	}
	c.open = false
	m, err := NewMedia(c.agent.wheel, c.socks.rtp, c.socks.rtcp, cfg)
	if err != nil {
		return err
	}
	c.media = m
	m.OnEvent(c.onEvent)
	if t := c.agent.cfg.MediaTimeout; t > 0 {
		m.Watch(t, c.unheard)
	}
	return nil
}

// confirmed reports whether the call was answered. The caller holds mu.
func (c *Call) confirmed() bool { return c.dialog != nil && c.dialog.State().Confirmed }

// mediaConfig is what was agreed for the i-th stream, in terms of media.
func (c *Call) mediaConfig(n *negotiation, i int) MediaConfig {
	s := &n.Streams[i]
	first := s.Codecs[0]
	cfg := MediaConfig{
		Remote: s.Remote, RemoteRTCP: s.RemoteRTCP, Mux: s.Mux, NoRTCP: s.NoRTCP(),
		Send:  Format{Codec: n.codecs[first.Format], PayloadType: first.Send.PayloadType, FMTP: first.Send.Fmtp},
		Ptime: time.Duration(s.Ptime) * time.Millisecond,
		Hold:  !s.Direction.CanSend() || !s.Remote.IsValid(), Mute: !s.Direction.CanReceive(),
		Correlation: c.callID(), Interface: c.agent.cfg.Interface, Logger: c.agent.cfg.Logger, Trace: c.agent.cfg.Trace,
	}
	if cfg.Ptime > 200*time.Millisecond || cfg.Ptime < 0 {
		cfg.Ptime = 0
	}
	for _, a := range s.Codecs {
		if codec := n.codecs[a.Format]; codec.SampleRate == cfg.Send.Codec.SampleRate {
			cfg.Receive = append(cfg.Receive, Format{Codec: codec, PayloadType: a.Receive.PayloadType, FMTP: a.Receive.Fmtp})
		}
	}
	if e, ok := s.EventsFor(first.Send); ok {
		cfg.SendEvent, cfg.ReceiveEvent, cfg.EventRate = e.Send.PayloadType, e.Receive.PayloadType, e.Send.ClockRate
	}
	return cfg
}

func (c *Call) callID() string {
	if c.dialog != nil {
		return c.dialog.State().CallID
	}
	return ""
}
