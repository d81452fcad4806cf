//go:build (amd64 || arm64) && !purego

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A source is what inputs of kernels are made of.
type source struct {
	a, b, c []byte
	n       uint8
}

// both runs a kernel as assembly and in plain Go and compares what it returns.
func both[T any](t *testing.T, run func() T) {
	t.Helper()
	fast := run()
	haveSIMD = false
	slow := run()
	haveSIMD = true
	if d := cmp.Diff(slow, fast); d != "" {
		t.Errorf("-plain +assembly:\n%s", d)
	}
}

func fuzz(f *testing.F, check func(*testing.T, source)) {
	if !haveSIMD {
		f.Skip("no AVX2")
	}
	f.Add([]byte{0x80, 0x00}, []byte{0x80, 0x00}, []byte{0x7f, 0xff}, uint8(0))
	f.Add([]byte{0x7f, 0xff, 0x80, 0x00}, []byte{0x12, 0x34, 0xed, 0xcc, 0x00, 0x01}, []byte{1, 2, 3, 4, 5}, uint8(0x35))
	f.Add([]byte{0x00, 0x10, 0xff, 0xf0, 0x01}, []byte{0x10, 0x00, 0xf8, 0x00}, []byte{0xff, 0xff, 0x00, 0x00}, uint8(0xff))
	f.Fuzz(func(t *testing.T, a, b, c []byte, n uint8) { check(t, source{a, b, c, n}) })
}

// Each kernel has its target, which holds it equal to plain Go wherever the bounds are kept that its callers have to keep.

func FuzzSumSquares(f *testing.F)       { fuzz(f, checkSumSquares) }
func FuzzDot(f *testing.F)              { fuzz(f, checkDot) }
func FuzzMaxAbs(f *testing.F)           { fuzz(f, checkMaxAbs) }
func FuzzSumAbs(f *testing.F)           { fuzz(f, checkSumAbs) }
func FuzzDotSquares40(f *testing.F)     { fuzz(f, checkDotSquares40) }
func FuzzFIR16(f *testing.F)            { fuzz(f, checkFIR16) }
func FuzzFIR32(f *testing.F)            { fuzz(f, checkFIR32) }
func FuzzPolyphase(f *testing.F)        { fuzz(f, checkPolyphase) }
func FuzzConvolve64(f *testing.F)       { fuzz(f, checkConvolve64) }
func FuzzCorrelate64(f *testing.F)      { fuzz(f, checkCorrelate64) }
func FuzzCorrelateRound64(f *testing.F) { fuzz(f, checkCorrelateRound64) }
func FuzzSlide40(f *testing.F)          { fuzz(f, checkSlide40) }
func FuzzSlide64(f *testing.F)          { fuzz(f, checkSlide64) }
func FuzzNearest4(f *testing.F)         { fuzz(f, checkNearest4) }
func FuzzDistances(f *testing.F)        { fuzz(f, checkDistances) }
func FuzzCorrelate4(f *testing.F)       { fuzz(f, checkCorrelate4) }
func FuzzCorrelate5(f *testing.F)       { fuzz(f, checkCorrelate5) }
func FuzzPairSearch(f *testing.F)       { fuzz(f, checkPairSearch) }
func FuzzChainSearch(f *testing.F)      { fuzz(f, checkChainSearch) }
func FuzzCrossTracks(f *testing.F)      { fuzz(f, checkCrossTracks) }
func FuzzSignCross(f *testing.F)        { fuzz(f, checkSignCross) }
func FuzzTrackCorr(f *testing.F)        { fuzz(f, checkTrackCorr) }
func FuzzAddPulses(f *testing.F)        { fuzz(f, checkAddPulses) }
func FuzzBestPair(f *testing.F)         { fuzz(f, checkBestPair) }
func FuzzBestOfTwo(f *testing.F)        { fuzz(f, checkBestOfTwo) }
func FuzzSynthesis10(f *testing.F)      { fuzz(f, checkSynthesis10) }
func FuzzSynthesis16(f *testing.F)      { fuzz(f, checkSynthesis16) }
func FuzzSynthesisWide(f *testing.F)    { fuzz(f, checkSynthesisWide) }

