package hss

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash/fnv"
	"slices"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/s6a"
)

func hash(s string) uint64 {
	f := fnv.New64a()
	f.Write([]byte(s))
	return f.Sum64()
}

// epsSubject is whom a request of S6a is about.
type epsSubject struct {
	Entry
	p *PrivateIdentity
}

// epsFind looks a user up by his IMSI.
func (h *HSS) epsFind(imsi string) (s epsSubject, refused diameter.Result) {
	var ok bool
	if s.Entry, ok = h.store.Find(Key{KeyIMSI, imsi}); !ok {
		return s, s6a.UserUnknown
	}
	for i := range s.Subscriber.PrivateIdentities {
		if p := &s.Subscriber.PrivateIdentities[i]; p.IMSI == imsi {
			s.p = p
		}
	}
	if s.Subscriber.EPS == nil {
		return s, s6a.UnknownEPSSubscription
	}
	return s, diameter.Result{}
}

// air answers an Authentication-Information-Request (TS 29.272 section 5.2.3.1.3).
func (h *HSS) air(q *s6a.AIR, c call) (*s6a.AIA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	e, refused := h.epsFind(q.UserName)
	p := e.p
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	if p.AKA == nil {
		a.SetResult(s6a.AuthenticationDataUnavailable)
		return &a, nil
	}
	if len(q.VisitedPLMNID) != 3 {
		return nil, invalid(c.m, s6a.AVPVisitedPLMNID)
	}
	if !allowedPLMN(e.Subscriber.EPS.VisitedPLMNs, q.VisitedPLMNID) {
		a.SetResult(s6a.RoamingNotAllowed)
		return &a, nil
	}
	eutran, utran := 0, 0
	var resync []byte
	if r := q.RequestedEUTRANAuthenticationInfo; r != nil {
		eutran = min(max(int(r.NumberOfRequestedVectors.Value), 1), h.cfg.MaxVectors)
		resync = r.ReSynchronizationInfo
	}
	if r := q.RequestedUTRANGERANAuthenticationInfo; r != nil {
		utran = min(max(int(r.NumberOfRequestedVectors.Value), 1), h.cfg.MaxVectors)
		if resync == nil {
			resync = r.ReSynchronizationInfo
		}
	}
	if eutran+utran == 0 {
		return nil, missing(s6a.AVPRequestedEUTRANAuthenticationInfo, diameter.Vendor3GPP)
	}
	if resync != nil {
		ok, err := h.resynchronise(c.wait, p, resync)
		if err != nil {
			return nil, err
		}
		if !ok {
			a.SetResult(s6a.AuthenticationDataUnavailable)
			return &a, nil
		}
	}
	info := new(s6a.AuthenticationInfo)
	number := func(i, of int) diameter.Opt[uint32] {
		return diameter.Opt[uint32]{Value: uint32(i + 1), Present: of > 1}
	}
	if eutran > 0 {
		vectors, err := h.vectors(p, eutran, 0x80, q.OriginHost, c.wait)
		if err != nil {
			return nil, err
		}
		for i := range vectors {
			v := &vectors[i]
			info.EUTRANVector = append(info.EUTRANVector, s6a.EUTRANVector{
				ItemNumber: number(i, eutran), RAND: v.RAND[:], XRES: v.XRES, AUTN: v.AUTN[:], KASME: kasme(v.CK, v.IK, q.VisitedPLMNID, v.AUTN[:6]),
			})
		}
	}
	if utran > 0 {
		vectors, err := h.vectors(p, utran, 0, q.OriginHost, c.wait)
		if err != nil {
			return nil, err
		}
		for i := range vectors {
			v := &vectors[i]
			info.UTRANVector = append(info.UTRANVector, s6a.UTRANVector{
				ItemNumber: number(i, utran), RAND: v.RAND[:], XRES: v.XRES, AUTN: v.AUTN[:], ConfidentialityKey: v.CK, IntegrityKey: v.IK,
			})
		}
	}
	a.AuthenticationInfo = info
	if n := e.Subscriber.EPS.UEUsageType; n != 0 && q.AIRFlags.Value.Has(s6a.AIRFlagsSendUEUsageType) {
		a.UEUsageType = diameter.Some(n)
	}
	a.SetResult(success())
	return &a, nil
}

