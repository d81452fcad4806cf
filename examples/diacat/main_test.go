package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// buffer is what a program has printed so far.
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

// cat runs the program and returns its status and what it prints.
func cat(t *testing.T, stdin string, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e buffer
	status = run(t.Context(), args, strings.NewReader(stdin), &o, &e)
	return status, o.String(), e.String()
}

// start runs a program that listens, and returns its address and what it prints.
func start(t *testing.T, args ...string) (address string, out *buffer) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out = new(buffer)
	errs := new(buffer)
	done := make(chan struct{})
	status := 0
	go func() {
		defer close(done)
		status = run(ctx, args, strings.NewReader(""), out, errs)
	}()
	t.Cleanup(func() {
		stop()
		if <-done; status != 0 {
			t.Errorf("%q: status %d: %s", args, status, errs)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		if m := regexp.MustCompile(`listening on (\S+)`).FindStringSubmatch(errs.String()); m != nil {
			return m[1], out
		}
		select {
		case <-done:
			t.FailNow()
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q does not listen: %s", args, errs)
		}
	}
}

var changing = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`hbh [0-9a-f]{8} e2e [0-9a-f]{8}`), "hbh H e2e E"},
	{regexp.MustCompile(`;\d+;\d+"`), `;N;N"`},
	{regexp.MustCompile(`Origin-State-Id \d+`), "Origin-State-Id N"},
	{regexp.MustCompile(`Origin-State-Id M \d+`), "Origin-State-Id M N"},
	{regexp.MustCompile(` in [0-9.]+(µs|ms|s):`), " in TIME:"},
}

// golden compares text with a file of testdata, after what differs from run to run has been replaced.
func golden(t *testing.T, name, text string) {
	t.Helper()
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.with)
	}
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", file, diff)
	}
}

func TestConnect(t *testing.T) {
	hss, _ := start(t, "listen", "testdata/hss.yaml")
	for _, c := range []struct {
		name   string
		status int
		args   []string
	}{
		{"connect", 0, []string{hss}},
		{"connect-verbose", 0, []string{"-v", "-app", "Cx", hss}},
		{"connect-no-common", 1, []string{"-app", "S6a,Sh", hss}},
		{"connect-unknown", 1, []string{"-host", "stranger.example", hss}},
		{"connect-other-name", 1, []string{"-peer", "hss2.ims.example", hss}},
		{"connect-nobody", 1, []string{"127.0.0.1:1"}},
		{"connect-tls", 1, []string{"-tls", "-timeout", "2s", hss}},
	} {
		status, out, errs := cat(t, "", append([]string{"connect"}, c.args...)...)
		if status != c.status {
			t.Errorf("%s: status %d", c.name, status)
		}
		golden(t, c.name, out+"---\n"+errs)
	}
}

func TestSend(t *testing.T) {
	hss, heard := start(t, "listen", "testdata/hss.yaml")
	for _, c := range []struct {
		name   string
		status int
		args   []string
	}{
		{"send", 0, []string{"-var", "user=alice", hss, "testdata/uar.yaml", "testdata/mar.yaml"}},
		{"send-show", 0, []string{"-show", "SIP-Authorization", hss, "testdata/mar.yaml"}},
		{"send-unknown-user", 1, []string{"-var", "user=bob", hss, "testdata/uar.yaml"}},
		{"send-missing", 1, []string{hss, "testdata/sar.yaml"}},
		{"send-silence", 1, []string{"-timeout", "2s", hss, "testdata/lir.yaml"}},
		{"send-no-variable", 2, []string{hss, "testdata/uar.yaml"}},
		{"send-quiet", 0, []string{"-q", "-var", "user=alice", hss, "testdata/uar.yaml"}},
	} {
		status, out, errs := cat(t, "", append([]string{"send"}, c.args...)...)
		if status != c.status {
			t.Errorf("%s: status %d", c.name, status)
		}
		golden(t, c.name, out+"---\n"+errs)
	}
	if s := heard.String(); !strings.Contains(s, "UAR from diacat.localdomain") || strings.Contains(s, "0001020304050607") {
		t.Errorf("the server printed %s", s)
	}
}

func TestRelay(t *testing.T) {
	hss, _ := start(t, "listen", "-q", "testdata/hss.yaml")
	text, err := os.ReadFile("testdata/relay.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "relay.yaml")
	os.WriteFile(file, []byte(strings.NewReplacer("${hss}", hss).Replace(string(text))), 0o600)
	relay, heard := start(t, "relay", file)
	send := func(realm, want string) {
		t.Helper()
		request := "command: UAR\navps: {Destination-Realm: " + realm + ", User-Name: alice@ims.example, Public-Identity: 'sip:alice@ims.example', Visited-Network-Identifier: x}\n"
		// The relay may still be connecting to the server.
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			_, out, errs := cat(t, request, "send", "-q", "-app", "Cx", relay, "-")
			if strings.Contains(out+errs, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("realm %s: %s%s, want %s", realm, out, errs, want)
			}
		}
	}
	send("ims.example", "UAR 2001 DIAMETER_FIRST_REGISTRATION")
	send("elsewhere.example", "ask aaa://dra.example:3868;transport=tcp instead")
	send("nowhere.example", `no route to Destination-Realm "nowhere.example"`)
	if s := heard.String(); !strings.Contains(s, "UAR from 127.0.0.1:") || !strings.Contains(s, "UAA from "+hss+": 2001") {
		t.Errorf("the relay printed %s", s)
	}
}

