package hss_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
)

// Keys of test set 3 of TS 35.208: SIPp reads no K that has the octet 5b or 00.
const (
	cardK  = "fec86ba6eb707ed08905757b1bb44b8f"
	cardOP = "dbc59adcb6f9a0ef735477b7fadf8374"
)

// core is an HSS of ours, with Kamailio's I-CSCF and S-CSCF before it.
type core struct {
	*testing.T
	dir          string
	hss          *hss.HSS
	admin        hss.Admin
	node         *diameter.Node
	icscf, scscf int    // ports
	serverName   string // of the S-CSCF
}

// startCore starts all three, with the subscribers alice and bob.
func startCore(t *testing.T) *core {
	t.Helper()
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, "kamailio kamailio-ims-modules kamailio-presence-modules", "kamailio", "kamcmd")
	lab.Need(t, "sip-tester", "sipp")
	tsharktest.Need(t)
	c := &core{T: t, dir: t.TempDir(), icscf: lab.FreePort(t), scscf: lab.FreePort(t)}
	c.serverName = fmt.Sprintf("sip:127.0.0.1:%d", c.scscf)
	store := hss.NewMemoryStore()
	t.Cleanup(func() { store.Close() })
	h, err := hss.New(hss.Config{Host: "localhost", Realm: "ims.example", Store: store, SQN: aka.SQNScheme{INDBits: 5},
		Push: hss.PushConfig{Retry: time.Second, RetryMax: time.Second, Timeout: 2 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	c.hss, c.admin = h, h.As("test")
	for _, name := range []string{"alice", "bob"} {
		if _, err := c.admin.Put(subscriber(t, name), hss.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	c.node, err = diameter.New(diameter.Config{OriginHost: "localhost", OriginRealm: "ims.example", Applications: h.Applications(), Services: h.Services(),
		Accept: diameter.Accept{Hosts: []string{"icscf.ims.example", "scscf.ims.example"}}, Timers: diameter.Timers{Tw: 6 * time.Second},
		Trace: tsharktest.Capture(t, "-d", fmt.Sprintf("tcp.port==%d,diameter", port))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.node.Close() })
	go c.node.Serve(l)
	h.Attach(c.node)

	c.table("version", "table_name(string) table_version(int)", "nds_trusted_domains:1", "s_cscf:1", "s_cscf_capabilities:1")
	c.table("nds_trusted_domains", "id(int,auto) trusted_domain(string)", "1:ims.example")
	c.table("s_cscf", "id(int,auto) name(string) s_cscf_uri(string)", "1:scscf:"+strings.ReplaceAll(c.serverName, ":", `\:`))
	c.table("s_cscf_capabilities", "id(int,auto) id_s_cscf(int) capability(int)", "1:1:5")
	c.cscf("icscf", c.icscf, port)
	c.cscf("scscf", c.scscf, port)
	c.eventually("both CSCFs are connected", func() bool {
		for _, host := range []string{"icscf.ims.example", "scscf.ims.example"} {
			if st, ok := c.node.Peer(host); !ok || !st.Usable {
				return false
			}
		}
		return true
	})
	for _, port := range []int{c.icscf, c.scscf} {
		c.eventually("SIP is answered", func() bool {
			u := c.ue("probe")
			defer u.Close()
			return u.try(port, "OPTIONS sip:127.0.0.1 SIP/2.0", time.Second) != nil
		})
	}
	return c
}

// subscriber is a user with a card; an S-CSCF needs the capability 5 for it.
func subscriber(t *testing.T, name string) *hss.Subscriber {
	t.Helper()
	k, err := hss.ParseSecret(cardK)
	if err != nil {
		t.Fatal(err)
	}
	op, err := hss.ParseSecret(cardOP)
	if err != nil {
		t.Fatal(err)
	}
	return &hss.Subscriber{ID: name,
		PrivateIdentities: []hss.PrivateIdentity{{IMPI: name + "@ims.example", AKA: &hss.AKA{K: k, OP: op}}},
		PublicIdentities:  []hss.PublicIdentity{{Identity: "sip:" + name + "@ims.example"}, {Identity: "sip:" + name + "-too@ims.example"}},
		Capabilities:      hss.Capabilities{Mandatory: []uint32{5}},
	}
}

func (c *core) eventually(what string, ok func() bool) {
	c.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("never: %s", what)
		}
	}
}

// table writes a table of Kamailio's db_text.
func (c *core) table(name string, lines ...string) {
	c.Helper()
	dir := filepath.Join(c.dir, "db")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		c.Fatal(err)
	}
}

// cscf starts a Kamailio.
func (c *core) cscf(name string, port, hssPort int) {
	c.Helper()
	values := strings.NewReplacer("@PORT@", fmt.Sprint(port), "@CTL@", filepath.Join(c.dir, name+".ctl"), "@DIR@", c.dir,
		"@NAME@", name, "@HSS@", fmt.Sprint(hssPort), "@ACCEPT@", fmt.Sprint(lab.FreePort(c.T)))
	for from, to := range map[string]string{name + ".cfg": name + ".cfg", "cdp.xml": name + ".xml"} {
		text, err := os.ReadFile(filepath.Join("testdata/kamailio", from))
		if err != nil {
			c.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.dir, to), []byte(values.Replace(string(text))), 0o644); err != nil {
			c.Fatal(err)
		}
	}
	run := filepath.Join(c.dir, name)
	if err := os.Mkdir(run, 0o755); err != nil {
		c.Fatal(err)
	}
	log, err := os.Create(filepath.Join(c.dir, name+".log"))
	if err != nil {
		c.Fatal(err)
	}
	cmd := exec.Command("kamailio", "-DD", "-E", "-f", filepath.Join(c.dir, name+".cfg"), "-m", "64", "-M", "8", "-Y", run, "-w", run, "-P", filepath.Join(run, "pid"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	c.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) // its children end with it
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-done
		}
		log.Close()
		if c.Failed() {
			b, _ := os.ReadFile(log.Name())
			c.Logf("%s said:\n%s", name, b[max(0, len(b)-6000):])
		}
	})
}

