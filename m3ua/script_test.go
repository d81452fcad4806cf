package m3ua

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3"
)

// Tests of the state machines are scripts, one step a line; time is virtual.
//
//	a+             an association with ASP a          a-  it is lost     a!  the peer began anew
//	a> ASPUP id=3  ASP a sends; a@5> on stream 5; "a> hex 02..." octets as they are
//	a< ASPUP ACK   what ASP a gets next
//	t 2s           time passes
//	as X ACTIVE    the state of an AS
//	block-asp a, unblock-asp a, block-as X, unblock-as X, isolate, join,
//	pause 8232/3, resume 8232, restrict 8232, congested 8232 2, upu 8232 5 2
//	# a comment
//
// After each input exactly the lines with < that follow are expected, in that order.

// brief writes a message as scripts have it.
func brief(m Message) string {
	var w []string
	add := func(k string, v any) { w = append(w, fmt.Sprintf("%s=%v", k, v)) }
	opt := func(k string, o Optional) {
		if o.Set {
			add(k, o.Value)
		}
	}
	rcs := func(l []uint32) {
		if len(l) > 0 {
			add("rc", strings.ReplaceAll(strings.Trim(fmt.Sprint(l), "[]"), " ", ","))
		}
	}
	pcs := func(ds []mtp3.Destination) {
		var s []string
		for _, d := range ds {
			t := fmt.Sprint(uint32(d.PC))
			if d.Wild > 0 {
				t += fmt.Sprintf("/%d", d.Wild)
			}
			s = append(s, t)
		}
		if s != nil {
			add("pc", strings.Join(s, ","))
		}
	}
	ssnm := func(na Optional, rc []uint32, ds []mtp3.Destination) { opt("na", na); rcs(rc); pcs(ds) }
	head := m.Type().String()
	switch m := m.(type) {
	case *ERR:
		head += " " + m.Code.String()
		ssnm(m.NetworkAppearance, m.RoutingContexts, m.Affected)
	case *NTFY:
		head += " " + m.Status.String()
		opt("id", m.ASPIdentifier)
		rcs(m.RoutingContexts)
	case *DATA:
		opt("na", m.NetworkAppearance)
		opt("rc", m.RoutingContext)
		add("dpc", m.MSU.Label.DPC)
		add("opc", m.MSU.Label.OPC)
		add("sls", m.MSU.Label.SLS)
		add("si", uint8(m.MSU.SI))
		opt("corr", m.CorrelationID)
	case *DUNA:
		ssnm(m.NetworkAppearance, m.RoutingContexts, m.Affected)
	case *DAVA:
		ssnm(m.NetworkAppearance, m.RoutingContexts, m.Affected)
	case *DAUD:
		ssnm(m.NetworkAppearance, m.RoutingContexts, m.Affected)
	case *DRST:
		ssnm(m.NetworkAppearance, m.RoutingContexts, m.Affected)
	case *SCON:
		ssnm(m.NetworkAppearance, m.RoutingContexts, m.Affected)
		opt("level", m.Level)
	case *DUPU:
		ssnm(m.NetworkAppearance, m.RoutingContexts, []mtp3.Destination{{PC: m.Affected}})
		add("user", uint8(m.User))
		add("cause", uint16(m.Cause))
	case *ASPUp:
		opt("id", m.ASPIdentifier)
	case *ASPUpAck:
		opt("id", m.ASPIdentifier)
	case *BEAT:
		if !strings.HasPrefix(string(m.Data), "0") { // our own has the time in it
			add("data", string(m.Data))
		}
	case *BEATAck:
		if m.Data != nil {
			add("data", string(m.Data))
		}
	case *ASPActive:
		if m.TrafficMode != 0 {
			add("mode", uint32(m.TrafficMode))
		}
		rcs(m.RoutingContexts)
	case *ASPActiveAck:
		if m.TrafficMode != 0 {
			add("mode", uint32(m.TrafficMode))
		}
		rcs(m.RoutingContexts)
	case *ASPInactive:
		rcs(m.RoutingContexts)
	case *ASPInactiveAck:
		rcs(m.RoutingContexts)
	case *REGREQ:
		for _, k := range m.Keys {
			s := fmt.Sprintf("%d:%d", k.LocalID, k.Key.Groups[0].DPC)
			for _, si := range k.Key.Groups[0].SIs {
				s += fmt.Sprintf(":si=%d", uint8(si))
			}
			if k.TrafficMode != 0 {
				s += fmt.Sprintf(":mode=%d", k.TrafficMode)
			}
			add("k", s)
		}
	case *REGRSP:
		for _, r := range m.Results {
			add("r", fmt.Sprintf("%d:%d:%d", r.LocalID, r.Status, r.RoutingContext))
		}
	case *DEREGREQ:
		rcs(m.RoutingContexts)
	case *DEREGRSP:
		for _, r := range m.Results {
			add("r", fmt.Sprintf("%d:%d", r.RoutingContext, r.Status))
		}
	}
	return strings.TrimSpace(head + " " + strings.Join(w, " "))
}

