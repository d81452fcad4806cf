package rtp

import (
	"errors"
	"net/netip"
	"time"

	"github.com/gotelco/telco/trace"
)

// Deadline is when the next RTCP report is due, zero if never. Then call [Stream.AppendReport].
func (s *Stream) Deadline() time.Time { return s.report }

// remoteRTCP is where reports go. An address that the peer sent RTCP from beats the signalled one,
// as for RTP.
func (s *Stream) remoteRTCP() netip.AddrPort {
	target := s.latch.target()
	switch {
	case !target.IsValid():
		return netip.AddrPort{}
	case s.cfg.Mux:
		return target
	case s.rtcpFrom.IsValid() && !s.cfg.Strict:
		return s.rtcpFrom
	case s.cfg.RemoteRTCP.IsValid():
		return canonical(s.cfg.RemoteRTCP)
	case target.Port() == 65535:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(target.Addr(), target.Port()+1) // RFC 3550 section 11
}

// AppendReport appends the compound packet that is due at the time now, and returns where to send
// it: over the RTP socket if Mux is set, else over the RTCP socket. It is a sender report if
// something was sent since the last one, else a receiver report. With [ErrNoRemote] nothing is
// appended. Either way the next [Stream.Deadline] is set.
func (s *Stream) AppendReport(dst []byte, now time.Time) ([]byte, netip.AddrPort, error) {
	s.schedule(now, s.cfg.ReportInterval)
	return s.appendCompound(dst, now, false)
}

// AppendBye appends the compound packet that ends the stream (RFC 3550 section 6.6). With NoRTCP,
// or if nothing was ever sent, it returns [ErrNoRemote].
func (s *Stream) AppendBye(dst []byte, now time.Time) ([]byte, netip.AddrPort, error) {
	if s.cfg.NoRTCP || s.sender.packets == 0 && s.stats.ReportsSent == 0 {
		return dst, netip.AddrPort{}, ErrNoRemote
	}
	return s.appendCompound(dst, now, true)
}

func (s *Stream) appendCompound(dst []byte, now time.Time, bye bool) ([]byte, netip.AddrPort, error) {
	to := s.remoteRTCP()
	if !to.IsValid() {
		return dst, to, ErrNoRemote
	}
	start := len(dst)
	var info *SenderInfo
	var si SenderInfo
	if s.sender.packets != s.reported {
		si = SenderInfo{NTP: NTP(now), Timestamp: s.sender.timestampAt(now), Packets: s.sender.packets, Octets: s.sender.octets}
		info = &si
		s.reported = s.sender.packets
	}
	var about *ReceptionReport
	var rr ReceptionReport
	if s.active {
		rr = ReceptionReport{
			SSRC: s.source.ssrc, FractionLost: s.source.fraction(), Highest: s.source.extended(),
			Lost:   int32(min(max(s.source.lost(), -0x800000), 0x7fffff)),
			Jitter: uint32(s.source.jitter), LastSR: s.lastSRNTP,
		}
		if s.lastSRNTP != 0 {
			rr.Delay = uint32(units(now.Sub(s.lastSRAt), 65536))
		}
		about = &rr
	}
	dst = appendReport(dst, s.sender.ssrc, info, about)
	dst = appendCNAME(dst, s.sender.ssrc, s.cfg.CNAME)
	if s.cfg.XR && s.active {
		dst = appendXR(dst, s.sender.ssrc, s.metrics())
	}
	if s.leaving {
		dst = appendBye(dst, s.left)
		s.leaving = false
	}
	if bye {
		dst = appendBye(dst, s.sender.ssrc)
	}
	s.stats.ReportsSent++
	if s.cfg.Encrypt != nil {
		var err error
		if s.wire, err = s.cfg.Encrypt.EncryptRTCP(s.wire[:0], dst[start:]); err != nil {
			return dst[:start], to, err
		}
		dst = append(dst[:start], s.wire...)
	}
	s.trace(now, trace.Sent, trace.RTCP, to, dst[start:])
	return dst, to, nil
}

// ReceiveRTCP takes a datagram that arrived on the RTCP port. It must come from the host that RTP
// comes from, once that is known.
func (s *Stream) ReceiveRTCP(now time.Time, from netip.AddrPort, data []byte) error {
	from = canonical(from)
	host := s.latch.source
	if !host.IsValid() || s.cfg.Strict {
		host = s.latch.last
	}
	if host.IsValid() && from.Addr() != host.Addr() || s.cfg.Mux && !s.latch.allows(from) {
		s.stats.Refused++
		return ErrRefused
	}
	if !s.bucket.take(now) {
		s.stats.Flooded++
		return ErrFlood
	}
	wire := data
	if s.cfg.Decrypt != nil {
		var err error
		if s.plain, err = s.cfg.Decrypt.DecryptRTCP(s.plain[:0], data); err != nil && s.formerly(now) {
			s.plain, err = s.former.DecryptRTCP(s.plain[:0], data)
		}
		if err != nil {
			return s.undecrypted(err)
		}
		data = s.plain
	}
	ours, named := false, false // it carries our SSRC, and our CNAME
	// First look whether all of it is well formed, so that half of a bad packet has no effect.
	for b, first := data, true; first || len(b) > 0; first = false {
		p, rest, err := ParseRTCP(b)
		if err == nil && first && p.Type != SenderReport && p.Type != ReceiverReport {
			err = &ParseError{Field: "RTCP " + p.Type.String(), Err: ErrFirst}
		}
		switch {
		case err != nil:
		case p.Type == SenderReport || p.Type == ReceiverReport:
			var ssrc uint32
			ssrc, _, _, _, err = p.Report(s.sender.ssrc)
			ours = ours || ssrc == s.sender.ssrc
		case p.Type == ExtendedReport:
			_, _, err = p.VoIPMetrics(s.sender.ssrc)
		case p.Type == SourceDescription:
			named = named || string(p.CNAME(s.sender.ssrc)) == s.cfg.CNAME
		}
		if err != nil {
			s.stats.Malformed++
			return err
		}
		b = rest
	}
	if ours {
		if named { // our own report, returned
			s.stats.Loops++
			return ErrLoop
		}
		s.changeSSRC(now)
	}
	if !s.cfg.Mux && !s.rtcpFrom.IsValid() && host.IsValid() {
		s.rtcpFrom = from
	}
	s.heardRTCP = now
	s.trace(now, trace.Received, trace.RTCP, from, wire)
	for b := data; len(b) > 0; {
		p, rest, _ := ParseRTCP(b)
		b = rest
		switch p.Type {
		case SenderReport, ReceiverReport:
			s.takeReport(now, p)
		case ExtendedReport:
			if m, ok, _ := p.VoIPMetrics(s.sender.ssrc); ok {
				s.stats.RemoteMetrics = m
			}
		case Goodbye:
			if s.active && p.Leaves(s.source.ssrc) {
				s.stats.RemoteLeft = true
			}
		}
	}
	return nil
}

func (s *Stream) takeReport(now time.Time, p Block) {
	from, info, about, found, _ := p.Report(s.sender.ssrc)
	if p.Type == SenderReport && s.active && from == s.source.ssrc {
		s.lastSRNTP, s.lastSRAt = uint32(info.NTP>>16), now
	}
	if !found {
		return
	}
	s.stats.RemoteReports++
	s.remote.fraction, s.remote.lost, s.remote.jitter = about.FractionLost, about.Lost, about.Jitter
	if about.LastSR != 0 { // RFC 3550 section 6.4.1, "delay since last SR"
		trip := int32(uint32(NTP(now)>>16) - about.LastSR - about.Delay)
		if trip >= 0 && trip < 60<<16 {
			s.remote.roundTrip = span(int64(trip), 65536)
		}
	}
}

// ErrFlood is returned for RTCP packets that are ignored because there are too many.
var ErrFlood = errors.New("rtp: too many RTCP packets")

// bucket bounds the RTCP packets that are looked at: 10 a second, 25 at once. A peer sends one or two in five seconds.
type bucket struct {
	used  int
	since time.Time
}

func (b *bucket) take(now time.Time) bool {
	const most, each = 25, 100 * time.Millisecond
	if back := int(min(now.Sub(b.since)/each, most)); back > 0 {
		b.used = max(b.used-back, 0)
		b.since = now
	}
	if b.used >= most {
		return false
	}
	b.used++
	return true
}
