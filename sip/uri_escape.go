package sip

import (
	"iter"
	"strings"
)

const upperHex = "0123456789ABCDEF"

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// Unescape resolves the %HH escapes of a part of a URI, once (RFC 3261 section 19.1.2). A percent
// sign without two hexadecimal digits stays. The result may hold any octet, NUL included.
func Unescape(s string) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if h, l := hexDigit(s[i+1]), hexDigit(s[i+2]); h >= 0 && l >= 0 {
				b = append(b, byte(h<<4|l))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func escape(s string, bits uint8) string {
	i := firstNot(s, bits)
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; is(c, bits) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

// EscapeUser escapes text for the user or password part of a sip URI.
func EscapeUser(s string) string { return escape(s, isUser) }

// EscapeParam escapes text for the name or value of a URI parameter.
func EscapeParam(s string) string { return escape(s, isParam) }

// EscapeHeader escapes text for the name or value of a URI header.
func EscapeHeader(s string) string { return escape(s, isHeader) }

// HeaderFields returns the names and values of the URI's headers, unescaped (RFC 3261 section
// 19.1.1): "?Subject=a%20b&Priority=urgent".
func (u URI) HeaderFields() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for pair := range strings.SplitSeq(u.Headers, "&") {
			name, value, _ := strings.Cut(pair, "=")
			if name != "" && !yield(Unescape(name), Unescape(value)) {
				return
			}
		}
	}
}
