package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// rawPeer speaks text over a datagram socket.
type rawPeer struct {
	t   *testing.T
	net *memnet.Network
	pc  *memnet.PacketConn
	to  netip.AddrPort
}

func (b *bed) raw(addr, to string) *rawPeer {
	b.t.Helper()
	pc, err := b.net.ListenPacket(netip.MustParseAddrPort(addr))
	if err != nil {
		b.t.Fatal(err)
	}
	return &rawPeer{b.t, b.net, pc, netip.MustParseAddrPort(to)}
}

func crlf(s string) string {
	return strings.NewReplacer("\r\n", "\r\n", "\n", "\r\n").Replace(strings.TrimLeft(s, "\n"))
}

func (p *rawPeer) send(text string) {
	p.t.Helper()
	if _, err := p.pc.WriteToUDPAddrPort([]byte(crlf(text)), p.to); err != nil {
		p.t.Fatal(err)
	}
}

// read returns the next message, "" if none comes within d.
func (p *rawPeer) read(d time.Duration) string {
	p.t.Helper()
	p.pc.SetReadDeadline(time.Now().Add(d))
	b := make([]byte, 65536)
	n, _, err := p.pc.ReadFromUDPAddrPort(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

// expect reads a response and checks its status; 0 means that nothing comes for a second.
func (p *rawPeer) expect(status int) *Response {
	p.t.Helper()
	text := p.read(time.Second)
	if text == "" {
		if status != 0 {
			p.t.Fatalf("nothing came, want %d", status)
		}
		return nil
	}
	m, err := Parse([]byte(text))
	if err != nil {
		p.t.Fatalf("%v in:\n%s", err, text)
	}
	r, ok := m.(*Response)
	if !ok || r.StatusCode != status {
		p.t.Fatalf("want %d, got:\n%s", status, text)
	}
	return r
}

const rawInvite = `
INVITE sip:bob@192.0.2.2 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa1
Max-Forwards: 70
From: <sip:alice@example.com>;tag=f1
To: <sip:bob@example.com>
Call-ID: c1@192.0.2.1
CSeq: 1 INVITE
Contact: <sip:alice@192.0.2.1>
Content-Length: 0

`

// variant returns a raw message with replacements: old, new, old, new, …
func variant(text string, oldnew ...string) string {
	return strings.NewReplacer(oldnew...).Replace(text)
}

func rawMethod(m Method) string {
	return variant(rawInvite, "INVITE", string(m), "z9hG4bKa1", "z9hG4bK"+strings.ToLower(string(m)))
}

// silent never answers.
func silent(*ServerTransaction, *Request) {}

// serverTest runs f with a peer of an endpoint whose handler is h.
func serverTest(t *testing.T, cfg Config, h func(*ServerTransaction, *Request), f func(t *testing.T, e *Endpoint, p *rawPeer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{})
		cfg.Handler = HandlerFunc(h)
		e := b.endpoint("192.0.2.2:5060", cfg)
		p := b.raw("192.0.2.1:5060", "192.0.2.2:5060")
		f(t, e, p)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if s := e.Stats(); s.ServerTransactions != 0 || s.ClientTransactions != 0 || s.Octets != 0 {
			t.Errorf("transactions are left: %+v", s)
		}
		for _, s := range e.shards {
			if len(s.servers)+len(s.merged)+len(s.clients)+len(s.cancels)+len(s.conns)+len(s.heap.entries) != 0 {
				t.Errorf("a shard is not empty: %+v", s)
			}
		}
		if len(e.sources.n) != 0 {
			t.Errorf("sources are left: %v", e.sources.n)
		}
		p.pc.Close()
		e.Close()
	})
}

