package user

import (
	"time"

	"github.com/gotelco/telco/sctp"
)

// filled is cfg with its defaults (RFC 9260 section 16, but for streams and buffers).
func filled(cfg sctp.Config) sctp.Config {
	or(&cfg.OutStreams, 17)
	or(&cfg.MaxInStreams, 17)
	or(&cfg.RTOInitial, time.Second)
	or(&cfg.RTOMin, time.Second)
	or(&cfg.RTOMax, time.Minute)
	cfg.RTOMax = max(cfg.RTOMax, cfg.RTOMin)
	cfg.RTOInitial = min(max(cfg.RTOInitial, cfg.RTOMin), cfg.RTOMax)
	or(&cfg.Heartbeat, 30*time.Second)
	or(&cfg.PathMaxRetrans, 5)
	or(&cfg.AssocMaxRetrans, 10)
	or(&cfg.MaxInitRetrans, 8)
	or(&cfg.SACKDelay, 200*time.Millisecond)
	cfg.SACKDelay = min(cfg.SACKDelay, 500*time.Millisecond) // section 6.2
	or(&cfg.MaxMessage, 64<<10)
	or(&cfg.SendBuffer, 256<<10)
	or(&cfg.ReceiveBuffer, 256<<10)
	cfg.SendBuffer = max(cfg.SendBuffer, 4<<10)
	cfg.ReceiveBuffer = max(cfg.ReceiveBuffer, cfg.MaxMessage+cfg.MaxMessage/8, 4<<10)
	or(&cfg.Backlog, 128)
	or(&cfg.CloseTimeout, 2*time.Second)
	return cfg
}

func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}
