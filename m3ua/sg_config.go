package m3ua

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// SGConfig sets up an [SG]. The zero value works, and serves nobody until ASs and ASPs are added.
type SGConfig struct {
	AS  []ASConfig
	ASP []ASPConfig

	// TRecovery is T(r): how long an AS without active ASPs keeps messages for the next one (RFC
	// 4666 section 4.3.2). If zero, 2 s; if negative, an AS is never pending.
	TRecovery time.Duration
	// PendingMessages and PendingOctets bound what a pending AS keeps; what comes then is dropped
	// and counted. If zero, 1000 and 1 MiB.
	PendingMessages, PendingOctets int

	// TBeat is how often a BEAT asks an ASP whether it is there (section 4.3.4.6); one that says
	// nothing for twice that time is given up. If zero, none is sent over SCTP, which has its own,
	// and one each 30 s over TCP. If negative, none.
	TBeat time.Duration

	// SendMessages and SendOctets bound what waits for an ASP that does not read: DATA beyond is
	// dropped and counted, and before that its congestion is told (SCON, [CongestionEvent]). If
	// zero, 4096 and 1 MiB.
	SendMessages, SendOctets int

	// CongestionLevels is for networks with several levels of congestion, such as ANSI's: SCON
	// then says the level, and its end. Otherwise SCON is sent when congestion begins.
	CongestionLevels bool

	// NetworkAppearances are those that ASPs may name, beside those of the routing keys.
	NetworkAppearances []uint32

	// Format bounds the point codes that may be registered. The zero value is that of the ITU.
	Format mtp3.Format

	// Registration is what ASPs may do with routing key management (section 4.4).
	Registration RegistrationConfig

	// PointCodes are the gateway's own: audits call them available.
	PointCodes []mtp3.PointCode

	// Audit answers a DAUD: the state of every destination within d. If nil, the gateway knows
	// its own point codes, those of its AS, and what [SG.Pause] and its like said; what nobody
	// spoke of is unavailable. It is called with the gateway locked and must not call it.
	Audit func(na Optional, d mtp3.Destination) []DestinationStatus

	// Transfer gets every DATA message from active ASPs, in order of each stream, on the goroutine
	// that reads the association. in and what it refers to are valid until it returns. If nil,
	// the gateway passes messages on by its routing keys and answers with DUNA where it cannot.
	Transfer func(in *Indication)

	// Event gets what happens, in order. It may be called on any goroutine, one at a time, and
	// may call the gateway.
	Event func(Event)

	// ExternalRouting is for gateways that are part of a node with routes of its own: it then
	// says itself, by [SG.Pause] and its like, which point codes of AS can be reached. Otherwise
	// the gateway tells the ASPs of one AS about the point codes of the others.
	ExternalRouting bool

	// Strict answers parameters that have no place in a message with ERR (Unexpected Parameter),
	// and Network Appearances that nobody configured with ERR (Invalid Network Appearance), where
	// otherwise they are ignored and counted.
	Strict bool

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // if nil, not called
}

// RegistrationConfig says what is answered to REG REQ and DEREG REQ.
type RegistrationConfig struct {
	// Disabled answers with ERR (Unsupported Message Class).
	Disabled bool
	// Dynamic lets ASPs make new AS. Otherwise they may only join those that are configured.
	Dynamic bool
	// MaxKeys bounds how many AS are made so. If zero, 1024.
	MaxKeys int
	// Change lets the only ASP of an AS that it made change its routing key.
	Change bool
	// Authorize, if set, is asked before an ASP joins or makes an AS, or leaves it (leave). as is the
	// AS that has the key, or empty. It must not call the gateway.
	Authorize func(asp, as string, key RoutingKey, leave bool) bool
	// FirstContext is the first Routing Context given to an AS that is made. If zero, 1000.
	FirstContext uint32
}

