package esltest

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/0x19/goesl"
	"github.com/op/go-logging"

	"github.com/gotelco/telco/internal/lab"
)

func init() { logging.SetBackend(logging.NewLogBackend(io.Discard, "", 0)) } // goesl tells a lot

// receive keeps what a connection gets, until its end.
func receive(c interface {
	ReadMessage() (*goesl.Message, error)
}, events *box, replies chan<- *goesl.Message) {
	for {
		m, err := c.ReadMessage()
		if err != nil {
			return
		}
		switch m.Headers["Content-Type"] {
		case "command/reply", "api/response":
			replies <- m
			continue
		}
		fields := map[string]string{"_body": string(m.Body)}
		for name, value := range m.Headers {
			fields[name] = value
		}
		events.add(fields["Event-Name"], fields)
	}
}

// goesl sends "events json ALL", ends commands with CR LF, and reads events in JSON.
func TestGoeslInbound(t *testing.T) { each(t, goeslInbound) }

func goeslInbound(t *testing.T, h *house) {
	host, portText, err := net.SplitHostPort(h.esl)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(portText)
	if _, err := goesl.NewClient(host, uint(port), "wrong", 5); err == nil {
		t.Fatal("a wrong password is right")
	}
	c, err := goesl.NewClient(host, uint(port), h.password, 5)
	if err != nil {
		t.Fatal(err)
	}
	go c.Handle()
	var events box
	replies := make(chan *goesl.Message, 100)
	go receive(c, &events, replies)
	say := func(line string) *goesl.Message {
		t.Helper()
		if err := c.Send(line); err != nil {
			t.Fatal(err)
		}
		select {
		case m := <-replies:
			return m
		case <-time.After(patience):
			t.Fatalf("no answer to %s", line)
			return nil
		}
	}
	if m := say("events json ALL"); m.Headers["Reply-Text"] != "+OK event listener enabled json" {
		t.Errorf("%v", m)
	}
	p := h.phone(700)
	m := say("bgapi originate {origination_caller_id_name='A B',origination_caller_id_number=123}" + p.url + " &playback(" + beep + ")")
	job := events.want(t, "BACKGROUND_JOB", "Job-UUID", m.Headers["Job-Uuid"])
	id := strings.TrimPrefix(strings.TrimSpace(job["_body"]), "+OK ")
	if e := events.want(t, "CHANNEL_ANSWER", "Unique-ID", id); e["Caller-Caller-ID-Name"] != "A B" || e["Caller-Caller-ID-Number"] != "123" {
		t.Errorf("%v", e)
	}
	if e := events.want(t, "CHANNEL_HANGUP_COMPLETE", "Unique-ID", id); e["Hangup-Cause"] != "NORMAL_CLEARING" {
		t.Errorf("%v", e)
	}
	if s := p.heard(440); s < 0.2 {
		t.Errorf("the phone heard %v s", s)
	}
	say("exit")
}

// take receives a value that has a lock within.
func take[T any](t *testing.T, ch <-chan T) *T {
	t.Helper()
	select {
	case v := <-ch:
		return &v
	case <-time.After(patience):
		t.Fatal("no connection")
		return nil
	}
}

// Its server: a call that comes in is answered, and its caller hears something.
func TestGoeslOutbound(t *testing.T) { each(t, goeslOutbound) }

func goeslOutbound(t *testing.T, h *house) {
	port := lab.FreePort(t)
	s, err := goesl.NewOutboundServer(fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	wait(t, "the server", func() bool {
		c, err := net.Dial("tcp", s.Addr)
		if err == nil {
			c.Close()
			<-s.Conns
		}
		return err == nil
	})
	caller, done := h.call(fmt.Sprint("sync", port), 700)
	c := take(t, s.Conns)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	// The library takes the answer to the command before for the answer to a command.
	m, err := c.ExecuteAnswer("", false)
	if err != nil || !strings.HasPrefix(m.Headers["Channel-Destination-Number"], fmt.Sprint("sync", port)) || m.GetCallUUID() == "" && m.Headers["Unique-Id"] == "" {
		t.Errorf("%v %v", m, err)
	}
	for _, app := range []string{"set a=b", "playback " + beep, "sleep 100"} {
		name, args, _ := strings.Cut(app, " ")
		if m, err := c.Execute(name, args, true); err != nil || m.Headers["Reply-Text"] != "+OK" {
			t.Errorf("%s: %v %v", app, m, err)
		}
	}
	if _, err := c.ExecuteHangup("", "NORMAL_CLEARING", false); err != nil {
		t.Error(err)
	}
	<-done
	if s := caller.heard(440); s < 0.2 {
		t.Errorf("the caller heard %v s", s)
	}
	c.Close()
	s.Stop()
}
