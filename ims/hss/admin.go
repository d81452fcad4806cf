package hss

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/s6a"
)

// Admin changes subscriptions for somebody. Whoever has to know of a change is told: S-CSCFs by RTR and PPR, application servers by
// PNR, MMEs by CLR and IDR.
type Admin struct {
	h   *HSS
	who string
}

// As returns the administration of the HSS for somebody, whose name goes into the audit log.
func (h *HSS) As(who string) Admin { return Admin{h, who} }

// Errors of [Admin], beside those of [Store] and *[ValidationError].
var (
	// ErrRevision says that a subscription has been changed since the revision that a change was made for.
	ErrRevision = errors.New("hss: the subscription has been changed meanwhile")
	// ErrExists says that there is a subscription where none should be.
	ErrExists = errors.New("hss: the subscription exists")
	// ErrInUse says that subscriptions use a profile or set.
	ErrInUse = errors.New("hss: subscriptions use it")
)

// View is what an administrator sees of a subscription.
type View struct {
	Subscriber *Subscriber `json:"subscriber"` // a copy, keys and all; they do not print
	State      *State      `json:"state"`      // a copy
	Revision   uint64      `json:"revision"`
	// SQN is the SEQ that has been reached, by IMPI or IMSI.
	SQN map[string]uint64 `json:"sqn,omitempty"`
	// AuthPending are implicit sets with the authentication pending flag.
	AuthPending []int `json:"authPending,omitempty"`
}

func (h *HSS) view(e Entry) View {
	v := View{Subscriber: e.Subscriber.Clone(), State: e.State.Clone(), Revision: e.Revision, SQN: map[string]uint64{}}
	v.Subscriber.ID = e.ID()
	for i := range e.Subscriber.PrivateIdentities {
		if p := &e.Subscriber.PrivateIdentities[i]; p.AKA != nil {
			v.SQN[p.Name()] = h.store.SQN(p.Name())
		}
	}
	for i := range e.Subscriber.PublicIdentities {
		set := e.Subscriber.PublicIdentities[i].ImplicitSet
		if !slices.Contains(v.AuthPending, set) && h.pending.has(set, e.Subscriber.PrivateIdentities) {
			v.AuthPending = append(v.AuthPending, set)
		}
	}
	return v
}

// Get returns a subscription by its ID, or [ErrNotFound].
func (a Admin) Get(id string) (View, error) { return a.Find(Key{KeyID, id}) }

// Find returns a subscription by one of its identities, or [ErrNotFound].
func (a Admin) Find(k Key) (View, error) {
	if k.Kind == KeyIMPU {
		k.Value = CanonicalIdentity(k.Value)
	}
	e, ok := a.h.store.Find(k)
	if !ok {
		return View{}, ErrNotFound
	}
	return a.h.view(e), nil
}

// List returns the IDs after a given one in the order of their octets, limit at most.
func (a Admin) List(after string, limit int) []string { return a.h.store.List(after, limit) }

// PutOptions say when Put may replace what is there.
type PutOptions struct {
	Create     bool   // only if there is no such subscription
	IfRevision uint64 // if not zero, only if the subscription has this revision
}

// Put stores a subscription, new or in the place of one with its ID. Hidden keys are taken from there. It returns the revision.
// Errors are *[ValidationError], *[ConflictError], [ErrRevision], [ErrExists] and those of the store.
func (a Admin) Put(s *Subscriber, opt PutOptions) (revision uint64, err error) {
	h := a.h
	details := ""
	defer func() { h.audit(a.who, "put", s.id(), details, err) }()
	if err := s.Validate(); err != nil {
		return 0, err
	}
	id := s.id()
	defer h.lock(id)()
	old, exists := h.store.Find(Key{KeyID, id})
	switch {
	case opt.Create && exists:
		return 0, ErrExists
	case opt.IfRevision != 0 && (!exists || old.Revision != opt.IfRevision):
		return 0, ErrRevision
	}
	next := s.Clone()
	next.ID = id
	next.unhide(s, old.Subscriber)
	if next.hidden() {
		return 0, &ValidationError{[]*FieldError{{"privateIdentities", "a hidden key has nothing stored in its place"}}}
	}
	if err := h.profilesExist(next); err != nil {
		return 0, err
	}
	changes := []Change{{Put: next}}
	if exists {
		details = strings.Join(changedFields(old.Subscriber, next), " ")
		state, pushes := h.changes(old, next)
		if state != old.State {
			changes = append(changes, Change{StateOf: id, State: state})
		}
		changes = append(changes, pushes...)
		changes = h.notifications(old, Entry{Subscriber: next, State: state}, changes, "")
	} else {
		details = "new"
	}
	if err := h.commitPushes(changes); err != nil {
		return 0, err
	}
	e, _ := h.store.Find(Key{KeyID, id})
	h.changed("", id, "subscription changed by "+a.who+": "+details)
	return e.Revision, nil
}

