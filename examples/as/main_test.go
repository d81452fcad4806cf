package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/admin"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/sip"
)

func TestSample(t *testing.T) {
	cfg := defaults()
	if err := config.Parse("sample", []byte(sample), &cfg); err != nil {
		t.Fatal(err)
	}
	// What is commented out is right, too.
	full := strings.NewReplacer("\n# - {", "\n  - {", "\n# tls:", "\ntls:", "\n# trunks:", "\ntrunks:", "\n# routes:", "\nroutes:", "\n#   ", "\n   ", "\n# media:", "\nmedia:", "\n# record:", "\nrecord:").Replace(sample)
	cfg = defaults()
	if err := config.Parse("full", []byte(full), &cfg); err != nil {
		t.Fatalf("%v\n%s", err, full)
	}
	if len(cfg.Listen) != 3 || cfg.Media.LastPort != 29999 || len(cfg.Routes) != 1 || cfg.Record == "" || cfg.TLS.Key == "" {
		t.Errorf("%+v", cfg)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"domian: x":         "f:1:1",
		"domain: ''":        "f:1:9: domain: is missing",
		"codecs: [G729]":    `f:1:10: codecs[0]: "G729" is none of PCMA, PCMU, AMR and AMR-WB`,
		"digest: [SHA-1]":   `digest[0]: "SHA-1" is none of`,
		"listen: []":        "names no address",
		"ring_time: fast":   "f:1:12",
		"\n\nmax_calls: -1": "f:3:12: max_calls: is negative",
		"listen:\n  - {transport: tls, addr: \":5061\"}":      "wants tls.cert and tls.key",
		"listen:\n  - {transport: sctp, addr: \"1.2.3.4:1\"}": "none of udp, tcp and tls",
		"listen:\n  - {transport: udp, addr: somewhere}":      "is no address",
		"routes:\n  - {match: '(', to: 'sip:x@y'}":            "is no pattern",
		"routes:\n  - {match: 'x', to: 'http://y'}":           "",
		"media: {first_port: 10, last_port: 9}":               "no ports from 10 to 9",
		"trunks: [10.0.0.300/8]":                              "f:1:",
	} {
		cfg := defaults()
		err := config.Parse("f", []byte(text), &cfg)
		if want == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestCommands(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	os.WriteFile(bad, []byte("users: 7\n"), 0o600)
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-h"}, 0, "usage: as"},
		{[]string{"sample"}, 0, "domain: localhost"},
		{[]string{"validate", bad}, 1, "bad.yaml:1:8"},
		{[]string{"-config", bad}, 1, "bad.yaml:1:8"},
		{[]string{"-config", "/does/not/exist"}, 1, "no such file"},
		{[]string{"dance"}, 2, `what is "dance"`},
		{[]string{"-x"}, 2, "not defined"},
	} {
		var out strings.Builder
		if status := run(tc.args, &out, &out); status != tc.status || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%v: status %d, %s", tc.args, status, out.String())
		}
	}
}

// server runs an exchange on a free port of its own, without the admin listener's port.
func server(t *testing.T, cfg Config) (addr netip.AddrPort, registered func() int) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	adm := admin.New(admin.Config{Addr: "127.0.0.1:0", Logger: log})
	x, err := newExchange(cfg, adm, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	f, err := x.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return f.Local, x.Registered
}

// Two baresip phones register and call one another through the exchange, with a codec of its own on either side: each
// hears the other's tone, and both recordings hold them.
func TestBaresip(t *testing.T) {
	for _, codecs := range [][2]string{{"PCMA", "PCMU"}, {"AMR", "AMR-WB"}} {
		t.Run(codecs[0]+" and "+codecs[1], func(t *testing.T) { baresip(t, codecs[0], codecs[1]) })
	}
}

// rateOf is the sample rate of a codec.
func rateOf(codec string) int {
	if codec == "AMR-WB" {
		return 16000
	}
	return 8000
}

