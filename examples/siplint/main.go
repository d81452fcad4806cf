// Siplint reads files that hold SIP messages and says what a SIP element would make of them: a line
// for each, "FILE accept" or "FILE reject LAYER STATUS REASON".
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gotelco/telco/sip"
)

const usage = `usage: siplint [flags] FILE...

Siplint reads each FILE ("-" is standard input) as one SIP message, as it would arrive in a datagram,
and prints a line for it:

    FILE accept
    FILE reject LAYER STATUS REASON

LAYER is where the message failed: syntax (its octets do not make a message), header (a field is
missing, repeated or against its grammar) or request (it reads well but cannot be served). STATUS is
the code to answer with, 0 for a response, which is dropped instead. REASON names the field and the
offset of the offending octet.

The exit status is 0 if every message was accepted, 1 if one was refused, 2 if a file cannot be read.

Flags:
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// linter is what the flags say.
type linter struct {
	parser sip.Parser
	policy sip.Policy
	stream bool
	dump   bool
	out    *bufio.Writer
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var l linter
	flags := flag.NewFlagSet("siplint", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	strict := flags.Bool("strict", false, "hold messages to the grammar of RFC 3261 to the letter")
	flags.BoolVar(&l.stream, "stream", false, "a file holds a stream of messages, as TCP carries them; its line is that of its first refused message")
	flags.BoolVar(&l.dump, "dump", false, "print what was understood of each message")
	flags.IntVar(&l.parser.MaxSize, "max-size", sip.DefaultMaxSize, "largest message in `octets`")
	supported := flags.String("supported", strings.Join(sip.OptionTags(), ","), "option `tags` that Require may name; others are refused with 420")
	types := flags.String("types", "", "content `types` that a body may have, such as application/sdp; others are refused with 415 (default any)")
	methods := flags.String("methods", "", "`methods` that are served; others are refused with 501 (default any)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return 2
	}
	l.parser.Strict, l.policy.Strict = *strict, *strict
	l.policy.OptionTags = list(*supported)
	if *types != "" {
		l.policy.ContentTypes = list(*types)
	}
	for _, m := range list(*methods) {
		l.policy.Methods = append(l.policy.Methods, sip.Method(m))
	}
	l.out = bufio.NewWriter(stdout)
	defer l.out.Flush()
	status := 0
	for _, name := range flags.Args() {
		b, err := read(name, stdin)
		if err != nil {
			fmt.Fprintln(stderr, "siplint:", err)
			status = 2
			continue
		}
		if !l.file(name, b) && status == 0 {
			status = 1
		}
	}
	return status
}

// list splits at commas; it is never nil.
func list(s string) []string {
	items := []string{}
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func read(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// file prints the line of a file, and the dump after it, and reports whether it was accepted.
func (l *linter) file(name string, b []byte) bool {
	var dumps []sip.Message
	var refusal error
	note := func(m sip.Message, err error) {
		if m != nil {
			dumps = append(dumps, m)
		}
		if refusal == nil {
			refusal = err
		}
	}
	if l.stream {
		l.frames(b, note)
	} else {
		note(l.message(b))
	}
	var bad *sip.ParseError
	switch {
	case refusal == nil:
		fmt.Fprintf(l.out, "%s accept\n", name)
	case errors.As(refusal, &bad):
		fmt.Fprintf(l.out, "%s reject %v %d %s\n", name, bad.Layer, bad.Status, strings.TrimPrefix(bad.Error(), "sip: "))
	}
	if l.dump {
		for _, m := range dumps {
			dump(l.out, m)
		}
	}
	return refusal == nil
}

// message reads one message; it may return what it understood beside an error.
func (l *linter) message(b []byte) (sip.Message, error) {
	m, err := l.parser.Parse(b)
	if err == nil {
		err = l.policy.Check(m)
	}
	return m, err
}

// frames reads a stream of messages.
func (l *linter) frames(b []byte, note func(sip.Message, error)) {
	f := sip.Framer{MaxSize: l.parser.MaxSize}
	f.Write(b)
	for {
		kind, msg, err := f.Next()
		switch {
		case err != nil:
			m, _ := l.parser.Parse(msg)
			note(m, err)
			return
		case kind == sip.MessageFrame:
			note(l.message(msg))
		case kind == sip.NoFrame:
			if f.Buffered() > 0 {
				note(nil, &sip.ParseError{Layer: sip.SyntaxLayer, Field: "stream", Offset: len(b), Status: 400, Err: sip.ErrTruncated})
			}
			return
		}
	}
}
