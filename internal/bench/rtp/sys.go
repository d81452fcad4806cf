//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a UDP socket that nobody waits for, and that notes when packets arrive.
type socket struct {
	fd   int
	addr netip.AddrPort
}

func listen(ip netip.Addr) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<18)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: ip.As4()}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &socket{fd, netip.AddrPortFrom(ip, uint16(sa.(*unix.SockaddrInet4).Port))}, nil
}

func rawAddr(a netip.AddrPort) unix.RawSockaddrInet4 {
	return unix.RawSockaddrInet4{Family: unix.AF_INET, Port: a.Port()<<8 | a.Port()>>8, Addr: a.Addr().As4()}
}

func (s *socket) send(b []byte, to *unix.RawSockaddrInet4) bool {
	_, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(to)), unix.SizeofSockaddrInet4)
	return e == 0
}

// batch is what recvmmsg(2) fills.
type batch struct {
	head [batchSize]struct {
		unix.Msghdr
		n uint32
		_ [4]byte
	}
	iov     [batchSize]unix.Iovec
	control [batchSize][8]uint64
	data    [batchSize][512]byte
}

const batchSize = 16

func (b *batch) read(fd int) int {
	for i := range b.head {
		b.iov[i].Base = &b.data[i][0]
		b.iov[i].SetLen(len(b.data[i]))
		b.head[i].Msghdr = unix.Msghdr{Iov: &b.iov[i], Control: (*byte)(unsafe.Pointer(&b.control[i]))}
		b.head[i].SetIovlen(1)
		b.head[i].SetControllen(len(b.control[i]) * 8)
	}
	n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.head[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0
	}
	return int(n)
}

// stamp is when the system received datagram i, in nanoseconds of Unix time.
func (b *batch) stamp(i int) int64 {
	c := (*unix.Cmsghdr)(unsafe.Pointer(&b.control[i]))
	if b.head[i].Controllen < uint64(unix.CmsgLen(16)) || c.Type != unix.SCM_TIMESTAMPNS {
		return 0
	}
	return (*unix.Timespec)(unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0))).Nano()
}

// now is the clock of stamps.
func now() int64 {
	var t unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

func sleepUntil(t int64) {
	ts := unix.NsecToTimespec(t)
	for {
		if _, _, e := unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_REALTIME, unix.TIMER_ABSTIME, uintptr(unsafe.Pointer(&ts)), 0, 0, 0); e != unix.EINTR {
			return
		}
	}
}

// realTime has the goroutine keep a thread, and that thread go first where that is permitted.
func realTime() {
	runtime.LockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 10}, 0)
}

// processCPU is what a process has used, all threads, in seconds.
func processCPU(pid int) float64 {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	sum := 0.0
	for _, t := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, t.Name()))
		if f := strings.Fields(string(b)); err == nil && len(f) > 0 {
			ns, _ := strconv.ParseFloat(f[0], 64)
			sum += ns / 1e9
		}
	}
	return sum
}

func ownCPU() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// resident is the memory of a process in MB.
func resident(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(f[1], 64)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// dropped is how many datagrams the machine has thrown away because a socket was full.
func dropped() int64 {
	b, _ := os.ReadFile("/proc/net/snmp")
	for _, l := range strings.Split(string(b), "\n") {
		if f := strings.Fields(l); len(f) > 5 && f[0] == "Udp:" && f[1] != "InDatagrams" {
			n, _ := strconv.ParseInt(f[5], 10, 64)
			return n
		}
	}
	return 0
}

func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
