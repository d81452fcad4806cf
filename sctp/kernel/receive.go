//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package kernel

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

const (
	rcvInfo      = 3
	rcvInfoSpace = 48 // a header of 16 octets, sctp_rcvinfo of 28, and padding
	slotSize     = 2048
	firstSlots   = 4
	mostSlots    = maxVector

	msgNotification = 0x8000

	// ahead is how many batches are read ahead of Receive, and aheadClosing how many once the
	// association is being shut down, so that its end is found behind what nobody takes.
	ahead        = 2
	aheadClosing = 34
)

// batch is what one recvmmsg returns. A message longer than a slot goes on in the next.
type batch struct {
	arena, control []byte
	iov            []unix.Iovec
	vec            []mmsghdr
	items          []sctp.Received
	next           int // of items, for Receive
}

func newBatch(slots int) *batch {
	b := &batch{arena: make([]byte, slots*slotSize), control: make([]byte, slots*rcvInfoSpace), iov: make([]unix.Iovec, slots), vec: make([]mmsghdr, slots)}
	for i := range b.vec {
		b.iov[i].Base = &b.arena[i*slotSize]
		b.iov[i].SetLen(slotSize)
		h := &b.vec[i].hdr
		h.Iov = &b.iov[i]
		h.SetIovlen(1)
		h.Control = &b.control[i*rcvInfoSpace]
	}
	return b
}

// reader is the goroutine that reads.
type reader struct {
	ready chan *batch // what Receive has not taken
	free  chan *batch // what it has
	spare *batch      // to be filled next
	count int         // batches in use
	slots int         // of a batch
	part  []byte      // of a message whose rest has not come

	lost   *notification // why the association is over
	failed *sctp.Message // whose parts are being told of
}

func (r *reader) init() {
	r.ready, r.free = make(chan *batch, aheadClosing+2), make(chan *batch, aheadClosing+2)
	r.slots = firstSlots
}

// batch returns one to fill, or nil if the association was aborted.
func (c *conn) batch() *batch {
	if c.spare == nil {
		c.spare = c.take()
	}
	if c.spare != nil && len(c.spare.vec) < c.slots {
		c.spare = newBatch(c.slots)
	}
	b := c.spare
	c.spare = nil
	return b
}

func (c *conn) take() *batch {
	select {
	case b := <-c.free:
		return b
	default:
	}
	if c.count < ahead {
		c.count++
		return newBatch(c.slots)
	}
	select {
	case b := <-c.free:
		return b
	case <-c.quit:
		return nil
	case <-c.closing:
	}
	if c.count < aheadClosing {
		c.count++
		return newBatch(c.slots)
	}
	select {
	case b := <-c.free:
		return b
	case <-c.quit:
		return nil
	case <-c.hung: // what was read is taken by nobody
		return newBatch(c.slots)
	}
}

// read is the goroutine. It stays in one call of the poller, which remembers what arrives while
// the function runs, so that a read that does not fill its batch has drained the socket.
func (c *conn) read() {
	var errno, first error
	c.raw.Read(func(fd uintptr) bool {
		for {
			b := c.batch()
			if b == nil {
				return true
			}
			var n int
			n, errno = recvmmsg(int(fd), b.vec)
			if errno == unix.EAGAIN {
				c.spare = b
				errno = first
				return c.lost != nil || first != nil
			}
			if errno != nil {
				c.spare = b
				if first == nil {
					// recvmmsg tells of an error before what arrived ahead of it.
					first = errno
					continue
				}
				return true
			}
			told, over := c.parse(b, n)
			c.deliver(b)
			if over {
				return c.gone(int(fd), first)
			}
			// An error behind a notification is told to the next call alone.
			if n < len(b.vec) && !told {
				return false
			}
			if n == len(b.vec) {
				c.slots = min(2*c.slots, mostSlots)
			}
		}
	})
	c.finish(errno)
}

