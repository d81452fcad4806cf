package pcapng

import (
	"hash/crc32"
	"net/netip"

	"github.com/gotelco/telco/trace"
)

// IP protocol numbers.
const (
	ipTCP  = 6
	ipUDP  = 17
	ipESP  = 50
	ipSCTP = 132
)

const (
	maxSegment = 60000 // octets of a message in one TCP segment or DATA chunk
	maxUDP     = 65507
	maxIP      = 65515
)

// event writes the packets of one event.
func (w *Writer) event(e trace.Event) {
	if e.Dir == trace.State {
		w.syslog(&e)
		return
	}
	src, dst, ok := ends(&e)
	switch how := carrier(&e, ok); {
	case e.Proto == trace.MTP3:
		w.packet(&e, linkMTP3, true, func(w *Writer) { w.payload(&e, 0, len(e.Data)) })
	case how == ipUDP && len(e.Data) <= maxUDP:
		w.packet(&e, linkIP, true, func(w *Writer) { w.udp(&e, src, dst) })
	case how == ipTCP:
		w.tcp(&e, src, dst)
	case how == ipSCTP && e.Proto != trace.SCTP:
		w.sctp(&e, src, dst)
	case (how == ipSCTP || how == ipESP) && len(e.Data) <= maxIP:
		w.packet(&e, linkIP, true, func(w *Writer) {
			at := w.ip(byte(how), src, dst)
			w.payload(&e, 0, len(e.Data))
			w.finishIP(at)
		})
	default:
		w.packet(&e, linkExported, true, func(w *Writer) { w.exported(&e) })
	}
}

// carrier returns the IP protocol to show an event with, or 0 for none.
func carrier(e *trace.Event, addressed bool) int {
	if !addressed {
		return 0
	}
	switch e.Transport {
	case trace.UDP:
		return ipUDP
	case trace.TCP, trace.TLS, trace.WS, trace.WSS:
		return ipTCP
	case trace.OverSCTP:
		return ipSCTP
	}
	switch e.Proto {
	case trace.M3UA, trace.M2PA, trace.Diameter, trace.SCTP:
		return ipSCTP
	case trace.SIP, trace.RTP, trace.RTCP, trace.DNS:
		return ipUDP
	case trace.HTTP, trace.ESL:
		return ipTCP
	case trace.ESP:
		return ipESP
	}
	return 0
}

