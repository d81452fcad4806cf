package call_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/internal/impair"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
)

// phone is a baresip: it answers calls at once, says a tone, records what it hears, and does what it is told.
type phone struct {
	dir     string
	name    string
	port    int
	rate    int
	control net.Conn
	ended   chan struct{}

	mu     sync.Mutex
	events []string // types, with what belongs to them
}

// newPhone starts a baresip with one codec that says a tone. Params are those of its account, such as ";mediaenc=srtp".
func newPhone(t *testing.T, name, codec string, hz float64, params string) *phone {
	t.Helper()
	if testing.Short() {
		t.Skip("talks to baresip: left out with -short")
	}
	lab.Need(t, "baresip-core", "baresip")
	modules := ""
	for _, dir := range []string{"/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if _, err := os.Stat(filepath.Join(dir, "amr.so")); err == nil {
			modules = dir
		}
	}
	if modules == "" {
		t.Skip("needs baresip with its module for AMR (Debian: apt-get install baresip-core)")
	}
	p := &phone{dir: t.TempDir(), name: name, port: lab.FreePort(t), rate: 8000, ended: make(chan struct{})}
	if codec == "AMR-WB" {
		p.rate = 16000
	}
	pcm := make([]int16, 40*p.rate)
	call.Tone(p.rate, hz, 8000).ReadSamples(pcm)
	if err := wav.WriteFile(filepath.Join(p.dir, "tone.wav"), pcm, wav.Format{SampleRate: p.rate}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.dir, "heard"), 0o755); err != nil {
		t.Fatal(err)
	}
	control := lab.FreePort(t)
	config := fmt.Sprintf("poll_method epoll\nsip_listen 127.0.0.1:%d\nnet_interface 127.0.0.1\nctrl_tcp_listen 127.0.0.1:%d\n"+
		"audio_player aubridge,p%d\naudio_source aufile,%s/tone.wav\naudio_alert aubridge,q\nrtp_ports 20000-29999\nmodule_path %s\n"+
		"module g711.so\nmodule amr.so\nmodule srtp.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\nmodule_tmp uuid.so\nmodule_tmp account.so\n"+
		"module_app menu.so\nmodule_app ctrl_tcp.so\nsnd_path %s/heard\n", p.port, control, p.port, p.dir, modules, p.dir)
	account := fmt.Sprintf("<sip:%s@127.0.0.1;transport=udp>;auth_pass=x;regint=0;answermode=auto;audio_codecs=%s/%d/1%s\n", name, codec, p.rate, params)
	for file, text := range map[string]string{"config": config, "accounts": account, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(p.dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, "baresip", "-f", p.dir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		log.Close()
		close(p.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			t.Logf("%s:\n%s", p.name, b[max(0, len(b)-3000):])
		}
	})
	p.eventually(t, "starts", func() bool {
		p.control, err = net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(control)))
		return err == nil
	})
	t.Cleanup(func() { p.control.Close() })
	go p.listen()
	return p
}

func (p *phone) eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 1500 {
		if f() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s never %s", p.name, what)
}

// listen keeps the events that the phone tells, netstrings of JSON.
func (p *phone) listen() {
	r := bufio.NewReader(p.control)
	for {
		size, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
		if err != nil {
			return
		}
		b := make([]byte, n+1)
		if _, err := io.ReadFull(r, b); err != nil {
			return
		}
		var e struct{ Type, Param string }
		if json.Unmarshal(b[:n], &e) == nil && e.Type != "" {
			p.mu.Lock()
			p.events = append(p.events, e.Type+" "+e.Param)
			p.mu.Unlock()
		}
	}
}

// do gives the phone a command.
func (p *phone) do(t *testing.T, command, params string) {
	t.Helper()
	b, _ := json.Marshal(map[string]string{"command": command, "params": params})
	if _, err := fmt.Fprintf(p.control, "%d:%s,", len(b), b); err != nil {
		t.Fatal(err)
	}
}

// told counts the events that begin in some way.
func (p *phone) told(prefix string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if strings.HasPrefix(e, prefix) {
			n++
		}
	}
	return n
}

func (p *phone) uri() string { return fmt.Sprintf("sip:%s@127.0.0.1:%d", p.name, p.port) }

