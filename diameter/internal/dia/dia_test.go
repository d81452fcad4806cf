package dia

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `
dictionary cx "TS 29.229, a part"
import base
vendor 3GPP 10415
application Cx 16777216 3GPP

avps 3GPP
  Deregistration-Reason  615 Grouped M
  Reason-Code  616 Enumerated M ; why
  Reason-Info  617 UTF8String -
  UAR-Flags    637 Unsigned32 m
avps 0
  Auth-Application-Id 258 Unsigned32=ApplicationID M

enum Reason-Code
  PERMANENT_TERMINATION 0
  NEW_SERVER_ASSIGNED 1
flags UAR-Flags
  Emergency 0

; not this

; Two lines
; of words.
Deregistration-Reason ::= <AVP Header: 615, 3GPP>
	{ Reason-Code }
	*2 [ Reason-Info ]
	* [ AVP ]
	check
< UAR > ::= < Diameter Header: 300, REQ, PXY, 16777216 >
	< Auth-Application-Id >
	1*{ Deregistration-Reason }
`

func TestParse(t *testing.T) {
	got, err := Parse("cx.dia", sample)
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Name: "cx", Title: "TS 29.229, a part", Imports: []string{"base"},
		Vendors:      []Vendor{{"3GPP", 10415}},
		Applications: []Application{{"Cx", 16777216, "3GPP"}},
		AVPs: []AVP{
			{Name: "Deregistration-Reason", Code: 615, Vendor: 10415, Type: "Grouped", M: 'M'},
			{Name: "Reason-Code", Code: 616, Vendor: 10415, Type: "Enumerated", M: 'M', Values: []Value{{"PERMANENT_TERMINATION", 0}, {"NEW_SERVER_ASSIGNED", 1}}},
			{Name: "Reason-Info", Code: 617, Vendor: 10415, Type: "UTF8String", M: '-'},
			{Name: "UAR-Flags", Code: 637, Vendor: 10415, Type: "Unsigned32", M: 'm', Bits: true, Values: []Value{{"Emergency", 0}}},
			{Name: "Auth-Application-Id", Code: 258, Type: "Unsigned32", GoType: "ApplicationID", M: 'M'},
		},
		Rules: []Rule{
			{Name: "Deregistration-Reason", Doc: "Two lines\nof words.", Code: 615, Vendor: 10415, Check: true,
				Members: []Member{{"Reason-Code", Required, 1, 1}, {"Reason-Info", Optional, 0, 2}, {"AVP", Optional, 0, -1}}},
			{Name: "UAR", Command: true, Code: 300, Request: true, Proxiable: true, Application: 16777216,
				Members: []Member{{"Auth-Application-Id", Fixed, 1, 1}, {"Deregistration-Reason", Required, 1, -1}}},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	base := &File{Name: "base"}
	s, err := Link(got, func(name string) (*File, error) { return base, nil })
	if err != nil {
		t.Fatal(err)
	}
	if a := s.AVP("Deregistration-Reason"); a == nil || s.Group(&a.AVP) != &got.Rules[0] || len(s.Files) != 2 {
		t.Error(a)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "x:0: no line",
		"dictionary a\nhello":            "x:2: don't understand",
		"vendor A b":                     "x:1: number",
		"avps Z":                         "x:1: number",
		"avps 0\nA 1 Uint M":             "x:2: unknown type Uint",
		"avps 0\nA 1 Time x":             "x:2: flag M",
		"avps 0\nA 1 Time":               "x:2: want name",
		"avps 0\nA 1 Time M\nA 2 Time M": "x:3: A and A",
		"enum A":                         "x:1: values of the unknown",
		"avps 0\nA 1 Time M\nenum A":     "x:3: A is of the type Time",
		"avps 0\nA 1 Unsigned32 M\nflags A\nB 64": "x:4: bit 64",
		"A ::= x":                               "x:1: want < ... Header",
		"A ::= < AVP Header: >":                 "x:1: no code",
		"A ::= < Thing: 1 >":                    "x:1: header",
		"A ::= < Diameter Header: 99999999 >":   "x:1: command code",
		"A ::= < AVP Header: 1 >\nB":            "x:2: want < >",
		"A ::= < AVP Header: 1 >\n{ B ]":        "x:2: member",
		"A ::= < AVP Header: 1 >\n2 { B }":      "x:2: number",
		"A ::= < AVP Header: 1 >\n3*2 { B }":    "x:2: number",
		"A ::= < AVP Header: 1 >\n{ B }\n{ B }": "x:3: B is there twice",
	} {
		_, err := Parse("x", text)
		var e *SyntaxError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"dictionary a\nA ::= < Diameter Header: 1 >\n{ B }":                        "dictionary a: rule A: unknown AVP B",
		"dictionary a\navps 0\nB 1 Grouped M\nA ::= < Diameter Header: 1 >\n{ B }": "dictionary a: rule A: B has no rule",
		"dictionary a\nB ::= < AVP Header: 1 >\n* [ AVP ]":                         "dictionary a: rule B: there is no grouped",
		"dictionary a\nimport b":                                                   "dictionary a: import b: none",
	} {
		f, err := Parse("x", text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Link(f, func(string) (*File, error) { return nil, errors.New("none") }); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse("x", text)
		var e *SyntaxError
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%T", err)
		}
		if err == nil {
			Link(got, func(string) (*File, error) { return &File{Name: "base"}, nil })
		}
	})
}
