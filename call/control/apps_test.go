package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// Applications that work on variables.
func TestVariables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{MaxVars: 60, Globals: map[string]string{"site": "berlin"}}, call.Config{})
		defer h.close()
		c, _, _ := h.parked()
		for _, line := range []string{
			"set a=1", "set b = 'x, y' ", "set c=${a}-${site}", "set d=$${site}", "multiset e=1 f='2 3'", "multiset ^^;g=1 2;h=3", "set gone=1", "unset gone", "export j=9",
			"export nolocal:k=8", "set_global room=7", "set l=${room}${caller_id_number}", "set m=${b:0:1}", "set n=1", "set n=", "multiunset e h", "log WARNING hello ${a}", "info", "event Event-Subclass=my::test,Who='a b'",
		} {
			app, args, _ := strings.Cut(line, " ")
			if err := c.Execute(t.Context(), app, args); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		for name, want := range map[string]string{"a": "1", "b": "x, y", "c": "1-berlin", "d": "berlin", "e": "", "f": "2 3", "g": "1 2", "h": "", "gone": "", "j": "9", "nolocal:k": "8", "l": "7", "m": "x", "n": "", "export_vars": "j,nolocal:k"} {
			if got := c.Var(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		synctest.Wait()
		if e := h.events.find(c.UUID(), "CUSTOM"); e == nil || e.Subclass != "my::test" || e.Field("Who") != "a b" || e.Field("variable_a") != "1" {
			t.Errorf("event %v", e)
		}
		for _, bad := range []string{"set =1", "hangup NOT_A_CAUSE", "sleep x", "respond 486", "redirect sip:x@y", "record", "transfer", "three_way nobody", "intercept nobody", "conference", "send_dtmf x", "sched_hangup x"} {
			app, args, _ := strings.Cut(bad, " ")
			if err := c.Execute(t.Context(), app, args); err == nil {
				t.Errorf("%s succeeds", bad)
			}
		}
		for i := range 100 {
			err := c.SetVar("v"+string(rune('a'+i/10))+string(rune('a'+i%10)), "x")
			if i > 60 && !errors.Is(err, errTooManyVars) {
				t.Errorf("variable %d: %v", i, err)
			}
		}
		for _, bad := range [][2]string{{"", "x"}, {"a\nb", "x"}, {strings.Repeat("x", 300), "x"}, {"x", strings.Repeat("x", 1<<17)}} {
			if err := c.SetVar(bad[0], bad[1]); err == nil {
				t.Errorf("variable %.20q is taken", bad[0])
			}
		}
		if err := c.Execute(t.Context(), "no_such_app", ""); !errors.Is(err, errUnknownApp) {
			t.Errorf("%v", err)
		}
		<-c.Done()
		if c.Cause() != DestinationOutOfOrder {
			t.Errorf("after an unknown application: %v", c.Cause())
		}
		if err := c.Execute(t.Context(), "set", "a=2"); CauseOf(err) != DestinationOutOfOrder {
			t.Errorf("on a channel that has ended: %v", err)
		}
	})
}

// What a caller gets that is not answered.
func TestRefusals(t *testing.T) {
	for program, want := range map[string]struct {
		status int
		cause  Cause
	}{
		"hangup USER_BUSY": {486, UserBusy}, "respond 403 Not for you": {403, CallRejected},
		"hangup": {480, NormalClearing}, "no_such_app": {502, DestinationOutOfOrder}, "bridge error/NO_ROUTE_DESTINATION": {404, NoRouteDestination}, "transfer error inline": {502, DestinationOutOfOrder},
	} {
		t.Run(program, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, Config{Dialplan: inline(program)}, call.Config{})
				defer h.close()
				_, _, err := h.dial(1, "77", 440)
				var refused *sip.ResponseError
				if !errors.As(err, &refused) || refused.Response.StatusCode != want.status {
					t.Fatalf("%v, want %d", err, want.status)
				}
				if want.status != 403 && CauseOfHeader(refused.Response.Head()) != want.cause {
					t.Errorf("Reason %q, want %v", refused.Response.Value("Reason"), want.cause)
				}
				synctest.Wait()
				if got := h.events.find("", "CHANNEL_HANGUP_COMPLETE").Field("Hangup-Cause"); got != want.cause.String() {
					t.Errorf("the channel has ended with %s, want %v", got, want.cause)
				}
			})
		})
	}
}

