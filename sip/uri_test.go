package sip

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustURI(t testing.TB, s string) URI {
	t.Helper()
	u, err := ParseURI(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return u
}

func TestParseURI(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want URI
		out  string // "" if it is in
	}{
		{"sip:alice@atlanta.com", URI{Scheme: "sip", User: "alice", Host: "atlanta.com"}, ""},
		{"sip:alice:secretword@atlanta.com;transport=tcp", URI{Scheme: "sip", User: "alice", Password: "secretword", Host: "atlanta.com", Params: Params{";transport=tcp"}}, ""},
		{"sips:alice@atlanta.com?subject=project%20x&priority=urgent", URI{Scheme: "sips", User: "alice", Host: "atlanta.com", Headers: "subject=project%20x&priority=urgent"}, ""},
		{"sip:+1-212-555-1212:1234@gateway.com;user=phone", URI{Scheme: "sip", User: "+1-212-555-1212", Password: "1234", Host: "gateway.com", Params: Params{";user=phone"}}, ""},
		{"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", URI{Scheme: "sip", Host: "atlanta.com", Params: Params{";method=REGISTER"}, Headers: "to=alice%40atlanta.com"}, ""},
		{"sip:alice;day=tuesday@atlanta.com", URI{Scheme: "sip", User: "alice;day=tuesday", Host: "atlanta.com"}, ""},
		{"SIP:1.2.3.4:5060", URI{Scheme: "sip", Host: "1.2.3.4", Port: 5060}, "sip:1.2.3.4:5060"},
		{"sip:a@[2001:db8::1]:5070;lr", URI{Scheme: "sip", User: "a", Host: "[2001:db8::1]", Port: 5070, Params: Params{";lr"}}, ""},
		{"sip:a;lr;", URI{Scheme: "sip", Host: "a", Params: Params{";lr"}}, "sip:a;lr"},
		{"tel:+1-201-555-0123", URI{Scheme: "tel", User: "+1-201-555-0123"}, ""},
		{"tel:7042;phone-context=example.com", URI{Scheme: "tel", User: "7042", Params: Params{";phone-context=example.com"}}, ""},
		{"tel:*21#;phone-context=+1", URI{Scheme: "tel", User: "*21#", Params: Params{";phone-context=+1"}}, ""},
		{"urn:service:sos.fire", URI{Scheme: "urn", Opaque: "service:sos.fire"}, ""},
		{"HTTP://example.com/a?b=c;d", URI{Scheme: "http", Opaque: "//example.com/a?b=c;d"}, "http://example.com/a?b=c;d"},
	} {
		u := mustURI(t, tt.in)
		if diff := cmp.Diff(tt.want, u, cmp.AllowUnexported(Params{})); diff != "" {
			t.Errorf("%q: %s", tt.in, diff)
		}
		out := tt.out
		if out == "" {
			out = tt.in
		}
		if got := u.String(); got != out {
			t.Errorf("%q is written as %q", tt.in, got)
		}
	}
	for _, s := range []string{
		"", ":", "sip", "sip:", "sip:@", "sip:@host", "sip::pw@host", "sip:a b", "sip:a@", "sip:a:", "sip:a:0", "sip:a:65536", "sip:a:b",
		"sip:[::1", "sip:[::1]x", "sip:[1.2.3.4]", "sip:[::g]", "sip:a@b@c", "sip:a/b", "sip:<a>", "sip:a\r\nb", "sip:a;x=\"", "tel:", "tel:+", "tel:+1a",
		"tel:abcdefg", "1sip:a", "s p:a", "urn:", "urn:a b", "sip:a\x00@b",
	} {
		if u, err := ParseURI(s); err == nil {
			t.Errorf("%q parses as %+v", s, u)
		}
	}
	for _, s := range []string{"sip:a_b", "sip:u#@h", "sip:u%zz@h", "sip:a;;lr", "sip:a;x=", "tel:911"} {
		if _, err := parseURI(s, false); err != nil {
			t.Errorf("lenient %q: %v", s, err)
		}
		if _, err := parseURI(s, true); err == nil {
			t.Errorf("strict accepts %q", s)
		}
	}
}

