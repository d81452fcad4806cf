package amr

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The magic numbers of the storage format (RFC 4867 sections 5.1 and 5.2).
var magics = []struct {
	text  string
	codec Codec
	multi bool
}{
	{"#!AMR\n", NB, false},
	{"#!AMR-WB\n", WB, false},
	{"#!AMR_MC1.0\n", NB, true},
	{"#!AMR-WB_MC1.0\n", WB, true},
}

// FileError says what is wrong with a file of the storage format.
type FileError struct {
	Offset int64  // the octet at which it shows
	Field  string // "magic number", "frame header", "frame"
	Err    error
}

func (e *FileError) Error() string {
	return fmt.Sprintf("amr: file: %s at octet %d: %v", e.Field, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// What can be wrong with a file, apart from [ErrTruncated] and [ErrReserved].
var (
	ErrMagic    = errors.New("not an AMR file")
	ErrChannels = errors.New("bad number of channels")
)

// FileReader reads the storage format, .amr and .awb (RFC 4867 section 5).
type FileReader struct {
	r        *bufio.Reader
	codec    Codec
	channels int
	at       int64
	buf      [62]byte
}

// NewFileReader reads the header. The error is a [*FileError], or what r returned.
func NewFileReader(r io.Reader) (*FileReader, error) {
	f := &FileReader{r: bufio.NewReader(r), channels: 1}
	for _, m := range magics {
		head, err := f.r.Peek(len(m.text))
		if string(head) != m.text {
			if err != nil && err != io.EOF {
				return nil, err
			}
			continue
		}
		f.codec = m.codec
		f.skip(len(m.text))
		if !m.multi {
			return f, nil
		}
		desc, err := f.r.Peek(4)
		if err != nil {
			return nil, f.short("channel description", err)
		}
		f.channels = int(binary.BigEndian.Uint32(desc) & 15)
		if f.channels == 0 {
			return nil, &FileError{f.at, "channel description", ErrChannels}
		}
		f.skip(4)
		return f, nil
	}
	return nil, &FileError{0, "magic number", ErrMagic}
}

func (f *FileReader) skip(n int) {
	f.r.Discard(n) // they were peeked at
	f.at += int64(n)
}

// short makes the error of a read that ended too early.
func (f *FileReader) short(field string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = ErrTruncated
	}
	return &FileError{f.at, field, err}
}

// Codec returns the codec of the file.
func (f *FileReader) Codec() Codec { return f.codec }

// Channels returns the number of channels, 1 to 15. The frames of a frame-block follow one another.
func (f *FileReader) Channels() int { return f.channels }

// Next returns the next frame, whose data is valid until the next call, and io.EOF after the last.
// A file that ends within a frame gives a [*FileError] with ErrTruncated, a frame type that the
// codec does not have one with ErrReserved.
func (f *FileReader) Next() (Frame, error) {
	head, err := f.r.ReadByte()
	if err != nil {
		return Frame{}, err
	}
	fr := Frame{Type: FrameType(head >> 3 & 15), Bad: head&4 == 0}
	n := f.codec.Octets(fr.Type)
	if n < 0 {
		return Frame{}, &FileError{f.at, "frame header", ErrReserved}
	}
	f.at++
	fr.Data = f.buf[:n:n]
	if _, err := io.ReadFull(f.r, fr.Data); err != nil {
		return Frame{}, f.short("frame", err)
	}
	f.at += int64(n)
	if n == 0 {
		fr.Data = nil
	} else if pad := -f.codec.Bits(fr.Type) & 7; pad > 0 {
		fr.Data[n-1] &^= 1<<pad - 1
	}
	return fr, nil
}

// FileWriter writes the storage format.
type FileWriter struct {
	w     io.Writer
	codec Codec
	buf   []byte
}

// NewFileWriter writes the header of a file with the given number of channels, 1 to 15.
func NewFileWriter(w io.Writer, c Codec, channels int) (*FileWriter, error) {
	if channels < 1 || channels > 15 {
		return nil, &FileError{0, "channel description", ErrChannels}
	}
	f := &FileWriter{w: w, codec: c}
	for _, m := range magics {
		if m.codec == c && m.multi == (channels > 1) {
			f.buf = append(f.buf, m.text...)
			if m.multi {
				f.buf = binary.BigEndian.AppendUint32(f.buf, uint32(channels))
			}
			_, err := w.Write(f.buf)
			return f, err
		}
	}
	return nil, &FileError{0, "magic number", ErrMagic}
}

// Write adds a frame, in one call of the underlying writer. With several channels the frames of a
// frame-block come one after another. A frame that was lost is written as it is, so that the time
// base stays.
func (f *FileWriter) Write(fr Frame) error {
	if err := f.codec.check(fr); err != nil {
		return err
	}
	f.buf = append(append(f.buf[:0], tocEntry(fr, true)), fr.Data...)
	_, err := f.w.Write(f.buf)
	return err
}
