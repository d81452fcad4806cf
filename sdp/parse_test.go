package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/sdp/v3"
)

// lines joins lines with CRLF, as on the wire.
func lines(s ...string) string { return strings.Join(s, "\r\n") + "\r\n" }

func mustParse(t testing.TB, text string) *Description {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return d
}

func TestParse(t *testing.T) {
	text := lines(
		"v=0",
		"o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1",
		"s=Call to John Smith",
		"i=SDP Offer #1",
		"u=http://www.jdoe.example.com/home.html",
		"e=Jane Doe <jane@jdoe.example.com>",
		"p=+1 617 555-6011",
		"c=IN IP4 198.51.100.1",
		"b=AS:128",
		"t=0 0",
		"r=7d 1h 0 25h",
		"k=clear:x",
		"y=unknown",
		"a=recvonly",
		"m=audio 49170/2 RTP/AVP 0 97",
		"i=the microphone",
		"c=IN IP6 2001:db8::1",
		"b=TIAS:64000",
		"q=unknown too",
		"a=rtpmap:97 AMR-WB/16000/1",
		"a=fmtp:97 mode-set=0,1,2; octet-align=1",
		"a=curr:qos local none",
		"a=sendonly",
		"m=image 0 udptl t38",
	)
	want := &Description{
		Origin:     Origin{"jdoe", 3724394400, 3724394405, "IN", "IP4", "198.51.100.1"},
		Name:       "Call to John Smith",
		Connection: Connection{"IN", "IP4", "198.51.100.1"},
		Bandwidth:  []Bandwidth{{"AS", 128}},
		Time:       []Line{{'t', "0 0"}, {'r', "7d 1h 0 25h"}},
		Attributes: []Attribute{{"recvonly", ""}},
		Other: []Line{
			{'i', "SDP Offer #1"}, {'u', "http://www.jdoe.example.com/home.html"}, {'e', "Jane Doe <jane@jdoe.example.com>"},
			{'p', "+1 617 555-6011"}, {'k', "clear:x"}, {'y', "unknown"},
		},
		Media: []Media{{
			Kind: "audio", Port: 49170, Ports: 2, Proto: "RTP/AVP", Formats: []string{"0", "97"},
			Connection: Connection{"IN", "IP6", "2001:db8::1"}, Bandwidth: []Bandwidth{{"TIAS", 64000}},
			Attributes: []Attribute{
				{"rtpmap", "97 AMR-WB/16000/1"}, {"fmtp", "97 mode-set=0,1,2; octet-align=1"}, {"curr", "qos local none"}, {"sendonly", ""},
			},
			Other: []Line{{'i', "the microphone"}, {'q', "unknown too"}},
		}, {Kind: "image", Proto: "udptl", Formats: []string{"t38"}}},
	}
	for name, in := range map[string]string{
		"CRLF": text, "LF": strings.ReplaceAll(text, "\r\n", "\n"), "CR": strings.ReplaceAll(text, "\r\n", "\r"),
		"no end of the last line": strings.TrimSuffix(text, "\r\n"), "blank lines": strings.ReplaceAll(text, "m=", "\r\n\r\nm=") + "\r\n",
	} {
		got := mustParse(t, in)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(text, got.String()); d != "" {
			t.Errorf("%s comes back as %s", name, d)
		}
	}
	d := mustParse(t, text)
	if d.DirectionOf(0) != SendOnly || d.DirectionOf(1) != RecvOnly {
		t.Error("direction")
	}
	if got := d.Address(0); got != netip.MustParseAddrPort("[2001:db8::1]:49170") || d.Address(1).IsValid() {
		t.Errorf("address %v", got)
	}
	if got := d.RTCPAddress(0); got.Port() != 49171 {
		t.Errorf("RTCP %v", got)
	}
	codecs := []Codec{{0, "PCMU", 8000, 1, ""}, {97, "AMR-WB", 16000, 1, "mode-set=0,1,2; octet-align=1"}}
	if diff := cmp.Diff(codecs, d.Media[0].Codecs()); diff != "" || d.Media[1].Codecs() != nil {
		t.Error(diff)
	}
	if v, ok := Param(codecs[1].Fmtp, "OCTET-ALIGN"); v != "1" || !ok {
		t.Error("Param")
	}
}

