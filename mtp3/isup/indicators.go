package isup

import "fmt"

func bit(set bool, mask byte) byte {
	if set {
		return mask
	}
	return 0
}

// exact checks the length of a value that Q.763 gives a fixed one.
func exact(b []byte, n int) error {
	if len(b) != n {
		return ErrLength
	}
	return nil
}

// ContinuityCheck says whether the circuit is tested before the call goes on (Q.763 section 3.35 b).
type ContinuityCheck uint8

// The checks.
const (
	CheckNotRequired ContinuityCheck = iota
	CheckRequired                    // on this circuit
	CheckOnPrevious                  // performed on a previous circuit: a COT will follow
)

var checkNames = [...]string{"not required", "required", "performed on a previous circuit"}

// String is the check in words.
func (c ContinuityCheck) String() string { return name(checkNames[:], c, "ContinuityCheck") }

// NatureOfConnection is the nature of connection indicators (Q.763 section 3.35).
type NatureOfConnection struct {
	Satellites uint8 // satellite circuits in the connection: 0, 1 or 2
	Check      ContinuityCheck
	EchoDevice bool // an outgoing half echo control device is included
}

// Code is PNatureOfConnection.
func (NatureOfConnection) Code() ParameterCode { return PNatureOfConnection }

// AppendBinary appends the value.
func (n NatureOfConnection) AppendBinary(b []byte) ([]byte, error) {
	if n.Satellites > 3 || n.Check > 3 {
		return b, ErrValue
	}
	return append(b, n.Satellites|byte(n.Check)<<2|bit(n.EchoDevice, 0x10)), nil
}

// UnmarshalBinary reads the value.
func (n *NatureOfConnection) UnmarshalBinary(b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	*n = NatureOfConnection{Satellites: b[0] & 3, Check: ContinuityCheck(b[0] >> 2 & 3), EchoDevice: b[0]&0x10 != 0}
	return nil
}

// ISUPPreference says whether the call needs the ISDN user part on its whole way (Q.763 section 3.23 g).
type ISUPPreference uint8

// The preferences.
const (
	ISUPPreferred ISUPPreference = iota
	ISUPNotRequired
	ISUPRequired
)

var preferenceNames = [...]string{"preferred all the way", "not required all the way", "required all the way"}

// String is the preference in words.
func (p ISUPPreference) String() string { return name(preferenceNames[:], p, "ISUPPreference") }

// ForwardCallIndicators are the forward call indicators (Q.763 section 3.23).
type ForwardCallIndicators struct {
	International    bool  // to be treated as an international call
	EndToEnd         uint8 // method: 0 none, 1 pass-along, 2 SCCP, 3 both
	Interworking     bool  // encountered: not all Signalling System No. 7
	EndToEndInfo     bool  // end-to-end information available
	ISUPAllTheWay    bool
	Preference       ISUPPreference
	ISDNAccess       bool  // the originating access is ISDN
	SCCPMethod       uint8 // 0 none, 1 connectionless, 2 connection oriented, 3 both
	NumberTranslated bool  // ported number translated (number portability)
	QueryOnRelease   bool  // a QoR routing attempt is in progress
}

// Code is PForwardCallIndicators.
func (ForwardCallIndicators) Code() ParameterCode { return PForwardCallIndicators }

// AppendBinary appends the value.
func (f ForwardCallIndicators) AppendBinary(b []byte) ([]byte, error) {
	if f.EndToEnd > 3 || f.Preference > 3 || f.SCCPMethod > 3 {
		return b, ErrValue
	}
	return append(b,
		bit(f.International, 1)|f.EndToEnd<<1|bit(f.Interworking, 8)|bit(f.EndToEndInfo, 0x10)|bit(f.ISUPAllTheWay, 0x20)|byte(f.Preference)<<6,
		bit(f.ISDNAccess, 1)|f.SCCPMethod<<1|bit(f.NumberTranslated, 0x10)|bit(f.QueryOnRelease, 0x20)), nil
}

