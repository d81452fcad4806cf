package sh

import (
	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// Results that answers of Sh hold in Experimental-Result (TS 29.329 section 6.2), beside those of package cx that Sh shares:
// [cx.UserUnknown], [cx.IdentitiesDontMatch], [cx.TooMuchData], [cx.FeatureUnsupported].
var (
	UserDataNotAvailable     = result(4100) // DIAMETER_USER_DATA_NOT_AVAILABLE
	PriorUpdateInProgress    = result(4101) // DIAMETER_PRIOR_UPDATE_IN_PROGRESS
	UserDataNotRecognized    = result(5100) // DIAMETER_ERROR_USER_DATA_NOT_RECOGNIZED
	OperationNotAllowed      = result(5101) // DIAMETER_ERROR_OPERATION_NOT_ALLOWED
	UserDataCannotBeRead     = result(5102) // DIAMETER_ERROR_USER_DATA_CANNOT_BE_READ
	UserDataCannotBeModified = result(5103) // DIAMETER_ERROR_USER_DATA_CANNOT_BE_MODIFIED
	UserDataCannotBeNotified = result(5104) // DIAMETER_ERROR_USER_DATA_CANNOT_BE_NOTIFIED
	TransparentDataOutOfSync = result(5105) // DIAMETER_ERROR_TRANSPARENT_DATA_OUT_OF_SYNC
	SubsDataAbsent           = result(5106) // DIAMETER_ERROR_SUBS_DATA_ABSENT
	NoSubscriptionToData     = result(5107) // DIAMETER_ERROR_NO_SUBSCRIPTION_TO_DATA
	DSAINotAvailable         = result(5108) // DIAMETER_ERROR_DSAI_NOT_AVAILABLE
)

func result(code diameter.ResultCode) diameter.Result {
	return diameter.Result{VendorID: diameter.Vendor3GPP, Code: code}
}

// ResultName returns the name of a result of Sh, such as "DIAMETER_USER_DATA_NOT_AVAILABLE", or what Result.String says.
func ResultName(r diameter.Result) string {
	if r.VendorID == diameter.Vendor3GPP {
		if s, ok := resultNames[r.Code]; ok {
			return s
		}
	}
	return cx.ResultName(r)
}

var resultNames = map[diameter.ResultCode]string{
	4100: "DIAMETER_USER_DATA_NOT_AVAILABLE",
	4101: "DIAMETER_PRIOR_UPDATE_IN_PROGRESS",
	5100: "DIAMETER_ERROR_USER_DATA_NOT_RECOGNIZED",
	5101: "DIAMETER_ERROR_OPERATION_NOT_ALLOWED",
	5102: "DIAMETER_ERROR_USER_DATA_CANNOT_BE_READ",
	5103: "DIAMETER_ERROR_USER_DATA_CANNOT_BE_MODIFIED",
	5104: "DIAMETER_ERROR_USER_DATA_CANNOT_BE_NOTIFIED",
	5105: "DIAMETER_ERROR_TRANSPARENT_DATA_OUT_OF_SYNC",
	5106: "DIAMETER_ERROR_SUBS_DATA_ABSENT",
	5107: "DIAMETER_ERROR_NO_SUBSCRIPTION_TO_DATA",
	5108: "DIAMETER_ERROR_DSAI_NOT_AVAILABLE",
}
