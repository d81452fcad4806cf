package esl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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

// systemCommands are about the switch as a whole.
var systemCommands = map[string]apiCommand{
	"bgapi": {"<command>[ <arg>]", "Execute an api command in a thread", func(s *Server, _ context.Context, args string) string {
		if args == "" {
			return usage("<command>[ <arg>]")
		}
		id := control.NewUUID()
		if !s.startJob(id, "", args) {
			return "-ERR too many jobs\n"
		}
		return "+OK Job-UUID: " + id + "\n"
	}},
	"create_uuid": {"", "Create a uuid", func(*Server, context.Context, string) string { return control.NewUUID() }},
	"echo":        {"<data>", "Echo", func(_ *Server, _ context.Context, args string) string { return args }},
	"eval": {"[uuid:<uuid> ]<expression>", "Expand variables", func(s *Server, _ context.Context, args string) string {
		ch, text := s.scope(args)
		return s.expand(ch, text)
	}},
	"expand": {"[uuid:<uuid> ]<cmd> <args>", "Execute an api with variable expansion", (*Server).expandCommand},
	"fsctl":  {"[pause|resume|pause_check|ready_check|shutdown_check|hupall|max_sessions|sps]", "Control messages", (*Server).fsctl},
	"global_getvar": {"<var>", "Get global var", func(s *Server, _ context.Context, args string) string {
		if args != "" {
			return s.sw.Global(args)
		}
		all := s.sw.Globals()
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(&b, "%s=%s\n", name, all[name])
		}
		return b.String()
	}},
	"global_setvar": {"<var>=<value> [=<value2>]", "Set global var", func(s *Server, _ context.Context, args string) string {
		name, value, _ := strings.Cut(args, "=")
		if name == "" {
			return usage("<var>=<value> [=<value2>]")
		}
		if value, if2, ok := strings.Cut(value, "="); ok && if2 != "" { // only where it has the second value
			if s.sw.Global(name) != if2 {
				return "-ERR"
			}
			return okOr(s.sw.SetGlobal(name, value), "+OK")
		}
		return okOr(s.sw.SetGlobal(name, value), "+OK")
	}},
	"help": {"", "Show help for all the api commands", func(s *Server, _ context.Context, _ string) string {
		var b strings.Builder
		for _, name := range s.Commands() {
			fmt.Fprintf(&b, "%s,%s,%s,\n", name, commands[name].syntax, commands[name].about)
		}
		return b.String()
	}},
	"hostname": {"", "Return the system hostname", func(s *Server, _ context.Context, _ string) string { return s.hostname() }},
	"log": {"<level> <text>", "Log", func(s *Server, ctx context.Context, args string) string {
		name, text, ok := strings.Cut(args, " ")
		level, known := parseLogLevel(name)
		if !ok || !known {
			level, text = 7, args
		}
		s.log.Log(ctx, slogLevelOf(level), text)
		return "+OK\n"
	}},
	"module_exists": {"<module>", "Check if module exists", func(_ *Server, _ context.Context, args string) string {
		return fmt.Sprint(slices.Contains([]string{"mod_event_socket", "mod_commands", "mod_dptools", "mod_sofia", "mod_sndfile", "mod_tone_stream"}, args))
	}},
	"msleep": {"<milliseconds>", "Sleep N milliseconds", func(s *Server, ctx context.Context, args string) string {
		d, err := time.ParseDuration(args + "ms")
		if err != nil || d < 0 || d > time.Minute {
			return usage("<milliseconds>")
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return "+OK\n"
	}},
	"reloadacl": {"", "Reload ACL", (*Server).reload},
	"reloadxml": {"", "Reload the configuration", (*Server).reload},
	"status":    {"", "Show current status", func(s *Server, _ context.Context, _ string) string { return s.status() }},
	"strftime": {"<format_string>", "strftime", func(_ *Server, _ context.Context, args string) string {
		return strftime(time.Now(), args)
	}},
	"switchname": {"", "Return the switch name", func(s *Server, _ context.Context, _ string) string { return s.hostname() }},
	"uptime":     {"[us|ms|s|m|h|d]", "Show uptime", (*Server).uptime},
	"url_decode": {"<string>", "Url decode a string", func(_ *Server, _ context.Context, args string) string { return Unescape(args) }},
	"url_encode": {"<string>", "Url encode a string", func(_ *Server, _ context.Context, args string) string { return string(Escape(nil, args)) }},
	"version": {"[short]", "Version", func(s *Server, _ context.Context, args string) string {
		if strings.Contains(args, "short") {
			return s.cfg.Version + "\n"
		}
		return fmt.Sprintf("FreeSWITCH Version %s (telco)\n", s.cfg.Version)
	}},
}