// unhide puts the stored keys in the place of hidden ones. A key belongs to the private identity of the same name. The clone has
// lost which ones were hidden, so that they come from what was given.
func (s *Subscriber) unhide(given, old *Subscriber) {
	for i := range s.PrivateIdentities {
		p, g := &s.PrivateIdentities[i], &given.PrivateIdentities[i]
		var was PrivateIdentity
		if old != nil {
			for j := range old.PrivateIdentities {
				if old.PrivateIdentities[j].Name() == p.Name() {
					was = old.PrivateIdentities[j]
				}
			}
		}
		restore := func(to *Secret, given, stored Secret) {
			if given.Hidden() {
				if *to = stored; stored.IsZero() {
					*to = given
				}
			}
		}
		if p.AKA != nil {
			var stored AKA
			if was.AKA != nil {
				stored = *was.AKA
			}
			restore(&p.AKA.K, g.AKA.K, stored.K)
			restore(&p.AKA.OPc, g.AKA.OPc, stored.OPc)
			restore(&p.AKA.OP, g.AKA.OP, stored.OP)
		}
		if p.Digest != nil {
			var stored Digest
			if was.Digest != nil {
				stored = *was.Digest
			}
			restore(&p.Digest.HA1, g.Digest.HA1, stored.HA1)
			restore(&p.Digest.AlternateHA1, g.Digest.AlternateHA1, stored.AlternateHA1)
		}
	}
}

// profilesExist tells which of the profiles that identities name is not there.
func (h *HSS) profilesExist(s *Subscriber) error {
	var v validator
	for i := range s.PublicIdentities {
		if p := &s.PublicIdentities[i]; p.Profile != "" && h.profile(s, p) == nil {
			v.fail(fmt.Sprintf("publicIdentities[%d].profile", i), "there is no service profile %q", p.Profile)
		}
	}
	return v.err()
}

