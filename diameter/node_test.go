package diameter

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/internal/memnet"
)

func TestRequestAndAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) { c.Services = echoService })
		n := w.node("192.0.2.2", "cscf."+realmA, realmA, func(c *Config) { c.Peers = []Peer{peerAt("HSS."+realmB, "192.0.2.1")} })
		ready(t, n, "hss."+realmB)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				s := fmt.Sprintf("s;%d", i)
				a, err := n.Do(t.Context(), mar(s, realmB, ""))
				if err != nil {
					t.Error(err)
					return
				}
				if resultOf(t, a.Message) != Success || a.Text(AVPSessionID, 0) != s || a.Text(AVPOriginHost, 0) != "hss."+realmB ||
					a.Text(AVPOriginRealm, 0) != realmB || a.IsRequest() || a.Flags != Proxiable || a.Peer != "HSS."+realmB {
					t.Errorf("%v from %s: %x", a.Header, a.Peer, a.AVPs)
				}
			})
		}
		wg.Wait()
		s, _ := n.Peer("hss." + realmB)
		if s.RequestsSent != 100 || s.AnswersReceived != 100 || s.Pending != 0 || s.State != PeerIOpen || s.Watchdog != WatchdogOkay {
			t.Errorf("%+v", s)
		}
	})
}

func TestHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) {
			c.Services = []Service{
				{Application: cxApp, Command: 1, Handler: echo},
				{Application: cxApp, Command: 2, Goroutine: true, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
					time.Sleep(time.Second)
					return echo(ctx, r)
				}},
				{Application: cxApp, Command: 3, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
					go func() {
						time.Sleep(time.Second)
						a, _ := echo(ctx, r)
						if err := r.Answer(a); err != nil {
							t.Error(err)
						}
						if err := r.Answer(a); !errors.Is(err, ErrAnswered) {
							t.Errorf("second answer: %v", err)
						}
					}()
					return nil, nil
				}},
				{Application: cxApp, Command: 4, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
					return nil, &ProtocolError{ResultCode: UnknownSessionID, Text: "no such session"}
				}},
				{Application: cxApp, Command: 5, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
					return nil, errors.New("the database is on fire")
				}},
				{Application: cxApp, Command: 6, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
					panic("boom")
				}},
				{Application: cxApp, Command: 7, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
					return Message{Header{Code: 99, Flags: Request}, nil}, nil // the header is made to fit
				}},
				{Application: 77, Handler: echo},
			}
		})
		n := w.node("192.0.2.2", "cscf."+realmA, realmA, func(c *Config) {
			c.Applications = append(c.Applications, Application{ID: 77}, Application{ID: 78})
			c.Peers = []Peer{peerAt("hss."+realmB, "192.0.2.1")}
		})
		ready(t, n, "hss."+realmB)
		p := n.peer("hss." + realmB)
		caps := *p.remote.Load()
		caps.Relay = true // so that every application may be asked for
		p.remote.Store(&caps)
		for _, c := range []struct {
			app  ApplicationID
			code CommandCode
			want ResultCode
		}{
			{cxApp, 1, Success}, {cxApp, 2, Success}, {cxApp, 3, Success}, {cxApp, 4, UnknownSessionID}, {cxApp, 5, UnableToComply},
			{cxApp, 6, UnableToComply}, {cxApp, 7, 0}, {cxApp, 8, CommandUnsupported}, {77, 9, Success}, {78, 9, ApplicationUnsupported},
		} {
			m := mar("s;1", realmB, "")
			m.Code, m.ApplicationID = c.code, c.app
			a, err := n.Do(t.Context(), m)
			if err != nil {
				t.Fatalf("command %d: %v", c.code, err)
			}
			if c.want == 0 {
				if a.Code != c.code || a.IsRequest() {
					t.Errorf("command %d: %v", c.code, a.Header)
				}
				continue
			}
			if got := resultOf(t, a.Message); got != c.want || c.want.IsProtocolError() != (a.Flags&ErrorFlag != 0) || a.Text(AVPSessionID, 0) != "s;1" {
				t.Errorf("command %d: %v %v %q", c.code, got, a.Header, a.Text(AVPErrorMessage, 0))
			}
		}
	})
}

