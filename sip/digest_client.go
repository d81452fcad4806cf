package sip

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Answerer is the client's side of digest authentication: it finds the secret that answers a
// challenge. [Password] does it for a password. For Digest AKA an implementation reads RAND and AUTN
// out of the nonce and returns RES as a binary Password; when the sequence number is out of range
// it returns an empty Password and an auts parameter (RFC 3310 sections 3.3 and 3.4). Keys that fall
// out of it (CK, IK) are its own business.
//
// It is called once for each new nonce; later requests under that nonce use the secret again with a
// higher nonce count.
type Answerer interface {
	// Answer returns [ErrNoCredentials] where it has none for this challenge, so that the next
	// one is tried; any other error ends the attempt.
	Answer(ctx context.Context, ch *Challenge) (Secret, error)
}

// AnswererFunc is a function as an [Answerer].
type AnswererFunc func(ctx context.Context, ch *Challenge) (Secret, error)

// Answer calls f.
func (f AnswererFunc) Answer(ctx context.Context, ch *Challenge) (Secret, error) { return f(ctx, ch) }

// Secret is what an [Answerer] knows.
type Secret struct {
	Username string
	Password []byte // may be binary
	// HA1 is used instead of Password where it is set: H(username:realm:password) in hexadecimal,
	// under the challenge's algorithm.
	HA1 string
	// Params are added to the credentials, such as auts.
	Params AuthParams
}

var (
	// ErrNoCredentials says that no challenge could be answered: unknown realm or algorithm.
	ErrNoCredentials = errors.New("sip: no credentials for the challenge")
	// ErrAuthRejected says that the server refused an answer to its own fresh challenge: the
	// password is wrong.
	ErrAuthRejected = errors.New("sip: credentials rejected")
	// ErrServerProof says that the rspauth of a response was wrong: the server does not know the
	// password.
	ErrServerProof = errors.New("sip: server failed to prove that it knows the password")
)

// Password answers every challenge but those of Digest AKA with one user name and password. realm
// restricts it; empty means any realm.
func Password(realm, username, password string) Answerer {
	return AnswererFunc(func(_ context.Context, ch *Challenge) (Secret, error) {
		if realm != "" && ch.Realm != realm || ch.Algorithm.AKA() != 0 {
			return Secret{}, ErrNoCredentials
		}
		return Secret{Username: username, Password: []byte(password)}, nil
	})
}

// DigestClientConfig configures [NewDigestClient]. Answerer must be set.
type DigestClientConfig struct {
	Answerer Answerer
	// Algorithms are those accepted. If nil, every known one; a client that fears a downgrade
	// leaves MD5 out (RFC 8760 section 3). The server's order decides among them.
	Algorithms []DigestAlgorithm
	// Integrity prefers auth-int where both are offered. By default auth-int is used only where
	// nothing else is offered, since it breaks where SDP is rewritten on the way.
	Integrity bool
	// MaxRealms bounds the sessions remembered; the oldest is dropped. If zero, 16.
	MaxRealms int
}

// DigestClient answers challenges and keeps the authentication sessions of RFC 7616 section 3.6:
// for each realm the nonce, its count and the secret. It is safe for concurrent use.
type DigestClient struct {
	cfg DigestClientConfig

	mu       sync.Mutex
	sessions []*digestSession // oldest first
}

type digestSession struct {
	proxy     bool
	scope     string // host of the Request-URI that was challenged
	challenge Challenge
	secret    Secret
	ha1       string
	cnonce    string
	nc        uint32
}

// NewDigestClient returns a client without sessions.
func NewDigestClient(cfg DigestClientConfig) *DigestClient {
	if cfg.MaxRealms <= 0 {
		cfg.MaxRealms = 16
	}
	return &DigestClient{cfg: cfg}
}

