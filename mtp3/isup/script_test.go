package isup

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// A script is a scene between a Group and the other end, a line each:
//
//	< IAM 1 digits=301       the other end sends it
//	> RLC 1                  the Group does
//	= ReleaseInd 1 41        an indication, of a release or reattempt with its cause
//	! T17 1                  an alert, with the timer or -
//	+ 15s                    time passes: timers expire on the way
//	setup 2 digits=301       a call from here, which goes out on circuit 2
//	req ACM 1                a request of a call's user
//	fails req ANM 1          one that is refused
//
// and the other methods of Group by name. Everything that comes out must stand there in its order.
func runScript(t *testing.T, cfg Config, script string) []Output {
	t.Helper()
	if cfg.OPC == 0 {
		cfg.OPC, cfg.DPC = 2, 1 // controls even circuits
	}
	if cfg.Circuits == nil {
		cfg.Circuits = []CIC{1, 2, 3, 4, 5, 6, 7, 8}
	}
	g, err := NewGroup(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, g: g, now: time.Unix(0, 0)}
	for line := range strings.Lines(script) {
		if line, _, _ = strings.Cut(line, "//"); strings.TrimSpace(line) == "" {
			continue
		}
		s.step(strings.Join(strings.Fields(line), " "))
	}
	s.nothingMore("the end")
	return s.raw
}

type scene struct {
	t   *testing.T
	g   *Group
	now time.Time
	out []string
	raw []Output
}

func (s *scene) step(line string) {
	s.t.Helper()
	f := strings.Fields(line)
	if strings.Contains("> = !", f[0]) {
		if len(s.out) == 0 || s.out[0] != line {
			s.t.Fatalf("want %q, have %q", line, s.out)
		}
		s.out = s.out[1:]
		return
	}
	s.nothingMore(line)
	if f[0] == "+" {
		d, err := time.ParseDuration(f[1])
		if err != nil {
			s.t.Fatal(err)
		}
		end := s.now.Add(d)
		for at := s.g.Deadline(); !at.IsZero() && !at.After(end); at = s.g.Deadline() {
			s.now = at
			s.collect(s.g.Expire(at, nil))
		}
		s.now = end
		return
	}
	fails := f[0] == "fails"
	if fails {
		f = f[1:]
	}
	out, err := s.command(f)
	if (err != nil) != fails {
		s.t.Fatalf("%s: %v", line, err)
	}
	s.collect(out)
}

func (s *scene) nothingMore(where string) {
	s.t.Helper()
	if len(s.out) > 0 {
		s.t.Fatalf("before %q came also\n\t%s", where, strings.Join(s.out, "\n\t"))
	}
}

