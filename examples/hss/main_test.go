package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/ims/aka"
)

// The test binary is the program, too, where this is set.
const asProgram = "HSS_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestSample(t *testing.T) {
	cfg := defaults()
	if err := config.Parse("sample", []byte(sample), &cfg); err != nil {
		t.Fatal(err)
	}
	// What is commented out is right, too.
	full := regexp.MustCompile(`(?m)^# (realms|- |tls|peers|  - |subscribers|audit|charging|sqn|token_file|hosts)`).ReplaceAllStringFunc(sample, func(s string) string {
		s = s[2:]
		if strings.HasPrefix(s, "- ") || strings.HasPrefix(s, "token") || strings.HasPrefix(s, "hosts") {
			s = "  " + s
		}
		return s
	})
	cfg = defaults()
	if err := config.Parse("full", []byte(full), &cfg); err != nil {
		t.Fatalf("%v\n%s", err, full)
	}
	if len(cfg.Listen) != 3 || len(cfg.Peers) != 2 || cfg.Audit == "" || cfg.SQN.INDs != 16 || cfg.Admin.TokenFile == "" || len(cfg.Admin.Hosts) != 1 ||
		len(cfg.Realms) != 1 || cfg.Charging == nil || len(cfg.Subscribers) != 2 {
		t.Errorf("%+v", cfg)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"hots: x":                                `f:1:1: unknown field "hots"`,
		"\nhost: 'a b'":                          `f:2:7: host: "a b" is no DiameterIdentity`,
		"listen: []":                             "listen: names no address",
		"listen: [{transport: udp, addr: ':1'}]": `f:1:22: listen[0].transport: "udp" is none of tcp, tls and sctp`,
		"listen: [{transport: tcp, addr: here}]": `listen[0].addr: "here" is no address`,
		"listen: [{transport: tls, addr: ':1'}]": "wants tls.cert, tls.key and tls.ca",
		"listen: [{transport: sctp, addr: x}]":   "listen[0].addr: ",
		"peers: [{from: [10.0.0.0/8]}]":          "peers[0]: wants a host",
		"peers: [{host: a, transport: x}]":       "none of tcp, tls and sctp",
		"scscfs: [{name: scscf1}]":               `"scscf1" is no SIP URI`,
		"sqn: {ind_first: 30, inds: 5}":          "ind_first 30 and inds 5 of 32",
		"watchdog: 1s":                           "1s is less than the 6s of RFC 3539",
		"admin: {addr: x}":                       "is no address with a port",
		"admin: {addr: ':8080'}":                 "can be reached from elsewhere and so wants a token_file",
		"admin: {addr: '192.0.2.1:80'}":          "can be reached from elsewhere",
		"charging: {event: [a, b, c]}":           "at most a primary and a secondary",
		"auth_pending: -1s":                      "is negative",
		"accept: {from: [10.0.0.300/8]}":         "f:1:17",
	} {
		cfg := defaults()
		err := config.Parse("f", []byte(text), &cfg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// command runs the program as a shell would.
func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	var out, err strings.Builder
	c.Stdout, c.Stderr = &out, &err
	if e := c.Run(); e != nil && c.ProcessState == nil {
		t.Fatal(e)
	}
	return c.ProcessState.ExitCode(), out.String(), err.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.TempDir(), name)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCommands(t *testing.T) {
	bad := write(t, "bad.yaml", "listen: 7\n")
	users := write(t, "users.yaml", "subscribers:\n  - publicIdentities: [{identity: 'sip:a@b'}]\n")
	wrong := write(t, "wrong.yaml", "subscribers:\n  - publicIdentities: [{identity: 'a@b'}]\n")
	withUsers := write(t, "with.yaml", "subscribers: ["+wrong+"]\n")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-h"}, 0, "usage: hss"},
		{[]string{"import", "-h"}, 0, "usage: hss import"},
		{[]string{"sample"}, 0, "host: hss.ims.example"},
		{[]string{"validate", bad}, 1, "bad.yaml:1:9"},
		{[]string{"validate", users}, 0, "users.yaml: ok: 1 subscribers"},
		{[]string{"validate", wrong}, 1, `wrong.yaml:2:35: publicIdentities[0].identity: "a@b" is no SIP or tel URI`},
		{[]string{"validate", withUsers}, 1, "wrong.yaml:2:35"},
		{[]string{"run", bad}, 1, "bad.yaml:1:9"},
		{[]string{"run", "/does/not/exist"}, 1, "no such file"},
		{[]string{"dance"}, 2, `what is ["dance"]`},
		{[]string{"-x"}, 2, "not defined"},
		{[]string{"show"}, 2, "0 arguments"},
		{[]string{"list", "-server", "http://127.0.0.1:1"}, 1, "is an HSS running there?"},
		{[]string{"add"}, 1, "wants -imsi or -impi"},
		{[]string{"export", "-keys"}, 1, "-keys needs -data"},
		{[]string{"import", wrong}, 1, "wrong.yaml:2:35"},
	} {
		status, out, err := command(t, c.args...)
		if status != c.status || !strings.Contains(out+err, c.want) {
			t.Errorf("%v: status %d, %s%s", c.args, status, out, err)
		}
	}
}

