package diameter

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gotelco/telco/diameter/internal/dia"
)

// AVPDefinition is what a [Dictionary] says about an attribute.
type AVPDefinition struct {
	Name     string
	Code     AVPCode
	VendorID VendorID
	Type     string   // as RFC 6733 sections 4.2 to 4.4 spell it, such as "Grouped"
	Flags    AVPFlags // that it is sent with: V, M
}

// GrammarMember is one AVP of a [Grammar]. The name AVP stands for any AVP.
type GrammarMember struct {
	Name     string
	Min, Max int  // how often it has to, and may, come; Max is -1 for any number
	Fixed    bool // its place is fixed
}

// String returns the member as RFC 6733 section 3.2 writes it, such as "{ Origin-Host }" or "1*{ Public-Identity }".
func (m GrammarMember) String() string {
	brackets := "{}"
	switch {
	case m.Fixed:
		brackets = "<>"
	case m.Min == 0:
		brackets = "[]"
	}
	count := ""
	switch {
	case m.Max < 0 && m.Min > 0:
		count = fmt.Sprintf("%d*", m.Min)
	case m.Max < 0:
		count = "*"
	case m.Max > 1:
		count = fmt.Sprintf("%d*%d", m.Min, m.Max)
	}
	return count + brackets[:1] + " " + m.Name + " " + brackets[1:]
}

// Grammar is the grammar of a command or of a grouped AVP (RFC 6733 sections 3.2 and 4.4).
type Grammar struct {
	Name    string // of the command, such as "MAR", or of the AVP
	Doc     string // where it is from, what it is for
	Members []GrammarMember
}

// Member returns the member with the name.
func (g Grammar) Member(name string) (GrammarMember, bool) {
	i := slices.IndexFunc(g.Members, func(m GrammarMember) bool { return m.Name == name })
	if i < 0 {
		return GrammarMember{}, false
	}
	return g.Members[i], true
}

// LookupAVP finds an attribute by its name, as the dictionary spells it.
func (d *Dictionary) LookupAVP(name string) (AVPDefinition, bool) {
	a, ok := d.names[name]
	if !ok {
		return AVPDefinition{}, false
	}
	return definition(a), true
}

// AVP finds an attribute by its code and vendor.
func (d *Dictionary) AVP(code AVPCode, vendor VendorID) (AVPDefinition, bool) {
	a, ok := d.avps[uint64(vendor)<<32|uint64(code)]
	if !ok {
		return AVPDefinition{}, false
	}
	return definition(a), true
}

// AVPs yields all attributes, in the order of the dictionaries.
func (d *Dictionary) AVPs() iter.Seq[AVPDefinition] {
	return func(yield func(AVPDefinition) bool) {
		for _, f := range d.files {
			for i := range f.AVPs {
				if !yield(definition(&f.AVPs[i])) {
					return
				}
			}
		}
	}
}

func definition(a *dia.AVP) AVPDefinition {
	def := AVPDefinition{Name: a.Name, Code: AVPCode(a.Code), VendorID: VendorID(a.Vendor), Type: a.Type}
	if a.Vendor != 0 {
		def.Flags |= VendorFlag
	}
	if a.M == 'M' {
		def.Flags |= Mandatory
	}
	return def
}

// ValueNames returns the names of an enumeration's values, or of a bit mask's bits, in the dictionary's order.
func (d *Dictionary) ValueNames(code AVPCode, vendor VendorID) []string {
	a, ok := d.avps[uint64(vendor)<<32|uint64(code)]
	if !ok {
		return nil
	}
	var names []string
	for _, v := range a.Values {
		names = append(names, v.Name)
	}
	return names
}

// LookupCommand finds a command by its short name, such as "MAR", and returns the header that begins it: flags, code and
// application.
func (d *Dictionary) LookupCommand(name string) (Header, bool) {
	for i := len(d.files) - 1; i >= 0; i-- { // as with AVPs, the later one counts
		for _, r := range d.files[i].Rules {
			if r.Command && r.Name == name {
				return commandHeader(&r), true
			}
		}
	}
	return Header{}, false
}

func commandHeader(r *dia.Rule) Header {
	h := Header{Code: CommandCode(r.Code), ApplicationID: ApplicationID(r.Application)}
	if r.Request {
		h.Flags |= Request
	}
	if r.Proxiable {
		h.Flags |= Proxiable
	}
	return h
}

// CommandNames returns the short names of all commands, in the order of the dictionaries.
func (d *Dictionary) CommandNames() []string {
	var names []string
	for _, f := range d.files {
		for _, r := range f.Rules {
			if r.Command && !slices.Contains(names, r.Name) {
				names = append(names, r.Name)
			}
		}
	}
	return names
}

// LookupApplication finds an application by its name, such as "Cx", regardless of case. It has the vendor that announces it
// within Vendor-Specific-Application-Id.
func (d *Dictionary) LookupApplication(name string) (Application, bool) {
	for _, f := range d.files {
		for _, a := range f.Applications {
			if strings.EqualFold(a.Name, name) {
				return d.application(f, a), true
			}
		}
	}
	return Application{}, false
}

// Application finds an application by its number.
func (d *Dictionary) Application(id ApplicationID) (Application, bool) {
	for _, f := range d.files {
		for _, a := range f.Applications {
			if a.ID == uint32(id) {
				return d.application(f, a), true
			}
		}
	}
	return Application{}, false
}

func (d *Dictionary) application(f *dia.File, a dia.Application) Application {
	app := Application{ID: ApplicationID(a.ID), Accounting: ApplicationID(a.ID) == BaseAccounting}
	for _, v := range f.Vendors {
		if v.Name == a.Vendor {
			app.VendorID = VendorID(v.ID)
		}
	}
	return app
}

// Grammar returns the grammar of the command that h is the header of.
func (d *Dictionary) Grammar(h Header) (Grammar, bool) {
	for _, app := range []ApplicationID{h.ApplicationID, 0} {
		if r, ok := d.commands[commandKey{h.Code, h.IsRequest(), app}]; ok {
			return grammar(r), true
		}
	}
	return Grammar{}, false
}

// GroupGrammar returns the grammar of a grouped AVP.
func (d *Dictionary) GroupGrammar(code AVPCode, vendor VendorID) (Grammar, bool) {
	for i := len(d.files) - 1; i >= 0; i-- {
		rules := d.files[i].Rules
		for j := range rules {
			if r := &rules[j]; !r.Command && r.Code == uint32(code) && r.Vendor == uint32(vendor) {
				return grammar(r), true
			}
		}
	}
	return Grammar{}, false
}

func grammar(r *dia.Rule) Grammar {
	g := Grammar{Name: r.Name, Doc: r.Doc}
	for _, m := range r.Members {
		g.Members = append(g.Members, GrammarMember{m.Name, m.Min, m.Max, m.Kind == dia.Fixed})
	}
	return g
}
