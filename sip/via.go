package sip

import (
	"strconv"
	"strings"
)

// MagicCookie starts the branch of every transaction made by RFC 3261 (section 8.1.1.7).
const MagicCookie = "z9hG4bK"

// Via is one value of the Via header field (RFC 3261 section 20.42). It aliases the text that was
// parsed.
type Via struct {
	Protocol  string // name and version; "" means "SIP/2.0"
	Transport string // "UDP", "TCP", "TLS", "WS", … as written
	Host      string // of sent-by; IPv6 addresses within brackets
	Port      int    // of sent-by; 0 if there is none
	Params    Params
}

// ParseVia reads one Via value.
func ParseVia(s string) (Via, error) {
	v, err := parseVia(s, false)
	return v, asError(err)
}

func parseVia(s string, strict bool) (Via, *ParseError) {
	var v Via
	var part [3]string
	i := skipLWS(s, 0)
	start := i
	for k := range part {
		j := i
		for j < len(s) && is(s[j], isToken) {
			j++
		}
		if j == i {
			return v, bad(i, "want protocol/version/transport")
		}
		part[k] = s[i:j]
		i = j
		if k < 2 {
			if i = skipLWS(s, i); i == len(s) || s[i] != '/' {
				return v, bad(i, "want a slash")
			}
			i = skipLWS(s, i+1)
		}
	}
	if !fold(part[0], "SIP") || part[1] != "2.0" {
		if strict {
			return v, bad(start, "not SIP/2.0")
		}
		v.Protocol = part[0] + "/" + part[1]
	}
	v.Transport = part[2]
	j := skipLWS(s, i)
	if j == i {
		return v, bad(i, "no white space after the transport")
	}
	// sent-by: host [COLON port], and COLON may have white space around it.
	host, port, j, err := parseHostPort(s, j, strict)
	if err != nil {
		return v, err
	}
	i = skipLWS(s, j)
	if port == 0 && i < len(s) && s[i] == ':' {
		i = skipLWS(s, i+1)
		j = i
		for j < len(s) && s[j]-'0' <= 9 {
			j++
		}
		n, ok := number(s[i:j], 65535)
		if !ok || n == 0 {
			return v, bad(i, "bad port")
		}
		port = int(n)
		i = skipLWS(s, j)
	}
	v.Host, v.Port = host, port
	end := trimRight(s, i, len(s))
	if i < end && s[i] != ';' {
		return v, bad(i, "text after sent-by")
	}
	if v.Params, err = parseParams(s[i:end], strict); err != nil {
		return v, err.within("", i)
	}
	return v, nil
}

// Branch returns the branch parameter, "" if there is none.
func (v Via) Branch() string { b, _ := v.Params.Raw("branch"); return b }

// Received returns the received parameter, without the brackets that some put around an IPv6
// address there; "" if there is none.
func (v Via) Received() string {
	r, _ := v.Params.Value("received")
	if n := len(r); n > 2 && r[0] == '[' && r[n-1] == ']' {
		return r[1 : n-1]
	}
	return r
}

// RPort returns the rport parameter (RFC 3581). ok says that it is there; port is 0 if it has no
// value or a malformed one.
func (v Via) RPort() (port int, ok bool) {
	s, ok := v.Params.Value("rport")
	n, _ := number(s, 65535)
	return int(n), ok
}

// SentBy returns host and port as they are written, "host:port" or "host".
func (v Via) SentBy() string {
	if v.Port == 0 {
		return v.Host
	}
	return v.Host + ":" + strconv.Itoa(v.Port)
}

// SameSentBy reports whether two values name the same sender: hosts without regard to case, and
// the port of the transport where none is written (RFC 3261 section 17.2.3).
func (v Via) SameSentBy(w Via) bool {
	return hostEqual(v.Host, w.Host) && v.port() == w.port()
}

func (v Via) port() int {
	switch {
	case v.Port != 0:
		return v.Port
	case strings.EqualFold(v.Transport, "TLS"):
		return 5061
	case strings.EqualFold(v.Transport, "WS"):
		return 80
	case strings.EqualFold(v.Transport, "WSS"):
		return 443
	}
	return 5060
}

// String returns the value as text.
func (v Via) String() string {
	b, _ := v.AppendText(make([]byte, 0, 96))
	return string(b)
}

// AppendText appends the value as text.
func (v Via) AppendText(b []byte) ([]byte, error) {
	if v.Protocol == "" {
		b = append(b, "SIP/2.0"...)
	} else {
		b = append(b, v.Protocol...)
	}
	b = append(append(b, '/'), v.Transport...)
	b = append(append(b, ' '), v.Host...)
	if v.Port != 0 {
		b = strconv.AppendInt(append(b, ':'), int64(v.Port), 10)
	}
	return append(b, v.Params.text...), nil
}
