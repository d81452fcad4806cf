package call

import (
	"fmt"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/rtp"
)

// AMRConfig says which form of AMR or AMR-WB a [Codec] is.
type AMRConfig struct {
	Codec amr.Codec // NB if zero
	// OctetAligned is one of the two forms of the payload (RFC 4867 section 4): peers that know only one take it alone,
	// so that both are offered, as two codecs.
	OctetAligned bool
	// PayloadType is the one to offer. If zero, 96 to 99: AMR-WB, AMR-WB octet-aligned, AMR, AMR octet-aligned.
	PayloadType uint8
	// ModeSet restricts the modes. If empty, all may be used, and a peer may restrict them.
	ModeSet amr.ModeSet
	// Max is the highest mode that is sent. If zero, the highest that the session allows.
	Max amr.FrameType
	// DTX sends comfort noise in pauses instead of coding them. What is received may pause in any case.
	DTX bool
	// NoRequests makes no requests of the peer. If false, it is asked for lower modes while packets are lost (CMR, RFC 4867 section
	// 4.3.1), and for any when they come again.
	NoRequests bool
	// Transcode decodes and encodes between two legs of a bridge even where they have the same codec and modes. If false, frames go
	// through as they are then, unless somebody listens to them here: a sink, a recording, a detector of keys.
	Transcode bool
}

// AMR returns the codec AMR or AMR-WB as RFC 4867 carries it. Its encoder keeps to the modes and changes of modes that
// the peer allows and requests, and steps down while the peer reports losses; its decoder tells packets that are lost
// from pauses of the speaker, and asks for lower modes while there are many of the former. No redundancy is sent; what is received may have
// any.
func AMR(cfg AMRConfig) Codec {
	if cfg.PayloadType == 0 {
		cfg.PayloadType = 96
		if cfg.Codec == amr.NB {
			cfg.PayloadType += 2
		}
		if cfg.OctetAligned {
			cfg.PayloadType++
		}
	}
	noRed := 0
	ours := amr.Params{Codec: cfg.Codec, OctetAlign: cfg.OctetAligned, ModeSet: cfg.ModeSet, ModeChangeCapability: 2, MaxRed: &noRed}
	rate := cfg.Codec.SampleRate()
	return Codec{
		Name: cfg.Codec.String(), PayloadType: cfg.PayloadType, ClockRate: rate, SampleRate: rate, Frame: FrameTime, Impairment: rtp.ImpairEFR,
		FMTP: ours.String(), Match: cfg.Codec.Match,
		NewEncoder: func(fmtp string) (Encoder, error) { return newAMREncoder(cfg, ours, fmtp) },
		NewDecoder: func(fmtp string) (Decoder, error) { return newAMRDecoder(cfg, ours, fmtp) },
	}
}

// AMRNB and AMRWB are AMR and AMR-WB in both forms of the payload, to be offered in this order, with DTX.
func AMRNB() []Codec { return amrBoth(amr.NB) }

// AMRWB is AMR-WB: see [AMRNB].
func AMRWB() []Codec { return amrBoth(amr.WB) }

func amrBoth(c amr.Codec) []Codec {
	return []Codec{AMR(AMRConfig{Codec: c, DTX: true}), AMR(AMRConfig{Codec: c, DTX: true, OctetAligned: true})}
}

// maxBlocks is how many frames a packet may hold: 200 ms.
const maxBlocks = 10

// amrEncoder encodes frames and packs them.
type amrEncoder struct {
	enc     *amr.Encoder
	modes   *amr.ModeControl
	format  amr.PayloadFormat
	frames  [maxBlocks]amr.Frame
	data    [maxBlocks * 64]byte
	talking bool
	marker  bool
	advice  amr.FrameType // for the peer
	top     amr.FrameType // the highest mode
	key     uint32        // of frames that may go through as they are; 0 for none
}

