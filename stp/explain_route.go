package stp

import (
	"fmt"
	"strings"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

// local is the decision about a message for this node.
func (x *explainer) local(q Query) (Explanation, error) {
	x.e.To = "this node"
	if q.SI != mtp3.SCCP || x.table == nil {
		e := x.node.Explain(mtp3.Query{Label: q.Label, SI: q.SI})
		if e.Reason != mtp3.Forwarded {
			return x.end(e.Reason, fmt.Sprintf("this node has no user of %v; the sender gets UPU", q.SI))
		}
		return x.end(mtp3.Forwarded, fmt.Sprintf("delivered to %v of this node", q.SI))
	}
	if q.Called == nil {
		x.step("translation", "%d rules of global title translation decide by the called address, which was not given", x.table.Len())
		return x.end(mtp3.Forwarded, "delivered to SCCP of this node")
	}
	if q.Called.RouteOnSSN || q.Called.GT.Format == sccp.NoGT {
		x.step("translation", "the called address %v is routed on its subsystem number: there is nothing to translate", *q.Called)
		return x.end(mtp3.Forwarded, "delivered to SCCP of this node")
	}
	t := x.table.Explain(sccp.Query{Called: *q.Called, SLS: q.Label.SLS}, reach{x.node})
	s := x.step("translation", "the called address %v", *q.Called)
	lines := strings.Split(strings.TrimSuffix(t.String(), "\n"), "\n")
	s.Details = lines[1:]
	if !t.Result.OK {
		return x.end(mtp3.DestinationUnavailable, "no translation: the sender gets UDTS ("+t.Result.Cause.String()+")")
	}
	if x.cfg.isLocal(t.Result.PC) {
		return x.end(mtp3.Forwarded, "delivered to SCCP of this node: "+t.Address.String())
	}
	s.Text += " becomes " + t.Address.String() + " at " + x.pc(t.Result.PC)
	m := mtp3.MSU{SI: mtp3.SCCP, NI: x.cfg.Node.NI, Label: mtp3.Label{OPC: x.cfg.Node.PointCode, DPC: t.Result.PC, SLS: q.Label.SLS}}
	return x.route(mtp3.Query{Label: m.Label, SI: mtp3.SCCP}, &m)
}

// reach asks level 3 which points can be reached.
type reach struct{ node *mtp3.Node }

// Reach is what sccp.Availability wants.
func (r reach) Reach(pc mtp3.PointCode, _ sccp.SSN) (bool, sccp.ReturnCause) {
	if av, _ := r.node.Status(pc); av == mtp3.Unavailable {
		return false, sccp.MTPFailure
	}
	return true, 0
}

// route is the decision of level 3 about a message for another point.
func (x *explainer) route(q mtp3.Query, m *mtp3.MSU) (Explanation, error) {
	e := x.node.Explain(q)
	f := x.cfg.Node.Format
	if len(e.Within) == 0 {
		switch e.Reason {
		case mtp3.UnknownDestination:
			x.step("route set", "no route has %s: %s", x.pc(q.Label.DPC), x.nearest(q.Label.DPC))
			return x.end(e.Reason, "add a route to "+x.pc(q.Label.DPC)+", or to a range that has it")
		default:
			return x.end(e.Reason, e.Conclusion)
		}
	}
	text := fmt.Sprintf("the longest match of %s is %s, which is %v", x.pc(q.Label.DPC), f.DestinationString(e.Within[0]), e.State)
	if e.Congestion > 0 {
		text += fmt.Sprintf(", congested (level %d)", e.Congestion)
	}
	s := x.step("route set", "%s", text)
	for _, d := range e.Within[1:] {
		s.Details = append(s.Details, "also in "+f.DestinationString(d)+", which is wider and doesn't count")
	}
	for _, c := range e.Candidates {
		s.Details = append(s.Details, fmt.Sprintf("%s %s, priority %d, %v: %s", mark(c.Taken), x.wayName(c.RouteStatus), c.Priority, c.State, c.Why))
	}
	for _, c := range e.Candidates {
		if !c.Taken || c.Linkset == 0 {
			continue
		}
		s := x.step("link", "SLS %d in linkset %s to %s, of %d links", q.Label.SLS, c.Name, x.pc(x.adjacent(c.Name)), len(c.Links))
		if ls := x.cfg.Linkset(c.Name); ls != nil && ls.Rotate > 0 {
			s.Text += fmt.Sprintf("; the SLS is rotated by %d bits before it chooses", ls.Rotate)
		}
		for _, l := range c.Links {
			s.Details = append(s.Details, fmt.Sprintf("%s %s (SLC %d), %v: %s", mark(l.Taken), l.Name, l.SLC, l.State, l.Why))
			if l.Taken {
				x.e.Link = l.Name
			}
		}
	}
	switch {
	case e.Reason == mtp3.CircularRoute:
		return x.end(e.Reason, "the best way leads back to where it came from, and MTP never sends it there")
	case e.Reason != mtp3.Forwarded:
		return x.end(e.Reason, "no way to "+x.pc(q.Label.DPC)+" can be used now")
	case e.Waits != "":
		x.e.Link = ""
		return x.end(mtp3.Forwarded, "waits, so that the order is kept: "+e.Waits)
	case e.Owner != 0:
		return x.toOwner(e.Owner, m)
	}
	x.e.To = "linkset " + x.linksetName(e.Linkset)
	return x.end(mtp3.Forwarded, fmt.Sprintf("over link %s of %s to %s", x.e.Link, x.e.To, x.pc(x.adjacent(x.linksetName(e.Linkset)))))
}

func mark(taken bool) string {
	if taken {
		return ">"
	}
	return "-"
}

// toOwner is the decision which Application Server gets the message, and how its ASPs share.
func (x *explainer) toOwner(id mtp3.OwnerID, m *mtp3.MSU) (Explanation, error) {
	for name, i := range x.owners {
		if i == id {
			x.e.To = name
		}
	}
	kind, name, _ := strings.Cut(x.e.To, " ")
	if kind == "point" {
		s := x.step("routing key", "several AS have %s: the key that says most decides", name)
		var best *ASConfig
		weight := -1
		for i := range x.cfg.AS {
			a := &x.cfg.AS[i]
			for _, g := range a.RoutingKey().Groups {
				if g.DPC != m.Label.DPC {
					continue
				}
				w := bit(len(g.OPCs) > 0)*2 + bit(len(g.SIs) > 0)
				if a.NetworkAppearance.Set {
					w += 4
				}
				matches := g.Match(m)
				s.Details = append(s.Details, fmt.Sprintf("%s as %s: %s", mark(matches), a.Name, keyWords(matches)))
				if matches && w > weight {
					best, weight = a, w
				}
			}
		}
		if best == nil {
			return x.end(mtp3.NoRoutingKey, "no routing key matches")
		}
		x.e.To = "as " + best.Name
		kind, name = "as", best.Name
	}
	if kind == "as" {
		a := x.cfg.ASOf(name)
		x.step("as", "AS %s, routing context %d, mode %s: %s", name, a.RoutingContext, modeWords(a.Mode), x.sharing(a))
	} else {
		x.step("gateway", "this node is an ASP of gateway %s: as DATA over one of its associations", name)
	}
	return x.end(mtp3.Forwarded, fmt.Sprintf("to %s for %s", x.e.To, x.pc(m.Label.DPC)))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func keyWords(matches bool) string {
	if matches {
		return "its key matches"
	}
	return "its key wants another service indicator or OPC"
}

func modeWords(m m3ua.TrafficMode) string {
	if m == 0 {
		return "of the first ASP that becomes active"
	}
	return m.String()
}

func (x *explainer) sharing(a *ASConfig) string {
	switch a.Mode {
	case m3ua.Loadshare:
		return "the active ASPs share by SLS"
	case m3ua.Broadcast:
		return "every active ASP gets it"
	}
	return "the one active ASP gets it"
}

func (x *explainer) wayName(r mtp3.RouteStatus) string {
	if r.Linkset != 0 {
		return "linkset " + r.Name
	}
	return r.Name
}

func (x *explainer) linksetName(id mtp3.LinksetID) string {
	for name, i := range x.linksets {
		if i == id {
			return name
		}
	}
	return fmt.Sprint(id)
}

func (x *explainer) adjacent(linkset string) mtp3.PointCode {
	if ls := x.cfg.Linkset(linkset); ls != nil {
		return ls.Adjacent
	}
	return 0
}

// nearest says which destination of the table shares the most leading bits with pc.
func (x *explainer) nearest(pc mtp3.PointCode) string {
	best, bits := mtp3.Destination{}, -1
	total := x.cfg.Node.Format.PointCodeBits()
	for _, d := range x.node.Destinations() {
		n := 0
		for n < total && (d.Destination.PC^pc)>>(total-1-n) == 0 {
			n++
		}
		if n > bits {
			best, bits = d.Destination, n
		}
	}
	if bits < 0 {
		return "the table is empty"
	}
	return fmt.Sprintf("the nearest is %s, which shares its first %d bits", x.cfg.Node.Format.DestinationString(best), bits)
}
