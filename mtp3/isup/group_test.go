package isup

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// TestProcedures are scenes of Q.764 that Q.784.1 has no number for.
func TestProcedures(t *testing.T) {
	for _, c := range []struct {
		name   string
		cfg    Config
		script string
	}{
		{"method 1, the lower point code", Config{OPC: 1, DPC: 2, Selection: Method1, Circuits: []CIC{5, 3, 4}}, `
			setup 3
			> IAM 3
			setup 4
			> IAM 4
			setup 5
			> IAM 5
			fails setup 5`},
		{"method 1, the higher point code", Config{OPC: 2, DPC: 1, Selection: Method1, Circuits: []CIC{3, 4, 5}}, `
			setup 5
			> IAM 5
			setup 4
			> IAM 4`},
		{"method 2: the controlled circuit idle for longest, then the other idle last", Config{Circuits: []CIC{1, 2, 3, 4}}, `
			< RSC 2
			> RLC 2
			< RSC 4
			> RLC 4
			< RSC 3
			> RLC 3
			< RSC 1
			> RLC 1
			setup 2
			> IAM 2
			setup 4
			> IAM 4
			setup 1
			> IAM 1
			setup 3
			> IAM 3`},
		{"CQM received", Config{Circuits: []CIC{1, 2, 3, 4, 6}}, `
			< IAM 1
			= SetupInd 1
			setup 2
			> IAM 2
			block 3
			> BLO 3
			< BLA 3
			= BlockingConf 3
			blockgroup 3 n=2 bits=02 hw
			> CGB 3 hw n=2 bits=02
			reset 6
			> RSC 6
			< CQM 1 n=6
			> CQR 1 n=6 states=04080d1c0300`},
		{"CQM sent", Config{}, `
			query 1 2
			> CQM 1 n=2
			< CQR 1 n=2 states=0c0c
			= QueryConf 1
			+ 1h
			query 1 2
			> CQM 1 n=2
			+ 10s
			! T28 1
			< CQR 1 n=2 states=0c0c`},
		{"T10: ACM after the last digit at interworking", Config{}, `
			< IAM 1 digits=30
			= SetupInd 1
			await 1 T10
			+ 3s
			< SAM 1 digits=1
			= DigitsInd 1
			+ 4s
			> ACM 1
			state 1 incoming, waiting for ANM`},
		{"T11: ACM in time at interworking", Config{}, `
			< IAM 1
			= SetupInd 1
			await 1 T11
			+ 15s
			> ACM 1`},
		{"T35: address incomplete", Config{}, `
			< IAM 1 digits=30
			= SetupInd 1
			await 1 T35
			+ 15s
			= ReleaseInd 1 28
			> REL 1 28`},
		{"T33: no INF", Config{}, `
			< IAM 1
			= SetupInd 1
			req INR 1
			> INR 1
			+ 11s
			< INF 1
			= TransferInd 1
			req INR 1
			> INR 1
			+ 12s
			! T33 1
			= ReleaseInd 1 102
			> REL 1 102`},
		{"INR received", Config{}, `
			setup 2
			> IAM 2
			< INR 2
			= TransferInd 2
			req INF 2
			> INF 2
			< CON 2
			= AnswerInd 2
			< INR 2`},
		{"T2: no RES of the user", Config{}, `
			setup 2
			> IAM 2
			< CON 2
			= AnswerInd 2
			< SUS 2
			= SuspendInd 2
			+ 3m
			= ReleaseInd 2 102
			> REL 2 102`},
		{"T38: the incoming international exchange", Config{International: true}, `
			< IAM 1
			= SetupInd 1
			req CON 1
			> CON 1
			req SUS 1 net
			> SUS 1
			+ 14s
			req RES 1 net
			> RES 1
			+ 1h
			req SUS 1 net
			> SUS 1
			+ 15s
			= ReleaseInd 1 102
			> REL 1 102`},
		{"T3: overload", Config{}, `
			setup 2
			> IAM 2
			< OLM 2
			= ReattemptInd 2 42
			+ 2m
			> REL 2 42
			< RLC 2
			= ReleaseConf 2
			< OLM 2
			> RSC 2`},
		{"T36: nothing after a CCR", Config{LoopBackAck: true}, `
			< CCR 1
			= Loopon 1
			> LPA 1
			+ 10s
			= Loopoff 1
			> RSC 1
			! T36 1`},
		{"LPA received", Config{}, `
			check 2
			> CCR 2
			= Toneon 2
			< LPA 2
			+ 1s
			fails check 2
			fails req REL 2
			result 2 ok
			= Toneoff 2
			> REL 2 16`},
		{"GRS while circuits are blocked from here", Config{}, `
			block 1
			> BLO 1
			block 2
			> BLO 2
			< BLA 2
			= BlockingConf 2
			blockgroup 3 n=2 bits=03 hw
			> CGB 3 hw n=2 bits=03
			< CGBA 3 n=2 bits=03 hw
			= BlockingConf 3
			= BlockingConf 4
			< GRS 1 n=4
			= BlockingConf 1
			> CGB 1 hw n=4 bits=0c
			> GRA 1 n=4 bits=03
			< CGBA 1 n=4 bits=0c hw
			= BlockingConf 3
			= BlockingConf 4
			+ 1h`},
		{"resets from both ends", Config{}, `
			reset 2
			> RSC 2
			< RSC 2
			> RLC 2
			< RLC 2
			= ReleaseConf 2
			resetgroup 1 2
			> GRS 1 n=2
			< GRS 1 n=2
			> GRA 1 n=2 bits=00
			< GRA 1 n=2 bits=00
			= ResetConf 1`},
		{"what was blocked from here is blocked again after a reset", Config{}, `
			block 2
			> BLO 2
			< BLA 2
			= BlockingConf 2
			reset 2
			> RSC 2
			< RLC 2
			= ReleaseConf 2
			> BLO 2
			< BLA 2
			= BlockingConf 2
			resetgroup 1 2
			> GRS 1 n=2
			< GRA 1 n=2 bits=00
			> BLO 2
			= ResetConf 1
			< RSC 2
			> BLO 2
			> RLC 2`},
		{"a reset ends a call here too", Config{}, `
			setup 2
			> IAM 2
			< ACM 2
			= AddresscompleteInd 2
			resetgroup 1 4
			= ReleaseInd 2 41
			> GRS 1 n=4
			< ANM 2
			< IAM 1
			< GRA 1 n=4 bits=00
			= ResetConf 1`},
		{"test calls pass what is blocked", Config{}, `
			block 1
			> BLO 1
			< BLA 1
			= BlockingConf 1
			< IAM 1 test
			= SetupInd 1`},
		{"blocking and unblocking overtake each other", Config{}, `
			fails unblock 2
			block 2
			> BLO 2
			unblock 2                   // waits for the BLA
			fails blockgroup 1 n=2 bits=02
			< BLA 2
			= BlockingConf 2
			> UBL 2
			block 2
			< UBA 2
			= UnblockingConf 2
			> BLO 2
			unblock 2
			block 2
			> BLO 2
			< BLA 2
			= BlockingConf 2
			blockgroup 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			fails unblock 1
			fails block 1
			fails unblockgroup 1 n=2 bits=01
			+ 5m
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			> CGB 1 n=2 bits=01
			! T19 1
			unblockgroup 1 n=2 bits=01  // the maintenance steps in
			> CGU 1 n=2 bits=01
			< CGUA 1 n=2 bits=01
			= UnblockingConf 1
			< BLA 2
			< UBA 2                     // blocked from here
			> BLO 2`},
		{"an unasked CGUA", Config{}, `
			block 2
			> BLO 2
			< BLA 2
			= BlockingConf 2
			< CGUA 1 n=4 bits=0f
			> CGB 1 n=4 bits=02`},
		{"the network is not there", Config{}, `
			mtp pause
			= Unavailable 0
			mtp pause
			fails setup 2
			mtp resume
			= Available 0
			mtp resume
			setup 2
			> IAM 2`},
		{"a GRA to a GRS that was sent twice", Config{}, `
			block 2
			> BLO 2
			< BLA 2
			= BlockingConf 2
			blockgroup 3 n=2 bits=03 hw
			> CGB 3 hw n=2 bits=03
			< CGBA 3 n=2 bits=03 hw
			= BlockingConf 3
			= BlockingConf 4
			< GRA 1 n=4 bits=00
			> BLO 2
			> CGB 1 hw n=4 bits=0c
			< BLA 2
			= BlockingConf 2
			< CGBA 1 n=4 bits=0c hw
			= BlockingConf 3
			= BlockingConf 4
			< CQR 1 n=2 states=0c0c
			+ 1h`},
		{"what was lost while the network was not there is said again", Config{}, `
			setup 2
			> IAM 2
			req REL 2
			> REL 2 16
			block 4
			> BLO 4
			reset 6
			> RSC 6
			resetgroup 7 2
			> GRS 7 n=2
			mtp pause
			= Unavailable 0
			+ 14s
			mtp resume
			= Available 0
			> GRS 7 n=2
			> REL 2 16
			> BLO 4
			> RSC 6
			+ 14s
			< GRA 7 n=2 bits=00
			= ResetConf 7
			< RLC 2
			= ReleaseConf 2
			< BLA 4
			= BlockingConf 4
			< RLC 6
			= ReleaseConf 6
			+ 1h`},
		{"malformed messages", Config{}, `
			<hex 01
			! - 0
			<hex 0200 01 00
			! - 2
			<hex 0200 18 00 01 03 070101
			! - 2
			<hex 0100 01 00 2001 0a 00 02 00 01 83
			> REL 1 100 04`},
		{"a SAM that cannot be read", Config{}, `
			< IAM 1 digits=3
			= SetupInd 1
			<hex 0100 02 02 00 00
			= ReleaseInd 1 100
			> REL 1 100 05`},
		{"OLM, UCIC and others about idle circuits", Config{}, `
			< UCIC 2
			! - 2
			setup 4
			> IAM 4
			< NRM 2
			< CFN 2
			setup 6
			> IAM 6
			< CFN 6
			= TransferInd 6
			< USR 6
			= TransferInd 6`},
		{"requests that cannot be", Config{}, `
			fails req ACM 2
			fails req ACM 99
			fails released 2
			fails released 99
			fails notreleased 2
			fails block 99
			fails unblock 99
			fails reset 99
			fails resetgroup 1 1
			fails resetgroup 1 33
			fails resetgroup 20 4
			fails query 1 1
			fails query 99 2
			fails blockgroup 1 n=1 bits=01
			fails blockgroup 1 n=4 bits=00
			fails blockgroup 7 n=4 bits=0f
			fails result 2 ok
			fails result 99 ok
			fails check 99
			fails await 1 T35
			< IAM 1 digits=3
			= SetupInd 1
			fails await 1 T7
			fails req RLC 1
			fails req FOT 1
			fails req COT 1 ok
			fails req IAM 1`},
	} {
		t.Run(c.name, func(t *testing.T) { runScript(t, c.cfg, c.script) })
	}
}

