package diameter_test

import (
	"testing"

	. "github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/internal/diatest"
)

func TestCommands(t *testing.T) {
	diatest.Commands(t, BaseDictionary(),
		diatest.Of(&CER{}, ParseCER), diatest.Of(&CEA{}, ParseCEA), diatest.Of(&DWR{}, ParseDWR), diatest.Of(&DWA{}, ParseDWA),
		diatest.Of(&DPR{}, ParseDPR), diatest.Of(&DPA{}, ParseDPA), diatest.Of(&RAR{}, ParseRAR), diatest.Of(&RAA{}, ParseRAA),
		diatest.Of(&STR{}, ParseSTR), diatest.Of(&STA{}, ParseSTA), diatest.Of(&ASR{}, ParseASR), diatest.Of(&ASA{}, ParseASA),
		diatest.Of(&ACR{}, ParseACR), diatest.Of(&ACA{}, ParseACA))
}
