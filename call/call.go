package call

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// Call is one leg: a dialog with a peer, and its media. Its methods may be called by any
// goroutine. [Call.Context] tells when it has ended.
type Call struct {
	agent *Agent
	in    *sip.Incoming // of a call that came in

	ctx    context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	dialog  *sip.Dialog // nil until the peer of an outgoing call has answered
	session sdp.Session
	local   sdp.Local // what the last offer or answer was made from
	at      netip.Addr
	socks   sockets
	open    bool // socks are, and belong to the call rather than to media
	media   *Media
	final   bool    // an incoming call was answered or refused
	held    bool    // by us
	settled bool    // offer and answer were exchanged reliably before the 2xx
	pair    *couple // of Connect
	keying  keying  // of SRTP
	pad     keypad  // of DTMF
	silent  bool    // nothing has come from the peer for a while
	handler func(*sip.Incoming)
}

func (a *Agent) newCall(d *sip.Dialog) *Call {
	c := &Call{agent: a, dialog: d}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c
}

// Context is done when the call has ended. Its cause is that of the dialog's end, see
// [sip.Dialog.Context]; where the call never had a dialog, what Dial returned.
func (c *Call) Context() context.Context { return c.ctx }

// Incoming reports whether the peer called.
func (c *Call) Incoming() bool { return c.in != nil }

// Request returns the INVITE of a call that came in; nil for others. It must not be edited.
func (c *Call) Request() *sip.Request {
	if c.in == nil {
		return nil
	}
	return c.in.Request
}

// Flow returns where a call that came in came from.
func (c *Call) Flow() sip.Flow {
	if c.in == nil {
		return sip.Flow{}
	}
	return c.in.Flow()
}

// Respond answers a call that came in with a response of the application's own making, such as a
// challenge (407). A final one ends the call; a 2xx is for Answer.
func (c *Call) Respond(resp *sip.Response) error {
	if resp.IsSuccess() {
		return errors.New("call: Answer accepts a call")
	}
	if !resp.IsProvisional() {
		c.mu.Lock()
		c.final = true
		c.mu.Unlock()
	}
	return c.in.Respond(resp)
}

// Dialog returns the dialog, nil before the peer of an outgoing call has answered.
func (c *Call) Dialog() *sip.Dialog {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialog
}

// Media returns the audio of the call; nil before there is any, in calls that are not answered yet.
func (c *Call) Media() *Media {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.media
}

// Codec returns the codec that is sent; its Name is empty before there is any.
func (c *Call) Codec() Codec {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.media == nil {
		return Codec{}
	}
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	return c.media.cfg.Send.Codec
}

// OnRequest lets f answer the requests within the call that the Call does not answer itself: all
// but re-INVITE, UPDATE, PRACK, REFER, BYE, OPTIONS, and INFO with keys. Without it they get 405.
func (c *Call) OnRequest(f func(*sip.Incoming)) {
	c.mu.Lock()
	c.handler = f
	c.mu.Unlock()
}

// errNoMedia says that there is nothing to hear yet.
var errNoMedia = errors.New("call: no media yet")

// Play sends src to the peer until it ends: see [Media.Play].
func (c *Call) Play(ctx context.Context, src Source) error {
	m := c.Media()
	if m == nil {
		return errNoMedia
	}
	return m.Play(ctx, src)
}

// decided reports whether an incoming call has its final response.
func (c *Call) decided() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.final || c.ctx.Err() != nil
}

// Ring tells the caller that somebody is being alerted (180).
func (c *Call) Ring() error { return c.in.Reply(180, nil, "") }

// Progress opens the audio before the call is answered (183), for announcements.
func (c *Call) Progress() error {
	body, err := c.answer()
	if err != nil {
		return err
	}
	if body == nil {
		return errors.New("call: the caller made no offer, and hears nothing before the answer")
	}
	return c.in.Reply(183, body, "")
}

// Answer accepts the call (200) and waits for the caller's acknowledgement. Where no codec is
// common, the call gets 488 and the error is a [*sdp.RefusedError].
func (c *Call) Answer(ctx context.Context) error {
	body, err := c.answer()
	if err != nil {
		return err
	}
	late := body == nil
	if late { // the caller wants our offer
		if body, err = c.offer(c.addressIn(), sdp.SendRecv); err != nil {
			c.Refuse(500, "")
			return err
		}
	}
	c.mu.Lock()
	c.final = true
	c.mu.Unlock()
	if err := c.in.Reply(200, body, ""); err != nil {
		return err
	}
	ack, err := c.in.ACK(ctx)
	if err != nil {
		return err
	}
	if !late {
		return nil
	}
	if err := c.answered(ack.Head(), ack.Body); err != nil {
		go c.HangUp(context.Background())
		return err
	}
	return nil
}