// TestMalformedRequests: each gets the answer that RFC 6733 names, and the connection goes on.
func TestMalformedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) { c.Services = echoService })
		r := w.raw("192.0.2.3", "raw."+realmB, "192.0.2.1")
		if rc := resultOf(t, r.cer()); rc != Success {
			t.Fatal(rc)
		}
		good := r.mar("s;1", realmB, "")
		r.send(good.Header, good.AVPs)
		if rc := resultOf(t, r.read()); rc != Success {
			t.Error(rc)
		}
		bad := r.mar("s;2", realmB, "", AppendText(nil, AVPProxyInfo, Mandatory, 0, "state"))
		bad.Flags |= ErrorFlag
		r.send(bad.Header, bad.AVPs)
		a := r.read()
		if rc := resultOf(t, a); rc != InvalidHdrBits || a.Text(AVPSessionID, 0) != "s;2" || a.Text(AVPProxyInfo, 0) != "state" || a.EndToEndID != bad.EndToEndID || a.HopByHopID != bad.HopByHopID {
			t.Errorf("%v %v", rc, a.Header)
		}
		bad = r.mar("s;3", realmB, "")
		bad.AVPs = append(bad.AVPs, 0, 0, 1, 0, 0x40, 0, 0, 99, 1, 2, 3, 4) // says 99 octets
		r.send(bad.Header, bad.AVPs)
		a = r.read()
		failed, _ := a.Find(AVPFailedAVP, 0)
		if rc := resultOf(t, a); rc != InvalidAVPLength || a.Text(AVPSessionID, 0) != "s;3" || !failed.Grouped().Has(256, 0) {
			t.Errorf("%v %x", rc, failed.Data)
		}
		bad = r.mar("s;4", "elsewhere.example", "")
		r.send(bad.Header, bad.AVPs)
		if rc := resultOf(t, r.read()); rc != RealmNotServed {
			t.Error(rc)
		}
		bad = r.mar("s;5", realmB, "other."+realmB)
		r.send(bad.Header, bad.AVPs)
		if rc := resultOf(t, r.read()); rc != UnableToDeliver {
			t.Error(rc)
		}
		r.send(Header{Flags: Request | ErrorFlag, Code: CommandDeviceWatchdog, HopByHopID: 7}, r.origin(nil))
		if rc := resultOf(t, r.expect(CommandDeviceWatchdog, false)); rc != InvalidHdrBits {
			t.Error(rc)
		}
		r.send(Header{Flags: Request, Code: CommandDeviceWatchdog, HopByHopID: 7}, r.origin(nil))
		if rc := resultOf(t, r.expect(CommandDeviceWatchdog, false)); rc != Success {
			t.Error(rc)
		}
		r.send(Header{Flags: Request, Code: CommandCapabilitiesExchange, HopByHopID: 7}, r.cerAVPs(cx.appendTo(nil)))
		if rc := resultOf(t, r.expect(CommandCapabilitiesExchange, false)); rc != UnableToComply {
			t.Error(rc)
		}
	})
}

// TestFramingLost: a version or length that cannot be is answered, then the connection ends.
func TestFramingLost(t *testing.T) {
	for _, c := range []struct {
		name string
		at   int
		b    byte
		want ResultCode
	}{
		{"version", 0, 2, UnsupportedVersion},
		{"length shorter than the header", 3, 16, InvalidMessageLength},
		{"length not of whole words", 3, 0x41, InvalidMessageLength},
		{"length over the limit", 1, 0xff, InvalidMessageLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t)
				n := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) { c.Services = echoService })
				r := w.raw("192.0.2.3", "raw."+realmB, "192.0.2.1")
				r.cer()
				m := r.mar("s;1", realmB, "")
				b, _ := m.AppendBinary(nil)
				b[c.at] = c.b
				if c.at == 3 {
					b[2] = 0
				}
				r.write(b)
				a := r.read()
				if rc := resultOf(t, a); rc != c.want || a.HopByHopID != m.HopByHopID {
					t.Errorf("%v %v", rc, a.Header)
				}
				r.ended()
				synctest.Wait()
				if s := state(t, n, r.host); s != "unknown" {
					t.Errorf("the peer is %s", s)
				}
			})
		})
	}
}

