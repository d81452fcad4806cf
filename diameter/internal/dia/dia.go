// Package dia reads dictionaries of Diameter commands and AVPs. The text is close to the grammar of RFC 6733 sections 3.2 and
// 4.4:
//
//	dictionary cx "TS 29.229"              ; once, at the head
//	import diameter                        ; another dictionary, by its name
//	vendor 3GPP 10415
//	application Cx 16777216 3GPP
//
//	avps 3GPP                              ; the AVPs that follow have this vendor; 0 is none
//	  Public-Identity        601 UTF8String  M
//	  Server-Assignment-Type 614 Enumerated  M
//	  Deregistration-Reason  615 Grouped     M
//	  Auth-Application-Id    258 Unsigned32=ApplicationID M   ; with the Go type that holds it
//
//	enum Server-Assignment-Type
//	  NO_ASSIGNMENT 0
//	flags UAR-Flags                        ; bit numbers
//	  IMS-Emergency-Registration 0
//
//	; Comments right above a rule are its documentation.
//	Deregistration-Reason ::= < AVP Header: 615, 10415 >
//	  { Reason-Code }
//	  [ Reason-Info ]
//	  * [ AVP ]
//
//	<UAR> ::= < Diameter Header: 300, REQ, PXY, 16777216 >
//	  < Session-Id >
//	  1* { Public-Identity }
//
// A semicolon begins a comment. The last column of an AVP tells about its M flag: "M" it must be set, "-" it must not,
// "m" it may, and is sent clear. A rule may be followed by "check", which says that Go code checks more.
package dia

import (
	"fmt"
	"strconv"
	"strings"
)

// File is one dictionary.
type File struct {
	Name, Title  string
	Imports      []string
	Vendors      []Vendor
	Applications []Application
	AVPs         []AVP
	Rules        []Rule
}

// Vendor is a name for a Private Enterprise Code.
type Vendor struct {
	Name string
	ID   uint32
}

// Application is a Diameter application.
type Application struct {
	Name   string
	ID     uint32
	Vendor string // "" for none
}

// AVP is the definition of an attribute.
type AVP struct {
	Name   string
	Code   uint32
	Vendor uint32
	Type   string  // as RFC 6733 section 4.2 and 4.3 spell it
	GoType string  // "" for what Type says
	M      byte    // 'M', 'm' or '-'
	Values []Value // of an Enumerated, or bit numbers
	Bits   bool    // Values are bit numbers
}

// Value is a named number.
type Value struct {
	Name   string
	Number int64
}

// Rule is the grammar of a command or of a grouped AVP.
type Rule struct {
	Name        string
	Doc         string
	Command     bool
	Code        uint32 // of the command or AVP
	Request     bool
	Proxiable   bool
	Application uint32 // of a command; 0 where any will do
	Vendor      uint32 // of an AVP
	Check       bool
	Members     []Member
}

// Kind is the bracket of a member.
type Kind byte

// The kinds of members.
const (
	Fixed    Kind = '<'
	Required Kind = '{'
	Optional Kind = '['
)

// Member is one AVP of a rule. The name AVP stands for any AVP.
type Member struct {
	Name     string
	Kind     Kind
	Min, Max int // Max is -1 for any number
}

