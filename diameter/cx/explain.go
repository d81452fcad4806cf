package cx

import (
	"fmt"
	"strings"
)

// Explanation says why a request matches a criterion, or why not.
type Explanation struct {
	Criterion *InitialFilterCriteria
	Matched   bool
	// Reason is a sentence where no trigger decides: another part of the profile, no trigger at all, a regular expression
	// that isn't one. Empty if the groups decide.
	Reason string
	Groups []GroupExplanation
}

// GroupExplanation is about one group of triggers.
type GroupExplanation struct {
	Group    int
	Matched  bool
	Triggers []TriggerExplanation
}

// TriggerExplanation is about one trigger.
type TriggerExplanation struct {
	SPT     *SPT
	Matched bool
	Found   string // what stands in the request where the trigger looks, empty if nothing does
}

// Explain tells for each criterion, in the order of priority, whether r matches it and why.
func (f *Filters) Explain(r *Request) []Explanation {
	out := make([]Explanation, len(f.criteria))
	for i := range f.criteria {
		out[i] = f.criteria[i].explain(r)
	}
	return out
}

func (c *compiled) explain(r *Request) Explanation {
	e := Explanation{Criterion: c.InitialFilterCriteria, Matched: c.match(r)}
	if c.err != nil {
		e.Reason = "never matches: " + c.err.Error()
		return e
	}
	if p, ok := c.ProfilePartIndicator.Get(); ok && p != r.ProfilePart {
		e.Reason = fmt.Sprintf("is for the profile part %v, the user is %v", p, r.ProfilePart)
		return e
	}
	if c.TriggerPoint == nil || len(c.TriggerPoint.SPTs) == 0 {
		e.Reason = "no trigger: matches every request"
		return e
	}
	for i, spts := range c.groups {
		g := GroupExplanation{Group: c.numbers[i], Matched: c.group(spts, c.TriggerPoint.ConditionTypeCNF, r)}
		for _, at := range spts {
			what, _ := c.find(at, r)
			g.Triggers = append(g.Triggers, TriggerExplanation{&c.TriggerPoint.SPTs[at], c.spt(at, r), what})
		}
		e.Groups = append(e.Groups, g)
	}
	return e
}

// String returns the explanation in lines:
//
//	priority 10 -> sip:as.example matches: in every group a trigger holds (CNF)
//	  group 0 holds
//	    yes: Method "INVITE"; the request has "INVITE"
func (e Explanation) String() string {
	var b strings.Builder
	verdict := "does not match"
	if e.Matched {
		verdict = "matches"
	}
	fmt.Fprintf(&b, "priority %d -> %s %s: ", e.Criterion.Priority, e.Criterion.ApplicationServer.ServerName, verdict)
	if e.Reason != "" {
		b.WriteString(e.Reason + "\n")
		return b.String()
	}
	switch {
	case e.Criterion.TriggerPoint.ConditionTypeCNF && e.Matched:
		b.WriteString("in every group a trigger holds (CNF)\n")
	case e.Criterion.TriggerPoint.ConditionTypeCNF:
		b.WriteString("in some group no trigger holds (CNF)\n")
	case e.Matched:
		b.WriteString("in some group every trigger holds (DNF)\n")
	default:
		b.WriteString("in no group every trigger holds (DNF)\n")
	}
	for _, g := range e.Groups {
		holds := "fails"
		if g.Matched {
			holds = "holds"
		}
		fmt.Fprintf(&b, "  group %d %s\n", g.Group, holds)
		for _, t := range g.Triggers {
			answer := "no"
			if t.Matched {
				answer = "yes"
			}
			fmt.Fprintf(&b, "    %s: %s", answer, t.SPT)
			if t.Found != "" {
				fmt.Fprintf(&b, "; the request has %q", t.Found)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// String returns the condition in words, such as `not SIPHeader "P-Service" with "video"`.
func (s *SPT) String() string {
	var b strings.Builder
	if s.ConditionNegated {
		b.WriteString("not ")
	}
	b.WriteString(s.Kind.String())
	switch s.Kind {
	case SPTRequestURI, SPTMethod:
		fmt.Fprintf(&b, " %q", s.Value)
		for i, r := range s.RegistrationTypes {
			fmt.Fprintf(&b, "%s%v", []string{" of ", " or "}[min(i, 1)], r)
		}
	case SPTSessionCase:
		fmt.Fprintf(&b, " %v", s.SessionCase)
	default:
		fmt.Fprintf(&b, " %q", s.Name)
		if c, ok := s.Content.Get(); ok {
			fmt.Fprintf(&b, " with %q", c)
		}
	}
	return b.String()
}
