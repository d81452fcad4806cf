package sip

import (
	"iter"
	"strings"
)

// Params is an ordered list of ;name=value parameters, of a header field or of a URI. It is one
// string, so it copies and compares cheaply; the zero value is the empty list. Names are
// case-insensitive. Parameters parsed from a message alias its text.
type Params struct {
	text string // canonical: each parameter with its leading ';', no white space outside quotes
}

// ParseParams reads a list such as ";tag=1;lr". A missing first semicolon is accepted.
func ParseParams(s string) (Params, error) {
	s = trimLWS(s)
	if s != "" && s[0] != ';' {
		s = ";" + s
	}
	p, err := parseParams(s, false)
	return p, asError(err)
}

// parseParams reads the rest of a field, which is empty or starts with a semicolon.
func parseParams(s string, strict bool) (Params, *ParseError) {
	clean := true // s is canonical as it stands
	for i := 0; i < len(s); {
		if s[i] != ';' {
			return Params{}, bad(i, "want a semicolon")
		}
		start := i
		j := skipLWS(s, i+1)
		name := j
		for j < len(s) && is(s[j], isToken) {
			j++
		}
		end := j
		if name == end {
			// A lone semicolon at the end is a common slip.
			if j == len(s) && !strict {
				s, clean = s[:start], false
				break
			}
			if !strict && j < len(s) && (s[j] == '[' || s[j] >= 0x80) {
				return Params{}, bad(j, "bad parameter name")
			}
			return Params{}, bad(j, "empty parameter")
		}
		j = skipLWS(s, j)
		if j < len(s) && s[j] == '=' {
			v := skipLWS(s, j+1)
			if v != j+1 || j != end {
				clean = false
			}
			k := v
			if k < len(s) && s[k] == '"' {
				if k = quotedEnd(s, k); k < 0 {
					return Params{}, bad(v, "quoted string without an end")
				}
				if strings.IndexByte(s[v:k], '\n') >= 0 {
					clean = false
				}
			} else {
				for k < len(s) && s[k] != ';' && !lws(s[k]) {
					if c := s[k]; c == '"' || c == ',' || strict && !is(c, isGen) {
						return Params{}, bad(k, "bad character in a parameter value")
					}
					k++
				}
				if k == v && strict {
					return Params{}, bad(k, "empty parameter value")
				}
			}
			end = k
			j = skipLWS(s, k)
		}
		if name != start+1 || end != j {
			clean = false
		}
		i = j
	}
	if clean {
		return Params{s}, nil
	}
	return Params{canonicalParams(s)}, nil
}

// canonicalParams rebuilds a list that parseParams has accepted without its white space.
func canonicalParams(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			j := quotedEnd(s, i)
			b = append(b, unfold(s[i:j])...)
			i = j
		case lws(c):
			i++
		default:
			b = append(b, c)
			i++
		}
	}
	return string(b)
}

// next cuts the parameter at text[i:]; value is as written, with its quotes.
func (p Params) next(i int) (name, value string, has bool, end int) {
	s := p.text
	start := i + 1
	eq := -1
	for i = start; i < len(s) && s[i] != ';'; i++ {
		if s[i] == '=' && eq < 0 {
			eq = i
			if i+1 < len(s) && s[i+1] == '"' {
				i = quotedEnd(s, i+1) - 1
			}
		}
	}
	if eq < 0 {
		return s[start:i], "", false, i
	}
	return s[start:eq], s[eq+1 : i], true, i
}

// find returns the bounds of the first parameter of that name, semicolon included.
func (p Params) find(name string) (lo, hi int, value string, ok bool) {
	for i := 0; i < len(p.text); {
		n, v, _, end := p.next(i)
		if fold(n, name) {
			return i, end, v, true
		}
		i = end
	}
	return 0, 0, "", false
}

// Value returns the value of the first parameter of that name, without the quotes and escapes of
// a quoted string; "" for a parameter without a value. ok says whether there is such a parameter.
func (p Params) Value(name string) (value string, ok bool) {
	_, _, v, ok := p.find(name)
	return unquote(v), ok
}

// Raw is [Params.Value] with the value as it is written, quotes included.
func (p Params) Raw(name string) (value string, ok bool) {
	_, _, v, ok := p.find(name)
	return v, ok
}

// Has reports whether there is a parameter of that name.
func (p Params) Has(name string) bool {
	_, _, _, ok := p.find(name)
	return ok
}

// Len returns the number of parameters.
func (p Params) Len() int {
	n := 0
	for i := 0; i < len(p.text); n++ {
		_, _, _, i = p.next(i)
	}
	return n
}

// All returns the parameters in order, values as [Params.Value] gives them.
func (p Params) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := 0; i < len(p.text); {
			n, v, _, end := p.next(i)
			if !yield(n, unquote(v)) {
				return
			}
			i = end
		}
	}
}

// Set gives a parameter a value, in its place if it is there and at the end if not. A value that
// is not a token (or a host) is quoted; value "" makes a parameter without a value.
func (p *Params) Set(name, value string) {
	b := make([]byte, 0, len(p.text)+len(name)+len(value)+4)
	lo, hi, _, ok := p.find(name)
	if !ok {
		lo, hi = len(p.text), len(p.text)
	}
	b = append(b, p.text[:lo]...)
	b = append(append(b, ';'), name...)
	if value != "" {
		b = append(b, '=')
		if plainValue(value) {
			b = append(b, value...)
		} else {
			b = appendQuoted(b, value)
		}
	}
	p.text = string(append(b, p.text[hi:]...))
}

// SetQuoted is [Params.Set] with a value that is always written as a quoted string, as
// parameters such as Digest's nonce and Reason's text are.
func (p *Params) SetQuoted(name, value string) {
	lo, hi, _, ok := p.find(name)
	if !ok {
		lo, hi = len(p.text), len(p.text)
	}
	b := append([]byte(p.text[:lo]), ';')
	b = appendQuoted(append(append(b, name...), '='), value)
	p.text = string(append(b, p.text[hi:]...))
}

// plainValue reports whether a value needs no quotes: a token, a host, or URI parameter text.
func plainValue(s string) bool {
	return s != "" && all(s, isToken|isParam)
}

// Del removes every parameter of that name and reports whether there was one.
func (p *Params) Del(name string) bool {
	found := false
	for {
		lo, hi, _, ok := p.find(name)
		if !ok {
			return found
		}
		p.text, found = p.text[:lo]+p.text[hi:], true
	}
}

// String returns the list as it is written, with the leading semicolon; "" if it is empty.
func (p Params) String() string { return p.text }

// AppendText appends what String returns.
func (p Params) AppendText(b []byte) ([]byte, error) { return append(b, p.text...), nil }
