package sip

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withHeader makes a request of header lines, to which Content-Length is added.
func withHeader(t testing.TB, lines string) *Request {
	t.Helper()
	return mustParse(t, "OPTIONS sip:a SIP/2.0\r\n"+lines+"Content-Length: 0\r\n\r\n")
}

// TestRepeatedFields are the operations on repeated fields that proxies know: count, n-th, last,
// insert, append, replace, remove, over lines and commas alike.
func TestRepeatedFields(t *testing.T) {
	const routes = "Route: <sip:a;lr>, \"b, b\" <sip:b,x>\r\nX: 1\r\nROUTE:\t<sip:c>;p=\"q,r\"\r\n"
	for _, tt := range []struct {
		name  string
		lines string
		edit  func(h *Header)
		want  string
	}{
		{"push on top", routes, func(h *Header) { h.Insert("Route", 0, "<sip:n>") }, "Route: <sip:n>\r\n" + routes},
		{"before the second", routes, func(h *Header) { h.Insert("Route", 1, "<sip:n>") },
			"Route: <sip:a;lr>, <sip:n>, \"b, b\" <sip:b,x>\r\nX: 1\r\nROUTE:\t<sip:c>;p=\"q,r\"\r\n"},
		{"before the third", routes, func(h *Header) { h.Insert("Route", 2, "<sip:n>") },
			"Route: <sip:a;lr>, \"b, b\" <sip:b,x>\r\nX: 1\r\nRoute: <sip:n>\r\nROUTE:\t<sip:c>;p=\"q,r\"\r\n"},
		{"before the last", routes, func(h *Header) { h.Insert("Route", -1, "<sip:n>") },
			"Route: <sip:a;lr>, \"b, b\" <sip:b,x>\r\nX: 1\r\nRoute: <sip:n>\r\nROUTE:\t<sip:c>;p=\"q,r\"\r\n"},
		{"after the last", routes, func(h *Header) { h.Insert("Route", 3, "<sip:n>") }, routes + "Route: <sip:n>\r\n"},
		{"append", routes, func(h *Header) { h.Add("Route", "<sip:n>") }, routes + "Route: <sip:n>\r\n"},
		{"append a new field", routes, func(h *Header) { h.Add("Y", "1") }, routes + "Y: 1\r\n"},
		{"remove the first", routes, func(h *Header) { h.RemoveNth("Route", 0) },
			"Route: \"b, b\" <sip:b,x>\r\nX: 1\r\nROUTE:\t<sip:c>;p=\"q,r\"\r\n"},
		{"remove the second", routes, func(h *Header) { h.RemoveNth("Route", 1) },
			"Route: <sip:a;lr>\r\nX: 1\r\nROUTE:\t<sip:c>;p=\"q,r\"\r\n"},
		{"remove the last, alone on its line", routes, func(h *Header) { h.RemoveNth("Route", -1) },
			"Route: <sip:a;lr>, \"b, b\" <sip:b,x>\r\nX: 1\r\n"},
		{"remove what is not there", routes, func(h *Header) { h.RemoveNth("Route", 3); h.RemoveNth("Path", 0); h.RemoveNth("Route", -4) }, routes},
		{"remove all one by one", routes, func(h *Header) {
			for h.RemoveNth("Route", 0) {
			}
		}, "X: 1\r\n"},
		{"replace the second", routes, func(h *Header) { h.Replace("Route", 1, "<sip:n>") },
			"Route: <sip:a;lr>, <sip:n>\r\nX: 1\r\nROUTE:\t<sip:c>;p=\"q,r\"\r\n"},
		{"set", routes, func(h *Header) { h.Set("Route", "<sip:n>") }, "Route: <sip:n>\r\nX: 1\r\n"},
		{"set a new field", routes, func(h *Header) { h.Set("Y", "1") }, routes + "Y: 1\r\n"},
		{"delete", routes, func(h *Header) { h.Del("route") }, "X: 1\r\n"},

		{"compact name", "v: SIP/2.0/UDP a\r\nVIA: SIP/2.0/UDP b\r\n", func(h *Header) { h.RemoveNth("Via", 0) }, "VIA: SIP/2.0/UDP b\r\n"},
		{"first Via goes on top", "X: 1\r\n", func(h *Header) { h.Insert("Via", 0, "SIP/2.0/UDP a") }, "Via: SIP/2.0/UDP a\r\nX: 1\r\n"},
		{"folded list", "Route: <sip:a>\r\n ,\r\n\t<sip:b>,\r\n <sip:c>\r\n", func(h *Header) { h.RemoveNth("Route", 1) },
			"Route: <sip:a>\r\n ,\r\n\t<sip:c>\r\n"},
		{"folded list, the last", "Route: <sip:a>\r\n ,\r\n\t<sip:b>\r\n", func(h *Header) { h.RemoveNth("Route", -1) }, "Route: <sip:a>\r\n"},
		{"empty elements", "Allow: ,A,,B,\r\n", func(h *Header) { h.RemoveNth("Allow", 1) }, "Allow: ,A\r\n"},
		{"empty elements, push", "Allow: ,A\r\n", func(h *Header) { h.Insert("Allow", 0, "Z") }, "Allow: Z\r\nAllow: ,A\r\n"},
		{"no list: a comma is text", "Subject: a, b\r\n", func(h *Header) { h.RemoveNth("Subject", 1) }, "Subject: a, b\r\n"},
		{"no list: lines", "X: a\r\nx: b\r\nX: c\r\n", func(h *Header) { h.RemoveNth("X", 1) }, "X: a\r\nX: c\r\n"},
		{"empty value", "Subject:\r\n", func(h *Header) { h.Replace("s", 0, "hi") }, "Subject:hi\r\n"},
		{"routes", routes, func(h *Header) { h.SetRoutes([]string{"<sip:1>", "<sip:2>"}) }, "X: 1\r\nRoute: <sip:1>\r\nRoute: <sip:2>\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := withHeader(t, tt.lines)
			tt.edit(&r.Header)
			want := "OPTIONS sip:a SIP/2.0\r\n" + tt.want + "Content-Length: 0\r\n\r\n"
			if diff := cmp.Diff(want, r.String()); diff != "" {
				t.Error(diff)
			}
			mustParse(t, r.String())
		})
	}
}

