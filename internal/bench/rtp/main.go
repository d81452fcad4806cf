//go:build linux

// Rtp loads a back-to-back user agent of this module, and rtpengine beside it, with calls whose media come from real sockets, and
// measures what comes out:
//
//	go run ./rtp -sut direct -calls 500,1000                      # what the generator itself can do
//	go run ./rtp -case ulaw -sut telco,rtpengine -calls 100,200   # PCMU <-> PCMA
//	go run ./rtp -case amr -sut telco,rtpengine -calls 50,100     # AMR 12.2 <-> PCMA; wb: AMR-WB 12.65 <-> PCMA
//	go run ./rtp -case amr -sut telco,telco+admission -noise 1 -rate 20 -calls 300
//	go run ./rtp -case ulaw -sut /tmp/b2bua-before,telco -calls 200 -rounds 5   # a change, against what was built before it
//
// A step is clean if nothing was lost, doubled, put in another order or wrong, no call was refused, the tones of the first calls came out,
// and the 99.9th percentile of the gap error is less than 5 ms above that of a bare 20 ms ticker in the same step. The gap error is the
// time between two packets, by the system's stamps, less that between their timestamps. CPU is that of the system under test per second of a call, which is 100 packets out.
//
// rtpengine encodes AMR only with the libraries of Debian's libavcodec-extra: -libs is a folder that has them.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var (
	suts   = flag.String("sut", "telco", "comma separated: telco, telco+admission, rtpengine, direct, or the file of a b2bua built before")
	kind   = flag.String("case", "ulaw", "ulaw, amr, wb or relay")
	steps  = flag.String("calls", "50,100", "calls in each step")
	secs   = flag.Int("secs", 6, "seconds of each measurement")
	rounds = flag.Int("rounds", 1, "how often all of it")
	noise  = flag.Int("noise", 0, "processes that eat a processor each meanwhile")
	rate   = flag.Int("rate", 0, "calls set up in a second; 0: as fast as it goes")
	debug  = flag.String("debug", "", "address at which the back-to-back user agent serves net/http/pprof meanwhile")
	libs   = flag.String("libs", "", "LD_LIBRARY_PATH of rtpengine")
	rr     = flag.Int("rr", 0, "priority of the systems under test and the ticker among real-time processes (SCHED_RR), up to 9: the generator has 10 (needs root)")
	nice   = flag.Int("nice", 0, "nice value of the systems under test and the ticker, such as -10 on a busy machine (needs root)")
	spinIt = flag.Bool("spin", false, "be the noise")
	tickIt = flag.Bool("tick", false, "be the ticker")
)

var cases = map[string]struct{ in, out, codecs, set string }{
	"ulaw":  {"PCMU", "PCMA", "PCMA,PCMU", ""},
	"relay": {"PCMA", "PCMA", "PCMA", ""},
	"amr":   {"AMR", "PCMA", "AMR,PCMA", "AMR/8000/1/12200"},
	"wb":    {"AMR-WB", "PCMA", "AMR-WB,PCMA", ""},
}

func main() {
	flag.Parse()
	switch {
	case *spinIt:
		spin()
	case *tickIt:
		tick()
	default:
		if err := run(); err != nil {
			fmt.Fprintln(os.Stderr, "rtp:", err)
			os.Exit(1)
		}
	}
}

