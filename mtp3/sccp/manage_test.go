package sccp

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3"
)

// The messages of management, octet by octet (Q.713 section 5.3).
func TestSCMGCodec(t *testing.T) {
	for _, c := range []struct {
		codec Codec
		m     SCMGMessage
		hex   string
	}{
		{itu, SCMGMessage{Type: SSA, SSN: HLR, PC: 2067}, "01 06 1308 00"},
		{itu, SCMGMessage{Type: SOR, SSN: HLR, PC: 2067, Multiplicity: 2}, "04 06 1308 02"},
		{itu, SCMGMessage{Type: SSC, SSN: SCMG, PC: 8238, Congestion: 5}, "06 01 2e20 00 05"},
		{ansi, SCMGMessage{Type: SSP, SSN: HLR, PC: 0x030201}, "02 06 010203 00"},
	} {
		b := c.codec.AppendSCMG(nil, c.m)
		if d := cmp.Diff(unhex(t, c.hex), b); d != "" {
			t.Errorf("%v: %s", c.m.Type, d)
		}
		if m, err := c.codec.ParseSCMG(b); err != nil || m != c.m {
			t.Errorf("%+v %v", m, err)
		}
		for i := range b {
			if _, err := c.codec.ParseSCMG(b[:i]); !errors.Is(err, mtp3.ErrTruncated) {
				t.Errorf("%v cut to %d octets: %v", c.m.Type, i, err)
			}
		}
	}
	var pe *ParseError
	if _, err := itu.ParseSCMG(unhex(t, "07 06 1308 00")); !errors.As(err, &pe) {
		t.Error(err)
	}
}

// managed is a node A that knows subsystem HLR at SCP, for which C is concerned, with SCP and C as nodes.
func managed(t *testing.T) *network {
	w := newNetwork(t, Config{PointCode: pcA}, Config{PointCode: pcSCP}, Config{PointCode: pcC})
	w.user(pcA, MSC, SubsystemConfig{})
	w.user(pcSCP, HLR, SubsystemConfig{Concerned: []mtp3.PointCode{pcA}})
	if err := w.nodes[pcA].AddRemote(pcSCP, RemoteConfig{Subsystems: []RemoteSubsystem{{SSN: HLR, Concerned: []mtp3.PointCode{pcC, pcSCP}}}}); err != nil {
		t.Fatal(err)
	}
	w.sent = nil
	return w
}

// A subsystem goes out of service and comes back: the concerned points hear at once, and those that
// translate for others tell them (Q.714 sections 5.3.2, 5.3.3, 5.3.6 and 5.3.7).
func TestSubsystemProhibitedAndAllowed(t *testing.T) {
	w := managed(t)
	w.set(pcSCP, HLR, OutOfService)
	w.wantMessages("out", "2070>2067 SSP HLR of 2070", "2067>2068 SSP HLR of 2070")
	w.wantLog("out", "1.2.6: HLR of 1.2.6 in service false", "1.2.3: HLR of 1.2.6 in service false")
	w.set(pcSCP, HLR, OutOfService)
	w.wantMessages("again")
	w.unitdata(pcA, Unitdata{Called: at(pcSCP, HLR), Calling: ssn(MSC), ReturnOnError: true, Data: []byte{1}})
	w.wantMessages("not sent")
	if u := w.units[0]; u.Kind != NoticeIndication || u.Unit.Cause != SubsystemFailure {
		t.Errorf("%+v", u)
	}
	if p, subs, ok := w.nodes[pcA].Remote(pcSCP); !ok || !p.Accessible || len(subs) != 1 || subs[0].InService {
		t.Errorf("%+v %+v", p, subs)
	}
	w.set(pcSCP, HLR, InService)
	w.wantMessages("back", "2070>2067 SSA HLR of 2070", "2067>2068 SSA HLR of 2070")
	w.wantLog("back", "1.2.6: HLR of 1.2.6 in service true", "1.2.3: HLR of 1.2.6 in service true")
	w.wait(time.Hour)
	w.wantMessages("no test is left")
	w.unitdata(pcA, Unitdata{Called: at(pcSCP, HLR), Calling: ssn(MSC), Data: []byte{1}})
	w.wantMessages("sent", "2067>2070 UDT")
}

