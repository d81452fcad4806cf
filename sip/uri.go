package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// URI is a sip, sips or tel URI taken apart, or any other URI kept whole (RFC 3261 section 19.1,
// RFC 3966, RFC 5031 for urn:service:sos). The text fields are as written, escapes included
// ([Unescape] resolves them), and alias the text that was parsed.
type URI struct {
	Scheme   string // lower case: "sip", "sips", "tel", "urn", …
	User     string // sip: the user part, "" if there is none; tel: the number with its visual separators
	Password string // sip: after the colon of the user part
	Host     string // sip: name, IPv4 address, or IPv6 address within its brackets
	Port     int    // sip: 0 if there is none
	Params   Params // sip and tel: the URI parameters
	Headers  string // sip: what follows the question mark, as name=value pairs joined by &
	Opaque   string // other schemes: all that follows the colon
}

// ParseURI reads a URI.
func ParseURI(s string) (URI, error) {
	u, err := parseURI(s, false)
	return u, asError(err)
}

func parseURI(s string, strict bool) (URI, *ParseError) {
	colon := strings.IndexByte(s, ':')
	if colon <= 0 {
		return URI{}, bad(max(colon, 0), "URI without a scheme")
	}
	switch scheme := s[:colon]; {
	case scheme == "sip" || fold(scheme, "sip"):
		return parseSIPURI("sip", s, colon+1, strict)
	case scheme == "sips" || fold(scheme, "sips"):
		return parseSIPURI("sips", s, colon+1, strict)
	case scheme == "tel" || fold(scheme, "tel"):
		return parseTel(s, colon+1, strict)
	}
	for i := 0; i < colon; i++ { // RFC 3986 section 3.1
		c := lower(s[i])
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return URI{}, bad(i, "bad character in a URI scheme")
		}
	}
	for i := colon + 1; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return URI{}, bad(i, "bad character in a URI")
		}
	}
	if colon+1 == len(s) {
		return URI{}, bad(len(s), "empty URI")
	}
	return URI{Scheme: lowered(s[:colon]), Opaque: s[colon+1:]}, nil
}

func parseSIPURI(scheme, s string, i int, strict bool) (URI, *ParseError) {
	u := URI{Scheme: scheme}
	if at := strings.IndexByte(s[i:], '@'); at >= 0 {
		at += i
		if at == i {
			return URI{}, bad(i, "empty user part")
		}
		end := at
		if c := strings.IndexByte(s[i:at], ':'); c >= 0 {
			end = i + c
			u.Password = s[end+1 : at]
			if e := checkEscaped(s, end+1, at, isUser, strict); e != nil {
				return URI{}, e
			}
			if end == i {
				return URI{}, bad(i, "empty user part")
			}
		}
		u.User = s[i:end]
		if e := checkEscaped(s, i, end, isUser, strict); e != nil {
			return URI{}, e
		}
		i = at + 1
	}
	host, port, i, err := parseHostPort(s, i, strict)
	if err != nil {
		return URI{}, err
	}
	u.Host, u.Port = host, port
	if i < len(s) && s[i] == ';' {
		end := len(s)
		if q := strings.IndexByte(s[i:], '?'); q >= 0 {
			end = i + q
		}
		if u.Params, err = parseURIParams(s, i, end, strict); err != nil {
			return URI{}, err
		}
		i = end
	}
	if i < len(s) && s[i] == '?' {
		u.Headers = s[i+1:]
		for j := i + 1; j < len(s); j++ {
			if c := s[j]; c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' ||
				strict && c != '%' && c != '=' && c != '&' && !is(c, isHeader) {
				return URI{}, bad(j, "bad character in a URI header")
			}
		}
		i = len(s)
	}
	if i != len(s) {
		return URI{}, bad(i, "bad character after the host")
	}
	return u, nil
}

// checkEscaped checks user info s[i:j]. The lenient form takes what is common in the field (#, a
// stray %), but nothing that could end the URI.
func checkEscaped(s string, i, j int, bits uint8, strict bool) *ParseError {
	for ; i < j; i++ {
		c := s[i]
		switch {
		case is(c, bits):
		case c == '%':
			if strict && (i+2 >= j || hexDigit(s[i+1]) < 0 || hexDigit(s[i+2]) < 0) {
				return bad(i, "bad escape in a URI")
			}
		case strict || c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"':
			return bad(i, "bad character in a URI")
		}
	}
	return nil
}

