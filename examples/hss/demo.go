package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/gotelco/telco/examples/kit/term"
	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/trace"
)

// The keys of the demonstration's card are those of TS 35.208 section 4.3.1, which every test SIM knows.
const (
	demoK    = "465b5ce8b199b49faa5f0a2ee238a6bc"
	demoOPc  = "cd63cb71954a9f4e48a5994e37a02baf"
	demoIMPI = "001010000000001@ims.example"
	demoIMPU = "sip:alice@ims.example"
	demoCSCF = "sip:scscf1.ims.example:6060"
)

func demoKey(digits string) [16]byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic(err) // a constant
	}
	return [16]byte(b)
}

// demoSubscriber is alice.
func demoSubscriber() *hss.Subscriber {
	k, opc := demoKey(demoK), demoKey(demoOPc)
	return &hss.Subscriber{
		ID: "alice",
		PrivateIdentities: []hss.PrivateIdentity{{
			IMPI: demoIMPI, IMSI: "001010000000001", AKA: &hss.AKA{K: hss.NewSecret(k[:]), OPc: hss.NewSecret(opc[:])},
		}},
		PublicIdentities: []hss.PublicIdentity{{Identity: demoIMPU, DisplayName: "Alice"}, {Identity: "tel:+15550001"}},
		MSISDNs:          []string{"15550001"},
		ServiceProfiles: []hss.ServiceProfile{{Name: "voice", InitialFilterCriteria: []hss.InitialFilterCriteria{{
			Priority: 10, ApplicationServer: "sip:as.ims.example:5065", Triggers: []hss.Trigger{{Method: "INVITE"}},
		}}}},
		EPS: &hss.EPS{APNs: []hss.APN{{Name: "internet"}, {Name: "ims"}}},
	}
}

// demo shows an HSS at work: alice registers through a simulated S-CSCF, her profile changes, an administrator ends the registration.
type demo struct {
	out    io.Writer
	s      *server
	cscf   *scscf
	card   *aka.SIM
	url    string
	failed int
}

