package hss

import (
	"bytes"
	"testing"
)

// FuzzRecord reads damaged records of a store: they are refused, or what is read can be written and read again.
func FuzzRecord(f *testing.F) {
	record := appendRecord(nil, alice(f), 7)
	f.Add(appendOp(nil, opPut, record))
	f.Add(appendOp(appendOp(nil, opPut, record), opState, statePayload("alice", string(appendValue(nil, nil, &State{NextSCSCF: "sip:x", Registrations: []Registration{{SCSCF: "sip:s"}}})))))
	f.Add(appendOp(nil, opDelete, []byte("alice")))
	f.Add(appendSQN(nil, "alice", 99))
	f.Add(appendOp(nil, opPush, appendValue(nil, nil, &Push{ID: 3, Host: "x", Message: []byte{1}})))
	f.Add(appendOp(nil, opProfile, appendValue(nil, nil, &alice(f).ServiceProfiles[0])))
	f.Add(appendOp(nil, opIFCSet, appendValue(nil, nil, &SharedIFCSet{ID: 1})))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStore(StoreConfig{})
		if s.replay(b) != nil {
			return
		}
		s.x.each(func(record, state string) bool {
			sub, revision, err := readRecord(record)
			if err != nil {
				return true
			}
			again := appendRecord(nil, sub, revision)
			sub2, revision2, err := readRecord(string(again))
			if err != nil || revision2 != revision || !bytes.Equal(appendRecord(nil, sub2, revision2), again) {
				t.Errorf("%q becomes %q: %v", record, again, err)
			}
			return true
		})
	})
}

// FuzzIdentity puts text where identities are read.
func FuzzIdentity(f *testing.F) {
	for _, s := range []string{"sip:alice@ims.example;x=y", "tel:+1-555", "sip:[::1]:5060", "sip:a-!.*!@b", "*********", "0x1234", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := CanonicalIdentity(s)
		if again := CanonicalIdentity(c); again != c {
			t.Errorf("%q becomes %q, and that %q", s, c, again)
		}
		sameServer(s, "sip:x")
		if k, err := ParseSecret(s); err == nil && !k.Hidden() {
			if again, err := ParseSecret(k.RevealHex()); err != nil || !again.Equal(k) {
				t.Errorf("%q: %v", s, err)
			}
		}
		sub := &Subscriber{ID: s, PrivateIdentities: []PrivateIdentity{{IMPI: s}}, PublicIdentities: []PublicIdentity{{Identity: s}, {Identity: s, Type: WildcardedPSI}}, MSISDNs: []string{s}}
		if sub.Validate() != nil {
			sub.PublicIdentities = sub.PublicIdentities[1:]
			if sub.Validate() != nil {
				return
			}
		}
		store := NewMemoryStore()
		if err := store.Commit(Change{Put: sub}); err != nil {
			t.Fatal(err)
		}
		for _, k := range sub.Keys() {
			if _, ok := store.Find(k); !ok {
				t.Errorf("%v is not found", k)
			}
		}
	})
}
