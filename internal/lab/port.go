package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/gotelco/telco/internal/disk"
)

// FreePort returns an even port of 127.0.0.1 that nothing uses, neither over UDP nor over TCP, and
// neither does the odd one behind it, which some programs take as well: baresip for TLS, others for
// RTCP. The pair lies below the ports that systems hand out to sockets bound to port 0 or not bound
// at all (from 32768 on Linux) and beside the media ports of the peers. Until the test's end no
// other call returns it, of this process or of another.
func FreePort(t testing.TB) int {
	t.Helper()
	locks := filepath.Join(os.TempDir(), fmt.Sprintf("telco-ports-%d", os.Getuid()))
	if err := os.MkdirAll(locks, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		port := 10000 + 2*rand.IntN(5000)
		lock, err := disk.Lock(filepath.Join(locks, fmt.Sprint(port)))
		if err != nil {
			continue
		}
		if !unused(port) || !unused(port+1) {
			lock.Close()
			continue
		}
		t.Cleanup(func() { lock.Close() })
		return port
	}
	t.Fatal("no free port")
	return 0
}

// unused tells whether nothing is bound to the port.
func unused(port int) bool {
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return false
	}
	l.Close()
	pc, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return false
	}
	pc.Close()
	return true
}
