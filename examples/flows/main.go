// Flows is three call flows in Go: a ring group, a queue with music, and voicemail to files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/examples/kit/logs"
	"github.com/gotelco/telco/sip"
)

const usage = `usage: flows [flags] PHONE...

Flows takes calls from SIP phones and does one of three things with them, by the number that was called:

    100   all PHONEs ring, and whoever answers first has the caller; if nobody does, 300
    200   the caller waits with music until a PHONE is free; PHONEs are called in turn
    300   the caller leaves a message, which becomes a file

A PHONE is a SIP address, such as alice@192.0.2.7:5062.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr, nil); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "flows:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	listen, music, ringback, greeting, sounds, messages string
	ring, pause, longest, shortest                      time.Duration
	phones                                              []string
	log                                                 *slog.Logger
}

// run serves until ctx is done. ready, if not nil, is told of the address.
func run(ctx context.Context, args []string, stderr io.Writer, ready func(addr string)) error {
	var o options
	flags := flag.NewFlagSet("flows", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	flags.StringVar(&o.listen, "listen", "127.0.0.1:5060", "`address` for SIP over UDP")
	flags.StringVar(&o.music, "music", "tone_stream://v=-20;%(400,100,523);%(400,100,659);%(400,100,784);%(1000,1000,1047)", "what callers hear in the queue")
	flags.StringVar(&o.ringback, "ringback", "", "what callers hear while phones ring, such as tone_stream://%(1000,4000,425);loops=-1 (default: what their phones make)")
	flags.StringVar(&o.greeting, "greeting", "tone_stream://%(200,100,660);%(400,300,880)", "what callers hear before they leave a message")
	flags.StringVar(&o.sounds, "sounds", "", "`folder` of the files that -music, -ringback and -greeting name")
	flags.StringVar(&o.messages, "messages", "messages", "`folder` for messages")
	flags.DurationVar(&o.ring, "ring", 20*time.Second, "how long phones ring")
	flags.DurationVar(&o.pause, "pause", 5*time.Second, "pause of a phone between calls of the queue")
	flags.DurationVar(&o.longest, "longest", 2*time.Minute, "longest message")
	flags.DurationVar(&o.shortest, "shortest", time.Second, "shortest message that is kept")
	logging := logs.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.phones = flags.Args(); len(o.phones) == 0 {
		flags.Usage()
		return errors.New("no phones")
	}
	o.log = logging.Logger(stderr)
	return o.serve(ctx, ready)
}

// serve sets everything up.
func (o *options) serve(ctx context.Context, ready func(string)) error {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return err
	}
	var sw *control.Switch
	agent, err := call.NewAgent(call.Config{Logger: o.log, OnCall: func(c *call.Call) { sw.Serve(c) }, SIP: sip.UserAgentConfig{Address: (sip.Address{URI: sip.URI{Scheme: "sip", User: "flows", Host: hostOf(host)}}).String()}})
	if err != nil {
		return err
	}
	defer agent.Close()
	if sw, err = control.New(control.Config{Agent: agent, Dialplan: dialplan, Sounds: o.sounds, Recordings: o.messages, Logger: o.log}); err != nil {
		return err
	}
	if err := o.flows(sw); err != nil {
		return err
	}
	at, err := agent.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: o.listen})
	if err != nil {
		return err
	}
	o.log.Info("listening", "addr", at.Local)
	if ready != nil {
		ready(at.Local.String())
	}
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return sw.Close(end)
}

// hostOf writes a host as URIs have it.
func hostOf(host string) string {
	switch {
	case host == "":
		return "localhost"
	case strings.Contains(host, ":"):
		return "[" + host + "]"
	}
	return host
}

// flows makes applications of the flows.
func (o *options) flows(sw *control.Switch) error {
	var endpoints []string
	for _, p := range o.phones {
		endpoints = append(endpoints, "sofia/phones/"+p)
	}
	dial, err := control.ParseDialString(strings.Join(endpoints, ","))
	if err != nil {
		return err
	}
	queue := NewQueue(dial.Groups[0])
	queue.Music, queue.Ring, queue.Pause = o.music, o.ring, o.pause
	sw.Handle("queue", queue.App)
	sw.Handle("ringgroup", RingGroup{Phones: endpoints, Ring: o.ring, Tone: o.ringback, Else: "300"}.App)
	sw.Handle("voicemail", Voicemail{Greeting: o.greeting, Longest: o.longest, Shortest: o.shortest, Keep: func(m Message) {
		o.log.Info("message", "mailbox", m.Mailbox, "caller", m.Caller, "file", m.File, "length", m.Length)
	}}.App)
	return nil
}

// dialplan says what the numbers are.
func dialplan(_ context.Context, _ *control.Channel, ext control.Extension) ([]control.Action, error) {
	switch ext.Number {
	case "100":
		return []control.Action{{App: "ringgroup"}}, nil
	case "200":
		return []control.Action{{App: "queue"}}, nil
	case "300":
		return []control.Action{{App: "voicemail", Args: "100"}}, nil
	}
	return nil, control.UnallocatedNumber
}
