package dia

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const wireshark = "/usr/share/wireshark/diameter"

type theirAVP struct {
	Name   string `xml:"name,attr"`
	Code   uint32 `xml:"code,attr"`
	Vendor string `xml:"vendor-id,attr"`
	Type   struct {
		Name string `xml:"type-name,attr"`
	} `xml:"type"`
	Grouped *struct {
		Members []struct {
			Name string `xml:"name,attr"`
		} `xml:"gavp"`
	} `xml:"grouped"`
	Enum []struct {
		Name string `xml:"name,attr"`
		Code int64  `xml:"code,attr"`
	} `xml:"enum"`
}

// readTheirs returns the AVPs that Wireshark's dictionary defines, by vendor and code. Some codes have two definitions.
func readTheirs(t *testing.T) map[[2]uint32][]theirAVP {
	files, _ := filepath.Glob(wireshark + "/*.xml")
	if len(files) == 0 {
		t.Skip("needs Wireshark's dictionary (Debian: apt-get install libwireshark-data)")
	}
	all := map[[2]uint32][]theirAVP{}
	vendors := map[string]uint32{"": 0, "None": 0, "TGPP": 10415, "ETSI": 13019}
	comment := regexp.MustCompile(`(?s)<!--.*?-->`)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(strings.NewReader(comment.ReplaceAllString(string(b), "")))
		d.Strict = false
		for {
			tok, err := d.Token()
			if err != nil {
				break
			}
			if s, ok := tok.(xml.StartElement); ok && s.Name.Local == "avp" {
				var a theirAVP
				if err := d.DecodeElement(&a, &s); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				if v, ok := vendors[a.Vendor]; ok {
					k := [2]uint32{v, a.Code}
					all[k] = append(all[k], a)
				}
			}
		}
	}
	if len(all) < 1000 {
		t.Fatalf("only %d AVPs found in %s", len(all), wireshark)
	}
	return all
}

// Wireshark names some AVPs otherwise than their specification, because others have the name.
func plain(name string) string {
	for _, p := range []string{"3GPP-", "Cx-", "Sh-"} {
		name = strings.TrimPrefix(name, p)
	}
	return strings.ToLower(name)
}

var aliases = map[string]string{
	"wildcarded-public-identity": "wildcarded-psi",
	"acct-multi-session-id":      "accounting-multi-session-id",
	"call-barring-info":          "call-barring-infor-list",
}

// abridged are values that Wireshark does not name as their specification does.
var abridged = map[string]bool{
	"Redirect-Host-Usage DONT_CACHE":              true,
	"SIPTO-Permission SIPTO_above_RAN_ALLOWED":    true,
	"SIPTO-Permission SIPTO_above_RAN_NOTALLOWED": true,
}

// compatible tells whether Wireshark's type reads the same octets as ours.
func compatible(ours, theirs string) bool {
	switch theirs {
	case "AppId", "VendorId":
		return ours == "Unsigned32"
	case "Enumerated":
		return ours == "Enumerated" || ours == "Unsigned32"
	case "IPAddress":
		return ours == "Address" || ours == "OctetString"
	case "OctetString", "OctetStringOrUTF8", "UTF8String":
		return ours == "OctetString" || ours == "UTF8String"
	case "Integer32", "Unsigned32":
		return ours == "Integer32" || ours == "Unsigned32" || ours == "Enumerated"
	case "":
		return ours == "Grouped"
	}
	return ours == theirs
}

// TestAgainstWireshark compares codes, types, values and members of groups with a dictionary that others made.
func TestAgainstWireshark(t *testing.T) {
	theirs := readTheirs(t)
	files, _ := filepath.Glob("../../*.dia")
	more, _ := filepath.Glob("../../*/*.dia")
	files = append(files, more...)
	if len(files) < 4 {
		t.Fatalf("dictionaries: %v", files)
	}
	seen, absent, values, members := 0, 0, 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(file, string(text))
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]*AVP{}
		for i, a := range f.AVPs {
			byName[a.Name] = &f.AVPs[i]
		}
		find := func(a *AVP) *theirAVP {
			for i, c := range theirs[[2]uint32{a.Vendor, a.Code}] {
				if n := plain(c.Name); n == plain(a.Name) || n == aliases[plain(a.Name)] {
					return &theirs[[2]uint32{a.Vendor, a.Code}][i]
				}
			}
			return nil
		}
		for i := range f.AVPs {
			a := &f.AVPs[i]
			candidates := theirs[[2]uint32{a.Vendor, a.Code}]
			if len(candidates) == 0 {
				absent++
				t.Logf("%s: %s (%d, vendor %d) is not in Wireshark's dictionary", f.Name, a.Name, a.Code, a.Vendor)
				continue
			}
			seen++
			c := find(a)
			if c == nil {
				t.Errorf("%s: %s (%d, vendor %d) is called %s", f.Name, a.Name, a.Code, a.Vendor, candidates[0].Name)
				continue
			}
			if !compatible(a.Type, c.Type.Name) {
				t.Errorf("%s: %s is of the type %s, not %s", f.Name, a.Name, c.Type.Name, a.Type)
			}
			if a.Bits || a.Values == nil {
				continue
			}
			have := map[int64]string{}
			for _, v := range c.Enum {
				have[v.Code] = v.Name
			}
			for _, v := range a.Values {
				name, ok := have[v.Number]
				if !ok {
					continue
				}
				values++
				fold := func(s string) string {
					return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "", "/", "", "diameter", "").Replace(strings.ToLower(s)))
				}
				if _, err := strconv.Atoi(name); err != nil && fold(name) != fold(v.Name) && !abridged[a.Name+" "+v.Name] {
					t.Errorf("%s: value %d of %s is %s, not %s", f.Name, v.Number, a.Name, name, v.Name)
				}
			}
		}
		for _, r := range f.Rules {
			if r.Command {
				continue
			}
			c := find(byName[r.Name])
			if c == nil || c.Grouped == nil {
				continue
			}
			ours := map[string]bool{}
			for _, m := range r.Members {
				ours[plain(m.Name)], ours[aliases[plain(m.Name)]] = true, true
			}
			for _, m := range c.Grouped.Members {
				if ours[plain(m.Name)] {
					members++
				} else if m.Name != "AVP" {
					t.Logf("%s: %s has a member %s there", f.Name, r.Name, m.Name)
				}
			}
		}
	}
	t.Logf("%d AVPs compared, %d absent, %d values, %d members", seen, absent, values, members)
	if absent > 20 || values < 150 || members < 150 {
		t.Errorf("%d AVPs absent, only %d values and %d members compared", absent, values, members)
	}
}
