package cx

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Request is what initial filter criteria look at: the facts of a SIP request at the S-CSCF.
type Request struct {
	Method           string
	RequestURI       string
	SessionCase      SessionCase
	ProfilePart      ProfilePart      // Unregistered if the served user is not registered
	RegistrationType RegistrationType // of a REGISTER
	Headers          []HeaderField    // compact names are taken for their long ones
	SDP              string           // the session description of the body, empty if there is none
}

// HeaderField is one line of a SIP request's header.
type HeaderField struct{ Name, Value string }

// Filters are the initial filter criteria of a service profile, ready to be matched. A Filters is never changed and may be shared.
type Filters struct {
	criteria []compiled
}

// compiled is one criterion. groups[i] are the indexes of the triggers in its i-th group.
type compiled struct {
	*InitialFilterCriteria
	names, values []*regexp.Regexp // of each trigger, nil where it has none
	numbers       []int            // of the groups
	groups        [][]int
	err           error // a regular expression that isn't one: it never matches
}

// A FilterError says that a regular expression of a criterion is not one. The criterion never matches.
type FilterError struct {
	Priority int
	Err      error
}

// Error returns the priority and what is wrong.
func (e *FilterError) Error() string {
	return fmt.Sprintf("cx: initial filter criterion of priority %d: %v", e.Priority, e.Err)
}

// Unwrap returns what is wrong.
func (e *FilterError) Unwrap() error { return e.Err }

// NewFilters sorts criteria by priority and compiles their regular expressions (in Go's syntax, which holds the extended ones
// of POSIX that TS 29.228 Annex F asks for). Where priorities are equal their order stays. The Filters is good also if there
// is an error, which joins a [*FilterError] for each criterion that can never match.
func NewFilters(criteria []InitialFilterCriteria) (*Filters, error) {
	f := &Filters{criteria: make([]compiled, len(criteria))}
	var errs []error
	for i := range criteria {
		c := compile(&criteria[i])
		if c.err != nil {
			errs = append(errs, &FilterError{c.Priority, c.err})
		}
		f.criteria[i] = c
	}
	slices.SortStableFunc(f.criteria, func(a, b compiled) int { return cmp.Compare(a.Priority, b.Priority) })
	return f, errors.Join(errs...)
}

func compile(in *InitialFilterCriteria) compiled {
	c := compiled{InitialFilterCriteria: in}
	if in.TriggerPoint == nil {
		return c
	}
	spts := in.TriggerPoint.SPTs
	c.names, c.values = make([]*regexp.Regexp, len(spts)), make([]*regexp.Regexp, len(spts))
	expression := func(text string) *regexp.Regexp {
		r, err := regexp.Compile(text)
		if err != nil && c.err == nil {
			c.err = err
		}
		return r
	}
	for i := range spts {
		s := &spts[i]
		switch s.Kind {
		case SPTRequestURI:
			c.values[i] = expression(s.Value)
		case SPTSIPHeader:
			c.names[i] = expression("^(?i:" + s.Name + ")$")
		case SPTSessionDescription:
			c.names[i] = expression("^(?:" + s.Name + ")$")
		}
		if content, ok := s.Content.Get(); ok && c.names[i] != nil {
			c.values[i] = expression(content)
		}
		for _, g := range s.Groups {
			at := slices.Index(c.numbers, g)
			if at < 0 {
				at = len(c.numbers)
				c.numbers, c.groups = append(c.numbers, g), append(c.groups, nil)
			}
			c.groups[at] = append(c.groups[at], i)
		}
	}
	return c
}

// Len is the number of criteria.
func (f *Filters) Len() int { return len(f.criteria) }

// At returns the i-th criterion in the order of priority, which the caller must not change.
func (f *Filters) At(i int) *InitialFilterCriteria { return f.criteria[i].InitialFilterCriteria }