func TestOnce(t *testing.T) {
	status, out, err := command(t, "-once")
	if status != 0 || strings.Count(out, "\nPASS ") != 10 || strings.Contains(out, "FAIL") || !strings.Contains(out, "RTR") {
		t.Errorf("status %d\n%s%s", status, out, err)
	}
}

// TS 35.208 section 4.3.1.
func TestSIM(t *testing.T) {
	keys := write(t, "card.txt", "# test set 1\nK 465b5ce8 b199b49f aa5f0a2e e238a6bc\nOP: cdc202d5123e20f62b6d676ac72cb318\n")
	status, out, _ := command(t, "sim", "-keys", keys, "-rand", "23553cbe9637a89d218ae64dae47bf35", "-sqn", "ff9bb4d0b607", "-amf", "b9b9")
	want := `OPc  cd63cb71954a9f4e48a5994e37a02baf
RAND 23553cbe9637a89d218ae64dae47bf35
AUTN 55f328b43577b9b94a9ffac354dfafb3
XRES a54211d5e3ba50bf
CK   b40ba9a3c58b2a05bbf0d987b21bf8cb
IK   f769bcd751044604127672711c6d3441
`
	if status != 0 || out != want {
		t.Errorf("status %d\n%s", status, out)
	}
	status, out, _ = command(t, "sim", "-keys", keys, "-rand", "23553cbe9637a89d218ae64dae47bf35", "-autn", "55f328b43577b9b94a9ffac354dfafb3")
	if status != 0 || !strings.Contains(out, "MAC  right\nSQN  ff9bb4d0b607\nRES  a54211d5e3ba50bf\n") {
		t.Errorf("status %d\n%s", status, out)
	}
	status, _, err := command(t, "sim", "-keys", keys, "-rand", "23553cbe9637a89d218ae64dae47bf36", "-autn", "55f328b43577b9b94a9ffac354dfafb3")
	if status != 1 || !strings.Contains(err, "an OP that was taken for an OPc") {
		t.Errorf("status %d\n%s", status, err)
	}
	card := aka.NewMilenage(demoKey(demoK), demoKey(demoOPc))
	auts := aka.NewAUTS(card, [16]byte{1}, 77)
	status, out, _ = command(t, "sim", "-keys", keys, "-rand", "01"+strings.Repeat("00", 15), "-auts", hex.EncodeToString(auts[:]))
	if status != 0 || !strings.Contains(out, "SQN  00000000004d of the card") {
		t.Errorf("status %d\n%s", status, out)
	}
	first, second := "", ""
	for _, to := range []*string{&first, &second} {
		if status, *to, _ = command(t, "sim"); status != 0 || !regexp.MustCompile(`^K    [0-9a-f]{32}\nOPc  [0-9a-f]{32}\n$`).MatchString(*to) {
			t.Errorf("%s", *to)
		}
	}
	if first == second {
		t.Error("the same keys twice")
	}
	for text, want := range map[string]string{"K 12\n": ":1: not a key", "X " + demoK: `:1: what is "x"?`, "K " + demoK: "wants K, and OPc or OP"} {
		if status, _, err := command(t, "sim", "-keys", write(t, "k", text)); status != 1 || !strings.Contains(err, want) || strings.Contains(err, demoK) {
			t.Errorf("%q: %s", text, err)
		}
	}
}

// process is the program running.
type process struct {
	*exec.Cmd
	http, tcp string

	mu  sync.Mutex
	log strings.Builder
	end chan struct{}
}

var listening = regexp.MustCompile(`msg=listening transport=(\w+) addr=(\S+)`)

