package wav

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// File is what [Mend] works on; an *os.File is one.
type File interface {
	io.ReadSeeker
	io.WriterAt
	Truncate(size int64) error
}

// Mend makes a file that a [Writer] was writing when its program ended a whole one: the sizes in its header
// cover all that was written, whole frames only. It fails with a [*ParseError], and leaves the file as it is, where it is not
// such a file.
func Mend(f File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := NewReader(f)
	if err != nil {
		return err
	}
	var head bytes.Buffer
	w, err := NewWriter(&head, r.Format())
	if err != nil {
		return err
	}
	have := make([]byte, head.Len())
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.ReadFull(f, have); err != nil {
		return &ParseError{Offset: 0, Err: ErrTruncated}
	}
	want := head.Bytes()
	for _, b := range [][]byte{have, want} { // what differs are the sizes
		for _, at := range []int{4, w.factPos, w.dataPos} {
			if at != 0 {
				binary.LittleEndian.PutUint32(b[at:], 0)
			}
		}
	}
	if !bytes.Equal(have, want) {
		return &ParseError{Offset: 0, Err: ErrUnsupported}
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	size := end - int64(len(want))
	size -= size % int64(w.format.FrameSize())
	if size > 1<<32-1-int64(len(want)) {
		return ErrTooLong
	}
	if err := f.Truncate(int64(len(want)) + size); err != nil {
		return fmt.Errorf("wav: %w", err)
	}
	copy(w.head, "RIFF")
	w.size, w.at = size, f
	return w.Flush()
}
