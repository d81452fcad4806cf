package sccp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gotelco/telco/mtp3"
)

// Explanation is the whole decision of a translation, for people.
type Explanation struct {
	Title      GlobalTitle
	Result     Result
	Candidates []Candidate // the rules whose digits fit, or whose fields do; the best first
	Entities   []EntityState
	Address    Address // the called address after translation

	format mtp3.Format
}

// Candidate is a rule that was considered.
type Candidate struct {
	Index   int
	Name    string
	Digits  int // how many digits of the title its digits cover
	Matches bool
	Chosen  bool
	Why     string // why it was taken or not
}

// EntityState is an entity of the rule that was chosen.
type EntityState struct {
	Entity
	Usable bool
	Why    ReturnCause // if not Usable
	Chosen bool
}

// maxCandidates is how many rules an explanation lists.
const maxCandidates = 32

// Explain is the whole decision about a title: what [Table.Translate] would answer, and why. It counts nothing.
func (t *Table) Explain(q Query, av Availability) Explanation {
	x := Explanation{Title: q.Called.GT, Address: q.Called, Result: Result{Cause: NoTranslationForNature, Rule: -1}}
	if t == nil {
		return x
	}
	x.format = t.format
	g := &q.Called.GT
	x.Result.Cause = t.missing(&q.Called)
	best := -1
	if g.Format != NoGT {
		best, _ = t.search(0, 0, &q.Called, -1, -1)
	}
	for i := range t.rules {
		m := &t.rules[i].Match
		c := Candidate{Index: i, Name: ruleName(t.rules[i].Name, i), Chosen: i == best, Digits: len(m.Digits)}
		digits, fields := m.covers(g.Digits), m.takes(&q.Called)
		switch {
		case !digits && (!fields || m.Digits == ""):
			continue
		case !digits:
			if firstDigit(m.Digits) != firstDigit(g.Digits.String()) {
				continue
			}
			c.Digits, c.Why = 0, "the digits differ"
		case m.Whole && g.Digits.n != len(m.Digits):
			c.Why = fmt.Sprintf("the title has more than the %d digits", len(m.Digits))
		case !fields:
			c.Why = m.differs(&q.Called)
		case i == best:
			c.Matches, c.Why = true, fmt.Sprintf("matches with %d digits, more than or before all others", c.Digits)
		default:
			c.Matches, c.Why = true, "matches, but another matches better"
		}
		x.Candidates = append(x.Candidates, c)
	}
	slices.SortStableFunc(x.Candidates, func(a, b Candidate) int {
		if a.Chosen != b.Chosen {
			return flagInt(b.Chosen) - flagInt(a.Chosen)
		}
		if a.Matches != b.Matches {
			return flagInt(b.Matches) - flagInt(a.Matches)
		}
		return b.Digits - a.Digits
	})
	x.Candidates = x.Candidates[:min(len(x.Candidates), maxCandidates)]
	if best < 0 {
		return x
	}
	r := &t.rules[best]
	n, cause := r.choose(q, av, t.format, false)
	x.Result = Result{Cause: cause, Rule: best}
	if n >= 0 {
		x.Result = t.result(best, n, q.Called)
		x.Address, _ = x.Result.Address(q.Called, nil)
	}
	for i := range r.entities {
		s := EntityState{Entity: r.entities[i].Entity, Usable: true, Chosen: i == n}
		if av != nil {
			s.Usable, s.Why = av.Reach(s.PC, r.entities[i].target(q.Called))
		}
		x.Entities = append(x.Entities, s)
	}
	return x
}

func flagInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func firstDigit(s string) string { return s[:min(len(s), 1)] }

// covers tells whether the leading digits of d are those of m.
func (m *Match) covers(d Digits) bool {
	n := len(m.Digits)
	if d.n < n {
		return false
	}
	s := d.String()[:n]
	if m.Through != "" {
		for i := range n {
			if s[i] > '9' {
				return false
			}
		}
		return s >= m.Digits && s <= m.Through
	}
	for i := range n {
		if m.Digits[i] == '?' && s[i] <= '9' {
			continue
		}
		if s[i] != strings.ToUpper(m.Digits)[i] {
			return false
		}
	}
	return true
}

// differs says which field of an address m does not take.
func (m *Match) differs(a *Address) string {
	g := &a.GT
	switch {
	case m.Format != NoGT && m.Format != g.Format:
		return fmt.Sprintf("wants global title indicator %d, the title has %d", m.Format, g.Format)
	case !m.TT.takes(g.Format.hasTT(), g.TT):
		return fmt.Sprintf("wants translation type %d, the title has %s", m.TT-1, value(g.Format.hasTT(), g.TT))
	case !m.Plan.takes(g.Format.hasPlan(), uint8(g.Plan)):
		return fmt.Sprintf("wants numbering plan %v, the title has %s", NumberingPlan(m.Plan-1), value(g.Format.hasPlan(), g.Plan))
	case !m.SSN.takes(a.HasSSN, uint8(a.SSN)):
		return fmt.Sprintf("wants subsystem %v, the address has %s", SSN(m.SSN-1), value(a.HasSSN, a.SSN))
	}
	return fmt.Sprintf("wants nature of address %v, the title has %s", NatureOfAddress(m.Nature-1), value(g.Format.hasNature(), g.Nature))
}

func value(has bool, v any) string {
	if !has {
		return "none"
	}
	return fmt.Sprint(v)
}

// String is the decision in lines of text.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "title %v\n", x.Title)
	for _, c := range x.Candidates {
		mark := " "
		if c.Chosen {
			mark = ">"
		}
		fmt.Fprintf(&b, "%s rule %s: %s\n", mark, c.Name, c.Why)
	}
	if len(x.Candidates) == 0 {
		b.WriteString("  no rule comes near\n")
	}
	for _, e := range x.Entities {
		mark, how, state := " ", "on SSN", "usable"
		if e.Chosen {
			mark = ">"
		}
		if e.RouteOnGT {
			how = "on the title"
		}
		if !e.Usable {
			state = "not usable: " + e.Why.String()
		}
		fmt.Fprintf(&b, "%s entity %s routes %s: %s\n", mark, x.format.PointCodeString(e.PC), how, state)
	}
	if x.Result.OK {
		fmt.Fprintf(&b, "sent to %s with called address %v\n", x.format.PointCodeString(x.Result.PC), x.Address)
	} else {
		fmt.Fprintf(&b, "returned: %v\n", x.Result.Cause)
	}
	return b.String()
}
