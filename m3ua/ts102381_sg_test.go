package m3ua

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// The cases of ETSI TS 102 381 for signalling gateway processes, under the numbers they have in the
// M3UA test tool of nplab, which implements that specification.

// bare is a gateway whose AS say nothing of one another.
func bare(cfg SGConfig) SGConfig { cfg.ExternalRouting = true; return cfg }

func noRecovery(cfg SGConfig) SGConfig { cfg.TRecovery = -time.Second; return cfg }

const up = `
	a+
	a> ASPUP
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
`

const upTwo = `
	a+
	b+
	a> ASPUP id=1
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
	b> ASPUP id=2
	b< ASPUP ACK
	b< NTFY AS-INACTIVE rc=1
`

func broadcast2() SGConfig {
	cfg := bare(two(Broadcast))
	cfg.AS[0].MinASPs = 2
	return cfg
}

func blocked() SGConfig { cfg := one(); cfg.ASP[0].Blocked = true; return cfg }

func override() SGConfig { cfg := one(); cfg.AS[0].TrafficMode = Override; return cfg }

// rkm is a gateway with an AS of ASP b for 2067 that a may join, and new ones allowed up to one.
func rkm() SGConfig {
	return SGConfig{TRecovery: -time.Second, Registration: RegistrationConfig{Dynamic: true, MaxKeys: 1}, ExternalRouting: true,
		ASP: []ASPConfig{{Name: "a"}, {Name: "b"}},
		AS: []ASConfig{{Name: "own", RoutingContext: 1, Key: dpc(2060), ASPs: []string{"a"}},
			{Name: "K", RoutingContext: 7, Key: dpc(2067), ASPs: []string{"b"}}}}
}

