package sip

import (
	"bytes"
	"strings"
)

// Limits that a zero [Parser] has.
const (
	DefaultMaxSize   = 65535 // octets of a message, the most a datagram holds
	DefaultMaxFields = 512   // header lines
)

// Parser reads messages. The zero value is lenient: it takes what is wrong but harmless and
// common, and refuses what is ambiguous. Parsers hold no state and may be shared.
type Parser struct {
	// Strict refuses what RFC 3261's grammar does not allow: line ends without a carriage return,
	// more than one space in the start line, empty lines before it, and a missing empty line after the
	// header.
	Strict bool

	// MaxSize is the largest message in octets. If zero, DefaultMaxSize.
	MaxSize int

	// MaxFields is the largest number of header lines. If zero, DefaultMaxFields.
	MaxFields int
}

// Parse reads one datagram with the zero [Parser].
func Parse(b []byte) (Message, error) { return Parser{}.Parse(b) }

// Parse reads the message that b holds. It copies what it keeps.
//
// The start line, the shape of the header lines and Content-Length are checked here; the values
// of header fields are read when they are asked for. [Check] reads them all.
//
// The error is a *[ParseError]. Beside it stands the message as far as it was understood, for
// a server to answer ([NewResponse] with the error's Status), if at least the start line could be
// read; else nil.
func (p Parser) Parse(b []byte) (Message, error) {
	m, err := p.parse(b)
	return m, asError(err)
}

func (p Parser) parse(b []byte) (Message, *ParseError) {
	maxSize, maxFields := p.MaxSize, p.MaxFields
	if maxSize == 0 {
		maxSize = DefaultMaxSize
	}
	if maxFields == 0 {
		maxFields = DefaultMaxFields
	}
	start := 0
	if !p.Strict { // RFC 3261 section 7.5: ignore CRLF before the start line
		for start < len(b) && (b[start] == '\r' || b[start] == '\n') {
			start++
		}
	}
	end, lines, truncated := headEnd(b, start)
	if end == 0 {
		return nil, truncated
	}
	var tooLarge *ParseError
	if len(b) > maxSize || lines > maxFields {
		tooLarge = &ParseError{Layer: SyntaxLayer, Offset: -1, Status: 513, Err: ErrTooLarge}
		if lines > maxFields {
			tooLarge.Field = "header"
		}
		if lines > 4*maxFields || end > 4*maxSize {
			return nil, tooLarge
		}
	}
	head := string(b[start:end])
	nl := strings.IndexByte(head, '\n')
	m, err := p.parseStart(head[:nl], start)
	if m == nil {
		if len(head) > 4 && fold(head[:4], "SIP/") {
			err.Status = 0 // responses are not answered
		}
		return nil, err
	}
	h := m.Head()
	h.fields = make([]field, 0, lines+2)
	if e := h.parseLines(head, nl+1, start, p.Strict); err == nil {
		err = e
	}
	if err == nil && (p.Strict || !h.complete()) {
		err = truncated
	}
	body := b[end:]
	if e := p.frame(h, &body); err == nil {
		err = e
	}
	if err == nil {
		err = tooLarge
	}
	if len(body) > 0 && (err == nil || len(b) <= maxSize) {
		body = bytes.Clone(body)
	} else {
		body = nil
	}
	switch m := m.(type) {
	case *Request:
		m.Body = body
	case *Response:
		m.Body = body
		if err != nil {
			err.Status = 0
		}
	}
	return m, err
}

// headEnd finds the end of the header, its empty line included, and counts the lines between the
// first and that. If there is no empty line, the header ends with the last whole line, and err says
// so; end is 0 if there is none at all.
func headEnd(b []byte, start int) (end, lines int, err *ParseError) {
	for i := start; ; lines++ {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			err = &ParseError{Layer: SyntaxLayer, Field: "header", Offset: len(b), Status: 400, Err: ErrTruncated}
			if i == start {
				return 0, 0, err // not even a start line
			}
			return i, lines - 1, err
		}
		if n == 0 || n == 1 && b[i] == '\r' {
			if i == start {
				return 0, 0, bad(i, "no start line").within("start line", 0)
			}
			return i + n + 1, lines - 1, nil
		}
		i += n + 1
	}
}

