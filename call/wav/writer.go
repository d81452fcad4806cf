package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Writer writes a WAV file. It is not safe for concurrent use.
type Writer struct {
	w       io.Writer
	at      io.WriterAt // nil when the header cannot be corrected
	format  Format
	head    []byte // the header as it is in the file
	dataPos int    // offset of the data size in head
	factPos int    // offset of the sample count in head, 0 without a fact chunk
	size    int64  // octets of data written
	synced  int64  // octets of data that the header covers
	every   int64  // octets between updates of the header
	buf     []byte
	err     error // the first failure; nothing is written after it
	closed  bool
}

// NewWriter writes a header to w, which stands at its beginning, and returns a Writer. If w is
// also an io.WriterAt (such as an *os.File not opened for appending), the sizes in the header are
// corrected after every second of sound, by [Writer.Flush] and by [Writer.Close]; otherwise, and
// when the first correction fails because w is a pipe, they stay at 0xffffffff, which players take
// as "until the end". NewWriter fails if the format is not one of this package or w fails.
func NewWriter(w io.Writer, f Format) (*Writer, error) {
	f = f.withDefaults()
	if err := f.check(); err != nil {
		return nil, err
	}
	wr := &Writer{w: w, format: f, every: int64(f.SampleRate * f.FrameSize())}
	wr.at, _ = w.(io.WriterAt)

	bits := 16
	if f.Encoding != PCM {
		bits = 8
	}
	le := binary.LittleEndian
	b := append([]byte("RIFF"), "\xff\xff\xff\xffWAVEfmt "...)
	b = le.AppendUint32(b, 16+uint32(2*(16-bits)/8))
	b = le.AppendUint16(b, uint16(f.Encoding))
	b = le.AppendUint16(b, uint16(f.Channels))
	b = le.AppendUint32(b, uint32(f.SampleRate))
	b = le.AppendUint32(b, uint32(f.SampleRate*f.FrameSize()))
	b = le.AppendUint16(b, uint16(f.FrameSize()))
	b = le.AppendUint16(b, uint16(bits))
	if f.Encoding != PCM {
		b = le.AppendUint16(b, 0) // cbSize
		b = append(b, "fact\x04\x00\x00\x00\xff\xff\xff\xff"...)
		wr.factPos = len(b) - 4
	}
	b = append(b, "data\xff\xff\xff\xff"...)
	wr.dataPos = len(b) - 4
	wr.head = b
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("wav: %w", err)
	}
	return wr, nil
}

// Format returns the format with its defaults filled in.
func (w *Writer) Format() Format { return w.format }

// Frames is how many samples of each channel have been written.
func (w *Writer) Frames() int64 { return w.size / int64(w.format.FrameSize()) }

// Write writes octets of samples in the encoding of the file, interleaved if there are several
// channels. A write may end within a frame; the rest must come with the next.
func (w *Writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, errClosed
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.size+int64(len(p)) > unknownSize-int64(len(w.head))-1 {
		return 0, ErrTooLong
	}
	n, err := w.w.Write(p)
	w.size += int64(n)
	if err != nil {
		w.err = fmt.Errorf("wav: %w", err)
		return n, w.err
	}
	if w.size-w.synced >= w.every {
		return n, w.Flush()
	}
	return n, nil
}

// WriteSamples writes 16-bit samples, interleaved if there are several channels, to a PCM file.
func (w *Writer) WriteSamples(pcm []int16) error {
	if w.format.Encoding != PCM {
		return fmt.Errorf("wav: 16-bit samples for a file of %v", w.format.Encoding)
	}
	w.buf = w.buf[:0]
	for _, s := range pcm {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(s))
	}
	_, err := w.Write(w.buf)
	return err
}

// Flush makes the header cover every whole frame written so far.
func (w *Writer) Flush() error {
	if w.at == nil || w.err != nil || w.closed {
		return w.err
	}
	size := w.size - w.size%int64(w.format.FrameSize())
	end := int64(len(w.head)) + size
	if size%2 != 0 {
		// A chunk of odd length is followed by a pad octet, which the next sample overwrites.
		if size == w.size {
			if _, err := w.at.WriteAt([]byte{0}, end); err != nil {
				return w.noUpdates(err)
			}
		}
		end++
	}
	le := binary.LittleEndian
	le.PutUint32(w.head[4:], uint32(end-8))
	le.PutUint32(w.head[w.dataPos:], uint32(size))
	if w.factPos != 0 {
		le.PutUint32(w.head[w.factPos:], uint32(size/int64(w.format.FrameSize())))
	}
	if _, err := w.at.WriteAt(w.head, 0); err != nil {
		return w.noUpdates(err)
	}
	w.synced = w.size
	return nil
}

// noUpdates deals with a failed WriteAt. The first one tells that w is a pipe or was opened for
// appending: the sizes stay unknown. A later one is a failure.
func (w *Writer) noUpdates(err error) error {
	if w.synced == 0 {
		w.at = nil
		return nil
	}
	w.err = fmt.Errorf("wav: header: %w", err)
	return w.err
}

var errClosed = errors.New("wav: write to a closed Writer")

// Close brings the header up to date. It does not close the underlying writer. A second Close
// returns nil.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	err := w.Flush()
	w.closed = true
	return err
}
