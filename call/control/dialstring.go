package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Var is a channel variable.
type Var struct{ Name, Value string }

// DialString says whom to call, as FreeSWITCH writes it:
//
//	{originate_timeout=20}[leg_timeout=5]sofia/gateway/gw1/4930123456,user/1000|sofia/internal/bob@192.0.2.7
//
// Legs that a comma separates are called at once, those after a bar when the ones before have failed. Whole dial strings
// that :_: separates, each with variables of its own, are followed at once as well; then <a=b> in front is of all:
//
//	<ignore_early_media=true>{leg_timeout=10}user/1000|user/1001:_:sofia/gateway/gw1/4930123456
type DialString struct {
	Vars   []Var // of all legs: {a=b} or <a=b>
	Groups [][]Endpoint
	// Enterprise are what :_: separates, two at least; then there are no Groups.
	Enterprise []DialString
}

// The kinds of endpoints that are known by name; other kinds are the text up to the first slash.
const (
	KindGateway = "sofia/gateway" // sofia/gateway/NAME/NUMBER
	KindProfile = "sofia"         // sofia/PROFILE/USER@HOST, sofia/PROFILE/sip:…
	KindUser    = "user"          // user/NAME@DOMAIN, where the domain may be missing
	KindError   = "error"         // error/CAUSE: fails with it
	// KindLoopback is loopback/EXTENSION[/CONTEXT[/DIALPLAN]]: a call to ourselves. Its other end is a channel that came
	// in, and goes to that extension.
	KindLoopback = "loopback"
)

// Endpoint is one leg of a dial string.
type Endpoint struct {
	Kind string
	Name string // of the gateway or profile
	Dest string // what follows: a number, user@host or URI
	Vars []Var  // of this leg: [a=b]
}

// String returns the endpoint without its variables.
func (e Endpoint) String() string {
	switch e.Kind {
	case KindGateway, KindProfile:
		return e.Kind + "/" + e.Name + "/" + e.Dest
	}
	return e.Kind + "/" + e.Dest
}

// ParseError says what cannot be understood in a dial string, an originate command or an application's arguments.
type ParseError struct {
	What string // "dial string", …
	Text string // where, at most 60 octets of it
	Err  error
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("control: %s: %v at %q", e.What, e.Err, e.Text)
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

var (
	errBracket  = errors.New("a bracket is not closed")
	errVariable = errors.New("a variable without a value")
	errEmpty    = errors.New("nothing is there")
	errEndpoint = errors.New("no endpoint")
	errTooMany  = errors.New("too much")
)

const (
	maxLegs     = 128     // of one dial string
	maxTextSize = 1 << 16 // of a dial string or an application's arguments
)

func parseError(what, text string, err error) error {
	if len(text) > 60 {
		text = text[:60]
	}
	return &ParseError{what, text, err}
}

// ParseDialString reads a dial string of at most 64 KiB and 128 legs. The error is a [*ParseError].
func ParseDialString(s string) (DialString, error) {
	const what = "dial string"
	if len(s) > maxTextSize {
		return DialString{}, parseError(what, s, errTooMany)
	}
	var all DialString
	rest, err := all.variables(s, "<")
	if err != nil {
		return all, parseError(what, s, err)
	}
	alternatives, err := splitOutside(rest, ":_:")
	if err != nil {
		return all, parseError(what, rest, err)
	}
	for _, text := range alternatives {
		var d DialString
		if text, err = d.variables(text, "{<"); err == nil {
			err = d.groups(text)
		}
		if err != nil {
			return all, parseError(what, text, err)
		}
		all.Enterprise = append(all.Enterprise, d)
	}
	if all.Legs() > maxLegs {
		return all, parseError(what, s, errTooMany)
	}
	if len(all.Enterprise) == 1 {
		d := all.Enterprise[0]
		d.Vars = slices.Concat(all.Vars, d.Vars)
		return d, nil
	}
	return all, nil
}

// variables takes those in front of all legs, in brackets that one of opens begins.
func (d *DialString) variables(s, opens string) (rest string, err error) {
	rest = strings.TrimSpace(s)
	for rest != "" && strings.IndexByte(opens, rest[0]) >= 0 {
		vars, after, err := parseVars(rest)
		if err != nil {
			return rest, err
		}
		d.Vars, rest = append(d.Vars, vars...), strings.TrimLeft(after, " ")
	}
	return rest, nil
}

// groups reads the legs.
func (d *DialString) groups(s string) error {
	groups, err := splitOutside(s, "|")
	if err != nil {
		return err
	}
	for _, group := range groups {
		texts, err := splitOutside(group, ",")
		if err != nil {
			return err
		}
		var legs []Endpoint
		for _, text := range texts {
			ep, err := parseEndpoint(strings.TrimSpace(text))
			if err != nil {
				return err
			}
			legs = append(legs, ep)
		}
		d.Groups = append(d.Groups, legs)
	}
	return nil
}

// Legs returns how many legs there are.
func (d DialString) Legs() (n int) {
	for _, group := range d.Groups {
		n += len(group)
	}
	for _, other := range d.Enterprise {
		n += other.Legs()
	}
	return n
}

func parseEndpoint(s string) (Endpoint, error) {
	var ep Endpoint
	for s != "" && (s[0] == '[' || s[0] == '{') {
		vars, after, err := parseVars(s)
		if err != nil {
			return ep, err
		}
		ep.Vars, s = append(ep.Vars, vars...), strings.TrimLeft(after, " ")
	}
	if s == "" {
		return ep, errEmpty
	}
	kind, rest, ok := strings.Cut(s, "/")
	if !ok || kind == "" || rest == "" {
		return ep, errEndpoint
	}
	ep.Kind = kind
	if kind != "sofia" {
		ep.Dest = rest
		return ep, nil
	}
	if after, ok := strings.CutPrefix(rest, "gateway/"); ok {
		ep.Kind, rest = KindGateway, after
	}
	if ep.Name, ep.Dest, ok = strings.Cut(rest, "/"); !ok || ep.Name == "" || ep.Dest == "" {
		return ep, errEndpoint
	}
	return ep, nil
}

// parseVars reads the variables in the bracket that s begins with: a=b,c='d,e',f=\,g. With ^^: after the bracket a
// colon, or whatever the character is, stands for the comma.
func parseVars(s string) (vars []Var, after string, err error) {
	end := endOfBracket(s)
	if end < 0 {
		return nil, "", errBracket
	}
	body, after := s[1:end], s[end+1:]
	sep := byte(',')
	if len(body) > 2 && strings.HasPrefix(body, "^^") {
		sep, body = body[2], body[3:]
	}
	for _, text := range splitQuoted(body, sep) {
		if strings.TrimSpace(text) == "" {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, "", errVariable
		}
		vars = append(vars, Var{name, unquote(value, sep)})
	}
	return vars, after, nil
}

// with returns vars with others added, which have precedence.
func with(vars []Var, others ...Var) []Var { return append(slices.Clone(vars), others...) }
