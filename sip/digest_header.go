package sip

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
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

// tokens checks values that are written without quotes, although some peers send them quoted.
func (sc *authScanner) tokens(values ...string) error {
	for _, v := range values {
		if v != "" && !isAuthTokenText(v) {
			return sc.failf("%q is no token", v)
		}
	}
	return nil
}

func parseBool(s string) bool { return strings.EqualFold(s, "true") }

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

// ncText is the nonce count as it goes into the hash: as it came, else eight digits.
func (c *Credentials) ncText() string {
	if c.ncRaw != "" {
		return c.ncRaw
	}
	return fmt.Sprintf("%08x", c.NC)
}

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

var errLineBreak = errors.New("sip: digest parameter: line break")

func isAuthTokenText(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAuthToken(s[i]) {
			return false
		}
	}
	return s != ""
}

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
