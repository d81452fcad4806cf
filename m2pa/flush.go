package m2pa

import (
	"errors"
	"time"

	"github.com/gotelco/telco/sctp"
)

// Sender is the part of an [sctp.Conn] that [Link.Flush] needs.
type Sender interface {
	TrySend(ms ...sctp.Message) (n int, err error)
}

// Flush hands what the link has to send to its association, without waiting: what the association
// has no room for stays in the link. It reports whether something stays, so that the caller tries
// again later. buf is room for messages, and how many go at once; it is returned to be used again.
//
// The loop of a node with many links calls it after each call of a method of a link, or once for a
// batch of them: then messages go together and an acknowledgement covers many. A peer that does
// not read stops its own link alone.
func (l *Link) Flush(now time.Time, c Sender, buf []sctp.Message) (ms []sctp.Message, more bool, err error) {
	if cap(buf) == 0 {
		buf = make([]sctp.Message, 0, 32)
	}
	for l.Pending() {
		buf = l.Output(now, buf[:0])
		if len(buf) == 0 {
			return buf, false, nil
		}
		n, err := c.TrySend(buf...)
		l.Sent(now, buf[:n])
		if errors.Is(err, sctp.ErrFull) || err == nil && n < len(buf) {
			return buf, true, nil
		}
		if err != nil {
			return buf, false, err
		}
	}
	return buf, false, nil
}
