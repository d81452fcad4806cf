package user

import (
	"net/netip"
	"time"

	"github.com/gotelco/telco/sctp"
)

// maxCookieExtension bounds what a Cookie Preservative can ask for.
const maxCookieExtension = 30 * time.Second

// cookieLife is Valid.Cookie.Life (RFC 9260 section 16).
const cookieLife = 60 * time.Second

// respond answers an INIT: it makes the INIT ACK with its cookie, and keeps nothing. local and
// remote are where the INIT came and where from; c.out and c.in are agreed on here.
func respond(sign *signer, now time.Time, cfg *sctp.Config, locals []netip.AddrPort, local, remote netip.AddrPort, localPort, remotePort uint16, in *initChunk, c cookie) reply {
	c.local, c.remote, c.localPort, c.remotePort = local, remote, localPort, remotePort
	c.life = cookieLife + min(time.Duration(in.preserve)*time.Millisecond, maxCookieExtension)
	c.peerTag, c.peerTSN, c.rwnd = in.tag, in.tsn, in.rwnd
	c.out, c.in = min(cfg.OutStreams, in.in), min(cfg.MaxInStreams, in.out)
	c.peerAddrs = in.addrs
	ack := initChunk{tag: c.localTag, rwnd: uint32(cfg.ReceiveBuffer), out: c.out, in: cfg.MaxInStreams, tsn: c.localTSN,
		addrs: addrsFor(locals, remote.Addr()), cookie: sign.seal(nil, now, &c), unknown: in.unknown}
	return reply{local: local, remote: remote, tag: in.tag, chunks: ack.append(nil, ctInitAck), alone: true}
}

// refuse answers an INIT with an ABORT (section 8.4 rule 3).
func refuse(local, remote netip.AddrPort, tag uint32, causes []byte) reply {
	return reply{local: local, remote: remote, tag: tag, chunks: appendChunk(nil, ctAbort, 0, causes), alone: true}
}

// handleInit takes an INIT when a TCB is there (sections 5.2.1 and 5.2.2).
//
//	State               Action
//	COOKIE-WAIT         INIT ACK with our own tag, no tie-tags
//	COOKIE-ECHOED       the same with tie-tags, if there is no new address; else ABORT
//	SHUTDOWN-ACK-SENT   SHUTDOWN ACK again (section 9.2)
//	others              INIT ACK with a new tag and tie-tags, if there is no new address; else ABORT
func (a *assoc) handleInit(now time.Time, local, remote netip.AddrPort, ch chunk) {
	in, err := parseInit(ch.value)
	if in.tag == 0 {
		return
	}
	if err != nil {
		a.reply(refuse(local, remote, in.tag, appendCause(nil, causeProtocolViolation, []byte(err.Error()))))
		return
	}
	if cause := in.refusal(false); cause != nil {
		a.reply(refuse(local, remote, in.tag, cause))
		return
	}
	c := cookie{localTag: a.localTag, localTSN: a.localTSN}
	switch a.state {
	case shutdownAckSent:
		a.to(a.t2Path, appendChunk(nil, ctShutdownAck, 0, nil))
		return
	case cookieWait:
		if a.pathTo(remote.Addr()) == nil {
			return // the INIT ACK may only go to an address that the upper layer named
		}
	default:
		if added := a.newAddrs(remote.Addr(), in.addrs); added != nil {
			a.reply(refuse(local, remote, in.tag, appendCause(nil, causeRestartNewAddrs, added)))
			return
		}
		if a.localTie == 0 {
			a.localTie, a.peerTie = randomTag(), randomTag()
		}
		c.localTie, c.peerTie = a.localTie, a.peerTie
		if a.state != cookieEchoed {
			c.localTag, c.localTSN = randomTag(), random32()
		}
	}
	a.reply(respond(a.sign, now, &a.cfg, a.locals, local, remote, a.localPort, a.remotePort, &in, c))
}

// newAddrs lists, as parameters, the addresses of an INIT that the association does not have.
func (a *assoc) newAddrs(from netip.Addr, addrs []netip.Addr) (added []byte) {
	if a.pathTo(from) == nil {
		added = appendAddr(added, from)
	}
	for _, x := range addrs {
		if _, ok := source(a.locals, x); ok && a.pathTo(x) == nil && x != from {
			added = appendAddr(added, x)
		}
	}
	return added
}

