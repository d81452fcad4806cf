package call

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gotelco/telco/amr"
)

// byHand is two legs that are bridged, each with a peer, over real sockets on a wheel that is turned by hand.
type byHand struct {
	wheel *Wheel
	now   time.Time
	all   []*Media
}

func newLoop(t testing.TB, left, right Codec) *byHand {
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
	for i, c := range []Codec{left, left, right, right} {
		m, err := NewMedia(l.wheel, conns[i], nil, MediaConfig{Remote: at[i^1], NoRTCP: true, Send: format(c)})
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
		m.receive(l.now, l.wheel.spokes[0].reader)
	}
	for _, m := range l.all {
		m.send()
	}
}

var wideAMR, narrowAMR = AMR(AMRConfig{Codec: amr.WB, OctetAligned: true}), AMR(AMRConfig{OctetAligned: true, DTX: true})

// A packet allocates nothing, from the socket through the transcoder to the other socket.
func TestPacketAllocatesNothing(t *testing.T) {
	for _, c := range []struct {
		name        string
		left, right Codec
	}{{"PCMU-PCMA", PCMU, PCMA}, {"AMR-PCMA", narrowAMR, PCMA}, {"AMR-WB-PCMA", wideAMR, PCMA}, {"AMR-WB-AMR", wideAMR, narrowAMR}} {
		t.Run(c.name, func(t *testing.T) {
			l := newLoop(t, c.left, c.right)
			for range 400 {
				l.turn()
			}
			if runtime.GOOS != "linux" {
				t.Skip("elsewhere goroutines read the sockets")
			}
			if got := testing.AllocsPerRun(500, l.turn); got != 0 {
				t.Errorf("%g allocations in 20 ms of four legs", got)
			}
			for i, m := range l.all {
				if s := m.Stats(); s.Played+s.Pauses < 800 || s.Underruns > 20 {
					t.Errorf("leg %d: %+v", i, s)
				}
			}
		})
	}
}

// BenchmarkTurn is 20 ms of a call that is transcoded, with both of its peers.
func BenchmarkTurn(b *testing.B) {
	for _, c := range []struct {
		name        string
		left, right Codec
	}{{"PCMU-PCMA", PCMU, PCMA}, {"AMR-PCMA", narrowAMR, PCMA}, {"AMR-WB-PCMA", wideAMR, PCMA}} {
		b.Run(c.name, func(b *testing.B) {
			l := newLoop(b, c.left, c.right)
			b.ReportAllocs()
			for b.Loop() {
				l.turn()
			}
		})
	}
}
