package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/rtp/srtp"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
)

// Config configures an [Agent]. The zero value calls with G.711 and refuses calls.
type Config struct {
	// SIP configures the user agent below. Its OnInvite and OnRequest are the Agent's own. If its
	// Supported is nil, it is 100rel, timer, replaces and precondition. If its Redirects is zero, calls follow five
	// redirections; if negative, none.
	SIP sip.UserAgentConfig

	// OnCall receives each call that comes in, on a goroutine of its own. When it returns without
	// having answered or refused the call, the call gets 480. If nil, all calls get 480.
	OnCall func(*Call)
	// OnTransfer decides about a peer that wants a call of its own transferred (REFER): see [Call.Follow].
	// It has a goroutine of its own. If nil, REFER gets 403.
	OnTransfer func(*Call, *sip.Referred)
	// Admission says how many calls are taken. The zero value takes all.
	Admission Admission

	// Codecs are offered and accepted in this order. If empty, PCMA and PCMU.
	Codecs []Codec
	// SRTP says whether media is encrypted. If SRTPDefault, SRTPOff.
	SRTP SRTP
	// SRTPSuites are offered and accepted. If empty, all that there are, AES-GCM first.
	SRTPSuites []srtp.Suite
	// DTMF says how keys travel. If DTMFDefault, DTMFAuto.
	DTMF DTMF
	// NoPreconditions does without preconditions (RFC 3312): a peer that requires them is refused with 420, and what others
	// say of them is ignored. Otherwise the option tag is in SIP.Supported where that is nil.
	NoPreconditions bool
	// Reserve, if not nil, reserves the resources of our side of a call whose peer wants that before anybody is alerted, or
	// that was made with Preconditions: it returns when they are there, or why not, which refuses a call that needs them
	// (580). It has a goroutine of its own; ctx ends with the call. If nil, all is there at once.
	Reserve func(ctx context.Context, c *Call) error
	// NoEvents does without telephone-events (RFC 4733).
	NoEvents bool

	// NoNoise neither offers nor takes comfort noise (RFC 3389) beside G.711.
	NoNoise bool
	// DTX sends comfort noise in the pauses of G.711 to peers that take it. If false, pauses are coded like speech; AMR has a switch of
	// its own: see [AMRConfig].
	DTX bool

	// Address is where media is received. If not valid, the address that the signalling of the call
	// uses here, or, where that is not known yet, the one from which the peer is reached.
	Address netip.Addr
	// Advertise is the address that peers are told, where it is another one.
	Advertise netip.Addr
	// Ports are the first and last port for media. If zero, the system chooses.
	Ports [2]uint16
	// SharedPort has all calls receive and send on one port for each address, RTP and RTCP alike (RFC 5761), so that the system is
	// asked once for the packets of many calls. It is for peers such as gateways, which have a port for each call and send
	// from where they receive: calls whose peer's port is the same could be taken for one another, so that two agents with
	// shared ports must not call each other, and a peer behind an address translator is not heard. With peers that don't know
	// rtcp-mux there are no reports.
	SharedPort bool
	// ListenPacket opens the sockets for media; port 0 is the system's choice. If nil, net.ListenUDP.
	ListenPacket func(netip.AddrPort) (net.PacketConn, error)

	// DSCP marks media (RFC 2474), such as [rtp.ExpeditedForwarding]. If zero, it is not marked.
	DSCP int
	// XR asks peers for the VoIP metrics of what they receive (RFC 3611). Those who ask get ours in any case.
	XR bool
	// MediaTimeout is how long nothing may come from a peer, neither RTP nor RTCP, that should send: then the call ends with
	// [ErrMediaTimeout], or OnMediaTimeout decides. If zero, that is not looked at; with peers that send no comfort noise while
	// they are silent, it should be long.
	MediaTimeout time.Duration
	// OnMediaTimeout, if not nil, is called instead of ending the call, on a goroutine of its own, and again after every
	// further MediaTimeout of silence.
	OnMediaTimeout func(*Call)

	// Wheel turns the media, for agents whose calls are bridged to one another: media of two wheels is not. If nil, one of the
	// agent's own, which ends with it.
	Wheel *Wheel

	Interface string       // the role, for Trace of media
	Logger    *slog.Logger // if nil, nothing is logged
	Trace     trace.Func   // of media; that of SIP is in SIP.Endpoint. If nil, not called
}

