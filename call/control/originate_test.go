package control

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// part is how strong a frequency is in the last half second of what was heard: about the peak value of its sine.
func part(c *capture, frequency float64) float64 {
	const rate = 8000
	pcm := c.samples()
	if len(pcm) < rate/2 {
		return 0
	}
	pcm = pcm[len(pcm)-rate/2:]
	var re, im float64
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * frequency * float64(i) / rate)
		re, im = re+float64(v)*c, im+float64(v)*s
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}

// hears checks which of the tones somebody hears.
func hears(t *testing.T, who string, c *capture, want ...float64) {
	t.Helper()
	for _, f := range []float64{440, 1000, 1600, 2200} {
		got := part(c, f)
		if slices.Contains(want, f) != (got > 1000) {
			t.Errorf("%s hears %.0f of %.0f Hz, want it: %v", who, got, f, slices.Contains(want, f))
		}
	}
}

func TestOriginate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("answer", "sleep 1000")}, call.Config{})
		defer h.close()
		h.phone(1).answers(2*time.Second, 440)
		h.phone(2).answers(time.Second, 1000)
		h.phone(3).refuses(486)
		for _, tc := range []struct {
			name, args string
			who        string // destination of the leg that wins
			cause      Cause
			took       time.Duration
		}{
			{"one", "sofia/internal/bob@10.0.0.1 &park", "bob", 0, 2 * time.Second},
			{"the faster", "sofia/internal/a@10.0.0.1,sofia/internal/b@10.0.0.2 &park()", "b", 0, time.Second},
			{"the slower has a delay", "sofia/internal/a@10.0.0.1,[leg_delay_start=5]sofia/internal/b@10.0.0.2 &park", "a", 0, 2 * time.Second},
			{"busy, then another", "sofia/internal/x@10.0.0.3|sofia/internal/b@10.0.0.2 &park", "b", 0, time.Second},
			{"busy", "sofia/internal/x@10.0.0.3 &park", "", UserBusy, 0},
			{"an error on purpose", "error/USER_NOT_REGISTERED|error/CALL_REJECTED &park", "", CallRejected, 0},
			{"an unknown gateway", "sofia/gateway/gw/123 &park", "", InvalidGateway, 0},
			{"a user", "user/1000 &park", "", UserNotRegistered, 0},
			{"too slow", "{originate_timeout=1}sofia/internal/a@10.0.0.1 &park", "", NoAnswer, time.Second},
			{"too slow a leg", "[leg_timeout=1]sofia/internal/a@10.0.0.1|sofia/internal/b@10.0.0.2 &park", "b", 0, 2 * time.Second},
			{"again and again", "{originate_retries=2,originate_retry_sleep_ms=500}error/USER_BUSY &park", "", UserBusy, time.Second},
			{"one rejects for all", "{fail_on_single_reject=^^:USER_BUSY:CALL_REJECTED}sofia/internal/x@10.0.0.3,sofia/internal/b@10.0.0.2|sofia/internal/b@10.0.0.2 &park", "", UserBusy, 0},
			{"one rejects for itself", "{fail_on_single_reject=CALL_REJECTED}sofia/internal/x@10.0.0.3,sofia/internal/b@10.0.0.2 &park", "b", 0, time.Second},
			{"an extension", "sofia/internal/b@10.0.0.2 1234", "b", 0, time.Second},
			{"a timeout", "sofia/internal/a@10.0.0.1 1234 XML default Bob 77 1", "", NoAnswer, time.Second},
		} {
			begin := time.Now()
			c, err := h.sw.OriginateString(t.Context(), tc.args)
			if took := time.Since(begin); took < tc.took || took > tc.took+100*time.Millisecond {
				t.Errorf("%s: took %v, want %v", tc.name, took, tc.took)
			}
			if tc.who == "" {
				var cause Cause
				if !errors.As(err, &cause) || cause != tc.cause {
					t.Errorf("%s: %v, want %v", tc.name, err, tc.cause)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
				continue
			}
			if got := c.Var("destination_number"); got != tc.who {
				// An extension changes it.
				if got != "1234" {
					t.Errorf("%s: %s has won, want %s", tc.name, got, tc.who)
				}
			}
			if !c.IsAnswered() || c.Incoming() {
				t.Errorf("%s: %+v", tc.name, c.Info())
			}
			time.Sleep(200 * time.Millisecond)
			if n := len(h.sw.Channels()); n != 1 {
				t.Errorf("%s: %d channels, want the one that won: %v", tc.name, n, h.sw.Channels())
			}
			c.Hangup(ManagerRequest)
			<-c.Done()
		}
	})
}

