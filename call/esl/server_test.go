package esl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/trace"
)

const bye = "Content-Type: text/disconnect-notice\nContent-Length: 23\n\nDisconnected, goodbye.\n"

func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		defer end()
		r := h.connect()
		r.talk("", "Content-Type: auth/request\n\n")
		r.reply("api status", "-ERR command not found")
		r.reply("auth ClueCon", "+OK accepted")
		r.reply("no such thing", "-ERR command not found")
		r.reply("linger", "-ERR not controlling a session")
		r.reply("sendmsg x\ncall-command: hangup", "-ERR invalid session id [x]")
		r.api("nothing at all", "-ERR nothing Command not found!\n")
		r.talk("exit\n\n", "Content-Type: command/reply\nReply-Text: +OK bye\n\n"+bye)
		r.ended()

		r = h.connect()
		r.talk("", "Content-Type: auth/request\n\n")
		r.talk("userauth 1000@box:x\n\n", "Content-Type: command/reply\nReply-Text: -ERR invalid: userauth is not supported, use auth\n\n"+bye)
		r.ended()

		// Nobody waits for a password for ever.
		r = h.connect()
		start := time.Now()
		r.talk("", "Content-Type: auth/request\n\n")
		if _, err := r.r.ReadByte(); err != io.EOF {
			t.Errorf("the end is %v", err)
		}
		if d := time.Since(start).Round(time.Second); d != 25*time.Second {
			t.Errorf("a silent client was cut after %v", d)
		}
	})
}

func TestWrongPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{Tries: 3, Window: time.Minute, FailDelay: time.Second})
		defer end()
		start := time.Now()
		rs := []*raw{h.connect(), h.connect(), h.connect(), h.connect()} // all at once
		for _, r := range rs {
			r.talk("", "Content-Type: auth/request\n\n")
			fmt.Fprint(r.conn, "auth wrong\n\n")
		}
		for _, r := range rs {
			r.talk("", "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n"+bye)
			r.ended()
		}
		if d := time.Since(start).Round(100 * time.Millisecond); d != time.Second {
			t.Errorf("four wrong passwords took %v", d)
		}
		r := h.connect()
		r.talk("", "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n")
		r.ended()
		time.Sleep(time.Minute)
		for range 5 { // what is right is no try
			h.login().conn.Close()
		}
		time.Sleep(time.Second)
		if st := h.server.Stats(); st.Clients != 0 || st.Refused != 5 {
			t.Errorf("%+v", st)
		}
	})
}

func TestACL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
		defer end()
		r := h.connect()
		r.talk("", "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n")
		r.ended()
	})
	g := newGuard(loopback, 1, time.Minute)
	for addr, want := range map[string]bool{"127.0.0.1": true, "127.1.2.3": true, "::1": true, "::ffff:127.0.0.1": true, "10.0.0.1": false, "fe80::1%eth0": false} {
		if g.allowed(netip.MustParseAddr(addr)) != want {
			t.Errorf("%s", addr)
		}
	}
	if g.allowed(netip.Addr{}) {
		t.Error("no address is allowed")
	}
	for i := range 2 * maxSuspects {
		g.try(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if len(g.seen) > maxSuspects {
		t.Errorf("%d suspects", len(g.seen))
	}
}

// FreeSWITCH's own replies, as its source has them.
func TestSubscriptionReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		defer end()
		r := h.login()
		r.reply("noevents", "-ERR not listening for events")
		r.reply("event plain", "-ERR no keywords supplied")
		r.reply("event plain NO_SUCH", "-ERR no keywords supplied")
		r.reply("event plain heartbeat CHANNEL_ANSWER", "+OK event listener enabled plain")
		r.reply("EVENT json CUSTOM a::b c::d", "+OK event listener enabled json")
		r.reply("events ALL", "+OK event listener enabled json")
		r.reply("nixevent HEARTBEAT", "+OK events nixed")
		r.reply("nixevent", "-ERR no keywords supplied")
		r.reply("noevents", "+OK no longer listening for events")
		r.reply("filter", "-ERR invalid syntax")
		r.reply("filter Event-Name", "-ERR invalid syntax")
		r.reply("filter Event-Name HEARTBEAT", "+OK filter added. [Event-Name]=[HEARTBEAT]")
		r.reply("filter add Unique-ID /^a(/", "-ERR invalid regular expression")
		r.reply("filter delete Event-Name HEARTBEAT", "+OK filter deleted. [Event-Name][HEARTBEAT]")
		r.reply("filter delete all", "+OK filter deleted. [all][]")
		r.reply("divert_events on", "-ERR not controlling a session.")
		r.reply("myevents 1-2-3", "-ERR invalid uuid")
		r.reply("log info", "+OK log level info [6]")
		r.reply("log", "+OK log level  [7]")
		r.reply("log none", "-ERR invalid log level")
		r.reply("nolog", "+OK no longer logging")
		r.reply("nolog", "-ERR not loging")
		// CR LF, as some clients have it.
		r.talk("event plain ALL\r\n\r\n", "Content-Type: command/reply\nReply-Text: +OK event listener enabled plain\n\n")
	})
}

