package user

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/gotelco/telco/sctp"
)

// assoc is the machine of one association (RFC 9260 section 4). It has no clock, goroutine, lock or
// socket: handle takes a packet, expire the time, output makes packets, and what the upper layer
// gets lies in inbox. Whoever runs it calls output after each of the others.
type assoc struct {
	cfg   sctp.Config // with its defaults filled in
	pmdcs int         // the octets of DATA chunks that a packet holds (PMDCS)
	sign  *signer
	state state
	inbox inbox
	told  []*sctp.Event   // those not traced yet
	down  *sctp.DownError // once it is over

	locals     []netip.AddrPort
	localPort  uint16
	remotePort uint16
	localTag   uint32
	peerTag    uint32
	localTie   uint32 // section 5.2.2; zero until an INIT asks
	peerTie    uint32
	localTSN   uint32 // the initial one
	out, in    uint16 // streams

	paths   []*path
	data    *path // where new data goes
	rtxPath *path // where data that timed out goes
	errors  int   // section 8.1

	// Setting up.
	t1       time.Time
	tries    int
	initPath int // which of the paths the INIT went to
	initSent time.Time
	cookie   []byte
	preserve uint32
	report   []byte // an ERROR chunk to go with the COOKIE ECHO

	// Sending: sack.go and transmit.go.
	q           outQueue
	seq         uint64
	ssn         []uint16 // the next one of each stream
	rwnd        int      // the peer's window, less what is on its way
	outstanding int      // octets of user data on their way
	marked      int      // chunks to be sent again
	hint        uint32   // none of them comes before this TSN
	goingOn     bool     // the outbox was full: output is not done
	recovering  bool     // in fast recovery until exit is acknowledged
	exit        uint32
	fast        bool // a fast retransmit may ignore cwnd for one packet
	gapped      bool // some chunks are acknowledged by gap blocks
	burst       int  // packets that may still be sent before the next SACK
	sacks       int  // SACKs since the last output
	probe       bool // a chunk may be sent into a closed window
	probing     bool // one was
	heard       bool // a SACK came since the last time-out

	// Tail loss probes: tail.go.
	tail       time.Time // when one goes
	tails      int       // those since something was acknowledged
	tailSeq    uint64    // the packet of the last one
	tailing    bool      // the next retransmission is one
	tailAnswer bool      // the SACK at hand acknowledged it
	asked      bool      // the last DATA sent asks for a SACK at once

	// Receiving: receive.go.
	tsns      tsnSet
	streams   []inStream
	frags     map[uint32]*run // runs of fragments, by their first and last TSN
	heldBytes int             // octets waiting for others, with overhead
	sackNow   bool
	sackAt    time.Time // when a delayed SACK goes
	packets   int       // with DATA, since the last SACK
	sackPath  *path
	window    int // as last advertised
	dups      []uint32
	anyData   bool

	// Control chunks to go out.
	control []reply

	t2     time.Time // T2-shutdown
	t2Path *path
	guard  time.Time // T5-shutdown-guard
	tries2 int
	ending bool   // the upper layer wants no more
	random uint64 // for jitter and nonces

	sent, received, retransmitted uint64
}

// reply is a packet of control chunks.
type reply struct {
	local, remote netip.AddrPort
	tag           uint32
	chunks        []byte
	alone         bool // nothing may be added
}

// maxReplies bounds what waits to be sent; what comes beyond that is dropped, as a network would.
const maxReplies = 64

func newAssoc(cfg sctp.Config, mtu int, sign *signer, locals []netip.AddrPort, localPort, remotePort uint16) *assoc {
	a := &assoc{cfg: cfg, sign: sign, locals: locals, localPort: localPort, remotePort: remotePort}
	a.pmdcs = (mtu - headerLen) &^ 3
	a.random = uint64(random32())<<32 | uint64(random32())
	return a
}

// initialWindow is the cwnd to begin with (section 7.2.1).
func (a *assoc) initialWindow() int { return min(4*a.pmdcs, max(2*a.pmdcs, 4404)) }

// associate begins to set up an association with the addresses that the upper layer names.
func (a *assoc) associate(now time.Time, remotes []netip.AddrPort) bool {
	for _, r := range remotes {
		if p := a.addPath(r); p != nil {
			p.given, p.confirmed = true, true
		}
	}
	if len(a.paths) == 0 {
		return false
	}
	a.data = a.paths[0]
	a.localTag, a.localTSN = randomTag(), random32()
	a.state = cookieWait
	a.sendInit(now)
	return true
}

