package ladder

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/gotelco/telco/trace"
)

func (l *Ladder) summary(e trace.Event) Summary {
	if f := l.cfg.Summaries[e.Proto]; f != nil {
		return f(e)
	}
	return Summarize(e)
}

// Summarize is the built-in summary of a message. It doesn't look at Event.Secrets; give it
// [trace.Redacted] octets.
func Summarize(e trace.Event) Summary {
	switch e.Proto {
	case trace.SIP:
		return sip(e)
	case trace.RTP:
		return rtp(e)
	case trace.Diameter:
		return diameter(e)
	case trace.M3UA:
		return sigtran(e, m3uaTypes)
	case trace.M2PA:
		return sigtran(e, m2paTypes)
	}
	return octets(e)
}

// octets is the summary of what is not understood.
func octets(e trace.Event) Summary {
	return Summary{Label: e.Proto.String(), Detail: strconv.Itoa(len(e.Data)) + " octets"}
}

// sip reads the first line, CSeq and the SDP of a SIP message.
func sip(e trace.Event) Summary {
	const most = 16 << 10 // what a line shows stands well before
	text := string(e.Data[:min(len(e.Data), most)])
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	first, rest, _ := strings.Cut(head, "\r\n")
	cseq := field(rest, "CSeq")
	var s Summary
	if status, ok := strings.CutPrefix(first, "SIP/2.0 "); ok {
		s = Summary{Label: status, Detail: "CSeq " + cseq, Bad: len(status) > 0 && status[0] >= '4' && status[0] <= '6'}
	} else {
		method, _, ok := strings.Cut(first, " ")
		if !ok {
			return octets(e)
		}
		n, _, _ := strings.Cut(cseq, " ")
		s = Summary{Label: method, Detail: "CSeq " + n}
	}
	if cseq == "" {
		s.Detail = ""
	}
	if ct := strings.ToLower(field(rest, "Content-Type") + field(rest, "c")); strings.HasPrefix(ct, "application/sdp") {
		s.Detail = join(s.Detail, sdp(body))
	}
	switch e.Transport {
	case trace.TCP, trace.TLS, trace.WS, trace.WSS:
		s.Detail = join(s.Detail, e.Transport.String())
	}
	return s
}

// field returns the value of the first header of a name.
func field(head, name string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		n, v, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// sdp returns the streams of a session description: "audio AMR-WB PCMA sendonly, video refused".
func sdp(body string) string {
	static := map[string]string{"0": "PCMU", "3": "GSM", "8": "PCMA", "9": "G722", "18": "G729"} // RFC 3551 section 6
	var streams []string
	var kind, dir string
	var formats []string
	names := map[string]string{}
	flush := func() {
		if kind == "" {
			return
		}
		s := kind
		for _, f := range formats[:min(len(formats), 6)] {
			name := names[f]
			if name == "" {
				name = static[f]
			}
			if name == "" {
				name = f
			}
			if !strings.EqualFold(name, "telephone-event") {
				s += " " + name
			}
		}
		if dir != "" && dir != "sendrecv" {
			s += " " + dir
		}
		if len(streams) < 4 {
			streams = append(streams, s)
		}
	}
	session := ""
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		if m, ok := strings.CutPrefix(line, "m="); ok {
			flush()
			f := strings.Fields(m)
			if len(f) < 4 {
				kind = ""
				continue
			}
			kind, formats, dir = f[0], f[3:], session
			clear(names)
			if f[1] == "0" {
				formats, dir = nil, "refused"
			}
			continue
		}
		a, ok := strings.CutPrefix(line, "a=")
		if !ok {
			continue
		}
		switch a {
		case "sendrecv", "sendonly", "recvonly", "inactive":
			if kind == "" {
				session = a
			} else if dir != "refused" {
				dir = a
			}
		}
		if m, ok := strings.CutPrefix(a, "rtpmap:"); ok && len(names) < 64 {
			pt, enc, _ := strings.Cut(m, " ")
			names[pt], _, _ = strings.Cut(strings.TrimSpace(enc), "/")
		}
	}
	flush()
	return strings.Join(streams, ", ")
}