func TestSubscription(t *testing.T) {
	ev := func(name, subclass, uuid string, fields ...control.Field) *control.Event {
		return &control.Event{Name: name, Subclass: subclass, UUID: uuid, Fields: append([]control.Field{{Name: "Event-Name", Value: name}}, fields...)}
	}
	f := func(name, value string) control.Field { return control.Field{Name: name, Value: value} }
	for _, tt := range []struct {
		name     string
		commands []string
		mine     string
		yes, no  []*control.Event
	}{
		{"nothing", nil, "", nil, []*control.Event{ev("HEARTBEAT", "", "")}},
		{"names", []string{"event HEARTBEAT DTMF"}, "", []*control.Event{ev("HEARTBEAT", "", ""), ev("DTMF", "", "1")}, []*control.Event{ev("API", "", "")}},
		{"all", []string{"event all"}, "", []*control.Event{ev("HEARTBEAT", "", ""), ev("CUSTOM", "x", "")}, nil},
		{"custom", []string{"event CUSTOM a b"}, "", []*control.Event{ev("CUSTOM", "a", ""), ev("CUSTOM", "", "")}, []*control.Event{ev("CUSTOM", "c", "")}},
		{"less", []string{"event ALL", "nix HEARTBEAT"}, "", []*control.Event{ev("API", "", "")}, []*control.Event{ev("HEARTBEAT", "", "")}},
		{"no subclass", []string{"event CUSTOM a b", "nix CUSTOM a"}, "", []*control.Event{ev("CUSTOM", "b", "")}, []*control.Event{ev("CUSTOM", "a", "")}},
		{"filter", []string{"event ALL", "filter Unique-ID 1", "filter Unique-ID 2"}, "",
			[]*control.Event{ev("API", "", "1", f("Unique-ID", "1")), ev("API", "", "2", f("Unique-ID", "2"))},
			[]*control.Event{ev("API", "", "3", f("Unique-ID", "3")), ev("API", "", "")}},
		{"not", []string{"event ALL", "filter Unique-ID 1", "filter Event-Name -API"}, "", []*control.Event{ev("DTMF", "", "1", f("unique-id", "1"))},
			[]*control.Event{ev("API", "", "1", f("Unique-ID", "1"))}},
		{"expression", []string{"event ALL", "filter Caller-Number /^49[0-9]+$/"}, "", []*control.Event{ev("API", "", "", f("Caller-Number", "491"))},
			[]*control.Event{ev("API", "", "", f("Caller-Number", "4x"))}},
		{"mine", []string{"event ALL"}, "7", []*control.Event{ev("API", "", "7"), ev("BACKGROUND_JOB", "", "", f("Job-Owner-UUID", "7"))},
			[]*control.Event{ev("API", "", "8"), ev("API", "", "")}},
	} {
		var s subscription
		s.mine = tt.mine
		for _, c := range tt.commands {
			what, args, _ := strings.Cut(c, " ")
			if what == "filter" {
				s.filter(args)
			} else {
				s.event(strings.Fields(args), what == "event")
			}
		}
		for _, e := range tt.yes {
			if !s.wants(e) {
				t.Errorf("%s: %v is not wanted", tt.name, e.Fields)
			}
		}
		for _, e := range tt.no {
			if s.wants(e) {
				t.Errorf("%s: %v is wanted", tt.name, e.Fields)
			}
		}
	}
}

func TestSendEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{OnEvent: func(_ context.Context, e *control.Event) error {
			if e.Name == "SEND_MESSAGE" && e.Field("user") == "" {
				return errors.New("no user")
			}
			return nil
		}})
		defer end()
		c, events := h.client()
		defer c.Close()
		ctx := t.Context()
		if _, err := c.Send(ctx, &Command{Line: "event json CUSTOM my::thing SEND_MESSAGE"}); err == nil {
			t.Log("SEND_MESSAGE is a subclass there")
		}
		m, err := c.Send(ctx, &Command{Line: "sendevent CUSTOM", Header: header("Event-Subclass", "my::thing", "x", "1"), Body: []byte("hello")})
		if err != nil {
			t.Fatal(err)
		}
		e := events.next(t, "CUSTOM")
		if e.Header.Get("Event-Subclass") != "my::thing" || e.Header.Get("x") != "1" || e.Body != "hello" || "+OK "+e.Header.Get("Event-UUID") != m.Header.Get("Reply-Text") {
			t.Errorf("%+v after %v", e, m.Header)
		}
		var refused *ReplyError
		if _, err := c.Send(ctx, &Command{Line: "sendevent SEND_MESSAGE"}); !errors.As(err, &refused) || refused.Text != "-ERR no user" {
			t.Errorf("%v", err)
		}
	})
}

