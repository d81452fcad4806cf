package call

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// newAgent makes an agent at 10.0.0.host:5060 of a network.
func newAgent(t *testing.T, n *memnet.Network, host byte, cfg Config) *Agent {
	t.Helper()
	cfg.Address = addr(host, 0).Addr()
	if cfg.Ports == ([2]uint16{}) {
		cfg.Ports = [2]uint16{4000, 4099}
	}
	cfg.ListenPacket = func(a netip.AddrPort) (net.PacketConn, error) { return n.ListenPacket(a) }
	a, err := NewAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := n.ListenPacket(addr(host, 5060))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.UserAgent().Endpoint().ServePacketConn(conn, sip.ListenConfig{}); err != nil {
		t.Fatal(err)
	}
	return a
}

// talk answers a call, says something, and keeps what it hears.
type talk struct {
	say  []int16
	mu   sync.Mutex
	got  capture
	ends []error
}

func (p *talk) onCall(c *Call) {
	c.Ring()
	time.Sleep(time.Second)
	if err := c.Answer(context.Background()); err != nil {
		return
	}
	c.Media().AddSink(&p.got)
	c.Play(c.Context(), Samples(p.say))
	<-c.Context().Done()
	p.mu.Lock()
	p.ends = append(p.ends, context.Cause(c.Context()))
	p.mu.Unlock()
}

// A call from A to B through C, A-law on one side and mu-law on the other.
func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
		callee := &talk{say: speech.Callee()}
		b := newAgent(t, n, 3, Config{Codecs: []Codec{PCMU}, OnCall: callee.onCall})
		defer b.Close()
		var as *Agent
		var result error
		var wg sync.WaitGroup
		wg.Add(1)
		as = newAgent(t, n, 2, Config{OnCall: func(c *Call) {
			defer wg.Done()
			result = as.Connect(t.Context(), c, "sip:bob@10.0.0.3", ConnectOptions{DialOptions: DialOptions{From: c.Request().Value("From")}})
		}})
		defer as.Close()
		a := newAgent(t, n, 1, Config{Codecs: []Codec{PCMA}, SIP: sip.UserAgentConfig{Address: "<sip:alice@example.org>"}})
		defer a.Close()

		var codes []int
		c, err := a.Dial(t.Context(), "sip:bob@10.0.0.2", DialOptions{OnProgress: func(_ *Call, r *sip.Response) { codes = append(codes, r.StatusCode) }})
		if err != nil {
			t.Fatal(err)
		}
		if len(codes) != 1 || codes[0] != 180 {
			t.Errorf("provisional responses %v", codes)
		}
		heard := &capture{}
		c.Media().AddSink(heard)
		if err := c.Play(t.Context(), Samples(speech.Caller())); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if c.Codec().Name != "PCMA" {
			t.Errorf("codec %s", c.Codec().Name)
		}
		if err := c.HangUp(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		synctest.Wait()
		if result != nil {
			t.Errorf("Connect: %v", result)
		}
		if len(callee.ends) != 1 || !errors.Is(callee.ends[0], sip.ErrPeerHungUp) {
			t.Errorf("callee's end: %v", callee.ends)
		}
		if m := sound.Find(heard.samples(), speech.Callee(), 16000); m.SNR < 30 {
			t.Errorf("caller hears %+v", m)
		}
		if m := sound.Find(callee.got.samples(), speech.Caller(), 16000); m.SNR < 30 {
			t.Errorf("callee hears %+v", m)
		}
		for name, x := range map[string]*Agent{"A": a, "AS": as, "B": b} {
			if x.Calls() != 0 || x.Wheel().Stats().Media != 0 || x.UserAgent().Dialogs() != 0 {
				t.Errorf("%s: %d calls, %d media, %d dialogs left", name, x.Calls(), x.Wheel().Stats().Media, x.UserAgent().Dialogs())
			}
		}
	})
}

