package sip

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// An agent that is a proxy too serves one call twice: it forwards the INVITE the first time that it comes, and
// answers it when it comes back; what follows in the dialog goes the same way.
func TestUserAgentAsProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		ended := make(chan struct{})
		ua := newUA(t, n, proxyAddr, UserAgentConfig{
			OnInvite: func(in *Incoming) {
				in.Reply(200, []byte(answer), "")
				<-in.Dialog.Context().Done()
				close(ended)
			},
			Proxy: ProxyConfig{OnRequest: func(f *Forwarding) {
				if strings.Contains(f.Original.RequestURI, "serve") && !f.InDialog() {
					f.Transaction().OnRespond(func(resp *Response) { resp.Set("P-Charging-Vector", "icid-value=1") })
					if err := f.Serve(); err != nil {
						t.Error(err)
					}
					if err := f.Forward(); err != ErrDecided {
						t.Errorf("Forward after Serve: %v", err)
					}
					return
				}
				f.RecordRoute("fwd", Params{})
				f.Forward()
			}},
		})
		defer ua.Close()
		if ua.Proxy() == nil {
			t.Fatal("no proxy")
		}
		caller := newScriptPeer(t, n, aliceAddr, proxyAddr)
		core := newScriptPeer(t, n, calleeAddr(0), proxyAddr)
		us := proxyAddr.String()

		inv := caller.invite("one")
		inv.Add("Route", "<sip:"+us+";lr>")
		inv.RequestURI = "sip:x@" + calleeAddr(0).String()
		caller.send(inv)
		got := core.request(INVITE)
		if rr, _ := got.Nth("Record-Route", 0); !strings.Contains(rr, "fwd@") {
			t.Fatalf("Record-Route %q", rr)
		}
		// Back to the same agent, with the same Call-ID, From tag and CSeq: no merged request.
		back := got.Clone()
		back.RequestURI = "sip:serve@" + us
		back.Insert("Via", 0, "SIP/2.0/UDP "+calleeAddr(0).String()+";branch=z9hG4bKback")
		core.send(back)
		ok := core.response(200)
		if v, err := ok.ChargingVector(); err != nil || v.ICID() != "1" {
			t.Errorf("P-Charging-Vector %v, %v", v, err)
		}
		ok.RemoveNth("Via", 0)
		core.send(ok)
		ok = caller.response(200)

		ack := within(inv, ok, ACK, "ack", 10)
		caller.send(ack)
		// The agent's part of the dialog: Route names it with a user part, then nothing.
		bye := within(inv, ok, BYE, "bye", 11)
		caller.send(bye)
		caller.response(200)
		<-ended

		// What is in no dialog and has no Route to us.
		stray := within(inv, ok, INFO, "info", 12)
		stray.Del("Route")
		caller.send(stray)
		caller.response(481)
		// A CANCEL of nothing.
		cancel := NewCANCEL(caller.invite("none"))
		caller.send(cancel)
		caller.response(481)
		time.Sleep(time.Minute)
	})
}

// What cannot be forwarded may still be served: Max-Forwards is for proxies.
func TestUserAgentAsProxyMaxForwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		ua := newUA(t, n, proxyAddr, UserAgentConfig{
			Proxy: ProxyConfig{OnRequest: func(f *Forwarding) {
				if f.Original.Method == OPTIONS {
					f.Serve()
					return
				}
				f.Forward()
			}},
		})
		defer ua.Close()
		p := newScriptPeer(t, n, aliceAddr, proxyAddr)
		for _, tc := range []struct {
			m    Method
			want int
		}{{OPTIONS, 200}, {MESSAGE, 483}} {
			r := p.invite("hops" + string(tc.m))
			r.Method, r.Body = tc.m, nil
			r.Del("Content-Type")
			r.Set("CSeq", "1 "+string(tc.m))
			r.Set("Max-Forwards", "0")
			p.send(r)
			p.response(tc.want)
		}
	})
}

// Calls of two accounts in one realm each have the answers of their own, in the dialog too.
func TestInviteDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		ua := newUA(t, n, aliceAddr, UserAgentConfig{})
		defer ua.Close()
		p := newScriptPeer(t, n, bobAddr, aliceAddr)
		for _, user := range []string{"one", "two"} {
			done := make(chan *Dialog)
			go func() {
				d, _, err := ua.Invite(t.Context(), bobURI, InviteOptions{Digest: NewDigestClient(DigestClientConfig{Answerer: Password("", user, "secret")})})
				if err != nil {
					t.Error(err)
				}
				done <- d
			}()
			credentials := func(m Method) *Request {
				req := p.request(m)
				if !req.Has("Authorization") {
					resp := NewResponse(req, 401, "")
					resp.SetToTag("b")
					resp.Add("WWW-Authenticate", `Digest realm="same", nonce="n", algorithm=MD5`)
					p.send(resp)
					if m == INVITE {
						p.request(ACK)
					}
					req = p.request(m)
				}
				if v := req.Value("Authorization"); !strings.Contains(v, `username="`+user+`"`) {
					t.Errorf("%s has the credentials %s, want those of %s", m, v, user)
				}
				return req
			}
			p.respond(credentials(INVITE), 200, "b", answer)
			d := <-done
			go d.Bye(t.Context(), RequestOptions{})
			p.respond(credentials(BYE), 200, "b", "")
			synctest.Wait()
		}
	})
}
