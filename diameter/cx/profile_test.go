package cx

import (
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gotelco/telco/diameter"
)

func sampleProfile() *IMSSubscription {
	return &IMSSubscription{
		PrivateID: "alice@ims.example",
		ServiceProfiles: []ServiceProfile{{
			PublicIdentities: []PublicIdentity{
				{Identity: "sip:temporary@ims.example", BarringIndication: true},
				{Identity: "sip:alice@ims.example", IdentityType: diameter.Some(PublicUserIdentity), DisplayName: `Alice "A" <&>`, AliasIdentityGroupID: "1"},
				{Identity: "tel:+15551", DisplayName: "Alice", AliasIdentityGroupID: "1"},
				{Identity: "sip:group@ims.example", IdentityType: diameter.Some(IMPUWildcard), WildcardedIMPU: "sip:group!.*!@ims.example", ServiceLevelTraceInfo: "t"},
			},
			SubscribedMediaProfileID: diameter.Some(3),
			ServiceIDs:               []string{"a", "b"},
			InitialFilterCriteria: []InitialFilterCriteria{{
				Priority: 20,
				TriggerPoint: &TriggerPoint{ConditionTypeCNF: true, SPTs: []SPT{
					{Groups: []int{0}, Kind: SPTMethod, Value: "INVITE"},
					{Groups: []int{0, 1}, Kind: SPTMethod, Value: "REGISTER", RegistrationTypes: []RegistrationType{InitialRegistration, DeRegistration}},
					{Groups: []int{1}, Kind: SPTSessionCase, SessionCase: TerminatingUnregistered, ConditionNegated: true},
					{Groups: []int{2}, Kind: SPTSIPHeader, Name: "P-.*", Content: diameter.Some("voice|video")},
					{Groups: []int{2}, Kind: SPTSIPHeader, Name: "Event"},
					{Groups: []int{2}, Kind: SPTSessionDescription, Name: "m", Content: diameter.Some("^audio ")},
					{Groups: []int{2}, Kind: SPTRequestURI, Value: "sip:.*@as\\.example"},
				}},
				ApplicationServer: ApplicationServer{
					ServerName: "sip:as.example:5060", DefaultHandling: diameter.Some(SessionTerminated), ServiceInfo: diameter.Some("<info/>"),
					IncludeRegisterRequest: true, IncludeRegisterResponse: true,
				},
				ProfilePartIndicator: diameter.Some(Registered),
			}, {
				Priority:          10,
				ApplicationServer: ApplicationServer{ServerName: "sip:first.example"},
				Extension:         []*Element{{Name: xml.Name{Local: "Vendor"}, Text: "kept", Children: []*Element{{Name: xml.Name{Space: "urn:v", Local: "x"}, Attr: []xml.Attr{{Name: xml.Name{Local: "a"}, Value: "1"}}}}}},
			}},
			SharedIFCSetIDs: []int{1, 7},
		}},
		Other: []*Element{{Name: xml.Name{Space: "urn:other", Local: "Thing"}, Text: "t"}},
	}
}

