package sip

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
)

// needPeer skips the test if a program is not installed.
func needPeer(t *testing.T, program string) {
	t.Helper()
	if testing.Short() {
		t.Skip("talks to " + program + ": left out with -short")
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skip(program + " is not installed")
	}
}

// freePort is a port that is free over UDP and TCP, as text.
func freePort(t *testing.T) string {
	return strconv.Itoa(lab.FreePort(t))
}

// sipp starts SIPp with one of the scenarios; the function it returns waits for its end.
func sipp(t *testing.T, scenario, port string, args ...string) (wait func() error) {
	t.Helper()
	sf, err := filepath.Abs(filepath.Join("testdata", "sipp", scenario))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, "sipp", append([]string{"-sf", sf, "-i", "127.0.0.1", "-p", port, "-nostdin", "-timeout", "50", "-trace_err", "-error_file", "errors.log"}, args...)...)
	cmd.Dir = t.TempDir()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(cmd.Dir, "errors.log"))
			err = fmt.Errorf("sipp %s: %w\n%s\n%s", scenario, err, log, out.Bytes()[max(0, out.Len()-4000):])
		}
		done <- err
	}()
	t.Cleanup(cancel)
	return func() error { return <-done }
}

// peerEndpoint is an endpoint on the loopback, over UDP and TCP.
func peerEndpoint(t *testing.T, cfg Config) (*Endpoint, netip.AddrPort) {
	t.Helper()
	cfg.Trace = tsharktest.Capture(t)
	var err error
	for range 10 { // media of another program may take the port meanwhile
		e, port := NewEndpoint(cfg), freePort(t)
		var f Flow
		if f, err = e.Listen(ListenConfig{Transport: UDP, Addr: "127.0.0.1:" + port}); err == nil {
			f, err = e.Listen(ListenConfig{Transport: TCP, Addr: "127.0.0.1:" + port})
		}
		if err == nil {
			t.Cleanup(func() { e.Close() })
			return e, f.Local
		}
		e.Close()
	}
	t.Fatal(err)
	return nil, netip.AddrPort{}
}

var peerTransports = map[string]string{"u1": "udp", "t1": "tcp"} // SIPp's -t

func TestSIPpCallsUs(t *testing.T) {
	needPeer(t, "sipp")
	for mode, name := range peerTransports {
		for scenario, handler := range map[string]HandlerFunc{
			"uac.xml": answering,
			"uac-cancel.xml": func(tx *ServerTransaction, req *Request) {
				if req.Method == INVITE {
					tx.Respond(NewResponse(req, 180, ""))
					<-tx.Context().Done() // and 487 is sent
				}
			},
			"uac-refused.xml": func(tx *ServerTransaction, req *Request) {
				if req.Method == INVITE {
					tx.Respond(NewResponse(req, 180, ""))
					tx.Respond(NewResponse(req, 486, ""))
				}
			},
		} {
			t.Run(name+"/"+scenario, func(t *testing.T) {
				t.Parallel()
				e, addr := peerEndpoint(t, Config{Handler: handler})
				const calls = 20
				if err := sipp(t, scenario, freePort(t), "-t", mode, "-m", strconv.Itoa(calls), "-r", "100", "-d", "20", addr.String())(); err != nil {
					t.Error(err)
				}
				if s := e.Stats(); s.RequestsBy[INVITE] < calls || s.Unparsable+s.Stray+s.Leaked != 0 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

func TestWeCallSIPp(t *testing.T) {
	needPeer(t, "sipp")
	for mode, name := range peerTransports {
		for _, c := range []struct {
			scenario string
			status   int
		}{{"uas.xml", 200}, {"uas-refuse.xml", 486}, {"uas-cancelled.xml", 487}} {
			t.Run(name+"/"+c.scenario, func(t *testing.T) {
				t.Parallel()
				e, addr := peerEndpoint(t, Config{})
				port := freePort(t)
				const calls = 20
				wait := sipp(t, c.scenario, port, "-t", mode, "-m", strconv.Itoa(calls))
				waitForPeer(t, e, "127.0.0.1:"+port, name)
				var wg sync.WaitGroup
				for range calls {
					wg.Go(func() {
						if err := callPeer(e, addr, "sip:bob@127.0.0.1:"+port+";transport="+name, c.status); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if err := wait(); err != nil {
					t.Error(err)
				}
				if s := e.Stats(); s.Unparsable+s.Stray != 0 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// waitForPeer waits until somebody listens.
func waitForPeer(t *testing.T, e *Endpoint, addr, transport string) {
	t.Helper()
	for range 500 {
		if transport == "tcp" {
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
				return
			}
		} else if pc, err := net.ListenPacket("udp4", addr); err != nil {
			return // the port is taken
		} else {
			pc.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nobody listens at %s", addr)
}

// callPeer calls and, if it is answered with 2xx, hangs up; a call that should end with 487 is
// cancelled when it rings.
func callPeer(e *Endpoint, from netip.AddrPort, uri string, want int) error {
	req := newTestRequest(e, INVITE, uri)
	req.Set("Contact", "<sip:alice@"+from.String()+">")
	req.Add("Content-Type", "application/sdp")
	req.Body = []byte(benchSDP)
	final := make(chan ClientEvent, 10)
	ringing := make(chan struct{}, 10)
	a, err := e.Start(req, SendOptions{}, func(ev ClientEvent) {
		switch {
		case ev.Err != nil || ev.Response != nil && ev.Response.StatusCode >= 200:
			final <- ev
		case ev.Response != nil && ev.Response.StatusCode > 100:
			ringing <- struct{}{}
		}
	})
	if err != nil {
		return err
	}
	if want == 487 {
		<-ringing
		a.Cancel()
	}
	ev := <-final
	if ev.Err != nil || ev.Response.StatusCode != want {
		return fmt.Errorf("%v, %v, want %d", ev.Response, ev.Err, want)
	}
	if want != 200 {
		return nil
	}
	if _, err := e.Start(inDialog(req, ev.Response, ACK, 1), SendOptions{}, nil); err != nil {
		return err
	}
	time.Sleep(20 * time.Millisecond)
	bye, err := e.Do(context.Background(), inDialog(req, ev.Response, BYE, 2), SendOptions{})
	if err == nil && bye.StatusCode != 200 {
		err = fmt.Errorf("BYE: %d", bye.StatusCode)
	}
	return err
}

func TestSipsak(t *testing.T) {
	needPeer(t, "sipsak")
	e, addr := peerEndpoint(t, Config{Handler: HandlerFunc(answering)})
	out, err := exec.Command("sipsak", "-vv", "-s", "sip:bob@"+addr.String()).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("SIP/2.0 200")) {
		t.Errorf("%v\n%s", err, out)
	}
	if n := e.Stats().RequestsBy[OPTIONS]; n == 0 {
		t.Error("no OPTIONS came")
	}
}
