//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// Flags and ancillary data of sending (RFC 6458 section 5.3.4), numbered as Linux does.
const (
	sndInfo      = 2
	unordered    = 1 // SCTP_UNORDERED
	maxVector    = 64
	sndInfoSpace = 32 // a header of 16 octets and sctp_sndinfo, of 16
)

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// sender hands messages to the kernel.
type sender struct {
	sendMu sync.Mutex // of what follows
	vec    []mmsghdr
	iov    []unix.Iovec
	info   []byte

	push  func(fd uintptr)      // tries todo
	flush func(fd uintptr) bool // for the poller: tries todo until it is done
	todo  []sctp.Message
	done  int
	errno error

	waiting []sctp.Message // of the Send that waits
	waited  int            // how many of them are sent

	// room is a lower bound of what is free of sendBuffer, by the kernel's account.
	room, sendBuffer int

	turn chan struct{} // capacity 1: held by the Send that waits
}

func (s *sender) init() {
	s.turn = make(chan struct{}, 1)
	s.push = func(fd uintptr) {
		for s.errno = nil; s.done < len(s.todo) && s.errno == nil; {
			s.errno = s.transmit(int(fd))
		}
	}
	s.flush = func(fd uintptr) bool {
		s.sendMu.Lock()
		defer s.sendMu.Unlock()
		s.todo, s.done = s.waiting, s.waited
		s.push(fd)
		s.waited = s.done
		s.release()
		return s.errno != unix.EAGAIN
	}
}

// weight is at least what a message takes of the kernel's send buffer: it counts the memory of
// each chunk with its descriptors.
func weight(m *sctp.Message) int { return 2*len(m.Data) + 2048*(1+len(m.Data)/1024) }

// transmit hands some of todo to the kernel, with one call, or two where packets can be filled.
func (s *sender) transmit(fd int) error {
	ms := s.todo[s.done:]
	ms = ms[:min(len(ms), maxVector)]
	if len(ms) > len(s.vec) {
		s.grow(len(ms))
	}
	need := 0
	for i := range ms {
		s.fill(i, &ms[i])
		need += weight(&ms[i])
	}
	n := len(ms)
	if n > 2 {
		// More is promised only if there is room for all: nothing would end the wait for it.
		if s.room < need {
			s.room = s.sendBuffer - queued(fd)
		}
		if s.room >= need {
			k, err := sendmmsg(fd, s.vec[:n-1], unix.MSG_MORE)
			s.sentOff(k, ms)
			if err != nil || k < n-1 {
				return err
			}
			k, err = sendmmsg(fd, s.vec[n-1:n], 0)
			s.sentOff(k, ms[n-1:])
			return err
		}
	}
	k, err := sendmmsg(fd, s.vec[:n], 0)
	s.sentOff(k, ms)
	return err
}

func (s *sender) sentOff(k int, ms []sctp.Message) {
	for i := range ms[:k] {
		s.room -= weight(&ms[i])
	}
	s.done += k
}

func (s *sender) grow(n int) {
	n = min(maxVector, max(8, 2*n))
	s.vec, s.iov, s.info = make([]mmsghdr, n), make([]unix.Iovec, n), make([]byte, n*sndInfoSpace)
	for i := range s.vec {
		info := s.info[i*sndInfoSpace:]
		ne.PutUint64(info, sndInfoSpace)
		ne.PutUint32(info[8:], unix.IPPROTO_SCTP)
		ne.PutUint32(info[12:], sndInfo)
		h := &s.vec[i].hdr
		h.Iov = &s.iov[i]
		h.SetIovlen(1)
		h.Control = &info[0]
		h.SetControllen(sndInfoSpace)
	}
}

func (s *sender) fill(i int, m *sctp.Message) {
	s.iov[i].Base = unsafe.SliceData(m.Data)
	s.iov[i].SetLen(len(m.Data))
	info := s.info[i*sndInfoSpace+16:]
	ne.PutUint16(info, m.Stream)
	flags := uint16(0)
	if m.Unordered {
		flags = unordered
	}
	ne.PutUint16(info[2:], flags)
	be.PutUint32(info[4:], m.PPID)
}

