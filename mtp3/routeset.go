package mtp3

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// routeSet is a destination and the ways to it (Q.704 section 3.4).
type routeSet struct {
	entry    int // its number in the table
	dest     Destination
	parent   *routeSet // the wider destination that it lies within
	children []*routeSet
	learnt   bool // it is a point of its parent that has a state of its own
	routes   []*route

	one    int16   // the route that carries all SLS, -1 for none, if pick is nil
	pick   []uint8 // by SLS: the route
	shared uint32  // where the router has the same

	status    Availability
	since     time.Time    // of status
	announced Availability // what neighbours were told, as far as it is the same for all
	holds     []setHold

	congestion uint8 // of the route set (Q.704 section 13.7)
	t15, t16   *loop.Timer
	t11        *loop.Timer
}

// route is one way of a routeSet.
type route struct {
	set      *routeSet
	ls       *linkset
	owner    *owner
	priority uint8
	implicit bool         // to the adjacent point of its own linkset, added with it
	state    Availability // what the adjacent point said
	test     *loop.Timer  // T10
}

// availability is whether the way can be used now.
func (r *route) availability() Availability {
	switch {
	case r.owner != nil:
		return min(r.owner.state, r.state)
	case !r.ls.available:
		return Unavailable
	}
	return r.state
}

// target is the number by which the router knows the way.
func (r *route) target() uint16 {
	if r.owner != nil {
		return uint16(2*r.owner.id + 1)
	}
	return uint16(2 * r.ls.id)
}

// AddOwner adds an owner of destinations. It is unavailable until [Node.SetOwner].
func (n *Node) AddOwner(cfg OwnerConfig) (OwnerID, error) {
	for _, o := range n.owners {
		if o != nil && o.name == cfg.Name {
			return 0, fmt.Errorf("mtp3: there is an owner %q already", cfg.Name)
		}
	}
	if len(n.owners) == maxTargets {
		return 0, fmt.Errorf("mtp3: there were %d owners already", maxTargets)
	}
	o := &owner{id: OwnerID(len(n.owners) + 1), name: cfg.Name, cfg: cfg, level: make(map[PointCode]uint8)}
	n.owners = append(n.owners, o)
	n.dirty = true
	return o.id, nil
}

// RemoveOwner takes an owner out of the node. It errs if the owner still has routes.
func (n *Node) RemoveOwner(id OwnerID) error {
	o := n.owner(id)
	switch {
	case o == nil:
		return ErrUnknown
	case len(o.sets) > 0:
		return fmt.Errorf("mtp3: owner %s still has routes", o.name)
	}
	n.owners[id-1] = nil
	n.dirty = true
	return nil
}

// SetOwner says whether an owner takes messages. Its destinations become available or not: users
// get MTP-PAUSE and MTP-RESUME, neighbours TFP, TFR and TFA.
func (n *Node) SetOwner(now time.Time, id OwnerID, a Availability, out []Output) []Output {
	o := n.owner(id)
	if o == nil || o.state == a {
		return out
	}
	n.begin(now, out)
	o.state, o.since = a, n.now
	n.dirty = true
	if a == Unavailable {
		clear(o.level)
		for _, rs := range o.sets { // it says anew what it cannot reach
			for _, r := range rs.routes {
				if r.owner == o {
					r.state = Available
				}
			}
		}
	}
	n.recomputeAll(o.sets, n.t.T6)
	return n.end()
}

// AddRoute adds a way to a destination. The points at the other end of linksets have theirs already,
// with priority 0.
func (n *Node) AddRoute(now time.Time, r Route, out []Output) ([]Output, error) {
	n.begin(now, out)
	rs, err := n.takeRoute(r)
	if err == nil {
		n.routesChanged(rs)
	}
	return n.end(), err
}

// AddRoutes adds many ways at once, such as those of a configuration, with one change of the table. What is wrong
// with some of them, joined, keeps none of the others out.
func (n *Node) AddRoutes(now time.Time, routes []Route, out []Output) ([]Output, error) {
	n.begin(now, out)
	changed := make([]*routeSet, 0, len(routes))
	seen := make(map[*routeSet]bool, len(routes))
	var errs []error
	for _, r := range routes {
		rs, err := n.takeRoute(r)
		switch {
		case err != nil:
			errs = append(errs, err)
		case !seen[rs]:
			seen[rs] = true
			changed = append(changed, rs)
		}
	}
	n.refreshTable()
	for _, rs := range changed {
		n.routesChanged(rs)
	}
	return n.end(), errors.Join(errs...)
}

