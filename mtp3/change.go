package mtp3

import (
	"context"
	"log/slog"

	"github.com/gotelco/telco/trace"
)

// Change is a change of state that an operator wants to know of. It is also logged and traced.
type Change struct {
	Kind        ChangeKind
	Linkset     LinksetID      // what it is about, as far as it is about one
	Link        LinkID         //
	Owner       OwnerID        //
	Destination Destination    // of the kinds about destinations
	State       Availability   // of DestinationChanged
	Level       uint8          // of the kinds about congestion
	Reason      LinkFailReason // of LinkFailed
	Text        string         // the whole change in words
}

// ChangeKind tells changes apart.
type ChangeKind uint8

// The changes.
const (
	LinkAvailable         ChangeKind = iota + 1 // the link carries traffic
	LinkFailed                                  // level 2 or the signalling link test failed
	LinkUnavailable                             // it carries no traffic any more, for whatever reason
	LinkBlocked                                 // processor outage, here or at the other end
	LinkUnblocked                               // it ended
	LinkInhibited                               // by management, at this end or the other
	LinkUninhibited                             //
	InhibitDenied                               // the link cannot be inhibited: a destination would be lost, or the peer refused or was silent
	UninhibitFailed                             // the peer did not acknowledge
	LinkCongestion                              // the congestion level of the link is Level
	LinksetAvailable                            // the linkset carries traffic
	LinksetUnavailable                          //
	ChangeoverBegan                             // traffic of the link is withheld
	ChangeoverDone                              // it flows over other links
	ChangebackBegan                             // traffic returns to the link
	ChangebackDone                              //
	DestinationChanged                          // the destination is State
	DestinationCongestion                       // the congestion level of the destination is Level
	RestartBegan                                // of this node
	RestartEnded                                //
	AdjacentRestartBegan                        // of the linkset's adjacent point
	AdjacentRestartEnded                        //
)

var changeNames = [...]string{
	LinkAvailable: "link available", LinkFailed: "link failed", LinkUnavailable: "link unavailable", LinkBlocked: "link blocked",
	LinkUnblocked: "link unblocked", LinkInhibited: "link inhibited", LinkUninhibited: "link uninhibited", InhibitDenied: "inhibit denied",
	UninhibitFailed: "uninhibit failed", LinkCongestion: "link congestion", LinksetAvailable: "linkset available",
	LinksetUnavailable: "linkset unavailable", ChangeoverBegan: "changeover began", ChangeoverDone: "changeover done",
	ChangebackBegan: "changeback began", ChangebackDone: "changeback done", DestinationChanged: "destination changed",
	DestinationCongestion: "destination congestion", RestartBegan: "restart began", RestartEnded: "restart ended",
	AdjacentRestartBegan: "adjacent restart began", AdjacentRestartEnded: "adjacent restart ended",
}

// String is the kind in words.
func (k ChangeKind) String() string { return name(changeNames[:], k, "ChangeKind") }

// changed tells everybody of a change. about names what it is about.
func (n *Node) changed(c Change, about, text string) {
	c.Text = c.Kind.String()
	if about != "" {
		c.Text = about + ": " + c.Text
	}
	if text != "" {
		c.Text += " (" + text + ")"
	}
	n.out = append(n.out, Output{Kind: Changed, Change: c})
	if n.cfg.Logger.Enabled(context.Background(), slog.LevelInfo) {
		n.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, c.Kind.String(), slog.String("node", n.cfg.Name), slog.String("about", about), slog.String("text", text))
	}
	if n.cfg.Trace != nil {
		n.cfg.Trace(trace.Event{Time: n.now, Dir: trace.State, Interface: n.cfg.Name, Proto: trace.MTP3, Correlation: about, Comment: c.Text})
	}
}

func (n *Node) linkChanged(k ChangeKind, l *link, text string) {
	n.changed(Change{Kind: k, Link: l.id, Linkset: l.ls.id}, l.name, text)
}

func (n *Node) linksetChanged(k ChangeKind, ls *linkset, text string) {
	n.changed(Change{Kind: k, Linkset: ls.id}, ls.name, text)
}

// primitive gives a primitive to the users.
func (n *Node) primitive(p Primitive) {
	n.out = append(n.out, Output{Kind: Deliver, Primitive: p})
}
