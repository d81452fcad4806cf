package amr

// FrameBufferConfig configures a [FrameBuffer].
type FrameBufferConfig struct {
	Format PayloadFormat
	// Ahead is how many turns of [FrameBuffer.Pop] the first frame-block waits at the beginning and after the buffer has run
	// dry, unless more than that many are there: what makes up for jitter and lets repetitions and interleaved packets come
	// in time. Zero gives each out at once.
	Ahead int
	// MaxAhead is how many frame-blocks may lie between the one that is next and the newest packet. What a sender whose clock
	// is faster piles up above that is taken from pauses, or else dropped. If zero or larger, 100.
	MaxAhead int
}

// State says what FrameBuffer.Pop gives out.
type State uint8

// The states.
const (
	Idle    State = iota // nothing has come yet
	Playing              // a frame-block that was received
	Pause                // nothing was sent: comfort noise (DTX)
	Lost                 // what was sent has not come, or not yet
)

func (s State) String() string { return [...]string{"Idle", "Playing", "Pause", "Lost"}[s&3] }

// FrameBufferStats counts what happened in a [FrameBuffer].
type FrameBufferStats struct {
	Played     uint64 // frame-blocks given out
	Lost       uint64 // given out as lost
	Paused     uint64 // given out as pauses
	Redundant  uint64 // frame-blocks that were there already
	Recovered  uint64 // of them: better than what was there
	Late       uint64 // frame-blocks that came after their time
	Dropped    uint64 // frame-blocks skipped because too many were ahead
	Malformed  uint64 // payloads that did not parse
	Restarts   uint64 // times that the sender's clock jumped back
	Duplicates uint64 // packets that came twice
}

const (
	window      = 128 // frame-blocks that are kept, a power of two: 2.56 s
	maxAhead    = 100
	restartLate = 16 // packets in a row that are late before the clock is taken to have jumped
)

// A FrameBuffer takes the payloads of RTP packets, in any order, and gives out one frame-block every 20 ms: expanded from
// their packets, de-interleaved, each once though it came several times (the best of them), and between them what is
// missing, as lost if a sequence number is missing and as a pause if only the timestamp jumps. It is a value without clock:
// the caller calls Pop once for each 20 ms of playing time. Its memory is fixed, and it allocates nothing after it is made.
type FrameBuffer struct {
	cfg    FrameBufferConfig
	reader PayloadReader
	blocks [window]slot
	store  []block

	stamp   int64 // extended timestamp of the last packet
	started bool
	next    int64 // frame-block to be given out next
	newest  int64 // the latest frame-block that is or was there
	count   int   // frame-blocks waiting
	played  int64 // the latest frame-block that was given out as received
	seq     int64 // extended sequence number of the packet that it came in
	dry     bool  // nothing is waiting, or what came after that waits still
	held    int   // turns that it has waited
	silence bool  // the last frame-block that was received is no speech
	late    int   // packets in a row that were late

	top  int64  // the highest extended sequence number
	base int64  // the first
	ill  int64  // of the last packet
	span int64  // frame-blocks from the first to the last of the last packet
	seen uint64 // bit i: top-i was received
	cmr  FrameType

	stats FrameBufferStats
}

type slot struct {
	full bool
	n    int64 // which frame-block
	seq  int64 // extended sequence number of the packet that it came in
}

// NewFrameBuffer returns an empty FrameBuffer.
func NewFrameBuffer(cfg FrameBufferConfig) *FrameBuffer {
	if cfg.MaxAhead <= 0 || cfg.MaxAhead > maxAhead {
		cfg.MaxAhead = maxAhead
	}
	cfg.Ahead = min(max(cfg.Ahead, 0), cfg.MaxAhead)
	b := &FrameBuffer{cfg: cfg, reader: PayloadReader{Format: cfg.Format}, store: newBlocks(window, cfg.Format.channels())}
	b.reader.frames = make([]Frame, 0, MaxFrames)
	b.reader.bits = make([]byte, 0, MaxFrames*maxOctets)
	b.Reset()
	return b
}

