package m3ua

import (
	"fmt"

	"github.com/gotelco/telco/mtp3"
)

// EventKind says what an [Event] is about.
type EventKind uint8

// The kinds of events. The names in brackets are the primitives of RFC 4666 section 1.6.3.
const (
	AssociationUp     EventKind = iota + 1 // M-SCTP_ESTABLISH: an association with an ASP, or a gateway
	AssociationDown                        // M-SCTP_STATUS, M-SCTP_RELEASE: it is gone; Err says why
	ASPStateEvent                          // M-ASP_UP, M-ASP_DOWN, M-ASP_ACTIVE, M-ASP_INACTIVE: State of ASP in AS ("" is every AS)
	ASStateEvent                           // M-AS_ACTIVE, M-AS_INACTIVE, M-AS_DOWN: State of AS
	NotifyEvent                            // M-NOTIFY: Message is the *NTFY
	ErrorEvent                             // M-ERROR: Message is the *ERR that was received
	ErrorSentEvent                         // M-ERROR: Message is the *ERR that was sent; Err says why
	RegisteredEvent                        // M-RK_REG: ASP joined AS by registration
	DeregisteredEvent                      // M-RK_DEREG: ASP left AS
	CongestionEvent                        // the queue towards ASPs of AS reached Level, or fell to it
	PrimitiveEvent                         // MTP-PAUSE, MTP-RESUME or MTP-STATUS from the peer: Primitive
	NonDeliveryEvent                       // DATA of ASP that cannot be delivered; told at most once a second for each destination
)

var eventNames = [...]string{AssociationUp: "association up", AssociationDown: "association down", ASPStateEvent: "ASP state",
	ASStateEvent: "AS state", NotifyEvent: "NTFY", ErrorEvent: "ERR received", ErrorSentEvent: "ERR sent", RegisteredEvent: "registered",
	DeregisteredEvent: "deregistered", CongestionEvent: "congestion", PrimitiveEvent: "primitive", NonDeliveryEvent: "not delivered"}

// String is the kind in words.
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Event is what layer management, or the MTP3 user, is to know.
type Event struct {
	Kind            EventKind
	ASP             string // name of the ASP, or of the peer
	AS              string // name of the AS, if one is concerned
	RoutingContexts []uint32
	State, Was      State
	Level           uint8
	Message         Message        // shares nothing with buffers of the network
	Primitive       mtp3.Primitive // of PrimitiveEvent
	Err             error
}

// String is the event in one line, as it is logged.
func (e Event) String() string {
	s := e.Kind.String()
	if e.ASP != "" {
		s += " asp=" + e.ASP
	}
	if e.AS != "" {
		s += " as=" + e.AS
	}
	switch e.Kind {
	case ASPStateEvent, ASStateEvent:
		s += fmt.Sprintf(" %v -> %v", e.Was, e.State)
	case CongestionEvent:
		s += fmt.Sprintf(" level %d", e.Level)
	case PrimitiveEvent:
		s += fmt.Sprintf(" %v %d/%d", e.Primitive.Kind, e.Primitive.Affected.PC, e.Primitive.Affected.Wild)
	}
	switch m := e.Message.(type) {
	case *NTFY:
		s += " " + m.Status.String()
	case *ERR:
		s += " " + m.Code.String()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}
