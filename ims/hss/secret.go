package hss

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a key or a password. It prints as "***" in fmt, JSON, YAML and slog, and is read from text as hexadecimal digits
// ("0x" in front and spaces within are passed over); whoever wants its octets asks for them by name. A Secret read from "***" is
// one that stands for what the store has already: see [Secret.Hidden].
type Secret struct {
	octets string
	hidden bool
}

const mask = "***"

// NewSecret makes a secret of octets, which are copied.
func NewSecret(octets []byte) Secret { return Secret{octets: string(octets)} }

// ParseSecret reads hexadecimal digits.
func ParseSecret(s string) (Secret, error) {
	if s == mask {
		return Secret{hidden: true}, nil
	}
	if len(s) >= 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	digits := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] != ' ' {
			digits = append(digits, s[i])
		}
	}
	b := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(b, digits); err != nil {
		return Secret{}, errors.New("hss: a key is not in hexadecimal digits") // never what was read
	}
	return Secret{octets: string(b)}, nil
}

// Reveal returns a copy of the octets.
func (s Secret) Reveal() []byte { return []byte(s.octets) }

// RevealHex returns the octets in hexadecimal digits, for an export that is meant to hold keys.
func (s Secret) RevealHex() string { return hex.EncodeToString([]byte(s.octets)) }

// Len is the number of octets.
func (s Secret) Len() int { return len(s.octets) }

// IsZero tells whether there is no secret: neither octets nor a hidden one.
func (s Secret) IsZero() bool { return s.octets == "" && !s.hidden }

// Hidden tells whether the secret was read from "***", as it is shown to whoever reads a subscriber. [Admin.Put] puts the octets of
// the stored subscriber in its place.
func (s Secret) Hidden() bool { return s.hidden }

// Equal compares in constant time.
func (s Secret) Equal(t Secret) bool {
	return s.hidden == t.hidden && subtle.ConstantTimeCompare([]byte(s.octets), []byte(t.octets)) == 1
}

// String returns "***", or nothing where there is no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// GoString is String, so that %#v shows no key either.
func (s Secret) GoString() string { return "hss.Secret(" + s.String() + ")" }

// Format writes String whatever the verb.
func (s Secret) Format(f fmt.State, verb rune) { fmt.Fprint(f, s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseSecret].
func (s *Secret) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSecret(string(b))
	return err
}
