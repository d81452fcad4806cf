package kernel

// Pulse search over the 40 positions of a subframe. Positions are kept by track, in slots: those of a track stand side by
// side, so that one load gets them all.

// A Matrix holds the correlations of pulses at two slots. Rows and columns above 40 are there to be read and not used.
type Matrix [40][48]int16

// slot5 is the layout with five tracks of eight positions.
func slot5(i int) int { return i%5*8 + i/5 }

// Correlate5 fills in the matrix of five tracks: at the slots of positions i and j the sum over n of h[n-i]*h[n-j], times
// 2 and rounded to the upper half, times both signs; the product of signs is 32766/32768 for equal and -32767/32768 for
// different ones, as mult has it. signs are by slot, 32767 or -32767. The diagonal is times 32766/32768 as well. No sum of
// h[i]*h[j] may reach 2^30, which holds if the sum of the squares does not (Cauchy and Schwarz).
//
// The sum for (i, j) is that for (i+1, j+1) and one more product. For all j of a track at once, that is the vector of the
// next track, or for the last track that of the first, one slot further.
func (m *Matrix) Correlate5(h *[40]int16, signs *[48]int16) {
	if haveSearch && haveSIMD {
		var a correlateArgs
		a.h = *h
		for i, v := range h {
			a.back[back5[i]%40] = v
		}
		a.signs = *signs
		products(&a.same, &a.other, signs)
		correlate5SIMD(m, &a)
		return
	}
	for lag := range 40 {
		s := int32(0)
		for k := range 40 - lag {
			s += int32(h[k]) * int32(h[k+lag])
			j := slot5(39 - k)
			i := slot5(39 - k - lag)
			v := mult(sat((s+0x4000)>>15), mult(signs[i], signs[j]))
			m[i][j], m[j][i] = v, v
		}
	}
}

// back5 are the slots from position 39 down.
var back5 = func() (t [40]uint8) {
	for i := range t {
		t[i] = uint8(slot5(39 - i))
	}
	return t
}()

// products sets same and other to the products of signs with 32767 and with -32767: 32766 for equal ones, -32767 for others.
func products(same, other, signs *[48]int16) {
	if haveSubframe {
		productsSIMD(same, other, signs)
		return
	}
	for k, s := range signs {
		same[k] = 32766 ^ s>>15
		other[k] = ^same[k]
	}
}

func mult(a, b int16) int16 { return sat(int32(a) * int32(b) >> 15) }

// correlateArgs are what correlate5SIMD reads.
type correlateArgs struct {
	h           [40]int16 // by lag
	back        [40]int16 // by slot: h[39-position]
	signs       [48]int16
	same, other [48]int16 // products of a sign with those of all slots
}

// A PairSearch looks for the best two further pulses, one at Count slots from A on and one at the eight slots from B on:
// those with the largest ps^2/alp, where ps is Ps0 and the sum of D at both, and alp an energy. Its fields are laid out for
// assembly.
type PairSearch struct {
	M           *Matrix
	D, Diag     *[48]int16
	N           int64 // pulses there are
	A, B        int64 // slots, times 2
	Count       int64
	Pre, Self   int64 // left shifts: of a diagonal element in the rounded sum for B, and in that for A; pairs count twice
	Add, Cross  int64 // of the rounded sum, and of the element of both
	Alp0        int64
	Ps0         int64
	Pulses      [10]int64 // slots, times 96
	Sq, Alp, At [8]int32  // out: the best for each slot of B, and at which slot of A
	exact       int64
	alp1        [16]int32
	ps1         [16]int16

	Lanes         int64 // slots of B that count, up to 8
	Square, Alpha int64 // out: the best of all, and 16 times its slot of A plus that of B, each from its first one
	Slots         int64
}

// Run searches and tells whether it could: false means that a sum might saturate or an energy is not positive, and that
// nothing is said. Without SIMD it is always false.
//
// Fractions with positive denominators have an order. So the best for each slot of B, the first one among equals, can be
// found for itself, and the best of those is the best of all.
func (p *PairSearch) Run() bool {
	if !haveSearch || !haveSIMD {
		return false
	}
	searchPairSIMD(p)
	if !haveSubframe {
		p.choose()
	}
	return p.exact != 0
}

// choose finds the best of all slots of B, the first one among equals in the order of the slots of A.
func (p *PairSearch) choose() {
	p.Square, p.Alpha, p.Slots = -1, 1, 0
	for lane := range p.Lanes {
		sq, alp, slots := int64(p.Sq[lane]), int64(p.Alp[lane]), int64(p.At[lane])*16+lane
		if l, r := p.Alpha*sq, p.Square*alp; l > r || l == r && slots < p.Slots {
			p.Square, p.Alpha, p.Slots = sq, alp, slots
		}
	}
}

// slot4 is the layout with four tracks of ten positions.
func slot4(i int) int { return i%4*10 + i/4 }

// Correlate4 is Correlate5 for four tracks of ten positions.
func (m *Matrix) Correlate4(h *[40]int16, signs *[48]int16) {
	if haveSearch && haveSIMD {
		var a correlate4Args
		a.h = *h
		for i, v := range h {
			a.back[(39-i)%4][(39-i)/4] = uint32(uint16(v))
		}
		a.signs = *signs
		products(&a.same, &a.other, signs)
		correlate4SIMD(m, &a)
		return
	}
	for lag := range 40 {
		s := int32(0)
		for k := range 40 - lag {
			s += int32(h[k]) * int32(h[k+lag])
			j := slot4(39 - k)
			i := slot4(39 - k - lag)
			v := mult(sat((s+0x4000)>>15), mult(signs[i], signs[j]))
			m[i][j], m[j][i] = v, v
		}
	}
}

// correlate4Args are what correlate4SIMD reads.
type correlate4Args struct {
	back        [4][16]uint32 // by track: h[39-position]
	h           [40]int16
	signs       [48]int16
	same, other [48]int16
}

// A ChainSearch adds one to three pulses to a first one, each the best on its track beside those before: the one with the
// largest ps^2/alp, the first one among equals. There are five tracks; D is not negative. Its fields are laid out for
// assembly.
type ChainSearch struct {
	M           *Matrix
	D, Diag     *[48]int16
	N           int64
	Tracks      [3]int64 // times 16
	Self        [3]int64 // left shift of a diagonal element in the energy, 14 for the first, 12 for the others
	_           [3]int64
	First       int64 // slot of the first pulse, times 2
	Ps, Sq, Alp int64 // out
	At          [3]int64
	exact       int64
}

// Run searches and tells whether it could: false means that an energy is not positive. Without SIMD it is always false.
// The weights of all elements in an energy add up to 1 at most, so that no sum leaves 32 bits.
func (p *ChainSearch) Run() bool {
	if !haveSearch || !haveSIMD {
		return false
	}
	searchChainSIMD(p)
	return p.exact != 0
}
