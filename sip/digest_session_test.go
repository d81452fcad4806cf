package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dance sends one request through client and server until it is accepted or refused, and returns
// the number of challenges it took.
func dance(t *testing.T, d *DigestClient, s Authenticator, r AuthRequest) (*Authenticated, int, error) {
	t.Helper()
	r.Credentials = d.Credentials(&r)
	for n := 0; ; n++ {
		got := r
		got.Credentials = nil
		for _, c := range r.Credentials { // over the wire
			p, err := ParseCredentials(c.String())
			if err != nil {
				t.Fatal(err)
			}
			got.Credentials = append(got.Credentials, p)
		}
		a, why := s.Verify(t.Context(), &got)
		if why == nil {
			info, err := ParseAuthenticationInfo(a.Info(nil).String())
			if err != nil {
				t.Fatal(err)
			}
			return a, n, d.Confirm(&r, info, nil)
		}
		if !errors.Is(why, ErrAuthRequired) {
			return nil, n, why
		}
		chs, err := s.Challenge(t.Context(), &got, why)
		if err != nil {
			t.Fatal(err)
		}
		for i := range chs {
			if chs[i], err = ParseChallenge(chs[i].String()); err != nil {
				t.Fatal(err)
			}
		}
		if r.Credentials, err = d.Answer(t.Context(), &r, chs); err != nil {
			return nil, n, err
		}
	}
}

func newServer(t *testing.T, cfg DigestConfig) *DigestServer {
	t.Helper()
	if cfg.Realm == "" {
		cfg.Realm = "example.org"
	}
	if cfg.Users == nil {
		cfg.Users = Passwords(map[string]string{"alice": "wonderland", "Jäsøn": "s"})
	}
	s, err := NewDigestServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var registerRequest = AuthRequest{Method: "REGISTER", RequestURI: "sip:example.org"}

func TestDigestExchange(t *testing.T) {
	for _, alg := range []DigestAlgorithm{MD5, MD5Sess, SHA256, SHA256Sess, SHA512256, SHA512256Sess} {
		for _, qop := range []string{QOPAuth, QOPAuthInt} {
			for _, userHash := range []bool{false, true} {
				for _, proxy := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s %s %v %v", alg, qop, userHash, proxy), func(t *testing.T) {
						s := newServer(t, DigestConfig{Algorithms: []DigestAlgorithm{alg}, QOP: []string{qop}, UserHash: userHash})
						d := NewDigestClient(DigestClientConfig{Answerer: Password("", "Jäsøn", "s")})
						r := registerRequest
						r.Body, r.Proxy = []byte("v=0\r\n"), proxy
						for i, want := range []int{1, 0, 0} { // the session spares later challenges
							a, n, err := dance(t, d, s, r)
							if err != nil || n != want || a.Username != "Jäsøn" || a.Credentials.NC != uint32(i+1) {
								t.Fatalf("request %d: %+v after %d challenges, %v", i, a, n, err)
							}
						}
					})
				}
			}
		}
	}
}

func TestDigestWrongPassword(t *testing.T) {
	s := newServer(t, DigestConfig{})
	for _, user := range []string{"alice", "nobody"} {
		d := NewDigestClient(DigestClientConfig{Answerer: Password("", user, "guess")})
		_, n, err := dance(t, d, s, registerRequest)
		if !errors.Is(err, ErrAuthRejected) || n != 1 {
			t.Errorf("%s: %v after %d", user, err, n)
		}
	}
	if got := s.Nonces().Stats().Tracked; got != 0 {
		t.Errorf("%d nonces tracked for wrong passwords", got)
	}
}

// A body changed on the way is found out under auth-int, and only there.
func TestDigestIntegrity(t *testing.T) {
	s := newServer(t, DigestConfig{QOP: []string{QOPAuth, QOPAuthInt}})
	for _, integrity := range []bool{false, true} {
		d := NewDigestClient(DigestClientConfig{Answerer: Password("", "alice", "wonderland"), Integrity: integrity})
		r := AuthRequest{Method: "INVITE", RequestURI: "sip:bob@example.org", Body: []byte("c=IN IP4 192.0.2.1")}
		chs, _ := s.Challenge(t.Context(), &r, nil)
		cs, err := d.Answer(t.Context(), &r, chs)
		if err != nil {
			t.Fatal(err)
		}
		r.Credentials, r.Body = cs, []byte("c=IN IP4 203.0.113.9")
		if _, err := s.Verify(t.Context(), &r); (err != nil) != integrity {
			t.Errorf("integrity %v: %v", integrity, err)
		}
	}
}

