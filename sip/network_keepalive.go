package sip

import (
	"math/rand/v2"
	"time"
)

// keepAlive handles a received ping (CRLF CRLF) or pong (CRLF), RFC 5626 section 4.4.1. It tells
// whether it was a pong that we waited for.
func (c *conn) keepAlive(ping bool) bool {
	c.network.stats.keepAlives.Add(1)
	c.spoke.Store(true)
	if ping {
		c.sendRaw("\r\n")
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := c.pongWanted
	if wanted {
		c.pongWanted = false
		c.pongs++
	}
	return wanted
}

// sendRaw queues octets that are not a message.
func (c *conn) sendRaw(s string) {
	if c.send([]byte(s)) == nil {
		c.network.stats.sent[c.flow.Transport].Add(^uint64(0))
	}
}

// setKeepAlive sends a ping every period, with the jitter of RFC 5626; zero stops.
func (c *conn) setKeepAlive(period time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.period = period
	if c.pinger != nil {
		c.pinger.Stop()
		c.pinger = nil
	}
	if period <= 0 || c.dead {
		return
	}
	c.pinger = time.AfterFunc(keepAliveJitter(period, rand.Float64()), c.ping)
}

// ping runs on the pinger's timer: alternately to ask, and to see whether the pong came.
func (c *conn) ping() {
	c.mu.Lock()
	if c.dead || c.period <= 0 {
		c.mu.Unlock()
		return
	}
	if c.asked {
		c.asked = false
		if c.pongWanted && c.pongs > 0 { // it answered before, so it knows how
			c.mu.Unlock()
			c.cut(errNoPong)
			return
		}
		// Else it does not know keep-alives; the octets alone keep a NAT open.
		c.pinger.Reset(max(keepAliveJitter(c.period, rand.Float64())-pongTimeout, 0))
		c.mu.Unlock()
		return
	}
	c.asked, c.pongWanted = true, true
	c.pinger.Reset(pongTimeout)
	c.mu.Unlock()
	c.sendRaw("\r\n\r\n")
}

// keepAlive sends keep-alives over a flow every period, with jitter; zero stops them. Over UDP
// they are CRLF without an answer, and last until stopped.
func (n *network) keepAlive(f Flow, period time.Duration) error {
	if f.Transport == UDP {
		return n.keepAliveUDP(f, period)
	}
	c := n.conn(f)
	if c == nil {
		return &TransportError{"send", f.Transport, f.Remote, errFlowClosed}
	}
	c.setKeepAlive(period)
	return nil
}

// maxPings bounds the flows that are kept alive over UDP.
const maxPings = 65536

// keepAliveUDP sends CRLF over a UDP flow every period, which keeps the binding of a NAT open
// and asks for no answer.
func (n *network) keepAliveUDP(f Flow, period time.Duration) error {
	s := n.socket(f)
	if s == nil {
		return &TransportError{"send", UDP, f.Remote, errNoSocket}
	}
	f.conn = s.id
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.pings[f]; t != nil {
		t.Stop()
		delete(n.pings, f)
	}
	if period <= 0 || n.closing {
		return nil
	}
	if len(n.pings) >= maxPings {
		return &TransportError{"send", UDP, f.Remote, errTooManyConns}
	}
	var t *time.Timer
	t = time.AfterFunc(keepAliveJitter(period, rand.Float64()), func() {
		err := s.write(f, []byte("\r\n")) // may wait for the socket
		n.mu.Lock()
		defer n.mu.Unlock()
		switch {
		case n.pings[f] != t: // stopped meanwhile
		case err != nil && n.socket(f) == nil:
			delete(n.pings, f)
		default:
			t.Reset(keepAliveJitter(period, rand.Float64()))
		}
	})
	n.pings[f] = t
	return nil
}

// keepAliveJitter spreads keep-alives over 80 to 100 % of their period (RFC 5626 section 4.4.1).
func keepAliveJitter(period time.Duration, r float64) time.Duration {
	return time.Duration(float64(period) * (0.8 + 0.2*r))
}

// isKeepAlive tells whether data holds only CR, LF and NUL, as keep-alives over UDP do.
func isKeepAlive(data []byte) bool {
	for _, b := range data {
		if b != '\r' && b != '\n' && b != 0 {
			return false
		}
	}
	return true
}
