package mtp3

// Primitive is what passes between the message transfer part and its users (Q.701 section 8.1).
// MTP3 over links and M3UA over SCTP give the same four, so that a user needs not know which it has.
type Primitive struct {
	Kind PrimitiveKind

	MSU      MSU         // of Transfer
	Affected Destination // of Pause, Resume and Status
	Status   Status      // of Status
}

// PrimitiveKind tells primitives apart.
type PrimitiveKind uint8

// The primitives of Q.701 section 8.1.
const (
	TransferPrimitive PrimitiveKind = iota + 1 // MTP-TRANSFER: a message
	PausePrimitive                             // MTP-PAUSE: the destination cannot be reached
	ResumePrimitive                            // MTP-RESUME: it can again
	StatusPrimitive                            // MTP-STATUS: it is congested, or has no such user
)

var primitiveNames = [...]string{TransferPrimitive: "MTP-TRANSFER", PausePrimitive: "MTP-PAUSE", ResumePrimitive: "MTP-RESUME", StatusPrimitive: "MTP-STATUS"}

// String is the primitive's name.
func (k PrimitiveKind) String() string { return name(primitiveNames[:], k, "PrimitiveKind") }

// Status is what MTP-STATUS says beside the destination.
type Status struct {
	Cause StatusCause
	Level uint8            // of Congested: 0 (no longer congested, or levels are not used) to 3
	SI    ServiceIndicator // of the others: the user part that is not there
}

// StatusCause is the cause of an MTP-STATUS. The last three are the unavailability causes of Q.704
// section 15.17.5 and RFC 4666 section 3.4.5.
type StatusCause uint8

// The causes.
const (
	Congested        StatusCause = iota + 1 // signalling network congestion
	UserUnknown                             // user part unavailable, the reason is unknown
	UserUnequipped                          // the remote point has no such user part
	UserInaccessible                        // it has, but the user part does not answer
)

var causeNames = [...]string{Congested: "congested", UserUnknown: "user part unavailable", UserUnequipped: "user part unequipped", UserInaccessible: "user part inaccessible"}

// String is the cause in words.
func (c StatusCause) String() string { return name(causeNames[:], c, "StatusCause") }

// Availability is whether a destination can be reached (Q.704 section 3.4). The zero value is
// Unavailable: what nobody has said anything about cannot be reached.
type Availability uint8

// The states of a destination, a route or an owner of destinations.
const (
	Unavailable Availability = iota
	Restricted               // reachable, but other ways are better
	Available
)

var availabilityNames = [...]string{"unavailable", "restricted", "available"}

// String is the state in words.
func (a Availability) String() string { return name(availabilityNames[:], a, "Availability") }
