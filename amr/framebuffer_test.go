package amr

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// numbered is a frame that says which one it is.
func numbered(n int, ft FrameType) Frame {
	f := Frame{Type: ft}
	if k := NB.Octets(ft); k > 0 {
		f.Data = make([]byte, k)
		binary.BigEndian.PutUint16(f.Data, uint16(n))
	}
	return f
}

// sent is a packet on its way.
type sent struct {
	Packet
	seq  uint16
	tick int
}

// packets puts a talk of frame types into packets, with sequence numbers and a timestamp that wraps.
func packets(t *testing.T, cfg PacketizerConfig, talk []FrameType) (all []sent) {
	t.Helper()
	p, err := NewPacketizer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	seq := uint16(65530)
	add := func(k Packet, tick int) {
		k.Timestamp += 1<<32 - 5*160
		all = append(all, sent{k, seq, tick})
		seq++
	}
	for n, ft := range talk {
		k, ok, err := p.Push(nil, numbered(n, ft))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			add(k, n)
		}
	}
	for {
		k, ok := p.Flush(nil)
		if !ok {
			return all
		}
		add(k, len(talk))
	}
}

// play pops once for each tick, pushing before it what was sent in it, and returns which frame was heard in each turn: -1
// for a pause, -2 for a loss, -3 before the beginning.
func play(t *testing.T, b *FrameBuffer, all []sent, ticks int) (heard []int) {
	t.Helper()
	var frames []Frame
	for tick := range ticks {
		for len(all) > 0 && all[0].tick <= tick {
			if err := b.Push(all[0].seq, all[0].Timestamp, all[0].Payload); err != nil {
				t.Fatal(err)
			}
			all = all[1:]
		}
		var state State
		frames, state = b.Pop(frames[:0])
		switch {
		case state == Idle:
			heard = append(heard, -3)
		case state == Lost:
			heard = append(heard, -2)
		case state == Pause || frames[0].Type == NoData:
			heard = append(heard, -1)
		default:
			heard = append(heard, int(binary.BigEndian.Uint16(frames[0].Data)))
		}
	}
	return heard
}

// talk is speech, a pause with comfort noise, and speech again.
func talk(speech, pause, again int) (all []FrameType) {
	all = append(all, slices.Repeat([]FrameType{Mode475}, speech)...)
	for i := range pause {
		if i == 0 || i == 3 || i > 3 && (i-3)%8 == 0 {
			all = append(all, SIDNB)
		} else {
			all = append(all, NoData)
		}
	}
	return append(all, slices.Repeat([]FrameType{Mode475}, again)...)
}

