package as

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gotelco/telco/sip"
)

// Source is a network, or one address, from which requests of a peer come.
type Source struct {
	Prefix netip.Prefix
	Port   uint16 // if zero, any
}

// ParseSource reads an address, a network in CIDR form, or an address with a port: "192.0.2.7",
// "192.0.2.0/24", "192.0.2.7:5060", "[2001:db8::7]:5060".
func ParseSource(s string) (Source, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return Source{Prefix: p.Masked()}, nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		a := ap.Addr().Unmap()
		return Source{netip.PrefixFrom(a, a.BitLen()), ap.Port()}, nil
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return Source{}, fmt.Errorf("as: %q is no address, network (192.0.2.0/24) or address with a port; names are not looked up", s)
	}
	a = a.Unmap()
	return Source{Prefix: netip.PrefixFrom(a, a.BitLen())}, nil
}

// Contains reports whether a request from an address is the peer's.
func (s Source) Contains(a netip.AddrPort) bool {
	return s.Prefix.Contains(a.Addr().Unmap()) && (s.Port == 0 || s.Port == a.Port())
}

// String returns what ParseSource reads.
func (s Source) String() string {
	switch {
	case !s.Prefix.IsValid():
		return ""
	case s.Port != 0:
		return netip.AddrPortFrom(s.Prefix.Addr(), s.Port).String()
	case s.Prefix.IsSingleIP():
		return s.Prefix.Addr().String()
	}
	return s.Prefix.String()
}

// MarshalText returns what String does.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSource.
func (s *Source) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSource(string(b))
	return err
}

// Trust says what a network is told, and what it is believed (RFC 3325 section 2: the trust domain,
// TS 24.229 section 4.4).
type Trust uint8

// The levels of trust.
const (
	Untrusted Trust = iota // no header of the trust domain goes there, and none from there counts
	Trusted                // another network of the trust domain: asserted identities, charging identity
	Home                   // our own IMS core: everything
)

// IMS is the core network that the server serves as an Application Server. The zero value has none.
type IMS struct {
	// Peers are where the CSCFs send from. Requests from there are of [SideIMS].
	Peers []Source
	// Routes lead to the core for calls from outside of it, the first hop first: to the I-CSCF,
	// "<sip:icscf.ims.example.org;lr>".
	Routes []string
	// OrigRoutes lead there for calls that the server begins on behalf of a user (TS 24.229 section 5.7.3): to the
	// S-CSCF, or an entry point, with the parameter orig: "<sip:scscf.ims.example.org:6060;lr;orig>". If empty, Routes.
	OrigRoutes []string
	// Domain is the home network's, for URIs of numbers: "ims.example.org".
	Domain string
	// Border says how numbers are written in the core.
	Border BorderConfig
	// Case and RegState are of requests that tell neither by P-Served-User nor by the Route that named us.
	Case     SessionCase
	RegState RegState
	// RecordRoute has calls that are let go on (action proxy) keep us on their way, so that the server sees
	// their end.
	RecordRoute bool
	// RegEvent has the server subscribe to the registration state of each user whom the S-CSCF has told it of (RFC
	// 3680).
	RegEvent bool
	// OrigIOI and TermIOI identify our network in P-Charging-Vector (RFC 7315 section 4.6): the first in
	// calls that the server begins, the second in its answers, where the other side has given none.
	OrigIOI, TermIOI string
}

// ISC is what the request of a CSCF says about the service that is asked for (TS 24.229 sections 5.4.3.2,
// 5.4.3.3 and 5.7.1.3A).
type ISC struct {
	Case       SessionCase
	RegState   RegState
	ServedUser string // a URI
	// Routes are what was after us in Route: the first leads back to the S-CSCF, and identifies the
	// original dialog there. Whoever sends the request on, as a proxy or anew, puts them into Route.
	Routes []string
}

// ODI returns the original dialog identifier as the S-CSCF wrote it: the user part of the Route to it,
// empty where there is no Route back.
func (i ISC) ODI() string {
	if len(i.Routes) == 0 {
		return ""
	}
	a, err := sip.ParseAddress(i.Routes[0])
	if err != nil {
		return ""
	}
	return a.URI.User
}

