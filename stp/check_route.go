package stp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/mtp3"
)

func (k *checker) routes() {
	var vias []string
	for i := range k.c.Linksets {
		vias = append(vias, k.c.Linksets[i].Name)
	}
	for i := range k.c.AS {
		vias = append(vias, k.c.AS[i].Name)
	}
	for i := range k.c.Gateways {
		vias = append(vias, k.c.Gateways[i].Name)
	}
	type way struct {
		to  mtp3.Destination
		via string
	}
	ways := once[way]{}
	known := map[string]bool{}
	for _, v := range vias {
		known[v] = true
	}
	for i := range k.c.Routes {
		r := &k.c.Routes[i]
		if r.To.Wild == 0 && k.c.isLocal(r.To.PC) {
			k.add(FindingError, r.Pos, "route to %s: that is this node", k.dest(r.To))
			continue
		}
		for _, v := range r.Via {
			if !known[v] {
				k.add(FindingError, r.Pos, "route to %s: there is no linkset, as or gateway %q%s", k.dest(r.To), v, similar(v, vias))
				continue
			}
			if first, twice := ways.again(way{r.To, v}, r.Pos); twice {
				k.add(FindingError, r.Pos, "route to %s via %s is in line %d already", k.dest(r.To), v, first.Line)
			}
			ls := k.c.Linkset(v)
			switch {
			case ls != nil && r.To == (mtp3.Destination{PC: ls.Adjacent}):
				k.add(FindingNote, r.Pos, "route to %s: it is at the other end of linkset %s, which needs no route", k.dest(r.To), v)
			case ls != nil && len(ls.Links) == 0:
				k.add(FindingWarning, r.Pos, "route to %s cannot be used: linkset %s has no links", k.dest(r.To), v)
			}
		}
	}
	for i := range k.c.GTT {
		for j := range k.c.GTT[i].To {
			if h := &k.c.GTT[i].To[j]; !k.reached(mtp3.Destination{PC: h.PC}) && !k.c.isLocal(h.PC) {
				k.add(FindingError, h.Pos, "gtt leads to %s, but no route leads there", k.pc(h.PC))
			}
		}
	}
	for i := range k.c.Screening {
		for j := range k.c.Screening[i].Rules {
			r := &k.c.Screening[i].Rules[j]
			for _, o := range r.OPC {
				if r.Action == Allow && !k.reached(o) && o.Size() < 1<<8 && !k.local(o) {
					k.add(FindingWarning, r.Pos, "screen %q lets in what %s sends, but there is no way back: no route leads there", k.c.Screening[i].Name, k.dest(o))
				}
			}
		}
	}
	for i := range k.c.Linksets {
		if ls := &k.c.Linksets[i]; !k.leadsTo(ls.Name) && k.c.Node.Transfer == On && len(k.c.Routes) > 0 {
			k.add(FindingNote, ls.Pos, "linkset %q: no route uses it, only %s itself is reached over it", ls.Name, k.pc(ls.Adjacent))
		}
	}
}

func (k *checker) leadsTo(name string) bool {
	return slices.ContainsFunc(k.c.Routes, func(r RouteConfig) bool { return slices.Contains(r.Via, name) })
}

func (k *checker) local(d mtp3.Destination) bool {
	return d.Contains(k.c.Node.PointCode) || slices.ContainsFunc(k.c.Node.Aliases, d.Contains)
}

// reached tells whether some way leads to (a part of) a destination.
func (k *checker) reached(d mtp3.Destination) bool {
	if d.Wild == 0 && k.points[d.PC] {
		return true
	}
	for pc := range k.points {
		if d.Wild > 0 && d.Contains(pc) {
			return true
		}
	}
	return slices.ContainsFunc(k.plans, func(r routePlan) bool { return r.To.Covers(d) || d.Covers(r.To) })
}

// traffic looks at what level 3 makes of the file.
func (k *checker) traffic() {
	o, err := k.said.newOffline()
	if err != nil {
		k.add(FindingError, k.c.Node.Pos, "%v", err)
		return
	}
	for _, err := range o.bad {
		k.add(FindingError, Pos{}, "%v", err)
	}
	k.shadowed()
	k.idle(o)
}

