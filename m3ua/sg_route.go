package m3ua

import (
	"cmp"
	"slices"

	"github.com/gotelco/telco/mtp3"
)

// routes finds the AS of a message by routing keys; it never changes.
type routes struct {
	byDPC    map[mtp3.PointCode][]route
	defaults []route // keys without groups
}

type route struct {
	na    Optional
	group KeyGroup
	as    *AS
}

func buildRoutes(as []*asCore) *routes {
	r := &routes{byDPC: map[mtp3.PointCode][]route{}}
	for _, s := range as {
		na := s.cfg.Key.NetworkAppearance
		if len(s.cfg.Key.Groups) == 0 {
			r.defaults = append(r.defaults, route{na: na, as: s.handle})
		}
		for _, g := range s.cfg.Key.clone().Groups {
			r.byDPC[g.DPC] = append(r.byDPC[g.DPC], route{na, g, s.handle})
		}
	}
	for _, list := range r.byDPC {
		slices.SortStableFunc(list, func(a, b route) int { return cmp.Compare(b.weight(), a.weight()) })
	}
	return r
}

// weight is how much a key says: where several match, the most special one counts.
func (r *route) weight() int {
	w := 0
	if r.na.Set {
		w += 4
	}
	if len(r.group.OPCs) > 0 {
		w += 2
	}
	if len(r.group.SIs) > 0 {
		w++
	}
	return w
}

// find is the AS that a message of a network belongs to, or nil.
func (r *routes) find(na Optional, m *mtp3.MSU) *AS {
	list := r.byDPC[m.Label.DPC]
	for i := range list {
		e := &list[i]
		if (!e.na.Set || !na.Set || e.na == na) && e.group.matchSI(m.SI) && e.group.matchOPC(m.Label.OPC) {
			return e.as
		}
	}
	for i := range r.defaults {
		if e := &r.defaults[i]; !e.na.Set || !na.Set || e.na == na {
			return e.as
		}
	}
	return nil
}
