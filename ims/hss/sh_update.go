package hss

import (
	"bytes"
	"slices"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/sh"
)

const maxServiceIndications = 64 // of one user

// pur answers a Profile-Update-Request (TS 29.328 section 6.1.2.1). Of several updates in one request all are made, or none.
func (h *HSS) pur(q *sh.PUR, c call) (*sh.PUA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	a.SupportedFeatures = shCommon(q.SupportedFeatures)
	if insists(c.m, shFeatures) {
		a.SetResult(cx.FeatureUnsupported)
		return &a, nil
	}
	for _, ref := range q.DataReference {
		if !h.permitted(q.OriginHost, shUpdate, ref) {
			a.SetResult(sh.UserDataCannotBeModified)
			return &a, nil
		}
	}
	s, refused, unlock := locked(h, c.wait, func() (shSubject, diameter.Result) {
		return h.shFind(q.UserIdentity, q.WildcardedPublicIdentity, q.WildcardedIMPU, q.UserName.Value)
	})
	defer unlock()
	if refused.Code == 0 {
		refused = s.applicable(q.DataReference, shUpdate)
	}
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	d, err := sh.ParseData(q.UserData)
	if err != nil {
		a.SetResult(sh.UserDataNotRecognized)
		a.ErrorMessage = diameter.Some(err.Error())
		return &a, nil
	}
	if !c.wait {
		return nil, errWait
	}
	s.wildcards(&a.WildcardedPublicIdentity, &a.WildcardedIMPU)
	u := &update{h: h, s: s, state: s.State, subscriber: s.Subscriber}
	for _, ref := range q.DataReference {
		var r diameter.Result
		switch ref {
		case sh.DataReferenceRepositoryData:
			var failed *sh.RepositoryData
			if r, failed = u.repository(d.RepositoryData); failed != nil && hasFeature(a.SupportedFeatures, featureUpdateEff) {
				a.RepositoryDataID = &sh.RepositoryDataID{ServiceIndication: []byte(failed.ServiceIndication), SequenceNumber: uint32(failed.SequenceNumber)}
			}
		case sh.DataReferencePSIActivation:
			r = u.activation(d.IMSData)
		case sh.DataReferenceDSAI:
			r = u.dsai(d.IMSData)
		case sh.DataReferenceSTNSr:
			r = u.stnSR(d)
		default:
			r = sh.UserDataCannotBeModified
		}
		if r.Code != 0 {
			if hasFeature(a.SupportedFeatures, featureUpdateEffEnhance) && len(q.DataReference) > 1 {
				a.DataReference = diameter.Some(ref)
			}
			a.SetResult(r)
			return &a, nil
		}
	}
	changes := []Change{{StateOf: s.ID(), State: u.state}}
	now := Entry{Subscriber: u.subscriber, State: u.state}
	if u.subscriber != s.Subscriber {
		changes = append(changes, Change{Put: u.subscriber})
		var pushes []Change
		_, pushes = h.epsChanges(s.Entry, u.subscriber, u.state, nil)
		changes = append(changes, pushes...)
	}
	changes = append(changes, u.pushes...)
	changes = append(changes, h.profileChanges(s.Entry, now)...)
	changes = h.notifications(s.Entry, now, changes, q.OriginHost)
	if err := h.commitPushes(changes); err != nil {
		return nil, err
	}
	details := ""
	for _, ref := range q.DataReference {
		details += ref.String() + " "
	}
	h.audit(q.OriginHost, "Sh update", s.ID(), details+s.asked, nil)
	a.SetResult(success())
	return &a, nil
}

// update collects what a request changes.
type update struct {
	h          *HSS
	s          shSubject
	state      *State
	subscriber *Subscriber
	pushes     []Change
}

// repository stores, changes and removes data that the HSS does not understand.
func (u *update) repository(list []sh.RepositoryData) (diameter.Result, *sh.RepositoryData) {
	if len(list) == 0 {
		return sh.UserDataNotRecognized, nil
	}
	n := *u.state
	n.RepositoryData = slices.Clone(u.state.RepositoryData)
	key := u.s.impu.repositoryKey()
	for i := range list {
		in := &list[i]
		at := slices.IndexFunc(n.RepositoryData, func(r RepositoryData) bool {
			return r.Identity == key && r.ServiceIndication == in.ServiceIndication
		})
		switch {
		case at >= 0 && (in.SequenceNumber == 0 || in.SequenceNumber != sh.NextSequenceNumber(n.RepositoryData[at].SequenceNumber)),
			at < 0 && in.SequenceNumber != 0:
			return sh.TransparentDataOutOfSync, in
		case in.ServiceData == nil && at < 0:
			return sh.OperationNotAllowed, in
		case in.ServiceData == nil:
			n.RepositoryData = slices.Delete(n.RepositoryData, at, at+1)
		case len(in.ServiceData) > u.h.cfg.MaxRepositoryData || at < 0 && len(n.RepositoryData) >= maxServiceIndications:
			return cx.TooMuchData, in
		case at >= 0:
			n.RepositoryData[at].SequenceNumber = in.SequenceNumber
			n.RepositoryData[at].Data = bytes.Clone(in.ServiceData)
		default:
			n.RepositoryData = append(n.RepositoryData, RepositoryData{key, in.ServiceIndication, 0, bytes.Clone(in.ServiceData)})
		}
	}
	u.state = &n
	return diameter.Result{}, nil
}