// Losers of a race, and what is told of a call's end, on the other side.
func TestOriginateCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{}, call.Config{})
		defer h.close()
		ends := make(chan Cause, 4)
		h.phone(1).on = func(c *call.Call) {
			c.Ring()
			<-c.Context().Done()
			ends <- CauseOf(context.Cause(c.Context()))
		}
		h.phone(2).answers(time.Second, 440)
		c, err := h.sw.OriginateString(t.Context(), "sofia/i/a@10.0.0.1,sofia/i/b@10.0.0.2 &park")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := h.sw.OriginateString(ctx, "sofia/i/a@10.0.0.1 &park"); CauseOf(err) != NoAnswer {
			t.Errorf("given up: %v", err)
		}
		c.Hangup(CallRejected)
		callee, _ := h.phone(2).last()
		<-callee.Context().Done()
		if got := CauseOf(context.Cause(callee.Context())); got != CallRejected {
			t.Errorf("the callee hears of %v", got)
		}
		for _, want := range []Cause{LoseRace, NoAnswer} {
			if got := <-ends; got != want {
				t.Errorf("the phone that is too slow hears of %v, want %v", got, want)
			}
		}
	})
}

// Variables of a dial string arrive where they should.
func TestOriginateVars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Domain: "example.net"}, call.Config{})
		defer h.close()
		var req *sip.Request
		h.phone(1).on = func(c *call.Call) {
			req = c.Request()
			c.Answer(context.Background())
		}
		c, err := h.sw.OriginateString(t.Context(), `{origination_uuid=my-call,origination_caller_id_name='Doe, Jane',origination_caller_id_number=+49 30,foo=bar,sip_h_X-Job=7,sip_h_Via=no,sip_cid_type=pid}[sip_h_X-Leg=a\,b]sofia/internal/bob@10.0.0.1 &park`)
		if err != nil {
			t.Fatal(err)
		}
		if c.UUID() != "my-call" || h.sw.Channel("my-call") != c || c.Var("foo") != "bar" || c.Var("uuid") != "my-call" {
			t.Errorf("variables %v", c.Vars())
		}
		if got := req.Value("X-Job") + " " + req.Value("X-Leg"); got != "7 a,b" {
			t.Errorf("header fields %q", got)
		}
		if n := req.Count("Via"); n != 1 {
			t.Errorf("%d Via", n)
		}
		from, _ := req.From()
		if from.Display != "Doe, Jane" || from.URI.User != "+49%2030" || from.URI.Host != "example.net" {
			t.Errorf("From %+v", from)
		}
		if got := req.Value("P-Asserted-Identity"); !strings.Contains(got, "example.net") {
			t.Errorf("P-Asserted-Identity %q", got)
		}
		c.Hangup(NormalClearing)
		if _, err := h.sw.OriginateString(t.Context(), "{origination_uuid=x}sofia/internal/bob@10.0.0.1,sofia/internal/bob@10.0.0.1 &park"); err != nil {
			t.Errorf("one of two legs of the same name: %v", err)
		}
	})
}

// Early media wins unless it is to be ignored.
func TestOriginateEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{}, call.Config{})
		defer h.close()
		h.phone(1).on = func(c *call.Call) {
			time.Sleep(time.Second)
			if err := c.Progress(); err != nil {
				t.Error(err)
			}
			time.Sleep(5 * time.Second)
			c.Answer(context.Background())
		}
		for _, tc := range []struct {
			vars string
			took time.Duration
		}{{"", time.Second}, {"{ignore_early_media=true}", 6 * time.Second}} {
			begin := time.Now()
			c, err := h.sw.OriginateString(t.Context(), tc.vars+"sofia/internal/bob@10.0.0.1 &park")
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin).Round(100 * time.Millisecond); took != tc.took {
				t.Errorf("%s took %v, want %v", tc.vars, took, tc.took)
			}
			if c.IsAnswered() != (tc.vars != "") {
				t.Errorf("%s: %+v", tc.vars, c.Info())
			}
			if err := c.Answer(t.Context()); err != nil { // waits for it
				t.Error(err)
			}
			if took := time.Since(begin).Round(100 * time.Millisecond); took != 6*time.Second {
				t.Errorf("%s answered after %v", tc.vars, took)
			}
			names := h.events.names(c.UUID(), "CHANNEL_STATE", "CHANNEL_CALLSTATE", "CHANNEL_EXECUTE", "CHANNEL_PARK")
			synctest.Wait()
			if want := []string{"CHANNEL_CREATE", "CHANNEL_OUTGOING", "CHANNEL_PROGRESS_MEDIA"}; !slices.Equal(names[:3], want) {
				t.Errorf("%s: events %v", tc.vars, names)
			}
			c.Hangup(NormalClearing)
			<-c.Done()
		}
	})
}

