package esl

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
)

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
