package sip

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// verdict parses and checks a message and says what became of it: "accept" or "LAYER STATUS FIELD".
func verdict(b []byte, p Policy) (Message, string) {
	m, err := Parser{Strict: p.Strict}.Parse(b)
	if err == nil {
		err = p.Check(m)
	}
	if err == nil {
		return m, "accept"
	}
	var e *ParseError
	if !errors.As(err, &e) {
		return m, "not a ParseError: " + err.Error()
	}
	return m, fmt.Sprintf("%v %d %s", e.Layer, e.Status, e.Field)
}

// tortureTest is one message of RFC 4475 or RFC 5118. strict is "" where it is the same as
// lenient.
type tortureTest struct {
	section, file   string
	lenient, strict string
	check           func(t *testing.T, m Message) // what was understood, of messages that are accepted
}

// want makes a check of values: pairs of what and its value.
func want(pairs ...any) func(*testing.T, Message) {
	return func(t *testing.T, m Message) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			got, want := fmt.Sprint(pairs[i].(func(Message) any)(m)), fmt.Sprint(pairs[i+1])
			if got != want {
				t.Errorf("value %d: got %q, want %q", i/2, got, want)
			}
		}
	}
}

func value(name string, n int) func(Message) any {
	return func(m Message) any { v, _ := m.Head().Nth(name, n); return v }
}

func count(name string) func(Message) any {
	return func(m Message) any { return m.Head().Count(name) }
}

func try[T any](v T, err error) any {
	if err != nil {
		return err
	}
	return v
}

var (
	method = func(m Message) any { return m.(*Request).Method }
	ruri   = func(m Message) any { return m.(*Request).RequestURI }
	reason = func(m Message) any { return m.(*Response).Reason }
	cseq   = func(m Message) any { return try(m.Head().CSeq()) }
	from   = func(m Message) any { return try(m.Head().From()) }
	to     = func(m Message) any { return try(m.Head().To()) }
	toTag  = func(m Message) any { a, err := m.Head().To(); return try(a.Tag(), err) }
	body   = func(m Message) any { return len(m.Content()) }
	maxFwd = func(m Message) any { n, _, err := m.Head().MaxForwards(); return try(n, err) }
)

func via(n int, f func(Via) any) func(Message) any {
	return func(m Message) any {
		for v, err := range m.Head().Vias() {
			if n--; n < 0 {
				return try(f(v), err)
			}
		}
		return "no such Via"
	}
}

func contact(n int, f func(Address) any) func(Message) any {
	return func(m Message) any {
		for a, err := range m.Head().Contacts() {
			if n--; n < 0 {
				return try(f(a), err)
			}
		}
		return "no such Contact"
	}
}

func requestURI(f func(URI) any) func(Message) any {
	return func(m Message) any { u, err := m.(*Request).URI(); return try(f(u), err) }
}

var (
	branch  = func(v Via) any { return v.Branch() }
	sentBy  = func(v Via) any { return v.Transport + " " + v.SentBy() }
	uriUser = func(a Address) any { return fmt.Sprintf("%q", Unescape(a.URI.User)) }
)

