package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// searchCode2 is searchCode for mode 6.60: two tracks of 32 positions with one pulse each.
func searchCode2(dn, cn, h, code, y *[subLen]int16, w *bitWriter) {
	const tracks, positions = 2, 32
	var s codeSearch
	s.chooseSigns(dn, cn, 8192)
	s.setResponse(h, 0)

	var auto, dnT [tracks][positions]int16
	cor := int32(0x10000)
	for i := positions - 1; i >= 0; i-- {
		k := (positions - 1 - i) * 2
		cor = op.LMac(cor, h[k], h[k])
		auto[1][i] = int16(cor>>16) >> 1
		cor = op.LMac(cor, h[k+1], h[k+1])
		auto[0][i] = int16(cor>>16) >> 1
	}
	for i := range subLen {
		dnT[i%tracks][i/tracks] = s.dn[i%numTracks][i/numTracks]
	}
	// Even and odd positions are two tracks of the larger codebooks each, and any two of those are neighbours.
	s.correlate()
	var cross [positions][positions]int16
	for i := range trackLen {
		even, odd := &cross[2*i], &cross[2*i+1]
		row0, row2 := s.cross[0].M[i*trackLen:][:trackLen], s.cross[2].M[i*trackLen:][:trackLen]
		for j := range trackLen {
			even[2*j] = row0[j]
			even[2*j+1] = s.cross[3].M[j*trackLen+i]
			odd[2*j] = s.cross[1].M[j*trackLen+i]
			odd[2*j+1] = row2[j]
		}
	}

	best := kernel.BestOfTwo(&dnT, &auto, &cross)
	ix, iy := 2*int(max(best.I, 0)), 2*int(max(best.J, 0))+1

	neg := func(pos int) bool { return s.neg[pos%numTracks][pos/numTracks] != 0 }
	*code = [subLen]int16{}
	idx := int16(ix>>1<<6 + iy>>1)
	code[ix], code[iy] = pulseAmp, pulseAmp
	if neg(ix) {
		code[ix] = -pulseAmp
		idx += positions << 6
	}
	if neg(iy) {
		code[iy] = -pulseAmp
		idx += positions
	}
	w.write(idx, 12)
	a, b := s.contribution(int16(ix)), s.contribution(int16(iy))
	for i, v := range a {
		y[i] = op.ShrR(op.Add(v, b[i]), 3)
	}
}
