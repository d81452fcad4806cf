package call

import (
	"testing"
	"time"

	"github.com/gotelco/telco/internal/impair"
)

// What tests with other programs use of this package's own.
var Segmental = segmental

type Streamed = streamed

func (s *streamed) Tap() func(impair.Packet) { return s.tap }

func (s *streamed) Decode(t *testing.T, c Codec, fmtp string, delay time.Duration) []int16 {
	return s.decode(t, c, fmtp, delay)
}
