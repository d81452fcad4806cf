package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestENUMDomain(t *testing.T) {
	for number, want := range map[string]string{
		"+441632960083":         "3.8.0.0.6.9.2.3.6.1.4.4.e164.arpa",
		"+44-(1632)-960.083":    "3.8.0.0.6.9.2.3.6.1.4.4.e164.arpa",
		"441632960083":          "",
		"+":                     "",
		"+12a":                  "",
		"+1234567890123456":     "",
		"+44\u06f1":             "",
		"":                      "",
		"+123456789012345":      "5.4.3.2.1.0.9.8.7.6.5.4.3.2.1.e164.arpa",
		"tel:+441632960083":     "",
		"+44;phone-context=foo": "",
	} {
		got, err := ENUM{}.Domain(number)
		if got != want || (want == "") != errors.Is(err, ErrNotE164) {
			t.Errorf("%q: %q, %v, want %q", number, got, err, want)
		}
	}
	if got, _ := (ENUM{Suffix: ".e164enum.net."}).Domain("+12"); got != "2.1.e164enum.net" {
		t.Error(got)
	}
}

func TestSubstitute(t *testing.T) {
	for _, c := range []struct{ expr, in, want string }{
		{`!^.*$!sip:info@example.com!`, "+441632960083", "sip:info@example.com"},
		{`!^\+44(.*)$!sip:0\1@example.com!`, "+441632960083", "sip:01632960083@example.com"},
		{`/^\+(.)(.)(.*)$/sip:\3-\2-\1@h/`, "+441632960083", "sip:1632960083-4-4@h"},
		{`!^(\+441632960083)$!tel:\1!i`, "+441632960083", "tel:+441632960083"},
		{`!^.*$!sip:a\!b@h!`, "+1", "sip:a!b@h"},
		{`!^\+(1|12|123)!sip:\1@h!`, "+1234", "sip:123@h"}, // POSIX: the longest
		{`!^\+1(.*)$!\1!`, "+12", ""},
		{`!^\+2!sip:x@h!`, "+1", ""},
		{`!^.*$!sip:\2@h!`, "+1", ""},
		{`!^.*$!sip:x@h`, "+1", ""},
		{`!^.*$!sip:x@h!!`, "+1", ""},
		{`!^.*$!sip:x@h!x`, "+1", ""},
		{`!(((!sip:x@h!`, "+1", ""},
		{`!(a{1000}){1000}!sip:x@h!`, "+1", ""},
		{``, "+1", ""},
		{`!`, "+1", ""},
		{`!!!`, "+1", ""},
		{`1.1sip:x1`, "+1", ""},
	} {
		got, err := substitute(c.expr, c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s on %s: %q, %v, want %q", c.expr, c.in, got, err, c.want)
		}
	}
}

var enumZone = zone{
	"NAPTR 1.1.1.e164.arpa": {
		`100 20 "u" "E2U+email:mailto" "!^.*$!mailto:info@example.com!" .`,
		`100 10 "u" "E2U+sip" "!^\\+(.*)$!sip:\\1@example.com!" .`,
		`90 1 "u" "X2Y+sip" "!^.*$!sip:wrong@example.com!" .`,
		`90 1 "k" "E2U+sip" "!^.*$!sip:wrong@example.com!" .`,
		`90 1 "u" "E2U+P-private" "!^.*$!sip:private@example.com!" .`,
		`90 2 "u" "sip+E2U" "!^.*$!sip:old@example.com!" .`,
		`200 1 "U" "e2u+voice:tel+sms:tel" "!^.*$!tel:+111!" .`,
	},
	// Non-terminal records: followed in their place, loops left out.
	"NAPTR 2.1.1.e164.arpa":  {`10 10 "" "" "" next.test.`, `20 10 "u" "E2U+sip" "!^.*$!sip:last@h!" .`},
	"NAPTR next.test":        {`10 10 "" "E2U+sip" "" 2.1.1.e164.arpa.`, `10 15 "" "" "" gone.test.`, `10 20 "u" "E2U+sip" "!^.*$!sip:next@h!" .`},
	"NAPTR gone.test":        {"error"},
	"NAPTR 3.1.1.e164.arpa":  {`10 10 "" "" "" d1.test.`},
	"NAPTR d1.test":          {`10 10 "" "" "" d2.test.`},
	"NAPTR d2.test":          {`10 10 "" "" "" d3.test.`},
	"NAPTR d3.test":          {`10 10 "" "" "" d4.test.`},
	"NAPTR d4.test":          {`10 10 "" "" "" d5.test.`, `10 10 "u" "E2U+sip" "!^.*$!sip:four@h!" .`},
	"NAPTR d5.test":          {`10 10 "" "" "" d6.test.`, `10 10 "u" "E2U+sip" "!^.*$!sip:five@h!" .`},
	"NAPTR d6.test":          {`10 10 "u" "E2U+sip" "!^.*$!sip:six@h!" .`},
	"NAPTR 4.1.1.e164.arpa":  {"error"},
	"NAPTR 6.1.1.enum.local": {`10 10 "u" "E2U+P-private" "!^.*$!sip:private@h!" .`},
}

func TestENUMLookup(t *testing.T) {
	for _, c := range []struct {
		e      ENUM
		number string
		want   []string
		err    error
	}{
		{ENUM{}, "+111", []string{"sip:old@example.com [sip]", "sip:111@example.com [sip]", "mailto:info@example.com [email:mailto]", "tel:+111 [voice:tel sms:tel]"}, nil},
		{ENUM{}, "+112", []string{"sip:next@h [sip]", "sip:last@h [sip]"}, nil},
		{ENUM{}, "+113", []string{"sip:five@h [sip]", "sip:four@h [sip]"}, nil},
		{ENUM{}, "+114", nil, errServFail},
		{ENUM{}, "+115", nil, nil},
		{ENUM{Suffix: "enum.local", Private: true}, "+116", []string{"sip:private@h [P-private]"}, nil},
		{ENUM{}, "116", nil, ErrNotE164},
		{ENUM{MaxRecords: 1}, "+111", nil, nil},
	} {
		c.e.Resolver = enumZone
		got, err := c.e.Lookup(t.Context(), c.number)
		var s []string
		for _, r := range got {
			s = append(s, fmt.Sprintf("%s [%s]", r.URI, strings.Join(r.Services, " ")))
		}
		if d := cmp.Diff(c.want, s); d != "" || !errors.Is(err, c.err) {
			t.Errorf("%s: %v\n%s", c.number, err, d)
		}
	}
}

// wide is a tree of non-terminal records without end.
type wide struct {
	zone
	asked int
}

func (w *wide) LookupNAPTR(_ context.Context, name string) (out []NAPTR, err error) {
	w.asked++
	for i := range 50 {
		out = append(out, NAPTR{Replacement: fmt.Sprintf("x%d.%s", i, name)})
	}
	return out, nil
}

func TestENUMIsBounded(t *testing.T) {
	w := &wide{}
	e := ENUM{Resolver: w}
	if got, err := e.Lookup(t.Context(), "+1"); len(got) > 0 || err != nil || w.asked > 200 {
		t.Errorf("%v, %v after %d questions", got, err, w.asked)
	}
}

func ExampleENUM_Lookup() {
	e := ENUM{Resolver: enumZone}
	results, err := e.Lookup(context.Background(), "+111")
	for _, r := range results {
		if r.HasService("sip") {
			fmt.Println(r.URI)
			break
		}
	}
	fmt.Println(err)
	// Output:
	// sip:old@example.com
	// <nil>
}
