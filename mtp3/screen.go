package mtp3

// Screen says which messages may come in over a linkset or from an owner. The zero Screen lets in
// everything. Management between adjacent points (SI 0 to 2 for this node) is not screened.
type Screen struct {
	Rules []Rule // the first that matches decides
	Deny  bool   // what happens if none matches: false lets the message in
}

// Rule is one line of a [Screen]. An empty list matches everything.
type Rule struct {
	OPC, DPC []Destination
	SI       []ServiceIndicator
	Deny     bool
}

// Allows tells whether the screen lets m in.
func (s *Screen) Allows(m *MSU) bool {
	for i := range s.Rules {
		if r := &s.Rules[i]; r.matches(m) {
			return !r.Deny
		}
	}
	return !s.Deny
}

func (r *Rule) matches(m *MSU) bool {
	return anyContains(r.OPC, m.Label.OPC) && anyContains(r.DPC, m.Label.DPC) && anySI(r.SI, m.SI)
}

func anyContains(ds []Destination, pc PointCode) bool {
	for _, d := range ds {
		if d.Contains(pc) {
			return true
		}
	}
	return len(ds) == 0
}

func anySI(all []ServiceIndicator, si ServiceIndicator) bool {
	for _, s := range all {
		if s == si {
			return true
		}
	}
	return len(all) == 0
}
