package esl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// The arguments of commands, in the words of FreeSWITCH's own usage lines.
const (
	syntaxAudio     = "<uuid> [start [read|write] [[mute|level] <level>]|stop]"
	syntaxBreak     = "<uuid> [all]"
	syntaxBroadcast = "<uuid> <path> [aleg|bleg|holdb|both]"
	syntaxDisplace  = "<uuid> [start|stop] <path> [<limit>] [mux]"
	syntaxDump      = "<uuid> [format]"
	syntaxDual      = "<uuid> <A-dest-exten>[/<A-dialplan>][/<A-context>] <B-dest-exten>[/<B-dialplan>][/<B-context>]"
	syntaxGetvar    = "<uuid> <var>"
	syntaxHold      = "[off|toggle] <uuid> [<display>]"
	syntaxKill      = "<uuid> [cause]"
	syntaxOriginate = "<call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]"
	syntaxPark      = "<uuid>"
	syntaxRecord    = "<uuid> [start|stop|mask|unmask|pause|resume] <path> [<limit>] [<recording_vars>]"
	syntaxSend      = "<uuid> [<mime_type> <mime_subtype>] <message>"
	syntaxSendDTMF  = "<uuid> <dtmf_data>"
	syntaxSetvar    = "<uuid> <var> [value]"
	syntaxSetvars   = "<uuid> <var>=<value>;<var>=<value>..."
	syntaxTransfer  = "<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]"
	syntaxUUIDs     = "<uuid> <other_uuid>"
)

// appWait bounds how long a command waits for an application that ought to be quick.
const appWait = 10 * time.Second

