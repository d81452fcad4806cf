package wb

// Mode is a speech coding mode, 0 (6.60 kbit/s) to 8 (23.85 kbit/s), as in TS 26.201 table 1a.
type Mode int8

// The modes, named by their bit rates in kbit/s.
const (
	Mode660 Mode = iota
	Mode885
	Mode1265
	Mode1425
	Mode1585
	Mode1825
	Mode1985
	Mode2305
	Mode2385

	// ModeSID stands for a silence descriptor inside the codec; it is no coding mode for [Encoder.Encode].
	ModeSID

	// ModeUnknown, given to [Decoder.Decode] with a frame that doesn't tell its mode, keeps the mode of the last frame.
	ModeUnknown Mode = -1
)

// FrameSamples is the number of samples in a frame of 20 ms at 16 kHz.
const FrameSamples = 320

// MaxBytes is the number of octets that the speech bits of the longest frame need.
const MaxBytes = 60

// SIDBits is the number of comfort noise bits; SIDBytes the octets of a frame with the type and mode bits behind them.
const (
	SIDBits  = 35
	SIDBytes = 5
)

// Bits returns the number of speech bits in a frame of mode m, 0 if m is no mode.
func (m Mode) Bits() int {
	if m < Mode660 || m > ModeSID {
		return 0
	}
	return int(nbOfBits[m])
}

// Bytes returns the number of octets that hold the speech bits of mode m, the last one padded by zeros.
func (m Mode) Bytes() int { return (m.Bits() + 7) / 8 }

// Lengths of the signals and filters (TS 26.190 section 5).
const (
	frameLen   = 256 // samples in a frame at 12.8 kHz
	subLen     = 64  // samples in a subframe at 12.8 kHz
	subLen16k  = 80  // samples in a subframe at 16 kHz
	order      = 16  // LP order
	order16k   = 20  // LP order of the high band of mode 6.60
	pitMin     = 34
	pitFr2     = 128 // lag from where the resolution is 1/2
	pitFr1Long = 160 // lag from where it is 1 in an index of 9 bits
	pitFr1     = 92  // lag from where it is 1 in an index of 8 bits
	pitMax     = 231
	interpLen  = 16 + 1
	excHist    = pitMax + interpLen // past excitation that the adaptive codebook reaches

	preemphFac = 22282 // Q15 0.68
	pitSharp   = 27853 // Q15 0.85
	maxQ       = 8     // largest scaling of the excitation
)
