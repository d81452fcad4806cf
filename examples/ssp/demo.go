package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gotelco/telco/examples/kit/ss7"
)

const intro = `Two exchanges, A (1.2.3) and C (1.2.4), and a service control point SCP (1.2.6) are attached to the
transfer point STP-A (1.2.1) by M3UA. Everything runs in this process; what STP-A sees is drawn below.

`

// demo shows four calls from A.
func (p *program) demo(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	fmt.Fprint(p.stdout, intro)
	l := ss7.DemoLadder(p.stdout, width(p.stdout))
	t, stop, err := ss7.Capture(p.pcap, l.Trace)
	if err != nil {
		fmt.Fprintln(p.stderr, "ssp:", err)
		return 1
	}
	d, err := ss7.NewDemo(ctx, t, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(p.stderr, "ssp:", err)
		return 1
	}
	defer d.Close()
	defer stop()
	status := 0
	for _, c := range []struct {
		number, about string
		answered      bool
	}{
		{"4030201", "A subscriber of A dials 4030201, a number of C.", true},
		{"0800123456", "0800 numbers are nobody's: A asks the SCP, by a global title that STP-A translates.", true},
		{"0800000", "The SCP does not know this one.", false},
		{"4017", "And this one is busy.", false},
	} {
		fmt.Fprintf(p.stdout, "\n%s\n", c.about)
		r, err := d.Call(ctx, c.number)
		if err != nil {
			fmt.Fprintln(p.stderr, "ssp:", err)
			return 1
		}
		if err := d.Settle(ctx); err != nil {
			fmt.Fprintln(p.stderr, "ssp:", err)
			return 1
		}
		verdict := "PASS"
		if r.Answered != c.answered {
			verdict, status = "FAIL", 1
		}
		fmt.Fprintf(p.stdout, "%s  %s\n", verdict, r.Text())
	}
	d.Close()
	if err := errors.Join(l.Err(), stop()); err != nil {
		fmt.Fprintln(p.stderr, "ssp:", err)
		return 1
	}
	return status
}