func TestRefusedCER(t *testing.T) {
	vsai := func(avps ...[]byte) []byte {
		b, at := BeginAVP(nil, AVPVendorSpecificApplicationID, Mandatory, 0)
		for _, a := range avps {
			b = append(b, a...)
		}
		return EndAVP(b, at)
	}
	vendor := AppendUint32(nil, AVPVendorID, Mandatory, 0, uint32(Vendor3GPP))
	acct := AppendUint32(nil, AVPAcctApplicationID, Mandatory, 0, uint32(cxApp))
	inband := func(v uint32) []byte { return AppendUint32(nil, AVPInbandSecurityID, Mandatory, 0, v) }
	for _, c := range []struct {
		name   string
		host   string
		strict bool
		apps   []byte
		want   ResultCode
		text   string
	}{
		{"Auth-Application-Id at the top", "", false, authApp(cxApp), Success, ""},
		{"within Vendor-Specific-Application-Id", "", true, vsai(vendor, authApp(cxApp)), Success, ""},
		{"as accounting", "", true, acct, Success, ""},
		{"relay", "", true, authApp(Relay), Success, ""},
		{"relay as accounting", "", true, AppendUint32(nil, AVPAcctApplicationID, Mandatory, 0, uint32(Relay)), Success, ""},
		{"relay with a vendor", "", true, vsai(vendor, authApp(Relay)), Success, ""},
		{"without Vendor-Id", "", true, vsai(authApp(cxApp)), Success, ""},
		{"with two Vendor-Ids (RFC 3588)", "", true, vsai(vendor, vendor, authApp(cxApp)), Success, ""},
		{"with both", "", false, vsai(vendor, authApp(cxApp), acct), Success, ""},
		{"with both, strictly", "", true, vsai(vendor, authApp(cxApp), acct), AVPOccursTooManyTimes, "Vendor-Specific-Application-Id has more than one Application-Id"},
		{"with none, and another", "", false, append(vsai(vendor), authApp(cxApp)...), Success, ""},
		{"with none, strictly", "", true, append(vsai(vendor), authApp(cxApp)...), MissingAVP, "Vendor-Specific-Application-Id has no Application-Id"},
		{"another application", "", false, authApp(4), NoCommonApplication, "you announced applications 4, hss.b.example has applications 16777216"},
		{"no application", "", false, nil, NoCommonApplication, "you announced no application, hss.b.example has applications 16777216"},
		{"an Application-Id of 3 octets", "", false, AppendText(nil, AVPAuthApplicationID, Mandatory, 0, "abc"), InvalidAVPLength, "AVP 258: data of 3 octets, want 4"},
		{"a group cut short", "", false, AppendText(nil, AVPVendorSpecificApplicationID, Mandatory, 0, "abc"), InvalidAVPLength, ""},
		{"TLS or none", "", false, slicesConcat(authApp(cxApp), inband(0), inband(1)), Success, ""},
		{"TLS alone", "", false, slicesConcat(authApp(cxApp), inband(1)), NoCommonSecurity, "you announced TLS in band, hss.b.example wants no security in band"},
		{"unknown peer", "stranger.example", false, authApp(cxApp), UnknownPeer, "stranger.example: not among the peers admitted here"},
		{"our own name", "HSS.b.example", false, authApp(cxApp), UnknownPeer, "HSS.b.example: that is this node's own name"},
		{"wrong address", "far.b.example", false, authApp(cxApp), UnknownPeer, "far.b.example: not from address 192.0.2.3"},
		{"right address", "near.b.example", false, authApp(cxApp), Success, ""},
		{"dialled only", "dialled.b.example", false, authApp(cxApp), UnknownPeer, "dialled.b.example: this peer is connected to from here only"},
		{"no name", "\x00", false, authApp(cxApp), InvalidAVPValue, "AVP 264: no DiameterIdentity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t)
				n := w.node("192.0.2.1", "hss."+realmB, realmB, func(cfg *Config) {
					cfg.Strict = c.strict
					cfg.Accept = Accept{Hosts: []string{"." + realmB}}
					cfg.Peers = []Peer{
						{Host: "far.b.example", From: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}},
						{Host: "near.b.example", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
						{Host: "dialled.b.example", DialOnly: true},
					}
				})
				r := w.raw("192.0.2.3", "raw."+realmB, "192.0.2.1")
				if c.host != "" {
					r.host = c.host
				}
				r.send(Header{Flags: Request, Code: CommandCapabilitiesExchange, HopByHopID: 9, EndToEndID: 8}, r.cerAVPs(c.apps))
				m := r.expect(CommandCapabilitiesExchange, false)
				if rc := resultOf(t, m); rc != c.want || c.text != "" && m.Text(AVPErrorMessage, 0) != c.text {
					t.Errorf("%v %q, want %v %q", rc, m.Text(AVPErrorMessage, 0), c.want, c.text)
				}
				if m.HopByHopID != 9 || m.EndToEndID != 8 || m.Text(AVPOriginHost, 0) != "hss."+realmB {
					t.Error(m.Header)
				}
				if c.want == Success {
					if s := state(t, n, r.host); s != "R-Open OKAY" {
						t.Error(s)
					}
					return
				}
				r.ended()
				synctest.Wait()
				if s := n.Stats(); s.Refused != 1 || s.Unknown != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
	for _, c := range []struct {
		code   AVPCode
		strict bool
	}{{AVPOriginHost, false}, {AVPOriginRealm, false}, {AVPHostIPAddress, true}, {AVPHostIPAddress, false}, {AVPVendorID, false}, {AVPProductName, false}} {
		t.Run(fmt.Sprintf("without AVP %d, strict %v", c.code, c.strict), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				code := c.code
				w := newNetwork(t)
				w.node("192.0.2.1", "hss."+realmB, realmB, func(cfg *Config) { cfg.Strict = c.strict })
				r := w.raw("192.0.2.3", "raw."+realmB, "192.0.2.1")
				var b []byte
				for a := range AVPs(r.cerAVPs(authApp(cxApp))).All() {
					if a.Code != code {
						b = AppendAVP(b, a)
					}
				}
				r.send(Header{Flags: Request, Code: CommandCapabilitiesExchange}, b)
				m := r.read()
				if code == AVPHostIPAddress && !c.strict { // as of Kamailio
					if rc := resultOf(t, m); rc != Success {
						t.Error(rc)
					}
					return
				}
				failed, _ := m.Find(AVPFailedAVP, 0)
				if rc := resultOf(t, m); rc != MissingAVP || !failed.Grouped().Has(code, 0) {
					t.Errorf("%v, Failed-AVP %x", rc, failed.Data)
				}
				r.ended()
			})
		})
	}
}

