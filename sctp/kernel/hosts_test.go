//go:build linux

package kernel_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/sctptest"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
)

// host is a network namespace.
type host struct {
	kernel.Network
	name string
	fd   int
}

// within runs f on a thread that is in the namespace; sockets stay in the one they were made in.
func (h *host) within(f func()) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Setns(h.fd, unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		result <- err
	}()
	return <-result
}

func (h *host) Listen(ctx context.Context, local sctp.Addr, cfg sctp.Config) (l sctp.Listener, err error) {
	if e := h.within(func() { l, err = h.Network.Listen(ctx, local, cfg) }); e != nil {
		return nil, e
	}
	return l, err
}

func (h *host) Dial(ctx context.Context, local, remote sctp.Addr, cfg sctp.Config) (c sctp.Conn, err error) {
	if e := h.within(func() { c, err = h.Network.Dial(ctx, local, remote, cfg) }); e != nil {
		return nil, e
	}
	return c, err
}

func shell(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// hosts are two namespaces with two lines between them: 10.0.0.1 to 10.0.0.2, 10.1.0.1 to 10.1.0.2.
func hosts(t *testing.T) [2]*host {
	var hs [2]*host
	for i := range hs {
		h := &host{name: fmt.Sprintf("sctp%d", i)}
		shell(t, "ip netns del "+h.name+" 2>/dev/null || true; ip netns add "+h.name+"; ip -n "+h.name+" link set lo up")
		f, err := os.Open("/run/netns/" + h.name)
		if err != nil {
			t.Fatal(err)
		}
		h.fd = int(f.Fd())
		t.Cleanup(func() {
			f.Close()
			exec.Command("ip", "netns", "del", h.name).Run()
		})
		hs[i] = h
	}
	for i := range 2 {
		shell(t, fmt.Sprintf(`ip link add v%[1]d netns sctp0 type veth peer name v%[1]d netns sctp1
for h in 0 1; do
	ip -n sctp$h addr add 10.%[1]d.0.$((h+1))/24 dev v%[1]d
	ip -n sctp$h link set v%[1]d up
	ip netns exec sctp$h tc qdisc replace dev v%[1]d root netem delay 3ms limit 100000
done`, i))
	}
	return hs
}

// cut drops what goes over a line, in both directions.
func cut(t *testing.T, line int, cut bool) {
	loss := "0%"
	if cut {
		loss = "100%"
	}
	var b strings.Builder
	for i := range 2 {
		if line < 0 || line == i {
			fmt.Fprintf(&b, "for h in 0 1; do ip netns exec sctp$h tc qdisc replace dev v%d root netem delay 3ms limit 100000 loss %s; done\n", i, loss)
		}
	}
	shell(t, b.String())
}

// The suite between two hosts with two paths, which fail.
func TestKernelTwoHosts(t *testing.T) {
	lab.NeedKernel(t)
	hs := hosts(t)
	port := uint16(7000)
	sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
		server, err := sctp.ParseAddr("10.0.0.1,10.1.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		client, err := sctp.ParseAddr("10.0.0.2,10.1.0.2:0")
		if err != nil {
			t.Fatal(err)
		}
		port++
		return sctptest.Lab{Server: hs[0], Client: hs[1], ServerAddr: server, ClientAddr: client, FixedPort: port, AbortWithoutText: true,
			Cut: func(i int, on bool) { cut(t, i, on) }}
	})
}
