package as

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// patterns is a list of texts as rules name numbers and users: "+4930123" is that text, "+49*"
// every one that begins so, and "/^\+49(\d+)$/" an expression (RE2). A text that itself begins
// with "/" or ends with "*" needs an expression. Exact texts and prefixes cost the same however
// many there are.
type patterns struct {
	list    []string // as configured
	exact   map[string]struct{}
	prefix  map[string]struct{}
	lengths []int // of prefixes, the longest first
	exprs   []*regexp.Regexp
}

func compilePatterns(what string, list []string) (patterns, error) {
	p := patterns{list: list}
	for _, s := range list {
		switch {
		case s == "":
			return p, fmt.Errorf("%s: an empty pattern", what)
		case len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/':
			re, err := regexp.Compile(s[1 : len(s)-1])
			if err != nil {
				return p, fmt.Errorf("%s: %w", what, err)
			}
			p.exprs = append(p.exprs, re)
		case s[len(s)-1] == '*':
			s = s[:len(s)-1]
			if p.prefix == nil {
				p.prefix = map[string]struct{}{}
			}
			p.prefix[s] = struct{}{}
			if !slices.Contains(p.lengths, len(s)) {
				p.lengths = append(p.lengths, len(s))
			}
		default:
			if p.exact == nil {
				p.exact = map[string]struct{}{}
			}
			p.exact[s] = struct{}{}
		}
	}
	slices.Sort(p.lengths)
	slices.Reverse(p.lengths)
	return p, nil
}

func (p *patterns) empty() bool { return len(p.list) == 0 }

// match reports whether s matches, and the captures if an expression did.
func (p *patterns) match(s string) (c captures, ok bool) {
	if p.empty() {
		return c, true
	}
	if _, ok := p.exact[s]; ok {
		return c, true
	}
	for _, re := range p.exprs { // before prefixes: they give captures
		if m := re.FindStringSubmatchIndex(s); m != nil {
			return captures{re, s, m}, true
		}
	}
	for _, n := range p.lengths {
		if len(s) >= n {
			if _, ok := p.prefix[s[:n]]; ok {
				return c, true
			}
		}
	}
	return c, false
}

// captures are what an expression found.
type captures struct {
	re   *regexp.Regexp
	text string
	at   []int
}

// expand puts the captures where a template says $1 or ${name}, each written by quote.
func (c captures) expand(template string, quote func(string) string) string {
	if c.re == nil || !strings.Contains(template, "$") {
		return template
	}
	// The captures, quoted, one after the other, as a text of its own.
	var b strings.Builder
	at := make([]int, 0, len(c.at))
	for i := 0; i < len(c.at); i += 2 {
		if c.at[i] < 0 {
			at = append(at, -1, -1)
			continue
		}
		start := b.Len()
		b.WriteString(quote(c.text[c.at[i]:c.at[i+1]]))
		at = append(at, start, b.Len())
	}
	out := c.re.ExpandString(nil, template, b.String(), at)
	return string(out[:min(len(out), maxText)])
}
