package hss

import (
	"hash/maphash"
	"sync"
	"time"
)

// sequences hands out SEQs. They are reserved ahead in blocks, one write each: of what is reserved a crash loses the rest, and no SEQ
// comes twice. The next block is asked for when half of one is gone; blocks grow for a user who needs them quickly.
type sequences struct {
	// reserve keeps a limit for a name, calls reserved for it once it is on disk, and returns.
	reserve func(name string, limit uint64) error
	seed    maphash.Seed
	shards  [64]struct {
		mu sync.Mutex
		m  map[string]sequence
	}
}

type sequence struct {
	next    uint64 // the next SEQ to hand out
	limit   uint64 // those below are reserved on disk
	writing bool   // a reservation is under way
	block   uint32 // of the last reservation
	last    int64  // when, in Unix milliseconds
}

const (
	firstBlock   = 32
	biggestBlock = 4096
)

func newSequences(reserve func(string, uint64) error) *sequences {
	q := &sequences{reserve: reserve, seed: maphash.MakeSeed()}
	for i := range q.shards {
		q.shards[i].m = map[string]sequence{}
	}
	return q
}

// restore sets what was found on disk.
func (q *sequences) restore(name string, limit uint64) {
	sh := &q.shards[maphash.String(q.seed, name)%64]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.m[name]
	s.limit = max(s.limit, limit)
	s.next = s.limit
	sh.m[name] = s
}

// take hands out n SEQs in a row.
func (q *sequences) take(name string, n uint64, floor uint64, wait bool) (uint64, error) {
	sh := &q.shards[maphash.String(q.seed, name)%64]
	for {
		sh.mu.Lock()
		s := sh.m[name]
		// A counter begins at 1: a card has accepted 0.
		s.next = max(s.next, floor, 1)
		if s.next+n <= s.limit {
			first := s.next
			s.next += n
			ahead := !s.writing && s.limit-s.next < uint64(s.block)/2
			if ahead {
				s.writing = true
			}
			sh.m[name] = s
			sh.mu.Unlock()
			if ahead {
				go q.extend(name, s.limit)
			}
			return first, nil
		}
		sh.mu.Unlock()
		if !wait {
			return 0, ErrWouldBlock
		}
		if err := q.extend(name, s.next+n); err != nil {
			return 0, err
		}
	}
}

// extend reserves a block from a SEQ on.
func (q *sequences) extend(name string, from uint64) error {
	sh := &q.shards[maphash.String(q.seed, name)%64]
	sh.mu.Lock()
	s := sh.m[name]
	now := time.Now().UnixMilli()
	switch {
	case s.block == 0:
		s.block = firstBlock
	case now-s.last < 1000:
		s.block = min(s.block*2, biggestBlock)
	default:
		s.block = max(s.block/2, firstBlock)
	}
	s.last = now
	limit := max(from, s.limit, s.next) + uint64(s.block)
	sh.m[name] = s
	sh.mu.Unlock()

	err := q.reserve(name, limit)

	sh.mu.Lock()
	defer sh.mu.Unlock()
	s = sh.m[name]
	s.writing = false
	sh.m[name] = s
	return err
}

// reserved takes note of what is on disk. It is called before a compaction can begin that has to know it.
func (q *sequences) reserved(name string, limit uint64) {
	sh := &q.shards[maphash.String(q.seed, name)%64]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.m[name]
	s.limit = max(s.limit, limit)
	sh.m[name] = s
}

// raise makes take return more than seq.
func (q *sequences) raise(name string, seq uint64) error {
	sh := &q.shards[maphash.String(q.seed, name)%64]
	sh.mu.Lock()
	s := sh.m[name]
	s.next = max(s.next, seq+1)
	sh.m[name] = s
	enough := s.next < s.limit
	sh.mu.Unlock()
	if enough {
		// What is reserved lies above: nothing that a restart forgets.
		return nil
	}
	return q.extend(name, seq+1)
}

func (q *sequences) value(name string) uint64 {
	sh := &q.shards[maphash.String(q.seed, name)%64]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return max(sh.m[name].next, 1) - 1
}

// all calls each for every name with what is reserved.
func (q *sequences) all(each func(name string, limit uint64) error) error {
	for i := range q.shards {
		sh := &q.shards[i]
		sh.mu.Lock()
		names := make(map[string]uint64, len(sh.m))
		for name, s := range sh.m {
			names[name] = s.limit
		}
		sh.mu.Unlock()
		for name, limit := range names {
			if limit == 0 {
				continue // never on disk
			}
			if err := each(name, limit); err != nil {
				return err
			}
		}
	}
	return nil
}
