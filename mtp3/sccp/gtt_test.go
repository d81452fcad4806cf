package sccp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gotelco/telco/mtp3"
)

func e164(t testing.TB, s string) Address {
	return Address{HasSSN: true, SSN: HLR, GT: GlobalTitle{Format: GTAll, Plan: E164, Nature: InternationalNumber, Digits: digits(t, s)}}
}

func to(pc mtp3.PointCode) []Entity { return []Entity{{PC: pc}} }

// down are entities that cannot be used.
type down map[[2]int]ReturnCause

func (d down) Reach(pc mtp3.PointCode, ssn SSN) (bool, ReturnCause) {
	why, is := d[[2]int{int(pc), int(ssn)}]
	return !is, why
}

func TestTranslate(t *testing.T) {
	table, err := NewTable(mtp3.Format{}, []Rule{
		{Name: "germany", Match: Match{Plan: Is(E164), Digits: "49"}, To: to(1)},
		{Name: "berlin", Match: Match{Plan: Is(E164), Digits: "4930"}, To: to(2)},
		{Name: "berlin national", Match: Match{Plan: Is(E164), Nature: Is(NationalNumber), Digits: "30"}, To: to(3)},
		{Name: "berlin international", Match: Match{Plan: Is(E164), Nature: Is(InternationalNumber), Digits: "4930"}, To: to(4)},
		{Name: "wild", Match: Match{Digits: "49?1"}, To: to(5)},
		{Name: "range", Match: Match{Digits: "4417", Through: "4503"}, To: to(6)},
		{Name: "one number", Match: Match{Digits: "112", Whole: true}, To: to(7)},
		{Name: "imsi", Match: Match{Format: GTAll, Plan: Is(E212)}, To: to(8)},
		{Name: "tt", Match: Match{Format: GTTranslation, TT: Is(uint8(10))}, To: to(9)},
		{Name: "code 11", Match: Match{Digits: "1B"}, To: to(10)},
		{Name: "number with more", Match: Match{Digits: "49301"}, To: to(11)},
		{Name: "of a subsystem", Match: Match{Digits: "5", SSN: Is(HLR)}, To: to(12)},
		{Name: "wild before given", Match: Match{Digits: "6?11"}, To: to(13)},
		{Name: "given", Match: Match{Digits: "6111"}, To: to(14)},
	})
	if err != nil {
		t.Fatal(err)
	}
	gt := func(f GTFormat, tt uint8, p NumberingPlan, n NatureOfAddress, s string) GlobalTitle {
		return GlobalTitle{Format: f, TT: tt, Plan: p, Nature: n, Digits: digits(t, s)}
	}
	all := func(s string) GlobalTitle { return gt(GTAll, 0, E164, InternationalNumber, s) }
	for _, c := range []struct {
		gt    GlobalTitle
		rule  string
		cause ReturnCause
	}{
		{all("4989"), "germany", 0},
		{all("49"), "germany", 0},
		{all("49305"), "berlin international", 0},
		{all("493012"), "number with more", 0},
		{gt(GTNumberPlan, 0, E164, 0, "49305"), "berlin", 0},
		{gt(GTAll, 0, E164, NationalNumber, "305"), "berlin national", 0},
		{all("4921"), "wild", 0},
		{all("4931"), "wild", 0},
		{all("49A1"), "germany", 0},
		{all("4416"), "", NoTranslation},
		{all("44"), "", NoTranslation},
		{all("4417"), "range", 0}, {all("4420"), "range", 0}, {all("4499"), "range", 0}, {all("4500"), "range", 0}, {all("45039"), "range", 0},
		{all("4504"), "", NoTranslation}, {all("44A7"), "", NoTranslation},
		{all("112"), "one number", 0}, {all("1123"), "", NoTranslation},
		{gt(GTAll, 0, E212, InternationalNumber, "26201"), "imsi", 0},
		{gt(GTNumberPlan, 0, E212, 0, "26201"), "", NoTranslation},
		{gt(GTTranslation, 10, 0, 0, "5"), "tt", 0},
		{all("1B2"), "code 11", 0},
		{all("5"), "", NoTranslation},
		{all("6111"), "given", 0},
		{all("6211"), "wild before given", 0},
		{GlobalTitle{}, "", NoTranslationForNature},
	} {
		r := table.Translate(Query{Called: Address{GT: c.gt}}, nil)
		name := ""
		if r.Rule >= 0 {
			name = table.Rule(r.Rule).Name
		}
		if name != c.rule || r.OK != (c.rule != "") || r.Cause != c.cause || r.OK && r.PC != mtp3.PointCode(r.Rule+1) {
			t.Errorf("%v: rule %q cause %v, want %q %v", c.gt, name, r.Cause, c.rule, c.cause)
		}
		x := table.Explain(Query{Called: Address{GT: c.gt}}, nil)
		if x.Result.OK != r.OK || x.Result.Rule != r.Rule || x.Result.Cause != r.Cause {
			t.Errorf("%v: explained as %+v", c.gt, x.Result)
		}
	}
	if r := table.Translate(Query{Called: e164(t, "5")}, nil); r.PC != 12 {
		t.Errorf("of a subsystem: %+v", r)
	}
	if table.Hits(0) != 3 || table.Hits(6) != 1 {
		t.Errorf("hits %d and %d", table.Hits(0), table.Hits(6))
	}
	// No translation for the nature: every rule wants something that the title has not.
	if table, err = NewTable(mtp3.Format{}, []Rule{{Match: Match{Plan: Is(E164), Digits: "49"}, To: to(1)}}); err != nil {
		t.Fatal(err)
	}
	for g, want := range map[*GlobalTitle]ReturnCause{
		{Format: GTAll, Plan: E212, Digits: digits(t, "49")}:   NoTranslationForNature,
		{Format: GTTranslation, TT: 3, Digits: digits(t, "4")}: NoTranslationForNature,
		{Format: GTAll, Plan: E164, Digits: digits(t, "48")}:   NoTranslation,
	} {
		if r := table.Translate(Query{Called: Address{GT: *g}}, nil); r.OK || r.Cause != want {
			t.Errorf("%v: %+v, want %v", g, r, want)
		}
	}
	var none Translator
	if r := none.Translate(Query{Called: e164(t, "49")}, nil); r.OK || r.Cause != NoTranslationForNature {
		t.Errorf("no table: %+v", r)
	}
}

