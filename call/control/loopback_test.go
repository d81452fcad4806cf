package control

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
)

// A call to ourselves goes through the dialplan, and its audio through both of its ends.
func TestLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := func(_ context.Context, c *Channel, ext Extension) ([]Action, error) {
			if ext.Context != "inside" || c.Var("mark") != "x y" || c.Var("loopback_leg") != "B" {
				return nil, NoRouteDestination
			}
			return inline("set sip_h_X-Way="+ext.Number+"/"+ext.Dialplan, "bridge sofia/i/bob@10.0.0.2")(nil, nil, ext)
		}
		h := newHouse(t, Config{Dialplan: plan}, call.Config{})
		defer h.close()
		h.phone(1).answers(0, 700)
		h.phone(2).answers(time.Second, 1100)
		c, err := h.sw.OriginateString(t.Context(), "{mark='x y',loopback_export=mark,ignore_early_media=true}loopback/77/inside/XML &bridge(sofia/i/alice@10.0.0.1)")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		_, alice := h.phone(1).last()
		in, bob := h.phone(2).last()
		hears(t, "alice", alice, 1100)
		hears(t, "bob", bob, 700)
		if got := in.Request().Value("X-Way"); got != "77/XML" {
			t.Errorf("the way was %q", got)
		}
		other := h.sw.Channel(c.Var("other_loopback_leg_uuid"))
		if other == nil || other.Var("other_loopback_leg_uuid") != c.UUID() || other.Info().Name != "loopback/77-b" || c.Info().Name != "loopback/77-a" || !other.Incoming() {
			t.Fatalf("%+v", h.sw.Channels())
		}
		in.HangUp(t.Context())
		time.Sleep(time.Second)
		if n := len(h.sw.Channels()); n != 0 {
			t.Errorf("%d channels are left", n)
		}
	})
}

// A refusal at the other end is told with its cause, and calls that lead to themselves come to an end.
func TestLoopbackRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Dialplan: func(_ context.Context, _ *Channel, ext Extension) ([]Action, error) {
			if ext.Number == "again" {
				return inline("set continue_on_fail=false", "bridge loopback/again")(nil, nil, ext)
			}
			return nil, UserBusy
		}}, call.Config{})
		defer h.close()
		if _, err := h.sw.OriginateString(t.Context(), "loopback/77 &park"); CauseOf(err) != UserBusy {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Second) // its channels are gone
		if _, err := h.sw.OriginateString(t.Context(), "loopback/again &park"); CauseOf(err) != ExchangeRoutingError {
			t.Errorf("without end: %v", err)
		}
		if st := h.sw.Stats(); st.Peak != 2*maxLoops+1 {
			t.Errorf("%+v", st)
		}
	})
}

// Whole dial strings are followed at once, each in its own order; one wins.
func TestEnterprise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{}, call.Config{})
		defer h.close()
		h.phone(1).refuses(486)
		h.phone(2).answers(2*time.Second, 700)
		slower := make(chan Cause, 1)
		h.phone(3).on = func(c *call.Call) {
			<-c.Context().Done()
			slower <- CauseOf(context.Cause(c.Context()))
		}
		begin := time.Now()
		c, err := h.sw.OriginateString(t.Context(), "<all=1>{mine=a}sofia/i/a@10.0.0.1|sofia/i/b@10.0.0.2:_:{mine=b}[leg_timeout=10]sofia/i/c@10.0.0.3 &park")
		if err != nil || c.Var("destination_number") != "b" || c.Var("all") != "1" || c.Var("mine") != "a" {
			t.Fatalf("%v: %v", err, c)
		}
		if d := time.Since(begin); d < 2*time.Second || d > 2500*time.Millisecond {
			t.Errorf("after %v", d)
		}
		time.Sleep(2 * time.Second)
		if all := h.sw.Channels(); len(all) != 1 || all[0].UUID != c.UUID() {
			t.Errorf("%+v", all)
		}
		if got := <-slower; got != LoseRace {
			t.Errorf("who was slower hears of %v", got)
		}
		c.Hangup(NormalClearing)
		if _, err := h.sw.OriginateString(t.Context(), "sofia/i/a@10.0.0.1:_:error/UNALLOCATED_NUMBER &park"); CauseOf(err) != UserBusy {
			t.Errorf("nobody: %v", err)
		}
		d, err := ParseDialString("{a=':_:'}user/1,user/2:_:user/3")
		if err != nil || d.Legs() != 3 || len(d.Enterprise) != 2 || !slices.Equal(d.Enterprise[0].Vars, []Var{{"a", ":_:"}}) {
			t.Errorf("%+v, %v", d, err)
		}
		if _, err := ParseDialString("user/1" + strings.Repeat(":_:user/1", 128)); err == nil {
			t.Error("129 legs are taken")
		}
	})
}
