package sh

import (
	"testing"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// TestMerge: User-Data is one AVP in Cx and another in Sh; the dictionary that comes last has the name.
func TestMerge(t *testing.T) {
	for _, c := range []struct {
		order []*diameter.Dictionary
		code  diameter.AVPCode
	}{
		{[]*diameter.Dictionary{cx.Dictionary(), Dictionary()}, 702},
		{[]*diameter.Dictionary{Dictionary(), cx.Dictionary()}, 606},
	} {
		d := diameter.MergeDictionaries(c.order...)
		if def, ok := d.LookupAVP("User-Data"); !ok || def.Code != c.code {
			t.Errorf("User-Data is %d, want %d", def.Code, c.code)
		}
		for _, code := range []diameter.AVPCode{606, 702} {
			if d.AVPName(code, diameter.Vendor3GPP) != "User-Data" {
				t.Errorf("%d has lost its name", code)
			}
		}
	}
}

func TestResultName(t *testing.T) {
	for r, want := range map[diameter.Result]string{
		OperationNotAllowed:       "DIAMETER_ERROR_OPERATION_NOT_ALLOWED",
		cx.UserUnknown:            "DIAMETER_ERROR_USER_UNKNOWN",
		{Code: 5012}:              "DIAMETER_UNABLE_TO_COMPLY",
		result(5999):              "5999 of vendor 10415",
		{VendorID: 7, Code: 5100}: "5100 of vendor 7",
	} {
		if got := ResultName(r); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
