package user

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/gotelco/telco/sctp"
)

// sim runs associations on virtual time: packets take a while, get lost, doubled and reordered as
// its seed has it. It does what a Network does for them, without sockets and locks.
type sim struct {
	t     testing.TB
	now   time.Time
	rnd   *rand.Rand
	queue flights
	n     int

	loss, dup   float64
	delay, vary time.Duration
	cut         map[netip.Addr]bool // addresses that nothing reaches
	tap         func(p Packet)      // sees what is sent
	filter      func(p Packet) bool // drops what it says false to

	hosts []*simHost
}

type simHost struct {
	s      *sim
	addrs  []netip.AddrPort
	cfg    sctp.Config
	sign   *signer
	a      *assoc
	out    *outbox
	got    []sctp.Received
	packet int // received
}

type flight struct {
	at time.Time
	n  int
	p  Packet
}

type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].at.Before(f[j].at) || f[i].at.Equal(f[j].at) && f[i].n < f[j].n
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	old := *f
	x := old[len(old)-1]
	*f = old[:len(old)-1]
	return x
}

const simMTU = 1452

func newSim(t testing.TB, seed uint64) *sim {
	return &sim{t: t, now: time.Unix(1700000000, 0), rnd: rand.New(rand.NewPCG(seed, 1)), delay: 10 * time.Millisecond, cut: map[netip.Addr]bool{}}
}

func (s *sim) host(cfg sctp.Config, addrs ...string) *simHost {
	h := &simHost{s: s, cfg: filled(cfg), sign: newSigner(s.now), out: newOutbox(64, simMTU)}
	for _, a := range addrs {
		h.addrs = append(h.addrs, netip.MustParseAddrPort(a+":9899"))
	}
	s.hosts = append(s.hosts, h)
	return h
}

func (h *simHost) dial(to *simHost) {
	h.a = newAssoc(h.cfg, simMTU, h.sign, h.addrs, 1000, 2000)
	if !h.a.associate(h.s.now, to.addrs) {
		h.s.t.Fatal("cannot associate")
	}
	h.flush()
}

// pair sets up an association and returns its ends.
func (s *sim) pair(cfg sctp.Config) (a, b *simHost) {
	a, b = s.host(cfg, "10.0.0.1"), s.host(cfg, "10.0.0.2")
	a.dial(b)
	s.until(time.Minute, func() bool { return a.up() && b.up() })
	return a, b
}

func (h *simHost) up() bool { return h.a != nil && h.a.state == established }

// flush sends what the association has to send, and takes what it delivers.
func (h *simHost) flush() {
	if h.a == nil {
		return
	}
	for more := true; more; {
		h.out.reset()
		more = h.a.output(h.s.now, h.out)
		for _, p := range h.out.pkts {
			h.s.carry(p)
		}
	}
	for h.a.inbox.n > 0 {
		var room [8]sctp.Received
		for _, r := range h.a.inbox.pop(room[:0]) {
			r.Data = append([]byte(nil), r.Data...)
			h.got = append(h.got, r)
		}
	}
	if h.a.taken() {
		h.flush()
	}
}

func (s *sim) carry(p Packet) {
	p.Data = append([]byte(nil), p.Data...)
	if s.tap != nil {
		s.tap(p)
	}
	if s.filter != nil && !s.filter(p) || s.cut[p.Local.Addr()] || s.cut[p.Remote.Addr()] {
		return
	}
	n := 1
	if s.rnd.Float64() < s.loss {
		n = 0
	} else if s.rnd.Float64() < s.dup {
		n = 2
	}
	for range n {
		at := s.now.Add(s.delay)
		if s.vary > 0 {
			at = at.Add(time.Duration(s.rnd.Int64N(int64(s.vary))))
		}
		s.n++
		heap.Push(&s.queue, flight{at, s.n, p})
	}
}

func (s *sim) hostOf(a netip.Addr) *simHost {
	for _, h := range s.hosts {
		for _, x := range h.addrs {
			if x.Addr() == a {
				return h
			}
		}
	}
	return nil
}

