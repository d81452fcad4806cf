package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/stp"
	"github.com/gotelco/telco/trace/pcapng"
)

var (
	//go:embed network/stp-a.yaml
	yamlA string
	//go:embed network/stp-b.yaml
	yamlB string
)

const intro = `A small SS7 network, all of it in this process. Exchanges set up telephone calls by messages (ISUP)
to one another; two signalling transfer points (STP) carry them, by the point codes they bear.

  A 1.2.3 --\                                  /-- E 4.5.3
  C 1.2.4 --- STP-A 1.2.1 == 4 links == STP-B 4.5.1
  D 1.2.5 --/      \                           \-- B 4.5.6
                    \-- SCP 1.2.6 (number translation)

Exchanges speak M3UA to their STP; between the STPs run four M2PA links. The SCTP below is one in memory.
`

const (
	pcA    mtp3.PointCode = 1<<11 | 2<<3 | 3
	pcC                   = pcA + 1
	pcD                   = pcA + 2
	pcSCP                 = pcA + 3
	pcSTPA                = pcA - 2
	pcSTPB mtp3.PointCode = 4<<11 | 5<<3 | 1
	pcE                   = pcSTPB + 2
	pcB                   = pcSTPB + 5
)

// demo is the network, and what is known of it.
type demo struct {
	*program
	ctx            context.Context
	net            *sctp.Memory
	stpA, stpB     *host
	capture        *pcapng.Writer // or nil
	exchanges      []*exchange
	passed, failed int
	ended          chan error
}

// demo runs the network and tells the story of it.
func (p *program) demo() error {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	d := &demo{program: p, ctx: ctx, ended: make(chan error, 2), net: sctp.NewMemory(sctp.MemoryConfig{Delay: time.Millisecond, PeerTimeout: 2 * time.Second})}
	fmt.Fprint(p.stdout, intro)
	if err := d.start(); err != nil {
		return err
	}
	for _, step := range []func(){d.inService, d.aCall, d.oneLinkFails, d.allLinksFail, d.oneDestinationFails, d.oneServerFails, d.congestion, d.translation, d.newConfiguration} {
		if step(); d.ctx.Err() != nil {
			break
		}
	}
	fmt.Fprintf(p.stdout, "\n%d checks passed, %d failed\n", d.passed, d.failed)
	if !p.once && d.ctx.Err() == nil {
		d.stay()
	}
	cancel()
	return errors.Join(d.end(), d.verdict())
}

func (d *demo) verdict() error {
	if d.failed > 0 || d.passed == 0 {
		return exitStatus(1)
	}
	return nil
}

func (d *demo) start() error {
	if d.pcap != "-" {
		w, err := pcapng.Create(d.pcap, pcapng.Config{})
		if err != nil {
			return err
		}
		d.capture = w
	}
	log := slog.New(slog.DiscardHandler) // the story is told; a log would talk in between
	if d.logsAsked {
		log = d.logs.Logger(d.stderr)
	}
	for _, x := range []struct {
		yaml, name, admin string
		at                **host
	}{{yamlB, "stp-b.yaml", "off", &d.stpB}, {yamlA, "stp-a.yaml", d.adminAddr(), &d.stpA}} {
		cfg, err := stp.ParseConfig(x.name, []byte(x.yaml))
		if err != nil {
			return err
		}
		h, err := newHost(cfg, d.net, x.admin, log)
		if err != nil {
			return err
		}
		if d.capture != nil {
			h.also(d.capture.Trace)
		}
		*x.at = h
		go func() { d.ended <- h.run(d.ctx) }()
		select {
		case <-h.node.Ready():
		case err := <-d.ended:
			return err
		}
	}
	if d.stpA.adm != nil {
		a, err := d.stpA.adm.Listen()
		if err != nil {
			return err
		}
		d.say("Watch STP-A at http://%v, or ask it in another terminal: stp show links -at http://%v", a, a)
	}
	const gwA, gwB = "10.1.0.1", "10.2.0.1"
	for _, x := range []struct {
		name, at, gateway string
		pc                mtp3.PointCode
		rc                uint32
	}{{"A", "10.1.0.3", gwA, pcA, 1}, {"C", "10.1.0.4", gwA, pcC, 2}, {"D", "10.1.0.5", gwA, pcD, 3}, {"D2", "10.1.0.55", gwA, pcD, 3}, {"SCP", "10.1.0.6", gwA, pcSCP, 4},
		{"E", "10.2.0.3", gwB, pcE, 1}, {"B", "10.2.0.6", gwB, pcB, 2}} {
		if _, err := d.attach(x.name, x.pc, x.at, x.gateway, x.rc); err != nil {
			return err
		}
	}
	return nil
}