// handleInitAck takes the answer to our INIT (section 5.1 C).
func (a *assoc) handleInitAck(now time.Time, local, remote netip.AddrPort, ch chunk) {
	if a.state != cookieWait {
		return // section 5.2.3
	}
	in, err := parseInit(ch.value)
	cause := in.refusal(true)
	switch {
	case len(ch.value) >= 4 && in.tag == 0: // section 3.3.3
		a.reply(reply{local: local, remote: remote, tag: a.localTag, chunks: appendChunk(nil, ctAbort, flagT, nil), alone: true})
		cause = []byte{}
	case err != nil:
		cause = appendCause(nil, causeProtocolViolation, []byte(err.Error()))
		a.reply(refuse(local, remote, in.tag, cause))
	case cause != nil:
		a.reply(refuse(local, remote, in.tag, cause))
	case in.out > a.cfg.MaxInStreams:
		cause = appendCause(nil, causeInvalidParam, nil)
		a.reply(refuse(local, remote, in.tag, cause))
	}
	if cause != nil {
		a.over(&sctp.DownError{Reason: sctp.CannotStart, Err: &PeerError{"an INIT ACK that cannot be accepted"}})
		return
	}
	p := a.paths[a.initPath]
	if a.tries == 0 {
		p.measured(a, now.Sub(a.initSent))
	}
	port := p.remote.Port()
	if remote.Addr() == p.remote.Addr() {
		p.remote = remote
		port = remote.Port()
	}
	a.peerTag = in.tag
	a.out, a.in = min(a.cfg.OutStreams, in.in), in.out
	a.addPath(remote)
	for _, x := range in.addrs {
		a.addPath(netip.AddrPortFrom(x, port))
	}
	a.begin(in.tsn, in.rwnd)
	a.cookie = append([]byte(nil), in.cookie...)
	a.report = nil
	if len(in.unknown) > 0 { // section 3.2.2
		var params []byte
		for _, u := range in.unknown {
			for params = append(params, u...); len(params)&3 != 0; {
				params = append(params, 0)
			}
		}
		a.report = appendChunk(nil, ctError, 0, appendCause(nil, causeUnrecognizedParams, params))
	}
	a.state = cookieEchoed
	a.tries = 0
	a.sendCookieEcho(now)
}

func (a *assoc) sendCookieEcho(now time.Time) {
	p := a.paths[a.initPath]
	a.to(p, append(appendChunk(nil, ctCookieEcho, 0, a.cookie), a.report...))
	a.t1, a.initSent = now.Add(p.rto), now
}

func (a *assoc) handleCookieAck(now time.Time) {
	if a.state != cookieEchoed {
		return // section 5.2.5
	}
	if p := a.paths[a.initPath]; a.tries == 0 {
		p.measured(a, now.Sub(a.initSent))
	}
	a.establish(now, sctp.Up)
}

// expireT1 sends the INIT or COOKIE ECHO again, to the next of the addresses (section 5.1).
func (a *assoc) expireT1(now time.Time) {
	a.tries++
	if a.tries > a.cfg.MaxInitRetrans {
		a.t1 = time.Time{}
		a.over(&sctp.DownError{Reason: sctp.CannotStart})
		return
	}
	a.paths[a.initPath].backOff(a)
	for i := 1; i <= len(a.paths); i++ {
		if n := (a.initPath + i) % len(a.paths); a.paths[n].given {
			a.initPath = n
			break
		}
	}
	if a.state == cookieWait {
		a.sendInit(now)
	} else {
		a.sendCookieEcho(now)
	}
}

// handleError takes an ERROR; only a stale cookie changes anything (section 5.2.6).
func (a *assoc) handleError(now time.Time, c chunk) {
	code, info := firstCause(c.value)
	if code != causeStaleCookie || a.state != cookieEchoed {
		return
	}
	if a.tries++; a.tries > a.cfg.MaxInitRetrans {
		a.over(&sctp.DownError{Reason: sctp.CannotStart, Err: &PeerError{"each cookie was stale"}})
		return
	}
	var late time.Duration
	if len(info) >= 4 {
		late = time.Duration(be.Uint32(info)) * time.Microsecond
	}
	// A new INIT that asks for a longer life: what we were late by, and the time of a round trip.
	a.preserve = uint32((min(late, maxCookieExtension) + min(now.Sub(a.initSent), time.Second)) / time.Millisecond)
	a.preserve = max(a.preserve, 1)
	a.peerTag, a.cookie = 0, nil
	a.state = cookieWait
	a.sendInit(now)
}

