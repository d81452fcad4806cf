package amr

import "slices"

// PacketizerConfig says how frames are put into packets.
type PacketizerConfig struct {
	Format PayloadFormat
	// Blocks is how many new frame-blocks a packet takes: 1 for packets of 20 ms. If zero, 1.
	Blocks int
	// Redundancy is how many older frame-blocks each packet repeats before the new ones (RFC 4867 section 3.7.1): 1 makes up
	// for any single lost packet, at the cost of twice the bandwidth.
	Redundancy int
	// MaxRed, if not nil, bounds Redundancy: the longest delay of a repetition in ms, from the max-red parameter.
	MaxRed *int
	// Interleave is how many packets make an interleaving group (ILL+1, section 4.4.1). Format.Interleaving must be at least
	// Interleave*Blocks; redundancy does not go together with it. If zero, 1.
	Interleave int
}

// Packet is what one RTP packet carries.
type Packet struct {
	Payload []byte
	// Timestamp is that of the first frame-block in the packet, on the clock of the codec, relative to the first frame-block
	// that was pushed. With redundancy it lies before the newest.
	Timestamp uint32
	// Marker is set if the first frame-block holds the first speech of a talkspurt (section 4.1).
	Marker bool
}

// A Packetizer puts frames into payloads: several to a packet, with repetitions or interleaved. A packet that would hold
// nothing but NO_DATA is not made, and NO_DATA at the end of one is left out (section 4.3.2), except where interleaving
// needs it. It has no clock and allocates nothing once its buffers are warm.
type Packetizer struct {
	cfg     PacketizerConfig
	history []block // the last frame-blocks, block n at n mod len
	n       int     // frame-blocks since the beginning; in groups or packets of step
	talking bool    // the last frame-block held speech
	cmr     FrameType
	frames  []Frame // scratch
}

// block is a frame-block that is kept. The data of channel i lies at data[i].
type block struct {
	frames []Frame
	data   [][maxOctets]byte
	onset  bool // the first speech after a pause
	silent bool // nothing but NO_DATA
}

const maxOctets = 60 // of a frame of AMR-WB, 23.85 kbit/s

func newBlocks(n, channels int) []block {
	b := make([]block, n)
	for i := range b {
		b[i] = block{frames: make([]Frame, channels), data: make([][maxOctets]byte, channels), silent: true}
	}
	return b
}

// set keeps a copy of frame f as that of channel i.
func (b *block) set(i int, f Frame) {
	n := copy(b.data[i][:], f.Data)
	f.Data = nil
	if n > 0 {
		f.Data = b.data[i][:n:n]
	}
	b.frames[i] = f
}

// NewPacketizer returns a Packetizer at the beginning of a stream. The error is a *ConfigError.
func NewPacketizer(cfg PacketizerConfig) (*Packetizer, error) {
	cfg.Blocks, cfg.Interleave = max(cfg.Blocks, 1), max(cfg.Interleave, 1)
	if cfg.MaxRed != nil {
		// A block is last repeated ceil(Redundancy/Blocks) packets after its own.
		cfg.Redundancy = min(cfg.Redundancy, *cfg.MaxRed/(20*cfg.Blocks)*cfg.Blocks)
	}
	cfg.Redundancy = max(cfg.Redundancy, 0)
	ch := cfg.Format.channels()
	switch {
	case cfg.Format.Codec > WB:
		return nil, &ConfigError{"Format.Codec", int(cfg.Format.Codec)}
	case (cfg.Blocks+cfg.Redundancy)*ch > MaxFrames:
		return nil, &ConfigError{"Blocks and Redundancy", cfg.Blocks + cfg.Redundancy}
	case cfg.Interleave > 1 && (cfg.Interleave > 16 || cfg.Redundancy > 0):
		return nil, &ConfigError{"Interleave", cfg.Interleave}
	case cfg.Format.Interleaving > 0 && cfg.Interleave*(cfg.Blocks+cfg.Redundancy) > cfg.Format.Interleaving,
		cfg.Interleave > 1 && cfg.Format.Interleaving == 0:
		return nil, &ConfigError{"Interleave", cfg.Interleave}
	}
	return &Packetizer{
		cfg: cfg, cmr: NoRequest,
		history: newBlocks(cfg.Interleave*cfg.Blocks+cfg.Redundancy, ch),
		frames:  make([]Frame, 0, (cfg.Blocks+cfg.Redundancy)*ch),
	}, nil
}