// Look-ups find what a plain reading of the rules finds, ranges included.
func TestTranslateAgainstPlainReading(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	number := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = '1' + byte(rnd.IntN(3))
		}
		return string(b)
	}
	for range 200 {
		var rules []Rule
		seen := map[Match]bool{}
		for range 1 + rnd.IntN(30) {
			m := Match{Digits: number(rnd.IntN(5))}
			switch rnd.IntN(4) {
			case 0:
				if hi := number(len(m.Digits)); hi >= m.Digits && hi != "" {
					m.Through = hi
				}
			case 1:
				m.Digits = strings.Replace(m.Digits, "2", "?", 1)
			}
			if rnd.IntN(3) == 0 {
				m.TT = Is(uint8(rnd.IntN(2)))
			}
			m.Whole = m.Digits != "" && rnd.IntN(4) == 0
			if !seen[m] {
				seen[m] = true
				rules = append(rules, Rule{Match: m, To: to(mtp3.PointCode(len(rules)))})
			}
		}
		table, err := NewTable(mtp3.Format{}, rules)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			g := GlobalTitle{Format: GTAll, TT: uint8(rnd.IntN(2)), Digits: digits(t, number(rnd.IntN(6)))}
			deepest := -1
			for i := range rules {
				m := &rules[i].Match
				if m.covers(g.Digits) && m.takes(&Address{GT: g}) && (!m.Whole || len(m.Digits) == g.Digits.n) {
					deepest = max(deepest, len(m.Digits))
				}
			}
			r := table.Translate(Query{Called: Address{GT: g}}, nil)
			if r.OK != (deepest >= 0) {
				t.Fatalf("%v: %+v, deepest %d in %+v", g, r, deepest, rules)
			}
			if r.OK {
				m := &rules[r.Rule].Match
				if len(m.Digits) != deepest || !m.covers(g.Digits) || !m.takes(&Address{GT: g}) {
					t.Fatalf("%v: %+v, want %d digits", g, m, deepest)
				}
			}
		}
	}
}

