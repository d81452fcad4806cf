package control

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// dialing is a phone that calls the switch.
func (h *house) dial(host byte, number string, tone float64) (*call.Call, *capture, error) {
	p := h.phone(host)
	c, err := p.agent.Dial(h.t.Context(), "sip:"+number+"@10.0.0.9", call.DialOptions{})
	if err != nil {
		return nil, nil, err
	}
	heard := p.keep(c)
	c.Media().SetSource(call.Tone(8000, tone, 8000))
	return c, heard, nil
}

// incoming is the channel of a call that came in.
func (h *house) incoming() *Channel {
	for _, info := range h.sw.Channels() {
		if info.Incoming {
			return h.sw.Channel(info.UUID)
		}
	}
	return nil
}

func TestBridge(t *testing.T) {
	for _, tc := range []struct {
		name    string
		program []string
		answer  func(h *house) // of phones 2 and 3
		status  int            // that the caller gets
		end     string         // who hangs up first: "caller", "callee"
		cause   Cause          // that the caller hears of, if the callee hangs up
		vars    map[string]string
	}{
		{name: "plain, the caller ends", program: []string{"bridge sofia/internal/bob@10.0.0.2"}, end: "caller",
			vars: map[string]string{"originate_disposition": "SUCCESS", "hangup_cause": "NORMAL_CLEARING", "sip_hangup_disposition": "recv_bye"}},
		{name: "plain, the callee ends, the extension goes on", program: []string{"set hangup_after_bridge=false", "bridge sofia/internal/bob@10.0.0.2", "hangup CALL_REJECTED"},
			end: "callee", cause: CallRejected, vars: map[string]string{"last_bridge_hangup_cause": "NORMAL_CLEARING"}},
		{name: "the callee ends, and so the caller", program: []string{"set hangup_after_bridge=true", "bridge sofia/internal/bob@10.0.0.2", "hangup CALL_REJECTED"},
			end: "callee", cause: NormalClearing},
		{name: "busy", program: []string{"bridge sofia/internal/x@10.0.0.3", "answer"}, status: 486,
			vars: map[string]string{"originate_disposition": "USER_BUSY", "DIALSTATUS": "BUSY", "hangup_cause": "USER_BUSY"}},
		{name: "busy, but it goes on", program: []string{"set continue_on_fail=true", "bridge sofia/internal/x@10.0.0.3", "bridge sofia/internal/bob@10.0.0.2"}, end: "caller"},
		{name: "busy, which is listed", program: []string{"set continue_on_fail=NO_ANSWER,17", "bridge sofia/internal/x@10.0.0.3", "bridge sofia/internal/bob@10.0.0.2"}, end: "caller"},
		{name: "busy, which is not listed", program: []string{"set continue_on_fail=NO_ANSWER", "bridge sofia/internal/x@10.0.0.3", "bridge sofia/internal/bob@10.0.0.2"}, status: 486},
		{name: "nobody answers", program: []string{"set call_timeout=1", "bridge sofia/internal/slow@10.0.0.4"}, status: 480,
			vars: map[string]string{"originate_disposition": "NO_ANSWER", "DIALSTATUS": "NOANSWER"}},
		{name: "a dial string that is none", program: []string{"bridge bob"}, status: 480, vars: map[string]string{"DIALSTATUS": "INVALIDARGS"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, Config{Dialplan: inline(tc.program...)}, call.Config{})
				defer h.close()
				h.phone(2).answers(time.Second, 1000)
				h.phone(3).refuses(486)
				h.phone(4).answers(10*time.Second, 440)
				c, heard, err := h.dial(1, "77", 440)
				if got := sip.StatusCode(err); got != tc.status {
					t.Fatalf("the caller gets %v, want %d", err, tc.status)
				}
				uuid := ""
				if err == nil {
					in := h.incoming()
					uuid = in.UUID()
					time.Sleep(time.Second)
					callee, heardToo := h.phone(2).last()
					hears(t, "caller", heard, 1000)
					hears(t, "callee", heardToo, 440)
					b := in.Bridged()
					if b == nil || b.Bridged() != in || b.Var("bridge_uuid") != uuid || in.Info().App.App != "bridge" || b.Info().State != StateExchangeMedia {
						t.Errorf("bridged: %+v", in.Info())
					}
					if tc.end == "caller" {
						c.HangUp(t.Context())
						<-callee.Context().Done()
					} else {
						callee.HangUp(t.Context())
						<-c.Context().Done()
						if got := CauseOf(context.Cause(c.Context())); got != tc.cause {
							t.Errorf("the caller hears of %v, want %v", got, tc.cause)
						}
					}
				}
				time.Sleep(time.Second)
				synctest.Wait()
				var done *Event
				for _, e := range h.events.all {
					if e.Name == "CHANNEL_HANGUP_COMPLETE" && e.Field("Call-Direction") == "inbound" {
						done = e
					}
				}
				if done == nil {
					t.Fatal("the caller's channel has no end")
				}
				for name, want := range tc.vars {
					if got := done.Field("variable_" + name); got != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
				if uuid != "" {
					e := h.events.find(uuid, "CHANNEL_BRIDGE")
					if e.Field("Other-Type") != "originatee" || e.Field("Other-Leg-Unique-ID") != e.Field("Bridge-B-Unique-ID") || e.Field("Other-Leg-Destination-Number") != "bob" {
						t.Errorf("bridge: %v", e.Fields)
					}
					if h.events.find(uuid, "CHANNEL_UNBRIDGE") == nil {
						t.Error("no CHANNEL_UNBRIDGE")
					}
				}
				if n := len(h.sw.Channels()); n != 0 {
					t.Errorf("%d channels left", n)
				}
			})
		})
	}
}

