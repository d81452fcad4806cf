package sccp

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gotelco/telco/internal/loop"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/trace"
)

// Config is what a [Node] is made of. The zero value is an international node 0.0.0 that translates nothing.
type Config struct {
	Name      string           // in logs; if empty, the point code
	PointCode mtp3.PointCode   // of the node
	Aliases   []mtp3.PointCode // further point codes that are this node
	Format    mtp3.Format      // of point codes, labels and addresses; if zero, ITU 3-8-3
	NI        mtp3.NetworkIndicator

	// Translator translates global titles. If nil, none has a translation.
	Translator *Translator

	// Reachable tells whether MTP has a way to a point, such as by [mtp3.Router.Route]. If nil, a point is
	// reachable unless MTP-PAUSE said otherwise.
	Reachable func(mtp3.PointCode) bool

	// NoReturn drops messages that cannot be delivered even where their sender wants them back.
	NoReturn bool

	// HopCounter is how many translations a message of this node may meet, 1 to 15. If zero, 15.
	HopCounter uint8

	// Extended sends messages of local users as XUDT where UDT would do, and passes UDT that has been translated on
	// as XUDT, so that a loop of translations is noticed by the hop counter. For networks whose nodes all know XUDT.
	Extended bool

	// MaxSIF is how long the signalling information field of a message may be, label included. If zero, 272, or 4091 with Long.
	// A relay may make messages some octets longer: where all links carry more, more is better.
	MaxSIF int

	// Long sends what does not fit an XUDT as LUDT instead of in segments (networks without narrowband links).
	Long bool

	// Priorities maps the importance of a message of this node to the priority of its MSU, for networks where MTP
	// has priorities. If nil, 0.
	Priorities *[8]uint8

	Timers Timers

	// MaxReassembly is how many octets of segmented messages may wait for their other segments, MaxReassemblies
	// how many messages. If zero, 1 MiB and 4096. At the limit messages come back with "error in local processing".
	MaxReassembly, MaxReassemblies int

	// MaxLearnt is how many remote points may be remembered that were not added by AddRemote but
	// that MTP or SCMG had something to tell about. If zero, 4096. At the limit news about others is dropped and counted.
	MaxLearnt int

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // called with each message received from and sent to MTP; if nil, not called
}

// Timers are those of Q.714: T(stat info), T(coord chg), T(ignore SST), T(reassembly), and Ta and Td of section 2.6. Zero or less is the default.
type Timers struct {
	StatInfo    time.Duration // before the first status test of a subsystem; each later one waits twice as long. If zero, 30 s
	MaxStatInfo time.Duration // the longest wait between tests. If zero, 10 minutes
	CoordChg    time.Duration // waiting for the grant of a coordinated state change. If zero, 1 minute
	IgnoreSST   time.Duration // between the grant and going out of service. If zero, 30 s
	Reassembly  time.Duration // from the first segment to the last. If zero, 10 s
	FreezeRef   time.Duration // until a segmentation local reference may be used again. If zero, 30 s
	Attack      time.Duration // Ta: congestion reports within it count as one. If zero, 400 ms
	Decay       time.Duration // Td: without reports, congestion eases by a step. If zero, 2 s
}

func (t Timers) withDefaults() Timers {
	for _, d := range [...]struct {
		at    *time.Duration
		value time.Duration
	}{
		{&t.StatInfo, 30 * time.Second}, {&t.MaxStatInfo, 10 * time.Minute}, {&t.CoordChg, time.Minute}, {&t.IgnoreSST, 30 * time.Second},
		{&t.Reassembly, 10 * time.Second}, {&t.FreezeRef, 30 * time.Second}, {&t.Attack, 400 * time.Millisecond}, {&t.Decay, 2 * time.Second},
	} {
		if *d.at <= 0 {
			*d.at = d.value
		}
	}
	return t
}

