package call

import (
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/g711"
	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/sdp"
)

// Encoder turns samples into payloads. It serves one direction of one call.
type Encoder interface {
	// Encode appends the payload for pcm, a whole number of the codec's frames. If it appends nothing, nothing is sent:
	// the time passes in silence (DTX).
	Encode(dst []byte, pcm []int16) ([]byte, error)
}

// Decoder turns payloads into samples. It serves one direction of one call.
type Decoder interface {
	// Decode appends the samples of a payload.
	Decode(dst []int16, payload []byte) ([]int16, error)
	// Conceal appends what to play instead of a packet that is lost: as many samples as the last
	// packet had.
	Conceal(dst []int16) []int16
}

// A Marker is an Encoder with discontinuous transmission, which knows where talkspurts begin.
type Marker interface {
	Encoder
	// Marker reports whether the last payload begins a talkspurt, and its packet is to be marked (RFC 3551 section 4.1).
	Marker() bool
}

// A Player is a Decoder that keeps the time of what it receives, by sequence numbers and timestamps: it is given every
// packet and asked for 20 ms of audio in each turn, and tells loss from silence itself. Decode and Conceal are not
// called then.
type Player interface {
	Decoder
	// Push takes a packet that is due.
	Push(f rtp.Frame) error
	// Play appends the next 20 ms and says what they are made from.
	Play(dst []int16) ([]int16, amr.State)
}

// A Requester is a Decoder whose payloads carry requests for the encoder of the same leg, such as the codec mode requests
// of AMR (RFC 4867 section 4.3.1), and Requested an Encoder that obeys them. Media hands them over where both are of
// one codec.
type (
	Requester interface{ Request() uint8 }
	Requested interface{ TakeRequest(uint8) }
)

// An Advisor is a Decoder that has requests of its own for the peer, such as a lower mode while packets are lost, and an Advised an
// Encoder whose payloads carry them. Media hands them over where both are of one codec.
type (
	Advisor interface{ Advice() uint8 }
	Advised interface{ Advise(uint8) }
)

// An Adaptive is an Encoder that adapts to the path: it is told which fraction of its packets, 0 to 1, the peer missed, once
// for each RTCP report.
type Adaptive interface {
	Encoder
	Loss(fraction float64)
}

// Codec is an audio codec that calls can use.
type Codec struct {
	Name        string // the encoding name of its rtpmap, such as "PCMA"
	PayloadType uint8  // the static payload type (RFC 3551), or the one to offer
	ClockRate   int    // of the RTP timestamp, in Hz
	SampleRate  int    // of the samples, in Hz
	FMTP        string // the parameters to offer; may be empty
	// Frame is the length of the codec's frames: packets cover a whole number of them. If zero, 10 ms.
	Frame time.Duration
	// Noise says that pauses may be comfort noise of RFC 3389: the codec has none of its own.
	Noise bool
	// Impairment is what the codec does to speech (G.113), for estimates of quality. If zero, that of G.711.
	Impairment rtp.Impairment
	// Match compares parameters with a peer's. If nil, any match.
	Match sdp.Matcher

	// NewEncoder and NewDecoder make the two directions for a call whose peer described the codec
	// with the given parameters.
	NewEncoder func(fmtp string) (Encoder, error)
	NewDecoder func(fmtp string) (Decoder, error)
}

// The codecs of ITU-T G.711.
var (
	PCMA = g711Codec(g711.ALaw)
	PCMU = g711Codec(g711.ULaw)
)

func g711Codec(law g711.Law) Codec {
	return Codec{
		Name: law.String(), PayloadType: uint8(law), ClockRate: g711.Rate, SampleRate: g711.Rate, Noise: true,
		NewEncoder: func(string) (Encoder, error) { return g711Encoder{law}, nil },
		NewDecoder: func(string) (Decoder, error) { return &g711Decoder{law: law, last: g711.Rate / 50}, nil },
	}
}

type g711Encoder struct{ law g711.Law }

func (e g711Encoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	return e.law.AppendEncode(dst, pcm), nil
}

// g711Decoder conceals lost packets as Appendix I of G.711 does, which holds back 30 samples.
type g711Decoder struct {
	law     g711.Law
	last    int // samples in the last packet
	conceal g711.Concealer
}

func (d *g711Decoder) Decode(dst []int16, payload []byte) ([]int16, error) {
	have := len(dst)
	dst = d.law.AppendDecode(dst, payload)
	d.last = len(payload)
	if d.last%g711.FrameSize == 0 {
		return dst, d.conceal.Good(dst[have:])
	}
	return dst, nil
}

func (d *g711Decoder) Conceal(dst []int16) []int16 {
	have := len(dst)
	dst = append(dst, make([]int16, d.last)...)
	if d.last%g711.FrameSize == 0 && d.conceal.Lost(dst[have:]) != nil {
		clear(dst[have:])
	}
	return dst
}
