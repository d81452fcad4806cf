package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/ss7"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/stp"
)

// buffer may be written by one goroutine and read by another.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestDemo(t *testing.T) {
	var out, errs bytes.Buffer
	file := filepath.Join(t.TempDir(), "demo.pcapng")
	if status := run(t.Context(), []string{"-once", "-pcap", file}, &out, &errs); status != 0 || strings.Count(out.String(), "PASS") != 4 {
		t.Errorf("status %d\n%s\n%s", status, out.String(), errs.String())
	}
	if f, err := os.Stat(file); err != nil || f.Size() < 1000 {
		t.Errorf("the capture: %v %v", f, err)
	}
}

func TestCommands(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("trunks: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-h"}, 0, "usage: ssp"},
		{[]string{"sample"}, 0, "point-code: 1.2.3"},
		{[]string{"validate", "a.yaml"}, 0, "ok: A at 1.2.3"},
		{[]string{"validate", "b.yaml"}, 0, "ok: B at 4.5.6"},
		{[]string{"validate", bad}, 1, "bad.yaml:1:9"},
		{[]string{"-config", bad}, 1, "bad.yaml:1:9"},
		{[]string{"call", "4030201"}, 2, "wants -config"},
		{[]string{"-config", "a.yaml", "call"}, 2, "and a number"},
		{[]string{"-config", "a.yaml", "-n", "0", "call", "40"}, 2, "at least 1"},
		{[]string{"-config", "a.yaml", "-sctp", "pigeon", "call", "40"}, 1, "is no SCTP"},
		{[]string{"what"}, 2, `what is "what"`},
		{[]string{"-x"}, 2, "flag provided but not defined"},
	} {
		var out bytes.Buffer
		if status := run(t.Context(), c.args, &out, &out); status != c.status || !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: status %d\n%s", c.args, status, out.String())
		}
	}
}

