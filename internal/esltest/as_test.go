package esltest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
)

// config is that of examples/as: its addresses, the folder for recordings, and where extensions lead.
const config = `domain: localhost
listen: [{transport: udp, addr: "%s"}]
admin: "%s"
codecs: [PCMA, PCMU]
limits: {calls: 100, late: 10s, busy: 1}
trunks:
  - name: lab
    servers: [{uri: "sip:127.0.0.1:9"}]
    sources: [127.0.0.1/32]
rules:
  - name: async
    match: {called: ["async*"]}
    then: {action: run, apps: [{app: socket, args: "127.0.0.1:${destination_number:5:5} async full"}]}
  - name: sync
    match: {called: ["sync*"]}
    then: {action: run, apps: [{app: socket, args: "127.0.0.1:${destination_number:4:5}"}]}
recordings: {dir: %q}
event_socket: {listen: "%s", password: %s}
drain: 1s
`

var built string // the folder of examples/as

// program builds examples/as, once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "esltest")
	if err != nil {
		return "", err
	}
	built = dir
	cmd := exec.Command("go", "build", "-o", dir, "./examples/as")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

// newProgram starts examples/as.
func newProgram(t *testing.T) *house {
	t.Helper()
	dir, err := program()
	if err != nil {
		t.Fatal(err)
	}
	at := func() string { return fmt.Sprintf("127.0.0.1:%d", lab.FreePort(t)) }
	h := &house{t: t, esl: at(), sip: at(), password: password, recordings: t.TempDir()}
	file := filepath.Join(t.TempDir(), "as.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, h.sip, at(), h.recordings, h.esl, h.password), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "as"), "-config", file)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("as: %v", err)
			}
		case <-time.After(patience):
			cmd.Process.Kill()
			t.Errorf("as does not end: %v", <-ended)
		}
		if t.Failed() {
			t.Logf("%s", log.Bytes())
		}
	})
	wait(t, "the event socket of as", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("as: %v\n%s", err, log.Bytes())
		default:
		}
		c, err := net.Dial("tcp", h.esl)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return h
}
