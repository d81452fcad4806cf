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
	rtcpEvery  = 5  // polls of RTP for one of RTCP
)

// Poll reads what has arrived for a Session with [Config.Polled], without waiting, and sends a report that is due. now is what the clock
// says, and is what the Session takes for the time until the next Poll. Where the system can't do so the
// Session reads by itself, and Poll does nothing.
func (s *Session) Poll(now time.Time, r *Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.polls {
		return
	}
	last := s.now
	s.now = now
	s.pollSocket(r, &s.rtp, false, now, last)
	if s.turns++; s.turns%rtcpEvery == 0 && s.rtcp != nil {
		s.pollSocket(r, s.rtcp, true, now, last)
	}
	if due := s.stream.Deadline(); !due.IsZero() && !now.Before(due) {
		s.sendReport(now)
	}
}

// pollSocket empties a socket. It is called with the lock held.
func (s *Session) pollSocket(r *Reader, c *socket, rtcp bool, now, last time.Time) {
	if c.raw == nil {
		return
	}
	wall := now.UnixNano()
	for range readRounds {
		n, err := r.sys.read(c.raw, readBatch)
		if err != nil {
			s.fail(err)
			return
		}
		for i := range n {
			from, data, stamp := r.sys.datagram(i)
			at := cameAt(now, last, wall, stamp)
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

// cameAt is when a datagram came that the system has stamped, if it was not there yet at the time last.
func cameAt(now, last time.Time, wall, stamp int64) time.Time {
	age := time.Duration(wall - stamp)
	if stamp == 0 || age <= 0 {
		return now
	}
	// The wall clock may have been set meanwhile.
	return now.Add(-min(age, max(now.Sub(last), 0)*rtcpEvery))
}

// clock is the time: of the last Poll, if there are any.
func (s *Session) clock() time.Time {
	if s.polls {
		return s.now
	}
	return time.Now()
}
