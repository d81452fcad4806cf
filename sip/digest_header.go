package sip

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// AuthParam is one name=value of a challenge or of credentials. Value is without its quotes.
type AuthParam struct {
	Name, Value string
	Quoted      bool // whether Value stands in quotes
}

// AuthParams is an ordered list of parameters. Names compare without regard to case.
type AuthParams []AuthParam

// Value returns the value of the first parameter of that name, and whether there is one.
func (ps AuthParams) Value(name string) (string, bool) {
	for _, p := range ps {
		if strings.EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// Challenge is the value of one WWW-Authenticate or Proxy-Authenticate line of the scheme Digest
// (RFC 7616 section 3.3). A line holds one challenge (RFC 3261 section 7.3.1).
type Challenge struct {
	Realm     string
	Domain    string // URIs that share the realm, separated by spaces
	Nonce     string
	Opaque    string
	Stale     bool // only the nonce was too old: answer again with the same password
	Algorithm DigestAlgorithm
	QOP       []string // in the order offered; empty where the parameter is absent
	Charset   string   // "UTF-8" or empty
	UserHash  bool     // the server understands hashed user names
	// Params are all others in their order, such as the ck and ik that an S-CSCF gives to the
	// P-CSCF (3GPP TS 24.229 section 5.4.1.2.1).
	Params AuthParams
}

// Credentials is the value of an Authorization or Proxy-Authorization line of the scheme Digest
// (RFC 7616 section 3.4).
type Credentials struct {
	// Username is decoded from username or from username* (RFC 7616 section 3.4).
	Username  string
	Realm     string
	Nonce     string
	URI       string
	Response  string // hexadecimal; empty before any challenge was seen (RFC 8760 section 2.7)
	Algorithm DigestAlgorithm
	CNonce    string
	Opaque    string
	QOP       string // empty for the form of RFC 2069
	NC        uint32 // the nonce count; meaningful only with QOP
	UserHash  bool   // Username is H(username:realm)
	// Params are all others in their order, such as auts (RFC 3310 section 3.4) and the
	// integrity-protected of 3GPP TS 24.229.
	Params AuthParams

	ncRaw string // as it came, where it differs from eight lower-case digits
}

// AuthenticationInfo is the value of Authentication-Info or Proxy-Authentication-Info
// (RFC 7616 section 3.5).
type AuthenticationInfo struct {
	NextNonce string // use this nonce from now on
	QOP       string
	RspAuth   string // proof that the server knows the password, hexadecimal
	CNonce    string
	NC        uint32 // zero where absent
	Params    AuthParams
}

// ErrNotDigest says that a challenge or credentials are of another scheme than Digest. SIP has no
// other: Basic must be ignored (RFC 8760 section 2.6).
var ErrNotDigest = errors.New("not the Digest scheme")

// ParseChallenge parses the value of a WWW-Authenticate or Proxy-Authenticate field. Strings alias
// s where nothing is escaped. Errors are [*ParseError]; one that wraps [ErrNotDigest] is to be
// ignored.
func ParseChallenge(s string) (Challenge, error) {
	var c Challenge
	sc := authScanner{field: "WWW-Authenticate", s: s}
	if err := sc.scheme(); err != nil {
		return Challenge{}, err
	}
	var seen uint32
	var alg, stale, qop, userhash string
	err := sc.each(func(p AuthParam) error {
		switch strings.ToLower(p.Name) {
		case "realm":
			return once(&c.Realm, &seen, 0, p.Value)
		case "domain":
			return once(&c.Domain, &seen, 1, p.Value)
		case "nonce":
			return once(&c.Nonce, &seen, 2, p.Value)
		case "opaque":
			return once(&c.Opaque, &seen, 3, p.Value)
		case "stale":
			return once(&stale, &seen, 4, p.Value)
		case "algorithm":
			return once(&alg, &seen, 5, p.Value)
		case "qop":
			return once(&qop, &seen, 6, p.Value)
		case "charset":
			return once(&c.Charset, &seen, 7, p.Value)
		case "userhash":
			return once(&userhash, &seen, 8, p.Value)
		}
		c.Params = append(c.Params, p)
		return nil
	})
	if err != nil {
		return Challenge{}, err
	}
	if seen&1 == 0 || seen&4 == 0 {
		return Challenge{}, sc.failf("no realm or no nonce")
	}
	if err := sc.tokens(alg, c.Charset); err != nil {
		return Challenge{}, err
	}
	c.Algorithm, c.Stale, c.UserHash = DigestAlgorithm(alg), parseBool(stale), parseBool(userhash)
	for q := range strings.FieldsFuncSeq(qop, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
		c.QOP = append(c.QOP, q)
	}
	return c, nil
}

// ParseCredentials parses the value of an Authorization or Proxy-Authorization field. Strings alias
// s where nothing is escaped. Errors are [*ParseError] with status 400.
func ParseCredentials(s string) (Credentials, error) {
	var c Credentials
	sc := authScanner{field: "Authorization", s: s}
	if err := sc.scheme(); err != nil {
		return Credentials{}, err
	}
	var seen uint32
	var alg, nc, userhash string
	err := sc.each(func(p AuthParam) error {
		switch strings.ToLower(p.Name) {
		case "username":
			if strings.ContainsFunc(p.Value, isControl) && !utf8.ValidString(p.Value) {
				return errors.New("control characters in what is no UTF-8") // no field can say that
			}
			return once(&c.Username, &seen, 0, p.Value)
		case "username*": // both forms at once are an error (RFC 7616 section 3.4)
			name, err := parseExtValue(p.Value)
			if err != nil {
				return err
			}
			return once(&c.Username, &seen, 0, name)
		case "realm":
			return once(&c.Realm, &seen, 1, p.Value)
		case "nonce":
			return once(&c.Nonce, &seen, 2, p.Value)
		case "uri":
			return once(&c.URI, &seen, 3, p.Value)
		case "response":
			return once(&c.Response, &seen, 4, p.Value)
		case "algorithm":
			return once(&alg, &seen, 5, p.Value)
		case "cnonce":
			return once(&c.CNonce, &seen, 6, p.Value)
		case "opaque":
			return once(&c.Opaque, &seen, 7, p.Value)
		case "qop":
			return once(&c.QOP, &seen, 8, p.Value)
		case "nc":
			return once(&nc, &seen, 9, p.Value)
		case "userhash":
			return once(&userhash, &seen, 10, p.Value)
		}
		c.Params = append(c.Params, p)
		return nil
	})
	if err != nil {
		return Credentials{}, err
	}
	if err := sc.tokens(alg, c.QOP); err != nil {
		return Credentials{}, err
	}
	c.Algorithm, c.UserHash = DigestAlgorithm(alg), parseBool(userhash)
	if c.NC, c.ncRaw, err = parseNC(nc); err != nil {
		return Credentials{}, sc.fail(err)
	}
	return c, nil
}

// ParseAuthenticationInfo parses the value of an Authentication-Info or Proxy-Authentication-Info
// field. Errors are [*ParseError].
func ParseAuthenticationInfo(s string) (AuthenticationInfo, error) {
	var a AuthenticationInfo
	sc := authScanner{field: "Authentication-Info", s: s}
	if len(s) > maxAuthText {
		return a, sc.failf("%d octets are too long", len(s))
	}
	var seen uint32
	var nc string
	err := sc.each(func(p AuthParam) error {
		switch strings.ToLower(p.Name) {
		case "nextnonce":
			return once(&a.NextNonce, &seen, 0, p.Value)
		case "qop":
			return once(&a.QOP, &seen, 1, p.Value)
		case "rspauth":
			return once(&a.RspAuth, &seen, 2, p.Value)
		case "cnonce":
			return once(&a.CNonce, &seen, 3, p.Value)
		case "nc":
			return once(&nc, &seen, 4, p.Value)
		}
		a.Params = append(a.Params, p)
		return nil
	})
	if err != nil {
		return AuthenticationInfo{}, err
	}
	if err := sc.tokens(a.QOP); err != nil {
		return AuthenticationInfo{}, err
	}
	if a.NC, _, err = parseNC(nc); err != nil {
		return AuthenticationInfo{}, sc.fail(err)
	}
	return a, nil
}

// ncText is the nonce count as it goes into the hash: as it came, else eight digits.
func (c *Credentials) ncText() string {
	if c.ncRaw != "" {
		return c.ncRaw
	}
	return fmt.Sprintf("%08x", c.NC)
}
