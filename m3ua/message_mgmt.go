package m3ua

import "github.com/gotelco/telco/mtp3"

// ERR says that a message was not accepted (RFC 4666 section 3.8.1).
type ERR struct {
	Code              ErrorCode
	RoutingContexts   []uint32           // the contexts at fault
	NetworkAppearance Optional           // of InvalidNetworkAppearance and DestinationStatusUnknown
	Affected          []mtp3.Destination // of DestinationStatusUnknown
	Diagnostic        []byte             // the offending message, or its beginning
	Unknown           []Param
}

// Type is TypeERR.
func (m *ERR) Type() MessageType { return TypeERR }

// AppendBinary appends the message as it is on the wire.
func (m *ERR) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ERR) params(c *coder) {
	number(c, TagErrorCode, &m.Code)
	c.routingContexts(&m.RoutingContexts)
	c.opt(TagNetworkAppearance, &m.NetworkAppearance)
	c.affected(TagAffectedPointCode, &m.Affected, optional)
	c.octets(TagDiagnosticInformation, &m.Diagnostic)
	c.unknown(&m.Unknown)
}

// NTFY tells an ASP of what happens in its Application Servers (RFC 4666 section 3.8.2).
type NTFY struct {
	Status          Status
	ASPIdentifier   Optional // of the alternate or failed ASP
	RoutingContexts []uint32 // none: every Application Server of the ASP
	Info            string
	Unknown         []Param
}

// Type is TypeNTFY.
func (m *NTFY) Type() MessageType { return TypeNTFY }

// AppendBinary appends the message as it is on the wire.
func (m *NTFY) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *NTFY) params(c *coder) {
	number(c, TagStatus, &m.Status)
	c.opt(TagASPIdentifier, &m.ASPIdentifier)
	c.routingContexts(&m.RoutingContexts)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}
