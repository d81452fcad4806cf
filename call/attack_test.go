package call

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/rtp/srtp"
)

// Whatever strangers and a broken peer send to a leg, its call sounds as it did, and all of it is counted.
func TestRubbish(t *testing.T) {
	key := func() SRTPKey { return SRTPKey{srtp.AEADAES128GCM, srtp.NewKey(srtp.AEADAES128GCM)} }
	plain := func(ssrc uint32, pt byte, seq int, payload []byte) []byte {
		b := []byte{0x80, pt}
		b = binary.BigEndian.AppendUint16(b, uint16(seq))
		b = binary.BigEndian.AppendUint32(b, uint32(seq*160))
		return append(binary.BigEndian.AppendUint32(b, ssrc), payload...)
	}
	loud := make([]byte, 160) // of A-law
	for _, tc := range []struct {
		name    string
		secure  bool
		from    netip.AddrPort
		rtcp    bool
		packet  func(i int, r *rand.Rand) []byte
		counted func(s rtp.Stats) uint64
	}{
		{"a stranger's speech", false, addr(66, 4000), false, func(i int, _ *rand.Rand) []byte { return plain(7, 8, i, loud) }, func(s rtp.Stats) uint64 { return s.Refused }},
		{"a stranger with the stream's next numbers", false, addr(66, 4000), false, nil, func(s rtp.Stats) uint64 { return s.Refused }},
		{"another payload type", false, addr(1, 4000), false, func(i int, _ *rand.Rand) []byte { return plain(7, 99, i, loud) }, func(s rtp.Stats) uint64 { return s.Unexpected }},
		{"noise of 1,400 octets", false, addr(1, 4000), false, func(_ int, r *rand.Rand) []byte { return noiseOf(r, 1400) },
			func(s rtp.Stats) uint64 { return s.Malformed + s.Unexpected + s.Probation }},
		{"nothing and crumbs", false, addr(1, 4000), false, func(i int, r *rand.Rand) []byte { return noiseOf(r, i%14) }, func(s rtp.Stats) uint64 { return s.Malformed + s.Unexpected + s.Probation }},
		{"RTCP without end", false, addr(1, 4001), true, func(int, *rand.Rand) []byte {
			b := []byte{0x80, 201, 0, 1, 0, 0, 0, 9, 0x81, 202, 0, 2, 0, 0, 0, 9, 1, 1, 'x', 0}
			for range 60 {
				b = append(b, 0x80, 203, 0, 0) // BYE of nobody
			}
			return b
		}, func(s rtp.Stats) uint64 { return s.Flooded }},
		{"RTCP of noise", false, addr(1, 4001), true, func(_ int, r *rand.Rand) []byte { return noiseOf(r, 1400) }, func(s rtp.Stats) uint64 { return s.Malformed + s.Flooded }},
		{"speech in clear", true, addr(1, 4000), false, func(i int, _ *rand.Rand) []byte { return plain(7, 8, i, loud) }, func(s rtp.Stats) uint64 { return s.Unauthentic }},
		{"noise for SRTP", true, addr(66, 4000), false, func(_ int, r *rand.Rand) []byte { return noiseOf(r, 1400) }, func(s rtp.Stats) uint64 { return s.Unauthentic }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{})
				w := NewWheel()
				defer w.Close()
				listen := func(a netip.AddrPort) net.PacketConn {
					c, err := n.ListenPacket(a)
					if err != nil {
						t.Fatal(err)
					}
					return c
				}
				a, b := MediaConfig{Send: format(PCMA), ReceiveEvent: 101, Remote: addr(2, 4000)}, MediaConfig{Send: format(PCMA), ReceiveEvent: 101, Remote: addr(1, 4000)}
				if tc.secure {
					a.Encrypt, a.Decrypt = key(), key()
					b.Encrypt, b.Decrypt = a.Decrypt, a.Encrypt
				}
				// What the peer sends comes from the address of its socket: a tap on it.
				conn := &injector{PacketConn: listen(addr(1, 4000))}
				peer, err := NewMedia(w, conn, nil, a)
				if err != nil {
					t.Fatal(err)
				}
				defer peer.Close()
				rtcp := listen(addr(1, 4001))
				defer rtcp.Close()
				stranger := listen(addr(66, 4000))
				defer stranger.Close()
				m, err := NewMedia(w, listen(addr(2, 4000)), listen(addr(2, 4001)), b)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				heard := &capture{}
				m.AddSink(heard)
				peer.SetSource(Tone(8000, 450, 8000)) // a frame more or less, as the delay adapts, leaves it as it is
				time.Sleep(time.Second)
				r := rand.New(rand.NewPCG(1, 1))
				const packets = 5000
				for i := range packets {
					to := net.UDPAddrFromAddrPort(addr(2, 4000))
					if tc.rtcp {
						to.Port++
					}
					var b []byte
					if tc.packet != nil {
						b = tc.packet(i, r)
					} else {
						b = conn.copied()
						binary.BigEndian.PutUint16(b[2:], binary.BigEndian.Uint16(b[2:])+uint16(1+i%3))
					}
					switch {
					case tc.from == addr(66, 4000):
						stranger.WriteTo(b, to)
					case tc.rtcp:
						rtcp.WriteTo(b, to)
					default:
						conn.PacketConn.WriteTo(b, to)
					}
					time.Sleep(time.Millisecond)
				}
				s := m.Stats()
				pcm := heard.samples()
				if share := sound.Tone(pcm[8000:], 8000, 450); share < 0.99 || s.Concealed+s.Errors > 2 || s.Underruns > 10 {
					t.Errorf("%.3f of it is the tone, %+v", share, s)
				}
				if got := tc.counted(s.RTP); got < packets*8/10 || got > packets {
					t.Errorf("%d are counted of %d: %+v", got, packets, s.RTP)
				}
				if s.RTP.PacketsReceived > 320 {
					t.Errorf("%d packets taken", s.RTP.PacketsReceived)
				}
			})
		})
	}
}

func noiseOf(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// injector keeps the last packet that goes out.
type injector struct {
	net.PacketConn
	mu   sync.Mutex
	last []byte
}

func (c *injector) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	c.last = append(c.last[:0], b...)
	c.mu.Unlock()
	return c.PacketConn.WriteTo(b, to)
}

func (c *injector) copied() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.last...)
}

// Keys of one direction alone are refused, as are those that do not fit.
func TestKeysOfMedia(t *testing.T) {
	n := memnet.New(memnet.Config{})
	w := NewWheel()
	defer w.Close()
	for i, cfg := range []MediaConfig{
		{Encrypt: SRTPKey{srtp.AEADAES128GCM, srtp.NewKey(srtp.AEADAES128GCM)}},
		{Encrypt: SRTPKey{srtp.AEADAES128GCM, nil}, Decrypt: SRTPKey{srtp.AEADAES128GCM, nil}},
		{Encrypt: SRTPKey{99, nil}, Decrypt: SRTPKey{99, nil}},
	} {
		conn, err := n.ListenPacket(addr(byte(i+1), 4000))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Send = format(PCMA)
		if _, err := NewMedia(w, conn, nil, cfg); err == nil {
			t.Error(fmt.Sprint(i, " is taken"))
		}
	}
}
