package rtp

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	mathrand "math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/rtp"

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

// ErrNoRemote says that there is nowhere to send to: the peer is on hold or its address is not
// known yet. The clock of the stream has moved on nevertheless.
var ErrNoRemote = errors.New("rtp: no remote address")

// ErrNoEvents says that telephone-events were not agreed.
var ErrNoEvents = errors.New("rtp: telephone-event was not agreed")

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

// AppendAudio appends a packet in the format Send, which stands for samples units of its clock,
// and returns where to send it. With [ErrNoRemote] nothing is appended and the time is skipped.
// During an event the payload is replaced by the event's next packet, so that a caller can keep
// calling it with its audio.
func (s *Stream) AppendAudio(dst []byte, now time.Time, payload []byte, samples uint32) ([]byte, netip.AddrPort, error) {
	to := s.latch.target()
	if !to.IsValid() {
		s.sender.Skip(samples)
		s.stats.Unsendable++
		return dst, to, ErrNoRemote
	}
	start := len(dst)
	var err error
	if s.sender.InEvent() {
		duration := uint64(samples) * uint64(s.cfg.SendEvent.rate()) / uint64(s.cfg.Send.rate())
		dst, err = s.sender.AppendEvent(dst, now, s.cfg.SendEvent, samples, uint32(duration))
	} else {
		dst, err = s.sender.AppendAudio(dst, now, s.cfg.Send, payload, samples)
	}
	if err != nil {
		return dst, to, err
	}
	return s.sent(dst, start, now, to)
}

// ErrNoNoise says that comfort noise was not agreed.
var ErrNoNoise = errors.New("rtp: comfort noise was not agreed")

// AppendNoise appends a packet of comfort noise that stands for samples units of the clock, and returns where to send it; with
// [ErrNoRemote] nothing is appended. After it the caller passes silence with Skip, and appends further noise when
// that has changed. During an event, the event's next packet is appended instead.
func (s *Stream) AppendNoise(dst []byte, now time.Time, payload []byte, samples uint32) ([]byte, netip.AddrPort, error) {
	if !s.cfg.SendNoise.Noise {
		return dst, netip.AddrPort{}, ErrNoNoise
	}
	to := s.latch.target()
	if s.sender.InEvent() || !to.IsValid() {
		return s.AppendAudio(dst, now, nil, samples)
	}
	start := len(dst)
	dst, err := s.sender.AppendNoise(dst, now, s.cfg.SendNoise, payload, samples)
	if err != nil {
		return dst, to, err
	}
	return s.sent(dst, start, now, to)
}

// sent counts and shows the packet that begins at start.
func (s *Stream) sent(dst []byte, start int, now time.Time, to netip.AddrPort) ([]byte, netip.AddrPort, error) {
	s.stats.PacketsSent++
	s.stats.OctetsSent += uint64(len(dst) - start - headerSize)
	if s.cfg.Encrypt != nil {
		var err error
		if s.wire, err = s.cfg.Encrypt.EncryptRTP(s.wire[:0], dst[start:]); err != nil {
			return dst[:start], to, err
		}
		dst = append(dst[:start], s.wire...)
	}
	s.trace(now, trace.Sent, trace.RTP, to, dst[start:])
	return dst, to, nil
}

// Skip moves the clock on by samples without a packet. During an event, its packets are what
// should be sent instead: see [Stream.InEvent].
func (s *Stream) Skip(samples uint32) { s.sender.Skip(samples) }

// Rest moves the clock on as Skip does, without a marker on the next packet: see [Sender.Rest].
func (s *Stream) Rest(samples uint32) { s.sender.Rest(samples) }

// Mark lets the next packet of audio carry the marker.
func (s *Stream) Mark() { s.sender.Mark() }

// InEvent says whether an event is being sent, so that [Stream.AppendAudio] is to be called
// although there is silence.
func (s *Stream) InEvent() bool { return s.sender.InEvent() }

