package hss

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func secret(t testing.TB, hex string) Secret {
	t.Helper()
	s, err := ParseSecret(hex)
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// alice is a subscriber with something in most fields.
func alice(t testing.TB) *Subscriber {
	one, level := 1, 2
	info := "<info>&</info>"
	return &Subscriber{
		ID: "alice",
		PrivateIdentities: []PrivateIdentity{
			{
				IMPI: "001010000000001@ims.example", IMSI: "001010000000001",
				AKA: &AKA{K: secret(t, "465b5ce8b199b49faa5f0a2ee238a6bc"), OPc: secret(t, "cd63cb71954a9f4e48a5994e37a02baf"), AMF: "b9b9", SQN: 32},
			},
			{IMPI: "alice@ims.example", Digest: &Digest{Realm: "ims.example", HA1: DigestHA1("MD5", "alice@ims.example", "ims.example", "secret")}},
		},
		PublicIdentities: []PublicIdentity{
			{Identity: "sip:alice@ims.example", Default: true, Profile: "voice", ServicePriorityLevel: &level},
			{Identity: "tel:+15551234567", Profile: "voice"},
			{Identity: "sip:001010000000001@ims.example", Barred: true},
			{Identity: "sip:alice-work@ims.example", ImplicitSet: 1, PrivateIdentities: []string{"alice@ims.example"}, MaxRegistrations: &one},
			{Identity: "sip:chat@ims.example", Type: DistinctPSI, ServerName: "sip:as.ims.example"},
			{Identity: "sip:room-!.*!@ims.example", Type: WildcardedPSI},
		},
		ServiceProfiles: []ServiceProfile{{
			Name: "voice",
			InitialFilterCriteria: []InitialFilterCriteria{{
				Priority: 1, ApplicationServer: "sip:as.ims.example", ServiceInfo: &info, CNF: true,
				Triggers: []Trigger{{Method: "INVITE"}, {Groups: []int{1}, SessionCase: "originating", Not: true}, {Groups: []int{1}, Method: "REGISTER", RegistrationTypes: []string{"initial"}}},
			}},
			SharedIFCSets: []int{7},
		}},
		MSISDNs:         []string{"15551234567"},
		VisitedNetworks: []string{"*.example"},
		Capabilities:    Capabilities{Mandatory: []uint32{1}, Optional: []uint32{2, 3}},
		Charging:        &Charging{PrimaryChargingCollectionFunctionName: "aaa://ccf.example"},
		EPS:             &EPS{MaxBitRateUL: 1e6, MaxBitRateDL: 5e9, APNs: []APN{{Name: "internet"}, {Name: "ims", PDNType: "IPv4v6", Addresses: []string{"10.0.0.1"}}}},
	}
}

func open(t testing.TB, dir string) *JournalStore {
	t.Helper()
	s, err := OpenStore(StoreConfig{Dir: dir})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

var compareSecrets = cmp.Comparer(func(a, b Secret) bool { return a.Equal(b) })

// What is committed is found, by every key, and is there after the store has been opened again, compacted or not.
func TestStoreKeeps(t *testing.T) {
	want := alice(t)
	must(t, want.Validate())
	state := &State{
		Registrations: []Registration{{SCSCF: "sip:scscf.ims.example:6060", Host: "scscf.ims.example", Realm: "ims.example", State: Registered,
			IMPIs: []string{"alice@ims.example"}, Since: time.Unix(1700000000, 5).UTC(), Restoration: []Restoration{{"alice@ims.example", []byte{1, 2}}}}},
		RepositoryData: []RepositoryData{{Identity: "sip:alice@ims.example", ServiceIndication: "x", SequenceNumber: 3, Data: []byte("<a/>")}},
		MME:            &ServingNode{Host: "mme.example", Realm: "example"},
	}
	check := func(s *JournalStore) {
		t.Helper()
		for _, k := range append(want.Keys(), Key{KeyIMPU, "sip:room-12@ims.example"}) {
			e, ok := s.Find(k)
			if !ok {
				t.Errorf("%v not found", k)
				continue
			}
			if diff := cmp.Diff(want, e.Subscriber, compareSecrets); diff != "" {
				t.Errorf("by %v: %s", k, diff)
			}
			if diff := cmp.Diff(state, e.State); diff != "" {
				t.Errorf("by %v: %s", k, diff)
			}
			if (e.Wildcard != "") != (k.Value == "sip:room-12@ims.example") {
				t.Errorf("by %v: wildcard %q", k, e.Wildcard)
			}
		}
		if p := s.Shared().ServiceProfiles["basic"]; p == nil || len(p.InitialFilterCriteria) != 1 {
			t.Errorf("profile %+v", p)
		}
		if len(s.Shared().SharedIFCSets) != 1 || s.Shared().SharedIFCSets[7] == nil {
			t.Errorf("%+v", s.Shared())
		}
		if p := s.Pushes(); len(p) != 1 || p[0].Host != "b" {
			t.Errorf("pushes %+v", p)
		}
		if diff := cmp.Diff([]string{"alice"}, s.List("", 10)); diff != "" || s.Len() != 1 {
			t.Error(s.Len(), diff)
		}
	}
	dir := t.TempDir()
	s := open(t, dir)
	eight := 8
	must(t, s.Commit(Change{Put: want}, Change{StateOf: "alice", State: state}))
	must(t, s.Commit(Change{PutServiceProfile: &ServiceProfile{Name: "basic", InitialFilterCriteria: want.ServiceProfiles[0].InitialFilterCriteria}},
		Change{PutServiceProfile: &ServiceProfile{Name: "gone"}}, Change{DeleteServiceProfile: "gone"},
		Change{PutSharedIFCSet: &SharedIFCSet{ID: 7}}, Change{PutSharedIFCSet: &SharedIFCSet{ID: 8}}, Change{DeleteSharedIFCSet: &eight},
		Change{AddPush: &Push{Kind: PushRTR, Host: "a"}}, Change{AddPush: &Push{Kind: PushPPR, Host: "b"}}))
	must(t, s.Commit(Change{DonePush: s.Pushes()[0].ID}))
	must(t, s.Commit(Change{Put: &Subscriber{ID: "bob", MSISDNs: []string{"123"}}}))
	must(t, s.Commit(Change{Delete: "bob"}))
	if err := s.Commit(Change{Delete: "bob"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if err := s.Commit(Change{StateOf: "bob", State: state}); !errors.Is(err, ErrNotFound) {
		t.Errorf("state of nobody: %v", err)
	}
	check(s)
	for range 2 {
		must(t, s.Close())
		if err := s.Commit(Change{Put: want}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		s = open(t, dir)
		check(s)
		must(t, s.Compact())
	}
	before, _ := s.Find(Key{KeyID, "alice"})
	must(t, s.Commit(Change{Put: want}))
	after, _ := s.Find(Key{KeyID, "alice"})
	if after.Revision <= before.Revision {
		t.Errorf("revision %d after %d", after.Revision, before.Revision)
	}
}

// An identity belongs to one subscription.
func TestStoreConflict(t *testing.T) {
	s := NewMemoryStore()
	must(t, s.Commit(Change{Put: alice(t)}))
	for _, k := range alice(t).Keys()[1:] {
		other := &Subscriber{ID: "other", PublicIdentities: []PublicIdentity{{Identity: "sip:other@ims.example"}}}
		switch k.Kind {
		case KeyIMPI:
			other.PrivateIdentities = []PrivateIdentity{{IMPI: k.Value}}
		case KeyIMSI:
			other.PrivateIdentities = []PrivateIdentity{{IMSI: k.Value}}
		case KeyMSISDN:
			other.MSISDNs = []string{k.Value}
		case KeyWildcard:
			other.PublicIdentities = append(other.PublicIdentities, PublicIdentity{Identity: k.Value, Type: WildcardedPSI})
		default:
			other.PublicIdentities = append(other.PublicIdentities, PublicIdentity{Identity: strings.ToUpper(k.Value[:4]) + k.Value[4:]})
		}
		err := s.Commit(Change{Put: other})
		var c *ConflictError
		if !errors.As(err, &c) || c.Owner != "alice" || c.Key != k {
			t.Errorf("%v given twice: %v", k, err)
		}
		if _, ok := s.Find(Key{KeyIMPU, "sip:other@ims.example"}); ok {
			t.Errorf("%v: half of the subscription was kept", k)
		}
	}
	// What a subscription gives up is free, and found no more.
	less := alice(t)
	less.PublicIdentities = less.PublicIdentities[:1]
	less.MSISDNs = nil
	must(t, s.Commit(Change{Put: less}))
	for _, k := range []Key{{KeyMSISDN, "15551234567"}, {KeyIMPU, "sip:room-1@ims.example"}, {KeyIMPU, "tel:+15551234567"}} {
		if _, ok := s.Find(k); ok {
			t.Errorf("%v is still found", k)
		}
	}
	must(t, s.Commit(Change{Put: &Subscriber{ID: "other", MSISDNs: []string{"15551234567"}}}))
}

func TestStoreSQN(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.NextSQN("a", 1, 0, false); !errors.Is(err, ErrWouldBlock) {
		t.Errorf("without a reservation: %v", err)
	}
	last := uint64(0)
	next := func(n int, floor uint64) {
		t.Helper()
		seq, err := s.NextSQN("a", n, floor, true)
		must(t, err)
		if seq <= last || seq < floor {
			t.Fatalf("SEQ %d after %d, at least %d", seq, last, floor)
		}
		last = seq + uint64(n) - 1
		if s.SQN("a") != last {
			t.Errorf("SQN says %d, not %d", s.SQN("a"), last)
		}
	}
	for i := range 200 {
		next(1+i%5, 0)
	}
	next(1, 5000)
	must(t, s.RaiseSQN("a", 10000))
	next(1, 0)
	if last != 10001 {
		t.Errorf("SEQ %d after 10000", last)
	}
	must(t, s.RaiseSQN("a", 3)) // never lowered
	next(1, 0)
	for i := range 3 {
		must(t, s.Close())
		s = open(t, dir)
		next(1, 0)
		if i == 1 {
			must(t, s.Compact())
		}
	}
	must(t, s.RaiseSQN("a", 1<<40))
	must(t, s.Close())
	s = open(t, dir)
	if next(1, 0); last <= 1<<40 {
		t.Errorf("SEQ %d: the raise was lost", last)
	}
	if s.SQN("nobody") != 0 {
		t.Error(s.SQN("nobody"))
	}
}

// No key is printed, however it is asked for.
func TestSecretsStaySecret(t *testing.T) {
	s := alice(t)
	b, err := json.Marshal(s)
	must(t, err)
	text := string(b)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{s, *s, s.PrivateIdentities[0].AKA, s.PrivateIdentities[1].Digest, s.PrivateIdentities[0].AKA.K} {
			text += fmt.Sprintf(verb, v)
		}
	}
	for _, k := range []Secret{s.PrivateIdentities[0].AKA.K, s.PrivateIdentities[0].AKA.OPc, s.PrivateIdentities[1].Digest.HA1} {
		for _, form := range []string{k.RevealHex(), string(k.Reveal()), fmt.Sprint(k.Reveal()), fmt.Sprintf("%x", k.RevealHex())} {
			if strings.Contains(strings.ToLower(text), form) {
				t.Errorf("printed: %s", form)
			}
		}
	}
	var again Subscriber
	must(t, json.Unmarshal(b, &again))
	if k := again.PrivateIdentities[0].AKA.K; !k.Hidden() || k.Len() != 0 {
		t.Errorf("%d octets read from %q", k.Len(), k)
	}
	if err := NewMemoryStore().Commit(Change{Put: &again}); err == nil {
		t.Error("hidden keys stored")
	}
}

func TestCanonicalIdentity(t *testing.T) {
	for in, want := range map[string]string{
		"sip:alice@ims.example":                    "sip:alice@ims.example",
		"SIP:Alice@IMS.Example:5060;transport=udp": "sip:Alice@ims.example",
		"sip:alice@ims.example?Subject=x":          "sip:alice@ims.example",
		"sip:[2001:DB8::1]:5060":                   "sip:[2001:db8::1]",
		"sip:ims.example":                          "sip:ims.example",
		"sip:+1555@ims.example;user=phone":         "sip:+1555@ims.example",
		"tel:+1-555-123.45(67);phone-context=x":    "tel:+15551234567",
		"tel:+15551234567":                         "tel:+15551234567",
		"TEL:+15551234567":                         "tel:+15551234567",
		"urn:service:sos":                          "urn:service:sos",
		"nothing":                                  "nothing",
	} {
		if got := CanonicalIdentity(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
		if got := CanonicalIdentity(want); got != want {
			t.Errorf("%s is not stable: %s", want, got)
		}
	}
}
