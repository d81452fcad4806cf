package wav

import (
	"encoding/binary"
	"errors"
	"io"
)

// Reader reads the samples of a WAV file. It is not safe for concurrent use.
type Reader struct {
	r      io.Reader
	format Format
	frames int64 // -1 if the header does not say
	left   int64 // octets of data still to read; -1: until the end
	off    int64 // octets read from r so far
	buf    []byte
}

// NewReader reads up to the samples. A data chunk whose size is 0xffffffff, or 0 in a file that
// goes on to its end, lasts until the end of r, as programs write them to a pipe. All errors but
// those of r are [*ParseError].
func NewReader(r io.Reader) (*Reader, error) {
	rd := &Reader{r: r, frames: -1}
	var h [12]byte
	if err := rd.full(h[:], "RIFF"); err != nil {
		return nil, err
	}
	if string(h[:4]) != "RIFF" || string(h[8:]) != "WAVE" {
		return nil, &ParseError{Chunk: "RIFF", Err: ErrNotWAV}
	}
	dataAt, dataSize := int64(-1), int64(0)
	haveFormat := false
	for range maxChunks {
		at := rd.off
		if err := rd.full(h[:8], "data"); err != nil {
			if errors.Is(err, ErrTruncated) {
				return nil, &ParseError{Offset: at, Chunk: "data", Err: ErrNoData}
			}
			return nil, err
		}
		id, size := string(h[:4]), int64(binary.LittleEndian.Uint32(h[4:]))
		switch id {
		case "fmt ":
			if err := rd.readFormat(at, size); err != nil {
				return nil, err
			}
			haveFormat = true
			if dataAt >= 0 {
				if _, err := r.(io.Seeker).Seek(dataAt-rd.off, io.SeekCurrent); err != nil {
					return nil, err
				}
				rd.off = dataAt
				return rd, rd.start(at, dataSize)
			}
		case "data":
			if haveFormat {
				return rd, rd.start(at, size)
			}
			if _, ok := r.(io.Seeker); !ok {
				return nil, &ParseError{Offset: at, Chunk: id, Err: ErrOrder}
			}
			if size == unknownSize || dataAt >= 0 {
				return nil, &ParseError{Offset: at, Chunk: id, Err: ErrOrder}
			}
			dataAt, dataSize = rd.off, size
			if err := rd.skip(id, size+size&1); err != nil {
				return nil, err
			}
		default:
			if err := rd.skip(id, size+size&1); err != nil {
				return nil, err
			}
		}
	}
	return nil, &ParseError{Offset: rd.off, Chunk: "data", Err: ErrNoData}
}

// readFormat reads a fmt chunk whose body starts at rd.off.
func (r *Reader) readFormat(at, size int64) error {
	if size < 16 {
		return &ParseError{Offset: at, Chunk: "fmt ", Err: ErrTruncated}
	}
	var b [40]byte
	n := min(size, int64(len(b)))
	if err := r.full(b[:n], "fmt "); err != nil {
		return err
	}
	le := binary.LittleEndian
	f := Format{
		Encoding:   Encoding(le.Uint16(b[0:])),
		Channels:   int(le.Uint16(b[2:])),
		SampleRate: int(le.Uint32(b[4:])),
	}
	// The last 14 octets of a sub-format that stands for a tag of RFC 2361.
	const sub = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
	if f.Encoding == extensible && n == 40 && string(b[26:40]) == sub {
		f.Encoding = Encoding(le.Uint16(b[24:]))
	}
	bits := uint16(8)
	if f.Encoding == PCM {
		bits = 16
	}
	if f.check() != nil || le.Uint16(b[14:]) != bits || int(le.Uint16(b[12:])) != f.FrameSize() {
		return &ParseError{Offset: at, Chunk: "fmt ", Err: ErrUnsupported}
	}
	r.format = f
	return r.skip("fmt ", size-n+size&1)
}

func (r *Reader) start(at, size int64) error {
	switch {
	case size == unknownSize:
		r.left = -1
	case size == 0:
		// Either there is no sound, or a writer was killed before it knew the size.
		r.left = -1
	default:
		r.left = size - size%int64(r.format.FrameSize())
		r.frames = r.left / int64(r.format.FrameSize())
		if r.frames == 0 {
			return &ParseError{Offset: at, Chunk: "data", Err: ErrTruncated}
		}
	}
	return nil
}

// Format returns what the samples are.
func (r *Reader) Format() Format { return r.format }

// Frames is how many samples of each channel the header promises, or -1 if it does not know.
// A file that was cut holds fewer.
func (r *Reader) Frames() int64 { return r.frames }

// Read reads octets of samples in the encoding of the file. It returns io.EOF at the end of the
// data chunk, or at the end of the file if that comes first.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if r.left > 0 && int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.r.Read(p)
	r.off += int64(n)
	if r.left > 0 {
		r.left -= int64(n)
	}
	return n, err
}

// ReadSamples fills pcm from a PCM file and returns how many samples it read: fewer than asked
// only at the end, and then with io.EOF if there were none.
func (r *Reader) ReadSamples(pcm []int16) (int, error) {
	if r.format.Encoding != PCM {
		return 0, &ParseError{Chunk: "data", Err: ErrUnsupported}
	}
	const step = 2048 // samples; the buffer does not grow with the request
	if r.buf == nil {
		r.buf = make([]byte, 2*step)
	}
	done := 0
	for done < len(pcm) {
		b := r.buf[:2*min(step, len(pcm)-done)]
		n, err := io.ReadFull(r, b)
		for i := range n / 2 {
			pcm[done+i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
		}
		done += n / 2
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			if done == 0 {
				return 0, io.EOF
			}
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// full reads all of b.
func (r *Reader) full(b []byte, chunk string) error {
	at := r.off
	n, err := io.ReadFull(r.r, b)
	r.off += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &ParseError{Offset: at, Chunk: chunk, Err: ErrTruncated}
	}
	return err
}

// skip reads over n octets.
func (r *Reader) skip(chunk string, n int64) error {
	at := r.off
	m, err := io.CopyN(io.Discard, r.r, n)
	r.off += m
	if err == io.EOF {
		return &ParseError{Offset: at, Chunk: chunk, Err: ErrTruncated}
	}
	return err
}
