package s6a

import (
	"testing"

	"github.com/gotelco/telco/diameter"
)

func TestResultName(t *testing.T) {
	for r, want := range map[diameter.Result]string{
		UnknownEPSSubscription:      "DIAMETER_ERROR_UNKNOWN_EPS_SUBSCRIPTION",
		{Code: diameter.MissingAVP}: "DIAMETER_MISSING_AVP",
		{VendorID: 7, Code: 5420}:   "5420 of vendor 7",
	} {
		if got := ResultName(r); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