func TestDigestChoice(t *testing.T) {
	challenge := func(realm string, a DigestAlgorithm, qop ...string) Challenge {
		return Challenge{Realm: realm, Nonce: "n", Algorithm: a, QOP: qop}
	}
	for _, tc := range []struct {
		name  string
		cfg   DigestClientConfig
		offer []Challenge
		want  []string // realm algorithm qop
	}{
		{"topmost", DigestClientConfig{}, []Challenge{challenge("r", "SHA-256", "auth"), challenge("r", "MD5", "auth")}, []string{"r SHA-256 auth"}},
		{"unknown skipped", DigestClientConfig{}, []Challenge{challenge("r", "SHA-1", "auth"), challenge("r", "", "auth")}, []string{"r  auth"}},
		{"AKA skipped by passwords", DigestClientConfig{}, []Challenge{challenge("r", AKAv1MD5, "auth"), challenge("r", "MD5", "auth")}, []string{"r MD5 auth"}},
		{"policy", DigestClientConfig{Algorithms: []DigestAlgorithm{SHA256}}, []Challenge{challenge("r", "MD5", "auth"), challenge("r", "SHA-256", "auth")}, []string{"r SHA-256 auth"}},
		{"two realms", DigestClientConfig{}, []Challenge{challenge("a", "MD5", "auth"), challenge("b", "MD5")}, []string{"a MD5 auth", "b MD5 "}},
		{"unknown qop", DigestClientConfig{}, []Challenge{challenge("r", "MD5", "auth-conf")}, nil},
		{"only auth-int", DigestClientConfig{}, []Challenge{challenge("r", "MD5", "auth-int")}, []string{"r MD5 auth-int"}},
		{"prefers auth-int", DigestClientConfig{Integrity: true}, []Challenge{challenge("r", "MD5", "auth", "auth-int")}, []string{"r MD5 auth-int"}},
		{"none", DigestClientConfig{}, nil, nil},
	} {
		tc.cfg.Answerer = Password("", "u", "p")
		cs, err := NewDigestClient(tc.cfg).Answer(t.Context(), &registerRequest, tc.offer)
		if (len(tc.want) == 0) != errors.Is(err, ErrNoCredentials) {
			t.Errorf("%s: %v", tc.name, err)
		}
		var got []string
		for _, c := range cs {
			got = append(got, fmt.Sprintf("%s %s %s", c.Realm, c.Algorithm, c.QOP))
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s:\n%s", tc.name, d)
		}
	}
	fail := errors.New("card removed")
	d := NewDigestClient(DigestClientConfig{Answerer: AnswererFunc(func(context.Context, *Challenge) (Secret, error) { return Secret{}, fail })})
	if _, err := d.Answer(t.Context(), &registerRequest, []Challenge{challenge("r", "MD5")}); !errors.Is(err, fail) {
		t.Errorf("the answerer's own error: %v", err)
	}
}

func TestNonceAgeAndReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, DigestConfig{Nonces: NewNonces(NonceConfig{MaxAge: time.Minute})})
		d := NewDigestClient(DigestClientConfig{Answerer: Password("", "alice", "wonderland")})
		a, n, err := dance(t, d, s, registerRequest)
		if err != nil || n != 1 || a.NextNonce != "" {
			t.Fatal(a, n, err)
		}
		reason := func(c Credentials) AuthReason {
			r := registerRequest
			r.Credentials = []Credentials{c}
			_, err := s.Verify(t.Context(), &r)
			var ae *AuthError
			if !errors.As(err, &ae) {
				return 0
			}
			return ae.Reason
		}
		if got := reason(a.Credentials); got != AuthReplay {
			t.Errorf("replayed: %v", got)
		}
		time.Sleep(40 * time.Second)
		b, n, err := dance(t, d, s, registerRequest)
		if err != nil || n != 0 || b.NextNonce == "" {
			t.Fatalf("old nonce: %+v, %d, %v", b, n, err)
		}
		old := b.Credentials.Nonce
		c, n, err := dance(t, d, s, registerRequest) // on the next nonce
		if err != nil || n != 0 || c.Credentials.Nonce != b.NextNonce || c.Credentials.Nonce == old || c.Credentials.NC != 1 {
			t.Fatalf("next nonce: %+v, %d, %v", c, n, err)
		}
		time.Sleep(61 * time.Second)
		if got := reason(c.Credentials); got != AuthStale {
			t.Errorf("after its age: %v", got)
		}
		_, n, err = dance(t, d, s, registerRequest)
		if err != nil || n != 1 {
			t.Errorf("stale nonce took %d challenges, %v", n, err)
		}
		wrong := c.Credentials
		wrong.Response = strings.Repeat("0", 64)
		if got := reason(wrong); got != AuthWrong {
			t.Errorf("a stale nonce with a wrong password: %v", got)
		}
		st := s.Nonces().Stats()
		if st.Tracked != 2 || st.Replays != 1 || st.Stale != 3 || st.Accepted != 4 {
			t.Errorf("%+v", st)
		}
	})
}

