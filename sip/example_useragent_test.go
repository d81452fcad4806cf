package sip_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gotelco/telco/sip"
)

// A callee rings, answers and takes part in the call until the caller hangs up.
func ExampleUserAgent() {
	ended := make(chan error)
	bob, err := sip.NewUserAgent(sip.UserAgentConfig{
		Address: "<sip:bob@example.org>",
		OnInvite: func(in *sip.Incoming) { // on a goroutine of its own
			in.Reply(180, nil, "")
			if err := in.Reply(200, []byte("v=0\r\n"), "application/sdp"); err != nil {
				return // it was cancelled
			}
			if _, err := in.ACK(context.Background()); err != nil {
				return
			}
			<-in.Dialog.Context().Done()
			ended <- context.Cause(in.Dialog.Context())
		},
		OnRequest: func(in *sip.Incoming) { // within the dialog
			fmt.Printf("bob has %s %q\n", in.Request.Method, in.Request.Body)
			in.Reply(200, nil, "")
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bob.Close()
	flow, err := bob.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}

	alice, err := sip.NewUserAgent(sip.UserAgentConfig{Address: `"Alice" <sip:alice@example.org>`})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer alice.Close()
	if _, err := alice.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"}); err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // CANCEL after that
	defer cancel()
	call, answer, err := alice.Invite(ctx, "sip:bob@"+flow.Local.String(), sip.InviteOptions{
		RequestOptions: sip.RequestOptions{Body: []byte("v=0\r\n")},
		OnProvisional:  func(_ *sip.Dialog, resp *sip.Response) { fmt.Println(resp.StatusCode, resp.Reason) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.StatusCode, answer.Reason)
	_, err = call.Do(ctx, sip.INFO, sip.RequestOptions{Body: []byte("Signal=5"), ContentType: "application/dtmf-relay"})
	fmt.Println(err)
	fmt.Println(call.Bye(ctx, sip.RequestOptions{}))
	fmt.Println(errors.Is(<-ended, sip.ErrPeerHungUp))
	// Output:
	// 180 Ringing
	// 200 OK
	// bob has INFO "Signal=5"
	// <nil>
	// <nil>
	// true
}

// A registrar with digest authentication, and a client that stays registered until it closes.
func ExampleUserAgent_Register() {
	auth, err := sip.NewDigestServer(sip.DigestConfig{
		Realm: "example.org",
		Users: sip.Passwords(map[string]string{"alice": "wonderland"}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	registrar := sip.NewRegistrar(sip.RegistrarConfig{Domains: []string{"example.org"}, Auth: auth})
	server := sip.NewEndpoint(sip.Config{Handler: registrar})
	defer server.Close()
	flow, err := server.Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}

	alice, err := sip.NewUserAgent(sip.UserAgentConfig{
		Address: "<sip:alice@example.org>",
		Contact: "<sip:alice@198.51.100.7>",
		Auth:    sip.Password("example.org", "alice", "wonderland"),
		Routes:  []string{"<sip:" + flow.Local.String() + ";lr>"}, // instead of DNS
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer alice.Close()
	ctx := context.Background()
	reg, err := alice.Register(ctx, sip.RegisterOptions{Registrar: "sip:example.org", Expires: 10 * time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reg.Response().Value("Contact"))
	aor, _ := sip.ParseURI("sip:alice@example.org")
	fmt.Println(len(registrar.Lookup(aor)), reg.Close(ctx), len(registrar.Lookup(aor)))
	// Output:
	// <sip:alice@198.51.100.7>;expires=600
	// 1 <nil> 0
}

// A call that moves from one node to another: the dialog is plain data.
func ExampleUserAgent_Restore() {
	node, err := sip.NewUserAgent(sip.UserAgentConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()
	state := sip.DialogState{ // from Dialog.State at the other node, by way of a store
		CallID: "a84b4c76e66710", LocalTag: "314159", RemoteTag: "1928301774",
		Local: "<sip:bob@example.org>", Remote: "<sip:alice@example.org>",
		Contact: "<sip:bob@192.0.2.9>", Target: "sip:alice@192.0.2.1", LocalCSeq: 7, Confirmed: true,
	}
	call, err := node.Restore(state)
	if err != nil {
		fmt.Println(err)
		return
	}
	state = call.State()
	bye, err := state.NewRequest(sip.BYE) // what Bye will send
	fmt.Println(bye.RequestURI, bye.Value("CSeq"), err)
	// Output: sip:alice@192.0.2.1 8 BYE <nil>
}
