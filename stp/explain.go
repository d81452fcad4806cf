package stp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

// Query asks what becomes of a message.
type Query struct {
	Label mtp3.Label
	SI    mtp3.ServiceIndicator // SNM (0) stands for ISUP

	// From is the linkset, Application Server or gateway that the message comes from, or "-" for this node itself.
	// If empty, it is found by the OPC.
	From string

	// Called is the called address of an SCCP message for this node, which translates it. If nil, what the
	// message asks for is left open.
	Called *sccp.Address
}

// Explanation is a whole routing decision in words, step by step.
type Explanation struct {
	Node       string        `json:"node"`
	Live       bool          `json:"live"` // of a node that runs; otherwise as if everything were in service
	OPC        string        `json:"opc"`
	DPC        string        `json:"dpc"`
	SLS        uint8         `json:"sls"`
	SI         string        `json:"si"`
	From       string        `json:"from"`
	Steps      []ExplainStep `json:"steps"`
	Forwarded  bool          `json:"forwarded"` // or delivered
	Reason     string        `json:"reason,omitempty"`
	To         string        `json:"to,omitempty"`   // "linkset X", "as X", "gateway X", "this node"
	Link       string        `json:"link,omitempty"` // if it goes over one
	Conclusion string        `json:"conclusion"`
}

// ExplainStep is one step of the decision: what was decided, and what was considered.
type ExplainStep struct {
	Title   string   `json:"title"`
	Text    string   `json:"text"`
	Details []string `json:"details,omitempty"`
}

// String is the explanation as lines of text.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s message from %s to %s, SLS %d", e.Node, e.SI, e.OPC, e.DPC, e.SLS)
	if !e.Live {
		b.WriteString(" (from the configuration: links and AS count as in service unless said otherwise)")
	}
	b.WriteString("\n")
	for i, s := range e.Steps {
		fmt.Fprintf(&b, "%d. %s: %s\n", i+1, s.Title, s.Text)
		for _, d := range s.Details {
			b.WriteString("     " + d + "\n")
		}
	}
	b.WriteString("=> " + e.Conclusion + "\n")
	return b.String()
}

// Explain says what becomes of a message by the configuration alone: with every link in service and every
// Application Server active, but for those (by their names, those of linksets and gateways too) that are down.
func (c *Config) Explain(q Query, down ...string) (Explanation, error) {
	o, err := c.newOffline(down...)
	if err != nil {
		return Explanation{}, err
	}
	for _, name := range down {
		if err := o.known(name); err != nil {
			return Explanation{}, err
		}
	}
	x := explainer{cfg: o.cfg, node: o.node, linksets: o.linksets, owners: o.owners}
	if len(c.GTT) > 0 {
		if x.table, err = sccp.NewTable(c.Node.Format, c.rules()); err != nil {
			return Explanation{}, err
		}
	}
	return x.explain(q)
}

// Explain says what would become of a message now, and why.
func (n *Node) Explain(ctx context.Context, q Query) (e Explanation, err error) {
	var failed error
	err = n.do(ctx, func(time.Time) {
		x := explainer{cfg: n.withRegistered(n.Config()), node: n.mtp, live: true, linksets: map[string]mtp3.LinksetID{}, owners: map[string]mtp3.OwnerID{}}
		for name, ls := range n.linksets {
			x.linksets[name] = ls.id
		}
		for name, t := range n.owners {
			x.owners[name] = t.id
		}
		if len(x.cfg.GTT) > 0 {
			if x.table, failed = sccp.NewTable(n.format, x.cfg.rules()); failed != nil {
				return
			}
		}
		e, failed = x.explain(q)
	})
	return e, errors.Join(err, failed)
}

// explainer is level 3, and what belongs to it, at one moment.
type explainer struct {
	cfg      *Config
	node     *mtp3.Node
	linksets map[string]mtp3.LinksetID
	owners   map[string]mtp3.OwnerID
	table    *sccp.Table // if titles are translated
	live     bool
	e        Explanation
}

func (x *explainer) pc(pc mtp3.PointCode) string { return x.cfg.Node.Format.PointCodeString(pc) }

func (x *explainer) step(title, format string, args ...any) *ExplainStep {
	x.e.Steps = append(x.e.Steps, ExplainStep{Title: title, Text: fmt.Sprintf(format, args...)})
	return &x.e.Steps[len(x.e.Steps)-1]
}

func (x *explainer) end(reason mtp3.Reason, conclusion string) (Explanation, error) {
	x.e.Forwarded, x.e.Conclusion = reason == mtp3.Forwarded, conclusion
	if !x.e.Forwarded {
		x.e.Reason = reason.String()
		x.e.Conclusion = "not forwarded (" + x.e.Reason + "): " + conclusion
	}
	return x.e, nil
}

