package as

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Match says which calls a rule is for: everything that is set has to hold, and of a list one
// element. The zero Match is for every call.
//
// The texts of Called, Calling and ServedUser are numbers and users as [Party.String] has them:
// "+4930123" is exactly that one, "+49*" all that begin so, "/^\+49(\d+)$/" an expression (RE2).
type Match struct {
	Called     []string       `yaml:"called"`
	Calling    []string       `yaml:"calling"`
	ServedUser []string       `yaml:"served_user"` // the URI without its scheme
	Side       []Side         `yaml:"side"`
	Trunk      []string       `yaml:"trunk"`
	Source     []netip.Prefix `yaml:"source"` // addresses the call came from
	Case       []SessionCase  `yaml:"case"`
	RegState   []RegState     `yaml:"reg_state"`
	Method     []string       `yaml:"method"`      // INVITE, MESSAGE
	Emergency  *bool          `yaml:"emergency"`   // is it an emergency call
	Anonymous  *bool          `yaml:"anonymous"`   // is the caller unknown or private
	Diverted   *bool          `yaml:"diverted"`    // was it for somebody else before
	DivertedBy []string       `yaml:"diverted_by"` // who diverted it last
	When       []When         `yaml:"when"`

	// Vars are variables of the Request, or set by earlier rules, with the pattern of each.
	Vars map[string]string `yaml:"vars"`
}

// match reports whether a rule is for a request: failed is "" if it is, else what does not match.
func (u *rule) match(req *Request) (found captures, failed string) {
	m := &u.Match
	switch {
	case len(m.Side) > 0 && !slices.Contains(m.Side, req.Side):
		return found, "side"
	case len(m.Method) > 0 && !slices.Contains(m.Method, string(req.Method)), len(m.Method) == 0 && req.Method != "INVITE" && req.Method != "MESSAGE":
		return found, "method"
	case len(m.Trunk) > 0 && !slices.Contains(m.Trunk, req.Trunk):
		return found, "trunk"
	case len(m.Case) > 0 && !slices.Contains(m.Case, req.Case):
		return found, "session case"
	case len(m.RegState) > 0 && !slices.Contains(m.RegState, req.RegState):
		return found, "registration state"
	case m.Emergency != nil && *m.Emergency != (req.Emergency != ""):
		return found, "emergency"
	case m.Anonymous != nil && *m.Anonymous != (req.Calling.IsZero() || req.Calling.Private):
		return found, "anonymous"
	case m.Diverted != nil && *m.Diverted != (len(req.Diversions) > 0):
		return found, "diverted"
	case len(m.Source) > 0 && !slices.ContainsFunc(m.Source, func(p netip.Prefix) bool { return p.Contains(req.Source.Addr().Unmap()) }):
		return found, "source"
	}
	if !u.served.empty() {
		if _, ok := u.served.match(servedText(req.ServedUser)); !ok {
			return found, "served user"
		}
	}
	if !u.by.empty() {
		if _, ok := u.by.match(divertedBy(req)); !ok {
			return found, "diverted by"
		}
	}
	if !u.calling.empty() {
		if _, ok := u.calling.match(req.Calling.String()); !ok {
			return found, "calling"
		}
	}
	if !u.called.empty() {
		var ok bool
		if found, ok = u.called.match(req.Called.String()); !ok {
			return captures{}, "called"
		}
	}
	for name, p := range u.vars {
		if _, ok := p.match(req.Vars[name]); !ok {
			return captures{}, "variable " + name
		}
	}
	if len(u.when) > 0 && !slices.ContainsFunc(u.when, func(w when) bool { return w.contains(req.Time) }) {
		return captures{}, "time"
	}
	return found, ""
}

// divertedBy is who diverted a call last, empty if nobody has.
func divertedBy(req *Request) string {
	if len(req.Diversions) == 0 {
		return ""
	}
	return req.Diversions[0].By.String()
}

// servedText is a served user as patterns see him.
func servedText(uri string) string {
	if !strings.Contains(uri, ":") {
		return uri
	}
	p, err := partyOfText(uri)
	if err != nil {
		return uri
	}
	return p.String()
}

// why says in words what does not match.
func (u *rule) why(req *Request, failed string) string {
	m := &u.Match
	var have, want any
	switch failed {
	case "side":
		have, want = req.Side, m.Side
	case "method":
		if have, want = req.Method, m.Method; len(m.Method) == 0 {
			want = "INVITE, MESSAGE"
		}
	case "trunk":
		have, want = req.Trunk, m.Trunk
	case "session case":
		have, want = req.Case, m.Case
	case "registration state":
		have, want = req.RegState, m.RegState
	case "emergency":
		have, want = req.Emergency != "", *m.Emergency
	case "anonymous":
		have, want = !*m.Anonymous, *m.Anonymous
	case "diverted":
		have, want = !*m.Diverted, *m.Diverted
	case "diverted by":
		have, want = divertedBy(req), u.by.list
	case "source":
		have, want = req.Source, m.Source
	case "served user":
		have, want = servedText(req.ServedUser), u.served.list
	case "calling":
		have, want = req.Calling, u.calling.list
	case "called":
		have, want = req.Called, u.called.list
	case "time":
		var list []string
		for _, w := range u.when {
			list = append(list, w.text)
		}
		have, want = req.Time.In(u.when[0].zone).Format("Mon 2006-01-02 15:04 MST"), list
	default:
		name := strings.TrimPrefix(failed, "variable ")
		have, want = fmt.Sprintf("%q", req.Vars[name]), u.vars[name].list
	}
	return fmt.Sprintf("%s %v does not match %v", failed, have, want)
}
