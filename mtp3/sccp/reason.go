package sccp

// Reason says why a message was neither delivered nor sent on. Each has a counter in [Stats].
type Reason uint8

// The reasons. All but the first ten are about messages that come back if their sender wants that.
const (
	Malformed         Reason = iota // could not be parsed
	NotConnectionless               // of connection-oriented service, or of no known type
	WrongService                    // the service indicator or the network indicator is not ours
	NotWantedBack                   // a message that failed for one of the later reasons, without return on error; counted beside it
	ReturnFailed                    // a returning message that met one of the later reasons; counted beside it
	SegmentUnexpected               // a segment of no message under way
	SCMGMalformed                   // a management message that could not be read
	SCMGUnexpected                  // a management message that fits no procedure under way, or about a subsystem we don't have
	TooManyLearnt                   // news about a point or subsystem that nobody configured, at the limit of MaxLearnt
	SCMGUndelivered                 // a management message of ours whose point cannot be reached
	NoNature                        // no rule takes such titles; or the called address cannot be understood
	NoTitle                         // no rule takes this title
	TitleMissing                    // to be routed on a global title, but there is none
	HopsUsedUp                      // the hop counter came to zero
	TranslationLoop                 // translated to where it came from, or to this node, with the same title
	Unequipped                      // no such local subsystem
	SubsystemDown                   // the local or remote subsystem is out of service
	SubsystemBusy                   // the local subsystem is congested
	PointUnreachable                // MTP has no way to the point
	SCCPDown                        // the SCCP at the point does not work
	Restricted                      // the point is congested and the importance too low
	TooLong                         // does not fit what is between here and there, and cannot be segmented
	NoSegmentation                  // cannot be segmented here: no reference
	ReassemblyTimeout               // a segment did not come in time
	ReassemblyOrder                 // a segment came out of order, or two messages had one reference
	ReassemblyFull                  // at the limit of MaxReassembly or MaxReassemblies, or longer than announced
	NoAddress                       // nothing in the called address to route on
	reasonCount
)

var reasonNames = [...]string{
	Malformed: "malformed", NotConnectionless: "not connectionless", WrongService: "wrong service or network", NotWantedBack: "not wanted back",
	ReturnFailed: "could not be returned", SegmentUnexpected: "unexpected segment", SCMGMalformed: "malformed management", SCMGUnexpected: "unexpected management",
	TooManyLearnt: "too many points", SCMGUndelivered: "management not delivered", NoNature: "no translation for such a title", NoTitle: "no translation for this title",
	TitleMissing: "no title", HopsUsedUp: "hop counter used up", TranslationLoop: "loop of translations", Unequipped: "unequipped user", SubsystemDown: "subsystem out of service",
	SubsystemBusy: "subsystem congested", PointUnreachable: "point unreachable", SCCPDown: "SCCP unavailable", Restricted: "restricted by congestion",
	TooLong: "too long", NoSegmentation: "cannot be segmented", ReassemblyTimeout: "reassembly timed out", ReassemblyOrder: "segment out of order",
	ReassemblyFull: "reassembly full", NoAddress: "no address",
}

// String is the reason in words.
func (r Reason) String() string { return name(reasonNames[:], r, "Reason") }

// Reasons is how many messages met each reason, by Reason.
type Reasons [reasonCount]uint64

// causes are the return causes of reasons (Q.714 section 4.2, Q.713 section 3.12).
var causes = [reasonCount]ReturnCause{
	NoNature: NoTranslationForNature, NoTitle: NoTranslation, TitleMissing: NoTranslationForNature, HopsUsedUp: HopCounterViolation, TranslationLoop: HopCounterViolation,
	Unequipped: UnequippedUser, SubsystemDown: SubsystemFailure, SubsystemBusy: SubsystemCongestion, PointUnreachable: MTPFailure, SCCPDown: SCCPFailure,
	Restricted: NetworkCongestion, TooLong: SegmentationUnsupported, NoSegmentation: SegmentationFailure, ReassemblyTimeout: ErrorInTransport, ReassemblyOrder: ErrorInTransport,
	ReassemblyFull: ErrorInLocalProcessing, NoAddress: Unqualified,
}

// reasonOf is the reason for a cause that a translation or a check of availability gave.
func reasonOf(c ReturnCause) Reason {
	switch c {
	case NoTranslation:
		return NoTitle
	case NoTranslationForNature:
		return NoNature
	case SubsystemFailure:
		return SubsystemDown
	case SubsystemCongestion:
		return SubsystemBusy
	case UnequippedUser:
		return Unequipped
	case SCCPFailure:
		return SCCPDown
	}
	return PointUnreachable
}
