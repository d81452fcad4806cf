package call

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// answerWith returns an OnCall that answers and sends a tone of 4000, and hands the call over.
func answerWith(frequency float64, got chan<- *Call) func(*Call) {
	return func(c *Call) {
		if c.Answer(c.Context()) == nil {
			c.Media().SetSource(Tone(c.Media().SampleRate(), frequency, 4000))
			got <- c
			<-c.Context().Done()
		}
	}
}

// Codecs change while two legs are bridged, asked for by either side, and the bridge goes on; one that is refused changes
// nothing.
func TestRenegotiate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
		all := append([]Codec{PCMA, PCMU}, AMRWB()...)
		bobs := make(chan *Call, 1)
		b := newAgent(t, n, 3, Config{Codecs: all, OnCall: answerWith(1000, bobs)})
		defer b.Close()
		legs := make(chan *Call, 2)
		var as *Agent
		as = newAgent(t, n, 2, Config{Codecs: all, OnCall: func(c *Call) {
			as.Connect(t.Context(), c, "sip:b@10.0.0.3", ConnectOptions{OnConnect: func(in, out *Call) { legs <- in; legs <- out }})
		}})
		defer as.Close()
		a := newAgent(t, n, 1, Config{Codecs: all})
		defer a.Close()
		alice, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{Codecs: []Codec{PCMU}})
		if err != nil {
			t.Fatal(err)
		}
		bob, in, out := <-bobs, <-legs, <-legs
		alice.Media().SetSource(Tone(8000, 440, 4000))
		check := func(what, toAlice, toBob string) {
			t.Helper()
			heardA, heardB := &capture{}, &capture{}
			alice.Media().AddSink(heardA)
			bob.Media().AddSink(heardB)
			alice.Media().SetSource(Tone(alice.Media().SampleRate(), 440, 4000))
			bob.Media().SetSource(Tone(bob.Media().SampleRate(), 1000, 4000))
			time.Sleep(time.Second)
			if gotA, gotB := part(heardA, alice.Media().SampleRate(), 1000), part(heardB, bob.Media().SampleRate(), 440); gotA < 3000 || gotB < 3000 {
				t.Errorf("%s: heard with %.0f and %.0f", what, gotA, gotB)
			}
			alice.Media().RemoveSink(heardA)
			bob.Media().RemoveSink(heardB)
			if alice.Codec().Name != toAlice || in.Codec().Name != toAlice || bob.Codec().Name != toBob || out.Codec().Name != toBob {
				t.Errorf("%s: codecs %s %s, %s %s", what, alice.Codec().Name, in.Codec().Name, out.Codec().Name, bob.Codec().Name)
			}
			if in.Media().Peer() != out.Media() {
				t.Errorf("%s: not bridged any more", what)
			}
		}
		check("as called", "PCMU", "PCMA")
		if err := in.Renegotiate(t.Context(), AMRWB()...); sip.StatusCode(err) != 488 {
			t.Errorf("a codec that Alice has not: %v", err)
		}
		check("refused", "PCMU", "PCMA")
		if err := alice.Renegotiate(t.Context(), AMRWB()...); err != nil {
			t.Fatal(err)
		}
		check("Alice to wideband", "AMR-WB", "PCMA")
		if err := out.Renegotiate(t.Context(), append(AMRWB(), PCMU)...); err != nil {
			t.Fatal(err)
		}
		check("Bob too", "AMR-WB", "AMR-WB")
		if err := bob.Renegotiate(t.Context(), PCMU, PCMA); err != nil {
			t.Fatal(err)
		}
		check("Bob back", "AMR-WB", "PCMU")
		alice.SetCodecs(PCMA)
		if err := in.Renegotiate(t.Context(), PCMA); err != nil {
			t.Fatal(err)
		}
		check("Alice back", "PCMA", "PCMU")
		if err := alice.RequestOffer(t.Context()); err != nil {
			t.Error(err)
		}
		check("asked for an offer", "PCMA", "PCMU")
		// Both sides of a leg at once.
		errs := make(chan error, 2)
		go func() { errs <- alice.Hold(t.Context()) }()
		go func() { errs <- in.Renegotiate(t.Context(), PCMA) }()
		for range 2 {
			if err := <-errs; err != nil {
				t.Errorf("at once: %v", err)
			}
		}
		if !in.Held() || alice.Held() {
			t.Errorf("held: %t, %t", in.Held(), alice.Held())
		}
		if err := alice.Resume(t.Context()); err != nil {
			t.Error(err)
		}
		check("after a glare", "PCMA", "PCMU")
		alice.HangUp(t.Context())
		time.Sleep(time.Second)
		if a.Calls()+as.Calls()+b.Calls() != 0 {
			t.Errorf("%d, %d, %d calls left", a.Calls(), as.Calls(), b.Calls())
		}
	})
}

