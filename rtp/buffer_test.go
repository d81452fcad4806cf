package rtp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// arrival is a packet: sequence number, timestamp in packets of 20 ms, time of arrival in ms.
type arrival struct{ ext, stamp, at int }

// play pushes the arrivals and asks every 5 ms what to play. The result has "seq@ms" for each
// frame, "-" before the number of a lost one.
func play(b *Buffer, in []arrival, until int) string {
	var out []string
	for ms := 0; ms <= until; ms += 5 {
		now := t0.Add(time.Duration(ms) * time.Millisecond)
		for len(in) > 0 && in[0].at <= ms {
			p := in[0]
			in = in[1:]
			b.push(t0.Add(time.Duration(p.at)*time.Millisecond), packet{
				ext: int64(p.ext), timestamp: uint32(p.stamp * 160), rate: 8000, payload: []byte{byte(p.ext)},
			})
		}
		for {
			f, ok := b.Pop(now, nil)
			if !ok {
				break
			}
			if f.Lost {
				out = append(out, fmt.Sprintf("-%d@%d", f.Sequence, ms))
			} else {
				out = append(out, fmt.Sprintf("%d@%d", f.Payload[0], ms))
			}
		}
	}
	return strings.Join(out, " ")
}

func TestBuffer(t *testing.T) {
	for _, c := range []struct {
		name  string
		cfg   BufferConfig
		in    []arrival
		want  string
		stats BufferStats
	}{
		{"in order", BufferConfig{}, []arrival{{1, 0, 0}, {2, 1, 20}, {3, 2, 40}},
			"1@60 2@80 3@100", BufferStats{Played: 3}},
		{"jitter is evened out", BufferConfig{}, []arrival{{1, 0, 0}, {2, 1, 70}, {3, 2, 70}, {4, 3, 75}},
			"1@60 2@80 3@100 4@120", BufferStats{Played: 4}},
		{"reordered", BufferConfig{}, []arrival{{1, 0, 0}, {3, 2, 40}, {2, 1, 45}, {4, 3, 60}},
			"1@60 2@80 3@100 4@120", BufferStats{Played: 4}},
		{"the first is overtaken", BufferConfig{}, []arrival{{2, 1, 20}, {1, 0, 30}, {3, 2, 40}},
			"1@60 2@80 3@100", BufferStats{Played: 3}},
		{"lost", BufferConfig{}, []arrival{{1, 0, 0}, {2, 1, 20}, {5, 4, 80}},
			"1@60 2@80 -3@100 -4@120 5@140", BufferStats{Played: 3, Concealed: 2}},
		{"late", BufferConfig{}, []arrival{{1, 0, 0}, {2, 1, 20}, {4, 3, 60}, {3, 2, 110}},
			"1@60 2@80 -3@100 4@120", BufferStats{Played: 3, Concealed: 1, Late: 1}},
		{"twice", BufferConfig{}, []arrival{{1, 0, 0}, {1, 0, 1}, {2, 1, 20}, {1, 0, 70}, {2, 1, 71}},
			"1@60 2@80", BufferStats{Played: 2, Duplicates: 3}},
		{"a pause keeps its length", BufferConfig{}, []arrival{{1, 0, 0}, {2, 1, 20}, {3, 11, 220}},
			"1@60 2@80 3@280", BufferStats{Played: 3}},
		{"lost at the end of a pause", BufferConfig{}, []arrival{{1, 0, 0}, {2, 1, 20}, {4, 12, 240}},
			"1@60 2@80 -3@280 4@300", BufferStats{Played: 3, Concealed: 1}},
		{"a slow start is made up for", BufferConfig{}, []arrival{{1, 0, 30}, {2, 1, 30}, {3, 2, 40}, {4, 3, 60}},
			"1@90 2@90 3@100 4@120", BufferStats{Played: 4}},
		{"burst", BufferConfig{MaxPackets: 4}, []arrival{{1, 0, 0}, {2, 1, 0}, {3, 2, 0}, {4, 3, 0}, {5, 4, 0}, {6, 5, 0}},
			"3@60 4@60 5@60 6@60", BufferStats{Played: 4, Dropped: 2}},
		{"a jump", BufferConfig{MaxPackets: 4}, []arrival{{1, 0, 0}, {100, 99, 20}, {101, 100, 40}},
			"100@80 101@100", BufferStats{Played: 2, Dropped: 1}},
		{"other origin of timestamps", BufferConfig{}, []arrival{{1, 0, 0}, {2, 1, 20}, {3, 90000, 40}, {4, 90001, 60}, {5, 5, 80}, {6, 6, 100}},
			"1@60 2@80 3@100 4@120 5@140 6@160", BufferStats{Played: 6}},
		{"no delay", BufferConfig{Delay: -1}, []arrival{{1, 0, 0}, {2, 1, 20}}, "1@0 2@20", BufferStats{Played: 2}},
	} {
		c.cfg.Fixed = true
		b := NewBuffer(c.cfg)
		if got := play(b, c.in, 400); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		c.stats.Delay, c.stats.Target = b.delay, b.delay
		if b.Stats() != c.stats || b.Len() != 0 {
			t.Errorf("%s: %+v, want %+v; %d left", c.name, b.Stats(), c.stats, b.Len())
		}
	}
}

