package rtp

import (
	"encoding/binary"
	"fmt"
	"time"
)

// ExtendedReport is the packet type XR (RFC 3611 section 2).
const ExtendedReport RTCPType = 207

// XRBlockType is a type of report block in an extended report (RFC 3611 section 6.2).
type XRBlockType uint8

// VoIPMetricsBlock is the type of [VoIPMetrics].
const VoIPMetricsBlock XRBlockType = 7

func (t XRBlockType) String() string {
	if t == VoIPMetricsBlock {
		return "VoIP Metrics"
	}
	return fmt.Sprintf("XRBlock(%d)", uint8(t))
}

// Unavailable is the value of the octets of [VoIPMetrics] that are not known.
const Unavailable = 127

// VoIPMetrics is the report block of RFC 3611 section 4.7, the quality of a call at its receiver.
type VoIPMetrics struct {
	SSRC         uint32 // the source that it is about
	LossRate     uint8  // since the beginning, in 1/256
	DiscardRate  uint8  // late or early, in 1/256
	BurstDensity uint8  // lost or discarded within bursts, in 1/256
	GapDensity   uint8  // and between them, in 1/256

	BurstDuration  time.Duration // mean; up to 65,535 ms, as all durations here
	GapDuration    time.Duration // mean
	RoundTrip      time.Duration // between the RTP ends; 0 if not known
	EndSystemDelay time.Duration // from the packet's arrival to the ear and from the mouth to the packet

	SignalLevel int8  // dBm0; 127 if not known, as are the following
	NoiseLevel  int8  // dBm0
	RERL        uint8 // residual echo return loss, dB
	Gmin        uint8 // packets that must be in a row for a gap; 16

	RFactor    uint8 // 0 to 100
	ExtRFactor uint8 // 0 to 100, of the network beyond
	MOSLQ      uint8 // listening, in 1/10: 10 to 50
	MOSCQ      uint8 // conversation, in 1/10: 10 to 50

	RXConfig  uint8         // PLC, JBA, JB rate (section 4.7.6)
	JBNominal time.Duration // delay of the playout buffer
	JBMaximum time.Duration // what it may become now
	JBAbsMax  time.Duration // what it may ever become
}

const voipMetricsSize = 36

// AppendBinary appends the block, without the header of the packet. Durations are cut to 16 bits of milliseconds.
func (m VoIPMetrics) AppendBinary(b []byte) ([]byte, error) {
	ms := func(b []byte, d time.Duration) []byte {
		return binary.BigEndian.AppendUint16(b, uint16(min(max(d/time.Millisecond, 0), 65535)))
	}
	b = append(b, byte(VoIPMetricsBlock), 0, 0, voipMetricsSize/4-1)
	b = binary.BigEndian.AppendUint32(b, m.SSRC)
	b = append(b, m.LossRate, m.DiscardRate, m.BurstDensity, m.GapDensity)
	b = ms(ms(ms(ms(b, m.BurstDuration), m.GapDuration), m.RoundTrip), m.EndSystemDelay)
	b = append(b, byte(m.SignalLevel), byte(m.NoiseLevel), m.RERL, m.Gmin, m.RFactor, m.ExtRFactor, m.MOSLQ, m.MOSCQ, m.RXConfig, 0)
	return ms(ms(ms(b, m.JBNominal), m.JBMaximum), m.JBAbsMax), nil
}

// XRBlock is one report block of an extended report.
type XRBlock struct {
	Type     XRBlockType
	Specific uint8
	Body     []byte // after the first four octets; aliases the input
}

// ParseXRBlock reads the first report block of the blocks of an extended report, which are its Body after the first
// four octets, the SSRC of who sent it; it returns the rest. Types it does not know are returned as they are.
func ParseXRBlock(b []byte) (x XRBlock, rest []byte, err error) {
	if len(b) < 4 {
		return x, nil, &ParseError{Field: "XR block", Err: ErrLength}
	}
	x.Type, x.Specific = XRBlockType(b[0]), b[1]
	n := 4 * (1 + int(binary.BigEndian.Uint16(b[2:])))
	if n > len(b) {
		return x, nil, &ParseError{Field: "XR " + x.Type.String(), Err: ErrLength}
	}
	x.Body = b[4:n]
	return x, b[n:], nil
}

// VoIPMetrics reads a block of type [VoIPMetricsBlock].
func (x XRBlock) VoIPMetrics() (m VoIPMetrics, err error) {
	b := x.Body
	if x.Type != VoIPMetricsBlock || len(b) != voipMetricsSize-4 {
		return m, &ParseError{Field: "XR " + x.Type.String(), Err: ErrLength}
	}
	ms := func(i int) time.Duration {
		return time.Duration(binary.BigEndian.Uint16(b[i:])) * time.Millisecond
	}
	return VoIPMetrics{
		SSRC: binary.BigEndian.Uint32(b), LossRate: b[4], DiscardRate: b[5], BurstDensity: b[6], GapDensity: b[7],
		BurstDuration: ms(8), GapDuration: ms(10), RoundTrip: ms(12), EndSystemDelay: ms(14),
		SignalLevel: int8(b[16]), NoiseLevel: int8(b[17]), RERL: b[18], Gmin: b[19],
		RFactor: b[20], ExtRFactor: b[21], MOSLQ: b[22], MOSCQ: b[23],
		RXConfig: b[24], JBNominal: ms(26), JBMaximum: ms(28), JBAbsMax: ms(30),
	}, nil
}

// VoIPMetrics returns the VoIP metrics about the source ssrc in an extended report, if there are any. An error says that a block
// does not parse.
func (p Block) VoIPMetrics(ssrc uint32) (m VoIPMetrics, found bool, err error) {
	if p.Type != ExtendedReport || len(p.Body) < 4 {
		return m, false, &ParseError{Field: "RTCP " + p.Type.String(), Err: ErrLength}
	}
	for b := p.Body[4:]; len(b) > 0; {
		x, rest, err := ParseXRBlock(b)
		if err != nil {
			return m, found, err
		}
		if x.Type == VoIPMetricsBlock {
			v, err := x.VoIPMetrics()
			if err != nil {
				return m, found, err
			}
			if v.SSRC == ssrc {
				m, found = v, true
			}
		}
		b = rest
	}
	return m, found, nil
}

// appendXR appends an extended report with one block.
func appendXR(b []byte, ssrc uint32, m VoIPMetrics) []byte {
	b = binary.BigEndian.AppendUint32(appendHeader(b, ExtendedReport, 0, 4+voipMetricsSize), ssrc)
	b, _ = m.AppendBinary(b) // never fails
	return b
}
