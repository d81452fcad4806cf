package stp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RestartError says that a configuration cannot be applied while the node runs.
type RestartError struct{ Steps []Step }

// Error names what needs a new start.
func (e *RestartError) Error() string {
	var all []string
	for _, s := range e.Steps {
		all = append(all, s.String())
	}
	return "stp: only a new start of the node can do this: " + strings.Join(all, "; ")
}

// Apply puts another configuration in force, as [Plan] says, and returns what it did. What does not change
// stays untouched: its associations and its traffic don't notice. A configuration that needs a new start of the
// node is refused as a whole, with a *[RestartError]. If a step fails, such as an address that cannot be listened on,
// the others are done all the same; the errors are joined, and the configuration counts as applied.
func (n *Node) Apply(ctx context.Context, cfg *Config) ([]Step, error) {
	if err := n.do(ctx, func(time.Time) {}); err != nil {
		return nil, err
	}
	for _, f := range cfg.Check() {
		if f.Kind == FindingError {
			return nil, &RefusedError{"the configuration has errors: " + f.String()}
		}
	}
	n.applying.Lock()
	defer n.applying.Unlock()
	old := n.Config()
	steps := Plan(old, cfg)
	var restart []Step
	for _, s := range steps {
		if s.Kind == StepRestart {
			restart = append(restart, s)
		}
	}
	if restart != nil {
		return nil, &RestartError{restart}
	}
	a := applier{n: n, ctx: context.WithoutCancel(ctx), old: old, new: cfg}
	a.run(steps)
	n.mu.Lock()
	n.cfg = cfg
	n.mu.Unlock()
	a.fail(n.reroute(a.ctx))
	a.last(steps)
	done := Changes(steps)
	n.log.Info("stp: configuration applied", "node", n.name, "steps", len(done), "err", a.err())
	n.change(Change{Time: time.Now(), Kind: "node", About: n.name, Text: fmt.Sprintf("configuration applied: %d changes", len(done))})
	return done, a.err()
}

// applier does the steps of a plan: what goes, then what comes, then what changes; routes change between the links and
// what they lead over.
type applier struct {
	n        *Node
	ctx      context.Context
	old, new *Config
	errs     []error
}

func (a *applier) fail(err error) {
	if err != nil {
		a.errs = append(a.errs, err)
	}
}

func (a *applier) err() error { return errors.Join(a.errs...) }

// each calls f with the names of the steps about what that are of one of the kinds.
func each(steps []Step, what string, f func(name string), kinds ...StepKind) {
	for _, s := range steps {
		for _, k := range kinds {
			if s.What == what && s.Kind == k {
				f(s.Name)
			}
		}
	}
}

// run does everything that routes may lead over afterwards.
func (a *applier) run(steps []Step) {
	n := a.n
	// What goes. A linkset whose routes are still there goes later, in last.
	each(steps, "listen", a.unlisten, StepRemove)
	each(steps, "link", a.removeLink, StepRemove, StepReopen)
	each(steps, "linkset", func(name string) { a.removeRoutes("linkset " + name); a.removeLinkset(name) }, StepReopen)
	each(steps, "as", func(name string) {
		a.removeRoutes("as " + name)
		a.fail(n.sg.RemoveAS(name))
		a.removeOwner("as " + name)
	}, StepRemove, StepReopen)
	each(steps, "asp", func(name string) { a.fail(n.sg.RemoveASP(name)) }, StepRemove, StepReopen)
	each(steps, "gateway", func(name string) { a.removeRoutes("gateway " + name); a.removeGateway(name) }, StepRemove, StepReopen)
	// What comes.
	each(steps, "asp", func(name string) {
		for _, x := range a.new.AllASPs() {
			if x.Name == name {
				a.fail(n.sg.AddASP(n.asp(a.new, &x)))
			}
		}
	}, StepAdd, StepReopen)
	a.rejoin(steps)
	each(steps, "as", func(name string) { a.fail(n.sg.AddAS(a.new.ASOf(name).asConfig())) }, StepAdd, StepReopen)
	each(steps, "gateway", func(name string) { a.fail(n.addGateway(a.new, a.new.Gateway(name))) }, StepAdd, StepReopen)
	each(steps, "linkset", func(name string) { a.fail(n.addLinkset(a.ctx, a.new, a.new.Linkset(name))) }, StepAdd, StepReopen)
	// What changes in place.
	each(steps, "linkset", func(name string) {
		var err error
		a.fail(n.doing(a.ctx, func(time.Time) {
			if l := n.linksets[name]; l != nil {
				l.cfg = *a.new.Linkset(name)
				err = n.mtp.SetScreen(l.id, a.new.screen(l.cfg.Screen))
			}
		}))
		a.fail(err)
	}, StepChange)
	each(steps, "as", func(name string) {
		if was, is := a.old.ASOf(name).Blocked.Or(false), a.new.ASOf(name).Blocked.Or(false); was != is {
			a.fail(n.block(a.ctx, KindAS, name, is))
		}
	}, StepChange)
	each(steps, "asp", func(name string) {
		for _, x := range a.new.AllASPs() {
			if x.Name == name {
				a.fail(n.block(a.ctx, KindASP, name, x.Blocked.Or(false)))
			}
		}
	}, StepChange)
	each(steps, "gateway", func(name string) {
		g := a.new.Gateway(name)
		if g.Blocked.Or(false) != a.old.Gateway(name).Blocked.Or(false) {
			a.fail(n.block(a.ctx, KindGateway, name, g.Blocked.Or(false)))
		}
	}, StepChange)
	each(steps, "gtt", func(string) {
		var err error
		a.fail(n.doing(a.ctx, func(time.Time) { err = n.startSCCP(a.new) }))
		a.fail(err)
	}, StepChange)
	each(steps, "sccp", func(string) {
		var err error
		a.fail(n.doing(a.ctx, func(time.Time) {
			if n.sccp != nil {
				n.sccp = nil // what waits for segments is lost
				err = n.startSCCP(a.new)
			}
		}))
		a.fail(err)
	}, StepChange)
}

