package dia

import "fmt"

// Set is a dictionary with all that it imports.
type Set struct {
	Files []*File // imported ones first
	avps  map[string]*Defined
	rules map[[2]uint32]*Rule // of grouped AVPs, by vendor and code
}

// Defined is an AVP and the file that defines it.
type Defined struct {
	AVP
	File *File
}

// Link joins a file with those that it imports, which find returns by name, and checks that every name is
// defined.
func Link(f *File, find func(name string) (*File, error)) (*Set, error) {
	s := &Set{avps: map[string]*Defined{}, rules: map[[2]uint32]*Rule{}}
	if err := s.add(f, find, 0); err != nil {
		return nil, err
	}
	for _, f := range s.Files {
		for i := range f.Rules {
			if err := s.check(&f.Rules[i]); err != nil {
				return nil, fmt.Errorf("dictionary %s: %w", f.Name, err)
			}
		}
	}
	return s, nil
}

func (s *Set) add(f *File, find func(string) (*File, error), depth int) error {
	for _, have := range s.Files {
		if have.Name == f.Name {
			return nil
		}
	}
	if depth > 16 {
		return fmt.Errorf("dictionary %s: imports go in a circle", f.Name)
	}
	for _, name := range f.Imports {
		imported, err := find(name)
		if err != nil {
			return fmt.Errorf("dictionary %s: import %s: %w", f.Name, name, err)
		}
		if err := s.add(imported, find, depth+1); err != nil {
			return err
		}
	}
	s.Files = append(s.Files, f)
	for _, a := range f.AVPs {
		if old, ok := s.avps[a.Name]; ok && (old.Code != a.Code || old.Vendor != a.Vendor) {
			// The nearer file wins: User-Data is one AVP in Cx and another in Sh.
			delete(s.avps, a.Name)
		}
		s.avps[a.Name] = &Defined{a, f}
	}
	for i := range f.Rules {
		if r := &f.Rules[i]; !r.Command {
			s.rules[[2]uint32{r.Vendor, r.Code}] = r
		}
	}
	return nil
}

func (s *Set) check(r *Rule) error {
	if !r.Command {
		var of *AVP
		for _, f := range s.Files {
			for i, a := range f.AVPs {
				if a.Name == r.Name && a.Code == r.Code && a.Vendor == r.Vendor {
					of = &f.AVPs[i]
				}
			}
		}
		if of == nil || of.Type != "Grouped" {
			return fmt.Errorf("rule %s: there is no grouped AVP %s with code %d and vendor %d", r.Name, r.Name, r.Code, r.Vendor)
		}
	}
	for _, m := range r.Members {
		if m.Name == "AVP" {
			continue
		}
		a, ok := s.avps[m.Name]
		if !ok {
			return fmt.Errorf("rule %s: unknown AVP %s", r.Name, m.Name)
		}
		if a.Type == "Grouped" && s.Group(&a.AVP) == nil {
			return fmt.Errorf("rule %s: %s has no rule", r.Name, m.Name)
		}
	}
	return nil
}

// AVP returns the definition of a name, as the last file sees it.
func (s *Set) AVP(name string) *Defined { return s.avps[name] }

// Group returns the rule of a grouped AVP, or nil.
func (s *Set) Group(a *AVP) *Rule { return s.rules[[2]uint32{a.Vendor, a.Code}] }
