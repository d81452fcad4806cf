// Hss is a Home Subscriber Server for an IMS core (Cx, Sh) and a private LTE core (S6a): subscribers in a journal on disk, an API and a
// page to look after them, importers for what others keep them in. Without arguments it explains itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/logs"
	"github.com/gotelco/telco/ims/hss/provision"
)

const usage = `usage: hss [flags]                  show what it is: an HSS with one subscriber, in memory
       hss [flags] run FILE         run with a configuration
       hss sample                   print a configuration to start from
       hss validate FILE...         say what is wrong with configurations, or with files of subscribers

  with a running one (each has -h):
       hss import [-n] FILE...      store subscribers: YAML, JSON, CSV, PyHSS, FHoSS, Open5GS, XML
       hss export                   print them, without their keys
       hss add                      make one, with new keys if none are given
       hss show IDENTITY            by ID, IMPI, IMSI, public identity or MSISDN
       hss list [PREFIX]
       hss delete ID                RTR to the S-CSCF first
       hss deregister ID            RTR to the S-CSCF
       hss push ID                  PPR to the S-CSCF
       hss assign -scscf URI ID     the S-CSCF of the next registration
       hss cancel ID                CLR to the MME
       hss audit                    who has changed what

  without one:
       hss sim                      make keys for a card, and check what a card answers

To try it:  hss                          and, in another terminal, hss show alice
To use it:  hss sample > hss.yaml; hss validate hss.yaml; hss run hss.yaml

SIGHUP reads the files of subscribers again, SIGTERM ends it in good order. What it has acknowledged
survives a crash at any moment.

Flags:
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout *os.File, stderr io.Writer) int {
	fs := flag.NewFlagSet("hss", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	once := fs.Bool("once", false, "show what it is on free ports and end, with status 0 if everything went well")
	quiet := fs.Bool("quiet", false, "do not draw the messages of the demonstration")
	opts := logs.Flags(fs)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if fs.NArg() == 0 {
		level := false
		fs.Visit(func(f *flag.Flag) { level = level || f.Name == "log-level" })
		if !level {
			opts.Level.Set(8) // errors: the story tells the rest
		}
		return runDemo(ctx, stdout, opts.Logger(stderr), *once, *quiet)
	}
	name, rest := fs.Arg(0), fs.Args()[1:]
	if c, ok := commands[name]; ok {
		return c(ctx, rest, stdout, stderr)
	}
	switch {
	case name == "sample" && len(rest) == 0:
		fmt.Fprint(stdout, sample)
		return 0
	case name == "validate" && len(rest) > 0:
		return validate(rest, stdout, stderr)
	case name == "run" && len(rest) == 1:
		read := func() (Config, error) { return loadConfig(rest[0]) }
		cfg, err := read()
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
		if err := serve(ctx, cfg, opts.Logger(stderr), hup, read); err != nil {
			fmt.Fprintln(stderr, "hss:", err)
			return 1
		}
		return 0
	}
	fmt.Fprintf(stderr, "hss: what is %q? See hss -h\n", fs.Args())
	return 2
}

var errNoConfig = errors.New("its name is none of a configuration")

// validate looks at files: those with a key of a configuration are one, others hold subscribers.
func validate(files []string, stdout, stderr io.Writer) int {
	status := 0
	for _, name := range files {
		cfg := defaults()
		err := errNoConfig
		if ext := strings.ToLower(filepath.Ext(name)); ext == ".yaml" || ext == ".yml" || ext == ".conf" || ext == "" {
			err = config.Load(name, &cfg)
		}
		if err == nil {
			if len(cfg.Subscribers) == 0 {
				fmt.Fprintf(stdout, "%s: ok: %d places to listen, %d peers\n", name, len(cfg.Listen), len(cfg.Peers))
				continue
			}
			var b *provision.Batch
			if b, err = provision.Read(provision.Options{ReadFile: os.ReadFile}, cfg.Subscribers...); err == nil {
				fmt.Fprintf(stdout, "%s: ok: %d places to listen, %d peers, %d subscribers in %d files\n", name, len(cfg.Listen), len(cfg.Peers), len(b.Subscribers), len(cfg.Subscribers))
				continue
			}
		} else if b, perr := provision.Read(provision.Options{ReadFile: os.ReadFile}, name); perr == nil {
			fmt.Fprintf(stdout, "%s: ok: %d subscribers, %d service profiles, %d iFC sets\n", name, len(b.Subscribers), len(b.ServiceProfiles), len(b.SharedIFCSets))
			for _, n := range b.Notes {
				fmt.Fprintln(stdout, "note:", n)
			}
			continue
		} else if err == errNoConfig || !looksLikeConfig(name) {
			err = perr
		}
		fmt.Fprintln(stderr, err)
		status = 1
	}
	return status
}
