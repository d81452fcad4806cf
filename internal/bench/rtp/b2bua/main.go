// B2bua is the system under test of the media benchmark: a back-to-back user agent that sends every call to one next hop and
// transcodes between the legs.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	_ "net/http/pprof"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

func main() {
	addr := flag.String("listen", "127.0.0.2:5060", "own SIP address, and that of media")
	dst := flag.String("to", "sip:anything@127.0.0.12:5080", "where calls go")
	names := flag.String("codecs", "PCMA,PCMU", "of PCMA, PCMU, AMR, AMR-WB, in order")
	dtx := flag.Bool("dtx", false, "AMR pauses where there is silence")
	mode := flag.Int("mode", -1, "highest AMR mode; -1: 12.2 and 12.65")
	ports := flag.String("ports", "20000-59999", "for media")
	late := flag.Duration("max-late", 0, "admission: how late the wheel may turn")
	busy := flag.Float64("max-busy", 0, "admission: part of the time that the wheel may take")
	cpu := flag.Float64("max-cpu", 0, "admission: part of the machine's processor time that may be used")
	shared := flag.Bool("shared", false, "one port for the media of all calls")
	debug := flag.String("debug", "", "address of net/http/pprof and /stats")
	flag.Parse()
	if err := run(*addr, *dst, *names, *ports, *debug, *dtx, *shared, *mode, call.Admission{MaxLate: *late, MaxBusy: *busy, MaxCPU: *cpu}); err != nil {
		fmt.Fprintln(os.Stderr, "b2bua:", err)
		os.Exit(1)
	}
}

func codecs(names string, dtx bool, mode int) (all []call.Codec, err error) {
	for _, name := range strings.Split(names, ",") {
		cfg := call.AMRConfig{OctetAligned: true, DTX: dtx, Max: amr.FrameType(max(mode, 0))}
		switch name {
		case "PCMA":
			all = append(all, call.PCMA)
			continue
		case "PCMU":
			all = append(all, call.PCMU)
			continue
		case "AMR":
			if mode < 0 {
				cfg.Max = amr.Mode122
			}
		case "AMR-WB":
			if cfg.Codec = amr.WB; mode < 0 {
				cfg.Max = amr.Mode1265
			}
		default:
			return nil, fmt.Errorf("unknown codec %q", name)
		}
		all = append(all, call.AMR(cfg))
		cfg.OctetAligned = false
		all = append(all, call.AMR(cfg))
	}
	return all, nil
}

func run(addr, dst, names, ports, debug string, dtx, shared bool, mode int, admission call.Admission) error {
	local, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	cfg := call.Config{Address: local.Addr(), Admission: admission, SharedPort: shared}
	if cfg.Codecs, err = codecs(names, dtx, mode); err != nil {
		return err
	}
	if _, err := fmt.Sscanf(ports, "%d-%d", &cfg.Ports[0], &cfg.Ports[1]); err != nil {
		return fmt.Errorf("-ports %q: %w", ports, err)
	}
	var a *call.Agent
	cfg.OnCall = func(c *call.Call) {
		// The caller's address names the call to the generator.
		a.Connect(context.Background(), c, dst, call.ConnectOptions{DialOptions: call.DialOptions{From: address(c.Request())}})
	}
	if a, err = call.NewAgent(cfg); err != nil {
		return err
	}
	defer a.Close()
	if _, err := a.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: addr}); err != nil {
		return err
	}
	if debug != "" {
		http.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(struct {
				Wheel     call.WheelStats
				Admission call.AdmissionStats
			}{a.Wheel().Stats(), a.Admission()})
		})
		go http.ListenAndServe(debug, nil)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	a.HangUp(ctx)
	return nil
}

// address is the From of a request without its tag.
func address(req *sip.Request) string {
	from := req.Value("From")
	if i := strings.IndexByte(from, '>'); i >= 0 {
		return from[:i+1]
	}
	return from
}
