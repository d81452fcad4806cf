package main

import (
	_ "embed"
	"net/netip"
	"time"

	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/call/webhook"
	"github.com/gotelco/telco/ims/as"
)

// Config is what the YAML file says; sample.yaml explains it.
type Config struct {
	Domain string   `yaml:"domain"`
	Listen []Listen `yaml:"listen"`
	TLS    TLS      `yaml:"tls"`
	Codecs []string `yaml:"codecs"`
	Media  Media    `yaml:"media"`
	Limits Limits   `yaml:"limits"`

	Phones Phones  `yaml:"phones"`
	IMS    IMS     `yaml:"ims"`
	Trunks []Trunk `yaml:"trunks"`

	Rules   []as.Rule                `yaml:"rules"`
	ENUM    map[string]as.ENUMConfig `yaml:"enum"`
	Ask     map[string]as.AskConfig  `yaml:"ask"`
	Default as.Decision              `yaml:"default"`
	Zone    string                   `yaml:"zone"`

	Redirect      as.Redirect `yaml:"redirect"`
	MaxDiversions int         `yaml:"max_diversions"`

	Emergency as.EmergencyConfig `yaml:"emergency"`
	Messages  as.MessagesConfig  `yaml:"messages"`
	Jobs      Jobs               `yaml:"jobs"`

	Sounds        string        `yaml:"sounds"`
	Announcements Announcements `yaml:"announcements"`
	Recordings    Recordings    `yaml:"recordings"`
	CDR           []cdr.Config  `yaml:"cdr"`

	EventSocket EventSocket          `yaml:"event_socket"`
	API         API                  `yaml:"api"`
	Webhook     webhook.ClientConfig `yaml:"webhook"`
	Variables   map[string]string    `yaml:"variables"`

	Admin string        `yaml:"admin"`
	Drain time.Duration `yaml:"drain"`
}

// Listen is a place to listen for SIP.
type Listen struct {
	Transport string `yaml:"transport"`
	Addr      string `yaml:"addr"`
	Advertise string `yaml:"advertise"`
}

// TLS names the files of the certificate, PEM.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Media is how RTP comes and goes.
type Media struct {
	Address   netip.Addr `yaml:"address"`
	Advertise netip.Addr `yaml:"advertise"`
	FirstPort uint16     `yaml:"first_port"`
	LastPort  uint16     `yaml:"last_port"`
	SRTP      string     `yaml:"srtp"`
	DSCP      int        `yaml:"dscp"`
	DTX       bool       `yaml:"dtx"`

	Timeout     time.Duration `yaml:"timeout"`
	HoldTimeout time.Duration `yaml:"hold_timeout"`
}

// Limits bound the calls.
type Limits struct {
	Calls     int           `yaml:"calls"`
	Late      time.Duration `yaml:"late"`
	Busy      float64       `yaml:"busy"`
	CPU       float64       `yaml:"cpu"`
	Duration  time.Duration `yaml:"duration"`
	RingTime  time.Duration `yaml:"ring_time"`
	RouteTime time.Duration `yaml:"route_time"`
}

// Phones are those that register here.
type Phones struct {
	Users   map[string]string `yaml:"users"`
	Numbers map[string]string `yaml:"numbers"`
	Digest  []string          `yaml:"digest"`
	Border  as.BorderConfig   `yaml:"border"`

	Redirect          as.Redirect `yaml:"redirect"`
	EmergencyPassword bool        `yaml:"emergency_password"`
}

// IMS is the core network that the server belongs to.
type IMS struct {
	Peers       []as.Source     `yaml:"peers"`
	Routes      []string        `yaml:"routes"`
	OrigRoutes  []string        `yaml:"orig_routes"`
	Domain      string          `yaml:"domain"`
	Case        as.SessionCase  `yaml:"case"`
	RegState    as.RegState     `yaml:"reg_state"`
	RecordRoute bool            `yaml:"record_route"`
	RegEvent    bool            `yaml:"reg_event"`
	OrigIOI     string          `yaml:"orig_ioi"`
	TermIOI     string          `yaml:"term_ioi"`
	Border      as.BorderConfig `yaml:"border"`
}

