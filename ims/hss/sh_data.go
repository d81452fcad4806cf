package hss

import (
	"encoding/xml"
	"slices"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/sh"
)

// shQuery asks for one kind of data of a user.
type shQuery struct {
	ref      sh.DataReference
	services []string
	server   string
	sets     []sh.IdentitySet
	tags     []string
	pending  bool // the authentication pending flag counts as a state; no notification tells of it
	changed  bool // for a notification: what is no more is said to be no more
}

// addData adds what the HSS has of it (TS 29.328 section 7.6).
func (h *HSS) addData(d *sh.Data, s shSubject, q shQuery) {
	ims := func() *sh.IMSData {
		if d.IMSData == nil {
			d.IMSData = new(sh.IMSData)
		}
		return d.IMSData
	}
	identifiers := func() *sh.Identities {
		if d.PublicIdentifiers == nil {
			d.PublicIdentifiers = new(sh.Identities)
		}
		return d.PublicIdentifiers
	}
	switch q.ref {
	case sh.DataReferenceRepositoryData:
		for _, r := range s.State.RepositoryData {
			if r.Identity == s.impu.repositoryKey() && slices.Contains(q.services, r.ServiceIndication) {
				d.RepositoryData = append(d.RepositoryData, sh.RepositoryData{ServiceIndication: r.ServiceIndication, SequenceNumber: r.SequenceNumber, ServiceData: r.Data})
			}
		}
	case sh.DataReferenceIMSPublicIdentity:
		if len(q.sets) <= 1 {
			set := sh.IdentitySetAllIdentities
			if len(q.sets) == 1 {
				set = q.sets[0]
			}
			s.identities(identifiers(), set)
			return
		}
		for _, set := range q.sets {
			to := map[sh.IdentitySet]**sh.Identities{
				sh.IdentitySetAllIdentities: &d.AllIdentities, sh.IdentitySetRegisteredIdentities: &d.RegisteredIdentities,
				sh.IdentitySetImplicitIdentities: &d.ImplicitIdentities, sh.IdentitySetAliasIdentities: &d.AliasIdentities,
			}[set]
			if to != nil && *to == nil {
				*to = new(sh.Identities)
				s.identities(*to, set)
			}
		}
	case sh.DataReferenceIMSUserState:
		state := sh.NotRegistered
		switch s.State.state(s.impu) {
		case Registered:
			state = sh.Registered
		case Unregistered:
			state = sh.RegisteredUnregServices
		default:
			if set, _ := s.impu.place(); q.pending && h.pending.has(set, s.Subscriber.PrivateIdentities) {
				state = sh.AuthenticationPending
			}
		}
		ims().IMSUserState = diameter.Some(state)
	case sh.DataReferenceSCSCFName:
		if r := s.State.assigned(s.impu); r != nil {
			ims().SCSCFName = r.SCSCF
		} else if q.changed {
			ims().NoSCSCFName = true
		}
	case sh.DataReferenceInitialFilterCriteria:
		var list []cx.InitialFilterCriteria
		for _, f := range h.criteria(h.profile(s.Subscriber, s.impu), s.State, s.impu, true) {
			if sameServer(f.ApplicationServer.ServerName, q.server) {
				list = append(list, f)
			}
		}
		if list != nil || q.changed {
			if list == nil {
				list = []cx.InitialFilterCriteria{}
			}
			ims().InitialFilterCriteria = list
		}
	case sh.DataReferenceChargingInformation:
		if c := h.charging(s.Subscriber); c != nil {
			ims().ChargingInformation = c
		}
	case sh.DataReferenceMSISDN:
		if s.Subscriber.MSISDNs != nil {
			identifiers().MSISDNs = s.Subscriber.MSISDNs
		}
	case sh.DataReferencePSIActivation:
		ims().PSIActivation = diameter.Some(s.State.active(s.impu))
	case sh.DataReferenceDSAI:
		for _, tag := range h.tags(s.subject, q.server) {
			if len(q.tags) == 0 || slices.Contains(q.tags, tag) {
				ims().DSAI = append(ims().DSAI, sh.DSAI{Tag: tag, Active: !s.State.inactive(tag, s.impu)})
			}
		}
	case sh.DataReferenceServiceLevelTraceInfo:
		if s.impu.TraceInfo != "" {
			ims().Extension = append(ims().Extension, element("Extension", element("ServiceLevelTraceInfo", s.impu.TraceInfo)))
		}
	case sh.DataReferenceServicePriorityLevel:
		if n := s.impu.ServicePriorityLevel; n != nil {
			ims().Extension = append(ims().Extension, element("ServicePriorityLevel", string(rune('0'+*n))))
		}
	case sh.DataReferenceSTNSr:
		if s.Subscriber.EPS != nil && s.Subscriber.EPS.STNSR != "" {
			ims().Extension = append(ims().Extension, element("EnhancedSRVCC", element("STN-SR", s.Subscriber.EPS.STNSR)))
		}
	case sh.DataReferenceIMSI:
		if n := s.imsiOf(); n != "" {
			d.Extension = append(d.Extension, element("IMSI", n))
		}
	case sh.DataReferenceIMSPrivateUserIdentity:
		for i := range s.Subscriber.PrivateIdentities {
			if p := &s.Subscriber.PrivateIdentities[i]; p.IMPI != "" && s.impu.UsedBy(p.IMPI) {
				d.Extension = append(d.Extension, element("IMSPrivateUserIdentity", p.IMPI))
			}
		}
	case sh.DataReferenceImeisv:
		if n := s.State.MME; n != nil && n.IMEI != "" {
			d.Extension = append(d.Extension, element("IMEISV", n.IMEI))
		}
	}
}

