package stp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// Options are what a [Node] gets from the program that it is part of. The zero value works for a node
// without associations.
type Options struct {
	// Network carries SCTP: package sctp/kernel, sctp/user, or a [sctp.Memory]. A node whose
	// configuration has links, listeners or peers over SCTP needs it.
	Network sctp.Network

	// TCP carries M3UA over TCP. If nil, the system's.
	TCP sctp.Network

	// Users take messages that are for this node, by service indicator. They are called in the loop of
	// the node, in order, and must not wait; what m refers to is valid until they return. SCCP is the
	// node's own as soon as it translates global titles, and then cannot be here.
	Users map[mtp3.ServiceIndicator]func(m *mtp3.MSU)

	// Primitive gets MTP-PAUSE, MTP-RESUME and MTP-STATUS for the users of this node. It is called as Users are.
	Primitive func(p mtp3.Primitive)

	// Changed gets each change of state, as a line in words that is also logged. It must not wait nor call the node.
	Changed func(c Change)

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // every message and change of state; if nil, not called
}

// ErrNotRunning says that the node is not (or not any more) in [Node.Run]. It is a [net.ErrClosed].
var ErrNotRunning error = notRunning{}

type notRunning struct{}

func (notRunning) Error() string        { return "stp: the node is not running" }
func (notRunning) Is(target error) bool { return target == net.ErrClosed }

// ErrNoNetwork says that the configuration needs SCTP, and Options.Network is nil.
var ErrNoNetwork = errors.New("stp: the configuration needs SCTP, and there is no network for it")

// UnknownError says that the node has nothing of a name.
type UnknownError struct {
	Kind string // "link", "linkset", "as", "asp", "gateway"
	Name string
}

// Error names it.
func (e *UnknownError) Error() string { return fmt.Sprintf("stp: there is no %s %q", e.Kind, e.Name) }
