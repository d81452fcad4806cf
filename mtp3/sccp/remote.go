package sccp

import (
	"fmt"
	"slices"
	"time"

	"github.com/gotelco/telco/internal/loop"
	"github.com/gotelco/telco/mtp3"
)

// SCCPStatus is whether the SCCP of a remote point works (Q.711 section 6.3.2.3.4).
type SCCPStatus uint8

// The states.
const (
	SCCPAvailable SCCPStatus = iota
	SCCPUnavailable
	SCCPUnequipped
	SCCPInaccessible
)

var sccpStatusNames = [...]string{"available", "unavailable", "unequipped", "inaccessible"}

// String is the state in words.
func (s SCCPStatus) String() string { return name(sccpStatusNames[:], s, "SCCPStatus") }

// State is what N-STATE, N-PCSTATE and N-COORD say.
type State struct {
	PC  mtp3.PointCode // the point that it is about
	SSN SSN            // the subsystem, of N-STATE and N-COORD

	InService bool // of N-STATE

	Accessible  bool       // of N-PCSTATE: MTP reaches the point
	SCCP        SCCPStatus // of N-PCSTATE
	Restriction uint8      // of N-PCSTATE: messages of lower importance are not sent; 0 to 8
}

// RemoteConfig describes a remote point that this node wants to know about.
type RemoteConfig struct {
	Subsystems []RemoteSubsystem
	NoLong     bool // it does not know LUDT, with Config.Long
}

// RemoteSubsystem is a subsystem of a remote point.
type RemoteSubsystem struct {
	SSN       SSN
	Concerned []mtp3.PointCode // points that are told when it goes in or out of service, for this node translates titles to it for them
}

// remote is another point.
type remote struct {
	pc         mtp3.PointCode
	configured bool
	cfg        RemoteConfig
	paused     bool // as users were told
	sccp       SCCPStatus
	subs       []*remoteSubsystem
	cong       congestion
}

// remoteSubsystem is one that is known. That of SCMG is there while the SCCP is tested.
type remoteSubsystem struct {
	ssn        SSN
	prohibited bool
	concerned  []mtp3.PointCode
	configured bool
	test       loop.Timer // T(stat info)
	wait       time.Duration
}

func (r *remote) sub(ssn SSN) *remoteSubsystem {
	for _, s := range r.subs {
		if s.ssn == ssn {
			return s
		}
	}
	return nil
}

func (r *remote) prohibited(ssn SSN) bool {
	s := r.sub(ssn)
	return s != nil && s.prohibited && ssn != UnknownSSN
}

// AddRemote makes a remote point known, so that local subsystems and the concerned points hear of its states. One that is
// known already gets the new configuration; what is known of its states remains.
func (n *Node) AddRemote(pc mtp3.PointCode, cfg RemoteConfig) error {
	if pc > n.cfg.Format.MaxPointCode() {
		return fmt.Errorf("sccp: point code %d does not fit %d bits", pc, n.cfg.Format.PointCodeBits())
	}
	for _, s := range cfg.Subsystems {
		if s.SSN <= SCMG {
			return ErrSSN
		}
	}
	r := n.remotes[pc]
	if r == nil {
		r = &remote{pc: pc, paused: !n.reachable(pc)}
		n.remotes[pc] = r
	} else if !r.configured {
		n.learnt -= 1 + len(r.subs)
	} else {
		for _, s := range r.subs {
			if !s.configured {
				n.learnt--
			}
		}
	}
	r.configured, r.cfg = true, cfg
	for _, s := range r.subs {
		s.configured, s.concerned = false, nil
	}
	for _, c := range cfg.Subsystems {
		s := r.sub(c.SSN)
		if s == nil {
			s = n.newSub(r, c.SSN)
			s.prohibited = r.paused || r.sccp != SCCPAvailable
		}
		s.configured, s.concerned = true, c.Concerned
	}
	for _, s := range r.subs {
		if !s.configured {
			n.learnt++
		}
	}
	n.prune(r)
	return nil
}

// RemoveRemote forgets a remote point and its states.
func (n *Node) RemoveRemote(pc mtp3.PointCode) {
	r := n.remotes[pc]
	if r == nil {
		return
	}
	for _, s := range r.subs {
		n.timers.Stop(&s.test)
		if !s.configured || !r.configured {
			n.learnt--
		}
	}
	if !r.configured {
		n.learnt--
	}
	n.eased(r)
	delete(n.remotes, pc)
}

