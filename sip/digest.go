package sip

import (
	"crypto"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// DigestAlgorithm names how a digest is made: the algorithm parameter of RFC 7616 section 3.3,
// RFC 8760 section 2.1 and, with an AKA prefix, RFC 3310 section 3.1. The empty value means MD5.
// Values compare without regard to case; unknown ones are kept.
type DigestAlgorithm string

// The algorithms of the IANA registry "Hash Algorithms for HTTP Digest Authentication", and the
// two of Digest AKA whose passwords come from elsewhere (RFC 3310, RFC 4169).
const (
	MD5           DigestAlgorithm = "MD5"
	MD5Sess       DigestAlgorithm = "MD5-sess"
	SHA256        DigestAlgorithm = "SHA-256"
	SHA256Sess    DigestAlgorithm = "SHA-256-sess"
	SHA512256     DigestAlgorithm = "SHA-512-256"
	SHA512256Sess DigestAlgorithm = "SHA-512-256-sess"
	AKAv1MD5      DigestAlgorithm = "AKAv1-MD5"
	AKAv2MD5      DigestAlgorithm = "AKAv2-MD5"
)

// ErrDigestAlgorithm is returned for an algorithm whose hash is not known here.
var ErrDigestAlgorithm = errors.New("sip: unknown digest algorithm")

// Equal reports whether a and b name the same algorithm: case does not matter and no name is MD5.
func (a DigestAlgorithm) Equal(b DigestAlgorithm) bool {
	if a == "" {
		a = MD5
	}
	if b == "" {
		b = MD5
	}
	return strings.EqualFold(string(a), string(b))
}

// AKA returns the version of Digest AKA that the algorithm names (1 for AKAv1-MD5), and 0 where
// it names none (RFC 3310 section 3.1).
func (a DigestAlgorithm) AKA() int {
	version, _ := a.split()
	return version
}

// split separates the AKA version from the hash's name.
func (a DigestAlgorithm) split() (aka int, base string) {
	s := string(a)
	if len(s) < 5 || !strings.EqualFold(s[:4], "AKAv") {
		return 0, s
	}
	i := 4
	for i < len(s) && '0' <= s[i] && s[i] <= '9' && aka < 1000 {
		aka = aka*10 + int(s[i]-'0')
		i++
	}
	if i == 4 || i >= len(s) || s[i] != '-' || aka == 0 {
		return 0, s
	}
	return aka, s[i+1:]
}

// Session reports whether the algorithm is a session variant (RFC 7616 section 3.4.2).
func (a DigestAlgorithm) Session() bool {
	_, base := a.split()
	return len(base) > 5 && strings.EqualFold(base[len(base)-5:], "-sess")
}

// Base returns the plain hash below: without the AKA version and the -sess suffix. HA1 values are
// stored by this name.
func (a DigestAlgorithm) Base() DigestAlgorithm {
	_, base := a.split()
	if a.Session() {
		base = base[:len(base)-5]
	}
	if base == "" {
		return MD5
	}
	for _, known := range [...]DigestAlgorithm{MD5, SHA256, SHA512256} {
		if strings.EqualFold(base, string(known)) {
			return known
		}
	}
	return DigestAlgorithm(base)
}

// Known reports whether the hash of the algorithm is implemented. It is true for Digest AKA over a
// known hash, although only an [Answerer] with a SIM can find the password.
func (a DigestAlgorithm) Known() bool { return a.sum() != nil }

// Hash returns the hash below, 0 for an unknown one. AKAv2 derives its password and keys with it
// (RFC 4169 section 2).
func (a DigestAlgorithm) Hash() crypto.Hash {
	switch a.Base() {
	case MD5:
		return crypto.MD5
	case SHA256:
		return crypto.SHA256
	case SHA512256:
		return crypto.SHA512_256
	}
	return 0
}

// sumHex is H of RFC 7616 section 3.3, in lower-case hexadecimal.
type sumHex func(data []byte) string

func (a DigestAlgorithm) sum() sumHex {
	switch a.Base() {
	case MD5:
		return func(b []byte) string { s := md5.Sum(b); return hex.EncodeToString(s[:]) }
	case SHA256:
		return func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	case SHA512256:
		return func(b []byte) string { s := sha512.Sum512_256(b); return hex.EncodeToString(s[:]) }
	}
	return nil
}

// hexLen is the length of a response in hexadecimal digits, 0 for an unknown hash.
func (a DigestAlgorithm) hexLen() int {
	if h := a.Hash(); h != 0 {
		return 2 * h.Size()
	}
	return 0
}

// of is H(parts joined by colons).
func (h sumHex) of(parts ...string) string {
	var scratch [512]byte
	b := scratch[:0]
	for i, p := range parts {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, p...)
	}
	return h(b)
}

// HA1 returns H(username:realm:password) in hexadecimal, which is what a server keeps instead of
// the password (RFC 7616 section 3.4.2). The password may be binary: Digest AKA passes RES. For a
// session variant this is the inner hash, before nonce and cnonce come in.
func (a DigestAlgorithm) HA1(username, realm string, password []byte) (string, error) {
	h := a.sum()
	if h == nil {
		return "", fmt.Errorf("%w %q", ErrDigestAlgorithm, string(a))
	}
	return h.of(username, realm, string(password)), nil
}

// UserHash returns H(username:realm) in hexadecimal, the name a client sends when the server asks
// for hashed user names (RFC 7616 section 3.4.4).
func (a DigestAlgorithm) UserHash(username, realm string) (string, error) {
	h := a.sum()
	if h == nil {
		return "", fmt.Errorf("%w %q", ErrDigestAlgorithm, string(a))
	}
	return h.of(username, realm), nil
}

// The two qualities of protection of RFC 7616 section 3.3.
const (
	QOPAuth    = "auth"
	QOPAuthInt = "auth-int"
)

// Compute returns the response that c should carry: for a request by its method and body, and with
// the empty method for the rspauth of Authentication-Info (RFC 7616 sections 3.4.1 and 3.5). ha1 is
// H(username:realm:password) in hexadecimal, see [DigestAlgorithm.HA1]. An unknown algorithm or
// quality of protection is an error.
func (c *Credentials) Compute(ha1, method string, body []byte) (string, error) {
	h := c.Algorithm.sum()
	if h == nil {
		return "", fmt.Errorf("%w %q", ErrDigestAlgorithm, string(c.Algorithm))
	}
	return c.compute(h, ha1, method, body)
}

func (c *Credentials) compute(h sumHex, ha1, method string, body []byte) (string, error) {
	if c.Algorithm.Session() {
		ha1 = h.of(ha1, c.Nonce, c.CNonce)
	}
	var ha2 string
	switch {
	case c.QOP == "" || strings.EqualFold(c.QOP, QOPAuth):
		ha2 = h.of(method, c.URI)
	case strings.EqualFold(c.QOP, QOPAuthInt):
		ha2 = h.of(method, c.URI, h(body))
	default:
		return "", fmt.Errorf("sip: unknown digest quality of protection %q", c.QOP)
	}
	if c.QOP == "" { // RFC 2617 section 3.2.2.1, kept for old peers (RFC 8760 section 2.6 item 8)
		return h.of(ha1, c.Nonce, ha2), nil
	}
	return h.of(ha1, c.Nonce, c.ncText(), c.CNonce, c.QOP, ha2), nil
}

// Matches reports whether the response in c is the one that ha1 makes for the request. It takes the
// same time for a wrong response as for a right one.
func (c *Credentials) Matches(ha1, method string, body []byte) bool {
	want, err := c.Compute(ha1, method, body)
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(c.Response))) == 1
}