func run() error {
	runtime.GOMAXPROCS(8) // the threads of the engine keep one each while they sleep
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	runtime.LockOSThread() // children take the nice value of the thread that starts them
	if *nice != 0 {
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, *nice); err != nil {
			return fmt.Errorf("nice: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "rtp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b2bua := filepath.Join(dir, "b2bua")
	if out, err := exec.Command("go", "build", "-o", b2bua, "./rtp/b2bua").CombinedOutput(); err != nil {
		return fmt.Errorf("run it in internal/bench: %w\n%s", err, out)
	}
	for range *noise {
		cmd := exec.Command("/proc/self/exe", "-spin")
		if err := cmd.Start(); err != nil {
			return err
		}
		syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, 0)
		defer cmd.Wait()
		defer cmd.Process.Kill()
	}
	if *rr > 0 { // as the nice value
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: uint32(*rr)}, 0); err != nil {
			return fmt.Errorf("rr: %w", err)
		}
	}
	fmt.Println("| system | case | calls | refused | lost | gap error p50 | p99 | p99.9 | most | ticker p99.9 | generator p99.9 | CPU ms | MB | load | |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for range *rounds {
		for _, step := range strings.Split(*steps, ",") {
			n, err := strconv.Atoi(step)
			if err != nil {
				return err
			}
			for _, sut := range strings.Split(*suts, ",") {
				if err := measure(sut, b2bua, n); err != nil {
					return fmt.Errorf("%s, %d calls: %w", sut, n, err)
				}
			}
		}
	}
	for sut, c := range costs {
		fmt.Printf("\n%s: median of %d: %.2f ms CPU per call-second", sut, len(c), median(c))
		for than, other := range costs {
			if than == sut || len(other) != len(c) || than != "rtpengine" && !built(than) {
				continue
			}
			var ratios []float64
			for i := range c {
				ratios = append(ratios, c[i]/other[i])
			}
			fmt.Printf(", %.3f of that of %s (median of pairs)", median(ratios), than)
		}
	}
	fmt.Println()
	return nil
}

// built says whether a system under test is a file.
func built(sut string) bool { return strings.Contains(sut, "/") }

// costs is what each measurement of a system took.
var costs = map[string][]float64{}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

const (
	sutSIP  = "127.0.0.2:5060"
	sutNG   = "127.0.0.2:2223"
	ourUAC  = "127.0.0.11:5070"
	ourUAS  = "127.0.0.12:5080"
	warmUp  = 3 * time.Second
	inSetup = 4 // calls that are set up at a time
)

// start runs a system under test.
func start(sut, b2bua string) (cmd *exec.Cmd, via setter, err error) {
	c := cases[*kind]
	if built(sut) {
		sut, b2bua = "telco", sut
	}
	switch sut {
	case "direct":
		return nil, direct{}, nil
	case "telco", "telco+admission":
		args := []string{"-listen", sutSIP, "-to", "sip:anyone@" + ourUAS, "-codecs", c.codecs}
		if sut == "telco+admission" {
			args = append(args, "-max-late", "10ms", "-max-busy", "0.8", "-max-cpu", "0.85")
		}
		if *debug != "" {
			args = append(args, "-debug", *debug)
		}
		cmd = exec.Command(b2bua, args...)
	case "rtpengine":
		cmd = exec.Command("rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.2", "--listen-ng="+sutNG, "--port-min=20000", "--port-max=60000",
			"--num-threads="+strconv.Itoa(runtime.NumCPU()), "--foreground", "--log-stderr", "--log-level=4", "--timeout=600", "--silent-timeout=600")
		if *libs != "" {
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+*libs)
		}
	default:
		return nil, nil, fmt.Errorf("unknown system %q", sut)
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	if sut == "rtpengine" {
		via, err = dialNG(sutNG, c.set)
		return cmd, via, err
	}
	time.Sleep(time.Second)
	via, err = newSIP(sutSIP, ourUAC, ourUAS)
	return cmd, via, err
}

