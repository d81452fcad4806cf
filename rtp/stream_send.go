package rtp

import (
	"errors"
	"math"
	"net/netip"
	"time"

	"github.com/gotelco/telco/trace"
)

// ErrNoRemote says that there is nowhere to send to: the peer is on hold or its address is not
// known yet. The clock of the stream has moved on nevertheless.
var ErrNoRemote = errors.New("rtp: no remote address")

// ErrNoEvents says that telephone-events were not agreed.
var ErrNoEvents = errors.New("rtp: telephone-event was not agreed")

// AppendAudio appends a packet in the format Send, which stands for samples units of its clock,
// and returns where to send it. With [ErrNoRemote] nothing is appended and the time is skipped.
// During an event the payload is replaced by the event's next packet, so that a caller can keep
// calling it with its audio.
func (s *Stream) AppendAudio(dst []byte, now time.Time, payload []byte, samples uint32) ([]byte, netip.AddrPort, error) {
	to := s.latch.target()
	if !to.IsValid() {
		s.sender.Skip(samples)
		s.stats.Unsendable++
		return dst, to, ErrNoRemote
	}
	start := len(dst)
	var err error
	if s.sender.InEvent() {
		duration := uint64(samples) * uint64(s.cfg.SendEvent.rate()) / uint64(s.cfg.Send.rate())
		dst, err = s.sender.AppendEvent(dst, now, s.cfg.SendEvent, samples, uint32(duration))
	} else {
		dst, err = s.sender.AppendAudio(dst, now, s.cfg.Send, payload, samples)
	}
	if err != nil {
		return dst, to, err
	}
	return s.sent(dst, start, now, to)
}

// ErrNoNoise says that comfort noise was not agreed.
var ErrNoNoise = errors.New("rtp: comfort noise was not agreed")

// AppendNoise appends a packet of comfort noise that stands for samples units of the clock, and returns where to send it; with
// [ErrNoRemote] nothing is appended. After it the caller passes silence with Skip, and appends further noise when
// that has changed. During an event, the event's next packet is appended instead.
func (s *Stream) AppendNoise(dst []byte, now time.Time, payload []byte, samples uint32) ([]byte, netip.AddrPort, error) {
	if !s.cfg.SendNoise.Noise {
		return dst, netip.AddrPort{}, ErrNoNoise
	}
	to := s.latch.target()
	if s.sender.InEvent() || !to.IsValid() {
		return s.AppendAudio(dst, now, nil, samples)
	}
	start := len(dst)
	dst, err := s.sender.AppendNoise(dst, now, s.cfg.SendNoise, payload, samples)
	if err != nil {
		return dst, to, err
	}
	return s.sent(dst, start, now, to)
}

// sent counts and shows the packet that begins at start.
func (s *Stream) sent(dst []byte, start int, now time.Time, to netip.AddrPort) ([]byte, netip.AddrPort, error) {
	s.stats.PacketsSent++
	s.stats.OctetsSent += uint64(len(dst) - start - headerSize)
	if s.cfg.Encrypt != nil {
		var err error
		if s.wire, err = s.cfg.Encrypt.EncryptRTP(s.wire[:0], dst[start:]); err != nil {
			return dst[:start], to, err
		}
		dst = append(dst[:start], s.wire...)
	}
	s.trace(now, trace.Sent, trace.RTP, to, dst[start:])
	return dst, to, nil
}

// Skip moves the clock on by samples without a packet. During an event, its packets are what
// should be sent instead: see [Stream.InEvent].
func (s *Stream) Skip(samples uint32) { s.sender.Skip(samples) }

// Rest moves the clock on as Skip does, without a marker on the next packet: see [Sender.Rest].
func (s *Stream) Rest(samples uint32) { s.sender.Rest(samples) }

// Mark lets the next packet of audio carry the marker.
func (s *Stream) Mark() { s.sender.Mark() }

// InEvent says whether an event is being sent, so that [Stream.AppendAudio] is to be called
// although there is silence.
func (s *Stream) InEvent() bool { return s.sender.InEvent() }

// StartEvent begins a telephone-event; the next calls of [Stream.AppendAudio] send it. See
// [Sender.StartEvent].
func (s *Stream) StartEvent(code EventCode, volume uint8, length time.Duration) error {
	if !s.cfg.SendEvent.Event {
		return ErrNoEvents
	}
	n := min(max(units(length, s.cfg.SendEvent.rate()), 0), math.MaxUint32)
	if err := s.sender.StartEvent(code, volume, uint32(n)); err != nil {
		return err
	}
	s.stats.EventsSent++
	return nil
}

// EndEvent ends an event that was started with length zero.
func (s *Stream) EndEvent() { s.sender.EndEvent() }
