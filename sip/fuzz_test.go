package sip

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// addTorture seeds a fuzz target with the torture messages.
func addTorture(f *testing.F) {
	files, err := filepath.Glob("testdata/torture/rfc*/*")
	if err != nil || len(files) < 61 {
		f.Fatalf("%d torture messages, %v", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(invite))
	ims, err := os.ReadFile("testdata/ims_invite.sip")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ims)
}

// touch calls what reads values of a message; nothing may panic.
func touch(m Message) {
	h := m.Head()
	for name := range h.Fields() {
		h.Count(name)
		h.Nth(name, -1)
		for range h.Addresses(name) {
		}
		for range h.Elements(name) {
		}
	}
	for v := range h.Vias() {
		v.RPort()
		v.Received()
		_ = v.SentBy()
	}
	h.CSeq()
	h.MaxForwards()
	for a := range h.Contacts() {
		a.Expires()
		a.Q()
		a.URI.Addr()
		a.URI.Number()
		a.URI.Equal(a.URI)
		for range a.URI.HeaderFields() {
		}
	}
	for i := range h.HistoryInfos() {
		i.Reason()
		i.Private()
	}
	h.Date()
	h.RetryAfter()
	h.Warning()
	h.RAck()
	h.Replaces()
	h.SessionID()
	h.SessionExpires()
	h.ChargingVector()
	h.ChargingFunctionAddresses()
	h.Privacy()
	for range h.ResourcePriorities() {
	}
	FindBody(m, "application/sdp")
}

// canonicalStart reports whether a message stands as AppendText writes what it does not keep: the
// start line, a Content-Length that counts the body, and nothing before or after.
func canonical(in []byte, m Message) bool {
	start, err := m.startLine(nil)
	if err != nil || !bytes.HasPrefix(in, start) {
		return false
	}
	head, body, ok := bytes.Cut(in, []byte("\r\n\r\n"))
	if i := bytes.Index(in, []byte("\n\n")); !ok || i >= 0 && i < len(head) || bytes.Contains(head, []byte("\n\r\n")) {
		return false
	}
	lengths := 0
	h := m.Head()
	for i := range h.fields {
		if h.fields[i].id == idContentLength {
			lengths++
		}
	}
	return lengths == 1 && len(body) == len(m.Content())
}

// FuzzParse: whatever parses appends back, octet for octet if it is in canonical form, and parses
// again to the same message.
func FuzzParse(f *testing.F) {
	addTorture(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Parse(in)
		if m != nil {
			touch(m)
			Check(m, false)
			Check(m, true)
			if r, ok := m.(*Request); ok {
				resp := NewResponse(r, 400, "")
				resp.SetToTag("x")
				_ = resp.String()
			}
		}
		if err != nil {
			return
		}
		out, err := m.AppendText(nil)
		if err != nil {
			t.Fatalf("parsed message does not append: %v", err)
		}
		if canonical(in, m) && !bytes.Equal(in, out) {
			t.Fatalf("untouched message changed:\n%q\n%q", in, out)
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("appended message does not parse: %v\n%q", err, out)
		}
		if s := again.String(); s != string(out) {
			t.Fatalf("parse and append twice:\n%q\n%q", out, s)
		}
		if !bytes.Equal(m.Content(), again.Content()) {
			t.Fatalf("body changed: %q, %q", m.Content(), again.Content())
		}
	})
}

// FuzzParseStrict: the strict parser accepts nothing that the lenient one refuses.
func FuzzParseStrict(f *testing.F) {
	addTorture(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Parser{Strict: true}.Parse(in)
		if err == nil {
			err = Check(m, true)
		}
		if err != nil {
			return
		}
		m, err = Parse(in)
		if err == nil {
			err = Check(m, false)
		}
		if err != nil {
			t.Fatalf("strict accepts what lenient refuses: %v", err)
		}
		out, err := m.AppendText(nil)
		if err != nil {
			t.Fatal(err)
		}
		if m, err = (Parser{Strict: true}).Parse(out); err == nil {
			err = Check(m, true)
		}
		if err != nil {
			t.Fatalf("appended message is not strict: %v\n%q", err, out)
		}
	})
}