// ASConfig is an Application Server: a routing key, and the ASPs that share its traffic.
type ASConfig struct {
	Name string
	// RoutingContext stands for the key in messages; it is unique in a gateway. If zero, messages
	// for this AS carry none, and its ASPs can have no other AS.
	RoutingContext uint32
	Key            RoutingKey // no groups: the AS takes what no other key matches
	// TrafficMode is how ASPs share. If zero, the first ASP Active decides, or it is Override.
	TrafficMode TrafficMode
	// MinASPs is n of n+k redundancy: how many ASPs must be active before traffic starts (section
	// 4.3.2). If zero, 1. Override has 1 always.
	MinASPs int
	ASPs    []string // names of ASPs
	Blocked bool     // by the operator: nobody can be active in it
}

// ASPConfig is an Application Server Process as its gateway knows it.
type ASPConfig struct {
	Name string
	// Remote are the addresses it may come from; ports that are zero match any. If there are none,
	// it is only known to [SG.Attach].
	Remote []netip.AddrPort
	// Dial makes the gateway the client of the association (section 1.4.8): it dials, and again
	// whenever the association is gone, with pauses from 1 s to MaxBackoff.
	Dial       func(ctx context.Context) (sctp.Conn, error)
	MaxBackoff time.Duration // if zero, 30 s

	Identifier         Optional // what its ASP Identifier must be
	RequireIdentifier  bool     // answer an ASP Up without one with ERR (ASP Identifier Required)
	RequireContext     bool     // answer an ASP Active without Routing Context with ERR (Missing Parameter)
	RefuseRegistration bool     // answer REG REQ with "Permission Denied"
	Blocked            bool     // by the operator: cannot come up
}

// DestinationStatus is the state of a destination as an audit asks for it.
type DestinationStatus struct {
	Destination  mtp3.Destination
	Availability mtp3.Availability
	Congestion   uint8 // level, 0 if not congested
	Refused      bool  // the ASP is not to know: ERR (Destination Status Unknown)
}

// Defaults is c with each zero field replaced by its default, as the fields say. [NewSG] calls it.
func (c SGConfig) Defaults() SGConfig {
	c.setDefaults()
	return c
}

func (c *SGConfig) setDefaults() {
	if c.TRecovery == 0 {
		c.TRecovery = 2 * time.Second
	}
	setDefault(&c.PendingMessages, 1000)
	setDefault(&c.PendingOctets, 1<<20)
	setDefault(&c.SendMessages, 4096)
	setDefault(&c.SendOctets, 1<<20)
	setDefault(&c.Registration.MaxKeys, 1024)
	if c.Registration.FirstContext == 0 {
		c.Registration.FirstContext = 1000
	}
}

func setDefault(p *int, v int) {
	if *p == 0 {
		*p = v
	}
}

// ConfigError says which part of a configuration cannot be.
type ConfigError struct {
	Name string // of the AS or ASP
	What string
}

// Error names the AS or ASP and what is wrong with it.
func (e *ConfigError) Error() string { return fmt.Sprintf("m3ua: %q: %s", e.Name, e.What) }

func (c *ASConfig) validate() error {
	bad := func(format string, a ...any) error { return &ConfigError{c.Name, fmt.Sprintf(format, a...)} }
	if c.Name == "" {
		return bad("an AS without a name")
	}
	if c.TrafficMode != 0 && !c.TrafficMode.Valid() {
		return bad("%v is no traffic mode", c.TrafficMode)
	}
	if c.MinASPs < 0 || c.MinASPs > 1 && c.TrafficMode == Override {
		return bad("an AS in mode override needs one ASP, not %d", c.MinASPs)
	}
	for _, g := range c.Key.Groups {
		if g.DPC > 0xffffff {
			return bad("DPC %d is longer than 24 bits", g.DPC)
		}
		for _, si := range g.SIs {
			if si < 3 || si > 15 {
				return bad("SI %d is no user part", si)
			}
		}
	}
	if i := slices.Index(c.ASPs, ""); i >= 0 {
		return bad("an ASP without a name")
	}
	return nil
}
