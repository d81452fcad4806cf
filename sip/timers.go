package sip

import "time"

// Timers holds the base values of the timers of RFC 3261 section 17 (its table 4 lists them all).
// Two endpoints in one process may use different ones. The zero value stands for the RFC's
// defaults.
type Timers struct {
	// T1 is the estimate of the round trip time (section 17.1.1.1). If zero, 500 ms.
	// Timers B, F, H, J, L, M and N are 64*T1.
	T1 time.Duration

	// T2 is the longest interval between two retransmissions of a non-INVITE request or of an
	// INVITE response (section 17.1.2.2). If zero, 4 s.
	T2 time.Duration

	// T4 is how long a message may stay in the network (section 17.1.2.2): timers I and K over
	// unreliable transports. If zero, 5 s.
	T4 time.Duration

	// D is how long a client transaction absorbs retransmitted refusals of an INVITE over
	// unreliable transports (section 17.1.1.2). If zero, 64*T1, but not under 32 s unless T1
	// is set.
	D time.Duration

	// Trying is after how long an INVITE that has had no response yet is answered with
	// 100 Trying (section 17.2.1). If zero, 200 ms. If negative, never.
	Trying time.Duration
}

// filled returns t with every zero field replaced by its default.
func (t Timers) filled() Timers {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if t.Trying == 0 {
		t.Trying = 200 * time.Millisecond
	}
	set(&t.T1, 500*time.Millisecond)
	set(&t.T2, 4*time.Second)
	set(&t.T4, 5*time.Second)
	set(&t.D, t.timeout())
	return t
}

// timeout is 64*T1: timers B, F, H, J, L, M.
func (t *Timers) timeout() time.Duration { return 64 * t.T1 }

// lateTrying is after how long a non-INVITE request is answered with 100 Trying: the time in
// which the client's timer E grows to T2 (RFC 4320 section 4.1), 3.5 s by default.
func (t *Timers) lateTrying() time.Duration {
	var sum time.Duration
	for e := t.T1; e < t.T2; e *= 2 {
		sum += e
	}
	return sum
}

// earliest returns the earlier of two times of which zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// due tells whether timer t runs and has expired.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
