package stp

import (
	"fmt"
	"slices"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// offline is level 3 of a configuration without associations: every link is in service and every Application
// Server active, but for those that are said to be down. Checks and explanations ask it.
type offline struct {
	cfg      *Config // with defaults
	node     *mtp3.Node
	linksets map[string]mtp3.LinksetID
	links    map[string]mtp3.LinkID
	linkOf   map[mtp3.LinkID]*LinkConfig
	owners   map[string]mtp3.OwnerID
	plans    []ownerPlan
	bad      []error // what could not be built
}

// newOffline builds it. down are names of links, linksets, Application Servers and gateways.
func (c *Config) newOffline(down ...string) (*offline, error) {
	o := &offline{cfg: c.WithDefaults(), linksets: map[string]mtp3.LinksetID{}, links: map[string]mtp3.LinkID{}, linkOf: map[mtp3.LinkID]*LinkConfig{}, owners: map[string]mtp3.OwnerID{}}
	cfg := o.cfg.mtp3Config()
	cfg.NoRestart, cfg.NoLinkTest = true, true
	var err error
	if o.node, err = mtp3.NewNode(cfg); err != nil {
		return nil, err
	}
	now := time.Unix(0, 0)
	fails := func(err error) bool {
		if err != nil {
			o.bad = append(o.bad, err)
		}
		return err != nil
	}
	up := map[mtp3.LinkID]bool{}
	for i := range o.cfg.Linksets {
		ls := &o.cfg.Linksets[i]
		id, err := o.node.AddLinkset(o.cfg.linksetConfig(ls))
		if fails(err) {
			continue
		}
		o.linksets[ls.Name] = id
		for j := range ls.Links {
			k := &ls.Links[j]
			l, err := o.node.AddLink(id, mtp3.LinkConfig{Name: ls.LinkName(k), SLC: k.SLC, Link: idleLink{}})
			if fails(err) {
				continue
			}
			o.links[ls.LinkName(k)], o.linkOf[l] = l, k
			if ls.starts(k) {
				up[l] = !slices.Contains(down, ls.Name) && !slices.Contains(down, ls.LinkName(k))
			}
		}
	}
	o.plans = o.cfg.owners()
	for _, p := range o.plans {
		id, err := o.node.AddOwner(mtp3.OwnerConfig{Name: p.Name, Screen: p.Screen})
		if fails(err) {
			continue
		}
		o.owners[p.Name] = id
		if o.takes(p, down) {
			o.node.SetOwner(now, id, mtp3.Available, nil)
		}
	}
	var routes []mtp3.Route
	for _, r := range o.cfg.routes() {
		routes = append(routes, mtp3.Route{Destination: r.To, Linkset: o.linksets[r.Linkset], Owner: o.owners[r.Owner], Priority: r.Priority})
	}
	_, err = o.node.AddRoutes(now, routes, nil)
	fails(err)
	if len(o.cfg.GTT) > 0 {
		o.node.SetUser(mtp3.SCCP, true)
	}
	for _, l := range o.node.Links() {
		if up[l.ID] {
			o.node.Activate(now, l.ID, nil)
			o.node.HandleLink(now, l.ID, []mtp3.Indication{{Kind: mtp3.InService}}, nil)
		}
	}
	for t := o.node.Deadline(); !t.IsZero() && t.Before(now.Add(5*time.Second)); t = o.node.Deadline() {
		o.node.Expire(t, nil) // changeback of those that came later, and the like
	}
	for _, l := range o.node.Links() {
		if starts, ok := up[l.ID]; ok && !starts {
			o.node.Activate(now, l.ID, nil)
			o.node.HandleLink(now, l.ID, []mtp3.Indication{{Kind: mtp3.OutOfService, Reason: mtp3.TransportLost}}, nil)
		}
	}
	return o, nil
}

// takes tells whether one of those who are behind an owner is up.
func (o *offline) takes(p ownerPlan, down []string) bool {
	for _, m := range p.Members {
		if slices.Contains(down, m) {
			continue
		}
		if g := o.cfg.Gateway(m); p.Kind == ownerGateway {
			if g.Blocked != On {
				return true
			}
		} else if o.cfg.ASOf(m).Blocked != On {
			return true
		}
	}
	return false
}

// known tells whether a name is one that can be down.
func (o *offline) known(name string) error {
	if _, ok := o.links[name]; ok || o.cfg.Linkset(name) != nil || o.cfg.ASOf(name) != nil || o.cfg.Gateway(name) != nil {
		return nil
	}
	return fmt.Errorf("stp: there is no link, linkset, AS or gateway %q", name)
}

// idleLink is a level 2 that does what it is told and sends nothing.
type idleLink struct{}

func (idleLink) Start(_ time.Time, out []mtp3.Indication) []mtp3.Indication          { return out }
func (idleLink) Stop(_ time.Time, out []mtp3.Indication) []mtp3.Indication           { return out }
func (idleLink) SetEmergency(_ time.Time, out []mtp3.Indication) []mtp3.Indication   { return out }
func (idleLink) ClearEmergency(_ time.Time, out []mtp3.Indication) []mtp3.Indication { return out }
func (idleLink) LocalProcessorOutage(_ time.Time, out []mtp3.Indication) []mtp3.Indication {
	return out
}
func (idleLink) LocalProcessorRecovered(_ time.Time, out []mtp3.Indication) []mtp3.Indication {
	return out
}
func (idleLink) Send(_ time.Time, _ uint8, _ []byte, out []mtp3.Indication) []mtp3.Indication {
	return out
}
func (idleLink) RetrieveBSNT(_ time.Time, out []mtp3.Indication) []mtp3.Indication {
	return append(out, mtp3.Indication{Kind: mtp3.BSNTNotRetrievable})
}
func (idleLink) Retrieve(_ time.Time, _ uint32, out []mtp3.Indication) []mtp3.Indication {
	return append(out, mtp3.Indication{Kind: mtp3.RetrievalComplete})
}
func (idleLink) RetrieveUnsent(_ time.Time, out []mtp3.Indication) []mtp3.Indication {
	return append(out, mtp3.Indication{Kind: mtp3.RetrievalComplete})
}
func (idleLink) FlushBuffers(_ time.Time, out []mtp3.Indication) []mtp3.Indication { return out }
func (idleLink) Continue(_ time.Time, out []mtp3.Indication) []mtp3.Indication     { return out }
func (idleLink) SequenceBits() int                                                 { return 24 }
func (idleLink) Deadline() time.Time                                               { return time.Time{} }
func (idleLink) Expire(_ time.Time, out []mtp3.Indication) []mtp3.Indication       { return out }
