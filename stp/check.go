package stp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gotelco/telco/mtp3"
)

// FindingKind is how bad a finding is.
type FindingKind uint8

// The kinds.
const (
	FindingNote    FindingKind = iota // worth knowing
	FindingWarning                    // works, but hardly as it was meant
	FindingError                      // cannot work; [New] or [Node.Apply] refuse it
)

// String is the kind in a word.
func (s FindingKind) String() string { return [...]string{"note", "warning", "error"}[min(s, 2)] }

// Finding is something about a configuration that its author will want to know.
type Finding struct {
	Kind FindingKind
	File string
	Pos  Pos // zero if it is about no place
	Text string
}

// String is "file:line:column: severity: text".
func (f Finding) String() string {
	s := f.File
	if f.Pos.Line > 0 {
		s += ":" + f.Pos.String()
	}
	return s + ": " + f.Kind.String() + ": " + f.Text
}

// Errors are the findings that are errors.
func Errors(all []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.Kind != FindingError })
}

// Check looks for what makes no sense as a whole: names that mean nothing or two things, doubled codes and keys,
// routes that lead nowhere, that no message takes or that have no way back, links that never carry traffic,
// ports in use twice, timers out of the ranges of the recommendations. The findings are in the order of the file.
func (c *Config) Check() []Finding {
	k := &checker{c: c.WithDefaults(), said: c, f: c.Node.Format}
	k.plans, k.points = k.c.routes(), map[mtp3.PointCode]bool{}
	for _, p := range k.plans {
		if p.To.Wild == 0 {
			k.points[p.To.PC] = true
		}
	}
	for i := range k.c.Linksets {
		k.points[k.c.Linksets[i].Adjacent] = true
	}
	k.names()
	k.node()
	k.linksets()
	k.servers()
	k.gateways()
	k.screens()
	k.routes()
	k.ports()
	k.timers()
	if len(Errors(k.all)) == 0 {
		k.traffic()
	}
	for i := range k.all {
		k.all[i].File = c.File
	}
	slices.SortStableFunc(k.all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column), cmp.Compare(b.Kind, a.Kind))
	})
	return k.all
}

type checker struct {
	c, said *Config // with defaults, without
	f       mtp3.Format
	all     []Finding
	plans   []routePlan
	points  map[mtp3.PointCode]bool // that single routes lead to
}

func (k *checker) add(s FindingKind, p Pos, format string, args ...any) {
	k.all = append(k.all, Finding{Kind: s, Pos: p, Text: fmt.Sprintf(format, args...)})
}

func (k *checker) pc(pc mtp3.PointCode) string { return k.f.PointCodeString(pc) }

func (k *checker) dest(d mtp3.Destination) string { return k.f.DestinationString(d) }

// once says where a thing was said first.
type once[K comparable] map[K]Pos

// again tells whether key was seen before, and notes it otherwise.
func (o once[K]) again(key K, p Pos) (first Pos, twice bool) {
	if first, twice = o[key]; !twice {
		o[key] = p
	}
	return first, twice
}

func (k *checker) names() {
	vias, links, asps, screens := once[string]{}, once[string]{}, once[string]{}, once[string]{}
	name := func(o once[string], kind, name string, p Pos) {
		if first, twice := o.again(name, p); twice {
			k.add(FindingError, p, "%s %q: line %d has that name already", kind, name, first.Line)
		}
	}
	for i := range k.c.Linksets {
		ls := &k.c.Linksets[i]
		name(vias, "linkset", ls.Name, ls.Pos)
		for j := range ls.Links {
			name(links, "link", ls.LinkName(&ls.Links[j]), ls.Links[j].Pos)
		}
	}
	for i := range k.c.AS {
		name(vias, "as", k.c.AS[i].Name, k.c.AS[i].Pos)
	}
	for i := range k.c.Gateways {
		name(vias, "gateway", k.c.Gateways[i].Name, k.c.Gateways[i].Pos)
	}
	describe := func(a *ASPConfig) {
		if !a.reference() {
			name(asps, "asp", a.Name, a.Pos)
		}
	}
	for i := range k.said.ASPs {
		describe(&k.said.ASPs[i])
	}
	for i := range k.said.AS {
		for j := range k.said.AS[i].ASPs {
			describe(&k.said.AS[i].ASPs[j])
		}
	}
	for i := range k.c.Screening {
		name(screens, "screen", k.c.Screening[i].Name, k.c.Screening[i].Pos)
	}
}

func (k *checker) node() {
	n := &k.c.Node
	seen := map[mtp3.PointCode]bool{n.PointCode: true}
	for _, pc := range n.Aliases {
		if seen[pc] {
			k.add(FindingError, n.Pos, "alias %s is a point code of this node already", k.pc(pc))
		}
		seen[pc] = true
	}
	if n.Transfer != On && len(k.c.Routes) > 0 && len(k.c.AS) > 0 {
		k.add(FindingNote, n.Pos, "transfer is off: what comes over links for others is refused; AS still reach the routes")
	}
	if n.TransferRestricted == On && n.NI == mtp3.International {
		k.add(FindingNote, n.Pos, "transfer-restricted is a national option (Q.704 section 13.4): neighbours of an international network may not know it")
	}
	if n.Congestion != mtp3.CongestionInternational && n.NI == mtp3.International {
		k.add(FindingWarning, n.Pos, "congestion with several levels is a national option (Q.704 section 11.2.4)")
	}
}

