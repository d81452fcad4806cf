package call

import (
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gotelco/telco/rtp"
)

// FrameTime is the beat of all media: 20 ms.
const FrameTime = 20 * time.Millisecond

// Wheel is the clock of all media of a process: one goroutine that turns every 20 ms, in two
// steps: first every [Media] takes in what has arrived, then every Media sends. So what came in is
// out on the other leg of a bridge within the same turn, and there is neither a timer nor a
// goroutine per call.
type Wheel struct {
	mu     sync.Mutex
	media  []*Media
	stats  WheelStats
	recent [50]time.Duration // how late the turns of the last second began
	last   time.Time         // of the last turn
	wake   chan struct{}
	closed chan struct{}
	once   sync.Once
	done   sync.WaitGroup
	poller *rtp.Poller // reads the sockets of all media; nil before the first
}

// WheelStats is a snapshot of how the wheel turns.
type WheelStats struct {
	Media   int           // that are on it now
	Turns   uint64        // since the beginning
	Skipped uint64        // turns that were left out because the process had no time for over 5 turns
	Late    time.Duration // how late the last turn began
	MaxLate time.Duration // how late a turn ever began
	Busy    time.Duration // the time that all turns took
}

// NewWheel starts a wheel. Close stops it.
func NewWheel() *Wheel {
	w := &Wheel{wake: make(chan struct{}, 1), closed: make(chan struct{})}
	w.done.Go(w.run)
	return w
}

// Close stops the wheel and waits for its last turn. Media on it stand still from then on.
func (w *Wheel) Close() error {
	w.once.Do(func() { close(w.closed) })
	w.done.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.poller != nil {
		return w.poller.Close()
	}
	return nil
}

// reader is what reads conn; nil if that is up to its session.
func (w *Wheel) reader(conn net.PacketConn) *rtp.Poller {
	if _, ok := conn.(*net.UDPConn); !ok {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.closed:
		return nil
	default:
	}
	if w.poller == nil {
		w.poller, _ = rtp.NewPoller() // without one, each session reads by itself
	}
	return w.poller
}

// Stats returns a snapshot.
func (w *Wheel) Stats() WheelStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Media = len(w.media)
	return s
}

// lateness is how late turns begin: the 90th percentile of the last second.
func (w *Wheel) lateness() time.Duration {
	w.mu.Lock()
	recent, last := w.recent, w.last
	w.mu.Unlock()
	if time.Since(last) > time.Second {
		return 0 // it stands still
	}
	slices.Sort(recent[:])
	return recent[len(recent)*9/10]
}

func (w *Wheel) add(m *Media) {
	w.mu.Lock()
	m.place = len(w.media)
	w.media = append(w.media, m)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// remove takes m off the wheel. When it returns no turn is under way for m.
func (w *Wheel) remove(m *Media) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.media) - 1
	w.media[m.place] = w.media[last]
	w.media[m.place].place = m.place
	w.media[last] = nil
	w.media = w.media[:last]
	m.frame = m.frame[:0] // what it is bridged to has nothing more to send
}

// maxBehind is how many turns may be caught up at once; beyond, the time is given up for lost.
const maxBehind = 5

func (w *Wheel) run() {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		// An empty wheel stands still until somebody gets on.
		w.mu.Lock()
		empty := len(w.media) == 0
		w.mu.Unlock()
		if empty {
			select {
			case <-w.wake:
				continue
			case <-w.closed:
				return
			}
		}
		for next := time.Now(); ; next = next.Add(FrameTime) {
			t.Reset(time.Until(next))
			select {
			case <-t.C:
			case <-w.closed:
				return
			}
			late := time.Since(next)
			skipped := time.Duration(0)
			if late > maxBehind*FrameTime {
				skipped = late / FrameTime
				next = next.Add(skipped * FrameTime)
			}
			if !w.turn(late, uint64(skipped)) {
				break
			}
		}
	}
}

// turn lets all media advance by one frame. It returns false if there are none.
func (w *Wheel) turn(late time.Duration, skipped uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.media) == 0 {
		return false
	}
	start := time.Now()
	for _, m := range w.media {
		m.receive(start)
	}
	for _, m := range w.media {
		m.send()
	}
	s := &w.stats
	w.recent[s.Turns%uint64(len(w.recent))] = late
	w.last = start
	s.Turns++
	s.Skipped += skipped
	s.Late = late
	s.MaxLate = max(s.MaxLate, late)
	s.Busy += time.Since(start)
	return true
}
