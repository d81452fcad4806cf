// Stp is a signalling transfer point: it runs one from a file, and is the tool of its operator. Without
// arguments it shows a small SS7 network in one process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/gotelco/telco/examples/kit/logs"
	"github.com/gotelco/telco/stp"
)

const usage = `usage: stp [-once]                     show a network of two transfer points at work, step by step
       stp run FILE                    run a node; SIGHUP reads the file again and applies what changed

  about a file:
       stp check FILE...               what is wrong with it: errors, warnings, notes, with their lines; files of
                                       neighbours are also looked at together: links, ways there and back
       stp config [-full] FILE         the file as it is understood; -full: with every default
       stp import osmo-stp.cfg         a file from one of osmo-stp; what has no counterpart goes to stderr
       stp explain OPC DPC SLS FILE    what becomes of a message, as if all were in service (-down NAME: but that)
       stp plan OLD NEW                what applying NEW in place of OLD would do

  about a node that runs (-at http://127.0.0.1:8080):
       stp show links|linksets|as|asp|gateways|routes|traffic|alarms|all
       stp show route PC [sls N]       the ways to a point, and the one that is taken
       stp explain OPC DPC SLS [live]  what becomes of a message now, and why
       stp block|unblock KIND NAME     an asp, as, gateway, link or linkset takes no traffic, or does again
       stp inhibit|uninhibit link NAME a link carries no traffic of users, or does again (the other end agrees)
       stp activate|deactivate KIND NAME   a link or linkset goes into service, or out of it
       stp plan FILE, stp apply FILE   what a new file would change; change it. What stays is not touched
       stp changes                     the changes of state as they come
       stp trace PC -pcap FILE         a capture of the messages from and to a point; "all" for everything

Point codes are written as the node's format says, such as 1.2.3; ranges as 4.5.0/11.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// program is one call of the command line.
type program struct {
	ctx            context.Context
	stdout, stderr io.Writer
	logs           *logs.Options
	logsAsked      bool // a flag of the log was given

	once     bool
	json     bool
	full     bool
	carrier  string
	admin    string
	at       string
	token    string
	pcap     string
	si       string
	from     string
	called   string
	down     []string
	duration int // seconds of a trace; 0: until interrupted
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{ctx: ctx, stdout: stdout, stderr: stderr}
	fs := flag.NewFlagSet("stp", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	fs.BoolVar(&p.once, "once", false, "end after the story, with status 0 if every check passed")
	fs.BoolVar(&p.json, "json", false, "show, explain, check, plan, apply, changes: JSON instead of text")
	fs.BoolVar(&p.full, "full", false, "config: with every default")
	fs.StringVar(&p.carrier, "sctp", "", "run: `carrier` of SCTP: kernel, udp or auto (default what the file says)")
	fs.StringVar(&p.admin, "admin", "", "`address` of the management listener of run and of the story (default what the file says, 127.0.0.1:8080; off for none)")
	fs.StringVar(&p.at, "at", "http://127.0.0.1:8080", "`URL` of the management listener of the node that runs")
	fs.StringVar(&p.token, "token", os.Getenv("STP_TOKEN"), "`token` of the management listener (or $STP_TOKEN)")
	fs.StringVar(&p.pcap, "pcap", "-", "trace: `file` to write; - is standard output, for wireshark -k -i -; the story: a capture of all of it")
	fs.IntVar(&p.duration, "seconds", 0, "trace: how long; 0 is until interrupted")
	fs.StringVar(&p.si, "si", "isup", "explain: service indicator: isup, sccp, … or a number")
	fs.StringVar(&p.from, "from", "", "explain: `name` of the linkset, AS or gateway it comes from (default by the OPC)")
	fs.StringVar(&p.called, "called", "", "explain: called `digits` (E.164) of an SCCP message for the node")
	fs.Func("down", "explain FILE: `name` of a link, linkset, AS or gateway that is down; may come often", func(s string) error {
		p.down = append(p.down, s)
		return nil
	})
	p.logs = logs.Flags(fs)
	var words []string
	for rest := args; ; { // flags may stand anywhere
		switch err := fs.Parse(rest); {
		case errors.Is(err, flag.ErrHelp):
			return 0
		case err != nil:
			return 2
		}
		if fs.NArg() == 0 {
			break
		}
		words, rest = append(words, fs.Arg(0)), fs.Args()[1:]
	}
	fs.Visit(func(f *flag.Flag) { p.logsAsked = p.logsAsked || strings.HasPrefix(f.Name, "log-") })
	err := p.do(words)
	var bad *usageError
	var status exitStatus
	switch {
	case errors.As(err, &bad):
		fmt.Fprintf(stderr, "stp: %v. See stp -h\n", err)
		return 2
	case errors.As(err, &status):
		return int(status)
	case err != nil:
		fmt.Fprintln(stderr, prefixed(err))
		return 1
	}
	return 0
}

// prefixed is an error with the name of the program before it, unless it names a file and a line.
func prefixed(err error) string {
	var file stp.ConfigErrors
	if errors.As(err, &file) || strings.HasPrefix(err.Error(), "stp: ") {
		return err.Error()
	}
	return "stp: " + err.Error()
}

// usageError says that a command line makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// exitStatus ends the program without another word.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// verbs are what operators tell a node that runs.
var verbs = []string{"block", "unblock", "activate", "deactivate", "inhibit", "uninhibit"}

func (p *program) do(words []string) error {
	if len(words) == 0 {
		return p.demo()
	}
	name, rest := words[0], words[1:]
	want := func(least, most int, what string) error {
		if len(rest) < least || len(rest) > most {
			return &usageError{fmt.Sprintf("%s wants %s", name, what)}
		}
		return nil
	}
	type command struct {
		least, most int
		what        string
		do          func(args []string) error
	}
	commands := map[string]command{
		"run":     {1, 1, "a file", func(a []string) error { return p.serve(a[0]) }},
		"check":   {1, 99, "a file, or those of neighbours", p.check},
		"config":  {1, 1, "a file", func(a []string) error { return p.config(a[0]) }},
		"import":  {1, 1, "a file of osmo-stp", func(a []string) error { return p.importOsmo(a[0]) }},
		"show":    {1, 4, "what to show: links, linksets, as, asp, gateways, routes, route PC [sls N], traffic, alarms or all", p.show},
		"explain": {3, 4, "OPC DPC SLS and a file, or live", p.explain},
		"plan":    {1, 2, "a file, or two", p.plan},
		"apply":   {1, 1, "a file", func(a []string) error { return p.apply(a[0]) }},
		"changes": {0, 0, "no more words", func([]string) error { return p.changes() }},
		"trace":   {1, 1, "a point code, or all", func(a []string) error { return p.trace(a[0]) }},
	}
	if slices.Contains(verbs, name) {
		commands[name] = command{2, 2, "what and which, such as: " + name + " link to-B/1", func(a []string) error { return p.command(name, a[0], a[1]) }}
	}
	c, ok := commands[name]
	if !ok {
		return &usageError{fmt.Sprintf("what is %q?", name)}
	}
	if err := want(c.least, c.most, c.what); err != nil {
		return err
	}
	return c.do(rest)
}
