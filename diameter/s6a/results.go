package s6a

import "github.com/gotelco/telco/diameter"

// Results that answers of S6a hold in Experimental-Result (TS 29.272 section 7.4).
var (
	UserUnknown                   = result(5001) // DIAMETER_ERROR_USER_UNKNOWN
	RoamingNotAllowed             = result(5004) // DIAMETER_ERROR_ROAMING_NOT_ALLOWED
	UnknownEPSSubscription        = result(5420) // DIAMETER_ERROR_UNKNOWN_EPS_SUBSCRIPTION
	RATNotAllowed                 = result(5421) // DIAMETER_ERROR_RAT_NOT_ALLOWED
	EquipmentUnknown              = result(5422) // DIAMETER_ERROR_EQUIPMENT_UNKNOWN
	UnknownServingNode            = result(5423) // DIAMETER_ERROR_UNKNOWN_SERVING_NODE
	AuthenticationDataUnavailable = result(4181) // DIAMETER_AUTHENTICATION_DATA_UNAVAILABLE
	CAMELSubscriptionPresent      = result(4182) // DIAMETER_ERROR_CAMEL_SUBSCRIPTION_PRESENT
)

func result(code diameter.ResultCode) diameter.Result {
	return diameter.Result{VendorID: diameter.Vendor3GPP, Code: code}
}

// ResultName returns the name of a result of S6a, such as "DIAMETER_ERROR_USER_UNKNOWN", or what Result.String says.
func ResultName(r diameter.Result) string {
	if r.VendorID == diameter.Vendor3GPP {
		if s, ok := resultNames[r.Code]; ok {
			return s
		}
	}
	return r.String()
}

var resultNames = map[diameter.ResultCode]string{
	4181: "DIAMETER_AUTHENTICATION_DATA_UNAVAILABLE",
	4182: "DIAMETER_ERROR_CAMEL_SUBSCRIPTION_PRESENT",
	5001: "DIAMETER_ERROR_USER_UNKNOWN",
	5004: "DIAMETER_ERROR_ROAMING_NOT_ALLOWED",
	5420: "DIAMETER_ERROR_UNKNOWN_EPS_SUBSCRIPTION",
	5421: "DIAMETER_ERROR_RAT_NOT_ALLOWED",
	5422: "DIAMETER_ERROR_EQUIPMENT_UNKNOWN",
	5423: "DIAMETER_ERROR_UNKNOWN_SERVING_NODE",
}