// Refuse refuses the call with a status code from 300 on. An empty reason stands for the usual one.
func (c *Call) Refuse(status int, reason string) error {
	c.mu.Lock()
	c.final = true
	c.mu.Unlock()
	return c.in.Respond(c.in.NewResponse(status, reason))
}

// addressIn is where media of an incoming call is received.
func (c *Call) addressIn() netip.Addr {
	if c.agent.cfg.Address.IsValid() {
		return c.agent.cfg.Address
	}
	f := c.in.Flow()
	if a := f.Local.Addr(); a.IsValid() && !a.IsUnspecified() {
		return a.Unmap()
	}
	return c.agent.addressTo("sip:" + f.Remote.Addr().String())
}

// answer makes the answer to the offer of the INVITE and opens the media; it returns nil if there
// is no offer. Where it fails, the call has been refused. A second call returns the same answer.
func (c *Call) answer() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session.Local != nil {
		return c.session.Local.MarshalText()
	}
	offer, err := description(c.in.Request.Head(), c.in.Request.Body)
	if err == nil && offer == nil {
		return nil, nil
	}
	var d *sdp.Description
	if err == nil {
		if err = c.listen(c.addressIn()); err != nil {
			c.refuse(500)
			return nil, err
		}
		c.describe(sdp.SendRecv)
		d, err = c.session.Answer(offer, c.local)
	}
	if err == nil {
		err = c.start()
	}
	if err != nil {
		var parse *sdp.ParseError
		if errors.As(err, &parse) {
			c.refuse(400)
		} else {
			c.refuse(488)
		}
		return nil, err
	}
	return d.MarshalText()
}

// refuse is Refuse with mu held.
func (c *Call) refuse(status int) {
	c.final = true
	go c.in.Reply(status, nil, "")
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

// offer makes an offer.
func (c *Call) offer(at netip.Addr, dir sdp.Direction) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.listen(at); err != nil {
		return nil, err
	}
	c.describe(dir)
	d, err := c.session.CreateOffer(c.local)
	if err != nil {
		return nil, err
	}
	return d.MarshalText()
}

// answered takes the answer to our offer and opens or changes the media.
func (c *Call) answered(h *sip.Header, body []byte) error {
	d, err := description(h, body)
	if err == nil && d == nil {
		err = errors.New("call: the peer did not answer our offer")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = c.session.ReceiveAnswer(d, c.local)
	} else {
		c.session.Withdraw()
	}
	if err != nil {
		return err
	}
	return c.start()
}

