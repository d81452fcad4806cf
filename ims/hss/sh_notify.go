package hss

import (
	"bytes"
	"slices"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/sh"
)

// snr answers a Subscribe-Notifications-Request (TS 29.328 section 6.1.3.1).
func (h *HSS) snr(q *sh.SNR, c call) (*sh.SNA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	a.SupportedFeatures = shCommon(q.SupportedFeatures)
	if insists(c.m, shFeatures) {
		a.SetResult(cx.FeatureUnsupported)
		return &a, nil
	}
	for _, ref := range q.DataReference {
		if !h.permitted(q.OriginHost, shSubscribe, ref) || !shTable[ref].kept && shTable[ref].sub {
			a.SetResult(sh.UserDataCannotBeNotified)
			return &a, nil
		}
	}
	s, refused, unlock := locked(h, c.wait, func() (shSubject, diameter.Result) {
		return h.shFind(q.UserIdentity, q.WildcardedPublicIdentity, q.WildcardedIMPU, q.UserName.Value)
	})
	defer unlock()
	if refused.Code == 0 {
		refused = s.applicable(q.DataReference, shSubscribe)
	}
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	if !c.wait {
		return nil, errWait
	}
	s.wildcards(&a.WildcardedPublicIdentity, &a.WildcardedIMPU)

	template := Notification{Host: q.OriginHost, Realm: q.OriginRealm, ServerName: q.ServerName.Value, Identity: s.asked, OneTime: q.OneTimeNotification.Present}
	if s.key == byMSISDN {
		template.Identity, template.MSISDN = s.msisdn, true
	}
	now := time.Now()
	subscribe := q.SubsReqType == sh.SubsReqTypeSubscribe
	if subscribe {
		if t, ok := q.ExpiryTime.Get(); ok {
			template.Expiry = t.UTC()
		}
		if most := h.cfg.NotificationExpiry; most > 0 && (template.Expiry.IsZero() || template.Expiry.Sub(now) > most) {
			template.Expiry = now.Add(most).UTC().Truncate(time.Second)
		}
		if !template.Expiry.IsZero() {
			a.ExpiryTime = diameter.Some(template.Expiry)
		}
	}
	wanted, err := h.wanted(q, s, template, subscribe)
	if err != nil {
		return nil, err
	}
	if wanted == nil {
		a.SetResult(sh.SubsDataAbsent)
		if slices.Contains(q.DataReference, sh.DataReferenceDSAI) {
			a.SetResult(sh.DSAINotAvailable)
		}
		return &a, nil
	}
	n := *s.State
	n.Notifications = slices.DeleteFunc(slices.Clone(n.Notifications), func(old Notification) bool {
		return !old.Expiry.IsZero() && !old.Expiry.After(now) || slices.ContainsFunc(wanted, func(w Notification) bool { return w.about(old) })
	})
	if subscribe {
		if len(n.Notifications)+len(wanted) > h.cfg.MaxNotifications {
			a.SetResult(baseResult(diameter.ResourcesExceeded))
			return &a, nil
		}
		n.Notifications = append(n.Notifications, wanted...)
	}
	if err := h.store.Commit(Change{StateOf: s.ID(), State: &n}); err != nil {
		return nil, err
	}
	if subscribe && q.SendDataIndication.Value == sh.SendDataIndicationUserDataRequested {
		var d sh.Data
		for _, ref := range q.DataReference {
			h.addData(&d, s, shQuery{ref: ref, services: texts(q.ServiceIndication), server: q.ServerName.Value, sets: q.IdentitySet, tags: texts(q.DSAITag)})
		}
		if anything(d) {
			a.UserData = d.AppendXML(nil)
		}
	}
	what := "Sh unsubscribe"
	if subscribe {
		what = "Sh subscribe"
	}
	h.audit(q.OriginHost, what, s.ID(), s.asked, nil)
	a.SetResult(success())
	return &a, nil
}