// parseURIParams checks s[i:end], which starts with a semicolon.
func parseURIParams(s string, i, end int, strict bool) (Params, *ParseError) {
	start, empty := i, false
	for i < end {
		j := i + 1
		eq := -1
		for ; j < end && s[j] != ';'; j++ {
			switch c := s[j]; {
			case c == '=' && eq < 0 && j > i+1:
				eq = j
			case is(c, isParam):
			case c == '%':
				if strict && (j+2 >= end || hexDigit(s[j+1]) < 0 || hexDigit(s[j+2]) < 0) {
					return Params{}, bad(j, "bad escape in a URI parameter")
				}
			case strict || c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"':
				return Params{}, bad(j, "bad character in a URI parameter")
			}
		}
		if j == i+1 {
			if strict {
				return Params{}, bad(i, "empty URI parameter")
			}
			empty = true
		}
		if strict && eq == j-1 {
			return Params{}, bad(eq, "empty value of a URI parameter")
		}
		i = j
	}
	if !empty {
		return Params{s[start:end]}, nil
	}
	b := make([]byte, 0, end-start)
	for p := range strings.SplitSeq(s[start:end], ";") {
		if p != "" {
			b = append(append(b, ';'), p...)
		}
	}
	return Params{string(b)}, nil
}

// parseHostPort reads host [":" port] at s[i:] and returns where it ends.
func parseHostPort(s string, i int, strict bool) (host string, port, end int, err *ParseError) {
	start := i
	if i < len(s) && s[i] == '[' {
		c := strings.IndexByte(s[i:], ']')
		if c < 0 {
			return "", 0, 0, bad(i, "IPv6 address without its closing bracket")
		}
		i += c + 1
		if !ipv6Reference(s[start+1 : i-1]) {
			return "", 0, 0, bad(start, "bad IPv6 address")
		}
	} else {
		for i < len(s) && is(s[i], isHost) {
			if strict && s[i] == '_' {
				return "", 0, 0, bad(i, "bad character in a host name")
			}
			i++
		}
		if i == start {
			return "", 0, 0, bad(i, "empty host")
		}
	}
	host = s[start:i]
	if i >= len(s) || s[i] != ':' {
		return host, 0, i, nil
	}
	digits := i + 1
	for i = digits; i < len(s) && s[i]-'0' <= 9; i++ {
	}
	n, ok := number(s[digits:i], 65535)
	if !ok || n == 0 {
		return "", 0, 0, bad(digits, "bad port")
	}
	return host, int(n), i, nil
}

// ipv6Reference accepts an IPv6 address, and three colons where two are meant: RFC 3261's grammar
// allows them before an IPv4 part (RFC 5118 section 4.10).
func ipv6Reference(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return strings.IndexByte(s, ':') >= 0
	}
	if !strings.Contains(s, ":::") {
		return false
	}
	_, err := netip.ParseAddr(strings.Replace(s, ":::", "::", 1))
	return err == nil
}

// IsZero reports whether u is the zero URI.
func (u URI) IsZero() bool { return u == URI{} }

// IsSIP reports whether u is a sip or a sips URI.
func (u URI) IsSIP() bool { return u.Scheme == "sip" || u.Scheme == "sips" }

// HostPort returns host and port as they are written, "example.com:5070", without a port if the
// URI has none.
func (u URI) HostPort() string {
	if u.Port == 0 {
		return u.Host
	}
	return u.Host + ":" + strconv.Itoa(u.Port)
}

// Addr returns the host as an address, with ok false if it is a name.
func (u URI) Addr() (addr netip.Addr, ok bool) { return hostAddr(u.Host) }

func hostAddr(host string) (netip.Addr, bool) {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = strings.Replace(host[1:n-1], ":::", "::", 1)
	} else if host == "" || host[0] < '0' || host[0] > '9' {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(host)
	return a, err == nil
}

// Transport returns the transport parameter, "" if there is none.
func (u URI) Transport() string { v, _ := u.Params.Value("transport"); return v }

// LR reports whether the URI names a loose router (RFC 3261 section 19.1.1).
func (u URI) LR() bool { return u.Params.Has("lr") }

// String returns the URI as text.
func (u URI) String() string {
	b, _ := u.AppendText(make([]byte, 0, 64))
	return string(b)
}

// AppendText appends the URI as text. It does not escape: use [EscapeUser] and [EscapeParam]
// for text that may need it.
func (u URI) AppendText(b []byte) ([]byte, error) {
	b = append(append(b, u.Scheme...), ':')
	switch u.Scheme {
	case "sip", "sips":
		if u.User != "" {
			b = append(b, u.User...)
			if u.Password != "" {
				b = append(append(b, ':'), u.Password...)
			}
			b = append(b, '@')
		}
		b = append(b, u.Host...)
		if u.Port != 0 {
			b = strconv.AppendInt(append(b, ':'), int64(u.Port), 10)
		}
		b = append(b, u.Params.text...)
		if u.Headers != "" {
			b = append(append(b, '?'), u.Headers...)
		}
	case "tel":
		b = append(append(b, u.User...), u.Params.text...)
	default:
		b = append(b, u.Opaque...)
	}
	return b, nil
}

// MarshalText and UnmarshalText make a URI a plain string in configuration files and JSON.
func (u URI) MarshalText() ([]byte, error) { return u.AppendText(nil) }

// UnmarshalText is the reverse of MarshalText.
func (u *URI) UnmarshalText(b []byte) error {
	v, err := ParseURI(string(b))
	if err == nil {
		*u = v
	}
	return err
}
