package sip

import (
	"iter"
	"strings"
)

// Equal compares by the rules of the scheme: RFC 3261 section 19.1.4 for sip and sips, RFC 3966
// section 4 for tel, RFC 8141 section 3 (scheme and namespace without regard to case) for urn.
// A sip URI never equals a sips URI. URIs with more than 64 parameters or headers, which nobody
// sends in earnest, are equal only if their parameters or headers are the same text.
func (u URI) Equal(v URI) bool {
	if u == v {
		return true
	}
	if u.Scheme != v.Scheme {
		return false
	}
	switch u.Scheme {
	case "sip", "sips":
		return escEqual(u.User, v.User, false) && escEqual(u.Password, v.Password, false) &&
			hostEqual(u.Host, v.Host) && u.Port == v.Port &&
			paramsEqual(u.Params, v.Params) && headersEqual(u, v)
	case "tel":
		return telEqual(u, v)
	case "urn":
		return urnEqual(u.Opaque, v.Opaque)
	}
	return u.Opaque == v.Opaque
}

// decoder walks over an escaped text octet by octet.
type decoder struct {
	s string
	i int
}

func (d *decoder) next() (c byte, escaped, ok bool) {
	if d.i >= len(d.s) {
		return 0, false, false
	}
	c = d.s[d.i]
	if c == '%' && d.i+2 < len(d.s) {
		if h, l := hexDigit(d.s[d.i+1]), hexDigit(d.s[d.i+2]); h >= 0 && l >= 0 {
			d.i += 3
			return byte(h<<4 | l), true, true
		}
	}
	d.i++
	return c, false, true
}

// escEqual compares two escaped texts: a character equals its escape unless it is reserved
// (RFC 3261 section 19.1.4: characters other than those in the reserved set are equivalent to
// their encoding).
func escEqual(a, b string, anyCase bool) bool {
	if a == b {
		return true
	}
	x, y := decoder{s: a}, decoder{s: b}
	for {
		c, ce, ok := x.next()
		d, de, ok2 := y.next()
		if !ok || !ok2 {
			return ok == ok2
		}
		if c != d && !(anyCase && lower(c) == lower(d)) {
			return false
		}
		if ce != de && strings.IndexByte(";/?:@&=+$,%", c) >= 0 {
			return false
		}
	}
}

func hostEqual(a, b string) bool {
	if fold(a, b) {
		return true
	}
	x, ok := hostAddr(a)
	y, ok2 := hostAddr(b)
	return ok && ok2 && x == y
}

// significant says whether a parameter that only one URI has makes them differ.
func significant(name string) bool {
	return fold(name, "user") || fold(name, "ttl") || fold(name, "method") || fold(name, "maddr") || fold(name, "transport")
}

// paramsEqual: a parameter in both must match, and the five significant ones must be in both or
// in neither.
func paramsEqual(a, b Params) bool {
	if a == b {
		return true
	}
	return comparableParams(a, b) && paramsWithin(a, b) && paramsWithin(b, a)
}

// maxCompared bounds comparisons whose cost is the product of what two peers have sent.
const maxCompared = 64

func comparableParams(a, b Params) bool {
	return strings.Count(a.text, ";") <= maxCompared && strings.Count(b.text, ";") <= maxCompared
}

func paramsWithin(a, b Params) bool {
	for i := 0; i < len(a.text); {
		n, v, _, end := a.next(i)
		i = end
		w, ok := escFind(b, n)
		if !ok && significant(Unescape(n)) || ok && !escEqual(v, w, true) {
			return false
		}
	}
	return true
}

// escFind finds a parameter whose name may be written with escapes.
func escFind(p Params, name string) (string, bool) {
	for i := 0; i < len(p.text); {
		n, v, _, end := p.next(i)
		if escEqual(n, name, true) {
			return v, true
		}
		i = end
	}
	return "", false
}

// headersEqual: each must have the headers of the other, in any order. Values are compared as
// text, not by the grammar of their field.
func headersEqual(u, v URI) bool {
	if u.Headers == v.Headers {
		return true
	}
	if strings.Count(u.Headers, "&") >= maxCompared || strings.Count(v.Headers, "&") >= maxCompared {
		return false
	}
	n := 0
	for name, value := range u.HeaderFields() {
		n++
		if !hasPair(v.HeaderFields(), name, value) {
			return false
		}
	}
	for name, value := range v.HeaderFields() {
		n--
		if !hasPair(u.HeaderFields(), name, value) {
			return false
		}
	}
	return n == 0
}

func hasPair(seq iter.Seq2[string, string], name, value string) bool {
	for n, v := range seq {
		if fold(n, name) && v == value {
			return true
		}
	}
	return false
}

func urnEqual(a, b string) bool {
	n, rest, _ := strings.Cut(a, ":")
	m, rest2, _ := strings.Cut(b, ":")
	if !fold(n, m) {
		return false
	}
	if fold(n, "service") { // RFC 5031 section 4: labels compare without regard to case
		return fold(rest, rest2)
	}
	return rest == rest2
}