// Trunk is another SIP network.
type Trunk struct {
	Name    string      `yaml:"name"`
	Servers []Server    `yaml:"servers"`
	Sources []as.Source `yaml:"sources"`
	Trust   as.Trust    `yaml:"trust"`
	Domain  string      `yaml:"domain"`

	Username string   `yaml:"username"`
	Password string   `yaml:"password"`
	Register Register `yaml:"register"`

	Identity   as.Identity     `yaml:"identity"`
	From       string          `yaml:"from"`
	CalledInTo bool            `yaml:"called_in_to"`
	Border     as.BorderConfig `yaml:"border"`
	Codecs     []string        `yaml:"codecs"`
	Headers    []Header        `yaml:"headers"`
	Transfer   bool            `yaml:"transfer"`
	MaxCalls   int             `yaml:"max_calls"`

	Diversion     as.DiversionFields `yaml:"diversion"`
	Redirect      as.Redirect        `yaml:"redirect"`
	Preconditions bool               `yaml:"preconditions"`

	TargetTimeout time.Duration `yaml:"target_timeout"`
	RingTime      time.Duration `yaml:"ring_time"`
	NextOn        []int         `yaml:"next_on"`
	CoolDown      time.Duration `yaml:"cool_down"`
	Ping          time.Duration `yaml:"ping"`
}

// Server is one address of a trunk.
type Server struct {
	URI      string `yaml:"uri"`
	Priority int    `yaml:"priority"`
	Weight   int    `yaml:"weight"`
}

// Register says how the server registers with a trunk.
type Register struct {
	Registrar string        `yaml:"registrar"`
	Address   string        `yaml:"address"`
	Expires   time.Duration `yaml:"expires"`
	Proxy     string        `yaml:"proxy"`
}

// Header is a header field that INVITEs to a trunk get or lose.
type Header struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
	Add   bool   `yaml:"add"`
}

// Announcements are what callers hear whose call fails.
type Announcements struct {
	Causes map[int]string `yaml:"causes"`
	Answer bool           `yaml:"answer"`
	Max    time.Duration  `yaml:"max"`
}

// Recordings say where recordings are, and where they go.
type Recordings struct {
	Dir    string            `yaml:"dir"`
	Name   string            `yaml:"name"`
	Spool  string            `yaml:"spool"`
	URL    string            `yaml:"url"`
	Method string            `yaml:"method"`
	Field  string            `yaml:"field"`
	Header map[string]string `yaml:"header"`
}

// Jobs are done at certain times. Those that are added over HTTP are kept in Dir.
type Jobs struct {
	Dir  string   `yaml:"dir"`
	List []as.Job `yaml:"list"`
}

// EventSocket is FreeSWITCH's.
type EventSocket struct {
	Listen   string         `yaml:"listen"`
	Password string         `yaml:"password"`
	Allow    []netip.Prefix `yaml:"allow"`
}

// API is call control over HTTP, at the admin address.
type API struct {
	Token string `yaml:"token"`
}

// sample is a configuration to start from, and what there is without one.
//
//go:embed sample.yaml
var sample string

// defaults are what holds where a file says nothing. Phones are not among them: a program without users has none.
func defaults() Config {
	return Config{
		Domain: "localhost",
		Listen: []Listen{{Transport: "udp", Addr: "127.0.0.1:5060"}, {Transport: "tcp", Addr: "127.0.0.1:5060"}},
		Codecs: []string{"PCMA", "PCMU", "AMR-WB", "AMR"},
		Phones: Phones{Digest: []string{"SHA-256", "MD5"}},
		Limits: Limits{Late: 10 * time.Millisecond, Busy: 0.8, CPU: 0.85},
		Admin:  "127.0.0.1:8080",
		Drain:  time.Minute,
	}
}
