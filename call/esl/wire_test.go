package esl

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadCommand(t *testing.T) {
	in := "\n\r\nauth ClueCon\n\n" +
		"bgapi status x\r\nJob-UUID:7f4d\r\n\r\n" +
		"sendmsg 1-2\ncall-command: execute\nno field\nexecute-app-name: playback\nContent-Type: text/plain\nContent-Length: 9\n\nline\nline" +
		"exit\n\nexi"
	want := []*Command{
		{Line: "auth ClueCon"},
		{Line: "bgapi status x", Header: header("Job-UUID", "7f4d")},
		{Line: "sendmsg 1-2", Header: header("call-command", "execute", "execute-app-name", "playback", "Content-Type", "text/plain", "Content-Length", "9"), Body: []byte("line\nline")},
		{Line: "exit"},
	}
	r := NewReader(strings.NewReader(in))
	for _, w := range want {
		c, err := r.ReadCommand()
		if diff := cmp.Diff(w, c); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	if c, err := r.ReadCommand(); err != io.ErrUnexpectedEOF {
		t.Errorf("the end gave %v, %v", c, err)
	}
	if _, err := NewReader(strings.NewReader("\n\n")).ReadCommand(); err != io.EOF {
		t.Errorf("an empty stream gave %v", err)
	}
}

func TestReadLimits(t *testing.T) {
	for _, in := range []string{
		strings.Repeat("x", 101) + "\n\n",
		"a\n" + strings.Repeat("b: c\n", 30) + "\n",
		"a\nContent-Length: 51\n\n",
		"a\nContent-Length: -1\n\n",
		"a\nContent-Length: 1x\n\n",
		strings.Repeat("\n", 200),
	} {
		r := NewReader(strings.NewReader(in))
		r.MaxHeader, r.MaxBody = 100, 50
		_, err := r.ReadCommand()
		if e := (*ParseError)(nil); !errors.As(err, &e) {
			t.Errorf("%.40q gave %v", in, err)
		}
	}
}

func TestEscape(t *testing.T) {
	for s, want := range map[string]string{
		"2012-09-25 14:21:56":           "2012-09-25%2014%3A21%3A56",
		"Tue, 25 Sep 2012 18:21:56 GMT": "Tue,%2025%20Sep%202012%2018%3A21%3A56%20GMT",
		"internal/8507585138@sms-proxy": "internal/8507585138%40sms-proxy",
		"100%":                          "100%25",
		"a%2Fb":                         "a%2Fb", // taken for an escape
		"a%zz":                          "a%25zz",
		"ü\n":                           "%C3%BC%0A",
		"!$'()*,-./_~":                  "!$'()*,-./_~",
	} {
		got := string(Escape(nil, s))
		if got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
		if s != "a%2Fb" && Unescape(got) != s {
			t.Errorf("%q unescaped to %q", got, Unescape(got))
		}
	}
}

func TestEventFormats(t *testing.T) {
	e := &Event{header("Event-Name", "CUSTOM", "Event-Subclass", "SMS::SEND_MESSAGE", "empty", "", "variable_a", "<b> \"c\"", "list", "ARRAY::a=1|:b"), "Hi & bye\n"}
	for f, want := range map[Format]string{
		Plain: "Event-Name: CUSTOM\nEvent-Subclass: SMS%3A%3ASEND_MESSAGE\nempty: _undef_\nvariable_a: %3Cb%3E%20%22c%22\n" +
			"list: ARRAY%3A%3Aa%3D1%7C%3Ab\nContent-Length: 9\n\nHi & bye\n",
		JSON: `{"Event-Name":"CUSTOM","Event-Subclass":"SMS::SEND_MESSAGE","empty":"","variable_a":"<b> \"c\"","list":["a=1","b"],` +
			`"Content-Length":"9","_body":"Hi & bye\n"}`,
		XML: "<event>\n  <headers>\n    <Event-Name>CUSTOM</Event-Name>\n    <Event-Subclass>SMS%3A%3ASEND_MESSAGE</Event-Subclass>\n" +
			"    <empty></empty>\n    <variable_a>%3Cb%3E%20%22c%22</variable_a>\n    <list>ARRAY%3A%3Aa%3D1%7C%3Ab</list>\n  </headers>\n" +
			"  <Content-Length>9</Content-Length>\n  <body>Hi &amp; bye\n</body>\n</event>\n",
	} {
		got := string(e.Append(nil, f))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", f, diff)
		}
		if f == XML {
			continue
		}
		back, err := ParseEvent(f, []byte(got))
		if diff := cmp.Diff(e, back); diff != "" || err != nil {
			t.Errorf("%v back: %v %s", f, err, diff)
		}
	}
}

func TestHeader(t *testing.T) {
	h := header("A", "1", "b", "2", "a", "3", "C", "4")
	h.Set("a", "5")
	h.Add("d", "6")
	h.Del("B")
	h.Set("e", "7")
	if diff := cmp.Diff(header("A", "5", "C", "4", "d", "6", "e", "7"), h); diff != "" {
		t.Error(diff)
	}
	c := Command{Line: "api a\nb", Header: header("x\ny", "1\r\n2"), Body: []byte("z")}
	if got, want := string(c.Append(nil)), "api a b\nx_y: 1 2\nContent-Length: 1\n\nz"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzCommand(f *testing.F) {
	f.Add([]byte("sendmsg 1\r\ncall-command: execute\r\nContent-Length: 3\r\n\r\nabc"))
	f.Add([]byte("event plain ALL\n\nexit\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		for {
			c, err := r.ReadCommand()
			if err != nil {
				return
			}
			again, err := NewReader(bytes.NewReader(c.Append(nil))).ReadCommand()
			if err != nil {
				t.Fatalf("%q: %v", c.Append(nil), err)
			}
			if !bytes.Equal(c.Append(nil), again.Append(nil)) {
				t.Fatal(cmp.Diff(c, again))
			}
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte("Event-Name: CUSTOM\nx: %41\nContent-Length: 2\n\nab"), false)
	f.Add([]byte(`{"Event-Name":"X","a":["1","2"],"n":1,"_body":"z"}`), true)
	f.Fuzz(func(t *testing.T, b []byte, isJSON bool) {
		format := Plain
		if isJSON {
			format = JSON
		}
		e, err := ParseEvent(format, b)
		if err != nil {
			return
		}
		j := e.Append(nil, JSON)
		if !json.Valid(j) {
			t.Fatalf("%q is no JSON", j)
		}
		if d := xml.NewDecoder(bytes.NewReader(e.Append(nil, XML))); d.Decode(new(struct{})) != nil {
			t.Fatalf("%q is no XML", e.Append(nil, XML))
		}
		p := e.Append(nil, Plain)
		again, err := ParseEvent(Plain, p)
		if err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		if q := again.Append(nil, Plain); !bytes.Equal(p, q) {
			t.Fatalf("%q then %q", p, q)
		}
	})
}
