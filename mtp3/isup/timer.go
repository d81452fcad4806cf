package isup

import (
	"fmt"
	"time"
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
	armed   []armedTimer
}

type armedTimer struct {
	id Timer
	at time.Time
}

func (o *owner) runs(t Timer) bool {
	for _, a := range o.armed {
		if a.id == t {
			return true
		}
	}
	return false
}

// alarm is an entry of the heap. It counts as long as its owner has a timer of that time.
type alarm struct {
	at  time.Time
	seq uint64
	id  Timer
	o   *owner
}

func (a alarm) live() bool {
	for _, t := range a.o.armed {
		if t.id == a.id && t.at.Equal(a.at) {
			return true
		}
	}
	return false
}

func (a alarm) before(b alarm) bool {
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.seq < b.seq
}

func (g *Group) start(now time.Time, o *owner, t Timer) {
	g.stop(o, t)
	d := g.cfg.Timers[t]
	if d == 0 {
		d = defaultTimers[t]
	}
	if d < 0 {
		return
	}
	at := now.Add(d)
	o.armed = append(o.armed, armedTimer{t, at})
	g.running++
	g.seq++
	g.push(alarm{at, g.seq, t, o})
}

func (g *Group) stop(o *owner, timers ...Timer) {
	for _, t := range timers {
		for i, a := range o.armed {
			if a.id == t {
				o.armed = append(o.armed[:i], o.armed[i+1:]...)
				g.running--
				break
			}
		}
	}
	g.tidy()
}

func (g *Group) stopAll(o *owner) {
	g.running -= len(o.armed)
	o.armed = o.armed[:0]
	g.tidy()
}

// tidy throws out what has been stopped, when that is most of the heap.
func (g *Group) tidy() {
	if len(g.alarms) < 64 || len(g.alarms) < 4*g.running {
		return
	}
	old := g.alarms
	g.alarms = nil
	for _, a := range old {
		if a.live() {
			g.push(a)
		}
	}
}

func (g *Group) push(a alarm) {
	g.alarms = append(g.alarms, a)
	h := g.alarms
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (g *Group) pop() {
	h := g.alarms
	last := len(h) - 1
	h[0] = h[last]
	h[last] = alarm{}
	h = h[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1].before(h[c]) {
			c++
		}
		if !h[c].before(h[i]) {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	g.alarms = h
}

// Deadline is when Expire is due. Zero: no timer runs.
func (g *Group) Deadline() time.Time {
	for len(g.alarms) > 0 && !g.alarms[0].live() {
		g.pop()
	}
	if len(g.alarms) == 0 {
		return time.Time{}
	}
	return g.alarms[0].at
}

// Expire does what is due at now and appends what comes of it to out.
func (g *Group) Expire(now time.Time, out []Output) []Output {
	for {
		at := g.Deadline()
		if at.IsZero() || at.After(now) {
			return out
		}
		a := g.alarms[0]
		g.pop()
		g.stop(a.o, a.id)
		switch {
		case a.o.circuit != nil:
			out = g.expireCircuit(now, a.o.circuit, a.id, out)
		case a.o.op != nil:
			out = g.expireOp(now, a.o.op, a.id, out)
		default:
			out = g.expireGroup(now, a.id, out)
		}
	}
}
