package call

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// part is how strong a frequency is in the last half second of what was heard: about the peak value of its sine.
func part(c *capture, rate int, frequency float64) float64 {
	pcm := c.samples()
	if len(pcm) < rate/2 {
		return 0
	}
	pcm = pcm[len(pcm)-rate/2:]
	var re, im float64
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * frequency * float64(i) / float64(rate))
		re, im = re+float64(v)*c, im+float64(v)*s
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}

// caller calls uri, sends a tone and keeps what it hears.
func caller(t *testing.T, a *Agent, uri string, tone float64) (*Call, *capture) {
	t.Helper()
	c, err := a.Dial(t.Context(), uri, DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	heard := &capture{}
	c.Media().AddSink(heard)
	c.Media().SetSource(Tone(c.Media().SampleRate(), tone, 4000))
	return c, heard
}

// Three legs of two sample rates: each hears the two others and not itself.
func TestConference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
		conf, err := NewConference(8000)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var members []*Member
		server := newAgent(t, n, 9, Config{Codecs: append([]Codec{PCMA, PCMU}, AMRWB()...), OnCall: func(c *Call) {
			if err := c.Answer(t.Context()); err != nil {
				t.Error(err)
				return
			}
			m, err := conf.Add(c.Media())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			members = append(members, m)
			mu.Unlock()
			<-c.Context().Done()
			conf.Remove(m)
		}})
		defer server.Close()
		member := func(i int) *Member {
			mu.Lock()
			defer mu.Unlock()
			return members[i]
		}
		tones := []float64{450, 1000, 1600} // a frame more or less, as the delay adapts, leaves them as they are
		codecs := [][]Codec{{PCMA}, AMRWB(), {PCMU}}
		var calls []*Call
		var heard []*capture
		for i := range tones {
			a := newAgent(t, n, byte(1+i), Config{Codecs: codecs[i]})
			defer a.Close()
			c, h := caller(t, a, "sip:room@10.0.0.9", tones[i])
			time.Sleep(50 * time.Millisecond)
			calls, heard = append(calls, c), append(heard, h)
		}
		check := func(what string, audible func(from, to int) bool) {
			t.Helper()
			time.Sleep(time.Second)
			for to, h := range heard {
				for from, f := range tones {
					got := part(h, calls[to].Media().SampleRate(), f)
					if want := audible(from, to); want && got < 2500 || !want && got > 300 {
						t.Errorf("%s: %d hears %d with %.0f", what, to, from, got)
					}
				}
			}
		}
		check("all", func(from, to int) bool { return from != to })
		if s := conf.Speaker(); s == nil || s.Level() < 2000 {
			t.Errorf("speaker %v", s)
		}
		member(1).Mute(true)
		member(2).Deafen(true)
		check("1 muted, 2 deaf", func(from, to int) bool { return from != to && from != 1 && to != 2 })
		member(1).Mute(false)
		member(2).Deafen(false)
		if err := calls[0].Hold(t.Context()); err != nil { // sends, and hears nothing
			t.Error(err)
		}
		check("0 on hold", func(from, to int) bool { return from != to && to != 0 })
		if err := calls[0].Resume(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := conf.Add(member(0).Media()); err == nil {
			t.Error("a leg is in the conference twice")
		}
		if err := calls[2].HangUp(t.Context()); err != nil {
			t.Error(err)
		}
		calls, heard = calls[:2], heard[:2]
		check("2 has gone", func(from, to int) bool { return from != to && from != 2 })
		conf.Close()
		time.Sleep(100 * time.Millisecond)
		check("closed", func(int, int) bool { return false })
		if _, err := NewConference(44100); err == nil {
			t.Error("a conference at 44.1 kHz")
		}
	})
}