var rfc4475 = []tortureTest{
	{"3.1.1.1", "wsinv.dat", "accept", "", want(
		toTag, "1918181833n", from, `"J Rosenberg \\\"" <sip:jdrosen@example.com>;tag=98asjd8`,
		cseq, "9 INVITE", maxFwd, 68, count("Via"), 3, value("Subject", 0), "",
		via(0, sentBy), "UDP 192.0.2.2", via(0, branch), "390skdjuw",
		via(1, sentBy), "TCP spindle.example.com", via(1, branch), "z9hG4bK9ikj8",
		via(2, sentBy), "UDP 192.168.255.111", via(2, branch), "z9hG4bK30239",
		value("NewFangledHeader", 0), "newfangled value continued newfangled value",
		value("UnknownHeaderWithUnusualValue", 0), ";;,,;;,;", count("UnknownHeaderWithUnusualValue"), 1,
		contact(0, func(a Address) any { return []any{a.Display, a.URI, a.Q(), a.Params.Len()} }),
		`[Quoted string "" sip:jdrosen@example.com 330 3]`,
		func(m Message) any {
			for r, err := range m.Head().Routes() {
				v, _ := r.URI.Params.Value("unknownwith")
				return []any{try(r.URI, err), r.URI.LR(), v, r.URI.Params.Has("unknown-no-value")}
			}
			return nil
		}, "[sip:services.example.com;lr;unknownwith=value;unknown-no-value true value true]",
		body, 150)},
	{"3.1.1.2", "intmeth.dat", "accept", "", want(
		method, "!interesting-Method0123456789_*+`.%indeed'~",
		cseq, "139122385 !interesting-Method0123456789_*+`.%indeed'~",
		requestURI(func(u URI) any { return []string{u.User, u.Password, u.Host} }),
		"[1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;* &it+has=1,weird!*pas$wo~d_too.(doesn't-it) example.com]",
		func(m Message) any { a, err := m.Head().To(); return try(a.Display, err) }, "BEL:\a NUL:\x00 DEL:\x7f",
		func(m Message) any { a, err := m.Head().From(); return try(a.Display, err) }, "token1~` token2'+_ token3*%!.-",
		func(m Message) any {
			a, err := m.Head().From()
			v, _ := a.Params.Value("fromParam''~+*_!.-%")
			return try(v, err)
		}, "работающий",
		func(m Message) any { a, err := m.Head().From(); return try(a.Tag(), err) }, "_token~1'+`*%!-.",
		func(m Message) any { return m.Head().CallID() }, "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
		via(0, branch), "z9hG4bK-.!%66*_+`'~", maxFwd, 255,
		value("extensionHeader-!.%*+_`'~", 0), "\ufeff大停電")},
	{"3.1.1.3", "esc01.dat", "accept", "", want(
		requestURI(func(u URI) any { return []string{Unescape(u.User), u.Host} }), "[sips:user@example.com example.net]",
		func(m Message) any { a, err := m.Head().To(); return try(uriUser(a), err) }, `"user"`,
		func(m Message) any { a, err := m.Head().From(); return try(uriUser(a), err) }, `"I have spaces"`,
		contact(0, uriUser), `"caller"`,
		contact(0, func(a Address) any {
			v, _ := a.URI.Params.Value("n%61me")
			return []any{a.URI.Params.Has("%6C%72"), Unescape(v)}
		}), "[true value%41]")},
	{"3.1.1.4", "escnull.dat", "accept", "", want(
		func(m Message) any { a, err := m.Head().To(); return try(uriUser(a), err) }, `"null-\x00-null"`,
		count("Contact"), 2, contact(0, uriUser), `"\x00"`, contact(1, uriUser), `"\x00\x00"`)},
	{"3.1.1.5", "esc02.dat", "accept", "", want(
		method, "RE%47IST%45R", count("Contact"), 2,
		func(m Message) any { a, err := m.Head().To(); return try(a.Display, err) }, "%Z%45",
		value("C%6Fntact", 0), "<sip:alias2@host2.example.com>")},
	{"3.1.1.6", "lwsdisp.dat", "accept", "", want(
		func(m Message) any { a, err := m.Head().From(); return try(a.Display, err) }, "caller")},
	{"3.1.1.7", "longreq.dat", "accept", "", want(
		method, "INVITE", count("Via"), 34, maxFwd, 70,
		func(m Message) any { a, err := m.Head().From(); return try(a.Tag(), err) },
		"12"+strings.Repeat("982", 50)+"424",
		func(m Message) any { return m.Head().CallID() }, "longreq.one"+strings.Repeat("really", 20)+"longcallid", body, 150)},
	{"3.1.1.8", "dblreq.dat", "accept", "", want(method, "REGISTER", body, 0)},
	{"3.1.1.9", "semiuri.dat", "accept", "", want(
		requestURI(func(u URI) any { return []any{u.User, u.Params.Len(), u.Host} }), "[user;par=u%40example.net 0 example.com]")},
	{"3.1.1.10", "transports.dat", "accept", "", want(
		count("Via"), 5, via(0, sentBy), "UDP t1.example.com", via(1, sentBy), "SCTP t2.example.com",
		via(2, sentBy), "TLS t3.example.com", via(3, sentBy), "UNKNOWN t4.example.com", via(4, sentBy), "TCP t5.example.com")},
	{"3.1.1.11", "mpart01.dat", "accept", "", func(t *testing.T, m Message) {
		parts, err := ParseMultipart(m.Head().ContentType(), m.Content())
		if err != nil || len(parts) != 2 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		if string(parts[0].Body) != "Hello" || parts[0].ContentType() != "text/plain" {
			t.Errorf("first part %q %q", parts[0].ContentType(), parts[0].Body)
		}
		if parts[1].ContentType() != "application/octet-stream" || len(parts[1].Body) == 0 || parts[1].Body[0] != 0x30 {
			t.Errorf("second part %q %x", parts[1].ContentType(), parts[1].Body[:min(8, len(parts[1].Body))])
		}
		if b, ok := FindBody(m, "text/plain"); !ok || string(b) != "Hello" {
			t.Errorf("FindBody: %q %v", b, ok)
		}
	}},
	{"3.1.1.12", "unreason.dat", "accept", "", want(
		reason, "= 2**3 * 5**2 но сто девяносто девять - простое")},
	{"3.1.1.13", "noreason.dat", "accept", "", want(
		func(m Message) any { return m.(*Response).StatusCode }, 100, reason, "")},

	{"3.1.2.1", "badinv01.dat", "header 400 Via", "", nil},
	{"3.1.2.2", "clerr.dat", "syntax 400 Content-Length", "", nil},
	{"3.1.2.3", "ncl.dat", "syntax 400 Content-Length", "", nil},
	{"3.1.2.4", "scalar02.dat", "header 400 CSeq", "", nil},
	{"3.1.2.5", "scalarlg.dat", "header 0 CSeq", "", nil}, // a response is dropped
	{"3.1.2.6", "quotbal.dat", "header 400 To", "", nil},
	{"3.1.2.7", "ltgtruri.dat", "syntax 400 Request-URI", "", nil},
	{"3.1.2.8", "lwsruri.dat", "syntax 400 Request-URI", "", nil},
	{"3.1.2.9", "lwsstart.dat", "accept", "syntax 400 Request-URI", want(
		func(m Message) any { l, _, _ := strings.Cut(m.String(), "\r\n"); return l }, "INVITE sip:user@example.com SIP/2.0")},
	{"3.1.2.10", "trws.dat", "accept", "syntax 400 start line", want(
		func(m Message) any { l, _, _ := strings.Cut(m.String(), "\r\n"); return l }, "OPTIONS sip:remote-target@example.com SIP/2.0")},
	{"3.1.2.11", "escruri.dat", "request 400 Request-URI", "", nil},
	{"3.1.2.12", "baddate.dat", "accept", "header 400 Date", func(t *testing.T, m Message) {
		if d, err := m.Head().Date(); err == nil {
			t.Errorf("Date %v, want an error", d)
		}
	}},
	{"3.1.2.13", "regbadct.dat", "header 400 Contact", "", nil},
	{"3.1.2.14", "badaspec.dat", "accept", "header 400 To", want(to, `"Watson, Thomas" <sip:t.watson@example.org>`)},
	{"3.1.2.15", "baddn.dat", "header 400 From", "syntax 400 header", nil},
	{"3.1.2.16", "badvers.dat", "request 505 start line", "", nil},
	{"3.1.2.17", "mismatch01.dat", "request 400 CSeq", "", nil},
	{"3.1.2.18", "mismatch02.dat", "request 501 start line", "", nil},
	{"3.1.2.19", "bigcode.dat", "syntax 0 start line", "", nil},

	{"3.2.1", "badbranch.dat", "accept", "header 400 Via", want(via(0, branch), MagicCookie)},
	{"3.3.1", "insuf.dat", "header 400 From", "", nil},
	{"3.3.2", "unkscm.dat", "request 416 Request-URI", "", nil},
	{"3.3.3", "novelsc.dat", "request 416 Request-URI", "", nil},
	{"3.3.4", "unksm2.dat", "accept", "", want(
		func(m Message) any { a, err := m.Head().To(); return try(a.URI.Scheme, err) }, "isbn",
		func(m Message) any { a, err := m.Head().From(); return try(a.URI.Scheme, err) }, "http",
		contact(0, func(a Address) any { return a.URI.Scheme }), "name")},
	{"3.3.5", "bext01.dat", "request 420 Require", "", nil},
	{"3.3.6", "invut.dat", "request 415 Content-Type", "", nil},
	{"3.3.7", "regaut01.dat", "accept", "", want(value("Authorization", 0),
		`NoOneKnowsThisScheme opaque-data=here`)},
	{"3.3.8", "multi01.dat", "header 400 From", "", nil},
	{"3.3.9", "mcl01.dat", "syntax 400 Content-Length", "", nil},
	{"3.3.10", "bcast.dat", "accept", "", want(via(1, sentBy), "UDP 255.255.255.255")},
	{"3.3.11", "zeromf.dat", "accept", "", want(maxFwd, 0)},
	{"3.3.12", "cparam01.dat", "accept", "", want(
		contact(0, func(a Address) any { return []any{a.Params.Has("unknownparam"), a.URI.Params.Len()} }), "[true 0]")},
	{"3.3.13", "cparam02.dat", "accept", "", want(
		contact(0, func(a Address) any { return []any{a.URI.Params.Has("unknownparam"), a.Params.Len()} }), "[true 0]")},
	{"3.3.14", "regescrt.dat", "accept", "", want(
		contact(0, func(a Address) any {
			for n, v := range a.URI.HeaderFields() {
				return n + ": " + v
			}
			return nil
		}), "Route: <sip:sip.example.com>")},
	{"3.3.15", "sdp01.dat", "accept", "", want(value("Accept", 0), "text/nobodyKnowsThis")},
	{"3.4.1", "inv2543.dat", "accept", "header 400 Max-Forwards", want(
		via(0, branch), "", func(m Message) any { a, err := m.Head().From(); return try(a.Tag(), err) }, "", body, 105)},
}

