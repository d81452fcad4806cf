package stp

import (
	"fmt"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/sctp"
)

func (k *checker) servers() {
	contexts := once[uint32]{}
	described := map[string]*ASPConfig{}
	for _, a := range k.said.AllASPs() {
		described[a.Name] = &a
	}
	in := map[string][]*ASConfig{}
	listens := false
	for i := range k.c.Listen {
		listens = listens || len(k.c.Listen[i].M3UA.IPs) > 0 || len(k.c.Listen[i].M3UATCP.IPs) > 0
	}
	for i := range k.c.AS {
		s := &k.c.AS[i]
		if s.RoutingContext != 0 {
			if first, twice := contexts.again(s.RoutingContext, s.Pos); twice {
				k.add(FindingError, s.Pos, "as %q: the one in line %d has routing context %d already", s.Name, first.Line, s.RoutingContext)
			}
		}
		k.keys(i, s)
		if s.Mode == m3ua.Override && s.MinASPs > 1 {
			k.add(FindingError, s.Pos, "as %q: mode override has one active ASP, min-asps %d cannot be", s.Name, s.MinASPs)
		} else if s.MinASPs > len(s.ASPs) && len(s.ASPs) > 0 {
			k.add(FindingError, s.Pos, "as %q never becomes active: min-asps is %d, and it has %d", s.Name, s.MinASPs, len(s.ASPs))
		}
		if len(s.ASPs) == 0 && k.c.M3UA.AnyASP != On {
			k.add(FindingWarning, s.Pos, "as %q has no asps: nobody can serve it", s.Name)
		}
		named := map[string]bool{}
		for j := range s.ASPs {
			a := &k.said.AS[i].ASPs[j]
			if named[a.Name] {
				k.add(FindingError, a.Pos, "as %q names asp %q twice", s.Name, a.Name)
			}
			named[a.Name] = true
			in[a.Name] = append(in[a.Name], s)
			if d := described[a.Name]; d == nil || d.reference() {
				k.add(FindingError, a.Pos, "asp %q is only a name: say where it comes from (peer) or where it is (connect), here or under asp", a.Name)
			}
		}
		k.screenOf("as", s.Name, s.Screen, s.Pos)
	}
	dialled := true
	for _, a := range k.said.AllASPs() {
		servers := in[a.Name]
		if len(servers) == 0 {
			k.add(FindingWarning, a.Pos, "asp %q is in no as", a.Name)
		}
		for _, s := range servers {
			if len(servers) > 1 && s.RoutingContext == 0 {
				k.add(FindingError, s.Pos, "as %q needs a routing-context: its asp %q is in several AS", s.Name, a.Name)
			}
		}
		if len(a.Peer.IPs) > 0 {
			dialled = false
		}
		if len(a.Peer.IPs) == 0 && len(a.Connect.IPs) == 0 && !a.reference() {
			k.add(FindingError, a.Pos, "asp %q has neither peer nor connect: it cannot come", a.Name)
		}
	}
	if !listens && !dialled {
		k.add(FindingError, k.c.AS[0].Pos, "ASPs are to set up associations, but nothing listens for M3UA: listen: [ { m3ua: ADDRESS } ]")
	}
	k.peers()
}

// keys compares the routing key of an AS with those before it.
func (k *checker) keys(i int, s *ASConfig) {
	key := s.RoutingKey()
	if len(key.Groups) == 0 {
		k.add(FindingNote, s.Pos, "as %q has no point-code and no keys: it takes what no other key matches, where a route leads to it", s.Name)
	}
	for _, g := range s.KeyGroups() {
		if k.c.isLocal(g.DPC) {
			k.add(FindingWarning, g.Pos, "as %q: %s is this node: messages for it end here and never go to the AS", s.Name, k.pc(g.DPC))
		}
		for _, o := range g.OPCs {
			if !k.reached(o) {
				k.add(FindingWarning, g.Pos, "as %q has messages from %s, but there is no way back there: no route leads to it", s.Name, k.dest(o))
			}
		}
	}
	for j := range i {
		o := &k.c.AS[j]
		other := o.RoutingKey()
		switch {
		case key.Equal(other):
			k.add(FindingError, s.Pos, "as %q has the same routing key as %q in line %d", s.Name, o.Name, o.Pos.Line)
		case key.Overlaps(other) && key.NetworkAppearance == other.NetworkAppearance:
			k.add(FindingNote, s.Pos, "as %q: some messages match %q in line %d too; the key that says more counts", s.Name, o.Name, o.Pos.Line)
		}
	}
}

