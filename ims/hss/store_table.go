package hss

import "hash/maphash"

// table finds entries by their keys. It holds no pointers, so that the garbage collector does not walk through it, and it is in parts,
// so that none of them takes long to grow: with a million subscribers a map of strings would make both felt.
type table struct {
	seed  maphash.Seed
	parts [256]part
}

// part is a hash table with open addressing.
type part struct {
	slots []slot // a power of two of them
	used  int    // those with an entry, and those that had one
	live  int
}

type slot struct {
	hash  uint32
	entry uint32 // number of the entry plus one; 0: never used; gone: no more
}

const gone = ^uint32(0)

func (t *table) hash(k Key) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.WriteByte(byte(k.Kind))
	h.WriteString(k.Value)
	return h.Sum64()
}

// find returns the number of the first entry with the key of which is says so.
func (t *table) find(k Key, is func(entry uint32) bool) (uint32, bool) {
	sum := t.hash(k)
	p := &t.parts[sum>>56]
	if len(p.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(p.slots) - 1)
	for i := uint32(sum) & mask; ; i = (i + 1) & mask {
		s := p.slots[i]
		if s.entry == 0 {
			return 0, false
		}
		if s.entry != gone && s.hash == uint32(sum) && is(s.entry-1) {
			return s.entry - 1, true
		}
	}
}

// add adds a key of an entry, which is not there.
func (t *table) add(k Key, entry uint32) {
	sum := t.hash(k)
	p := &t.parts[sum>>56]
	if 4*(p.used+1) > 3*len(p.slots) {
		p.grow()
	}
	p.put(slot{uint32(sum), entry + 1})
	p.live++
}

func (p *part) put(s slot) {
	mask := uint32(len(p.slots) - 1)
	i := s.hash & mask
	for p.slots[i].entry != 0 {
		i = (i + 1) & mask
	}
	p.slots[i] = s
	p.used++
}

// grow makes room, or clears up what is gone.
func (p *part) grow() {
	size := 16
	for size < 2*(p.live+1) {
		size *= 2
	}
	old := p.slots
	p.slots, p.used = make([]slot, size), 0
	for _, s := range old {
		if s.entry != 0 && s.entry != gone {
			p.put(s)
		}
	}
}

// remove removes a key of an entry.
func (t *table) remove(k Key, entry uint32) {
	sum := t.hash(k)
	p := &t.parts[sum>>56]
	if len(p.slots) == 0 {
		return
	}
	mask := uint32(len(p.slots) - 1)
	for i := uint32(sum) & mask; p.slots[i].entry != 0; i = (i + 1) & mask {
		if s := &p.slots[i]; s.hash == uint32(sum) && s.entry == entry+1 {
			s.entry = gone
			p.live--
			return
		}
	}
}
