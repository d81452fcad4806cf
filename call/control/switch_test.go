package control

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

func addr(host byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), port)
}

// newAgent makes an agent at 10.0.0.host:5060 of a network.
func newAgent(t *testing.T, n *memnet.Network, host byte, cfg call.Config) *call.Agent {
	t.Helper()
	cfg.Address, cfg.Ports = addr(host, 0).Addr(), [2]uint16{4000, 4099}
	cfg.ListenPacket = func(a netip.AddrPort) (net.PacketConn, error) { return n.ListenPacket(a) }
	a, err := call.NewAgent(cfg)
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

// house is a switch at 10.0.0.9 and phones at 10.0.0.1 and so on.
type house struct {
	t      *testing.T
	net    *memnet.Network
	sw     *Switch
	phones map[byte]*phone
	events *eventLog
	lossy  bool // events may be lost
}

// phone answers calls as it is told, and keeps what it hears.
type phone struct {
	agent *call.Agent
	host  byte
	// on is what it does with a call; nil refuses it.
	on func(*call.Call)

	mu    sync.Mutex
	calls []*call.Call
	heard []*capture
}

func (p *phone) last() (*call.Call, *capture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) == 0 {
		return nil, nil
	}
	return p.calls[len(p.calls)-1], p.heard[len(p.heard)-1]
}

func (p *phone) onCall(c *call.Call) {
	if p.on == nil {
		return
	}
	p.on(c)
	<-c.Context().Done()
}

// keep listens to a call.
func (p *phone) keep(c *call.Call) *capture {
	h := &capture{}
	p.mu.Lock()
	p.calls, p.heard = append(p.calls, c), append(p.heard, h)
	p.mu.Unlock()
	if m := c.Media(); m != nil {
		m.AddSink(h)
	}
	return h
}

// answers answers after a while and says a tone of the given frequency.
func (p *phone) answers(after time.Duration, tone float64) {
	p.on = func(c *call.Call) {
		c.Ring()
		select {
		case <-time.After(after):
		case <-c.Context().Done():
			return
		}
		if c.Answer(context.Background()) != nil {
			return
		}
		p.keep(c)
		c.Media().SetSource(call.Tone(c.Media().SampleRate(), tone, 8000))
	}
}

// refuses refuses calls.
func (p *phone) refuses(status int) {
	p.on = func(c *call.Call) { c.Refuse(status, "") }
}

// capture keeps samples.
type capture struct {
	mu  sync.Mutex
	pcm []int16
}

func (c *capture) WriteSamples(pcm []int16) error {
	c.mu.Lock()
	c.pcm = append(c.pcm, pcm...)
	c.mu.Unlock()
	return nil
}

func (c *capture) samples() []int16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.pcm)
}

type eventLog struct {
	mu  sync.Mutex
	all []*Event
}

func (l *eventLog) add(e *Event) {
	l.mu.Lock()
	l.all = append(l.all, e)
	l.mu.Unlock()
}

// names are the names of the events of a channel, without the given ones.
func (l *eventLog) names(uuid string, without ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, e := range l.all {
		if (uuid == "" || e.UUID == uuid) && !slices.Contains(without, e.Name) {
			out = append(out, e.Name)
		}
	}
	return out
}

// find returns the last event of a name about a channel.
func (l *eventLog) find(uuid, name string) *Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range slices.Backward(l.all) {
		if (uuid == "" || e.UUID == uuid) && e.Name == name {
			return e
		}
	}
	return nil
}

func newHouse(t *testing.T, cfg Config, acfg call.Config) *house {
	t.Helper()
	h := &house{t: t, net: memnet.New(memnet.Config{Latency: 5 * time.Millisecond}), phones: map[byte]*phone{}, events: &eventLog{}}
	acfg.OnCall = func(c *call.Call) { h.sw.Serve(c) }
	if acfg.SIP.Address == "" {
		acfg.SIP.Address = "<sip:switch@10.0.0.9>"
	}
	cfg.Agent = newAgent(t, h.net, 9, acfg)
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = -1
	}
	var err error
	if h.sw, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	h.sw.Watch(func(e *Event) {
		if l := h.events; l != nil {
			l.add(e)
		}
	})
	return h
}