// activation switches a distinct PSI. One that becomes inactive is deregistered.
func (u *update) activation(d *sh.IMSData) diameter.Result {
	if u.s.impu.IsWildcarded() {
		return sh.OperationNotAllowed
	}
	if d == nil || !d.PSIActivation.Present {
		return sh.UserDataNotRecognized
	}
	n := *u.state
	key := u.s.impu.key().Value
	n.PSIActivation = slices.DeleteFunc(slices.Clone(n.PSIActivation), func(a PSIActivation) bool { return a.Identity == key })
	if d.PSIActivation.Value == u.s.impu.Inactive {
		n.PSIActivation = append(n.PSIActivation, PSIActivation{key, d.PSIActivation.Value})
	}
	u.state = &n
	if r := n.registration(u.s.impu); r != nil && !d.PSIActivation.Value {
		if r.State != NotRegistered && r.Host != "" {
			u.pushes = append(u.pushes, Change{AddPush: u.h.rtr(u.s.subject, r.Host, r.Realm, r.IMPIs, []*PublicIdentity{u.s.impu}, cx.ReasonCodePermanentTermination, "the PSI is inactive")})
		}
		u.state = n.withRegistration(u.s.impu, func(r *Registration) { *r = Registration{} })
	}
	return diameter.Result{}
}

// dsai switches tags of dynamic service activation info.
func (u *update) dsai(d *sh.IMSData) diameter.Result {
	if d == nil || len(d.DSAI) == 0 {
		return sh.UserDataNotRecognized
	}
	known := u.h.tags(u.s.subject, "")
	n := *u.state
	n.InactiveDSAI = slices.Clone(n.InactiveDSAI)
	key := u.s.impu.key().Value
	for _, x := range d.DSAI {
		if !slices.Contains(known, x.Tag) {
			return sh.DSAINotAvailable
		}
		n.InactiveDSAI = slices.DeleteFunc(n.InactiveDSAI, func(d DSAI) bool { return d.Identity == key && d.Tag == x.Tag })
		if !x.Active {
			n.InactiveDSAI = append(n.InactiveDSAI, DSAI{key, x.Tag})
		}
	}
	u.state = &n
	return diameter.Result{}
}

// stnSR changes the session transfer number, which an MME is told of.
func (u *update) stnSR(d *sh.Data) diameter.Result {
	if u.subscriber.EPS == nil || u.subscriber.EPS.STNSR == "" {
		return sh.OperationNotAllowed
	}
	var number string
	if d.IMSData != nil {
		number = findText(d.IMSData.Extension, "STN-SR")
	}
	if number == "" {
		return sh.UserDataNotRecognized
	}
	next := u.subscriber.Clone()
	next.EPS.STNSR = number
	if next.Validate() != nil {
		return sh.UserDataNotRecognized
	}
	u.subscriber = next
	return diameter.Result{}
}

// findText returns the text of the first element with a name.
func findText(list []*cx.Element, name string) string {
	for _, e := range list {
		if e.Name.Local == name {
			return e.Token()
		}
		if s := findText(e.Children, name); s != "" {
			return s
		}
	}
	return ""
}

// profileChanges owes S-CSCFs the profiles that a change of state makes different.
func (h *HSS) profileChanges(old, now Entry) []Change {
	var pushes []Change
	for i := range now.State.Registrations {
		r := &now.State.Registrations[i]
		p := now.Subscriber.identityAt(r)
		if p == nil || r.State == NotRegistered || r.Host == "" {
			continue
		}
		was, is := subject{Entry: old, impu: p}, subject{Entry: now, impu: p}
		impi := ""
		if q := is.anyPrivate(); q != nil {
			impi, was.impi, is.impi = q.IMPI, q, q
		}
		if data := h.userData(is, impi, r.SharedIFC); !bytes.Equal(data, h.userData(was, impi, r.SharedIFC)) {
			pushes = append(pushes, Change{AddPush: h.ppr(is, r, data, nil, nil)})
		}
	}
	return pushes
}
