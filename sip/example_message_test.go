package sip_test

import (
	"fmt"
	"strings"

	"github.com/gotelco/telco/sip"
)

// message makes the line ends of a message those of SIP.
func message(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// show prints a message with the line ends of Go.
func show(m any) { fmt.Println(strings.TrimSpace(strings.ReplaceAll(fmt.Sprint(m), "\r", ""))) }

var invite = message(`INVITE sip:bob@biloxi.com SIP/2.0
Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds
Max-Forwards: 70
Route: <sip:p1.atlanta.com;lr>, <sip:p2.biloxi.com;lr>
To: Bob <sip:bob@biloxi.com>
From: "Alice" <sip:alice@atlanta.com>;tag=1928301774
Call-ID: a84b4c76e66710@pc33.atlanta.com
CSeq: 314159 INVITE
Contact: <sip:alice@pc33.atlanta.com>
Content-Length: 0

`)

func ExampleParse() {
	m, err := sip.Parse(invite)
	if err != nil {
		fmt.Println(err)
		return
	}
	req := m.(*sip.Request)
	from, err := req.From()
	fmt.Println(req.Method, from.Display, from.URI.User, from.Tag(), err)
	// Output: INVITE Alice alice 1928301774 <nil>
}

// A refused request is understood as far as its answer needs.
func ExampleParse_refused() {
	m, err := sip.Parse(message("OPTIONS sip:bob@biloxi.com SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nContent-Length: -9\n\n"))
	if bad, ok := err.(*sip.ParseError); ok && bad.Status != 0 {
		fmt.Println(bad)
		show(sip.NewResponse(m.(*sip.Request), bad.Status, ""))
	}
	// Output:
	// sip: Content-Length: not a number of octets (offset 88)
	// SIP/2.0 400 Bad Request
	// Via: SIP/2.0/UDP a;branch=z9hG4bK1
	// Content-Length: 0
}

// A proxy hop: what is not touched leaves byte for byte as it came.
func ExampleHeader_Insert() {
	m, _ := sip.Parse(invite)
	req := m.(*sip.Request)
	req.RemoveNth("Route", 0)
	req.Insert("Via", 0, "SIP/2.0/UDP p1.atlanta.com;branch=z9hG4bK77ef4c2312983.1")
	req.Insert("Record-Route", 0, "<sip:p1.atlanta.com;lr>")
	req.Set("Max-Forwards", "69")
	show(req)
	// Output:
	// INVITE sip:bob@biloxi.com SIP/2.0
	// Via: SIP/2.0/UDP p1.atlanta.com;branch=z9hG4bK77ef4c2312983.1
	// Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds
	// Max-Forwards: 69
	// Route: <sip:p2.biloxi.com;lr>
	// To: Bob <sip:bob@biloxi.com>
	// From: "Alice" <sip:alice@atlanta.com>;tag=1928301774
	// Call-ID: a84b4c76e66710@pc33.atlanta.com
	// CSeq: 314159 INVITE
	// Contact: <sip:alice@pc33.atlanta.com>
	// Record-Route: <sip:p1.atlanta.com;lr>
	// Content-Length: 0
}

func ExampleHeader_Values() {
	m, _ := sip.Parse(invite)
	for route := range m.Head().Values("Route") {
		fmt.Println(route)
	}
	last, _ := m.Head().Nth("Route", -1)
	fmt.Println(m.Head().Count("Route"), last)
	// Output:
	// <sip:p1.atlanta.com;lr>
	// <sip:p2.biloxi.com;lr>
	// 2 <sip:p2.biloxi.com;lr>
}

func ExampleNewResponse() {
	m, _ := sip.Parse(invite)
	resp := sip.NewResponse(m.(*sip.Request), 486, "")
	resp.SetToTag("a6c85cf")
	show(resp)
	// Output:
	// SIP/2.0 486 Busy Here
	// Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds
	// From: "Alice" <sip:alice@atlanta.com>;tag=1928301774
	// To: Bob <sip:bob@biloxi.com>;tag=a6c85cf
	// Call-ID: a84b4c76e66710@pc33.atlanta.com
	// CSeq: 314159 INVITE
	// Content-Length: 0
}

func ExamplePolicy() {
	m, _ := sip.Parse(message("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\n" +
		"From: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: 1\nCSeq: 1 OPTIONS\nRequire: nothing\nContent-Length: 0\n\n"))
	fmt.Println(sip.Check(m, false))
	policy := sip.Policy{Schemes: []string{"sip", "soap.beep"}, OptionTags: []string{"100rel", "timer"}}
	err := policy.Check(m)
	fmt.Println(err, err.(*sip.ParseError).Status)
	// Output:
	// sip: Request-URI: scheme not served
	// sip: Require: extension not supported 420
}

func ExampleURI_Equal() {
	a, _ := sip.ParseURI("sip:%61lice@atlanta.com;transport=TCP")
	b, _ := sip.ParseURI("sip:alice@AtLanTa.CoM;Transport=tcp")
	c, _ := sip.ParseURI("sip:alice@atlanta.com:5060;transport=tcp")
	fmt.Println(a.Equal(b), a.Equal(c))
	// Output: true false
}

func ExampleFramer() {
	var f sip.Framer
	f.Write([]byte("\r\n\r\n")) // a keep-alive
	f.Write(invite[:100])       // the stream cuts messages where it likes
	f.Write(invite[100:])
	for {
		kind, msg, err := f.Next()
		if kind == sip.NoFrame || err != nil {
			fmt.Println(f.Buffered(), err)
			return
		}
		fmt.Println(kind, len(msg) == len(invite))
	}
	// Output:
	// ping false
	// message true
	// 0 <nil>
}

func ExampleParseMultipart() {
	parts, err := sip.ParseMultipart(`multipart/mixed;boundary=x`,
		message("--x\nContent-Type: application/sdp\n\nv=0\n--x\nContent-Type: text/plain\n\nHello\n--x--\n"))
	for _, p := range parts {
		fmt.Printf("%s %q\n", p.ContentType(), p.Body)
	}
	fmt.Println(err)
	// Output:
	// application/sdp "v=0"
	// text/plain "Hello"
	// <nil>
}
