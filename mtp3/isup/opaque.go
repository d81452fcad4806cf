package isup

// Parameters whose contents other recommendations define, kept as octets.
type (
	// AccessTransport are information elements of Q.931 that pass between the users (Q.763 section 3.3).
	AccessTransport []byte
	// UserToUserInformation is the user-user information element of Q.931 from its protocol
	// discriminator on (Q.763 section 3.61).
	UserToUserInformation []byte
	// UserTeleservice is the high layer compatibility of Q.931 (Q.763 section 3.59).
	UserTeleservice []byte
)

func opaque(v *[]byte, b []byte) error {
	if len(b) == 0 {
		return ErrLength
	}
	*v = b
	return nil
}

func appendOpaque(b, v []byte) ([]byte, error) {
	if len(v) == 0 {
		return b, ErrLength
	}
	return append(b, v...), nil
}

// Code is PAccessTransport.
func (AccessTransport) Code() ParameterCode { return PAccessTransport }

// AppendBinary appends the value.
func (a AccessTransport) AppendBinary(b []byte) ([]byte, error) { return appendOpaque(b, a) }

// UnmarshalBinary takes the value; it aliases b.
func (a *AccessTransport) UnmarshalBinary(b []byte) error { return opaque((*[]byte)(a), b) }

// Code is PUserToUserInformation.
func (UserToUserInformation) Code() ParameterCode { return PUserToUserInformation }

// AppendBinary appends the value.
func (u UserToUserInformation) AppendBinary(b []byte) ([]byte, error) { return appendOpaque(b, u) }

// UnmarshalBinary takes the value; it aliases b.
func (u *UserToUserInformation) UnmarshalBinary(b []byte) error { return opaque((*[]byte)(u), b) }

// Code is PUserTeleservice.
func (UserTeleservice) Code() ParameterCode { return PUserTeleservice }

// AppendBinary appends the value.
func (u UserTeleservice) AppendBinary(b []byte) ([]byte, error) { return appendOpaque(b, u) }

// UnmarshalBinary takes the value; it aliases b.
func (u *UserTeleservice) UnmarshalBinary(b []byte) error { return opaque((*[]byte)(u), b) }

// Capability is the information transfer capability of a bearer (Q.931 section 4.5.5).
type Capability uint8

// The capabilities.
const (
	SpeechCapability  Capability = 0
	UnrestrictedData  Capability = 8
	RestrictedData    Capability = 9
	Audio31Capability Capability = 16
	DataWithTones     Capability = 17
	VideoCapability   Capability = 24
)

// UserServiceInformation is the bearer capability of Q.931 section 4.5.5 that the calling user asked for
// (Q.763 section 3.57).
type UserServiceInformation struct {
	Coding     uint8 // coding standard: 0 ITU-T
	Capability Capability
	Mode       uint8  // transfer mode: 0 circuit, 2 packet
	Rate       uint8  // information transfer rate: 16 is 64 kbit/s
	More       []byte // what follows: rate multiplier, layer 1 protocol (0xa3 is G.711 A-law, 0xa2 u-law), …
}

// Code is PUserServiceInformation.
func (UserServiceInformation) Code() ParameterCode { return PUserServiceInformation }

// AppendBinary appends the value.
func (u UserServiceInformation) AppendBinary(b []byte) ([]byte, error) {
	if u.Coding > 3 || u.Capability > 31 || u.Mode > 3 || u.Rate > 31 {
		return b, ErrValue
	}
	b = append(b, 0x80|u.Coding<<5|byte(u.Capability), 0x80|u.Mode<<5|u.Rate)
	return append(b, u.More...), nil
}

// UnmarshalBinary reads the value. More aliases it.
func (u *UserServiceInformation) UnmarshalBinary(b []byte) error {
	if len(b) < 2 {
		return ErrLength
	}
	*u = UserServiceInformation{Coding: b[0] >> 5 & 3, Capability: Capability(b[0] & 31), Mode: b[1] >> 5 & 3, Rate: b[1] & 31}
	if len(b) > 2 {
		u.More = b[2:]
	}
	return nil
}