// SyntaxError says where a dictionary is wrong.
type SyntaxError struct {
	File string // "" for none
	Line int
	Text string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// types are the data formats, with the smallest number of octets that each takes.
var types = map[string]int{
	"OctetString": 0, "Integer32": 4, "Integer64": 8, "Unsigned32": 4, "Unsigned64": 8, "Float32": 4, "Float64": 8, "Grouped": 0,
	"Address": 6, "Time": 4, "UTF8String": 0, "DiameterIdentity": 0, "DiameterURI": 0, "Enumerated": 4, "IPFilterRule": 0,
	"QoSFilterRule": 0,
}

// MinLen is how many octets of data an AVP of the type has at least.
func MinLen(typ string) int { return types[typ] }

type parser struct {
	name  string
	file  *File
	line  int
	doc   []string
	rule  *Rule // whose members are being read
	avps  bool  // AVPs are being read
	in    uint32
	value *AVP // whose values are being read
}

// Parse reads a dictionary. The name is for errors, which are of the type *SyntaxError. Names that the file
// does not define may come from its imports: [Link] looks.
func Parse(name, text string) (*File, error) {
	p := parser{name: name, file: new(File)}
	for line := range strings.Lines(text) {
		p.line++
		if err := p.parseLine(strings.TrimRight(line, "\r\n")); err != nil {
			return nil, &SyntaxError{name, p.line, err.Error()}
		}
	}
	if p.file.Name == "" {
		return nil, &SyntaxError{name, p.line, "no line \"dictionary NAME\""}
	}
	return p.file, nil
}

func (p *parser) parseLine(line string) error {
	text, comment, hasComment := strings.Cut(line, ";")
	text = strings.TrimSpace(text)
	if text == "" {
		if hasComment {
			p.doc = append(p.doc, strings.TrimSpace(comment))
		} else {
			p.doc = nil
		}
		return nil
	}
	doc := strings.Join(p.doc, "\n")
	p.doc = nil
	if name, head, ok := strings.Cut(text, "::="); ok {
		return p.parseRule(strings.TrimSpace(name), strings.TrimSpace(head), doc)
	}
	f := strings.Fields(text)
	switch f[0] {
	case "dictionary", "import", "vendor", "application", "avps", "enum", "flags":
		p.rule, p.avps, p.value = nil, false, nil
	}
	switch {
	case f[0] == "dictionary" && len(f) >= 2:
		title := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text[len("dictionary"):]), f[1]))
		p.file.Name, p.file.Title = f[1], strings.Trim(title, `"`)
	case f[0] == "import" && len(f) == 2:
		p.file.Imports = append(p.file.Imports, f[1])
	case f[0] == "vendor" && len(f) == 3:
		id, err := number(f[2])
		if err != nil {
			return err
		}
		p.file.Vendors = append(p.file.Vendors, Vendor{f[1], id})
	case f[0] == "application" && (len(f) == 3 || len(f) == 4):
		id, err := number(f[2])
		if err != nil {
			return err
		}
		p.file.Applications = append(p.file.Applications, Application{f[1], id, strings.Join(f[3:], "")})
	case f[0] == "avps" && len(f) == 2:
		id, err := p.vendor(f[1])
		if err != nil {
			return err
		}
		p.in, p.avps = id, true
	case (f[0] == "enum" || f[0] == "flags") && len(f) == 2:
		return p.startValues(f[1], f[0] == "flags")
	case p.rule != nil && f[0] == "check" && len(f) == 1:
		p.rule.Check = true
	case p.rule != nil:
		return p.parseMember(text)
	case p.avps:
		return p.parseAVP(f)
	case p.value != nil && len(f) == 2:
		n, err := strconv.ParseInt(f[1], 0, 64)
		if err != nil {
			return err
		}
		if p.value.Bits && (n < 0 || n > 63) {
			return fmt.Errorf("bit %d", n)
		}
		p.value.Values = append(p.value.Values, Value{f[0], n})
	default:
		return fmt.Errorf("don't understand %q", text)
	}
	return nil
}

func (p *parser) vendor(name string) (uint32, error) {
	for _, v := range p.file.Vendors {
		if v.Name == name {
			return v.ID, nil
		}
	}
	return number(name)
}

func (p *parser) startValues(name string, bits bool) error {
	for i := range p.file.AVPs {
		if a := &p.file.AVPs[i]; a.Name == name {
			switch {
			case a.Values != nil:
				return fmt.Errorf("%s has values already", name)
			case !bits && a.Type != "Enumerated" && a.Type != "Unsigned32", bits && a.Type != "Unsigned32" && a.Type != "Unsigned64":
				return fmt.Errorf("%s is of the type %s", name, a.Type)
			}
			a.Bits, p.value = bits, a
			return nil
		}
	}
	return fmt.Errorf("values of the unknown AVP %s", name)
}