func sendmmsg(fd int, vec []mmsghdr, flags int) (int, error) {
	for {
		n, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&vec[0])), uintptr(len(vec)), uintptr(flags|unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT), 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return 0, e
		}
		return int(n), nil
	}
}

// check says which of ms can be sent, up to the first that cannot.
func (c *conn) check(ms []sctp.Message) ([]sctp.Message, error) {
	for i := range ms {
		switch m := &ms[i]; {
		case len(m.Data) == 0:
			return ms[:i], sctp.ErrEmpty
		case len(m.Data) > c.cfg.MaxMessage:
			return ms[:i], sctp.ErrTooLong
		case uint32(m.Stream) >= c.out.Load():
			return ms[:i], sctp.ErrStream
		}
	}
	return ms, nil
}

// failure is what a caller learns of an error of the kernel.
func (c *conn) failure(err error) error {
	select {
	case <-c.over:
		return c.reason()
	default:
	}
	select {
	case <-c.closing:
		return sctp.ErrClosing
	default:
	}
	switch {
	case errors.Is(err, unix.EAGAIN):
		return sctp.ErrFull
	case errors.Is(err, unix.EMSGSIZE):
		return sctp.ErrTooLong
	case errors.Is(err, unix.ESHUTDOWN):
		return sctp.ErrClosing
	}
	return fmt.Errorf("%w: %w", sctp.ErrClosing, err) // Receive will say why
}

// TrySend hands over messages as long as there is room; see [sctp.Conn].
func (c *conn) TrySend(ms ...sctp.Message) (int, error) {
	select {
	case <-c.closing:
		return 0, c.failure(nil)
	default:
	}
	ms, bad := c.check(ms)
	if len(ms) == 0 {
		return 0, bad
	}
	c.sendMu.Lock()
	c.todo, c.done = ms, 0
	err := c.raw.Control(c.push)
	n := c.done
	if err == nil {
		err = c.errno
	}
	if c.cfg.Trace != nil {
		for i := range ms[:n] {
			c.trace(trace.Sent, &ms[i])
		}
	}
	c.release()
	c.sendMu.Unlock()
	c.sent.Add(uint64(n))
	if err != nil {
		return n, c.failure(err)
	}
	return n, bad
}

// release forgets the caller's data.
func (s *sender) release() {
	for i := range s.iov[:min(len(s.iov), len(s.todo))] {
		s.iov[i].Base = nil
	}
	s.todo = nil
}

// Send hands over messages; see [sctp.Conn].
func (c *conn) Send(ctx context.Context, ms ...sctp.Message) (int, error) {
	n, err := c.TrySend(ms...)
	if !errors.Is(err, sctp.ErrFull) {
		return n, err
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return n, ctx.Err()
	case <-c.closing:
		return n, c.failure(nil)
	}
	defer func() { <-c.turn }()
	good, bad := c.check(ms[n:])
	k, err := c.wait(ctx, good)
	if err != nil {
		return n + k, err
	}
	return n + k, bad
}

// wait sends ms as there is room for them.
func (c *conn) wait(ctx context.Context, ms []sctp.Message) (n int, err error) {
	if len(ms) == 0 {
		return 0, nil
	}
	c.f.SetWriteDeadline(time.Time{})
	stop := expire(ctx, c.f.SetWriteDeadline)
	defer stop()
	for {
		select {
		case <-c.closing:
			return n, c.failure(nil)
		default:
		}
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		c.sendMu.Lock()
		c.waiting, c.waited = ms[n:], 0
		c.sendMu.Unlock()
		err = c.raw.Write(c.flush)
		c.sendMu.Lock()
		k := c.waited
		if err == nil {
			err = c.errno
		}
		if c.cfg.Trace != nil {
			for i := range ms[n : n+k] {
				c.trace(trace.Sent, &ms[n+i])
			}
		}
		c.waiting = nil
		c.sendMu.Unlock()
		c.sent.Add(uint64(k))
		n += k
		if errors.Is(err, os.ErrDeadlineExceeded) && n < len(ms) { // or that of a Send before
			if ctx.Err() == nil {
				c.f.SetWriteDeadline(time.Time{})
			}
			continue
		}
		if err != nil {
			return n, c.failure(err)
		}
		return n, nil
	}
}
