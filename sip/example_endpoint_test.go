package sip_test

import (
	"context"
	"fmt"

	"github.com/gotelco/telco/sip"
)

// An endpoint that answers OPTIONS, and one that asks.
func ExampleEndpoint() {
	server := sip.NewEndpoint(sip.Config{
		Handler: sip.HandlerFunc(func(tx *sip.ServerTransaction, req *sip.Request) {
			status := 405
			if req.Method == sip.OPTIONS {
				status = 200
			}
			resp := sip.NewResponse(req, status, "")
			resp.Add("Allow", "OPTIONS")
			tx.Respond(resp)
		}),
	})
	defer server.Close()
	local, err := server.Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}

	client := sip.NewEndpoint(sip.Config{})
	defer client.Close()
	req := sip.NewRequest(sip.OPTIONS, "sip:"+local.Local.String())
	req.Add("From", "<sip:alice@example.com>;tag="+client.NewTag())
	req.Add("To", "<sip:bob@example.com>")
	req.Add("Call-ID", client.NewCallID())
	req.Add("CSeq", "1 OPTIONS")
	resp, err := client.Do(context.Background(), req, sip.SendOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, resp.Reason, resp.Value("Allow"))
	// Output: 200 OK OPTIONS
}

// Start tells of every response, and of why there is none.
func ExampleEndpoint_Start() {
	e := sip.NewEndpoint(sip.Config{})
	defer e.Close()
	req := sip.NewRequest(sip.INVITE, "sip:bob@127.0.0.1:9;transport=tcp")
	req.Add("From", "<sip:alice@example.com>;tag="+e.NewTag())
	req.Add("To", "<sip:bob@example.com>")
	req.Add("Call-ID", e.NewCallID())
	req.Add("CSeq", "1 INVITE")
	done := make(chan sip.ClientEvent)
	_, err := e.Start(req, sip.SendOptions{
		Prepare: func(req *sip.Request, f sip.Flow) { // once it is known where we send from
			host, port := e.SentBy(f)
			req.Set("Contact", fmt.Sprintf("<sip:alice@%s:%d>", host, port))
		},
	}, func(ev sip.ClientEvent) {
		if ev.Done {
			done <- ev
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ev := <-done
	_, refused := ev.Err.(*sip.AttemptError)
	fmt.Println(ev.Response == nil, refused)
	// Output: true true
}
