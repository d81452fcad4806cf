package rtp

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/gotelco/telco/rtp/srtp"
	"github.com/gotelco/telco/trace"
)

// Config configures a [Stream]. The zero value works: PCMU or whatever comes, 8000 Hz, RTCP on
// the next port.
type Config struct {
	// Remote is where the peer's description says that it receives. Without it nothing can be sent
	// until the peer sends.
	Remote netip.AddrPort
	// RemoteRTCP is where the peer receives RTCP, from a=rtcp (RFC 3605). If zero, the port after
	// that of Remote, or Remote itself if Mux is set.
	RemoteRTCP netip.AddrPort
	// Strict refuses packets from any other address than Remote and never sends elsewhere. If
	// false, the first valid packet decides (RFC 4961).
	Strict bool
	// Mux says that RTP and RTCP share a port (RFC 5761).
	Mux bool
	// NoRTCP sends no reports, as b=RS:0 and b=RR:0 ask for (RFC 3556).
	NoRTCP bool

	// Send is the format of audio that is sent, SendEvent that of telephone-events; they cannot be
	// sent if its Event is not set.
	Send, SendEvent Format
	// SendNoise is the format of comfort noise (RFC 3389); it cannot be sent if its Noise is not set.
	SendNoise Format
	// Receive lists the formats that may come; others are dropped and counted. If empty, any
	// payload type is taken as audio of 8000 Hz.
	Receive []Format

	SSRC  uint32 // if zero, random
	CNAME string // canonical name in RTCP (RFC 7022); if empty, random

	// Encrypt and Decrypt are the contexts of SRTP for what is sent and received (RFC 3711): both or none. The Stream takes them
	// over. What is traced is what is on the wire.
	Encrypt, Decrypt *srtp.Context

	// XR adds a VoIP metrics block to each report (RFC 3611), as a=rtcp-xr:voip-metrics asks for. The peer's are taken in
	// any case.
	XR bool
	// Impairment is what the codec received does to speech, for [Quality] and XR. If zero, [ImpairG711].
	Impairment Impairment
	// DropLoops drops packets that we sent ourselves and that come back. If false, they are
	// taken, so that echo services can be heard; either way they are counted.
	DropLoops bool

	// Poller reads the sockets of a [Session]. If nil, the Session has goroutines of its own.
	Poller *Poller
	// Polled has the sockets of a [Session] read by [Session.Poll] alone, where the system can (Linux) and they are of the kind
	// *net.UDPConn; the Session then uses a descriptor of its own, and the ones passed to it are closed. Elsewhere it changes nothing.
	Polled bool

	// Buffer configures the playout buffer.
	Buffer BufferConfig
	// ReportInterval is the mean time between RTCP reports (RFC 3550 section 6.2). If zero, 5 s.
	ReportInterval time.Duration

	Local       netip.AddrPort // our address, for Trace
	Correlation string         // what the trace events belong to, such as a Call-ID
	Interface   string         // the role, for Trace
	Logger      *slog.Logger   // if nil, nothing is logged
	Trace       trace.Func     // if nil, not called
}
