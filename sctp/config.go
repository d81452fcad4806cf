package sctp

import (
	"time"

	"github.com/gotelco/telco/trace"
)

// Config sets up an association; the zero value works. Defaults are those of RFC 9260 section 16
// where it has one, but for those that signalling wants otherwise.
type Config struct {
	// OutStreams is how many outbound streams are asked for, and MaxInStreams how many inbound
	// ones are allowed. If zero, 17 (one for management and one for each of 16 SLS values).
	OutStreams, MaxInStreams uint16

	// RTOInitial, RTOMin and RTOMax bound the retransmission time-out (RFC 9260 section 6.3.1).
	// If zero: 1 s, 1 s and 60 s. Signalling links between neighbours want less.
	RTOInitial, RTOMin, RTOMax time.Duration

	// Heartbeat is the interval of heartbeats on idle paths (HB.interval). If zero, 30 s; if
	// negative, none.
	Heartbeat time.Duration

	// PathMaxRetrans is after how many time-outs in a row a path counts as down, AssocMaxRetrans
	// the association, MaxInitRetrans its setting up. If zero: 5, 10, 8.
	PathMaxRetrans, AssocMaxRetrans, MaxInitRetrans int

	// SACKDelay is how long an acknowledgement waits for data to ride on. If zero, 200 ms; if
	// negative, none waits.
	SACKDelay time.Duration

	// Delay lets small messages wait for the acknowledgement of those under way, to be bundled
	// (as Nagle has it). It adds up to the peer's SACKDelay to a lone message, so it is off
	// unless asked for.
	Delay bool

	// SendBuffer and ReceiveBuffer are in octets. If zero, 256 KiB each.
	SendBuffer, ReceiveBuffer int

	// MaxMessage is the longest message in octets, sent or received. If zero, 64 KiB. An
	// association whose peer sends a longer one is aborted: Down with LocalClosed and ErrTooLong.
	MaxMessage int

	// Backlog is how many associations wait for Accept before more are refused. If zero, 128.
	Backlog int

	// CloseTimeout is how long Close lets the shutdown take before it aborts. If zero, 2 s.
	CloseTimeout time.Duration

	Trace trace.Func // if nil, not called; otherwise with every packet (own stacks) or message (kernel), and each event
}

// Defaults is c with each zero field replaced by its default, as the fields say. A network calls it
// on what it is given; nobody else has to.
func (c Config) Defaults() Config {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	wait := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	if c.OutStreams == 0 {
		c.OutStreams = 17
	}
	if c.MaxInStreams == 0 {
		c.MaxInStreams = 17
	}
	wait(&c.RTOInitial, time.Second)
	wait(&c.RTOMin, time.Second)
	wait(&c.RTOMax, 60*time.Second)
	wait(&c.Heartbeat, 30*time.Second)
	def(&c.PathMaxRetrans, 5)
	def(&c.AssocMaxRetrans, 10)
	def(&c.MaxInitRetrans, 8)
	wait(&c.SACKDelay, 200*time.Millisecond)
	def(&c.SendBuffer, 256<<10)
	def(&c.ReceiveBuffer, 256<<10)
	def(&c.MaxMessage, 64<<10)
	def(&c.Backlog, 128)
	wait(&c.CloseTimeout, 2*time.Second)
	return c
}

// timeouts is how long n retransmissions take, each time-out twice the one before.
func (c Config) timeouts(first time.Duration, n int) time.Duration {
	var sum time.Duration
	for rto := first; n >= 0; n-- {
		sum += min(rto, c.RTOMax)
		rto = min(2*rto, c.RTOMax)
	}
	return sum
}