// How calls fail, and what the caller is told.
func TestConnectFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		answers := func(c *Call) { c.Answer(context.Background()); <-c.Context().Done() }
		busy := newAgent(t, n, 3, Config{OnCall: func(c *Call) { c.Refuse(486, "") }})
		defer busy.Close()
		other := PCMA
		other.Name, other.PayloadType = "iLBC", 97
		deaf := newAgent(t, n, 4, Config{Codecs: []Codec{other}, OnCall: answers})
		defer deaf.Close()
		lazy := newAgent(t, n, 5, Config{OnCall: func(c *Call) {}})
		defer lazy.Close()
		rings := newAgent(t, n, 6, Config{OnCall: func(c *Call) { c.Ring(); <-c.Context().Done() }})
		defer rings.Close()
		var as *Agent
		as = newAgent(t, n, 2, Config{OnCall: func(c *Call) {
			u, _ := c.Request().URI()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			as.Connect(ctx, c, "sip:x@10.0.0."+u.User, ConnectOptions{})
		}})
		defer as.Close()
		a := newAgent(t, n, 1, Config{})
		defer a.Close()
		for _, tc := range []struct {
			to   string
			want int
		}{{"3", 486}, {"4", 488}, {"5", 480}, {"6", 480}, {"77", 408}} {
			_, err := a.Dial(t.Context(), "sip:"+tc.to+"@10.0.0.2", DialOptions{})
			if got := sip.StatusCode(err); got != tc.want {
				t.Errorf("to %s: %v, want %d", tc.to, err, tc.want)
			}
		}
		// The caller gives up while it rings: so does everybody.
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := a.Dial(ctx, "sip:6@10.0.0.2", DialOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		time.Sleep(time.Second)
		for _, x := range []*Agent{a, as, busy, deaf, lazy, rings} {
			if x.Calls() != 0 || x.Wheel().Stats().Media != 0 {
				t.Errorf("%v: %d calls, %d media left", x.cfg.Address, x.Calls(), x.Wheel().Stats().Media)
			}
		}
	})
}

// pair is a call between two agents.
type pair struct {
	a, b     *Agent
	from, to *Call
	heardA   *capture
	heardB   *capture
}

func newPair(t *testing.T) *pair {
	n := memnet.New(memnet.Config{})
	p := &pair{heardA: &capture{}, heardB: &capture{}}
	got := make(chan *Call, 1)
	p.b = newAgent(t, n, 2, Config{OnCall: func(c *Call) { c.Answer(context.Background()); got <- c; <-c.Context().Done() }})
	p.a = newAgent(t, n, 1, Config{})
	var err error
	if p.from, err = p.a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{}); err != nil {
		t.Fatal(err)
	}
	p.to = <-got
	p.from.Media().SetSource(Tone(8000, 440, 8000))
	p.to.Media().SetSource(Tone(8000, 1000, 8000))
	p.from.Media().AddSink(p.heardA)
	p.to.Media().AddSink(p.heardB)
	return p
}

func (p *pair) close() {
	p.a.Close()
	p.b.Close()
}

// levels are what both sides hear over the next second.
func (p *pair) levels() (a, b float64) {
	time.Sleep(time.Second)
	tail := func(c *capture) float64 {
		all := c.samples()
		return sound.RMS(all[len(all)-4000:])
	}
	return tail(p.heardA), tail(p.heardB)
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.close()
		if a, b := p.levels(); a < 5000 || b < 5000 {
			t.Errorf("levels %g, %g", a, b)
		}
		if err := p.from.Hold(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, b := p.levels(); a != 0 || b < 5000 {
			t.Errorf("on hold: levels %g, %g", a, b)
		}
		if err := p.to.Hold(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, b := p.levels(); a != 0 || b != 0 {
			t.Errorf("both on hold: levels %g, %g", a, b)
		}
		if err := p.from.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.to.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, b := p.levels(); a < 5000 || b < 5000 {
			t.Errorf("resumed: levels %g, %g", a, b)
		}
	})
}

func TestDTMF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.close()
		keys := make(chan byte, 10)
		p.to.OnDTMF(func(k byte) { keys <- k })
		for _, k := range "19*A" {
			if err := p.from.SendDTMF(byte(k)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
			if got := <-keys; got != byte(k) {
				t.Errorf("key %c came as %c", k, got)
			}
		}
		if err := p.from.SendDTMF('x'); err == nil {
			t.Error("there is no key x")
		}
	})
}

