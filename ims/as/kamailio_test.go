package as_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/lab/kamailio"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
)

// number is one that the SIP side has.
const number = "+4930123456"

// source is where a peer sends from.
func source(t *testing.T, s string) as.Source {
	t.Helper()
	p, err := as.ParseSource(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serverConfig bridges calls to numbers to telephones of the SIP side, and their calls to the IMS core; all other calls of the core it
// lets go on. Telephones are pairs of a number and a SIP URI.
func serverConfig(t *testing.T, tr trace.Func, telephones ...[2]string) as.Config {
	t.Helper()
	rules := as.RulesConfig{Default: as.Decision{Action: as.Proxy}}
	cfg := as.Config{
		Call: call.Config{
			Codecs: append(append(call.AMRWB(), call.AMRNB()...), call.PCMA, call.PCMU),
			SIP:    sip.UserAgentConfig{Endpoint: sip.Config{Trace: tr}},
			Trace:  tr,
		},
		Domain: "as." + kamailio.Domain,
		IMS:    as.IMS{Peers: []as.Source{source(t, "127.0.0.1")}, Domain: kamailio.Domain, RecordRoute: true},
	}
	for _, x := range telephones {
		cfg.Trunks = append(cfg.Trunks, as.Trunk{Name: x[0], Servers: []as.TrunkServer{{URI: x[1]}}, Codecs: []string{"PCMA", "PCMU"}})
		rules.Rules = append(rules.Rules, as.Rule{Match: as.Match{Called: []string{x[0]}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: x[0]}}}})
	}
	if len(telephones) > 1 { // who is called and not there is at the last of them
		forward := as.Decision{Action: as.Bridge, Diversion: "unavailable", Targets: []as.Target{{Trunk: telephones[len(telephones)-1][0], Called: telephones[len(telephones)-1][0]}}}
		rules.Rules = append(rules.Rules,
			as.Rule{Match: as.Match{Case: []as.SessionCase{as.CaseTerm}, RegState: []as.RegState{as.Unregistered}, Called: []string{"carol@" + kamailio.Domain}}, Then: &forward},
			as.Rule{Match: as.Match{Case: []as.SessionCase{as.CaseTerm}, Called: []string{"carol-too@" + kamailio.Domain}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{IMS: true}}}})
	}
	rules.Rules = append(rules.Rules, as.Rule{Match: as.Match{Side: []as.Side{as.SideTrunk}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{IMS: true}}}})
	router, err := as.NewRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Router = router
	return cfg
}

