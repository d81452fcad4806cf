package sip

import "iter"

// Element is a value with parameters, the shape that most header fields share: "presence;id=1",
// "id;cause=200", "*;audio", "application/sdp;charset=utf-8". It aliases the text that was parsed.
type Element struct {
	Value  string // as it is written, quotes included; never empty after parsing
	Params Params
}

// ParseElement reads a value with parameters.
func ParseElement(s string) (Element, error) {
	e, err := parseElement(s, false)
	return e, asError(err)
}

func parseElement(s string, strict bool) (Element, *ParseError) {
	i := skipLWS(s, 0)
	j := i
	if i < len(s) && s[i] == '"' {
		if j = quotedEnd(s, i); j < 0 {
			return Element{}, bad(i, "quoted string without an end")
		}
	}
	for j < len(s) && s[j] != ';' && s[j] != '"' && s[j] != ',' {
		j++
	}
	if j < len(s) && s[j] != ';' {
		return Element{}, bad(j, "bad character")
	}
	hi := trimRight(s, i, j)
	if hi == i {
		return Element{}, bad(i, "empty value")
	}
	p, err := parseParams(s[j:trimRight(s, j, len(s))], strict)
	if err != nil {
		return Element{}, err.within("", j)
	}
	return Element{unfold(s[i:hi]), p}, nil
}

// Text returns the value without the quotes and escapes of a quoted string.
func (e Element) Text() string { return unquote(e.Value) }

// Is reports whether the value is v, without regard to case.
func (e Element) Is(v string) bool { return fold(e.Value, v) }

// String returns the element as text.
func (e Element) String() string { return e.Value + e.Params.text }

// AppendText appends the element as text.
func (e Element) AppendText(b []byte) ([]byte, error) {
	return append(append(b, e.Value...), e.Params.text...), nil
}

// Elements returns the values of any field of that shape: Security-Server, Accept, Feature-Caps
// and so on.
func (h *Header) Elements(name string) iter.Seq2[Element, error] {
	return many(h, name, parseElement)
}

// one reads the first value of a field with parse. A field that is not there is an error that Is
// ErrMissing.
func one[T any](h *Header, name string, parse func(string, bool) (T, *ParseError)) (T, error) {
	k := keyOf(name)
	p, ok := h.find(k, 0)
	if !ok {
		var zero T
		return zero, &ParseError{Layer: HeaderLayer, Field: name, Offset: -1, Status: 400, Err: ErrMissing}
	}
	s, off := h.raw(p)
	v, err := parse(s, false)
	if err != nil {
		return v, err.inField(name, off)
	}
	return v, nil
}

// many reads each value of a field with parse.
func many[T any](h *Header, name string, parse func(string, bool) (T, *ParseError)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		k := keyOf(name)
		for c := h.cursor(k); ; {
			p, ok := c.next()
			if !ok {
				return
			}
			s, off := h.raw(p)
			v, err := parse(s, false)
			if err != nil {
				err.inField(k.String(), off)
			}
			if !yield(v, asError(err)) {
				return
			}
		}
	}
}
