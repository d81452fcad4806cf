package sctptest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/sctp"
)

var messageTests = []test{
	{"Up", testUp, 0},
	{"MessagesBothWays", testBothWays, 0},
	{"Sizes", testSizes, 0},
	{"Refused", testRefused, 0},
	{"TooLongForPeer", testTooLongForPeer, 0},
	{"Batch", testBatch, 0},
	{"DataStays", testDataStays, 0},
	{"Full", testFull, 0},
	{"DoneContext", testDoneContext, 0},
	{"Bulk", testBulk, 0},
	{"Senders", testSenders, 0},
	{"Many", testMany, 0},
}

func testUp(b *bench) {
	l := b.listen(sctp.Config{OutStreams: 5, MaxInStreams: 7})
	conn, err := b.Client.Dial(b.ctx(), b.ClientAddr, l.Addr(), sctp.Config{OutStreams: 9, MaxInStreams: 3})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Abort("")
	c := &end{conn, b, "client"}
	if e := c.event(sctp.Up); e.Out != 7 || e.In != 3 {
		b.Errorf("the client has %d streams in and %d out, want 3 and 7", e.In, e.Out)
	}
	conn, err = l.Accept(b.ctx())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Abort("")
	s := &end{conn, b, "server"}
	if e := s.event(sctp.Up); e.Out != 3 || e.In != 7 {
		b.Errorf("the server has %d streams in and %d out, want 7 and 3", e.In, e.Out)
	}
	if got, want := s.RemoteAddr().Port, c.LocalAddr().Port; got != want || want == 0 {
		b.Errorf("the server sees port %d, the client has %d", got, want)
	}
	if got, want := c.RemoteAddr().Port, l.Addr().Port; got != want || want == 0 {
		b.Errorf("the client sees port %d, the listener has %d", got, want)
	}
	for _, e := range []*end{c, s} {
		st := e.Status()
		if st.State != "ESTABLISHED" || len(st.Paths) == 0 || len(e.RemoteAddr().IPs) == 0 || len(e.LocalAddr().IPs) == 0 {
			b.Errorf("%s: %+v, from %v to %v", e.name, st, e.LocalAddr(), e.RemoteAddr())
		}
	}
}

// numbered is message number i from a seed: stream, PPID, size and content follow from them.
func numbered(seed uint64, i int, streams uint16, size int) sctp.Message {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	m := sctp.Message{Stream: uint16(r.UintN(uint(streams))), PPID: r.Uint32(), Data: make([]byte, 8+r.IntN(size))}
	binary.BigEndian.PutUint64(m.Data, uint64(i))
	for k := 8; k < len(m.Data); k++ {
		m.Data[k] = byte(i + k)
	}
	return m
}

// check receives count numbered messages, each whole, in order within a stream.
func (e *end) check(seed uint64, count int, streams uint16, size int) {
	next := make([]int, streams) // per stream: the lowest number that may come
	for range count {
		m := e.message()
		if len(m.Data) < 8 {
			e.b.Errorf("%s: a message of %d octets", e.name, len(m.Data))
			return
		}
		i := int(binary.BigEndian.Uint64(m.Data))
		want := numbered(seed, i, streams, size)
		if m.Stream != want.Stream || m.PPID != want.PPID || !bytes.Equal(m.Data, want.Data) || m.Unordered {
			e.b.Errorf("%s: message %d came as stream %d, PPID %d, %d octets; want %d, %d, %d", e.name, i, m.Stream, m.PPID, len(m.Data), want.Stream, want.PPID, len(want.Data))
			return
		}
		if i < next[m.Stream] {
			e.b.Errorf("%s: message %d on stream %d came after %d", e.name, i, m.Stream, next[m.Stream]-1)
			return
		}
		next[m.Stream] = i + 1
	}
}

