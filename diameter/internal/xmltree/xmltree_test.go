package xmltree

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestNamespaces(t *testing.T) {
	const doc = `<?xml version="1.0"?><!-- c --><a xmlns:x="urn:x"> t <x:b x:k="1" xml:lang="en" k="2"><c xmlns="urn:y">&lt;</c><d/></x:b></a>`
	e, err := Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	b := e.Children[0]
	if e.Text != "t" || b.Name != (xml.Name{Space: "urn:x", Local: "b"}) || b.Children[0].Name.Space != "urn:y" || b.Children[1].Name.Space != "" || len(b.Attr) != 3 {
		t.Errorf("%+v", e)
	}
	out := e.AppendXML(nil)
	again, err := Parse(out)
	if err != nil || !e.Equal(again) {
		t.Errorf("%s: %v", out, err)
	}
	var std any
	if err := xml.Unmarshal(out, &std); err != nil && err.Error() != "unknown type interface {}" {
		t.Errorf("%s: %v", out, err)
	}
}

func TestErrors(t *testing.T) {
	for _, doc := range []string{"", "x", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a/>x", "<x:a/>", "<a x:k='1'/>", "<a", strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65)} {
		if e, err := Parse([]byte(doc)); err == nil {
			t.Errorf("%.20q: %+v", doc, e)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<a xmlns:x="urn:x">&amp;<x:b x:k="1" xml:lang="en" k="2"><c xmlns="urn:y">&lt;</c></x:b></a>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse(b)
		if err != nil {
			return
		}
		out := e.AppendXML(nil)
		again, err := Parse(out)
		if err != nil || !e.Equal(again) {
			t.Fatalf("%q: %v", out, err)
		}
	})
}
