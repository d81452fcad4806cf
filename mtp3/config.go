package mtp3

import (
	"log/slog"
	"time"

	"github.com/gotelco/telco/trace"
)

// Config is what a [Node] is made of. The zero value is an international signalling end point 0.0.0 with all defaults.
type Config struct {
	Name      string           // of the node, in logs and events; if empty, its point code
	PointCode PointCode        // the point code of this node
	Aliases   []PointCode      // further point codes that are this node
	Format    Format           // of point codes and labels; if zero, ITU 3-8-3
	NI        NetworkIndicator // of the network; messages with another are not accepted

	// Transfer makes the node a signalling transfer point: it forwards messages for other points
	// and tells its neighbours what it can reach.
	Transfer bool

	Timers Timers

	// NoRestart leaves the MTP restart procedure out (Q.704 section 9): links carry traffic as soon
	// as they are available. A neighbour that restarts is still answered.
	NoRestart bool

	// NoLinkTest lets links into service without SLTM and SLTA (Q.707). Tests of the peer are answered.
	NoLinkTest bool

	// TransferRestricted uses the national option of transfer-restricted (Q.704 section 13.4): neighbours
	// learn after T11 that a destination is reached by a worse way than normal.
	TransferRestricted bool

	Congestion CongestionMode

	// MaxHeld is how many messages may wait for changeovers, changebacks and reroutings, in all. If
	// zero, 65536. At the limit the newest are discarded and counted as DiversionOverflow.
	MaxHeld int

	// MaxExceptions is how many single points of masked routes may have a state of their own, learnt
	// from transfer-prohibited messages. If zero, 4096. At the limit further ones are ignored.
	MaxExceptions int

	// MaxBroadcast is how many points a masked destination may have so that its loss and return are
	// told to the neighbours point by point. If zero, 64. Larger ones are told as answers to
	// messages that cannot be forwarded; a whole ANSI cluster is told by TCP and TCA.
	MaxBroadcast int

	// ToOwner, if set, is called with each message for an owner of destinations, in place of an
	// output: before the [Router] shows a way by which other messages could overtake it. It must
	// neither call the node nor keep m or raw.
	ToOwner func(id OwnerID, m *MSU, raw []byte)

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // called with each change of state; if nil, not called
}

// CongestionMode says what congestion of links means for messages (Q.704 sections 2.3.5, 3.8 and 11.2).
type CongestionMode uint8

// The congestion procedures.
const (
	CongestionInternational CongestionMode = iota // one level, nothing is discarded: Q.704 section 11.2.3
	CongestionPriorities                          // national option with congestion priorities: sections 11.2.4, 13.7, 13.9
	CongestionLevels                              // national option without priorities: sections 11.2.5, 13.8
)

// Timers are those of Q.704 section 16.8 and Q.707 section 5.5. A zero is the default; T7 and T9
// belong to procedures that this package does not have.
type Timers struct {
	T1  time.Duration // delay against mis-sequencing on changeover; if zero, 800 ms
	T2  time.Duration // waiting for changeover acknowledgement, more than T7 of level 2; if zero, 2 s
	T3  time.Duration // time-controlled diversion at changeback; if zero, 800 ms
	T4  time.Duration // waiting for changeback acknowledgement, first attempt; if zero, 800 ms
	T5  time.Duration // the same, second attempt; if zero, 800 ms
	T6  time.Duration // delay against mis-sequencing on controlled rerouting; if zero, 800 ms
	T8  time.Duration // transfer-prohibited inhibition; if zero, 1 s
	T10 time.Duration // between signalling route set tests; if zero, 45 s
	T11 time.Duration // until a route that is worse than normal is called restricted; if zero, 60 s
	T12 time.Duration // waiting for uninhibit acknowledgement; if zero, 1.2 s
	T13 time.Duration // waiting for forced uninhibit; if zero, 1.2 s
	T14 time.Duration // waiting for inhibit acknowledgement; if zero, 2.5 s
	T15 time.Duration // waiting to start the route set congestion test; if zero, 2.5 s
	T16 time.Duration // waiting for its answer; if zero, 1.7 s
	T17 time.Duration // between failure of a link and its next alignment; if zero, 1.2 s
	T18 time.Duration // restarting STP: for links and routing information; if zero, 20 s
	T19 time.Duration // against ping-pong of TRA; if zero, 68 s
	T20 time.Duration // restart in all; if zero, 60 s
	T21 time.Duration // restart of a neighbour in all; if zero, 64 s
	T22 time.Duration // between local inhibit tests; if zero, 4.5 minutes
	T23 time.Duration // between remote inhibit tests; if zero, 4.5 minutes
	T24 time.Duration // stabilising after local processor outage (national option); if zero, none

	TestT1 time.Duration // T1 of Q.707: waiting for SLTA; if zero, 8 s
	TestT2 time.Duration // T2 of Q.707: between signalling link tests; if zero, 60 s; if negative, only on activation
}

// Defaults is t with each zero timer replaced by its default. [NewNode] calls it.
func (t Timers) Defaults() Timers {
	for _, d := range []struct {
		at    *time.Duration
		value time.Duration
	}{
		{&t.T1, 800 * time.Millisecond}, {&t.T2, 2 * time.Second}, {&t.T3, 800 * time.Millisecond},
		{&t.T4, 800 * time.Millisecond}, {&t.T5, 800 * time.Millisecond}, {&t.T6, 800 * time.Millisecond},
		{&t.T8, time.Second}, {&t.T10, 45 * time.Second}, {&t.T11, time.Minute},
		{&t.T12, 1200 * time.Millisecond}, {&t.T13, 1200 * time.Millisecond}, {&t.T14, 2500 * time.Millisecond},
		{&t.T15, 2500 * time.Millisecond}, {&t.T16, 1700 * time.Millisecond}, {&t.T17, 1200 * time.Millisecond},
		{&t.T18, 20 * time.Second}, {&t.T19, 68 * time.Second}, {&t.T20, time.Minute}, {&t.T21, 64 * time.Second},
		{&t.T22, 270 * time.Second}, {&t.T23, 270 * time.Second},
		{&t.TestT1, 8 * time.Second}, {&t.TestT2, time.Minute},
	} {
		if *d.at == 0 {
			*d.at = d.value
		}
	}
	return t
}

// LinksetConfig describes the links to one adjacent signalling point.
type LinksetConfig struct {
	Name     string    // in logs and events; if empty, the adjacent point code
	Adjacent PointCode // the point at the other end
	Local    PointCode // the point code that this end goes by; if zero, that of the node
	Screen   Screen    // what may come in

	// Rotate is by how many bits the SLS is rotated to the right before it selects a link, so that
	// stages of a network don't select by the same bits.
	Rotate uint8
}

// LinkConfig describes a signalling link of a linkset.
type LinkConfig struct {
	Name string // in logs and events; if empty, the linkset's name and the SLC
	SLC  uint8  // signalling link code, 0 to 15, the same at both ends
	Link Link   // level 2
}

// OwnerConfig describes an owner of destinations: something other than a linkset that messages can
// be given to, such as an Application Server behind M3UA.
type OwnerConfig struct {
	Name   string
	Screen Screen // what may come from it
}

// Route is one way to a destination. Several routes of the same destination with the same priority
// share its traffic by SLS (a combined linkset).
type Route struct {
	Destination Destination
	Linkset     LinksetID // the way is this linkset
	Owner       OwnerID   // or this owner; exactly one of both is set
	Priority    uint8     // the lowest number is the best
}
