//go:build linux

package main

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	frame   = 20 * time.Millisecond
	slots   = 40 // parts of the 20 ms in which streams are sent
	polling = 2 * time.Millisecond
)

// stream is one direction of one call.
type stream struct {
	from    *socket // sends
	at      *socket // receives
	to      unix.RawSockaddrInet4
	in, out codec

	payloads [][]byte
	packet   []byte
	seq      uint16
	ts       uint32
	n        int

	// Of the receiver. What is not in a window is not counted.
	started  bool
	ssrc     uint32 // of the first packet; what has another comes from strangers
	lastSeq  uint16
	lastTS   uint32
	lastAt   int64
	counts   counts
	keep     bool
	kept     []byte // G.711
	keptFrom uint16
}

// counts are what came of a stream in a window.
type counts struct{ received, lost, twice, back, wrong, strange int }

func (c *counts) add(o counts) {
	c.received += o.received
	c.lost += o.lost
	c.twice += o.twice
	c.back += o.back
	c.wrong += o.wrong
	c.strange += o.strange
}

// engine sends and receives all streams, by a thread each.
type engine struct {
	adding  sync.Mutex
	streams atomic.Pointer[[]*stream]
	epoll   int
	stop    atomic.Bool
	done    sync.WaitGroup

	sending sync.Mutex
	own     histogram // of the window: how late we send

	receiving sync.Mutex
	window    bool
	gaps      histogram // of the window: by how much the time between two packets differs from that of their timestamps
}

func newEngine() (*engine, error) {
	e := &engine{}
	e.streams.Store(&[]*stream{})
	var err error
	if e.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	e.done.Go(e.send)
	e.done.Go(e.receive)
	return e, nil
}

func (e *engine) close() {
	e.stop.Store(true)
	e.done.Wait()
	unix.Close(e.epoll)
}

func (e *engine) add(s *stream) error {
	s.packet = make([]byte, 12, 512)
	e.adding.Lock()
	defer e.adding.Unlock()
	all := *e.streams.Load()
	n := len(all)
	all = append(all[:n:n], s)
	e.streams.Store(&all)
	return unix.EpollCtl(e.epoll, unix.EPOLL_CTL_ADD, s.at.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(n)})
}

func (e *engine) send() {
	realTime()
	start := now()
	for n := int64(0); !e.stop.Load(); n++ {
		due := start + n*int64(frame)/slots
		if due > now() {
			sleepUntil(due)
		}
		late := now() - due
		e.sending.Lock()
		e.own.add(late)
		e.sending.Unlock()
		all := *e.streams.Load()
		for i := int(n % slots); i < len(all); i += slots {
			all[i].send()
		}
	}
}

func (s *stream) send() {
	p := s.payloads[s.n%len(s.payloads)]
	s.n++
	s.ts += uint32(s.in.rate / 50)
	s.seq++
	b := s.packet[:12]
	b[0], b[1] = 0x80, s.in.payloadType
	if s.n == 1 {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], s.seq)
	binary.BigEndian.PutUint32(b[4:], s.ts)
	binary.BigEndian.PutUint32(b[8:], uint32(s.from.fd)<<8|0x5a)
	s.packet = append(b, p...)
	s.from.send(s.packet, &s.to)
}

func (e *engine) receive() {
	realTime()
	b := &batch{}
	events := make([]unix.EpollEvent, 1024)
	for next := now(); !e.stop.Load(); {
		for {
			n, _ := unix.EpollWait(e.epoll, events, 0)
			if n <= 0 {
				break
			}
			all := *e.streams.Load()
			for _, ev := range events[:n] {
				s := all[ev.Fd]
				got := b.read(s.at.fd)
				e.receiving.Lock()
				for i := range got {
					s.receive(b.data[i][:b.head[i].n], b.stamp(i), e.window, &e.gaps)
				}
				e.receiving.Unlock()
			}
		}
		next = max(next+int64(polling), now())
		sleepUntil(next)
	}
}

func (s *stream) receive(p []byte, at int64, window bool, gaps *histogram) {
	if len(p) < 12 || p[0]>>6 != 2 {
		return
	}
	if ssrc := binary.BigEndian.Uint32(p[8:]); !s.started {
		s.ssrc = ssrc
	} else if ssrc != s.ssrc {
		s.counts.strange++
		return
	}
	seq, ts := binary.BigEndian.Uint16(p[2:]), binary.BigEndian.Uint32(p[4:])
	step := int16(seq - s.lastSeq)
	if window {
		s.counts.received++
		switch {
		case !s.started || step == 1:
		case step > 1:
			s.counts.lost += int(step) - 1
		case step == 0:
			s.counts.twice++
		default:
			s.counts.back++
			s.counts.lost--
		}
		if s.started && step > 0 {
			want := int64(int32(ts-s.lastTS)) * int64(time.Second) / int64(s.out.rate)
			d := at - s.lastAt - want
			gaps.add(max(d, -d))
		}
		if !s.out.fits(p) {
			s.counts.wrong++
		}
		if s.keep && s.out.g711() {
			s.kept = append(s.kept, p[12:]...)
		}
	}
	if !s.started || step > 0 {
		s.started, s.lastSeq, s.lastTS, s.lastAt = true, seq, ts, at
	}
}

// measure opens the window for a time and returns what came in it.
func (e *engine) measure(d time.Duration) (c counts, gaps, own histogram) {
	e.sending.Lock()
	e.own = histogram{}
	e.sending.Unlock()
	e.receiving.Lock()
	e.gaps = histogram{}
	for _, s := range *e.streams.Load() {
		s.counts, s.kept = counts{}, s.kept[:0]
	}
	e.window = true
	e.receiving.Unlock()
	time.Sleep(d)
	e.receiving.Lock()
	defer e.receiving.Unlock()
	e.window = false
	for _, s := range *e.streams.Load() {
		c.add(s.counts)
	}
	e.sending.Lock()
	defer e.sending.Unlock()
	return c, e.gaps, e.own
}

// histogram counts times in hundredths of a millisecond, up to a second.
type histogram struct {
	n     int
	count [100_001]int32
}

func (h *histogram) add(ns int64) {
	h.n++
	h.count[min(max(ns, 0)/10_000, int64(len(h.count)-1))]++
}

// at is a quantile in milliseconds.
func (h *histogram) at(q float64) float64 {
	left := int(float64(h.n)*q + 0.5)
	for i, n := range h.count {
		if left -= int(n); left < 0 || left == 0 && int(n) > 0 {
			return float64(i) / 100
		}
	}
	return float64(len(h.count)-1) / 100
}
