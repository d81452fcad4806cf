package m3ua

import "github.com/gotelco/telco/mtp3"

// DUNA says that destinations cannot be reached (RFC 4666 section 3.4.1).
type DUNA struct {
	NetworkAppearance Optional
	RoutingContexts   []uint32
	Affected          []mtp3.Destination // at least one
	Info              string
	Unknown           []Param
}

// Type is TypeDUNA.
func (m *DUNA) Type() MessageType { return TypeDUNA }

// AppendBinary appends the message as it is on the wire.
func (m *DUNA) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *DUNA) params(c *coder) {
	c.opt(TagNetworkAppearance, &m.NetworkAppearance)
	c.routingContexts(&m.RoutingContexts)
	c.affected(TagAffectedPointCode, &m.Affected, mandatory)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// DAVA says that destinations can be reached (RFC 4666 section 3.4.2).
type DAVA struct {
	NetworkAppearance Optional
	RoutingContexts   []uint32
	Affected          []mtp3.Destination // at least one
	Info              string
	Unknown           []Param
}

// Type is TypeDAVA.
func (m *DAVA) Type() MessageType { return TypeDAVA }

// AppendBinary appends the message as it is on the wire.
func (m *DAVA) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *DAVA) params(c *coder) {
	c.opt(TagNetworkAppearance, &m.NetworkAppearance)
	c.routingContexts(&m.RoutingContexts)
	c.affected(TagAffectedPointCode, &m.Affected, mandatory)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// DAUD asks for the state of destinations (RFC 4666 section 3.4.3).
type DAUD struct {
	NetworkAppearance Optional
	RoutingContexts   []uint32
	Affected          []mtp3.Destination // at least one
	Info              string
	Unknown           []Param
}

// Type is TypeDAUD.
func (m *DAUD) Type() MessageType { return TypeDAUD }

// AppendBinary appends the message as it is on the wire.
func (m *DAUD) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *DAUD) params(c *coder) {
	c.opt(TagNetworkAppearance, &m.NetworkAppearance)
	c.routingContexts(&m.RoutingContexts)
	c.affected(TagAffectedPointCode, &m.Affected, mandatory)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// SCON says that destinations are congested (RFC 4666 section 3.4.4).
type SCON struct {
	NetworkAppearance Optional
	RoutingContexts   []uint32
	Affected          []mtp3.Destination // at least one
	Concerned         Optional           // from an ASP: the point code whose messages met the congestion
	Level             Optional           // 0 to 3 where the network has levels
	Info              string
	Unknown           []Param
}

// Type is TypeSCON.
func (m *SCON) Type() MessageType { return TypeSCON }

// AppendBinary appends the message as it is on the wire.
func (m *SCON) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *SCON) params(c *coder) {
	c.opt(TagNetworkAppearance, &m.NetworkAppearance)
	c.routingContexts(&m.RoutingContexts)
	c.affected(TagAffectedPointCode, &m.Affected, mandatory)
	c.concerned(&m.Concerned)
	c.congestion(&m.Level)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// DUPU says that a user part of a destination does not answer (RFC 4666 section 3.4.5).
type DUPU struct {
	NetworkAppearance Optional
	RoutingContexts   []uint32
	Affected          mtp3.PointCode
	Cause             UnavailabilityCause
	User              mtp3.ServiceIndicator
	Info              string
	Unknown           []Param
}

// Type is TypeDUPU.
func (m *DUPU) Type() MessageType { return TypeDUPU }

// AppendBinary appends the message as it is on the wire.
func (m *DUPU) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *DUPU) params(c *coder) {
	c.opt(TagNetworkAppearance, &m.NetworkAppearance)
	c.routingContexts(&m.RoutingContexts)
	c.single(&m.Affected)
	c.userCause(&m.Cause, &m.User)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// DRST says that destinations are better reached another way (RFC 4666 section 3.4.6).
type DRST struct {
	NetworkAppearance Optional
	RoutingContexts   []uint32
	Affected          []mtp3.Destination // at least one
	Info              string
	Unknown           []Param
}

// Type is TypeDRST.
func (m *DRST) Type() MessageType { return TypeDRST }

// AppendBinary appends the message as it is on the wire.
func (m *DRST) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *DRST) params(c *coder) {
	c.opt(TagNetworkAppearance, &m.NetworkAppearance)
	c.routingContexts(&m.RoutingContexts)
	c.affected(TagAffectedPointCode, &m.Affected, mandatory)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// concerned is the point code of a Concerned Destination, whose octet for a mask is reserved.
func (c *coder) concerned(p *Optional) {
	c.opt(TagConcernedDestination, p)
	p.Value &= 0xffffff
}

// congestion is a Congestion Level, in the last octet of 4.
func (c *coder) congestion(p *Optional) {
	c.opt(TagCongestionIndications, p)
	if p.Value &= 0xff; p.Value > 3 && c.reading {
		c.fail(InvalidParameterValue, TagCongestionIndications, errRange)
	}
}

// single is the one Affected Point Code of a DUPU, which must not have a mask.
func (c *coder) single(p *mtp3.PointCode) {
	list := []mtp3.Destination{{PC: *p}}
	c.affected(TagAffectedPointCode, &list, mandatory)
	if !c.reading || len(list) == 0 {
		return
	}
	if len(list) > 1 || list[0].Wild != 0 {
		c.fail(InvalidParameterValue, TagAffectedPointCode, errRange)
	}
	*p = list[0].PC
}

func (c *coder) userCause(cause *UnavailabilityCause, user *mtp3.ServiceIndicator) {
	v := uint32(*cause)<<16 | uint32(*user)
	number(c, TagUserCause, &v)
	*cause = UnavailabilityCause(v >> 16)
	if *user = mtp3.ServiceIndicator(v); v&0xffff > 15 && c.reading {
		c.fail(InvalidParameterValue, TagUserCause, errRange)
	}
}