// wanted are the notifications that a request is about, each for itself; nil if there is nothing to be told of.
func (h *HSS) wanted(q *sh.SNR, s shSubject, template Notification, subscribe bool) ([]Notification, error) {
	var list []Notification
	for _, ref := range q.DataReference {
		w := template
		w.DataReference = int(ref)
		switch ref {
		case sh.DataReferenceRepositoryData:
			if len(q.ServiceIndication) == 0 {
				return nil, missing(sh.AVPServiceIndication, diameter.Vendor3GPP)
			}
			for _, service := range q.ServiceIndication {
				w.ServiceIndication = string(service)
				if subscribe && !slices.ContainsFunc(s.State.RepositoryData, func(r RepositoryData) bool {
					return r.Identity == s.impu.repositoryKey() && r.ServiceIndication == w.ServiceIndication
				}) {
					return nil, nil
				}
				list = append(list, w)
			}
		case sh.DataReferenceIMSPublicIdentity:
			sets := q.IdentitySet
			if len(sets) == 0 {
				sets = []sh.IdentitySet{sh.IdentitySetAllIdentities}
			}
			for _, set := range sets {
				w.IdentitySet = int(set)
				list = append(list, w)
			}
		case sh.DataReferenceDSAI:
			if len(q.DSAITag) == 0 {
				return nil, missing(sh.AVPDSAITag, diameter.Vendor3GPP)
			}
			for _, tag := range q.DSAITag {
				w.DSAITag = string(tag)
				if !slices.Contains(h.tags(s.subject, q.ServerName.Value), w.DSAITag) {
					return nil, nil
				}
				list = append(list, w)
			}
		case sh.DataReferenceInitialFilterCriteria:
			if !q.ServerName.Present {
				return nil, missing(cx.AVPServerName, diameter.Vendor3GPP)
			}
			list = append(list, w)
		default:
			list = append(list, w)
		}
	}
	return list, nil
}

// about tells whether two subscriptions are of one application server and about the same.
func (w Notification) about(o Notification) bool {
	w.Expiry, w.OneTime, w.Realm = o.Expiry, o.OneTime, o.Realm
	w.Identity, o.Identity = CanonicalIdentity(w.Identity), CanonicalIdentity(o.Identity)
	if w.DataReference != int(sh.DataReferenceInitialFilterCriteria) && w.DataReference != int(sh.DataReferenceDSAI) {
		w.ServerName = o.ServerName
	}
	return w == o
}

// notifications completes changes of a subscription with the pushes that they owe to application servers (TS 29.328 section
// 6.1.4.1), all but the one that makes the change. Subscriptions that end with it, or have ended, are taken out of the state.
func (h *HSS) notifications(old, now Entry, changes []Change, except string) []Change {
	if len(old.State.Notifications) == 0 {
		return changes
	}
	at := time.Now()
	var keep []Notification
	for _, n := range now.State.Notifications {
		if !n.Expiry.IsZero() && !n.Expiry.After(at) {
			continue
		}
		before, after, ends := h.notifiedOf(old, n, false), h.notifiedOf(now, n, true), false
		if n.DataReference == int(sh.DataReferenceRepositoryData) {
			after, ends = removed(before, after)
		}
		if before == nil || after == nil || bytes.Equal(h.notifiedOf(old, n, true).xml(), after.xml()) || n.Host == except {
			if !ends {
				keep = append(keep, n)
			}
			continue
		}
		changes = append(changes, Change{AddPush: h.pnr(now.ID(), n, after)})
		if !n.OneTime && !ends {
			keep = append(keep, n)
		}
	}
	if len(keep) == len(now.State.Notifications) {
		return changes
	}
	state := *now.State
	state.Notifications = keep
	for i := range changes {
		if changes[i].StateOf != "" {
			changes[i].State = &state
			return changes
		}
	}
	return append(changes, Change{StateOf: now.ID(), State: &state})
}

type notified struct {
	sh.Data
	s shSubject
}

func (n *notified) xml() []byte {
	if n == nil {
		return nil
	}
	return n.AppendXML(nil)
}