func TestNth(t *testing.T) {
	r := withHeader(t, "Route: <sip:a;lr>,\r\n \"b, \\\" b\" <sip:b,x>\r\nX: 1\r\nROUTE:\t<sip:c>;p=\"q,r\"\r\nSupported:\r\nX: 2\r\nSubject:\r\n")
	for _, tt := range []struct {
		name string
		n    int
		want string
		ok   bool
	}{
		{"Route", 0, "<sip:a;lr>", true},
		{"Route", 1, `"b, \" b" <sip:b,x>`, true},
		{"route", 2, `<sip:c>;p="q,r"`, true},
		{"Route", 3, "", false},
		{"Route", -1, `<sip:c>;p="q,r"`, true},
		{"Route", -3, "<sip:a;lr>", true},
		{"Route", -4, "", false},
		{"x", 1, "2", true},
		{"Supported", 0, "", false},
		{"k", -1, "", false},
		{"Subject", 0, "", true},
		{"", 0, "", false},
	} {
		if got, ok := r.Nth(tt.name, tt.n); got != tt.want || ok != tt.ok {
			t.Errorf("Nth(%q, %d) = %q, %v, want %q, %v", tt.name, tt.n, got, ok, tt.want, tt.ok)
		}
	}
	if got := slices.Collect(r.Values("ROUTE")); len(got) != 3 || r.Count("Route") != 3 || r.Count("Supported") != 0 || r.Count("X") != 2 {
		t.Errorf("values %q", got)
	}
	if !r.Has("Supported") || r.Has("Path") {
		t.Error("Has")
	}
	var names []string
	for name, value := range r.Fields() {
		names = append(names, name+"="+value)
	}
	want := []string{"Route=<sip:a;lr>, \"b, \\\" b\" <sip:b,x>", "X=1", "ROUTE=<sip:c>;p=\"q,r\"", "Supported=", "X=2", "Subject=", "Content-Length=0"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestRouteSet(t *testing.T) {
	r := withHeader(t, "Record-Route: <sip:a;lr>, <sip:b;lr>\r\nRecord-Route: <sip:c;lr>\r\n")
	if diff := cmp.Diff([]string{"<sip:c;lr>", "<sip:b;lr>", "<sip:a;lr>"}, r.RouteSet("Record-Route", true)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"<sip:a;lr>", "<sip:b;lr>", "<sip:c;lr>"}, r.RouteSet("Record-Route", false)); diff != "" {
		t.Error(diff)
	}
}

func TestCloneIsIndependent(t *testing.T) {
	r := mustParse(t, invite)
	c := r.Clone()
	c.RemoveNth("Via", 0)
	c.Set("Subject", "x")
	c.Method = OPTIONS
	if r.String() != invite {
		t.Error("an edit of a clone changed the original")
	}
}

func TestWriteRefused(t *testing.T) {
	for name, edit := range map[string]func(r *Request){
		"line end in a value":         func(r *Request) { r.Add("X", "a\nb") },
		"line end in an insert":       func(r *Request) { r.Insert("Via", 1, "a\rb") },
		"line end in a replacement":   func(r *Request) { r.Replace("Via", 0, "a\r\nb") },
		"NUL in a value":              func(r *Request) { r.Set("X", "a\x00") },
		"name that is no token":       func(r *Request) { r.Add("X Y", "a") },
		"empty name":                  func(r *Request) { r.Add("", "a") },
		"method that is no token":     func(r *Request) { r.Method = "A B" },
		"white space in the URI":      func(r *Request) { r.RequestURI = "sip:a b" },
		"line end in the Request-URI": func(r *Request) { r.RequestURI = "sip:a\r\nVia:x" },
		"no Request-URI":              func(r *Request) { r.RequestURI = "" },
	} {
		r := mustParse(t, invite)
		edit(r)
		b, err := r.AppendText([]byte("kept"))
		var pe *ParseError
		if !errors.As(err, &pe) || string(b) != "kept" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	resp := NewResponse(mustParse(t, invite), 200, "a\r\nb")
	if _, err := resp.AppendText(nil); err == nil {
		t.Error("a line end in a reason phrase was written")
	}
	if _, err := (&Response{StatusCode: 1000}).AppendText(nil); err == nil {
		t.Error("status 1000 was written")
	}
}

func TestContentLength(t *testing.T) {
	r := mustParse(t, invite)
	r.Body = []byte("longer body")
	if !strings.HasSuffix(r.String(), "Content-Length: 11\r\n\r\nlonger body") {
		t.Errorf("got\n%s", r)
	}
	r.Del("l")
	r.Body = nil
	if !strings.HasSuffix(r.String(), "Content-Length: 0\r\n\r\n") {
		t.Errorf("got\n%s", r)
	}
}

func TestRefusals(t *testing.T) {
	const rest = "\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	for _, tt := range []struct {
		name, in        string
		lenient, strict string
	}{
		{"empty", "", "syntax 400 header", ""},
		{"only line ends", "\r\n\r\n", "syntax 400 header", "syntax 400 start line"},
		{"garbage", "\x00\x01\x02\xff\n\n", "syntax 400 start line", ""},
		{"no version", "OPTIONS sip:a\r\n\r\n", "syntax 400 start line", ""},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "syntax 400 start line", ""},
		{"good", "OPTIONS sip:a SIP/2.0" + rest, "accept", "header 400 Max-Forwards"},
		{"version in lower case", "OPTIONS sip:a sip/2.0" + rest, "accept", "header 400 Max-Forwards"},
		{"line ends before", "\r\n\r\nOPTIONS sip:a SIP/2.0" + rest, "accept", "syntax 400 start line"},
		{"version 3", "OPTIONS sip:a SIP/3.0" + rest, "request 505 start line", ""},
		{"scheme", "OPTIONS mailto:a SIP/2.0" + rest, "request 416 Request-URI", "header 400 Max-Forwards"},
		{"lone carriage return", "OPTIONS sip:a SIP/2.0\r\nSubject: a\rb" + rest, "syntax 400 header", ""},
		{"line without a colon", "OPTIONS sip:a SIP/2.0\r\nSubject" + rest, "syntax 400 header", ""},
		{"NUL in a field", "OPTIONS sip:a SIP/2.0\r\nSubject: a\x00b" + rest, "syntax 400 header", ""},
		{"second To", "OPTIONS sip:a SIP/2.0\r\nt: <sip:c>" + rest, "header 400 To", ""},
		{"Max-Forwards", "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 256" + rest, "header 400 Max-Forwards", ""},
		{"CSeq method", "INVITE sip:a SIP/2.0\r\nMax-Forwards: 25" + rest, "request 400 CSeq", ""},
		{"bad Route", "OPTIONS sip:a SIP/2.0\r\nRoute: <sip:a>, <sip:b" + rest, "header 400 Route", ""},
		{"bad Contact", "OPTIONS sip:a SIP/2.0\r\nm: <sip:a>, sip:" + rest, "header 400 Contact", ""},
		{"no From tag", "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 7" + strings.Replace(rest, ";tag=1", "", 1), "accept", "header 400 From"},
		{"no Contact", "INVITE sip:a SIP/2.0\r\nMax-Forwards: 7" + strings.Replace(rest, "1 OPTIONS", "1 INVITE", 1), "accept", "header 400 Contact"},
		{"two Contacts", "INVITE sip:a SIP/2.0\r\nMax-Forwards: 7\r\nm: <sip:a>, <sip:b>" + strings.Replace(rest, "1 OPTIONS", "1 INVITE", 1), "accept", "header 400 Contact"},
		{"no Content-Type", "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 7" + strings.Replace(rest, "Length: 0\r\n\r\n", "Length: 1\r\n\r\nx", 1), "accept", "header 400 Content-Type"},
		{"unusual parameter value", "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 7\r\nm: <sip:a>;x=a/b" + rest, "accept", "header 400 Contact"},
		{"bad Event", "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 7\r\nEvent: a b" + rest, "accept", "header 400 Event"},
		{"bad Session-Expires", "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 7\r\nx: soon" + rest, "accept", "header 400 Session-Expires"},
		{"empty list element", "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 7\r\nAllow: A,,B" + rest, "accept", "header 400 Allow"},
		{"list that ends with a comma", "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 7\r\nAllow: A," + rest, "accept", "header 400 Allow"},
		{"many spaces in a response", "SIP/2.0  200  OK" + rest, "accept", "syntax 0 start line"},
		{"status 99", "SIP/2.0 099 No" + rest, "syntax 0 start line", ""},
		{"no reason phrase nor space", "SIP/2.0 200" + rest, "accept", "syntax 0 start line"},
	} {
		want := tt.strict
		if want == "" {
			want = tt.lenient
		}
		if _, got := verdict([]byte(tt.in), Policy{}); got != tt.lenient {
			t.Errorf("%s, lenient: %s, want %s", tt.name, got, tt.lenient)
		}
		if _, got := verdict([]byte(tt.in), Policy{Strict: true}); got != want {
			t.Errorf("%s, strict: %s, want %s", tt.name, got, want)
		}
	}
}

