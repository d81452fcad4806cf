package srtp

// replay is the list of the 64 packets up to the highest (section 3.3.2).
type replay struct {
	highest uint64
	seen    uint64
	started bool
}

func (r *replay) fresh(index uint64) bool {
	if !r.started || index > r.highest {
		return true
	}
	back := r.highest - index
	return back < 64 && r.seen>>back&1 == 0
}

func (r *replay) add(index uint64) {
	switch {
	case !r.started:
		r.started, r.highest, r.seen = true, index, 1
	case index > r.highest:
		r.seen = r.seen<<min(index-r.highest, 64) | 1 // a shift of 64 leaves nothing
		r.highest = index
	default:
		r.seen |= 1 << (r.highest - index)
	}
}