// digestScope is the host of a Request-URI: a realm of a server is remembered for that host, so that
// credentials are not shown to others.
func digestScope(requestURI string) string {
	_, rest, _ := strings.Cut(requestURI, ":")
	if i := strings.IndexAny(rest, ";?"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return strings.ToLower(rest)
}

// Credentials returns credentials for a request that was not challenged yet, from the sessions that
// earlier challenges began: those of proxies, or of the server that the Request-URI names
// (RFC 3261 sections 22.2 and 22.3). They spare a round trip.
func (d *DigestClient) Credentials(r *AuthRequest) []Credentials {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Credentials
	for _, s := range d.sessions {
		if s.proxy != r.Proxy || !s.proxy && s.scope != digestScope(r.RequestURI) {
			continue
		}
		if c, err := s.next(r, d.cfg.Integrity); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// Answer answers the challenges of a 401 (or, with r.Proxy, of a 407) to r: one answer for each
// realm, to the topmost challenge that can be answered (RFC 8760 section 2.4). r.Credentials are
// those that were refused. Credentials of other realms among them have to be kept in the request.
//
// It returns [ErrNoCredentials] where nothing can be answered, and [ErrAuthRejected] where the
// server refuses an answer to a nonce that it has just made.
func (d *DigestClient) Answer(ctx context.Context, r *AuthRequest, challenges []Challenge) ([]Credentials, error) {
	var out []Credentials
	var rejected error
	done := map[string]bool{}
	for i := range challenges {
		ch := &challenges[i]
		if done[ch.Realm] || !d.accepts(ch) {
			continue
		}
		if d.refused(r, ch) {
			rejected = fmt.Errorf("%w in realm %q", ErrAuthRejected, ch.Realm)
			done[ch.Realm] = true
			continue
		}
		secret, err := d.cfg.Answerer.Answer(ctx, ch)
		if errors.Is(err, ErrNoCredentials) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sip: answer challenge of realm %q: %w", ch.Realm, err)
		}
		s, err := newDigestSession(ch, secret, r)
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		d.keep(s)
		c, err := s.next(r, d.cfg.Integrity)
		d.mu.Unlock()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		done[ch.Realm] = true
	}
	switch {
	case rejected != nil:
		return nil, rejected
	case len(out) == 0:
		return nil, ErrNoCredentials
	}
	return out, nil
}

func (d *DigestClient) accepts(ch *Challenge) bool {
	if !ch.Algorithm.Known() || chooseQOP(ch.QOP, d.cfg.Integrity) == "" && len(ch.QOP) > 0 {
		return false
	}
	if d.cfg.Algorithms == nil {
		return true
	}
	for _, a := range d.cfg.Algorithms {
		if a.Equal(ch.Algorithm) {
			return true
		}
	}
	return false
}

// refused reports whether the challenge refuses an answer that was as good as it can be: not stale,
// made for the nonce's first use, and not a re-synchronisation.
func (d *DigestClient) refused(r *AuthRequest, ch *Challenge) bool {
	if ch.Stale {
		return false
	}
	for i := range r.Credentials {
		c := &r.Credentials[i]
		if c.Realm != ch.Realm || c.Response == "" {
			continue
		}
		if _, resync := c.Params.Value("auts"); resync {
			return false
		}
		if c.QOP != "" {
			return c.NC <= 1
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, s := range d.sessions {
			if s.proxy == r.Proxy && s.challenge.Realm == c.Realm && s.challenge.Nonce == c.Nonce {
				return s.nc <= 1
			}
		}
		return true
	}
	return false
}

// keep stores the session in place of an older one of the same realm.
func (d *DigestClient) keep(s *digestSession) {
	for i, o := range d.sessions {
		if o.proxy == s.proxy && o.challenge.Realm == s.challenge.Realm && (s.proxy || o.scope == s.scope) {
			d.sessions = append(d.sessions[:i], d.sessions[i+1:]...)
			break
		}
	}
	if len(d.sessions) >= d.cfg.MaxRealms {
		d.sessions = append(d.sessions[:0], d.sessions[1:]...)
	}
	d.sessions = append(d.sessions, s)
}

// Confirm takes the Authentication-Info of a response to a request that carried credentials: it
// checks the server's proof where there is one, and moves on to the next nonce. r is the request,
// body the response's. It returns an error that is [ErrServerProof] for a wrong proof.
func (d *DigestClient) Confirm(r *AuthRequest, info AuthenticationInfo, body []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range r.Credentials {
		c := &r.Credentials[i]
		for _, s := range d.sessions {
			if s.proxy != r.Proxy || s.challenge.Realm != c.Realm || s.challenge.Nonce != c.Nonce {
				continue
			}
			if info.RspAuth != "" && (info.CNonce == c.CNonce || info.CNonce == "") {
				check := *c
				if info.QOP != "" {
					check.QOP = info.QOP
				}
				want, err := check.Compute(s.ha1, "", body)
				if err != nil || subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(info.RspAuth))) != 1 {
					return fmt.Errorf("%w: realm %q", ErrServerProof, c.Realm)
				}
			}
			if info.NextNonce != "" {
				s.challenge.Nonce, s.nc = info.NextNonce, 0
				s.cnonce = newCNonce()
			}
			return nil
		}
	}
	return nil
}

// Forget drops every session, as after a change of the password.
func (d *DigestClient) Forget() {
	d.mu.Lock()
	d.sessions = nil
	d.mu.Unlock()
}

func newCNonce() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func newDigestSession(ch *Challenge, secret Secret, r *AuthRequest) (*digestSession, error) {
	s := &digestSession{
		proxy: r.Proxy, scope: digestScope(r.RequestURI),
		secret: secret, ha1: secret.HA1, cnonce: newCNonce(),
	}
	s.challenge = Challenge{ // the session outlives the response
		Realm: strings.Clone(ch.Realm), Nonce: strings.Clone(ch.Nonce), Opaque: strings.Clone(ch.Opaque),
		Algorithm: DigestAlgorithm(strings.Clone(string(ch.Algorithm))), UserHash: ch.UserHash,
	}
	for _, q := range ch.QOP {
		s.challenge.QOP = append(s.challenge.QOP, strings.Clone(q))
	}
	if s.ha1 == "" {
		var err error
		if s.ha1, err = ch.Algorithm.HA1(secret.Username, ch.Realm, secret.Password); err != nil {
			return nil, err
		}
	}
	s.secret.Password = nil
	return s, nil
}

// chooseQOP returns the quality of protection to use, empty where none is known.
func chooseQOP(offered []string, integrity bool) string {
	var auth, authInt bool
	for _, q := range offered {
		auth = auth || strings.EqualFold(q, QOPAuth)
		authInt = authInt || strings.EqualFold(q, QOPAuthInt)
	}
	switch {
	case authInt && (integrity || !auth):
		return QOPAuthInt
	case auth:
		return QOPAuth
	}
	return ""
}

// next makes the session's next credentials.
func (s *digestSession) next(r *AuthRequest, integrity bool) (Credentials, error) {
	ch := &s.challenge
	c := Credentials{
		Username: s.secret.Username, Realm: ch.Realm, Nonce: ch.Nonce, URI: r.RequestURI,
		Algorithm: ch.Algorithm, Opaque: ch.Opaque, Params: s.secret.Params,
	}
	s.nc++
	if c.QOP = chooseQOP(ch.QOP, integrity); c.QOP != "" {
		c.NC = s.nc
	}
	if c.QOP != "" || ch.Algorithm.Session() {
		c.CNonce = s.cnonce
	}
	if ch.UserHash {
		h, err := ch.Algorithm.UserHash(s.secret.Username, ch.Realm)
		if err != nil {
			return Credentials{}, err
		}
		c.Username, c.UserHash = h, true
	}
	var err error
	c.Response, err = c.Compute(s.ha1, string(r.Method), r.Body)
	return c, err
}
