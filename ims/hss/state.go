package hss

import "time"

// State is what the HSS has learnt about a subscription from the network. It is on disk before the answer to the request that
// changed it. Values are never changed in place: whoever changes one makes a copy.
type State struct {
	// Registrations are of the implicit sets and PSIs with an S-CSCF.
	Registrations []Registration `json:"registrations,omitempty"`

	RepositoryData []RepositoryData `json:"repositoryData,omitempty"` // of application servers
	Notifications  []Notification   `json:"notifications,omitempty"`  // what application servers want to be told
	// InactiveDSAI are tags that application servers have switched off, of a public identity each.
	InactiveDSAI []DSAI `json:"inactiveDSAI,omitempty"`
	// PSIActivation says which PSIs application servers have switched, against their provisioning.
	PSIActivation []PSIActivation `json:"psiActivation,omitempty"`

	MME  *ServingNode `json:"mme,omitempty"`  // where the user is attached
	SGSN *ServingNode `json:"sgsn,omitempty"` // over S6d

	// NextSCSCF is the S-CSCF of the next registration, as an administrator wants it.
	NextSCSCF string `json:"nextSCSCF,omitempty"`
}

// RegistrationState is the state of a public identity (TS 29.228 section 3.1, TS 29.328 section 7.6.3).
type RegistrationState uint8

// The states.
const (
	NotRegistered RegistrationState = iota
	Registered
	Unregistered // served by an S-CSCF without being registered
)

// String is the state in the words of the specification.
func (s RegistrationState) String() string {
	switch s {
	case Registered:
		return "registered"
	case Unregistered:
		return "unregistered"
	}
	return "not registered"
}

