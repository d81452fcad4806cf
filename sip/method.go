package sip

// Method is the method of a request. Methods are tokens and compare case-sensitively (RFC 3261
// section 7.1); a method this package has no name for is kept as it came.
type Method string

// The registered methods (IANA, Session Initiation Protocol Parameters).
const (
	ACK       Method = "ACK"       // RFC 3261
	BYE       Method = "BYE"       // RFC 3261
	CANCEL    Method = "CANCEL"    // RFC 3261
	INFO      Method = "INFO"      // RFC 6086
	INVITE    Method = "INVITE"    // RFC 3261
	MESSAGE   Method = "MESSAGE"   // RFC 3428
	NOTIFY    Method = "NOTIFY"    // RFC 6665
	OPTIONS   Method = "OPTIONS"   // RFC 3261
	PRACK     Method = "PRACK"     // RFC 3262
	PUBLISH   Method = "PUBLISH"   // RFC 3903
	REFER     Method = "REFER"     // RFC 3515
	REGISTER  Method = "REGISTER"  // RFC 3261
	SUBSCRIBE Method = "SUBSCRIBE" // RFC 6665
	UPDATE    Method = "UPDATE"    // RFC 3311
)

// Methods lists the registered methods in alphabetical order.
func Methods() []Method {
	return []Method{ACK, BYE, CANCEL, INFO, INVITE, MESSAGE, NOTIFY, OPTIONS, PRACK, PUBLISH, REFER, REGISTER, SUBSCRIBE, UPDATE}
}

// known reports whether m is a registered method.
func (m Method) known() bool {
	switch m {
	case ACK, BYE, CANCEL, INFO, INVITE, MESSAGE, NOTIFY, OPTIONS, PRACK, PUBLISH, REFER, REGISTER, SUBSCRIBE, UPDATE:
		return true
	}
	return false
}

// internMethod returns s as a Method without keeping the text s is part of alive, when it can.
func internMethod(s string) Method {
	switch s {
	case "ACK":
		return ACK
	case "BYE":
		return BYE
	case "CANCEL":
		return CANCEL
	case "INVITE":
		return INVITE
	case "OPTIONS":
		return OPTIONS
	case "REGISTER":
		return REGISTER
	}
	return Method(s)
}
