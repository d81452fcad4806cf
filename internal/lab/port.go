package lab

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// FreePort returns a port of 127.0.0.1 that nothing uses, neither over UDP nor over TCP. It lies
// below those that systems hand out to sockets bound to port 0 or not bound at all (from 32768 on
// Linux) and beside the media ports of the peers, so that no test that runs beside this one can
// take it before it is used.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(10000)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp4", addr)
		if err != nil {
			continue
		}
		l.Close()
		pc, err := net.ListenPacket("udp4", addr)
		if err != nil {
			continue
		}
		pc.Close()
		return port
	}
	t.Fatal("no free port")
	return 0
}
