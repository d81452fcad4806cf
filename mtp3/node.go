package mtp3

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// Node is the level 3 of one signalling point: a state machine without clock, goroutine, lock or
// socket. What it is told comes through its methods, which append to out what its surroundings have
// to do, and return it; the outputs' slices are valid until the next call. A runner calls Expire when
// Deadline has passed. The methods must not be called at the same time; [Node.Router] serves others.
type Node struct {
	cfg    Config
	f      Format
	t      Timers
	local  []PointCode
	router Router

	timers  loop.Heap
	now     time.Time
	out     []Output
	ind     []Indication // scratch for calls of level 2
	pending []pendingIndication
	buf     []byte // scratch for messages of our own
	body    []byte
	given   MSU // to an owner

	linksets []*linkset // by LinksetID - 1; nil when removed
	links    []*link    // by LinkID - 1
	owners   []*owner   // by OwnerID - 1
	users    [16]userState

	sets       []*routeSet // by entry number; nil when free
	exact      map[Destination]*routeSet
	table      table
	picks      [][]uint16 // what the router's snapshots share; index 0 is none
	pickIndex  map[string]uint32
	exceptions int
	tableStale bool
	dirty      bool // the router's snapshot is stale

	held       int // messages in diversions
	timed      *diversion
	timedFor   time.Duration
	uninhibit  []*linkset // where an inhibited link might make a destination available again
	t8         map[PointCode]time.Time
	upu        map[uint32]time.Time
	restart    restartState
	muted      bool      // neighbours are told all at once later
	isolatedAt time.Time // when the last link went; zero if one is in service
	neverUp    bool
	t18, t20   *loop.Timer
	stats      Stats
	snmIn      snmCounters
	snmOut     snmCounters
}

type userState uint8

const (
	userUnequipped userState = iota
	userInaccessible
	userAvailable
)

type pendingIndication struct {
	link *link
	ind  Indication
}

// owner is a destination owner.
type owner struct {
	id    OwnerID
	name  string
	cfg   OwnerConfig
	state Availability
	since time.Time           // of state
	level map[PointCode]uint8 // congestion of its points
	sent  int                 // messages since the congestion began
	sets  []*routeSet
}

// Output is one thing that the surroundings of a [Node] have to do or to know.
type Output struct {
	Kind OutputKind

	// Primitive of Deliver is for the users of the node: Transfer for that of MSU.SI, Status with a
	// cause about a user part for that of Status.SI, all others for all. That of ToOwner is a Transfer.
	Primitive Primitive
	Owner     OwnerID // of ToOwner

	// Raw is the message of a Transfer as it was on the link, from the service information octet on.
	Raw []byte

	Change Change // of Changed
}

// OutputKind tells outputs apart.
type OutputKind uint8

// The outputs.
const (
	Deliver OutputKind = iota + 1 // give Primitive to the users
	ToOwner                       // give Primitive.MSU to Owner
	Changed                       // Change happened: for operators
)

var outputNames = [...]string{Deliver: "deliver", ToOwner: "to owner", Changed: "changed"}

// String is the kind in words.
func (k OutputKind) String() string { return name(outputNames[:], k, "OutputKind") }

// Stats are the counters of a [Node] since it was made.
type Stats struct {
	Reasons     Reasons // messages not forwarded; those of the [Router] included
	Delivered   uint64  // to users of this node
	FromUsers   uint64  // from users of this node
	ToOwners    uint64
	FromOwners  uint64
	Transferred uint64 // from a link or owner to a link
	Changeovers uint64 // begun
	Changebacks uint64 // begun
	Retrieved   uint64 // messages retrieved from failed links
	Held        int    // messages that wait for diversions now
	Exceptions  int    // points of masked routes with a state of their own now
}