var rfc5118 = []tortureTest{
	{"4.1", "ipv6-good", "accept", "", want(
		ruri, "sip:[2001:db8::10]", via(0, sentBy), "UDP [2001:db8::9:1]",
		contact(0, func(a Address) any { return a.URI.Host }), "[2001:db8::1]")},
	{"4.2", "ipv6-bad", "request 400 Request-URI", "", nil},
	{"4.3", "port-ambiguous", "accept", "", want(
		requestURI(func(u URI) any { return []any{u.Host, u.Port} }), "[[2001:db8::10:5070] 0]")},
	{"4.4", "port-unambiguous", "accept", "", want(
		requestURI(func(u URI) any { return []any{u.Host, u.Port} }), "[[2001:db8::10] 5070]")},
	{"4.5", "via-received-param-with-delim", "accept", "", want(
		via(0, func(v Via) any { return v.Received() }), "2001:db8::9:255", via(0, branch), "z9hG4bKas3-111")},
	{"4.5", "via-received-param-no-delim", "accept", "", want(
		via(0, func(v Via) any { return v.Received() }), "2001:db8::9:255", via(0, branch), "z9hG4bKas3")},
	{"4.6", "ipv6-in-sdp", "accept", "syntax 400 Content-Length", want(body, 242)},
	{"4.7", "mult-ip-in-header", "accept", "", want(
		count("Via"), 3, via(0, sentBy), "UDP [2001:db8::9:1]:6050", via(1, sentBy), "UDP 192.0.2.1",
		via(2, func(v Via) any { return v.Received() }), "192.0.2.200")},
	{"4.8", "mult-ip-in-sdp", "accept", "", want(method, "INVITE")},
	{"4.9", "ipv4-mapped-ipv6", "accept", "", want(
		via(0, sentBy), "UDP [::ffff:192.0.2.10]:19823",
		contact(0, func(a Address) any { ip, ok := a.URI.Addr(); return fmt.Sprint(ip, ok) }), "::ffff:192.0.2.2 true")},
	{"4.10", "ipv6-bug-abnf-3-colons", "accept", "", want(
		requestURI(func(u URI) any { ip, ok := u.Addr(); return fmt.Sprint(ip, ok) }), "2001:db8::c000:201 true")},
	{"4.10", "ipv6-correct-abnf-2-colons", "accept", "", want(
		requestURI(func(u URI) any { ip, ok := u.Addr(); return fmt.Sprint(ip, ok) }), "2001:db8::c000:201 true")},
}

