package cx

import (
	"testing"

	"github.com/gotelco/telco/internal/diatest"
)

func TestCommands(t *testing.T) {
	diatest.Commands(t, Dictionary(),
		diatest.Of(&UAR{}, ParseUAR), diatest.Of(&UAA{}, ParseUAA), diatest.Of(&SAR{}, ParseSAR), diatest.Of(&SAA{}, ParseSAA),
		diatest.Of(&LIR{}, ParseLIR), diatest.Of(&LIA{}, ParseLIA), diatest.Of(&MAR{}, ParseMAR), diatest.Of(&MAA{}, ParseMAA),
		diatest.Of(&RTR{}, ParseRTR), diatest.Of(&RTA{}, ParseRTA), diatest.Of(&PPR{}, ParsePPR), diatest.Of(&PPA{}, ParsePPA))
}