// startServer starts a server at a port of 127.0.0.1.
func startServer(t *testing.T, cfg as.Config, port int) *as.Server {
	t.Helper()
	s, err := as.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	for _, transport := range []sip.Transport{sip.UDP, sip.TCP} {
		if _, err := s.Endpoint().Listen(sip.ListenConfig{Transport: transport, Addr: fmt.Sprintf("127.0.0.1:%d", port)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// ended are the calls that a server has told of.
type ended struct {
	mu    sync.Mutex
	calls []*as.CallInfo
}

func (e *ended) add(c *as.CallInfo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, c)
}

func (e *ended) all() []*as.CallInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*as.CallInfo(nil), e.calls...)
}

// sentRTP looks at the RTP that a server sends.
type sentRTP struct {
	mu      sync.Mutex
	streams map[uint32]*stream // by SSRC
}

type stream struct {
	packets, octets int
	payloadType     uint8
	seq             uint16
	timestamp       uint32
	wrong           []string
}

// trace sees every packet: each stream keeps to one payload type, its sequence numbers have no gap, and its clock goes on by the 20 ms of
// a packet; in pauses (DTX) by more of them.
func (s *sentRTP) trace(e trace.Event) {
	if e.Proto != trace.RTP || e.Dir != trace.Sent || len(e.Data) < 12 {
		return
	}
	b := e.Data
	pt, seq, ts, ssrc := b[1]&0x7f, binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.streams[ssrc]
	if x == nil {
		x = &stream{payloadType: pt, seq: seq - 1, timestamp: ts - 160}
		s.streams[ssrc] = x
	}
	if step := ts - x.timestamp; pt != x.payloadType || seq != x.seq+1 || step == 0 || step%160 != 0 || step > 80000 {
		x.wrong = append(x.wrong, fmt.Sprintf("packet %d: payload type %d, sequence number %d after %d, timestamp %d after %d", x.packets, pt, seq, x.seq, ts, x.timestamp))
	}
	x.packets, x.octets, x.seq, x.timestamp = x.packets+1, x.octets+len(b)-12, seq, ts
}

// check wants streams that say something: one for A-law, and one for AMR at 12.2 kbit/s, in each bridged call.
func (s *sentRTP) check(t *testing.T, calls int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	alaw, amr := 0, 0
	for ssrc, x := range s.streams {
		for _, w := range x.wrong {
			t.Errorf("stream %08x: %s", ssrc, w)
		}
		switch size := x.octets / max(x.packets, 1); {
		case x.packets < 50:
			t.Errorf("stream %08x: %d packets", ssrc, x.packets)
		case x.payloadType == 8 && size == 160:
			alaw++
		case x.payloadType >= 96 && size > 28 && size <= 33:
			amr++
		default:
			t.Errorf("stream %08x: payload type %d, %d octets in a packet", ssrc, x.payloadType, size)
		}
	}
	if alaw != calls || amr != calls {
		t.Errorf("%d streams of A-law and %d of AMR in %d calls", alaw, amr, calls)
	}
}

// TestKamailioIMS: an application server behind Kamailio's CSCFs and our HSS. Two phones register by AKA, and the server hears of
// the one that it serves. Her call to a number goes to it by an initial filter criterion, and it bridges AMR to A-law of a telephone
// of the SIP side. Her call to the other phone it lets go on, and the S-CSCF knows by the original dialog identifier what is left to
// be done. A call from the SIP side reaches her by the core. A handset's preconditions are met. All can be heard at both ends.
func TestKamailioIMS(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, kamailio.Packages, kamailio.Programs()...)
	lab.Need(t, kamailio.BaresipPackages, "baresip")
	tsharktest.Need(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := lab.FreePort(t)
	tr := tsharktest.Capture(t, "-d", fmt.Sprintf("tcp.port==%d,diameter", l.Addr().(*net.TCPAddr).Port), "-d", fmt.Sprintf("udp.port==%d,sip", port))
	rtp := sentRTP{streams: map[uint32]*stream{}}
	tr = trace.Tee(tr, rtp.trace)

	desk := kamailio.Baresip{Name: number, Domain: "127.0.0.2", Host: "127.0.0.2", Port: lab.FreePort(t), Codec: "PCMA", Tone: 1000}
	const plainNumber = "+49301"
	plain := lab.FreePort(t)
	cfg := serverConfig(t, tr, [2]string{number, fmt.Sprintf("sip:127.0.0.2:%d", desk.Port)}, [2]string{plainNumber, fmt.Sprintf("sip:127.0.0.1:%d", plain)})
	var over ended
	registered := make(chan as.Registration, 10)
	cfg.OnEnd, cfg.OnRegister = over.add, func(r as.Registration) { registered <- r }
	server := startServer(t, cfg, port)
	dispatcher := kamailio.StartDispatcher(t, lab.FreePort(t), fmt.Sprintf("sip:127.0.0.1:%d", port))

	x := kamailio.StartIMSTraced(t, kamailio.Config{}, l, tr, kamailio.Subscriber(t, "alice", kamailio.Criteria(port)...),
		kamailio.Subscriber(t, "bob", kamailio.Criteria(dispatcher.Port)...), kamailio.Subscriber(t, "carol", kamailio.Terminating(port)...))
	cfg.IMS.Routes = []string{fmt.Sprintf("<sip:127.0.0.1:%d;lr>", x.ICSCF)}
	if err := server.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	at := map[string]int{"alice": lab.FreePort(t), "bob": lab.FreePort(t)}
	for _, name := range []string{"alice", "bob"} {
		x.Register(t, name, at[name], 3600)
	}
	select {
	case r := <-registered:
		if r.User != "sip:alice@"+kamailio.Domain || !r.Registered || time.Until(r.Expires) < 50*time.Minute || !strings.Contains(string(r.Request), "REGISTER sip:") || r.ICID == "" {
			t.Errorf("registered: %+v", r)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no third-party REGISTER came")
	}

	alice := kamailio.Baresip{Name: "alice", Port: at["alice"], Proxy: x.PCSCF, Codec: "AMR"}
	bob := kamailio.Baresip{Name: "bob", Port: at["bob"], Proxy: x.PCSCF, Codec: "AMR"}
	desk.Proxy = port
	for _, c := range []struct {
		from, to kamailio.Baresip
		uri      string
	}{
		{alice, desk, "sip:" + number + "@" + kamailio.Domain + ";user=phone"},
		{alice, bob, "sip:bob@" + kamailio.Domain},
		{desk, alice, "sip:alice@" + kamailio.Domain},
	} {
		c.to.Tone = 1000
		answers := c.to.Start(t)
		c.from.Tone, c.from.Dial = 440, c.uri
		calls := c.from.Start(t)
		calls.Hears(t, 1000, 0)
		answers.Hears(t, 440, 0)
		calls.HangUp()
		answers.HungUp(t)
	}
	rtp.check(t, 2)
	// She calls from a handset that wants its bearer made before anybody is alerted.
	answered := make(chan error, 1)
	go func() { answered <- kamailio.Answer(t, plain, 1) }()
	if err := x.CallVoLTE(t, "alice", at["alice"], plainNumber); err != nil {
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	// His calls go by way of a dispatcher in front of the server.
	go func() { answered <- kamailio.Answer(t, at["alice"], 1) }()
	if err := kamailio.Call(t, at["bob"], x.PCSCF, "alice"); err != nil {
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}

	kamailio.Eventually(t, "all calls are over", func() bool { return len(over.all()) == 5 })
	for i, c := range over.all() {
		want := []struct {
			action       as.Action
			target, user string
		}{{as.Bridge, "trunk/" + number, "alice"}, {as.Proxy, "proxy", "alice"}, {as.Bridge, "ims", ""}, {as.Bridge, "trunk/" + plainNumber, "alice"}, {as.Proxy, "proxy", "bob"}}[i]
		if c.Decision.Action != want.action || c.Target != want.target || c.Status != 200 || c.Answered.IsZero() {
			t.Errorf("call %d: %+v\n%+v", i, c, c.Request)
		}
		if want.user != "" && (c.Request.ServedUser != "sip:"+want.user+"@"+kamailio.Domain || c.Request.Case != as.CaseOrig || c.Request.RegState != as.Registered ||
			!strings.HasPrefix(c.ODI, "iscmark") || c.ICID == "") {
			t.Errorf("call %d: %+v\n%+v", i, c, c.Request)
		}
	}
	if s := server.Stats(); s.Calls != 0 || s.Received != 5 || s.Answered != 3 || s.Proxied != 2 || s.Users != 2 {
		t.Errorf("%+v", s)
	}
	terminating(t, x, &over, plain)
	// He is gone, and the server hears of that, too.
	x.Register(t, "bob", at["bob"], 0)
	kamailio.Eventually(t, "the third-party REGISTER of the end", func() bool { return server.Stats().Users == 1 })
	// Without a server calls go on without it.
	if err := server.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	x.Register(t, "bob", at["bob"], 3600)
	go func() { answered <- kamailio.Answer(t, at["bob"], 1) }()
	if err := kamailio.Call(t, at["alice"], x.PCSCF, "bob"); err != nil {
		t.Errorf("with the server down: %v", err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// terminating: calls to her go by the server, too: it lets them go on, or is between both as a back-to-back user agent. Those to her while she
// is not there it sends elsewhere, or lets go on to nobody.
func terminating(t *testing.T, x *kamailio.IMS, over *ended, plain int) {
	t.Helper()
	port, before := lab.FreePort(t), len(over.all())
	for i, tc := range []struct {
		user       string
		registered bool
		answers    int // port; 0: nobody does
		action     as.Action
		target     string
		status     int
	}{
		{"carol", true, port, as.Proxy, "proxy", 200},
		{"carol-too", true, port, as.Bridge, "ims", 200},
		{"carol", false, plain, as.Bridge, "trunk/+49301", 200},
		{"carol-too", false, 0, as.Bridge, "ims", 480},
	} {
		expires := 0
		if tc.registered {
			expires = 3600
		}
		if i%2 == 0 {
			x.Register(t, "carol", port, expires)
			kamailio.Eventually(t, "the S-CSCF knows", func() bool { return (x.Contacts("sip:carol@"+kamailio.Domain) > 0) == tc.registered })
		}
		answered := make(chan error, 1)
		if tc.answers != 0 {
			go func() { answered <- kamailio.Answer(t, tc.answers, 1) }()
		} else {
			answered <- nil
		}
		if err := kamailio.Call(t, lab.FreePort(t), x.ICSCF, tc.user); (err == nil) != (tc.status == 200) {
			t.Errorf("call %d to %s: %v", i, tc.user, err)
		}
		if err := <-answered; err != nil {
			t.Errorf("call %d to %s: %v", i, tc.user, err)
		}
		kamailio.Eventually(t, "the call is over", func() bool { return len(over.all()) == before+i+1 })
		c := over.all()[before+i]
		want := as.Unregistered
		if tc.registered {
			want = as.Registered
		}
		if c.Request.Case != as.CaseTerm || c.Request.RegState != want || c.Request.ServedUser != "sip:"+tc.user+"@"+kamailio.Domain || !strings.HasPrefix(c.ODI, "iscmark") ||
			c.Decision.Action != tc.action || c.Target != tc.target || c.Status != tc.status {
			t.Errorf("call %d to %s: %+v\n%+v", i, tc.user, c, c.Request)
		}
		if r := c.Record(); (tc.target == "trunk/+49301") != (r.DivertedBy == "carol@"+kamailio.Domain) {
			t.Errorf("%+v", r)
		}
	}
}