var sgCases = []struct {
	id     string
	cfg    SGConfig
	script string
}{
	{"ASPSM-V-001 ASP Up is acknowledged", one(), up},
	{"ASPSM-V-003 NTFY(AS-INACTIVE) follows", one(), up},
	{"ASPSM-V-005 ASP Down is acknowledged", one(), up + `
		a> ASPDN
		a< ASPDN ACK`},
	{"ASPSM-V-009 management blocking", blocked(), `
		a+
		a> ASPUP
		a< ERR Refused - Management Blocking`},
	{"ASPSM-I-001 invalid version", one(), `
		a+
		a> hex 0200030100000008
		a< ERR Invalid Version`},
	{"ASPSM-I-002 reserved type, ASP-DOWN", one(), `
		a+
		a> hex 0100030000000008
		a< ERR Unsupported Message Type`},
	{"ASPSM-I-003 ASP Active before ASP Up", one(), `
		a+
		a> ASPAC
		a< ERR Unexpected Message`},
	{"ASPSM-I-004 reserved type, ASP-INACTIVE", one(), up + `
		a> hex 0100030000000008
		a< ERR Unsupported Message Type`},
	{"ASPSM-O-001 ASP Up twice", one(), up + `
		a> ASPUP
		a< ASPUP ACK`},
	// The case wants NTFY(AS-INACTIVE): with a T(r), RFC 4666 Figure 4 makes it AS-PENDING first.
	{"ASPSM-O-003 ASP Up while active", noRecovery(one()), upActive + `
		a> ASPUP
		a< ERR Unexpected Message
		a< ASPUP ACK
		a< NTFY AS-INACTIVE rc=1`},
	{"ASPSM-O-004 ASP Down while down", one(), `
		a+
		a> ASPDN
		a< ASPDN ACK`},

	{"ASPTM-V-001 ASP Active is acknowledged", one(), upActive},
	{"ASPTM-V-003 NTFY(AS-ACTIVE) follows", one(), upActive},
	{"ASPTM-V-005 the acknowledgement has the Routing Context", one(), upActive},
	{"ASPTM-V-006 ASP Inactive is acknowledged", one(), upActive + `
		a> ASPIA rc=1
		a< ASPIA ACK rc=1
		a< NTFY AS-PENDING rc=1`},
	{"ASPTM-V-008 NTFY(AS-PENDING) follows", one(), upActive + `
		a> ASPIA
		a< ASPIA ACK
		a< NTFY AS-PENDING rc=1`},
	{"ASPTM-V-010 BEAT is acknowledged", one(), upActive + `
		a> BEAT data=M3UA
		a< BEAT ACK data=M3UA`},
	{"ASPTM-V-011 with its data unchanged", one(), upActive + `
		a@5> BEAT data=0123456789abc
		a< BEAT ACK data=0123456789abc`},
	{"ASPTM-V-013 too few ASPs, broadcast", broadcast2(), upTwo + `
		a> ASPAC mode=3
		a< ASPAC ACK mode=3
		b> ASPAC mode=3
		b< ASPAC ACK mode=3
		a< NTFY AS-ACTIVE rc=1
		b< NTFY AS-ACTIVE rc=1
		a> ASPIA
		a< ASPIA ACK
		a< NTFY Insufficient ASP Resources Active in AS rc=1`},
	{"ASPTM-V-014 override", bare(two(Override)), upTwo + overridden},
	{"ASPTM-V-015 NTFY(Alternate ASP Active) has the ASP Identifier", bare(two(Override)), upTwo + overridden},
	{"ASPTM-I-001 invalid version", one(), up + `
		a> hex 0200040100000008
		a< ERR Invalid Version`},
	{"ASPTM-I-003 another traffic mode than the AS has", override(), up + `
		a> ASPAC mode=3
		a< ERR Unsupported Traffic Mode Type rc=1`},
	{"ASPTM-I-004 a traffic mode that does not exist", one(), up + `
		a> ASPAC mode=4
		a< ERR Unsupported Traffic Mode Type`},
	{"ASPTM-I-005 invalid Routing Context", one(), up + `
		a> ASPAC rc=99
		a< ERR Invalid Routing Context rc=99`},
	{"ASPTM-I-006 reserved type, ASP-INACTIVE", one(), up + `
		a> hex 0100040500000008
		a< ERR Unsupported Message Type`},
	{"ASPTM-I-008 reserved type, ASP-ACTIVE", one(), upActive + `
		a> hex 0100040500000008
		a< ERR Unsupported Message Type`},
	{"ASPTM-I-009 the association of an ASP fails", bare(two(Override)), upTwo + overridden + `
		b-
		a< NTFY ASP Failure id=2 rc=1`},
	{"ASPTM-I-010 ASP Inactive while active", one(), upActive + `
		a> ASPIA rc=1
		a< ASPIA ACK rc=1
		a< NTFY AS-PENDING rc=1`},
	{"ASPTM-O-001 ASP Active twice", one(), upActive + `
		a> ASPAC rc=1
		a< ASPAC ACK rc=1`},
	{"ASPTM-O-003 ASP Inactive while inactive", one(), up + `
		a> ASPIA rc=1
		a< ASPIA ACK rc=1`},

	{"MTR-V-002-alternate DATA without Protocol Data", one(), upActive + `
		a@1> hex 0100010100000010` + `0006000800000001
		a< ERR Missing Parameter`},
	{"MTR-V-003-alternate DATA on stream 0", one(), upActive + `
		a@0> DATA rc=1 dpc=5 opc=2067 si=5
		a< ERR Invalid Stream Identifier`},
	{"MTR-I-001 invalid version", one(), upActive + `
		a@1> hex 0200010100000018` + `02100010000008130000202e05020000
		a< ERR Invalid Version`},
	{"MTR-I-002 class 10", one(), upActive + `
		a@0> hex 01000a0100000018` + `02100010000008130000202e05020000
		a< ERR Unsupported Message Class`},
	{"MTR-I-003 type 2", one(), upActive + `
		a@1> hex 0100010200000018` + `02100010000008130000202e05020000
		a< ERR Unsupported Message Type`},

	{"RKM-V-001 a key is registered", rkm(), up + `
		a> REG REQ k=1:2066
		a< REG RSP r=1:0:1000
		a< NTFY AS-INACTIVE rc=1000`},
	{"RKM-V-002 a key that exists is joined", rkm(), up + `
		a> REG REQ k=1:2067
		a< REG RSP r=1:0:7
		a< NTFY AS-INACTIVE rc=7`},
	{"RKM-V-003 and given back", rkm(), up + `
		a> REG REQ k=1:2067
		a< REG RSP r=1:0:7
		a< NTFY AS-INACTIVE rc=7
		a> DEREG REQ rc=7
		a< DEREG RSP r=7:0`},
	{"RKM-V-004 no registration here", func() SGConfig { c := rkm(); c.Registration.Disabled = true; return c }(), up + `
		a> REG REQ k=1:2067
		a< ERR Unsupported Message Class
		a> DEREG REQ rc=7
		a< ERR Unsupported Message Class`},
	{"RKM-I-003 Invalid Routing Key", rkm(), up + `
		a> REG REQ k=1:
		a< REG RSP r=1:4:0
		a> REG REQ k=1:2066 k=1:2064
		a< REG RSP r=1:0:1000 r=1:4:0
		a< NTFY AS-INACTIVE rc=1000`},
	{"RKM-I-004 Invalid DPC", rkm(), up + `
		a> REG REQ k=1:16384
		a< REG RSP r=1:2:0`},
	{"RKM-I-005 Invalid Network Appearance", rkm(), up + `
		a> REG REQ k=1:2066:na=9
		a< REG RSP r=1:3:0`},
	// The case registers one key twice, as RFC 3332 had it; RFC 4666 says Already Registered then.
	{"RKM-I-006 Cannot Support Unique Routing", rkm(), up + `
		a> REG REQ k=1:2067:si=5 k=2:2067:opc=2060/3
		a< REG RSP r=1:6:0 r=2:6:0
		a> REG REQ k=1:2067 k=2:2060
		a< REG RSP r=1:0:7 r=2:12:1
		a< NTFY AS-INACTIVE rc=7
		a> REG REQ k=3:2067
		a< REG RSP r=3:12:7`},
	{"RKM-I-007 Permission Denied", func() SGConfig {
		c := rkm()
		c.Registration.Authorize = func(asp, as string, k RoutingKey, leave bool) bool { return false }
		return c
	}(), up + `
		a> REG REQ k=1:2067 k=2:2066
		a< REG RSP r=1:5:0 r=2:5:0`},
	{"RKM-I-008 Routing Key not Currently Provisioned", func() SGConfig { c := rkm(); c.Registration.Dynamic = false; return c }(), up + `
		a> REG REQ k=1:2066
		a< REG RSP r=1:7:0`},
	{"RKM-I-009 Insufficient Resources", rkm(), up + `
		a> REG REQ k=1:2066 k=2:2065
		a< REG RSP r=1:0:1000 r=2:8:0
		a< NTFY AS-INACTIVE rc=1000
		a> DEREG REQ rc=1000
		a< DEREG RSP r=1000:0
		a> REG REQ k=2:2065
		a< REG RSP r=2:0:1001
		a< NTFY AS-INACTIVE rc=1001`},
	{"RKM-I-010 Unsupported RK parameter Field", rkm(), up + `
		a> REG REQ k=1:2066:circuit
		a< REG RSP r=1:9:0`},
	{"RKM-I-011 override, then loadshare", rkm(), up + modes(1, 2)},
	{"RKM-I-012 override, then broadcast", rkm(), up + modes(1, 3)},
	{"RKM-I-013 a traffic mode that does not exist", rkm(), up + `
		a> REG REQ k=1:2066:mode=4
		a< REG RSP r=1:10:0`},
	{"RKM-I-014 loadshare, then override", rkm(), up + modes(2, 1)},
	{"RKM-I-015 loadshare, then broadcast", rkm(), up + modes(2, 3)},
	{"RKM-I-017 broadcast, then override", rkm(), up + modes(3, 1)},
	{"RKM-I-018 broadcast, then loadshare", rkm(), up + modes(3, 2)},
	{"RKM-I-019 DEREG: Invalid Routing Context", rkm(), up + `
		a> DEREG REQ rc=99
		a< DEREG RSP r=99:2`},
	{"RKM-I-020 DEREG: Not Registered", rkm(), up + `
		a> DEREG REQ rc=7
		a< DEREG RSP r=7:4`},
	{"RKM-I-021 DEREG: Permission Denied", rkm(), up + `
		a> DEREG REQ rc=1
		a< DEREG RSP r=1:3`},
	{"RKM-I-022 DEREG: ASP Currently Active", rkm(), up + `
		a> REG REQ k=1:2067
		a< REG RSP r=1:0:7
		a< NTFY AS-INACTIVE rc=7
		a> ASPAC rc=7
		a< ASPAC ACK rc=7
		a< NTFY AS-ACTIVE rc=7
		a> DEREG REQ rc=7,7
		a< DEREG RSP r=7:5 r=7:5
		# what was registered is gone with ASP Down
		a> ASPDN
		a< ASPDN ACK
		a> ASPUP
		a< ASPUP ACK
		a< NTFY AS-INACTIVE rc=1
		a> ASPAC rc=7
		a< ERR Invalid Routing Context rc=7`},
	{"RKM-I-023 reserved type", rkm(), up + `
		a> hex 0100090500000008
		a< ERR Unsupported Message Type`},

	{"SSNM-001 audit of a congested destination", one(), upActive + `
		congested 8238 1
		a< SCON rc=1 pc=8238
		a> DAUD pc=8238
		a< SCON pc=8238
		a< DAVA pc=8238`},
	{"SSNM-002 audit of a restricted destination", one(), upActive + `
		restrict 8238
		a< DRST rc=1 pc=8238
		a> DAUD pc=8238
		a< DRST pc=8238`},
	{"SSNM-003 audit of an unavailable destination", one(), upActive + `
		pause 8238
		a< DUNA rc=1 pc=8238
		a> DAUD pc=8238
		a< DUNA pc=8238`},
	{"SSNM-004 audit of an available destination", one(), upActive + `
		resume 8238
		a< DAVA rc=1 pc=8238
		a> DAUD pc=8238
		a< DAVA pc=8238`},
	{"SSNM-004-mask audit of everything", one(), upActive + `
		resume 8238
		a< DAVA rc=1 pc=8238
		a> DAUD pc=0/255
		a< DAVA pc=2067,8238`},
}

