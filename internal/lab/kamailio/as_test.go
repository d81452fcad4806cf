package kamailio

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sip"
)

// TestKamailioCalls: calls by way of an application server that is no more than it has to be: to one
// user it bridges them, with transcoding, and all others it lets go on.
func TestKamailioCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, Packages, Programs()...)
	lab.Need(t, BaresipPackages, "baresip")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := lab.FreePort(t)
	tr := tsharktest.Capture(t, "-d", fmt.Sprintf("tcp.port==%d,diameter", l.Addr().(*net.TCPAddr).Port), "-d", fmt.Sprintf("udp.port==%d,sip", port))
	desk := Baresip{Name: "desk", Domain: "127.0.0.1", Port: lab.FreePort(t), Codec: "PCMA", Tone: 1000}
	var mu sync.Mutex
	var seen []*sip.Request
	var agent *call.Agent
	agent, err = call.NewAgent(call.Config{
		Codecs: append(call.AMRNB(), call.PCMA),
		Trace:  tr,
		OnCall: func(c *call.Call) {
			agent.Connect(context.Background(), c, fmt.Sprintf("sip:desk@127.0.0.1:%d", desk.Port), call.ConnectOptions{})
		},
		SIP: sip.UserAgentConfig{
			Endpoint: sip.Config{Trace: tr},
			Proxy: sip.ProxyConfig{OnRequest: func(f *sip.Forwarding) {
				mu.Lock()
				seen = append(seen, f.Original.Clone())
				mu.Unlock()
				switch {
				case f.Original.Method == "REGISTER":
					f.Respond(sip.NewResponse(f.Original, 200, ""))
				case strings.HasPrefix(f.Original.RequestURI, "sip:desk@"):
					f.Serve()
				default:
					f.RecordRoute("", sip.Params{})
					f.Forward()
				}
			}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	for _, transport := range []sip.Transport{sip.UDP, sip.TCP} {
		if _, err := agent.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: transport, Addr: fmt.Sprintf("127.0.0.1:%d", port)}); err != nil {
			t.Fatal(err)
		}
	}
	x := StartIMSTraced(t, Config{}, l, tr, Subscriber(t, "alice", Criteria(port)...), Subscriber(t, "bob"))
	at := map[string]int{"alice": lab.FreePort(t), "bob": lab.FreePort(t)}
	for _, name := range []string{"alice", "bob"} {
		x.Register(t, name, at[name], 3600)
	}
	Eventually(t, "the third-party REGISTER", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) > 0 && seen[0].Method == "REGISTER"
	})
	bob := Baresip{Name: "bob", Port: at["bob"], Proxy: x.PCSCF, Codec: "AMR", Tone: 1000}
	for _, called := range []Baresip{desk, bob} {
		answers := called.Start(t)
		calls := Baresip{Name: "alice", Port: at["alice"], Proxy: x.PCSCF, Codec: "AMR", Tone: 440, Dial: "sip:" + called.Name + "@" + Domain}.Start(t)
		calls.Listen(t, 2)
		calls.HangUp()
		calls.Hears(t, 1000)
		answers.Hears(t, 440)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, r := range seen {
		if r.Method == "INVITE" && (!strings.Contains(r.Value("P-Served-User"), "sip:alice@"+Domain) || !strings.Contains(fmt.Sprint(r), "<sip:iscmark@")) {
			t.Errorf("from the S-CSCF: %s", r)
		}
	}
}