// A server that does not read holds up nobody for longer than they want to wait.
func TestClientToDeafServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c := NewClient(ours, nil)
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := c.Send(ctx, &Command{Line: "api status"}); err == nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if _, err := c.Send(ctx, &Command{Line: "api status"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// Messages within calls are sent by the server itself; the other end of a call to ourselves tells of them.
func TestSendInDialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{OnEvent: func(context.Context, *control.Event) error { return errors.New("not ours") }})
		defer end()
		c, events := h.client()
		defer c.Close()
		c.Send(t.Context(), &Command{Line: "event plain RECV_INFO MESSAGE"})
		id := h.must(c, "originate loopback/answer &park")
		check := func(name, kind, body string) {
			t.Helper()
			e := events.next(t, name)
			if got := e.Header.Get("SIP-Content-Type") + e.Header.Get("type"); got != kind || e.Body != body || e.Header.Get("Unique-ID") == id {
				t.Errorf("%s: %q %q, want %q %q", name, got, e.Body, kind, body)
			}
		}
		for name, want := range map[string]string{"SEND_INFO": "RECV_INFO", "SEND_MESSAGE": "MESSAGE"} {
			if _, err := c.Send(t.Context(), &Command{Line: "sendevent " + name, Header: header("uuid", id, "content-type", "application/x-y"), Body: []byte("a\nb")}); err != nil {
				t.Error(err)
			}
			check(want, "application/x-y", "a\nb")
		}
		h.must(c, "uuid_send_info "+id+" application x-z some text")
		check("RECV_INFO", "application/x-z", "some text")
		h.must(c, "uuid_send_message "+id+" some text")
		check("MESSAGE", "text/plain", "some text")
		if _, err := c.Send(t.Context(), &Command{Line: "sendevent SEND_INFO", Header: header("uuid", "x")}); err == nil {
			t.Error("sent to nobody")
		}
		if _, err := c.API(t.Context(), "uuid_send_info "+control.NewUUID()+" x"); err == nil {
			t.Error("sent to nobody")
		}
	})
}

func TestTextMessageOf(t *testing.T) {
	for _, tt := range []struct {
		name, subclass string
		fields         Header
		want           TextMessage
		ok             bool
	}{
		{"SEND_MESSAGE", "", header("profile", "internal", "user", "1000", "host", "example.org", "content-type", "text/html"), TextMessage{To: "1000@example.org", ContentType: "text/html", Body: "hi"}, true},
		{"SEND_MESSAGE", "", header("uuid", "1", "user", "1000"), TextMessage{}, false},
		{"CUSTOM", "SMS::SEND_MESSAGE", header("proto", "sip", "from", "<a@example.org>", "to", "b@example.org", "subject", "s"), TextMessage{From: "a@example.org", To: "b@example.org", Subject: "s", ContentType: "text/plain", Body: "hi"}, true},
		{"CUSTOM", "other", header("to", "b@example.org"), TextMessage{}, false},
	} {
		got, ok := TextMessageOf(&control.Event{Name: tt.name, Subclass: tt.subclass, Fields: tt.fields, Body: "hi"})
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s %v: %+v %v", tt.name, tt.fields, got, ok)
		}
	}
}

// What a command brings about is told after its answer, however quick it is.
func TestAnswerBeforeEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		defer end()
		r := h.login()
		r.reply("event plain BACKGROUND_JOB", "+OK event listener enabled plain")
		defer r.conn.Close()
		read := NewReader(r.r)
		for i := range 300 {
			id := strconv.Itoa(i)
			io.WriteString(r.conn, "bgapi echo x\nJob-UUID: "+id+"\n\n")
			for _, want := range []string{"command/reply", "text/event-plain"} {
				if m, err := read.ReadMessage(); err != nil || m.Type() != want {
					t.Fatalf("job %d: %v %v, want %s", i, m, err, want)
				}
			}
		}
	})
}

