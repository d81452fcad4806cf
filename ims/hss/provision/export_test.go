package provision

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gotelco/telco/ims/hss"
)

// What is written with its keys is read again as it was, in each form; without them no octet of a key is there.
func TestExport(t *testing.T) {
	want, err := Read(Options{}, "testdata/fhoss.sql")
	if err != nil {
		t.Fatal(err)
	}
	want.Notes = nil
	py := pyhssWant()
	want.Subscribers = append(want.Subscribers, py.Subscribers...)
	want.Subscribers[0].PublicIdentities[0].DisplayName = `"k":"***", yes: [no] # 'x'`
	want.Subscribers[0].PrivateIdentities[1].Digest.Username = "0012"
	want.Subscribers[0].PrivateIdentities[0].AKA.AMF = "0000"
	st := hss.NewMemoryStore()
	var changes []hss.Change
	for i := range want.SharedIFCSets {
		changes = append(changes, hss.Change{PutSharedIFCSet: &want.SharedIFCSets[i]})
	}
	for i := range want.ServiceProfiles {
		changes = append(changes, hss.Change{PutServiceProfile: &want.ServiceProfiles[i]})
	}
	for i := range want.Subscribers {
		changes = append(changes, hss.Change{Put: &want.Subscribers[i]})
	}
	if err := st.Commit(changes...); err != nil {
		t.Fatal(err)
	}
	want.ServiceProfiles[0], want.ServiceProfiles[1] = want.ServiceProfiles[1], want.ServiceProfiles[0] // by name
	want.Subscribers[0], want.Subscribers[1] = want.Subscribers[1], want.Subscribers[0]                 // by ID
	from := FromStore(st)
	for _, f := range []Format{YAML, JSON, JSONL} {
		var out bytes.Buffer
		if err := from.Write(&out, ExportOptions{Format: f, Keys: true}); err != nil {
			t.Fatal(err)
		}
		got, err := Parse(Options{Format: f}, []string{"x"}, [][]byte{out.Bytes()})
		if err != nil {
			t.Fatalf("%s: %v\n%s", f, err, out.String())
		}
		expect := *want
		if f == JSONL {
			expect.ServiceProfiles, expect.SharedIFCSets = nil, nil
		}
		if diff := equal(&expect, got); diff != "" {
			t.Errorf("%s: %s", f, diff)
		}
		var hidden bytes.Buffer
		if err := from.Write(&hidden, ExportOptions{Format: f}); err != nil {
			t.Fatal(err)
		}
		for _, digits := range []string{"616c696365", "cdc202d5", "465b5ce8", "e8ed289d", want.Subscribers[1].PrivateIdentities[1].Digest.HA1.RevealHex()} {
			if !strings.Contains(out.String(), digits) {
				t.Errorf("%s: %s is missing", f, digits)
			}
			if strings.Contains(hidden.String(), digits) {
				t.Errorf("%s: %s was not asked for", f, digits)
			}
		}
		if _, err := Parse(Options{Format: f}, []string{"x"}, [][]byte{hidden.Bytes()}); err != nil {
			t.Errorf("%s without keys: %v", f, err)
		}
	}
	if err := from.Write(new(bytes.Buffer), ExportOptions{Format: CSV}); err == nil {
		t.Error("CSV was written")
	}
}