func okOr(err error, ok string) string {
	if err != nil {
		return "-ERR " + err.Error() + "\n"
	}
	return ok
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

func (s *Server) fsctl(_ context.Context, args string) string {
	const syntax = "[pause|resume|pause_check|ready_check|shutdown_check|hupall|max_sessions|sps]"
	words := split(args, 6)
	switch strings.ToLower(arg(words, 0)) {
	case "":
		return usage(syntax)
	case "pause":
		s.sw.Pause(true)
		return "+OK\n"
	case "resume":
		s.sw.Pause(false)
		return "+OK\n"
	case "pause_check":
		return fmt.Sprint(s.sw.Paused())
	case "ready_check":
		return fmt.Sprint(!s.sw.Paused())
	case "shutdown_check":
		return "false"
	case "hupall":
		return s.hupall(context.Background(), "MANAGER_REQUEST")
	case "shutdown":
		return "-ERR not allowed: stop the program\n"
	case "max_sessions":
		return fmt.Sprintf("+OK max sessions: %d\n", s.sw.MaxChannels())
	}
	return "-ERR Invalid command\nUSAGE: fsctl " + syntax + "\n"
}

func (s *Server) reload(ctx context.Context, _ string) string {
	if s.cfg.Reload == nil {
		return "-ERR there is nothing to reload\n"
	}
	if err := s.cfg.Reload(ctx); err != nil {
		return "-ERR [" + oneLine(err.Error()) + "]\n"
	}
	s.sw.Emit(s.sw.NewEvent("RELOADXML", ""))
	return "+OK [Success]\n"
}

func (s *Server) uptime(_ context.Context, args string) string {
	unit := time.Second
	switch strings.ToLower(args) {
	case "", "s", "seconds":
	case "us", "microseconds":
		unit = time.Microsecond
	case "ms", "milliseconds":
		unit = time.Millisecond
	case "m", "minutes":
		unit = time.Minute
	case "h", "hours":
		unit = time.Hour
	case "d", "days":
		unit = 24 * time.Hour
	default:
		return usage("[us|ms|s|m|h|d|microseconds|milliseconds|seconds|minutes|hours|days]")
	}
	return fmt.Sprintf("%d\n", time.Since(s.sw.Started())/unit)
}

// status is FreeSWITCH's, line by line.
func (s *Server) status() string {
	plural := func(n int64, unit string) string {
		if n == 1 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	us := time.Since(s.sw.Started()).Microseconds()
	var up []string
	for _, u := range []struct {
		name string
		n    int64
	}{
		{"year", us / 1e6 / 86400 / 365}, {"day", us / 1e6 / 86400 % 365}, {"hour", us / 1e6 / 3600 % 24}, {"minute", us / 1e6 / 60 % 60},
		{"second", us / 1e6 % 60}, {"millisecond", us / 1e3 % 1e3}, {"microsecond", us % 1e3},
	} {
		up = append(up, plural(u.n, u.name))
	}
	st, ready := s.sw.Stats(), "ready"
	if s.sw.Paused() {
		ready = "not ready"
	}
	return fmt.Sprintf("UP %s\nFreeSWITCH (Version %s) is %s\n%d session(s) since startup\n%d session(s) - peak %d, last 5min %d \n"+
		"%d session(s) per Sec out of max %d, peak %d, last 5min %d \n%d session(s) max\nmin idle cpu %0.2f/%0.2f\n",
		strings.Join(up, ", "), s.cfg.Version, ready, st.Total, st.Channels, st.Peak, st.Peak, 0, 0, 0, 0, s.sw.MaxChannels(), 0.0, 100.0)
}