func testBothWays(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	const count, size = 500, 3000
	var wg sync.WaitGroup
	for i, e := range []*end{c, s} {
		wg.Go(func() {
			ms := make([]sctp.Message, 0, 10)
			for k := 0; k < count; {
				ms = ms[:0]
				for ; k < count && len(ms) < cap(ms); k++ {
					ms = append(ms, numbered(uint64(i), k, 17, size))
				}
				if n, err := e.Send(b.ctx(), ms...); err != nil {
					b.Errorf("%s: sent %d: %v", e.name, n, err)
					return
				}
			}
		})
	}
	wg.Go(func() { c.check(1, count, 17, size) })
	wg.Go(func() { s.check(0, count, 17, size) })
	wg.Wait()
}

func testSizes(b *bench) {
	limit := min(b.Client.Capabilities().MaxMessage, b.Server.Capabilities().MaxMessage, 200_000)
	cfg := sctp.Config{MaxMessage: limit}
	c, s := b.pair(cfg, cfg)
	for _, size := range []int{1, 2, 3, 4, 5, 1000, 1179, 1180, 1181, 1452, 1453, 1500, 4096, 65499, 65535, 65536, 65537, limit - 1, limit} {
		if size > limit {
			continue
		}
		m := sctp.Message{PPID: uint32(size), Stream: uint16(size % 17), Unordered: size%2 == 1, Data: bytes.Repeat([]byte{byte(size)}, size)}
		m.Data[size-1] = 'z'
		c.send(m)
		got := s.message()
		if got.PPID != m.PPID || got.Stream != m.Stream || got.Unordered != m.Unordered || !bytes.Equal(got.Data, m.Data) {
			b.Fatalf("%d octets came as %d, PPID %d, stream %d, unordered %v", size, len(got.Data), got.PPID, got.Stream, got.Unordered)
		}
	}
}

func testRefused(b *bench) {
	c, s := b.pair(sctp.Config{OutStreams: 4, MaxMessage: 1000}, sctp.Config{})
	good := sctp.Message{Data: []byte("good")}
	for _, bad := range []struct {
		m    sctp.Message
		want error
	}{
		{sctp.Message{}, sctp.ErrEmpty},
		{sctp.Message{Data: make([]byte, 1001)}, sctp.ErrTooLong},
		{sctp.Message{Stream: 4, Data: []byte("x")}, sctp.ErrStream},
		{sctp.Message{Stream: 65535, Data: []byte("x")}, sctp.ErrStream},
	} {
		if n, err := c.Send(b.ctx(), good, bad.m, good); n != 1 || !errors.Is(err, bad.want) {
			b.Errorf("Send: %d, %v; want 1, %v", n, err, bad.want)
		}
		if n, err := c.TrySend(bad.m); n != 0 || !errors.Is(err, bad.want) {
			b.Errorf("TrySend: %d, %v; want 0, %v", n, err, bad.want)
		}
	}
	if n, err := c.Send(b.ctx()); n != 0 || err != nil {
		b.Errorf("nothing to send: %d, %v", n, err)
	}
	c.send(sctp.Message{Stream: 3, Data: []byte("last")})
	for range 4 {
		if m := s.message(); string(m.Data) != "good" {
			b.Errorf("got %q", m.Data)
		}
	}
	if m := s.message(); string(m.Data) != "last" || m.Stream != 3 {
		b.Errorf("got %q on %d", m.Data, m.Stream)
	}
}

func testTooLongForPeer(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{MaxMessage: 5000})
	c.send(sctp.Message{Data: make([]byte, 5000)})
	if m := s.message(); len(m.Data) != 5000 {
		b.Errorf("%d octets", len(m.Data))
	}
	c.send(sctp.Message{Data: make([]byte, 5001)})
	if d := s.down(sctp.LocalClosed); !errors.Is(d, sctp.ErrTooLong) {
		b.Errorf("down: %v", d)
	}
	c.down(sctp.PeerAborted)
}