// MarshalText is String.
func (s RegistrationState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String writes.
func (s *RegistrationState) UnmarshalText(b []byte) error {
	for i := NotRegistered; i <= Unregistered; i++ {
		if i.String() == string(b) {
			*s = i
			return nil
		}
	}
	return &FieldError{"state", "is none of the registration states"}
}

// Registration is the state of an implicit set, or of a PSI.
type Registration struct {
	ImplicitSet int    `json:"implicitSet"`
	PSI         string `json:"psi,omitempty"`   // the identity, if this is of a PSI
	SCSCF       string `json:"scscf,omitempty"` // its SIP URI (Server-Name), kept with a not registered set where the book says so
	Host        string `json:"host,omitempty"`  // its Origin-Host
	Realm       string `json:"realm,omitempty"` // its Origin-Realm

	State RegistrationState `json:"state"`
	IMPIs []string          `json:"impis,omitempty"` // registered with, while State is Registered
	// SharedIFC says that the S-CSCF has the feature SharedIFC.
	SharedIFC bool `json:"sharedIFC,omitempty"`
	// Reassignable says that another S-CSCF may take the set over (TS 29.228 section 6.1.1.1, S-CSCF reassignment pending flag).
	Reassignable bool `json:"reassignable,omitempty"`

	// Restoration is SCSCF-Restoration-Info of each IMPI (TS 29.228 section 6.1.2), as it came.
	Restoration []Restoration `json:"restoration,omitempty"`

	Since time.Time `json:"since,omitzero"`

	// OldHost and OldRealm are of the S-CSCF that had the set before another one asked for authentication data. It is told once
	// the other has the registration (TS 29.228 section 8.1.1).
	OldHost  string `json:"oldHost,omitempty"`
	OldRealm string `json:"oldRealm,omitempty"`
}

// Restoration is what an S-CSCF restores a registration from (TS 23.380): the AVP SCSCF-Restoration-Info in octets.
type Restoration struct {
	IMPI string `json:"impi"`
	Info []byte `json:"info"`
}

// RepositoryData is what an application server keeps (TS 29.328 section 7.6.1).
type RepositoryData struct {
	Identity          string `json:"identity"` // the public identity, or "alias:" and the group
	ServiceIndication string `json:"serviceIndication"`
	SequenceNumber    int    `json:"sequenceNumber"`
	Data              []byte `json:"data"` // XML
}

// Notification is a subscription of an application server (TS 29.328 section 6.1.3).
type Notification struct {
	Host              string    `json:"host"`                 // Origin-Host of the application server
	Realm             string    `json:"realm"`                // its realm
	ServerName        string    `json:"serverName,omitempty"` // its SIP URI
	Identity          string    `json:"identity"`             // the public identity or MSISDN as it was asked for
	MSISDN            bool      `json:"msisdn,omitempty"`     // Identity is an MSISDN
	DataReference     int       `json:"dataReference"`
	ServiceIndication string    `json:"serviceIndication,omitempty"`
	IdentitySet       int       `json:"identitySet,omitempty"`
	DSAITag           string    `json:"dsaiTag,omitempty"`
	Expiry            time.Time `json:"expiry,omitzero"` // zero: never
	OneTime           bool      `json:"oneTime,omitempty"`
}

// DSAI is a tag of dynamic service activation info of a public identity that is inactive.
type DSAI struct {
	Identity string `json:"identity"`
	Tag      string `json:"tag"`
}

// PSIActivation is the state of a PSI that an application server has switched.
type PSIActivation struct {
	Identity string `json:"identity"`
	Active   bool   `json:"active"`
}

// ServingNode is an MME or SGSN (TS 29.272 section 5.2.1).
type ServingNode struct {
	Host        string    `json:"host"`
	Realm       string    `json:"realm"`
	VisitedPLMN string    `json:"visitedPLMN,omitempty"` // digits
	RATType     int32     `json:"ratType,omitempty"`
	Purged      bool      `json:"purged,omitempty"` // the node has thrown away what it knew
	IMEI        string    `json:"imei,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	// PDNGateways are what Notify told, by APN.
	PDNGateways []PDNGateway `json:"pdnGateways,omitempty"`
}

// PDNGateway is the gateway of an APN in use.
type PDNGateway struct {
	APN  string `json:"apn"`
	Info []byte `json:"info"` // the AVP MIP6-Agent-Info in octets
}

// isZero tells whether nothing is known.
func (s *State) isZero() bool {
	return s == nil || len(s.Registrations) == 0 && len(s.RepositoryData) == 0 && len(s.Notifications) == 0 && len(s.InactiveDSAI) == 0 &&
		len(s.PSIActivation) == 0 && s.MME == nil && s.SGSN == nil && s.NextSCSCF == ""
}

// PushKind is what a [Push] is.
type PushKind uint8

// The kinds of pushes.
const (
	PushRTR PushKind = iota + 1 // Registration-Termination-Request
	PushPPR                     // Push-Profile-Request
	PushPNR                     // Push-Notification-Request
	PushCLR                     // Cancel-Location-Request
	PushIDR                     // Insert-Subscriber-Data-Request
)

// String is the name of the command.
func (k PushKind) String() string {
	switch k {
	case PushRTR:
		return "RTR"
	case PushPPR:
		return "PPR"
	case PushPNR:
		return "PNR"
	case PushCLR:
		return "CLR"
	case PushIDR:
		return "IDR"
	}
	return "?"
}

// MarshalText is String.
func (k PushKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Push is a request that the HSS owes to a CSCF, application server or MME. It is kept on disk until it is answered or given up.
type Push struct {
	ID      uint64    `json:"id"` // set by the store
	Kind    PushKind  `json:"kind"`
	Host    string    `json:"host"`
	Realm   string    `json:"realm"`
	Subject string    `json:"subject"` // ID of the subscription
	Created time.Time `json:"created"`
	// Message is the request as it goes on the wire, but for its identifiers.
	Message []byte `json:"-"`
	// ImplicitSet and PSI say which registration a PPR is about.
	ImplicitSet int    `json:"implicitSet,omitempty"`
	PSI         string `json:"psi,omitempty"`
}
