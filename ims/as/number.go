package as

import (
	"errors"
	"slices"
	"strings"

	"github.com/gotelco/telco/sip"
)

// Number is a telephone number as RFC 3966 has it, without visual separators. Numbers compare
// with ==.
type Number struct {
	// Digits of a global number are "+" and decimal digits. Those of a local one are decimal
	// digits, "*", "#" and the letters A to D (keys) or E and F, which RFC 3966 allows too.
	Digits string

	// Context is the phone-context of a local number: a domain, in lower case, or "+" and digits.
	// It is empty in global numbers, and in what trunks write without saying where it is valid.
	Context string

	// Params are the other parameters, such as ext, isub, rn, npdi, cic and cpc, in the order in
	// which RFC 3966 section 3 wants them.
	Params sip.Params
}

// maxDigits bounds the digits of a local number. E.164 bounds a global one to 15.
const maxDigits = 40

// A NumberError says why a text is not a telephone number, or not one that can be used.
type NumberError struct {
	Text string // at most the first 80 octets
	Err  error  // one of the errors below
}

// The reasons in a [NumberError].
var (
	ErrNotNumber  = errors.New("not a telephone number")
	ErrTooLong    = errors.New("more digits than a number may have")
	ErrNoContext  = errors.New("a local number whose phone-context is not known here")
	ErrBadContext = errors.New("bad phone-context")
	ErrEmpty      = errors.New("nothing is left of the number")
)

func (e *NumberError) Error() string { return "as: number \"" + e.Text + "\": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *NumberError) Unwrap() error { return e.Err }

func badNumber(text string, err error) error {
	return &NumberError{strings.ToValidUTF8(text[:min(len(text), 80)], "?"), err}
}

// ParseNumber reads a number as people and tel URIs write it: with visual separators, blanks
// among them, with or without "tel:" before it, and with parameters after a semicolon.
func ParseNumber(s string) (Number, error) {
	t := strings.TrimSpace(s)
	if hasTel(t) {
		t = t[4:]
	}
	digits, params, _ := strings.Cut(t, ";")
	return newNumber(s, strings.ReplaceAll(digits, " ", ""), params)
}

func hasTel(s string) bool { return len(s) >= 4 && strings.EqualFold(s[:4], "tel:") }

// NumberOf returns the number that a URI names: a tel URI, or a sip or sips URI with user=phone
// (RFC 3261 section 19.1.6). Where lenient is true, a sip URI whose user part reads as a number
// of decimal digits, "+", "*" and "#" is one also without user=phone.
func NumberOf(u sip.URI, lenient bool) (Number, error) {
	switch {
	case u.Scheme == "tel":
		return newNumber(u.String(), u.User, strings.TrimPrefix(u.Params.String(), ";"))
	case u.IsSIP() && u.User != "":
		digits, params, _ := strings.Cut(u.User, ";")
		digits = sip.Unescape(digits)
		if phone, _ := u.Params.Value("user"); !strings.EqualFold(phone, "phone") {
			if !lenient || strings.Trim(strings.TrimPrefix(digits, "+"), "0123456789*#-.()") != "" {
				break
			}
		}
		return newNumber(u.User, digits, params)
	}
	return Number{}, badNumber(u.String(), ErrNotNumber)
}

func newNumber(text, digits, params string) (Number, error) {
	var n Number
	b := make([]byte, 0, len(digits))
	global := strings.HasPrefix(digits, "+")
	for i := 0; i < len(digits); i++ {
		switch c := digits[i]; {
		case '0' <= c && c <= '9', c == '+' && i == 0:
			b = append(b, c)
		case strings.IndexByte("-.()", c) >= 0:
		case !global && strings.IndexByte("*#ABCDEF", c) >= 0:
			b = append(b, c)
		case !global && 'a' <= c && c <= 'f':
			b = append(b, c-'a'+'A')
		default:
			return n, badNumber(text, ErrNotNumber)
		}
	}
	n.Digits = string(b)
	switch {
	case len(b) == 0 || n.Digits == "+":
		return Number{}, badNumber(text, ErrNotNumber)
	case global && len(b) > 16, len(b) > maxDigits:
		return Number{}, badNumber(text, ErrTooLong)
	}
	p, err := sip.ParseParams(params)
	if err != nil {
		return Number{}, badNumber(text, ErrNotNumber)
	}
	if v, ok := p.Value("phone-context"); ok {
		if n.Context, err = parseContext(sip.Unescape(v)); err != nil {
			return Number{}, badNumber(text, err)
		}
		if global { // RFC 3966 section 3: global numbers have none
			n.Context = ""
		}
	}
	n.Params = orderedParams(p)
	return n, nil
}

// parseContext reads a descriptor (RFC 3966 section 3): a domain name or the leading digits of
// global numbers.
func parseContext(s string) (string, error) {
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		rest = strings.Map(func(r rune) rune {
			if strings.ContainsRune("-.()", r) {
				return -1
			}
			return r
		}, rest)
		if rest == "" || len(rest) > 15 || strings.Trim(rest, "0123456789") != "" {
			return "", ErrBadContext
		}
		return "+" + rest, nil
	}
	s = strings.TrimSuffix(strings.ToLower(s), ".")
	if s == "" || len(s) > 255 {
		return "", ErrBadContext
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return "", ErrBadContext
		}
	}
	return s, nil
}

