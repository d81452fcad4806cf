package rtp

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// polledPair is two polled sessions, each with a socket for RTP and one for RTCP.
func polledPair(t *testing.T, ip string) (a, b *Session) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere sessions read by themselves")
	}
	var conns [4]*net.UDPConn
	var at [4]netip.AddrPort
	for i := range conns {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
		if err != nil {
			t.Skip("no IPv6 here: ", err)
		}
		conns[i], at[i] = c, c.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	session := func(i, peer int) *Session {
		s := NewSession(conns[i], conns[i+1], Config{Remote: at[peer], RemoteRTCP: at[peer+1], Polled: true, ReportInterval: time.Second})
		t.Cleanup(func() { s.Close() })
		return s
	}
	return session(0, 2), session(2, 0)
}

// stamped waits until the system notes when packets arrive, which it begins to do a moment after the first socket has asked for it.
func stamped(t *testing.T, ip string) {
	t.Helper()
	a, b := polledPair(t, ip)
	r := NewReader()
	for range 200 {
		a.Send([]byte{1}, 160)
		sent := time.Now()
		time.Sleep(20 * time.Millisecond)
		b.Poll(time.Now(), r)
		if b.Stats().LastReceived.Before(sent.Add(time.Millisecond)) {
			return
		}
	}
	t.Fatal("the system does not note when packets arrive")
}

// A polled session hears when it is told to, and knows when the packet came.
func TestPoll(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			a, b := polledPair(t, ip)
			r := NewReader()
			stamped(t, ip)
			for i := range byte(20) {
				if err := a.Send([]byte{i}, 160); err != nil {
					t.Fatal(err)
				}
			}
			sent := time.Now()
			time.Sleep(20 * time.Millisecond)
			if n := b.Stats().PacketsReceived; n != 0 {
				t.Fatalf("%d packets were read by somebody else", n)
			}
			now := time.Now()
			b.Poll(now, r)
			s := b.Stats()
			if s.PacketsReceived != 20 || s.Source != addrPort(a.LocalAddr()) {
				t.Errorf("%+v", s)
			}
			if s.LastReceived.After(sent.Add(time.Millisecond)) {
				t.Errorf("came %v after it was sent, polled after %v", s.LastReceived.Sub(sent), now.Sub(sent))
			}
			now = now.Add(time.Second)
			b.Poll(now, r)
			for i := range byte(20) {
				f, ok := b.Pop(nil)
				if !ok || len(f.Payload) != 1 || f.Payload[0] != i {
					t.Fatalf("frame %d: %+v, %v", i, f, ok)
				}
			}
			// Reports, which the clock of the polls brings about.
			for range 4 * rtcpEvery {
				now = now.Add(500 * time.Millisecond)
				a.Send([]byte{1}, 160)
				a.Poll(now, r)
				b.Poll(now, r)
			}
			if s := a.Stats(); s.RemoteReports == 0 || s.ReportsSent == 0 {
				t.Errorf("no reports: %+v", s)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			b.Poll(now, r)
			if err := b.Send(nil, 160); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Send after Close: %v", err)
			}
			if err := b.Close(); err != nil {
				t.Errorf("Close again: %v", err)
			}
		})
	}
}

// A stranger who floods a socket takes the time of one poll, not more: the rest waits, and the system drops what is beyond.
func TestPollFlood(t *testing.T) {
	_, b := polledPair(t, "127.0.0.1")
	c, err := net.DialUDP("udp", nil, b.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	noise := make([]byte, 20)
	for range 2 * readRounds * readBatch {
		if _, err := c.Write(noise); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReader()
	b.Poll(time.Now(), r)
	if n := b.Stats().Refused + b.Stats().Malformed; n == 0 || n > readRounds*readBatch+1 {
		t.Errorf("%d of %d packets in one poll", n, 2*readRounds*readBatch)
	}
	b.Poll(time.Now(), r)
	b.Poll(time.Now(), r)
	if n := b.Stats().Refused + b.Stats().Malformed; n <= readRounds*readBatch+1 {
		t.Errorf("%d packets in all", n)
	}
}

// One packet that comes between two polls is read by one call. A second one is left to the next poll only while two others wait to be
// played, and then with all that has come.
func TestPollOne(t *testing.T) {
	a, b := polledPair(t, "127.0.0.1")
	stamped(t, "127.0.0.1")
	r := NewReader()
	send := func(n int) {
		t.Helper()
		for range n {
			if err := a.Send([]byte{1}, 160); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Millisecond) // the system takes its time
	}
	received := 0
	poll := func(want int) {
		t.Helper()
		b.Poll(time.Now(), r)
		n := int(b.Stats().PacketsReceived)
		if n-received != want {
			t.Errorf("%d packets in a poll, want %d; %d wait", n-received, want, b.stream.buffer.Len())
		}
		received = n
	}
	poll(0)
	send(3)
	poll(3) // little waits
	send(2)
	poll(1)
	send(2)
	poll(3) // behind
	for range 3 {
		send(1)
		poll(1)
	}
	b.Poll(time.Now(), r)
	stranger, err := net.DialUDP("udp", nil, b.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for range 5 { // what is not taken costs no time that the stream has
		if _, err := stranger.Write(make([]byte, 20)); err != nil {
			t.Fatal(err)
		}
	}
	send(1)
	poll(1)
}