// NewNode returns a node without links and routes. It errs if cfg makes no sense.
func NewNode(cfg Config) (*Node, error) {
	if err := cfg.Format.Validate(); err != nil {
		return nil, err
	}
	for _, pc := range append([]PointCode{cfg.PointCode}, cfg.Aliases...) {
		if pc > cfg.Format.MaxPointCode() {
			return nil, fmt.Errorf("mtp3: point code %d does not fit %d bits", pc, cfg.Format.PointCodeBits())
		}
	}
	if cfg.NI > NationalSpare {
		return nil, fmt.Errorf("mtp3: network indicator %d is over 3", cfg.NI)
	}
	if cfg.Name == "" {
		cfg.Name = cfg.Format.PointCodeString(cfg.PointCode)
	}
	if cfg.MaxHeld == 0 {
		cfg.MaxHeld = 65536
	}
	if cfg.MaxExceptions == 0 {
		cfg.MaxExceptions = 4096
	}
	if cfg.MaxBroadcast == 0 {
		cfg.MaxBroadcast = 64
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Node{
		cfg: cfg, f: cfg.Format, t: cfg.Timers.Defaults(), local: append([]PointCode{cfg.PointCode}, cfg.Aliases...),
		exact: make(map[Destination]*routeSet), table: buildTable(nil, nil),
		picks: make([][]uint16, 1), pickIndex: make(map[string]uint32),
		t8: make(map[PointCode]time.Time), upu: make(map[uint32]time.Time), neverUp: true,
	}
	n.t18 = &loop.Timer{Fire: n.restartPhase2}
	n.t20 = &loop.Timer{Fire: n.restartEnds}
	n.publish()
	return n, nil
}

// Router returns the answerer for other goroutines. It is the same one for the life of the node.
func (n *Node) Router() *Router { return &n.router }

// Format returns the format of the node's point codes.
func (n *Node) Format() Format { return n.f }

// Stats returns the counters.
func (n *Node) Stats() Stats {
	s := n.stats
	s.Reasons = n.router.reasons.snapshot()
	s.Held, s.Exceptions = n.held, n.exceptions
	return s
}

// maxTargets is how many linksets, and how many owners, a node can have had in its life.
const maxTargets = 32766

// begin and end enclose every call from outside.
func (n *Node) begin(now time.Time, out []Output) { n.now, n.out = now, out }

func (n *Node) end() []Output {
	// What level 2 said while it was being called comes last, so that no procedure sees the ground move.
	// The queue only grows by calls of level 2 that earlier entries cause.
	for len(n.pending) > 0 || len(n.uninhibit) > 0 {
		n.timed = nil
		if len(n.pending) > 0 {
			p := n.pending[0]
			n.pending = n.pending[:copy(n.pending, n.pending[1:])]
			n.indication(p.link, p.ind)
			continue
		}
		ls := n.uninhibit[0]
		n.uninhibit = n.uninhibit[:copy(n.uninhibit, n.uninhibit[1:])]
		n.uninhibitSome(ls)
	}
	n.timed = nil
	if n.dirty || n.tableStale {
		n.publish()
	}
	out := n.out
	n.out = nil
	return out
}

// drop counts a message that goes no further.
func (n *Node) drop(r Reason) { n.router.reasons[r].Add(1) }

// after starts t to fire after d.
func (n *Node) after(t *loop.Timer, d time.Duration) { n.timers.Start(t, n.now.Add(d)) }

// Deadline is when Expire wants to be called: the earliest timer of the node or of one of its links. Zero while none runs.
func (n *Node) Deadline() time.Time {
	at := n.timers.Deadline()
	for _, l := range n.links {
		if l == nil {
			continue
		}
		if d := l.l2.Deadline(); !d.IsZero() && (at.IsZero() || d.Before(at)) {
			at = d
		}
	}
	return at
}

// Expire lets every timer fire that is due at now, those of the links too.
func (n *Node) Expire(now time.Time, out []Output) []Output {
	n.begin(now, out)
	for _, l := range n.links {
		if l == nil {
			continue
		}
		// A link may have to be asked again, but not for ever.
		for range 64 {
			if d := l.l2.Deadline(); d.IsZero() || d.After(now) {
				break
			}
			n.ind = l.l2.Expire(now, n.ind[:0])
			n.indications(l)
		}
	}
	for t := n.timers.Due(now); t != nil; t = n.timers.Due(now) {
		n.timed = nil
		t.Fire()
	}
	return n.end()
}

// ErrUnknown says that a linkset, link or owner is not (or no longer) part of the node.
var ErrUnknown = errors.New("mtp3: no such linkset, link or owner")

// SetUser says whether the user part of si takes messages here. Messages for one that does not are
// answered with User Part Unavailable: unequipped before the first SetUser, inaccessible after SetUser false.
func (n *Node) SetUser(si ServiceIndicator, available bool) {
	switch {
	case si > 15:
	case available:
		n.users[si] = userAvailable
	case n.users[si] == userAvailable:
		n.users[si] = userInaccessible
	}
}

// HandleLink takes what the level 2 of a link has to say, in order.
func (n *Node) HandleLink(now time.Time, id LinkID, ind []Indication, out []Output) []Output {
	l := n.link(id)
	if l == nil {
		return out
	}
	n.begin(now, out)
	for i := range ind {
		if ind[i].Kind == Received {
			n.received(l, ind[i].MSU, ind[i].Priority)
			continue
		}
		n.flushPending()
		n.timed = nil
		n.indication(l, ind[i])
	}
	return n.end()
}

// flushPending handles what level 2 said during calls, so that it keeps its place before what comes next.
func (n *Node) flushPending() {
	for len(n.pending) > 0 {
		p := n.pending[0]
		n.pending = n.pending[:copy(n.pending, n.pending[1:])]
		n.timed = nil
		n.indication(p.link, p.ind)
	}
}

// indications is HandleLink for what a call of level 2 left in n.ind, received messages included.
func (n *Node) indications(l *link) {
	inds := n.ind
	n.ind = nil // calls below need a scratch of their own
	for i := range inds {
		if inds[i].Kind == Received {
			n.received(l, inds[i].MSU, inds[i].Priority)
		} else {
			n.timed = nil
			n.indication(l, inds[i])
		}
	}
	n.ind = inds[:0]
}

// said keeps what a command to level 2 made it say for the end of the call, but for what concerns that command.
func (n *Node) said(l *link, inds []Indication) {
	for _, ind := range inds {
		switch ind.Kind {
		case Discarded, Lost:
			n.gaveUp(l, ind)
		case Congestion:
			n.congestion(l, ind.Level, ind.Discard)
		case BSNT, BSNTNotRetrievable, Retrieved, RetrievalComplete, RetrievalNotPossible:
		default:
			ind.MSU = append([]byte(nil), ind.MSU...)
			n.pending = append(n.pending, pendingIndication{l, ind})
		}
	}
}

// gaveUp counts a message that level 2 did not take, or gives up.
func (n *Node) gaveUp(l *link, ind Indication) {
	if ind.Kind == Discarded {
		l.stats.Discarded++
	}
	switch {
	case len(ind.MSU) > 0 && n.isManagement(ServiceIndicator(ind.MSU[0]&15)):
		n.drop(NoManagementPath)
	case ind.Kind == Lost:
		n.drop(LostWithLink)
	default:
		n.drop(LinkOverflow)
	}
}

// command calls level 2 and keeps what it says.
func (n *Node) command(l *link, do func(time.Time, []Indication) []Indication) {
	n.ind = do(n.now, n.ind[:0])
	n.said(l, n.ind)
}

func (n *Node) linkset(id LinksetID) *linkset {
	if id < 1 || int(id) > len(n.linksets) {
		return nil
	}
	return n.linksets[id-1]
}

func (n *Node) link(id LinkID) *link {
	if id < 1 || int(id) > len(n.links) {
		return nil
	}
	return n.links[id-1]
}

func (n *Node) owner(id OwnerID) *owner {
	if id < 1 || int(id) > len(n.owners) {
		return nil
	}
	return n.owners[id-1]
}

func (n *Node) isLocal(pc PointCode) bool {
	for _, l := range n.local {
		if l == pc {
			return true
		}
	}
	return false
}
