package m3ua

// ASPUp says that an ASP is there (RFC 4666 section 3.5.1).
type ASPUp struct {
	ASPIdentifier Optional
	Info          string
	Unknown       []Param
}

// Type is TypeASPUp.
func (m *ASPUp) Type() MessageType { return TypeASPUp }

// AppendBinary appends the message as it is on the wire.
func (m *ASPUp) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ASPUp) params(c *coder) {
	c.opt(TagASPIdentifier, &m.ASPIdentifier)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// ASPDown says that an ASP leaves (RFC 4666 section 3.5.3).
type ASPDown struct {
	Info    string
	Unknown []Param
}

// Type is TypeASPDown.
func (m *ASPDown) Type() MessageType { return TypeASPDown }

// AppendBinary appends the message as it is on the wire.
func (m *ASPDown) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ASPDown) params(c *coder) {
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// BEAT asks whether the peer is there (RFC 4666 section 3.5.5); it is not SCTP's heartbeat.
type BEAT struct {
	Data    []byte // to come back unchanged
	Unknown []Param
}

// Type is TypeBEAT.
func (m *BEAT) Type() MessageType { return TypeBEAT }

// AppendBinary appends the message as it is on the wire.
func (m *BEAT) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *BEAT) params(c *coder) {
	c.octets(TagHeartbeatData, &m.Data)
	c.unknown(&m.Unknown)
}

// ASPUpAck answers an ASPUp (RFC 4666 section 3.5.2).
type ASPUpAck struct {
	ASPIdentifier Optional
	Info          string
	Unknown       []Param
}

// Type is TypeASPUpAck.
func (m *ASPUpAck) Type() MessageType { return TypeASPUpAck }

// AppendBinary appends the message as it is on the wire.
func (m *ASPUpAck) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ASPUpAck) params(c *coder) {
	c.opt(TagASPIdentifier, &m.ASPIdentifier)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// ASPDownAck answers an ASPDown (RFC 4666 section 3.5.4).
type ASPDownAck struct {
	Info    string
	Unknown []Param
}

// Type is TypeASPDownAck.
func (m *ASPDownAck) Type() MessageType { return TypeASPDownAck }

// AppendBinary appends the message as it is on the wire.
func (m *ASPDownAck) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ASPDownAck) params(c *coder) {
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// BEATAck answers a BEAT with its parameters (RFC 4666 section 3.5.6).
type BEATAck struct {
	Data    []byte // to come back unchanged
	Unknown []Param
}

// Type is TypeBEATAck.
func (m *BEATAck) Type() MessageType { return TypeBEATAck }

// AppendBinary appends the message as it is on the wire.
func (m *BEATAck) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *BEATAck) params(c *coder) {
	c.octets(TagHeartbeatData, &m.Data)
	c.unknown(&m.Unknown)
}

// ASPActive says that an ASP takes traffic (RFC 4666 section 3.7.1).
type ASPActive struct {
	TrafficMode     TrafficMode // 0: absent
	RoutingContexts []uint32    // none: every Application Server of the ASP
	Info            string
	Unknown         []Param
}

// Type is TypeASPActive.
func (m *ASPActive) Type() MessageType { return TypeASPActive }

// AppendBinary appends the message as it is on the wire.
func (m *ASPActive) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ASPActive) params(c *coder) {
	c.trafficMode(&m.TrafficMode)
	c.routingContexts(&m.RoutingContexts)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// ASPInactive says that an ASP takes no more traffic (RFC 4666 section 3.7.3).
type ASPInactive struct {
	RoutingContexts []uint32 // none: every Application Server of the ASP
	Info            string
	Unknown         []Param
}

// Type is TypeASPInactive.
func (m *ASPInactive) Type() MessageType { return TypeASPInactive }

// AppendBinary appends the message as it is on the wire.
func (m *ASPInactive) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ASPInactive) params(c *coder) {
	c.routingContexts(&m.RoutingContexts)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// ASPActiveAck answers an ASPActive (RFC 4666 section 3.7.2).
type ASPActiveAck struct {
	TrafficMode     TrafficMode // 0: absent
	RoutingContexts []uint32    // none: every Application Server of the ASP
	Info            string
	Unknown         []Param
}

// Type is TypeASPActiveAck.
func (m *ASPActiveAck) Type() MessageType { return TypeASPActiveAck }

// AppendBinary appends the message as it is on the wire.
func (m *ASPActiveAck) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ASPActiveAck) params(c *coder) {
	c.trafficMode(&m.TrafficMode)
	c.routingContexts(&m.RoutingContexts)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}

// ASPInactiveAck answers an ASPInactive (RFC 4666 section 3.7.4).
type ASPInactiveAck struct {
	RoutingContexts []uint32 // none: every Application Server of the ASP
	Info            string
	Unknown         []Param
}

// Type is TypeASPInactiveAck.
func (m *ASPInactiveAck) Type() MessageType { return TypeASPInactiveAck }

// AppendBinary appends the message as it is on the wire.
func (m *ASPInactiveAck) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *ASPInactiveAck) params(c *coder) {
	c.routingContexts(&m.RoutingContexts)
	c.info(&m.Info)
	c.unknown(&m.Unknown)
}
