package call

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// Whatever a peer describes, in an INVITE, in what changes the call, and in answer to our offers: the call ends in good order
// when it is ended, and nothing is left.
func FuzzDescriptions(f *testing.F) {
	const first = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	f.Add([]byte(first), []byte(first+"a=sendonly\r\n"), []byte(first), true)
	f.Add([]byte(first+"a=curr:qos local none\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\na=des:qos none remote sendrecv\r\n"),
		[]byte(first+"a=curr:qos local sendrecv\r\na=des:qos mandatory local sendrecv\r\n"), []byte(first+"a=inactive\r\n"), false)
	f.Add([]byte(first), []byte("v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 1 RTP/AVP 99\r\nm=audio 4002 RTP/AVP 0\r\n"), []byte("v=0"), true)
	f.Fuzz(func(t *testing.T, offer, change, answer []byte, answers bool) {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{})
			b := newAgent(t, n, 2, Config{Codecs: append([]Codec{PCMA, PCMU}, AMRWB()...), OnCall: func(c *Call) {
				c.Ring()
				if answers {
					if c.Answer(c.Context()) == nil {
						c.Renegotiate(c.Context())
						c.Hold(c.Context())
					}
				} else {
					c.Progress()
					time.Sleep(time.Second)
				}
			}})
			defer b.Close()
			ua, err := sip.NewUserAgent(sip.UserAgentConfig{Supported: []string{"100rel", "precondition"}, OnRequest: func(in *sip.Incoming) { in.Reply(200, answer, "") }})
			if err != nil {
				t.Fatal(err)
			}
			defer ua.Close()
			conn, err := n.ListenPacket(addr(1, 5060))
			if err != nil {
				t.Fatal(err)
			}
			ua.Endpoint().ServePacketConn(conn, sip.ListenConfig{})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			d, _, err := ua.Invite(ctx, "sip:b@10.0.0.2", sip.InviteOptions{
				RequestOptions: sip.RequestOptions{Body: offer, Answer: func(*sip.Response) ([]byte, string) { return answer, "" }},
				OnProvisional: func(d *sip.Dialog, r *sip.Response) {
					if d != nil && len(r.Body) > 0 {
						go d.Do(ctx, sip.UPDATE, sip.RequestOptions{Body: change})
					}
				},
			})
			if err == nil {
				d.Invite(ctx, sip.RequestOptions{Body: change})
				d.Do(ctx, sip.UPDATE, sip.RequestOptions{Body: offer})
				d.Invite(ctx, sip.RequestOptions{Answer: func(*sip.Response) ([]byte, string) { return answer, "" }})
				d.Bye(t.Context(), sip.RequestOptions{})
			}
			time.Sleep(5 * time.Minute)
			if b.Calls() != 0 || b.Wheel().Stats().Media != 0 || b.UserAgent().Dialogs() != 0 {
				t.Fatalf("%d calls, %d media, %d dialogs left", b.Calls(), b.Wheel().Stats().Media, b.UserAgent().Dialogs())
			}
		})
	})
}