func TestAutomaticTrying(t *testing.T) {
	serverTest(t, Config{}, func(tx *ServerTransaction, req *Request) {
		time.Sleep(time.Second)
		tx.Respond(NewResponse(req, 486, ""))
	}, func(t *testing.T, e *Endpoint, p *rawPeer) {
		start := time.Now()
		p.send(rawInvite)
		r := p.expect(100)
		if d := time.Since(start); d != 200*time.Millisecond {
			t.Errorf("100 after %v", d)
		}
		if to, _ := r.To(); to.Tag() != "" {
			t.Error("100 has a To tag")
		}
		p.send(rawInvite) // again: gets the 100 again
		p.expect(100)
		r = p.expect(486)
		if d := time.Since(start); d != time.Second {
			t.Errorf("486 after %v", d)
		}
		if to, _ := r.To(); to.Tag() == "" {
			t.Error("486 has no To tag")
		}
		p.expect(486) // timer G
		p.send(variant(rawInvite, "INVITE sip", "ACK sip", "1 INVITE", "1 ACK", "To: <sip:bob@example.com>", "To: "+r.Value("To")))
		p.expect(0)
		if s := e.Stats(); s.Retransmissions != 1 || s.ACKs != 0 || s.Trying != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLateTryingOfRequests(t *testing.T) {
	serverTest(t, Config{}, func(tx *ServerTransaction, req *Request) {
		time.Sleep(5 * time.Second)
		tx.Respond(NewResponse(req, 200, ""))
	}, func(t *testing.T, e *Endpoint, p *rawPeer) {
		start := time.Now()
		p.send(rawMethod(OPTIONS))
		if p.read(10*time.Second) == "" || time.Since(start) != 3500*time.Millisecond {
			t.Errorf("100 after %v, want when the client's timer E reaches T2", time.Since(start))
		}
		time.Sleep(time.Second)
		p.expect(200)
		p.send(rawMethod(OPTIONS))
		p.expect(200)
		if n := e.Stats().Requests; n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestCancelReceived(t *testing.T) {
	cancel := variant(rawInvite, "INVITE sip", "CANCEL sip", "1 INVITE", "1 CANCEL")
	for _, c := range []struct {
		name    string
		cfg     Config
		handler func(tx *ServerTransaction, req *Request)
	}{
		{"the handler waits for its context", Config{}, func(tx *ServerTransaction, req *Request) {
			tx.Respond(NewResponse(req, 180, ""))
			<-tx.Context().Done()
			if !errors.Is(context.Cause(tx.Context()), ErrCanceled) {
				panic(context.Cause(tx.Context()))
			}
		}},
		{"the handler has returned", Config{Inline: true}, func(tx *ServerTransaction, req *Request) {
			tx.Respond(NewResponse(req, 180, ""))
		}},
		{"the user answers", Config{Inline: true}, func(tx *ServerTransaction, req *Request) {
			tx.OnCancel(func() { tx.Respond(NewResponse(req, 487, "")) })
			tx.Respond(NewResponse(req, 180, ""))
		}},
		{"the user of a proxy answers", Config{Inline: true, Proxy: true}, func(tx *ServerTransaction, req *Request) {
			tx.Respond(NewResponse(req, 180, ""))
			time.AfterFunc(100*time.Millisecond, func() {
				if context.Cause(tx.Context()) == ErrCanceled {
					tx.Respond(NewResponse(req, 487, ""))
				}
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			serverTest(t, c.cfg, c.handler, func(t *testing.T, e *Endpoint, p *rawPeer) {
				p.send(rawInvite)
				r := p.expect(180)
				p.send(cancel)
				ok := p.expect(200)
				if cs, _ := ok.CSeq(); cs.Method != CANCEL {
					t.Errorf("200 for %v", cs)
				}
				if ok.Value("To") != r.Value("To") {
					t.Errorf("To %q of the CANCEL's 200, %q of the INVITE's 180 (RFC 3261 section 9.2)", ok.Value("To"), r.Value("To"))
				}
				r = p.expect(487)
				p.send(cancel) // again
				p.expect(200)
				p.send(variant(rawInvite, "INVITE sip", "ACK sip", "1 INVITE", "1 ACK", "To: <sip:bob@example.com>", "To: "+r.Value("To")))
				p.expect(0)
				if e.Stats().Cancelled != 1 {
					t.Errorf("%+v", e.Stats())
				}
			})
		})
	}
	t.Run("nothing to cancel", func(t *testing.T) {
		serverTest(t, Config{}, silent, func(t *testing.T, e *Endpoint, p *rawPeer) {
			p.send(cancel)
			p.expect(481)
		})
	})
	t.Run("too late", func(t *testing.T) {
		serverTest(t, Config{Inline: true}, answering, func(t *testing.T, e *Endpoint, p *rawPeer) {
			p.send(rawInvite)
			p.expect(180)
			p.expect(200)
			p.send(cancel)
			p.expect(200)
			p.expect(0)
		})
	})
	t.Run("a proxy forwards a CANCEL that it cannot match", func(t *testing.T) {
		serverTest(t, Config{Inline: true, Proxy: true}, func(tx *ServerTransaction, req *Request) {
			tx.Respond(NewResponse(req, 404, ""))
		}, func(t *testing.T, e *Endpoint, p *rawPeer) {
			p.send(cancel)
			p.expect(404)
		})
	})
}

func TestMergedRequests(t *testing.T) {
	other := variant(rawInvite, "z9hG4bKa1", "z9hG4bKa2")
	serverTest(t, Config{Inline: true}, func(tx *ServerTransaction, req *Request) {
		tx.Respond(NewResponse(req, 180, ""))
		tx.OnCancel(func() {})
		time.AfterFunc(3*time.Second, func() { tx.Respond(NewResponse(req, 200, "")) })
	}, func(t *testing.T, e *Endpoint, p *rawPeer) {
		p.send(rawInvite)
		p.expect(180)
		p.send(other)
		r := p.expect(482)
		p.send(variant(other, "INVITE sip", "ACK sip", "1 INVITE", "1 ACK", "To: <sip:bob@example.com>", "To: "+r.Value("To")))
		p.expect(0)
		p.send(variant(other, "To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=x", "1 INVITE", "2 INVITE")) // within a dialog
		p.expect(180)
		if s := e.Stats(); s.Merged != 1 || s.ACKs != 0 {
			t.Errorf("%+v", s)
		}
	})
	serverTest(t, Config{Inline: true, Proxy: true}, func(tx *ServerTransaction, req *Request) {
		tx.Respond(NewResponse(req, 200, ""))
	}, func(t *testing.T, e *Endpoint, p *rawPeer) {
		p.send(rawInvite)
		p.expect(200)
		p.send(other)
		p.expect(200)
	})
}

// RFC 3261 section 17.2.3, for elements that don't make branches as RFC 3261 has them.
func TestOldBranches(t *testing.T) {
	for _, branch := range []string{"", ";branch=1", ";branch=z9hG4bK"} {
		invite := variant(rawInvite, ";branch=z9hG4bKa1", branch)
		var mu sync.Mutex
		n := 0
		serverTest(t, Config{Inline: true}, func(tx *ServerTransaction, req *Request) {
			mu.Lock()
			n++
			mu.Unlock()
			tx.Respond(NewResponse(req, 404, ""))
		}, func(t *testing.T, e *Endpoint, p *rawPeer) {
			p.send(invite)
			r := p.expect(404)
			p.send(invite)
			p.expect(404)
			ack := variant(invite, "INVITE sip", "ACK sip", "1 INVITE", "1 ACK")
			p.send(variant(ack, "To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=other"))
			synctest.Wait()
			if e.Stats().ACKs != 1 {
				t.Error("ACK with another To tag was taken for that of the 404")
			}
			p.send(variant(ack, "To: <sip:bob@example.com>", "To: "+r.Value("To")))
			p.expect(0)
			p.send(variant(invite, "1 INVITE", "2 INVITE"))
			p.expect(404)
			p.send(variant(rawMethod(OPTIONS), ";branch=z9hG4bKoptions", branch))
			p.expect(404)
			p.send(variant(rawMethod(OPTIONS), ";branch=z9hG4bKoptions", branch))
			p.expect(404)
			if n != 4 { // INVITE, ACK, INVITE, OPTIONS
				t.Errorf("branch %q: handler called %d times", branch, n)
			}
		})
	}
}

func TestReceivedAndRport(t *testing.T) {
	for _, c := range []struct{ name, from, sentBy, want, sentTo string }{
		{"as it says", "192.0.2.1:5060", "192.0.2.1:5060", "192.0.2.1:5060;branch=z9hG4bKa1", "192.0.2.1:5060"},
		{"default port", "192.0.2.1:5060", "192.0.2.1", "192.0.2.1;branch=z9hG4bKa1", "192.0.2.1:5060"},
		{"another port without rport", "192.0.2.1:9999", "192.0.2.1:5060", "192.0.2.1:5060;branch=z9hG4bKa1", "192.0.2.1:5060"},
		{"a name", "192.0.2.1:5060", "host.example.com", "host.example.com;branch=z9hG4bKa1;received=192.0.2.1", "192.0.2.1:5060"},
		{"behind a NAT", "192.0.2.1:7000", "10.0.0.1:5060;rport", "10.0.0.1:5060;rport=7000;branch=z9hG4bKa1;received=192.0.2.1", "192.0.2.1:7000"},
		{"rport, no NAT", "192.0.2.1:5060", "192.0.2.1:5060;rport", "192.0.2.1:5060;rport=5060;branch=z9hG4bKa1;received=192.0.2.1", "192.0.2.1:5060"},
		{"a false received", "192.0.2.1:5060", "192.0.2.1:5060;received=192.0.2.66", "192.0.2.1:5060;branch=z9hG4bKa1", "192.0.2.1:5060"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, memnet.Config{})
				e := b.endpoint("192.0.2.2:5060", Config{Inline: true, Handler: HandlerFunc(answering)})
				defer e.Close()
				p := b.raw(c.from, "192.0.2.2:5060")
				defer p.pc.Close()
				q := p
				if c.sentTo != c.from {
					q = b.raw(c.sentTo, "192.0.2.2:5060")
					defer q.pc.Close()
				}
				p.send(variant(rawMethod(OPTIONS), "192.0.2.1:5060;branch=z9hG4bKoptions", c.sentBy+";branch=z9hG4bKa1"))
				if got := q.expect(200).Value("Via"); got != "SIP/2.0/UDP "+c.want {
					t.Errorf("Via %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestSetFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{})
		var protected Flow
		e := b.endpoint("192.0.2.2:5060", Config{Inline: true, Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
			tx.SetFlow(protected)
			answering(tx, req)
		})})
		defer e.Close()
		pc, _ := b.net.ListenPacket(netip.MustParseAddrPort("192.0.2.2:6000"))
		protected, _ = e.ServePacketConn(pc, ListenConfig{})
		protected.Remote = netip.MustParseAddrPort("192.0.2.1:6001")
		p := b.raw("192.0.2.1:5060", "192.0.2.2:5060")
		defer p.pc.Close()
		q := b.raw("192.0.2.1:6001", "192.0.2.2:5060")
		defer q.pc.Close()
		p.send(rawMethod(OPTIONS))
		q.expect(200)
	})
}

func TestUnparsable(t *testing.T) {
	for _, c := range []struct {
		name, text string
		status     int
	}{
		{"garbage", "hello", 0},
		{"no Via", variant(rawMethod(OPTIONS), "Via", "X"), 0},
		{"bad Content-Length", variant(rawMethod(OPTIONS), "Content-Length: 0", "Content-Length: x"), 400},
		{"no From tag is let pass", variant(rawMethod(OPTIONS), ";tag=f1", ""), 200},
		{"bad From", variant(rawMethod(OPTIONS), "From: <sip:alice@example.com>", "From: <sip:alice@example.com"), 400},
		{"method differs", variant(rawMethod(OPTIONS), "1 OPTIONS", "1 MESSAGE"), 400},
		{"version", variant(rawMethod(OPTIONS), "192.0.2.2 SIP/2.0", "192.0.2.2 SIP/7.0"), 505},
		{"scheme", variant(rawMethod(OPTIONS), "sip:bob@192.0.2.2 SIP", "nobody:bob SIP"), 416},
		{"ACK", variant(rawMethod(ACK), "Content-Length: 0", "Content-Length: x"), 0},
		{"response", "SIP/2.0 200 OK\nContent-Length: x\n\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			serverTest(t, Config{}, answering, func(t *testing.T, e *Endpoint, p *rawPeer) {
				p.send(c.text)
				p.expect(c.status)
				if s := e.Stats(); (s.Unparsable == 1) != (c.status != 200) {
					t.Errorf("%+v", s)
				}
				p.send(rawMethod(MESSAGE)) // goes on
				p.expect(200)
			})
		})
	}
}

func TestPolicy(t *testing.T) {
	cfg := Config{Policy: Policy{Methods: []Method{INVITE, ACK, BYE, OPTIONS}, OptionTags: []string{"100rel"}, ContentTypes: []string{"application/sdp"}}}
	serverTest(t, cfg, answering, func(t *testing.T, e *Endpoint, p *rawPeer) {
		p.send(rawMethod(MESSAGE))
		if r := p.expect(501); r.Value("Allow") != "INVITE" {
			t.Errorf("Allow: %q", r.Value("Allow"))
		}
		p.send(variant(rawMethod(OPTIONS), "Max-Forwards", "Require: 100rel, x, y\nMax-Forwards"))
		if r := p.expect(420); r.Value("Unsupported") != "x" || r.Count("Unsupported") != 2 {
			t.Errorf("Unsupported: %q", r.String())
		}
		p.send(variant(rawMethod(OPTIONS), "Content-Length: 0\n\n", "Content-Type: text/plain\nContent-Length: 1\n\nx"))
		if r := p.expect(415); r.Value("Accept") != "application/sdp" {
			t.Errorf("Accept: %q", r.Value("Accept"))
		}
	})
}

func TestNoHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{})
		e := b.endpoint("192.0.2.2:5060", Config{})
		defer e.Close()
		p := b.raw("192.0.2.1:5060", "192.0.2.2:5060")
		defer p.pc.Close()
		p.send(rawMethod(OPTIONS))
		p.expect(501)
	})
}

