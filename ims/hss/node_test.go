package hss

import (
	"context"
	"encoding"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
)

const lte = "ims.mnc001.mcc001.3gppnetwork.org"

// kamailioUser is one of the two whom Kamailio's CSCFs ask for in testdata of package cx.
func kamailioUser(t testing.TB, imsi, k, op, name, number string) *Subscriber {
	return &Subscriber{
		ID:                imsi,
		PrivateIdentities: []PrivateIdentity{{IMPI: imsi + "@" + lte, AKA: &AKA{K: secret(t, k), OP: secret(t, op)}}},
		PublicIdentities:  []PublicIdentity{{Identity: "sip:" + imsi + "@" + lte}, {Identity: "sip:" + name + "@" + lte}, {Identity: "tel:" + number}},
		ServiceProfiles:   []ServiceProfile{{Name: "p", InitialFilterCriteria: []InitialFilterCriteria{{Priority: 1, ApplicationServer: "sip:127.0.0.25:5060", Triggers: []Trigger{{Method: "REGISTER"}}}}}},
		Charging:          &Charging{PrimaryChargingCollectionFunctionName: "aaa://ccf." + lte},
	}
}

// cscf is a node that sends requests to an HSS and acknowledges what the HSS pushes.
func cscf(t testing.TB, host, addr string, pushed chan<- diameter.Message) *diameter.Node {
	t.Helper()
	n, err := diameter.New(diameter.Config{
		OriginHost: host, OriginRealm: lte, Applications: []diameter.Application{{ID: cx.Application, VendorID: diameter.Vendor3GPP}},
		Peers: []diameter.Peer{{Host: "hss." + lte, Addresses: []string{addr}}},
		Services: []diameter.Service{{Application: cx.Application, Handler: func(_ context.Context, in *diameter.Incoming) (encoding.BinaryAppender, error) {
			defer func() { pushed <- in.Message }()
			if in.Code == cx.CommandRegistrationTermination {
				q, err := cx.ParseRTR(in.Message)
				if err != nil {
					return nil, err
				}
				a := q.Answer(host, lte)
				a.SetResult(success())
				return &a, nil
			}
			q, err := cx.ParsePPR(in.Message)
			if err != nil {
				return nil, err
			}
			a := q.Answer(host, lte)
			a.SetResult(success())
			return &a, nil
		}}},
	})
	must(t, err)
	t.Cleanup(func() { n.Close() })
	return n
}

