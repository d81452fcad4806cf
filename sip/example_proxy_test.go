package sip_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gotelco/telco/sip"
)

// proxy is a stateful proxy that stays on the path of the calls it forwards (RFC 3261 section 16),
// in front of a registrar: requests for its domain go to the first contact of the user.
type proxy struct {
	ep        *sip.Endpoint
	registrar *sip.Registrar
	domain    string
}

func newProxy(domain string) *proxy {
	p := &proxy{domain: domain, registrar: sip.NewRegistrar(sip.RegistrarConfig{Domains: []string{domain}})}
	// Inline keeps the order of each call; Proxy leaves CANCEL and forked requests to us.
	p.ep = sip.NewEndpoint(sip.Config{Handler: p, Inline: true, Proxy: true})
	return p
}

// address is our host and port on the side of a flow, as in Record-Route.
func (p *proxy) address(f sip.Flow) string {
	host, port := p.ep.SentBy(f)
	return host + ":" + strconv.Itoa(port)
}

func (p *proxy) ServeSIP(tx *sip.ServerTransaction, req *sip.Request) {
	if req.Method == sip.REGISTER {
		p.registrar.ServeSIP(tx, req)
		return
	}
	// Section 16.3: is it reasonable to go on?
	hops, present, err := req.MaxForwards()
	switch {
	case err != nil:
		tx.Respond(sip.NewResponse(req, 400, ""))
		return
	case !present:
		hops = 70
	case hops == 0:
		tx.Respond(sip.NewResponse(req, 483, ""))
		return
	}
	out := req.Clone()
	out.Set("Max-Forwards", strconv.Itoa(hops-1))

	// Section 16.4: the Route that led here has done its work.
	for route, err := range req.Routes() {
		if err == nil && route.URI.HostPort() == p.address(tx.Flow()) {
			out.RemoveNth("Route", 0)
		}
		break
	}
	// Section 16.5: who is to have it?
	var opts sip.SendOptions
	if !out.Has("Route") {
		uri, err := out.URI()
		if err != nil {
			tx.Respond(sip.NewResponse(req, 400, ""))
			return
		}
		if uri.Host == p.domain {
			bindings := p.registrar.Lookup(uri)
			if len(bindings) == 0 {
				tx.Respond(sip.NewResponse(req, 404, ""))
				return
			}
			out.RequestURI = bindings[0].Contact
			for i, hop := range bindings[0].Path {
				out.Insert("Route", i, hop)
			}
			if f := bindings[0].Flow; f.Transport.Reliable() {
				opts.Flow = f // the connection that the phone keeps open
			}
		}
	}
	// Section 16.6: forward. The endpoint adds the Via.
	if req.Method == sip.INVITE {
		out.Insert("Record-Route", 0, "<sip:"+p.address(tx.Flow())+";lr>")
	}
	attempt, err := p.ep.Start(out, opts, func(ev sip.ClientEvent) { p.relay(tx, req, ev) })
	if err != nil {
		tx.Respond(sip.NewResponse(req, 500, ""))
		return
	}
	tx.OnCancel(func() { attempt.Cancel() }) // section 16.10
}

// relay takes what comes back (section 16.7).
func (p *proxy) relay(tx *sip.ServerTransaction, req *sip.Request, ev sip.ClientEvent) {
	switch {
	case req.Method == sip.ACK:
	case ev.Response != nil && ev.Response.StatusCode == 100: // is for us alone
	case ev.Response != nil:
		resp := ev.Response
		resp.RemoveNth("Via", 0)
		tx.Respond(resp)
	case errors.Is(ev.Err, sip.ErrTimeout):
		tx.Respond(sip.NewResponse(req, 408, ""))
	case ev.Err != nil:
		tx.Respond(sip.NewResponse(req, 503, ""))
	}
}

// A proxy and registrar for the domain example.org, and two phones that call one another through it.
func Example_proxy() {
	p := newProxy("example.org")
	defer p.ep.Close()
	flow, err := p.ep.Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	phone := func(name string, onInvite func(*sip.Incoming)) *sip.UserAgent {
		ua, err := sip.NewUserAgent(sip.UserAgentConfig{
			Address:  "<sip:" + name + "@example.org>",
			Routes:   []string{"<sip:" + p.address(flow) + ";lr>"},
			OnInvite: onInvite,
		})
		if err != nil {
			panic(err)
		}
		if _, err := ua.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"}); err != nil {
			panic(err)
		}
		return ua
	}
	ctx := context.Background()
	bob := phone("bob", func(in *sip.Incoming) {
		fmt.Println("Record-Routes:", in.Request.Count("Record-Route"))
		in.Reply(180, nil, "")
		in.Reply(200, []byte("v=0\r\n"), "")
	})
	defer bob.Close()
	alice := phone("alice", nil)
	defer alice.Close()

	if _, err := bob.Register(ctx, sip.RegisterOptions{Registrar: "sip:example.org"}); err != nil {
		fmt.Println(err)
		return
	}
	call, answer, err := alice.Invite(ctx, "sip:bob@example.org", sip.InviteOptions{
		RequestOptions: sip.RequestOptions{Body: []byte("v=0\r\n")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.StatusCode, answer.ContentType())
	fmt.Println("through the proxy:", strings.Contains(call.State().Routes[0], p.address(flow)))
	fmt.Println(call.Bye(ctx, sip.RequestOptions{}))
	_, _, err = alice.Invite(ctx, "sip:carol@example.org", sip.InviteOptions{})
	fmt.Println(err)
	// Output:
	// Record-Routes: 1
	// 200 application/sdp
	// through the proxy: true
	// <nil>
	// sip: INVITE refused: 404 Not Found
}
