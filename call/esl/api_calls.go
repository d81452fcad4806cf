package esl

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/gotelco/telco/call/control"
)

// callCommands make and end calls.
var callCommands = map[string]apiCommand{
	"conference": {syntaxConference, "Conferences", (*Server).conference},
	"hupall":     {"<cause> [<var> <value>]", "hupall", (*Server).hupall},
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

const syntaxConference = "list|<name> list [count]|<name> mute|unmute|deaf|undeaf|kick|hup <member>|all"

// conference lists conferences and their members, and has members muted, or leave.
func (s *Server) conference(_ context.Context, args string) string {
	words := split(args, 4)
	all := s.sw.Conferences()
	title := func(c control.ConferenceInfo) string {
		return fmt.Sprintf("+OK Conference %s (%d member%s)\n", c.Name, len(c.Members), plural(len(c.Members), "", "s"))
	}
	if name := arg(words, 0); name == "" || name == "list" {
		if len(all) == 0 {
			return "+OK No active conferences.\n"
		}
		var b strings.Builder
		for _, c := range all {
			b.WriteString(title(c))
			s.members(&b, c)
		}
		return b.String()
	}
	for _, c := range all {
		if c.Name != words[0] {
			continue
		}
		switch what := strings.ToLower(arg(words, 1)); what {
		case "list":
			if arg(words, 2) == "count" {
				return fmt.Sprintf("%d\n", len(c.Members))
			}
			var b strings.Builder
			s.members(&b, c)
			return b.String()
		case "mute", "unmute", "deaf", "undeaf", "kick", "hup":
			id, err := strconv.Atoi(arg(words, 2))
			if who := arg(words, 2); who != "all" && (err != nil || id <= 0) {
				return usage(syntaxConference)
			}
			if what == "hup" {
				what = "kick"
			}
			if s.sw.ConferenceDo(c.Name, id, what) == 0 {
				return fmt.Sprintf("Non-Existant ID %d\n", id) // sic
			}
			return fmt.Sprintf("+OK %s %s\n", strings.ToLower(words[1]), words[2])
		}
		return "-ERR Conference command '" + arg(words, 1) + "' not found.\n"
	}
	return fmt.Sprintf("-ERR Conference %s not found\n", words[0])
}

// members writes a line for each member.
func (s *Server) members(b *strings.Builder, c control.ConferenceInfo) {
	for _, m := range c.Members {
		var i control.ChannelInfo
		if ch := s.sw.Channel(m.UUID); ch != nil {
			i = ch.Info()
		}
		flags := []string{}
		if !m.Deaf {
			flags = append(flags, "hear")
		}
		if !m.Muted {
			flags = append(flags, "speak")
		}
		fmt.Fprintf(b, "%d;%s;%s;%s;%s;%s;0;0;0\n", m.ID, oneLine(i.Name), m.UUID, oneLine(i.CallerName), oneLine(i.CallerNumber), strings.Join(flags, "|"))
	}
}
