package amr

import (
	"fmt"

	"github.com/gotelco/telco/amr/internal/nb"
	"github.com/gotelco/telco/amr/internal/wb"
)

// EncoderConfig says what an Encoder makes.
type EncoderConfig struct {
	Codec Codec // NB if zero
	// Mode is the mode to begin with, the one of the lowest rate if zero. SetMode changes it at any frame.
	Mode FrameType
	// DTX switches discontinuous transmission on: pauses become comfort noise parameters at times, and nothing between
	// (TS 26.093, TS 26.193).
	DTX bool
	// VAD is the option of voice activity detection of AMR, 1 or 2 (TS 26.094). 1 if zero. AMR-WB has but one.
	VAD int
}

// An Encoder encodes one stream.
type Encoder struct {
	cfg  EncoderConfig
	nb   *nb.Encoder // if the codec is NB
	wb   *wb.Encoder // if the codec is WB
	mode FrameType
}

// NewEncoder returns an encoder in its home state. The error is a *ConfigError.
func NewEncoder(cfg EncoderConfig) (*Encoder, error) {
	if cfg.VAD == 0 {
		cfg.VAD = 1
	}
	e := &Encoder{cfg: cfg}
	switch {
	case cfg.Codec > WB:
		return nil, &ConfigError{"Codec", int(cfg.Codec)}
	case int(cfg.Mode) >= cfg.Codec.Modes():
		return nil, &ConfigError{"Mode", int(cfg.Mode)}
	case cfg.VAD < 1 || cfg.VAD > 2 || cfg.VAD == 2 && cfg.Codec == WB:
		return nil, &ConfigError{"VAD", cfg.VAD}
	case cfg.Codec == WB:
		e.wb = new(wb.Encoder)
		e.wb.DTX = cfg.DTX
	default:
		e.nb = new(nb.Encoder)
	}
	e.Reset()
	return e, nil
}

// Codec returns what the encoder makes.
func (e *Encoder) Codec() Codec { return e.cfg.Codec }

// Mode returns the mode that the next frame of speech will have.
func (e *Encoder) Mode() FrameType { return e.mode }

// SetMode changes the mode from the next frame on. The error is a *ConfigError.
func (e *Encoder) SetMode(mode FrameType) error {
	if int(mode) >= e.cfg.Codec.Modes() {
		return &ConfigError{"Mode", int(mode)}
	}
	e.mode = mode
	return nil
}

// Reset puts the encoder into its home state, as a frame of homing samples does, and sets the first mode.
func (e *Encoder) Reset() {
	e.mode = e.cfg.Mode
	if e.cfg.Codec == WB {
		e.wb.Reset()
		return
	}
	e.nb.Reset(e.cfg.DTX, e.cfg.VAD)
}

// Encode codes the first Codec.FrameSamples of pcm, of which AMR takes the upper 13 bits and AMR-WB the upper 14. The
// Data of the frame is appended to dst: it shares dst's array if that has room for 61 octets more, and then nothing is
// allocated. What is coded lags 5 ms behind pcm. With DTX the frame may be SID or NoData.
func (e *Encoder) Encode(dst []byte, pcm []int16) (Frame, error) {
	if len(pcm) < e.cfg.Codec.FrameSamples() {
		return Frame{}, fmt.Errorf("amr: encode: %d samples are less than a frame", len(pcm))
	}
	if e.cfg.Codec == WB {
		return e.encodeWB(dst, (*[wb.FrameSamples]int16)(pcm)), nil
	}
	return e.encodeNB(dst, (*[nb.FrameLen]int16)(pcm)), nil
}

func (e *Encoder) encodeNB(dst []byte, pcm *[nb.FrameLen]int16) Frame {
	var out [nb.MaxBytes]byte
	f := Frame{Type: e.mode}
	switch e.nb.Encode(pcm, nb.Mode(e.mode), &out) {
	case nb.TxSIDFirst, nb.TxSIDUpdate:
		f.Type = SIDNB
	case nb.TxNoData:
		f.Type = NoData
	}
	n := len(dst)
	f.Data = append(dst, out[:NB.Octets(f.Type)]...)[n:]
	return f
}

func (e *Encoder) encodeWB(dst []byte, pcm *[wb.FrameSamples]int16) Frame {
	f := Frame{Type: e.mode}
	n := len(dst)
	data, tx := e.wb.Encode(pcm, wb.Mode(e.mode), dst)
	switch tx {
	case wb.TxSIDFirst, wb.TxSIDUpdate:
		f.Type = SIDWB
	case wb.TxNoData:
		f.Type = NoData
	}
	f.Data = data[n:]
	return f
}
