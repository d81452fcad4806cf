package as

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gotelco/telco/sip"
)

// A Rewrite changes the text of a number or of another user, "alice@example.org". Of a list the
// first one that matches is applied, and the ones after it if it says Continue.
type Rewrite struct {
	// Match is an expression (RE2, so its time is linear in the text, whatever it is), which
	// matches anywhere unless it says ^ and $. If it and Prefix are empty, every text matches.
	Match string `yaml:"match"`
	// Prefix matches texts that begin so.
	Prefix string `yaml:"prefix"`

	// Replace is what the text becomes where Match is set: $1 or ${1} are its captures, ${name}
	// named ones, $$ is "$". An empty Replace with Match set leaves the text as it is; see Clear.
	Replace string `yaml:"replace"`
	// Strip takes that many characters off the front, before Add puts others there.
	Strip int    `yaml:"strip"`
	Add   string `yaml:"add"`
	// Clear makes the text empty: a caller becomes anonymous.
	Clear bool `yaml:"clear"`

	Continue bool `yaml:"continue"`
}

// rewriter is a list of Rewrites that is ready for use.
type rewriter []compiledRewrite

type compiledRewrite struct {
	Rewrite
	re *regexp.Regexp
}

func compileRewrites(list []Rewrite) (rewriter, error) {
	var out rewriter
	for i, r := range list {
		c := compiledRewrite{Rewrite: r}
		var err error
		switch {
		case r.Strip < 0:
			err = fmt.Errorf("strip %d is negative", r.Strip)
		case r.Replace != "" && r.Match == "":
			err = fmt.Errorf("replace without match")
		case r.Match != "" && r.Prefix != "":
			err = fmt.Errorf("both match and prefix")
		case r.Clear && (r.Replace != "" || r.Strip != 0 || r.Add != ""):
			err = fmt.Errorf("clear with another change")
		case r.Match != "":
			c.re, err = regexp.Compile(r.Match)
		}
		if err != nil {
			return nil, fmt.Errorf("as: rewrite %d: %w", i+1, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// maxText bounds what rewriting makes of a text: captures can double it at each step.
const maxText = 256

// apply rewrites a text.
func (l rewriter) apply(s string) string {
	for _, r := range l {
		switch {
		case r.re != nil:
			m := r.re.FindStringSubmatchIndex(s)
			if m == nil {
				continue
			}
			if r.Replace != "" {
				s = s[:m[0]] + string(r.re.ExpandString(nil, r.Replace, s, m)) + s[m[1]:]
			}
		case !strings.HasPrefix(s, r.Prefix):
			continue
		}
		s = r.Add + s[min(r.Strip, len(s)):]
		if r.Clear {
			s = ""
		}
		s = s[:min(len(s), maxText)]
		if !r.Continue {
			break
		}
	}
	return s
}

// party rewrites a party. What comes out is read as a number if it is one, else as a URI, or as
// user@host.
func (l rewriter) party(p Party) (Party, error) {
	if len(l) == 0 || p.IsZero() {
		return p, nil
	}
	before := p.String()
	after := l.apply(before)
	if after == before {
		return p, nil
	}
	out, err := partyOfText(after)
	out.Name, out.Private = p.Name, p.Private
	if err == nil && !out.Number.IsZero() && !p.Number.IsZero() {
		out.Number.Params = p.Number.Params
		if !out.Number.IsGlobal() {
			out.Number.Context = p.Number.Context
		}
	}
	return out, err
}

// partyOfText reads what a rewriting, a rule or a web server wrote: a number, "user@host" or a
// URI. Empty text is the zero Party.
func partyOfText(s string) (Party, error) {
	if s == "" {
		return Party{}, nil
	}
	// The keys A to D and the digits of RFC 3966's local numbers would make a number of "cafe".
	if head, _, _ := strings.Cut(s, ";"); strings.Trim(head, "+0123456789*#-.() ") == "" || hasTel(s) {
		n, err := ParseNumber(s)
		return Party{Number: n}, err
	}
	if !strings.Contains(s, "@") && !strings.Contains(s, ":") {
		return Party{}, badNumber(s, ErrNotNumber)
	}
	u, err := sip.ParseURI(s)
	if err != nil || !strings.Contains(s[:max(strings.IndexByte(s, '@'), 0)], ":") && !u.IsSIP() && u.Scheme != "urn" {
		if u, err = sip.ParseURI("sip:" + s); err != nil {
			return Party{}, badNumber(s, ErrNotNumber)
		}
	}
	return PartyOf(u, false), nil
}

// BorderConfig says how numbers are written on one side of the server: on a trunk, towards the
// IMS core, or by phones. The zero value takes and writes E.164 with "+", as sip URIs with
// user=phone.
type BorderConfig struct {
	Plan PlanConfig `yaml:"plan"`
	Form Form       `yaml:"form"` // of global numbers that leave
	URI  URIForm    `yaml:"uri"`  // of all numbers that leave

	// Context is the phone-context of local numbers that leave in tel URIs, and in sip URIs if
	// they have one: the home domain (TS 24.229 section 5.1.2A.1.5). If empty, the first of the
	// plan's Contexts, or else its country code.
	Context string `yaml:"context"`

	// Strict takes sip URIs for numbers only where they say user=phone. Trunks seldom do.
	Strict bool `yaml:"strict"`

	// CalledIn and CallingIn rewrite what comes in, as it was written, before Plan makes it
	// global. CalledOut and CallingOut rewrite what leaves after Form was applied.
	CalledIn   []Rewrite `yaml:"called_in"`
	CallingIn  []Rewrite `yaml:"calling_in"`
	CalledOut  []Rewrite `yaml:"called_out"`
	CallingOut []Rewrite `yaml:"calling_out"`
}

// URIForm says in which kind of URI numbers leave.
type URIForm uint8

// The kinds of URI.
const (
	URIPhone URIForm = iota // sip:+4930123456@host;user=phone
	URITel                  // tel:+4930123456
	URIPlain                // sip:+4930123456@host
)

var uriFormNames = names[URIForm]{"form of a URI", []string{"phone", "tel", "plain"}}

// String returns "phone", "tel" or "plain".
func (f URIForm) String() string { return uriFormNames.text(f) }

// MarshalText returns what String does.
func (f URIForm) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what String returns.
func (f *URIForm) UnmarshalText(b []byte) error { return uriFormNames.parse(f, b) }

// Border translates numbers between the server, where they are global, and one side of it. Its
// methods may be called by many goroutines at once.
type Border struct {
	cfg                                        BorderConfig
	plan                                       *Plan
	calledIn, callingIn, calledOut, callingOut rewriter
}

// NewBorder checks a border's configuration.
func NewBorder(cfg BorderConfig) (*Border, error) {
	b := &Border{cfg: cfg}
	var err error
	if b.plan, err = NewPlan(cfg.Plan); err != nil {
		return nil, err
	}
	for _, l := range []struct {
		name string
		from []Rewrite
		to   *rewriter
	}{{"called_in", cfg.CalledIn, &b.calledIn}, {"calling_in", cfg.CallingIn, &b.callingIn},
		{"called_out", cfg.CalledOut, &b.calledOut}, {"calling_out", cfg.CallingOut, &b.callingOut}} {
		if *l.to, err = compileRewrites(l.from); err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	switch {
	case cfg.Context != "":
		if b.cfg.Context, err = parseContext(cfg.Context); err != nil {
			return nil, fmt.Errorf("as: context %q: %w", cfg.Context, err)
		}
	case len(b.plan.contexts) > 0:
		b.cfg.Context = b.plan.contexts[0]
	case cfg.Plan.Country != "":
		b.cfg.Context = "+" + cfg.Plan.Country
	default:
		b.cfg.Context = "invalid" // RFC 2606: a number that is valid nowhere
	}
	return b, nil
}

// Plan returns the numbering plan.
func (b *Border) Plan() *Plan { return b.plan }

// CalledIn returns who a URI that came in over this side calls: the Request-URI of an INVITE. The
// error is a [NumberError], and the party then what can be told.
func (b *Border) CalledIn(u sip.URI) (Party, error) {
	p := PartyOf(u, !b.cfg.Strict)
	q, err := b.in(b.calledIn, p)
	if err == nil && q.IsZero() {
		err = badNumber(p.String(), ErrEmpty)
	}
	return q, err
}

// CallingIn returns who a request that came in over this side is from. P-Asserted-Identity counts
// if trusted is true, a number in it before another identity; else From does. A caller that
// cannot be read is the zero Party: anonymous.
func (b *Border) CallingIn(h *sip.Header, trusted bool) Party {
	p := CallingOf(h, trusted, !b.cfg.Strict)
	q, err := b.in(b.callingIn, p)
	if err != nil {
		return p
	}
	return q
}

func (b *Border) in(l rewriter, p Party) (Party, error) {
	p, err := l.party(p)
	if err != nil || p.Number.IsZero() {
		return p, err
	}
	p.Number, err = b.plan.Normalize(p.Number)
	return p, err
}

// CalledOut returns the URI for a party that is called over this side. The host is the peer's,
// with its port if it has one.
func (b *Border) CalledOut(p Party, host string) (sip.URI, error) {
	before := p.String()
	p, err := b.out(b.calledOut, p)
	if err != nil {
		return sip.URI{}, err
	}
	if p.IsZero() {
		return sip.URI{}, badNumber(before, ErrEmpty)
	}
	return b.URI(p, host)
}

// CallingOut returns the party that calls, as this side shows it. A party that cannot be written
// is an anonymous one.
func (b *Border) CallingOut(p Party) Party {
	q, err := b.out(b.callingOut, p)
	if err != nil {
		return Party{Private: p.Private}
	}
	return q
}

func (b *Border) out(l rewriter, p Party) (Party, error) {
	if !p.Number.IsZero() {
		p.Number = b.plan.Format(p.Number, b.cfg.Form)
	}
	return l.party(p)
}

// URI writes a party as this side's URIs are: the zero Party is sip:anonymous@anonymous.invalid
// (RFC 3323 section 4.1).
func (b *Border) URI(p Party, host string) (sip.URI, error) {
	switch n := p.Number; {
	case p.IsZero():
		return sip.ParseURI("sip:anonymous@anonymous.invalid")
	case n.IsZero():
		return sip.ParseURI(p.URI)
	case b.cfg.URI == URITel:
		return n.Tel(b.cfg.Context), nil
	case b.cfg.URI == URIPlain:
		return sip.ParseURI("sip:" + sip.EscapeUser(n.Digits) + "@" + host)
	default:
		return n.SIP(host)
	}
}

// CallingOf returns the caller of a request. See [Border.CallingIn], which also rewrites it.
func CallingOf(h *sip.Header, trusted, lenient bool) Party {
	var p Party
	from, err := h.From()
	if err == nil {
		p = PartyOf(from.URI, lenient)
		p.Name = strings.Clone(from.Display)
		if strings.EqualFold(from.URI.Host, "anonymous.invalid") {
			p = Party{Private: true}
		}
	}
	private := p.Private
	if trusted {
		first := true
		for a, err := range h.AssertedIdentities() {
			if err != nil {
				continue
			}
			q := PartyOf(a.URI, lenient)
			q.Name = strings.Clone(a.Display)
			if first || !q.Number.IsZero() && p.Number.IsZero() {
				p = q
			}
			first = false
		}
	}
	for _, v := range h.Privacy() {
		switch strings.ToLower(v) {
		case "id", "user", "header":
			private = true
		}
	}
	p.Private = private
	return p
}
