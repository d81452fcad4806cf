package mtp3

import "slices"

// table finds the entry of the longest match of a point code. It is a tree of three levels of eight
// bits each; nodes that many points share are one node. A table is never changed once it is built: set makes
// a new one that shares what stayed the same.
type table struct{ root *tableMid256 }

type (
	tableLeaf   [256]uint32 // 0: no entry; else the entry's number + 1
	tableMid    [256]*tableLeaf
	tableMid256 [256]*tableMid
)

var (
	emptyLeaf tableLeaf
	emptyMid  = func() (m tableMid) {
		for i := range m {
			m[i] = &emptyLeaf
		}
		return m
	}()
	emptyRoot = func() (r tableMid256) {
		for i := range r {
			r[i] = &emptyMid
		}
		return r
	}()
)

// lookup returns the number of the entry of pc, or -1.
func (t table) lookup(pc PointCode) int {
	return int(t.root[uint8(pc>>16)][uint8(pc>>8)][uint8(pc)]) - 1
}

// buildTable makes the table in which dests[i] has the number i. Longer matches win; of two that are
// equal, the later. It calls nested, if set, with each destination and the one that it lies within, or -1.
func buildTable(dests []Destination, nested func(i, within int)) table {
	b := tableBuilder{root: emptyRoot, mids: make(map[*tableMid]bool), leafs: make(map[*tableLeaf]bool)}
	order := make([]int, len(dests))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return int(dests[j].Wild) - int(dests[i].Wild) })
	for _, i := range order {
		if nested != nil {
			nested(i, table{root: &b.root}.lookup(dests[i].PC))
		}
		b.fill(dests[i].Canonical(), uint32(i+1))
	}
	return table{root: &b.root}
}

// tableBuilder fills a root that is not shared yet; mids and leafs are its own nodes, free to be written.
type tableBuilder struct {
	root  tableMid256
	mids  map[*tableMid]bool
	leafs map[*tableLeaf]bool
}

func (b *tableBuilder) fill(d Destination, v uint32) {
	switch {
	case d.Wild >= 16:
		leaf := b.uniform(v)
		mid := new(tableMid)
		for i := range mid {
			mid[i] = leaf
		}
		first := int(d.PC >> 16 & 0xff)
		for i := range 1 << min(d.Wild-16, 8) {
			b.root[first+i] = mid
		}
	case d.Wild >= 8:
		leaf := b.uniform(v)
		mid := b.mid(d.PC)
		first := int(d.PC >> 8 & 0xff)
		for i := range 1 << (d.Wild - 8) {
			mid[first+i] = leaf
		}
	default:
		leaf := b.leaf(d.PC)
		first := int(d.PC & 0xff)
		for i := range 1 << d.Wild {
			leaf[first+i] = v
		}
	}
}

func (b *tableBuilder) uniform(v uint32) *tableLeaf {
	leaf := new(tableLeaf)
	for i := range leaf {
		leaf[i] = v
	}
	return leaf
}

// mid is the node of pc, copied if it is shared.
func (b *tableBuilder) mid(pc PointCode) *tableMid {
	at := &b.root[uint8(pc>>16)]
	if !b.mids[*at] {
		c := **at
		*at = &c
		b.mids[&c] = true
	}
	return *at
}

func (b *tableBuilder) leaf(pc PointCode) *tableLeaf {
	at := &b.mid(pc)[uint8(pc>>8)]
	if !b.leafs[*at] {
		c := **at
		*at = &c
		b.leafs[&c] = true
	}
	return *at
}

// set returns a table in which the point pc has the entry of number n. A negative n is no entry.
func (t table) set(pc PointCode, n int) table {
	b := tableBuilder{root: *t.root, mids: make(map[*tableMid]bool, 1), leafs: make(map[*tableLeaf]bool, 1)}
	b.leaf(pc)[uint8(pc)] = uint32(n + 1)
	return table{root: &b.root}
}
