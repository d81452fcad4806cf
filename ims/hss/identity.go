package hss

import (
	"strings"

	"github.com/gotelco/telco/diameter/cx"
)

// IdentityType says what a public identity is.
type IdentityType string

// The identity types (TS 29.228 Annex E, tIdentityType).
const (
	UserIdentity   IdentityType = "user"           // a public user identity; the empty type is that too
	DistinctPSI    IdentityType = "psi"            // a public service identity
	WildcardedPSI  IdentityType = "wildcardedPSI"  // many of them, such as "sip:chat-!.*!@example.com"
	WildcardedIMPU IdentityType = "wildcardedIMPU" // many public user identities
)

// PublicIdentity is a public user or service identity (TS 23.228 section 4.3.3.2, 4.3.6).
type PublicIdentity struct {
	// Identity is a SIP or tel URI; of a wildcarded one a URI with a regular expression between two "!".
	Identity string       `json:"identity"`
	Type     IdentityType `json:"type,omitempty"`

	// Barred identities are registered with their set and used for nothing else (BarringIndication).
	Barred bool `json:"barred,omitempty"`

	// ImplicitSet numbers the set of identities that are registered with one another (TS 23.228 section 5.2.1a). PSIs are in none.
	ImplicitSet int `json:"implicitSet,omitempty"`
	// Default makes it the default of its set, which comes first in P-Associated-URI. Without one the first that is not barred is.
	Default bool `json:"default,omitempty"`

	// Profile names the service profile. If empty, the first of the subscription's own, or none.
	Profile string `json:"profile,omitempty"`

	// PrivateIdentities are the IMPIs that may use it. If empty, all of the subscription.
	PrivateIdentities []string `json:"privateIdentities,omitempty"`

	DisplayName string `json:"displayName,omitempty"`
	AliasGroup  string `json:"aliasGroup,omitempty"` // AliasIdentityGroupID: identities with the same one are aliases
	TraceInfo   string `json:"traceInfo,omitempty"`  // ServiceLevelTraceInfo
	// ServicePriorityLevel is 0, the highest, to 4; nil if there is none.
	ServicePriorityLevel *int `json:"servicePriorityLevel,omitempty"`
	// MaxRegistrations is how many terminals may be registered at once, nil for any number.
	MaxRegistrations *int `json:"maxRegistrations,omitempty"`

	// ServerName is, of a PSI, the application server that the I-CSCF sends requests to by itself (direct routing, TS 23.228
	// section 5.4.12): a SIP URI.
	ServerName string `json:"serverName,omitempty"`
	// Inactive is PSIActivation the other way round: requests to an inactive PSI are refused (TS 23.228 section 5.4.12.3).
	Inactive bool `json:"inactive,omitempty"`
}

// IsPSI tells whether it is a public service identity.
func (p *PublicIdentity) IsPSI() bool { return p.Type == DistinctPSI || p.Type == WildcardedPSI }

// IsWildcarded tells whether it stands for many identities.
func (p *PublicIdentity) IsWildcarded() bool {
	return p.Type == WildcardedPSI || p.Type == WildcardedIMPU
}

func (p *PublicIdentity) cxType() cx.IdentityType {
	switch p.Type {
	case DistinctPSI:
		return cx.DistinctPSI
	case WildcardedPSI:
		return cx.WildcardedPSI
	case WildcardedIMPU:
		return cx.WildcardedIMPU
	}
	return cx.PublicUserIdentity
}

// UsedBy tells whether a private identity may use it.
func (p *PublicIdentity) UsedBy(impi string) bool {
	if len(p.PrivateIdentities) == 0 {
		return true
	}
	for _, s := range p.PrivateIdentities {
		if s == impi {
			return true
		}
	}
	return false
}

// CanonicalIdentity is a public identity in the form in which two of them are compared (TS 23.003 section 13.4): a SIP URI without
// parameters, headers and port, its scheme and host in lower case; a tel URI without visual separators and parameters. Text that is
// neither is returned as it is.
func CanonicalIdentity(s string) string {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok {
		return s
	}
	switch {
	case strings.EqualFold(scheme, "sip"), strings.EqualFold(scheme, "sips"):
	case strings.EqualFold(scheme, "tel"):
		return canonicalTel(s, rest)
	default:
		return s
	}
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		host, user = user, ""
	}
	end := strings.IndexAny(host, ";?")
	if end < 0 {
		end = len(host)
	}
	name := host[:end]
	if at := strings.LastIndexByte(name, ':'); at >= 0 && isPort(name[at+1:]) && (strings.HasSuffix(name[:at], "]") || strings.IndexByte(name[:at], ':') < 0) {
		name = name[:at]
	}
	lower := strings.ToLower(name)
	if len(name) == len(host) && lower == name && (scheme == "sip" || scheme == "sips") {
		return s
	}
	scheme = strings.ToLower(scheme)
	if ok {
		return scheme + ":" + user + "@" + lower
	}
	return scheme + ":" + lower
}

func isPort(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func canonicalTel(whole, number string) string {
	clean := strings.HasPrefix(whole, "tel:")
	for i := 0; i < len(number); i++ {
		switch number[i] {
		case '-', '.', '(', ')', ';':
			clean = false
		}
	}
	if clean {
		return whole
	}
	number, _, _ = strings.Cut(number, ";")
	return "tel:" + strings.NewReplacer("-", "", ".", "", "(", "", ")", "").Replace(number)
}
