package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// dtxEncoder decides which frames are sent and computes comfort noise parameters (TS 26.192 section 5, TS 26.193).
type dtxEncoder struct {
	isfHist   [dtxHist][order]int16
	logEnHist [dtxHist]int16
	ptr       int16
	seed      int16
	hangover  int16
	elapsed   int16
	dist      [28]int32 // between all pairs of the history
	sumDist   [dtxHist]int32
}

func (d *dtxEncoder) reset() {
	*d = dtxEncoder{seed: seedInit, hangover: dtxHangover, elapsed: op.MaxInt16}
	for i := range d.isfHist {
		d.isfHist[i] = isfInit
	}
}

// noise tells whether a frame is to be sent as comfort noise.
func (d *dtxEncoder) noise(vad bool) bool {
	d.elapsed = op.Add(d.elapsed, 1)
	if vad {
		d.hangover = dtxHangover
		return false
	}
	if d.hangover == 0 {
		d.elapsed = 0
		return true
	}
	d.hangover--
	return op.Add(d.elapsed, d.hangover) < dtxElapsed
}

// note takes a frame's frequencies and excitation into the history.
func (d *dtxEncoder) note(isf *[order]int16, exc []int16, mode Mode) {
	d.ptr = (d.ptr + 1) % dtxHist
	d.isfHist[d.ptr] = *isf
	d.logEnHist[d.ptr] = op.Sub(logEnergy(exc), 1024+enAdjust[mode])
}

// encode writes the parameters of a silence descriptor, sets isf to its frequencies and exc to its noise.
func (d *dtxEncoder) encode(isf *[order]int16, exc *[frameLen]int16, w *bitWriter) {
	var logEn int16
	for _, e := range d.logEnHist {
		logEn = op.Add(logEn, e)
	}
	d.average(isf)
	logEn = op.Mult(op.Add(logEn>>2, 512), 21504)
	level := min(max(logEn>>6, 0), 63)

	idx := quantSID(isf)
	for i, n := range [5]int{6, 6, 6, 5, 5} {
		w.write(idx[i], n)
	}
	w.write(level, 6)
	w.write(d.dither(), 1)

	logEn = op.Mult(level<<9, 12483)
	comfortNoise(exc, &d.seed, logEn>>10+15, logEn&0x3ff<<5)
}

// average sets isf to the mean of the history, where up to two outliers are replaced by the median frame.
func (d *dtxEncoder) average(isf *[order]int16) {
	out1, out2, median := d.outliers()
	var sum [order]int32
	for i := range d.isfHist {
		from := i
		if i == out1 || i == out2 {
			from = median
		}
		for j, v := range d.isfHist[from] {
			sum[j] += int32(v)
		}
	}
	for j, s := range sum {
		isf[j] = int16(s >> 3)
	}
}

// outliers returns the frames of the history with the largest distances to the others, -1 if they aren't far, and the
// one with the smallest. The history gained one frame since the last call.
func (d *dtxEncoder) outliers() (out1, out2, median int) {
	// Frame i ago: its distances to older ones lie in order in dist. Drop the oldest and age the rest.
	j, step := -1, dtxHist-1
	for i := 0; i < dtxHist-1; i++ {
		j += step
		d.sumDist[i] = op.LSub(d.sumDist[i], d.dist[j])
		step--
	}
	copy(d.sumDist[1:], d.sumDist[:dtxHist-1])
	d.sumDist[0] = 0
	step = 0
	for i := 27; i >= 12; i -= step {
		step++
		for k := step; k > 0; k-- {
			d.dist[i-k+1] = d.dist[i-k-step]
		}
	}
	ptr := int(d.ptr)
	now := &d.isfHist[ptr]
	for i := 1; i < dtxHist; i++ {
		old := &d.isfHist[(ptr-i+dtxHist)%dtxHist]
		var s int32
		for k, v := range now {
			t := op.Sub(v, old[k])
			s = op.LMac(s, t, t)
		}
		d.dist[i-1] = s
		d.sumDist[0] = op.LAdd(d.sumDist[0], s)
		d.sumDist[i] = op.LAdd(d.sumDist[i], s)
	}

	largest, least := d.sumDist[0], d.sumDist[0]
	for i, s := range d.sumDist {
		if s > largest {
			out1, largest = i, s
		}
		if s < least {
			median, least = i, s
		}
	}
	second := int32(-op.MaxInt32)
	out2 = -1
	for i, s := range d.sumDist {
		if s > second && i != out1 {
			out2, second = i, s
		}
	}
	frame := func(i int) int {
		if i = ptr - i; i < 0 {
			i += dtxHist
		}
		return i
	}
	out1, out2, median = frame(out1), frame(out2), frame(median)
	const far = 14564 // Q15 1/2.25
	n := op.NormL(largest)
	least = op.LShl(least, n)
	if op.LMult(op.Round(op.LShl(largest, n)), far) <= least {
		out1 = -1
	}
	if op.LMult(op.Round(op.LShl(second, n)), far) <= least {
		out2 = -1
	}
	return out1, out2, median
}

// dither returns 1 if the noise varies so much that the decoder should dither it.
func (d *dtxEncoder) dither() int16 {
	var diff int32
	for _, s := range d.sumDist {
		diff = op.LAdd(diff, s)
	}
	if diff>>26 > 0 {
		return 1
	}
	var mean, vary int16
	for _, e := range d.logEnHist {
		mean = op.Add(mean, e)
	}
	mean >>= 3
	for _, e := range d.logEnHist {
		vary = op.Add(vary, op.Abs(op.Sub(e, mean)))
	}
	if vary > 180 {
		return 1
	}
	return 0
}