func TestBothPaths(t *testing.T) {
	bothPaths(t, map[string]func(*testing.T, source){
		"SumSquares": checkSumSquares, "Dot": checkDot, "MaxAbs": checkMaxAbs, "SumAbs": checkSumAbs,
		"DotSquares40": checkDotSquares40, "FIR16": checkFIR16, "FIR32": checkFIR32, "Polyphase": checkPolyphase,
		"Convolve64": checkConvolve64, "Correlate64": checkCorrelate64, "CorrelateRound64": checkCorrelateRound64,
		"Slide40": checkSlide40, "Slide64": checkSlide64, "Nearest4": checkNearest4, "Distances": checkDistances,
		"Correlate4": checkCorrelate4, "Correlate5": checkCorrelate5, "PairSearch": checkPairSearch,
		"ChainSearch": checkChainSearch, "CrossTracks": checkCrossTracks, "SignCross": checkSignCross,
		"TrackCorr": checkTrackCorr, "AddPulses": checkAddPulses, "BestPair": checkBestPair, "BestOfTwo": checkBestOfTwo,
		"Synthesis10": checkSynthesis10, "Synthesis16": checkSynthesis16, "SynthesisWide": checkSynthesisWide,
	})
}

// bothPaths runs checks on random inputs of all sizes.
func bothPaths(t *testing.T, checks map[string]func(*testing.T, source)) {
	t.Helper()
	if !haveSIMD {
		t.Skip("no AVX2")
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(11, 12))
			random := func(n int) []byte {
				b := make([]byte, 2+r.IntN(n))
				// Words of one size, so that those in the bounds come up too.
				shift := r.IntN(15)
				for i := range b[:len(b)&^1] {
					if i&1 == 0 {
						v := int16(r.Uint32()) >> shift
						b[i], b[i+1] = byte(v>>8), byte(v)
					}
				}
				return b
			}
			for range 500 {
				if check(t, source{random(600), random(400), random(300), uint8(r.Uint32())}); t.Failed() {
					return
				}
			}
		})
	}
}

func (s source) length() int { return 1 + int(s.n) }

func checkSumSquares(t *testing.T, s source) {
	x := words(s.a, s.length(), 0)
	both(t, func() int64 { return SumSquares(x) })
}

func checkDot(t *testing.T, s source) {
	x, y := words(s.a, s.length(), 0), words(s.b, s.length(), 0)
	both(t, func() int32 { return Dot(x, y) })
}

func checkMaxAbs(t *testing.T, s source) {
	x := words(s.a, s.length(), 0)
	both(t, func() int32 { return MaxAbs(x) })
}

func checkSumAbs(t *testing.T, s source) {
	x := words(s.a, s.length(), 0)
	both(t, func() int64 { return SumAbs(x) })
}

func checkDotSquares40(t *testing.T, s source) {
	x, y := [40]int16(words(s.a, 40, 0)), [40]int16(words(s.b, 40, 0))
	both(t, func() [3]int64 {
		xy, xx, yy := DotSquares40(&x, &y)
		return [3]int64{int64(xy), xx, yy}
	})
}

// filter makes samples, taps and a number of outputs.
func (s source) filter() (x, c []int16, n int) {
	n = 1 + int(s.n)%100
	c = words(s.b, 2+len(s.b)%64, uint(s.n&3))
	return words(s.a, n+len(c)-1, 0), c, n
}

func checkFIR16(t *testing.T, s source) {
	x, c, n := s.filter()
	both(t, func() []int16 {
		y := make([]int16, n)
		FIR16(y, x, c, int32(s.n)<<5, uint(len(s.a)%16))
		return y
	})
}

func checkFIR32(t *testing.T, s source) {
	x, c, n := s.filter()
	both(t, func() []int32 {
		y := make([]int32, n)
		FIR32(y, x, c)
		return y
	})
}

