package amr

// ModeControlConfig says which modes an encoder may use and how it may change between them.
type ModeControlConfig struct {
	Codec Codec
	// ModeSet holds the modes of the session: from the answer, either side's.
	ModeSet ModeSet
	// Period and Neighbor are what the peer requires of us: its mode-change-period and
	// mode-change-neighbor. A Period below 2 leaves every frame free.
	Period   int
	Neighbor bool
	// Max is the highest mode that we want to use; if it is not in the set, the next lower one is.
	// If zero, the highest of the set.
	Max FrameType
	// Initial is the mode to begin with, for a path of unknown capacity: good reports of
	// [ModeControl.Loss] lead on to Max. If zero, Max. What is not in the set is replaced as for Max.
	Initial FrameType

	// Down and Up steer [ModeControl.Loss]: a loss above Down lowers the highest mode in use by one
	// step, UpAfter reports below Up raise it again. If zero, 0.05, 0.01 and 3.
	Down, Up float64
	UpAfter  int
}

// ModeControl chooses the mode for each frame that is encoded: the highest that the peer's request,
// the losses and the session allow, with changes only where the peer bears them (RFC 4867 sections
// 4.3.1 and 8.1). It has no clock: [ModeControl.Next] is called once for each frame-block.
type ModeControl struct {
	cfg     ModeControlConfig
	modes   []FrameType // of the set, ascending
	current int         // index into modes
	request int         // the highest mode that the peer wants
	ceiling int         // the highest mode that the losses allow
	phase   int         // frame-blocks since the last change; 0 before the first
	good    int         // reports in a row below Up
}

// NewModeControl returns a ModeControl at its initial mode.
func NewModeControl(cfg ModeControlConfig) *ModeControl {
	if cfg.Down == 0 {
		cfg.Down = 0.05
	}
	if cfg.Up == 0 {
		cfg.Up = 0.01
	}
	if cfg.UpAfter == 0 {
		cfg.UpAfter = 3
	}
	m := &ModeControl{cfg: cfg}
	for ft := range FrameType(cfg.Codec.Modes()) {
		if cfg.ModeSet.Has(ft) && (cfg.Max == 0 || ft <= cfg.Max || len(m.modes) == 0) {
			m.modes = append(m.modes, ft)
		}
	}
	if len(m.modes) == 0 { // a set of modes that the codec does not have
		m.modes = []FrameType{0}
	}
	m.ceiling = len(m.modes) - 1
	m.request = m.ceiling
	if cfg.Initial != 0 {
		m.ceiling = m.below(cfg.Initial)
	}
	m.current = m.ceiling
	return m
}

// below is the index of the highest mode that is not above ft, or of the lowest.
func (m *ModeControl) below(ft FrameType) int {
	i := 0
	for j, mode := range m.modes {
		if mode <= ft {
			i = j
		}
	}
	return i
}

// Request takes the CMR of a received payload. It holds until the next. NoRequest withdraws it; a
// value that is no mode, or none of the session's set, is ignored (section 4.3.1).
func (m *ModeControl) Request(cmr FrameType) {
	switch {
	case cmr == NoRequest:
		m.request = len(m.modes) - 1
	case int(cmr) < m.cfg.Codec.Modes() && m.cfg.ModeSet.Has(cmr):
		m.request = m.below(cmr)
	}
}

// Loss takes the fraction of packets, 0 to 1, that the peer has missed since the last report.
func (m *ModeControl) Loss(fraction float64) {
	switch {
	case fraction > m.cfg.Down:
		m.good = 0
		m.ceiling = max(min(m.ceiling, m.current)-1, 0)
	case fraction < m.cfg.Up:
		if m.good++; m.good >= m.cfg.UpAfter {
			m.good = 0
			m.ceiling = min(m.ceiling+1, len(m.modes)-1)
		}
	default:
		m.good = 0
	}
}

// Next returns the mode for the next frame-block.
func (m *ModeControl) Next() FrameType {
	want := min(m.request, m.ceiling)
	switch {
	case want == m.current || m.cfg.Period > 1 && m.phase%m.cfg.Period != 0:
		if m.phase > 0 {
			m.phase++
		}
		return m.modes[m.current]
	case !m.cfg.Neighbor:
		m.current = want
	case want > m.current:
		m.current++
	default:
		m.current--
	}
	m.phase = 1 // changes are a multiple of the period apart, from the first on
	return m.modes[m.current]
}
