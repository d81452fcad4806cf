//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package kernel

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gotelco/telco/sctp"
)

// Socket options (RFC 6458 section 8), numbered as Linux does.
const (
	optRTOInfo       = 0
	optAssocInfo     = 1
	optInitMsg       = 2
	optNoDelay       = 3
	optPaddrParams   = 9
	optEvents        = 11
	optStatus        = 14
	optPaddrInfo     = 15
	optDelayedSACK   = 16
	optRecvRcvInfo   = 32
	optBindxAdd      = 100
	optPeerAddrs     = 108
	optLocalAddrs    = 109
	optConnectx      = 110
	optAssocStats    = 112
	optEncapsulation = 132
)

func setOption(fd, opt int, b []byte) error {
	_, _, e := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_SCTP, uintptr(opt), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0)
	if e != 0 {
		return e
	}
	return nil
}

// option reads one into b and returns how much of it there is.
func option(fd, level, opt int, b []byte) ([]byte, error) {
	l := uint32(len(b))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&l)), 0)
	if e != 0 {
		return nil, e
	}
	return b[:l], nil
}

// open makes a socket that is set up as cfg says.
func open(local, remote sctp.Addr, cfg sctp.Config) (fd int, family int, err error) {
	family = unix.AF_INET
	for _, ips := range [][]netip.Addr{local.IPs, remote.IPs} {
		for _, ip := range ips {
			if ip.Is6() {
				family = unix.AF_INET6
			}
		}
	}
	if len(local.IPs) == 0 && len(remote.IPs) == 0 {
		family = unix.AF_INET6 // both, where there is IPv6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if errors.Is(err, unix.EAFNOSUPPORT) && len(local.IPs) == 0 && len(remote.IPs) == 0 {
		family = unix.AF_INET
		fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	}
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ESOCKTNOSUPPORT) {
		return -1, 0, ErrUnavailable
	}
	if err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	if err = setUp(fd, cfg); err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	return fd, family, nil
}

// setUp sets what associations of this socket will begin with. What is accepted inherits it.
func setUp(fd int, cfg sctp.Config) error {
	ms := func(d time.Duration) uint32 {
		return uint32(min(max((d+time.Millisecond-1)/time.Millisecond, 1), math.MaxInt32))
	}
	flag := func(on bool) []byte {
		if on {
			return ne.AppendUint32(nil, 1)
		}
		return ne.AppendUint32(nil, 0)
	}
	var initMsg []byte // streams out, in, attempts, longest time-out in ms
	for _, v := range []uint16{cfg.OutStreams, cfg.MaxInStreams, uint16(min(cfg.MaxInitRetrans, math.MaxUint16)), uint16(min(ms(cfg.RTOMax), math.MaxUint16))} {
		initMsg = ne.AppendUint16(initMsg, v)
	}
	rto := make([]byte, 16)
	ne.PutUint32(rto[4:], ms(cfg.RTOInitial))
	ne.PutUint32(rto[8:], ms(cfg.RTOMax))
	ne.PutUint32(rto[12:], ms(cfg.RTOMin))
	assoc := make([]byte, 20)
	ne.PutUint16(assoc[4:], uint16(min(cfg.AssocMaxRetrans, math.MaxUint16)))
	path := make([]byte, 156) // packed: id, address (128), interval, retransmissions, MTU, SACK delay, flags
	if cfg.Heartbeat > 0 {
		ne.PutUint32(path[132:], ms(cfg.Heartbeat))
		ne.PutUint32(path[146:], 1) // SPP_HB_ENABLE
	} else {
		ne.PutUint32(path[146:], 2) // SPP_HB_DISABLE
	}
	ne.PutUint16(path[136:], uint16(min(cfg.PathMaxRetrans, math.MaxUint16)))
	sack := make([]byte, 12)
	if cfg.SACKDelay > 0 {
		ne.PutUint32(sack[4:], ms(cfg.SACKDelay))
		ne.PutUint32(sack[8:], 2)
	} else {
		ne.PutUint32(sack[8:], 1) // each packet is acknowledged
	}
	// data, association, address, send failure, peer error, shutdown, partial delivery
	events := []byte{0, 1, 1, 1, 0, 1, 1}
	for _, o := range []struct {
		field string
		opt   int
		value []byte
	}{
		{"Events", optEvents, events},
		{"receive information", optRecvRcvInfo, flag(true)},
		{"streams", optInitMsg, initMsg},
		{"RTO", optRTOInfo, rto},
		{"AssocMaxRetrans", optAssocInfo, assoc},
		{"Heartbeat or PathMaxRetrans", optPaddrParams, path},
		{"SACKDelay", optDelayedSACK, sack},
		{"Delay", optNoDelay, flag(!cfg.Delay)},
	} {
		if err := setOption(fd, o.opt, o.value); err != nil {
			return fmt.Errorf("sctp/kernel: set %s: %w", o.field, err)
		}
	}
	for _, o := range []struct{ force, opt, octets int }{
		{unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, max(cfg.SendBuffer, cfg.MaxMessage)},
		{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, cfg.ReceiveBuffer},
	} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o.force, o.octets) != nil {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o.opt, o.octets); err != nil {
				return os.NewSyscallError("setsockopt", err)
			}
		}
	}
	if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF); err != nil || got < cfg.MaxMessage {
		return &sctp.UnsupportedError{Network: "kernel", Field: fmt.Sprintf("MaxMessage of %d, with a send buffer of %d: raise net.core.wmem_max", cfg.MaxMessage, got)}
	}
	return nil
}

