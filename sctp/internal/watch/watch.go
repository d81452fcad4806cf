// Package watch makes trace events of what an association carries.
package watch

import (
	"net/netip"
	"time"

	"github.com/gotelco/telco/trace"
)

// Proto is the protocol that a payload protocol identifier stands for (IANA's registry of RFC 9260).
func Proto(ppid uint32) trace.Proto {
	switch ppid {
	case 3:
		return trace.M3UA
	case 5:
		return trace.M2PA
	case 46, 47:
		return trace.Diameter
	}
	return trace.NoProto
}

// Message traces a user message.
func Message(f trace.Func, dir trace.Dir, local, remote netip.AddrPort, stream uint16, ppid uint32, data []byte) {
	f(trace.Event{Time: time.Now(), Dir: dir, Proto: Proto(ppid), Transport: trace.OverSCTP,
		Local: local, Remote: remote, Stream: stream, PPID: ppid, Data: data})
}

// State traces a change of the association.
func State(f trace.Func, local, remote netip.AddrPort, what string) {
	f(trace.Event{Time: time.Now(), Dir: trace.State, Proto: trace.SCTP, Transport: trace.OverSCTP,
		Local: local, Remote: remote, Comment: what})
}