// takeRoute puts a way into its set, which is to be computed anew.
func (n *Node) takeRoute(r Route) (*routeSet, error) {
	r.Destination = r.Destination.Canonical()
	ls, o := n.linkset(r.Linkset), n.owner(r.Owner)
	switch {
	case (ls == nil) == (o == nil) || ls == nil && r.Linkset != 0 || o == nil && r.Owner != 0:
		return nil, ErrUnknown
	case r.Destination.PC > n.f.MaxPointCode() || int(r.Destination.Wild) > n.f.PointCodeBits():
		return nil, fmt.Errorf("mtp3: destination %d/%d does not fit %d bits", r.Destination.PC, r.Destination.Wild, n.f.PointCodeBits())
	case r.Destination.Wild == 0 && n.isLocal(r.Destination.PC):
		return nil, fmt.Errorf("mtp3: the destination %s is this node", n.f.PointCodeString(r.Destination.PC))
	}
	if rs := n.exact[r.Destination]; rs != nil {
		for _, x := range rs.routes {
			if x.ls == ls && x.owner == o {
				if !x.implicit {
					return nil, fmt.Errorf("mtp3: there is a route to %s over it already", n.f.DestinationString(r.Destination))
				}
				x.implicit, x.priority = false, r.Priority
				return rs, nil
			}
		}
		if len(rs.routes) == 255 {
			return nil, fmt.Errorf("mtp3: %s has 255 routes already", n.f.DestinationString(r.Destination))
		}
	}
	return n.addRoute(r, false), nil
}

// RemoveRoute takes a way to a destination out of the table. The priority doesn't count.
func (n *Node) RemoveRoute(now time.Time, r Route, out []Output) ([]Output, error) {
	r.Destination = r.Destination.Canonical()
	rs := n.exact[r.Destination]
	if rs == nil {
		return out, ErrUnknown
	}
	found := false
	for _, x := range rs.routes {
		if x.ls != nil && x.ls.id == r.Linkset || x.owner != nil && x.owner.id == r.Owner {
			if x.implicit {
				break
			}
			if x.ls != nil && x.ls.adjacent == rs.dest.PC && rs.dest.Wild == 0 { // back to what it is without
				n.begin(now, out)
				x.implicit, x.priority = true, 0
				n.routesChanged(rs)
				return n.end(), nil
			}
			found = true
		}
	}
	if !found {
		return out, ErrUnknown
	}
	n.begin(now, out)
	n.removeRoute(r)
	if n.exact[r.Destination] != nil {
		n.routesChanged(rs)
	}
	return n.end(), nil
}

// addRoute adds what was checked.
func (n *Node) addRoute(r Route, implicit bool) *routeSet {
	rs := n.exact[r.Destination]
	if rs != nil && rs.learnt { // what was learnt of a point gives way to its own routes
		n.forget(rs)
		rs = nil
	}
	if rs == nil {
		rs = n.newSet(r.Destination)
		n.tableStale = true
	}
	n.newRoute(rs, n.linkset(r.Linkset), n.owner(r.Owner), r.Priority, implicit)
	return rs
}

func (n *Node) newSet(d Destination) *routeSet {
	rs := &routeSet{dest: d, one: -1, entry: slices.Index(n.sets, nil)}
	if rs.entry < 0 {
		rs.entry = len(n.sets)
		n.sets = append(n.sets, nil)
	}
	n.sets[rs.entry] = rs
	n.exact[d] = rs
	return rs
}

func (n *Node) newRoute(rs *routeSet, ls *linkset, o *owner, priority uint8, implicit bool) *route {
	x := &route{set: rs, ls: ls, owner: o, priority: priority, implicit: implicit, state: Available}
	rs.routes = append(rs.routes, x)
	if ls != nil {
		ls.sets = append(ls.sets, rs)
	} else {
		o.sets = append(o.sets, rs)
	}
	return x
}

