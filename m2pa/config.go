package m2pa

import (
	"log/slog"
	"time"

	"github.com/gotelco/telco/trace"
)

// Config sets up a [Link]; the zero value works. The timers are those of Q.703 section 12.3 for
// 64 kbit/s, as RFC 4165 section 4 wants it, but for those that M2PA has no use for (T5: Busy is
// not repeated). The ranges are Q.703's, and nothing enforces them.
type Config struct {
	// Name stands for the link in logs and traces, such as "to-B/0".
	Name string

	// T1 is how long an aligned link waits for the peer to end its proving: 40 to 50 s. If
	// zero, 45 s.
	T1 time.Duration
	// T2 is how long alignment waits for the peer to align too: 5 to 150 s. If zero, 11.5 s.
	T2 time.Duration
	// T3 is how long an aligned link waits for the peer to prove: 1 to 2 s. If zero, 1.5 s.
	T3 time.Duration
	// T4n and T4e are the proving periods, normal (7.5 to 9.5 s) and emergency (400 to 600 ms).
	// If zero, 8.2 s and 500 ms. If negative, there is no proving (RFC 4165 section 4.1.3
	// allows that where the MTP2 in use does).
	T4n, T4e time.Duration
	// T6 is for how long the peer may be busy: 3 to 6 s. If zero, 5 s.
	T6 time.Duration
	// T7 is how old the oldest message without acknowledgement may get: 0.5 to 2 s. If zero,
	// 1.5 s, so that both ends have noticed a silent link before T2 of a changeover is over (Q.704).
	// A value below the association's retransmission time-out turns one lost packet into a lost
	// link. It also limits how long a recovered processor waits for the peer's Ready.
	T7 time.Duration

	// ProvingInterval is the time between two Link Status Proving messages while T4 runs
	// (Proving_Interval, RFC 4165 section 4.1.3). If zero, 50 ms.
	ProvingInterval time.Duration
	// ProvingFiller is how many octets of a varying pattern each Link Status Proving message
	// carries (section 2.3.2.1), at most 4096. If zero, 48. If negative, none.
	ProvingFiller int
	// RepeatInterval is the time between two Alignment messages while T2 runs, and two Ready
	// messages while T1 runs (section 4.1.3: "MAY send additional"). If zero, 1 s. If negative,
	// they are not repeated.
	RepeatInterval time.Duration

	// TransmitBuffer is how many octets of messages wait for transmission or acknowledgement
	// before Send says Discarded. If zero, 4 MiB. TransmitMessages is the same in messages, at
	// most 2^22. If zero, 65536.
	TransmitBuffer, TransmitMessages int
	// Window is how many messages may be on their way without acknowledgement. If zero, 16384.
	Window int
	// ReceiveBuffer is how many octets of messages are held back in a local processor outage or
	// while this side is busy. A peer that sends more loses the link, not the messages: what
	// was not acknowledged is retrieved at changeover. If zero, 1 MiB.
	ReceiveBuffer int

	// CongestionOnset and CongestionAbatement are the thresholds of the congestion levels 1 to
	// 3 in octets that wait for transmission or acknowledgement (Q.704 section 3.8.2). If
	// zero, onset is at 1/4, 1/2 and 3/4 of TransmitBuffer and abatement at 4/5 of the onset.
	// A negative onset switches a level off.
	CongestionOnset, CongestionAbatement [3]int
	// CongestionDiscard are thresholds, in octets, above which level 3 is told to discard
	// messages of a priority below 1, 2 and 3 (the discard status of Q.704 section 3.8.2.2, a
	// national option); it ends at 4/5 of them. If zero, none.
	CongestionDiscard [3]int

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // if nil, not called; otherwise with every message and every change of state
}

// Defaults is c with each zero field replaced by its default, as the fields say, and limits kept. [New] calls it.
func (c Config) Defaults() Config {
	or := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	or(&c.T1, 45*time.Second)
	or(&c.T2, 11500*time.Millisecond)
	or(&c.T3, 1500*time.Millisecond)
	or(&c.T4n, 8200*time.Millisecond)
	or(&c.T4e, 500*time.Millisecond)
	or(&c.T6, 5*time.Second)
	or(&c.T7, 1500*time.Millisecond)
	or(&c.ProvingInterval, 50*time.Millisecond)
	or(&c.RepeatInterval, time.Second)
	if c.ProvingInterval < time.Millisecond {
		c.ProvingInterval = time.Millisecond
	}
	if c.RepeatInterval > 0 && c.RepeatInterval < time.Millisecond {
		c.RepeatInterval = time.Millisecond
	}
	switch {
	case c.ProvingFiller == 0:
		c.ProvingFiller = 48
	case c.ProvingFiller < 0:
		c.ProvingFiller = 0
	}
	c.ProvingFiller = min(c.ProvingFiller, 4096)
	if c.TransmitBuffer <= 0 {
		c.TransmitBuffer = 4 << 20
	}
	if c.TransmitMessages <= 0 {
		c.TransmitMessages = 1 << 16
	}
	c.TransmitMessages = min(c.TransmitMessages, 1<<22)
	if c.Window <= 0 {
		c.Window = 1 << 14
	}
	if c.ReceiveBuffer <= 0 {
		c.ReceiveBuffer = 1 << 20
	}
	for i := range c.CongestionOnset {
		if c.CongestionOnset[i] == 0 {
			c.CongestionOnset[i] = c.TransmitBuffer / 4 * (i + 1)
		}
		if c.CongestionAbatement[i] <= 0 || c.CongestionAbatement[i] > c.CongestionOnset[i] {
			c.CongestionAbatement[i] = c.CongestionOnset[i] / 5 * 4
		}
	}
	return c
}