// channelCommands are about one channel.
var channelCommands = map[string]apiCommand{
	"break": {syntaxBreak, "uuid_break", breakCommand},
	"uuid_answer": {syntaxPark, "answer", func(s *Server, ctx context.Context, args string) string {
		ctx, cancel := context.WithTimeout(ctx, appWait)
		defer cancel()
		ch := s.sw.Channel(args)
		if ch == nil || ch.Answer(ctx) != nil {
			return "-ERROR\n"
		}
		return "+OK\n"
	}},
	"uuid_audio":     {syntaxAudio, "Adjust audio levels on a channel", audioCommand},
	"uuid_break":     {syntaxBreak, "Break out of media sent to channel", breakCommand},
	"uuid_bridge":    {syntaxUUIDs, "Bridge call legs", bridgeCommand},
	"uuid_broadcast": {syntaxBroadcast, "Execute dialplan application", broadcastCommand},
	"uuid_deflect": {"<uuid> <uri>", "Send a deflect", func(s *Server, ctx context.Context, args string) string {
		return s.execute(ctx, args, "<uuid> <uri>", "deflect")
	}},
	"uuid_displace":      {syntaxDisplace, "Displace audio", displaceCommand},
	"uuid_dual_transfer": {syntaxDual, "Transfer a session and its partner", dualTransferCommand},
	"uuid_dump":          {syntaxDump, "Dump session vars", dumpCommand},
	"uuid_exists": {syntaxPark, "Check if a uuid exists", func(s *Server, _ context.Context, args string) string {
		return fmt.Sprint(s.sw.Channel(args) != nil)
	}},
	"uuid_flush_dtmf": {syntaxPark, "Flush dtmf on a given uuid", func(s *Server, _ context.Context, args string) string {
		ch := s.sw.Channel(args)
		if ch == nil {
			return "-ERR no such channel\n"
		}
		ch.FlushKeys()
		return "+OK\n"
	}},
	"uuid_getvar": {syntaxGetvar, "Get a variable from a channel", func(s *Server, _ context.Context, args string) string {
		words := split(args, 4)
		if len(words) < 2 {
			return usage(syntaxGetvar)
		}
		ch := s.sw.Channel(words[0])
		if ch == nil {
			return noChannel
		}
		if v := ch.Lookup(words[1]); v != "" {
			return v
		}
		return "_undef_"
	}},
	"uuid_hold":  {syntaxHold, "Place call on hold", holdCommand},
	"uuid_kill":  {syntaxKill, "Kill channel", killCommand},
	"uuid_media": {"[off] <uuid>", "Media path", refuseCommand("-ERR Operation failed\n")},
	"uuid_park": {syntaxPark, "Park channel", func(s *Server, _ context.Context, args string) string {
		if args == "" {
			return usage(syntaxPark)
		}
		ch := s.sw.Channel(args)
		if ch == nil || ch.Park() != nil {
			return noChannel
		}
		return "+OK\n"
	}},
	"uuid_pre_answer": {syntaxPark, "pre_answer", func(s *Server, _ context.Context, args string) string {
		ch := s.sw.Channel(args)
		if ch == nil || ch.PreAnswer() != nil {
			return "-ERROR\n"
		}
		return "+OK\n"
	}},
	"uuid_record": {syntaxRecord, "Record session audio", recordCommand},
	"uuid_recv_dtmf": {syntaxSendDTMF, "Receive dtmf digits", func(s *Server, _ context.Context, args string) string {
		words := split(args, 2)
		if len(words) < 2 {
			return usage(syntaxSendDTMF)
		}
		ch := s.sw.Channel(words[0])
		if ch == nil {
			return "-ERR Cannot locate session!\n"
		}
		ch.Press(words[1])
		return fmt.Sprintf("+OK %s received DTMF %s.\n", words[0], words[1])
	}},
	"uuid_ring_ready": {"<uuid> [queued]", "Sending ringing to a channel", func(s *Server, _ context.Context, args string) string {
		words := split(args, 2)
		ch := s.sw.Channel(arg(words, 0))
		if ch == nil || ch.RingReady() != nil {
			return "-ERR Cannot locate session!\n"
		}
		return "+OK\n"
	}},
	"uuid_send_dtmf": {syntaxSendDTMF, "Send dtmf digits", func(s *Server, ctx context.Context, args string) string {
		words := split(args, 2)
		if len(words) < 2 {
			return usage(syntaxSendDTMF)
		}
		ch := s.sw.Channel(words[0])
		if ch == nil {
			return "-ERR Cannot locate session!\n"
		}
		if strings.Trim(strings.ToUpper(words[1]), "0123456789*#ABCDW@") != "" {
			return "-ERR Operation failed\n"
		}
		if !s.background(func() { ch.SendDTMF(ch.Context(), words[1]) }) { // each takes its time
			return "-ERR Operation failed\n"
		}
		return fmt.Sprintf("+OK %s sent DTMF %s.\n", words[0], words[1])
	}},
	"uuid_send_info":    {syntaxSend, "Send info to the endpoint", sendCommand(sip.INFO)},
	"uuid_send_message": {"<uuid> <message>", "Send a MESSAGE to the endpoint", sendCommand(sip.MESSAGE)},
	"uuid_setvar": {syntaxSetvar, "Set a variable", func(s *Server, _ context.Context, args string) string {
		words := split(args, 3)
		if len(words) < 2 {
			return usage(syntaxSetvar)
		}
		ch := s.sw.Channel(words[0])
		if ch == nil {
			return noChannel
		}
		return okOr(ch.SetVar(words[1], arg(words, 2)), "+OK\n")
	}},
	"uuid_setvar_multi": {syntaxSetvars, "Set multiple variables", setvarsCommand},
	"uuid_transfer":     {syntaxTransfer, "Transfer a session", transferCommand},
}

func refuseCommand(text string) func(*Server, context.Context, string) string {
	return func(*Server, context.Context, string) string { return text }
}

// execute has a channel execute an application, waits for it, and says how it went.
func (s *Server) execute(ctx context.Context, args, syntax, app string) string {
	words := split(args, 2)
	if len(words) < 2 {
		return usage(syntax)
	}
	ch := s.sw.Channel(words[0])
	if ch == nil {
		return "-ERR No such channel " + words[0] + "!\n"
	}
	ctx, cancel := context.WithTimeout(ctx, appWait)
	defer cancel()
	if err := ch.Execute(ctx, app, words[1]); err != nil {
		return "-ERR " + oneLine(err.Error()) + "\n"
	}
	return "+OK\n"
}

