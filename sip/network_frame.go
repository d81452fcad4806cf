package sip

import (
	"bytes"
	"errors"
	"strconv"
)

// streamReader finds messages in a stream.
type streamReader struct {
	max int
	buf []byte
}

var errNotFramed = errors.New("stream does not hold SIP messages")

func newStreamReader(max int) *streamReader { return &streamReader{max: max} }

// consume hands on the messages that p completes. It tells whether one is incomplete.
func (r *streamReader) consume(c *conn, p []byte) (incomplete bool, err error) {
	r.buf = append(r.buf, p...)
	rest := r.buf
	for {
		for len(rest) > 0 && rest[0] == '\r' {
			switch {
			case bytes.HasPrefix(rest, []byte("\r\n\r\n")):
				rest = rest[4:]
				c.keepAlive(true)
				continue
			case len(rest) >= 2 && rest[1] == '\n' && (len(rest) == 2 || rest[2] != '\r'):
				rest = rest[2:]
				c.keepAlive(false)
				continue
			}
			break
		}
		n, err := frameLength(rest, r.max)
		if err != nil {
			return false, err
		}
		if n == 0 {
			r.buf = append(r.buf[:0], rest...)
			return len(rest) > 0, nil
		}
		if err := c.deliver(rest[:n]); err != nil {
			return false, err
		}
		rest = rest[n:]
	}
}

// frameLength returns the length of the message at the start of b, 0 if it is incomplete.
func frameLength(b []byte, max int) (int, error) {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		if len(b) > max {
			return 0, errMessageTooLong
		}
		return 0, nil
	}
	length := 0
	for line := range bytes.SplitSeq(b[:head], []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		name = bytes.TrimSpace(name)
		if ok && (bytes.EqualFold(name, []byte("Content-Length")) || bytes.EqualFold(name, []byte("l"))) {
			v, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil || v < 0 {
				return 0, errNotFramed
			}
			length = v
		}
	}
	if head+4+length > max {
		return 0, errMessageTooLong
	}
	if len(b) < head+4+length {
		return 0, nil
	}
	return head + 4 + length, nil
}
