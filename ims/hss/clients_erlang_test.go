package hss_test

import (
	"fmt"
	"io"
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
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
)

// client is a node of Erlang's diameter: S-CSCF, application server and MME of our HSS.
type client struct {
	*testing.T
	hss   *hss.HSS
	admin hss.Admin
	out   string // file of what it prints
	in    io.Writer
}

func startClient(t *testing.T) *client {
	t.Helper()
	if testing.Short() {
		t.Skip("waits for another program (-short)")
	}
	lab.Need(t, "erlang-diameter", "escript")
	tsharktest.Need(t)
	store := hss.NewMemoryStore()
	t.Cleanup(func() { store.Close() })
	h, err := hss.New(hss.Config{Host: "hss.ims.example", Realm: "ims.example", Store: store, Push: hss.PushConfig{Retry: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	n, err := diameter.New(diameter.Config{OriginHost: "hss.ims.example", OriginRealm: "ims.example", Applications: h.Applications(), Services: h.Services(),
		Accept: diameter.Accept{Hosts: []string{"node.ims.example"}}, Trace: tsharktest.Capture(t, "-d", fmt.Sprintf("tcp.port==%d,diameter", port))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	go n.Serve(l)
	h.Attach(n)

	c := &client{T: t, hss: h, admin: h.As("test"), out: filepath.Join(t.TempDir(), "out")}
	out, err := os.Create(c.out)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("escript", "testdata/erlang/client.escript", fmt.Sprint(port), "testdata/erlang")
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.in = in
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		out.Close()
		if t.Failed() {
			s := c.said()
			t.Logf("Erlang said:\n%s", s[max(0, len(s)-6000):])
		}
	})
	c.says(`event {up,`)
	return c
}

func (c *client) said() string {
	b, err := os.ReadFile(c.out)
	if err != nil {
		c.Fatal(err)
	}
	return string(b)
}

// says waits until Erlang has printed what the expression matches, and returns it.
func (c *client) says(expression string) string {
	c.Helper()
	re := regexp.MustCompile(expression)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if m := re.FindString(c.said()); m != "" {
			return m
		}
		if time.Now().After(deadline) {
			c.Fatalf("Erlang does not say %s", expression)
		}
	}
}

// ask sends a request, in Erlang's terms, and returns the line with the answer, which has to be without errors.
func (c *client) ask(app, request string) string {
	c.Helper()
	before := strings.Count(c.said(), "\n{answer,")
	if _, err := fmt.Fprintf(c.in, "{%s, %s}.\n", app, request); err != nil {
		c.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s := c.said()
		if strings.Contains(s, "\n{failed,") || strings.Contains(s, "\n{error,") {
			c.Fatalf("%s failed", request)
		}
		if parts := strings.Split(s, "\n{answer,"); len(parts) > before+1 {
			line, _, whole := strings.Cut(parts[before+1], "\n")
			if whole {
				if !strings.HasSuffix(line, ",[]}") {
					c.Errorf("Erlang has objections: %s", line)
				}
				return line
			}
		}
		if time.Now().After(deadline) {
			c.Fatalf("%s is not answered", request)
		}
	}
}

func (c *client) want(answer string, parts ...string) {
	c.Helper()
	for _, p := range parts {
		if !strings.Contains(answer, p) {
			c.Errorf("%s is not in %s", p, answer)
		}
	}
}

const (
	success = "'Result-Code' => [2001]"
	user    = `{'User-Identity', [{'Public-Identity', ["sip:alice@ims.example"]}]}`
)

func sar(kind int) string {
	return fmt.Sprintf(`['SAR', {'Server-Name', "sip:scscf.ims.example"}, {'Server-Assignment-Type', %d}, {'User-Data-Already-Available', 0}, {'User-Name', ["alice@ims.example"]}, {'Public-Identity', ["sip:alice@ims.example"]}]`, kind)
}

// TestErlangClients: Erlang as S-CSCF (MAR, SAR, and PPR and RTR acknowledged), as application server (UDR, PUR, SNR, PNR
// acknowledged) and as MME (AIR, ULR).
func TestErlangClients(t *testing.T) {
	c := startClient(t)
	s := subscriber(t, "alice")
	s.PrivateIdentities[0].IMSI = "001010000000001"
	s.MSISDNs = []string{"15551234567"}
	s.EPS = &hss.EPS{APNs: []hss.APN{{Name: "internet"}}}
	if _, err := c.admin.Put(s, hss.PutOptions{}); err != nil {
		t.Fatal(err)
	}

	// S-CSCF.
	c.want(c.ask("cx", `['MAR', {'User-Name', "alice@ims.example"}, {'Public-Identity', "sip:alice@ims.example"}, {'SIP-Auth-Data-Item', [{'SIP-Authentication-Scheme', ["Digest-AKAv1-MD5"]}]}, {'SIP-Number-Auth-Items', 1}, {'Server-Name', "sip:scscf.ims.example"}]`),
		success, "'SIP-Auth-Data-Item' => [#{", "'Confidentiality-Key' => [<<", "'SIP-Authentication-Scheme' => [<<\"Digest-AKAv1-MD5\">>]")
	c.want(c.ask("cx", sar(1)), success, "<IMSSubscription", "sip:alice-too@ims.example")

	// Application server.
	c.want(c.ask("sh", `['UDR', `+user+`, {'Data-Reference', [11]}]`), success, "<IMSUserState>1</IMSUserState>")
	c.want(c.ask("sh", `['UDR', `+user+`, {'Data-Reference', [12]}]`), success, "sip:scscf.ims.example")
	c.want(c.ask("sh", `['UDR', {'User-Identity', [{'Public-Identity', ["sip:nobody@ims.example"]}]}, {'Data-Reference', [11]}]`), "'Experimental-Result-Code' => 5001")
	subscribe := `['SNR', ` + user + `, {'Subs-Req-Type', 0}, {'Data-Reference', [0, 11]}, {'Service-Indication', ["notes"]}]`
	c.want(c.ask("sh", subscribe), "'Experimental-Result-Code' => 5106") // there are no such data yet
	data := func(sequence int, text string) string {
		return fmt.Sprintf(`['PUR', %s, {'Data-Reference', [0]}, {'User-Data', <<"<?xml version='1.0'?><Sh-Data><RepositoryData><ServiceIndication>notes</ServiceIndication><SequenceNumber>%d</SequenceNumber><ServiceData><note>%s</note></ServiceData></RepositoryData></Sh-Data>">>}]`, user, sequence, text)
	}
	c.want(c.ask("sh", data(0, "hello")), success)
	c.want(c.ask("sh", data(7, "out of turn")), "'Experimental-Result-Code' => 5105")
	c.want(c.ask("sh", `['UDR', `+user+`, {'Data-Reference', [0]}, {'Service-Indication', ["notes"]}]`), success, "<note>hello</note>")

	c.want(c.ask("sh", subscribe), success)

	// A change of state is told: the user is de-registered by the S-CSCF.
	done := c.hss.Stats().PushesDone
	c.want(c.ask("cx", sar(5)), success)
	c.says(`request \{'PNR'.*<IMSUserState>0</IMSUserState>.*\[\]\}`)
	c.acknowledged(done + 1)

	// Changes by the operator: PPR while registered, then RTR.
	c.want(c.ask("cx", sar(1)), success)
	c.says(`request \{'PNR'.*<IMSUserState>1</IMSUserState>.*\[\]\}`)
	c.acknowledged(done + 2)
	s.ServiceProfiles = []hss.ServiceProfile{{Name: "p", InitialFilterCriteria: []hss.InitialFilterCriteria{{ApplicationServer: "sip:as.ims.example"}}}}
	for i := range s.PublicIdentities {
		s.PublicIdentities[i].Profile = "p"
	}
	if _, err := c.admin.Put(s, hss.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	c.says(`request \{'PPR'.*sip:as\.ims\.example.*\[\]\}`)
	c.acknowledged(done + 3)
	if err := c.admin.Deregister("alice", hss.Deregistration{Reason: cx.ReasonCodePermanentTermination, Info: "by the operator"}); err != nil {
		t.Fatal(err)
	}
	c.says(`request \{'RTR'.*'Reason-Info' => \[<<"by the operator">>\].*\[\]\}`)
	c.acknowledged(done + 5) // and the application server by PNR

	// MME.
	c.want(c.ask("s6a", `['AIR', {'User-Name', "001010000000001"}, {'Visited-PLMN-Id', <<0, 241, 16>>}, {'Requested-EUTRAN-Authentication-Info', [[{'Number-Of-Requested-Vectors', [2]}]]}]`),
		success, "'KASME' => <<", "'E-UTRAN-Vector' => [#{")
	c.want(c.ask("s6a", `['ULR', {'User-Name', "001010000000001"}, {'RAT-Type', 1004}, {'ULR-Flags', 34}, {'Visited-PLMN-Id', <<0, 241, 16>>}]`),
		success, "'Subscription-Data' => [#{", "'Subscriber-Status' => [0]")
	if v, err := c.admin.Get("alice"); err != nil || v.State.MME == nil || v.State.MME.Host != "node.ims.example" {
		t.Errorf("%+v, %v", v.State, err)
	}
	c.want(c.ask("s6a", `['AIR', {'User-Name', "999990000000001"}, {'Visited-PLMN-Id', <<0, 241, 16>>}, {'Requested-EUTRAN-Authentication-Info', [[{'Number-Of-Requested-Vectors', [1]}]]}]`),
		"'Experimental-Result-Code' => 5001")
}

// acknowledged waits until so many pushes have been answered, and none is owed.
func (c *client) acknowledged(count uint64) {
	c.Helper()
	for deadline := time.Now().Add(60 * time.Second); c.hss.Stats().PushesDone < count || len(c.hss.Pushes()) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("%+v, want %d pushes done; owed: %+v", c.hss.Stats(), count, c.hss.Pushes())
		}
	}
}
