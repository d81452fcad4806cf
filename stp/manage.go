package stp

import (
	"context"
	"fmt"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// Kinds of what operators act on.
const (
	KindLink    = "link"
	KindLinkset = "linkset"
	KindAS      = "as"
	KindASP     = "asp"
	KindGateway = "gateway"
)

// RefusedError says that what an operator wanted was not done.
type RefusedError struct{ Text string }

// Error says why.
func (e *RefusedError) Error() string { return "stp: " + e.Text }

// Block keeps something from taking traffic until [Node.Unblock]: an ASP (it is put down, and its ASP Up is
// refused), an AS (its ASPs become inactive in it), a gateway (this node goes down there), a link (a local
// processor outage) or each link of a linkset.
func (n *Node) Block(ctx context.Context, kind, name string) error {
	return n.block(ctx, kind, name, true)
}

// Unblock ends Block.
func (n *Node) Unblock(ctx context.Context, kind, name string) error {
	return n.block(ctx, kind, name, false)
}

func (n *Node) block(ctx context.Context, kind, name string, on bool) error {
	if err := n.do(ctx, func(time.Time) {}); err != nil {
		return err
	}
	switch kind {
	case KindASP:
		if on {
			return unknown(kind, name, n.sg.BlockASP(name))
		}
		return unknown(kind, name, n.sg.UnblockASP(name))
	case KindAS:
		if on {
			return unknown(kind, name, n.sg.BlockAS(name))
		}
		return unknown(kind, name, n.sg.UnblockAS(name))
	case KindGateway:
		n.mu.Lock()
		g := n.gateways[name]
		n.mu.Unlock()
		if g == nil {
			return &UnknownError{kind, name}
		}
		g.block(on)
		return nil
	}
	return n.eachLink(ctx, kind, name, func(now time.Time, l *link) {
		n.out = n.mtp.SetLocalProcessorOutage(now, l.id, on, n.out[:0])
		n.handle(now)
	})
}

func unknown(kind, name string, err error) error {
	if err != nil {
		return &UnknownError{kind, name}
	}
	return nil
}

// Activate brings a link, or all links of a linkset, into service and keeps them there (Q.704 section 12.2.1).
func (n *Node) Activate(ctx context.Context, kind, name string) error {
	return n.eachLink(ctx, kind, name, func(now time.Time, l *link) {
		n.out = n.mtp.Activate(now, l.id, n.out[:0])
		n.handle(now)
	})
}

// Deactivate takes a link, or all links of a linkset, out of service (Q.704 section 12.2.3).
func (n *Node) Deactivate(ctx context.Context, kind, name string) error {
	return n.eachLink(ctx, kind, name, func(now time.Time, l *link) {
		n.out = n.mtp.Deactivate(now, l.id, n.out[:0])
		n.handle(now)
	})
}

// eachLink calls f in the loop for a link, or for each of a linkset.
func (n *Node) eachLink(ctx context.Context, kind, name string, f func(now time.Time, l *link)) error {
	found := false
	if err := n.do(ctx, func(now time.Time) {
		for _, key := range sortedKeys(n.links) {
			if l := n.links[key]; kind == KindLink && l.name == name || kind == KindLinkset && l.linkset == name {
				found = true
				f(now, l)
			}
		}
		if kind == KindLinkset && n.linksets[name] != nil {
			found = true
		}
	}); err != nil {
		return err
	}
	if !found {
		if kind != KindLink && kind != KindLinkset {
			return &RefusedError{fmt.Sprintf("this cannot be done to a %s", kind)}
		}
		return &UnknownError{kind, name}
	}
	return nil
}

// waiter waits for the answer of a procedure about a link.
type waiter struct {
	link   mtp3.LinkID
	kinds  []mtp3.ChangeKind
	answer chan mtp3.Change // has room for one
}

// Inhibit asks for a link to carry no traffic of users, for maintenance, and waits for the other end's answer
// (Q.704 section 10). It is refused, with a *[RefusedError], if a destination would be lost.
func (n *Node) Inhibit(ctx context.Context, link string) error {
	return n.inhibit(ctx, link, true, mtp3.LinkInhibited, mtp3.InhibitDenied)
}

// Uninhibit ends Inhibit.
func (n *Node) Uninhibit(ctx context.Context, link string) error {
	return n.inhibit(ctx, link, false, mtp3.LinkUninhibited, mtp3.UninhibitFailed)
}

func (n *Node) inhibit(ctx context.Context, name string, on bool, yes, no mtp3.ChangeKind) error {
	w := &waiter{kinds: []mtp3.ChangeKind{yes, no}, answer: make(chan mtp3.Change, 1)}
	found := false
	if err := n.do(ctx, func(now time.Time) {
		l := n.links[name]
		if l == nil {
			return
		}
		found = true
		w.link = l.id
		n.waiters = append(n.waiters, w)
		if on {
			n.out = n.mtp.Inhibit(now, l.id, n.out[:0])
		} else {
			n.out = n.mtp.Uninhibit(now, l.id, n.out[:0])
		}
		n.handle(now)
	}); err != nil {
		return err
	}
	if !found {
		return &UnknownError{KindLink, name}
	}
	select {
	case c := <-w.answer:
		if c.Kind == no {
			return &RefusedError{c.Text}
		}
		return nil
	case <-ctx.Done():
		_ = n.do(context.WithoutCancel(ctx), func(time.Time) { n.forget(w) })
		return ctx.Err()
	}
}

// answer gives a change to those who wait for it.
func (n *Node) answer(c *mtp3.Change) {
	for i := 0; i < len(n.waiters); i++ {
		w := n.waiters[i]
		if w.link == c.Link && (c.Kind == w.kinds[0] || c.Kind == w.kinds[1]) {
			w.answer <- *c
			n.forget(w)
			i--
		}
	}
}

func (n *Node) forget(w *waiter) {
	for i, x := range n.waiters {
		if x == w {
			n.waiters = append(n.waiters[:i], n.waiters[i+1:]...)
			return
		}
	}
}
