package m3ua

// REGREQ asks for routing keys to be registered (RFC 4666 section 3.6.1).
type REGREQ struct {
	Keys    []RoutingKeyRequest // at least one
	Unknown []Param
}

// Type is TypeREGREQ.
func (m *REGREQ) Type() MessageType { return TypeREGREQ }

// AppendBinary appends the message as it is on the wire.
func (m *REGREQ) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *REGREQ) params(c *coder) {
	c.keys(&m.Keys)
	c.unknown(&m.Unknown)
}

// REGRSP says what became of a REGREQ (RFC 4666 section 3.6.2).
type REGRSP struct {
	Results []RegistrationResult // at least one
	Unknown []Param
}

// Type is TypeREGRSP.
func (m *REGRSP) Type() MessageType { return TypeREGRSP }

// AppendBinary appends the message as it is on the wire.
func (m *REGRSP) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *REGRSP) params(c *coder) {
	c.regResults(&m.Results)
	c.unknown(&m.Unknown)
}

// DEREGREQ gives registered routing keys back (RFC 4666 section 3.6.3).
type DEREGREQ struct {
	RoutingContexts []uint32 // at least one
	Unknown         []Param
}

// Type is TypeDEREGREQ.
func (m *DEREGREQ) Type() MessageType { return TypeDEREGREQ }

// AppendBinary appends the message as it is on the wire.
func (m *DEREGREQ) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *DEREGREQ) params(c *coder) {
	c.list(TagRoutingContext, &m.RoutingContexts, mandatory)
	c.unknown(&m.Unknown)
}

// DEREGRSP says what became of a DEREGREQ (RFC 4666 section 3.6.4).
type DEREGRSP struct {
	Results []DeregistrationResult // at least one
	Unknown []Param
}

// Type is TypeDEREGRSP.
func (m *DEREGRSP) Type() MessageType { return TypeDEREGRSP }

// AppendBinary appends the message as it is on the wire.
func (m *DEREGRSP) AppendBinary(b []byte) ([]byte, error) { return appendMessage(b, m) }

func (m *DEREGRSP) params(c *coder) {
	c.deregResults(&m.Results)
	c.unknown(&m.Unknown)
}
