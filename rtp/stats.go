package rtp

import (
	"net/netip"
	"time"
)

// Stats is a snapshot of a [Stream].
type Stats struct {
	// What was sent.
	SSRC          uint32
	PacketsSent   uint64
	OctetsSent    uint64 // of payload
	Unsendable    uint64 // there was no address to send to
	ReportsSent   uint64 // RTCP compound packets
	EventsSent    uint64 // telephone-events begun
	SendErrors    uint64 // the socket refused (Session)
	RemoteReports uint64 // reports about us that came

	// What came.
	RemoteSSRC      uint32
	Source          netip.AddrPort // latched; zero if none
	PacketsReceived uint64         // valid, from the right source
	OctetsReceived  uint64         // of payload
	LastReceived    time.Time      // of such a packet
	Malformed       uint64
	Refused         uint64 // from another address than the latched one
	Unexpected      uint64 // of a payload type that was not agreed
	Probation       uint64 // of a new SSRC or sequence that was not yet believed
	EventsLost      uint64 // event reports that nobody fetched in time
	ReadErrors      uint64 // the socket failed (Session)
	Loops           uint64 // packets that we had sent ourselves
	Collisions      uint64 // somebody else used our SSRC, which was changed
	Unauthentic     uint64 // SRTP refused them
	Replayed        uint64 // SRTP had them before
	Flooded         uint64 // RTCP packets over the limit, ignored
	Moved           uint64 // the source came to be another without signalling
	Buffer          BufferStats
	Quality         Quality // zero before anything was played

	// RFC 3550 section 6.4.1.
	Lost   int64         // packets; negative if some came twice
	Jitter time.Duration // interarrival jitter

	// What the peer last reported about our stream.
	RemoteFractionLost float64       // 0 to 1, in its last interval
	RemoteLost         int64         // packets
	RemoteJitter       time.Duration // interarrival jitter
	RoundTrip          time.Duration // 0 until it can be computed
	RemoteLeft         bool          // the peer sent BYE
	RemoteMetrics      VoIPMetrics   // RFC 3611; SSRC is 0 if none came
}
