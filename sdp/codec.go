package sdp

import (
	"strconv"
	"strings"
)

// Codec is one format of an RTP stream, as an m= line, rtpmap and fmtp describe it.
type Codec struct {
	PayloadType uint8
	Name        string // encoding name, such as "AMR-WB"; case does not matter
	ClockRate   int    // units of the RTP timestamp per second
	Channels    int    // 1 or more for audio; 1 if rtpmap does not say
	Fmtp        string // the parameters as text, without the payload type
}

// Same says whether name, clock rate and channels are equal: whether the payloads are the same but
// for what fmtp says.
func (c Codec) Same(d Codec) bool {
	return strings.EqualFold(c.Name, d.Name) && c.ClockRate == d.ClockRate && max(c.Channels, 1) == max(d.Channels, 1)
}

// auxiliary says whether the format accompanies a codec rather than being one.
func (c Codec) auxiliary() bool {
	return strings.EqualFold(c.Name, TelephoneEvent) || strings.EqualFold(c.Name, ComfortNoise) || strings.EqualFold(c.Name, "red")
}

// Names of formats that accompany a codec.
const (
	TelephoneEvent = "telephone-event" // RFC 4733
	ComfortNoise   = "CN"              // RFC 3389
)

// usable says whether the payload type can stand for a format that we describe: 7 bits, and not
// one that could be taken for RTCP (RFC 5761 section 4).
func (c Codec) usable() bool { return c.PayloadType < 64 || c.PayloadType > 95 && c.PayloadType < 128 }

// rtpmap returns the value of the attribute (RFC 8866 section 6.6).
func (c Codec) rtpmap() string {
	s := strconv.Itoa(int(c.PayloadType)) + " " + c.Name + "/" + strconv.Itoa(c.ClockRate)
	if c.Channels > 1 {
		s += "/" + strconv.Itoa(c.Channels)
	}
	return s
}

// static payload types of RFC 3551 section 6, tables 4 and 5.
var static = map[uint8]Codec{
	0: {0, "PCMU", 8000, 1, ""}, 3: {3, "GSM", 8000, 1, ""}, 4: {4, "G723", 8000, 1, ""}, 5: {5, "DVI4", 8000, 1, ""},
	6: {6, "DVI4", 16000, 1, ""}, 7: {7, "LPC", 8000, 1, ""}, 8: {8, "PCMA", 8000, 1, ""}, 9: {9, "G722", 8000, 1, ""},
	10: {10, "L16", 44100, 2, ""}, 11: {11, "L16", 44100, 1, ""}, 12: {12, "QCELP", 8000, 1, ""}, 13: {13, "CN", 8000, 1, ""},
	14: {14, "MPA", 90000, 1, ""}, 15: {15, "G728", 8000, 1, ""}, 16: {16, "DVI4", 11025, 1, ""}, 17: {17, "DVI4", 22050, 1, ""},
	18: {18, "G729", 8000, 1, ""}, 25: {25, "CelB", 90000, 1, ""}, 26: {26, "JPEG", 90000, 1, ""}, 28: {28, "nv", 90000, 1, ""},
	31: {31, "H261", 90000, 1, ""}, 32: {32, "MPV", 90000, 1, ""}, 33: {33, "MP2T", 90000, 1, ""}, 34: {34, "H263", 90000, 1, ""},
}

// IsRTP says whether the transport is RTP, so that formats are payload types.
func (m *Media) IsRTP() bool {
	return strings.HasPrefix(m.Proto, "RTP/") || strings.Contains(m.Proto, "/RTP/")
}

// Codecs returns the formats of an RTP stream in the order of the m= line, the preferred one first.
// A format that is no payload type, occurs twice, or has neither rtpmap nor a static meaning
// (RFC 3551 section 6) is left out, as is one whose rtpmap is malformed.
func (m *Media) Codecs() []Codec {
	if !m.IsRTP() {
		return nil
	}
	var list []Codec
	var seen [128]bool
	for _, f := range m.Formats {
		n, err := strconv.ParseUint(f, 10, 8)
		if err != nil || n > 127 || seen[n] || len(f) > 1 && f[0] == '0' {
			continue
		}
		seen[n] = true
		pt := uint8(n)
		c, ok := static[pt]
		if v, mapped := m.forFormat("rtpmap", f); mapped {
			c, ok = parseRtpmap(pt, v)
		}
		if !ok {
			continue
		}
		c.Fmtp, _ = m.forFormat("fmtp", f)
		list = append(list, c)
	}
	return list
}

// forFormat returns what follows the format in the first attribute "a=name:format …".
func (m *Media) forFormat(name, format string) (string, bool) {
	for _, a := range m.Attributes {
		if a.Name == name {
			f, v, _ := strings.Cut(strings.TrimLeft(a.Value, " "), " ")
			if f == format {
				return strings.TrimSpace(v), true
			}
		}
	}
	return "", false
}

func parseRtpmap(pt uint8, v string) (Codec, bool) {
	name, rest, ok := strings.Cut(v, "/")
	rate, channels, more := strings.Cut(rest, "/")
	c := Codec{PayloadType: pt, Name: strings.TrimSpace(name), Channels: 1}
	n, err := strconv.ParseUint(strings.TrimSpace(rate), 10, 31)
	if !ok || err != nil || n == 0 || c.Name == "" || strings.ContainsAny(c.Name, " \t") {
		return c, false
	}
	c.ClockRate = int(n)
	if more {
		if n, err := strconv.ParseUint(strings.TrimSpace(channels), 10, 8); err == nil && n > 0 {
			c.Channels = int(n)
		}
	}
	return c, true
}

// A Matcher compares the fmtp text of a format we support with a peer's fmtp text for a format of
// the same name, clock rate and channels. It says whether the payloads are the same, and what our
// answer to theirs is. For AMR, ours "octet-align=1" does not match theirs "mode-set=0,2", and an
// answer names the mode set. It is also called with the fmtp of an answer to our offer; then the
// text it returns is not used.
type Matcher func(ours, theirs string) (answer string, ok bool)

// Format is a format that we support.
type Format struct {
	// PayloadType is what we offer unless it stands for something else already; if it cannot be
	// (0 is PCMU), one of 96 to 127 is taken. Fmtp is what we offer with it.
	Codec
	// Match compares fmtp texts. If nil, any matches, and the answer is Fmtp.
	Match Matcher
}

func (f Format) match(theirs Codec) (answer string, ok bool) {
	if !f.Same(theirs) {
		return "", false
	}
	if f.Match == nil {
		return f.Fmtp, true
	}
	return f.Match(f.Fmtp, theirs.Fmtp)
}

// Param returns a parameter of a semicolon-separated fmtp text, as most codecs use it. Names are
// compared without case. A parameter without a value is "".
func Param(fmtp, name string) (string, bool) {
	for p := range strings.SplitSeq(fmtp, ";") {
		n, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}