// orderedParams leaves phone-context out and puts isub and ext first, the rest in the order of
// their names (RFC 3966 section 3), of each name the first.
func orderedParams(p sip.Params) (out sip.Params) {
	if p.Len() == 0 || p.Len() == 1 && p.Has("phone-context") {
		return out
	}
	var list []string
	for name := range p.All() {
		name = strings.ToLower(name)
		if name != "phone-context" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	rank := func(s string) string {
		if s == "ext" || s == "isub" {
			return " " + s
		}
		return s
	}
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
	for _, name := range list {
		v, _ := p.Value(name)
		out.Set(name, v)
	}
	return out
}

// IsZero reports whether there is no number.
func (n Number) IsZero() bool { return n.Digits == "" }

// IsGlobal reports whether the number is valid everywhere: E.164 with its "+".
func (n Number) IsGlobal() bool { return strings.HasPrefix(n.Digits, "+") }

// text is the number with its parameters, as telephone-subscriber in RFC 3966.
func (n Number) text() string {
	s := n.Digits
	p := n.Params.String()
	if n.Context == "" {
		return s + p
	}
	// phone-context stands after isub and ext and before the others.
	head, rest := "", p
	for strings.HasPrefix(rest, ";ext") || strings.HasPrefix(rest, ";isub") {
		i := strings.IndexByte(rest[1:], ';') + 1
		if i == 0 {
			i = len(rest)
		}
		if name, _, _ := strings.Cut(rest[1:i], "="); name != "ext" && name != "isub" {
			break
		}
		head, rest = head+rest[:i], rest[i:]
	}
	return s + head + ";phone-context=" + n.Context + rest
}

// String returns the number as a tel URI has it after "tel:".
func (n Number) String() string { return n.text() }

// Tel returns the number as a tel URI (RFC 3966). A local number needs a phone-context there: if
// it has none, the URI has the one given, which is the home domain of TS 24.229 section
// 5.1.2A.1.5, or the global prefix of the numbering plan.
func (n Number) Tel(context string) sip.URI {
	if !n.IsGlobal() && n.Context == "" {
		n.Context = context
	}
	u, err := sip.ParseURI("tel:" + n.text())
	if err != nil { // a parameter that a URI must not have
		n.Params = sip.Params{}
		u, _ = sip.ParseURI("tel:" + n.text())
	}
	return u
}

// SIP returns the number as a sip URI with user=phone at a host, "example.org" or
// "192.0.2.1:5070". Its parameters stand in the user part (RFC 3261 section 19.1.6).
func (n Number) SIP(host string) (sip.URI, error) {
	text := n.text()
	params := strings.NewReplacer("#", "%23", ":", "%3A", "[", "%5B", "]", "%5D", "\"", "%22", "@", "%40").Replace(text[len(n.Digits):])
	return sip.ParseURI("sip:" + sip.EscapeUser(n.Digits) + params + "@" + host + ";user=phone")
}