// TestKamailio puts the requests that Kamailio's CSCFs have made to the HSS, over TCP and with tshark as the judge of its answers.
func TestKamailio(t *testing.T) {
	store := open(t, t.TempDir())
	must(t, store.Commit(
		Change{Put: kamailioUser(t, "001010000000001", "fec86ba6eb707ed08905757b1bb44b8f", "dbc59adcb6f9a0ef735477b7fadf8374", "ue1", "+15550001")},
		Change{Put: kamailioUser(t, "001010000000002", "0396eb317b6d1c36f19c1c84cd6ffd16", "ff53bade17df5d4e793073ce9d7579fa", "ue2", "+15550002")}))
	h, err := New(Config{Host: "hss." + lte, Realm: lte, Store: store})
	must(t, err)
	defer h.Close()
	port := lab.FreePort(t)
	n, err := diameter.New(diameter.Config{
		OriginHost: "hss." + lte, OriginRealm: lte, Applications: h.Applications(), Services: h.Services(), Accept: diameter.Accept{Hosts: []string{"." + lte}},
		Trace: tsharktest.Capture(t, "-d", fmt.Sprintf("tcp.port==%d,diameter", port)),
	})
	must(t, err)
	defer n.Close()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	l, err := net.Listen("tcp", addr)
	must(t, err)
	go n.Serve(l)
	h.Attach(n)

	pushed := make(chan diameter.Message, 10)
	nodes := map[string]*diameter.Node{"icscf": cscf(t, "icscf."+lte, addr, pushed), "scscf": cscf(t, "scscf."+lte, addr, pushed)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, n := range nodes {
		must(t, n.Ready(ctx, "hss."+lte))
	}

	text, err := os.ReadFile("../../diameter/cx/testdata/kamailio-5.6.3.txt")
	must(t, err)
	var got []string
	for line := range strings.Lines(string(text)) {
		sender, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := hex.DecodeString(digits)
		if err != nil || nodes[sender] == nil {
			continue
		}
		m, err := diameter.ParseMessage(b)
		must(t, err)
		if !m.IsRequest() || m.ApplicationID != cx.Application {
			continue
		}
		a, err := nodes[sender].Do(ctx, m)
		if err != nil {
			t.Fatalf("%s: %v", cx.Dictionary().CommandName(m.Header), err)
		}
		got = append(got, describe(t, a.Message))
	}
	want := []string{
		"UAA FIRST_REGISTRATION", "MAA SUCCESS", "UAA SUBSEQUENT_REGISTRATION", "SAA SUCCESS profile",
		"UAA FIRST_REGISTRATION", "MAA SUCCESS", "UAA SUBSEQUENT_REGISTRATION", "SAA SUCCESS profile", "LIA SUCCESS",
		"UAA SUBSEQUENT_REGISTRATION", "MAA SUCCESS", "UAA SUBSEQUENT_REGISTRATION", "MAA SUCCESS", "UAA SUBSEQUENT_REGISTRATION", "SAA SUCCESS",
		"UAA SUCCESS", "MAA SUCCESS", "UAA SUCCESS",
	}
	if len(got) != len(want) {
		t.Fatalf("%d answers: %q", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("answer %d: %s, want %s", i, got[i], want[i])
		}
	}
	if s := h.Stats(); s.Resynchronised != 1 || s.Answers["MAR"]["DIAMETER_SUCCESS"] != 5 {
		t.Errorf("%+v", s)
	}

	// The HSS tells the S-CSCF of changes.
	admin := h.As("test")
	must(t, admin.Deregister("001010000000001", Deregistration{Info: "bye"}))
	v, err := admin.Get("001010000000002")
	must(t, err)
	v.Subscriber.PublicIdentities[1].DisplayName = "Two"
	v.Subscriber.Charging = nil
	_, err = admin.Put(v.Subscriber, PutOptions{IfRevision: v.Revision})
	must(t, err)
	for _, want := range []diameter.CommandCode{cx.CommandRegistrationTermination, cx.CommandPushProfile} {
		select {
		case m := <-pushed:
			if m.Code != want {
				t.Errorf("pushed %s", cx.Dictionary().CommandName(m.Header))
			}
		case <-ctx.Done():
			t.Fatalf("not pushed: %d", want)
		}
	}
	for h.Stats().PushesOwed > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if s := h.Stats(); s.PushesDone != 2 || s.PushesOwed != 0 {
		t.Errorf("%+v", s)
	}
}

func describe(t testing.TB, m diameter.Message) string {
	t.Helper()
	switch m.Code {
	case cx.CommandUserAuthorization:
		a, err := cx.ParseUAA(m)
		must(t, err)
		return "UAA " + resultOf(a.Result(), nil)
	case cx.CommandMultimediaAuth:
		a, err := cx.ParseMAA(m)
		must(t, err)
		return "MAA " + resultOf(a.Result(), nil)
	case cx.CommandLocationInfo:
		a, err := cx.ParseLIA(m)
		must(t, err)
		return "LIA " + resultOf(a.Result(), nil)
	case cx.CommandServerAssignment:
		a, err := cx.ParseSAA(m)
		must(t, err)
		s := "SAA " + resultOf(a.Result(), nil)
		if a.UserData != nil {
			s += " profile"
		}
		return s
	}
	return fmt.Sprint(m.Code)
}

// TestProfileSchema judges profiles by the XML Schema of TS 29.228 Annex E, whose file TELCO_CX_XSD names.
func TestProfileSchema(t *testing.T) {
	xsd := os.Getenv("TELCO_CX_XSD")
	if xsd == "" {
		t.Skip("TELCO_CX_XSD does not name CxDataType_Rel8.xsd")
	}
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("needs xmllint (Debian: apt-get install libxml2-utils)")
	}
	h := fixture(t, nil)
	withDSAI(t, h)
	e, _ := h.store.Find(Key{KeyID, "alice"})
	a := e.Subscriber.Clone()
	for i := range a.PublicIdentities {
		// Elements of releases after that of the schema.
		a.PublicIdentities[i].ServicePriorityLevel, a.PublicIdentities[i].MaxRegistrations = nil, nil
	}
	must(t, h.store.Commit(Change{Put: a}))
	dir := t.TempDir()
	for i, q := range []*cx.SAR{
		sar(registration, s1, aliceIMPI, aliceIMPU),
		sar(registration, s1, aliceWork, "sip:alice-work@ims.example", func(q *cx.SAR) {
			q.SupportedFeatures = []cx.SupportedFeatures{{VendorID: diameter.Vendor3GPP, FeatureListID: 1, FeatureList: featureSharedIFC}}
		}),
		sar(unregistered, s1, "", roomIdentity),
		sar(unregistered, s1, "", "sip:bob-9@ims.example"),
		sar(unregistered, s1, "", "sip:bob-psi@ims.example"),
	} {
		a, err := h.sar(q, call{encode(t, q), true})
		must(t, err)
		name := filepath.Join(dir, fmt.Sprint(i, ".xml"))
		must(t, os.WriteFile(name, a.UserData, 0o600))
		if out, err := exec.Command(xmllint, "--noout", "--schema", xsd, name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s\n%s", q.PublicIdentity, out, a.UserData)
		}
	}
}