func TestTranslatedAddress(t *testing.T) {
	for _, c := range []struct {
		name string
		e    Entity
		in   Address
		want string
		ssn  bool
	}{
		{"kept", Entity{PC: 9}, e164(t, "4930123"), "GT E.164 international 4930123 SSN HLR", true},
		{"SSN replaced", Entity{PC: 9, SSN: VLR}, e164(t, "4930123"), "GT E.164 international 4930123 SSN VLR", true},
		{"again", Entity{PC: 9, RouteOnGT: true}, e164(t, "4930123"), "GT E.164 international 4930123 SSN HLR", false},
		{"point code kept up", Entity{PC: 9}, Address{HasPC: true, PC: 3, GT: e164(t, "1").GT}, "GT E.164 international 1 PC 9", true},
		{"stripped", Entity{PC: 9, GT: Change{Strip: 2}}, e164(t, "4930123"), "GT E.164 international 30123 SSN HLR", true},
		{"stripped of more than all", Entity{PC: 9, GT: Change{Strip: 20}}, e164(t, "4930123"), "GT E.164 international  SSN HLR", true},
		{"prefix for prefix", Entity{PC: 9, GT: Change{Strip: 2, Prefix: "0049", Nature: Is(UnknownNature)}}, e164(t, "493"), "GT E.164 unknown 00493 SSN HLR", true},
		{"replaced", Entity{PC: 9, GT: Change{Replace: "77B", TT: Is(uint8(5))}}, e164(t, "493"), "GT TT 5 E.164 international 77B SSN HLR", true},
		{"E.212 to E.214", Entity{PC: 9, RouteOnGT: true, GT: Change{Strip: 5, Prefix: "49171", Plan: Is(E214)}}, e164(t, "262011234567890"), "GT E.214 international 491711234567890 SSN HLR", false},
		{"another format", Entity{PC: 9, GT: Change{Format: GTTranslation, TT: Is(uint8(9))}}, e164(t, "12"), "GT TT 9 12 SSN HLR", true},
		{"removed", Entity{PC: 9, SSN: 12, GT: Change{Remove: true}}, e164(t, "12"), "SSN INAP", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, err := NewTable(mtp3.Format{}, []Rule{{To: []Entity{c.e}}})
			if err != nil {
				t.Fatal(err)
			}
			r := table.Translate(Query{Called: c.in}, nil)
			a, _ := r.Address(c.in, nil)
			if !r.OK || r.PC != 9 || a.String() != c.want || a.RouteOnSSN != c.ssn {
				t.Errorf("%+v: %v on SSN %v, want %v", r, a, a.RouteOnSSN, c.want)
			}
			if back, err := itu.ParseAddress(itu.AppendAddress(nil, a)); err != nil || !back.same(a) {
				t.Errorf("does not survive the wire: %v %v", back, err)
			}
		})
	}
}

func TestTranslationShares(t *testing.T) {
	entities := []Entity{{PC: 1, Weight: 2}, {PC: 2}, {PC: 3, Weight: 1}}
	count := func(share Share, class uint8, av Availability) (n [4]int) {
		t.Helper()
		table, err := NewTable(mtp3.Format{}, []Rule{{To: entities, Share: share}})
		if err != nil {
			t.Fatal(err)
		}
		var by [16]mtp3.PointCode
		for i := range 160 {
			q := Query{Called: e164(t, "1"), SLS: mtp3.SLS(i % 16), Class: class}
			r := table.Translate(q, av)
			n[r.PC]++
			if share != Spread || class == 1 {
				if was := by[i%16]; was != 0 && was != r.PC {
					t.Errorf("SLS %d went to %d, then to %d", i%16, was, r.PC)
				}
				by[i%16] = r.PC
			}
		}
		return n
	}
	first := down{{1, int(HLR)}: SubsystemFailure}
	all := down{{1, int(HLR)}: SubsystemFailure, {2, int(HLR)}: MTPFailure, {3, int(HLR)}: MTPFailure}
	for _, c := range []struct {
		share Share
		class uint8
		av    Availability
		want  [4]int
	}{
		{Ordered, 0, nil, [4]int{0, 160}},
		{Ordered, 0, first, [4]int{0, 0, 160}},
		{BySLS, 0, nil, [4]int{0, 80, 40, 40}},
		{BySLS, 1, first, [4]int{0, 0, 80, 80}},
		{Spread, 0, nil, [4]int{0, 80, 40, 40}},
		{Spread, 1, nil, [4]int{0, 80, 40, 40}},
		{Spread, 0, all, [4]int{160}},
	} {
		if got := count(c.share, c.class, c.av); got != c.want {
			t.Errorf("%v, class %d, %v: %v, want %v", c.share, c.class, c.av, got, c.want)
		}
	}
	table, _ := NewTable(mtp3.Format{}, []Rule{{To: entities, Share: BySLS}})
	if r := table.Translate(Query{Called: e164(t, "1")}, all); r.OK || r.Cause != SubsystemFailure || r.Rule != 0 {
		t.Errorf("all down: %+v", r)
	}
	// Only what has to move moves.
	for sls := range mtp3.SLS(16) {
		q := Query{Called: e164(t, "1"), SLS: sls, Class: 1}
		if a, b := table.Translate(q, nil), table.Translate(q, first); a.PC != 1 && a.PC != b.PC {
			t.Errorf("SLS %d moved from %d to %d", sls, a.PC, b.PC)
		}
	}
}

