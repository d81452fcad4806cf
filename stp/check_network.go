package stp

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// CheckNetwork looks at the configurations of neighbours together: links that one end alone has, or that cannot
// find each other, and points that can be reached one way but not back. It does not repeat [Config.Check].
func CheckNetwork(all ...*Config) []Finding {
	k := networkChecker{}
	for _, c := range all {
		o, err := c.newOffline()
		if err != nil {
			continue // Check says so
		}
		k.nodes = append(k.nodes, &networkNode{said: c, offline: o})
	}
	for i, a := range k.nodes {
		for _, b := range k.nodes[:i] {
			if a.cfg.isLocal(b.cfg.Node.PointCode) {
				k.add(FindingError, a, a.said.Node.Pos, "%s in %s has the point code %s too", b.cfg.Name(), b.said.File, a.pc(b.cfg.Node.PointCode))
			}
		}
		for j := range a.cfg.Linksets {
			k.linkset(a, &a.cfg.Linksets[j])
		}
	}
	k.ways()
	slices.SortStableFunc(k.all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return k.all
}

type networkChecker struct {
	nodes []*networkNode
	all   []Finding
}

// networkNode is a node with all in service.
type networkNode struct {
	said *Config
	*offline
}

func (n *networkNode) pc(pc mtp3.PointCode) string { return n.cfg.Node.Format.PointCodeString(pc) }

func (k *networkChecker) add(kind FindingKind, n *networkNode, p Pos, format string, args ...any) {
	k.all = append(k.all, Finding{kind, n.said.File, p, fmt.Sprintf(format, args...)})
}

func (k *networkChecker) nodeOf(pc mtp3.PointCode) *networkNode {
	for _, n := range k.nodes {
		if n.cfg.isLocal(pc) {
			return n
		}
	}
	return nil
}

// back is the linkset of b that leads to what a's linkset calls itself.
func back(b *networkNode, ls *LinksetConfig) *LinksetConfig {
	for i := range b.cfg.Linksets {
		if l := &b.cfg.Linksets[i]; l.Adjacent == ls.Local && l.Local == ls.Adjacent {
			return l
		}
	}
	return nil
}

// linkset compares both ends of a linkset.
func (k *networkChecker) linkset(a *networkNode, ls *LinksetConfig) {
	b := k.nodeOf(ls.Adjacent)
	if b == nil || b == a {
		return
	}
	if x, y := a.cfg.Node, b.cfg.Node; x.NI != y.NI {
		k.add(FindingError, a, ls.Pos, "linkset %q: the network indicator here is %v, at %s %v: messages would be refused", ls.Name, x.NI, b.cfg.Name(), y.NI)
	}
	other := back(b, ls)
	if other == nil {
		k.add(FindingError, a, ls.Pos, "linkset %q leads to %s, which has no linkset from %s to %s", ls.Name, b.cfg.Name(), a.pc(ls.Adjacent), a.pc(ls.Local))
		return
	}
	for i := range ls.Links {
		l := &ls.Links[i]
		j := slices.IndexFunc(other.Links, func(o LinkConfig) bool { return o.SLC == l.SLC })
		if j < 0 {
			k.add(FindingError, a, l.Pos, "link %s: %s has no link with SLC %d in linkset %q", ls.LinkName(l), b.cfg.Name(), l.SLC, other.Name)
			continue
		}
		k.link(a, b, ls.LinkName(l), l, &other.Links[j])
	}
}

// link compares both ends of a link: one sets the association up, to where the other waits for it.
func (k *networkChecker) link(a, b *networkNode, name string, here, there *LinkConfig) {
	p, q := a.cfg.m2paPath(here), b.cfg.m2paPath(there)
	for _, addr := range []*sctp.Addr{&p.Local, &p.Remote, &q.Local, &q.Remote} {
		addr.UDP = 0
	}
	switch {
	case p.Server && q.Server:
		k.add(FindingError, a, here.Pos, "link %s: both ends wait for the other: one has to connect", name)
		return
	case !p.Server && !q.Server:
		k.add(FindingError, a, here.Pos, "link %s: both ends connect: one has to accept", name)
		return
	case p.Server:
		return // told of at the end that connects
	}
	if len(q.Local.IPs) > 0 && !meets(p.Remote, q.Local) {
		k.add(FindingError, a, here.Pos, "link %s connects to %v, but %s waits at %v", name, p.Remote, b.cfg.Name(), q.Local)
	}
	if len(p.Local.IPs) > 0 && (!meets(sctp.Addr{IPs: p.Local.IPs}, sctp.Addr{IPs: q.Remote.IPs}) || !q.AnyPort && p.Local.Port != q.Remote.Port) {
		k.add(FindingError, a, here.Pos, "link %s connects from %v, but %s accepts it from %v alone", name, p.Local, b.cfg.Name(), q.Remote)
	}
}

// meets tells whether two addresses have one in common, on the same port.
func meets(a, b sctp.Addr) bool {
	for _, x := range a.IPs {
		if slices.Contains(b.IPs, x) || slices.ContainsFunc(b.IPs, netip.Addr.IsUnspecified) {
			return a.Port == b.Port
		}
	}
	return false
}

// endPoint is a point that messages come from and go to.
type endPoint struct {
	node *networkNode
	pc   mtp3.PointCode
	as   string // or the node itself
	pos  Pos
}

const maxEndPoints = 300

// ways follows messages between all end points.
func (k *networkChecker) ways() {
	var points []endPoint
	for _, n := range k.nodes {
		for i := range n.cfg.AS {
			s := &n.cfg.AS[i]
			for _, g := range s.KeyGroups() {
				points = append(points, endPoint{n, g.DPC, s.Name, s.Pos})
			}
		}
	}
	points = points[:min(len(points), maxEndPoints)]
	for i, x := range points {
		for _, y := range points[:i] {
			if x.node == y.node || x.pc == y.pc {
				continue
			}
			there, back := follow(k, x, y.pc), follow(k, y, x.pc)
			switch {
			case there.ok && back.ok || !there.tried && !back.tried:
			case there.ok:
				k.lost(y, x, back, "there is no way back: ")
			case back.ok:
				k.lost(x, y, there, "there is no way back: ")
			default:
				if there.tried {
					k.lost(x, y, there, "")
				}
				if back.tried {
					k.lost(y, x, back, "")
				}
			}
		}
	}
}

func (k *networkChecker) lost(from, to endPoint, w journey, why string) {
	k.add(FindingWarning, from.node, from.pos, "%smessages from %s (as %s) do not reach %s (as %s): %s", why, from.node.pc(from.pc), from.as, to.node.pc(to.pc), to.as, w.what)
}

// journey is what became of a message.
type journey struct {
	ok    bool
	tried bool // the first node had a route
	what  string
}

// follow lets a message go from node to node, on SLS 0.
func follow(k *networkChecker, from endPoint, dpc mtp3.PointCode) (w journey) {
	n, in := from.node, mtp3.LinksetID(0)
	var path []string
	for range 16 {
		path = append(path, n.cfg.Name())
		h := n.node.Router().Route(dpc, 0)
		w.tried = w.tried || h.Kind != mtp3.NoHop || h.Reason != mtp3.UnknownDestination
		switch {
		case h.Kind == mtp3.OwnerHop || h.Kind == mtp3.LocalHop:
			return journey{ok: true, tried: true}
		case h.Kind != mtp3.LinkHop:
			w.what = fmt.Sprintf("%s: %v (by way of %s)", n.cfg.Name(), h.Reason, strings.Join(path, ", "))
			return w
		case h.Linkset == in:
			w.what = fmt.Sprintf("%s would send them back where they came from (by way of %s)", n.cfg.Name(), strings.Join(path, ", "))
			return w
		}
		var ls *LinksetConfig
		for name, id := range n.linksets {
			if id == h.Linkset {
				ls = n.cfg.Linkset(name)
			}
		}
		next := k.nodeOf(ls.Adjacent)
		if next == nil {
			return journey{ok: true, tried: true} // it leaves what is known
		}
		other := back(next, ls)
		if other == nil {
			w.what = "linkset " + ls.Name + " has no other end"
			return w
		}
		n, in = next, next.linksets[other.Name]
	}
	w.what = "they go in a circle (" + strings.Join(path[:min(len(path), 5)], ", ") + ", …)"
	return w
}
