package sip

import "sync/atomic"

// networkStats are the counters of a network; fields are read and written atomically.
type networkStats struct {
	received, sent                 [WSS + 1]atomic.Uint64 // messages, by transport
	keepAlives                     atomic.Uint64          // pings and pongs received
	sendErrors                     atomic.Uint64
	accepted, dialled, dialErrors  atomic.Uint64
	refused, evicted               atomic.Uint64 // at MaxConns or MaxConnsPerHost
	slowReaders, slowSenders, idle atomic.Uint64
	handshakeErrors, framingErrors atomic.Uint64
	receiveErrors, truncated       atomic.Uint64
}

// NetworkStats counts what the sockets of an endpoint did.
type NetworkStats struct {
	Received, Sent map[Transport]uint64 // messages

	Conns           int    // connections now
	Accepted        uint64 // connections accepted
	Dialled         uint64 // connections opened by us
	DialErrors      uint64
	Refused         uint64 // not accepted or dialled because of MaxConns or MaxConnsPerHost
	Evicted         uint64 // closed to make room
	SlowReaders     uint64 // cut because they did not read
	SlowSenders     uint64 // cut because a message took too long
	Idle            uint64 // closed because nothing was received
	HandshakeErrors uint64 // TLS
	FramingErrors   uint64 // cut because the stream holds no SIP messages, or too long ones
	KeepAlives      uint64 // CRLF keep-alives received
	SendErrors      uint64
	ReceiveErrors   uint64
	Truncated       uint64 // datagrams larger than the buffer
}

func (n *network) snapshot() NetworkStats {
	s := &n.stats
	out := NetworkStats{
		Received: make(map[Transport]uint64), Sent: make(map[Transport]uint64),
		Accepted: s.accepted.Load(), Dialled: s.dialled.Load(), DialErrors: s.dialErrors.Load(),
		Refused: s.refused.Load(), Evicted: s.evicted.Load(),
		SlowReaders: s.slowReaders.Load(), SlowSenders: s.slowSenders.Load(), Idle: s.idle.Load(),
		HandshakeErrors: s.handshakeErrors.Load(), FramingErrors: s.framingErrors.Load(),
		KeepAlives: s.keepAlives.Load(), SendErrors: s.sendErrors.Load(),
		ReceiveErrors: s.receiveErrors.Load(), Truncated: s.truncated.Load(),
	}
	for t := UDP; t <= WSS; t++ {
		if v := s.received[t].Load(); v > 0 {
			out.Received[t] = v
		}
		if v := s.sent[t].Load(); v > 0 {
			out.Sent[t] = v
		}
	}
	n.mu.RLock()
	out.Conns = len(n.conns)
	n.mu.RUnlock()
	return out
}