// rpc asks the S-CSCF.
func (c *core) rpc(args ...string) string {
	c.Helper()
	out, _ := exec.Command("kamcmd", append([]string{"-s", "unix:" + filepath.Join(c.dir, "scscf.ctl")}, args...)...).CombinedOutput()
	return string(out)
}

// contacts is how many contacts the S-CSCF has of a public identity that have not expired.
func (c *core) contacts(impu string) int {
	return len(regexp.MustCompile(`expires: [1-9]`).FindAllString(c.rpc("ulscscf.showimpu", impu), -1))
}

// sipp runs a scenario towards the I-CSCF, and returns its error with what it printed.
func (c *core) sipp(port int, args ...string) error {
	c.Helper()
	cmd := exec.Command("sipp", append([]string{"-nostdin", "-m", "1", "-timeout", "20", "-timeout_error", "-i", "127.0.0.1", "-p", fmt.Sprint(port),
		"-mi", "127.0.0.1", "-auth_uri", "ims.example"}, args...)...)
	cmd.Dir = c.dir
	cmd.WaitDelay = time.Second
	errs := filepath.Join(c.dir, fmt.Sprintf("sipp-%d.log", port))
	cmd.Args = append(cmd.Args, "-trace_err", "-error_file", errs)
	os.Remove(errs)
	if err := cmd.Run(); err != nil {
		out, _ := os.ReadFile(errs)
		return fmt.Errorf("sipp %q: %w\n%s", args, err, out[:min(len(out), 3000)])
	}
	return nil
}

func (c *core) scenario(name string) string {
	c.Helper()
	path, err := filepath.Abs(filepath.Join("testdata/kamailio", name))
	if err != nil {
		c.Fatal(err)
	}
	return path
}

// register registers a user with SIPp. Of SIPp's answers three in a hundred are wrong, those to a RES with a zero octet.
func (c *core) register(user string, port, expires int) {
	c.Helper()
	account := filepath.Join(c.dir, user+".csv")
	line := fmt.Sprintf("SEQUENTIAL\n[authentication username=%s@ims.example aka_K=0x%s aka_OP=0x%s aka_AMF=0x8000]\n", user, cardK, cardOP)
	if err := os.WriteFile(account, []byte(line), 0o644); err != nil {
		c.Fatal(err)
	}
	var err error
	for range 4 {
		if err = c.sipp(port, "-sf", c.scenario("register.xml"), "-inf", account, "-key", "user", user, "-key", "expires", fmt.Sprint(expires), fmt.Sprintf("127.0.0.1:%d", c.icscf)); err == nil {
			return
		}
	}
	c.Fatal(err)
}

// registration is what the HSS knows of a user's first set.
func (c *core) registration(id string) hss.Registration {
	c.Helper()
	v, err := c.admin.Get(id)
	if err != nil {
		c.Fatal(err)
	}
	if len(v.State.Registrations) == 0 {
		return hss.Registration{}
	}
	return v.State.Registrations[0]
}

func (c *core) answers(command, result string) uint64 { return c.hss.Stats().Answers[command][result] }

