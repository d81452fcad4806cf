package user

import "net/netip"

// Packet is an SCTP packet on its way between two addresses. The ports are those of UDP, and zero
// where there is no UDP.
type Packet struct {
	Local, Remote netip.AddrPort
	Data          []byte
}

// Carrier takes SCTP packets from address to address: [UDP], [Raw], or one of the caller's.
// Its methods may be called by several goroutines at once.
type Carrier interface {
	// Name is the carrier in a word, as sctp.Capabilities wants it: "udp", "raw".
	Name() string
	// Overhead is how many octets stand between the IP header and the packet.
	Overhead() int
	// Open begins to carry packets from and to a local address. Its port is that of UDP; zero
	// asks for any.
	Open(local netip.AddrPort) (PacketConn, error)
	// Local returns the local addresses that packets to an address may leave by, the best one
	// first; all of them, if to is not valid.
	Local(to netip.Addr) ([]netip.Addr, error)
}

// PacketConn sends and receives the packets of one local address.
type PacketConn interface {
	LocalAddr() netip.AddrPort
	// ReadPackets waits for packets and puts them into ps: Remote, and Data that stays valid
	// until the next call. It returns how many there are. Only one goroutine calls it.
	ReadPackets(ps []Packet) (n int, err error)
	// WritePackets sends packets, and returns how many were taken. An error is about the one
	// after those; the others may still be sent.
	WritePackets(ps []Packet) (n int, err error)
	// Close ends both; a ReadPackets that waits returns a net.ErrClosed.
	Close() error
}
