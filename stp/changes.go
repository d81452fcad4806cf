package stp

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/trace"
)

// Severity says how bad a [Change] is.
type Severity uint8

// The severities.
const (
	Info    Severity = iota // as it was meant to be, or back to it
	Warning                 // less than it should be: congestion, a link of several
	Major                   // something is out of service
)

var severityNames = [...]string{"info", "warning", "major"}

// String is the severity in a word.
func (s Severity) String() string { return severityNames[min(int(s), len(severityNames)-1)] }

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Change is one change of state: what the log has a line for.
type Change struct {
	Sequence uint64    `json:"sequence"` // counts from 1
	Time     time.Time `json:"time"`
	Severity Severity  `json:"severity"`
	Kind     string    `json:"kind"`  // "link", "linkset", "destination", "node", "as", "asp", "gateway"
	About    string    `json:"about"` // the name of it
	Text     string    `json:"text"`  // the whole change in words
}

// history is the last changes.
type history struct {
	mu      sync.Mutex
	n       uint64
	changes []Change
	readers []chan Change
}

const historyLength = 1000

func (h *history) add(c Change) Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	c.Sequence = h.n
	if len(h.changes) >= 2*historyLength {
		h.changes = slices.Delete(h.changes, 0, len(h.changes)-historyLength)
	}
	h.changes = append(h.changes, c)
	for _, r := range h.readers {
		select {
		case r <- c:
		default: // it sees a gap in Sequence
		}
	}
	return c
}

// Changes are the last changes of state after a sequence number, at most 1000, the oldest first.
func (n *Node) Changes(after uint64) []Change {
	h := &n.history
	h.mu.Lock()
	defer h.mu.Unlock()
	i := max(len(h.changes)-historyLength, 0)
	for i < len(h.changes) && h.changes[i].Sequence <= after {
		i++
	}
	return slices.Clone(h.changes[i:])
}

// Watch gives the changes of state from now on, until stop is called. A reader that is too slow loses some,
// which a gap in the sequence numbers shows.
func (n *Node) Watch() (changes <-chan Change, stop func()) {
	h := &n.history
	c := make(chan Change, 256)
	h.mu.Lock()
	h.readers = append(h.readers, c)
	h.mu.Unlock()
	return c, func() {
		h.mu.Lock()
		h.readers = slices.DeleteFunc(h.readers, func(x chan Change) bool { return x == c })
		h.mu.Unlock()
	}
}

// change tells everybody of a change.
func (n *Node) change(c Change) {
	c = n.history.add(c)
	if n.opt.Changed != nil {
		n.opt.Changed(c)
	}
}

// severities of what mtp3 says.
var mtpSeverity = map[mtp3.ChangeKind]Severity{
	mtp3.LinkFailed: Major, mtp3.LinkUnavailable: Major, mtp3.LinkBlocked: Major, mtp3.LinkInhibited: Warning, mtp3.InhibitDenied: Warning,
	mtp3.UninhibitFailed: Warning, mtp3.LinksetUnavailable: Major, mtp3.ChangeoverBegan: Warning,
}

// mtpChanged takes a change of level 3, which has logged and traced it.
func (n *Node) mtpChanged(now time.Time, c *mtp3.Change) {
	x := Change{Time: now, Text: c.Text, Severity: mtpSeverity[c.Kind]}
	switch c.Kind {
	case mtp3.DestinationChanged, mtp3.DestinationCongestion:
		x.Kind, x.About = "destination", n.format.DestinationString(c.Destination)
		switch {
		case c.Kind == mtp3.DestinationChanged && c.State == mtp3.Unavailable:
			x.Severity = Major
		case c.Kind == mtp3.DestinationChanged && c.State == mtp3.Restricted, c.Level > 0:
			x.Severity = Warning
		}
	case mtp3.RestartBegan, mtp3.RestartEnded:
		x.Kind, x.About = "node", n.name
	default:
		x.Kind = "linkset"
		for _, l := range n.linksets {
			if l.id == c.Linkset {
				x.About = l.cfg.Name
			}
		}
		for _, l := range n.links {
			if l.id == c.Link {
				x.Kind, x.About = "link", l.name
			}
		}
		if c.Kind == mtp3.LinkCongestion && c.Level > 0 {
			x.Severity = Warning
		}
	}
	n.change(x)
	n.answer(c)
	if c.Kind == mtp3.DestinationChanged {
		n.restricted(c)
	}
}

// restricted tells the ASPs of a destination that changes between available and restricted. Others have a
// primitive.
func (n *Node) restricted(c *mtp3.Change) {
	d := c.Destination
	if told, ok := n.told[d]; ok && told != mtp3.Unavailable && c.State != mtp3.Unavailable && told != c.State {
		n.tell(d, c.State)
	}
}

// m3uaChanged takes what the gateway or a client of another one says, which has logged it. It is called on any goroutine.
func (n *Node) m3uaChanged(e m3ua.Event) {
	n.notes.note(time.Now(), &e)
	x := Change{Time: time.Now(), Kind: "asp", About: e.ASP, Text: e.String()}
	switch e.Kind {
	case m3ua.AssociationDown:
		x.Severity = Major
	case m3ua.ASPStateEvent:
		if e.State < e.Was {
			x.Severity = Warning
		}
	case m3ua.ASStateEvent:
		x.Kind, x.About = "as", e.AS
		if e.State != m3ua.Active && e.Was == m3ua.Active {
			x.Severity = Major
		}
	case m3ua.CongestionEvent:
		x.Kind, x.About = "as", e.AS
		if e.Level > 0 {
			x.Severity = Warning
		}
	case m3ua.ErrorEvent, m3ua.ErrorSentEvent, m3ua.NonDeliveryEvent:
		x.Severity = Warning
	case m3ua.NotifyEvent, m3ua.PrimitiveEvent:
		return // what follows from it is told
	}
	n.change(x)
	if n.opt.Trace != nil {
		n.opt.Trace(trace.Event{Time: x.Time, Dir: trace.State, Interface: x.About, Proto: trace.M3UA, Correlation: x.About, Comment: fmt.Sprintf("%s %s", n.name, x.Text)})
	}
}
