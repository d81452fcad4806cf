package provision

import (
	"errors"
	"os"
	"testing"
)

// FuzzParse: whatever a file of whatever format holds, reading it ends, in a batch or in errors that say where.
func FuzzParse(f *testing.F) {
	dump, err := os.ReadFile("testdata/fhoss.sql")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), []byte("subscribers: [{id: a, publicIdentities: [{identity: 'sip:a@b'}]}]"))
	f.Add(uint8(1), []byte(`{"sharedIFCSets": [{"id": 1}], "subscribers": [{"id": "a", "publicIdentities": [{"identity": "sip:a@b"}]}]}`))
	f.Add(uint8(2), []byte(`{"id": "a", "publicIdentities": [{"identity": "sip:a@b"}]}`))
	f.Add(uint8(3), []byte("id,impi,k,password\na,a@b,,x\n"))
	f.Add(uint8(4), []byte(pyhssText))
	f.Add(uint8(5), dump)
	f.Add(uint8(6), []byte(`[{"imsi":"001010000000001","security":{"k":"465B5CE8B199B49FAA5F0A2EE238A6BC","sqn":{"$numberLong":"97"}},"slice":[{"session":[{"name":"a","type":3,"ambr":{"uplink":{"value":1,"unit":4}}}]}]}]`))
	f.Add(uint8(7), []byte(`<IMSSubscription><PrivateID>a@b</PrivateID><ServiceProfile><PublicIdentity><Identity>sip:a@b</Identity></PublicIdentity></ServiceProfile></IMSSubscription>`))
	f.Fuzz(func(t *testing.T, format uint8, text []byte) {
		o := Options{ReadFile: func(string) ([]byte, error) { return text, nil }}
		if formats := Formats(); int(format) < len(formats) {
			o.Format = formats[format]
		}
		b, err := Parse(o, []string{"x"}, [][]byte{text})
		if err == nil {
			for i := range b.Subscribers {
				if err := b.Subscribers[i].Validate(); err != nil {
					t.Errorf("what was read is not valid: %v", err)
				}
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("a %T: %v", err, err)
		}
	})
}
