package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/trace"
)

var (
	aliceAddr = netip.MustParseAddrPort("192.0.2.1:5060")
	bobAddr   = netip.MustParseAddrPort("192.0.2.2:5060")
	carolAddr = netip.MustParseAddrPort("192.0.2.3:5060")
	carolTwo  = netip.MustParseAddrPort("192.0.2.3:5062")
)

const (
	bobURI = "sip:bob@192.0.2.2"
	offer  = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
	answer = "v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=-\r\n"
)

// newUA returns an agent with a socket at addr in n.
func newUA(t *testing.T, n *memnet.Network, addr netip.AddrPort, cfg UserAgentConfig) *UserAgent {
	t.Helper()
	ua, err := NewUserAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	pc, err := n.ListenPacket(addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ua.Endpoint().ServePacketConn(pc, ListenConfig{}); err != nil {
		t.Fatal(err)
	}
	return ua
}

// dialer opens streams in n.
func dialer(n *memnet.Network) func(context.Context, DialTarget) (net.Conn, error) {
	return func(ctx context.Context, d DialTarget) (net.Conn, error) {
		local := d.Local
		if !local.Addr().IsValid() || local.Addr().IsUnspecified() {
			local = netip.AddrPortFrom(aliceAddr.Addr(), 0)
		}
		return n.Dial(ctx, local, d.Remote)
	}
}

// quiet waits until nothing is left of the calls, and closes the agents.
func quiet(t *testing.T, uas ...*UserAgent) {
	t.Helper()
	time.Sleep(100 * time.Second)
	synctest.Wait()
	for i, ua := range uas {
		st := ua.Endpoint().Stats()
		if ua.Dialogs() != 0 || st.ServerTransactions != 0 || st.ClientTransactions != 0 || st.Leaked != 0 {
			t.Errorf("agent %d: %d dialogs, %d and %d transactions are left, %d leaked", i, ua.Dialogs(), st.ServerTransactions, st.ClientTransactions, st.Leaked)
		}
		ua.Close()
	}
}

// scriptPeer is a peer that does only what the test says, on the wire.
type scriptPeer struct {
	t    *testing.T
	conn *memnet.PacketConn
	to   netip.AddrPort
}

func newScriptPeer(t *testing.T, n *memnet.Network, addr, to netip.AddrPort) *scriptPeer {
	t.Helper()
	c, err := n.ListenPacket(addr)
	if err != nil {
		t.Fatal(err)
	}
	return &scriptPeer{t, c, to}
}

func (p *scriptPeer) send(m Message) {
	p.t.Helper()
	b, err := m.AppendText(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.conn.WriteToUDPAddrPort(b, p.to)
}

// read returns the next message, within a minute.
func (p *scriptPeer) read() Message {
	p.t.Helper()
	b := make([]byte, 65536)
	p.conn.SetReadDeadline(time.Now().Add(time.Minute))
	n, _, err := p.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		p.t.Fatalf("nothing came: %v", err)
	}
	m, err := Parse(b[:n])
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

// request reads until a request of that method comes.
func (p *scriptPeer) request(m Method) *Request {
	p.t.Helper()
	for {
		if r, ok := p.read().(*Request); ok && r.Method == m {
			return r
		}
	}
}

// response reads until a response with that status code comes.
func (p *scriptPeer) response(status int) *Response {
	p.t.Helper()
	for {
		if r, ok := p.read().(*Response); ok && r.StatusCode == status {
			return r
		}
	}
}

// respond answers req with a To tag and a Contact of the peer.
func (p *scriptPeer) respond(req *Request, status int, tag, body string) *Response {
	p.t.Helper()
	resp := NewResponse(req, status, "")
	if tag != "" {
		resp.SetToTag(tag)
	}
	if status > 100 && status < 300 {
		resp.Set("Contact", "<sip:peer@"+p.conn.LocalAddr().String()+">")
	}
	if body != "" {
		resp.Set("Content-Type", "application/sdp")
		resp.Body = []byte(body)
	}
	p.send(resp)
	return resp
}

// invite is an INVITE of the peer to bob.
func (p *scriptPeer) invite(branch string) *Request {
	r := NewRequest(INVITE, bobURI)
	host := p.conn.LocalAddr().String()
	r.Add("Via", "SIP/2.0/UDP "+host+";branch=z9hG4bK"+branch)
	r.Add("Max-Forwards", "70")
	r.Add("From", "<sip:peer@"+host+">;tag=peertag")
	r.Add("To", "<"+bobURI+">")
	r.Add("Call-ID", "call-of-"+branch)
	r.Add("CSeq", "10 INVITE")
	r.Add("Contact", "<sip:peer@"+host+">")
	r.Add("Content-Type", "application/sdp")
	r.Body = []byte(offer)
	return r
}

// within is a request within the dialog that resp to req made.
func within(req *Request, resp *Response, m Method, branch string, seq uint32) *Request {
	d, err := NewClientDialog(req, resp)
	if err != nil {
		panic(err)
	}
	r := d.build(m, seq)
	via, _ := req.Via()
	via.Params.Set("branch", "z9hG4bK"+branch)
	r.Insert("Via", 0, via.String())
	r.Add("Contact", d.Contact)
	return r
}

// accepting accepts a call, and sends it on ch.
func accepting(t *testing.T, ch chan<- *Incoming) func(*Incoming) {
	return func(in *Incoming) {
		if err := in.Reply(200, []byte(answer), ""); err != nil {
			t.Errorf("answer: %v", err)
		}
		ch <- in
	}
}

func TestUserAgentCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
		calls := make(chan *Incoming, 1)
		infos := make(chan string, 10)
		bob := newUA(t, n, bobAddr, UserAgentConfig{
			Address: `"Bob" <sip:bob@example.org>`,
			OnInvite: func(in *Incoming) {
				if string(in.Request.Body) != offer || !in.Initial() {
					t.Errorf("INVITE: %s", in.Request)
				}
				in.Reply(180, nil, "")
				time.Sleep(time.Second)
				accepting(t, calls)(in)
			},
			OnRequest: func(in *Incoming) {
				switch in.Request.Method {
				case INFO:
					infos <- string(in.Request.Body)
					in.Reply(200, nil, "")
				case INVITE, UPDATE:
					infos <- "re-" + string(in.Request.Method)
					in.Reply(200, []byte(answer), "")
				default:
					in.Reply(405, nil, "")
				}
			},
		})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Address: "<sip:alice@example.org>"})
		var provisional []int
		d, resp, err := alice.Invite(t.Context(), bobURI, InviteOptions{
			RequestOptions: RequestOptions{Body: []byte(offer)},
			OnProvisional: func(d *Dialog, resp *Response) {
				provisional = append(provisional, resp.StatusCode)
				if d == nil || d.State().Confirmed {
					t.Errorf("early dialog: %+v", d)
				}
			},
		})
		if err != nil || string(resp.Body) != answer {
			t.Fatalf("%v, %v", resp, err)
		}
		if diff := cmp.Diff([]int{180}, provisional); diff != "" {
			t.Error(diff)
		}
		in := <-calls
		if ack, err := in.ACK(t.Context()); err != nil || ack.Method != ACK {
			t.Fatalf("%v, %v", ack, err)
		}
		a, b := d.State(), in.Dialog.State()
		if a.LocalTag != b.RemoteTag || a.RemoteTag != b.LocalTag || !a.Confirmed || !b.Confirmed || a.Target != "sip:bob@192.0.2.2:5060" || b.Target != "sip:alice@192.0.2.1:5060" {
			t.Errorf("%+v\n%+v", a, b)
		}
		for i := range 5 {
			if _, err := d.Do(t.Context(), INFO, RequestOptions{Body: fmt.Append(nil, i), ContentType: "text/plain"}); err != nil {
				t.Error(err)
			}
		}
		if _, err := d.Invite(t.Context(), RequestOptions{Body: []byte(offer)}); err != nil {
			t.Error(err)
		}
		if _, err := d.Do(t.Context(), UPDATE, RequestOptions{Body: []byte(offer)}); err != nil {
			t.Error(err)
		}
		var got []string
		for range 7 {
			got = append(got, <-infos)
		}
		if diff := cmp.Diff([]string{"0", "1", "2", "3", "4", "re-INVITE", "re-UPDATE"}, got); diff != "" {
			t.Error(diff)
		}
		var refused *ResponseError
		if _, err := in.Dialog.Do(t.Context(), INFO, RequestOptions{}); !errors.As(err, &refused) || refused.Response.StatusCode != 405 || !refused.Response.HasToken("Allow", "BYE") {
			t.Errorf("INFO to an agent without a handler: %v", err)
		}
		if _, err := in.Dialog.Invite(t.Context(), RequestOptions{Body: []byte(offer)}); StatusCode(err) != 488 {
			t.Errorf("re-INVITE to an agent without a handler: %v", err)
		}
		if err := in.Dialog.Bye(t.Context(), RequestOptions{Edit: func(r *Request) { r.Add("Reason", `Q.850;cause=16`) }}); err != nil {
			t.Error(err)
		}
		<-d.Context().Done()
		if err := context.Cause(d.Context()); !errors.Is(err, ErrPeerHungUp) || !strings.Contains(err.Error(), "cause=16") {
			t.Error(err)
		}
		if err := context.Cause(in.Dialog.Context()); err != ErrHungUp {
			t.Error(err)
		}
		if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
			t.Errorf("ending again: %v", err)
		}
		if _, err := d.Do(t.Context(), INFO, RequestOptions{}); !errors.Is(err, ErrPeerHungUp) {
			t.Errorf("INFO after the end: %v", err)
		}
		quiet(t, alice, bob)
	})
}

func TestRefusedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		for i, tc := range []struct {
			cfg    UserAgentConfig
			status int
		}{
			{UserAgentConfig{}, 480},
			{UserAgentConfig{OnInvite: func(in *Incoming) { in.Reply(486, nil, "") }}, 486},
			{UserAgentConfig{OnInvite: func(in *Incoming) { in.Reply(183, []byte(answer), ""); in.Reply(603, nil, "") }}, 603},
			{UserAgentConfig{OnInvite: func(in *Incoming) {}, Endpoint: Config{Limits: Limits{HandlerTimeout: time.Second}}}, 500},
		} {
			addr := netip.AddrPortFrom(bobAddr.Addr(), uint16(6000+i))
			bob := newUA(t, n, addr, tc.cfg)
			alice := newUA(t, n, netip.AddrPortFrom(aliceAddr.Addr(), uint16(6000+i)), UserAgentConfig{})
			var early []*Dialog
			_, _, err := alice.Invite(t.Context(), "sip:bob@"+addr.String(), InviteOptions{
				RequestOptions: RequestOptions{Body: []byte(offer)},
				OnProvisional:  func(d *Dialog, _ *Response) { early = append(early, d) },
			})
			if StatusCode(err) != tc.status {
				t.Errorf("%d: %v", tc.status, err)
			}
			for _, d := range early {
				if StatusCode(context.Cause(d.Context())) != tc.status {
					t.Errorf("%d: early dialog ended with %v", tc.status, context.Cause(d.Context()))
				}
			}
			time.Sleep(100 * time.Second)
			if alice.Dialogs() != 0 || bob.Dialogs() != 0 {
				t.Errorf("%d: %d and %d dialogs are left", tc.status, alice.Dialogs(), bob.Dialogs())
			}
			alice.Close()
			bob.Close()
		}
	})
}

func TestUserAgentCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
		calls := make(chan *Incoming, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: func(in *Incoming) {
			in.Reply(180, nil, "")
			calls <- in
		}})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, _, err := alice.Invite(ctx, bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		in := <-calls
		<-in.Context().Done()
		if cause := context.Cause(in.Context()); !errors.Is(cause, ErrCanceled) {
			t.Error(cause)
		}
		<-in.Dialog.Context().Done()
		if cause := context.Cause(in.Dialog.Context()); !errors.Is(cause, ErrCanceled) {
			t.Error(cause)
		}
		if err := in.Reply(200, nil, ""); !errors.Is(err, ErrEnded) {
			t.Errorf("200 after CANCEL: %v", err)
		}
		if _, err := in.ACK(t.Context()); !errors.Is(err, ErrCanceled) {
			t.Errorf("ACK after CANCEL: %v", err)
		}
		quiet(t, alice, bob)
	})
}

