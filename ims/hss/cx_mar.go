package hss

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/aka"
)

// mar answers a Multimedia-Auth-Request (TS 29.228 section 6.3.1).
func (h *HSS) mar(q *cx.MAR, c call) (*cx.MAA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	a.SupportedFeatures = h.features(q.SupportedFeatures)
	if insists(c.m, cxFeatures) {
		a.SetResult(cx.FeatureUnsupported)
		return &a, nil
	}
	s, refused, unlock := locked(h, c.wait, func() (subject, diameter.Result) { return h.find(q.PublicIdentity, "", q.UserName) })
	defer unlock()
	if refused.Code == 0 && (s.impu.IsPSI() || s.wildcard) {
		refused = cx.UserUnknown // no distinct public user identity
	}
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	scheme, ok := s.impi.scheme(q.SIPAuthDataItem.SIPAuthenticationScheme.Value)
	if !ok {
		a.SetResult(cx.AuthSchemeNotSupported)
		return &a, nil
	}
	assigned := s.State.assigned(s.impu)
	if auth := q.SIPAuthDataItem.SIPAuthorization; len(auth) > 0 && scheme != schemeDigest {
		// A synchronisation failure is told by the S-CSCF that sent the challenge.
		if assigned == nil || !sameServer(assigned.SCSCF, q.ServerName) && (h.cfg.NoRestoration || !assigned.Reassignable) {
			a.SetResult(baseResult(diameter.UnableToComply))
			return &a, nil
		}
		if ok, err := h.resynchronise(c.wait, s.impi, auth); err != nil {
			return nil, err
		} else if !ok {
			a.SetResult(baseResult(diameter.UnableToComply))
			return &a, nil
		}
	}
	if err := h.serve(q, c, s, assigned); err != nil {
		return nil, err
	}
	if scheme == schemeDigest {
		a.SIPAuthDataItem = []cx.SIPAuthDataItem{s.impi.digest()}
	} else {
		n := min(max(int(q.SIPNumberAuthItems), 1), h.cfg.MaxVectors)
		vectors, err := h.vectors(s.impi, n, 0, q.OriginHost, c.wait)
		if err != nil {
			return nil, err
		}
		a.SIPAuthDataItem = make([]cx.SIPAuthDataItem, n)
		for i := range vectors {
			v := &vectors[i]
			challenge := make([]byte, 0, 32)
			challenge = append(append(challenge, v.RAND[:]...), v.AUTN[:]...)
			a.SIPAuthDataItem[i] = cx.SIPAuthDataItem{
				SIPItemNumber: diameter.Some(uint32(i + 1)), SIPAuthenticationScheme: diameter.Some(scheme),
				SIPAuthenticate: challenge, SIPAuthorization: v.XRES, ConfidentialityKey: v.CK, IntegrityKey: v.IK,
			}
		}
	}
	a.UserName = diameter.Some(s.impi.IMPI)
	a.PublicIdentity = diameter.Some(q.PublicIdentity)
	a.SIPNumberAuthItems = diameter.Some(uint32(len(a.SIPAuthDataItem)))
	a.SetResult(success())
	return &a, nil
}

// scheme says which authentication scheme a request gets. Unknown leaves it to the HSS; it is asked for by terminals that
// cannot do AKA.
func (p *PrivateIdentity) scheme(asked string) (string, bool) {
	if asked == cx.SchemeUnknown {
		if p.Scheme != "" {
			asked = p.Scheme
		} else {
			asked = schemeDigest
		}
	}
	switch asked {
	case schemeAKAv1, schemeAKAv2:
		return asked, p.AKA != nil && p.IMPI != ""
	case schemeDigest:
		return asked, p.Digest != nil
	}
	return asked, false
}

