package hss

import (
	"container/heap"
	"iter"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// index finds subscriptions in memory. They are kept in the compact form, and those in use in the readable one, too.
type index struct {
	mu    sync.RWMutex
	maps  [KeyWildcard + 1]map[string]*entry // by KeyKind; the keys alias entry.record
	wild  wildcards
	cache entryCache
}

type entry struct {
	record string // as appendRecord makes it
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
	for k := range x.maps {
		x.maps[k] = map[string]*entry{}
	}
	x.wild.byPrefix = map[string][]*wildcard{}
	return x
}

func (x *index) find(k Key) (Entry, bool) {
	if k.Kind > KeyWildcard {
		return Entry{}, false
	}
	x.mu.RLock()
	var matched string
	e := x.maps[k.Kind][k.Value]
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
	var e *entry
	recordKeys(record, func(k Key) {
		if k.Kind == KeyID {
			e = x.maps[KeyID][k.Value]
		}
	})
	if e == nil {
		e = new(entry)
	} else {
		x.forget(e)
	}
	e.record = record
	recordKeys(record, func(k Key) {
		x.maps[k.Kind][k.Value] = e
		if k.Kind == KeyWildcard {
			x.wild.add(k.Value, e)
		}
	})
}

func (x *index) forget(e *entry) {
	recordKeys(e.record, func(k Key) {
		if x.maps[k.Kind][k.Value] == e {
			delete(x.maps[k.Kind], k.Value)
		}
		if k.Kind == KeyWildcard {
			x.wild.remove(k.Value, e)
		}
	})
}

func (x *index) delete(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.maps[KeyID][id]; e != nil {
		x.forget(e)
	}
}

func (x *index) setState(id, state string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.maps[KeyID][id]; e != nil {
		e.state = state
	}
}

// owner returns the ID of the subscription with a key.
func (x *index) owner(k Key) (id string, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.maps[k.Kind][k.Value]
	if e == nil {
		return "", false
	}
	recordKeys(e.record, func(k Key) {
		if k.Kind == KeyID {
			id = k.Value
		}
	})
	return id, true
}

func (x *index) len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.maps[KeyID])
}

// entries returns all of them as they are now.
func (x *index) entries() []*entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := make([]*entry, 0, len(x.maps[KeyID]))
	for _, e := range x.maps[KeyID] {
		list = append(list, e)
	}
	return list
}

// load returns what an entry holds now.
func (x *index) load(e *entry) (record, state string) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return e.record, e.state
}

func (x *index) all() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, e := range x.entries() {
			record, state := x.load(e)
			s, revision := mustReadRecord(record)
			if !yield(Entry{Subscriber: s, State: mustReadState(state), Revision: revision}) {
				return
			}
		}
	}
}

// list returns the IDs after a given one.
func (x *index) list(after string, limit int) []string {
	var h lastFirst
	x.mu.RLock()
	for id := range x.maps[KeyID] {
		switch {
		case id <= after:
		case len(h) < limit:
			heap.Push(&h, id)
		case limit > 0 && id < h[0]:
			h[0] = id
			heap.Fix(&h, 0)
		}
	}
	x.mu.RUnlock()
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
