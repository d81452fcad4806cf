package rtp

import "time"

// BufferConfig configures a [Buffer]. The zero value works.
type BufferConfig struct {
	// Delay is how long a packet that travels as fast as any waits before it is played; a slower
	// one waits less. If zero, 60 ms; if negative, no delay.
	Delay time.Duration
	// Interval is how much speech a packet is taken to hold before two of them have been seen.
	// If zero, 20 ms.
	Interval time.Duration
	// MaxPackets is how many packets can wait, rounded up to a power of two. When more come, the
	// oldest are dropped and counted. If zero, 64; at most 4096.
	MaxPackets int
}

// Buffer puts packets back into order and gives each out when it is to be played. It is a value
// without clock or goroutine: the caller says what time it is. It copies payloads into memory
// that it reuses, so that a warm Buffer allocates nothing.
//
// A packet is due when its timestamp says, counted from the fastest of the last ten seconds, plus
// Delay. So a difference between the two ends' clocks is followed, and silence keeps its length.
type Buffer struct {
	delay    time.Duration
	interval time.Duration
	slots    []slot
	count    int   // packets waiting
	next     int64 // extended sequence number to be played next
	started  bool

	epoch     time.Time     // of all durations below
	timestamp int64         // extended, of the last packet that came
	rate      uint32        // of that packet
	elapsed   time.Duration // of that packet's timestamp
	fastest   [2]time.Duration
	haveFast  [2]bool
	turn      time.Duration // when the newer of the two was begun

	lastDue   time.Duration // of the packet that was played last
	lastStamp uint32
	played    bool

	stats BufferStats
}

// BufferStats counts what happened to the packets of a [Buffer].
type BufferStats struct {
	Played     uint64 // given out
	Concealed  uint64 // missing when they were due
	Late       uint64 // came after they were due
	Duplicates uint64 // came twice
	Dropped    uint64 // there was no room
}

type slot struct {
	ext       int64
	full      bool
	used      bool // ext has been here
	silent    bool // takes part in the sequence, but is not played
	due       time.Duration
	timestamp uint32
	pt        uint8
	marker    bool
	payload   []byte
}

// Frame is what is to be played: a packet, or the news that one is missing.
type Frame struct {
	Lost        bool   // the packet did not come in time; conceal it
	Payload     []byte // in the buffer that was passed to Pop; nil if Lost
	PayloadType uint8  // 0 if Lost
	Marker      bool
	Sequence    uint16
	Timestamp   uint32 // estimated if Lost
}

const (
	turnover = 5 * time.Second // half of the time over which the fastest packet is looked for
	maxSkew  = 2 * time.Second // timestamps that are further off have a new origin
)

// NewBuffer returns an empty Buffer.
func NewBuffer(c BufferConfig) *Buffer {
	b := &Buffer{delay: c.Delay, interval: c.Interval}
	if c.Delay == 0 {
		b.delay = 60 * time.Millisecond
	}
	b.delay = max(b.delay, 0)
	if c.Interval <= 0 {
		b.interval = 20 * time.Millisecond
	}
	n, want := 1, min(c.MaxPackets, 4096)
	if want <= 0 {
		want = 64
	}
	for n < want {
		n *= 2
	}
	b.slots = make([]slot, n)
	return b
}

// SetDelay changes the delay of the packets that come from now on.
func (b *Buffer) SetDelay(d time.Duration) { b.delay = max(d, 0) }

// Len is how many packets wait.
func (b *Buffer) Len() int { return b.count }

// Stats returns the counters.
func (b *Buffer) Stats() BufferStats { return b.stats }

// Reset empties the Buffer and forgets the sender's clock; counters stay. The next packet starts a
// new sequence.
func (b *Buffer) Reset() {
	for i := range b.slots {
		b.slots[i].full, b.slots[i].used = false, false
	}
	b.count, b.started, b.played = 0, false, false
	b.haveFast = [2]bool{}
}

// packet is what Push takes.
type packet struct {
	ext       int64
	timestamp uint32
	rate      uint32
	pt        uint8
	marker    bool
	silent    bool
	payload   []byte
}

func (b *Buffer) slot(ext int64) *slot { return &b.slots[int(ext)&(len(b.slots)-1)] }

// push stores a packet that arrived at the time now.
func (b *Buffer) push(now time.Time, p packet) {
	if !b.started {
		b.started = true
		b.epoch, b.next = now, p.ext
		b.timestamp, b.rate, b.elapsed = int64(p.timestamp), p.rate, 0
	}
	due := b.schedule(now.Sub(b.epoch), p)
	if p.ext < b.next {
		if !b.played && b.next-p.ext < int64(len(b.slots)) && b.fits(p.ext) {
			b.next = p.ext // overtaken by the first packet, and nothing was played yet
		} else {
			if s := b.slot(p.ext); s.used && s.ext == p.ext {
				b.stats.Duplicates++
			} else {
				b.stats.Late++
			}
			return
		}
	}
	b.makeRoom(p.ext)
	s := b.slot(p.ext)
	if s.full && s.ext == p.ext {
		b.stats.Duplicates++
		return
	}
	*s = slot{
		ext: p.ext, full: true, used: true, silent: p.silent, due: due, timestamp: p.timestamp,
		pt: p.pt, marker: p.marker, payload: append(s.payload[:0], p.payload...),
	}
	b.count++
}