// The 200 crosses the CANCEL: the call is acknowledged and ended.
func TestCancelTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		bob := newScriptPeer(t, n, bobAddr, aliceAddr)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, _, err := alice.Invite(ctx, bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
			done <- err
		}()
		invite := bob.request(INVITE)
		bob.respond(invite, 180, "b", "")
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		c := bob.request(CANCEL)
		bob.respond(invite, 200, "b", answer)
		bob.respond(c, 200, "b", "")
		if ack := bob.request(ACK); ack.RequestURI != "sip:peer@192.0.2.2:5060" {
			t.Errorf("%s", ack)
		}
		bob.respond(bob.request(BYE), 200, "", "")
		quiet(t, alice)
		bob.conn.Close()
	})
}

// A proxy forked the INVITE; two branches answer, and the first 200 comes again.
func TestForkedAnswersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		peer := newScriptPeer(t, n, bobAddr, aliceAddr)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		early := map[*Dialog]bool{}
		var call *Dialog
		done := make(chan error)
		go func() {
			var err error
			call, _, err = alice.Invite(t.Context(), bobURI, InviteOptions{
				RequestOptions: RequestOptions{Body: []byte(offer)},
				OnProvisional:  func(d *Dialog, _ *Response) { early[d] = true },
			})
			done <- err
		}()
		invite := peer.request(INVITE)
		peer.respond(invite, 100, "", "")
		for _, tag := range []string{"one", "two", "three", "one"} {
			peer.respond(invite, 180, tag, "")
		}
		synctest.Wait()
		if alice.Dialogs() != 3 {
			t.Errorf("%d early dialogs", alice.Dialogs())
		}
		peer.respond(invite, 200, "two", answer)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if ack := peer.request(ACK); ack.Value("To") != "<"+bobURI+">;tag=two" {
			t.Errorf("%s", ack)
		}
		if len(early) != 3 || !early[call] || call.State().RemoteTag != "two" {
			t.Errorf("%d early dialogs, call %+v", len(early), call.State())
		}
		peer.respond(invite, 200, "two", answer) // the ACK was lost
		if ack := peer.request(ACK); ack.Value("To") != "<"+bobURI+">;tag=two" {
			t.Errorf("%s", ack)
		}
		for _, tag := range []string{"one", "four"} { // one was early, one was not
			peer.respond(invite, 200, tag, answer)
			if ack := peer.request(ACK); !strings.HasSuffix(ack.Value("To"), tag) {
				t.Errorf("%s", ack)
			}
			bye := peer.request(BYE)
			if !strings.HasSuffix(bye.Value("To"), tag) {
				t.Errorf("%s", bye)
			}
			peer.respond(bye, 200, "", "")
		}
		if call.Context().Err() != nil {
			t.Errorf("the call ended: %v", context.Cause(call.Context()))
		}
		time.Sleep(33 * time.Second)
		synctest.Wait()
		if alice.Dialogs() != 1 {
			t.Errorf("%d dialogs after 64*T1", alice.Dialogs())
		}
		for d := range early {
			if d.State().RemoteTag == "three" && !errors.Is(context.Cause(d.Context()), ErrForked) {
				t.Errorf("the silent branch: %v", context.Cause(d.Context()))
			}
		}
		go call.Bye(t.Context(), RequestOptions{})
		peer.respond(peer.request(BYE), 200, "", "")
		quiet(t, alice)
		peer.conn.Close()
	})
}

// lateResolver knows no host before it was asked often enough.
type lateResolver struct{ refusals atomic.Int32 }

func (r *lateResolver) LookupNAPTR(context.Context, string) ([]NAPTR, error) { return nil, nil }
func (r *lateResolver) LookupSRV(context.Context, string) ([]SRV, error)     { return nil, nil }
func (r *lateResolver) LookupAddrs(context.Context, string) ([]netip.Addr, error) {
	if r.refusals.Add(-1) >= 0 {
		return nil, errors.New("no answer")
	}
	return []netip.Addr{bobAddr.Addr()}, nil
}

// An ACK that could not be sent goes when the 2xx comes again.
func TestACKThatCouldNotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		peer := newScriptPeer(t, n, bobAddr, aliceAddr)
		resolver := &lateResolver{}
		resolver.refusals.Store(2)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Endpoint: Config{Locate: LocateConfig{Resolver: resolver}}})
		done := make(chan *Dialog, 1)
		go func() {
			d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
			if err != nil {
				t.Error(err)
			}
			done <- d
		}()
		resp := NewResponse(peer.request(INVITE), 200, "")
		resp.SetToTag("one")
		resp.Add("Contact", "<sip:bob@bob.test:5060>")
		for range 3 { // the third time the name is known
			peer.send(resp)
			time.Sleep(time.Second)
		}
		peer.request(ACK)
		d := <-done
		go d.Bye(t.Context(), RequestOptions{})
		peer.send(NewResponse(peer.request(BYE), 200, ""))
		quiet(t, alice)
	})
}

func TestForkedAnswerKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		peer := newScriptPeer(t, n, bobAddr, aliceAddr)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		forks := make(chan *Dialog, 1)
		done := make(chan *Dialog, 1)
		go func() {
			d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{
				RequestOptions: RequestOptions{Body: []byte(offer)},
				OnFork:         func(d *Dialog, _ *Response) { forks <- d },
			})
			if err != nil {
				t.Error(err)
			}
			done <- d
		}()
		invite := peer.request(INVITE)
		peer.respond(invite, 200, "one", answer)
		peer.respond(invite, 200, "two", answer)
		peer.request(ACK)
		peer.request(ACK)
		one, two := <-done, <-forks
		if one.State().RemoteTag != "one" || two.State().RemoteTag != "two" || alice.Dialogs() != 2 {
			t.Errorf("%+v, %+v", one.State(), two.State())
		}
		go one.Bye(t.Context(), RequestOptions{})
		peer.respond(peer.request(BYE), 200, "", "")
		go two.Bye(t.Context(), RequestOptions{})
		peer.respond(peer.request(BYE), 200, "", "")
		quiet(t, alice)
		peer.conn.Close()
	})
}

