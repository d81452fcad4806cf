package sdp

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// media returns an m= line with the given attributes, one a line.
func media(lines string) *Media {
	m := &Media{Kind: "audio", Port: 20000, Proto: "RTP/AVP", Formats: []string{"0"}}
	for l := range strings.FieldsFuncSeq(lines, func(r rune) bool { return r == '\n' }) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(l), "a="), ":")
		if name != "" {
			m.Attributes = append(m.Attributes, Attribute{name, value})
		}
	}
	return m
}

func text(list []Attribute) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString("a=" + a.Name + ":" + a.Value + "\n")
	}
	return b.String()
}

func normal(s string) string { return text(media(s).Attributes) }

// step is one thing that happens to a table: what comes or what we reserve, and what goes out.
type step struct {
	offer, answer string // of the peer
	reserve       bool
	send          string // what we say then; "" if nothing is said
	met, due      bool
}

// The message flows of RFC 3312, each from both sides, and others.
func TestPreconditions(t *testing.T) {
	const e2e = "a=des:qos mandatory e2e sendrecv"
	const both = "a=des:qos mandatory local sendrecv\na=des:qos mandatory remote sendrecv"
	for _, tc := range []struct {
		name  string
		table Preconditions
		steps []step
	}{
		{"13.1 caller", EndToEndQoS(Mandatory), []step{
			{send: "a=curr:qos e2e none\n" + e2e},
			{answer: "a=curr:qos e2e none\n" + e2e + "\na=conf:qos e2e recv"},
			{reserve: true, due: true},
			{send: "a=curr:qos e2e send\n" + e2e},
			{answer: "a=curr:qos e2e sendrecv\n" + e2e, met: true},
		}},
		{"13.1 callee", Preconditions{Callee: true}, []step{
			{offer: "a=curr:qos e2e none\n" + e2e, send: "a=curr:qos e2e none\n" + e2e + "\na=conf:qos e2e recv"},
			{reserve: true},
			{offer: "a=curr:qos e2e send\n" + e2e, send: "a=curr:qos e2e sendrecv\n" + e2e, met: true},
		}},
		{"13.2 caller", SegmentedQoS(Mandatory, Mandatory), []step{
			{reserve: true, due: true},
			{send: "a=curr:qos local sendrecv\na=curr:qos remote none\n" + both},
			{answer: "a=curr:qos local sendrecv\na=curr:qos remote sendrecv\n" + both, met: true},
			{send: "a=curr:qos local sendrecv\na=curr:qos remote sendrecv\n" + both, met: true},
		}},
		{"13.2 callee", Preconditions{Callee: true}, []step{
			{offer: "a=curr:qos local sendrecv\na=curr:qos remote none\n" + both,
				send: "a=curr:qos local none\na=curr:qos remote sendrecv\n" + both},
			{reserve: true, met: true},
			{offer: "a=curr:qos local sendrecv\na=curr:qos remote none\n" + both,
				send: "a=curr:qos local sendrecv\na=curr:qos remote sendrecv\n" + both, met: true},
		}},
		{"13.3 callee, who offers", func() Preconditions { p := EndToEndQoS(Mandatory); p.Callee = true; return p }(), []step{
			{send: "a=curr:qos e2e none\n" + e2e + "\na=conf:qos e2e recv"},
			{answer: "a=curr:qos e2e none\n" + e2e},
			{offer: "a=curr:qos e2e send\n" + e2e, send: "a=curr:qos e2e recv\n" + e2e},
			{reserve: true, met: true},
		}},
		{"13.3 caller, who answers", Preconditions{}, []step{
			{offer: "a=curr:qos e2e none\n" + e2e + "\na=conf:qos e2e recv", send: "a=curr:qos e2e none\n" + e2e},
			{reserve: true, due: true},
			{send: "a=curr:qos e2e send\n" + e2e},
			{answer: "a=curr:qos e2e recv\n" + e2e},
		}},
		// TS 24.229 section 5.1.3.1 and 5.1.4.1: a handset calls, and is called.
		{"a handset calls us", Preconditions{Callee: true}, []step{
			{offer: "a=curr:qos local none\na=curr:qos remote none\na=des:qos mandatory local sendrecv\na=des:qos optional remote sendrecv",
				send: "a=curr:qos local none\na=curr:qos remote none\na=des:qos optional local sendrecv\na=des:qos mandatory remote sendrecv\na=conf:qos remote sendrecv"},
			{reserve: true},
			{offer: "a=curr:qos local sendrecv\na=curr:qos remote none\na=des:qos mandatory local sendrecv\na=des:qos optional remote sendrecv",
				send: "a=curr:qos local sendrecv\na=curr:qos remote sendrecv\na=des:qos optional local sendrecv\na=des:qos mandatory remote sendrecv", met: true},
		}},
		{"ours have to be there as well", Preconditions{Callee: true, Least: Mandatory}, []step{
			{offer: "a=curr:qos local sendrecv\na=curr:qos remote none\na=des:qos mandatory local sendrecv\na=des:qos none remote sendrecv",
				send: "a=curr:qos local none\na=curr:qos remote sendrecv\n" + both},
			{reserve: true, met: true},
		}},
		{"we are asked to confirm", Preconditions{}, []step{
			{offer: "a=curr:qos local none\na=curr:qos remote none\n" + both + "\na=conf:qos remote sendrecv",
				send: "a=curr:qos local none\na=curr:qos remote none\n" + both},
			{reserve: true, due: true},
		}},
		{"the strengths of section 5.1.1", Preconditions{Rows: []PreconditionRow{
			{Type: QoS, Segment: LocalSegment, Way: WaySend}, {Type: QoS, Segment: LocalSegment, Way: WayRecv},
			{Type: QoS, Segment: RemoteSegment, Way: WaySend, Strength: Optional}, {Type: QoS, Segment: RemoteSegment, Way: WayRecv},
		}}, []step{
			{send: "a=curr:qos local none\na=curr:qos remote none\na=des:qos none local sendrecv\na=des:qos optional remote send\na=des:qos none remote recv", met: true},
		}},
		{"the peer knows of none", SegmentedQoS(Mandatory, Mandatory), []step{
			{send: "a=curr:qos local none\na=curr:qos remote none\n" + both},
			{answer: "a=sendrecv", met: true},
			{reserve: true, met: true},
		}},
		{"both kinds, section 10", Preconditions{Callee: true}, []step{
			{offer: "a=curr:qos local none\na=curr:qos remote none\n" + both + "\na=curr:qos e2e none\na=des:qos optional e2e sendrecv",
				send: "a=curr:qos local none\na=curr:qos remote none\n" + both + "\na=conf:qos remote sendrecv\na=curr:qos e2e none\na=des:qos optional e2e sendrecv"},
		}},
		{"an unknown type that is the peer's own", Preconditions{Callee: true}, []step{
			{offer: "a=curr:foo local none\na=des:foo mandatory local sendrecv",
				send: "a=curr:foo remote none\na=des:foo mandatory remote sendrecv\na=conf:foo remote sendrecv"},
			{offer: "a=curr:foo local sendrecv\na=des:foo mandatory local sendrecv",
				send: "a=curr:foo remote sendrecv\na=des:foo mandatory remote sendrecv", met: true},
		}},
		{"none at all", Preconditions{}, []step{{offer: "a=sendrecv", met: true}}},
	} {
		p := tc.table
		for i, s := range tc.steps {
			var err error
			switch {
			case s.offer != "":
				err = p.ReceiveOffer(media(s.offer))
			case s.answer != "":
				err = p.ReceiveAnswer(media(s.answer))
			case s.reserve:
				p.Set(true)
			}
			if err != nil {
				t.Errorf("%s, step %d: %v", tc.name, i, err)
			}
			if s.send != "" {
				if diff := cmp.Diff(normal(s.send), text(p.Attributes())); diff != "" {
					t.Errorf("%s, step %d says (-want +got):\n%s", tc.name, i, diff)
				}
			}
			if p.Met() != s.met || p.Due() != s.due {
				t.Errorf("%s, step %d: met %t, due %t", tc.name, i, p.Met(), p.Due())
			}
		}
	}
}

