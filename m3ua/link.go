package m3ua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// Streamless is a [sctp.Conn] without streams, such as one over TCP: then everything comes and
// goes on stream 0, and the rules about streams don't hold.
type Streamless interface{ Streamless() bool }

// link is the sending half of an association: a bounded queue, and a goroutine that empties it in
// as few calls as it can. Whoever puts in a message never waits.
type link struct {
	conn   sctp.Conn
	name   string // of the peer, for traces and logs
	single bool   // without streams

	local, remote netip.AddrPort
	transport     trace.Transport
	trace         trace.Func
	log           *slog.Logger

	streams atomic.Uint32 // outbound ones
	level   atomic.Uint32 // of congestion, 0 to 3
	onLevel func()        // level has changed; must not wait

	mu            sync.Mutex
	buf           []byte
	items         []linkItem
	count, octets int // queued and being sent
	up, down      [3]linkFill
	max           linkFill
	closed        bool

	spareBuf   []byte
	spareItems []linkItem
	wake       chan struct{}
	heard      *atomic.Bool

	sent, sentOctets, received, receivedOctets, dropped atomic.Uint64
}

type linkItem struct {
	end    int
	stream uint16
}

type linkFill struct{ count, octets int }

// share is a part of a fill.
func (f linkFill) share(percent int) linkFill {
	return linkFill{max(f.count*percent/100, 1), max(f.octets*percent/100, 1)}
}

// Levels of congestion begin where the queue is filled to these parts in a hundred, and end where
// it is emptied to those.
var levelOnset, levelEnd = [3]int{50, 75, 90}, [3]int{25, 50, 75}

func newLink(conn sctp.Conn, name string, count, octets int, tr trace.Func, log *slog.Logger) *link {
	l := &link{conn: conn, name: name, trace: tr, log: log, wake: make(chan struct{}, 1),
		local: conn.LocalAddr().AddrPort(), remote: conn.RemoteAddr().AddrPort(), transport: trace.OverSCTP, max: linkFill{count, octets}}
	if s, ok := conn.(Streamless); ok && s.Streamless() {
		l.single, l.transport = true, trace.TCP
	}
	for i := range l.up {
		l.up[i], l.down[i] = l.max.share(levelOnset[i]), l.max.share(levelEnd[i])
	}
	l.streams.Store(uint32(conn.Status().Out))
	return l
}

// Errors of sending DATA.
var (
	// ErrCongested says that what waits for the peer has reached its limit: the message is dropped.
	ErrCongested = errors.New("m3ua: the peer does not read fast enough")
	// ErrNoStream says that the association has but stream 0, which must not carry DATA.
	ErrNoStream = errors.New("m3ua: the association has no stream for DATA")
	// ErrTooLong says that the user data does not fit a DATA message.
	ErrTooLong = errors.New("m3ua: the message is too long")
	errGone    = errors.New("m3ua: the association is gone")
)

// stream is where DATA with an SLS goes (RFC 4666 section 1.4.7).
func (l *link) stream(sls mtp3.SLS) (uint16, error) {
	if l.single {
		return 0, nil
	}
	n := l.streams.Load()
	switch {
	case n == 17:
		return 1 + uint16(sls&15), nil
	case n < 2:
		return 0, ErrNoStream
	}
	return 1 + uint16(uint32(sls)%(n-1)), nil
}

// sendDATA queues a DATA message.
func (l *link) sendDATA(d *DATA) error {
	stream, err := l.stream(d.MSU.Label.SLS)
	if err != nil {
		l.dropped.Add(1)
		return err
	}
	if len(d.MSU.Data) > maxData {
		l.dropped.Add(1)
		return ErrTooLong
	}
	l.mu.Lock()
	if l.count >= l.max.count || l.octets >= l.max.octets || l.closed {
		closed := l.closed
		l.mu.Unlock()
		l.dropped.Add(1)
		if closed {
			return errGone
		}
		return ErrCongested
	}
	start := len(l.buf)
	l.buf = d.append(l.buf)
	l.queued(start, stream)
	if l.trace != nil {
		l.traced(trace.Sent, stream, l.buf[start:])
	}
	l.mu.Unlock()
	return nil
}

