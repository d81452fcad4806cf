package hss

// Subscriber is an IMS subscription (TS 23.228 section 4.3.3.4): the private identities that authenticate, the public identities
// that they use, and what these may do; with EPS, also a subscription to packet access. It is what an operator provisions, in
// JSON or YAML by the names below. What the HSS learns from the network is in [State].
type Subscriber struct {
	// ID names the subscription in the administration. If empty, the first IMPI, IMSI or IMPU.
	ID string `json:"id,omitempty"`

	PrivateIdentities []PrivateIdentity `json:"privateIdentities,omitempty"`
	PublicIdentities  []PublicIdentity  `json:"publicIdentities,omitempty"`

	// ServiceProfiles are those of this subscription alone. Public identities name one of them, or one of [Shared].
	ServiceProfiles []ServiceProfile `json:"serviceProfiles,omitempty"`

	// MSISDNs in international format, digits only, such as "15551234567". The first is the basic one.
	MSISDNs []string `json:"msisdns,omitempty"`

	// VisitedNetworks are those from where the user may register (TS 29.228 section 6.1.1.1): names as in P-Visited-Network-ID,
	// "*.example.com" for all names below one. If empty, all networks.
	VisitedNetworks []string `json:"visitedNetworks,omitempty"`

	// Capabilities that the S-CSCF must or should have (TS 29.228 section 6.7).
	Capabilities Capabilities `json:"capabilities,omitzero"`

	// Charging function addresses (TS 29.228 section 7.8). If nil, those of [Config].
	Charging *Charging `json:"charging,omitempty"`

	// LooseRoute asks for the loose-route mechanism (TS 29.228 section 6.1.2.1, Loose-Route-Indication).
	LooseRoute bool `json:"looseRoute,omitempty"`
	// PrivilegedSender is Priviledged-Sender-Indication (TS 29.229 section 6.3.58).
	PrivilegedSender bool `json:"privilegedSender,omitempty"`

	// EPS is the subscription to packet access over E-UTRAN (TS 29.272), nil if there is none. It needs an IMSI.
	EPS *EPS `json:"eps,omitempty"`
}

// Capabilities are what an I-CSCF chooses an S-CSCF by (TS 29.228 section 6.7). What the numbers mean is the operator's choice.
type Capabilities struct {
	Mandatory []uint32 `json:"mandatory,omitempty"`
	Optional  []uint32 `json:"optional,omitempty"`
	// ServerNames are SIP URIs of S-CSCFs that the user should go to, the best one first.
	ServerNames []string `json:"serverNames,omitempty"`
}

// IsZero tells whether nothing is asked for.
func (c Capabilities) IsZero() bool {
	return len(c.Mandatory) == 0 && len(c.Optional) == 0 && len(c.ServerNames) == 0
}

// Charging holds the addresses of charging functions (TS 29.229 section 6.3.19): DiameterURIs, such as
// "aaa://ccf.example.com:3868;transport=tcp".
type Charging struct {
	PrimaryEventChargingFunctionName        string `json:"primaryEventChargingFunctionName,omitempty"`
	SecondaryEventChargingFunctionName      string `json:"secondaryEventChargingFunctionName,omitempty"`
	PrimaryChargingCollectionFunctionName   string `json:"primaryChargingCollectionFunctionName,omitempty"`
	SecondaryChargingCollectionFunctionName string `json:"secondaryChargingCollectionFunctionName,omitempty"`
}

// PrivateIdentity is what a terminal authenticates as: a private user identity with the keys of its card or its password. Of a card
// that serves IMS and packet access there is one PrivateIdentity, with an IMPI and an IMSI and one sequence number for both.
type PrivateIdentity struct {
	IMPI string `json:"impi,omitempty"` // a NAI, such as "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
	IMSI string `json:"imsi,omitempty"` // 6 to 15 digits

	AKA    *AKA    `json:"aka,omitempty"`    // Digest-AKAv1-MD5, Digest-AKAv2-SHA-256, and packet access
	Digest *Digest `json:"digest,omitempty"` // SIP Digest

	// Scheme is the one that a request with the scheme Unknown gets: "Digest-AKAv1-MD5" or "SIP Digest". If empty, "SIP Digest"
	// where there is a Digest; without one such requests are refused (TS 29.228 section 6.3.1).
	Scheme string `json:"scheme,omitempty"`
}

// Name is the IMPI, or the IMSI of a user without one.
func (p *PrivateIdentity) Name() string {
	if p.IMPI != "" {
		return p.IMPI
	}
	return p.IMSI
}

// Algorithms of [AKA].
const (
	Milenage = "milenage" // TS 35.206
	TUAK     = "tuak"     // TS 35.231
)