func baresip(t *testing.T, codecA, codecB string) {
	if _, err := exec.LookPath("baresip"); err != nil {
		t.Skip("baresip is not installed")
	}
	modules := ""
	for _, dir := range []string{"/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if _, err := os.Stat(filepath.Join(dir, "g711.so")); err == nil {
			modules = dir
		}
	}
	if modules == "" {
		t.Skip("baresip's modules are not installed")
	}
	codecModules := "module g711.so\n"
	if codecA == "AMR" {
		if _, err := os.Stat(filepath.Join(modules, "amr.so")); err != nil {
			t.Skip("baresip has no module for AMR")
		}
		codecModules += "module amr.so\n"
	}
	cfg := defaults()
	cfg.Codecs = []string{codecA, codecB}
	cfg.Record = t.TempDir()
	cfg.Digest = []string{"MD5"} // all that baresip 1.0 knows
	as, registered := server(t, cfg)
	phone := func(name, codec string, hz float64, more ...string) (dir string, done chan error) {
		dir = t.TempDir()
		port := freePort(t)
		rate := rateOf(codec)
		pcm := make([]int16, 20*rate)
		call.Tone(rate, hz, 8000).ReadSamples(pcm)
		if err := wav.WriteFile(filepath.Join(dir, "tone.wav"), pcm, wav.Format{SampleRate: rate}); err != nil {
			t.Fatal(err)
		}
		os.Mkdir(filepath.Join(dir, "rec"), 0o755)
		write := func(file, text string) {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("config", fmt.Sprintf("poll_method epoll\nsip_listen 127.0.0.1:%d\nnet_interface 127.0.0.1\naudio_player aubridge,p%s\naudio_source aufile,%s/tone.wav\naudio_alert aubridge,q\n"+
			"rtp_ports 20000-29999\nmodule_path %s\n%smodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nsnd_path %s/rec\n",
			port, name, dir, modules, codecModules, dir))
		write("accounts", fmt.Sprintf("<sip:%s@localhost;transport=udp>;auth_user=%s;auth_pass=telco;outbound=\"sip:%v\";regint=60;answermode=auto;audio_codecs=%s/%d/1\n", name, name, as, codec, rateOf(codec)))
		write("contacts", "")
		log, err := os.Create(filepath.Join(dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		t.Cleanup(cancel)
		cmd := exec.CommandContext(ctx, "baresip", append([]string{"-f", dir, "-s", "-t", "9"}, more...)...)
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done = make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		return dir, done
	}
	dirB, doneB := phone("bob", codecB, 1000)
	for i := 0; registered() == 0; i++ {
		if i > 100 {
			t.Fatalf("bob does not register: %s", logOf(dirB))
		}
		time.Sleep(50 * time.Millisecond)
	}
	dirA, doneA := phone("alice", codecA, 440, "-e", "/dial sip:bob@localhost")
	<-doneA
	<-doneB
	check := func(what, file string, rate int, hz float64) {
		t.Helper()
		pcm, _, err := wav.ReadFile(file)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if len(pcm) < 4*rate {
			t.Errorf("%s: only %d samples", what, len(pcm))
			return
		}
		// The best second counts: on a busy machine the phones themselves stutter.
		share, rms := 0.0, 0.0
		for at := rate; at+rate <= len(pcm); at += rate / 8 {
			if s := sound.Tone(pcm[at:at+rate], rate, hz); s > share {
				share, rms = s, sound.RMS(pcm[at:at+rate])
			}
		}
		if share < 0.9 || rms < 3000 {
			t.Errorf("%s: %.0f %% of the energy at %g Hz, level %.0f", what, 100*share, hz, rms)
		}
	}
	check("alice hears", glob(t, dirA, "rec/*dec.wav"), rateOf(codecA), 1000)
	check("bob hears", glob(t, dirB, "rec/*dec.wav"), rateOf(codecB), 440)
	check("caller's recording", glob(t, cfg.Record, "*-caller.wav"), rateOf(codecA), 440)
	check("callee's recording", glob(t, cfg.Record, "*-callee.wav"), rateOf(codecB), 1000)
	if t.Failed() {
		t.Logf("alice: %s\nbob: %s", logOf(dirA), logOf(dirB))
	}
}

func glob(t *testing.T, dir, pattern string) string {
	all, _ := filepath.Glob(filepath.Join(dir, pattern))
	if len(all) != 1 {
		t.Errorf("%d files match %s", len(all), pattern)
		return ""
	}
	return all[0]
}

func logOf(dir string) string {
	b, _ := os.ReadFile(filepath.Join(dir, "log"))
	return string(b)
}

// freePort is a UDP port of 127.0.0.1 below those that the system gives to sockets that ask for none, so that none of
// them takes it before the phone does.
func freePort(t *testing.T) int {
	for range 1000 {
		port := 10000 + rand.IntN(10000)
		c, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}
