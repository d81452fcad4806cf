package as_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// A request that says that it belongs to a dialog is not passed on for that: the server knows its own dialogs, and those of the calls
// that it let go on by its Record-Route.
func TestStrangerInDialog(t *testing.T) {
	s, err := as.New(as.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	f, err := s.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	victim, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer victim.Close()
	conn, err := net.Dial("udp", f.Local.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i, method := range []string{"MESSAGE", "INVITE", "BYE", "OPTIONS", "REGISTER", "INFO"} {
		route := ""
		if i%2 == 1 { // what the server's own Record-Route looks like
			route = "Route: <sip:fwd@" + f.Local.String() + ";k=00112233445566778899;lr>, <sip:" + victim.LocalAddr().String() + ";lr>\r\n"
		}
		text := strings.NewReplacer("METHOD", method, "VICTIM", victim.LocalAddr().String(), "ME", conn.LocalAddr().String()).Replace("METHOD sip:x@VICTIM SIP/2.0\r\nVia: SIP/2.0/UDP ME;branch=z9hG4bKMETHOD\r\n" +
			"From: <sip:stranger@ME>;tag=1\r\nTo: <sip:x@VICTIM>;tag=2\r\nCall-ID: METHOD\r\nCSeq: 1 METHOD\r\nContact: <sip:ME>\r\nMax-Forwards: 70\r\n" + route + "Content-Length: 0\r\n\r\n")
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		b := make([]byte, 4000)
		for status := ""; ; {
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("%s: %v", method, err)
			}
			if status, _, _ = strings.Cut(string(b[:n]), "\r\n"); strings.HasPrefix(status, "SIP/2.0 1") {
				continue
			}
			if !strings.HasPrefix(status, "SIP/2.0 481 ") {
				t.Errorf("%s: %s", method, status)
			}
			break
		}
	}
	victim.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	b := make([]byte, 4000)
	if n, _, err := victim.ReadFrom(b); err == nil {
		t.Errorf("passed on: %s", b[:n])
	}
}
