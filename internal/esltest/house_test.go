package esltest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/call/esl"
	"github.com/gotelco/telco/call/soundfile"
	"github.com/gotelco/telco/sip"
)

const (
	patience = 40 * time.Second // the machine may be busy
	password = "ClueCon"
	beep     = "tone_stream://%(400,0,440)"
)

// house is what the clients control, and phones.
type house struct {
	t          *testing.T
	esl, sip   string // addresses
	password   string
	recordings string
	heartbeats bool // every second
}

func agent(t *testing.T, name string, onCall func(*call.Call)) (a *call.Agent, listen func() (addr string)) {
	t.Helper()
	a, err := call.NewAgent(call.Config{SIP: sip.UserAgentConfig{Address: "<sip:" + name + "@127.0.0.1>"}, OnCall: onCall,
		Address: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, func() string {
		flow, err := a.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		return flow.Local.String()
	}
}

// houses are what the tests run against: a switch of their own, and the program examples/as.
var houses = map[string]func(*testing.T) *house{"switch": newSwitch, "as": newProgram}

// each runs a test with each of them.
func each(t *testing.T, test func(*testing.T, *house)) {
	t.Parallel()
	if addr := os.Getenv("TELCO_ESL"); addr != "" {
		test(t, &house{t: t, esl: addr, sip: os.Getenv("TELCO_ESL_SIP"), password: os.Getenv("TELCO_ESL_PASSWORD"), recordings: os.Getenv("TELCO_ESL_RECORDINGS")})
		return
	}
	for name, make := range houses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, make(t))
		})
	}
}

func newSwitch(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, password: password, recordings: t.TempDir(), heartbeats: true}
	logger := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	var sw *control.Switch
	a, open := agent(t, "switch", func(c *call.Call) { sw.Serve(c) })
	var err error
	sw, err = control.New(control.Config{Agent: a, Recordings: h.recordings, Logger: logger, Heartbeat: time.Second,
		Dialplan: func(_ context.Context, _ *control.Channel, ext control.Extension) ([]control.Action, error) {
			if port, ok := strings.CutPrefix(ext.Number, "async"); ok {
				return []control.Action{{App: "socket", Args: "127.0.0.1:" + port + " async full"}}, nil
			}
			if port, ok := strings.CutPrefix(ext.Number, "sync"); ok {
				return []control.Action{{App: "socket", Args: "127.0.0.1:" + port}}, nil
			}
			return nil, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := esl.New(esl.Config{Switch: sw, Password: password, Logger: logger, FailDelay: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	h.sip = open()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.esl = l.Addr().String()
	go server.Serve(l)
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := sw.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return h
}

// phone is a peer that answers calls, sends a tone, and listens.
type phone struct {
	url string // to call it by: sofia/…
	mu  sync.Mutex
	pcm []int16
}

func (p *phone) WriteSamples(pcm []int16) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pcm = append(p.pcm, pcm...)
	return nil
}

// heard returns how many seconds of a tone of that frequency the phone has heard.
func (p *phone) heard(frequency float64) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return seconds(p.pcm, 8000, frequency)
}

// phone makes a phone that sends a tone of the given frequency.
func (h *house) phone(frequency float64) *phone {
	p := &phone{}
	_, open := agent(h.t, "phone", func(c *call.Call) {
		c.Ring()
		if c.Answer(c.Context()) == nil {
			p.talk(c, frequency)
		}
	})
	p.url = "sofia/external/phone@" + open()
	return p
}

// call has a phone call an extension, and talk once it is answered. done is closed at the end of the call.
func (h *house) call(extension string, frequency float64) (p *phone, done chan struct{}) {
	p, done = &phone{}, make(chan struct{})
	a, open := agent(h.t, "caller", nil)
	open()
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c, err := a.Dial(ctx, "sip:"+extension+"@"+h.sip, call.DialOptions{})
		if err != nil {
			h.t.Errorf("call to %s: %v", extension, err)
			return
		}
		p.talk(c, frequency)
	}()
	return p, done
}

func (p *phone) talk(c *call.Call, frequency float64) {
	c.Media().AddSink(p)
	c.Play(c.Context(), call.Tone(8000, frequency, 8000))
	<-c.Context().Done()
}

// seconds is how long a tone is within samples, in steps of 20 ms (Goertzel).
func seconds(pcm []int16, rate int, frequency float64) float64 {
	n, block := 0, rate/50
	k := 2 * math.Cos(2*math.Pi*frequency/float64(rate))
	for ; len(pcm) >= block; pcm = pcm[block:] {
		var s1, s2, energy float64
		for _, x := range pcm[:block] {
			s0 := float64(x) + k*s1 - s2
			s2, s1 = s1, s0
			energy += float64(x) * float64(x)
		}
		if power := s1*s1 + s2*s2 - k*s1*s2; energy > 1e6 && power > energy*float64(block)/4 {
			n++
		}
	}
	return float64(n) / 50
}

// recorded returns how many seconds of a tone a recording has.
func (h *house) recorded(name string, frequency float64) float64 {
	h.t.Helper()
	r, err := soundfile.Open(filepath.Join(h.recordings, name))
	if err != nil {
		h.t.Error(err)
		return 0
	}
	defer r.Close()
	var all []int16
	buf := make([]int16, 1600)
	for {
		n, err := r.ReadSamples(buf)
		if all = append(all, buf[:n]...); err == io.EOF {
			return seconds(all, r.SampleRate(), frequency)
		} else if err != nil {
			h.t.Error(err)
			return 0
		}
	}
}

// hears waits until phones have heard tones for so many seconds.
func hears(t *testing.T, length float64, tones map[*phone]float64) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		all := true
		for p, f := range tones {
			all = all && p.heard(f) >= length
		}
		if all {
			return
		}
		if time.Now().After(end) {
			for p, f := range tones {
				t.Errorf("%v Hz were heard for %v s, of %v s", f, p.heard(f), float64(len(p.pcm))/8000)
			}
			t.FailNow()
		}
	}
}

// wait polls for something that becomes true.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// box keeps events by a name.
type box struct {
	mu  sync.Mutex
	all map[string][]map[string]string
}

func (b *box) add(name string, fields map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = make(map[string][]map[string]string)
	}
	b.all[name] = append(b.all[name], fields)
}

// find returns the first event of that name whose field has the value.
func (b *box) find(name, field, value string) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.all[name] {
		if e[field] == value {
			return e
		}
	}
	return nil
}

// want waits for it.
func (b *box) want(t *testing.T, name, field, value string) map[string]string {
	t.Helper()
	wait(t, fmt.Sprintf("%s with %s %s", name, field, value), func() bool { return b.find(name, field, value) != nil })
	return b.find(name, field, value)
}

// listen opens a port for calls that connect to a program.
func listen(t *testing.T) (l net.Listener, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return l, port
}