// Whoever sends to a subsystem that is out of service is told (section 5.3.2), and tests it from then on:
// after 30 s, 1, 2, 4, 8 minutes, then every 10 (section 5.3.4).
func TestStatusTest(t *testing.T) {
	w := managed(t)
	if out, err := w.nodes[pcSCP].SetSubsystem(w.now, HLR, OutOfService, nil); err != nil || len(out) != 2 {
		t.Fatal(out, err) // the SSP is lost
	}
	w.unitdata(pcA, Unitdata{Called: at(pcSCP, HLR), Calling: ssn(MSC), ReturnOnError: true, Data: []byte{1}})
	w.wantMessages("answered", "2067>2070 UDT", "2070>2067 SSP HLR of 2070", "2070>2067 UDTS subsystem failure", "2067>2068 SSP HLR of 2070")
	w.wantLog("answered", "1.2.3: HLR of 1.2.6 in service false")
	var at []time.Duration
	begin := w.now
	for range 2400 {
		w.wait(time.Second)
		for range w.messages() {
			at = append(at, w.now.Sub(begin))
		}
	}
	m := time.Minute
	if d := cmp.Diff([]time.Duration{m / 2, m / 2 * 3, m / 2 * 7, m / 2 * 15, m / 2 * 31, m / 2 * 51, m / 2 * 71}, at); d != "" {
		t.Errorf("tests: %s", d)
	}
	// Back in service, with the SSA lost: the next test finds it.
	if _, err := w.nodes[pcSCP].SetSubsystem(w.now, HLR, InService, nil); err != nil {
		t.Fatal(err)
	}
	w.wait(10 * time.Minute)
	w.wantMessages("found", "2067>2070 SST HLR of 2070", "2070>2067 SSA HLR of 2070", "2067>2068 SSA HLR of 2070")
	w.wantLog("found", "1.2.3: HLR of 1.2.6 in service true")
	w.wait(time.Hour)
	w.wantMessages("over")
}

// MTP-PAUSE and MTP-RESUME (sections 5.2.2 and 5.2.3).
func TestPointProhibitedAndAllowed(t *testing.T) {
	for _, d := range []mtp3.Destination{{PC: pcSCP}, {PC: pcSCP &^ 7, Wild: 3}} {
		w := managed(t)
		w.set(pcSCP, HLR, OutOfService)
		w.messages()
		w.log = nil
		w.mtp(pcA, mtp3.Primitive{Kind: mtp3.PausePrimitive, Affected: d})
		w.wantLog("pause", "1.2.3: 1.2.6 accessible false, SCCP available, restriction 0")
		w.wait(time.Hour)
		w.wantMessages("no tests while it is gone")
		if ok, why := w.nodes[pcA].Reach(pcSCP, HLR); ok || why != MTPFailure {
			t.Errorf("reach %v %v", ok, why)
		}
		w.mtp(pcA, mtp3.Primitive{Kind: mtp3.PausePrimitive, Affected: d})
		w.wantLog("the same again")
		w.mtp(pcA, mtp3.Primitive{Kind: mtp3.ResumePrimitive, Affected: d})
		w.wantLog("resume", "1.2.3: HLR of 1.2.6 in service true", "1.2.3: 1.2.6 accessible true, SCCP available, restriction 0")
		w.mtp(pcA, mtp3.Primitive{Kind: mtp3.PausePrimitive, Affected: d})
		w.mtp(pcA, mtp3.Primitive{Kind: mtp3.ResumePrimitive, Affected: mtp3.Destination{PC: pcSCP}})
		w.wantLog("one of them", "1.2.3: HLR of 1.2.6 in service false", "1.2.3: 1.2.6 accessible false, SCCP available, restriction 0",
			"1.2.3: HLR of 1.2.6 in service true", "1.2.3: 1.2.6 accessible true, SCCP available, restriction 0")
		w.wantMessages("nothing is told to other points")
	}
}

