package call

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/rtp/dtmf"
	"github.com/gotelco/telco/sip"
)

// listener counts the keys that are heard within audio.
type listener struct {
	mu   sync.Mutex
	d    *dtmf.Detector
	keys []byte
}

func (l *listener) WriteSamples(pcm []int16) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.d == nil {
		l.d = dtmf.NewDetector(dtmf.Config{SampleRate: len(pcm) * 50})
	}
	l.d.Write(pcm)
	for e, ok := l.d.Next(); ok; e, ok = l.d.Next() {
		if !e.End {
			l.keys = append(l.keys, e.Key)
		}
	}
	return nil
}

func (l *listener) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.keys)
}

// Keys cross a back-to-back user agent from every form to every form, each once, and nothing else is heard of them.
func TestDTMFForms(t *testing.T) {
	forms := []DTMF{DTMFAuto, DTMFTones, DTMFInfo}
	wide := AMRWB()
	for _, from := range forms {
		for _, to := range forms {
			for _, codec := range []Codec{PCMU, wide[0]} {
				t.Run(fmt.Sprint(from, to, codec.Name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						n := memnet.New(memnet.Config{Latency: 2 * time.Millisecond})
						const pressed = "159#*0AA"
						var keys bytes.Buffer
						heard := &listener{}
						var mu sync.Mutex
						b := newAgent(t, n, 3, Config{DTMF: to, Codecs: []Codec{codec}, OnCall: func(c *Call) {
							c.OnDTMF(func(k byte) { mu.Lock(); keys.WriteByte(k); mu.Unlock() })
							c.Answer(t.Context())
							c.Media().AddSink(heard)
							<-c.Context().Done()
						}})
						defer b.Close()
						var as *Agent
						as = newAgent(t, n, 2, Config{Codecs: []Codec{PCMA, codec}, OnCall: func(c *Call) {
							c.SetDTMF(from)
							as.Connect(t.Context(), c, "sip:b@10.0.0.3", ConnectOptions{DialOptions: DialOptions{DTMF: to}})
						}})
						defer as.Close()
						a := newAgent(t, n, 1, Config{DTMF: from, Codecs: []Codec{PCMA}})
						defer a.Close()
						c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
						if err != nil {
							t.Fatal(err)
						}
						time.Sleep(time.Second)
						for _, k := range pressed {
							if err := c.SendDTMF(byte(k)); err != nil {
								t.Fatal(err)
							}
						}
						time.Sleep(5 * time.Second)
						c.HangUp(t.Context())
						synctest.Wait()
						mu.Lock()
						defer mu.Unlock()
						if keys.String() != pressed {
							t.Errorf("%q came", &keys)
						}
						wantTones := ""
						if to == DTMFTones {
							wantTones = pressed
						}
						if got := heard.String(); got != wantTones {
							t.Errorf("%q is heard in the audio, want %q", got, wantTones)
						}
					})
				})
			}
		}
	}
}

// A peer that sends each key both as an event and as INFO presses it once; and twice if it does so twice.
func TestDTMFTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.close()
		var keys bytes.Buffer
		p.to.OnDTMF(func(k byte) { keys.WriteByte(k) })
		for _, k := range "55157" {
			if err := p.from.SendDTMF(byte(k)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
			body := fmt.Sprintf("Signal= %c\r\nDuration= 250\r\n", k)
			if _, err := p.from.Dialog().Do(t.Context(), sip.INFO, sip.RequestOptions{Body: []byte(body), ContentType: "application/dtmf-relay"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(400 * time.Millisecond)
		}
		if keys.String() != "55157" {
			t.Errorf("%q", &keys)
		}
	})
}

func TestDTMFInfoBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.close()
		var got []string
		p.to.Media().OnEvent(func(e rtp.EventReport) {
			if e.End {
				got = append(got, fmt.Sprint(e.Code, e.Duration))
			}
		})
		for _, tc := range []struct {
			contentType, body string
			status            int
		}{
			{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", 0},
			{"application/dtmf-relay", "signal=#\n", 0},
			{"Application/DTMF-Relay; x=y", "Duration=99999999\nSignal=11", 0},
			{"application/dtmf", "*", 0},
			{"application/dtmf", "9\r\n", 0},
			{"application/dtmf", " ", 400},
			{"application/dtmf-relay", "Signal=x", 400},
			{"application/dtmf-relay", "Duration=5", 400},
			{"application/dtmf", "17", 400},
			{"text/plain", "5", 415}, {"", "", 0},
		} {
			_, err := p.from.Dialog().Do(t.Context(), sip.INFO, sip.RequestOptions{Body: []byte(tc.body), ContentType: tc.contentType})
			if sip.StatusCode(err) != tc.status {
				t.Errorf("%s %q: %v, want %d", tc.contentType, tc.body, err, tc.status)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if want := []string{"5 160ms", "# 100ms", "# 100ms", "* 100ms", "9 100ms"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// An application that answers keys with keys from within its handler is not stuck, and Collect hears tones.
func TestDTMFFromHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		b := newAgent(t, n, 2, Config{DTMF: DTMFTones, OnCall: func(c *Call) {
			c.OnDTMF(func(k byte) { c.SendDTMF(k) })
			c.Answer(t.Context())
			<-c.Context().Done()
		}})
		defer b.Close()
		a := newAgent(t, n, 1, Config{NoEvents: true})
		defer a.Close()
		c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		for _, k := range "12#" {
			c.SendDTMF(byte(k))
		}
		got, err := c.Collect(t.Context(), CollectOptions{Max: 9, Terminators: "#"})
		if got != "12" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func FuzzKeyBody(f *testing.F) {
	f.Add([]byte("Signal=5\r\nDuration=160\r\n"), true)
	f.Add([]byte("16"), false)
	f.Fuzz(func(t *testing.T, b []byte, relay bool) {
		code, length, ok := parseKey(b, relay)
		if !ok {
			return
		}
		if code.Key() == 0 || length <= 0 {
			t.Errorf("event %d for %v", code, length)
		}
		again, same, ok := parseKey(appendRelay(nil, pressedKey{code.Key(), length}), true)
		if again != code || same != length || !ok {
			t.Errorf("%v for %v, again %v for %v", code, length, again, same)
		}
		if !relay && strings.TrimSpace(string(b)) == "" {
			t.Error("nothing is a key")
		}
	})
}

// A leg whose peer goes while it presses a key says that the key has ended, and then what else there is to say.
func TestKeyOfGonePeer(t *testing.T) {
	events := MediaConfig{Send: format(PCMA), SendEvent: 101, ReceiveEvent: 101}
	tones := MediaConfig{Send: format(PCMU), Tones: true}
	for _, tc := range []struct {
		name string
		to   MediaConfig
	}{{"events", events}, {"tones", tones}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := bridged(t, memnet.New(memnet.Config{}), events, tc.to)
				var mu sync.Mutex
				var got []string
				c.b.OnEvent(func(e rtp.EventReport) {
					mu.Lock()
					got = append(got, fmt.Sprint(e.Code, " ", e.End))
					mu.Unlock()
				})
				heard := &capture{}
				c.b.AddSink(heard)
				time.Sleep(time.Second)
				code, _ := rtp.DTMF('5')
				c.a.SendEvent(code, 5*time.Second)
				time.Sleep(500 * time.Millisecond)
				c.legA.Close()
				c.legB.SetSource(Tone(8000, 1000, 8000))
				time.Sleep(2 * time.Second)
				mu.Lock()
				if want := []string{"5 false", "5 true"}; !slices.Equal(got, want) {
					t.Errorf("keys %q, want %q", got, want)
				}
				mu.Unlock()
				if level := part(heard, 8000, 1000); level < 6000 {
					t.Errorf("after the key the tone has %.0f", level)
				}
				c.a.Close()
				c.legB.Close()
				c.b.Close()
				c.wheel.Close()
			})
		})
	}
}
