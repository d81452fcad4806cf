package wb

// homingSample is the value of every sample of the encoder homing frame (TS 26.173 section 6).
const homingSample = 8

// isEncoderHoming tells whether pcm is the encoder homing frame.
func isEncoderHoming(pcm *[FrameSamples]int16) bool {
	for _, s := range pcm {
		if s != homingSample {
			return false
		}
	}
	return true
}

// decoderHoming returns the decoder homing frame of mode m in words of 15 bits.
func decoderHoming(m Mode) []int16 {
	switch m {
	case Mode660:
		return dfhM7k[:]
	case Mode885:
		return dfhM9k[:]
	case Mode1265:
		return dfhM12k[:]
	case Mode1425:
		return dfhM14k[:]
	case Mode1585:
		return dfhM16k[:]
	case Mode1825:
		return dfhM18k[:]
	case Mode1985:
		return dfhM20k[:]
	case Mode2305:
		return dfhM23k[:]
	case Mode2385:
		return dfhM24k[:]
	}
	return nil
}

// isDecoderHoming tells whether bits are the decoder homing frame of mode m, compared up to the end of the first
// subframe if first is set. The high-band gains of mode 23.85 don't count, and that mode is always compared whole.
func isDecoderHoming(bits *codecBits, m Mode, first bool) bool {
	words := decoderHoming(m)
	n := m.Bits()
	switch {
	case m == Mode2385:
		n -= 4 // the last high-band gain
	case first:
		n = int(prmnofsf[m])
	}
	for i := 0; i < n; i += 15 {
		var got int16
		for j := i; j < i+15; j++ {
			got <<= 1
			if j < n {
				got |= int16(bits[j])
			}
		}
		mask := int16(0x7fff)
		if rest := n - i; rest < 15 {
			mask = mask >> uint(15-rest) << uint(15-rest)
		}
		word := i / 15
		if m == Mode2385 {
			switch word { // without the high-band gains
			case 10:
				mask = 0x61ff
			case 17:
				mask = 0xe0ff & 0x7fff
			case 24:
				mask = 0x7f0f
			}
		}
		if (got^words[word])&mask != 0 {
			return false
		}
	}
	return true
}
