package stp

import (
	"math/bits"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

func typeOf(v any) reflect.Type { return reflect.TypeOf(v) }

// osmoSI are the service indicators that osmo-stp has names for.
var osmoSI = map[string]mtp3.ServiceIndicator{"sccp": mtp3.SCCP, "tup": mtp3.TUP, "isup": mtp3.ISUP, "b-isup": mtp3.BroadbandISUP,
	"sat-isup": mtp3.SatelliteISUP, "aal2": 12, "bicc": 13, "h248": 14}

func (im *osmoImport) server() bool {
	if _, ok := im.carrier("as "+im.words[1], im.words[2], nil); !ok {
		return true
	}
	s := &osmoAS{pos: im.pos()}
	s.Name, s.Pos = im.words[1], im.pos()
	for _, o := range im.as {
		if o.Name == s.Name {
			im.note(FindingError, "as %s is in line %d already", s.Name, o.pos.Line)
			return im.skip()
		}
	}
	im.as = append(im.as, s)
	return im.open(func() bool { return im.ofServer(s) })
}

func (im *osmoImport) ofServer(s *osmoAS) bool {
	switch {
	case im.is("asp", "*"):
		s.names = append(s.names, im.words[1])
	case im.is("traffic-mode", "override"):
		s.Mode = m3ua.Override
	case im.is("traffic-mode", "broadcast"):
		s.Mode = m3ua.Broadcast
	case im.begins("traffic-mode", "loadshare"):
		s.Mode = m3ua.Loadshare
		if len(im.words) > 2 {
			im.note(FindingNote, "loadshare is by SLS alone here, which keeps the order of what belongs together: %q is left out", strings.Join(im.words[2:], " "))
		}
	case im.is("traffic-mode", "roundrobin"):
		s.Mode = m3ua.Loadshare
		im.note(FindingNote, "roundrobin becomes loadshare by SLS: message by message the order would be lost")
	case im.is("recovery-timeout", "*"):
		ms, err := strconv.Atoi(im.words[1])
		if err != nil {
			return false
		}
		d := time.Duration(ms) * time.Millisecond
		if t := &im.c.M3UA.TRecovery; *t != 0 && *t != d {
			im.note(FindingWarning, "recovery-timeout is one for all AS here: %v stays, not %v", *t, d)
		} else {
			*t = d
		}
	case im.begins("routing-key", "*", "*"):
		return im.key(s)
	case im.is("point-code", "override", "dpc", "*"):
		im.note(FindingWarning, "point-code override: messages are not changed on their way here")
	case im.begins("point-code", "override", "patch-sccp"):
		im.note(FindingWarning, "point-code override patch-sccp: messages are not changed on their way here")
	case im.is("minimum-asp", "*"), im.is("min-asps", "*"):
		n, err := strconv.Atoi(im.words[1])
		if err != nil {
			return false
		}
		s.MinASPs = n
	default:
		return false
	}
	return true
}

// key is "routing-key RCONTEXT DPC [si SI] [ssn SSN]".
func (im *osmoImport) key(s *osmoAS) bool {
	rc, err := strconv.ParseUint(im.words[1], 10, 32)
	k := KeyConfig{Pos: im.pos()}
	if err != nil || !im.pointCode(im.words[2], &k.DPC) {
		return err == nil
	}
	if rc == 0 {
		im.note(FindingWarning, "routing context 0 means none here: messages for as %s will carry no routing context", s.Name)
	}
	for rest := im.words[3:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) < 2 {
			return false
		}
		switch si, ok := osmoSI[rest[1]]; {
		case rest[0] == "si" && ok:
			k.SIs = append(k.SIs, si)
		case rest[0] == "ssn":
			im.note(FindingWarning, "routing by subsystem number has no counterpart in RFC 4666: as %s takes every subsystem of %s", s.Name, im.words[2])
			if len(k.SIs) == 0 {
				k.SIs = append(k.SIs, mtp3.SCCP)
			}
		default:
			return false
		}
	}
	s.RoutingContext, s.keys = uint32(rc), true
	if len(k.SIs) == 0 && s.PointCode == 0 {
		s.PointCode = k.DPC
	} else {
		s.Keys = append(s.Keys, k)
	}
	return true
}

