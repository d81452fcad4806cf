package kernel

import (
	"errors"

	"github.com/gotelco/telco/sctp"
)

// ErrUnavailable says that this system has no SCTP in its kernel, or that this package does not
// know its.
var ErrUnavailable = errors.New("sctp/kernel: no SCTP in this system's kernel")

// Network is the kernel's SCTP, as a [sctp.Network]. The zero value works.
type Network struct{}

var _ sctp.Network = Network{}

// Capabilities says what the kernel's SCTP can do.
func (Network) Capabilities() sctp.Capabilities {
	return sctp.Capabilities{Name: "kernel", Multihomed: true, RTO: true, SACK: true, MaxMessage: 4 << 20}
}
