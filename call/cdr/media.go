package cdr

import (
	"time"

	"github.com/gotelco/telco/call"
)

// MediaOf returns the account of a leg's audio.
func MediaOf(s call.MediaStats) Media {
	ms := func(d time.Duration) float64 { return rounded(float64(d) / float64(time.Millisecond)) }
	m := Media{
		Sent: s.RTP.PacketsSent, Received: s.RTP.PacketsReceived, Lost: uint64(max(s.RTP.Lost, 0)), Late: s.RTP.Buffer.Late,
		Jitter: ms(s.RTP.Jitter), RTT: ms(s.RTP.RoundTrip), MOS: rounded(s.RTP.Quality.MOS),
		PeerLost: rounded(s.RTP.RemoteFractionLost), PeerJitter: ms(s.RTP.RemoteJitter),
	}
	switch {
	case s.RTP.Source.IsValid():
		m.Remote = s.RTP.Source.String()
	case s.Remote.IsValid():
		m.Remote = s.Remote.String()
	}
	return m
}