// newAMREncoder makes the encoder for a peer that described the codec by fmtp. A mode set holds for both directions, so
// that ours counts where the peer states none.
func newAMREncoder(cfg AMRConfig, ours amr.Params, fmtp string) (Encoder, error) {
	p, err := amr.ParseParams(cfg.Codec, 1, fmtp)
	if err != nil {
		return nil, err
	}
	modes := amr.NewModeControl(amr.ModeControlConfig{
		Codec: cfg.Codec, ModeSet: modeSet(p, ours), Period: p.ModeChangePeriod, Neighbor: p.ModeChangeNeighbor, Max: cfg.Max,
	})
	enc, err := amr.NewEncoder(amr.EncoderConfig{Codec: cfg.Codec, DTX: cfg.DTX})
	if err != nil {
		return nil, err
	}
	e := &amrEncoder{enc: enc, modes: modes, format: p.Format(), advice: amr.NoRequest, top: modes.Next()}
	if !cfg.Transcode && cfg.Max == 0 && p.ModeChangePeriod < 2 && !p.ModeChangeNeighbor {
		e.key = amrKey(cfg.Codec, modeSet(p, ours))
	}
	return e, nil
}

// modeSet is the set of both sides.
func modeSet(theirs, ours amr.Params) amr.ModeSet {
	switch both := theirs.ModeSet & ours.ModeSet; {
	case theirs.ModeSet == 0:
		return ours.ModeSet
	case both != 0:
		return both
	}
	return theirs.ModeSet
}

// Encode appends the payload for up to ten frames. NO_DATA at its end is left out (RFC 4867 section 4.3.2).
func (e *amrEncoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	c := e.enc.Codec()
	n := c.FrameSamples()
	if len(pcm)%n != 0 || len(pcm) > maxBlocks*n {
		return dst, fmt.Errorf("call: %v: %d samples are no packet", c, len(pcm))
	}
	blocks, used := 0, 0
	data := e.data[:0]
	for i := range len(pcm) / n {
		if err := e.enc.SetMode(e.modes.Next()); err != nil {
			return dst, err
		}
		f, err := e.enc.Encode(data, pcm[i*n:i*n+n])
		if err != nil {
			return dst, err
		}
		data = data[:len(data)+len(f.Data)]
		e.frames[i] = f
		speech := int(f.Type) < c.Modes()
		if i == 0 {
			e.marker = speech && !e.talking
		}
		e.talking = speech
		blocks = i + 1
		if f.Type != amr.NoData {
			used = blocks
		}
	}
	if used == 0 {
		return dst, nil
	}
	return e.format.AppendPayload(dst, amr.Payload{CMR: e.advice, Frames: e.frames[:used]})
}

// Marker implements Marker.
func (e *amrEncoder) Marker() bool { return e.marker }

// TakeRequest obeys a codec mode request.
func (e *amrEncoder) TakeRequest(cmr uint8) { e.modes.Request(amr.FrameType(cmr)) }

// Advise has the payloads carry a codec mode request.
func (e *amrEncoder) Advise(cmr uint8) { e.advice = amr.FrameType(cmr) }

// Loss adapts the mode to what the peer reports.
func (e *amrEncoder) Loss(fraction float64) { e.modes.Loss(fraction) }

// amrDecoder plays what is received.
type amrDecoder struct {
	dec    *amr.Decoder
	buffer *amr.FrameBuffer
	reader amr.PayloadReader
	frames []amr.Frame
	last   int // frames in the last payload that Decode had

	asks   *amr.ModeControl // what the peer is asked for; nil without requests
	top    amr.FrameType    // the highest mode that it may send
	advice amr.FrameType
	turns  int    // since the losses were looked at
	heard  int    // of them
	lost   int    // likewise
	key    uint32 // of frames that may go through as they are; 0 for none
}

