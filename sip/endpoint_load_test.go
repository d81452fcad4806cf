package sip

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// A callee as RFC 3261 section 13.3.1.4 has it: 2xx again and again until the ACK comes.
type callee struct {
	mu    sync.Mutex
	calls map[string]func() // by Call-ID: stops the 2xx
	acked int
	byes  int
}

func (c *callee) ServeSIP(tx *ServerTransaction, req *Request) {
	switch req.Method {
	case INVITE:
		tx.Respond(NewResponse(req, 180, ""))
		ok := NewResponse(req, 200, "")
		ok.Add("Contact", "<sip:bob@192.0.2.2>")
		stop := make(chan struct{})
		c.mu.Lock()
		c.calls[req.CallID()] = sync.OnceFunc(func() { close(stop) })
		c.mu.Unlock()
		go func() {
			for wait := 500 * time.Millisecond; ; wait = min(2*wait, 4*time.Second) {
				if tx.Respond(ok.Clone()) != nil {
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(wait):
				}
			}
		}()
	case ACK:
		c.mu.Lock()
		defer c.mu.Unlock()
		if stop := c.calls[req.CallID()]; stop != nil {
			stop()
			delete(c.calls, req.CallID())
			c.acked++
		}
	case BYE:
		tx.Respond(NewResponse(req, 200, ""))
		c.mu.Lock()
		c.byes++
		c.mu.Unlock()
	}
}

// placeCall sets a call up and ends it.
func placeCall(e *Endpoint, n int) error {
	req := newTestRequest(e, INVITE, "sip:bob@192.0.2.2")
	var ack atomic.Pointer[ClientAttempt]
	answered := make(chan *Response, 1)
	failed := make(chan error, 1)
	_, err := e.Start(req, SendOptions{}, func(ev ClientEvent) {
		switch {
		case ev.Err != nil:
			failed <- ev.Err
		case ev.Response == nil || ev.Response.StatusCode < 200:
		case ev.Response.StatusCode >= 300:
			failed <- fmt.Errorf("refused: %d", ev.Response.StatusCode)
		default:
			if a := ack.Load(); a != nil {
				a.Resend()
				return
			}
			a, err := e.Start(inDialog(req, ev.Response, ACK, 1), SendOptions{}, nil)
			if err != nil {
				failed <- err
				return
			}
			ack.Store(a)
			answered <- ev.Response
		}
	})
	if err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case resp := <-answered:
		// Longer than a 2xx is sent again: a BYE may not overtake the ACK, which may be lost many times.
		time.Sleep(33*time.Second + time.Duration(n%7)*time.Second)
		bye, err := e.Do(context.Background(), inDialog(req, resp, BYE, 2), SendOptions{})
		if err != nil {
			return err
		}
		if bye.StatusCode != 200 {
			return fmt.Errorf("BYE: %d", bye.StatusCode)
		}
	}
	return nil
}

// A thousand calls over a network that loses every twentieth datagram, duplicates and reorders
// some, all set up and ended; nothing is left after.
func TestLossyNetwork(t *testing.T) {
	const calls = 1000
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{Seed: 1, Loss: 0.05, Duplicate: 0.01, Reorder: 0.05, Latency: 20 * time.Millisecond, Jitter: 10 * time.Millisecond})
		bob := &callee{calls: make(map[string]func())}
		uas := b.endpoint("192.0.2.2:5060", Config{Inline: true, Handler: bob})
		defer uas.Close()
		uac := b.endpoint("192.0.2.1:5060", Config{})
		defer uac.Close()
		var wg sync.WaitGroup
		for n := range calls {
			wg.Go(func() {
				if err := placeCall(uac, n); err != nil {
					t.Errorf("call %d: %v", n, err)
				}
			})
			time.Sleep(5 * time.Millisecond)
		}
		wg.Wait()
		bob.mu.Lock()
		if bob.acked != calls || bob.byes != calls {
			t.Errorf("%d calls acknowledged and %d ended, want %d", bob.acked, bob.byes, calls)
		}
		bob.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		st := b.net.Stats()
		if st.Lost < calls/10 || st.Duplicated == 0 || st.Reordered == 0 {
			t.Errorf("the network was too good: %+v", st)
		}
		for name, e := range map[string]*Endpoint{"uas": uas, "uac": uac} {
			if s := e.Stats(); s.ServerTransactions != 0 || s.ClientTransactions != 0 || s.Leaked != 0 || s.Merged != 0 {
				t.Errorf("%s: %+v", name, s)
			}
			for _, s := range e.shards {
				if len(s.servers)+len(s.merged)+len(s.clients)+len(s.cancels)+len(s.heap.entries)+s.queue.len() != 0 {
					t.Errorf("%s: a shard is not empty", name)
				}
			}
		}
	})
}

