package diameter

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lookupDictionary(t *testing.T) *Dictionary {
	d, err := ParseDictionary("t", `dictionary t
import diameter
vendor 3GPP 10415
application Test 77 3GPP
avps 3GPP
 Kind 5 Enumerated M
 Group 8 Grouped m
 SIP-Authorization 610 OctetString M
enum Kind
 ONE 1
 TWO 2
; What a group is.
Group ::= < AVP Header: 8, 10415 >
 { Kind }
 1*2 { SIP-Authorization }
<XYR> ::= < Diameter Header: 9, REQ, PXY, 77 >
 < Session-Id >
 1*{ Group }
 *[ Kind ]
 * [ AVP ]
`, BaseDictionary())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLookup(t *testing.T) {
	d := lookupDictionary(t)
	want := AVPDefinition{"Group", 8, Vendor3GPP, "Grouped", VendorFlag}
	if got, ok := d.LookupAVP("Group"); !ok || got != want {
		t.Errorf("%+v", got)
	}
	if got, ok := d.AVP(5, Vendor3GPP); !ok || got.Flags != VendorFlag|Mandatory || got.Type != "Enumerated" {
		t.Errorf("%+v", got)
	}
	if got := d.ValueNames(5, Vendor3GPP); strings.Join(got, " ") != "ONE TWO" {
		t.Error(got)
	}
	if h, ok := d.LookupCommand("XYR"); !ok || h != (Header{Flags: Request | Proxiable, Code: 9, ApplicationID: 77}) {
		t.Error(h)
	}
	if h, ok := d.LookupCommand("DWA"); !ok || h != (Header{Code: CommandDeviceWatchdog}) {
		t.Error(h)
	}
	count := 0
	for def := range d.AVPs() {
		if d.Known(def.Code, def.VendorID) {
			count++
		}
		if def.Name == "Group" {
			break
		}
	}
	if count < 60 {
		t.Errorf("%d AVPs", count)
	}
	for _, name := range []string{"test", "Test"} {
		if a, ok := d.LookupApplication(name); !ok || a != (Application{ID: 77, VendorID: Vendor3GPP}) {
			t.Error(a)
		}
	}
	if a, ok := d.Application(BaseAccounting); !ok || !a.Accounting {
		t.Error(a)
	}
	if names := d.CommandNames(); names[0] != "CER" || names[len(names)-1] != "XYR" {
		t.Error(names)
	}
	g, ok := d.Grammar(Header{Flags: Request, Code: 9, ApplicationID: 77})
	var members []string
	for _, m := range g.Members {
		members = append(members, m.String())
	}
	if diff := cmp.Diff([]string{"< Session-Id >", "1*{ Group }", "*[ Kind ]", "*[ AVP ]"}, members); !ok || g.Name != "XYR" || diff != "" {
		t.Error(g.Name, diff)
	}
	if g, ok = d.GroupGrammar(8, Vendor3GPP); !ok || g.Doc != "What a group is." || g.Members[1].String() != "1*2{ SIP-Authorization }" {
		t.Errorf("%+v", g)
	}
	if m, ok := g.Member("Kind"); !ok || m.Min != 1 || m.String() != "{ Kind }" {
		t.Errorf("%+v", m)
	}
	if _, ok := g.Member("Other"); ok {
		t.Error("a member that isn't there")
	}
	for what, ok := range map[string]bool{
		"AVP name": second(d.LookupAVP("None")), "AVP": second(d.AVP(5, 0)), "command": second(d.LookupCommand("None")), "application": second(d.LookupApplication("None")),
		"application number": second(d.Application(78)), "grammar": second(d.Grammar(Header{Code: 9})), "group": second(d.GroupGrammar(8, 0)),
		"values": d.ValueNames(5, 0) != nil,
	} {
		if ok {
			t.Errorf("%s: found what isn't there", what)
		}
	}
}

func second[T any](_ T, ok bool) bool { return ok }

// TestTreeSecrets: keys are shown to those alone who ask for them, at any depth.
func TestTreeSecrets(t *testing.T) {
	d := lookupDictionary(t)
	key := AppendOctets(nil, 610, Mandatory, Vendor3GPP, []byte("KEY!"))
	m := Message{AVPs: append(AppendOctets(nil, 8, 0, Vendor3GPP, key), key...)}
	hidden := "answer 0 app Common - hbh 00000000 e2e 00000000\n  Group V\n    SIP-Authorization VM (secret, 4 octets)\n  SIP-Authorization VM (secret, 4 octets)\n"
	if got := string(d.AppendText(nil, m)); got != hidden {
		t.Error(got)
	}
	all := func(AVPCode, VendorID) bool { return true }
	if got := string(d.AppendTextWith(nil, m, all)); got != strings.ReplaceAll(hidden, "(secret, 4 octets)", `"KEY!"`) {
		t.Error(got)
	}
	if got := string(d.AppendAVPText(nil, AVP{Code: 610, VendorID: Vendor3GPP, Data: []byte("KEY!")}, 0, nil)); got != "SIP-Authorization V (secret, 4 octets)\n" {
		t.Error(got)
	}
}
