package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/sip"
)

// phone is a SIP phone with one codec that keeps what it hears.
type phone struct {
	name  string
	agent *call.Agent
	addr  netip.AddrPort
	auth  *secret

	calls chan *call.Call // that came in
	heard recorder
	spoke chan struct{} // closed when the first sentence is out
	ended chan struct{} // closed when the first call is over
	once  sync.Once
	reg   *sip.Registration
}

// secret answers challenges with a password, and notes the algorithm.
type secret struct {
	user, password string

	mu        sync.Mutex
	algorithm sip.DigestAlgorithm
}

// Answer is what [sip.Answerer] wants.
func (s *secret) Answer(ctx context.Context, ch *sip.Challenge) (sip.Secret, error) {
	s.mu.Lock()
	s.algorithm = ch.Algorithm
	s.mu.Unlock()
	return sip.Password(ch.Realm, s.user, s.password).Answer(ctx, ch)
}

func newPhone(d *demo, name, password string, codec call.Codec) (*phone, error) {
	p := &phone{name: name, auth: &secret{user: name, password: password}, calls: make(chan *call.Call), spoke: make(chan struct{}), ended: make(chan struct{})}
	var err error
	p.agent, err = call.NewAgent(call.Config{
		Codecs: []call.Codec{codec},
		OnCall: p.onCall,
		Logger: d.log,
		SIP: sip.UserAgentConfig{
			Address:  fmt.Sprintf("<sip:%s@%s>", name, domain),
			Routes:   []string{fmt.Sprintf("<sip:%v;lr>", d.addr)},
			Auth:     p.auth,
			Endpoint: sip.Config{UserAgent: "telco-phone", Logger: d.log},
		},
	})
	if err != nil {
		return nil, err
	}
	f, err := p.agent.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: netip.AddrPortFrom(d.addr.Addr(), 0).String()})
	p.addr = f.Local
	return p, err
}

// register registers, and keeps registered until the phone is closed.
func (p *phone) register(ctx context.Context) (err error) {
	p.reg, err = p.agent.UserAgent().Register(ctx, sip.RegisterOptions{Registrar: "sip:" + domain})
	return err
}

func (p *phone) algorithm() sip.DigestAlgorithm {
	p.auth.mu.Lock()
	defer p.auth.mu.Unlock()
	return p.auth.algorithm
}

// onCall rings for a moment and answers.
func (p *phone) onCall(c *call.Call) {
	c.Ring()
	pause(c.Context(), 300*time.Millisecond)
	if c.Answer(c.Context()) != nil {
		return
	}
	select {
	case p.calls <- c:
		<-c.Context().Done()
	case <-c.Context().Done():
	}
}

// speak takes the next call, says its sentence, and waits for the end.
func (p *phone) speak(sentence []int16) {
	c := <-p.calls
	c.Media().AddSink(&p.heard)
	c.Play(c.Context(), call.Samples(sentence))
	p.once.Do(func() { close(p.spoke) })
	<-c.Context().Done()
	select {
	case <-p.ended:
	default:
		close(p.ended)
	}
}

func (p *phone) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if p.reg != nil {
		p.reg.Close(ctx)
	}
	p.agent.HangUp(ctx)
	p.agent.Close()
}

// recorder keeps what it is given.
type recorder struct {
	mu  sync.Mutex
	pcm []int16
}

func (r *recorder) WriteSamples(pcm []int16) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pcm = append(r.pcm, pcm...)
	return nil
}

// take returns what was heard since the last time.
func (r *recorder) take() []int16 {
	r.mu.Lock()
	defer r.mu.Unlock()
	pcm := r.pcm
	r.pcm = nil
	return pcm
}

// recorded checks a recording of the server.
func (d *demo) recorded(name string, said []int16) {
	name = filepath.Join(d.out, name)
	pcm, _, err := wav.ReadFile(name)
	if err != nil {
		d.check(false, "%s: %v", name, err)
		return
	}
	d.compare(name, pcm, said)
}

func newPassword() string { return rand.Text() }

func spoken(pcm []int16) time.Duration {
	return (time.Duration(len(pcm)) * time.Second / speech.Rate).Round(100 * time.Millisecond)
}

// orError is ok, or the error where there is one.
func orError(err error, ok any) any {
	if err != nil {
		return fmt.Sprintf(": %v", err)
	}
	return ok
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func waitFor(ctx context.Context, ok func() bool) bool {
	for !ok() {
		if ctx.Err() != nil {
			return false
		}
		pause(ctx, 10*time.Millisecond)
	}
	return true
}