const overridden = `
	b> ASPAC mode=1
	b< ASPAC ACK mode=1
	a< NTFY AS-ACTIVE rc=1
	b< NTFY AS-ACTIVE rc=1
	a> ASPAC mode=1
	a< ASPAC ACK mode=1
	b< NTFY Alternate ASP Active id=1 rc=1
`

// modes registers a key in one traffic mode and then in another.
func modes(first, second int) string {
	return fmt.Sprintf(`
		a> REG REQ k=1:2066:mode=%d
		a< REG RSP r=1:0:1000
		a< NTFY AS-INACTIVE rc=1000
		a> REG REQ k=2:2066:mode=%d
		a< REG RSP r=2:10:0`, first, second)
}

// notCovered are the cases that have no script here, and where they are.
var sgNotCovered = map[string]string{
	"MTR-V-001": "DATA between two ASPs, several Routing Contexts: TestTransit",
	"MTR-V-002": "DATA between two ASPs, each SLS: TestTransit",
	"MTR-V-003": "the same; streams: TestTransit, TestStreams",
	"MTR-V-004": "the same",
}

func TestTS102381SG(t *testing.T) {
	for _, c := range sgCases {
		t.Run(strings.Fields(c.id)[0], func(t *testing.T) {
			runSG(t, c.cfg, c.script)
		})
	}
	t.Logf("TS 102 381, SGP: %d cases as scripts, %d elsewhere", len(sgCases), len(sgNotCovered))
}

