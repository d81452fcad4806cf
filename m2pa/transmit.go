package m2pa

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// Send takes a message for the peer. The link copies it. Where it cannot be taken (the link is not
// in service or in processor outage, the buffers are full, or it has no octet or more than MaxMSU)
// it comes back at once as Discarded.
func (l *Link) Send(now time.Time, priority uint8, msu []byte, out []mtp3.Indication) []mtp3.Indication {
	if l.state != StateInService && l.state != StateProcessorOutage || len(msu) == 0 || len(msu) > MaxMSU || priority > 3 ||
		l.q.total >= l.cfg.TransmitMessages || l.q.octets+HeaderLen+1+len(msu) > l.cfg.TransmitBuffer {
		l.stats.Discarded++
		return append(out, mtp3.Indication{Kind: mtp3.Discarded, MSU: msu, Priority: priority})
	}
	l.q.push(priority, msu)
	if l.q.octets > l.nextOnset {
		return l.congestion(now, out)
	}
	return out
}

// congestion tells level 3 when the octets in the buffers have passed a threshold (RFC 4165 section
// 4.2.2, Q.704 section 3.8.2).
func (l *Link) congestion(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.q.octets <= l.nextOnset && l.q.octets >= l.nextAbatement {
		return out
	}
	c := &l.cfg
	level := passed(l.level, l.q.octets, &c.CongestionOnset, &c.CongestionAbatement)
	abate := [3]int{c.CongestionDiscard[0] / 5 * 4, c.CongestionDiscard[1] / 5 * 4, c.CongestionDiscard[2] / 5 * 4}
	discard := passed(l.discard, l.q.octets, &c.CongestionDiscard, &abate)
	if level > l.level {
		l.stats.Congestions++
	}
	told := level != l.level || discard != l.discard
	l.level, l.discard = level, discard
	l.nextOnset = min(next(level, &c.CongestionOnset), next(discard, &c.CongestionDiscard))
	l.nextAbatement = max(before(level, &c.CongestionAbatement), before(discard, &abate))
	if !told {
		return out
	}
	l.traceLevel(now)
	return append(out, mtp3.Indication{Kind: mtp3.Congestion, Level: level, Discard: discard})
}

// passed is the level at so many octets, coming from another one. A threshold that is not above 0
// is never reached.
func passed(level uint8, octets int, onset, abatement *[3]int) uint8 {
	for level < 3 && onset[level] > 0 && octets > onset[level] {
		level++
	}
	for level > 0 && octets < abatement[level-1] {
		level--
	}
	return level
}

// next is the threshold above a level, before the one that ends it.
func next(level uint8, onset *[3]int) int {
	if level < 3 && onset[level] > 0 {
		return onset[level]
	}
	return math.MaxInt
}

func before(level uint8, abatement *[3]int) int {
	if level > 0 {
		return abatement[level-1]
	}
	return 0
}

// mayTransmit says whether messages may leave.
func (l *Link) mayTransmit() bool {
	switch l.state {
	case StateInService:
	case StateProcessorOutage:
		if l.rpo || l.undecided {
			return false
		}
	default:
		return false
	}
	return !l.peerBusy && !l.awaitReady && !l.recovering
}

// Output appends what is to be sent, in the order in which it is to be sent, as far as ms has room
// without growing (but at least one message): Link Status messages first (RFC 4165 section 4.1.8),
// then messages of level 3 within Config.Window, and an acknowledgement if there is nothing for
// it to ride on. The data is valid until the next call of a method. Whoever calls Output hands the
// messages to the association and calls [Link.Sent] with those that it took, before any other
// method; the rest comes again.
func (l *Link) Output(now time.Time, ms []sctp.Message) []sctp.Message {
	l.offered = offer{}
	if !l.up {
		return ms
	}
	room := max(cap(ms)-len(ms), 1)
	if len(l.statuses) > 0 {
		l.scratch = l.scratch[:0]
		for _, o := range l.statuses {
			if room == 0 {
				return ms
			}
			start := len(l.scratch)
			l.scratch = l.appendStatus(l.scratch, o.status)
			ms = append(ms, sctp.Message{Stream: o.stream, PPID: PPID, Data: l.scratch[start:len(l.scratch):len(l.scratch)]})
			l.offered.statuses++
			room--
		}
	}
	if l.q.total > l.q.sent && l.mayTransmit() {
		n := min(l.q.total, l.cfg.Window) - l.q.sent
		n = min(n, room)
		fsn := l.lastSent
		for i := range n {
			e := l.q.slot(l.q.sent + i)
			fsn = seqNext(fsn)
			number(e.buf, l.lastGot, fsn)
			ms = append(ms, sctp.Message{Stream: 1, PPID: PPID, Data: e.buf})
		}
		if n > 0 {
			l.offered.data = n
			return ms
		}
	}
	if l.mustAck && !l.awaitReady && room > 0 { // section 4.1.4: no User Data between Processor Recovered and Ready
		start := len(l.scratch)
		if l.offered.statuses == 0 {
			start = 0
		}
		l.scratch = appendHeader(l.scratch[:start], UserData, HeaderLen, l.lastGot, l.lastSent)
		ms = append(ms, sctp.Message{Stream: 1, PPID: PPID, Data: l.scratch[start:]})
		l.offered.acks = 1
	}
	return ms
}