// The caller hears the called party before the answer, and is not answered before.
func TestBridgeEarlyMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("bridge sofia/internal/bob@10.0.0.2")}, call.Config{})
		defer h.close()
		h.phone(2).on = func(c *call.Call) {
			time.Sleep(time.Second)
			if err := c.Progress(); err != nil {
				t.Error(err)
			}
			c.Media().SetSource(call.Tone(8000, 1000, 8000))
			time.Sleep(2 * time.Second)
			if strings.HasPrefix(c.Request().RequestURI, "sip:bob") {
				c.Answer(context.Background())
			}
		}
		var codes []int
		early := &capture{}
		begin := time.Now()
		c, err := h.phone(1).agent.Dial(t.Context(), "sip:77@10.0.0.9", call.DialOptions{OnProgress: func(c *call.Call, r *sip.Response) {
			codes = append(codes, r.StatusCode)
			if m := c.Media(); m != nil {
				m.AddSink(early)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin).Round(100 * time.Millisecond); d != 3*time.Second {
			t.Errorf("answered after %v", d)
		}
		if !slices.Equal(codes, []int{183}) {
			t.Errorf("provisional responses %v", codes)
		}
		hears(t, "the caller, early", early, 1000)
		c.HangUp(t.Context())
	})
}

// The caller goes while the phone rings.
func TestBridgeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("bridge sofia/internal/bob@10.0.0.2")}, call.Config{})
		defer h.close()
		end := make(chan error, 1)
		h.phone(2).on = func(c *call.Call) {
			c.Ring()
			<-c.Context().Done()
			end <- context.Cause(c.Context())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := h.phone(1).agent.Dial(ctx, "sip:77@10.0.0.9", call.DialOptions{}); err == nil {
			t.Error("answered")
		}
		time.Sleep(time.Second)
		if err := <-end; CauseOf(err) != OriginatorCancel {
			t.Errorf("the callee hears of %v", err)
		}
		if n := len(h.sw.Channels()); n != 0 {
			t.Errorf("%d channels left", n)
		}
	})
}

