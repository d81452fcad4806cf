package sip

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// AuthRequest is what authentication needs to know of a request, apart from its message.
type AuthRequest struct {
	Method     Method
	RequestURI string
	Body       []byte
	// Credentials are those that the request carries, of every realm and in order.
	Credentials []Credentials
	// Proxy says that a proxy asks: 407 and Proxy-Authorization instead of 401 and Authorization.
	Proxy bool
	// Request is the message itself, for an Authenticator that looks at more (From, To, the flow's
	// identity). It may be nil.
	Request *Request
}

// Authenticator is the server's side of digest authentication: it makes challenges and verifies the
// answers. [DigestServer] does it with passwords; Digest AKA does it with vectors from an HSS, where
// the nonce carries RAND and AUTN, XRES is the password, and an auts parameter makes Verify fail
// with [ErrAuthRequired] after it has re-synchronised (RFC 3310).
//
// Implementations are safe for concurrent use.
type Authenticator interface {
	// Verify checks the credentials of r. An error that is (or wraps) [*AuthError] says how to
	// refuse; any other is the server's own trouble (500).
	Verify(ctx context.Context, r *AuthRequest) (*Authenticated, error)
	// Challenge returns the challenges for a refusal, the most wanted first, each with another
	// algorithm (RFC 8760 section 2.3). why is the error of Verify.
	Challenge(ctx context.Context, r *AuthRequest, why error) ([]Challenge, error)
}

// Authenticated is a request whose credentials were right.
type Authenticated struct {
	// Username is the user, resolved where it came hashed.
	Username string
	// Credentials are those that proved it.
	Credentials Credentials
	// NextNonce, where not empty, is offered for the next request.
	NextNonce string
	// HA1 is the user's secret under the algorithm of Credentials. It serves to prove the server's
	// own knowledge; it must not be logged.
	HA1 string
}

// Info returns the Authentication-Info for the response: proof that the server knows the password
// too, and the next nonce. body is the response's body (RFC 7616 section 3.5).
func (a *Authenticated) Info(body []byte) AuthenticationInfo {
	info := AuthenticationInfo{NextNonce: a.NextNonce}
	c := a.Credentials
	if c.QOP == "" {
		return info
	}
	rsp, err := c.Compute(a.HA1, "", body)
	if err != nil {
		return info
	}
	info.QOP, info.RspAuth, info.CNonce, info.NC = c.QOP, rsp, c.CNonce, c.NC
	return info
}

// AuthReason says why credentials were refused.
type AuthReason uint8

// The reasons.
const (
	AuthMissing   AuthReason = iota + 1 // none for this realm, or none yet: challenge
	AuthStale                           // right or not, the nonce is too old: challenge with stale
	AuthReplay                          // the nonce count was seen before: challenge with stale
	AuthUnknown                         // no such user: challenge, as for a wrong password
	AuthWrong                           // wrong password
	AuthMalformed                       // the credentials contradict themselves: 400
	AuthForbidden                       // right password, but not for this: 403
)

func (r AuthReason) String() string {
	switch r {
	case AuthMissing:
		return "no credentials"
	case AuthStale:
		return "stale nonce"
	case AuthReplay:
		return "replayed nonce count"
	case AuthUnknown:
		return "unknown user"
	case AuthWrong:
		return "wrong password"
	case AuthMalformed:
		return "malformed credentials"
	case AuthForbidden:
		return "forbidden"
	}
	return fmt.Sprintf("AuthReason(%d)", uint8(r))
}

// AuthError is a refusal of credentials. Username is what the peer claimed.
type AuthError struct {
	Reason   AuthReason
	Realm    string
	Username string
	Err      error // further cause; may be nil
}

func (e *AuthError) Error() string {
	s := fmt.Sprintf("sip: authentication in realm %q", e.Realm)
	if e.Username != "" {
		s += fmt.Sprintf(" of %q", e.Username)
	}
	s += ": " + e.Reason.String()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *AuthError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrAuthRequired) true for every reason that a new challenge can mend.
func (e *AuthError) Is(target error) bool {
	return target == ErrAuthRequired && e.Reason != AuthMalformed && e.Reason != AuthForbidden
}

var (
	// ErrAuthRequired matches every [*AuthError] that is to be answered by a challenge.
	ErrAuthRequired = errors.New("sip: authentication required")
	// ErrUnknownUser is returned by a lookup for a user that does not exist.
	ErrUnknownUser = errors.New("sip: unknown user")
)

