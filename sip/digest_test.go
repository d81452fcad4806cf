package sip

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var ignoreUnexported = cmpopts.IgnoreUnexported(Credentials{})

// The examples of RFC 2617 section 3.5, RFC 7616 section 3.9.1 and the SIP exchange of RFC 3665
// section 3.3 (alice, biloxi). Method, password and the field as published.
var publishedDigests = []struct {
	name, method, password, field string
}{
	{"RFC 2617 3.5", "GET", "Circle Of Life", `Digest username="Mufasa", realm="testrealm@host.com",
		nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b",
		response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"`},
	{"RFC 7616 3.9.1 MD5", "GET", "Circle of Life", `Digest username="Mufasa", realm="http-auth@example.org",
		uri="/dir/index.html", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
		cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="8ca523f5e9506fed4657c9700eebdbec",
		opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`},
	{"RFC 7616 3.9.1 SHA-256", "GET", "Circle of Life", `Digest username="Mufasa", realm="http-auth@example.org",
		uri="/dir/index.html", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
		cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth,
		response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`},
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestPublishedDigests(t *testing.T) {
	for _, v := range publishedDigests {
		t.Run(v.name, func(t *testing.T) {
			c, err := ParseCredentials(oneLine(v.field))
			if err != nil {
				t.Fatal(err)
			}
			ha1, err := c.Algorithm.HA1(c.Username, c.Realm, []byte(v.password))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Compute(ha1, v.method, nil)
			if err != nil || got != c.Response {
				t.Errorf("response %s, %v, published is %s", got, err, c.Response)
			}
			if !c.Matches(ha1, v.method, nil) {
				t.Error("the published response does not match")
			}
			if c.Matches(ha1, "PUT", nil) {
				t.Error("the response matches another method")
			}
		})
	}
}

// RFC 7616 section 3.9.2 was computed with SHA-512 cut to 256 bits, not with SHA-512/256 of FIPS
// 180-4, which the registry and RFC 8760 section 2.2 mean. So the composition is checked with that
// hash, and the real one against values from Python's hashlib.
func TestSHA512256(t *testing.T) {
	const user, pass = "Jäsøn Doe", "Secret, or not?"
	c, err := ParseCredentials(oneLine(`Digest
       username*=UTF-8''J%C3%A4s%C3%B8n%20Doe,
       realm="api@example.org",
       uri="/doe.json",
       algorithm=SHA-512-256,
       nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
       nc=00000001,
       cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
       qop=auth,
       response="ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd",
       opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
       userhash=false`))
	if err != nil || c.Username != user {
		t.Fatalf("user %q, %v", c.Username, err)
	}
	truncated := sumHex(func(b []byte) string { s := sha512.Sum512(b); return hex.EncodeToString(s[:32]) })
	if got := truncated.of(user, c.Realm); got != "488869477bf257147b804c45308cd62ac4e25eb717b12b298c79e62dcea254ec" {
		t.Errorf("published userhash: got %s", got)
	}
	if got, err := c.compute(truncated, truncated.of(user, c.Realm, pass), "GET", nil); err != nil || got != c.Response {
		t.Errorf("published response: got %s, %v", got, err)
	}
	if got, err := SHA512256.UserHash(user, c.Realm); err != nil || got != "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b" {
		t.Errorf("userhash %s, %v", got, err)
	}
	ha1, err := SHA512256.HA1(user, c.Realm, []byte(pass))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Compute(ha1, "GET", nil); err != nil || got != "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5" {
		t.Errorf("response %s, %v", got, err)
	}
}

// The variants that have no published example, each against an independent spelling of the formula.
func TestDigestVariants(t *testing.T) {
	h := func(s string) string { return MD5.sum().of(s) }
	ha1 := h("u:r:p")
	base := Credentials{Username: "u", Realm: "r", Nonce: "n", URI: "sip:x", CNonce: "c", NC: 1}
	for _, tc := range []struct {
		name string
		mod  func(*Credentials)
		body string
		want string
	}{
		{"RFC 2069", func(c *Credentials) {}, "", h(ha1 + ":n:" + h("REGISTER:sip:x"))},
		{"auth", func(c *Credentials) { c.QOP = "auth" }, "b", h(ha1 + ":n:00000001:c:auth:" + h("REGISTER:sip:x"))},
		{"auth-int", func(c *Credentials) { c.QOP = "auth-int" }, "body", h(ha1 + ":n:00000001:c:auth-int:" + h("REGISTER:sip:x:"+h("body")))},
		{"auth-int no body", func(c *Credentials) { c.QOP = "auth-int" }, "", h(ha1 + ":n:00000001:c:auth-int:" + h("REGISTER:sip:x:d41d8cd98f00b204e9800998ecf8427e"))},
		{"MD5-sess", func(c *Credentials) { c.QOP, c.Algorithm = "auth", "md5-SESS" }, "", h(h(ha1+":n:c") + ":n:00000001:c:auth:" + h("REGISTER:sip:x"))},
		{"short nc", func(c *Credentials) { c.QOP, c.ncRaw = "auth", "1" }, "", h(ha1 + ":n:1:c:auth:" + h("REGISTER:sip:x"))},
	} {
		c := base
		tc.mod(&c)
		if got, err := c.Compute(ha1, "REGISTER", []byte(tc.body)); err != nil || got != tc.want {
			t.Errorf("%s: %s, %v, want %s", tc.name, got, err, tc.want)
		}
	}
	c := base
	c.Algorithm = "SHA-1"
	if _, err := c.Compute(ha1, "REGISTER", nil); !errors.Is(err, ErrDigestAlgorithm) {
		t.Errorf("unknown algorithm: %v", err)
	}
	c.Algorithm, c.QOP = "", "auth-conf"
	if _, err := c.Compute(ha1, "REGISTER", nil); err == nil {
		t.Error("unknown qop was computed")
	}
	if _, err := hex.DecodeString(ha1); err != nil {
		t.Error(err)
	}
}

func TestDigestAlgorithm(t *testing.T) {
	type facts struct {
		AKA         int
		Base        DigestAlgorithm
		Sess, Known bool
	}
	for a, want := range map[DigestAlgorithm]facts{
		"":                 {0, MD5, false, true},
		"md5":              {0, MD5, false, true},
		"MD5-sess":         {0, MD5, true, true},
		"SHA-256":          {0, SHA256, false, true},
		"sha-256-SESS":     {0, SHA256, true, true},
		"SHA-512-256":      {0, SHA512256, false, true},
		"SHA-512-256-sess": {0, SHA512256, true, true},
		"AKAv1-MD5":        {1, MD5, false, true},
		"akav2-sha-256":    {2, SHA256, false, true},
		"AKAv0-MD5":        {0, "AKAv0-MD5", false, false},
		"AKAv-MD5":         {0, "AKAv-MD5", false, false},
		"SHA3":             {0, "SHA3", false, false},
		"-sess":            {0, "-sess", false, false},
	} {
		got := facts{a.AKA(), a.Base(), a.Session(), a.Known()}
		if h := a.Hash(); (h != 0) != want.Known || h != 0 && 2*h.New().Size() != a.hexLen() {
			t.Errorf("%q: hash %v, %d digits", a, h, a.hexLen())
		}
		if got != want {
			t.Errorf("%q: %+v, want %+v", a, got, want)
		}
	}
	if !DigestAlgorithm("").Equal("md5") || SHA256.Equal(SHA256Sess) {
		t.Error("Equal is wrong")
	}
}

func TestParseChallenge(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Challenge
	}{
		{`Digest realm="a", nonce="b"`, Challenge{Realm: "a", Nonce: "b"}},
		{`digest  realm = "a\"\\b" ,nonce="", , qop="auth , auth-int",`,
			Challenge{Realm: `a"\b`, QOP: []string{"auth", "auth-int"}}},
		{`Digest realm="atlanta.com",domain="sip:ss1.carrier.com", qop="auth",nonce="f84f1cec41e6cbe5aea9c8e88d359",opaque="", stale=FALSE, algorithm=MD5`,
			Challenge{Realm: "atlanta.com", Domain: "sip:ss1.carrier.com", QOP: []string{"auth"}, Nonce: "f84f1cec41e6cbe5aea9c8e88d359", Algorithm: "MD5"}},
		{`Digest realm="ims",nonce="bm9uY2U=",algorithm=AKAv1-MD5,stale=TRUE,userhash=true,charset="UTF-8",ck="00ff",ik="11",x=y`,
			Challenge{Realm: "ims", Nonce: "bm9uY2U=", Algorithm: AKAv1MD5, Stale: true, UserHash: true, Charset: "UTF-8",
				Params: AuthParams{{"ck", "00ff", true}, {"ik", "11", true}, {"x", "y", false}}}},
	} {
		got, err := ParseChallenge(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s:\n%s", tc.in, d)
		}
		again, err := ParseChallenge(got.String())
		if d := cmp.Diff(got, again); err != nil || d != "" {
			t.Errorf("%s: written as %s: %v\n%s", tc.in, got, err, d)
		}
	}
}

