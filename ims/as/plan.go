package as

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// PlanConfig describes how numbers are dialled at one border: the numbering plan of a country, an
// operator or a PBX. The zero value takes global numbers and leaves every other one as it is.
type PlanConfig struct {
	// Country is the country code, "49" or "1". If empty, national numbers cannot be told.
	Country string `yaml:"country"`
	// International are the prefixes dialled before a country code. If nil, "00".
	International []string `yaml:"international"`
	// National is the prefix dialled before a national number, "0" in Germany, "1" in North
	// America. If empty, there is none, as in Denmark or Spain: set Lengths.
	National string `yaml:"national"`
	// Area is the area code that is not dialled within the area, "30" for Berlin. If empty,
	// numbers without any prefix stay local.
	Area string `yaml:"area"`
	// Lengths are the numbers of digits of national numbers that are dialled without a prefix, 10
	// in North America. If empty, there are none.
	Lengths []int `yaml:"lengths"`
	// Plain says that what has no prefix is an international number without its "+", "493012345",
	// as many carriers write it. Area and Lengths are not looked at then.
	Plain bool `yaml:"plain"`
	// Short are expressions (RE2) that match the whole of a number that stays local: short codes,
	// extensions, emergency numbers.
	Short []string `yaml:"short"`
	// Contexts are values of phone-context with which a number is one dialled here: the home
	// network's domain (TS 24.229 section 5.1.2A.1.5), and domains below it such as
	// "geo-local.example.org". A global prefix that is the country's or the area's always is.
	Contexts []string `yaml:"contexts"`
}

// Form says how numbers are written towards a peer.
type Form uint8

// The forms, for +49 30 123456 in Berlin. Numbers that a form cannot write without becoming
// ambiguous get the next one that can, FormInternational or FormE164.
const (
	FormE164          Form = iota // +4930123456
	FormInternational             // 004930123456
	FormNational                  // 030123456; other countries as FormInternational
	FormSubscriber                // 123456; other areas as FormNational
	FormPlain                     // 4930123456
)

var formNames = names[Form]{"number form", []string{"e164", "international", "national", "subscriber", "plain"}}

// String returns "e164", "international", "national", "subscriber" or "plain".
func (f Form) String() string { return formNames.text(f) }

// MarshalText returns what String does.
func (f Form) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what String returns.
func (f *Form) UnmarshalText(b []byte) error { return formNames.parse(f, b) }

// Plan is a numbering plan that is ready for use. Its methods may be called by many goroutines.
type Plan struct {
	cfg      PlanConfig
	short    []*regexp.Regexp
	contexts []string
}

// NewPlan checks a plan's configuration.
func NewPlan(cfg PlanConfig) (*Plan, error) {
	if cfg.International == nil {
		cfg.International = []string{"00"}
	}
	cfg.International, cfg.Lengths = slices.Clone(cfg.International), slices.Clone(cfg.Lengths)
	for _, d := range append([]string{cfg.Country, cfg.National, cfg.Area}, cfg.International...) {
		if strings.Trim(d, "0123456789") != "" {
			return nil, fmt.Errorf("as: numbering plan: %q is not digits", d)
		}
	}
	switch {
	case len(cfg.Country) > 3 || strings.HasPrefix(cfg.Country, "0"):
		return nil, fmt.Errorf("as: numbering plan: %q is no country code", cfg.Country)
	case cfg.Country == "" && cfg.National+cfg.Area != "", cfg.Country == "" && len(cfg.Lengths) != 0:
		return nil, errors.New("as: numbering plan: national numbers without a country code")
	case slices.Contains(cfg.International, ""):
		return nil, errors.New("as: numbering plan: empty international prefix")
	}
	p := &Plan{cfg: cfg}
	for _, s := range cfg.Short {
		re, err := regexp.Compile(`^(?:` + s + `)$`)
		if err != nil {
			return nil, fmt.Errorf("as: numbering plan: short number %q: %w", s, err)
		}
		p.short = append(p.short, re)
	}
	for _, s := range cfg.Contexts {
		c, err := parseContext(s)
		if err != nil {
			return nil, fmt.Errorf("as: numbering plan: %q: %w", s, err)
		}
		p.contexts = append(p.contexts, c)
	}
	return p, nil
}