// kasme derives the key of the MME (TS 33.401 Annex A.2) for a serving network, in the octets of its PLMN identity.
func kasme(ck, ik, plmn, sqnXorAK []byte) []byte {
	m := hmac.New(sha256.New, slices.Concat(ck, ik))
	m.Write([]byte{0x10})
	m.Write(plmn)
	m.Write([]byte{0, 3})
	m.Write(sqnXorAK)
	m.Write([]byte{0, 6})
	return m.Sum(nil)
}

// plmnDigits reads a PLMN identity (TS 24.008 section 10.5.1.13): MCC and an MNC of two or three digits.
func plmnDigits(b []byte) string {
	if len(b) != 3 {
		return ""
	}
	s := []byte{'0' + b[0]&15, '0' + b[0]>>4, '0' + b[1]&15, '0' + b[2]&15, '0' + b[2]>>4}
	if d := b[1] >> 4; d != 15 {
		s = append(s, '0'+d)
	}
	return string(s)
}

func allowedPLMN(list []string, plmn []byte) bool {
	return len(list) == 0 || slices.Contains(list, plmnDigits(plmn))
}

// ulr answers an Update-Location-Request (TS 29.272 section 5.2.1.1.3). The node that had the user before is told.
func (h *HSS) ulr(q *s6a.ULR, c call) (*s6a.ULA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	e, refused, unlock := locked(h, c.wait, func() (epsSubject, diameter.Result) { return h.epsFind(q.UserName) })
	defer unlock()
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	if len(q.VisitedPLMNID) != 3 {
		return nil, invalid(c.m, s6a.AVPVisitedPLMNID)
	}
	eps := e.Subscriber.EPS
	if !allowedPLMN(eps.VisitedPLMNs, q.VisitedPLMNID) {
		a.SetResult(s6a.RoamingNotAllowed)
		return &a, nil
	}
	restriction := map[s6a.RATType]s6a.AccessRestrictionData{
		s6a.RATTypeUTRAN: s6a.AccessRestrictionDataUTRANNotAllowed, s6a.RATTypeGERAN: s6a.AccessRestrictionDataGERANNotAllowed,
		s6a.RATTypeEUTRAN: s6a.AccessRestrictionDataWBEUTRANNotAllowed, s6a.RATTypeEUTRANNBIoT: s6a.AccessRestrictionDataNBIoTNotAllowed,
	}[q.RATType]
	if restriction != 0 && s6a.AccessRestrictionData(eps.AccessRestriction).Has(restriction) {
		a.SetResult(s6a.RATNotAllowed)
		return &a, nil
	}
	if !c.wait {
		return nil, errWait
	}
	node := &ServingNode{Host: q.OriginHost, Realm: q.OriginRealm, VisitedPLMN: plmnDigits(q.VisitedPLMNID), RATType: int32(q.RATType), Since: time.Now()}
	if t := q.TerminalInformation; t != nil {
		node.IMEI = t.IMEI.Value + t.SoftwareVersion.Value
	}
	n := *e.State
	var changes []Change
	cancel := func(old *ServingNode, kind s6a.CancellationType) {
		if old != nil && !old.Purged {
			changes = append(changes, Change{AddPush: h.clr(e.ID(), e.p.IMSI, old, kind)})
		}
	}
	if q.ULRFlags.Has(s6a.ULRFlagsS6aS6dIndicator) {
		if n.MME != nil && n.MME.Host != q.OriginHost {
			cancel(n.MME, s6a.CancellationTypeMMEUpdateProcedure)
		} else if n.MME != nil {
			node.PDNGateways = n.MME.PDNGateways
		}
		n.MME = node
		switch {
		case n.SGSN == nil || n.SGSN.Host == q.OriginHost:
		case q.ULRFlags.Has(s6a.ULRFlagsInitialAttachIndicator):
			cancel(n.SGSN, s6a.CancellationTypeInitialAttachProcedure)
			n.SGSN = nil
		case q.ULRFlags.Has(s6a.ULRFlagsSingleRegistrationIndication):
			cancel(n.SGSN, s6a.CancellationTypeSGSNUpdateProcedure)
			n.SGSN = nil
		}
	} else {
		if n.SGSN != nil && n.SGSN.Host != q.OriginHost {
			cancel(n.SGSN, s6a.CancellationTypeSGSNUpdateProcedure)
		}
		n.SGSN = node
	}
	if err := h.commit(e.Entry, &n, append(changes, Change{StateOf: e.ID(), State: &n})...); err != nil {
		return nil, err
	}
	h.changed("S6a", e.ID(), "location updated by "+q.OriginHost)
	a.ULAFlags = diameter.Some(s6a.ULAFlagsSeparationIndication)
	if !q.ULRFlags.Has(s6a.ULRFlagsSkipSubscriberData) {
		a.SubscriptionData = h.subscriptionData(e.Subscriber)
	}
	a.SetResult(success())
	return &a, nil
}

