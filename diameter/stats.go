package diameter

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

type peerCounters struct {
	RequestsSent, RequestsReceived, AnswersSent, AnswersReceived          atomic.Uint64
	Retransmitted, Rerouted, TimedOut, Unmatched, Duplicates              atomic.Uint64
	Refused, Malformed, TooBusy, WatchdogsSent, WatchdogsReceived, Failed atomic.Uint64
}

type nodeCounters struct {
	Refused, Malformed, Throttled, Loops, Undeliverable, Redirected atomic.Uint64
}

// Stats is a snapshot of a node's counters since it was made.
type Stats struct {
	Refused       uint64 // connections over a limit, and CERs refused
	Malformed     uint64 // connections on which framing was lost
	Throttled     uint64 // requests held back for peers or realms that are overloaded
	Loops         uint64 // requests that had been here before
	Undeliverable uint64 // requests for which there was no peer, or no answer
	Redirected    uint64 // requests that followed a redirect indication
	Unknown       int    // accepted connections that have not sent a CER yet
	Peers         []PeerStatus
}

// PeerStatus is a snapshot of a peer.
type PeerStatus struct {
	Host     string
	State    PeerState
	Watchdog WatchdogState
	Since    time.Time // of State
	Reason   string    // of State, in words
	Usable   bool      // requests may go there
	Static   bool      // from Config.Peers

	Transport     string // "TCP", "TLS", "SCTP", "pipe"; empty if not connected
	Local, Remote netip.AddrPort
	Capabilities  Capabilities // what it announced last

	Pending int // requests without an answer
	Serving int // requests that handlers have not answered
	Queued  int // octets to be sent

	RequestsSent, RequestsReceived uint64
	AnswersSent, AnswersReceived   uint64
	Retransmitted                  uint64 // requests sent to another peer, with the T flag, because this one failed
	Rerouted                       uint64 // requests sent to another peer because this one could not take them
	TimedOut                       uint64 // requests never answered
	Unmatched                      uint64 // answers to nothing
	Duplicates                     uint64 // requests that came again
	Refused                        uint64 // capabilities exchanges that failed
	Malformed                      uint64 // messages with errors
	TooBusy                        uint64 // requests refused at a limit
	WatchdogsSent                  uint64 // DWRs
	WatchdogsReceived              uint64 // DWRs
}

// Stats returns a snapshot, its peers in the order of their names.
func (n *Node) Stats() Stats {
	s := Stats{
		Refused: n.stats.Refused.Load(), Malformed: n.stats.Malformed.Load(), Throttled: n.stats.Throttled.Load(), Loops: n.stats.Loops.Load(),
		Undeliverable: n.stats.Undeliverable.Load(), Redirected: n.stats.Redirected.Load(), Unknown: int(n.unknown.Load()),
	}
	for _, p := range *n.peers.Load() {
		s.Peers = append(s.Peers, p.Status())
	}
	slices.SortFunc(s.Peers, func(a, b PeerStatus) int { return strings.Compare(a.Host, b.Host) })
	return s
}

// Peer returns a snapshot of one peer, and whether it is known.
func (n *Node) Peer(host string) (PeerStatus, bool) {
	p := n.peer(host)
	if p == nil {
		return PeerStatus{}, false
	}
	return p.Status(), true
}

// PeerState is the state of the peer state machine.
func (p *peer) PeerState() PeerState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.m.state
}

// Status takes a snapshot.
func (p *peer) Status() PeerStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status()
}

func (p *peer) status() PeerStatus {
	c := &p.stats
	s := PeerStatus{
		Host: p.cfg.Host, State: p.m.state, Watchdog: p.w.status, Since: p.since, Reason: p.reason,
		Usable: p.usable.Load() != nil, Static: !p.dynamic && p.expires.IsZero(),
		RequestsSent: c.RequestsSent.Load(), RequestsReceived: c.RequestsReceived.Load(),
		AnswersSent: c.AnswersSent.Load(), AnswersReceived: c.AnswersReceived.Load(),
		Retransmitted: c.Retransmitted.Load(), Rerouted: c.Rerouted.Load(), TimedOut: c.TimedOut.Load(), Unmatched: c.Unmatched.Load(),
		Duplicates: c.Duplicates.Load(), Refused: c.Refused.Load(), Malformed: c.Malformed.Load(), TooBusy: c.TooBusy.Load(),
		WatchdogsSent: c.WatchdogsSent.Load(), WatchdogsReceived: c.WatchdogsReceived.Load(),
	}
	if caps := p.remote.Load(); caps != nil {
		s.Capabilities = *caps
	}
	if c := p.conn; c != nil {
		s.Transport = c.link.transport().String()
		s.Local, s.Remote = c.link.addrs()
		s.Pending, s.Serving, s.Queued = c.pend.len(), int(c.serving.Load()), c.queued()
	}
	return s
}
