// Ssp is an exchange of an SS7 network: it sends and answers calls with the ISDN user part, by M3UA through a transfer point, and
// asks a service control point about 0800 numbers.
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
	"time"

	"github.com/gotelco/telco/examples/kit/admin"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/logs"
	"github.com/gotelco/telco/examples/kit/metrics"
	"github.com/gotelco/telco/examples/kit/ss7"
	"github.com/gotelco/telco/examples/kit/term"
	"github.com/gotelco/telco/mtp3/isup"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/ladder"
)

const usage = `usage: ssp [-once]                      show calls through a transfer point, all in one process
       ssp -config FILE                 run the exchange: calls to its numbers are answered
       ssp -config FILE [flags] call NUMBER...   send calls, one after the other, and show them
       ssp validate FILE                say what is wrong with a configuration
       ssp sample                       print a configuration to start from

Ssp is an exchange. It reaches a transfer point by M3UA, has circuits to other exchanges (ISUP, Q.763 and
Q.764), and asks a service control point about numbers that it does not know (TCAP and INAP over SCCP
with a global title).

Many calls:  ssp -config a.yaml -n 200 -rate 20 -talk 100ms call 4030201
Look on:     curl -sN http://127.0.0.1:8081/trace.pcapng | wireshark -k -i -

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// program is what the command line says.
type program struct {
	stdout, stderr io.Writer
	carrier        string
	n              int
	rate           float64
	talk, wait     time.Duration
	quiet          bool
	pcap           string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{stdout: stdout, stderr: stderr}
	fs := flag.NewFlagSet("ssp", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	file := fs.String("config", "", "`file` to configure from")
	fs.Bool("once", false, "the demonstration, as without arguments; the exit status says whether it went well")
	fs.StringVar(&p.carrier, "sctp", "", "`carrier` of SCTP: kernel, udp or auto (default what the file says)")
	fs.IntVar(&p.n, "n", 1, "call: how many `calls`, to the numbers in turn")
	fs.Float64Var(&p.rate, "rate", 0, "call: `calls` a second; 0: one after the other")
	fs.DurationVar(&p.talk, "talk", time.Second, "call: how long a call lasts once it is answered")
	fs.DurationVar(&p.wait, "wait", 30*time.Second, "call: how long to wait for the network and for an idle circuit")
	fs.BoolVar(&p.quiet, "quiet", false, "no ladder")
	fs.StringVar(&p.pcap, "pcap", "", "`file` for a capture of all messages")
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
		fmt.Fprintf(stdout, "%s: ok: %s at %s, %d trunks\n", fs.Arg(1), cfg.Name, cfg.PointCode, len(cfg.Trunks))
		return 0
	case fs.NArg() > 0 && (fs.Arg(0) != "call" || fs.NArg() < 2 || *file == ""):
		fmt.Fprintf(stderr, "ssp: what is %q? A call wants -config FILE and a number. See ssp -h\n", fs.Arg(0))
		return 2
	case *file == "":
		return p.demo(ctx)
	case p.n < 1 || p.rate < 0 || p.talk < 0:
		fmt.Fprintln(stderr, "ssp: -n is at least 1, -rate and -talk are not negative")
		return 2
	}
	cfg := defaults()
	if err := config.Load(*file, &cfg); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	capture, stop, err := ss7.Capture(p.pcap, nil)
	if err != nil {
		fmt.Fprintln(stderr, "ssp:", err)
		return 1
	}
	if log := opts.Logger(stderr); fs.NArg() > 0 {
		err = p.call(ctx, cfg, fs.Args()[1:], log, capture)
	} else {
		err = p.serve(ctx, cfg, log, capture)
	}
	if err = errors.Join(err, stop()); err != nil {
		fmt.Fprintln(stderr, "ssp:", err)
		return 1
	}
	return 0
}

// exchange makes the exchange of a configuration.
func (p *program) exchange(cfg Config, log *slog.Logger, more trace.Func) (*ss7.Point, *ss7.Exchange, error) {
	pc, err := cfg.Point(p.carrier, log, nil)
	if err != nil {
		return nil, nil, err
	}
	pc.Trace = more
	if !p.quiet {
		l := ladder.New(p.stdout, ladder.Config{Names: pc.Names(), ByInterface: true, Width: width(p.stdout), Summaries: ss7.Summaries(pc.Format), Show: ss7.UserParts})
		pc.Trace = trace.Tee(more, l.Trace)
	}
	point, err := ss7.NewPoint(pc)
	if err != nil {
		return nil, nil, err
	}
	xc, err := cfg.exchange(log)
	if err != nil {
		return nil, nil, err
	}
	x, err := ss7.NewExchange(point, xc)
	return point, x, err
}

func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		return term.Width(f)
	}
	return 0
}

// serve answers calls until ctx is done.
func (p *program) serve(ctx context.Context, cfg Config, log *slog.Logger, capture trace.Func) error {
	adm := admin.New(admin.Config{Addr: cfg.Admin, Logger: log})
	point, x, err := p.exchange(cfg, log, trace.Tee(adm.Trace, capture))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() {
		err := point.Run(ctx)
		cancel(err)
		done <- err
	}()
	go func() {
		if point.Ready(ctx) == nil {
			_ = point.Do(x.Start) // it fails when the point ends, and then there is nothing to start
		}
	}()
	adm.Metrics(func(m *metrics.Writer) { report(m, point, x) })
	adm.Check("network", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		return point.Ready(ctx)
	})
	if cfg.Admin != "off" {
		if err := adm.Run(ctx); err != nil {
			cancel(err)
			<-done
			return err
		}
	}
	return <-done
}

// report writes the counters.
func report(m *metrics.Writer, point *ss7.Point, x *ss7.Exchange) {
	var s ss7.Stats
	idle := map[string]int{}
	if point.Do(func(time.Time) {
		s = x.Stats()
		for name, g := range x.Groups() {
			idle[name] = g.Idle()
		}
	}) != nil {
		return
	}
	m.Counter("ssp_calls_total", "Calls sent.", float64(s.Answered), "result", "answered")
	m.Counter("ssp_calls_total", "Calls sent.", float64(s.Failed), "result", "failed")
	m.Counter("ssp_incoming_total", "Calls received.", float64(s.Incoming))
	m.Counter("ssp_incoming_answered_total", "Calls answered here.", float64(s.IncomingAnswers))
	m.Counter("ssp_queries_total", "Questions to the service control point.", float64(s.Queries))
	m.Counter("ssp_queries_failed_total", "Questions that brought no number.", float64(s.QueriesFailed))
	m.Gauge("ssp_active", "Calls from here now.", float64(s.Active))
	for name, n := range idle {
		m.Gauge("ssp_idle_circuits", "Circuits that could take a call.", float64(n), "trunk", name)
	}
	for cause, n := range s.Causes {
		m.Counter("ssp_released_total", "Calls from here by the cause of their release.", float64(n), "cause", isup.CauseValue(cause).String())
	}
}