// changedFields names the fields that differ, without their values.
func changedFields(a, b *Subscriber) []string {
	var names []string
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// changes works out what a new form of a subscription means for those who serve it: the new state, and pushes.
func (h *HSS) changes(old Entry, next *Subscriber) (*State, []Change) {
	state := old.State
	var pushes []Change
	for i := range old.State.Registrations {
		r := &old.State.Registrations[i]
		before := old.Subscriber.identityAt(r)
		after := next.identityAt(r)
		was := subject{Entry: old, impu: before}
		if before == nil {
			continue // of an identity that has gone before
		}
		drop := func(reason cx.ReasonCode, info string, impis []string) {
			if r.State != NotRegistered && r.Host != "" {
				pushes = append(pushes, Change{AddPush: h.rtr(was, r.Host, r.Realm, impis, old.Subscriber.set(before), reason, info)})
			}
		}
		end := func() { state = state.withRegistration(before, func(r *Registration) { *r = Registration{} }) }
		if after == nil {
			drop(cx.ReasonCodePermanentTermination, "the identity has been removed", r.IMPIs)
			end()
			continue
		}
		var gone, left []string
		for _, impi := range r.IMPIs {
			if next.private(impi) == nil || !after.UsedBy(impi) {
				gone = append(gone, impi)
			} else {
				left = append(left, impi)
			}
		}
		if len(gone) > 0 {
			drop(cx.ReasonCodePermanentTermination, "the private identity has been removed", gone)
			if len(left) == 0 {
				end()
				continue
			}
			state = state.withRegistration(before, func(r *Registration) {
				r.IMPIs = left
				r.Restoration = slices.DeleteFunc(r.Restoration, func(x Restoration) bool { return slices.Contains(gone, x.IMPI) })
			})
		}
		if r.State == NotRegistered || r.Host == "" {
			continue
		}
		if r.State == Registered && !after.IsPSI() && old.Subscriber.set(before)[0].key() != next.set(after)[0].key() {
			// TS 29.228 section 6.5.2.1: the default identity of a registered set is not changed by PPR.
			drop(cx.ReasonCodeServerChange, "the default public identity has changed", r.IMPIs)
			end()
			continue
		}
		if !reflect.DeepEqual(old.Subscriber.Capabilities, next.Capabilities) && h.unfit(r.SCSCF, next.Capabilities) {
			drop(cx.ReasonCodeServerChange, "the S-CSCF lacks capabilities", r.IMPIs)
			end()
			continue
		}
		now := subject{Entry: Entry{Subscriber: next, State: state}, impu: after}
		impi := ""
		if p := now.anyPrivate(); p != nil {
			impi = p.IMPI
			now.impi, was.impi = p, p
		}
		data := h.userData(now, impi, r.SharedIFC)
		if bytes.Equal(data, h.userData(was, impi, r.SharedIFC)) {
			data = nil
		}
		charging := h.charging(next)
		if reflect.DeepEqual(charging, h.charging(old.Subscriber)) {
			charging = nil
		}
		if data != nil || charging != nil {
			pushes = append(pushes, Change{AddPush: h.ppr(now, r, data, charging, nil)})
		}
		for _, name := range r.IMPIs {
			p, q := old.Subscriber.private(name), next.private(name)
			if p != nil && q != nil && q.Digest != nil && (p.Digest == nil || *p.Digest != *q.Digest) {
				pushes = append(pushes, Change{AddPush: h.ppr(now, r, nil, nil, q)})
			}
		}
	}
	return h.epsChanges(old, next, state, pushes)
}

// identityAt returns an identity of the set that a registration is of, nil if the set is no more.
func (s *Subscriber) identityAt(r *Registration) *PublicIdentity {
	for i := range s.PublicIdentities {
		p := &s.PublicIdentities[i]
		if set, psi := p.place(); set == r.ImplicitSet && psi == r.PSI {
			return p
		}
	}
	return nil
}

// unfit tells whether an S-CSCF is known not to have mandatory capabilities.
func (h *HSS) unfit(name string, c Capabilities) bool {
	for _, server := range h.cfg.SCSCFs {
		if sameServer(server.Name, name) {
			return slices.ContainsFunc(c.Mandatory, func(n uint32) bool { return !slices.Contains(server.Capabilities, n) })
		}
	}
	return false
}

// Delete removes a subscription, or returns [ErrNotFound]. Its sequence numbers are kept, lest one be used twice.
func (a Admin) Delete(id string) error { return a.DeleteIf(id, 0) }

// Deregistration says which registrations an administrator ends, and why.
type Deregistration struct {
	// Identity is a public identity whose set is deregistered. If empty, all of the subscription.
	Identity string `json:"identity,omitempty"`
	// Reason is one of TS 29.229 section 6.3.17. The zero one is PERMANENT_TERMINATION.
	Reason cx.ReasonCode `json:"reason,omitempty"`
	Info   string        `json:"info,omitempty"` // for people
}

// Deregister ends registrations and tells the S-CSCF by RTR (TS 29.228 section 6.1.3).
func (a Admin) Deregister(id string, d Deregistration) (err error) {
	h := a.h
	defer func() {
		h.audit(a.who, "deregister", id, strings.TrimSpace(d.Identity+" "+d.Reason.String()+" "+d.Info), err)
	}()
	defer h.lock(id)()
	e, ok := h.store.Find(Key{KeyID, id})
	if !ok {
		return ErrNotFound
	}
	if d.Identity != "" && e.Subscriber.public(d.Identity) == nil {
		return &ValidationError{[]*FieldError{{"identity", fmt.Sprintf("%q is none of the subscription", d.Identity)}}}
	}
	state, pushes := h.terminate(e, d)
	if len(pushes) == 0 && state == e.State {
		return nil
	}
	return h.commit(e, state, append(pushes, Change{StateOf: e.ID(), State: state})...)
}

// public returns an identity of a subscription, nil if it has no such one.
func (s *Subscriber) public(identity string) *PublicIdentity {
	for i := range s.PublicIdentities {
		if p := &s.PublicIdentities[i]; p.Identity == identity || p.key().Value == CanonicalIdentity(identity) {
			return p
		}
	}
	return nil
}

// terminate works out the end of registrations.
func (h *HSS) terminate(e Entry, d Deregistration) (*State, []Change) {
	state := e.State
	var pushes []Change
	for i := range e.State.Registrations {
		r := &e.State.Registrations[i]
		p := e.Subscriber.identityAt(r)
		if p == nil {
			continue
		}
		if d.Identity != "" {
			if q := e.Subscriber.public(d.Identity); q == nil || e.State.registration(q) != r {
				continue
			}
		}
		if r.State != NotRegistered && r.Host != "" {
			s := subject{Entry: e, impu: p}
			pushes = append(pushes, Change{AddPush: h.rtr(s, r.Host, r.Realm, r.IMPIs, e.Subscriber.set(p), d.Reason, d.Info)})
		}
		state = state.withRegistration(p, func(r *Registration) { *r = Registration{} })
	}
	return state, pushes
}

// SetSCSCF chooses the S-CSCF of a user by its SIP URI, for his next registration. Registrations elsewhere are ended by RTR with
// SERVER_CHANGE. An empty name takes a choice back.
func (a Admin) SetSCSCF(id, name string) (err error) {
	h := a.h
	defer func() { h.audit(a.who, "set S-CSCF", id, name, err) }()
	if name != "" {
		var v validator
		if v.uri("scscf", name); v.err() != nil {
			return v.err()
		}
	}
	defer h.lock(id)()
	e, ok := h.store.Find(Key{KeyID, id})
	if !ok {
		return ErrNotFound
	}
	state, changes := e.State, []Change(nil)
	if slices.ContainsFunc(e.State.Registrations, func(r Registration) bool { return name != "" && !sameServer(r.SCSCF, name) }) {
		state, changes = h.terminate(e, Deregistration{Reason: cx.ReasonCodeServerChange, Info: "another S-CSCF has been chosen"})
	}
	n := *state
	n.NextSCSCF = name
	return h.commit(e, &n, append(changes, Change{StateOf: e.ID(), State: &n})...)
}

// CancelLocation makes the MME or SGSN of a user forget him (TS 29.272 section 5.2.1.2).
func (a Admin) CancelLocation(id string) (err error) {
	h := a.h
	defer func() { h.audit(a.who, "cancel location", id, "", err) }()
	defer h.lock(id)()
	e, ok := h.store.Find(Key{KeyID, id})
	if !ok {
		return ErrNotFound
	}
	n := *e.State
	var changes []Change
	for _, node := range []*ServingNode{e.State.MME, e.State.SGSN} {
		if node != nil {
			changes = append(changes, Change{AddPush: h.clr(e.ID(), e.Subscriber.imsi(), node, s6a.CancellationTypeSubscriptionWithdrawal)})
		}
	}
	n.MME, n.SGSN = nil, nil
	return h.commit(e, &n, append(changes, Change{StateOf: e.ID(), State: &n})...)
}

// RaiseSQN makes the sequence numbers of a card go on above seq (its SEQ part). They are never lowered.
func (a Admin) RaiseSQN(name string, seq uint64) (err error) {
	defer func() { a.h.audit(a.who, "raise SQN", name, fmt.Sprint(seq), err) }()
	return a.h.store.RaiseSQN(name, seq)
}

func (s *Subscriber) imsi() string {
	for i := range s.PrivateIdentities {
		if n := s.PrivateIdentities[i].IMSI; n != "" {
			return n
		}
	}
	return ""
}