func TestNonceCounts(t *testing.T) {
	now := time.Now()
	n := NewNonces(NonceConfig{})
	id, issued, v := n.check(now, "r", n.New(now, "r"))
	if v != nonceGood {
		t.Fatal(v)
	}
	for i, step := range []struct {
		nc   uint32
		want nonceVerdict
	}{
		{1, nonceGood}, {1, nonceReplay}, {3, nonceGood}, {2, nonceGood}, {2, nonceReplay}, {3, nonceReplay},
		{66, nonceGood}, {3, nonceReplay}, {4, nonceGood}, {2, nonceReplay}, {1 << 31, nonceGood}, {66, nonceReplay}, {0, nonceReplay},
	} {
		if got := n.use(now, id, issued, step.nc); got != step.want {
			t.Errorf("step %d: nc %d: %v, want %v", i, step.nc, got, step.want)
		}
	}
}

// The memory of counts is bounded, and what is forgotten cannot be replayed.
func TestNonceBound(t *testing.T) {
	const limit = 100
	n := NewNonces(NonceConfig{MaxTracked: limit, MaxAge: time.Minute})
	start := time.Now()
	type used struct {
		id     nonceID
		issued time.Time
	}
	var all []used
	for i := range 10 * limit {
		now := start.Add(time.Duration(i) * 50 * time.Millisecond)
		id, issued, v := n.check(now, "r", n.New(now, "r"))
		if v != nonceGood {
			t.Fatal(i, v)
		}
		if v := n.use(now, id, issued, 1); v != nonceGood {
			t.Fatal(i, v)
		}
		all = append(all, used{id, issued})
		if got := n.Stats().Tracked; got > limit {
			t.Fatalf("%d tracked", got)
		}
	}
	end := all[len(all)-1].issued
	for i, u := range all {
		if v := n.use(end, u.id, u.issued, 1); v != nonceReplay && v != nonceStale {
			t.Fatalf("nonce %d accepted twice: %v", i, v)
		}
	}
	if st := n.Stats(); st.Evicted == 0 || st.Accepted != uint64(len(all)) {
		t.Errorf("%+v", st)
	}
}

func TestNonceKeys(t *testing.T) {
	now := time.Now()
	old := NewNonces(NonceConfig{Key: []byte("old")})
	next := NewNonces(NonceConfig{Key: []byte("new"), PreviousKeys: [][]byte{[]byte("old")}})
	nonce := old.New(now, "r")
	if _, _, v := next.check(now, "r", nonce); v != nonceGood {
		t.Errorf("previous key: %v", v)
	}
	for _, bad := range []string{"", "x", nonce + "A", nonce[:len(nonce)-1] + "!", strings.Repeat("A", len(nonce)), next.New(now, "other realm")} {
		if _, _, v := next.check(now, "r", bad); v != nonceForged {
			t.Errorf("%q: %v", bad, v)
		}
	}
	if _, _, v := next.check(now.Add(-time.Minute), "r", nonce); v != nonceStale {
		t.Errorf("from the future: %v", v)
	}
}