// gone says whether the association is over where the socket has nothing more to read: from the
// peer's SHUTDOWN on there is no more data, but the end comes when both have acknowledged it. The
// poller wakes for that.
func (c *conn) gone(fd int, err error) bool {
	select {
	case <-c.quit:
		return true
	default:
	}
	if c.lost != nil {
		return true
	}
	if s, e := status(fd); e == nil && s.state > closedState {
		return false
	}
	// A socket that is shut down in both directions is not notified of the end.
	if e, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); e == 0 && err == nil {
		c.lost = &notification{state: shutdownComplete}
	}
	return true
}

func recvmmsg(fd int, vec []mmsghdr) (int, error) {
	for i := range vec {
		vec[i].hdr.SetControllen(rcvInfoSpace)
		vec[i].hdr.Flags = 0
	}
	for {
		n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&vec[0])), uintptr(len(vec)), unix.MSG_DONTWAIT, 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return 0, e
		}
		return int(n), nil
	}
}

// deliver gives b to Receive.
func (c *conn) deliver(b *batch) {
	select {
	case <-c.hung:
		b.items = b.items[:0]
	default:
	}
	if len(b.items) == 0 {
		c.spare = b
		return
	}
	c.ready <- b // which has room for all there are
}

// parse makes messages and events of the first n slots. told says that there were notifications,
// over that the socket has reached its end.
func (c *conn) parse(b *batch, n int) (told, over bool) {
	b.items, b.next = b.items[:0], 0
	start, end := -1, -1 // of parts that lie next to each other in the arena
	for i := range n {
		h, at := &b.vec[i], i*slotSize
		size := int(h.len)
		if size == 0 && h.hdr.Flags&msgNotification == 0 {
			return told, true
		}
		switch {
		case start >= 0 && end == at:
			end += size
		case start >= 0:
			c.part = append(c.part, b.arena[start:end]...)
			fallthrough
		default:
			start, end = at, at+size
		}
		if len(c.part)+end-start > c.cfg.MaxMessage && h.hdr.Flags&msgNotification == 0 {
			c.part = nil
			c.abort(&sctp.DownError{Reason: sctp.LocalClosed, Err: sctp.ErrTooLong})
			return told, true
		}
		if h.hdr.Flags&unix.MSG_EOR == 0 {
			told = told || h.hdr.Flags&msgNotification != 0
			continue
		}
		data := b.arena[start:end]
		if len(c.part) > 0 {
			data, c.part = append(c.part, data...), nil
		}
		start = -1
		if h.hdr.Flags&msgNotification != 0 {
			told = true
			c.notify(b, data)
			continue
		}
		m := sctp.Message{Data: data}
		if info := b.control[i*rcvInfoSpace:]; h.hdr.Controllen >= 16+28 && ne.Uint32(info[8:]) == unix.IPPROTO_SCTP && ne.Uint32(info[12:]) == rcvInfo {
			m.Stream, m.Unordered, m.PPID = ne.Uint16(info[16:]), ne.Uint16(info[20:])&unordered != 0, be.Uint32(info[24:])
		}
		c.received.Add(1)
		c.trace(trace.Received, &m)
		b.items = append(b.items, sctp.Received{Message: m})
	}
	if start >= 0 {
		c.part = append(c.part, b.arena[start:end]...)
	}
	return told, false
}