// Agent makes and takes calls.
type Agent struct {
	cfg   Config
	ua    *sip.UserAgent
	wheel *Wheel

	reliable, preconditions bool // 100rel and precondition are supported

	processor processor
	// incoming calls beyond what Admission takes
	refused atomic.Uint64

	mu    sync.Mutex
	calls map[*Call]struct{}
	next  uint16                   // the next port to try
	ports map[netip.Addr]*rtp.Port // that calls share
	done  bool
}

// eventType is the payload type that telephone-events are offered with.
const eventType = 101

// NewAgent returns an Agent that listens nowhere yet: call Listen on the endpoint of its UserAgent.
func NewAgent(cfg Config) (*Agent, error) {
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = []Codec{PCMA, PCMU}
	}
	if cfg.ListenPacket == nil {
		cfg.ListenPacket = func(a netip.AddrPort) (net.PacketConn, error) {
			return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
		}
	}
	if cfg.DSCP != 0 {
		open, dscp := cfg.ListenPacket, cfg.DSCP
		if dscp < 0 || dscp > 63 {
			return nil, fmt.Errorf("call: DSCP %d, want 0 to 63", dscp)
		}
		cfg.ListenPacket = func(a netip.AddrPort) (net.PacketConn, error) {
			c, err := open(a)
			if err == nil && rtp.SetDSCP(c, dscp) != nil && cfg.Logger != nil {
				cfg.Logger.Warn("call: media is not marked", "dscp", dscp, "local", c.LocalAddr())
			}
			return c, err
		}
	}
	if cfg.Ports[0] > cfg.Ports[1] {
		return nil, fmt.Errorf("call: no ports between %d and %d", cfg.Ports[0], cfg.Ports[1])
	}
	if cfg.SIP.Supported == nil {
		cfg.SIP.Supported = []string{"100rel", "timer", "replaces"}
		if !cfg.NoPreconditions {
			cfg.SIP.Supported = append(cfg.SIP.Supported, preconditionTag)
		}
	}
	if cfg.SIP.Redirects == 0 {
		cfg.SIP.Redirects = 5
	}
	if cfg.SIP.Allow == nil {
		cfg.SIP.Allow = []sip.Method{sip.INVITE, sip.ACK, sip.CANCEL, sip.BYE, sip.OPTIONS, sip.PRACK, sip.UPDATE, sip.INFO, sip.REFER, sip.NOTIFY}
	}
	a := &Agent{cfg: cfg, calls: map[*Call]struct{}{}, ports: map[netip.Addr]*rtp.Port{}, next: cfg.Ports[0]}
	a.reliable = supports(cfg.SIP.Supported, "100rel")
	a.preconditions = a.reliable && !cfg.NoPreconditions && supports(cfg.SIP.Supported, preconditionTag)
	cfg.SIP.OnInvite, cfg.SIP.OnRequest = a.onInvite, refuseRequest
	ua, err := sip.NewUserAgent(cfg.SIP)
	if err != nil {
		return nil, err
	}
	if a.ua, a.wheel = ua, cfg.Wheel; a.wheel == nil {
		a.wheel = NewWheel()
	}
	return a, nil
}

func supports(list []string, tag string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, tag) })
}

// UserAgent returns the user agent below: to listen, to register, and for other requests.
func (a *Agent) UserAgent() *sip.UserAgent { return a.ua }

// Wheel returns the clock of the agent's media.
func (a *Agent) Wheel() *Wheel { return a.wheel }

// Calls returns how many calls there are, early ones included.
func (a *Agent) Calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.calls)
}

// HangUp ends all calls in good order and waits for it, until ctx is done. Those that came in and were not answered get
// 503, so that they are tried elsewhere.
func (a *Agent) HangUp(ctx context.Context) {
	a.mu.Lock()
	var wg sync.WaitGroup
	for c := range a.calls {
		wg.Go(func() {
			if c.in == nil || c.decided() || c.Refuse(503, "") != nil {
				c.HangUp(ctx)
			}
		})
	}
	a.mu.Unlock()
	wg.Wait()
}

