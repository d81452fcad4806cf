package kernel

// A GainTable holds pairs of gains, which are not negative: pitch gains, and factors of the code gain. There is a multiple of 8 of
// them.
type GainTable struct{ pitch, factor []uint32 } // words with zeros above

// NewGainTable returns the pairs at the offset of each entry of a table, whose length is a multiple of 8.
func NewGainTable(table [][4]int16, offset int) (t GainTable) {
	for _, q := range table {
		t.pitch = append(t.pitch, uint32(uint16(q[offset])))
		t.factor = append(t.factor, uint32(uint16(q[offset+1])))
	}
	return t
}

// AddErrors adds to each element of d the error of a pair of gains: c[0]*p*p + c[1]*p + c[2]*g*g + c[3]*g + c[4]*g*p, where p is the
// pitch gain and g the factor times code, all Q15. Products of gains are rounded down to 16 bits, then those with halves of the
// coefficients, which are doubled at the end.
//
// The caller knows that the sum of the magnitudes of the terms and of what d has is below 2^31. So no sum leaves 32 bits, in
// whatever order.
func (t *GainTable) AddErrors(d []int32, c *[5]int32, code int16) {
	d = d[:len(t.pitch)]
	if haveSubframe && haveSIMD && len(d) > 0 && len(d)&7 == 0 {
		addErrorsSIMD(&d[0], c, &t.pitch[0], &t.factor[:len(d)][0], len(d), int64(code))
		return
	}
	for i, p := range t.pitch {
		p, g := int64(p), int64(t.factor[i])*int64(code)>>15
		s := int64(c[0]>>1) * (p * p >> 15) >> 15
		s += int64(c[1]>>1) * p >> 15
		s += int64(c[2]>>1) * (g * g >> 15) >> 15
		s += int64(c[3]>>1) * g >> 15
		s += int64(c[4]>>1) * (g * p >> 15) >> 15
		d[i] += int32(s) << 1
	}
}

// Above sets those elements of d to m whose pitch gain is above limit.
func (t *GainTable) Above(d []int32, limit int16, m int32) {
	for i, p := range t.pitch {
		if int32(p) > int32(limit) {
			d[i] = m
		}
	}
}
