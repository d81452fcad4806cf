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
	untold  bool         // the peer could not be told of our resources
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

// commit makes n the negotiation of its dialog, and of the call: it is heard. The caller holds mu.
func (c *Call) commit(n *negotiation) {
	c.store(n)
	c.neg = n
}

// store makes n the negotiation of its dialog. The caller holds mu.
func (c *Call) store(n *negotiation) {
	if _, forked := c.branches[n.dialog]; forked {
		c.branches[n.dialog] = n
	}
	if c.neg.dialog == n.dialog {
		c.neg = n
	}
}

// of returns the negotiation of a dialog, nil if it is of a branch that did not answer the call. The caller holds mu.
func (c *Call) of(d *sip.Dialog) *negotiation {
	if n := c.branches[d]; n != nil {
		return n
	}
	if c.neg.dialog != d && c.neg.dialog != nil {
		return nil
	}
	return c.neg
}

// negotiations returns that of the call, and those of other branches. The caller holds mu.
func (c *Call) negotiations() []*negotiation {
	list := []*negotiation{c.neg}
	for _, n := range c.branches {
		if n != c.neg {
			list = append(list, n)
		}
	}
	return list
}

// errBody is a body that is understood in no way (415).
type errBody struct{ contentType string }

func (e *errBody) Error() string {
	return fmt.Sprintf("call: a body of type %s is no description", e.contentType)
}

// description returns the session description in a message, nil if there is none. It may be a part of a multipart body,
// such as beside a location (RFC 6442) or an ISUP message (RFC 3204). A body that need not be understood is none
// (RFC 5621 section 8.2).
func description(m sip.Message) (*sdp.Description, error) {
	h, body := m.Head(), m.Content()
	if len(body) == 0 {
		return nil, nil
	}
	ct := h.ContentType()
	if ct != "" {
		var found bool
		if body, found = sip.FindBody(m, "application/sdp"); !found {
			if multipart := strings.HasPrefix(strings.ToLower(ct), "multipart/"); multipart || strings.Contains(strings.ToLower(h.Value("Content-Disposition")), "handling=optional") {
				return nil, nil
			}
			return nil, &errBody{ct}
		}
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

// propose makes an offer, the next step of old. The caller holds mu.
func (c *Call) propose(old *negotiation, dir sdp.Direction, codecs []Codec, policy sdp.Reoffer) ([]byte, error) {
	if old.State != sdp.Stable {
		return nil, &sdp.StateError{Op: "offer", State: old.State, Err: sdp.ErrPending}
	}
	if err := c.listen(c.at); err != nil {
		return nil, err
	}
	n := old.clone()
	n.before, n.codecs = old, codecs
	c.describe(n, dir)
	n.local.Reoffer = policy
	d, err := n.CreateOffer(n.bound())
	if err != nil {
		return nil, err
	}
	c.store(n)
	return d.MarshalText()
}

// withdraw forgets an offer of ours.
func (c *Call) withdraw(d *sip.Dialog) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.of(d); n != nil {
		c.undo(n)
	}
}

// undo goes back to what there was before an offer of ours. The caller holds mu.
func (c *Call) undo(n *negotiation) {
	if n.before == nil {
		return
	}
	old := n.before.clone()
	old.Version, old.ID, old.Sent = n.Version, n.ID, n.Sent // an offer that was sent has had its version
	old.pre = n.pre
	c.store(old)
}

// answered takes the answer to our offer in a dialog and, where that is heard, opens or changes the media.
func (c *Call) answered(d *sip.Dialog, m sip.Message) error {
	answer, err := description(m)
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.of(d)
	if n == nil {
		return sip.ErrForked
	}
	return c.receive(n, answer, err, n == c.neg)
}

// receive is answered for the answer d, or the reason why there is none. heard says whether the negotiation becomes that
// of the call. The caller holds mu.
func (c *Call) receive(offered *negotiation, d *sdp.Description, err error, heard bool) error {
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
	if err == nil && heard {
		err = c.start(n)
	}
	if err != nil {
		c.undo(offered)
		return err
	}
	if c.store(n); heard {
		c.neg = n
	}
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
		if !c.telling {
			c.telling = true
			go c.tellHold()
		}
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