// MTP-STATUS about the SCCP of a point: it is tested with subsystem number 1, but not if it has no SCCP (section 5.2.2).
func TestRemoteSCCP(t *testing.T) {
	w := managed(t)
	status := func(c mtp3.StatusCause, si mtp3.ServiceIndicator) {
		w.mtp(pcA, mtp3.Primitive{Kind: mtp3.StatusPrimitive, Affected: mtp3.Destination{PC: pcSCP}, Status: mtp3.Status{Cause: c, SI: si}})
	}
	status(mtp3.UserInaccessible, mtp3.ISUP)
	w.wantLog("another user")
	w.lose = func(m mtp3.MSU) bool { return m.Label.DPC == pcSCP }
	status(mtp3.UserInaccessible, mtp3.SCCP)
	w.wantLog("inaccessible", "1.2.3: HLR of 1.2.6 in service false", "1.2.3: 1.2.6 accessible true, SCCP inaccessible, restriction 0")
	w.wait(40 * time.Second)
	w.wantMessages("tested", "2067>2070 SST SCMG of 2070")
	status(mtp3.UserInaccessible, mtp3.SCCP)
	w.wantLog("known")
	w.lose = nil
	w.wait(time.Minute)
	w.wantMessages("answered", "2067>2070 SST SCMG of 2070", "2070>2067 SSA SCMG of 2070")
	w.wantLog("answered", "1.2.3: HLR of 1.2.6 in service true", "1.2.3: 1.2.6 accessible true, SCCP available, restriction 0")
	status(mtp3.UserUnequipped, mtp3.SCCP)
	w.wantLog("unequipped", "1.2.3: HLR of 1.2.6 in service false", "1.2.3: 1.2.6 accessible true, SCCP unequipped, restriction 0")
	w.wait(time.Hour)
	w.wantMessages("not tested")
	// What the subsystem itself says shows that its SCCP works.
	w.mtp(pcA, scmgFrom(pcSCP, pcA, SCMGMessage{Type: SSA, SSN: HLR, PC: pcSCP}))
	w.wantLog("it speaks", "1.2.3: HLR of 1.2.6 in service true", "1.2.3: 1.2.6 accessible true, SCCP available, restriction 0")
}

