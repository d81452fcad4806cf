package m3ua

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// statusKey is a destination of a network.
type statusKey struct {
	na Optional
	d  mtp3.Destination
}

// destState is what the network said about a destination.
type destState struct {
	availability mtp3.Availability
	level        uint8
}

// maxAffected is how many point codes one SSNM message names.
const maxAffected = 128

// sameNetwork says whether a primitive of a network concerns an AS (RFC 4666 section 4.5.1).
func sameNetwork(na Optional, s *asCore) bool {
	return !na.Set || !s.cfg.Key.NetworkAppearance.Set || s.cfg.Key.NetworkAppearance == na
}

// concerned are the Routing Contexts for which an ASP is to hear of a network, and whether it is to
// hear at all: it must be active, in another AS than not.
func (a *aspCore) concerned(na Optional, not *asCore) ([]uint32, bool) {
	var rcs []uint32
	ok := false
	for _, m := range a.members {
		if m.state == Active && m.as != not && sameNetwork(na, m.as) {
			ok = true
			rcs = append(rcs, m.as.contexts()...)
		}
	}
	return rcs, ok
}

// ssnm makes the message that tells a state of destinations.
func ssnm(t MessageType, na Optional, rcs []uint32, ds []mtp3.Destination, level Optional) Message {
	switch t {
	case TypeDUNA:
		return &DUNA{NetworkAppearance: na, RoutingContexts: rcs, Affected: ds}
	case TypeDRST:
		return &DRST{NetworkAppearance: na, RoutingContexts: rcs, Affected: ds}
	case TypeSCON:
		return &SCON{NetworkAppearance: na, RoutingContexts: rcs, Affected: ds, Level: level}
	}
	return &DAVA{NetworkAppearance: na, RoutingContexts: rcs, Affected: ds}
}

// tell sends SSNM to one ASP, in as many messages as it takes.
func tell(a *aspCore, t MessageType, na Optional, rcs []uint32, ds []mtp3.Destination, level Optional, out []output) []output {
	for part := range slices.Chunk(ds, maxAffected) {
		out = append(out, output{asp: a, send: ssnm(t, na, rcs, part, level)})
	}
	return out
}

// distribute sends SSNM to all concerned ASPs but one.
func (g *sgCore) distribute(t MessageType, na Optional, ds []mtp3.Destination, level Optional, not *asCore, notASP *aspCore, out []output) []output {
	for _, name := range sortedKeys(g.asps) {
		a := g.asps[name]
		if rcs, ok := a.concerned(na, not); ok && a != notASP {
			out = tell(a, t, na, rcs, ds, level, out)
		}
	}
	return out
}

func typeOf(av mtp3.Availability) MessageType {
	switch av {
	case mtp3.Available:
		return TypeDAVA
	case mtp3.Restricted:
		return TypeDRST
	}
	return TypeDUNA
}

// setAvailability is MTP-PAUSE, MTP-RESUME and their like from the interworking function.
func (g *sgCore) setAvailability(na Optional, d mtp3.Destination, av mtp3.Availability, out []output) []output {
	d = d.Canonical()
	st := &destState{availability: av}
	for k, old := range g.status {
		if k.na == na && d.Covers(k.d) {
			if k.d == d && av != mtp3.Unavailable {
				st.level = old.level
			}
			delete(g.status, k)
		}
	}
	g.status[statusKey{na, d}] = st
	return g.distribute(typeOf(av), na, []mtp3.Destination{d}, Optional{}, g.owner(d), nil, out)
}

// owner is the only AS that has a point code, or nil: it is not told about itself.
func (g *sgCore) owner(d mtp3.Destination) *asCore {
	var found *asCore
	for _, s := range g.as {
		if s.has(d) {
			if found != nil {
				return nil
			}
			found = s
		}
	}
	return found
}

