package sip

import (
	"bytes"
	"slices"
	"strings"
)

// Bounds of [ParseMultipart] and [FindBody].
const (
	maxParts     = 128
	maxPartDepth = 8
)

// Part is one part of a multipart body (RFC 2046 section 5.1, RFC 5621).
type Part struct {
	Header
	Body []byte
}

// ContentTypeOf splits a Content-Type into its media type in lower case and its parameters.
func ContentTypeOf(s string) (mediaType string, params Params, err error) {
	e, perr := parseElement(s, false)
	if perr != nil {
		return "", Params{}, perr.inField("Content-Type", -1)
	}
	t, sub, ok := strings.Cut(e.Value, "/")
	t, sub = trimLWS(t), trimLWS(sub)
	if !ok || !token(t) || !token(sub) {
		return "", Params{}, bad(0, "want type/subtype").inField("Content-Type", -1)
	}
	return lowered(t) + "/" + lowered(sub), e.Params, nil
}

// ParseMultipart splits a body whose Content-Type is multipart/…. The bodies of the parts alias
// body; their headers do not. Preamble and epilogue are left out, and a last part without its
// closing delimiter is taken as it is.
func ParseMultipart(contentType string, body []byte) ([]Part, error) {
	mediaType, params, err := ContentTypeOf(contentType)
	if err != nil {
		return nil, err
	}
	boundary, _ := params.Value("boundary")
	if !strings.HasPrefix(mediaType, "multipart/") || !validBoundary(boundary) {
		return nil, bad(0, "not multipart, or without a boundary").inField("Content-Type", -1)
	}
	fail := func(off int, why cause) error { return bad(off, why).within("body", 0) }
	var parts []Part
	delimiter := []byte("--" + boundary)
	start := -1 // of the part that is being read
	for i := 0; ; {
		at, next, last := findDelimiter(body, i, delimiter)
		if start >= 0 {
			end := len(body)
			if at >= 0 {
				end = max(start, trimLineEnd(body, at))
			}
			p, err := parsePart(body[start:end])
			if err != nil {
				return nil, err.within("body", start)
			}
			if parts = append(parts, p); len(parts) > maxParts {
				return nil, fail(start, "too many parts")
			}
		}
		if at < 0 && start < 0 {
			return nil, fail(0, "no boundary delimiter in the body")
		}
		if at < 0 || last {
			return parts, nil
		}
		start, i = next, next
	}
}

func validBoundary(s string) bool {
	if s == "" || len(s) > 70 || s[len(s)-1] == ' ' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// findDelimiter finds a line that is a delimiter: where it begins, where the next line begins,
// and whether it is the closing one.
func findDelimiter(body []byte, i int, delimiter []byte) (at, next int, last bool) {
	for {
		n := bytes.Index(body[i:], delimiter)
		if n < 0 {
			return -1, 0, false
		}
		at = i + n
		i = at + 1
		if at > 0 && body[at-1] != '\n' {
			continue
		}
		rest := body[at+len(delimiter):]
		end := bytes.IndexByte(rest, '\n')
		next = at + len(delimiter) + end + 1
		line := rest
		if end < 0 {
			next = len(body)
		} else {
			line = rest[:end]
		}
		switch line = bytes.TrimRight(line, " \t\r"); {
		case len(line) == 0:
			return at, next, false
		case string(line) == "--":
			return at, next, true
		}
	}
}

// trimLineEnd returns the end of body[:at] without the line end that belongs to the delimiter.
func trimLineEnd(body []byte, at int) int {
	if at > 0 && body[at-1] == '\n' {
		at--
		if at > 0 && body[at-1] == '\r' {
			at--
		}
	}
	return at
}

func parsePart(b []byte) (Part, *ParseError) {
	var p Part
	if len(b) > 0 && b[0] == '\n' || len(b) > 1 && b[0] == '\r' && b[1] == '\n' {
		p.Body = b[bytes.IndexByte(b, '\n')+1:] // no header at all
		return p, nil
	}
	end, lines, err := headEnd(b, 0)
	if err != nil { // a header, or its end, without the empty line: there is no body
		end = len(b)
	}
	head := string(b[:end])
	if !strings.HasSuffix(head, "\n") {
		head += "\r\n"
	}
	if lines >= DefaultMaxFields {
		return p, bad(0, "too many header lines in a part")
	}
	if err := p.parseLines(head, 0, 0, false); err != nil {
		return p, err
	}
	p.Body = b[end:]
	return p, nil
}

// AppendMultipart appends a multipart body with the given boundary, which must not occur in any
// part ([Boundary] makes one). It fails if a header value cannot be written or the boundary
// cannot be one.
func AppendMultipart(b []byte, boundary string, parts []Part) ([]byte, error) {
	if !validBoundary(boundary) {
		return b, bad(0, "bad boundary").within("boundary", 0)
	}
	start := len(b)
	for i := range parts {
		p := &parts[i]
		if p.err != nil {
			return b[:start], p.err
		}
		if bytes.Contains(p.Body, []byte("--"+boundary)) {
			return b[:start], bad(0, "boundary occurs in a part").within("boundary", 0)
		}
		b = append(append(append(b, "--"...), boundary...), "\r\n"...)
		for j := range p.fields {
			b = append(b, p.fields[j].text...)
		}
		b = append(append(b, "\r\n"...), p.Body...)
		b = append(b, "\r\n"...)
	}
	b = append(append(b, "--"...), boundary...)
	return append(b, "--\r\n"...), nil
}

// Boundary returns a boundary that occurs in none of the parts. It is made from their number and
// a counter, not at random, so that equal messages stay equal.
func Boundary(parts []Part) string {
	for n := 0; ; n++ {
		b := []byte("telco-part-")
		for v := n; ; v /= 10 {
			b = append(b, byte('0'+v%10))
			if v < 10 {
				break
			}
		}
		if !slices.ContainsFunc(parts, func(p Part) bool { return bytes.Contains(p.Body, b) }) {
			return string(b)
		}
	}
}

// FindBody returns the body of a message that has a media type ("application/sdp"): the whole
// body or the first such part of a multipart one, at any depth. It aliases the message.
func FindBody(m Message, mediaType string) ([]byte, bool) {
	return findBody(m.Head(), m.Content(), mediaType, 0)
}

func findBody(h *Header, body []byte, want string, depth int) ([]byte, bool) {
	contentType := h.ContentType()
	if contentType == "" || len(body) == 0 || depth > maxPartDepth {
		return nil, false
	}
	mediaType, _, err := ContentTypeOf(contentType)
	if err != nil {
		return nil, false
	}
	if fold(mediaType, want) {
		return body, true
	}
	if !strings.HasPrefix(mediaType, "multipart/") {
		return nil, false
	}
	parts, err := ParseMultipart(contentType, body)
	if err != nil {
		return nil, false
	}
	for i := range parts {
		if b, ok := findBody(&parts[i].Header, parts[i].Body, want, depth+1); ok {
			return b, true
		}
	}
	return nil, false
}
