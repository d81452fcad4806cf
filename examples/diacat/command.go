package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/examples/kit/config"
)

// command is a request, or an answer, as a YAML file has it.
type command struct {
	Command     string `yaml:"command"`     // "UAR", or the number of a request's code
	Application string `yaml:"application"` // as -app; of the command if empty
	Flags       string `yaml:"flags"`       // such as "RP"; of the command if empty
	Bare        bool   `yaml:"bare"`        // fill nothing in
	AVPs        avps   `yaml:"avps"`

	dict  *dictionary
	app   diameter.Application // this and head once header has been called
	head  diameter.Header
	first avps // what is filled in; this and what is noted in avps once prepare has been called
	ready bool
}

// avps are AVPs in the order of the file.
type avps []avpText

// avpText is an AVP, or several with one name.
type avpText struct {
	name   string
	values []valueText

	def   diameter.AVPDefinition
	known bool // def is there
}

// valueText is a scalar, or a group.
type valueText struct {
	text  string
	group avps
	isSet bool // group counts

	fixed []byte // the data, if they are always the same
}

// UnmarshalYAML keeps order and spelling, which maps and numbers would lose.
func (a *avps) UnmarshalYAML(n ast.Node) error {
	group, err := parseGroup(n, 0)
	*a = group
	return err
}

func parseGroup(n ast.Node, depth int) (avps, error) {
	if depth > 30 {
		return nil, errors.New("groups within groups without end")
	}
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	case *ast.NullNode:
		return nil, nil
	default:
		return nil, fmt.Errorf("line %d: want AVPs, NAME: VALUE", n.GetToken().Position.Line)
	}
	var out avps
	for _, p := range pairs {
		name := p.Key.String()
		if s, ok := p.Key.(*ast.StringNode); ok {
			name = s.Value
		}
		a := avpText{name: name}
		values := []ast.Node{p.Value}
		if seq, ok := p.Value.(*ast.SequenceNode); ok {
			values = seq.Values
		}
		for _, v := range values {
			value, err := parseYAMLValue(v, depth)
			if err != nil {
				return nil, err
			}
			a.values = append(a.values, value)
		}
		out = append(out, a)
	}
	return out, nil
}

func parseYAMLValue(n ast.Node, depth int) (valueText, error) {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		group, err := parseGroup(n, depth+1)
		return valueText{group: group, isSet: true}, err
	case *ast.StringNode:
		return valueText{text: n.Value}, nil
	case *ast.LiteralNode:
		return valueText{text: n.Value.Value}, nil
	case *ast.NullNode:
		return valueText{}, nil
	case ast.ScalarNode:
		return valueText{text: n.GetToken().Value}, nil
	}
	return valueText{}, fmt.Errorf("line %d: neither a value nor a group", n.GetToken().Position.Line)
}

// loadCommand reads a command from a file.
func (p *program) loadCommand(name string) (*command, error) {
	text, err := p.read(name)
	if err != nil {
		return nil, err
	}
	c := &command{dict: p.dict}
	if err := config.Parse(name, text, c); err != nil {
		return nil, invalid{err}
	}
	return c, nil
}

// Validate finds what the dictionary doesn't know.
func (c *command) Validate() error {
	var bad config.Problems
	if _, err := c.header(); err != nil {
		return append(bad, config.Problem{Path: "command", Message: err.Error()})
	}
	// Values come from variables, so names and groups alone are looked at here.
	c.check("avps", c.AVPs, &bad)
	if len(bad) == 0 {
		if err := c.prepare(); err != nil {
			bad.Add("avps", "%v", err)
		}
	}
	return bad.Err()
}

func (c *command) check(path string, list avps, bad *config.Problems) {
	for _, a := range list {
		def, err := c.definition(a.name)
		at := config.Path(path, a.name)
		if err != nil {
			bad.Add(at, "%v", err)
			continue
		}
		for _, v := range a.values {
			switch {
			case v.isSet && def.Type != "Grouped" && def.Type != "":
				bad.Add(at, "is no group, but of the type %s", def.Type)
			case !v.isSet && def.Type == "Grouped" && v.text != "" && !strings.HasPrefix(v.text, "0x") && !strings.Contains(v.text, "${"):
				bad.Add(at, "is a group: want AVPs, NAME: VALUE")
			}
			c.check(at, v.group, bad)
		}
	}
}

