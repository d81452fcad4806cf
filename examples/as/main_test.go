package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/call/esl"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// commented is the mark in front of what is commented out.
var commented = regexp.MustCompile(`^( *)# `)

func TestSample(t *testing.T) {
	cfg := defaults()
	if err := config.Parse("sample", []byte(sample), &cfg); err != nil {
		t.Fatal(err)
	}
	// What is commented out is right, too.
	lines := strings.SplitAfter(sample, "\n")
	for i, l := range lines[2:] {
		lines[2+i] = commented.ReplaceAllString(l, "$1")
	}
	full := strings.Join(lines, "")
	cfg = defaults()
	if err := config.Parse("full", []byte(full), &cfg); err != nil {
		t.Fatalf("%v\n%s", err, full)
	}
	if len(cfg.Listen) != 3 || cfg.Media.LastPort != 29999 || len(cfg.Trunks) != 1 || len(cfg.Trunks[0].Servers) != 2 || len(cfg.Rules) != 8 ||
		cfg.TLS.Key == "" || len(cfg.CDR) != 2 || cfg.CDR[1].Format != cdr.JSON || cfg.EventSocket.Password == "" || cfg.Phones.Border.Plan.Area != "30" ||
		cfg.Announcements.Causes[17] != "busy.wav" || len(cfg.IMS.Peers) != 2 || cfg.Phones.Redirect != as.RedirectRoute || cfg.Trunks[0].Diversion != as.DiversionHeader || cfg.Limits.Duration != 12*time.Hour || cfg.Recordings.Spool == "" {
		t.Errorf("%+v", cfg)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"domian: x":           "f:1:1",
		"drain: 60":           "f:1:8: is a number, not a duration with its unit",
		"media: {dtx: maybe}": "f:1:14: is a text, not true or false",
		"admin: nowhere":      `f:1:8: admin: "nowhere" is no address with a port`,
		"zone: Europe/Berln":  "f:1:7: zone: unknown time zone",
		"phones: {border: {plan: {country: '+49'}}}":                    "phones.border: ",
		"ims: {peers: [scscf.example.org]}":                             "names are not looked up",
		"emergency: {alerts: [{trunk: nobody}]}":                        `emergency.alerts[0]: there is no trunk or phone "nobody"`,
		"trunks: [{name: a b, servers: [{uri: 'sip:x'}]}]":              "f:1:17: trunks[0].name",
		"trunks: [{name: a}, {name: a}]":                                "f:1:28: trunks[1].name: there is another",
		"rules:\n  - {then: {action: run, apps: [{app: plaback}]}}":     `f:2:39: rules[0].then.apps[0].app: there is no application "plaback"`,
		"rules:\n  - {then: {status: 404}}\n  - {name: x, ask: portal}": `f:3:6: rules[1]: there is no ask "portal"`,
		"ask: {portal: {url: 'x:9'}}":                                   "ask.portal: ",
		"default: {action: refuse, status: 200}":                        "default: status 200 does not refuse",
		"domain: ''":                                                    "f:1:9: domain: is missing",
		"codecs: [G729]":                                                `f:1:10: codecs[0]: "G729" is none of PCMA, PCMU, AMR and AMR-WB`,
		"phones: {digest: [SHA-1]}":                                     `phones.digest[0]: "SHA-1" is none of`,
		"phones: {users: {a: b}, numbers: {c: '+1'}}":                   "phones.numbers.c: there is no such user",
		"listen: []":                                                           "names no address",
		"limits: {ring_time: fast}":                                            "f:1:21",
		"\n\nlimits:\n  calls: -1":                                             "f:4:3: limits: a negative one",
		"listen:\n  - {transport: tls, addr: \":5061\"}":                       "wants tls.cert and tls.key",
		"listen:\n  - {transport: sctp, addr: \"1.2.3.4:1\"}":                  "none of udp, tcp and tls",
		"listen:\n  - {transport: udp, addr: somewhere}":                       "is no address",
		"media: {first_port: 10, last_port: 9}":                                "no ports from 10 to 9",
		"media: {srtp: maybe}":                                                 "none of off, optional and required",
		"ims: {peers: [10.0.0.300/8]}":                                         "f:1:",
		"ims: {routes: ['<sip:x>']}":                                           "lr",
		"trunks:\n  - servers: [{uri: 'sip:x'}]":                               "f:2:5: trunks[0].name: is missing",
		"trunks:\n  - {name: a, servers: [{uri: 'http:x y'}]}":                 "trunks[0].servers[0].uri",
		"trunks:\n  - {name: a, servers: [{uri: 'sip:x'}], codecs: [G722]}":    "f:2:50: trunks[0].codecs: G722",
		"rules:\n  - {then: {action: bridge, targets: [{trunk: nowhere}]}}":    "nowhere",
		"rules:\n  - {name: x, match: {called: ['/(/']}, then: {status: 404}}": "rule",
		"recordings: {url: 'http://x/'}":                                       "wants recordings.spool",
		"recordings: {url: 'ftp://x/', spool: s}":                              "no URL of HTTP",
		"event_socket: {listen: '127.0.0.1:8021'}":                             "event_socket.password: is missing",
		"cdr:\n  - {format: csv}":                                              "f:2:6: cdr[0].dir: is missing",
		"webhook: {url: 'x'}":                                                  "no URL of HTTP",
	} {
		cfg := defaults()
		if err := config.Parse("f", []byte(text), &cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// What stands in the way of a start is told; nothing is left behind.
func TestStartFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "as.yaml")
	text := fmt.Sprintf("listen: [{transport: tcp, addr: %q}]\nadmin: 127.0.0.1:%d\ncdr: [{dir: %s}]\n", taken.Addr(), freePort(t), filepath.Join(dir, "cdr"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second would find a lock that the first has left
		var out, bad bytes.Buffer
		if status := run([]string{"-config", file}, &out, &bad); status != 1 || !strings.Contains(bad.String(), "address already in use") {
			t.Errorf("status %d: %s", status, &bad)
		}
	}
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	bad, good := filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "good.yaml")
	os.WriteFile(bad, []byte("phones: 7\n"), 0o600)
	odd := filepath.Join(dir, "odd.yaml")
	os.WriteFile(odd, []byte("trunks: [{name: a, servers: [{uri: 'sip:gw.example.org'}]}, {name: b, sources: [192.0.2.1]}]\nrules: [{then: {status: 404}}, {match: {called: ['1']}, then: {status: 486}}]\n"), 0o600)
	files := filepath.Join(dir, "files.yaml")
	os.WriteFile(files, []byte("sounds: /nowhere/at/all\ntls: {cert: a.pem, key: b.pem}\nlisten: [{transport: tls, addr: ':5061'}]\n"), 0o600)
	os.WriteFile(good, []byte(`
phones: {users: {alice: x, bob: y}, numbers: {bob: "+49301002"}, border: {plan: {country: "49", national: "0", area: "30"}}}
trunks: [{name: carrier, servers: [{uri: "sip:192.0.2.1"}]}]
rules: [{name: abroad, match: {called: ["+33*"]}, then: {action: bridge, targets: [{trunk: carrier}]}}]
`), 0o600)
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-h"}, 0, "usage: as"},
		{[]string{"sample"}, 0, "domain: localhost"},
		{[]string{"validate", bad}, 1, "bad.yaml:1:9"},
		{[]string{"validate", odd}, 0, "note: trunk a: a server of it is a name"},
		{[]string{"validate", odd}, 0, "note: trunk b has no servers"},
		{[]string{"validate", odd}, 0, "note: rules[0] decides about every call"},
		{[]string{"validate", files}, 1, "sounds: stat /nowhere/at/all"},
		{[]string{"validate", files}, 1, "tls: open a.pem"},
		{[]string{"-config", files}, 1, "tls: open a.pem"},
		{[]string{"validate", good}, 0, "ok: 2 phones, 1 trunks, 1 rules"},
		{[]string{"route", good, "alice", "0033123456"}, 0, `"rule": "abroad"`},
		{[]string{"route", good, "alice", "1002"}, 0, `"decision": "bridge trunk/bob"`},
		{[]string{"route", good, "alice", "bob"}, 0, `"rule": "phones"`},
		{[]string{"-side", "ims", "route", good, "+49301", "+49302"}, 0, `"decision": "proxy"`},
		{[]string{"-side", "trunk/carrier", "route", good, "+49301", "+33123"}, 0, `"called": "+33123"`},
		{[]string{"route", good, "alice", "112"}, 0, `"called": "112"`},
		{[]string{"-side", "trunk/other", "route", good, "+49301", "+33123"}, 1, "no such trunk"},
		{[]string{"-config", bad}, 1, "bad.yaml:1:9"},
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

// up starts a program on free ports, and returns it with its SIP address.
func up(t *testing.T, cfg Config, file string) (*program, netip.AddrPort) {
	t.Helper()
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(freePort(t)))
	cfg.Listen, cfg.Admin = []Listen{{Transport: "udp", Addr: at.String()}}, "127.0.0.1:0"
	p, err := start(cfg, file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p, at
}

// phone registers with a program, and answers with a tone.
func phone(t *testing.T, user string, as netip.AddrPort) *call.Agent {
	t.Helper()
	a, err := call.NewAgent(call.Config{
		SIP: sip.UserAgentConfig{Address: "<sip:" + user + "@localhost>", Auth: sip.Password("", user, "telco")},
		OnCall: func(c *call.Call) {
			if c.Answer(context.Background()) == nil {
				c.Media().SetSource(call.Tone(8000, 600, 8000))
				<-c.Context().Done()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if _, err := a.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	opts := sip.RegisterOptions{Registrar: "sip:localhost"}
	opts.Send.NextHop = hop(as)
	if _, err := a.UserAgent().Register(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	return a
}

func hop(a netip.AddrPort) sip.URI {
	return sip.URI{Scheme: "sip", Host: a.Addr().String(), Port: int(a.Port())}
}

func dial(t *testing.T, a *call.Agent, to string, as netip.AddrPort) (*call.Call, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return a.Dial(ctx, "sip:"+to+"@localhost", call.DialOptions{Send: sip.SendOptions{NextHop: hop(as)}})
}

// One phone calls the other; the event socket and the API see the call, its end is in the records, the program drains.
func TestProgram(t *testing.T) {
	cfg := defaults()
	if err := config.Parse("sample", []byte(sample), &cfg); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg.CDR = []cdr.Config{{Dir: dir}, {Dir: dir, Format: cdr.JSON}}
	cfg.EventSocket = EventSocket{Listen: fmt.Sprintf("127.0.0.1:%d", freePort(t)), Password: "x"}
	p, at := up(t, cfg, "")
	alice := phone(t, "alice", at)
	phone(t, "bob", at)
	c, err := dial(t, alice, "bob", at)
	if err != nil {
		t.Fatal(err)
	}
	client, err := esl.Dial(t.Context(), cfg.EventSocket.Listen, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if out, err := client.API(t.Context(), "show channels count"); err != nil || !strings.Contains(out, "2 total") {
		t.Errorf("%q, %v", out, err)
	}
	admin, err := p.admin.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- p.admin.Run(ctx) }()
	defer func() {
		stop()
		<-served
	}()
	get := func(path string) (int, string) {
		resp, err := http.Get("http://" + admin.String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	if s, body := get("/v1/channels"); s != 200 || strings.Count(body, `"uuid"`) != 2 {
		t.Errorf("%d %s", s, body)
	}
	if s, body := get("/metrics"); s != 200 || !strings.Contains(body, "as_calls 1") {
		t.Errorf("%d %s", s, body)
	}
	if s, _ := get("/readyz"); s != 200 {
		t.Errorf("ready: %d", s)
	}
	drained := make(chan struct{})
	go func() {
		p.drain(t.Context())
		close(drained)
	}()
	for !p.server.Draining() {
		time.Sleep(time.Millisecond)
	}
	if s, _ := get("/readyz"); s != 503 {
		t.Errorf("ready while draining: %d", s)
	}
	if _, err := dial(t, alice, "bob", at); sip.StatusCode(err) != 503 {
		t.Errorf("a call while draining: %v", err)
	}
	select {
	case <-drained:
		t.Error("drained with a call there")
	default:
	}
	c.HangUp(t.Context())
	<-drained
	if err := p.close(); err != nil {
		t.Error(err)
	}
	f, err := os.Open(filepath.Join(dir, "calls.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(bufio.NewReader(f)).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%v %q", err, rows)
	}
	row := map[string]string{}
	for i, name := range rows[0] {
		row[name] = rows[1][i]
	}
	if row["side"] != "phone" || row["status"] != "200" || row["cause"] != "16" || row["calling"] != "alice@localhost" || row["called"] != "bob@localhost" || row["rule"] != "phones" || row["answer"] == "" {
		t.Errorf("%q", row)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "calls.jsonl")); err != nil || !strings.Contains(string(b), `"status":200`) {
		t.Errorf("%v %s", err, b)
	}
}

// SIGHUP's work: what is right comes into force while a call goes on, what is wrong changes nothing.
func TestReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "as.yaml")
	write := func(text string) Config {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := defaults()
		if err := config.Load(file, &cfg); err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	cfg := write("phones: {users: {alice: telco, bob: telco}}\n")
	p, at := up(t, cfg, file)
	p.cfg.Listen, p.cfg.Admin = cfg.Listen, cfg.Admin // the test's ports are no change
	alice := phone(t, "alice", at)
	phone(t, "bob", at)
	c, err := dial(t, alice, "bob", at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, alice, "900", at); sip.StatusCode(err) != 404 {
		t.Errorf("a number that nobody has: %v", err)
	}
	write("phones: {users: {alice: telco}}\nrules: [{name: gone, match: {called: ['900']}, then: {action: refuse, status: 410}}]\n")
	if err := p.reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, alice, "900", at); sip.StatusCode(err) != 410 {
		t.Errorf("after the reload: %v", err)
	}
	if _, err := dial(t, alice, "bob", at); sip.StatusCode(err) != 404 {
		t.Errorf("a phone that is no more: %v", err)
	}
	if c.Context().Err() != nil {
		t.Error("the call has ended")
	}
	for text, want := range map[string]string{
		"phones: {users: {alice: telco}}\ncodecs: [PCMA]\n":    "cannot change",
		"phones: {users: {alice: telco}}\nsounds: elsewhere\n": "sounds cannot change",
		"phones: [\n": "as.yaml:",
	} {
		os.WriteFile(file, []byte(text), 0o600)
		if err := p.reload(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := dial(t, alice, "900", at); sip.StatusCode(err) != 410 {
		t.Errorf("after reloads that were wrong: %v", err)
	}
	c.HangUp(t.Context())
}

// Two baresip phones register and call one another through the exchange, with a codec of its own on either side: each
// hears the other's tone, and both recordings hold them.
func TestBaresip(t *testing.T) {
	for _, codecs := range [][2]string{{"PCMA", "PCMU"}, {"AMR", "AMR-WB"}} {
		t.Run(codecs[0]+" and "+codecs[1], func(t *testing.T) {
			t.Parallel()
			baresip(t, codecs[0], codecs[1])
		})
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
	if testing.Short() {
		t.Skip("baresip talks for seconds, left out with -short")
	}
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
	cfg.Recordings = Recordings{Dir: t.TempDir(), Name: "call.wav"}
	cfg.Phones.Users = map[string]string{"alice": "telco", "bob": "telco"}
	cfg.Phones.Digest = []string{"MD5"} // all that baresip 1.0 knows
	cfg.Rules = []as.Rule{{Name: "recorded", Match: as.Match{Called: []string{"bob@localhost"}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: "bob"}}, Record: true, Vars: map[string]string{"RECORD_STEREO": "true"}}}}
	p, at := up(t, cfg, "")
	registered := func() int { return p.server.Stats().Phones }
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
		write("accounts", fmt.Sprintf("<sip:%s@localhost;transport=udp>;auth_user=%s;auth_pass=telco;outbound=\"sip:%v\";regint=60;answermode=auto;audio_codecs=%s/%d/1\n", name, name, at, codec, rateOf(codec)))
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
	check := func(what, file string, rate, channel int, hz float64) {
		t.Helper()
		pcm, f, err := wav.ReadFile(file)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if channel > 0 {
			if f.Channels != 2 {
				t.Errorf("%s: %+v", what, f)
				return
			}
			rate = f.SampleRate
			for i := range len(pcm) / 2 {
				pcm[i] = pcm[2*i+channel-1]
			}
			pcm = pcm[:len(pcm)/2]
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
	check("alice hears", glob(t, dirA, "rec/*dec.wav"), rateOf(codecA), 0, 1000)
	check("bob hears", glob(t, dirB, "rec/*dec.wav"), rateOf(codecB), 0, 440)
	recording := filepath.Join(cfg.Recordings.Dir, "call.wav")
	for i := 0; i < 50 && p.server.Stats().Control.Channels > 0; i++ { // it is whole when the channels are gone
		time.Sleep(50 * time.Millisecond)
	}
	check("the caller, recorded", recording, 0, 1, 440)
	check("the callee, recorded", recording, 0, 2, 1000)
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

// freePort is an even port of 127.0.0.1 that nobody uses, nor the one behind it, which baresip takes for TLS. It lies below
// those that the system gives to sockets that ask for none, so that none of them takes it before the phone does.
func freePort(t *testing.T) int {
	for range 1000 {
		port := 30000 + 2*rand.IntN(1300)
		if unused(port) && unused(port+1) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func unused(port int) bool {
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return false
	}
	l.Close()
	c, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
