package sip

import (
	"errors"
	"hash/maphash"
	"net"
	"runtime"
	"sync/atomic"
	"time"
)

// Handler receives the requests that reach an [Endpoint]: every new one once, retransmissions and
// CANCELs left out, and the ACKs of 2xx responses. tx is how to answer; for an ACK it refuses
// to. A handler need not answer before it returns, but must do so in the end. It must not edit
// req, but a Clone of it.
type Handler interface {
	ServeSIP(tx *ServerTransaction, req *Request)
}

// HandlerFunc is a function as a [Handler].
type HandlerFunc func(tx *ServerTransaction, req *Request)

// ServeSIP calls f.
func (f HandlerFunc) ServeSIP(tx *ServerTransaction, req *Request) { f(tx, req) }

// Why a transaction or an attempt has no response, or cannot have one.
var (
	ErrTimeout  = errors.New("sip: no response in time")                       // timer B or F (RFC 3261 section 17.1), a target's or the attempt's own timeout
	ErrCanceled = errors.New("sip: cancelled")                                 // by CANCEL
	ErrEnded    = errors.New("sip: transaction has had its final response")    // nothing more can be sent
	ErrNoACK    = errors.New("sip: refusal of an INVITE was not acknowledged") // timer H (RFC 3261 section 17.2.1)
	ErrIsACK    = errors.New("sip: an ACK has no response")                    // RFC 3261 section 17
	ErrLimit    = errors.New("sip: too many transactions")                     // Limits.Transactions
	errClosed   = &closedError{}                                               // the endpoint was closed
)

// closedError is net.ErrClosed in our words.
type closedError struct{}

func (*closedError) Error() string { return "sip: endpoint is closed" }
func (*closedError) Unwrap() error { return net.ErrClosed }

// Endpoint sends and receives SIP messages: transports and transactions (RFC 3261 sections 17
// and 18). User agents, registrars and proxies stand on it.
//
// Transactions live in shards by Call-ID. All that happens to the calls of one shard happens one
// after the other, in the order in which the messages came, on the goroutine that brought the
// first of them; none waits for a transaction. Timers of a shard share one timer of the runtime.
type Endpoint struct {
	cfg    Config
	net    *network
	locate *Locator
	ids    *idSource
	seeds  [3]maphash.Seed // shard, and the two halves of a transaction's key
	shards []*shard
	start  time.Time
	closed atomic.Bool

	clients  atomic.Int64 // client transactions
	servers  atomic.Int64 // server transactions
	octets   atomic.Int64 // that they hold
	stats    endpointStats
	sources  sourceCounts
	refusals rateLimit
	leaks    rateLimit
}

// NewEndpoint returns an endpoint that listens nowhere yet. It can send without listening. Close
// it after use.
func NewEndpoint(cfg Config) *Endpoint {
	e := &Endpoint{cfg: cfg.withDefaults(), ids: newIDSource(), start: time.Now()}
	for i := range e.seeds {
		e.seeds[i] = maphash.MakeSeed()
	}
	e.refusals.perSecond = e.cfg.Limits.Refusals
	e.leaks.perSecond = 1
	n := 1
	for n < 2*runtime.GOMAXPROCS(0) {
		n *= 2
	}
	for range n {
		e.shards = append(e.shards, newShard(e))
	}
	e.locate = NewLocator(e.cfg.Locate)
	e.net = newNetwork(e.cfg.Network, e.receive, e.flowClosed)
	return e
}

// Listen opens a socket and serves it. The Flow's Local is the address that was bound.
func (e *Endpoint) Listen(lc ListenConfig) (Flow, error) { return e.net.listen(lc) }

// ServePacketConn serves UDP over pc, which the endpoint closes with itself. It returns at once.
func (e *Endpoint) ServePacketConn(pc net.PacketConn, lc ListenConfig) (Flow, error) {
	lc.Transport = UDP
	return e.net.servePacketConn(pc, lc)
}

// ServeListener serves the connections that l accepts, over the transport that lc names. The
// endpoint closes l with itself. It returns at once.
func (e *Endpoint) ServeListener(l net.Listener, lc ListenConfig) (Flow, error) {
	return e.net.serveListener(l, lc)
}

// SentBy returns the host and port that messages over f name as ours in Via, and that Contact
// and Record-Route should name: what the listener advertises, else the local address.
func (e *Endpoint) SentBy(f Flow) (host string, port int) { return e.net.sentBy(f) }

// NewTag returns a tag for From or To: 80 random bits (RFC 3261 section 19.3).
func (e *Endpoint) NewTag() string { return e.ids.tag() }

// NewCallID returns a Call-ID: 160 random bits.
func (e *Endpoint) NewCallID() string {
	var a [32]byte
	return string(e.ids.append(e.ids.append(a[:0])))
}

// NewBranch returns a branch parameter (RFC 3261 section 8.1.1.7). The endpoint makes those of
// the requests it sends itself.
func (e *Endpoint) NewBranch() string { return e.ids.branch() }

// Close ends every transaction and attempt with an error that is net.ErrClosed, closes the
// sockets and waits for the endpoint's goroutines. Handlers that run on their own goroutines see
// it by their Context. Close must not be called by an inline handler or a callback.
func (e *Endpoint) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	for _, s := range e.shards {
		s.close()
	}
	e.net.close()
	for _, s := range e.shards {
		s.wait()
	}
	return nil
}

// now is the time since the endpoint was made, which timer heaps count in.
func (e *Endpoint) since(t time.Time) int64 { return int64(t.Sub(e.start)) }

// shard returns the shard of a call.
func (e *Endpoint) shard(callID string) *shard {
	return e.shards[maphash.String(e.seeds[0], callID)&uint64(len(e.shards)-1)]
}

// flowClosed hears of a connection that has ended: requests under way over it will have no
// response, which is a transport error to them.
func (e *Endpoint) flowClosed(f Flow, err error) {
	for _, s := range e.shards {
		s.flowClosed(f, err)
	}
}