func newAMRDecoder(cfg AMRConfig, ours amr.Params, fmtp string) (Decoder, error) {
	p, err := amr.ParseParams(cfg.Codec, 1, fmtp)
	if err != nil {
		return nil, err
	}
	dec, err := amr.NewDecoder(amr.DecoderConfig{Codec: cfg.Codec})
	if err != nil {
		return nil, err
	}
	d := &amrDecoder{
		advice: amr.NoRequest,
		dec:    dec, reader: amr.PayloadReader{Format: p.Format()}, frames: make([]amr.Frame, 0, 1), last: 1,
		// A turn finds a packet that is due just now, or just not: one frame in hand makes up for it.
		buffer: amr.NewFrameBuffer(amr.FrameBufferConfig{Format: p.Format(), Ahead: 1, MaxAhead: maxWaiting}),
	}
	if !cfg.Transcode {
		d.key = amrKey(cfg.Codec, modeSet(p, ours))
	}
	if !cfg.NoRequests {
		d.asks = amr.NewModeControl(amr.ModeControlConfig{Codec: cfg.Codec, ModeSet: modeSet(p, ours)})
		d.top = d.asks.Next()
	}
	return d, nil
}

// Push implements Player. The packet that begins a new stream tells so by its timestamp.
func (d *amrDecoder) Push(f rtp.Frame) error {
	return d.buffer.Push(f.Sequence, f.Timestamp, f.Payload)
}

// Play implements Player.
func (d *amrDecoder) Play(dst []int16) ([]int16, amr.State) {
	f, state := d.next()
	if state == amr.Idle {
		return dst, state
	}
	return d.decode(dst, f), state
}

// next is the frame of the next 20 ms: its data is valid until the next call, or the next packet.
func (d *amrDecoder) next() (amr.Frame, amr.State) {
	var state amr.State
	d.frames, state = d.buffer.Pop(d.frames[:0])
	if d.asks != nil {
		d.watch(state)
	}
	if state == amr.Idle {
		return amr.Frame{Type: amr.NoData}, state
	}
	return d.frames[0], state
}

const (
	lookEvery = 100 // turns between two looks at the losses: 2 s
	lookLeast = 50  // frames of speech that a look needs
)

// watch counts losses and says what they mean for the peer.
func (d *amrDecoder) watch(state amr.State) {
	switch state {
	case amr.Playing:
		d.heard++
	case amr.Lost:
		d.lost++
	}
	if d.turns++; d.turns < lookEvery || d.heard+d.lost < lookLeast {
		return
	}
	d.asks.Loss(float64(d.lost) / float64(d.heard+d.lost))
	d.turns, d.heard, d.lost = 0, 0, 0
	if d.advice = d.asks.Next(); d.advice == d.top {
		d.advice = amr.NoRequest
	}
}

// Advice is the mode that the peer is asked for.
func (d *amrDecoder) Advice() uint8 { return uint8(d.advice) }

// decode appends 20 ms.
func (d *amrDecoder) decode(dst []int16, f amr.Frame) []int16 {
	n := d.dec.Codec().FrameSamples()
	have := len(dst)
	for range n {
		dst = append(dst, 0)
	}
	if d.dec.Decode(dst[have:], f) != nil {
		d.dec.Decode(dst[have:], amr.Frame{Type: amr.NoData, Quality: amr.Missing})
	}
	return dst
}

// Request is the mode that the peer wants to receive.
func (d *amrDecoder) Request() uint8 { return uint8(d.buffer.CMR()) }

// Decode implements Decoder.
func (d *amrDecoder) Decode(dst []int16, payload []byte) ([]int16, error) {
	p, err := d.reader.Read(payload)
	if err != nil {
		return dst, err
	}
	d.last = len(p.Frames)
	for _, f := range p.Frames {
		dst = d.decode(dst, f)
	}
	return dst, nil
}

// Conceal implements Decoder.
func (d *amrDecoder) Conceal(dst []int16) []int16 {
	for range d.last {
		dst = d.decode(dst, amr.Frame{Type: amr.NoData, Quality: amr.Missing})
	}
	return dst
}