func (s *scene) command(f []string) (out []Output, err error) {
	s.t.Helper()
	arg := func(i int) CIC {
		n, err := strconv.Atoi(f[i])
		if err != nil {
			s.t.Fatalf("%q: %v", f, err)
		}
		return CIC(n)
	}
	g, now := s.g, s.now
	switch f[0] {
	case "<":
		m := message(s.t, f[1:])
		b, err := m.AppendBinary(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		return g.Receive(now, b, nil), nil
	case "<hex":
		b, err := hex.DecodeString(strings.Join(f[1:], ""))
		if err != nil {
			s.t.Fatal(err)
		}
		return g.Receive(now, b, nil), nil
	case "setup":
		m := message(s.t, append([]string{"IAM"}, f[1:]...))
		cic, out, err := g.Setup(now, m, nil)
		if err == nil && cic != m.CIC {
			s.t.Fatalf("%q: on circuit %d", f, cic)
		}
		return out, err
	case "req":
		return g.Request(now, message(s.t, f[1:]), nil)
	case "released":
		return g.Released(now, arg(1), nil)
	case "notreleased":
		return g.NotReleased(now, arg(1), nil)
	case "block":
		return g.Block(now, arg(1), nil)
	case "unblock":
		return g.Unblock(now, arg(1), nil)
	case "reset":
		return g.Reset(now, arg(1), nil)
	case "resetgroup":
		return g.ResetGroup(now, arg(1), int(arg(2)), nil)
	case "query":
		return g.QueryGroup(now, arg(1), int(arg(2)), nil)
	case "blockgroup", "unblockgroup":
		m := message(s.t, append([]string{"CGB"}, f[1:]...))
		var rs RangeAndStatus
		var why Supervision
		m.Decode(&rs)
		m.Decode(&why)
		if f[0] == "blockgroup" {
			return g.BlockGroup(now, m.CIC, rs, why, nil)
		}
		return g.UnblockGroup(now, m.CIC, rs, why, nil)
	case "check":
		return g.Check(now, arg(1), nil)
	case "result":
		return g.CheckResult(now, arg(1), f[2] == "ok", nil)
	case "await":
		n, _ := strconv.Atoi(f[2][1:])
		return nil, g.AwaitDigits(now, arg(1), Timer(n))
	case "mtp":
		p := mtp3.Primitive{Affected: mtp3.Destination{PC: g.cfg.DPC}}
		switch f[1] {
		case "pause":
			p.Kind = mtp3.PausePrimitive
		case "resume":
			p.Kind = mtp3.ResumePrimitive
		case "congested":
			p.Kind, p.Status = mtp3.StatusPrimitive, mtp3.Status{Cause: mtp3.Congested, Level: 1}
		case "inaccessible":
			p.Kind, p.Status = mtp3.StatusPrimitive, mtp3.Status{Cause: mtp3.UserInaccessible, SI: mtp3.ISUP}
		case "unequipped":
			p.Kind, p.Status = mtp3.StatusPrimitive, mtp3.Status{Cause: mtp3.UserUnequipped, SI: mtp3.ISUP}
		case "elsewhere":
			p.Kind, p.Affected.PC = mtp3.PausePrimitive, 99
		case "other-user":
			p.Kind, p.Status = mtp3.StatusPrimitive, mtp3.Status{Cause: mtp3.UserInaccessible, SI: mtp3.SCCP}
		default:
			s.t.Fatalf("%q", f)
		}
		return g.MTP(now, p, nil), nil
	case "state": // "state 1 idle"
		for _, c := range g.Circuits() {
			if c.CIC == arg(1) && c.State != strings.Join(f[2:], " ") {
				s.t.Fatalf("%q: %v", f, c)
			}
		}
		return nil, nil
	}
	s.t.Fatalf("what is %q?", f)
	return nil, nil
}

func (s *scene) collect(out []Output) {
	s.t.Helper()
	for _, o := range out {
		s.raw = append(s.raw, o)
		switch o := o.(type) {
		case Send:
			if _, err := o.Message.AppendBinary(nil); err != nil {
				s.t.Errorf("sends what cannot be written: %v", err)
			}
			s.out = append(s.out, "> "+describe(o.Message))
		case Indication:
			l := fmt.Sprintf("= %s %d", primitiveWord(o.Kind), o.CIC)
			if o.Kind == ReleaseInd || o.Kind == ReattemptInd {
				l += fmt.Sprintf(" %d", uint8(o.Cause.Value))
			}
			s.out = append(s.out, l)
		case Alert:
			l := "! - "
			if o.Timer != 0 {
				l = fmt.Sprintf("! %v ", o.Timer)
			}
			s.out = append(s.out, l+fmt.Sprint(o.CIC))
		}
	}
}

func primitiveWord(p Primitive) string {
	return strings.NewReplacer(" ", "", "indication", "Ind", "confirm", "Conf").Replace(p.String())
}

// describe is a message as a script has it.
func describe(m Message) string {
	s := fmt.Sprintf("%v %d", m.Type, m.CIC)
	var cause Cause
	if ok, _ := m.Decode(&cause); ok {
		s += fmt.Sprintf(" %d", uint8(cause.Value))
		if len(cause.Diagnostics) > 0 {
			s += fmt.Sprintf(" %x", cause.Diagnostics)
		}
	}
	var cot ContinuityIndicators
	if ok, _ := m.Decode(&cot); ok {
		s += map[bool]string{true: " ok", false: " failed"}[cot.Successful]
	}
	var why Supervision
	if ok, _ := m.Decode(&why); ok && why == HardwareFailure {
		s += " hw"
	}
	var rs RangeAndStatus
	if ok, _ := m.Decode(&rs); ok {
		s += fmt.Sprintf(" n=%d", rs.Circuits())
		if len(rs.Status) > 0 {
			s += fmt.Sprintf(" bits=%x", rs.Status)
		}
	}
	var cs CircuitState
	if ok, _ := m.Decode(&cs); ok {
		s += " states="
		for _, c := range cs {
			s += fmt.Sprintf("%02x", uint8(c))
		}
	}
	return s
}

// message makes the message that a line describes: the type, the circuit, and words that depend on the type.
func message(t testing.TB, f []string) Message {
	t.Helper()
	var m Message
	for i := range formats {
		if formats[i] != nil && formats[i].name == f[0] {
			m.Type = MessageType(i)
		}
	}
	cic, err := strconv.Atoi(f[1])
	if m.Type == 0 || err != nil {
		t.Fatalf("no message: %q", f)
	}
	m.CIC = CIC(cic)
	words := map[string]string{}
	for _, w := range f[2:] {
		k, v, _ := strings.Cut(w, "=")
		words[k] = v
	}
	has := func(w string) bool { _, ok := words[w]; return ok }
	set := func(p Parameter) {
		if err := m.Set(p); err != nil {
			t.Fatal(err)
		}
	}
	number := func(def string) Digits {
		if has("digits") {
			def = words["digits"]
		}
		return MustDigits(def)
	}
	switch m.Type {
	case IAM:
		n := NatureOfConnection{}
		if has("check") {
			n.Check = CheckRequired
		} else if has("previous") {
			n.Check = CheckOnPrevious
		}
		category := OrdinaryCaller
		if has("test") {
			category = TestCall
		}
		set(n)
		set(ForwardCallIndicators{ISUPAllTheWay: true})
		set(category)
		set(Speech)
		set(CalledPartyNumber{Number{Nature: NationalNumber, Plan: E164, Digits: number("301234F")}})
	case SAM:
		set(SubsequentNumber{number("5")})
	case ACM, CON:
		set(BackwardCallIndicators{Status: SubscriberFree})
	case CPG:
		set(EventInformation{Event: Alerting})
	case REL, CFN:
		c := Cause{Value: NormalClearing, Location: PublicLocal}
		if has("cause") {
			v, _ := strconv.Atoi(words["cause"])
			c.Value = CauseValue(v)
		}
		set(c)
		if has("congested") {
			set(CongestionLevel(1))
		}
	case COT:
		set(ContinuityIndicators{has("ok")})
	case SUS, RES:
		set(SuspendResumeIndicators{has("net")})
	case INR:
		set(InformationRequestIndicators{CallingNumber: true})
	case INF:
		set(InformationIndicators{CallingNumber: 1})
	case USR:
		set(UserToUserInformation{4, 'x'})
	case GRS, GRA, CGB, CGU, CGBA, CGUA, CQM, CQR:
		if m.Type != GRS && m.Type != GRA && m.Type != CQM && m.Type != CQR {
			s := MaintenanceOriented
			if has("hw") {
				s = HardwareFailure
			}
			set(s)
		}
		n, _ := strconv.Atoi(words["n"])
		rs := RangeAndStatus{Range: uint8(n - 1)}
		if has("bits") {
			rs.Status = unhex(t, words["bits"])
		}
		set(rs)
		if m.Type == CQR {
			var cs CircuitState
			for _, o := range unhex(t, words["states"]) {
				cs = append(cs, State(o))
			}
			set(cs)
		}
	}
	if has("opt") { // an unknown parameter 0xe0, with these instructions
		m.Params = append(m.Params, Param{0xe0, []byte{1}})
		if words["opt"] != "" {
			o := unhex(t, words["opt"])[0]
			set(ParameterCompatibility{{Parameter: 0xe0, Instruction: Instruction(o)}})
		}
	}
	return m
}
