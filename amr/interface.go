package amr

import "math/bits"

// InterfaceFrame is a frame in AMR interface format 1, generic frame format of TS 26.101 and TS 26.201 section 4.
type InterfaceFrame struct {
	Frame
	// ModeIndication is the mode of the speech: for a frame of speech its type.
	ModeIndication FrameType
	// ModeRequest is the mode that the receiver is asked to encode with.
	ModeRequest FrameType
}

// if1Header is the octets before the core frame: header, auxiliary information and codec CRC.
const if1Header = 3

// AppendIF1 appends a frame in interface format 1 (TS 26.101 and TS 26.201 section 4.2): frame type, quality indicator, mode
// indication and request, codec CRC over the class A bits (section 4.1.4; 0 in a frame without bits), and the bits of the
// frame, the first in the top bit of an octet. The indication of a frame of speech is its type, whatever ModeIndication says.
func (c Codec) AppendIF1(dst []byte, f InterfaceFrame) ([]byte, error) {
	if err := c.check(f.Frame); err != nil {
		return dst, &PayloadError{len(dst), "IF1 frame", err}
	}
	if int(f.Type) < c.Modes() {
		f.ModeIndication = f.Type
	}
	var crc byte
	if len(f.Data) > 0 {
		crc = frameCRC(c, f.Type, f.Data)
	}
	head := byte(f.Type) << 4
	if !f.Bad {
		head |= 8
	}
	if c == WB {
		if f.ModeIndication > 15 || f.ModeRequest > 15 {
			return dst, &PayloadError{len(dst), "IF1 mode", ErrReserved}
		}
		dst = append(dst, head, byte(f.ModeIndication)<<4|byte(f.ModeRequest), crc)
	} else {
		if f.ModeIndication > 7 || f.ModeRequest > 7 {
			return dst, &PayloadError{len(dst), "IF1 mode", ErrReserved}
		}
		dst = append(dst, head|byte(f.ModeIndication), byte(f.ModeRequest)<<5, crc)
	}
	return append(dst, f.Data...), nil
}

// ParseIF1 reads a frame in interface format 1 from the beginning of b and returns how many octets it took. The data of
// the frame is appended to dst, which may be nil. A frame whose CRC is wrong is marked Bad. Spare and padding bits are
// ignored.
func (c Codec) ParseIF1(dst, b []byte) (f InterfaceFrame, n int, err error) {
	if len(b) < if1Header {
		return f, 0, &PayloadError{len(b), "IF1 header", ErrTruncated}
	}
	f.Type, f.Bad = FrameType(b[0]>>4), b[0]&8 == 0
	if c == WB {
		f.ModeIndication, f.ModeRequest = FrameType(b[1]>>4), FrameType(b[1]&15)
	} else {
		f.ModeIndication, f.ModeRequest = FrameType(b[0]&7), FrameType(b[1]>>5)
	}
	octets := c.Octets(f.Type)
	switch {
	case octets < 0:
		return InterfaceFrame{}, 0, &PayloadError{0, "IF1 frame type", ErrReserved}
	case len(b) < if1Header+octets:
		return InterfaceFrame{}, 0, &PayloadError{len(b), "IF1 core frame", ErrTruncated}
	case octets == 0:
		return f, if1Header, nil
	}
	n = if1Header + octets
	f.Data = append(dst, b[if1Header:n]...)[len(dst):]
	f.Data[octets-1] &^= 1<<(-c.Bits(f.Type)&7) - 1
	if frameCRC(c, f.Type, f.Data) != b[2] {
		f.Bad = true
	}
	return f, n, nil
}

// AppendIF2 appends a frame in interface format 2 (TS 26.101 and TS 26.201 annex A). For AMR that is the frame type and the
// bits of the frame, the first in the lowest bit of an octet; a damaged frame cannot be written. For AMR-WB it is the
// frame type, the quality indicator and the bits of the frame, the first in the top bit. Zeros fill the last octet.
func (c Codec) AppendIF2(dst []byte, f Frame) ([]byte, error) {
	if err := c.check(f); err != nil {
		return dst, &PayloadError{len(dst), "IF2 frame", err}
	}
	if c == NB && f.Bad {
		return dst, &PayloadError{len(dst), "IF2 frame", &FrameError{c, f.Type, "interface format 2 cannot say that it is damaged"}}
	}
	start := len(dst)
	w := bitWriter{b: dst}
	if c == WB {
		w.write(uint32(f.Type), 4)
		w.write(uint32(tocEntry(f, true)>>2&1), 1)
	} else {
		w.write(uint32(bits.Reverse8(uint8(f.Type))>>4), 4)
	}
	left := c.Bits(f.Type)
	for _, b := range f.Data {
		k := min(left, 8)
		w.write(uint32(b)>>(8-k), k)
		left -= k
	}
	dst = w.flush()
	if c == NB {
		for i := start; i < len(dst); i++ {
			dst[i] = bits.Reverse8(dst[i])
		}
	}
	return dst, nil
}

// ParseIF2 reads a frame in interface format 2 from the beginning of b and returns how many octets it took. The data of
// the frame is appended to dst, which may be nil. Stuffing bits are ignored.
func (c Codec) ParseIF2(dst, b []byte) (f Frame, n int, err error) {
	if len(b) == 0 {
		return f, 0, &PayloadError{0, "IF2 frame type", ErrTruncated}
	}
	head := 5
	if c == WB {
		f.Type, f.Bad = FrameType(b[0]>>4), b[0]&8 == 0
	} else {
		f.Type, head = FrameType(b[0]&15), 4
	}
	size := c.Bits(f.Type)
	if size < 0 {
		return Frame{}, 0, &PayloadError{0, "IF2 frame type", ErrReserved}
	}
	if n = (head + size + 7) / 8; len(b) < n {
		return Frame{}, 0, &PayloadError{len(b), "IF2 frame", ErrTruncated}
	}
	at := len(dst)
	var acc uint32 // the octet before and the present one
	for i := 0; size > 0 && i <= n; i++ {
		acc <<= 8
		if i < n {
			o := b[i]
			if c == NB {
				o = bits.Reverse8(o)
			}
			acc |= uint32(o)
		}
		if i > 0 && len(dst)-at < (size+7)/8 {
			dst = append(dst, byte(acc>>(8-head)))
		}
	}
	if size > 0 {
		f.Data = dst[at:]
		f.Data[len(f.Data)-1] &^= 1<<(-size&7) - 1
	}
	return f, n, nil
}
