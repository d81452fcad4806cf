package mtp3

import (
	"slices"
	"time"
)

// restartState is where the MTP restart of this node is (Q.704 section 9.2).
type restartState uint8

const (
	notRestarting restartState = iota
	restarting                 // T20 runs, and with the transfer function T18: linksets come up, neighbours say what they cannot reach
)

// linkInService follows a link into service at level 2: if it is the first of the node, the node restarts; if it is
// the first to a neighbour that was out of reach, the neighbour does (Q.704 sections 9.2.1 and 9.3.1).
func (n *Node) linkInService(ls *linkset) {
	if ls.inService() != 1 {
		return
	}
	long := !ls.everUp || n.now.Sub(ls.downAt) > n.t.T1
	alone := n.neverUp || !n.isolatedAt.IsZero()
	nodeLong := n.neverUp || n.now.Sub(n.isolatedAt) > n.t.T1
	ls.everUp, n.neverUp = true, false
	n.isolatedAt = time.Time{}
	ls.traSent, ls.traReceived = false, false
	if long {
		n.allowRoutes(ls)
	}
	if n.cfg.NoRestart {
		return
	}
	if alone && nodeLong {
		n.restart = restarting
		n.changed(Change{Kind: RestartBegan}, n.cfg.Name, "")
		if n.cfg.Transfer {
			n.after(n.t18, n.t.T18)
		}
		n.after(n.t20, n.t.T20)
		return
	}
	if n.restart != notRestarting || !long {
		return
	}
	if rs := n.lookup(ls.adjacent); rs == nil || rs.status == Unavailable {
		ls.adjRestart = true
		n.linksetChanged(AdjacentRestartBegan, ls, "")
		n.after(ls.t21, n.t.T21)
	}
}

// noLinkInService follows the loss of a link at level 2.
func (n *Node) noLinkInService(ls *linkset) {
	if ls.inService() > 0 {
		return
	}
	ls.downAt = n.now
	if ls.adjRestart {
		ls.adjRestart = false
		n.timers.Stop(ls.t21)
	}
	n.timers.Stop(ls.t19)
	for _, x := range n.linksets {
		if x != nil && x.inService() > 0 {
			return
		}
	}
	n.isolatedAt = n.now
	if n.restart != notRestarting { // begins again with the next link
		n.timers.Stop(n.t18)
		n.timers.Stop(n.t20)
		n.restart = notRestarting
		n.neverUp = true
	}
}

// inService is how many links are in service at level 2.
func (ls *linkset) inService() int {
	c := 0
	for _, l := range ls.links {
		if l.up {
			c++
		}
	}
	return c
}

// restartProgress ends the first phase of a restart once every neighbour whose links are wanted is there and has sent TRA.
func (n *Node) restartProgress() {
	if n.restart == notRestarting {
		return
	}
	for _, ls := range n.linksets {
		if ls == nil || !slices.ContainsFunc(ls.links, func(l *link) bool { return l.active }) {
			continue
		}
		if ls.usable == 0 || !ls.traReceived {
			return
		}
	}
	n.restartEnds()
}

// restartPhase2 is the end of T18: no more is waited for.
func (n *Node) restartPhase2() {
	if n.restart != notRestarting {
		n.restartEnds()
	}
}

// restartEnds is the second phase, which takes no time, and the end: neighbours learn what this node cannot reach
// and that traffic may begin, users which points are there (Q.704 sections 9.2.2 and 9.2.4).
func (n *Node) restartEnds() {
	n.timers.Stop(n.t18)
	n.timers.Stop(n.t20)
	if n.restart == notRestarting {
		return
	}
	n.restart = notRestarting
	n.changed(Change{Kind: RestartEnded}, n.cfg.Name, "")
	n.dirty = true
	n.muted = true
	for _, ls := range n.linksets {
		if ls != nil && ls.usable > 0 {
			ls.adjRestart = false
			if !ls.available {
				ls.available, ls.since = true, n.now
			}
		}
	}
	n.recomputeAll(n.live(), n.t.T3)
	n.muted = false
	for _, ls := range n.linksets {
		if ls != nil && ls.usable > 0 {
			n.sendRoutingStatus(ls)
		}
	}
}

// live are all destinations.
func (n *Node) live() []*routeSet {
	return slices.DeleteFunc(slices.Clone(n.sets), func(rs *routeSet) bool { return rs == nil })
}

// restartAllowed acts on TRA from the neighbour over ls (Q.704 sections 9.2.2, 9.3.2 and 9.5).
func (n *Node) restartAllowed(from *linkset) {
	for _, ls := range n.linksets {
		if ls == nil || ls.adjacent != from.adjacent {
			continue
		}
		switch {
		case n.restart != notRestarting:
			ls.traReceived = true
			n.restartProgress()
		case ls.adjRestart:
			ls.traReceived = true
			n.adjacentRestartProgress(ls)
		case !ls.t19.Running() && ls.usable > 0:
			n.sendRoutingStatus(ls)
		}
	}
}

// adjacentRestartProgress ends the restart of a neighbour when both have said that traffic may begin.
func (n *Node) adjacentRestartProgress(ls *linkset) {
	if ls.adjRestart && ls.traSent && ls.traReceived {
		n.adjacentRestartEnds(ls)
	}
}

func (n *Node) adjacentRestartEnds(ls *linkset) {
	n.timers.Stop(ls.t21)
	if !ls.adjRestart {
		return
	}
	ls.adjRestart = false
	n.linksetChanged(AdjacentRestartEnded, ls, "")
	n.linksetOpens(ls)
}
