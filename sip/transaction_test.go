package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// step drives one machine: at a time after the start an input, or the timers, give actions and
// lead to a state.
type step struct {
	at    time.Duration
	in    string // "request", "ack", "cancel", "abandon", "error", a status code, or "timer"
	want  string // the actions, space separated
	state txState
}

func (s step) input() txInput {
	switch s.in {
	case "request":
		return txInput{event: inRequest}
	case "ack":
		return txInput{event: inACK}
	case "cancel":
		return txInput{event: inCancel}
	case "abandon":
		return txInput{event: inAbandon}
	case "error":
		return txInput{event: inError}
	}
	in := txInput{event: inResponse}
	if _, err := fmt.Sscan(s.in, &in.status); err != nil {
		panic(err)
	}
	return in
}

const ms = time.Millisecond

// every makes the steps of a timer that fires at each of the given milliseconds.
func every(want string, state txState, at ...int) []step {
	var out []step
	for _, t := range at {
		out = append(out, step{time.Duration(t) * ms, "timer", want, state})
	}
	return out
}

func steps(parts ...any) []step {
	var out []step
	for _, p := range parts {
		switch p := p.(type) {
		case step:
			out = append(out, p)
		case []step:
			out = append(out, p...)
		}
	}
	return out
}

func TestMachines(t *testing.T) {
	const (
		ic = "invite client"
		nc = "client"
		is = "invite server"
		ns = "server"
	)
	calling := step{0, "request", "Send", txCalling}
	trying := step{0, "request", "Send", txTrying}
	invited := step{0, "request", "Deliver", txProceeding}
	requested := step{0, "request", "Deliver", txTrying}
	for _, c := range []struct {
		name     string
		machine  string
		reliable bool
		steps    []step
	}{
		{"timer A doubles, timer B ends", ic, false, steps(calling,
			every("Send", txCalling, 500, 1500, 3500, 7500, 15500, 31500),
			step{32000 * ms, "timer", "Timeout End", txTerminated})},
		{"no timer A over TCP", ic, true, steps(calling,
			step{32000 * ms, "timer", "Timeout End", txTerminated})},
		{"1xx stops A and B", ic, false, steps(calling,
			step{100 * ms, "100", "Deliver", txProceeding},
			step{200 * ms, "180", "Deliver", txProceeding},
			step{3600_000 * ms, "183", "Deliver", txProceeding})},
		{"2xx, further 2xx, timer M", ic, false, steps(calling,
			step{100 * ms, "180", "Deliver", txProceeding},
			step{200 * ms, "200", "Deliver", txAccepted},
			step{700 * ms, "200", "Deliver", txAccepted},
			step{800 * ms, "180", "", txAccepted},
			step{900 * ms, "486", "", txAccepted},
			step{950 * ms, "error", "", txAccepted},
			step{32200 * ms, "timer", "End", txTerminated})},
		{"2xx while calling, over TCP too", ic, true, steps(calling,
			step{200 * ms, "200", "Deliver", txAccepted},
			step{32200 * ms, "timer", "End", txTerminated})},
		{"refusal is acknowledged, again and again, till timer D", ic, false, steps(calling,
			step{200 * ms, "486", "SendACK Deliver", txCompleted},
			step{700 * ms, "486", "SendACK", txCompleted},
			step{1700 * ms, "486", "SendACK", txCompleted},
			step{1800 * ms, "180", "", txCompleted},
			step{1900 * ms, "200", "", txCompleted},
			step{32200 * ms, "timer", "End", txTerminated})},
		{"refusal over TCP", ic, true, steps(calling,
			step{200 * ms, "503", "SendACK Deliver End", txTerminated},
			step{210 * ms, "503", "", txTerminated})},
		{"transport error while calling", ic, false, steps(calling,
			step{ms, "error", "Fail End", txTerminated})},
		{"transport error of the ACK", ic, false, steps(calling,
			step{ms, "600", "SendACK Deliver", txCompleted},
			step{ms, "error", "Fail End", txTerminated})},
		{"a cancelled INVITE ends after 64*T1", ic, false, steps(calling,
			step{100 * ms, "180", "Deliver", txProceeding},
			step{5000 * ms, "cancel", "", txProceeding},
			step{6000 * ms, "180", "Deliver", txProceeding},
			step{37000 * ms, "timer", "Timeout End", txTerminated})},
		{"a cancelled INVITE that is refused", ic, false, steps(calling,
			step{100 * ms, "180", "Deliver", txProceeding},
			step{5000 * ms, "cancel", "", txProceeding},
			step{5100 * ms, "487", "SendACK Deliver", txCompleted},
			step{37100 * ms, "timer", "End", txTerminated})},
		{"an abandoned INVITE is not sent again but listens", ic, false, steps(calling,
			every("Send", txCalling, 500, 1500, 3500),
			step{4000 * ms, "abandon", "", txCalling},
			step{9000 * ms, "200", "Deliver", txAccepted})},
		{"an abandoned INVITE ends", ic, false, steps(calling,
			step{100 * ms, "abandon", "", txCalling},
			step{32000 * ms, "timer", "Timeout End", txTerminated})},
		{"nothing starts an INVITE client but the request", ic, false, []step{
			{0, "200", "", txIdle}, {0, "error", "", txIdle}}},

		{"timer E grows to T2, timer F ends", nc, false, steps(trying,
			every("Send", txTrying, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500),
			step{32000 * ms, "timer", "Timeout End", txTerminated})},
		{"no timer E over TCP", nc, true, steps(trying,
			step{32000 * ms, "timer", "Timeout End", txTerminated})},
		{"in Proceeding timer E is T2", nc, false, steps(trying,
			step{100 * ms, "100", "Deliver", txProceeding},
			every("Send", txProceeding, 500, 4500, 8500),
			step{9000 * ms, "100", "Deliver", txProceeding},
			step{9100 * ms, "200", "Deliver", txCompleted},
			step{9200 * ms, "200", "", txCompleted},
			step{9250 * ms, "error", "", txCompleted},
			step{14100 * ms, "timer", "End", txTerminated})},
		{"timer F in Proceeding", nc, true, steps(trying,
			step{100 * ms, "100", "Deliver", txProceeding},
			step{32000 * ms, "timer", "Timeout End", txTerminated})},
		{"no timer K over TCP", nc, true, steps(trying,
			step{100 * ms, "404", "Deliver End", txTerminated})},
		{"transport error of a request", nc, false, steps(trying,
			step{100 * ms, "error", "Fail End", txTerminated})},
		{"transport error in Proceeding", nc, false, steps(trying,
			step{50 * ms, "100", "Deliver", txProceeding},
			step{100 * ms, "error", "Fail End", txTerminated})},
		{"an abandoned request is not sent again", nc, false, steps(trying,
			step{100 * ms, "abandon", "", txTrying},
			step{32000 * ms, "timer", "Timeout End", txTerminated})},

		{"automatic 100, then retransmissions get it", is, false, steps(invited,
			step{100 * ms, "request", "", txProceeding},
			step{200 * ms, "timer", "Trying", txProceeding},
			step{500 * ms, "request", "Send", txProceeding},
			step{600 * ms, "180", "Send", txProceeding},
			step{1500 * ms, "request", "Send", txProceeding})},
		{"a quick 180 makes 100 needless", is, false, steps(invited,
			step{50 * ms, "180", "Send", txProceeding},
			step{60 * ms, "request", "Send", txProceeding},
			step{70 * ms, "ack", "", txProceeding})},
		{"2xx: retransmissions and ACKs till timer L", is, false, steps(invited,
			step{50 * ms, "200", "Send", txAccepted},
			step{500 * ms, "request", "", txAccepted},
			step{550 * ms, "200", "Send", txAccepted},
			step{560 * ms, "486", "", txAccepted},
			step{570 * ms, "180", "", txAccepted},
			step{600 * ms, "ack", "Deliver", txAccepted},
			step{610 * ms, "ack", "Deliver", txAccepted},
			step{620 * ms, "error", "Fail", txAccepted},
			step{32050 * ms, "timer", "End", txTerminated})},
		{"2xx over TCP stays Accepted too", is, true, steps(invited,
			step{50 * ms, "200", "Send", txAccepted},
			step{32050 * ms, "timer", "End", txTerminated})},
		{"timer G grows to T2, timer H ends", is, false, steps(invited,
			step{0, "486", "Send", txCompleted},
			every("Send", txCompleted, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500),
			step{32000 * ms, "timer", "Timeout End", txTerminated})},
		{"no timer G over TCP", is, true, steps(invited,
			step{0, "486", "Send", txCompleted},
			step{32000 * ms, "timer", "Timeout End", txTerminated})},
		{"ACK to a refusal, timer I", is, false, steps(invited,
			step{0, "486", "Send", txCompleted},
			step{100 * ms, "request", "Send", txCompleted},
			step{110 * ms, "200", "", txCompleted},
			step{200 * ms, "ack", "", txConfirmed},
			step{300 * ms, "ack", "", txConfirmed},
			step{400 * ms, "request", "", txConfirmed},
			step{5200 * ms, "timer", "End", txTerminated})},
		{"no timer I over TCP", is, true, steps(invited,
			step{0, "302", "Send", txCompleted},
			step{200 * ms, "ack", "End", txTerminated})},
		{"a transport error keeps the state (RFC 6026)", is, false, steps(invited,
			step{0, "error", "Fail", txProceeding},
			step{0, "500", "Send", txCompleted},
			step{1, "error", "Fail", txCompleted},
			step{200 * ms, "ack", "", txConfirmed})},

		{"a request is absorbed, answered, repeated till timer J", ns, false, steps(requested,
			step{500 * ms, "request", "", txTrying},
			step{600 * ms, "200", "Send", txCompleted},
			step{1500 * ms, "request", "Send", txCompleted},
			step{1600 * ms, "500", "", txCompleted},
			step{1700 * ms, "error", "Fail", txCompleted},
			step{32600 * ms, "timer", "End", txTerminated})},
		{"no timer J over TCP", ns, true, steps(requested,
			step{600 * ms, "200", "Send End", txTerminated})},
		{"100 once the client's timer E is T2 (RFC 4320)", ns, false, steps(requested,
			step{3499 * ms, "timer", "", txTrying},
			step{3500 * ms, "timer", "Trying", txProceeding},
			step{7500 * ms, "request", "Send", txProceeding},
			step{8000 * ms, "200", "Send", txCompleted})},
		{"100 by the user", ns, true, steps(requested,
			step{10 * ms, "100", "Send", txProceeding},
			step{20 * ms, "request", "Send", txProceeding},
			step{3500 * ms, "timer", "", txProceeding},
			step{8000 * ms, "404", "Send End", txTerminated})},
		{"never answered: no response after 64*T1 (RFC 4320)", ns, true, steps(requested,
			step{3500 * ms, "timer", "Trying", txProceeding},
			step{32000 * ms, "timer", "Timeout End", txTerminated},
			step{32001 * ms, "200", "", txTerminated},
			step{32001 * ms, "error", "", txTerminated})},
	} {
		t.Run(c.machine+": "+c.name, func(t *testing.T) {
			tm := Timers{}.filled()
			m := map[string]machine{
				ic: &inviteClient{timers: &tm, reliable: c.reliable},
				nc: &nonInviteClient{timers: &tm, reliable: c.reliable},
				is: &inviteServer{timers: &tm, reliable: c.reliable},
				ns: &nonInviteServer{timers: &tm, reliable: c.reliable},
			}[c.machine]
			start := time.Unix(1_000_000_000, 0)
			var out []txAction
			for i, s := range c.steps {
				now := start.Add(s.at)
				if d := m.Deadline(); !d.IsZero() && d.Before(now) {
					t.Fatalf("step %d at %v: a timer was due at %v", i, s.at, d.Sub(start))
				}
				if s.in == "timer" {
					if d := m.Deadline(); s.want != "" && !d.Equal(now) {
						t.Fatalf("step %d: the next timer fires at %v, want %v", i, d.Sub(start), s.at)
					}
					out = m.Expire(now, out[:0])
				} else {
					out = m.Handle(now, s.input(), out[:0])
				}
				got := strings.Trim(fmt.Sprint(out), "[]")
				if got != s.want || m.State() != s.state {
					t.Fatalf("step %d at %v, %s: %q and %v, want %q and %v", i, s.at, s.in, got, m.State(), s.want, s.state)
				}
			}
			if m.State() == txTerminated && !m.Deadline().IsZero() {
				t.Error("a timer runs in a terminated transaction")
			}
		})
	}
}