// has says whether d is a single point code of the AS.
func (s *asCore) has(d mtp3.Destination) bool {
	return d.Wild == 0 && slices.ContainsFunc(s.cfg.Key.Groups, func(k KeyGroup) bool { return k.DPC == d.PC })
}

// setCongestion is MTP-STATUS (congestion).
func (g *sgCore) setCongestion(na Optional, d mtp3.Destination, level uint8, out []output) []output {
	d = d.Canonical()
	st := g.status[statusKey{na, d}]
	if st == nil {
		if level == 0 {
			return out
		}
		st = &destState{availability: mtp3.Available}
		g.status[statusKey{na, d}] = st
	}
	st.level = level
	if !g.cfg.CongestionLevels && level == 0 {
		return out // nothing says "no longer" where there are no levels (section 3.4.4)
	}
	return g.distribute(TypeSCON, na, []mtp3.Destination{d}, g.level(level), nil, nil, out)
}

// level is the Congestion Level as messages have it: only where there are several.
func (g *sgCore) level(l uint8) Optional {
	if !g.cfg.CongestionLevels {
		return Optional{}
	}
	return Some(uint32(l))
}

// userUnavailable is MTP-STATUS (remote user unavailable).
func (g *sgCore) userUnavailable(na Optional, pc mtp3.PointCode, user mtp3.ServiceIndicator, cause UnavailabilityCause, out []output) []output {
	for _, name := range sortedKeys(g.asps) {
		a := g.asps[name]
		if rcs, ok := a.concerned(na, nil); ok {
			out = append(out, output{asp: a, send: &DUPU{NetworkAppearance: na, RoutingContexts: rcs, Affected: pc, User: user, Cause: cause}})
		}
	}
	return out
}

// serves says whether some AS has messages for a point code, and whether one of them takes them.
func (g *sgCore) serves(na Optional, pc mtp3.PointCode) (has, takes bool) {
	for _, s := range g.as {
		if !sameNetwork(na, s) {
			continue
		}
		for i := range s.cfg.Key.Groups {
			if s.cfg.Key.Groups[i].DPC == pc {
				has = true
				takes = takes || s.state == Active || s.state == Pending
			}
		}
	}
	return has, takes
}

// reachable says of each point code of an AS whether messages for it are taken.
func (g *sgCore) reachable(s *asCore) map[mtp3.PointCode]bool {
	m := map[mtp3.PointCode]bool{}
	for _, grp := range s.cfg.Key.Groups {
		_, m[grp.DPC] = g.serves(s.cfg.Key.NetworkAppearance, grp.DPC)
	}
	return m
}

// tellReachable tells the other AS which point codes of this one have come or gone since before.
func (g *sgCore) tellReachable(s *asCore, before map[mtp3.PointCode]bool, out []output) []output {
	if g.cfg.ExternalRouting {
		return out
	}
	now := g.reachable(s)
	for _, t := range []MessageType{TypeDUNA, TypeDAVA} {
		var ds []mtp3.Destination
		for _, pc := range sortedKeys(now) {
			if now[pc] != before[pc] && now[pc] == (t == TypeDAVA) {
				ds = append(ds, mtp3.Destination{PC: pc})
			}
		}
		if ds != nil {
			out = g.distribute(t, s.cfg.Key.NetworkAppearance, ds, Optional{}, s, nil, out)
		}
	}
	return out
}

// tellStatus tells an ASP that is newly active what it cannot reach (section 4.5.1). It comes
// after the ASP Active Ack, so that an ASP that waits for that meets nothing else before it.
func (g *sgCore) tellStatus(mb *member, out []output) []output {
	na, rcs := mb.as.cfg.Key.NetworkAppearance, mb.as.contexts()
	var bad []DestinationStatus
	for k, st := range g.status {
		if (k.na == na || !k.na.Set || !na.Set) && !mb.as.has(k.d) && (st.availability != mtp3.Available || st.level > 0) {
			bad = append(bad, DestinationStatus{Destination: k.d, Availability: st.availability, Congestion: st.level})
		}
	}
	if !g.cfg.ExternalRouting {
		for _, s := range g.as {
			if s != mb.as && sameNetwork(na, s) {
				for pc, ok := range g.reachable(s) {
					d := DestinationStatus{Destination: mtp3.Destination{PC: pc}}
					if !ok && !slices.Contains(bad, d) {
						bad = append(bad, d)
					}
				}
			}
		}
	}
	return g.tellAll(mb.asp, na, rcs, bad, out)
}