// TestChangeKey: RFC 4666 section 4.4.1, a registration with a Routing Context.
func TestChangeKey(t *testing.T) {
	cfg := rkm()
	runSG(t, cfg, up+`
	a> REG REQ k=1:2066
	a< REG RSP r=1:0:1000
	a< NTFY AS-INACTIVE rc=1000
	a> REG REQ k=2:2065:rc=1000 k=3:2065:rc=77
	a< REG RSP r=2:11:0 r=3:11:0`)
	cfg.Registration.Change = true
	g := runSG(t, cfg, up+`
	a> REG REQ k=1:2066
	a< REG RSP r=1:0:1000
	a< NTFY AS-INACTIVE rc=1000
	a> REG REQ k=2:2065:rc=1000 k=3:2067:rc=1000 k=4:2064:rc=1
	a< REG RSP r=2:0:1000 r=3:6:0 r=4:11:0`)
	if pc := g.as[2].cfg.Key.Groups[0].DPC; pc != 2065 {
		t.Errorf("the key is for %d", pc)
	}
}

// TestStreams: DATA goes on a stream that its SLS chooses, never on stream 0 (section 1.4.7).
func TestStreams(t *testing.T) {
	for _, n := range []uint32{2, 3, 16, 17, 256, 65535} {
		var l link
		l.streams.Store(n)
		used := map[uint16]bool{}
		for sls := range 256 {
			s, err := l.stream(mtp3.SLS(sls))
			if err != nil || s == 0 || uint32(s) >= n {
				t.Fatalf("%d streams, SLS %d: %d, %v", n, sls, s, err)
			}
			used[s] = true
		}
		if len(used) != min(int(n)-1, 256) {
			t.Errorf("%d of %d streams are used", len(used), n)
		}
	}
	var l link
	l.streams.Store(1)
	if _, err := l.stream(0); err != ErrNoStream {
		t.Errorf("one stream: %v", err)
	}
	l.single = true
	if s, err := l.stream(5); s != 0 || err != nil {
		t.Errorf("TCP: %d, %v", s, err)
	}
}