// peers finds ASPs that cannot be told apart.
func (k *checker) peers() {
	type from struct{ addr, id string }
	seen := once[from]{}
	name := map[from]string{}
	for _, a := range k.said.AllASPs() {
		for _, ip := range a.Peer.IPs {
			f := from{fmt.Sprintf("%v:%d", ip, a.Peer.Port), ""}
			if a.ID.Set {
				f.id = a.ID.String()
			}
			if first, twice := seen.again(f, a.Pos); twice {
				k.add(FindingWarning, a.Pos, "asp %q comes from %s like %q in line %d: only ports or an id tell them apart", a.Name, ip, name[f], first.Line)
			} else {
				name[f] = a.Name
			}
		}
	}
}

func (k *checker) gateways() {
	for i := range k.c.Gateways {
		g := &k.c.Gateways[i]
		k.screenOf("gateway", g.Name, g.Screen, g.Pos)
		if len(g.RoutingContexts) > 0 && len(g.Register) > 0 {
			k.add(FindingError, g.Pos, "gateway %q: keys are either agreed (routing-contexts) or registered (register)", g.Name)
		}
		for _, r := range g.Register {
			if !k.c.isLocal(r.DPC) {
				k.add(FindingNote, r.Pos, "gateway %q: the key is for %s, which is not this node: messages for it are passed on by the routes here", g.Name, k.pc(r.DPC))
			}
		}
		if g.Passive == On && g.Role == m3ua.ToSGP {
			k.add(FindingError, g.Pos, "gateway %q: passive is for role ipsp-single or ipsp-double: a signalling gateway waits for its ASPs", g.Name)
		}
		if len(g.PeerContexts) > 0 && g.Role != m3ua.DoubleExchange {
			k.add(FindingWarning, g.Pos, "gateway %q: peer-contexts are for role ipsp-double", g.Name)
		}
	}
}

// ports finds addresses that are used twice.
func (k *checker) ports() {
	type use struct {
		carrier, addr string
	}
	seen := once[use]{}
	what := map[use]string{}
	take := func(carrier, kind string, a sctp.Addr, p Pos) {
		for _, ip := range a.IPs {
			u := use{carrier, fmt.Sprintf("%v:%d", ip, a.Port)}
			if first, twice := seen.again(u, p); twice {
				k.add(FindingError, p, "%s %s: line %d uses %s already (%s)", kind, a, first.Line, u.addr, what[u])
				return
			}
			what[u] = kind
		}
	}
	accepting := map[string]bool{} // M2PA listeners that links share
	for i := range k.c.Listen {
		l := &k.c.Listen[i]
		take("sctp", "listen m3ua", l.M3UA, l.Pos)
		take("tcp", "listen m3ua-tcp", l.M3UATCP, l.Pos)
		take("sctp", "listen m2pa", l.M2PA, l.Pos)
		if len(l.M2PA.IPs) > 0 {
			accepting[l.M2PA.String()] = true
		}
	}
	type ends struct{ local, remote string }
	pairs := once[ends]{}
	for i := range k.c.Linksets {
		ls := &k.c.Linksets[i]
		for j := range ls.Links {
			l := &ls.Links[j]
			path := k.said.m2paPath(l)
			path.Local.UDP, path.Remote.UDP = 0, 0
			if path.Server && !accepting[path.Local.String()] {
				accepting[path.Local.String()] = true
				take("sctp", "link "+ls.LinkName(l), path.Local, l.Pos)
			}
			if path.Server && len(path.Local.IPs) == 0 {
				k.add(FindingNote, l.Pos, "link %s accepts on every address of this system: say which by local, or listen m2pa", ls.LinkName(l))
			}
			e := ends{path.Local.String(), path.Remote.String()}
			if first, twice := pairs.again(e, l.Pos); twice && (path.Server || path.Local.Port != 0) {
				k.add(FindingError, l.Pos, "link %s: the one in line %d has the same two ends (%v and %v): associations cannot be told apart; each link needs a port of its own",
					ls.LinkName(l), first.Line, path.Local, path.Remote)
			} else if twice {
				k.add(FindingNote, l.Pos, "link %s goes to the same %v as the one in line %d: the peer tells them apart by order of arrival only; a local port would be better", ls.LinkName(l), path.Remote, first.Line)
			}
		}
	}
}
