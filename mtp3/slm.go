package mtp3

import (
	"encoding/binary"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// Start activates every link that is not.
func (n *Node) Start(now time.Time, out []Output) []Output {
	n.begin(now, out)
	for _, l := range n.links {
		if l != nil && !l.active {
			l.active = true
			n.startLink(l)
		}
	}
	return n.end()
}

// Activate brings a link into service and keeps it there (Q.704 section 12.2.1).
func (n *Node) Activate(now time.Time, id LinkID, out []Output) []Output {
	l := n.link(id)
	if l == nil || l.active {
		return out
	}
	n.begin(now, out)
	l.active = true
	n.startLink(l)
	return n.end()
}

// Deactivate takes a link out of service and leaves it so (Q.704 section 12.2.3). What it has not
// delivered goes the way of a changeover.
func (n *Node) Deactivate(now time.Time, id LinkID, out []Output) []Output {
	l := n.link(id)
	if l == nil || !l.active {
		return out
	}
	n.begin(now, out)
	l.active = false
	n.timers.Stop(l.t17)
	n.failLink(l, StoppedByManagement, true)
	return n.end()
}

// SetLocalProcessorOutage tells the peer of a link that level 3 cannot take messages, or that it can again
// (Q.704 section 3.2.6). With T24 set, the end of the outage waits so long.
func (n *Node) SetLocalProcessorOutage(now time.Time, id LinkID, outage bool, out []Output) []Output {
	l := n.link(id)
	if l == nil {
		return out
	}
	n.begin(now, out)
	switch {
	case outage && !l.lpo:
		n.outageBegins(l)
		l.lpo = true
		n.timers.Stop(l.t24)
		n.command(l, l.l2.LocalProcessorOutage)
		n.linkChanged(LinkBlocked, l, "local processor outage")
		n.update(l)
	case outage:
		n.timers.Stop(l.t24)
	case l.lpo && n.t.T24 > 0:
		n.after(l.t24, n.t.T24)
	case l.lpo:
		n.localProcessorRecovered(l)
	}
	return n.end()
}

func (n *Node) localProcessorRecovered(l *link) {
	if !l.lpo {
		return
	}
	l.lpo = false
	n.command(l, l.l2.LocalProcessorRecovered)
	n.outageEnded(l, "local processor recovered")
}

func (n *Node) outageBegins(l *link) {
	if !l.lpo && !l.rpo {
		l.outageAt = n.now
	}
}

// outageEnded follows the end of a processor outage at either end: after a long one the buffers are old (Q.704 section
// 5.6.2). It was long if it outlasted T1, whether or not the link carried traffic here: the other end has diverted its own.
func (n *Node) outageEnded(l *link, text string) {
	if l.lpo || l.rpo {
		return
	}
	n.linkChanged(LinkUnblocked, l, text)
	if l.up {
		if n.now.Sub(l.outageAt) >= n.t.T1 {
			n.command(l, l.l2.FlushBuffers)
		} else {
			n.command(l, l.l2.Continue)
		}
	}
	n.update(l)
}

// startLink begins the alignment of a link that is wanted (Q.704 section 12.2.1.2).
func (n *Node) startLink(l *link) {
	if !l.active || l.up || l.co != nil {
		return
	}
	n.timers.Stop(l.t17)
	if l.ls.usable == 0 { // link set emergency restart, Q.704 section 12.2.4.2
		n.command(l, l.l2.SetEmergency)
	} else {
		n.command(l, l.l2.ClearEmergency)
	}
	l.starting = true
	n.command(l, l.l2.Start)
}

// failLink takes a link out of service, for a reason of level 2 (stop false) or of our own (stop true).
func (n *Node) failLink(l *link, reason LinkFailReason, stop bool) {
	wasUp := l.up
	if stop {
		n.command(l, l.l2.Stop)
	}
	l.starting = false
	l.reason, l.failedAt = reason, n.now
	if wasUp {
		l.stats.Failures++
		n.linkChanged(LinkFailed, l, reason.String())
		// Read at once: aligning again forgets it.
		l.bsntOK = false
		n.ind = l.l2.RetrieveBSNT(n.now, n.ind[:0])
		for _, ind := range n.ind {
			if ind.Kind == BSNT {
				l.bsnt, l.bsntOK = ind.FSN, true
			}
		}
		n.said(l, n.ind)
		l.coDone = false // what was done when it was blocked or inhibited was not about this failure
	}
	l.up, l.tested, l.rpo = false, false, false
	l.level, l.discard = 0, 0
	n.timers.Stop(l.slt.t1)
	n.timers.Stop(l.slt.t2)
	if wasUp {
		n.noLinkInService(l.ls)
	}
	if !l.usable && l.co != nil && !l.co.handshake && wasUp {
		n.changeoverFailed(l.co) // it waited for the end of an outage or inhibition; now level 2 is gone
	}
	n.update(l)
	l.carried = false
	if l.active && l.co == nil {
		n.after(l.t17, n.t.T17)
	}
}

// indication acts on what level 2 says, but for messages.
func (n *Node) indication(l *link, ind Indication) {
	switch ind.Kind {
	case Received:
		n.received(l, ind.MSU, ind.Priority)
	case InService:
		if l.up {
			return
		}
		if !l.active {
			n.command(l, l.l2.Stop)
			return
		}
		l.starting = false
		l.up = true
		l.coDone = false
		n.timers.Stop(l.t17)
		n.command(l, l.l2.ClearEmergency)
		n.linkInService(l.ls)
		if n.cfg.NoLinkTest {
			l.tested = true
			n.update(l)
			return
		}
		n.sendLinkTest(l, true)
	case OutOfService:
		n.failLink(l, ind.Reason, false)
	case RemoteProcessorOutage:
		if l.up && !l.rpo {
			n.outageBegins(l)
			l.rpo = true
			n.linkChanged(LinkBlocked, l, "remote processor outage")
			n.update(l)
		}
	case RemoteProcessorRecovered:
		if l.rpo {
			l.rpo = false
			n.outageEnded(l, "remote processor recovered")
		}
	case Congestion:
		n.congestion(l, ind.Level, ind.Discard)
	case Discarded, Lost:
		n.gaveUp(l, ind)
	}
}

// linkTest is the signalling link test of one link (Q.707 section 2.2).
type linkTest struct {
	t1, t2  *loop.Timer
	pattern [4]byte
	counter uint16
	first   bool // the test under way has not been repeated yet
	running bool
}

// sendLinkTest sends an SLTM; first is false for its repetition.
func (n *Node) sendLinkTest(l *link, first bool) {
	if !l.up {
		return
	}
	t := &l.slt
	t.counter++
	t.pattern = [4]byte{0x5a, l.slc}
	binary.BigEndian.PutUint16(t.pattern[2:], t.counter)
	t.first, t.running = first, true
	n.after(t.t1, n.t.TestT1)
	n.sendOn(l, SNMessage{SI: n.testSI(), Heading: SLTM, SLC: l.slc, Pattern: t.pattern[:]})
}

// testSI is the service indicator of test messages.
func (n *Node) testSI() ServiceIndicator {
	if n.f.Variant == ANSI {
		return SNTSpecial
	}
	return SNT
}

// linkTestExpired repeats a test that was not acknowledged once, and then gives up.
func (n *Node) linkTestExpired(l *link) {
	switch {
	case !l.up || !l.slt.running:
	case l.slt.first:
		n.sendLinkTest(l, false)
	default:
		l.slt.running = false
		n.failLink(l, SignallingLinkTest, true)
	}
}

// linkTestMessage answers SLTM and takes SLTA.
func (n *Node) linkTestMessage(l *link, m *MSU) {
	msg, err := n.f.ParseSNMessage(m.SI, m.Label, m.Data)
	if err != nil {
		n.drop(Malformed)
		return
	}
	n.countSNM(m.SI, msg.Heading, false)
	if m.Label.OPC != l.ls.adjacent || m.Label.DPC != l.ls.local || msg.SLC != l.slc {
		// Another point, or another link of it, is at the end of the line: it must find out by the silence.
		n.drop(NotAdjacent)
		return
	}
	switch msg.Heading {
	case SLTM:
		n.sendOn(l, SNMessage{SI: m.SI, Heading: SLTA, SLC: l.slc, Pattern: msg.Pattern})
	case SLTA:
		if !l.slt.running || string(msg.Pattern) != string(l.slt.pattern[:]) {
			n.drop(UnexpectedManagement)
			return
		}
		l.slt.running = false
		n.timers.Stop(l.slt.t1)
		if n.t.TestT2 > 0 {
			n.after(l.slt.t2, n.t.TestT2)
		}
		if !l.tested {
			l.tested = true
			n.update(l)
			if l.ls.usable == 0 && (l.linh || l.rinh) { // the uninhibiting of section 10.3 is tried again
				n.uninhibit = append(n.uninhibit, l.ls)
			}
		}
	}
}