func num(s string) uint32 {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		panic(err)
	}
	return uint32(n)
}

func nums(s string) (l []uint32) {
	for f := range strings.SplitSeq(s, ",") {
		l = append(l, num(f))
	}
	return l
}

func dests(s string) (ds []mtp3.Destination) {
	for f := range strings.SplitSeq(s, ",") {
		pc, wild, _ := strings.Cut(f, "/")
		d := mtp3.Destination{PC: mtp3.PointCode(num(pc))}
		if wild != "" {
			d.Wild = uint8(num(wild))
		}
		ds = append(ds, d)
	}
	return ds
}

// unbrief reads a message as brief writes it.
func unbrief(s string) Message {
	var m Message
	longest := ""
	for t, name := range typeNames {
		if strings.HasPrefix(s+" ", name+" ") && len(name) > len(longest) {
			m, longest = newMessage(t), name
		}
	}
	if m == nil {
		panic("no message: " + s)
	}
	rest := strings.TrimSpace(s[len(longest):])
	kv := map[string]string{}
	var words []string
	for f := range strings.FieldsSeq(rest) {
		if k, v, ok := strings.Cut(f, "="); ok {
			if kv[k] != "" && (k == "k" || k == "r") {
				v = kv[k] + ";" + v
			}
			kv[k] = v
		} else {
			words = append(words, f)
		}
	}
	text := strings.Join(words, " ")
	opt := func(k string) Optional {
		if v, ok := kv[k]; ok {
			return Some(num(v))
		}
		return Optional{}
	}
	var rcs []uint32
	if v, ok := kv["rc"]; ok {
		rcs = nums(v)
	}
	var pcs []mtp3.Destination
	if v, ok := kv["pc"]; ok {
		pcs = dests(v)
	}
	mode := TrafficMode(opt("mode").Value)
	na := opt("na")
	switch m := m.(type) {
	case *ERR:
		for c, name := range errorNames {
			if name == text {
				m.Code = c
			}
		}
		m.RoutingContexts, m.NetworkAppearance, m.Affected = rcs, na, pcs
	case *NTFY:
		for _, st := range []Status{NotifyASInactive, NotifyASActive, NotifyASPending, NotifyInsufficientASPs, NotifyAlternateASPActive, NotifyASPFailure} {
			if st.String() == text {
				m.Status = st
			}
		}
		m.ASPIdentifier, m.RoutingContexts = opt("id"), rcs
	case *DATA:
		m.NetworkAppearance, m.RoutingContext = na, opt("rc")
		m.MSU = mtp3.MSU{SI: mtp3.ServiceIndicator(opt("si").Value), Label: mtp3.Label{DPC: mtp3.PointCode(opt("dpc").Value), OPC: mtp3.PointCode(opt("opc").Value), SLS: mtp3.SLS(opt("sls").Value)}, Data: []byte{1, 2, 3}}
	case *DUNA:
		m.NetworkAppearance, m.RoutingContexts, m.Affected = na, rcs, pcs
	case *DAVA:
		m.NetworkAppearance, m.RoutingContexts, m.Affected = na, rcs, pcs
	case *DAUD:
		m.NetworkAppearance, m.RoutingContexts, m.Affected = na, rcs, pcs
	case *DRST:
		m.NetworkAppearance, m.RoutingContexts, m.Affected = na, rcs, pcs
	case *SCON:
		m.NetworkAppearance, m.RoutingContexts, m.Affected, m.Level = na, rcs, pcs, opt("level")
	case *DUPU:
		m.NetworkAppearance, m.RoutingContexts, m.Affected = na, rcs, pcs[0].PC
		m.User, m.Cause = mtp3.ServiceIndicator(opt("user").Value), UnavailabilityCause(opt("cause").Value)
	case *ASPUp:
		m.ASPIdentifier = opt("id")
	case *ASPUpAck:
		m.ASPIdentifier = opt("id")
	case *BEAT:
		m.Data = []byte(kv["data"])
	case *BEATAck:
		m.Data = []byte(kv["data"])
	case *ASPActive:
		m.TrafficMode, m.RoutingContexts = mode, rcs
	case *ASPActiveAck:
		m.TrafficMode, m.RoutingContexts = mode, rcs
	case *ASPInactive:
		m.RoutingContexts = rcs
	case *ASPInactiveAck:
		m.RoutingContexts = rcs
	case *DEREGREQ:
		m.RoutingContexts = rcs
	case *REGREQ:
		for k := range strings.SplitSeq(kv["k"], ";") {
			m.Keys = append(m.Keys, unbriefKey(k))
		}
	case *REGRSP:
		for r := range strings.SplitSeq(kv["r"], ";") {
			f := strings.Split(r, ":")
			m.Results = append(m.Results, RegistrationResult{LocalID: num(f[0]), Status: RegistrationStatus(num(f[1])), RoutingContext: num(f[2])})
		}
	case *DEREGRSP:
		for r := range strings.SplitSeq(kv["r"], ";") {
			f := strings.Split(r, ":")
			m.Results = append(m.Results, DeregistrationResult{RoutingContext: num(f[0]), Status: DeregistrationStatus(num(f[1]))})
		}
	}
	return m
}

