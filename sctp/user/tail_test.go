package user

import (
	"testing"
	"time"

	"github.com/gotelco/telco/sctp"
)

// dataIn says whether a packet has a DATA chunk.
func dataIn(p Packet) bool {
	_, b, err := parseHeader(p.Data)
	for err == nil && len(b) > 0 {
		c, rest, ok := nextChunk(b)
		if !ok {
			break
		}
		if c.typ == ctData {
			return true
		}
		b = rest
	}
	return false
}

// A lost last packet is found by a probe, long before T3-rtx; so are those lost with it.
func TestTailLoss(t *testing.T) {
	for _, c := range []struct {
		name        string
		messages    int // of 1400 octets
		drop        func(n int) bool
		dropAnswers bool
		within      time.Duration
		again       uint64
	}{
		{"the last of three", 3, func(n int) bool { return n == 3 }, false, 300 * time.Millisecond, 1},
		{"all three", 3, func(n int) bool { return n <= 3 }, false, 300 * time.Millisecond, 3},
		{"all three and the probe", 3, func(n int) bool { return n <= 4 }, false, 600 * time.Millisecond, 4},
		{"the SACKs", 3, func(int) bool { return false }, true, 300 * time.Millisecond, 1},
		{"everything for a while", 3, func(n int) bool { return n <= 6 }, false, 3 * time.Second, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, 1)
			a, b := s.pair(sctp.Config{})
			// A first exchange measures the path.
			a.a.send(&sctp.Message{Data: []byte("first")})
			a.flush()
			s.until(time.Second, func() bool { return a.a.outstanding == 0 && len(b.messages()) == 1 })
			s.run(time.Second)
			n, acks := 0, 0
			s.filter = func(p Packet) bool {
				if dataIn(p) {
					n++
					return !c.drop(n)
				}
				acks++
				return !c.dropAnswers || acks > 2
			}
			start := s.now
			for range c.messages {
				a.a.send(&sctp.Message{Data: make([]byte, 1400)})
			}
			a.flush()
			s.until(time.Minute, func() bool { return a.a.outstanding == 0 && a.a.marked == 0 && len(b.messages()) == 1+c.messages })
			if took := s.now.Sub(start); took > c.within {
				t.Errorf("took %v, want at most %v", took, c.within)
			}
			if a.a.retransmitted > c.again {
				t.Errorf("%d chunks sent again, want at most %d", a.a.retransmitted, c.again)
			}
		})
	}
}

// A message that is merely acknowledged late is not sent again.
func TestTailDelayedAck(t *testing.T) {
	s := newSim(t, 1)
	a, b := s.pair(sctp.Config{})
	for n := range 20 {
		a.a.send(&sctp.Message{Data: []byte("lone")})
		a.flush()
		s.until(time.Second, func() bool { return a.a.outstanding == 0 && len(b.messages()) == n+1 })
	}
	if a.a.retransmitted != 0 {
		t.Errorf("%d chunks sent again", a.a.retransmitted)
	}
}
