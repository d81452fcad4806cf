package sip

import (
	"log/slog"
	"time"

	"github.com/gotelco/telco/trace"
)

// Config says how an [Endpoint] works. The zero value works: it answers every request with 501.
type Config struct {
	// Handler receives the requests. If nil, they are answered with 501 Not Implemented. Which
	// methods it supports, and what it answers to others (405, 501), is the Handler's matter.
	Handler Handler

	// Inline calls the Handler on the goroutine that received the request, in the order in
	// which the requests of one call came; it must not block. Otherwise every request gets a
	// goroutine of its own, which may take its time but may see ACK and BYE in either order.
	Inline bool

	// Proxy is for handlers that forward requests. Requests that reach it over more than one
	// path (RFC 3261 section 8.2.2.2) and CANCELs that match nothing (section 16.10) are
	// handed to the Handler rather than answered with 482 and 481, and a cancelled INVITE is
	// not answered with 487: the answer of the other side is to come.
	Proxy bool

	// Timers are the base values of the transaction timers.
	Timers Timers

	// Limits bound what peers can make the endpoint keep.
	Limits Limits

	// Network is about sockets and connections.
	Network NetworkConfig

	// Locate is about DNS, and about targets that failed. Without Transports, WS and WSS are
	// among them if Network.DialWebSocket is set.
	Locate LocateConfig

	// TargetTimeout is how long a target may leave a request without any response before the
	// next one is tried (RFC 3263 section 4.3). If zero, 4 s. The last target has 64*T1.
	TargetTimeout time.Duration

	// MaxDatagram is the size over which requests go over TCP although UDP was asked for (RFC
	// 3261 section 18.1.1), and over UDP after all if nobody listens there. If zero, 1300
	// octets. If negative, there is no limit but UDP's own.
	MaxDatagram int

	// Parser reads what comes. The zero value is lenient. What it refuses is answered with the
	// status code that says why, if it is a request that can be answered, and counted.
	Parser Parser

	// Policy is what requests must fulfil to reach the Handler; others are answered with 400,
	// 415, 416, 420 or 501 by the endpoint. The zero value demands what RFC 3261 does.
	Policy Policy

	// UserAgent, if not empty, becomes the User-Agent header field of requests and the Server
	// header field of responses that have none.
	UserAgent string

	// OnLeak, if not nil, is told of every server transaction that the Handler forgot: it was
	// answered by policy, see [Limits.HandlerTimeout]. It must not block.
	OnLeak func(Leak)

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // if nil, not called
}

// Limits bound the state of an [Endpoint]. Whatever is dropped or refused because of them is
// counted in [Stats].
type Limits struct {
	// Transactions is how many server transactions and how many client transactions there may
	// be. If zero, 500,000 each. At the limit those that only wait for retransmissions make
	// room, the one that waits longest first; if there is none, a request is answered with 503
	// and Retry-After, and Start fails with ErrLimit.
	Transactions int

	// Octets is how much the requests without a final response, and the responses that are kept for
	// retransmissions, may hold of memory in all, in octets of text. If zero, 1 GiB. At the limit kept
	// responses make room, the oldest first; else a request is answered with 503 and Retry-After.
	Octets int64

	// PerSource is how many requests of one IP address may be without a final response. If
	// zero, half of Transactions. Further ones are answered with 503 and Retry-After.
	PerSource int

	// Queue is how many messages may wait in each of the endpoint's shards while its handlers
	// and callbacks run. If zero, 4,096. Further requests are answered with 503 and
	// Retry-After, further responses and ACKs are dropped.
	Queue int

	// Refusals is how many requests a second are answered with 503, or with the status code
	// that says why they could not be parsed. If zero, 1,000. Further ones are dropped.
	Refusals int

	// RetryAfter is the value of the Retry-After header field in those 503 responses, whole
	// seconds. If zero, 5 s.
	RetryAfter time.Duration

	// HandlerTimeout is how long a request may be without a final response; every provisional
	// response starts it anew. If zero, 4 minutes. A request other than INVITE has 60*T1 (30 s)
	// at most, since its client gives up at 64*T1. What the Handler forgot is then answered
	// with 408 if it is an INVITE that had a provisional response (other than 100), else with
	// 500, and reported to OnLeak and Logger.
	HandlerTimeout time.Duration
}

func (c Config) withDefaults() Config {
	num := func(d *int, v int) {
		if *d <= 0 {
			*d = v
		}
	}
	dur := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	c.Timers = c.Timers.filled()
	num(&c.Limits.Transactions, 500_000)
	if c.Limits.Octets <= 0 {
		c.Limits.Octets = 1 << 30
	}
	num(&c.Limits.PerSource, (c.Limits.Transactions+1)/2)
	num(&c.Limits.Queue, 4096)
	num(&c.Limits.Refusals, 1000)
	dur(&c.Limits.RetryAfter, 5*time.Second)
	dur(&c.Limits.HandlerTimeout, 4*time.Minute)
	dur(&c.TargetTimeout, 4*time.Second)
	if c.Locate.Transports == nil && c.Network.DialWebSocket != nil {
		c.Locate.Transports = []Transport{UDP, TCP, TLS, WS, WSS}
	}
	if c.MaxDatagram == 0 {
		c.MaxDatagram = 1300
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Network.Logger == nil {
		c.Network.Logger = c.Logger
	}
	return c
}
