package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/call/esl"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/ims/as"
)

// child has the test binary be the program.
const child = "AS_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// process is the program in a process of its own.
type process struct {
	*exec.Cmd
	log *bytes.Buffer
	end chan error
}

func launch(t *testing.T, file string, at netip.AddrPort) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], "-config", file, "-log-level", "debug"), log: &bytes.Buffer{}, end: make(chan error, 1)}
	p.Env = append(os.Environ(), child+"=1")
	p.Stdout, p.Stderr = p.log, p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.end <- p.Wait() }()
	t.Cleanup(func() {
		p.Process.Kill()
		if t.Failed() {
			time.Sleep(100 * time.Millisecond)
			t.Logf("%s", p.log)
		}
	})
	return p
}

// uploads is a server that recordings are posted to as mod_httapi does. What it does first is answered by trouble.
type uploads struct {
	t *testing.T

	mu      sync.Mutex
	down    bool
	refused int
	got     map[string][][]byte // by name: what came
	trouble func()              // called once, when a recording has come and before it is acknowledged
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.down {
		u.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		u.t.Error(err)
	}
	form := multipart.NewReader(r.Body, params["boundary"])
	for {
		part, err := form.NextPart()
		if err != nil {
			break
		}
		b, err := io.ReadAll(part)
		if name := part.FileName(); err == nil && name != "" {
			u.got[name] = append(u.got[name], b)
		}
	}
	if f := u.trouble; f != nil {
		u.trouble = nil
		f()
	}
	w.WriteHeader(http.StatusCreated)
}

func (u *uploads) names() (names []string, copies int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for n, c := range u.got {
		names = append(names, n)
		copies += len(c)
	}
	return names, copies
}

// The program is killed in the middle of a call that is recorded. Started again, it uploads what there is, once the server
// is there; killed again between the server's answer and its own note of it, it uploads the same once more under the same
// name, and then the machine has nothing left. Call records tell of the call, too.
func TestRecordingSurvives(t *testing.T) {
	u := &uploads{t: t, got: map[string][][]byte{}, down: true}
	web := httptest.NewServer(u)
	defer web.Close()
	dir := t.TempDir()
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(freePort(t)))
	file := filepath.Join(dir, "as.yaml")
	spool := filepath.Join(dir, "spool")
	config := fmt.Sprintf(`
listen: [{transport: udp, addr: "%v"}]
admin: 127.0.0.1:%d
phones: {users: {alice: telco, bob: telco}}
recordings: {spool: %s, name: "http://(file=call-7.wav,method=POST)%s/up"}
cdr: [{dir: %s, format: json}, {dir: %[5]s, format: csv}]
rules: [{name: recorded, match: {called: [bob@localhost]}, then: {action: bridge, targets: [{trunk: bob}], record: true}}]
`, at, freePort(t), spool, strings.TrimPrefix(web.URL, "http://"), filepath.Join(dir, "cdr"))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, file, at)
	alice := phone(t, "alice", at)
	phone(t, "bob", at)
	if _, err := dial(t, alice, "bob", at); err != nil {
		t.Fatal(err)
	}
	size := func() (n int64) {
		filepath.Walk(spool, func(_ string, i os.FileInfo, err error) error {
			if err == nil && i.Mode().IsRegular() && i.Size() > n {
				n = i.Size()
			}
			return nil
		})
		return n
	}
	wait := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not in a minute", what)
			}
		}
	}
	wait("a second is on disk", func() bool { return size() > 16000 })
	kept := size()
	p.Process.Kill()
	<-p.end

	p = launch(t, file, at)
	wait("a try fails", func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.refused > 0
	})
	var record cdr.Record
	wait("there is a call record", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "cdr/calls.jsonl"))
		return err == nil && json.Unmarshal(b, &record) == nil
	})
	if record.Status != 200 || record.Answer.IsZero() || record.Calling != "alice@localhost" || record.Reason != cdr.EndedWithProcess {
		t.Errorf("call record %+v", record)
	}
	wait("there is another one", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "cdr/calls.csv"))
		return err == nil && strings.Count(string(b), "\n") == 2
	})
	u.mu.Lock()
	u.down = false
	u.trouble = func() { // it has the recording, and nobody will hear of it
		p.Process.Kill()
		<-p.end
	}
	u.mu.Unlock()
	wait("it is uploaded", func() bool { _, n := u.names(); return n == 1 })
	launch(t, file, at)
	wait("it is uploaded again", func() bool { _, n := u.names(); return n == 2 })
	names, _ := u.names()
	if len(names) != 1 || names[0] != "call-7.wav" {
		t.Fatalf("%q", names)
	}
	if c := u.got[names[0]]; !bytes.Equal(c[0], c[1]) {
		t.Errorf("copies of %d and %d octets", len(c[0]), len(c[1]))
	}
	name := filepath.Join(dir, "got.wav")
	os.WriteFile(name, u.got[names[0]][0], 0o600)
	pcm, f, err := wav.ReadFile(name)
	if err != nil || len(pcm) < int(kept-100)/2 || f.SampleRate != 8000 {
		t.Errorf("%d samples of %d octets that were on disk, %+v, %v", len(pcm), kept, f, err)
	}
	wait("nothing is left", func() bool {
		left := 0
		filepath.Walk(spool, func(_ string, i os.FileInfo, err error) error {
			if err == nil && i.Mode().IsRegular() && i.Size() > 0 {
				left++
			}
			return nil
		})
		return left == 0
	})
	if _, n := u.names(); n != 2 {
		t.Errorf("%d uploads", n)
	}
}