// shadowed finds masked routes whose points all have routes of their own.
func (k *checker) shadowed() {
	single := map[mtp3.PointCode]bool{}
	masked := map[mtp3.Destination]Pos{}
	for i := range k.c.Linksets {
		single[k.c.Linksets[i].Adjacent] = true
	}
	for _, p := range k.plans {
		if p.To.Wild == 0 {
			single[p.To.PC] = true
		} else if _, ok := masked[p.To]; !ok {
			masked[p.To] = p.Pos
		}
	}
	const most = 1 << 12
	for d, pos := range masked {
		if d.Size() > most {
			continue
		}
		own := 0
		for i := range d.Size() {
			pc := d.PC + mtp3.PointCode(i)
			narrower := single[pc] || k.c.isLocal(pc)
			for w := uint8(1); w < d.Wild && !narrower; w++ {
				_, narrower = masked[mtp3.Destination{PC: pc, Wild: w}.Canonical()]
			}
			if narrower {
				own++
			}
		}
		if own == d.Size() {
			k.add(FindingWarning, pos, "route to %s is never taken: each of its %d points has a closer route", k.dest(d), d.Size())
		}
	}
}

// idle finds links that never carry traffic of users, because combined linksets are chosen by the bits of SLS
// that then choose the link.
func (k *checker) idle(o *offline) {
	seen := map[string]bool{} // by what is combined
	byDest := map[mtp3.Destination][]routePlan{}
	var order []mtp3.Destination
	for _, p := range k.plans {
		if len(byDest[p.To]) == 0 {
			order = append(order, p.To)
		}
		byDest[p.To] = append(byDest[p.To], p)
	}
	for _, d := range order {
		best := byDest[d]
		top := slices.MinFunc(best, func(a, b routePlan) int { return int(a.Priority) - int(b.Priority) }).Priority
		best = slices.DeleteFunc(slices.Clone(best), func(p routePlan) bool { return p.Priority != top })
		if len(best) < 2 {
			continue
		}
		var names []string
		for _, p := range best {
			names = append(names, p.Linkset+p.Owner)
		}
		m := strings.Join(names, "\n")
		if seen[m] {
			continue
		}
		seen[m] = true
		idle := k.idleOf(o, d, best)
		if len(idle) == 0 {
			continue
		}
		remedy := "there are more links than values of SLS"
		for bits := range uint8(8) {
			if o, err := k.rotated(best, bits).newOffline(); err == nil && len(k.idleOf(o, d, best)) == 0 {
				remedy = fmt.Sprintf("with \"rotate: %d\" at these linksets all do", bits)
				break
			}
		}
		k.add(FindingWarning, best[0].Pos, "wasted SLS: of the linksets that share the traffic to %s, %s never carry any; %s", k.dest(d), list(idle), remedy)
	}
}

// idleOf are the links of combined linksets that carry nothing to a destination.
func (k *checker) idleOf(o *offline, d mtp3.Destination, ways []routePlan) (idle []string) {
	carries := map[mtp3.LinkID]bool{}
	pc := k.somePoint(o, d)
	for sls := range k.f.SLSValues() {
		if h := o.node.Router().Route(pc, mtp3.SLS(sls)); h.Kind == mtp3.LinkHop {
			carries[h.Link] = true
		}
	}
	for _, p := range ways {
		ls := o.cfg.Linkset(p.Linkset)
		if ls == nil {
			continue
		}
		for j := range ls.Links {
			if l := &ls.Links[j]; ls.starts(l) && !carries[o.links[ls.LinkName(l)]] {
				idle = append(idle, ls.LinkName(l))
			}
		}
	}
	return idle
}