// removeRoute takes a route out, and its destination with the last one.
func (n *Node) removeRoute(r Route) {
	rs := n.exact[r.Destination]
	if rs == nil {
		return
	}
	was := n.chosen(rs)
	for i, x := range rs.routes {
		if x.ls != nil && x.ls.id == r.Linkset || x.owner != nil && x.owner.id == r.Owner {
			n.dropRoute(x)
			rs.routes = slices.Delete(rs.routes, i, i+1)
			break
		}
	}
	rs.choose(was)
	if len(rs.routes) > 0 {
		return
	}
	n.forgetChildren(rs)
	n.setStatus(rs, Unavailable)
	n.removeSet(rs)
	n.tableStale = true
}

func (n *Node) dropRoute(x *route) {
	n.timers.Stop(x.test)
	without := func(all []*routeSet) []*routeSet {
		if i := slices.Index(all, x.set); i >= 0 {
			all[i] = all[len(all)-1]
			all = all[:len(all)-1]
		}
		return all
	}
	if x.ls != nil {
		x.ls.sets = without(x.ls.sets)
	} else {
		x.owner.sets = without(x.owner.sets)
	}
}

func (n *Node) removeSet(rs *routeSet) {
	for _, t := range []*loop.Timer{rs.t11, rs.t15, rs.t16} {
		n.timers.Stop(t)
	}
	for len(rs.holds) > 0 { // its messages find that there is no way when their time has come
		d := rs.holds[0].d
		rs.unhold(d)
		if i := slices.Index(d.sets, rs); i >= 0 {
			d.sets = slices.Delete(d.sets, i, i+1)
		}
	}
	delete(n.exact, rs.dest)
	n.sets[rs.entry] = nil
	n.dirty = true
}

// routesChanged follows a change of a destination's configured routes.
func (n *Node) routesChanged(rs *routeSet) {
	n.forgetChildren(rs)
	was := n.chosen(rs)
	slices.SortStableFunc(rs.routes, func(a, b *route) int { return int(a.priority) - int(b.priority) })
	rs.choose(was)
	n.recompute(rs, n.t.T6) // what moves keeps its order
}

// noRoute is in pick where an SLS has no route; there are fewer routes than that.
const noRoute = 255

// chosen is the route of each SLS, to be kept while places in the list of routes change.
func (n *Node) chosen(rs *routeSet) []*route {
	was := make([]*route, n.f.SLSValues())
	for s := range was {
		was[s] = rs.routeOf(s)
	}
	return was
}

// choose gives each SLS the route that it had, as far as there still is one.
func (rs *routeSet) choose(was []*route) {
	rs.one, rs.pick = -1, nil
	pick, some := make([]uint8, len(was)), false
	for s, r := range was {
		pick[s] = noRoute
		if i := slices.Index(rs.routes, r); r != nil && i >= 0 {
			pick[s], some = uint8(i), true
		}
	}
	if some {
		rs.pick = pick
	}
}

// SetPriority changes the priority of a way that is in the table. Traffic moves as by controlled rerouting (Q.704
// section 8).
func (n *Node) SetPriority(now time.Time, r Route, out []Output) ([]Output, error) {
	rs := n.exact[r.Destination.Canonical()]
	if rs == nil {
		return out, ErrUnknown
	}
	for _, x := range rs.routes {
		if x.implicit || !(x.ls != nil && x.ls.id == r.Linkset || x.owner != nil && x.owner.id == r.Owner) {
			continue
		}
		n.begin(now, out)
		x.priority = r.Priority
		n.routesChanged(rs)
		return n.end(), nil
	}
	return out, ErrUnknown
}

// refreshTable builds the table anew after changes of the configuration.
func (n *Node) refreshTable() {
	if !n.tableStale {
		return
	}
	n.tableStale = false
	n.dirty = true
	dests := make([]Destination, 0, len(n.sets))
	index := make([]*routeSet, 0, len(n.sets))
	for _, rs := range n.sets {
		if rs == nil {
			continue
		}
		dests = append(dests, rs.dest)
		index = append(index, rs)
		rs.parent, rs.children = nil, nil
	}
	n.table = buildTable(dests, func(i, within int) {
		if within >= 0 {
			index[i].parent = index[within]
			index[within].children = append(index[within].children, index[i])
		}
	})
	n.sets = index
	for i, rs := range index {
		rs.entry = i
	}
}

