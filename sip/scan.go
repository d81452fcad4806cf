package sip

import "strings"

// Character classes of RFC 3261 section 25.1.
const (
	isToken  = 1 << iota // token
	isUser               // user: unreserved and user-unreserved, without escapes
	isHost               // hostname, with the underscore that many use
	isParam              // paramchar, without escapes
	isHeader             // hnv-unreserved and unreserved
	isWord               // word
	isUnres              // unreserved
	isGen                // gen-value that is not quoted: token, or host
)

var class = func() (t [256]uint8) {
	set := func(bit uint8, chars string) {
		for i := 0; i < len(chars); i++ {
			t[chars[i]] |= bit
		}
	}
	const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	const mark = "-_.!~*'()"
	set(isToken, alnum+"-.!%*_+`'~")
	set(isUnres, alnum+mark)
	set(isGen, alnum+"-.!%*_+`'~[]:")
	set(isUser, alnum+mark+"&=+$,;?/")
	set(isHost, alnum+"-._")
	set(isParam, alnum+mark+"[]/:&+$")
	set(isHeader, alnum+mark+"[]/?:+$")
	set(isWord, alnum+"-.!%*_+`'~()<>:\\\"/[]?{}")
	return
}()

func is(c byte, bits uint8) bool { return class[c]&bits != 0 }

// all reports whether every octet of s is in the class.
func all(s string, bits uint8) bool {
	for i := 0; i < len(s); i++ {
		if class[s[i]]&bits == 0 {
			return false
		}
	}
	return true
}

// firstNot returns the index of the first octet outside the class, or -1.
func firstNot(s string, bits uint8) int {
	for i := 0; i < len(s); i++ {
		if class[s[i]]&bits == 0 {
			return i
		}
	}
	return -1
}

// token reports whether s is a token.
func token(s string) bool { return s != "" && all(s, isToken) }

// lws reports linear white space; line folds are part of it.
func lws(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func skipLWS(s string, i int) int {
	for i < len(s) && lws(s[i]) {
		i++
	}
	return i
}

func trimLWS(s string) string {
	i, j := 0, len(s)
	for i < j && lws(s[i]) {
		i++
	}
	for j > i && lws(s[j-1]) {
		j--
	}
	return s[i:j]
}

// trimRight returns the end of s[i:j] without trailing white space.
func trimRight(s string, i, j int) int {
	for j > i && lws(s[j-1]) {
		j--
	}
	return j
}

// unfold replaces each fold and the white space around it by one space (RFC 3261 section 7.3.1).
func unfold(s string) string {
	if strings.IndexByte(s, '\n') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if !lws(s[i]) {
			b = append(b, s[i])
			i++
			continue
		}
		j := skipLWS(s, i)
		if strings.IndexByte(s[i:j], '\n') >= 0 {
			b = append(b, ' ')
		} else {
			b = append(b, s[i:j]...)
		}
		i = j
	}
	return string(b)
}

// quotedEnd returns the index after the quoted string that starts at s[i] == '"', or -1 if it
// does not end.
func quotedEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// unquote returns what a quoted string means; anything else it returns as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = unfold(s[1 : len(s)-1])
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// appendQuoted appends s as a quoted string. Line ends, which nothing can express there, become
// spaces.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\r', '\n':
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// fold reports whether a and b are equal but for the case of ASCII letters.
func fold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// lowered returns s in lower case; it allocates only if something changes.
func lowered(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

// number reads a decimal number that is at most limit. ok is false if s is empty, holds anything
// else, or is too large.
// limit is at least 9.
func number(s string, limit uint64) (n uint64, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		if n > (limit-uint64(c))/10 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	return n, true
}
