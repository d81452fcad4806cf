//go:build (amd64 || arm64) && !purego

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The kernels of the wideband codec against plain Go; see both_test.go.

var vectorChecks = []struct {
	name  string
	check func(*testing.T, source)
}{
	{"Scale", checkScale}, {"Mix", checkMix}, {"Echo", checkEcho}, {"Sides", checkSides}, {"Amplify", checkAmplify}, {"Add", checkAdd},
	{"Window", checkWindow}, {"RankTracks", checkRankTracks}, {"Least", checkLeast}, {"Gains", checkGains},
	{"Chebyshev104", checkChebyshev104}, {"BestPair", checkBestPositive},
}

func FuzzVectors(f *testing.F) {
	fuzz(f, func(t *testing.T, s source) {
		for _, c := range vectorChecks {
			c.check(t, s)
		}
	})
}

func TestBothVectors(t *testing.T) {
	if !haveSIMD {
		t.Skip("no AVX2")
	}
	for _, c := range vectorChecks {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(13, 14))
			random := func(n int) []byte {
				b := make([]byte, 2+r.IntN(n))
				shift := r.IntN(15)
				for i := 0; i+1 < len(b); i += 2 {
					v := int16(r.Uint32()) >> shift
					b[i], b[i+1] = byte(v>>8), byte(v)
				}
				return b
			}
			for range 500 {
				if c.check(t, source{random(600), random(400), random(300), uint8(r.Uint32())}); t.Failed() {
					return
				}
			}
		})
	}
}

func checkScale(t *testing.T, s source) {
	x := words(s.a, s.length(), 0)
	exp := int16(len(s.b)%41) - 20
	both(t, func() []int16 {
		y := slices.Clone(x)
		Scale(y, exp)
		return y
	})
}

func checkMix(t *testing.T, s source) {
	n := s.length()
	x, y, c := words(s.a, n, 1), words(s.b, n, 5), words(s.c, 2, 1)
	lift, down := uint(len(s.a)%5), uint(len(s.b)%16)
	both(t, func() []int16 {
		out := make([]int16, n)
		Mix(out, x, y, c[0], c[1], lift, int32(n)<<5, down)
		return out
	})
}

func checkEcho(t *testing.T, s source) {
	x, gain := [64]int16(words(s.a, 64, 0)), max(words(s.b, 1, 0)[0], -32767)
	both(t, func() [64]int16 {
		y := x
		Echo(&y, 1+int(s.n)%70, gain)
		return y
	})
}

func checkSides(t *testing.T, s source) {
	x, gain := [64]int16(words(s.a, 64, 1)), max(words(s.b, 1, 0)[0], -32767)
	for i := range x {
		x[i] = max(x[i], -16383)
	}
	both(t, func() (y [64]int16) {
		Sides(&y, &x, gain)
		return y
	})
}

func checkAmplify(t *testing.T, s source) {
	x, gain := words(s.a, s.length(), 0), words(s.b, 1, 0)[0]
	both(t, func() []int16 {
		y := slices.Clone(x)
		Amplify(y, gain)
		return y
	})
}

func checkAdd(t *testing.T, s source) {
	x, y := words(s.a, s.length(), 0), words(s.b, s.length(), 0)
	both(t, func() []int16 {
		z := slices.Clone(x)
		Add(z, y)
		return z
	})
}

func checkWindow(t *testing.T, s source) {
	x, w := words(s.a, s.length(), 0), words(s.b, s.length(), 0)
	for i := range w {
		w[i] &= 0x7fff
	}
	both(t, func() []any {
		y := make([]int16, len(x))
		sum := Window(y, x, w)
		return []any{y, sum}
	})
}

func checkRankTracks(t *testing.T, s source) {
	d, c := [64]int16(words(s.a, 64, uint(s.n&15))), [64]int16(words(s.b, 64, uint(s.n>>4)))
	k := words(s.c, 2, 0)
	both(t, func() []any {
		var neg, dn, rank [4]Track
		var best [4]int16
		RankTracks(&neg, &dn, &rank, &best, &d, &c, k[0]&0x7fff, k[1]&0x7fff)
		return []any{neg, dn, rank, best}
	})
}

