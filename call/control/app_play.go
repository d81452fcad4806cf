package control

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
)

// ready opens the audio of a call that came in and is not answered yet.
func (c *Channel) ready() error {
	if c.media() != nil && (!c.incoming || c.IsAnswered()) {
		return nil
	}
	if c.incoming {
		return c.PreAnswer()
	}
	return errNoMedia
}

// terminators are the keys that end a playback or a recording.
func (c *Channel) terminators() string {
	switch v := c.Var("playback_terminators"); v {
	case "":
		return "*"
	case "none":
		return ""
	case "any":
		return "0123456789*#ABCD"
	default:
		return v
	}
}

// playFile is playback: it returns the key that ended it, 0 if none did.
func (c *Channel) playFile(ctx context.Context, name, terminators string) (byte, error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	c.set("playback_terminator_used", "", "playback_last_offset_pos", "")
	ended := make(chan byte, 1)
	playCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := c.watchKeys(func(k byte) bool {
		if strings.IndexByte(terminators, k) < 0 {
			return false
		}
		select {
		case ended <- k:
			cancel(errTerminator)
		default:
			return false
		}
		return true
	})
	defer stop()
	begin := time.Now()
	c.emit("PLAYBACK_START", "Playback-File-Path", name, "Playback-File-Type", "")
	err := c.Play(playCtx, name)
	var key byte
	status := "done"
	if errors.Is(err, errTerminator) {
		key, err, status = <-ended, nil, "break"
		c.set("playback_terminator_used", string(rune(key)))
	}
	d := time.Since(begin)
	c.set("playback_ms", millis(d), "playback_seconds", strconv.Itoa(int(d/time.Second)))
	switch {
	case err == nil:
		c.set("current_application_response", "FILE PLAYED")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errName):
		c.set("current_application_response", "FILE NOT FOUND")
		status = "error"
	case ctx.Err() != nil:
		c.set("current_application_response", "FILE PLAYED")
		status = "break"
	default:
		c.set("current_application_response", "PLAYBACK ERROR")
		status = "error"
	}
	c.emit("PLAYBACK_STOP", "Playback-File-Path", name, "Playback-Status", status)
	return key, err
}

var errTerminator = errors.New("control: a key ended it")

func appPlayback(ctx context.Context, c *Channel, args string) error {
	names := []string{strings.TrimSpace(args)}
	if sep := c.Var("playback_delimiter"); sep != "" {
		names = strings.Split(args, sep)
	}
	for _, name := range names {
		key, err := c.playFile(ctx, name, c.terminators())
		if err != nil || key != 0 {
			return err
		}
	}
	return nil
}

func appEndlessPlayback(ctx context.Context, c *Channel, args string) error {
	for {
		begin := time.Now()
		if _, err := c.playFile(ctx, strings.TrimSpace(args), ""); err != nil {
			return err
		}
		if err := c.breathe(ctx, begin); err != nil {
			return err
		}
	}
}

// breathe keeps a loop around something short from taking the whole processor.
func (c *Channel) breathe(ctx context.Context, begin time.Time) error {
	if d := call.FrameTime - time.Since(begin); d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// appLoopPlayback is "[+N] FILE"; N times, without end if it is 0 or missing.
func appLoopPlayback(ctx context.Context, c *Channel, args string) error {
	n := 0
	if rest, ok := strings.CutPrefix(strings.TrimSpace(args), "+"); ok {
		count, file, _ := strings.Cut(rest, " ")
		n, _ = strconv.Atoi(count)
		args = file
	}
	for i := 0; n <= 0 || i < n; i++ {
		begin := time.Now()
		key, err := c.playFile(ctx, strings.TrimSpace(args), c.terminators())
		if err != nil || key != 0 {
			return err
		}
		if err := c.breathe(ctx, begin); err != nil {
			return err
		}
	}
	return nil
}

// appTones is gentones: "SCRIPT[|LOOPS]".
func appTones(ctx context.Context, c *Channel, args string) error {
	script, loops, ok := strings.Cut(args, "|")
	if ok {
		script += ";loops=" + loops
	}
	_, err := c.playFile(ctx, "tone_stream://"+script, c.terminators())
	return err
}

func appSendDTMF(ctx context.Context, c *Channel, args string) error {
	return c.SendDTMF(ctx, strings.TrimSpace(args))
}

// appRecord is FILE [LIMIT_SECONDS [SILENCE_LEVEL [SILENCE_SECONDS]]]: it records what the peer says until then, or
// until a key of playback_terminators.
func appRecord(ctx context.Context, c *Channel, line string) error {
	args, err := splitWords(line)
	if err != nil || len(args) == 0 {
		return parseError("record", line, errEmpty)
	}
	if err := c.ready(); err != nil {
		return err
	}
	limit, err := time.Duration(0), error(nil)
	if len(args) > 1 {
		if limit, err = parseSeconds(strings.TrimPrefix(args[1], "+")); err != nil {
			return parseError("record", args[1], err)
		}
	}
	recCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	terminators := c.terminators()
	c.set("playback_terminator_used", "")
	pressed := make(chan byte, 1)
	defer c.watchKeys(func(k byte) bool {
		if strings.IndexByte(terminators, k) < 0 {
			return false
		}
		select {
		case pressed <- k:
			cancel(errTerminator)
		default:
			return false
		}
		return true
	})()
	r, err := c.record(unquoteWhole(args[0]), limit, true)
	if err != nil {
		return err
	}
	if level := number(args, 2, 0); level > 0 {
		seconds := max(number(args, 3, 3), 1)
		m := c.media()
		sink := &quiet{level: level, frames: min(seconds, 3600) * 50, cancel: func() { cancel(errTerminator) }}
		m.AddSink(sink)
		defer m.RemoveSink(sink)
	}
	err = c.recordUntil(recCtx, r)
	if errors.Is(err, errTerminator) {
		err = nil
		select {
		case k := <-pressed:
			c.set("playback_terminator_used", string(rune(k)))
		default: // silence
		}
	}
	return errors.Join(err, c.stopRecording(r))
}

// quiet is a sink that tells of silence.
type quiet struct {
	level, frames int
	so            int
	cancel        func()
}

func (q *quiet) WriteSamples(pcm []int16) error {
	sum := 0
	for _, v := range pcm {
		sum += max(int(v), -int(v))
	}
	if len(pcm) == 0 || sum/len(pcm) < q.level {
		q.so++
	} else {
		q.so = 0
	}
	if q.so == q.frames {
		go q.cancel()
	}
	return nil
}

// appRecordSession is FILE [+LIMIT_SECONDS]: it records both directions from now on.
func appRecordSession(_ context.Context, c *Channel, line string) error {
	args, err := splitWords(line)
	if err != nil || len(args) == 0 {
		return parseError("record_session", line, errEmpty)
	}
	if err := c.ready(); err != nil {
		return err
	}
	limit := time.Duration(0)
	if len(args) > 1 && strings.HasPrefix(args[1], "+") {
		if limit, err = parseSeconds(args[1][1:]); err != nil {
			return parseError("record_session", args[1], err)
		}
	}
	return c.Record(unquoteWhole(args[0]), limit)
}
