package rtp

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/gotelco/telco/rtp/srtp"
	"github.com/gotelco/telco/trace"
)

// Receive takes a datagram that arrived on the RTP port. What is not for this stream is counted
// and dropped; the error says why, and is nil for RTCP that is understood. Receive keeps no
// reference to data.
func (s *Stream) Receive(now time.Time, from netip.AddrPort, data []byte) error {
	from = canonical(from)
	if s.cfg.Mux && len(data) >= 2 && data[1] >= 192 && data[1] <= 223 { // RFC 5761 section 4
		return s.ReceiveRTCP(now, from, data)
	}
	wire := data
	if s.cfg.Decrypt != nil {
		var err error
		if s.plain, err = s.cfg.Decrypt.DecryptRTP(s.plain[:0], data); err != nil && s.formerly(now) {
			s.plain, err = s.former.DecryptRTP(s.plain[:0], data)
		}
		if err != nil {
			return s.undecrypted(err)
		}
		data = s.plain
	}
	allowed := s.latch.allows(from)
	if !allowed && !s.takesOver(now, from, data) {
		s.stats.Refused++
		return ErrRefused
	}
	if len(data) < headerSize {
		s.stats.Malformed++
		return &ParseError{Field: "RTP header", Err: ErrLength}
	}
	if data[0]>>6 != 2 {
		s.stats.Malformed++
		return &ParseError{Field: "RTP header", Err: ErrVersion}
	}
	if err := s.packet.Unmarshal(data); err != nil {
		s.stats.Malformed++
		return &ParseError{Field: "RTP packet", Err: err}
	}
	h := &s.packet.Header
	f, ok := s.format(h.PayloadType)
	if !ok {
		s.stats.Unexpected++
		return ErrUnexpected
	}
	if h.SSRC == s.sender.ssrc && !s.collide(now, h.SequenceNumber, h.Timestamp) {
		return ErrLoop
	}
	ext, ok := s.sequence(h.SSRC, h.SequenceNumber)
	if !ok {
		s.stats.Probation++
		return ErrProbation
	}
	if s.latch.heard(now, from, h.SSRC, h.SequenceNumber) && s.cfg.Logger != nil {
		s.cfg.Logger.Info("rtp latched", "source", from, "signalled", s.latch.last, "ssrc", h.SSRC, "correlation", s.cfg.Correlation)
	}
	rate := f.rate()
	if f.Event && s.source.rate != 0 {
		rate = s.source.rate // events share the clock of the audio, whatever rtpmap says
	}
	s.source.timing(now.Sub(s.start), h.Timestamp, rate)
	s.stats.PacketsReceived++
	s.stats.OctetsReceived += uint64(len(s.packet.Payload))
	s.stats.LastReceived = now
	s.stats.RemoteLeft = false
	s.trace(now, trace.Received, trace.RTP, from, wire)
	if f.Event {
		if err := s.events.push(now, h.Timestamp, f.rate(), s.packet.Payload); err != nil {
			s.stats.Malformed++
			return err
		}
	}
	p := packet{ext: ext, timestamp: h.Timestamp, rate: rate, pt: h.PayloadType, marker: h.Marker, silent: f.Event, noise: f.Noise}
	if !f.Event {
		p.payload = s.packet.Payload
	}
	s.buffer.push(now, p)
	return nil
}

// Why [Stream.Receive] drops a packet, besides [*ParseError].
var (
	ErrRefused    = errors.New("rtp: not from the source of this stream")
	ErrUnexpected = errors.New("rtp: payload type was not agreed")
	ErrProbation  = errors.New("rtp: new source or sequence, waiting for a second packet")
)

// ErrLoop is returned for a packet that we sent ourselves, if Config.DropLoops is set.
var ErrLoop = errors.New("rtp: a packet of our own")

// formerly says whether packets may still be under the key before.
func (s *Stream) formerly(now time.Time) bool {
	if s.former != nil && now.After(s.formerUntil) {
		s.former = nil
	}
	return s.former != nil
}

// undecrypted counts a packet that SRTP refused.
func (s *Stream) undecrypted(err error) error {
	if errors.Is(err, srtp.ErrReplay) {
		s.stats.Replayed++
	} else {
		s.stats.Unauthentic++
	}
	return err
}

// takesOver says whether a packet from another address than the source changes the source: see latch.
func (s *Stream) takesOver(now time.Time, from netip.AddrPort, data []byte) bool {
	if len(data) < headerSize || data[0]>>6 != 2 {
		return false
	}
	if _, ok := s.format(data[1] & 0x7f); !ok {
		return false
	}
	seq, ssrc := binary.BigEndian.Uint16(data[2:]), binary.BigEndian.Uint32(data[8:])
	ahead := seq - uint16(s.source.max)
	continues := s.active && ssrc == s.source.ssrc && ahead >= 1 && ahead < maxDropout
	was := s.latch.source
	if !s.latch.yields(now, from, ssrc, seq, continues) {
		return false
	}
	s.stats.Moved++
	s.rtcpFrom = netip.AddrPort{}
	if s.cfg.Logger != nil {
		s.cfg.Logger.Warn("rtp source moved", "source", from, "was", was, "ssrc", ssrc, "correlation", s.cfg.Correlation)
	}
	return true
}

func (s *Stream) format(pt uint8) (Format, bool) {
	if len(s.cfg.Receive) == 0 {
		return Format{PayloadType: pt}, Format{PayloadType: pt}.valid()
	}
	for _, f := range s.cfg.Receive {
		if f.PayloadType == pt {
			return f, true
		}
	}
	return Format{}, false
}

// sequence extends a sequence number. A new SSRC takes over when two of its packets have come in
// order (RFC 3550 section 6.2.1 and appendix A.1); then the playout starts anew.
func (s *Stream) sequence(ssrc uint32, seq uint16) (int64, bool) {
	if !s.active {
		s.source, s.active = newSource(ssrc, seq), true
	}
	if ssrc != s.source.ssrc {
		if !s.haveNext || s.next.ssrc != ssrc || uint16(s.next.max)+1 != seq {
			s.next, s.haveNext = newSource(ssrc, seq), true
			s.next.max++
			return 0, false
		}
		s.source, s.haveNext = newSource(ssrc, seq), false
		s.buffer.Reset()
		s.events.restart()
		s.lastSRNTP = 0
	}
	ext, ok, restart := s.source.update(seq)
	if restart {
		s.buffer.Reset()
		s.events.restart()
	}
	return ext, ok
}

// Pop gives out the next frame that is due, its payload appended to dst[:0]; see [Buffer.Pop].
func (s *Stream) Pop(now time.Time, dst []byte) (Frame, bool) { return s.buffer.Pop(now, dst) }

// PopEvent gives out the next report of a received telephone-event. Events are reported when they
// arrive, ahead of the audio that waits in the buffer.
func (s *Stream) PopEvent(now time.Time) (EventReport, bool) { return s.events.pop(now) }