// UserQuery asks for the secret of a user.
type UserQuery struct {
	Realm    string
	Username string
	// Hashed says that Username is H(username:realm) in lower-case hexadecimal (RFC 7616
	// section 3.4.4).
	Hashed bool
	// Algorithm is the plain hash for which HA1 is wanted: MD5, SHA-256 or SHA-512-256.
	Algorithm DigestAlgorithm
}

// UserLookup finds H(username:realm:password) in hexadecimal, made with q.Algorithm, and the user's
// plain name. It returns [ErrUnknownUser] where there is none.
type UserLookup func(ctx context.Context, q UserQuery) (username, ha1 string, err error)

// DigestConfig configures [NewDigestServer]. Realm and Users must be set.
type DigestConfig struct {
	Realm string
	Users UserLookup
	// Algorithms are offered in this order, one challenge each (RFC 8760 section 2.3). If nil,
	// SHA-256, then MD5. A server that need not serve old phones says SHA-256 alone.
	Algorithms []DigestAlgorithm
	// QOP are the qualities of protection offered. If nil, "auth". Intermediaries that rewrite SDP
	// break "auth-int".
	QOP []string
	// RequireQOP refuses answers in the form of RFC 2069, without qop. By default they are taken,
	// once for each nonce (RFC 8760 section 2.6 item 8).
	RequireQOP bool
	// UserHash offers hashed user names; Users must be able to look them up.
	UserHash bool
	// Nonces makes and counts nonces. If nil, its own with the defaults of [NonceConfig].
	Nonces *Nonces
	// CheckURI decides whether the digest-uri may stand for the Request-URI, which proxies rewrite
	// (RFC 8760 section 2.6 item 6). If nil, any is taken.
	CheckURI func(digestURI, requestURI string) bool
}

// DigestServer is the [Authenticator] for users with passwords.
type DigestServer struct {
	cfg   DigestConfig
	dummy string // an HA1 that no password makes
}

// NewDigestServer returns a server for one realm. It returns an error where the realm or Users is
// missing or an algorithm is unknown.
func NewDigestServer(cfg DigestConfig) (*DigestServer, error) {
	if cfg.Realm == "" || strings.ContainsAny(cfg.Realm, "\r\n\x00") {
		return nil, errors.New("sip: digest server: no realm")
	}
	if cfg.Users == nil {
		return nil, errors.New("sip: digest server: no users")
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = []DigestAlgorithm{SHA256, MD5}
	}
	for _, a := range cfg.Algorithms {
		if !a.Known() || a.AKA() != 0 {
			return nil, fmt.Errorf("%w %q", ErrDigestAlgorithm, string(a))
		}
	}
	if len(cfg.Algorithms) == 0 {
		return nil, errors.New("sip: digest server: no algorithm")
	}
	if cfg.QOP == nil {
		cfg.QOP = []string{QOPAuth}
	}
	for _, q := range cfg.QOP {
		if q != QOPAuth && q != QOPAuthInt {
			return nil, fmt.Errorf("sip: digest server: unknown quality of protection %q", q)
		}
	}
	if cfg.Nonces == nil {
		cfg.Nonces = NewNonces(NonceConfig{})
	}
	var dummy [32]byte
	rand.Read(dummy[:])
	return &DigestServer{cfg: cfg, dummy: hex.EncodeToString(dummy[:])}, nil
}

// Nonces returns the source of the server's nonces.
func (s *DigestServer) Nonces() *Nonces { return s.cfg.Nonces }

// Challenge implements [Authenticator]. Stale is set where why says that only the nonce was at
// fault.
func (s *DigestServer) Challenge(_ context.Context, _ *AuthRequest, why error) ([]Challenge, error) {
	var ae *AuthError
	stale := errors.As(why, &ae) && (ae.Reason == AuthStale || ae.Reason == AuthReplay)
	nonce := s.cfg.Nonces.New(time.Now(), s.cfg.Realm)
	out := make([]Challenge, 0, len(s.cfg.Algorithms))
	for _, a := range s.cfg.Algorithms {
		out = append(out, Challenge{
			Realm: s.cfg.Realm, Nonce: nonce, Algorithm: a, QOP: s.cfg.QOP,
			Stale: stale, UserHash: s.cfg.UserHash,
		})
	}
	return out, nil
}