func (a *assoc) sendInit(now time.Time) {
	p := a.paths[a.initPath]
	c := initChunk{tag: a.localTag, rwnd: uint32(a.cfg.ReceiveBuffer), out: a.cfg.OutStreams, in: a.cfg.MaxInStreams,
		tsn: a.localTSN, addrs: addrsFor(a.locals, p.remote.Addr()), types: families(a.locals), preserve: a.preserve}
	a.reply(reply{local: p.local, remote: p.remote, chunks: c.append(nil, ctInit), alone: true})
	a.t1, a.initSent = now.Add(p.rto), now
}

// addrsFor is what an INIT or INIT ACK to an address says of ours: nothing if there is but one;
// else those that can be reached from there, in the order of their owner.
func addrsFor(locals []netip.AddrPort, to netip.Addr) (addrs []netip.Addr) {
	for _, l := range locals {
		a := l.Addr()
		if a.IsLoopback() && !to.IsLoopback() || a.IsLinkLocalUnicast() && !to.IsLinkLocalUnicast() {
			continue
		}
		addrs = append(addrs, a.WithZone(""))
	}
	if len(addrs) < 2 {
		return nil
	}
	return addrs
}

func families(locals []netip.AddrPort) (types []uint16) {
	var v4, v6 bool
	for _, l := range locals {
		v4, v6 = v4 || l.Addr().Is4(), v6 || !l.Addr().Is4()
	}
	if v4 {
		types = append(types, paramIPv4)
	}
	if v6 {
		types = append(types, paramIPv6)
	}
	return types
}

// reply queues a packet of control chunks.
func (a *assoc) reply(r reply) {
	if len(a.control) < maxReplies {
		a.control = append(a.control, r)
	}
}

// to queues control chunks for a path.
func (a *assoc) to(p *path, chunks []byte) {
	a.reply(reply{local: p.local, remote: p.remote, tag: a.peerTag, chunks: chunks})
}

// establish enters ESTABLISHED with what INIT and INIT ACK agreed on.
func (a *assoc) establish(now time.Time, kind sctp.EventKind) {
	a.state = established
	a.t1, a.cookie = time.Time{}, nil
	a.errors, a.tries = 0, 0
	probes := 0
	for _, p := range a.paths {
		if p.confirmed {
			a.scheduleHeartbeat(now, p)
			continue
		}
		p.hbNext = now.Add(time.Duration(probes) * p.rto) // HB.Max.Burst is one
		probes++
	}
	a.choosePath()
	a.tell(&sctp.Event{Kind: kind, In: a.in, Out: a.out})
}

// tell gives the upper layer an event.
func (a *assoc) tell(e *sctp.Event) {
	a.inbox.push(sctp.Received{Event: e})
	if a.cfg.Trace != nil {
		a.told = append(a.told, e)
	}
}

// begin readies the sending and receiving sides for the peer's initial TSN.
func (a *assoc) begin(peerTSN, rwnd uint32) {
	a.q.clear(a.localTSN)
	a.ssn = make([]uint16, a.out)
	a.rwnd, a.outstanding, a.marked = int(min(rwnd, 1<<30)), 0, 0
	a.recovering, a.fast, a.gapped, a.probe, a.probing = false, false, false, false, false
	a.rtxPath = nil
	a.tail, a.tails, a.tailSeq, a.tailing = time.Time{}, 0, 0, false
	a.tsns = tsnSet{cum: peerTSN - 1, high: peerTSN - 1}
	a.streams = make([]inStream, a.in)
	a.frags, a.heldBytes = nil, 0
	a.sackNow, a.sackAt, a.packets, a.sackPath = false, time.Time{}, 0, nil
	a.dups, a.anyData = nil, false
	a.window = a.cfg.ReceiveBuffer
}

