package call

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// Bob parks Alice, who hears music over and over while he hangs up, and Carol fetches her.
func TestPark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
		lot, err := NewParkingLot(ParkingConfig{First: 70, Last: 71, Timeout: time.Minute, Music: func(rate int) Source {
			music := make([]int16, rate/2) // half a second
			Tone(rate, 700, 4000).ReadSamples(music)
			return Samples(music)
		}})
		if err != nil {
			t.Fatal(err)
		}
		legs := make(chan *Call, 4)
		var as *Agent
		as = newAgent(t, n, 9, Config{OnCall: func(c *Call) {
			if u, _ := c.Request().URI(); u.User == "fetch" {
				if err := lot.Retrieve(t.Context(), 70, c); err != nil {
					c.Refuse(404, "")
				}
				return
			}
			as.Connect(t.Context(), c, "sip:b@10.0.0.2", ConnectOptions{OnConnect: func(in, out *Call) { legs <- in }})
		}})
		defer as.Close()
		bobs := make(chan *Call, 4)
		b := newAgent(t, n, 2, Config{OnCall: answerWith(1000, bobs)})
		defer b.Close()
		a, c3 := newAgent(t, n, 1, Config{}), newAgent(t, n, 3, Config{Codecs: []Codec{PCMU}})
		defer a.Close()
		defer c3.Close()
		if _, err := c3.Dial(t.Context(), "sip:fetch@10.0.0.9", DialOptions{}); sip.StatusCode(err) != 404 {
			t.Errorf("an empty orbit: %v", err)
		}
		alice, heard := caller(t, a, "sip:b@10.0.0.9", 440)
		bob, in := <-bobs, <-legs
		if p := in.Peer(); p == nil || p.Peer() != in {
			t.Fatal("no other leg")
		}
		if orbit, err := lot.Park(in, 0); err != nil || orbit != 70 {
			t.Fatalf("%d, %v", orbit, err)
		}
		if in.Peer() != nil {
			t.Error("the legs are still connected")
		}
		if _, err := lot.Park(in, 70); !errors.Is(err, ErrOrbitTaken) {
			t.Error(err)
		}
		if _, err := lot.Park(in, 72); !errors.Is(err, ErrOrbitEmpty) {
			t.Error(err)
		}
		if err := bob.HangUp(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		if got := part(heard, 8000, 700); got < 3000 {
			t.Errorf("music with %.0f", got)
		}
		if alice.Context().Err() != nil || b.Calls() != 0 || as.Calls() != 1 {
			t.Fatalf("%v, %d and %d calls", context.Cause(alice.Context()), b.Calls(), as.Calls())
		}
		if list := lot.Calls(); len(list) != 1 || list[0].Orbit != 70 || list[0].Call != in {
			t.Errorf("%+v", list)
		}
		carol, heardByCarol := caller(t, c3, "sip:fetch@10.0.0.9", 1000)
		time.Sleep(2 * time.Minute) // the timeout has no meaning any more
		if a, c := part(heard, 8000, 1000), part(heardByCarol, 8000, 440); a < 3000 || c < 3000 {
			t.Errorf("heard with %.0f and %.0f", a, c)
		}
		alice.HangUp(t.Context())
		<-carol.Context().Done()

		// One that nobody fetches, and one that gives up.
		first, _ := caller(t, a, "sip:b@10.0.0.9", 440)
		bob = <-bobs
		lot.Park(<-legs, 0)
		bob.HangUp(t.Context())
		second, _ := caller(t, a, "sip:b@10.0.0.9", 440)
		bob = <-bobs
		lot.Park(<-legs, 71)
		bob.HangUp(t.Context())
		third, _ := caller(t, a, "sip:b@10.0.0.9", 440)
		<-bobs
		if _, err := lot.Park(<-legs, 0); !errors.Is(err, ErrLotFull) {
			t.Error(err)
		}
		second.HangUp(t.Context())
		synctest.Wait()
		if len(lot.Calls()) != 1 {
			t.Errorf("%d are parked", len(lot.Calls()))
		}
		time.Sleep(time.Minute)
		if first.Context().Err() == nil || reasons(first.Reasons()) != `Q.850;cause=102;text="parked for too long"` {
			t.Errorf("%v", context.Cause(first.Context()))
		}
		third.HangUp(t.Context())
		lot.Close(t.Context())
		time.Sleep(time.Minute)
		for _, x := range []*Agent{a, b, c3, as} {
			if x.Calls() != 0 || x.Wheel().Stats().Media != 0 {
				t.Errorf("%v: %d calls left", x.cfg.Address, x.Calls())
			}
		}
		if _, err := NewParkingLot(ParkingConfig{First: 5, Last: 4}); err == nil {
			t.Error("orbits from 5 to 4")
		}
	})
}

// What becomes of a call that waited for too long is for the application to say, and of music without sound there is silence.
func TestParkTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.close()
		late := make(chan Parked, 1)
		lot, err := NewParkingLot(ParkingConfig{Timeout: time.Minute, OnTimeout: func(p Parked) { late <- p }, Music: func(int) Source { return Samples(nil) }})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if orbit, err := lot.Park(p.to, 0); err != nil || orbit != 701 {
			t.Fatal(orbit, err)
		}
		if got := <-late; got.Call != p.to || got.Orbit != 701 || time.Since(start) != time.Minute || p.to.Context().Err() != nil {
			t.Errorf("%+v after %v", got, time.Since(start))
		}
		if _, err := lot.Take(701); !errors.Is(err, ErrOrbitEmpty) {
			t.Error(err)
		}
		lot.Park(p.to, 705)
		lot.Close(t.Context())
		synctest.Wait() // until the call has heard of its dialog's end
		if p.to.Context().Err() == nil {
			t.Error("still there after the lot has closed")
		}
	})
}
