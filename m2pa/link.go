package m2pa

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// Link is one signalling link over one SCTP association: the state machines of RFC 4165 and Q.703
// without clock, goroutine, lock or socket. To level 3 it is an [mtp3.Link]. To the association it
// is [Link.HandleSCTP] for what arrives, and [Link.Output] and [Link.Sent] for what leaves: after
// each call of a method, whoever runs the link sends what Output gives (see [Link.Flush]).
//
// After LocalProcessorRecovered, and after the indication RemoteProcessorRecovered, level 3 calls
// Continue or FlushBuffers; until then the link sends no messages (Q.703 section 8, RFC 4165
// section 4.1.4). A call made while the outage lasts counts too.
//
// When the peer ends alignment in a processor outage, RemoteProcessorOutage is indicated alone (Q.703
// figure 8), and InService follows RemoteProcessorRecovered.
type Link struct {
	cfg   Config
	epoch time.Time // times of messages are counted from here

	up        bool // the association is established
	state     State
	iac       iacState
	emergency bool // level 3 asked for emergency alignment
	short     bool // the proving period under way is the emergency one
	served    bool // was in service once: BSNT means something
	indicated bool // InService was indicated since Start

	peerReady  bool // Ready came while this side was proving
	peerOutage bool // Processor Outage came while this side was proving

	lpo, rpo   bool          // local, remote processor outage
	recovering bool          // the local outage is over, but level 3 has not said Flush or Continue about what is held
	decided    bool          // level 3 said Flush or Continue during the outage
	undecided  bool          // the remote outage is over, but level 3 has not said Flush or Continue
	awaitReady bool          // Processor Recovered was sent, the peer's Ready is awaited
	expected   []expectation // the Ready messages on stream 1 that the peer owes, in their order
	peerBusy   bool
	busy       bool // this side is

	q        queue
	acked    uint32 // the highest FSN that the peer acknowledged
	lastSent uint32 // the FSN of the last User Data message sent that was not empty
	lastGot  uint32 // the FSN of the last message accepted: the BSN to be transmitted
	mustAck  bool
	bsnFault uint8 // of the last three BSN, which were abnormal (Q.703 section 5.3.1)

	held     [][]byte // messages in sequence that wait, unacknowledged, each with its priority octet in front
	heldSize int
	level    uint8 // of congestion
	discard  uint8 // congestion discard status
	// Octets in the buffers at which one of the two changes next.
	nextOnset, nextAbatement int
	t7Floor                  time.Duration
	statuses                 []statusOut // what waits to be sent on either stream, before messages
	scratch                  []byte      // the encoded statuses of the last Output
	offered                  offer       // what the last Output gave
	fillCount                byte

	t1, t2, t3, t4, t6     time.Time
	tProving, tRepeat, tPR time.Time // the next Proving, the next Alignment or Ready, the end of waiting for Ready

	local, remote netip.AddrPort // for traces
	stats         Stats
}

var _ mtp3.Link = (*Link)(nil)

type statusOut struct {
	status Status
	stream uint16
}

type offer struct{ statuses, data, acks int }

// State is the state of a link (Q.703 section 12, figure 8).
type State uint8

// The states of link state control.
const (
	StateOutOfService State = iota
	StateInitialAlignment
	StateAlignedReady
	StateAlignedNotReady
	StateInService
	StateProcessorOutage
)

var stateNames = [...]string{"OUT OF SERVICE", "INITIAL ALIGNMENT", "ALIGNED READY", "ALIGNED NOT READY", "IN SERVICE", "PROCESSOR OUTAGE"}

// String is the state as Q.703 names it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// iacState is the state of initial alignment control (Q.703 figure 9).
type iacState uint8

const (
	iacIdle iacState = iota
	iacNotAligned
	iacAligned
	iacProving
)

// New makes a link. It is out of service, without an association.
func New(cfg Config) *Link {
	l := &Link{cfg: cfg.Defaults()}
	l.resetSequence()
	l.nextOnset = min(next(0, &l.cfg.CongestionOnset), next(0, &l.cfg.CongestionDiscard))
	return l
}

// State is the state of the link.
func (l *Link) State() State { return l.state }

// SequenceBits is 24.
func (l *Link) SequenceBits() int { return 24 }

// resetSequence begins counting anew: the first message is 0 (RFC 4165 section 2.2.2).
func (l *Link) resetSequence() {
	l.q.clear()
	l.acked, l.lastSent, l.lastGot = noSeq, noSeq, noSeq
	l.mustAck, l.bsnFault = false, 0
	l.dropHeld()
}