// UnmarshalBinary reads the value.
func (f *ForwardCallIndicators) UnmarshalBinary(b []byte) error {
	if err := exact(b, 2); err != nil {
		return err
	}
	*f = ForwardCallIndicators{International: b[0]&1 != 0, EndToEnd: b[0] >> 1 & 3, Interworking: b[0]&8 != 0, EndToEndInfo: b[0]&0x10 != 0,
		ISUPAllTheWay: b[0]&0x20 != 0, Preference: ISUPPreference(b[0] >> 6), ISDNAccess: b[1]&1 != 0, SCCPMethod: b[1] >> 1 & 3,
		NumberTranslated: b[1]&0x10 != 0, QueryOnRelease: b[1]&0x20 != 0}
	return nil
}

// Charge says whether a call is charged (Q.763 section 3.5 a).
type Charge uint8

// The charge indicators.
const (
	NoChargeIndication Charge = iota
	NoCharge
	ChargeIt
)

// CalledStatus is the called party's status (Q.763 section 3.5 b).
type CalledStatus uint8

// The states of the called party.
const (
	NoStatus CalledStatus = iota
	SubscriberFree
	ConnectWhenFree // national use
)

// CalledCategory is the called party's category (Q.763 section 3.5 c).
type CalledCategory uint8

// The categories.
const (
	NoCategory CalledCategory = iota
	OrdinarySubscriber
	CalledPayphone
)

// BackwardCallIndicators are the backward call indicators (Q.763 section 3.5).
type BackwardCallIndicators struct {
	Charge        Charge
	Status        CalledStatus
	Category      CalledCategory
	EndToEnd      uint8 // method: 0 none, 1 pass-along, 2 SCCP, 3 both
	Interworking  bool
	EndToEndInfo  bool
	ISUPAllTheWay bool
	Holding       bool // requested (national use)
	ISDNAccess    bool // the terminating access is ISDN
	EchoDevice    bool // an incoming half echo control device is included
	SCCPMethod    uint8
}

// Code is PBackwardCallIndicators.
func (BackwardCallIndicators) Code() ParameterCode { return PBackwardCallIndicators }

// AppendBinary appends the value.
func (i BackwardCallIndicators) AppendBinary(b []byte) ([]byte, error) {
	if i.Charge > 3 || i.Status > 3 || i.Category > 3 || i.EndToEnd > 3 || i.SCCPMethod > 3 {
		return b, ErrValue
	}
	return append(b,
		byte(i.Charge)|byte(i.Status)<<2|byte(i.Category)<<4|i.EndToEnd<<6,
		bit(i.Interworking, 1)|bit(i.EndToEndInfo, 2)|bit(i.ISUPAllTheWay, 4)|bit(i.Holding, 8)|bit(i.ISDNAccess, 0x10)|bit(i.EchoDevice, 0x20)|i.SCCPMethod<<6), nil
}

// UnmarshalBinary reads the value.
func (i *BackwardCallIndicators) UnmarshalBinary(b []byte) error {
	if err := exact(b, 2); err != nil {
		return err
	}
	*i = BackwardCallIndicators{Charge: Charge(b[0] & 3), Status: CalledStatus(b[0] >> 2 & 3), Category: CalledCategory(b[0] >> 4 & 3), EndToEnd: b[0] >> 6,
		Interworking: b[1]&1 != 0, EndToEndInfo: b[1]&2 != 0, ISUPAllTheWay: b[1]&4 != 0, Holding: b[1]&8 != 0, ISDNAccess: b[1]&0x10 != 0,
		EchoDevice: b[1]&0x20 != 0, SCCPMethod: b[1] >> 6}
	return nil
}

// OptionalForwardIndicators are the optional forward call indicators (Q.763 section 3.38).
type OptionalForwardIndicators struct {
	ClosedUserGroup uint8 // 0 no, 2 outgoing access allowed, 3 not allowed
	Segmentation    bool  // an SGM will follow
	ConnectedLine   bool  // the connected line's identity is requested
}

// Code is POptionalForwardIndicators.
func (OptionalForwardIndicators) Code() ParameterCode { return POptionalForwardIndicators }

// AppendBinary appends the value.
func (o OptionalForwardIndicators) AppendBinary(b []byte) ([]byte, error) {
	if o.ClosedUserGroup > 3 {
		return b, ErrValue
	}
	return append(b, o.ClosedUserGroup|bit(o.Segmentation, 4)|bit(o.ConnectedLine, 0x80)), nil
}

// UnmarshalBinary reads the value.
func (o *OptionalForwardIndicators) UnmarshalBinary(b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	*o = OptionalForwardIndicators{ClosedUserGroup: b[0] & 3, Segmentation: b[0]&4 != 0, ConnectedLine: b[0]&0x80 != 0}
	return nil
}

