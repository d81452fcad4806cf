package cx

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/diameter"
)

func TestTriggers(t *testing.T) {
	invite := Request{
		Method: "INVITE", RequestURI: "sip:bob@as.example", SessionCase: OriginatingRegistered,
		Headers: []HeaderField{{"P-Asserted-Service", "urn:service:voice"}, {"o", "reg"}, {"From", "<sip:a@b>"}},
		SDP:     "v=0\r\nm=audio 4000 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\n",
	}
	register := Request{Method: "REGISTER", RegistrationType: ReRegistration}
	some := func(s string) diameter.Opt[string] { return diameter.Some(s) }
	for _, c := range []struct {
		spt  SPT
		r    *Request
		want bool
	}{
		{SPT{Kind: SPTMethod, Value: "INVITE"}, &invite, true},
		{SPT{Kind: SPTMethod, Value: "INVITE"}, &register, false},
		{SPT{Kind: SPTMethod, Value: "invite"}, &invite, false},
		{SPT{Kind: SPTMethod, Value: "REGISTER"}, &register, true},
		{SPT{Kind: SPTMethod, Value: "REGISTER", RegistrationTypes: []RegistrationType{InitialRegistration}}, &register, false},
		{SPT{Kind: SPTMethod, Value: "REGISTER", RegistrationTypes: []RegistrationType{InitialRegistration, ReRegistration}}, &register, true},
		{SPT{Kind: SPTRequestURI, Value: "@as\\.example$"}, &invite, true},
		{SPT{Kind: SPTRequestURI, Value: "^as"}, &invite, false},
		{SPT{Kind: SPTSessionCase, SessionCase: OriginatingRegistered}, &invite, true},
		{SPT{Kind: SPTSessionCase, SessionCase: TerminatingRegistered}, &invite, false},
		{SPT{Kind: SPTSIPHeader, Name: "p-asserted-service"}, &invite, true},
		{SPT{Kind: SPTSIPHeader, Name: "P-Asserted"}, &invite, false},
		{SPT{Kind: SPTSIPHeader, Name: "P-.*", Content: some("voice")}, &invite, true},
		{SPT{Kind: SPTSIPHeader, Name: "P-.*", Content: some("video")}, &invite, false},
		{SPT{Kind: SPTSIPHeader, Name: "Event", Content: some("^reg$")}, &invite, true},
		{SPT{Kind: SPTSIPHeader, Name: "Event|From", Content: some("sip:a@b")}, &invite, true},
		{SPT{Kind: SPTSessionDescription, Name: "m", Content: some("^audio .*AVP")}, &invite, true},
		{SPT{Kind: SPTSessionDescription, Name: "m", Content: some("video")}, &invite, false},
		{SPT{Kind: SPTSessionDescription, Name: "a"}, &invite, true},
		{SPT{Kind: SPTSessionDescription, Name: "b"}, &invite, false},
		{SPT{Kind: SPTSessionDescription, Name: "m"}, &register, false},
	} {
		for _, negated := range []bool{false, true} {
			spt := c.spt
			spt.Groups, spt.ConditionNegated = []int{0}, negated
			f, err := NewFilters([]InitialFilterCriteria{{TriggerPoint: &TriggerPoint{SPTs: []SPT{spt}}}})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(f.Evaluate(c.r)) == 1; got != (c.want != negated) {
				t.Errorf("%v on %s: %v", &spt, c.r.Method, got)
			}
		}
	}
}

// TestNormalForms tries every assignment of truth to the triggers of an expression with three groups, one trigger in two of them.
func TestNormalForms(t *testing.T) {
	groups := [][]int{{5}, {5, 9}, {9}, {12}}
	for bits := range 16 {
		var in [4]bool
		for _, cnf := range []bool{true, false} {
			tp := &TriggerPoint{ConditionTypeCNF: cnf}
			for i := range in {
				in[i] = bits&(1<<i) != 0
				tp.SPTs = append(tp.SPTs, SPT{Groups: groups[i], Kind: SPTMethod, Value: "INVITE", ConditionNegated: !in[i]})
			}
			want := (in[0] || in[1]) && (in[1] || in[2]) && in[3]
			if !cnf {
				want = in[0] && in[1] || in[1] && in[2] || in[3]
			}
			f, _ := NewFilters([]InitialFilterCriteria{{TriggerPoint: tp}})
			r := Request{Method: "INVITE"}
			if _, got := f.Next(&r, 0); got != want {
				t.Errorf("%v, CNF %v: %v", in, cnf, got)
			}
			if e := f.Explain(&r)[0]; e.Matched != want || len(e.Groups) != 3 {
				t.Errorf("%v", e)
			}
		}
	}
}

func TestOrderAndProfilePart(t *testing.T) {
	part := func(p ProfilePart) diameter.Opt[ProfilePart] { return diameter.Some(p) }
	f, err := NewFilters([]InitialFilterCriteria{
		{Priority: 3, ApplicationServer: ApplicationServer{ServerName: "c"}},
		{Priority: 1, ApplicationServer: ApplicationServer{ServerName: "a"}, ProfilePartIndicator: part(Unregistered)},
		{Priority: 2, ApplicationServer: ApplicationServer{ServerName: "b"}, ProfilePartIndicator: part(Registered)},
		{Priority: 3, ApplicationServer: ApplicationServer{ServerName: "d"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		part ProfilePart
		want []string
	}{{Registered, []string{"b", "c", "d"}}, {Unregistered, []string{"a", "c", "d"}}} {
		r := Request{ProfilePart: c.part}
		var all, one []string
		for _, i := range f.Evaluate(&r) {
			all = append(all, i.ApplicationServer.ServerName)
		}
		for i, ok := f.Next(&r, 0); ok; i, ok = f.Next(&r, i+1) {
			one = append(one, f.At(i).ApplicationServer.ServerName)
		}
		if cmp.Diff(c.want, all) != "" || cmp.Diff(c.want, one) != "" {
			t.Errorf("%v: %v, %v", c.part, all, one)
		}
	}
}

func TestBadExpression(t *testing.T) {
	f, err := NewFilters([]InitialFilterCriteria{
		{Priority: 4, TriggerPoint: &TriggerPoint{SPTs: []SPT{{Groups: []int{0}, ConditionNegated: true, Kind: SPTRequestURI, Value: "("}}}},
		{Priority: 5},
	})
	var e *FilterError
	if !errors.As(err, &e) || e.Priority != 4 {
		t.Fatal(err)
	}
	if got := f.Evaluate(&Request{}); len(got) != 1 || got[0].Priority != 5 {
		t.Errorf("%v", got)
	}
}
