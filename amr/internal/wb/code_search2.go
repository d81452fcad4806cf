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
	neg := func(pos int) bool { return s.neg[pos%numTracks][pos/numTracks] != 0 }
	for i := range subLen {
		dnT[i%tracks][i/tracks] = s.dn[i%numTracks][i/numTracks]
	}
	var cross [positions][positions]int16 // of an even and an odd position
	for d := 1; d < subLen; d += 2 {
		cor := int32(0x8000)
		for k := 0; k < subLen-d; k++ {
			cor = op.LMac(cor, h[k], h[k+d])
			x := subLen - 1 - d - k
			z := x + d
			if x&1 == 1 {
				x, z = z, x
			}
			cross[x>>1][z>>1] = withSign(int16(cor>>16), neg(x) != neg(z))
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
