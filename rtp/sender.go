package rtp

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtp"
)

// Sender makes the packets of one RTP stream: one SSRC, consecutive sequence numbers, timestamps
// that follow the caller's clock. It has no clock, goroutine or socket, is not safe for
// concurrent use and allocates nothing once dst has room.
//
// The caller accounts for all time: each packet and each [Sender.Skip] moves the timestamp on by
// the samples it stands for. A packet after a Skip starts a talkspurt and carries the marker
// (RFC 3551 section 4.1), as does the first packet of all.
type Sender struct {
	ssrc      uint32
	seq       uint16 // of the next packet
	timestamp uint32 // of the next sample
	talking   bool   // the next packet continues a talkspurt

	event sending

	packets, octets uint32 // as in a sender report
	sentAt          time.Time
	sentTimestamp   uint32 // of the last packet, which was sent at sentAt
	sentRate        uint32
}

// NewSender returns a Sender with the given SSRC, or a random one if it is zero. The first
// sequence number and timestamp are random (RFC 3550 section 5.1); the sequence number is below 2^15, so that it does not
// wrap before a peer of SRTP has heard us, who would not know that it did (RFC 4568 section 6.4).
func NewSender(ssrc uint32) *Sender {
	var b [10]byte
	rand.Read(b[:]) // never fails
	for ssrc == 0 {
		ssrc = binary.BigEndian.Uint32(b[:])
		if ssrc == 0 {
			rand.Read(b[:])
		}
	}
	return &Sender{ssrc: ssrc, seq: firstSequence(b[4:]), timestamp: binary.BigEndian.Uint32(b[6:])}
}

func firstSequence(random []byte) uint16 { return binary.BigEndian.Uint16(random) &^ (1 << 15) }

// SSRC returns the synchronisation source identifier of the stream.
func (s *Sender) SSRC() uint32 { return s.ssrc }

// ErrPayloadType says that a payload type does not fit into 7 bits, or would look like RTCP on a
// shared port (RFC 5761 section 4: 64 to 95).
var ErrPayloadType = errors.New("rtp: payload type out of range")

// AppendAudio appends a packet that holds samples units of the clock of f, such as 160 for 20 ms
// at 8000 Hz, and moves the clock on. The payload is copied.
func (s *Sender) AppendAudio(dst []byte, now time.Time, f Format, payload []byte, samples uint32) ([]byte, error) {
	if !f.valid() {
		return dst, fmt.Errorf("%w: %d", ErrPayloadType, f.PayloadType)
	}
	dst = s.append(dst, now, f, s.timestamp, !s.talking, payload)
	s.talking = true
	s.timestamp += samples
	return dst, nil
}

// AppendNoise appends a packet of comfort noise, without the marker (RFC 3389 section 4), and moves the clock on. The next packet of
// audio has the marker.
func (s *Sender) AppendNoise(dst []byte, now time.Time, f Format, payload []byte, samples uint32) ([]byte, error) {
	if !f.valid() {
		return dst, fmt.Errorf("%w: %d", ErrPayloadType, f.PayloadType)
	}
	dst = s.append(dst, now, f, s.timestamp, false, payload)
	s.Skip(samples)
	return dst, nil
}

// Skip moves the clock on by samples without a packet: silence suppression, hold, or the time in
// which there was nobody to send to. The next packet carries the marker.
func (s *Sender) Skip(samples uint32) {
	s.timestamp += samples
	s.talking = false
}

// Rest moves the clock on by samples without a packet, as Skip does, but leaves the marker alone: for codecs that send
// comfort noise between the talkspurts and say with Mark where one begins.
func (s *Sender) Rest(samples uint32) { s.timestamp += samples }

// Mark lets the next packet of audio carry the marker.
func (s *Sender) Mark() { s.talking = false }

// append appends a header and the payload, whatever the timestamp.
func (s *Sender) append(dst []byte, now time.Time, f Format, timestamp uint32, marker bool, payload []byte) []byte {
	h := rtp.Header{
		Version: 2, Marker: marker, PayloadType: f.PayloadType,
		SequenceNumber: s.seq, Timestamp: timestamp, SSRC: s.ssrc,
	}
	start := len(dst)
	var head [headerSize]byte
	dst = append(dst, head[:]...)
	h.MarshalTo(dst[start:]) // a header without extension and CSRC always fits into 12 octets
	dst = append(dst, payload...)

	s.seq++
	s.packets++
	s.octets += uint32(len(payload))
	s.sentAt, s.sentTimestamp, s.sentRate = now, timestamp, f.rate()
	return dst
}

// timestampAt extrapolates the RTP timestamp at the time now, for a sender report.
func (s *Sender) timestampAt(now time.Time) uint32 {
	return s.sentTimestamp + uint32(units(now.Sub(s.sentAt), s.sentRate))
}

const headerSize = 12 // RFC 3550 section 5.1, without CSRC and extension

// Format says what a payload type stands for.
type Format struct {
	PayloadType uint8  // 0 to 63, 96 to 127
	ClockRate   uint32 // units of the timestamp per second; if zero, 8000
	Event       bool   // payloads are telephone-events (RFC 4733)
	Noise       bool   // payloads are comfort noise (RFC 3389)
}

func (f Format) valid() bool { return f.PayloadType < 64 || f.PayloadType > 95 && f.PayloadType < 128 }

func (f Format) rate() uint32 {
	if f.ClockRate == 0 {
		return 8000
	}
	return f.ClockRate
}

// units converts a time to units of a clock, without overflow for any Duration.
func units(d time.Duration, rate uint32) int64 {
	sec, rest := int64(d/time.Second), int64(d%time.Second)
	return sec*int64(rate) + rest*int64(rate)/int64(time.Second)
}

// span converts units of a clock to a time.
func span(n int64, rate uint32) time.Duration {
	r := int64(rate)
	return time.Duration(n/r)*time.Second + time.Duration(n%r)*time.Second/time.Duration(r)
}