// Nobody acknowledges the 200: it is repeated for 64*T1, then the call ends with BYE.
func TestNoACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		calls := make(chan *Incoming, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls)})
		peer := newScriptPeer(t, n, aliceAddr, bobAddr)
		peer.send(peer.invite("1"))
		in := <-calls
		start := time.Now()
		var at []time.Duration
		for {
			m := peer.read()
			if r, ok := m.(*Response); ok && r.StatusCode == 200 {
				at = append(at, time.Since(start).Round(10*time.Millisecond))
				continue
			}
			bye, ok := m.(*Request)
			if !ok || bye.Method != BYE || time.Since(start).Round(10*time.Millisecond) != 32*time.Second {
				t.Fatalf("after %v: %s", time.Since(start), m)
			}
			peer.respond(bye, 200, "", "")
			break
		}
		want := []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond, 7500 * time.Millisecond,
			11500 * time.Millisecond, 15500 * time.Millisecond, 19500 * time.Millisecond, 23500 * time.Millisecond, 27500 * time.Millisecond, 31500 * time.Millisecond}
		if d := cmp.Diff(want, at); d != "" {
			t.Error(d)
		}
		if _, err := in.ACK(t.Context()); !errors.Is(err, ErrNoACK) {
			t.Error(err)
		}
		quiet(t, bob)
		peer.conn.Close()
	})
}

// A callee that wants to hang up waits for the ACK (RFC 3261 section 15).
func TestByeWaitsForACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		calls := make(chan *Incoming, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: func(in *Incoming) {
			if err := in.Dialog.Bye(t.Context(), RequestOptions{}); err == nil {
				t.Error("BYE for an early dialog of a callee")
			}
			accepting(t, calls)(in)
		}})
		peer := newScriptPeer(t, n, aliceAddr, bobAddr)
		invite := peer.invite("1")
		peer.send(invite)
		in := <-calls
		go in.Dialog.Bye(t.Context(), RequestOptions{})
		ok := peer.response(200)
		time.Sleep(10 * time.Second)
		peer.send(within(invite, ok, ACK, "ack", 10))
		for {
			m := peer.read()
			if r, ok := m.(*Request); ok && r.Method == BYE {
				peer.respond(r, 200, "", "")
				break
			} else if ok {
				t.Fatalf("%s", m)
			}
		}
		quiet(t, bob)
		peer.conn.Close()
	})
}

func TestLateOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
		calls := make(chan *Incoming, 2)
		accept := func(in *Incoming) {
			if len(in.Request.Body) != 0 {
				t.Errorf("%s", in.Request)
			}
			accepting(t, calls)(in)
		}
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accept, OnRequest: accept})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		late := RequestOptions{Answer: func(resp *Response) ([]byte, string) {
			time.Sleep(2 * time.Second) // the 200 comes again meanwhile
			return []byte("answer to " + string(resp.Body)), ""
		}}
		d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: late})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = d.Invite(t.Context(), late); err != nil {
			t.Error(err)
		}
		for range 2 {
			ack, err := (<-calls).ACK(t.Context())
			if err != nil || string(ack.Body) != "answer to "+answer || ack.ContentType() != "application/sdp" {
				t.Errorf("%v, %v", ack, err)
			}
		}
		if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
			t.Error(err)
		}
		quiet(t, alice, bob)
	})
}

// Both sides send a re-INVITE at once: both get 491, and both succeed in their own time.
func TestGlare(t *testing.T) {
	for _, m := range []Method{INVITE, UPDATE} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
			calls := make(chan *Incoming, 1)
			again := func(in *Incoming) {
				time.Sleep(50 * time.Millisecond)
				in.Reply(200, []byte(answer), "")
			}
			bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls), OnRequest: again})
			alice := newUA(t, n, aliceAddr, UserAgentConfig{OnRequest: again})
			d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
			if err != nil {
				t.Fatal(err)
			}
			in := <-calls
			if _, err := in.ACK(t.Context()); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			took := make(chan time.Duration, 2)
			modify := func(d *Dialog) {
				var err error
				if m == INVITE {
					_, err = d.Invite(t.Context(), RequestOptions{Body: []byte(offer)})
				} else {
					_, err = d.Do(t.Context(), UPDATE, RequestOptions{Body: []byte(offer)})
				}
				if err != nil {
					t.Error(err)
				}
				took <- time.Since(start)
			}
			go modify(in.Dialog)
			synctest.Wait()
			modify(d)
			callee, caller := <-took, <-took
			if callee > 2500*time.Millisecond || caller < 2100*time.Millisecond || caller > 4500*time.Millisecond {
				t.Errorf("%s took %v (callee) and %v (caller)", m, callee, caller)
			}
			if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
				t.Error(err)
			}
			quiet(t, alice, bob)
		})
	}
}