// parseLines cuts head[i:] into fields. It goes on after a bad line, so that the message can
// still be answered.
func (h *Header) parseLines(head string, i, base int, strict bool) (err *ParseError) {
	start := i
	crs := 0
	for i < len(head) {
		nl := i + strings.IndexByte(head[i:], '\n')
		if nl-i <= 1 && (nl == i || head[i] == '\r') { // the empty line
			crs += nl - i
			i = nl + 1
			break
		}
		f := field{off: int32(base + i)}
		at := i
		for {
			if head[nl-1] == '\r' {
				crs++
			}
			i = nl + 1
			if i >= len(head) || head[i] != ' ' && head[i] != '\t' {
				break
			}
			f.folded = true
			nl = i + strings.IndexByte(head[i:], '\n')
		}
		f.text = head[at:i]
		if n := f.cut(); n >= 0 {
			if err == nil {
				err = bad(at+n, "not a header line").within("header", base)
			}
			continue
		}
		h.fields = append(h.fields, f)
	}
	// Each carriage return must have been seen before its line feed. A lone one some take for a
	// line end and some do not, so it is never let through.
	if strings.Count(head[start:i], "\r") != crs || strict && strings.Count(head[start:i], "\n") != crs {
		if err == nil {
			err = bad(start+badLineEnd(head[start:i], strict), "carriage return or line feed alone").within("header", base)
		}
	}
	if strings.IndexByte(head[start:i], 0) >= 0 && err == nil {
		err = h.badNUL()
	}
	return err
}

// cut finds name and value in the field's text. It returns -1, or where the text is no field.
func (f *field) cut() int {
	line := f.text
	colon := strings.IndexByte(line, ':')
	if colon < 0 {
		return max(firstNot(line, isToken), 0)
	}
	n := colon
	for n > 0 && (line[n-1] == ' ' || line[n-1] == '\t') {
		n--
	}
	if f.id = lookup(line[:n]); f.id == idOther { // a known name is a token
		if bad := firstNot(line[:n], isToken); bad >= 0 {
			return bad
		}
		if n == 0 || n > 65535 {
			return 0
		}
	}
	lo := skipLWS(line, colon+1)
	hi := trimRight(line, lo, len(line))
	if lo == len(line) { // an empty value stands after the colon, not after the line end
		lo, hi = colon+1, colon+1
	}
	f.lo, f.hi, f.name = uint32(lo), uint32(hi), uint16(n)
	if f.folded {
		f.folded = strings.IndexByte(line[lo:hi], '\n') >= 0
	}
	return -1
}

// badNUL refuses a NUL outside of values that hold a quoted string, where \NUL is allowed.
func (h *Header) badNUL() *ParseError {
	for i := range h.fields {
		f := &h.fields[i]
		if z := strings.IndexByte(f.text, 0); z >= 0 && strings.IndexByte(f.text, '"') < 0 {
			return bad(z, "NUL in a header line").within("header", int(f.off))
		}
	}
	return nil
}

// complete reports that a header without its empty line lost nothing else: it ends with a
// Content-Length of zero (RFC 5118's archive has two such messages).
func (h *Header) complete() bool {
	n := len(h.fields)
	if n == 0 || h.fields[n-1].id != idContentLength {
		return false
	}
	length, ok := number(h.fields[n-1].value(), 9)
	return ok && length == 0
}

// badLineEnd returns the index of a carriage return that no line feed follows, which some take
// for a line end and some do not; in strict mode also of a line feed without its carriage return.
func badLineEnd(line string, strict bool) int {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\r':
			if i+1 == len(line) || line[i+1] != '\n' {
				return i
			}
		case '\n':
			if strict && (i == 0 || line[i-1] != '\r') {
				return i
			}
		}
	}
	return -1
}

// frame cuts the body to what Content-Length says (RFC 3261 section 18.3).
func (p Parser) frame(h *Header, body *[]byte) *ParseError {
	var length uint64
	seen := false
	for i := range h.fields {
		f := &h.fields[i]
		if f.id != idContentLength {
			continue
		}
		n, ok := number(f.text[f.lo:f.hi], 1<<31-1)
		off := int(f.off) + int(f.lo)
		if !ok {
			return bad(0, "not a number of octets").within("Content-Length", off)
		}
		if seen && n != length {
			return &ParseError{Layer: SyntaxLayer, Field: "Content-Length", Offset: off, Status: 400, Err: ErrRepeated}
		}
		if n > uint64(len(*body)) {
			if !p.Strict && bareLF(f.text) {
				// Something turned CRLF into LF and did not count again; the datagram's end is
				// the body's (RFC 5118's ipv6-in-sdp).
				n = uint64(len(*body))
				length, seen = n, true
				continue
			}
			return &ParseError{Layer: SyntaxLayer, Field: "Content-Length", Offset: off, Status: 400, Err: ErrTruncated}
		}
		length, seen = n, true
	}
	if seen { // what follows the body is to be discarded
		*body = (*body)[:length]
	}
	return nil
}

