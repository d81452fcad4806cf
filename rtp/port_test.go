package rtp

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"
)

// Sixty sessions on one port talk to sixty on another, so that the SSRC alone tells them apart, and one to a peer with a port of its
// own, which moves.
func TestPort(t *testing.T) {
	a, b := NewPort(listenUDP(t, "udp4", "127.0.0.1")), NewPort(listenUDP(t, "udp4", "127.0.0.1"))
	cfg := Config{ReportInterval: 50 * time.Millisecond, Buffer: BufferConfig{Delay: -1, Fixed: true}}
	open := func(p, to *Port) *Session {
		c := cfg
		c.Remote = addrPort(to.LocalAddr())
		s, err := p.NewSession(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const n = 60
	var left, right []*Session
	for range n {
		left, right = append(left, open(a, b)), append(right, open(b, a))
	}
	// Whoever sends first is heard by the first session that has heard nobody.
	partner := func(s *Session) (peer byte, frames int) {
		for f, ok := s.Pop(nil); ok; f, ok = s.Pop(nil) {
			if !f.Lost {
				if frames > 0 && f.Payload[0] != peer {
					t.Fatalf("hears %d and %d", peer, f.Payload[0])
				}
				peer = f.Payload[0]
				frames++
			}
		}
		return peer, frames
	}
	heard := map[byte]int{}
	frames := make([]int, n)
	peers := make([]int, n)
	reports := 0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		least := 1 << 20
		reports = 0
		for i := range n {
			if err := errors.Join(left[i].Send([]byte{byte(i)}, 160), right[i].Send([]byte{byte(i)}, 160)); err != nil {
				t.Fatal(err)
			}
			peer, k := partner(right[i])
			if k > 0 {
				if frames[i] > 0 && peers[i] != int(peer) {
					t.Fatalf("%d hears %d and %d", i, peers[i], peer)
				}
				peers[i] = int(peer)
				if frames[i] == 0 {
					heard[peer]++
				}
				frames[i] += k
			}
			least = min(least, frames[i])
			if right[i].Stats().ReportsSent > 0 {
				reports++
			}
		}
		if least >= 5 && reports == n {
			break
		}
	}
	if len(heard) != n || reports != n {
		t.Errorf("%d of %d are heard, %d send reports", len(heard), n, reports)
	}
	if st := b.Stats(); st.Sessions != n || st.Packets < 5*n || st.Reads == 0 || st.Reads > st.Packets {
		t.Errorf("%+v", st)
	}

	own := listenUDP(t, "udp4", "127.0.0.1")
	defer own.Close()
	c := cfg
	c.Remote = addrPort(own.LocalAddr())
	s, err := a.NewSession(c)
	if err != nil {
		t.Fatal(err)
	}
	from := NewSender(77)
	send := func(c *net.UDPConn, want uint64) {
		t.Helper()
		p, _ := from.AppendAudio(nil, time.Now(), Format{}, []byte{1}, 160)
		for end := time.Now().Add(10 * time.Second); s.Stats().PacketsReceived < want && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			c.WriteToUDPAddrPort(p, addrPort(a.LocalAddr()))
		}
		if s.Stats().PacketsReceived < want {
			t.Errorf("%+v, %+v", s.Stats(), a.Stats())
		}
	}
	send(own, 1)
	moved := listenUDP(t, "udp4", "127.0.0.1")
	defer moved.Close()
	s.SetRemote(addrPort(moved.LocalAddr()), noAddr)
	send(moved, 2)
	stranger := listenUDP(t, "udp4", "127.0.0.1")
	defer stranger.Close()
	unknown := a.Stats().Unknown
	p, _ := NewSender(0).AppendAudio(nil, time.Now(), Format{}, []byte{1}, 160)
	for end := time.Now().Add(10 * time.Second); a.Stats().Unknown == unknown && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		stranger.WriteToUDPAddrPort(p, addrPort(a.LocalAddr()))
	}
	if a.Stats().Unknown == unknown {
		t.Error("a stranger is not counted")
	}
	for _, s := range append(append(left, right...), s) {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(a.byAddr)+len(a.bySSRC)+len(a.sessions)+len(b.byAddr)+len(b.bySSRC)+len(b.sessions) != 0 {
		t.Error("something is left of the sessions")
	}
	if err := errors.Join(a.Close(), b.Close(), a.Close()); err != nil {
		t.Error(err)
	}
	if _, err := a.NewSession(cfg); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// Reading through a Port allocates nothing.
func TestPortAllocations(t *testing.T) {
	p, out := NewPort(listenUDP(t, "udp4", "127.0.0.1")), listenUDP(t, "udp4", "127.0.0.1")
	defer p.Close()
	defer out.Close()
	s, err := p.NewSession(Config{Remote: addrPort(out.LocalAddr()), NoRTCP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	from, to := NewSender(0), addrPort(p.LocalAddr())
	b, frame, payload := make([]byte, 0, 300), make([]byte, 0, 300), make([]byte, 160)
	sent := uint64(0)
	one := func() {
		b, _ = from.AppendAudio(b[:0], time.Now(), Format{}, payload, 160)
		out.WriteToUDPAddrPort(b, to)
		sent++
		for end := time.Now().Add(10 * time.Second); s.Stats().PacketsReceived < sent && time.Now().Before(end); {
			time.Sleep(50 * time.Microsecond)
		}
		for _, ok := s.Pop(frame); ok; _, ok = s.Pop(frame) {
		}
	}
	for range 100 {
		one()
	}
	if n := testing.AllocsPerRun(100, one); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// A polled port reads and sends when it is told to, many datagrams at a time, and allocates nothing.
func TestPolledPort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere ports read by themselves")
	}
	const n = 3 * batchSize / 2
	out := listenUDP(t, "udp4", "127.0.0.1")
	defer out.Close()
	a, b := NewPolledPort(listenUDP(t, "udp4", "127.0.0.1")), NewPolledPort(listenUDP(t, "udp4", "127.0.0.1"))
	var left, right []*Session
	for range n {
		for _, x := range []struct {
			all      *[]*Session
			own, far *Port
		}{{&left, a, b}, {&right, b, a}} {
			s := NewSession(x.own.Share(), nil, Config{Remote: addrPort(x.far.LocalAddr()), Mux: true, ReportInterval: time.Second})
			*x.all = append(*x.all, s)
		}
	}
	now := time.Now()
	payload, frame := make([]byte, 160), make([]byte, 0, 200)
	r := NewReader()
	one := func() {
		now = now.Add(20 * time.Millisecond)
		a.Poll(now)
		b.Poll(now)
		for i := range n {
			for _, s := range []*Session{left[i], right[i]} {
				s.Poll(now, r)
				for _, ok := s.Pop(frame); ok; _, ok = s.Pop(frame) {
				}
				s.Send(payload, 160)
			}
		}
		a.Flush()
		b.Flush()
	}
	for range 150 {
		one()
	}
	if got := testing.AllocsPerRun(50, one); got != 0 {
		t.Errorf("%g allocations for %d packets", got, 2*n)
	}
	for i := range n {
		if s := right[i].Stats(); s.PacketsReceived < 190 || s.RemoteReports == 0 || s.Buffer.Concealed != 0 {
			t.Errorf("session %d: %+v", i, s)
		}
	}
	if s := a.Stats(); s.Sessions != n || s.Writes > s.Packets/8 || s.Reads > s.Packets/8 || s.SendErrors != 0 {
		t.Errorf("%+v", s)
	}
	for _, s := range append(left, right...) {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(a.Close(), a.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	a.Poll(now)
	a.Flush()
	s := NewSession(a.Share(), nil, Config{Remote: addrPort(out.LocalAddr())})
	if err := s.Send(payload, 160); err == nil {
		t.Error("sent by a port that is closed")
	}
	s.Close()
}
