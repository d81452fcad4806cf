package m2pa

import (
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// message takes one message of the peer. What RFC 4165 section 4.2.1 has no place for is counted
// and discarded.
func (l *Link) message(now time.Time, in *sctp.Message, out []mtp3.Indication) []mtp3.Indication {
	if !l.up {
		l.stats.Unexpected++
		return out
	}
	if l.cfg.Trace != nil {
		l.traceMessage(now, in, false)
	}
	if in.PPID != PPID {
		l.misbehaves(now, &l.stats.WrongPPID, "a message with another payload protocol identifier")
		return out
	}
	m, err := Parse(in.Data)
	if err != nil {
		l.malformed(now, err)
		return out
	}
	if in.Stream > 1 || m.Type == UserData && in.Stream != 1 {
		l.misbehaves(now, &l.stats.WrongStream, "a message on the wrong stream")
		return out
	}
	if m.Type == UserData {
		return l.userData(now, &m, out)
	}
	l.stats.StatusReceived++
	if wrong := in.Stream == 1; wrong != (m.Status == ProcessorOutage || m.Status == ProcessorRecovered) && m.Status != Ready {
		l.misbehaves(now, &l.stats.WrongStream, "a link status on the wrong stream") // and yet it says what it says
	}
	switch l.state {
	case StateInitialAlignment:
		return l.align(now, m.Status, out)
	case StateAlignedReady, StateAlignedNotReady:
		return l.aligned(now, m.Status, in.Stream, out)
	case StateInService, StateProcessorOutage:
		return l.serving(now, &m, in.Stream, out)
	}
	return out // OUT OF SERVICE: ignored
}

// serving is Link Status in IN SERVICE and PROCESSOR OUTAGE (Q.703 figure 8).
//
//	Input                     Action
//	Processor Outage          RemoteProcessorOutage, send no messages
//	Processor Recovered       RemoteProcessorRecovered, send Ready
//	Ready (stream 1)          end of this side's recovery, send Ready
//	Ready (stream 0)          ignored: repeated during alignment
//	Busy, Busy Ended          start, stop T6; send no messages, send again
//	Alignment, Proving        out of service
//	Out of Service            out of service
func (l *Link) serving(now time.Time, m *Message, stream uint16, out []mtp3.Indication) []mtp3.Indication {
	switch m.Status {
	case ProcessorOutage:
		return l.remoteOutage(now, out)
	case ProcessorRecovered:
		return l.remoteRecovered(now, m.BSN, out)
	case Ready:
		if stream == 1 {
			return l.resynchronised(now, m.BSN, out)
		}
	case Busy, BusyEnded:
		return l.remoteBusy(now, m.Status == Busy, out)
	case Alignment, ProvingNormal, ProvingEmergency:
		return l.fail(now, mtp3.ReceivedAlignment, out)
	case OutOfService:
		return l.fail(now, mtp3.ReceivedOutOfService, out)
	}
	return out
}

// userData takes a message with data or an acknowledgement.
func (l *Link) userData(now time.Time, m *Message, out []mtp3.Indication) []mtp3.Indication {
	switch l.state {
	case StateInService, StateProcessorOutage:
	case StateAlignedReady, StateAlignedNotReady: // the FISU or MSU that ends alignment
		out = l.entered(now, "the peer sends", out)
		l.expectNothing()
		l.tPR = time.Time{}
	default:
		l.stats.Unexpected++
		return out
	}
	for len(l.expected) > 0 && l.expected[0] == forReady {
		l.expected = append(l.expected[:0], l.expected[1:]...) // a peer that sends messages has answered, or never will
	}
	if l.awaitReady {
		// Sent before the peer knew of the recovery: it goes back to the BSN of Processor
		// Recovered and sends them again, or has flushed them.
		l.stats.Resynchronised++
		return out
	}
	if len(m.Data) > 0 {
		if m.FSN != seqAdd(l.lastGot, uint32(len(l.held))+1) {
			l.misbehaves(now, &l.stats.WrongFSN, "an FSN out of order")
			return out
		}
	}
	if !l.heard(now, m.BSN) {
		return l.fail(now, mtp3.AbnormalSequence, out)
	}
	if len(m.Data) == 0 {
		l.stats.AcksReceived++
		return l.congestion(now, out)
	}
	l.stats.Received++
	l.stats.ReceivedOctets += uint64(len(m.Data))
	out = l.congestion(now, out)
	if l.lpo || l.recovering || l.busy {
		if l.heldSize+len(m.Data)+1 > l.cfg.ReceiveBuffer {
			l.stats.ReceiveOverflows++
			return l.fail(now, mtp3.UnknownFailure, out)
		}
		b := append(make([]byte, 0, 1+len(m.Data)), m.Priority)
		l.held = append(l.held, append(b, m.Data...))
		l.heldSize += len(b) + len(m.Data)
		return out
	}
	l.lastGot = m.FSN
	l.mustAck = true
	return append(out, mtp3.Indication{Kind: mtp3.Received, MSU: m.Data, Priority: m.Priority})
}

// release gives level 3 what was held back, unless another reason to hold it is left.
func (l *Link) release(out []mtp3.Indication) []mtp3.Indication {
	if l.lpo || l.recovering || l.busy {
		return out
	}
	for _, b := range l.held {
		out = append(out, mtp3.Indication{Kind: mtp3.Received, MSU: b[1:], Priority: b[0]})
		l.lastGot = seqNext(l.lastGot)
		l.mustAck = true
	}
	l.dropHeld()
	return out
}

func (l *Link) dropHeld() {
	if l.held != nil {
		l.held, l.heldSize = nil, 0
	}
}

// heard takes the BSN of User Data. Two abnormal ones among three are a failure of the link (Q.703
// section 5.3.1); a single one is counted and acknowledges nothing.
func (l *Link) heard(now time.Time, bsn uint32) bool {
	l.bsnFault = l.bsnFault << 1 & 0b111
	if l.acknowledge(now, bsn) {
		return true
	}
	l.misbehaves(now, &l.stats.WrongBSN, "a BSN that was never sent, or acknowledged long ago")
	l.bsnFault |= 1
	return l.bsnFault&0b110 == 0
}

// acknowledge forgets messages up to bsn, if that can be acknowledged.
func (l *Link) acknowledge(now time.Time, bsn uint32) bool {
	if bsn == l.acked {
		return true
	}
	left := seqSub(l.lastSent, bsn) // messages after bsn
	if left > seqSub(l.lastSent, l.acked) {
		return false
	}
	if n := l.q.sent - int(left); n > 0 {
		l.q.drop(n)
	}
	l.acked = bsn
	return true
}

// rewind acknowledges up to bsn and makes what was sent after it count as never sent.
func (l *Link) rewind(now time.Time, bsn uint32) bool {
	if !l.acknowledge(now, bsn) {
		return false
	}
	l.stats.Rewound += uint64(l.q.sent)
	l.q.sent = 0
	l.lastSent = bsn
	l.t7Floor = now.Sub(l.epoch)
	return true
}