// sipp plays a phone with a scenario, and fails the test if that does not go as it says.
func sipp(t *testing.T, scenario string) (port int, wait func()) {
	t.Helper()
	if _, err := exec.LookPath("sipp"); err != nil {
		t.Skip("sipp is not installed")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "phone.xml")
	if err := os.WriteFile(file, []byte(scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	port = freePort(t)
	cmd := exec.Command("sipp", "-sf", file, "-i", "127.0.0.1", "-p", fmt.Sprint(port), "-m", "1", "-nostdin", "-timeout", "30", "-timeout_error", "-trace_err", "-trace_msg", "-mp", fmt.Sprint(freePort(t)))
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGKILL) })
	return port, func() {
		t.Helper()
		select {
		case err := <-ended:
			if err != nil {
				logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
				for _, l := range logs {
					b, _ := os.ReadFile(l)
					t.Logf("%s", b)
				}
				t.Errorf("sipp: %v", err)
			}
		case <-time.After(35 * time.Second):
			t.Error("sipp does not end")
		}
	}
}

const ok200 = `<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>`

// takesMessage is a phone that gets a MESSAGE with a text in it.
func takesMessage(regexps ...string) string {
	s := `<?xml version="1.0"?><scenario name="phone"><recv request="MESSAGE"><action>`
	refs := ""
	for i, r := range regexps {
		s += fmt.Sprintf(`<ereg regexp="%s" search_in="msg" check_it="true" assign_to="%d"/>`, r, i+1)
		refs += fmt.Sprintf(`<Reference variables="%d"/>`, i+1)
	}
	return s + `</action></recv>` + refs + ok200 + `</scenario>`
}

// answersCall is a phone that answers a call, and is hung up upon.
const answersCall = `<?xml version="1.0"?><scenario name="phone"><recv request="INVITE"/><send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=phone 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send><recv request="ACK"/><recv request="BYE" timeout="20000"/>` + ok200 + `</scenario>`

// desk is a program that knows a SIPp phone as "desk".
func desk(t *testing.T, port int, change func(*Config)) (*program, netip.AddrPort, string) {
	cfg := defaults()
	cfg.Phones.Users = map[string]string{"alice": "telco", "bob": "telco"}
	to := as.Target{URI: fmt.Sprintf("sip:desk@127.0.0.1:%d", port)}
	yes := true
	cfg.Rules = []as.Rule{
		{Name: "sos", Match: as.Match{Emergency: &yes}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: "bob"}}}},
		{Name: "desk", Match: as.Match{Called: []string{"desk@localhost"}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{to}}},
	}
	cfg.Emergency.Alerts = []as.Target{to}
	if change != nil {
		change(&cfg)
	}
	p, at := up(t, cfg, "")
	admin, err := p.admin.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.admin.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return p, at, "http://" + admin.String()
}

// An HTTP request becomes a MESSAGE on a phone.
func TestMessageByHTTP(t *testing.T) {
	port, wait := sipp(t, takesMessage("Dinner is ready", "From: .*cook"))
	_, _, web := desk(t, port, nil)
	resp, err := http.Post(web+"/v1/messages", "application/json", strings.NewReader(`{"to": "desk@localhost", "from": "sip:cook@localhost", "text": "Dinner is ready"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
	wait()
}

// So does an event of a client of the event socket.
func TestMessageByEventSocket(t *testing.T) {
	port, wait := sipp(t, takesMessage("Dinner is ready", "From: .*cook"))
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	desk(t, port, func(c *Config) { c.EventSocket = EventSocket{Listen: addr, Password: "x"} })
	client, err := esl.Dial(t.Context(), addr, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	cmd := &esl.Command{Line: "sendevent SEND_MESSAGE", Body: []byte("Dinner is ready")}
	for _, f := range [][2]string{{"profile", "external"}, {"from", "sip:cook@localhost"}, {"user", "desk"}, {"host", "localhost"}, {"content-type", "text/plain"}} {
		cmd.Header.Add(f[0], f[1])
	}
	if _, err := client.Send(t.Context(), cmd); err != nil {
		t.Error(err)
	}
	wait()
}

// A call to an emergency number is connected, and a phone gets an alert about it.
func TestEmergencyAlert(t *testing.T) {
	port, wait := sipp(t, takesMessage("112", "alice@localhost"))
	_, at, _ := desk(t, port, nil)
	alice := phone(t, "alice", at)
	phone(t, "bob", at)
	c, err := dial(t, alice, "112", at)
	if err != nil {
		t.Fatal(err)
	}
	wait()
	c.HangUp(t.Context())
}

// A job of the file calls a phone, plays, and hangs up.
func TestTimedJob(t *testing.T) {
	port, wait := sipp(t, answersCall)
	p, _, web := desk(t, port, func(c *Config) {
		c.Jobs.List = []as.Job{{Name: "ring", At: time.Now().Add(time.Second), Originate: fmt.Sprintf("sofia/internal/desk@127.0.0.1:%d &playback(tone_stream://%%(500,0,440))", port)}}
	})
	wait()
	for end := time.Now().Add(10 * time.Second); p.jobs.List()[0].Runs == 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	resp, err := http.Get(web + "/v1/jobs")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(b), `"ring"`) {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
	if j := p.jobs.List()[0]; j.Runs != 1 {
		t.Errorf("%+v", j)
	}
}