func TestLoad(t *testing.T) {
	hss, _ := start(t, "listen", "-q", "testdata/hss.yaml")
	status, out, errs := cat(t, "", "load", "-host", "load.ims.example", "-count", "200", "-connections", "2", "-concurrency", "4", hss, "testdata/mar.yaml")
	if status != 0 || !strings.Contains(out, "200 requests in ") || !strings.Contains(out, "      200  2001 DIAMETER_SUCCESS\n") || !strings.Contains(out, "p99.9") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	status, out, errs = cat(t, "", "load", "-host", "load.ims.example", "-count", "5", "-rate", "500", "-var", "user=bob", hss, "testdata/uar.yaml")
	if status != 1 || !strings.Contains(out, "        5  5001 DIAMETER_ERROR_USER_UNKNOWN\n") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// TestHold: a server that ends while we stay connected, and what it says at the end.
func TestHold(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	var out, errs buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx, []string{"listen", "testdata/hss.yaml"}, strings.NewReader(""), &out, &errs)
	}()
	wait := func(b *buffer, pattern string) string {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if m := regexp.MustCompile(pattern).FindStringSubmatch(b.String()); m != nil {
				return m[1]
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is not in %s", pattern, b)
			}
		}
	}
	address := wait(&errs, `listening on (\S+)`)
	var held, why buffer
	status := make(chan int, 1)
	go func() {
		status <- run(t.Context(), []string{"connect", "-hold", "1m", address}, strings.NewReader(""), &held, &why)
	}()
	wait(&held, `(application 16777216)`)
	stop()
	<-done
	if s := <-status; s != 1 {
		t.Errorf("status %d", s)
	}
	for _, want := range []string{"the connection was lost", "DPR from hss.ims.example to you: REBOOTING", "it restarts"} {
		if !strings.Contains(why.String(), want) {
			t.Errorf("%q is not in %s", want, &why)
		}
	}
}

func TestValidate(t *testing.T) {
	status, out, errs := cat(t, "", "validate", "testdata/hss.yaml", "testdata/uar.yaml", "testdata/relay.yaml")
	if want := "testdata/hss.yaml: a good file for listen\ntestdata/uar.yaml: a good file for send and load\ntestdata/relay.yaml: a good file for relay\n"; status != 0 || out != want {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	for text, want := range map[string]string{
		"origin-host: a\norigin-realm: b\nlisten: [x]\nanswers:\n  - {command: UAA}\n":                 `-:5:15: answers[0].command: no request is called "UAA"`,
		"origin-host: a\norigin-realm: b\nlisten: [x]\nanswers:\n  - {command: UAR, result: y}\n":      `"y": want CODE or CODE@VENDOR`,
		"origin-host: a\norigin-realm: b\nlisten: [x]\nanswers:\n  - {command: UAR, avps: {Foo: 1}}\n": `no AVP is called "Foo"`,
		"origin-host: a\nanswers: []\n": "origin-realm: is missing",
		"origin-host: a\norigin-realm: b\nlisten: [x]\nroutes:\n  - {peers: [{host: c}]}\n":                       `routes[0]: wants a realm`,
		"origin-host: a\norigin-realm: b\nlisten: [x]\nroutes:\n  - {realm: r, redirect: [c]}\n":                  `routes[0].redirect[0]: `,
		"origin-host: a\norigin-realm: b\nlisten: [x]\nroutes:\n  - {realm: r}\n":                                 "wants peers or redirect",
		"origin-host: a\norigin-realm: b\npeers: [{host: h, transport: pigeon}]\nroutes: []\n":                    `"pigeon": want tcp, tls or sctp`,
		"origin-host: a\norigin-realm: b\nlisten: [x]\nroutes:\n  - {realm: r, applications: [Q], peers: [{}]}\n": `no application is called "Q"`,
		"command: UAR\nfoo: 1\n": `-:2:1: unknown field "foo"`,
	} {
		if status, _, errs := cat(t, text, "validate", "-"); status != 2 || !strings.Contains(errs, want) {
			t.Errorf("%q: status %d, %s, want %s", text, status, errs, want)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.quantile(q); got < want*98/100 || got > want*102/100 {
			t.Errorf("quantile %v: %v, want about %v", q, got, want)
		}
	}
	if h.least != time.Millisecond || h.most != time.Second {
		t.Error(h.least, h.most)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"", 2, "usage: diacat COMMAND"}, {"-h", 0, "usage: diacat COMMAND"}, {"fly", 2, "usage: diacat COMMAND"},
		{"send -h", 0, "SIP-Auth-Data-Item:"}, {"connect -h", 0, "diacat connect 10.0.0.1"}, {"load -h", 0, "-rate"}, {"relay -h", 0, "routes:"},
		{"listen -h", 0, "answers:"}, {"decode -h", 0, "tcpdump"}, {"explain -h", 0, "5010"}, {"names -h", 0, "MAR"},
		{"connect", 2, "0 arguments"}, {"connect -fly x", 2, "not defined"}, {"send x", 2, "usage"},
		{"connect -app Nothing 127.0.0.1", 2, `no application is called "Nothing"`},
		{"connect -show Origin-Host 127.0.0.1", 2, "no secret AVP"},
		{"connect -sctp pigeon 127.0.0.1", 2, "want kernel, udp or raw"},
		{"connect -ca testdata/uar.yaml -tls 127.0.0.1", 2, "no certificate"},
		{"decode testdata/none", 1, "no such file"}, {"explain 6001", 2, "no result code"}, {"explain x", 2, "neither a file nor"},
		{"names Nothing-At-All", 2, "nothing is called"}, {"load -concurrency 0 127.0.0.1 testdata/mar.yaml", 2, "at least 1"},
	} {
		status, _, errs := cat(t, "", strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("%q: status %d, %s", c.args, status, errs)
		}
	}
}
