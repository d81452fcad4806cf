package control

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
)

// Many channels, and several front ends that do whatever comes to their minds with them, at the same time: nothing is
// left at the end, nothing hangs, and each channel's events are in order. TELCO_CHURN is how many seconds (of the
// test's own time) it lasts; if not set, 20.
func TestChurn(t *testing.T) {
	seconds := 20
	if n, err := strconv.Atoi(os.Getenv("TELCO_CHURN")); err == nil {
		seconds = n
	}
	seed := uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("TELCO_SEED"), 10, 64); err == nil {
		seed = n
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{MaxEvents: 1 << 20, MaxQueue: 20, Sounds: sounds(t), Recordings: t.TempDir(), Dialplan: func(_ context.Context, _ *Channel, ext Extension) ([]Action, error) {
			switch ext.Number {
			case "bridge":
				return []Action{{App: "set", Args: "continue_on_fail=true"}, {App: "bridge", Args: "sofia/i/a@10.0.0.1,sofia/i/b@10.0.0.2|sofia/i/c@10.0.0.3"}, {App: "sleep", Args: "500"}}, nil
			case "room":
				return []Action{{App: "conference", Args: "room"}}, nil
			case "tone":
				return []Action{{App: "answer"}, {App: "playback", Args: "tone_stream://%(3000,0,440)"}, {App: "record", Args: "x.wav 1"}}, nil
			}
			return nil, NoRouteDestination
		}}, call.Config{})
		h.events = nil
		states := &order{last: map[string]string{}}
		h.sw.Watch(states.add)
		for host := byte(1); host <= 3; host++ {
			rng := rand.New(rand.NewPCG(seed, uint64(host)))
			var mu sync.Mutex
			h.phone(host).on = func(c *call.Call) {
				mu.Lock()
				what, wait := rng.IntN(10), time.Duration(rng.IntN(1500))*time.Millisecond
				mu.Unlock()
				if what == 0 {
					c.Refuse(486, "")
					return
				}
				c.Ring()
				if what == 1 {
					c.Progress()
				}
				select {
				case <-time.After(wait):
				case <-c.Context().Done():
					return
				}
				if c.Answer(context.Background()) != nil {
					return
				}
				if what < 5 {
					time.Sleep(4 * wait)
					c.HangUp(context.Background())
				}
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 4 {
			rng := rand.New(rand.NewPCG(seed, uint64(100+i)))
			wg.Go(func() {
				for ctx.Err() == nil {
					h.monkey(ctx, rng)
					time.Sleep(time.Duration(rng.IntN(120)) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		h.close()
		if states.bad != "" {
			t.Error(states.bad)
		}
		if states.n < 100 || states.ended < 10 {
			t.Errorf("%d events, %d channels", states.n, states.ended)
		}
		t.Logf("%d events of %d channels, seed %d", states.n, states.ended, seed)
	})
}

// order checks the events of channels: CHANNEL_CREATE first, CHANNEL_DESTROY last, each once.
type order struct {
	last     map[string]string
	n, ended int
	bad      string
}

func (o *order) add(e *Event) {
	if e.UUID == "" {
		return
	}
	o.n++
	last, known := o.last[e.UUID]
	switch {
	case (e.Name == "CHANNEL_CREATE") == known, last == "CHANNEL_DESTROY", e.Name == "CHANNEL_DESTROY" && last != "CHANNEL_STATE" && last != "CHANNEL_HANGUP_COMPLETE":
		o.bad = fmt.Sprintf("%s: %s after %q", e.UUID, e.Name, last)
	case e.Name == "CHANNEL_DESTROY":
		o.ended++
	}
	o.last[e.UUID] = e.Name
}

// monkey does something with some channel.
func (h *house) monkey(ctx context.Context, rng *rand.Rand) {
	all := h.sw.Channels()
	pick := func() *Channel {
		if len(all) == 0 {
			return nil
		}
		return h.sw.Channel(all[rng.IntN(len(all))].UUID)
	}
	a, b := pick(), pick()
	then := []string{"&park", "bridge", "room", "tone", "nowhere", "&echo"}
	ext := Extension{Number: then[rng.IntN(len(then))]}
	n := rng.IntN(18)
	if a == nil || b == nil || len(all) < 4 {
		n = 0
	}
	switch n {
	case 0, 1, 2:
		host := 1 + rng.IntN(3)
		h.sw.OriginateString(ctx, fmt.Sprintf("{originate_timeout=3}sofia/i/x@10.0.0.%d %s", host, ext.Number))
	case 3:
		c, err := h.phone(4).agent.Dial(ctx, "sip:"+ext.Number+"@10.0.0.9", call.DialOptions{})
		if err == nil {
			time.AfterFunc(time.Duration(rng.IntN(5000))*time.Millisecond, func() { c.HangUp(context.Background()) })
		}
	case 4, 5:
		h.sw.Bridge(a, b)
	case 6:
		a.TransferLeg([]string{"", "-bleg", "-both"}[rng.IntN(3)], ext)
	case 7:
		a.Hangup(Cause(16 + rng.IntN(6)))
	case 8:
		a.Broadcast("tone_stream://%(500,0,1000)", []string{"aleg", "bleg", "both"}[rng.IntN(3)])
	case 9:
		a.Queue(Action{App: "playback", Args: "a440.wav"}, Action{App: "three_way", Args: b.UUID()})
	case 10:
		a.Queue(Action{App: "intercept", Args: b.UUID()})
	case 11:
		a.Break(rng.IntN(2) == 0)
	case 12:
		a.Record(fmt.Sprint(rng.IntN(3), ".wav"), time.Second)
	case 13:
		a.StopRecord("all")
	case 14:
		a.Press("0123#")
		a.Queue(Action{App: "read", Args: "1 2 a440.wav x 1000 #"})
	case 15:
		a.SetVar("park_after_bridge", []string{"true", "false"}[rng.IntN(2)])
	case 16:
		a.Queue(Action{App: "eavesdrop", Args: b.UUID()}, Action{App: "hangup"})
	case 17:
		a.Unbridge()
	}
}
