package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ENUM turns E.164 numbers into URIs by DNS (RFC 6116). The zero value asks the public tree
// e164.arpa.
type ENUM struct {
	// Resolver answers. If nil, a [DNS] with the zero configuration, made at each lookup: set it.
	Resolver Resolver

	// Suffix is the domain under which numbers are. If empty, "e164.arpa". Infrastructure ENUM
	// of operators uses domains such as "e164enum.net".
	Suffix string

	// Private accepts services whose type starts with "P-", which are for private networks
	// only (RFC 6116 section 3.4.3.1).
	Private bool

	// MaxRecords is how many NAPTR records are looked at in all. If zero, 128.
	MaxRecords int
}

// ENUMResult is one URI of a number.
type ENUMResult struct {
	URI               string
	Services          []string // the Enumservices: "sip", "voice:tel", …
	Order, Preference uint16   // of its record
}

// HasService tells whether one of the services is of that type, such as "sip".
func (r ENUMResult) HasService(typ string) bool {
	return slices.ContainsFunc(r.Services, func(s string) bool {
		t, _, _ := strings.Cut(s, ":")
		return strings.EqualFold(t, typ)
	})
}

var (
	// ErrNotE164 tells that a number is not a global one: +, then 1 to 15 digits.
	ErrNotE164   = errors.New("sip: not an E.164 number")
	errNAPTRExpr = errors.New("sip: malformed NAPTR regexp")
)

// maxENUMDepth is how many non-terminal records are followed in a row (RFC 6116 section 5.2.1).
const maxENUMDepth = 5

// Domain returns the domain of a number, such as "4.3.2.1.e164.arpa" for +1234. Visual
// separators of a tel URI are ignored.
func (e ENUM) Domain(number string) (string, error) {
	digits, err := e164Digits(number)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i := len(digits) - 1; i >= 0; i-- {
		b.WriteByte(digits[i])
		b.WriteByte('.')
	}
	b.WriteString(strings.Trim(cmp.Or(e.Suffix, "e164.arpa"), "."))
	return b.String(), nil
}

func e164Digits(number string) (string, error) {
	rest, ok := strings.CutPrefix(number, "+")
	var b strings.Builder
	for _, c := range rest {
		switch {
		case c >= '0' && c <= '9':
			b.WriteRune(c)
		case strings.ContainsRune("-.() ", c):
		default:
			ok = false
		}
	}
	if !ok || b.Len() == 0 || b.Len() > 15 {
		return "", fmt.Errorf("%w: %q", ErrNotE164, number)
	}
	return b.String(), nil
}

// Lookup returns the URIs of a number, such as "+441632960083", in the order in which they are
// to be considered: the first that has a service the caller wants is the one. Without records
// the result is empty.
func (e ENUM) Lookup(ctx context.Context, number string) ([]ENUMResult, error) {
	domain, err := e.Domain(number)
	if err != nil {
		return nil, err
	}
	digits, _ := e164Digits(number)
	if e.Resolver == nil {
		e.Resolver = NewDNS(DNSConfig{})
	}
	s := enumSearch{e: e, ctx: ctx, number: "+" + digits, left: cmp.Or(e.MaxRecords, 128)}
	err = s.visit(domain, 0)
	return s.results, err
}

// enumSearch is one lookup.
type enumSearch struct {
	e       ENUM
	ctx     context.Context
	number  string   // the Application Unique String
	visited []string // domains, against loops
	left    int      // records that may still be looked at
	results []ENUMResult
}

// visit goes through the records of one domain. Trouble below a non-terminal record only ends
// that record's part (RFC 6116 section 5.2.1).
func (s *enumSearch) visit(domain string, depth int) error {
	domain = newQuestion(domain, 0).name
	s.visited = append(s.visited, domain)
	all, err := s.e.Resolver.LookupNAPTR(s.ctx, domain)
	if err != nil {
		return err
	}
	records := slices.Clone(all)
	slices.SortStableFunc(records, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	for _, r := range records {
		if s.left--; s.left < 0 {
			return nil
		}
		switch {
		case r.Flags == "":
			if r.Replacement == "" || depth >= maxENUMDepth || slices.Contains(s.visited, newQuestion(r.Replacement, 0).name) {
				continue
			}
			if err := s.visit(r.Replacement, depth+1); err != nil && s.ctx.Err() != nil {
				return err
			}
		case strings.EqualFold(r.Flags, "u"):
			services := s.e.services(r.Service)
			if len(services) == 0 {
				continue
			}
			if uri, err := substitute(r.Regexp, s.number); err == nil {
				s.results = append(s.results, ENUMResult{uri, services, r.Order, r.Preference})
			}
		}
	}
	return nil
}

// services takes a Service field apart: "E2U+voice:tel+sms:tel", or as RFC 2916 wrote it
// "sip+E2U". The result is empty if it is no ENUM service, or none that may be used here.
func (e ENUM) services(field string) (out []string) {
	parts := strings.Split(field, "+")
	switch {
	case strings.EqualFold(parts[0], "E2U"):
		parts = parts[1:]
	case strings.EqualFold(parts[len(parts)-1], "E2U"):
		parts = parts[:len(parts)-1]
	default:
		return nil
	}
	for _, p := range parts {
		if p == "" || !e.Private && len(p) >= 2 && strings.EqualFold(p[:2], "P-") {
			continue
		}
		out = append(out, p)
	}
	return out
}

// substitute applies a NAPTR regexp, "!ere!replacement!flags", to s (RFC 3402 section 3.2). The
// extended regular expression is matched in time linear in s, whatever it is.
func substitute(expr, s string) (string, error) {
	if len(expr) < 3 || strings.ContainsRune("\\i123456789", rune(expr[0])) {
		return "", errNAPTRExpr
	}
	fields, err := splitUnescaped(expr[1:], expr[0])
	if err != nil || len(fields) != 3 || fields[2] != "" && !strings.EqualFold(fields[2], "i") {
		return "", errNAPTRExpr
	}
	ere := fields[0]
	if fields[2] != "" {
		ere = "(?i)" + ere
	}
	// POSIX syntax knows no flags, so the choice of the longest match is made apart.
	re, err := regexp.Compile(ere)
	if err != nil {
		return "", fmt.Errorf("%w: %v", errNAPTRExpr, err)
	}
	re.Longest()
	m := re.FindStringSubmatch(s)
	if m == nil {
		return "", fmt.Errorf("%w: no match", errNAPTRExpr)
	}
	var b strings.Builder
	for i := 0; i < len(fields[1]); i++ {
		c := fields[1][i]
		if c == '\\' && i+1 < len(fields[1]) {
			i++
			if c = fields[1][i]; c >= '1' && c <= '9' {
				if n := int(c - '0'); n < len(m) {
					b.WriteString(m[n])
					continue
				}
				return "", errNAPTRExpr
			}
		}
		b.WriteByte(c)
	}
	if u := b.String(); u != "" && strings.IndexByte(u, ':') > 0 && len(u) <= 2048 {
		return u, nil
	}
	return "", errNAPTRExpr
}

// splitUnescaped splits at a delimiter that no backslash stands before; a backslash before the
// delimiter disappears.
func splitUnescaped(s string, delim byte) ([]string, error) {
	var fields []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			if s[i] != delim {
				b.WriteByte('\\')
			}
			b.WriteByte(s[i])
		case s[i] == delim:
			fields = append(fields, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
		if len(fields) > 3 {
			return nil, errNAPTRExpr
		}
	}
	return append(fields, b.String()), nil
}
