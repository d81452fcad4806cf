package sctptest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/sctp"
)

// Lab is two hosts, or one that talks to itself.
type Lab struct {
	Client, Server sctp.Network // may be one and the same

	// ServerAddr is where the server listens; a zero port is chosen. ClientAddr is where Dial
	// comes from, which may be zero. Both have at least two addresses, or paths are not tested.
	ServerAddr, ClientAddr sctp.Addr

	// FixedPort is a free port of the client's, for associations that have to come from the same
	// one again. If zero, restart and simultaneous setting up are not tested.
	FixedPort uint16

	// AbortWithoutText says that the text of Abort does not reach the peer.
	AbortWithoutText bool

	// Cut cuts path number i between the hosts, or all if it is negative, or restores it. If nil,
	// losses are not tested.
	Cut func(i int, cut bool)

	// Crash ends a client's association without a word. If nil, it is aborted while all is cut.
	Crash func(c sctp.Conn)
}

const patience = 30 * time.Second // nothing that works takes so long

// Run runs the tests, each as a subtest in a lab of its own that open makes; in a bubble of
// testing/synctest if time is to be virtual, for which a network has to be without sockets.
// A lab that lacks what a test needs passes it, with a word in the log.
func Run(t *testing.T, virtual bool, open func(t *testing.T) Lab) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := func(t *testing.T) {
				lab := open(t)
				if what := test.needs.missing(lab); what != "" {
					t.Log("not tested: this lab has no " + what)
					return
				}
				test.run(&bench{T: t, Lab: lab})
			}
			if virtual {
				synctest.Test(t, run)
			} else {
				run(t)
			}
		})
	}
}

var tests = slices.Concat(messageTests, endTests, lineTests)

type test struct {
	name  string
	run   func(b *bench)
	needs need
}

// need is what a test needs of a lab.
type need uint8

const (
	lines need = 1 << iota // that can be cut
	paths                  // two of them
	port                   // a fixed one
)

func (n need) missing(l Lab) string {
	switch {
	case n&lines != 0 && l.Cut == nil:
		return "lines to cut"
	case n&paths != 0 && (len(l.ServerAddr.IPs) < 2 || !l.Client.Capabilities().Multihomed):
		return "second path"
	case n&port != 0 && l.FixedPort == 0:
		return "fixed port"
	}
	return ""
}

// bench is a lab with what tests do in it.
type bench struct {
	*testing.T
	Lab
}

func (b *bench) ctx() context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	b.Cleanup(cancel)
	return ctx
}

func done(b *bench) context.Context {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	return ctx
}

