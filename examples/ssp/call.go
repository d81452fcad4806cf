package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gotelco/telco/examples/kit/ss7"
	"github.com/gotelco/telco/trace"
)

// call sends calls and says what became of them.
func (p *program) call(ctx context.Context, cfg Config, numbers []string, log *slog.Logger, capture trace.Func) error {
	p.quiet = p.quiet || p.n > 1
	point, x, err := p.exchange(cfg, log, capture)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- point.Run(running) }()
	defer func() { cancel(); <-done }()
	wait, stop := context.WithTimeout(ctx, p.wait)
	defer stop()
	if err := point.Ready(wait); err != nil {
		return err
	}
	if err := point.Do(x.Start); err != nil {
		return err
	}
	n := max(p.n, len(numbers))
	if p.n == 1 {
		n = len(numbers)
	}
	l := &load{p: p, point: point, x: x, from: cfg.Number}
	begin := time.Now()
	if err := l.run(ctx, wait, numbers, n); err != nil {
		return err
	}
	return l.summary(time.Since(begin))
}

// load is a number of calls, and what became of them.
type load struct {
	p     *program
	point *ss7.Point
	x     *ss7.Exchange
	from  string

	mu      sync.Mutex
	results []ss7.Result
}

func (l *load) run(ctx, wait context.Context, numbers []string, n int) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, number := range numbers {
		if err := l.idle(wait, number); err != nil {
			return err
		}
	}
	var tick <-chan time.Time
	if l.p.rate > 0 {
		t := time.NewTicker(time.Duration(float64(time.Second) / l.p.rate))
		defer t.Stop()
		tick = t.C
	}
	for i := range n {
		number := numbers[i%len(numbers)]
		if tick == nil {
			if err := l.one(ctx, number); err != nil {
				return err
			}
			continue
		}
		select {
		case <-tick:
			wg.Go(func() { _ = l.one(ctx, number) }) // its error is that of ctx, which the loop sees
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// idle waits for a circuit: after the start they are being reset.
func (l *load) idle(ctx context.Context, number string) error {
	for {
		busy := false
		if err := l.point.Do(func(time.Time) { busy = l.x.Busy(number) }); err != nil || !busy {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("no circuit became idle: is the other exchange there?")
		}
	}
}

func (l *load) one(ctx context.Context, number string) error {
	r, err := ss7.Call(ctx, l.point, l.x, number, l.from, l.p.talk)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.results = append(l.results, r)
	if l.p.n == 1 {
		fmt.Fprintln(l.p.stdout, r.Text())
	}
	return nil
}

// summary prints the figures of many calls. The error says how many were not answered.
func (l *load) summary(took time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var setups []time.Duration
	why := map[string]int{}
	for _, r := range l.results {
		switch {
		case r.Answered:
			setups = append(setups, r.Setup)
		case r.Err != nil:
			why[r.Err.Error()]++
		default:
			why["cause "+r.Cause.Value.String()]++
		}
	}
	if l.p.n > 1 {
		fmt.Fprintf(l.p.stdout, "%d calls in %v (%.1f/s), %d answered\n", len(l.results), took.Round(time.Millisecond), float64(len(l.results))/took.Seconds(), len(setups))
		if slices.Sort(setups); len(setups) > 0 {
			at := func(p int) time.Duration { return setups[(len(setups)-1)*p/100].Round(10 * time.Microsecond) }
			fmt.Fprintf(l.p.stdout, "time to the answer: median %v, 95 %% %v, longest %v\n", at(50), at(95), at(100))
		}
		for _, reason := range slices.Sorted(maps.Keys(why)) {
			fmt.Fprintf(l.p.stdout, "%d not answered: %s\n", why[reason], reason)
		}
	}
	if n := len(l.results) - len(setups); n > 0 {
		return fmt.Errorf("%d of %d calls were not answered", n, len(l.results))
	}
	return nil
}