// A replica asks whether it may go (section 5.3.5).
func TestCoordinatedStateChange(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcA}, Config{PointCode: pcC})
	a, c := w.nodes[pcA], w.nodes[pcC]
	w.user(pcA, HLR, SubsystemConfig{HasReplica: true, Replica: pcC, Concerned: []mtp3.PointCode{pcC}})
	w.user(pcC, HLR, SubsystemConfig{HasReplica: true, Replica: pcA})
	w.sent = nil
	coord := func() {
		t.Helper()
		out, err := a.Coord(w.now, HLR, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.do(a, out)
	}
	coord()
	w.wantMessages("request", "2067>2068 SOR HLR of 2067")
	w.wantLog("request", "1.2.4: N-COORD indication, HLR of 1.2.3")
	w.wait(2 * time.Minute)
	w.wantLog("no answer", "1.2.3: N-COORD refused, HLR of 1.2.3")
	coord()
	w.wantLog("request", "1.2.4: N-COORD indication, HLR of 1.2.3")
	w.messages()
	out, err := c.GrantCoord(w.now, HLR, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.do(c, out)
	w.wantMessages("grant", "2068>2067 SOG HLR of 2067")
	w.wantLog("grant", "1.2.3: N-COORD confirm, HLR of 1.2.3")
	// Until it is out of service, or T(ignore SST) has run, tests get no answer.
	test := func(when string, want ...string) {
		w.mtp(pcA, scmgFrom(pcC, pcA, SCMGMessage{Type: SST, SSN: HLR, PC: pcA}))
		w.wantMessages(when, want...)
	}
	test("ignored")
	w.wait(time.Minute)
	test("not any more", "2067>2068 SSA HLR of 2067")
	w.wantLog("nothing more")
	w.set(pcA, HLR, Busy)
	w.wantMessages("busy is in service")
	w.wantLog("busy is in service")
	unexpected := c.Stats().Reasons[SCMGUnexpected]
	w.mtp(pcC, scmgFrom(pcSCP, pcC, SCMGMessage{Type: SOR, SSN: HLR, PC: pcA})) // only the replica can ask
	if got := c.Stats().Reasons[SCMGUnexpected]; got != unexpected+1 {
		t.Errorf("%d unexpected, want %d", got, unexpected+1)
	}
	w.set(pcA, HLR, OutOfService)
	w.wantMessages("out", "2067>2068 SSP HLR of 2067")
	w.log = nil
	for _, e := range []struct {
		do   func() ([]Output, error)
		want error
	}{
		{func() ([]Output, error) { return a.Coord(w.now, MSC, nil) }, ErrSubsystem},
		{func() ([]Output, error) { return c.Coord(w.now, HLR, nil) }, ErrReplica}, // that one is gone
		{func() ([]Output, error) { return c.GrantCoord(w.now, MSC, nil) }, ErrSubsystem},
		{func() ([]Output, error) { return c.GrantCoord(w.now, HLR, nil) }, ErrNoGrant},
	} {
		if out, err := e.do(); !errors.Is(err, e.want) || len(out) > 0 {
			t.Errorf("%v, want %v", err, e.want)
		}
	}
	was := a.Stats().Reasons[SCMGUnexpected]
	w.mtp(pcA, scmgFrom(pcC, pcA, SCMGMessage{Type: SOR, SSN: HLR, PC: pcC})) // it is out itself
	w.mtp(pcA, scmgFrom(pcC, pcA, SCMGMessage{Type: SOG, SSN: HLR, PC: pcA})) // it did not ask
	if got := a.Stats().Reasons[SCMGUnexpected]; got != was+2 {
		t.Errorf("%d unexpected, want %d", got, was+2)
	}
}

// Congestion of a remote point restricts what is less important, and eases (section 2.6).
func TestRestriction(t *testing.T) {
	w := managed(t)
	a := w.nodes[pcA]
	congested := mtp3.Primitive{Kind: mtp3.StatusPrimitive, Affected: mtp3.Destination{PC: pcSCP}, Status: mtp3.Status{Cause: mtp3.Congested}}
	passes := func(importance uint8) (n int) {
		for range 8 {
			if a.admit(pcSCP, importance) {
				n++
			}
		}
		return n
	}
	// Reports within Ta count as one; at the level itself ever fewer messages pass.
	var got []int
	for range 5 {
		w.mtp(pcA, congested)
		w.mtp(pcA, congested)
		got = append(got, passes(0))
		w.wait(500 * time.Millisecond)
	}
	if d := cmp.Diff([]int{6, 4, 2, 0, 0}, got); d != "" {
		t.Errorf("importance 0: %s", d)
	}
	if passes(1) != 6 || passes(2) != 8 {
		t.Errorf("importance 1: %d of 8, 2: %d", passes(1), passes(2))
	}
	w.wantLog("level", "1.2.3: 1.2.6 accessible true, SCCP available, restriction 1")
	w.wait(8 * time.Second) // four of five steps
	if passes(0) != 6 {
		t.Errorf("importance 0: %d of 8", passes(0))
	}
	w.wait(time.Minute)
	w.wantLog("eased", "1.2.3: 1.2.6 accessible true, SCCP available, restriction 0")
	if passes(0) != 8 {
		t.Errorf("importance 0: %d of 8", passes(0))
	}
	// The SCCP there says so itself, to every eighth message.
	w.nodes[pcSCP].SetCongestion(6)
	w.sent = nil
	for range 9 {
		w.unitdata(pcA, Unitdata{Called: at(pcSCP, HLR), Calling: ssn(MSC), Data: []byte{1}, HasImportance: true, Importance: 7})
	}
	if n := len(slices.DeleteFunc(w.messages(), func(s string) bool { return s != "2070>2067 SSC SCMG of 2070 level 6" })); n != 2 {
		t.Errorf("%d SSC", n)
	}
	w.wantLog("SSC", "1.2.3: 1.2.6 accessible true, SCCP available, restriction 6")
	if passes(5) != 0 || passes(7) != 8 {
		t.Errorf("importance 5: %d of 8, 7: %d", passes(5), passes(7))
	}
	// What comes back has importance 3, what goes has 4.
	w.units, w.sent = nil, nil
	w.unitdata(pcA, Unitdata{Called: at(pcSCP, HLR), Calling: ssn(MSC), ReturnOnError: true, Data: []byte{1}})
	if len(w.units) != 1 || w.units[0].Unit.Cause != NetworkCongestion || len(w.sent) != 0 {
		t.Errorf("%+v", w.units)
	}
	w.wait(5 * 2 * 4 * time.Second) // at level 1
	for _, c := range []struct {
		level uint8
		back  int
	}{{3, 6}, {4, 0}} {
		w.wait(time.Minute)
		w.mtp(pcA, scmgFrom(pcSCP, pcA, SCMGMessage{Type: SSC, SSN: SCMG, PC: pcSCP, Congestion: c.level}))
		a.remotes[pcSCP].cong.sub = 1
		w.sent = nil
		for range 8 {
			w.mtp(pcA, transfer(t, pcSCP, pcA, Message{Type: UDT, ReturnOnError: true, Called: ssn(AUC), Calling: at(pcSCP, HLR), Data: []byte{1}}))
		}
		if len(w.sent) != c.back {
			t.Errorf("level %d: %d came back, want %d", c.level, len(w.sent), c.back)
		}
	}
	// A point that went away and came back is not congested.
	w.mtp(pcA, mtp3.Primitive{Kind: mtp3.PausePrimitive, Affected: mtp3.Destination{PC: pcSCP}})
	w.mtp(pcA, mtp3.Primitive{Kind: mtp3.ResumePrimitive, Affected: mtp3.Destination{PC: pcSCP}})
	if passes(0) != 8 || !a.Deadline().IsZero() {
		t.Errorf("still congested: %d of 8", passes(0))
	}
	w.mtp(pcA, congested)
	w.nodes[pcSCP].SetCongestion(0)
	w.wait(10 * time.Minute)
	if passes(0) != 8 || !a.Deadline().IsZero() {
		t.Errorf("not eased: %v", a.Deadline())
	}
}

// What nobody configured is learnt up to a limit, and forgotten when it is as it should be.
func TestLearnt(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcA, MaxLearnt: 4})
	a := w.nodes[pcA]
	ssp := func(typ SCMGType, from, pc mtp3.PointCode, s SSN) {
		w.mtp(pcA, scmgFrom(from, pcA, SCMGMessage{Type: typ, SSN: s, PC: pc}))
	}
	want := func(when string, learnt int, dropped, unexpected uint64) {
		t.Helper()
		if s := a.Stats(); s.Learnt != learnt || s.Reasons[TooManyLearnt] != dropped || s.Reasons[SCMGUnexpected] != unexpected {
			t.Errorf("%s: learnt %d, dropped %d, unexpected %d", when, s.Learnt, s.Reasons[TooManyLearnt], s.Reasons[SCMGUnexpected])
		}
	}
	ssp(SSP, 10, 10, HLR)
	want("a point and its subsystem", 2, 0, 0)
	ssp(SSP, 11, 10, VLR)
	want("hearsay", 2, 0, 1)
	ssp(SSP, 10, 10, VLR)
	ssp(SSP, 10, 10, EIR)
	want("full", 4, 0, 1)
	ssp(SSP, 10, 10, AUC)
	ssp(SSP, 12, 12, HLR)
	want("no more", 4, 2, 1)
	ssp(SSA, 11, 10, HLR)
	want("hearsay about what is known counts", 3, 2, 1)
	if ok, why := a.Reach(10, VLR); ok || why != SubsystemFailure {
		t.Errorf("%v %v", ok, why)
	}
	if err := a.AddRemote(10, RemoteConfig{Subsystems: []RemoteSubsystem{{SSN: VLR}}}); err != nil {
		t.Fatal(err)
	}
	want("configured", 1, 2, 1)
	if pcs := a.Remotes(); !slices.Equal(pcs, []mtp3.PointCode{10}) {
		t.Errorf("%v", pcs)
	}
	if err := a.AddRemote(10, RemoteConfig{}); err != nil {
		t.Fatal(err)
	}
	want("another configuration", 2, 2, 1)
	a.RemoveRemote(10)
	a.RemoveRemote(10)
	want("removed", 0, 2, 1)
	if !a.Deadline().IsZero() || len(a.remotes) != 0 {
		t.Errorf("left: %v, %d", a.Deadline(), len(a.remotes))
	}
	ssp(SSP, 10, 10, HLR)
	a.RemoveRemote(10)
	want("what was learnt is removed", 0, 2, 1)
	for pc := range mtp3.PointCode(6) {
		w.mtp(pcA, mtp3.Primitive{Kind: mtp3.PausePrimitive, Affected: mtp3.Destination{PC: 100 + pc}})
	}
	if r := a.Stats().Reasons[TooManyLearnt]; r != 4 {
		t.Errorf("%d pauses too many", r)
	}
	// Nonsense: about ourselves, about SCMG, about no subsystem, of no level.
	was := a.Stats().Reasons[SCMGUnexpected]
	ssp(SSP, 10, pcA, HLR)
	ssp(SSP, 10, 10, SCMG)
	ssp(SSP, 10, 10, 0)
	ssp(SSC, 10, 10, SCMG)
	ssp(SST, 10, 10, HLR)
	ssp(SST, 10, pcA, HLR)
	if got := a.Stats().Reasons[SCMGUnexpected]; got != was+6 {
		t.Errorf("%d unexpected, want %d", got, was+6)
	}
}

