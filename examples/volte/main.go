// Volte is a telephone call that one can watch, on a machine with nothing installed: a phone
// registers, calls through an application server to a second phone, and speech flows both ways
// between two codecs. A ladder of the messages scrolls by; a capture and recordings are left behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/examples/kit/exchange"
	"github.com/gotelco/telco/examples/kit/logs"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/examples/kit/term"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

const usage = `usage: volte [flags]

Volte shows a whole call in one process, over UDP on the loopback interface. It needs no
configuration, no root, and no network:

  - the caller (PCMA) and the callee (PCMU) register with the application server, by digest SHA-256
  - the caller calls; the server bridges the two legs, transcodes, and records both
  - both speak; what each one hears is compared with what the other said
  - the caller hangs up

Every message is drawn as it is sent. Afterwards these files are in the folder -out names:

  volte.pcapng   all SIP and RTP of the server, for Wireshark: wireshark volte.pcapng
  caller.wav     what the caller said, as the server recorded it
  callee.wav     what the callee said

Then the server stays: register a phone of your own as user "you", password "telco", with the
address that is printed, and call "bob". With -once it does not stay, and the exit status says
whether all went well.

Flags:
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout *os.File, stderr io.Writer) int {
	fs := flag.NewFlagSet("volte", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	once := fs.Bool("once", false, "end after the call, with status 0 if every check passed")
	out := fs.String("out", "out", "`folder` for the capture and the recordings")
	listen := fs.String("listen", "127.0.0.1:0", "`address` of the application server; port 0 is any")
	quiet := fs.Bool("quiet", false, "do not draw the ladder")
	opts := logs.Flags(fs)
	opts.Level.Set(slog.LevelWarn)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "volte: what is %q? See volte -h\n", fs.Arg(0))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	d := &demo{out: *out, quiet: *quiet, stdout: stdout, log: opts.Logger(stderr)}
	if err := d.start(*listen); err != nil {
		fmt.Fprintln(stderr, "volte:", err)
		return 1
	}
	d.call(ctx)
	if !*once && ctx.Err() == nil {
		d.stay(ctx)
	}
	failed := d.close()
	if failed > 0 {
		return 1
	}
	return 0
}

// domain is the name of the network; it is never looked up.
const domain = "ims.example"

// demo is the server, the two phones, and what is known of them.
type demo struct {
	out    string
	quiet  bool
	stdout *os.File
	log    *slog.Logger

	capture        *pcapng.Writer
	server         *exchange.Exchange
	caller, callee *phone
	addr           netip.AddrPort
	passed, failed int
}

// start brings everything up.
func (d *demo) start(listen string) error {
	if err := os.MkdirAll(d.out, 0o755); err != nil {
		return err
	}
	var err error
	if d.capture, err = pcapng.Create(filepath.Join(d.out, "volte.pcapng"), pcapng.Config{}); err != nil {
		return err
	}
	// All messages pass the server: it alone is traced. Media goes to the capture only.
	signalling := d.capture.Trace
	names := map[netip.AddrPort]string{}
	if !d.quiet {
		l := term.Ladder(d.stdout, names)
		signalling = trace.Tee(d.capture.Trace, l.Trace)
	}
	cfg := exchange.Config{
		Domain: domain,
		Users:  map[string]string{"alice": newPassword(), "bob": newPassword(), "you": "telco"},
		Record: d.out, RecordingName: func(*call.Call) (string, string) { return "caller", "callee" },
		Logger: d.log,
	}
	cfg.Call.Interface, cfg.Call.Trace, cfg.Call.Logger = "as", d.capture.Trace, d.log
	cfg.Call.SIP.Endpoint = sip.Config{UserAgent: "telco-as", Trace: named("as", signalling), Logger: d.log}
	if d.server, err = exchange.New(cfg); err != nil {
		return err
	}
	f, err := d.server.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: listen})
	if err != nil {
		return err
	}
	d.addr = f.Local
	names[d.addr] = "as"
	if d.caller, err = newPhone(d, "alice", cfg.Users["alice"], call.PCMA); err != nil {
		return err
	}
	names[d.caller.addr] = "caller"
	if d.callee, err = newPhone(d, "bob", cfg.Users["bob"], call.PCMU); err != nil {
		return err
	}
	names[d.callee.addr] = "callee"
	return nil
}

// named gives events the name of the role that they belong to.
func named(name string, f trace.Func) trace.Func {
	return func(e trace.Event) {
		e.Interface = name
		f(e)
	}
}

// call is the demonstration.
func (d *demo) call(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	start := time.Now()
	for _, p := range []*phone{d.caller, d.callee} {
		err := p.register(ctx)
		d.check(err == nil, "%s registered with digest %v", p.name, orError(err, p.algorithm()))
	}
	d.say("both registered in %v", time.Since(start).Round(time.Millisecond))
	d.refuses(ctx)

	go d.callee.speak(speech.Callee())
	start = time.Now()
	c, err := d.caller.agent.Dial(ctx, "sip:bob@"+domain, call.DialOptions{})
	if !d.check(err == nil, "bob answered after %v%v", time.Since(start).Round(time.Millisecond), orError(err, "")) {
		return
	}
	heard := &recorder{}
	c.Media().AddSink(heard)
	err = c.Play(ctx, call.Samples(speech.Caller()))
	d.check(err == nil, "alice spoke for %v in %s%v", spoken(speech.Caller()), c.Codec().Name, orError(err, ""))
	select {
	case <-d.callee.spoke:
	case <-ctx.Done():
	}
	pause(ctx, 500*time.Millisecond) // the last words are on their way
	stats := c.Media().Stats()
	err = c.HangUp(ctx)
	d.check(err == nil, "alice hung up%v", orError(err, ""))
	select {
	case <-d.callee.ended:
	case <-ctx.Done():
	}

	d.compare("alice hears bob", heard.take(), speech.Callee())
	d.compare("bob hears alice", d.callee.heard.take(), speech.Caller())
	d.check(stats.Played > 300 && stats.RTP.Lost == 0, "RTP: alice received %d packets, %d lost, and sent %d", stats.RTP.PacketsReceived, stats.RTP.Lost, stats.RTP.PacketsSent)
	d.recorded("caller.wav", speech.Caller())
	d.recorded("callee.wav", speech.Callee())
	d.check(waitFor(ctx, func() bool { return d.server.Agent().Calls() == 0 }), "the server has let go of both legs")
}

// refuses lets somebody with a wrong password try.
func (d *demo) refuses(ctx context.Context) {
	stranger, err := newPhone(d, "alice", "guessed", call.PCMA)
	if err != nil {
		d.check(false, "a third phone: %v", err)
		return
	}
	defer stranger.close()
	err = stranger.register(ctx)
	d.check(sip.StatusCode(err) == 401, "a wrong password is refused%v", orError(err, ""))
}

// compare looks for what was said in what was heard. Two codecs of G.711 in a row leave a
// signal-to-noise ratio of some 35 dB; a machine that is very busy may cost a syllable.
func (d *demo) compare(what string, heard, said []int16) {
	h := sound.Listen(heard, said, speech.Rate, 4*speech.Rate)
	d.check(h.Share > 0.9 && h.SNR > 30, "%s: %.0f %% of it, SNR %.1f dB", what, 100*h.Share, h.SNR)
}

func (d *demo) check(ok bool, format string, args ...any) bool {
	word := "PASS"
	if ok {
		d.passed++
	} else {
		word = "FAIL"
		d.failed++
	}
	fmt.Fprintf(d.stdout, "%s  %s\n", word, fmt.Sprintf(format, args...))
	return ok
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.stdout, "      %s\n", fmt.Sprintf(format, args...))
}

// stay waits for calls of other phones until the user has seen enough.
func (d *demo) stay(ctx context.Context) {
	go func() {
		for ctx.Err() == nil {
			d.callee.speak(speech.Callee())
		}
	}()
	d.say("")
	d.say("Register your own phone: user you, password telco, domain (or proxy) %v, UDP. Then call bob.", d.addr)
	d.say("Ctrl-C ends.")
	<-ctx.Done()
}

// close ends everything and says how it went.
func (d *demo) close() (failed int) {
	for _, p := range []*phone{d.caller, d.callee} {
		p.close()
	}
	if err := d.server.Close(); err != nil {
		d.check(false, "closing: %v", err)
	}
	err := d.capture.Close()
	name := filepath.Join(d.out, "volte.pcapng")
	d.check(err == nil, "%d packets in %s%v", d.capture.Stats().Packets, name, orError(err, ""))
	fmt.Fprintf(d.stdout, "%d passed, %d failed\n", d.passed, d.failed)
	return d.failed
}
