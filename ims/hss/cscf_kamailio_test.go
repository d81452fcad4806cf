package hss_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/lab/kamailio"
	"github.com/gotelco/telco/internal/tsharktest"
)

// core is an HSS of ours, with Kamailio's I-CSCF and S-CSCF before it.
type core struct {
	*testing.T
	*kamailio.IMS
}

// startCore starts all three, with the subscribers alice and bob.
func startCore(t *testing.T) *core {
	t.Helper()
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, kamailio.Packages, kamailio.Programs()...)
	tsharktest.Need(t)
	return &core{t, kamailio.StartIMS(t, kamailio.Config{Roles: []string{"icscf", "scscf"}, Capability: 5}, subscriber(t, "alice"), subscriber(t, "bob"))}
}

// subscriber is a user with a card; an S-CSCF needs the capability 5 for it.
func subscriber(t *testing.T, name string) *hss.Subscriber {
	t.Helper()
	s := kamailio.Subscriber(t, name)
	s.Capabilities = hss.Capabilities{Mandatory: []uint32{5}}
	return s
}

func (c *core) eventually(what string, ok func() bool) {
	c.Helper()
	kamailio.Eventually(c.T, what, ok)
}

func (c *core) register(user string, port, expires int) {
	c.Helper()
	c.Register(c.T, user, port, expires)
}

func (c *core) registration(id string) hss.Registration { c.Helper(); return c.Registration(c.T, id) }

// TestKamailioCSCF: Kamailio's I-CSCF and S-CSCF with our HSS, and SIPp as phones: registration with AKAv1-MD5, a call, the end
// of a registration by the user and by the HSS.
func TestKamailioCSCF(t *testing.T) {
	c := startCore(t)
	const success = "DIAMETER_SUCCESS"
	phone := lab.FreePort(t)
	c.register("alice", phone, 3600)
	if r := c.registration("alice"); r.State != hss.Registered || r.SCSCF != c.ServerName || r.Host != "scscf.ims.example" {
		t.Errorf("after the registration: %+v", r)
	}
	if n := c.Contacts("sip:alice@ims.example"); n != 1 {
		t.Errorf("the S-CSCF has %d contacts: %s", n, c.RPC("scscf", "ulscscf.showimpu", "sip:alice@ims.example"))
	}
	if s := c.RPC("scscf", "ulscscf.showimpu", "sip:alice-too@ims.example"); !strings.Contains(s, "alice-too") {
		t.Errorf("the implicit set in the S-CSCF: %s", s)
	}
	for command, result := range map[string]string{"MAR": success, "SAR": success} {
		if c.Answers(command, result) == 0 {
			t.Errorf("no %s with %s: %v", command, result, c.HSS.Stats().Answers)
		}
	}

	// A call to her: LIR, then by way of the S-CSCF to her phone.
	called := make(chan error, 1)
	go func() { called <- kamailio.Answer(t, phone, 1) }()
	call := func() error {
		return kamailio.Call(t, lab.FreePort(t), c.ICSCF, "alice")
	}
	if err := call(); err != nil {
		t.Error(err)
	}
	if err := <-called; err != nil {
		t.Error(err)
	}
	if n := c.Answers("LIR", success); n == 0 {
		t.Errorf("LIR: %v", c.HSS.Stats().Answers)
	}

	// The HSS ends the registration: RTR, answered, and acted upon.
	if err := c.Admin.Deregister("alice", hss.Deregistration{Reason: cx.ReasonCodePermanentTermination, Info: "by the operator"}); err != nil {
		t.Fatal(err)
	}
	c.eventually("RTA", func() bool { return c.HSS.Stats().PushesDone == 1 && len(c.HSS.Pushes()) == 0 })
	c.eventually("no contact in the S-CSCF", func() bool { return c.Contacts("sip:alice@ims.example") == 0 })
	if r := c.registration("alice"); r.State == hss.Registered {
		t.Errorf("after RTR: %+v", r)
	}
	if err := call(); err == nil {
		t.Error("a call to somebody who is not registered")
	}

	// She registers again, and ends it herself.
	c.register("alice", phone, 3600)
	if n := c.Contacts("sip:alice@ims.example"); n != 1 {
		t.Errorf("%d contacts: %s", n, c.RPC("scscf", "ulscscf.showimpu", "sip:alice@ims.example"))
	}
	c.register("alice", phone, 0)
	c.eventually("de-registered at the HSS", func() bool { return c.registration("alice").State != hss.Registered })
	c.eventually("no contact in the S-CSCF after the end", func() bool { return c.Contacts("sip:alice@ims.example") == 0 })
	if err := kamailio.Call(t, lab.FreePort(t), c.ICSCF, "nobody"); err == nil || c.Answers("LIR", "DIAMETER_ERROR_USER_UNKNOWN") == 0 {
		t.Errorf("a call to nobody: %v; %v", err, c.HSS.Stats().Answers)
	}
}