// TestOffsets: the offset of a refusal points at the octet in the message.
func TestOffsets(t *testing.T) {
	const msg = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a,\r\n SIP/2.0/UDP b;;\r\nFrom: <sip:a>;tag=\"\r\nTo: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 O;PTIONS\r\nContent-Length: 0\r\n\r\n"
	r := mustParse(t, msg)
	at := func(err error) string {
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Offset < 0 {
			t.Fatalf("%v", err)
		}
		return msg[pe.Offset:]
	}
	if _, err := r.CSeq(); !strings.HasPrefix(at(err), ";PTIONS") {
		t.Error(err)
	}
	if _, err := r.From(); !strings.HasPrefix(at(err), "\"\r\n") {
		t.Error(err)
	}
	for v, err := range r.Vias() {
		if v.Host == "" && !strings.HasPrefix(at(err), "\r\nFrom") && !strings.HasPrefix(at(err), ";\r\nFrom") {
			t.Errorf("%v: %q", err, at(err)[:9])
		}
	}
	r.Set("CSeq", "x")
	var pe *ParseError
	if _, err := r.CSeq(); !errors.As(err, &pe) || pe.Offset != -1 {
		t.Errorf("a field that was set has no offset in the message: %v", err)
	}
}

func TestLimits(t *testing.T) {
	long := "OPTIONS sip:a SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 600) + "Content-Length: 0\r\n\r\n"
	m, err := Parse([]byte(long))
	if !errors.Is(err, ErrTooLarge) || m == nil {
		t.Errorf("600 fields: %v", err)
	}
	if _, err := (Parser{MaxFields: 1000}).Parse([]byte(long)); err != nil {
		t.Errorf("600 of 1000 fields: %v", err)
	}
	big := "OPTIONS sip:a SIP/2.0\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("b", 70000)
	var pe *ParseError
	if _, err := Parse([]byte(big)); !errors.As(err, &pe) || pe.Status != 513 {
		t.Errorf("70 kB: %v", err)
	}
	if _, err := (Parser{MaxSize: 1 << 20}).Parse([]byte(big)); err != nil {
		t.Errorf("70 kB of 1 MB: %v", err)
	}
}
