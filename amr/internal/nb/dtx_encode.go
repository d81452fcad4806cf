package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// A noiseEncoder decides between speech and comfort noise and makes the comfort noise parameters (TS 26.092, TS 26.093).
type noiseEncoder struct {
	lsps     [dtxHistLen]vec10
	energies [dtxHistLen]int16 // log2 of the frame energy, Q10, halved
	at       int
	prm      [5]int16 // of the last SID frame computed
	hangover int16
	elapsed  int16 // frames since the last SID frame was computed
}

func (n *noiseEncoder) reset() {
	*n = noiseEncoder{hangover: dtxHangover, elapsed: MaxInt16}
	for i := range n.lsps {
		n.lsps[i] = lspInitData
	}
}

// silent tells, after the decision of the VAD, whether a frame is comfort noise, and if so whether new parameters are due:
// the first frames after speech are coded as speech, unless noise parameters were computed a short while ago.
func (n *noiseEncoder) silent(voice bool) (noise, compute bool) {
	n.elapsed = Add(n.elapsed, 1)
	switch {
	case voice:
		n.hangover = dtxHangover
	case n.hangover == 0:
		n.elapsed = 0
		return true, true
	default:
		n.hangover--
		return Add(n.elapsed, n.hangover) < dtxElapsed, false
	}
	return false, false
}

// observe takes the LSPs and the energy of a frame into the history.
func (n *noiseEncoder) observe(lsp *vec10, speech []int16) {
	n.at = (n.at + 1) % dtxHistLen
	n.lsps[n.at] = *lsp
	e, m := log2(energy(speech))
	n.energies[n.at] = Sub(Add(Shl(e, 10), m>>5), 8521) >> 1
}

// encode returns the parameters of a SID frame, from the means over the history if compute or there are none yet. The gain
// predictor is set to the level of the noise.
func (n *noiseEncoder) encode(compute bool, q *lsfEncoder, g *gainPredictor) [5]int16 {
	if !compute && n.prm[4] != 0 {
		return n.prm
	}
	logEn := int16(0)
	var sum [order]int32
	for i := range dtxHistLen {
		logEn = Add(logEn, n.energies[i]>>2)
		for k, v := range n.lsps[i] {
			sum[k] += int32(v)
		}
	}
	var lsp vec10
	for k, s := range sum {
		lsp[k] = int16(s >> 3)
	}
	index := min(max(Add(Add(logEn>>1, 2560), 128)>>8, 0), 63)

	e := max(min(Sub(Sub(index<<8, 2560), 9000), 0), -14436)
	e122 := Mult(5443, e)
	g.past = [4]int16{e, e, e, e}
	g.pastMR122 = [4]int16{e122, e122, e122, e122}

	lsf := lspToLSF(&lsp)
	reorder(&lsf)
	lsp = lsfToLSP(&lsf)
	q.split3SID(&lsp, n.prm[:4])
	n.prm[4] = index
	return n.prm
}

// A sidScheduler decides which frames of a pause are sent: SID_FIRST at once, SID_UPDATE three frames later, then every
// eighth (TS 26.093 section 5.1).
type sidScheduler struct {
	next int // frames to the next SID_UPDATE
	last TxType
}

func (s *sidScheduler) reset() { *s = sidScheduler{next: 3, last: TxSpeech} }

func (s *sidScheduler) schedule(noise bool) TxType {
	switch {
	case !noise:
		s.next = 8
		s.last = TxSpeech
	case s.last == TxSpeech:
		s.next = 3
		s.last = TxSIDFirst
	default:
		s.next--
		s.last = TxNoData
		if s.next == 0 {
			s.next = 8
			s.last = TxSIDUpdate
		}
	}
	return s.last
}
