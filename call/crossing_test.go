package call

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// script is a peer at 10.0.0.1 that sends what it likes when it likes. It keeps what the agent at 10.0.0.2 sends.
type script struct {
	*testing.T
	conn  net.PacketConn
	agent *Agent
	calls chan *Call // that the agent was called with
	start time.Time

	mu   sync.Mutex
	got  []sip.Message
	when []time.Duration

	uas    bool // the agent has called
	callID string
	local  string // From, or To with our tag
	remote string
}

const (
	pcma  = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
	pcmu  = "v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
	none  = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n"
	other = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 110 120\r\na=rtpmap:110 AMR-WB/16000\r\na=rtpmap:120 telephone-event/16000\r\n"
)

func newScript(t *testing.T, n *memnet.Network, cfg Config) *script {
	w := &script{T: t, calls: make(chan *Call, 4), start: time.Now(), callID: "crossing@10.0.0.1", local: "<sip:p@10.0.0.1>;tag=peer", remote: "<sip:b@10.0.0.2>"}
	if on := cfg.OnCall; on != nil {
		cfg.OnCall = func(c *Call) {
			w.calls <- c
			on(c)
			<-c.Context().Done()
		}
	}
	var err error
	if w.conn, err = n.ListenPacket(addr(1, 5060)); err != nil {
		t.Fatal(err)
	}
	w.agent = newAgent(t, n, 2, cfg)
	go func() {
		b := make([]byte, 65536)
		for {
			k, _, err := w.conn.ReadFrom(b)
			if err != nil {
				return
			}
			m, err := sip.Parse(append([]byte(nil), b[:k]...))
			if err != nil {
				t.Errorf("%v in %q", err, b[:k])
				continue
			}
			w.mu.Lock()
			w.got, w.when = append(w.got, m), append(w.when, time.Since(w.start))
			w.mu.Unlock()
		}
	}()
	return w
}

func name(m sip.Message) string {
	switch m := m.(type) {
	case *sip.Request:
		return string(m.Method)
	case *sip.Response:
		c, _ := m.CSeq()
		return fmt.Sprint(m.StatusCode, " ", c.Method)
	}
	return ""
}

// log is what the agent has sent, but 100, with the seconds.
func (w *script) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for i, m := range w.got {
		if what := name(m); !strings.HasPrefix(what, "100 ") {
			out = append(out, fmt.Sprintf("%s %.1f", what, w.when[i].Seconds()))
		}
	}
	return strings.Join(out, ", ")
}

