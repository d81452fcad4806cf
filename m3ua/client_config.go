package m3ua

import (
	"context"
	"log/slog"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// Exchange says what the peer of an [ASP] is (RFC 4666 section 4.3).
type Exchange uint8

// The kinds of peers.
const (
	// ToSGP is the ordinary case: the peer is a signalling gateway process.
	ToSGP Exchange = iota
	// SingleExchange is between two IPSPs that need one exchange of ASPSM and ASPTM messages for
	// both directions; either of them may begin.
	SingleExchange
	// DoubleExchange is between two IPSPs that each bring up and activate their own direction.
	DoubleExchange
)

// ClientConfig sets up an [ASP]; all it needs is Dial, or a call of [ASP.Attach].
type ClientConfig struct {
	Name string // in logs, events and traces; if empty, "asp"

	// Dial sets up the association, and again whenever it is gone, with pauses from 1 s that
	// double up to MaxBackoff. If nil, associations come by Attach.
	Dial       func(ctx context.Context) (sctp.Conn, error)
	MaxBackoff time.Duration // if zero, 30 s

	// RoutingContexts are the Application Servers this ASP is in, as the gateway counts them. If
	// there are none, and no Keys, the gateway knows without being told.
	RoutingContexts []uint32
	// Keys are registered when the ASP is up (section 4.4.1); their Routing Contexts come from
	// the gateway. LocalID is set by the ASP.
	Keys []RoutingKeyRequest

	TrafficMode       TrafficMode // said in ASP Active; if zero, not said
	Identifier        Optional    // said in ASP Up
	NetworkAppearance Optional    // said in DATA

	// Standby keeps the ASP inactive until the gateway says that it is needed: NTFY (AS-PENDING),
	// or NTFY (Insufficient ASP Resources Active in AS).
	Standby bool

	// Exchange is what the peer is, and Passive leaves the first step to the other IPSP.
	Exchange Exchange
	Passive  bool
	// PeerContexts are, in a double exchange, the Routing Contexts of the peer's Application
	// Servers: what DATA to it carries, and what it activates. If there are none, RoutingContexts.
	PeerContexts []uint32

	// TAck is T(ack): how long to wait for an acknowledgement before asking again (section
	// 4.3.4.1). If zero, 2 s.
	TAck time.Duration
	// TRefused is how long to wait after a refusal (ERR) before asking again. If zero, 10 s.
	TRefused time.Duration
	// TBeat is as in [SGConfig].
	TBeat time.Duration
	// TAudit is after how long a destination that was said to be unavailable, restricted or
	// congested is asked for with DAUD (section 4.5.3). If zero, 30 s; if negative, never.
	TAudit time.Duration

	// SendMessages and SendOctets are as in [SGConfig].
	SendMessages, SendOctets int

	// Transfer gets every DATA message, in order of each stream, on the goroutine that reads the
	// association. What it refers to is valid until it returns. If nil, messages are dropped.
	Transfer func(in *Indication)

	// Event gets what happens, in order: changes of state, NTFY, ERR, and the primitives
	// MTP-PAUSE, MTP-RESUME and MTP-STATUS. A primitive whose destination has 24 wild bits is
	// about every destination: the gateway is lost, or has come. Event may be called on any
	// goroutine, one at a time, and may call the ASP, but not wait for it.
	Event func(Event)

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // if nil, not called
}

// Defaults is c with each zero field replaced by its default, as the fields say. [NewASP] calls it.
func (c ClientConfig) Defaults() ClientConfig {
	c.setDefaults()
	return c
}

func (c *ClientConfig) setDefaults() {
	if c.Name == "" {
		c.Name = "asp"
	}
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{{&c.TAck, 2 * time.Second}, {&c.TRefused, 10 * time.Second}, {&c.TAudit, 30 * time.Second}} {
		if *d.p == 0 {
			*d.p = d.v
		}
	}
	setDefault(&c.SendMessages, 4096)
	setDefault(&c.SendOctets, 1<<20)
}

// everything is every destination of a network.
var everything = mtp3.Destination{Wild: 24}