// The targets of a gateway are tried in turn.
func TestTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Resolve: func(_ context.Context, ep Endpoint) ([]Target, error) {
			if ep.Kind != KindGateway || ep.Name != "gw" {
				return nil, InvalidGateway
			}
			var out []Target
			for _, host := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
				out = append(out, Target{URI: "sip:" + ep.Dest + "@" + host, Vars: []Var{{"target", host}}})
			}
			return out, nil
		}}
		h := newHouse(t, cfg, call.Config{})
		defer h.close()
		h.phone(1).refuses(503)
		h.phone(2).refuses(500)
		h.phone(3).answers(time.Second, 440)
		c, err := h.sw.OriginateString(t.Context(), "sofia/gateway/gw/4930123 &park")
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Var("target"); got != "10.0.0.3" {
			t.Errorf("target %s", got)
		}
		c.Hangup(NormalClearing)
		h.phone(2).refuses(404)
		_, err = h.sw.OriginateString(t.Context(), "sofia/gateway/gw/4930123 &park")
		if CauseOf(err) != UnallocatedNumber {
			t.Errorf("an unknown number: %v", err)
		}
		synctest.Wait()
		e := h.events.find("", "CHANNEL_HANGUP_COMPLETE")
		if got := e.Field("variable_sip_term_status") + " " + e.Field("variable_sip_hangup_disposition") + " " + e.Field("Hangup-Cause"); got != "404 recv_refuse UNALLOCATED_NUMBER" {
			t.Errorf("the end: %s", got)
		}
	})
}

func TestOriginateBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{MaxChannels: 2}, call.Config{})
		defer h.close()
		h.phone(1).answers(time.Second, 440)
		var all []*Channel
		for range 2 {
			c, err := h.sw.OriginateString(t.Context(), "sofia/internal/bob@10.0.0.1 &park")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		if _, err := h.sw.OriginateString(t.Context(), "sofia/internal/bob@10.0.0.1 &park"); CauseOf(err) != SwitchCongestion {
			t.Errorf("a third channel: %v", err)
		}
		_, err := h.phone(2).agent.Dial(t.Context(), "sip:1@10.0.0.9", call.DialOptions{})
		if got := sip.StatusCode(err); got != 503 {
			t.Errorf("a third channel, coming in: %v", err)
		}
		all[0].Hangup(NormalClearing)
		<-all[0].Done()
		h.sw.Pause(true)
		if _, err := h.sw.OriginateString(t.Context(), "sofia/internal/bob@10.0.0.1 &park"); CauseOf(err) != SwitchCongestion {
			t.Errorf("while it pauses: %v", err)
		}
	})
}

// A mailbox that answers does not win where the called party is to press a key.
func TestGroupConfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{}, call.Config{})
		defer h.close()
		mailbox := make(chan Cause, 2)
		h.phone(1).on = func(c *call.Call) {
			c.Answer(context.Background())
			<-c.Context().Done()
			mailbox <- CauseOf(context.Cause(c.Context()))
		}
		h.phone(2).on = func(c *call.Call) {
			time.Sleep(time.Second)
			c.Answer(context.Background())
			h := h.phone(2).keep(c)
			time.Sleep(time.Second)
			hears(t, "who is asked", h, 440)
			c.SendDTMF('7')
			time.Sleep(time.Second)
			c.SendDTMF('1')
		}
		begin := time.Now()
		c, err := h.sw.OriginateString(t.Context(), "{group_confirm_key=1,group_confirm_file='tone_stream://%(9000,0,440)'}sofia/i/box@10.0.0.1,sofia/i/man@10.0.0.2 &park")
		if err != nil || c.Var("destination_number") != "man" {
			t.Fatalf("%v, %v", c, err)
		}
		if d := time.Since(begin); d < 3*time.Second || d > 3300*time.Millisecond {
			t.Errorf("after %v", d)
		}
		if got := <-mailbox; got != LoseRace {
			t.Errorf("the mailbox hears of %v", got)
		}
		c.Hangup(NormalClearing)
		begin = time.Now()
		_, err = h.sw.OriginateString(t.Context(), "{group_confirm_key=1,group_confirm_read_timeout=2000}sofia/i/box@10.0.0.1 &park")
		if d := time.Since(begin).Round(100 * time.Millisecond); CauseOf(err) != NoAnswer || d != 2*time.Second {
			t.Errorf("nobody confirms: %v after %v", err, d)
		}
		<-mailbox
	})
}