func (p *parser) parseAVP(f []string) error {
	if len(f) != 4 {
		return fmt.Errorf("want name, code, type and M flag")
	}
	code, err := number(f[1])
	if err != nil {
		return err
	}
	a := AVP{Name: f[0], Code: code, Vendor: p.in}
	a.Type, a.GoType, _ = strings.Cut(f[2], "=")
	if _, ok := types[a.Type]; !ok {
		return fmt.Errorf("unknown type %s", a.Type)
	}
	if f[3] != "M" && f[3] != "m" && f[3] != "-" {
		return fmt.Errorf("flag M is %q", f[3])
	}
	if !isName(a.Name) || a.Name == "AVP" {
		return fmt.Errorf("name %q", a.Name)
	}
	a.M = f[3][0]
	for _, b := range p.file.AVPs {
		if b.Name == a.Name || b.Code == a.Code && b.Vendor == a.Vendor {
			return fmt.Errorf("%s and %s are the same", a.Name, b.Name)
		}
	}
	p.file.AVPs = append(p.file.AVPs, a)
	return nil
}

// parseRule reads "NAME ::= < Diameter Header: 300, REQ, PXY, 16777216 >" or "< AVP Header: 615, 10415 >".
func (p *parser) parseRule(name, head, doc string) error {
	p.avps, p.value = false, nil
	if inner, ok := strings.CutPrefix(name, "<"); ok {
		name = strings.TrimSpace(strings.TrimSuffix(inner, ">"))
	}
	if !isName(name) {
		return fmt.Errorf("name %q", name)
	}
	r := Rule{Name: name, Doc: doc}
	inner, ok1 := strings.CutPrefix(head, "<")
	inner, ok2 := strings.CutSuffix(inner, ">")
	kind, rest, ok3 := strings.Cut(inner, ":")
	if !ok1 || !ok2 || !ok3 {
		return fmt.Errorf("want < ... Header: ... >")
	}
	fields := strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if len(fields) == 0 {
		return fmt.Errorf("no code")
	}
	code, err := number(fields[0])
	if err != nil {
		return err
	}
	r.Code = code
	switch strings.Join(strings.Fields(strings.ToLower(kind)), " ") {
	case "diameter header":
		r.Command = true
		for _, f := range fields[1:] {
			switch f {
			case "REQ":
				r.Request = true
			case "PXY":
				r.Proxiable = true
			default:
				if r.Application, err = number(f); err != nil {
					return err
				}
			}
		}
		if code >= 1<<24 {
			return fmt.Errorf("command code %d", code)
		}
	case "avp header":
		if len(fields) > 1 {
			if r.Vendor, err = p.vendor(fields[1]); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("header %q", kind)
	}
	p.file.Rules = append(p.file.Rules, r)
	p.rule = &p.file.Rules[len(p.file.Rules)-1]
	return nil
}

// parseMember reads "1*2 { Name }".
func (p *parser) parseMember(text string) error {
	at := strings.IndexAny(text, "<{[")
	if at < 0 {
		return fmt.Errorf("want < >, { } or [ ]: %q", text)
	}
	m := Member{Kind: Kind(text[at]), Max: 1}
	closing := map[Kind]string{Fixed: ">", Required: "}", Optional: "]"}[m.Kind]
	name, ok := strings.CutSuffix(text[at+1:], closing)
	m.Name = strings.TrimSpace(name)
	if !ok || !isName(m.Name) {
		return fmt.Errorf("member %q", text)
	}
	if m.Kind != Optional {
		m.Min = 1
	}
	if q := strings.ReplaceAll(text[:at], " ", ""); q != "" {
		least, most, ok := strings.Cut(q, "*")
		if !ok {
			return fmt.Errorf("number %q", q)
		}
		m.Max = -1
		if most != "" {
			n, err := strconv.ParseUint(most, 10, 15)
			if err != nil || n == 0 {
				return fmt.Errorf("number %q", q)
			}
			m.Max = int(n)
		}
		if least != "" {
			n, err := strconv.ParseUint(least, 10, 15)
			if err != nil || m.Max >= 0 && int(n) > m.Max || n > 0 && m.Kind == Optional {
				return fmt.Errorf("number %q", q)
			}
			m.Min = int(n)
		}
	}
	for _, o := range p.rule.Members {
		if o.Name == m.Name {
			return fmt.Errorf("%s is there twice", m.Name)
		}
	}
	p.rule.Members = append(p.rule.Members, m)
	return nil
}

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("number %q", s)
	}
	return uint32(n), nil
}

func isName(s string) bool {
	if s == "" || s[0] == '-' {
		return false
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}
