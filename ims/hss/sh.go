package hss

import (
	"slices"
	"strings"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/sh"
)

// ASPermission is what application servers may do (TS 29.328 section 6.2).
type ASPermission struct {
	Host string `json:"host"` // Origin-Host, or "*.example.com" for those below a domain, or "*"
	// Pull, Update and Subscribe are the data that may be read, written, and asked to be told of. [AllData] stands for all.
	Pull      []sh.DataReference `json:"pull,omitempty"`
	Update    []sh.DataReference `json:"update,omitempty"`
	Subscribe []sh.DataReference `json:"subscribe,omitempty"`
}

// AllData stands for all data in an [ASPermission].
const AllData sh.DataReference = -1

type shOperation int

const (
	shPull shOperation = iota
	shUpdate
	shSubscribe
)

// permitted tells whether an application server may do something with data.
func (h *HSS) permitted(host string, op shOperation, ref sh.DataReference) bool {
	if h.cfg.ASPermissions == nil {
		return true
	}
	host = strings.ToLower(host)
	for _, p := range h.cfg.ASPermissions {
		pattern := strings.ToLower(p.Host)
		suffix, wild := strings.CutPrefix(pattern, "*")
		if pattern != host && (!wild || !strings.HasSuffix(host, suffix)) {
			continue
		}
		list := [...][]sh.DataReference{p.Pull, p.Update, p.Subscribe}[op]
		if slices.Contains(list, ref) || slices.Contains(list, AllData) {
			return true
		}
	}
	return false
}

// shKey is what data are asked for by (TS 29.328 table 7.6.1).
type shKey uint8

const (
	byIMPU shKey = 1 << iota
	byPSI
	byMSISDN
)

// shTable is table 7.6.1 of TS 29.328: the keys of data, the operations there are, and whether this HSS has such data.
var shTable = map[sh.DataReference]struct {
	keys              shKey
	pull, update, sub bool
	kept              bool
}{
	sh.DataReferenceRepositoryData:                    {byIMPU | byPSI, true, true, true, true},
	sh.DataReferenceIMSPublicIdentity:                 {byIMPU | byPSI | byMSISDN, true, false, true, true},
	sh.DataReferenceIMSUserState:                      {byIMPU, true, false, true, true},
	sh.DataReferenceSCSCFName:                         {byIMPU | byPSI, true, false, true, true},
	sh.DataReferenceInitialFilterCriteria:             {byIMPU | byPSI, true, false, true, true},
	sh.DataReferenceLocationInformation:               {byIMPU | byMSISDN, true, false, false, false},
	sh.DataReferenceUserState:                         {byIMPU | byMSISDN, true, false, false, false},
	sh.DataReferenceChargingInformation:               {byIMPU | byPSI | byMSISDN, true, false, true, true},
	sh.DataReferenceMSISDN:                            {byIMPU | byMSISDN, true, false, false, true},
	sh.DataReferencePSIActivation:                     {byPSI, true, true, true, true},
	sh.DataReferenceDSAI:                              {byIMPU | byPSI, true, true, true, true},
	sh.DataReferenceServiceLevelTraceInfo:             {byIMPU | byMSISDN, true, false, true, true},
	sh.DataReferenceIPAddressSecureBindingInformation: {byIMPU, true, false, true, false},
	sh.DataReferenceServicePriorityLevel:              {byIMPU, true, false, true, true},
	sh.DataReferenceSMSRegistrationInfo:               {byIMPU | byMSISDN, true, true, false, false},
	sh.DataReferenceUEReachabilityForIP:               {byIMPU | byMSISDN, false, false, true, false},
	sh.DataReferenceTADSinformation:                   {byIMPU | byMSISDN, true, false, false, false},
	sh.DataReferenceSTNSr:                             {byIMPU | byMSISDN, true, true, false, true},
	sh.DataReferenceUESRVCCCapability:                 {byIMPU | byMSISDN, true, false, true, false},
	sh.DataReferenceExtendedPriority:                  {byIMPU, true, false, true, false},
	sh.DataReferenceCsrn:                              {byIMPU | byMSISDN, true, false, false, false},
	sh.DataReferenceReferenceLocationInformation:      {byIMPU, true, false, false, false},
	sh.DataReferenceIMSI:                              {byIMPU | byMSISDN, true, false, false, true},
	sh.DataReferenceIMSPrivateUserIdentity:            {byIMPU, true, false, true, true},
	sh.DataReferenceImeisv:                            {byIMPU | byMSISDN, true, false, false, true},
	sh.DataReferenceUE5GSRVCCCapability:               {byIMPU | byMSISDN, true, false, true, false},
}

// shSubject is whom a request of Sh is about. Asked for by MSISDN it is the first public identity of the subscription.
type shSubject struct {
	subject
	key    shKey
	msisdn string // as it was asked for
}

