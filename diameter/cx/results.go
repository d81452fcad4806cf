package cx

import "github.com/gotelco/telco/diameter"

// Results that answers of Cx hold in Experimental-Result (TS 29.229 section 6.2). SetResult of an answer takes them.
var (
	FirstRegistration             = result(2001) // DIAMETER_FIRST_REGISTRATION
	SubsequentRegistration        = result(2002) // DIAMETER_SUBSEQUENT_REGISTRATION
	UnregisteredService           = result(2003) // DIAMETER_UNREGISTERED_SERVICE
	SuccessServerNameNotStored    = result(2004) // DIAMETER_SUCCESS_SERVER_NAME_NOT_STORED
	UserUnknown                   = result(5001) // DIAMETER_ERROR_USER_UNKNOWN
	IdentitiesDontMatch           = result(5002) // DIAMETER_ERROR_IDENTITIES_DONT_MATCH
	IdentityNotRegistered         = result(5003) // DIAMETER_ERROR_IDENTITY_NOT_REGISTERED
	RoamingNotAllowed             = result(5004) // DIAMETER_ERROR_ROAMING_NOT_ALLOWED
	IdentityAlreadyRegistered     = result(5005) // DIAMETER_ERROR_IDENTITY_ALREADY_REGISTERED
	AuthSchemeNotSupported        = result(5006) // DIAMETER_ERROR_AUTH_SCHEME_NOT_SUPPORTED
	InAssignmentType              = result(5007) // DIAMETER_ERROR_IN_ASSIGNMENT_TYPE
	TooMuchData                   = result(5008) // DIAMETER_ERROR_TOO_MUCH_DATA
	NotSupportedUserData          = result(5009) // DIAMETER_ERROR_NOT_SUPPORTED_USER_DATA
	FeatureUnsupported            = result(5011) // DIAMETER_ERROR_FEATURE_UNSUPPORTED
	ServingNodeFeatureUnsupported = result(5012) // DIAMETER_ERROR_SERVING_NODE_FEATURE_UNSUPPORTED
)

func result(code diameter.ResultCode) diameter.Result {
	return diameter.Result{VendorID: diameter.Vendor3GPP, Code: code}
}

// ResultName returns the name of a result of Cx, such as "DIAMETER_ERROR_USER_UNKNOWN", or what Result.String says.
func ResultName(r diameter.Result) string {
	if r.VendorID == diameter.Vendor3GPP {
		if s, ok := resultNames[r.Code]; ok {
			return s
		}
	}
	return r.String()
}

var resultNames = map[diameter.ResultCode]string{
	2001: "DIAMETER_FIRST_REGISTRATION",
	2002: "DIAMETER_SUBSEQUENT_REGISTRATION",
	2003: "DIAMETER_UNREGISTERED_SERVICE",
	2004: "DIAMETER_SUCCESS_SERVER_NAME_NOT_STORED",
	5001: "DIAMETER_ERROR_USER_UNKNOWN",
	5002: "DIAMETER_ERROR_IDENTITIES_DONT_MATCH",
	5003: "DIAMETER_ERROR_IDENTITY_NOT_REGISTERED",
	5004: "DIAMETER_ERROR_ROAMING_NOT_ALLOWED",
	5005: "DIAMETER_ERROR_IDENTITY_ALREADY_REGISTERED",
	5006: "DIAMETER_ERROR_AUTH_SCHEME_NOT_SUPPORTED",
	5007: "DIAMETER_ERROR_IN_ASSIGNMENT_TYPE",
	5008: "DIAMETER_ERROR_TOO_MUCH_DATA",
	5009: "DIAMETER_ERROR_NOT_SUPPORTED_USER_DATA",
	5011: "DIAMETER_ERROR_FEATURE_UNSUPPORTED",
	5012: "DIAMETER_ERROR_SERVING_NODE_FEATURE_UNSUPPORTED",
}

// Authentication schemes of SIP-Authentication-Scheme (TS 29.229 section 6.3.9).
const (
	SchemeDigestAKAv1 = "Digest-AKAv1-MD5"
	SchemeDigestAKAv2 = "Digest-AKAv2-SHA-256"
	SchemeSIPDigest   = "SIP Digest"
	SchemeGIBA        = "Early-IMS-Security" // GPRS-IMS-Bundled Authentication
	SchemeNASSBundled = "NASS-Bundled"
	SchemeUnknown     = "Unknown" // in a request: whichever the HSS has
)
