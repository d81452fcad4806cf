package mtp3

import (
	"fmt"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// linkset is the links to one adjacent point, and how the SLS are divided over them.
type linkset struct {
	id       LinksetID
	name     string
	cfg      LinksetConfig
	adjacent PointCode
	local    PointCode
	links    []*link

	cur    []*link      // by slot: the link that has its traffic; nil while there is none
	hold   []*diversion // by slot: where its traffic waits
	usable int          // how many links are usable

	available bool        // routes may use it
	since     time.Time   // of the last change of available
	sets      []*routeSet // that have a route over it

	// The adjacent point's MTP restart (Q.704 section 9.3).
	adjRestart  bool // T21 runs
	traSent     bool
	traReceived bool
	downAt      time.Time // since when no link is in service; zero if one is
	everUp      bool
	t19, t21    *loop.Timer
	code        uint8 // the last changeback code
}

// link is a signalling link as level 3 knows it (Q.704 section 3.2).
type link struct {
	id    LinkID
	ls    *linkset
	name  string
	slc   uint8
	l2    Link
	bits  int // of FSN and BSN
	stats LinkStats

	active   bool      // management wants it in service
	starting bool      // Start was called, neither InService nor OutOfService came
	up       bool      // level 2 is in service
	tested   bool      // the signalling link test passed since
	lpo, rpo bool      // processor outage
	outageAt time.Time // since when there is one at either end
	linh     bool      // inhibited from here
	rinh     bool      // inhibited from the other end
	usable   bool      // all of that as far as it was acted on
	carried  bool      // it was usable since level 2 came up
	reason   LinkFailReason
	since    time.Time // of the last change of usable
	failedAt time.Time // of the last failure

	level, discard uint8
	congCount      int

	bsnt     uint32 // read when the link failed; the other end may ask for it until the link has served again
	bsntOK   bool
	co       *diversion // the changeover under way
	coDone   bool       // a changeover was completed since the link was usable
	ordered  bool       // the other end's changeover order is being acted on
	t17, t24 *loop.Timer

	slt     linkTest
	inhibit inhibitState
}

// LinkStats are the counters of a link since it was added.
type LinkStats struct {
	MSUsIn, MSUsOut     uint64
	OctetsIn, OctetsOut uint64 // service information octet included
	Discarded           uint64 // by level 2, because its buffers were full
	Changeovers         uint64
	Changebacks         uint64
	Failures            uint64
	Congestions         uint64 // onsets
}

// AddLinkset adds a linkset without links.
func (n *Node) AddLinkset(cfg LinksetConfig) (LinksetID, error) {
	if cfg.Local == 0 {
		cfg.Local = n.cfg.PointCode
	}
	switch {
	case cfg.Adjacent > n.f.MaxPointCode():
		return 0, fmt.Errorf("mtp3: adjacent point code %d does not fit %d bits", cfg.Adjacent, n.f.PointCodeBits())
	case n.isLocal(cfg.Adjacent):
		return 0, fmt.Errorf("mtp3: the adjacent point %s is this node", n.f.PointCodeString(cfg.Adjacent))
	case !n.isLocal(cfg.Local):
		return 0, fmt.Errorf("mtp3: %s is no point code of this node", n.f.PointCodeString(cfg.Local))
	case cfg.Rotate > 7:
		return 0, fmt.Errorf("mtp3: an SLS cannot be rotated by %d bits", cfg.Rotate)
	}
	if cfg.Name == "" {
		cfg.Name = n.f.PointCodeString(cfg.Adjacent)
	}
	for _, ls := range n.linksets {
		if ls != nil && ls.name == cfg.Name {
			return 0, fmt.Errorf("mtp3: there is a linkset %q already", cfg.Name)
		}
	}
	if len(n.linksets) == maxTargets {
		return 0, fmt.Errorf("mtp3: there were %d linksets already", maxTargets)
	}
	slots := n.f.SLSValues()
	ls := &linkset{
		id: LinksetID(len(n.linksets) + 1), name: cfg.Name, cfg: cfg, adjacent: cfg.Adjacent, local: cfg.Local,
		cur: make([]*link, slots), hold: make([]*diversion, slots),
	}
	ls.t19 = &loop.Timer{Fire: func() {}}
	ls.t21 = &loop.Timer{Fire: func() { n.adjacentRestartEnds(ls) }}
	n.linksets = append(n.linksets, ls)
	n.addRoute(Route{Destination: Destination{PC: ls.adjacent}, Linkset: ls.id}, true)
	n.tableStale = true
	return ls.id, nil
}

// SetScreen changes what may come in over a linkset.
func (n *Node) SetScreen(id LinksetID, s Screen) error {
	ls := n.linkset(id)
	if ls == nil {
		return ErrUnknown
	}
	ls.cfg.Screen = s
	return nil
}

// SetOwnerScreen changes what may come from an owner.
func (n *Node) SetOwnerScreen(id OwnerID, s Screen) error {
	o := n.owner(id)
	if o == nil {
		return ErrUnknown
	}
	o.cfg.Screen = s
	return nil
}

// AddLink adds a link to a linkset. It stays inactive until [Node.Activate].
func (n *Node) AddLink(id LinksetID, cfg LinkConfig) (LinkID, error) {
	ls := n.linkset(id)
	switch {
	case ls == nil:
		return 0, ErrUnknown
	case cfg.Link == nil:
		return 0, fmt.Errorf("mtp3: link %d of linkset %q has no level 2", cfg.SLC, ls.name)
	case cfg.SLC > 15:
		return 0, fmt.Errorf("mtp3: signalling link code %d is over 15", cfg.SLC)
	}
	for _, l := range ls.links {
		if l.slc == cfg.SLC {
			return 0, fmt.Errorf("mtp3: linkset %q has a link %d already", ls.name, cfg.SLC)
		}
	}
	if cfg.Name == "" {
		cfg.Name = fmt.Sprintf("%s/%d", ls.name, cfg.SLC)
	}
	l := &link{id: LinkID(len(n.links) + 1), ls: ls, name: cfg.Name, slc: cfg.SLC, l2: cfg.Link, bits: cfg.Link.SequenceBits()}
	l.t17 = &loop.Timer{Fire: func() { n.startLink(l) }}
	l.t24 = &loop.Timer{Fire: func() { n.localProcessorRecovered(l) }}
	l.slt.t1 = &loop.Timer{Fire: func() { n.linkTestExpired(l) }}
	l.slt.t2 = &loop.Timer{Fire: func() { n.sendLinkTest(l, true) }}
	l.inhibit.wait = &loop.Timer{Fire: func() { n.inhibitExpired(l) }}
	l.inhibit.t22 = &loop.Timer{Fire: func() { n.localInhibitTest(l) }}
	l.inhibit.t23 = &loop.Timer{Fire: func() { n.remoteInhibitTest(l) }}
	ls.links = append(ls.links, l)
	for i := len(ls.links) - 1; i > 0 && ls.links[i-1].slc > l.slc; i-- { // in the order of SLC, as at the other end
		ls.links[i-1], ls.links[i] = ls.links[i], ls.links[i-1]
	}
	n.links = append(n.links, l)
	return l.id, nil
}

// RemoveLink takes a link out of the node. It errs if the link is still active.
func (n *Node) RemoveLink(id LinkID) error {
	l := n.link(id)
	if l == nil {
		return ErrUnknown
	}
	if l.active || l.co != nil {
		return fmt.Errorf("mtp3: link %s is still active", l.name)
	}
	for _, t := range []*loop.Timer{l.t17, l.t24, l.slt.t1, l.slt.t2, l.inhibit.wait, l.inhibit.t22, l.inhibit.t23} {
		n.timers.Stop(t)
	}
	for i, m := range l.ls.links {
		if m == l {
			l.ls.links = append(l.ls.links[:i:i], l.ls.links[i+1:]...)
		}
	}
	n.links[id-1] = nil
	return nil
}

// RemoveLinkset takes a linkset out of the node. It errs if it still has links or routes.
func (n *Node) RemoveLinkset(id LinksetID) error {
	ls := n.linkset(id)
	switch {
	case ls == nil:
		return ErrUnknown
	case len(ls.links) > 0:
		return fmt.Errorf("mtp3: linkset %s still has links", ls.name)
	case len(ls.sets) > 1:
		return fmt.Errorf("mtp3: linkset %s still has routes", ls.name)
	}
	n.removeRoute(Route{Destination: Destination{PC: ls.adjacent}, Linkset: id})
	n.timers.Stop(ls.t19)
	n.timers.Stop(ls.t21)
	n.linksets[id-1] = nil
	n.tableStale = true
	return nil
}

// slot is the place of an SLS in the linkset.
func (ls *linkset) slot(sls SLS) int { return slotOf(sls, ls.cfg.Rotate, len(ls.cur)) }

// preferred is the link that a slot belongs to while all links are usable.
func (ls *linkset) preferred(slot int) *link { return ls.links[slot%len(ls.links)] }

// place gives the slots that are not withheld and have no usable link a new one: their own if it is usable, else
// the usable link with the fewest.
func (ls *linkset) place() {
	load := ls.load()
	for s, l := range ls.cur {
		if ls.hold[s] != nil || l != nil && l.usable {
			continue
		}
		to := ls.leastLoaded(load)
		if len(ls.links) > 0 && ls.preferred(s).usable {
			to = ls.preferred(s)
		}
		ls.cur[s] = to
		if to != nil {
			load[to]++
		}
	}
}

// load is how many slots each usable link has; those that will go back to their own link count there.
func (ls *linkset) load() map[*link]int {
	load := make(map[*link]int, len(ls.links))
	for s, l := range ls.cur {
		if d := ls.hold[s]; d != nil && d.kind == changebackDiversion {
			l = d.to
		}
		if l != nil && l.usable {
			load[l]++
		}
	}
	return load
}

func (ls *linkset) leastLoaded(load map[*link]int) *link {
	var best *link
	for _, l := range ls.links {
		if l.usable && (best == nil || load[l] < load[best]) {
			best = l
		}
	}
	return best
}

// managementLink is a link to the adjacent point for a management message: a usable one but avoid, if there is
// one, else one that is inhibited. The usable ones are taken as for an SLS.
func (ls *linkset) managementLink(sls SLS, avoid *link) *link {
	if l := ls.cur[ls.slot(sls)]; l != nil && l.usable && l != avoid {
		return l
	}
	var inhibited *link
	for _, l := range ls.links {
		switch {
		case l == avoid || !l.up || !l.tested || l.lpo || l.rpo:
		case l.usable:
			return l
		case inhibited == nil:
			inhibited = l
		}
	}
	return inhibited
}

// byCode is the link of a signalling link code, or nil.
func (ls *linkset) byCode(slc uint8) *link {
	for _, l := range ls.links {
		if l.slc == slc {
			return l
		}
	}
	return nil
}

// adjacentSet is the first linkset to pc, or nil; with a link of the code slc if there is such a one.
func (n *Node) adjacentSet(pc PointCode, slc int) *linkset {
	var found *linkset
	for _, ls := range n.linksets {
		if ls == nil || ls.adjacent != pc {
			continue
		}
		if slc < 0 || ls.byCode(uint8(slc)) != nil {
			return ls
		}
		if found == nil {
			found = ls
		}
	}
	return found
}

// update acts on a change of what makes a link usable.
func (n *Node) update(l *link) {
	usable := l.up && l.tested && !l.lpo && !l.rpo && !l.linh && !l.rinh
	if usable == l.usable {
		return
	}
	l.usable = usable
	l.since = n.now
	if usable {
		n.linkAvailable(l)
	} else {
		n.linkUnavailable(l)
	}
}

// linkAvailable lets a link carry traffic (Q.704 sections 4.4 and 6.2).
func (n *Node) linkAvailable(l *link) {
	ls := l.ls
	ls.usable++
	l.carried, l.coDone = true, false
	n.linkChanged(LinkAvailable, l, "")
	n.dirty = true
	first := ls.usable == 1
	if first {
		ls.place()
		n.linksetUp(ls)
	}
	if d := l.co; d != nil { // back before the time-controlled changeover ended: its traffic stayed its own
		n.cancelChangeover(d)
	}
	if !first {
		n.changeback(l)
	}
}

// linkUnavailable takes the traffic off a link (Q.704 sections 4.3 and 5.3).
func (n *Node) linkUnavailable(l *link) {
	ls := l.ls
	ls.usable--
	n.linkChanged(LinkUnavailable, l, "")
	n.dirty = true
	d := n.holdForChangeover(l)
	if ls.usable == 0 {
		n.linksetDown(ls)
	}
	n.beginChangeover(d)
}

// linksetUp follows the first usable link of a linkset.
func (n *Node) linksetUp(ls *linkset) {
	n.linksetChanged(LinksetAvailable, ls, "")
	switch {
	case n.restart != notRestarting:
		n.restartProgress()
	case ls.adjRestart:
		n.sendRoutingStatus(ls) // and TRA, Q.704 section 9.3.2
	default:
		rs := n.lookup(ls.adjacent)
		lost := rs == nil || rs.status == Unavailable
		n.linksetOpens(ls)
		switch {
		case lost && n.cfg.NoRestart:
			n.sendRoutingStatus(ls) // the other end may wait for TRA
		case lost:
			n.sendRoutingTable(ls)
		}
	}
}

// linksetOpens lets routes use a linkset.
func (n *Node) linksetOpens(ls *linkset) {
	if ls.available || ls.usable == 0 {
		return
	}
	ls.available, ls.since = true, n.now
	n.dirty = true
	n.recomputeAll(ls.sets, n.t.T3)
}

// linksetDown follows the loss of the last usable link.
func (n *Node) linksetDown(ls *linkset) {
	n.linksetChanged(LinksetUnavailable, ls, "")
	if !ls.available {
		return
	}
	ls.available, ls.since = false, n.now
	n.dirty = true
	n.recomputeAll(ls.sets, 0)
}