func TestConfigErrors(t *testing.T) {
	base := "name: A\npoint-code: 1.2.3\ngateways: [{point-code: 1.2.1, connect: 127.0.0.1}]\ntrunks: [{name: b, to: 4.5.6, circuits: 1-3}]\n"
	for text, want := range map[string]string{
		"":                          "",
		"nome: x\n":                 "f:5:1",
		"number: '30 12'\n":         "f:5:9: number:",
		"network-indicator: moon\n": "is none of national",
		"sctp: pigeon\n":            "is none of auto",
		"format: 9-9\n":             "format:",
		"services: [{prefix: x}]\n": "services[0].prefix",
		"services: [{prefix: '1', key: 3000000000}]\n": "is over 2147483647",
		"numbers: [{number: '3x'}]\n":                  "numbers[0].number",
		"numbers: [{number: '3', cause: 128}]\n":       "a cause is 1 to 127",
		"numbers: [{number: '3', after: -1s}]\n":       "a time is negative",
		"timeout: -1s\n":                               "timeout: is negative",
	} {
		cfg := defaults()
		err := config.Parse("f", []byte(base+text), &cfg)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"name: A\n": "names none",
		"name: A\npoint-code: 9.9.9\ngateways: [{point-code: x, connect: y, local: z}]\ntrunks: [{to: 1, circuits: 3-1, prefixes: [x], selection: 3}]\n": "point-code",
	} {
		cfg := defaults()
		if err := config.Parse("f", []byte(text), &cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// freePort is one that nobody listens on now, below those that the system gives to sockets that ask for none.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 30000 + rand.IntN(2700)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// TestNetwork: two exchanges, each a program of its own but for the process, and a service control point, over TCP and a real transfer point.
func TestNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	port := freePort(t)
	node, err := stp.ParseConfig("stp.yaml", fmt.Appendf(nil, `
node: { name: STP-A, point-code: 1.2.1, network-indicator: national, restart: off }
listen: [ { m3ua-tcp: "127.0.0.1:%d" } ]
as:
  - { name: A,   point-code: 1.2.3, routing-context: 1, mode: override, asps: [ { name: a1,   peer: 127.0.0.11 } ] }
  - { name: B,   point-code: 4.5.6, routing-context: 2, mode: override, asps: [ { name: b1,   peer: 127.0.0.16 } ] }
  - { name: SCP, point-code: 1.2.6, routing-context: 4, mode: override, asps: [ { name: scp1, peer: 127.0.0.14 } ] }
gtt:
  - { name: freephone, match: { np: e164, prefix: "0800" }, to: { pc: 1.2.6, ssn: 12 } }
`, port))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	n, err := stp.New(node, stp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	<-n.Ready()

	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	gateway := func(local string, rc int) string {
		return fmt.Sprintf("gateways: [{name: STP-A, point-code: 1.2.1, connect: \"127.0.0.1:%d\", local: %s, routing-context: %d, tcp: true}]\n", port, local, rc)
	}
	a := write("a.yaml", "name: A\npoint-code: 1.2.3\nadmin: off\nnumber: '3012345'\nservices: [{prefix: '0800', key: 800}]\ntrunks: [{name: to-B, to: 4.5.6, circuits: 1-8, prefixes: ['40']}]\n"+gateway("127.0.0.11", 1))
	b := write("b.yaml", fmt.Sprintf("name: B\npoint-code: 4.5.6\nadmin: \"127.0.0.1:%d\"\ntrunks: [{name: to-A, to: 1.2.3, circuits: 1-8}]\nnumbers: [{number: '40*', after: 1ms}, {number: '4017', cause: 17}]\n", freePort(t))+gateway("127.0.0.16", 2))

	// The service control point, as package ss7 has it.
	point, err := ss7.NewPoint(ss7.PointConfig{Name: "SCP", PointCode: 2070, NI: mtp3.National,
		Gateways: []ss7.Gateway{{Connect: addr(t, fmt.Sprintf("127.0.0.1:%d", port)), Local: addr(t, "127.0.0.14:0"), TCP: true, RoutingContext: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	scp, err := ss7.NewTranslator(point, sccp.INAP, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	scp.Set(ss7.Translations{{Number: "0800123456", To: "4030201"}})
	wg.Go(func() {
		if err := point.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var outB buffer
	wg.Go(func() {
		if status := run(ctx, []string{"-config", b}, &outB, io.Discard); status != 0 {
			t.Errorf("B ended with status %d\n%s", status, outB.String())
		}
	})
	wait, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	for _, pc := range []mtp3.PointCode{8238} {
		if err := point.Reach(wait, pc); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args   []string
		status int
		want   []string
	}{
		{[]string{"-config", a, "-talk", "10ms", "call", "0800123456"}, 0, []string{"InitialDP", "Connect", "IAM", "ACM", "ANM", "RLC", "0800123456 -> 4030201, circuit", "answered after"}},
		{[]string{"-config", a, "-talk", "10ms", "call", "4017", "50"}, 1, []string{"not answered, cause 17 (user busy)", "no trunk leads to this number"}},
		{[]string{"-config", a, "-talk", "1ms", "-n", "40", "-rate", "200", "call", "4030201", "0800123456"}, 0, []string{"40 calls", "40 answered", "median"}},
		{[]string{"-config", a, "-talk", "1ms", "-n", "5", "call", "4017"}, 1, []string{"5 not answered: cause 17"}},
	} {
		var out, errs buffer
		if status := run(ctx, c.args, &out, &errs); status != c.status {
			t.Errorf("%q: status %d\n%s\n%s", c.args, status, out.String(), errs.String())
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q: no %q in\n%s", c.args, want, out.String())
			}
		}
	}
	if !strings.Contains(outB.String(), "IAM") {
		t.Errorf("B saw\n%s", outB.String())
	}
}

func addr(t *testing.T, s string) sctp.Addr {
	t.Helper()
	a, err := sctp.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
