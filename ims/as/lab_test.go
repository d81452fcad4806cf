package as

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// at is a host of the network in memory.
func at(host byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), port)
}

// The hosts of all tests here.
const (
	hostAS    = 9
	hostCSCF  = 20 // a scripted S-CSCF
	hostTrunk = 30 // carriers: 31, 32, …
	hostPhone = 40
)

type routerFunc func(context.Context, *Request) (Decision, error)

func (f routerFunc) Route(ctx context.Context, r *Request) (Decision, error) { return f(ctx, r) }

// always decides the same about all calls.
func always(d Decision) Router {
	return routerFunc(func(context.Context, *Request) (Decision, error) { return d, nil })
}

// routerOf decides by the Request-URI.
func routerOf(of map[string]Decision) Router {
	return routerFunc(func(_ context.Context, r *Request) (Decision, error) { return of[r.SIP.RequestURI], nil })
}

// house is a server with its neighbours.
type house struct {
	*testing.T
	net *memnet.Network
	s   *Server
	cfg Config

	mu   sync.Mutex
	ends []*CallInfo
	log  strings.Builder
}

func (h *house) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(b)
}

// run runs a test within a bubble. cfg may be incomplete.
func run(t *testing.T, cfg Config, f func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &house{T: t, net: memnet.New(memnet.Config{Latency: time.Millisecond})}
		log := slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelInfo}))
		cfg.Call.Address = at(hostAS, 0).Addr()
		cfg.Call.Ports = [2]uint16{4000, 4999}
		cfg.Call.ListenPacket = func(a netip.AddrPort) (net.PacketConn, error) { return h.net.ListenPacket(a) }
		cfg.Call.Logger = log
		cfg.Control.Heartbeat = -1
		if cfg.IMS.Peers == nil {
			cfg.IMS.Peers = []Source{{Prefix: netip.PrefixFrom(at(hostCSCF, 0).Addr(), 32)}}
		}
		if cfg.IMS.Domain == "" {
			cfg.IMS.Domain = "ims.example.org"
		}
		if cfg.Domain == "" {
			cfg.Domain = "as.example.org"
		}
		cfg.OnEnd = func(i *CallInfo) {
			h.mu.Lock()
			h.ends = append(h.ends, i)
			h.mu.Unlock()
		}
		h.cfg = cfg
		var err error
		if h.s, err = New(cfg); err != nil {
			t.Fatal(err)
		}
		conn, err := h.net.ListenPacket(at(hostAS, 5060))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.s.Endpoint().ServePacketConn(conn, sip.ListenConfig{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(h.log.String())
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := h.s.Close(ctx); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if n := h.s.Stats().Calls; n != 0 {
				t.Errorf("%d calls are left", n)
			}
		})
		f(h)
	})
}

// end returns the n-th call that is over.
func (h *house) end(n int) *CallInfo {
	h.Helper()
	time.Sleep(40 * time.Second) // transactions
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ends) <= n {
		h.Fatalf("%d calls are over, want more than %d\n%s", len(h.ends), n, h.log.String())
	}
	return h.ends[n]
}

// agent makes a user agent of a host.
func (h *house) agent(host byte, cfg call.Config) *call.Agent {
	h.Helper()
	cfg.Address, cfg.Ports = at(host, 0).Addr(), [2]uint16{4000, 5999}
	cfg.ListenPacket = func(a netip.AddrPort) (net.PacketConn, error) { return h.net.ListenPacket(a) }
	a, err := call.NewAgent(cfg)
	if err != nil {
		h.Fatal(err)
	}
	conn, err := h.net.ListenPacket(at(host, 5060))
	if err != nil {
		h.Fatal(err)
	}
	if _, err := a.UserAgent().Endpoint().ServePacketConn(conn, sip.ListenConfig{}); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { a.Close() })
	return a
}

// farEnd answers calls, and keeps the INVITEs.
type farEnd struct {
	*call.Agent
	mu   sync.Mutex
	reqs []*sip.Request
	// on is what it does; nil answers and waits.
	on func(*call.Call)
}

func (h *house) carrier(host byte, on func(*call.Call)) *farEnd {
	c := &farEnd{on: on}
	c.Agent = h.agent(host, call.Config{OnCall: func(in *call.Call) {
		c.mu.Lock()
		c.reqs = append(c.reqs, in.Request().Clone())
		c.mu.Unlock()
		if c.on != nil {
			c.on(in)
			return
		}
		in.Answer(context.Background())
		<-in.Context().Done()
	}})
	return c
}

func (c *farEnd) calls() []*sip.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reqs
}

// cscf is an S-CSCF that does what the test says, on the wire.
type cscf struct {
	h    *house
	conn *memnet.PacketConn
	n    int
}

func (h *house) cscf() *cscf { return h.script(hostCSCF) }

func (h *house) script(host byte) *cscf {
	h.Helper()
	c, err := h.net.ListenPacket(at(host, 5060))
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { c.Close() })
	return &cscf{h: h, conn: c}
}

const sdpOffer = "v=0\r\no=- 1 1 IN IP4 10.0.0.20\r\ns=-\r\nc=IN IP4 10.0.0.20\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"

// odi is the Route by which the S-CSCF knows a call again.
const odi = "<sip:odi-4711@10.0.0.20;lr;s=2;h=0>"

