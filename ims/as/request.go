package as

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// Side says from where a call reached the server.
type Side uint8

// The sides.
const (
	SideIMS    Side = iota + 1 // an S-CSCF or I-CSCF, over ISC or Mw
	SideTrunk                  // another SIP network: a carrier, a PBX, a gateway
	SidePhone                  // a phone that registers with the server itself
	SideServer                 // the server itself: a request by HTTP, a timed job, an alert
)

var sideNames = names[Side]{"side", []string{"", "ims", "trunk", "phone", "server"}}

// String returns "ims", "trunk", "phone" or "server".
func (s Side) String() string { return sideNames.text(s) }

// MarshalText returns what String does.
func (s Side) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String returns.
func (s *Side) UnmarshalText(b []byte) error { return sideNames.parse(s, b) }

// SessionCase says for whom an application server serves a request (TS 24.229 section 5.7.1.3A,
// RFC 5502, RFC 8498).
type SessionCase uint8

// The session cases. The zero value is a request without one, as trunks send it.
const (
	CaseNone     SessionCase = iota
	CaseOrig                 // the served user calls
	CaseTerm                 // the served user is called
	CaseOrigCDIV             // the served user diverts a call (RFC 8498)
)

var caseNames = names[SessionCase]{"session case", []string{"none", "orig", "term", "orig-cdiv"}}

// String returns "none", "orig", "term" or "orig-cdiv".
func (c SessionCase) String() string { return caseNames.text(c) }

// MarshalText returns what String does.
func (c SessionCase) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *SessionCase) UnmarshalText(b []byte) error { return caseNames.parse(c, b) }

// RegState says whether the served user is registered (RFC 5502 section 6).
type RegState uint8

// The registration states. The zero value is a request that does not tell.
const (
	RegUnknown RegState = iota
	Registered
	Unregistered
)

var regNames = names[RegState]{"registration state", []string{"unknown", "reg", "unreg"}}

// String returns "unknown", "reg" or "unreg".
func (r RegState) String() string { return regNames.text(r) }

// MarshalText returns what String does.
func (r RegState) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String returns.
func (r *RegState) UnmarshalText(b []byte) error { return regNames.parse(r, b) }

// Party is one end of a call as routing sees it: a telephone number, or a user of a domain.
type Party struct {
	Number Number // zero where the party is no number
	URI    string // sip, sips or other URI of a party that is no number; else ""
	Name   string // display name; "" if there is none
	// Private asks that the identity is not shown to the other end (RFC 3323, RFC 3325). What
	// leaves for a network that is not trusted has then no P-Asserted-Identity and an anonymous
	// From.
	Private bool
}

// IsZero reports whether nothing is known of the party.
func (p Party) IsZero() bool { return p.Number.IsZero() && p.URI == "" }

// String returns the text that rules match: the number, "+493012345" or "112", or the URI without
// its scheme and parameters, "alice@example.org".
func (p Party) String() string {
	if !p.Number.IsZero() {
		return p.Number.Digits
	}
	u, err := sip.ParseURI(p.URI)
	switch {
	case err != nil:
		return p.URI
	case u.IsSIP() && u.User != "":
		return sip.Unescape(u.User) + "@" + strings.ToLower(u.Host)
	case u.IsSIP():
		return strings.ToLower(u.Host)
	}
	return p.URI
}

// PartyOf returns the party that a URI names: a number for tel URIs and for sip URIs with
// user=phone, or whose user part reads as a number when lenient is true, as trunks write them.
func PartyOf(u sip.URI, lenient bool) Party {
	if n, err := NumberOf(u, lenient); err == nil {
		return Party{Number: n}
	}
	return Party{URI: u.String()}
}

// Request is a call, or a MESSAGE, whose way is sought: what rules see of it. Numbers are as the
// border of its side has rewritten them.
type Request struct {
	ID       string         // of the call, for logs and records
	Time     time.Time      // when it came; if zero, now
	Method   sip.Method     // if empty, INVITE
	Side     Side           //
	Trunk    string         // name of the trunk, phone or IMS peer it came by
	Source   netip.AddrPort // where from
	Calling  Party          //
	Called   Party          //
	Case     SessionCase    // IMS side only
	RegState RegState       // IMS side only

	// ServedUser is the URI of P-Served-User, or what TS 24.229 section 5.7.1.3A has in its place.
	ServedUser string

	// Emergency is the service of an emergency call, "urn:service:sos" or a sub-service of it (RFC
	// 5031); "" for other calls. See [Emergency.Match].
	Emergency string

	// Diversions are the steps by which the call came to be for Called, the latest first: as History-Info or Diversion
	// of a network that is believed say, and those that the server makes.
	Diversions []Diversion

	// Unverified says that the caller is a phone that has not shown its password, which is only so for emergency calls: it may
	// be anybody.
	Unverified bool

	// SIP is the request itself; nil where there is none, as in explanations.
	SIP *sip.Request

	// Vars are further facts that rules match by name.
	Vars map[string]string
}