// Remote is what is known of a remote point, in the order of subsystem numbers; ok is false if that is nothing special.
func (n *Node) Remote(pc mtp3.PointCode) (point State, subsystems []State, ok bool) {
	r := n.remotes[pc]
	if r == nil {
		return State{PC: pc, Accessible: n.reachable(pc)}, nil, false
	}
	for _, s := range r.subs {
		if s.ssn != SCMG {
			subsystems = append(subsystems, State{PC: pc, SSN: s.ssn, InService: !s.prohibited})
		}
	}
	slices.SortFunc(subsystems, func(a, b State) int { return int(a.SSN) - int(b.SSN) })
	return n.pointState(r), subsystems, true
}

// Remotes are the points that something is known of: those that were added, and those that MTP or SCMG told about.
func (n *Node) Remotes() []mtp3.PointCode {
	pcs := make([]mtp3.PointCode, 0, len(n.remotes))
	for pc := range n.remotes {
		pcs = append(pcs, pc)
	}
	slices.Sort(pcs)
	return pcs
}

func (n *Node) pointState(r *remote) State {
	return State{PC: r.pc, Accessible: n.reachable(r.pc), SCCP: r.sccp, Restriction: r.cong.level}
}

// pointNews tells the local subsystems (N-PCSTATE, section 5.3.6).
func (n *Node) pointNews(r *remote) {
	s := n.pointState(r)
	s.Accessible = !r.paused
	n.log("signalling point", "pc", n.pc(r.pc), "accessible", s.Accessible, "sccp", s.SCCP.String(), "restriction", s.Restriction)
	n.tell(PointIndication, s)
}

// learn is a remote point; it is remembered from now on. It returns nil at the limit.
func (n *Node) learn(pc mtp3.PointCode) *remote {
	r := n.remotes[pc]
	if r == nil {
		if n.learnt >= n.cfg.MaxLearnt {
			n.drop(TooManyLearnt)
			return nil
		}
		n.learnt++
		r = &remote{pc: pc, paused: !n.reachable(pc)}
		n.remotes[pc] = r
	}
	return r
}

// newSub adds a subsystem to a remote point.
func (n *Node) newSub(r *remote, ssn SSN) *remoteSubsystem {
	s := &remoteSubsystem{ssn: ssn}
	s.test.Fire = func() { n.test(r, s) }
	r.subs = append(r.subs, s)
	return s
}

// learnSub is a subsystem of a remote point. It returns nil at the limit.
func (n *Node) learnSub(r *remote, ssn SSN) *remoteSubsystem {
	s := r.sub(ssn)
	if s == nil {
		if n.learnt >= n.cfg.MaxLearnt {
			n.drop(TooManyLearnt)
			return nil
		}
		n.learnt++
		s = n.newSub(r, ssn)
	}
	return s
}

// prune forgets what was learnt and is as if it had not been.
func (n *Node) prune(r *remote) {
	before := len(r.subs)
	r.subs = slices.DeleteFunc(r.subs, func(s *remoteSubsystem) bool {
		return !s.configured && !s.prohibited && !s.test.Running()
	})
	n.learnt -= before - len(r.subs)
	if !r.configured && len(r.subs) == 0 && r.sccp == SCCPAvailable && r.cong.level == 0 && r.cong.sub == 0 {
		delete(n.remotes, r.pc)
		n.learnt--
	}
}

// pause is MTP-PAUSE and MTP-RESUME (Q.714 sections 5.2.2 and 5.2.3).
func (n *Node) pause(d mtp3.Destination, paused bool) {
	if !n.paused.set(d, paused, n.cfg.MaxLearnt) {
		n.drop(TooManyLearnt)
	}
	for _, r := range n.within(d) {
		if r.paused == paused {
			continue
		}
		r.paused = paused
		n.eased(r)
		for _, s := range r.subs {
			n.timers.Stop(&s.test)
		}
		if paused {
			n.prohibitAll(r)
		} else {
			r.sccp = SCCPAvailable
			n.allowAll(r)
		}
		n.pointNews(r)
		n.prune(r)
	}
}

