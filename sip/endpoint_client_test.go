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

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/trace"
)

// dialer has an endpoint open streams in memory.
func (b *bed) dialer(local string) func(context.Context, DialTarget) (net.Conn, error) {
	return func(ctx context.Context, t DialTarget) (net.Conn, error) {
		return b.net.Dial(ctx, netip.AddrPortFrom(netip.MustParseAddr(local), 0), t.Remote)
	}
}

// listen has an endpoint accept streams in memory.
func (b *bed) listen(e *Endpoint, addr string) {
	b.t.Helper()
	l, err := b.net.Listen(netip.MustParseAddrPort(addr))
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := e.ServeListener(l, ListenConfig{Transport: TCP}); err != nil {
		b.t.Fatal(err)
	}
}

// statusHandler answers every request with one status and counts.
func statusHandler(status int, n *atomic.Int32) Handler {
	return HandlerFunc(func(tx *ServerTransaction, req *Request) {
		n.Add(1)
		if req.Method != ACK && status != 0 {
			tx.Respond(NewResponse(req, status, ""))
		}
	})
}

// clientTest runs f with an endpoint at 192.0.2.1 and checks that nothing is left after.
func clientTest(t *testing.T, cfg Config, f func(t *testing.T, b *bed, e *Endpoint)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{})
		cfg.Network.Dial = b.dialer("192.0.2.1")
		e := b.endpoint("192.0.2.1:5060", cfg)
		f(t, b, e)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for _, s := range e.shards {
			if len(s.servers)+len(s.merged)+len(s.clients)+len(s.cancels)+len(s.conns)+len(s.heap.entries) != 0 {
				t.Errorf("a shard is not empty: %+v", s)
			}
		}
		if s := e.Stats(); s.ClientTransactions != 0 {
			t.Errorf("client transactions are left: %+v", s)
		}
		e.Close()
	})
}

func udp(addr string) Target { return Target{Transport: UDP, Addr: netip.MustParseAddrPort(addr)} }

func tcp(addr string) Target { return Target{Transport: TCP, Addr: netip.MustParseAddrPort(addr)} }

// follow starts a request and collects its events until Done.
func follow(t *testing.T, e *Endpoint, req *Request, opts SendOptions) (*ClientAttempt, func() []string) {
	t.Helper()
	start := time.Now()
	events := make(chan string, 100)
	a, err := e.Start(req, opts, func(ev ClientEvent) {
		s := fmt.Sprintf("%v", time.Since(start))
		if ev.Response != nil {
			s += fmt.Sprintf(" %d", ev.Response.StatusCode)
		}
		if ev.Err != nil {
			s += " " + ev.Err.Error()
		}
		if ev.Done {
			s += " done"
		}
		events <- s
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, func() (got []string) {
		for {
			s := <-events
			got = append(got, s)
			if strings.HasSuffix(s, " done") {
				return got
			}
		}
	}
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNextTarget(t *testing.T) {
	targets := []Target{udp("192.0.2.2:5060"), udp("192.0.2.3:5060"), tcp("192.0.2.4:5060"), udp("192.0.2.5:5060")}
	for _, m := range []Method{INVITE, OPTIONS} {
		t.Run(string(m), func(t *testing.T) {
			clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
				// The first is silent, the second refuses with 503, nobody listens at the third.
				var two, four atomic.Int32
				c := b.endpoint("192.0.2.3:5060", Config{Handler: statusHandler(503, &two)})
				d := b.endpoint("192.0.2.5:5060", Config{Handler: statusHandler(200, &four)})
				_, events := follow(t, e, newTestRequest(e, m, "sip:bob@example.com"), SendOptions{Targets: targets})
				if m == INVITE {
					same(t, events(), "4s 200", "36s done")
				} else {
					same(t, events(), "4s 200 done")
				}
				if s := e.Stats(); s.NextTarget != 3 || s.RequestsSent != 3 || s.Stray != 0 {
					t.Errorf("%+v", s)
				}
				time.Sleep(time.Minute)
				if two.Load() != 1 || four.Load() != 1 {
					t.Errorf("requests: %d, %d", two.Load(), four.Load())
				}
				c.Close()
				d.Close()
			})
		})
	}
}

func TestEveryTargetFails(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		_, events := follow(t, e, newTestRequest(e, OPTIONS, "sip:bob@example.com"), SendOptions{Targets: []Target{tcp("192.0.2.2:5060"), udp("192.0.2.3:5060")}})
		same(t, events(), "32s sip: OPTIONS: TCP 192.0.2.2:5060: connect TCP 192.0.2.2:5060: dial mem: connect: connection refused; UDP 192.0.2.3:5060: no response in time done")

		_, err := e.Do(context.Background(), newTestRequest(e, OPTIONS, "sip:192.0.2.4;transport=tcp"), SendOptions{})
		var te *TransportError
		var ae *AttemptError
		if !errors.As(err, &te) || te.Op != "connect" || !errors.As(err, &ae) || len(ae.Tried) != 1 {
			t.Errorf("error %v", err)
		}
		_, err = e.Do(context.Background(), newTestRequest(e, OPTIONS, "sip:192.0.2.4"), SendOptions{TargetTimeout: 5 * time.Second})
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("error %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err = e.Do(ctx, newTestRequest(e, OPTIONS, "sip:192.0.2.4"), SendOptions{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
	})
}

