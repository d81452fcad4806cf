// Scp is a service control point: exchanges ask it what to do with numbers such as 0800 123456, and it answers with the number
// to call instead.
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
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/ladder"
)

const usage = `usage: scp [-once]           show questions and answers through a transfer point, all in one process
       scp -config FILE      run; SIGHUP reads the file again
       scp validate FILE     say what is wrong with a configuration
       scp sample            print a configuration to start from

Scp is a service control point for number translation. It reaches a transfer point by M3UA; exchanges reach
it by a global title, the number itself, in SCCP unitdata. The question is INAP's InitialDP in a TCAP Begin; the answer
comes in an End: Connect with the number to call, ReleaseCall with a cause, or an error (missing customer record) for a
number that is not in the table.

Look on:     curl -sN http://127.0.0.1:8082/trace.pcapng | wireshark -k -i - -o inap.ssn:12

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, hup))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer, hup <-chan os.Signal) int {
	fs := flag.NewFlagSet("scp", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	file := fs.String("config", "", "`file` to configure from")
	fs.Bool("once", false, "the demonstration, as without arguments; the exit status says whether it went well")
	carrier := fs.String("sctp", "", "`carrier` of SCTP: kernel, udp or auto (default what the file says)")
	quiet := fs.Bool("quiet", false, "no ladder")
	pcap := fs.String("pcap", "", "`file` for a capture of all messages")
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
		fmt.Fprintf(stdout, "%s: ok: %s at %s, %d numbers\n", fs.Arg(1), cfg.Name, cfg.PointCode, len(cfg.Numbers))
		return 0
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "scp: what is %q? See scp -h\n", fs.Arg(0))
		return 2
	case *file == "":
		return demo(ctx, stdout, stderr, *pcap)
	}
	capture, stop, err := ss7.Capture(*pcap, nil)
	if err != nil {
		fmt.Fprintln(stderr, "scp:", err)
		return 1
	}
	s := &server{file: *file, carrier: *carrier, quiet: *quiet, capture: capture, stdout: stdout, hup: hup, log: opts.Logger(stderr)}
	if err := errors.Join(s.run(ctx), stop()); err != nil {
		fmt.Fprintln(stderr, "scp:", err)
		return 1
	}
	return 0
}

// server is a service control point that runs.
type server struct {
	file, carrier string
	quiet         bool
	capture       trace.Func
	stdout        io.Writer
	hup           <-chan os.Signal
	log           *slog.Logger
}

func (s *server) run(ctx context.Context) error {
	cfg := defaults()
	if err := config.Load(s.file, &cfg); err != nil {
		return err
	}
	adm := admin.New(admin.Config{Addr: cfg.Admin, Logger: s.log})
	pc, err := cfg.Point(s.carrier, s.log, trace.Tee(adm.Trace, s.capture))
	if err != nil {
		return err
	}
	if !s.quiet {
		l := ladder.New(s.stdout, ladder.Config{Names: pc.Names(), ByInterface: true, Width: width(s.stdout), Summaries: ss7.Summaries(pc.Format), Show: ss7.UserParts})
		pc.Trace = trace.Tee(pc.Trace, l.Trace)
	}
	point, err := ss7.NewPoint(pc)
	if err != nil {
		return err
	}
	t, err := ss7.NewTranslator(point, sccp.SSN(cfg.SSN), cfg.Services, s.log)
	if err != nil {
		return err
	}
	t.Set(cfg.table())
	adm.Metrics(func(m *metrics.Writer) { report(m, t.Stats()) })
	adm.Check("network", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		return point.Ready(ctx)
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 2)
	go func() { done <- point.Run(ctx) }()
	n := 1
	if cfg.Admin != "off" {
		n++
		go func() { done <- adm.Run(ctx) }()
	}
	for first := error(nil); ; {
		select {
		case <-s.hup:
			s.reload(t)
		case err := <-done:
			cancel() // where one ends, the other does
			if first == nil {
				first = err
			}
			if n--; n == 0 {
				return first
			}
		}
	}
}

// reload takes the numbers of the file, if nothing is wrong with it.
func (s *server) reload(t *ss7.Translator) {
	cfg := defaults()
	if err := config.Load(s.file, &cfg); err != nil {
		s.log.Error("the file is not taken, the numbers stay as they are", "error", err)
		return
	}
	t.Set(cfg.table())
	s.log.Info("numbers read again", "file", s.file, "numbers", len(cfg.Numbers))
}

func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		return term.Width(f)
	}
	return 0
}

// report writes the counters.
func report(m *metrics.Writer, s *ss7.TranslatorStats) {
	m.Counter("scp_queries_total", "Questions.", float64(s.Queries.Load()))
	m.Counter("scp_malformed_total", "Messages that could not be read.", float64(s.Malformed.Load()))
	m.Counter("scp_answers_total", "Answers.", float64(s.Translated.Load()), "result", "connect")
	m.Counter("scp_answers_total", "Answers.", float64(s.Released.Load()), "result", "release")
	m.Counter("scp_answers_total", "Answers.", float64(s.Unknown.Load()), "result", "unknown")
	m.Counter("scp_answers_total", "Answers.", float64(s.Refused.Load()), "result", "refused")
}

const intro = `Two exchanges, A (1.2.3) and C (1.2.4), and a service control point SCP (1.2.6) are attached to the
transfer point STP-A (1.2.1) by M3UA. Everything runs in this process; what STP-A sees is drawn below.
A asks the SCP, by a global title that STP-A translates: the number itself.

`

// demo shows three questions.
func demo(ctx context.Context, stdout, stderr io.Writer, pcap string) int {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	fmt.Fprint(stdout, intro)
	l := ss7.DemoLadder(stdout, width(stdout))
	t, stop, err := ss7.Capture(pcap, l.Trace)
	if err != nil {
		fmt.Fprintln(stderr, "scp:", err)
		return 1
	}
	d, err := ss7.NewDemo(ctx, t, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(stderr, "scp:", err)
		return 1
	}
	defer d.Close()
	status := 0
	for _, c := range []struct {
		number, about string
		translated    string
		cause         isup.CauseValue
	}{
		{"0800123456", "This number is in the table: Connect, and the call goes to exchange C.", "4030201", isup.NormalClearing},
		{"0800999", "This one is to be released with a cause: ReleaseCall.", "", isup.UserBusy},
		{"0800000", "This one is not in the table: an error, missing customer record.", "", 0},
	} {
		fmt.Fprintf(stdout, "\n%s\n", c.about)
		r, err := d.Call(ctx, c.number)
		if err == nil {
			err = d.Settle(ctx)
		}
		if err != nil {
			fmt.Fprintln(stderr, "scp:", err)
			return 1
		}
		verdict := "PASS"
		if r.Translated != c.translated || r.Cause.Value != c.cause {
			verdict, status = "FAIL", 1
		}
		fmt.Fprintf(stdout, "%s  %s\n", verdict, r.Text())
	}
	q := d.SCP.Stats()
	fmt.Fprintf(stdout, "\n%d questions: %d translated, %d released, %d unknown\n", q.Queries.Load(), q.Translated.Load(), q.Released.Load(), q.Unknown.Load())
	d.Close()
	if err := errors.Join(l.Err(), stop()); err != nil {
		fmt.Fprintln(stderr, "scp:", err)
		return 1
	}
	return status
}