// handle takes a packet whose checksum was right, for this association, as section 8.5 has it.
// chunks may be kept no longer than the call.
func (a *assoc) handle(now time.Time, local, remote netip.AddrPort, h header, chunks []byte) {
	if a.state == closed {
		return
	}
	first, _, ok := nextChunk(chunks)
	if !ok {
		return
	}
	switch first.typ {
	case ctInit: // section 8.5.1 A
		if h.tag == 0 && len(chunks) < len(first.whole)+4 {
			a.handleInit(now, local, remote, first)
		}
		return
	case ctAbort, ctShutdownComplete: // B and C
		if reflected := first.flags&flagT != 0; !reflected && h.tag == a.localTag || reflected && h.tag == a.peerTag && a.peerTag != 0 {
			if first.typ == ctAbort {
				a.handleAbort(first)
			} else if a.state == shutdownAckSent {
				a.over(&sctp.DownError{Reason: sctp.ShutdownComplete})
			}
		}
		return
	case ctCookieEcho: // D
		if !a.handleCookieEcho(now, local, remote, h, first) {
			return
		}
	case ctShutdownAck: // E
		if a.state == cookieWait || a.state == cookieEchoed {
			a.reply(reply{local: local, remote: remote, tag: h.tag, chunks: appendChunk(nil, ctShutdownComplete, flagT, nil), alone: true})
			return
		}
		if h.tag != a.localTag {
			return
		}
	default:
		if h.tag != a.localTag {
			return
		}
	}
	p := a.pathTo(remote.Addr())
	if p != nil && p.remote != remote {
		p.remote = remote // the port of UDP may change (RFC 6951 section 5.4)
	}
	if a.state == shutdownSent {
		a.tries2 = 0 // the peer is there (section 9.2)
	}
	a.chunks(now, local, remote, p, chunks)
}

// chunks goes through the chunks of a packet in their order.
func (a *assoc) chunks(now time.Time, local, remote netip.AddrPort, p *path, b []byte) {
	gotData, fresh, eager := false, false, false
	for len(b) > 0 && a.state != closed {
		c, rest, ok := nextChunk(b)
		if !ok {
			break
		}
		b = rest
		switch c.typ {
		case ctData:
			switch a.state {
			case established, shutdownPending, shutdownSent:
				gotData = true
				isNew, now := a.handleData(c, local, remote)
				fresh, eager = fresh || isNew, eager || now
			}
		case ctSack:
			a.handleSack(now, c)
		case ctHeartbeat:
			a.handleHeartbeat(local, remote, c)
		case ctHeartbeatAck:
			a.handleHeartbeatAck(now, c)
		case ctInitAck:
			a.handleInitAck(now, local, remote, c)
		case ctCookieAck:
			a.handleCookieAck(now)
		case ctError:
			a.handleError(now, c)
		case ctShutdown:
			a.handleShutdown(now, c)
		case ctShutdownAck:
			a.handleShutdownAck()
		case ctAbort:
			if c.flags&flagT == 0 {
				a.handleAbort(c)
			}
		case ctCookieEcho, ctInit, ctShutdownComplete: // the first was dealt with; elsewhere they mean nothing
		default:
			if c.typ.unknownReports() {
				a.errorReply(local, remote, causeUnrecognizedChunk, c.whole[:min(len(c.whole), maxReported)])
			}
			if c.typ.unknownStops() {
				b = nil
			}
		}
	}
	if gotData && a.state != closed {
		if p != nil {
			a.sackPath = p
		}
		a.acknowledge(now, fresh, eager)
	}
}

func (a *assoc) errorReply(local, remote netip.AddrPort, code uint16, info []byte) {
	a.reply(reply{local: local, remote: remote, tag: a.peerTag, chunks: appendChunk(nil, ctError, 0, appendCause(nil, code, info))})
}

// violated ends the association over something the peer must not do (section 3.3.10.13).
func (a *assoc) violated(why string) {
	a.giveUp(appendCause(nil, causeProtocolViolation, []byte(why)), &sctp.DownError{Reason: sctp.LocalClosed, Err: &PeerError{why}})
}

// PeerError says what a peer did that RFC 9260 forbids; the association was aborted for it.
type PeerError struct{ What string }

// Error says what.
func (e *PeerError) Error() string { return "sctp/user: the peer broke the protocol: " + e.What }

// giveUp aborts: the peer is told the causes (section 9.1).
func (a *assoc) giveUp(causes []byte, why *sctp.DownError) {
	if a.state >= cookieEchoed && a.peerTag != 0 {
		a.to(a.data, appendChunk(nil, ctAbort, 0, causes))
	}
	a.over(why)
}

// over ends the association; the TCB is gone but for what the upper layer has yet to read.
func (a *assoc) over(why *sctp.DownError) {
	if a.state == closed {
		return
	}
	if why.Reason == sctp.PeerLost || why.Reason == sctp.PeerAborted {
		a.reportUnsent()
	}
	a.state = closed
	a.down = why
	a.q = outQueue{}
	a.frags, a.streams, a.marked, a.outstanding = nil, nil, 0, 0
	a.tell(&sctp.Event{Kind: sctp.Down, Reason: why})
}

