package amr

import (
	"errors"
	"fmt"
)

// PayloadFormat is how frames are laid out in the payload of an RTP packet (RFC 4867 section 4). It
// follows from the media type parameters: see [Params.Format].
type PayloadFormat struct {
	Codec Codec
	// Channels is the number of channels. If zero, 1.
	Channels int
	// OctetAligned selects the octet-aligned mode instead of the bandwidth-efficient one. The three
	// options below exist in that mode only and imply it.
	OctetAligned bool
	// CRC puts a check of the class A bits of each frame into the payload (section 4.4.2.1).
	CRC bool
	// RobustSorting interleaves the octets of the frames (section 4.4.4).
	RobustSorting bool
	// Interleaving is the largest number of frame-blocks in an interleaving group (section 4.4.1).
	// If zero, there is no interleaving and no header for it.
	Interleaving int
}

func (f PayloadFormat) octetAligned() bool {
	return f.OctetAligned || f.CRC || f.RobustSorting || f.Interleaving > 0
}

func (f PayloadFormat) channels() int { return max(f.Channels, 1) }

// NoRequest is the value of [Payload.CMR] that requests no mode.
const NoRequest FrameType = 15

// Payload is what one RTP packet carries.
type Payload struct {
	// CMR is the codec mode request: the mode that the receiver of this payload should encode
	// with, or NoRequest. Other values are for future use and ignored. Mind that zero is a mode.
	CMR FrameType
	// ILL and ILP place the payload in its interleaving group, which takes ILL+1 payloads. They
	// are zero where interleaving is not in use.
	ILL, ILP uint8
	// Frames holds the frames in the order of the table of contents: block by block, and in each
	// block channel by channel.
	Frames []Frame
}

// BlockTime is when block i of the payload is due: how many frame-blocks (of 20 ms) after the RTP
// timestamp of the packet (RFC 4867 section 4.4.1).
func (p Payload) BlockTime(i int) int { return i * (int(p.ILL) + 1) }

// check says whether a frame can be written: a type that the codec has, with the octets it needs and
// no bit set in their padding.
func (c Codec) check(f Frame) error {
	n := c.Bits(f.Type)
	if n < 0 {
		return ErrReserved
	}
	if len(f.Data) != (n+7)/8 {
		return &FrameError{c, f.Type, fmt.Sprintf("%d octets, want %d", len(f.Data), (n+7)/8)}
	}
	if pad := -n & 7; pad > 0 && f.Data[len(f.Data)-1]&(1<<pad-1) != 0 {
		return &FrameError{c, f.Type, "bits set in the padding"}
	}
	return nil
}

// MaxFrames is the most frames that a payload may hold here: a bound against nonsense, 1.28 s of
// one channel.
const MaxFrames = 64

// PayloadError says what is wrong with an RTP payload.
type PayloadError struct {
	Offset int    // the octet at which it shows
	Field  string // "ToC", "CMR", "frame 2", …
	Err    error
}

