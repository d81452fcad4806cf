package call

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/internal/impair"
	"github.com/gotelco/telco/internal/memnet"
)

// streamed is a stream as it went into an impaired network, packet by packet.
type streamed struct {
	mu      sync.Mutex
	packets []passed
}

type passed struct {
	seq     uint16
	payload []byte
	lost    bool
	out     time.Time
}

func (s *streamed) tap(p impair.Packet) {
	if !p.Forward || len(p.Data) < 13 || p.Data[1] >= 192 { // RTP alone
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets = append(s.packets, passed{binary.BigEndian.Uint16(p.Data[2:]), slices.Clone(p.Data[12:]), p.Lost, p.Out})
}

// decode is what is heard where a packet that comes later than some delay after its turn, or never, leaves a hole. With a
// negative delay nothing is late or lost.
func (s *streamed) decode(t *testing.T, c Codec, fmtp string, delay time.Duration) (pcm []int16) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	dec, err := c.NewDecoder(fmtp)
	if err != nil {
		t.Fatal(err)
	}
	first := s.packets[0]
	for k, p := range s.packets {
		if p.seq != first.seq+uint16(k) {
			t.Fatalf("packet %d has number %d after %d", k, p.seq, first.seq)
		}
		if turn := first.out.Add(time.Duration(k)*FrameTime + delay); delay >= 0 && (p.lost || p.out.After(turn)) {
			pcm = append(pcm, make([]int16, c.SampleRate/50)...)
			continue
		}
		if pcm, err = dec.Decode(pcm, p.payload); err != nil {
			t.Fatal(err)
		}
	}
	return pcm
}

// segmental is the segmental SNR of got against want in dB: the mean over pieces of 20 ms that hold sound, each between 0 and 35 dB, where
// quarters of a second may have moved by up to 150 ms.
func segmental(got, want []int16, rate int) float64 {
	block, frame, reach := rate/4, rate/50, rate*3/20
	errorAt := func(at, off, n int) (e float64) {
		for i := at; i < at+n; i++ {
			v := 0.0
			if j := i + off; j >= 0 && j < len(got) {
				v = float64(got[j])
			}
			d := float64(want[i]) - v
			e += d * d
		}
		return e
	}
	sum, n := 0.0, 0
	near := sound.Find(got, want[:min(len(want), rate)], rate).Offset
	for at := 0; at+block <= len(want); at += block {
		if sound.RMS(want[at:at+block]) < 100 {
			continue
		}
		energy := errorAt(at, len(got), block) // against nothing
		best, off := errorAt(at, near, block), near
		for d := 1; d <= reach && best > energy/10; d++ { // where it was, unless it fits badly
			for _, o := range []int{near - d, near + d} {
				if e := errorAt(at, o, block); e < best {
					best, off = e, o
				}
			}
		}
		if near-off < reach && off-near < reach {
			near = off
		}
		for f := at; f+frame <= at+block; f += frame {
			if sound.RMS(want[f:f+frame]) < 100 {
				continue
			}
			signal := errorAt(f, len(got), frame) // against nothing
			sum += min(max(10*math.Log10(signal/max(errorAt(f, off, frame), 1)), 0), 35)
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// Five in a hundred packets are lost and the others take up to 30 ms longer than others: the playout buffer brings most of it back,
// and concealment what can be guessed. The numbers are the segmental SNR against the decode of the same packets without loss.
//
//	               no buffer   buffer alone   heard: buffer and concealment
//	PCMA               1.5         32.1           31.4 dB
//	AMR 12.2           9.4         25.0           25.0 dB
//	AMR-WB 23.85       9.5         24.3           25.8 dB
//
// A piece that is lost has 0 dB where it is silent, and little more where it is guessed; that is why the last two are so near.
func TestImpaired(t *testing.T) {
	pcma := MediaConfig{Send: format(PCMA)}
	for _, tc := range []struct {
		name                  string
		cfg                   MediaConfig
		bare, buffered, heard float64
	}{
		{"PCMA", pcma, 1.5, 32.1, 31.4},
		{"AMR 12.2", amrFormat(AMRConfig{}), 9.4, 25, 25},
		{"AMR-WB 23.85", amrFormat(AMRConfig{Codec: amr.WB}), 9.5, 24.3, 25.8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{})
				w := NewWheel()
				defer w.Close()
				front, err := n.ListenPacket(addr(9, 4000))
				if err != nil {
					t.Fatal(err)
				}
				back, err := n.ListenPacket(addr(9, 4002))
				if err != nil {
					t.Fatal(err)
				}
				var s streamed
				relay := impair.NewRelay(front, back, addr(2, 4000), 11, impair.Config{Loss: 0.05, Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond}, impair.Config{}, s.tap)
				defer relay.Close()
				a := newMedia(t, n, w, addr(1, 4000), addr(9, 4000), tc.cfg)
				defer a.Close()
				b := newMedia(t, n, w, addr(2, 4000), addr(9, 4002), tc.cfg)
				defer b.Close()
				heard := &capture{}
				b.AddSink(heard)
				rate := tc.cfg.Send.Codec.SampleRate
				say := slices.Concat(speech.Caller(), speech.Callee())
				ahead, err := NewReadAhead(Samples(say), 8000)
				if err != nil {
					t.Fatal(err)
				}
				defer ahead.Close()
				if err := a.Play(t.Context(), ahead); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				fmtp := tc.cfg.Send.FMTP
				want := s.decode(t, tc.cfg.Send.Codec, fmtp, -1)
				bare := segmental(s.decode(t, tc.cfg.Send.Codec, fmtp, 0), want, rate)
				buffered := segmental(s.decode(t, tc.cfg.Send.Codec, fmtp, 60*time.Millisecond), want, rate)
				got := segmental(heard.samples(), want, rate)
				t.Logf("%s: %.1f dB without a buffer, %.1f dB with a buffer alone, %.1f dB heard; %+v", tc.name, bare, buffered, got, b.Stats().RTP.Buffer)
				if bare > tc.bare+2 || buffered < tc.buffered-2 || got < tc.heard-2 || got < bare+12 {
					t.Errorf("want %g, %g and %g dB, give or take 2", tc.bare, tc.buffered, tc.heard)
				}
			})
		})
	}
}