// adminAddr is where STP-A can be watched. A story that is told once needs no listener.
func (d *demo) adminAddr() string {
	if d.once {
		return cmp.Or(d.admin, "off")
	}
	return d.admin
}

// end ends everything.
func (d *demo) end() error {
	for _, x := range d.exchanges {
		x.asp.Close()
	}
	var all []error
	for _, h := range []*host{d.stpA, d.stpB} {
		if h != nil {
			all = append(all, <-d.ended)
		}
	}
	if d.capture != nil {
		all = append(all, d.capture.Close())
	}
	return errors.Join(all...)
}

// title begins a chapter.
func (d *demo) title(s string) { fmt.Fprintf(d.stdout, "\n%s\n", s) }

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.stdout, "      %s\n", fmt.Sprintf(format, args...))
}

func (d *demo) check(ok bool, format string, args ...any) bool {
	mark := "PASS"
	if !ok {
		mark = "FAIL"
		d.failed++
	} else {
		d.passed++
	}
	fmt.Fprintf(d.stdout, "%s  %s\n", mark, fmt.Sprintf(format, args...))
	return ok
}

// table shows a part of the status of STP-A, indented.
func (d *demo) table(part string) {
	s, err := d.stpA.node.Status(d.ctx)
	if err != nil {
		return
	}
	var b strings.Builder
	table(&b, s, part)
	for line := range strings.Lines(b.String()) {
		fmt.Fprint(d.stdout, "      | "+strings.TrimRight(line, " \n")+"\n")
	}
}

// wait waits until something is so.
func (d *demo) wait(f func() bool) bool {
	for end := time.Now().Add(20 * time.Second); !f(); {
		if time.Now().After(end) || d.ctx.Err() != nil {
			return f()
		}
		pause(d.ctx, 20*time.Millisecond)
	}
	return true
}

func pause(ctx context.Context, t time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(t):
	}
}

func (d *demo) status() stp.Status {
	s, _ := d.stpA.node.Status(d.ctx) // it ends when the story does
	return s
}

// links is how many links of STP-A are in service.
func (d *demo) links() (n int) {
	for _, l := range d.status().Links {
		if l.State == "in service" {
			n++
		}
	}
	return n
}

// even tells whether each link has its own quarter of the SLS.
func (d *demo) even() bool {
	return !slices.ContainsFunc(d.status().Links, func(l stp.LinkStatus) bool { return len(l.SLS) != 4 })
}

// ready tells whether both STPs can reach everything.
func (d *demo) ready() bool {
	for _, h := range []*host{d.stpA, d.stpB} {
		s, err := h.node.Status(d.ctx)
		if err != nil || s.Restarting {
			return false
		}
		for _, r := range s.Routes {
			if r.State != "available" {
				return false
			}
		}
	}
	return true
}

// cut cuts the line of a link of STP-A, or mends it.
func (d *demo) cut(slc byte, on bool) {
	a, b := netip.AddrFrom4([4]byte{10, 1, 1, slc}), netip.AddrFrom4([4]byte{10, 2, 1, slc})
	if on {
		d.net.Cut(a, b)
	} else {
		d.net.Restore(a, b)
	}
}

// stay keeps a little traffic flowing until the user has seen enough.
func (d *demo) stay() {
	d.title("The network stays up, with a message now and then. Ctrl-C ends it. Try, in another terminal:")
	for _, s := range []string{"show all", "explain 1.2.3 4.5.6 3", "show route 4.5.6 sls 3", "inhibit link to-B/1", "block asp a1", "changes"} {
		d.say("go run ./examples/stp %s", s)
	}
	a, b := d.exchange("A"), d.exchange("B")
	for i := 0; d.ctx.Err() == nil; i++ {
		_ = a.send(pcB, mtp3.SLS(i%16), mtp3.MTPTest, number(i)) // refused while somebody tries what block does
		_ = b.send(pcC, mtp3.SLS(i%16), mtp3.MTPTest, number(i))
		pause(d.ctx, 50*time.Millisecond)
	}
}