// start runs the program with a configuration, and waits until it listens.
func start(t *testing.T, cfg string, flags ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], append(flags, "run", cfg)...), end: make(chan struct{})}
	p.Env = append(os.Environ(), asProgram+"=1")
	p.Dir = filepath.Dir(cfg)
	pipe, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended
		<-p.end
	})
	ready := make(chan struct{})
	go func() {
		defer close(p.end)
		r := bufio.NewScanner(pipe)
		for r.Scan() {
			p.mu.Lock()
			p.log.WriteString(r.Text() + "\n")
			p.mu.Unlock()
			if m := listening.FindStringSubmatch(r.Text()); m != nil && m[1] == "http" {
				p.http = "http://" + m[2]
				close(ready)
			} else if m != nil {
				p.tcp = m[2]
			}
		}
		_ = p.Wait() // killed, as a rule
	}()
	select {
	case <-ready:
	case <-p.end:
		t.Fatalf("it ended: %s", p.text())
	case <-time.After(time.Minute):
		t.Fatalf("it does not listen: %s", p.text())
	}
	return p
}

// text is what was logged.
func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// logged waits until something has been logged n times.
func (p *process) logged(t *testing.T, what string, n int) {
	t.Helper()
	for range 1000 {
		if strings.Count(p.text(), what) >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never logged %q: %s", what, p.text())
}

const testConfig = `host: hss.ims.example
realm: ims.example
listen: [{transport: tcp, addr: "127.0.0.1:0"}]
accept: {hosts: [.ims.example], from: [127.0.0.0/8]}
data: store
audit: audit.log
admin: {addr: "127.0.0.1:0"}
`

const alice = `subscribers:
  - id: alice
    privateIdentities: [{impi: 001010000000001@ims.example, imsi: 001010000000001, aka: {k: ` + demoK + `, opc: ` + demoOPc + `}}]
    publicIdentities: [{identity: 'sip:alice@ims.example'}]
`

func TestRun(t *testing.T) {
	dir := t.TempDir()
	cfg := write(t, filepath.Join(dir, "hss.yaml"), testConfig+"subscribers: [users.yaml]\n")
	write(t, filepath.Join(dir, "users.yaml"), alice)
	p := start(t, cfg, "-log-level", "debug")
	server := []string{"-server", p.http}
	ask := func(want string, args ...string) {
		t.Helper()
		status, out, err := command(t, append(append([]string{args[0]}, server...), args[1:]...)...)
		if !strings.Contains(out+err, want) {
			t.Errorf("%v: status %d, want %q: %s%s", args, status, want, out, err)
		}
		if strings.Contains(strings.ToLower(out+err), demoK) || strings.Contains(strings.ToLower(out+err), demoOPc) {
			t.Errorf("%v shows a key", args)
		}
	}
	ask("- identity: sip:alice@ims.example", "show", "001010000000001")
	ask("1 of 1", "list")

	// A subscriber registers; then files are imported over the API.
	log := slog.New(slog.DiscardHandler)
	cscf, err := newSCSCF("scscf1.ims.example", demoCSCF, "ims.example", "hss.ims.example", p.tcp, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cscf.node.Close()
	if err := cscf.node.Ready(t.Context(), "hss.ims.example"); err != nil {
		t.Fatal(err)
	}
	capture := stream(t, p.http+"/trace.pcapng")
	v, err := cscf.vector(t.Context(), demoIMPI, demoIMPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	card := aka.NewSIM(aka.NewMilenage(demoKey(demoK), demoKey(demoOPc)), aka.SQNScheme{}, 0)
	if _, err := cscf.register(t.Context(), demoIMPI, demoIMPU, card); err != nil {
		t.Fatal(err)
	}
	// The capture has the exchange, and none of what is to be kept secret.
	octets := capture(2500)
	if !strings.Contains(octets, demoIMPI) || !strings.Contains(octets, cx.SchemeDigestAKAv1) {
		t.Errorf("the vector is not in %d octets of capture", len(octets))
	}
	for name, secret := range map[string][]byte{"XRES": v.SIPAuthorization, "CK": v.ConfidentialityKey, "IK": v.IntegrityKey} {
		if len(secret) == 0 || strings.Contains(octets, string(secret)) {
			t.Errorf("the capture shows %s", name)
		}
	}
	more := write(t, filepath.Join(dir, "more.yaml"), strings.Replace(alice, "sip:alice@ims.example'}", "sip:alice@ims.example', displayName: A, profile: v}", 1)+
		"  - {id: bob, publicIdentities: [{identity: 'sip:bob@ims.example'}]}\nserviceProfiles: [{name: v}]\n")
	ask("create serviceProfile v\nupdate subscriber alice publicIdentities\ncreate subscriber bob\ndry run: 2 created, 1 updated, 0 unchanged", "import", "-n", more)
	ask("nobody is", "show", "bob")
	ask("done: 2 created, 1 updated, 0 unchanged", "import", more)
	if err := waitFor(t.Context(), cscf, func() bool { return cscf.profile(demoIMPU).ServiceProfiles[0].PublicIdentities[0].DisplayName == "A" }); err != nil {
		t.Errorf("no PPR: %v", err)
	}
	thief := write(t, filepath.Join(dir, "thief.yaml"), "subscribers:\n  - id: zoe\n    publicIdentities:\n      - identity: sip:zoe@ims.example\n  - id: thief\n    publicIdentities:\n      - identity: sip:bob@ims.example\n")
	ask(`thief.yaml:5:5: subscribers[1]: impu "sip:bob@ims.example" belongs to subscription "bob"`, "import", thief)
	ask("nobody is", "show", "zoe")
	ask("alice deregistered", "deregister", "-info", "bye", "sip:alice@ims.example")
	if err := waitFor(t.Context(), cscf, func() bool { return cscf.profile(demoIMPU) == nil }); err != nil {
		t.Errorf("no RTR: %v", err)
	}
	ask("no S-CSCF serves alice", "push", "alice")
	ask("carol@ims.example added\nK    ", "add", "-impi", "carol@ims.example")
	ask("carol@ims.example deleted", "delete", "carol@ims.example")
	ask("deregister alice PERMANENT_TERMINATION bye", "audit")
	ask(`"id":"bob"`, "export", "-format", "jsonl")
	ask("alice assigned", "assign", "-scscf", "sip:scscf2.ims.example", "alice")
	ask("alice detached", "cancel", "alice")
	ask("in use by another process", "export", "-data", filepath.Join(dir, "store"), "-keys")

	// SIGHUP takes what has changed, or nothing.
	write(t, filepath.Join(dir, "users.yaml"), strings.Replace(alice, "sip:alice@", "alice@", 1))
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.logged(t, "nothing was reloaded", 1)
	write(t, filepath.Join(dir, "users.yaml"), alice+"  - {id: dora, publicIdentities: [{identity: 'sip:dora@ims.example'}]}\n")
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.logged(t, "created=1 updated=1 unchanged=0", 1)
	ask("- identity: sip:dora@ims.example", "show", "dora")

	// Somebody who may not connect.
	stranger, err := newSCSCF("scscf.elsewhere.example", demoCSCF, "elsewhere.example", "hss.ims.example", p.tcp, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.node.Close()
	p.logged(t, "scscf.elsewhere.example", 1)
	if s, _ := stranger.node.Peer("hss.ims.example"); s.Usable {
		t.Error("a stranger is connected")
	}
	events := stream(t, p.http+"/events")(4000)

	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.end
	if !p.ProcessState.Success() {
		t.Errorf("it ended with %v: %s", p.ProcessState, p.text())
	}
	auditText, err := os.ReadFile(filepath.Join(dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"log": p.text(), "audit log": string(auditText), "events": events} {
		for _, key := range []string{demoK, demoOPc} {
			raw, _ := hex.DecodeString(key)
			if strings.Contains(strings.ToLower(text), key) || strings.Contains(text, string(raw)) {
				t.Errorf("the %s shows a key", name)
			}
		}
		if len(text) < 100 {
			t.Errorf("the %s is %q", name, text)
		}
	}
	// The folder holds the keys, for whoever may read it and asks for them.
	status, out, errText := command(t, "export", "-data", filepath.Join(dir, "store"), "-keys")
	if status != 0 || !strings.Contains(out, "k: "+demoK) {
		t.Errorf("status %d: %s%s", status, out, errText)
	}
}

// waitFor waits for something that RTRs and PPRs bring about.
func waitFor(ctx context.Context, s *scscf, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return (&demo{cscf: s}).until(ctx, done)
}

// stream begins to read a stream; what it returns reads at least so many octets of it.
func stream(t *testing.T, url string) func(least int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return func(least int) string {
		t.Helper()
		b := make([]byte, 64<<10)
		n, err := io.ReadAtLeast(res.Body, b, least)
		if err != nil {
			t.Fatal(fmt.Errorf("%w after %d octets", err, n))
		}
		return string(b[:n])
	}
}
