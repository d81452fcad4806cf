package diatest

import (
	"testing"

	"github.com/gotelco/telco/diameter"
)

// Fuzz holds that whatever AVPs a command is parsed from, what parses appends back and parses to the same value, and that
// the dictionary's printer and its check of flags bear any AVPs.
func Fuzz(f *testing.F, d *diameter.Dictionary, c Command) {
	Fill(c.value)
	m, err := diameter.NewMessage(c.value)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(m.AVPs))
	f.Fuzz(func(t *testing.T, avps []byte) {
		d.AppendText(nil, diameter.Message{AVPs: avps})
		d.CheckFlags(diameter.Message{AVPs: avps})
		v, err := c.parse(diameter.Message{Header: m.Header, AVPs: avps})
		if err != nil {
			return
		}
		back, err := diameter.NewMessage(v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.parse(back)
		if err != nil {
			t.Fatalf("%v after %x", err, back.AVPs)
		}
		if d := Equal(v, again); d != "" {
			t.Fatal(d)
		}
	})
}
