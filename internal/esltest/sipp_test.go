package esltest

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call/esl"
	"github.com/gotelco/telco/internal/lab"
)

// SIPp is called by originate, and hung up; then it calls in, and hangs up. The client is the package's own.
func TestSIPp(t *testing.T) {
	lab.Need(t, "sip-tester", "sipp")
	each(t, withSIPp)
}

func withSIPp(t *testing.T, h *house) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var events box
	c, err := esl.Dial(ctx, h.esl, h.password, func(m *esl.Message) {
		e, err := m.Event()
		if err != nil {
			return
		}
		fields := make(map[string]string)
		for _, f := range e.Header {
			fields[f.Name] = f.Value
		}
		events.add(e.Name(), fields)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Send(ctx, &esl.Command{Line: "event json ALL"}); err != nil {
		t.Fatal(err)
	}
	sipp := func(args ...string) (*exec.Cmd, *lines) {
		cmd := exec.CommandContext(ctx, "sipp", append(args, "-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "20", "-timeout_error")...)
		cmd.Dir = t.TempDir()
		out := new(lines)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, out
	}
	port := fmt.Sprint(lab.FreePort(t))
	uas, out := sipp("-sn", "uas", "-p", port)
	text, err := c.API(ctx, "originate {sip_h_X-Mark=1}sofia/external/sipp@127.0.0.1:"+port+" &park")
	id, ok := strings.CutPrefix(strings.TrimSpace(text), "+OK ")
	if err != nil || !ok {
		t.Fatalf("%q %v", text, err)
	}
	if _, err := c.API(ctx, "uuid_kill "+id); err != nil {
		t.Error(err)
	}
	if err := uas.Wait(); err != nil {
		t.Errorf("sipp: %v\n%s", err, out)
	}
	events.want(t, "CHANNEL_HANGUP_COMPLETE", "Unique-ID", id)

	// Calls in: the extension is a list of applications, so that nobody else takes part.
	to, done := h.answers()
	uac, out := sipp("-sn", "uac", "-s", to, "-p", fmt.Sprint(lab.FreePort(t)), "-d", "300", h.sip)
	if err := uac.Wait(); err != nil {
		t.Errorf("sipp: %v\n%s", err, out)
	}
	if e := events.want(t, "CHANNEL_HANGUP_COMPLETE", "variable_sip_to_user", to); e["Hangup-Cause"] != "NORMAL_CLEARING" || e["variable_sip_hangup_disposition"] != "recv_bye" {
		t.Errorf("%v", e)
	}
	<-done
	deadline := time.Now().Add(patience)
	for text = "x"; !strings.HasPrefix(text, "0 total.") && time.Now().Before(deadline); {
		if text, err = c.API(ctx, "show channels count"); err != nil {
			t.Fatal(err)
		}
		text = strings.TrimSpace(text)
	}
}

// answers is an extension where a program answers one call, and is there until it ends.
func (h *house) answers() (extension string, done chan struct{}) {
	l, port := listen(h.t)
	done = make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			h.t.Error(err)
			return
		}
		c := esl.NewClient(conn, nil)
		defer c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := c.Connect(ctx); err != nil {
			h.t.Error(err)
		}
		if err := c.Execute(ctx, "", "answer", ""); err != nil {
			h.t.Error(err)
		}
		<-c.Done()
	}()
	return "async" + port, done
}