func (b *bench) listen(cfg sctp.Config) sctp.Listener {
	b.Helper()
	l, err := b.Server.Listen(b.ctx(), b.ServerAddr, cfg)
	if err != nil {
		b.Fatalf("listen on %v: %v", b.ServerAddr, err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

// end is one end of an association, which takes in one thing at a time.
type end struct {
	sctp.Conn
	b    *bench
	name string
}

// pair is an association whose Up both ends have seen.
func (b *bench) pair(client, server sctp.Config) (c, s *end) {
	b.Helper()
	return b.pairFrom(b.ClientAddr, client, server)
}

func (b *bench) pairFrom(from sctp.Addr, client, server sctp.Config) (c, s *end) {
	b.Helper()
	l := b.listen(server)
	c = b.dial(from, l.Addr(), client)
	return c, b.accept(l)
}

func (b *bench) dial(from, to sctp.Addr, cfg sctp.Config) *end {
	b.Helper()
	conn, err := b.Client.Dial(b.ctx(), from, to, cfg)
	if err != nil {
		b.Fatalf("dial: %v", err)
	}
	b.Cleanup(func() { conn.Abort("the test is over") })
	c := &end{conn, b, "client"}
	c.event(sctp.Up)
	return c
}

func (b *bench) accept(l sctp.Listener) *end {
	b.Helper()
	conn, err := l.Accept(b.ctx())
	if err != nil {
		b.Fatalf("accept: %v", err)
	}
	b.Cleanup(func() { conn.Abort("the test is over") })
	s := &end{conn, b, "server"}
	s.event(sctp.Up)
	return s
}

// next is the next thing, whose data is a copy.
func (e *end) next() sctp.Received {
	e.b.Helper()
	in, err := e.Receive(e.b.ctx(), nil)
	if err != nil {
		e.b.Fatalf("%s: receive: %v", e.name, err)
	}
	if len(in) == 0 {
		e.b.Fatalf("%s: Receive returned nothing", e.name)
	}
	if len(in) > 1 {
		e.b.Fatalf("%s: Receive returned %d where there was room for one", e.name, len(in))
	}
	if in[0].Event == nil && len(in[0].Data) == 0 {
		e.b.Fatalf("%s: received a message without data", e.name)
	}
	in[0].Data = bytes.Clone(in[0].Data)
	return in[0]
}

// optional are the events that a backend may tell of at any time.
func optional(k sctp.EventKind) bool {
	return k == sctp.PathUp || k == sctp.PathDown || k == sctp.SendFailed
}

// event waits for an event; others that are optional are skipped.
func (e *end) event(want sctp.EventKind) sctp.Event {
	e.b.Helper()
	for {
		r := e.next()
		switch {
		case r.Event == nil:
			e.b.Fatalf("%s: a message of %d octets, want %v", e.name, len(r.Data), want)
		case r.Event.Kind == want:
			return *r.Event
		case !optional(r.Event.Kind):
			e.b.Fatalf("%s: %v (%v), want %v", e.name, r.Event.Kind, r.Event.Reason, want)
		}
	}
}

// message waits for a message.
func (e *end) message() sctp.Message {
	e.b.Helper()
	for {
		r := e.next()
		if r.Event == nil {
			return r.Message
		}
		if !optional(r.Event.Kind) {
			e.b.Fatalf("%s: %v (%v), want a message", e.name, r.Event.Kind, r.Event.Reason)
		}
	}
}

// down waits for Down, and that the error after it is the same.
func (e *end) down(want sctp.Reason) *sctp.DownError {
	e.b.Helper()
	for {
		r := e.next()
		if r.Event == nil || r.Event.Kind == sctp.PeerClosing {
			continue
		}
		if r.Event.Kind == sctp.Down {
			d := e.reason(r.Event.Reason, want)
			if in, err := e.Receive(e.b.ctx(), nil); len(in) > 0 || err == nil {
				e.b.Fatalf("%s: after Down: %v, %v", e.name, in, err)
			} else {
				e.reason(err, want)
			}
			if _, err := e.Send(e.b.ctx(), sctp.Message{Data: []byte("late")}); err == nil {
				e.b.Errorf("%s: a message was taken after Down", e.name)
			}
			return d
		}
		if !optional(r.Event.Kind) {
			e.b.Fatalf("%s: %v, want down", e.name, r.Event.Kind)
		}
	}
}

func (e *end) reason(err error, want sctp.Reason) *sctp.DownError {
	e.b.Helper()
	var d *sctp.DownError
	if !errors.As(err, &d) || d.Reason != want {
		e.b.Fatalf("%s: down with %v, want %v", e.name, err, want)
	}
	if errors.Is(err, net.ErrClosed) != (want == sctp.LocalClosed) {
		e.b.Errorf("%s: %v as net.ErrClosed: %v", e.name, err, errors.Is(err, net.ErrClosed))
	}
	return d
}

func (e *end) send(ms ...sctp.Message) {
	e.b.Helper()
	if n, err := e.Send(e.b.ctx(), ms...); n != len(ms) || err != nil {
		e.b.Fatalf("%s: sent %d of %d: %v", e.name, n, len(ms), err)
	}
}

// fill sends messages of size octets until there is no room.
func (e *end) fill(size int) (n int) {
	e.b.Helper()
	m := sctp.Message{Data: make([]byte, size)}
	for limit := 64 << 20 / size; n < limit; {
		m.Data[0] = byte(n)
		k, err := e.TrySend(m)
		n += k
		if err == nil {
			continue
		}
		if !errors.Is(err, sctp.ErrFull) {
			e.b.Fatalf("%s: %v, want ErrFull", e.name, err)
		}
		// What is under way may still make room.
		before := e.Status()
		time.Sleep(50 * time.Millisecond)
		if after := e.Status(); after.Unsent+after.Unacked >= before.Unsent+before.Unacked {
			if k, err := e.TrySend(m); err != nil {
				return n + k
			}
			n++
		}
	}
	e.b.Fatalf("%s: %d messages of %d octets were taken that nobody reads", e.name, n, size)
	return n
}
