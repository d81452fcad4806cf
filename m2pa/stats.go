package m2pa

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// Stats counts what a link did since it was made.
type Stats struct {
	State       State
	Since       time.Time           // of State
	LastFailure mtp3.LinkFailReason // why the link left service last

	Unsent, Unacknowledged int   // messages in the buffers
	Held                   int   // messages of the peer that wait for level 3 here
	Octets                 int   // in the buffers
	Level                  uint8 // of congestion

	Sent, SentOctets         uint64 // messages with data, and their SIO and SIF
	Received, ReceivedOctets uint64
	AcksSent, AcksReceived   uint64 // empty User Data
	StatusSent               uint64 // Link Status messages
	StatusReceived           uint64

	Associations  uint64 // how often there was a new one
	Alignments    uint64 // how often alignment began
	InService     uint64 // how often it succeeded
	Failures      uint64 // how often the link failed, alignments that did not succeed included
	Congestions   uint64 // how often the congestion level rose
	RemoteOutages uint64
	RemoteBusy    uint64
	LocalBusy     uint64

	Discarded        uint64 // messages that Send refused
	Retrieved        uint64 // messages that went back to level 3
	Lost             uint64 // messages given up by RetrieveUnsent, FlushBuffers or Start, sent or not
	Flushed          uint64 // messages of the peer that FlushBuffers threw away
	Rewound          uint64 // messages that count as never sent after an outage
	Resynchronised   uint64 // messages of the peer discarded because it sends them again after an outage
	ReceiveOverflows uint64 // how often Config.ReceiveBuffer was full

	// Messages that were discarded: those that do not parse by their fault, those on a wrong
	// stream, with a wrong payload protocol identifier, out of sequence, and those that have no
	// place in the state of the link. WrongStream counts Link Status too, which is not discarded.
	WrongVersion, WrongClass, WrongType, WrongLength, WrongStatus uint64
	WrongStream, WrongPPID, WrongFSN, WrongBSN, Unexpected        uint64
}

// Stats is a snapshot.
func (l *Link) Stats() Stats {
	s := l.stats
	s.State, s.Level = l.state, l.level
	s.Unsent, s.Unacknowledged, s.Octets, s.Held = l.q.unsent(), l.q.sent, l.q.octets, len(l.held)
	return s
}

// malformed counts a message that does not parse.
func (l *Link) malformed(now time.Time, err error) {
	c := &l.stats.WrongLength
	switch {
	case errors.Is(err, ErrVersion):
		c = &l.stats.WrongVersion
	case errors.Is(err, ErrClass):
		c = &l.stats.WrongClass
	case errors.Is(err, ErrType):
		c = &l.stats.WrongType
	case errors.Is(err, ErrStatus):
		c = &l.stats.WrongStatus
	}
	l.misbehaves(now, c, err.Error())
}

// misbehaves counts what the peer should not have done, and logs it the first time and at each
// power of two.
func (l *Link) misbehaves(now time.Time, count *uint64, what string) {
	*count++
	if l.cfg.Logger != nil && *count&(*count-1) == 0 {
		l.cfg.Logger.Warn("m2pa: peer misbehaves", "link", l.cfg.Name, "what", what, "count", *count)
	}
}

// traceState shows a change of state.
func (l *Link) traceState(now time.Time, to State, why string) {
	if l.cfg.Logger != nil {
		l.cfg.Logger.Info("m2pa: link state", "link", l.cfg.Name, slog.String("from", l.state.String()), slog.String("to", to.String()), "why", why)
	}
	l.traceNote(now, l.state.String()+" -> "+to.String()+": "+why)
}

func (l *Link) traceNote(now time.Time, note string) {
	if l.cfg.Trace != nil {
		e := l.event(now)
		e.Comment = note
		l.cfg.Trace(e)
	}
}

func (l *Link) traceLevel(now time.Time) {
	if l.cfg.Logger != nil {
		l.cfg.Logger.Info("m2pa: transmit congestion", "link", l.cfg.Name, "level", l.level, "discard", l.discard, "octets", l.q.octets)
	}
	l.traceNote(now, fmt.Sprintf("congestion level %d, discard %d", l.level, l.discard))
}

// traceMessage shows a message.
func (l *Link) traceMessage(now time.Time, m *sctp.Message, sent bool) {
	e := l.event(now)
	e.Dir = trace.Received
	if sent {
		e.Dir = trace.Sent
	}
	e.Stream, e.PPID, e.Data = m.Stream, m.PPID, m.Data
	l.cfg.Trace(e)
}

func (l *Link) event(now time.Time) trace.Event {
	return trace.Event{Time: now, Interface: l.cfg.Name, Proto: trace.M2PA, Transport: trace.OverSCTP, Local: l.local, Remote: l.remote, Correlation: l.cfg.Name}
}

// SetAddrs says which addresses traces show.
func (l *Link) SetAddrs(local, remote netip.AddrPort) { l.local, l.remote = local, remote }
