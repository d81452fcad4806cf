package esl

import (
	"context"
	"fmt"
	"strconv"
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

func breakCommand(s *Server, _ context.Context, args string) string {
	if args == "" {
		return usage(syntaxBreak)
	}
	id, flags, _ := strings.Cut(args, " ")
	ch := s.sw.Channel(id)
	if ch == nil {
		return noChannel
	}
	all := strings.Contains(flags, "all")
	if strings.Contains(flags, "both") {
		if other := ch.Bridged(); other != nil {
			other.Break(all)
		}
	}
	ch.Break(all)
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

// broadcastCommand plays a file, or executes APP::ARGS, on the legs that are named. APP!CAUSE::ARGS hangs up at the end.
func broadcastCommand(s *Server, _ context.Context, args string) string {
	words := split(args, 4)
	if len(words) < 2 {
		return usage(syntaxBroadcast)
	}
	ch := s.sw.Channel(words[0])
	if ch == nil {
		return "-ERR invalid uuid\n"
	}
	leg := strings.ToLower(arg(words, 2))
	switch {
	case strings.Contains(leg, "both"), strings.Contains(leg, "aleg") && strings.Contains(leg, "bleg"):
		leg = "both"
	case strings.Contains(leg, "bleg"):
		leg = "bleg"
	}
	if ch.Broadcast(words[1], leg) != nil {
		return "-ERR invalid uuid\n"
	}
	return "+OK Message sent\n"
}

func displaceCommand(s *Server, _ context.Context, args string) string {
	words := split(args, 5)
	if len(words) < 3 {
		return usage(syntaxDisplace)
	}
	ch := s.sw.Channel(words[0])
	if ch == nil {
		return "-ERR Cannot locate session!\n"
	}
	switch strings.ToLower(words[1]) {
	case "start":
		limit, err := strconv.Atoi(arg(words, 3))
		flags := arg(words, 4)
		if err != nil { // it may be missing
			flags = arg(words, 3)
		}
		if flags == "mux" {
			flags = "m"
		}
		if err := ch.Displace(words[2], flags, time.Duration(max(limit, 0))*time.Second); err != nil {
			s.log.Warn("uuid_displace", "uuid", words[0], "err", err)
			return "-ERR Cannot displace session!\n"
		}
	case "stop":
		if ch.StopDisplace(words[2]) != nil {
			return "-ERR Cannot stop displace session!\n"
		}
	default:
		return usage(syntaxDisplace)
	}
	return "+OK Success\n"
}

// audioCommand changes how loud the legs of a bridge hear one another.
func audioCommand(s *Server, _ context.Context, args string) string {
	words := strings.Fields(strings.ToLower(args))
	if len(words) < 2 {
		return usage(syntaxAudio)
	}
	ch := s.sw.Channel(words[0])
	if ch == nil {
		return "-ERR Cannot locate session!\n"
	}
	var err error
	switch {
	case words[1] == "stop":
		ch.SetLevel(true, 0) // each fails where it was not changed
		ch.SetLevel(false, 0)
	case words[1] == "start" && len(words) > 4 && (words[2] == "read" || words[2] == "write") && (words[3] == "mute" || words[3] == "level"):
		step, e := strconv.Atoi(words[4])
		if e != nil {
			return usage(syntaxAudio)
		}
		if step = max(step, -4); words[3] == "mute" && step != 0 {
			step = -5
		}
		if err = ch.SetLevel(words[2] == "read", step); step == 0 {
			err = nil
		}
	default:
		return usage(syntaxAudio)
	}
	if err != nil {
		return "-ERR " + oneLine(err.Error()) + "\n"
	}
	return "+OK Success\n"
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

func holdCommand(s *Server, ctx context.Context, args string) string {
	words := split(args, 3)
	if len(words) == 0 {
		return usage(syntaxHold)
	}
	const failed = "-ERR Operation failed\n"
	mode, id := strings.ToLower(words[0]), words[0]
	if mode == "off" || mode == "toggle" {
		id = arg(words, 1)
	}
	ch := s.sw.Channel(id)
	if ch == nil {
		return failed
	}
	ctx, cancel := context.WithTimeout(ctx, appWait)
	defer cancel()
	held := ch.Info().CallState == "HELD"
	var err error
	switch {
	case mode == "off" || mode == "toggle" && held:
		err = ch.SetHeld(ctx, false)
	default:
		err = ch.SetHeld(ctx, true)
	}
	if err != nil {
		return failed
	}
	return "+OK Success\n"
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

func recordCommand(s *Server, _ context.Context, args string) string {
	words := split(args, 5)
	if len(words) < 3 {
		return usage(syntaxRecord)
	}
	ch := s.sw.Channel(words[0])
	if ch == nil {
		return "-ERR Cannot locate session!\n"
	}
	limit, _ := strconv.Atoi(arg(words, 3))
	var err error
	what := ""
	switch strings.ToLower(words[1]) {
	case "start":
		what = "record session"
		err = ch.Record(words[2], time.Duration(max(limit, 0))*time.Second)
	case "stop":
		what = "stop record session"
		err = ch.StopRecord(words[2])
	case "mask":
		what, err = "mask recording session", ch.SetRecordMode(words[2], control.RecordMasked)
	case "pause":
		what, err = "pause recording session", ch.SetRecordMode(words[2], control.RecordPaused)
	case "unmask", "resume":
		what, err = strings.ToLower(words[1])+" recording session", ch.SetRecordMode(words[2], control.RecordAll)
	default:
		return usage(syntaxRecord)
	}
	if err != nil {
		s.log.Warn("uuid_record", "uuid", words[0], "err", err)
		return "-ERR Cannot " + what + "!\n"
	}
	return "+OK Success\n"
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
