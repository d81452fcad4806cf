package amr

import "fmt"

// Codec is one of the two codecs.
type Codec uint8

// The codecs.
const (
	NB Codec = iota // AMR, narrowband: TS 26.090, 8 kHz
	WB              // AMR-WB, wideband: TS 26.190, 16 kHz
)

// String returns the encoding name of RFC 4867 section 8: "AMR" or "AMR-WB".
func (c Codec) String() string {
	switch c {
	case NB:
		return "AMR"
	case WB:
		return "AMR-WB"
	}
	return fmt.Sprintf("Codec(%d)", uint8(c))
}

// SampleRate is the number of samples per second, and the RTP clock rate: 8000 or 16000.
func (c Codec) SampleRate() int {
	if c == WB {
		return 16000
	}
	return 8000
}

// FrameSamples is the number of samples in a frame of 20 ms: 160 or 320.
func (c Codec) FrameSamples() int { return c.SampleRate() / 50 }

// Modes is the number of speech modes: 8 or 9. Mode m is frame type m, from the lowest rate up.
func (c Codec) Modes() int {
	if c == WB {
		return 9
	}
	return 8
}

// SID is the frame type of comfort noise parameters: 8 or 9.
func (c Codec) SID() FrameType { return FrameType(c.Modes()) }

// FrameType is the frame type index FT (TS 26.101 table 1a, TS 26.201 table 1a, RFC 4867 section
// 4.3.2): a speech mode, comfort noise, or that there is nothing.
type FrameType uint8

// The frame types of AMR. Types 9 to 11 are comfort noise of other codecs and 12 to 14 are for
// future use: RFC 4867 discards a packet with any of them.
const (
	Mode475 FrameType = iota // 4.75 kbit/s
	Mode515                  // 5.15 kbit/s
	Mode590                  // 5.90 kbit/s
	Mode670                  // 6.70 kbit/s, PDC-EFR
	Mode740                  // 7.40 kbit/s, TDMA-EFR
	Mode795                  // 7.95 kbit/s
	Mode102                  // 10.2 kbit/s
	Mode122                  // 12.2 kbit/s, GSM-EFR
	SIDNB                    // AMR comfort noise
)

// The frame types of AMR-WB. Types 10 to 13 are for future use.
const (
	Mode660    FrameType = iota // 6.60 kbit/s
	Mode885                     // 8.85 kbit/s
	Mode1265                    // 12.65 kbit/s
	Mode1425                    // 14.25 kbit/s
	Mode1585                    // 15.85 kbit/s
	Mode1825                    // 18.25 kbit/s
	Mode1985                    // 19.85 kbit/s
	Mode2305                    // 23.05 kbit/s
	Mode2385                    // 23.85 kbit/s
	SIDWB                       // AMR-WB comfort noise
	SpeechLost FrameType = 14   // a frame was lost (AMR-WB only)
)

// NoData is the frame type of both codecs for a frame that was not sent or not received.
const NoData FrameType = 15

var (
	bitsNB = [16]int16{95, 103, 118, 134, 148, 159, 204, 244, 39, -1, -1, -1, -1, -1, -1, 0}
	bitsWB = [16]int16{132, 177, 253, 285, 317, 365, 397, 461, 477, 40, -1, -1, -1, -1, 0, 0}
)

// Bits is how many bits a frame of type ft has (TS 26.101 table 2, TS 26.201 table 2); -1 if the
// codec has no such type, or none that RFC 4867 allows.
func (c Codec) Bits(ft FrameType) int {
	switch {
	case ft > NoData:
		return -1
	case c == WB:
		return int(bitsWB[ft])
	}
	return int(bitsNB[ft])
}

// Octets is how many octets hold the bits of a frame of type ft, the last padded with zeros; -1
// if the codec has no such type.
func (c Codec) Octets(ft FrameType) int {
	if n := c.Bits(ft); n >= 0 {
		return (n + 7) / 8
	}
	return -1
}

// Frame is 20 ms as they are transmitted.
type Frame struct {
	Type FrameType
	// Bad says that the bits are damaged (Q is 0, RFC 4867 section 4.3.2): the decoder conceals the
	// frame but may use what it can of it.
	Bad bool
	// Quality is what a receiver knows of the frame beyond that, for instance from its radio channel decoder. The zero
	// value adds nothing.
	Quality Quality
	// Data holds the bits in the order of RFC 4867 section 3.6 (TS 26.101 annex B, TS 26.201 annex
	// B), the first in the top bit of the first octet. The last octet is padded with zeros. There is
	// none in a frame of type NoData or SpeechLost.
	Data []byte
}

// Quality tells the decoder more of a frame than RTP can carry. With Type and Bad it gives the receive types of TS 26.093
// and TS 26.193 (section 5).
type Quality uint8

const (
	// Degraded is a frame of speech that may have errors in its less important bits: SPEECH_DEGRADED.
	Degraded Quality = 1 + iota
	// Onset announces speech, without data that could be decoded: ONSET. Only AMR has it.
	Onset
	// Missing is a frame that was not received: NO_DATA, whatever its Type says.
	Missing
)