// element makes an XML element with text or children in it.
func element(name string, content ...interface{}) *cx.Element {
	e := &cx.Element{Name: xml.Name{Local: name}}
	for _, c := range content {
		switch c := c.(type) {
		case string:
			e.Text = c
		case *cx.Element:
			e.Children = append(e.Children, c)
		}
	}
	return e
}

func (s shSubject) imsiOf() string {
	if s.impi != nil {
		return s.impi.IMSI
	}
	return s.Subscriber.imsi()
}

// identities adds the identities of a set that are not barred (TS 29.328 section 7.6.2).
func (s shSubject) identities(to *sh.Identities, set sh.IdentitySet) {
	if s.impu.IsPSI() && set == sh.IdentitySetImplicitIdentities {
		to.IMSPublicIdentities = append(to.IMSPublicIdentities, s.asked)
		return
	}
	if set == sh.IdentitySetAllIdentities || s.key == byMSISDN {
		to.MSISDNs = s.Subscriber.MSISDNs
	}
	for i := range s.Subscriber.PublicIdentities {
		p := &s.Subscriber.PublicIdentities[i]
		in := !p.Barred && (s.impi == nil || p.UsedBy(s.impi.IMPI))
		switch set {
		case sh.IdentitySetRegisteredIdentities:
			in = in && !p.IsPSI() && s.State.state(p) == Registered
		case sh.IdentitySetImplicitIdentities:
			in = in && !p.IsPSI() && p.ImplicitSet == s.impu.ImplicitSet
		case sh.IdentitySetAliasIdentities:
			in = in && !p.IsPSI() && (p == s.impu || p.AliasGroup != "" && p.AliasGroup == s.impu.AliasGroup)
		}
		switch {
		case !in:
		case p.Type == WildcardedPSI:
			to.WildcardedPSI = p.Identity
		case p.Type == WildcardedIMPU:
			to.WildcardedIMPU = p.Identity
		default:
			to.IMSPublicIdentities = append(to.IMSPublicIdentities, p.Identity)
		}
	}
}

// tags are the tags of dynamic service activation info that the criteria of an identity have for an application server, all
// servers if it is empty.
func (h *HSS) tags(s subject, server string) []string {
	p := h.profile(s.Subscriber, s.impu)
	if p == nil {
		return nil
	}
	var tags []string
	add := func(list []InitialFilterCriteria) {
		for i := range list {
			if f, err := list[i].CX(); err == nil && (server == "" || sameServer(f.ApplicationServer.ServerName, server)) {
				for _, tag := range list[i].DSAI {
					if !slices.Contains(tags, tag) {
						tags = append(tags, tag)
					}
				}
			}
		}
	}
	add(p.InitialFilterCriteria)
	for _, id := range p.SharedIFCSets {
		if set := h.store.Shared().SharedIFCSets[id]; set != nil {
			add(set.InitialFilterCriteria)
		}
	}
	return tags
}
