package diameter

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gotelco/telco/trace"
)

// sendCER introduces this node on a connection that it made.
func (n *Node) sendCER(c *conn) {
	h := n.baseRequest(c, CommandCapabilitiesExchange)
	local := n.capabilities(c)
	b := local.appendTo(AppendHeader(nil, h))
	FinishMessage(b, 0)
	c.send(b, nil)
}

// sendCEA accepts a peer. It lists all that this node has (RFC 6733 section 5.3).
func (n *Node) sendCEA(c *conn, req Header) {
	local := n.capabilities(c)
	b := AppendUint32(AppendHeader(nil, req.Answer()), AVPResultCode, Mandatory, 0, uint32(Success))
	b = local.appendTo(b)
	FinishMessage(b, 0)
	c.send(b, nil)
}

func (n *Node) baseRequest(c *conn, code CommandCode) Header {
	return Header{Flags: Request, Code: code, HopByHopID: c.pend.id(), EndToEndID: n.endToEndID()}
}

func (n *Node) appendOrigin(b []byte) []byte {
	b = AppendText(b, AVPOriginHost, Mandatory, 0, n.cfg.OriginHost)
	return AppendText(b, AVPOriginRealm, Mandatory, 0, n.cfg.OriginRealm)
}

func (n *Node) watchdogRequest(c *conn) []byte {
	b := n.appendOrigin(AppendHeader(nil, n.baseRequest(c, CommandDeviceWatchdog)))
	b = AppendUint32(b, AVPOriginStateID, Mandatory, 0, n.cfg.OriginStateID)
	FinishMessage(b, 0)
	return b
}

func (n *Node) disconnectRequest(c *conn, cause DisconnectCause) []byte {
	b := n.appendOrigin(AppendHeader(nil, n.baseRequest(c, CommandDisconnectPeer)))
	b = AppendUint32(b, AVPDisconnectCause, Mandatory, 0, uint32(cause))
	FinishMessage(b, 0)
	return b
}

// baseAnswer is a DWA or DPA, or the beginning of a CEA.
func (n *Node) baseAnswer(req Header, code ResultCode) []byte {
	h := req.Answer()
	if code.IsProtocolError() {
		h.Flags |= ErrorFlag
	}
	b := AppendUint32(AppendHeader(nil, h), AVPResultCode, Mandatory, 0, uint32(code))
	b = n.appendOrigin(b)
	if h.Code == CommandDeviceWatchdog {
		b = AppendUint32(b, AVPOriginStateID, Mandatory, 0, n.cfg.OriginStateID)
	}
	FinishMessage(b, 0)
	return b
}

// errorAnswer is the answer to a message that something is wrong with.
func (n *Node) errorAnswer(m Message, p *ProtocolError) []byte {
	b, err := AppendErrorAnswer(nil, m, p, n.cfg.OriginHost, n.cfg.OriginRealm)
	if err != nil { // the Proxy-Infos and Failed-AVPs are too long
		b, _ = AppendErrorAnswer(nil, Message{Header: m.Header}, &ProtocolError{ResultCode: p.ResultCode}, n.cfg.OriginHost, n.cfg.OriginRealm)
	}
	return b
}

func asProtocolError(err error) *ProtocolError {
	var p *ProtocolError
	if errors.As(err, &p) {
		return p
	}
	return &ProtocolError{ResultCode: UnableToComply}
}

// framingLost answers what can be answered of a message after which nothing can be read.
func (n *Node) framingLost(c *conn, head []byte, p *ProtocolError) {
	n.stats.Malformed.Add(1)
	n.logf(slog.LevelWarn, "diameter framing lost", "remote", remoteOf(c), "err", p.Error())
	if len(head) < HeaderLen || c.peer == nil {
		return
	}
	h, _, _ := ParseHeader(head)
	if !h.IsRequest() {
		return
	}
	c.send(n.errorAnswer(Message{Header: h}, p), nil)
	c.finish(p)
}

// receive handles a message; an error ends the connection.
func (n *Node) receive(c *conn, msg []byte, now time.Time) error {
	h, _, err := ParseHeader(msg)
	if err != nil {
		return err
	}
	if n.cfg.Trace != nil {
		c.trace(trace.Received, msg)
	}
	p := c.peer
	if p == nil {
		return n.firstMessage(c, h, msg)
	}
	switch h.Code {
	case CommandCapabilitiesExchange, CommandDeviceWatchdog, CommandDisconnectPeer:
		return p.baseMessage(c, h, msg)
	}
	p.mu.Lock()
	if c != p.conn || !p.m.state.Open() && p.m.state != PeerClosing {
		p.mu.Unlock()
		return p.unexpected(c, h)
	}
	actions := p.w.receive(now, false, nil)
	p.mu.Unlock()
	if len(actions) > 0 && actions[0] != wdThrowaway {
		p.do(func(now time.Time) { p.watch(now, actions) })
	}
	if h.IsRequest() {
		return n.serve(p, c, h, msg, now)
	}
	return n.answered(p, c, h, msg)
}

