//go:build !purego

package wb

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// bothPaths calls f with and without the AVX2 kernels and compares what it returns.
func bothPaths(t *testing.T, name string, f func() any) {
	t.Helper()
	if !haveSIMD {
		t.Skip("no AVX2")
	}
	fast := f()
	haveSIMD = false
	slow := f()
	haveSIMD = true
	if !reflect.DeepEqual(fast, slow) {
		a, b := fmt.Sprint(fast), fmt.Sprint(slow)
		i := 0
		for i < min(len(a), len(b)) && a[i] == b[i] {
			i++
		}
		from := max(i-40, 0)
		t.Errorf("%s: AVX2 ...%.80s..., Go ...%.80s...", name, a[from:], b[from:])
	}
}

// words makes n samples of data, repeated, scaled down by shift bits.
func words(data []byte, n int, shift uint) []int16 {
	x := make([]int16, n)
	for i := range x {
		k := 2 * i % (len(data) &^ 1)
		x[i] = int16(binary.BigEndian.Uint16(data[k:])) >> shift
	}
	return x
}

// FuzzKernels holds every kernel equal to its plain form, for inputs within the bound that it states.
func FuzzKernels(f *testing.F) {
	f.Add([]byte{0x80, 0x00, 0x80, 0x00}, []byte{0x80, 0x00, 0x80, 0x00}, uint8(0))
	f.Add([]byte{0x80, 0x00, 0x7f, 0xff}, []byte{0x12, 0x34, 0xff, 0xff, 0}, uint8(3))
	f.Fuzz(func(t *testing.T, a, b []byte, size uint8) { checkKernels(t, a, b, size) })
}

func TestKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		a, b := make([]byte, 3+r.IntN(400)), make([]byte, 3+r.IntN(200))
		for i := range a {
			a[i] = byte(r.Uint32())
		}
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		checkKernels(t, a, b, uint8(r.Uint32()))
	}
}

func checkKernels(t *testing.T, a, b []byte, size uint8) {
	if len(a) < 3 || len(b) < 3 {
		return
	}
	n := 1 + int(size)
	x, y := words(a, n, 0), words(b, n, 0)
	bothPaths(t, "sumSquares", func() any { return sumSquares(x) })
	bothPaths(t, "dotWrap", func() any { return dotWrap(x, y) })
	bothPaths(t, "dotSat", func() any { return dotSat(1, x, y) })
	bothPaths(t, "maxAbs", func() any { return maxAbs(x) })
	bothPaths(t, "sumAbs", func() any { return sumAbs(x) })

	taps := 2 + int(size)&62
	c := words(b, taps, uint(size&7))
	z := words(a, n+taps-1, uint(size>>5))
	bothPaths(t, "fir32", func() any {
		out := make([]int32, n)
		fir32(out, z, c)
		return out
	})
	for shift := range uint(5) {
		if firBound(z, sumAbs(c)) {
			bothPaths(t, "fir16", func() any {
				out := make([]int16, n)
				fir16(out, z, c, shift)
				sat := make([]int16, n)
				firSat16(sat, z, c, shift)
				if !reflect.DeepEqual(out, sat) {
					t.Errorf("fir16 %v, saturating %v", out, sat)
				}
				return out
			})
		}
	}
	bothPaths(t, "downSample", func() any {
		var out [frameLen + filtDelay]int16
		downSample(out[:], words(a, 350+16, 0))
		return out
	})
	bothPaths(t, "overSample", func() any {
		var out [subLen16k]int16
		var mem [2 * upHalf]int16
		for range 2 {
			overSample(words(a, subLen, 1), out[:], &mem)
		}
		return out
	})

	h, v := [subLen]int16(words(b, subLen, uint(size&3)+2)), [subLen]int16(words(a, subLen, uint(size>>6)))
	bothPaths(t, "convolve", func() any {
		var out [subLen]int16
		convolve(&v, &h, &out)
		return out
	})
	bothPaths(t, "correlateTarget", func() any {
		var out [subLen]int16
		correlateTarget(&h, &v, &out)
		return out
	})
	checkSearch(t, a, b, size)
}