// invite is an initial INVITE as an S-CSCF sends it by initial filter criteria.
func (p *cscf) invite(uri string, fields ...string) *sip.Request {
	p.n++
	id := string(rune('a' + p.n))
	r := sip.NewRequest(sip.INVITE, uri)
	host := p.conn.LocalAddr().String()
	r.Add("Via", "SIP/2.0/UDP "+host+";branch=z9hG4bK-"+id)
	r.Add("Route", "<sip:10.0.0.9:5060;lr>, "+odi)
	r.Add("Max-Forwards", "67")
	r.Add("Record-Route", "<sip:mo@10.0.0.20;lr>")
	r.Add("From", `"Alice" <sip:alice@ims.example.org>;tag=ue-`+id)
	r.Add("To", "<"+uri+">")
	r.Add("Call-ID", "call-"+id)
	r.Add("CSeq", "1 INVITE")
	r.Add("Contact", "<sip:alice@10.0.0.21:5070>")
	r.Add("P-Asserted-Identity", `"Alice" <sip:alice@ims.example.org>, <tel:+493011111>`)
	r.Add("P-Served-User", "<sip:alice@ims.example.org>;sescase=orig;regstate=reg")
	r.Add("P-Charging-Vector", `icid-value="icid-1";icid-generated-at=10.0.0.20;orig-ioi=home1`)
	r.Add("P-Charging-Function-Addresses", "ccf=10.0.0.99")
	r.Add("P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=262011234")
	r.Add("P-Asserted-Service", "urn:urn-7:3gpp-service.ims.icsi.mmtel")
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] == "" {
			r.Del(fields[i])
		} else {
			r.Set(fields[i], fields[i+1])
		}
	}
	r.Add("Content-Type", "application/sdp")
	r.Body = []byte(sdpOffer)
	return r
}

func (p *cscf) send(m sip.Message) {
	p.h.Helper()
	b, err := m.AppendText(nil)
	if err != nil {
		p.h.Fatal(err)
	}
	p.conn.WriteToUDPAddrPort(b, at(hostAS, 5060))
}

// read returns the next message, within a minute.
func (p *cscf) read() sip.Message {
	p.h.Helper()
	b := make([]byte, 65536)
	p.conn.SetReadDeadline(time.Now().Add(time.Minute))
	n, _, err := p.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		p.h.Fatalf("nothing came: %v\n%s", err, p.h.log.String())
	}
	m, err := sip.Parse(b[:n])
	if err != nil {
		p.h.Fatal(err)
	}
	return m
}

func (p *cscf) request(m sip.Method) *sip.Request {
	p.h.Helper()
	for {
		if r, ok := p.read().(*sip.Request); ok && r.Method == m {
			return r
		}
	}
}

// response reads until a response to a method with that status code comes; another final one is a failure.
func (p *cscf) response(status int, to *sip.Request) *sip.Response {
	p.h.Helper()
	for {
		r, ok := p.read().(*sip.Response)
		if !ok {
			continue
		}
		c, _ := r.CSeq()
		if to != nil && (c.Method != to.Method || r.CallID() != to.CallID()) {
			continue
		}
		if r.StatusCode == status {
			if status >= 300 && to != nil && to.Method == sip.INVITE {
				p.send(sip.NewACK(to, r))
			}
			return r
		}
		if r.StatusCode >= 200 {
			p.h.Fatalf("got %s, want %d\n%s", r, status, p.h.log.String())
		}
	}
}

// respond answers with a To tag and a Contact.
func (p *cscf) respond(req *sip.Request, status int, body string, fields ...string) {
	p.h.Helper()
	resp := sip.NewResponse(req, status, "")
	if to, _ := req.To(); to.Tag() == "" && status > 100 {
		resp.SetToTag("callee")
	}
	if status > 100 && status < 300 {
		resp.Set("Contact", "<sip:bob@"+p.conn.LocalAddr().String()+">")
		for v := range req.Values("Record-Route") {
			if !resp.Has("Record-Route") {
				resp.Add("Record-Route", v)
			}
		}
	}
	for i := 0; i+1 < len(fields); i += 2 {
		resp.Set(fields[i], fields[i+1])
	}
	if body != "" {
		resp.Set("Content-Type", "application/sdp")
		resp.Body = []byte(body)
	}
	p.send(resp)
}

// within makes a request within the dialog that a response to an INVITE made.
func (p *cscf) within(inv *sip.Request, resp *sip.Response, m sip.Method, seq string) *sip.Request {
	p.h.Helper()
	d, err := sip.NewClientDialog(inv, resp)
	if err != nil {
		p.h.Fatal(err)
	}
	r := sip.NewRequest(m, d.Target)
	r.Add("Via", "SIP/2.0/UDP "+p.conn.LocalAddr().String()+";branch=z9hG4bK-"+seq+string(m)+inv.CallID())
	for _, v := range d.Routes {
		if !strings.Contains(v, "mo@10.0.0.20") { // that is us
			r.Add("Route", v)
		}
	}
	r.Add("Max-Forwards", "70")
	r.Add("From", inv.Value("From"))
	r.Add("To", resp.Value("To"))
	r.Add("Call-ID", inv.CallID())
	r.Add("CSeq", seq+" "+string(m))
	return r
}

// answered acknowledges a 2xx.
func (p *cscf) answered(inv *sip.Request) *sip.Response {
	p.h.Helper()
	ok := p.response(200, inv)
	p.send(p.within(inv, ok, sip.ACK, "1"))
	return ok
}
