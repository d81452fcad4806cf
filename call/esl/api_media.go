package esl

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
)

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
