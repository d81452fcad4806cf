package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/gotelco/telco/sip"
)

// Why a call is not parked, or not fetched.
var (
	ErrOrbitTaken = errors.New("call: a call is parked there already")
	ErrParked     = errors.New("call: the call is parked already")
	ErrOrbitEmpty = errors.New("call: no call is parked there")
	ErrLotFull    = errors.New("call: no free place to park")
)

// ParkingConfig configures a [ParkingLot]. The zero value has the orbits 701 to 720, where calls wait in silence.
type ParkingConfig struct {
	// First and Last are the numbers of the orbits, 10,000 at most. If Last is zero, 701 and 720.
	First, Last int
	// Timeout is how long a call may wait. If zero, as long as it likes.
	Timeout time.Duration
	// OnTimeout, if not nil, gets a call that waited for too long, on a goroutine of its own: to ring back who parked it.
	// It is not parked any more. If nil, it is ended.
	OnTimeout func(Parked)
	// Music, if not nil, makes what a parked peer hears, at a sample rate in Hz, and again whenever that is over.
	Music func(sampleRate int) Source
}

// Parked is a call in a [ParkingLot].
type Parked struct {
	Orbit int
	Call  *Call
	Since time.Time
}

// ParkingLot keeps answered calls at numbered places, orbits, until somebody fetches them. Its methods may be called by
// any goroutine.
type ParkingLot struct {
	cfg ParkingConfig

	mu     sync.Mutex
	orbits map[int]*parked
}

type parked struct {
	Parked
	timer *time.Timer // may be nil
	stop  func() bool // of the watch for its end
}

// NewParkingLot returns an empty one. It fails where the range of orbits is none.
func NewParkingLot(cfg ParkingConfig) (*ParkingLot, error) {
	if cfg.Last == 0 {
		cfg.First, cfg.Last = 701, 720
	}
	if cfg.First < 0 || cfg.Last < cfg.First || cfg.Last-cfg.First >= 10_000 {
		return nil, fmt.Errorf("call: no orbits from %d to %d", cfg.First, cfg.Last)
	}
	return &ParkingLot{cfg: cfg, orbits: map[int]*parked{}}, nil
}

// Park puts a call into an orbit, or into the first free one where orbit is zero, and returns which. The call leaves its
// bridge: who it was connected with (see [Call.Peer]) may hang up, and it stays. It fails with [ErrOrbitTaken],
// [ErrOrbitEmpty] where there is no such orbit, [ErrLotFull], [ErrParked], or where the call is not answered.
func (l *ParkingLot) Park(c *Call, orbit int) (int, error) {
	m := c.Media()
	if m == nil {
		return 0, errNoMedia
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case orbit == 0:
		for orbit = l.cfg.First; l.orbits[orbit] != nil; orbit++ {
		}
		if orbit > l.cfg.Last {
			return 0, ErrLotFull
		}
	case orbit < l.cfg.First || orbit > l.cfg.Last:
		return 0, ErrOrbitEmpty
	case l.orbits[orbit] != nil:
		return 0, ErrOrbitTaken
	}
	for _, p := range l.orbits {
		if p.Call == c {
			return 0, ErrParked
		}
	}
	c.alone()
	Unbridge(m)
	p := &parked{Parked: Parked{Orbit: orbit, Call: c, Since: time.Now()}}
	if l.cfg.Music != nil {
		m.SetSource(&loop{music: l.cfg.Music})
	}
	l.orbits[orbit] = p
	p.stop = context.AfterFunc(c.ctx, func() { l.remove(p) })
	if l.cfg.Timeout > 0 {
		p.timer = time.AfterFunc(l.cfg.Timeout, func() { l.timeout(p) })
	}
	return orbit, nil
}

// remove takes a call out, and reports whether it was there.
func (l *ParkingLot) remove(p *parked) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.orbits[p.Orbit] != p {
		return false
	}
	delete(l.orbits, p.Orbit)
	p.stop()
	if p.timer != nil {
		p.timer.Stop()
	}
	return true
}