// step lets the next thing happen, if there is one before the limit.
func (s *sim) step(limit time.Time) bool {
	next := limit
	for _, h := range s.hosts {
		if h.a != nil {
			if d := h.a.deadline(); !d.IsZero() && d.Before(next) {
				next = d
			}
		}
	}
	if len(s.queue) > 0 && !s.queue[0].at.After(next) {
		f := heap.Pop(&s.queue).(flight)
		s.now = f.at
		if h := s.hostOf(f.p.Remote.Addr()); h != nil {
			h.receive(f.p)
		}
		return true
	}
	if !next.Before(limit) {
		s.now = limit
		return false
	}
	if next.After(s.now) {
		s.now = next
	}
	for _, h := range s.hosts {
		if h.a != nil {
			h.a.expire(s.now)
			h.flush()
		}
	}
	return true
}

// until runs until done says so; past the limit the test has failed.
func (s *sim) until(limit time.Duration, done func() bool) {
	s.t.Helper()
	end := s.now.Add(limit)
	for !done() {
		if !s.step(end) {
			for i, h := range s.hosts {
				if h.a != nil {
					s.t.Logf("host %d: %v, %d unacknowledged, %d waiting, %d marked, cwnd %d, flight %d, rwnd %d, rto %v", i, h.a.state, h.a.outstanding, h.a.q.waiting, h.a.marked, h.a.data.cwnd, h.a.data.flight, h.a.rwnd, h.a.data.rto)
				}
			}
			s.t.Fatalf("not done after %v", limit)
		}
	}
}

func (s *sim) run(d time.Duration) {
	for end := s.now.Add(d); s.step(end); {
	}
}

func (h *simHost) receive(p Packet) {
	h.packet++
	hd, chunks, err := parseHeader(p.Data)
	if err != nil {
		h.s.t.Fatalf("packet: %v", err)
	}
	local, remote := p.Remote, p.Local
	if h.a == nil || h.a.state == closed {
		first, _, ok := nextChunk(chunks)
		if !ok {
			return
		}
		switch first.typ {
		case ctInit:
			in, err := parseInit(first.value)
			if err != nil {
				h.s.t.Fatal(err)
			}
			h.send(respond(h.sign, h.s.now, &h.cfg, h.addrs, local, remote, hd.dst, hd.src, &in, cookie{localTag: randomTag(), localTSN: random32()}))
			return
		case ctCookieEcho:
			c, err := h.sign.open(h.s.now, first.value)
			if err != nil || c.localTag != hd.tag {
				return
			}
			if late := h.sign.staleness(h.s.now, &c); late > 0 {
				h.send(stale(local, remote, c.peerTag, late))
				return
			}
			h.a = newAssoc(h.cfg, simMTU, h.sign, h.addrs, hd.dst, hd.src)
			h.a.accept(h.s.now, local, remote, &c)
			h.a.handle(h.s.now, local, remote, hd, chunks)
		default:
			if r, ok := outOfTheBlue(local, remote, hd, chunks); ok {
				r.tagged(h)
			}
			return
		}
	} else {
		h.a.handle(h.s.now, local, remote, hd, chunks)
	}
	h.flush()
}

func (r reply) tagged(h *simHost) { h.send(r) }

func (h *simHost) send(r reply) {
	sp, dp := uint16(2000), uint16(1000)
	if h.a != nil {
		sp, dp = h.a.localPort, h.a.remotePort
	}
	b := append(beginPacket(nil, header{sp, dp, r.tag}), r.chunks...)
	finishPacket(b)
	h.s.carry(Packet{r.local, r.remote, b})
}

// messages are those that came, without the events between them.
func (h *simHost) messages() (ms []sctp.Message) {
	for _, r := range h.got {
		if r.Event == nil {
			ms = append(ms, r.Message)
		}
	}
	return ms
}

func (h *simHost) events() (s string) {
	for _, r := range h.got {
		if r.Event != nil {
			s += fmt.Sprintf("%v;", r.Event.Kind)
		}
	}
	return s
}

func TestEstablish(t *testing.T) {
	s := newSim(t, 1)
	a, b := s.pair(sctp.Config{})
	a.a.send(&sctp.Message{Stream: 3, PPID: 7, Data: []byte("hello")})
	a.flush()
	s.until(time.Second, func() bool { return len(b.messages()) == 1 })
	if m := b.messages()[0]; m.Stream != 3 || m.PPID != 7 || string(m.Data) != "hello" {
		t.Errorf("got %+v", m)
	}
	a.a.shutdown(s.now)
	a.flush()
	s.until(time.Second, func() bool { return a.a.state == closed && b.a.state == closed })
	if a.events() != "up;down;" || b.events() != "up;peer closing;down;" || a.a.down.Reason != sctp.ShutdownComplete {
		t.Errorf("%s, %s, %v", a.events(), b.events(), a.a.down)
	}
}