// encapsulate has packets wrapped in UDP towards a port of the peer (RFC 6951).
func encapsulate(fd int, port uint16) error {
	if port == 0 {
		return nil
	}
	b := make([]byte, 144) // id, address (128, aligned to 8), port
	be.PutUint16(b[136:], port)
	if err := setOption(fd, optEncapsulation, b); err != nil {
		return fmt.Errorf("sctp/kernel: wrap in UDP: %w", err)
	}
	return nil
}

// sockaddrs are addresses as bindx and connectx want them.
func sockaddrs(a sctp.Addr, family int) []byte {
	var b []byte
	for _, ip := range a.IPs {
		if ip.IsUnspecified() && family == unix.AF_INET6 {
			ip = netip.IPv6Unspecified()
		}
		b = appendSockaddr(b, ip, a.Port)
	}
	if len(b) == 0 {
		any := netip.IPv4Unspecified()
		if family == unix.AF_INET6 {
			any = netip.IPv6Unspecified()
		}
		b = appendSockaddr(b, any, a.Port)
	}
	return b
}

// addrs reads the addresses of one end.
func addrs(fd, opt int) (a sctp.Addr, err error) {
	// The length that comes back counts the header of 8 octets for the peer's addresses and leaves
	// it out for the local ones: the number in the header is what holds.
	b := make([]byte, 8+64*28)
	if _, err := option(fd, unix.IPPROTO_SCTP, opt, b); err != nil {
		return a, err
	}
	n := int(ne.Uint32(b[4:]))
	for rest := b[8:]; n > 0; n-- {
		var ip netip.Addr
		var port uint16
		if ip, port, rest = parseSockaddr(rest); rest == nil {
			break
		}
		a.IPs, a.Port = append(a.IPs, ip), port
	}
	return a, nil
}

// assocStatus is struct sctp_status.
type assocStatus struct {
	state           int
	window          uint32
	unacked, unsent int // chunks
	in, out         uint16
	primary         netip.Addr
}

func status(fd int) (s assocStatus, err error) {
	b, err := option(fd, unix.IPPROTO_SCTP, optStatus, make([]byte, 176))
	if err != nil {
		return s, err
	}
	if len(b) < 176 {
		return s, unix.EINVAL
	}
	s = assocStatus{state: int(int32(ne.Uint32(b[4:]))), window: ne.Uint32(b[8:]), unacked: int(ne.Uint16(b[12:])), unsent: int(ne.Uint16(b[14:])),
		in: ne.Uint16(b[16:]), out: ne.Uint16(b[18:])}
	s.primary, _, _ = parseSockaddr(b[28:156])
	return s, nil
}

// pathStatus reads struct sctp_paddrinfo of one remote address.
func pathStatus(fd int, ip netip.Addr, port uint16) (p sctp.PathStatus, err error) {
	b := make([]byte, 152)
	appendSockaddr(b[4:4], ip, port)
	if b, err = option(fd, unix.IPPROTO_SCTP, optPaddrInfo, b); err != nil {
		return p, err
	}
	if len(b) < 152 {
		return p, unix.EINVAL
	}
	return sctp.PathStatus{Addr: sctp.Addr{IPs: []netip.Addr{ip}, Port: port}, Active: ne.Uint32(b[132:]) == 2, CWND: ne.Uint32(b[136:]),
		SRTT: time.Duration(ne.Uint32(b[140:])) * time.Millisecond, RTO: time.Duration(ne.Uint32(b[144:])) * time.Millisecond, MTU: ne.Uint32(b[148:])}, nil
}

// queued is how much of the send buffer is taken, by the kernel's own account.
func queued(fd int) int {
	b, err := option(fd, unix.SOL_SOCKET, unix.SO_MEMINFO, make([]byte, 9*4))
	if err != nil || len(b) < 24 {
		return 0
	}
	return int(ne.Uint32(b[20:])) // SK_MEMINFO_WMEM_QUEUED
}
