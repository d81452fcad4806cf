package nb

// Mode is the speech codec mode of a frame, ordered by bit rate (TS 26.071 table 1).
type Mode uint8

// The modes. MRDTX stands for the comfort noise parameters of a SID frame.
const (
	MR475 Mode = iota
	MR515
	MR59
	MR67
	MR74
	MR795
	MR102
	MR122
	MRDTX
)

// RxType tells the decoder what the receiver knows of a frame (TS 26.093 section 5).
type RxType uint8

const (
	SpeechGood     RxType = iota // speech without detected error
	SpeechDegraded               // speech, probably with errors in the less important bits
	Onset                        // the start of speech was announced, no usable data
	SpeechBad                    // speech with errors: parameters are substituted
	SIDFirst                     // the end of speech; comfort noise from the decoder's own history
	SIDUpdate                    // comfort noise parameters
	SIDBad                       // a SID frame with errors
	NoData                       // nothing was received
)

// TxType is what the encoder made of a frame (TS 26.093 section 5).
type TxType uint8

const (
	TxSpeech    TxType = iota // a speech frame
	TxSIDFirst                // the first frame of a pause
	TxSIDUpdate               // comfort noise parameters
	TxNoData                  // nothing to send
)

// Sizes of TS 26.090 section 4, in samples at 8 kHz.
const (
	FrameLen = 160 // 20 ms
	subLen   = 40  // one of four subframes
	order    = 10  // of the linear prediction
	np1      = order + 1

	pitMin      = 20  // shortest pitch lag, but
	pitMinMR122 = 18  // in 12.2 kbit/s
	pitMax      = 143 // longest pitch lag
	interpol    = 11  // reach of the pitch interpolation filter beyond a lag

	lsfGap      = 205   // least distance of two LSFs, 50 Hz in Q15 of 8 kHz (TS 26.090 section 5.2.5)
	predFac5    = 21299 // Q15 0.65, MA prediction of the LSF in 12.2 kbit/s
	sharpMax    = 13017 // Q14 0.794556, bound of the pitch sharpening
	maxParams   = 57    // parameters of a frame in 12.2 kbit/s
	maxBits     = 244   // bits of a frame in 12.2 kbit/s
	MaxBytes    = 31    // bytes of a packed frame in 12.2 kbit/s
	dtxHistLen  = 8     // frames that comfort noise is averaged over
	dtxHangover = 7     // frames of speech coding after the last active one (TS 26.093 section 5.1)
	dtxElapsed  = 30    // frames since a SID update that make a new hangover worthwhile
)

// A lowRate mode belongs to the group whose concealment takes care of background noise.
func (m Mode) lowRate() bool { return m <= MR59 }

// lpc is a prediction filter A(z) in Q12, with a[0] = 1.
type lpc = [np1]int16

// vec10 is a vector of LSPs (Q15 cosines), LSFs (Q15 of the sampling rate) or their residuals.
type vec10 = [order]int16
