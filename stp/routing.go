package stp

import (
	"context"
	"slices"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
)

// reroute is reconcile, from outside of the loop.
func (n *Node) reroute(ctx context.Context) error {
	var err error
	if e := n.doing(ctx, func(now time.Time) { err = n.reconcile(now) }); e != nil {
		return e
	}
	return err
}

// reconcile makes owners and routes what the configuration, and the keys that ASPs have registered, want. What
// is there already stays untouched. It is called in the loop.
func (n *Node) reconcile(now time.Time) error {
	c := n.withRegistered(n.Config())
	plans := c.owners()
	var failed error
	fail := func(err error) {
		if failed == nil && err != nil {
			failed = err
		}
	}
	want := map[string]bool{}
	for i := range plans {
		p := &plans[i]
		want[p.Name] = true
		t, err := n.owner(p)
		if err != nil {
			fail(err)
			continue
		}
		for _, pc := range t.points {
			if !slices.Contains(p.Points, pc) { // it may be another's now
				n.out = n.mtp.SetOwnerCongestion(now, t.id, pc, 0, n.out[:0])
				n.handle(now)
			}
		}
		t.members, t.points = p.Members, p.Points
		screen := p.Screen
		t.screen.Store(nil)
		if screen.Deny || len(screen.Rules) > 0 {
			t.screen.Store(&screen)
		}
		fail(n.mtp.SetOwnerScreen(t.id, screen))
	}
	n.publish()
	for _, name := range sortedKeys(n.owners) { // before their routes: no destination is unavailable in between
		n.availability(now, n.owners[name])
	}

	routes := c.routes()
	wanted := map[routeKey]mtp3.Route{}
	for _, r := range routes {
		key, route := routeKey{r.To.Canonical(), r.Owner}, mtp3.Route{Destination: r.To.Canonical(), Priority: r.Priority}
		switch {
		case r.Linkset != "":
			key.via = "linkset " + r.Linkset
			if l := n.linksets[r.Linkset]; l != nil {
				route.Linkset = l.id
			}
		case n.owners[r.Owner] != nil:
			route.Owner = n.owners[r.Owner].id
		}
		if _, twice := wanted[key]; route.Linkset == 0 && route.Owner == 0 || twice && r.Implicit {
			continue
		}
		wanted[key] = route
	}
	var more []mtp3.Route // what comes, at once and before what goes
	for _, key := range sortedRoutes(wanted) {
		route, have := wanted[key], n.routes[key]
		if have == route {
			continue
		}
		if have.Linkset == route.Linkset && have.Owner == route.Owner {
			out, err := n.mtp.SetPriority(now, route, n.out[:0])
			n.out = out
			n.handle(now)
			fail(err)
		} else {
			if have.Linkset != 0 || have.Owner != 0 { // its linkset or AS was made anew
				n.removeRoute(now, key, have)
			}
			more = append(more, route)
		}
		n.routes[key] = route
	}
	out, err := n.mtp.AddRoutes(now, more, n.out[:0])
	n.out = out
	n.handle(now)
	fail(err)
	for _, key := range sortedRoutes(n.routes) {
		if _, ok := wanted[key]; !ok {
			n.removeRoute(now, key, n.routes[key])
		}
	}
	for _, name := range sortedKeys(n.owners) {
		if t := n.owners[name]; !want[name] {
			if err := n.mtp.RemoveOwner(t.id); err != nil {
				fail(err)
				continue
			}
			delete(n.owners, name)
		}
	}
	n.publish()
	n.tellAll()
	if failed != nil {
		n.log.Error("stp: routing", "err", failed)
	}
	return failed
}

func (n *Node) removeRoute(now time.Time, key routeKey, r mtp3.Route) {
	out, err := n.mtp.RemoveRoute(now, r, n.out[:0])
	n.out = out
	n.handle(now)
	if err != nil {
		n.log.Error("stp: route cannot be removed", "route", key.String(), "err", err)
	}
	delete(n.routes, key)
}