// sendRaw queues a DATA message as it was encoded.
func (l *link) sendRaw(b []byte, sls mtp3.SLS) error {
	stream, err := l.stream(sls)
	if err != nil {
		l.dropped.Add(1)
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count >= l.max.count || l.octets >= l.max.octets || l.closed {
		l.dropped.Add(1)
		return ErrCongested
	}
	start := len(l.buf)
	l.buf = append(l.buf, b...)
	l.queued(start, stream)
	l.traced(trace.Sent, stream, b)
	return nil
}

// queued notes what was appended to buf, with mu held.
func (l *link) queued(start int, stream uint16) {
	l.items = append(l.items, linkItem{len(l.buf), stream})
	l.count++
	l.octets += len(l.buf) - start
	if lv := l.level.Load(); lv < 3 && (l.count >= l.up[lv].count || l.octets >= l.up[lv].octets) {
		l.setLevel(lv + 1)
	}
	if len(l.items) == 1 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func (l *link) setLevel(lv uint32) {
	l.level.Store(lv)
	if l.onLevel != nil {
		l.onLevel()
	}
}

// send queues any other message. It has room where DATA has none any more; a peer that lets even
// that fill up is given up.
func (l *link) send(m Message, stream uint16) {
	if l.single || uint32(stream) >= l.streams.Load() {
		stream = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	start := len(l.buf)
	b, err := m.AppendBinary(l.buf)
	if err != nil {
		if l.log != nil {
			l.log.Error("m3ua: a message cannot be written", "peer", l.name, "message", m.Type(), "err", err)
		}
		return
	}
	if l.octets+len(b)-start > 2*l.max.octets || l.count > 2*l.max.count {
		l.closed = true
		go l.conn.Abort("nothing is read")
		return
	}
	l.buf = b
	l.traced(trace.Sent, stream, b[start:])
	l.queued(start, stream)
}

func (l *link) traced(dir trace.Dir, stream uint16, b []byte) {
	if l.trace != nil {
		l.trace(trace.Event{Time: time.Now(), Dir: dir, Interface: l.name, Proto: trace.M3UA, Transport: l.transport,
			Local: l.local, Remote: l.remote, Stream: stream, PPID: PPID, Data: b})
	}
}

// batch is how many messages go to the association in one call.
const batch = 64

// write empties the queue until the association is gone or ctx is done.
func (l *link) write(ctx context.Context) {
	ms := make([]sctp.Message, 0, batch)
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return
		}
		for {
			l.mu.Lock()
			buf, items := l.buf, l.items
			if len(items) == 0 {
				l.mu.Unlock()
				break
			}
			l.buf, l.items = l.spareBuf[:0], l.spareItems[:0]
			l.mu.Unlock()
			all, start := items, 0
			for len(items) > 0 {
				ms = ms[:0]
				first := start
				n := min(len(items), batch)
				for _, it := range items[:n] {
					ms = append(ms, sctp.Message{Stream: it.stream, PPID: PPID, Data: buf[start:it.end]})
					start = it.end
				}
				items = items[n:]
				if err := l.sendAll(ctx, ms); err != nil {
					l.mu.Lock()
					l.closed = true
					l.mu.Unlock()
					return
				}
				l.done(n, start-first)
			}
			l.spareBuf, l.spareItems = buf, all
		}
	}
}

// sendAll hands messages over; one that the association cannot carry is dropped alone.
func (l *link) sendAll(ctx context.Context, ms []sctp.Message) error {
	for len(ms) > 0 {
		n, err := l.conn.Send(ctx, ms...)
		octets := 0
		for i := range ms[:n] {
			octets += len(ms[i].Data)
		}
		l.sent.Add(uint64(n))
		l.sentOctets.Add(uint64(octets))
		ms = ms[n:]
		switch {
		case err == nil:
			if n == 0 && len(ms) > 0 {
				return fmt.Errorf("m3ua: the association takes nothing")
			}
		case errors.Is(err, sctp.ErrTooLong), errors.Is(err, sctp.ErrStream), errors.Is(err, sctp.ErrEmpty):
			if len(ms) > 0 {
				l.dropped.Add(1)
				ms = ms[1:]
			}
		default:
			return err
		}
	}
	return nil
}

// done notes that messages have left the queue.
func (l *link) done(n, octets int) {
	l.mu.Lock()
	l.count -= n
	l.octets -= octets
	for lv := l.level.Load(); lv > 0 && l.count < l.down[lv-1].count && l.octets < l.down[lv-1].octets; lv-- {
		l.setLevel(lv - 1)
	}
	l.mu.Unlock()
}

// receiver reads an association: messages and events, one after the other.
type receiver interface {
	message(stream uint16, b []byte)
	event(e *sctp.Event) // of an association that goes on
}

// read gives r what arrives until the association is over, and returns why.
func (l *link) read(ctx context.Context, r receiver) error {
	in := make([]sctp.Received, 0, batch)
	var octets uint64
	for {
		var err error
		in, err = l.conn.Receive(ctx, in[:0])
		octets = 0
		n := uint64(0)
		for i := range in {
			rc := &in[i]
			if rc.Event != nil {
				switch rc.Event.Kind {
				case sctp.Down:
					return rc.Event.Reason
				case sctp.Up, sctp.Restart:
					if rc.Event.Out > 0 {
						l.streams.Store(uint32(rc.Event.Out))
					}
				}
				r.event(rc.Event)
				continue
			}
			n++
			octets += uint64(len(rc.Data))
			if l.trace != nil {
				l.traced(trace.Received, rc.Stream, rc.Data)
			}
			r.message(rc.Stream, rc.Data)
		}
		if n > 0 {
			l.received.Add(n)
			l.receivedOctets.Add(octets)
			if !l.heard.Load() {
				l.heard.Store(true)
			}
		}
		if err != nil {
			return err
		}
	}
}

// close ends the sending half, and returns how many messages had not been sent.
func (l *link) close() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.count
}

// LinkStats counts what an association carried.
type LinkStats struct {
	Sent, SentOctets         uint64 // messages given to the association
	Received, ReceivedOctets uint64
	Dropped                  uint64 // DATA that found the queue full, or could not be carried
	Queued                   int    // messages that wait to be sent
	Congestion               uint8  // level, 0 to 3
}

func (l *link) stats() LinkStats {
	if l == nil {
		return LinkStats{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return LinkStats{Sent: l.sent.Load(), SentOctets: l.sentOctets.Load(), Received: l.received.Load(), ReceivedOctets: l.receivedOctets.Load(),
		Dropped: l.dropped.Load(), Queued: l.count, Congestion: uint8(l.level.Load())}
}
