package stp

import (
	"reflect"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// M3UAConfig is the node as a signalling gateway: what becomes of an [m3ua.SGConfig].
type M3UAConfig struct {
	Pos Pos `yaml:"-"`

	TRecovery       time.Duration `yaml:"t-recovery"`       // T(r); if zero, 2 s; if negative, no AS is pending
	PendingMessages int           `yaml:"pending-messages"` // kept by an AS while T(r) runs
	PendingOctets   int           `yaml:"pending-octets"`   //
	TBeat           time.Duration `yaml:"t-beat"`           // between BEATs; if zero, none is sent, but to peers of TCP each 30 s
	SendMessages    int           `yaml:"send-messages"`    // waiting for an ASP that does not read
	SendOctets      int           `yaml:"send-octets"`      //

	NetworkAppearances []uint32 `yaml:"network-appearances"` // beside those of the AS
	Strict             Switch   `yaml:"strict"`              // default off: answers odd parameters with ERR

	// AnyASP lets in ASPs that no AS names: they get a name of their own, and may register keys. Default off.
	AnyASP Switch `yaml:"any-asp"`

	Registration RegistrationConfig `yaml:"registration"`
}

// RegistrationConfig is what ASPs may do with routing key management (RFC 4666 section 4.4).
type RegistrationConfig struct {
	Pos          Pos    `yaml:"-"`
	Enabled      Switch `yaml:"enabled"`       // default on: otherwise REG REQ is answered with ERR
	Dynamic      Switch `yaml:"dynamic"`       // default off: ASPs may make new AS, not only join those of the file
	Change       Switch `yaml:"change"`        // default off: the only ASP of an AS that it made may change its key
	MaxKeys      int    `yaml:"max-keys"`      // if zero, 1024
	FirstContext uint32 `yaml:"first-context"` // the first Routing Context given away; if zero, 1000
}

// ASConfig is an Application Server: what becomes of an [m3ua.ASConfig], and the routes to its points.
type ASConfig struct {
	Pos Pos `yaml:"-"`

	Name              string           `yaml:"name"`
	PointCode         mtp3.PointCode   `yaml:"point-code"` // short for a key of this DPC
	Keys              []KeyConfig      `yaml:"keys"`       // what belongs to the AS, beside PointCode
	RoutingContext    uint32           `yaml:"routing-context"`
	NetworkAppearance m3ua.Optional    `yaml:"network-appearance"`
	Mode              m3ua.TrafficMode `yaml:"mode"`     // override, loadshare, broadcast; if absent, the first ASP Active decides
	MinASPs           int              `yaml:"min-asps"` // how many must be active before traffic starts; if zero, 1
	Screen            string           `yaml:"screen"`   // name of what may come in; if empty, everything
	Blocked           Switch           `yaml:"blocked"`  // default off
	ASPs              []ASPConfig      `yaml:"asps"`     // or the names of those under "asp" or of another AS
}

// KeyConfig is one DPC of a routing key, with what goes with it.
type KeyConfig struct {
	Pos  Pos                     `yaml:"-"`
	DPC  mtp3.PointCode          `yaml:"dpc"`
	SIs  []mtp3.ServiceIndicator `yaml:"si"`  // none: any but network management
	OPCs []mtp3.Destination      `yaml:"opc"` // none: any
}

// ASPConfig is an Application Server Process: what becomes of an [m3ua.ASPConfig]. With a name alone it
// refers to one that is described elsewhere.
type ASPConfig struct {
	Pos Pos `yaml:"-"`

	Name    string    `yaml:"name"`
	Peer    sctp.Addr `yaml:"peer"`    // where it comes from; port 0 is any port
	Connect sctp.Addr `yaml:"connect"` // or: where this node dials it; port 0 is 2905
	Local   sctp.Addr `yaml:"local"`   // address of this side when it dials
	TCP     Switch    `yaml:"tcp"`     // default off: dials over TCP

	ID             m3ua.Optional `yaml:"id"`              // what its ASP Identifier must be
	RequireID      Switch        `yaml:"require-id"`      // default off
	RequireContext Switch        `yaml:"require-context"` // default off: ASP Active needs a Routing Context
	Registration   Switch        `yaml:"registration"`    // default on: may use routing key management
	Blocked        Switch        `yaml:"blocked"`         // default off
	MaxBackoff     time.Duration `yaml:"max-backoff"`     // between attempts to dial; if zero, 30 s
}

// reference tells whether a is only the name of an ASP.
func (a *ASPConfig) reference() bool {
	return reflect.DeepEqual(*a, ASPConfig{Name: a.Name, Pos: a.Pos})
}

// AllASPs are the ASPs of the file, each once, in its order: those under "asp", then those of the ASs.
func (c *Config) AllASPs() []ASPConfig {
	var all []ASPConfig
	at := map[string]int{}
	add := func(a ASPConfig) {
		if i, ok := at[a.Name]; ok {
			if all[i].reference() {
				all[i] = a
			}
			return
		}
		at[a.Name] = len(all)
		all = append(all, a)
	}
	for _, a := range c.ASPs {
		add(a)
	}
	for _, s := range c.AS {
		for _, a := range s.ASPs {
			add(a)
		}
	}
	return all
}

// KeyGroups are the DPCs of the AS and what goes with them, PointCode among them.
func (s *ASConfig) KeyGroups() []KeyConfig {
	if s.PointCode == 0 {
		return s.Keys
	}
	return append([]KeyConfig{{Pos: s.Pos, DPC: s.PointCode}}, s.Keys...)
}

// RoutingKey is the key of the AS.
func (s *ASConfig) RoutingKey() m3ua.RoutingKey {
	k := m3ua.RoutingKey{NetworkAppearance: s.NetworkAppearance}
	for _, g := range s.KeyGroups() {
		k.Groups = append(k.Groups, m3ua.KeyGroup{DPC: g.DPC, SIs: g.SIs, OPCs: g.OPCs})
	}
	return k
}

// GatewayConfig is another signalling gateway, or an IPSP, that this node is an ASP of: what becomes of
// an [m3ua.ClientConfig] for each association. Routes lead to it by its name.
type GatewayConfig struct {
	Pos Pos `yaml:"-"`

	Name    string        `yaml:"name"`
	Role    m3ua.Exchange `yaml:"role"`    // "sg" (default), "ipsp-single" or "ipsp-double"
	Connect []sctp.Addr   `yaml:"connect"` // one association each; port 0 is 2905
	Accept  sctp.Addr     `yaml:"accept"`  // or, of an IPSP: where it comes from
	Local   sctp.Addr     `yaml:"local"`
	TCP     Switch        `yaml:"tcp"`     // default off
	Passive Switch        `yaml:"passive"` // default off: leaves the first step to the other IPSP

	PointCodes        []mtp3.PointCode `yaml:"point-codes"` // of the gateway itself: ways to them are made
	RoutingContexts   []uint32         `yaml:"routing-contexts"`
	Register          []KeyConfig      `yaml:"register"` // keys to be registered there
	Mode              m3ua.TrafficMode `yaml:"mode"`
	ID                m3ua.Optional    `yaml:"id"` // said in ASP Up
	NetworkAppearance m3ua.Optional    `yaml:"network-appearance"`
	Standby           Switch           `yaml:"standby"` // default off: active only when it is needed
	PeerContexts      []uint32         `yaml:"peer-contexts"`
	Screen            string           `yaml:"screen"` // name of what may come in; if empty, everything
	Blocked           Switch           `yaml:"blocked"`

	TAck       time.Duration `yaml:"t-ack"`
	TRefused   time.Duration `yaml:"t-refused"`
	TBeat      time.Duration `yaml:"t-beat"`
	TAudit     time.Duration `yaml:"t-audit"`
	MaxBackoff time.Duration `yaml:"max-backoff"`

	SendMessages int `yaml:"send-messages"`
	SendOctets   int `yaml:"send-octets"`
}
