package main

import (
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/sip"
)

// phone is a SIP phone on 127.0.0.1.
type phone struct {
	t     *testing.T
	agent *call.Agent
	addr  string
	rings chan *call.Call // calls that come in
	do    func(*call.Call)
}

func newPhone(t *testing.T, do func(*call.Call)) *phone {
	t.Helper()
	p := &phone{t: t, rings: make(chan *call.Call, 8), do: do}
	var err error
	p.agent, err = call.NewAgent(call.Config{Address: netip.MustParseAddr("127.0.0.1"), SIP: sip.UserAgentConfig{Address: "<sip:4711@127.0.0.1>"}, OnCall: func(c *call.Call) {
		p.rings <- c
		if p.do != nil {
			p.do(c)
		}
		<-c.Context().Done()
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.agent.Close() })
	at, err := p.agent.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	p.addr = at.Local.String()
	return p
}

func answer(c *call.Call)  { c.Ring(); c.Answer(context.Background()) }
func ring(c *call.Call)    { c.Ring() }
func decline(c *call.Call) { c.Refuse(603, "") }

// dial calls, and keeps what is heard.
func (p *phone) dial(ctx context.Context, uri string) (*call.Call, *heard, error) {
	c, err := p.agent.Dial(ctx, uri, call.DialOptions{})
	if err != nil {
		return nil, nil, err
	}
	h := &heard{}
	c.Media().AddSink(h)
	return c, h, nil
}

type heard struct {
	mu  sync.Mutex
	pcm []int16
}

func (h *heard) WriteSamples(pcm []int16) error {
	h.mu.Lock()
	h.pcm = append(h.pcm, pcm...)
	h.mu.Unlock()
	return nil
}

// until waits until the last 200 ms are a tone, or silence if it is 0.
func (h *heard) until(t *testing.T, what string, tone float64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		h.mu.Lock()
		pcm := h.pcm[max(len(h.pcm)-1600, 0):]
		ok := len(pcm) == 1600 && (tone != 0 && sound.Tone(pcm, 8000, tone) > 0.8 || tone == 0 && sound.RMS(pcm) < 20)
		h.mu.Unlock()
		if ok {
			return
		}
	}
	t.Errorf("%s: no tone of %v Hz", what, tone)
}

// serve runs the program, and returns its address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	addr, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- run(ctx, append([]string{"-listen", "127.0.0.1:0", "-log-level", "error"}, args...), io.Discard, func(a string) { addr <- a })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-addr:
		return a
	case err := <-done:
		done <- nil
		t.Fatal(err)
		return ""
	}
}

func received(t *testing.T, what string, p *phone) *call.Call {
	t.Helper()
	select {
	case c := <-p.rings:
		return c
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not ring", what)
		return nil
	}
}

func ended(t *testing.T, what string, c *call.Call) {
	t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(20 * time.Second):
		t.Errorf("%s does not end", what)
	}
}

// All phones ring, one answers, and the others stop.
func TestRingGroup(t *testing.T) {
	t.Parallel()
	slow, quick, caller := newPhone(t, ring), newPhone(t, answer), newPhone(t, nil)
	addr := serve(t, "-messages", t.TempDir(), slow.addr, quick.addr)
	c, hears, err := caller.dial(t.Context(), "sip:100@"+addr)
	if err != nil {
		t.Fatal(err)
	}
	ended(t, "the slow phone", received(t, "the slow phone", slow))
	q := received(t, "the quick phone", quick)
	q.Media().SetSource(call.Tone(8000, 440, 8000))
	hears.until(t, "the caller", 440)
	q.HangUp(t.Context())
	ended(t, "the caller", c)
}

// Nobody answers, and the caller leaves a message.
func TestRingGroupElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	never, caller := newPhone(t, decline), newPhone(t, nil)
	addr := serve(t, "-messages", dir, never.addr)
	c, hears, err := caller.dial(t.Context(), "sip:100@"+addr)
	if err != nil {
		t.Fatal(err)
	}
	hears.until(t, "the beep", 1000)
	hears.until(t, "after the beep", 0)
	c.Media().SetSource(call.Tone(8000, 440, 8000))
	time.Sleep(1500 * time.Millisecond)
	c.SendDTMF('#')
	hears.until(t, "the question", 1000)
	ended(t, "the caller", c) // it was not answered
	files, _ := filepath.Glob(filepath.Join(dir, "100", "*-4711.wav"))
	if len(files) != 1 {
		t.Fatalf("messages %v", files)
	}
	pcm, f, err := wav.ReadFile(files[0])
	if err != nil || f.Channels != 1 || len(pcm) < 8000 {
		t.Fatalf("%v, %+v, %d samples", err, f, len(pcm))
	}
	if share := sound.Tone(pcm[len(pcm)/2:len(pcm)/2+1600], 8000, 440); share < 0.8 {
		t.Errorf("the message is %.2f of what was said", share)
	}
}

// Two callers, one agent: the first is served, the second waits with music, and is next. The agent who does not answer is passed over.
func TestQueue(t *testing.T) {
	t.Parallel()
	absent, agent, caller := newPhone(t, ring), newPhone(t, answer), newPhone(t, nil)
	addr := serve(t, "-messages", t.TempDir(), "-ring", "1s", "-pause", "100ms", "-music", "tone_stream://%(1000,0,440)", absent.addr, agent.addr)
	first, hears, err := caller.dial(t.Context(), "sip:200@"+addr)
	if err != nil {
		t.Fatal(err)
	}
	hears.until(t, "the first, waiting", 440)
	received(t, "the absent agent", absent)
	a := received(t, "the agent", agent)
	hears.until(t, "the first, served", 0)
	second, hears, err := caller.dial(t.Context(), "sip:200@"+addr)
	if err != nil {
		t.Fatal(err)
	}
	hears.until(t, "the second, waiting", 440)
	if len(agent.rings) != 0 {
		t.Error("the agent has two calls")
	}
	first.HangUp(t.Context())
	ended(t, "the agent's first call", a)
	b := received(t, "the agent", agent)
	b.Media().SetSource(call.Tone(8000, 1600, 8000))
	hears.until(t, "the second, served", 1600)
	b.HangUp(t.Context())
	ended(t, "the second", second)
	// A caller who gives up does not hold up the next.
	third, _, err := caller.dial(t.Context(), "sip:200@"+addr)
	if err != nil {
		t.Fatal(err)
	}
	third.HangUp(t.Context())
	fourth, hears, err := caller.dial(t.Context(), "sip:200@"+addr)
	if err != nil {
		t.Fatal(err)
	}
	for served := false; !served; {
		c := received(t, "the agent", agent)
		select {
		case <-c.Context().Done(): // the third's
		case <-time.After(time.Second):
			served = true
			c.Media().SetSource(call.Tone(8000, 1600, 8000))
			hears.until(t, "the fourth", 1600)
		}
	}
	fourth.HangUp(t.Context())
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{}, {"-x"}, {"-listen", "nowhere", "a@127.0.0.1"}, {""}} {
		if err := run(t.Context(), append([]string{"-log-level", "error"}, args...), io.Discard, nil); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
	os.RemoveAll("messages")
}
