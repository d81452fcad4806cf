package call

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/rtp"
)

// FrameTime is the beat of all media: 20 ms.
const FrameTime = 20 * time.Millisecond

// Wheel is the clock of all media of a process: a goroutine for each processor, which serves its part of the media
// every 20 ms. There is neither a timer nor a goroutine per call.
//
// The 20 ms are cut into a few parts, so that neither the processor nor the network has everything to do at once: each
// [Media] has its turn in one of them. Where there is little to do, parts are left out: each time that a goroutine wakes costs
// as much as a packet or two. A turn has two steps: first every Media of the turn takes in what has arrived,
// then every Media sends. Media that are bridged, or in a conference, have the same turn: so what came in is out on the
// other leg within it.
type Wheel struct {
	mu     sync.Mutex // of places, and of moves between them
	spokes []*spoke
	ports  atomic.Pointer[[]*rtp.Port] // that are read and flushed in each turn
	closed chan struct{}
	once   sync.Once
	done   sync.WaitGroup
}

const (
	slots    = 4  // parts that 20 ms are cut into
	slotFull = 32 // media in one of them before there are some in the next
)

// spoke is one goroutine of a Wheel with its media.
type spoke struct {
	wheel  *Wheel
	closed <-chan struct{}
	wake   chan struct{}
	work   workspace

	mu     sync.Mutex // held during a turn
	media  [slots][]*Media
	stats  WheelStats
	recent [50 * slots]time.Duration // how late the turns of the last second began
	last   time.Time                 // of the last turn

	// Of the last whole second.
	second time.Time     // when it ended
	busyAt time.Duration // Busy then
	part   float64       // of it that turns took
	served int           // media then
}

// workspace is what the media of a spoke use one after the other: it stays in the processor's cache.
type workspace struct {
	reader  *rtp.Reader
	pcm     []int16
	payload []byte
}

// samples is room for n samples.
func (w *workspace) samples(n int) []int16 {
	if cap(w.pcm) < n {
		w.pcm = make([]int16, n)
	}
	return w.pcm[:n]
}

// place is where a Media is on a Wheel. It is guarded by the Wheel's lock; it is written under the spoke's too.
type place struct {
	spoke       *spoke
	slot, index int
}

// WheelStats is a snapshot of how the wheel turns.
type WheelStats struct {
	Workers int           // goroutines that turn it
	Media   int           // that are on it now
	Turns   uint64        // since the beginning, of all workers; a Media has 50 in a second
	Skipped uint64        // times 20 ms that were left out because the process had no time for over 5 times 20 ms
	Late    time.Duration // how late a worker began its last turn, the worst of them
	MaxLate time.Duration // how late a turn ever began
	Busy    time.Duration // the time that all turns took, of all workers
}

// NewWheel starts a wheel with a goroutine for each processor that Go may use. Close stops it.
func NewWheel() *Wheel { return newWheel(runtime.GOMAXPROCS(0)) }

func newWheel(workers int) *Wheel {
	w := &Wheel{closed: make(chan struct{})}
	w.ports.Store(new([]*rtp.Port))
	for range max(workers, 1) {
		s := &spoke{wheel: w, closed: w.closed, wake: make(chan struct{}, 1)}
		s.work = workspace{reader: rtp.NewReader(), payload: make([]byte, 0, 1024)}
		w.spokes = append(w.spokes, s)
		w.done.Go(s.run)
	}
	return w
}

// Close stops the wheel and waits for its last turn. Media on it stand still from then on.
func (w *Wheel) Close() error {
	w.once.Do(func() { close(w.closed) })
	w.done.Wait()
	return nil
}

// addPort has a polled port read and flushed.
func (w *Wheel) addPort(p *rtp.Port) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := *w.ports.Load()
	all = append(all[:len(all):len(all)], p)
	w.ports.Store(&all)
}

// Stats returns a snapshot.
func (w *Wheel) Stats() WheelStats {
	all := WheelStats{Workers: len(w.spokes)}
	for _, s := range w.spokes {
		s.mu.Lock()
		for _, m := range s.media {
			all.Media += len(m)
		}
		all.Turns += s.stats.Turns
		all.Skipped += s.stats.Skipped
		all.Late = max(all.Late, s.stats.Late)
		all.MaxLate = max(all.MaxLate, s.stats.MaxLate)
		all.Busy += s.stats.Busy
		s.mu.Unlock()
	}
	return all
}

// lateness is how late turns begin: the 90th percentile of the last second, where it is worst.
func (w *Wheel) lateness() (worst time.Duration) {
	for _, s := range w.spokes {
		worst = max(worst, s.lateness())
	}
	return worst
}

func (s *spoke) lateness() time.Duration {
	s.mu.Lock()
	recent, turns, last := s.recent, s.stats.Turns, s.last
	used := 0 // parts of the 20 ms
	for _, m := range s.media {
		if len(m) > 0 {
			used++
		}
	}
	s.mu.Unlock()
	if time.Since(last) > time.Second {
		return 0 // it stands still
	}
	n := min(50*uint64(max(used, 1)), uint64(len(recent)))
	second := make([]time.Duration, 0, len(recent))
	for i := range n {
		second = append(second, recent[(turns-1-i)%uint64(len(recent))])
	}
	slices.Sort(second)
	return second[len(second)*9/10]
}

// busy is the part of the last second that turns took, on the average of the goroutines.
func (w *Wheel) busy() (part float64) {
	for _, s := range w.spokes {
		s.mu.Lock()
		if time.Since(s.last) <= time.Second {
			part += s.part / float64(len(w.spokes))
		}
		s.mu.Unlock()
	}
	return part
}

// add puts m where there is least to do: by what the last second took, and what has come and gone since then.
func (w *Wheel) add(m *Media) {
	w.mu.Lock()
	defer w.mu.Unlock()
	type spokeLoad struct {
		part        float64
		served, now int
		slot        int // the first that is not full, or that with the fewest
	}
	loads := make([]spokeLoad, len(w.spokes))
	part, served := 0.0, 0
	for i, s := range w.spokes {
		s.mu.Lock()
		l := &loads[i]
		l.part, l.served = s.part, s.served
		for slot, have := range s.media {
			l.now += len(have)
			if least := len(s.media[l.slot]); least >= slotFull && len(have) < least {
				l.slot = slot
			}
		}
		s.mu.Unlock()
		part += l.part
		served += l.served
	}
	each := part / float64(max(served, 1))
	best := 0
	for i, l := range loads {
		b := loads[best]
		have, least := l.part+each*float64(l.now-l.served), b.part+each*float64(b.now-b.served)
		if diff := have - least; diff < -each || diff <= each && l.now < b.now {
			best = i
		}
	}
	at := place{spoke: w.spokes[best], slot: loads[best].slot}
	at.spoke.mu.Lock()
	at.spoke.put(m, at.slot)
	at.spoke.mu.Unlock()
	at.spoke.awake()
}

// remove takes m off the wheel. When it returns no turn is under way for m.
func (w *Wheel) remove(m *Media) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := m.place.spoke
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(m)
	m.on.Store(nil)
	m.frame = m.frame[:0] // what it is bridged to has nothing more to send
}

// join gives m the turn of other, if both are on this wheel.
func (w *Wheel) join(m, other *Media) {
	if m.wheel != w || other.wheel != w {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	from, to := m.on.Load(), other.on.Load()
	if from == nil || to == nil {
		return // closed
	}
	slot := other.place.slot
	if from == to {
		if m.place.slot != slot {
			from.mu.Lock()
			from.take(m)
			from.put(m, slot)
			from.mu.Unlock()
		}
		return
	}
	from.mu.Lock()
	from.take(m)
	m.on.Store(nil)
	from.mu.Unlock()
	to.mu.Lock()
	to.put(m, slot)
	to.mu.Unlock()
}

// put and take are called with the locks of the wheel and of the spoke held.
func (s *spoke) put(m *Media, slot int) {
	m.place = place{s, slot, len(s.media[slot])}
	s.media[slot] = append(s.media[slot], m)
	m.on.Store(s)
}

func (s *spoke) take(m *Media) {
	list := s.media[m.place.slot]
	last := len(list) - 1
	list[m.place.index] = list[last]
	list[m.place.index].place.index = m.place.index
	list[last] = nil
	s.media[m.place.slot] = list[:last]
}

// position is what a Media keeps for its wheel.
type position struct {
	place place
	on    atomic.Pointer[spoke] // nil if it has left the wheel or is on its way; during a turn of a spoke, what is on it stays
}

func (s *spoke) awake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// maxBehind is how many turns may be caught up at once; beyond, the time is given up for lost.
const maxBehind = 5

func (s *spoke) run() {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		slot, ok := s.nextSlot(0)
		if !ok { // an empty wheel stands still until somebody gets on
			select {
			case <-s.wake:
				continue
			case <-s.closed:
				return
			}
		}
		for next := time.Now(); ; {
			t.Reset(time.Until(next))
			select {
			case <-t.C:
			case <-s.closed:
				return
			}
			late := time.Since(next)
			skipped := time.Duration(0)
			if late > maxBehind*FrameTime {
				skipped = late / FrameTime
				next = next.Add(skipped * FrameTime)
			}
			s.turn(slot, late, uint64(skipped))
			after, ok := s.nextSlot(slot + 1)
			if !ok {
				break
			}
			next = next.Add(time.Duration((after-slot+slots-1)%slots+1) * FrameTime / slots)
			slot = after
		}
	}
}

// nextSlot is the first from a slot on that has media.
func (s *spoke) nextSlot(from int) (slot int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range slots {
		if slot = (from + i) % slots; len(s.media[slot]) > 0 {
			return slot, true
		}
	}
	return 0, false
}

// turn lets the media of a slot advance by one frame.
func (s *spoke) turn(slot int, late time.Duration, skipped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	media := s.media[slot]
	if len(media) == 0 {
		return
	}
	start := time.Now()
	if skipped > 0 {
		for _, list := range s.media {
			for _, m := range list {
				m.skip(time.Duration(skipped) * FrameTime)
			}
		}
	}
	ports := *s.wheel.ports.Load()
	for _, p := range ports {
		p.Poll(start)
	}
	for _, m := range media {
		m.receive(start, &s.work)
	}
	for _, m := range media {
		m.send(&s.work)
	}
	for _, p := range ports {
		p.Flush()
	}
	st := &s.stats
	s.recent[st.Turns%uint64(len(s.recent))] = late
	s.last = start
	st.Turns++
	st.Skipped += skipped
	st.Late = late
	st.MaxLate = max(st.MaxLate, late)
	end := time.Now()
	st.Busy += end.Sub(start)
	if took := end.Sub(s.second); took >= time.Second {
		s.part, s.served = 0, 0
		if took < 2*time.Second {
			s.part = float64(st.Busy-s.busyAt) / float64(took)
		}
		for _, m := range s.media {
			s.served += len(m)
		}
		s.second, s.busyAt = end, st.Busy
	}
}