// Sent says that the association took these messages, the first ones that the last Output appended.
func (l *Link) Sent(now time.Time, taken []sctp.Message) {
	l.begin(now)
	if l.cfg.Trace != nil {
		for i := range taken {
			l.traceMessage(now, &taken[i], true)
		}
	}
	o, n := l.offered, len(taken)
	l.offered = offer{}
	if k := min(n, o.statuses); k > 0 {
		n -= k
		l.stats.StatusSent += uint64(k)
		l.statuses = append(l.statuses[:0], l.statuses[k:]...)
	}
	if k := min(n, o.data); k > 0 {
		n -= k
		at := now.Sub(l.epoch)
		for i := range k {
			e := l.q.slot(l.q.sent + i)
			e.at = at
			l.stats.SentOctets += uint64(len(e.buf) - HeaderLen - 1)
		}
		l.q.sent += k
		l.lastSent = seqAdd(l.lastSent, uint32(k))
		l.stats.Sent += uint64(k)
		l.mustAck = false
	}
	if n > 0 && o.acks > 0 {
		l.stats.AcksSent++
		l.mustAck = false
	}
}

// Pending says whether Output has something to send.
func (l *Link) Pending() bool {
	return l.up && (len(l.statuses) > 0 || l.mustAck && !l.awaitReady || l.q.total > l.q.sent && l.q.sent < l.cfg.Window && l.mayTransmit())
}

func (l *Link) appendStatus(b []byte, s Status) []byte {
	filler := 0
	if s == ProvingNormal || s == ProvingEmergency {
		filler = l.cfg.ProvingFiller
	}
	b = appendHeader(b, LinkStatus, HeaderLen+4+filler, l.lastGot, l.lastSent)
	b = binary.BigEndian.AppendUint32(b, uint32(s))
	for range filler {
		l.fillCount = l.fillCount*5 + 1 // visits every octet
		b = append(b, l.fillCount)
	}
	return b
}

// RetrieveBSNT answers with the FSN of the last message that level 3 here has got, once the link
// has been in service.
func (l *Link) RetrieveBSNT(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if !l.served {
		return append(out, mtp3.Indication{Kind: mtp3.BSNTNotRetrievable})
	}
	return append(out, mtp3.Indication{Kind: mtp3.BSNT, FSN: l.lastGot})
}

// Retrieve gives back what was sent after fsnc, then what was never sent (RFC 4165 section 4.2.3).
// An fsnc that the peer cannot have acknowledged is answered with RetrievalNotPossible.
func (l *Link) Retrieve(now time.Time, fsnc uint32, out []mtp3.Indication) []mtp3.Indication {
	if l.serves() {
		return out
	}
	if fsnc > seqMask || !l.acknowledge(now, fsnc) {
		return append(out, mtp3.Indication{Kind: mtp3.RetrievalNotPossible})
	}
	return l.retrieve(now, out)
}

// RetrieveUnsent gives back what was never sent. What was sent is lost.
func (l *Link) RetrieveUnsent(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.serves() {
		return out
	}
	out = l.lose(l.q.sent, out)
	return l.retrieve(now, out)
}

// lose gives up the n oldest messages in the buffers.
func (l *Link) lose(n int, out []mtp3.Indication) []mtp3.Indication {
	for i := range n {
		p, msu := l.q.slot(i).msu()
		out = append(out, mtp3.Indication{Kind: mtp3.Lost, MSU: msu, Priority: p})
	}
	l.stats.Lost += uint64(n)
	l.q.drop(n)
	return out
}

// serves says whether the buffers are in use: nothing is retrieved from a link in service.
func (l *Link) serves() bool { return l.state == StateInService && l.mayTransmit() }

func (l *Link) retrieve(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	for i := range l.q.total {
		p, msu := l.q.slot(i).msu()
		out = append(out, mtp3.Indication{Kind: mtp3.Retrieved, MSU: msu, Priority: p})
	}
	l.stats.Retrieved += uint64(l.q.total)
	l.q.clear()
	out = append(out, mtp3.Indication{Kind: mtp3.RetrievalComplete})
	return l.congestion(now, out)
}
