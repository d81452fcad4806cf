package stp

import (
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

// SCCPConfig is what the node does with SCCP messages that are for itself.
type SCCPConfig struct {
	Pos Pos `yaml:"-"`
	// HopCounter is how many translations a message may meet, 1 to 15: what it starts with where it has no
	// counter of its own. If zero, 15.
	HopCounter uint8 `yaml:"hop-counter"`
	// Return answers what cannot be translated with a service message (UDTS) where its sender wants it. Default on.
	Return Switch `yaml:"return"`
}

// GTTConfig is one line of global title translation. Of the lines that match, that with the longest
// prefix counts; among equals the one that names more.
type GTTConfig struct {
	Pos   Pos       `yaml:"-"`
	Name  string    `yaml:"name"` // in what is shown; if empty, what it matches
	Match GTTMatch  `yaml:"match"`
	To    []GTTHop  `yaml:"to"`
	Share ShareMode `yaml:"share"` // of several: "backup" (default) or "loadshare"
}

// GTTMatch says which called addresses are translated. What is absent matches anything.
type GTTMatch struct {
	Pos    Pos                   `yaml:"-"`
	TT     *uint8                `yaml:"tt"`  // translation type
	Plan   *sccp.NumberingPlan   `yaml:"np"`  // numbering plan: "e164", "e212", "e214", … or a number
	Nature *sccp.NatureOfAddress `yaml:"nai"` // nature of address: "international", "national", … or a number
	SSN    *sccp.SSN             `yaml:"ssn"`
	Prefix string                `yaml:"prefix"` // digits the title starts with, 0 to 9 and A to F
}

// GTTHop is what a called address becomes.
type GTTHop struct {
	Pos Pos            `yaml:"-"`
	PC  mtp3.PointCode `yaml:"pc"`  // where the message goes
	SSN sccp.SSN       `yaml:"ssn"` // of the called address; if zero, that of the message
	// Route is what the next node routes on: "ssn" if SSN is set (final translation), else "gt".
	Route RoutingIndicator `yaml:"route"`
	GT    *GTRewrite       `yaml:"gt"` // the new global title; if absent, the old one stays
}

// GTRewrite makes a new global title of the old one. What is absent stays as it was.
type GTRewrite struct {
	Pos    Pos                   `yaml:"-"`
	TT     *uint8                `yaml:"tt"`
	Plan   *sccp.NumberingPlan   `yaml:"np"`
	Nature *sccp.NatureOfAddress `yaml:"nai"`
	Strip  int                   `yaml:"strip"`  // how many leading digits go
	Prefix string                `yaml:"prefix"` // what comes in their place
}

// ShareMode says how the hops of a translation are used.
type ShareMode uint8

// The modes.
const (
	Backup    ShareMode = iota // the first that can be reached
	Loadshare                  // all that can be reached, by SLS
)

// String is "backup" or "loadshare".
func (m ShareMode) String() string {
	if m == Loadshare {
		return "loadshare"
	}
	return "backup"
}

// RoutingIndicator is the routing indicator of a called address (Q.713 section 3.4.1).
type RoutingIndicator uint8

// The indicators.
const (
	RouteDefault RoutingIndicator = iota // on the subsystem number if one is given, else on the global title
	RouteOnSSN
	RouteOnGT
)

// String is "default", "ssn" or "gt".
func (r RoutingIndicator) String() string { return [...]string{"default", "ssn", "gt"}[r%3] }
