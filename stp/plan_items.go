package stp

import (
	"fmt"

	"github.com/gotelco/telco/mtp3"
)

// namedLink is a link with what it belongs to, and with all that its linkset and the file say of M2PA.
type namedLink struct {
	name, linkset string
	LinkConfig
}

func (c *Config) namedLinks() (all []namedLink) {
	for i := range c.Linksets {
		ls := &c.Linksets[i]
		for j := range ls.Links {
			k := namedLink{ls.LinkName(&ls.Links[j]), ls.Name, ls.Links[j]}
			k.M2PA.Config = c.M2PA.with(&ls.M2PA).with(&k.M2PA.Config)
			all = append(all, k)
		}
	}
	return all
}

func (p *planner) linksets() {
	remade := map[string]bool{}
	items(p, "linkset", p.old.Linksets, p.new.Linksets, func(l *LinksetConfig) string { return l.Name },
		func(l *LinksetConfig) string {
			return fmt.Sprintf("to %s, %d links", p.f.PointCodeString(l.Adjacent), len(l.Links))
		},
		"what only it led to cannot be reached any more",
		func(a, b *LinksetConfig) (StepKind, string, string) {
			if diff := p.differ(a, b, "links", "m2pa", "screen", "start"); diff != "" {
				remade[b.Name] = true
				return StepReopen, diff, "its links go out of service"
			}
			screened := !same(p.old.Screen(a.Screen), p.new.Screen(b.Screen))
			if diff := p.differ(a, b, "links", "m2pa", "start"); diff != "" {
				return StepChange, diff, ""
			} else if screened {
				return StepChange, "rules of screen " + b.Screen, ""
			}
			return StepKeep, "", ""
		})
	items(p, "link", p.old.namedLinks(), p.new.namedLinks(), func(k *namedLink) string { return k.name },
		func(k *namedLink) string { return "aligns, then takes its share of SLS by changeback" }, "its traffic goes to other links by changeover",
		func(a, b *namedLink) (StepKind, string, string) {
			switch diff := p.differ(a.LinkConfig, b.LinkConfig, "start"); {
			case a.linkset != b.linkset:
				return StepReopen, "linkset " + a.linkset + " -> " + b.linkset, "its traffic goes to other links by changeover"
			case diff != "":
				return StepReopen, diff, "its traffic goes to other links by changeover"
			case remade[b.linkset]:
				return StepReopen, "its linkset changes", "its traffic goes to other links by changeover"
			}
			return StepKeep, "", ""
		})
}

func (p *planner) asps() {
	items(p, "asp", p.old.AllASPs(), p.new.AllASPs(), func(a *ASPConfig) string { return a.Name },
		func(a *ASPConfig) string { return "" }, "its association ends",
		func(a, b *ASPConfig) (StepKind, string, string) {
			switch diff := p.differ(a, b, "blocked"); {
			case diff != "":
				return StepReopen, diff, "its association ends"
			case a.Blocked != b.Blocked && b.Blocked == On:
				return StepChange, "blocked", "it is put down"
			case a.Blocked != b.Blocked:
				return StepChange, "not blocked any more", ""
			}
			return StepKeep, "", ""
		})
}

func (p *planner) servers() {
	items(p, "as", p.old.AS, p.new.AS, func(s *ASConfig) string { return s.Name }, func(s *ASConfig) string { return fmt.Sprintf("routing context %d", s.RoutingContext) },
		"its points cannot be reached any more",
		func(a, b *ASConfig) (StepKind, string, string) {
			names := func(s *ASConfig) (all []string) {
				for _, a := range s.ASPs {
					all = append(all, a.Name)
				}
				return all
			}
			diff := p.differ(a, b, "asps", "blocked", "screen")
			members := ""
			if x, y := names(a), names(b); !same(x, y) {
				members = fmt.Sprintf("asps %v -> %v", x, y)
			}
			switch {
			case diff != "":
				if members != "" {
					diff += ", " + members
				}
				return StepReopen, diff, "its ASPs have to become active again"
			case members != "":
				return StepChange, members, ""
			case a.Blocked != b.Blocked && b.Blocked == On:
				return StepChange, "blocked", "its ASPs become inactive"
			case a.Blocked != b.Blocked:
				return StepChange, "not blocked any more", ""
			case a.Screen != b.Screen || !same(p.old.Screen(a.Screen), p.new.Screen(b.Screen)):
				return StepChange, "screen", ""
			}
			return StepKeep, "", ""
		})
}

func (p *planner) gateways() {
	items(p, "gateway", p.old.Gateways, p.new.Gateways, func(g *GatewayConfig) string { return g.Name }, func(g *GatewayConfig) string { return "" },
		"what only it led to cannot be reached any more",
		func(a, b *GatewayConfig) (StepKind, string, string) {
			switch diff := p.differ(a, b, "blocked", "screen", "point-codes"); {
			case diff != "":
				return StepReopen, diff, "its associations end"
			case !same(a.PointCodes, b.PointCodes):
				return StepChange, p.differ(a, b, "blocked", "screen"), ""
			case a.Blocked != b.Blocked:
				return StepChange, p.differ(a, b, "screen"), "this node goes down or comes up there"
			case a.Screen != b.Screen || !same(p.old.Screen(a.Screen), p.new.Screen(b.Screen)):
				return StepChange, "screen", ""
			}
			return StepKeep, "", ""
		})
}

// routes compares the ways of level 3, so that another order or another way to write the same is no change.
func (p *planner) routes() {
	type way struct {
		to  mtp3.Destination
		via string
	}
	key := func(r routePlan) way {
		if r.Linkset != "" {
			return way{r.To.Canonical(), "linkset " + r.Linkset}
		}
		return way{r.To.Canonical(), r.Owner}
	}
	ways := func(c *Config) (m map[way]uint8, order []way) {
		m = map[way]uint8{}
		for _, r := range c.routes() {
			if _, twice := m[key(r)]; !twice {
				order = append(order, key(r))
				m[key(r)] = r.Priority
			}
		}
		return m, order
	}
	was, before := ways(p.old)
	is, after := ways(p.new)
	kept := 0
	for _, w := range before {
		if _, ok := is[w]; !ok {
			p.add(StepRemove, "route", p.f.DestinationString(w.to)+" via "+w.via, "", "what only it led to cannot be reached any more")
		}
	}
	for _, w := range after {
		name := p.f.DestinationString(w.to) + " via " + w.via
		switch prio, ok := was[w]; {
		case !ok:
			p.add(StepAdd, "route", name, fmt.Sprintf("priority %d", is[w]), "")
		case prio != is[w]:
			p.add(StepChange, "route", name, fmt.Sprintf("priority %d -> %d", prio, is[w]), "traffic moves by controlled rerouting")
		default:
			kept++
		}
	}
	if kept > 0 {
		p.add(StepKeep, "route", "", fmt.Sprintf("%d ways", kept), "")
	}
}

func (p *planner) translation() {
	switch {
	case !same(p.old.GTT, p.new.GTT):
		p.add(StepChange, "gtt", "", fmt.Sprintf("%d -> %d rules, all at once", len(p.old.GTT), len(p.new.GTT)), "")
	case len(p.new.GTT) > 0:
		p.add(StepKeep, "gtt", "", fmt.Sprintf("%d rules", len(p.new.GTT)), "")
	}
	if diff := p.differ(p.old.SCCP, p.new.SCCP); diff != "" {
		p.add(StepChange, "sccp", "", diff, "")
	}
}