// Receive takes what is there up to the capacity of the slice, behind what the slice holds.
func testBatch(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	const count = 100
	for i := range count {
		c.send(sctp.Message{Data: []byte{byte(i)}})
	}
	in := make([]sctp.Received, 1, 8)
	in[0].PPID = 4711
	biggest := 0
	for got := 0; got < count; {
		out, err := s.Receive(b.ctx(), in[:1])
		if err != nil {
			b.Fatal(err)
		}
		if &out[0] != &in[0] || out[0].PPID != 4711 || len(out) < 2 {
			b.Fatalf("Receive returned %d of %d", len(out), cap(out))
		}
		for _, r := range out[1:] {
			if r.Event != nil {
				continue
			}
			if !bytes.Equal(r.Data, []byte{byte(got)}) {
				b.Fatalf("message %d is %x", got, r.Data)
			}
			got++
		}
		biggest = max(biggest, len(out)-1)
	}
	if biggest < 2 {
		b.Error("Receive never returned more than one message, though 100 were sent")
	}
	if _, err := s.Receive(done(b), nil); !errors.Is(err, context.Canceled) {
		b.Errorf("with nothing there: %v", err)
	}
}

// Data stays as it is until the next Receive, whatever arrives meanwhile.
func testDataStays(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	for round := range 20 {
		var sent [][]byte
		for i := range 5 {
			sent = append(sent, bytes.Repeat([]byte{byte(round*5 + i)}, 1+i*700))
			c.send(sctp.Message{Data: sent[i]})
			sent[i] = bytes.Clone(sent[i])
		}
		in := make([]sctp.Received, 0, 16)
		for got := 0; got < 5; {
			var err error
			if in, err = s.Receive(b.ctx(), in[:0]); err != nil {
				b.Fatal(err)
			}
			c.send(sctp.Message{Data: bytes.Repeat([]byte{0xee}, 900)})
			if round%5 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			for _, r := range in {
				if r.Event != nil || r.Data[0] == 0xee {
					continue
				}
				if !bytes.Equal(r.Data, sent[got]) {
					b.Fatalf("round %d: message %d is %d octets of %x", round, got, len(r.Data), r.Data[0])
				}
				got++
			}
		}
	}
}

// A peer that does not read: TrySend finds the buffers full, Send waits; nothing is lost.
func testFull(b *bench) {
	cfg := sctp.Config{SendBuffer: 32 << 10, ReceiveBuffer: 32 << 10}
	c, s := b.pair(cfg, cfg)
	const size = 500
	n := c.fill(size)
	if octets := n * size; octets > 16*(cfg.SendBuffer+cfg.ReceiveBuffer) {
		b.Errorf("%d octets were taken, with two buffers of %d", octets, cfg.SendBuffer)
	}
	ctx, cancel := context.WithTimeout(b.ctx(), 50*time.Millisecond)
	defer cancel()
	m := sctp.Message{Data: make([]byte, size)}
	if k, err := c.Send(ctx, m); k != 0 || !errors.Is(err, context.DeadlineExceeded) {
		b.Fatalf("Send: %d, %v", k, err)
	}
	result := make(chan error, 1)
	go func() {
		m.Data[0] = byte(n)
		_, err := c.Send(b.ctx(), m)
		result <- err
	}()
	for i := range n + 1 {
		if m := s.message(); len(m.Data) != size || m.Data[0] != byte(i) {
			b.Fatalf("message %d of %d: %d octets, number %d", i, n, len(m.Data), m.Data[0])
		}
	}
	if err := <-result; err != nil {
		b.Errorf("the Send that waited: %v", err)
	}
	if _, err := c.Send(done(b), m); err != nil {
		b.Errorf("Send with room and a done context: %v", err)
	}
}