func TestNewGroup(t *testing.T) {
	for _, circuits := range [][]CIC{{1, 1}, {4096}} {
		if _, err := NewGroup(Config{Circuits: circuits}); err == nil {
			t.Errorf("%v", circuits)
		}
	}
	g, err := NewGroup(Config{Circuits: []CIC{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Setup(time.Time{}, Message{}, nil); err == nil {
		t.Error("an IAM without parameters goes out")
	}
	if err := error(&StateError{1, "ACM", "idle"}); err.Error() != "isup: ACM on circuit 1: it is idle" {
		t.Error(err)
	}
	if s := g.Circuits(); len(s) != 2 || s[0].State != "idle" || g.Idle() != 2 || !g.Deadline().IsZero() {
		t.Errorf("%v", s)
	}
}

// TestTwoEnds lets two exchanges that do whatever they please to the same circuits talk to each other, with messages lost now
// and then, and calls that collide. In the end, with nothing lost any more, all circuits are idle at both ends, and both agree
// on what is blocked.
func TestTwoEnds(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { twoEnds(t, seed) })
	}
}

func twoEnds(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 784))
	circuits := []CIC{1, 2, 3, 4, 5, 6}
	now := time.Unix(0, 0)
	var end [2]*Group
	var queue [2][][]byte // for that end
	for i := range end {
		g, err := NewGroup(Config{OPC: [2]mtp3.PointCode{1, 2}[i], DPC: [2]mtp3.PointCode{2, 1}[i], Circuits: circuits})
		if err != nil {
			t.Fatal(err)
		}
		end[i] = g
	}
	lose := true
	released := [2]map[CIC]bool{{}, {}}
	take := func(i int, out []Output, err error) {
		if e := (*StateError)(nil); err != nil && !errors.As(err, &e) && !errors.Is(err, ErrNoCircuit) && !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
		for _, o := range out {
			switch o := o.(type) {
			case Send:
				b, err := o.Message.AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				if !lose || rnd.IntN(10) != 0 {
					queue[1-i] = append(queue[1-i], b)
				}
			case Indication:
				if o.Kind == ReleaseInd && o.Message.Type == REL {
					released[i][o.CIC] = true
				}
			}
		}
	}
	step := func(i int) {
		g, cic := end[i], circuits[rnd.IntN(len(circuits))]
		if released[i][cic] && rnd.IntN(3) == 0 {
			delete(released[i], cic)
			out, err := g.Released(now, cic, nil)
			take(i, out, err)
		}
		if len(queue[i]) > 0 && rnd.IntN(4) > 0 {
			b := queue[i][0]
			queue[i] = queue[i][1:]
			take(i, g.Receive(now, b, nil), nil)
		}
		if rnd.IntN(60) == 0 {
			now = now.Add(time.Duration(rnd.IntN(30000)) * time.Millisecond)
		}
		if !g.Deadline().IsZero() && !g.Deadline().After(now) {
			take(i, g.Expire(now, nil), nil)
		}
	}
	for range 20000 {
		i := rnd.IntN(2)
		g, cic := end[i], circuits[rnd.IntN(len(circuits))]
		step(i)
		var out []Output
		var err error
		rs := NewRange(3)
		rs.Set(rnd.IntN(3))
		what := rnd.IntN(16) // a call's business
		if rnd.IntN(40) == 0 {
			what = 15 + rnd.IntN(11) // that of maintenance
			if rnd.IntN(3) == 0 {
				what = 16 + 4*rnd.IntN(2)
			}
		}
		switch what {
		case 0, 1, 2, 3:
			words := []string{"IAM", "0"}
			if rnd.IntN(4) == 0 {
				words = append(words, "check")
			}
			_, out, err = g.Setup(now, message(t, words), nil)
		case 4, 5, 6, 7:
			out, err = g.Request(now, message(t, []string{"ACM", fmt.Sprint(cic)}), nil)
		case 8, 9, 10, 11:
			out, err = g.Request(now, message(t, []string{"ANM", fmt.Sprint(cic)}), nil)
		case 12, 13:
			out, err = g.Request(now, message(t, []string{"REL", fmt.Sprint(cic)}), nil)
		case 14:
			out, err = g.Request(now, message(t, []string{"SUS", fmt.Sprint(cic), "net"}), nil)
		case 15:
			out, err = g.Block(now, cic, nil)
		case 16:
			for _, cic := range circuits {
				out, _ = g.Unblock(now, cic, out)
			}
		case 17:
			out, err = g.Reset(now, cic, nil)
		case 18:
			out, err = g.ResetGroup(now, 1, 6, nil)
		case 19:
			out, err = g.BlockGroup(now, 2, rs, Supervision(rnd.IntN(2)), nil)
		case 20:
			for i := range rs.Circuits() {
				rs.Set(i)
			}
			out, err = g.UnblockGroup(now, 2, rs, Supervision(rnd.IntN(2)), nil)
		case 21:
			out, err = g.Check(now, cic, nil)
		case 22, 23:
			out, err = g.CheckResult(now, cic, rnd.IntN(3) > 0, nil)
		case 24:
			out, err = g.QueryGroup(now, 1, 4, nil)
		case 25:
			out, err = g.NotReleased(now, cic, nil)
			delete(released[i], cic)
		}
		take(i, out, err)
	}
	// Peace: calls are cleared, and everything that repeats finds an answer.
	lose = false
	for range 40 {
		for range 200 {
			step(0)
			step(1)
		}
		for i, g := range end {
			for _, c := range g.Circuits() {
				out, err := g.CheckResult(now, c.CIC, true, nil)
				take(i, out, err)
				if g.circuits[c.CIC].state.call() {
					out, err = g.Request(now, message(t, []string{"REL", fmt.Sprint(c.CIC)}), nil)
					take(i, out, err)
				}
			}
		}
		now = now.Add(2 * time.Minute)
	}
	for i, g := range end {
		if s := g.Stats(); s.Answered == 0 || s.Received[RLC] == 0 || s.Received[CGBA] == 0 || s.Received[GRA] == 0 {
			t.Errorf("end %d has not done much: %d calls, %d answered", i, s.Setups, s.Answered)
		}
		if len(queue[i]) != 0 {
			t.Errorf("end %d still has %d messages", i, len(queue[i]))
		}
		for _, c := range g.order {
			if o := end[1-i].circuits[c.cic]; c.state != idle || c.pending != nothing || c.block[0].local != o.block[0].remote || c.block[1].local != o.block[1].remote {
				t.Errorf("end %d, circuit %d: %v, pending %d, blocked %v; the other end: %v %v", i, c.cic, c.state, c.pending, c.block, o.state, o.block)
			}
		}
		if len(g.ops) != 0 || g.timers.Len() != 0 || !g.Deadline().IsZero() {
			t.Errorf("end %d: %d procedures, %d timers until %v", i, len(g.ops), g.timers.Len(), g.Deadline())
		}
	}
}

