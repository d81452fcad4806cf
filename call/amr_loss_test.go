package call

import (
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/internal/impair"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/trace"
)

// While packets are lost the peer is asked for lower modes, step by step, and for any when they come again; RTCP has no part in it.
func TestAMRAsksForLowerModes(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{})
			w := NewWheel()
			defer w.Close()
			var mu sync.Mutex
			var mode amr.FrameType
			cfg := amrFormat(AMRConfig{OctetAligned: true, NoRequests: quiet})
			front, err := n.ListenPacket(addr(9, 4000))
			if err != nil {
				t.Fatal(err)
			}
			back, err := n.ListenPacket(addr(9, 4002))
			if err != nil {
				t.Fatal(err)
			}
			bad := true
			relay := impair.NewRelay(&failingConn{PacketConn: front, mu: &mu, bad: &bad}, back, addr(2, 4000), 3, impair.Config{}, impair.Config{}, nil)
			defer relay.Close()
			b := newMedia(t, n, w, addr(2, 4000), addr(9, 4002), cfg)
			defer b.Close()
			cfg.Trace = func(e trace.Event) {
				if e.Dir == trace.Sent && e.Proto == trace.RTP {
					mu.Lock()
					mode = amr.FrameType(e.Data[13] >> 3 & 15)
					mu.Unlock()
				}
			}
			a := newMedia(t, n, w, addr(1, 4000), addr(9, 4000), cfg)
			defer a.Close()
			a.SetSource(Tone(8000, 440, 8000))
			b.SetSource(Tone(8000, 440, 8000))
			look := func() amr.FrameType {
				mu.Lock()
				defer mu.Unlock()
				return mode
			}
			time.Sleep(9 * time.Second)
			want := amr.Mode740 // after three or four looks
			if quiet {
				want = amr.Mode122
			}
			if got := look(); got > want || quiet && got != want || got < amr.Mode590 {
				t.Errorf("mode %v after 9 s of losses", got)
			}
			mu.Lock()
			bad = false
			mu.Unlock()
			time.Sleep(40 * time.Second)
			if got := look(); got != amr.Mode122 {
				t.Errorf("mode %v when nothing is lost any more", got)
			}
		})
	}
}

// failingConn loses one in eight of what it reads while bad is true.
type failingConn struct {
	net.PacketConn
	mu  *sync.Mutex
	bad *bool
	n   int
}

func (c *failingConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		c.mu.Lock()
		c.n++
		lose := *c.bad && c.n%8 == 0
		c.mu.Unlock()
		if err != nil || !lose {
			return n, from, err
		}
	}
}

// A peer that sends each frame twice, in two packets, is heard whole though one in five packets is lost.
func TestAMRRedundancy(t *testing.T) {
	for _, twice := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{})
			w := NewWheel()
			defer w.Close()
			m := newMedia(t, n, w, addr(2, 4000), addr(1, 4000), amrFormat(AMRConfig{}))
			defer m.Close()
			heard := &capture{}
			m.AddSink(heard)
			peer, err := n.ListenPacket(addr(1, 4000))
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			enc, err := amr.NewEncoder(amr.EncoderConfig{Mode: amr.Mode122})
			if err != nil {
				t.Fatal(err)
			}
			said := speech.Caller()
			var before amr.Frame
			lost := 0
			for k := range len(said) / 160 {
				f, err := enc.Encode(nil, said[k*160:])
				if err != nil {
					t.Fatal(err)
				}
				p, first := amr.Payload{CMR: amr.NoRequest, Frames: []amr.Frame{f}}, k
				if twice && k > 0 {
					p.Frames, first = []amr.Frame{before, f}, k-1
				}
				before = f
				b := []byte{0x80, m.cfg.Send.PayloadType}
				b = binary.BigEndian.AppendUint16(b, uint16(k))
				b = binary.BigEndian.AppendUint32(b, uint32(first*160))
				b = binary.BigEndian.AppendUint32(b, 99)
				if b, err = (amr.PayloadFormat{}).AppendPayload(b, p); err != nil {
					t.Fatal(err)
				}
				if k%5 == 3 && k < len(said)/160-5 {
					lost++
				} else {
					peer.WriteTo(b, net.UDPAddrFromAddrPort(addr(2, 4000)))
				}
				time.Sleep(20 * time.Millisecond)
			}
			s := m.Stats()
			time.Sleep(time.Second)
			snr := sound.Find(heard.samples(), said, 8000).SNR
			if twice && (s.Concealed > 2 || snr < 4) || !twice && (int(s.Concealed) < lost-3 || snr > 4) {
				t.Errorf("twice: %v: %d of %d packets lost, SNR %.1f, %+v", twice, lost, len(said)/160, snr, s)
			}
		})
	}
}
