// Diacat talks Diameter: it connects to a peer and shows what it advertises, sends commands that stand in YAML, makes load,
// relays, answers, reads captures, and explains why an exchange failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: diacat COMMAND [flags] ARGUMENTS

    diacat connect ADDRESS              exchange capabilities, show what the peer advertises
    diacat send ADDRESS FILE.yaml...    send commands, print the answers
    diacat load ADDRESS FILE.yaml       send one over and over; rates and latencies
    diacat listen FILE.yaml             answer with what stands in the file, print what comes
    diacat relay FILE.yaml              relay, proxy or redirect by realm
    diacat decode FILE...               print the messages of a capture (pcap, pcapng) or of hexadecimal text
    diacat explain FILE...|CODE         why did the exchanges of a capture fail; what does a result code mean
    diacat validate FILE.yaml...        say what is wrong with files for the above
    diacat names [WORD...]              commands and AVPs of the dictionaries; with the name of one, its grammar or values

ADDRESS is HOST or HOST:PORT (port 3868, with -tls 5868). FILE may be "-", standard input. A command in YAML:

    command: UAR
    avps:
      Destination-Realm: ims.example
      User-Name: alice@ims.example
      Public-Identity: sip:alice@ims.example
      Visited-Network-Identifier: ims.example

What its grammar requires and a program can know (Session-Id, Origin-Host, Vendor-Specific-Application-Id,
Auth-Session-State ...) is filled in. "diacat send -h" says more: groups, AVPs by number, variables.

    diacat connect -app Cx hss.example
    diacat send -host icscf.example -realm ims.example hss.example uar.yaml
    diacat send -print uar.yaml | diacat decode -

Keys (SIP-Authorization, Confidentiality-Key, KASME ...) are not shown unless -show names them.

The exit status is 0 if it went well: connected; every answer a success. 1 if not, and then the reason is explained on
standard error. 2 if the command line or a file makes no sense.

"diacat COMMAND -h" lists the flags of a command.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// errUsage is a command line or a file that makes no sense. errFailed is a failure that has been explained.
var (
	errUsage  = errors.New("usage")
	errFailed = errors.New("failed")
)

// invalid is an error of a file or a flag, for exit status 2.
type invalid struct{ error }

func (e invalid) Unwrap() error { return e.error }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	commands := map[string]func(*program, []string) error{
		"connect": (*program).connect, "send": (*program).send, "load": (*program).load, "listen": (*program).listen,
		"relay": (*program).relay, "decode": (*program).decode, "explain": (*program).explain, "names": (*program).names,
		"validate": (*program).validate,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(stderr, usage)
		if len(args) > 0 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help") {
			return 0
		}
		return 2
	}
	p := &program{ctx: ctx, in: stdin, out: stdout, err: stderr}
	err := commands[args[0]](p, args[1:])
	var bad invalid
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errFailed):
		return 1
	case errors.As(err, &bad):
		fmt.Fprintln(stderr, "diacat:", err)
		return 2
	}
	fmt.Fprintln(stderr, "diacat:", err)
	return 1
}

// program is one run of a command.
type program struct {
	ctx      context.Context
	in       io.Reader
	out, err io.Writer
	options
}

// flags returns the flag set of a command; help stands before the list of flags.
func (p *program) flags(name, help string) *flag.FlagSet {
	fs := flag.NewFlagSet("diacat "+name, flag.ContinueOnError)
	fs.SetOutput(p.err)
	fs.Usage = func() {
		fmt.Fprint(p.err, "usage: diacat "+name+" "+help+"\nFlags:\n")
		fs.PrintDefaults()
	}
	return fs
}

// parse parses a command line with at least least and at most most arguments after the flags (most < 0: any number).
func (p *program) parse(fs *flag.FlagSet, args []string, least, most int) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if n := fs.NArg(); n < least || most >= 0 && n > most {
		fmt.Fprintf(p.err, "%s: %d arguments\n", fs.Name(), n)
		fs.Usage()
		return errUsage
	}
	return nil
}

// read reads a file, or standard input.
func (p *program) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(p.in)
	}
	return os.ReadFile(name)
}

// flagGiven tells whether a flag stands on the command line.
func flagGiven(fs *flag.FlagSet, name string) bool {
	given := false
	fs.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}