// numbered makes the n-th of many different INVITEs.
func numbered(n int) string {
	return variant(rawInvite, "z9hG4bKa1", fmt.Sprintf("z9hG4bKa%d", n), "Call-ID: c1", fmt.Sprintf("Call-ID: c%d", n))
}

func TestTransactionLimit(t *testing.T) {
	serverTest(t, Config{Inline: true, Limits: Limits{Transactions: 10, PerSource: 100}}, silent, func(t *testing.T, e *Endpoint, p *rawPeer) {
		for n := range 12 {
			p.send(numbered(n))
			synctest.Wait()
		}
		for n := 10; n < 12; n++ {
			r := p.expect(503)
			if r.Value("Retry-After") != "5" {
				t.Errorf("Retry-After %q", r.Value("Retry-After"))
			}
			p.send(variant(numbered(n), "INVITE sip", "ACK sip", "1 INVITE", "1 ACK", "To: <sip:bob@example.com>", "To: "+r.Value("To")))
		}
		synctest.Wait()
		if s := e.Stats(); s.ServerTransactions != 10 || s.OverLimit != 2 || s.Refused != 2 || s.ACKs != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Transactions that only wait for retransmissions make room.
func TestFinishedTransactionsMakeRoom(t *testing.T) {
	serverTest(t, Config{Inline: true, Limits: Limits{Transactions: 50, PerSource: 100}}, answering, func(t *testing.T, e *Endpoint, p *rawPeer) {
		for n := range 5000 {
			p.send(variant(rawMethod(OPTIONS), "z9hG4bKoptions", fmt.Sprintf("z9hG4bK%d", n), "Call-ID: c1", fmt.Sprintf("Call-ID: c%d", n)))
			p.read(time.Second)
		}
		s := e.Stats()
		if s.ServerTransactions > 50 || s.Evicted < 4900 || s.OverLimit > 10 {
			t.Errorf("%+v", s)
		}
	})
}

// Few large requests are bounded by the memory they hold: what is only kept for retransmissions goes, and what
// waits for its handler is not joined by more.
func TestLargeRequestsAreBounded(t *testing.T) {
	large := func(m Method, n int) string {
		return variant(numbered(n), "INVITE", string(m), "Content-Length: 0\n\n", "Content-Length: 40000\n\n"+strings.Repeat("x", 40_000),
			"Max-Forwards", "Record-Route: "+strings.Repeat("<sip:192.0.2.99;lr>,", 500)+"<sip:192.0.2.99>\nMax-Forwards")
	}
	cfg := Config{Inline: true, Limits: Limits{Octets: 1 << 20}}
	serverTest(t, cfg, silent, func(t *testing.T, e *Endpoint, p *rawPeer) {
		for n := range 30 {
			p.send(large(INVITE, n))
			synctest.Wait()
		}
		if s := e.Stats(); s.ServerTransactions != 20 || s.OverLimit != 10 || s.Octets < 1<<19 || s.Octets > 1<<20 {
			t.Errorf("%+v", s)
		}
	})
	serverTest(t, cfg, func(tx *ServerTransaction, req *Request) {
		if req.Method == INVITE {
			resp := NewResponse(req, 486, "")
			resp.Add("X-Long", strings.Repeat("x", 20_000))
			tx.Respond(resp)
		}
	}, func(t *testing.T, e *Endpoint, p *rawPeer) {
		for n := range 500 {
			p.send(large(INVITE, n))
			synctest.Wait()
		}
		if s := e.Stats(); s.OverLimit > 20 || s.Evicted < 400 || s.Octets > 1<<20 {
			t.Errorf("%+v", s)
		}
	})
}

func TestSourceLimit(t *testing.T) {
	serverTest(t, Config{Inline: true, Limits: Limits{PerSource: 5}}, silent, func(t *testing.T, e *Endpoint, p *rawPeer) {
		for n := range 6 {
			p.send(numbered(n))
		}
		p.expect(503)
		other := &rawPeer{t: t, pc: nil, to: p.to}
		pc, err := p.net.ListenPacket(netip.MustParseAddrPort("192.0.2.9:5060"))
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		other.pc = pc
		other.send(variant(numbered(7), "192.0.2.1", "192.0.2.9"))
		other.expect(100)
	})
}

// While a handler is stuck, messages wait, up to a limit; then they are refused.
func TestQueueLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{})
		release := make(chan struct{})
		var n atomic.Int32
		e := b.endpoint("192.0.2.2:5060", Config{Inline: true, Limits: Limits{Queue: 10}, Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
			if n.Add(1) == 1 {
				<-release
			}
			tx.Respond(NewResponse(req, 200, ""))
		})})
		defer e.Close()
		pc, _ := b.net.ListenPacket(netip.MustParseAddrPort("192.0.2.2:5070"))
		if _, err := e.ServePacketConn(pc, ListenConfig{}); err != nil { // another reader
			t.Fatal(err)
		}
		p := b.raw("192.0.2.1:5060", "192.0.2.2:5060")
		defer p.pc.Close()
		p.send(rawInvite)
		synctest.Wait()
		p.to = netip.MustParseAddrPort("192.0.2.2:5070")
		for n := range 15 {
			p.send(variant(rawMethod(MESSAGE), "z9hG4bKmessage", fmt.Sprintf("z9hG4bK%d", n), "1 MESSAGE", fmt.Sprintf("%d MESSAGE", n+2)))
		}
		for range 5 {
			p.expect(503)
		}
		p.expect(0)
		close(release)
		for range 11 {
			p.expect(200)
		}
		if s := e.Stats(); s.QueueFull != 5 || n.Load() != 11 {
			t.Errorf("%+v, %d calls of the handler", s, n.Load())
		}
	})
}

