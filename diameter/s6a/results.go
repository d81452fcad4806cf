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
