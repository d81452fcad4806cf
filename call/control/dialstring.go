package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Var is a channel variable.
type Var struct{ Name, Value string }

// DialString says whom to call, as FreeSWITCH writes it:
//
//	{originate_timeout=20}[leg_timeout=5]sofia/gateway/gw1/4930123456,user/1000|sofia/internal/bob@192.0.2.7
//
// Legs that a comma separates are called at once, those after a bar when the ones before have failed.
type DialString struct {
	Vars   []Var // of all legs: {a=b} or <a=b>
	Groups [][]Endpoint
}

// The kinds of endpoints that are known by name; other kinds are the text up to the first slash.
const (
	KindGateway = "sofia/gateway" // sofia/gateway/NAME/NUMBER
	KindProfile = "sofia"         // sofia/PROFILE/USER@HOST, sofia/PROFILE/sip:…
	KindUser    = "user"          // user/NAME@DOMAIN, where the domain may be missing
	KindError   = "error"         // error/CAUSE: fails with it
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
	errQuote    = errors.New("a quote is not closed")
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
	var d DialString
	const what = "dial string"
	if len(s) > maxTextSize {
		return d, parseError(what, s, errTooMany)
	}
	rest := strings.TrimSpace(s)
	for rest != "" && (rest[0] == '{' || rest[0] == '<') {
		vars, after, err := parseVars(rest)
		if err != nil {
			return d, parseError(what, rest, err)
		}
		d.Vars, rest = append(d.Vars, vars...), strings.TrimLeft(after, " ")
	}
	legs := 0
	groups, err := splitOutside(rest, '|')
	if err != nil {
		return d, parseError(what, rest, err)
	}
	for _, group := range groups {
		var legsOf []Endpoint
		texts, err := splitOutside(group, ',')
		if err != nil {
			return d, parseError(what, group, err)
		}
		for _, text := range texts {
			ep, err := parseEndpoint(strings.TrimSpace(text))
			if err != nil {
				return d, parseError(what, text, err)
			}
			if legs++; legs > maxLegs {
				return d, parseError(what, text, errTooMany)
			}
			legsOf = append(legsOf, ep)
		}
		d.Groups = append(d.Groups, legsOf)
	}
	return d, nil
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

// closing is the bracket that ends what an opening one begins.
func closing(open byte) byte {
	switch open {
	case '{':
		return '}'
	case '[':
		return ']'
	case '<':
		return '>'
	}
	return ')'
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
		vars = append(vars, Var{name, unquote(value)})
	}
	return vars, after, nil
}

// endOfBracket is where the bracket ends that s begins with, -1 if nowhere. Quotes keep brackets apart, and so does
// nesting.
func endOfBracket(s string) int {
	open, shut := s[0], closing(s[0])
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '\'':
			quoted = !quoted && strings.IndexByte(s[i+1:], '\'') >= 0
		case quoted:
		case c == open:
			depth++
		case c == shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// splitOutside splits at sep where it is within no bracket and not quoted.
func splitOutside(s string, sep byte) ([]string, error) {
	var out []string
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '\'':
			quoted = !quoted && strings.IndexByte(s[i+1:], '\'') >= 0
		case quoted:
		case c == sep:
			out = append(out, s[from:i])
			from = i + 1
		case c == '{' || c == '[' || c == '<':
			end := endOfBracket(s[i:])
			if end < 0 {
				return nil, errBracket
			}
			i += end
		}
	}
	return append(out, s[from:]), nil
}