// OptionalBackwardIndicators are the optional backward call indicators (Q.763 section 3.37).
type OptionalBackwardIndicators struct {
	InBand       bool // in-band information or an appropriate pattern is now available
	Diversion    bool // call diversion may occur
	Segmentation bool // an SGM will follow
	MLPP         bool // the called user takes part in multi-level precedence
}

// Code is POptionalBackwardIndicators.
func (OptionalBackwardIndicators) Code() ParameterCode { return POptionalBackwardIndicators }

// AppendBinary appends the value.
func (o OptionalBackwardIndicators) AppendBinary(b []byte) ([]byte, error) {
	return append(b, bit(o.InBand, 1)|bit(o.Diversion, 2)|bit(o.Segmentation, 4)|bit(o.MLPP, 8)), nil
}

// UnmarshalBinary reads the value.
func (o *OptionalBackwardIndicators) UnmarshalBinary(b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	*o = OptionalBackwardIndicators{b[0]&1 != 0, b[0]&2 != 0, b[0]&4 != 0, b[0]&8 != 0}
	return nil
}

// CallingPartyCategory is the calling party's category (Q.763 section 3.11).
type CallingPartyCategory uint8

// The categories.
const (
	CategoryUnknown    CallingPartyCategory = 0
	OperatorFrench     CallingPartyCategory = 1
	OperatorEnglish    CallingPartyCategory = 2
	OperatorGerman     CallingPartyCategory = 3
	OperatorRussian    CallingPartyCategory = 4
	OperatorSpanish    CallingPartyCategory = 5
	OrdinaryCaller     CallingPartyCategory = 10
	PriorityCaller     CallingPartyCategory = 11
	DataCall           CallingPartyCategory = 12
	TestCall           CallingPartyCategory = 13
	PayphoneCaller     CallingPartyCategory = 15
	maxNamedCategories                      = 16
)

var categoryNames = [maxNamedCategories]string{"unknown", "operator, French", "operator, English", "operator, German", "operator, Russian", "operator, Spanish",
	10: "ordinary subscriber", 11: "subscriber with priority", 12: "data call", 13: "test call", 15: "payphone"}

// String is the category in words.
func (c CallingPartyCategory) String() string {
	return name(categoryNames[:], c, "CallingPartyCategory")
}

// Code is PCallingPartyCategory.
func (CallingPartyCategory) Code() ParameterCode { return PCallingPartyCategory }

// AppendBinary appends the value.
func (c CallingPartyCategory) AppendBinary(b []byte) ([]byte, error) { return append(b, byte(c)), nil }

// UnmarshalBinary reads the value.
func (c *CallingPartyCategory) UnmarshalBinary(b []byte) error { return octet(c, b) }

// octet reads a value of one octet.
func octet[T ~uint8](v *T, b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	*v = T(b[0])
	return nil
}

// TransmissionMedium is the transmission medium requirement (Q.763 section 3.54).
type TransmissionMedium uint8

// The media. From 16 to 42 the value is n x 64 kbit/s, with n = value - 13.
const (
	Speech             TransmissionMedium = 0
	Unrestricted64     TransmissionMedium = 2 // 64 kbit/s unrestricted
	Audio31            TransmissionMedium = 3 // 3.1 kHz audio
	Preferred64        TransmissionMedium = 6
	Unrestricted2x64   TransmissionMedium = 7
	Unrestricted384    TransmissionMedium = 8
	Unrestricted1536   TransmissionMedium = 9
	Unrestricted1920   TransmissionMedium = 10
	firstMultirateCode TransmissionMedium = 16
	lastMultirateCode  TransmissionMedium = 42
)

var mediumNames = [...]string{0: "speech", 2: "64 kbit/s unrestricted", 3: "3.1 kHz audio", 6: "64 kbit/s preferred", 7: "2x64 kbit/s unrestricted",
	8: "384 kbit/s unrestricted", 9: "1536 kbit/s unrestricted", 10: "1920 kbit/s unrestricted"}

// String is the medium in words.
func (m TransmissionMedium) String() string {
	if m >= firstMultirateCode && m <= lastMultirateCode {
		return fmt.Sprintf("%dx64 kbit/s unrestricted", m-13)
	}
	return name(mediumNames[:], m, "TransmissionMedium")
}

