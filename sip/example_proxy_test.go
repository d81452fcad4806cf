package sip_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/gotelco/telco/sip"
)

// proxy stays on the path of the calls that it forwards, in front of a registrar: requests for its domain
// go to all contacts of the user.
type proxy struct {
	*sip.Proxy
	registrar *sip.Registrar
	domain    string
}

func newProxy(domain string) *proxy {
	p := &proxy{domain: domain, registrar: sip.NewRegistrar(sip.RegistrarConfig{Domains: []string{domain}})}
	p.Proxy, _ = sip.NewProxy(sip.ProxyConfig{OnRequest: p.request})
	return p
}

func (p *proxy) request(f *sip.Forwarding) {
	req := f.Request
	if req.Method == sip.REGISTER {
		p.registrar.ServeSIP(f.Transaction(), f.Original)
		return
	}
	if req.Method == sip.INVITE {
		f.RecordRoute("", sip.Params{})
	}
	uri, err := req.URI()
	if err != nil || req.Has("Route") || uri.Host != p.domain {
		f.Forward() // where Route or the Request-URI leads
		return
	}
	var branches []*sip.Branch
	for _, b := range p.registrar.Lookup(uri) {
		branch := &sip.Branch{URI: b.Contact, Routes: b.Path}
		if b.Flow.Transport.Reliable() {
			branch.Send.Flow = b.Flow // the connection that the phone keeps open
		}
		branches = append(branches, branch)
	}
	if len(branches) == 0 {
		f.Respond(sip.NewResponse(req, 404, ""))
		return
	}
	f.Forward(branches...)
}

// address is our host and port on the side of a flow.
func (p *proxy) address(f sip.Flow) string {
	host, port := p.Endpoint().SentBy(f)
	return host + ":" + strconv.Itoa(port)
}

// A proxy and registrar for the domain example.org, and two phones that call one another through it.
func Example_proxy() {
	p := newProxy("example.org")
	defer p.Endpoint().Close()
	flow, err := p.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
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
