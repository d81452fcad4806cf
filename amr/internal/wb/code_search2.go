package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// searchCode2 is searchCode for mode 6.60: two tracks of 32 positions with one pulse each.
func searchCode2(dn, cn, h, code, y *[subLen]int16, w *bitWriter) {
	const tracks, positions = 2, 32
	var s codeSearch
	s.chooseSigns(dn, cn, 8192)
	s.setResponse(h, 0)

	var auto [tracks][positions]int16
	cor := int32(0x10000)
	for i := positions - 1; i >= 0; i-- {
		k := (positions - 1 - i) * 2
		cor = op.LMac(cor, h[k], h[k])
		auto[1][i] = int16(cor>>16) >> 1
		cor = op.LMac(cor, h[k+1], h[k+1])
		auto[0][i] = int16(cor>>16) >> 1
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
			v := int16(cor >> 16)
			if s.neg[x] == s.neg[z] {
				v = op.Mult(v, op.MaxInt16)
			} else {
				v = op.Neg(v)
			}
			cross[x>>1][z>>1] = v
		}
	}

	sqBest, alpBest := int32(-1), int32(1)
	ix, iy := 0, 1
	for i := range positions {
		ps1, alp1 := s.dn[2*i], auto[0][i]
		for j := range positions {
			ps := op.Add(ps1, s.dn[2*j+1])
			alp := int32(op.Add(alp1, op.Add(auto[1][j], cross[i][j])))
			sq := int32(op.Mult(ps, ps))
			if alpBest*sq > sqBest*alp {
				sqBest, alpBest = sq, alp
				ix, iy = 2*i, 2*j+1
			}
		}
	}

	*code = [subLen]int16{}
	idx := int16(ix>>1<<6 + iy>>1)
	code[ix], code[iy] = pulseAmp, pulseAmp
	if s.neg[ix] {
		code[ix] = -pulseAmp
		idx += positions << 6
	}
	if s.neg[iy] {
		code[iy] = -pulseAmp
		idx += positions
	}
	w.write(idx, 12)
	a, b := s.contribution(int16(ix)), s.contribution(int16(iy))
	for i, v := range a {
		y[i] = op.ShrR(op.Add(v, b[i]), 3)
	}
}
