package rtp

import (
	"encoding/binary"
	"fmt"
	"time"
)

// RTCPType is a packet type of RTCP (RFC 3550 section 12.1).
type RTCPType uint8

// The packet types that this package knows.
const (
	SenderReport      RTCPType = 200
	ReceiverReport    RTCPType = 201
	SourceDescription RTCPType = 202
	Goodbye           RTCPType = 203
)

func (t RTCPType) String() string {
	switch t {
	case SenderReport:
		return "SR"
	case ReceiverReport:
		return "RR"
	case SourceDescription:
		return "SDES"
	case Goodbye:
		return "BYE"
	case ExtendedReport:
		return "XR"
	}
	return fmt.Sprintf("RTCP(%d)", uint8(t))
}

// ReceptionReport is a report block (RFC 3550 section 6.4.1).
type ReceptionReport struct {
	SSRC         uint32 // the source that it is about
	FractionLost uint8  // since the previous report, in 1/256
	Lost         int32  // in all; 24 bits with sign
	Highest      uint32 // extended highest sequence number received
	Jitter       uint32 // interarrival jitter, in timestamp units
	LastSR       uint32 // middle 32 bits of the NTP time of the last sender report
	Delay        uint32 // since that report, in 1/65536 s
}

// SenderInfo is the second part of a sender report (RFC 3550 section 6.4.1).
type SenderInfo struct {
	NTP       uint64 // wall clock, NTP format
	Timestamp uint32 // the same moment on the RTP clock
	Packets   uint32
	Octets    uint32 // of payload
}