// lookup is the longest match of a point code, or nil.
func (n *Node) lookup(pc PointCode) *routeSet {
	if n.tableStale {
		n.refreshTable()
	}
	i := n.table.lookup(pc)
	if i < 0 || i >= len(n.sets) {
		return nil
	}
	return n.sets[i]
}

// exception returns the destination of the single point pc, made of its parent rs if it has none yet; nil if there are too many.
func (n *Node) exception(rs *routeSet, pc PointCode) *routeSet {
	if rs.dest.Wild == 0 {
		return rs
	}
	if n.exceptions >= n.cfg.MaxExceptions {
		return nil
	}
	n.exceptions++
	child := n.newSet(Destination{PC: pc})
	child.learnt = true
	child.parent = rs
	rs.children = append(rs.children, child)
	for _, r := range rs.routes {
		n.newRoute(child, r.ls, r.owner, r.priority, false).state = r.state
	}
	child.one, child.pick, child.shared = rs.one, rs.pick, rs.shared
	child.status, child.announced = rs.status, rs.announced
	for _, h := range rs.holds { // what waits for the whole waits for the part
		h.d.holdSet(child, h.slots)
	}
	n.table = n.table.set(pc, child.entry)
	n.dirty = true
	return child
}

// dissolve forgets a point's own state when it is that of its parent again.
func (n *Node) dissolve(rs *routeSet) {
	if !rs.learnt || len(rs.holds) > 0 || rs.congestion > 0 || len(rs.parent.holds) > 0 || rs.status != rs.parent.status {
		return
	}
	for _, r := range rs.routes {
		if r.state != Available {
			return
		}
	}
	n.forget(rs)
}

// forget takes a learnt point out of the table.
func (n *Node) forget(rs *routeSet) {
	for _, r := range rs.routes {
		n.dropRoute(r)
	}
	n.exceptions--
	p := rs.parent
	if i := slices.Index(p.children, rs); i >= 0 {
		p.children = slices.Delete(p.children, i, i+1)
	}
	n.removeSet(rs)
	if !n.tableStale {
		n.table = n.table.set(rs.dest.PC, p.entry)
	}
}

func (n *Node) forgetChildren(rs *routeSet) {
	for i := len(rs.children) - 1; i >= 0; i-- {
		if c := rs.children[i]; c.learnt {
			n.forget(c)
		}
	}
}

// publish replaces the snapshot of the router.
func (n *Node) publish() {
	n.refreshTable()
	n.dirty = false
	s := &routes{format: n.f, local: n.local, transfer: n.cfg.Transfer, table: n.table}
	s.targets = make([]routeTarget, 2+2*max(len(n.linksets), len(n.owners)))
	for _, ls := range n.linksets {
		if ls == nil {
			continue
		}
		t := routeTarget{linkset: ls.id, rotate: ls.cfg.Rotate, links: make([]LinkID, len(ls.cur))}
		for s, l := range ls.cur {
			if l != nil {
				t.links[s] = l.id
			}
		}
		s.targets[2*ls.id] = t
	}
	for _, o := range n.owners {
		if o != nil {
			s.targets[2*o.id+1] = routeTarget{owner: o.id}
		}
	}
	s.entries = make([]routeEntry, len(n.sets))
	for i, rs := range n.sets {
		e := routeEntry{reason: UnknownDestination}
		switch {
		case rs == nil:
		case rs.status == Unavailable || rs.one < 0 && rs.pick == nil:
			e.reason = DestinationUnavailable
		case rs.pick != nil:
			e = routeEntry{held: len(rs.holds) > 0, pick: rs.shared}
		default:
			e = routeEntry{held: len(rs.holds) > 0, single: rs.routes[rs.one].target()}
		}
		s.entries[i] = e
	}
	s.picks = n.picks
	n.router.snap.Store(s)
}