// tellAll sends the states of destinations: DUNA, then SCON and DRST, SCON and DAVA.
func (g *sgCore) tellAll(a *aspCore, na Optional, rcs []uint32, sts []DestinationStatus, out []output) []output {
	slices.SortFunc(sts, func(x, y DestinationStatus) int {
		return cmp.Or(cmp.Compare(x.Availability, y.Availability), cmp.Compare(x.Destination.PC, y.Destination.PC), cmp.Compare(x.Destination.Wild, y.Destination.Wild))
	})
	for _, av := range []mtp3.Availability{mtp3.Unavailable, mtp3.Restricted, mtp3.Available} {
		var ds []mtp3.Destination
		for _, st := range sts {
			if st.Availability != av || st.Refused {
				continue
			}
			ds = append(ds, st.Destination)
			if st.Congestion > 0 && av != mtp3.Unavailable {
				out = tell(a, TypeSCON, na, rcs, []mtp3.Destination{st.Destination}, g.level(st.Congestion), out)
			}
		}
		out = tell(a, typeOf(av), na, rcs, ds, Optional{}, out)
	}
	return out
}

// fromPeer checks what SSNM of an ASP says about itself.
func (g *sgCore) fromPeer(now time.Time, a *aspCore, m Message, na Optional, raw []byte, out []output) (bool, []output) {
	for _, rc := range contextsOf(m) {
		switch mb := a.member(rc); {
		case mb == nil:
			return false, g.errorTo(now, a, &ERR{Code: InvalidRoutingContext, RoutingContexts: []uint32{rc}}, raw, fmt.Errorf("m3ua: %v with Routing Context %d, which ASP %q does not have", m.Type(), rc, a.cfg.Name), out)
		case mb.state != Active:
			return false, g.unexpected(now, a, m, raw, out)
		}
	}
	if !a.active() {
		return false, g.unexpected(now, a, m, raw, out)
	}
	if na.Set && !g.knownNA(na.Value) {
		return false, g.errorTo(now, a, &ERR{Code: InvalidNetworkAppearance, NetworkAppearance: na}, raw, fmt.Errorf("m3ua: %v with Network Appearance %v, which is not configured", m.Type(), na), out)
	}
	return true, out
}

// audit answers a DAUD (RFC 4666 section 4.5.3).
func (g *sgCore) audit(now time.Time, a *aspCore, m *DAUD, raw []byte, out []output) []output {
	ok, out := g.fromPeer(now, a, m, m.NetworkAppearance, raw, out)
	if !ok {
		return out
	}
	ask := g.cfg.Audit
	if ask == nil {
		ask = g.known
	}
	var sts []DestinationStatus
	var refused []mtp3.Destination
	for _, d := range m.Affected {
		if d.Wild > 24 {
			d.Wild = 24
		}
		found := ask(m.NetworkAppearance, d)
		if len(found) == 0 {
			found = []DestinationStatus{{Destination: d}}
		}
		for _, st := range found {
			if st.Refused {
				refused = append(refused, st.Destination)
			}
		}
		sts = append(sts, found...)
		if len(sts) > 65536 {
			break
		}
	}
	rcs := m.RoutingContexts
	if rcs == nil && len(a.members) > 1 {
		rcs, _ = a.concerned(m.NetworkAppearance, nil)
	}
	out = g.tellAll(a, m.NetworkAppearance, rcs, sts, out)
	if refused != nil {
		out = g.errorTo(now, a, &ERR{Code: DestinationStatusUnknown, NetworkAppearance: m.NetworkAppearance, RoutingContexts: rcs, Affected: refused[:min(len(refused), maxAffected)]}, raw,
			fmt.Errorf("m3ua: ASP %q is not to know of %v", a.cfg.Name, refused), out)
	}
	return out
}