func (im *osmoImport) routeTable() bool {
	if !im.begins("update", "route", "*", "*", "linkset", "*") {
		return false
	}
	r := osmoRoute{via: im.words[5]}
	r.Pos = im.pos()
	var pc mtp3.PointCode
	if !im.pointCode(im.words[2], &pc) {
		return true
	}
	r.To = im.mask(pc, im.words[3])
	for rest := im.words[6:]; len(rest) >= 2; rest = rest[2:] {
		switch rest[0] {
		case "priority":
			n, err := strconv.ParseUint(rest[1], 10, 8)
			if err != nil {
				return false
			}
			r.Priority = uint8(n)
			if n == 0 {
				r.Priority = 1
				im.note(FindingNote, "priority 0 becomes 1: 0 is that of direct ways")
			}
		case "qos-class":
			im.note(FindingNote, "qos-class has no counterpart")
		default:
			return false
		}
	}
	im.routes = append(im.routes, r)
	return true
}

// mask is a point code with a mask in its parts, such as 7.255.7, or with a length, such as /11.
func (im *osmoImport) mask(pc mtp3.PointCode, s string) mtp3.Destination {
	f := im.c.Node.Format
	if n, ok := strings.CutPrefix(s, "/"); ok {
		d, err := f.ParseDestination(f.PointCodeString(pc) + "/" + n)
		if err != nil {
			im.note(FindingError, "%v", err)
		}
		return d
	}
	m, err := f.ParsePointCode(s)
	if err != nil {
		im.note(FindingError, "mask: %v", err)
		return mtp3.Destination{PC: pc}
	}
	wild := bits.TrailingZeros32(uint32(m) | 1<<f.PointCodeBits())
	if m>>wild != f.MaxPointCode()>>wild {
		im.note(FindingWarning, "mask %s: the bits that count do not lead, so that it means points that are no range; taken for %s alone", s, f.PointCodeString(pc))
		return mtp3.Destination{PC: pc}
	}
	if pc != pc&m {
		im.note(FindingNote, "%s has bits that mask %s leaves out", f.PointCodeString(pc), s)
	}
	return mtp3.Destination{PC: pc, Wild: uint8(wild)}.Canonical()
}

// finish puts together what belongs together.
func (im *osmoImport) finish() {
	c := im.c
	if !im.done {
		im.find(FindingError, Pos{}, `there is no "cs7 instance"`)
		return
	}
	if c.Node.PointCode == 0 {
		im.find(FindingError, im.at, "there is no point-code: osmo-stp can do without, a node here cannot; set node.point-code to one that is free")
	}
	for i := range c.Listen {
		for _, a := range []*sctp.Addr{&c.Listen[i].M3UA, &c.Listen[i].M3UATCP} {
			if a.Port != 0 && len(a.IPs) == 0 {
				a.IPs = []netip.Addr{netip.IPv4Unspecified()}
			}
		}
	}
	for _, s := range im.as {
		im.place(s)
	}
	for _, a := range im.order {
		if !a.used {
			im.find(FindingWarning, a.Pos, "asp %s is in no as: left out", a.Name)
		}
	}
	for _, r := range im.routes {
		im.route(r)
	}
}

