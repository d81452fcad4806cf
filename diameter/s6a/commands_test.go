package s6a

import (
	"testing"

	"github.com/gotelco/telco/internal/diatest"
)

func TestCommands(t *testing.T) {
	diatest.Commands(t, Dictionary(),
		diatest.Of(&ULR{}, ParseULR), diatest.Of(&ULA{}, ParseULA), diatest.Of(&CLR{}, ParseCLR), diatest.Of(&CLA{}, ParseCLA),
		diatest.Of(&AIR{}, ParseAIR), diatest.Of(&AIA{}, ParseAIA), diatest.Of(&IDR{}, ParseIDR), diatest.Of(&IDA{}, ParseIDA),
		diatest.Of(&DSR{}, ParseDSR), diatest.Of(&DSA{}, ParseDSA), diatest.Of(&PUR{}, ParsePUR), diatest.Of(&PUA{}, ParsePUA),
		diatest.Of(&RSR{}, ParseRSR), diatest.Of(&RSA{}, ParseRSA), diatest.Of(&NOR{}, ParseNOR), diatest.Of(&NOA{}, ParseNOA))
}