// header is that of the message, without identifiers.
func (c *command) header() (diameter.Header, error) {
	h := c.head
	if h != (diameter.Header{}) {
		return h, nil
	}
	d := c.dict
	if c.Application != "" {
		app, err := d.parseApplication(c.Application)
		if err != nil {
			return h, err
		}
		c.app, h.ApplicationID = app, app.ID
	}
	from := d.all
	if c.Application != "" {
		from = d.of(c.app.ID)
	}
	if code, err := strconv.ParseUint(c.Command, 0, 24); err == nil {
		h.Code, h.Flags = diameter.CommandCode(code), diameter.Request|diameter.Proxiable
	} else {
		known, ok := from.LookupCommand(c.Command)
		if !ok {
			return h, fmt.Errorf("no command is called %q; one by number has no quotes", c.Command)
		}
		h.Code, h.Flags = known.Code, known.Flags
		if c.Application == "" {
			h.ApplicationID = known.ApplicationID
			c.app, _ = d.all.Application(h.ApplicationID)
		}
	}
	if c.Flags != "" {
		h.Flags = 0
		for _, letter := range c.Flags {
			i := strings.IndexRune("RPET", letter)
			if i < 0 && letter != '-' {
				return h, fmt.Errorf("flags %q: want letters of RPET", c.Flags)
			}
			if i >= 0 {
				h.Flags |= 0x80 >> i
			}
		}
	}
	c.head = h
	return h, nil
}

// definition finds an AVP: NAME, CODE or CODE@VENDOR, with "/" and letters of VMP behind it for other flags than the
// dictionary's. One that the dictionary doesn't know has no type.
func (c *command) definition(name string) (diameter.AVPDefinition, error) {
	name, flags, hasFlags := strings.Cut(name, "/")
	d := c.dict.of(c.app.ID)
	def, ok := d.LookupAVP(name)
	if !ok {
		code, vendor, hasVendor := strings.Cut(name, "@")
		n, err := strconv.ParseUint(code, 0, 32)
		if err != nil {
			return def, fmt.Errorf("no AVP is called %q; one by number is CODE or CODE@VENDOR", name)
		}
		v := uint64(0)
		if hasVendor {
			if v, err = strconv.ParseUint(vendor, 0, 32); err != nil {
				return def, fmt.Errorf("%q: vendor %q is no number", name, vendor)
			}
		}
		if def, ok = d.AVP(diameter.AVPCode(n), diameter.VendorID(v)); !ok {
			def = diameter.AVPDefinition{Code: diameter.AVPCode(n), VendorID: diameter.VendorID(v)}
		}
	}
	if hasFlags {
		def.Flags = 0
		for _, letter := range flags {
			i := strings.IndexRune("VMP", letter)
			if i < 0 && letter != '-' {
				return def, fmt.Errorf("%q: flags are letters of VMP, or - for none", name)
			}
			if i >= 0 {
				def.Flags |= 0x80 >> i
			}
		}
	}
	return def, nil
}

// prepare finds out what is the same in every message.
func (c *command) prepare() error {
	h, err := c.header()
	if err != nil {
		return err
	}
	if err := c.note(c.AVPs); err != nil {
		return err
	}
	if !c.Bare {
		present := map[[2]uint32]bool{}
		for _, a := range c.AVPs {
			present[[2]uint32{uint32(a.def.VendorID), uint32(a.def.Code)}] = true
		}
		c.first = c.missing(h, func(def diameter.AVPDefinition) bool {
			return present[[2]uint32{uint32(def.VendorID), uint32(def.Code)}]
		})
		if err := c.note(c.first); err != nil {
			return err
		}
	}
	c.ready = true
	return nil
}

// note looks up the definitions of AVPs, and encodes values without variables.
func (c *command) note(list avps) error {
	for i := range list {
		a := &list[i]
		var err error
		if a.def, err = c.definition(a.name); err != nil {
			return err
		}
		a.known = true
		for j := range a.values {
			v := &a.values[j]
			if v.isSet {
				if err := c.note(v.group); err != nil {
					return err
				}
			} else if !strings.Contains(v.text, "$") {
				if v.fixed, err = c.data(a.def, *v, variables{}); err != nil {
					return fmt.Errorf("%s: %w", a.name, err)
				}
			}
		}
	}
	return nil
}