// A router's word counts more than PAUSE, and translation takes the entity that can be reached.
func TestReachable(t *testing.T) {
	up := map[mtp3.PointCode]bool{pcA: true, pcSCP: true, pcC: true}
	w := newNetwork(t, Config{PointCode: pcSTP, Reachable: func(pc mtp3.PointCode) bool { return up[pc] },
		Translator: table(t, Rule{To: []Entity{{PC: pcSCP, SSN: HLR}, {PC: pcC, SSN: HLR}}})})
	send := func(want mtp3.PointCode) {
		t.Helper()
		w.sent = nil
		w.mtp(pcSTP, transfer(t, pcA, pcSTP, Message{Type: UDT, ReturnOnError: true, Called: title(t, "49"), Calling: at(pcA, MSC), Data: []byte{1}}))
		if len(w.sent) != 1 || w.sent[0].Label.DPC != want {
			t.Errorf("%+v, want to %d", w.sent, want)
		}
	}
	send(pcSCP)
	up[pcSCP] = false
	send(pcC)
	w.mtp(pcSTP, scmgFrom(pcC, pcSTP, SCMGMessage{Type: SSP, SSN: HLR, PC: pcC}))
	send(pcA) // it comes back
	up[pcSCP] = true
	send(pcSCP)
	x := w.nodes[pcSTP].Translator().Explain(Query{Called: title(t, "49")}, w.nodes[pcSTP])
	if !x.Result.OK || x.Entities[0].Usable != true || x.Entities[1].Usable || x.Entities[1].Why != SubsystemFailure {
		t.Errorf("%v", x)
	}
	if p, _, ok := w.nodes[pcSTP].Remote(1); ok || p.Accessible {
		t.Errorf("%+v %v", p, ok)
	}
}

