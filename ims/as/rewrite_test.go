package as

import (
	"errors"
	"strings"
	"testing"

	"github.com/gotelco/telco/sip"
)

func TestRewrite(t *testing.T) {
	for _, c := range []struct {
		list     []Rewrite
		in, want string
	}{
		{nil, "1", "1"},
		{[]Rewrite{{Prefix: "00", Strip: 2, Add: "+"}}, "0049", "+49"},
		{[]Rewrite{{Prefix: "00", Strip: 2, Add: "+"}}, "149", "149"},
		{[]Rewrite{{Match: `^0([1-9]\d*)$`, Replace: "+49$1"}}, "030", "+4930"},
		{[]Rewrite{{Match: `^(?P<a>\d{2})(?P<b>\d+)$`, Replace: "${b}-${a}$$"}}, "1234", "34-12$"},
		{[]Rewrite{{Match: `5`, Replace: "6"}}, "1515", "1615"},
		{[]Rewrite{{Match: `^1`, Strip: 1, Add: "2"}}, "15", "25"},
		{[]Rewrite{{Strip: 10}}, "15", ""},
		{[]Rewrite{{Add: "9", Continue: true}, {Prefix: "91", Strip: 2}, {Add: "7"}}, "15", "5"},
		{[]Rewrite{{Add: "9", Continue: true}, {Prefix: "92", Strip: 2}, {Add: "7"}}, "15", "7915"},
		{[]Rewrite{{Prefix: "1", Clear: true}}, "15", ""},
		{[]Rewrite{{Match: `^(.*)$`, Replace: "$1$1", Continue: true}, {Match: `^(.*)$`, Replace: "$1$1$1$1", Continue: true}},
			strings.Repeat("1", 100), strings.Repeat("1", 256)},
	} {
		l, err := compileRewrites(c.list)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.apply(c.in); got != c.want {
			t.Errorf("%v: %q became %q, want %q", c.list, c.in, got, c.want)
		}
	}
	for _, bad := range []Rewrite{{Match: "("}, {Strip: -1}, {Replace: "x"}, {Match: "a", Prefix: "b"}, {Clear: true, Add: "1"}} {
		if _, err := NewBorder(BorderConfig{CallingOut: []Rewrite{bad}}); err == nil || !strings.Contains(err.Error(), "calling_out") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestPartyOfText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"+49 30-1", "+49301"}, {"*21#", "*21#"}, {"tel:A1;phone-context=x", "A1"}, {"alice@Example.org", "alice@example.org"},
		{"sip:+4930@h;user=phone", "+4930"}, {"sip:030@h", "030@h"}, {"urn:service:sos", "urn:service:sos"},
		{"alice@h:5070", "alice@h"}, {"sip:h", "h"}, {"", ""}, {"cafe", "error"}, {"a b@c", "error"}, {"1234567890123456789012345678901234567890123", "error"},
	} {
		p, err := partyOfText(c.in)
		got := p.String()
		if err != nil {
			got = "error"
			var e *NumberError
			if !errors.As(err, &e) {
				t.Errorf("%q: %T", c.in, err)
			}
		}
		if got != c.want {
			t.Errorf("%q is %q, want %q (%v)", c.in, got, c.want, err)
		}
	}
}

