package esl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Command is what a client says: a line, and for some commands fields and a body.
type Command struct {
	Line   string
	Header Header
	Body   []byte
}

// Name returns the first word of the line, in lower case.
func (c *Command) Name() string {
	name, _, _ := strings.Cut(c.Line, " ")
	return strings.ToLower(name)
}

// Args returns what follows the first word.
func (c *Command) Args() string {
	_, args, _ := strings.Cut(c.Line, " ")
	return strings.TrimSpace(args)
}

// Append appends the command as it is sent, Content-Length included. Line breaks within the line and the
// fields become spaces, so that nothing can be smuggled in.
func (c *Command) Append(dst []byte) []byte {
	dst = append(dst, oneLine(c.Line)...)
	return appendMessage(append(dst, '\n'), c.Header, c.Body)
}

// A Message is what a server says. The field Content-Type tells what it is: auth/request, command/reply,
// api/response, text/event-plain, text/event-json, text/event-xml, log/data, text/disconnect-notice or
// text/rude-rejection.
type Message struct {
	Header Header
	Body   []byte
}

// Type returns the field Content-Type.
func (m *Message) Type() string { return m.Header.Get("Content-Type") }

// Event reads the event in a message of a type text/event-….
func (m *Message) Event() (*Event, error) {
	f, ok := parseFormat(strings.TrimPrefix(m.Type(), "text/event-"))
	if !ok {
		return nil, &ParseError{"event", fmt.Errorf("a message of type %q has none", m.Type())}
	}
	return ParseEvent(f, m.Body)
}

// Append appends the message as it is sent. Content-Length is as it is in Header; where Header has none and
// there is a body, it is added.
func (m *Message) Append(dst []byte) []byte { return appendMessage(dst, m.Header, m.Body) }

func appendMessage(dst []byte, h Header, body []byte) []byte {
	hasLength := false
	for _, f := range h {
		if strings.EqualFold(f.Name, "Content-Length") {
			hasLength = true
			f.Value = strconv.Itoa(len(body))
		}
		dst = appendName(dst, f.Name)
		dst = append(dst, ": "...)
		dst = append(dst, oneLine(f.Value)...)
		dst = append(dst, '\n')
	}
	if len(body) > 0 && !hasLength {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	return append(dst, body...)
}

var lineBreaks = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ")

func oneLine(s string) string {
	if strings.ContainsAny(s, "\r\n") {
		return lineBreaks.Replace(s)
	}
	return s
}

// ParseError says which part of what came could not be read.
type ParseError struct {
	Field string
	Err   error
}

func (e *ParseError) Error() string { return "esl: parse " + e.Field + ": " + e.Err.Error() }
func (e *ParseError) Unwrap() error { return e.Err }

// ErrTooLong is the cause of a [ParseError] for what exceeds the limits of a [Reader].
var ErrTooLong = errors.New("too long")

// A Reader takes commands or messages from a stream.
type Reader struct {
	// MaxHeader and MaxBody bound what is read, in octets. If zero, 64 KiB and 1 MiB.
	MaxHeader, MaxBody int

	r    *bufio.Reader
	keep bool   // what is read
	raw  []byte // of the last command or message
}

// NewReader returns a Reader. It may read ahead.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReader(r)} }

// ReadCommand reads what a client sent. Lines may end with CR LF, and empty lines before it are skipped. At
// the end of the stream the error is io.EOF, within a command io.ErrUnexpectedEOF.
func (r *Reader) ReadCommand() (*Command, error) {
	line, h, body, err := r.read(true)
	if err != nil {
		return nil, err
	}
	return &Command{line, h, body}, nil
}

// ReadMessage reads what a server sent, as ReadCommand does. The values of fields are taken as they are but
// in the answer to connect, whose fields are those of an event, so that they are unescaped.
func (r *Reader) ReadMessage() (*Message, error) {
	_, h, body, err := r.read(false)
	if err != nil {
		return nil, err
	}
	if h.Get("Event-Name") != "" {
		for i := range h {
			if h[i].Value = Unescape(h[i].Value); h[i].Value == "_undef_" {
				h[i].Value = ""
			}
		}
	}
	return &Message{h, body}, nil
}

func (r *Reader) read(command bool) (line string, h Header, body []byte, err error) {
	left := orDefault(r.MaxHeader, 64<<10)
	r.raw = r.raw[:0]
	started := false
	for {
		b, err := r.line(&left)
		if err != nil {
			if err == io.EOF && (started || len(b) > 0) {
				err = io.ErrUnexpectedEOF
			}
			return "", nil, nil, err
		}
		if len(b) == 0 {
			if started {
				break
			}
			continue
		}
		if !started && command {
			started, line = true, string(b)
			continue
		}
		started = true
		name, value, err := parseField(b)
		if err != nil {
			if command {
				continue // FreeSWITCH ignores such a line
			}
			return "", nil, nil, err
		}
		h.Add(name, value)
	}
	if s, ok := h.Lookup("Content-Length"); ok {
		n, err := strconv.Atoi(s)
		switch {
		case err != nil || n < 0:
			return "", nil, nil, &ParseError{"Content-Length", fmt.Errorf("%q is no length", s)}
		case n > orDefault(r.MaxBody, 1<<20):
			return "", nil, nil, &ParseError{"Content-Length", ErrTooLong}
		}
		// Grown as it comes, so that a length alone costs nothing.
		var buf bytes.Buffer
		if m, err := io.CopyN(&buf, r.r, int64(n)); err != nil {
			if m < int64(n) && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return "", nil, nil, err
		}
		if n > 0 {
			body = buf.Bytes()
		}
		if r.keep {
			r.raw = append(r.raw, body...)
		}
	}
	return line, h, body, nil
}

// line reads a line without its end, at most *left octets, which it takes away.
func (r *Reader) line(left *int) ([]byte, error) {
	var line []byte
	for {
		b, err := r.r.ReadSlice('\n')
		if *left -= len(b); *left < 0 {
			return nil, &ParseError{"header", ErrTooLong}
		}
		line = append(line, b...)
		if r.keep {
			r.raw = append(r.raw, b...)
		}
		if err == nil {
			return bytes.TrimRight(line, "\r\n"), nil
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// parseField splits "Name: value".
func parseField(b []byte) (name, value string, err error) {
	n, v, ok := bytes.Cut(b, []byte(":"))
	if !ok || len(n) == 0 {
		return "", "", &ParseError{"field", fmt.Errorf("%.40q has no name", b)}
	}
	return string(n), string(bytes.Trim(v, " \r")), nil
}

func orDefault[T int | int64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
