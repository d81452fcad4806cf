package sccp

import (
	"time"

	"github.com/gotelco/telco/internal/loop"
	"github.com/gotelco/telco/mtp3"
)

// What Q.714 section 2.6 leaves to the network.
const (
	maxRestriction = 8 // levels of restriction
	subLevels      = 4 // M: sublevels of each
	everySSC       = 8 // of so many messages that meet a congested SCCP one is answered by SSC
)

// congestion is what is known of a remote point's congestion: reports of MTP raise the restriction level by sublevels,
// SSC says how congested the SCCP there is, and both ease with time.
//
//	Report             Ta runs   Action
//	MTP-STATUS         no        sublevel + 1, at M the level + 1; start Ta and Td
//	SSC, level n       no        level at least n; start Ta and Td
//	any                yes       none
//	Td runs out        -         sublevel - 1, below 0 the level - 1; start Td unless all is zero
type congestion struct {
	level, sub uint8
	attack     time.Time  // Ta runs until then
	decay      loop.Timer // Td
	count      uint8      // of messages at the level, to let a part of them pass
}

// admit tells whether a message of such an importance may be sent to a point: above the restriction level all may,
// below it none, and at the level a part of them, the less the higher the sublevel.
func (n *Node) admit(pc mtp3.PointCode, importance uint8) bool {
	r := n.remotes[pc]
	if r == nil || r.cong.level == 0 && r.cong.sub == 0 {
		return true
	}
	c := &r.cong
	switch {
	case importance > c.level:
		return true
	case importance < c.level:
		return false
	}
	c.count = (c.count + 1) % subLevels
	return c.count >= c.sub
}

// reported takes a report about a point; ssc is its level, or 0 if the report is of MTP.
func (n *Node) reported(r *remote, ssc uint8) {
	c := &r.cong
	if n.now.Before(c.attack) {
		return
	}
	was := c.level
	c.attack = n.now.Add(n.t.Attack)
	switch {
	case ssc > 0:
		if c.level < ssc {
			c.level, c.sub = ssc, 0
		}
	case c.level < maxRestriction:
		if c.sub++; c.sub == subLevels {
			c.level, c.sub = c.level+1, 0
		}
	}
	if c.decay.Fire == nil {
		c.decay.Fire = func() { n.decayed(r) }
	}
	n.timers.Start(&c.decay, n.now.Add(n.t.Decay))
	if c.level != was {
		n.pointNews(r)
	}
}

func (n *Node) decayed(r *remote) {
	c := &r.cong
	was := c.level
	switch {
	case c.sub > 0:
		c.sub--
	case c.level > 0:
		c.level, c.sub = c.level-1, subLevels-1
	}
	if c.level > 0 || c.sub > 0 {
		n.timers.Start(&c.decay, n.now.Add(n.t.Decay))
	}
	if c.level != was {
		n.pointNews(r)
	}
	n.prune(r)
}

// eased forgets the congestion of a point.
func (n *Node) eased(r *remote) {
	n.timers.Stop(&r.cong.decay)
	r.cong.level, r.cong.sub, r.cong.attack = 0, 0, time.Time{}
}

// remoteCongested takes an SSC (section 5.2).
func (n *Node) remoteCongested(m SCMGMessage, o *origin) bool {
	if m.SSN != SCMG || m.PC != o.opc || m.Congestion == 0 || m.Congestion > maxRestriction {
		return false
	}
	if r := n.learn(m.PC); r != nil {
		n.reported(r, m.Congestion)
	}
	return true
}

// SetCongestion says how congested this node is, 0 (not at all) to 8. While it is, senders are told by SSC.
func (n *Node) SetCongestion(level uint8) {
	n.congestion, n.congestionCount = min(level, maxRestriction), 0
}

// congested tells the sender of a message that this node is congested.
func (n *Node) congested(o *origin) {
	if n.congestion == 0 {
		return
	}
	if n.congestionCount%everySSC == 0 {
		n.sendSCMG(o.opc, o.dpc, SCMGMessage{Type: SSC, SSN: SCMG, PC: o.dpc, Congestion: n.congestion})
	}
	n.congestionCount++
}
