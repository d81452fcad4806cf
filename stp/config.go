package stp

import (
	"fmt"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// Config is the configuration of a [Node]: what one YAML file holds. Point codes in it are numbers; how
// they are written is the format of Node.Format. Zero values are defaults, which [Config.WithDefaults]
// fills in and [Config.Full] shows.
//
// Names of linksets, Application Servers and gateways are what routes lead to; each name stands for one of them.
type Config struct {
	File string `yaml:"-"` // where it was read from

	Node       NodeConfig       `yaml:"node"`
	Listen     []ListenConfig   `yaml:"listen"`
	SCTP       SCTPConfig       `yaml:"sctp"`
	M2PA       M2PAConfig       `yaml:"m2pa"` // of all links
	M3UA       M3UAConfig       `yaml:"m3ua"` // of this node as a signalling gateway
	Linksets   []LinksetConfig  `yaml:"linkset"`
	AS         []ASConfig       `yaml:"as"`
	ASPs       []ASPConfig      `yaml:"asp"` // those of several ASs; the others are told of in their AS
	Gateways   []GatewayConfig  `yaml:"gateway"`
	Routes     []RouteConfig    `yaml:"route"`
	Screening  []ScreenConfig   `yaml:"screening"`
	SCCP       SCCPConfig       `yaml:"sccp"`
	GTT        []GTTConfig      `yaml:"gtt"`
	Management ManagementConfig `yaml:"management"`
	Capture    CaptureConfig    `yaml:"capture"`
}

// Pos is the place of an item in its file. Zero means that it came from elsewhere.
type Pos struct{ Line, Column int }

// String is "line:column".
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Switch is a yes or no that may be left to its default.
type Switch int8

// The positions of a switch.
const (
	Default Switch = iota
	On
	Off
)

// Or is what the switch says, or d if it was left to its default.
func (s Switch) Or(d bool) bool { return s == On || s == Default && d }

// String is "on", "off" or "default".
func (s Switch) String() string {
	switch s {
	case On:
		return "on"
	case Off:
		return "off"
	}
	return "default"
}

// NodeConfig is the signalling point itself: what becomes of an [mtp3.Config].
type NodeConfig struct {
	Pos Pos `yaml:"-"`

	Name      string                `yaml:"name"` // if empty, the point code
	PointCode mtp3.PointCode        `yaml:"point-code"`
	Aliases   []mtp3.PointCode      `yaml:"aliases"`           // further point codes of this node
	Format    mtp3.Format           `yaml:"format"`            // "3-8-3", "4-3-7", "14", "ansi", "china", "japan"; if zero, 3-8-3
	SLSBits   uint8                 `yaml:"sls-bits"`          // of ANSI 5 or 8; part of Format
	NI        mtp3.NetworkIndicator `yaml:"network-indicator"` // of the file; if absent, national

	Transfer           Switch `yaml:"transfer"`            // default on: forwards messages for others
	TransferRestricted Switch `yaml:"transfer-restricted"` // default off: tells of restricted destinations (TFR)
	Restart            Switch `yaml:"restart"`             // default on: the MTP restart procedure
	LinkTest           Switch `yaml:"link-test"`           // default on: SLTM before a link carries traffic

	Congestion mtp3.CongestionMode `yaml:"congestion"` // "international", "priorities" or "levels"

	MaxHeld       int `yaml:"max-held"`       // as in [mtp3.Config]
	MaxExceptions int `yaml:"max-exceptions"` //
	MaxBroadcast  int `yaml:"max-broadcast"`  //

	Timers mtp3.Timers `yaml:"timers"` // "t1" to "t24" of Q.704, "test-t1" and "test-t2" of Q.707
}

// ManagementConfig says where operators and their tools reach the node. It is for programs.
type ManagementConfig struct {
	Pos    Pos      `yaml:"-"`
	Listen string   `yaml:"listen"` // address of HTTP; if empty, "127.0.0.1:8080"; "off" for none
	Hosts  []string `yaml:"hosts"`  // names under which it may be asked, beside localhost and addresses
	Token  string   `yaml:"token"`  // if not empty, requests have to bring it
}

// CaptureConfig says what is written of what passes the node. It is for programs.
type CaptureConfig struct {
	Pos Pos `yaml:"-"`

	// Directory gets the files. If empty, none are written.
	Directory string `yaml:"directory"`
	// PerLink writes a file for each link, ASP and gateway (default on); else there is one.
	PerLink Switch `yaml:"per-link"`
	// Continuous writes everything. Otherwise only what Ring holds is written, when there is an alarm.
	Continuous Switch `yaml:"continuous"`
	// Ring is how far back the memory of an alarm goes. If zero, 30 s; if negative, there is none.
	Ring time.Duration `yaml:"ring"`
	// RingOctets bounds the ring. If zero, 16 MiB.
	RingOctets int `yaml:"ring-octets"`
	// MaxFiles is how many files of alarms are kept, the newest. If zero, 100.
	MaxFiles int `yaml:"max-files"`
}

// Name is the node's name, or its point code.
func (c *Config) Name() string {
	if c.Node.Name != "" {
		return c.Node.Name
	}
	return c.Node.Format.PointCodeString(c.Node.PointCode)
}

// Linkset returns the linkset of a name, or nil.
func (c *Config) Linkset(name string) *LinksetConfig {
	for i := range c.Linksets {
		if c.Linksets[i].Name == name {
			return &c.Linksets[i]
		}
	}
	return nil
}

// ASOf returns the Application Server of a name, or nil.
func (c *Config) ASOf(name string) *ASConfig {
	for i := range c.AS {
		if c.AS[i].Name == name {
			return &c.AS[i]
		}
	}
	return nil
}

// Gateway returns the gateway of a name, or nil.
func (c *Config) Gateway(name string) *GatewayConfig {
	for i := range c.Gateways {
		if c.Gateways[i].Name == name {
			return &c.Gateways[i]
		}
	}
	return nil
}

// Screen returns the screen of a name, or nil.
func (c *Config) Screen(name string) *ScreenConfig {
	for i := range c.Screening {
		if c.Screening[i].Name == name {
			return &c.Screening[i]
		}
	}
	return nil
}
