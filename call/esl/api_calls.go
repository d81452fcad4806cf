package esl

import (
	"context"
	"fmt"
	"strings"

	"github.com/gotelco/telco/call/control"
)

// callCommands make and end calls.
var callCommands = map[string]apiCommand{
	"conference": {"list|<name> list [count]", "Conferences", func(s *Server, _ context.Context, args string) string {
		words := split(args, 4)
		all := s.sw.Conferences()
		if arg(words, 0) == "" || words[0] == "list" || words[0] == "json_list" {
			if len(all) == 0 {
				return "+OK No active conferences.\n"
			}
			var b strings.Builder
			for _, c := range all {
				fmt.Fprintf(&b, "+OK Conference %s (%d member%s)\n", c.Name, c.Members, plural(c.Members, "", "s"))
			}
			return b.String()
		}
		for _, c := range all {
			switch {
			case c.Name != words[0]:
			case arg(words, 1) == "list" && arg(words, 2) == "count":
				return fmt.Sprintf("%d\n", c.Members)
			case arg(words, 1) == "list":
				return fmt.Sprintf("+OK Conference %s (%d member%s)\n", c.Name, c.Members, plural(c.Members, "", "s"))
			default:
				return "-ERR conference " + arg(words, 1) + " is not supported\n"
			}
		}
		return fmt.Sprintf("-ERR Conference %s not found\n", words[0])
	}},
	"hupall": {"<cause> [<var> <value>]", "hupall", (*Server).hupall},
	"originate": {syntaxOriginate, "Originate a call", func(s *Server, _ context.Context, args string) string {
		o, err := control.ParseOriginate(args)
		if err != nil {
			return usage(syntaxOriginate)
		}
		// The call goes on without the client, which may have gone.
		ch, err := s.sw.Originate(s.ctx, o)
		if err != nil {
			cause := control.CauseOf(err)
			return "-ERR " + cause.String() + "\n"
		}
		return "+OK " + ch.UUID() + "\n"
	}},
}

// hupall ends all channels, or those whose variables have the given values.
func (s *Server) hupall(_ context.Context, args string) string {
	words := split(args, 11)
	cause, err := control.ParseCause(arg(words, 0))
	if err != nil || cause == control.CauseNone {
		cause = control.ManagerRequest
	}
	pairs := words[min(1, len(words)):]
	pairs = pairs[:len(pairs)/2*2]
channels:
	for _, info := range s.sw.Channels() {
		ch := s.sw.Channel(info.UUID)
		if ch == nil {
			continue
		}
		for i := 0; i < len(pairs); i += 2 {
			if ch.Var(pairs[i]) != pairs[i+1] {
				continue channels
			}
		}
		ch.Hangup(cause)
	}
	switch len(pairs) {
	case 0:
		return fmt.Sprintf("+OK hangup all channels with cause %s\n", cause)
	case 2:
		return fmt.Sprintf("+OK hangup all channels matching [%s]=[%s] with cause: %s\n", pairs[0], pairs[1], cause)
	}
	return fmt.Sprintf("+OK hangup all channels matching [%s]=[%s]... with cause: %s\n", pairs[0], pairs[1], cause)
}
