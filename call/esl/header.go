package esl

import (
	"slices"
	"strings"

	"github.com/gotelco/telco/call/control"
)

// A Field is one line of a Header: a name and its value, decoded.
type Field = control.Field

// A Header is a list of fields in the order of the wire. Names are compared without regard to case.
type Header []Field

// Get returns the value of the first field of that name, "" if there is none.
func (h Header) Get(name string) string {
	v, _ := h.Lookup(name)
	return v
}

// Lookup is Get that tells an empty field from none.
func (h Header) Lookup(name string) (value string, ok bool) {
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			return h[i].Value, true
		}
	}
	return "", false
}

// Add appends a field.
func (h *Header) Add(name, value string) { *h = append(*h, Field{Name: name, Value: value}) }

// Set changes the first field of that name and removes the others, or appends one.
func (h *Header) Set(name, value string) {
	i := slices.IndexFunc(*h, func(f Field) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		h.Add(name, value)
		return
	}
	(*h)[i].Value = value
	*h = (*h)[:i+1+len(without((*h)[i+1:], name))]
}

// Del removes all fields of that name.
func (h *Header) Del(name string) { *h = without(*h, name) }

func without(h Header, name string) Header {
	return slices.DeleteFunc(h, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

// unsafe holds the printable octets that are escaped in the values of an event.
const unsafe = " #%&+:;<=>?@[\\]^`{|}\""

const upperHex = "0123456789ABCDEF"

// Escape appends a value as events in the format "plain" and "xml" have it: octets outside of printable
// ASCII and those that would disturb a line become %XX. As FreeSWITCH does, a percent sign that looks like
// the start of an escape stays as it is.
func Escape(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		escaped := c == '%' && i+2 < len(s) && strings.IndexByte(upperHex, s[i+1]) >= 0 && strings.IndexByte(upperHex, s[i+2]) >= 0
		if !escaped && (c < ' ' || c > '~' || strings.IndexByte(unsafe, c) >= 0) {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// Unescape undoes %XX; what is no escape stays as it is.
func Unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
