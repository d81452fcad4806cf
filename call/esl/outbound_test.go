package esl

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call/control"
)

// listen takes the connection of a channel.
func (h *house) listen() net.Listener {
	h.t.Helper()
	l, err := h.n.Listen(netip.MustParseAddrPort("127.0.0.1:9000"))
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

func (h *house) accept(l net.Listener) (*Client, *events) {
	h.t.Helper()
	conn, err := l.Accept()
	if err != nil {
		h.t.Fatal(err)
	}
	e := &events{make(chan *Event, 1000)}
	return NewClient(conn, e.on), e
}

// A caller whose extension connects to a program, which works on it step by step; when the program has gone the
// extension goes on.
func TestOutboundSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		defer end()
		l := h.listen()
		defer l.Close()
		caller := agent(t, h.n, "10.0.0.3", callerConfig)
		defer caller.Close()
		ended := make(chan control.Cause, 1)
		go func() {
			c, err := caller.Dial(t.Context(), "sip:sync@10.0.0.1", dialOptions)
			if err == nil {
				<-c.Context().Done()
				err = context.Cause(c.Context())
			}
			ended <- control.CauseOf(err)
		}()
		c, events := h.accept(l)
		head, err := c.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"Event-Name": "CHANNEL_DATA", "Content-Type": "command/reply", "Reply-Text": "+OK\n", "Socket-Mode": "static",
			"Control": "single-channel", "Channel-Destination-Number": "sync", "Caller-Destination-Number": "sync", "Call-Direction": "inbound", "Answer-State": "ringing",
			"variable_sip_from_user": "caller"} {
			if head.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, head.Get(name), want)
			}
		}
		id := head.Get("Unique-ID")
		if m, err := c.Send(t.Context(), &Command{Line: "myevents"}); err != nil || m.Header.Get("Reply-Text") != "+OK Events Enabled" {
			t.Errorf("%v %v", m, err)
		}
		for _, line := range []string{"api status", "event plain ALL", "linger", "sendmsg other"} { // not without "full"
			if _, err := c.Send(t.Context(), &Command{Line: line}); err == nil {
				t.Errorf("%s is allowed", line)
			}
		}
		if err := c.Execute(t.Context(), "", "answer", ""); err != nil {
			t.Error(err)
		}
		if !h.sw.Channel(id).IsAnswered() {
			t.Error("not answered when the reply came")
		}
		start := time.Now()
		if err := c.Execute(t.Context(), id, "sleep", "2000"); err != nil {
			t.Error(err)
		}
		if d := time.Since(start).Round(100 * time.Millisecond); d != 2*time.Second {
			t.Errorf("the reply came after %v", d)
		}
		if e := events.next(t, "CHANNEL_EXECUTE_COMPLETE"); e.Header.Get("Application") != "answer" {
			t.Errorf("%+v", e)
		}
		c.Execute(t.Context(), "", "set", "a=b c")
		if m, err := c.Send(t.Context(), &Command{Line: "getvar a"}); err != nil || m.Header.Get("Reply-Text") != "b c" {
			t.Errorf("%v %v", m, err)
		}
		c.Send(t.Context(), &Command{Line: "exit"})
		if e := events.next(t, "text/disconnect-notice"); e.Header.Get("Controlled-Session-UUID") != id || e.Header.Get("Content-Disposition") != "disconnect" {
			t.Errorf("%+v", e)
		}
		<-c.Done()
		if cause := <-ended; cause != control.UserBusy {
			t.Errorf("the caller saw %v", cause)
		}
	})
}

func TestOutboundAsync(t *testing.T) {
	for _, linger := range []string{"", "linger", "linger 5"} {
		t.Run(linger, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, end := newHouse(t, Config{MaxLinger: time.Minute})
				defer end()
				l := h.listen()
				defer l.Close()
				caller := agent(t, h.n, "10.0.0.3", callerConfig)
				defer caller.Close()
				go func() {
					c, err := caller.Dial(t.Context(), "sip:async@10.0.0.1", dialOptions)
					if err == nil {
						time.Sleep(10 * time.Second)
						c.HangUp(t.Context())
					}
				}()
				c, events := h.accept(l)
				head, err := c.Connect(t.Context())
				if err != nil || head.Get("Socket-Mode") != "async" || head.Get("Control") != "full" {
					t.Fatalf("%v %v", head, err)
				}
				id := head.Get("Unique-ID")
				c.Send(t.Context(), &Command{Line: "myevents json"})
				if linger != "" {
					want := "+OK will linger"
					if linger == "linger 5" {
						want += " 5 seconds"
					}
					if m, err := c.Send(t.Context(), &Command{Line: linger}); err != nil || m.Header.Get("Reply-Text") != want {
						t.Errorf("%v %v", m, err)
					}
				}
				start := time.Now()
				for _, app := range []string{"answer", "sleep 3000", "set a=1"} {
					name, args, _ := strings.Cut(app, " ")
					c.Execute(t.Context(), "", name, args)
				}
				if d := time.Since(start); d > time.Second {
					t.Errorf("the replies took %v", d)
				}
				events.next(t, "CHANNEL_ANSWER")
				// What is locked is done in order.
				for _, want := range []string{"answer", "sleep", "set"} {
					if e := events.next(t, "CHANNEL_EXECUTE_COMPLETE"); e.Header.Get("Application") != want {
						t.Errorf("%s instead of %s", e.Header.Get("Application"), want)
					}
				}
				if text, err := c.API(t.Context(), "uuid_getvar "+id+" a"); err != nil || text != "1" {
					t.Errorf("%q %v", text, err)
				}
				events.next(t, "CHANNEL_HANGUP_COMPLETE")
				hungup := time.Now()
				notice := events.next(t, "text/disconnect-notice")
				wait := time.Duration(0)
				if linger != "" {
					secs := "-1"
					if wait = time.Minute; linger == "linger 5" {
						secs, wait = "5", 5*time.Second
					}
					if notice.Header.Get("Content-Disposition") != "linger" || notice.Header.Get("Linger-Time") != secs || notice.Header.Get("Controlled-Session-UUID") != id {
						t.Errorf("%+v", notice)
					}
					if _, err := c.API(t.Context(), "status"); err != nil { // it still answers
						t.Error(err)
					}
					notice = events.next(t, "text/disconnect-notice")
				}
				if notice.Header.Get("Content-Disposition") != "disconnect" {
					t.Errorf("%+v", notice)
				}
				<-c.Done()
				if d := time.Since(hungup).Round(time.Second); d != wait {
					t.Errorf("it lingered %v", d)
				}
			})
		})
	}
}

// A program that says nothing, or goes away, leaves the call to its extension.
func TestOutboundLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		defer end()
		caller := agent(t, h.n, "10.0.0.3", callerConfig)
		defer caller.Close()
		for _, tt := range []struct {
			name   string
			listen bool
			within time.Duration
		}{{"nobody listens", false, time.Second}, {"silence", true, 26 * time.Second}} {
			start := time.Now()
			if tt.listen {
				l := h.listen()
				defer l.Close()
				go func() {
					conn, err := l.Accept()
					if err == nil {
						defer conn.Close()
						conn.Read(make([]byte, 1))
					}
				}()
			}
			_, err := caller.Dial(t.Context(), "sip:sync@10.0.0.1", dialOptions)
			if control.CauseOf(err) != control.UserBusy || time.Since(start) > tt.within {
				t.Errorf("%s: %v after %v", tt.name, err, time.Since(start))
			}
		}
	})
}