func TestPauses(t *testing.T) {
	p := pauses{bits: 14}
	for i, c := range []struct {
		d      mtp3.Destination
		paused bool
		want   []bool // of points 8, 9, 16
	}{
		{mtp3.Destination{PC: 8}, true, []bool{true, false, false}},
		{mtp3.Destination{PC: 8}, true, []bool{true, false, false}},
		{mtp3.Destination{PC: 8, Wild: 3}, true, []bool{true, true, false}},
		{mtp3.Destination{PC: 9}, false, []bool{true, false, false}},
		{mtp3.Destination{PC: 0, Wild: 14}, true, []bool{true, true, true}},
		{mtp3.Destination{PC: 8, Wild: 1}, false, []bool{false, false, true}},
		{mtp3.Destination{PC: 9}, true, []bool{false, true, true}},
		{mtp3.Destination{PC: 0, Wild: 20}, false, []bool{false, false, false}},
	} {
		if !p.set(c.d, c.paused, 10) {
			t.Errorf("step %d: full", i)
		}
		if got := []bool{p.paused(8), p.paused(9), p.paused(16)}; !slices.Equal(got, c.want) {
			t.Errorf("step %d: %v, want %v", i, got, c.want)
		}
	}
	if len(p.said) != 0 || p.widths != 0 {
		t.Errorf("left: %v", p.said)
	}
}
