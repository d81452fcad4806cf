package kamailio

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// Hears waits until the phone has heard a tone for a second, nearly as loud as it was said; what is older than since samples does not
// count. It returns how much has been heard by then. On a busy machine the phones themselves stutter, so it may take some seconds.
func (p *Phone) Hears(t testing.TB, hz float64, since int) (samples int) {
	t.Helper()
	best := "nothing"
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		pcm := p.heard()
		for at := max(since, p.rate/4); at+p.rate <= len(pcm); at += p.rate / 16 {
			second := pcm[at : at+p.rate]
			share, level := sound.Tone(second, p.rate, hz), sound.RMS(second)
			if share > 0.95 && level > 4000 && level < 7000 {
				return len(pcm)
			}
			best = fmt.Sprintf("last %.0f %% of the energy at %g Hz, level %.0f, in %d samples", 100*share, hz, level, len(pcm))
		}
	}
	t.Errorf("%s hears %s", p.name, best)
	return since
}

// heard is what it has heard in the call yet.
func (p *Phone) heard() []int16 {
	all, _ := filepath.Glob(filepath.Join(p.dir, "heard/*dec.wav"))
	if len(all) == 0 {
		return nil
	}
	b, _ := os.ReadFile(all[len(all)-1])
	if len(b) < 44 { // the header, whose sizes are right only when the call is over
		return nil
	}
	pcm := make([]int16, (len(b)-44)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[44+2*i:]))
	}
	return pcm
}

// HangUp ends the call of a phone, and the phone.
func (p *Phone) HangUp() { p.Stop() }

// HungUp waits until the other end of the call has hung up, and ends the phone.
func (p *Phone) HungUp(t testing.TB) {
	t.Helper()
	Eventually(t, p.name+"'s call has ended", func() bool { return strings.Contains(p.Said(), "terminated (duration") })
	p.Stop()
}
