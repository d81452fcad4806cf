package rtp

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Table B.1 of G.107, and ratings computed by hand from its equations.
func TestEModel(t *testing.T) {
	for r, mos := range map[float64]float64{-1: 1, 0: 1, 50: 2.58, 60: 3.10, 70: 3.60, 80: 4.03, 90: 4.34, 93.2: 4.41, 100: 4.5} {
		if got := MOS(r); math.Abs(got-mos) > 0.01 {
			t.Errorf("MOS(%v) = %.3f, want %v", r, got, mos)
		}
	}
	for _, c := range []struct {
		codec       Impairment
		delay       time.Duration
		loss, burst float64
		want        float64
	}{
		{Impairment{}, 0, 0, 1, 93.2},
		{ImpairG711, 100 * time.Millisecond, 0, 1, 90.8},                  // 0.024 * 100
		{ImpairG711, 277300 * time.Microsecond, 0, 1, 93.2 - 6.6552 - 11}, // and 0.11 * 100
		{ImpairG711, 0, 0.05, 1, 93.2 - 95*5/30.1},
		{ImpairG711, 0, 0.05, 2, 93.2 - 95*5/27.6},
		{ImpairEFR, 0, 0.02, 1, 93.2 - 5 - 90*2/12.0},
		{ImpairEFR, 10 * time.Second, 1, 1, 0},
	} {
		if got := RFactor(c.codec, c.delay, c.loss, c.burst); math.Abs(got-c.want) > 0.001 {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Losses of known shape: "r" received, "l" lost, "d" discarded.
func TestBursts(t *testing.T) {
	repeat := func(s string, n int) (out string) {
		for range n {
			out += s
		}
		return out
	}
	r100 := repeat("r", 100)
	for _, c := range []struct {
		name, in string
		want     VoIPMetrics
		ratio    float64
	}{
		{"nothing", "", VoIPMetrics{}, 1},
		{"all received", r100, VoIPMetrics{GapDuration: 0}, 1},
		{"isolated", r100 + "l" + r100 + "l" + r100, VoIPMetrics{LossRate: 256 * 2 / 302, GapDensity: 256 * 2 / 302, GapDuration: 302 * 20 * time.Millisecond}, 1},
		// One burst of 8 packets, 5 of which are lost, between gaps: p23 = 1, p32 = 3/5.
		{"burst", r100 + "lrlrlrll" + r100, VoIPMetrics{LossRate: 256 * 5 / 208, BurstDensity: 160, BurstDuration: 160 * time.Millisecond, GapDuration: 201 * 20 * time.Millisecond}, 5.0 / 4 * 203 / 208},
		{"discarded", r100 + "d" + r100, VoIPMetrics{DiscardRate: 256 / 201, GapDensity: 256 / 201, GapDuration: 201 * 20 * time.Millisecond}, 1},
		{"half", repeat("lr", 100), VoIPMetrics{LossRate: 128, BurstDensity: 129, BurstDuration: 4 * time.Second, GapDuration: 20 * time.Millisecond}, 1},
	} {
		var v bursts
		for _, p := range c.in {
			switch p {
			case 'r':
				v.play()
			case 'l':
				v.lose()
			case 'd':
				v.discard(false)
			}
		}
		var got VoIPMetrics
		v.measure(&got, 20*time.Millisecond)
		c.want.Gmin = 16
		if c.name == "all received" {
			c.want.GapDuration = 2 * time.Second
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
		if got := v.burstRatio(); math.Abs(got-max(c.ratio, 1)) > 0.001 {
			t.Errorf("%s: BurstR %v, want %v", c.name, got, c.ratio)
		}
	}
}

// A call with 5 % loss: what one end measures is what the other is told.
func TestVoIPMetrics(t *testing.T) {
	cfg := Config{XR: true}
	x, y := pair(cfg, cfg)
	r := rand.New(rand.NewPCG(1, 2))
	now := t0
	var b []byte
	for range 3000 {
		now = now.Add(20 * time.Millisecond)
		b, _, _ = x.AppendAudio(b[:0], now, make([]byte, 160), 160)
		if r.IntN(20) > 0 {
			y.Receive(now, ourAddr, b)
		}
		for _, ok := y.Pop(now, nil); ok; _, ok = y.Pop(now, nil) {
		}
	}
	report, _, err := y.AppendReport(nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.ReceiveRTCP(now, peerAddr, report); err != nil {
		t.Fatal(err)
	}
	st := x.Stats()
	m := st.RemoteMetrics
	if diff := cmp.Diff(y.metrics(), m); diff != "" {
		t.Error(diff)
	}
	q := y.Stats().Quality
	if m.SSRC != st.SSRC || m.LossRate < 10 || m.LossRate > 16 || m.RFactor != uint8(q.R+0.5) || q.R < 70 || q.R > 82 || q.MOS < 3.6 || q.MOS > 4.1 || m.JBAbsMax != 400*time.Millisecond {
		t.Errorf("%+v, %+v", m, q)
	}
	// Every cut of it is refused and counted, or is a shorter compound packet.
	for n := range len(report) {
		z := NewStream(t0, Config{SSRC: st.SSRC})
		if err := z.ReceiveRTCP(t0, peerAddr, report[:n]); (err == nil) != (z.Stats().Malformed == 0) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

// The stream moves with the translator's binding, and not with anyone else.
func TestLatchMoves(t *testing.T) {
	other := netip.MustParseAddrPort("198.51.100.7:61999")
	for _, c := range []struct {
		name     string
		from     netip.AddrPort
		silent   time.Duration
		sameSSRC bool
		skip     int // sequence numbers
		packets  int
		moved    bool
	}{
		{"the peer from another port", other, 2 * time.Second, true, 1, 3, true},
		{"two packets are not enough", other, 2 * time.Second, true, 1, 2, false},
		{"while the source is heard", other, 100 * time.Millisecond, true, 1, 8, false},
		{"another SSRC", other, 10 * time.Second, false, 1, 50, false},
		{"another sequence", other, 10 * time.Second, true, 20000, 50, false},
		{"the signalled address", peerAddr, 0, false, 1, 3, true},
		{"the signalled address, once", peerAddr, 0, false, 1, 2, false},
	} {
		s := NewStream(t0, Config{Remote: peerAddr})
		peer := NewSender(7)
		now := t0
		for range 10 {
			b, _ := peer.AppendAudio(nil, now, Format{}, []byte{1}, 160)
			if err := s.Receive(now, natAddr, b); err != nil {
				t.Fatal(err)
			}
			now = now.Add(20 * time.Millisecond)
		}
		now = now.Add(c.silent)
		from := *peer
		if !c.sameSSRC {
			from = *NewSender(8)
		}
		from.seq += uint16(c.skip)
		for range c.packets {
			b, _ := from.AppendAudio(nil, now, Format{}, []byte{1}, 160)
			s.Receive(now, c.from, b)
			now = now.Add(time.Millisecond)
		}
		st := s.Stats()
		if (st.Source == c.from) != c.moved || (st.Moved == 1) != c.moved || !c.moved && s.Remote() != natAddr || st.Refused == 0 {
			t.Errorf("%s: %v, %+v", c.name, s.Remote(), st)
		}
	}
}

// A peer with our SSRC: we take another, and say goodbye for the old one. Our own packets are no reason.
func TestCollision(t *testing.T) {
	x := NewStream(t0, Config{Remote: peerAddr, SSRC: 5})
	b, _, _ := x.AppendAudio(nil, t0, []byte{1}, 160)
	if err := x.Receive(t0, peerAddr, b); err != nil || x.Stats().Loops != 1 || x.Stats().SSRC != 5 {
		t.Errorf("an echo: %v, %+v", err, x.Stats())
	}
	report, _, _ := x.AppendReport(nil, t0)
	if err := x.ReceiveRTCP(t0, peerAddr, report); err != ErrLoop || x.Stats().Loops != 2 || x.Stats().SSRC != 5 {
		t.Errorf("an echo of RTCP: %v, %+v", err, x.Stats())
	}

	y := NewStream(t0, Config{Remote: peerAddr, SSRC: 5, DropLoops: true})
	b, _, _ = y.AppendAudio(nil, t0, []byte{1}, 160)
	if err := y.Receive(t0, peerAddr, b); err != ErrLoop || y.Stats().PacketsReceived != 0 {
		t.Errorf("DropLoops: %v, %+v", err, y.Stats())
	}
	other := NewSender(5)
	other.seq, other.timestamp = y.sender.seq+5000, y.sender.timestamp-1
	b, _ = other.AppendAudio(nil, t0, Format{}, []byte{1}, 160)
	if err := y.Receive(t0, peerAddr, b); err != nil || y.Stats().Collisions != 1 || y.Stats().SSRC == 5 || y.Stats().RemoteSSRC != 5 {
		t.Errorf("collision: %v, %+v", err, y.Stats())
	}
	if !y.Deadline().Equal(t0) {
		t.Errorf("BYE is due at %v", y.Deadline())
	}
	bye := func(s *Stream) (left bool) {
		b, _, err := s.AppendReport(nil, t0)
		if err != nil {
			t.Error(err)
		}
		for len(b) > 0 {
			p, rest, err := ParseRTCP(b)
			if err != nil {
				t.Fatal(err)
			}
			left, b = left || p.Leaves(5), rest
		}
		return left
	}
	if !bye(y) || bye(y) {
		t.Error("BYE for the old SSRC is due once")
	}

	z := NewStream(t0, Config{Remote: peerAddr, SSRC: 5})
	if err := z.ReceiveRTCP(t0, peerAddr, appendCNAME(appendReport(nil, 5, nil, nil), 5, "someone else")); err != nil || z.Stats().Collisions != 1 || z.Stats().SSRC == 5 {
		t.Errorf("collision in RTCP: %v, %+v", err, z.Stats())
	}
}

// Noise of 1,400 octets, and RTCP by the hundred: counted, and nothing else happens.
func TestNoise(t *testing.T) {
	x := NewStream(t0, Config{Remote: peerAddr, Mux: true, Receive: []Format{{}}})
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 1400)
	for range 2000 {
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], r.Uint64())
		}
		x.Receive(t0, peerAddr, b)
	}
	st := x.Stats()
	if n := st.Malformed + st.Unexpected + st.Probation + st.Flooded + st.PacketsReceived; n != 2000 || st.PacketsReceived > 5 || x.buffer.Len() > 5 {
		t.Errorf("%d counted, %+v", n, st)
	}

	x = NewStream(t0, Config{Remote: peerAddr})
	report := appendCNAME(appendReport(nil, 7, &SenderInfo{}, nil), 7, "x")
	flooded := 0
	for i := range 1000 { // in a second
		err := x.ReceiveRTCP(t0.Add(time.Duration(i)*time.Millisecond), peerAddr, report)
		if errors.Is(err, ErrFlood) {
			flooded++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if st := x.Stats(); flooded < 900 || st.Flooded != uint64(flooded) {
		t.Errorf("%d of 1000 ignored, %+v", flooded, st)
	}
	if err := x.ReceiveRTCP(t0.Add(10*time.Second), peerAddr, report); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

func FuzzXR(f *testing.F) {
	f.Add(appendXR(nil, 1, VoIPMetrics{SSRC: 2, JBNominal: time.Second})[8:])
	f.Add([]byte{4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, data []byte) {
		for b := data; len(b) > 0; {
			x, rest, err := ParseXRBlock(b)
			if err != nil {
				return
			}
			if m, err := x.VoIPMetrics(); err == nil {
				again, err := m.AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				y, _, err := ParseXRBlock(again)
				if err != nil {
					t.Fatal(err)
				}
				if m2, err := y.VoIPMetrics(); err != nil || m2 != m {
					t.Fatalf("%+v, %+v, %v", m, m2, err)
				}
			}
			b = rest
		}
	})
}
