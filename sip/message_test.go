package sip

import (
	"strings"
	"testing"
)

const invite = "INVITE sip:bob@example.com SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP p2.example.com;branch=z9hG4bK2, SIP/2.0/TCP [2001:db8::1]:5070;branch=z9hG4bK1;rport\r\n" +
	"v:  SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0\r\n" +
	"Route: <sip:a.example.com;lr>,\r\n <sip:b.example.com;lr>\r\n" +
	"From: \"A, B\" <sip:alice@example.com>;tag=1\r\n" +
	"t: <sip:bob@example.com>\r\n" +
	"Call-ID: 1@example.com\r\n" +
	"CSeq: 7 INVITE\r\n" +
	"Max-Forwards: 70\r\n" +
	"m: <sip:alice@192.0.2.1>\r\n" +
	"X-Odd  :   a,,;b  \r\n" +
	"c: text/plain\r\n" +
	"Content-Length:  4\r\n" +
	"\r\nbody"

func mustParse(t testing.TB, s string) *Request {
	t.Helper()
	m, err := Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return m.(*Request)
}

func TestParseAndAppend(t *testing.T) {
	r := mustParse(t, invite)
	if got := r.String(); got != invite {
		t.Errorf("untouched message changed:\n%s", got)
	}
	if err := Check(r, true); err != nil {
		t.Errorf("strict check: %v", err)
	}
	if n := r.Count("Via"); n != 3 {
		t.Errorf("%d Via values, want 3", n)
	}
	v, err := r.Via()
	if err != nil || v.Branch() != "z9hG4bK2" || v.Host != "p2.example.com" {
		t.Errorf("Via %+v, %v", v, err)
	}
	from, err := r.From()
	if err != nil || from.Display != "A, B" || from.Tag() != "1" || from.URI.User != "alice" {
		t.Errorf("From %+v, %v", from, err)
	}
}

func TestProxyHop(t *testing.T) {
	r := mustParse(t, invite)
	if !r.RemoveNth("Route", 0) {
		t.Fatal("no Route")
	}
	r.Insert("Via", 0, "SIP/2.0/UDP me;branch=z9hG4bK3")
	r.Insert("Record-Route", 0, "<sip:me;lr>")
	r.Set("Max-Forwards", "69")
	want := strings.Replace(invite, "Via: ", "Via: SIP/2.0/UDP me;branch=z9hG4bK3\r\nVia: ", 1)
	want = strings.Replace(want, "Route: <sip:a.example.com;lr>,\r\n <sip:b.example.com;lr>", "Route: <sip:b.example.com;lr>", 1)
	want = strings.Replace(want, "Forwards: 70", "Forwards: 69", 1)
	want = strings.Replace(want, "Content-Length", "Record-Route: <sip:me;lr>\r\nContent-Length", 1)
	if got := r.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestResponses(t *testing.T) {
	r := mustParse(t, invite)
	resp := NewResponse(r, 486, "")
	resp.SetToTag("z")
	want := "SIP/2.0 486 Busy Here\r\n" +
		"Via: SIP/2.0/UDP p2.example.com;branch=z9hG4bK2, SIP/2.0/TCP [2001:db8::1]:5070;branch=z9hG4bK1;rport\r\n" +
		"v:  SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0\r\n" +
		"From: \"A, B\" <sip:alice@example.com>;tag=1\r\n" +
		"t: <sip:bob@example.com>;tag=z\r\n" +
		"Call-ID: 1@example.com\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
	if got := resp.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	ack := NewACK(r, resp)
	if to, _ := ack.To(); to.Tag() != "z" || ack.Count("Via") != 1 || ack.Value("CSeq") != "7 ACK" || ack.Count("Route") != 2 {
		t.Errorf("ACK:\n%s", ack)
	}
}

func TestInjectionRefused(t *testing.T) {
	r := NewRequest(OPTIONS, "sip:a")
	r.Add("Subject", "x\r\nVia: evil")
	if _, err := r.AppendText(nil); err == nil {
		t.Error("a line end in a value was written")
	}
}

func TestFramer(t *testing.T) {
	var f Framer
	var kinds []FrameKind
	var got string
	stream := "\r\n\r\n" + invite + "\r\n" + invite
	for i := range len(stream) {
		if _, err := f.Write([]byte(stream[i : i+1])); err != nil {
			t.Fatal(err)
		}
		for {
			kind, msg, err := f.Next()
			if err != nil {
				t.Fatal(err)
			}
			if kind == NoFrame {
				break
			}
			kinds = append(kinds, kind)
			got += string(msg)
		}
	}
	if got != invite+invite || f.Buffered() != 0 {
		t.Errorf("got %q", got)
	}
	want := []FrameKind{PongFrame, PingFrame, MessageFrame, PongFrame, MessageFrame}
	if len(kinds) != len(want) {
		t.Fatalf("kinds %v, want %v", kinds, want)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Errorf("kinds %v, want %v", kinds, want)
		}
	}
}