// A 503 of the last target is the answer.
func TestLast503(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		var n atomic.Int32
		s := b.endpoint("192.0.2.2:5060", Config{Handler: statusHandler(503, &n)})
		defer s.Close()
		_, events := follow(t, e, newTestRequest(e, INVITE, "sip:bob@192.0.2.2"), SendOptions{})
		same(t, events(), "0s 503 done")
	})
}

// A target that has shown a sign of life has all the time it wants.
func TestSlowTargetKeepsTheCall(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		var n atomic.Int32
		slow := b.endpoint("192.0.2.2:5060", Config{Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
			time.Sleep(time.Minute)
			tx.Respond(NewResponse(req, 603, ""))
		})})
		other := b.endpoint("192.0.2.3:5060", Config{Handler: statusHandler(200, &n)})
		defer slow.Close()
		defer other.Close()
		_, events := follow(t, e, newTestRequest(e, INVITE, "sip:bob@example.com"), SendOptions{Targets: []Target{udp("192.0.2.2:5060"), udp("192.0.2.3:5060")}})
		same(t, events(), "200ms 100", "1m0s 603 done")
		if n.Load() != 0 {
			t.Error("the second target was tried")
		}
	})
}

// An INVITE whose target answers after the next one was tried: the late one is cancelled, and if
// it is the late one that accepts, the user hears of it.
func TestLateAnswers(t *testing.T) {
	for _, late := range []int{180, 200} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
				var cancelled atomic.Int32
				first := b.endpoint("192.0.2.2:5060", Config{Timers: Timers{Trying: -1}, Inline: true, Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
					time.AfterFunc(6*time.Second, func() { tx.Respond(NewResponse(req, late, "")) })
					tx.OnCancel(func() { cancelled.Add(1); tx.Respond(NewResponse(req, 487, "")) })
				})})
				second := b.endpoint("192.0.2.3:5060", Config{Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
					tx.Respond(NewResponse(req, 180, ""))
					<-time.After(10 * time.Second)
					tx.Respond(NewResponse(req, 200, ""))
				})})
				defer first.Close()
				defer second.Close()
				_, events := follow(t, e, newTestRequest(e, INVITE, "sip:bob@example.com"), SendOptions{Targets: []Target{udp("192.0.2.2:5060"), udp("192.0.2.3:5060")}})
				if late == 180 {
					same(t, events(), "4s 180", "14s 200", "46s done")
				} else { // both accept; the second is cancelled at once, too late or not
					got := events()
					if len(got) < 3 || got[0] != "4s 180" || got[1] != "6s 200" || !strings.HasSuffix(got[len(got)-1], "done") {
						t.Errorf("events: %q", got)
					}
				}
				if want := int32(1); late == 180 && cancelled.Load() != want {
					t.Errorf("cancelled %d times", cancelled.Load())
				}
			})
		})
	}
}

