package sh

import (
	"testing"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/internal/diatest"
)

func FuzzCommands(f *testing.F) {
	var sample UDR
	diatest.Fill(&sample)
	m, err := diameter.NewMessage(&sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(m.AVPs))
	f.Fuzz(func(t *testing.T, avps []byte) {
		c, err := ParseUDR(diameter.Message{Header: m.Header, AVPs: avps})
		Dictionary().AppendText(nil, diameter.Message{AVPs: avps})
		Dictionary().CheckFlags(diameter.Message{AVPs: avps})
		if err != nil {
			return
		}
		back, err := diameter.NewMessage(&c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseUDR(back)
		if err != nil {
			t.Fatalf("%v after %x", err, back.AVPs)
		}
		if d := diatest.Equal(c, again); d != "" {
			t.Fatal(d)
		}
	})
}
