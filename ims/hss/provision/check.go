package provision

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gotelco/telco/ims/hss"
)

func itoa(i int) string { return strconv.Itoa(i) }

// check validates everything, and that identities and names are there once.
func (r *reader) check() {
	b := r.b
	if len(b.Subscribers)+len(b.SharedIFCSets)+len(b.ServiceProfiles) == 0 && len(r.bad.all) == 0 {
		r.bad.add(&Error{File: "provision", Message: "there is nothing in the files"})
		return
	}
	sets := make(map[int]string)
	for i := range b.SharedIFCSets {
		s := &b.SharedIFCSets[i]
		r.invalid(s.Validate(), b.setPlaces[i])
		r.once(sets, s.ID, "the set "+itoa(s.ID), "id", b.setPlaces[i])
	}
	profiles := make(map[string]string)
	for i := range b.ServiceProfiles {
		p := &b.ServiceProfiles[i]
		r.invalid(p.Validate(), b.sharedProfiles[i])
		r.once(profiles, p.Name, "the profile "+strconv.Quote(p.Name), "name", b.sharedProfiles[i])
	}
	seen := make(map[string]string)
	for i := range b.Subscribers {
		s := &b.Subscribers[i]
		before := len(r.bad.all)
		r.invalid(s.Validate(), b.places[i])
		if len(r.bad.all) > before {
			continue
		}
		r.once(seen, "id "+Name(s), "the subscription "+strconv.Quote(Name(s)), "", b.places[i])
		for j := range s.PrivateIdentities {
			p := &s.PrivateIdentities[j]
			at := "privateIdentities[" + itoa(j) + "]"
			if p.IMPI != "" {
				r.once(seen, "impi "+p.IMPI, p.IMPI, at+".impi", b.places[i])
			}
			if p.IMSI != "" {
				r.once(seen, "imsi "+p.IMSI, p.IMSI, at+".imsi", b.places[i])
			}
		}
		for j := range s.PublicIdentities {
			id := s.PublicIdentities[j].Identity
			r.once(seen, "impu "+hss.CanonicalIdentity(id), id, "publicIdentities["+itoa(j)+"].identity", b.places[i])
		}
		for j, n := range s.MSISDNs {
			r.once(seen, "msisdn "+n, n, "msisdns["+itoa(j)+"]", b.places[i])
		}
	}
}

// Name is the ID of a subscriber, or what stands for it.
func Name(s *hss.Subscriber) string {
	switch {
	case s.ID != "":
		return s.ID
	case len(s.PrivateIdentities) > 0:
		return s.PrivateIdentities[0].Name()
	case len(s.PublicIdentities) > 0:
		return s.PublicIdentities[0].Identity
	}
	return ""
}

// invalid notes what Validate found.
func (r *reader) invalid(err error, place func(string) (string, int, int)) {
	if err == nil {
		return
	}
	var v *hss.ValidationError
	if !errors.As(err, &v) {
		file, line, column := place("")
		r.bad.add(&Error{File: file, Line: line, Column: column, Message: err.Error()})
		return
	}
	for _, f := range v.Fields {
		file, line, column := place(f.Field)
		r.bad.add(&Error{File: file, Line: line, Column: column, Path: f.Field, Message: f.Reason})
	}
}

// once notes a key that another place has, too.
func (r *reader) once(seen any, key any, what, path string, place func(string) (string, int, int)) {
	var was string
	var ok bool
	here := func() string {
		file, line, _ := place(path)
		return fmt.Sprintf("%s:%d", file, line)
	}
	switch m := seen.(type) {
	case map[string]string:
		if was, ok = m[key.(string)]; !ok {
			m[key.(string)] = here()
		}
	case map[int]string:
		if was, ok = m[key.(int)]; !ok {
			m[key.(int)] = here()
		}
	}
	if ok {
		file, line, column := place(path)
		r.bad.add(&Error{File: file, Line: line, Column: column, Path: path, Message: what + " stands at " + was + ", too"})
	}
}