// Offers that come late, and bodies that are none.
func TestOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		got := make(chan *Call, 1)
		b := newAgent(t, n, 2, Config{OnCall: func(c *Call) {
			if c.Answer(context.Background()) == nil {
				got <- c
				<-c.Context().Done()
			}
		}})
		defer b.Close()
		ua, err := sip.NewUserAgent(sip.UserAgentConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer ua.Close()
		conn, err := n.ListenPacket(addr(1, 5060))
		if err != nil {
			t.Fatal(err)
		}
		ua.Endpoint().ServePacketConn(conn, sip.ListenConfig{})

		// An INVITE without an offer: it is in the 200, and the answer in the ACK.
		const answer = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
		d, resp, err := ua.Invite(t.Context(), "sip:b@10.0.0.2", sip.InviteOptions{RequestOptions: sip.RequestOptions{
			Answer: func(*sip.Response) ([]byte, string) { return []byte(answer), "application/sdp" },
		}})
		if err != nil {
			t.Fatal(err)
		}
		offer, err := sdp.Parse(resp.Body)
		if err != nil || len(offer.Media) != 1 || len(offer.Media[0].Codecs()) != 4 {
			t.Errorf("offered: %v, %s", err, resp.Body)
		}
		c := <-got
		if c.Codec().Name != "PCMU" {
			t.Errorf("codec %q after the ACK", c.Codec().Name)
		}
		// A re-INVITE without an offer, and an UPDATE without one.
		if resp, err = d.Invite(t.Context(), sip.RequestOptions{Answer: func(*sip.Response) ([]byte, string) { return []byte(answer), "application/sdp" }}); err != nil || len(resp.Body) == 0 {
			t.Errorf("re-INVITE without an offer: %v", err)
		}
		if _, err := d.Do(t.Context(), sip.UPDATE, sip.RequestOptions{}); err != nil {
			t.Errorf("UPDATE without an offer: %v", err)
		}
		if _, err := d.Do(t.Context(), sip.OPTIONS, sip.RequestOptions{}); err != nil {
			t.Errorf("OPTIONS: %v", err)
		}
		// A re-INVITE that takes the last codec away is refused, and the call goes on.
		_, err = d.Invite(t.Context(), sip.RequestOptions{Body: []byte("v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n")})
		if sip.StatusCode(err) != 488 {
			t.Errorf("no codec left: %v", err)
		}
		// One that moves the address is followed.
		_, err = d.Invite(t.Context(), sip.RequestOptions{Body: []byte("v=0\r\no=- 1 3 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4444 RTP/AVP 8 0\r\n")})
		if err != nil || c.Codec().Name != "PCMA" || c.Media().Stats().Remote != addr(9, 4444) {
			t.Errorf("moved: %v, %s to %v", err, c.Codec().Name, c.Media().Stats().Remote)
		}
		d.Bye(t.Context(), sip.RequestOptions{})
		for _, bad := range []struct {
			body string
			want int
		}{{"nonsense", 400}, {"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 99\r\n", 488}} {
			_, _, err := ua.Invite(t.Context(), "sip:b@10.0.0.2", sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte(bad.body)}})
			if sip.StatusCode(err) != bad.want {
				t.Errorf("%q: %v, want %d", bad.body, err, bad.want)
			}
		}
		synctest.Wait()
		if b.Calls() != 0 || b.Wheel().Stats().Media != 0 {
			t.Errorf("%d calls, %d media left", b.Calls(), b.Wheel().Stats().Media)
		}
	})
}

// Early media: an announcement before the call is refused.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		b := newAgent(t, n, 3, Config{Codecs: []Codec{PCMU}, OnCall: func(c *Call) {
			if err := c.Progress(); err != nil {
				t.Error(err)
			}
			c.Play(c.Context(), Samples(speech.Callee()))
			c.Refuse(404, "")
		}})
		defer b.Close()
		var as *Agent
		as = newAgent(t, n, 2, Config{OnCall: func(c *Call) { as.Connect(t.Context(), c, "sip:x@10.0.0.3", ConnectOptions{}) }})
		defer as.Close()
		a := newAgent(t, n, 1, Config{})
		defer a.Close()
		heard := &capture{}
		_, err := a.Dial(t.Context(), "sip:x@10.0.0.2", DialOptions{OnProgress: func(c *Call, r *sip.Response) {
			if m := c.Media(); m != nil {
				m.AddSink(heard)
			}
		}})
		if sip.StatusCode(err) != 404 {
			t.Error(err)
		}
		if m := sound.Find(heard.samples(), speech.Callee(), 8000); m.SNR < 30 {
			t.Errorf("early media: %+v", m)
		}
		synctest.Wait()
		if a.Calls()+as.Calls()+b.Calls() != 0 {
			t.Errorf("%d, %d, %d calls left", a.Calls(), as.Calls(), b.Calls())
		}
	})
}

// When the ports are used up, calls are refused; when one ends, there is room again.
func TestPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		b := newAgent(t, n, 2, Config{Ports: [2]uint16{5001, 5005}, OnCall: func(c *Call) { c.Answer(context.Background()); <-c.Context().Done() }})
		defer b.Close()
		a := newAgent(t, n, 1, Config{})
		defer a.Close()
		var calls []*Call
		for i := range 3 {
			c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
			if i < 2 {
				if err != nil {
					t.Fatal(err)
				}
				if p := c.Media().Stats().Remote.Port(); p != 5002 && p != 5004 {
					t.Errorf("port %d", p)
				}
				calls = append(calls, c)
			} else if sip.StatusCode(err) != 500 {
				t.Errorf("the third call: %v", err)
			}
		}
		calls[0].HangUp(t.Context())
		synctest.Wait()
		if _, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{}); err != nil {
			t.Errorf("after one has ended: %v", err)
		}
		b.HangUp(t.Context())
		synctest.Wait()
		if a.Calls() != 0 || b.Calls() != 0 {
			t.Errorf("%d and %d calls left", a.Calls(), b.Calls())
		}
		if _, err := NewAgent(Config{Ports: [2]uint16{10, 9}}); err == nil {
			t.Error("ports from 10 to 9")
		}
	})
}
