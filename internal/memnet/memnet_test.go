package memnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	hostA = netip.MustParseAddrPort("192.0.2.1:5060")
	hostB = netip.MustParseAddrPort("192.0.2.2:5060")
)

func pair(t *testing.T, n *Network) (a, b *PacketConn) {
	t.Helper()
	a, err := n.ListenPacket(hostA)
	if err != nil {
		t.Fatal(err)
	}
	b, err = n.ListenPacket(hostB)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestDatagramsArriveInOrderAfterTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, New(Config{Latency: 3 * time.Second}))
		start := time.Now()
		for i := range 3 {
			if i > 0 {
				time.Sleep(time.Millisecond)
			}
			a.WriteTo([]byte{byte(i)}, b.LocalAddr())
		}
		buf := make([]byte, 10)
		for i := range 3 {
			n, from, err := b.ReadFrom(buf)
			if err != nil || n != 1 || buf[0] != byte(i) || from.String() != hostA.String() {
				t.Fatalf("datagram %d: % x from %v, %v", i, buf[:n], from, err)
			}
			if d := time.Since(start); d != 3*time.Second+time.Duration(i)*time.Millisecond {
				t.Errorf("datagram %d came after %v", i, d)
			}
		}
	})
}

func TestLossIsDrawnFromTheSeed(t *testing.T) {
	run := func(seed uint64) Stats {
		n := New(Config{Seed: seed, Loss: 0.05, Duplicate: 0.02})
		a, b := pair(t, n)
		defer a.Close()
		defer b.Close()
		for range 2000 {
			a.WriteToUDPAddrPort([]byte("x"), hostB)
		}
		return n.Stats()
	}
	one, again, other := run(1), run(1), run(2)
	if one != again || one == other {
		t.Errorf("seed 1: %+v and %+v, seed 2: %+v", one, again, other)
	}
	if one.Lost < 60 || one.Lost > 140 || one.Delivered != one.Sent-one.Lost+one.Duplicated {
		t.Errorf("%+v, want about 100 of 2000 lost", one)
	}
}

func TestReorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Seed: 3, Reorder: 0.3, Latency: time.Millisecond})
		a, b := pair(t, n)
		for i := range 100 {
			a.WriteToUDPAddrPort([]byte{byte(i)}, hostB)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		seen, swaps, prev := map[byte]bool{}, 0, -1
		buf := make([]byte, 1)
		for range 100 {
			if _, _, err := b.ReadFromUDPAddrPort(buf); err != nil {
				t.Fatal(err)
			}
			seen[buf[0]] = true
			if int(buf[0]) < prev {
				swaps++
			}
			prev = int(buf[0])
		}
		if len(seen) != 100 || swaps < 10 {
			t.Errorf("%d distinct datagrams, %d out of order", len(seen), swaps)
		}
	})
}

func TestPacketDeadlineAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t, New(Config{}))
		a.SetReadDeadline(time.Now().Add(time.Minute))
		start := time.Now()
		if _, _, err := a.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		a.SetReadDeadline(time.Time{})
		go func() { time.Sleep(time.Second); a.Close() }()
		if _, _, err := a.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		a, b := pair(t, n)
		n.Block(hostB.Addr(), true)
		a.WriteToUDPAddrPort([]byte("lost"), hostB)
		n.Block(hostB.Addr(), false)
		a.WriteToUDPAddrPort([]byte("here"), hostB)
		buf := make([]byte, 9)
		if k, _, _ := b.ReadFrom(buf); string(buf[:k]) != "here" {
			t.Errorf("got %q", buf[:k])
		}
		n.Block(hostB.Addr(), true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := n.Dial(ctx, netip.AddrPortFrom(hostA.Addr(), 0), hostB); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestStream(t *testing.T) {
	for _, latency := range []time.Duration{0, time.Second} {
		t.Run(fmt.Sprint(latency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New(Config{Latency: latency, Window: 100})
				l, err := n.Listen(hostB)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				c, err := n.Dial(t.Context(), netip.AddrPortFrom(hostA.Addr(), 0), hostB)
				if err != nil {
					t.Fatal(err)
				}
				s, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				want := bytes.Repeat([]byte("0123456789"), 100)
				go func() { c.Write(want); c.Close() }()
				got, err := io.ReadAll(s)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("read %d octets, %v", len(got), err)
				}
				time.Sleep(latency)
				if _, err := s.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
					t.Errorf("write to a closed peer: %v", err)
				}
				if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("read after Close: %v", err)
				}
				s.Close()
			})
		})
	}
}

func TestSlowReaderBlocksTheWriterUntilItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Window: 100})
		l, _ := n.Listen(hostB)
		defer l.Close()
		c, err := n.Dial(t.Context(), netip.AddrPortFrom(hostA.Addr(), 0), hostB)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if k, err := c.Write(make([]byte, 101)); k != 100 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d, %v", k, err)
		}
	})
}

func TestDialWhereNobodyListens(t *testing.T) {
	n := New(Config{})
	if _, err := n.Dial(t.Context(), hostA, hostB); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	if _, err := n.ListenPacket(hostA); err != nil {
		t.Error(err)
	}
	if _, err := n.ListenPacket(hostA); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
}
