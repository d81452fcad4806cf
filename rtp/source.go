package rtp

import "time"

// source counts what arrives from one SSRC (RFC 3550 appendices A.1, A.3 and A.8).
//
// Unlike A.1 it accepts the first packet at once: a telephone call has one peer, whose address
// the latch has checked, and the first syllable matters.
type source struct {
	ssrc     uint32
	base     int64 // first extended sequence number
	max      int64 // highest extended sequence number
	bad      uint16
	haveBad  bool
	received int64

	// of the previous report
	expectedPrior, receivedPrior int64

	transit     int64 // in timestamp units
	haveTransit bool
	rate        uint32
	jitter      float64 // in timestamp units
}

const (
	maxDropout  = 3000 // RFC 3550 appendix A.1
	maxMisorder = 100
)

func newSource(ssrc uint32, seq uint16) source {
	// Extended numbers start one cycle up, so that packets before the first are not negative.
	ext := int64(seq) + 1<<16
	return source{ssrc: ssrc, base: ext, max: ext - 1}
}

// update takes a sequence number and returns it extended. It is not ok if the number is so far off
// that the packet is dropped. If it restarts, the sender has begun a new sequence.
func (s *source) update(seq uint16) (ext int64, ok, restart bool) {
	delta := seq - uint16(s.max) // modulo 2^16
	switch {
	case delta < maxDropout:
		ext = s.max + int64(delta)
		s.max = ext
	case delta <= 1<<16-1-maxMisorder:
		// A jump: believe it when the next packet follows it.
		if !s.haveBad || seq != s.bad {
			s.bad, s.haveBad = seq+1, true
			return 0, false, false
		}
		*s = newSource(s.ssrc, seq)
		s.max = s.base
		ext, restart = s.base, true
	default:
		ext = s.max - int64(-delta)
		if ext < s.base {
			// It was sent before the first one to arrive (A.1 does not count such packets).
			s.base = ext
		}
	}
	s.haveBad = false
	s.received++
	return ext, true, restart
}

// timing updates the jitter estimate. Arrival is since any fixed moment.
func (s *source) timing(arrival time.Duration, timestamp, rate uint32) {
	transit := int64(int32(uint32(units(arrival, rate)) - timestamp))
	if s.haveTransit && s.rate == rate {
		d := int64(int32(uint32(transit) - uint32(s.transit)))
		if d < 0 {
			d = -d
		}
		// A new timestamp origin is not jitter.
		if d < int64(rate)*2 {
			s.jitter += (float64(d) - s.jitter) / 16
		}
	}
	s.transit, s.haveTransit, s.rate = transit, true, rate
}

func (s *source) expected() int64 { return s.max - s.base + 1 }

// lost may be negative when packets come twice (RFC 3550 section 6.4.1).
func (s *source) lost() int64 { return s.expected() - s.received }

// fraction is the loss since the last call, in 1/256 (RFC 3550 appendix A.3).
func (s *source) fraction() uint8 {
	expected, received := s.expected()-s.expectedPrior, s.received-s.receivedPrior
	s.expectedPrior, s.receivedPrior = s.expected(), s.received
	if lost := expected - received; expected > 0 && lost > 0 {
		return uint8(min(lost<<8/expected, 255))
	}
	return 0
}

// extended is the field "extended highest sequence number received".
func (s *source) extended() uint32 { return uint32(s.max - 1<<16) }
