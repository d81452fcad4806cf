package sh

import (
	"testing"

	"github.com/gotelco/telco/internal/diatest"
)

func TestCommands(t *testing.T) {
	diatest.Commands(t, Dictionary(),
		diatest.Of(&UDR{}, ParseUDR), diatest.Of(&UDA{}, ParseUDA), diatest.Of(&PUR{}, ParsePUR), diatest.Of(&PUA{}, ParsePUA),
		diatest.Of(&SNR{}, ParseSNR), diatest.Of(&SNA{}, ParseSNA), diatest.Of(&PNR{}, ParsePNR), diatest.Of(&PNA{}, ParsePNA))
}
