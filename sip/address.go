package sip

import "strings"

// Address is a name-addr or addr-spec with its parameters: the value of From, To, Contact, Route
// and their kin (RFC 3261 section 20.10). It aliases the text that was parsed.
type Address struct {
	Display string // without quotes and escapes; "" if there is none
	URI     URI
	Params  Params // the parameters of the header field, not those of the URI
}

// ParseAddress reads one address.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(s, false)
	return a, asError(err)
}

func parseAddress(s string, strict bool) (Address, *ParseError) {
	var a Address
	i := skipLWS(s, 0)
	if i == len(s) {
		return a, bad(i, "empty address")
	}
	lt := i // where < is
	if s[i] == '"' {
		j := quotedEnd(s, i)
		if j < 0 {
			return a, bad(i, "quoted string without an end")
		}
		a.Display = unquote(s[i:j])
		if lt = skipLWS(s, j); lt == len(s) || s[lt] != '<' {
			return a, bad(lt, "no < after a display name")
		}
	} else if s[i] != '<' {
		// Either a display name of tokens before <, or a bare URI. A URI's colon, or anything
		// else that a display name may not hold, decides.
		for lt < len(s) && (is(s[lt], isToken) || lws(s[lt])) {
			lt++
		}
		if lt == len(s) || s[lt] != '<' {
			if !strict {
				lt = lenientDisplay(s, lt)
			}
			if lt == len(s) || s[lt] != '<' || strict {
				return parseAddrSpec(s, i, strict)
			}
		}
		a.Display = unfold(s[i:trimRight(s, i, lt)])
	}
	gt := strings.IndexByte(s[lt:], '>')
	if gt < 0 {
		return a, bad(lt, "< without >")
	}
	gt += lt
	lo, hi := lt+1, gt
	if !strict {
		lo = skipLWS(s[:gt], lo)
		hi = trimRight(s, lo, gt)
	}
	var err *ParseError
	if a.URI, err = parseURI(s[lo:hi], strict); err != nil {
		return a, err.within("", lo)
	}
	i = skipLWS(s, gt+1)
	end := trimRight(s, i, len(s))
	if i < end && s[i] != ';' {
		return a, bad(i, "text after >")
	}
	if a.Params, err = parseParams(s[i:end], strict); err != nil {
		return a, err.within("", i)
	}
	return a, nil
}

// lenientDisplay goes on over a display name with characters that should have been quoted (UTF-8,
// parentheses, at signs). What would make the value ambiguous ends it.
func lenientDisplay(s string, i int) int {
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '<':
			return j
		case ',', ';', '"', '>':
			return i
		}
	}
	return i
}

// parseAddrSpec reads a URI without angle brackets: parameters belong to the field, and neither
// comma, question mark nor semicolon may be part of the URI (RFC 3261 section 20.10).
func parseAddrSpec(s string, i int, strict bool) (Address, *ParseError) {
	var a Address
	semi := strings.IndexByte(s[i:], ';')
	if semi < 0 {
		semi = len(s)
	} else {
		semi += i
	}
	end := trimRight(s, i, semi)
	if j := strings.IndexAny(s[i:end], ",?"); j >= 0 {
		return a, bad(i+j, "URI that needs angle brackets")
	}
	var err *ParseError
	if a.URI, err = parseURI(s[i:end], strict); err != nil {
		return a, err.within("", i)
	}
	if a.Params, err = parseParams(s[semi:trimRight(s, semi, len(s))], strict); err != nil {
		return a, err.within("", semi)
	}
	return a, nil
}

// Tag returns the tag parameter (From and To), "" if there is none.
func (a Address) Tag() string { v, _ := a.Params.Value("tag"); return v }

// Expires returns the expires parameter of a Contact in seconds; ok is false if there is none or
// it is malformed. Values over 2**32-1 count as 2**32-1 (RFC 3261 section 20.10).
func (a Address) Expires() (seconds uint32, ok bool) {
	v, ok := a.Params.Value("expires")
	if !ok {
		return 0, false
	}
	return deltaSeconds(v)
}

// deltaSeconds reads a number of seconds; one that is too large is the largest.
func deltaSeconds(s string) (uint32, bool) {
	if n, ok := number(s, 1<<32-1); ok {
		return uint32(n), true
	}
	for i := 0; i < len(s); i++ {
		if s[i]-'0' > 9 {
			return 0, false
		}
	}
	if s == "" {
		return 0, false
	}
	return 1<<32 - 1, true
}

// Q returns the q parameter in thousandths, 0 to 1000; 1000 if there is none or it is malformed
// (RFC 3261 section 20.10 leaves the default open; RFC 2616 section 3.9 has 1).
func (a Address) Q() int {
	v, _ := a.Params.Value("q")
	return parseQ(v)
}

func parseQ(s string) int {
	whole, frac, _ := strings.Cut(s, ".")
	if whole == "1" {
		return 1000
	}
	if whole != "0" && whole != "" || len(frac) > 3 || s == "" {
		return 1000
	}
	n, ok := number((frac + "000")[:3], 999)
	if !ok {
		return 1000
	}
	return int(n)
}

// String returns the address as text, the URI always in angle brackets.
func (a Address) String() string {
	b, _ := a.AppendText(make([]byte, 0, 96))
	return string(b)
}

// AppendText appends what String returns.
func (a Address) AppendText(b []byte) ([]byte, error) {
	if a.Display != "" {
		b = append(appendQuoted(b, a.Display), ' ')
	}
	b, _ = a.URI.AppendText(append(b, '<'))
	b = append(b, '>')
	return append(b, a.Params.text...), nil
}