func (l *ParkingLot) timeout(p *parked) {
	if !l.remove(p) {
		return
	}
	if l.cfg.OnTimeout != nil {
		l.cfg.OnTimeout(p.Parked)
		return
	}
	p.Call.HangUp(context.Background(), sip.NewReason("Q.850", 102, "parked for too long"))
}

// Take takes a call out of its orbit without connecting it; the music goes on until something else is played. It fails with
// [ErrOrbitEmpty].
func (l *ParkingLot) Take(orbit int) (*Call, error) {
	l.mu.Lock()
	p := l.orbits[orbit]
	l.mu.Unlock()
	if p == nil || !l.remove(p) {
		return nil, ErrOrbitEmpty
	}
	return p.Call, nil
}

// Retrieve connects by with the call in an orbit; by is answered if it came in and was not. It returns when both have
// ended, as [Agent.Join] does, or with [ErrOrbitEmpty], where by is left as it is. Where by cannot be answered, the call is
// parked again, and ended if there is no place any more.
func (l *ParkingLot) Retrieve(ctx context.Context, orbit int, by *Call) error {
	c, err := l.Take(orbit) // first, so that of two who want it one is not answered for nothing
	if err != nil {
		return err
	}
	if by.in != nil && !by.decided() {
		err = by.Answer(ctx)
	}
	if err == nil && by.Media() == nil {
		err = errNoMedia
	}
	if err == nil {
		return by.agent.Join(ctx, c, by)
	}
	_, back := l.Park(c, orbit)
	if errors.Is(back, ErrOrbitTaken) {
		_, back = l.Park(c, 0)
	}
	if back != nil {
		go c.HangUp(context.WithoutCancel(ctx), sip.NewReason("Q.850", 102, "parked for too long"))
	}
	return err
}

// Calls returns what is parked, ordered by orbit.
func (l *ParkingLot) Calls() []Parked {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Parked, 0, len(l.orbits))
	for _, p := range l.orbits {
		out = append(out, p.Parked)
	}
	slices.SortFunc(out, func(a, b Parked) int { return a.Orbit - b.Orbit })
	return out
}

// Close ends all calls that are parked.
func (l *ParkingLot) Close(ctx context.Context) {
	var wg sync.WaitGroup
	for _, p := range l.Calls() {
		if c, err := l.Take(p.Orbit); err == nil {
			wg.Go(func() { c.HangUp(ctx) })
		}
	}
	wg.Wait()
}

// loop is music that begins anew at its end, also at another sample rate after a change of the codec.
type loop struct {
	music func(int) Source
	rate  int
	src   Source
}

func (l *loop) ReadSamples(pcm []int16) (int, error) {
	if rate := len(pcm) * 50; rate != l.rate { // 20 ms
		l.rate, l.src = rate, nil
	}
	for range 2 {
		if l.src == nil {
			if l.src = l.music(l.rate); l.src == nil {
				return 0, io.EOF
			}
		}
		n, err := l.src.ReadSamples(pcm)
		if err == nil || n > 0 {
			if err != nil {
				l.src = nil
			}
			return n, nil
		}
		if err != io.EOF {
			return 0, err
		}
		l.src = nil
	}
	return 0, io.EOF // there is nothing in it
}

// Peer returns the other leg of the call that this one is connected with by [Agent.Connect] or [Agent.Join], nil if there is none.
func (c *Call) Peer() *Call {
	c.mu.Lock()
	p := c.pair
	c.mu.Unlock()
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c {
	case p.legs[0]:
		return p.legs[1]
	case p.legs[1]:
		return p.legs[0]
	}
	return nil
}

// alone parts the call from its other leg, whose end does not concern it any more.
func (c *Call) alone() {
	c.mu.Lock()
	p := c.pair
	c.pair = nil
	c.mu.Unlock()
	if p != nil {
		p.release(c)
	}
}
