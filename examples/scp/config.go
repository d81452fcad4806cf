package main

import (
	_ "embed"
	"strings"

	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/ss7"
	"github.com/gotelco/telco/mtp3/isup"
)

// Config is what the YAML file says; see sample.
type Config struct {
	ss7.NodeConfig `yaml:",inline"`

	SSN      uint8    `yaml:"ssn"`
	Services []uint32 `yaml:"services"`
	Numbers  []Number `yaml:"numbers"`
	Admin    string   `yaml:"admin"`
}

// Number says what a number is translated to.
type Number struct {
	Number string `yaml:"number"`
	To     string `yaml:"to"`
	Cause  uint8  `yaml:"cause"`
}

func defaults() Config { return Config{SSN: 12, Admin: "127.0.0.1:8082"} }

// sample is the service control point of the textbook's network.
//
//go:embed scp.yaml
var sample string

// Validate says what YAML cannot.
func (c *Config) Validate() error {
	var bad config.Problems
	c.Check(&bad)
	if c.SSN < 2 {
		bad.Add("ssn", "a subsystem has a number of 2 to 255")
	}
	for i, s := range c.Services {
		if s > 1<<31-1 {
			bad.Add(config.Path("services", i), "is over 2147483647")
		}
	}
	seen := map[string]bool{}
	for i, n := range c.Numbers {
		number, wild := strings.CutSuffix(n.Number, "*")
		if number != "" && ss7.CheckNumber(number) != nil || n.Number == "" || strings.HasPrefix(number, "+") {
			bad.Add(config.Path("numbers", i, "number"), "%q is no number, nor how one begins, such as 0800*", n.Number)
		}
		if seen[n.Number] {
			bad.Add(config.Path("numbers", i, "number"), "%s is there twice", n.Number)
		}
		seen[n.Number] = true
		to, more := strings.CutSuffix(n.To, "*")
		switch {
		case (n.To == "") == (n.Cause == 0):
			bad.Add(config.Path("numbers", i), "wants either a number (to) or a cause")
		case n.To != "" && (ss7.CheckNumber(to) != nil && (to != "" || !more)):
			bad.Add(config.Path("numbers", i, "to"), "%q is no number", n.To)
		case more && !wild:
			bad.Add(config.Path("numbers", i, "to"), "the number has no * whose digits could follow")
		case n.Cause > 127:
			bad.Add(config.Path("numbers", i, "cause"), "a cause is 1 to 127")
		}
	}
	return bad.Err()
}

// table is the numbers.
func (c *Config) table() ss7.Translations {
	var t ss7.Translations
	for _, n := range c.Numbers {
		t = append(t, ss7.Translation{Number: n.Number, To: n.To, Cause: isup.CauseValue(n.Cause)})
	}
	return t
}
