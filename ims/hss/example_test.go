package hss_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/hss"
)

// An I-CSCF asks an HSS where a user may register.
func Example() {
	store := hss.NewMemoryStore()
	h, err := hss.New(hss.Config{Host: "hss.ims.example", Realm: "ims.example", Store: store, SCSCFs: []hss.SCSCF{{Name: "sip:scscf.ims.example:6060"}}})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	_, err = h.As("operator").Put(&hss.Subscriber{
		PrivateIdentities: []hss.PrivateIdentity{{IMPI: "alice@ims.example", Digest: &hss.Digest{
			Realm: "ims.example", HA1: hss.DigestHA1("MD5", "alice@ims.example", "ims.example", "secret"),
		}}},
		PublicIdentities: []hss.PublicIdentity{{Identity: "sip:alice@ims.example"}, {Identity: "tel:+15551234567"}},
	}, hss.PutOptions{})
	if err != nil {
		log.Fatal(err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server, err := diameter.New(diameter.Config{
		OriginHost: "hss.ims.example", OriginRealm: "ims.example", Applications: h.Applications(), Services: h.Services(),
		Accept: diameter.Accept{Hosts: []string{".ims.example"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	go server.Serve(l)
	h.Attach(server)

	icscf, err := diameter.New(diameter.Config{
		OriginHost: "icscf.ims.example", OriginRealm: "ims.example", Applications: []diameter.Application{{ID: cx.Application, VendorID: diameter.Vendor3GPP}},
		Peers: []diameter.Peer{{Host: "hss.ims.example", Addresses: []string{l.Addr().String()}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer icscf.Close()
	ctx := context.Background()
	if err := icscf.Ready(ctx, "hss.ims.example"); err != nil {
		log.Fatal(err)
	}
	answer, err := icscf.Do(ctx, &cx.UAR{
		SessionID:                   icscf.NewSessionID(""),
		VendorSpecificApplicationID: diameter.VendorSpecificApplicationID{VendorID: diameter.Vendor3GPP, AuthApplicationID: diameter.Some(cx.Application)},
		AuthSessionState:            diameter.AuthSessionStateNoStateMaintained,
		DestinationRealm:            "ims.example", UserName: "alice@ims.example", PublicIdentity: "sip:alice@ims.example", VisitedNetworkIdentifier: []byte("ims.example"),
	})
	if err != nil {
		log.Fatal(err)
	}
	uaa, err := cx.ParseUAA(answer.Message)
	fmt.Println(cx.ResultName(uaa.Result()), uaa.ServerCapabilities.ServerName, err)
	// Output: DIAMETER_FIRST_REGISTRATION [sip:scscf.ims.example:6060] <nil>
}

// A subscriber that cannot be says which fields are wrong.
func ExampleSubscriber_Validate() {
	var s hss.Subscriber
	json.Unmarshal([]byte(`{
		"privateIdentities": [{"impi": "alice@ims.example", "aka": {"k": "00112233", "opc": "cd63cb71954a9f4e48a5994e37a02baf"}}],
		"publicIdentities": [{"identity": "alice"}]
	}`), &s)
	err := s.Validate()
	for _, e := range err.(*hss.ValidationError).Fields {
		fmt.Println(e.Field+":", e.Reason)
	}
	// Output:
	// privateIdentities[0].aka.k: 4 octets, not 16
	// publicIdentities[0].identity: "alice" is no SIP or tel URI
}

// Keys do not print. Who wants them says so.
func ExampleSecret() {
	k, err := hss.ParseSecret("465b5ce8b199b49faa5f0a2ee238a6bc")
	b, _ := json.Marshal(hss.AKA{K: k})
	fmt.Println(k, err, string(b), k.RevealHex()[:4])
	// Output: *** <nil> {"k":"***"} 465b
}