func slicesConcat(bs ...[]byte) (out []byte) {
	for _, b := range bs {
		out = append(out, b...)
	}
	return out
}

// TestRefusedCEA: what the peer said is what the operator reads.
func TestRefusedCEA(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"error", "CEA: diameter: hss.b.example refused: DIAMETER_NO_COMMON_APPLICATION: we do Gx here"},
		{"other name", "CEA: diameter: it calls itself imposter.example, not hss.b.example"},
		{"no common application", "CEA: diameter: DIAMETER_NO_COMMON_APPLICATION: you announced applications 4, cscf.a.example has applications 16777216"},
		{"other message", "280 R app 0 hbh 00000001 e2e 00000000 before the capabilities were exchanged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t)
				l := w.listenRaw("192.0.2.1", "hss."+realmB)
				n := w.node("192.0.2.2", "cscf."+realmA, realmA, func(c *Config) { c.Peers = []Peer{peerAt("hss."+realmB, "192.0.2.1")} })
				r := l.accept()
				m := r.expect(CommandCapabilitiesExchange, true)
				ok := AppendUint32(nil, AVPResultCode, Mandatory, 0, uint32(Success))
				switch c.name {
				case "error":
					r.answer(m, NoCommonApplication, AppendText(nil, AVPErrorMessage, 0, 0, "we do Gx here"))
				case "other name":
					r.host = "imposter.example"
					r.send(m.Header.Answer(), append(ok, r.cerAVPs(authApp(cxApp))...))
				case "no common application":
					r.send(m.Header.Answer(), append(ok, r.cerAVPs(authApp(4))...))
				case "other message":
					r.send(Header{Flags: Request, Code: CommandDeviceWatchdog, HopByHopID: 1}, r.origin(nil))
				}
				r.ended()
				synctest.Wait()
				s, _ := n.Peer("hss." + realmB)
				if s.State != PeerClosed || s.Reason != c.want {
					t.Errorf("%v: %s\nwant %s", s.State, s.Reason, c.want)
				}
				_, err := n.Do(t.Context(), mar("s", "x.example", "hss."+realmB))
				var re *RouteError
				if !errors.As(err, &re) || re.ResultCode != UnableToDeliver {
					t.Errorf("%v", err)
				}
				start := time.Now()
				r2 := l.accept() // again after Tc
				if d := time.Since(start); d < 28*time.Second || d > 32*time.Second {
					t.Errorf("after %v", d)
				}
				r2.answerCER()
				ready(t, n, "hss."+realmB)
			})
		})
	}
}

