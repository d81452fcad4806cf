package diameter

import (
	"context"
	"crypto/tls"
	"encoding"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// Config sets up a [Node]. OriginHost and OriginRealm are needed; everything else works when zero.
type Config struct {
	OriginHost  string // our DiameterIdentity, such as "hss.ims.example.com"
	OriginRealm string // our realm, such as "ims.example.com"

	// Realms are further realms whose requests this node serves itself, if it has the application.
	Realms []string

	// HostIPAddresses are announced to peers. If empty, the local address of each connection.
	HostIPAddresses  []netip.Addr
	VendorID         VendorID // of whoever makes the product; may be zero
	ProductName      string   // if empty, "telco"
	FirmwareRevision uint32   // if zero, not announced

	// OriginStateID is announced to peers, and has to grow with each restart that loses sessions
	// (RFC 6733 section 8.16). If zero, the seconds of Unix at which the Node was made.
	OriginStateID uint32

	// SupportedVendorIDs are announced beside the vendors of Applications.
	SupportedVendorIDs []VendorID

	// Applications are what this node offers and asks for. Peers have one of them in common with us,
	// or are relays.
	Applications []Application

	// Relay makes this node announce the application Relay, which stands for all (RFC 6733 section
	// 2.4). Requests that are not for this node then follow Routes.
	Relay bool

	// Services answer requests. Those to other commands of the applications here are answered with
	// DIAMETER_COMMAND_UNSUPPORTED, those to other applications with DIAMETER_APPLICATION_UNSUPPORTED.
	Services []Service

	Peers  []Peer  // the peers known by name
	Accept Accept  // who else may connect; if zero, nobody
	Routes []Route // where requests to other realms go

	Timers Timers
	Limits Limits

	// Overload takes part in overload control (RFC 7683) for the requests that this node makes:
	// they say so, and reports in their answers are obeyed. Reporting needs no setting, see
	// [Node.ReportOverload].
	Overload bool

	// TLS is for connections to peers of transport TLS, and for TLS negotiated in band. A
	// connection that this node accepts with TLS from its start comes from a TLS listener, as
	// tls.NewListener makes one.
	TLS *tls.Config

	// InbandSecurity is what CER and CEA say about TLS after the capabilities exchange, as RFC
	// 3588 had it (RFC 6733 section 6.10), on connections without TLS. If zero, none.
	InbandSecurity InbandSecurity

	// SCTP is the network for peers of transport SCTP, SCTPConfig for its associations.
	SCTP       sctp.Network
	SCTPConfig sctp.Config

	// Dial makes the connections of transports TCP and TLS. If nil, a net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Redirect says whether a redirect indication (RFC 6733 section 6.12) that names a host that
	// is no peer may be followed, and how to reach the host. If nil, only peers are redirected to.
	Redirect func(host URI) (Peer, bool)

	// Strict refuses a CER whose Vendor-Specific-Application-Id has both or none of Auth- and
	// Acct-Application-Id, as RFC 6733 section 6.11 has it, and one without Host-IP-Address.
	// Without it both are taken, and none is left out, because there are peers that do so;
	// Kamailio's cdp without src_addr says no address.
	Strict bool

	// AnyCertificateName admits peers whose verified certificate does not name their Origin-Host.
	AnyCertificateName bool

	// PeerChanged, if set, is called after each change of a peer's state, of different peers at
	// the same time perhaps. It must not wait.
	PeerChanged func(PeerStatus)

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // if nil, not called; otherwise with each message and each change of state
}

// Application is an application that a node offers.
type Application struct {
	ID         ApplicationID
	VendorID   VendorID // if not zero, announced within Vendor-Specific-Application-Id
	Accounting bool     // announced as Acct-Application-Id, else as Auth-Application-Id
}

// Service answers the requests of a command.
type Service struct {
	Application ApplicationID
	Command     CommandCode // if zero, every command of the application that no other Service has
	Handler     Handler

	// Goroutine gives each request a goroutine of its own. Otherwise the handler runs on the
	// goroutine that reads the connection: quicker, in the order of arrival, and everything behind
	// it on the connection waits.
	Goroutine bool
}

// Handler answers a request: with a message (a [Message] or a typed command), or with an error: a
// [*ProtocolError] says what the answer says, any other is logged and answered with
// DIAMETER_UNABLE_TO_COMPLY. If both are nil, the handler has answered with [Incoming.Answer] or
// [Incoming.Fail], or will. The context ends with the connection that the request came on.
//
// What the answer lacks of Session-Id, Origin-Host, Origin-Realm and Proxy-Info is filled in, and
// its header is made to fit the request.
type Handler func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error)