func checkPolyphase(t *testing.T, s source) {
	c := make([][32]int16, 1+len(s.b)%5)
	for i, v := range words(s.b, 32*len(c), 0) {
		c[i/32][i%32] = v
	}
	table := make([]Phase, 1+int(s.n)%90)
	at := 0
	for i, v := range words(s.c, len(table), 0) {
		at += int(v & 3)
		table[i] = Phase{uint32(2 * at), uint32(64 * (int(uint16(v)>>2) % len(c)))}
	}
	x := words(s.a, at+32, 0)
	both(t, func() []int16 {
		y := make([]int16, len(table))
		Polyphase(y, x, c, table)
		return y
	})
}

func checkConvolve64(t *testing.T, s source) {
	x, h := [64]int16(words(s.a, 64, 0)), [64]int16(words(s.b, 64, uint(s.n&7)))
	both(t, func() (y [64]int16) {
		Convolve64(&x, &h, &y)
		return y
	})
}

func checkCorrelate64(t *testing.T, s source) {
	x, h := [64]int16(words(s.a, 64, 0)), [64]int16(words(s.b, 64, 0))
	both(t, func() (y [64]int32) {
		Correlate64(&x, &h, &y)
		return y
	})
}

func checkCorrelateRound64(t *testing.T, s source) {
	var x [96]int16
	copy(x[:], words(s.a, 64, 0))
	h := [64]int16(words(s.b, 64, uint(s.n&7)))
	both(t, func() (y [64]int16) {
		CorrelateRound64(&x, &h, &y)
		return y
	})
}

func checkSlide40(t *testing.T, s source) {
	y, h, xn := [40]int16(words(s.a, 40, uint(s.n&7))), [40]int16(words(s.b, 40, 0)), [40]int16(words(s.c, 40, 0))
	x := int16(s.n)<<8 | int16(len(s.a))
	both(t, func() []any {
		out := y
		xy, yy := Slide40(&out, &h, &xn, x, 12+2*uint(s.n&1))
		return []any{out, xy, yy}
	})
}

func checkSlide64(t *testing.T, s source) {
	h, xn := [64]int16(words(s.b, 64, 0)), [64]int16(words(s.c, 64, 0))
	var y [65]int16
	copy(y[1:], words(s.a, 64, uint(s.n&7)))
	x := int16(s.n)<<8 | int16(len(s.a)&127)<<1
	both(t, func() []any {
		out := y
		xy, yy := Slide64(&out, &h, &xn, x)
		return []any{out, xy, yy}
	})
}

func checkNearest4(t *testing.T, s source) {
	book := make([][4]int16, 8*(1+int(s.n)&7))
	for i, v := range words(s.c, 4*len(book), uint(s.n>>6)) {
		book[i/4][i%4] = v
	}
	r, w := [4]int16(words(s.a, 4, 0)), [4]int16(words(s.b, 4, 0))
	for i := range w {
		w[i] = max(w[i], -32767)
	}
	both(t, func() int { return Nearest4(&r, &w, book) })
}

func checkDistances(t *testing.T, s source) {
	n := 2 + int(s.n)&6
	x, book := words(s.a, n, 3), words(s.b, n*8*(1+int(s.n>>3)), 3)
	if d := int64(MaxAbs(x) + MaxAbs(book)); int64(n)*d*d >= 1<<30 {
		return
	}
	both(t, func() []int32 {
		dist := make([]int32, len(book)/n)
		Distances(dist, x, book)
		return dist
	})
}

// signs5 are 32767 or -32767.
func (s source) signs() (signs [48]int16) {
	for i, v := range words(s.c, 48, 0) {
		signs[i] = 32767
		if v&1 != 0 {
			signs[i] = -32767
		}
	}
	return signs
}

func checkCorrelateTracks(t *testing.T, s source, correlate func(*Matrix, *[40]int16, *[48]int16)) {
	h, signs := [40]int16(words(s.a, 40, uint(s.n&7))), s.signs()
	if SumSquares(h[:]) >= 1<<30 {
		return
	}
	both(t, func() (m Matrix) {
		correlate(&m, &h, &signs)
		for i := range m { // what is behind 40 does not count
			clear(m[i][40:])
		}
		return m
	})
}

func checkCorrelate4(t *testing.T, s source) { checkCorrelateTracks(t, s, (*Matrix).Correlate4) }
func checkCorrelate5(t *testing.T, s source) { checkCorrelateTracks(t, s, (*Matrix).Correlate5) }

