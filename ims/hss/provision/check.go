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
	seen := make(map[string]origin)
	for i := range b.SharedIFCSets {
		s := &b.SharedIFCSets[i]
		r.invalid(s.Validate(), b.setPlaces[i])
		r.once(seen, "set "+itoa(s.ID), "the set "+itoa(s.ID), origin{"id", b.setPlaces[i]})
	}
	for i := range b.ServiceProfiles {
		p := &b.ServiceProfiles[i]
		r.invalid(p.Validate(), b.sharedProfiles[i])
		r.once(seen, "profile "+p.Name, "the profile "+strconv.Quote(p.Name), origin{"name", b.sharedProfiles[i]})
	}
	for i := range b.Subscribers {
		s := &b.Subscribers[i]
		before := len(r.bad.all)
		r.invalid(s.Validate(), b.places[i])
		if len(r.bad.all) > before {
			continue
		}
		r.once(seen, "id "+Name(s), "the subscription "+strconv.Quote(Name(s)), origin{"", b.places[i]})
		for j := range s.PrivateIdentities {
			p := &s.PrivateIdentities[j]
			at := "privateIdentities[" + itoa(j) + "]"
			if p.IMPI != "" {
				r.once(seen, "impi "+p.IMPI, p.IMPI, origin{at + ".impi", b.places[i]})
			}
			if p.IMSI != "" {
				r.once(seen, "imsi "+p.IMSI, p.IMSI, origin{at + ".imsi", b.places[i]})
			}
		}
		for j := range s.PublicIdentities {
			id := s.PublicIdentities[j].Identity
			r.once(seen, "impu "+hss.CanonicalIdentity(id), id, origin{"publicIdentities[" + itoa(j) + "].identity", b.places[i]})
		}
		for j, n := range s.MSISDNs {
			r.once(seen, "msisdn "+n, n, origin{"msisdns[" + itoa(j) + "]", b.places[i]})
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

// origin is where something stands. To find the line takes a look through the file, and waits until it is asked for.
type origin struct {
	path  string
	place func(path string) (string, int, int)
}

// once notes a key that another place has, too.
func (r *reader) once(seen map[string]origin, key, what string, at origin) {
	was, ok := seen[key]
	if !ok {
		seen[key] = at
		return
	}
	file, line, column := at.place(at.path)
	before, n, _ := was.place(was.path)
	r.bad.add(&Error{File: file, Line: line, Column: column, Path: at.path, Message: fmt.Sprintf("%s stands at %s:%d, too", what, before, n)})
}
