package call

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/rtp/srtp"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/trace"
)

// What comes of each policy of the two sides, and that what is sent is what it says it is.
func TestSRTPPolicies(t *testing.T) {
	for _, tc := range []struct {
		caller, callee SRTP
		status         int // of a refusal
		encrypted      bool
	}{
		{SRTPOff, SRTPOff, 0, false},
		{SRTPOff, SRTPOptional, 0, false},
		{SRTPOff, SRTPRequired, 488, false},
		{SRTPOptional, SRTPDefault, 0, false},
		{SRTPOptional, SRTPOptional, 0, true},
		{SRTPOptional, SRTPRequired, 0, true},
		{SRTPRequired, SRTPOff, 488, false},
		{SRTPRequired, SRTPOptional, 0, true},
		{SRTPRequired, SRTPRequired, 0, true},
	} {
		t.Run(fmt.Sprint(tc.caller, tc.callee), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{Latency: time.Millisecond})
				got := make(chan *Call, 1)
				b := newAgent(t, n, 2, Config{SRTP: tc.callee, OnCall: func(c *Call) {
					if c.Answer(t.Context()) == nil {
						got <- c
						<-c.Context().Done()
					}
				}})
				defer b.Close()
				a := newAgent(t, n, 1, Config{})
				defer a.Close()
				c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{SRTP: tc.caller})
				if sip.StatusCode(err) != tc.status {
					t.Fatalf("%v, want %d", err, tc.status)
				}
				if err != nil {
					return
				}
				other := <-got
				if c.Encrypted() != tc.encrypted || other.Encrypted() != tc.encrypted {
					t.Errorf("encrypted: %v and %v", c.Encrypted(), other.Encrypted())
				}
				heard := &capture{}
				other.Media().AddSink(heard)
				c.Media().SetSource(Tone(8000, 440, 8000))
				time.Sleep(2 * time.Second)
				if got := part(heard, 8000, 440); got < 7000 {
					t.Errorf("heard with %.0f", got)
				}
				if tc.encrypted {
					if err := c.Rekey(t.Context()); err != nil {
						t.Error(err)
					}
					if err := other.Rekey(t.Context()); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Second)
				} else if err := c.Rekey(t.Context()); err == nil {
					t.Error("new keys for what is not encrypted")
				}
				if err := c.Hold(t.Context()); err != nil { // keeps the keys
					t.Error(err)
				}
				time.Sleep(time.Second)
				if got := part(heard, 8000, 440); got < 7000 {
					t.Errorf("heard with %.0f in the end", got)
				}
				if s := other.Media().Stats().RTP; s.Unauthentic+s.Replayed+s.Malformed != 0 || s.Lost != 0 || s.PacketsReceived < 150 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// Suites that both sides have are found, whatever their order; keys are in no trace and nothing of the speech is on the wire.
func TestSRTPSuitesAndTraces(t *testing.T) {
	for _, suite := range defaultSuites {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{})
			var mu sync.Mutex
			var sipText, plain bytes.Buffer
			var payloads int
			watch := func(e trace.Event) {
				mu.Lock()
				defer mu.Unlock()
				switch e.Proto {
				case trace.SIP:
					sipText.Write(trace.Redacted(e.Data, e.Secrets))
					plain.Write(e.Data)
				case trace.RTP:
					if bytes.Contains(e.Data, bytes.Repeat([]byte{0xd5}, 20)) { // silence
						payloads++
					}
				}
			}
			b := newAgent(t, n, 2, Config{SRTP: SRTPRequired, SRTPSuites: []srtp.Suite{suite}, OnCall: func(c *Call) { c.Answer(t.Context()); <-c.Context().Done() }})
			defer b.Close()
			a := newAgent(t, n, 1, Config{SRTP: SRTPRequired, Trace: watch, SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: watch}}})
			defer a.Close()
			c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got := c.Media().cfg.Encrypt.Suite; got != suite {
				t.Errorf("suite %v, want %v", got, suite)
			}
			c.HangUp(t.Context())
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if payloads != 0 {
				t.Errorf("%d packets in clear", payloads)
			}
			if s := sipText.String(); strings.Count(s, "inline:x") < 2 || strings.Count(s, "inline:x") != strings.Count(s, "inline:") {
				t.Errorf("keys in the trace:\n%s", s)
			}
			if plain.Len() != sipText.Len() {
				t.Error("the trace changed in length")
			}
		})
	}
}

// Offers of SRTP that other programs make.
func TestSRTPOffers(t *testing.T) {
	const key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
	const head = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
	for _, tc := range []struct {
		name, media string
		policy      SRTP
		status      int
		stream      int // that is taken
		suite       srtp.Suite
	}{
		{"the second key", "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 F8_128_HMAC_SHA1_80 " + key + "\r\na=crypto:7 AES_CM_128_HMAC_SHA1_32 " + key + "|2^20\r\n", SRTPOptional, 200, 0, srtp.AESCM128HMACSHA132},
		{"no key that we know", "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 F8_128_HMAC_SHA1_80 " + key + "\r\n", SRTPOptional, 488, 0, 0},
		{"no key", "m=audio 4000 RTP/SAVP 8\r\n", SRTPRequired, 488, 0, 0},
		{"both, with keys", "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " + key + "\r\nm=audio 4002 RTP/AVP 8\r\n", SRTPOptional, 200, 0, srtp.AESCM128HMACSHA180},
		{"both, without keys for us", "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 F8_128_HMAC_SHA1_80 " + key + "\r\nm=audio 4002 RTP/AVP 8\r\n", SRTPOptional, 200, 1, 0},
		{"both, and none wanted", "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " + key + "\r\nm=audio 4002 RTP/AVP 8\r\n", SRTPOff, 200, 1, 0},
		{"keys where none are wanted", "m=audio 4000 RTP/AVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " + key + "\r\n", SRTPOff, 200, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{})
				var in *Call
				b := newAgent(t, n, 2, Config{OnCall: func(c *Call) {
					in = c
					c.SetSRTP(tc.policy)
					c.Answer(t.Context())
					<-c.Context().Done()
				}})
				defer b.Close()
				ua, err := sip.NewUserAgent(sip.UserAgentConfig{})
				if err != nil {
					t.Fatal(err)
				}
				defer ua.Close()
				conn, err := n.ListenPacket(addr(1, 5060))
				if err != nil {
					t.Fatal(err)
				}
				ua.Endpoint().ServePacketConn(conn, sip.ListenConfig{})
				d, resp, err := ua.Invite(t.Context(), "sip:b@10.0.0.2", sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte(head + tc.media)}})
				if tc.status != 200 {
					if sip.StatusCode(err) != tc.status {
						t.Errorf("%v, want %d", err, tc.status)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				answer, err := sdp.Parse(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				for i := range answer.Media {
					taken := answer.Media[i].Port != 0
					keys := cryptos(&answer.Media[i])
					if taken != (i == tc.stream) || taken && tc.suite != 0 && (len(keys) != 1 || keys[0].Suite != tc.suite) || (!taken || tc.suite == 0) && len(keys) != 0 {
						t.Errorf("answer\n%s", resp.Body)
					}
				}
				if want := addr(1, uint16(4000+2*tc.stream)); in.Media().Stats().Remote != want {
					t.Errorf("sends to %v, want %v", in.Media().Stats().Remote, want)
				}
				d.Bye(t.Context(), sip.RequestOptions{})
			})
		})
	}
}
