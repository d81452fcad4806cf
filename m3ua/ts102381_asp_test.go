package m3ua

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3"
)

// runASP runs a script against the core of an ASP:
//
//	s+  s-  s!      the association with the gateway comes, is lost, begins anew
//	s> ASPUP ACK    the gateway sends; s@1> on stream 1
//	s< ASPUP        what it gets
//	p MTP-PAUSE 8   a primitive for the user: kind, destination, level or cause
//	goal ACTIVE     what the user wants
//	t 2s            time passes
//	is ACTIVE       the state of the ASP
func runASP(t *testing.T, cfg ClientConfig, script string) {
	t.Helper()
	c := newClientCore(cfg)
	now := time.Unix(0, 0)
	var want, got []string
	line := ""
	flush := func() {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("after %q: (-want +got)\n%s", line, d)
		}
		want, got = nil, nil
	}
	take := func(out []output) {
		for _, o := range out {
			switch {
			case o.send != nil:
				got = append(got, "s< "+brief(o.send))
			case o.drop != nil:
				got = append(got, "s< abort")
			case o.ev.Kind == PrimitiveEvent:
				p := o.ev.Primitive
				s := "p " + p.Kind.String() + " " + strings.TrimPrefix(brief(&DUNA{Affected: []mtp3.Destination{p.Affected}}), "DUNA pc=")
				if p.Kind == mtp3.StatusPrimitive {
					s += " " + p.Status.Cause.String()
				}
				got = append(got, s)
			}
		}
	}
	for l := range strings.Lines(script) {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
			continue
		}
		f := strings.Fields(l)
		if f[0] == "s<" || f[0] == "p" {
			want = append(want, l)
			continue
		}
		flush()
		switch line = l; {
		case f[0] == "s+":
			take(c.associated(now, false, nil))
		case f[0] == "s-", f[0] == "s!":
			take(c.lost(now, f[0] == "s!", nil, nil))
		case strings.HasSuffix(f[0], ">"):
			on := uint16(0)
			if _, s, ok := strings.Cut(strings.TrimSuffix(f[0], ">"), "@"); ok {
				on = uint16(num(s))
			}
			var b []byte
			var m Message
			var err error
			if f[1] == "hex" {
				b = msg(f[2])
				m, err = Parse(b)
			} else {
				b, m, err = wire(t, unbrief(strings.TrimSpace(l[len(f[0]):])))
			}
			if err != nil {
				take(c.bad(now, err, b, nil))
			} else {
				take(c.handle(now, on, m, b, nil))
			}
		case f[0] == "goal":
			for i, name := range stateNames {
				if name == f[1] {
					c.goal = State(i)
				}
			}
			take(c.step(now, nil))
		case f[0] == "t":
			d, err := time.ParseDuration(f[1])
			if err != nil {
				t.Fatal(err)
			}
			end := now.Add(d)
			for at := c.deadline(); !at.IsZero() && !at.After(end); at = c.deadline() {
				now = at
				take(c.expire(now, nil))
			}
			now = end
		case f[0] == "is":
			if got := c.state().String(); got != f[1] {
				t.Errorf("the ASP is %s, want %s", got, f[1])
			}
		default:
			t.Fatalf("no such step: %s", l)
		}
	}
	flush()
}

const aspUp = `
	goal INACTIVE
	s+
	s< ASPUP
	s> ASPUP ACK
	is INACTIVE
`

const aspActive = `
	goal ACTIVE
	s+
	s< ASPUP
	s> ASPUP ACK
	s< ASPAC rc=1
	s> ASPAC ACK rc=1
	p MTP-RESUME 0/24
	is ACTIVE
`

var withRC = ClientConfig{RoutingContexts: []uint32{1}}