// recording is what the phone has heard in its last call so far.
func (p *phone) recording() []int16 {
	all, _ := filepath.Glob(filepath.Join(p.dir, "heard/*dec.wav"))
	if len(all) == 0 {
		return nil
	}
	b, err := os.ReadFile(all[len(all)-1])
	if err != nil || len(b) < 44 {
		return nil
	}
	pcm := make([]int16, (len(b)-44)/2)
	for i := range pcm {
		pcm[i] = int16(b[44+2*i]) | int16(b[45+2*i])<<8
	}
	return pcm
}

// hears waits until the phone hears a tone for half a second, as loud as it was said, within what it hears from now on. On a busy
// machine phones stutter.
func (p *phone) hears(t *testing.T, hz float64) {
	t.Helper()
	from := len(p.recording())
	best, level := 0.0, 0.0
	for range 160 {
		pcm := p.recording()
		for at := from; at+p.rate/2 <= len(pcm); at += p.rate / 8 {
			if s, rms := sound.Tone(pcm[at:at+p.rate/2], p.rate, hz), sound.RMS(pcm[at:at+p.rate/2]); s > best {
				best, level = s, rms
			}
		}
		if best > 0.95 && level > 4000 && level < 7500 {
			return
		}
		from = max(from, len(pcm)-p.rate)
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s does not hear %g Hz: %.0f %% of the energy at best, level %.0f, %d samples, %q", p.name, hz, 100*best, level, len(p.recording()), p.events)
}

// exchange is a back-to-back user agent on the loopback that calls those whose names it knows.
type exchange struct {
	*call.Agent
	port int

	mu      sync.Mutex
	targets map[string]string
	calls   []*call.Call
}

func newExchange(t *testing.T, cfg call.Config) *exchange {
	t.Helper()
	x := &exchange{port: lab.FreePort(t), targets: map[string]string{}}
	tr := tsharktest.Capture(t, "-d", fmt.Sprintf("udp.port==%d,sip", x.port))
	cfg.SIP.Endpoint.Trace = tr
	if cfg.Trace == nil {
		cfg.Trace = func(e trace.Event) {
			if e.Proto == trace.RTCP && cfg.SRTP == call.SRTPDefault {
				tr(e)
			}
		}
	}
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = append(append(call.AMRWB(), call.AMRNB()...), call.PCMA, call.PCMU)
	}
	if cfg.OnCall == nil {
		cfg.OnCall = func(c *call.Call) {
			if old, err := c.Replaces(); err != nil || old != nil {
				if err == nil {
					if err = c.TakeOver(context.Background(), old); err == nil {
						<-c.Context().Done()
						return
					}
				}
				t.Log(err)
				return
			}
			to, _ := c.Request().URI()
			x.mu.Lock()
			target := x.targets[to.User]
			x.calls = append(x.calls, c)
			x.mu.Unlock()
			if err := x.Connect(context.Background(), c, target, call.ConnectOptions{OnConnect: func(_, out *call.Call) {
				x.mu.Lock()
				x.calls = append(x.calls, out)
				x.mu.Unlock()
			}}); err != nil {
				t.Logf("to %s: %v", to.User, err)
			}
		}
	}
	var err error
	if x.Agent, err = call.NewAgent(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Agent.Close() })
	if _, err := x.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: fmt.Sprintf("127.0.0.1:%d", x.port)}); err != nil {
		t.Fatal(err)
	}
	return x
}

// to is the address of a phone by way of the exchange.
func (x *exchange) to(p *phone) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.targets[p.name] = p.uri()
	return fmt.Sprintf("sip:%s@127.0.0.1:%d", p.name, x.port)
}

// Phones of all pairs of codecs talk to one another: both hear the other's tone and get the other's keys.
func TestPeerBaresipCodecs(t *testing.T) {
	t.Parallel()
	x := newExchange(t, call.Config{})
	codecs := []string{"AMR", "AMR-WB", "PCMA", "PCMU"}
	together(func(run func(func())) {
		for i, left := range codecs {
			for _, right := range codecs[i:] {
				run(func() { t.Run(left+" and "+right, func(t *testing.T) { codecPair(t, x, left, right) }) })
			}
		}
	})
}

// together runs what waits for the phones more than for a processor, ten at a time.
func together(f func(run func(func()))) {
	var wg sync.WaitGroup
	free := make(chan struct{}, 10)
	f(func(one func()) {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			one()
		})
	})
	wg.Wait()
}

