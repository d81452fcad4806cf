package sip

import "strings"

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