func (k *checker) linksets() {
	adjacent := once[mtp3.PointCode]{}
	for i := range k.c.Linksets {
		ls := &k.c.Linksets[i]
		if first, twice := adjacent.again(ls.Adjacent, ls.Pos); twice {
			k.add(FindingError, ls.Pos, "linkset %q: the one in line %d leads to %s already; links to one point are one linkset", ls.Name, first.Line, k.pc(ls.Adjacent))
		}
		if k.c.isLocal(ls.Adjacent) {
			k.add(FindingError, ls.Pos, "linkset %q: the adjacent point %s is this node", ls.Name, k.pc(ls.Adjacent))
		}
		if !k.c.isLocal(ls.Local) {
			k.add(FindingError, ls.Pos, "linkset %q: local %s is no point code of this node: name it under node.aliases", ls.Name, k.pc(ls.Local))
		}
		codes, starting := once[uint8]{}, 0
		for j := range ls.Links {
			l := &ls.Links[j]
			if first, twice := codes.again(l.SLC, l.Pos); twice {
				k.add(FindingError, l.Pos, "linkset %q: the link in line %d has SLC %d already", ls.Name, first.Line, l.SLC)
			}
			if ls.starts(l) {
				starting++
			}
		}
		values := k.f.SLSValues()
		switch n := len(ls.Links); {
		case n == 0:
			k.add(FindingWarning, ls.Pos, "linkset %q has no links: %s cannot be reached over it", ls.Name, k.pc(ls.Adjacent))
		case n > values:
			k.add(FindingWarning, ls.Pos, "linkset %q has %d links, but SLS has %d values: %d links never carry traffic", ls.Name, n, values, n-values)
		case values%n != 0:
			k.add(FindingNote, ls.Pos, "linkset %q: %d values of SLS over %d links are %s each: with 1, 2, 4, 8 or 16 links all carry the same", ls.Name, values, n, shares(values, n))
		}
		if len(ls.Links) > 0 && starting == 0 {
			k.add(FindingWarning, ls.Pos, "linkset %q: no link starts by itself: it waits for an operator", ls.Name)
		}
		k.screenOf("linkset", ls.Name, ls.Screen, ls.Pos)
	}
}

// shares says how n things are divided among m, such as "6 or 5".
func shares(n, m int) string { return fmt.Sprintf("%d or %d", (n+m-1)/m, n/m) }

func (k *checker) screenOf(kind, name, screen string, p Pos) {
	if screen != "" && k.c.Screen(screen) == nil {
		var known []string
		for _, s := range k.c.Screening {
			known = append(known, s.Name)
		}
		k.add(FindingError, p, "%s %q: there is no screen %q%s", kind, name, screen, similar(screen, known))
	}
}

// similar asks whether one of the known names was meant.
func similar(word string, known []string) string {
	best, least := "", 3
	for _, n := range known {
		if d := distance(word, n); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; do you mean %q?", best)
}

func (k *checker) screens() {
	used := map[string]bool{}
	for i := range k.c.Linksets {
		used[k.c.Linksets[i].Screen] = true
	}
	for i := range k.c.AS {
		used[k.c.AS[i].Screen] = true
	}
	for i := range k.c.Gateways {
		used[k.c.Gateways[i].Screen] = true
	}
	for i := range k.c.Screening {
		s := &k.c.Screening[i]
		if !used[s.Name] {
			k.add(FindingWarning, s.Pos, "screen %q is used nowhere: no linkset, AS or gateway names it", s.Name)
		}
		for j := range s.Rules {
			r := &s.Rules[j]
			for b := range j {
				if s.Rules[b].covers(r) {
					k.add(FindingWarning, r.Pos, "screen %q: no message comes to this rule: the one in line %d takes all that it matches", s.Name, s.Rules[b].Pos.Line)
					break
				}
			}
		}
		if len(s.Rules) == 0 && s.Default == Deny {
			k.add(FindingWarning, s.Pos, "screen %q refuses everything", s.Name)
		}
	}
}

// covers tells whether r takes all that o matches.
func (r *RuleConfig) covers(o *RuleConfig) bool {
	in := func(wide, narrow []mtp3.Destination) bool {
		return len(wide) == 0 || len(narrow) > 0 && !slices.ContainsFunc(narrow, func(n mtp3.Destination) bool {
			return !slices.ContainsFunc(wide, func(w mtp3.Destination) bool { return w.Covers(n) })
		})
	}
	return in(r.OPC, o.OPC) && in(r.DPC, o.DPC) && (len(r.SI) == 0 || len(o.SI) > 0 && !slices.ContainsFunc(o.SI, func(si mtp3.ServiceIndicator) bool {
		return !slices.Contains(r.SI, si)
	}))
}

func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