// What peers send and RFC 8866 does not allow.
func TestParseLenient(t *testing.T) {
	d := mustParse(t, "v=0\no=- 1 1 IN IP4 host.example.com\nt=0 0\ns=\na=x\nb=AS:64.5\nb=X-YZ:1\nc=IN IP4 host.example.com\nm=audio 0 RTP/AVP\nb=\nc=IN IP4 1.2.3.4\nc=IN IP4 1.2.3.5\na=sendrecv ")
	want := lines("v=0", "o=- 1 1 IN IP4 host.example.com", "s=-", "c=IN IP4 host.example.com", "b=X-YZ:1", "b=AS:64.5", "t=0 0", "a=x",
		"m=audio 0 RTP/AVP", "c=IN IP4 1.2.3.4", "c=IN IP4 1.2.3.5", "b=", "a=sendrecv")
	if diff := cmp.Diff(want, d.String()); diff != "" {
		t.Error(diff)
	}
	if d.Address(0).IsValid() || d.DirectionOf(0) != SendRecv {
		t.Error("a host name became an address")
	}
}

func TestParseErrors(t *testing.T) {
	head := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
	for name, c := range map[string]struct {
		text string
		line int
		want error
	}{
		"empty":              {"", 1, ErrMissing},
		"no version":         {"o=- 1 1 IN IP4 192.0.2.1", 1, ErrMissing},
		"no origin":          {"v=0\ns=-\n", 3, ErrMissing},
		"version":            {"v=1\n", 1, ErrVersion},
		"two descriptions":   {head + head, 4, ErrDuplicate},
		"two names":          {head + "s=x", 4, ErrDuplicate},
		"two origins":        {head + "o=- 1 1 IN IP4 192.0.2.1", 4, ErrDuplicate},
		"two connections":    {head + "c=IN IP4 1.1.1.1\nc=IN IP4 1.1.1.1", 5, ErrDuplicate},
		"origin":             {"v=0\no=- 1 1 IN IP4\n", 2, ErrFields},
		"origin id":          {"v=0\no=- x 1 IN IP4 a\n", 2, ErrNumber},
		"origin version":     {"v=0\no=- 1 -1 IN IP4 a\n", 2, ErrNumber},
		"connection":         {head + "c=IN IP4", 4, ErrFields},
		"no equals":          {head + "hello", 4, ErrSyntax},
		"space":              {head + "a =x", 4, ErrSyntax},
		"no letter":          {head + "1=x", 4, ErrSyntax},
		"NUL":                {head + "a=x\x00y", 4, ErrCharacter},
		"no attribute":       {head + "a=:x", 4, ErrFields},
		"media":              {head + "m=audio 1\r\n", 4, ErrFields},
		"no format":          {head + "\r\nm=audio 1 RTP/AVP\r\n", 5, ErrFields},
		"port":               {head + "m=audio 65536 RTP/AVP 0", 4, ErrNumber},
		"ports":              {head + "m=audio 1/0 RTP/AVP 0", 4, ErrNumber},
		"time in a media":    {head + "m=audio 1 RTP/AVP 0\r\nt=0 0", 5, ErrSyntax},
		"too large":          {head + strings.Repeat("a=x\n", 20000), 1, ErrTooLarge},
		"too many lines":     {head + strings.Repeat("\n", 5000), maxLines + 1, ErrTooLarge},
		"too many media":     {head + strings.Repeat("m=a 0 b c\n", 300), 4 + maxMedia, ErrTooLarge},
		"a long line is cut": {head + "1" + strings.Repeat("x", 1000), 4, ErrSyntax},
	} {
		_, err := Parse([]byte(c.text))
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Line != c.line || pe.Err != c.want || len(pe.Text) > 80 {
			t.Errorf("%s: %v, want %v in line %d", name, err, c.want, c.line)
		}
	}
}

