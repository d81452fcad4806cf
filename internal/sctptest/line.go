package sctptest

import (
	"context"
	"errors"
	"time"

	"github.com/gotelco/telco/sctp"
)

var lineTests = []test{
	{"PeerLost", testPeerLost, lines},
	{"DialNobody", testDialNobody, lines},
	{"Interrupted", testInterrupted, lines},
	{"PathFailure", testPathFailure, lines | paths},
	{"Restart", testRestart, lines | port},
	{"SimultaneousDial", testSimultaneousDial, port},
}

// hasty loses a peer within a second or two.
var hasty = sctp.Config{RTOInitial: 50 * time.Millisecond, RTOMin: 50 * time.Millisecond, RTOMax: 200 * time.Millisecond,
	Heartbeat: 100 * time.Millisecond, PathMaxRetrans: 2, AssocMaxRetrans: 5, MaxInitRetrans: 3, SACKDelay: 10 * time.Millisecond}

func (b *bench) needCut() {
	b.Cleanup(func() { b.Cut(-1, false) })
}

func testPeerLost(b *bench) {
	b.needCut()
	c, s := b.pair(hasty, hasty)
	c.send(sctp.Message{Data: []byte("before")})
	s.message()
	b.Cut(-1, true)
	c.send(sctp.Message{Data: []byte("into the void")})
	c.down(sctp.PeerLost)
	s.down(sctp.PeerLost) // by heartbeats alone
}

func testDialNobody(b *bench) {
	b.needCut()
	l := b.listen(sctp.Config{})
	b.Cut(-1, true)
	_, err := b.Client.Dial(b.ctx(), b.ClientAddr, l.Addr(), hasty)
	(&end{b: b, name: "dial"}).reason(err, sctp.CannotStart)
	ctx, cancel := context.WithTimeout(b.ctx(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.Client.Dial(ctx, b.ClientAddr, l.Addr(), sctp.Config{}); !errors.Is(err, context.DeadlineExceeded) {
		b.Errorf("dial with a context: %v", err)
	}
}

// A short interruption costs time, no message.
func testInterrupted(b *bench) {
	b.needCut()
	cfg := hasty
	cfg.PathMaxRetrans, cfg.AssocMaxRetrans = 50, 50
	c, s := b.pair(cfg, cfg)
	const count, size = 200, 2000
	go func() {
		for i := range count {
			if _, err := c.Send(b.ctx(), numbered(1, i, 17, size)); err != nil {
				b.Errorf("message %d: %v", i, err)
				return
			}
			if i%50 == 25 {
				b.Cut(-1, true)
				time.Sleep(100 * time.Millisecond)
				b.Cut(-1, false)
			}
		}
	}()
	s.check(1, count, 17, size)
}

// One of two paths fails: what is sent arrives by the other.
func testPathFailure(b *bench) {
	b.needCut()
	cfg := hasty
	cfg.AssocMaxRetrans = 50
	c, s := b.pair(cfg, cfg)
	for i := range b.ServerAddr.IPs {
		c.send(numbered(1, 0, 17, 100))
		s.check(1, 1, 17, 100)
		b.Cut(i, true)
		for k := range 20 {
			c.send(numbered(1, k, 17, 100))
		}
		s.check(1, 20, 17, 100)
		for _, e := range []*end{c, s} {
			for {
				r := e.next()
				if r.Event != nil && r.Event.Kind == sctp.PathDown {
					if want := e.RemoteAddr().Port; r.Event.Path.Port != want || len(r.Event.Path.IPs) != 1 {
						b.Errorf("%s: path %v is down", e.name, r.Event.Path)
					}
					break
				}
				if r.Event == nil || !optional(r.Event.Kind) {
					b.Fatalf("%s: %v, want PathDown", e.name, r)
				}
			}
		}
		b.Cut(i, false)
		for _, e := range []*end{c, s} {
			e.event(sctp.PathUp)
			active := 0
			until(b, func() bool {
				active = 0
				for _, p := range e.Status().Paths {
					if p.Active {
						active++
					}
				}
				return active == len(b.ServerAddr.IPs)
			})
			if active != len(b.ServerAddr.IPs) {
				b.Errorf("%s: %d active paths", e.name, active)
			}
		}
	}
}

// A client that comes back under its old address: the server keeps its association and is told.
func testRestart(b *bench) {
	b.needCut()
	from := b.ClientAddr
	from.Port = b.FixedPort
	l := b.listen(sctp.Config{})
	c := b.dial(from, l.Addr(), sctp.Config{})
	s := b.accept(l)
	c.send(sctp.Message{Data: []byte("before")})
	s.message()
	if b.Crash != nil {
		b.Crash(c.Conn)
	} else {
		b.Cut(-1, true)
		c.Abort("nobody hears this")
		time.Sleep(50 * time.Millisecond)
		b.Cut(-1, false)
	}
	c = b.dial(from, l.Addr(), sctp.Config{OutStreams: 3})
	if e := s.event(sctp.Restart); e.In != 3 || e.Out != 17 {
		b.Errorf("after the restart %d streams in and %d out, want 3 and 17", e.In, e.Out)
	}
	c.send(sctp.Message{Stream: 2, Data: []byte("after")})
	if m := s.message(); string(m.Data) != "after" {
		b.Errorf("got %q", m.Data)
	}
	s.send(sctp.Message{Stream: 16, Data: []byte("welcome back")})
	if m := c.message(); string(m.Data) != "welcome back" {
		b.Errorf("got %q", m.Data)
	}
	ctx, cancel := context.WithTimeout(b.ctx(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.Accept(ctx); err == nil {
		b.Error("a restart was accepted as an association of its own")
	}
}

// Both ends dial each other: one association comes of it.
func testSimultaneousDial(b *bench) {
	l := b.listen(sctp.Config{}) // for a port that is free
	at := l.Addr()
	l.Close()
	from := b.ClientAddr
	from.Port = b.FixedPort
	if len(from.IPs) == 0 {
		from.IPs = at.IPs
	}
	dial := func(n sctp.Network, from, to sctp.Addr, got chan<- sctp.Conn) {
		for b.Context().Err() == nil {
			if c, err := n.Dial(b.ctx(), from, to, sctp.Config{RTOInitial: 100 * time.Millisecond, RTOMin: 100 * time.Millisecond}); err == nil {
				got <- c
				return
			}
			time.Sleep(3 * time.Millisecond)
		}
	}
	clients, servers := make(chan sctp.Conn, 1), make(chan sctp.Conn, 1)
	go dial(b.Client, from, at, clients)
	go dial(b.Server, at, from, servers)
	ends := map[string]*end{}
	for range 2 {
		select {
		case c := <-clients:
			ends["client"] = &end{c, b, "client"}
		case s := <-servers:
			ends["server"] = &end{s, b, "server"}
		case <-time.After(patience):
			b.Fatal("they never met")
		}
	}
	for name, e := range ends {
		defer e.Abort("")
		e.event(sctp.Up)
		e.send(sctp.Message{Data: []byte(name)})
	}
	if m := ends["client"].message(); string(m.Data) != "server" {
		b.Errorf("the client got %q", m.Data)
	}
	if m := ends["server"].message(); string(m.Data) != "client" {
		b.Errorf("the server got %q", m.Data)
	}
}
