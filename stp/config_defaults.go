package stp

import (
	"slices"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/sctp"
)

// PortM3UA is the port of M3UA (RFC 4666 section 7.1); that of M2PA is [m2pa.Port].
const PortM3UA = 2905

// WithDefaults is a copy of c with every default filled in, but for those that items take from one another:
// what a link does not say of M2PA, its linkset does, or the "m2pa" of the file.
func (c *Config) WithDefaults() *Config {
	d := *c
	n := &d.Node
	n.Name = c.Name()
	for _, s := range []struct {
		at *Switch
		on bool
	}{{&n.Transfer, true}, {&n.TransferRestricted, false}, {&n.Restart, true}, {&n.LinkTest, true}, {&d.M3UA.Strict, false}, {&d.M3UA.AnyASP, false},
		{&d.M3UA.Registration.Enabled, true}, {&d.M3UA.Registration.Dynamic, false}, {&d.M3UA.Registration.Change, false},
		{&d.SCCP.Return, true}, {&d.SCCP.Extended, false}, {&d.Capture.PerLink, true}, {&d.Capture.Continuous, false}} {
		fillSwitch(s.at, s.on)
	}
	fill(&n.MaxHeld, 65536)
	fill(&n.MaxExceptions, 4096)
	fill(&n.MaxBroadcast, 64)
	n.Timers = n.Timers.Defaults()
	d.defaultListen()
	d.defaultSCTP()
	d.defaultM2PA()
	d.defaultM3UA()
	d.Linksets = slices.Clone(c.Linksets)
	for i := range d.Linksets {
		d.defaultLinkset(&d.Linksets[i])
	}
	d.Routes = slices.Clone(c.Routes)
	for i := range d.Routes {
		fill(&d.Routes[i].Priority, defaultPriority)
	}
	fill(&d.SCCP.HopCounter, 15)
	fill(&d.Management.Listen, "127.0.0.1:8080")
	fill(&d.Capture.Ring, 30*time.Second)
	fill(&d.Capture.RingOctets, 16<<20)
	fill(&d.Capture.MaxFiles, 100)
	return &d
}

func fill[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

func fillSwitch(p *Switch, on bool) { fill(p, switchOf(on)) }

func switchOf(on bool) Switch {
	if on {
		return On
	}
	return Off
}

func fillPort(a *sctp.Addr, port uint16) {
	if len(a.IPs) > 0 {
		fill(&a.Port, port)
	}
}

func (c *Config) defaultListen() {
	c.Listen = slices.Clone(c.Listen)
	for i := range c.Listen {
		l := &c.Listen[i]
		fillPort(&l.M3UA, PortM3UA)
		fillPort(&l.M3UATCP, PortM3UA)
		fillPort(&l.M2PA, m2pa.Port)
	}
}

func (c *Config) defaultSCTP() {
	s := &c.SCTP
	fill(&s.Carrier, "auto")
	fill(&s.UDP, 9899)
	d := c.sctpConfig().Defaults()
	s.RTOInitial, s.RTOMin, s.RTOMax, s.Heartbeat = d.RTOInitial, d.RTOMin, d.RTOMax, d.Heartbeat
	s.PathMaxRetrans, s.AssocMaxRetrans, s.MaxInitRetrans, s.SACKDelay = d.PathMaxRetrans, d.AssocMaxRetrans, d.MaxInitRetrans, d.SACKDelay
	s.SendBuffer, s.ReceiveBuffer, s.MaxStreams = d.SendBuffer, d.ReceiveBuffer, d.OutStreams
}

func (c *Config) defaultM2PA() {
	m := &c.M2PA
	d := c.m2paConfig(&LinksetConfig{}, &LinkConfig{}).Defaults()
	m.T1, m.T2, m.T3, m.T4n, m.T4e, m.T6, m.T7 = d.T1, d.T2, d.T3, d.T4n, d.T4e, d.T6, d.T7
	m.ProvingInterval, m.RepeatInterval = d.ProvingInterval, d.RepeatInterval
	fill(&m.ProvingFiller, d.ProvingFiller)
	m.TransmitBuffer, m.TransmitMessages, m.Window, m.ReceiveBuffer = d.TransmitBuffer, d.TransmitMessages, d.Window, d.ReceiveBuffer
}

func (c *Config) defaultM3UA() {
	m := &c.M3UA
	d := c.sgConfig().Defaults()
	m.TRecovery, m.PendingMessages, m.PendingOctets, m.SendMessages, m.SendOctets = d.TRecovery, d.PendingMessages, d.PendingOctets, d.SendMessages, d.SendOctets
	m.Registration.MaxKeys, m.Registration.FirstContext = d.Registration.MaxKeys, d.Registration.FirstContext
	asp := func(a *ASPConfig) {
		fillPort(&a.Connect, PortM3UA)
		for _, s := range []*Switch{&a.TCP, &a.RequireID, &a.RequireContext, &a.Blocked} {
			fillSwitch(s, false)
		}
		fillSwitch(&a.Registration, true)
		if len(a.Connect.IPs) > 0 {
			fill(&a.MaxBackoff, 30*time.Second)
		}
	}
	c.ASPs = slices.Clone(c.ASPs)
	for i := range c.ASPs {
		asp(&c.ASPs[i])
	}
	c.AS = slices.Clone(c.AS)
	for i := range c.AS {
		s := &c.AS[i]
		fill(&s.MinASPs, 1)
		fillSwitch(&s.Blocked, false)
		s.ASPs = slices.Clone(s.ASPs)
		for j := range s.ASPs {
			if !s.ASPs[j].reference() {
				asp(&s.ASPs[j])
			}
		}
	}
	c.Gateways = slices.Clone(c.Gateways)
	for i := range c.Gateways {
		g := &c.Gateways[i]
		g.Connect = slices.Clone(g.Connect)
		for j := range g.Connect {
			fillPort(&g.Connect[j], PortM3UA)
		}
		for _, s := range []*Switch{&g.TCP, &g.Passive, &g.Standby, &g.Blocked} {
			fillSwitch(s, false)
		}
		var d m3ua.ClientConfig = g.clientConfig().Defaults()
		g.TAck, g.TRefused, g.TAudit, g.SendMessages, g.SendOctets = d.TAck, d.TRefused, d.TAudit, d.SendMessages, d.SendOctets
		fill(&g.MaxBackoff, 30*time.Second)
	}
}

func (c *Config) defaultLinkset(ls *LinksetConfig) {
	fill(&ls.Local, c.Node.PointCode)
	fillSwitch(&ls.Start, true)
	ls.Links = slices.Clone(ls.Links)
	for i := range ls.Links {
		k := &ls.Links[i]
		k.Name = ls.LinkName(k)
		fill(&k.Start, ls.Start)
		p := c.m2paPath(k)
		k.M2PA.Local = p.Local
		k.M2PA.Local.UDP = 0
		fillPort(&k.M2PA.Connect, m2pa.Port)
		fill(&k.M2PA.RetryMin, 500*time.Millisecond)
		fill(&k.M2PA.RetryMax, 15*time.Second)
	}
}