// What a misbehaving peer does within a dialog.
func TestDialogOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		calls := make(chan *Incoming, 1)
		stay := make(chan *Incoming, 10)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls), OnRequest: func(in *Incoming) {
			stay <- in
			<-in.Context().Done()
		}, Supported: []string{"timer"}, MaxPending: 2})
		peer := newScriptPeer(t, n, aliceAddr, bobAddr)
		invite := peer.invite("1")
		peer.send(invite)
		ok := peer.response(200)
		in := <-calls
		try := func(m Method, seq uint32, mod func(*Request), want int) *Response {
			t.Helper()
			r := within(invite, ok, m, fmt.Sprint(m, seq, want), seq)
			if mod != nil {
				mod(r)
			}
			peer.send(r)
			if want == 0 {
				synctest.Wait()
				return nil
			}
			for {
				resp, isResp := peer.read().(*Response)
				if !isResp || resp.StatusCode < 200 || resp.Value("CSeq") != r.Value("CSeq") {
					continue
				}
				if resp.StatusCode != want {
					t.Errorf("%s %d: %d, want %d", m, seq, resp.StatusCode, want)
				}
				return resp
			}
		}
		sdp := func(r *Request) { r.Add("Content-Type", "application/sdp"); r.Body = []byte(offer) }
		try(INVITE, 11, sdp, 491) // our 200 has no ACK
		try(ACK, 9, nil, 0)       // not of this INVITE
		try(ACK, 10, nil, 0)
		if _, err := in.ACK(t.Context()); err != nil {
			t.Fatal(err)
		}
		try(INFO, 9, nil, 500)
		try(INFO, 11, nil, 500) // was used
		try(OPTIONS, 20, func(r *Request) { r.Add("Require", "timer, 100rel") }, 420)
		try(INFO, 30, func(r *Request) { r.Set("To", r.Value("To")+"x") }, 481)
		try(INVITE, 40, sdp, 0) // the application thinks about it
		again := <-stay
		try(INVITE, 41, sdp, 500)
		if resp := try(UPDATE, 42, sdp, 500); resp.Value("Retry-After") == "" {
			t.Errorf("no Retry-After: %s", resp)
		}
		for i := range uint32(3) { // one at work, two in the queue
			try(INFO, 50+i, nil, 0)
		}
		if resp := try(INFO, 53, nil, 500); resp.Value("Retry-After") == "" {
			t.Errorf("no Retry-After: %s", resp)
		}
		bye := within(invite, ok, BYE, "bye", 60)
		peer.send(bye)
		got := map[string]int{}
		for len(got) < 5 {
			if resp, ok := peer.read().(*Response); ok && resp.StatusCode >= 200 {
				got[resp.Value("CSeq")] = resp.StatusCode
			}
		}
		want := map[string]int{"60 BYE": 200, "40 INVITE": 487, "50 INFO": 487, "51 INFO": 487, "52 INFO": 487}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if err := again.Reply(200, nil, ""); !errors.Is(err, ErrEnded) {
			t.Errorf("answer after the BYE: %v", err)
		}
		quiet(t, bob)
		peer.conn.Close()
	})
}

// BYE for an early dialog refuses the INVITE with 487 (RFC 3261 section 15.1.2).
func TestEarlyBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: func(in *Incoming) { in.Reply(180, nil, "") }})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		_, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{OnProvisional: func(d *Dialog, _ *Response) {
			if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
				t.Error(err)
			}
		}})
		if StatusCode(err) != 487 {
			t.Error(err)
		}
		quiet(t, alice, bob)
	})
}

// Which failures of a request within the dialog end it.
func TestDialogFailures(t *testing.T) {
	for _, tc := range []struct {
		method Method
		status int // 0: silence
		ends   bool
		bye    bool
	}{
		{INFO, 500, false, false},
		{INFO, 501, false, false},
		{INFO, 404, true, false},
		{INFO, 481, true, false},
		{INFO, 408, true, true},
		{INFO, 0, true, true},
		{INVITE, 488, false, false},
		{INVITE, 481, true, false},
		{INVITE, 0, true, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{})
			peer := newScriptPeer(t, n, bobAddr, aliceAddr)
			alice := newUA(t, n, aliceAddr, UserAgentConfig{})
			dialogs := make(chan *Dialog, 1)
			go func() {
				d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{})
				if err != nil {
					t.Error(err)
				}
				dialogs <- d
			}()
			peer.respond(peer.request(INVITE), 200, "t", "")
			peer.request(ACK)
			d := <-dialogs
			done := make(chan error, 1)
			go func() {
				var err error
				if tc.method == INVITE {
					_, err = d.Invite(t.Context(), RequestOptions{Body: []byte(offer)})
				} else {
					_, err = d.Do(t.Context(), tc.method, RequestOptions{})
				}
				done <- err
			}()
			req := peer.request(tc.method)
			if tc.status != 0 {
				peer.respond(req, tc.status, "", "")
			}
			byes := make(chan bool, 1)
			go func() {
				for {
					b := make([]byte, 4096)
					peer.conn.SetReadDeadline(time.Now().Add(50 * time.Second))
					k, _, err := peer.conn.ReadFromUDPAddrPort(b)
					if err != nil {
						byes <- false
						return
					}
					if m, _ := Parse(b[:k]); m != nil {
						if r, ok := m.(*Request); ok && r.Method == BYE {
							peer.respond(r, 200, "", "")
							byes <- true
							return
						}
					}
				}
			}()
			want := tc.status
			if want == 0 {
				want = 408
			}
			if err := <-done; StatusCode(err) != want {
				t.Errorf("%s %d: %v", tc.method, tc.status, err)
			}
			if bye := <-byes; bye != tc.bye || (d.Context().Err() != nil) != tc.ends {
				t.Errorf("%s %d: BYE %v, ended %v", tc.method, tc.status, bye, context.Cause(d.Context()))
			}
			d.end(ErrHungUp)
			quiet(t, alice)
			peer.conn.Close()
		})
	}
}

// Challenges keep Call-ID and From tag and raise the CSeq; later requests need none.
func TestCallAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
		auth := newServer(t, DigestConfig{})
		var seen []string
		challenges := 0
		check := func(in *Incoming) bool {
			c, _ := in.Request.CSeq()
			from, _ := in.Request.From()
			seen = append(seen, fmt.Sprint(c.Method, " ", in.Request.CallID(), " ", from.Tag()))
			user, resp, _ := Authenticate(t.Context(), auth, in.Request, false)
			if resp != nil {
				challenges++
				in.Respond(resp)
			}
			return user != nil
		}
		calls := make(chan *Incoming, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{
			OnInvite: func(in *Incoming) {
				if check(in) {
					accepting(t, calls)(in)
				}
			},
			OnRequest: func(in *Incoming) {
				if check(in) {
					in.Reply(200, nil, "")
				}
			},
		})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Auth: Password("", "alice", "wonderland")})
		d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (<-calls).ACK(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Do(t.Context(), INFO, RequestOptions{}); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Minute) // the nonce is stale
		if _, err := d.Invite(t.Context(), RequestOptions{Body: []byte(offer)}); err != nil {
			t.Error(err)
		}
		id := " " + d.State().CallID + " " + d.State().LocalTag
		want := []string{"INVITE" + id, "INVITE" + id, "INFO" + id, "INFO" + id, "INVITE" + id, "INVITE" + id}
		if challenges == 2 { // the Request-URI of the dialog names the same host
			want = []string{"INVITE" + id, "INVITE" + id, "INFO" + id, "INVITE" + id, "INVITE" + id}
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}
		d.Bye(t.Context(), RequestOptions{})
		wrong := newUA(t, n, carolAddr, UserAgentConfig{Auth: Password("", "alice", "guess")})
		_, _, err = wrong.Invite(t.Context(), bobURI, InviteOptions{})
		if !errors.Is(err, ErrAuthRejected) || StatusCode(err) != 401 {
			t.Errorf("wrong password: %v", err)
		}
		quiet(t, alice, bob, wrong)
	})
}