// bareLF reports a line that ends without a carriage return.
func bareLF(line string) bool { n := len(line); return n < 2 || line[n-2] != '\r' }

// parseStart reads the start line, which ends before its line feed.
func (p Parser) parseStart(s string, base int) (Message, *ParseError) {
	fail := func(off int, why cause) *ParseError { return bad(off, why).within("start line", base) }
	n := len(s)
	if n > 0 && s[n-1] == '\r' {
		n--
	} else if p.Strict {
		return nil, fail(n, "line feed alone")
	}
	s = s[:n]
	if i := strings.IndexByte(s, '\r'); i >= 0 {
		return nil, fail(i, "carriage return alone")
	}
	if len(s) > 4 && fold(s[:4], "SIP/") {
		return p.parseStatus(s, fail)
	}
	i := 0
	for i < len(s) && is(s[i], isToken) {
		i++
	}
	if i == 0 || i == len(s) || s[i] != ' ' {
		return nil, fail(i, "bad method")
	}
	method := s[:i]
	uri := i + 1
	if !p.Strict {
		for uri < len(s) && s[uri] == ' ' {
			uri++
		}
		s = s[:trimRight(s, uri, len(s))]
	}
	sp := strings.LastIndexByte(s, ' ')
	if sp <= uri {
		return nil, fail(len(s), "no SIP version")
	}
	r := &Request{Method: internMethod(method)}
	version := s[sp+1:]
	if !p.Strict {
		sp = trimRight(s, uri, sp)
	}
	r.RequestURI = s[uri:sp]
	if !fold(version, "SIP/2.0") {
		if !versioned(version) {
			return nil, fail(len(s)-len(version), "bad SIP version")
		}
		e := fail(len(s)-len(version), "unknown SIP version")
		e.Layer, e.Status = RequestLayer, 505
		return r, e
	}
	for j := 0; j < len(r.RequestURI); j++ {
		if c := r.RequestURI[j]; c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return r, bad(j, "bad character").within("Request-URI", base+uri)
		}
	}
	return r, nil
}

// versioned reports "SIP/" digits "." digits.
func versioned(s string) bool {
	if len(s) < 4 || !fold(s[:4], "SIP/") {
		return false
	}
	major, minor, ok := strings.Cut(s[4:], ".")
	_, ok1 := number(major, 1<<62)
	_, ok2 := number(minor, 1<<62)
	return ok && ok1 && ok2
}

// parseStatus reads SIP-Version SP Status-Code SP Reason-Phrase.
func (p Parser) parseStatus(s string, fail func(int, cause) *ParseError) (Message, *ParseError) {
	sp := strings.IndexByte(s, ' ')
	if sp < 0 {
		return nil, fail(len(s), "no status code")
	}
	if !fold(s[:sp], "SIP/2.0") {
		return nil, fail(0, "unknown SIP version")
	}
	i := sp + 1
	if !p.Strict {
		for i < len(s) && s[i] == ' ' {
			i++
		}
	}
	j := i
	for j < len(s) && s[j]-'0' <= 9 {
		j++
	}
	code, ok := number(s[i:j], 699)
	if !ok || j-i != 3 || code < 100 {
		return nil, fail(i, "bad status code")
	}
	if j < len(s) && s[j] != ' ' || j == len(s) && p.Strict {
		return nil, fail(j, "no space after the status code")
	}
	r := &Response{StatusCode: int(code)}
	if j < len(s) {
		r.Reason = s[j+1:]
	}
	if r.Reason == StatusText(r.StatusCode) {
		r.Reason = StatusText(r.StatusCode) // the same words, without keeping the message alive
	}
	if z := strings.IndexByte(r.Reason, 0); z >= 0 {
		return nil, fail(j+1+z, "NUL in the reason phrase")
	}
	return r, nil
}