// startDemo brings up an HSS in memory, and the S-CSCF.
func startDemo(cfg Config, out *os.File, log *slog.Logger, quiet bool) (*demo, error) {
	d := &demo{out: out}
	names := map[netip.AddrPort]string{}
	var more trace.Func
	if !quiet {
		l := term.Ladder(out, names)
		more = func(e trace.Event) { // watchdogs and inner workings are for /events
			if e.Dir != trace.State {
				e.Local, e.Remote = netip.AddrPortFrom(loopback, 1), netip.AddrPortFrom(loopback, 2)
				l.Trace(e)
			}
		}
		names[netip.AddrPortFrom(loopback, 1)], names[netip.AddrPortFrom(loopback, 2)] = "hss", "scscf1"
	}
	cfg.SCSCFs = []SCSCF{{Name: demoCSCF}}
	var err error
	if d.s, err = newServer(cfg, log, more); err != nil {
		return nil, err
	}
	if _, err := d.s.hss.As("demonstration").Put(demoSubscriber(), hss.PutOptions{}); err != nil {
		d.s.close()
		return nil, err
	}
	_, addr, _ := strings.Cut(d.s.listening[0], " ")
	if d.cscf, err = newSCSCF("scscf1.ims.example", demoCSCF, cfg.Realm, cfg.Host, addr, log, nil); err != nil {
		d.s.close()
		return nil, err
	}
	// The card has been used before: the first vector is too old for it, and it resynchronises.
	d.card = aka.NewSIM(aka.NewMilenage(demoKey(demoK), demoKey(demoOPc)), aka.SQNScheme{}, aka.SQNScheme{}.Join(1000, 0))
	a, err := d.s.adm.Listen()
	if err != nil {
		d.s.close()
		return nil, err
	}
	d.url = "http://" + a.String()
	return d, nil
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func (d *demo) check(what string, err error) bool {
	if err != nil {
		d.failed++
		fmt.Fprintf(d.out, "FAIL %s: %v\n", what, err)
		return false
	}
	fmt.Fprintf(d.out, "PASS %s\n", what)
	return true
}

// story is what the demonstration shows.
func (d *demo) story(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	fail := func(format string, a ...any) error { return fmt.Errorf(format, a...) }
	if !d.check("the S-CSCF connects (CER, CEA)", d.cscf.node.Ready(ctx, d.s.cfg.Host)) {
		return
	}
	sqn, err := d.cscf.register(ctx, demoIMPI, demoIMPU, d.card)
	d.check(fmt.Sprintf("alice registers: the card was ahead, the HSS resynchronised, and the next vector has SQN %v", sqn), err)
	err = nil
	if n := d.s.hss.Stats().Resynchronised; n != 1 {
		err = fail("%d resynchronisations", n)
	}
	if p := d.cscf.profile(demoIMPU); p == nil || len(p.Identities()) != 2 {
		err = fail("the profile is %v", p)
	}
	d.check("the S-CSCF has her profile, with both identities of her set", err)

	sub, tag, err := d.get(ctx, "/v1/subscribers/alice")
	if err == nil && (strings.Contains(sub, demoK) || !strings.Contains(sub, `"k":"***"`)) {
		err = fail("it shows a key")
	}
	d.check("the API shows her without her keys", err)
	err = d.send(ctx, http.MethodPut, "/v1/subscribers/alice", strings.Replace(sub, "sip:as.ims.example:5065", "sip:as2.ims.example", 1), tag)
	d.check("an administrator gives her another application server", err)
	d.check("the S-CSCF is told (PPR)", d.until(ctx, func() bool {
		p := d.cscf.profile(demoIMPU)
		return p != nil && p.ServiceProfiles[0].InitialFilterCriteria[0].ApplicationServer.ServerName == "sip:as2.ims.example"
	}))
	err = d.send(ctx, http.MethodPut, "/v1/subscribers/alice", sub, tag)
	if err == nil {
		err = fail("a change of what another has changed meanwhile was taken")
	} else if strings.HasPrefix(err.Error(), "412") {
		err = nil
	}
	d.check("a change made from an old copy is refused (412)", err)
	d.check("an administrator deregisters her", d.send(ctx, http.MethodPost, "/v1/subscribers/alice/deregister", `{"info": "the subscription is looked after"}`, ""))
	d.check("the S-CSCF is told (RTR)", d.until(ctx, func() bool { return d.cscf.profile(demoIMPU) == nil }))
	again, err := d.cscf.register(ctx, demoIMPI, demoIMPU, d.card)
	if err == nil && again <= sqn {
		err = fail("SQN %v after %v", again, sqn)
	}
	d.check("she registers again, with a higher SQN", err)
}

// until waits for something that RTRs and PPRs bring about.
func (d *demo) until(ctx context.Context, done func() bool) error {
	for !done() {
		select {
		case <-d.cscf.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *demo) get(ctx context.Context, path string) (body, tag string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, nil)
	if err != nil {
		return "", "", err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("%s: %s", res.Status, b)
	}
	return string(b), res.Header.Get("ETag"), err
}

func (d *demo) send(ctx context.Context, method, path, body, ifMatch string) error {
	r, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if ifMatch != "" {
		r.Header.Set("If-Match", ifMatch)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		return fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(b))
	}
	return nil
}

const explanation = `This is a Home Subscriber Server. It has one subscriber, alice, in memory alone, and a simulated S-CSCF.

  Diameter (Cx, Sh, S6a)   %s   as %s, realm %s; any Origin-Host from this machine
  page                     %s/
  API                      %s/v1/openapi.json
  capture                  curl -sN %s/trace.pcapng | wireshark -k -i -
  alice's card             K %s, OPc %s
                           IMPI %s

`

const tryIt = `
Try, in another terminal:
  %[1]s show alice                what the HSS knows of her, and of her registration
  %[1]s deregister alice          the S-CSCF gets an RTR, as you see here
  %[1]s add -imsi 001010000000002 -impu sip:bob@ims.example
  %[1]s list
  %[1]s sample > hss.yaml         then a real one: %[1]s run hss.yaml
Ctrl-C ends it, and alice is forgotten.
`

// runDemo shows the story, and then stays until ctx is done, unless it is to end.
func runDemo(ctx context.Context, out *os.File, log *slog.Logger, once, quiet bool) int {
	cfg := defaults()
	if once {
		cfg.Listen[0].Addr, cfg.Admin.Addr = "127.0.0.1:0", "127.0.0.1:0"
	}
	d, err := startDemo(cfg, out, log, quiet)
	if err != nil {
		fmt.Fprintln(out, "hss:", err)
		if strings.Contains(err.Error(), "address already in use") {
			fmt.Fprintln(out, "Is another HSS running? hss -once takes other ports, hss run FILE those of its configuration.")
		}
		return 1
	}
	fmt.Fprintf(out, explanation, d.s.listening[0], cfg.Host, cfg.Realm, d.url, d.url, d.url, demoK, demoOPc, demoIMPI)
	run, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- d.s.run(run, nil, nil) }()
	d.story(ctx)
	if !once && ctx.Err() == nil {
		fmt.Fprintf(out, tryIt, program())
		select {
		case <-ctx.Done():
		case err := <-done:
			done <- err
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = d.cscf.node.Shutdown(last, 0) // the HSS ends just as well without its DPR
	stop()
	if err := <-done; err != nil {
		fmt.Fprintln(out, "hss:", err)
		return 1
	}
	if d.failed > 0 {
		return 1
	}
	return 0
}

// program is how this program was called.
func program() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./examples/hss"
	}
	return os.Args[0]
}
