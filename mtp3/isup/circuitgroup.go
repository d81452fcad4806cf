package isup

// Supervision is the circuit group supervision message type: why circuits are blocked (Q.763 section 3.13).
type Supervision uint8

// The reasons. Circuits are blocked for maintenance as soon as they are idle; because of a hardware
// failure at once (Q.764 section 2.8.2).
const (
	MaintenanceOriented Supervision = 0
	HardwareFailure     Supervision = 1
)

var supervisionNames = [...]string{"maintenance", "hardware failure"}

// String is the reason in words.
func (s Supervision) String() string { return name(supervisionNames[:], s, "Supervision") }

// Code is PSupervisionType.
func (Supervision) Code() ParameterCode { return PSupervisionType }

// AppendBinary appends the value.
func (s Supervision) AppendBinary(b []byte) ([]byte, error) {
	if s > 3 {
		return b, ErrValue
	}
	return append(b, byte(s)), nil
}

// UnmarshalBinary reads the value.
func (s *Supervision) UnmarshalBinary(b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	*s = Supervision(b[0] & 3)
	return nil
}

// RangeAndStatus says which circuits a message is about, from its own on, and a bit for each (Q.763
// section 3.43). In GRS and CQM there are no bits.
type RangeAndStatus struct {
	Range  uint8  // how many circuits follow that of the message: 1 to 255, of GRS, GRA, CQM and CQR at most 31
	Status []byte // a bit per circuit, the message's own the lowest of the first octet; see Set and At
}

// NewRange is a range of n circuits (2 to 256), with room for a bit each.
func NewRange(n int) RangeAndStatus {
	return RangeAndStatus{Range: uint8(n - 1), Status: make([]byte, (n+7)/8)}
}

// Circuits is how many circuits there are.
func (r RangeAndStatus) Circuits() int { return int(r.Range) + 1 }

// Set sets the bit of the i-th circuit.
func (r RangeAndStatus) Set(i int) { r.Status[i/8] |= 1 << (i & 7) }

// At is the bit of the i-th circuit; false where there are no bits.
func (r RangeAndStatus) At(i int) bool {
	return i/8 < len(r.Status) && r.Status[i/8]&(1<<(i&7)) != 0
}

// Code is PRangeAndStatus.
func (RangeAndStatus) Code() ParameterCode { return PRangeAndStatus }

// AppendBinary appends the value.
func (r RangeAndStatus) AppendBinary(b []byte) ([]byte, error) {
	if len(r.Status) != 0 && len(r.Status) != (r.Circuits()+7)/8 {
		return b, ErrLength
	}
	return append(append(b, r.Range), r.Status...), nil
}

// UnmarshalBinary reads the value. Status aliases it.
func (r *RangeAndStatus) UnmarshalBinary(b []byte) error {
	*r = RangeAndStatus{}
	if len(b) < 1 {
		return ErrLength
	}
	r.Range = b[0]
	if len(b) == 1 {
		return nil
	}
	if len(b) != 1+(r.Circuits()+7)/8 {
		return ErrLength
	}
	r.Status = b[1:]
	return nil
}

// CallProcessing is what a circuit does, in a CircuitState.
type CallProcessing uint8

// The states.
const (
	Transient    CallProcessing = 0 // changing, or not equipped
	IncomingBusy CallProcessing = 1
	OutgoingBusy CallProcessing = 2
	Idle         CallProcessing = 3
)

// State is an octet of a CircuitState (Q.763 section 3.14).
type State uint8

// States that are no combination of others.
const (
	TransientState  State = 0
	UnequippedState State = 3
)

// NewState puts the state of a circuit together.
func NewState(p CallProcessing, localMaintenance, remoteMaintenance, localHardware, remoteHardware bool) State {
	return State(bit(localMaintenance, 1) | bit(remoteMaintenance, 2) | byte(p)<<2 | bit(localHardware, 0x10) | bit(remoteHardware, 0x20))
}

// Processing is what the circuit does.
func (s State) Processing() CallProcessing { return CallProcessing(s >> 2 & 3) }

// Blocked tells who has blocked the circuit, and why. It means nothing while Processing is Transient.
func (s State) Blocked() (localMaintenance, remoteMaintenance, localHardware, remoteHardware bool) {
	return s&1 != 0, s&2 != 0, s&0x10 != 0, s&0x20 != 0
}

// CircuitState is the circuit state indicator of a CQR: an octet per circuit.
type CircuitState []State

// Code is PCircuitState.
func (CircuitState) Code() ParameterCode { return PCircuitState }

// AppendBinary appends the value.
func (c CircuitState) AppendBinary(b []byte) ([]byte, error) {
	if len(c) == 0 || len(c) > 32 {
		return b, ErrLength
	}
	for _, s := range c {
		b = append(b, byte(s))
	}
	return b, nil
}

// UnmarshalBinary reads the value.
func (c *CircuitState) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || len(b) > 32 {
		return ErrLength
	}
	*c = (*c)[:0]
	for _, o := range b {
		*c = append(*c, State(o))
	}
	return nil
}
