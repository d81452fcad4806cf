package m2pa

import (
	"slices"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// Processor outage control (Q.703 section 8 and figure 10, RFC 4165 section 4.1.4). The side in
// local outage holds back what arrives, unacknowledged; the other side stops sending messages.
//
//	Local side                     Remote side
//	LocalProcessorOutage
//	  Processor Outage ----------> RemoteProcessorOutage
//	LocalProcessorRecovered
//	Continue or FlushBuffers
//	  Processor Recovered -------> RemoteProcessorRecovered; back to the BSN of the message
//	               <-------------- Ready
//	back to the BSN of the message
//	  Ready ---------------------> Continue or FlushBuffers
//
// "Back to the BSN" makes every message after it count as never sent: a side that recovers takes
// nothing between its Processor Recovered and the Ready that answers it, so what the other side
// sent in the outage and this side flushed is sent again or, after the other side's FlushBuffers,
// is gone; nothing is lost or doubled in between.

// LocalProcessorOutage begins an outage of level 3 here.
func (l *Link) LocalProcessorOutage(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.lpo {
		return out
	}
	l.lpo = true
	l.traceNote(now, "local processor outage")
	switch l.state {
	case StateAlignedReady:
		l.status(ProcessorOutage, 1)
		l.change(now, StateAlignedNotReady, "local processor outage")
	case StateInService, StateProcessorOutage:
		if l.recovering { // the peer has not heard of the recovery
			l.recovering = false
			break
		}
		l.status(ProcessorOutage, 1)
		l.decided = false
		l.change(now, StateProcessorOutage, "local processor outage")
	}
	return out
}

// LocalProcessorRecovered ends it. If messages of the peer are held back, the peer is told when
// level 3 has said Continue or FlushBuffers; with a remote outage as well, they are dropped without
// acknowledgement, which makes the peer send them again.
func (l *Link) LocalProcessorRecovered(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if !l.lpo {
		return out
	}
	l.lpo = false
	l.traceNote(now, "local processor recovered")
	switch l.state {
	case StateAlignedNotReady:
		l.status(ProcessorRecovered, 1)
		l.expect(forRecovered)
		l.status(Ready, 0)
		l.repeat(now)
		l.change(now, StateAlignedReady, "local processor recovered")
	case StateInService, StateProcessorOutage:
		if l.rpo {
			// Level 3 decides when both outages are over, and the peer may wait for this side:
			// it goes back to the BSN of Processor Recovered, and decides itself.
			l.dropHeld()
		}
		if len(l.held) > 0 && !l.decided {
			l.recovering = true
			return out
		}
		return l.recovered(now, out)
	}
	return out
}

// recovered takes what is still held back and tells the peer.
func (l *Link) recovered(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	l.recovering = false
	out = l.release(out)
	l.dropHeld() // of a side that is busy too: the peer sends it again
	l.status(ProcessorRecovered, 1)
	l.expect(forRecovered)
	if l.cfg.T7 > 0 {
		l.tPR = now.Add(l.cfg.T7)
	}
	return out
}

// remoteOutage is Processor Outage from the peer.
func (l *Link) remoteOutage(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.rpo {
		return out
	}
	l.t1, l.tRepeat = time.Time{}, time.Time{} // in ALIGNED READY and ALIGNED NOT READY
	l.rpo, l.decided = true, false
	l.stats.RemoteOutages++
	l.change(now, StateProcessorOutage, "remote processor outage")
	return append(out, mtp3.Indication{Kind: mtp3.RemoteProcessorOutage})
}

// remoteRecovered is Processor Recovered from the peer, which has taken everything up to bsn.
func (l *Link) remoteRecovered(now time.Time, bsn uint32, out []mtp3.Indication) []mtp3.Indication {
	if !l.rewind(now, bsn) {
		return l.fail(now, mtp3.AbnormalSequence, out)
	}
	l.dropHeld() // the peer goes back to the BSN of the Ready, and sends again what was held here
	l.status(Ready, 1)
	l.expect(forReady)
	out = l.congestion(now, out)
	if !l.rpo {
		return out
	}
	l.rpo = false
	l.undecided = !l.decided
	l.traceNote(now, "remote processor recovered")
	out = append(out, mtp3.Indication{Kind: mtp3.RemoteProcessorRecovered})
	if !l.indicated { // the outage began before the link was in service: there is nothing to decide
		l.undecided = false
		out = l.inService(out)
	}
	l.settle(now)
	return out
}

// expectation is what a Ready message on stream 1 answers. The peer answers in the order in which
// it got things, which decides, when both sides recover at once, which Ready ends whose recovery.
type expectation uint8

const (
	forRecovered expectation = iota // this side's Processor Recovered
	forReady                        // this side's Ready, which answered the peer's Processor Recovered
)

func (l *Link) expect(e expectation) {
	if e == forReady && len(l.expected) >= 16 {
		return // a peer that never answers
	}
	l.expected = append(l.expected, e)
	l.awaitReady = l.awaitReady || e == forRecovered
}

func (l *Link) expectNothing() {
	l.expected, l.awaitReady = l.expected[:0], false
}

// resynchronised is Ready on the stream of User Data.
func (l *Link) resynchronised(now time.Time, bsn uint32, out []mtp3.Indication) []mtp3.Indication {
	e := forReady
	if len(l.expected) > 0 {
		e = l.expected[0]
		l.expected = append(l.expected[:0], l.expected[1:]...)
	}
	if e == forReady {
		if !l.acknowledge(now, bsn) {
			return l.fail(now, mtp3.AbnormalSequence, out)
		}
		return l.congestion(now, out)
	}
	if !l.rewind(now, bsn) {
		return l.fail(now, mtp3.AbnormalSequence, out)
	}
	l.status(Ready, 1)
	if l.awaitReady = slices.Contains(l.expected, forRecovered); !l.awaitReady {
		l.tPR = time.Time{}
	}
	l.settle(now)
	return l.congestion(now, out)
}

// settle goes back to IN SERVICE once nothing is left of the outages.
func (l *Link) settle(now time.Time) {
	if l.state == StateProcessorOutage && !l.lpo && !l.rpo && !l.recovering && !l.awaitReady && !l.undecided {
		l.change(now, StateInService, "processors recovered")
	}
}

// FlushBuffers throws away what waits to be sent or acknowledged, and what is held back of the
// peer's messages (RFC 4165 section 4.1.4).
func (l *Link) FlushBuffers(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.state != StateProcessorOutage {
		return out
	}
	l.stats.Flushed += uint64(len(l.held))
	out = l.lose(l.q.total, out)
	l.q.clear()
	l.dropHeld()
	return l.decide(now, l.congestion(now, out))
}

// Continue goes on with what is there.
func (l *Link) Continue(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.state != StateProcessorOutage {
		return out
	}
	return l.decide(now, out)
}

func (l *Link) decide(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	l.decided, l.undecided = true, false
	if l.recovering {
		out = l.recovered(now, out)
	}
	l.settle(now)
	return out
}

// Busy tells whether level 3, or what is behind it, cannot take messages for now (receive
// congestion, RFC 4165 section 4.1.5). While it cannot, messages of the peer are held back without
// acknowledgement; the peer stops sending, and takes the link out of service after its T6.
func (l *Link) Busy(now time.Time, busy bool, out []mtp3.Indication) []mtp3.Indication {
	if busy == l.busy || l.state != StateInService && l.state != StateProcessorOutage {
		return out
	}
	l.busy = busy
	if busy {
		l.unqueue(BusyEnded)
		l.status(Busy, 0)
		l.stats.LocalBusy++
		return out
	}
	l.unqueue(Busy)
	l.status(BusyEnded, 0)
	return l.release(out)
}

// unqueue takes back a status that has not been sent yet.
func (l *Link) unqueue(s Status) {
	for i, o := range l.statuses {
		if o.status == s {
			l.statuses = append(l.statuses[:i], l.statuses[i+1:]...)
			return
		}
	}
}

// remoteBusy is Busy or Busy Ended from the peer (section 4.1.5).
func (l *Link) remoteBusy(now time.Time, busy bool, out []mtp3.Indication) []mtp3.Indication {
	if busy == l.peerBusy {
		return out
	}
	if busy {
		waiting := !l.t7().IsZero()
		l.peerBusy = true
		l.stats.RemoteBusy++
		if waiting {
			l.t6 = now.Add(l.cfg.T6)
		}
	} else {
		l.peerBusy = false
		l.t6 = time.Time{}
		l.t7Floor = now.Sub(l.epoch)
	}
	l.traceNote(now, map[bool]string{true: "the peer is busy", false: "the peer is no longer busy"}[busy])
	return out
}
