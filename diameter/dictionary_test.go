package diameter

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestAppendValue(t *testing.T) {
	d, err := ParseDictionary("t", `dictionary t
import diameter
avps 10415
 Text 1 UTF8String M
 Octets 2 OctetString -
 Signed 3 Integer32 m
 Big 4 Unsigned64 M
 Kind 5 Enumerated M
 Bits 6 Unsigned32 M
 Float 7 Float32 M
 Group 8 Grouped M
enum Kind
 ONE 1
 MINUS -1
flags Bits
 A 0
 B 31
Group ::= < AVP Header: 8, 10415 >
 * [ AVP ]
`, BaseDictionary())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, shown string }{
		{"Text", "0x41 \"é\"", `"0x41 \"é\""`},
		{"Octets", "0x00ff", "0x00ff"},
		{"Octets", "abc", `"abc"`},
		{"Signed", "-5", "-5"},
		{"Big", "18446744073709551615", "18446744073709551615"},
		{"Kind", "ONE", "ONE"},
		{"Kind", "MINUS", "MINUS"},
		{"Kind", "7", "7"},
		{"Bits", "A|B|0x10", "A|B|0x10"},
		{"Bits", "0", "0x0"},
		{"Host-IP-Address", "192.0.2.1", "192.0.2.1"},
		{"Host-IP-Address", "2001:db8::1", "2001:db8::1"},
		{"Event-Timestamp", "2026-11-23T09:00:00Z", "2026-11-23T09:00:00Z"},
		{"Float", "-1.5", "-1.5"},
		{"Auth-Application-Id", "BaseAccounting", "3"},
		{"Result-Code", "5005", "DIAMETER_MISSING_AVP"},
		{"Experimental-Result-Code", "5005", "5005"},
	} {
		b, err := d.AppendValue(nil, c.name, c.value)
		if err != nil {
			t.Errorf("%s %s: %v", c.name, c.value, err)
			continue
		}
		m := Message{AVPs: b}
		text := string(d.AppendText(nil, m))
		if got := text[strings.LastIndex(text, "\n  ")+3+len(c.name)+1:]; got[strings.IndexByte(got, ' ')+1:] != c.shown+"\n" {
			t.Errorf("%s %s is shown as %q, want %q", c.name, c.value, got, c.shown)
		}
		if err := d.CheckFlags(m); err != nil {
			t.Error(err)
		}
	}
	for _, c := range [][2]string{
		{"Nothing", "1"}, {"Signed", "x"}, {"Signed", "4294967296"}, {"Kind", "TWO"}, {"Kind", "ONE|MINUS"}, {"Host-IP-Address", "host"},
		{"Event-Timestamp", "now"}, {"Octets", "0x0"}, {"Group", "x"}, {"Float", "one"}, {"Big", "18446744073709551616"},
	} {
		if b, err := d.AppendValue([]byte("x"), c[0], c[1]); err == nil || string(b) != "x" {
			t.Errorf("%s %s: %x", c[0], c[1], b)
		}
	}
}

func TestDictionaryNames(t *testing.T) {
	d := BaseDictionary()
	other, err := ParseDictionary("o", "dictionary o\napplication X 99\navps 7\nY 1 Time M\n<ZZR> ::= < Diameter Header: 9, REQ, 99 >\n{ Y }\n")
	if err != nil {
		t.Fatal(err)
	}
	d = MergeDictionaries(d, other)
	for got, want := range map[string]string{
		d.CommandName(Header{Request, 9, 99, 0, 0}):  "ZZR",
		d.CommandName(Header{0, 9, 99, 0, 0}):        "answer 9",
		d.CommandName(Header{Request, 9, 98, 0, 0}):  "request 9",
		d.CommandName(Header{Request, 258, 5, 0, 0}): "RAR",
		d.ApplicationName(99):                        "X",
		d.ApplicationName(98):                        "98",
		d.AVPName(1, 7):                              "Y",
		d.AVPName(2, 7):                              "AVP 2 of vendor 7",
		d.AVPName(9999, 0):                           "AVP 9999",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if _, err := ParseDictionary("bad", "dictionary a\nimport nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Error(err)
	}
	if _, err := ParseDictionary("bad", "?"); err == nil || !strings.Contains(err.Error(), "bad:1") {
		t.Error(err)
	}
}

func TestCheckFlags(t *testing.T) {
	bad := AVP{Code: AVPVendorID, Data: []byte{0, 0, 0, 1}} // without M
	group := AVP{Code: AVPVendorSpecificApplicationID, Flags: Mandatory, Data: AppendAVP(nil, bad)}
	for name, c := range map[string]struct{ avp, failed AVP }{
		"M is not set":   {bad, bad},
		"M is set":       {AVP{Code: AVPErrorMessage, Flags: Mandatory, Data: []byte("x")}, AVP{Code: AVPErrorMessage, Flags: Mandatory, Data: []byte("x")}},
		"within a group": {group, group},
	} {
		err := BaseDictionary().CheckFlags(Message{AVPs: AppendAVP(nil, c.avp)})
		var p *ProtocolError
		if !errors.As(err, &p) || p.ResultCode != InvalidAVPBits || !bytes.Equal(AppendAVPs(nil, p.FailedAVP), AppendAVP(nil, c.failed)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMalformedTree shows what doesn't parse as its type, and groups within groups without end.
func TestMalformedTree(t *testing.T) {
	b := AppendText(nil, AVPVendorID, Mandatory, 0, "xyz")
	b = append(b, AppendOctets(nil, AVPFailedAVP, Mandatory, 0, []byte{1, 2, 3})...)
	b = append(b, 0, 0)
	want := "answer 0 app Common - hbh 00000000 e2e 00000000\n  Vendor-Id M ! \"xyz\"\n  Failed-AVP M\n    ! malformed\n  ! malformed\n"
	if got := string(BaseDictionary().AppendText(nil, Message{AVPs: b})); got != want {
		t.Errorf("%s", got)
	}
	var deep []byte
	for range 2000 {
		deep = AppendOctets(nil, AVPFailedAVP, Mandatory, 0, deep)
	}
	m := Message{AVPs: deep}
	if n := bytes.Count(BaseDictionary().AppendText(nil, m), []byte("\n")); n > 100 {
		t.Errorf("%d lines", n)
	}
	if err := BaseDictionary().CheckFlags(m); err != nil {
		t.Error(err)
	}
}
