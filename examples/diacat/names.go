package main

import (
	"fmt"
	"strings"

	"github.com/gotelco/telco/diameter"
)

func (p *program) names(args []string) error {
	fs := p.flags("names", `[flags] [WORD...]

Lists the commands of the dictionaries; with a command's or an AVP's name, what the dictionary says of it; with another
word, the AVPs that have it in their name.

    diacat names
    diacat names MAR
    diacat names SIP-Auth-Data-Item Server-Assignment-Type
    diacat names wildcarded
`)
	p.textFlags(fs)
	if err := p.parse(fs, args, 0, -1); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return err
	}
	d := p.dict.all
	if fs.NArg() == 0 {
		for _, name := range d.CommandNames() {
			if h, ok := d.LookupCommand(name); ok {
				fmt.Fprintf(p.out, "%-4s %5d %-3v %s\n", name, h.Code, h.Flags, p.dict.application(h.ApplicationID))
			}
		}
		return nil
	}
	for _, word := range fs.Args() {
		if h, ok := d.LookupCommand(word); ok {
			g, _ := d.Grammar(h)
			fmt.Fprintf(p.out, "%s: command %d, flags %v, application %s\n", word, h.Code, h.Flags, p.dict.application(h.ApplicationID))
			p.printGrammar(g)
			continue
		}
		if def, ok := d.LookupAVP(word); ok {
			p.printAVP(def)
			continue
		}
		found := p.dict.search(word)
		if len(found) == 0 {
			return invalid{fmt.Errorf("nothing is called %q", word)}
		}
		for _, def := range found {
			fmt.Fprintf(p.out, "%-40s %5d@%-6d %-16s %v\n", def.Name, def.Code, def.VendorID, def.Type, def.Flags)
		}
	}
	return nil
}

func (p *program) printAVP(def diameter.AVPDefinition) {
	d := p.dict.all
	fmt.Fprintf(p.out, "%s: AVP %d@%d, %s, flags %v\n", def.Name, def.Code, def.VendorID, def.Type, def.Flags)
	if g, ok := d.GroupGrammar(def.Code, def.VendorID); ok {
		p.printGrammar(g)
	}
	for _, name := range d.ValueNames(def.Code, def.VendorID) {
		fmt.Fprintln(p.out, "    "+name)
	}
}

func (p *program) printGrammar(g diameter.Grammar) {
	if g.Doc != "" {
		fmt.Fprintln(p.out, "  "+strings.ReplaceAll(g.Doc, "\n", "\n  "))
	}
	for _, m := range g.Members {
		fmt.Fprintln(p.out, "    "+m.String())
	}
}

// search finds the AVPs that have a word in their name.
func (d *dictionary) search(word string) []diameter.AVPDefinition {
	var found []diameter.AVPDefinition
	for def := range d.all.AVPs() {
		if strings.Contains(strings.ToLower(def.Name), strings.ToLower(word)) {
			found = append(found, def)
		}
	}
	return found
}
