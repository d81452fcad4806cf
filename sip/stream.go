package sip

import (
	"bytes"
	"fmt"
)

// FrameKind is what [Framer.Next] found.
type FrameKind uint8

// The kinds.
const (
	NoFrame      FrameKind = iota // more octets are needed
	MessageFrame                  // one whole message
	PingFrame                     // CRLF CRLF, to be answered by CRLF (RFC 5626 section 3.5.1)
	PongFrame                     // CRLF, the answer to a ping
)

func (k FrameKind) String() string {
	switch k {
	case NoFrame:
		return "none"
	case MessageFrame:
		return "message"
	case PingFrame:
		return "ping"
	case PongFrame:
		return "pong"
	}
	return fmt.Sprintf("FrameKind(%d)", uint8(k))
}

// Framer cuts a byte stream (TCP, TLS) into messages by their Content-Length (RFC 3261 section
// 18.3) and finds the keep-alives between them. It holds at most MaxSize octets of an unfinished
// message. The zero value is ready to use; a Framer serves one stream.
type Framer struct {
	// MaxSize is the largest message in octets. If zero, DefaultMaxSize.
	MaxSize int

	buf     []byte
	pos     int  // start of what Next has not returned
	scan    int  // up to here there is no end of the header
	head    int  // length of the header of the message at pos, 0 if not known
	body    int  // its Content-Length
	halfway bool // a CRLF was just reported as a pong; another makes a ping of the two
	err     error
}

// Write adds octets that were read from the stream. It always takes all of them, so call Next
// until it returns NoFrame before the next Write. It returns the error that Next has returned.
func (f *Framer) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.pos > 0 {
		n := copy(f.buf, f.buf[f.pos:])
		f.buf = f.buf[:n]
		f.scan -= f.pos
		f.pos = 0
	}
	if cap(f.buf) > 64<<10 && len(f.buf)+len(p) < 4<<10 {
		f.buf = append(make([]byte, 0, 8<<10), f.buf...) // one large message must not pin its memory
	}
	f.buf = append(f.buf, p...)
	return len(p), nil
}

// Buffered returns the number of octets that wait for the rest of their message.
func (f *Framer) Buffered() int { return len(f.buf) - f.pos }

// Next returns what comes next in the stream. msg is valid until the next call of Write.
//
// An error ends the stream: the end of the message cannot be known any more. It is a *[ParseError];
// msg then is the header as far as it is there, for [Parser.Parse] to read and a server to answer
// before it closes the connection, or nil.
func (f *Framer) Next() (kind FrameKind, msg []byte, err error) {
	if f.err != nil {
		return NoFrame, nil, f.err
	}
	maxSize := f.MaxSize
	if maxSize == 0 {
		maxSize = DefaultMaxSize
	}
	b := f.buf[f.pos:]
	if f.head == 0 {
		if kind := f.keepAlive(b); kind != NoFrame {
			return kind, nil, nil
		}
		b = f.buf[f.pos:]
		if len(b) == 0 || len(b) == 1 && b[0] == '\r' {
			return NoFrame, nil, nil
		}
		f.halfway = false
		f.scan = max(f.scan, f.pos)
		end := f.headEnd()
		if end < 0 {
			if len(b) > maxSize {
				return f.fail(&ParseError{Layer: SyntaxLayer, Field: "header", Offset: -1, Status: 513, Err: ErrTooLarge}, nil)
			}
			return NoFrame, nil, nil
		}
		f.head = end - f.pos
		n, e := contentLength(b[:f.head])
		if e == nil && n > maxSize-f.head {
			e = &ParseError{Layer: SyntaxLayer, Field: "Content-Length", Offset: -1, Status: 513, Err: ErrTooLarge}
		}
		if e != nil {
			return f.fail(e, b[:f.head])
		}
		f.body = n
	}
	n := f.head + f.body
	if len(b) < n {
		return NoFrame, nil, nil
	}
	f.pos += n
	f.scan, f.head, f.body = f.pos, 0, 0
	return MessageFrame, b[:n:n], nil
}

func (f *Framer) fail(e *ParseError, head []byte) (FrameKind, []byte, error) {
	f.err = e
	return NoFrame, head, e
}

// keepAlive takes CRLFs before a message. A ping may arrive in two parts, and a pong must not
// wait for what follows: a lone CRLF is a pong at once, and a second one makes a ping of it.
func (f *Framer) keepAlive(b []byte) FrameKind {
	for len(b) >= 1 && b[0] == '\n' { // lenient about bare line feeds
		f.pos++
		b = b[1:]
	}
	if len(b) < 2 || b[0] != '\r' || b[1] != '\n' {
		return NoFrame
	}
	if f.halfway {
		f.halfway = false
		f.pos += 2
		return PingFrame
	}
	if len(b) >= 4 && b[2] == '\r' && b[3] == '\n' {
		f.pos += 4
		return PingFrame
	}
	f.pos += 2
	f.halfway = true
	return PongFrame
}

// headEnd finds the end of the header, its empty line included, or -1; what it has searched it
// does not search again.
func (f *Framer) headEnd() int {
	for {
		n := bytes.IndexByte(f.buf[f.scan:], '\n')
		if n < 0 {
			return -1
		}
		i := f.scan + n
		rest := f.buf[i+1:]
		switch {
		case len(rest) >= 1 && rest[0] == '\n':
			return i + 2
		case len(rest) >= 2 && rest[0] == '\r' && rest[1] == '\n':
			return i + 3
		case len(rest) == 0 || len(rest) == 1 && rest[0] == '\r':
			f.scan = i // look at this line end again
			return -1
		}
		f.scan = i + 1
	}
}

// contentLength finds the Content-Length in a header, which a stream needs (RFC 3261 section
// 20.14).
func contentLength(head []byte) (int, *ParseError) {
	length, seen := 0, false
	for i := bytes.IndexByte(head, '\n') + 1; i < len(head); {
		nl := bytes.IndexByte(head[i:], '\n')
		if nl < 0 {
			break
		}
		start := i
		i += nl + 1
		for i < len(head) && (head[i] == ' ' || head[i] == '\t') {
			nl = bytes.IndexByte(head[i:], '\n')
			if nl < 0 {
				break
			}
			i += nl + 1
		}
		if c := lower(head[start]); c != 'c' && c != 'l' {
			continue
		}
		colon := bytes.IndexByte(head[start:i], ':')
		if colon < 0 {
			continue
		}
		if lookup(trimLWS(string(head[start:start+colon]))) != idContentLength {
			continue
		}
		n, ok := number(trimLWS(string(head[start+colon+1:i])), 1<<31-1)
		if !ok {
			return 0, bad(start+colon+1, "not a number of octets").within("Content-Length", 0)
		}
		if seen && int(n) != length {
			return 0, &ParseError{Layer: SyntaxLayer, Field: "Content-Length", Offset: start, Status: 400, Err: ErrRepeated}
		}
		length, seen = int(n), true
	}
	if !seen {
		return 0, &ParseError{Layer: SyntaxLayer, Field: "Content-Length", Offset: -1, Status: 400, Err: ErrMissing}
	}
	return length, nil
}
