package sip

import (
	"errors"
	"fmt"
	"strings"
)

type authWriter struct {
	b     []byte
	first bool
}

func (w *authWriter) name(name string) {
	if !w.first {
		w.b = append(w.b, ", "...)
	}
	w.first = false
	w.b = append(append(w.b, name...), '=')
}

func (w *authWriter) quoted(name, value string) {
	w.name(name)
	w.b = append(w.b, '"')
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case '"', '\\':
			w.b = append(w.b, '\\', c)
		default:
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '"')
}

func (w *authWriter) token(name, value string) {
	w.name(name)
	w.b = append(w.b, value...)
}

func (w *authWriter) params(ps AuthParams) {
	for _, p := range ps {
		if p.Quoted {
			w.quoted(p.Name, p.Value)
		} else {
			w.token(p.Name, p.Value)
		}
	}
}

func appendExtValue(b []byte, s string) []byte {
	const hexDigits = "0123456789ABCDEF"
	b = append(b, "UTF-8''"...)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isAuthToken(c) && c != '%' && c != '*' && c != '\'' {
			b = append(b, c)
			continue
		}
		b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

var errLineBreak = errors.New("sip: digest parameter: line break")

// checkAuthText refuses what would break out of the header line.
func checkAuthText(ps AuthParams, texts ...string) error {
	for _, t := range texts {
		if strings.ContainsAny(t, "\r\n\x00") {
			return errLineBreak
		}
	}
	for _, p := range ps {
		if !isAuthTokenText(p.Name) {
			return fmt.Errorf("sip: digest parameter name %q", p.Name)
		}
		if strings.ContainsAny(p.Value, "\r\n\x00") {
			return errLineBreak
		}
		for i := 0; !p.Quoted && i < len(p.Value); i++ {
			if !isAuthValue(p.Value[i]) {
				return fmt.Errorf("sip: digest parameter %s needs quotes", p.Name)
			}
		}
		if !p.Quoted && p.Value == "" {
			return fmt.Errorf("sip: digest parameter %s has no value", p.Name)
		}
	}
	return nil
}

// AppendText appends the field's value: "Digest realm=..., ...". Parameters that RFC 7616 section
// 3.3 wants in quotes have them, the others not. It refuses text that would end the line.
func (c Challenge) AppendText(b []byte) ([]byte, error) {
	qop := strings.Join(c.QOP, ",")
	if err := checkAuthText(c.Params, c.Realm, c.Domain, c.Nonce, c.Opaque, qop); err != nil {
		return b, err
	}
	for _, t := range [...]string{string(c.Algorithm), c.Charset} {
		if t != "" && !isAuthTokenText(t) {
			return b, fmt.Errorf("sip: digest challenge: %q is no token", t)
		}
	}
	w := authWriter{b: append(b, "Digest "...), first: true}
	w.quoted("realm", c.Realm)
	if c.Domain != "" {
		w.quoted("domain", c.Domain)
	}
	if len(c.QOP) > 0 {
		w.quoted("qop", qop)
	}
	w.quoted("nonce", c.Nonce)
	if c.Opaque != "" {
		w.quoted("opaque", c.Opaque)
	}
	if c.Stale {
		w.token("stale", "true")
	}
	if c.Algorithm != "" {
		w.token("algorithm", string(c.Algorithm))
	}
	if c.Charset != "" {
		w.token("charset", c.Charset)
	}
	if c.UserHash {
		w.token("userhash", "true")
	}
	w.params(c.Params)
	return w.b, nil
}

// String returns the field's value, or the empty string where [Challenge.AppendText] refuses.
func (c Challenge) String() string { return authString(c.AppendText(nil)) }

func authString(b []byte, err error) string {
	if err != nil {
		return ""
	}
	return string(b)
}

// AppendText appends the field's value: "Digest username=..., ...". A user name with control
// characters goes as username* (RFC 7616 section 3.4). It refuses text that would end the line.
func (c Credentials) AppendText(b []byte) ([]byte, error) {
	if err := checkAuthText(c.Params, c.Realm, c.Nonce, c.URI, c.Response, c.CNonce, c.Opaque); err != nil {
		return b, err
	}
	for _, t := range [...]string{string(c.Algorithm), c.QOP} {
		if t != "" && !isAuthTokenText(t) {
			return b, fmt.Errorf("sip: digest credentials: %q is no token", t)
		}
	}
	w := authWriter{b: append(b, "Digest "...), first: true}
	if strings.ContainsFunc(c.Username, isControl) {
		w.name("username*")
		w.b = appendExtValue(w.b, c.Username)
	} else {
		w.quoted("username", c.Username)
	}
	w.quoted("realm", c.Realm)
	w.quoted("nonce", c.Nonce)
	w.quoted("uri", c.URI)
	w.quoted("response", c.Response)
	if c.Algorithm != "" {
		w.token("algorithm", string(c.Algorithm))
	}
	if c.CNonce != "" {
		w.quoted("cnonce", c.CNonce)
	}
	if c.Opaque != "" {
		w.quoted("opaque", c.Opaque)
	}
	if c.QOP != "" {
		w.token("qop", c.QOP)
	}
	if c.QOP != "" || c.NC != 0 {
		w.token("nc", c.ncText())
	}
	if c.UserHash {
		w.token("userhash", "true")
	}
	w.params(c.Params)
	return w.b, nil
}

// String returns the field's value, or the empty string where [Credentials.AppendText] refuses.
func (c Credentials) String() string { return authString(c.AppendText(nil)) }

// AppendText appends the field's value.
func (a AuthenticationInfo) AppendText(b []byte) ([]byte, error) {
	if err := checkAuthText(a.Params, a.NextNonce, a.RspAuth, a.CNonce); err != nil {
		return b, err
	}
	if a.QOP != "" && !isAuthTokenText(a.QOP) {
		return b, fmt.Errorf("sip: authentication info: %q is no token", a.QOP)
	}
	w := authWriter{b: b, first: true}
	if a.NextNonce != "" {
		w.quoted("nextnonce", a.NextNonce)
	}
	if a.QOP != "" {
		w.token("qop", a.QOP)
	}
	if a.RspAuth != "" {
		w.quoted("rspauth", a.RspAuth)
	}
	if a.CNonce != "" {
		w.quoted("cnonce", a.CNonce)
	}
	if a.NC != 0 {
		w.token("nc", fmt.Sprintf("%08x", a.NC))
	}
	w.params(a.Params)
	return w.b, nil
}

// String returns the field's value, or the empty string where [AuthenticationInfo.AppendText]
// refuses.
func (a AuthenticationInfo) String() string { return authString(a.AppendText(nil)) }