// within are the remote points of a range, in their order.
func (n *Node) within(d mtp3.Destination) (rs []*remote) {
	if d.Wild == 0 {
		if r := n.remotes[d.PC]; r != nil {
			rs = append(rs, r)
		}
		return rs
	}
	for pc, r := range n.remotes {
		if d.Contains(pc) {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs, func(a, b *remote) int { return int(a.pc) - int(b.pc) })
	return rs
}

func (n *Node) prohibitAll(r *remote) {
	for _, s := range r.subs {
		if s.ssn != SCMG && s.configured {
			n.mark(r, s, true, false)
		}
	}
}

func (n *Node) allowAll(r *remote) {
	for _, s := range r.subs {
		if s.ssn != SCMG {
			n.mark(r, s, false, false)
		}
	}
}

// mark notes whether a subsystem is prohibited, and tells the local subsystems of a change. The concerned points are told if
// it was the point itself that told us (section 5.3.7); of what MTP tells they hear from theirs.
func (n *Node) mark(r *remote, s *remoteSubsystem, prohibited, itself bool) {
	if s.prohibited == prohibited {
		return
	}
	s.prohibited = prohibited
	n.log("remote subsystem", "pc", n.pc(r.pc), "ssn", s.ssn, "in_service", !prohibited)
	n.tell(StateIndication, State{PC: r.pc, SSN: s.ssn, InService: !prohibited})
	if !itself {
		return
	}
	typ := SSA
	if prohibited {
		typ = SSP
	}
	for _, pc := range s.concerned {
		if pc != r.pc {
			n.sendSCMG(pc, n.cfg.PointCode, SCMGMessage{Type: typ, SSN: s.ssn, PC: r.pc})
		}
	}
}

// status is MTP-STATUS (sections 2.6.2 and 5.2.2).
func (n *Node) status(d mtp3.Destination, s mtp3.Status) {
	if d.Wild == 0 && !n.isLocal(d.PC) && (s.Cause == mtp3.Congested || s.SI == mtp3.SCCP) {
		n.learn(d.PC)
	}
	for _, r := range n.within(d) {
		if s.Cause == mtp3.Congested {
			n.reported(r, 0)
			continue
		}
		if s.SI == mtp3.SCCP {
			n.sccpDown(r, s.Cause)
		}
	}
}

func (n *Node) sccpDown(r *remote, cause mtp3.StatusCause) {
	state := SCCPUnavailable
	switch cause {
	case mtp3.UserUnequipped:
		state = SCCPUnequipped
	case mtp3.UserInaccessible:
		state = SCCPInaccessible
	}
	for _, s := range r.subs {
		if s.ssn != SCMG || state == SCCPUnequipped {
			n.timers.Stop(&s.test)
		}
	}
	if r.sccp != state {
		r.sccp = state
		n.prohibitAll(r)
		n.pointNews(r)
	}
	if state != SCCPUnequipped {
		if s := n.learnSub(r, SCMG); s != nil && !s.test.Running() {
			n.startTest(s)
		}
	}
	n.prune(r)
}

// sccpUp notes that the SCCP of a point works again.
func (n *Node) sccpUp(r *remote) {
	if s := r.sub(SCMG); s != nil {
		n.timers.Stop(&s.test)
	}
	if r.sccp != SCCPAvailable {
		r.sccp = SCCPAvailable
		n.allowAll(r)
		n.pointNews(r)
	}
}

func (n *Node) startTest(s *remoteSubsystem) {
	s.wait = n.t.StatInfo
	n.timers.Start(&s.test, n.now.Add(s.wait))
}

// test asks for the state of a subsystem (section 5.3.4.2), ever less often.
func (n *Node) test(r *remote, s *remoteSubsystem) {
	n.sendSCMG(r.pc, n.cfg.PointCode, SCMGMessage{Type: SST, SSN: s.ssn, PC: r.pc})
	s.wait = min(2*s.wait, n.t.MaxStatInfo)
	n.timers.Start(&s.test, n.now.Add(s.wait))
}

// subsystemNews takes an SSA or SSP (sections 5.3.2 and 5.3.3).
func (n *Node) subsystemNews(m SCMGMessage, o *origin) bool {
	if n.isLocal(m.PC) || m.SSN == UnknownSSN {
		return false
	}
	r := n.remotes[m.PC]
	if m.Type == SSA {
		if r == nil {
			return true // as everybody thought
		}
		if m.SSN == SCMG {
			n.sccpUp(r)
		} else if s := r.sub(m.SSN); s != nil {
			if o.opc == r.pc {
				n.sccpUp(r)
			}
			n.timers.Stop(&s.test)
			n.mark(r, s, false, o.opc == r.pc)
		}
		n.prune(r)
		return true
	}
	if m.SSN == SCMG || r != nil && r.paused {
		return false
	}
	if r == nil || r.sub(m.SSN) == nil {
		if o.opc != m.PC {
			return false // hearsay about what nobody configured
		}
		if r = n.learn(m.PC); r == nil {
			return true
		}
	}
	s := n.learnSub(r, m.SSN)
	if s == nil {
		n.prune(r)
		return true
	}
	n.mark(r, s, true, o.opc == r.pc)
	if !s.test.Running() {
		n.startTest(s)
	}
	return true
}

// noLong tells whether a point does not take LUDT.
func (n *Node) noLong(pc mtp3.PointCode) bool {
	r := n.remotes[pc]
	return !n.cfg.Long || r != nil && r.cfg.NoLong
}