// subscriptionData is what an MME has to know (TS 29.272 section 7.3.2).
func (h *HSS) subscriptionData(s *Subscriber) *s6a.SubscriptionData {
	e := s.EPS
	d := &s6a.SubscriptionData{SubscriberStatus: diameter.Some(s6a.SubscriberStatusServiceGranted)}
	if e.Barred {
		d.SubscriberStatus = diameter.Some(s6a.SubscriberStatusOperatorDeterminedBarring)
		if e.ODB != 0 {
			d.OperatorDeterminedBarring = diameter.Some(s6a.OperatorDeterminedBarring(e.ODB))
		}
	}
	if len(s.MSISDNs) > 0 {
		d.MSISDN = appendBCD(nil, s.MSISDNs[0])
		if len(s.MSISDNs) > 1 {
			d.AMSISDN = appendBCD(nil, s.MSISDNs[1])
		}
	}
	if e.STNSR != "" {
		// In international E.164 format (TS 29.002, ISDN-AddressString).
		d.STNSR = appendBCD([]byte{0x91}, e.STNSR)
	}
	d.NetworkAccessMode = diameter.Some(s6a.NetworkAccessMode(e.NetworkAccessMode))
	if e.AccessRestriction != 0 {
		d.AccessRestrictionData = diameter.Some(s6a.AccessRestrictionData(e.AccessRestriction))
	}
	if e.ChargingCharacteristics != "" {
		d.TGPPChargingCharacteristics = diameter.Some(e.ChargingCharacteristics)
	}
	up, down := e.MaxBitRateUL, e.MaxBitRateDL
	if up == 0 {
		up = 50e6
	}
	if down == 0 {
		down = 100e6
	}
	d.AMBR = ambr(up, down)
	optional := func(to *diameter.Opt[uint32], n uint32) {
		if n != 0 {
			*to = diameter.Some(n)
		}
	}
	optional(&d.SubscribedPeriodicRAUTAUTimer, e.PeriodicRAUTAUTimer)
	optional(&d.RATFrequencySelectionPriorityID, e.RATFrequencyPriority)
	optional(&d.UEUsageType, e.UEUsageType)
	if len(e.APNs) == 0 {
		return d
	}
	profile := &s6a.APNConfigurationProfile{ContextIdentifier: 1}
	for i := range e.APNs {
		apn := &e.APNs[i]
		if apn.Name == e.DefaultAPN {
			profile.ContextIdentifier = uint32(i + 1)
		}
		profile.APNConfiguration = append(profile.APNConfiguration, apn.configuration(uint32(i+1), up, down))
	}
	d.APNConfigurationProfile = profile
	return d
}

// is tells whether a node is the one with a name.
func (n *ServingNode) is(host string) bool { return n != nil && n.Host == host }

// ambr makes the group of two bit rates in bit/s.
func ambr(up, down uint64) *s6a.AMBR {
	a := new(s6a.AMBR)
	set := func(to *uint32, extended *diameter.Opt[uint32], rate uint64) {
		if rate > 1<<32-1 {
			*to, *extended = 1<<32-1, diameter.Some(uint32(min(rate/1000, 1<<32-1)))
		} else {
			*to = uint32(rate)
		}
	}
	set(&a.MaxRequestedBandwidthUL, &a.ExtendedMaxRequestedBWUL, up)
	set(&a.MaxRequestedBandwidthDL, &a.ExtendedMaxRequestedBWDL, down)
	return a
}