func codecPair(t *testing.T, x *exchange, left, right string) {
	a := newPhone(t, "a", left, 440, "")
	b := newPhone(t, fmt.Sprint("b", a.port), right, 1000, "")
	a.do(t, "dial", x.to(b))
	a.hears(t, 1000)
	b.hears(t, 440)
	for i, p := range []*phone{a, b} {
		other := []*phone{b, a}[i]
		p.do(t, "sndcode", "7")
		other.eventually(t, "gets the key", func() bool { return other.told("CALL_DTMF_START 7") > 0 })
	}
	a.do(t, "hangup", "")
	b.eventually(t, "is hung up", func() bool { return b.told("CALL_CLOSED") > 0 })
	if n, m := a.told("CALL_DTMF_START"), b.told("CALL_DTMF_START"); n != 1 || m != 1 {
		t.Errorf("%d and %d keys", n, m)
	}
}

// SRTP with keys of SDES, offered by us and by the phone, at will and not; beside a leg that is in clear.
func TestPeerBaresipSRTP(t *testing.T) {
	t.Parallel()
	x := newExchange(t, call.Config{SRTP: call.SRTPOptional})
	strict := newExchange(t, call.Config{SRTP: call.SRTPRequired})
	together(func(run func(func())) {
		for _, tc := range []struct {
			name        string
			x           *exchange
			left, right string
			encrypted   [2]bool
		}{
			{"calls with keys, and is called in clear", x, "srtp", "", [2]bool{true, false}},
			{"calls in clear, and is called with keys", x, "", "srtp", [2]bool{false, true}},
			{"both must", x, "srtp-mand", "srtp", [2]bool{true, true}},
			{"all must", strict, "srtp-mand", "srtp-mand", [2]bool{true, true}},
		} {
			run(func() {
				t.Run(tc.name, func(t *testing.T) {
					param := func(s string) string {
						if s == "" {
							return ""
						}
						return ";mediaenc=" + s
					}
					a := newPhone(t, "a", "PCMA", 440, param(tc.left))
					b := newPhone(t, fmt.Sprint("b", a.port), "AMR", 1000, param(tc.right))
					a.do(t, "dial", tc.x.to(b))
					a.hears(t, 1000)
					b.hears(t, 440)
					in, out := tc.x.legs(t, b)
					for i, c := range []*call.Call{in, out} {
						if c.Encrypted() != tc.encrypted[i] {
							t.Errorf("leg %d encrypted: %v", i, c.Encrypted())
						}
					}
					a.do(t, "reinvite", "") // keys stay
					a.eventually(t, "is answered", func() bool { return a.told("CALL_REMOTE_SDP answer") > 1 })
					b.hears(t, 440)
					for i, c := range []*call.Call{in, out} {
						if s := c.Media().Stats().RTP; s.Unauthentic > 10 || s.Replayed != 0 || s.PacketsReceived < 50 {
							t.Errorf("leg %d: %+v", i, s)
						}
					}
					b.do(t, "hangup", "")
					a.eventually(t, "is hung up", func() bool { return a.told("CALL_CLOSED") > 0 })
				})
			})
		}
	})
}

// legs are the two legs of the call to a phone.
func (x *exchange) legs(t *testing.T, to *phone) (in, out *call.Call) {
	t.Helper()
	to.eventually(t, "has both legs", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, c := range x.calls {
			if r := c.Request(); r != nil {
				if u, _ := r.URI(); u.User == to.name {
					in = c
				}
			} else if d := c.Dialog(); d != nil && strings.Contains(d.State().Target, fmt.Sprint(":", to.port)) {
				out = c
			}
		}
		return in != nil && out != nil
	})
	return in, out
}

// caller is a phone of our own, on the loopback.
type caller struct {
	*call.Agent
	heard ear
}

// ear keeps what is heard.
type ear struct {
	mu  sync.Mutex
	pcm []int16
}

func (e *ear) WriteSamples(pcm []int16) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pcm = append(e.pcm, pcm...)
	return nil
}

// hears waits for half a second of a tone, or of silence, from now on.
func (e *ear) hears(t *testing.T, hz float64) {
	t.Helper()
	e.mu.Lock()
	e.pcm = nil
	e.mu.Unlock()
	for range 160 {
		time.Sleep(50 * time.Millisecond)
		e.mu.Lock()
		if n := len(e.pcm); n > 4000 {
			last := e.pcm[n-4000:]
			if rms := sound.RMS(last); hz == 0 && rms < 20 || hz != 0 && rms > 1500 && sound.Tone(last, 8000, hz) > 0.9 {
				e.mu.Unlock()
				return
			}
		}
		e.mu.Unlock()
	}
	t.Errorf("%g Hz are not heard", hz)
}

