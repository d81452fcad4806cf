package esl

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/internal/memnet"
)

// FuzzServer has a client that has logged in say anything. The server answers, or ends the connection, and is well.
func FuzzServer(f *testing.F) {
	n := memnet.New(memnet.Config{})
	a, err := call.NewAgent(call.Config{})
	if err != nil {
		f.Fatal(err)
	}
	defer a.Close()
	sw, err := control.New(control.Config{Agent: a, Heartbeat: -1, Hostname: "box"})
	if err != nil {
		f.Fatal(err)
	}
	defer sw.Close(context.Background())
	s, err := New(Config{Switch: sw, Password: "x", MaxTasks: 10, Deny: []string{"msleep", "originate"}, Log: NewLog(nil),
		Dial: func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }})
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	l, err := n.Listen(netip.MustParseAddrPort("127.0.0.1:8021"))
	if err != nil {
		f.Fatal(err)
	}
	go s.Serve(l)
	for _, name := range s.Commands() {
		f.Add("api " + name + " a 'b c' d e\n\n")
	}
	f.Add("event plain ALL CUSTOM a\n\nfilter Event-Name +/x/i\n\nfilter delete Event-Name\n\nnixevent ALL\n\nnoevents\n\nlog 7\n\nnolog\n\n")
	f.Add("bgapi status\nJob-UUID: 1\n\nsendevent CUSTOM\nEvent-Subclass: a\nContent-Length: 2\n\nxymyevents 1 json\n\nlinger 3\n\nexit\n\n")
	f.Add("sendmsg 1\ncall-command: execute\nexecute-app-name: set\n\nconnect\n\ngetvar a\n\nresume\n\ndivert_events on\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		conn, err := n.Dial(context.Background(), netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("127.0.0.1:8021"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(200 * time.Millisecond)) // what is said may be part of a command
		read := make(chan error, 1)
		go func() {
			r := NewReader(conn)
			r.MaxHeader, r.MaxBody = 1<<24, 1<<24
			for {
				m, err := r.ReadMessage()
				if err != nil {
					read <- err
					return
				}
				if strings.HasPrefix(m.Type(), "text/event-") && m.Type() != "text/event-xml" {
					if _, err := m.Event(); err != nil {
						read <- err
						return
					}
				}
			}
		}()
		io.WriteString(conn, "auth x\n\n"+text)
		io.WriteString(conn, "\n\nexit\n\n")
		if e, ok := (<-read).(*ParseError); ok {
			t.Errorf("%q: %v", text, e)
		}
	})
}
