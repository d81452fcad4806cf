package call

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sip"
)

// need skips a test against another program where it is missing, and with -short.
func need(t *testing.T, pkg string, programs ...string) {
	t.Helper()
	lab.Need(t, pkg, programs...)
	if testing.Short() {
		t.Skip("talks to another program, left out with -short")
	}
}

// peerAgent returns an agent that listens on 127.0.0.1. Its messages are judged by tshark.
func peerAgent(t *testing.T, cfg Config) (*Agent, string) {
	t.Helper()
	port := strconv.Itoa(lab.FreePort(t))
	cfg.SIP.Endpoint.Trace = tsharktest.Capture(t, "-d", "udp.port=="+port+",sip")
	a, err := NewAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if _, err := a.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:" + port}); err != nil {
		t.Fatal(err)
	}
	return a, "127.0.0.1:" + port
}

// sipp runs a scenario of testdata/peers, which must end well. The port is SIPp's own.
func sipp(t *testing.T, scenario, port string, args ...string) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", "peers", scenario))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sipp", append([]string{"-sf", file, "-i", "127.0.0.1", "-p", port, "-nostdin", "-timeout", "60", "-timeout_error",
		"-trace_err", "-error_file", "/dev/stderr"}, args...)...)
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sipp %s: %v\n%s", scenario, err, out[max(0, len(out)-6000):])
	}
}

// SIPp is a handset that calls, with preconditions.
func TestPeerVoLTECalls(t *testing.T) {
	need(t, "sip-tester", "sipp")
	var mu sync.Mutex
	codecs := map[string]int{}
	const calls = 5
	ends := make(chan struct{}, calls)
	_, at := peerAgent(t, Config{Codecs: append(AMRWB(), PCMA), OnCall: func(c *Call) {
		c.Ring()
		if err := c.Answer(c.Context()); err != nil {
			t.Errorf("answer: %v", err)
			return
		}
		mu.Lock()
		codecs[c.Codec().Name]++
		mu.Unlock()
		<-c.Context().Done()
		ends <- struct{}{}
	}})
	sipp(t, "volte_mo.xml", strconv.Itoa(lab.FreePort(t)), "-m", strconv.Itoa(calls), "-r", "10", at)
	for range calls { // their ends
		select {
		case <-ends:
		case <-time.After(time.Minute):
			t.Fatal("a call has not ended")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if codecs["AMR-WB"] != calls {
		t.Errorf("codecs %v", codecs)
	}
}

// SIPp is a handset that is called, with preconditions: by one whose resources are there, and by one that has to reserve.
func TestPeerVoLTEIsCalled(t *testing.T) {
	need(t, "sip-tester", "sipp")
	for _, tc := range []struct {
		scenario string
		reserve  func(context.Context, *Call) error
	}{{"volte_mt.xml", nil}, {"volte_mt_update.xml", reserving(200*time.Millisecond, nil)}} {
		t.Run(tc.scenario, func(t *testing.T) {
			a, _ := peerAgent(t, Config{Codecs: append(AMRWB(), PCMA), Reserve: tc.reserve})
			port := strconv.Itoa(lab.FreePort(t))
			ended := make(chan struct{})
			const calls = 3
			go func() {
				defer close(ended)
				sipp(t, tc.scenario, port, "-m", strconv.Itoa(calls))
			}()
			for range calls {
				c, err := a.Dial(t.Context(), "sip:ue@127.0.0.1:"+port, DialOptions{Preconditions: PreconditionsOffer})
				if err != nil {
					t.Error(err)
					break
				}
				if c.Codec().Name != "AMR-WB" || c.Media().Stats().Remote.Port() == 0 {
					t.Errorf("%s to %v", c.Codec().Name, c.Media().Stats().Remote)
				}
				if err := c.HangUp(t.Context()); err != nil {
					t.Error(err)
				}
			}
			<-ended
		})
	}
}