func TestElectionOfNodes(t *testing.T) {
	for _, names := range [][2]string{{"a.example", "b.example"}, {"b.example", "a.example"}} {
		t.Run(names[0], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &network{t, memnet.New(memnet.Config{Latency: 50 * time.Millisecond})}
				x := w.node("192.0.2.1", names[0], realmA, func(c *Config) {
					c.Services = echoService
					c.Peers = []Peer{peerAt(names[1], "192.0.2.2")}
				})
				y := w.node("192.0.2.2", names[1], realmB, func(c *Config) {
					c.Services = echoService
					c.Peers = []Peer{peerAt(names[0], "192.0.2.1")}
				})
				x.Connect(names[1]) // x dialled before y was there
				ready(t, x, names[1])
				ready(t, y, names[0])
				for i := range 20 {
					if a, err := x.Do(t.Context(), mar("s", realmB, names[1])); err != nil || resultOf(t, a.Message) != Success {
						t.Fatalf("%d: %v", i, err)
					}
					if a, err := y.Do(t.Context(), mar("s", realmA, names[0])); err != nil || resultOf(t, a.Message) != Success {
						t.Fatalf("%d: %v", i, err)
					}
				}
				got := map[string]string{names[0]: state(t, x, names[1]), names[1]: state(t, y, names[0])}
				// Whoever has the higher name keeps what the other one made; a race that one of them
				// wins before the other has dialled leaves one connection, too.
				if got[names[0]] == got[names[1]] {
					t.Errorf("%v", got)
				}
			})
		})
	}
}

// TestElectionOverCrossedCERs crosses the two CERs for certain.
func TestElectionOverCrossedCERs(t *testing.T) {
	for _, c := range []struct {
		name string
		wins bool // our side
	}{{"a.example", true}, {"z.example", false}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t)
				l := w.listenRaw("192.0.2.2", c.name)
				n := w.node("192.0.2.1", "m.example", realmA, func(cfg *Config) {
					cfg.Peers = []Peer{peerAt(c.name, "192.0.2.2")}
				})
				theirs := l.accept() // our initiator's connection
				cer := theirs.expect(CommandCapabilitiesExchange, true)
				ours := w.raw("192.0.2.2", c.name, "192.0.2.1")
				ours.send(Header{Flags: Request, Code: CommandCapabilitiesExchange, HopByHopID: 5}, ours.cerAVPs(cx.appendTo(nil)))
				if c.wins {
					if rc := resultOf(t, ours.expect(CommandCapabilitiesExchange, false)); rc != Success {
						t.Error(rc)
					}
					theirs.ended()
					if s := state(t, n, c.name); s != "R-Open OKAY" {
						t.Error(s)
					}
					return
				}
				synctest.Wait()
				if s := state(t, n, c.name); s != "Wait-Returns INITIAL" {
					t.Error(s)
				}
				theirs.send(cer.Header.Answer(), append(AppendUint32(nil, AVPResultCode, Mandatory, 0, uint32(Success)), theirs.cerAVPs(cx.appendTo(nil))...))
				ours.ended()
				if s := state(t, n, c.name); s != "I-Open OKAY" {
					t.Error(s)
				}
			})
		})
	}
}

