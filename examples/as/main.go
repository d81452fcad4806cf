// As is an IMS Application Server and the border between SIP networks: it bridges calls between an IMS core, trunks and
// phones of its own, transcodes (AMR, AMR-WB, PCMA, PCMU), records, plays, and is programmable.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/logs"
)

const usage = `usage: as [flags]                         run
       as [flags] validate FILE           say what is wrong with a configuration
       as [flags] route FILE FROM TO      say where a call would go, and which rules were tried
       as sample                          print a configuration to start from, which explains itself

As is an IMS Application Server and the border between SIP networks. It takes calls from an IMS core (ISC), from trunks
and from phones that register with it, decides where they go (rules, ENUM, or a web server that is asked), bridges them
with transcoding (AMR, AMR-WB, PCMA, PCMU), or lets them go on as a proxying application server does. Calls can be
recorded and steered by FreeSWITCH's event socket, over HTTP with JSON, and by webhooks.

Without -config it serves the domain "localhost" at 127.0.0.1:5060, UDP and TCP, with the users alice and bob, both with
the password "telco"; 600 is an echo of what you press, 601 a tone.

To try it:  as sample > as.yaml && as -config as.yaml -log-level debug
Look on:    curl -sN http://127.0.0.1:8080/trace.pcapng | wireshark -k -i -

SIGHUP reads the configuration again; calls go on. SIGTERM refuses new calls, lets those that there are end for as long
as "drain" says, and ends the rest in good order; a second one ends them at once.

Flags:
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("as", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	file := fs.String("config", "", "`file` to configure from")
	side := fs.String("side", "phone", "of route: where the call comes from: ims, trunk/NAME or phone")
	opts := logs.Flags(fs)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	failed := func(err error) int {
		fmt.Fprintln(stderr, err)
		return 1
	}
	switch {
	case fs.Arg(0) == "sample" && fs.NArg() == 1:
		fmt.Fprint(stdout, sample)
		return 0
	case fs.Arg(0) == "validate" && fs.NArg() == 2:
		cfg := defaults()
		if err := config.Load(fs.Arg(1), &cfg); err != nil {
			return failed(err)
		}
		if err := cfg.files(); err != nil {
			return failed(err)
		}
		fmt.Fprintf(stdout, "%s: ok: %d phones, %d trunks, %d rules\n", fs.Arg(1), len(cfg.Phones.Users), len(cfg.Trunks), len(cfg.Rules))
		for _, note := range cfg.notes() {
			fmt.Fprintf(stdout, "note: %s\n", note)
		}
		return 0
	case fs.Arg(0) == "route" && fs.NArg() == 4:
		cfg := defaults()
		if err := config.Load(fs.Arg(1), &cfg); err != nil {
			return failed(err)
		}
		out, err := explain(cfg, *side, fs.Arg(2), fs.Arg(3))
		if err != nil {
			return failed(err)
		}
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(out); err != nil {
			return failed(err)
		}
		return 0
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "as: what is %q? See as -h\n", fs.Arg(0))
		return 2
	}
	cfg := defaults()
	var err error
	if *file != "" {
		err = config.Load(*file, &cfg)
	} else {
		err = config.Parse("sample", []byte(sample), &cfg)
	}
	if err != nil {
		return failed(err)
	}
	if err := serve(cfg, *file, opts.Logger(stderr)); err != nil {
		fmt.Fprintln(stderr, "as:", err)
		return 1
	}
	return 0
}

// serve runs until it is told to end.
func serve(cfg Config, file string, log *slog.Logger) error {
	p, err := start(cfg, file, log)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- p.admin.Run(ctx) }()
	drained := make(chan struct{})
	drain, hurry := context.WithCancel(ctx)
	defer hurry()
	draining := false
	for {
		select {
		case err := <-served: // its listener could not be opened
			return errors.Join(err, p.close())
		case <-drained:
			err := p.close()
			stop()
			return errors.Join(err, <-served)
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				if err := p.reload(); err != nil {
					log.Error("the configuration stays as it was", "err", err)
				}
			case draining:
				hurry()
			default:
				draining = true
				go func() {
					p.drain(drain)
					close(drained)
				}()
			}
		}
	}
}