// without drops the packets whose number in the stream is given.
func without(all []sent, numbers ...int) (rest []sent) {
	for i, s := range all {
		if !slices.Contains(numbers, i) {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestFrameBuffer(t *testing.T) {
	speech := talk(12, 14, 6)
	whole := func(delay int, lost ...int) (want []int) {
		for range delay {
			want = append(want, -3)
		}
		for n, ft := range speech {
			switch {
			case slices.Contains(lost, n):
				n = -2
			case ft == NoData:
				n = -1
			}
			want = append(want, n)
		}
		return want
	}
	red := PayloadFormat{Codec: NB}
	inter := PayloadFormat{Codec: NB, Interleaving: 9}
	for _, tc := range []struct {
		name string
		cfg  PacketizerConfig
		buf  FrameBufferConfig
		drop []int
		want []int
	}{
		{"one in a packet", PacketizerConfig{}, FrameBufferConfig{}, nil, whole(0)},
		{"ahead", PacketizerConfig{}, FrameBufferConfig{Ahead: 2}, nil, whole(2)},
		{"lost", PacketizerConfig{}, FrameBufferConfig{Ahead: 1}, []int{3, 4}, whole(1, 3, 4)},
		{"three in a packet", PacketizerConfig{Blocks: 3}, FrameBufferConfig{}, nil, whole(2)},
		{"three in a packet, lost", PacketizerConfig{Blocks: 3}, FrameBufferConfig{Ahead: 3}, []int{2}, whole(5, 6, 7, 8)},
		{"redundancy makes up for a loss", PacketizerConfig{Format: red, Redundancy: 1}, FrameBufferConfig{Ahead: 1}, []int{4, 8}, whole(1)},
		{"two repetitions", PacketizerConfig{Format: red, Redundancy: 2}, FrameBufferConfig{Ahead: 2}, []int{4, 5}, whole(2)},
		{"two repetitions, three lost", PacketizerConfig{Format: red, Redundancy: 2}, FrameBufferConfig{Ahead: 3}, []int{4, 5, 6}, whole(3, 4)},
		{"redundancy of packets of two", PacketizerConfig{Format: red, Redundancy: 2, Blocks: 2}, FrameBufferConfig{Ahead: 2}, []int{2}, whole(3)},
		{"interleaved", PacketizerConfig{Format: inter, Interleave: 3, Blocks: 3}, FrameBufferConfig{Format: inter}, nil, whole(6)},
		// Of group 1 the packet with frames 10, 13, 16, which also is comfort noise.
		{"interleaved, lost", PacketizerConfig{Format: inter, Interleave: 3, Blocks: 3}, FrameBufferConfig{Format: inter}, []int{1}, whole(6, 1, 4, 7)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := NewFrameBuffer(tc.buf)
			all := packets(t, tc.cfg, speech)
			got := play(t, b, without(all, tc.drop...), len(tc.want))
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %v\nwant %v\n%+v", got, tc.want, b.Stats())
			}
			for i, p := range all {
				r := PayloadReader{Format: tc.cfg.Format}
				got, err := r.Read(p.Payload)
				if err != nil {
					t.Fatal(err)
				}
				silent := true
				for _, f := range got.Frames {
					silent = silent && f.Type == NoData
				}
				if last := got.Frames[len(got.Frames)-1]; silent || tc.cfg.Interleave == 0 && last.Type == NoData {
					t.Errorf("packet %d has needless NO_DATA: %v", i, got.Frames)
				}
				first := int(p.Timestamp+5*160) / 160 // frame-block
				if want := first == 0 || first == 26; p.Marker != want {
					t.Errorf("packet %d, of frame-block %d: marker %v", i, first, p.Marker)
				}
			}
		})
	}
}

// Packets change places and come twice; each frame is heard once.
func TestFrameBufferOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	all := packets(t, PacketizerConfig{Redundancy: 1}, slices.Repeat([]FrameType{Mode122}, 200))
	for i := range all {
		all[i].tick += r.IntN(4)
	}
	all = append(all, all[10:20]...)
	slices.SortStableFunc(all, func(a, b sent) int { return a.tick - b.tick })
	b := NewFrameBuffer(FrameBufferConfig{Ahead: 5})
	got := play(t, b, all, 210)
	n := 0
	for _, h := range got {
		if h >= 0 {
			if h != n {
				t.Fatalf("frame %d after %d: %v", h, n-1, got)
			}
			n++
		}
	}
	if s := b.Stats(); n != 200 || s.Duplicates != 10 || s.Played != 200 {
		t.Errorf("%d frames, %+v", n, s)
	}
}

// A damaged frame is replaced by a good copy of it.
func TestFrameBufferPrefersGood(t *testing.T) {
	format := PayloadFormat{Codec: NB, OctetAligned: true, CRC: true}
	b := NewFrameBuffer(FrameBufferConfig{Format: format, Ahead: 2})
	one, _ := format.AppendPayload(nil, Payload{CMR: Mode795, Frames: []Frame{numbered(1, Mode475)}})
	both, _ := format.AppendPayload(nil, Payload{CMR: Mode515, Frames: []Frame{numbered(1, Mode475), numbered(2, Mode475)}})
	one[5] ^= 0x80
	b.Push(1, 160, one)
	if b.CMR() != Mode795 {
		t.Errorf("CMR %d", b.CMR())
	}
	b.Push(2, 160, both)
	b.Push(3, 320, []byte{0xf0})
	frames, state := b.Pop(nil)
	for state == Idle {
		frames, state = b.Pop(nil)
	}
	if s := b.Stats(); frames[0].Bad || s.Recovered != 1 || s.Malformed != 1 || b.CMR() != Mode515 {
		t.Errorf("%+v, CMR %d, %+v", frames[0], b.CMR(), s)
	}
}

// A sender that is too fast loses its pauses first; one whose clock jumps back starts anew.
func TestFrameBufferClocks(t *testing.T) {
	b := NewFrameBuffer(FrameBufferConfig{MaxAhead: 4})
	all := packets(t, PacketizerConfig{}, talk(4, 60, 4))
	for i := range all {
		all[i].tick = all[i].tick * 3 / 4
	}
	got := play(t, b, all, 60)
	var heard []int
	for _, h := range got {
		if h == -2 {
			h = -1 // after the end nothing is known
		}
		if h >= 0 && (h < 4 || h >= 64) {
			heard = append(heard, h)
		}
	}
	if !slices.Equal(heard, []int{0, 1, 2, 3, 64, 65, 66, 67}) {
		t.Errorf("%v", got)
	}
	for i := range all {
		all[i].seq += 200
		all[i].tick = i
		all[i].Timestamp -= 1 << 20
	}
	got = play(t, b, all, len(all))
	if s := b.Stats(); s.Restarts != 1 || got[len(got)-1] < 0 {
		t.Errorf("%+v, %v", s, got)
	}
}

