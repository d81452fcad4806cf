package call

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// Calls through an exchange over a network that loses messages, in which all parties do what comes to their mind: in the
// end nothing is left of them. With TELCO_SOAK it goes on for that time, from the seed TELCO_SEED on.
func TestStress(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("TELCO_SEED"), 10, 64)
	if err != nil {
		seed = 1
	}
	soak, err := time.ParseDuration(os.Getenv("TELCO_SOAK"))
	more := func(n int, _ time.Time) bool { return n < 20 }
	if err == nil {
		more = func(_ int, start time.Time) bool { return time.Since(start) < soak }
	}
	for n, start := 0, time.Now(); more(n, start); n++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { storm(t, seed) })
		})
		seed++
	}
}

// dice is shared by the parties.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (d *dice) n(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// pause is up to most long.
func (d *dice) pause(ctx context.Context, most time.Duration) {
	select {
	case <-time.After(time.Duration(d.n(int(most)))):
	case <-ctx.Done():
	}
}

// play does a few things with a call that is answered.
func (d *dice) play(c *Call, codecs []Codec) {
	for range d.n(5) {
		d.pause(c.Context(), 3*time.Second)
		ctx, cancel := context.WithTimeout(c.Context(), time.Duration(1+d.n(20))*time.Second)
		switch d.n(8) {
		case 0:
			c.Hold(ctx)
		case 1:
			c.Resume(ctx)
		case 2:
			c.SetDirection(ctx, sdp.Direction(d.n(4)))
		case 3:
			c.Renegotiate(ctx, codecs[d.n(len(codecs))], codecs[0])
		case 4:
			c.RequestOffer(ctx)
		case 5:
			c.SendDTMF('5')
		case 6:
			c.Transfer(ctx, "sip:c@10.0.0.4")
		case 7:
			go c.Hold(ctx)
			c.Renegotiate(ctx)
		}
		cancel()
	}
	d.pause(c.Context(), 20*time.Second)
	if d.n(2) == 0 {
		c.HangUp(context.Background(), sip.NewReason("Q.850", 16, ""))
	}
}

func storm(t *testing.T, seed uint64) {
	d := &dice{r: rand.New(rand.NewPCG(seed, 6))}
	n := memnet.New(memnet.Config{Latency: time.Duration(d.n(200)) * time.Millisecond, Loss: float64(d.n(8)) / 100, Duplicate: float64(d.n(3)) / 100, Seed: seed})
	codecs := append([]Codec{PCMA, PCMU}, AMRWB()...)
	reserve := func() func(context.Context, *Call) error {
		switch d.n(4) {
		case 0:
			return reserving(time.Duration(d.n(5000))*time.Millisecond, nil)
		case 1:
			return reserving(time.Duration(d.n(5000))*time.Millisecond, sdp.ErrNoAddress)
		}
		return nil
	}
	timer := sip.UserAgentConfig{Session: sip.SessionTimer{Expires: 90 * time.Second}}
	callee := func(c *Call) {
		d.pause(c.Context(), time.Second)
		for range d.n(3) {
			switch d.n(3) {
			case 0:
				c.Ring()
			case 1:
				c.Progress()
			case 2:
				c.AwaitPreconditions(c.Context())
			}
			d.pause(c.Context(), 2*time.Second)
		}
		switch d.n(8) {
		case 0:
			c.Refuse(486, "")
		case 1:
			resp := c.in.NewResponse(302, "")
			resp.Set("Contact", "<sip:c@10.0.0.4>")
			c.Respond(resp)
		case 2:
			<-c.Context().Done()
		case 3: // forgotten
		default:
			if c.Answer(c.Context()) == nil {
				d.play(c, codecs)
				d.pause(c.Context(), 2*time.Minute) // whoever it talked to may be parked
				c.HangUp(context.Background())
			}
		}
	}
	lot, err := NewParkingLot(ParkingConfig{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var as *Agent
	as = newAgent(t, n, 2, Config{Codecs: codecs, SIP: timer, MediaTimeout: time.Minute, OnCall: func(c *Call) {
		if c.Request().RequestURI == "sip:fetch@10.0.0.2" {
			lot.Retrieve(t.Context(), 701, c)
			return
		}
		as.Connect(t.Context(), c, []string{"sip:b@10.0.0.3", "sip:b@10.0.0.5"}[d.n(2)], ConnectOptions{
			DialOptions: DialOptions{Preconditions: Preconditions(d.n(4)), LateOffer: d.n(4) == 0, RingTimeout: 30 * time.Second},
			OnConnect: func(in, out *Call) {
				if d.n(3) == 0 {
					go func() {
						d.pause(in.Context(), 10*time.Second)
						lot.Park(in, 0)
					}()
				}
			}})
	}, OnTransfer: func(c *Call, r *sip.Referred) {
		if _, err := c.Follow(t.Context(), r, DialOptions{RingTimeout: 20 * time.Second}); err == nil {
			d.pause(c.Context(), time.Second)
		}
	}})
	defer newFork(t, n, 5, 3, 4).Endpoint().Close()
	agents := []*Agent{as}
	for host := range 2 {
		agents = append(agents, newAgent(t, n, byte(3+host), Config{Codecs: codecs[d.n(2):], SIP: timer, Reserve: reserve(), OnCall: callee, MediaTimeout: time.Minute}))
	}
	a := newAgent(t, n, 1, Config{Codecs: codecs[d.n(3):], Reserve: reserve(), SIP: timer, MediaTimeout: time.Minute})
	agents = append(agents, a)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			d.pause(t.Context(), 20*time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+d.n(40_000))*time.Millisecond)
			defer cancel()
			uri := "sip:b@10.0.0.2"
			if i == 2 {
				uri = "sip:fetch@10.0.0.2"
			}
			if c, err := a.Dial(ctx, uri, DialOptions{Preconditions: Preconditions(d.n(4)), LateOffer: d.n(5) == 0}); err == nil {
				d.play(c, codecs)
				d.pause(c.Context(), time.Minute)
				c.HangUp(context.Background())
			}
		})
	}
	wg.Wait()
	time.Sleep(15 * time.Minute)
	lot.Close(t.Context())
	time.Sleep(5 * time.Minute)
	for _, x := range agents {
		if x.Calls() != 0 || x.Wheel().Stats().Media != 0 || x.UserAgent().Dialogs() != 0 {
			t.Errorf("%v: %d calls, %d media, %d dialogs left", x.cfg.Address, x.Calls(), x.Wheel().Stats().Media, x.UserAgent().Dialogs())
		}
		x.Close()
	}
}