// FuzzHeaderEdit: edits of any list keep the other values.
func FuzzHeaderEdit(f *testing.F) {
	f.Add("Via: a, b\r\nv: c\r\n", "Via", 1, "x")
	f.Add("Route: <sip:a,b>,\r\n\t<sip:c>\r\n,,\r\n", "route", 0, "<sip:d>")
	f.Add("Allow: ,A,,B,\r\nAllow:\r\n", "allow", 2, "C")
	f.Fuzz(func(t *testing.T, head, name string, n int, v string) {
		if !token(name) || strings.ContainsAny(v, "\r\n\x00,\"<>") || trimLWS(v) != v || v == "" {
			return
		}
		parse := func() *Request {
			m, err := Parse([]byte("OPTIONS sip:a SIP/2.0\r\n" + head + "Content-Length: 0\r\n\r\n"))
			if err != nil {
				t.Skip()
			}
			return m.(*Request)
		}
		if lookup(name) == idContentLength {
			return
		}
		r := parse()
		var before []string
		for v := range r.Values(name) {
			if strings.Count(v, `"`)%2 == 1 || strings.Count(v, "<") != strings.Count(v, ">") || strings.ContainsAny(v, "\\") {
				return // a value that swallows what follows it
			}
			before = append(before, v)
		}
		n = int(uint(n) % uint(len(before)+2))
		r.Insert(name, n, v)
		want := append([]string(nil), before...)
		at := min(n, len(before))
		want = append(want[:at:at], append([]string{v}, want[at:]...)...)
		compareValues(t, r, name, want)
		if !r.RemoveNth(name, at) {
			t.Fatal("inserted value is not there")
		}
		compareValues(t, r, name, before)
		if len(before) > 0 {
			r.Replace(name, -1, v)
			compareValues(t, r, name, append(before[:len(before)-1:len(before)-1], v))
		}
		r.Set(name, v)
		compareValues(t, r, name, []string{v})
		out := r.String()
		m, err := Parse([]byte(out))
		if err != nil {
			t.Fatalf("%v\n%q", err, out)
		}
		compareValues(t, m.(*Request), name, []string{v})
	})
}

func compareValues(t *testing.T, r *Request, name string, want []string) {
	t.Helper()
	var got []string
	for v := range r.Values(name) {
		got = append(got, v)
	}
	if strings.Join(got, "\x00") != strings.Join(want, "\x00") || len(got) != len(want) {
		t.Fatalf("%s: got %q, want %q in\n%q", name, got, want, r.String())
	}
	if len(got) != r.Count(name) {
		t.Fatalf("count %d of %d", r.Count(name), len(got))
	}
}

// FuzzFramer: a stream gives the same frames however it is cut, and each frame parses as the
// framer understood it.
func FuzzFramer(f *testing.F) {
	files, _ := filepath.Glob("testdata/torture/rfc4475/*")
	for i, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(b, "\r\n\r\n"+invite...), byte(i+1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, step byte) {
		one := frames(t, stream, len(stream)+1)
		many := frames(t, stream, int(step)+1)
		// A ping may be cut in two; what matters is the messages.
		if strings.Join(one, "\x00|") != strings.Join(many, "\x00|") {
			t.Fatalf("whole: %q\nin steps of %d: %q", one, int(step)+1, many)
		}
	})
}

func frames(t *testing.T, stream []byte, step int) (list []string) {
	fr := Framer{MaxSize: 4096}
	for len(stream) > 0 {
		n := min(step, len(stream))
		fr.Write(stream[:n])
		stream = stream[n:]
		for {
			kind, msg, err := fr.Next()
			if err != nil {
				return append(list, "error")
			}
			if kind == NoFrame {
				break
			}
			if kind == MessageFrame {
				list = append(list, string(msg))
				if m, err := Parse(msg); err == nil && len(m.Content()) > 0 && !bytes.HasSuffix(msg, m.Content()) {
					t.Fatalf("body %q is not the end of %q", m.Content(), msg)
				}
			}
		}
		if fr.Buffered() > 4096+step {
			t.Fatalf("%d octets held", fr.Buffered())
		}
	}
	return list
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{
		"sip:alice:secret@atlanta.com:5070;transport=tcp;lr?subject=a%20b&x=y", "sips:%61lice@[2001:db8::1]:5061", "tel:+1-555-1234;ext=1",
		"tel:911;phone-context=+1", "urn:service:sos.police", "sip:a", "http://a/b?c", "sip:u;x=1@h;y", "sip:[::ffff:1.2.3.4]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			return
		}
		text := u.String()
		again, err := ParseURI(text)
		if err != nil {
			t.Fatalf("%q -> %q: %v", s, text, err)
		}
		if again != u {
			t.Fatalf("%q: %+v, then %+v", s, u, again)
		}
		if !u.Equal(again) {
			t.Fatalf("%q is not equal to itself", s)
		}
		u.Addr()
		u.Number()
		for range u.HeaderFields() {
		}
		if e := EscapeUser(Unescape(u.User)); Unescape(e) != Unescape(u.User) {
			t.Fatalf("escape of %q", u.User)
		}
		if _, err := parseURI(s, true); err == nil {
			if _, err := parseURI(text, true); err != nil {
				t.Fatalf("strict %q -> %q: %v", s, text, err)
			}
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		`"A \"B\" C" <sip:a@b;c>;tag=1;x="y;z"`, "sip:a@b;tag=1", "A B <sip:a>", "<sip:a>;", "<tel:+1>;q=0.5;expires=3600",
		"Jos\u00e9 (x) < sip:a >", "*",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		text := a.String()
		again, err := ParseAddress(text)
		if err != nil {
			t.Fatalf("%q -> %q: %v", s, text, err)
		}
		if strings.ContainsAny(a.Display, "\r\n") { // cannot be written
			again.Display = a.Display
		}
		if again != a {
			t.Fatalf("%q -> %q: %+v, then %+v", s, text, a, again)
		}
		a.Tag()
		a.Expires()
		a.Q()
		for range a.Features() {
		}
	})
}

