package sip

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// Three lines: one with the right password, one with a wrong one that is put right at run time, one whose
// server is away for an hour. And a line that the server wants later.
func TestRegistrationTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
		registrar := NewRegistrar(RegistrarConfig{Auth: newServer(t, DigestConfig{Users: Passwords(map[string]string{"alice": "wonderland", "bob": "builder"})})})
		busyUntil := time.Now().Add(2 * time.Minute)
		var rejected int
		serve := HandlerFunc(func(tx *ServerTransaction, req *Request) {
			if from, _ := req.From(); from.URI.User == "busy" && time.Now().Before(busyUntil) {
				resp := NewResponse(req, 503, "")
				resp.Set("Retry-After", "150")
				tx.Respond(resp)
				return
			}
			if strings.Contains(req.Value("Authorization"), "username=\"alice\"") {
				rejected++
			}
			registrar.ServeSIP(tx, req)
		})
		server := NewEndpoint(Config{Handler: serve, Inline: true})
		pc, err := n.ListenPacket(bobAddr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.ServePacketConn(pc, ListenConfig{}); err != nil {
			t.Fatal(err)
		}
		gateway := newUA(t, n, aliceAddr, UserAgentConfig{Address: "<sip:gateway@example.org>", Routes: []string{"<sip:192.0.2.2;lr>"}})
		var log []string
		start := time.Now()
		table := NewRegistrationTable(gateway, func(s RegistrationStatus) {
			log = append(log, fmt.Sprintf("%s %v", s.Name, s.State))
		})
		line := func(user, password string) RegisterOptions {
			return RegisterOptions{Registrar: "sip:example.org", Address: "<sip:" + user + "@example.org>", Contact: "<sip:" + user + "@192.0.2.1>",
				Auth: Password("example.org", user, password)}
		}
		set := func(name string, o RegisterOptions) {
			if err := table.Set(name, o); err != nil {
				t.Fatal(err)
			}
		}
		status := func(name string) RegistrationStatus {
			synctest.Wait()
			for _, s := range table.Status() {
				if s.Name == name {
					return s
				}
			}
			t.Fatalf("no row %s", name)
			return RegistrationStatus{}
		}
		if err := table.Set("bad", RegisterOptions{Registrar: "sip:user@example.org"}); err == nil {
			t.Error("a registrar with a user part was taken")
		}
		set("bob", line("bob", "builder"))
		set("alice", line("alice", "guess"))
		set("carol", RegisterOptions{Registrar: "sip:example.org", Send: SendOptions{Targets: []Target{{Transport: UDP, Addr: carolAddr}}}})
		busy := line("busy", "")
		busy.Auth = nil
		set("busy", busy)
		time.Sleep(time.Second)
		if s := status("bob"); s.State != Registered || s.Err != nil || time.Until(s.Expires) < 50*time.Minute {
			t.Errorf("%+v", s)
		}
		if s := status("alice"); s.State != RegistrationRejected || !errors.Is(s.Err, ErrAuthRejected) || s.Failures != 1 {
			t.Errorf("%+v", s)
		}
		if s := status("busy"); s.State != RegistrationFailed || s.Next.Sub(start) < 150*time.Second || StatusCode(s.Err) != 503 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Hour)
		if rejected != 1 {
			t.Errorf("a wrong password was tried %d times", rejected)
		}
		if s := status("carol"); s.State != RegistrationFailed || s.Failures < 4 || s.Failures > 10 || !errors.Is(s.Err, ErrTimeout) {
			t.Errorf("%+v", s)
		}
		aor, _ := ParseURI("sip:alice@example.org")
		set("alice", line("alice", "wonderland"))
		time.Sleep(time.Second)
		if s := status("alice"); s.State != Registered || len(registrar.Lookup(aor)) != 1 {
			t.Errorf("%+v", s)
		}
		// Another contact: the old binding is taken back.
		moved := line("alice", "wonderland")
		moved.Contact = "<sip:alice@192.0.2.1;line=2>"
		set("alice", moved)
		time.Sleep(time.Second)
		if bs := registrar.Lookup(aor); len(bs) != 1 || bs[0].Contact != "sip:alice@192.0.2.1;line=2" {
			t.Errorf("%+v", bs)
		}
		// The server goes away for long enough, and comes back.
		n.Block(bobAddr.Addr(), true)
		time.Sleep(55 * time.Minute)
		if s := status("bob"); s.State != RegistrationStale || s.Err == nil {
			t.Errorf("%+v", s)
		}
		n.Block(bobAddr.Addr(), false)
		time.Sleep(time.Hour)
		if s := status("bob"); s.State != Registered || s.Err != nil || s.Failures != 0 {
			t.Errorf("%+v", s)
		}
		if err := table.Remove(t.Context(), "carol"); err != nil {
			t.Error(err)
		}
		if err := table.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if bs := registrar.Lookup(aor); len(bs) != 0 || len(table.Status()) != 0 {
			t.Errorf("%+v %+v", bs, table.Status())
		}
		if err := table.Set("bob", line("bob", "builder")); err == nil {
			t.Error("a closed table took a row")
		}
		for _, want := range []string{"bob registered", "alice rejected", "carol failed", "busy failed", "bob stale", "bob removing", "carol removing"} {
			found := false
			for _, l := range log {
				found = found || l == want
			}
			if !found {
				t.Errorf("%q is not among %v", want, log)
			}
		}
		quiet(t, gateway)
		server.Close()
	})
}