// Garbage, truncated and mutilated messages, floods and slow connections do no lasting harm: what
// is refused is counted, refusals have a rate, memory is bounded, and the service goes on.
func TestAbuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, memnet.Config{QueueLimit: 100_000})
		e := b.endpoint("192.0.2.2:5060", Config{
			Inline:  true,
			Limits:  Limits{Transactions: 1000, Refusals: 100, HandlerTimeout: time.Minute},
			Network: NetworkConfig{MaxConns: 50},
			Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
				if req.Method != INVITE { // INVITEs are forgotten
					answering(tx, req)
				}
			})})
		defer e.Close()
		b.listen(e, "192.0.2.2:5060")
		attacker := b.raw("192.0.2.66:5060", "192.0.2.2:5060")
		defer attacker.pc.Close()
		friend := b.raw("192.0.2.1:5060", "192.0.2.2:5060")
		defer friend.pc.Close()
		serves := func(when string) {
			t.Helper()
			friend.send(variant(rawMethod(OPTIONS), "z9hG4bKoptions", "z9hG4bK"+strings.ReplaceAll(when, " ", "-"), "Call-ID: c1", "Call-ID: "+strings.ReplaceAll(when, " ", "-")))
			if r := friend.read(time.Second); !strings.HasPrefix(r, "SIP/2.0 200") {
				t.Fatalf("after %s: %q", when, r)
			}
		}
		rnd := rand.New(rand.NewPCG(1, 1))
		seed := []byte(crlf(rawInvite))
		for range 5000 {
			m := bytes.Clone(seed)
			for range 1 + rnd.IntN(8) {
				m[rnd.IntN(len(m))] = byte(rnd.IntN(256))
			}
			attacker.pc.WriteToUDPAddrPort(m[:rnd.IntN(len(m)+1)], attacker.to)
		}
		synctest.Wait()
		serves("garbage")
		if s := e.Stats(); s.Unparsable < 3000 || s.Refused > 200 || s.Dropped == 0 {
			t.Errorf("after garbage: %+v", s)
		}
		for n := range 20_000 {
			attacker.send(variant(numbered(n), "192.0.2.1:", "192.0.2.66:"))
		}
		synctest.Wait()
		if s := e.Stats(); s.ServerTransactions > 1000 || s.OverLimit < 19_000 {
			t.Errorf("after a flood: %+v", s)
		}
		serves("a flood") // half of the transactions is out of one source's reach
		var conns []net.Conn
		for range 200 { // slow and silent connections
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			c, err := b.net.Dial(ctx, netip.MustParseAddrPort("192.0.2.66:0"), netip.MustParseAddrPort("192.0.2.2:5060"))
			cancel()
			if err == nil {
				go c.Write([]byte("INVITE sip:"))
				conns = append(conns, c)
			}
		}
		synctest.Wait()
		if n := e.Stats().Network.Conns; n > 50 {
			t.Errorf("%d connections", n)
		}
		serves("slow connections")
		for _, c := range conns {
			c.Close()
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s := e.Stats(); s.ServerTransactions != 0 || s.Network.Conns != 0 || len(e.sources.n) != 0 {
			t.Errorf("left: %+v", s)
		}
		serves("it all")
	})
}
