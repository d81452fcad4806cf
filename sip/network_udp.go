package sip

import (
	"errors"
	"net"
	"net/netip"
)

// socket is one UDP socket: a reader goroutine, and sends from anywhere.
type socket struct {
	network    *network
	id         uint64
	pc         net.PacketConn
	fast       addrPortConn // pc, if it has the methods that don't allocate
	local      netip.AddrPort
	advertised advertised
	source     sourceAddrs // of an unbound socket: which of our addresses datagrams come to
}

// addrPortConn is what *net.UDPConn has beyond net.PacketConn.
type addrPortConn interface {
	ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort([]byte, netip.AddrPort) (int, error)
}

// maxDatagram is the largest payload of UDP over IPv4.
const maxDatagram = 65507

// servePacketConn reads pc until it or the network is closed.
func (n *network) servePacketConn(pc net.PacketConn, lc ListenConfig) (Flow, error) {
	adv, err := parseAdvertised(lc.Advertise)
	if err != nil {
		pc.Close()
		return Flow{}, err
	}
	s := &socket{network: n, pc: pc, local: addrPortOf(pc.LocalAddr()), advertised: adv}
	s.fast, _ = pc.(addrPortConn)
	if uc, ok := pc.(*net.UDPConn); ok {
		n.tuneUDP(s, uc, lc)
	}
	n.mu.Lock()
	if n.closing {
		n.mu.Unlock()
		pc.Close()
		return Flow{}, net.ErrClosed
	}
	s.id = n.nextID()
	old := *n.sockets.Load()
	all := append(append(make([]*socket, 0, len(old)+1), old...), s)
	n.sockets.Store(&all)
	n.wg.Add(1)
	n.mu.Unlock()
	n.log.Info("listening", "transport", UDP, "local", s.local)
	go s.read()
	return Flow{Transport: UDP, Local: s.local, conn: s.id}, nil
}

// addrPortOf converts the addresses of package net, with IPv4 as such.
func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	case nil:
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// socket finds the socket of a flow.
func (n *network) socket(f Flow) *socket {
	all := *n.sockets.Load()
	if f.conn != 0 {
		for _, s := range all {
			if s.id == f.conn {
				return s
			}
		}
		return nil
	}
	if f.Local.IsValid() {
		for _, s := range all {
			if s.local == f.Local {
				return s
			}
		}
		for _, s := range all {
			if s.local.Port() == f.Local.Port() && s.local.Addr().IsUnspecified() && reaches(s.local.Addr(), f.Local.Addr()) {
				return s
			}
		}
		return nil
	}
	return n.socketFor(f.Remote.Addr())
}

// socketFor chooses the socket to send to a new peer: the first that reaches it. Sockets on
// loopback addresses reach only such.
func (n *network) socketFor(remote netip.Addr) *socket {
	for _, s := range *n.sockets.Load() {
		a := s.local.Addr()
		switch {
		case a.IsUnspecified():
			if a.Is4() && !remote.Is4() {
				continue
			}
		case a.Is4() != remote.Is4(), a.IsLoopback() != remote.IsLoopback():
			continue
		}
		return s
	}
	return nil
}

// datagramFlow chooses the socket for remote, opening one if there is none at all.
func (n *network) datagramFlow(remote netip.AddrPort, from Flow) (Flow, error) {
	var s *socket
	if from.Transport == UDP && (from.conn != 0 || from.Local.IsValid()) {
		s = n.socket(from)
	} else if from.Local.IsValid() {
		s = n.socket(Flow{Transport: UDP, Local: from.Local})
	}
	if s == nil {
		s = n.socketFor(remote.Addr())
	}
	if s == nil {
		if len(*n.sockets.Load()) > 0 {
			return Flow{}, errNoSocket
		}
		var err error
		if s, err = n.openSocket(remote.Addr()); err != nil {
			return Flow{}, err
		}
	}
	f := Flow{UDP, s.local, remote, s.id}
	if s.local.Addr().IsUnspecified() {
		if s.id == from.conn && from.Local.IsValid() && !from.Local.Addr().IsUnspecified() {
			f.Local = from.Local
		} else if a := n.routedFrom(remote.Addr()); a.IsValid() {
			f.Local = netip.AddrPortFrom(a, s.local.Port())
		}
	}
	return f, nil
}

