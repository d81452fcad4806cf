package sctptest

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/gotelco/telco/sctp"
)

var endTests = []test{
	{"Shutdown", testShutdown, 0},
	{"ShutdownBothEnds", testShutdownBothEnds, 0},
	{"ShutdownContext", testShutdownContext, 0},
	{"Abort", testAbort, 0},
	{"Close", testClose, 0},
	{"CloseWakes", testCloseWakes, 0},
	{"CloseUnread", testCloseUnread, 0},
	{"CloseTimeout", testCloseTimeout, 0},
	{"ListenerClose", testListenerClose, 0},
	{"DialRefused", testDialRefused, 0},
}

// Everything sent before arrives; both ends know that the other one agreed.
func testShutdown(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	const count, size = 100, 2000
	for i := range count {
		c.send(numbered(1, i, 17, size))
	}
	result := make(chan error, 1)
	go func() { result <- c.Shutdown(b.ctx()) }()
	s.check(1, count, 17, size)
	closing := false
	for {
		r := s.next()
		if r.Event == nil {
			b.Fatal("a message that nobody sent")
		}
		if r.Event.Kind == sctp.PeerClosing {
			closing = true
			if _, err := s.Send(b.ctx(), sctp.Message{Data: []byte("late")}); err == nil {
				b.Error("a message was taken after PeerClosing")
			}
		}
		if r.Event.Kind == sctp.Down {
			s.reason(r.Event.Reason, sctp.ShutdownComplete)
			break
		}
	}
	if !closing {
		b.Error("there was no PeerClosing")
	}
	if err := <-result; err != nil {
		b.Errorf("Shutdown: %v", err)
	}
	c.down(sctp.ShutdownComplete)
	if err := c.Shutdown(b.ctx()); err != nil {
		b.Errorf("Shutdown once more: %v", err)
	}
	if err := c.Close(); err != nil {
		b.Errorf("Close after Shutdown: %v", err)
	}
}

func testShutdownBothEnds(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	result := make(chan error, 2)
	go func() { result <- c.Shutdown(b.ctx()) }()
	go func() { result <- s.Shutdown(b.ctx()) }()
	c.down(sctp.ShutdownComplete)
	s.down(sctp.ShutdownComplete)
	for range 2 {
		if err := <-result; err != nil {
			b.Errorf("Shutdown: %v", err)
		}
	}
}

// A peer that does not read keeps a shutdown from ending.
func testShutdownContext(b *bench) {
	cfg := sctp.Config{SendBuffer: 32 << 10, ReceiveBuffer: 16 << 10}
	c, s := b.pair(cfg, cfg)
	c.fill(1000)
	ctx, cancel := context.WithTimeout(b.ctx(), 100*time.Millisecond)
	defer cancel()
	if err := c.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		b.Errorf("Shutdown: %v", err)
	}
	c.down(sctp.LocalClosed)
	s.down(sctp.PeerAborted)
}

func testAbort(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	c.send(sctp.Message{Data: []byte("before")})
	if m := s.message(); string(m.Data) != "before" {
		b.Errorf("got %q", m.Data)
	}
	if err := c.Abort("out of order"); err != nil {
		b.Error(err)
	}
	if d := s.down(sctp.PeerAborted); d.Code != 12 || string(d.Cause) != "out of order" && !b.AbortWithoutText {
		b.Errorf("cause %d %q", d.Code, d.Cause)
	}
	c.down(sctp.LocalClosed)
	if err := c.Abort("again"); err != nil {
		b.Errorf("a second Abort: %v", err)
	}
	if s := c.Status(); s.State != "CLOSED" {
		b.Errorf("state %s", s.State)
	}

	c, s = b.pair(sctp.Config{}, sctp.Config{})
	s.Abort("")
	c.down(sctp.PeerAborted)
}

// Close is a shutdown in the background.
func testClose(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	for range 10 {
		c.send(sctp.Message{Data: make([]byte, 1000)})
	}
	if err := c.Close(); err != nil {
		b.Error(err)
	}
	if err := c.Close(); err != nil {
		b.Errorf("a second Close: %v", err)
	}
	c.down(sctp.LocalClosed)
	for range 10 {
		s.message()
	}
	s.down(sctp.ShutdownComplete)
	if err := s.Close(); err != nil {
		b.Errorf("Close after Down: %v", err)
	}
}

