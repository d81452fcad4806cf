package diameter_test

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"net"

	"github.com/gotelco/telco/diameter"
)

// server is an accounting server on a free port of the loopback.
func server(host string) (*diameter.Node, string) {
	n, err := diameter.New(diameter.Config{
		OriginHost: host, OriginRealm: "home.example",
		Applications: []diameter.Application{{ID: diameter.BaseAccounting, Accounting: true}},
		Accept:       diameter.Accept{Hosts: []string{".visited.example"}},
		Services: []diameter.Service{{
			Application: diameter.BaseAccounting,
			Command:     diameter.CommandAccounting,
			Handler: func(_ context.Context, r *diameter.Incoming) (encoding.BinaryAppender, error) {
				q, err := diameter.ParseACR(r.Message)
				if err != nil {
					return nil, err // says which AVP is wrong
				}
				if q.UserName.Value == "mallory" {
					return nil, &diameter.ProtocolError{ResultCode: diameter.AuthorizationRejected, Text: "not you"}
				}
				a := q.Answer(host, "home.example")
				a.ResultCode = diameter.Success
				return &a, nil
			},
		}},
	})
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go n.Serve(l)
	return n, l.Addr().String()
}

// A client asks a server.
func ExampleNode_Do() {
	home, address := server("acct.home.example")
	defer home.Close()

	n, err := diameter.New(diameter.Config{
		OriginHost: "nas.visited.example", OriginRealm: "visited.example",
		Applications: []diameter.Application{{ID: diameter.BaseAccounting, Accounting: true}},
		Peers:        []diameter.Peer{{Host: "acct.home.example", Addresses: []string{address}}},
	})
	if err != nil {
		panic(err)
	}
	defer n.Shutdown(context.Background(), diameter.DisconnectCauseRebooting)
	ctx := context.Background()
	if err := n.Ready(ctx, "acct.home.example"); err != nil {
		panic(err)
	}
	for _, user := range []string{"alice", "mallory"} {
		a, err := n.Do(ctx, &diameter.ACR{
			Header:    diameter.Header{Flags: diameter.Request | diameter.Proxiable, Code: diameter.CommandAccounting, ApplicationID: diameter.BaseAccounting},
			SessionID: n.NewSessionID(""), DestinationRealm: "home.example",
			AccountingRecordType: diameter.AccountingRecordTypeEventRecord, UserName: diameter.Some(user),
		})
		if err != nil {
			panic(err)
		}
		rc, _ := a.Find(diameter.AVPResultCode, 0)
		code, _ := rc.Uint32()
		fmt.Printf("%s: %v %q\n", user, diameter.ResultCode(code), a.Text(diameter.AVPErrorMessage, 0))
	}
	_, err = n.Do(ctx, &diameter.ACR{SessionID: n.NewSessionID(""), DestinationRealm: "elsewhere.example"})
	var none *diameter.RouteError
	fmt.Println(errors.As(err, &none), none.ResultCode)
	// Output:
	// alice: DIAMETER_SUCCESS ""
	// mallory: DIAMETER_AUTHORIZATION_REJECTED "not you"
	// true DIAMETER_REALM_NOT_SERVED
}

// A relay between two realms, with a pool of servers behind it.
func ExampleConfig_relay() {
	n, err := diameter.New(diameter.Config{
		OriginHost: "relay.example", OriginRealm: "example",
		Relay:  true,
		Accept: diameter.Accept{Hosts: []string{".visited.example"}},
		Peers: []diameter.Peer{
			{Host: "one.home.example", Addresses: []string{"192.0.2.1"}},
			{Host: "two.home.example", Addresses: []string{"192.0.2.2"}},
		},
		Routes: []diameter.Route{{Realm: "home.example", Peers: []diameter.RoutePeer{
			{Host: "one.home.example"},
			{Host: "two.home.example", Priority: 1}, // stands by
		}}},
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no network in an example")
		},
	})
	if err != nil {
		panic(err)
	}
	defer n.Close()
	for _, p := range n.Stats().Peers {
		fmt.Println(p.Host, p.Usable)
	}
	// Output:
	// one.home.example false
	// two.home.example false
}

func ExampleParseURI() {
	u, err := diameter.ParseURI("aaa://hss.example.com:6666;transport=sctp")
	fmt.Println(u.Host, u.Port, u.Transport, err)
	// Output: hss.example.com 6666 SCTP <nil>
}
