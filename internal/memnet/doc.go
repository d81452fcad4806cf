// Package memnet is a network in memory, for tests and for what stays within a process: datagram sockets and streams that stand
// behind net.PacketConn, net.Listener and net.Conn, with loss, duplication, latency and
// reordering drawn from a seed.
//
// It blocks on channels and condition variables alone and takes its time from package time, so
// it works inside a testing/synctest bubble, where minutes of latency and retransmission pass at
// once.
//
//	n := memnet.New(memnet.Config{Loss: 0.05, Latency: 10 * time.Millisecond, Seed: 1})
//	a, _ := n.ListenPacket(netip.MustParseAddrPort("192.0.2.1:5060"))
//	b, _ := n.ListenPacket(netip.MustParseAddrPort("192.0.2.2:5060"))
//	a.WriteTo([]byte("hello"), b.LocalAddr())
package memnet