// rotated is the configuration with another rotation of the linksets.
func (k *checker) rotated(ways []routePlan, bits uint8) *Config {
	c := *k.said
	c.Linksets = slices.Clone(c.Linksets)
	for i := range c.Linksets {
		if slices.ContainsFunc(ways, func(p routePlan) bool { return p.Linkset == c.Linksets[i].Name }) {
			c.Linksets[i].Rotate = bits
		}
	}
	return &c
}

// somePoint is a point of a destination that no closer route has.
func (k *checker) somePoint(o *offline, d mtp3.Destination) mtp3.PointCode {
	for i := range min(d.Size(), 1<<12) {
		pc := d.PC + mtp3.PointCode(i)
		if e := o.node.Explain(mtp3.Query{Label: mtp3.Label{DPC: pc}}); len(e.Within) > 0 && e.Within[0] == d {
			return pc
		}
	}
	return d.PC
}

// ranges of the timers: Q.704 section 16.8, Q.707 section 5.5, Q.703 section 12.3.
func (k *checker) timers() {
	t, m := &k.said.Node.Timers, &k.said.M2PA
	ms := time.Millisecond
	for _, x := range []struct {
		name     string
		v        time.Duration
		min, max time.Duration
	}{
		{"t1", t.T1, 500 * ms, 1200 * ms}, {"t2", t.T2, 700 * ms, 2 * time.Second}, {"t3", t.T3, 500 * ms, 1200 * ms}, {"t4", t.T4, 500 * ms, 1200 * ms},
		{"t5", t.T5, 500 * ms, 1200 * ms}, {"t6", t.T6, 500 * ms, 1200 * ms}, {"t8", t.T8, 800 * ms, 1200 * ms}, {"t10", t.T10, 30 * time.Second, 60 * time.Second},
		{"t11", t.T11, 30 * time.Second, 90 * time.Second}, {"t12", t.T12, 800 * ms, 1500 * ms}, {"t13", t.T13, 800 * ms, 1500 * ms}, {"t14", t.T14, 2 * time.Second, 3 * time.Second},
		{"t15", t.T15, 2 * time.Second, 3 * time.Second}, {"t16", t.T16, 1400 * ms, 2 * time.Second}, {"t17", t.T17, 800 * ms, 1500 * ms},
		{"t19", t.T19, 67 * time.Second, 69 * time.Second}, {"t20", t.T20, 59 * time.Second, 61 * time.Second}, {"t21", t.T21, 63 * time.Second, 65 * time.Second},
		{"t22", t.T22, 3 * time.Minute, 6 * time.Minute}, {"t23", t.T23, 3 * time.Minute, 6 * time.Minute},
		{"test-t1", t.TestT1, 4 * time.Second, 12 * time.Second}, {"test-t2", t.TestT2, 30 * time.Second, 90 * time.Second},
	} {
		if x.v > 0 && (x.v < x.min || x.v > x.max) {
			k.add(FindingNote, k.said.Node.Pos, "timer %s is %v: the recommendation has %v to %v", x.name, x.v, x.min, x.max)
		}
	}
	k.level2(m, "m2pa")
	for i := range k.said.Linksets {
		ls := &k.said.Linksets[i]
		k.level2(&ls.M2PA, "linkset "+ls.Name)
		for j := range ls.Links {
			k.level2(&ls.Links[j].M2PA.Config, "link "+ls.LinkName(&ls.Links[j]))
		}
	}
}

func (k *checker) level2(m *M2PAConfig, of string) {
	if m.T7 > 0 && m.T7 <= k.c.SCTP.RTOMin {
		k.add(FindingWarning, m.Pos, "%s: t7 is %v, and SCTP sends again after %v at the earliest (rto-min): one lost packet becomes a lost link", of, m.T7, k.c.SCTP.RTOMin)
	}
	for i := range min(len(m.CongestionOnset), len(m.CongestionAbatement)) {
		if m.CongestionAbatement[i] > m.CongestionOnset[i] && m.CongestionOnset[i] > 0 {
			k.add(FindingWarning, m.Pos, "%s: congestion level %d ends at %d octets, above its onset at %d", of, i+1, m.CongestionAbatement[i], m.CongestionOnset[i])
		}
	}
}
