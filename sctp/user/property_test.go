package user

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gotelco/telco/sctp"
)

// traffic sends numbered messages of all sizes and checks what arrives: all of them, as they were,
// in order within a stream, none twice.
type traffic struct {
	t       testing.TB
	rnd     *rand.Rand
	from    *simHost
	to      *simHost
	n       int // to be sent
	longest int

	sent    int
	sums    []uint64 // of what was sent, by number
	next    [8]uint32
	checked int
	seen    map[uint32]bool
}

func newTraffic(t testing.TB, from, to *simHost, seed uint64, n, longest int) *traffic {
	return &traffic{t: t, from: from, to: to, rnd: rand.New(rand.NewPCG(seed, 2)), n: n, longest: longest, seen: map[uint32]bool{}}
}

func sum(b []byte) (s uint64) {
	for _, c := range b {
		s = s*1099511628211 + uint64(c) + 1
	}
	return s
}

// pump sends as much as there is room for.
func (x *traffic) pump() {
	for x.sent < x.n {
		size := 12 + x.rnd.IntN(1+x.rnd.IntN(x.longest))
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(x.rnd.Uint32())
		}
		binary.BigEndian.PutUint32(b, uint32(x.sent))
		m := sctp.Message{Stream: uint16(x.sent % 8), PPID: uint32(x.sent), Unordered: x.sent%7 == 0, Data: b}
		if err := x.from.a.send(&m); errors.Is(err, sctp.ErrFull) {
			break
		} else if err != nil {
			x.t.Fatal(err)
		}
		x.sums = append(x.sums, sum(b))
		x.sent++
	}
	x.from.flush()
}

// done checks what has arrived, and pumps.
func (x *traffic) done() bool {
	for ; x.checked < len(x.to.got); x.checked++ {
		r := x.to.got[x.checked]
		if r.Event != nil {
			continue
		}
		n := binary.BigEndian.Uint32(r.Data)
		switch {
		case int(n) >= len(x.sums) || sum(r.Data) != x.sums[n]:
			x.t.Fatalf("message %d arrived damaged", n)
		case x.seen[n]:
			x.t.Fatalf("message %d arrived twice", n)
		case uint32(r.Stream) != n%8 || r.PPID != n || r.Unordered != (n%7 == 0):
			x.t.Fatalf("message %d: stream %d, PPID %d, unordered %v", n, r.Stream, r.PPID, r.Unordered)
		case !r.Unordered && n < x.next[r.Stream]:
			x.t.Fatalf("message %d came after %d of its stream", n, x.next[r.Stream])
		}
		if !r.Unordered {
			x.next[r.Stream] = n
		}
		x.seen[n] = true
	}
	if x.from.a.q.live < x.from.a.cfg.SendBuffer/2 {
		x.pump()
	}
	return len(x.seen) == x.n
}

func TestDelivery(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	for _, c := range []struct {
		loss, dup float64
		vary      time.Duration
	}{{0, 0, 0}, {0.01, 0.01, 0}, {0.05, 0.02, 3 * time.Millisecond}, {0.2, 0.1, 30 * time.Millisecond}, {0.4, 0.3, 0}} {
		t.Run(fmt.Sprintf("loss %v reordering %v", c.loss, c.vary), func(t *testing.T) {
			for seed := range seeds {
				s := newSim(t, seed)
				a, b := s.pair(sctp.Config{AssocMaxRetrans: 1000, PathMaxRetrans: 1000})
				s.loss, s.dup, s.vary = c.loss, c.dup, c.vary
				x, y := newTraffic(t, a, b, seed, 400, 6000), newTraffic(t, b, a, seed+1, 300, 200)
				start := s.now
				s.until(time.Hour, func() bool { return x.done() && y.done() })
				if seed == 0 {
					t.Logf("took %v, %d sent again", s.now.Sub(start), a.a.retransmitted)
				}
				a.a.shutdown(s.now)
				a.flush()
				s.until(time.Hour, func() bool { return a.a.state == closed && b.a.state == closed })
				if a.a.down.Reason != sctp.ShutdownComplete && c.loss == 0 {
					t.Errorf("down: %v", a.a.down)
				}
			}
		})
	}
}