// unbriefKey reads a key: LocalID:DPC, then :si=, :opc=, :mode=, :na=, :rc=, :circuit.
func unbriefKey(s string) RoutingKeyRequest {
	f := strings.Split(s, ":")
	k := RoutingKeyRequest{LocalID: num(f[0])}
	if f[1] != "" {
		k.Key.Groups = []KeyGroup{{DPC: mtp3.PointCode(num(f[1]))}}
	}
	for _, x := range f[2:] {
		name, v, _ := strings.Cut(x, "=")
		switch name {
		case "si":
			k.Key.Groups[0].SIs = append(k.Key.Groups[0].SIs, mtp3.ServiceIndicator(num(v)))
		case "opc":
			k.Key.Groups[0].OPCs = append(k.Key.Groups[0].OPCs, dests(v)...)
		case "mode":
			k.TrafficMode = TrafficMode(num(v))
		case "na":
			k.Key.NetworkAppearance = Some(num(v))
		case "rc":
			k.RoutingContext = Some(num(v))
		case "circuit":
			k.Unknown = []Param{{0x020f, []byte{0, 0, 8, 0x13, 0, 0, 0, 0}}}
		}
	}
	return k
}

// wire sends a message through its encoding, as it would come from the network.
func wire(t *testing.T, m Message) ([]byte, Message, error) {
	t.Helper()
	b, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatalf("%v: %v", m.Type(), err)
	}
	m, err = Parse(b)
	return b, m, err
}