func TestRedirects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		calls := make(chan *Incoming, 1)
		carol := newUA(t, n, carolAddr, UserAgentConfig{OnInvite: accepting(t, calls)})
		contacts := []string{
			"<sip:busy@192.0.2.2>;q=0.9, <sip:carol@192.0.2.3>;q=0.1", "<tel:+123>, <sip:bob@192.0.2.2?Subject=x>;q=1.0, <sip:loop@192.0.2.2>;q=0.5",
		}
		var asked []string
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: func(in *Incoming) {
			asked = append(asked, in.Request.RequestURI)
			if strings.Contains(in.Request.RequestURI, "busy") {
				in.Reply(486, nil, "")
				return
			}
			resp := in.NewResponse(302, "")
			i := 0
			if strings.Contains(in.Request.RequestURI, "loop") {
				i = 1
			}
			resp.Add("Contact", contacts[i])
			in.Respond(resp)
		}})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Redirects: 5})
		d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		<-calls
		if diff := cmp.Diff([]string{bobURI, "sip:busy@192.0.2.2"}, asked); diff != "" {
			t.Error(diff)
		}
		d.Bye(t.Context(), RequestOptions{})
		asked = nil
		if _, _, err = alice.Invite(t.Context(), "sip:loop@192.0.2.2", InviteOptions{}); err != nil {
			t.Error(err)
		} else {
			(<-calls).Dialog.Bye(t.Context(), RequestOptions{})
		}
		if diff := cmp.Diff([]string{"sip:loop@192.0.2.2", bobURI, "sip:busy@192.0.2.2"}, asked); diff != "" {
			t.Error(diff)
		}
		plain := newUA(t, n, netip.MustParseAddrPort("192.0.2.4:5060"), UserAgentConfig{})
		if _, _, err = plain.Invite(t.Context(), bobURI, InviteOptions{}); StatusCode(err) != 302 {
			t.Errorf("without redirects: %v", err)
		}
		quiet(t, alice, bob, carol, plain)
	})
}

// A call goes on at another node.
func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		calls := make(chan *Incoming, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls), OnRequest: func(in *Incoming) { in.Reply(200, nil, "") }})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		in := <-calls
		in.ACK(t.Context())
		state := d.State()
		alice.Close()
		if err := context.Cause(d.Context()); !isClosed(err) {
			t.Errorf("dialog of a closed agent: %v", err)
		}
		second := newUA(t, n, aliceAddr, UserAgentConfig{OnRequest: func(in *Incoming) { in.Reply(200, nil, "") }})
		if _, err := second.Restore(DialogState{}); err == nil {
			t.Error("an empty state was restored")
		}
		early := state
		early.Confirmed = false
		if _, err := second.Restore(early); err == nil {
			t.Error("an early dialog was restored")
		}
		again, err := second.Restore(state)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.Do(t.Context(), INFO, RequestOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := in.Dialog.Do(t.Context(), INFO, RequestOptions{}); err != nil {
			t.Error(err)
		}
		if err := in.Dialog.Bye(t.Context(), RequestOptions{}); err != nil {
			t.Error(err)
		}
		<-again.Context().Done()
		quiet(t, second, bob)
	})
}

func TestDialogLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		calls := make(chan *Incoming, 3)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls), MaxDialogs: 2})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		small := newUA(t, n, carolAddr, UserAgentConfig{MaxDialogs: 1})
		for range 2 {
			if _, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{})
		var refused *ResponseError
		if !errors.As(err, &refused) || refused.Response.StatusCode != 503 || refused.Response.Value("Retry-After") == "" {
			t.Errorf("third call: %v", err)
		}
		if err := (<-calls).Dialog.Bye(t.Context(), RequestOptions{}); err != nil {
			t.Error(err)
		}
		if _, _, err := small.Invite(t.Context(), bobURI, InviteOptions{}); err != nil {
			t.Error(err)
		}
		if _, _, err := small.Invite(t.Context(), bobURI, InviteOptions{}); !errors.Is(err, ErrLimit) {
			t.Errorf("over the caller's limit: %v", err)
		}
		<-calls
		for range 1 {
			(<-calls).Dialog.Bye(t.Context(), RequestOptions{})
		}
		alice.Close()
		bob.Close()
		small.Close()
	})
}

// 1,000 calls over a network that loses 5 % of the datagrams, none of which leaks.
func TestCallsOverLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 1000
		if testing.Short() {
			calls = 100
		}
		n := memnet.New(memnet.Config{Seed: 7, Loss: 0.05, Latency: 20 * time.Millisecond, Jitter: 10 * time.Millisecond})
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: func(in *Incoming) {
			in.Reply(180, nil, "")
			time.Sleep(time.Second)
			if err := in.Reply(200, []byte(answer), ""); err != nil {
				t.Errorf("answer: %v", err)
				return
			}
			if _, err := in.ACK(t.Context()); err != nil {
				t.Errorf("ACK: %v", err)
			}
			<-in.Dialog.Context().Done()
		}})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		done := make(chan bool, calls)
		for range calls {
			go func() {
				defer func() { done <- true }()
				d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
				if err != nil {
					t.Errorf("call: %v", err)
					return
				}
				// Longer than a 2xx is sent again: a BYE may not overtake the ACK, which may be lost many times.
				time.Sleep(33 * time.Second)
				if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
					t.Errorf("BYE: %v", err)
				}
			}()
			time.Sleep(5 * time.Millisecond)
		}
		for range calls {
			<-done
		}
		if st := n.Stats(); st.Lost == 0 {
			t.Errorf("nothing was lost: %+v", st)
		}
		quiet(t, alice, bob)
	})
}