func TestLeaks(t *testing.T) {
	var mu sync.Mutex
	var leaks []Leak
	take := func() []Leak {
		mu.Lock()
		defer mu.Unlock()
		l := leaks
		leaks = nil
		return l
	}
	cfg := Config{OnLeak: func(l Leak) { mu.Lock(); leaks = append(leaks, l); mu.Unlock() }}
	serverTest(t, cfg, func(tx *ServerTransaction, req *Request) {
		if req.Method == INVITE {
			tx.Respond(NewResponse(req, 180, ""))
			return
		}
		forgetful(tx.Context())
	}, func(t *testing.T, e *Endpoint, p *rawPeer) {
		start := time.Now()
		p.send(rawInvite)
		p.send(rawMethod(OPTIONS))
		p.expect(180)
		time.Sleep(10 * time.Second)
		p.expect(100) // of the OPTIONS, from timer N's little brother
		time.Sleep(20 * time.Second)
		p.expect(500)
		synctest.Wait()
		l := take()
		if len(l) != 1 || l[0].Request.Method != OPTIONS || l[0].Status != 500 || !strings.Contains(l[0].Stack, "forgetful") {
			t.Errorf("leaks: %+v", l)
		}
		for r := ""; !strings.HasPrefix(r, "SIP/2.0 408"); r = p.read(time.Hour) {
		}
		if d := time.Since(start); d != 4*time.Minute {
			t.Errorf("408 after %v", d)
		}
		synctest.Wait()
		if l := take(); len(l) != 1 || l[0].Status != 408 || l[0].Stack != "" {
			t.Errorf("leaks: %+v", l)
		}
		if n := e.Stats().Leaked; n != 2 {
			t.Errorf("%d leaks", n)
		}
	})
}

