package m3ua

import "fmt"

// State is the state of an ASP in an Application Server (RFC 4666 section 4.3.1) or of an
// Application Server (section 4.3.2).
type State uint8

// The states.
const (
	Down     State = iota // not there
	Inactive              // there, but takes no traffic
	Active                // takes traffic
	Pending               // of an AS: its last active ASP is gone, messages wait for another until T(r)
)

var stateNames = [...]string{"DOWN", "INACTIVE", "ACTIVE", "PENDING"}

// String is the state without the "AS-" or "ASP-" before it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}