// phone returns the phone at 10.0.0.host.
func (h *house) phone(host byte) *phone {
	if p := h.phones[host]; p != nil {
		return p
	}
	p := &phone{host: host}
	p.agent = newAgent(h.t, h.net, host, call.Config{OnCall: p.onCall, SIP: sip.UserAgentConfig{Address: "<sip:p" + string('0'+rune(host)) + "@example.org>"}})
	h.phones[host] = p
	return p
}

// close ends everything, and checks that nothing is left.
func (h *house) close() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := h.sw.Close(ctx); err != nil {
		h.t.Errorf("close: %v", err)
	}
	time.Sleep(40 * time.Second) // transactions
	if n := h.sw.Agent().Calls(); n != 0 {
		h.t.Errorf("%d calls left", n)
	}
	if st := h.sw.Stats(); st.Channels != 0 || st.Lost != 0 && !h.lossy {
		h.t.Errorf("%+v", st)
	}
	for _, p := range h.phones {
		if n := p.agent.Calls(); n != 0 {
			h.t.Errorf("phone %d has %d calls left", p.host, n)
		}
		p.agent.Close()
	}
	h.sw.Agent().Close()
}

// run has a call from phone 1 executed by a list of applications.
func inline(actions ...string) func(context.Context, *Channel, Extension) ([]Action, error) {
	return func(context.Context, *Channel, Extension) ([]Action, error) {
		var out []Action
		for _, a := range actions {
			app, args, _ := strings.Cut(a, " ")
			out = append(out, Action{App: app, Args: args})
		}
		return out, nil
	}
}

func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("set greeting=tone_stream://%(1000,0,440)", "answer", "playback ${greeting}", "sleep 500", "hangup USER_BUSY")}, call.Config{})
		defer h.close()
		p := h.phone(1)
		begin := time.Now()
		c, err := p.agent.Dial(t.Context(), "sip:1234@10.0.0.9", call.DialOptions{From: `"Alice" <sip:+4930123@example.org>`})
		if err != nil {
			t.Fatal(err)
		}
		p.keep(c)
		<-c.Context().Done()
		if d := time.Since(begin); d < 1500*time.Millisecond || d > 1700*time.Millisecond {
			t.Errorf("the call took %v", d)
		}
		if got := CauseOf(context.Cause(c.Context())); got != UserBusy {
			t.Errorf("the caller hears of %v: %v", got, context.Cause(c.Context()))
		}
		synctest.Wait()
		want := []string{
			"CHANNEL_CREATE", "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_EXECUTE", "CHANNEL_ANSWER", "CHANNEL_EXECUTE_COMPLETE",
			"CHANNEL_EXECUTE", "PLAYBACK_START", "PLAYBACK_STOP", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE",
			"CHANNEL_EXECUTE", "CHANNEL_HANGUP", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY",
		}
		if got := h.events.names("", "CHANNEL_STATE", "CHANNEL_CALLSTATE"); !slices.Equal(got, want) {
			t.Errorf("events\n%v, want\n%v", got, want)
		}
		e := h.events.find("", "CHANNEL_HANGUP_COMPLETE")
		for name, want := range map[string]string{
			"Caller-Caller-ID-Name": "Alice", "Caller-Caller-ID-Number": "+4930123", "Caller-Destination-Number": "1234",
			"Call-Direction": "inbound", "Answer-State": "hangup", "Hangup-Cause": "USER_BUSY", "variable_hangup_cause_q850": "17",
			"variable_read_codec": "PCMA", "variable_sip_hangup_disposition": "send_bye", "variable_billsec": "1", "Channel-Call-State": "HANGUP",
			"Channel-State": "CS_REPORTING", "variable_current_application": "hangup", "variable_sip_req_user": "1234", "variable_sip_network_ip": "10.0.0.1",
		} {
			if got := e.Field(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}