func TestUserAgentConfigErrors(t *testing.T) {
	for _, cfg := range []UserAgentConfig{{Address: "<sip:"}, {Contact: "<sip:a"}, {Routes: []string{"<sip:p;lr>", "<"}}} {
		if ua, err := NewUserAgent(cfg); err == nil {
			ua.Close()
			t.Errorf("%+v was taken", cfg)
		}
	}
	ua, err := NewUserAgent(UserAgentConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ua.SetRoutes([]string{"<sip:p1;lr>", "<sip:p2;lr>"}); err != nil {
		t.Error(err)
	}
	if err := ua.SetRoutes([]string{"<sip:"}); err == nil {
		t.Error("a bad route was taken")
	}
	if r := ua.NewRequest(OPTIONS, bobURI); r.Count("Route") != 2 || r.Value("Route") != "<sip:p1;lr>" {
		t.Errorf("%s", r)
	}
	if err := ua.SetRoutes(nil); err != nil {
		t.Error(err)
	}
	if _, _, err := ua.Invite(t.Context(), "not a uri", InviteOptions{}); err == nil {
		t.Error("a bad URI was called")
	}
	if _, err := ua.Do(t.Context(), NewRequest(INVITE, bobURI), SendOptions{}); err == nil {
		t.Error("INVITE by Do")
	}
	if err := ua.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ua.Do(t.Context(), ua.NewRequest(OPTIONS, bobURI), SendOptions{}); !isClosed(err) {
		t.Errorf("after Close: %v", err)
	}
	if _, _, err := ua.Invite(t.Context(), bobURI, InviteOptions{}); !isClosed(err) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := ua.Register(t.Context(), RegisterOptions{Registrar: "sip:example.org"}); !isClosed(err) {
		t.Errorf("after Close: %v", err)
	}
}

// A caller that accepts no connections, behind a NAT, and one without any address: what the callee
// sends within the dialog goes over the caller's own connection.
func TestDialogStaysOnConnection(t *testing.T) {
	for _, contact := range []string{"", "<sip:alice@df7jal23ls0d.invalid;transport=tcp>", "<sip:alice@10.0.0.1:5999;transport=tcp>"} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: time.Millisecond})
			calls := make(chan *Incoming, 1)
			bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls)})
			l, err := n.Listen(bobAddr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bob.Endpoint().ServeListener(l, ListenConfig{Transport: TCP}); err != nil {
				t.Fatal(err)
			}
			alice, err := NewUserAgent(UserAgentConfig{
				Contact:   contact,
				Endpoint:  Config{Network: NetworkConfig{Dial: dialer(n)}},
				OnRequest: func(in *Incoming) { in.Reply(200, nil, "") },
			})
			if err != nil {
				t.Fatal(err)
			}
			opts := InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}}
			if strings.Contains(contact, "10.0.0.1") { // the Via of a client behind a NAT names what it knows
				opts.Send.Prepare = func(r *Request, _ Flow) {
					via, _ := r.Via()
					via.Host, via.Port = "10.0.0.1", 5999
					r.Replace("Via", 0, via.String())
				}
			}
			d, _, err := alice.Invite(t.Context(), bobURI+";transport=tcp", opts)
			if err != nil {
				t.Fatal(err)
			}
			in := <-calls
			if _, err := in.ACK(t.Context()); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if _, err := in.Dialog.Do(t.Context(), INFO, RequestOptions{}); err != nil {
				t.Errorf("%s: INFO: %v", contact, err)
			}
			if err := in.Dialog.Bye(t.Context(), RequestOptions{}); err != nil {
				t.Errorf("%s: BYE: %v", contact, err)
			}
			<-d.Context().Done()
			if took := time.Since(start); took > time.Second {
				t.Errorf("%s: it took %v", contact, took)
			}
			quiet(t, alice, bob)
		})
	}
}

// The connection of a dialog has gone: requests look for the peer anew.
func TestDialogConnectionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: time.Millisecond})
		calls := make(chan *Incoming, 1)
		tcp := func(ua *UserAgent, addr netip.AddrPort) {
			l, err := n.Listen(addr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ua.Endpoint().ServeListener(l, ListenConfig{Transport: TCP}); err != nil {
				t.Fatal(err)
			}
		}
		network := NetworkConfig{Dial: dialer(n), IdleTimeout: time.Minute}
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls), Endpoint: Config{Network: network}})
		tcp(bob, bobAddr)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{
			Contact: "<sip:alice@192.0.2.1:5060;transport=tcp>", Endpoint: Config{Network: network},
			OnRequest: func(in *Incoming) { in.Reply(200, nil, "") },
		})
		tcp(alice, aliceAddr)
		d, _, err := alice.Invite(t.Context(), bobURI+";transport=tcp", InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		in := <-calls
		in.ACK(t.Context())
		time.Sleep(10 * time.Minute) // idle: closed
		if _, err := in.Dialog.Do(t.Context(), INFO, RequestOptions{}); err != nil {
			t.Errorf("INFO: %v", err)
		}
		if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
			t.Errorf("BYE: %v", err)
		}
		quiet(t, alice, bob)
	})
}

// What becomes of a call is told to the trace, and counted.
func TestDialogTraceAndStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		var states []string
		calls := make(chan *Incoming, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls), Endpoint: Config{Trace: func(e trace.Event) {
			if e.Dir == trace.State && strings.HasPrefix(e.Comment, "dialog") {
				states = append(states, e.Comment)
			}
		}}})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		(<-calls).ACK(t.Context())
		d.Bye(t.Context(), RequestOptions{})
		synctest.Wait()
		if diff := cmp.Diff([]string{"dialog early", "dialog confirmed", "dialog ended: the peer hung up"}, states); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(UserAgentStats{CallsReceived: 1, CallsAccepted: 1}, bob.Stats()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(UserAgentStats{CallsSent: 1, CallsAnswered: 1}, alice.Stats()); diff != "" {
			t.Error(diff)
		}
		quiet(t, alice, bob)
	})
}