// rejoin makes the members of an AS that stays what they should be. Those that were made anew are in it again.
func (a *applier) rejoin(steps []Step) {
	gone := map[string]bool{}
	each(steps, "asp", func(name string) { gone[name] = true }, StepReopen, StepRemove)
	each(steps, "as", func(name string) {
		was, is := a.old.ASOf(name).asConfig().ASPs, a.new.ASOf(name).asConfig().ASPs
		for _, asp := range is {
			if gone[asp] || !slices.Contains(was, asp) {
				a.fail(a.n.sg.JoinAS(name, asp))
			}
		}
		for _, asp := range was {
			if !gone[asp] && !slices.Contains(is, asp) {
				a.fail(a.n.sg.LeaveAS(name, asp))
			}
		}
	}, StepKeep, StepChange)
}

// last does what the routes of before had to be gone for, and what they had to be there for.
func (a *applier) last(steps []Step) {
	each(steps, "linkset", a.removeLinkset, StepRemove)
	each(steps, "link", func(name string) {
		for i := range a.new.Linksets {
			ls := &a.new.Linksets[i]
			for j := range ls.Links {
				if ls.LinkName(&ls.Links[j]) == name {
					a.fail(a.n.addLink(a.ctx, a.new, ls, &ls.Links[j]))
				}
			}
		}
	}, StepAdd, StepReopen)
	listeners := a.new.listeners()
	for _, name := range sortedKeys(listeners) {
		a.n.mu.Lock()
		have := a.n.listens[name] != nil
		a.n.mu.Unlock()
		if !have {
			a.fail(a.n.listen(a.ctx, a.new, name, listeners[name]))
		}
	}
}

// unlisten closes the listeners of M3UA that the new configuration does not have.
func (a *applier) unlisten(string) {
	want := a.new.listeners()
	a.n.mu.Lock()
	var gone []*listener
	for name, l := range a.n.listens {
		if _, ok := want[name]; !ok {
			gone = append(gone, l)
			delete(a.n.listens, name)
		}
	}
	a.n.mu.Unlock()
	for _, l := range gone {
		l.close()
	}
}

// removeLink takes a link out of service, by changeover, and out of the node.
func (a *applier) removeLink(name string) {
	n := a.n
	var l *link
	a.fail(n.doing(a.ctx, func(now time.Time) {
		if l = n.links[name]; l != nil {
			n.out = n.mtp.Deactivate(now, l.id, n.out[:0])
			n.handle(now)
		}
	}))
	if l == nil {
		return
	}
	var err error
	for range 100 { // a changeover takes T1 or T2
		a.fail(n.doing(a.ctx, func(time.Time) {
			if err = n.mtp.RemoveLink(l.id); err == nil {
				delete(n.links, name)
				delete(n.byLevel2, l.l2)
			}
		}))
		if err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	a.fail(err)
	n.loop.Remove(l.l2)
}

func (a *applier) removeLinkset(name string) {
	n := a.n
	var err error
	a.fail(n.doing(a.ctx, func(time.Time) {
		if l := n.linksets[name]; l != nil {
			if err = n.mtp.RemoveLinkset(l.id); err == nil {
				delete(n.linksets, name)
			}
		}
	}))
	a.fail(err)
}

// removeRoutes takes out the routes over something that goes.
func (a *applier) removeRoutes(via string) {
	a.fail(a.n.doing(a.ctx, func(now time.Time) {
		for _, key := range sortedRoutes(a.n.routes) {
			if key.via == via {
				a.n.removeRoute(now, key, a.n.routes[key])
			}
		}
	}))
}

func (a *applier) removeOwner(name string) {
	n := a.n
	var err error
	a.fail(n.doing(a.ctx, func(time.Time) {
		if t := n.owners[name]; t != nil {
			if err = n.mtp.RemoveOwner(t.id); err == nil {
				delete(n.owners, name)
				n.publish()
			}
		}
	}))
	a.fail(err)
}

func (a *applier) removeGateway(name string) {
	n := a.n
	n.mu.Lock()
	g := n.gateways[name]
	delete(n.gateways, name)
	n.mu.Unlock()
	if g != nil {
		g.close()
	}
	a.removeOwner("gateway " + name)
}
