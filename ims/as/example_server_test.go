package as_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// A server between a core and a carrier: calls to Germany go to the carrier, all others go on.
func ExampleServer() {
	rules, err := as.NewRules(as.RulesConfig{
		Rules:   []as.Rule{{Match: as.Match{Called: []string{"+49*"}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: "carrier"}}}}},
		Default: as.Decision{Action: as.Proxy},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	scscf, err := as.ParseSource("192.0.2.0/28")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := as.Config{
		Call: call.Config{Codecs: append(call.AMRNB(), call.PCMA)},
		IMS:  as.IMS{Peers: []as.Source{scscf}, Domain: "ims.example.org"},
		Trunks: []as.Trunk{{
			Name: "carrier", Codecs: []string{"PCMA"},
			Servers: []as.TrunkServer{{URI: "sip:198.51.100.7"}, {URI: "sip:198.51.100.8", Priority: 1}},
		}},
		Router: rules,
		OnEnd:  func(c *as.CallInfo) { fmt.Println(c.Record().Status) },
	}
	server, err := as.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := server.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"}); err != nil {
		fmt.Println(err)
		return
	}
	// A new configuration is for the calls that come from now on.
	cfg.Trunks[0].MaxCalls = 30
	fmt.Println(server.Reload(cfg))
	// No more calls, but those that there are come to their end.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(server.Drain(ctx), server.Stats().Calls)
	fmt.Println(server.Close(ctx))
	// Output:
	// <nil>
	// <nil> 0
	// <nil>
}

func ExampleParseISC() {
	req := sip.NewRequest(sip.INVITE, "sip:bob@ims.example.org")
	req.Add("P-Served-User", "<sip:bob@ims.example.org>;sescase=term;regstate=unreg")
	isc := as.ParseISC(req, sip.URI{}, []string{"<sip:4711@scscf.ims.example.org:6060;lr>"}, as.IMS{})
	fmt.Println(isc.Case, isc.RegState, isc.ServedUser, isc.ODI())
	// Output: term unreg sip:bob@ims.example.org 4711
}
