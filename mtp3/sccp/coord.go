package sccp

import (
	"time"
)

// Coord is the N-COORD request: a subsystem with a replica asks whether it may go out of service (Q.714
// section 5.3.5). The answer is CoordConfirm, whereupon the subsystem goes out of service by SetSubsystem within
// Timers.IgnoreSST, or CoordRefused. The errors are ErrSubsystem and ErrReplica.
func (n *Node) Coord(now time.Time, ssn SSN, out []Output) ([]Output, error) {
	s := n.subs[ssn]
	if s == nil {
		return out, ErrSubsystem
	}
	if !s.cfg.HasReplica {
		return out, ErrReplica
	}
	if ok, _ := n.Reach(s.cfg.Replica, ssn); !ok {
		return out, ErrReplica
	}
	n.begin(now, out)
	n.sendSCMG(s.cfg.Replica, n.cfg.PointCode, SCMGMessage{Type: SOR, SSN: ssn, PC: n.cfg.PointCode, Multiplicity: 2})
	n.timers.Start(&s.coord, now.Add(n.t.CoordChg))
	return n.end(), nil
}

// GrantCoord is the N-COORD response: the replica, which CoordIndication was about, may go out of service. The errors
// are ErrSubsystem and ErrNoGrant.
func (n *Node) GrantCoord(now time.Time, ssn SSN, out []Output) ([]Output, error) {
	s := n.subs[ssn]
	if s == nil {
		return out, ErrSubsystem
	}
	if !s.asked {
		return out, ErrNoGrant
	}
	n.begin(now, out)
	s.asked = false
	n.sendSCMG(s.asker, n.cfg.PointCode, SCMGMessage{Type: SOG, SSN: ssn, PC: s.asker, Multiplicity: 2})
	return n.end(), nil
}

// outOfServiceRequest takes an SOR: the replica of a subsystem here wants to go.
func (n *Node) outOfServiceRequest(m SCMGMessage, o *origin) bool {
	s := n.subs[m.SSN]
	if s == nil || s.state != InService || !s.cfg.HasReplica || s.cfg.Replica != m.PC || o.opc != m.PC {
		return false
	}
	s.asked, s.asker = true, m.PC
	n.tell(CoordIndication, State{PC: m.PC, SSN: m.SSN})
	return true
}

// outOfServiceGrant takes an SOG for a subsystem here.
func (n *Node) outOfServiceGrant(m SCMGMessage) bool {
	s := n.subs[m.SSN]
	if s == nil || !n.isLocal(m.PC) || !s.coord.Running() {
		return false
	}
	n.timers.Stop(&s.coord)
	n.timers.Start(&s.ignoreSST, n.now.Add(n.t.IgnoreSST))
	n.tell(CoordConfirm, State{PC: n.cfg.PointCode, SSN: m.SSN})
	return true
}