func TestCollect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.close()
		press := func(keys string, every time.Duration) {
			go func() {
				for _, k := range keys {
					time.Sleep(every)
					p.from.SendDTMF(byte(k))
				}
			}()
		}
		prompt := func() Source { return Samples(make([]int16, 8000*2)) } // 2 s
		for _, tc := range []struct {
			name, press string
			every       time.Duration
			opts        CollectOptions
			want        string
			err         error
			took        time.Duration
		}{
			{"one key", "5", time.Second, CollectOptions{}, "5", nil, 1 * time.Second},
			{"four of them", "12345", time.Second, CollectOptions{Max: 4}, "1234", nil, 4 * time.Second},
			{"a terminator", "12#3", time.Second, CollectOptions{Max: 10, Terminators: "#"}, "12", nil, 3 * time.Second},
			{"nobody goes on", "12", time.Second, CollectOptions{Max: 10}, "12", nil, 5 * time.Second},
			{"nobody", "", 0, CollectOptions{Max: 10}, "", ErrNoInput, 5 * time.Second},
			{"into the prompt", "7", time.Second, CollectOptions{Prompt: prompt()}, "7", nil, time.Second},
			{"after the prompt", "", 0, CollectOptions{Prompt: prompt(), First: time.Second}, "", ErrNoInput, 3 * time.Second},
			{"the prompt goes on", "7", time.Second, CollectOptions{Prompt: prompt(), NoInterrupt: true}, "7", nil, 2 * time.Second},
		} {
			time.Sleep(5 * time.Second) // what is left of the last
			start := time.Now()
			press(tc.press, tc.every)
			got, err := p.to.Collect(t.Context(), tc.opts)
			if took := time.Since(start).Round(100 * time.Millisecond); got != tc.want || !errors.Is(err, tc.err) || took < tc.took || took > tc.took+100*time.Millisecond {
				t.Errorf("%s: %q, %v after %v", tc.name, got, err, took)
			}
		}
		go func() { time.Sleep(time.Second); p.from.HangUp(context.Background()) }()
		if _, err := p.to.Collect(t.Context(), CollectOptions{}); !errors.Is(err, sip.ErrPeerHungUp) {
			t.Error(err)
		}
	})
}

// A talks to B through an exchange. B has itself replaced by C, without and with a call to C before.
func TestTransfer(t *testing.T) {
	for _, attended := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
			var exchange *Agent
			exchange = newAgent(t, n, 9, Config{
				OnCall: func(c *Call) {
					to, _ := c.Request().URI()
					exchange.Connect(t.Context(), c, "sip:"+to.User+"@10.0.0."+to.User, ConnectOptions{})
				},
				OnTransfer: func(c *Call, r *sip.Referred) {
					if _, err := c.Follow(t.Context(), r, DialOptions{}); err != nil {
						t.Logf("not followed: %v", err)
					}
				},
			})
			defer exchange.Close()
			carol := make(chan *Call, 2)
			c3 := newAgent(t, n, 3, Config{OnCall: func(c *Call) {
				old, err := c.Replaces()
				if err != nil {
					return
				}
				if old != nil {
					err = c.TakeOver(t.Context(), old)
				} else {
					err = c.Answer(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
				carol <- c
				<-c.Context().Done()
			}})
			defer c3.Close()
			bob := make(chan *Call, 1)
			b := newAgent(t, n, 2, Config{OnCall: func(c *Call) { c.Answer(t.Context()); bob <- c; <-c.Context().Done() }})
			defer b.Close()
			a := newAgent(t, n, 1, Config{})
			defer a.Close()
			alice, heard := caller(t, a, "sip:2@10.0.0.9", 440)
			toAlice := <-bob
			if err := toAlice.Transfer(t.Context(), "sip:4@10.0.0.4"); err == nil { // nobody is there
				t.Error("transferred to nobody")
			}
			if err := toAlice.Transfer(t.Context(), "mailto:x@example.org"); err == nil {
				t.Error("transferred to what is no phone")
			}
			if alice.Context().Err() != nil || toAlice.Context().Err() != nil {
				t.Fatal("the call ended with the transfer that failed")
			}
			var err error
			if attended {
				toCarol, err2 := b.Dial(t.Context(), "sip:3@10.0.0.3", DialOptions{})
				if err2 != nil {
					t.Fatal(err2)
				}
				<-carol
				err = toAlice.TransferTo(t.Context(), toCarol)
			} else {
				err = toAlice.Transfer(t.Context(), "sip:3@10.0.0.3")
			}
			if err != nil {
				t.Fatal(err)
			}
			withAlice := <-carol
			heardByCarol := &capture{}
			withAlice.Media().AddSink(heardByCarol)
			withAlice.Media().SetSource(Tone(8000, 1000, 4000))
			time.Sleep(2 * time.Second)
			if got := part(heard, 8000, 1000); got < 3000 {
				t.Errorf("Alice hears Carol with %.0f", got)
			}
			if got := part(heardByCarol, 8000, 440); got < 3000 {
				t.Errorf("Carol hears Alice with %.0f", got)
			}
			if b.Calls() != 0 || exchange.Calls() != 2 {
				t.Errorf("Bob has %d calls, the exchange %d", b.Calls(), exchange.Calls())
			}
			if err := withAlice.HangUp(t.Context()); err != nil {
				t.Error(err)
			}
			<-alice.Context().Done()
			time.Sleep(time.Second)
			for _, x := range []*Agent{a, b, c3, exchange} {
				if x.Calls() != 0 || x.UserAgent().Dialogs() != 0 {
					t.Errorf("%d calls, %d dialogs are left", x.Calls(), x.UserAgent().Dialogs())
				}
			}
		})
	}
}

