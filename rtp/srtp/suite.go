package srtp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// Suite is a crypto suite (RFC 4568 section 6.2, RFC 7714 section 14.2).
type Suite uint8

// The suites that this package knows.
const (
	AESCM128HMACSHA180 Suite = 1 + iota // AES_CM_128_HMAC_SHA1_80
	AESCM128HMACSHA132                  // AES_CM_128_HMAC_SHA1_32
	AEADAES128GCM                       // AEAD_AES_128_GCM
	AEADAES256GCM                       // AEAD_AES_256_GCM
)

type suite struct {
	name      string
	key, salt int // octets of the master key and salt
	tag       int // octets at the end of an SRTP packet
	aead      bool
}

var suites = [...]suite{
	AESCM128HMACSHA180: {"AES_CM_128_HMAC_SHA1_80", 16, 14, 10, false},
	AESCM128HMACSHA132: {"AES_CM_128_HMAC_SHA1_32", 16, 14, 4, false},
	AEADAES128GCM:      {"AEAD_AES_128_GCM", 16, 12, 16, true},
	AEADAES256GCM:      {"AEAD_AES_256_GCM", 32, 12, 16, true},
}

// String is the name that SDP uses.
func (s Suite) String() string {
	if s.valid() {
		return suites[s].name
	}
	return fmt.Sprintf("Suite(%d)", uint8(s))
}

func (s Suite) valid() bool { return s > 0 && int(s) < len(suites) }

// KeyLen is how many octets of master key and salt the suite takes; 0 if it is not known.
func (s Suite) KeyLen() int {
	if !s.valid() {
		return 0
	}
	return suites[s].key + suites[s].salt
}

// ParseSuite returns the suite of a name in SDP.
func ParseSuite(name string) (Suite, bool) {
	for i := range suites {
		if i > 0 && suites[i].name == name {
			return Suite(i), true
		}
	}
	return 0, false
}

// Key is a master key followed by its master salt. It does not show itself.
type Key []byte

// String hides the key.
func (k Key) String() string { return fmt.Sprintf("srtp.Key(%d octets)", len(k)) }

// GoString hides the key.
func (k Key) GoString() string { return k.String() }

// Format hides the key from all verbs.
func (k Key) Format(f fmt.State, _ rune) { f.Write([]byte(k.String())) }

// LogValue hides the key from slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON hides the key.
func (k Key) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(k.String())), nil }

// Crypto is the value of an attribute a=crypto (RFC 4568 section 4).
type Crypto struct {
	Tag   int // 1 to 999,999,999
	Suite Suite
	Key   Key
	// Session holds the session parameters as they were written, all of which may be ignored.
	Session []string
}

// Why a [CryptoError] was made. Neither it nor its cause tells the key.
var (
	ErrSyntax    = errors.New("syntax")
	ErrSuite     = errors.New("crypto suite is not known")
	ErrKey       = errors.New("key does not fit the suite")
	ErrParameter = errors.New("parameter is not supported")
)

// CryptoError says which part of a=crypto cannot be taken.
type CryptoError struct {
	Field string
	Err   error
}

func (e *CryptoError) Error() string { return "srtp: crypto: " + e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CryptoError) Unwrap() error { return e.Err }

// ParseCrypto reads the value of a=crypto, "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20". An offer may hold lines that are not
// for us: with [ErrSuite] and [ErrParameter], take the next line.
func ParseCrypto(s string) (c Crypto, err error) {
	f := strings.Fields(s)
	if len(f) < 3 {
		return c, &CryptoError{"attribute", ErrSyntax}
	}
	if c.Tag, err = strconv.Atoi(f[0]); err != nil || c.Tag < 1 || len(f[0]) > 9 || f[0][0] == '+' || f[0][0] == '0' {
		return c, &CryptoError{"tag", ErrSyntax}
	}
	var ok bool
	if c.Suite, ok = ParseSuite(f[1]); !ok {
		return c, &CryptoError{"suite", ErrSuite}
	}
	if strings.Contains(f[2], ";") {
		return c, &CryptoError{"several keys", ErrParameter}
	}
	inline, ok := strings.CutPrefix(f[2], "inline:")
	if !ok {
		return c, &CryptoError{"key method", ErrParameter}
	}
	parts := strings.Split(inline, "|")
	for _, p := range parts[1:] {
		if strings.Contains(p, ":") {
			return c, &CryptoError{"MKI", ErrParameter}
		}
		if !lifetime(p) {
			return c, &CryptoError{"lifetime", ErrSyntax}
		}
	}
	key, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil {
		// Some leave out the padding.
		if key, err = base64.RawStdEncoding.DecodeString(parts[0]); err != nil {
			return c, &CryptoError{"key", ErrSyntax}
		}
	}
	if len(key) != c.Suite.KeyLen() {
		return c, &CryptoError{"key", ErrKey}
	}
	c.Key = key
	for _, p := range f[3:] {
		if !strings.HasPrefix(p, "-") {
			return c, &CryptoError{"session parameter", ErrParameter}
		}
		c.Session = append(c.Session, p)
	}
	return c, nil
}

// lifetime checks "2^20" or "1048576" (section 6.1); what we send ends far below the least that the master key's life may be in practice,
// so that the value is not kept.
func lifetime(s string) bool {
	n, power := strings.CutPrefix(s, "2^")
	v, err := strconv.ParseUint(n, 10, 48)
	return err == nil && v > 0 && (!power || v <= 48)
}

// AppendText appends the value of a=crypto, with the key: it belongs into signalling that is protected itself.
func (c Crypto) AppendText(b []byte) ([]byte, error) {
	if c.Tag < 1 || c.Tag > 999999999 {
		return b, &CryptoError{"tag", ErrSyntax}
	}
	if !c.Suite.valid() {
		return b, &CryptoError{"suite", ErrSuite}
	}
	if len(c.Key) != c.Suite.KeyLen() {
		return b, &CryptoError{"key", ErrKey}
	}
	b = strconv.AppendInt(b, int64(c.Tag), 10)
	b = append(append(append(b, ' '), c.Suite.String()...), " inline:"...)
	b = base64.StdEncoding.AppendEncode(b, c.Key)
	for _, p := range c.Session {
		b = append(append(b, ' '), p...)
	}
	return b, nil
}
