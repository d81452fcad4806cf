package sh

import (
	"testing"

	"github.com/gotelco/telco/internal/diatest"
)

func FuzzCommands(f *testing.F) { diatest.Fuzz(f, Dictionary(), diatest.Of(&UDR{}, ParseUDR)) }
