package kamailio

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/trace"
)

// Keys of test set 3 of TS 35.208, which every subscriber has: SIPp reads no K that has the octet 5b or 00.
const (
	CardK  = "fec86ba6eb707ed08905757b1bb44b8f"
	CardOP = "dbc59adcb6f9a0ef735477b7fadf8374"
)

// IMS is a core with its HSS, which runs in the test.
type IMS struct {
	*Core
	HSS   *hss.HSS
	Admin hss.Admin
	Node  *diameter.Node
}

// StartIMS starts a core with an HSS that has some subscribers, and waits until all of it serves.
// What goes over Cx is judged by tshark when the test ends.
func StartIMS(t testing.TB, cfg Config, subscribers ...*hss.Subscriber) *IMS {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return StartIMSTraced(t, cfg, l, tsharktest.Capture(t, "-d", fmt.Sprintf("tcp.port==%d,diameter", port)), subscribers...)
}

// StartIMSTraced is StartIMS with the HSS's listener and trace at the caller's choice.
func StartIMSTraced(t testing.TB, cfg Config, l net.Listener, tr trace.Func, subscribers ...*hss.Subscriber) *IMS {
	t.Helper()
	x := &IMS{}
	store := hss.NewMemoryStore()
	t.Cleanup(func() { store.Close() })
	var err error
	x.HSS, err = hss.New(hss.Config{Host: "localhost", Realm: Domain, Store: store, SQN: aka.SQNScheme{INDBits: 5},
		Push: hss.PushConfig{Retry: time.Second, RetryMax: time.Second, Timeout: 2 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.HSS.Close() })
	x.Admin = x.HSS.As("test")
	for _, s := range subscribers {
		if _, err := x.Admin.Put(s, hss.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	x.Node, err = diameter.New(diameter.Config{OriginHost: "localhost", OriginRealm: Domain, Applications: x.HSS.Applications(), Services: x.HSS.Services(),
		Accept: diameter.Accept{Hosts: []string{"icscf." + Domain, "scscf." + Domain}}, Timers: diameter.Timers{Tw: 6 * time.Second}, Trace: tr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Node.Close() })
	go x.Node.Serve(l)
	x.HSS.Attach(x.Node)

	x.Core = Start(t, cfg, l.Addr().(*net.TCPAddr).Port)
	x.Wait(t)
	return x
}

// Subscriber is a user with a card, whose calls go by some application servers.
func Subscriber(t testing.TB, name string, criteria ...hss.InitialFilterCriteria) *hss.Subscriber {
	t.Helper()
	k, err := hss.ParseSecret(CardK)
	if err != nil {
		t.Fatal(err)
	}
	op, err := hss.ParseSecret(CardOP)
	if err != nil {
		t.Fatal(err)
	}
	s := &hss.Subscriber{ID: name,
		PrivateIdentities: []hss.PrivateIdentity{{IMPI: name + "@" + Domain, AKA: &hss.AKA{K: k, OP: op}}},
		PublicIdentities:  []hss.PublicIdentity{{Identity: "sip:" + name + "@" + Domain}, {Identity: "sip:" + name + "-too@" + Domain}},
	}
	if len(criteria) > 0 {
		s.ServiceProfiles = []hss.ServiceProfile{{Name: name, InitialFilterCriteria: criteria}}
		for i := range s.PublicIdentities {
			s.PublicIdentities[i].Profile = name
		}
	}
	return s
}

// Criteria send a user's registrations, and the calls that he makes, to the application server at a port of 127.0.0.1.
func Criteria(port int) []hss.InitialFilterCriteria {
	at := fmt.Sprintf("sip:127.0.0.1:%d", port)
	return []hss.InitialFilterCriteria{
		{Priority: 1, ApplicationServer: at, Triggers: []hss.Trigger{{Method: "REGISTER"}}, IncludeRegisterRequest: true},
		{Priority: 2, ApplicationServer: at, Triggers: []hss.Trigger{{Method: "INVITE"}, {SessionCase: "originating"}}},
	}
}

// Terminating send a user's registrations, and the calls to him whether he is registered or not, to the application server at a port of
// 127.0.0.1.
func Terminating(port int) []hss.InitialFilterCriteria {
	at := fmt.Sprintf("sip:127.0.0.1:%d", port)
	return []hss.InitialFilterCriteria{
		{Priority: 1, ApplicationServer: at, Triggers: []hss.Trigger{{Method: "REGISTER"}}},
		{Priority: 2, ApplicationServer: at, Triggers: []hss.Trigger{{Method: "INVITE"}, {SessionCase: "terminatingRegistered"}}},
		{Priority: 3, ApplicationServer: at, Triggers: []hss.Trigger{{Method: "INVITE"}, {SessionCase: "terminatingUnregistered"}}},
	}
}

// Registration is what the HSS knows of a user's first set of identities.
func (x *IMS) Registration(t testing.TB, id string) hss.Registration {
	t.Helper()
	v, err := x.Admin.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.State.Registrations) == 0 {
		return hss.Registration{}
	}
	return v.State.Registrations[0]
}

// Answers is how often the HSS gave an answer: "MAR", "DIAMETER_SUCCESS".
func (x *IMS) Answers(command, result string) uint64 { return x.HSS.Stats().Answers[command][result] }