func measure(sut, b2bua string, n int) error {
	in, err := codecOf(cases[*kind].in)
	if err != nil {
		return fmt.Errorf("case %q: %w", *kind, err)
	}
	out, _ := codecOf(cases[*kind].out)
	cmd, via, err := start(sut, b2bua)
	if cmd != nil {
		defer func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() }()
	}
	if err != nil {
		return err
	}
	defer via.close()
	tick, err := startTicker()
	if err != nil {
		return err
	}
	defer tick.stop()
	e, err := newEngine()
	if err != nil {
		return err
	}
	calls, refused, err := setUp(e, via, sut, n, in, out)
	defer func() {
		for _, c := range calls {
			via.end(c)
		}
		e.close()
		for _, s := range *e.streams.Load() {
			syscall.Close(s.from.fd)
		}
	}()
	if err != nil {
		return err
	}
	time.Sleep(warmUp)
	cpu := func() float64 { return ownCPU() }
	memory := 0.0
	if cmd != nil {
		cpu = func() float64 { return processCPU(cmd.Process.Pid) }
	}
	tick.begin()
	drops, began, used := dropped(), time.Now(), cpu()
	got, gaps, own := e.measure(time.Duration(*secs) * time.Second)
	used, took := cpu()-used, time.Since(began).Seconds()
	drops = dropped() - drops
	ticked, _ := tick.end()
	if cmd != nil {
		memory = resident(cmd.Process.Pid)
	}

	// A second of a call is a hundred packets: on a machine that is too busy they are fewer than they should be.
	cost := used * 1000 / (float64(max(got.received, 1)) / 100)
	costs[sut] = append(costs[sut], cost)
	var bad []string
	flaw := func(n int, what string) {
		if n != 0 {
			bad = append(bad, fmt.Sprintf("%d %s", n, what))
		}
	}
	flaw(got.lost, "lost")
	flaw(got.twice, "twice")
	flaw(got.back, "out of order")
	flaw(got.wrong, "wrong")
	flaw(int(drops), "dropped by the system")
	flaw(refused, "calls refused")
	if got.strange > got.received/1000 {
		flaw(got.strange, "of strangers")
	}
	flaw(silent(*e.streams.Load()), "tones missing")
	if p := gaps.at(0.999); p > ticked+5 {
		bad = append(bad, fmt.Sprintf("p99.9 is %.1f ms above the ticker's", p-ticked))
	}
	if expected := 2 * len(calls) * int(took*50); got.received < expected*98/100 {
		bad = append(bad, fmt.Sprintf("only %d of %d packets", got.received, expected))
	}
	if len(bad) == 0 {
		bad = []string{"clean"}
	}
	fmt.Printf("| %s | %s-%s | %d | %d | %d | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f | %s | %s |\n", sut, in.name, out.name, len(calls), refused, got.lost,
		gaps.at(0.5), gaps.at(0.99), gaps.at(0.999), gaps.at(1), ticked, own.at(0.999), cost, memory, loadAverage(), strings.Join(bad, ", "))
	return nil
}

// setUp makes n calls and adds their streams.
func setUp(e *engine, via setter, sutName string, n int, in, out codec) (calls []*call, refused int, err error) {
	var tones [2][][]byte
	if tones[0], err = in.tone(toneIn); err != nil {
		return nil, 0, err
	}
	back := out
	if _, ok := via.(direct); ok {
		back = in
	}
	if tones[1], err = back.tone(toneOut); err != nil {
		return nil, 0, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	places := make(chan struct{}, inSetup)
	if _, ok := via.(*viaNG); ok {
		places = make(chan struct{}, 1)
	}
	run := time.Now().UnixNano()
	for i := range n {
		c := &call{name: fmt.Sprintf("load-%d-%d", i, run), in: in, out: out}
		if c.a, err = listen(netip.MustParseAddr("127.0.0.11")); err == nil {
			c.b, err = listen(netip.MustParseAddr("127.0.0.12"))
		}
		if err != nil {
			break
		}
		if *rate > 0 {
			time.Sleep(time.Second / time.Duration(*rate))
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			err := via.setup(context.Background(), c)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if refused++; refused == 1 && !strings.Contains(sutName, "admission") {
					fmt.Fprintln(os.Stderr, "rtp: call", i, err)
				}
				syscall.Close(c.a.fd)
				syscall.Close(c.b.fd)
				return
			}
			calls = append(calls, c)
			e.add(&stream{from: c.a, at: c.b, to: rawAddr(c.aTo), in: c.in, out: c.out, payloads: tones[0], keep: len(calls) <= 4})
			e.add(&stream{from: c.b, at: c.a, to: rawAddr(c.bTo), in: c.out, out: c.in, payloads: tones[1], keep: len(calls) <= 4})
		})
	}
	wg.Wait()
	return calls, refused, err
}

// The tones in Hz, from caller to callee and back.
const (
	toneIn  = 440
	toneOut = 620
)

// silent counts the checked streams that do not have their tone.
func silent(streams []*stream) (n int) {
	for i, s := range streams {
		if !s.keep || !s.out.g711() {
			continue
		}
		hz := float64(toneIn)
		if i%2 == 1 {
			hz = toneOut
		}
		if s.out.share(s.kept, hz) < 0.8 {
			n++
		}
	}
	return n
}
