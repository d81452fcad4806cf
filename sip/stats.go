package sip

import "sync/atomic"

// endpointStats are the counters of an endpoint.
type endpointStats struct {
	requests, requestsAgain, acks   atomic.Uint64
	responses, stray                atomic.Uint64
	requestsSent, responsesSent     atomic.Uint64
	unparsable, refused, dropped    atomic.Uint64
	merged, overLimit, queueFull    atomic.Uint64
	evicted, leaked, trying         atomic.Uint64
	cancelled, timeouts, nextTarget atomic.Uint64
	methods                         [15]atomic.Uint64
}

// byMethod returns the counter of a method; unknown ones share the last.
func (s *endpointStats) byMethod(m Method) *atomic.Uint64 {
	i := 14
	switch m {
	case ACK:
		i = 0
	case BYE:
		i = 1
	case CANCEL:
		i = 2
	case INFO:
		i = 3
	case INVITE:
		i = 4
	case MESSAGE:
		i = 5
	case NOTIFY:
		i = 6
	case OPTIONS:
		i = 7
	case PRACK:
		i = 8
	case PUBLISH:
		i = 9
	case REFER:
		i = 10
	case REGISTER:
		i = 11
	case SUBSCRIBE:
		i = 12
	case UPDATE:
		i = 13
	}
	return &s.methods[i]
}

// Stats is a snapshot of what an [Endpoint] holds and has counted since it was made.
type Stats struct {
	ServerTransactions int // in memory now
	ClientTransactions int
	Octets             int64 // of text that the server transactions hold, see Limits.Octets

	Requests        uint64            // received and understood, retransmissions included
	RequestsBy      map[Method]uint64 // of these, by method; "" stands for all unknown ones
	Retransmissions uint64            // of these, those that belong to a transaction already
	ACKs            uint64            // ACKs handed to the Handler
	Responses       uint64            // received and understood
	Stray           uint64            // of these, those that belong to no transaction: dropped

	RequestsSent  uint64 // retransmissions not counted
	ResponsesSent uint64 // by the user, retransmissions not counted
	Trying        uint64 // 100 Trying sent by the endpoint
	Timeouts      uint64 // client transactions without a response
	NextTarget    uint64 // times that a request went on to another target
	Cancelled     uint64 // INVITEs received that a CANCEL met in time

	Unparsable uint64 // messages that could not be handled
	Merged     uint64 // requests answered with 482
	OverLimit  uint64 // requests beyond Limits.Transactions, Octets or PerSource
	QueueFull  uint64 // messages beyond Limits.Queue
	Refused    uint64 // requests answered without a transaction: 503, 4xx
	Dropped    uint64 // such requests that were not answered: beyond Limits.Refusals, or too broken
	Evicted    uint64 // finished transactions that made room for new ones
	Leaked     uint64 // server transactions that the Handler forgot

	Network NetworkStats
}

// Stats returns a snapshot.
func (e *Endpoint) Stats() Stats {
	c := &e.stats
	s := Stats{
		ServerTransactions: int(e.servers.Load()), ClientTransactions: int(e.clients.Load()),
		Octets:   e.octets.Load(),
		Requests: c.requests.Load(), Retransmissions: c.requestsAgain.Load(), ACKs: c.acks.Load(),
		Responses: c.responses.Load(), Stray: c.stray.Load(),
		RequestsSent: c.requestsSent.Load(), ResponsesSent: c.responsesSent.Load(), Trying: c.trying.Load(),
		Timeouts: c.timeouts.Load(), NextTarget: c.nextTarget.Load(), Cancelled: c.cancelled.Load(),
		Unparsable: c.unparsable.Load(), Merged: c.merged.Load(), OverLimit: c.overLimit.Load(),
		QueueFull: c.queueFull.Load(), Refused: c.refused.Load(), Dropped: c.dropped.Load(),
		Evicted: c.evicted.Load(), Leaked: c.leaked.Load(),
		RequestsBy: make(map[Method]uint64),
		Network:    e.net.snapshot(),
	}
	for _, m := range append(Methods(), "") {
		if n := c.byMethod(m).Load(); n > 0 {
			s.RequestsBy[m] = n
		}
	}
	return s
}
