package rtp

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// Collisions and loops (RFC 3550 section 8.2). A packet that carries our own SSRC is either one that we sent, which
// somebody returns, or that of a peer who has drawn the same number.
//
//	Packet with our SSRC                  Action
//	sequence and timestamp are those of   count it as a loop; take it all the same (echo services), unless
//	one that we may have sent             Config.DropLoops is set
//	otherwise                             count a collision; draw another SSRC, say BYE for the old one
//	                                      at once, take the packet
//
// The section tells loops by their address, after a first change of SSRC; between two parties, what was sent
// tells them at once, and an echo service stays audible.

// sent says whether a packet may be one that this Sender sent in the last minute.
func (s *Sender) sent(seq uint16, timestamp uint32) bool {
	age := s.seq - seq // 1 for the last one
	return s.packets > 0 && age >= 1 && uint32(age) <= min(s.packets, maxDropout) &&
		int32(s.timestamp-timestamp) >= 0 && s.timestamp-timestamp <= 120*max(s.sentRate, 8000)
}

// renew draws another SSRC, sequence number and timestamp. The counters of the sender report begin anew.
func (s *Sender) renew() {
	var b [6]byte
	for old := s.ssrc; s.ssrc == old || s.ssrc == 0; {
		rand.Read(b[:])
		s.ssrc = binary.BigEndian.Uint32(b[:])
	}
	s.seq = firstSequence(b[4:])
	s.packets, s.octets = 0, 0
	s.talking = false
}

// collide is called for a packet with our SSRC. It says whether to take the packet.
func (s *Stream) collide(now time.Time, seq uint16, timestamp uint32) bool {
	if s.sender.sent(seq, timestamp) {
		s.stats.Loops++
		return !s.cfg.DropLoops
	}
	s.changeSSRC(now)
	return true
}

func (s *Stream) changeSSRC(now time.Time) {
	s.stats.Collisions++
	s.left, s.leaving = s.sender.ssrc, s.sender.packets > 0 || s.stats.ReportsSent > 0
	s.sender.renew()
	s.reported = 0
	if s.leaving && !s.cfg.NoRTCP {
		s.report = now
	}
	if s.cfg.Logger != nil {
		s.cfg.Logger.Warn("rtp ssrc collision", "ssrc", s.left, "new", s.sender.ssrc, "correlation", s.cfg.Correlation)
	}
}
