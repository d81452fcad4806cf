package as

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/sip"
)

func params(t testing.TB, s string) sip.Params {
	t.Helper()
	p, err := sip.ParseParams(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func diffNumbers(want, got any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b sip.Params) bool { return a == b }))
}

func TestNumberOf(t *testing.T) {
	for _, c := range []struct {
		uri, digits, context, params string
		lenient                      bool
		err                          error
	}{
		// RFC 3966 section 6
		{uri: "tel:+1-201-555-0123", digits: "+12015550123"},
		{uri: "tel:7042;phone-context=example.com", digits: "7042", context: "example.com"},
		{uri: "tel:863-1234;phone-context=+1-914-555", digits: "8631234", context: "+1914555"},
		{uri: "tel:+1-201-555-0123;phone-context=example.com", digits: "+12015550123"},
		{uri: "tel:*21%2349#;phone-context=a.b", err: ErrNotNumber},
		{uri: "tel:1234;isub=1411;ext=12;cpc=payphone;phone-context=x", digits: "1234", context: "x", params: ";ext=12;isub=1411;cpc=payphone"},
		// RFC 3261 section 19.1.6
		{uri: "sip:+358-555-1234567;postd=pp22@foo.com;user=phone", digits: "+3585551234567", params: ";postd=pp22"},
		{uri: "sip:110;phone-context=example.org@example.org;user=phone", digits: "110", context: "example.org"},
		{uri: "sip:%2B493012345@192.0.2.1;user=PHONE", digits: "+493012345"},
		{uri: "sip:*21%23@h;user=phone", digits: "*21#"},
		{uri: "sip:030123@h", err: ErrNotNumber},
		{uri: "sip:030123@h", lenient: true, digits: "030123"},
		{uri: "sip:beef@h", lenient: true, err: ErrNotNumber},
		{uri: "sip:beef@h;user=phone", digits: "BEEF"},
		{uri: "sip:alice@h;user=phone", err: ErrNotNumber},
		{uri: "sip:h;user=phone", err: ErrNotNumber},
		{uri: "urn:service:sos", err: ErrNotNumber},
		{uri: "tel:+1234567890123456", err: ErrTooLong},
		{uri: "tel:" + strings.Repeat("1", 41), err: ErrTooLong},
		{uri: "tel:1;phone-context=+", err: ErrBadContext},
		{uri: "tel:1;phone-context=a%20b", err: ErrBadContext},
		{uri: "sip:+@h;user=phone", err: ErrNotNumber},
	} {
		u, err := sip.ParseURI(c.uri)
		if err != nil {
			if c.err == nil {
				t.Errorf("%s: %v", c.uri, err)
			}
			continue
		}
		n, err := NumberOf(u, c.lenient)
		if !errors.Is(err, c.err) || c.err != nil && err == nil {
			t.Errorf("%s: %v, want %v", c.uri, err, c.err)
		}
		want := Number{c.digits, c.context, params(t, c.params)}
		if c.err != nil {
			want = Number{}
		}
		if d := diffNumbers(want, n); d != "" {
			t.Errorf("%s:\n%s", c.uri, d)
		}
	}
}

