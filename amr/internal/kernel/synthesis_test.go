package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestSynthesis10(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	overflows := 0
	for range 3000 {
		a := [11]int16{4096}
		left := 32767 - 4096
		for i := 1; i < 11; i++ {
			m := r.IntN(1 + min(left, 1+r.IntN(9000)))
			left -= m
			a[i] = int16(m)
			if r.IntN(2) == 0 {
				a[i] = -a[i]
			}
		}
		limit := 1 << (1 + r.IntN(15))
		var x, y, want [40]int16
		var mem [10]int16
		for i := range x {
			x[i] = int16(r.IntN(2*limit) - limit)
			mem[i%10] = int16(r.IntN(2*limit) - limit)
		}
		n := 1 + r.IntN(40)
		past := mem
		over := false
		for i, v := range x[:n] {
			s := int64(v) << 12
			for k := 1; k <= 10; k++ {
				s -= int64(a[k]) * int64(past[10-k])
			}
			if s >= 1<<27-0x800 || s < -1<<27 {
				over = true
			}
			want[i] = int16(max(min((s+0x800)>>12, 32767), -32768))
			copy(past[:], past[1:])
			past[9] = want[i]
		}
		if over {
			overflows++
		}
		got := Synthesis10(&a, x[:n], y[:], &mem)
		if y != want || got != over {
			t.Fatalf("Synthesis10(%v, %v, %v) = %v, %v, want %v, %v", a, x[:n], mem, y, got, want, over)
		}
		if Synthesis10(&a, x[:n], x[:n], &mem); [40]int16(append(x[:n:n], want[n:]...)) != want {
			t.Fatal("in place it gives something else")
		}
	}
	if overflows < 100 {
		t.Errorf("only %d of 3000 overflow", overflows)
	}
}
