package stp

import (
	"net/netip"
	"slices"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// mtp3Config is level 3 as the file has it, without what it runs on.
func (c *Config) mtp3Config() mtp3.Config {
	n := &c.Node
	return mtp3.Config{
		Name: c.Name(), PointCode: n.PointCode, Aliases: slices.Clone(n.Aliases), Format: n.Format, NI: n.NI,
		Transfer: n.Transfer.Or(true), Timers: n.Timers, NoRestart: !n.Restart.Or(true), NoLinkTest: !n.LinkTest.Or(true),
		TransferRestricted: n.TransferRestricted.Or(false), Congestion: n.Congestion,
		MaxHeld: n.MaxHeld, MaxExceptions: n.MaxExceptions, MaxBroadcast: n.MaxBroadcast,
	}
}

// sctpConfig is what associations of M3UA are set up with. Those of links have two streams.
func (c *Config) sctpConfig() sctp.Config {
	s := &c.SCTP
	return sctp.Config{
		OutStreams: s.MaxStreams, MaxInStreams: s.MaxStreams, RTOInitial: s.RTOInitial, RTOMin: s.RTOMin, RTOMax: s.RTOMax, Heartbeat: s.Heartbeat,
		PathMaxRetrans: s.PathMaxRetrans, AssocMaxRetrans: s.AssocMaxRetrans, MaxInitRetrans: s.MaxInitRetrans, SACKDelay: s.SACKDelay,
		SendBuffer: s.SendBuffer, ReceiveBuffer: s.ReceiveBuffer,
	}
}

// sgConfig is the signalling gateway as the file has it, without ASs and ASPs.
func (c *Config) sgConfig() m3ua.SGConfig {
	m := &c.M3UA
	return m3ua.SGConfig{
		TRecovery: m.TRecovery, PendingMessages: m.PendingMessages, PendingOctets: m.PendingOctets, TBeat: m.TBeat,
		SendMessages: m.SendMessages, SendOctets: m.SendOctets, CongestionLevels: c.Node.Congestion != mtp3.CongestionInternational,
		NetworkAppearances: slices.Clone(m.NetworkAppearances), Format: c.Node.Format, PointCodes: append([]mtp3.PointCode{c.Node.PointCode}, c.Node.Aliases...),
		Strict: m.Strict == On,
		Registration: m3ua.RegistrationConfig{
			Disabled: m.Registration.Enabled == Off, Dynamic: m.Registration.Dynamic == On, Change: m.Registration.Change == On,
			MaxKeys: m.Registration.MaxKeys, FirstContext: m.Registration.FirstContext,
		},
	}
}

// asConfig is an Application Server as package m3ua has it.
func (s *ASConfig) asConfig() m3ua.ASConfig {
	a := m3ua.ASConfig{Name: s.Name, RoutingContext: s.RoutingContext, Key: s.RoutingKey(), TrafficMode: s.Mode, MinASPs: s.MinASPs, Blocked: s.Blocked == On}
	for _, p := range s.ASPs {
		a.ASPs = append(a.ASPs, p.Name)
	}
	return a
}

// aspConfig is an Application Server Process as package m3ua has it, without Dial.
func (a *ASPConfig) aspConfig() m3ua.ASPConfig {
	p := m3ua.ASPConfig{
		Name: a.Name, MaxBackoff: a.MaxBackoff, Identifier: a.ID, RequireIdentifier: a.RequireID == On, RequireContext: a.RequireContext == On,
		RefuseRegistration: a.Registration == Off, Blocked: a.Blocked == On,
	}
	for _, ip := range a.Peer.IPs {
		p.Remote = append(p.Remote, netip.AddrPortFrom(ip, a.Peer.Port))
	}
	return p
}

// clientConfig is this node as an ASP of a gateway, without Dial.
func (g *GatewayConfig) clientConfig() m3ua.ClientConfig {
	c := m3ua.ClientConfig{
		Name: g.Name, MaxBackoff: g.MaxBackoff, RoutingContexts: slices.Clone(g.RoutingContexts), TrafficMode: g.Mode, Identifier: g.ID,
		NetworkAppearance: g.NetworkAppearance, Standby: g.Standby == On, Exchange: g.Role, Passive: g.Passive == On, PeerContexts: slices.Clone(g.PeerContexts),
		TAck: g.TAck, TRefused: g.TRefused, TBeat: g.TBeat, TAudit: g.TAudit, SendMessages: g.SendMessages, SendOctets: g.SendOctets,
	}
	for _, k := range g.Register {
		c.Keys = append(c.Keys, m3ua.RoutingKeyRequest{TrafficMode: g.Mode, Key: m3ua.RoutingKey{
			NetworkAppearance: g.NetworkAppearance, Groups: []m3ua.KeyGroup{{DPC: k.DPC, SIs: k.SIs, OPCs: k.OPCs}}}})
	}
	return c
}

// linksetConfig is a linkset as level 3 has it.
func (c *Config) linksetConfig(ls *LinksetConfig) mtp3.LinksetConfig {
	return mtp3.LinksetConfig{Name: ls.Name, Adjacent: ls.Adjacent, Local: ls.Local, Screen: c.screen(ls.Screen), Rotate: ls.Rotate}
}

// screen is what a name of a screen means; no name lets in everything.
func (c *Config) screen(name string) mtp3.Screen {
	s := c.Screen(name)
	if s == nil {
		return mtp3.Screen{}
	}
	screen := mtp3.Screen{Deny: s.Default == Deny}
	for _, r := range s.Rules {
		screen.Rules = append(screen.Rules, mtp3.Rule{OPC: r.OPC, DPC: r.DPC, SI: r.SI, Deny: r.Action == Deny})
	}
	return screen
}

// m2paConfig is level 2 of a link.
func (c *Config) m2paConfig(ls *LinksetConfig, k *LinkConfig) m2pa.Config {
	m := c.M2PA.with(&ls.M2PA).with(&k.M2PA.Config)
	cfg := m2pa.Config{
		Name: ls.LinkName(k), T1: m.T1, T2: m.T2, T3: m.T3, T4n: m.T4n, T4e: m.T4e, T6: m.T6, T7: m.T7,
		ProvingInterval: m.ProvingInterval, ProvingFiller: m.ProvingFiller, RepeatInterval: m.RepeatInterval,
		TransmitBuffer: m.TransmitBuffer, TransmitMessages: m.TransmitMessages, Window: m.Window, ReceiveBuffer: m.ReceiveBuffer,
	}
	copy(cfg.CongestionOnset[:], m.CongestionOnset)
	copy(cfg.CongestionAbatement[:], m.CongestionAbatement)
	copy(cfg.CongestionDiscard[:], m.CongestionDiscard)
	return cfg
}

// m2paPath is how a link gets its association, without the network.
func (c *Config) m2paPath(k *LinkConfig) m2pa.Path {
	m := &k.M2PA
	p := m2pa.Path{Local: m.Local, Remote: m.Connect, SCTP: c.sctpConfig(), RetryMin: m.RetryMin, RetryMax: m.RetryMax}
	p.SCTP.OutStreams, p.SCTP.MaxInStreams = 0, 0
	if len(m.Accept.IPs) > 0 {
		p.Remote, p.Server, p.AnyPort = m.Accept, true, m.Accept.Port == 0
		if len(p.Local.IPs) == 0 {
			p.Local = c.listenM2PA(p.Local.Port)
		}
		if p.Local.Port == 0 {
			p.Local.Port = m2pa.Port
		}
	} else if p.Remote.Port == 0 {
		p.Remote.Port = m2pa.Port
	}
	p.Local.UDP, p.Remote.UDP = c.SCTP.UDP, c.SCTP.UDP
	if m.Connect.UDP != 0 {
		p.Remote.UDP = m.Connect.UDP
	}
	return p
}

// listenM2PA is the address that links accept on which say none themselves.
func (c *Config) listenM2PA(port uint16) sctp.Addr {
	for _, l := range c.Listen {
		if len(l.M2PA.IPs) > 0 {
			a := l.M2PA
			if port != 0 {
				a.Port = port
			}
			return a
		}
	}
	return sctp.Addr{Port: port}
}

// starts tells whether a link is activated without being told to.
func (ls *LinksetConfig) starts(k *LinkConfig) bool { return k.Start.Or(ls.Start.Or(true)) }

// ownerKind tells apart what owns destinations.
type ownerKind uint8

const (
	ownerAS      ownerKind = iota // an Application Server
	ownerPoint                    // a point code that several Application Servers share by service indicator or origin
	ownerGateway                  // a gateway that this node is an ASP of
)

// ownerPlan is an owner of destinations, in mtp3's sense, that a configuration wants.
type ownerPlan struct {
	Kind    ownerKind
	Name    string // "as A", "point 1.2.3", "gateway X"
	Item    string // name of the AS or gateway; of ownerPoint empty
	Members []string
	Points  []mtp3.PointCode // to which there is a way without a route
	Screen  mtp3.Screen
}

// owners are the owners of destinations, in the order of the file: those of ASs, then of shared points, then of gateways.
func (c *Config) owners() []ownerPlan {
	having := map[mtp3.PointCode][]string{}
	var order []mtp3.PointCode
	for i := range c.AS {
		for _, k := range c.AS[i].KeyGroups() {
			names := having[k.DPC]
			if len(names) == 0 {
				order = append(order, k.DPC)
			}
			if !slices.Contains(names, c.AS[i].Name) {
				having[k.DPC] = append(names, c.AS[i].Name)
			}
		}
	}
	var all []ownerPlan
	for i := range c.AS {
		s := &c.AS[i]
		o := ownerPlan{Kind: ownerAS, Name: "as " + s.Name, Item: s.Name, Members: []string{s.Name}, Screen: c.screen(s.Screen)}
		for _, k := range s.KeyGroups() {
			if len(having[k.DPC]) == 1 && !slices.Contains(o.Points, k.DPC) && !c.isLocal(k.DPC) {
				o.Points = append(o.Points, k.DPC)
			}
		}
		all = append(all, o)
	}
	for _, pc := range order {
		if names := having[pc]; len(names) > 1 && !c.isLocal(pc) {
			all = append(all, ownerPlan{Kind: ownerPoint, Name: "point " + c.Node.Format.PointCodeString(pc), Members: names, Points: []mtp3.PointCode{pc}})
		}
	}
	for i := range c.Gateways {
		g := &c.Gateways[i]
		all = append(all, ownerPlan{Kind: ownerGateway, Name: "gateway " + g.Name, Item: g.Name, Members: []string{g.Name}, Points: g.PointCodes, Screen: c.screen(g.Screen)})
	}
	return all
}

func (c *Config) isLocal(pc mtp3.PointCode) bool {
	return pc == c.Node.PointCode || slices.Contains(c.Node.Aliases, pc)
}

// defaultPriority is that of a route which says none.
const defaultPriority = 5

// routePlan is one way of level 3 that a configuration wants.
type routePlan struct {
	To       mtp3.Destination
	Linkset  string // one of both is set: the name of a linkset,
	Owner    string // or that of an ownerPlan
	Priority uint8
	Pos      Pos  // of the route, or of the item that makes it
	Implicit bool // made by an AS or gateway
}

// routes are the ways of level 3, but for those to the adjacent points of linksets, which level 3 makes itself.
func (c *Config) routes() []routePlan {
	var all []routePlan
	type way struct {
		to             mtp3.Destination
		linkset, owner string
	}
	seen := map[way]bool{}
	add := func(p routePlan) {
		if w := (way{p.To, p.Linkset, p.Owner}); !seen[w] { // Check tells of the others
			seen[w] = true
			all = append(all, p)
		}
	}
	for _, o := range c.owners() {
		for _, pc := range o.Points {
			add(routePlan{To: mtp3.Destination{PC: pc}, Owner: o.Name, Pos: c.posOf(o), Implicit: true})
		}
	}
	for _, r := range c.Routes {
		p := r.Priority
		if p == 0 {
			p = defaultPriority
		}
		for _, via := range r.Via {
			plan := routePlan{To: r.To, Priority: p, Pos: r.Pos}
			switch {
			case c.Linkset(via) != nil:
				plan.Linkset = via
			case c.ASOf(via) != nil:
				plan.Owner = "as " + via
			case c.Gateway(via) != nil:
				plan.Owner = "gateway " + via
			default:
				continue // Check says so
			}
			add(plan)
		}
	}
	return all
}

func (c *Config) posOf(o ownerPlan) Pos {
	switch o.Kind {
	case ownerGateway:
		return c.Gateway(o.Item).Pos
	case ownerAS:
		return c.ASOf(o.Item).Pos
	}
	return c.ASOf(o.Members[0]).Pos
}

// with is m with what o says in its place.
func (m M2PAConfig) with(o *M2PAConfig) M2PAConfig {
	overlay(&m, o)
	return m
}
