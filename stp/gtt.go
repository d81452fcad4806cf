package stp

import (
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

// sccpConfig is the node's SCCP, without what belongs to a program.
func (c *Config) sccpConfig() sccp.Config {
	return sccp.Config{
		Name: c.Name(), PointCode: c.Node.PointCode, Aliases: c.Node.Aliases, Format: c.Node.Format, NI: c.Node.NI,
		NoReturn: !c.SCCP.Return.Or(true), HopCounter: c.SCCP.HopCounter,
		Extended: c.SCCP.Extended.Or(false),
	}
}

// translates tells whether the node is an SCCP relay point.
func (c *Config) translates() bool { return len(c.GTT) > 0 }

// startSCCP gives the node its SCCP. It is called in the loop, or before there is one.
func (n *Node) startSCCP(c *Config) error {
	table, err := sccp.NewTable(n.format, c.rules())
	if err != nil {
		return err
	}
	if n.sccp != nil {
		n.sccp.Translator().Use(table)
		return nil
	}
	cfg := c.sccpConfig()
	if cfg.Translator, err = sccp.NewTranslator(n.format, nil); err != nil {
		return err
	}
	cfg.Translator.Use(table)
	cfg.Reachable = func(pc mtp3.PointCode) bool { return n.router.Route(pc, 0).Kind != mtp3.NoHop }
	cfg.Logger, cfg.Trace = n.opt.Logger, n.opt.Trace
	if n.sccp, err = sccp.NewNode(cfg); err != nil {
		return err
	}
	n.mtp.SetUser(mtp3.SCCP, true)
	return nil
}

// toSCCP gives SCCP a primitive of MTP.
func (n *Node) toSCCP(now time.Time, p *mtp3.Primitive) {
	n.sccpOut = n.sccp.HandleMTP(now, *p, n.sccpOut[:0])
	n.fromSCCP()
}

// fromSCCP keeps what SCCP has to send until the outputs of MTP are done with. The node has no subsystems:
// SCCP tells it nothing else.
func (n *Node) fromSCCP() {
	for i := range n.sccpOut {
		if o := &n.sccpOut[i]; o.Kind == sccp.Send {
			n.keep(&o.MSU)
		}
	}
}

// keep keeps a message that a user part of this node made while outputs were being handled.
func (n *Node) keep(m *mtp3.MSU) {
	c := *m
	start := len(n.againBuf)
	n.againBuf = append(n.againBuf, m.Data...)
	c.Data = n.againBuf[start:len(n.againBuf):len(n.againBuf)]
	n.again = append(n.again, c)
}

// deadline is the earliest of level 3 and SCCP.
func (n *Node) deadline() time.Time {
	at := n.mtp.Deadline()
	if n.sccp != nil {
		if d := n.sccp.Deadline(); !d.IsZero() && (at.IsZero() || d.Before(at)) {
			return d
		}
	}
	return at
}

func (n *Node) expire(now time.Time) {
	n.out = n.mtp.Expire(now, n.out[:0])
	n.handle(now)
	if n.sccp == nil {
		return
	}
	if d := n.sccp.Deadline(); !d.IsZero() && !now.Before(d) {
		n.sccpOut = n.sccp.Expire(now, n.sccpOut[:0])
		n.fromSCCP()
		n.out = n.out[:0]
		n.handle(now)
	}
}
