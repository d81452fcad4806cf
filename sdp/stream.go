package sdp

import (
	"net/netip"
	"slices"
	"strings"
)

// Stream is what was agreed for one m= line, as we see it.
type Stream struct {
	ID     string // of the LocalMedia; empty if the line is refused or removed
	Kind   string
	Proto  string
	Active bool // false: refused or removed, all that follows is zero

	Direction  Direction      // CanSend: we may send; CanReceive: we must be ready to
	Local      netip.AddrPort // where we receive
	Remote     netip.AddrPort // where to send; not valid if the peer cannot receive (0.0.0.0) or named a host
	RemoteRTCP netip.AddrPort // where to send RTCP; likewise
	RemoteHost string         // the host name that the peer named instead of an address; usually empty
	RemotePort uint16         // the port that goes with it
	Mux        bool           // RTP and RTCP share the ports

	Codecs []Agreed // preferred first; never empty for RTP
	Events []Agreed // telephone-event, one for each clock rate
	Noise  []Agreed // comfort noise (RFC 3389), one for each clock rate

	Ptime, MaxPtime int         // what the peer asks for, milliseconds; 0 if it does not
	Bandwidth       []Bandwidth // what the peer asks for
}

// Agreed is a format that both sides have.
type Agreed struct {
	Send    Codec // as the peer describes it: what we send has this payload type
	Receive Codec // as we describe it: what we receive should have this payload type
	Format  int   // index in LocalMedia.Formats
}

// EventsFor returns the telephone-event format that goes with a codec: the one of the same clock
// rate (RFC 4733 section 2.5.1.2), else any.
func (s *Stream) EventsFor(c Codec) (Agreed, bool) {
	for _, e := range s.Events {
		if e.Receive.ClockRate == c.ClockRate {
			return e, true
		}
	}
	if len(s.Events) > 0 {
		return s.Events[0], true
	}
	return Agreed{}, false
}

// Held says whether the peer does not want to hear us now: its direction forbids it, or it named
// no address.
func (s *Stream) Held() bool {
	return s.Active && (!s.Direction.CanSend() || !s.Remote.IsValid() && s.RemoteHost == "")
}

// NoRTCP says whether the peer wants no RTCP at all: b=RS:0 and b=RR:0 (RFC 3556 section 2), or
// b=AS:0 (RFC 3264 section 5).
func (s *Stream) NoRTCP() bool {
	rs, rr := false, false
	for _, b := range s.Bandwidth {
		switch {
		case b.Value != 0:
		case b.Type == "RS":
			rs = true
		case b.Type == "RR":
			rr = true
		case b.Type == "AS":
			return true
		}
	}
	return rs && rr
}

// choose pairs the formats that the peer lists with ours. Each of ours is used once. Its Receive
// has the payload type and name of theirs and the fmtp of our answer.
func choose(formats []Format, theirs []Codec) []Agreed {
	var list []Agreed
	used := make([]bool, len(formats))
	for _, t := range theirs {
		for i, f := range formats {
			if used[i] {
				continue
			}
			if fmtp, ok := f.match(t); ok {
				used[i] = true
				receive := t
				receive.Fmtp = fmtp
				list = append(list, Agreed{Send: t, Receive: receive, Format: i})
				break
			}
		}
	}
	return list
}

// pair matches what we described with what the peer described, for an answer to our offer, in the
// order of the answer. Formats that we did not offer are left out: we cannot send what we did not
// offer, and the peer must not.
func pair(formats []Format, ours, theirs []Codec) []Agreed {
	var list []Agreed
	used := make([]bool, len(ours))
	find := func(t Codec, samePT bool) bool {
		for i, o := range ours {
			if used[i] || samePT && o.PayloadType != t.PayloadType || !o.Same(t) {
				continue
			}
			if n, ok := formatOf(formats, o); ok {
				f := formats[n]
				f.Fmtp = o.Fmtp
				if _, ok := f.match(t); ok {
					used[i] = true
					list = append(list, Agreed{Send: t, Receive: o, Format: n})
					return true
				}
			}
		}
		return false
	}
	for _, t := range theirs {
		if !find(t, true) {
			find(t, false)
		}
	}
	return list
}

// formatOf returns the index of the format that a codec of our own description came from.
func formatOf(formats []Format, ours Codec) (int, bool) {
	for i, f := range formats {
		if f.Same(ours) && f.Fmtp == ours.Fmtp {
			return i, true
		}
	}
	for i, f := range formats {
		if _, ok := f.match(ours); ok {
			return i, true
		}
	}
	return 0, false
}

// sort puts agreed formats into a Stream.
func (s *Stream) sort(list []Agreed) {
	for _, a := range list {
		switch {
		case strings.EqualFold(a.Receive.Name, TelephoneEvent):
			s.Events = append(s.Events, a)
		case strings.EqualFold(a.Receive.Name, ComfortNoise):
			s.Noise = append(s.Noise, a)
		case !a.Receive.auxiliary():
			s.Codecs = append(s.Codecs, a)
		}
	}
}

// accompany leaves only those auxiliary formats that have the clock rate of a codec. If there is
// none among the events, those of 8000 Hz stay: nobody understands RFC 4733 so strictly, and keys
// would be lost.
func (s *Stream) accompany() {
	fits := func(a Agreed) bool {
		return slices.ContainsFunc(s.Codecs, func(c Agreed) bool { return c.Receive.ClockRate == a.Receive.ClockRate })
	}
	s.Noise = slices.DeleteFunc(s.Noise, func(a Agreed) bool { return !fits(a) })
	any := slices.ContainsFunc(s.Events, fits)
	s.Events = slices.DeleteFunc(s.Events, func(a Agreed) bool {
		return !fits(a) && (any || a.Receive.ClockRate != 8000)
	})
}

// remote fills in what the peer's i-th media says.
func (s *Stream) remote(d *Description, i int) {
	m := &d.Media[i]
	c := d.ConnectionOf(i)
	if a, ok := c.Addr(); !ok {
		s.RemoteHost, s.RemotePort = c.Address, m.Port
	} else if !a.IsUnspecified() {
		s.Remote, s.RemoteRTCP = d.Address(i), d.RTCPAddress(i)
		if m.Mux() && !s.Mux {
			// It offered to share the port and we did not take it up.
			plain := *m
			plain.Attributes = slices.DeleteFunc(slices.Clone(m.Attributes), func(a Attribute) bool { return a.Name == "rtcp-mux" })
			s.RemoteRTCP = (&Description{Connection: c, Media: []Media{plain}}).RTCPAddress(0)
		}
	}
	s.Ptime, s.MaxPtime = m.Ptime(), m.MaxPtime()
	s.Bandwidth = m.Bandwidth
	if len(s.Bandwidth) == 0 {
		s.Bandwidth = d.Bandwidth
	}
}
