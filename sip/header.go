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

// makeField builds a line. What cannot be written safely (a name that is no token, a line end in
// the value) is remembered and fails AppendText.
func (h *Header) makeField(k key, value string) field {
	name := k.name
	h.check(name, value)
	f := field{
		text: name + ": " + value + "\r\n",
		off:  -1,
		name: uint16(min(len(name), 65535)),
		id:   k.id,
	}
	f.lo = uint32(len(name) + 2)
	f.hi = uint32(len(f.text) - 2)
	return f
}

func (h *Header) check(name, value string) {
	if h.err != nil {
		return
	}
	if !token(name) || len(name) > 65535 {
		h.err = &ParseError{Layer: SyntaxLayer, Field: name, Offset: -1, Err: cause("bad field name")}
	} else if i := strings.IndexAny(value, "\r\n\x00"); i >= 0 {
		h.err = &ParseError{Layer: SyntaxLayer, Field: name, Offset: i, Err: cause("line end in a field value")}
	}
}

func (h *Header) insertLine(i int, f field) {
	h.fields = append(h.fields, field{})
	copy(h.fields[i+1:], h.fields[i:])
	h.fields[i] = f
}

func (h *Header) deleteLine(i int) {
	h.fields = append(h.fields[:i], h.fields[i+1:]...)
}

// splice replaces text[lo:hi] of a line, within its value.
func (h *Header) splice(line, lo, hi int, s string) {
	f := &h.fields[line]
	h.check(f.text[:f.name], s)
	end := int(f.hi) + len(s) - (hi - lo)
	f.text = f.text[:lo] + s + f.text[hi:]
	f.hi = uint32(max(end, int(f.lo)))
	f.off = -1
	f.folded = strings.IndexByte(f.text[f.lo:f.hi], '\n') >= 0
}

// Add appends a value on a line of its own: after the last line of that field, else at the end of
// the header (before a Content-Length that ends it).
func (h *Header) Add(name, value string) {
	k := keyOf(name)
	f := h.makeField(k, value)
	at := len(h.fields)
	for i := at - 1; i >= 0; i-- {
		if k.matches(&h.fields[i]) {
			h.insertLine(i+1, f)
			return
		}
	}
	if at > 0 && h.fields[at-1].id == idContentLength {
		at--
	}
	h.insertLine(at, f)
}

// Insert puts a value before the n-th one, or after the last if there are not that many: n 0
// pushes on top, n+1 inserts after the n-th. n < 0 counts from the end. A first value goes to a
// line of its own (at the top of the header for Via, which proxies look for there).
func (h *Header) Insert(name string, n int, value string) {
	k := keyOf(name)
	p, ok := h.find(k, n)
	if !ok {
		if k.id == idVia && !h.Has(name) {
			h.insertLine(0, h.makeField(k, value))
			return
		}
		h.Add(name, value)
		return
	}
	if f := &h.fields[p.line]; p.lo > int(f.lo) && hasElement(f.text[f.lo:p.lo]) {
		h.splice(p.line, p.lo, p.lo, value+", ")
		return
	}
	h.insertLine(p.line, h.makeField(k, value))
}

// hasElement reports whether the beginning of a list holds a value, and not only empty elements.
func hasElement(s string) bool {
	for i := 0; i < len(s); {
		lo, hi, next := nextElement(s, i)
		if lo < hi {
			return true
		}
		i = next
	}
	return false
}

// Set makes value the only one of a field, on one line in the place of the first.
func (h *Header) Set(name, value string) {
	k := keyOf(name)
	f := h.makeField(k, value)
	for i := range h.fields {
		if k.matches(&h.fields[i]) {
			h.fields[i] = f
			h.deleteLines(k, i+1)
			return
		}
	}
	h.Add(name, value)
}

// Replace gives the n-th value another text; n < 0 counts from the end. It returns false if there
// is no such value.
func (h *Header) Replace(name string, n int, value string) bool {
	p, ok := h.find(keyOf(name), n)
	if ok {
		h.splice(p.line, p.lo, p.hi, value)
	}
	return ok
}

// RemoveNth removes the n-th value, and its line if it was alone there; n < 0 counts from the
// end. It returns false if there is no such value.
func (h *Header) RemoveNth(name string, n int) bool {
	k := keyOf(name)
	p, ok := h.find(k, n)
	if !ok {
		return false
	}
	f := &h.fields[p.line]
	if !fieldDefs[k.id].list {
		h.deleteLine(p.line)
		return true
	}
	// Remove up to the next value, or from the end of the one before.
	c := cursor{h: h, k: k, line: p.line}
	prev := -1
	for {
		q, _ := c.next()
		if q == p {
			break
		}
		prev = q.hi
	}
	if q, ok := c.next(); ok && q.line == p.line {
		h.splice(p.line, p.lo, q.lo, "")
	} else if prev >= 0 {
		h.splice(p.line, prev, int(f.hi), "")
	} else {
		h.deleteLine(p.line)
	}
	return true
}

// Del removes every line of a field and returns how many values they held.
func (h *Header) Del(name string) int {
	k := keyOf(name)
	n := h.count(k)
	h.deleteLines(k, 0)
	return n
}

func (h *Header) deleteLines(k key, from int) {
	kept := h.fields[:from]
	for i := from; i < len(h.fields); i++ {
		if !k.matches(&h.fields[i]) {
			kept = append(kept, h.fields[i])
		}
	}
	clear(h.fields[len(kept):])
	h.fields = kept
}

// copyLines appends the lines of a field from another header as they are.
func (h *Header) copyLines(from *Header, id fieldID) {
	for i := range from.fields {
		if from.fields[i].id == id {
			f := from.fields[i]
			f.off = -1
			h.fields = append(h.fields, f)
		}
	}
}

// Clone returns a copy that can be edited on its own.
func (h *Header) Clone() Header {
	c := Header{fields: make([]field, len(h.fields), len(h.fields)+4), err: h.err}
	copy(c.fields, h.fields)
	return c
}
