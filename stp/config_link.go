package stp

import (
	"strconv"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// ListenConfig is one address that the node listens on; one of its fields is set. Ports left out are
// 2905 (M3UA) and 3565 (M2PA). An address may be several of one host: "10.0.0.1,10.1.0.1:2905".
type ListenConfig struct {
	Pos     Pos       `yaml:"-"`
	M3UA    sctp.Addr `yaml:"m3ua"`     // M3UA over SCTP
	M3UATCP sctp.Addr `yaml:"m3ua-tcp"` // M3UA over TCP
	M2PA    sctp.Addr `yaml:"m2pa"`     // what links that accept listen on, if they don't say it themselves
}

// SCTPConfig is what all associations share: what becomes of an [sctp.Config].
type SCTPConfig struct {
	Pos Pos `yaml:"-"`

	// Carrier is for programs: "kernel", "udp" (RFC 6951), or "auto" (default): the kernel where it has SCTP, else udp.
	Carrier string `yaml:"carrier"`
	UDP     uint16 `yaml:"udp-port"` // of carrier udp; if zero, 9899

	RTOInitial      time.Duration `yaml:"rto-initial"`
	RTOMin          time.Duration `yaml:"rto-min"`
	RTOMax          time.Duration `yaml:"rto-max"`
	Heartbeat       time.Duration `yaml:"heartbeat"`
	PathMaxRetrans  int           `yaml:"path-max-retrans"`
	AssocMaxRetrans int           `yaml:"assoc-max-retrans"`
	MaxInitRetrans  int           `yaml:"max-init-retrans"`
	SACKDelay       time.Duration `yaml:"sack-delay"`
	SendBuffer      int           `yaml:"send-buffer"`
	ReceiveBuffer   int           `yaml:"receive-buffer"`
	MaxStreams      uint16        `yaml:"streams"` // of M3UA, each way; if zero, 17
}

// M2PAConfig is what becomes of an [m2pa.Config]. What a link does not say, its linkset does; then the
// "m2pa" of the file; then RFC 4165.
type M2PAConfig struct {
	Pos Pos `yaml:"-"`

	T1, T2, T3, T4n, T4e, T6, T7 time.Duration

	ProvingInterval time.Duration `yaml:"proving-interval"`
	ProvingFiller   int           `yaml:"proving-filler"`
	RepeatInterval  time.Duration `yaml:"repeat-interval"`

	TransmitBuffer   int `yaml:"transmit-buffer"`
	TransmitMessages int `yaml:"transmit-messages"`
	Window           int `yaml:"window"`
	ReceiveBuffer    int `yaml:"receive-buffer"`

	CongestionOnset     []int `yaml:"congestion-onset"`     // up to three levels, in octets
	CongestionAbatement []int `yaml:"congestion-abatement"` //
	CongestionDiscard   []int `yaml:"congestion-discard"`   //
}

// LinksetConfig is the links to one adjacent point: what becomes of an [mtp3.LinksetConfig].
type LinksetConfig struct {
	Pos Pos `yaml:"-"`

	Name     string         `yaml:"name"`     // if empty, the adjacent point code
	Adjacent mtp3.PointCode `yaml:"adjacent"` // the point at the other end
	Local    mtp3.PointCode `yaml:"local"`    // what this end goes by; if zero, the node's point code
	Rotate   uint8          `yaml:"rotate"`   // by how many bits the SLS is rotated before it selects a link
	Screen   string         `yaml:"screen"`   // name of what may come in; if empty, everything
	Start    Switch         `yaml:"start"`    // default on: links are activated without being told to
	M2PA     M2PAConfig     `yaml:"m2pa"`     // of all its links
	Links    []LinkConfig   `yaml:"links"`
}

// LinkConfig is one signalling link.
type LinkConfig struct {
	Pos Pos `yaml:"-"`

	SLC  uint8          `yaml:"slc"`  // signalling link code, 0 to 15, the same at both ends
	Name string         `yaml:"name"` // if empty, the linkset's name, a slash and the SLC
	M2PA M2PALinkConfig `yaml:"m2pa"`
	// Start activates the link without being told to. The default is what the linkset says.
	Start Switch `yaml:"start"`
}

// M2PALinkConfig is how a link gets its association, and its timers. Either Connect or Accept is set.
type M2PALinkConfig struct {
	Pos Pos `yaml:"-"`

	Connect sctp.Addr `yaml:"connect"` // this side sets the association up, to there; port 0 is 3565
	Accept  sctp.Addr `yaml:"accept"`  // the peer does, from there; port 0 is any port
	// Local is the address of this side. If empty, that of "listen" (of links that accept), or what the system chooses.
	Local    sctp.Addr     `yaml:"local"`
	RetryMin time.Duration `yaml:"retry-min"` // pauses between attempts; if zero, 500 ms
	RetryMax time.Duration `yaml:"retry-max"` // if zero, 15 s

	Config M2PAConfig `yaml:",inline"`
}

// LinkName is the name of a link of the linkset.
func (l *LinksetConfig) LinkName(k *LinkConfig) string {
	if k.Name != "" {
		return k.Name
	}
	return l.Name + "/" + strconv.Itoa(int(k.SLC))
}

// RouteConfig is ways to a destination. Points at the other end of linksets, and those of Application
// Servers, have their way without it.
type RouteConfig struct {
	Pos Pos              `yaml:"-"`
	To  mtp3.Destination `yaml:"to"` // "4.5.6", "4.5.0/11" or "4.5.0/7.255.0"

	// Via are linksets, Application Servers or gateways. Several share the traffic by SLS (a combined linkset), as
	// do several routes of the same destination and priority.
	Via      []string `yaml:"via"`
	Priority uint8    `yaml:"priority"` // 1 is the best; if zero, 5
}

// ScreenConfig says who may send what to whom: what becomes of an [mtp3.Screen].
type ScreenConfig struct {
	Pos     Pos          `yaml:"-"`
	Name    string       `yaml:"name"`
	Default Action       `yaml:"default"` // if no rule matches; if absent, allow
	Rules   []RuleConfig `yaml:"rules"`   // the first that matches decides
}

// RuleConfig is one line of a screen. Empty lists match everything.
type RuleConfig struct {
	Pos    Pos                     `yaml:"-"`
	Action Action                  `yaml:"action"` // if absent, allow
	OPC    []mtp3.Destination      `yaml:"opc"`
	DPC    []mtp3.Destination      `yaml:"dpc"`
	SI     []mtp3.ServiceIndicator `yaml:"si"` // "isup", "sccp", … or a number
}

// Action is what a screen does with a message.
type Action uint8

// The actions.
const (
	Allow Action = iota
	Deny
)

// String is "allow" or "deny".
func (a Action) String() string {
	if a == Deny {
		return "deny"
	}
	return "allow"
}
