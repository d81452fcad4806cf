package user

import "github.com/gotelco/telco/sctp"

const slabSize = 16 << 10

// inbox holds messages and events until the user takes them. Data lies in slabs that are used
// again, once the user asks for the messages after those that lie there.
type inbox struct {
	items []item // a ring
	head  int
	n     int
	held  int // octets in messages waiting, with overhead

	slabs [][]byte // those in use, oldest first; the last is being filled
	first uint64   // the number of slabs[0]
	spare [][]byte
}

type item struct {
	r    sctp.Received
	slab uint64 // the last slab that was in use when it came
}

// overhead is what a message counts for beside its data, so that many short ones are bounded too.
const overhead = 48

// alloc returns room for a message, valid until what comes after it has been asked for.
func (b *inbox) alloc(n int) []byte {
	if last := len(b.slabs) - 1; last >= 0 {
		if s := b.slabs[last]; cap(s)-len(s) >= n {
			b.slabs[last] = s[:len(s)+n]
			return s[len(s) : len(s)+n : len(s)+n]
		}
	}
	var s []byte
	switch k := len(b.spare); {
	case n > slabSize:
		s = make([]byte, 0, n)
	case k > 0:
		s, b.spare = b.spare[k-1], b.spare[:k-1]
	default:
		s = make([]byte, 0, slabSize)
	}
	b.slabs = append(b.slabs, s[:n])
	return s[0:n:n]
}

// push adds a message, whose data came from alloc, or an event.
func (b *inbox) push(r sctp.Received) {
	if b.n == len(b.items) {
		grown := make([]item, max(16, 2*len(b.items)))
		for i := range b.n {
			grown[i] = b.items[(b.head+i)&(len(b.items)-1)]
		}
		b.items, b.head = grown, 0
	}
	b.items[(b.head+b.n)&(len(b.items)-1)] = item{r, b.first + uint64(max(len(b.slabs), 1)) - 1}
	b.n++
	if r.Event == nil {
		b.held += len(r.Data) + overhead
	}
}

// pop moves what fits into the room that in has, at least one. What an earlier pop gave is gone.
func (b *inbox) pop(in []sctp.Received) []sctp.Received {
	b.release()
	room := max(cap(in)-len(in), 1)
	for ; b.n > 0 && room > 0; room-- {
		it := &b.items[b.head]
		in = append(in, it.r)
		if it.r.Event == nil {
			b.held -= len(it.r.Data) + overhead
		}
		*it = item{}
		b.head = (b.head + 1) & (len(b.items) - 1)
		b.n--
	}
	return in
}

// release takes back the slabs before the one of the oldest item.
func (b *inbox) release() {
	keep := b.first + uint64(len(b.slabs))
	if b.n > 0 {
		// Its data lies in its slab or, if that was just begun, wholly there: never before it.
		keep = b.items[b.head].slab
	}
	k := 0
	for ; b.first < keep && k < len(b.slabs); k++ {
		if s := b.slabs[k]; cap(s) == slabSize && len(b.spare) < 32 {
			b.spare = append(b.spare, s[:0])
		}
		b.first++
	}
	if k > 0 {
		n := copy(b.slabs, b.slabs[k:])
		clear(b.slabs[n:])
		b.slabs = b.slabs[:n]
	}
}