// await returns the last message with that name, once it is there.
func (w *script) await(what string) sip.Message {
	w.Helper()
	for range 4000 {
		synctest.Wait()
		w.mu.Lock()
		for i := len(w.got) - 1; i >= 0; i-- {
			if name(w.got[i]) == what {
				m := w.got[i]
				w.mu.Unlock()
				to, _ := m.Head().To()
				switch m := m.(type) {
				case *sip.Response:
					if !w.uas && to.Tag() != "" {
						w.remote = m.Value("To")
					}
				case *sip.Request:
					if m.Method == sip.INVITE && to.Tag() == "" {
						w.callID, w.remote = m.CallID(), m.Value("From")
					}
				}
				return m
			}
		}
		w.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
	w.Fatalf("no %s: %s", what, w.log())
	return nil
}

func (w *script) request(what string) *sip.Request { w.Helper(); return w.await(what).(*sip.Request) }
func (w *script) response(what string) *sip.Response {
	w.Helper()
	return w.await(what).(*sip.Response)
}

// write sends a message with lines between start line and body. The content is a description unless a line says more.
func (w *script) write(start string, lines []string, body string) {
	if body != "" && !strings.Contains(strings.Join(lines, "\n"), "Content-Type") {
		lines = append(lines, "Content-Type: application/sdp")
	}
	text := start + "\r\n" + strings.Join(lines, "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)) + body
	if _, err := w.conn.WriteTo([]byte(text), net.UDPAddrFromAddrPort(addr(2, 5060))); err != nil {
		w.Error(err)
	}
}

// refusalACK is the ACK of a refusal, which belongs to the INVITE's transaction.
const refusalACK = sip.Method("refused ACK")

// send sends a request with a CSeq of its own; ACK and CANCEL have that of an INVITE.
func (w *script) send(m sip.Method, seq int, body string, lines ...string) {
	branch := fmt.Sprint("z9hG4bK", m, seq)
	if m == sip.CANCEL || m == refusalACK {
		branch = fmt.Sprint("z9hG4bKINVITE", seq)
	}
	m = sip.Method(strings.TrimPrefix(string(m), "refused "))
	to := w.remote
	if m == sip.CANCEL || m == sip.INVITE && seq == 1 {
		to = "<sip:b@10.0.0.2>"
	}
	w.write(string(m)+" sip:b@10.0.0.2 SIP/2.0", append([]string{
		"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=" + branch, "Max-Forwards: 70", "From: " + w.local, "To: " + to,
		"Call-ID: " + w.callID, fmt.Sprint("CSeq: ", seq, " ", m), "Contact: <sip:p@10.0.0.1>"}, lines...), body)
}

// reply answers a request of the agent, with the given tag of ours.
func (w *script) reply(req *sip.Request, status int, tag, body string, lines ...string) {
	to := req.Value("To")
	if !strings.Contains(to, "tag=") && tag != "" {
		to += ";tag=" + tag
		w.local = to
	}
	list := []string{}
	for v := range req.Values("Via") {
		list = append(list, "Via: "+v)
	}
	list = append(list, "From: "+req.Value("From"), "To: "+to, "Call-ID: "+req.CallID(), "CSeq: "+req.Value("CSeq"), "Contact: <sip:p@10.0.0.1>")
	w.write(fmt.Sprintf("SIP/2.0 %d X", status), append(list, lines...), body)
}

// dial has the agent call; what comes of it is in the channel.
func (w *script) dial(opts DialOptions) (result chan error, call *Call) {
	w.uas = true
	result = make(chan error, 1)
	go func() {
		c, err := w.agent.Dial(context.Background(), "sip:p@10.0.0.1", opts)
		if err == nil {
			w.calls <- c
		}
		result <- err
	}()
	return result, nil
}

// talk has the agent answered, and returns the call.
func (w *script) talk() *Call {
	w.Helper()
	w.dial(DialOptions{})
	w.reply(w.request("INVITE"), 200, "peer", pcma, "Allow: INVITE, ACK, BYE, UPDATE, REFER, NOTIFY")
	w.await("ACK")
	return <-w.calls
}

// taken has the agent take a call, and returns it.
func (w *script) taken() *Call {
	w.Helper()
	w.send(sip.INVITE, 1, pcma)
	w.await("200 INVITE")
	w.send(sip.ACK, 1, "")
	c := <-w.calls
	synctest.Wait()
	return c
}

func answers(c *Call) { c.Answer(context.Background()) }

func answersLater(c *Call) {
	time.Sleep(time.Second)
	c.Answer(context.Background())
}

func early(c *Call) {
	c.Progress()
	time.Sleep(time.Second)
	c.Answer(context.Background())
}

// What crosses on the way, comes late, or does not come at all, to the agent that was called and the one that calls: what
// it sends, and when.
func TestCrossings(t *testing.T) {
	again := "200 INVITE 0.0, 200 INVITE 0.5, 200 INVITE 1.5, 200 INVITE 3.5, 200 INVITE 7.5, 200 INVITE 11.5, 200 INVITE 15.5, 200 INVITE 19.5, 200 INVITE 23.5, 200 INVITE 27.5, 200 INVITE 31.5"
	for _, tc := range []struct {
		name string
		cfg  Config
		do   func(w *script)
		want string // empty: do has checked
	}{
		{"CANCEL, then the answer", Config{OnCall: answersLater}, func(w *script) {
			w.send(sip.INVITE, 1, pcma)
			time.Sleep(500 * time.Millisecond)
			w.send(sip.CANCEL, 1, "")
			w.await("487 INVITE")
			w.send(refusalACK, 1, "")
		}, "200 CANCEL 0.5, 487 INVITE 0.5"},
		{"CANCEL after the answer", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, pcma)
			w.await("200 INVITE")
			w.send(sip.CANCEL, 1, "")
			w.send(sip.ACK, 1, "")
			time.Sleep(time.Second)
			w.send(sip.BYE, 2, "")
		}, "200 INVITE 0.0, 200 CANCEL 0.0, 200 BYE 1.0"},
		{"BYE before ACK", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, pcma)
			w.await("200 INVITE")
			w.send(sip.BYE, 2, "")
			time.Sleep(5 * time.Second)
			w.send(sip.ACK, 1, "")
		}, "200 INVITE 0.0, 200 BYE 0.0"},
		{"no ACK", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, pcma)
			w.reply(w.request("BYE"), 200, "", "")
		}, again + ", BYE 32.0"},
		{"ACK without the answer", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, "")
			w.await("200 INVITE")
			w.send(sip.ACK, 1, "")
			w.reply(w.request("BYE"), 200, "", "")
		}, "200 INVITE 0.0, BYE 0.0"},
		{"no PRACK", Config{OnCall: early}, func(w *script) {
			w.send(sip.INVITE, 1, pcma, "Require: 100rel")
			w.await("504 INVITE")
			w.send(refusalACK, 1, "")
		}, "183 INVITE 0.0, 183 INVITE 0.5, 183 INVITE 1.5, 183 INVITE 3.5, 183 INVITE 7.5, 183 INVITE 15.5, 183 INVITE 31.5, 504 INVITE 32.0"},
		{"an offer in PRACK", Config{OnCall: early}, func(w *script) {
			w.send(sip.INVITE, 1, pcma, "Require: 100rel")
			w.send(sip.PRACK, 2, pcmu, "RAck: "+w.response("183 INVITE").Value("RSeq")+" 1 INVITE")
			if d, err := sdp.Parse(w.response("200 PRACK").Body); err != nil || d.Media[0].Formats[0] != "0" {
				w.Errorf("%v, answered %s", err, w.response("200 PRACK").Body)
			}
			if body := w.response("200 INVITE").Body; len(body) > 0 {
				w.Errorf("another description: %s", body)
			}
			w.send(sip.ACK, 1, "")
			if c := <-w.calls; c.Codec().Name != "PCMU" {
				w.Errorf("codec %s", c.Codec().Name)
			}
			w.send(sip.BYE, 3, "")
		}, "183 INVITE 0.0, 200 PRACK 0.0, 200 INVITE 1.0, 200 BYE 1.0"},
		{"a wrong RAck", Config{OnCall: early}, func(w *script) {
			w.send(sip.INVITE, 1, pcma, "Require: 100rel")
			rseq := w.response("183 INVITE").Value("RSeq")
			w.send(sip.PRACK, 2, "", "RAck: "+rseq+" 7 INVITE")
			w.send(sip.PRACK, 3, "", "RAck: "+rseq+" 1 INVITE")
			w.await("200 INVITE")
			w.send(sip.ACK, 1, "")
			w.send(sip.BYE, 4, "")
		}, "183 INVITE 0.0, 481 PRACK 0.0, 200 PRACK 0.0, 200 INVITE 1.0, 200 BYE 1.0"},
		{"re-INVITE before ACK", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, pcma)
			w.await("200 INVITE")
			w.send(sip.INVITE, 2, pcmu)
			w.send(sip.ACK, 1, "")
			w.await("491 INVITE")
			w.send(refusalACK, 2, "")
			w.send(sip.BYE, 3, "")
		}, "200 INVITE 0.0, 491 INVITE 0.0, 200 BYE 0.0"},
		{"UPDATE with an offer before the first is answered", Config{OnCall: func(c *Call) { c.Ring(); answersLater(c) }}, func(w *script) {
			w.send(sip.INVITE, 1, pcma)
			w.await("180 INVITE")
			w.send(sip.UPDATE, 2, pcmu)
			if w.response("500 UPDATE").Value("Retry-After") == "" {
				w.Error("it is not said when to come again")
			}
			w.await("200 INVITE")
			w.send(sip.ACK, 1, "")
			w.send(sip.UPDATE, 3, pcmu)
			w.await("200 UPDATE")
			w.send(sip.BYE, 4, "")
		}, "180 INVITE 0.0, 500 UPDATE 0.0, 200 INVITE 1.0, 200 UPDATE 1.0, 200 BYE 1.0"},
		{"INVITE that requires the unknown", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, pcma, "Require: foo")
			if u := w.response("420 INVITE").Value("Unsupported"); u != "foo" {
				w.Errorf("unsupported %q", u)
			}
		}, ""},
		{"a session that is too short", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, pcma, "Supported: timer", "Session-Expires: 60")
			if v := w.response("422 INVITE").Value("Min-SE"); v != "90" {
				w.Errorf("Min-SE %q", v)
			}
		}, ""},
		{"glare, who owns the Call-ID waits for longer", Config{}, func(w *script) { w.glare(w.talk(), 2100, 4000) }, ""},
		{"glare, the other side does not", Config{OnCall: answers}, func(w *script) { w.glare(w.taken(), 0, 2000) }, ""},
		{"UPDATE and re-INVITE against a re-INVITE of ours", Config{}, func(w *script) {
			c := w.talk()
			held := make(chan error, 1)
			go func() { held <- c.Hold(context.Background()) }()
			time.Sleep(100 * time.Millisecond)
			w.send(sip.UPDATE, 11, pcmu)
			w.send(sip.INVITE, 12, pcmu)
			w.await("491 INVITE")
			w.send(refusalACK, 12, "")
			w.reply(w.request("INVITE"), 200, "", strings.Replace(pcma, "1 1 IN", "1 2 IN", 1)+"a=recvonly\r\n")
			if err := <-held; err != nil {
				w.Error(err)
			}
			w.send(sip.UPDATE, 13, "")
			w.await("200 UPDATE")
			w.send(sip.BYE, 14, "")
		}, "INVITE 0.0, ACK 0.0, INVITE 0.0, 491 UPDATE 0.1, 491 INVITE 0.1, ACK 0.1, 200 UPDATE 0.1, 200 BYE 0.1"},
		{"BYE against a re-INVITE of ours", Config{}, func(w *script) {
			c := w.talk()
			held := make(chan error, 1)
			go func() { held <- c.Hold(context.Background()) }()
			time.Sleep(100 * time.Millisecond)
			w.send(sip.BYE, 11, "")
			w.reply(w.request("INVITE"), 487, "", "")
			if err := <-held; !errors.Is(err, sip.ErrPeerHungUp) {
				w.Error(err)
			}
		}, "INVITE 0.0, ACK 0.0, INVITE 0.0, 200 BYE 0.1, ACK 0.1"},
		{"a re-INVITE that is cancelled at once", Config{OnCall: answers}, func(w *script) {
			c := w.taken()
			w.send(sip.INVITE, 2, pcmu)
			w.send(sip.CANCEL, 2, "")
			w.await("200 CANCEL")
			want := "PCMU" // the one or the other was faster: what it has said is what it does
			if strings.Contains(w.log(), "487 INVITE") {
				want = "PCMA"
				w.send(refusalACK, 2, "")
			} else {
				w.send(sip.ACK, 2, "")
			}
			time.Sleep(100 * time.Millisecond)
			if got := c.Codec().Name; got != want {
				w.Errorf("%s, want %s: %s", got, want, w.log())
			}
			w.send(sip.BYE, 3, "")
		}, ""},
		{"an order that is none", Config{OnCall: answers}, func(w *script) {
			w.taken()
			w.send(sip.UPDATE, 1, pcmu)
			w.send(sip.BYE, 3, "")
		}, "200 INVITE 0.0, 500 UPDATE 0.0, 200 BYE 0.0"},
		{"bodies", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, "--x\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n--x\r\nContent-Type: application/sdp\r\n\r\n"+pcmu+"\r\n--x--\r\n", "Content-Type: multipart/mixed; boundary=x")
			w.await("200 INVITE")
			w.send(sip.ACK, 1, "")
			if c := <-w.calls; c.Codec().Name != "PCMU" {
				w.Errorf("codec %q", c.Codec().Name)
			}
			w.send(sip.INFO, 2, "x", "Content-Type: text/plain")
			w.await("415 INFO")
			w.send(sip.INFO, 3, "")
			w.send(sip.INFO, 4, "", "Info-Package: foo")
			w.send(sip.NOTIFY, 5, "", "Event: foo", "Subscription-State: active")
			w.await("481 NOTIFY")
			w.send(sip.INVITE, 6, "x", "Content-Type: text/plain")
			if a := slices.Collect(w.response("415 INVITE").Values("Accept")); !slices.Equal(a, []string{"application/sdp", "multipart/mixed"}) {
				w.Errorf("Accept: %q", a)
			}
			w.send(refusalACK, 6, "")
			w.send(sip.BYE, 7, "")
		}, "200 INVITE 0.0, 415 INFO 0.0, 200 INFO 0.0, 469 INFO 0.0, 481 NOTIFY 0.0, 415 INVITE 0.0, 200 BYE 0.0"},
		{"a body that is no description", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, "<x/>", "Content-Type: application/xml")
			w.await("415 INVITE")
		}, ""},
		{"a description that is none", Config{OnCall: answers}, func(w *script) {
			w.send(sip.INVITE, 1, "x")
			w.await("400 INVITE")
		}, ""},

		{"answers of two branches", Config{}, func(w *script) {
			result, _ := w.dial(DialOptions{})
			inv := w.request("INVITE")
			w.reply(inv, 180, "one", "")
			w.reply(inv, 200, "one", pcma)
			w.reply(inv, 200, "two", pcma)
			if err := <-result; err != nil {
				w.Error(err)
			}
			bye := w.request("BYE")
			if to, _ := bye.To(); to.Tag() != "two" {
				w.Errorf("ends %s", to.Tag())
			}
			w.reply(bye, 200, "", "")
			w.reply(inv, 200, "one", pcma) // its ACK was lost
		}, "INVITE 0.0, ACK 0.0, ACK 0.0, BYE 0.0, ACK 0.0"},
		{"the answer after CANCEL", Config{}, func(w *script) {
			ctx, cancel := context.WithCancel(context.Background())
			result := make(chan error, 1)
			w.uas = true
			go func() {
				_, err := w.agent.Dial(ctx, "sip:p@10.0.0.1", DialOptions{})
				result <- err
			}()
			inv := w.request("INVITE")
			w.reply(inv, 180, "one", "")
			synctest.Wait()
			cancel()
			c := w.request("CANCEL")
			w.reply(inv, 200, "one", pcma)
			w.reply(c, 200, "one", "")
			w.reply(w.request("BYE"), 200, "", "")
			if err := <-result; !errors.Is(err, context.Canceled) {
				w.Error(err)
			}
		}, "INVITE 0.0, CANCEL 0.0, ACK 0.0, BYE 0.0"},
		{"the answer again after BYE", Config{}, func(w *script) {
			c := w.talk()
			inv := w.request("INVITE")
			go c.HangUp(context.Background())
			bye := w.request("BYE")
			w.reply(inv, 200, "peer", pcma)
			time.Sleep(100 * time.Millisecond)
			w.reply(bye, 200, "", "")
			time.Sleep(time.Second)
			w.reply(inv, 200, "peer", pcma)
		}, "INVITE 0.0, ACK 0.0, BYE 0.0, ACK 0.0, ACK 1.1"},
		{"both hang up", Config{}, func(w *script) {
			c := w.talk()
			ended := make(chan error, 1)
			go func() { ended <- c.HangUp(context.Background()) }()
			bye := w.request("BYE")
			w.send(sip.BYE, 11, "")
			w.await("200 BYE")
			w.reply(bye, 481, "", "")
			if err := <-ended; err != nil {
				w.Error(err)
			}
		}, "INVITE 0.0, ACK 0.0, BYE 0.0, 200 BYE 0.0"},
		{"an answer without a codec", Config{}, func(w *script) {
			w.unusable(strings.Replace(pcma, "AVP 8", "AVP 99", 1))
		}, "INVITE 0.0, ACK 0.0, BYE 0.0"},
		{"an answer with port 0", Config{}, func(w *script) { w.unusable(none) }, "INVITE 0.0, ACK 0.0, BYE 0.0"},
		{"no answer", Config{}, func(w *script) { w.unusable("") }, "INVITE 0.0, ACK 0.0, BYE 0.0"},
		{"an answer that is none", Config{}, func(w *script) { w.unusable("x") }, "INVITE 0.0, ACK 0.0, BYE 0.0"},
		{"an answer with other payload types", Config{Codecs: AMRWB()}, func(w *script) {
			result, _ := w.dial(DialOptions{})
			w.reply(w.request("INVITE"), 200, "peer", other)
			if err := <-result; err != nil {
				w.Fatal(err)
			}
			c := <-w.calls
			c.Media().mu.Lock()
			pt, event := c.Media().cfg.Send.PayloadType, c.Media().cfg.SendEvent
			c.Media().mu.Unlock()
			if c.Codec().Name != "AMR-WB" || pt != 110 || event != 120 {
				w.Errorf("%s with %d, events with %d", c.Codec().Name, pt, event)
			}
			go c.HangUp(context.Background())
			w.reply(w.request("BYE"), 200, "", "")
		}, "INVITE 0.0, ACK 0.0, BYE 0.0"},
		{"the peer wants longer sessions", Config{SIP: sip.UserAgentConfig{Session: sip.SessionTimer{Expires: 90 * time.Second}}}, func(w *script) {
			result, _ := w.dial(DialOptions{})
			first := w.request("INVITE")
			w.reply(first, 422, "one", "", "Min-SE: 300")
			w.await("ACK")
			synctest.Wait()
			second := w.request("INVITE")
			if v := second.Value("Session-Expires"); !strings.HasPrefix(v, "300") || second.Value("Min-SE") != "300" || second.CallID() != first.CallID() {
				w.Errorf("Session-Expires: %s\nMin-SE: %s", v, second.Value("Min-SE"))
			}
			w.reply(second, 200, "two", pcma, "Session-Expires: 300;refresher=uac", "Require: timer", "Allow: UPDATE")
			if err := <-result; err != nil {
				w.Error(err)
			}
			w.reply(w.request("UPDATE"), 481, "", "")
		}, "INVITE 0.0, ACK 0.0, INVITE 0.0, ACK 0.0, UPDATE 150.0"},
		{"a refresh that nobody answers", Config{SIP: sip.UserAgentConfig{Session: sip.SessionTimer{Expires: 90 * time.Second}}}, func(w *script) {
			w.dial(DialOptions{})
			w.reply(w.request("INVITE"), 200, "peer", pcma, "Session-Expires: 90;refresher=uac", "Allow: UPDATE")
			w.reply(w.request("UPDATE"), 408, "", "")
			w.reply(w.request("BYE"), 200, "", "")
		}, "INVITE 0.0, ACK 0.0, UPDATE 45.0, BYE 45.0"},
		{"a refresh by re-INVITE repeats what was agreed", Config{SIP: sip.UserAgentConfig{Session: sip.SessionTimer{Expires: 90 * time.Second}}}, func(w *script) {
			w.dial(DialOptions{})
			w.reply(w.request("INVITE"), 200, "peer", pcma, "Session-Expires: 90;refresher=uac", "Allow: INVITE, ACK, BYE")
			c := <-w.calls
			agreed := string(w.request("INVITE").Body)
			refused := make(chan error, 1)
			go func() { refused <- c.Renegotiate(context.Background(), PCMU) }()
			time.Sleep(time.Second)
			again := w.request("INVITE")
			w.reply(again, 488, "", "")
			if err := <-refused; sip.StatusCode(err) != 488 || string(again.Body) == agreed {
				w.Error(err)
			}
			w.send(sip.INVITE, 11, strings.Replace(none, "RTP/AVP 8", "RTP/AVP 3", 1)) // refused by us
			w.await("488 INVITE")
			w.send(refusalACK, 11, "")
			time.Sleep(45 * time.Second)
			if refresh := w.request("INVITE"); string(refresh.Body) != agreed {
				w.Errorf("%s\nwant\n%s", refresh.Body, agreed)
			} else {
				w.reply(refresh, 200, "", pcma, "Session-Expires: 90;refresher=uac")
			}
			go c.HangUp(context.Background())
			w.reply(w.request("BYE"), 200, "", "")
		}, ""},
		{"a transfer that is told of no more", Config{}, func(w *script) {
			c := w.talk()
			result := make(chan error, 1)
			go func() { result <- c.Transfer(context.Background(), "sip:c@10.0.0.3") }()
			w.reply(w.request("REFER"), 202, "", "")
			var ended *sip.SubscriptionError
			if err := <-result; !errors.As(err, &ended) || time.Since(w.start).Round(time.Second) != 32*time.Second || c.Context().Err() != nil {
				w.Errorf("%v after %v", err, time.Since(w.start))
			}
			// The peer says that it goes on, and no more.
			go func() { result <- c.Transfer(context.Background(), "sip:c@10.0.0.3") }()
			time.Sleep(100 * time.Millisecond)
			w.reply(w.request("REFER"), 202, "", "")
			time.Sleep(900 * time.Millisecond)
			w.send(sip.NOTIFY, 11, "SIP/2.0 100 Trying\r\n", "Event: refer", "Subscription-State: active;expires=60", "Content-Type: message/sipfrag")
			if err := <-result; !errors.As(err, &ended) || time.Since(w.start).Round(time.Second) != (32+1+60+32)*time.Second || c.Context().Err() != nil {
				w.Errorf("%v after %v", err, time.Since(w.start))
			}
			w.send(sip.BYE, 12, "")
		}, "INVITE 0.0, ACK 0.0, REFER 0.0, REFER 32.0, 200 NOTIFY 33.0, 200 BYE 125.0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New(memnet.Config{})
				w := newScript(t, n, tc.cfg)
				defer w.conn.Close()
				defer w.agent.Close()
				tc.do(w)
				time.Sleep(2 * time.Minute)
				if got := w.log(); tc.want != "" && got != tc.want {
					t.Errorf("sent\n%s\nwant\n%s", got, tc.want)
				}
				if len(w.calls) > 0 && tc.want != "" {
					for len(w.calls) > 0 {
						if c := <-w.calls; c.Context().Err() == nil && !strings.Contains(tc.name, "branches") {
							t.Errorf("a call is left")
						}
					}
				}
			})
		})
	}
}

