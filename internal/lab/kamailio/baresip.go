package kamailio

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/sound"
)

// Baresip is a telephone: it takes calls or makes one, says a tone and records what it hears.
type Baresip struct {
	Name   string  // user part of its address
	Domain string  // if empty, Domain
	Host   string  // an address of 127.0.0.0/8; if empty, 127.0.0.1
	Port   int     // UDP
	Proxy  int     // port of its outbound proxy; 0: none
	Codec  string  // "AMR", "AMR-WB", "PCMA" or "PCMU"
	Tone   float64 // in Hz
	Dial   string  // URI to call at once; if empty, it waits for calls
}

// Phone is a Baresip that runs.
type Phone struct {
	*Process
	name string
	rate int
	dir  string
}

// BaresipPackages is Debian's name of what phones need.
const BaresipPackages = "baresip-core"

// Start starts the telephone; it ends with the test.
func (b Baresip) Start(t testing.TB) *Phone {
	t.Helper()
	modules := ""
	for _, dir := range []string{"/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if exists(filepath.Join(dir, "amr.so")) {
			modules = dir
		}
	}
	if modules == "" {
		t.Skip("needs baresip with its module for AMR (Debian: apt-get install baresip-core)")
	}
	p := &Phone{name: b.Name, rate: 8000, dir: t.TempDir()}
	if b.Codec == "AMR-WB" {
		p.rate = 16000
	}
	if b.Domain == "" {
		b.Domain = Domain
	}
	if b.Host == "" {
		b.Host = "127.0.0.1"
	}
	pcm := make([]int16, 60*p.rate)
	call.Tone(p.rate, b.Tone, 8000).ReadSamples(pcm)
	if err := wav.WriteFile(filepath.Join(p.dir, "tone.wav"), pcm, wav.Format{SampleRate: p.rate}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.dir, "heard"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "config"), fmt.Sprintf("poll_method epoll\nsip_listen %s:%d\nnet_interface %s\naudio_player aubridge,p%s\naudio_source aufile,%s/tone.wav\n"+
		"audio_alert aubridge,q\nrtp_ports 20000-29999\nmodule_path %s\nmodule g711.so\nmodule amr.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n"+
		"module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nsnd_path %s/heard\n", b.Host, b.Port, b.Host, b.Name, p.dir, modules, p.dir))
	outbound := ""
	if b.Proxy != 0 {
		outbound = fmt.Sprintf(`;outbound="sip:127.0.0.1:%d"`, b.Proxy)
	}
	write(t, filepath.Join(p.dir, "accounts"), fmt.Sprintf("<sip:%s@%s;transport=udp>;auth_pass=none%s;regint=0;answermode=auto;audio_codecs=%s/%d/1\n", b.Name, b.Domain, outbound, b.Codec, p.rate))
	write(t, filepath.Join(p.dir, "contacts"), "")
	args := []string{"baresip", "-f", p.dir, "-s"}
	if b.Dial != "" {
		args = append(args, "-e", "/dial "+b.Dial)
	}
	p.Process = Run(t, p.dir, b.Name, args...)
	if b.Dial == "" {
		Eventually(t, b.Name+" answers SIP", func() bool { return Answers(b.Host, b.Port) })
	}
	return p
}

// Listen waits until the phone has heard something for so many seconds, silence included.
func (p *Phone) Listen(t testing.TB, seconds int) { t.Helper(); p.ListenOn(t, 0, seconds) }

// ListenOn waits until the phone has heard something for so many seconds since Heard was what it was.
func (p *Phone) ListenOn(t testing.TB, since int64, seconds int) {
	t.Helper()
	Eventually(t, p.name+" hears something", func() bool { return p.Heard() >= since+int64(44+2*p.rate*seconds) })
}

// Heard is how much it has heard yet, in octets.
func (p *Phone) Heard() int64 {
	all, _ := filepath.Glob(filepath.Join(p.dir, "heard/*dec.wav"))
	if len(all) == 0 {
		return 0
	}
	st, err := os.Stat(all[len(all)-1])
	if err != nil {
		return 0
	}
	return st.Size()
}

// HangUp ends the call of a phone, and the phone.
func (p *Phone) HangUp() { p.Stop() }

// Hears waits for the end of the call, and checks that the phone has heard a tone, nearly as loud as it was said. The
// best second counts: on a busy machine the phones themselves stutter.
func (p *Phone) Hears(t testing.TB, hz float64) {
	t.Helper()
	Eventually(t, p.name+"'s call has ended", func() bool { return strings.Contains(p.Said(), "terminated (duration") })
	p.Stop()
	all, _ := filepath.Glob(filepath.Join(p.dir, "heard/*dec.wav"))
	if len(all) == 0 {
		t.Errorf("%s has heard nothing", p.name)
		return
	}
	pcm, _, err := wav.ReadFile(all[len(all)-1])
	if err != nil {
		t.Errorf("%s: %v", p.name, err)
	}
	share, level := 0.0, 0.0
	for at := p.rate / 2; at+p.rate <= len(pcm); at += p.rate / 8 {
		second := pcm[at : at+p.rate]
		if s := sound.Tone(second, p.rate, hz); s > share {
			share, level = s, sound.RMS(second)
		}
	}
	if share < 0.95 || level < 4000 || level > 7000 {
		t.Errorf("%s: %.0f %% of the energy at %g Hz, level %.0f, in %d samples", p.name, 100*share, hz, level, len(pcm))
	}
}