// unexpected handles a message that comes before the capabilities have been exchanged.
func (p *peer) unexpected(c *conn, h Header) error {
	p.do(func(now time.Time) {
		p.because(fmt.Sprintf("%v before the capabilities were exchanged", h))
		if c == p.iconn {
			p.event(now, evIRcvNonCEA)
		}
	})
	return fmt.Errorf("diameter: %v before the capabilities were exchanged", h)
}

// baseMessage handles CER, CEA, DWR, DWA, DPR and DPA of a known peer.
func (p *peer) baseMessage(c *conn, h Header, msg []byte) error {
	m, err := ParseMessage(msg)
	if err == nil && h.IsRequest() && h.Flags&ErrorFlag != 0 {
		err = &ProtocolError{ResultCode: InvalidHdrBits, Text: "E flag in a request"}
	}
	if err != nil {
		p.stats.Malformed.Add(1)
		if h.IsRequest() {
			c.send(p.n.errorAnswer(m, asProtocolError(err)), c)
			return nil
		}
	}
	switch {
	case h.Code == CommandCapabilitiesExchange && !h.IsRequest():
		return p.receiveCEA(c, m)
	case h.Code == CommandCapabilitiesExchange:
		p.stats.Malformed.Add(1)
		c.send(p.n.errorAnswer(m, &ProtocolError{ResultCode: UnableToComply, Text: "capabilities have been exchanged"}), c)
		return nil
	}
	ok := true
	p.do(func(now time.Time) {
		if c != p.conn { // nothing but CER and CEA yet
			ok = false
			return
		}
		p.request = h
		var ev peerEvent
		switch {
		case h.Code == CommandDeviceWatchdog && h.IsRequest():
			p.stats.WatchdogsReceived.Add(1)
			p.watch(now, p.w.receive(now, false, nil))
			ev = p.on(c, evIRcvDWR, evRRcvDWR)
		case h.Code == CommandDeviceWatchdog:
			p.watch(now, p.w.receive(now, true, nil))
			ev = p.on(c, evIRcvDWA, evRRcvDWA)
		case h.IsRequest():
			p.parting(m)
			ev = p.on(c, evIRcvDPR, evRRcvDPR)
		default:
			ev = p.on(c, evIRcvDPA, evRRcvDPA)
		}
		p.event(now, ev)
	})
	if !ok {
		return p.unexpected(c, h)
	}
	return nil
}

// parting reads a DPR: whether the peer wants to be left alone.
func (p *peer) parting(m Message) {
	a, _ := m.Find(AVPDisconnectCause, 0)
	v, err := a.Uint32()
	cause := DisconnectCause(v)
	if err != nil {
		cause = DisconnectCauseRebooting
	}
	p.parted = true
	p.stay = p.stay || cause == DisconnectCauseBusy || cause == DisconnectCauseDoNotWantToTalkToYou
	p.because("the peer parts: " + cause.String())
}

// receiveCEA compares what the peer has with what we have.
func (p *peer) receiveCEA(c *conn, m Message) error {
	n := p.n
	local := n.capabilities(c)
	caps, inband, err := p.checkCEA(&local, m)
	if err == nil && inband {
		p.mu.Lock()
		waiting := c == p.iconn && (p.m.state == PeerWaitICEA || p.m.state == PeerWaitReturns)
		p.mu.Unlock()
		if waiting {
			err = c.upgrade(p.tlsConfig(), true)
		}
	}
	p.do(func(now time.Time) {
		switch {
		case c != p.iconn:
		case err != nil:
			p.because("CEA: " + err.Error())
			p.stats.Refused.Add(1)
			p.event(now, evIRcvBadCEA)
		default:
			p.newCaps = &caps
			p.event(now, evIRcvCEA)
		}
	})
	return nil
}

func (p *peer) checkCEA(local *Capabilities, m Message) (caps Capabilities, inband bool, err error) {
	code, _ := m.Find(AVPResultCode, 0)
	if rc, err := code.Uint32(); err != nil || !ResultCode(rc).IsSuccess() {
		return caps, false, &RefusedError{Peer: p.cfg.Host, ResultCode: ResultCode(rc), Text: m.Text(AVPErrorMessage, 0)}
	}
	caps, err = parseCapabilities(m, false)
	var bad *ProtocolError
	if errors.As(err, &bad) && bad.ResultCode == MissingAVP && caps.OriginHost != "" && caps.OriginRealm != "" {
		p.n.logf(slog.LevelWarn, "diameter CEA", "peer", p.cfg.Host, "reason", bad.Text)
		err = nil
	}
	if err != nil {
		return caps, false, err
	}
	if fold(caps.OriginHost) != p.key && !p.cfg.AnyHost {
		return caps, false, fmt.Errorf("diameter: it calls itself %s, not %s", caps.OriginHost, p.cfg.Host)
	}
	if inband, err = local.agree(&caps); err != nil {
		return caps, false, err
	}
	return caps, inband, nil
}

// RefusedError says that a peer refused our CER.
type RefusedError struct {
	Peer       string
	ResultCode ResultCode
	Text       string // its Error-Message
}

// Error returns the code and the peer's words.
func (e *RefusedError) Error() string {
	s := "diameter: " + e.Peer + " refused: " + e.ResultCode.String()
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}
