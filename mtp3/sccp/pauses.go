package sccp

import "github.com/gotelco/telco/mtp3"

// pauses remembers what MTP-PAUSE and MTP-RESUME said about points and ranges of them. The
// narrowest range that holds a point counts. The zero pauses has nothing paused.
type pauses struct {
	bits   uint8 // of point codes
	widths uint32
	said   map[mtp3.Destination]bool // paused?
}

// paused tells whether a point is paused.
func (p *pauses) paused(pc mtp3.PointCode) bool {
	for w := uint8(0); p.widths>>w != 0; w++ {
		if p.widths>>w&1 == 0 {
			continue
		}
		if v, ok := p.said[mtp3.Destination{PC: pc, Wild: w}.Canonical()]; ok {
			return v
		}
	}
	return false
}

// set notes that a range is paused or not, up to limit ranges. It returns false at the limit.
func (p *pauses) set(d mtp3.Destination, paused bool, limit int) bool {
	d.Wild = min(d.Wild, p.bits)
	d = d.Canonical()
	if d.Wild == 0 {
		delete(p.said, d)
	} else {
		for e := range p.said { // this is about all of them
			if d.Covers(e) {
				delete(p.said, e)
			}
		}
	}
	ok := true
	if p.paused(d.PC) != paused {
		if ok = len(p.said) < limit; ok {
			if p.said == nil {
				p.said = map[mtp3.Destination]bool{}
			}
			p.said[d] = paused
		}
	}
	p.widths = 0
	for e := range p.said {
		p.widths |= 1 << e.Wild
	}
	return ok
}