// pulses makes the correlations of a search.
func (s source) pulses() (m *Matrix, d, diag [48]int16) {
	m = new(Matrix)
	for i, v := range words(s.a, 40*48, uint(s.n>>5)) {
		m[i/48][i%48] = v
	}
	d, diag = [48]int16(words(s.b, 48, uint(s.n&3))), [48]int16(words(s.c, 48, 0))
	for i := range diag {
		diag[i] &= 0x7fff
	}
	return m, d, diag
}

func checkPairSearch(t *testing.T, s source) {
	m, d, diag := s.pulses()
	k := words(s.c, 32, 0)
	pick := func(i, n int) int64 { return int64(int(uint16(k[i])) % n) }
	p := PairSearch{M: m, D: &d, Diag: &diag, N: 2 + 2*pick(0, 4), Count: 8 + 2*pick(1, 2), Pre: 12 + pick(2, 2),
		Self: 9 + pick(3, 4), Add: 13 + pick(4, 3), Cross: 10 + pick(5, 4), Alp0: pick(6, 1<<16) << 14, Ps0: pick(7, 20000)}
	p.A, p.B = 16*pick(8, 5), 16*pick(9, 5)
	if p.Count == 10 {
		p.A, p.B = 20*pick(8, 4), 20*pick(9, 4)+16*pick(10, 2)
	}
	for i := range p.Pulses {
		p.Pulses[i] = 96 * pick(11+i, 40)
	}
	p.Lanes = 1 + pick(21, 8)
	if p.Run() {
		square, alpha, slots := p.Square, p.Alpha, p.Slots
		if p.choose(); square != p.Square || alpha != p.Alpha || slots != p.Slots {
			t.Errorf("of %v, %v, %v the first %d: %d, %d, %#x, want %d, %d, %#x", p.Sq, p.Alp, p.At, p.Lanes, square, alpha, slots, p.Square, p.Alpha, p.Slots)
		}
		sq, alp, at := naivePairs(&p)
		if d := cmp.Diff([][8]int32{sq, alp, at}, [][8]int32{p.Sq, p.Alp, p.At}); d != "" {
			t.Errorf("-plain +assembly:\n%s", d)
		}
	}
}

func checkChainSearch(t *testing.T, s source) {
	m, d, diag := s.pulses()
	k := words(s.c, 8, 0)
	p := ChainSearch{M: m, D: &d, Diag: &diag, N: 1 + int64(uint16(k[0])%3), Self: [3]int64{14, 12, 12}, First: 2 * int64(uint16(k[1])%40)}
	for i := range d {
		d[i] &= 0x7fff
	}
	for i := range p.Tracks {
		p.Tracks[i] = 16 * int64(uint16(k[2+i])%5)
	}
	if p.Run() {
		ps, sq, alp, at := naiveChain(&p)
		if d := cmp.Diff([]any{ps, sq, alp, at}, []any{p.Ps, p.Sq, p.Alp, p.At[:p.N]}); d != "" {
			t.Errorf("-plain +assembly:\n%s", d)
		}
	}
}

func checkCrossTracks(t *testing.T, s source) {
	h := [64]int16(words(s.a, 64, uint(s.n&7)))
	if SumSquares(h[:]) >= 1<<30-1<<15 {
		return
	}
	both(t, func() (m [4][256]int16) {
		var cross [4]TrackPair
		CrossTracks(&cross, &h)
		for i := range m {
			m[i] = cross[i].M
		}
		return m
	})
}

// negative makes signs of a track.
func negative(data []byte) (sign Track) {
	for i, v := range words(data, 16, 0) {
		sign[i] = -(v & 1)
	}
	return sign
}

func checkSignCross(t *testing.T, s source) {
	m := [256]int16(words(s.a, 256, 0))
	x, y := negative(s.b), negative(s.c)
	both(t, func() [256]int16 {
		out := m
		SignCross(&out, &x, &y)
		return out
	})
}

func checkTrackCorr(t *testing.T, s source) {
	c, auto, sign := [64]int16(words(s.a, 64, 0)), Track(words(s.b, 16, 0)), negative(s.c)
	both(t, func() (cor Track) {
		TrackCorr(&cor, &c, &sign, &auto)
		return cor
	})
}