// NTP returns t in the 64-bit format of RFC 5905, seconds since 1900 and 32 bits of fraction.
func NTP(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// Block is one packet of a compound packet.
type Block struct {
	Type  RTCPType
	Count uint8  // reception reports, chunks or sources; other types give it another meaning
	Body  []byte // after the first four octets, without padding; aliases the input
}

// ParseRTCP reads the first packet of a compound packet and returns the rest. To read them all,
// call it until rest is empty. Types it does not know are returned as they are.
func ParseRTCP(b []byte) (p Block, rest []byte, err error) {
	if len(b) < 4 {
		return p, nil, &ParseError{Field: "RTCP header", Err: ErrLength}
	}
	if b[0]>>6 != 2 {
		return p, nil, &ParseError{Field: "RTCP header", Err: ErrVersion}
	}
	p.Type, p.Count = RTCPType(b[1]), b[0]&0x1f
	n := 4 * (1 + int(binary.BigEndian.Uint16(b[2:])))
	if n > len(b) {
		return p, nil, &ParseError{Field: "RTCP " + p.Type.String(), Err: ErrLength}
	}
	p.Body, rest = b[4:n], b[n:]
	if b[0]&0x20 != 0 { // padding, on the last packet alone
		if len(p.Body) == 0 || len(rest) != 0 {
			return p, nil, &ParseError{Field: "RTCP " + p.Type.String(), Err: ErrPadding}
		}
		pad := int(p.Body[len(p.Body)-1])
		if pad == 0 || pad > len(p.Body) {
			return p, nil, &ParseError{Field: "RTCP " + p.Type.String(), Err: ErrPadding}
		}
		p.Body = p.Body[:len(p.Body)-pad]
	}
	return p, rest, nil
}

// Report reads a sender or receiver report: who sent it, the sender's part (zero in a receiver
// report) and the reception report about the source ssrc, if there is one.
func (p Block) Report(ssrc uint32) (from uint32, info SenderInfo, about ReceptionReport, found bool, err error) {
	b, be := p.Body, binary.BigEndian
	size := 4
	if p.Type == SenderReport {
		size = 24
	}
	if p.Type != SenderReport && p.Type != ReceiverReport || len(b) < size+24*int(p.Count) {
		return 0, info, about, false, &ParseError{Field: "RTCP " + p.Type.String(), Err: ErrLength}
	}
	from = be.Uint32(b)
	if p.Type == SenderReport {
		info = SenderInfo{NTP: be.Uint64(b[4:]), Timestamp: be.Uint32(b[12:]), Packets: be.Uint32(b[16:]), Octets: be.Uint32(b[20:])}
	}
	for b = b[size:]; p.Count > 0; p.Count-- {
		if be.Uint32(b) == ssrc {
			return from, info, ReceptionReport{
				SSRC: ssrc, FractionLost: b[4], Lost: int32(be.Uint32(b[4:])<<8) >> 8, Highest: be.Uint32(b[8:]),
				Jitter: be.Uint32(b[12:]), LastSR: be.Uint32(b[16:]), Delay: be.Uint32(b[20:]),
			}, true, nil
		}
		b = b[24:]
	}
	return from, info, about, false, nil
}

// Leaves says whether a BYE names the source ssrc.
func (p Block) Leaves(ssrc uint32) bool {
	if p.Type != Goodbye {
		return false
	}
	for i := range min(int(p.Count), len(p.Body)/4) {
		if binary.BigEndian.Uint32(p.Body[4*i:]) == ssrc {
			return true
		}
	}
	return false
}

// CNAME returns the canonical name of the source ssrc in a source description, nil if it has none.
func (p Block) CNAME(ssrc uint32) []byte {
	if p.Type != SourceDescription {
		return nil
	}
	b := p.Body
	for range p.Count {
		if len(b) < 4 {
			return nil
		}
		mine := binary.BigEndian.Uint32(b) == ssrc
		at := 4
		for at < len(b) && b[at] != 0 {
			if at+2 > len(b) || at+2+int(b[at+1]) > len(b) {
				return nil
			}
			if mine && b[at] == 1 {
				return b[at+2 : at+2+int(b[at+1])]
			}
			at += 2 + int(b[at+1])
		}
		at = (at + 4) &^ 3 // one to four zero octets end the chunk
		if at > len(b) {
			return nil
		}
		b = b[at:]
	}
	return nil
}

// appendHeader appends the common header of a packet whose body has size octets.
func appendHeader(b []byte, t RTCPType, count, size int) []byte {
	return binary.BigEndian.AppendUint16(append(b, 2<<6|byte(count), byte(t)), uint16(size/4))
}

// appendReport appends a sender report, or a receiver report if info is nil, with at most one
// reception report.
func appendReport(b []byte, ssrc uint32, info *SenderInfo, about *ReceptionReport) []byte {
	be := binary.BigEndian
	t, size, count := ReceiverReport, 4, 0
	if info != nil {
		t, size = SenderReport, 24
	}
	if about != nil {
		size, count = size+24, 1
	}
	b = be.AppendUint32(appendHeader(b, t, count, size), ssrc)
	if info != nil {
		b = be.AppendUint64(b, info.NTP)
		b = be.AppendUint32(b, info.Timestamp)
		b = be.AppendUint32(b, info.Packets)
		b = be.AppendUint32(b, info.Octets)
	}
	if about != nil {
		b = be.AppendUint32(b, about.SSRC)
		b = be.AppendUint32(b, uint32(about.FractionLost)<<24|uint32(about.Lost)&0xffffff)
		b = be.AppendUint32(b, about.Highest)
		b = be.AppendUint32(b, about.Jitter)
		b = be.AppendUint32(b, about.LastSR)
		b = be.AppendUint32(b, about.Delay)
	}
	return b
}

// appendCNAME appends a source description with a CNAME of up to 255 octets.
func appendCNAME(b []byte, ssrc uint32, cname string) []byte {
	cname = cname[:min(len(cname), 255)]
	size := 4 + 2 + len(cname) + 1
	pad := -size & 3
	b = binary.BigEndian.AppendUint32(appendHeader(b, SourceDescription, 1, size+pad), ssrc)
	b = append(append(b, 1, byte(len(cname))), cname...)
	return append(b, 0, 0, 0, 0)[:len(b)+1+pad]
}

func appendBye(b []byte, ssrc uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(b, Goodbye, 1, 4), ssrc)
}
