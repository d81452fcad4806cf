package pcapng

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/gotelco/telco/trace"
)

// Block types (draft-ietf-opsawg-pcapng section 10.1).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockNames     = 4
	blockPacket    = 6
	blockSecrets   = 10
)

// Option codes.
const (
	optEnd        = 0
	optComment    = 1
	optUserAppl   = 4 // of the section header
	optIfName     = 2 // of an interface description
	optIfTSResol  = 9
	optEPBFlags   = 2 // of an enhanced packet
	nameEnd       = 0
	nameIPv4      = 1
	nameIPv6      = 2
	secretsTLSLog = 0x544c534b
)

// Link types (IANA/tcpdump.org registry).
const (
	linkIP       = 0   // BSD loopback: an address family in the section's byte order, then IP
	linkMTP3     = 141 // MTP3 as it stands in an MSU, from the SIO on
	linkExported = 252 // Wireshark's exported PDU
)

const maxOption = 65535

var le = binary.LittleEndian

// A block is type, length, body, length again. The lengths are filled in by finishBlock.
func startBlock(b []byte, kind uint32) []byte {
	return append(le.AppendUint32(b, kind), 0, 0, 0, 0)
}

func finishBlock(b []byte, start int) []byte {
	n := uint32(len(b) - start + 4)
	le.PutUint32(b[start+4:], n)
	return le.AppendUint32(b, n)
}

func pad4(b []byte, n int) []byte {
	for ; n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

func appendOption[T string | []byte](b []byte, code uint16, value T) []byte {
	value = value[:min(len(value), maxOption)]
	b = le.AppendUint16(b, code)
	b = le.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	return pad4(b, len(value))
}

func appendOptEnd(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func appendSectionHeader(b []byte, application string) []byte {
	if application == "" {
		application = "telco"
	}
	start := len(b)
	b = startBlock(b, blockSection)
	b = le.AppendUint32(b, 0x1a2b3c4d) // byte order
	b = le.AppendUint16(b, 1)          // version 1.0
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, ^uint64(0)) // length of the section: not said
	b = appendOption(b, optUserAppl, application)
	b = appendOptEnd(b)
	return finishBlock(b, start)
}

func appendInterface(b []byte, name string, link uint16) []byte {
	start := len(b)
	b = startBlock(b, blockInterface)
	b = le.AppendUint16(b, link)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, 0) // no snap length
	if name != "" {
		b = appendOption(b, optIfName, name)
	}
	b = appendOption(b, optIfTSResol, "\x09") // nanoseconds
	b = appendOptEnd(b)
	return finishBlock(b, start)
}

func appendNames(b []byte, names map[netip.Addr]string) []byte {
	if len(names) == 0 {
		return b
	}
	start := len(b)
	b = startBlock(b, blockNames)
	addrs := make([]netip.Addr, 0, len(names))
	for a := range names {
		if a.IsValid() {
			addrs = append(addrs, a)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, a := range addrs {
		name := names[a]
		name = name[:min(len(name), 255)]
		ip := a.Unmap().AsSlice()
		kind := uint16(nameIPv4)
		if len(ip) == 16 {
			kind = nameIPv6
		}
		b = le.AppendUint16(b, kind)
		b = le.AppendUint16(b, uint16(len(ip)+len(name)+1))
		b = append(b, ip...)
		b = append(b, name...)
		b = pad4(append(b, 0), len(ip)+len(name)+1)
	}
	b = append(b, nameEnd, 0, 0, 0)
	return finishBlock(b, start)
}

func appendSecrets(b, keys []byte) []byte {
	start := len(b)
	b = startBlock(b, blockSecrets)
	b = le.AppendUint32(b, secretsTLSLog)
	b = le.AppendUint32(b, uint32(len(keys)))
	b = pad4(append(b, keys...), len(keys))
	return finishBlock(b, start)
}

func appendPacketHead(b []byte, iface uint32, at time.Time) []byte {
	b = startBlock(b, blockPacket)
	b = le.AppendUint32(b, iface)
	var ns uint64
	if !at.IsZero() {
		ns = uint64(at.UnixNano())
	}
	b = le.AppendUint32(b, uint32(ns>>32))
	b = le.AppendUint32(b, uint32(ns))
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0) // captured and original length
}

func finishPacketData(b []byte, start, n int) []byte {
	le.PutUint32(b[start+20:], uint32(n))
	le.PutUint32(b[start+24:], uint32(n))
	return pad4(b, n)
}

// appendDirection ends the options of a packet, with its direction if it has one.
func appendDirection(b []byte, d trace.Dir) []byte {
	flags := byte(0)
	switch d {
	case trace.Received:
		flags = 1 // inbound
	case trace.Sent:
		flags = 2 // outbound
	}
	if flags != 0 {
		b = append(b, optEPBFlags, 0, 4, 0, flags, 0, 0, 0)
	}
	return appendOptEnd(b)
}

func appendLost(b []byte, n uint64) []byte {
	at := len(b)
	b = append(b, optComment, 0, 0, 0)
	b = strconv.AppendUint(b, n, 10)
	b = append(b, " events lost before this one: the reader was too slow"...)
	le.PutUint16(b[at+2:], uint16(len(b)-at-4))
	return pad4(b, len(b)-at)
}
