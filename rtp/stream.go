package rtp

import (
	"crypto/rand"
	"encoding/base64"
	"math"
	mathrand "math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"github.com/gotelco/telco/rtp/srtp"
	"github.com/gotelco/telco/trace"
)

// Stream is both directions of one RTP stream with its RTCP, without clock, goroutine or socket:
// the caller passes in what arrives and the time, and sends what it appends. A [Session] does so
// for one socket; a media server can do it for thousands of Streams with one loop. A Stream is
// not safe for concurrent use. After a while it allocates nothing.
type Stream struct {
	cfg    Config
	sender *Sender
	buffer *Buffer
	latch  latch
	events events

	source    source
	active    bool
	next      source // another SSRC that may take over
	haveNext  bool
	start     time.Time
	packet    rtp.Packet
	remote    remoteReports
	report    time.Time // when the next RTCP report is due
	reported  uint32    // packets sent at the last report
	rtcpFrom  netip.AddrPort
	lastSRNTP uint32
	lastSRAt  time.Time
	left      uint32 // the SSRC that we had before a collision
	leaving   bool   // and of which BYE is not yet said
	bucket    bucket // of RTCP packets
	heardRTCP time.Time
	plain     []byte // what was decrypted
	wire      []byte // what was encrypted

	former      *srtp.Context // the key before
	formerUntil time.Time

	stats Stats
}

type remoteReports struct {
	fraction  uint8
	lost      int32
	jitter    uint32
	roundTrip time.Duration
}

// NewStream returns a Stream that begins at the time now.
func NewStream(now time.Time, cfg Config) *Stream {
	if cfg.ReportInterval <= 0 {
		cfg.ReportInterval = 5 * time.Second // RFC 3550 section 6.2, Tmin
	}
	if cfg.CNAME == "" {
		var b [12]byte // RFC 7022 section 4.2: 96 random bits
		rand.Read(b[:])
		cfg.CNAME = base64.StdEncoding.EncodeToString(b[:])
	}
	s := &Stream{cfg: cfg, sender: NewSender(cfg.SSRC), buffer: NewBuffer(cfg.Buffer), start: now}
	s.latch.strict = cfg.Strict
	s.latch.setRemote(now, cfg.Remote)
	s.schedule(now, cfg.ReportInterval/2) // section 6.2: the first report comes earlier
	return s
}

// SetFormats changes what is sent and what is expected, after a new offer and answer. Sequence
// numbers and timestamps go on.
func (s *Stream) SetFormats(send, event Format, receive []Format) {
	s.cfg.Send, s.cfg.SendEvent, s.cfg.Receive = send, event, receive
}

// SetRemote changes where the peer receives, after a new offer and answer. If the address is
// another than before, the peer may send from a new source; if it is the same, nothing happens.
// A zero, unspecified (0.0.0.0) or port 0 address stops sending (RFC 3264 section 8.4). rtcp may
// be zero, as in [Config].
func (s *Stream) SetRemote(now time.Time, remote, rtcp netip.AddrPort) {
	was := s.latch.opened
	s.latch.setRemote(now, remote)
	if s.latch.opened != was || rtcp != s.cfg.RemoteRTCP {
		s.rtcpFrom = netip.AddrPort{}
	}
	s.cfg.RemoteRTCP = rtcp
}

// Relatch lets the next source that sends take the stream over, for a caller that has heard
// nothing for long.
func (s *Stream) Relatch(now time.Time) {
	s.latch.open(now)
	s.latch.before = netip.AddrPort{}
	s.rtcpFrom = netip.AddrPort{}
}

// SetNoise changes the format of the comfort noise that is sent: see [Config].
func (s *Stream) SetNoise(f Format) { s.cfg.SendNoise = f }

// SetQuality changes whether reports have VoIP metrics, and what the codec received does to speech: see [Config].
func (s *Stream) SetQuality(xr bool, codec Impairment) { s.cfg.XR, s.cfg.Impairment = xr, codec }

// LastHeard is when a packet of RTP or RTCP was last taken; zero if never.
func (s *Stream) LastHeard() time.Time {
	if s.heardRTCP.After(s.stats.LastReceived) {
		return s.heardRTCP
	}
	return s.stats.LastReceived
}

// Remote is where packets go now; not valid if nowhere.
func (s *Stream) Remote() netip.AddrPort { return s.latch.target() }

// SetSRTP changes the keys, after a new offer and answer; nil for both ends encryption. What comes under the key before is taken for
// two more seconds: it was under way.
func (s *Stream) SetSRTP(now time.Time, encrypt, decrypt *srtp.Context) {
	if s.cfg.Decrypt != nil && decrypt != s.cfg.Decrypt {
		s.former, s.formerUntil = s.cfg.Decrypt, now.Add(2*time.Second)
	}
	s.cfg.Encrypt, s.cfg.Decrypt = encrypt, decrypt
}

// SetDelay changes the playout delay of what comes from now on.
func (s *Stream) SetDelay(d time.Duration) { s.buffer.SetDelay(d) }

// Stats returns a snapshot.
func (s *Stream) Stats() Stats {
	st := s.stats
	st.SSRC, st.Source, st.Buffer, st.EventsLost = s.sender.ssrc, s.latch.source, s.buffer.Stats(), s.events.lost
	if s.active {
		st.RemoteSSRC = s.source.ssrc
		st.Lost = s.source.lost()
		if s.source.rate != 0 {
			st.Jitter = time.Duration(s.source.jitter / float64(s.source.rate) * float64(time.Second))
		}
	}
	st.RemoteFractionLost = float64(s.remote.fraction) / 256
	st.RemoteLost = int64(s.remote.lost)
	st.RemoteJitter = span(int64(s.remote.jitter), s.cfg.Send.rate())
	st.RoundTrip = s.remote.roundTrip
	st.Quality = s.quality()
	return st
}

func (s *Stream) trace(now time.Time, dir trace.Dir, proto trace.Proto, remote netip.AddrPort, data []byte) {
	if s.cfg.Trace != nil {
		s.cfg.Trace(trace.Event{
			Time: now, Dir: dir, Interface: s.cfg.Interface, Proto: proto, Transport: trace.UDP,
			Local: s.cfg.Local, Remote: remote, Data: data, Correlation: s.cfg.Correlation,
		})
	}
}

// schedule sets the time of the next report (RFC 3550 section 6.3.1): randomised between half and
// one and a half of the interval, divided by e-3/2 to make up for reconsideration.
func (s *Stream) schedule(now time.Time, interval time.Duration) {
	if s.cfg.NoRTCP {
		s.report = time.Time{}
		return
	}
	s.report = now.Add(time.Duration(float64(interval) * (0.5 + mathrand.Float64()) / (math.E - 1.5)))
}
