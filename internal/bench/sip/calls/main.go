// Calls measures whole calls, INVITE to BYE, with SIPp at both ends over UDP on the loopback: the
// CPU time that the system under test spends per call, and the highest rate at which no call fails
// and nothing is retransmitted. This module's endpoint and github.com/emiago/sipgo take turns at
// each rate, so that both meet the same machine.
//
//	go run ./sip/calls -mode uas -rates 500,1000,2000,4000
//	go run ./sip/calls -mode proxy -rates 500,1000,2000
//
// Read the column "others" first: it is how many cores other processes used meanwhile. On a busy
// machine only CPU per call within one run compares.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	mode  = flag.String("mode", "uas", "what is measured: uas or proxy")
	rates = flag.String("rates", "500,1000,2000,3000,4000,5000", "calls per second, comma separated")
	secs  = flag.Int("secs", 8, "seconds at each rate")
	reps  = flag.Int("reps", 1, "runs at each rate; the last is counted as the result")
	who   = flag.String("of", "telco,sipgo", "which implementations")
	nice  = flag.Int("nice", 0, "nice value of all processes, such as -10 on a busy machine (needs root)")
)

const hz = 100 // clock ticks of /proc, on Linux

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "calls:", err)
		os.Exit(1)
	}
}

func run() error {
	scenarios, err := filepath.Abs("../../sip/testdata/sipp")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(scenarios, "uac.xml")); err != nil {
		return fmt.Errorf("run it in internal/bench: %w", err)
	}
	dir, err := os.MkdirTemp("", "calls")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, name := range strings.Split(*who, ",") {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "./sip/calls/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	if *nice != 0 {
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, *nice); err != nil {
			return fmt.Errorf("nice: %w", err)
		}
	}
	fmt.Println("target  mode   offered    done  failed  retrans  us/call  cores  MB  others")
	best := map[string]int{}
	for _, r := range strings.Split(*rates, ",") {
		rate, err := strconv.Atoi(r)
		if err != nil {
			return err
		}
		for range *reps {
			for _, name := range strings.Split(*who, ",") {
				res, err := step(dir, scenarios, name, rate)
				if err != nil {
					return err
				}
				fmt.Printf("%-7s %-5s %8d %7d %7d %8d %8.0f %6.2f %3d %7.2f\n", name, *mode, rate, res.done, res.failed, res.retrans, res.cpu, res.cores, res.mb, res.others)
				if res.failed == 0 && res.retrans == 0 {
					best[name] = rate
				}
			}
		}
	}
	for _, name := range strings.Split(*who, ",") {
		fmt.Printf("%s %s: highest clean rate %d calls/s\n", name, *mode, best[name])
	}
	return nil
}

type result struct {
	done, failed, retrans, mb int
	cpu, cores, others        float64
}

// step runs one implementation at one rate.
func step(dir, scenarios, name string, rate int) (res result, err error) {
	var procs []*exec.Cmd
	start := func(program string, args ...string) (*exec.Cmd, error) {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		procs = append(procs, cmd)
		return cmd, nil
	}
	defer func() {
		for _, p := range procs {
			p.Process.Kill()
			p.Wait()
		}
	}()
	if *mode == "proxy" {
		if _, err := start("sipp", "-sf", filepath.Join(scenarios, "uas.xml"), "-i", "127.0.0.3", "-p", "5070", "-nostdin", "-timer_resol", "1", "-buff_size", "4000000"); err != nil {
			return res, err
		}
	}
	target, err := start(filepath.Join(dir, name), "-mode", *mode, "-ip", "127.0.0.2:5060", "-dst", "127.0.0.3:5070")
	if err != nil {
		return res, err
	}
	time.Sleep(time.Second)
	cpu0, mine0, all0, t0 := cpuOf(target.Process.Pid), 0.0, machine(), time.Now()
	stats := filepath.Join(dir, "stats.csv")
	os.Remove(stats)
	calls := rate * *secs
	uac, err := start("sipp", "-sf", filepath.Join(scenarios, "uac.xml"), "127.0.0.2:5060", "-i", "127.0.0.4", "-p", "5080",
		"-r", strconv.Itoa(rate), "-m", strconv.Itoa(calls), "-l", strconv.Itoa(max(20*rate, 5000)), "-nostdin", "-d", "50", "-timer_resol", "1",
		"-buff_size", "4000000", "-trace_stat", "-fd", "1", "-stf", stats, "-timeout", strconv.Itoa(*secs+40))
	if err != nil {
		return res, err
	}
	time.Sleep(time.Duration(*secs) * time.Second * 9 / 10)
	var bed float64
	for _, p := range procs {
		bed += cpuOf(p.Process.Pid)
	}
	elapsed := time.Since(t0).Seconds()
	res.others = (machine() - all0 - (bed - cpu0 - mine0)) / elapsed
	res.cores = (cpuOf(target.Process.Pid) - cpu0) / elapsed
	var exit *exec.ExitError
	if err := uac.Wait(); err != nil && !errors.As(err, &exit) { // SIPp's status tells of failed calls
		return res, err
	}
	row, err := lastRow(stats)
	if err != nil {
		return res, err
	}
	res.done, _ = strconv.Atoi(row["SuccessfulCall(C)"])
	res.failed, _ = strconv.Atoi(row["FailedCall(C)"])
	res.retrans, _ = strconv.Atoi(row["Retransmissions(C)"])
	res.cpu = (cpuOf(target.Process.Pid) - cpu0) / float64(max(res.done, 1)) * 1e6
	res.mb = memory(target.Process.Pid)
	return res, nil
}

// cpuOf is the CPU time of a process in seconds.
func cpuOf(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	user, _ := strconv.Atoi(f[11])
	sys, _ := strconv.Atoi(f[12])
	return float64(user+sys) / hz
}

// machine is the CPU time that all processes have used, in seconds.
func machine() (t float64) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, v := range strings.Fields(line)[1:] {
		if n, _ := strconv.Atoi(v); i < 8 && i != 3 && i != 4 { // not idle, not iowait
			t += float64(n) / hz
		}
	}
	return t
}

// memory is the resident set in megabytes.
func memory(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(f[1])
	return pages * os.Getpagesize() >> 20
}

// lastRow reads the last line of SIPp's statistics.
func lastRow(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	var head, last []string
	for sc.Scan() {
		fields := strings.Split(sc.Text(), ";")
		if head == nil {
			head = fields
		} else {
			last = fields
		}
	}
	if last == nil {
		return nil, fmt.Errorf("%s has no rows", name)
	}
	row := map[string]string{}
	for i, v := range last[:min(len(last), len(head))] {
		row[head[i]] = v
	}
	return row, sc.Err()
}