// Start begins initial alignment. Without an association, alignment begins when there is one, and
// fails with T2 like any other. While the link aligns, Start does nothing; in service it takes the
// link out of service first.
func (l *Link) Start(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	switch l.state {
	case StateInitialAlignment, StateAlignedReady, StateAlignedNotReady:
		return out
	case StateInService, StateProcessorOutage:
		l.leave(now, mtp3.StoppedByManagement)
	}
	l.begin(now)
	out = l.lose(l.q.total, out)
	l.resetSequence()
	out = l.congestion(now, out)
	l.stats.Alignments++
	l.peerReady, l.peerOutage, l.indicated = false, false, false
	l.rpo, l.recovering, l.decided, l.undecided = false, false, false, false
	l.expectNothing()
	l.peerBusy, l.busy = false, false
	l.short = l.emergency
	l.iac = iacNotAligned
	l.t2 = now.Add(l.cfg.T2)
	l.repeat(now)
	if l.up {
		l.status(Alignment, 0)
	}
	l.change(now, StateInitialAlignment, "start")
	return out
}

// Stop takes the link out of service. What level 3 said about emergency and its processor stays said.
func (l *Link) Stop(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.state != StateOutOfService {
		l.leave(now, mtp3.StoppedByManagement)
	}
	return out
}

// SetEmergency makes alignments emergency alignments, the one under way too.
func (l *Link) SetEmergency(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.emergency {
		return out
	}
	l.emergency = true
	switch l.iac {
	case iacAligned:
		l.short = true
		l.prove()
	case iacProving:
		l.short = true
		l.prove()
		return l.startProving(now, out)
	}
	return out
}

// ClearEmergency makes later alignments normal ones. The proving period of an alignment under way
// stays as it is (Q.703 figure 9 has no input for it).
func (l *Link) ClearEmergency(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	l.emergency = false
	return out
}

// fail takes the link out of service and tells level 3.
func (l *Link) fail(now time.Time, reason mtp3.LinkFailReason, out []mtp3.Indication) []mtp3.Indication {
	if l.state == StateOutOfService {
		return out
	}
	l.leave(now, reason)
	l.stats.Failures++
	return append(out, mtp3.Indication{Kind: mtp3.OutOfService, Reason: reason})
}

// leave enters OUT OF SERVICE. The buffers stay for retrieval; what is held was not accepted.
func (l *Link) leave(now time.Time, reason mtp3.LinkFailReason) {
	l.t1, l.t2, l.t3, l.t4, l.t6 = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	l.tProving, l.tRepeat, l.tPR = time.Time{}, time.Time{}, time.Time{}
	l.iac = iacIdle
	l.rpo, l.recovering, l.decided, l.undecided = false, false, false, false
	l.expectNothing()
	l.peerBusy, l.busy = false, false
	l.mustAck = false
	l.dropHeld()
	l.stats.LastFailure = reason
	l.statuses = l.statuses[:0] // nothing of what waited matters any more
	if l.up {
		l.status(OutOfService, 0)
	}
	l.change(now, StateOutOfService, reason.String())
}

// change enters a state.
func (l *Link) change(now time.Time, s State, why string) {
	if s == l.state {
		return
	}
	l.traceState(now, s, why)
	l.state, l.stats.Since = s, now
}

// status queues a Link Status message. What is last on its stream already is not queued again, but
// for Ready, of which the peer counts each; that too once the queue is long, so that a peer which
// does not read cannot make it grow.
func (l *Link) status(s Status, stream uint16) {
	for i := len(l.statuses) - 1; i >= 0; i-- {
		if o := l.statuses[i]; o.stream == stream {
			if o.status == s && (s != Ready || len(l.statuses) >= 16) {
				return
			}
			break
		}
	}
	l.statuses = append(l.statuses, statusOut{s, stream})
}

func (l *Link) repeat(now time.Time) {
	l.tRepeat = time.Time{}
	if l.cfg.RepeatInterval > 0 {
		l.tRepeat = now.Add(l.cfg.RepeatInterval)
	}
}