func sortedRoutes(m map[routeKey]mtp3.Route) []routeKey {
	keys := make([]routeKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b routeKey) int {
		switch {
		case a.to.PC != b.to.PC:
			return int(a.to.PC) - int(b.to.PC)
		case a.to.Wild != b.to.Wild:
			return int(b.to.Wild) - int(a.to.Wild)
		case a.via < b.via:
			return -1
		}
		return 1
	})
	return keys
}

// withRegistered is the configuration with the ASs that ASPs have made by registration.
func (n *Node) withRegistered(c *Config) *Config {
	var more []ASConfig
	for _, s := range n.sg.Stats().AS {
		if !s.Registered {
			continue
		}
		x := ASConfig{Name: s.Name, RoutingContext: s.RoutingContext, Mode: s.TrafficMode, NetworkAppearance: s.Key.NetworkAppearance}
		for _, g := range s.Key.Groups {
			x.Keys = append(x.Keys, KeyConfig{DPC: g.DPC, SIs: g.SIs, OPCs: g.OPCs})
		}
		more = append(more, x)
	}
	if more == nil {
		return c
	}
	d := *c
	d.AS = append(slices.Clone(c.AS), more...)
	return &d
}

// owner is the target of a plan; it is made if there is none.
func (n *Node) owner(p *ownerPlan) (*target, error) {
	t := n.owners[p.Name]
	if t != nil {
		if p.Kind == ownerAS { // it may have been taken out and put in again
			t.as = n.sg.AS(p.Item)
			t.keyed = n.keyed(p.Item)
		}
		return t, nil
	}
	t = &target{name: p.Name, sg: n.sg}
	switch p.Kind {
	case ownerAS:
		if t.as = n.sg.AS(p.Item); t.as == nil {
			return nil, &UnknownError{"as", p.Item}
		}
		t.keyed = n.keyed(p.Item)
	case ownerGateway:
		if t.gw = n.gateways[p.Item]; t.gw == nil {
			return nil, &UnknownError{"gateway", p.Item}
		}
		t.gw.target.Store(t)
	}
	var err error
	if t.id, err = n.mtp.AddOwner(mtp3.OwnerConfig{Name: p.Name, Screen: p.Screen}); err != nil {
		return nil, err
	}
	n.owners[p.Name] = t
	for _, m := range p.Members {
		if s := n.sg.AS(m); s != nil && p.Kind != ownerGateway {
			n.asStates[m] = s.State()
		}
	}
	return t, nil
}

// keyed tells whether an AS takes but some of the messages for its point codes.
func (n *Node) keyed(as string) bool {
	for _, s := range n.sg.Stats().AS {
		if s.Name == as {
			return slices.ContainsFunc(s.Key.Groups, func(g m3ua.KeyGroup) bool { return len(g.SIs)+len(g.OPCs) > 0 })
		}
	}
	return false
}

// publish makes what readers see.
func (n *Node) publish() {
	ts := &targets{byAS: map[*m3ua.AS]*target{}}
	for _, t := range n.owners {
		if t.as != nil {
			ts.byAS[t.as] = t
		}
		for len(ts.byID) <= int(t.id) {
			ts.byID = append(ts.byID, nil)
		}
		ts.byID[t.id] = t
	}
	n.targets.Store(ts)
}

// tellAll makes the gateway's ASPs know of the destinations of the table, and of no others.
func (n *Node) tellAll() {
	have := map[mtp3.Destination]bool{}
	for _, d := range n.mtp.Destinations() {
		have[d.Destination] = true
		if av, ok := n.told[d.Destination]; !ok || av != d.State {
			n.tell(d.Destination, d.State)
		}
	}
	for d := range n.told {
		if have[d] {
			continue
		}
		av, _ := n.mtp.Status(d.PC)
		n.tell(d, av)
		delete(n.told, d)
	}
}
