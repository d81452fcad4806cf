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
	// Extended passes on UDT that has been translated as XUDT, which has a hop counter, so that a loop of translations
	// over several nodes ends. Default off: all nodes have to know XUDT.
	Extended Switch `yaml:"extended"`
}

// GTTConfig is one line of global title translation: what becomes of an [sccp.Rule]. Of the lines that match, that
// with the most digits counts; among equals the one that names more.
type GTTConfig struct {
	Pos   Pos        `yaml:"-"`
	Name  string     `yaml:"name"` // in what is shown; if empty, its place
	Match GTTMatch   `yaml:"match"`
	To    []GTTHop   `yaml:"to"`
	Share sccp.Share `yaml:"share"` // of several: "ordered" (default: the first that can be reached), "by-sls" or "spread"
}

// GTTMatch says which called addresses are translated. What is absent matches anything.
type GTTMatch struct {
	Pos     Pos                   `yaml:"-"`
	Format  sccp.GTFormat         `yaml:"gti"` // global title indicator, 1 to 4; if zero, any
	TT      *uint8                `yaml:"tt"`  // translation type
	Plan    *sccp.NumberingPlan   `yaml:"np"`  // numbering plan: "e164", "e212", "e214", … or a number
	Nature  *sccp.NatureOfAddress `yaml:"nai"` // nature of address: "international", "national", … or a number
	SSN     *sccp.SSN             `yaml:"ssn"`
	Prefix  string                `yaml:"prefix"`  // digits the title starts with: 0 to 9, A to F, and ? for any decimal one
	Through string                `yaml:"through"` // makes the prefix the first of a range, and is the last
	Whole   Switch                `yaml:"whole"`   // default off: nothing may follow the digits
}

// GTTHop is what a called address becomes.
type GTTHop struct {
	Pos  Pos            `yaml:"-"`
	Name string         `yaml:"name"`
	PC   mtp3.PointCode `yaml:"pc"`  // where the message goes
	SSN  sccp.SSN       `yaml:"ssn"` // of the called address; if zero, that of the message
	// Route is what that node routes on: "ssn" (default), or "gt" to translate again.
	Route  RoutingIndicator `yaml:"route"`
	Weight int              `yaml:"weight"` // share of the traffic, of by-sls and spread; if zero, 1
	GT     GTRewrite        `yaml:"gt"`     // what becomes of the global title; if absent, it stays
}

// GTRewrite makes a new global title of the old one. What is absent stays as it was.
type GTRewrite struct {
	Pos     Pos                   `yaml:"-"`
	Remove  Switch                `yaml:"remove"`  // default off: takes the title off, of route ssn
	Strip   int                   `yaml:"strip"`   // how many leading digits go
	Prefix  string                `yaml:"prefix"`  // digits that come before the others
	Replace string                `yaml:"replace"` // digits instead of all there were
	Format  sccp.GTFormat         `yaml:"gti"`
	TT      *uint8                `yaml:"tt"`
	Plan    *sccp.NumberingPlan   `yaml:"np"`
	Nature  *sccp.NatureOfAddress `yaml:"nai"`
}

// RoutingIndicator is the routing indicator of a called address (Q.713 section 3.4.1).
type RoutingIndicator uint8

// The indicators.
const (
	RouteOnSSN RoutingIndicator = iota
	RouteOnGT
)

// String is "ssn" or "gt".
func (r RoutingIndicator) String() string {
	if r == RouteOnGT {
		return "gt"
	}
	return "ssn"
}

// rules are the lines of the file as package sccp has them.
func (c *Config) rules() []sccp.Rule {
	rules := make([]sccp.Rule, len(c.GTT))
	for i, g := range c.GTT {
		m := g.Match
		r := sccp.Rule{Name: g.Name, Share: g.Share, Match: sccp.Match{
			Format: m.Format, TT: field(m.TT), Plan: field(m.Plan), Nature: field(m.Nature), SSN: field(m.SSN), Digits: m.Prefix, Through: m.Through, Whole: m.Whole == On,
		}}
		for _, h := range g.To {
			r.To = append(r.To, sccp.Entity{Name: h.Name, PC: h.PC, RouteOnGT: h.Route == RouteOnGT, SSN: h.SSN, Weight: h.Weight, GT: sccp.Change{
				Remove: h.GT.Remove == On, Strip: h.GT.Strip, Prefix: h.GT.Prefix, Replace: h.GT.Replace,
				Format: h.GT.Format, TT: field(h.GT.TT), Plan: field(h.GT.Plan), Nature: field(h.GT.Nature),
			}})
		}
		rules[i] = r
	}
	return rules
}

func field[T ~uint8](p *T) sccp.Field {
	if p == nil {
		return 0
	}
	return sccp.Is(*p)
}
