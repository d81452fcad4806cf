package ss7

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/isup"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/stp"
	"github.com/gotelco/telco/trace"
)

// NodeConfig is the part of a program's YAML file that says which signalling point it is.
type NodeConfig struct {
	Name      string          `yaml:"name"`
	PointCode string          `yaml:"point-code"`
	Format    string          `yaml:"format"`
	Network   string          `yaml:"network-indicator"`
	SCTP      string          `yaml:"sctp"`
	Gateways  []GatewayConfig `yaml:"gateways"`
}

// GatewayConfig is a transfer point.
type GatewayConfig struct {
	Name           string `yaml:"name"`
	PointCode      string `yaml:"point-code"`
	Connect        string `yaml:"connect"`
	Local          string `yaml:"local"`
	TCP            bool   `yaml:"tcp"`
	RoutingContext uint32 `yaml:"routing-context"`
}

var networks = map[string]mtp3.NetworkIndicator{"": mtp3.National, "national": mtp3.National, "national-spare": mtp3.NationalSpare,
	"international": mtp3.International, "international-spare": mtp3.InternationalSpare}

// Check notes what is wrong.
func (n *NodeConfig) Check(bad *config.Problems) {
	f, err := n.PointCodeFormat()
	if err != nil {
		bad.Add("format", "%v", err)
		return
	}
	if n.Name == "" {
		bad.Add("name", "is missing")
	}
	if _, err := f.ParsePointCode(n.PointCode); err != nil {
		bad.Add("point-code", "%v", err)
	}
	if _, ok := networks[n.Network]; !ok {
		bad.Add("network-indicator", "%q is none of national, national-spare, international and international-spare", n.Network)
	}
	switch n.SCTP {
	case "", "auto", "kernel", "udp":
	default:
		bad.Add("sctp", "%q is none of auto, kernel and udp", n.SCTP)
	}
	if len(n.Gateways) == 0 {
		bad.Add("gateways", "names none")
	}
	for i, g := range n.Gateways {
		if _, err := f.ParsePointCode(g.PointCode); err != nil {
			bad.Add(config.Path("gateways", i, "point-code"), "%v", err)
		}
		if _, err := address(g.Connect, stp.PortM3UA); err != nil {
			bad.Add(config.Path("gateways", i, "connect"), "%v", err)
		}
		if _, err := address(g.Local, 0); g.Local != "" && err != nil {
			bad.Add(config.Path("gateways", i, "local"), "%v", err)
		}
	}
}

// PointCodeFormat is how point codes are written.
func (n *NodeConfig) PointCodeFormat() (mtp3.Format, error) {
	if n.Format == "" {
		return mtp3.Format{}, nil
	}
	return stp.ParseFormat(n.Format)
}

// address reads "127.0.0.1:2905", or without a port.
func address(s string, port uint16) (sctp.Addr, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return sctp.AddrOf(netip.AddrPortFrom(ip, port)), nil
	}
	a, err := sctp.ParseAddr(s)
	if err == nil && (len(a.IPs) == 0 || a.Port == 0 && port != 0) {
		err = fmt.Errorf("%q is no address with a port", s)
	}
	return a, err
}

// Point is the configuration of the Point. Global titles are translated by the gateways. carrier, if not empty, is used instead of
// what the file says.
func (n *NodeConfig) Point(carrier string, log *slog.Logger, t trace.Func) (PointConfig, error) {
	f, err := n.PointCodeFormat()
	if err != nil {
		return PointConfig{}, err
	}
	p := PointConfig{Name: n.Name, Format: f, NI: networks[n.Network], Logger: log, Trace: t}
	if p.PointCode, err = f.ParsePointCode(n.PointCode); err != nil {
		return p, err
	}
	titles := sccp.Rule{Name: "all titles"}
	tcp := true
	for _, g := range n.Gateways {
		x := Gateway{Name: g.Name, TCP: g.TCP, RoutingContext: g.RoutingContext}
		tcp = tcp && g.TCP
		if x.Connect, err = address(g.Connect, stp.PortM3UA); err != nil {
			return p, err
		}
		if g.Local != "" {
			if x.Local, err = address(g.Local, 0); err != nil {
				return p, err
			}
		}
		pc, err := f.ParsePointCode(g.PointCode)
		if err != nil {
			return p, err
		}
		titles.To = append(titles.To, sccp.Entity{Name: g.Name, PC: pc, RouteOnGT: true})
		p.Gateways = append(p.Gateways, x)
	}
	p.Rules = []sccp.Rule{titles}
	if carrier == "" {
		carrier = n.SCTP
	}
	if !tcp {
		p.Network, err = Network(carrier, log)
	}
	return p, err
}

// Names are the ends of the associations by name, for a ladder.
func (p PointConfig) Names() map[netip.AddrPort]string {
	names := map[netip.AddrPort]string{}
	for _, g := range p.Gateways {
		names[g.Connect.AddrPort()] = g.Name
		if len(g.Local.IPs) > 0 {
			names[netip.AddrPortFrom(g.Local.IPs[0], 0)] = p.Name
		}
	}
	return names
}

// ParseCircuits reads "1-15,17-31".
func ParseCircuits(s string) ([]isup.CIC, error) {
	var all []isup.CIC
	for part := range strings.SplitSeq(s, ",") {
		first, last, ok := strings.Cut(strings.TrimSpace(part), "-")
		if !ok {
			last = first
		}
		a, err := strconv.ParseUint(first, 10, 12)
		if err != nil {
			return nil, fmt.Errorf("%q is no circuit, such as 7, nor a range, such as 1-31", part)
		}
		b, err := strconv.ParseUint(last, 10, 12)
		if err != nil || b < a {
			return nil, fmt.Errorf("%q is no range of circuits, such as 1-31", part)
		}
		for c := a; c <= b; c++ {
			all = append(all, isup.CIC(c))
		}
	}
	return all, nil
}