// TestURIEqual has the examples of RFC 3261 section 19.1.4 and RFC 3966 section 4.
func TestURIEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b  string
		equal bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false}, // user
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},                              // port
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},                     // transport
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
		{"sip:bob@biloxi.com", "sips:bob@biloxi.com", false},
		{"sip:bob@biloxi.com", "sip:bob:pw@biloxi.com", false},
		{"sip:biloxi.com", "sip:bob@biloxi.com", false},
		{"sip:a@b;maddr=1.2.3.4", "sip:a@b", false},
		{"sip:a@b;ttl=1", "sip:a@b", false},
		{"sip:a@b;user=phone", "sip:a@b", false},
		{"sip:a@b;method=INVITE", "sip:a@b", false},
		{"sip:a@b;%6cr", "sip:a@b;lr", true},
		{"sip:a@b;x=%41", "sip:a@b;x=a", true},
		{"sip:a%3Bb@c", "sip:a;b@c", false}, // a reserved character is not its escape
		{"sip:a%3bb@c", "sip:a%3Bb@c", true},
		{"sip:a%2541@c", "sip:a%41@c", false}, // escapes are resolved once
		{"sip:[2001:db8::1]", "sip:[2001:DB8:0::1]", true},
		{"sip:a@b?x=1&x=2", "sip:a@b?x=1", false},
		{"tel:+1-201-555-0123", "tel:+1(201)555.0123", true},
		{"tel:+12015550123", "tel:2015550123", false},
		{"tel:+1201;ext=1-2", "tel:+1201;ext=12", true},
		{"tel:+1201;ext=1", "tel:+1201", false},
		{"tel:7042;phone-context=+1-914", "tel:7042;phone-context=+1914", true},
		{"tel:7042;phone-context=example.com", "tel:7042;phone-context=EXAMPLE.com", true},
		{"tel:7042;phone-context=example.com", "tel:7042;phone-context=example.net", false},
		{"tel:1;a=1;b=2", "tel:1;B=2;A=1", true},
		{"urn:service:sos", "URN:SERVICE:SOS", true},
		{"urn:service:sos", "urn:service:sos.fire", false},
		{"urn:uuid:A", "urn:uuid:a", false},
		{"http://a", "http://a", true},
		{"http://a", "http://b", false},
	} {
		a, b := mustURI(t, tt.a), mustURI(t, tt.b)
		if a.Equal(b) != tt.equal || b.Equal(a) != tt.equal {
			t.Errorf("%q and %q: %v, %v, want %v", tt.a, tt.b, a.Equal(b), b.Equal(a), tt.equal)
		}
		if !a.Equal(a) || !b.Equal(b) {
			t.Errorf("%q or %q is not equal to itself", tt.a, tt.b)
		}
	}
}

// TestHostileComparisons: what two peers send cannot make a comparison cost the product of it.
func TestHostileComparisons(t *testing.T) {
	many := strings.Repeat(";a", 20000)
	a, b := mustURI(t, "sip:a"+many+";b=1"), mustURI(t, "sip:a"+many+";b=2")
	if a.Equal(b) || !a.Equal(a) {
		t.Error("many parameters")
	}
	a, b = mustURI(t, "sip:a?"+strings.Repeat("a=1&", 20000)), mustURI(t, "sip:a?"+strings.Repeat("a=2&", 20000))
	if a.Equal(b) || !a.Equal(a) {
		t.Error("many headers")
	}
	a, b = mustURI(t, "tel:+1"+many+";b=1"), mustURI(t, "tel:+1"+many+";b=2")
	if a.Equal(b) || !a.Equal(a) {
		t.Error("many tel parameters")
	}
	r := withHeader(t, "Route: "+strings.Repeat("<", 60000)+"\r\nRequire: "+strings.Repeat("x,", 2000)+"\r\n")
	if n := r.Count("Route"); n != 1 {
		t.Errorf("%d routes", n)
	}
	if n := len(r.Unsupported("Require", nil)); n != 32 {
		t.Errorf("%d unsupported tags", n)
	}
}

func TestEscapes(t *testing.T) {
	for _, tt := range []struct{ in, user, param, header string }{
		{"alice", "alice", "alice", "alice"},
		{"a b@c", "a%20b%40c", "a%20b%40c", "a%20b%40c"},
		{"+1;x=y", "+1;x=y", "+1%3Bx%3Dy", "+1%3Bx%3Dy"},
		{"%", "%25", "%25", "%25"},
		{"é\x00", "%C3%A9%00", "%C3%A9%00", "%C3%A9%00"},
		{"a?b&c", "a?b&c", "a%3Fb&c", "a?b%26c"},
	} {
		got := []string{EscapeUser(tt.in), EscapeParam(tt.in), EscapeHeader(tt.in)}
		if diff := cmp.Diff([]string{tt.user, tt.param, tt.header}, got); diff != "" {
			t.Errorf("%q: %s", tt.in, diff)
		}
		for _, s := range got {
			if Unescape(s) != tt.in {
				t.Errorf("%q -> %q -> %q", tt.in, s, Unescape(s))
			}
		}
	}
	if got := Unescape("%4%41%zz%"); got != "%4A%zz%" {
		t.Errorf("stray percent signs: %q", got)
	}
}

func TestNumber(t *testing.T) {
	for uri, want := range map[string]string{
		"tel:+1-201-555-0123":                     "+12015550123",
		"tel:7042;phone-context=example.com":      "7042",
		"sip:+1-212-555-1212;ext=9@gw;user=phone": "+12125551212",
		"sip:%2B1212@gw;user=phone":               "+1212",
		"sip:1212@gw":                             "",
		"urn:service:sos":                         "",
	} {
		if got := mustURI(t, uri).Number(); got != want {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
}

func TestURIText(t *testing.T) {
	var v struct{ Target URI }
	if err := json.Unmarshal([]byte(`{"Target":"sip:a@b;lr"}`), &v); err != nil || !v.Target.LR() {
		t.Errorf("%+v, %v", v, err)
	}
	b, err := json.Marshal(v)
	if err != nil || string(b) != `{"Target":"sip:a@b;lr"}` {
		t.Errorf("%s, %v", b, err)
	}
	if err := json.Unmarshal([]byte(`{"Target":"nothing"}`), &v); err == nil {
		t.Error("a bad URI was taken")
	}
}