func TestProfileRoundTrip(t *testing.T) {
	want := sampleProfile()
	// Elements that the XML Schema of release 8 lacks.
	want.ServiceProfiles[0].PublicIdentities[2].ServicePriorityLevel = diameter.Some(2)
	want.ServiceProfiles[0].PublicIdentities[2].ExtendedPriorities = []ExtendedPriority{{"wps", "1"}}
	want.ServiceProfiles[0].PublicIdentities[2].MaxNumOfAllowedSimultRegistrations = diameter.Some(4)
	b := want.AppendXML(nil)
	got, err := ParseIMSSubscription(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if d := equal(want, got); d != "" {
		t.Errorf("%s\n%s", d, b)
	}
	if err := xml.Unmarshal(b, new(struct {
		XMLName xml.Name `xml:"IMSSubscription"`
	})); err != nil {
		t.Errorf("encoding/xml: %v", err)
	}
}

func TestProfileIdentities(t *testing.T) {
	p := sampleProfile()
	if got := p.DefaultIdentity(); got != "sip:alice@ims.example" {
		t.Error(got)
	}
	if got := p.Identities(); len(got) != 4 || got[2] != "tel:+15551" {
		t.Error(got)
	}
	first := &p.ServiceProfiles[0]
	for id, want := range map[string]*ServiceProfile{"tel:+15551": first, "sip:group17@ims.example": first, "sip:nobody@ims.example": nil} {
		if p.Profile(id) != want {
			t.Errorf("profile of %s: %v", id, p.Profile(id))
		}
	}
}

func TestMatchWildcard(t *testing.T) {
	for _, c := range []struct {
		wildcard, identity string
		want               bool
	}{
		{"sip:chat!.*!@example.com", "sip:chat-1@example.com", true},
		{"sip:chat!.*!@example.com", "sip:chat@example.com", true},
		{"sip:chat!.+!@example.com", "sip:chat@example.com", false},
		{"sip:chat!.*!@example.com", "sip:chat-1@example.org", false},
		{"sip:a!.*!a", "sip:a", false},
		{"sip:chat@example.com", "sip:chat@example.com", false},
		{"sip:chat!.*@example.com", "sip:chat1@example.com", false},
		{"sip:a.c!.*!@x", "sip:abc1@x", false},
		{"tel:+1555!(1|2)[0-9]!", "tel:+155523", true},
		{"sip:!(!@x", "sip:(@x", false},
	} {
		if got := MatchWildcard(c.wildcard, c.identity); got != c.want {
			t.Errorf("%s and %s: %v", c.wildcard, c.identity, got)
		}
	}
}

func TestProfileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "no element",
		"<Other/>":          "the root is <Other>",
		"<IMSSubscription>": "does not end",
		"<IMSSubscription><ServiceProfile><Extension><SharedIFCSetID>x</SharedIFCSetID></Extension></ServiceProfile></IMSSubscription>":                                                `<SharedIFCSetID>: "x" is no number`,
		"<IMSSubscription><ServiceProfile><PublicIdentity><BarringIndication>2</BarringIndication></PublicIdentity></ServiceProfile></IMSSubscription>":                                "is no boolean",
		"<IMSSubscription><ServiceProfile><InitialFilterCriteria><Priority>-1</Priority></InitialFilterCriteria></ServiceProfile></IMSSubscription>":                                   "is no number",
		"<IMSSubscription><ServiceProfile><InitialFilterCriteria><TriggerPoint><SPT/></TriggerPoint></InitialFilterCriteria></ServiceProfile></IMSSubscription>":                       "0 conditions",
		"<IMSSubscription><ServiceProfile><InitialFilterCriteria><ApplicationServer><DefaultHandling/></ApplicationServer></InitialFilterCriteria></ServiceProfile></IMSSubscription>": "is no number",
	} {
		_, err := ParseIMSSubscription([]byte(text))
		var p *ProfileError
		if !errors.As(err, &p) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestProfileSchema validates a full profile by the XML Schema of TS 29.228 Annex D, which may not be part of this repository.
func TestProfileSchema(t *testing.T) {
	xsd := os.Getenv("TELCO_CX_XSD")
	if xsd == "" {
		t.Skip("TELCO_CX_XSD does not name CxDataType_Rel8.xsd")
	}
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("needs xmllint (Debian: apt-get install libxml2-utils)")
	}
	name := filepath.Join(t.TempDir(), "profile.xml")
	if err := os.WriteFile(name, sampleProfile().AppendXML(nil), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(xmllint, "--noout", "--schema", xsd, name).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestCapturedProfiles reads the profiles that an HSS gave to Kamailio.
func TestCapturedProfiles(t *testing.T) {
	_, messages := exchanged(t)
	n := 0
	for _, m := range messages {
		if Dictionary().CommandName(m.Header) != "SAA" {
			continue
		}
		saa, err := ParseSAA(m)
		if err != nil || saa.UserData == nil {
			continue
		}
		p, err := ParseIMSSubscription(saa.UserData)
		if err != nil {
			t.Fatalf("%v\n%s", err, saa.UserData)
		}
		again, err := ParseIMSSubscription(p.AppendXML(nil))
		if err != nil || equal(p, again) != "" {
			t.Errorf("%v %s", err, equal(p, again))
		}
		if len(p.Identities()) == 0 || p.PrivateID != saa.UserName.Value {
			t.Errorf("%s: %v", p.PrivateID, p.Identities())
		}
		n++
	}
	if n == 0 {
		t.Error("no profile in the capture")
	}
}

func FuzzProfile(f *testing.F) {
	f.Add(sampleProfile().AppendXML(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseIMSSubscription(b)
		if err != nil {
			return
		}
		out := p.AppendXML(nil)
		again, err := ParseIMSSubscription(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if out2 := again.AppendXML(nil); string(out2) != string(out) {
			t.Fatalf("%s\n%s", out, out2)
		}
		for _, s := range p.ServiceProfiles {
			filters, _ := NewFilters(s.InitialFilterCriteria)
			r := Request{Method: "INVITE", RequestURI: "sip:a@b", Headers: []HeaderField{{"t", "x"}}, SDP: "m=audio 1\r\n"}
			for i, e := range filters.Explain(&r) {
				if at, ok := filters.Next(&r, i); e.Matched != (ok && at == i) {
					t.Fatal(e)
				}
				_ = e.String()
			}
		}
	})
}

func BenchmarkProfile(b *testing.B) {
	p := sampleProfile()
	text := p.AppendXML(nil)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.AppendXML(text[:0:cap(text)])
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseIMSSubscription(sampleText); err != nil {
				b.Fatal(err)
			}
		}
	})
}

var sampleText = sampleProfile().AppendXML(nil)

func equal(a, b *IMSSubscription) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(Element{}))
}
