package aka

import "math/bits"

// keccakF is the permutation Keccak-f[1600] of FIPS 202 section 3.4 over 25 lanes; lane x,y is a[x+5y].
func keccakF(a *[25]uint64) {
	for _, rc := range keccakRC {
		// theta
		var c [5]uint64
		for x := range c {
			c[x] = a[x] ^ a[x+5] ^ a[x+10] ^ a[x+15] ^ a[x+20]
		}
		for x := range c {
			d := c[(x+4)%5] ^ bits.RotateLeft64(c[(x+1)%5], 1)
			for y := 0; y < 25; y += 5 {
				a[x+y] ^= d
			}
		}
		// rho and pi
		var b [25]uint64
		for x := range 5 {
			for y := range 5 {
				b[y+5*((2*x+3*y)%5)] = bits.RotateLeft64(a[x+5*y], keccakRho[x+5*y])
			}
		}
		// chi
		for y := 0; y < 25; y += 5 {
			for x := range 5 {
				a[x+y] = b[x+y] ^ ^b[(x+1)%5+y]&b[(x+2)%5+y]
			}
		}
		// iota
		a[0] ^= rc
	}
}

// keccakRho are the offsets of step rho modulo 64, and keccakRC the constants of step iota. Both
// follow from their definitions in FIPS 202 sections 3.2.2 and 3.2.5.
var keccakRho, keccakRC = keccakConstants()

func keccakConstants() (rho [25]int, rc [24]uint64) {
	x, y := 1, 0
	for t := range 24 {
		rho[x+5*y] = (t + 1) * (t + 2) / 2 % 64
		x, y = y, (2*x+3*y)%5
	}
	lfsr := uint8(1) // x^8 + x^6 + x^5 + x^4 + 1
	for round := range rc {
		for j := range 7 {
			if lfsr&1 != 0 {
				rc[round] |= 1 << (1<<j - 1)
			}
			carry := lfsr >> 7
			lfsr <<= 1
			if carry != 0 {
				lfsr ^= 0x71
			}
		}
	}
	return rho, rc
}
