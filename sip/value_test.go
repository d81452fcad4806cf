package sip

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAddress(t *testing.T) {
	for _, tt := range []struct{ in, display, uri, params string }{
		{"sip:a@b;tag=1", "", "sip:a@b", ";tag=1"},
		{"<sip:a@b;lr>;tag=1", "", "sip:a@b;lr", ";tag=1"},
		{"  A. B-C   <sip:a>  ; tag = 1 ; x ", "A. B-C", "sip:a", ";tag=1;x"},
		{`"A \"B\" \\"<sip:a>;q="x;y"`, `A "B" \`, "sip:a", `;q="x;y"`},
		{"\"A\r\n B\" <sip:a>", "A B", "sip:a", ""},
		{"Bob (home) <sip:a>", "Bob (home)", "sip:a", ""},
		{"Zoë <sip:a>", "Zoë", "sip:a", ""},
		{"<tel:+1;ext=2>", "", "tel:+1;ext=2", ""},
		{"< sip:a >", "", "sip:a", ""},
		{"<sip:a>;", "", "sip:a", ""},
	} {
		a, err := ParseAddress(tt.in)
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		got := []string{a.Display, a.URI.String(), a.Params.String()}
		if diff := cmp.Diff([]string{tt.display, tt.uri, tt.params}, got); diff != "" {
			t.Errorf("%q: %s", tt.in, diff)
		}
	}
	for _, s := range []string{
		"", "<>", "<sip:a", "sip:a>", `"A <sip:a>`, `"A" sip:a`, "A, B <sip:a>", "<sip:a> <sip:b>", "<sip:a>x", "<sip:a>;;x", "sip:a?b=c", "sip:a,sip:b",
		`<sip:a>;x="`, "A", "A;b",
	} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("%q parses as %+v", s, a)
		}
	}
}

func TestContactParameters(t *testing.T) {
	for _, tt := range []struct {
		in      string
		q       int
		expires uint32
		ok      bool
	}{
		{"<sip:a>", 1000, 0, false},
		{"<sip:a>;q=0.7;expires=3600", 700, 3600, true},
		{"<sip:a>;q=0;expires=0", 0, 0, true},
		{"<sip:a>;q=1.000;expires=99999999999999999999", 1000, 1<<32 - 1, true},
		{"<sip:a>;q=0.1234;expires=-1", 1000, 0, false},
		{"<sip:a>;q=.25;expires", 250, 0, false},
	} {
		a, err := ParseAddress(tt.in)
		e, ok := a.Expires()
		if err != nil || a.Q() != tt.q || e != tt.expires || ok != tt.ok {
			t.Errorf("%q: q %d, expires %d %v, %v", tt.in, a.Q(), e, ok, err)
		}
	}
}

func TestParseVia(t *testing.T) {
	v, err := ParseVia("SIP / 2.0\r\n / UDP  [2001:db8::9:1] : 5070 ; received=[2001:db8::1];rport=9;branch=z9hG4bKx;ttl")
	if err != nil {
		t.Fatal(err)
	}
	port, ok := v.RPort()
	got := fmt.Sprint(v.Transport, " ", v.SentBy(), " ", v.Received(), " ", port, ok, " ", v.Branch(), " ", v.Params.Has("TTL"))
	if want := "UDP [2001:db8::9:1]:5070 2001:db8::1 9 true z9hG4bKx true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, s := range []string{
		"", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 UDP a", "SIP/2.0/UDP a b", "SIP/2.0/UDP a:", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:70000",
		"SIP/2.0/UDP ;x", "SIP/2.0/UDP a;;", "/2.0/UDP a", "SIP/2.0/UDP[::1]",
	} {
		if v, err := ParseVia(s); err == nil {
			t.Errorf("%q parses as %+v", s, v)
		}
	}
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"SIP/2.0/UDP A", "SIP/2.0/UDP a:5060", true},
		{"SIP/2.0/TLS a", "SIP/2.0/TLS a:5061", true},
		{"SIP/2.0/UDP a", "SIP/2.0/UDP a:5061", false},
		{"SIP/2.0/UDP [2001:db8:0::1]", "SIP/2.0/UDP [2001:db8::1]", true},
		{"SIP/2.0/UDP a", "SIP/2.0/UDP b", false},
	} {
		a, err := ParseVia(tt.a)
		b, err2 := ParseVia(tt.b)
		if err != nil || err2 != nil || a.SameSentBy(b) != tt.same {
			t.Errorf("%q and %q: want %v (%v, %v)", tt.a, tt.b, tt.same, err, err2)
		}
	}
}

func TestParams(t *testing.T) {
	p, err := ParseParams(` ; a = b;C ;d="x;\"y" ; a=2;`)
	if err != nil || p.String() != `;a=b;C;d="x;\"y";a=2` {
		t.Fatalf("%q, %v", p, err)
	}
	value := func(name string) string { v, ok := p.Value(name); return fmt.Sprint(v, ok) }
	if got := []string{value("A"), value("c"), value("d"), value("e")}; !cmp.Equal(got, []string{"btrue", "true", `x;"ytrue`, "false"}) {
		t.Errorf("%q", got)
	}
	if raw, _ := p.Raw("d"); raw != `"x;\"y"` || p.Len() != 4 {
		t.Errorf("raw %q of %d", raw, p.Len())
	}
	p.Set("a", "1")
	p.Set("e", "two words")
	p.Set("f", "")
	p.SetQuoted("g", "token")
	p.Del("c")
	if want := `;a=1;d="x;\"y";a=2;e="two words";f;g="token"`; p.String() != want {
		t.Errorf("got %s, want %s", p, want)
	}
	if !p.Del("a") || p.Has("a") || p.Del("a") {
		t.Error("Del leaves one of two")
	}
	for _, s := range []string{";;", ";a;;b", ";=1", `;a="`, ";a=b c", ";a b", ";a=b,c", ";a=b\"c"} {
		if p, err := ParseParams(s); err == nil {
			t.Errorf("%q parses as %q", s, p)
		}
	}
}

func TestDates(t *testing.T) {
	d, err := ParseDate("Sat, 13 Nov 2010 23:29:00 GMT")
	if err != nil || FormatDate(d) != "Sat, 13 Nov 2010 23:29:00 GMT" || d.Unix() != 1289690940 {
		t.Errorf("%v, %v", d, err)
	}
	for _, s := range []string{"Fri, 01 Jan 2010 16:00:00 EST", "Fri, 01 Jan 2010 16:00:00 UTC", "", "1289690940"} {
		if d, err := ParseDate(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
}

func TestEventEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b  string
		equal bool
	}{
		{"refer;id=1", "refer;x=y;id=1", true},
		{"refer;id=1", "refer", false},
		{"reg", "Reg", false},
	} {
		a, err := ParseEvent(tt.a)
		b, err2 := ParseEvent(tt.b)
		if err != nil || err2 != nil || a.Equal(b) != tt.equal {
			t.Errorf("%q and %q: want %v (%v, %v)", tt.a, tt.b, tt.equal, err, err2)
		}
	}
}
