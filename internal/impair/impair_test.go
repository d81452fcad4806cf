package impair

import (
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// What is lost and how long the rest takes is what the configuration says, the same for the same seed; answers find their way.
func TestRelay(t *testing.T) {
	run := func() (lost []int) {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{})
			listen := func(addr string) net.PacketConn {
				c, err := n.ListenPacket(netip.MustParseAddrPort(addr))
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			target := listen("10.0.0.3:1")
			var took []time.Duration
			r := NewRelay(listen("10.0.0.2:1"), listen("10.0.0.2:2"), netip.MustParseAddrPort("10.0.0.3:1"), 7,
				Config{Loss: 0.1, Delay: 5 * time.Millisecond, Jitter: 30 * time.Millisecond}, Config{}, func(p Packet) {
					if p.Lost {
						lost = append(lost, int(p.Data[0])<<8|int(p.Data[1]))
					} else if p.Forward {
						took = append(took, p.Out.Sub(p.At))
					}
				})
			defer r.Close()
			source := listen("10.0.0.1:1")
			defer source.Close()
			defer target.Close()
			got := 0
			go func() {
				buf := make([]byte, 9)
				for {
					n, from, err := target.ReadFrom(buf)
					if err != nil {
						return
					}
					got++
					target.WriteTo(buf[:n], from)
				}
			}()
			for i := range 1000 {
				source.WriteTo([]byte{byte(i >> 8), byte(i)}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:1")))
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			back := 0
			source.SetReadDeadline(time.Now().Add(time.Millisecond))
			for buf := make([]byte, 9); ; back++ {
				if _, _, err := source.ReadFrom(buf); err != nil {
					break
				}
			}
			if got+len(lost) != 1000 || back != got || len(lost) < 70 || len(lost) > 130 {
				t.Errorf("%d came, %d lost, %d came back", got, len(lost), back)
			}
			least, most := time.Hour, time.Duration(0)
			for _, d := range took {
				least, most = min(least, d), max(most, d)
			}
			if least < 5*time.Millisecond || least > 6*time.Millisecond || most > 35*time.Millisecond || most < 34*time.Millisecond {
				t.Errorf("it takes %v to %v", least, most)
			}
		})
		return lost
	}
	first := run()
	for i, n := range run() {
		if first[i] != n {
			t.Fatal("not the same twice")
		}
	}
}