// runSG runs a script against the core of a gateway.
func runSG(t *testing.T, cfg SGConfig, script string) *sgCore {
	t.Helper()
	g := newSGCore(cfg)
	for _, a := range cfg.ASP {
		g.asps[a.Name] = &aspCore{cfg: a}
	}
	for _, c := range cfg.AS {
		if err := c.validate(); err != nil {
			t.Fatal(err)
		}
		s := &asCore{cfg: c, mode: c.TrafficMode}
		g.as = append(g.as, s)
		for _, name := range c.ASPs {
			g.join(s, g.asps[name], false)
		}
	}
	as := func(name string) *asCore {
		for _, s := range g.as {
			if s.cfg.Name == name {
				return s
			}
		}
		t.Fatalf("no AS %q", name)
		return nil
	}
	now := time.Unix(0, 0)
	var got []string
	var want []string
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
			if o.send != nil {
				got = append(got, o.asp.cfg.Name+"< "+brief(o.send))
			}
			if o.drop != nil {
				got = append(got, o.asp.cfg.Name+"< abort")
			}
		}
	}
	for l := range strings.Lines(script) {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
			continue
		}
		f := strings.Fields(l)
		if strings.HasSuffix(f[0], "<") {
			want = append(want, l)
			continue
		}
		flush()
		line = l
		switch name := strings.TrimRight(f[0], "+-!>"); {
		case strings.HasSuffix(f[0], "+"):
			take(g.associated(g.asps[name], false, nil))
		case strings.HasSuffix(f[0], "-"):
			take(g.lost(now, g.asps[name], false, nil, nil))
		case strings.HasSuffix(f[0], "!"):
			take(g.lost(now, g.asps[name], true, nil, nil))
		case strings.HasSuffix(f[0], ">"):
			name, stream, _ := strings.Cut(name, "@")
			on := uint16(0)
			if stream != "" {
				on = uint16(num(stream))
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
				take(g.bad(now, g.asps[name], err, b, nil))
			} else {
				take(g.handle(now, g.asps[name], on, m, b, nil))
			}
		case f[0] == "t":
			d, err := time.ParseDuration(f[1])
			if err != nil {
				t.Fatal(err)
			}
			end := now.Add(d)
			for at := g.deadline(); !at.IsZero() && !at.After(end); at = g.deadline() {
				now = at
				take(g.expire(now, nil))
			}
			now = end
		case f[0] == "as":
			if got := as(f[1]).state.String(); got != f[2] {
				t.Errorf("AS %s is %s, want %s", f[1], got, f[2])
			}
		case f[0] == "block-asp", f[0] == "unblock-asp":
			take(g.blockASP(now, g.asps[f[1]], f[0][0] == 'b', nil))
		case f[0] == "block-as", f[0] == "unblock-as":
			take(g.blockAS(now, as(f[1]), f[0][0] == 'b', nil))
		case f[0] == "isolate", f[0] == "join":
			take(g.isolate(now, f[0] == "isolate", nil))
		case f[0] == "pause", f[0] == "resume", f[0] == "restrict":
			av := map[string]mtp3.Availability{"pause": mtp3.Unavailable, "resume": mtp3.Available, "restrict": mtp3.Restricted}[f[0]]
			take(g.setAvailability(Optional{}, dests(f[1])[0], av, nil))
		case f[0] == "congested":
			take(g.setCongestion(Optional{}, dests(f[1])[0], uint8(num(f[2])), nil))
		case f[0] == "queue":
			take(g.congested(as(f[1]), uint8(num(f[2])), nil))
		case f[0] == "upu":
			take(g.userUnavailable(Optional{}, mtp3.PointCode(num(f[1])), mtp3.ServiceIndicator(num(f[2])), UnavailabilityCause(num(f[3])), nil))
		default:
			t.Fatalf("no such step: %s", l)
		}
	}
	flush()
	return g
}
