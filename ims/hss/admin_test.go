package hss

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/diameter/cx"
)

// What is stored, by whom, and when it is refused.
func TestAdminPut(t *testing.T) {
	var log bytes.Buffer
	audit := NewAuditLog(&log)
	h := fixture(t, func(c *Config) { c.Audit = audit.Event })
	admin := h.As("eve")
	v, err := admin.Get("alice")
	must(t, err)
	// As an administrator reads it and writes it back, with keys that he does not see.
	b, err := json.Marshal(v.Subscriber)
	must(t, err)
	var read Subscriber
	must(t, json.Unmarshal(b, &read))
	read.PublicIdentities[0].DisplayName = "Alice"
	revision, err := admin.Put(&read, PutOptions{IfRevision: v.Revision})
	must(t, err)
	w, err := admin.Get("alice")
	must(t, err)
	v.Subscriber.PublicIdentities[0].DisplayName = "Alice"
	if diff := cmp.Diff(v.Subscriber, w.Subscriber, compareSecrets); diff != "" || w.Revision != revision {
		t.Error(w.Revision, revision, diff)
	}
	moved := read.Clone()
	must(t, json.Unmarshal(b, moved))
	moved.PrivateIdentities[0].IMPI = "somebody.else@ims.example"
	for name, c := range map[string]struct {
		s    *Subscriber
		opt  PutOptions
		want any
	}{
		"old revision":        {&read, PutOptions{IfRevision: v.Revision}, ErrRevision},
		"not new":             {&read, PutOptions{Create: true}, ErrExists},
		"not there":           {&Subscriber{ID: "new", PublicIdentities: []PublicIdentity{{Identity: "sip:new@ims.example"}}}, PutOptions{IfRevision: 5}, ErrRevision},
		"keys of nobody":      {moved, PutOptions{}, new(*ValidationError)},
		"no such profile":     {&Subscriber{PublicIdentities: []PublicIdentity{{Identity: "sip:new@ims.example", Profile: "none"}}}, PutOptions{}, new(*ValidationError)},
		"nothing in it":       {&Subscriber{ID: "new"}, PutOptions{}, new(*ValidationError)},
		"identity of another": {&Subscriber{PublicIdentities: []PublicIdentity{{Identity: bobIMPU}}}, PutOptions{}, new(*ConflictError)},
	} {
		_, err := admin.Put(c.s, c.opt)
		if sentinel, ok := c.want.(error); ok && !errors.Is(err, sentinel) || !ok && (err == nil || !errors.As(err, c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, admin.Delete("bob"))
	if err := admin.Delete("bob"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := admin.Find(Key{KeyIMPU, bobIMPU}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	text := log.String()
	for _, k := range []string{"465b5ce8", "cd63cb71"} {
		if strings.Contains(strings.ToLower(text), k) {
			t.Errorf("a key is in the audit log: %s", text)
		}
	}
	for _, want := range []string{`"who":"eve","what":"put","subject":"alice","details":"publicIdentities"}`, `"what":"delete","subject":"bob"`, `"error":"hss: the subscription exists"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the audit log:\n%s", want, text)
		}
	}
	must(t, audit.Err())
}

// A choice of the S-CSCF counts for the next registration, and ends one elsewhere.
func TestSetSCSCF(t *testing.T) {
	h := fixture(t, nil)
	admin := h.As("test")
	ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
	must(t, admin.SetSCSCF("alice", s1)) // as it is
	owed(t, h)
	must(t, admin.SetSCSCF("alice", s2))
	owed(t, h, "RTR s1.ims.example SERVER_CHANGE")
	q := uar(aliceIMPI, aliceIMPU)
	a, err := h.uar(q, call{encode(t, q), true})
	must(t, err)
	if a.Result() != cx.FirstRegistration || len(a.ServerCapabilities.ServerName) != 1 || a.ServerCapabilities.ServerName[0] != s2 {
		t.Errorf("%v %+v", a.Result(), a.ServerCapabilities)
	}
	ask(t, h, sar(registration, s2, aliceIMPI, aliceIMPU))
	if v, _ := admin.Get("alice"); v.State.NextSCSCF != "" {
		t.Error("the choice stays")
	}
	if err := admin.SetSCSCF("alice", "nonsense"); err == nil {
		t.Error("nonsense was stored")
	}
	if err := admin.SetSCSCF("nobody", s1); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	must(t, admin.Deregister("alice", Deregistration{Identity: aliceTel, Reason: cx.ReasonCodeRemoveSCSCF, Info: "test"}))
	owed(t, h, "RTR s1.ims.example SERVER_CHANGE", "RTR s2.ims.example REMOVE_S-CSCF")
	if err := admin.Deregister("alice", Deregistration{Identity: "sip:nobody@ims.example"}); err == nil {
		t.Error("an identity of nobody was deregistered")
	}
}

// S-CSCFs are told of changes to what subscriptions share.
func TestSharedProfiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := fixture(t, nil)
		admin := h.As("test")
		profile := func(server string, sets ...int) ServiceProfile {
			return ServiceProfile{Name: "basic", InitialFilterCriteria: []InitialFilterCriteria{{ApplicationServer: server}}, SharedIFCSets: sets}
		}
		must(t, admin.PutServiceProfile(profile("sip:a", 9)))
		must(t, admin.PutSharedIFCSet(SharedIFCSet{ID: 9}))
		time.Sleep(time.Second) // nobody to be told
		v, err := admin.Get("bob")
		must(t, err)
		v.Subscriber.PublicIdentities[0].Profile = "basic"
		_, err = admin.Put(v.Subscriber, PutOptions{})
		must(t, err)
		ask(t, h, sar(registration, s1, bobIMPI, bobIMPU))
		ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
		must(t, admin.PutServiceProfile(profile("sip:b", 9)))
		time.Sleep(time.Second)
		owed(t, h, "PPR s1.ims.example profile")
		must(t, admin.PutSharedIFCSet(SharedIFCSet{ID: 9, InitialFilterCriteria: []InitialFilterCriteria{{ApplicationServer: "sip:c"}}}))
		time.Sleep(time.Second)
		owed(t, h, "PPR s1.ims.example profile", "PPR s1.ims.example profile")
		if err := admin.DeleteServiceProfile("basic"); !errors.Is(err, ErrInUse) {
			t.Error(err)
		}
		if err := admin.DeleteSharedIFCSet(9); !errors.Is(err, ErrInUse) {
			t.Error(err)
		}
		must(t, admin.Delete("bob"))
		must(t, admin.DeleteServiceProfile("basic"))
		must(t, admin.DeleteSharedIFCSet(9))
		if err := admin.DeleteServiceProfile("basic"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if err := admin.PutServiceProfile(ServiceProfile{Name: "x", InitialFilterCriteria: []InitialFilterCriteria{{}}}); err == nil {
			t.Error("a criterion without a server was stored")
		}
		h.Close()
	})
}

// Of S-CSCFs those with all mandatory capabilities are named, those with more optional ones first (TS 29.228 section 6.7).
func TestChoose(t *testing.T) {
	h := fixture(t, func(c *Config) {
		c.SCSCFs = []SCSCF{
			{Name: "sip:standby", Capabilities: []uint32{1, 2, 3}, Priority: 1}, {Name: "sip:none"}, {Name: "sip:one", Capabilities: []uint32{1}},
			{Name: "sip:all", Capabilities: []uint32{1, 2, 3}}, {Name: "sip:two", Capabilities: []uint32{1, 3}},
		}
	})
	c := Capabilities{Mandatory: []uint32{1}, Optional: []uint32{2, 3}}
	if diff := cmp.Diff([]string{"sip:all", "sip:two", "sip:one", "sip:standby"}, h.choose(c, "x")); diff != "" {
		t.Error(diff)
	}
	if list := h.choose(Capabilities{Mandatory: []uint32{7}}, "x"); len(list) != 0 {
		t.Error(list)
	}
	first := map[string]int{}
	for i := range 1000 {
		first[h.choose(Capabilities{Mandatory: []uint32{1, 3}}, string(rune('a'+i)))[0]]++
	}
	if first["sip:all"] < 300 || first["sip:two"] < 300 {
		t.Errorf("users are not spread: %v", first)
	}
}

// Criteria go from Cx to the operator's words and back.
func TestFromCX(t *testing.T) {
	for _, c := range alice(t).ServiceProfiles[0].InitialFilterCriteria {
		f, err := c.CX()
		must(t, err)
		again := FromCX(f)
		g, err := again.CX()
		must(t, err)
		if diff := cmp.Diff(f, g); diff != "" || again.XML != "" {
			t.Error(again.XML, diff)
		}
	}
	const xml = `<InitialFilterCriteria><Priority>1</Priority><ApplicationServer><ServerName>sip:a</ServerName></ApplicationServer><Extension><New>1</New></Extension></InitialFilterCriteria>`
	f, err := (&InitialFilterCriteria{XML: xml}).CX()
	must(t, err)
	if again := FromCX(f); again.XML != xml {
		t.Errorf("%q", again.XML)
	}
	for name, c := range map[string]InitialFilterCriteria{
		"handling": {ApplicationServer: "sip:a", DefaultHandling: "x"}, "part": {ApplicationServer: "sip:a", ProfilePart: "x"},
		"no kind": {ApplicationServer: "sip:a", Triggers: []Trigger{{}}}, "two kinds": {ApplicationServer: "sip:a", Triggers: []Trigger{{Method: "A", Header: "B"}}},
		"case": {ApplicationServer: "sip:a", Triggers: []Trigger{{SessionCase: "x"}}}, "type": {ApplicationServer: "sip:a", Triggers: []Trigger{{Method: "REGISTER", RegistrationTypes: []string{"x"}}}},
		"xml": {XML: "<x"}, "two": {XML: xml + xml}, "both": {XML: xml, Priority: 1}, "server": {ApplicationServer: "nonsense"},
	} {
		if err := (&ServiceProfile{Name: "p", InitialFilterCriteria: []InitialFilterCriteria{c}}).Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
