package stp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func withPort(a sctp.Addr, port uint16) sctp.Addr {
	if a.Port == 0 {
		a.Port = port
	}
	return a
}

// build puts a configuration on the node that has nothing yet.
func (n *Node) build(ctx context.Context, c *Config) error {
	for _, a := range c.AllASPs() {
		if err := n.sg.AddASP(n.asp(c, &a)); err != nil {
			return err
		}
	}
	for i := range c.AS {
		if err := n.sg.AddAS(c.AS[i].asConfig()); err != nil {
			return err
		}
	}
	for i := range c.Gateways {
		if err := n.addGateway(c, &c.Gateways[i]); err != nil {
			return err
		}
	}
	for i := range c.Linksets {
		if err := n.addLinkset(ctx, c, &c.Linksets[i]); err != nil {
			return err
		}
	}
	if err := n.reroute(ctx); err != nil {
		return err
	}
	for i := range c.Linksets {
		for j := range c.Linksets[i].Links {
			if err := n.addLink(ctx, c, &c.Linksets[i], &c.Linksets[i].Links[j]); err != nil {
				return err
			}
		}
	}
	listeners := c.listeners()
	for _, name := range sortedKeys(listeners) {
		if err := n.listen(ctx, c, name, listeners[name]); err != nil {
			return err
		}
	}
	return nil
}

// asp is an ASP, with the way to dial it.
func (n *Node) asp(c *Config, a *ASPConfig) m3ua.ASPConfig {
	x := a.aspConfig()
	if len(a.Connect.IPs) > 0 {
		x.Dial = n.dial(c, a.TCP, a.Local, a.Connect)
	}
	return x
}

// dial is how M3UA dials a peer.
func (n *Node) dial(c *Config, tcp Switch, local, remote sctp.Addr) func(context.Context) (sctp.Conn, error) {
	network, cfg := n.opt.Network, c.sctpConfig()
	if tcp == On {
		network = n.opt.TCP
	}
	remote = withPort(remote, PortM3UA)
	if remote.UDP == 0 {
		remote.UDP = c.SCTP.UDP
	}
	local.UDP = c.SCTP.UDP
	return func(ctx context.Context) (sctp.Conn, error) { return network.Dial(ctx, local, remote, cfg) }
}

// addLinkset adds a linkset without its links.
func (n *Node) addLinkset(ctx context.Context, c *Config, l *LinksetConfig) error {
	var err error
	if e := n.doing(ctx, func(time.Time) {
		var id mtp3.LinksetID
		if id, err = n.mtp.AddLinkset(c.linksetConfig(l)); err == nil {
			n.linksets[l.Name] = &linkset{id: id, cfg: *l}
		}
	}); e != nil {
		return e
	}
	return err
}

// addLink adds a link, its association, and activates it if it is to start.
func (n *Node) addLink(ctx context.Context, c *Config, ls *LinksetConfig, k *LinkConfig) error {
	l := &link{name: ls.LinkName(k), linkset: ls.Name, cfg: *k}
	cfg := c.m2paConfig(ls, k)
	cfg.Logger, cfg.Trace = n.opt.Logger, n.opt.Trace
	l.l2 = m2pa.New(cfg)
	path := c.m2paPath(k)
	path.Network = n.opt.Network
	var err error
	if e := n.doing(ctx, func(time.Time) {
		if l.id, err = n.mtp.AddLink(n.linksets[ls.Name].id, mtp3.LinkConfig{Name: l.name, SLC: k.SLC, Link: l.l2}); err != nil {
			return
		}
		n.links[l.name] = l
		n.byLevel2[l.l2] = l
	}); e != nil {
		return e
	}
	if err == nil {
		err = n.loop.Add(l.l2, path)
	}
	if err != nil {
		return fmt.Errorf("stp: link %s: %w", l.name, err)
	}
	if !ls.starts(k) {
		return nil
	}
	return n.doing(ctx, func(now time.Time) {
		n.out = n.mtp.Activate(now, l.id, n.out[:0])
		n.handle(now)
	})
}

