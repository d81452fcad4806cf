// Amrcat encodes and decodes AMR and AMR-WB: voicemail into .amr, .awb into WAV, with every mode,
// discontinuous transmission, and the receive types of a radio channel.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `usage: amrcat encode [-codec nb|wb] [-mode N | -modes FILE] [-dtx] [-vad 1|2] IN OUT
       amrcat decode [-rx FILE] [-raw] IN OUT
       amrcat info IN
       amrcat bench [-codec nb|wb] [-seconds N]

IN and OUT are files, or "-" for standard input and output. PCM is WAV (mono, 16 bits, at the codec's
rate) or headerless: 16 bits, little-endian, 8000 Hz for nb and 16000 Hz for wb. Encode tells the two
apart by the first octets, decode writes WAV if OUT ends in ".wav" and headerless samples otherwise.
AMR files are those of RFC 4867 section 5, .amr and .awb.

    amrcat encode -mode 7 -dtx greeting.wav greeting.amr
    amrcat decode greeting.amr - | aplay -f S16_LE -r 8000
    sox in.flac -r 16000 -c 1 -t raw -e signed -b 16 - | amrcat encode -codec wb -mode 2 - out.awb

Modes: nb 0 to 7 are 4.75, 5.15, 5.90, 6.70, 7.40, 7.95, 10.2 and 12.2 kbit/s;
       wb 0 to 8 are 6.60, 8.85, 12.65, 14.25, 15.85, 18.25, 19.85, 23.05 and 23.85 kbit/s.

A file for -modes has one mode a line, one line a frame of 20 ms. A file for -rx has one octet a frame,
the receive type: 0 good, 1 degraded, 2 onset, 3 bad, 4 SID first, 5 SID update, 6 SID bad, 7 no data.

"amrcat COMMAND -h" lists the flags of a command.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// errUsage is a command line that makes no sense; what is wrong has been printed.
var errUsage = errors.New("usage")

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	commands := map[string]func([]string, streams) error{"encode": encode, "decode": decode, "info": info, "bench": bench}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(stderr, usage)
		if len(args) > 0 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help") {
			return 0
		}
		return 2
	}
	err := commands[args[0]](args[1:], streams{stdin, stdout, stderr})
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintln(stderr, "amrcat:", err)
	return 1
}

// streams are the standard ones.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// flags returns the flag set of a command.
func (s streams) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet("amrcat "+name, flag.ContinueOnError)
	fs.SetOutput(s.err)
	return fs
}

// parse parses a command line with n arguments after the flags.
func (s streams) parse(fs *flag.FlagSet, args []string, n int) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if fs.NArg() != n {
		fmt.Fprintf(s.err, "%s: %d files, want %d\n", fs.Name(), fs.NArg(), n)
		return errUsage
	}
	return nil
}

// open opens a file to read.
func (s streams) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(s.in), nil
	}
	return os.Open(name)
}

// create opens a file to write.
func (s streams) create(name string) (io.WriteCloser, error) {
	if name == "-" {
		return nopCloser{s.out}, nil
	}
	return os.Create(name)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