func TestPacketizerErrors(t *testing.T) {
	ms := func(n int) *int { return &n }
	for _, cfg := range []PacketizerConfig{
		{Format: PayloadFormat{Codec: 3}}, {Blocks: 65}, {Interleave: 2}, {Format: PayloadFormat{Interleaving: 4}, Interleave: 2, Blocks: 3},
		{Format: PayloadFormat{Interleaving: 30}, Interleave: 17}, {Format: PayloadFormat{Interleaving: 30}, Interleave: 2, Redundancy: 1},
	} {
		var ce *ConfigError
		if _, err := NewPacketizer(cfg); !errors.As(err, &ce) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	for _, tc := range []struct{ blocks, red, limit, want int }{{1, 3, 220, 3}, {1, 3, 40, 2}, {1, 1, 0, 0}, {2, 3, 79, 2}, {3, 2, 59, 0}} {
		p, err := NewPacketizer(PacketizerConfig{Blocks: tc.blocks, Redundancy: tc.red, MaxRed: ms(tc.limit)})
		if err != nil || p.cfg.Redundancy != tc.want {
			t.Errorf("%+v: %d, %v", tc, p.cfg.Redundancy, err)
		}
	}
	p, _ := NewPacketizer(PacketizerConfig{Redundancy: 1})
	if _, ok, err := p.Push(nil, Frame{Type: 9}); ok || err == nil {
		t.Error("a reserved frame is taken")
	}
	if _, ok, err := p.Push(nil); ok || err == nil {
		t.Error("no frame is a frame-block")
	}
	if k, ok, err := p.Push(nil, numbered(7, Mode475)); !ok || err != nil || k.Timestamp != 320 {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestPacketizingDoesNotAllocate(t *testing.T) {
	p, _ := NewPacketizer(PacketizerConfig{Redundancy: 2, Blocks: 2})
	b := NewFrameBuffer(FrameBufferConfig{Ahead: 3})
	dst := make([]byte, 0, 512)
	frames := make([]Frame, 0, 1)
	f := numbered(1, Mode122)
	seq := uint16(0)
	if n := testing.AllocsPerRun(300, func() {
		k, ok, err := p.Push(dst[:0], f)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			seq++
			if err := b.Push(seq, k.Timestamp, k.Payload); err != nil {
				t.Fatal(err)
			}
		}
		frames, _ = b.Pop(frames[:0])
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// FuzzFrameBuffer feeds packets with random numbers and times: nothing panics, the counters stay true, and what comes out
// is what a Decoder takes.
func FuzzFrameBuffer(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 160, 2, 0xf0, 0x7c, 0, 2, 0, 0, 1, 64, 2, 0xf0, 0x7c}, uint8(0))
	f.Add([]byte{0, 1, 0, 0, 0, 160, 9, 0xf0, 0x20, 0xc4, 0x44, 1, 2, 3, 4, 0x10, 0xff, 0xff}, uint8(7))
	f.Fuzz(func(t *testing.T, in []byte, how uint8) {
		format := PayloadFormat{Codec: Codec(how & 1), OctetAligned: how&2 != 0, Interleaving: int(how&4) * 8, Channels: 1 + int(how>>3&1)}
		b := NewFrameBuffer(FrameBufferConfig{Format: format, Ahead: int(how >> 4 & 7), MaxAhead: int(how>>7) * 10})
		var frames []Frame
		for len(in) >= 7 {
			n := min(int(in[6]&63), len(in)-7)
			b.Push(binary.BigEndian.Uint16(in), binary.BigEndian.Uint32(in[2:]), in[7:7+n])
			pops := int(in[6] >> 6)
			in = in[7+n:]
			for range pops {
				var state State
				frames, state = b.Pop(frames[:0])
				if (state == Idle) != (len(frames) == 0) || state != Idle && len(frames) != format.channels() {
					t.Fatalf("%v with %d frames", state, len(frames))
				}
				for _, f := range frames {
					if err := format.Codec.check(f); err != nil {
						t.Fatal(err)
					}
				}
			}
			full := 0
			for i := range b.blocks {
				if s := b.blocks[i]; s.full {
					full++
					if s.n&(window-1) != int64(i) || s.n < b.next && !b.dry || s.n > b.newest {
						t.Fatalf("block %d in slot %d, next %d, newest %d", s.n, i, b.next, b.newest)
					}
				}
			}
			if full != b.Len() {
				t.Fatalf("Len %d, %d are there", b.Len(), full)
			}
		}
	})
}