// Close ends everything, without telling the peers: see HangUp.
func (a *Agent) Close() error {
	a.mu.Lock()
	a.done = true
	var calls []*Call
	for c := range a.calls {
		calls = append(calls, c)
	}
	a.mu.Unlock()
	err := a.ua.Close()
	for _, c := range calls {
		c.finish(errClosed)
	}
	if a.cfg.Wheel == nil {
		a.wheel.Close()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.ports {
		err = errors.Join(err, p.Close())
	}
	return err
}

func (a *Agent) add(c *Call) error {
	_, err := a.addBelow(c, 0)
	return err
}

// addBelow adds a call where there are fewer than most, if that is not zero; else it returns how many there are.
func (a *Agent) addBelow(c *Call, most int) (beyond int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch n := len(a.calls); {
	case a.done:
		return 0, errClosed
	case most > 0 && n >= most:
		return n, nil
	}
	a.calls[c] = struct{}{}
	return 0, nil
}

func (a *Agent) remove(c *Call) {
	a.mu.Lock()
	delete(a.calls, c)
	a.mu.Unlock()
}

// onInvite takes a call.
func (a *Agent) onInvite(in *sip.Incoming) {
	c := a.newCall(in.Dialog)
	c.in = in
	if a.cfg.OnCall == nil {
		in.Reply(480, nil, "")
		return
	}
	after, why, err := a.admit(c)
	if err != nil {
		in.Reply(480, nil, "")
		return
	}
	if why != "" {
		a.refused.Add(1)
		if l := a.cfg.Logger; l != nil {
			l.Warn("call: refused", "why", why, "call_id", in.Request.CallID())
		}
		resp := in.NewResponse(503, "")
		resp.Add("Retry-After", strconv.Itoa(after))
		in.Respond(resp)
		return
	}
	in.Dialog.Handle(c.onRequest)
	context.AfterFunc(in.Dialog.Context(), func() { c.finish(context.Cause(in.Dialog.Context())) })
	a.cfg.OnCall(c)
	if !c.decided() {
		c.Refuse(480, "")
	}
}

// refuseRequest answers requests within dialogs that belong to no call.
func refuseRequest(in *sip.Incoming) {
	switch in.Request.Method {
	case sip.OPTIONS:
		in.Reply(200, nil, "")
	case sip.INVITE, sip.UPDATE: // the peer was faster than Dial: it tries again (RFC 3261 section 14.1)
		in.Reply(491, nil, "")
	case sip.INFO: // RFC 6086 section 4.2.2: without a package it is known by its body
		switch {
		case in.Request.Has("Info-Package"):
			in.Reply(469, nil, "")
		case len(in.Request.Body) == 0:
			in.Reply(200, nil, "")
		default:
			resp := in.NewResponse(415, "")
			resp.Add("Accept", relayType+", "+plainType)
			in.Respond(resp)
		}
	case sip.NOTIFY: // of no subscription (RFC 6665 section 4.1.3)
		in.Reply(481, nil, "")
	default:
		in.Reply(405, nil, "")
	}
}

// sockets are what a leg receives media on.
type sockets struct{ rtp, rtcp net.PacketConn }

func (s sockets) close() {
	s.rtp.Close()
	if s.rtcp != nil {
		s.rtcp.Close()
	}
}

func (s sockets) ports() (rtp, rtcp uint16) {
	return portOf(s.rtp), portOf(s.rtcp)
}

func portOf(c net.PacketConn) uint16 {
	if c == nil {
		return 0
	}
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
		return uint16(a.Port)
	}
	a, _ := netip.ParseAddrPort(c.LocalAddr().String())
	return a.Port()
}

// ErrNoPorts says that no port is left for media.
var ErrNoPorts = errors.New("call: no free port for media")

// listen opens an even port for RTP and the next one for RTCP (RFC 3550 section 11).
func (a *Agent) listen(at netip.Addr) (sockets, error) {
	if a.cfg.SharedPort {
		return a.share(at)
	}
	first, last := a.cfg.Ports[0], a.cfg.Ports[1]
	if last == 0 {
		return a.listenAnywhere(at)
	}
	pairs := (int(last) - int(first|1) + 1) / 2
	if first&1 == 0 {
		pairs = (int(last) - int(first) + 1) / 2
	}
	for range pairs {
		a.mu.Lock()
		port := a.next
		if port&1 != 0 {
			port++
		}
		if port < first || int(port)+1 > int(last) {
			port = first + first&1
		}
		a.next = port + 2
		a.mu.Unlock()
		if s, err := a.pair(at, port); err == nil {
			return s, nil
		}
	}
	return sockets{}, ErrNoPorts
}

// share opens the port that all calls at an address use.
func (a *Agent) share(at netip.Addr) (sockets, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done {
		return sockets{}, errClosed
	}
	p := a.ports[at]
	if p == nil {
		conn, err := a.cfg.ListenPacket(netip.AddrPortFrom(at, a.cfg.Ports[0]))
		if err != nil {
			return sockets{}, err
		}
		udp, ok := conn.(*net.UDPConn)
		if !ok {
			conn.Close()
			return sockets{}, fmt.Errorf("call: a %T cannot be shared", conn)
		}
		udp.SetReadBuffer(sharedBuffer) // as much of it as the system grants
		udp.SetWriteBuffer(sharedBuffer)
		p = rtp.NewPolledPort(udp)
		a.wheel.addPort(p)
		a.ports[at] = p
	}
	return sockets{rtp: p.Share()}, nil
}

