package rtp

import "time"

// Reader reads the sockets of many Sessions when it is told to: for a program that looks at all of them every 20 ms anyhow, it takes
// the place of goroutines that wait, and packets that arrive wake nobody. The system says when each has arrived. It
// holds the memory that datagrams are read into, and serves one goroutine at a time.
type Reader struct {
	sys readerSys
}

// NewReader returns a Reader.
func NewReader() *Reader {
	r := &Reader{}
	r.sys.open()
	return r
}

const (
	readRounds = 16 // calls of recvmmsg(2) for one socket, before the others have their turn
	rtpWaits   = 5  // polls that a packet waits at most, unless we cannot follow
	rtcpEvery  = 25 // polls of RTP for one of RTCP
)

// Poll reads what has arrived for a Session with [Config.Polled], without waiting, and sends a report that is due. now is what the clock
// says, and is what the Session takes for the time until the next Poll. Where the system can't do so the
// Session reads by itself, and Poll does nothing.
//
// A second packet that has come since the last Poll may wait for the next one, while what waits to be played lasts
// for longer than that.
func (s *Session) Poll(now time.Time, r *Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.polls {
		return
	}
	last := s.now
	s.now = now
	if !s.pollOne(r, now, last) {
		s.pollSocket(r, &s.rtp, false, now, last)
	}
	if s.turns++; s.turns%rtcpEvery == 0 && s.rtcp != nil {
		s.pollSocket(r, s.rtcp, true, now, last)
	}
	if due := s.stream.Deadline(); !due.IsZero() && !now.Before(due) {
		s.sendReport(now)
	}
}

// pollOne reads one packet, which is what a stream has between two polls, and says whether that will do: to see that there is
// no second one costs a quarter of reading the first. It is called with the lock held.
//
//	What it has read                                   Enough
//	nothing                                            yes
//	what came before the last poll: we are behind      no
//	what the stream does not take                      no
//	a packet, and fewer than two wait to be played     no
//	any other packet                                   yes
func (s *Session) pollOne(r *Reader, now, last time.Time) (enough bool) {
	if s.rtp.raw == nil {
		return true
	}
	n, err := r.sys.read(s.rtp.raw, 1)
	if err != nil {
		s.fail(err)
	}
	if err != nil || n == 0 {
		return true
	}
	s.errors = 0
	from, data, stamp := r.sys.datagram(0)
	at := cameAt(now, last, rtpWaits, now.UnixNano(), stamp)
	err = s.stream.Receive(at, from, data)
	return err == nil && stamp != 0 && at.After(last) && s.stream.buffer.Len() >= 2
}

// pollSocket empties a socket. It is called with the lock held.
func (s *Session) pollSocket(r *Reader, c *socket, rtcp bool, now, last time.Time) {
	if c.raw == nil {
		return
	}
	polls, wall := rtpWaits, now.UnixNano()
	if rtcp {
		polls = rtcpEvery
	}
	for range readRounds {
		n, err := r.sys.read(c.raw, readBatch)
		if err != nil {
			s.fail(err)
			return
		}
		if n > 0 {
			s.errors = 0
		}
		for i := range n {
			from, data, stamp := r.sys.datagram(i)
			at := cameAt(now, last, polls, wall, stamp)
			if rtcp {
				s.stream.ReceiveRTCP(at, from, data)
			} else {
				s.stream.Receive(at, from, data)
			}
		}
		if n < readBatch {
			return
		}
	}
}

// cameAt is when a datagram came that the system has stamped, but not before as many polls ago: the wall clock may have been set
// meanwhile.
func cameAt(now, last time.Time, polls int, wall, stamp int64) time.Time {
	age := time.Duration(wall - stamp)
	if stamp == 0 || age <= 0 {
		return now
	}
	return now.Add(-min(age, max(now.Sub(last), 0)*time.Duration(polls)))
}

// clock is the time: of the last Poll, if there are any.
func (s *Session) clock() time.Time {
	if s.polls {
		return s.now
	}
	return time.Now()
}