//go:noinline
func forgetful(ctx context.Context) { <-ctx.Done() }

func TestOnEnd(t *testing.T) {
	var ends chan error
	serverTest(t, Config{Inline: true}, func(tx *ServerTransaction, req *Request) {
		tx.OnEnd(func(err error) { ends <- err })
		switch req.Method {
		case INVITE:
			tx.Respond(NewResponse(req, 486, ""))
		case OPTIONS:
			tx.Respond(NewResponse(req, 200, ""))
		}
	}, func(t *testing.T, e *Endpoint, p *rawPeer) {
		ends = make(chan error, 10) // belongs to the bubble
		p.send(rawInvite)
		p.send(rawMethod(OPTIONS))
		time.Sleep(31 * time.Second)
		if len(ends) != 0 {
			t.Error("ended early")
		}
		time.Sleep(2 * time.Second)
		got := []error{<-ends, <-ends}
		if !(got[0] == ErrNoACK && got[1] == nil || got[1] == ErrNoACK && got[0] == nil) {
			t.Errorf("ends: %v", got)
		}
	})
}

func TestRespondAfterTheEnd(t *testing.T) {
	var errs chan error
	serverTest(t, Config{}, func(tx *ServerTransaction, req *Request) {
		errs <- tx.Respond(NewResponse(req, 200, ""))
		errs <- tx.Respond(NewResponse(req, 200, "")) // an INVITE's 2xx may be repeated
		errs <- tx.Respond(NewResponse(req, 500, ""))
		time.Sleep(time.Minute)
		errs <- tx.Respond(NewResponse(req, 200, ""))
	}, func(t *testing.T, e *Endpoint, p *rawPeer) {
		errs = make(chan error, 10) // belongs to the bubble
		for _, c := range []struct {
			text string
			want [4]error
		}{
			{rawInvite, [4]error{nil, nil, ErrEnded, ErrEnded}},
			{rawMethod(OPTIONS), [4]error{nil, ErrEnded, ErrEnded, ErrEnded}},
			{rawMethod(ACK), [4]error{ErrIsACK, ErrIsACK, ErrIsACK, ErrIsACK}},
		} {
			p.send(c.text)
			if got := [4]error{<-errs, <-errs, <-errs, <-errs}; got != c.want {
				t.Errorf("%.10s: %v, want %v", c.text, got, c.want)
			}
		}
	})
}

func TestCloseEndsHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{})
		cause := make(chan error, 1)
		e := b.endpoint("192.0.2.2:5060", Config{Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
			<-tx.Context().Done()
			cause <- context.Cause(tx.Context())
			cause <- tx.Respond(NewResponse(req, 200, ""))
		})})
		p := b.raw("192.0.2.1:5060", "192.0.2.2:5060")
		defer p.pc.Close()
		p.send(rawInvite)
		synctest.Wait()
		e.Close()
		e.Close()
		if err := <-cause; !errors.Is(err, net.ErrClosed) {
			t.Errorf("cause %v", err)
		}
		if err := <-cause; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Respond: %v", err)
		}
		if _, err := e.Start(newTestRequest(e, OPTIONS, "sip:x@192.0.2.1"), SendOptions{}, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Start: %v", err)
		}
	})
}
