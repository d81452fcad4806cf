package control

import "strings"

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