// StartEvent begins a telephone-event; the next calls of [Stream.AppendAudio] send it. See
// [Sender.StartEvent].
func (s *Stream) StartEvent(code EventCode, volume uint8, length time.Duration) error {
	if !s.cfg.SendEvent.Event {
		return ErrNoEvents
	}
	n := min(max(units(length, s.cfg.SendEvent.rate()), 0), math.MaxUint32)
	if err := s.sender.StartEvent(code, volume, uint32(n)); err != nil {
		return err
	}
	s.stats.EventsSent++
	return nil
}

// EndEvent ends an event that was started with length zero.
func (s *Stream) EndEvent() { s.sender.EndEvent() }

// Receive takes a datagram that arrived on the RTP port. What is not for this stream is counted
// and dropped; the error says why, and is nil for RTCP that is understood. Receive keeps no
// reference to data.
func (s *Stream) Receive(now time.Time, from netip.AddrPort, data []byte) error {
	from = canonical(from)
	if s.cfg.Mux && len(data) >= 2 && data[1] >= 192 && data[1] <= 223 { // RFC 5761 section 4
		return s.ReceiveRTCP(now, from, data)
	}
	wire := data
	if s.cfg.Decrypt != nil {
		var err error
		if s.plain, err = s.cfg.Decrypt.DecryptRTP(s.plain[:0], data); err != nil && s.formerly(now) {
			s.plain, err = s.former.DecryptRTP(s.plain[:0], data)
		}
		if err != nil {
			return s.undecrypted(err)
		}
		data = s.plain
	}
	allowed := s.latch.allows(from)
	if !allowed && !s.takesOver(now, from, data) {
		s.stats.Refused++
		return ErrRefused
	}
	if len(data) < headerSize {
		s.stats.Malformed++
		return &ParseError{Field: "RTP header", Err: ErrLength}
	}
	if data[0]>>6 != 2 {
		s.stats.Malformed++
		return &ParseError{Field: "RTP header", Err: ErrVersion}
	}
	if err := s.packet.Unmarshal(data); err != nil {
		s.stats.Malformed++
		return &ParseError{Field: "RTP packet", Err: err}
	}
	h := &s.packet.Header
	f, ok := s.format(h.PayloadType)
	if !ok {
		s.stats.Unexpected++
		return ErrUnexpected
	}
	if h.SSRC == s.sender.ssrc && !s.collide(now, h.SequenceNumber, h.Timestamp) {
		return ErrLoop
	}
	ext, ok := s.sequence(h.SSRC, h.SequenceNumber)
	if !ok {
		s.stats.Probation++
		return ErrProbation
	}
	if s.latch.heard(now, from, h.SSRC, h.SequenceNumber) && s.cfg.Logger != nil {
		s.cfg.Logger.Info("rtp latched", "source", from, "signalled", s.latch.last, "ssrc", h.SSRC, "correlation", s.cfg.Correlation)
	}
	rate := f.rate()
	if f.Event && s.source.rate != 0 {
		rate = s.source.rate // events share the clock of the audio, whatever rtpmap says
	}
	s.source.timing(now.Sub(s.start), h.Timestamp, rate)
	s.stats.PacketsReceived++
	s.stats.OctetsReceived += uint64(len(s.packet.Payload))
	s.stats.LastReceived = now
	s.stats.RemoteLeft = false
	s.trace(now, trace.Received, trace.RTP, from, wire)
	if f.Event {
		if err := s.events.push(now, h.Timestamp, f.rate(), s.packet.Payload); err != nil {
			s.stats.Malformed++
			return err
		}
	}
	p := packet{ext: ext, timestamp: h.Timestamp, rate: rate, pt: h.PayloadType, marker: h.Marker, silent: f.Event, noise: f.Noise}
	if !f.Event {
		p.payload = s.packet.Payload
	}
	s.buffer.push(now, p)
	return nil
}

// Why [Stream.Receive] drops a packet, besides [*ParseError].
var (
	ErrRefused    = errors.New("rtp: not from the source of this stream")
	ErrUnexpected = errors.New("rtp: payload type was not agreed")
	ErrProbation  = errors.New("rtp: new source or sequence, waiting for a second packet")
)