// Verify implements [Authenticator]. The password is checked before the nonce's age, so that only a
// peer who knows it learns that its nonce was stale, and before the count, so that only such peers
// take memory.
func (s *DigestServer) Verify(ctx context.Context, r *AuthRequest) (*Authenticated, error) {
	var c *Credentials
	for i := range r.Credentials { // the first of our realm that we could have asked for
		if r.Credentials[i].Realm == s.cfg.Realm && s.offers(r.Credentials[i].Algorithm) {
			c = &r.Credentials[i]
			break
		}
	}
	fail := func(reason AuthReason, err error) (*Authenticated, error) {
		ae := &AuthError{Reason: reason, Realm: s.cfg.Realm, Err: err}
		if c != nil {
			ae.Username = c.Username
		}
		return nil, ae
	}
	if c == nil || c.Response == "" {
		return fail(AuthMissing, nil)
	}
	if err := s.wellFormed(c); err != nil {
		return fail(AuthMalformed, err)
	}
	now := time.Now()
	id, issued, verdict := s.cfg.Nonces.check(now, s.cfg.Realm, c.Nonce)
	user, ha1, err := s.cfg.Users(ctx, UserQuery{
		Realm: s.cfg.Realm, Username: c.Username, Hashed: c.UserHash, Algorithm: c.Algorithm.Base(),
	})
	unknown := errors.Is(err, ErrUnknownUser)
	if err != nil && !unknown {
		return nil, fmt.Errorf("sip: look up user: %w", err)
	}
	if unknown {
		ha1 = s.dummy
	}
	switch right := c.Matches(ha1, string(r.Method), r.Body); {
	case unknown:
		return fail(AuthUnknown, nil)
	case !right:
		return fail(AuthWrong, nil)
	case verdict == nonceForged || verdict == nonceStale:
		return fail(AuthStale, nil)
	case s.cfg.CheckURI != nil && !s.cfg.CheckURI(c.URI, r.RequestURI):
		return fail(AuthMalformed, fmt.Errorf("digest uri %q does not stand for %q", c.URI, r.RequestURI))
	}
	nc := c.NC
	if c.QOP == "" {
		nc = 0
	}
	switch s.cfg.Nonces.use(now, id, issued, nc) {
	case nonceReplay:
		return fail(AuthReplay, nil)
	case nonceStale:
		return fail(AuthStale, nil)
	}
	a := &Authenticated{Username: user, Credentials: *c, HA1: ha1}
	if now.Sub(issued) > s.cfg.Nonces.cfg.MaxAge/2 {
		a.NextNonce = s.cfg.Nonces.New(now, s.cfg.Realm)
	}
	return a, nil
}

func (s *DigestServer) offers(a DigestAlgorithm) bool {
	for _, o := range s.cfg.Algorithms {
		if o.Equal(a) {
			return true
		}
	}
	return false
}

func (s *DigestServer) wellFormed(c *Credentials) error {
	switch {
	case c.Username == "":
		return errors.New("no username")
	case c.Nonce == "":
		return errors.New("no nonce")
	case c.URI == "":
		return errors.New("no uri")
	case len(c.Response) != c.Algorithm.hexLen():
		return fmt.Errorf("a response of %d digits", len(c.Response))
	case c.UserHash && !s.cfg.UserHash:
		return errors.New("userhash was not offered")
	case c.QOP == "" && (s.cfg.RequireQOP || c.Algorithm.Session()):
		return errors.New("no qop")
	case c.QOP == "":
		return nil
	case c.NC == 0:
		return errors.New("qop without nc")
	case c.CNonce == "":
		return errors.New("qop without cnonce")
	}
	for _, q := range s.cfg.QOP {
		if strings.EqualFold(q, c.QOP) {
			return nil
		}
	}
	return fmt.Errorf("qop %q was not offered", c.QOP)
}

// Passwords returns a lookup over users with plain passwords, all in any realm. It understands
// hashed user names by trying every user, so it suits small sets.
func Passwords(passwords map[string]string) UserLookup {
	return func(_ context.Context, q UserQuery) (string, string, error) {
		name, found := q.Username, false
		var password string
		if !q.Hashed {
			password, found = passwords[name]
		} else {
			for u, p := range passwords {
				h, err := q.Algorithm.UserHash(u, q.Realm)
				if err != nil {
					return "", "", err
				}
				if strings.EqualFold(h, q.Username) {
					name, password, found = u, p, true
					break
				}
			}
		}
		if !found {
			return "", "", ErrUnknownUser
		}
		ha1, err := q.Algorithm.HA1(name, q.Realm, []byte(password))
		return name, ha1, err
	}
}
