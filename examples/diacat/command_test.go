package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/diameter"
)

// TestCommandErrors: what is wrong with a file is told with its place.
func TestCommandErrors(t *testing.T) {
	for text, want := range map[string]string{
		"command: UAR\nflag: R\n":                                                   `-:2:1: unknown field "flag"`,
		"command: UAX\n":                                                            `-:1:10: command: no command is called "UAX"`,
		"command: UAR\napplication: Foo\n":                                          `no application is called "Foo"`,
		"command: UAR\nflags: RX\n":                                                 `want letters of RPET`,
		"command: UAR\navps:\n  User-Name: a\n  User-Nam: b\n":                      `-:4:13: avps.User-Nam: no AVP is called "User-Nam"`,
		"command: UAR\navps:\n  User-Name: {Public-Identity: b}\n":                  "-:3:15: avps.User-Name: is no group, but of the type UTF8String",
		"command: MAR\navps:\n  SIP-Auth-Data-Item: b\n":                            "avps.SIP-Auth-Data-Item: is a group",
		"command: MAR\navps:\n  SIP-Auth-Data-Item: {Foo: b}\n":                     `avps.SIP-Auth-Data-Item.Foo: no AVP is called "Foo"`,
		"command: SAR\navps:\n  Server-Assignment-Type: SOMETIMES\n":                `Server-Assignment-Type: no number and no value: "SOMETIMES"`,
		"command: UAR\navps: [a, b]\n":                                              "want AVPs, NAME: VALUE",
		"command: UAR\navps: {1@x: b}\n":                                            `vendor "x" is no number`,
		"command: UAR\navps: {1/Q: b}\n":                                            "flags are letters of VMP",
		"command: UAR\navps:\n  User-Name: " + strings.Repeat("[", 3) + "a" + "]]]": "neither a value nor a group",
	} {
		status, _, errs := cat(t, text, "send", "-print", "-")
		if status != 2 || !strings.Contains(errs, want) {
			t.Errorf("%q: status %d, %s, want %s", text, status, errs, want)
		}
	}
}

// TestCommandForms: the ways in which AVPs can be written.
func TestCommandForms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.xml")
	if err := os.WriteFile(file, []byte("<a/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := request(t, `
command: 305
application: Cx
flags: R
bare: true
avps:
  User-Name: [a, "b", 3]
  999: 0x0102
  998@7/M: text
  601@10415/-: "0x41"
  Event-Timestamp: 2026-11-23T12:00:00Z
  Host-IP-Address: 192.0.2.1
  SIP-Auth-Data-Item:
    - SIP-Item-Number: 0x10
    - {SIP-Item-Number: 2, 997: x}
  Auth-Application-Id: Sh
  User-Data: "${file:`+file+`}"
`, 1)
	want := `PPR app Cx R hbh 00000001 e2e 00000001
  User-Name M "a"
  User-Name M "b"
  User-Name M "3"
  AVP 999 - 0x0102
  AVP 998 of vendor 7 VM "text"
  Public-Identity V "0x41"
  Event-Timestamp M 2026-11-23T12:00:00Z
  Host-IP-Address M 192.0.2.1
  SIP-Auth-Data-Item VM
    SIP-Item-Number VM 16
  SIP-Auth-Data-Item VM
    SIP-Item-Number VM 2
    AVP 997 - "x"
  Auth-Application-Id M 16777217
  User-Data VM "<a/>"
`
	d, err := newDictionary(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(d.tree(m))); diff != "" {
		t.Error(diff)
	}
}

// The variables of a value.
func TestVariables(t *testing.T) {
	v := variables{values: map[string]string{"a": "1", "b": "2"}, call: func(name string) (string, bool) { return "made", name == "c" }}
	for text, want := range map[string]string{"": "", "x": "x", "${a}${b}": "12", "$$a": "$a", "5$": "5$", "$x": "$x", "-${c}-": "-made-"} {
		if got, err := v.expand(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"${", "${d}", "${random:}", "${random:0}", "${file:/none}"} {
		if got, err := v.expand(text); err == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got, err := v.expand("${random:4}"); err != nil || len(got) != 8 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestApplications(t *testing.T) {
	d, err := newDictionary(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	apps, relay, err := d.applications("cx, 4, 5/acct, 77@99,relay, BaseAccounting")
	want := []diameter.Application{{ID: 16777216, VendorID: 10415}, {ID: 4}, {ID: 5, Accounting: true}, {ID: 77, VendorID: 99}, {ID: 3, Accounting: true}}
	if err != nil || !relay || len(apps) != len(want) {
		t.Fatal(apps, relay, err)
	}
	for i := range want {
		if apps[i] != want[i] {
			t.Errorf("%+v, want %+v", apps[i], want[i])
		}
	}
}