// FuzzGroup: whatever comes, nothing panics, what goes out can be written, and timers don't pile up.
func FuzzGroup(f *testing.F) {
	for _, c := range everyMessage {
		f.Add(append([]byte{byte(len(unhex(f, c.hex)))}, unhex(f, c.hex)...))
	}
	f.Add([]byte{0xff, 1, 0xfe, 2, 17, 2, 0, 1, 0, 32, 1, 10, 0, 2, 0, 4, 3, 16, 3, 18, 0xfd, 3, 2, 0, 16})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := NewGroup(Config{OPC: 2, DPC: 1, Circuits: []CIC{1, 2, 3, 4, 5}, UnequippedCircuits: true, LoopBackAck: true})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(0, 0)
		var out []Output
		for len(b) > 1 {
			n, cic := int(b[0]), CIC(b[1]%8)
			out = out[:0]
			switch b = b[1:]; n {
			case 0xff:
				_, out, _ = g.Setup(now, message(t, []string{"IAM", "0", "check"}), out)
			case 0xfe:
				now = now.Add(time.Duration(b[0]) * time.Second)
				out = g.Expire(now, out)
			case 0xfd:
				out, _ = g.Block(now, cic, out)
			case 0xfc:
				out, _ = g.Request(now, message(t, []string{"ACM", fmt.Sprint(cic)}), out)
			case 0xfb:
				out, _ = g.Request(now, message(t, []string{"REL", fmt.Sprint(cic)}), out)
			case 0xfa:
				out, _ = g.CheckResult(now, cic, b[0]&8 != 0, out)
			case 0xf9:
				out, _ = g.Released(now, cic, out)
			case 0xf8:
				out, _ = g.ResetGroup(now, cic, int(b[0]>>3), out)
			default:
				n = min(n, len(b))
				out = g.Receive(now, b[:n], out)
				b = b[n:]
			}
			for _, o := range out {
				if o, ok := o.(Send); ok {
					if _, err := o.Message.AppendBinary(nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			if g.timers.Len() > 200 {
				t.Fatalf("%d timers", g.timers.Len())
			}
		}
	})
}
