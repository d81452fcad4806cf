// Stp compares this module's signalling transfer point with osmo-stp over the kernel's SCTP: how many
// messages a second each passes from one Application Server to another, and for how much processor time.
// Run it where the kernel has SCTP:
//
//	go build -o /tmp/stpbench ./stp
//	../lab/uml --timeout 280 -c '/tmp/stpbench -rounds 2'
//
// The Application Server Processes are coded by hand here, without package m3ua, so that they can judge it.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/stp"
)

//go:embed stp.yaml
var ours []byte

//go:embed osmo-stp.cfg
var theirs []byte

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 20000, "messages in a round")
	rounds := flag.Int("rounds", 2, "rounds; the two take turns")
	lone := flag.Int("lone", 50, "messages sent one by one before, for the delay")
	batch := flag.Int("batch", 1, "how many messages the sender hands to its kernel at once")
	serve := flag.Bool("serve", false, "be the signalling transfer point")
	profile := flag.String("profile", "", "with -serve: a profile of the processor time")
	flag.Parse()
	if *serve {
		run(*profile)
		return
	}
	dir, err := os.MkdirTemp("", "stpbench")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cfg := filepath.Join(dir, "osmo-stp.cfg")
	if err := os.WriteFile(cfg, theirs, 0o600); err != nil {
		log.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	servers := []struct {
		name string
		args []string
	}{{"telco", []string{self, "-serve"}}, {"osmo-stp", []string{"osmo-stp", "-c", cfg}}}
	fmt.Println("| | messages/s | us of processor time each | delay of a lone one, median |")
	fmt.Println("|---|---|---|---|")
	for range *rounds {
		for _, s := range servers {
			cmd := exec.Command(s.args[0], s.args[1:]...)
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				fmt.Printf("| %s | %v | | |\n", s.name, err)
				continue
			}
			time.Sleep(1500 * time.Millisecond)
			r, err := load(cmd.Process.Pid, *n, *lone, *batch)
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
			if err != nil {
				fmt.Printf("| %s | %v | | |\n", s.name, err)
				continue
			}
			fmt.Printf("| %s | %.0f | %.0f | %v |\n", s.name, float64(*n)/r.took.Seconds(), r.cpu.Seconds()*1e6/float64(*n), r.delay.Round(10*time.Microsecond))
			time.Sleep(time.Second)
		}
	}
}

// run is the signalling transfer point.
func run(profile string) {
	cfg, err := stp.ParseConfig("stp.yaml", ours)
	if err != nil {
		log.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	node, err := stp.New(cfg, stp.Options{Network: kernel.Network{}, Logger: log})
	if err != nil {
		log.Error(err.Error())
		os.Exit(1)
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			log.Error(err.Error())
			os.Exit(1)
		}
		defer f.Close()
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := node.Run(ctx); err != nil {
		log.Error(err.Error())
	}
}

// cpu is the processor time that a process has used.
func cpu(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	ticks := 0
	for _, s := range f[11:13] { // utime, stime
		t, _ := strconv.Atoi(s)
		ticks += t
	}
	return time.Duration(ticks) * time.Second / 100
}