func FuzzVia(f *testing.F) {
	for _, s := range []string{
		"SIP/2.0/UDP a:5060;branch=z9hG4bK1;rport;received=1.2.3.4", "SIP / 2.0 / TCP [::1] : 5070 ; x = \"y\"", "SIP/3.0/FOO a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVia(s)
		if err != nil {
			return
		}
		text := v.String()
		again, err := ParseVia(text)
		if err != nil {
			t.Fatalf("%q -> %q: %v", s, text, err)
		}
		if again != v {
			t.Fatalf("%q -> %q: %+v, then %+v", s, text, v, again)
		}
		v.Received()
		v.RPort()
		if !v.SameSentBy(again) {
			t.Fatalf("%q", s)
		}
	})
}

func FuzzParams(f *testing.F) {
	for _, s := range []string{";a=b;c", "a", `;x="a;b\"c" ; y = z`, ";a;;b", ";q=", `;t="` + "\r\n" + ` x"`} {
		f.Add(s, "a", "v w")
	}
	f.Fuzz(func(t *testing.T, s, name, value string) {
		p, err := ParseParams(s)
		if err != nil {
			return
		}
		if again, err := ParseParams(p.String()); err != nil || again != p {
			t.Fatalf("%q -> %q: %q, %v", s, p, again, err)
		}
		n := 0
		for name := range p.All() {
			n++
			if !p.Has(name) {
				t.Fatalf("%q has no %q", p, name)
			}
		}
		if n != p.Len() {
			t.Fatalf("%d of %d", p.Len(), n)
		}
		if !token(name) || strings.ContainsAny(value, "\r\n") {
			return
		}
		q := p
		q.Set(name, value)
		if v, ok := q.Value(name); !ok || v != value {
			t.Fatalf("set %q to %q: %q", name, value, v)
		}
		if again, err := ParseParams(q.String()); err != nil || again != q {
			t.Fatalf("%q after Set: %q, %v", q, again, err)
		}
		q.Del(name)
		if q.Has(name) {
			t.Fatalf("%q still has %q", q, name)
		}
	})
}

// FuzzTyped: every typed value that parses writes itself as text that parses to the same value.
func FuzzTyped(f *testing.F) {
	for i, s := range typedSeeds {
		f.Add(byte(i), s)
	}
	f.Fuzz(func(t *testing.T, kind byte, s string) {
		p := typedParsers[int(kind)%len(typedParsers)]
		text, err := p.parse(s)
		if err != nil {
			return
		}
		again, err := p.parse(text)
		if err != nil || again != text {
			t.Fatalf("%s: %q -> %q -> %q, %v", p.name, s, text, again, err)
		}
	})
}

func FuzzMultipart(f *testing.F) {
	f.Add(`multipart/mixed;boundary=x`, []byte("--x\r\nContent-Type: text/plain\r\n\r\nHello\r\n--x--\r\n"))
	f.Add(`multipart/mixed; boundary="a b"`, []byte("pre\r\n--a b\r\n\r\n\r\n--a b  \r\nA: b\r\n--a b--"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		parts, err := ParseMultipart(contentType, body)
		if err != nil {
			return
		}
		boundary := Boundary(parts)
		out, err := AppendMultipart(nil, boundary, parts)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseMultipart("multipart/mixed;boundary="+boundary, out)
		if err != nil || len(again) != len(parts) {
			t.Fatalf("%d parts, then %d, %v\n%q", len(parts), len(again), err, out)
		}
		for i := range parts {
			if !bytes.Equal(parts[i].Body, again[i].Body) || parts[i].Len() != again[i].Len() {
				t.Fatalf("part %d: %q, then %q", i, parts[i].Body, again[i].Body)
			}
		}
	})
}