// Code is PTransmissionMedium.
func (TransmissionMedium) Code() ParameterCode { return PTransmissionMedium }

// AppendBinary appends the value.
func (m TransmissionMedium) AppendBinary(b []byte) ([]byte, error) { return append(b, byte(m)), nil }

// UnmarshalBinary reads the value.
func (m *TransmissionMedium) UnmarshalBinary(b []byte) error { return octet(m, b) }

// Event is what a CPG tells of (Q.763 section 3.21).
type Event uint8

// The events.
const (
	Alerting          Event = 1
	Progress          Event = 2
	InBandAvailable   Event = 3 // in-band information or an appropriate pattern is now available
	ForwardedBusy     Event = 4
	ForwardedNoReply  Event = 5
	ForwardedUncondit Event = 6
)

var eventNames = [...]string{1: "alerting", 2: "progress", 3: "in-band information", 4: "forwarded on busy", 5: "forwarded on no reply", 6: "forwarded unconditionally"}

// String is the event in words.
func (e Event) String() string { return name(eventNames[:], e, "Event") }

// EventInformation is the event information (Q.763 section 3.21).
type EventInformation struct {
	Event      Event
	Restricted bool // the presentation of the event is
}

// Code is PEventInformation.
func (EventInformation) Code() ParameterCode { return PEventInformation }

// AppendBinary appends the value.
func (e EventInformation) AppendBinary(b []byte) ([]byte, error) {
	if e.Event > 127 {
		return b, ErrValue
	}
	return append(b, byte(e.Event)|bit(e.Restricted, 0x80)), nil
}

// UnmarshalBinary reads the value.
func (e *EventInformation) UnmarshalBinary(b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	*e = EventInformation{Event(b[0] & 0x7f), b[0]&0x80 != 0}
	return nil
}

// ContinuityIndicators is the result in a COT (Q.763 section 3.18).
type ContinuityIndicators struct{ Successful bool }

// Code is PContinuityIndicators.
func (ContinuityIndicators) Code() ParameterCode { return PContinuityIndicators }

// AppendBinary appends the value.
func (c ContinuityIndicators) AppendBinary(b []byte) ([]byte, error) {
	return append(b, bit(c.Successful, 1)), nil
}

// UnmarshalBinary reads the value.
func (c *ContinuityIndicators) UnmarshalBinary(b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	c.Successful = b[0]&1 != 0
	return nil
}

// SuspendResumeIndicators says who suspends or resumes (Q.763 section 3.52).
type SuspendResumeIndicators struct{ Network bool } // otherwise the subscriber

// Code is PSuspendResumeIndicators.
func (SuspendResumeIndicators) Code() ParameterCode { return PSuspendResumeIndicators }

// AppendBinary appends the value.
func (s SuspendResumeIndicators) AppendBinary(b []byte) ([]byte, error) {
	return append(b, bit(s.Network, 1)), nil
}

// UnmarshalBinary reads the value.
func (s *SuspendResumeIndicators) UnmarshalBinary(b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	s.Network = b[0]&1 != 0
	return nil
}

// InformationRequestIndicators is what an INR asks for (Q.763 section 3.29).
type InformationRequestIndicators struct{ CallingNumber, Holding, Category, Charge, MCID bool }

// Code is PInformationRequestIndicators.
func (InformationRequestIndicators) Code() ParameterCode { return PInformationRequestIndicators }

// AppendBinary appends the value.
func (i InformationRequestIndicators) AppendBinary(b []byte) ([]byte, error) {
	return append(b, bit(i.CallingNumber, 1)|bit(i.Holding, 2)|bit(i.Category, 8)|bit(i.Charge, 0x10)|bit(i.MCID, 0x80), 0), nil
}

// UnmarshalBinary reads the value.
func (i *InformationRequestIndicators) UnmarshalBinary(b []byte) error {
	if err := exact(b, 2); err != nil {
		return err
	}
	*i = InformationRequestIndicators{b[0]&1 != 0, b[0]&2 != 0, b[0]&8 != 0, b[0]&0x10 != 0, b[0]&0x80 != 0}
	return nil
}

// InformationIndicators is what an INF has (Q.763 section 3.28).
type InformationIndicators struct {
	CallingNumber uint8 // 0 not included, 1 not available, 3 included
	Hold          bool  // provided
	Category      bool  // included
	Charge        bool  // included
	Unsolicited   bool  // nobody has asked
}

