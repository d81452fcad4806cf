package sip

import "strings"

// parseTel reads a tel URI (RFC 3966 section 3) at s[i:], after the scheme.
func parseTel(s string, i int, strict bool) (URI, *ParseError) {
	u := URI{Scheme: "tel"}
	end := len(s)
	if semi := strings.IndexByte(s[i:], ';'); semi >= 0 {
		end = i + semi
	}
	digits, global := 0, false
	for j := i; j < end; j++ {
		switch c := s[j]; {
		case c == '+' && j == i:
			global = true
		case c == '-' || c == '.' || c == '(' || c == ')':
		case '0' <= c && c <= '9':
			digits++
		case hexDigit(c) >= 0 || c == '*' || c == '#':
			if global {
				return URI{}, bad(j, "bad character in a global number")
			}
			digits++
		default:
			return URI{}, bad(j, "bad character in a telephone number")
		}
	}
	if digits == 0 {
		return URI{}, bad(i, "telephone number without a digit")
	}
	u.User = s[i:end]
	var err *ParseError
	if u.Params, err = parseURIParams(s, end, len(s), strict); err != nil {
		return URI{}, err
	}
	if strict && !global && !u.Params.Has("phone-context") {
		return URI{}, bad(i, "local number without phone-context")
	}
	return u, nil
}

// Number returns the telephone number of a tel URI, or of a sip URI with user=phone, without
// visual separators ("+15551234567"), and "" for other URIs. Parameters of the number within a
// sip URI's user part are left out (RFC 3261 section 19.1.6).
func (u URI) Number() string {
	s := u.User
	switch {
	case u.Scheme == "tel":
	case u.IsSIP():
		if v, _ := u.Params.Value("user"); !fold(v, "phone") {
			return ""
		}
		s = Unescape(s)
	default:
		return ""
	}
	s, _, _ = strings.Cut(s, ";")
	return stripSeparators(s)
}

func stripSeparators(s string) string {
	if !strings.ContainsAny(s, "-.()") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if strings.IndexByte("-.()", s[i]) < 0 {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// telEqual is RFC 3966 section 4: both local or both global, digits equal without separators,
// every parameter in both with equal values, phone-context and extensions without separators.
func telEqual(u, v URI) bool {
	return fold(stripSeparators(u.User), stripSeparators(v.User)) && comparableParams(u.Params, v.Params) &&
		telParamsWithin(u.Params, v.Params) && telParamsWithin(v.Params, u.Params)
}

func telParamsWithin(a, b Params) bool {
	for i := 0; i < len(a.text); {
		n, v, _, end := a.next(i)
		i = end
		w, ok := escFind(b, n)
		if !ok {
			return false
		}
		if fold(n, "ext") || fold(n, "phone-context") && strings.HasPrefix(v, "+") {
			v, w = stripSeparators(v), stripSeparators(w)
		}
		if !escEqual(v, w, true) {
			return false
		}
	}
	return true
}