// message makes the message with the variables' values. It may be called by several goroutines once prepare has been.
func (c *command) message(vars variables) (diameter.Message, error) {
	if !c.ready {
		if err := c.prepare(); err != nil {
			return diameter.Message{}, invalid{err}
		}
	}
	b, err := c.appendAVPs(make([]byte, 0, 512), c.first, vars)
	if err == nil {
		b, err = c.appendAVPs(b, c.AVPs, vars)
	}
	if err != nil {
		return diameter.Message{}, invalid{err}
	}
	return diameter.Message{Header: c.head, AVPs: b}, nil
}

func (c *command) appendAVPs(b []byte, list avps, vars variables) ([]byte, error) {
	for _, a := range list {
		def := a.def
		if !a.known {
			var err error
			if def, err = c.definition(a.name); err != nil {
				return b, err
			}
		}
		for _, v := range a.values {
			var at int
			b, at = diameter.BeginAVP(b, def.Code, def.Flags, def.VendorID)
			var err error
			switch {
			case v.fixed != nil:
				b = append(b, v.fixed...)
			case v.isSet:
				b, err = c.appendAVPs(b, v.group, vars)
			default:
				var data []byte
				if data, err = c.data(def, v, vars); err != nil {
					err = fmt.Errorf("%s: %w", a.name, err)
				}
				b = append(b, data...)
			}
			if err != nil {
				return b, err
			}
			b = diameter.EndAVP(b, at)
		}
	}
	return b, nil
}

func (c *command) data(def diameter.AVPDefinition, v valueText, vars variables) ([]byte, error) {
	if v.isSet {
		return c.appendAVPs(nil, v.group, vars)
	}
	text, err := vars.expand(v.text)
	if err != nil {
		return nil, err
	}
	if def.Name != "" && (def.Type != "Grouped" || text != "") {
		// By its name: values of enumerations, addresses, times.
		b, err := c.dict.of(c.app.ID).AppendValue(nil, def.Name, text)
		if err != nil {
			return nil, errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "diameter: "), def.Name+": "))
		}
		for a := range diameter.AVPs(b).All() {
			return a.Data, nil
		}
	}
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		return hex.DecodeString(digits)
	}
	return []byte(text), nil
}

// fill puts before the AVPs in b those that the grammar requires and that are not there.
func (c *command) fill(h diameter.Header, b []byte, vars variables) ([]byte, error) {
	list := c.missing(h, func(def diameter.AVPDefinition) bool { return diameter.AVPs(b).Has(def.Code, def.VendorID) })
	first, err := c.appendAVPs(nil, list, vars)
	return append(first, b...), err
}

// missing are the AVPs that the grammar requires, that are not there, and that a program can know, in the grammar's order.
func (c *command) missing(h diameter.Header, present func(diameter.AVPDefinition) bool) avps {
	d := c.dict.of(h.ApplicationID)
	g, ok := d.Grammar(h)
	if !ok {
		return nil
	}
	number := func(n uint32) []valueText { return []valueText{{text: strconv.FormatUint(uint64(n), 10)}} }
	known := map[string][]valueText{
		"Session-Id": {{text: "${session}"}}, "Auth-Session-State": {{text: "NO_STATE_MAINTAINED"}},
		"Origin-Host": {{text: "${origin-host}"}}, "Origin-Realm": {{text: "${origin-realm}"}},
		"Destination-Host": {{text: "${peer-host}"}}, "Destination-Realm": {{text: "${peer-realm}"}},
		"Auth-Application-Id": number(uint32(h.ApplicationID)), "Acct-Application-Id": number(uint32(h.ApplicationID)),
		"Vendor-Specific-Application-Id": {{isSet: true, group: avps{
			{name: "Vendor-Id", values: number(uint32(c.app.VendorID))}, {name: "Auth-Application-Id", values: number(uint32(h.ApplicationID))}}}},
	}
	var list avps
	for _, m := range g.Members {
		def, ok := d.LookupAVP(m.Name)
		if values := known[m.Name]; ok && values != nil && m.Min > 0 && !present(def) {
			list = append(list, avpText{name: m.Name, values: values})
		}
	}
	return list
}
