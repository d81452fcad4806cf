// Package impair makes the network worse than it is, for tests: a relay for datagrams that loses some and delays the rest, as a
// seed says. It needs neither root nor the system's help, and works on sockets of the system as on those of memnet.
package impair

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Config says what becomes of the datagrams of one direction. The zero value passes them on.
type Config struct {
	Loss   float64       // probability, 0 to 1
	Delay  time.Duration // of all
	Jitter time.Duration // the largest random time on top of it: datagrams may overtake one another
}

// Packet is what a [Relay] tells of a datagram.
type Packet struct {
	Forward bool // from the front to the target
	Lost    bool
	At      time.Time // when it came
	Out     time.Time // when it goes out
	Data    []byte    // valid during the call
}

// Relay passes what comes to its front on to a target, and what the target sends back to who sent last.
type Relay struct {
	front, back net.PacketConn
	target      net.Addr
	tap         func(Packet)
	wg          sync.WaitGroup

	mu   sync.Mutex
	peer net.Addr
}

// NewRelay starts a relay, which takes over both sockets. Tap, if not nil, is told of every datagram, one at a time.
func NewRelay(front, back net.PacketConn, target netip.AddrPort, seed uint64, forth, backward Config, tap func(Packet)) *Relay {
	r := &Relay{front: front, back: back, target: net.UDPAddrFromAddrPort(target), tap: tap}
	r.wg.Go(func() { r.run(front, true, forth, rand.New(rand.NewPCG(seed, 0))) })
	r.wg.Go(func() { r.run(back, false, backward, rand.New(rand.NewPCG(seed, 1))) })
	return r
}

func (r *Relay) run(from net.PacketConn, forward bool, cfg Config, random *rand.Rand) {
	buf := make([]byte, 2048)
	for {
		n, addr, err := from.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // such as an ICMP error
		}
		now := time.Now()
		r.mu.Lock()
		to, out := r.target, r.back
		if forward {
			r.peer = addr
		} else {
			to, out = r.peer, r.front
		}
		// Both are drawn each time, so that one does not depend on what becomes of the other.
		lost, jitter := random.Float64() < cfg.Loss, time.Duration(random.Float64()*float64(cfg.Jitter))
		wait := cfg.Delay + jitter
		if r.tap != nil {
			r.tap(Packet{forward, lost, now, now.Add(wait), buf[:n]})
		}
		r.mu.Unlock()
		if lost || to == nil {
			continue
		}
		data := append([]byte(nil), buf[:n]...)
		if wait <= 0 {
			out.WriteTo(data, to)
			continue
		}
		time.AfterFunc(wait, func() { out.WriteTo(data, to) })
	}
}

// Close closes the sockets and waits for the readers. What is under way is lost.
func (r *Relay) Close() {
	r.front.Close()
	r.back.Close()
	r.wg.Wait()
}
