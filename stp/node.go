package stp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

// Node is a signalling point: level 3 with its links in one loop ([mtp3.Node], [m2pa.Loop]), a signalling
// gateway for Application Servers ([m3ua.SG]), gateways that it is an ASP of, and what joins them: the
// nodal interworking function of RFC 4666 section 1.4.6. Messages between Application Servers pass on the
// goroutines that read the associations; those over links pass through the loop.
//
// [New] checks the configuration, [Node.Run] does the rest. All methods may be called by many goroutines.
type Node struct {
	opt    Options
	log    *slog.Logger
	format mtp3.Format
	ni     mtp3.NetworkIndicator
	name   string

	mtp    *mtp3.Node // of the loop
	router *mtp3.Router
	loop   *m2pa.Loop
	sg     *m3ua.SG

	in      inbox
	wake    chan struct{}
	targets atomic.Pointer[targets]

	mu       sync.Mutex // of what follows
	cfg      *Config
	started  bool
	closed   bool
	gateways map[string]*gateway
	listens  map[string]*listener

	strangers map[string]bool // ASPs that no AS names

	ready    chan struct{}
	ended    chan struct{}
	applying sync.Mutex // one Apply at a time

	evMu   sync.Mutex
	events []m3ua.Event // for the loop

	// Of the loop's goroutine:
	out      []mtp3.Output
	linksets map[string]*linkset
	links    map[string]*link
	byLevel2 map[*m2pa.Link]*link
	owners   map[string]*target // by name
	asStates map[string]m3ua.State
	routes   map[routeKey]mtp3.Route
	told     map[mtp3.Destination]mtp3.Availability // the gateway's ASPs
	scons    map[mtp3.PointCode]time.Time
	again    []mtp3.MSU // messages that users made while outputs were being handled
	againBuf []byte
	spare    []mtp3.MSU
	spareBuf []byte
	sccp     *sccp.Node // nil: it translates nothing
	sccpOut  []sccp.Output
	waiters  []*waiter

	cfgCongestion mtp3.CongestionMode
	anyCongested  atomic.Bool // some owner is

	history history
	notes   notes
	began   time.Time
}

// linkset is a linkset of the configuration.
type linkset struct {
	id  mtp3.LinksetID
	cfg LinksetConfig
}

// link is a link of the configuration.
type link struct {
	id      mtp3.LinkID
	name    string
	linkset string
	cfg     LinkConfig
	l2      *m2pa.Link
}

// New makes a node. The configuration has to be one that [Config.Check] finds no errors in; New errs
// about what it finds itself. It starts nothing.
func New(cfg *Config, opt Options) (*Node, error) {
	n := &Node{
		opt: opt, log: opt.Logger, cfg: cfg, format: cfg.Node.Format, ni: cfg.Node.NI, name: cfg.Name(),
		wake: make(chan struct{}, 1), ready: make(chan struct{}), ended: make(chan struct{}),
		linksets: map[string]*linkset{}, links: map[string]*link{}, byLevel2: map[*m2pa.Link]*link{},
		owners: map[string]*target{}, asStates: map[string]m3ua.State{}, routes: map[routeKey]mtp3.Route{},
		told: map[mtp3.Destination]mtp3.Availability{}, scons: map[mtp3.PointCode]time.Time{},
		gateways: map[string]*gateway{}, listens: map[string]*listener{}, strangers: map[string]bool{},
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.opt.TCP == nil {
		n.opt.TCP = m3ua.TCP{}
	}
	n.in.init()
	n.in.closed = true
	n.targets.Store(&targets{})
	var err error
	level3 := cfg.mtp3Config()
	level3.Logger, level3.Trace, level3.ToOwner = opt.Logger, opt.Trace, n.toOwner
	n.cfgCongestion = level3.Congestion
	if n.mtp, err = mtp3.NewNode(level3); err != nil {
		return nil, err
	}
	n.router = n.mtp.Router()
	for si := range opt.Users {
		n.mtp.SetUser(si, true)
	}
	if cfg.translates() {
		if err := n.startSCCP(cfg); err != nil {
			return nil, err
		}
	}
	if opt.Network == nil && cfg.needsSCTP() {
		return nil, ErrNoNetwork
	}
	return n, nil
}

// Run runs the node until ctx is done, and then ends its associations. It can be called once. It errs
// if something of the configuration cannot be started, such as an address that is taken.
func (n *Node) Run(ctx context.Context) error {
	n.mu.Lock()
	if n.started {
		n.mu.Unlock()
		return errors.New("stp: a node runs once")
	}
	n.started, n.began = true, time.Now()
	cfg := n.cfg
	n.mu.Unlock()
	defer n.stop()
	var err error
	sg := cfg.sgConfig()
	sg.ExternalRouting, sg.Transfer, sg.Event, sg.Logger, sg.Trace = true, n.fromASP, n.sgEvent, n.opt.Logger, n.opt.Trace
	if n.sg, err = m3ua.NewSG(sg); err != nil {
		return err
	}
	n.loop = m2pa.NewLoop(m2pa.LoopConfig{Handle: n.level2, Deadline: n.deadline, Expire: n.expire, Wake: n.wake, Poll: n.poll, Logger: n.opt.Logger})
	n.in.open()
	if err := n.build(ctx, cfg); err != nil {
		return err
	}
	n.log.Info("stp: running", "node", n.name, "point_code", n.format.PointCodeString(cfg.Node.PointCode))
	close(n.ready)
	<-ctx.Done()
	return nil
}

// Ready is closed when the node listens and its links have begun to align.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// stop ends what Run started.
func (n *Node) stop() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	close(n.ended)
	n.mu.Lock()
	listens, gateways := n.listens, n.gateways
	n.mu.Unlock()
	for _, l := range listens {
		l.close()
	}
	for _, g := range gateways {
		g.close()
	}
	n.in.close()
	if n.sg != nil {
		n.sg.Close()
	}
	if n.loop != nil {
		n.drain()
		n.loop.Close()
	}
	n.log.Info("stp: ended", "node", n.name)
}