func TestBorder(t *testing.T) {
	trunk, err := NewBorder(BorderConfig{Plan: PlanConfig{Country: "49", National: "0", Short: []string{"1[0-9]{2}"}}, Form: FormNational, URI: URIPlain,
		CalledIn:   []Rewrite{{Prefix: "1234#", Strip: 5}},
		CallingIn:  []Rewrite{{Match: "^anonymous@", Clear: true}},
		CalledOut:  []Rewrite{{Prefix: "0", Add: "99"}, {Match: "^alice@.*", Replace: "4711"}, {Prefix: "100", Clear: true}},
		CallingOut: []Rewrite{{Match: `^0(\d+)$`, Replace: "+49$1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	uri := func(s string) sip.URI {
		u, err := sip.ParseURI(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for in, want := range map[string]string{
		"sip:1234%23030555@192.0.2.1": "+4930555", "sip:+4930555@192.0.2.1;user=phone": "+4930555", "sip:112@x": "112", "sip:bob@X": "bob@x",
	} {
		p, err := trunk.CalledIn(uri(in))
		if err != nil || p.String() != want {
			t.Errorf("%s: %v %v, want %v", in, p, err, want)
		}
	}
	for in, want := range map[string]string{
		"+4930555": "sip:99030555@gw:5070", "+12125550123": "sip:990012125550123@gw:5070", "112": "sip:112@gw:5070",
		"alice@example.org": "sip:4711@gw:5070", "bob@example.org": "sip:bob@example.org", "100": "",
	} {
		p, err := partyOfText(in)
		if err != nil {
			t.Fatal(err)
		}
		u, err := trunk.CalledOut(p, "gw:5070")
		if u.String() != want && (err == nil || want != "") {
			t.Errorf("%s: %v %v, want %v", in, u, err, want)
		}
		if want == "" && !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: %v", in, err)
		}
	}
	n, _ := ParseNumber("+4930555")
	if p := trunk.CallingOut(Party{Number: n, Name: "Bob"}); p.Number.Digits != "+4930555" || p.Name != "Bob" {
		t.Errorf("calling out: %+v", p)
	}

	home, err := NewBorder(BorderConfig{Plan: PlanConfig{Contexts: []string{"Home.Example"}}, URI: URITel})
	if err != nil {
		t.Fatal(err)
	}
	n, _ = ParseNumber("*21#")
	if u, err := home.CalledOut(Party{Number: n}, "ignored"); err != nil || u.String() != "tel:*21#;phone-context=home.example" {
		t.Errorf("%v %v", u, err)
	}
	if u, err := home.URI(Party{}, "h"); err != nil || u.String() != "sip:anonymous@anonymous.invalid" {
		t.Errorf("%v %v", u, err)
	}
}

func TestCalling(t *testing.T) {
	b, err := NewBorder(BorderConfig{Plan: germany})
	if err != nil {
		t.Fatal(err)
	}
	const (
		from = `"Bob" <sip:030555@h>;tag=1`
		sipP = `"Alice" <sip:alice@example.org>`
		telP = `<tel:+4930777>`
	)
	for _, c := range []struct {
		name    string
		fields  []string // name, value, …
		trusted bool
		want    Party
	}{
		{"from", []string{"From", from}, true, Party{Number: Number{Digits: "+4930555"}, Name: "Bob"}},
		{"not trusted", []string{"From", from, "P-Asserted-Identity", telP}, false, Party{Number: Number{Digits: "+4930555"}, Name: "Bob"}},
		{"asserted", []string{"From", from, "P-Asserted-Identity", sipP}, true, Party{URI: "sip:alice@example.org", Name: "Alice"}},
		{"the number", []string{"From", from, "P-Asserted-Identity", sipP + ", " + telP}, true, Party{Number: Number{Digits: "+4930777"}}},
		{"private", []string{"From", "<sip:anonymous@anonymous.invalid>", "P-Asserted-Identity", telP, "Privacy", "id"}, true,
			Party{Number: Number{Digits: "+4930777"}, Private: true}},
		{"anonymous", []string{"From", "<sip:anonymous@anonymous.invalid>;tag=1"}, true, Party{Private: true}},
		{"nobody", nil, true, Party{}},
	} {
		var h sip.Header
		for i := 0; i < len(c.fields); i += 2 {
			h.Add(c.fields[i], c.fields[i+1])
		}
		if d := diffNumbers(c.want, b.CallingIn(&h, c.trusted)); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
}

func TestNames(t *testing.T) {
	var s Side
	if err := s.UnmarshalText([]byte("Trunk")); err != nil || s != SideTrunk {
		t.Error(s, err)
	}
	if err := s.UnmarshalText([]byte("")); err == nil {
		t.Error("empty side")
	}
	if Side(9).String() != "side(9)" || Side(0).String() != "side(0)" {
		t.Error(Side(9), Side(0))
	}
	var c SessionCase
	if err := c.UnmarshalText([]byte("x")); err == nil || !strings.Contains(err.Error(), "none, orig, term, orig-cdiv") {
		t.Error(err)
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add("^0(.*)$", "+49$1", "030", 1, "9")
	f.Add("", "", "alice@example.org", 3, "")
	f.Fuzz(func(t *testing.T, match, replace, in string, strip int, add string) {
		l, err := compileRewrites([]Rewrite{{Match: match, Replace: replace, Strip: strip, Add: add, Continue: true}})
		if err != nil {
			return
		}
		out := l.apply(in)
		if len(out) > maxText && len(out) > len(in) {
			t.Fatalf("%d octets", len(out))
		}
		p, err := partyOfText(in)
		if err != nil {
			return
		}
		if _, err := l.party(p); err != nil {
			var e *NumberError
			if !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
		}
	})
}