// Transport is how a peer is reached.
type Transport uint8

// The transports of RFC 6733 section 2.1, but for DTLS over SCTP.
const (
	TCP Transport = iota
	TLS           // TLS over TCP from the start of the connection
	SCTP
)

// String is the transport's name.
func (t Transport) String() string {
	switch t {
	case TCP:
		return "TCP"
	case TLS:
		return "TLS"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("Transport(%d)", uint8(t))
}

// InbandSecurity is a policy about TLS that begins after CER and CEA.
type InbandSecurity uint8

// The policies.
const (
	NoInbandSecurity   InbandSecurity = iota // do without
	OfferInbandTLS                           // TLS if the peer has it, too
	RequireInbandTLS                         // TLS or DIAMETER_NO_COMMON_SECURITY
	inbandNone         = 0                   // NO_INBAND_SECURITY (RFC 6733 section 6.10)
	inbandTLS          = 1                   // TLS
	defaultPort        = "3868"
	defaultPortTLS     = "5868" // as IANA has it; RFC 6733 prints 5658
	defaultProductName = "telco"
)

// Peer is a peer known by name.
type Peer struct {
	Host string // its Origin-Host

	// Addresses are where to connect to, tried in turn, such as "10.0.0.1:3868" or "hss.example.com"
	// (port 3868, or 5868 with TLS); for SCTP as [sctp.ParseAddr] reads them. If empty, the peer
	// has to connect to us.
	Addresses []string
	Transport Transport

	// TLS is the configuration of transport TLS and of TLS in band. If nil, Config.TLS.
	TLS *tls.Config

	// From are the addresses that the peer may connect from. If empty, any.
	From []netip.Prefix

	// DialOnly refuses connections that the peer makes.
	DialOnly bool

	// AnyHost takes whoever answers at Addresses, whatever it calls itself: for tools that know an address and no name. Host
	// is then only what this node calls it, and Capabilities.OriginHost says who it is. Requests go there by Config.Routes
	// or by its realm.
	AnyHost bool
}

// Accept says which peers that are not in Config.Peers may connect. Such a peer is known for as long
// as it is connected.
type Accept struct {
	// Hosts are the Origin-Hosts admitted: whole names, or ".example.com" for all names below it,
	// or "*".
	Hosts []string
	// From are the addresses that they may connect from. If empty, any.
	From []netip.Prefix
}

// RouteAction is what happens to the requests of a route (RFC 6733 section 2.7).
type RouteAction uint8

// The actions. LOCAL needs no route: Config.OriginRealm, Realms and Services say what is local.
const (
	RelayRequests    RouteAction = iota // RELAY: to one of Peers, with a Route-Record
	ProxyRequests                       // PROXY: the same after Route.OnRequest has seen it
	RedirectRequests                    // REDIRECT: the answer names RedirectHosts
)

// Route is an entry of the realm routing table (RFC 6733 section 2.7). Requests made here with
// [Node.Do] follow it, too. Without an entry for its realm a request goes to a peer of that realm.
type Route struct {
	Realm        string          // whole realm, or ".example.com" for the realms below it, or "*" for all others
	Applications []ApplicationID // if empty, any that no other entry of the realm has

	Action RouteAction
	Peers  []RoutePeer // where requests go

	// RedirectHosts are the URIs that a redirect agent answers with, such as "aaa://hss.example.com:3868;transport=tcp".
	RedirectHosts []string
	RedirectUsage RedirectHostUsage
	RedirectCache time.Duration // Redirect-Max-Cache-Time, if RedirectUsage is not RedirectHostUsageDontCache

	// Foreign lets requests made elsewhere use the route. Without it the route is for [Node.Do]
	// alone, unless the node is a relay (Config.Relay) or Action is not RelayRequests.
	Foreign bool

	// OnRequest is the policy of a proxy: it returns AVPs to add to the request, or an error that
	// refuses it, as that of a [Handler]. It must not wait.
	OnRequest func(r *Incoming) ([]AVP, error)
	// OnAnswer returns AVPs to add to an answer that a proxy passes on.
	OnAnswer func(a Message) []AVP
}

// RoutePeer is a peer in a pool.
type RoutePeer struct {
	Host     string
	Priority int // lower ones first; higher ones stand by
	Weight   int // the share among those of equal priority. If zero, 1
}

// Timers are the times of the protocol. Negative values switch off what they time.
type Timers struct {
	Connect time.Duration // how long a connection may take, with its TLS handshake. If zero, 5 s: less than CER, which a peer that connects at the same time waits for ours
	CER     time.Duration // how long an accepted connection may take to send its CER, or ours to be answered. If zero, 10 s
	Closing time.Duration // how long a DPR waits for its answer, and a DPA for the disconnection. If zero, 5 s

	Tc    time.Duration // between attempts to connect (RFC 6733 section 12). If zero, 30 s
	TcMax time.Duration // what Tc doubles up to while attempts fail. If zero, 5 min

	// Tw is the interval of the watchdog, Twinit of RFC 3539, and TwJitter what is added or taken
	// at random. If zero, 30 s and 2 s. RFC 3539 wants at least 6 s.
	Tw, TwJitter time.Duration
	// ReopenWatchdogs is how many watchdogs a connection that replaces a lost one has to answer before
	// requests go there again. If zero, 3 as RFC 3539 section 3.4.1 has it; if negative, none.
	ReopenWatchdogs int

	Request time.Duration // how long a request waits for its answer. If zero, 10 s
	Write   time.Duration // how long a peer may take nothing off us before it is cut off. If zero, 10 s
}

// Limits bound what peers can make a node hold.
type Limits struct {
	MaxMessage     int           // octets of a message; a longer one ends the connection. If zero, 1 MiB
	MaxQueue       int           // octets that wait to be sent on a connection; more end it. If zero, 8 MiB
	MaxPending     int           // requests that wait for the answer of a peer; more go to other peers, or fail with DIAMETER_TOO_BUSY. If zero, 65536
	MaxRequests    int           // requests of a connection that handlers have not answered; more get DIAMETER_TOO_BUSY. If zero, 4096
	MaxRate        int           // requests in a second on a connection; more get DIAMETER_TOO_BUSY. If zero, any
	MaxRefused     int           // requests in a row refused so, and answers in a row to nothing, that end the connection. If zero, 10000
	MaxUnknown     int           // accepted connections that have not sent their CER; more are closed. If zero, 64
	MaxPeers       int           // peers that Accept admits at a time. If zero, 1024
	MaxDuplicates  int           // answers kept for requests that come again. If zero, 16384; if negative, none
	MaxRedirects   int           // redirect indications remembered. If zero, 4096
	MaxOverload    int           // overload reports remembered. If zero, 4096
	DuplicatesKept time.Duration // how long answers are kept for that. If zero, 4 min
}

func orDuration(v *time.Duration, def time.Duration) {
	if *v == 0 {
		*v = def
	}
}

func orInt(v *int, def int) {
	if *v == 0 {
		*v = def
	}
}

// withDefaults fills in the zero fields and refuses what cannot work.
func (c Config) withDefaults(now time.Time) (Config, error) {
	fail := func(format string, a ...any) (Config, error) {
		return c, fmt.Errorf("diameter: config: "+format, a...)
	}
	if !validIdentity(c.OriginHost) {
		return fail("OriginHost %q is no DiameterIdentity", c.OriginHost)
	}
	if !validIdentity(c.OriginRealm) {
		return fail("OriginRealm %q is no DiameterIdentity", c.OriginRealm)
	}
	if c.ProductName == "" {
		c.ProductName = defaultProductName
	}
	if c.OriginStateID == 0 {
		c.OriginStateID = uint32(now.Unix())
	}
	t := &c.Timers
	orDuration(&t.Connect, 5*time.Second)
	orDuration(&t.CER, 10*time.Second)
	orDuration(&t.Closing, 5*time.Second)
	orDuration(&t.Tc, 30*time.Second)
	orDuration(&t.TcMax, 5*time.Minute)
	orDuration(&t.Tw, 30*time.Second)
	orDuration(&t.TwJitter, 2*time.Second)
	orInt(&t.ReopenWatchdogs, 3)
	orDuration(&t.Request, 10*time.Second)
	orDuration(&t.Write, 10*time.Second)
	l := &c.Limits
	orInt(&l.MaxMessage, 1<<20)
	orInt(&l.MaxQueue, 8<<20)
	orInt(&l.MaxPending, 65536)
	orInt(&l.MaxRequests, 4096)
	orInt(&l.MaxRefused, 10000)
	orInt(&l.MaxUnknown, 64)
	orInt(&l.MaxPeers, 1024)
	orInt(&l.MaxDuplicates, 16384)
	orInt(&l.MaxRedirects, 4096)
	orInt(&l.MaxOverload, 4096)
	orDuration(&l.DuplicatesKept, 4*time.Minute)

	seen := map[string]bool{fold(c.OriginHost): true}
	for _, p := range c.Peers {
		if err := p.check(c); err != nil {
			return fail("%w", err)
		}
		if seen[fold(p.Host)] {
			return fail("peer %s appears twice, or is this node", p.Host)
		}
		seen[fold(p.Host)] = true
	}
	for _, s := range c.Services {
		if s.Handler == nil {
			return fail("service %d of application %d has no handler", s.Command, s.Application)
		}
	}
	for _, r := range c.Routes {
		if r.Realm == "" {
			return fail("a route has no realm; \"*\" stands for all")
		}
		switch {
		case r.Action == RedirectRequests:
			if len(r.RedirectHosts) == 0 {
				return fail("the route of %s redirects nowhere", r.Realm)
			}
			for _, h := range r.RedirectHosts {
				if _, err := ParseURI(h); err != nil {
					return fail("the route of %s: %w", r.Realm, err)
				}
			}
		case len(r.Peers) == 0:
			return fail("the route of %s has no peers", r.Realm)
		}
	}
	if c.InbandSecurity != NoInbandSecurity && c.TLS == nil {
		return fail("InbandSecurity needs TLS")
	}
	return c, nil
}

func (p Peer) check(c Config) error {
	switch {
	case !validIdentity(p.Host):
		return fmt.Errorf("peer %q: no DiameterIdentity", p.Host)
	case p.Transport == TLS && p.TLS == nil && c.TLS == nil:
		return fmt.Errorf("peer %s: transport TLS needs a TLS configuration", p.Host)
	case p.Transport == SCTP && c.SCTP == nil && len(p.Addresses) > 0:
		return fmt.Errorf("peer %s: transport SCTP needs Config.SCTP", p.Host)
	case p.Transport > SCTP:
		return fmt.Errorf("peer %s: %v", p.Host, p.Transport)
	}
	if p.Transport == SCTP {
		for _, a := range p.Addresses {
			if _, err := sctp.ParseAddr(a); err != nil {
				return fmt.Errorf("peer %s: %w", p.Host, err)
			}
		}
	}
	return nil
}

// validIdentity tells whether s can be a DiameterIdentity: an FQDN or realm.
func validIdentity(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// fold is the form of a DiameterIdentity that compares without regard to case.
func fold(s string) string { return strings.ToLower(s) }