// place makes an AS, or a gateway if this node is the ASP.
func (im *osmoImport) place(s *osmoAS) {
	c := im.c
	var members []*osmoASP
	client := 0
	for _, name := range s.names {
		a := im.asps[name]
		if a == nil {
			im.find(FindingError, s.pos, "as %s names asp %s, which is nowhere", s.Name, name)
			continue
		}
		if a.role != "sg" {
			client++
		}
		members = append(members, a)
	}
	if client > 0 && client < len(members) {
		im.find(FindingError, s.pos, "as %s has ASPs in different roles: this node cannot be gateway and ASP of one AS", s.Name)
		return
	}
	if client > 0 {
		im.gateway(s, members)
		return
	}
	for _, a := range members {
		if a.used { // described in another AS
			s.ASPs = append(s.ASPs, ASPConfig{Pos: a.Pos, Name: a.Name})
			continue
		}
		a.used = true
		x := a.ASPConfig
		switch {
		case len(a.remote) == 0:
			im.find(FindingError, a.Pos, "asp %s has no remote-ip: nobody can be told to be it", a.Name)
		case a.dials:
			x.Connect = sctp.Addr{IPs: a.remote, Port: a.remotePort}
			x.Local = sctp.Addr{IPs: a.local, Port: a.localPort}
			if len(a.local) == 0 {
				x.Local = sctp.Addr{}
			}
		default:
			x.Peer, x.TCP = sctp.Addr{IPs: a.remote, Port: a.remotePort}, Default
		}
		s.ASPs = append(s.ASPs, x)
	}
	if !s.keys {
		im.find(FindingWarning, s.pos, "as %s has no routing-key", s.Name)
	}
	c.AS = append(c.AS, s.ASConfig)
}

func (im *osmoImport) gateway(s *osmoAS, members []*osmoASP) {
	g := GatewayConfig{Pos: s.pos, Name: s.Name, Mode: s.Mode}
	if s.RoutingContext != 0 {
		g.RoutingContexts = []uint32{s.RoutingContext}
	}
	for _, a := range members {
		a.used = true
		to := sctp.Addr{IPs: a.remote, Port: a.remotePort}
		if len(a.remote) == 0 {
			im.find(FindingError, a.Pos, "asp %s has no remote-ip", a.Name)
			continue
		}
		if a.role == "ipsp" {
			g.Role = m3ua.SingleExchange
			im.find(FindingNote, a.Pos, "role ipsp becomes ipsp-single: ask whether the peer wants one exchange or two (ipsp-double)")
		}
		if a.dials || a.role == "asp" {
			g.Connect = append(g.Connect, to)
		} else {
			g.Accept = to
		}
		if len(a.local) > 0 && len(g.Local.IPs) == 0 {
			g.Local = sctp.Addr{IPs: a.local, Port: a.localPort}
			if len(members) > 1 {
				g.Local.Port = 0
			}
		}
		if a.TCP == On {
			g.TCP = On
		}
		if a.Blocked == On {
			g.Blocked = On
		}
		g.ID = a.ID
	}
	for _, k := range s.KeyGroups() {
		if !im.c.isLocal(k.DPC) {
			im.find(FindingNote, s.pos, "as %s: messages for %s come from the gateway, and are passed on by the routes here", s.Name, im.c.Node.Format.PointCodeString(k.DPC))
		}
	}
	im.c.Gateways = append(im.c.Gateways, g)
}

func (im *osmoImport) route(r osmoRoute) {
	c, f := im.c, im.c.Node.Format
	as := c.ASOf(r.via)
	if as == nil && c.Gateway(r.via) == nil {
		im.find(FindingError, r.Pos, "route to %s: there is no as %q", f.DestinationString(r.To), r.via)
		return
	}
	if as != nil && r.To.Wild == 0 && slices.ContainsFunc(as.KeyGroups(), func(k KeyConfig) bool { return k.DPC == r.To.PC }) {
		return // it is its own
	}
	r.Via = []string{r.via}
	if i := slices.IndexFunc(c.Routes, func(o RouteConfig) bool { return o.To == r.To && slices.Contains(o.Via, r.via) }); i >= 0 {
		im.find(FindingNote, r.Pos, "route to %s via %s: the one in line %d is replaced", f.DestinationString(r.To), r.via, c.Routes[i].Pos.Line)
		c.Routes = slices.Delete(c.Routes, i, i+1)
	}
	c.Routes = append(c.Routes, r.RouteConfig)
}
