// As is an application server: phones register with it, it bridges their calls to one another and
// to trunks, transcodes between PCMA and PCMU, and records both legs to WAV files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/examples/kit/admin"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/exchange"
	"github.com/gotelco/telco/examples/kit/logs"
	"github.com/gotelco/telco/examples/kit/metrics"
	"github.com/gotelco/telco/sip"
)

const usage = `usage: as [flags]                 run
       as [flags] validate FILE   say what is wrong with a configuration
       as sample                  print a configuration to start from

As is a telephone exchange for SIP: a registrar with digest authentication, and a back-to-back user
agent that bridges calls with transcoding (PCMA, PCMU) and records both legs to WAV files.

Without -config it serves the domain "localhost" at 127.0.0.1:5060, UDP and TCP, with the users
alice and bob, both with the password "telco".

To try it:  as sample > as.yaml && as -config as.yaml -log-level debug
Look on:    curl -sN http://127.0.0.1:8080/trace.pcapng | wireshark -k -i -

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
	opts := logs.Flags(fs)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	switch {
	case fs.Arg(0) == "sample" && fs.NArg() == 1:
		fmt.Fprint(stdout, sample)
		return 0
	case fs.Arg(0) == "validate" && fs.NArg() == 2:
		cfg := defaults()
		if err := config.Load(fs.Arg(1), &cfg); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		fmt.Fprintf(stdout, "%s: ok: %d users, %d routes\n", fs.Arg(1), len(cfg.Users), len(cfg.Routes))
		return 0
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "as: what is %q? See as -h\n", fs.Arg(0))
		return 2
	}
	cfg := defaults()
	if *file != "" {
		if err := config.Load(*file, &cfg); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, cfg, opts.Logger(stderr)); err != nil {
		fmt.Fprintln(stderr, "as:", err)
		return 1
	}
	return 0
}

// serve runs until ctx is done, and then ends all calls in good order.
func serve(ctx context.Context, cfg Config, log *slog.Logger) error {
	adm := admin.New(admin.Config{Addr: cfg.Admin, Logger: log})
	x, err := newExchange(cfg, adm, log)
	if err != nil {
		return err
	}
	defer x.Close()
	for _, l := range cfg.Listen {
		lc, err := l.sip(cfg.TLS)
		if err != nil {
			return err
		}
		f, err := x.Endpoint().Listen(lc)
		if err != nil {
			return err
		}
		log.Info("listening", "transport", f.Transport.String(), "addr", f.Local.String())
	}
	adm.Metrics(func(m *metrics.Writer) { report(m, x) })
	err = adm.Run(ctx)
	log.Info("ending", "calls", x.Agent().Calls())
	return err
}

func newExchange(cfg Config, adm *admin.Server, log *slog.Logger) (*exchange.Exchange, error) {
	c := exchange.Config{
		Domain: cfg.Domain, Users: cfg.Users, Trunks: cfg.Trunks, RingTime: cfg.RingTime, MaxCalls: cfg.MaxCalls,
		Record: cfg.Record, Logger: log,
	}
	for _, r := range cfg.Routes {
		route, err := exchange.ParseRoute(r.Match + " " + r.To)
		if err != nil {
			return nil, err
		}
		c.Routes = append(c.Routes, route)
	}
	for _, name := range cfg.Digest {
		c.Algorithms = append(c.Algorithms, sip.DigestAlgorithm(name))
	}
	for _, name := range cfg.Codecs {
		c.Call.Codecs = append(c.Call.Codecs, codecs[name]...)
	}
	c.Call.Address, c.Call.Advertise = cfg.Media.Address, cfg.Media.Advertise
	c.Call.Ports = [2]uint16{cfg.Media.FirstPort, cfg.Media.LastPort}
	c.Call.Interface, c.Call.Logger, c.Call.Trace = "as", log, adm.Trace
	c.Call.SIP.Endpoint = sip.Config{UserAgent: "telco-as", Logger: log, Trace: adm.Trace}
	return exchange.New(c)
}

// codecs are those that a configuration may name. The two of AMR stand for both forms of its payload.
var codecs = map[string][]call.Codec{
	"PCMA": {call.PCMA}, "PCMU": {call.PCMU}, "AMR": call.AMRNB(), "AMR-WB": call.AMRWB(),
}

// report writes the counters.
func report(m *metrics.Writer, x *exchange.Exchange) {
	answered, failed := x.Counts()
	w := x.Agent().Wheel().Stats()
	m.Gauge("as_legs", "Legs of calls now.", float64(x.Agent().Calls()))
	m.Gauge("as_registered", "Addresses with phones now.", float64(x.Registered()))
	m.Counter("as_calls_total", "Calls since the start.", float64(answered), "result", "answered")
	m.Counter("as_calls_total", "Calls since the start.", float64(failed), "result", "failed")
	m.Counter("as_media_turns_total", "Turns of the 20 ms wheel.", float64(w.Turns))
	m.Counter("as_media_turns_skipped_total", "Turns that were given up because the machine was too busy.", float64(w.Skipped))
	m.Counter("as_media_busy_seconds_total", "Time that the turns took.", w.Busy.Seconds())
	m.Gauge("as_media_late_seconds", "How late the last turn began.", w.Late.Seconds())
}