// listener accepts associations of M3UA.
type listener struct {
	l      sctp.Listener
	cancel context.CancelFunc
	done   chan struct{}
}

func (l *listener) close() {
	l.cancel()
	l.l.Close()
	<-l.done
}

// listeners are what M3UA listens on, by a name. Those of M2PA come with their links.
func (c *Config) listeners() map[string]ListenConfig {
	all := map[string]ListenConfig{}
	for _, l := range c.Listen {
		switch {
		case len(l.M3UA.IPs) > 0 || l.M3UA.Port != 0:
			a := withPort(l.M3UA, PortM3UA)
			if a.UDP == 0 {
				a.UDP = c.SCTP.UDP
			}
			all["m3ua "+a.String()] = ListenConfig{M3UA: a}
		case len(l.M3UATCP.IPs) > 0 || l.M3UATCP.Port != 0:
			a := withPort(l.M3UATCP, PortM3UA)
			all["m3ua-tcp "+a.String()] = ListenConfig{M3UATCP: a}
		}
	}
	return all
}

func (n *Node) listen(ctx context.Context, c *Config, name string, cfg ListenConfig) error {
	network, local := n.opt.Network, cfg.M3UA
	if cfg.M3UATCP.Port != 0 {
		network, local = n.opt.TCP, cfg.M3UATCP
	}
	ln, err := network.Listen(ctx, local, c.sctpConfig())
	if err != nil {
		return fmt.Errorf("stp: listen on %s: %w", name, err)
	}
	running, cancel := context.WithCancel(context.Background())
	l := &listener{l: ln, cancel: cancel, done: make(chan struct{})}
	n.mu.Lock()
	n.listens[name] = l
	n.mu.Unlock()
	go func() {
		defer close(l.done)
		for {
			err := n.accept(running, ln)
			if running.Err() != nil {
				return
			}
			n.log.Error("stp: listener failed", "listen", name, "err", err)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			select { // such as too many open files
			case <-running.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}()
	return nil
}

// accept gives each association to the gateway entry that expects it, else to the ASPs.
func (n *Node) accept(ctx context.Context, ln sctp.Listener) error {
	for {
		conn, err := ln.Accept(ctx)
		if err != nil {
			return err
		}
		if g := n.expecting(conn.RemoteAddr()); g != nil {
			g.attach(conn)
			continue
		}
		if n.stranger(conn) {
			continue
		}
		_ = n.sg.Accept(conn) // it tells and counts whom it refuses
	}
}

// stranger lets in an ASP that no AS names, if the configuration says so. It tells whether conn is one's.
func (n *Node) stranger(conn sctp.Conn) bool {
	c := n.Config()
	remote := conn.RemoteAddr()
	if c.M3UA.AnyASP != On {
		return false
	}
	for _, a := range c.AllASPs() {
		if (a.Peer.Port == 0 || a.Peer.Port == remote.Port) && slices.ContainsFunc(remote.IPs, func(ip netip.Addr) bool { return slices.Contains(a.Peer.IPs, ip.Unmap()) }) {
			return false
		}
	}
	name := remote.AddrPort().String()
	n.mu.Lock()
	known, full := n.strangers[name], len(n.strangers) >= maxStrangers
	n.strangers[name] = true
	n.mu.Unlock()
	if !known {
		if full {
			n.mu.Lock()
			delete(n.strangers, name)
			n.mu.Unlock()
			_ = conn.Abort("too many ASPs")
			return true
		}
		_ = n.sg.AddASP(m3ua.ASPConfig{Name: name})
	}
	if n.sg.Attach(name, conn) != nil {
		_ = conn.Abort("not accepted")
	}
	return true
}

// maxStrangers is how many ASPs may be there that no AS names.
const maxStrangers = 1024

// strangerLeft forgets an ASP that no AS names when its association is gone, in the loop.
func (n *Node) strangerLeft(name string) {
	n.mu.Lock()
	known := n.strangers[name]
	delete(n.strangers, name)
	n.mu.Unlock()
	if known {
		_ = n.sg.RemoveASP(name)
		n.notes.forget("asp " + name)
	}
}
