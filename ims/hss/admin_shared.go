package hss

import (
	"fmt"
	"log/slog"
	"slices"
)

// Shared returns the profiles and sets that subscriptions share. It must not be changed.
func (a Admin) Shared() *Shared { return a.h.store.Shared() }

// PutServiceProfile stores a service profile that subscriptions may name. S-CSCFs of those that do are told.
func (a Admin) PutServiceProfile(p ServiceProfile) (err error) {
	defer func() { a.h.audit(a.who, "put service profile", p.Name, "", err) }()
	if err := p.Validate(); err != nil {
		return err
	}
	return a.h.sharedChange([]Change{{PutServiceProfile: &p}}, func(s *Subscriber) bool { return s.names(p.Name) })
}

// DeleteServiceProfile removes a service profile, or returns [ErrNotFound] or [ErrInUse].
func (a Admin) DeleteServiceProfile(name string) (err error) {
	defer func() { a.h.audit(a.who, "delete service profile", name, "", err) }()
	if a.h.store.Shared().ServiceProfiles[name] == nil {
		return ErrNotFound
	}
	for e := range a.h.store.All() {
		if e.Subscriber.names(name) {
			return fmt.Errorf("%w: %s", ErrInUse, e.ID())
		}
	}
	return a.h.store.Commit(Change{DeleteServiceProfile: name})
}

// PutSharedIFCSet stores a set of criteria. S-CSCFs that do not know such sets by their numbers are told.
func (a Admin) PutSharedIFCSet(p SharedIFCSet) (err error) {
	defer func() { a.h.audit(a.who, "put shared iFC set", fmt.Sprint(p.ID), "", err) }()
	if err := p.Validate(); err != nil {
		return err
	}
	return a.h.sharedChange([]Change{{PutSharedIFCSet: &p}}, func(s *Subscriber) bool { return a.h.uses(s, p.ID) })
}

// DeleteSharedIFCSet removes a set of criteria, or returns [ErrNotFound] or [ErrInUse].
func (a Admin) DeleteSharedIFCSet(id int) (err error) {
	defer func() { a.h.audit(a.who, "delete shared iFC set", fmt.Sprint(id), "", err) }()
	if a.h.store.Shared().SharedIFCSets[id] == nil {
		return ErrNotFound
	}
	for _, p := range a.h.store.Shared().ServiceProfiles {
		if slices.Contains(p.SharedIFCSets, id) {
			return fmt.Errorf("%w: service profile %s", ErrInUse, p.Name)
		}
	}
	for e := range a.h.store.All() {
		if a.h.uses(e.Subscriber, id) {
			return fmt.Errorf("%w: %s", ErrInUse, e.ID())
		}
	}
	return a.h.store.Commit(Change{DeleteSharedIFCSet: &id})
}

// names tells whether an identity has a shared profile.
func (s *Subscriber) names(profile string) bool {
	own := slices.ContainsFunc(s.ServiceProfiles, func(p ServiceProfile) bool { return p.Name == profile })
	return !own && slices.ContainsFunc(s.PublicIdentities, func(p PublicIdentity) bool { return p.Profile == profile })
}

// uses tells whether a profile of a subscription has a shared set.
func (h *HSS) uses(s *Subscriber, set int) bool {
	for i := range s.PublicIdentities {
		if p := h.profile(s, &s.PublicIdentities[i]); p != nil && slices.Contains(p.SharedIFCSets, set) {
			return true
		}
	}
	return false
}

// sharedChange makes a change, and pushes the profiles of subscriptions that it affects, one after the other in the background.
func (h *HSS) sharedChange(changes []Change, affected func(*Subscriber) bool) error {
	if err := h.store.Commit(changes...); err != nil {
		return err
	}
	h.spawn(func() {
		for e := range h.store.All() {
			if h.moot.Load() {
				return
			}
			if len(e.State.Registrations) == 0 || !affected(e.Subscriber) {
				continue
			}
			if err := h.repush(e.ID()); err != nil {
				h.logf(slog.LevelError, "PPR cannot be kept", "subscription", e.ID(), "err", err)
			}
		}
	})
	return nil
}

// repush owes the S-CSCFs of a subscription its profile.
func (h *HSS) repush(id string) error {
	defer h.lock(id)()
	e, ok := h.store.Find(Key{KeyID, id})
	if !ok {
		return nil
	}
	var pushes []Change
	for i := range e.State.Registrations {
		r := &e.State.Registrations[i]
		p := e.Subscriber.identityAt(r)
		if p == nil || r.State == NotRegistered || r.Host == "" {
			continue
		}
		s := subject{Entry: e, impu: p}
		impi := ""
		if s.impi = s.anyPrivate(); s.impi != nil {
			impi = s.impi.IMPI
		}
		pushes = append(pushes, Change{AddPush: h.ppr(s, r, h.userData(s, impi, r.SharedIFC), nil, nil)})
	}
	return h.commitPushes(pushes)
}