// checkSearch compares the steps of the codebook searches, the pitch search and the ISF quantiser.
func checkSearch(t *testing.T, a, b []byte, size uint8) {
	down := uint(size & 7)
	dn, cn := [subLen]int16(words(a, subLen, down)), [subLen]int16(words(b, subLen, down))
	h := [subLen]int16(words(b, subLen, down+uint(size>>5)))
	newSearch := func() *codeSearch {
		s := new(codeSearch)
		s.chooseSigns(&dn, &cn, 4096)
		s.rank()
		s.setResponse(&h, uint(size>>3&1))
		return s
	}
	bothPaths(t, "correlate", func() any {
		s := newSearch()
		s.correlate()
		var m [numTracks][trackLen * trackLen]int16
		for i := range m {
			m[i] = s.cross[i].m
		}
		return []any{s.auto, m}
	})
	bothPaths(t, "searchPair", func() any {
		s := newSearch()
		s.correlate()
		copy(s.vec[:subLen], words(a, subLen, 3))
		s.add(int16(size)%subLen, int16(a[0])%subLen)
		var c [subLen + numTracks]int16
		s.correlateVec(&c, firBound(s.vec[:subLen], sumAbs(s.h[subLen:])))
		var out []any
		for tx := range numTracks {
			ty := (tx + 1) % numTracks
			var x, y track
			s.trackCorr(&x, &c, tx)
			s.trackCorr(&y, &c, ty)
			ps, alp := int16(b[0])<<8>>down, int16(b[1])<<8>>down
			ix, iy := s.searchPair(2+tx*2, tx, ty, &ps, &alp, &x, &y)
			out = append(out, x, y, ix, iy, ps, alp)
		}
		return append(out, c[:subLen])
	})
	for _, mode := range []Mode{Mode660, Mode885, Mode1265, Mode1985, Mode2305} {
		bothPaths(t, "search", func() any {
			var code, y [subLen]int16
			var bits codecBits
			w := bitWriter{bits: &bits}
			if mode == Mode660 {
				searchCode2(&dn, &cn, &h, &code, &y, &w)
			} else {
				searchCode(mode, &dn, &cn, &h, &code, &y, &w)
			}
			return []any{code, y, bits}
		})
	}
	for _, m := range []int{order, order16k} {
		az := words(b, m+1, 1+down)
		az[0] = 4096
		bothPaths(t, "synFilt", func() any {
			buf := make([]int16, synHist+subLen16k)
			copy(buf[synHist-m:], words(a[1:], m, 2))
			synFilt(az, words(a, subLen16k, down), buf)
			return buf
		})
	}
	bothPaths(t, "synFilt32", func() any {
		az := words(b, order+1, 1+down)
		az[0] = 4096 >> (size & 1)
		hi, lo := make([]int16, synHist+subLen), make([]int16, synHist+subLen)
		copy(hi[synHist-order:], words(a[1:], order, 4))
		for i, v := range words(b[1:], order, 0) {
			lo[synHist-order+i] = v & 0xfff
		}
		synFilt32(az, words(a, subLen, down), int16(size>>4&7), hi, lo)
		return []any{hi, lo}
	})
	bothPaths(t, "normCorr", func() any {
		corr := make([]int16, 24)
		normCorr(words(a, 600, down), 300, &dn, &h, 34, corr)
		return corr
	})
	bothPaths(t, "quantISF", func() any {
		isf, past := [order]int16(words(a, order, 1+down/2)), [order]int16(words(b, order, 4))
		idx := quantISF(&isf, &past, size&1 != 0)
		return []any{idx, isf, past}
	})
}

// TestPathsAgree runs the whole codec with and without the kernels.
func TestPathsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	pcm := randomSignal(r, 300)
	modes := make([]Mode, 300)
	types := make([]RxType, 300)
	for i := range modes {
		modes[i] = Mode(r.IntN(9))
		types[i] = RxType(r.IntN(8) * r.IntN(2))
	}
	bothPaths(t, "codec", func() any {
		e, d := NewEncoder(), NewDecoder()
		e.DTX = true
		var bits []byte
		var out []int16
		for i, m := range modes {
			data, tx := e.Encode((*[FrameSamples]int16)(pcm[i*FrameSamples:]), m, nil)
			bits = append(bits, data...)
			rx := [...]RxType{TxSpeech: types[i], TxSIDFirst: SIDFirst, TxSIDUpdate: SIDUpdate, TxNoData: NoData}[tx]
			var p [FrameSamples]int16
			d.Decode(rx, m, data, &p)
			out = append(out, p[:]...)
		}
		return []any{bits, out}
	})
}
