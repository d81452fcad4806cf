package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
)

// Voicemail takes messages, as files MAILBOX/TIME-CALLER.wav in the folder for recordings.
type Voicemail struct {
	Greeting string        // what the caller hears first
	Longest  time.Duration // of a message
	// Shortest is how long a message has to be to count.
	Shortest time.Duration
	// Keep is told of each message that counts.
	Keep func(Message)
}

// Message is what somebody has said.
type Message struct {
	Mailbox, Caller, File string
	Length                time.Duration
}

// App is the flow. args is the mailbox, a number. The caller ends his message with #, and may say it anew then: with 1.
func (v Voicemail) App(ctx context.Context, c *control.Channel, mailbox string) error {
	if _, err := strconv.ParseUint(mailbox, 10, 64); err != nil {
		return fmt.Errorf("voicemail: %q is no mailbox", mailbox)
	}
	if err := c.Answer(ctx); err != nil {
		return err
	}
	for again := true; again && ctx.Err() == nil; {
		if err := c.Run(ctx, "playback", v.Greeting); err != nil {
			return err
		}
		c.Run(ctx, "gentones", "%(400,100,1000)")
		caller, _ := strconv.ParseUint(strings.TrimPrefix(c.Var("caller_id_number"), "+"), 10, 64) // 0 if unknown; nothing else may be part of a name
		name := fmt.Sprintf("%s/%s-%d.wav", mailbox, time.Now().UTC().Format("20060102T150405.000"), caller)
		c.SetVar("playback_terminators", "#")
		err := c.Run(ctx, "record", fmt.Sprintf("%s %d 100 5", name, int(v.Longest.Seconds()))) // or five seconds of silence
		again = false
		if err == nil {
			c.SetVar("playback_terminators", "none")
			c.Run(ctx, "read", "1 1 tone_stream://%(300,100,1000);loops=2 choice 2000 #")
			again = c.Var("choice") == "1"
		}
		ms, _ := strconv.Atoi(c.Var("record_ms"))
		if length := time.Duration(ms) * time.Millisecond; !again && length >= v.Shortest {
			v.Keep(Message{mailbox, c.Var("caller_id_number"), name, length})
		}
	}
	return nil
}