// notifiedOf is what an application server would be told of an entry, nil if the identity is not there.
func (h *HSS) notifiedOf(e Entry, n Notification, changed bool) *notified {
	s := shSubject{subject: subject{Entry: e, asked: n.Identity}, key: byIMPU, msisdn: n.Identity}
	if n.MSISDN {
		s.key = byMSISDN
		s.impu = &PublicIdentity{ImplicitSet: -1}
		for i := range e.Subscriber.PublicIdentities {
			if p := &e.Subscriber.PublicIdentities[i]; !p.IsPSI() {
				s.impu = p
				break
			}
		}
	} else if s.impu = e.Subscriber.public(n.Identity); s.impu == nil {
		for i := range e.Subscriber.PublicIdentities {
			if p := &e.Subscriber.PublicIdentities[i]; p.IsWildcarded() && cx.MatchWildcard(p.Identity, CanonicalIdentity(n.Identity)) {
				s.impu, s.wildcard = p, true
				s.Wildcard = p.Identity
			}
		}
		if s.impu == nil {
			return nil
		}
	}
	if s.impu.IsPSI() {
		s.key = byPSI
	}
	d := &notified{s: s}
	q := shQuery{ref: sh.DataReference(n.DataReference), services: []string{n.ServiceIndication}, server: n.ServerName, sets: []sh.IdentitySet{sh.IdentitySet(n.IdentitySet)}, changed: changed}
	if n.DSAITag != "" {
		q.tags = []string{n.DSAITag}
	}
	h.addData(&d.Data, s, q)
	return d
}

// removed says of repository data that were there and are no more that they are no more; the subscription to them ends.
func removed(before, after *notified) (*notified, bool) {
	if before == nil || len(before.RepositoryData) == 0 || after != nil && len(after.RepositoryData) > 0 {
		return after, false
	}
	r := before.RepositoryData[0]
	r.SequenceNumber, r.ServiceData = sh.NextSequenceNumber(r.SequenceNumber), nil
	return &notified{Data: sh.Data{RepositoryData: []sh.RepositoryData{r}}, s: before.s}, true
}

// pnr makes a Push-Notification-Request.
func (h *HSS) pnr(id string, n Notification, d *notified) *Push {
	req := sh.PNR{
		SessionID: h.sessionID(), VendorSpecificApplicationID: vendorApplication(sh.Application), AuthSessionState: diameter.AuthSessionStateNoStateMaintained,
		OriginHost: h.cfg.Host, OriginRealm: h.cfg.Realm, DestinationHost: n.Host, DestinationRealm: n.Realm, UserData: d.xml(),
	}
	if n.MSISDN {
		req.UserIdentity.MSISDN = appendBCD(nil, n.Identity)
	} else {
		req.UserIdentity.PublicIdentity = diameter.Some(n.Identity)
	}
	d.s.wildcards(&req.WildcardedPublicIdentity, &req.WildcardedIMPU)
	return h.newPush(PushPNR, n.Host, n.Realm, id, &req)
}

// forgetNotifications ends the subscriptions of an application server that says that it has none, or does not know the user.
func (h *HSS) forgetNotifications(x Push) {
	m, err := diameter.ParseMessage(x.Message)
	if err != nil {
		return
	}
	req, err := sh.ParsePNR(m)
	if err != nil {
		return
	}
	defer h.lock(x.Subject)()
	e, ok := h.store.Find(Key{KeyID, x.Subject})
	if !ok {
		return
	}
	n := *e.State
	n.Notifications = slices.DeleteFunc(slices.Clone(n.Notifications), func(n Notification) bool {
		same := CanonicalIdentity(n.Identity) == CanonicalIdentity(req.UserIdentity.PublicIdentity.Value)
		if n.MSISDN {
			same = n.Identity == bcdDigits(req.UserIdentity.MSISDN)
		}
		return same && n.Host == x.Host
	})
	if len(n.Notifications) != len(e.State.Notifications) {
		h.store.Commit(Change{StateOf: x.Subject, State: &n})
	}
}