func TestDigestMalformed(t *testing.T) {
	s := newServer(t, DigestConfig{CheckURI: func(d, r string) bool { return d == r }})
	good := func() Credentials {
		r := registerRequest
		chs, _ := s.Challenge(t.Context(), &r, nil)
		cs, err := NewDigestClient(DigestClientConfig{Answerer: Password("", "alice", "wonderland")}).Answer(t.Context(), &r, chs)
		if err != nil {
			t.Fatal(err)
		}
		return cs[0]
	}
	resign := func(c *Credentials) {
		ha1, _ := c.Algorithm.HA1("alice", "example.org", []byte("wonderland"))
		c.Response, _ = c.Compute(ha1, "REGISTER", nil)
	}
	for _, tc := range []struct {
		name string
		mod  func(*Credentials)
		want AuthReason
	}{
		{"good", func(c *Credentials) {}, 0},
		{"another realm", func(c *Credentials) { c.Realm = "x" }, AuthMissing},
		{"empty response", func(c *Credentials) { c.Response = "" }, AuthMissing},
		{"algorithm not offered", func(c *Credentials) { c.Algorithm = SHA512256 }, AuthMissing},
		{"no uri", func(c *Credentials) { c.URI = "" }, AuthMalformed},
		{"no user", func(c *Credentials) { c.Username = "" }, AuthMalformed},
		{"no nonce", func(c *Credentials) { c.Nonce = "" }, AuthMalformed},
		{"short response", func(c *Credentials) { c.Response = "00" }, AuthMalformed},
		{"qop not offered", func(c *Credentials) { c.QOP = "auth-int" }, AuthMalformed},
		{"no cnonce", func(c *Credentials) { c.CNonce = "" }, AuthMalformed},
		{"nc zero", func(c *Credentials) { c.NC = 0 }, AuthMalformed},
		{"userhash not offered", func(c *Credentials) { c.UserHash = true }, AuthMalformed},
		{"another uri", func(c *Credentials) { c.URI = "sip:other"; resign(c) }, AuthMalformed},
		{"forged nonce", func(c *Credentials) { c.Nonce = "abc"; resign(c) }, AuthStale},
		{"no qop", func(c *Credentials) { c.QOP = ""; resign(c) }, 0},
		{"hex in capitals", func(c *Credentials) { c.Response = strings.ToUpper(c.Response) }, 0},
	} {
		c := good()
		tc.mod(&c)
		r := registerRequest
		r.Credentials = []Credentials{{Realm: "first of another realm"}, c}
		_, err := s.Verify(t.Context(), &r)
		var ae *AuthError
		errors.As(err, &ae)
		if (ae == nil) != (tc.want == 0) || ae != nil && ae.Reason != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
	down := errors.New("database down")
	s = newServer(t, DigestConfig{Users: func(context.Context, UserQuery) (string, string, error) { return "", "", down }})
	r := registerRequest
	r.Credentials = []Credentials{good()}
	if _, err := s.Verify(t.Context(), &r); !errors.Is(err, down) || errors.Is(err, ErrAuthRequired) {
		t.Errorf("lookup fails: %v", err)
	}
}

// akaServer is as Digest AKA will be: a nonce made elsewhere, a binary password, a
// re-synchronisation by auts, keys in the challenge.
type akaServer struct {
	nonce  string
	xres   []byte
	resync string
}

func (s *akaServer) Challenge(_ context.Context, _ *AuthRequest, why error) ([]Challenge, error) {
	if s.resync != "" {
		s.nonce = "second"
	}
	return []Challenge{{Realm: "ims", Nonce: s.nonce, Algorithm: AKAv1MD5, QOP: []string{"auth"},
		Params: AuthParams{{"ck", "00", true}, {"ik", "11", true}}}}, nil
}

func (s *akaServer) Verify(_ context.Context, r *AuthRequest) (*Authenticated, error) {
	if len(r.Credentials) == 0 {
		return nil, &AuthError{Reason: AuthMissing}
	}
	c := r.Credentials[0]
	if auts, ok := c.Params.Value("auts"); ok {
		empty, _ := c.Algorithm.HA1(c.Username, c.Realm, nil)
		if !c.Matches(empty, string(r.Method), nil) {
			return nil, &AuthError{Reason: AuthWrong}
		}
		s.resync = auts
		return nil, &AuthError{Reason: AuthMissing}
	}
	ha1, _ := c.Algorithm.HA1(c.Username, c.Realm, s.xres)
	if c.Nonce == s.nonce && c.Matches(ha1, string(r.Method), nil) {
		return &Authenticated{Username: c.Username, Credentials: c, HA1: ha1}, nil
	}
	return nil, &AuthError{Reason: AuthWrong}
}

func TestDigestAKASeam(t *testing.T) {
	res := []byte{0, 0xff, '"', '\r', '\n', ':', 0x80, 1}
	s := &akaServer{nonce: "first", xres: res}
	var keys []string
	d := NewDigestClient(DigestClientConfig{Answerer: AnswererFunc(func(_ context.Context, ch *Challenge) (Secret, error) {
		ck, _ := ch.Params.Value("CK")
		keys = append(keys, ch.Nonce+" "+ck)
		if ch.Nonce == "first" {
			return Secret{Username: "001010000000001@ims", Params: AuthParams{{"auts", "5PYxMuX2NOT2NeQ=", true}}}, nil
		}
		return Secret{Username: "001010000000001@ims", Password: res}, nil
	})})
	a, n, err := dance(t, d, s, registerRequest)
	if err != nil || n != 2 || s.resync != "5PYxMuX2NOT2NeQ=" || a.Credentials.Algorithm != AKAv1MD5 {
		t.Fatalf("%+v after %d, %v, resync %q", a, n, err, s.resync)
	}
	if _, n, err = dance(t, d, s, registerRequest); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
	if d := cmp.Diff([]string{"first 00", "second 00"}, keys); d != "" {
		t.Error(d)
	}
}

func TestServerProof(t *testing.T) {
	s := newServer(t, DigestConfig{})
	d := NewDigestClient(DigestClientConfig{Answerer: Password("", "alice", "wonderland")})
	r := registerRequest
	chs, _ := s.Challenge(t.Context(), &r, nil)
	r.Credentials, _ = d.Answer(t.Context(), &r, chs)
	a, err := s.Verify(t.Context(), &r)
	if err != nil {
		t.Fatal(err)
	}
	info := a.Info(nil)
	if err := d.Confirm(&r, info, nil); err != nil {
		t.Error(err)
	}
	info.RspAuth = strings.Repeat("0", 64)
	if err := d.Confirm(&r, info, nil); !errors.Is(err, ErrServerProof) {
		t.Errorf("a wrong proof: %v", err)
	}
}

// Credentials are shown to the server that asked for them, and to proxies; the number of sessions
// is bounded.
func TestDigestSessions(t *testing.T) {
	d := NewDigestClient(DigestClientConfig{Answerer: Password("", "u", "p"), MaxRealms: 3})
	answer := func(r AuthRequest, realm string) {
		if _, err := d.Answer(t.Context(), &r, []Challenge{{Realm: realm, Nonce: "n", QOP: []string{"auth"}}}); err != nil {
			t.Fatal(err)
		}
	}
	realms := func(r AuthRequest) (out []string) {
		for _, c := range d.Credentials(&r) {
			out = append(out, c.Realm)
		}
		return out
	}
	a := AuthRequest{Method: "INVITE", RequestURI: "sip:bob@a.example;transport=tcp"}
	b := AuthRequest{Method: "INVITE", RequestURI: "sip:bob@b.example"}
	p := b
	p.Proxy = true
	answer(a, "a")
	answer(p, "proxy")
	if d := cmp.Diff([]string{"a"}, realms(a)); d != "" {
		t.Error(d)
	}
	if got := realms(b); got != nil {
		t.Errorf("shown to another server: %v", got)
	}
	if d := cmp.Diff([]string{"proxy"}, realms(p)); d != "" {
		t.Error(d)
	}
	for i := range 10 {
		answer(p, fmt.Sprint("proxy", i))
	}
	if d := cmp.Diff([]string{"proxy7", "proxy8", "proxy9"}, realms(p)); d != "" {
		t.Error(d)
	}
	d.Forget()
	if got := realms(p); got != nil {
		t.Errorf("after Forget: %v", got)
	}
}

func ExampleDigestServer() {
	server, _ := NewDigestServer(DigestConfig{
		Realm: "example.org",
		Users: Passwords(map[string]string{"alice": "wonderland"}),
	})
	client := NewDigestClient(DigestClientConfig{Answerer: Password("", "alice", "wonderland")})

	ctx := context.Background()
	r := &AuthRequest{Method: "REGISTER", RequestURI: "sip:example.org"}
	_, err := server.Verify(ctx, r)
	fmt.Println(err)
	challenges, _ := server.Challenge(ctx, r, err)
	r.Credentials, _ = client.Answer(ctx, r, challenges)
	user, err := server.Verify(ctx, r)
	fmt.Println(user.Username, user.Credentials.Algorithm, err)
	// Output:
	// sip: authentication in realm "example.org": no credentials
	// alice SHA-256 <nil>
}