// endpoint is a user agent that knows every registered extension and takes SDP.
var endpoint = Policy{
	OptionTags:   OptionTags(),
	ContentTypes: []string{"application/sdp", "multipart/mixed"},
}

func runTorture(t *testing.T, dir string, tests []tortureTest, adapt func([]byte) []byte) {
	files, err := filepath.Glob(filepath.Join("testdata/torture", dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := filepath.Base(f)
		if name != "test.dat" && !slices.ContainsFunc(tests, func(tt tortureTest) bool { return tt.file == name }) {
			t.Errorf("no test for %s", name)
		}
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join("testdata/torture", dir, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			m, got := verdict(b, endpoint)
			if got != tt.lenient {
				t.Fatalf("section %s, lenient: %s, want %s", tt.section, got, tt.lenient)
			}
			if tt.check != nil {
				tt.check(t, m)
			}
			if got == "accept" {
				checkRoundTrip(t, m)
			} else if !bytes.HasPrefix(b, []byte("SIP/")) {
				checkAnswerable(t, m, b)
			}
			strict := endpoint
			strict.Strict = true
			want := tt.strict
			if want == "" {
				want = tt.lenient
			}
			if _, got := verdict(adapt(b), strict); got != want {
				t.Errorf("section %s, strict: %s, want %s", tt.section, got, want)
			}
		})
	}
}