func (x *explainer) explain(q Query) (Explanation, error) {
	f := x.cfg.Node.Format
	if q.Label.DPC > f.MaxPointCode() || q.Label.OPC > f.MaxPointCode() || int(q.Label.SLS) >= max(f.SLSValues(), 16) {
		return Explanation{}, fmt.Errorf("stp: a point code is up to %s, an SLS up to %d", x.pc(f.MaxPointCode()), f.SLSValues()-1)
	}
	if q.SI == mtp3.SNM {
		q.SI = mtp3.ISUP
	}
	x.e = Explanation{Node: x.cfg.Name(), Live: x.live, OPC: x.pc(q.Label.OPC), DPC: x.pc(q.Label.DPC), SLS: uint8(q.Label.SLS), SI: q.SI.String()}
	m := mtp3.Query{Label: q.Label, SI: q.SI}
	screen, err := x.origin(q, &m)
	if err != nil {
		return Explanation{}, err
	}
	msu := mtp3.MSU{SI: q.SI, NI: x.cfg.Node.NI, Label: q.Label}
	local := x.cfg.isLocal(q.Label.DPC)
	switch {
	case local:
		x.step("discrimination", "%s is this node", x.pc(q.Label.DPC))
	case m.Linkset != 0 && x.cfg.Node.Transfer == Off:
		x.step("discrimination", "%s is not this node, which does not transfer", x.pc(q.Label.DPC))
		return x.end(mtp3.NotForUs, "the node is an end point: transfer is off")
	default:
		x.step("discrimination", "%s is another point: the message is to be transferred", x.pc(q.Label.DPC))
	}
	if !x.screening(screen, &msu) {
		return x.end(mtp3.ScreenedOut, "its screen does not let it in")
	}
	if local {
		return x.local(q)
	}
	return x.route(m, &msu)
}

// origin finds out where the message comes from, and by which screen.
func (x *explainer) origin(q Query, m *mtp3.Query) (screen string, err error) {
	from, how := q.From, "as asked"
	if from == "" {
		from, how = x.whence(q.Label.OPC)
	}
	switch ls, s, g := x.cfg.Linkset(from), x.cfg.ASOf(from), x.cfg.Gateway(from); {
	case from == "-":
		x.e.From = "this node"
	case ls != nil:
		m.Linkset, screen, x.e.From = x.linksets[from], ls.Screen, "linkset "+from
	case s != nil:
		m.Owner, screen, x.e.From = x.owners["as "+from], s.Screen, "as "+from
	case g != nil:
		m.Owner, screen, x.e.From = x.owners["gateway "+from], g.Screen, "gateway "+from
	case from == "":
		x.e.From = "nowhere"
		x.step("origin", "no linkset, AS or gateway leads to %s: a message of that OPC is not expected, and is routed without regard to it", x.pc(q.Label.OPC))
		return "", nil
	default:
		return "", &UnknownError{"linkset, as or gateway", from}
	}
	x.step("origin", "it comes from %s (%s)", x.e.From, how)
	return screen, nil
}

// whence is where messages of an OPC are expected from.
func (x *explainer) whence(opc mtp3.PointCode) (from, how string) {
	if x.cfg.isLocal(opc) {
		return "-", "it is its own point code"
	}
	for i := range x.cfg.AS {
		s := &x.cfg.AS[i]
		for _, k := range s.KeyGroups() {
			if k.DPC == opc {
				return s.Name, "which has " + x.pc(opc)
			}
		}
	}
	for i := range x.cfg.Linksets {
		if x.cfg.Linksets[i].Adjacent == opc {
			return x.cfg.Linksets[i].Name, "at whose other end is " + x.pc(opc)
		}
	}
	back := x.node.Explain(mtp3.Query{Label: mtp3.Label{DPC: opc}})
	for _, c := range back.Candidates {
		if c.Linkset != 0 {
			return c.Name, "the way back to " + x.pc(opc)
		}
		for name, id := range x.owners {
			if kind, bare, _ := strings.Cut(name, " "); id == c.Owner && kind != "point" {
				return bare, "the way back to " + x.pc(opc)
			}
		}
	}
	return "", ""
}

// screening tells whether the screen lets the message in.
func (x *explainer) screening(name string, m *mtp3.MSU) bool {
	if x.e.From == "nowhere" {
		return true
	}
	if name == "" {
		x.step("screening", "%s has no screen: everything may come in", x.e.From)
		return true
	}
	s, plan := x.cfg.Screen(name), x.cfg.screen(name)
	for i := range s.Rules {
		one := mtp3.Screen{Rules: plan.Rules[i : i+1], Deny: !plan.Rules[i].Deny}
		if one.Allows(m) != plan.Rules[i].Deny {
			x.step("screening", "screen %s, rule %d%s: %s", name, i+1, line(s.Rules[i].Pos), s.Rules[i].Action)
			return s.Rules[i].Action == Allow
		}
	}
	x.step("screening", "screen %s: none of its %d rules matches: %s%s", name, len(s.Rules), s.Default, line(s.Pos))
	return s.Default == Allow
}

func line(p Pos) string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", p.Line)
}
