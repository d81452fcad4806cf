package sip

import (
	"slices"
	"strconv"
)

// AppendText appends the request as it goes on the wire. Untouched header lines leave as they
// came; Content-Length is added or set right. It fails if the start line or a header value that
// was set cannot be written (a line end in a value, a name that is no token).
func (r *Request) AppendText(b []byte) ([]byte, error) {
	return appendMessage(b, r, &r.Header, r.Body, len(r.RequestURI)+len(r.Method))
}

// AppendText appends the response as it goes on the wire, as [Request.AppendText] does.
func (r *Response) AppendText(b []byte) ([]byte, error) {
	return appendMessage(b, r, &r.Header, r.Body, len(r.Reason)+4)
}

// String returns the request as it goes on the wire; "" if it cannot be written.
func (r *Request) String() string { return messageString(r) }

// String returns the response as it goes on the wire; "" if it cannot be written.
func (r *Response) String() string { return messageString(r) }

func messageString(m Message) string {
	b, err := m.AppendText(nil)
	if err != nil {
		return ""
	}
	return string(b)
}

func appendMessage(b []byte, m Message, h *Header, body []byte, line int) ([]byte, error) {
	if h.err != nil {
		return b, h.err
	}
	n := line + len(body) + 64
	for i := range h.fields {
		n += len(h.fields[i].text)
	}
	start := len(b)
	b = slices.Grow(b, n)
	b, err := m.startLine(b)
	if err != nil {
		return b[:start], err
	}
	length := false // a Content-Length has been written
	for i := range h.fields {
		f := &h.fields[i]
		if f.id == idContentLength {
			if length {
				continue
			}
			length = true
			if v, ok := number(f.text[f.lo:f.hi], 1<<62); !ok || v != uint64(len(body)) {
				b = append(b, f.text[:f.name]...)
				b = strconv.AppendInt(append(b, ": "...), int64(len(body)), 10)
				b = append(b, "\r\n"...)
				continue
			}
		}
		b = append(b, f.text...)
	}
	if !length {
		b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	return append(append(b, "\r\n"...), body...), nil
}