// uuid_bridge, uuid_transfer in its three forms, and park_after_bridge.
func TestSwitchBridgeAndTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: func(_ context.Context, _ *Channel, ext Extension) ([]Action, error) {
			switch ext.Number {
			case "tone":
				return []Action{{App: "answer"}, {App: "playback", Args: "tone_stream://%(60000,0,2200)"}}, nil
			case "park":
				return []Action{{App: "park"}}, nil
			}
			return nil, UnallocatedNumber
		}}, call.Config{})
		defer h.close()
		h.phone(1).answers(0, 440)
		h.phone(2).answers(0, 1000)
		h.phone(3).answers(0, 1600)
		var legs []*Channel
		var heard []*capture
		for _, host := range []string{"1", "2", "3"} {
			c, err := h.sw.OriginateString(t.Context(), "sofia/internal/bob@10.0.0."+host+" &park")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			_, cap := h.phone(host[0] - '0').last()
			legs, heard = append(legs, c), append(heard, cap)
		}
		check := func(what string, want ...float64) {
			t.Helper()
			time.Sleep(time.Second)
			for i, w := range want {
				if w == 0 {
					hears(t, what+": phone "+string(rune('1'+i)), heard[i])
				} else {
					hears(t, what+": phone "+string(rune('1'+i)), heard[i], w)
				}
			}
		}
		check("parked", 0, 0, 0)
		if err := h.sw.Bridge(legs[0], legs[1]); err != nil {
			t.Fatal(err)
		}
		check("1 and 2", 1000, 440, 0)
		legs[1].SetVar("park_after_bridge", "true")
		if err := h.sw.Bridge(legs[0], legs[2]); err != nil { // 2 is left alone
			t.Fatal(err)
		}
		check("1 and 3", 1600, 0, 440)
		if s := legs[1].Info().State; s != StatePark {
			t.Errorf("the one that is left: %v", s)
		}
		if err := legs[0].TransferLeg("-both", Extension{Number: "tone"}); err != nil {
			t.Fatal(err)
		}
		check("both to a tone", 2200, 0, 2200)
		if err := legs[1].TransferLeg("-bleg", Extension{Number: "tone"}); err == nil {
			t.Error("a leg that is not there was transferred")
		}
		if err := h.sw.Bridge(legs[0], legs[1]); err != nil {
			t.Fatal(err)
		}
		check("1 and 2 again", 1000, 440, 2200)
		if err := legs[0].TransferLeg("-bleg", Extension{Number: "tone"}); err != nil { // which ends 1
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		hears(t, "2 at the tone", heard[1], 2200)
		if legs[0].Cause() != NormalClearing {
			t.Errorf("1 has %v", legs[0].Info())
		}
		if err := legs[1].Transfer(Extension{Number: "nowhere"}); err != nil {
			t.Error(err)
		}
		<-legs[1].Done()
		if got := legs[1].Cause(); got != UnallocatedNumber {
			t.Errorf("to nowhere: %v", got)
		}
		if err := legs[2].Transfer(Extension{Number: "answer,sleep:1000,hangup:USER_BUSY", Dialplan: "inline"}); err != nil {
			t.Error(err)
		}
		<-legs[2].Done()
		if got := legs[2].Cause(); got != UserBusy {
			t.Errorf("inline: %v", got)
		}
	})
}

// An application that is about to begin when its channel is bridged does not begin any more.
func TestBridgeBeforeApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Functions: []string{"slow"}, API: func(context.Context, string) (string, error) {
			time.Sleep(time.Second)
			return "2200", nil
		}}, call.Config{})
		defer h.close()
		h.phone(1).answers(0, 440)
		h.phone(2).answers(0, 1000)
		a, err := h.sw.OriginateString(t.Context(), "sofia/i/a@10.0.0.1 &playback(tone_stream://%(1000,0,${slow()});loops=-1)")
		if err != nil {
			t.Fatal(err)
		}
		b, err := h.sw.OriginateString(t.Context(), "sofia/i/b@10.0.0.2 &park")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.sw.Bridge(a, b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		_, heard := h.phone(1).last()
		hears(t, "A", heard, 1000)
	})
}

// A leg of a bridge is played something, and then hears the other again.
func TestBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("bridge sofia/internal/bob@10.0.0.2")}, call.Config{})
		defer h.close()
		h.phone(2).answers(0, 1000)
		_, heard, err := h.dial(1, "77", 440)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		_, heardToo := h.phone(2).last()
		c := h.incoming()
		for _, tc := range []struct {
			legs string
			a, b float64
		}{{"aleg", 2200, 440}, {"bleg", 1000, 2200}, {"both", 2200, 2200}} {
			if err := c.Broadcast("tone_stream://%(1000,0,2200)", tc.legs); err != nil {
				t.Fatal(err)
			}
			time.Sleep(900 * time.Millisecond)
			hears(t, tc.legs+": A", heard, tc.a)
			hears(t, tc.legs+": B", heardToo, tc.b)
			time.Sleep(time.Second)
			hears(t, tc.legs+", after it: A", heard, 1000)
			hears(t, tc.legs+", after it: B", heardToo, 440)
		}
		if err := c.Broadcast("playback!USER_BUSY::tone_stream://%(500,0,2200)", "bleg"); err != nil {
			t.Fatal(err)
		}
		callee, _ := h.phone(2).last()
		<-callee.Context().Done()
		if got := CauseOf(context.Cause(callee.Context())); got != UserBusy {
			t.Errorf("the callee hears of %v", got)
		}
	})
}

func TestConferenceAndThreeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{}, call.Config{})
		defer h.close()
		h.phone(1).answers(0, 440)
		h.phone(2).answers(0, 1000)
		h.phone(3).answers(0, 1600)
		var legs []*Channel
		var heard []*capture
		call := func(host string, then string) {
			t.Helper()
			c, err := h.sw.OriginateString(t.Context(), "sofia/internal/bob@10.0.0."+host+" "+then)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			_, cap := h.phone(host[0] - '0').last()
			legs, heard = append(legs, c), append(heard, cap)
		}
		for _, host := range []string{"1", "2", "3"} {
			call(host, "&conference(room@default)")
		}
		time.Sleep(2 * time.Second)
		hears(t, "1", heard[0], 1000, 1600)
		hears(t, "2", heard[1], 440, 1600)
		if got := h.sw.Conferences(); len(got) != 1 || len(got[0].Members) != 3 || got[0].Name != "room" {
			t.Errorf("conferences %+v", got)
		}
		legs[2].Press("0") // mutes
		time.Sleep(2 * time.Second)
		hears(t, "1, 3 is muted", heard[0], 1000)
		if n := h.sw.ConferenceDo("room", 0, "unmute"); n != 3 {
			t.Errorf("%d unmuted", n)
		}
		h.sw.ConferenceDo("room", 2, "mute")
		h.sw.ConferenceDo("room", 1, "deaf")
		time.Sleep(2 * time.Second)
		hears(t, "1 is deaf", heard[0])
		hears(t, "3, 2 is muted", heard[2], 440)
		if got := h.sw.Conferences()[0].Members; !got[0].Deaf || got[0].Muted || !got[1].Muted || got[2].Muted {
			t.Errorf("%+v", got)
		}
		h.sw.ConferenceDo("room", 3, "kick")
		<-legs[2].Done()
		for _, c := range legs[:2] {
			c.Hangup(NormalClearing)
			<-c.Done()
		}
		if got := h.sw.Conferences(); len(got) != 0 {
			t.Errorf("conferences %+v", got)
		}
		// Three.
		legs, heard = nil, nil
		call("1", "&park")
		call("2", "&park")
		if err := h.sw.Bridge(legs[0], legs[1]); err != nil {
			t.Fatal(err)
		}
		call("3", "&three_way("+legs[0].UUID()+")")
		time.Sleep(2 * time.Second)
		hears(t, "1 of three", heard[0], 1000, 1600)
		hears(t, "2 of three", heard[1], 440, 1600)
		hears(t, "3 of three", heard[2], 440, 1000)
		legs[2].Hangup(NormalClearing)
		time.Sleep(2 * time.Second)
		hears(t, "1 of two", heard[0], 1000)
		hears(t, "2 of two", heard[1], 440)
		// One who only listens.
		legs, heard = legs[:2], heard[:2]
		call("3", "&eavesdrop("+legs[1].UUID()+")")
		time.Sleep(2 * time.Second)
		hears(t, "1, listened to", heard[0], 1000)
		hears(t, "the listener", heard[2], 440, 1000)
		// And one who takes 1 away from 2.
		legs[2].Hangup(NormalClearing)
		<-legs[2].Done()
		legs, heard = legs[:2], heard[:2]
		call("3", "&intercept("+legs[0].UUID()+")")
		time.Sleep(2 * time.Second)
		hears(t, "1, intercepted", heard[0], 1600)
		hears(t, "3, who intercepts", heard[2], 440)
		if got := legs[1].Cause(); got != PickedOff {
			t.Errorf("2 has %v", got)
		}
	})
}