// serve stores the name of an S-CSCF that asks for authentication data, and sets the authentication pending flag.
func (h *HSS) serve(q *cx.MAR, c call, s subject, assigned *Registration) error {
	r := s.State.registration(s.impu)
	registered := r != nil && r.State == Registered
	if assigned == nil || !sameServer(assigned.SCSCF, q.ServerName) || r == nil || r.SCSCF == "" {
		if !c.wait {
			return errWait
		}
		n := s.State.reassigned(s.impu, q.ServerName, q.OriginHost, q.OriginRealm)
		if err := h.store.Commit(Change{StateOf: s.ID(), State: n}); err != nil {
			return err
		}
		if assigned != nil && !sameServer(assigned.SCSCF, q.ServerName) {
			h.changed("Cx", s.ID(), "S-CSCF "+assigned.SCSCF+" replaced by "+q.ServerName)
		}
		registered = registered && sameServer(assigned.SCSCF, q.ServerName)
	}
	if !registered {
		set, _ := s.impu.place()
		h.pending.set(pendingKey{s.impi.IMPI, set}, time.Now().Add(h.cfg.AuthPending))
	}
	return nil
}

// reassigned returns a state in which an S-CSCF serves the set of an identity, and whatever else of the subscription another one has
// served. What is registered there stays so until the new one registers it (TS 29.228 section 8.1.1).
func (s *State) reassigned(p *PublicIdentity, scscf, host, realm string) *State {
	n := s.withRegistration(p, func(r *Registration) { r.replace(scscf, host, realm) })
	if !p.IsPSI() {
		for i := range n.Registrations {
			if r := &n.Registrations[i]; r.PSI == "" && r.SCSCF != "" && !sameServer(r.SCSCF, scscf) {
				r.replace(scscf, host, realm)
			}
		}
	}
	return n
}

// replace gives a registration to an S-CSCF.
func (r *Registration) replace(scscf, host, realm string) {
	same := sameServer(r.SCSCF, scscf)
	if r.State != NotRegistered && !same && r.Host != host && r.OldHost == "" {
		r.OldHost, r.OldRealm = r.Host, r.Realm
	}
	if !same && !r.Reassignable {
		r.Restoration = nil
	}
	r.SCSCF, r.Reassignable = scscf, false
	if !same || r.Host == "" {
		r.Host, r.Realm = host, realm
	}
}

// digest is what SIP Digest is checked with (TS 29.228 table 6.3.7).
func (p *PrivateIdentity) digest() cx.SIPAuthDataItem {
	d := p.Digest
	g := &cx.SIPDigestAuthenticate{DigestRealm: d.Realm, DigestQoP: d.QoP, DigestHA1: d.HA1.RevealHex()}
	if g.DigestQoP == "" {
		g.DigestQoP = "auth"
	}
	algorithm, other := "MD5", "SHA-256"
	if d.Algorithm == other {
		algorithm, other = other, algorithm
	}
	if !d.AlternateHA1.IsZero() {
		// H(A1) of MD5 goes into Digest-HA1 where there are two.
		first, second := d.HA1, d.AlternateHA1
		if algorithm != "MD5" {
			first, second, algorithm, other = second, first, other, algorithm
		}
		g.DigestHA1 = first.RevealHex()
		g.AlternateDigestAlgorithm, g.AlternateDigestHA1 = diameter.Some(other), diameter.Some(second.RevealHex())
	}
	g.DigestAlgorithm = diameter.Some(algorithm)
	return cx.SIPAuthDataItem{SIPAuthenticationScheme: diameter.Some(schemeDigest), SIPDigestAuthenticate: g}
}

