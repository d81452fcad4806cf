package sh

import (
	"fmt"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/internal/xmltree"
)

// Data is the document Sh-Data of the AVP User-Data (TS 29.328 Annexes C and D).
type Data struct {
	PublicIdentifiers     *Identities
	RepositoryData        []RepositoryData
	IMSData               *IMSData
	CSLocationInformation *CSLocation
	PSLocationInformation *PSLocation
	CSUserState           diameter.Opt[CSUserState]
	PSUserState           diameter.Opt[PSUserState]
	RegisteredIdentities  *Identities
	ImplicitIdentities    *Identities
	AliasIdentities       *Identities
	AliasesRepositoryData []RepositoryData
	AllIdentities         *Identities
	// Extension holds the elements of extensions without a field: data of the evolved packet core, SMS, TADS and others.
	Extension []*cx.Element
	Other     []*cx.Element
}

// Identities are public identities and numbers of a user (TS 29.328 Annex C.2).
type Identities struct {
	IMSPublicIdentities []string
	MSISDNs             []string
	IdentityType        diameter.Opt[cx.IdentityType]
	WildcardedPSI       string
	WildcardedIMPU      string
	Extension           []*cx.Element
}

// RepositoryData is what an application server keeps at the HSS under a name (TS 29.328 section 7.6.1).
type RepositoryData struct {
	ServiceIndication string
	// SequenceNumber is 0 for new data. A change carries the number of the data that it replaces plus one, modulo 65536 with 0
	// left out (see [NextSequenceNumber]).
	SequenceNumber int
	// ServiceData is XML that the HSS doesn't understand, without the element ServiceData itself. It is written as it is, so it
	// has to be well-formed. Nil removes the data.
	ServiceData []byte
	Extension   []*cx.Element
}

// NextSequenceNumber returns the sequence number that a change of data with number n carries (TS 29.328 section 6.1.2.1).
func NextSequenceNumber(n int) int {
	if n >= 65535 || n < 0 {
		return 1
	}
	return n + 1
}

// IMSUserState is the state of a public identity (TS 29.328 section 7.6.3).
type IMSUserState int

// The states.
const (
	NotRegistered           IMSUserState = 0
	Registered              IMSUserState = 1
	RegisteredUnregServices IMSUserState = 2 // not registered, with an S-CSCF that serves him
	AuthenticationPending   IMSUserState = 3
)

// CSUserState is the state of a user in the circuit-switched domain (TS 29.328 section 7.6.7, TS 23.078).
type CSUserState int

// The states of the circuit-switched domain.
const (
	CSCAMELBusy                     CSUserState = 0
	CSNetworkDeterminedNotReachable CSUserState = 1
	CSAssumedIdle                   CSUserState = 2
	CSNotProvidedFromVLR            CSUserState = 3
)

// PSUserState is the state of a user in the packet-switched domain (TS 29.328 section 7.6.7).
type PSUserState int

// The states of the packet-switched domain.
const (
	PSDetached                       PSUserState = 0
	PSAttachedNotReachableForPaging  PSUserState = 1
	PSAttachedReachableForPaging     PSUserState = 2
	PSConnectedNotReachableForPaging PSUserState = 3
	PSConnectedReachableForPaging    PSUserState = 4
	PSNetworkDeterminedNotReachable  PSUserState = 5
)

// IMSData is what the HSS knows of a user in the IP multimedia subsystem (TS 29.328 Annex C.2).
type IMSData struct {
	SCSCFName string
	// NoSCSCFName says, in a notification, that there is no S-CSCF any more: the element is there and empty.
	NoSCSCFName bool
	// InitialFilterCriteria are those of the asking application server. Empty but not nil: there are none (any more).
	InitialFilterCriteria []cx.InitialFilterCriteria
	IMSUserState          diameter.Opt[IMSUserState]
	ChargingInformation   *cx.ChargingInformation
	PSIActivation         diameter.Opt[bool]
	DSAI                  []DSAI
	Extension             []*cx.Element
	Other                 []*cx.Element
}

// DSAI is a dynamic service activation info: whether the criteria with a tag count (TS 29.328 section 7.6.15).
type DSAI struct {
	Tag    string
	Active bool
}

// CSLocation is where a user is in the circuit-switched domain (TS 29.328 section 7.6.6). Octets are in hexadecimal digits or base64,
// as the peer writes them.
type CSLocation struct {
	LocationNumber string
	Location
	VLRNumber, MSCNumber []string
}

// PSLocation is where a user is in the packet-switched domain (TS 29.328 section 7.6.6).
type PSLocation struct {
	Location
	RoutingAreaID string
	SGSNNumber    []string
}

// Location is what the two domains have in common.
type Location struct {
	CellGlobalID, ServiceAreaID, LocationAreaID string // one of them
	GeographicalInformation                     string
	GeodeticInformation                         string
	CurrentLocationRetrieved                    diameter.Opt[bool]
	AgeOfLocationInformation                    diameter.Opt[int] // minutes, up to 32767
	Extension                                   []*cx.Element
	Other                                       []*cx.Element
}

// DataError says that a document is not Sh-Data.
type DataError struct{ Err error }

// Error returns what is wrong.
func (e *DataError) Error() string { return "sh: user data: " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *DataError) Unwrap() error { return e.Err }

// ParseData reads the document of the AVP User-Data. Elements that have no field are kept. The error is a [*DataError].
func ParseData(b []byte) (*Data, error) {
	root, err := xmltree.Parse(b)
	if err == nil && root.Name.Local != "Sh-Data" {
		err = fmt.Errorf("the root is <%s>", root.Name.Local)
	}
	d := new(Data)
	if err == nil {
		err = d.parse(root, false)
	}
	if err != nil {
		return nil, &DataError{err}
	}
	return d, nil
}