func rtp(e trace.Event) Summary {
	if len(e.Data) < 12 {
		return octets(e)
	}
	return Summary{
		Label:  "RTP",
		Detail: "payload type " + strconv.Itoa(int(e.Data[1]&0x7f)) + ", SSRC " + strconv.FormatUint(uint64(binary.BigEndian.Uint32(e.Data[8:])), 16),
	}
}

// commands names Diameter's command codes (IANA registry).
var commands = map[uint32]string{
	257: "CE", 258: "RA", 271: "AC", 272: "CC", 274: "AS", 275: "ST", 280: "DW", 282: "DP",
	300: "UA", 301: "SA", 302: "LI", 303: "MA", 304: "RT", 305: "PP",
	306: "UD", 307: "PU", 308: "SN", 309: "PN", 316: "UL", 317: "CL", 318: "AI", 321: "PU",
}

func diameter(e trace.Event) Summary {
	d := e.Data
	if len(d) < 20 {
		return octets(e)
	}
	code := binary.BigEndian.Uint32(d[4:]) & 0xffffff
	request := d[4]&0x80 != 0
	name := commands[code]
	if name == "" {
		name = "command " + strconv.Itoa(int(code)) + " "
	}
	if request {
		return Summary{Label: name + "R", Detail: "Diameter"}
	}
	s := Summary{Label: name + "A", Detail: "Diameter", Bad: d[4]&0x20 != 0}
	if rc := resultCode(d[20:]); rc != 0 {
		s.Detail += " " + strconv.Itoa(int(rc))
		s.Bad = s.Bad || rc >= 3000
	}
	return s
}

// resultCode finds Result-Code, or Experimental-Result-Code within its group.
func resultCode(b []byte) uint32 {
	for range 64 {
		if len(b) < 12 {
			return 0
		}
		code, n, head := binary.BigEndian.Uint32(b), int(binary.BigEndian.Uint32(b[4:])&0xffffff), 8
		if b[4]&0x80 != 0 {
			head = 12
		}
		if n < head || n > len(b) {
			return 0
		}
		switch {
		case (code == 268 || code == 298) && n >= head+4:
			return binary.BigEndian.Uint32(b[head:])
		case code == 297:
			if rc := resultCode(b[head:n]); rc != 0 {
				return rc
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return 0
}

// sigtran reads the common header of M3UA and M2PA.
func sigtran(e trace.Event, types map[[2]byte]string) Summary {
	if len(e.Data) < 8 {
		return octets(e)
	}
	name := types[[2]byte{e.Data[2], e.Data[3]}]
	if name == "" {
		name = "class " + strconv.Itoa(int(e.Data[2])) + " type " + strconv.Itoa(int(e.Data[3]))
	}
	return Summary{Label: name, Detail: e.Proto.String() + " " + strconv.Itoa(len(e.Data)) + " octets", Bad: name == "ERR"}
}

// m3uaTypes are classes and types of RFC 4666 section 3.1.
var m3uaTypes = map[[2]byte]string{
	{0, 0}: "ERR", {0, 1}: "NTFY", {1, 1}: "DATA",
	{2, 1}: "DUNA", {2, 2}: "DAVA", {2, 3}: "DAUD", {2, 4}: "SCON", {2, 5}: "DUPU", {2, 6}: "DRST",
	{3, 1}: "ASPUP", {3, 2}: "ASPDN", {3, 3}: "BEAT", {3, 4}: "ASPUP ACK", {3, 5}: "ASPDN ACK", {3, 6}: "BEAT ACK",
	{4, 1}: "ASPAC", {4, 2}: "ASPIA", {4, 3}: "ASPAC ACK", {4, 4}: "ASPIA ACK",
	{9, 1}: "REG REQ", {9, 2}: "REG RSP", {9, 3}: "DEREG REQ", {9, 4}: "DEREG RSP",
}

// m2paTypes are those of RFC 4165 section 2.1.2.
var m2paTypes = map[[2]byte]string{{11, 1}: "User Data", {11, 2}: "Link Status"}
