package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func parseRequest(t *testing.T, s string) *Request {
	t.Helper()
	m, err := Parse([]byte(strings.ReplaceAll(s, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return m.(*Request)
}

const registerText = `REGISTER sip:example.org SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnashds7
From: <sip:alice@example.org>;tag=456248
To: <sip:alice@example.org>
Call-ID: 843817637684230@998sdasdh09
CSeq: 1826 REGISTER
Content-Length: 0

`

// A REGISTER over the wire: challenge with two algorithms, answer, confirmation.
func TestAuthenticateMessage(t *testing.T) {
	for _, proxy := range []bool{false, true} {
		credentials, challenge, info := authHeaders(proxy)
		s := newServer(t, DigestConfig{})
		d := NewDigestClient(DigestClientConfig{Answerer: Password("example.org", "alice", "wonderland")})
		req := parseRequest(t, registerText)
		req.Add(credentials, `Digest username="alice", realm="elsewhere", nonce="n", uri="sip:x", response="00"`)
		req.Add(credentials, "Basic YWxpY2U6d29uZGVybGFuZA==")
		user, resp, err := Authenticate(t.Context(), s, req, proxy)
		if user != nil || !errors.Is(err, ErrAuthRequired) || resp.StatusCode != map[bool]int{false: 401, true: 407}[proxy] || resp.Count(challenge) != 2 {
			t.Fatalf("%v, %v, %v", user, resp, err)
		}
		if err := d.Retry(t.Context(), req, resp); err != nil {
			t.Fatal(err)
		}
		if n := req.Count(credentials); n != 2 || !strings.Contains(req.Value(credentials), "elsewhere") || strings.Contains(req.String(), "Basic") {
			t.Errorf("credentials: %s", req)
		}
		user, resp, err = Authenticate(t.Context(), s, parseRequest(t, strings.ReplaceAll(req.String(), "\r\n", "\n")), proxy)
		if err != nil || resp != nil || user.Username != "alice" || user.Credentials.Algorithm != SHA256 {
			t.Fatalf("%v, %v, %v", user, resp, err)
		}
		ok := NewResponse(req, 200, "")
		user.AddInfo(ok, proxy)
		if !ok.Has(info) {
			t.Errorf("no confirmation: %s", ok)
		}
		if err := d.Learn(req, ok); err != nil {
			t.Error(err)
		}
		ok.Set(info, strings.Replace(ok.Value(info), `rspauth="`, `rspauth="0`, 1))
		if err := d.Learn(req, ok); !errors.Is(err, ErrServerProof) {
			t.Errorf("wrong proof: %v", err)
		}
		next := parseRequest(t, registerText)
		d.Prepare(next)
		if user, resp, err = Authenticate(t.Context(), s, next, proxy); err != nil {
			t.Errorf("prepared: %v, %v, %v", user, resp, err)
		}
	}
}

func TestAuthenticateRefusals(t *testing.T) {
	down := errors.New("down")
	forbid := authFuncs{verify: func() (*Authenticated, error) { return nil, &AuthError{Reason: AuthForbidden} }}
	for _, tc := range []struct {
		name, line string
		a          Authenticator
		status     int
	}{
		{"malformed", `Digest username="a`, newServer(t, DigestConfig{}), 400},
		{"contradicting", `Digest username="a", realm="example.org", nonce="n", uri="sip:x", response="00"`, newServer(t, DigestConfig{}), 400},
		{"forbidden", "Digest x=y", forbid, 403},
		{"lookup fails", "Digest x=y", authFuncs{verify: func() (*Authenticated, error) { return nil, down }}, 500},
		{"challenge fails", "Digest x=y", authFuncs{verify: func() (*Authenticated, error) { return nil, &AuthError{Reason: AuthMissing} }, err: down}, 500},
		{"challenge cannot be written", "Digest x=y", authFuncs{verify: func() (*Authenticated, error) { return nil, &AuthError{Reason: AuthMissing} }, ch: Challenge{Realm: "\r\n"}}, 500},
	} {
		req := parseRequest(t, registerText)
		req.Add("Authorization", tc.line)
		user, resp, err := Authenticate(t.Context(), tc.a, req, false)
		if user != nil || err == nil || resp == nil || resp.StatusCode != tc.status {
			t.Errorf("%s: %v, %v, %v", tc.name, user, resp, err)
		}
	}
	ack := parseRequest(t, strings.ReplaceAll(registerText, "REGISTER", "ACK"))
	if user, resp, err := Authenticate(t.Context(), forbid, ack, false); user != nil || resp != nil || err != nil {
		t.Errorf("ACK: %v, %v, %v", user, resp, err)
	}
	d := NewDigestClient(DigestClientConfig{Answerer: Password("", "a", "b")})
	for _, line := range []string{"Basic realm=x", "", "Digest realm=\"x"} {
		req := parseRequest(t, registerText)
		resp := NewResponse(req, 401, "")
		if line != "" {
			resp.Add("WWW-Authenticate", line)
		}
		before := req.String()
		if err := d.Retry(t.Context(), req, resp); err == nil || req.String() != before {
			t.Errorf("%q: %v", line, err)
		}
	}
}

type authFuncs struct {
	verify func() (*Authenticated, error)
	ch     Challenge
	err    error
}

func (a authFuncs) Verify(context.Context, *AuthRequest) (*Authenticated, error) { return a.verify() }

func (a authFuncs) Challenge(context.Context, *AuthRequest, error) ([]Challenge, error) {
	return []Challenge{a.ch}, a.err
}

// An Authentication-Info that cannot be read is as good as none: it does not undo what was answered.
func TestLearnIgnoresMalformedInfo(t *testing.T) {
	req := NewRequest(OPTIONS, "sip:bob@example.com")
	resp := NewResponse(req, 200, "")
	resp.Add("Authentication-Info", `nextnonce="never ends`)
	if err := NewDigestClient(DigestClientConfig{Answerer: Password("", "alice", "wonderland")}).Learn(req, resp); err != nil {
		t.Error(err)
	}
}
