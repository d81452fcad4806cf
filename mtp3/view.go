package mtp3

import (
	"fmt"
	"time"
)

// LinkState is the state of a link in one word, as operators have it (Q.704 section 3.2).
type LinkState uint8

// The states of a link. The zero value is LinkDeactivated.
const (
	LinkDeactivated    LinkState = iota // management does not want it
	LinkStateFailed                     // level 2 is out of service and waits for its next attempt
	LinkAligning                        // level 2 aligns and proves
	LinkTesting                         // level 2 is in service, the signalling link test has not passed
	LinkStateBlocked                    // a processor outage, here or at the other end
	LinkStateInhibited                  // by management, here or at the other end
	LinkInService                       // it carries traffic
)

var linkStateNames = [...]string{"deactivated", "failed", "aligning", "testing", "blocked", "inhibited", "in service"}

// String is the state in words.
func (s LinkState) String() string { return name(linkStateNames[:], s, "LinkState") }

// LinkStatus is a snapshot of a link.
type LinkStatus struct {
	ID      LinkID
	Linkset LinksetID
	Name    string
	SLC     uint8
	State   LinkState
	Since   time.Time // since when it carries traffic, or carries none; zero if it never carried any

	Active                              bool // management wants it in service
	LocalOutage, RemoteOutage           bool // processor outage (Q.704 section 3.2.6)
	LocallyInhibited, RemotelyInhibited bool // inhibited from here, from the other end (Q.704 section 10)
	Failure                             LinkFailReason
	FailedAt                            time.Time // of the last failure; zero if there was none
	Congestion                          uint8     // level, 0 to 3
	Discard                             uint8     // messages of a lower priority are discarded
	SLS                                 []SLS     // whose traffic it carries now
	Stats                               LinkStats
}

// LinksetStatus is a snapshot of a linkset.
type LinksetStatus struct {
	ID        LinksetID
	Name      string
	Adjacent  PointCode
	Local     PointCode
	Available bool // routes may use it
	Restart   bool // the adjacent point restarts (Q.704 section 9.3)
	Since     time.Time
	Links     []LinkID // in the order of SLC
	Usable    int      // how many of them carry traffic
}

// OwnerStatus is a snapshot of an owner of destinations.
type OwnerStatus struct {
	ID         OwnerID
	Name       string
	State      Availability
	Since      time.Time
	Congestion map[PointCode]uint8 // the levels of its points, those that are not 0
}

// RouteStatus is a snapshot of one way to a destination.
type RouteStatus struct {
	Linkset  LinksetID // one of both is set
	Owner    OwnerID
	Name     string // of the linkset or owner
	Priority uint8
	Implicit bool         // to the adjacent point of its own linkset, added with it
	State    Availability // of the way
	Said     Availability // what the adjacent point said of the destination
	SLS      int          // how many values of SLS it carries
}

// DestinationStatus is a snapshot of a destination and the ways to it.
type DestinationStatus struct {
	Destination Destination
	Learnt      bool // a point of a wider destination that a neighbour said something of
	State       Availability
	Since       time.Time
	Congestion  uint8
	Diverting   bool // some of its traffic waits for a changeover, changeback or rerouting
	Routes      []RouteStatus
}

// Links are snapshots of all links, in the order in which they were added.
func (n *Node) Links() []LinkStatus {
	all := make([]LinkStatus, 0, len(n.links))
	for _, l := range n.links {
		if l != nil {
			all = append(all, l.status())
		}
	}
	return all
}

// Link is a snapshot of one link; false if there is none of the id.
func (n *Node) Link(id LinkID) (LinkStatus, bool) {
	l := n.link(id)
	if l == nil {
		return LinkStatus{}, false
	}
	return l.status(), true
}

func (l *link) status() LinkStatus {
	s := LinkStatus{
		ID: l.id, Linkset: l.ls.id, Name: l.name, SLC: l.slc, State: l.state(), Since: l.since, Active: l.active,
		LocalOutage: l.lpo, RemoteOutage: l.rpo, LocallyInhibited: l.linh, RemotelyInhibited: l.rinh,
		Failure: l.reason, FailedAt: l.failedAt, Congestion: l.level, Discard: l.discard, Stats: l.stats,
	}
	for i, cur := range l.ls.cur {
		if cur == l {
			s.SLS = append(s.SLS, SLS(unslot(i, l.ls.cfg.Rotate, len(l.ls.cur))))
		}
	}
	return s
}

// unslot is the SLS whose slot is i.
func unslot(i int, rotate uint8, n int) int {
	for sls := range n {
		if slotOf(SLS(sls), rotate, n) == i {
			return sls
		}
	}
	return i
}

func (l *link) state() LinkState {
	switch {
	case !l.active:
		return LinkDeactivated
	case !l.up && l.starting:
		return LinkAligning
	case !l.up:
		return LinkStateFailed
	case l.lpo || l.rpo:
		return LinkStateBlocked
	case !l.tested:
		return LinkTesting
	case l.linh || l.rinh:
		return LinkStateInhibited
	}
	return LinkInService
}

