package sip_test

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/sip"
)

// knot starts the name server Knot with the zones of testdata/peers, and returns a client of it.
func knot(t *testing.T, words ...string) *sip.DNS {
	t.Helper()
	need(t, "knot", "knotd")
	dir, port := t.TempDir(), lab.FreePort(t)
	var many strings.Builder
	for i := range 120 {
		fmt.Fprintf(&many, "many A 127.9.0.%d\n", i)
	}
	words = append(words, "@MANY@", many.String(), "@DIR@", dir, "@PORT@", strconv.Itoa(port), "@TCPPORT@", "5060", "@UDPPORT@", "5060", "@DEADPORT@", "5060")
	cfg := fromTemplate(t, dir, "knot.conf", "knot.conf", words...)
	fromTemplate(t, dir, "test.zone", "test.zone", words...)
	fromTemplate(t, dir, "enum.zone", "enum.zone", words...)
	start(t, dir, "knotd", "-c", cfg)
	server := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	wait(t, "Knot's start", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		probe := sip.NewDNS(sip.DNSConfig{Servers: []netip.AddrPort{server}, Hosts: "-", Timeout: time.Second, Attempts: 1})
		a, err := probe.LookupAddrs(ctx, "one.test")
		return err == nil && len(a) == 1
	})
	return sip.NewDNS(sip.DNSConfig{Servers: []netip.AddrPort{server}, Hosts: "-"})
}

