package sip

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// bed is endpoints on a network in memory.
type bed struct {
	t   *testing.T
	net *memnet.Network
}

func newBed(t *testing.T, cfg memnet.Config) *bed { return &bed{t, memnet.New(cfg)} }

// endpoint makes an endpoint at an address, over UDP.
func (b *bed) endpoint(addr string, cfg Config) *Endpoint {
	b.t.Helper()
	pc, err := b.net.ListenPacket(netip.MustParseAddrPort(addr))
	if err != nil {
		b.t.Fatal(err)
	}
	e := NewEndpoint(cfg)
	if _, err := e.ServePacketConn(pc, ListenConfig{}); err != nil {
		b.t.Fatal(err)
	}
	return e
}

// newTestRequest makes a request as a user agent at host would.
func newTestRequest(e *Endpoint, m Method, uri string) *Request {
	r := NewRequest(m, uri)
	r.Add("From", "<sip:alice@example.com>;tag="+e.NewTag())
	r.Add("To", "<"+uri+">")
	r.Add("Call-ID", e.NewCallID())
	r.Add("CSeq", CSeq{1, m}.String())
	if m == INVITE {
		r.Add("Contact", "<sip:alice@192.0.2.1>")
	}
	return r
}

// inDialog makes a further request of the call that resp answered.
func inDialog(invite *Request, resp *Response, m Method, seq uint32) *Request {
	r := NewRequest(m, invite.RequestURI)
	r.Add("From", invite.Value("From"))
	r.Add("To", resp.Value("To"))
	r.Add("Call-ID", invite.CallID())
	r.Add("CSeq", CSeq{seq, m}.String())
	return r
}

// answering is a handler that accepts calls and answers everything else with 200.
func answering(tx *ServerTransaction, req *Request) {
	switch req.Method {
	case ACK:
	case INVITE:
		tx.Respond(NewResponse(req, 180, ""))
		ok := NewResponse(req, 200, "")
		ok.Add("Contact", "<sip:bob@192.0.2.2>")
		tx.Respond(ok)
	default:
		tx.Respond(NewResponse(req, 200, ""))
	}
}

func TestCall(t *testing.T) {
	for _, inline := range []bool{true, false} {
		t.Run(fmt.Sprintf("inline %v", inline), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, memnet.Config{})
				var mu sync.Mutex
				var heard []string
				uas := b.endpoint("192.0.2.2:5060", Config{Inline: inline, Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
					mu.Lock()
					heard = append(heard, string(req.Method))
					mu.Unlock()
					answering(tx, req)
				})})
				defer uas.Close()
				uac := b.endpoint("192.0.2.1:5060", Config{})
				defer uac.Close()

				invite := newTestRequest(uac, INVITE, "sip:bob@192.0.2.2")
				events := make(chan ClientEvent, 10)
				if _, err := uac.Start(invite, SendOptions{}, func(ev ClientEvent) { events <- ev }); err != nil {
					t.Fatal(err)
				}
				if ev := <-events; ev.Response == nil || ev.Response.StatusCode != 180 || ev.Done {
					t.Fatalf("got %+v, want 180", ev)
				}
				ev := <-events
				if ev.Response == nil || ev.Response.StatusCode != 200 || ev.Done {
					t.Fatalf("got %+v, want 200", ev)
				}
				if to, _ := ev.Response.To(); to.Tag() == "" {
					t.Error("200 without a To tag")
				}
				if _, err := uac.Start(inDialog(invite, ev.Response, ACK, 1), SendOptions{}, nil); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				resp, err := uac.Do(context.Background(), inDialog(invite, ev.Response, BYE, 2), SendOptions{})
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("BYE: %v, %v", resp, err)
				}
				start := time.Now()
				if ev := <-events; !ev.Done || ev.Response != nil || ev.Err != nil {
					t.Errorf("got %+v, want Done", ev)
				}
				if d := time.Since(start); d != 32*time.Second {
					t.Errorf("Done after %v, want 64*T1", d)
				}
				if got := fmt.Sprint(heard); got != "[INVITE ACK BYE]" {
					t.Errorf("handler heard %v", got)
				}
				time.Sleep(40 * time.Second)
				for _, e := range []*Endpoint{uas, uac} {
					if s := e.Stats(); s.ServerTransactions != 0 || s.ClientTransactions != 0 || s.Stray != 0 || s.Leaked != 0 {
						t.Errorf("left: %+v", s)
					}
				}
			})
		})
	}
}
