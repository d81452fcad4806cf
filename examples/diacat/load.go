package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/diameter"
)

const loadHelp = `[flags] ADDRESS FILE.yaml

Sends a command over and over and prints rates, results and latencies. ${n} differs from request to request.

    diacat load -duration 10s -concurrency 64 10.0.0.1 mar.yaml      # as much as goes with 64 outstanding
    diacat load -rate 2000 -connections 4 10.0.0.1 mar.yaml          # 2000 a second, over four connections
    diacat load -count 100000 10.0.0.1 mar.yaml

With several connections each is of a node of its own, for a server has one connection with a node: the Origin-Host of
the second is the first's with "2-" before it, and so on. At a fixed rate, latencies count from when a request was due,
so that a server that stalls is not flattered.

The status is 0 if all requests were answered with success.
`

func (p *program) load(args []string) error {
	fs := p.flags("load", loadHelp)
	p.nodeFlags(fs)
	vars := assignments{}
	fs.Var(vars, "var", "`NAME=VALUE` of a variable; may be given several times")
	duration := fs.Duration("duration", 10*time.Second, "how long")
	count := fs.Int64("count", 0, "how many requests; as many as go in the duration if not given")
	rate := fs.Float64("rate", 0, "requests a second, of all connections together; as many as go if not given")
	concurrency := fs.Int("concurrency", 16, "how many requests of a connection wait for their answers at a time")
	connections := fs.Int("connections", 1, "how many connections")
	if err := p.parse(fs, args, 2, 2); err != nil {
		return err
	}
	if *concurrency < 1 || *connections < 1 || *rate < 0 || *duration <= 0 {
		return invalid{errors.New("-concurrency, -connections and -duration are at least 1, -rate is not negative")}
	}
	if err := p.prepare(); err != nil {
		return err
	}
	defer p.close()
	c, err := p.loadCommand(fs.Arg(1))
	if err != nil {
		return err
	}
	l := &loader{rate: *rate, count: *count, results: map[string]int64{}}
	host := p.host
	for i := range *connections {
		if i > 0 {
			p.host = fmt.Sprintf("%d-%s", i+1, host)
		}
		s, err := p.dial(fs.Arg(0), []diameter.Application{c.app}, p.politely([]diameter.Application{c.app}))
		if err != nil {
			return err
		}
		s.quiet()
		defer s.close()
		l.sessions = append(l.sessions, s)
	}
	ctx, cancel := context.WithTimeout(p.ctx, *duration)
	defer cancel()
	if *count > 0 && !flagGiven(fs, "duration") {
		ctx = p.ctx
	}
	l.run(ctx, p, c, vars, *concurrency)
	l.report(p.out, p.dict)
	if l.failed.Load() > 0 || l.done.Load() == 0 {
		return errFailed
	}
	return nil
}

// loader sends and counts.
type loader struct {
	sessions []*session
	rate     float64
	count    int64

	sent, done, failed atomic.Int64
	mu                 sync.Mutex
	results            map[string]int64
	latency            histogram
	began              time.Time
	took               time.Duration
}

func (l *loader) run(ctx context.Context, p *program, c *command, given assignments, concurrency int) {
	var wg sync.WaitGroup
	l.began = time.Now()
	for _, s := range l.sessions {
		for range concurrency {
			wg.Add(1)
			go func() {
				defer wg.Done()
				l.worker(ctx, p, s, c, s.variables(given))
			}()
		}
	}
	wg.Wait()
	l.took = time.Since(l.began)
}

func (l *loader) worker(ctx context.Context, p *program, s *session, c *command, v variables) {
	run := fmt.Sprint(l.began.Unix())
	for {
		n := l.sent.Add(1)
		if l.count > 0 && n > l.count || ctx.Err() != nil {
			return
		}
		due := time.Now()
		if l.rate > 0 {
			due = l.began.Add(time.Duration(float64(n-1) / l.rate * float64(time.Second)))
			if wait := time.Until(due); wait > 0 {
				select {
				case <-time.After(wait):
				case <-ctx.Done():
					return
				}
			}
		}
		v.values["n"], v.values["run"] = fmt.Sprint(n), run
		m, err := c.message(v)
		if err != nil {
			l.note(err.Error(), 0, false)
			return
		}
		a, err := s.node.Do(p.ctx, m)
		took := time.Since(due)
		switch {
		case err != nil:
			if p.ctx.Err() != nil {
				return
			}
			var late *diameter.TimeoutError
			if errors.As(err, &late) {
				l.note("no answer", took, false)
			} else {
				l.note(trimmed(err), took, false)
				select { // of a peer that is gone
				case <-time.After(100 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		default:
			r := resultOf(a.Message)
			l.note(resultName(r, m.ApplicationID), took, r.IsSuccess())
		}
	}
}

func (l *loader) note(what string, took time.Duration, good bool) {
	if good {
		l.done.Add(1)
	} else {
		l.failed.Add(1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.results) < 100 || l.results[what] > 0 {
		l.results[what]++
	}
	if took > 0 {
		l.latency.add(took)
	}
}

func (l *loader) report(out io.Writer, _ *dictionary) {
	n := l.done.Load() + l.failed.Load()
	fmt.Fprintf(out, "%d requests in %v: %.0f/s over %d connections\n", n, l.took.Round(time.Millisecond), float64(n)/l.took.Seconds(), len(l.sessions))
	for _, what := range slices.Sorted(maps.Keys(l.results)) {
		fmt.Fprintf(out, "  %9d  %s\n", l.results[what], what)
	}
	if n == 0 {
		return
	}
	fmt.Fprintf(out, "latency  min %v", l.latency.least.Round(time.Microsecond))
	for _, q := range []float64{50, 90, 99, 99.9} {
		fmt.Fprintf(out, "  p%v %v", q, l.latency.quantile(q/100).Round(time.Microsecond))
	}
	fmt.Fprintf(out, "  max %v\n", l.latency.most.Round(time.Microsecond))
}

// histogram counts durations in steps of about 1 percent.
type histogram struct {
	counts      map[int]int64
	total       int64
	least, most time.Duration
}

const step = 0.01

func (h *histogram) add(d time.Duration) {
	if h.counts == nil {
		h.counts, h.least = map[int]int64{}, d
	}
	h.counts[int(math.Log(float64(max(d, 1)))/step)]++
	h.total++
	h.least, h.most = min(h.least, d), max(h.most, d)
}

func (h *histogram) quantile(q float64) time.Duration {
	want, seen := int64(math.Ceil(q*float64(h.total))), int64(0)
	for _, k := range slices.Sorted(maps.Keys(h.counts)) {
		if seen += h.counts[k]; seen >= want {
			return min(max(time.Duration(math.Exp((float64(k)+1)*step)), h.least), h.most)
		}
	}
	return h.most
}