// The cases of ETSI TS 102 381 for ASPs, numbered as in the M3UA test tool of nplab.
var aspCases = []struct {
	id     string
	cfg    ClientConfig
	script string
}{
	{"ASPSM-V-002 ASP Up", withRC, aspUp},
	{"ASPSM-V-005 ASP Down", withRC, aspUp + `
		goal DOWN
		s< ASPDN
		s> ASPDN ACK
		is DOWN`},
	{"ASPSM-V-005-alternate ASP Inactive before ASP Down", withRC, aspActive + `
		goal DOWN
		s< ASPIA rc=1
		s> ASPIA ACK rc=1
		p MTP-PAUSE 0/24
		s< ASPDN
		s> ASPDN ACK`},
	{"ASPSM-I-001 ASP Up Ack of version 2", withRC, `
		goal INACTIVE
		s+
		s< ASPUP
		s> hex 0200030400000008
		s< ERR Invalid Version
		is DOWN`},
	{"ASPSM-I-002 ASP Down Ack of version 2", withRC, aspUp + `
		goal DOWN
		s< ASPDN
		s> hex 0200030500000008
		s< ERR Invalid Version`},
	{"ASPSM-I-002-alternate the same after traffic", withRC, aspActive + `
		goal DOWN
		s< ASPIA rc=1
		s> ASPIA ACK rc=1
		p MTP-PAUSE 0/24
		s< ASPDN
		s> hex 0200030500000008
		s< ERR Invalid Version`},
	{"ASPSM-I-003 reserved type", withRC, `
		goal INACTIVE
		s+
		s< ASPUP
		s> hex 0100030000000008
		s< ERR Unsupported Message Type`},
	{"ASPSM-O-001 ASP Down Ack instead of ASP Up Ack", withRC, `
		goal ACTIVE
		s+
		s< ASPUP
		s> ASPDN ACK
		is DOWN
		t 2s
		s< ASPUP`},
	{"ASPSM-O-002 ASP Active Ack instead of ASP Up Ack", withRC, `
		goal ACTIVE
		s+
		s< ASPUP
		s> ASPAC ACK
		s< ERR Unexpected Message
		is DOWN`},
	{"ASPTM-V-001 ASP Active", withRC, aspActive},
	{"ASPTM-V-002 of version 1", withRC, aspActive},
	{"ASPTM-V-005 ASP Inactive", withRC, aspActive + `
		goal INACTIVE
		s< ASPIA rc=1
		s> ASPIA ACK rc=1
		p MTP-PAUSE 0/24`},
	{"ASPTM-V-007 BEAT of 5000 octets", withRC, aspActive + `
		s> BEAT data=` + strings.Repeat("x", 5000) + `
		s< BEAT ACK data=` + strings.Repeat("x", 5000)},
	{"ASPTM-V-008 BEAT of 600 octets", withRC, aspActive + `
		s> BEAT data=` + strings.Repeat("y", 600) + `
		s< BEAT ACK data=` + strings.Repeat("y", 600)},
	{"ASPTM-I-001 ASP Active Ack of version 2", withRC, `
		goal ACTIVE
		s+
		s< ASPUP
		s> ASPUP ACK
		s< ASPAC rc=1
		s> hex 0200040300000008
		s< ERR Invalid Version
		is INACTIVE`},
	{"ASPTM-I-002 ASP Inactive Ack of version 2", withRC, aspActive + `
		goal INACTIVE
		s< ASPIA rc=1
		s> hex 0200040400000008
		s< ERR Invalid Version
		is ACTIVE`},
	{"ASPTM-I-003 reserved type", withRC, aspActive + `
		s> hex 0100040000000008
		s< ERR Unsupported Message Type`},
	{"ASPTM-O-001 ASP Up Ack instead of ASP Active Ack", withRC, `
		goal ACTIVE
		s+
		s< ASPUP
		s> ASPUP ACK
		s< ASPAC rc=1
		s> ASPUP ACK
		s< ASPAC rc=1`},
	{"MTR-I-001 DATA of version 2", withRC, aspActive + `
		s@1> hex 0200010100000018` + `02100010000008130000202e05020000
		s< ERR Invalid Version`},
	{"MTR-I-002 reserved class", withRC, aspActive + `
		s> hex 0100050000000008
		s< ERR Unsupported Message Class`},
	{"MTR-I-003 reserved type", withRC, aspActive + `
		s@1> hex 0100010000000008
		s< ERR Unsupported Message Type`},
	{"RKM-V-002 REG REQ", withKey, regReq},
	{"RKM-V-003 DEREG REQ", withKey, regReq + deregReq},
	{"RKM-V-004 with the Routing Context of REG RSP", withKey, regReq + deregReq},
	{"RKM-I-001 reserved type", withKey, `
		goal ACTIVE
		s+
		s< ASPUP
		s> ASPUP ACK
		s< REG REQ k=1:2067:mode=2
		s> hex 0100090000000008
		s< ERR Unsupported Message Type`},
	{"SSNM-001 DUNA is audited", withRC, aspActive + audited("DUNA", "8", "p MTP-PAUSE 8")},
	{"SSNM-002 DUNA with a mask", withRC, aspActive + audited("DUNA", "0/24", "p MTP-PAUSE 0/24")},
	{"SSNM-003 DRST is audited", withRC, aspActive + audited("DRST", "8", "p MTP-RESUME 8")},
	{"SSNM-004 DRST with a mask", withRC, aspActive + audited("DRST", "0/24", "p MTP-RESUME 0/24")},
	{"SSNM-005 SCON is audited", withRC, aspActive + audited("SCON", "8", "p MTP-STATUS 8 congested")},
	{"SSNM-006 SCON with a mask", withRC, aspActive + audited("SCON", "0/24", "p MTP-STATUS 0/24 congested")},
	{"SSNM-007 SCON with a level", withRC, aspActive + `
		s> SCON pc=8 level=2
		p MTP-STATUS 8 congested
		t 30s
		s< DAUD rc=1 pc=8
		s> SCON pc=8 level=0
		p MTP-STATUS 8 congested
		t 1h`},
	{"SSNM-008 DUPU with a mask", withRC, aspActive + `
		s> hex 0100020500000018` + `00120008030020280204000800010005
		s< ERR Invalid Parameter Value`},
}

