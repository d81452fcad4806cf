package user

import (
	"net/netip"
	"time"
)

// beating says whether HEARTBEATs are sent in a state (RFC 9260 section 8.3).
func (s state) beating() bool {
	return s == established || s == shutdownPending || s == shutdownReceived
}

// scheduleHeartbeat sets when the path will have been idle for long enough: HB.interval and the
// RTO, give or take half of that.
func (a *assoc) scheduleHeartbeat(now time.Time, p *path) {
	if a.cfg.Heartbeat < 0 {
		p.hbNext = time.Time{}
		return
	}
	jitter := time.Duration(a.next64() % uint64(p.rto))
	p.hbNext = now.Add(a.cfg.Heartbeat + p.rto/2 + jitter)
}

// appendHeartbeat appends a HEARTBEAT for the path and starts its timer. What it carries only we
// read: the path, a nonce, and when it was sent.
func (a *assoc) appendHeartbeat(b []byte, now time.Time, p *path) []byte {
	p.hbNonce = uint64(random32())<<32 | uint64(random32())
	p.hbSent, p.hbExpire = now, now.Add(p.rto)
	start := len(b)
	b = beginChunk(b, ctHeartbeat, 0)
	b = be.AppendUint16(b, paramHeartbeatInfo)
	b = be.AppendUint16(b, 16)
	b = be.AppendUint32(b, uint32(p.index))
	b = be.AppendUint64(b, p.hbNonce)
	return finishTLV(b, start)
}

func (a *assoc) sendHeartbeat(now time.Time, p *path) {
	p.hbNext = time.Time{}
	if !a.state.beating() {
		return
	}
	a.scheduleHeartbeat(now, p)
	a.to(p, a.appendHeartbeat(nil, now, p))
}

// heartbeatLost counts a HEARTBEAT that was not answered within an RTO.
func (a *assoc) heartbeatLost(now time.Time, p *path) {
	p.hbExpire = time.Time{}
	if !a.state.beating() {
		return
	}
	p.backOff(a)
	probing := !p.confirmed && p.active
	if p == a.data && p.confirmed && a.failure() {
		return
	}
	p.failed(a)
	if probing && p.active {
		a.sendHeartbeat(now, p) // section 5.4: once in each RTO
	} else {
		a.scheduleHeartbeat(now, p)
	}
}

// handleHeartbeat gives back what the peer sent, to where it came from.
func (a *assoc) handleHeartbeat(local, remote netip.AddrPort, c chunk) {
	if a.state >= cookieEchoed && a.state != shutdownSent && a.state != shutdownAckSent {
		a.reply(reply{local: local, remote: remote, tag: a.peerTag, chunks: appendChunk(nil, ctHeartbeatAck, 0, c.value)})
	}
}

func (a *assoc) handleHeartbeatAck(now time.Time, c chunk) {
	typ, v, _, _, ok := nextTLV(c.value)
	if !ok || typ != paramHeartbeatInfo || len(v) != 12 || int(be.Uint32(v)) >= len(a.paths) {
		return
	}
	p := a.paths[be.Uint32(v)]
	if p.hbSent.IsZero() || p.hbNonce != be.Uint64(v[4:]) {
		return
	}
	p.measured(a, now.Sub(p.hbSent))
	p.hbExpire, p.hbSent = time.Time{}, time.Time{}
	a.errors = 0
	p.answered(a)
	if a.state.beating() {
		a.scheduleHeartbeat(now, p)
	}
}