func (e *PayloadError) Error() string {
	return fmt.Sprintf("amr: payload: %s at octet %d: %v", e.Field, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *PayloadError) Unwrap() error { return e.Err }

// What can be wrong with a payload.
var (
	ErrTruncated   = errors.New("truncated")
	ErrReserved    = errors.New("reserved frame type")
	ErrTrailing    = errors.New("octets left over")
	ErrBlocks      = errors.New("frames do not fill the frame-blocks")
	ErrInterleaved = errors.New("bad place in the interleaving group")
	ErrTooMany     = errors.New("too many frames")
)

// classA is the number of class A bits, which the CRC covers (RFC 4867 table 1, TS 26.201 table 2).
var classA = [2][10]uint8{
	NB: {42, 49, 55, 58, 61, 75, 65, 81, 39},
	WB: {54, 64, 72, 72, 72, 72, 72, 72, 72, 40},
}

// frameCRC is the CRC over the class A bits of a frame (RFC 4867 section 4.4.2.1): polynomial
// 1 + x^2 + x^3 + x^4 + x^8, register shifted right.
func frameCRC(c Codec, ft FrameType, data []byte) uint8 {
	var crc uint8
	for i := range int(classA[c][ft]) {
		bit := data[i/8] >> (7 - i%8) & 1
		feedback := (crc ^ bit) & 1
		crc >>= 1
		if feedback != 0 {
			crc ^= 0xb8
		}
	}
	return crc
}

func tocEntry(f Frame, last bool) byte {
	e := byte(f.Type) << 3
	if !last {
		e |= 0x80
	}
	if !f.Bad {
		e |= 4
	}
	return e
}

// AppendPayload appends the RTP payload that carries p.
func (f PayloadFormat) AppendPayload(dst []byte, p Payload) ([]byte, error) {
	if len(p.Frames) == 0 || len(p.Frames)%f.channels() != 0 {
		return dst, &PayloadError{len(dst), "ToC", ErrBlocks}
	}
	if len(p.Frames) > MaxFrames {
		return dst, &PayloadError{len(dst), "ToC", ErrTooMany}
	}
	for i, fr := range p.Frames {
		if err := f.Codec.check(fr); err != nil {
			return dst, &PayloadError{len(dst), fmt.Sprintf("frame %d", i), err}
		}
	}
	if p.CMR > 15 {
		return dst, &PayloadError{len(dst), "CMR", ErrReserved}
	}
	if !f.octetAligned() {
		return f.appendEfficient(dst, p), nil
	}
	dst = append(dst, byte(p.CMR)<<4)
	if f.Interleaving > 0 {
		if p.ILP > p.ILL || p.ILL > 15 || (int(p.ILL)+1)*len(p.Frames)/f.channels() > f.Interleaving {
			return dst[:len(dst)-1], &PayloadError{len(dst), "interleaving", ErrInterleaved}
		}
		dst = append(dst, p.ILL<<4|p.ILP)
	}
	longest := 0
	for i, fr := range p.Frames {
		dst = append(dst, tocEntry(fr, i == len(p.Frames)-1))
		longest = max(longest, len(fr.Data))
	}
	if f.CRC {
		for _, fr := range p.Frames {
			if len(fr.Data) > 0 {
				dst = append(dst, frameCRC(f.Codec, fr.Type, fr.Data))
			}
		}
	}
	if f.RobustSorting {
		for i := range longest {
			for _, fr := range p.Frames {
				if i < len(fr.Data) {
					dst = append(dst, fr.Data[i])
				}
			}
		}
		return dst, nil
	}
	for _, fr := range p.Frames {
		dst = append(dst, fr.Data...)
	}
	return dst, nil
}

// appendEfficient appends the bandwidth-efficient form: everything bit after bit (section 4.3.4).
func (f PayloadFormat) appendEfficient(dst []byte, p Payload) []byte {
	w := bitWriter{b: dst}
	w.write(uint32(p.CMR), 4)
	for i, fr := range p.Frames {
		w.write(uint32(tocEntry(fr, i == len(p.Frames)-1))>>2, 6)
	}
	for _, fr := range p.Frames {
		n := f.Codec.Bits(fr.Type)
		for i := 0; n > 0; i, n = i+1, n-8 {
			k := min(n, 8)
			w.write(uint32(fr.Data[i])>>(8-k), k)
		}
	}
	return w.flush()
}

// PayloadReader takes RTP payloads apart. It holds the frames of the last one, so that a stream is
// read without allocation. The zero value, with its Format set, is ready.
type PayloadReader struct {
	Format PayloadFormat

	frames []Frame
	bits   []byte
}

// Read takes b apart. The frames and their data are valid until the next call. Padding and
// reserved bits are ignored. A frame whose CRC is wrong is marked Bad. A payload with a reserved
// frame type, a truncated one, one with octets left over, or one at an impossible place of its
// interleaving group gives a [*PayloadError] and is to be discarded (section 4.3.2).
func (r *PayloadReader) Read(b []byte) (Payload, error) {
	r.frames, r.bits = r.frames[:0], r.bits[:0]
	if len(b) == 0 {
		return Payload{}, &PayloadError{0, "CMR", ErrTruncated}
	}
	p := Payload{CMR: FrameType(b[0] >> 4)}
	var err error
	if r.Format.octetAligned() {
		err = r.readAligned(b, &p)
	} else {
		err = r.readEfficient(b)
	}
	if err != nil {
		return Payload{}, err
	}
	p.Frames = r.frames
	return p, nil
}

// toc adds an entry of the table of contents: F, FT and Q in the top six bits.
func (r *PayloadReader) toc(e byte, at int) (more bool, err error) {
	ft := FrameType(e >> 3 & 15)
	if r.Format.Codec.Bits(ft) < 0 {
		return false, &PayloadError{at, "ToC", ErrReserved}
	}
	if len(r.frames) == MaxFrames {
		return false, &PayloadError{at, "ToC", ErrTooMany}
	}
	r.frames = append(r.frames, Frame{Type: ft, Bad: e&4 == 0})
	if more = e&0x80 != 0; !more && len(r.frames)%r.Format.channels() != 0 {
		return false, &PayloadError{at, "ToC", ErrBlocks}
	}
	return more, nil
}

// room makes space for the data of all frames, so that later appends do not move it.
func (r *PayloadReader) room() {
	n := 0
	for _, f := range r.frames {
		n += r.Format.Codec.Octets(f.Type)
	}
	if cap(r.bits) < n {
		r.bits = make([]byte, n)
	}
	r.bits = r.bits[:n]
	n = 0
	for i := range r.frames {
		if k := r.Format.Codec.Octets(r.frames[i].Type); k > 0 {
			r.frames[i].Data = r.bits[n : n+k : n+k]
			n += k
		}
	}
}

func (r *PayloadReader) readEfficient(b []byte) error {
	in := bitReader{b: b, at: 4}
	for more := true; more; {
		e, ok := in.read(6)
		if !ok {
			return &PayloadError{in.at / 8, "ToC", ErrTruncated}
		}
		var err error
		if more, err = r.toc(byte(e)<<2, in.at/8); err != nil {
			return err
		}
	}
	r.room()
	for i, f := range r.frames {
		n := r.Format.Codec.Bits(f.Type)
		for j := 0; n > 0; j, n = j+1, n-8 {
			k := min(n, 8)
			v, ok := in.read(k)
			if !ok {
				return &PayloadError{len(b), fmt.Sprintf("frame %d", i), ErrTruncated}
			}
			f.Data[j] = byte(v << (8 - k))
		}
	}
	if rest := len(b) - (in.at+7)/8; rest > 0 {
		return &PayloadError{len(b) - rest, "end", ErrTrailing}
	}
	return nil
}

func (r *PayloadReader) readAligned(b []byte, p *Payload) error {
	at := 1
	if r.Format.Interleaving > 0 {
		if len(b) < 2 {
			return &PayloadError{1, "interleaving", ErrTruncated}
		}
		p.ILL, p.ILP = b[1]>>4, b[1]&15
		if p.ILP > p.ILL {
			return &PayloadError{1, "interleaving", ErrInterleaved}
		}
		at++
	}
	for more := true; more; at++ {
		if at >= len(b) {
			return &PayloadError{at, "ToC", ErrTruncated}
		}
		var err error
		if more, err = r.toc(b[at], at); err != nil {
			return err
		}
	}
	if r.Format.Interleaving > 0 && (int(p.ILL)+1)*len(r.frames)/r.Format.channels() > r.Format.Interleaving {
		return &PayloadError{1, "interleaving", ErrInterleaved}
	}
	r.room()
	var crcs []byte
	if r.Format.CRC {
		n := 0
		for _, f := range r.frames {
			if len(f.Data) > 0 {
				n++
			}
		}
		if len(b)-at < n {
			return &PayloadError{len(b), "CRC", ErrTruncated}
		}
		crcs, at = b[at:at+n], at+n
	}
	if len(b)-at < len(r.bits) {
		return &PayloadError{len(b), "speech data", ErrTruncated}
	}
	if len(b)-at > len(r.bits) {
		return &PayloadError{at + len(r.bits), "end", ErrTrailing}
	}
	if r.Format.RobustSorting {
		for i := 0; at < len(b); i++ {
			for _, f := range r.frames {
				if i < len(f.Data) {
					f.Data[i] = b[at]
					at++
				}
			}
		}
	} else {
		copy(r.bits, b[at:])
	}
	for i := range r.frames {
		f := &r.frames[i]
		if len(f.Data) == 0 {
			continue
		}
		if pad := -r.Format.Codec.Bits(f.Type) & 7; pad > 0 {
			f.Data[len(f.Data)-1] &^= 1<<pad - 1
		}
		if r.Format.CRC {
			if frameCRC(r.Format.Codec, f.Type, f.Data) != crcs[0] {
				f.Bad = true
			}
			crcs = crcs[1:]
		}
	}
	return nil
}

// bitWriter appends bits, the first in the top bit of an octet.
type bitWriter struct {
	b   []byte
	acc uint32
	n   int // bits in acc, at most 7 between calls
}

func (w *bitWriter) write(v uint32, n int) {
	w.acc, w.n = w.acc<<n|v, w.n+n
	for w.n >= 8 {
		w.n -= 8
		w.b = append(w.b, byte(w.acc>>w.n))
	}
}

// flush pads the last octet with zeros.
func (w *bitWriter) flush() []byte {
	if w.n > 0 {
		w.b = append(w.b, byte(w.acc<<(8-w.n)))
		w.n = 0
	}
	return w.b
}

// bitReader reads up to 8 bits at a time.
type bitReader struct {
	b  []byte
	at int // in bits
}

func (r *bitReader) read(n int) (v uint32, ok bool) {
	if r.at+n > 8*len(r.b) {
		return 0, false
	}
	i := r.at / 8
	w := uint32(r.b[i]) << 8
	if i+1 < len(r.b) {
		w |= uint32(r.b[i+1])
	}
	v = w >> (16 - r.at%8 - n) & (1<<n - 1)
	r.at += n
	return v, true
}