func TestCancelSent(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		var reason atomic.Value
		s := b.endpoint("192.0.2.2:5060", Config{
			Trace: func(ev trace.Event) {
				if m, _ := Parse(ev.Data); m != nil && ev.Dir == trace.Received {
					if r, ok := m.(*Request); ok && r.Method == CANCEL {
						reason.Store(r.Value("Reason"))
					}
				}
			},
			Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
				<-tx.Context().Done() // 100 after 200 ms, 487 after the CANCEL
			})})
		defer s.Close()
		a, events := follow(t, e, newTestRequest(e, INVITE, "sip:bob@192.0.2.2"), SendOptions{})
		a.Cancel(`SIP;cause=200;text="Call completed elsewhere"`) // before any response: waits for the 100
		a.Cancel()
		same(t, events(), "200ms 100", "200ms 487 done")
		if reason.Load() != `SIP;cause=200;text="Call completed elsewhere"` {
			t.Errorf("Reason %v", reason.Load())
		}
		a.Cancel()

		// The timeout of the attempt does the same.
		_, events = follow(t, e, newTestRequest(e, INVITE, "sip:bob@192.0.2.2"), SendOptions{Timeout: 3 * time.Second})
		same(t, events(), "200ms 100", "3s 487 done")

		// A request other than INVITE is only forgotten.
		a, events = follow(t, e, newTestRequest(e, OPTIONS, "sip:bob@192.0.2.3"), SendOptions{})
		time.Sleep(time.Second)
		a.Cancel()
		same(t, events(), "1s sip: OPTIONS: cancelled done")

		// Nobody answers the INVITE, so there is nothing to cancel.
		a, events = follow(t, e, newTestRequest(e, INVITE, "sip:bob@192.0.2.3"), SendOptions{})
		a.Cancel()
		same(t, events(), "32s sip: INVITE: UDP 192.0.2.3:5060: no response in time done")
	})
}

// The answer to the CANCEL comes, but never one to the INVITE: 64*T1 (RFC 3261 section 9.1).
func TestCancelWithoutAnswer(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		s := b.endpoint("192.0.2.2:5060", Config{Inline: true, Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
			tx.OnCancel(func() {})
			tx.Respond(NewResponse(req, 180, ""))
		})})
		defer s.Close()
		a, events := follow(t, e, newTestRequest(e, INVITE, "sip:bob@192.0.2.2"), SendOptions{})
		time.Sleep(10 * time.Second)
		a.Cancel()
		same(t, events(), "0s 180", "42s sip: INVITE: UDP 192.0.2.2:5060: no response in time done")
	})
}

func TestForkedAnswers(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		p := b.raw("192.0.2.2:5060", "192.0.2.1:5060")
		defer p.pc.Close()
		req := newTestRequest(e, INVITE, "sip:bob@192.0.2.2")
		_, events := follow(t, e, req, SendOptions{})
		m, err := Parse([]byte(p.read(time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range []string{"a", "b", "a"} {
			r := NewResponse(m.(*Request), 200, "")
			r.SetToTag(tag)
			p.send(r.String())
			time.Sleep(time.Second)
		}
		same(t, events(), "0s 200", "1s 200", "2s 200", "32s done")
		r := NewResponse(m.(*Request), 200, "")
		p.send(r.String()) // RFC 6026 section 7.3: dropped
		synctest.Wait()
		if n := e.Stats().Stray; n != 1 {
			t.Errorf("%d stray responses", n)
		}
	})
}

// Requests over 1300 octets go over TCP, and over UDP where nobody listens for TCP.
func TestLargeRequests(t *testing.T) {
	for _, listens := range []bool{true, false} {
		clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
			var via atomic.Value
			s := b.endpoint("192.0.2.2:5060", Config{Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
				via.Store(req.Value("Via"))
				tx.Respond(NewResponse(req, 200, ""))
			})})
			if listens {
				b.listen(s, "192.0.2.2:5060")
			}
			defer s.Close()
			for _, size := range []int{100, 1300, 1301} {
				req := newTestRequest(e, MESSAGE, "sip:bob@192.0.2.2")
				req.Add("Content-Type", "text/plain")
				overhead := len(req.String()) + len("Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK0123456789abcdef\r\nMax-Forwards: 70\r\n") + 2 // three digits of Content-Length
				req.Body = []byte(strings.Repeat("x", max(size-overhead, 0)))
				resp, err := e.Do(context.Background(), req, SendOptions{})
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("%v, %v", resp, err)
				}
				want := "SIP/2.0/UDP "
				if size > 1300 && listens {
					want = "SIP/2.0/TCP "
				}
				if got, _ := via.Load().(string); !strings.HasPrefix(got, want) {
					t.Errorf("%d octets: Via %q, want %q", size, got, want)
				}
			}
		})
	}
}

