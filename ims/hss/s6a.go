package hss

import "hash/fnv"

func (h *HSS) epsChanges(old Entry, next *Subscriber, state *State, pushes []Change) (*State, []Change) {
	return state, pushes
}

func hash(s string) uint64 {
	f := fnv.New64a()
	f.Write([]byte(s))
	return f.Sum64()
}

// ASPermission is what an application server may do.
type ASPermission struct{}
