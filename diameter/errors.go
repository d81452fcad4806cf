package diameter

import "fmt"

// ProtocolError is what is wrong with a message that came, as the answer to a request says it. Parsing gives it,
// handlers may return it; [AppendErrorAnswer] turns it into an answer.
type ProtocolError struct {
	ResultCode ResultCode
	// FailedAVP are the AVPs that the Failed-AVP of the answer holds (RFC 6733 section 7.5): the offending
	// one, within the groups that it was in, or an example of a missing one. May be empty.
	FailedAVP []AVP
	Text      string // Error-Message: a sentence for people
}

// Error returns the result code's name and the text.
func (e *ProtocolError) Error() string {
	if e.Text == "" {
		return "diameter: " + e.ResultCode.String()
	}
	return fmt.Sprintf("diameter: %v: %s", e.ResultCode, e.Text)
}

// FramingLost tells whether nothing after the message can be read, so that the connection has to close.
func (e *ProtocolError) FramingLost() bool {
	return e.ResultCode == UnsupportedVersion || e.ResultCode == InvalidMessageLength
}

// AppendErrorAnswer appends the answer to a request that e is wrong with (RFC 6733 sections 7.1, 7.2):
// Session-Id and Proxy-Info as they came, the result code, Error-Message and Failed-AVP; the E flag for codes 3xxx.
// It fails with ErrTooLong only.
func AppendErrorAnswer(b []byte, req Message, e *ProtocolError, originHost, originRealm string) ([]byte, error) {
	start := len(b)
	h := req.Header.Answer()
	if e.ResultCode.IsProtocolError() {
		h.Flags |= ErrorFlag
	}
	b = AppendHeader(b, h)
	if a, ok := req.Find(AVPSessionID, 0); ok {
		b = AppendAVP(b, a)
	}
	b = AppendUint32(b, AVPResultCode, Mandatory, 0, uint32(e.ResultCode))
	b = AppendText(b, AVPOriginHost, Mandatory, 0, originHost)
	b = AppendText(b, AVPOriginRealm, Mandatory, 0, originRealm)
	if e.Text != "" {
		b = AppendText(b, AVPErrorMessage, 0, 0, e.Text)
	}
	if len(e.FailedAVP) > 0 {
		var at int
		b, at = BeginAVP(b, AVPFailedAVP, Mandatory, 0)
		for _, a := range e.FailedAVP {
			b = AppendAVP(b, a)
		}
		b = EndAVP(b, at)
	}
	for a := range req.AVPs.All() {
		if a.Code == AVPProxyInfo && a.VendorID == 0 {
			b = AppendAVP(b, a)
		}
	}
	if err := FinishMessage(b, start); err != nil {
		return b[:start], err
	}
	return b, nil
}