// checkAnswerable: a refused request is understood as far as its answer needs.
func checkAnswerable(t *testing.T, m Message, b []byte) {
	req, ok := m.(*Request)
	if !ok {
		t.Fatal("a refused request was not returned")
	}
	resp := NewResponse(req, 400, "")
	if resp.Count("Via") == 0 || bytes.Contains(b, []byte("Call-ID:")) && resp.CallID() == "" {
		t.Errorf("answer lacks what it must copy:\n%s", resp)
	}
}

func checkRoundTrip(t *testing.T, m Message) {
	t.Helper()
	b, err := m.AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatalf("what was appended does not parse: %v\n%s", err, b)
	}
	if again.String() != string(b) {
		t.Errorf("appended message changed when parsed again")
	}
}

func TestRFC4475(t *testing.T) {
	if len(rfc4475) != 49 {
		t.Errorf("%d rows, the RFC has 49 messages", len(rfc4475))
	}
	runTorture(t, "rfc4475", rfc4475, func(b []byte) []byte { return b })
}

// The strict parser sees the files of RFC 5118, whose lines end in bare line feeds, with the line
// ends of SIP; and with their empty line, which two have lost.
func TestRFC5118(t *testing.T) {
	if len(rfc5118) != 12 {
		t.Errorf("%d rows, the RFC has 12 messages", len(rfc5118))
	}
	runTorture(t, "rfc5118", rfc5118, func(b []byte) []byte {
		b = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		if !bytes.Contains(b, []byte("\r\n\r\n")) {
			b = append(b, "\r\n"...)
		}
		return b
	})
}