// sharedBuffer is room for what comes in some 100 ms for a thousand calls.
const sharedBuffer = 4 << 20

func (a *Agent) pair(at netip.Addr, port uint16) (s sockets, err error) {
	if s.rtp, err = a.cfg.ListenPacket(netip.AddrPortFrom(at, port)); err != nil {
		return s, err
	}
	if s.rtcp, err = a.cfg.ListenPacket(netip.AddrPortFrom(at, port+1)); err != nil {
		s.rtp.Close()
	}
	return s, err
}

// listenAnywhere tries for a pair of ports of the system's choice. Where there is none, RTCP is on
// another port, which the description then says (RFC 3605).
func (a *Agent) listenAnywhere(at netip.Addr) (sockets, error) {
	for range 20 {
		c, err := a.cfg.ListenPacket(netip.AddrPortFrom(at, 0))
		if err != nil {
			return sockets{}, err
		}
		if port := portOf(c); port&1 == 0 {
			if rtcp, err := a.cfg.ListenPacket(netip.AddrPortFrom(at, port+1)); err == nil {
				return sockets{c, rtcp}, nil
			}
		}
		c.Close()
	}
	return a.pair0(at)
}

func (a *Agent) pair0(at netip.Addr) (s sockets, err error) {
	if s.rtp, err = a.cfg.ListenPacket(netip.AddrPortFrom(at, 0)); err != nil {
		return s, err
	}
	if s.rtcp, err = a.cfg.ListenPacket(netip.AddrPortFrom(at, 0)); err != nil {
		s.rtp.Close()
	}
	return s, err
}

// local describes what a call can do on its sockets.
func (a *Agent) local(s sockets, at netip.Addr, codecs []Codec, dir sdp.Direction) sdp.Local {
	if a.cfg.Advertise.IsValid() {
		at = a.cfg.Advertise
	}
	port, rtcp := s.ports()
	m := sdp.LocalMedia{Address: netip.AddrPortFrom(at, port), RTCP: rtcp, Mux: a.cfg.SharedPort, Direction: dir, Ptime: int(FrameTime / time.Millisecond)}
	var rates []int
	for _, c := range codecs {
		m.Formats = append(m.Formats, sdp.Format{
			Codec: sdp.Codec{PayloadType: c.PayloadType, Name: c.Name, ClockRate: c.ClockRate, Channels: 1, Fmtp: c.FMTP},
			Match: c.Match,
		})
		known := false
		for _, r := range rates {
			known = known || r == c.ClockRate
		}
		if !known {
			rates = append(rates, c.ClockRate)
		}
	}
	if !a.cfg.NoEvents {
		for i, r := range rates {
			m.Formats = append(m.Formats, sdp.FormatEvents(eventType-uint8(i), r))
		}
	}
	return sdp.Local{Media: []sdp.LocalMedia{m}}
}

// addressTo is the address that media for a URI is received at, before the signalling knows: that of the way of the INVITE,
// where this is known.
func (a *Agent) addressTo(uri string, send sip.SendOptions) netip.Addr {
	if a.cfg.Address.IsValid() {
		return a.cfg.Address
	}
	if send.Flow.IsZero() && send.Targets == nil && send.NextHop.IsZero() {
		send = a.cfg.SIP.Send
	}
	if local := send.Flow.Local.Addr(); local.IsValid() && !local.IsUnspecified() {
		return local.Unmap()
	}
	host := "192.0.2.1" // a documentation address: which way is out
	u, err := sip.ParseURI(uri)
	if !send.NextHop.IsZero() {
		u, err = send.NextHop, nil
	}
	switch remote := send.Flow.Remote.Addr(); {
	case remote.IsValid():
		host = remote.Unmap().String()
	case err == nil && u.Host != "":
		if ip, err := netip.ParseAddr(trimBrackets(u.Host)); err == nil {
			host = ip.String()
		}
	}
	// Nothing is sent: the system only says which address it would send from.
	c, err := net.Dial("udp", net.JoinHostPort(host, "5060"))
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

func trimBrackets(h string) string {
	if len(h) > 1 && h[0] == '[' {
		return h[1 : len(h)-1]
	}
	return h
}
