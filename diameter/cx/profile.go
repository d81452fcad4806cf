package cx

import (
	"fmt"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/internal/xmltree"
)

// Element is an XML element that this package has no field for. It is kept, and written again where extensions may stand.
type Element = xmltree.Element

// IMSSubscription is the user profile that the HSS gives to an S-CSCF in the AVP User-Data (TS 29.228 Annexes B and E).
type IMSSubscription struct {
	PrivateID       string
	ServiceProfiles []ServiceProfile
	Extension       []*Element // what stands in Extension
	Other           []*Element // elements of other namespaces
}

// ServiceProfile is what a set of public identities shares (TS 29.228 Annex B.2).
type ServiceProfile struct {
	PublicIdentities []PublicIdentity
	// SubscribedMediaProfileID is of CoreNetworkServicesAuthorization (TS 29.228 Annex B.2.1A).
	SubscribedMediaProfileID diameter.Opt[int]
	ServiceIDs               []string // its ListOfServiceIds
	// InitialFilterCriteria in the order of the document, which need not be that of their priority.
	InitialFilterCriteria []InitialFilterCriteria
	SharedIFCSetIDs       []int // sets of criteria that the S-CSCF knows (TS 29.228 Annex B.2)
	Extension             []*Element
	Other                 []*Element
}

// IdentityType says what a public identity is (TS 29.228 Annex E).
type IdentityType int

// The identity types.
const (
	PublicUserIdentity IdentityType = 0
	DistinctPSI        IdentityType = 1
	WildcardedPSI      IdentityType = 2
	WildcardedIMPU     IdentityType = 3 // the identity matches a wildcarded public user identity
	IMPUWildcard       IdentityType = 4 // the identity is the wildcard itself
)

var identityTypes = [...]string{"PUBLIC_USER_IDENTITY", "DISTINCT_PSI", "WILDCARDED_PSI", "WILDCARDED_IMPU", "NON-DISTINCT_IMPU"}

// String returns the name, or the number.
func (t IdentityType) String() string { return name(int(t), identityTypes[:]) }

func name(i int, names []string) string {
	if i >= 0 && i < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}

// PublicIdentity is a public user or service identity in a service profile (TS 29.228 Annex B.2.1).
type PublicIdentity struct {
	Identity              string // a SIP or tel URI
	BarringIndication     bool   // no service but registration
	IdentityType          diameter.Opt[IdentityType]
	WildcardedPSI         string // the wildcard that a PSI matches, with "!" around its regular expression
	DisplayName           string
	AliasIdentityGroupID  string // identities with the same one are aliases
	WildcardedIMPU        string
	ServiceLevelTraceInfo string
	ServicePriorityLevel  diameter.Opt[int] // 0, the highest, to 4
	ExtendedPriorities    []ExtendedPriority
	// MaxNumOfAllowedSimultRegistrations is how many terminals may be registered at once.
	MaxNumOfAllowedSimultRegistrations diameter.Opt[int]
	Extension                          []*Element
	Other                              []*Element
}

// ExtendedPriority is a priority in a namespace of RFC 4412 (TS 29.228 Annex B.2.1).
type ExtendedPriority struct {
	PriorityNamespace string
	PriorityLevel     string
}

// ProfilePart says for which users an initial filter criterion counts (TS 29.228 Annex B.2.2).
type ProfilePart int

// The parts of a profile.
const (
	Registered   ProfilePart = 0
	Unregistered ProfilePart = 1
)

// String returns the name, or the number.
func (p ProfilePart) String() string { return name(int(p), []string{"REGISTERED", "UNREGISTERED"}) }

// InitialFilterCriteria says which requests an S-CSCF sends through an application server (TS 29.228 Annex B.2.2).
type InitialFilterCriteria struct {
	Priority             int           // the lowest number comes first
	TriggerPoint         *TriggerPoint // nil: every request
	ApplicationServer    ApplicationServer
	ProfilePartIndicator diameter.Opt[ProfilePart] // absent: both parts
	Extension            []*Element
	Other                []*Element
}

