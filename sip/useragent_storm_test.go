package sip

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// Both sides of many calls do at random what they may, at the same time, over a network that loses,
// doubles and reorders: whatever crosses, every call ends on both sides and nothing is left.
func TestDialogStorm(t *testing.T) {
	calls := 300
	if testing.Short() {
		calls = 30
	}
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) { dialogStorm(t, seed, calls) })
	}
}

func dialogStorm(t *testing.T, seed uint64, calls int) {
	n := memnet.New(memnet.Config{Seed: seed, Loss: 0.05, Duplicate: 0.05, Reorder: 0.05, Latency: 20 * time.Millisecond, Jitter: 30 * time.Millisecond})
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 1))
	draw := func(k int) int {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(k)
	}
	nap := func(d time.Duration) { time.Sleep(time.Duration(draw(int(d)))) }
	var done sync.WaitGroup
	onRequest := func(in *Incoming) {
		switch draw(4) {
		case 0:
			nap(2 * time.Second)
		case 1:
			if in.Request.Method != INFO {
				in.Reply(488, nil, "")
				return
			}
		}
		if in.Request.Method == INFO {
			in.Reply(200, nil, "")
		} else {
			in.Reply(200, []byte(answer), "")
		}
	}
	// act does things within a call until it has ended.
	act := func(d *Dialog) {
		for d.Context().Err() == nil {
			nap(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+draw(40))*time.Second)
			var err error
			switch draw(8) {
			case 0, 1:
				_, err = d.Do(ctx, INFO, RequestOptions{})
			case 2, 3:
				_, err = d.Invite(ctx, RequestOptions{Body: []byte(offer)})
			case 4:
				_, err = d.Do(ctx, UPDATE, RequestOptions{Body: []byte(offer)})
			case 5:
				_, err = d.Invite(ctx, RequestOptions{Answer: func(*Response) ([]byte, string) { return []byte(answer), "" }})
			case 6:
				nap(5 * time.Second)
			case 7:
				err = d.Bye(ctx, RequestOptions{})
			}
			cancel()
			var re *ResponseError
			if err != nil && d.Context().Err() == nil && !errors.As(err, &re) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
	}
	bob := newUA(t, n, bobAddr, UserAgentConfig{
		OnInvite: func(in *Incoming) {
			if draw(3) > 0 {
				in.Reply(180, nil, "")
			}
			nap(3 * time.Second)
			if draw(10) == 0 {
				in.Reply(486, nil, "")
				return
			}
			if in.Reply(200, []byte(answer), "") != nil {
				return
			}
			act(in.Dialog)
		},
		OnRequest: onRequest,
	})
	alice := newUA(t, n, aliceAddr, UserAgentConfig{OnRequest: onRequest})
	answered := 0
	for range calls {
		done.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+draw(10))*time.Second)
			defer cancel()
			d, _, err := alice.Invite(ctx, bobURI, InviteOptions{RequestOptions: RequestOptions{Body: []byte(offer)}})
			if err != nil {
				return
			}
			mu.Lock()
			answered++
			mu.Unlock()
			act(d)
		})
		nap(100 * time.Millisecond)
	}
	done.Wait()
	if answered < calls/3 {
		t.Errorf("seed %d: only %d of %d calls were answered", seed, answered, calls)
	}
	time.Sleep(10 * time.Minute)
	quiet(t, alice, bob)
}
