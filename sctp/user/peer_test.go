package user_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/user"
)

// lossy is UDP that loses packets in both directions, as its seed has it.
type lossy struct {
	user.UDP
	rate float64
	mu   *sync.Mutex
	rnd  *rand.Rand
}

func newLossy(rate float64) user.Carrier {
	return lossy{rate: rate, mu: new(sync.Mutex), rnd: rand.New(rand.NewPCG(7, 7))}
}

type lossyConn struct {
	user.PacketConn
	l lossy
}

func (l lossy) Open(local netip.AddrPort) (user.PacketConn, error) {
	c, err := l.UDP.Open(local)
	return lossyConn{c, l}, err
}

func (l lossy) loses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rnd.Float64() < l.rate
}

func (c lossyConn) ReadPackets(ps []user.Packet) (int, error) {
	n, err := c.PacketConn.ReadPackets(ps)
	kept := 0
	for _, p := range ps[:n] {
		if !c.l.loses() {
			ps[kept] = p
			kept++
		}
	}
	return kept, err
}

func (c lossyConn) WritePackets(ps []user.Packet) (int, error) {
	for i := range ps {
		if c.l.loses() {
			continue
		}
		if _, err := c.PacketConn.WritePackets(ps[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(ps), nil
}

// quick are timers for a peer next door.
var quick = sctp.Config{RTOInitial: 200 * time.Millisecond, RTOMin: 100 * time.Millisecond, RTOMax: time.Second, SACKDelay: 20 * time.Millisecond}

// echoed sends messages of all sizes, octets in all, to a peer that sends them back, and checks that
// each comes back once, as it was, in the order of its stream.
func echoed(t *testing.T, c sctp.Conn, octets int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	var sizes []int
	sending := true
	go func() {
		rnd := rand.New(rand.NewPCG(1, 2))
		for left := octets; left > 0; {
			size := min(8+rnd.IntN(1+rnd.IntN(20000)), max(left, 8))
			left -= size
			mu.Lock()
			n := len(sizes)
			sizes = append(sizes, size)
			sending = left > 0
			mu.Unlock()
			m := sctp.Message{Stream: uint16(n % 16), PPID: 4000, Unordered: n%5 == 0, Data: make([]byte, size)}
			for i := range m.Data {
				m.Data[i] = byte(n + i)
			}
			binary.BigEndian.PutUint64(m.Data, uint64(n))
			if _, err := c.Send(ctx, m); err != nil {
				t.Errorf("message %d: %v", n, err)
				return
			}
		}
	}()
	seen := map[int]bool{}
	var last [16]int
	in := make([]sctp.Received, 0, 64)
	for {
		mu.Lock()
		over := !sending && len(seen) == len(sizes)
		mu.Unlock()
		if over {
			return
		}
		var err error
		if in, err = c.Receive(ctx, in[:0]); err != nil {
			t.Fatalf("after %d messages: %v; %+v", len(seen), err, c.Status())
		}
		for _, r := range in {
			if r.Event != nil {
				continue
			}
			if len(r.Data) < 8 {
				t.Fatalf("a message of %d octets", len(r.Data))
			}
			n := int(binary.BigEndian.Uint64(r.Data))
			mu.Lock()
			known := n < len(sizes) && len(r.Data) == sizes[n]
			mu.Unlock()
			if !known || seen[n] || int(r.Stream) != n%16 || r.PPID != 4000 || r.Unordered != (n%5 == 0) {
				t.Fatalf("message %d: %d octets, stream %d, PPID %d, unordered %v, seen before: %v", n, len(r.Data), r.Stream, r.PPID, r.Unordered, seen[n])
			}
			for i := 8; i < len(r.Data); i++ {
				if r.Data[i] != byte(n+i) {
					t.Fatalf("message %d is damaged at %d", n, i)
				}
			}
			if !r.Unordered && n < last[n%16] {
				t.Fatalf("message %d came after %d of its stream", n, last[n%16])
			}
			if !r.Unordered {
				last[n%16] = n
			}
			seen[n] = true
		}
	}
}

// usrsctp starts the program of testdata, compiled here.
func usrsctp(t *testing.T, ours, port uint16, how string) (udp uint16, ready func(), over func()) {
	lab.Need(t, "gcc", "gcc")
	exe := filepath.Join(t.TempDir(), "echo")
	if out, err := exec.Command("gcc", "-o", exe, "testdata/echo.c", "-lusrsctp", "-lpthread").CombinedOutput(); err != nil {
		if exec.Command("dpkg-query", "-s", "libusrsctp-dev").Run() != nil {
			t.Skip("needs usrsctp (Debian: apt-get install libusrsctp-dev)")
		}
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	udp = udpPort(t)
	cmd := exec.Command(exe, strconv.Itoa(int(udp)), strconv.Itoa(int(ours)), strconv.Itoa(int(port)), how)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	expect := func(want string) func() {
		return func() {
			t.Helper()
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("the program says %q, want %q", lines.Text(), want)
			}
		}
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return udp, expect("ready"), expect("over")
}

// usrsctp as the server and the client of our associations, with 10 MB in both directions, and
// less with losses.
func TestUsrsctp(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, left out with -short")
	}
	for _, c := range []struct {
		name    string
		loss    float64
		octets  int
		serving bool
	}{
		{"it serves", 0, 10 << 20, true}, {"it dials", 0, 10 << 20, false},
		{"it serves, 1 % loss", 0.01, 1 << 20, true}, {"it dials, 5 % loss", 0.05, 1 << 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := quick
			if c.octets < 10<<20 {
				cfg.Trace = tsharktest.Capture(t)
			}
			n := user.New(user.Config{Carrier: newLossy(c.loss)})
			ours := udpPort(t)
			port := uint16(4242)
			var conn sctp.Conn
			var over func()
			if c.serving {
				udp, ready, end := usrsctp(t, ours, port, "listen")
				ready()
				over = end
				var err error
				if conn, err = n.Dial(t.Context(), addr(0, ours, "127.0.0.1"), addr(port, udp, "127.0.0.1"), cfg); err != nil {
					t.Fatal(err)
				}
			} else {
				l, err := n.Listen(t.Context(), addr(port, ours, "127.0.0.1"), cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				_, _, over = usrsctp(t, ours, port, "connect")
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if conn, err = l.Accept(ctx); err != nil {
					t.Fatal(err)
				}
			}
			start := time.Now()
			echoed(t, conn, c.octets)
			t.Logf("%d octets there and back in %v, %d chunks sent again", c.octets, time.Since(start).Round(time.Millisecond), conn.Status().Retransmitted)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := conn.Shutdown(ctx); err != nil {
				var down *sctp.DownError
				if c.loss == 0 || !errors.As(err, &down) {
					t.Errorf("shutdown: %v", err)
				}
			} else {
				over()
			}
		})
	}
}