func newCaller(t *testing.T) *caller {
	t.Helper()
	a, err := call.NewAgent(call.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if _, err := a.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	return &caller{Agent: a}
}

// call calls, and says a tone.
func (c *caller) call(t *testing.T, uri string, hz float64) *call.Call {
	t.Helper()
	l, err := c.Dial(t.Context(), uri, call.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.Media().AddSink(&c.heard)
	l.Media().SetSource(call.Tone(8000, hz, 8000))
	return l
}

// A phone puts us on hold, and we it: nothing goes to who holds, and all comes again after it.
func TestPeerBaresipHold(t *testing.T) {
	t.Parallel()
	x := newExchange(t, call.Config{})
	e := newPhone(t, "e", "AMR", 700, "")
	us := newCaller(t)
	c := us.call(t, x.to(e), 440)
	us.heard.hears(t, 700)
	_, out := x.legs(t, e)
	e.do(t, "hold", "")
	e.eventually(t, "holds", func() bool { return out.Media().OnHold() })
	before := out.Media().Stats().RTP.PacketsSent
	us.heard.hears(t, 0)
	if n := out.Media().Stats().RTP.PacketsSent; n != before {
		t.Errorf("%d packets to who holds us", n-before)
	}
	e.do(t, "resume", "")
	us.heard.hears(t, 700)
	if err := c.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	us.heard.hears(t, 0)
	if err := c.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	us.heard.hears(t, 700)
	// And the exchange holds the phone.
	if err := out.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	us.heard.hears(t, 0)
	if err := out.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	us.heard.hears(t, 700)
	if err := c.HangUp(t.Context()); err != nil {
		t.Error(err)
	}
	e.eventually(t, "is hung up", func() bool { return e.told("CALL_CLOSED") > 0 })
}

// A phone has another one called in its place, and we have two phones connected that we talk to: the rest hear one another.
func TestPeerBaresipTransfer(t *testing.T) {
	t.Parallel()
	x := newExchange(t, call.Config{OnTransfer: func(c *call.Call, r *sip.Referred) {
		if _, err := c.Follow(context.Background(), r, call.DialOptions{}); err != nil {
			t.Log(err)
		}
	}})
	t.Run("blind", func(t *testing.T) {
		a := newPhone(t, "a", "PCMU", 440, "")
		b := newPhone(t, "b", "AMR", 1000, "")
		c := newPhone(t, "c", "PCMA", 1600, "")
		a.do(t, "dial", x.to(b))
		a.hears(t, 1000)
		b.do(t, "transfer", c.uri())
		a.hears(t, 1600)
		c.hears(t, 440)
		b.eventually(t, "is out of it", func() bool { return b.told("CALL_CLOSED") > 0 })
		c.do(t, "hangup", "")
		a.eventually(t, "is hung up", func() bool { return a.told("CALL_CLOSED") > 0 })
	})
	t.Run("attended", func(t *testing.T) {
		b := newPhone(t, "left", "AMR", 1000, "")
		c := newPhone(t, "right", "PCMA", 1600, "")
		us := newCaller(t)
		first, second := us.call(t, x.to(b), 440), us.call(t, x.to(c), 500)
		b.hears(t, 440)
		c.hears(t, 500)
		if err := first.TransferTo(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		b.hears(t, 1600)
		c.hears(t, 1000)
		if n := us.Calls(); n != 0 {
			t.Errorf("we have %d calls", n)
		}
		b.do(t, "hangup", "")
		c.eventually(t, "is hung up", func() bool { return c.told("CALL_CLOSED") > 0 })
	})
}

// A phone talks over a network that loses five in a hundred packets and delays the others by up to 30 ms. What we hear is held against the
// decode of all the packets that it sent.
func TestPeerBaresipImpaired(t *testing.T) {
	t.Parallel()
	port := uint16(lab.FreePort(t)) &^ 1
	heard := &ear{}
	here, there := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	listen := func(a netip.AddrPort) net.PacketConn {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var s call.Streamed
	relay := impair.NewRelay(listen(netip.AddrPortFrom(there, port)), listen(netip.AddrPortFrom(there, 0)), netip.AddrPortFrom(here, port), 5,
		impair.Config{Loss: 0.05, Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond}, impair.Config{}, s.Tap())
	defer relay.Close()
	answered := make(chan *call.Call, 1)
	codecs := call.AMRNB()[1:] // all that the phone has
	x := newExchange(t, call.Config{Codecs: codecs, Ports: [2]uint16{port, port + 1}, Address: here, Advertise: there, OnCall: func(c *call.Call) {
		if err := c.Answer(context.Background()); err != nil {
			t.Error(err)
			return
		}
		c.Media().AddSink(heard)
		answered <- c
		<-c.Context().Done()
	}})
	p := newPhone(t, "a", "AMR", 440, "")
	said := append(speech.Caller()[:4*8000], make([]int16, 4000)...)
	if err := wav.WriteFile(filepath.Join(p.dir, "tone.wav"), said, wav.Format{SampleRate: 8000}); err != nil {
		t.Fatal(err)
	}
	p.do(t, "dial", fmt.Sprintf("sip:x@127.0.0.1:%d", x.port))
	c := <-answered
	time.Sleep(time.Duration(len(said)) * time.Second / 8000)
	stats := c.Media().Stats()
	c.HangUp(t.Context())
	x.Agent.Close()
	want := s.Decode(t, codecs[0], codecs[0].FMTP, -1)
	bare := call.Segmental(s.Decode(t, codecs[0], codecs[0].FMTP, 0), want, 8000)
	got := call.Segmental(heard.pcm, want, 8000)
	t.Logf("%.1f dB without a buffer, %.1f dB heard; %d concealed, MOS %.2f", bare, got, stats.Concealed, stats.RTP.Quality.MOS)
	if got < 14 || got < bare+5 || stats.Concealed < 5 || stats.RTP.Quality.MOS > 4 {
		t.Errorf("%+v", stats)
	}
}

// SIPp changes the session in the middle of a call, in ways that are answered and in ways that are refused; media goes where it says.
func TestPeerSIPpReinvites(t *testing.T) {
	if testing.Short() {
		t.Skip("talks to SIPp: left out with -short")
	}
	lab.Need(t, "sip-tester", "sipp")
	t.Parallel()
	dir := t.TempDir()
	scenario, err := os.ReadFile("testdata/peers/reinvites.xml")
	if err != nil {
		t.Fatal(err)
	}
	// Both addresses of its media are ours.
	var got [2]map[byte]int // packets by payload type
	var mu sync.Mutex
	for i, name := range []string{"@PORT@", "@MOVED@"} {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		got[i] = map[byte]int{}
		go func() {
			buf := make([]byte, 2048)
			for {
				n, _, err := conn.ReadFrom(buf)
				if err != nil {
					return
				}
				if n > 12 {
					mu.Lock()
					got[i][buf[1]&0x7f]++
					mu.Unlock()
				}
			}
		}()
		scenario = bytes.ReplaceAll(scenario, []byte(name), []byte(strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port)))
	}
	if err := os.WriteFile(filepath.Join(dir, "reinvites.xml"), scenario, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	x := newExchange(t, call.Config{Codecs: []call.Codec{call.PCMA, call.PCMU}, NoNoise: true, OnCall: func(c *call.Call) {
		if err := c.Answer(context.Background()); err != nil {
			t.Error(err)
		}
		c.Media().SetSource(call.Tone(8000, 440, 8000))
		<-c.Context().Done()
		ended <- context.Cause(c.Context())
	}})
	cmd := exec.CommandContext(t.Context(), "sipp", "-sf", "reinvites.xml", "-i", "127.0.0.1", "-p", strconv.Itoa(lab.FreePort(t)), "-m", "1", "-nostdin",
		"-timeout", "20", "-trace_err", "-error_file", "errors", fmt.Sprintf("127.0.0.1:%d", x.port))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		errs, _ := os.ReadFile(filepath.Join(dir, "errors"))
		t.Fatalf("%v\n%s\n%s", err, out[max(0, len(out)-2000):], errs)
	}
	if err := <-ended; !errors.Is(err, sip.ErrPeerHungUp) {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got[0][8] == 0 || got[0][0] == 0 || got[1][8] < 10 || got[1][0] != 0 {
		t.Errorf("packets by payload type: %v, then %v", got[0], got[1])
	}
}