// What variables have done at the events of a call.
func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var commands []string
		var ended []string
		h := newHouse(t, Config{
			API: func(_ context.Context, command string) (string, error) {
				mu.Lock()
				commands = append(commands, command)
				mu.Unlock()
				return "+OK", nil
			},
			OnDestroy: func(c *Channel) {
				mu.Lock()
				ended = append(ended, c.Cause().String())
				mu.Unlock()
			},
			Dialplan: inline("set api_hangup_hook=log INFO \\${hangup_cause} \\${foo}", "set foo=bar", "set execute_on_answer=set::answered=1", "set api_on_answer=api answered ${uuid}",
				"export nolocal:execute_on_answer=playback tone_stream://%(500,0,2200)", "set sip_h_X-Trace=7", "export color=red", "set effective_caller_id_number=99", "bridge sofia/internal/bob@10.0.0.2"),
		}, call.Config{})
		defer h.close()
		h.phone(2).answers(time.Second, 1000)
		c, heard, err := h.dial(1, "77", 440)
		if err != nil {
			t.Fatal(err)
		}
		in := h.incoming()
		uuid := in.UUID()
		time.Sleep(450 * time.Millisecond)
		callee, hears2 := h.phone(2).last()
		if got := part(hears2, 2200); got != 0 && got < 1000 {
			t.Errorf("the callee hears %.0f of what is played on his answer", got)
		}
		time.Sleep(1500 * time.Millisecond)
		hears(t, "the callee, afterwards", hears2, 440)
		hears(t, "the caller", heard, 1000)
		if in.Var("answered") != "1" {
			t.Errorf("execute_on_answer: %v", in.Vars())
		}
		req := callee.Request()
		from, _ := req.From()
		if req.Value("X-Trace") != "7" || from.URI.User != "99" {
			t.Errorf("the called leg: %s %s", req.Value("X-Trace"), from.URI.User)
		}
		if b := in.Bridged(); b == nil || b.Var("color") != "red" || b.Var("originator") != uuid || b.Var("call_uuid") != uuid || b.Info().CallUUID != uuid {
			t.Errorf("the called leg: %v", b)
		}
		// The peer holds.
		if err := c.Hold(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if in.Info().CallState != "HELD" || h.events.find(uuid, "CHANNEL_HOLD") == nil {
			t.Errorf("held: %+v", in.Info())
		}
		if err := c.Resume(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if in.Info().CallState != "ACTIVE" || h.events.find(uuid, "CHANNEL_UNHOLD") == nil {
			t.Errorf("not held: %+v", in.Info())
		}
		// And so do we.
		if err := in.Execute(t.Context(), "hold", ""); err != nil || !c.Held() {
			t.Errorf("hold: %v, %v", err, c.Held())
		}
		if err := in.Execute(t.Context(), "unhold", ""); err != nil || c.Held() {
			t.Errorf("unhold: %v", err)
		}
		c.HangUp(t.Context())
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"api answered " + uuid, "log INFO NORMAL_CLEARING bar"}; !slices.Equal(commands, want) {
			t.Errorf("commands %q, want %q", commands, want)
		}
		if len(ended) != 2 {
			t.Errorf("ended: %v", ended)
		}
	})
}

func TestEchoAndSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("sched_hangup +3 ALLOTTED_TIMEOUT", "answer", "echo")}, call.Config{})
		defer h.close()
		begin := time.Now()
		c, heard, err := h.dial(1, "77", 440)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		hears(t, "the caller", heard, 440)
		<-c.Context().Done()
		if d := time.Since(begin).Round(100 * time.Millisecond); d != 3*time.Second || CauseOf(context.Cause(c.Context())) != AllottedTimeout {
			t.Errorf("ended after %v: %v", d, context.Cause(c.Context()))
		}
	})
}