func TestAppendFails(t *testing.T) {
	for name, d := range map[string]Description{
		"newline":   {Name: "a\nb"},
		"address":   {Connection: Connection{Address: "a b"}},
		"attribute": {Attributes: []Attribute{{"a:b", ""}}},
		"nameless":  {Attributes: []Attribute{{"", "x"}}},
		"bandwidth": {Bandwidth: []Bandwidth{{"", 1}}},
		"line":      {Other: []Line{{'=', "x"}}},
		"media":     {Media: []Media{{Kind: "audio", Port: 1}}},
		"value":     {Media: []Media{{Kind: "audio", Port: 1, Proto: "x", Formats: []string{"0"}, Attributes: []Attribute{{"a", "\r"}}}}},
	} {
		if b, err := d.AppendText([]byte("x")); err == nil || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestCodecs(t *testing.T) {
	d := mustParse(t, lines("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "m=audio 1 UDP/TLS/RTP/SAVPF 8 18 96 97 98 99 100 200 abc 8 0",
		"a=rtpmap:96 opus/48000/2", "a=rtpmap:98 bad", "a=rtpmap:99 bad/0", "a=rtpmap:100 x/8000/0", "a=rtpmap:0 G729a/8000",
		"a=fmtp:18  annexb=no", "a=fmtp:9", "a=fmtp:96 useinbandfec=1"))
	want := []Codec{
		{8, "PCMA", 8000, 1, ""}, {18, "G729", 8000, 1, "annexb=no"}, {96, "opus", 48000, 2, "useinbandfec=1"},
		{100, "x", 8000, 1, ""}, {0, "G729a", 8000, 1, ""},
	}
	if diff := cmp.Diff(want, d.Media[0].Codecs()); diff != "" {
		t.Error(diff)
	}
}

func TestMediaAttributes(t *testing.T) {
	m := Media{Attributes: []Attribute{{"ptime", "30.0"}, {"maxptime", "240"}, {"x", "1"}, {"y", ""}, {"x", "2"}}}
	if m.Ptime() != 30 || m.MaxPtime() != 240 {
		t.Error(m.Ptime(), m.MaxPtime())
	}
	m.SetAttribute("x", "3")
	m.SetAttribute("z", "4")
	if n := m.RemoveAttribute("y"); n != 1 {
		t.Error(n)
	}
	m.SetAttribute("ptime", "-5")
	want := []Attribute{{"ptime", "-5"}, {"maxptime", "240"}, {"x", "3"}, {"z", "4"}}
	if d := cmp.Diff(want, m.Attributes); d != "" || m.Ptime() != 0 {
		t.Error(d)
	}
}

func TestRTCPAddress(t *testing.T) {
	for attr, want := range map[string]string{
		"a=x":                             "192.0.2.1:5001",
		"a=rtcp:53020":                    "192.0.2.1:53020",
		"a=rtcp:53020 IN IP4 126.16.64.4": "126.16.64.4:53020", // the examples of RFC 3605 section 2.1
		"a=rtcp:53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD": "[2001:2345:6789:abcd:ef01:2345:6789:abcd]:53020",
		"a=rtcp:0":                     "192.0.2.1:5001",
		"a=rtcp:1 IN IP4 host.example": "192.0.2.1:5001",
		"a=rtcp-mux":                   "192.0.2.1:5000",
	} {
		d := mustParse(t, lines("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "m=audio 5000 RTP/AVP 0", attr))
		if got := d.RTCPAddress(0).String(); got != want {
			t.Errorf("%s: %s, want %s", attr, got, want)
		}
	}
}

func TestDirections(t *testing.T) {
	// RFC 3264 section 6.1: what may answer what.
	for _, c := range []struct{ offered, local, want Direction }{
		{SendRecv, SendRecv, SendRecv}, {SendRecv, SendOnly, SendOnly}, {SendRecv, RecvOnly, RecvOnly}, {SendRecv, Inactive, Inactive},
		{SendOnly, SendRecv, RecvOnly}, {SendOnly, SendOnly, Inactive}, {SendOnly, RecvOnly, RecvOnly},
		{RecvOnly, SendRecv, SendOnly}, {RecvOnly, RecvOnly, Inactive}, {Inactive, SendRecv, Inactive},
	} {
		if got := c.offered.Reverse().And(c.local); got != c.want {
			t.Errorf("%v answered by %v is %v, want %v", c.offered, c.local, got, c.want)
		}
	}
	if d, ok := ParseDirection("sendonly"); d != SendOnly || !ok {
		t.Error(d, ok)
	}
	if _, ok := ParseDirection("both"); ok || Direction(9).String() != "Direction(9)" {
		t.Error("both")
	}
}

func TestPion(t *testing.T) {
	d := mustParse(t, lines("v=0", "o=- 1 2 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "b=AS:64", "t=0 0", "a=x:y",
		"m=audio 5000 RTP/AVP 0", "b=RS:0", "a=sendonly"))
	p, err := d.Pion()
	if err != nil || len(p.MediaDescriptions) != 1 || p.Origin.SessionVersion != 2 {
		t.Fatal(p, err)
	}
	back, err := FromPion(p)
	if err != nil || cmp.Diff(d, back) != "" {
		t.Error(err, cmp.Diff(d, back))
	}
	if _, err := mustParse(t, lines("v=0", "o=- 1 2 IN IP4 192.0.2.1", "s=-", "m=image 5000 udptl t38")).Pion(); err == nil {
		t.Error("pion takes T.38 now; say so in the documentation of Pion")
	}
}

// What parses is written and parses to the same, and what pion parses we parse to the same.
func FuzzParse(f *testing.F) {
	for _, s := range realOffers {
		f.Add([]byte(s.text))
	}
	f.Add([]byte("v=0\no=- 1 1 IN IP4 a\nm=audio 1/3 RTP/AVP\nb=AS:1\nx=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Line < 1 {
				t.Fatalf("%v", err)
			}
			return
		}
		text, err := d.AppendText(nil)
		if err != nil {
			t.Fatalf("%v from %q", err, b)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if len(d.Time) == 0 {
			d.Time = []Line{{'t', "0 0"}}
		}
		// Lines of other types are kept in order within a type.
		byType := cmp.Transformer("byType", func(list []Line) map[byte][]string {
			m := map[byte][]string{}
			for _, l := range list {
				m[l.Type] = append(m[l.Type], l.Value)
			}
			return m
		})
		if diff := cmp.Diff(d, again, byType); diff != "" || string(text) != again.String() {
			t.Fatalf("%s in %q", diff, text)
		}
		for i := range d.Media {
			d.Address(i)
			d.RTCPAddress(i)
			d.DirectionOf(i)
			for _, c := range d.Media[i].Codecs() {
				if c.PayloadType > 127 || c.ClockRate <= 0 || c.Channels < 1 || c.Name == "" {
					t.Fatalf("%+v", c)
				}
			}
		}
		var p pion.SessionDescription
		if p.UnmarshalString(string(text)) != nil {
			return
		}
		if len(p.MediaDescriptions) != len(d.Media) {
			t.Fatalf("pion sees %d media, we %d in %q", len(p.MediaDescriptions), len(d.Media), text)
		}
		for i, m := range p.MediaDescriptions {
			o := d.Media[i]
			if m.MediaName.Media != o.Kind || m.MediaName.Port.Value != int(o.Port) || strings.Join(m.MediaName.Protos, "/") != o.Proto || len(m.Attributes) != len(o.Attributes) {
				t.Fatalf("pion sees %+v, we %+v", m, o)
			}
		}
	})
}
