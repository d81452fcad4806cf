package sip

import "fmt"

// Effect is what a failure response to a request within a dialog ends (RFC 5057 section 5.1).
type Effect uint8

// The effects.
const (
	EndsTransaction Effect = iota // nothing else
	EndsUsage                     // the usage that the request belongs to, such as the INVITE's session
	EndsDialog                    // the dialog with all its usages
)

func (e Effect) String() string {
	switch e {
	case EndsTransaction:
		return "transaction"
	case EndsUsage:
		return "usage"
	case EndsDialog:
		return "dialog"
	}
	return fmt.Sprintf("Effect(%d)", uint8(e))
}

// FailureEffect returns what the status code of a final response, or of a timeout (408), to a
// request of method m within a dialog ends: RFC 5057 table 2. Codes that it does not list affect
// the transaction only, and so do 405 and 501 to methods that the session can do without.
func FailureEffect(m Method, status int) Effect {
	switch status {
	case 404, 410, 416, 482, 483, 484, 485, 502, 604:
		return EndsDialog
	case 408, 481:
		if m == CANCEL || m == PRACK && status == 481 { // of the transaction they name
			return EndsTransaction
		}
		return EndsUsage // 408: RFC 3261 section 12.2.1.2
	case 405, 501:
		switch m {
		case INVITE, BYE, SUBSCRIBE, NOTIFY:
			return EndsUsage
		}
	case 480, 489:
		return EndsUsage
	}
	return EndsTransaction
}
