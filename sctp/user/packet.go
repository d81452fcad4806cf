package user

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// header is the common header of a packet (RFC 9260 section 3.1), without its checksum.
type header struct {
	src, dst uint16
	tag      uint32 // the verification tag
}

const (
	headerLen = 12
	chunkHead = 4
	dataHead  = 16
)

var be = binary.BigEndian

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var noChecksum [4]byte

// checksum is the CRC32c of a packet with its checksum field taken as zero (section 6.8).
func checksum(b []byte) uint32 {
	c := crc32.Update(0, castagnoli, b[:8])
	c = crc32.Update(c, castagnoli, noChecksum[:])
	return crc32.Update(c, castagnoli, b[headerLen:])
}

// Errors of parsing.
var (
	errShort    = errors.New("truncated")
	errChecksum = errors.New("wrong checksum")
	errLength   = errors.New("wrong length")
	errValue    = errors.New("value that is not allowed")
)

// ParseError says that a packet, or a part of one, is not as RFC 9260 has it.
type ParseError struct {
	Field string // what could not be read, such as "INIT"
	Err   error
}

// Error names the field and what is wrong with it.
func (e *ParseError) Error() string { return "sctp/user: parse " + e.Field + ": " + e.Err.Error() }

// Unwrap is what is wrong.
func (e *ParseError) Unwrap() error { return e.Err }

// parseHeader reads the common header and checks the checksum; chunks aliases b.
func parseHeader(b []byte) (h header, chunks []byte, err error) {
	if len(b) < headerLen+chunkHead {
		return h, nil, &ParseError{"packet", errShort}
	}
	if binary.LittleEndian.Uint32(b[8:]) != checksum(b) {
		return h, nil, &ParseError{"packet", errChecksum}
	}
	h = header{be.Uint16(b), be.Uint16(b[2:]), be.Uint32(b[4:])}
	if h.src == 0 || h.dst == 0 { // section 3.1: port 0 MUST NOT be used
		return h, nil, &ParseError{"port", errValue}
	}
	return h, b[headerLen:], nil
}

// beginPacket appends a common header whose checksum finishPacket fills in.
func beginPacket(b []byte, h header) []byte {
	b = be.AppendUint16(b, h.src)
	b = be.AppendUint16(b, h.dst)
	b = be.AppendUint32(b, h.tag)
	return append(b, 0, 0, 0, 0)
}

func finishPacket(b []byte) { binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, castagnoli)) }

// chunkType is the type of a chunk (RFC 9260 section 3.2). Its two high bits say what to do with
// one that is not known.
type chunkType uint8

const (
	ctData             chunkType = 0
	ctInit             chunkType = 1
	ctInitAck          chunkType = 2
	ctSack             chunkType = 3
	ctHeartbeat        chunkType = 4
	ctHeartbeatAck     chunkType = 5
	ctAbort            chunkType = 6
	ctShutdown         chunkType = 7
	ctShutdownAck      chunkType = 8
	ctError            chunkType = 9
	ctCookieEcho       chunkType = 10
	ctCookieAck        chunkType = 11
	ctShutdownComplete chunkType = 14
)

var chunkNames = [...]string{"DATA", "INIT", "INIT ACK", "SACK", "HEARTBEAT", "HEARTBEAT ACK", "ABORT", "SHUTDOWN",
	"SHUTDOWN ACK", "ERROR", "COOKIE ECHO", "COOKIE ACK", "ECNE", "CWR", "SHUTDOWN COMPLETE"}

func (t chunkType) String() string {
	if int(t) < len(chunkNames) {
		return chunkNames[t]
	}
	return fmt.Sprintf("chunkType(%d)", uint8(t))
}

// unknownStops and unknownReports are the rules of table 2, and those of table 3 for parameters.
func (t chunkType) unknownStops() bool   { return t&0x80 == 0 }
func (t chunkType) unknownReports() bool { return t&0x40 != 0 }

// chunk is one chunk of a packet; it aliases it.
type chunk struct {
	typ   chunkType
	flags uint8
	value []byte
	whole []byte // with its header, without padding
}

const (
	flagT = 1 // of ABORT and SHUTDOWN COMPLETE: the verification tag is reflected

	flagE = 1 // of DATA: the last fragment
	flagB = 2 // the first fragment
	flagU = 4 // unordered
	flagI = 8 // acknowledge at once
)

// nextChunk takes the first chunk off b. A chunk that is not there as a whole, or shorter than
// its own header, is not ok: the rest of the packet is dropped (section 6.10).
func nextChunk(b []byte) (c chunk, rest []byte, ok bool) {
	if len(b) < chunkHead {
		return c, nil, false
	}
	n := int(be.Uint16(b[2:]))
	if n < chunkHead || n > len(b) {
		return c, nil, false
	}
	c = chunk{chunkType(b[0]), b[1], b[chunkHead:n:n], b[:n:n]}
	return c, b[min(pad4(n), len(b)):], true
}

func pad4(n int) int { return (n + 3) &^ 3 }

// beginChunk appends the header of a chunk or parameter whose length finishTLV fills in.
func beginChunk(b []byte, t chunkType, flags uint8) []byte { return append(b, byte(t), flags, 0, 0) }

func beginTLV(b []byte, t uint16) []byte { return append(b, byte(t>>8), byte(t), 0, 0) }

// finishTLV fills in the length of what began at start, and pads it.
func finishTLV(b []byte, start int) []byte {
	n := len(b) - start
	be.PutUint16(b[start+2:], uint16(n))
	for ; n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// appendChunk appends a whole chunk.
func appendChunk(b []byte, t chunkType, flags uint8, value []byte) []byte {
	start := len(b)
	return finishTLV(append(beginChunk(b, t, flags), value...), start)
}

// nextTLV takes the first parameter or cause off b; value aliases b.
func nextTLV(b []byte) (typ uint16, value, whole, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, nil, false
	}
	n := int(be.Uint16(b[2:]))
	if n < 4 || n > len(b) {
		return 0, nil, nil, nil, false
	}
	return be.Uint16(b), b[4:n:n], b[:n:n], b[min(pad4(n), len(b)):], true
}

// Serial numbers (section 1.6): tsnLess says whether a comes before b.
func tsnLess(a, b uint32) bool { return int32(a-b) < 0 }
func ssnLess(a, b uint16) bool { return int16(a-b) < 0 }
