package sip

import (
	"context"
	"testing"
)

// A whole call between two agents over UDP on the loopback: INVITE, 200, ACK, BYE, 200. Both ends'
// work is in the figure.
func BenchmarkUserAgentCall(b *testing.B) {
	agent := func(cfg UserAgentConfig) (*UserAgent, Flow) {
		ua, err := NewUserAgent(cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { ua.Close() })
		f, err := ua.Endpoint().Listen(ListenConfig{Transport: UDP, Addr: "127.0.0.1:0"})
		if err != nil {
			b.Fatal(err)
		}
		return ua, f
	}
	_, f := agent(UserAgentConfig{OnInvite: func(in *Incoming) { in.Reply(200, []byte(answer), "") }})
	alice, _ := agent(UserAgentConfig{})
	uri := "sip:bob@" + f.Local.String()
	body := RequestOptions{Body: []byte(offer)}
	b.ReportAllocs()
	for b.Loop() {
		d, _, err := alice.Invite(context.Background(), uri, InviteOptions{RequestOptions: body})
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Bye(context.Background(), RequestOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigestVerify(b *testing.B) {
	for _, alg := range []DigestAlgorithm{MD5, SHA256} {
		b.Run(string(alg), func(b *testing.B) {
			s, err := NewDigestServer(DigestConfig{Realm: "example.org", Algorithms: []DigestAlgorithm{alg},
				Users: Passwords(map[string]string{"alice": "wonderland"})})
			if err != nil {
				b.Fatal(err)
			}
			d := NewDigestClient(DigestClientConfig{Answerer: Password("", "alice", "wonderland")})
			r := registerRequest
			chs, _ := s.Challenge(b.Context(), &r, nil)
			if _, err := d.Answer(b.Context(), &r, chs); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r.Credentials = d.Credentials(&r)
				if _, err := s.Verify(b.Context(), &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