// The caller calls somebody else instead.
func TestRedirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("redirect sip:b@10.0.0.6,sip:c@10.0.0.7")}, call.Config{})
		defer h.close()
		h.phone(6).refuses(486)
		h.phone(7).answers(0, 1000)
		c, heard, err := h.dial(1, "77", 440)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		hears(t, "the caller", heard, 1000)
		if got := h.events.find("", "CHANNEL_HANGUP_COMPLETE").Field("Hangup-Cause"); got != "REDIRECTION_TO_NEW_DESTINATION" {
			t.Errorf("the channel has ended with %s", got)
		}
		c.HangUp(t.Context())
	})
}

func TestDeflect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("answer", "deflect sip:carol@10.0.0.3")}, call.Config{})
		defer h.close()
		h.phone(3).answers(0, 1000)
		p := h.phone(1)
		_ = p
		c, _, err := h.dial(1, "77", 440)
		if err != nil {
			t.Fatal(err)
		}
		<-c.Context().Done() // the phone refuses to be transferred, and the extension ends
		synctest.Wait()
		e := h.events.find("", "CHANNEL_EXECUTE_COMPLETE")
		if e.Field("Application") != "deflect" || !strings.HasPrefix(e.Field("Application-Response"), "-ERR") {
			t.Errorf("%s", e.Field("Application-Response"))
		}
	})
}

// A phone that lets itself be transferred.
func TestDeflected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: inline("answer", "deflect sip:carol@10.0.0.3")}, call.Config{})
		defer h.close()
		h.phone(3).answers(time.Second, 1000)
		var wg sync.WaitGroup
		wg.Add(1)
		phone := newAgent(t, h.net, 5, call.Config{OnTransfer: func(c *call.Call, r *sip.Referred) {
			defer wg.Done()
			n, err := c.Follow(t.Context(), r, call.DialOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(time.Second)
			n.HangUp(t.Context())
		}})
		defer phone.Close()
		c, err := phone.Dial(t.Context(), "sip:77@10.0.0.9", call.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		<-c.Context().Done()
		wg.Wait()
		synctest.Wait()
		if got := h.events.find("", "CHANNEL_HANGUP_COMPLETE").Field("Hangup-Cause"); got != "BLIND_TRANSFER" {
			t.Errorf("ended with %s", got)
		}
		if e := h.events.find("", "CHANNEL_EXECUTE_COMPLETE"); strings.HasPrefix(e.Field("Application-Response"), "-ERR") {
			t.Errorf("%s", e.Field("Application-Response"))
		}
		if callee, _ := h.phone(3).last(); callee == nil {
			t.Error("nobody was called instead")
		}
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Heartbeat: 20 * time.Second, Hostname: "here", Address: "192.0.2.1"}, call.Config{})
		time.Sleep(65 * time.Second)
		synctest.Wait()
		if n := len(h.events.names("")); n != 3 {
			t.Errorf("%d heartbeats", n)
		}
		e := h.events.find("", "HEARTBEAT")
		if e.Field("Up-Time") != "0 years, 0 days, 0 hours, 1 minutes, 0 seconds, 0 milliseconds, 0 microseconds" || e.Field("Session-Count") != "0" || e.Field("FreeSWITCH-Hostname") != "here" || e.Field("FreeSWITCH-IPv4") != "192.0.2.1" {
			t.Errorf("%v", e.Fields)
		}
		h.close()
		if h.events.find("", "SHUTDOWN") == nil {
			t.Error("no SHUTDOWN")
		}
		if _, err := h.sw.OriginateString(t.Context(), "user/1 &park"); !errors.Is(err, UserNotRegistered) && !errors.Is(err, errClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}