func testCloseWakes(b *bench) {
	cfg := sctp.Config{SendBuffer: 16 << 10, ReceiveBuffer: 16 << 10, CloseTimeout: 50 * time.Millisecond}
	c, s := b.pair(cfg, cfg)
	c.fill(1000)
	results := make(chan error, 2)
	go func() {
		_, err := c.Send(b.ctx(), sctp.Message{Data: make([]byte, 1000)})
		results <- err
	}()
	go func() {
		for {
			in, err := c.Receive(b.ctx(), nil)
			if err == nil && in[0].Event != nil && in[0].Event.Kind == sctp.Down {
				err = in[0].Event.Reason
			}
			if err != nil {
				results <- err
				return
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	c.Close()
	for range 2 {
		if err := <-results; !errors.Is(err, net.ErrClosed) {
			b.Errorf("woken with %v", err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	s.down(sctp.PeerAborted)
}

// Close while something has arrived that nobody took: the peer hears of the end all the same.
func testCloseUnread(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	for range 10 {
		s.send(sctp.Message{Data: make([]byte, 100)})
	}
	time.Sleep(20 * time.Millisecond)
	c.Close()
	c.down(sctp.LocalClosed)
	for {
		if r := s.next(); r.Event != nil && r.Event.Kind == sctp.Down {
			return
		}
	}
}

// Close gives up on a peer that does not read.
func testCloseTimeout(b *bench) {
	cfg := sctp.Config{SendBuffer: 32 << 10, ReceiveBuffer: 16 << 10, CloseTimeout: 100 * time.Millisecond}
	c, s := b.pair(cfg, cfg)
	c.fill(1000)
	c.Close()
	time.Sleep(400 * time.Millisecond)
	s.down(sctp.PeerAborted)
}

func testListenerClose(b *bench) {
	l := b.listen(sctp.Config{})
	c := b.dial(b.ClientAddr, l.Addr(), sctp.Config{})
	s := b.accept(l)
	result := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := l.Accept(b.ctx())
			result <- err
		}()
	}
	time.Sleep(20 * time.Millisecond)
	ctx, cancel := context.WithTimeout(b.ctx(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.Accept(ctx); !errors.Is(err, context.DeadlineExceeded) {
		b.Errorf("Accept with a context: %v", err)
	}
	if err := l.Close(); err != nil {
		b.Error(err)
	}
	for range 2 {
		if err := <-result; !errors.Is(err, net.ErrClosed) {
			b.Errorf("Accept: %v", err)
		}
	}
	if _, err := l.Accept(b.ctx()); !errors.Is(err, net.ErrClosed) {
		b.Errorf("Accept after Close: %v", err)
	}
	c.send(sctp.Message{Data: []byte("still there")})
	if m := s.message(); string(m.Data) != "still there" {
		b.Errorf("got %q", m.Data)
	}
	if conn, err := b.Client.Dial(b.ctx(), b.ClientAddr, l.Addr(), sctp.Config{}); err == nil {
		conn.Abort("")
		b.Error("dialled a listener that is closed")
	}
}

func testDialRefused(b *bench) {
	l := b.listen(sctp.Config{})
	at := l.Addr()
	l.Close()
	conn, err := b.Client.Dial(b.ctx(), b.ClientAddr, at, sctp.Config{RTOInitial: 50 * time.Millisecond, RTOMin: 50 * time.Millisecond, MaxInitRetrans: 2})
	if err == nil {
		conn.Abort("")
		b.Fatal("somebody answers where nobody listens")
	}
	(&end{b: b, name: "dial"}).reason(err, sctp.CannotStart)
	if testing.Short() {
		return
	}
	l, err = b.Server.Listen(b.ctx(), at, sctp.Config{})
	if err != nil {
		b.Fatalf("listen on %v again: %v", at, err)
	}
	defer l.Close()
	b.dial(b.ClientAddr, at, sctp.Config{})
}