// Linksets are snapshots of all linksets, in the order in which they were added.
func (n *Node) Linksets() []LinksetStatus {
	all := make([]LinksetStatus, 0, len(n.linksets))
	for _, ls := range n.linksets {
		if ls == nil {
			continue
		}
		s := LinksetStatus{ID: ls.id, Name: ls.name, Adjacent: ls.adjacent, Local: ls.local, Available: ls.available,
			Restart: ls.adjRestart, Since: ls.since, Usable: ls.usable}
		for _, l := range ls.links {
			s.Links = append(s.Links, l.id)
		}
		all = append(all, s)
	}
	return all
}

// Owners are snapshots of all owners of destinations, in the order in which they were added.
func (n *Node) Owners() []OwnerStatus {
	all := make([]OwnerStatus, 0, len(n.owners))
	for _, o := range n.owners {
		if o == nil {
			continue
		}
		s := OwnerStatus{ID: o.id, Name: o.name, State: o.state, Since: o.since}
		if len(o.level) > 0 {
			s.Congestion = make(map[PointCode]uint8, len(o.level))
			for pc, level := range o.level {
				s.Congestion[pc] = level
			}
		}
		all = append(all, s)
	}
	return all
}

// Restarting tells whether the node is in its MTP restart (Q.704 section 9.2): links carry no traffic of users yet.
func (n *Node) Restarting() bool { return n.restart != notRestarting }

// Destinations are snapshots of all destinations of the table and the ways to each, the best first.
func (n *Node) Destinations() []DestinationStatus {
	all := make([]DestinationStatus, 0, len(n.sets))
	for _, rs := range n.sets {
		if rs != nil {
			all = append(all, n.destination(rs))
		}
	}
	return all
}

func (n *Node) destination(rs *routeSet) DestinationStatus {
	d := DestinationStatus{Destination: rs.dest, Learnt: rs.learnt, State: rs.status, Since: rs.since, Congestion: rs.congestion, Diverting: len(rs.holds) > 0}
	carries := make(map[*route]int, len(rs.routes))
	for s := range n.f.SLSValues() {
		if r := rs.routeOf(s); r != nil {
			carries[r]++
		}
	}
	for _, r := range rs.routes {
		d.Routes = append(d.Routes, r.view(carries[r]))
	}
	return d
}

func (r *route) view(sls int) RouteStatus {
	s := RouteStatus{Priority: r.priority, Implicit: r.implicit, State: r.availability(), Said: r.state, SLS: sls}
	if r.owner != nil {
		s.Owner, s.Name = r.owner.id, r.owner.name
	} else {
		s.Linkset, s.Name = r.ls.id, r.ls.name
	}
	return s
}

// Query asks what would become of a message.
type Query struct {
	Label   Label
	SI      ServiceIndicator
	Linkset LinksetID // that it comes from, if any
	Owner   OwnerID   // that it comes from, if any
}

// Explanation is a whole routing decision: what would happen to a message now, and why.
type Explanation struct {
	Query      Query
	Local      bool          // it is for this node
	Within     []Destination // the destinations of the table that have the DPC, longest match first; the first one decides
	State      Availability  // of the destination
	Since      time.Time     // of State
	Congestion uint8
	Candidates []Candidate // the ways, the best first
	Waits      string      // if it would be withheld: for what
	Reason     Reason      // if it would not be forwarded: why
	Linkset    LinksetID   // where it would go
	Link       LinkID
	Owner      OwnerID
	Conclusion string // all of that in one sentence
}

// Candidate is a way that was considered.
type Candidate struct {
	RouteStatus
	Taken bool
	Why   string          // why it was, or was not
	Links []LinkCandidate // of the linkset that was taken
}

// LinkCandidate is a link that was considered.
type LinkCandidate struct {
	ID    LinkID
	Name  string
	SLC   uint8
	State LinkState
	Taken bool
	Why   string
}

// Explain says what would become of a message, and why. It changes and counts nothing.
func (n *Node) Explain(q Query) Explanation {
	e := Explanation{Query: q}
	e.Reason = n.explain(&e)
	f := n.f
	switch {
	case e.Reason != Forwarded:
		e.Conclusion = "not forwarded: " + e.Reason.String()
	case e.Local:
		e.Conclusion = "delivered to " + q.SI.String() + " of this node"
	case e.Waits != "":
		e.Conclusion = "waits: " + e.Waits
	case e.Owner != 0:
		e.Conclusion = "to " + n.owner(e.Owner).name + " for " + f.PointCodeString(q.Label.DPC)
	default:
		e.Conclusion = "over link " + n.link(e.Link).name + " of linkset " + n.linkset(e.Linkset).name + " to " + f.PointCodeString(n.linkset(e.Linkset).adjacent)
	}
	return e
}

