package sip

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkReceiveUDP measures what a datagram of 1 kB costs the reader while others wait behind
// it: a thousand are sent while the first one's callback is held up. "single" hides the type of
// the socket, so that each datagram takes a system call of its own.
func BenchmarkReceiveUDP(b *testing.B) {
	for _, mode := range []string{"batched", "single"} {
		b.Run(mode, func(b *testing.B) {
			const backlog = 1000
			var got atomic.Int64
			var gate sync.RWMutex
			n := newNetwork(NetworkConfig{}, func(Flow, []byte) { gate.RLock(); defer gate.RUnlock(); got.Add(1) }, func(Flow, error) {})
			defer n.close()
			uc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				b.Fatal(err)
			}
			var pc net.PacketConn = uc
			if mode == "single" {
				uc.SetReadBuffer(defaultSocketBuffer)
				pc = plainUDP{uc}
			}
			f, err := n.servePacketConn(pc, ListenConfig{Transport: UDP})
			if err != nil {
				b.Fatal(err)
			}
			from, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(f.Local))
			if err != nil {
				b.Fatal(err)
			}
			defer from.Close()
			msg := []byte(strings.Repeat("x", 1000))
			b.ReportAllocs()
			b.ResetTimer()
			var cpu time.Duration
			lost := int64(0)
			for done := 0; done < b.N; done += backlog {
				b.StopTimer()
				gate.Lock()
				want := got.Load()
				for range min(backlog, b.N-done) {
					from.Write(msg)
					want++
				}
				start := cpuTime()
				b.StartTimer()
				gate.Unlock()
				for deadline := time.Now().Add(time.Second); got.Load() < want-lost; {
					time.Sleep(20 * time.Microsecond)
					if time.Now().After(deadline) { // a small buffer overflowed
						lost = want - got.Load()
					}
				}
				cpu += cpuTime() - start
			}
			b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(lost), "lost")
		})
	}
}

// plainUDP is a UDP socket that is not known to be one.
type plainUDP struct{ *net.UDPConn }

// BenchmarkSendTCP measures what it costs to queue and write a message of 1 kB.
func BenchmarkSendTCP(b *testing.B) {
	var got atomic.Int64
	server := newNetwork(NetworkConfig{}, func(Flow, []byte) { got.Add(1) }, func(Flow, error) {})
	defer server.close()
	at, err := server.listen(ListenConfig{Transport: TCP, Addr: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	client := newNetwork(NetworkConfig{}, func(Flow, []byte) {}, func(Flow, error) {})
	defer client.close()
	flows := make(chan Flow, 1)
	client.connect(TCP, at.Local, "", Flow{}, func(f Flow, err error) { flows <- f })
	f := <-flows
	msg := []byte(sipText(strings.Repeat("x", 900)))
	b.ReportAllocs()
	cpu := cpuTime()
	b.ResetTimer()
	for i := range b.N {
		for int64(i)-got.Load() >= 64 {
			time.Sleep(20 * time.Microsecond)
		}
		if err := client.send(f, msg); err != nil {
			b.Fatal(err)
		}
	}
	for got.Load() < int64(b.N) {
		time.Sleep(20 * time.Microsecond)
	}
	b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/op")
}