// ends returns source and destination in one address family; ok is false if there is none.
func ends(e *trace.Event) (src, dst netip.AddrPort, ok bool) {
	l, r := e.Local, e.Remote
	if !l.IsValid() || !r.IsValid() {
		return src, dst, false
	}
	la, ra := l.Addr().Unmap().WithZone(""), r.Addr().Unmap().WithZone("")
	if la.Is4() != ra.Is4() { // a socket bound to [::] serves IPv4 as well
		switch {
		case la.IsUnspecified():
			la = unspecified(ra)
		case ra.IsUnspecified():
			ra = unspecified(la)
		default:
			return src, dst, false
		}
	}
	lp, rp := shownPort(e, l.Port()), shownPort(e, r.Port())
	l, r = netip.AddrPortFrom(la, lp), netip.AddrPortFrom(ra, rp)
	if e.Dir == trace.Received {
		return r, l, true
	}
	return l, r, true
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// shownPort moves SIP over WebSocket away from the TCP ports that Wireshark takes for HTTP
// whatever they carry, and Diameter over TLS to the port where it looks for Diameter.
func shownPort(e *trace.Event, port uint16) uint16 {
	if e.Proto == trace.Diameter && e.Transport == trace.TLS && port == 5658 {
		return 3868
	}
	if e.Proto == trace.SIP && (e.Transport == trace.WS || e.Transport == trace.WSS) {
		switch port {
		case 80, 1900, 2710, 2869, 3128, 3132, 5985, 8080, 8088, 11371:
			return port + 20000
		}
	}
	return port
}

// ip appends the link's and an IP header whose length stays open, and returns where the latter
// starts. Link type 101 would need no header of the link's, but libpcap 1.10 refuses a capture
// that has it on more than one interface.
func (w *Writer) ip(proto byte, src, dst netip.AddrPort) int {
	const familyIPv4, familyIPv6 = 2, 24
	if src.Addr().Is4() {
		w.buf = append(w.buf, familyIPv4, 0, 0, 0)
	} else {
		w.buf = append(w.buf, familyIPv6, 0, 0, 0)
	}
	at := len(w.buf)
	if s := src.Addr(); s.Is4() {
		s4, d4 := s.As4(), dst.Addr().As4()
		w.buf = append(w.buf, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, proto, 0, 0)
		w.buf = append(w.buf, s4[:]...)
		w.buf = append(w.buf, d4[:]...)
	} else {
		s6, d6 := s.As16(), dst.Addr().As16()
		w.buf = append(w.buf, 0x60, 0, 0, 0, 0, 0, proto, 64)
		w.buf = append(w.buf, s6[:]...)
		w.buf = append(w.buf, d6[:]...)
	}
	return at
}

// finishIP fills in length and header checksum.
func (w *Writer) finishIP(at int) {
	h := w.buf[at:]
	if h[0] == 0x60 {
		be.PutUint16(h[4:], uint16(len(h)-40))
		return
	}
	be.PutUint16(h[2:], uint16(len(h)))
	be.PutUint16(h[10:], ^fold(sum(0, h[:20])))
}

// checksum is that of UDP and TCP: over a pseudo header, and from the transport header on.
func (w *Writer) checksum(at, transport int) uint16 {
	h := w.buf[at:]
	var s uint64
	if h[0] == 0x60 {
		s = sum(uint64(h[6]), h[8:40])
	} else {
		s = sum(uint64(h[9]), h[12:20])
	}
	body := w.buf[transport:]
	return ^fold(sum(s+uint64(len(body)), body))
}

func sum(s uint64, b []byte) uint64 {
	for ; len(b) >= 4; b = b[4:] {
		s += uint64(be.Uint32(b))
	}
	if len(b) >= 2 {
		s += uint64(be.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func (w *Writer) udp(e *trace.Event, src, dst netip.AddrPort) {
	at := w.ip(ipUDP, src, dst)
	t := len(w.buf)
	w.buf = be.AppendUint16(w.buf, src.Port())
	w.buf = be.AppendUint16(w.buf, dst.Port())
	w.buf = append(w.buf, 0, 0, 0, 0)
	w.payload(e, 0, len(e.Data))
	w.finishUDP(at, t)
}

func (w *Writer) finishUDP(at, t int) {
	be.PutUint16(w.buf[t+4:], uint16(len(w.buf)-t))
	c := w.checksum(at, t)
	if c == 0 {
		c = 0xffff // RFC 768: zero would say that there is none
	}
	be.PutUint16(w.buf[t+6:], c)
	w.finishIP(at)
}

// syslog shows a change of state as a line that Wireshark's info column holds.
func (w *Writer) syslog(e *trace.Event) {
	src, dst, ok := ends(e)
	if !ok {
		src = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
		dst = src
		if a := e.Local.Addr(); a.IsValid() {
			src = netip.AddrPortFrom(a.Unmap().WithZone(""), 0)
			dst = src
		}
	}
	w.packet(e, linkIP, true, func(w *Writer) {
		at := w.ip(ipUDP, src, dst)
		t := len(w.buf)
		w.buf = append(w.buf, 514>>8, 514&255, 514>>8, 514&255, 0, 0, 0, 0)
		w.buf = append(w.buf, "<14>"...) // facility user, severity informational
		if e.Interface != "" {
			w.buf = append(append(w.buf, clip(e.Interface)...), ": "...)
		}
		if e.Proto != trace.NoProto {
			w.buf = append(append(w.buf, e.Proto.String()...), ' ')
		}
		if e.Correlation != "" {
			w.buf = append(append(w.buf, clip(e.Correlation)...), ' ')
		}
		w.buf = append(w.buf, clip(e.Comment)...)
		w.finishUDP(at, t)
	})
}

func clip(s string) string { return s[:min(len(s), 8192)] }

// exported appends a PDU as Wireshark's "Export PDUs to File" writes it: tags, then the message.
func (w *Writer) exported(e *trace.Event) {
	const (
		tagDissector = 12
		tagDirection = 35
	)
	name := "data"
	if int(e.Proto) < len(dissectors) {
		name = dissectors[e.Proto]
	}
	w.buf = be.AppendUint16(w.buf, tagDissector)
	w.buf = be.AppendUint16(w.buf, uint16(len(name)+3)&^3)
	w.buf = pad4(append(w.buf, name...), len(name))
	dir := byte(0) // sent
	if e.Dir == trace.Received {
		dir = 1
	}
	w.buf = append(w.buf, 0, tagDirection, 0, 4, 0, 0, 0, dir)
	w.buf = append(w.buf, 0, 0, 0, 0)
	w.payload(e, 0, len(e.Data))
}

// dissectors holds Wireshark's names.
var dissectors = [...]string{
	trace.NoProto: "data", trace.SIP: "sip", trace.SDP: "sdp", trace.RTP: "rtp", trace.RTCP: "rtcp",
	trace.Diameter: "diameter", trace.M3UA: "m3ua", trace.M2PA: "m2pa", trace.MTP3: "mtp3",
	trace.SCCP: "sccp", trace.ISUP: "isup", trace.SCTP: "sctp", trace.ESP: "esp", trace.DNS: "dns",
	trace.HTTP: "http", trace.ESL: "data",
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