// Node is the SCCP of one signalling point, for connectionless service: routing control, management, segmentation. It
// is a state machine without clock, goroutine, lock or socket. What it is told comes through its methods, which
// append to out what its surroundings have to do. Data and addresses in outputs are valid until the next
// call. A runner calls Expire when Deadline has passed. The methods must not be called at the same time.
type Node struct {
	cfg     Config
	t       Timers
	codec   Codec
	trans   *Translator
	timers  loop.Heap
	now     time.Time
	out     []Output
	buf     []byte    // messages of outputs
	digits  [2][]byte // scratch of translations, in turns
	address []byte    // scratch of addresses
	turn    uint8     // SLS of the next class 0 message

	subs    [256]*subsystem
	remotes map[mtp3.PointCode]*remote
	learnt  int
	paused  pauses

	parts      map[string]*reassembly
	partBytes  int
	ref        uint32
	refWrapped time.Time

	congestion      uint8 // of this node
	congestionCount uint8

	stats Stats
}

// Output is one thing that the surroundings of a [Node] have to do or to know.
type Output struct {
	Kind OutputKind

	MSU  mtp3.MSU // of Send
	Unit Unitdata // of UnitdataIndication and NoticeIndication: for the user at Unit.Called.SSN

	State State // of StateIndication, PointIndication and those of coordinated change
}

// OutputKind tells outputs apart.
type OutputKind uint8

// The outputs. The primitives are those of Q.711 sections 6.2 and 6.3.
const (
	Send               OutputKind = iota + 1 // MTP-TRANSFER request: give MSU to MTP
	UnitdataIndication                       // N-UNITDATA: a message for a local subsystem
	NoticeIndication                         // N-NOTICE: a message of a local subsystem comes back
	StateIndication                          // N-STATE: a subsystem, here or remote, goes in or out of service; for all local subsystems
	PointIndication                          // N-PCSTATE: a point or its SCCP becomes available, unavailable or congested; for all local subsystems
	CoordIndication                          // N-COORD: the replica of a local subsystem wants to go out of service: GrantCoord, or let it be
	CoordConfirm                             // N-COORD: the local subsystem may go out of service
	CoordRefused                             // the replica did not answer
)

var outputNames = [...]string{Send: "send", UnitdataIndication: "N-UNITDATA", NoticeIndication: "N-NOTICE", StateIndication: "N-STATE", PointIndication: "N-PCSTATE",
	CoordIndication: "N-COORD indication", CoordConfirm: "N-COORD confirm", CoordRefused: "N-COORD refused"}

// String is the kind in words.
func (k OutputKind) String() string { return name(outputNames[:], k, "OutputKind") }

func name[T ~uint8](names []string, v T, kind string) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", kind, uint8(v))
}

// Errors of configuration and of requests.
var (
	ErrHopCounter  = errors.New("sccp: a hop counter is 1 to 15")
	ErrMaxSIF      = errors.New("sccp: MaxSIF is 64 to 4091")
	ErrSubsystem   = errors.New("sccp: not a subsystem of this node")
	ErrSSN         = errors.New("sccp: a subsystem has a number of 2 to 255")
	ErrReplica     = errors.New("sccp: the subsystem has no replica, or that is not available")
	ErrNoGrant     = errors.New("sccp: nobody asks for a coordinated state change")
	ErrClass       = errors.New("sccp: connectionless service has classes 0 and 1")
	ErrImportance  = errors.New("sccp: an importance is 0 to 7")
	ErrUnitTooLong = errors.New("sccp: too long to send, even in 16 segments")
	ErrUnitNoData  = errors.New("sccp: no data to send")
	ErrReferences  = errors.New("sccp: all segmentation local references are frozen")
)

