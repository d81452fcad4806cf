package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestSynthesis10(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	stopped, whole := 0, 0
	for range 3000 {
		a := [11]int16{4096}
		sum := int64(0)
		for i := 1; i < 11; i++ {
			a[i] = int16(r.IntN(1+r.IntN(9000)) - 3000)
			sum += max(int64(a[i]), -int64(a[i]))
		}
		size := 1 << (1 + r.IntN(15))
		var x, y, want [40]int16
		var mem [10]int16
		for i := range x {
			x[i] = int16(r.IntN(2*size) - size)
			mem[i%10] = int16(r.IntN(2*size) - size)
		}
		limit := min((1<<30-1-int64(size)*4096)/(sum+1), 32767)
		if int64(size) > limit {
			continue
		}
		n := 1 + r.IntN(40)
		past := mem
		to := n
		for i, v := range x[:n] {
			s := int64(v) << 12
			for k := 1; k <= 10; k++ {
				s -= int64(a[k]) * int64(past[10-k])
			}
			o := (s + 0x800) >> 12
			if max(o, -o) > limit {
				to = i
				break
			}
			want[i] = int16(o)
			copy(past[:], past[1:])
			past[9] = want[i]
		}
		if to == n {
			whole++
		} else {
			stopped++
		}
		got := Synthesis10(&a, x[:n], y[:], &mem, int32(limit))
		if y != want || got != to {
			t.Fatalf("Synthesis10(%v, %v, %v, %d) = %v, %v, want %v, %v", a, x[:n], mem, limit, y, got, want, to)
		}
		if got := Synthesis10(&a, x[:n], x[:n], &mem, int32(limit)); got != to || [40]int16(append(x[:to:to], want[to:]...)) != want {
			t.Fatal("in place it gives something else")
		}
	}
	if stopped < 100 || whole < 100 {
		t.Errorf("of 3000 %d reach the limit, %d do not", stopped, whole)
	}
}
