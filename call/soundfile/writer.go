package soundfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/g711"
)

// Kind is a kind of file.
type Kind uint8

// The kinds.
const (
	WAV     Kind = iota // 16-bit PCM
	WAVALaw             // WAV of A-law
	WAVULaw             // WAV of mu-law
	AMR                 // .amr
	AMRWB               // .awb
)

// KindOf tells the kind by the suffix of a file's name: .wav, .amr, .awb. It is false for others.
func KindOf(name string) (Kind, bool) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".wav":
		return WAV, true
	case ".amr":
		return AMR, true
	case ".awb":
		return AMRWB, true
	}
	return 0, false
}

// Config says what a [Writer] writes.
type Config struct {
	Kind     Kind
	Channels int // up to 15 for AMR; if zero, 1
	// SampleRate in Hz. If zero, 8000; AMR and AMR-WB have their own: 8000 and 16000.
	SampleRate int
	// Mode is that of AMR and AMR-WB. If zero, 12.2 and 12.65 kbit/s; their lowest modes are not to be had.
	Mode amr.FrameType
	// DTX makes the files of AMR and AMR-WB smaller by comfort noise in pauses.
	DTX bool
}

// SampleRateOf is the rate of a kind of file whose rate is its own, and else rate.
func (k Kind) SampleRateOf(rate int) int {
	switch {
	case k == AMR:
		return 8000
	case k == AMRWB:
		return 16000
	case rate == 0:
		return 8000
	}
	return rate
}

// Writer writes samples to a file: it is a [call.Sink], which may block. It is not safe for concurrent use.
type Writer struct {
	closer   io.Closer
	channels int

	// WAV
	wav    *wav.Writer
	kind   Kind
	octets []byte

	// AMR
	file     *amr.FileWriter
	encoders []*amr.Encoder
	frame    []int16 // of one channel
	waiting  []int16 // interleaved, not a whole frame yet
	data     []byte
}

// Create makes a file, or empties the one that there is.
func Create(name string, cfg Config) (*Writer, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	w, err := NewWriter(f, cfg)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	w.closer = f
	return w, nil
}

// NewWriter writes the header to w, which stands at its beginning. The sizes in the header of a WAV file are kept up to date if w is
// an io.WriterAt.
func NewWriter(w io.Writer, cfg Config) (*Writer, error) {
	out := &Writer{channels: max(cfg.Channels, 1), kind: cfg.Kind}
	rate := cfg.Kind.SampleRateOf(cfg.SampleRate)
	if cfg.SampleRate != 0 && rate != cfg.SampleRate {
		return nil, fmt.Errorf("%w: %d samples a second", ErrUnsupported, cfg.SampleRate)
	}
	var err error
	switch cfg.Kind {
	case WAV, WAVALaw, WAVULaw:
		enc := map[Kind]wav.Encoding{WAV: wav.PCM, WAVALaw: wav.ALaw, WAVULaw: wav.ULaw}[cfg.Kind]
		out.wav, err = wav.NewWriter(w, wav.Format{Encoding: enc, Channels: out.channels, SampleRate: rate})
	case AMR, AMRWB:
		codec, mode := amr.NB, cfg.Mode
		if cfg.Kind == AMRWB {
			codec = amr.WB
		}
		if mode == 0 {
			mode = map[amr.Codec]amr.FrameType{amr.NB: amr.Mode122, amr.WB: amr.Mode1265}[codec]
		}
		for range out.channels {
			enc, err := amr.NewEncoder(amr.EncoderConfig{Codec: codec, Mode: mode, DTX: cfg.DTX})
			if err != nil {
				return nil, err
			}
			out.encoders = append(out.encoders, enc)
		}
		out.frame = make([]int16, codec.FrameSamples())
		out.data = make([]byte, 0, 64)
		out.file, err = amr.NewFileWriter(w, codec, out.channels)
	default:
		return nil, fmt.Errorf("%w: kind %d", ErrUnsupported, cfg.Kind)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// WriteSamples writes samples, interleaved if there are several channels.
func (w *Writer) WriteSamples(pcm []int16) error {
	switch {
	case w.file != nil:
		return w.encode(pcm)
	case w.kind == WAV:
		return w.wav.WriteSamples(pcm)
	}
	law := g711.ALaw
	if w.kind == WAVULaw {
		law = g711.ULaw
	}
	w.octets = law.AppendEncode(w.octets[:0], pcm)
	_, err := w.wav.Write(w.octets)
	return err
}

// encode writes the whole frames of what there is.
func (w *Writer) encode(pcm []int16) error {
	w.waiting = append(w.waiting, pcm...)
	n, at := len(w.frame)*w.channels, 0
	for ; len(w.waiting)-at >= n; at += n {
		for c, enc := range w.encoders {
			for i := range w.frame {
				w.frame[i] = w.waiting[at+i*w.channels+c]
			}
			f, err := enc.Encode(w.data[:0], w.frame)
			if err == nil {
				err = w.file.Write(f)
			}
			if err != nil {
				return err
			}
		}
	}
	w.waiting = append(w.waiting[:0], w.waiting[at:]...)
	return nil
}

// Close writes what is left, a last frame of AMR filled up with silence, and closes what [Create] has made.
func (w *Writer) Close() error {
	var err error
	switch {
	case w.wav != nil:
		err = w.wav.Close()
	case len(w.waiting) > 0:
		err = w.encode(make([]int16, len(w.frame)*w.channels-len(w.waiting)))
	}
	if w.closer != nil {
		err = errors.Join(err, w.closer.Close())
	}
	return err
}