// TriggerPoint is a boolean expression: in conjunctive normal form an AND of groups within which the triggers are ORed,
// in disjunctive normal form an OR of groups within which they are ANDed (TS 29.228 Annex C).
type TriggerPoint struct {
	ConditionTypeCNF bool
	SPTs             []SPT
	Extension        []*Element
	Other            []*Element
}

// An SPTKind says what a service point trigger looks at.
type SPTKind uint8

// The kinds of service point triggers (TS 29.228 Annex B.2.3).
const (
	SPTRequestURI SPTKind = iota
	SPTMethod
	SPTSIPHeader
	SPTSessionCase
	SPTSessionDescription
)

// String returns the name of the element.
func (k SPTKind) String() string {
	return name(int(k), []string{"RequestURI", "Method", "SIPHeader", "SessionCase", "SessionDescription"})
}

// SPT is a service point trigger (TS 29.228 Annex B.2.3).
type SPT struct {
	ConditionNegated bool
	Groups           []int // to which it belongs, at least one
	Kind             SPTKind
	// Value is the method, or the regular expression of a request URI.
	Value string
	// Name is the regular expression of a header's name, or the letter of a line of SDP.
	Name string
	// Content is the regular expression of a header's or line's content. Absent: that there is one is enough.
	Content     diameter.Opt[string]
	SessionCase SessionCase
	// RegistrationTypes narrow a Method of REGISTER. Empty: any.
	RegistrationTypes []RegistrationType
	Extension         []*Element
	Other             []*Element // of the trigger, the header or the line
}

// SessionCase says whom the S-CSCF serves with a request (TS 29.228 Annex B.2.3, TS 29.228 Annex E: tDirectionOfRequest).
type SessionCase int

// The session cases.
const (
	OriginatingRegistered   SessionCase = 0 // also any originating session of releases before 8
	TerminatingRegistered   SessionCase = 1
	TerminatingUnregistered SessionCase = 2
	OriginatingUnregistered SessionCase = 3
	OriginatingCDIV         SessionCase = 4 // after a diversion of the call
)

// String returns the name, or the number.
func (c SessionCase) String() string {
	return name(int(c), []string{"ORIGINATING_SESSION", "TERMINATING_REGISTERED", "TERMINATING_UNREGISTERED", "ORIGINATING_UNREGISTERED", "ORIGINATING_CDIV"})
}

// RegistrationType says what a REGISTER does.
type RegistrationType int

// The registration types.
const (
	InitialRegistration RegistrationType = 0
	ReRegistration      RegistrationType = 1
	DeRegistration      RegistrationType = 2
)

// String returns the name, or the number.
func (r RegistrationType) String() string {
	return name(int(r), []string{"INITIAL_REGISTRATION", "RE-REGISTRATION", "DE-REGISTRATION"})
}

// DefaultHandling says what becomes of a session whose application server cannot be reached.
type DefaultHandling int

// The default handlings.
const (
	SessionContinued  DefaultHandling = 0
	SessionTerminated DefaultHandling = 1
)

// String returns the name, or the number.
func (h DefaultHandling) String() string {
	return name(int(h), []string{"SESSION_CONTINUED", "SESSION_TERMINATED"})
}

// ApplicationServer is where matching requests go (TS 29.228 Annex B.2.2).
type ApplicationServer struct {
	ServerName      string // SIP URI
	DefaultHandling diameter.Opt[DefaultHandling]
	// ServiceInfo is handed to the server in the body of a third-party REGISTER.
	ServiceInfo             diameter.Opt[string]
	IncludeRegisterRequest  bool // the UE's REGISTER goes to the server too
	IncludeRegisterResponse bool // and the answer to it
	Extension               []*Element
	Other                   []*Element
}