func checkLeast(t *testing.T, s source) {
	w := words(s.a, 16*(1+int(s.n)%40), 0)
	x := make([]int32, len(w)/2)
	for i := range x {
		x[i] = int32(w[2*i])<<16 | int32(uint16(w[2*i+1]))
		if s.n&1 == 0 {
			x[i] >>= 20
		}
	}
	both(t, func() [2]int {
		i, v := Least(x)
		return [2]int{i, int(v)}
	})
}

func checkGains(t *testing.T, s source) {
	n := 8 * (1 + int(s.n)%8)
	book := make([][2]int16, n)
	for i, v := range words(s.a, 2*n, 0) {
		if i&1 == 0 {
			v = int16(uint16(v) % 21235)
		}
		book[i/2][i%2] = v & 0x7fff
	}
	hi, lo := [5]int16(words(s.b, 5, 2)), [5]int16(words(s.c, 5, 0))
	for i := range lo {
		lo[i] &= 0xfff
	}
	mant := int16(s.n) << 7 & 0x7fff
	both(t, func() []int32 {
		err := make([]int32, n)
		Gains(err, book, mant, &hi, &lo)
		return err
	})
}

func checkChebyshev104(t *testing.T, s source) {
	x := [104]int16(words(s.a, 104, 0))
	f := words(s.b, 8+int(s.n&1), 1+uint(s.n>>1&7))
	sum := 0
	for i, v := range f {
		sum += max(int(v), -int(v)) * (len(f) - 1 - i)
	}
	if sum >= 1<<17-2 {
		return
	}
	var y [104]int16
	Chebyshev104(&y, &x, f)
	for i, v := range x {
		if want := chebyshev(v, f); haveVector && y[i] != want {
			t.Fatalf("Chebyshev104(%d, %v) = %d, want %d", v, f, y[i], want)
		}
	}
}

// chebyshev is the recursion in 64 bits, which fails where 32 would not do.
func chebyshev(x int16, f []int16) int16 {
	n := len(f) - 1
	within := func(x int64) int64 {
		if x != int64(int32(x)) {
			panic("beyond 32 bits")
		}
		return x
	}
	mpy := func(b int64) int64 { return b >> 1 * int64(x) >> 15 << 1 }
	b2 := int64(f[0]) << 13
	b1 := within(within(2*mpy(b2))+int64(f[1])<<13) &^ 1
	for _, c := range f[2:n] {
		t := within(mpy(b1) - b2>>16<<15)
		t = within(t + int64(c)<<12)
		t = within(within(2*t) - b2&0xfffe)
		b2, b1 = b1, t&^1
	}
	t := within(mpy(b1) - b2>>16<<16)
	t = within(within(t-b2&0xfffe) + int64(f[n])<<12)
	return max(int16(sat64(t<<6)>>16), -32767)
}

// checkBestPositive is checkBestPair for energies that are rather positive.
func checkBestPositive(t *testing.T, s source) {
	x := words(s.a, 4*16, uint(s.n&7))
	corX, corY, cross := Track(words(s.b, 16, 2)), Track(words(s.b, 32, 2)[16:]), [256]int16(words(s.c, 256, 3))
	rank := Track(x[48:])
	for i := range rank {
		rank[i] &= 7
		corX[i] &= 0x1fff
		corY[i] &= 0x1fff
	}
	if s.n&8 != 0 { // ties
		for i := range x[:32] {
			x[i] &= 0x40
		}
		for i := range rank {
			corX[i] &= 0x40
			corY[i] &= 0x40
			cross[17*i] = 0
		}
	}
	both(t, func() Best {
		return BestPair((*Track)(x), &rank, &corX, (*Track)(x[16:]), &corY, &cross, int16(s.n&7), x[32], int32(s.n)<<20+1<<16)
	})
}
