package isup

import (
	"fmt"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// Timer names a timer of Q.764 Annex A.
type Timer uint8

// The timers that a Group runs. Those left out belong to procedures that are not here: T31 and T32 (end-to-end signalling over
// SCCP), T34 (segmentation), T37 (echo control), T39 (malicious call identification).
const (
	T1  Timer = 1  // REL sent: send it again; 15 s (15 to 60 s)
	T2  Timer = 2  // SUS (user) received: release; 3 min
	T3  Timer = 3  // OLM received: release; 2 min
	T4  Timer = 4  // user part not available: UPT again; 5 min (5 to 15 min)
	T5  Timer = 5  // REL sent: RSC, alert; 5 min (5 to 15 min)
	T6  Timer = 6  // SUS (network) received: release; 20 s (Q.118)
	T7  Timer = 7  // IAM or SAM sent: no ACM or CON, release; 20 s (20 to 30 s)
	T8  Timer = 8  // IAM received that a COT will follow: release; 10 s (10 to 15 s)
	T9  Timer = 9  // ACM received: no answer, release; 2 min (Q.118)
	T10 Timer = 10 // digit received at interworking: ACM; 4 s (4 to 6 s)
	T11 Timer = 11 // IAM received at interworking: ACM; 15 s (15 to 20 s)
	T12 Timer = 12 // BLO sent: send it again; 15 s (15 to 60 s)
	T13 Timer = 13 // BLO sent: alert, send it again; 5 min (5 to 15 min)
	T14 Timer = 14 // UBL sent: send it again; as T12
	T15 Timer = 15 // UBL sent: alert, send it again; as T13
	T16 Timer = 16 // RSC sent: send it again; as T12
	T17 Timer = 17 // RSC sent: alert, send it again; as T13
	T18 Timer = 18 // CGB sent: send it again; as T12
	T19 Timer = 19 // CGB sent: alert, send it again; as T13
	T20 Timer = 20 // CGU sent: send it again; as T12
	T21 Timer = 21 // CGU sent: alert, send it again; as T13
	T22 Timer = 22 // GRS sent: send it again; as T12
	T23 Timer = 23 // GRS sent: alert, send it again; as T13
	T24 Timer = 24 // check tone sent: the check has failed; 2 s (less than 2 s)
	T25 Timer = 25 // the check has failed: check again; 5 s (1 to 10 s)
	T26 Timer = 26 // it has failed again: check again; 1 min (1 to 3 min)
	T27 Timer = 27 // COT (failed) received: RSC; 4 min
	T28 Timer = 28 // CQM sent: alert; 10 s
	T29 Timer = 29 // congestion: leave out what follows at once; 300 ms (300 to 600 ms)
	T30 Timer = 30 // congestion: one step back; 5 s (5 to 10 s)
	T33 Timer = 33 // INR sent: release, alert; 12 s (12 to 15 s)
	T35 Timer = 35 // digit received, more needed: release; 15 s (15 to 20 s)
	T36 Timer = 36 // CCR received: no COT or REL, RSC; 10 s (10 to 15 s)
	T38 Timer = 38 // SUS (network) sent by the incoming international exchange: release; 15 s (Q.118)

	timerCount = 40
)

// String is "T7".
func (t Timer) String() string { return fmt.Sprintf("T%d", uint8(t)) }

// Timers are durations by timer. One that is zero has the default, the shortest time that Q.764 allows unless said
// otherwise. One that is negative never runs out.
type Timers [timerCount]time.Duration

var defaultTimers = Timers{
	T1: 15 * time.Second, T2: 3 * time.Minute, T3: 2 * time.Minute, T4: 5 * time.Minute, T5: 5 * time.Minute, T6: 20 * time.Second,
	T7: 20 * time.Second, T8: 10 * time.Second, T9: 2 * time.Minute, T10: 4 * time.Second, T11: 15 * time.Second,
	T12: 15 * time.Second, T13: 5 * time.Minute, T14: 15 * time.Second, T15: 5 * time.Minute, T16: 15 * time.Second, T17: 5 * time.Minute,
	T18: 15 * time.Second, T19: 5 * time.Minute, T20: 15 * time.Second, T21: 5 * time.Minute, T22: 15 * time.Second, T23: 5 * time.Minute,
	T24: 2 * time.Second, T25: 5 * time.Second, T26: time.Minute, T27: 4 * time.Minute, T28: 10 * time.Second, T29: 300 * time.Millisecond,
	T30: 5 * time.Second, T33: 12 * time.Second, T35: 15 * time.Second, T36: 10 * time.Second, T38: 15 * time.Second,
}

// owner is what timers belong to: a circuit, a procedure of a group of circuits, or the Group itself.
type owner struct {
	circuit *circuit
	op      *groupOp
	timers  []*timer // those that ever ran
}

type timer struct {
	loop.Timer
	id Timer
	o  *owner
}

func (o *owner) timer(id Timer) *timer {
	for _, t := range o.timers {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (o *owner) runs(id Timer) bool {
	t := o.timer(id)
	return t != nil && t.Running()
}

func (g *Group) start(now time.Time, o *owner, id Timer) {
	d := g.cfg.Timers[id]
	if d == 0 {
		d = defaultTimers[id]
	}
	if d < 0 {
		return
	}
	t := o.timer(id)
	if t == nil {
		t = &timer{id: id, o: o}
		t.Fire = func() { g.due = t }
		o.timers = append(o.timers, t)
	}
	g.timers.Start(&t.Timer, now.Add(d))
}

func (g *Group) stop(o *owner, timers ...Timer) {
	for _, id := range timers {
		if t := o.timer(id); t != nil {
			g.timers.Stop(&t.Timer)
		}
	}
}

func (g *Group) stopAll(o *owner) {
	for _, t := range o.timers {
		g.timers.Stop(&t.Timer)
	}
}

// Deadline is when Expire is due. Zero: no timer runs.
func (g *Group) Deadline() time.Time { return g.timers.Deadline() }

// Expire does what is due at now and appends what comes of it to out.
func (g *Group) Expire(now time.Time, out []Output) []Output {
	for {
		due := g.timers.Due(now)
		if due == nil {
			return out
		}
		due.Fire()
		switch t := g.due; {
		case t.o.circuit != nil:
			out = g.expireCircuit(now, t.o.circuit, t.id, out)
		case t.o.op != nil:
			out = g.expireOp(now, t.o.op, t.id, out)
		default:
			out = g.expireGroup(now, t.id, out)
		}
	}
}
