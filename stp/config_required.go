package stp

import (
	"errors"
	"fmt"

	"github.com/gotelco/telco/mtp3/sccp"
)

// required notes what has to be there so that the rest can be talked about.
func (c *Config) required(d *decoder) {
	if c.Node.PointCode == 0 {
		d.fail(c.Node.Pos, "node.point-code", "is missing: what is this node called in the network?")
	}
	for i := range c.Listen {
		l := &c.Listen[i]
		n := 0
		for _, a := range []int{len(l.M3UA.IPs), len(l.M3UATCP.IPs), len(l.M2PA.IPs)} {
			n += min(a, 1)
		}
		if n != 1 {
			d.fail(l.Pos, fmt.Sprintf("listen[%d]", i), "wants one of m3ua, m3ua-tcp and m2pa")
		}
	}
	for i := range c.Linksets {
		ls := &c.Linksets[i]
		path := fmt.Sprintf("linkset[%d]", i)
		if ls.Adjacent == 0 {
			d.fail(ls.Pos, path+".adjacent", "is missing: which point is at the other end?")
		}
		if ls.Rotate > 7 {
			d.fail(ls.Pos, path+".rotate", "want 0 to 7 bits, not %d", ls.Rotate)
		}
		d.levels(&ls.M2PA, path+".m2pa")
		for j := range ls.Links {
			k := &ls.Links[j]
			path := fmt.Sprintf("%s.links[%d]", path, j)
			if k.SLC > 15 {
				d.fail(k.Pos, path+".slc", "want 0 to 15, not %d", k.SLC)
			}
			if (len(k.M2PA.Connect.IPs) > 0) == (len(k.M2PA.Accept.IPs) > 0) {
				d.fail(k.Pos, path+".m2pa", "wants either connect (this side sets up the association) or accept (the peer does)")
			}
			d.levels(&k.M2PA.Config, path+".m2pa")
		}
	}
	d.levels(&c.M2PA, "m2pa")
	for i := range c.AS {
		s := &c.AS[i]
		path := fmt.Sprintf("as[%d]", i)
		if s.Name == "" {
			d.fail(s.Pos, path+".name", "is missing")
		}
		for j := range s.ASPs {
			d.asp(&s.ASPs[j], fmt.Sprintf("%s.asps[%d]", path, j))
		}
		for j := range s.Keys {
			d.key(&s.Keys[j], fmt.Sprintf("%s.keys[%d]", path, j))
		}
	}
	for i := range c.ASPs {
		d.asp(&c.ASPs[i], fmt.Sprintf("asp[%d]", i))
	}
	for i := range c.Gateways {
		g := &c.Gateways[i]
		path := fmt.Sprintf("gateway[%d]", i)
		if g.Name == "" {
			d.fail(g.Pos, path+".name", "is missing")
		}
		if (len(g.Connect) > 0) == (len(g.Accept.IPs) > 0) {
			d.fail(g.Pos, path, "wants either connect or accept")
		}
		if len(g.Accept.IPs) > 0 && g.Role == 0 {
			d.fail(g.Pos, path+".accept", "a signalling gateway is dialled: accept is for role ipsp-single or ipsp-double")
		}
		for j := range g.Register {
			d.key(&g.Register[j], fmt.Sprintf("%s.register[%d]", path, j))
		}
	}
	for i := range c.Routes {
		if r := &c.Routes[i]; len(r.Via) == 0 {
			d.fail(r.Pos, fmt.Sprintf("route[%d].via", i), "is missing: which linkset, AS or gateway is the way?")
		}
	}
	for i := range c.Screening {
		if s := &c.Screening[i]; s.Name == "" {
			d.fail(s.Pos, fmt.Sprintf("screening[%d].name", i), "is missing")
		}
	}
	d.gtt(c)
	switch c.SCTP.Carrier {
	case "", "auto", "kernel", "udp":
	default:
		d.fail(c.SCTP.Pos, "sctp.carrier", "want auto, kernel or udp, not %q", c.SCTP.Carrier)
	}
}

func (d *decoder) asp(a *ASPConfig, path string) {
	if a.Name == "" {
		d.fail(a.Pos, path+".name", "is missing")
	}
	if len(a.Peer.IPs) > 0 && len(a.Connect.IPs) > 0 {
		d.fail(a.Pos, path, "wants either peer (it dials) or connect (this node dials it)")
	}
}

func (d *decoder) key(k *KeyConfig, path string) {
	if k.DPC == 0 {
		d.fail(k.Pos, path+".dpc", "is missing")
	}
	for _, si := range k.SIs {
		if si < 3 {
			d.fail(k.Pos, path+".si", "%v is no user part: want sccp, isup, … or 3 to 15", si)
		}
	}
}

func (d *decoder) levels(m *M2PAConfig, path string) {
	for _, l := range []struct {
		key  string
		list []int
	}{{"congestion-onset", m.CongestionOnset}, {"congestion-abatement", m.CongestionAbatement}, {"congestion-discard", m.CongestionDiscard}} {
		if len(l.list) > 3 {
			d.fail(m.Pos, path+"."+l.key, "there are three levels, not %d", len(l.list))
		}
	}
}

func (d *decoder) gtt(c *Config) {
	for i := range c.GTT {
		g := &c.GTT[i]
		for j := range g.To {
			if h := &g.To[j]; h.PC == 0 {
				d.fail(h.Pos, fmt.Sprintf("gtt[%d].to[%d].pc", i, j), "is missing")
			}
		}
	}
	if len(d.errs) == 0 {
		d.rules(c)
	}
	if c.SCCP.HopCounter > 15 {
		d.fail(c.SCCP.Pos, "sccp.hop-counter", "want 1 to 15, not %d", c.SCCP.HopCounter)
	}
}

// rules notes what package sccp has against the lines of translation.
func (d *decoder) rules(c *Config) {
	_, err := sccp.NewTable(c.Node.Format, c.rules())
	if err == nil {
		return
	}
	all := []error{err}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		all = j.Unwrap()
	}
	for _, err := range all {
		var r *sccp.RuleError
		if errors.As(err, &r) && r.Index < len(c.GTT) {
			d.fail(c.GTT[r.Index].Pos, fmt.Sprintf("gtt[%d]: %s", r.Index, r.Field), "%v", r.Err)
		} else {
			d.fail(Pos{}, "gtt", "%v", err)
		}
	}
}

// name gives those linksets a name that have none.
func (c *Config) name() {
	for i := range c.Linksets {
		if ls := &c.Linksets[i]; ls.Name == "" {
			ls.Name = c.Node.Format.PointCodeString(ls.Adjacent)
		}
	}
}