// drain gives links a moment for what they have in their buffers.
func (n *Node) drain() {
	for range 20 {
		waiting := 0
		if n.loop.Do(context.Background(), func(time.Time) {
			for _, l := range n.links {
				if s := l.l2.Stats(); s.State == m2pa.StateInService {
					waiting += s.Unsent + s.Unacknowledged
				}
			}
		}) != nil || waiting == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// do calls f in the loop.
func (n *Node) do(ctx context.Context, f func(now time.Time)) error {
	select {
	case <-n.ready:
	default:
		return ErrNotRunning
	}
	if err := n.loop.Do(ctx, f); err != nil {
		if errors.Is(err, net.ErrClosed) {
			return ErrNotRunning
		}
		return err
	}
	return nil
}

// doing is do while the node is being built as well.
func (n *Node) doing(ctx context.Context, f func(now time.Time)) error { return n.loop.Do(ctx, f) }

// Transfer sends a message of a user of this node (MTP-TRANSFER request). A zero OPC is that of the node.
// It waits only while the node has more to do than it can, and keeps nothing of m.
func (n *Node) Transfer(m *mtp3.MSU) error {
	if err := n.format.CheckMSU(*m); err != nil {
		n.router.Count(mtp3.InvalidPrimitive)
		return err
	}
	ok, wake := n.in.put(fromUser, nil, m)
	if !ok {
		return ErrNotRunning
	}
	if wake {
		n.kick()
	}
	return nil
}

// kick wakes the loop.
func (n *Node) kick() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Config is the configuration that is in force, with its defaults. It must not be changed.
func (n *Node) Config() *Config {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cfg
}

// pc writes a point code.
func (n *Node) pc(pc mtp3.PointCode) string { return n.format.PointCodeString(pc) }

func (c *Config) needsSCTP() bool {
	for _, l := range c.Listen {
		if l.M3UA.Port != 0 || l.M2PA.Port != 0 || len(l.M3UA.IPs)+len(l.M2PA.IPs) > 0 {
			return true
		}
	}
	for _, l := range c.Linksets {
		if len(l.Links) > 0 {
			return true
		}
	}
	for _, a := range c.AllASPs() {
		if len(a.Connect.IPs) > 0 && a.TCP != On {
			return true
		}
	}
	for _, g := range c.Gateways {
		if g.TCP != On {
			return true
		}
	}
	return false
}

// routeKey is a way to a destination in the configuration.
type routeKey struct {
	to  mtp3.Destination
	via string // "linkset X", "as X", "point 1.2.3", "gateway X"
}

func (k routeKey) String() string { return fmt.Sprintf("%d/%d via %s", k.to.PC, k.to.Wild, k.via) }