var withKey = ClientConfig{TrafficMode: Loadshare, Keys: []RoutingKeyRequest{{TrafficMode: Loadshare, Key: dpc(2067)}}}

const regReq = `
	goal ACTIVE
	s+
	s< ASPUP
	s> ASPUP ACK
	s< REG REQ k=1:2067:mode=2
	s> REG RSP r=1:0:77
	s< ASPAC mode=2 rc=77
	s> ASPAC ACK mode=2 rc=77
	p MTP-RESUME 0/24
`

const deregReq = `
	goal DOWN
	s< ASPIA rc=77
	s> ASPIA ACK rc=77
	p MTP-PAUSE 0/24
	s< DEREG REQ rc=77
	s> DEREG RSP r=77:0
	s< ASPDN
	s> ASPDN ACK
	goal ACTIVE
	s< ASPUP
	s> ASPUP ACK
	s< REG REQ k=1:2067:mode=2
`

func audited(name, pc, primitive string) string {
	return `
		s> ` + name + ` rc=1 pc=` + pc + `
		` + primitive + `
		t 30s
		s< DAUD rc=1 pc=` + pc + `
		s> DAVA rc=1 pc=` + pc + `
		p MTP-RESUME ` + pc + `
		t 1h`
}

var aspNotCovered = map[string]string{
	"MTR-V-001": "DATA with a Routing Context: TestTransit",
	"MTR-V-002": "DATA with data: TestTransit",
	"MTR-V-003": "DATA on a valid stream: TestStreams",
}

func TestTS102381ASP(t *testing.T) {
	for _, c := range aspCases {
		t.Run(strings.Fields(c.id)[0], func(t *testing.T) { runASP(t, c.cfg, c.script) })
	}
	t.Logf("TS 102 381, ASP: %d cases as scripts, %d elsewhere", len(aspCases), len(aspNotCovered))
}