// What was there is not any more, or the stream moves: it begins anew (RFC 3312 section 7, RFC 4032 section 4).
func TestPreconditionsLost(t *testing.T) {
	p := SegmentedQoS(Mandatory, Mandatory)
	p.Set(true)
	p.Attributes()
	if err := p.ReceiveAnswer(media("a=curr:qos local sendrecv\na=curr:qos remote sendrecv\na=des:qos mandatory local sendrecv\na=des:qos mandatory remote sendrecv")); err != nil || !p.Met() || p.Due() {
		t.Errorf("%v, met %t, due %t", err, p.Met(), p.Due())
	}
	old := p.Clone()
	p.Set(false)
	if p.Met() || !p.Due() || p.OwnMet() {
		t.Error("lost resources go unnoticed")
	}
	if !old.Met() {
		t.Error("a clone has changed")
	}
	old.Moved()
	if old.Met() || !old.OwnMet() {
		t.Error("a new address needs no resources of the peer")
	}
}

func TestPreconditionErrors(t *testing.T) {
	var p Preconditions
	var refused *PreconditionError
	for _, bad := range []string{"a=des:foo mandatory e2e send", "a=des:foo mandatory remote sendrecv"} {
		if err := p.ReceiveOffer(media(bad)); !errors.As(err, &refused) || len(p.Rows) != 0 {
			t.Errorf("%s: %v, %v", bad, err, p.Rows)
		}
	}
	if err := p.ReceiveOffer(media("a=des:foo mandatory e2e send")); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	last, err := Parse([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 9 RTP/AVP 31\r\nm=audio 20000 RTP/AVP 0\r\na=des:foo mandatory e2e send\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := refused.Description(last)
	if len(d.Media) != 2 || d.Media[0].Port != 0 || d.Media[1].Port != 0 || len(d.Media[0].Attributes) != 0 {
		t.Errorf("tells %v", d)
	}
	if diff := cmp.Diff("a=des:foo unknown e2e recv\n", text(d.Media[1].Attributes)); diff != "" {
		t.Error(diff)
	}
	failed := &PreconditionError{Status{Kind: Desired, Type: QoS, Strength: Mandatory, Segment: LocalSegment, Way: WaySendRecv}, errors.New("no bearer")}
	last.Media[1].SetAttribute("des", "qos mandatory e2e send")
	if diff := cmp.Diff("a=des:qos failure local sendrecv\n", text(failed.Description(last).Media[1].Attributes)); diff != "" {
		t.Error(diff)
	}
	var parse *ParseError
	for _, bad := range []string{"a=curr:qos", "a=curr:qos local", "a=curr:qos here none", "a=curr:qos local both", "a=des:qos local none",
		"a=des:qos must local none", "a=conf:qos mandatory local send", manyTypes()} {
		if err := p.ReceiveOffer(media(bad)); !errors.As(err, &parse) {
			t.Errorf("%.40q: %v", bad, err)
		}
		if err := p.ReceiveAnswer(media("a=curr:")); !errors.As(err, &parse) {
			t.Error(err)
		}
	}
}

func manyTypes() string {
	var b strings.Builder
	for i := range 40 {
		b.WriteString("a=curr:x" + strings.Repeat("x", i) + " local none\n")
	}
	return b.String()
}

// Whatever a peer says, the answer is well-formed, and its own words come back to it as it meant them.
func FuzzPreconditions(f *testing.F) {
	f.Add("a=curr:qos local none\na=curr:qos remote none\na=des:qos mandatory local sendrecv\na=des:qos optional remote sendrecv", "a=curr:qos local sendrecv\na=conf:qos e2e send")
	f.Add("a=curr:qos e2e none\na=des:qos mandatory e2e send\na=conf:qos e2e recv", "a=curr:qos e2e sendrecv")
	f.Fuzz(func(t *testing.T, offer, update string) {
		p := Preconditions{Callee: true}
		if p.ReceiveOffer(media(offer)) != nil {
			return
		}
		p.Set(true)
		answer := &Media{Attributes: p.Attributes()}
		said, err := answer.Statuses()
		if err != nil || len(p.Rows) > maxRows+1 {
			t.Fatalf("%v: %s", err, text(answer.Attributes))
		}
		for _, s := range said {
			if back, err := ParseStatus(s.Attribute()); err != nil || back != s {
				t.Fatalf("%v comes back as %v, %v", s, back, err)
			}
		}
		if p.Due() && !p.Callee {
			t.Fatal("an answer is due again")
		}
		if p.ReceiveOffer(media(update)) == nil {
			p.Attributes()
			if p.Due() {
				t.Fatal("what was just told is due")
			}
		}
	})
}
