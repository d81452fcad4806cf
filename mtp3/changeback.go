package mtp3

import "github.com/gotelco/telco/internal/loop"

// changeback diverts traffic to a link that is usable again: its own, and its share of what other
// links have that are still unusable (Q.704 sections 4.4.2 and 6). Each link that loses traffic gets
// a sequence control procedure of its own.
func (n *Node) changeback(to *link) {
	ls := to.ls
	if !ls.available { // nothing flows yet
		for s := range ls.cur {
			if ls.hold[s] == nil && ls.preferred(s).usable {
				ls.cur[s] = ls.preferred(s)
			}
		}
	}
	load := ls.load()
	var from []*diversion
	move := func(s int) {
		l := ls.cur[s]
		if l == nil || !l.usable {
			ls.cur[s] = to
			return
		}
		var d *diversion
		for _, x := range from {
			if x.link == l {
				d = x
			}
		}
		if d == nil {
			d = &diversion{kind: changebackDiversion, ls: ls, link: l, to: to}
			d.timer = &loop.Timer{Fire: func() { n.changebackExpired(d) }}
			from = append(from, d)
		}
		ls.hold[s] = d
	}
	for s, l := range ls.cur {
		if ls.hold[s] == nil && l != to && ls.preferred(s) == to {
			if l != nil {
				load[l]--
			}
			load[to]++
			move(s)
		}
	}
	// What belongs to links that are not usable is divided anew.
	for s, l := range ls.cur {
		if ls.hold[s] != nil || l == to || ls.preferred(s).usable || l == nil || load[l] <= load[to]+1 {
			continue
		}
		load[l]--
		load[to]++
		move(s)
	}
	for _, d := range from {
		to.stats.Changebacks++
		n.stats.Changebacks++
		ls.code++
		d.code = ls.code
		n.linkChanged(ChangebackBegan, to, "from "+d.link.name)
		n.sendOn(d.link, SNMessage{Heading: CBD, SLC: to.slc, Code: d.code})
		n.after(d.timer, n.t.T4)
	}
}

// changebackExpired repeats a declaration once (T4), and then goes on without an answer (T5).
func (n *Node) changebackExpired(d *diversion) {
	if d.second || !d.link.usable {
		n.completeChangeback(d, "not acknowledged")
		return
	}
	d.second = true
	n.sendOn(d.link, SNMessage{Heading: CBD, SLC: d.to.slc, Code: d.code})
	n.after(d.timer, n.t.T5)
}

// completeChangeback lets the traffic flow over its new link.
func (n *Node) completeChangeback(d *diversion, text string) {
	for s, h := range d.ls.hold {
		if h == d {
			d.ls.cur[s] = d.to
		}
	}
	n.flush(n.release(d))
	n.linkChanged(ChangebackDone, d.to, text)
	n.settle(d.ls)
}

// settle brings slots home whose own link became usable while they were withheld.
func (n *Node) settle(ls *linkset) {
	for _, l := range ls.links {
		if !l.usable {
			continue
		}
		for s := range ls.cur {
			if ls.hold[s] == nil && ls.cur[s] != l && ls.preferred(s) == l {
				n.changeback(l)
				break
			}
		}
	}
}

// changebackMessage acts on CBD and CBA about a link.
func (n *Node) changebackMessage(ls *linkset, m SNMessage) {
	if m.Heading == CBD {
		// Everything that came before it on the alternative link has been taken.
		n.sendAdjacent(ls, SNMessage{Heading: CBA, SLC: m.SLC, Code: m.Code}, nil)
		return
	}
	for _, d := range ls.hold {
		if d != nil && d.kind == changebackDiversion && d.code == m.Code && d.to.slc == m.SLC {
			n.completeChangeback(d, "")
			return
		}
	}
	n.drop(UnexpectedManagement)
}