// REFER is refused where nobody decides about it.
func TestTransferRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.close()
		if err := p.from.Transfer(t.Context(), "sip:x@10.0.0.3"); sip.StatusCode(err) != 403 {
			t.Error(err)
		}
	})
}

func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		b := newAgent(t, n, 2, Config{Admission: Admission{MaxCalls: 2, MaxLate: 10 * time.Millisecond, MaxBusy: 0.8},
			OnCall: func(c *Call) { c.Answer(t.Context()); <-c.Context().Done() }})
		defer b.Close()
		a := newAgent(t, n, 1, Config{})
		defer a.Close()
		dial := func() (*Call, error) { return a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{}) }
		var calls []*Call
		for range 2 {
			c, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, c)
		}
		_, err := dial()
		var refused *sip.ResponseError
		if !errors.As(err, &refused) || refused.Response.StatusCode != 503 || refused.Response.Value("Retry-After") != "10" {
			t.Errorf("a third call: %v", err)
		}
		calls[0].HangUp(t.Context())
		time.Sleep(time.Second)
		if c, err := dial(); err != nil {
			t.Errorf("after one has ended: %v", err)
		} else {
			c.HangUp(t.Context())
		}
		time.Sleep(2 * time.Second)
		w := b.Wheel()
		late := func(d time.Duration, turns int) {
			for _, s := range w.spokes {
				s.mu.Lock()
				for i := range turns {
					s.recent[(s.stats.Turns-1-uint64(i))%uint64(len(s.recent))] = d
				}
				s.mu.Unlock()
			}
		}
		late(15*time.Millisecond, 10)
		if _, err := dial(); sip.StatusCode(err) != 503 {
			t.Errorf("while media is late: %v", err)
		}
		late(0, 50*slots)
		late(15*time.Millisecond, 4)
		if c, err := dial(); err != nil {
			t.Errorf("while a few turns are late: %v", err)
		} else {
			c.HangUp(t.Context())
		}
		time.Sleep(1500 * time.Millisecond)
		for _, s := range w.spokes {
			s.mu.Lock()
			if time.Since(s.last) < time.Second && (s.part < 0 || s.part > 0.1) {
				t.Errorf("turns of no length took %g of the time", s.part)
			}
			s.part, s.last = 0.9, time.Now()
			s.mu.Unlock()
		}
		if _, err := dial(); sip.StatusCode(err) != 503 {
			t.Errorf("while the wheel has no time left: %v", err)
		}
		if s := b.Admission(); s.Refused != 3 || s.Calls != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Members hear each other also where the first of them was closed and not removed.
func TestConferenceOfClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w := memnet.New(memnet.Config{}), newWheel(2)
		defer w.Close()
		conf, err := NewConference(8000)
		if err != nil {
			t.Fatal(err)
		}
		cfg := MediaConfig{Send: format(PCMA)}
		tones := []float64{440, 1000, 1600, 2300}
		var heard []*capture
		for i, f := range tones {
			phone := newMedia(t, n, w, addr(byte(10+i), 4000), addr(2, uint16(4000+2*i)), cfg)
			defer phone.Close()
			leg := newMedia(t, n, w, addr(2, uint16(4000+2*i)), addr(byte(10+i), 4000), cfg)
			defer leg.Close()
			phone.SetSource(Tone(8000, f, 4000))
			c := &capture{}
			phone.AddSink(c)
			heard = append(heard, c)
			if _, err := conf.Add(leg); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				leg.Close()
			}
		}
		time.Sleep(2 * time.Second)
		for to := 1; to < len(tones); to++ {
			for from, f := range tones {
				want := from != 0 && from != to
				if got := part(heard[to], 8000, f); want && got < 2500 || !want && got > 300 {
					t.Errorf("%d hears %d with %.0f", to, from, got)
				}
			}
		}
		other := newWheel(1)
		defer other.Close()
		m := newMedia(t, n, other, addr(3, 4000), addr(4, 4000), cfg)
		defer m.Close()
		if _, err := conf.Add(m); err == nil {
			t.Error("a leg of another wheel")
		}
	})
}