func locate(t *testing.T, l *sip.Locator, uri string) []sip.Target {
	t.Helper()
	u, err := sip.ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := l.Targets(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// A real name server answers all the kinds of questions that are asked.
func TestPeerKnotAnswers(t *testing.T) {
	dns := knot(t)
	naptr, err := dns.LookupNAPTR(t.Context(), "Naptr.test")
	if len(naptr) != 3 || err != nil {
		t.Errorf("%v, %v", naptr, err)
	}
	if again, err := dns.LookupNAPTR(t.Context(), "alias.test"); len(again) != 3 || err != nil {
		t.Errorf("by its alias: %v, %v", again, err)
	}
	if a, err := dns.LookupAddrs(t.Context(), "both.test"); fmt.Sprint(a) != "[127.0.0.9 ::1]" || err != nil {
		t.Errorf("both.test: %v, %v", a, err)
	}
	for _, name := range []string{"empty.test", "nobody.test"} {
		if a, err := dns.LookupAddrs(t.Context(), name); len(a) != 0 || err != nil {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	if a, err := dns.LookupAddrs(t.Context(), "many.test"); len(a) != 120 || err != nil || dns.Stats().OverTCP == 0 {
		t.Errorf("%d addresses, %v, %+v", len(a), err, dns.Stats())
	}
	if a, err := dns.LookupAddrs(t.Context(), "elsewhere.example"); err == nil { // REFUSED: not its zone
		t.Errorf("another zone: %v", a)
	}
	before := dns.Stats().Queries
	dns.LookupNAPTR(t.Context(), "alias.test")
	dns.LookupAddrs(t.Context(), "nobody.test")
	if after := dns.Stats(); after.Queries != before {
		t.Errorf("known answers, also negative ones, are asked for again: %+v", after)
	}
}

// NAPTR decides the transport, SRV the order: 75 and 25 of weight, one of weight 0, and another
// priority after them.
func TestPeerKnotLocates(t *testing.T) {
	l := sip.NewLocator(sip.LocateConfig{Resolver: knot(t)})
	var got []string
	for _, target := range locate(t, l, "sip:bob@naptr.test") {
		got = append(got, target.String())
	}
	if d := cmp.Diff([]string{"TCP 127.0.0.1:5060 (NAPTR 10 10 SIP+D2T, SRV 0 0 one.test, address)"}, got); d != "" {
		t.Error(d)
	}
	const draws = 400
	first := map[string]int{}
	for range draws {
		targets := locate(t, l, "sip:bob@weights.test;transport=udp")
		if len(targets) != 4 || targets[3].Addr.Addr().String() != "127.0.1.4" {
			t.Fatal(targets)
		}
		first[targets[0].Addr.Addr().String()]++
	}
	// 297 of 400 expected with a standard deviation of 9: eight of them are one in 10^15.
	if a, b := first["127.0.1.1"], first["127.0.1.2"]; a < 225 || a > 369 || b < 28 || b > 172 || first["127.0.1.4"] != 0 {
		t.Errorf("first of %d draws: %v", draws, first)
	}
}

func TestPeerKnotENUM(t *testing.T) {
	e := sip.ENUM{Resolver: knot(t)}
	for _, number := range []string{"+441632960083", "+44 1632 960084"} {
		results, err := e.Lookup(t.Context(), number)
		var got []string
		for _, r := range results {
			got = append(got, r.URI)
		}
		want := "sip:01632960083@failover.test"
		if number != "+441632960083" {
			want = "sip:01632960084@failover.test"
		}
		if d := cmp.Diff([]string{want, "mailto:info@test"}, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", number, err, d)
		}
	}
	if r, err := e.Lookup(t.Context(), "+441632960099"); len(r) != 0 || err != nil {
		t.Errorf("a number without records: %v, %v", r, err)
	}
}

// A number becomes a URI, its domain two targets, of which the first was killed: the call goes to
// the second within the time that one target has, and further calls go there at once.
func TestPeerKnotFailover(t *testing.T) {
	need(t, "knot", "knotd")
	answered := make(chan bool, 1)
	first, firstPort := peerUA(t, sip.UserAgentConfig{OnInvite: func(in *sip.Incoming) {
		in.Reply(200, []byte(sdp), "")
		answered <- true
	}}, nil)
	second, port := peerUA(t, sip.UserAgentConfig{OnInvite: func(in *sip.Incoming) { in.Reply(200, []byte(sdp), "") }}, nil)
	dns := knot(t, "@UDPPORT@", strconv.Itoa(port), "@DEADPORT@", strconv.Itoa(firstPort))
	const patience = time.Second
	caller, _ := peerUA(t, sip.UserAgentConfig{Endpoint: sip.Config{TargetTimeout: patience, Locate: sip.LocateConfig{Resolver: dns}}}, nil)
	results, err := sip.ENUM{Resolver: dns}.Lookup(t.Context(), "+441632960083")
	if err != nil || !results[0].HasService("sip") {
		t.Fatal(results, err)
	}
	// While the first target lives, calls go there.
	d, _, err := caller.Invite(t.Context(), results[0].URI, sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte(sdp)}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-answered:
	default:
		t.Error("the call did not go to the first target")
	}
	if err := d.Bye(t.Context(), sip.RequestOptions{}); err != nil {
		t.Errorf("BYE: %v", err)
	}
	first.Close()
	for i := range 3 {
		began := time.Now()
		d, _, err := caller.Invite(t.Context(), results[0].URI, sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte(sdp)}})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		switch moved := caller.Endpoint().Stats().NextTarget; {
		case moved != 1:
			t.Errorf("call %d: went on to a next target %d times in all, want once", i, moved)
		case i == 0 && took < patience:
			t.Errorf("the first call took %v, which is less than a target has", took)
		case took > 20*time.Second:
			t.Errorf("call %d took %v", i, took)
		}
		t.Logf("call %d took %v", i, took)
		if err := d.Bye(t.Context(), sip.RequestOptions{}); err != nil {
			t.Errorf("BYE: %v", err)
		}
	}
	wait(t, "the end of the calls", func() bool { return second.Dialogs() == 0 })
	targets := locate(t, sip.NewLocator(sip.LocateConfig{Resolver: dns}), results[0].URI)
	if len(targets) != 2 || int(targets[1].Addr.Port()) != port {
		t.Errorf("targets: %v", targets)
	}
}
