package m2pa_test

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
)

// normal is a link whose level 3 wants no emergency alignment, though it has no other link, and sends
// nothing but link tests: the tool does not expect the TRA of Q.704 section 9.
type normal struct{ *m2pa.Link }

func (normal) SetEmergency(_ time.Time, out []mtp3.Indication) []mtp3.Indication { return out }

func (n normal) Send(now time.Time, priority uint8, msu []byte, out []mtp3.Indication) []mtp3.Indication {
	if msu[0]&15 != uint8(mtp3.SNT) {
		return out
	}
	return n.Link.Send(now, priority, msu, out)
}

// TestTesttool lets nplab's m2pa-testtool (https://github.com/nplab/m2pa-testtool), which has the cases of
// ETSI TS 101 591, judge a link over the kernel's SCTP. TELCO_M2PA_TESTTOOL is the folder with its files.
func TestTesttool(t *testing.T) {
	lab.NeedKernel(t)
	tool := lab.NeedData(t, "TELCO_M2PA_TESTTOOL", "nplab's m2pa-testtool")
	lab.Need(t, "guile-3.0", "guile")
	type do func(f func(now time.Time, l *m2pa.Link))
	is := func(d do, met func(l *m2pa.Link) bool) (yes bool) {
		d(func(_ time.Time, l *m2pa.Link) { yes = met(l) })
		return yes
	}
	wait := func(ctx context.Context, d do, met func(l *m2pa.Link) bool) {
		for !is(d, met) && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
	inService := func(l *m2pa.Link) bool { return l.State() == m2pa.StateInService }
	busy := func(ctx context.Context, d do) { // the tool swallows the first status
		wait(ctx, d, inService)
		for _, b := range []bool{true, false} {
			d(func(now time.Time, l *m2pa.Link) { l.Busy(now, b, nil) })
		}
	}
	// Waits of the tool begin anew with each message, so that repeating Alignment lets it see the end of T2.
	base := m2pa.Config{T2: 30 * time.Second, T4n: 300 * time.Millisecond, T4e: 500 * time.Millisecond, T6: 3 * time.Second, T7: 2 * time.Second}
	shortT2, shortT3 := base, base
	shortT2.T2, shortT2.RepeatInterval = 5*time.Second, 500*time.Millisecond
	shortT3.T3 = time.Second

	type setup struct {
		cfg       m2pa.Config
		emergency bool                            // level 3 may ask for emergency alignment
		idle      bool                            // level 3 does not start the link
		before    string                          // what changes in the tool
		act       func(ctx context.Context, d do) // what level 3 does while the test runs
		counter   func(s m2pa.Stats) uint64       // must be 1 at the end
	}
	version := func(s m2pa.Stats) uint64 { return s.WrongVersion }
	class := func(s m2pa.Stats) uint64 { return s.WrongClass }
	typ := func(s m2pa.Stats) uint64 { return s.WrongType }
	length := func(s m2pa.Stats) uint64 { return s.WrongLength }
	usual := setup{cfg: base}
	late := setup{cfg: shortT2}
	passed := 0
	for i, c := range []struct {
		tests string
		setup
	}{
		{"test-001 algn-v-01 algn-v-02 algn-v-03 algn-v-06 algn-i-02", usual},
		{"algn-v-04 algn-v-07", setup{cfg: base, emergency: true}},
		// Which Proving is sent is up to level 3 here, not to the peer (Q.703 section 7.3).
		{"algn-v-05", setup{cfg: base, act: func(ctx context.Context, d do) {
			wait(ctx, d, func(l *m2pa.Link) bool { return l.Stats().StatusReceived == 3 })
			d(func(now time.Time, l *m2pa.Link) { l.SetEmergency(now, nil) })
		}}},
		// The tool takes Alignment for an answer to Out of Service, but it follows from Start alone.
		{"algn-i-01", setup{cfg: base, idle: true, counter: version}},
		{"algn-i-03", setup{cfg: base, idle: true, counter: class}},
		{"algn-i-04", setup{cfg: base, idle: true, counter: typ}},
		{"algn-i-05", setup{cfg: base, idle: true, counter: length}},
		// Out of Service comes with T3 or T2; of T3, the tool waits for its shortest value.
		{"algn-o-01 algn-o-02", setup{cfg: shortT3, before: "(set! patience 1)"}},
		{"algn-o-03 algn-o-04 algn-o-05", late},
		{"sctp-v-01 sctp-v-02 sctp-v-03 sctp-v-05 sctp-v-07", usual},
		{"sctp-v-04", setup{cfg: base, act: func(ctx context.Context, d do) {
			busy(ctx, d)
			busy(ctx, d)
		}}},
		{"sctp-v-06", setup{cfg: base, act: func(ctx context.Context, d do) {
			busy(ctx, d)
			d(func(now time.Time, l *m2pa.Link) { l.LocalProcessorOutage(now, nil) })
			d(func(now time.Time, l *m2pa.Link) { l.LocalProcessorRecovered(now, nil) })
		}}},
		{"msg-v-01 msg-v-03 msg-v-04 msg-v-05 msg-v-06 msg-v-07 msg-v-08 msg-v-09 msg-v-10 msg-v-11 msg-v-12 msg-v-13", usual},
		// It sends what msg-v-01 sends, but wants no failure: the SLTM, to another point, gets no SLTA whose
		// acknowledgement is missing.
		{"msg-v-02", setup{cfg: base, before: "(set! sltm (sltm-to 9))"}},
		{"msg-i-01", setup{cfg: base, counter: version}},
		{"msg-i-02", usual},
		{"msg-i-03", setup{cfg: base, counter: class}},
		{"msg-i-04", setup{cfg: base, counter: length}},
	} {
		for j, name := range strings.Fields(c.tests) {
			node, err := mtp3.NewNode(mtp3.Config{PointCode: 1, NI: mtp3.National, NoRestart: true,
				Timers: mtp3.Timers{T17: 100 * time.Millisecond, TestT1: 15 * time.Second}}) // longer than the tool waits
			if err != nil {
				t.Fatal(err)
			}
			ls, err := node.AddLinkset(mtp3.LinksetConfig{Adjacent: 2})
			if err != nil {
				t.Fatal(err)
			}
			l := m2pa.New(c.cfg)
			level2 := mtp3.Link(normal{l})
			if c.emergency {
				level2 = l
			}
			id, err := node.AddLink(ls, mtp3.LinkConfig{Link: level2})
			if err != nil {
				t.Fatal(err)
			}
			loop := m2pa.NewLoop(m2pa.LoopConfig{
				Handle:   func(now time.Time, _ *m2pa.Link, in []mtp3.Indication) { node.HandleLink(now, id, in, nil) },
				Deadline: node.Deadline,
				Expire:   func(now time.Time) { node.Expire(now, nil) },
			})
			port := uint16(m2pa.Port + 16*i + j)
			if err := loop.Add(l, m2pa.Path{Network: kernel.Network{}, Server: true, AnyPort: true,
				Local:  sctp.AddrOf(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)),
				Remote: sctp.AddrOf(netip.MustParseAddrPort("127.0.0.2:0"))}); err != nil {
				t.Fatal(err)
			}
			limit, done := context.WithTimeout(t.Context(), 40*time.Second)
			in := func(f func(now time.Time, l *m2pa.Link)) {
				_ = loop.Do(limit, func(now time.Time) { f(now, l) })
			}
			if !c.idle {
				in(func(now time.Time, _ *m2pa.Link) { node.Start(now, nil) })
			}
			acted := make(chan struct{})
			go func() {
				defer close(acted)
				if c.act != nil {
					c.act(limit, in)
				}
			}()
			out, err := exec.CommandContext(limit, "guile", "--no-auto-compile", "testdata/testtool.scm", tool, strconv.Itoa(int(port)),
				"(begin "+c.before+" (m2pa-"+name+" tester-addr tester-port sut-addr sut-port))").CombinedOutput()
			var stats m2pa.Stats
			in(func(_ time.Time, l *m2pa.Link) { stats = l.Stats() })
			done()
			<-acted
			loop.Close()
			var exit *exec.ExitError
			switch {
			case errors.As(err, &exit):
				t.Errorf("%s: status %d (1 failed, 2 unknown, 3 closed, -1 not ended)\n%s%+v", name, exit.ExitCode(), out, stats)
			case err != nil:
				t.Fatal(err)
			case c.counter != nil && c.counter(stats) != 1:
				t.Errorf("%s: the message is not counted: %+v", name, stats)
			default:
				passed++
			}
		}
	}
	t.Logf("%d passed", passed)
}