func TestParseCredentials(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Credentials
	}{
		{`Digest username="bob", realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="sip:bob@biloxi.com", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			Credentials{Username: "bob", Realm: "biloxi.com", Nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", URI: "sip:bob@biloxi.com", QOP: "auth", NC: 1, CNonce: "0a4f113b",
				Response: "6629fae49393a05397450978507c4ef1", Opaque: "5ccc069c403ebaf9f0171e9517f40e41"}},
		{`Digest username="0",realm="r",nonce="n",uri="sip:h",qop="auth",nc="0000000A",response="",auts="5PYxMuX2NOT2NeQ=",integrity-protected=no`,
			Credentials{Username: "0", Realm: "r", Nonce: "n", URI: "sip:h", QOP: "auth", NC: 10,
				Params: AuthParams{{"auts", "5PYxMuX2NOT2NeQ=", true}, {"integrity-protected", "no", false}}}},
		{"Digest username*=utf-8'en'a%0Ab", Credentials{Username: "a\nb"}},
	} {
		got, err := ParseCredentials(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		if d := cmp.Diff(tc.want, got, ignoreUnexported); d != "" {
			t.Errorf("%s:\n%s", tc.in, d)
		}
		again, err := ParseCredentials(got.String())
		if d := cmp.Diff(got, again, cmp.AllowUnexported(Credentials{})); err != nil || d != "" {
			t.Errorf("%s: written as %s: %v\n%s", tc.in, got, err, d)
		}
	}
}

func TestDigestRefusals(t *testing.T) {
	long := "Digest realm=\"" + strings.Repeat("a", maxAuthText) + "\", nonce=\"\""
	many := "Digest realm=a, nonce=b"
	for i := range maxAuthParams {
		many += fmt.Sprintf(", p%d=1", i)
	}
	for _, tc := range []struct {
		in     string
		offset int
		cause  string
	}{
		{"", 0, "Digest scheme"},
		{"Basic YWxhZGRpbg==", 0, "Digest scheme"},
		{"Digest", 6, "no realm"},
		{"Digest,realm=a", 6, "no space"},
		{"Digest realm", 12, "no value"},
		{"Digest realm=", 13, "no value"},
		{`Digest realm="a`, 13, "not closed"},
		{`Digest realm="a\`, 13, "not closed"},
		{"Digest realm=\"a\r\n\"", 13, "control"},
		{`Digest realm="a" nonce="b"`, 17, "no comma"},
		{`Digest realm="a";nonce="b"`, 16, "no comma"},
		{`Digest =a`, 7, "no parameter name"},
		{`Digest realm="a", realm="b"`, 18, "given twice"},
		{`Digest nonce="a"`, 16, "no realm"},
		{`Digest realm="a", nonce="b", algorithm="a b"`, 44, "no token"},
		{long, 0, "too long"},
		{many, len(many) - len("p62=1, p63=1"), "more than"},
	} {
		_, err := ParseChallenge(tc.in)
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Offset != tc.offset || !strings.Contains(pe.Error(), tc.cause) {
			t.Errorf("%.60q: %v, want %q at %d", tc.in, err, tc.cause, tc.offset)
		}
	}
	if _, err := ParseChallenge("NTLM x"); !errors.Is(err, ErrNotDigest) {
		t.Errorf("another scheme: %v", err)
	}
	for _, in := range []string{
		`Digest username="a", username*=UTF-8''b`,
		`Digest username*=latin1''b`,
		`Digest username*=UTF-8''%zz`,
		`Digest username="a", nc=xyz`,
		`Digest username="a", nc=100000000`,
		`Digest username="a", qop="auth,auth-int"`,
	} {
		if c, err := ParseCredentials(in); err == nil {
			t.Errorf("%s: parsed to %+v", in, c)
		}
	}
}

func TestDigestAppendRefusesInjection(t *testing.T) {
	for _, c := range []Challenge{
		{Realm: "a\r\nEvil: x"},
		{Realm: "a", Nonce: "\n"},
		{Realm: "a", Algorithm: "MD5, x"},
		{Realm: "a", Params: AuthParams{{Name: "a b"}}},
		{Realm: "a", Params: AuthParams{{Name: "a", Value: "b,c"}}},
		{Realm: "a", Params: AuthParams{{Name: "a"}}},
	} {
		if b, err := c.AppendText(nil); err == nil {
			t.Errorf("%+v was written as %q", c, b)
		}
	}
	if b, err := (Credentials{URI: "sip:a\nb"}).AppendText(nil); err == nil {
		t.Errorf("written as %q", b)
	}
	if b, err := (AuthenticationInfo{NextNonce: "a\rb"}).AppendText(nil); err == nil {
		t.Errorf("written as %q", b)
	}
}

func FuzzParseChallenge(f *testing.F) {
	f.Add(`Digest realm="a", nonce="b", qop="auth,auth-int", stale=true, algorithm=AKAv1-MD5, ck="1", x=y`)
	f.Add(`Digest realm="a\"b", nonce="", charset=UTF-8, userhash=true, domain="sip:a sip:b", opaque="o"`)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseChallenge(s)
		if err != nil {
			return
		}
		b, err := c.AppendText(nil)
		if err != nil {
			t.Fatalf("%+v does not append: %v", c, err)
		}
		again, err := ParseChallenge(string(b))
		if d := cmp.Diff(c, again, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Fatalf("%q -> %q: %v\n%s", s, b, err, d)
		}
	})
}

func FuzzParseCredentials(f *testing.F) {
	for _, v := range publishedDigests {
		f.Add(oneLine(v.field))
	}
	f.Add(`Digest username*=UTF-8''J%C3%A4s, realm="", nonce="n", uri="sip:h", nc=1, auts="x", response=""`)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCredentials(s)
		if err != nil {
			return
		}
		b, err := c.AppendText(nil)
		if err != nil {
			t.Fatalf("%+v does not append: %v", c, err)
		}
		again, err := ParseCredentials(string(b))
		if err != nil {
			t.Fatalf("%q -> %q: %v", s, b, err)
		}
		b2, err := again.AppendText(nil)
		if err != nil || string(b2) != string(b) {
			t.Fatalf("%q -> %q -> %q: %v", s, b, b2, err)
		}
	})
}

func FuzzParseAuthenticationInfo(f *testing.F) {
	f.Add(`qop=auth-int, rspauth="6629fae49393a05397450978507c4ef1", cnonce="0a4f113b", nc=00000001, nextnonce="n", x=y`)
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAuthenticationInfo(s)
		if err != nil {
			return
		}
		b, err := a.AppendText(nil)
		if err != nil {
			t.Fatalf("%+v does not append: %v", a, err)
		}
		again, err := ParseAuthenticationInfo(string(b))
		if d := cmp.Diff(a, again, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Fatalf("%q -> %q: %v\n%s", s, b, err, d)
		}
	})
}
