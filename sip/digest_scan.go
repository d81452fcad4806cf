package sip

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxAuthParams = 64      // per header field; more is refused
	maxAuthText   = 1 << 14 // octets of one header field; more is refused
)

type authScanner struct {
	field string
	s     string
	i     int
}

func (sc *authScanner) fail(err error) error {
	return &ParseError{Layer: SyntaxLayer, Field: sc.field, Offset: sc.i, Status: 400, Err: err}
}

func (sc *authScanner) failf(format string, args ...any) error {
	return sc.fail(fmt.Errorf(format, args...))
}

func (sc *authScanner) skipLWS() {
	for sc.i < len(sc.s) && lws(sc.s[sc.i]) {
		sc.i++
	}
}

func (sc *authScanner) scheme() error {
	if len(sc.s) > maxAuthText {
		return sc.failf("%d octets are too long", len(sc.s))
	}
	sc.skipLWS()
	start := sc.i
	for sc.i < len(sc.s) && isAuthToken(sc.s[sc.i]) {
		sc.i++
	}
	if !strings.EqualFold(sc.s[start:sc.i], "Digest") {
		sc.i = start
		return sc.fail(ErrNotDigest)
	}
	if sc.i < len(sc.s) && !lws(sc.s[sc.i]) {
		return sc.failf("no space after the scheme")
	}
	return nil
}

// each calls f for every parameter. Empty list elements are skipped (RFC 9110 section 5.6.1).
func (sc *authScanner) each(f func(AuthParam) error) error {
	for n := 0; ; {
		sc.skipLWS()
		if sc.i == len(sc.s) {
			return nil
		}
		if sc.s[sc.i] == ',' {
			sc.i++
			continue
		}
		if n++; n > maxAuthParams {
			return sc.failf("more than %d parameters", maxAuthParams)
		}
		at := sc.i
		p, err := sc.param()
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			sc.i = at
			return sc.fail(fmt.Errorf("parameter %s: %w", p.Name, err))
		}
		sc.skipLWS()
		if sc.i < len(sc.s) && sc.s[sc.i] != ',' {
			return sc.failf("no comma after parameter %s", p.Name)
		}
	}
}

func (sc *authScanner) param() (p AuthParam, err error) {
	start := sc.i
	for sc.i < len(sc.s) && isAuthToken(sc.s[sc.i]) {
		sc.i++
	}
	if p.Name = sc.s[start:sc.i]; p.Name == "" {
		return p, sc.failf("no parameter name")
	}
	sc.skipLWS()
	if sc.i == len(sc.s) || sc.s[sc.i] != '=' {
		return p, sc.failf("parameter %s has no value", p.Name)
	}
	sc.i++
	sc.skipLWS()
	if sc.i < len(sc.s) && sc.s[sc.i] == '"' {
		p.Quoted = true
		p.Value, err = sc.quoted()
		return p, err
	}
	start = sc.i
	for sc.i < len(sc.s) && isAuthValue(sc.s[sc.i]) {
		sc.i++
	}
	if p.Value = sc.s[start:sc.i]; p.Value == "" {
		return p, sc.failf("parameter %s has no value", p.Name)
	}
	return p, nil
}

func (sc *authScanner) quoted() (string, error) {
	start := sc.i + 1
	var b []byte // only where something is escaped
	escaped := false
	for i := start; i < len(sc.s); i++ {
		switch c := sc.s[i]; {
		case c == '\\' && i+1 < len(sc.s) && sc.s[i+1] != '\r' && sc.s[i+1] != '\n' && sc.s[i+1] != 0:
			if !escaped {
				b, escaped = append(b, sc.s[start:i]...), true
			}
			i++
			b = append(b, sc.s[i])
		case c == '\r' || c == '\n' || c == 0:
			return "", sc.failf("control character in quotes")
		case c == '"':
			sc.i = i + 1
			if escaped {
				return string(b), nil
			}
			return sc.s[start:i], nil
		case escaped:
			b = append(b, c)
		}
	}
	return "", sc.failf("quotes are not closed")
}

// tokens checks values that are written without quotes, although some peers send them quoted.
func (sc *authScanner) tokens(values ...string) error {
	for _, v := range values {
		if v != "" && !isAuthTokenText(v) {
			return sc.failf("%q is no token", v)
		}
	}
	return nil
}

func isAuthToken(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-.!%*_+`'~", c) >= 0
}

// isAuthValue is what an unquoted value may hold: wider than a token, since base64 and IPv6
// literals are met there.
func isAuthValue(c byte) bool { return c > ' ' && c != ',' && c != '"' && c != ';' && c < 0x7f }

func isAuthTokenText(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAuthToken(s[i]) {
			return false
		}
	}
	return s != ""
}

var errTwice = errors.New("given twice")

// once sets *to, and refuses a second value for the same parameter: which of the two counts would
// be for each reader to guess.
func once(to *string, seen *uint32, bit uint, value string) error {
	if *seen&(1<<bit) != 0 {
		return errTwice
	}
	*seen |= 1 << bit
	*to = value
	return nil
}

func parseBool(s string) bool { return strings.EqualFold(s, "true") }

// isControl reports the characters that cannot stand in a quoted string.
func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// parseExtValue decodes UTF-8'language'percent-encoded (RFC 8187 section 3.2).
func parseExtValue(s string) (string, error) {
	charset, rest, ok := strings.Cut(s, "'")
	_, text, ok2 := strings.Cut(rest, "'")
	if !ok || !ok2 || !strings.EqualFold(charset, "UTF-8") {
		return "", errors.New("not of the form UTF-8''text")
	}
	name, err := url.PathUnescape(text)
	if err != nil || !utf8.ValidString(name) {
		return "", errors.New("bad percent encoding")
	}
	return name, nil
}

// parseNC reads eight hexadecimal digits (fewer are met and taken as they are).
func parseNC(s string) (uint32, string, error) {
	if s == "" {
		return 0, "", nil
	}
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		return 0, "", fmt.Errorf("nc %q is no nonce count", s)
	}
	if s == fmt.Sprintf("%08x", n) {
		s = ""
	}
	return uint32(n), s, nil
}