// shFind looks a user up by User-Identity.
func (h *HSS) shFind(id sh.UserIdentity, wildcardPSI, wildcardIMPU diameter.Opt[string], impi string) (shSubject, diameter.Result) {
	var s shSubject
	switch {
	case id.PublicIdentity.Present:
		wildcard := wildcardPSI.Value
		if wildcard == "" {
			wildcard = wildcardIMPU.Value
		}
		found, refused := h.find(id.PublicIdentity.Value, wildcard, "")
		if refused.Code != 0 {
			return s, refused
		}
		s.subject, s.key = found, byIMPU
		if s.impu.IsPSI() {
			s.key = byPSI
		}
	case id.MSISDN != nil:
		ok := false
		for _, n := range []string{bcdDigits(id.MSISDN), string(id.MSISDN)} {
			// Digits in octets of BCD, as TS 29.329 section 6.3.2 has it, or in text, as some peers do.
			if s.Entry, ok = h.store.Find(Key{KeyMSISDN, n}); ok {
				s.msisdn = n
				break
			}
		}
		if !ok {
			return s, cx.UserUnknown
		}
		s.key = byMSISDN
		for i := range s.Subscriber.PublicIdentities {
			if p := &s.Subscriber.PublicIdentities[i]; !p.IsPSI() {
				s.impu = p
				break
			}
		}
		if s.impu == nil {
			s.impu = &PublicIdentity{ImplicitSet: -1} // a subscription to packet access alone
		}
		s.asked = s.impu.Identity
	default:
		return s, cx.UserUnknown // by External-Identifier, which nobody here has
	}
	if impi != "" {
		for i := range s.Subscriber.PrivateIdentities {
			if p := &s.Subscriber.PrivateIdentities[i]; p.IMPI == impi || p.IMSI == impi {
				s.impi = p
			}
		}
		if s.impi == nil || !s.impu.UsedBy(s.impi.IMPI) {
			return s, cx.IdentitiesDontMatch
		}
	}
	return s, diameter.Result{}
}

// bcdDigits reads an address of digits, two to an octet, the first one in the lower half (TS 29.002 clause 17.7.8, TBCD-STRING).
func bcdDigits(b []byte) string {
	var s []byte
	for _, c := range b {
		for _, d := range [2]byte{c & 15, c >> 4} {
			if d > 9 {
				if d == 15 {
					continue
				}
				return ""
			}
			s = append(s, '0'+d)
		}
	}
	return string(s)
}

// appendBCD writes digits so.
func appendBCD(b []byte, digits string) []byte {
	for i := 0; i < len(digits); i += 2 {
		c := digits[i] - '0'
		if i+1 < len(digits) {
			c |= (digits[i+1] - '0') << 4
		} else {
			c |= 0xf0
		}
		b = append(b, c)
	}
	return b
}

// applicable checks the key of each kind of data that is asked for.
func (s shSubject) applicable(refs []sh.DataReference, op shOperation) diameter.Result {
	for _, ref := range refs {
		row, ok := shTable[ref]
		can := [...]bool{row.pull, row.update, row.sub}[op]
		if !ok || !can || row.keys&s.key == 0 {
			return sh.OperationNotAllowed
		}
	}
	return diameter.Result{}
}

// repositoryKey is the identity that repository data of an identity stand under: aliases share them (TS 29.328 section 7.6.1).
func (p *PublicIdentity) repositoryKey() string {
	if p.AliasGroup != "" {
		return "alias:" + p.AliasGroup
	}
	return p.key().Value
}

// Features of Sh (TS 29.329 section 7.1, Feature-List-ID 1): updates of several repository data at once.
const (
	featureUpdateEff        = 1 << 1
	featureUpdateEffEnhance = 1 << 2
	shFeatures              = featureUpdateEff | featureUpdateEffEnhance
)

func shCommon(asked []cx.SupportedFeatures) []cx.SupportedFeatures {
	var out []cx.SupportedFeatures
	for _, f := range asked {
		if f.VendorID == diameter.Vendor3GPP && f.FeatureListID == 1 {
			out = append(out, cx.SupportedFeatures{VendorID: f.VendorID, FeatureListID: 1, FeatureList: f.FeatureList & shFeatures})
		}
	}
	return out
}

// udr answers a User-Data-Request (TS 29.328 section 6.1.1.1).
func (h *HSS) udr(q *sh.UDR, c call) (*sh.UDA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	a.SupportedFeatures = shCommon(q.SupportedFeatures)
	if insists(c.m, shFeatures) {
		a.SetResult(cx.FeatureUnsupported)
		return &a, nil
	}
	for _, ref := range q.DataReference {
		if !h.permitted(q.OriginHost, shPull, ref) {
			a.SetResult(sh.UserDataCannotBeRead)
			return &a, nil
		}
	}
	s, refused := h.shFind(q.UserIdentity, q.WildcardedPublicIdentity, q.WildcardedIMPU, q.UserName.Value)
	if refused.Code == 0 {
		refused = s.applicable(q.DataReference, shPull)
	}
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	s.wildcards(&a.WildcardedPublicIdentity, &a.WildcardedIMPU)
	var d sh.Data
	for _, ref := range q.DataReference {
		if (ref == sh.DataReferenceInitialFilterCriteria || ref == sh.DataReferenceDSAI) && !q.ServerName.Present {
			return nil, missing(cx.AVPServerName, diameter.Vendor3GPP)
		}
		if ref == sh.DataReferenceRepositoryData && len(q.ServiceIndication) == 0 {
			return nil, missing(sh.AVPServiceIndication, diameter.Vendor3GPP)
		}
		h.addData(&d, s, shQuery{
			ref: ref, services: texts(q.ServiceIndication), server: q.ServerName.Value, sets: q.IdentitySet, tags: texts(q.DSAITag), pending: true,
		})
	}
	if anything(d) {
		a.UserData = d.AppendXML(nil)
	}
	a.SetResult(success())
	return &a, nil
}

func (s shSubject) wildcards(psi, impu *diameter.Opt[string]) {
	if !s.wildcard {
		return
	}
	if s.impu.Type == WildcardedPSI {
		*psi = diameter.Some(s.Wildcard)
	} else {
		*impu = diameter.Some(s.Wildcard)
	}
}

// anything tells whether there is anything in the data.
func anything(d sh.Data) bool {
	return d.PublicIdentifiers != nil || d.RepositoryData != nil || d.IMSData != nil || d.RegisteredIdentities != nil || d.ImplicitIdentities != nil ||
		d.AliasIdentities != nil || d.AllIdentities != nil || d.Extension != nil
}

func texts(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}
