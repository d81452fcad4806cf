package hss

import (
	"slices"
	"strings"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// subject is whom a request of Cx is about: a public identity of a subscription.
type subject struct {
	Entry
	impu     *PublicIdentity
	asked    string           // the identity as it was asked for
	wildcard bool             // it was found as one of many
	impi     *PrivateIdentity // nil if the request names none
}

// find looks a public identity up, and the private identity if it is not empty. The result is one of Cx's errors, or zero.
func (h *HSS) find(impu, wildcard, impi string) (subject, diameter.Result) {
	var s subject
	var ok bool
	if wildcard != "" {
		s.Entry, ok = h.store.Find(Key{KeyWildcard, wildcard})
		s.Wildcard = wildcard
	} else {
		s.Entry, ok = h.store.Find(Key{KeyIMPU, CanonicalIdentity(impu)})
	}
	if !ok {
		return s, cx.UserUnknown
	}
	s.asked = impu
	s.wildcard = s.Wildcard != ""
	want := Key{KeyIMPU, CanonicalIdentity(impu)}
	if s.wildcard {
		want = Key{KeyWildcard, s.Wildcard}
	}
	for i := range s.Subscriber.PublicIdentities {
		if p := &s.Subscriber.PublicIdentities[i]; p.key() == want {
			s.impu = p
			break
		}
	}
	if s.impu == nil {
		return s, cx.UserUnknown
	}
	if impi == "" {
		return s, diameter.Result{}
	}
	if s.impi = s.Subscriber.private(impi); s.impi == nil {
		if _, ok := h.store.Find(Key{KeyIMPI, impi}); !ok {
			return s, cx.UserUnknown
		}
		return s, cx.IdentitiesDontMatch
	}
	if !s.impu.UsedBy(impi) {
		return s, cx.IdentitiesDontMatch
	}
	return s, diameter.Result{}
}

func (s *Subscriber) private(impi string) *PrivateIdentity {
	for i := range s.PrivateIdentities {
		if s.PrivateIdentities[i].IMPI == impi {
			return &s.PrivateIdentities[i]
		}
	}
	return nil
}

// place says which registration an identity has: that of its implicit set, or of the PSI.
func (p *PublicIdentity) place() (set int, psi string) {
	if p.IsPSI() {
		return 0, p.key().Value
	}
	return p.ImplicitSet, ""
}

// registration returns that of an identity, nil if it has none.
func (s *State) registration(p *PublicIdentity) *Registration {
	set, psi := p.place()
	for i := range s.Registrations {
		if r := &s.Registrations[i]; r.ImplicitSet == set && r.PSI == psi {
			return r
		}
	}
	return nil
}

// state is the state of an identity. It is registered if it is so with any private identity.
func (s *State) state(p *PublicIdentity) RegistrationState {
	if r := s.registration(p); r != nil {
		return r.State
	}
	return NotRegistered
}

// assigned returns the registration that says which S-CSCF the user has: that of the identity, or another one of the subscription, all
// of which have the same S-CSCF. PSIs are on their own.
func (s *State) assigned(p *PublicIdentity) *Registration {
	if r := s.registration(p); r != nil && r.SCSCF != "" {
		return r
	}
	if p.IsPSI() {
		return nil
	}
	for i := range s.Registrations {
		if r := &s.Registrations[i]; r.PSI == "" && r.SCSCF != "" {
			return r
		}
	}
	return nil
}

// set returns the identities that are registered with one another, the default one first, as TS 29.228 section 6.5.1.1 has it.
func (s *Subscriber) set(p *PublicIdentity) []*PublicIdentity {
	if p.IsPSI() {
		return []*PublicIdentity{p}
	}
	var list []*PublicIdentity
	first := -1
	for i := range s.PublicIdentities {
		q := &s.PublicIdentities[i]
		if q.IsPSI() || q.ImplicitSet != p.ImplicitSet {
			continue
		}
		if q.Default || first < 0 && !q.Barred && !q.IsWildcarded() && !s.hasDefault(p.ImplicitSet) {
			first = len(list)
		}
		list = append(list, q)
	}
	if first > 0 {
		q := list[first]
		copy(list[1:first+1], list[:first])
		list[0] = q
	}
	return list
}

func (s *Subscriber) hasDefault(set int) bool {
	return slices.ContainsFunc(s.PublicIdentities, func(p PublicIdentity) bool { return p.Default && p.ImplicitSet == set })
}

// withRegistration returns a copy of a state in which f has changed the registration of an identity; one that is empty then is dropped.
func (s *State) withRegistration(p *PublicIdentity, f func(*Registration)) *State {
	n := *s
	n.Registrations = slices.Clone(s.Registrations)
	set, psi := p.place()
	i := slices.IndexFunc(n.Registrations, func(r Registration) bool { return r.ImplicitSet == set && r.PSI == psi })
	if i < 0 {
		i = len(n.Registrations)
		n.Registrations = append(n.Registrations, Registration{ImplicitSet: set, PSI: psi})
	}
	r := &n.Registrations[i]
	r.IMPIs, r.Restoration = slices.Clone(r.IMPIs), slices.Clone(r.Restoration)
	f(r)
	if r.SCSCF == "" && r.State == NotRegistered {
		n.Registrations = slices.Delete(n.Registrations, i, i+1)
	}
	return &n
}

// sameServer compares the names of S-CSCFs: SIP URIs by scheme, host and port, with the parameters left out.
func sameServer(a, b string) bool {
	return a == b || canonicalServer(a) == canonicalServer(b)
}

func canonicalServer(s string) string {
	s, _, _ = strings.Cut(s, ";")
	scheme, rest, _ := strings.Cut(s, ":")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		return strings.ToLower(scheme) + ":" + rest[:at+1] + strings.ToLower(rest[at+1:])
	}
	return strings.ToLower(scheme + ":" + rest)
}

// allowedNetwork tells whether a user may be in a visited network.
func allowedNetwork(list []string, network string) bool {
	if len(list) == 0 {
		return true
	}
	network = strings.ToLower(strings.Trim(network, `" `))
	for _, n := range list {
		n = strings.ToLower(n)
		if n == "*" || n == network {
			return true
		}
		if suffix, ok := strings.CutPrefix(n, "*"); ok && strings.HasSuffix(network, suffix) {
			return true
		}
	}
	return false
}
