package nb

const lookAhead = 40 // samples of LP analysis beyond the frame that is coded, 5 ms

// An Encoder encodes one stream. Call Reset before the first frame.
type Encoder struct {
	dtx bool
	vad int // option 1 or 2

	highPass highPass
	levinson levinson
	lsf      lsfEncoder
	openLoop openLoop
	guard    resonanceGuard
	gain     gainEncoder
	vad1     vad1
	vad2     vad2
	noise    noiseEncoder
	sid      sidScheduler
	search   codeSearch // room for the search of codewords, without memory
	a, aq    [4]lpc     // filters of this frame, here because what refers to search is taken to be lasting

	speech [2 * FrameLen]int16 // input; the new frame at the end
	wsp    [pitMax + FrameLen]int16
	exc    [excHist + FrameLen]int16

	memSyn, memW, memW0, memErr vec10 // of the synthesis, weighting and error filters
	lspOld, lspOldQ             vec10
	lastLag                     int16
	sharp                       int16 // pitch sharpening, Q14
}

// Reset makes the encoder as new (the home state). vad is the option of voice activity detection that DTX uses, 1 or 2.
func (e *Encoder) Reset(dtx bool, vad int) {
	*e = Encoder{dtx: dtx, vad: vad}
	e.levinson.reset()
	e.resetLSP()
	e.openLoop.reset()
	e.gain.reset()
	e.vad1.reset()
	e.noise.reset()
	e.sid.reset()
}

func (e *Encoder) resetLSP() {
	e.lspOld, e.lspOldQ = lspInitData, lspInitData
	e.lsf = lsfEncoder{}
}

// Encode codes 160 samples, of which 13 bits count, and packs the frame into out: Bytes of the mode for TxSpeech, those of
// MRDTX for TxSIDFirst and TxSIDUpdate, none for TxNoData. What is coded lags 40 samples behind the input.
func (e *Encoder) Encode(pcm *[FrameLen]int16, mode Mode, out *[MaxBytes]byte) TxType {
	home := isHomingInput(pcm)
	var prm [maxParams]int16
	noise := e.encodeFrame(pcm, mode, &prm)
	tx := e.sid.schedule(noise)

	switch tx {
	case TxSpeech:
		pack(mode, &prm, out)
	case TxSIDFirst, TxSIDUpdate:
		packSID(&prm, tx == TxSIDUpdate, mode, out)
	}
	if home {
		e.Reset(e.dtx, e.vad)
	}
	return tx
}

// encodeFrame makes the parameters of a frame, and tells whether they are those of comfort noise.
func (e *Encoder) encodeFrame(pcm *[FrameLen]int16, mode Mode, prm *[maxParams]int16) (noise bool) {
	const newAt = FrameLen
	copy(e.speech[:newAt], e.speech[FrameLen:])
	input := (*[FrameLen]int16)(e.speech[newAt:])
	for i, v := range pcm {
		input[i] = v &^ 7
	}
	e.highPass.run80(input)

	compute := false
	if e.dtx {
		var voice bool
		if e.vad == 2 {
			voice = e.vad2.decide(input[:80])
			voice = e.vad2.decide(input[80:]) || voice
			e.vad2.startPitch()
		} else {
			voice = e.vad1.decide(e.speech[newAt-lookAhead:])
		}
		noise, compute = e.noise.silent(voice)
	}

	e.a, e.aq = [4]lpc{}, [4]lpc{}
	a, aq := &e.a, &e.aq
	p := prm[:0]
	lsp, p := e.analyse(mode, noise, a, aq, p)
	e.noise.observe(&lsp, input[:])
	resonant := false
	if noise {
		n := e.noise.encode(compute, &e.lsf, &e.gain.pred)
		copy(prm[:], n[:])
		e.silence(&lsp)
	} else {
		resonant = e.guard.resonant(&e.lspOld)
	}

	speech := e.speech[newAt-lookAhead-order:] // with the history of the filters in front
	openLag := e.searchOpenLoop(mode, a, speech)
	if e.dtx {
		if e.vad == 2 {
			e.vad2.decidePeriodic(mode)
		} else {
			e.vad1.detectPitch(openLag)
		}
	}
	if !noise {
		f := frameCoder{e: e, mode: mode, openLag: openLag, resonant: resonant, a: a, aq: aq, speech: speech}
		f.run(p)
		copy(e.exc[:excHist], e.exc[FrameLen:])
	}
	copy(e.wsp[:pitMax], e.wsp[FrameLen:])
	return noise
}

