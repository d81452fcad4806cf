package sip

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

var rel100 = []string{"100rel"}

// Offer in the INVITE, answer in a reliable 183, a second offer in PRACK, an UPDATE while it rings, and
// a 2xx without a description: as with preconditions. Over a network that loses a fifth.
func TestReliableProvisional(t *testing.T) {
	var repeated uint64
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			loss := min(0.2, float64(seed)) // none the first time
			n := memnet.New(memnet.Config{Latency: 20 * time.Millisecond, Loss: loss, Seed: seed})
			var updates, pracks atomic.Int32
			bob := newUA(t, n, bobAddr, UserAgentConfig{Supported: rel100,
				OnInvite: func(in *Incoming) {
					if err := in.Reply(183, []byte(answer), ""); err != nil {
						t.Error(err)
					}
					if err := in.Reply(180, nil, ""); err != nil { // reliable only where it is asked for
						t.Error(err)
					}
					req, err := in.PRACK(t.Context())
					if err != nil || req.Method != PRACK || string(req.Body) != offer {
						t.Errorf("PRACK: %v %v", req, err)
					}
					for updates.Load() == 0 {
						time.Sleep(10 * time.Millisecond)
					}
					if err := in.Reply(200, nil, ""); err != nil {
						t.Error(err)
					}
				},
				OnRequest: func(in *Incoming) {
					switch in.Request.Method {
					case PRACK:
						pracks.Add(1)
					case UPDATE:
						updates.Add(1)
					}
					in.Reply(200, []byte(answer), "")
				},
			})
			alice := newUA(t, n, aliceAddr, UserAgentConfig{Supported: rel100})
			updated := make(chan error, 1)
			d, resp, err := alice.Invite(t.Context(), bobURI, InviteOptions{
				RequestOptions: RequestOptions{Body: []byte(offer)},
				PRACK: func(d *Dialog, resp *Response) RequestOptions {
					if string(resp.Body) != answer {
						t.Errorf("%s", resp)
					}
					return RequestOptions{Body: []byte(offer)}
				},
				OnPRACK: func(d *Dialog, resp *Response, err error) {
					if err != nil || string(resp.Body) != answer {
						t.Errorf("answer in the 2xx of PRACK: %v %v", resp, err)
					}
					_, err = d.Do(t.Context(), UPDATE, RequestOptions{Body: []byte(offer)})
					updated <- err
				},
			})
			if err != nil || len(resp.Body) != 0 {
				t.Fatalf("%v %v", resp, err)
			}
			if err := <-updated; err != nil {
				t.Error(err)
			}
			if pracks.Load() != 1 || updates.Load() != 1 {
				t.Errorf("%d PRACKs and %d UPDATEs were handled", pracks.Load(), updates.Load())
			}
			again := bob.Stats().ProvisionalsAgain
			if repeated += again; loss == 0 && again != 0 {
				t.Errorf("%d provisional responses were repeated", again)
			}
			if err := d.Bye(t.Context(), RequestOptions{}); err != nil {
				t.Error(err)
			}
			quiet(t, alice, bob)
		})
	}
	if repeated == 0 {
		t.Error("nothing was repeated in spite of losses")
	}
}

// No offer in the INVITE: it comes in the reliable 183, the answer in PRACK, and a 2xx that was sent
// too early waits for that.
func TestReliableOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 20 * time.Millisecond})
		bob := newUA(t, n, bobAddr, UserAgentConfig{Supported: rel100, OnInvite: func(in *Incoming) {
			in.Reply(183, []byte(offer), "")
			if err := in.Reply(200, nil, ""); err != nil {
				t.Error(err)
			}
			if err := in.Reply(200, nil, ""); !errors.Is(err, ErrEnded) {
				t.Errorf("a second final response: %v", err)
			}
			if req, err := in.PRACK(t.Context()); err != nil || string(req.Body) != answer {
				t.Errorf("%v %v", req, err)
			}
			if ack, err := in.ACK(t.Context()); err != nil || len(ack.Body) != 0 {
				t.Errorf("%v %v", ack, err)
			}
		}})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Supported: rel100})
		answers := 0
		start := time.Now()
		d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{
			Answer: func(*Response) ([]byte, string) { answers++; return []byte(answer), "" },
		}})
		if err != nil || answers != 1 {
			t.Fatalf("%v, %d answers", err, answers)
		}
		if took := time.Since(start).Truncate(time.Millisecond); took != 80*time.Millisecond {
			t.Errorf("the 2xx did not wait for PRACK: %v", took)
		}
		d.Bye(t.Context(), RequestOptions{})
		quiet(t, alice, bob)
	})
}

