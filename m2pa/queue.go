package m2pa

import (
	"encoding/binary"
	"time"
)

// queue is the retransmission buffer and, behind it, the transmission buffer of a link, in one
// ring: first what was sent and is not acknowledged, then what was never sent. Each entry is the
// whole message, ready but for its sequence numbers. The buffers of entries stay with their slots,
// so that a warm queue allocates nothing.
type queue struct {
	ring   []entry // a power of two, or nil
	head   int     // the oldest entry
	sent   int     // how many entries have been sent
	total  int     // how many entries there are
	octets int     // the sum of their lengths
}

type entry struct {
	buf []byte
	at  time.Duration // when it was sent, after the link's epoch
}

func (q *queue) slot(i int) *entry { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue) unsent() int { return q.total - q.sent }

// push copies a message in at the end.
func (q *queue) push(priority uint8, msu []byte) {
	if q.total == len(q.ring) {
		ring := make([]entry, max(64, 2*len(q.ring)))
		for i := range q.total {
			ring[i] = *q.slot(i)
		}
		q.ring, q.head = ring, 0
	}
	e := q.slot(q.total)
	n := HeaderLen + 1 + len(msu)
	e.buf = appendHeader(e.buf[:0], UserData, n, 0, 0)
	e.buf = append(e.buf, priority<<6)
	e.buf = append(e.buf, msu...)
	q.total++
	q.octets += n
}

// drop forgets the n oldest entries.
func (q *queue) drop(n int) {
	for range n {
		e := q.slot(0)
		q.octets -= len(e.buf)
		if cap(e.buf) > 512 { // the slots of ordinary messages keep their buffers, 32 MiB at the most
			e.buf = nil
		}
		q.head = (q.head + 1) & (len(q.ring) - 1)
		q.total--
		if q.sent > 0 {
			q.sent--
		}
	}
}

// clear forgets all entries, and gives memory back that only a jam needed.
func (q *queue) clear() {
	if len(q.ring) > 4096 {
		*q = queue{}
		return
	}
	q.head, q.sent, q.total, q.octets = 0, 0, 0, 0
}

// number writes the sequence numbers into a message.
func number(buf []byte, bsn, fsn uint32) {
	binary.BigEndian.PutUint32(buf[8:], bsn)
	binary.BigEndian.PutUint32(buf[12:], fsn)
}

// msu is the message of an entry as level 3 gave it, with its priority.
func (e *entry) msu() (uint8, []byte) { return e.buf[HeaderLen] >> 6, e.buf[HeaderLen+1:] }