// silence resets what speech after a pause does not need.
func (e *Encoder) silence(lsp *vec10) {
	clear(e.exc[:excHist])
	e.memW0, e.memErr = vec10{}, vec10{}
	e.resetLSP()
	e.lspOld, e.lspOldQ = *lsp, *lsp
	e.lastLag = 0
	e.sharp = 0
}

// analyse makes the filters of the subframes, a unquantised and aq quantised, and appends the LSF indices to p, but in
// noise. It returns the LSPs of the last subframe.
func (e *Encoder) analyse(mode Mode, noise bool, a, aq *[4]lpc, p []int16) (lsp vec10, rest []int16) {
	var r autocorr
	if mode == MR122 {
		window := (*[windowLen]int16)(e.speech[40:])
		r.analyse(window, &window160x80)
		e.levinson.solve(&r, &a[1])
		r.analyse(window, &window232x8)
		e.levinson.solve(&r, &a[3])
		mid := lpcToLSP(&a[1], &e.lspOld)
		lsp = lpcToLSP(&a[3], &mid)
		interpolateLPC2Open(&e.lspOld, &mid, &lsp, a)
		if !noise {
			p = p[:5]
			midQ, lspQ := e.lsf.split5(&mid, &lsp, p)
			interpolateLPC2(&e.lspOldQ, &midQ, &lspQ, aq)
			e.lspOldQ = lspQ
		}
	} else {
		r.analyse((*[windowLen]int16)(e.speech[80:]), &window200x40)
		e.levinson.solve(&r, &a[3])
		lsp = lpcToLSP(&a[3], &e.lspOld)
		interpolateLPCOpen(&e.lspOld, &lsp, a)
		if !noise {
			p = p[:3]
			lspQ := e.lsf.split3(mode, &lsp, p)
			interpolateLPC(&e.lspOldQ, &lspQ, aq)
			e.lspOldQ = lspQ
		}
	}
	e.lspOld = lsp
	return lsp, p
}

// searchOpenLoop weights the speech and finds the lag of each half frame.
func (e *Encoder) searchOpenLoop(mode Mode, a *[4]lpc, speech []int16) (lag [2]int16) {
	gamma := &gamma1
	if mode >= MR102 {
		gamma = &gamma1x12k2
	}
	for half := range 2 {
		for sub := 2 * half; sub < 2*half+2; sub++ {
			var ap1, ap2 lpc
			weightLPC(&a[sub], gamma, &ap1)
			weightLPC(&a[sub], &gamma2, &ap2)
			at := sub * subLen
			out := e.wsp[pitMax+at : pitMax+at+subLen]
			residual(&ap1, speech[at:at+order+subLen], out)
			synthesis(&ap2, out, out, &e.memW)
			copy(e.memW[:], out[subLen-order:])
		}
		if mode <= MR515 {
			continue
		}
		wsp := e.wsp[half*FrameLen/2:]
		switch mode {
		case MR102:
			lag[half] = e.openLoop.searchWeighted(e, wsp[:pitMax+FrameLen/2], half)
		case MR122:
			lag[half] = e.openLoop.search(e, mode, wsp[:pitMax+FrameLen/2], FrameLen/2, pitMinMR122, half == 1)
		default:
			lag[half] = e.openLoop.search(e, mode, wsp[:pitMax+FrameLen/2], FrameLen/2, pitMin, half == 1)
		}
	}
	if mode <= MR515 {
		lag[0] = e.openLoop.search(e, mode, e.wsp[:], FrameLen, pitMin, true)
		lag[1] = lag[0]
	}
	if mode != MR102 {
		e.openLoop.voiced = [2]bool{}
	}
	return lag
}