// What goes over the wire, with a peer that is in no hurry: one response at a time, repeated after T1
// doubling, RSeq rising by one, PRACK that names no response refused.
func TestReliableOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		bob := newUA(t, n, bobAddr, UserAgentConfig{Supported: rel100, OnInvite: func(in *Incoming) {
			in.Reply(180, nil, "")
			in.Reply(183, []byte(answer), "")
			in.Reply(200, nil, "")
		}})
		p := newScriptPeer(t, n, aliceAddr, bobAddr)
		inv := p.invite("wire")
		inv.Set("Require", "100rel")
		start := time.Now()
		p.send(inv)
		resp := p.response(180)
		first, err := resp.RSeq()
		if err != nil || !resp.HasToken("Require", "100rel") || first >= 1<<31 {
			t.Fatalf("%s", resp)
		}
		var at []time.Duration
		for range 3 {
			r := p.read().(*Response)
			if again, _ := r.RSeq(); r.StatusCode != 180 || again != first {
				t.Errorf("%s", r)
			}
			at = append(at, time.Since(start))
		}
		if at[0] != 500*time.Millisecond || at[1] != 1500*time.Millisecond || at[2] != 3500*time.Millisecond {
			t.Errorf("repeated after %v", at)
		}
		prack := func(seq, cseq uint32, branch string, invite uint32) {
			r := within(inv, resp, PRACK, branch, cseq)
			r.Add("RAck", RAck{seq, CSeq{invite, INVITE}}.String())
			p.send(r)
		}
		prack(first+1, 11, "p1", 10)
		p.response(481)
		prack(first, 12, "p2", 9)
		p.response(481)
		bad := within(inv, resp, PRACK, "p3", 13)
		p.send(bad)
		p.response(400)
		prack(first, 14, "p4", 10)
		p.response(183)
		prack(first, 15, "p5", 10) // again, as another request
		p.response(481)
		prack(first+1, 16, "p6", 10)
		final := p.response(200)
		if c, _ := final.CSeq(); c.Method == PRACK {
			final = p.response(200)
		}
		if c, _ := final.CSeq(); c.Method != INVITE || final.Has("RSeq") || final.HasToken("Require", "100rel") {
			t.Errorf("%s", final)
		}
		p.send(within(inv, final, ACK, "p7", 10))
		p.send(within(inv, final, BYE, "p8", 17))
		p.response(200)
		quiet(t, bob)
	})
}

// Nobody acknowledges: the INVITE gets 504 after 64*T1.
func TestReliableUnacknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		ended := make(chan error, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{Supported: rel100, OnInvite: func(in *Incoming) {
			in.Reply(183, []byte(answer), "")
			in.Reply(200, nil, "")
			_, err := in.PRACK(context.Background())
			ended <- err
		}})
		p := newScriptPeer(t, n, aliceAddr, bobAddr)
		inv := p.invite("silent")
		inv.Set("Supported", "100rel")
		start := time.Now()
		p.send(inv)
		resp := p.response(504)
		if took := time.Since(start); took != 32*time.Second {
			t.Errorf("after %v", took)
		}
		ack := NewACK(inv, resp)
		p.send(ack)
		if err := <-ended; !errors.Is(err, ErrNoPRACK) {
			t.Error(err)
		}
		if n := bob.Stats().NoPRACK; n != 1 {
			t.Errorf("%d counted", n)
		}
		quiet(t, bob)
	})
}

