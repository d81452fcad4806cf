package user

// outChunk is a DATA chunk to be sent, or sent and not yet acknowledged.
type outChunk struct {
	pos      uint64 // where the chunk lies in the buffer, as on the wire, padded
	seq      uint64 // the number of the packet that carried it last
	n        int32  // octets
	path     int8   // where it went
	state    uint8
	miss     uint8 // miss indications (RFC 9260 section 7.2.4)
	again    bool  // it has been sent more than once
	timedOut bool  // T3-rtx expired over it: it goes to another path
}

// The states of an outChunk.
const (
	waiting uint8 = iota // not sent
	flying               // sent
	lost                 // to be sent again
	gapAcked
)

// outQueue keeps DATA chunks from the moment they are handed over until they are acknowledged,
// by TSN: [base, next) have been sent, [next, end) wait.
type outQueue struct {
	chunks          []outChunk // a ring, by TSN
	base, next, end uint32

	buf        []byte // a ring of octets
	head, tail uint64 // positions
	live       int    // octets of chunks there
	waiting    int    // of those not sent
}

func (q *outQueue) at(tsn uint32) *outChunk { return &q.chunks[tsn&uint32(len(q.chunks)-1)] }

// bytes is the chunk as it is on the wire.
func (q *outQueue) bytes(c *outChunk) []byte {
	i := c.pos & uint64(len(q.buf)-1)
	return q.buf[i : i+uint64(c.n)]
}

// add makes room for a chunk of n octets and returns it to be filled in.
func (q *outQueue) add(n int) []byte {
	if int(q.end-q.base) == len(q.chunks) {
		grown := make([]outChunk, max(64, 2*len(q.chunks)))
		for t := q.base; t != q.end; t++ {
			grown[t&uint32(len(grown)-1)] = *q.at(t)
		}
		q.chunks = grown
	}
	size := uint64(len(q.buf))
	for {
		at := q.tail
		if size > 0 && at&(size-1)+uint64(n) > size {
			at = (at + size - 1) &^ (size - 1) // begin at the front
		}
		if size > 0 && at+uint64(n)-q.head <= size {
			*q.at(q.end) = outChunk{pos: at, n: int32(n)}
			q.tail = at + uint64(n)
			q.live += n
			q.end++
			return q.buf[at&(size-1) : at&(size-1)+uint64(n)]
		}
		size = max(8<<10, 2*size)
		q.move(size)
	}
}

// move copies what is there into a larger buffer.
func (q *outQueue) move(size uint64) {
	buf := make([]byte, size)
	var at uint64
	for t := q.base; t != q.end; t++ {
		c := q.at(t)
		copy(buf[at:], q.bytes(c))
		c.pos = at
		at += uint64(c.n)
	}
	q.buf, q.head, q.tail = buf, 0, at
}

// drop forgets the lowest chunk.
func (q *outQueue) drop() {
	c := q.at(q.base)
	q.live -= int(c.n)
	q.base++
	if q.base == q.end {
		q.head = q.tail
		return
	}
	q.head = q.at(q.base).pos
}

// clear empties the queue; tsn is the one of the next chunk.
func (q *outQueue) clear(tsn uint32) {
	q.base, q.next, q.end = tsn, tsn, tsn
	q.head, q.tail, q.live, q.waiting = 0, 0, 0, 0
}
