package diameter

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// Payload protocol identifiers of SCTP (RFC 6733 section 2.1.1).
const (
	PPIDDiameter     = 46 // Diameter in the clear
	PPIDDiameterDTLS = 47 // Diameter within DTLS
)

// An sctpLink carries each message as one user message of an association: on stream zero, in order
// until the peer has sent something, which shows that it has our CEA, and unordered from then on (RFC
// 6733 section 2.1.1). DPR and DPA stay in order, so that they do not overtake each other.
type sctpLink struct {
	assoc sctp.Conn
	max   int

	in       []sctp.Received
	next     int
	heard    atomic.Bool
	out      []sctp.Message
	deadline time.Time // of read

	local, remote netip.AddrPort
}

func newSCTPLink(assoc sctp.Conn, maxMessage int) *sctpLink {
	return &sctpLink{assoc: assoc, max: maxMessage, in: make([]sctp.Received, 0, 32),
		local: assoc.LocalAddr().AddrPort(), remote: assoc.RemoteAddr().AddrPort()}
}

func (l *sctpLink) read() ([]byte, bool, error) {
	for {
		for l.next < len(l.in) {
			r := &l.in[l.next]
			l.next++
			if r.Event != nil {
				if r.Event.Kind == sctp.Restart {
					return nil, false, fmt.Errorf("diameter: the peer began a new association")
				}
				continue
			}
			if _, n, err := ParseHeader(r.Data); err != nil || n != len(r.Data) || n > l.max {
				if err == nil {
					err = &ProtocolError{ResultCode: InvalidMessageLength, Text: fmt.Sprintf("message length %d in a user message of %d octets", n, len(r.Data))}
				}
				return r.Data[:min(len(r.Data), HeaderLen)], false, err
			}
			l.heard.Store(true)
			return r.Data, l.more(), nil
		}
		ctx, cancel := context.Background(), func() {}
		if !l.deadline.IsZero() {
			ctx, cancel = context.WithDeadline(ctx, l.deadline)
		}
		in, err := l.assoc.Receive(ctx, l.in[:0])
		expired := ctx.Err() != nil
		cancel()
		l.in, l.next = in, 0
		if err != nil {
			if expired {
				err = os.ErrDeadlineExceeded
			}
			return nil, false, err
		}
	}
}

func (l *sctpLink) more() bool {
	for _, r := range l.in[l.next:] {
		if r.Event == nil {
			return true
		}
	}
	return false
}

func (l *sctpLink) write(b []byte, deadline time.Time) error {
	l.out = l.out[:0]
	heard := l.heard.Load()
	for len(b) >= HeaderLen {
		n := int(binary.BigEndian.Uint32(b) & 0xffffff)
		code := CommandCode(binary.BigEndian.Uint32(b[4:]) & 0xffffff)
		l.out = append(l.out, sctp.Message{PPID: PPIDDiameter, Unordered: heard && code != CommandDisconnectPeer, Data: b[:n:n]})
		b = b[n:]
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	_, err := l.assoc.Send(ctx, l.out...)
	clear(l.out)
	return err
}

func (l *sctpLink) tryWrite([]byte) int      { return 0 }
func (l *sctpLink) readDeadline(t time.Time) { l.deadline = t }

func (l *sctpLink) close(abort bool) {
	if abort {
		l.assoc.Abort("")
		return
	}
	l.assoc.Close()
}

func (l *sctpLink) localIPs() []netip.Addr {
	ips := l.assoc.LocalAddr().IPs
	if len(ips) == 0 {
		ips = []netip.Addr{netip.IPv4Unspecified()}
	}
	return ips
}

func (l *sctpLink) addrs() (local, remote netip.AddrPort) { return l.local, l.remote }
func (l *sctpLink) transport() trace.Transport            { return trace.OverSCTP }
func (l *sctpLink) secure() bool                          { return false }
func (l *sctpLink) upgradable() bool                      { return false }