// NOTIFY and SUBSCRIBE of dialogs without a call reach the Handler, other methods get 481.
func TestRequestsOfUnknownDialogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		bob := newUA(t, n, bobAddr, UserAgentConfig{Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
			tx.Respond(NewResponse(req, 202, ""))
		})})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		for m, want := range map[Method]int{NOTIFY: 202, SUBSCRIBE: 202, INFO: 481, BYE: 481, INVITE: 481, MESSAGE: 481} {
			req := alice.NewRequest(m, bobURI)
			req.Set("To", "<"+bobURI+">;tag=unknown")
			resp, err := alice.Endpoint().Do(t.Context(), req, SendOptions{})
			if err != nil || resp.StatusCode != want {
				t.Errorf("%s: %v, %v", m, resp, err)
			}
		}
		if resp, err := alice.Do(t.Context(), alice.NewRequest(MESSAGE, bobURI), SendOptions{}); err != nil || resp.StatusCode != 202 {
			t.Errorf("%v, %v", resp, err)
		}
		if _, err := bob.Do(t.Context(), bob.NewRequest(MESSAGE, "sip:alice@192.0.2.1"), SendOptions{}); StatusCode(err) != 405 {
			t.Error(err)
		}
		if resp, err := bob.Do(t.Context(), bob.NewRequest(OPTIONS, "sip:alice@192.0.2.1"), SendOptions{}); err != nil || !resp.HasToken("Allow", "INVITE") {
			t.Errorf("%v, %v", resp, err)
		}
		quiet(t, alice, bob)
	})
}

// A callee of RFC 2543 gives no To tag: its dialog has none.
func TestAnswerWithoutTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		peer := newScriptPeer(t, n, bobAddr, aliceAddr)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{OnRequest: func(in *Incoming) { in.Reply(200, nil, "") }})
		dialogs := make(chan *Dialog, 1)
		go func() {
			d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
			if err != nil {
				t.Error(err)
			}
			dialogs <- d
		}()
		invite := peer.request(INVITE)
		peer.respond(invite, 180, "", "")
		peer.respond(invite, 200, "", answer)
		if ack := peer.request(ACK); ack.Value("To") != "<"+bobURI+">" {
			t.Errorf("%s", ack)
		}
		d := <-dialogs
		bye := NewRequest(BYE, d.State().Contact)
		bye.RequestURI = "sip:alice@192.0.2.1"
		bye.Add("Via", "SIP/2.0/UDP 192.0.2.2:5060;branch=1")
		bye.Add("From", "<"+bobURI+">")
		bye.Add("To", invite.Value("From"))
		bye.Add("Call-ID", invite.CallID())
		bye.Add("CSeq", "1 BYE")
		peer.send(bye)
		peer.response(200)
		<-d.Context().Done()
		quiet(t, alice)
		peer.conn.Close()
	})
}

// A callee that is reached over TCP alone, and whose Contact does not say so.
func TestContactWithoutTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: time.Millisecond})
		calls := make(chan *Incoming, 1)
		bob, err := NewUserAgent(UserAgentConfig{OnInvite: accepting(t, calls), Contact: "<sip:bob@192.0.2.2:5060>"})
		if err != nil {
			t.Fatal(err)
		}
		l, err := n.Listen(bobAddr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bob.Endpoint().ServeListener(l, ListenConfig{Transport: TCP}); err != nil {
			t.Fatal(err)
		}
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Endpoint: Config{Network: NetworkConfig{Dial: dialer(n)}}})
		d, _, err := alice.Invite(t.Context(), bobURI+";transport=tcp", InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (<-calls).ACK(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
			t.Error(err)
		}
		quiet(t, alice, bob)
	})
}

// What the application does in Edit may ask the dialog.
func TestEditAsksDialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		calls := make(chan *Incoming, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{OnInvite: accepting(t, calls), OnRequest: func(in *Incoming) { in.Reply(200, nil, "") }})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		(<-calls).ACK(t.Context())
		opts := RequestOptions{Edit: func(r *Request) { r.Add("X-Target", d.State().Target) }}
		if _, err := d.Do(t.Context(), INFO, opts); err != nil {
			t.Error(err)
		}
		if _, err := d.Invite(t.Context(), opts); err != nil {
			t.Error(err)
		}
		bad := RequestOptions{Edit: func(r *Request) { r.Set("CSeq", "x") }} // cannot be sent, and blocks nothing
		if _, err := d.Invite(t.Context(), bad); err == nil {
			t.Error("a bad request was sent")
		}
		if _, err := d.Invite(t.Context(), opts); err != nil {
			t.Error(err)
		}
		if err := d.Bye(t.Context(), opts); err != nil {
			t.Error(err)
		}
		quiet(t, alice, bob)
	})
}

// A strict router comes first although loose ones follow: the request goes there, with the target last
// (RFC 3261 section 12.2.1.1).
func TestStrictRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{})
		p := newScriptPeer(t, n, carolAddr, aliceAddr)
		d, err := alice.Restore(DialogState{CallID: "c", LocalTag: "l", RemoteTag: "r", Local: "<sip:alice@example.org>", Remote: "<sip:bob@example.org>",
			Contact: "<sip:alice@192.0.2.1>", Target: "sip:bob@192.0.2.2", Routes: []string{"<sip:192.0.2.3>", "<sip:192.0.2.2;lr>"}, Confirmed: true})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- d.Bye(t.Context(), RequestOptions{}) }()
		req := p.request(BYE)
		var routes []string
		for v := range req.Values("Route") {
			routes = append(routes, v)
		}
		if diff := cmp.Diff([]string{"<sip:192.0.2.2;lr>", "<sip:bob@192.0.2.2>"}, routes); diff != "" || req.RequestURI != "sip:192.0.2.3" {
			t.Errorf("%s\n%s", req, diff)
		}
		p.send(NewResponse(req, 200, ""))
		if err := <-done; err != nil {
			t.Error(err)
		}
		quiet(t, alice)
	})
}