// splitQuoted splits at sep where it is neither quoted nor escaped.
func splitQuoted(s string, sep byte) []string {
	var out []string
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '\'':
			quoted = !quoted && strings.IndexByte(s[i+1:], '\'') >= 0
		case !quoted && c == sep:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// unquote takes quotes away, and the backslash from what it escapes.
func unquote(s string) string {
	if strings.IndexByte(s, '\'') < 0 && strings.IndexByte(s, '\\') < 0 {
		return strings.TrimSpace(s)
	}
	s = strings.TrimSpace(s)
	b := make([]byte, 0, len(s))
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case '\'', '\\', ',', ' ', '"', '|', '[', ']', '{', '}':
				b = append(b, s[i])
			case 'n':
				b = append(b, '\n')
			default:
				b = append(b, c, s[i])
			}
		case c == '\'' && (quoted || strings.IndexByte(s[i+1:], '\'') >= 0):
			quoted = !quoted
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// Action is an application with its arguments.
type Action struct {
	App, Args string
	// UUID names the execution in its events (Application-UUID). If empty, one is made.
	UUID string
	// Lock has what is queued wait until this is done, even if the application lets others work in the meantime, as
	// park, bridge and sleep do. What execute_on_… says is not held up.
	Lock bool
}

// String returns APP(ARGS).
func (a Action) String() string { return a.App + "(" + a.Args + ")" }

// Extension is where a channel goes in a dialplan. With the Dialplan "inline", Number is a list of applications:
// "answer,playback:hello.wav,hangup", or with another separator "m:^:playback:a,b^hangup".
type Extension struct{ Number, Dialplan, Context string }

// app returns the extension &app(args) as an action.
func (x Extension) app() (Action, bool, error) {
	s, ok := strings.CutPrefix(x.Number, "&")
	if !ok {
		return Action{}, false, nil
	}
	app, args, has := strings.Cut(s, "(")
	if has {
		if args, has = strings.CutSuffix(args, ")"); !has {
			return Action{}, true, parseError("application", s, errBracket)
		}
	}
	if app = strings.TrimSpace(app); app == "" {
		return Action{}, true, parseError("application", s, errEmpty)
	}
	return Action{App: app, Args: args}, true, nil
}

// ParseInline reads the list of applications of the inline dialplan.
func ParseInline(s string) ([]Action, error) {
	sep := byte(',')
	if len(s) > 4 && strings.HasPrefix(s, "m:") && s[3] == ':' {
		sep, s = s[2], s[4:]
	}
	var out []Action
	for _, text := range splitQuoted(s, sep) {
		app, args, _ := strings.Cut(strings.TrimSpace(text), ":")
		if app == "" {
			return nil, parseError("inline dialplan", s, errEmpty)
		}
		out = append(out, Action{App: app, Args: unquoteWhole(args)})
	}
	return out, nil
}

// unquoteWhole takes away quotes around the whole.
func unquoteWhole(s string) string {
	if s = strings.TrimSpace(s); len(s) > 1 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return s[1 : len(s)-1]
	}
	return s
}

// Originate says what [Switch.Originate] is to do.
type Originate struct {
	Dial DialString
	// Then is where the channel goes when it has an answer, or early media unless ignore_early_media is set: &app(args)
	// or an extension. If its Number is empty, the channel is parked.
	Then Extension
	// CallerName and CallerNumber are the caller ID; origination_caller_id_name and _number have precedence.
	CallerName, CallerNumber string
	// Timeout is for the answer. If zero, that of originate_timeout, else 60 s.
	Timeout time.Duration
}

// ParseOriginate reads the arguments of FreeSWITCH's originate:
//
//	DIALSTRING &app(args)
//	DIALSTRING EXTENSION [DIALPLAN [CONTEXT [CALLER_NAME [CALLER_NUMBER [TIMEOUT_SECONDS]]]]]
//
// "undef" stands for what is left out.
func ParseOriginate(s string) (Originate, error) {
	var o Originate
	const what = "originate"
	if len(s) > maxTextSize {
		return o, parseError(what, s, errTooMany)
	}
	words, err := splitWords(s)
	if err != nil {
		return o, parseError(what, s, err)
	}
	if len(words) < 2 || len(words) > 7 {
		return o, parseError(what, s, errors.New("want a dial string, an extension and at most five more"))
	}
	if o.Dial, err = ParseDialString(words[0]); err != nil {
		return o, err
	}
	for i, w := range words[1:] {
		if w = unquoteWhole(w); w == "undef" {
			continue
		}
		switch i {
		case 0:
			o.Then.Number = w
		case 1:
			o.Then.Dialplan = w
		case 2:
			o.Then.Context = w
		case 3:
			o.CallerName = w
		case 4:
			o.CallerNumber = w
		case 5:
			if o.Timeout, err = parseSeconds(w); err != nil {
				return o, parseError(what, w, err)
			}
		}
	}
	if _, _, err := o.Then.app(); err != nil {
		return o, err
	}
	return o, nil
}

// splitWords splits at spaces outside of brackets, parentheses and quotes.
func splitWords(s string) ([]string, error) {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		end := len(s)
		depth := 0
		quoted := false
	word:
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == '\\':
				i++
			case c == '\'':
				if !quoted && strings.IndexByte(s[i+1:], '\'') < 0 {
					continue
				}
				quoted = !quoted
			case quoted:
			case c == '{' || c == '[' || c == '<':
				if end := endOfBracket(s[i:]); end > 0 {
					i += end
				} else {
					return nil, errBracket
				}
			case c == '(':
				depth++
			case c == ')':
				depth--
			case c == ' ' && depth <= 0:
				end = i
				break word
			}
		}
		if quoted {
			return nil, errQuote
		}
		out = append(out, s[:end])
		s = s[end:]
	}
	return out, nil
}

// with returns vars with others added, which have precedence.
func with(vars []Var, others ...Var) []Var { return append(slices.Clone(vars), others...) }