// TestSecondConnectionIsRejected: the open one stays (R-Reject).
func TestSecondConnectionIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		n := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) { c.Services = echoService })
		r := w.raw("192.0.2.3", "raw."+realmB, "192.0.2.1")
		r.cer()
		r2 := w.raw("192.0.2.3", "RAW."+realmB, "192.0.2.1")
		r2.send(Header{Flags: Request, Code: CommandCapabilitiesExchange}, r2.cerAVPs(authApp(cxApp)))
		r2.ended()
		m := r.mar("s", realmB, "")
		r.send(m.Header, m.AVPs)
		if rc := resultOf(t, r.read()); rc != Success || state(t, n, r.host) != "R-Open OKAY" {
			t.Errorf("%v, %s", rc, state(t, n, r.host))
		}
	})
}

func TestDisconnectPeer(t *testing.T) {
	for _, c := range []struct {
		cause DisconnectCause
		again time.Duration // when it connects again, roughly; 0: never
	}{{DisconnectCauseRebooting, 30 * time.Second}, {DisconnectCauseBusy, 0}, {DisconnectCauseDoNotWantToTalkToYou, 0}} {
		t.Run(c.cause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t)
				l := w.listenRaw("192.0.2.1", "hss."+realmB)
				n := w.node("192.0.2.2", "cscf."+realmA, realmA, func(c *Config) { c.Peers = []Peer{peerAt("hss."+realmB, "192.0.2.1")} })
				r := l.accept()
				r.answerCER()
				ready(t, n, "hss."+realmB)
				r.send(Header{Flags: Request, Code: CommandDisconnectPeer, HopByHopID: 3}, AppendUint32(r.origin(nil), AVPDisconnectCause, Mandatory, 0, uint32(c.cause)))
				if rc := resultOf(t, r.expect(CommandDisconnectPeer, false)); rc != Success {
					t.Error(rc)
				}
				if s := state(t, n, r.host); s != "Closing OKAY" {
					t.Error(s)
				}
				r.nc.Close()
				parted := time.Now()
				synctest.Wait()
				s, _ := n.Peer(r.host)
				if s.State != PeerClosed || s.Watchdog != WatchdogInitial || s.Reason != "the peer parts: "+c.cause.String() {
					t.Errorf("%+v", s)
				}
				if c.again == 0 {
					time.Sleep(time.Hour)
					if s := state(t, n, r.host); s != "Closed INITIAL" {
						t.Error(s)
					}
					if err := n.Connect(r.host); err != nil {
						t.Error(err)
					}
				}
				l.accept().answerCER()
				if d := time.Since(parted) - c.again; c.again > 0 && (d < -2*time.Second || d > 2*time.Second) {
					t.Errorf("connects again after %v", d+c.again)
				}
				ready(t, n, r.host)
				if s := state(t, n, r.host); s != "I-Open OKAY" {
					t.Error(s) // no REOPEN after an end in order
				}
			})
		})
	}
}

func TestDisconnectIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		l := w.listenRaw("192.0.2.1", "hss."+realmB)
		n := w.node("192.0.2.2", "cscf."+realmA, realmA, func(c *Config) { c.Peers = []Peer{peerAt("hss."+realmB, "192.0.2.1")} })
		r := l.accept()
		r.answerCER()
		ready(t, n, "hss."+realmB)
		n.Disconnect(r.host, DisconnectCauseDoNotWantToTalkToYou)
		m := r.expect(CommandDisconnectPeer, true)
		a, _ := m.Find(AVPDisconnectCause, 0)
		if v, _ := a.Uint32(); v != 2 || m.Text(AVPOriginHost, 0) != "cscf."+realmA {
			t.Errorf("cause %d", v)
		}
		r.answer(m, Success)
		r.ended()
		time.Sleep(time.Hour)
		if s := state(t, n, r.host); s != "Closed INITIAL" {
			t.Error(s)
		}
		n.Connect(r.host)
		r = l.accept()
		r.answerCER()
		ready(t, n, r.host)
		start := time.Now()
		done := make(chan error)
		go func() { done <- n.Shutdown(context.Background(), DisconnectCauseRebooting) }()
		r.expect(CommandDisconnectPeer, true) // and no answer to it
		if err := <-done; err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := n.Do(t.Context(), mar("s", realmB, "")); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestCapabilitiesRoundTrip(t *testing.T) {
	want := Capabilities{OriginHost: "a.example", OriginRealm: "example", HostIPAddresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		VendorID: 7, ProductName: "x", OriginStateID: 5, SupportedVendorIDs: []VendorID{Vendor3GPP, Vendor3GPP},
		Applications: []Application{{ID: 4}, {ID: 3, Accounting: true}, cx}, Relay: true, InbandTLS: true, NoInbandSecurity: true, FirmwareRevision: 9}
	m := Message{AVPs: want.appendTo(nil)}
	got, err := parseCapabilities(m, true)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func TestURI(t *testing.T) {
	for _, c := range []struct {
		in   string
		want URI
		ok   bool
	}{
		{"aaa://host.example.com", URI{Host: "host.example.com"}, true},
		{"AAA://host.example.com:6666;transport=tcp;protocol=diameter", URI{Host: "host.example.com", Port: 6666}, true},
		{"aaas://host.example.com:5868", URI{Secure: true, Host: "host.example.com", Port: 5868, Transport: TLS}, true},
		{"aaa://host.example.com;transport=SCTP", URI{Host: "host.example.com", Transport: SCTP}, true},
		{"http://host.example.com", URI{}, false},
		{"aaa://", URI{}, false},
		{"aaa://h:0", URI{}, false},
		{"aaa://h:99999", URI{}, false},
		{"aaa://h;transport=udp", URI{}, false},
		{"aaa://h;protocol=radius", URI{}, false},
		{"", URI{}, false},
	} {
		got, err := ParseURI(c.in)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %+v, %v", c.in, got, err)
		}
		if c.ok {
			if back, err := ParseURI(got.String()); back != got || err != nil {
				t.Errorf("%q: %q, %+v, %v", c.in, got, back, err)
			}
		}
	}
}

// TestAnyHost: a peer of which only the address is known, and what it is called afterwards.
func TestAnyHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		w.node("10.0.0.2", "hss."+realmB, realmB, func(c *Config) { c.Services = echoService })
		n := w.node("10.0.0.1", "tool."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{{Host: "10.0.0.2", Addresses: []string{"10.0.0.2:3868"}, AnyHost: true}}
		})
		ready(t, n, "10.0.0.2")
		if s, _ := n.Peer("10.0.0.2"); s.Capabilities.OriginHost != "hss."+realmB {
			t.Errorf("%+v", s.Capabilities)
		}
		for _, host := range []string{"", "hss." + realmB} {
			if a, err := n.Do(t.Context(), mar("s;1", realmB, host)); err != nil || resultOf(t, a.Message) != Success {
				t.Errorf("to host %q: %v: %v", host, a.Header, err)
			}
		}
	})
}

// TestBackAtOnce: a peer that has parted connects again before the connection that it parted on has ended.
func TestBackAtOnce(t *testing.T) {
	for _, static := range []bool{true, false} {
		t.Run(fmt.Sprint("known ", static), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t)
				host := "raw." + realmB
				n := w.node("10.0.0.1", "hss."+realmA, realmA, func(c *Config) {
					if static {
						c.Peers = []Peer{{Host: host}}
					}
				})
				for range 3 {
					r := w.raw("10.0.0.2", host, "10.0.0.1")
					if rc := resultOf(t, r.cer()); rc != Success {
						t.Fatal(rc)
					}
					ready(t, n, host)
					r.send(Header{Flags: Request, Code: CommandDisconnectPeer, HopByHopID: r.next(), EndToEndID: r.id}, AppendUint32(r.origin(nil), AVPDisconnectCause, Mandatory, 0, 0))
					r.expect(CommandDisconnectPeer, false)
				}
			})
		})
	}
}