// A connection that breaks fails the requests that wait for responses over it.
func TestBrokenConnection(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		l, err := b.net.Listen(netip.MustParseAddrPort("192.0.2.2:5060"))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1000))
			time.Sleep(time.Second)
			c.Close()
			l.Close()
		}()
		start := time.Now()
		_, err = e.Do(context.Background(), newTestRequest(e, OPTIONS, "sip:192.0.2.2;transport=tcp"), SendOptions{})
		var te *TransportError
		if !errors.As(err, &te) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A response whose connection has gone is sent over a new one to the Via's port (RFC 3261
// section 18.2.2).
func TestResponseOverANewConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{})
		s := b.endpoint("192.0.2.2:5060", Config{
			Network: NetworkConfig{Dial: b.dialer("192.0.2.2")},
			Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
				time.Sleep(time.Second)
				tx.Respond(NewResponse(req, 200, ""))
			})})
		defer s.Close()
		b.listen(s, "192.0.2.2:5060")
		l, err := b.net.Listen(netip.MustParseAddrPort("192.0.2.1:5060"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := b.net.Dial(context.Background(), netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:5060"))
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte(crlf(variant(rawMethod(OPTIONS), "/UDP", "/TCP"))))
		synctest.Wait()
		c.Close()
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		buf := make([]byte, 1000)
		n, err := in.Read(buf)
		if !strings.HasPrefix(string(buf[:n]), "SIP/2.0 200") {
			t.Errorf("%q, %v", buf[:n], err)
		}
	})
}

// The responses that follow wait for the new connection too: none is lost, none overtakes another.
func TestResponsesOverANewConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{})
		s := b.endpoint("192.0.2.2:5060", Config{
			Network: NetworkConfig{Dial: b.dialer("192.0.2.2")},
			Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
				if req.Method == INVITE {
					time.Sleep(100 * time.Millisecond)
					for _, status := range []int{180, 183, 486} {
						if err := tx.Respond(NewResponse(req, status, "")); err != nil {
							t.Errorf("%d: %v", status, err)
						}
					}
				}
			})})
		defer s.Close()
		b.listen(s, "192.0.2.2:5060")
		l, err := b.net.Listen(netip.MustParseAddrPort("192.0.2.1:5060"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := b.net.Dial(context.Background(), netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:5060"))
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte(crlf(variant(rawInvite, "/UDP", "/TCP"))))
		synctest.Wait()
		c.Close()
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		in.SetReadDeadline(time.Now().Add(time.Minute))
		framer, buf, got := Framer{}, make([]byte, 1000), ""
		for !strings.Contains(got, "486") {
			n, err := in.Read(buf)
			if err != nil {
				t.Fatalf("%q, then %v", got, err)
			}
			framer.Write(buf[:n])
			for {
				kind, msg, err := framer.Next()
				if err != nil {
					t.Fatal(err)
				}
				if kind != MessageFrame {
					break
				}
				got += string(msg[7:11])
			}
		}
		if got != " 180 183 486" {
			t.Errorf("got %q", got)
		}
	})
}

func TestACKAndResend(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		p := b.raw("192.0.2.2:5060", "192.0.2.1:5060")
		defer p.pc.Close()
		ack := newTestRequest(e, ACK, "sip:bob@192.0.2.2")
		a, events := follow(t, e, ack, SendOptions{})
		same(t, events(), "0s done")
		first := p.read(time.Second)
		if err := a.Resend(); err != nil {
			t.Error(err)
		}
		if again := p.read(time.Second); first == "" || again != first {
			t.Errorf("ACK %q, then %q", first, again)
		}
		if p.read(time.Minute) != "" {
			t.Error("an ACK was retransmitted")
		}
		_, events = follow(t, e, ack.Clone(), SendOptions{Targets: []Target{tcp("192.0.2.3:5060"), udp("192.0.2.2:5060")}})
		same(t, events(), "0s done")
		if p.read(time.Second) == "" {
			t.Error("the second target had no ACK")
		}
	})
}

