package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

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
		row0, row2 := s.cross[0].m[i*trackLen:][:trackLen], s.cross[2].m[i*trackLen:][:trackLen]
		for j := range trackLen {
			even[2*j] = row0[j]
			even[2*j+1] = s.cross[3].m[j*trackLen+i]
			odd[2*j] = s.cross[1].m[j*trackLen+i]
			odd[2*j+1] = row2[j]
		}
	}

	best := [4]int32{-1, 1, -1, -1}
	if haveSIMD {
		searchTwoAVX2(&dnT[0][0], &auto[0][0], &dnT[1][0], &auto[1][0], &cross[0][0], &best)
		if best[2] >= positions {
			best[2] -= positions
			best[3] += positions / 2
		}
	} else {
		for i := range positions {
			for j, c := range cross[i] {
				ps := op.Add(dnT[0][i], dnT[1][j])
				alp := int32(op.Add(auto[0][i], op.Add(auto[1][j], c)))
				sq := int32(op.Mult(ps, ps))
				if best[1]*sq > best[0]*alp {
					best = [4]int32{sq, alp, int32(i), int32(j)}
				}
			}
		}
	}
	ix, iy := 2*int(max(best[2], 0)), 2*int(max(best[3], 0))+1

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