// What is there is delivered, though the context is done.
func testDoneContext(b *bench) {
	l := b.listen(sctp.Config{})
	c := b.dial(b.ClientAddr, l.Addr(), sctp.Config{})
	var conn sctp.Conn
	var err error
	until(b, func() bool {
		conn, err = l.Accept(done(b))
		return err == nil
	})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Abort("")
	c.send(sctp.Message{Data: []byte("there")})
	var in []sctp.Received
	until(b, func() bool {
		in, err = conn.Receive(done(b), nil)
		return err == nil && in[0].Event == nil
	})
	if err != nil || string(in[0].Data) != "there" {
		b.Fatalf("%v, %v", in, err)
	}
	ctx, cancel := context.WithTimeout(b.ctx(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	for err = nil; err == nil; {
		if in, err = conn.Receive(ctx, nil); err == nil && (in[0].Event == nil || !optional(in[0].Event.Kind)) {
			b.Fatalf("%+v, want nothing", in)
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) < 20*time.Millisecond {
		b.Errorf("%v after %v", err, time.Since(start))
	}
	c.send(sctp.Message{Data: []byte("again")})
	s := &end{conn, b, "server"}
	if m := s.message(); string(m.Data) != "again" {
		b.Errorf("got %q", m.Data)
	}
}

// until tries until f is true or patience ends.
func until(b *bench, f func() bool) {
	for end := time.Now().Add(patience); !f() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

// 10 MB in each direction at once, under -short one.
func testBulk(b *bench) {
	c, s := b.pair(sctp.Config{}, sctp.Config{})
	const size = 8000
	count := 10 << 20 / (size / 2)
	if testing.Short() {
		count /= 10
	}
	var wg sync.WaitGroup
	for i, e := range []*end{c, s} {
		wg.Go(func() {
			for k := range count {
				if _, err := e.Send(b.ctx(), numbered(uint64(i), k, 17, size)); err != nil {
					b.Errorf("%s: message %d: %v", e.name, k, err)
					return
				}
			}
		})
	}
	wg.Go(func() { c.check(1, count, 17, size) })
	wg.Go(func() { s.check(0, count, 17, size) })
	wg.Wait()
}

// Several goroutines send on one association, one stream each.
func testSenders(b *bench) {
	cfg := sctp.Config{SendBuffer: 16 << 10, ReceiveBuffer: 16 << 10}
	c, s := b.pair(cfg, cfg)
	const senders, count = 8, 100
	var wg sync.WaitGroup
	for g := range senders {
		wg.Go(func() {
			for i := range count {
				m := sctp.Message{Stream: uint16(g), Data: fmt.Appendf(nil, "%d", i)}
				for {
					var err error
					if g%2 == 0 {
						_, err = c.Send(b.ctx(), m)
					} else if _, err = c.TrySend(m); errors.Is(err, sctp.ErrFull) {
						time.Sleep(time.Millisecond)
						continue
					}
					if err != nil {
						b.Errorf("sender %d: %v", g, err)
						return
					}
					break
				}
				c.Status()
			}
		})
	}
	var next [senders]int
	for range senders * count {
		m := s.message()
		if string(m.Data) != fmt.Sprint(next[m.Stream]) {
			b.Fatalf("stream %d: %s, want %d", m.Stream, m.Data, next[m.Stream])
		}
		next[m.Stream]++
	}
	wg.Wait()
}

func testMany(b *bench) {
	l := b.listen(sctp.Config{})
	const count = 40
	var wg sync.WaitGroup
	wg.Go(func() {
		for range count {
			conn, err := l.Accept(b.ctx())
			if err != nil {
				b.Errorf("accept: %v", err)
				return
			}
			wg.Go(func() { // echo until the end
				defer conn.Close()
				for {
					in, err := conn.Receive(b.ctx(), nil)
					if err != nil {
						return
					}
					if in[0].Event == nil {
						conn.Send(b.ctx(), in[0].Message)
					}
				}
			})
		}
	})
	for i := range count {
		wg.Go(func() {
			conn, err := b.Client.Dial(b.ctx(), b.ClientAddr, l.Addr(), sctp.Config{})
			if err != nil {
				b.Errorf("association %d: %v", i, err)
				return
			}
			c := &end{conn, b, "client"}
			for k := range 10 {
				text := fmt.Sprintf("%d of association %d", k, i)
				if _, err := c.Send(b.ctx(), sctp.Message{Data: []byte(text)}); err != nil {
					b.Errorf("association %d: %v", i, err)
					return
				}
				if !c.echoed(text) {
					return
				}
			}
			if err := c.Shutdown(b.ctx()); err != nil {
				b.Errorf("association %d: shutdown: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func (e *end) echoed(text string) bool {
	for {
		in, err := e.Receive(e.b.ctx(), nil)
		if err != nil {
			e.b.Errorf("%s: %v, want %q", e.name, err, text)
			return false
		}
		if in[0].Event != nil {
			continue
		}
		if string(in[0].Data) != text {
			e.b.Errorf("%s: %q, want %q", e.name, in[0].Data, text)
			return false
		}
		return true
	}
}