// purge answers a Purge-UE-Request (TS 29.272 section 5.2.1.3.3).
func (h *HSS) purge(q *s6a.PUR, c call) (*s6a.PUA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	e, refused, unlock := locked(h, c.wait, func() (epsSubject, diameter.Result) { return h.epsFind(q.UserName) })
	defer unlock()
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	n := *e.State
	var flags s6a.PUAFlags
	purge := func(at **ServingNode, flag s6a.PUAFlags) {
		if (*at).is(q.OriginHost) {
			node := **at
			node.Purged = true
			*at = &node
			flags |= flag
		}
	}
	purge(&n.MME, s6a.PUAFlagsFreezeMTMSI)
	purge(&n.SGSN, s6a.PUAFlagsFreezePTMSI)
	if flags != 0 {
		if !c.wait {
			return nil, errWait
		}
		if err := h.commit(e.Entry, &n, Change{StateOf: e.ID(), State: &n}); err != nil {
			return nil, err
		}
		h.changed("S6a", e.ID(), "purged by "+q.OriginHost)
		a.PUAFlags = diameter.Some(flags)
	}
	a.SetResult(success())
	return &a, nil
}

// nor answers a Notify-Request (TS 29.272 section 5.2.5.1.3): the terminal and the gateways in use.
func (h *HSS) nor(q *s6a.NOR, c call) (*s6a.NOA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	e, refused, unlock := locked(h, c.wait, func() (epsSubject, diameter.Result) { return h.epsFind(q.UserName) })
	defer unlock()
	if refused.Code == 0 && !e.State.MME.is(q.OriginHost) && !e.State.SGSN.is(q.OriginHost) {
		refused = s6a.UnknownServingNode
	}
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	n := *e.State
	at := &n.MME
	if !n.MME.is(q.OriginHost) {
		at = &n.SGSN
	}
	node := **at
	if t := q.TerminalInformation; t != nil {
		node.IMEI = t.IMEI.Value + t.SoftwareVersion.Value
	}
	if q.MIP6AgentInfo != nil && q.ServiceSelection.Present {
		g := PDNGateway{q.ServiceSelection.Value, q.MIP6AgentInfo.AppendAVPs(nil)}
		node.PDNGateways = append(slices.DeleteFunc(slices.Clone(node.PDNGateways), func(old PDNGateway) bool { return old.APN == g.APN }), g)
		if len(node.PDNGateways) > 64 {
			node.PDNGateways = node.PDNGateways[1:]
		}
	}
	if node.IMEI != (*at).IMEI || len(node.PDNGateways) != len((*at).PDNGateways) || q.MIP6AgentInfo != nil {
		if !c.wait {
			return nil, errWait
		}
		*at = &node
		if err := h.commit(e.Entry, &n, Change{StateOf: e.ID(), State: &n}); err != nil {
			return nil, err
		}
	}
	a.SetResult(success())
	return &a, nil
}

// epsChanges works out what a new form of a subscription means for the MME and SGSN that serve it.
func (h *HSS) epsChanges(old Entry, next *Subscriber, state *State, pushes []Change) (*State, []Change) {
	if old.State.MME == nil && old.State.SGSN == nil {
		return state, pushes
	}
	imsi := old.Subscriber.imsi()
	if next.EPS == nil || next.imsi() != imsi {
		n := *state
		for _, node := range []*ServingNode{n.MME, n.SGSN} {
			if node != nil && !node.Purged {
				pushes = append(pushes, Change{AddPush: h.clr(old.ID(), imsi, node, s6a.CancellationTypeSubscriptionWithdrawal)})
			}
		}
		n.MME, n.SGSN = nil, nil
		return &n, pushes
	}
	if old.Subscriber.EPS == nil {
		return state, pushes
	}
	data := h.subscriptionData(next)
	if bytes.Equal(data.AppendAVPs(nil), h.subscriptionData(old.Subscriber).AppendAVPs(nil)) {
		return state, pushes
	}
	for _, node := range []*ServingNode{state.MME, state.SGSN} {
		if node == nil || node.Purged {
			continue
		}
		req := s6a.IDR{
			SessionID: h.sessionID(), AuthSessionState: diameter.AuthSessionStateNoStateMaintained, OriginHost: h.cfg.Host, OriginRealm: h.cfg.Realm,
			DestinationHost: node.Host, DestinationRealm: node.Realm, UserName: imsi, SubscriptionData: *data, IDRFlags: diameter.Some(s6a.IDRFlags(0)),
		}
		v := vendorApplication(s6a.Application)
		req.VendorSpecificApplicationID = &v
		pushes = append(pushes, Change{AddPush: h.newPush(PushIDR, node.Host, node.Realm, old.ID(), &req)})
	}
	return state, pushes
}