// start opens the media as agreed, or changes it. The caller holds mu.
func (c *Call) start() error {
	i := slices.IndexFunc(c.session.Streams, func(s sdp.Stream) bool { return s.Active && len(s.Codecs) > 0 })
	if i < 0 {
		return errors.New("call: no audio was agreed")
	}
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	cfg := c.mediaConfig(&c.session.Streams[i])
	if err := c.agree(&cfg, i); err != nil {
		return err
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

// mediaConfig is what was agreed, in terms of media.
func (c *Call) mediaConfig(s *sdp.Stream) MediaConfig {
	codecs := c.agent.cfg.Codecs
	first := s.Codecs[0]
	cfg := MediaConfig{
		Remote: s.Remote, RemoteRTCP: s.RemoteRTCP, Mux: s.Mux, NoRTCP: s.NoRTCP(),
		Send:  Format{Codec: codecs[first.Format], PayloadType: first.Send.PayloadType, FMTP: first.Send.Fmtp},
		Ptime: time.Duration(s.Ptime) * time.Millisecond,
		Hold:  !s.Direction.CanSend() || !s.Remote.IsValid(), Mute: !s.Direction.CanReceive(),
		Correlation: c.callID(), Interface: c.agent.cfg.Interface, Logger: c.agent.cfg.Logger, Trace: c.agent.cfg.Trace,
	}
	if cfg.Ptime > 200*time.Millisecond || cfg.Ptime < 0 {
		cfg.Ptime = 0
	}
	for _, a := range s.Codecs {
		if codec := codecs[a.Format]; codec.SampleRate == cfg.Send.Codec.SampleRate {
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

// onRequest answers the peer's requests within the dialog.
func (c *Call) onRequest(in *sip.Incoming) {
	switch in.Request.Method {
	case sip.INVITE, sip.UPDATE, sip.PRACK: // a PRACK that comes here has an offer
		c.reinvite(in)
	case sip.OPTIONS:
		in.Reply(200, nil, "")
	case sip.REFER:
		c.referred(in)
	case sip.INFO:
		c.informed(in)
	default:
		c.other(in)
	}
}

// other hands a request to the application.
func (c *Call) other(in *sip.Incoming) {
	c.mu.Lock()
	h := c.handler
	c.mu.Unlock()
	if h == nil {
		refuseRequest(in)
		return
	}
	h(in)
}

// reinvite answers a change of the session (RFC 3261 section 14.2, RFC 3311).
func (c *Call) reinvite(in *sip.Incoming) {
	offer, err := description(in.Request.Head(), in.Request.Body)
	if err != nil {
		in.Reply(400, nil, "")
		return
	}
	if offer == nil {
		if in.Request.Method == sip.UPDATE { // refreshes the target and nothing else
			in.Reply(200, nil, "")
			return
		}
		c.mu.Lock()
		dir := sdp.SendRecv
		if c.held {
			dir = sdp.SendOnly
		}
		c.mu.Unlock()
		body, err := c.offer(c.at, dir)
		if err != nil {
			in.Reply(statusOf(err), nil, "")
			return
		}
		if err := in.Reply(200, body, ""); err != nil {
			c.withdraw()
			return
		}
		ack, err := in.ACK(c.ctx)
		if err != nil {
			c.withdraw()
			return
		}
		if err := c.answered(ack.Head(), ack.Body); err != nil {
			c.warn("the peer's answer is of no use", err)
		}
		return
	}
	c.mu.Lock()
	err = c.session.ReceiveOffer(offer)
	var d *sdp.Description
	if err == nil {
		d, err = c.session.CreateAnswer(c.local)
	}
	if err == nil {
		err = c.start()
	}
	c.mu.Unlock()
	if err != nil {
		c.warn("an offer is refused", err)
		in.Reply(statusOf(err), nil, "")
		return
	}
	body, err := d.MarshalText()
	if err != nil {
		in.Reply(500, nil, "")
		return
	}
	in.Reply(200, body, "")
}

// statusOf is the status code for an offer that failed.
func statusOf(err error) int {
	switch {
	case errors.Is(err, sdp.ErrGlare):
		return 491
	case errors.Is(err, sdp.ErrPending):
		return 500
	}
	return 488
}

func (c *Call) withdraw() {
	c.mu.Lock()
	c.session.Withdraw()
	c.mu.Unlock()
}

func (c *Call) warn(what string, err error) {
	c.mu.Lock()
	id := c.callID()
	c.mu.Unlock()
	c.agent.warn(id, what, err)
}

func (a *Agent) warn(callID, what string, err error) {
	if l := a.cfg.Logger; l != nil {
		l.Warn("call: "+what, "call_id", callID, "err", err)
	}
}

// Hold stops the peer's audio (a=sendonly, or inactive where the peer holds us); Resume lets it
// come again. Both send a re-INVITE and wait for its answer.
func (c *Call) Hold(ctx context.Context) error { return c.change(ctx, true) }

// Resume ends Hold.
func (c *Call) Resume(ctx context.Context) error { return c.change(ctx, false) }

func (c *Call) change(ctx context.Context, hold bool) error {
	c.mu.Lock()
	d, at := c.dialog, c.at
	c.mu.Unlock()
	if d == nil {
		return errors.New("call: not answered yet")
	}
	dir := sdp.SendRecv
	if hold {
		dir = sdp.SendOnly
	}
	body, err := c.offer(at, dir)
	if err != nil {
		return err
	}
	resp, err := d.Invite(ctx, sip.RequestOptions{Body: body})
	if err != nil {
		c.withdraw()
		return err
	}
	if err := c.answered(resp.Head(), resp.Body); err != nil {
		return err
	}
	c.mu.Lock()
	c.held = hold
	c.mu.Unlock()
	return nil
}

// OnDTMF calls f with each key that the peer presses, on a goroutine that must not block: 0 to 9,
// '*', '#', A to D.
func (c *Call) OnDTMF(f func(key byte)) {
	c.pad.mu.Lock()
	defer c.pad.mu.Unlock()
	c.pad.heard = func(e rtp.EventReport) {
		if key := e.Code.Key(); key != 0 && !e.End {
			f(key)
		}
	}
}

func (c *Call) onEvent(e rtp.EventReport) {
	c.pad.mu.Lock()
	f, keys := c.pad.heard, c.pad.handlers
	c.pad.mu.Unlock()
	if f != nil {
		f(e)
	}
	if key := e.Code.Key(); key != 0 && !e.End {
		for _, h := range keys {
			h.f(key)
		}
	}
}

// HangUp ends the call: with BYE, with a refusal (603) if it came in and was not answered, with
// CANCEL if it goes out and was not answered. It waits for the peer's word until ctx is done.
func (c *Call) HangUp(ctx context.Context) error {
	c.mu.Lock()
	d, final := c.dialog, c.final
	c.mu.Unlock()
	switch {
	case d == nil:
		c.finish(sip.ErrCanceled)
		return nil
	case c.in != nil && !final:
		return c.Refuse(603, "")
	}
	return d.Bye(ctx, sip.RequestOptions{})
}

// finish lets go of everything when the call has ended.
func (c *Call) finish(cause error) {
	c.cancel(cause)
	c.mu.Lock()
	m, open := c.media, c.open
	c.open = false
	c.mu.Unlock()
	if open {
		c.socks.close()
	}
	if m != nil {
		m.Close()
	}
	c.agent.remove(c)
}