// vectors makes n authentication vectors with fresh sequence numbers. The IND of these is chosen by the node that asks, so that
// each can use its vectors in the order that it got them (TS 33.102 Annex C.1.1.1). bits are set in the AMF.
func (h *HSS) vectors(p *PrivateIdentity, n int, bits byte, node string, wait bool) ([]aka.Vector, error) {
	alg, err := h.algs.of(p)
	if err != nil {
		return nil, err
	}
	scheme := h.cfg.SQN
	floor, _ := scheme.Split(aka.SQN(p.AKA.SQN))
	seq, err := h.store.NextSQN(p.Name(), n, floor, wait)
	if err == ErrWouldBlock {
		return nil, errWait
	}
	if err != nil {
		return nil, err
	}
	if seq+uint64(n) > uint64(aka.MaxSQN)/uint64(scheme.Slots()) {
		return nil, &diameter.ProtocolError{ResultCode: diameter.UnableToComply, Text: "the sequence numbers of this key are used up"}
	}
	amf := p.AKA.amf()
	amf[0] |= bits
	ind := h.cfg.INDFirst + int(hash(node)%uint64(h.cfg.INDs))
	rands := make([]byte, 16*n)
	if _, err := io.ReadFull(h.cfg.Rand, rands); err != nil {
		return nil, err
	}
	vectors := make([]aka.Vector, n)
	for i := range vectors {
		if vectors[i], err = aka.NewVector(alg, [16]byte(rands[16*i:]), scheme.Join(seq+uint64(i), ind), amf); err != nil {
			return nil, err
		}
	}
	h.stats.vectors.Add(uint64(n))
	return vectors, nil
}

// resynchronise takes a RAND and the AUTS that a card answered it with (TS 33.102 section 6.3.5). The counter is raised to the
// card's, never lowered.
func (h *HSS) resynchronise(wait bool, p *PrivateIdentity, info []byte) (ok bool, err error) {
	if len(info) != 16+14 {
		h.stats.resyncFailed.Add(1)
		return false, nil
	}
	alg, err := h.algs.of(p)
	if err != nil {
		return false, err
	}
	sqn, err := aka.CheckAUTS(alg, [16]byte(info), aka.AUTS(info[16:]))
	if err != nil {
		h.stats.resyncFailed.Add(1)
		h.logf(slog.LevelWarn, "AUTS does not verify: the card has another K or OPc", "user", p.Name())
		return false, nil
	}
	if !wait {
		return false, errWait
	}
	seq, _ := h.cfg.SQN.Split(sqn)
	if err := h.store.RaiseSQN(p.Name(), seq); err != nil {
		return false, err
	}
	h.stats.resync.Add(1)
	h.changed("Cx", p.Name(), "sequence number resynchronised")
	return true, nil
}

// algorithms keeps the algorithm sets of users in use.
type algorithms struct {
	mu sync.RWMutex
	m  map[string]keyed
}

type keyed struct {
	AKA
	alg aka.Algorithm
}

const maxAlgorithms = 16384

func (c *algorithms) of(p *PrivateIdentity) (aka.Algorithm, error) {
	name := p.Name()
	c.mu.RLock()
	k, ok := c.m[name]
	c.mu.RUnlock()
	if ok && k.AKA == *p.AKA {
		return k.alg, nil
	}
	alg, err := p.AKA.algorithm()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= maxAlgorithms || c.m == nil {
		c.m = make(map[string]keyed)
	}
	c.m[name] = keyed{*p.AKA, alg}
	return alg, nil
}

// authPending holds the authentication pending flags (TS 29.228 section 6.3.1), which are lost with the process.
type authPending struct {
	mu    sync.Mutex
	m     map[pendingKey]time.Time // until when
	sweep int                      // the size at which those that are over are thrown away
}

type pendingKey struct {
	impi string
	set  int
}

func (a *authPending) set(k pendingKey, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m, a.sweep = map[pendingKey]time.Time{}, 1024
	}
	if len(a.m) >= a.sweep {
		now := time.Now()
		for k, t := range a.m {
			if !t.After(now) {
				delete(a.m, k)
			}
		}
		a.sweep = max(1024, 2*len(a.m))
	}
	a.m[k] = until
}

func (a *authPending) clear(k pendingKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.m, k)
}

// has tells whether the flag of one of the private identities is set.
func (a *authPending) has(set int, impis []PrivateIdentity) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(impis, func(p PrivateIdentity) bool { return a.m[pendingKey{p.IMPI, set}].After(time.Now()) })
}

func (a *authPending) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, n := time.Now(), 0
	for _, t := range a.m {
		if t.After(now) {
			n++
		}
	}
	return n
}