// reportUnsent gives back the messages that the peer has not acknowledged whole. Of a long one whose
// beginning it has acknowledged that beginning is no longer there.
func (a *assoc) reportUnsent() {
	var m *sctp.Message
	missing := false // a part of it was not acknowledged
	for t := a.q.base; t != a.q.end; t++ {
		c := a.q.at(t)
		b := a.q.bytes(c)
		d, err := parseData(chunk{ctData, b[1], b[chunkHead:be.Uint16(b[2:])], nil})
		if err != nil {
			m = nil
			continue
		}
		if m == nil || d.flags&flagB != 0 {
			m, missing = &sctp.Message{Stream: d.stream, PPID: d.ppid, Unordered: d.flags&flagU != 0}, false
		}
		m.Data = append(m.Data, d.user...)
		missing = missing || c.state != gapAcked
		if d.flags&flagE != 0 {
			if missing {
				a.tell(&sctp.Event{Kind: sctp.SendFailed, Message: m})
			}
			m = nil
		}
	}
}

func (a *assoc) handleAbort(c chunk) {
	e := &sctp.DownError{Reason: sctp.PeerAborted}
	if code, info := firstCause(c.value); code != 0 {
		e.Code, e.Cause = code, append([]byte(nil), info...)
	}
	if a.state == cookieWait || a.state == cookieEchoed {
		e.Reason = sctp.CannotStart
	}
	a.over(e)
}

func (a *assoc) pathEvent(p *path, up bool) {
	if a.state < established {
		return
	}
	kind := sctp.PathDown
	if up {
		kind = sctp.PathUp
	}
	a.tell(&sctp.Event{Kind: kind, Path: a.addrOf(p)})
}

func (a *assoc) addrOf(p *path) sctp.Addr {
	return sctp.Addr{IPs: []netip.Addr{p.remote.Addr()}, Port: a.remotePort, UDP: p.remote.Port()}
}

// abort ends the association for the upper layer (section 11.1.4).
func (a *assoc) abort(cause string) {
	if a.state != closed {
		a.giveUp(appendCause(nil, causeUserAbort, []byte(cause)), &sctp.DownError{Reason: sctp.LocalClosed})
	}
}

// deadline is when expire wants to be called; zero: no timer runs.
func (a *assoc) deadline() time.Time {
	var d time.Time
	if a.state == closed {
		return d
	}
	for _, t := range [...]time.Time{a.t1, a.t2, a.guard, a.sackAt, a.tail} {
		d = earlier(d, t)
	}
	for _, p := range a.paths {
		d = earlier(earlier(earlier(d, p.t3), p.hbNext), p.hbExpire)
	}
	return d
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func due(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// expire lets the timers run off that are due.
func (a *assoc) expire(now time.Time) {
	if a.state == closed {
		return
	}
	if due(a.sackAt, now) {
		a.sackAt, a.sackNow = time.Time{}, true
	}
	if due(a.t1, now) {
		a.expireT1(now)
	}
	if due(a.t2, now) {
		a.expireT2(now)
	}
	if due(a.guard, now) {
		a.giveUp(appendCause(nil, causeUserAbort, []byte("the shutdown took too long")), &sctp.DownError{Reason: sctp.PeerLost, Err: errGuard})
	}
	if due(a.tail, now) {
		a.expireTail()
	}
	for _, p := range a.paths {
		if a.state == closed {
			return
		}
		if due(p.t3, now) {
			a.expireT3(now, p)
		}
		if due(p.hbExpire, now) {
			a.heartbeatLost(now, p)
		}
		if due(p.hbNext, now) {
			a.sendHeartbeat(now, p)
		}
	}
}

// failure counts a time-out towards the limit of the association (section 8.1).
func (a *assoc) failure() (over bool) {
	a.errors++
	if a.errors > a.cfg.AssocMaxRetrans {
		a.giveUp(nil, &sctp.DownError{Reason: sctp.PeerLost})
		return true
	}
	return false
}

func (a *assoc) next64() uint64 { // xorshift64*: for jitter, not for secrets
	a.random ^= a.random >> 12
	a.random ^= a.random << 25
	a.random ^= a.random >> 27
	return a.random * 0x2545f4914f6cdd1d
}

// closing is the error of sending on an association that ends.
func (a *assoc) closing() error {
	switch {
	case a.down != nil:
		return a.down
	case a.ending:
		return &sctp.DownError{Reason: sctp.LocalClosed}
	case a.state == shutdownReceived || a.state == shutdownAckSent:
		return &sctp.DownError{Reason: sctp.ShutdownComplete}
	case a.state < established:
		return &sctp.DownError{Reason: sctp.CannotStart, Err: net.ErrClosed}
	}
	return nil
}

var errGuard = errors.New("the shutdown was not answered")