// Code is PInformationIndicators.
func (InformationIndicators) Code() ParameterCode { return PInformationIndicators }

// AppendBinary appends the value.
func (i InformationIndicators) AppendBinary(b []byte) ([]byte, error) {
	if i.CallingNumber > 3 {
		return b, ErrValue
	}
	return append(b, i.CallingNumber|bit(i.Hold, 4)|bit(i.Category, 0x20)|bit(i.Charge, 0x40)|bit(i.Unsolicited, 0x80), 0), nil
}

// UnmarshalBinary reads the value.
func (i *InformationIndicators) UnmarshalBinary(b []byte) error {
	if err := exact(b, 2); err != nil {
		return err
	}
	*i = InformationIndicators{b[0] & 3, b[0]&4 != 0, b[0]&0x20 != 0, b[0]&0x40 != 0, b[0]&0x80 != 0}
	return nil
}

// RedirectionInformation says why and how often a call was diverted (Q.763 section 3.45).
type RedirectionInformation struct {
	Indicator      uint8 // 3 call diversion; see Q.763 section 3.45 a
	OriginalReason uint8 // 1 busy, 2 no reply, 3 unconditional
	Count          uint8 // 1 to 5
	Reason         uint8 // 1 busy, 2 no reply, 3 unconditional, 4 deflection during alerting, 5 immediate, 6 not reachable
}

// Code is PRedirectionInformation.
func (RedirectionInformation) Code() ParameterCode { return PRedirectionInformation }

// AppendBinary appends the value.
func (r RedirectionInformation) AppendBinary(b []byte) ([]byte, error) {
	if r.Indicator > 7 || r.OriginalReason > 15 || r.Count > 7 || r.Reason > 15 {
		return b, ErrValue
	}
	return append(b, r.Indicator|r.OriginalReason<<4, r.Count|r.Reason<<4), nil
}

// UnmarshalBinary reads the value. In the first octet alone, as versions before 1992 had it, Count and Reason are zero.
func (r *RedirectionInformation) UnmarshalBinary(b []byte) error {
	if len(b) < 1 || len(b) > 2 {
		return ErrLength
	}
	*r = RedirectionInformation{Indicator: b[0] & 7, OriginalReason: b[0] >> 4}
	if len(b) == 2 {
		r.Count, r.Reason = b[1]&7, b[1]>>4
	}
	return nil
}

// HopCounter is how many more exchanges a call may pass, 0 to 31 (Q.763 section 3.80).
type HopCounter uint8

// Code is PHopCounter.
func (HopCounter) Code() ParameterCode { return PHopCounter }

// AppendBinary appends the value.
func (h HopCounter) AppendBinary(b []byte) ([]byte, error) {
	if h > 31 {
		return b, ErrValue
	}
	return append(b, byte(h)), nil
}

// UnmarshalBinary reads the value.
func (h *HopCounter) UnmarshalBinary(b []byte) error {
	if err := exact(b, 1); err != nil {
		return err
	}
	*h = HopCounter(b[0] & 31)
	return nil
}

// PropagationDelay is the propagation delay counter in milliseconds (Q.763 section 3.42).
type PropagationDelay uint16

// Code is PPropagationDelay.
func (PropagationDelay) Code() ParameterCode { return PPropagationDelay }

// AppendBinary appends the value.
func (p PropagationDelay) AppendBinary(b []byte) ([]byte, error) {
	return append(b, byte(p>>8), byte(p)), nil
}

// UnmarshalBinary reads the value.
func (p *PropagationDelay) UnmarshalBinary(b []byte) error {
	if err := exact(b, 2); err != nil {
		return err
	}
	*p = PropagationDelay(b[0])<<8 | PropagationDelay(b[1])
	return nil
}

// CongestionLevel is the automatic congestion level in a REL (Q.763 section 3.4): 1 or 2.
type CongestionLevel uint8

// Code is PAutomaticCongestionLevel.
func (CongestionLevel) Code() ParameterCode { return PAutomaticCongestionLevel }

// AppendBinary appends the value.
func (l CongestionLevel) AppendBinary(b []byte) ([]byte, error) { return append(b, byte(l)), nil }

// UnmarshalBinary reads the value.
func (l *CongestionLevel) UnmarshalBinary(b []byte) error { return octet(l, b) }