// Reset empties the buffer, for a new source (SSRC). Counters stay.
func (b *FrameBuffer) Reset() {
	for i := range b.blocks {
		b.blocks[i].full = false
	}
	b.started, b.dry, b.silence, b.count, b.held, b.late, b.cmr = false, true, false, 0, 0, 0, NoRequest
}

// CMR is the mode request of the latest packet by sequence number; NoRequest before there is one.
func (b *FrameBuffer) CMR() FrameType { return b.cmr }

// Len is how many frame-blocks wait.
func (b *FrameBuffer) Len() int { return b.count }

// Stats returns the counters.
func (b *FrameBuffer) Stats() FrameBufferStats { return b.stats }

// Push takes a packet. The error is a [*PayloadError]; such a packet counts as lost. A timestamp that is no multiple of
// 20 ms away from the others is rounded.
func (b *FrameBuffer) Push(seq uint16, timestamp uint32, payload []byte) error {
	p, err := b.reader.Read(payload)
	if err != nil {
		b.stats.Malformed++
		return err
	}
	unit := int64(b.cfg.Format.Codec.FrameSamples())
	if !b.started {
		// The first frame-block has room below it for packets that were overtaken.
		b.started, b.dry, b.held, b.late = true, true, 0, 0
		b.top, b.seen, b.cmr = int64(seq)+1<<16-1, 0, p.CMR
		b.base = b.top + 1
		b.stamp = int64(timestamp)
		b.next = floorDiv(b.stamp+unit/2, unit)
		b.newest, b.played, b.seq = b.next-1, b.next-window, b.top
	}
	ext := b.top + int64(int16(seq-uint16(b.top)))
	switch {
	case ext <= b.top-64:
		// too old for the record: it can only be late
	case ext <= b.top:
		if b.seen>>(b.top-ext)&1 != 0 {
			b.stats.Duplicates++
			return nil
		}
		b.seen |= 1 << (b.top - ext)
	default:
		b.seen = b.seen<<min(ext-b.top, 64) | 1
		b.top = ext
		b.cmr = p.CMR
	}
	stamp := b.stamp + int64(int32(timestamp-uint32(b.stamp)))
	if ext == b.top {
		b.stamp = stamp
	}
	first := floorDiv(stamp+unit/2, unit)
	ch := b.cfg.Format.channels()
	b.ill, b.span = int64(p.ILL), int64(p.BlockTime(len(p.Frames)/ch-1))
	taken := false
	for i := range len(p.Frames) / ch {
		if b.take(first+int64(p.BlockTime(i)), ext, p.Frames[i*ch:i*ch+ch]) {
			taken = true
		}
	}
	if taken {
		b.late = 0
	} else if b.late++; b.late >= restartLate {
		b.Reset()
		b.stats.Restarts++
	}
	return nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// take stores a frame-block and reports whether it was in time.
func (b *FrameBuffer) take(n, seq int64, frames []Frame) bool {
	if n <= b.played || n < b.next && !b.dry || n <= b.newest-window {
		b.stats.Late++
		return false
	}
	if over := n - window + 1; over > b.next {
		b.skipTo(over)
	}
	s, kept := &b.blocks[n&(window-1)], &b.store[n&(window-1)]
	if s.full && s.n == n {
		b.stats.Redundant++
		better := false
		for i, f := range frames {
			if rank(f) > rank(kept.frames[i]) {
				kept.set(i, f)
				better = true
			}
		}
		if better {
			b.stats.Recovered++
		}
		return true
	}
	*s = slot{full: true, n: n, seq: seq}
	for i, f := range frames {
		kept.set(i, f)
	}
	b.count++
	b.newest = max(b.newest, n)
	return true
}

// rank orders frames by their use.
func rank(f Frame) int {
	switch {
	case len(f.Data) == 0:
		return 0
	case f.Bad:
		return 1
	}
	return 2
}

// skipTo drops what lies before frame-block n, which becomes the next.
func (b *FrameBuffer) skipTo(n int64) {
	for i := range b.blocks {
		if s := &b.blocks[i]; s.full && s.n < n {
			s.full = false
			b.count--
			b.stats.Dropped++
		}
	}
	b.next = max(b.next, n)
}

// first is the earliest frame-block that waits; something must be waiting.
func (b *FrameBuffer) first() *slot {
	n := b.newest
	for i := range b.blocks {
		if s := &b.blocks[i]; s.full {
			n = min(n, s.n)
		}
	}
	return &b.blocks[n&(window-1)]
}

// Pop gives out the frame-block of the next 20 ms: its frames, one for each channel, are appended to dst, their data valid
// until the next call of Push or Pop. Where there is none they are such as a Decoder wants: NoData in a pause, and NoData
// marked Missing where something was lost. In state Idle nothing is appended.
func (b *FrameBuffer) Pop(dst []Frame) ([]Frame, State) {
	if !b.started {
		return dst, Idle
	}
	if b.dry && b.count > 0 {
		first := b.first().n
		b.next = min(b.next, first) // late, but nothing was played in its stead
		if b.held >= b.cfg.Ahead || b.cfg.Format.Interleaving == 0 && b.newest-b.next >= int64(b.cfg.Ahead) {
			b.dry, b.held = false, 0
			if b.played < first-window/2 { // the beginning
				b.next = first
			}
		} else {
			b.held++
			if b.played < first-window/2 && b.stats.Played == 0 {
				return dst, Idle
			}
			return b.fill(dst, b.silence)
		}
	}
	if over := b.newest - b.span - b.next - int64(b.cfg.MaxAhead) + 1; b.count > 0 && over > 0 {
		b.shorten(over)
	}
	s := &b.blocks[b.next&(window-1)]
	if s.full && s.n == b.next {
		s.full = false
		b.count--
		b.played, b.seq = b.next, s.seq
		b.next++
		kept := &b.store[s.n&(window-1)]
		b.silence = true
		for _, f := range kept.frames {
			b.silence = b.silence && int(f.Type) >= b.cfg.Format.Codec.Modes()
		}
		b.stats.Played++
		return append(dst, kept.frames...), Playing
	}
	if b.count == 0 {
		b.dry = true
		b.next++
		return b.fill(dst, b.silence)
	}
	pause := !b.lost(b.seq, b.first().seq)
	if b.cfg.Format.Interleaving > 0 && !b.silence {
		pause = false // the packet may be yet to come
	}
	b.next++
	return b.fill(dst, pause)
}

// shorten takes n frame-blocks out: from the gap before the first that waits, else from what waits.
func (b *FrameBuffer) shorten(n int64) {
	if gap := b.first().n - b.next; gap > 0 {
		n = min(n, gap)
	}
	b.skipTo(b.next + n)
}

// lost reports whether a packet between two is missing. With interleaving those of their groups count, too.
func (b *FrameBuffer) lost(from, to int64) bool {
	if from > to {
		from, to = to, from
	}
	from, to = from+1, to-1
	if b.cfg.Format.Interleaving > 0 {
		from, to = from-b.ill, min(to+b.ill, b.top)
	}
	from = max(from, b.top-63, b.base)
	for n := from; n <= to; n++ {
		if b.seen>>(b.top-n)&1 == 0 {
			return true
		}
	}
	return false
}

// fill gives out a pause or a loss.
func (b *FrameBuffer) fill(dst []Frame, pause bool) ([]Frame, State) {
	f, state := Frame{Type: NoData, Quality: Missing}, Lost
	if pause {
		f.Quality, state = 0, Pause
		b.stats.Paused++
	} else {
		b.stats.Lost++
	}
	for range b.cfg.Format.channels() {
		dst = append(dst, f)
	}
	return dst, state
}