// ParseISC reads what the request says. own is the URI of ours that was on top of Route, zero where there
// was none; routes are the values of Route after it. What neither P-Served-User nor own says is taken from
// the defaults in cfg: own says it by the parameters sescase=orig or term and regstate=reg or unreg, by orig,
// or by its user part, "orig" or "term", whichever the initial filter criteria have.
func ParseISC(req *sip.Request, own sip.URI, routes []string, cfg IMS) ISC {
	i := ISC{Case: cfg.Case, RegState: cfg.RegState, Routes: routes}
	switch v, _ := own.Params.Value("sescase"); {
	case v != "":
		i.Case.set(v)
	case own.Params.Has("orig"):
		i.Case = CaseOrig
	default:
		i.Case.set(own.User)
	}
	if v, _ := own.Params.Value("regstate"); v != "" {
		i.RegState.set(v)
	}
	if u, err := req.ServedUser(); err == nil {
		i.ServedUser = strings.Clone(u.URI.String())
		i.Case.set(u.SessionCase())
		if u.OrigCDIV() {
			i.Case = CaseOrigCDIV
		}
		i.RegState.set(u.RegState())
	}
	if i.ServedUser == "" {
		switch i.Case {
		case CaseOrig:
			for a, err := range req.AssertedIdentities() {
				if err == nil {
					i.ServedUser = strings.Clone(a.URI.String())
				}
				break
			}
		case CaseTerm:
			i.ServedUser = strings.Clone(req.RequestURI)
		}
	}
	return i
}

func (c *SessionCase) set(v string) {
	switch {
	case strings.EqualFold(v, "orig"):
		*c = CaseOrig
	case strings.EqualFold(v, "term"):
		*c = CaseTerm
	case strings.EqualFold(v, "orig-cdiv"):
		*c = CaseOrigCDIV
	}
}

func (r *RegState) set(v string) {
	switch {
	case strings.EqualFold(v, "reg"):
		*r = Registered
	case strings.EqualFold(v, "unreg"):
		*r = Unregistered
	}
}

// carried are the header fields that go from one leg to the other, with the trust that both networks need
// for it. What is not here stays on its leg, and what identifies the caller is made anew.
var carried = []struct {
	name  string
	trust Trust
}{
	{"P-Charging-Vector", Trusted}, // RFC 7315 section 4.6
	{"P-Charging-Function-Addresses", Home},
	{"P-Access-Network-Info", Trusted},
	{"P-Visited-Network-ID", Home},
	{"P-Asserted-Service", Trusted}, // RFC 6050
	{"P-Early-Media", Trusted},      // RFC 5009
	{"P-Private-Network-Indication", Trusted},
	{"Feature-Caps", Home},
	{"Resource-Priority", Trusted},
	{"Geolocation", Trusted},
	{"Geolocation-Routing", Trusted},
	{"Accept-Contact", Untrusted},
	{"Reject-Contact", Untrusted},
	{"Request-Disposition", Untrusted},
	{"Accept-Language", Untrusted},
	{"Subject", Untrusted},
	{"Priority", Untrusted},
	{"Alert-Info", Trusted},
	{"Call-Info", Trusted},
	{"Session-ID", Untrusted}, // RFC 7989 section 6
	{"User-to-User", Untrusted},
}

// carry copies the header fields of a call to its next leg, from a network with the trust in to one with the
// trust out.
func carry(dst, src *sip.Header, in, out Trust) {
	for _, c := range carried {
		if in < c.trust || out < c.trust || dst.Has(c.name) {
			continue
		}
		for v := range src.Values(c.name) {
			dst.Add(c.name, v)
		}
	}
}

// trustHeaders are what a network that is not trusted does not get (RFC 3325 section 5, TS 24.229 section
// 4.4), whoever has put them there.
var trustHeaders = []string{
	"P-Asserted-Identity", "P-Preferred-Identity", "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Access-Network-Info",
	"P-Visited-Network-ID", "P-Asserted-Service", "P-Preferred-Service", "P-Served-User", "P-Called-Party-ID", "P-Profile-Key",
	"P-Private-Network-Indication", "P-Early-Media", "Feature-Caps", "History-Info", "Diversion", "Resource-Priority", "Privacy",
}

// strip removes the headers of the trust domain.
func strip(h *sip.Header) {
	for _, name := range trustHeaders {
		h.Del(name)
	}
}

// hops lowers Max-Forwards, so that two exchanges that send one another a call come to an end. ok is false
// where there is none left.
func hops(req *sip.Request) (n int, ok bool) {
	n, present, err := req.MaxForwards()
	if err != nil || !present {
		return 70, true
	}
	return n - 1, n > 0
}

// retryAfter is the value of Retry-After in refusals for want of room, in seconds.
const retryAfter = 5

// refusal is a response that refuses, with Retry-After where it is a 503, and the cause of Q.850 (RFC 3326).
func refusal(req *sip.Request, status, cause int, text string) *sip.Response {
	resp := sip.NewResponse(req, status, "")
	if status == 503 {
		resp.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if cause > 0 && cause < 128 {
		resp.Set("Reason", sip.NewReason("Q.850", cause, text).String())
	}
	return resp
}