// NewNode returns a node without subsystems and remote points. It errs if cfg makes no sense.
func NewNode(cfg Config) (*Node, error) {
	if err := cfg.Format.Validate(); err != nil {
		return nil, err
	}
	for _, pc := range append([]mtp3.PointCode{cfg.PointCode}, cfg.Aliases...) {
		if pc > cfg.Format.MaxPointCode() {
			return nil, fmt.Errorf("sccp: point code %d does not fit %d bits", pc, cfg.Format.PointCodeBits())
		}
	}
	if cfg.HopCounter == 0 {
		cfg.HopCounter = 15
	}
	if cfg.HopCounter > 15 {
		return nil, ErrHopCounter
	}
	if cfg.MaxSIF == 0 {
		cfg.MaxSIF = mtp3.MaxSIF
		if cfg.Long {
			cfg.MaxSIF = mtp3.MaxLongSIF
		}
	}
	if cfg.MaxSIF < 64 || cfg.MaxSIF > mtp3.MaxLongSIF {
		return nil, ErrMaxSIF
	}
	for _, d := range [...]struct {
		at    *int
		value int
	}{{&cfg.MaxReassembly, 1 << 20}, {&cfg.MaxReassemblies, 4096}, {&cfg.MaxLearnt, 4096}} {
		if *d.at <= 0 {
			*d.at = d.value
		}
	}
	if cfg.Name == "" {
		cfg.Name = cfg.Format.PointCodeString(cfg.PointCode)
	}
	n := &Node{cfg: cfg, t: cfg.Timers.withDefaults(), codec: Codec{Format: cfg.Format}, trans: cfg.Translator,
		remotes: map[mtp3.PointCode]*remote{}, parts: map[string]*reassembly{}}
	if n.trans == nil {
		n.trans = &Translator{}
	}
	n.paused.bits = uint8(cfg.Format.PointCodeBits())
	return n, nil
}

func (n *Node) begin(now time.Time, out []Output) {
	n.now, n.out, n.buf = now, out, n.buf[:0]
}

func (n *Node) end() []Output {
	out := n.out
	n.out = nil
	return out
}

func (n *Node) isLocal(pc mtp3.PointCode) bool {
	if pc == n.cfg.PointCode {
		return true
	}
	for _, a := range n.cfg.Aliases {
		if pc == a {
			return true
		}
	}
	return false
}

// HandleMTP takes a primitive from MTP: a message with service indicator SCCP for this node, or news about points.
func (n *Node) HandleMTP(now time.Time, p mtp3.Primitive, out []Output) []Output {
	n.begin(now, out)
	switch p.Kind {
	case mtp3.TransferPrimitive:
		n.receive(p.MSU)
	case mtp3.PausePrimitive:
		n.pause(p.Affected, true)
	case mtp3.ResumePrimitive:
		n.pause(p.Affected, false)
	case mtp3.StatusPrimitive:
		n.status(p.Affected, p.Status)
	}
	return n.end()
}

// Deadline is when Expire has to be called; zero if no timer runs.
func (n *Node) Deadline() time.Time { return n.timers.Deadline() }

// Expire does what is due.
func (n *Node) Expire(now time.Time, out []Output) []Output {
	n.begin(now, out)
	for t := n.timers.Due(now); t != nil; t = n.timers.Due(now) {
		t.Fire()
	}
	return n.end()
}

// Stats are the counters of a [Node] since it was made.
type Stats struct {
	Reasons    Reasons    // messages not delivered or sent on, by reason
	Received   [21]uint64 // from MTP, by message type
	Sent       [21]uint64 // to MTP, by message type
	Translated uint64     // titles translated
	Delivered  uint64     // to local subsystems, notices included
	Requests   uint64     // from local subsystems
	Returned   uint64     // sent back as UDTS, XUDTS, LUDTS, or as notices to local subsystems
	Segmented  uint64     // messages sent in segments
	Assembled  uint64     // messages put together
	Waiting    int        // messages that wait for segments now
	Learnt     int        // remote points remembered that were not configured
}

// Stats are the counters now.
func (n *Node) Stats() Stats {
	s := n.stats
	s.Waiting, s.Learnt = len(n.parts), n.learnt
	return s
}

// Translator is the translator of the node, whose table may be changed at any time.
func (n *Node) Translator() *Translator { return n.trans }

func (n *Node) drop(r Reason) { n.stats.Reasons[r]++ }

func (n *Node) log(msg string, args ...any) {
	if n.cfg.Logger != nil {
		n.cfg.Logger.Info(msg, append([]any{"node", n.cfg.Name}, args...)...)
	}
}

func (n *Node) pc(pc mtp3.PointCode) string { return n.cfg.Format.PointCodeString(pc) }

func (n *Node) tell(kind OutputKind, s State) {
	n.out = append(n.out, Output{Kind: kind, State: s})
}