func TestNumberWritten(t *testing.T) {
	for _, c := range []struct{ in, tel, sip string }{
		{"+49 (30) 123-45", "tel:+493012345", "sip:+493012345@h:5070;user=phone"},
		{"110", "tel:110;phone-context=home.example", "sip:110@h:5070;user=phone"},
		{"*21#;phone-context=A.example", "tel:*21#;phone-context=a.example", "sip:*21%23;phone-context=a.example@h:5070;user=phone"},
		{"12;rn=+1-2;ext=5;phone-context=a", "tel:12;ext=5;phone-context=a;rn=+1-2", "sip:12;ext=5;phone-context=a;rn=+1-2@h:5070;user=phone"},
		{"12;extra=1;phone-context=a", "tel:12;phone-context=a;extra=1", "sip:12;phone-context=a;extra=1@h:5070;user=phone"},
	} {
		n, err := ParseNumber(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Tel("home.example").String(); got != c.tel {
			t.Errorf("%s: %s, want %s", c.in, got, c.tel)
		}
		u, err := n.SIP("h:5070")
		if err != nil || u.String() != c.sip {
			t.Errorf("%s: %s %v, want %s", c.in, u, err, c.sip)
		}
	}
	n, _ := ParseNumber("1")
	if _, err := n.SIP("not a host"); err == nil {
		t.Error("a host with blanks was accepted")
	}
}

var (
	germany = PlanConfig{Country: "49", National: "0", Area: "30", Short: []string{`11[0-9]`, `[1-9][0-9]{2}`},
		Contexts: []string{"ims.example.org"}}
	america = PlanConfig{Country: "1", National: "1", International: []string{"011"}, Lengths: []int{10}}
	denmark = PlanConfig{Country: "45", Lengths: []int{8}}
	carrier = PlanConfig{Plain: true}
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		plan     PlanConfig
		in, want string
		err      error
	}{
		{germany, "+4930123", "+4930123", nil},
		{germany, "004930123", "+4930123", nil},
		{germany, "0891234", "+49891234", nil},
		{germany, "1234567", "+49301234567", nil},
		{germany, "110", "110", nil},
		{germany, "456", "456", nil},
		{germany, "*21#", "*21#", nil},
		{germany, "0012125550123", "+12125550123", nil},
		{germany, "1234567;phone-context=ims.example.org", "+49301234567", nil},
		{germany, "1234567;phone-context=geo-local.ims.example.org", "+49301234567", nil},
		{germany, "1234567;phone-context=notims.example.org", "1234567;phone-context=notims.example.org", ErrNoContext},
		{germany, "456;phone-context=ims.example.org", "456;phone-context=ims.example.org", nil},
		{germany, "0891234;phone-context=+49", "+49891234", nil},
		{germany, "12345;phone-context=+4930", "+493012345", nil},
		{germany, "863-1234;phone-context=+1-914-555", "8631234;phone-context=+1914555", ErrNoContext},
		{germany, "0049123456789012345", "0049123456789012345", ErrTooLong},
		{germany, "00", "+490", nil},
		{america, "12125550123", "+12125550123", nil},
		{america, "2125550123", "+12125550123", nil},
		{america, "5550123", "5550123", nil},
		{america, "011493012345", "+493012345", nil},
		{america, "911", "911", nil},
		{denmark, "12345678", "+4512345678", nil},
		{denmark, "112", "112", nil},
		{carrier, "493012345", "+493012345", nil},
		{carrier, "00493012345", "+493012345", nil},
		{carrier, "030", "030", nil},
		{PlanConfig{}, "0301234", "0301234", nil},
		{PlanConfig{}, "0049301234", "+49301234", nil},
		{PlanConfig{Country: "49"}, "301234;phone-context=+49", "+49301234", nil},
	} {
		p, err := NewPlan(c.plan)
		if err != nil {
			t.Fatal(err)
		}
		n, err := ParseNumber(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Normalize(n)
		if !errors.Is(err, c.err) || got.String() != c.want {
			t.Errorf("%s in +%s: %s %v, want %s %v", c.in, c.plan.Country, got, err, c.want, c.err)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		plan     PlanConfig
		form     Form
		in, want string
	}{
		{germany, FormE164, "+4930123456", "+4930123456"},
		{germany, FormInternational, "+4930123456", "004930123456"},
		{germany, FormNational, "+4930123456", "030123456"},
		{germany, FormSubscriber, "+4930123456", "123456"},
		{germany, FormPlain, "+4930123456", "4930123456"},
		{germany, FormNational, "+12125550123", "0012125550123"},
		{germany, FormSubscriber, "+49891234", "0891234"},
		{germany, FormSubscriber, "+4930110", "030110"}, // 110 is the police
		{germany, FormSubscriber, "+493001", "03001"},   // 01 would be another area
		{germany, FormNational, "+490123", "00490123"},  // 00123 would be abroad
		{germany, FormNational, "110", "110"},           // local stays
		{america, FormNational, "+12125550123", "12125550123"},
		{america, FormInternational, "+493012345", "011493012345"},
		{denmark, FormNational, "+4512345678", "12345678"},
		{denmark, FormNational, "+45123456789", "0045123456789"}, // of no national length
		{carrier, FormPlain, "+493012345", "493012345"},
	} {
		p, err := NewPlan(c.plan)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := ParseNumber(c.in)
		if got := p.Format(n, c.form); got.Digits != c.want {
			t.Errorf("%s as %v: %s, want %s", c.in, c.form, got, c.want)
		}
	}
}

func TestPlanErrors(t *testing.T) {
	for _, c := range []PlanConfig{
		{Country: "x"}, {Country: "0"}, {Country: "1234"}, {National: "0"}, {Lengths: []int{3}}, {International: []string{""}},
		{Short: []string{"("}}, {Contexts: []string{"a b"}}, {Country: "49", Area: "3x"},
	} {
		if _, err := NewPlan(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

// What Format writes, Normalize makes the same number of again, whatever the plan.
func TestFormatNormalizeProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + rnd.IntN(10))
		}
		return string(b)
	}
	for range 200 {
		cfg := PlanConfig{Country: strings.TrimLeft(digits(1+rnd.IntN(3)), "0"), Plain: rnd.IntN(3) == 0}
		if cfg.Country != "" {
			cfg.National = digits(rnd.IntN(2))
			cfg.Area = digits(rnd.IntN(3))
			if rnd.IntN(2) == 0 {
				cfg.Lengths = []int{rnd.IntN(12)}
			}
		}
		if rnd.IntN(2) == 0 {
			cfg.International = []string{digits(1 + rnd.IntN(3)), "00"}
		}
		if rnd.IntN(2) == 0 {
			cfg.Short = []string{digits(1) + "[0-9]+"}
		}
		p, err := NewPlan(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			d := digits(1 + rnd.IntN(15))
			if rnd.IntN(2) == 0 {
				d = (cfg.Country + cfg.Area + digits(1+rnd.IntN(6)))
			}
			n := Number{Digits: "+" + d}
			for f := FormE164; f <= FormPlain; f++ {
				if f == FormPlain && !cfg.Plain {
					continue
				}
				out := p.Format(n, f)
				back, err := p.Normalize(out)
				if err != nil || back != n {
					t.Fatalf("%+v: %v as %v is %v, which is %v %v", cfg, n, f, out, back, err)
				}
			}
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"tel:+1-201-555-0123", "tel:7042;phone-context=example.com;ext=1;isub=2;rn=+1", "sip:+49;a=b@h;user=phone",
		"sip:*21%23;phone-context=+1@h;user=phone", "sip:030@h", "tel:1;x=%3B%5b;y"} {
		f.Add(s)
	}
	plan, err := NewPlan(germany)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := sip.ParseURI(s)
		if err != nil {
			return
		}
		n, err := NumberOf(u, true)
		if err != nil {
			var e *NumberError
			if !errors.As(err, &e) {
				t.Fatalf("%q: %T", s, err)
			}
			return
		}
		tel := n.Tel("c.example")
		m, err := NumberOf(tel, false)
		if err != nil {
			t.Fatalf("%q: tel %q: %v", s, tel, err)
		}
		if n.Context == "" && !n.IsGlobal() {
			n.Context = "c.example"
		}
		if tel.Params.Len() > 0 && n.Params.Len() > 0 && m.Params.Len() == 0 {
			m.Params = n.Params // of those that a URI cannot carry
		}
		if m.Digits != n.Digits || m.Context != n.Context {
			t.Fatalf("%q: %v became %v by tel", s, n, m)
		}
		su, err := m.SIP("h.example")
		if err == nil {
			k, err := NumberOf(su, false)
			if err != nil || k.Digits != m.Digits || k.Context != m.Context || k.Params.Len() != m.Params.Len() {
				t.Fatalf("%q: %v became %v %v by %s", s, m, k, err, su)
			}
		}
		once, err := plan.Normalize(n)
		if err == nil {
			if twice, err := plan.Normalize(once); err != nil || twice != once {
				t.Fatalf("%q: normalized to %v, then to %v %v", s, once, twice, err)
			}
		}
	})
}