func bridgeCommand(s *Server, ctx context.Context, args string) string {
	words := split(args, 4)
	if len(words) < 2 {
		return usage(syntaxUUIDs)
	}
	a := s.sw.Channel(words[0])
	for _, id := range words[1:min(3, len(words))] {
		b := s.sw.Channel(id)
		if a == nil || b == nil || a == b {
			continue
		}
		if err := s.sw.Bridge(a, b); err == nil {
			return "+OK " + id + "\n"
		}
	}
	return "-ERR Invalid uuid\n"
}

// extension reads NUMBER[/DIALPLAN[/CONTEXT]].
func extension(s string) control.Extension {
	number, rest, _ := strings.Cut(s, "/")
	dialplan, context, _ := strings.Cut(rest, "/")
	return control.Extension{Number: number, Dialplan: dialplan, Context: context}
}

func dualTransferCommand(s *Server, _ context.Context, args string) string {
	words := split(args, 3)
	if len(words) < 3 {
		return usage(syntaxDual)
	}
	a := s.sw.Channel(words[0])
	if a == nil {
		return noChannel
	}
	if b := a.Bridged(); b != nil {
		if b.Transfer(extension(words[2])) != nil {
			return "-ERR\n"
		}
	}
	return okOr(a.Transfer(extension(words[1])), "+OK\n")
}

func dumpCommand(s *Server, _ context.Context, args string) string {
	words := split(args, 2)
	if len(words) == 0 {
		return usage(syntaxDump)
	}
	ch := s.sw.Channel(words[0])
	if ch == nil {
		return noChannel
	}
	data := ch.Event("CHANNEL_DATA")
	e := Event{data.Fields, data.Body}
	switch strings.ToLower(arg(words, 1)) {
	case "xml":
		return string(e.Append(nil, XML))
	case "json":
		return string(e.Append(nil, JSON))
	case "plain": // not escaped
		var b strings.Builder
		for _, f := range e.Header {
			fmt.Fprintf(&b, "%s: [%s]\n", f.Name, f.Value)
		}
		return b.String() + "\n"
	}
	return string(e.Append(nil, Plain))
}

func killCommand(s *Server, _ context.Context, args string) string {
	if args == "" {
		return usage(syntaxKill)
	}
	id, name, _ := strings.Cut(args, " ")
	cause := control.NormalClearing
	if name = strings.TrimSpace(name); name != "" {
		if c, err := control.ParseCause(name); err == nil && c != control.CauseNone {
			cause = c
		}
	}
	ch := s.sw.Channel(id)
	if ch == nil {
		return noChannel
	}
	ch.Hangup(cause)
	return "+OK\n"
}

func setvarsCommand(s *Server, _ context.Context, args string) string {
	id, vars, ok := strings.Cut(args, " ")
	if !ok {
		return usage(syntaxSetvars)
	}
	ch := s.sw.Channel(id)
	if ch == nil {
		return noChannel
	}
	n := 0
	for pair := range strings.SplitSeq(vars, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if name == "" {
			continue
		}
		if err := ch.SetVar(name, value); err != nil {
			return "-ERR " + err.Error() + "\n"
		}
		n++
	}
	if n == 0 {
		return usage(syntaxSetvars)
	}
	return "+OK\n"
}

func transferCommand(s *Server, _ context.Context, args string) string {
	words := split(args, 5)
	if len(words) < 2 {
		return usage(syntaxTransfer)
	}
	ch := s.sw.Channel(words[0])
	if ch == nil {
		return noChannel
	}
	words = words[1:]
	leg := ""
	if strings.HasPrefix(words[0], "-") {
		leg, words = strings.ToLower(words[0][1:]), words[1:]
	}
	if len(words) == 0 {
		return usage(syntaxTransfer)
	}
	ext := control.Extension{Number: words[0], Dialplan: arg(words, 1), Context: arg(words, 2)}
	var err error
	switch other := ch.Bridged(); {
	case leg == "both" && other != nil:
		err = ch.TransferBoth(ext)
	case leg == "bleg" && other != nil:
		err = other.Transfer(ext)
	default:
		err = ch.Transfer(ext)
	}
	if err != nil {
		return "-ERR\n"
	}
	return "+OK\n"
}
