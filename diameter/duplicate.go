package diameter

import (
	"hash/maphash"
	"sync"
	"time"
)

// duplicates finds requests that come again: with the End-to-End Identifier and Origin-Host of one
// served before (RFC 6733 section 3). It keeps the newest answers, up to a number and an age.
type duplicates struct {
	seed   maphash.Seed
	keep   time.Duration
	shards [8]dupShard
}

type dupKey struct {
	origin uint64 // a hash of Origin-Host
	e2e    uint32
	code   CommandCode
	app    ApplicationID
}

type dupShard struct {
	mu   sync.Mutex
	m    map[dupKey]int32 // index in ring
	ring []dupEntry
	next int
}

type dupEntry struct {
	key     dupKey
	used    bool
	done    bool
	at      time.Time
	answer  []byte
	waiting []dupWaiter
}

// dupWaiter is a duplicate that came while the first one was being served.
type dupWaiter struct {
	c   *conn
	hbh uint32
}

const (
	maxDupWaiters = 8
	maxDupAnswer  = 16 << 10 // longer answers are not kept
)

func newDuplicates(count int, keep time.Duration) *duplicates {
	d := &duplicates{seed: maphash.MakeSeed(), keep: keep}
	per := max(1, (count+len(d.shards)-1)/len(d.shards))
	for i := range d.shards {
		d.shards[i].m = map[dupKey]int32{}
		d.shards[i].ring = make([]dupEntry, 0, min(per, 64))
		d.shards[i].next = -per // grows up to per entries, then goes round
	}
	return d
}

func (d *duplicates) key(origin []byte, h Header) dupKey {
	var buf [256]byte
	n := copy(buf[:], origin)
	for i, c := range buf[:n] {
		buf[i] = lowerASCII(c)
	}
	return dupKey{maphash.Bytes(d.seed, buf[:n]), h.EndToEndID, h.Code, h.ApplicationID}
}

func (d *duplicates) shard(k dupKey) *dupShard {
	return &d.shards[(k.e2e^uint32(k.origin))%uint32(len(d.shards))]
}

// begin enters a request. If it came before, the answer is returned, with the Hop-by-Hop Identifier
// of this one; or fresh is false and the answer to the first one will be for this one as well.
func (d *duplicates) begin(k dupKey, c *conn, h Header, now time.Time) (answer []byte, fresh bool) {
	s := d.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.m[k]; ok {
		e := &s.ring[i]
		switch {
		case now.Sub(e.at) > d.keep:
		case e.done:
			answer = append(answer, e.answer...)
			putUint32(answer[12:], h.HopByHopID)
			return answer, false
		case len(e.waiting) < maxDupWaiters:
			e.waiting = append(e.waiting, dupWaiter{c, h.HopByHopID})
			return nil, false
		default:
			return nil, false
		}
		*e = dupEntry{key: k, used: true, at: now, answer: e.answer[:0]}
		return nil, true
	}
	var i int
	if s.next < 0 { // still growing
		i = len(s.ring)
		s.ring = append(s.ring, dupEntry{})
		s.next++
	} else {
		i = s.next
		s.next = (s.next + 1) % len(s.ring)
	}
	e := &s.ring[i]
	if e.used {
		delete(s.m, e.key)
	}
	*e = dupEntry{key: k, used: true, at: now, answer: e.answer[:0]}
	s.m[k] = int32(i)
	return nil, true
}

// finish keeps the answer and returns who else waits for it.
func (d *duplicates) finish(k dupKey, answer []byte) []dupWaiter {
	s := d.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.m[k]
	if !ok {
		return nil
	}
	e := &s.ring[i]
	waiting := e.waiting
	e.waiting = nil
	if len(answer) > maxDupAnswer {
		delete(s.m, k)
		e.used = false
		return waiting
	}
	e.answer = append(e.answer[:0], answer...)
	e.done = true
	return waiting
}