// fits says whether everything that waits stays within the slots if next becomes ext.
func (b *Buffer) fits(ext int64) bool {
	for i := range b.slots {
		if s := &b.slots[i]; s.full && s.ext-ext >= int64(len(b.slots)) {
			return false
		}
	}
	return true
}

// makeRoom drops the oldest packets until ext has a slot.
func (b *Buffer) makeRoom(ext int64) {
	first := ext - int64(len(b.slots)) + 1
	if b.next >= first {
		return
	}
	for i := range b.slots {
		if s := &b.slots[i]; s.full && s.ext < first {
			s.full = false
			b.count--
			b.stats.Dropped++
		}
	}
	b.next = first
	if b.count == 0 {
		b.next = ext
	}
}

// schedule returns when the packet is due.
func (b *Buffer) schedule(arrival time.Duration, p packet) time.Duration {
	if p.rate != b.rate {
		b.rate = p.rate // RFC 7160: the timestamp goes on, in new units
	}
	step := int64(int32(p.timestamp - uint32(b.timestamp)))
	b.timestamp += step
	b.elapsed += span(step, b.rate)

	transit := arrival - b.elapsed
	fast, have := b.fast()
	if skew := transit - fast; have && (skew > maxSkew || skew < -maxSkew) {
		b.haveFast, have = [2]bool{}, false
	}
	if !have {
		b.turn = arrival
	} else if arrival-b.turn >= turnover {
		b.fastest[0], b.haveFast[0] = b.fastest[1], b.haveFast[1]
		b.haveFast[1] = false
		if arrival-b.turn >= 2*turnover {
			b.haveFast[0] = false
		}
		b.turn = arrival
	}
	if !b.haveFast[1] || transit < b.fastest[1] {
		b.fastest[1], b.haveFast[1] = transit, true
	}
	fast, _ = b.fast()
	return b.elapsed + fast + b.delay
}

func (b *Buffer) fast() (time.Duration, bool) {
	switch {
	case b.haveFast[0] && b.haveFast[1]:
		return min(b.fastest[0], b.fastest[1]), true
	case b.haveFast[0]:
		return b.fastest[0], true
	}
	return b.fastest[1], b.haveFast[1]
}

// Pop gives out the next frame if it is due, its payload appended to dst[:0]. Call it until it
// returns false, which means that there is nothing to play yet: the speaker is silent or the
// packets are late. Frames come in the order of their sequence numbers; a missing one is reported
// as lost when a later packet is there and the time of the missing one has come.
func (b *Buffer) Pop(now time.Time, dst []byte) (Frame, bool) {
	for b.count > 0 {
		at := now.Sub(b.epoch)
		s := b.slot(b.next)
		if !s.full || s.ext != b.next {
			f, ok := b.missing(at)
			return f, ok
		}
		if s.due > at {
			return Frame{}, false
		}
		s.full = false
		b.count--
		b.next++
		if b.played {
			b.learn(s)
		}
		b.played, b.lastDue, b.lastStamp = true, s.due, s.timestamp
		if s.silent {
			continue
		}
		b.stats.Played++
		return Frame{
			Payload: append(dst[:0], s.payload...), PayloadType: s.pt, Marker: s.marker,
			Sequence: uint16(s.ext), Timestamp: s.timestamp,
		}, true
	}
	return Frame{}, false
}

// learn takes the length of a packet from two consecutive ones.
func (b *Buffer) learn(s *slot) {
	step := int64(int32(s.timestamp - b.lastStamp))
	if d := span(step, b.rate); !s.marker && !s.silent && d > 0 && d <= 120*time.Millisecond {
		b.interval = d
	}
}

// head returns when the packet b.next is due, whether it is there or not, and how many are missing
// before the first that is there. Something must be waiting. A missing packet is due one interval
// after the last, or just before the next that is there, whichever is later.
func (b *Buffer) head() (due time.Duration, gap int64) {
	for { // all that waits lies within len(slots) of next
		if s := b.slot(b.next + gap); s.full && s.ext == b.next+gap {
			due = s.due
			break
		}
		gap++
	}
	if gap == 0 {
		return due, 0
	}
	later := due
	due -= time.Duration(gap) * b.interval
	if b.played {
		due = min(max(due, b.lastDue+b.interval), later)
	}
	return due, gap
}

// missing reports the packet b.next as lost if it should be played by now.
func (b *Buffer) missing(at time.Duration) (Frame, bool) {
	due, gap := b.head()
	if due > at {
		return Frame{}, false
	}
	stamp := b.slot(b.next+gap).timestamp - uint32(gap)*uint32(units(b.interval, b.rate))
	f := Frame{Lost: true, Sequence: uint16(b.next), Timestamp: stamp}
	b.next++
	b.lastDue, b.lastStamp, b.played = due, stamp, true
	b.stats.Concealed++
	return f, true
}

// Deadline is when the next call of [Buffer.Pop] has something to do; zero if nothing waits.
func (b *Buffer) Deadline() time.Time {
	if b.count == 0 {
		return time.Time{}
	}
	due, _ := b.head()
	return b.epoch.Add(due)
}
