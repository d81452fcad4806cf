package wav

import (
	"errors"
	"fmt"
)

// Encoding says how a sample is stored. The value is the wFormatTag of RFC 2361.
type Encoding uint16

// The encodings of this package.
const (
	PCM  Encoding = 1 // 16 bits, little-endian
	ALaw Encoding = 6 // ITU-T G.711 A-law, one octet
	ULaw Encoding = 7 // ITU-T G.711 mu-law, one octet
)

func (e Encoding) String() string {
	switch e {
	case PCM:
		return "PCM16"
	case ALaw:
		return "A-law"
	case ULaw:
		return "mu-law"
	}
	return fmt.Sprintf("Encoding(%#04x)", uint16(e))
}

// Format describes the samples of a file.
type Format struct {
	Encoding   Encoding // if zero, PCM
	Channels   int      // 1 to 64; if zero, 1
	SampleRate int      // samples of each channel per second, up to 768000; if zero, 8000
}

// FrameSize is the number of octets that hold one sample of every channel.
func (f Format) FrameSize() int {
	if f.Encoding == PCM {
		return 2 * f.Channels
	}
	return f.Channels
}

func (f Format) withDefaults() Format {
	if f.Encoding == 0 {
		f.Encoding = PCM
	}
	if f.Channels == 0 {
		f.Channels = 1
	}
	if f.SampleRate == 0 {
		f.SampleRate = 8000
	}
	return f
}

func (f Format) check() error {
	if f.Encoding != PCM && f.Encoding != ALaw && f.Encoding != ULaw {
		return fmt.Errorf("wav: %v is not supported", f.Encoding)
	}
	if f.Channels < 1 || f.Channels > maxChannels {
		return fmt.Errorf("wav: %d channels, want 1 to %d", f.Channels, maxChannels)
	}
	if f.SampleRate < 1 || f.SampleRate > maxRate {
		return fmt.Errorf("wav: %d samples a second, want 1 to %d", f.SampleRate, maxRate)
	}
	return nil
}

const (
	maxChannels = 64
	maxRate     = 768000
	maxChunks   = 1024 // a Reader gives up after so many chunks without finding what it needs
	unknownSize = 0xffffffff
	extensible  = 0xfffe
)

// The reasons of a [ParseError], besides those of the underlying io.Reader.
var (
	ErrNotWAV      = errors.New("not a RIFF WAVE file")
	ErrTruncated   = errors.New("the file ends too early")
	ErrUnsupported = errors.New("unsupported format")
	ErrNoData      = errors.New("no data chunk")
	ErrOrder       = errors.New("data comes before fmt in a stream that cannot seek")
)

// ErrTooLong is returned by a [Writer] when the file would not fit into 4 GiB.
var ErrTooLong = errors.New("wav: file would exceed 4 GiB")

// ParseError says where a file is not a WAV file that this package reads.
type ParseError struct {
	Offset int64  // of the chunk or field, from the start of the stream
	Chunk  string // such as "fmt "
	Err    error
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("wav: chunk %q at offset %d: %v", e.Chunk, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }
