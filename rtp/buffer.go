package rtp

import "time"

// BufferConfig configures a [Buffer]. The zero value works.
type BufferConfig struct {
	// Fixed keeps the delay at Delay. If false, it follows what the network does, between MinDelay and MaxDelay.
	Fixed bool
	// Delay is how long a packet that travels as fast as any waits before it is played; a slower
	// one waits less. If zero, 60 ms; if negative, no delay. Without Fixed it is where the delay starts.
	Delay time.Duration
	// MinDelay and MaxDelay bound the delay if it is not Fixed. If zero, 20 ms and 400 ms; a negative
	// MinDelay is none.
	MinDelay, MaxDelay time.Duration
	// LateLoss is the share of packets that may come too late, which the delay aims at, in (0, 0.5]. If
	// zero, 0.005.
	LateLoss float64
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
// A packet is due when its timestamp says, plus an offset. With a fixed delay the offset is the transit time of
// the fastest packet of the last ten seconds, plus Delay: a difference between the two ends' clocks is followed
// packet by packet.
//
// An adaptive delay aims at the transit time that all but LateLoss of the last packets kept to. The aim rises
// as soon as two of the last 32 packets exceed it, and falls by 10 ms a second at most. What is played follows
// the aim at once where the speaker pauses (a marker, or a timestamp that jumps while the sequence goes on), so
// that only the silence changes its length. In speech that lasts, whole packets are left out (lost ones first) or frames are
// inserted, for the caller to conceal, when the offset is off by much; a difference of clocks shows
// as one such step now and then. A packet that comes late although nothing was played in its place moves the offset
// as far as the aim allows, and else is dropped if its time has passed.
type Buffer struct {
	cfg      BufferConfig
	delay    time.Duration
	interval time.Duration
	slots    []slot
	free     [][]byte // memory of payloads that have been played, the last first: it is still in the processor's cache
	count    int      // packets waiting
	next     int64    // extended sequence number to be played next
	started  bool

	epoch     time.Time     // of all durations below
	timestamp int64         // extended, of the last packet that came
	rate      uint32        // of that packet
	elapsed   time.Duration // of that packet's timestamp
	fastest   [2]time.Duration
	haveFast  [2]bool
	turn      time.Duration // when the newer of the two was begun
	transit   transits

	offset    time.Duration // between a packet's place on the time line and when it is due; 0 if Fixed
	since     int           // packets played since the offset was changed in speech
	lastAt    time.Duration // the place of the packet that was played last
	lastStamp uint32
	lastNoise bool
	played    bool

	bursts bursts
	stats  BufferStats
}

// BufferStats counts what happened to the packets of a [Buffer].
type BufferStats struct {
	Played     uint64 // given out
	Concealed  uint64 // missing when they were due
	Late       uint64 // came after they were due
	Duplicates uint64 // came twice
	Dropped    uint64 // there was no room
	Inserted   uint64 // frames that were put in to make the delay longer
	Skipped    uint64 // packets, there or missing, that were left out to make it shorter

	Delay  time.Duration // what a packet waits that travels as fast as any; at Stats
	Target time.Duration // what Delay is to become
}

type slot struct {
	ext       int64
	full      bool
	used      bool          // ext has been here
	silent    bool          // takes part in the sequence, but is not played
	at        time.Duration // place on the sender's time line; if Fixed, when it is due
	came      time.Duration
	timestamp uint32
	pt        uint8
	marker    bool
	noise     bool
	payload   []byte
}

// Frame is what is to be played: a packet, or the news that one is missing.
type Frame struct {
	Lost        bool   // the packet did not come in time; conceal it
	Inserted    bool   // with Lost: no packet is missing, but the delay grows by this frame
	Payload     []byte // in the buffer that was passed to Pop; nil if Lost
	PayloadType uint8  // 0 if Lost
	Marker      bool
	Noise       bool   // the payload is comfort noise, which lasts until the next frame
	Sequence    uint16 // if Inserted, of the packet before which this frame comes
	Timestamp   uint32 // estimated if Lost
}

const (
	turnover = 5 * time.Second // half of the time over which the fastest packet is looked for
	maxSkew  = 2 * time.Second // timestamps that are further off have a new origin
)

// NewBuffer returns an empty Buffer.
func NewBuffer(c BufferConfig) *Buffer {
	if c.MinDelay == 0 {
		c.MinDelay = 20 * time.Millisecond
	}
	c.MinDelay = max(c.MinDelay, 0)
	if c.MaxDelay <= 0 {
		c.MaxDelay = 400 * time.Millisecond
	}
	c.MaxDelay = max(c.MaxDelay, c.MinDelay)
	if !(c.LateLoss > 0) {
		c.LateLoss = 0.005
	}
	c.LateLoss = min(c.LateLoss, 0.5)
	b := &Buffer{cfg: c, interval: c.Interval}
	if c.Delay == 0 {
		c.Delay = 60 * time.Millisecond
	}
	b.SetDelay(c.Delay)
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

// SetDelay changes the delay of the packets that come from now on. If the delay is not fixed, it is where the
// next stream starts.
func (b *Buffer) SetDelay(d time.Duration) {
	b.delay = max(d, 0)
	if !b.cfg.Fixed {
		b.delay = min(max(b.delay, b.cfg.MinDelay), b.cfg.MaxDelay)
	}
}

// Len is how many packets wait.
func (b *Buffer) Len() int { return b.count }

// Stats returns the counters.
func (b *Buffer) Stats() BufferStats {
	s := b.stats
	s.Delay, s.Target = b.delay, b.delay
	if fast, ok := b.fast(); ok && !b.cfg.Fixed {
		s.Target = b.goal() - fast
		s.Delay = s.Target
		if b.played {
			s.Delay = b.offset - fast
		}
	}
	return s
}

// Reset empties the Buffer and forgets the sender's clock; counters stay. The next packet starts a
// new sequence.
func (b *Buffer) Reset() {
	for i := range b.slots {
		b.empty(&b.slots[i])
		b.slots[i].used = false
	}
	b.count, b.started, b.played = 0, false, false
	b.haveFast = [2]bool{}
	b.transit = transits{}
	b.offset = 0
}

// release gives the memory of a Buffer back that nothing comes to any more. Its Stats stay.
func (b *Buffer) release() { b.slots, b.free, b.count = nil, nil, 0 }

// packet is what Push takes.
type packet struct {
	ext       int64
	timestamp uint32
	rate      uint32
	pt        uint8
	marker    bool
	silent    bool
	noise     bool
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
	came := now.Sub(b.epoch)
	s := b.slot(p.ext)
	if s.used && s.ext == p.ext {
		b.stats.Duplicates++
		return
	}
	at := b.schedule(came, p)
	if p.ext < b.next {
		if !b.played && b.next-p.ext < int64(len(b.slots)) && b.fits(p.ext) {
			b.next = p.ext // overtaken by the first packet, and nothing was played yet
		} else {
			b.stats.Late++
			b.bursts.discard(b.played)
			return
		}
	}
	b.makeRoom(p.ext)
	*s = slot{
		ext: p.ext, full: true, used: true, silent: p.silent, at: at, came: came, timestamp: p.timestamp,
		pt: p.pt, marker: p.marker, noise: p.noise, payload: b.keep(p.payload),
	}
	b.count++
}

// keep copies a payload.
func (b *Buffer) keep(payload []byte) []byte {
	if len(payload) == 0 {
		return nil
	}
	var to []byte
	if last := len(b.free) - 1; last >= 0 {
		to, b.free = b.free[last][:0], b.free[:last]
	}
	return append(to, payload...)
}

// empty takes back the memory of a slot whose packet is gone.
func (b *Buffer) empty(s *slot) {
	s.full = false
	if s.payload != nil {
		b.free = append(b.free, s.payload)
		s.payload = nil
	}
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
			b.empty(s)
			b.count--
			b.stats.Dropped++
		}
	}
	b.next = first
	if b.count == 0 {
		b.next = ext
	}
}

// schedule returns the place of the packet on the sender's time line; if the delay is fixed, when it is due.
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
		b.transit = transits{}
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
	if b.cfg.Fixed {
		return b.elapsed + fast + b.delay
	}
	if !p.silent { // the packets of an event all have the timestamp at which it began
		b.transit.add(arrival, transit, b.cfg.LateLoss, fast+b.delay)
	}
	return b.elapsed
}

// goal is the offset to aim at.
func (b *Buffer) goal() time.Duration {
	fast, _ := b.fast()
	return min(max(b.transit.aim, fast+b.cfg.MinDelay), fast+b.cfg.MaxDelay)
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