// Action is what a Decision does with a call.
type Action uint8

// The actions.
const (
	Refuse  Action = iota + 1 // with Status and Cause, after Announcement if there is one
	Bridge                    // to Targets
	Run                       // applications, Apps
	Socket                    // let a program control the call: the event socket at Address
	Webhook                   // ask the web server at Address what to do, step by step
	Proxy                     // let it go on to the next hop of its Route, as a proxying AS
)

var actionNames = names[Action]{"action", []string{"", "refuse", "bridge", "run", "socket", "webhook", "proxy"}}

// String returns "refuse", "bridge", "run", "socket", "webhook" or "proxy".
func (a Action) String() string { return actionNames.text(a) }

// MarshalText returns what String does.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what String returns.
func (a *Action) UnmarshalText(b []byte) error { return actionNames.parse(a, b) }

// App is an application of call control with its arguments, such as "playback" "hello.wav".
type App struct {
	Name string `json:"app" yaml:"app"`
	Args string `json:"args,omitempty" yaml:"args"`
}

// Target is one place to bridge a call to: exactly one of Trunk, URI and IMS is set.
type Target struct {
	Trunk string `json:"trunk,omitempty" yaml:"trunk"` // a configured trunk or phone, by name
	URI   string `json:"uri,omitempty" yaml:"uri"`     // a sip, sips or tel URI
	IMS   bool   `json:"ims,omitempty" yaml:"ims"`     // the IMS core of the server

	// Called is the number or URI to call there; if empty, that of the Decision. It is rewritten
	// by the border of the trunk as every number is.
	Called string `json:"called,omitempty" yaml:"called"`

	// Timeout bounds how long it may ring. If zero, the server's default.
	Timeout time.Duration `json:"-" yaml:"timeout"`

	// Weight orders targets: those that stand next to one another and have a weight are drawn by
	// it, as RFC 2782 has it for SRV records. With none, they are tried in the order they stand in.
	Weight int `json:"weight,omitempty" yaml:"weight"`
}

// String returns the target as it is named in logs: "trunk/NAME", "ims" or the URI.
func (t Target) String() string {
	s := t.URI
	switch {
	case t.Trunk != "":
		s = "trunk/" + t.Trunk
	case t.IMS:
		s = "ims"
	}
	if t.Called != "" {
		s += "/" + t.Called
	}
	return s
}

// Decision says what becomes of a call.
type Decision struct {
	Action Action `yaml:"action"`

	// Targets are tried one after the other until one answers, or refuses in a way that holds for
	// all (RFC 3261 section 16.7: 6xx, and here busy).
	Targets []Target `yaml:"targets"`

	Apps    []App  `yaml:"apps"`    // of Run
	Address string `yaml:"address"` // of Socket, "host:port", and Webhook, a URL

	// Status and Cause refuse: a SIP status code, and a Q.850 cause, either made from the other
	// where it is zero (RFC 3398). Both zero are 404.
	Status int `yaml:"status"`
	Cause  int `yaml:"cause"`

	// Announcement is what a caller hears, as early media, before he is refused, or when none of
	// Targets could be reached: a name that playback understands.
	Announcement string `yaml:"announcement"`

	// Calling and Called are the parties as they go on. Zero parties are those of the Request;
	// what Route returns has them filled in.
	Calling Party `yaml:"-"`
	Called  Party `yaml:"-"`

	// Diversion is the reason of RFC 5806, "unconditional" or another, with which the call is diverted where Called, or
	// the Called of a target, is not who was called; it is told to networks that hear of such. If empty, the call is
	// diverted only where a target that is somebody else follows one that has failed, for the reason of that.
	Diversion string `yaml:"diversion"`

	Record bool              `yaml:"record"` // the call
	Vars   map[string]string `yaml:"vars"`   // variables of the call's channels

	// Rule is the name of the rule that decided; "" is the router's default.
	Rule string `yaml:"-"`
}

// Router says where calls go. Route must return soon: its context ends when the caller gives up.
// An error is a failure of the router; a call that may not be made is a Decision to refuse.
// [Rules] is one, and programs bring their own. Its methods are called by many goroutines at once.
type Router interface {
	Route(ctx context.Context, req *Request) (Decision, error)
}

// names are the texts of a small enumeration; the empty ones have none.
type names[T ~uint8] struct {
	kind string
	list []string
}

func (n names[T]) text(v T) string {
	if int(v) < len(n.list) && n.list[v] != "" {
		return n.list[v]
	}
	return fmt.Sprintf("%s(%d)", n.kind, uint8(v))
}

func (n names[T]) parse(v *T, b []byte) error {
	for i, s := range n.list {
		if s != "" && strings.EqualFold(s, string(b)) {
			*v = T(i)
			return nil
		}
	}
	var known []string
	for _, s := range n.list {
		if s != "" {
			known = append(known, s)
		}
	}
	return fmt.Errorf("as: unknown %s %q, want one of %s", n.kind, b, strings.Join(known, ", "))
}
