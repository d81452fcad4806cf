package call

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
)

// A call over IPv6 sockets of the system, its media marked, in a range of ports.
func TestIPv6(t *testing.T) {
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skip("needs IPv6 on the loopback")
	} else {
		c.Close()
	}
	var mu sync.Mutex
	var bodies bytes.Buffer
	watch := func(e trace.Event) {
		mu.Lock()
		bodies.Write(e.Data)
		mu.Unlock()
	}
	first := uint16(42000)
	agent := func(cfg Config) (*Agent, string) {
		cfg.SIP.Endpoint.Trace = watch
		cfg.Ports = [2]uint16{first, first + 199}
		cfg.DSCP = rtp.ExpeditedForwarding
		a, err := NewAgent(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		f, err := a.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "[::1]:0"})
		if err != nil {
			t.Fatal(err)
		}
		return a, "sip:x@" + f.Local.String()
	}
	heard := &capture{}
	_, uri := agent(Config{OnCall: func(c *Call) {
		c.Answer(t.Context())
		c.Media().AddSink(heard)
		<-c.Context().Done()
	}})
	a, _ := agent(Config{})
	c, err := a.Dial(t.Context(), uri, DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.Media().SetSource(Tone(8000, 440, 8000))
	for i := 0; part(heard, 8000, 440) < 6000; i++ {
		if i == 200 {
			t.Fatalf("heard with %.0f", part(heard, 8000, 440))
		}
		time.Sleep(50 * time.Millisecond)
	}
	local := c.Media().LocalAddr()
	if !local.Addr().Is6() || local.Port() < first || local.Port() > first+199 || local.Port()%2 != 0 {
		t.Errorf("media at %v", local)
	}
	c.HangUp(t.Context())
	mu.Lock()
	defer mu.Unlock()
	if s := bodies.String(); !strings.Contains(s, "c=IN IP6 ::1\r\n") || strings.Contains(s, "IN IP4") {
		t.Errorf("%s", s)
	}
}

// A peer is told another address than the one that media is received at: what comes there by way of a translator is heard.
func TestAdvertise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		var offer string
		outside := addr(200, 0).Addr()
		b := newAgent(t, n, 2, Config{OnCall: func(c *Call) {
			offer = string(c.Request().Body)
			c.Answer(t.Context())
			c.Media().SetSource(Tone(8000, 440, 8000))
			<-c.Context().Done()
		}})
		defer b.Close()
		a := newAgent(t, n, 1, Config{Advertise: outside})
		defer a.Close()
		c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		heard := &capture{}
		c.Media().AddSink(heard)
		c.Media().SetSource(Tone(8000, 1000, 8000))
		time.Sleep(2 * time.Second)
		// The peer's packets go to the advertised address first, and then, because ours come from another one, to that.
		if got := part(heard, 8000, 440); got < 7000 {
			t.Errorf("heard with %.0f", got)
		}
		port := c.Media().LocalAddr().Port()
		if want := fmt.Sprintf("m=audio %d ", port); !strings.Contains(offer, "c=IN IP4 "+outside.String()+"\r\n") || !strings.Contains(offer, want) || c.Media().LocalAddr().Addr() == outside {
			t.Errorf("at %v, offered\n%s", c.Media().LocalAddr(), offer)
		}
		c.HangUp(t.Context())
	})
}
