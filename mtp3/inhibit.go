package mtp3

import (
	"slices"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// inhibitState is what goes on about the inhibiting of a link (Q.704 section 10).
type inhibitState struct {
	pending inhibitAction
	second  bool // this is the second attempt
	routing bool // routing wants it, not management
	wait    *loop.Timer
	t22     *loop.Timer
	t23     *loop.Timer
}

type inhibitAction uint8

const (
	inhibitIdle      inhibitAction = iota
	inhibiting                     // LIN sent, T14
	uninhibiting                   // LUN sent, T12
	forcingUninhibit               // LFU sent, T13
)

// Inhibit asks for a link to carry no traffic of users, for maintenance. The answer is a Change:
// LinkInhibited or InhibitDenied.
func (n *Node) Inhibit(now time.Time, id LinkID, out []Output) []Output {
	l := n.link(id)
	if l == nil {
		return out
	}
	n.begin(now, out)
	switch {
	case l.linh:
		n.linkChanged(LinkInhibited, l, "already")
	case l.inhibit.pending != inhibitIdle:
		n.linkChanged(InhibitDenied, l, "another procedure is under way")
	default:
		l.inhibit.second = false
		n.sendInhibit(l)
	}
	return n.end()
}

// Uninhibit takes an inhibition from this end back. The answer is a Change: LinkUninhibited or UninhibitFailed.
func (n *Node) Uninhibit(now time.Time, id LinkID, out []Output) []Output {
	l := n.link(id)
	if l == nil {
		return out
	}
	n.begin(now, out)
	switch {
	case l.inhibit.pending != inhibitIdle:
		n.linkChanged(UninhibitFailed, l, "another procedure is under way")
	case !l.linh:
		n.linkChanged(UninhibitFailed, l, "it is not inhibited from this end")
	default:
		l.inhibit.second, l.inhibit.routing = false, false
		n.sendUninhibit(l)
	}
	return n.end()
}

// sendInhibit checks and asks the other end (Q.704 section 10.2 a and b).
func (n *Node) sendInhibit(l *link) {
	rs := n.lookup(l.ls.adjacent)
	switch {
	case l.usable && n.wouldIsolate(l):
		n.inhibitDenied(l, "a destination would be lost")
	case !l.usable && (rs == nil || rs.status == Unavailable):
		n.inhibitDenied(l, "the other end is out of reach")
	case !n.sendAdjacent(l.ls, SNMessage{Heading: LIN, SLC: l.slc}, nil):
		n.inhibitDenied(l, "no path to the other end")
	default:
		l.inhibit.pending = inhibiting
		n.after(l.inhibit.wait, n.t.T14)
	}
}

func (n *Node) inhibitDenied(l *link, text string) {
	n.inhibitDone(l)
	n.linkChanged(InhibitDenied, l, text)
}

func (n *Node) inhibitDone(l *link) {
	l.inhibit.pending = inhibitIdle
	n.timers.Stop(l.inhibit.wait)
}

// wouldIsolate tells whether a destination can be reached over the usable link l alone.
func (n *Node) wouldIsolate(l *link) bool {
	if l.ls.usable > 1 {
		return false
	}
	for _, rs := range l.ls.sets {
		if rs.status == Unavailable {
			continue
		}
		other := slices.ContainsFunc(rs.routes, func(r *route) bool { return r.ls != l.ls && r.availability() != Unavailable })
		if !other {
			return true
		}
	}
	return false
}

// sendUninhibit asks the other end, over the link itself if there is no other (Q.704 section 10.3.1).
func (n *Node) sendUninhibit(l *link) {
	if !n.sendAdjacent(l.ls, SNMessage{Heading: LUN, SLC: l.slc}, nil) {
		n.uninhibitFailed(l, "no path to the other end")
		return
	}
	l.inhibit.pending = uninhibiting
	n.after(l.inhibit.wait, n.t.T12)
}

// forceUninhibit asks the other end to take its inhibition back (Q.704 section 10.3.2 d).
func (n *Node) forceUninhibit(l *link) {
	if !l.up || l.lpo || l.rpo {
		n.uninhibitFailed(l, "the link is not in service")
		return
	}
	l.inhibit.pending = forcingUninhibit
	n.after(l.inhibit.wait, n.t.T13)
	n.sendOn(l, SNMessage{Heading: LFU, SLC: l.slc})
}

func (n *Node) uninhibitFailed(l *link, text string) {
	routing := l.inhibit.routing
	n.inhibitDone(l)
	n.linkChanged(UninhibitFailed, l, text)
	if routing { // the next one: Q.704 section 10.3.2 f
		n.uninhibitAfter(l.ls, l)
	}
}

// inhibitExpired is the end of T12, T13 or T14: each is tried twice.
func (n *Node) inhibitExpired(l *link) {
	s := &l.inhibit
	again := !s.second
	s.second = true
	switch {
	case s.pending == inhibiting && again:
		n.sendInhibit(l)
	case s.pending == inhibiting:
		n.inhibitDenied(l, "no answer")
	case s.pending == uninhibiting && again:
		n.sendUninhibit(l)
	case s.pending == forcingUninhibit && again:
		n.forceUninhibit(l)
	case s.pending != inhibitIdle:
		n.uninhibitFailed(l, "no answer")
	}
}

// uninhibitSome looks for an inhibited link that would make a destination available (Q.704 section 10.3.2).
func (n *Node) uninhibitSome(ls *linkset) { n.uninhibitAfter(ls, nil) }

func (n *Node) uninhibitAfter(ls *linkset, last *link) {
	if ls.usable > 0 || n.restart != notRestarting {
		return
	}
	for _, l := range ls.links {
		if last != nil {
			if l == last {
				last = nil
			}
			continue
		}
		if !l.up || !l.tested || l.lpo || l.rpo || l.inhibit.pending != inhibitIdle {
			continue
		}
		l.inhibit.second, l.inhibit.routing = false, true
		switch {
		case l.linh:
			n.sendUninhibit(l)
			return
		case l.rinh:
			n.forceUninhibit(l)
			return
		}
	}
}

// localInhibitTest and remoteInhibitTest guard the inhibition at both ends (Q.704 section 10.6).
func (n *Node) localInhibitTest(l *link) {
	if l.linh {
		n.sendAdjacent(l.ls, SNMessage{Heading: LLT, SLC: l.slc}, nil)
		n.after(l.inhibit.t22, n.t.T22)
	}
}

func (n *Node) remoteInhibitTest(l *link) {
	if l.rinh {
		n.sendAdjacent(l.ls, SNMessage{Heading: LRT, SLC: l.slc}, nil)
		n.after(l.inhibit.t23, n.t.T23)
	}
}

// inhibitMessage acts on the inhibit messages about a link.
//
//	Message  State                        Action
//	LIN      inhibited from there         LIA
//	LIN      a destination would be lost  LID
//	LIN      else                         LIA over the link, inhibited from there, T23
//	LIA      LIN sent                     inhibited from here, T22
//	LID      LIN sent                     denied
//	LUN      any                          LUA, not inhibited from there
//	LUA      LUN sent                     not inhibited from here
//	LFU      any                          LUN; if inhibited from here, T12
//	LLT      not inhibited from there     LFU, T13
//	LRT      not inhibited from here      LUN, T12
func (n *Node) inhibitMessage(l *link, m SNMessage) {
	s := &l.inhibit
	switch m.Heading {
	case LIN:
		switch {
		case l.rinh:
			n.sendAdjacent(l.ls, SNMessage{Heading: LIA, SLC: l.slc}, nil)
		case l.usable && n.wouldIsolate(l):
			n.sendAdjacent(l.ls, SNMessage{Heading: LID, SLC: l.slc}, nil)
		default:
			if l.usable {
				n.sendOn(l, SNMessage{Heading: LIA, SLC: l.slc})
			} else {
				n.sendAdjacent(l.ls, SNMessage{Heading: LIA, SLC: l.slc}, nil)
			}
			l.rinh = true
			n.after(s.t23, n.t.T23)
			n.linkChanged(LinkInhibited, l, "from the other end")
			n.update(l)
		}
	case LIA:
		if s.pending != inhibiting {
			n.drop(UnexpectedManagement)
			return
		}
		n.inhibitDone(l)
		l.linh = true
		n.after(s.t22, n.t.T22)
		n.linkChanged(LinkInhibited, l, "")
		n.update(l)
	case LID:
		if s.pending != inhibiting {
			n.drop(UnexpectedManagement)
			return
		}
		n.inhibitDenied(l, "the other end would lose a destination")
	case LUN:
		n.sendAdjacent(l.ls, SNMessage{Heading: LUA, SLC: l.slc}, nil)
		if s.pending == forcingUninhibit {
			n.inhibitDone(l)
		}
		if l.rinh {
			l.rinh = false
			n.timers.Stop(s.t23)
			n.linkChanged(LinkUninhibited, l, "from the other end")
			n.update(l)
		}
	case LUA:
		if s.pending != uninhibiting {
			n.drop(UnexpectedManagement)
			return
		}
		n.inhibitDone(l)
		if l.linh {
			l.linh = false
			n.timers.Stop(s.t22)
			n.linkChanged(LinkUninhibited, l, "")
			n.update(l)
		}
	case LFU:
		switch {
		case !l.linh:
			n.sendAdjacent(l.ls, SNMessage{Heading: LUN, SLC: l.slc}, nil)
		case s.pending == inhibitIdle:
			s.second, s.routing = false, true
			n.sendUninhibit(l)
		}
	case LLT:
		if !l.rinh && s.pending == inhibitIdle {
			s.second, s.routing = false, false
			n.forceUninhibit(l)
		}
	case LRT:
		if !l.linh && s.pending == inhibitIdle {
			s.second, s.routing = false, false
			n.sendUninhibit(l)
		}
	}
}