func checkAddPulses(t *testing.T, s source) {
	vec, a, b := [64]int16(words(s.a, 64, 0)), [64]int16(words(s.b, 64, 0)), [64]int16(words(s.c, 64, 0))
	both(t, func() [64]int16 {
		out := vec
		AddPulses(&out, &a, &b)
		return out
	})
}

func checkBestPair(t *testing.T, s source) {
	x := words(s.a, 4*16, uint(s.n&7))
	corX, corY, cross := Track(words(s.b, 16, 0)), Track(words(s.b, 32, 0)[16:]), [256]int16(words(s.c, 256, uint(s.n>>5)))
	rank := Track(x[48:])
	for i := range rank {
		rank[i] %= 9
	}
	alp0 := int32(int16(s.n)<<8|int16(len(s.a))) << 15
	both(t, func() Best {
		return BestPair((*Track)(x), &rank, &corX, (*Track)(x[16:]), &corY, &cross, int16(s.n&7), x[32], alp0)
	})
}

func checkBestOfTwo(t *testing.T, s source) {
	var dn, auto [2][32]int16
	var cross [32][32]int16
	for i := range 32 {
		copy(cross[i][:], words(s.c[i%(len(s.c)+1)&^1:], 32, uint(s.n>>5)))
	}
	x, e := words(s.a, 64, uint(s.n&7)), words(s.b, 64, 0)
	for i := range x {
		dn[i/32][i%32], auto[i/32][i%32] = x[i], e[i]
	}
	both(t, func() Best { return BestOfTwo(&dn, &auto, &cross) })
}

func checkSynthesis10(t *testing.T, s source) {
	a := [11]int16(append([]int16{4096}, words(s.b, 10, uint(s.n&3))...))
	x, mem := words(s.a, 1+int(s.n>>2), uint(s.n>>6)), [10]int16(words(s.c, 10, uint(s.n>>6)))
	limit := (1<<30 - 1 - int64(MaxAbs(x))*4096) / (SumAbs(a[1:]) + 1)
	if limit = min(limit, 32767); limit < 1 || int64(MaxAbs(mem[:])) > limit {
		return
	}
	both(t, func() []any {
		y := slices.Clone(x)
		n := Synthesis10(&a, y, y, &mem, int32(limit))
		return []any{y, n}
	})
}

// recursive makes a filter of order 16 or 20, samples and a past, and the limit of outputs.
func (s source) recursive(room int64) (a, x, past []int16, limit int64) {
	a = words(s.b, []int{17, 21}[s.n&1], 1+uint(s.n>>1&7))
	x, past = words(s.a, 4+int(s.n>>4)*4, uint(s.n>>3&1)), words(s.c, History16, 1)
	limit = min((room-int64(MaxAbs(x))*4096)/(SumAbs(a[1:])+1), 32767)
	for i, v := range past {
		past[i] = int16(max(min(int64(v), limit), -limit))
	}
	return a, x, past, limit
}

func checkSynthesis16(t *testing.T, s source) {
	a, x, past, limit := s.recursive(1<<30 - 1<<15)
	if limit < 0 {
		return
	}
	down := 1 + uint(len(s.a))%15
	both(t, func() []any {
		y := append(slices.Clone(past), make([]int16, len(x))...)
		n := Synthesis16(a, x, y, 4096, 1<<(down-1), down, int32(limit))
		return []any{n, y[:History16+n]}
	})
}

func checkSynthesisWide(t *testing.T, s source) {
	a, x, past, limit := s.recursive(1<<30 - 1<<20)
	if a = a[:17]; limit < 0 || SumAbs(a[1:]) >= 1<<17 {
		return
	}
	both(t, func() []any {
		hi := append(slices.Clone(past), make([]int16, len(x))...)
		lo := append(words(s.b, History16, 0), make([]int16, len(x))...)
		for i := range lo {
			lo[i] &= 0xfff
		}
		n := SynthesisWide(a, x, hi, lo, 4096, 11+uint(len(s.a))%5, limit<<12)
		return []any{n, hi[:History16+n], lo[:History16+n]}
	})
}