func TestPrepareAndRoute(t *testing.T) {
	clientTest(t, Config{UserAgent: "telco"}, func(t *testing.T, b *bed, e *Endpoint) {
		p := b.raw("192.0.2.7:5070", "192.0.2.1:5060")
		defer p.pc.Close()
		req := newTestRequest(e, OPTIONS, "sip:bob@192.0.2.2")
		req.Add("Route", "<sip:192.0.2.7:5070;lr>")
		before := req.String()
		_, events := follow(t, e, req, SendOptions{TargetTimeout: time.Second, Prepare: func(r *Request, f Flow) {
			host, port := e.SentBy(f)
			r.Set("Contact", fmt.Sprintf("<sip:%s:%d>", host, port))
		}})
		m, err := Parse([]byte(p.read(time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		h := m.Head()
		if h.Value("Contact") != "<sip:192.0.2.1:5060>" || h.Value("Max-Forwards") != "70" || h.Value("User-Agent") != "telco" {
			t.Errorf("sent:\n%s", m)
		}
		same(t, events(), "1s sip: OPTIONS: UDP 192.0.2.7:5070: no response in time done")
		if req.String() != before {
			t.Error("the user's request was changed")
		}
	})
}

func TestStartRefuses(t *testing.T) {
	e := NewEndpoint(Config{})
	defer e.Close()
	for name, edit := range map[string]func(*Request){
		"no Call-ID":   func(r *Request) { r.Del("Call-ID") },
		"no From":      func(r *Request) { r.Del("From") },
		"no tag":       func(r *Request) { r.Set("From", "<sip:a@example.com>") },
		"no To":        func(r *Request) { r.Del("To") },
		"no CSeq":      func(r *Request) { r.Del("CSeq") },
		"other method": func(r *Request) { r.Set("CSeq", "1 BYE") },
		"bad URI":      func(r *Request) { r.RequestURI = "sip:" },
	} {
		req := newTestRequest(e, OPTIONS, "sip:192.0.2.1")
		edit(req)
		if _, err := e.Start(req, SendOptions{}, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := e.Start(newTestRequest(e, OPTIONS, "sip:192.0.2.1"), SendOptions{Targets: []Target{}}, nil); err == nil {
		t.Error("no targets: no error")
	}
}

func TestTraceSecrets(t *testing.T) {
	text := crlf(`
SIP/2.0 401 Unauthorized
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
Call-ID: abc
X-Other: ck="visible"
WWW-Authenticate: Digest realm="x",nonce="tick=",algorithm=AKAv1-MD5,
 ik="00112233445566778899aabbccddeeff", CK = 0123456789abcdef,block="no"
Content-Length: 12

ck="visible"
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1j|2^20;inline:b3RoZXI= UNENCRYPTED_SRTP
k=base64:c2VjcmV0
a=other:inline:visible`)
	got := string(trace.Redacted([]byte(text), secrets([]byte(text))))
	want := strings.NewReplacer("00112233445566778899aabbccddeeff", strings.Repeat("x", 32), "0123456789abcdef", strings.Repeat("x", 16),
		"WVNfX19zZW1j", strings.Repeat("x", 12), "b3RoZXI=", "xxxxxxxx", "c2VjcmV0", "xxxxxxxx").Replace(text)
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if id := callIDOf([]byte(text)); id != "abc" {
		t.Errorf("Call-ID %q", id)
	}
}

// A response that came by another way than the request, with more than our Via, is not for us (RFC 3261
// section 8.1.3.3).
func TestForeignVia(t *testing.T) {
	clientTest(t, Config{}, func(t *testing.T, b *bed, e *Endpoint) {
		p := b.raw("192.0.2.2:5060", "192.0.2.1:5060")
		defer p.pc.Close()
		_, events := follow(t, e, newTestRequest(e, OPTIONS, "sip:bob@192.0.2.2"), SendOptions{})
		m, err := Parse([]byte(p.read(time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		req := m.(*Request)
		resp := NewResponse(req, 404, "")
		resp.Insert("Via", 1, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother")
		p.send(resp.String())
		time.Sleep(100 * time.Millisecond)
		p.send(NewResponse(req, 200, "").String())
		same(t, events(), "100ms 200 done")
		if s := e.Stats(); s.Stray != 1 {
			t.Errorf("%+v", s)
		}
	})
}
