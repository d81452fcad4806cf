package lab_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/gotelco/telco/internal/lab"
)

func TestFreePort(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		port := lab.FreePort(t)
		if port%2 != 0 || seen[port] {
			t.Fatal(port, "is odd, or was handed out before")
		}
		seen[port] = true
		for _, p := range []int{port, port + 1} {
			l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", p))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
	}
}