// glare answers a re-INVITE of the agent with 491, and checks when it tries again: between least and most milliseconds later,
// in steps of ten (RFC 3261 section 14.1).
func (w *script) glare(c *Call, least, most int) {
	w.Helper()
	w.uas = false
	held := make(chan error, 1)
	go func() { held <- c.Hold(context.Background()) }()
	synctest.Wait()
	first := w.request("INVITE")
	w.send(sip.INVITE, 11, pcmu) // crosses it
	w.await("491 INVITE")
	w.send(refusalACK, 11, "")
	refused := time.Now()
	w.reply(first, 491, "", "")
	for {
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if again := w.request("INVITE"); again.Value("CSeq") != first.Value("CSeq") {
			after := int(time.Since(refused).Milliseconds())
			if after < least || after > most+2 {
				w.Errorf("again after %d ms", after)
			}
			w.reply(again, 200, "", pcma+"a=recvonly\r\n")
			break
		}
		if time.Since(refused) > 5*time.Second {
			w.Fatalf("not again: %s", w.log())
		}
	}
	if err := <-held; err != nil {
		w.Error(err)
	}
	w.send(sip.BYE, 12, "")
}

// unusable answers the agent's INVITE with a description that it cannot use.
func (w *script) unusable(body string) {
	w.Helper()
	result, _ := w.dial(DialOptions{})
	w.reply(w.request("INVITE"), 200, "peer", body)
	w.reply(w.request("BYE"), 200, "", "")
	if err := <-result; err == nil {
		w.Error("taken")
	}
	if w.agent.Calls() != 0 || w.agent.Wheel().Stats().Media != 0 {
		w.Error("something is left")
	}
}
