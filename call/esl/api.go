package esl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gotelco/telco/call/control"
)

// apiCommand is an API command of the package.
type apiCommand struct {
	syntax, about string
	run           func(s *Server, ctx context.Context, args string) string
}

// commands are the API commands. It is filled by init, as some of them look at it.
var commands map[string]apiCommand

func init() {
	commands = make(map[string]apiCommand)
	for _, m := range []map[string]apiCommand{callCommands, channelCommands, systemCommands, scheduleCommands, showCommands, textCommands} {
		maps.Copy(commands, m)
	}
}

// API carries out an API command: its name and arguments. The error says that there is no such command; whether a
// command has done what it was to do is in its answer.
func (s *Server) API(ctx context.Context, line string) (string, error) {
	name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
	name, args = strings.ToLower(name), strings.TrimSpace(args)
	if f, ok := s.cfg.Commands[name]; ok {
		return f(ctx, args), nil
	}
	if c, ok := commands[name]; ok {
		return c.run(s, ctx, args), nil
	}
	return "", errors.New("esl: no such command: " + name)
}

// run is API for a client: an unknown command is said to be so, in FreeSWITCH's words, and Config.Deny holds.
func (s *Server) run(ctx context.Context, line string) string {
	name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
	if s.denied(name, args) {
		return "-ERR permission denied\n"
	}
	e := s.sw.NewEvent("API", "")
	e.Add("API-Command", name)
	if args != "" {
		e.Add("API-Command-Argument", args)
	}
	s.sw.Emit(e)
	text, err := s.API(ctx, line)
	if err != nil {
		return fmt.Sprintf("-ERR %s Command not found!\n", name)
	}
	return text
}

// channelAPI is API for what channels execute: hooks, and functions in what is expanded.
func (s *Server) channelAPI(ctx context.Context, line string) (string, error) {
	name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
	if s.denied(name, args) {
		return "", errors.New("esl: denied: " + name)
	}
	return s.API(ctx, line)
}

// denied reports whether a command must not be used, nor one that is within its arguments.
func (s *Server) denied(name, args string) bool {
	if len(s.deny) == 0 {
		return false
	}
	for range 16 {
		name = strings.ToLower(name)
		if s.deny[name] {
			return true
		}
		switch name {
		case "bgapi", "expand", "eval":
			if words := strings.Fields(args); len(words) > 1 && strings.HasPrefix(words[0], "uuid:") {
				args = strings.Join(words[1:], " ")
			}
		case "sched_api": // TIME GROUP COMMAND
			words := strings.Fields(args)
			args = strings.Join(words[min(2, len(words)):], " ")
		default:
			return false
		}
		name, args, _ = strings.Cut(strings.TrimSpace(args), " ")
	}
	return true
}

// bgapi carries out the command bgapi: the answer comes as an event.
func (c *client) bgapi(cmd *Command, line string) error {
	id := cmd.Header.Get("Job-UUID")
	if id == "" {
		id = control.NewUUID()
	}
	owner := ""
	if ch := c.channel(); ch != nil {
		owner = ch.UUID()
	}
	if !c.s.startJob(id, owner, line) {
		return c.reply("-ERR too many jobs")
	}
	return c.write(fmt.Appendf(nil, "Content-Type: command/reply\nReply-Text: +OK Job-UUID: %s\nJob-UUID: %[1]s\n\n", oneLine(id)))
}

// startJob runs a command in the background, unless too many run already.
func (s *Server) startJob(id, owner, line string) bool {
	return s.background(func() {
		text := s.run(s.ctx, line)
		name, args, _ := strings.Cut(line, " ")
		e := s.sw.NewEvent("BACKGROUND_JOB", "")
		e.Add("Job-UUID", id)
		if owner != "" {
			e.Add("Job-Owner-UUID", owner)
		}
		e.Add("Job-Command", name)
		if args = strings.TrimSpace(args); args != "" {
			e.Add("Job-Command-Arg", args)
		}
		e.Body = text
		s.sw.Emit(e)
	})
}

func usage(syntax string) string { return "-USAGE: " + syntax + "\n" }

const noChannel = "-ERR No such channel!\n"

// split splits at spaces into at most n words, the last of which is the rest. Single quotes keep a word together and
// are taken away; so is the backslash before a quote.
func split(s string, n int) []string {
	var out []string
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		if len(out) == n-1 {
			s = strings.TrimRight(s, " ")
			if len(s) > 1 && s[0] == '\'' && strings.IndexByte(s[1:], '\'') == len(s)-2 {
				s = s[1 : len(s)-1]
			}
			return append(out, s)
		}
		word, end, quoted := make([]byte, 0, 32), len(s), false
	word:
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == '\\' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == '\\'):
				i++
				word = append(word, s[i])
			case c == '\'':
				quoted = !quoted
			case c == ' ' && !quoted:
				end = i
				break word
			default:
				word = append(word, c)
			}
		}
		out = append(out, string(word))
		s = s[end:]
	}
	return out
}

// arg returns the i-th word, "" if there are less.
func arg(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return ""
}

// isTrue reads what FreeSWITCH takes for yes.
func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "t", "enable", "enabled", "active", "allow":
		return true
	case "", "0":
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// Commands returns the names of the API commands, sorted.
func (s *Server) Commands() []string {
	names := slices.Collect(maps.Keys(commands))
	for name := range s.cfg.Commands {
		if _, ok := commands[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// scope takes the channel of "uuid:<uuid> text".
func (s *Server) scope(args string) (*control.Channel, string) {
	if id, ok := strings.CutPrefix(args, "uuid:"); ok {
		id, text, _ := strings.Cut(id, " ")
		return s.sw.Channel(id), text
	}
	return nil, args
}

func (s *Server) expand(ch *control.Channel, text string) string {
	if ch != nil {
		return ch.Expand(text)
	}
	return s.sw.Expand(text)
}

func (s *Server) expandCommand(ctx context.Context, args string) string {
	ch, text := s.scope(args)
	if text == "" {
		return "-ERR No input\n"
	}
	name, rest, _ := strings.Cut(text, " ")
	out, err := s.API(ctx, name+" "+s.expand(ch, rest))
	if err != nil {
		return "-ERR Cannot execute command\n"
	}
	return out
}
