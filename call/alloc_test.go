package call

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/rtp/srtp"
)

// byHand is two legs that are bridged, each with a peer, over real sockets on a wheel that is turned by hand.
type byHand struct {
	wheel *Wheel
	now   time.Time
	all   []*Media
}

// newLoop connects them; with a suite all four legs have keys, and with edit other things besides.
func newLoop(t testing.TB, left, right Codec, suite srtp.Suite, edit func(*MediaConfig)) *byHand {
	t.Helper()
	l := &byHand{wheel: newWheel(1), now: time.Now()}
	l.wheel.Close()
	var conns [4]*net.UDPConn
	var at [4]netip.AddrPort
	for i := range conns {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		conns[i], at[i] = c, c.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	var keys [4]SRTPKey
	for i := range keys {
		if suite != 0 {
			keys[i] = SRTPKey{suite, srtp.NewKey(suite)}
		}
	}
	for i, c := range []Codec{left, left, right, right} {
		cfg := MediaConfig{Remote: at[i^1], NoRTCP: true, Send: format(c), Encrypt: keys[i], Decrypt: keys[i^1]}
		if edit != nil {
			edit(&cfg)
		}
		m, err := NewMedia(l.wheel, conns[i], nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		l.all = append(l.all, m)
	}
	if err := Bridge(l.all[1], l.all[2]); err != nil {
		t.Fatal(err)
	}
	l.all[0].SetSource(Tone(left.SampleRate, 440, 8000))
	l.all[3].SetSource(Tone(right.SampleRate, 620, 8000))
	return l
}

// turn lets 20 ms pass.
func (l *byHand) turn() {
	l.now = l.now.Add(FrameTime)
	for _, m := range l.all {
		m.receive(l.now, &l.wheel.spokes[0].work)
	}
	for _, m := range l.all {
		m.send(&l.wheel.spokes[0].work)
	}
}

var wideAMR, narrowAMR = AMR(AMRConfig{Codec: amr.WB, OctetAligned: true}), AMR(AMRConfig{OctetAligned: true, DTX: true})

// A packet allocates nothing, from the socket through the transcoder to the other socket: for each pair of codecs, encrypted and not, with
// what else may look at it.
func TestPacketAllocatesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere goroutines read the sockets")
	}
	codecs := []Codec{PCMA, PCMU, narrowAMR, wideAMR}
	for i, left := range codecs {
		for _, right := range codecs[i:] {
			for _, suite := range []srtp.Suite{0, srtp.AEADAES128GCM, srtp.AESCM128HMACSHA180} {
				if suite != 0 && (left.Name != "PCMA" || testing.Short()) {
					continue
				}
				t.Run(fmt.Sprint(left.Name, " ", right.Name, " ", suite), func(t *testing.T) {
					allocatesNothing(t, newLoop(t, left, right, suite, nil), 500)
				})
			}
		}
	}
	t.Run("noise, tones and a recording", func(t *testing.T) {
		l := newLoop(t, PCMA, PCMU, 0, func(c *MediaConfig) {
			c.SendNoise, c.ReceiveNoise, c.DTX, c.Tones = 13, 13, true, true
		})
		sink := &slow{gate: make(chan struct{})}
		tap, err := NewTap(l.all[1], sink, TapOptions{Stereo: true})
		if err != nil {
			t.Fatal(err)
		}
		defer tap.Close()
		l.all[0].SetSource(newRoom(nil, 40))
		for range recorderDepth + 10 {
			l.turn() // until the recorder, whose sink hangs, has all the buffers that it will ever have
		}
		close(sink.gate)
		allocatesNothing(t, l, 0)
	})
}

// allocatesNothing asserts it, and that so many frames were heard on each leg.
func allocatesNothing(t *testing.T, l *byHand, played uint64) {
	t.Helper()
	for range 400 {
		l.turn()
	}
	if got := testing.AllocsPerRun(200, l.turn); got != 0 {
		t.Errorf("%g allocations in 20 ms of four legs", got)
	}
	for i, m := range l.all {
		if s := m.Stats(); s.Played+s.Pauses < played || s.Underruns > 20 && played > 0 || s.RTP.Unauthentic+s.RTP.Replayed != 0 {
			t.Errorf("leg %d: %+v", i, s)
		}
	}
}

// BenchmarkTurn is 20 ms of a call that is transcoded, with both of its peers.
func BenchmarkTurn(b *testing.B) {
	for _, c := range []struct {
		name        string
		left, right Codec
	}{{"PCMU-PCMA", PCMU, PCMA}, {"AMR-PCMA", narrowAMR, PCMA}, {"AMR-WB-PCMA", wideAMR, PCMA}} {
		b.Run(c.name, func(b *testing.B) {
			l := newLoop(b, c.left, c.right, 0, nil)
			b.ReportAllocs()
			for b.Loop() {
				l.turn()
			}
		})
	}
}

// BenchmarkLegs is what a back-to-back user agent does in 20 ms for a call between two legs of one codec: coded anew, and passed through.
func BenchmarkLegs(b *testing.B) {
	for _, codec := range []amr.Codec{amr.NB, amr.WB} {
		for name, transcode := range map[string]bool{"transcoded": true, "passed": false} {
			b.Run(codec.String()+" "+name, func(b *testing.B) {
				c := AMR(AMRConfig{Codec: codec, Transcode: transcode})
				l := newLoop(b, c, c, 0, nil)
				var took time.Duration
				for b.Loop() {
					l.now = l.now.Add(FrameTime)
					work := &l.wheel.spokes[0].work
					l.all[0].receive(l.now, work)
					l.all[3].receive(l.now, work)
					start := time.Now()
					l.all[1].receive(l.now, work)
					l.all[2].receive(l.now, work)
					l.all[1].send(work)
					l.all[2].send(work)
					took += time.Since(start)
					l.all[0].send(work)
					l.all[3].send(work)
				}
				b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/legs")
			})
		}
	}
}