// TestASPLoss: the ASP returns to its state after all kinds of losses (RFC 4666 sections 4.3.3,
// 4.3.4), and asks again after T(ack).
func TestASPLoss(t *testing.T) {
	runASP(t, withRC, `
	goal ACTIVE
	s+
	s< ASPUP
	t 5s
	s< ASPUP
	s< ASPUP
	s> ASPUP ACK
	s< ASPAC rc=1
	# other ASPs bring the AS up while we wait
	s> NTFY AS-INACTIVE rc=1
	s> NTFY AS-ACTIVE rc=1
	t 2s
	s< ASPAC rc=1
	s> ASPAC ACK rc=1
	p MTP-RESUME 0/24
	# acknowledgements that nobody asked for
	s> ASPIA ACK rc=1
	p MTP-PAUSE 0/24
	s< ASPAC rc=1
	s> ASPAC ACK rc=1
	p MTP-RESUME 0/24
	s> ASPDN ACK
	p MTP-PAUSE 0/24
	s< ASPUP
	s> ASPUP ACK
	s< ASPAC rc=1
	s> ASPAC ACK rc=1
	p MTP-RESUME 0/24
	s> ASPUP ACK
	s< ERR Unexpected Message
	p MTP-PAUSE 0/24
	s< ASPAC rc=1
	s> ASPAC ACK rc=1
	p MTP-RESUME 0/24
	s> ASPAC ACK rc=1
	# the gateway begins anew
	s!
	p MTP-PAUSE 0/24
	s< ASPUP
	s> ASPUP ACK
	s< ASPAC rc=1
	s> ERR Refused - Management Blocking rc=1
	t 9s
	t 1s
	s< ASPAC rc=1
	s-
	t 1h
	is DOWN
	s+
	s< ASPUP`)
}

// TestASPNotify: what an ASP makes of NTFY.
func TestASPNotify(t *testing.T) {
	runASP(t, withRC, aspActive+`
	s> NTFY Alternate ASP Active id=2 rc=1
	p MTP-PAUSE 0/24
	is INACTIVE
	t 1h
	s> NTFY ASP Failure id=2 rc=1
	s> NTFY AS-PENDING rc=1
	s< ASPAC rc=1`)
	standby := withRC
	standby.Standby = true
	runASP(t, standby, `
	goal ACTIVE
	s+
	s< ASPUP
	s> ASPUP ACK
	s> NTFY AS-INACTIVE rc=1
	s> NTFY Insufficient ASP Resources Active in AS rc=1
	s< ASPAC rc=1`)
	several := ClientConfig{RoutingContexts: []uint32{1, 2}}
	runASP(t, several, `
	goal ACTIVE
	s+
	s< ASPUP
	s> ASPUP ACK
	s< ASPAC rc=1,2
	s> ASPAC ACK rc=2
	p MTP-RESUME 0/24
	t 2s
	s< ASPAC rc=1
	s> ASPAC ACK rc=1
	s@1> DATA dpc=1 opc=2 si=5
	s< ERR Missing Parameter
	s@1> DATA rc=3 dpc=1 opc=2 si=5
	s< ERR Invalid Routing Context rc=3
	s@0> DATA rc=1 dpc=1 opc=2 si=5
	s< ERR Invalid Stream Identifier
	s> DUPU rc=1 pc=8 user=5 cause=1
	p MTP-STATUS 8 user part unequipped
	s> ASPUP
	s< ERR Unexpected Message`)
}

func TestASPBeat(t *testing.T) {
	cfg := withRC
	cfg.TBeat = time.Second
	runASP(t, cfg, aspUp+`
	t 1s
	s< BEAT
	s> BEAT ACK data=x
	t 3s
	s< BEAT
	s< BEAT
	s< abort`)
}
