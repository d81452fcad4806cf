package sip

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gotelco/telco/trace"
)

// FuzzReceive gives an endpoint two datagrams, and reads what it sends: whatever comes, it answers
// with messages that parse, marks secrets within the text, and holds no more than a transaction
// for each.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(crlf(rawInvite)), []byte(crlf(variant(rawInvite, "INVITE sip", "CANCEL sip", "1 INVITE", "1 CANCEL"))))
	f.Add([]byte(crlf(rawMethod(OPTIONS))), []byte(crlf(rawMethod(ACK))))
	f.Add([]byte(benchInvite), []byte("SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest ck=\"1\", ik=2\r\n\r\n"))
	f.Add([]byte(crlf(variant(rawMethod(REGISTER), ";branch=z9hG4bKregister", ";rport;maddr=224.0.1.75"))), []byte("\r\n\r\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		s := newSink()
		s.sent = func(m []byte, _ netip.AddrPort) {
			if _, err := Parse(m); err != nil {
				t.Errorf("sent: %v\n%q", err, m)
			}
		}
		e := NewEndpoint(Config{Inline: true, Handler: HandlerFunc(answering), Timers: Timers{Trying: -1, T1: time.Hour}, Trace: func(ev trace.Event) {
			for _, span := range ev.Secrets {
				if span.Start < 0 || span.Start >= span.End || span.End > len(ev.Data) {
					t.Errorf("secret %v of %d octets", span, len(ev.Data))
				}
			}
		}})
		defer e.Close()
		flow, err := e.ServePacketConn(s, ListenConfig{})
		if err != nil {
			t.Fatal(err)
		}
		flow.Remote = netip.MustParseAddrPort("192.0.2.1:5060")
		for _, m := range [][]byte{a, b, a} {
			e.receive(flow, m)
		}
		if n := e.Stats().ServerTransactions; n > 2 {
			t.Errorf("%d transactions", n)
		}
	})
}