// A sender's clock that runs 300 ppm fast or slow for an hour: the delay stays what it is, and
// nothing is lost.
func TestDrift(t *testing.T) {
	for _, ppm := range []int{-300, 300} {
		b := NewBuffer(BufferConfig{Fixed: true})
		interval := 20*time.Millisecond + time.Duration(20*ppm)*time.Nanosecond
		now := t0
		for i := range 180000 {
			now = now.Add(interval)
			b.push(now, packet{ext: int64(i), timestamp: uint32(i * 160), rate: 8000})
			for {
				f, ok := b.Pop(now, nil)
				if !ok {
					break
				}
				if f.Lost {
					t.Fatalf("%d ppm: lost %d", ppm, f.Sequence)
				}
			}
			if i > 10 && (b.Len() < 3 || b.Len() > 4) {
				t.Fatalf("%d ppm: %d packets wait after %v", ppm, b.Len(), now.Sub(t0))
			}
		}
	}
}

// Whatever the network does: frames come out in order, each once, all that came is accounted for,
// and Deadline never lies.
func TestBufferProperties(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := NewBuffer(BufferConfig{Fixed: seed%2 == 0, MaxPackets: 8 << r.IntN(4), Delay: time.Duration(r.IntN(100)) * time.Millisecond})
		now, stamp := t0, uint32(r.Uint64())
		pushed := uint64(0)
		ext := int64(1 << 16)
		last, base := int64(0), ext
		for range 2000 {
			now = now.Add(time.Duration(r.IntN(25)) * time.Millisecond)
			switch r.IntN(20) {
			case 0:
				stamp = uint32(r.Uint64())
			case 1:
				ext += int64(r.IntN(200))
			case 2:
				stamp += 8000
			}
			ext++
			stamp += 160
			p := packet{ext: ext - int64(r.IntN(3)*r.IntN(10)), timestamp: stamp, rate: 8000, silent: r.IntN(20) == 0}
			base = min(base, p.ext)
			b.push(now, p)
			pushed++
			for r.IntN(3) > 0 {
				due := b.Deadline()
				f, ok := b.Pop(now, nil)
				if ok && due.After(now) {
					t.Fatalf("seed %d: popped %v before the deadline", seed, due.Sub(now))
				}
				if !ok && !b.Deadline().IsZero() && !b.Deadline().After(now) {
					t.Fatalf("seed %d: nothing at the deadline", seed)
				}
				if !ok {
					break
				}
				got := ext + int64(int16(f.Sequence-uint16(ext)))
				if got <= last && last != 0 {
					t.Fatalf("seed %d: %d after %d", seed, got, last)
				}
				if !f.Inserted {
					last = got
				}
			}
		}
		silent := int64(pushed)
		s := b.Stats()
		silent -= int64(s.Played+s.Late+s.Duplicates+s.Dropped+s.Skipped) + int64(b.Len())
		if silent > 300 { // about one in twenty takes part in the sequence only
			t.Fatalf("seed %d: %d packets are gone (%+v, %d left)", seed, silent, s, b.Len())
		}
	}
}

func TestSource(t *testing.T) {
	s := newSource(1, 65533)
	for _, seq := range []uint16{65533, 65534, 65535, 0, 2, 1, 3, 3, 5} { // 4 is lost, 3 comes twice
		if _, ok, restart := s.update(seq); !ok || restart {
			t.Fatal(seq)
		}
	}
	if s.expected() != 9 || s.lost() != 0 || s.extended() != 1<<16+5 {
		t.Errorf("expected %d, lost %d, highest %#x", s.expected(), s.lost(), s.extended())
	}
	if f := s.fraction(); f != 0 {
		t.Errorf("fraction %d", f)
	}
	for _, seq := range []uint16{6, 8, 9} {
		s.update(seq)
	}
	if f := s.fraction(); f != 256/4 || s.lost() != 1 {
		t.Errorf("fraction %d, lost %d", f, s.lost())
	}
	// A stray packet is ignored, a second in order is a restart.
	if _, ok, _ := s.update(30000); ok {
		t.Error("a stray packet was taken")
	}
	if ext, ok, _ := s.update(10); !ok || ext != 2<<16+10 {
		t.Error("the sequence was lost", ext)
	}
	s.update(30000)
	if ext, ok, restart := s.update(30001); !ok || !restart || ext != 1<<16+30001 || s.lost() != 0 {
		t.Errorf("restart: %d, %v, %v, lost %d", ext, ok, restart, s.lost())
	}
	// Packets that were sent before the first to arrive.
	s = newSource(1, 0)
	s.update(0)
	if ext, ok, _ := s.update(65535); !ok || ext != 65535 || s.expected() != 2 {
		t.Errorf("before the first: %d, expected %d", ext, s.expected())
	}
}

// The estimate of RFC 3550 section 6.4.1 for packets that are alternately 0 and 10 ms late tends
// to 10 ms; it does not move when the timestamps get a new origin.
func TestJitter(t *testing.T) {
	s := newSource(1, 0)
	for i := range 200 {
		at := time.Duration(i)*20*time.Millisecond + time.Duration(i%2)*10*time.Millisecond
		s.timing(at, uint32(i*160), 8000)
	}
	if s.jitter < 79.9 || s.jitter > 80.1 {
		t.Errorf("jitter %v units, want 80", s.jitter)
	}
	s.timing(4*time.Second, 0x80000000, 8000)
	if s.jitter < 79.9 || s.jitter > 80.1 {
		t.Errorf("jitter %v after a new origin", s.jitter)
	}
}
