package main

import (
	_ "embed"
	"log/slog"
	"strings"
	"time"

	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/ss7"
	"github.com/gotelco/telco/mtp3/isup"
)

// Config is what the YAML file says; see sample.
type Config struct {
	ss7.NodeConfig `yaml:",inline"`

	Trunks   []Trunk       `yaml:"trunks"`
	Services []Service     `yaml:"services"`
	Numbers  []Number      `yaml:"numbers"`
	Number   string        `yaml:"number"`
	Reset    bool          `yaml:"reset"`
	Timeout  time.Duration `yaml:"timeout"`
	Admin    string        `yaml:"admin"`
}

// Trunk is a group of circuits to another exchange.
type Trunk struct {
	Name      string   `yaml:"name"`
	To        string   `yaml:"to"`
	Circuits  string   `yaml:"circuits"`
	Prefixes  []string `yaml:"prefixes"`
	Selection int      `yaml:"selection"`
}

// Service is numbers that the service control point is asked about.
type Service struct {
	Prefix string `yaml:"prefix"`
	Key    uint32 `yaml:"key"`
}

// Number is what becomes of calls to a number here.
type Number struct {
	Number string        `yaml:"number"`
	After  time.Duration `yaml:"after"`
	Clear  time.Duration `yaml:"clear"`
	Cause  uint8         `yaml:"cause"`
}

func defaults() Config { return Config{Reset: true, Admin: "127.0.0.1:8081"} }

// sample is exchange A of the textbook's network; b.yaml beside it is B.
//
//go:embed a.yaml
var sample string

// Validate says what YAML cannot.
func (c *Config) Validate() error {
	var bad config.Problems
	c.Check(&bad)
	f, err := c.PointCodeFormat()
	if err != nil {
		return bad.Err()
	}
	if len(c.Trunks) == 0 {
		bad.Add("trunks", "names none")
	}
	to := map[string]bool{}
	for i, t := range c.Trunks {
		if _, err := f.ParsePointCode(t.To); err != nil {
			bad.Add(config.Path("trunks", i, "to"), "%v", err)
		} else if to[t.To] {
			bad.Add(config.Path("trunks", i, "to"), "another trunk leads to %s already", t.To)
		}
		to[t.To] = true
		if _, err := ss7.ParseCircuits(t.Circuits); err != nil {
			bad.Add(config.Path("trunks", i, "circuits"), "%v", err)
		}
		for k, p := range t.Prefixes {
			if p != "" && ss7.CheckNumber(p) != nil {
				bad.Add(config.Path("trunks", i, "prefixes", k), "%q has other characters than digits", p)
			}
		}
		if t.Selection < 0 || t.Selection > 2 {
			bad.Add(config.Path("trunks", i, "selection"), "there are methods 1 and 2")
		}
	}
	for i, s := range c.Services {
		if err := ss7.CheckNumber(s.Prefix); err != nil {
			bad.Add(config.Path("services", i, "prefix"), "%v", err)
		}
		if s.Key > 1<<31-1 {
			bad.Add(config.Path("services", i, "key"), "is over 2147483647")
		}
	}
	for i, n := range c.Numbers {
		if number := strings.TrimSuffix(n.Number, "*"); number != "" && ss7.CheckNumber(number) != nil || n.Number == "" {
			bad.Add(config.Path("numbers", i, "number"), "%q is no number, nor how one begins, such as 30*", n.Number)
		}
		if n.Cause > 127 {
			bad.Add(config.Path("numbers", i, "cause"), "a cause is 1 to 127")
		}
		if n.After < 0 || n.Clear < 0 {
			bad.Add(config.Path("numbers", i), "a time is negative")
		}
	}
	if c.Number != "" {
		if err := ss7.CheckNumber(c.Number); err != nil {
			bad.Add("number", "%v", err)
		}
	}
	if c.Timeout < 0 {
		bad.Add("timeout", "is negative")
	}
	return bad.Err()
}

// exchange is the configuration of the exchange. It was validated.
func (c *Config) exchange(log *slog.Logger) (ss7.ExchangeConfig, error) {
	x := ss7.ExchangeConfig{Reset: c.Reset, Timeout: c.Timeout, Logger: log}
	f, err := c.PointCodeFormat()
	if err != nil {
		return x, err
	}
	for _, t := range c.Trunks {
		y := ss7.Trunk{Name: t.Name, Prefixes: t.Prefixes, Method1: t.Selection == 1}
		if y.To, err = f.ParsePointCode(t.To); err != nil {
			return x, err
		}
		if y.Circuits, err = ss7.ParseCircuits(t.Circuits); err != nil {
			return x, err
		}
		x.Trunks = append(x.Trunks, y)
	}
	for _, s := range c.Services {
		x.Services = append(x.Services, ss7.Service{Prefix: s.Prefix, Key: s.Key})
	}
	for _, n := range c.Numbers {
		x.Answers = append(x.Answers, ss7.Answer{Number: n.Number, After: n.After, Clear: n.Clear, Cause: isup.CauseValue(n.Cause)})
	}
	return x, nil
}