// What clients must not do they cannot have a channel do either.
func TestDeniedByChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{Deny: []string{"hupall", "toupper"}})
		defer end()
		c, _ := h.client()
		defer c.Close()
		id := h.must(c, "originate {api_hangup_hook='hupall',api_on_answer='hupall'}"+phoneURL+" &park")
		other := h.must(c, "originate "+phoneURL+" &park")
		if got := h.must(c, "eval ${tolower(X)}${toupper(x)}"); got != "x-ERR esl: denied: toupper" {
			t.Errorf("%q", got)
		}
		h.must(c, "uuid_kill "+id)
		time.Sleep(time.Second)
		if h.must(c, "uuid_exists "+other) != "true" {
			t.Error("the other call has ended too")
		}
	})
}

// A client that doesn't read: nobody waits for it, what it misses is counted, and it is cut.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{Queue: 100, MaxLost: 50, WriteTimeout: 10 * time.Second})
		defer end()
		r := h.login()
		r.reply("event plain ALL", "+OK event listener enabled plain")
		good, events := h.client()
		defer good.Close()
		good.Send(t.Context(), &Command{Line: "event plain GENERAL"})
		big := strings.Repeat("x", 100<<10)
		fire := func(n int) {
			for range n {
				e := h.sw.NewEvent("GENERAL", "")
				e.Body = big
				h.sw.Emit(e)
				events.next(t, "GENERAL")
			}
		}
		start := time.Now()
		fire(400)
		synctest.Wait()
		if d := time.Since(start); d > time.Second {
			t.Errorf("others waited %v", d)
		}
		st := h.server.Stats()
		if st.Clients != 1 || st.Lost < 50 || st.Lost > 60 {
			t.Errorf("%+v", st)
		}
		// One with room in its queue is cut for not reading.
		r = h.login()
		r.reply("event plain GENERAL", "+OK event listener enabled plain")
		fire(50)
		time.Sleep(9 * time.Second)
		if st := h.server.Stats(); st.Clients != 2 {
			t.Errorf("cut early: %+v", st)
		}
		time.Sleep(2 * time.Second)
		if st := h.server.Stats(); st.Clients != 1 {
			t.Errorf("not cut: %+v", st)
		}
	})
}

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept strings.Builder
		log := NewLog(slog.NewTextHandler(&kept, &slog.HandlerOptions{Level: slog.LevelWarn}))
		h, end := newHouse(t, Config{Log: log})
		defer end()
		logger := slog.New(log).With("part", "x").WithGroup("g")
		if logger.Enabled(t.Context(), slog.LevelInfo) {
			t.Error("somebody listens")
		}
		c, events := h.client()
		defer c.Close()
		c.Send(t.Context(), &Command{Line: "log info"})
		logger.Debug("no")
		logger.Info("hello", "uuid", "1-2", "text", "a b")
		var got *Message
		_ = got
		e := events.next(t, "log/data")
		if e.Header.Get("Log-Level") != "6" || e.Header.Get("User-Data") != "1-2" || e.Header.Get("Log-File") != "server_test.go" || e.Header.Get("Log-Line") == "0" {
			t.Errorf("%+v", e)
		}
		logger.Warn("kept")
		c.Send(t.Context(), &Command{Line: "nolog"})
		if logger.Enabled(t.Context(), slog.LevelInfo) || !strings.Contains(kept.String(), "kept") || strings.Contains(kept.String(), "hello") {
			t.Errorf("%s", kept.String())
		}
	})
}

// What is on the wire is traced, but for passwords.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []string
		h, end := newHouse(t, Config{Trace: func(e trace.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Proto != trace.ESL || e.Local != eslA || e.Remote.Addr() != here.Addr() {
				t.Errorf("%+v", e)
			}
			seen = append(seen, e.Dir.String()+" "+string(trace.Redacted(e.Data, e.Secrets)))
		}})
		defer end()
		r := h.connect()
		r.talk("", "Content-Type: auth/request\n\n")
		r.reply("\n\nauth ClueCon", "+OK accepted")
		r.talk("api create_uuid\nContent-Length: 2\n\nxy", "Content-Type: api/response\nContent-Length: 36\n\n")
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]string{"sent Content-Type: auth/request\n\n", "received \n\nauth xxxxxxx\n\n",
			"sent Content-Type: command/reply\nReply-Text: +OK accepted\n\n", "received api create_uuid\nContent-Length: 2\n\nxy"}, seen[:min(4, len(seen))]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestServeAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		r := h.login()
		end()
		l, err := h.n.Listen(netip.MustParseAddrPort("127.0.0.1:9999"))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.server.Serve(l); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		b, _ := io.ReadAll(r.r)
		if want := "Content-Type: text/disconnect-notice\nContent-Length: 31\n\nThe system is being shut down.\n"; string(b) != want {
			t.Errorf("%q", b)
		}
	})
}