// Next returns the index of the first criterion that r matches, beginning with the one at index from. An S-CSCF begins with 0,
// and goes on with the index after the last when a request has come back from its application server (TS 24.229 section
// 5.4.3.2), with the facts of the request as it came back.
func (f *Filters) Next(r *Request, from int) (int, bool) {
	for i := max(from, 0); i < len(f.criteria); i++ {
		if f.criteria[i].match(r) {
			return i, true
		}
	}
	return 0, false
}

// Evaluate returns all criteria that r matches, in the order of priority.
func (f *Filters) Evaluate(r *Request) []*InitialFilterCriteria {
	var out []*InitialFilterCriteria
	for i := range f.criteria {
		if f.criteria[i].match(r) {
			out = append(out, f.criteria[i].InitialFilterCriteria)
		}
	}
	return out
}

func (c *compiled) match(r *Request) bool {
	if c.err != nil {
		return false
	}
	if p, ok := c.ProfilePartIndicator.Get(); ok && p != r.ProfilePart {
		return false
	}
	t := c.TriggerPoint
	if t == nil || len(t.SPTs) == 0 {
		return true
	}
	for _, group := range c.groups {
		// In CNF one group that fails decides, and one trigger that holds makes a group. In DNF it is the other way round.
		if c.group(group, t.ConditionTypeCNF, r) != t.ConditionTypeCNF {
			return !t.ConditionTypeCNF
		}
	}
	return t.ConditionTypeCNF
}

// group tells whether any trigger of a group holds, or else whether all of them do.
func (c *compiled) group(spts []int, any bool, r *Request) bool {
	for _, i := range spts {
		if c.spt(i, r) == any {
			return any
		}
	}
	return !any
}

// spt tells whether a trigger holds, its negation included.
func (c *compiled) spt(i int, r *Request) bool {
	s := &c.TriggerPoint.SPTs[i]
	_, found := c.find(i, r)
	return found != s.ConditionNegated
}

// find returns what a trigger finds in the request, its negation left out.
func (c *compiled) find(i int, r *Request) (what string, found bool) {
	s := &c.TriggerPoint.SPTs[i]
	switch s.Kind {
	case SPTRequestURI:
		return r.RequestURI, c.values[i].MatchString(r.RequestURI)
	case SPTMethod:
		if s.Value != r.Method {
			return r.Method, false
		}
		if r.Method == "REGISTER" && len(s.RegistrationTypes) > 0 {
			return r.Method + ", " + r.RegistrationType.String(), slices.Contains(s.RegistrationTypes, r.RegistrationType)
		}
		return r.Method, true
	case SPTSessionCase:
		return r.SessionCase.String(), s.SessionCase == r.SessionCase
	case SPTSIPHeader:
		for _, h := range r.Headers {
			name := h.Name
			if len(name) == 1 {
				name = longName(name)
			}
			if c.names[i].MatchString(name) && (c.values[i] == nil || c.values[i].MatchString(h.Value)) {
				return h.Value, true
			}
		}
	case SPTSessionDescription:
		for line := range strings.Lines(r.SDP) {
			letter, content, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
			if ok && c.names[i].MatchString(letter) && (c.values[i] == nil || c.values[i].MatchString(content)) {
				return content, true
			}
		}
	}
	return "", false
}

// longName returns the name of a header's compact form (RFC 3261 section 7.3.3 and the registry of header fields).
func longName(compact string) string {
	switch strings.ToLower(compact) {
	case "a":
		return "Accept-Contact"
	case "b":
		return "Referred-By"
	case "c":
		return "Content-Type"
	case "d":
		return "Request-Disposition"
	case "e":
		return "Content-Encoding"
	case "f":
		return "From"
	case "i":
		return "Call-ID"
	case "j":
		return "Reject-Contact"
	case "k":
		return "Supported"
	case "l":
		return "Content-Length"
	case "m":
		return "Contact"
	case "n":
		return "Identity-Info"
	case "o":
		return "Event"
	case "r":
		return "Refer-To"
	case "s":
		return "Subject"
	case "t":
		return "To"
	case "u":
		return "Allow-Events"
	case "v":
		return "Via"
	case "x":
		return "Session-Expires"
	case "y":
		return "Identity"
	}
	return compact
}