// The ways in which a peer holds, what it gets in answer, and what is told of it.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		got := make(chan *Call, 1)
		b := newAgent(t, n, 2, Config{OnCall: answerWith(1000, got)})
		defer b.Close()
		ua := newUA(t, n, 1)
		defer ua.Close()
		version := 0
		offer := func(address, direction string) []byte {
			version++
			return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=%s\r\n", version, address, direction)
		}
		d, _, err := ua.Invite(t.Context(), "sip:b@10.0.0.2", sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: offer("10.0.0.1", "sendrecv")}})
		if err != nil {
			t.Fatal(err)
		}
		c := <-got
		var mu sync.Mutex
		var told []bool
		c.OnHold(func(held bool) { mu.Lock(); told = append(told, held); mu.Unlock() })
		for _, tc := range []struct {
			method             sip.Method
			address, direction string
			answer             string
			held, sends        bool
		}{
			{sip.INVITE, "10.0.0.1", "sendonly", "recvonly", true, false},
			{sip.INVITE, "10.0.0.1", "inactive", "inactive", true, false},
			{sip.UPDATE, "10.0.0.1", "sendrecv", "sendrecv", false, true},
			{sip.INVITE, "0.0.0.0", "sendrecv", "sendrecv", true, false},
			{sip.INVITE, "0.0.0.0", "inactive", "inactive", true, false},
			{sip.UPDATE, "10.0.0.1", "recvonly", "sendonly", false, true},
			{sip.UPDATE, "10.0.0.1", "sendrecv", "sendrecv", false, true},
		} {
			what := fmt.Sprint(tc.method, " ", tc.address, " ", tc.direction)
			var resp *sip.Response
			opts := sip.RequestOptions{Body: offer(tc.address, tc.direction)}
			if tc.method == sip.INVITE {
				resp, err = d.Invite(t.Context(), opts)
			} else {
				resp, err = d.Do(t.Context(), tc.method, opts)
			}
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if answer, err := sdp.Parse(resp.Body); err != nil || answer.DirectionOf(0).String() != tc.answer {
				t.Errorf("%s: %v, answered %s", what, err, resp.Body)
			}
			synctest.Wait()
			before := c.Media().Stats().RTP.PacketsSent
			time.Sleep(time.Second)
			if sent := c.Media().Stats().RTP.PacketsSent - before; c.Held() != tc.held || (sent > 0) != tc.sends {
				t.Errorf("%s: held %t, %d packets sent", what, c.Held(), sent)
			}
		}
		mu.Lock()
		if fmt.Sprint(told) != "[true false true false]" {
			t.Errorf("told %v", told)
		}
		mu.Unlock()
		// Ours: without music.
		if err := c.SetDirection(t.Context(), sdp.Inactive); sip.StatusCode(err) != 488 { // nobody answers there
			t.Errorf("%v", err)
		}
		d.Bye(t.Context(), sip.RequestOptions{})
	})
}

// INVITEs without an offer, from us and to us: with early media where responses are reliable.
func TestLateOffer(t *testing.T) {
	for _, early := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
			b := newAgent(t, n, 2, Config{OnCall: func(c *Call) {
				if early {
					if err := c.Progress(); err != nil {
						t.Error(err)
					}
					c.Media().SetSource(Tone(8000, 440, 4000))
				}
				time.Sleep(2 * time.Second)
				if err := c.Answer(t.Context()); err != nil {
					t.Error(err)
				}
				c.Media().SetSource(Tone(8000, 1000, 4000))
				<-c.Context().Done()
			}})
			defer b.Close()
			log := &sipLog{}
			a := newAgent(t, n, 1, Config{Codecs: []Codec{PCMU, PCMA}, SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: log.trace}}})
			defer a.Close()
			ringing := &capture{}
			go func() {
				time.Sleep(time.Second)
				a.mu.Lock()
				defer a.mu.Unlock()
				for c := range a.calls {
					if m := c.Media(); m != nil {
						m.AddSink(ringing)
					}
				}
			}()
			c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{LateOffer: true})
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			if heard := part(ringing, 8000, 440); early && heard < 3000 {
				t.Errorf("early media with %.0f\n%s", heard, log)
			}
			heard := &capture{}
			c.Media().AddSink(heard)
			time.Sleep(time.Second)
			if part(heard, 8000, 1000) < 3000 || c.Codec().Name != "PCMA" { // in the order of the offer
				t.Errorf("%s, heard with %.0f", c.Codec().Name, part(heard, 8000, 1000))
			}
			if err := c.RequestOffer(t.Context()); err != nil {
				t.Error(err)
			}
			if err := c.Hold(t.Context()); err != nil {
				t.Error(err)
			}
			c.HangUp(t.Context())
			synctest.Wait()
			if a.Calls()+b.Calls() != 0 {
				t.Errorf("%d and %d calls left", a.Calls(), b.Calls())
			}
		})
	}
	// An offer that is of no use: the call ends, and an INVITE without one to who knows of no reliable responses.
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		odd := PCMA
		odd.Name, odd.PayloadType = "iLBC", 97
		ends := make(chan error, 1)
		b := newAgent(t, n, 2, Config{Codecs: []Codec{odd}, OnCall: func(c *Call) { ends <- c.Answer(t.Context()) }})
		defer b.Close()
		a := newAgent(t, n, 1, Config{SIP: sip.UserAgentConfig{Supported: []string{"timer"}}})
		defer a.Close()
		if _, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{LateOffer: true}); !errors.Is(err, errNoAudio) {
			t.Error(err)
		}
		if err := <-ends; err == nil {
			t.Error("answered without a codec")
		}
		time.Sleep(time.Second)
		deaf := newAgent(t, n, 3, Config{OnCall: func(c *Call) { ends <- c.Progress() }})
		defer deaf.Close()
		if _, err := a.Dial(t.Context(), "sip:b@10.0.0.3", DialOptions{LateOffer: true}); sip.StatusCode(err) != 480 {
			t.Error(err)
		}
		if err := <-ends; err == nil || !strings.Contains(err.Error(), "no offer") {
			t.Error(err)
		}
		synctest.Wait()
		if a.Calls()+b.Calls()+deaf.Calls() != 0 {
			t.Errorf("%d, %d, %d calls left", a.Calls(), b.Calls(), deaf.Calls())
		}
	})
}