// TestKamailioCSCF: Kamailio's I-CSCF and S-CSCF with our HSS, and SIPp as phones: registration with AKAv1-MD5, a call, the end
// of a registration by the user and by the HSS.
func TestKamailioCSCF(t *testing.T) {
	c := startCore(t)
	const success = "DIAMETER_SUCCESS"
	phone := lab.FreePort(t)
	c.register("alice", phone, 3600)
	if r := c.registration("alice"); r.State != hss.Registered || r.SCSCF != c.serverName || r.Host != "scscf.ims.example" {
		t.Errorf("after the registration: %+v", r)
	}
	if n := c.contacts("sip:alice@ims.example"); n != 1 {
		t.Errorf("the S-CSCF has %d contacts: %s", n, c.rpc("ulscscf.showimpu", "sip:alice@ims.example"))
	}
	if s := c.rpc("ulscscf.showimpu", "sip:alice-too@ims.example"); !strings.Contains(s, "alice-too") {
		t.Errorf("the implicit set in the S-CSCF: %s", s)
	}
	for command, result := range map[string]string{"MAR": success, "SAR": success} {
		if c.answers(command, result) == 0 {
			t.Errorf("no %s with %s: %v", command, result, c.hss.Stats().Answers)
		}
	}

	// A call to her: LIR, then by way of the S-CSCF to her phone.
	called := make(chan error, 1)
	go func() { called <- c.sipp(phone, "-sf", c.scenario("called.xml")) }()
	call := func() error {
		return c.sipp(lab.FreePort(t), "-sf", c.scenario("call.xml"), "-key", "user", "alice", fmt.Sprintf("127.0.0.1:%d", c.icscf))
	}
	if err := call(); err != nil {
		t.Error(err)
	}
	if err := <-called; err != nil {
		t.Error(err)
	}
	if n := c.answers("LIR", success); n == 0 {
		t.Errorf("LIR: %v", c.hss.Stats().Answers)
	}

	// The HSS ends the registration: RTR, answered, and acted upon.
	if err := c.admin.Deregister("alice", hss.Deregistration{Reason: cx.ReasonCodePermanentTermination, Info: "by the operator"}); err != nil {
		t.Fatal(err)
	}
	c.eventually("RTA", func() bool { return c.hss.Stats().PushesDone == 1 && len(c.hss.Pushes()) == 0 })
	c.eventually("no contact in the S-CSCF", func() bool { return c.contacts("sip:alice@ims.example") == 0 })
	if r := c.registration("alice"); r.State == hss.Registered {
		t.Errorf("after RTR: %+v", r)
	}
	if err := call(); err == nil {
		t.Error("a call to somebody who is not registered")
	}

	// She registers again, and ends it herself.
	c.register("alice", phone, 3600)
	if n := c.contacts("sip:alice@ims.example"); n != 1 {
		t.Errorf("%d contacts: %s", n, c.rpc("ulscscf.showimpu", "sip:alice@ims.example"))
	}
	c.register("alice", phone, 0)
	c.eventually("de-registered at the HSS", func() bool { return c.registration("alice").State != hss.Registered })
	c.eventually("no contact in the S-CSCF after the end", func() bool { return c.contacts("sip:alice@ims.example") == 0 })
	if err := c.sipp(lab.FreePort(t), "-sf", c.scenario("call.xml"), "-key", "user", "nobody", fmt.Sprintf("127.0.0.1:%d", c.icscf)); err == nil || c.answers("LIR", "DIAMETER_ERROR_USER_UNKNOWN") == 0 {
		t.Errorf("a call to nobody: %v; %v", err, c.hss.Stats().Answers)
	}
}

// TestKamailioResync: a card whose sequence numbers are ahead of the HSS's makes it go on from there, by way of AUTS. SIPp has no
// AUTS, so the phone is ours.
func TestKamailioResync(t *testing.T) {
	c := startCore(t)
	var k, op [16]byte
	hex.Decode(k[:], []byte(cardK))
	hex.Decode(op[:], []byte(cardOP))
	scheme := aka.SQNScheme{INDBits: 5}
	card := aka.NewSIM(aka.NewMilenage(k, aka.OPc(k, op)), scheme, 100000<<5)
	u := c.ue("bob")
	defer u.Close()
	u.card = card
	before := c.hss.Stats()
	if status := u.register(3600); status != 200 {
		t.Fatalf("REGISTER: %d", status)
	}
	if u.resyncs != 1 {
		t.Errorf("%d AUTS were sent", u.resyncs)
	}
	after := c.hss.Stats()
	if after.Resynchronised != before.Resynchronised+1 || after.ResyncFailed != 0 {
		t.Errorf("%+v", after)
	}
	if v, err := c.admin.Get("bob"); err != nil || v.SQN["bob@ims.example"] < 100000 {
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
	if _, err := c.admin.Put(s, hss.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	c.eventually("PPR is sent", func() bool { st, _ := c.node.Peer("scscf.ims.example"); return st.RequestsSent > 0 })
	c.eventually("it is answered, or sent again", func() bool { st := c.hss.Stats(); return st.PushesDone+st.PushesRetried > 0 })
	st := c.hss.Stats()
	t.Logf("%d answered, %d sent again, %d owed", st.PushesDone, st.PushesRetried, st.PushesOwed)
	if st.PushesDone == 0 && (len(c.hss.Pushes()) != 1 || c.hss.Pushes()[0].Kind != hss.PushPPR || c.hss.Pushes()[0].Host != "scscf.ims.example") {
		t.Errorf("what is owed: %+v", c.hss.Pushes())
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
		r := u.try(u.c.icscf, "REGISTER "+uri+" SIP/2.0", 20*time.Second, auth, "P-Visited-Network-ID: ims.example", fmt.Sprintf("Expires: %d", expires),
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
