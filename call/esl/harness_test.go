package esl

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// house is a switch with its server, and phones that answer, on a network in memory.
type house struct {
	t      *testing.T
	n      *memnet.Network
	sw     *control.Switch
	server *Server
}

var (
	here = netip.MustParseAddrPort("127.0.0.1:0")
	eslA = netip.MustParseAddrPort("127.0.0.1:8021")
)

func agent(t *testing.T, n *memnet.Network, host string, cfg call.Config) *call.Agent {
	t.Helper()
	a := netip.MustParseAddr(host)
	cfg.Address, cfg.Ports = a, [2]uint16{4000, 4999}
	cfg.ListenPacket = func(a netip.AddrPort) (net.PacketConn, error) { return n.ListenPacket(a) }
	agent, err := call.NewAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := n.ListenPacket(netip.AddrPortFrom(a, 5060))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := agent.UserAgent().Endpoint().ServePacketConn(conn, sip.ListenConfig{}); err != nil {
		t.Fatal(err)
	}
	return agent
}

// newHouse makes a switch at 10.0.0.1, and a phone at 10.0.0.2 that answers after a second, or refuses as "busy". For
// use within a bubble; the function ends everything.
func newHouse(t *testing.T, cfg Config) (*house, func()) {
	t.Helper()
	h := &house{t: t, n: memnet.New(memnet.Config{Latency: time.Millisecond})}
	var sw *control.Switch
	a := agent(t, h.n, "10.0.0.1", call.Config{OnCall: func(c *call.Call) { sw.Serve(c) }, SIP: sip.UserAgentConfig{Address: "<sip:switch@10.0.0.1>"}})
	phone := agent(t, h.n, "10.0.0.2", call.Config{SIP: sip.UserAgentConfig{Address: "<sip:phone@10.0.0.2>"}, OnCall: func(c *call.Call) {
		if u, _ := c.Request().URI(); u.User == "busy" {
			c.Refuse(486, "")
			return
		}
		c.Ring()
		time.Sleep(time.Second)
		if c.Answer(context.Background()) == nil {
			<-c.Context().Done()
		}
	}})
	var err error
	sw, err = control.New(control.Config{Agent: a, Heartbeat: -1, Hostname: "box", Recordings: t.TempDir(), Sounds: t.TempDir(), Logger: cfg.Logger,
		Dialplan: func(_ context.Context, _ *control.Channel, ext control.Extension) ([]control.Action, error) {
			switch ext.Number {
			case "sync":
				return []control.Action{{App: "socket", Args: "127.0.0.1:9000"}, {App: "hangup", Args: "USER_BUSY"}}, nil
			case "async":
				return []control.Action{{App: "socket", Args: "127.0.0.1:9000 async full"}}, nil
			case "answer":
				return []control.Action{{App: "answer"}, {App: "park"}}, nil
			}
			return nil, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	h.sw = sw
	cfg.Switch = sw
	if cfg.Password == "" {
		cfg.Password = "ClueCon"
	}
	cfg.Dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
		return h.n.Dial(ctx, here, netip.MustParseAddrPort(addr))
	}
	h.server, err = New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := h.n.Listen(eslA)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- h.server.Serve(l) }()
	return h, func() {
		h.server.Close()
		if err := <-served; err == nil {
			t.Error("Serve returned nil")
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := sw.Close(ctx); err != nil {
			t.Error(err)
		}
		a.Close()
		phone.Close()
	}
}

// raw is a client that looks at octets.
type raw struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (h *house) connect() *raw {
	h.t.Helper()
	conn, err := h.n.Dial(context.Background(), here, eslA)
	if err != nil {
		h.t.Fatal(err)
	}
	return &raw{h.t, conn, bufio.NewReader(conn)}
}

// login is connect with the password.
func (h *house) login() *raw {
	h.t.Helper()
	r := h.connect()
	r.talk("", "Content-Type: auth/request\n\n")
	r.talk("auth ClueCon\n\n", "Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
	return r
}

// talk sends something and wants exactly these octets next.
func (r *raw) talk(send, want string) {
	r.t.Helper()
	if send != "" {
		if _, err := io.WriteString(r.conn, send); err != nil {
			r.t.Fatalf("%q: %v", send, err)
		}
	}
	got := make([]byte, len(want))
	r.conn.SetReadDeadline(time.Now().Add(time.Minute))
	n, err := io.ReadFull(r.r, got)
	if err != nil || string(got) != want {
		r.t.Fatalf("%q got %q (%v), want %q", send, got[:n], err, want)
	}
}

// reply is talk with a command/reply.
func (r *raw) reply(send, want string) {
	r.t.Helper()
	r.talk(send+"\n\n", "Content-Type: command/reply\nReply-Text: "+want+"\n\n")
}

// api is talk with an api/response.
func (r *raw) api(send, want string) {
	r.t.Helper()
	r.talk("api "+send+"\n\n", "Content-Type: api/response\nContent-Length: "+strconv.Itoa(len(want))+"\n\n"+want)
}

// ended wants the end of the connection.
func (r *raw) ended() {
	r.t.Helper()
	r.conn.SetReadDeadline(time.Now().Add(time.Minute))
	if b, err := io.ReadAll(r.r); err != nil || len(b) > 0 {
		r.t.Errorf("%q and %v instead of the end", b, err)
	}
}

// header makes a Header of names and values.
func header(pairs ...string) (h Header) {
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// events keeps what a Client hears.
type events struct{ all chan *Event }

func (e *events) on(m *Message) {
	if ev, err := m.Event(); err == nil {
		e.all <- ev
	} else {
		e.all <- &Event{Header: m.Header}
	}
}

// next waits for an event of that name, or a message of that type.
func (e *events) next(t *testing.T, name string) *Event {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case ev := <-e.all:
			if ev.Name() == name || ev.Header.Get("Content-Type") == name {
				return ev
			}
		case <-timeout:
			t.Fatalf("no %s", name)
		}
	}
}

// client is a Client of the house that has logged in.
func (h *house) client() (*Client, *events) {
	h.t.Helper()
	conn, err := h.n.Dial(context.Background(), here, eslA)
	if err != nil {
		h.t.Fatal(err)
	}
	e := &events{make(chan *Event, 1000)}
	c := NewClient(conn, e.on)
	<-c.auth
	if _, err := c.Send(h.t.Context(), &Command{Line: "auth ClueCon"}); err != nil {
		h.t.Fatal(err)
	}
	return c, e
}

// must carries out an API command.
func (h *house) must(c *Client, line string) string {
	h.t.Helper()
	text, err := c.API(h.t.Context(), line)
	if err != nil {
		h.t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimPrefix(strings.TrimSpace(text), "+OK ")
}

var (
	callerConfig = call.Config{SIP: sip.UserAgentConfig{Address: "<sip:caller@10.0.0.3>"}}
	dialOptions  = call.DialOptions{}
)
