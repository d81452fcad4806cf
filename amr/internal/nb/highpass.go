package nb

// A highPass is a filter of second order with a double zero at 0 Hz: the memories are the last two inputs and half of the last
// two outputs in double precision, the newest first.
type highPass struct {
	x0, x1 int16
	y0, y1 int32
}

// run80 is the high-pass at 80 Hz of the encoder's input, which also halves it (TS 26.090 section 5.1). In the standard's 32 bits
// nothing saturates but its last shift, by 3: the magnitudes of all that it sums up stay below 1.26e9.
func (f *highPass) run80(signal *[FrameLen]int16) { f.run(signal, &preB, &preA, 3) }

// run60 is the high-pass at 60 Hz of the decoder's output, which also doubles it (TS 26.090 section 6.2.2). In the standard's 32 bits
// the first three terms stay below 2.05e9, the next is up to 1.01e9 and the last up to 0.51e9. So where a sum saturates, it is
// beyond 2^31 - 1.52e9 > 2^29 to the end, as the exact one is, and saturates again in the last shift, by 2.
func (f *highPass) run60(signal *[FrameLen]int16) { f.run(signal, &postB, &postA, 2) }

// run adds half of the products up exactly. As an output is (s << shift+1) and saturated, half of it is s << shift. The
// products of one in double precision, hi*2^16 + lo*2, are (hi*2^15 + lo) * a >> 15, as hi*2^15*a is a multiple of 2^15.
func (f *highPass) run(signal *[FrameLen]int16, b, a *[3]int16, shift uint) {
	b0, a1, a2 := int64(b[0]), int64(a[1]), int64(a[2]) // b[1] is -2*b[0], b[2] is b[0]
	x0, x1, y0, y1 := int64(f.x0), int64(f.x1), int64(f.y0), int64(f.y1)
	const limit = 1 << 30
	for i, v := range signal {
		x := int64(v)
		s := (x-2*x0+x1)*b0 + y1*a2>>15 + y0*a1>>15
		x0, x1 = x, x0
		y0, y1 = s<<shift, y0
		if uint64(y0+limit) >= 2*limit {
			y0 = y0>>63 ^ (limit - 1)
		}
		o := (s + 0x800) >> 12
		if o != int64(int16(o)) {
			o = o>>63 ^ 0x7fff
		}
		signal[i] = int16(o)
	}
	f.x0, f.x1, f.y0, f.y1 = int16(x0), int16(x1), int32(y0), int32(y1)
}