// AKA is what a card and the HSS share (TS 33.102 section 6.3).
type AKA struct {
	Algorithm string `json:"algorithm,omitempty"` // Milenage or TUAK. If empty, Milenage
	K         Secret `json:"k,omitzero"`          // 16 octets; 16 or 32 for TUAK

	// OPc or OP, one of them: 16 octets; for TUAK TOPc or TOP: 32 octets.
	OPc Secret `json:"opc,omitzero"`
	OP  Secret `json:"op,omitzero"`

	// AMF in four hexadecimal digits. If empty, "8000". The separation bit is always set in vectors for E-UTRAN.
	AMF string `json:"amf,omitempty"`
	// SQN is where sequence numbers begin at least. They are never lowered: a smaller value changes nothing.
	SQN uint64 `json:"sqn,omitempty"`

	// Lengths of TUAK in octets and its iterations; 0: 8, 16, 16, 1.
	RESLen     int `json:"resLen,omitempty"`
	CKLen      int `json:"ckLen,omitempty"`
	IKLen      int `json:"ikLen,omitempty"`
	Iterations int `json:"iterations,omitempty"`
}

// Digest is what SIP Digest is checked with (TS 29.228 section 6.3, RFC 8760): a password or the H(A1) made of it.
type Digest struct {
	Realm    string `json:"realm"`
	Username string `json:"username,omitempty"` // if empty, the IMPI; it goes into H(A1) only
	// Algorithm is "MD5" or "SHA-256". If empty, "MD5".
	Algorithm string `json:"algorithm,omitempty"`
	QoP       string `json:"qop,omitempty"` // "auth" or "auth-int". If empty, "auth"

	// HA1 is H(A1) in hexadecimal digits, of the length that Algorithm makes.
	HA1 Secret `json:"ha1,omitzero"`
	// AlternateHA1 is H(A1) of the other algorithm, for terminals that have it (Alternate-Digest-HA1).
	AlternateHA1 Secret `json:"alternateHA1,omitzero"`
}

// EPS is a subscription to packet access (TS 29.272 section 7.3.2).
type EPS struct {
	Barred            bool   `json:"barred,omitempty"` // Subscriber-Status OPERATOR_DETERMINED_BARRING
	ODB               uint32 `json:"odb,omitempty"`    // Operator-Determined-Barring, while Barred
	NetworkAccessMode uint32 `json:"networkAccessMode,omitempty"`
	// AccessRestriction is Access-Restriction-Data: bit 4 forbids WB-E-UTRAN, for others see TS 29.272 section 7.3.31.
	AccessRestriction       uint32 `json:"accessRestriction,omitempty"`
	MaxBitRateUL            uint64 `json:"maxBitRateUL,omitempty"` // bit/s. If zero, 50 Mbit/s
	MaxBitRateDL            uint64 `json:"maxBitRateDL,omitempty"` // bit/s. If zero, 100 Mbit/s
	ChargingCharacteristics string `json:"chargingCharacteristics,omitempty"`
	STNSR                   string `json:"stnSR,omitempty"` // digits
	PeriodicRAUTAUTimer     uint32 `json:"periodicRAUTAUTimer,omitempty"`
	RATFrequencyPriority    uint32 `json:"ratFrequencyPriority,omitempty"`
	UEUsageType             uint32 `json:"ueUsageType,omitempty"`

	// VisitedPLMNs are those from where the user may attach, such as "00101". If empty, all.
	VisitedPLMNs []string `json:"visitedPLMNs,omitempty"`

	APNs       []APN  `json:"apns,omitempty"`
	DefaultAPN string `json:"defaultAPN,omitempty"` // if empty, the first of APNs
}

// APN is one packet data network (TS 29.272 section 7.3.35).
type APN struct {
	Name                    string   `json:"name"`              // Service-Selection, "*" for any
	PDNType                 string   `json:"pdnType,omitempty"` // "IPv4", "IPv6", "IPv4v6", "IPv4_OR_IPv6". If empty, "IPv4"
	QCI                     uint8    `json:"qci,omitempty"`     // if zero, 9; 5 for an APN "ims"
	ARPPriority             uint8    `json:"arpPriority,omitempty"`
	PreEmptionCapability    bool     `json:"preEmptionCapability,omitempty"`
	PreEmptionVulnerability bool     `json:"preEmptionVulnerability,omitempty"`
	MaxBitRateUL            uint64   `json:"maxBitRateUL,omitempty"` // bit/s. If zero, that of the subscription
	MaxBitRateDL            uint64   `json:"maxBitRateDL,omitempty"`
	Addresses               []string `json:"addresses,omitempty"`  // fixed addresses of the user, at most one of each IP version
	PDNGateway              string   `json:"pdnGateway,omitempty"` // a fixed gateway: its IP address
	ChargingCharacteristics string   `json:"chargingCharacteristics,omitempty"`
	VPLMNAddressAllowed     bool     `json:"vplmnAddressAllowed,omitempty"`
}