func TestRuleErrors(t *testing.T) {
	for _, c := range []struct {
		r     Rule
		field string
		want  error
	}{
		{Rule{}, "to", ErrNoEntity},
		{Rule{To: to(1 << 14)}, "to", ErrPointCode},
		{Rule{To: []Entity{{Weight: -1}}}, "to", ErrWeight},
		{Rule{To: []Entity{{RouteOnGT: true, GT: Change{Remove: true}}}}, "to", ErrRemoveGT},
		{Rule{To: []Entity{{GT: Change{Strip: -1}}}}, "to", ErrStrip},
		{Rule{To: []Entity{{GT: Change{Format: 9}}}}, "to", ErrGTFormat},
		{Rule{To: []Entity{{GT: Change{Prefix: "1?"}}}}, "to", errNotADigit},
		{Rule{To: []Entity{{SSN: SCMG}}}, "to", ErrEntitySSN},
		{Rule{To: to(1), Share: 9}, "share", ErrShare},
		{Rule{To: to(1), Match: Match{Format: 9}}, "format", ErrGTFormat},
		{Rule{To: to(1), Match: Match{Digits: "4x"}}, "digits", errNotADigit},
		{Rule{To: to(1), Match: Match{Digits: strings.Repeat("1", 65)}}, "digits", errLongDigits},
		{Rule{To: to(1), Match: Match{Whole: true}}, "digits", ErrNoDigits},
		{Rule{To: to(1), Match: Match{Digits: "45", Through: "44"}}, "through", ErrRange},
		{Rule{To: to(1), Match: Match{Digits: "45", Through: "461"}}, "through", ErrRange},
		{Rule{To: to(1), Match: Match{Digits: "4A", Through: "4B"}}, "through", ErrRange},
	} {
		c.r.Name = "r"
		_, err := NewTable(mtp3.Format{}, []Rule{c.r})
		var re *RuleError
		if !errors.As(err, &re) || re.Field != c.field || !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %s: %v", c.r, err, c.field, c.want)
		}
	}
	_, err := NewTable(mtp3.Format{}, []Rule{{To: to(1)}, {To: to(2)}})
	if want := "sccp: rule #2: match: " + ErrDuplicate.Error(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func bigTable(t testing.TB) (*Table, []Address) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var rules []Rule
	var called []Address
	seen := map[string]bool{}
	for len(rules) < 10_000 {
		s := fmt.Sprintf("%d", 10_000+rnd.IntN(9_990_000))
		if !seen[s] {
			seen[s] = true
			rules = append(rules, Rule{Match: Match{Format: GTAll, Plan: Is(E164), Digits: s}, To: []Entity{{PC: 1}, {PC: 2}}, Share: BySLS})
			called = append(called, e164(t, s+"1234"))
		}
	}
	table, err := NewTable(mtp3.Format{}, rules)
	if err != nil {
		t.Fatal(err)
	}
	return table, called[:1024]
}

func TestTranslateAllocates(t *testing.T) {
	table, err := NewTable(mtp3.Format{}, []Rule{{Match: Match{Digits: "49??1"}, To: []Entity{{PC: 1}, {PC: 2, GT: Change{Strip: 1, Prefix: "00"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Called: e164(t, "4930123")}
	var av Availability = down{{1, int(HLR)}: MTPFailure}
	var scratch []byte
	_, scratch = table.Translate(q, av).Address(q.Called, scratch)
	if n := testing.AllocsPerRun(100, func() {
		r := table.Translate(q, av)
		_, scratch = r.Address(q.Called, scratch)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTranslate(b *testing.B) {
	table, called := bigTable(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r := table.Translate(Query{Called: called[i&1023], SLS: mtp3.SLS(i)}, nil)
		if !r.OK {
			b.Fatal(r)
		}
		i++
	}
}

func ExampleTable_Explain() {
	number, _ := ParseDigits("4930123456")
	table, err := NewTable(mtp3.Format{}, []Rule{
		{Name: "germany", Match: Match{Plan: Is(E164), Digits: "49"}, To: []Entity{{PC: 8233, RouteOnGT: true}}},
		{Name: "berlin", Match: Match{Plan: Is(E164), Digits: "4930"}, To: []Entity{{PC: 2070, SSN: INAP}, {PC: 8238, SSN: INAP}}},
		{Name: "berlin, national", Match: Match{Plan: Is(E164), Nature: Is(NationalNumber), Digits: "4930"}, To: []Entity{{PC: 2067}}},
	})
	if err != nil {
		panic(err)
	}
	called := Address{GT: GlobalTitle{Format: GTAll, Plan: E164, Nature: InternationalNumber, Digits: number}}
	fmt.Print(table.Explain(Query{Called: called, SLS: 5}, nil))
	// Output:
	// title E.164 international 4930123456
	// > rule berlin: matches with 4 digits, more than or before all others
	//   rule germany: matches, but another matches better
	//   rule berlin, national: wants nature of address national, the title has international
	// > entity 1.2.6 routes on SSN: usable
	//   entity 4.5.6 routes on SSN: usable
	// sent to 1.2.6 with called address GT E.164 international 4930123456 SSN INAP
}