// A caller that cancels while a 2xx waits for PRACK, one that does not know of 100rel, and an agent
// that does not.
func TestReliableRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		bob := newUA(t, n, bobAddr, UserAgentConfig{Supported: rel100, OnInvite: func(in *Incoming) {
			resp := in.NewResponse(183, "")
			resp.Add("Require", "100rel")
			resp.Add("Content-Type", "application/sdp")
			resp.Body = []byte(answer)
			in.Respond(resp)
			in.Reply(200, []byte(answer), "")
		}})
		p := newScriptPeer(t, n, aliceAddr, bobAddr)
		inv := p.invite("cancelled")
		inv.Set("Supported", "100rel")
		p.send(inv)
		p.response(183)
		cancel := NewCANCEL(inv)
		p.send(cancel)
		p.send(NewACK(inv, p.response(487)))

		inv = p.invite("old") // plain, at once
		p.send(inv)
		if resp := p.response(183); resp.Has("RSeq") || resp.Has("Require") {
			t.Errorf("%s", resp)
		}
		final := p.response(200)
		p.send(within(inv, final, ACK, "o1", 10))
		p.send(within(inv, final, BYE, "o2", 11))
		p.response(200)

		carol := newUA(t, n, carolAddr, UserAgentConfig{OnInvite: func(in *Incoming) { t.Error("handled") }})
		p.to = carolAddr
		inv = p.invite("required")
		inv.Set("Require", "100rel")
		p.send(inv)
		resp := p.response(420)
		if resp.Value("Unsupported") != "100rel" {
			t.Errorf("%s", resp)
		}
		p.send(NewACK(inv, resp))
		quiet(t, bob, carol)
	})
}

// A callee that sends reliable responses out of order, twice, and of two branches.
func TestReliableCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		p := newScriptPeer(t, n, bobAddr, aliceAddr)
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Supported: rel100})
		var seen []string
		done := make(chan error, 1)
		go func() {
			d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{
				RequestOptions: RequestOptions{Body: []byte(offer)},
				OnProvisional: func(d *Dialog, resp *Response) {
					seen = append(seen, d.State().RemoteTag+" "+resp.Value("RSeq"))
				},
			})
			if err == nil {
				err = d.Bye(t.Context(), RequestOptions{})
			}
			done <- err
		}()
		inv := p.request(INVITE)
		if !inv.HasToken("Supported", "100rel") || !inv.Allows(PRACK) {
			t.Errorf("%s", inv)
		}
		ring := func(tag, rseq string) {
			resp := NewResponse(inv, 180, "")
			resp.SetToTag(tag)
			resp.Set("Contact", "<sip:"+tag+"@192.0.2.2>")
			resp.Add("Require", "100rel")
			resp.Add("RSeq", rseq)
			p.send(resp)
		}
		acked := func(tag, rack string) {
			req := p.request(PRACK)
			to, _ := req.To()
			if req.RequestURI != "sip:"+tag+"@192.0.2.2" || to.Tag() != tag || req.Value("RAck") != rack {
				t.Errorf("PRACK for %s %s:\n%s", tag, rack, req)
			}
			p.send(NewResponse(req, 200, ""))
		}
		cseq := " " + inv.Value("CSeq")
		ring("one", "9")
		acked("one", "9"+cseq)
		ring("one", "9")
		ring("one", "11")
		ring("two", "100")
		acked("two", "100"+cseq)
		ring("one", "10")
		acked("one", "10"+cseq)
		p.respond(inv, 200, "one", answer)
		p.request(ACK)
		p.send(NewResponse(p.request(BYE), 200, ""))
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := strings.Join(seen, ", "); got != "one 9, two 100, one 10" {
			t.Error(got)
		}
		quiet(t, alice)
	})
}

// A re-INVITE has reliable provisional responses as well.
func TestReliableReinvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		acked := make(chan *Request, 1)
		bob := newUA(t, n, bobAddr, UserAgentConfig{Supported: rel100,
			OnInvite: func(in *Incoming) { in.Reply(200, []byte(answer), "") },
			OnRequest: func(in *Incoming) {
				in.Reply(183, []byte(offer), "")
				req, err := in.PRACK(t.Context())
				if err != nil {
					t.Error(err)
				}
				acked <- req
				in.Reply(200, nil, "")
			}})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Supported: rel100})
		d, _, err := alice.Invite(t.Context(), bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Invite(t.Context(), RequestOptions{Answer: func(*Response) ([]byte, string) { return []byte(answer), "" }}); err != nil {
			t.Error(err)
		}
		if req := <-acked; req == nil || string(req.Body) != answer {
			t.Errorf("%v", req)
		}
		d.Bye(t.Context(), RequestOptions{})
		quiet(t, alice, bob)
	})
}