// Deadline is when Expire wants to be called; zero while no timer runs.
func (l *Link) Deadline() time.Time {
	var d time.Time
	for _, t := range [...]*time.Time{&l.t1, &l.t2, &l.t3, &l.t4, &l.t6, &l.tProving, &l.tRepeat, &l.tPR} {
		if !t.IsZero() && (d.IsZero() || t.Before(d)) {
			d = *t
		}
	}
	if t := l.t7(); !t.IsZero() && (d.IsZero() || t.Before(d)) {
		d = t
	}
	return d
}

// t7 is when the oldest message that the peer has not acknowledged gets too old (RFC 4165 section
// 4.2.1). It does not run while the peer is busy (section 4.1.5) or has a processor outage.
func (l *Link) t7() time.Time {
	if l.q.sent == 0 || l.peerBusy || l.rpo || l.state != StateInService && l.state != StateProcessorOutage {
		return time.Time{}
	}
	return l.epoch.Add(max(l.q.slot(0).at, l.t7Floor) + l.cfg.T7)
}

// begin fixes the epoch with the first time seen.
func (l *Link) begin(now time.Time) {
	if l.epoch.IsZero() {
		l.epoch = now
	}
}

// Expire does what the timers say that have run out.
func (l *Link) Expire(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	due := func(t *time.Time) bool {
		if t.IsZero() || now.Before(*t) {
			return false
		}
		*t = time.Time{}
		return true
	}
	switch {
	case due(&l.t2), due(&l.t3):
		return l.fail(now, mtp3.AlignmentNotPossible, out)
	case due(&l.t1):
		return l.fail(now, mtp3.ReadyTimeout, out)
	case due(&l.t6):
		return l.fail(now, mtp3.RemoteCongestionLong, out)
	case due(&l.tPR):
		return l.fail(now, mtp3.AcknowledgementLate, out)
	}
	if t := l.t7(); !t.IsZero() && !now.Before(t) {
		return l.fail(now, mtp3.AcknowledgementLate, out)
	}
	if due(&l.t4) {
		return l.proved(now, out)
	}
	if due(&l.tProving) {
		l.prove()
		l.tProving = now.Add(l.cfg.ProvingInterval)
	}
	if due(&l.tRepeat) {
		switch {
		case l.iac == iacNotAligned && l.up:
			l.status(Alignment, 0)
			l.repeat(now)
		case l.iac == iacNotAligned:
			l.repeat(now)
		case l.state == StateAlignedReady:
			l.status(Ready, 0)
			l.repeat(now)
		case l.state == StateAlignedNotReady:
			l.status(ProcessorOutage, 1)
			l.repeat(now)
		}
	}
	return out
}

// HandleSCTP takes what [sctp.Conn.Receive] gave: a message of the peer, or an event of the
// association. The messages of indications alias the data of in.
func (l *Link) HandleSCTP(now time.Time, in sctp.Received, out []mtp3.Indication) []mtp3.Indication {
	l.begin(now)
	if in.Event == nil {
		return l.message(now, &in.Message, out)
	}
	switch in.Event.Kind {
	case sctp.Up:
		return l.associated(now, in.Event, out)
	case sctp.Restart:
		out = l.lost(now, "the peer restarted the association", out)
		return l.associated(now, in.Event, out)
	case sctp.Down:
		return l.lost(now, "association down", out)
	case sctp.PeerClosing:
		return l.lost(now, "the peer shuts the association down", out)
	case sctp.SendFailed:
		out = l.lost(now, "a message could not be sent", out)
		l.up = true // the association is there, only the link is not (RFC 4165 section 4.1.7)
		l.status(OutOfService, 0)
	}
	return out
}

// associated is a new association (RFC 4165 section 4.1.3).
func (l *Link) associated(now time.Time, e *sctp.Event, out []mtp3.Indication) []mtp3.Indication {
	l.stats.Associations++
	if e.In != 0 && e.In < 2 || e.Out != 0 && e.Out < 2 { // section 4.1.2: two in each direction
		l.misbehaves(now, &l.stats.WrongStream, "an association with fewer than two streams")
		l.up = false
		return l.fail(now, mtp3.TransportLost, out)
	}
	l.up = true
	l.statuses = l.statuses[:0]
	l.status(OutOfService, 0)
	if l.state == StateInitialAlignment {
		l.status(Alignment, 0)
	}
	return out
}

// lost ends what hung on the association (section 4.1.7).
func (l *Link) lost(now time.Time, why string, out []mtp3.Indication) []mtp3.Indication {
	l.traceNote(now, why)
	l.up = false
	l.statuses = l.statuses[:0]
	return l.fail(now, mtp3.TransportLost, out)
}