// SetSRTP changes the keys, after a new offer and answer; nil for both ends encryption. What comes under the key before is taken for
// two more seconds: it was under way.
func (s *Stream) SetSRTP(now time.Time, encrypt, decrypt *srtp.Context) {
	if s.cfg.Decrypt != nil && decrypt != s.cfg.Decrypt {
		s.former, s.formerUntil = s.cfg.Decrypt, now.Add(2*time.Second)
	}
	s.cfg.Encrypt, s.cfg.Decrypt = encrypt, decrypt
}

// formerly says whether packets may still be under the key before.
func (s *Stream) formerly(now time.Time) bool {
	if s.former != nil && now.After(s.formerUntil) {
		s.former = nil
	}
	return s.former != nil
}

// undecrypted counts a packet that SRTP refused.
func (s *Stream) undecrypted(err error) error {
	if errors.Is(err, srtp.ErrReplay) {
		s.stats.Replayed++
	} else {
		s.stats.Unauthentic++
	}
	return err
}

// ErrLoop is returned for a packet that we sent ourselves, if Config.DropLoops is set.
var ErrLoop = errors.New("rtp: a packet of our own")

// takesOver says whether a packet from another address than the source changes the source: see latch.
func (s *Stream) takesOver(now time.Time, from netip.AddrPort, data []byte) bool {
	if len(data) < headerSize || data[0]>>6 != 2 {
		return false
	}
	if _, ok := s.format(data[1] & 0x7f); !ok {
		return false
	}
	seq, ssrc := binary.BigEndian.Uint16(data[2:]), binary.BigEndian.Uint32(data[8:])
	ahead := seq - uint16(s.source.max)
	continues := s.active && ssrc == s.source.ssrc && ahead >= 1 && ahead < maxDropout
	was := s.latch.source
	if !s.latch.yields(now, from, ssrc, seq, continues) {
		return false
	}
	s.stats.Moved++
	s.rtcpFrom = netip.AddrPort{}
	if s.cfg.Logger != nil {
		s.cfg.Logger.Warn("rtp source moved", "source", from, "was", was, "ssrc", ssrc, "correlation", s.cfg.Correlation)
	}
	return true
}

func (s *Stream) format(pt uint8) (Format, bool) {
	if len(s.cfg.Receive) == 0 {
		return Format{PayloadType: pt}, Format{PayloadType: pt}.valid()
	}
	for _, f := range s.cfg.Receive {
		if f.PayloadType == pt {
			return f, true
		}
	}
	return Format{}, false
}

// sequence extends a sequence number. A new SSRC takes over when two of its packets have come in
// order (RFC 3550 section 6.2.1 and appendix A.1); then the playout starts anew.
func (s *Stream) sequence(ssrc uint32, seq uint16) (int64, bool) {
	if !s.active {
		s.source, s.active = newSource(ssrc, seq), true
	}
	if ssrc != s.source.ssrc {
		if !s.haveNext || s.next.ssrc != ssrc || uint16(s.next.max)+1 != seq {
			s.next, s.haveNext = newSource(ssrc, seq), true
			s.next.max++
			return 0, false
		}
		s.source, s.haveNext = newSource(ssrc, seq), false
		s.buffer.Reset()
		s.events.restart()
		s.lastSRNTP = 0
	}
	ext, ok, restart := s.source.update(seq)
	if restart {
		s.buffer.Reset()
		s.events.restart()
	}
	return ext, ok
}

// Pop gives out the next frame that is due, its payload appended to dst[:0]; see [Buffer.Pop].
func (s *Stream) Pop(now time.Time, dst []byte) (Frame, bool) { return s.buffer.Pop(now, dst) }

// PopEvent gives out the next report of a received telephone-event. Events are reported when they
// arrive, ahead of the audio that waits in the buffer.
func (s *Stream) PopEvent(now time.Time) (EventReport, bool) { return s.events.pop(now) }

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
