package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// naivePairs is PairSearch as it is defined, in 64 bits.
func naivePairs(p *PairSearch) (sq, alp, at [8]int32) {
	a, b := p.A/2, p.B/2
	for lane := range int64(8) {
		bestSq, bestAlp := int64(-1), int64(1)
		j := b + lane
		pre := int64(p.Diag[j]) << p.Pre
		for _, q := range p.Pulses[:p.N] {
			pre += int64(p.M[q/96][j]) << (p.Pre + 1)
		}
		pre = (pre + 0x8000) >> 16
		for k := range p.Count {
			i := a + k
			e := p.Alp0 + int64(p.Diag[i])<<p.Self
			for _, q := range p.Pulses[:p.N] {
				e += int64(p.M[q/96][i]) << (p.Self + 1)
			}
			e = (e + pre<<p.Add + int64(p.M[i][j])<<p.Cross + 0x8000) >> 16
			ps := int64(sat(int32(p.Ps0) + int32(p.D[i])))
			ps = int64(sat(int32(ps) + int32(p.D[j])))
			s := min(ps*ps>>15, 32767)
			if bestAlp*s > bestSq*e {
				bestSq, bestAlp = s, e
				at[lane] = int32(k)
			}
		}
		sq[lane], alp[lane] = int32(bestSq), int32(bestAlp)
	}
	return sq, alp, at
}

func TestPairSearch(t *testing.T) {
	if !haveSearch || !haveSIMD {
		t.Skip("no SIMD")
	}
	r := rand.New(rand.NewPCG(3, 4))
	done := 0
	for range 3000 {
		var m Matrix
		var d, diag [48]int16
		limit := 1 + r.IntN(32767)
		for i := range d {
			d[i] = int16(r.IntN(8000) - 500)
			diag[i] = int16(r.IntN(limit))
			if i < 40 {
				for j := range m[i] {
					m[i][j] = int16(r.IntN(limit) - limit/3)
				}
			}
		}
		p := PairSearch{M: &m, D: &d, Diag: &diag, N: int64(2 + 2*r.IntN(4)), Count: 8 + 2*int64(r.IntN(2)),
			Pre: int64(12 + r.IntN(2)), Self: int64(9 + r.IntN(4)), Add: int64(13 + r.IntN(3)), Cross: int64(10 + r.IntN(4)),
			Alp0: int64(r.IntN(1 << 30)), Ps0: int64(r.IntN(20000))}
		p.A, p.B = int64(2*r.IntN(5)*8), int64(2*r.IntN(5)*8)
		if p.Count == 10 {
			p.A, p.B = int64(2*r.IntN(4)*10), int64(2*(r.IntN(4)*10+8*r.IntN(2)))
		}
		for i := range p.Pulses {
			p.Pulses[i] = int64(96 * r.IntN(40))
		}
		if !p.Run() {
			continue
		}
		done++
		sq, alp, at := naivePairs(&p)
		if p.Sq != sq || p.Alp != alp || p.At != at {
			t.Fatalf("%+v: want %v %v %v", p, sq, alp, at)
		}
	}
	if done < 500 {
		t.Errorf("only %d of 3000 searches were in range", done)
	}
}

func TestCorrelate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		var h [40]int16
		scale := 1 + r.IntN(5000)
		for i := range h {
			h[i] = int16(r.IntN(2*scale) - scale)
		}
		var signs [48]int16
		for i := range signs {
			if r.IntN(2) == 0 {
				signs[i] = 32767
			} else {
				signs[i] = -32767
			}
		}
		if SumSquares(h[:]) >= 1<<30 {
			continue
		}
		var got, want Matrix
		slot := slot5
		if r.IntN(2) == 0 {
			slot = slot4
			got.Correlate4(&h, &signs)
		} else {
			got.Correlate5(&h, &signs)
		}
		for i := range 40 {
			for j := range 40 {
				s := int32(0)
				for n := max(i, j); n < 40; n++ {
					s += int32(h[n-i]) * int32(h[n-j])
				}
				a, b := slot(i), slot(j)
				want[a][b] = mult(sat((s+0x4000)>>15), mult(signs[a], signs[b]))
			}
		}
		for i := range 40 {
			for j := range 40 {
				if got[i][j] != want[i][j] {
					t.Fatalf("at %d, %d: %d, want %d", i, j, got[i][j], want[i][j])
				}
			}
		}
	}
}

// naiveChain is ChainSearch as it is defined, in 64 bits.
func naiveChain(p *ChainSearch) (ps, sq, alp int64, at []int64) {
	pulses := []int64{p.First / 2}
	ps, alp0 := int64(p.D[p.First/2]), int64(p.Diag[p.First/2])<<14
	for s := range p.N {
		var best, bestPs int64
		sq, alp = -1, 1
		for k := range int64(8) {
			j := p.Tracks[s]/2 + k
			e := int64(p.Diag[j])
			for _, q := range pulses {
				e += 2 * int64(p.M[q][j])
			}
			a := (alp0 + e<<p.Self[s] + 0x8000) >> 16
			sum := min(ps+int64(p.D[j]), 32767)
			if x := sum * sum >> 15; alp*x > sq*a {
				sq, alp, best, bestPs = x, a, j, sum
			}
		}
		at = append(at, best)
		pulses = append(pulses, best)
		ps, alp0 = bestPs, alp<<(14+2*s)
	}
	return ps, sq, alp, at
}

func TestChainSearch(t *testing.T) {
	if !haveSearch || !haveSIMD {
		t.Skip("no SIMD")
	}
	r := rand.New(rand.NewPCG(9, 4))
	done := 0
	for range 3000 {
		var m Matrix
		var d, diag [48]int16
		limit := 1 + r.IntN(32767)
		for i := range d {
			d[i] = int16(r.IntN(1 + r.IntN(9000)))
			diag[i] = int16(r.IntN(limit))
			for j := range m[i%40] {
				m[i%40][j] = int16(r.IntN(limit) - limit/3)
			}
		}
		p := ChainSearch{M: &m, D: &d, Diag: &diag, N: 1 + int64(r.IntN(3)), Self: [3]int64{14, 12, 12}, First: int64(2 * r.IntN(40))}
		for i := range p.Tracks {
			p.Tracks[i] = int64(16 * r.IntN(5))
		}
		if !p.Run() {
			continue
		}
		done++
		ps, sq, alp, at := naiveChain(&p)
		if p.Sq != sq || p.Alp != alp || p.Ps != ps || !slices.Equal(p.At[:p.N], at) {
			t.Fatalf("%+v: want %d %d %d %d", p, ps, sq, alp, at)
		}
	}
	if done < 500 {
		t.Errorf("only %d of 3000 searches were in range", done)
	}
}