// SetCMR sets the mode request of the packets to come, for the peer's encoder: a mode, or NoRequest, which it is at first.
func (p *Packetizer) SetCMR(cmr FrameType) { p.cmr = cmr }

// Push takes the next frame-block: a frame for each channel, NoData where the encoder has nothing. If that completes a
// packet that is worth sending, its payload is appended to dst and ok is true. On an error (a frame that cannot be written,
// a wrong number of frames) NO_DATA takes the place of the frame-block.
func (p *Packetizer) Push(dst []byte, frames ...Frame) (packet Packet, ok bool, err error) {
	b := &p.history[p.n%len(p.history)]
	b.onset, b.silent = false, true
	if len(frames) != len(b.frames) {
		err = ErrBlocks
	}
	for i := 0; err == nil && i < len(frames); i++ {
		err = p.cfg.Format.Codec.check(frames[i])
	}
	speech := false
	for i := range b.frames {
		f := Frame{Type: NoData}
		if err == nil {
			f = frames[i]
		}
		b.set(i, f)
		b.silent = b.silent && f.Type == NoData
		speech = speech || int(f.Type) < p.cfg.Format.Codec.Modes()
	}
	b.onset = speech && !p.talking
	p.talking = speech
	p.n++
	packet, ok, perr := p.complete(dst)
	if err == nil {
		err = perr
	}
	return packet, ok, err
}

// Flush completes what is begun with NO_DATA, at the end of a stream. Call it until ok is false.
func (p *Packetizer) Flush(dst []byte) (packet Packet, ok bool) {
	for p.n%(p.cfg.Interleave*p.cfg.Blocks) != 0 {
		b := &p.history[p.n%len(p.history)]
		b.onset, b.silent = false, true
		for i := range b.frames {
			b.set(i, Frame{Type: NoData})
		}
		p.talking = false
		p.n++
		if packet, ok, _ = p.complete(dst); ok {
			return packet, true
		}
	}
	return Packet{}, false
}

// complete makes the packet that frame-block n-1 completes, if it does.
func (p *Packetizer) complete(dst []byte) (Packet, bool, error) {
	packets, blocks := p.cfg.Interleave, p.cfg.Blocks
	last := p.n - 1
	at := last % (packets * blocks) // in the group
	ilp := at - packets*(blocks-1)
	if ilp < 0 {
		return Packet{}, false, nil
	}
	first := last - packets*(blocks-1)
	if packets == 1 {
		first -= min(p.cfg.Redundancy, first)
		for first < last-blocks+1 && p.history[first%len(p.history)].silent {
			first++ // nothing to repeat
		}
		for last >= first && p.history[last%len(p.history)].silent {
			last--
		}
		if last < first {
			return Packet{}, false, nil
		}
	}
	p.frames = p.frames[:0]
	silent := true
	for n := first; n <= last; n += packets {
		b := &p.history[n%len(p.history)]
		p.frames = append(p.frames, b.frames...)
		silent = silent && b.silent
	}
	if silent {
		return Packet{}, false, nil
	}
	start := len(dst)
	payload, err := p.cfg.Format.AppendPayload(dst, Payload{CMR: p.cmr, ILL: uint8(packets - 1), ILP: uint8(ilp), Frames: p.frames})
	if err != nil {
		return Packet{}, false, err
	}
	return Packet{
		Payload:   slices.Clip(payload[start:]),
		Timestamp: uint32(first) * uint32(p.cfg.Format.Codec.FrameSamples()),
		Marker:    p.history[first%len(p.history)].onset,
	}, true, nil
}
