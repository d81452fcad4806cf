package hss

import (
	"fmt"
	"slices"
)

// PushProfile sends the profile of a subscription again to the S-CSCFs that serve it. It returns to how many.
func (a Admin) PushProfile(id string) (n int, err error) {
	defer func() { a.h.audit(a.who, "push profile", id, "", err) }()
	e, ok := a.h.store.Find(Key{KeyID, id})
	if !ok {
		return 0, ErrNotFound
	}
	for i := range e.State.Registrations {
		if r := &e.State.Registrations[i]; r.State != NotRegistered && r.Host != "" {
			n++
		}
	}
	return n, a.h.repush(id)
}

// SCSCFs are those of the configuration.
func (a Admin) SCSCFs() []SCSCF { return a.h.cfg.SCSCFs }

// Check tells what Put would do, without doing it: whether the subscription is new, and which fields would change.
// Errors are those that Put would return, as things are now; profiles are shared ones that will be there by then.
func (a Admin) Check(s *Subscriber, profiles ...ServiceProfile) (isNew bool, fields []string, err error) {
	if err := s.Validate(); err != nil {
		return false, nil, err
	}
	var v validator
	for i := range s.PublicIdentities {
		p := &s.PublicIdentities[i]
		if p.Profile != "" && a.h.profile(s, p) == nil && !slices.ContainsFunc(profiles, func(sp ServiceProfile) bool { return sp.Name == p.Profile }) {
			v.fail(fmt.Sprintf("publicIdentities[%d].profile", i), "there is no service profile %q", p.Profile)
		}
	}
	if v.err() != nil {
		return false, nil, v.err()
	}
	id := s.id()
	old, exists := a.h.store.Find(Key{KeyID, id})
	next := s.Clone()
	next.ID = id
	next.unhide(s, old.Subscriber)
	if next.hidden() {
		return !exists, nil, &ValidationError{[]*FieldError{{"privateIdentities", "a hidden key has nothing stored in its place"}}}
	}
	for _, k := range next.Keys() {
		if k.Kind == KeyIMPU || k.Kind == KeyWildcard {
			if e, ok := a.h.store.Find(k); ok && e.Wildcard == "" && e.ID() != id {
				return !exists, nil, &ConflictError{k, e.ID()}
			}
			continue
		}
		if e, ok := a.h.store.Find(k); ok && e.ID() != id {
			return !exists, nil, &ConflictError{k, e.ID()}
		}
	}
	if !exists {
		return true, nil, nil
	}
	was := old.Subscriber.Clone()
	was.ID = id
	return false, changedFields(was, next), nil
}

// DeleteIf is [Admin.Delete], only if the subscription has this revision ([ErrRevision]); zero stands for any.
func (a Admin) DeleteIf(id string, revision uint64) (err error) {
	h := a.h
	defer func() { h.audit(a.who, "delete", id, "", err) }()
	defer h.lock(id)()
	e, ok := h.store.Find(Key{KeyID, id})
	if !ok {
		return ErrNotFound
	}
	if revision != 0 && e.Revision != revision {
		return ErrRevision
	}
	_, pushes := h.terminate(e, Deregistration{Info: "the subscription has been removed"})
	_, withdrawn := h.epsChanges(e, &Subscriber{}, e.State, nil)
	return h.commitPushes(append(append(pushes, withdrawn...), Change{Delete: e.ID()}))
}