// Every machine ends, whatever happens to it, once no further input comes and the user of a server
// transaction has responded; a deadline is never in the past after Expire.
func TestMachinesEnd(t *testing.T) {
	tm := Timers{T1: 10 * ms, T2: 40 * ms, T4: 50 * ms}.filled()
	statuses := []int{100, 180, 200, 302, 486, 503, 603}
	for seed := range 4000 {
		rnd := uint32(seed)*2654435761 + 1
		next := func(n int) int {
			rnd ^= rnd << 13
			rnd ^= rnd >> 17
			rnd ^= rnd << 5
			return int(rnd % uint32(n))
		}
		reliable := next(2) == 0
		m := []machine{
			&inviteClient{timers: &tm, reliable: reliable}, &nonInviteClient{timers: &tm, reliable: reliable},
			&inviteServer{timers: &tm, reliable: reliable}, &nonInviteServer{timers: &tm, reliable: reliable},
		}[seed%4]
		now := time.Unix(1_000_000_000, 0)
		m.Handle(now, txInput{event: inRequest}, nil)
		for range next(20) {
			now = now.Add(time.Duration(next(30)) * ms)
			if d := m.Deadline(); !d.IsZero() && !d.After(now) {
				m.Expire(now, nil)
				if d := m.Deadline(); !d.IsZero() && !d.After(now) {
					t.Fatalf("seed %d: deadline %v not after now", seed, d)
				}
			}
			m.Handle(now, txInput{event: txEvent(next(int(inError) + 1)), status: statuses[next(len(statuses))]}, nil)
		}
		m.Handle(now, txInput{event: inResponse, status: 500}, nil) // at a client: a refusal
		for i := 0; m.State() != txTerminated; i++ {
			d := m.Deadline()
			if d.IsZero() || i > 1000 {
				t.Fatalf("seed %d: %T stays in %v", seed, m, m.State())
			}
			m.Expire(d, nil)
		}
	}
}

func TestMachinesDoNotAllocate(t *testing.T) {
	tm := Timers{}.filled()
	out := make([]txAction, 0, 8)
	now := time.Unix(1_000_000_000, 0)
	for name, run := range map[string]func() machine{
		"invite client": func() machine { return &inviteClient{timers: &tm} },
		"client":        func() machine { return &nonInviteClient{timers: &tm} },
		"invite server": func() machine { return &inviteServer{timers: &tm} },
		"server":        func() machine { return &nonInviteServer{timers: &tm} },
	} {
		m := run()
		m.Handle(now, txInput{event: inRequest}, out[:0])
		if n := testing.AllocsPerRun(100, func() {
			m.Expire(m.Deadline(), out[:0])
			m.Handle(now, txInput{event: inResponse, status: 180}, out[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
