package hss

import (
	"slices"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// sar answers a Server-Assignment-Request (TS 29.228 section 6.1.2.1): an S-CSCF takes a user over, or gives him up.
func (h *HSS) sar(q *cx.SAR, c call) (*cx.SAA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	a.SupportedFeatures = h.features(q.SupportedFeatures)
	if insists(c.m, cxFeatures) {
		a.SetResult(cx.FeatureUnsupported)
		return &a, nil
	}
	deregisters := false
	switch q.ServerAssignmentType {
	case cx.ServerAssignmentTypeRegistration, cx.ServerAssignmentTypeReRegistration:
		if !q.UserName.Present {
			return nil, missing(diameter.AVPUserName, 0)
		}
	case cx.ServerAssignmentTypeNoAssignment, cx.ServerAssignmentTypeUnregisteredUser,
		cx.ServerAssignmentTypeAuthenticationFailure, cx.ServerAssignmentTypeAuthenticationTimeout:
	case cx.ServerAssignmentTypeTimeoutDeregistration, cx.ServerAssignmentTypeUserDeregistration,
		cx.ServerAssignmentTypeTimeoutDeregistrationStoreServerName, cx.ServerAssignmentTypeUserDeregistrationStoreServerName,
		cx.ServerAssignmentTypeAdministrativeDeregistration, cx.ServerAssignmentTypeDeregistrationTooMuchData:
		deregisters = true
	default:
		// The other types are of SWx (TS 29.273), or of nobody.
		return nil, invalid(c.m, cx.AVPServerAssignmentType)
	}
	if len(q.PublicIdentity) == 0 && (!deregisters || !q.UserName.Present) {
		return nil, missing(cx.AVPPublicIdentity, diameter.Vendor3GPP)
	}

	subjects, refused, unlock := locked(h, c.wait, func() (sarSubjects, diameter.Result) { return h.sarSubjects(q) })
	defer unlock()
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	if len(q.PublicIdentity) > 1 && !deregisters {
		return nil, &diameter.ProtocolError{ResultCode: diameter.AVPOccursTooManyTimes,
			FailedAVP: []diameter.AVP{{Code: cx.AVPPublicIdentity, VendorID: diameter.Vendor3GPP, Flags: diameter.Mandatory, Data: []byte(q.PublicIdentity[1])}}}
	}
	for i := range subjects {
		s := &subjects[i]
		if !s.impu.IsPSI() {
			continue
		}
		if !s.State.active(s.impu) {
			a.SetResult(cx.UserUnknown)
			return &a, nil
		}
		switch q.ServerAssignmentType {
		case cx.ServerAssignmentTypeNoAssignment, cx.ServerAssignmentTypeUnregisteredUser,
			cx.ServerAssignmentTypeTimeoutDeregistration, cx.ServerAssignmentTypeTimeoutDeregistrationStoreServerName,
			cx.ServerAssignmentTypeAdministrativeDeregistration, cx.ServerAssignmentTypeDeregistrationTooMuchData:
		default: // a PSI is never registered
			a.SetResult(cx.InAssignmentType)
			return &a, nil
		}
	}
	s := subjects[0]
	if s.impi != nil {
		a.UserName = diameter.Some(s.impi.IMPI)
	} else if p := s.anyPrivate(); p != nil {
		a.UserName = diameter.Some(p.IMPI)
	}
	if s.wildcard {
		a.WildcardedPublicIdentity = diameter.Some(s.Wildcard)
	}
	var err error
	switch q.ServerAssignmentType {
	case cx.ServerAssignmentTypeRegistration, cx.ServerAssignmentTypeReRegistration:
		err = h.sarRegister(q, c, s, &a)
	case cx.ServerAssignmentTypeUnregisteredUser:
		err = h.sarUnregistered(q, c, s, &a)
	case cx.ServerAssignmentTypeNoAssignment:
		h.sarNoAssignment(q, s, &a)
	case cx.ServerAssignmentTypeAuthenticationFailure, cx.ServerAssignmentTypeAuthenticationTimeout:
		err = h.sarFailed(q, c, s, &a)
	default:
		err = h.sarDeregister(q, c, subjects, &a)
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// sarSubjects are identities of one subscription, at least one.
type sarSubjects []subject

// ID is the ID of the subscription.
func (s sarSubjects) ID() string { return s[0].ID() }

// sarSubjects finds the identities that a request is about: those that it names, or all of the private identity.
func (h *HSS) sarSubjects(q *cx.SAR) (sarSubjects, diameter.Result) {
	impi := q.UserName.Value
	var list sarSubjects
	for _, id := range q.PublicIdentity {
		s, refused := h.find(id, q.WildcardedPublicIdentity.Value, impi)
		if refused.Code != 0 {
			return nil, refused
		}
		if len(list) > 0 && s.ID() != list[0].ID() {
			return nil, cx.IdentitiesDontMatch
		}
		list = append(list, s)
	}
	if len(list) > 0 {
		return list, diameter.Result{}
	}
	e, ok := h.store.Find(Key{KeyIMPI, impi})
	if !ok {
		return nil, cx.UserUnknown
	}
	p := e.Subscriber.private(impi)
	for i := range e.Subscriber.PublicIdentities {
		if impu := &e.Subscriber.PublicIdentities[i]; impu.UsedBy(impi) && !impu.IsPSI() {
			list = append(list, subject{Entry: e, impu: impu, asked: impu.Identity, impi: p})
		}
	}
	if len(list) == 0 {
		return nil, cx.UserUnknown
	}
	return list, diameter.Result{}
}

// anyPrivate is a private identity that may use the public one, nil if there is none.
func (s subject) anyPrivate() *PrivateIdentity {
	if r := s.State.registration(s.impu); r != nil && len(r.IMPIs) > 0 {
		if p := s.Subscriber.private(r.IMPIs[0]); p != nil {
			return p
		}
	}
	for i := range s.Subscriber.PrivateIdentities {
		if p := &s.Subscriber.PrivateIdentities[i]; p.IMPI != "" && s.impu.UsedBy(p.IMPI) {
			return p
		}
	}
	return nil
}

// taken tells whether another S-CSCF has the user, so that the one that asks is refused with the name of the other.
func (h *HSS) taken(s subject, scscf string) (*Registration, bool) {
	r := s.State.assigned(s.impu)
	return r, r != nil && !sameServer(r.SCSCF, scscf) && (h.cfg.NoRestoration || !r.Reassignable)
}

// sarRegister is for REGISTRATION and RE_REGISTRATION.
func (h *HSS) sarRegister(q *cx.SAR, c call, s subject, a *cx.SAA) error {
	if r, taken := h.taken(s, q.ServerName); taken {
		a.ServerName = diameter.Some(r.SCSCF)
		a.SetResult(cx.IdentityAlreadyRegistered)
		return nil
	}
	r := s.State.registration(s.impu)
	if q.ServerAssignmentType == cx.ServerAssignmentTypeRegistration && !h.cfg.NoRestoration && r != nil && r.State == Registered &&
		q.MultipleRegistrationIndication.Value == cx.MultipleRegistrationIndicationMultipleRegistration && r.restoration(s.impi.IMPI) != nil {
		// The S-CSCF has lost what it knew: it gets it back, and tells the HSS of the new contact with its next request.
		h.giveProfile(q, s, a, true)
		h.giveRestoration(a, r, s.impi.IMPI)
		a.SetResult(cx.InAssignmentType)
		return nil
	}
	sharedIFC := hasFeature(q.SupportedFeatures, featureSharedIFC)
	var info []byte
	if q.SCSCFRestorationInfo != nil && !h.cfg.NoRestoration {
		info = q.SCSCFRestorationInfo.AppendAVPs(nil)
	}
	same := r != nil && r.State == Registered && slices.Contains(r.IMPIs, s.impi.IMPI) && sameServer(r.SCSCF, q.ServerName) && r.Host == q.OriginHost &&
		r.Realm == q.OriginRealm && r.SharedIFC == sharedIFC && !r.Reassignable && r.OldHost == "" && (info == nil || string(info) == string(r.restoration(s.impi.IMPI)))
	if !same {
		if !c.wait {
			return errWait
		}
		var old Registration
		n := s.State.reassigned(s.impu, q.ServerName, q.OriginHost, q.OriginRealm)
		n = n.withRegistration(s.impu, func(r *Registration) {
			old = *r
			if r.State != Registered {
				r.State, r.IMPIs = Registered, nil
				r.Since = time.Now()
			}
			r.SCSCF, r.Host, r.Realm, r.SharedIFC = q.ServerName, q.OriginHost, q.OriginRealm, sharedIFC
			r.OldHost, r.OldRealm, r.Reassignable = "", "", false
			if !slices.Contains(r.IMPIs, s.impi.IMPI) {
				r.IMPIs = append(r.IMPIs, s.impi.IMPI)
			}
			if info != nil {
				r.setRestoration(s.impi.IMPI, info)
			}
		})
		n.NextSCSCF = ""
		changes := []Change{{StateOf: s.ID(), State: n}}
		if old.OldHost != "" && old.OldHost != q.OriginHost {
			changes = append(changes, Change{AddPush: h.rtr(s, old.OldHost, old.OldRealm, old.IMPIs, s.Subscriber.set(s.impu), cx.ReasonCodeNewServerAssigned, "another S-CSCF serves the user")})
		}
		if err := h.commit(s.Entry, n, changes...); err != nil {
			return err
		}
		if r == nil || r.State != Registered {
			h.changed("Cx", s.ID(), s.impu.Identity+" registered at "+q.ServerName)
		}
	}
	set, _ := s.impu.place()
	h.pending.clear(pendingKey{s.impi.IMPI, set})
	h.giveProfile(q, s, a, false)
	if r != nil && !h.cfg.NoRestoration {
		var others []string
		for _, impi := range r.IMPIs {
			if impi != s.impi.IMPI {
				others = append(others, impi)
			}
		}
		if len(others) > 0 {
			a.AssociatedRegisteredIdentities = &cx.AssociatedRegisteredIdentities{UserName: append(others, s.impi.IMPI)}
		}
	}
	a.SetResult(success())
	return nil
}

// sarUnregistered is for UNREGISTERED_USER: a request for a user who is not registered has come to an S-CSCF.
func (h *HSS) sarUnregistered(q *cx.SAR, c call, s subject, a *cx.SAA) error {
	if r, taken := h.taken(s, q.ServerName); taken {
		a.ServerName = diameter.Some(r.SCSCF)
		a.SetResult(cx.IdentityAlreadyRegistered)
		return nil
	}
	r := s.State.registration(s.impu)
	pcscf := q.SARFlags.Value.Has(cx.SARFlagsPCSCFRestorationIndication)
	if r != nil && r.State == Registered && !h.cfg.NoRestoration && len(r.Restoration) > 0 && !pcscf {
		// The S-CSCF does not know that the user is registered: it takes the registration over.
		if !sameServer(r.SCSCF, q.ServerName) || r.Host != q.OriginHost {
			if !c.wait {
				return errWait
			}
			n := s.State.reassigned(s.impu, q.ServerName, q.OriginHost, q.OriginRealm)
			n = n.withRegistration(s.impu, func(r *Registration) {
				r.Host, r.Realm, r.OldHost, r.OldRealm = q.OriginHost, q.OriginRealm, "", ""
				r.SharedIFC = hasFeature(q.SupportedFeatures, featureSharedIFC)
			})
			if err := h.commit(s.Entry, n, Change{StateOf: s.ID(), State: n}); err != nil {
				return err
			}
		}
		h.giveProfile(q, s, a, true)
		h.giveRestoration(a, r, "")
		a.SetResult(cx.InAssignmentType)
		return nil
	}
	if r == nil || r.State != Unregistered || !sameServer(r.SCSCF, q.ServerName) || r.Host != q.OriginHost {
		if !c.wait {
			return errWait
		}
		n := s.State.reassigned(s.impu, q.ServerName, q.OriginHost, q.OriginRealm)
		n = n.withRegistration(s.impu, func(r *Registration) {
			*r = Registration{ImplicitSet: r.ImplicitSet, PSI: r.PSI, SCSCF: q.ServerName, Host: q.OriginHost, Realm: q.OriginRealm, State: Unregistered,
				SharedIFC: hasFeature(q.SupportedFeatures, featureSharedIFC), Since: time.Now()}
		})
		if err := h.commit(s.Entry, n, Change{StateOf: s.ID(), State: n}); err != nil {
			return err
		}
		h.changed("Cx", s.ID(), s.impu.Identity+" served unregistered by "+q.ServerName)
	}
	h.giveProfile(q, s, a, false)
	a.SetResult(success())
	return nil
}

// sarNoAssignment is for NO_ASSIGNMENT: the S-CSCF of a user wants his profile.
func (h *HSS) sarNoAssignment(q *cx.SAR, s subject, a *cx.SAA) {
	r := s.State.assigned(s.impu)
	if r == nil || !sameServer(r.SCSCF, q.ServerName) && (h.cfg.NoRestoration || !r.Reassignable) {
		a.SetResult(baseResult(diameter.UnableToComply))
		return
	}
	h.giveProfile(q, s, a, false)
	if own := s.State.registration(s.impu); own != nil && !h.cfg.NoRestoration {
		h.giveRestoration(a, own, "")
	}
	a.SetResult(success())
}

// sarFailed is for AUTHENTICATION_FAILURE and AUTHENTICATION_TIMEOUT: the S-CSCF is forgotten, unless the user is registered.
func (h *HSS) sarFailed(q *cx.SAR, c call, s subject, a *cx.SAA) error {
	set, _ := s.impu.place()
	if s.impi != nil {
		h.pending.clear(pendingKey{s.impi.IMPI, set})
	}
	r := s.State.registration(s.impu)
	if r != nil && !sameServer(r.SCSCF, q.ServerName) {
		a.SetResult(baseResult(diameter.UnableToComply))
		return nil
	}
	if r != nil && r.State == NotRegistered && !h.pending.has(set, s.Subscriber.PrivateIdentities) {
		if !c.wait {
			return errWait
		}
		n := s.State.withRegistration(s.impu, func(r *Registration) { *r = Registration{} })
		if err := h.commit(s.Entry, n, Change{StateOf: s.ID(), State: n}); err != nil {
			return err
		}
		h.changed("Cx", s.ID(), s.impu.Identity+": "+q.ServerAssignmentType.String())
	}
	a.SetResult(success())
	return nil
}

// sarDeregister is for the types that end registrations, of all identities of the set of each subject.
func (h *HSS) sarDeregister(q *cx.SAR, c call, subjects []subject, a *cx.SAA) error {
	keep := false
	switch q.ServerAssignmentType {
	case cx.ServerAssignmentTypeTimeoutDeregistrationStoreServerName, cx.ServerAssignmentTypeUserDeregistrationStoreServerName:
		keep = !h.cfg.DropServerNames
		a.SetResult(success())
		if !keep {
			a.SetResult(cx.SuccessServerNameNotStored)
		}
	default:
		a.SetResult(success())
	}
	n := subjects[0].State
	var events []string
	for _, s := range subjects {
		r := n.registration(s.impu)
		if r == nil {
			continue // its set has been dealt with, or there is nothing to end
		}
		if !sameServer(r.SCSCF, q.ServerName) {
			// Another S-CSCF has taken over (TS 29.228 section 8.1).
			a.SetResult(baseResult(diameter.UnableToComply))
			return nil
		}
		n = n.withRegistration(s.impu, func(r *Registration) {
			was := r.State
			if s.impi != nil {
				r.IMPIs = slices.DeleteFunc(r.IMPIs, func(impi string) bool { return impi == s.impi.IMPI })
				r.Restoration = slices.DeleteFunc(r.Restoration, func(x Restoration) bool { return x.IMPI == s.impi.IMPI })
			} else {
				r.IMPIs = nil
			}
			switch {
			case was == Registered && len(r.IMPIs) > 0: // with another private identity
			case keep:
				r.State, r.Restoration, r.Reassignable = Unregistered, nil, false
			default:
				*r = Registration{ImplicitSet: r.ImplicitSet, PSI: r.PSI}
			}
			if r.State != was {
				events = append(events, s.impu.Identity+" "+r.State.String()+": "+q.ServerAssignmentType.String())
			}
		})
	}
	if !c.wait {
		return errWait
	}
	if err := h.commit(subjects[0].Entry, n, Change{StateOf: subjects[0].ID(), State: n}); err != nil {
		return err
	}
	for _, s := range events {
		h.changed("Cx", subjects[0].ID(), s)
	}
	return nil
}

func (r *Registration) restoration(impi string) []byte {
	for _, x := range r.Restoration {
		if x.IMPI == impi {
			return x.Info
		}
	}
	return nil
}

func (r *Registration) setRestoration(impi string, info []byte) {
	for i := range r.Restoration {
		if r.Restoration[i].IMPI == impi {
			r.Restoration[i].Info = info
			return
		}
	}
	r.Restoration = append(r.Restoration, Restoration{impi, info})
}

// giveRestoration puts what is kept for a private identity, or for all, into an answer.
func (h *HSS) giveRestoration(a *cx.SAA, r *Registration, impi string) {
	for _, x := range r.Restoration {
		if impi == "" || x.IMPI == impi {
			a.AVPs = append(a.AVPs, diameter.AVP{Code: cx.AVPSCSCFRestorationInfo, VendorID: diameter.Vendor3GPP, Data: x.Info})
		}
	}
}

// giveProfile puts the user profile and what comes with it into an answer (TS 29.228 section 6.6).
func (h *HSS) giveProfile(q *cx.SAR, s subject, a *cx.SAA, always bool) {
	var impis []string
	for i := range s.Subscriber.PrivateIdentities {
		if p := &s.Subscriber.PrivateIdentities[i]; p.IMPI != "" {
			impis = append(impis, p.IMPI)
		}
	}
	if len(impis) > 1 {
		a.AssociatedIdentities = &cx.AssociatedIdentities{UserName: impis}
	}
	if s.Subscriber.LooseRoute {
		a.LooseRouteIndication = diameter.Some(cx.LooseRouteIndicationLooseRouteRequired)
	}
	if s.Subscriber.PrivilegedSender {
		a.PriviledgedSenderIndication = diameter.Some(cx.PriviledgedSenderIndicationPriviledgedSender)
	}
	if q.UserDataAlreadyAvailable == cx.UserDataAlreadyAvailableUserDataAlreadyAvailable && !always {
		return
	}
	a.UserData = h.userData(s, a.UserName.Value, hasFeature(q.SupportedFeatures, featureSharedIFC))
	a.ChargingInformation = h.charging(s.Subscriber)
}

// charging returns the charging functions of a user, nil if there are none.
func (h *HSS) charging(s *Subscriber) *cx.ChargingInformation {
	c := s.Charging
	if c == nil {
		c = h.cfg.Charging
	}
	if c == nil || *c == (Charging{}) {
		return nil
	}
	opt := func(v string) diameter.Opt[string] { return diameter.Opt[string]{Value: v, Present: v != ""} }
	return &cx.ChargingInformation{
		PrimaryEventChargingFunctionName: opt(c.PrimaryEventChargingFunctionName), SecondaryEventChargingFunctionName: opt(c.SecondaryEventChargingFunctionName),
		PrimaryChargingCollectionFunctionName: opt(c.PrimaryChargingCollectionFunctionName), SecondaryChargingCollectionFunctionName: opt(c.SecondaryChargingCollectionFunctionName),
	}
}
