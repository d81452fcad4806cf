package mtp3

import "sync/atomic"

// LinksetID, LinkID and OwnerID name what was added to a [Node]. They are small numbers from 1, are
// not used again while the node lives, and 0 is none.
type (
	LinksetID int
	LinkID    int
	OwnerID   int
)

// Router answers where messages go, for those outside of the loop of a [Node]: it reads a snapshot
// of the routing table that the node replaces as a whole. Its methods may be called by many goroutines at once.
type Router struct {
	snap    atomic.Pointer[routes]
	reasons reasonCounters
}

// routes is a snapshot. It is never changed.
type routes struct {
	format   Format
	local    []PointCode
	transfer bool
	table    table
	entries  []routeEntry
	picks    [][]uint16 // by SLS: the target; destinations share them
	targets  []routeTarget
}

// routeEntry is what a destination's traffic is divided over. It is small, so that many stay in the caches.
type routeEntry struct {
	reason Reason // if not Forwarded, why there is no way
	held   bool   // traffic is being diverted: only the node knows the order
	single uint16 // the target, if pick is 0
	pick   uint32 // else: index into picks
}

// routeTarget is a linkset (even numbers: twice its id) or an owner (odd ones).
type routeTarget struct {
	owner   OwnerID
	linkset LinksetID
	rotate  uint8
	links   []LinkID // by slot
}

// Hop is where a message goes next.
type Hop struct {
	Kind    HopKind
	Reason  Reason    // of NoHop
	Linkset LinksetID // of LinkHop
	Link    LinkID    // of LinkHop
	Owner   OwnerID   // of OwnerHop
}

// HopKind tells hops apart.
type HopKind uint8

// The kinds of hops.
const (
	NoHop    HopKind = iota // nowhere: Reason says why
	LocalHop                // it is for this node
	LinkHop                 // over a signalling link, which is the node's loop to do
	OwnerHop                // to the owner of the destination, at once
	NodeHop                 // the destination's traffic is being diverted: the node knows
)

var hopNames = [...]string{"none", "local", "link", "owner", "node"}

// String is the kind in words.
func (k HopKind) String() string { return name(hopNames[:], k, "HopKind") }

// Route returns where a message to dpc goes, without counting anything. It does not allocate.
func (r *Router) Route(dpc PointCode, sls SLS) Hop {
	s := r.snap.Load()
	for _, pc := range s.local {
		if pc == dpc {
			return Hop{Kind: LocalHop}
		}
	}
	n := s.table.lookup(dpc)
	if n < 0 {
		return Hop{Reason: UnknownDestination}
	}
	e := &s.entries[n]
	if e.reason != Forwarded {
		return Hop{Reason: e.reason}
	}
	if e.held {
		return Hop{Kind: NodeHop}
	}
	t := &s.targets[e.single]
	if e.pick != 0 {
		pick := s.picks[e.pick]
		t = &s.targets[pick[int(sls)&(len(pick)-1)]]
	}
	if t.owner != 0 {
		return Hop{Kind: OwnerHop, Owner: t.owner}
	}
	return Hop{Kind: LinkHop, Linkset: t.linkset, Link: t.links[slotOf(sls, t.rotate, len(t.links))]}
}

// Transit is Route for a message that came from elsewhere: it counts the reason if there is no way.
func (r *Router) Transit(dpc PointCode, sls SLS) Hop {
	h := r.Route(dpc, sls)
	if h.Kind == NoHop {
		r.reasons[h.Reason].Add(1)
	}
	return h
}

// Count counts a message that was not forwarded for a reason that the caller found, such as Malformed.
func (r *Router) Count(reason Reason) {
	if reason < reasonCount {
		r.reasons[reason].Add(1)
	}
}

// Reasons returns how many messages were not forwarded, by reason: those of Transit and Count and those of the node.
func (r *Router) Reasons() Reasons { return r.reasons.snapshot() }

// slotOf is the place of an SLS in a linkset of n slots (a power of two), whose SLS are rotated to the right.
func slotOf(sls SLS, rotate uint8, n int) int {
	s := int(sls) & (n - 1)
	if rotate != 0 {
		s |= s * n
		s >>= rotate
	}
	return s & (n - 1)
}

// spread divides slots over candidates. A slot belongs to the candidate that prefer names; if that
// one is not usable it stays where it is now, else goes to the usable candidate with the fewest slots.
// What changes is thus only what has to. cur[s] is -1, or the candidate of slot s; it is overwritten.
func spread(cur []int16, n int, prefer func(slot int) int, usable func(candidate int) bool) {
	load := make([]int, n)
	var homeless []int
	for s := range cur {
		p := prefer(s)
		switch {
		case usable(p):
			cur[s] = int16(p)
		case cur[s] >= 0 && int(cur[s]) < n && usable(int(cur[s])):
		default:
			cur[s] = -1
			homeless = append(homeless, s)
			continue
		}
		load[cur[s]]++
	}
	for _, s := range homeless {
		best := -1
		for c := range n {
			if usable(c) && (best < 0 || load[c] < load[best]) {
				best = c
			}
		}
		if best < 0 {
			return
		}
		cur[s] = int16(best)
		load[best]++
	}
}
