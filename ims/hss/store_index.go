package hss

import (
	"container/heap"
	"hash/maphash"
	"iter"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// index finds subscriptions in memory. They are kept in the compact form, and those in use in the readable one, too.
type index struct {
	mu     sync.RWMutex
	keys   table
	chunks [][]entry // entries by number, chunkSize in each
	free   []uint32  // numbers of entries that hold nothing
	count  int
	wild   wildcards
	cache  entryCache
}

const chunkSize = 4096

type entry struct {
	record string // as appendRecord makes it, empty if there is none
	state  string // a State in the compact form, empty for the zero one
	view   atomic.Pointer[view]
}

// view is an entry that has been read.
type view struct {
	record, state string // what it was read from
	Entry
}

func newIndex(cache int) *index {
	x := &index{cache: entryCache{ring: make([]*entry, cache)}}
	x.keys.seed = maphash.MakeSeed()
	x.wild.byPrefix = map[string][]*wildcard{}
	return x
}

func (x *index) entry(number uint32) *entry { return &x.chunks[number/chunkSize][number%chunkSize] }

// lookup returns the entry with a key. x.mu is held.
func (x *index) lookup(k Key) (number uint32, e *entry) {
	number, ok := x.keys.find(k, func(n uint32) bool { return hasKey(x.entry(n).record, k) })
	if !ok {
		return 0, nil
	}
	return number, x.entry(number)
}

func (x *index) find(k Key) (Entry, bool) {
	x.mu.RLock()
	var matched string
	_, e := x.lookup(k)
	if e == nil && k.Kind == KeyIMPU {
		e, matched = x.wild.find(k.Value)
	}
	if e == nil {
		x.mu.RUnlock()
		return Entry{}, false
	}
	record, state := e.record, e.state
	x.mu.RUnlock()
	v := x.read(e, record, state)
	out := v.Entry
	out.Wildcard = matched
	return out, true
}

// read returns the readable form of an entry.
func (x *index) read(e *entry, record, state string) *view {
	v := e.view.Load()
	if v != nil && v.record == record && v.state == state {
		return v
	}
	n := &view{record: record, state: state}
	if v != nil && v.record == record {
		n.Subscriber, n.Revision = v.Subscriber, v.Revision
	} else {
		n.Subscriber, n.Revision = mustReadRecord(record)
	}
	n.State = mustReadState(state)
	e.view.Store(n)
	if v == nil {
		x.cache.add(e)
	}
	return n
}

// mustReadRecord reads a record that has been checked when it came into the store.
func mustReadRecord(r string) (*Subscriber, uint64) {
	s, revision, err := readRecord(r)
	if err != nil {
		panic(err)
	}
	return s, revision
}

var zeroState State

func mustReadState(s string) *State {
	if s == "" {
		return &zeroState
	}
	st := new(State)
	if err := readValue(s, nil, st); err != nil {
		panic(err)
	}
	return st
}

// put takes a record in the place of what had its ID.
func (x *index) put(record string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	number, e := x.lookup(Key{KeyID, recordID(record)})
	switch {
	case e != nil:
		x.forget(number, e)
	case len(x.free) > 0:
		number = x.free[len(x.free)-1]
		x.free = x.free[:len(x.free)-1]
		x.count++
	default:
		number = uint32(len(x.chunks) * chunkSize)
		if n := x.count; n < len(x.chunks)*chunkSize {
			number = uint32(n) // while nothing is free they are in use from the first on
		} else {
			x.chunks = append(x.chunks, make([]entry, chunkSize))
		}
		x.count++
	}
	e = x.entry(number)
	e.record = record
	recordKeys(record, func(k Key) {
		x.keys.add(k, number)
		if k.Kind == KeyWildcard {
			x.wild.add(k.Value, e)
		}
	})
}

// forget removes the keys of an entry.
func (x *index) forget(number uint32, e *entry) {
	recordKeys(e.record, func(k Key) {
		x.keys.remove(k, number)
		if k.Kind == KeyWildcard {
			x.wild.remove(k.Value, e)
		}
	})
}

func (x *index) delete(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	number, e := x.lookup(Key{KeyID, id})
	if e == nil {
		return
	}
	x.forget(number, e)
	e.record, e.state = "", ""
	e.view.Store(nil)
	x.free = append(x.free, number)
	x.count--
}

func (x *index) setState(id, state string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, e := x.lookup(Key{KeyID, id}); e != nil {
		e.state = state
	}
}

// owner returns the ID of the subscription with a key.
func (x *index) owner(k Key) (id string, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, e := x.lookup(k)
	if e == nil {
		return "", false
	}
	return recordID(e.record), true
}

func (x *index) len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.count
}

// each calls f for what all entries hold, a part of them at a time, so that others get in between.
func (x *index) each(f func(record, state string) bool) {
	type held struct{ record, state string }
	list := make([]held, 0, chunkSize)
	for i := 0; ; i++ {
		x.mu.RLock()
		if i >= len(x.chunks) {
			x.mu.RUnlock()
			return
		}
		list = list[:0]
		for j := range x.chunks[i] {
			if e := &x.chunks[i][j]; e.record != "" {
				list = append(list, held{e.record, e.state})
			}
		}
		x.mu.RUnlock()
		for _, h := range list {
			if !f(h.record, h.state) {
				return
			}
		}
	}
}

func (x *index) all() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		x.each(func(record, state string) bool {
			s, revision := mustReadRecord(record)
			return yield(Entry{Subscriber: s, State: mustReadState(state), Revision: revision})
		})
	}
}

// list returns the IDs after a given one.
func (x *index) list(after string, limit int) []string {
	var h lastFirst
	x.each(func(record, _ string) bool {
		switch id := recordID(record); {
		case id <= after:
		case len(h) < limit:
			heap.Push(&h, id)
		case limit > 0 && id < h[0]:
			h[0] = id
			heap.Fix(&h, 0)
		}
		return true
	})
	for i := range h {
		h[i] = strings.Clone(h[i])
	}
	sort.Strings(h)
	return h
}

type lastFirst []string

func (h lastFirst) Len() int           { return len(h) }
func (h lastFirst) Less(i, j int) bool { return h[i] > h[j] }
func (h lastFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lastFirst) Push(x any)        { *h = append(*h, x.(string)) }
func (h *lastFirst) Pop() any          { s := (*h)[len(*h)-1]; *h = (*h)[:len(*h)-1]; return s }

// entryCache bounds how many entries have a view: the one that has had it longest loses it.
type entryCache struct {
	mu   sync.Mutex
	ring []*entry
	next int
}

func (c *entryCache) add(e *entry) {
	c.mu.Lock()
	old := c.ring[c.next]
	c.ring[c.next] = e
	c.next = (c.next + 1) % len(c.ring)
	c.mu.Unlock()
	if old != nil && old != e {
		old.view.Store(nil)
	}
}