// notify makes an event of a notification.
func (c *conn) notify(b *batch, data []byte) {
	n, err := parseNotification(data)
	if err != nil {
		return
	}
	add := func(e sctp.Event) { b.items = append(b.items, c.event(e)) }
	switch n.kind {
	case assocChange:
		switch n.state {
		case restart:
			c.part = nil
			c.out.Store(uint32(n.out))
			c.raw.Control(func(fd uintptr) { c.learn(int(fd)) })
			add(sctp.Event{Kind: sctp.Restart, In: n.in, Out: n.out})
		case commLost, shutdownComplete, cannotStart:
			n.info = bytes.Clone(n.info)
			c.lost = &n // Down comes last: what was not sent is told of behind this
		}
	case peerAddrChange:
		path := sctp.Addr{IPs: []netip.Addr{n.addr}, Port: c.RemoteAddr().Port}
		switch n.state {
		case addrAvailable, addrConfirmed:
			add(sctp.Event{Kind: sctp.PathUp, Path: path})
		case addrUnreachable:
			add(sctp.Event{Kind: sctp.PathDown, Path: path})
		}
	case sendFailed: // of each chunk
		const begin, last = 2, 1
		if n.flags&begin != 0 || c.failed == nil {
			c.failed = &sctp.Message{Stream: n.stream, PPID: n.ppid, Unordered: n.flags&4 != 0}
		}
		c.failed.Data = append(c.failed.Data, n.info...)
		if n.flags&last != 0 {
			add(sctp.Event{Kind: sctp.SendFailed, Message: c.failed})
			c.failed = nil
		}
	case shutdownEvent:
		c.close(onceClosing, c.closing)
		c.f.SetWriteDeadline(longAgo)
		add(sctp.Event{Kind: sctp.PeerClosing})
	case partialDelivery: // was given up
		c.part = nil
	}
}

// finish ends the association: the last thing that is delivered is Down.
func (c *conn) finish(err error) {
	d := &sctp.DownError{Reason: sctp.PeerLost}
	switch {
	case err == nil: // the end of what the peer sends, after its SHUTDOWN; an ABORT is an error
		d.Reason = sctp.ShutdownComplete
	case !errors.Is(err, unix.EAGAIN):
		d.Err = err
		if errors.Is(err, unix.ECONNRESET) {
			d.Reason = sctp.PeerAborted
		}
	}
	if c.lost != nil {
		switch {
		case c.lost.state == shutdownComplete:
			d = &sctp.DownError{Reason: sctp.ShutdownComplete}
		case len(c.lost.info) > 0:
			d.Reason, d.Err = sctp.PeerAborted, nil
			d.Code, d.Cause = abortCause(c.lost.info)
		}
	}
	c.setDown(d)
	c.beginClosing()
	c.f.Close()
	c.mu.Lock()
	if c.limit != nil {
		c.limit.Stop()
	}
	close(c.ended)
	c.mu.Unlock()
	b := newBatch(0)
	b.items = append(b.items, c.event(sctp.Event{Kind: sctp.Down, Reason: c.reason()}))
	c.ready <- b
	close(c.ready)
}

// receiver is what Receive has taken.
type receiver struct {
	current *batch
	told    bool // Down was delivered
}

// Receive delivers what has arrived; see [sctp.Conn].
func (c *conn) Receive(ctx context.Context, in []sctp.Received) ([]sctp.Received, error) {
	select {
	case <-c.hung:
		return c.receiveDown(in)
	default:
	}
	if c.current == nil || c.current.next == len(c.current.items) {
		if b := c.current; b != nil && len(b.vec) > 0 {
			c.free <- b // which has room for all there are
		}
		c.current = nil
		var ok bool
		select {
		case c.current, ok = <-c.ready:
		default:
			select {
			case c.current, ok = <-c.ready:
			case <-c.hung:
				return c.receiveDown(in)
			case <-ctx.Done():
				return in, ctx.Err()
			}
		}
		if !ok {
			return in, c.reason()
		}
	}
	b := c.current
	n := min(max(1, cap(in)-len(in)), len(b.items)-b.next)
	in = append(in, b.items[b.next:b.next+n]...)
	clear(b.items[b.next : b.next+n])
	b.next += n
	if e := in[len(in)-1].Event; e != nil && e.Kind == sctp.Down {
		c.told = true
	}
	return in, nil
}

// receiveDown delivers Down, once, to who has called Close.
func (c *conn) receiveDown(in []sctp.Received) ([]sctp.Received, error) {
	d := c.reason()
	if c.told {
		return in, d
	}
	c.told = true
	return append(in, sctp.Received{Event: &sctp.Event{Kind: sctp.Down, Reason: d}}), nil
}
