package m3ua

import (
	"errors"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// one is a gateway with an AS of one ASP; two has two ASPs in an AS of a mode, and a third alone.
func one() SGConfig {
	return SGConfig{ASP: []ASPConfig{{Name: "a"}}, AS: []ASConfig{{Name: "A", RoutingContext: 1, Key: dpc(2067), ASPs: []string{"a"}}}}
}

func two(mode TrafficMode) SGConfig {
	return SGConfig{
		ASP: []ASPConfig{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		AS: []ASConfig{
			{Name: "A", RoutingContext: 1, Key: dpc(2067), TrafficMode: mode, ASPs: []string{"a", "b"}},
			{Name: "C", RoutingContext: 3, Key: dpc(2069), ASPs: []string{"c"}}},
	}
}

func dpc(pcs ...mtp3.PointCode) (k RoutingKey) {
	for _, pc := range pcs {
		k.Groups = append(k.Groups, KeyGroup{DPC: pc})
	}
	return k
}

const upActive = `
	a+
	a> ASPUP
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
	a> ASPAC rc=1
	a< ASPAC ACK rc=1
	a< NTFY AS-ACTIVE rc=1
`

func TestASState(t *testing.T) {
	runSG(t, one(), upActive+`
	as A ACTIVE
	a> ASPIA rc=1
	a< ASPIA ACK rc=1
	a< NTFY AS-PENDING rc=1
	as A PENDING
	t 1s
	a> ASPAC
	a< ASPAC ACK
	a< NTFY AS-ACTIVE rc=1
	t 5s
	as A ACTIVE
	a> ASPIA
	a< ASPIA ACK
	a< NTFY AS-PENDING rc=1
	t 2s
	a< NTFY AS-INACTIVE rc=1
	as A INACTIVE
	a> ASPAC
	a< ASPAC ACK
	a< NTFY AS-ACTIVE rc=1
	a-
	as A PENDING
	t 2s
	as A DOWN
	a+
	a> ASPUP
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
	a> ASPDN
	a< ASPDN ACK
	as A DOWN
	a> ASPDN
	a< ASPDN ACK`)
}

func TestOverride(t *testing.T) {
	runSG(t, two(Override), `
	a+
	b+
	a> ASPUP id=1
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
	b> ASPUP id=2
	b< ASPUP ACK
	b< NTFY AS-INACTIVE rc=1
	a> ASPAC mode=1 rc=1
	a< ASPAC ACK mode=1 rc=1
	a< NTFY AS-ACTIVE rc=1
	b< NTFY AS-ACTIVE rc=1
	a< DUNA rc=1 pc=2069
	b> ASPAC mode=1 rc=1
	b< ASPAC ACK mode=1 rc=1
	a< NTFY Alternate ASP Active id=2 rc=1
	b< DUNA rc=1 pc=2069
	as A ACTIVE
	# the one that was overridden is inactive already
	a> ASPIA rc=1
	a< ASPIA ACK rc=1
	# the other fails: a hears of it, and has T(r) to take over
	b-
	a< NTFY ASP Failure id=2 rc=1
	a< NTFY AS-PENDING rc=1
	as A PENDING
	a> ASPAC rc=1
	a< ASPAC ACK rc=1
	a< NTFY AS-ACTIVE rc=1
	a< DUNA rc=1 pc=2069`)
}

func TestLoadshareNK(t *testing.T) {
	cfg := two(Loadshare)
	cfg.AS[0].MinASPs = 2
	cfg.AS = cfg.AS[:1]
	cfg.AS[0].ASPs = []string{"a", "b", "c"}
	runSG(t, cfg, `
	a+
	b+
	c+
	a> ASPUP
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
	b> ASPUP
	b< ASPUP ACK
	b< NTFY AS-INACTIVE rc=1
	c> ASPUP id=3
	c< ASPUP ACK
	c< NTFY AS-INACTIVE rc=1
	a> ASPAC mode=2 rc=1
	a< ASPAC ACK mode=2 rc=1
	as A INACTIVE
	b> ASPAC mode=2 rc=1
	b< ASPAC ACK mode=2 rc=1
	a< NTFY AS-ACTIVE rc=1
	b< NTFY AS-ACTIVE rc=1
	c< NTFY AS-ACTIVE rc=1
	# RFC 4666 section 5.2.3: one withdraws, those that are inactive hear that there are too few
	a> ASPIA rc=1
	a< ASPIA ACK rc=1
	a< NTFY Insufficient ASP Resources Active in AS rc=1
	c< NTFY Insufficient ASP Resources Active in AS rc=1
	as A ACTIVE
	c> ASPAC mode=2 rc=1
	c< ASPAC ACK mode=2 rc=1
	c-
	a< NTFY ASP Failure id=3 rc=1
	b< NTFY ASP Failure id=3 rc=1
	a< NTFY Insufficient ASP Resources Active in AS rc=1
	c+
	c> ASPUP
	c< ASPUP ACK
	c< NTFY AS-ACTIVE rc=1
	c< NTFY Insufficient ASP Resources Active in AS rc=1
	a> ASPAC mode=1 rc=1
	a< ERR Unsupported Traffic Mode Type rc=1`)
}

// TestSeveralAS: partial success of ASP Active, one answer for what is done and one for what not.
func TestSeveralAS(t *testing.T) {
	cfg := SGConfig{ExternalRouting: true, ASP: []ASPConfig{{Name: "a"}}, AS: []ASConfig{
		{Name: "A", RoutingContext: 1, Key: dpc(2067), ASPs: []string{"a"}},
		{Name: "B", RoutingContext: 2, Key: dpc(2068), ASPs: []string{"a"}, Blocked: true},
		{Name: "C", RoutingContext: 3, Key: dpc(2069), ASPs: []string{"a"}, TrafficMode: Broadcast},
		{Name: "D", RoutingContext: 4, Key: dpc(2070), ASPs: nil}}}
	runSG(t, cfg, `
	a+
	a> ASPUP
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
	a< NTFY AS-INACTIVE rc=2
	a< NTFY AS-INACTIVE rc=3
	a> ASPAC mode=2 rc=1,2,3,4,9
	a< ERR Invalid Routing Context rc=4,9
	a< ASPAC ACK mode=2 rc=1
	a< NTFY AS-ACTIVE rc=1
	a< ERR Refused - Management Blocking rc=2
	a< ERR Unsupported Traffic Mode Type rc=3
	a@1> DATA dpc=5 opc=2067 si=5
	a< ERR Missing Parameter
	a@1> DATA rc=9 dpc=5 opc=2067 si=5
	a< ERR Invalid Routing Context rc=9
	a@1> DATA rc=3 dpc=5 opc=2067 si=5
	a< ERR Unexpected Message rc=3
	a@1> DATA rc=1 dpc=5 opc=2067 si=0
	a< ERR Protocol Error
	a@0> DATA rc=1 dpc=5 opc=2067 si=5
	a< ERR Invalid Stream Identifier
	a> ASPIA rc=1,9
	a< ERR Invalid Routing Context rc=9
	a< ASPIA ACK rc=1
	a< NTFY AS-PENDING rc=1
	a> ASPIA
	a< ASPIA ACK`)
}

func TestBlocking(t *testing.T) {
	runSG(t, one(), upActive+`
	block-as A
	a< ASPIA ACK rc=1
	a< NTFY AS-INACTIVE rc=1
	a> ASPAC rc=1
	a< ERR Refused - Management Blocking rc=1
	unblock-as A
	a> ASPAC rc=1
	a< ASPAC ACK rc=1
	a< NTFY AS-ACTIVE rc=1
	block-asp a
	a< ASPDN ACK
	as A PENDING
	a> ASPUP
	a< ERR Refused - Management Blocking
	a> ASPAC
	a< ERR Unexpected Message
	unblock-asp a
	a> ASPUP
	a< ASPUP ACK
	a< NTFY AS-PENDING rc=1
	isolate
	a< ASPDN ACK
	a> ASPUP
	a< ERR Refused - Management Blocking
	join
	a> ASPUP
	a< ASPUP ACK
	a< NTFY AS-PENDING rc=1`)
}

func TestIdentifier(t *testing.T) {
	cfg := two(Override)
	cfg.ASP[0].RequireIdentifier = true
	cfg.ASP[1].Identifier = Some(2)
	runSG(t, cfg, `
	a+
	b+
	c+
	a> ASPUP
	a< ERR ASP Identifier Required
	a> ASPUP id=2
	a< ERR Invalid ASP Identifier
	a> ASPUP id=1
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
	b> ASPUP id=1
	b< ERR Invalid ASP Identifier
	b> ASPUP id=3
	b< ERR Invalid ASP Identifier
	b> ASPUP
	b< ASPUP ACK
	b< NTFY AS-INACTIVE rc=1
	c> ASPUP id=1
	c< ASPUP ACK
	c< NTFY AS-INACTIVE rc=3`)
}

func TestSSNM(t *testing.T) {
	cfg := two(Loadshare)
	cfg.PointCodes = []mtp3.PointCode{2065}
	cfg.CongestionLevels = true
	runSG(t, cfg, upActive[1:]+`
	a< DUNA rc=1 pc=2069
	c+
	c> ASPUP
	c< ASPUP ACK
	c< NTFY AS-INACTIVE rc=3
	# c is inactive: it hears nothing
	pause 8232/3
	a< DUNA rc=1 pc=8232/3
	restrict 8238
	a< DRST rc=1 pc=8238
	c> DAUD pc=8232
	c< ERR Unexpected Message
	c> ASPAC
	c< ASPAC ACK
	c< NTFY AS-ACTIVE rc=3
	a< DAVA rc=1 pc=2069
	c< DUNA rc=3 pc=8232/3
	c< DRST rc=3 pc=8238
	congested 8238 2
	a< SCON rc=1 pc=8238 level=2
	c< SCON rc=3 pc=8238 level=2
	upu 8238 5 2
	a< DUPU rc=1 pc=8238 user=5 cause=2
	c< DUPU rc=3 pc=8238 user=5 cause=2
	# audits: a known one, its range, one of an AS, the gateway's own, one that nobody knows
	a> DAUD pc=8233
	a< DUNA pc=8233
	a> DAUD pc=8238
	a< SCON pc=8238 level=2
	a< DRST pc=8238
	a> DAUD pc=8232/3
	a< DUNA pc=8232/3
	a< SCON pc=8238 level=2
	a< DRST pc=8238
	a> DAUD rc=1 pc=2069,2065,77
	a< DUNA rc=1 pc=77
	a< DAVA rc=1 pc=2065,2069
	a> DAUD rc=7 pc=77
	a< ERR Invalid Routing Context rc=7
	# everything
	a> DAUD pc=0/24
	a< DUNA pc=8232/3
	a< SCON pc=8238 level=2
	a< DRST pc=8238
	a< DAVA pc=2065,2067,2069
	# available again, all of the range
	resume 8232/3
	a< DAVA rc=1 pc=8232/3
	c< DAVA rc=3 pc=8232/3
	a> DAUD pc=8238
	a< DAVA pc=8238
	# the queue towards C fills up
	queue C 1
	a< SCON rc=1 pc=2069 level=1
	queue C 0
	a< SCON rc=1 pc=2069 level=0
	# an ASP is congested itself
	c> SCON rc=3 pc=2069 level=1
	a< SCON rc=1 pc=2069 level=1
	# C fails
	c-
	t 2s
	a< DUNA rc=1 pc=2069
	a> DUNA pc=2069
	a< ERR Unexpected Message`)
}

func TestSSNMRefused(t *testing.T) {
	cfg := one()
	cfg.Audit = func(na Optional, d mtp3.Destination) []DestinationStatus {
		if d.PC == 7 {
			return []DestinationStatus{{Destination: d, Refused: true}}
		}
		return []DestinationStatus{{Destination: d, Availability: mtp3.Available}}
	}
	runSG(t, cfg, upActive+`
	a> DAUD pc=7,8
	a< DAVA pc=8
	a< ERR Destination Status Unknown pc=7`)
}

func TestNetworkAppearance(t *testing.T) {
	cfg := one()
	cfg.AS[0].Key.NetworkAppearance = Some(5)
	runSG(t, cfg, upActive+`
	a@1> DATA na=6 dpc=5 opc=2067 si=5
	a< ERR Invalid Network Appearance na=6
	a> DAUD na=6 pc=8
	a< ERR Invalid Network Appearance na=6
	a> DAUD na=5 pc=8
	a< DUNA na=5 pc=8`)
}

func TestStrict(t *testing.T) {
	const twice = "a> hex 0100030100000018" + "0011000800000003" + "0011000800000003"
	cfg := one()
	runSG(t, cfg, "a+\n"+twice+`
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1`)
	cfg.Strict = true
	runSG(t, cfg, "a+\n"+twice+`
	a< ERR Unexpected Parameter`)
}

// TestErrorLimit: a peer that sends nonsense gets at most 20 answers a second.
func TestErrorLimit(t *testing.T) {
	g := newSGCore(one())
	a := &aspCore{}
	n := 0
	now := time.Unix(0, 0)
	for range 1000 {
		for _, o := range g.bad(now, a, &ParseError{Code: ProtocolError}, []byte{1}, nil) {
			if o.send != nil {
				n++
			}
		}
		now = now.Add(2 * time.Millisecond)
	}
	if n != 2*maxErrs {
		t.Errorf("%d answers in 2 s", n)
	}
}

// TestNoErrorToError: RFC 4666 section 3.8.1.
func TestNoErrorToError(t *testing.T) {
	runSG(t, one(), `
	a+
	a> hex 0100000000000008
	a> hex 0200000000000008
	a> hex 01000000000000100000000c
	a> ERR Unexpected Message
	a@3> ERR Unexpected Message`)
}

func TestBeat(t *testing.T) {
	cfg := one()
	cfg.TBeat = time.Second
	runSG(t, cfg, `
	a+
	t 10s
	a> BEAT data=M3UA
	a< BEAT ACK data=M3UA
	a> ASPUP
	a< ASPUP ACK
	a< NTFY AS-INACTIVE rc=1
	t 1s
	a< BEAT
	a> BEAT ACK data=x
	t 1s
	a< BEAT
	t 1s
	a< BEAT
	t 1s
	a< abort
	a-`)
}

// TestRegistrationLimits: a REG REQ of many keys, and a key of many point codes, are bounded.
func TestRegistrationLimits(t *testing.T) {
	cfg := SGConfig{ASP: []ASPConfig{{Name: "a"}}, Registration: RegistrationConfig{Dynamic: true, MaxKeys: 1000}}
	g := runSG(t, cfg, "a+\na> ASPUP\na< ASPUP ACK")
	m := &REGREQ{}
	for i := range maxKeys + 10 {
		m.Keys = append(m.Keys, RoutingKeyRequest{LocalID: uint32(i), Key: dpc(mtp3.PointCode(i))})
	}
	wide := RoutingKeyRequest{LocalID: 5000}
	for i := range maxGroups + 1 {
		wide.Key.Groups = append(wide.Key.Groups, KeyGroup{DPC: mtp3.PointCode(5000 + i)})
	}
	m.Keys[3] = wide
	raw, parsed, err := wire(t, m)
	if err != nil {
		t.Fatal(err)
	}
	out := g.handle(time.Unix(0, 0), g.asps["a"], 0, parsed, raw, nil)
	n := map[RegistrationStatus]int{}
	for _, r := range out[0].send.(*REGRSP).Results {
		n[r.Status]++
	}
	if n[Registered] != maxKeys-1 || n[RegInsufficientResources] != 11 || len(g.as) != maxKeys-1 {
		t.Errorf("%v, %d AS", n, len(g.as))
	}
}

// TestMostSpecialKey: where several configured keys match, the one that says most counts.
func TestMostSpecialKey(t *testing.T) {
	k := func(si mtp3.ServiceIndicator, opc ...mtp3.Destination) RoutingKey {
		g := KeyGroup{DPC: 7, OPCs: opc}
		if si > 0 {
			g.SIs = []mtp3.ServiceIndicator{si}
		}
		return RoutingKey{Groups: []KeyGroup{g}}
	}
	g, err := NewSG(SGConfig{AS: []ASConfig{
		{Name: "rest"}, {Name: "dpc", RoutingContext: 1, Key: k(0)}, {Name: "isup", RoutingContext: 2, Key: k(mtp3.ISUP)},
		{Name: "opc", RoutingContext: 3, Key: k(0, mtp3.Destination{PC: 8, Wild: 3})}}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, tt := range []struct {
		opc, dpc mtp3.PointCode
		si       mtp3.ServiceIndicator
		want     string
	}{{1, 7, mtp3.SCCP, "dpc"}, {1, 7, mtp3.ISUP, "isup"}, {9, 7, mtp3.ISUP, "opc"}, {16, 7, mtp3.SCCP, "dpc"}, {9, 9, mtp3.ISUP, "rest"}} {
		if as := g.Route(Optional{}, &mtp3.MSU{SI: tt.si, Label: mtp3.Label{OPC: tt.opc, DPC: tt.dpc}}); as.Name() != tt.want {
			t.Errorf("%+v: %s", tt, as.Name())
		}
	}
}

// TestConfigErrors: a configuration that cannot be says which AS or ASP.
func TestConfigErrors(t *testing.T) {
	asps := []ASPConfig{{Name: "a"}}
	for _, tt := range []struct {
		what string
		cfg  SGConfig
	}{
		{"no name", SGConfig{ASP: []ASPConfig{{}}}},
		{"ASP twice", SGConfig{ASP: []ASPConfig{{Name: "a"}, {Name: "a"}}}},
		{"AS twice", SGConfig{AS: []ASConfig{{Name: "A", Key: dpc(1)}, {Name: "A", Key: dpc(2)}}}},
		{"context twice", SGConfig{AS: []ASConfig{{Name: "A", RoutingContext: 1, Key: dpc(1)}, {Name: "B", RoutingContext: 1, Key: dpc(2)}}}},
		{"key twice", SGConfig{AS: []ASConfig{{Name: "A", RoutingContext: 1, Key: dpc(1)}, {Name: "B", RoutingContext: 2, Key: dpc(1)}}}},
		{"unknown ASP", SGConfig{AS: []ASConfig{{Name: "A", ASPs: []string{"a"}}}}},
		{"mode", SGConfig{AS: []ASConfig{{Name: "A", TrafficMode: 4}}}},
		{"override of two", SGConfig{AS: []ASConfig{{Name: "A", TrafficMode: Override, MinASPs: 2}}}},
		{"SI", SGConfig{AS: []ASConfig{{Name: "A", Key: RoutingKey{Groups: []KeyGroup{{SIs: []mtp3.ServiceIndicator{0}}}}}}}},
		{"no context", SGConfig{ASP: asps, AS: []ASConfig{{Name: "A", Key: dpc(1), ASPs: []string{"a"}}, {Name: "B", Key: dpc(2), ASPs: []string{"a"}}}}},
	} {
		g, err := NewSG(tt.cfg)
		var ce *ConfigError
		if !errors.As(err, &ce) {
			t.Errorf("%s: %v", tt.what, err)
		}
		if g != nil {
			g.Close()
		}
	}
}