// openSocket opens a UDP socket on a free port, for an endpoint that listens nowhere.
func (n *network) openSocket(remote netip.Addr) (*socket, error) {
	any := netip.IPv4Unspecified()
	if remote.Is6() {
		any = netip.IPv6Unspecified()
	}
	listen := n.cfg.ListenPacket
	if listen == nil {
		listen = func(a netip.AddrPort) (net.PacketConn, error) {
			return net.ListenUDP(familyOf("udp", a.Addr()), net.UDPAddrFromAddrPort(a))
		}
	}
	pc, err := listen(netip.AddrPortFrom(any, 0))
	if err != nil {
		return nil, err
	}
	f, err := n.servePacketConn(pc, ListenConfig{Transport: UDP})
	if err != nil {
		return nil, err
	}
	return n.socket(f), nil
}

// maxRoutes bounds the memory of routedFrom.
const maxRoutes = 1024

// routedFrom returns the address from which the system would reach remote, to be shown in Via
// and Contact by a socket that is bound to all addresses. Connecting a UDP socket asks the
// routing table and sends nothing.
func (n *network) routedFrom(remote netip.Addr) netip.Addr {
	n.mu.RLock()
	a, ok := n.routes[remote]
	n.mu.RUnlock()
	if ok {
		return a
	}
	if c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote, 9))); err == nil {
		a = addrPortOf(c.LocalAddr()).Addr()
		c.Close()
	}
	n.mu.Lock()
	if len(n.routes) >= maxRoutes {
		clear(n.routes)
	}
	n.routes[remote] = a
	n.mu.Unlock()
	return a
}

// send writes one datagram.
func (s *socket) send(f Flow, data []byte) error {
	if len(data) > maxDatagram {
		return &TransportError{"send", UDP, f.Remote, errMessageTooLong}
	}
	err := s.write(f, data)
	if err != nil {
		s.network.stats.sendErrors.Add(1)
		return &TransportError{"send", UDP, f.Remote, err}
	}
	s.network.stats.sent[UDP].Add(1)
	return nil
}

func (s *socket) write(f Flow, data []byte) error {
	if handled, err := s.source.write(s, f, data); handled {
		return err
	}
	if s.fast != nil {
		_, err := s.fast.WriteToUDPAddrPort(data, f.Remote)
		return err
	}
	_, err := s.pc.WriteTo(data, net.UDPAddrFromAddrPort(f.Remote))
	return err
}

// read receives until the socket is closed.
func (s *socket) read() {
	n := s.network
	defer n.wg.Done()
	defer s.remove()
	if uc, ok := s.pc.(*net.UDPConn); ok && s.readBatches(uc) {
		return
	}
	buf := make([]byte, 65536)
	for failures := 0; ; {
		k, from, err := s.readOne(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || n.ctx.Err() != nil {
				return
			}
			n.stats.receiveErrors.Add(1)
			failures++
			n.log.Warn("receive", "transport", UDP, "local", s.local, "err", err)
			n.backoff(failures)
			continue
		}
		failures = 0
		s.deliver(Flow{UDP, s.local, from, s.id}, buf[:k])
	}
}

func (s *socket) readOne(buf []byte) (int, netip.AddrPort, error) {
	if s.fast != nil {
		k, from, err := s.fast.ReadFromUDPAddrPort(buf)
		return k, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	k, from, err := s.pc.ReadFrom(buf)
	return k, addrPortOf(from), err
}

// deliver hands on one datagram. Keep-alives end here: CRLF CRLF is answered with CRLF as on
// connections, and whatever else is nothing but line ends is dropped.
func (s *socket) deliver(f Flow, data []byte) {
	n := s.network
	if len(data) <= 4 && isKeepAlive(data) {
		n.stats.keepAlives.Add(1)
		if len(data) == 4 && data[0] == '\r' {
			s.write(f, data[:2])
		}
		return
	}
	n.stats.received[UDP].Add(1)
	n.receive(f, data)
}

// remove takes the socket out of the network.
func (s *socket) remove() {
	s.pc.Close()
	n := s.network
	n.mu.Lock()
	defer n.mu.Unlock()
	old := *n.sockets.Load()
	all := make([]*socket, 0, len(old))
	for _, o := range old {
		if o != s {
			all = append(all, o)
		}
	}
	n.sockets.Store(&all)
}