// TestKamailioResync: a card whose sequence numbers are ahead of the HSS's makes it go on from there, by way of AUTS. SIPp has no
// AUTS, so the phone is ours.
func TestKamailioResync(t *testing.T) {
	c := startCore(t)
	var k, op [16]byte
	hex.Decode(k[:], []byte(kamailio.CardK))
	hex.Decode(op[:], []byte(kamailio.CardOP))
	scheme := aka.SQNScheme{INDBits: 5}
	card := aka.NewSIM(aka.NewMilenage(k, aka.OPc(k, op)), scheme, 100000<<5)
	u := c.ue("bob")
	defer u.Close()
	u.card = card
	before := c.HSS.Stats()
	if status := u.register(3600); status != 200 {
		t.Fatalf("REGISTER: %d", status)
	}
	if u.resyncs != 1 {
		t.Errorf("%d AUTS were sent", u.resyncs)
	}
	after := c.HSS.Stats()
	if after.Resynchronised != before.Resynchronised+1 || after.ResyncFailed != 0 {
		t.Errorf("%+v", after)
	}
	if v, err := c.Admin.Get("bob"); err != nil || v.SQN["bob@ims.example"] < 100000 {
		t.Errorf("SQN %v, %v", v.SQN, err)
	}
	if r := c.registration("bob"); r.State != hss.Registered {
		t.Errorf("%+v", r)
	}
	// From now on it is in step, and a wrong answer is refused.
	if status := u.register(3600); status != 200 || u.resyncs != 1 {
		t.Errorf("again: %d, %d AUTS", status, u.resyncs)
	}
	u.wrong = true
	if status := u.register(3600); status != 403 {
		t.Errorf("a wrong RES: %d", status)
	}
	u.wrong = false
	if status := u.register(0); status != 200 {
		t.Errorf("the end: %d", status)
	}
	c.eventually("de-registered at the HSS", func() bool { return c.registration("bob").State != hss.Registered })
}

// TestKamailioPPR: Kamailio 5.6.3 reads a PPR and does not answer it. The HSS owes it until it is answered, and serves on.
func TestKamailioPPR(t *testing.T) {
	c := startCore(t)
	c.register("alice", lab.FreePort(t), 3600)
	s := subscriber(t, "alice")
	s.ServiceProfiles = []hss.ServiceProfile{{Name: "p", InitialFilterCriteria: []hss.InitialFilterCriteria{{ApplicationServer: "sip:as.ims.example"}}}}
	for i := range s.PublicIdentities {
		s.PublicIdentities[i].Profile = "p"
	}
	if _, err := c.Admin.Put(s, hss.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	c.eventually("PPR is sent", func() bool { st, _ := c.Node.Peer("scscf.ims.example"); return st.RequestsSent > 0 })
	c.eventually("it is answered, or sent again", func() bool { st := c.HSS.Stats(); return st.PushesDone+st.PushesRetried > 0 })
	st := c.HSS.Stats()
	t.Logf("%d answered, %d sent again, %d owed", st.PushesDone, st.PushesRetried, st.PushesOwed)
	if st.PushesDone == 0 && (len(c.HSS.Pushes()) != 1 || c.HSS.Pushes()[0].Kind != hss.PushPPR || c.HSS.Pushes()[0].Host != "scscf.ims.example") {
		t.Errorf("what is owed: %+v", c.HSS.Pushes())
	}
	c.register("bob", lab.FreePort(t), 3600)
}

// ue is a phone that says no more than it has to, over UDP.
type ue struct {
	*net.UDPConn
	c       *core
	user    string
	card    *aka.SIM
	wrong   bool // answers with a wrong RES
	resyncs int
	cseq    int
}

func (c *core) ue(user string) *ue {
	c.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		c.Fatal(err)
	}
	return &ue{UDPConn: pc, c: c, user: user}
}

// reply is a final response.
type reply struct {
	status    int
	challenge string
}