// explain follows TransferFrom, received and forward.
func (n *Node) explain(e *Explanation) Reason {
	q := &e.Query
	m := MSU{SI: q.SI, NI: n.cfg.NI, Label: q.Label}
	from, owner := n.linkset(q.Linkset), n.owner(q.Owner)
	switch {
	case from != nil && n.restart != notRestarting:
		return Restarting
	case from != nil && !from.cfg.Screen.Allows(&m), owner != nil && !owner.cfg.Screen.Allows(&m):
		return ScreenedOut
	}
	if n.isLocal(q.Label.DPC) {
		e.Local = true
		if int(q.SI) >= len(n.users) || n.users[q.SI] != userAvailable && !n.isManagement(q.SI) {
			return UserUnavailable
		}
		return Forwarded
	}
	if from != nil && !n.cfg.Transfer {
		return NotForUs
	}
	rs := n.lookup(q.Label.DPC)
	if rs == nil {
		return UnknownDestination
	}
	for p := rs; p != nil; p = p.parent {
		e.Within = append(e.Within, p.dest)
	}
	e.State, e.Since, e.Congestion = rs.status, rs.since, rs.congestion
	slot := int(q.Label.SLS) & (n.f.SLSValues() - 1)
	taken := rs.routeOf(slot)
	if rs.status == Unavailable {
		taken = nil
	}
	for _, r := range rs.routes {
		c := Candidate{RouteStatus: n.destinationRoute(rs, r), Taken: r == taken}
		c.Why = n.whyRoute(r, taken)
		if c.Taken && r.ls != nil {
			c.Links = n.explainLinks(r.ls, q.Label.SLS)
		}
		e.Candidates = append(e.Candidates, c)
	}
	if taken == nil {
		return DestinationUnavailable
	}
	if d := rs.heldBy(slot); d != nil {
		e.Waits = d.String()
		return Forwarded
	}
	if taken.owner != nil {
		if e.Owner = taken.owner.id; taken.owner == owner {
			return CircularRoute
		}
		return Forwarded
	}
	ls := taken.ls
	if e.Linkset = ls.id; ls == from {
		return CircularRoute
	}
	s := ls.slot(q.Label.SLS)
	if d := ls.hold[s]; d != nil {
		e.Waits = d.String()
		return Forwarded
	}
	if ls.cur[s] == nil {
		return DestinationUnavailable
	}
	e.Link = ls.cur[s].id
	return Forwarded
}

func (n *Node) destinationRoute(rs *routeSet, r *route) RouteStatus {
	carries := 0
	for s := range n.f.SLSValues() {
		if rs.routeOf(s) == r {
			carries++
		}
	}
	return r.view(carries)
}

// whyRoute says why a way is taken or not, taken being the one that is.
func (n *Node) whyRoute(r, taken *route) string {
	switch {
	case r == taken:
		return fmt.Sprintf("the best way for this SLS: priority %d, %v", r.priority, r.availability())
	case r.owner != nil && r.owner.state == Unavailable:
		return "its Application Server is not active"
	case r.ls != nil && !r.ls.available && r.ls.adjRestart:
		return "the adjacent point " + n.f.PointCodeString(r.ls.adjacent) + " restarts"
	case r.ls != nil && !r.ls.available && r.ls.usable > 0:
		return "this node restarts"
	case r.ls != nil && !r.ls.available:
		return "no link of the linkset is in service"
	case r.owner != nil && r.state == Unavailable:
		return r.owner.name + " said that it cannot reach the destination"
	case r.availability() == Unavailable:
		return n.f.PointCodeString(r.ls.adjacent) + " said that it cannot reach the destination (TFP)"
	case taken == nil:
		return "no way is usable"
	case r.priority > taken.priority:
		return fmt.Sprintf("priority %d is worse than %d", r.priority, taken.priority)
	case r.availability() < taken.availability():
		return "it is restricted (TFR), another one is not"
	}
	return "equal; it carries other SLS"
}

func (n *Node) explainLinks(ls *linkset, sls SLS) []LinkCandidate {
	slot := ls.slot(sls)
	all := make([]LinkCandidate, 0, len(ls.links))
	for _, l := range ls.links {
		c := LinkCandidate{ID: l.id, Name: l.name, SLC: l.slc, State: l.state(), Taken: ls.hold[slot] == nil && ls.cur[slot] == l}
		switch {
		case c.Taken && ls.preferred(slot) == l:
			c.Why = fmt.Sprintf("SLS %d belongs to it", sls)
		case c.Taken:
			c.Why = fmt.Sprintf("it stands in for %s, which is %v", ls.preferred(slot).name, ls.preferred(slot).state())
		case !l.usable:
			c.Why = "it is " + c.State.String()
			if c.State == LinkStateFailed || c.State == LinkAligning {
				c.Why += " (" + l.reason.String() + ")"
			}
		case ls.hold[slot] != nil && (ls.hold[slot].to == l || ls.hold[slot].link == l):
			c.Why = "traffic of the SLS waits: " + ls.hold[slot].String()
		default:
			c.Why = "it carries other SLS"
		}
		all = append(all, c)
	}
	return all
}

// String says what traffic waits for.
func (d *diversion) String() string {
	switch {
	case d.kind == changeoverDiversion && d.handshake:
		return "changeover from " + d.link.name + ", for its acknowledgement"
	case d.kind == changeoverDiversion:
		return "time-controlled changeover from " + d.link.name
	case d.kind == changebackDiversion && d.to != nil:
		return "changeback to " + d.to.name
	}
	return "rerouting (T3 or T6)"
}