// IsShort reports whether digits are a short number of the plan.
func (p *Plan) IsShort(digits string) bool {
	return slices.ContainsFunc(p.short, func(re *regexp.Regexp) bool { return re.MatchString(digits) })
}

// Normalize makes a number that was dialled at the border global where the plan tells how. What
// stays local is a short number, one with keys ("*", "#", letters), or one that the plan says
// nothing about; it keeps its phone-context. The error is a [NumberError]: too many digits for
// E.164, or [ErrNoContext] beside the unchanged number for a phone-context from elsewhere.
func (p *Plan) Normalize(n Number) (Number, error) {
	d := n.Digits
	switch {
	case d == "":
		return n, badNumber(d, ErrEmpty)
	case d[0] == '+':
		return p.global(n, d[1:])
	case n.Context != "" && !p.local(n.Context):
		return n, badNumber(n.text(), ErrNoContext)
	case strings.Trim(d, "0123456789") != "" || p.IsShort(d):
		return n, nil
	}
	for _, prefix := range p.cfg.International {
		if rest, ok := strings.CutPrefix(d, prefix); ok && rest != "" && rest[0] != '0' {
			return p.global(n, rest)
		}
	}
	if rest, ok := strings.CutPrefix(d, p.cfg.National); ok && p.cfg.National != "" && rest != "" {
		return p.global(n, p.cfg.Country+rest)
	}
	switch {
	case p.cfg.Plain && d[0] != '0':
		return p.global(n, d)
	case p.cfg.Plain:
	case slices.Contains(p.cfg.Lengths, len(d)):
		return p.global(n, p.cfg.Country+d)
	case p.cfg.Area != "":
		return p.global(n, p.cfg.Country+p.cfg.Area+d)
	case n.Context != "" && n.Context == "+"+p.cfg.Country:
		return p.global(n, p.cfg.Country+d)
	}
	return n, nil
}

func (p *Plan) global(n Number, digits string) (Number, error) {
	if len(digits) > 15 {
		return n, badNumber(n.Digits, ErrTooLong)
	}
	n.Digits, n.Context = "+"+digits, ""
	return n, nil
}

// local tells whether numbers with a phone-context are dialled as this plan says.
func (p *Plan) local(context string) bool {
	if rest, ok := strings.CutPrefix(context, "+"); ok {
		return p.cfg.Country != "" && (rest == p.cfg.Country || rest == p.cfg.Country+p.cfg.Area) ||
			slices.Contains(p.contexts, context)
	}
	return slices.ContainsFunc(p.contexts, func(c string) bool {
		return context == c || strings.HasSuffix(context, "."+c)
	})
}

// Format writes a global number in a form; other numbers stay as they are. Where [Plan.Normalize]
// would not make the same number of it again, a form that is not ambiguous is taken.
func (p *Plan) Format(n Number, f Form) Number {
	if !n.IsGlobal() {
		return n
	}
	for {
		out := n
		out.Digits = p.write(n.Digits[1:], f)
		if back, err := p.Normalize(out); err == nil && back == n {
			return out
		}
		switch f {
		case FormE164:
			return n
		case FormSubscriber:
			f = FormNational
		case FormNational:
			f = FormInternational
		case FormPlain:
			if !p.cfg.Plain { // nobody can tell; it was asked for
				return out
			}
			f = FormInternational
		default:
			f = FormE164
		}
	}
}

func (p *Plan) write(digits string, f Form) string {
	international := "+"
	if len(p.cfg.International) > 0 {
		international = p.cfg.International[0]
	}
	national, own := strings.CutPrefix(digits, cmp.Or(p.cfg.Country, " "))
	subscriber, near := strings.CutPrefix(national, cmp.Or(p.cfg.Area, " "))
	switch {
	case f == FormPlain:
		return digits
	case f == FormSubscriber && own && near && subscriber != "":
		return subscriber
	case (f == FormNational || f == FormSubscriber) && own && national != "":
		return p.cfg.National + national
	case f == FormE164:
		return "+" + digits
	}
	return international + digits
}