// known is what the gateway itself knows of the destinations within d.
func (g *sgCore) known(na Optional, d mtp3.Destination) []DestinationStatus {
	var found []DestinationStatus
	seen := map[mtp3.Destination]bool{}
	add := func(x mtp3.Destination, av mtp3.Availability, level uint8) {
		if !seen[x] {
			seen[x] = true
			found = append(found, DestinationStatus{Destination: x, Availability: av, Congestion: level})
		}
	}
	for _, pc := range g.cfg.PointCodes {
		if d.Contains(pc) {
			add(mtp3.Destination{PC: pc}, mtp3.Available, 0)
		}
	}
	for _, s := range g.as {
		for _, grp := range s.cfg.Key.Groups {
			if d.Contains(grp.DPC) && sameNetwork(na, s) && !g.cfg.ExternalRouting {
				av := mtp3.Unavailable
				if _, takes := g.serves(na, grp.DPC); takes {
					av = mtp3.Available
				}
				var level uint8
				if st := g.status[statusKey{s.cfg.Key.NetworkAppearance, mtp3.Destination{PC: grp.DPC}}]; st != nil {
					level = st.level
				}
				add(mtp3.Destination{PC: grp.DPC}, av, level)
			}
		}
	}
	if len(seen) == 1 && d.Wild == 0 {
		return found
	}
	var wider *destState // the nearest range that d lies in
	wild := uint8(255)
	for k, st := range g.status {
		if k.na != na && k.na.Set && na.Set {
			continue
		}
		switch {
		case d.Covers(k.d):
			add(k.d, st.availability, st.level)
		case k.d.Covers(d) && k.d.Wild < wild:
			wider, wild = st, k.d.Wild
		}
	}
	if wider != nil && !seen[d] {
		add(d, wider.availability, wider.level)
	}
	return found
}

// peerCongested is an SCON of an ASP: it, or what is behind it, is congested (section 1.4.6).
func (g *sgCore) peerCongested(now time.Time, a *aspCore, m *SCON, raw []byte, out []output) []output {
	ok, out := g.fromPeer(now, a, m, m.NetworkAppearance, raw, out)
	if !ok {
		return out
	}
	level := uint8(1)
	if m.Level.Set {
		level = uint8(m.Level.Value)
	}
	for _, d := range m.Affected {
		out = append(out, output{ev: Event{Kind: PrimitiveEvent, ASP: a.cfg.Name, RoutingContexts: m.RoutingContexts, Primitive: mtp3.Primitive{
			Kind: mtp3.StatusPrimitive, Affected: d, Status: mtp3.Status{Cause: mtp3.Congested, Level: level}}}})
	}
	if !g.cfg.ExternalRouting {
		out = g.distribute(TypeSCON, m.NetworkAppearance, m.Affected, m.Level, nil, a, out)
	}
	return out
}

// congested is about the queue towards the ASPs of an AS: the others are to send it less.
func (g *sgCore) congested(s *asCore, level uint8, out []output) []output {
	out = append(out, output{ev: Event{Kind: CongestionEvent, AS: s.cfg.Name, RoutingContexts: s.contexts(), Level: level}})
	if g.cfg.ExternalRouting || level == 0 && !g.cfg.CongestionLevels {
		return out
	}
	var ds []mtp3.Destination
	for _, pc := range sortedKeys(g.reachable(s)) {
		ds = append(ds, mtp3.Destination{PC: pc})
	}
	return g.distribute(TypeSCON, s.cfg.Key.NetworkAppearance, ds, g.level(level), s, nil, out)
}
