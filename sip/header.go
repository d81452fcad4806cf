package sip

import (
	"iter"
	"strings"
)

// Header is the ordered list of header field lines of a message. The zero value is empty.
//
// Lines that came from the network and were not edited are written exactly as they came, with
// their folds, compact names and odd spacing. Names are case-insensitive, and a compact name is
// the same as its long form. Fields whose grammar is a comma-separated list (Via, Route, Contact,
// Allow, Supported, P-Asserted-Identity, …) are counted by value, across lines and commas; all
// others by line. Empty elements of a list do not count.
//
// A Header is not safe for concurrent use while it is edited.
type Header struct {
	fields []field
	err    error // the first value that cannot be written
}

// A field is one line, folds included.
type field struct {
	text   string // "Name: value\r\n"
	lo, hi uint32 // the value within text, white space trimmed
	off    int32  // of text within the received message, -1 for a line made here
	name   uint16 // length of the name, which starts text
	id     fieldID
	folded bool // the value has a line end in it
}

func (f *field) value() string {
	if v := f.text[f.lo:f.hi]; f.folded {
		return unfold(v)
	} else {
		return v
	}
}

// at returns the offset within the message of text[i:], -1 if the line did not come with it.
func (f *field) at(i int) int {
	if f.off < 0 {
		return -1
	}
	return int(f.off) + i
}

// key is a name to look for.
type key struct {
	id   fieldID
	name string
}

func keyOf(name string) key {
	id := lookup(name)
	return key{id, name}
}

func (k key) matches(f *field) bool {
	return f.id == k.id && (k.id != idOther || fold(f.text[:f.name], k.name))
}

func (k key) String() string {
	if k.id != idOther {
		return fieldDefs[k.id].name
	}
	return k.name
}

// place is where a value stands.
type place struct {
	line   int
	lo, hi int // within the line's text
}

// cursor walks over the values of a name.
type cursor struct {
	h    *Header
	k    key
	line int
	pos  int // within the line's text; 0 means before the line
}

func (h *Header) cursor(k key) cursor { return cursor{h: h, k: k} }

func (c *cursor) next() (place, bool) {
	for ; c.line < len(c.h.fields); c.line, c.pos = c.line+1, 0 {
		f := &c.h.fields[c.line]
		if !c.k.matches(f) {
			continue
		}
		lo, hi := int(f.lo), int(f.hi)
		if !fieldDefs[c.k.id].list {
			if c.pos == 0 {
				c.pos = hi + 1
				return place{c.line, lo, hi}, true
			}
			continue
		}
		if c.pos > lo {
			lo = c.pos
		}
		for lo < hi {
			a, b, end := nextElement(f.text[:hi], lo)
			lo, c.pos = end, end
			if a < b {
				return place{c.line, a, b}, true
			}
		}
	}
	return place{}, false
}

// nextElement finds the list element at s[i:]: its bounds without white space, and the index
// after the comma that ends it. Commas within quotes and angle brackets do not count; what is
// opened and not closed goes on to the end.
func nextElement(s string, i int) (lo, hi, next int) {
	lo = skipLWS(s, i)
	if strings.IndexByte(s[lo:], ',') < 0 {
		return lo, trimRight(s, lo, len(s)), len(s)
	}
	for i = lo; i < len(s); i++ {
		switch s[i] {
		case ',':
			return lo, trimRight(s, lo, i), i + 1
		case '"':
			j := quotedEnd(s, i)
			if j < 0 {
				return lo, trimRight(s, lo, len(s)), len(s)
			}
			i = j - 1
		case '<':
			j := strings.IndexByte(s[i:], '>')
			if j < 0 {
				return lo, trimRight(s, lo, len(s)), len(s)
			}
			i += j
		}
	}
	return lo, trimRight(s, lo, i), i
}

// find returns the n-th value; n < 0 counts from the end.
func (h *Header) find(k key, n int) (place, bool) {
	if n < 0 {
		if n += h.count(k); n < 0 {
			return place{}, false
		}
	}
	c := h.cursor(k)
	for {
		p, ok := c.next()
		if !ok || n == 0 {
			return p, ok
		}
		n--
	}
}

func (h *Header) count(k key) int {
	n := 0
	for c := h.cursor(k); ; n++ {
		if _, ok := c.next(); !ok {
			return n
		}
	}
}

func (h *Header) text(p place) string {
	f := &h.fields[p.line]
	if f.folded {
		return unfold(f.text[p.lo:p.hi])
	}
	return f.text[p.lo:p.hi]
}

// raw returns a value with its folds, and its offset within the message.
func (h *Header) raw(p place) (string, int) {
	f := &h.fields[p.line]
	return f.text[p.lo:p.hi], f.at(p.lo)
}

// Value returns the first value of a field, unfolded; "" if there is none.
func (h *Header) Value(name string) string {
	v, _ := h.Nth(name, 0)
	return v
}

// Nth returns the n-th value of a field, counting from 0; n < 0 counts from the end, -1 being the
// last.
func (h *Header) Nth(name string, n int) (string, bool) {
	p, ok := h.find(keyOf(name), n)
	if !ok {
		return "", false
	}
	return h.text(p), true
}

// Values returns all values of a field in order. The Header must not be edited meanwhile.
func (h *Header) Values(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for c := h.cursor(keyOf(name)); ; {
			p, ok := c.next()
			if !ok || !yield(h.text(p)) {
				return
			}
		}
	}
}

// Count returns the number of values of a field.
func (h *Header) Count(name string) int { return h.count(keyOf(name)) }

// Has reports whether a field is there, even if it is empty ("Supported:").
func (h *Header) Has(name string) bool {
	k := keyOf(name)
	for i := range h.fields {
		if k.matches(&h.fields[i]) {
			return true
		}
	}
	return false
}

// HasToken reports whether one of the values of a field is the given token, without regard to
// case: HasToken("Supported", "100rel").
func (h *Header) HasToken(name, token string) bool {
	for c := h.cursor(keyOf(name)); ; {
		p, ok := c.next()
		if !ok {
			return false
		}
		if fold(h.fields[p.line].text[p.lo:p.hi], token) {
			return true
		}
	}
}

// Fields returns every line in order: the name as it is written, and the whole value, unfolded.
func (h *Header) Fields() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range h.fields {
			f := &h.fields[i]
			if !yield(f.text[:f.name], f.value()) {
				return
			}
		}
	}
}

// Len returns the number of lines.
func (h *Header) Len() int { return len(h.fields) }