// try sends a request and waits for a final response, nil if none comes. The request is its first line and what is behind the
// usual headers.
func (u *ue) try(port int, request string, wait time.Duration, headers ...string) *reply {
	u.c.Helper()
	u.cseq++
	method, _, _ := strings.Cut(request, " ")
	text := request + "\r\n" + strings.Join(append([]string{
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%s%d", u.LocalAddr(), u.user, time.Now().UnixNano()),
		fmt.Sprintf("From: <sip:%s@ims.example>;tag=1", u.user), fmt.Sprintf("To: <sip:%s@ims.example>", u.user),
		fmt.Sprintf("Call-ID: %s@%s", u.user, u.LocalAddr()), fmt.Sprintf("CSeq: %d %s", u.cseq, method), "Max-Forwards: 70", "Content-Length: 0",
	}, headers...), "\r\n") + "\r\n\r\n"
	until := time.Now().Add(wait)
	buf := make([]byte, 65536)
	for time.Now().Before(until) {
		if _, err := u.WriteTo([]byte(text), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err != nil {
			u.c.Fatal(err)
		}
		u.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		for {
			n, _, err := u.ReadFrom(buf)
			if err != nil {
				break // again
			}
			r := reply{}
			answer := string(buf[:n])
			if fmt.Sscanf(answer, "SIP/2.0 %d", &r.status); r.status < 200 || !strings.Contains(answer, fmt.Sprintf("CSeq: %d ", u.cseq)) {
				continue
			}
			if m := regexp.MustCompile(`(?mi)^WWW-Authenticate: (.*?)\r?$`).FindStringSubmatch(answer); m != nil {
				r.challenge = m[1]
			}
			return &r
		}
	}
	return nil
}

// register answers challenges until there is a verdict.
func (u *ue) register(expires int) int {
	u.c.Helper()
	const uri = "sip:ims.example"
	credentials := func(nonce, response, more string) string {
		return fmt.Sprintf(`Authorization: Digest username="%s@ims.example",realm="ims.example",nonce="%s",uri="%s",response="%s"%s`, u.user, nonce, uri, response, more)
	}
	auth := credentials("", "", "")
	for range 4 {
		r := u.try(u.c.ICSCF, "REGISTER "+uri+" SIP/2.0", 20*time.Second, auth, "P-Visited-Network-ID: ims.example", fmt.Sprintf("Expires: %d", expires),
			fmt.Sprintf("Contact: <sip:%s@%s>;expires=%d", u.user, u.LocalAddr(), expires))
		if r == nil {
			u.c.Fatal("REGISTER is not answered")
		}
		if r.status != 401 {
			return r.status
		}
		param := func(name string) string {
			m := regexp.MustCompile(`\b` + name + `="?([^",]*)`).FindStringSubmatch(r.challenge)
			if m == nil {
				return ""
			}
			return m[1]
		}
		nonce := param("nonce")
		rand, autn, _, err := aka.ParseNonce(nonce)
		if err != nil {
			u.c.Fatalf("%s: %v", r.challenge, err)
		}
		answer, err := u.card.Answer(rand, autn)
		var sync *aka.SyncFailure
		switch {
		case errors.As(err, &sync):
			u.resyncs++
			auth = credentials(nonce, digest(u.user, nil, nonce, uri, param("qop")), ending(param("qop"))+`,algorithm=AKAv1-MD5,auts="`+sync.AUTS.Text()+`"`)
			continue
		case err != nil:
			u.c.Fatal(err)
		}
		res := answer.RES
		if u.wrong {
			res = []byte("12345678")
		}
		auth = credentials(nonce, digest(u.user, res, nonce, uri, param("qop")), ending(param("qop"))+",algorithm=AKAv1-MD5")
	}
	return 401
}

func ending(qop string) string {
	if qop == "" {
		return ""
	}
	return `,qop=auth,nc=00000001,cnonce="c"`
}

// digest is RFC 2617's response of a REGISTER.
func digest(user string, password []byte, nonce, uri, qop string) string {
	h := func(b []byte) string { s := md5.Sum(b); return hex.EncodeToString(s[:]) }
	ha1 := h(append([]byte(user+"@ims.example:ims.example:"), password...))
	middle := ":"
	if qop != "" {
		middle = ":00000001:c:auth:"
	}
	return h([]byte(ha1 + ":" + nonce + middle + h([]byte("REGISTER:"+uri))))
}
