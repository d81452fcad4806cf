package amr

import (
	"fmt"

	"github.com/gotelco/telco/amr/internal/nb"
	"github.com/gotelco/telco/amr/internal/wb"
)

// DecoderConfig says what a Decoder decodes.
type DecoderConfig struct {
	Codec Codec // NB if zero
}

// A Decoder decodes one stream.
type Decoder struct {
	codec Codec
	nb    *nb.Decoder // if codec is NB
	wb    *wb.Decoder // if codec is WB
}

// NewDecoder returns a decoder in its home state. The error is a *ConfigError.
func NewDecoder(cfg DecoderConfig) (*Decoder, error) {
	d := &Decoder{codec: cfg.Codec}
	switch cfg.Codec {
	case NB:
		d.nb = new(nb.Decoder)
	case WB:
		d.wb = new(wb.Decoder)
	default:
		return nil, &ConfigError{"Codec", int(cfg.Codec)}
	}
	d.Reset()
	return d, nil
}

// Codec returns what the decoder decodes.
func (d *Decoder) Codec() Codec { return d.codec }

// Reset puts the decoder into its home state, as a homing frame does.
func (d *Decoder) Reset() {
	if d.codec == WB {
		d.wb.Reset()
		return
	}
	d.nb.Reset()
}

// Decode makes the samples of a frame: Codec.FrameSamples of them, into the first of pcm. Every 20 ms of a stream need one
// call, those where nothing came too (NoData).
//
// A type that is reserved or foreign to the codec and Data that is too short give a *FrameError, and the state of the
// decoder stays as it was; a receiver then decodes a frame of NoData.
func (d *Decoder) Decode(pcm []int16, f Frame) error {
	if len(pcm) < d.codec.FrameSamples() {
		return fmt.Errorf("amr: decode: %d samples are less than a frame", len(pcm))
	}
	n := d.codec.Octets(f.Type)
	if n < 0 {
		return &FrameError{d.codec, f.Type, "reserved type"}
	}
	if len(f.Data) < n && f.Quality != Missing && f.Quality != Onset {
		return &FrameError{d.codec, f.Type, fmt.Sprintf("%d octets of data, want %d", len(f.Data), n)}
	}
	if d.codec == WB {
		d.decodeWB((*[wb.FrameSamples]int16)(pcm), f)
	} else {
		d.decodeNB((*[nb.FrameLen]int16)(pcm), f)
	}
	return nil
}

// decodeWB decodes a frame of AMR-WB. A SID frame is decoded in the mode of the last speech frame: the reference ignores
// the mode bits that it carries.
func (d *Decoder) decodeWB(pcm *[wb.FrameSamples]int16, f Frame) {
	rx, mode := wb.SpeechGood, wb.Mode(f.Type)
	switch {
	case f.Quality == Missing || f.Quality == Onset || f.Type == NoData:
		rx = wb.NoData
	case f.Type == SpeechLost:
		rx = wb.SpeechLost
	case f.Type == SIDWB:
		mode = wb.ModeUnknown
		switch {
		case f.Bad:
			rx = wb.SIDBad
		case wb.SIDIsUpdate(f.Data):
			rx = wb.SIDUpdate
		default:
			rx = wb.SIDFirst
		}
	case f.Bad:
		rx = wb.SpeechBad
	case f.Quality == Degraded:
		rx = wb.SpeechDegraded
	}
	d.wb.Decode(rx, mode, f.Data, pcm)
}

func (d *Decoder) decodeNB(pcm *[nb.FrameLen]int16, f Frame) {
	rx, mode := nb.SpeechGood, nb.Mode(f.Type)
	switch {
	case f.Quality == Onset:
		rx = nb.Onset
	case f.Quality == Missing || f.Type == NoData:
		rx = nb.NoData
	case f.Type == SIDNB:
		var update bool
		update, mode = nb.SIDInfo(f.Data)
		switch {
		case f.Bad:
			rx = nb.SIDBad
		case update:
			rx = nb.SIDUpdate
		default:
			rx = nb.SIDFirst
		}
	case f.Bad:
		rx = nb.SpeechBad
	case f.Quality == Degraded:
		rx = nb.SpeechDegraded
	}
	if (rx == nb.Onset || rx == nb.NoData) && f.Type >= SIDNB {
		mode, f.Data = d.nb.Mode(), nil
	}
	d.nb.Decode(pcm, mode, rx, f.Data)
}