// accept makes the association of a cookie that was found good, and enters ESTABLISHED.
func (a *assoc) accept(now time.Time, local, remote netip.AddrPort, c *cookie) bool {
	a.adopt(c)
	if len(a.paths) == 0 {
		return false
	}
	a.paths[0].local, a.paths[0].confirmed = c.local, true // section 5.4 rule 2
	a.begin(c.peerTSN, c.rwnd)
	a.establish(now, sctp.Up)
	a.cookieAck(now, local, remote)
	return true
}

// adopt takes tags, streams and addresses from a cookie.
func (a *assoc) adopt(c *cookie) {
	a.localTag, a.peerTag, a.localTSN = c.localTag, c.peerTag, c.localTSN
	a.out, a.in = c.out, c.in
	a.addPath(c.remote)
	for _, x := range c.peerAddrs {
		a.addPath(netip.AddrPortFrom(x, c.remote.Port()))
	}
	if a.data == nil && len(a.paths) > 0 {
		a.data = a.paths[0]
	}
}

// cookieAck answers where the COOKIE ECHO came from, with a HEARTBEAT if nobody vouched for that
// address yet (section 5.4).
func (a *assoc) cookieAck(now time.Time, local, remote netip.AddrPort) {
	ack := appendChunk(nil, ctCookieAck, 0, nil)
	p := a.pathTo(remote.Addr())
	if p == nil {
		p = a.paths[0]
	} else {
		p.local, p.remote = local, remote
	}
	if !p.confirmed {
		ack = a.appendHeartbeat(ack, now, p)
	}
	a.to(p, ack)
}

// handleCookieEcho takes a COOKIE ECHO when a TCB is there, by table 12 of section 5.2.4. It
// returns whether the rest of the packet counts.
//
//	Local Tag  Peer's Tag  Local-Tie-Tag  Peer's-Tie-Tag  Action
//	X          X           M              M               A: restart
//	M          X           any            any             B: collision, take the peer's tag
//	M          0           any            any             B
//	X          M           0              0               C: discard
//	M          M           any            any             D: COOKIE ACK
func (a *assoc) handleCookieEcho(now time.Time, local, remote netip.AddrPort, h header, ch chunk) bool {
	c, err := a.sign.open(now, ch.value)
	if err != nil || c.localPort != a.localPort || c.remotePort != a.remotePort || h.tag != c.localTag {
		return false
	}
	ours, peers := c.localTag == a.localTag, c.peerTag == a.peerTag
	if late := a.sign.staleness(now, &c); late > 0 && !(ours && peers) {
		a.reply(stale(local, remote, c.peerTag, late))
		return false
	}
	switch {
	case !ours && !peers && c.localTie == a.localTie && c.peerTie == a.peerTie && a.localTie != 0: // A
		if a.state == shutdownAckSent {
			a.to(a.t2Path, appendChunk(appendChunk(nil, ctShutdownAck, 0, nil), ctError, 0, appendCause(nil, causeCookieWhileShutting, nil)))
			return false
		}
		a.reportUnsent()
		a.adopt(&c)
		for _, p := range a.paths {
			p.reset(a)
			p.confirmed = p.remote.Addr() == c.remote.Addr()
		}
		a.localTie, a.peerTie = 0, 0
		a.t2, a.guard, a.control = time.Time{}, time.Time{}, a.control[:0]
		a.begin(c.peerTSN, c.rwnd)
		a.establish(now, sctp.Restart)
		a.cookieAck(now, local, remote)
		if a.ending {
			a.shutdown(now)
		}
	case ours && !peers: // B
		a.localTie, a.peerTie = 0, 0
		if a.state == cookieWait || a.state == cookieEchoed {
			a.adopt(&c)
			a.begin(c.peerTSN, c.rwnd)
			a.establish(now, sctp.Up)
		} else {
			a.peerTag = c.peerTag
			if !a.anyData {
				a.tsns = tsnSet{cum: c.peerTSN - 1, high: c.peerTSN - 1}
			}
		}
		a.cookieAck(now, local, remote)
	case ours && peers: // D
		if a.state == cookieEchoed {
			a.establish(now, sctp.Up)
		}
		a.cookieAck(now, local, remote)
	default: // C, and what the table does not have
		return false
	}
	return true
}

// stale reports a cookie that came too late (section 3.3.10.3).
func stale(local, remote netip.AddrPort, tag uint32, late time.Duration) reply {
	us := be.AppendUint32(nil, uint32(min(late/time.Microsecond, 1<<32-1)))
	return reply{local: local, remote: remote, tag: tag, chunks: appendChunk(nil, ctError, 0, appendCause(nil, causeStaleCookie, us)), alone: true}
}
