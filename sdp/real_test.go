package sdp

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// realOffers are offers in the style of what is met in networks.
var realOffers = []struct {
	name, text string
	want       []string // the m= lines of our answer and what follows them; nil: refused
	refused    error
}{
	{"VoLTE handset", lines(
		"v=0", "o=- 1 1 IN IP6 2001:db8:1::a", "s=-", "c=IN IP6 2001:db8:1::a", "b=AS:49", "b=RS:0", "b=RR:2500", "t=0 0",
		"m=audio 50010 RTP/AVP 104 110 102 108 105 100", "b=AS:49", "b=RS:0", "b=RR:2500",
		"a=rtpmap:104 AMR-WB/16000/1", "a=fmtp:104 mode-change-capability=2;max-red=220",
		"a=rtpmap:110 AMR-WB/16000/1", "a=fmtp:110 octet-align=1; mode-change-capability=2;max-red=220",
		"a=rtpmap:102 AMR/8000/1", "a=fmtp:102 mode-change-capability=2;max-red=220",
		"a=rtpmap:108 AMR/8000/1", "a=fmtp:108 octet-align=1;mode-change-capability=2;max-red=220",
		"a=rtpmap:105 telephone-event/16000", "a=fmtp:105 0-15", "a=rtpmap:100 telephone-event/8000", "a=fmtp:100 0-15",
		"a=curr:qos local none", "a=curr:qos remote none", "a=des:qos mandatory local sendrecv", "a=des:qos optional remote sendrecv",
		"a=maxptime:240", "a=ptime:20", "a=sendrecv"),
		[]string{"m=audio 4000 RTP/AVP 104 102 108 105 100",
			"a=rtpmap:104 AMR-WB/16000", "a=fmtp:104 mode-change-capability=2",
			"a=rtpmap:102 AMR/8000", "a=fmtp:102 mode-change-capability=2", "a=rtpmap:108 AMR/8000", "a=fmtp:108 octet-align=1",
			"a=rtpmap:105 telephone-event/16000", "a=fmtp:105 0-15", "a=rtpmap:100 telephone-event/8000", "a=fmtp:100 0-15",
			"a=ptime:20", "a=sendrecv"}, nil},
	{"baresip", "v=0\r\no=- 2890844526 2890844526 IN IP4 127.0.0.6\r\ns=-\r\nc=IN IP4 127.0.0.6\r\nt=0 0\r\na=tool:baresip 1.0.0\r\n" +
		"m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n" +
		"a=rtcp:20001\r\na=sendrecv\r\na=label:1\r\na=rtcp-rsize\r\na=ssrc:3485 cname:sip:a@127.0.0.6\r\na=ptime:20\r\n",
		[]string{"m=audio 4000 RTP/AVP 8 0 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv"}, nil},
	{"FreeSWITCH", lines(
		"v=0", "o=FreeSWITCH 1700000000 1700000001 IN IP4 203.0.113.5", "s=FreeSWITCH", "c=IN IP4 203.0.113.5", "t=0 0",
		"m=audio 30000 RTP/AVP 102 9 0 8 103 101", "a=rtpmap:102 opus/48000/2", "a=fmtp:102 useinbandfec=1; maxaveragebitrate=30000",
		"a=rtpmap:9 G722/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:103 telephone-event/48000", "a=fmtp:103 0-15",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20"),
		[]string{"m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv"}, nil},
	{"Linphone", lines(
		"v=0", "o=alice 3613 1821 IN IP4 192.168.1.20", "s=Talk", "c=IN IP4 192.168.1.20", "t=0 0",
		"a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics", "a=record:off",
		"m=audio 7078 RTP/AVPF 96 97 98 0 8 99 100", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1", "a=rtpmap:97 speex/16000",
		"a=fmtp:97 vbr=on", "a=rtpmap:98 speex/8000", "a=fmtp:98 vbr=on", "a=rtpmap:99 telephone-event/48000", "a=rtpmap:100 telephone-event/8000",
		"a=rtcp:7079", "a=rtcp-fb:* trr-int 1000",
		"m=video 9078 RTP/AVP 96 97", "a=rtpmap:96 VP8/90000", "a=rtpmap:97 H264/90000", "a=fmtp:97 profile-level-id=42801F"),
		[]string{"m=audio 4000 RTP/AVPF 0 8 100", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:100 telephone-event/8000", "a=fmtp:100 0-15", "a=ptime:20", "a=sendrecv",
			"m=video 0 RTP/AVP 96"}, nil},
	{"browser", lines(
		"v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=extmap-allow-mixed", "a=msid-semantic: WMS",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0", "a=ice-ufrag:4ZcD",
		"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlls", "a=fingerprint:sha-256 7B:8B:F0", "a=setup:actpass", "a=mid:0", "a=rtcp-mux",
		"a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000"),
		nil, ErrTransport},
	{"SRTP only", lines(
		"v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0", "m=audio 6000 RTP/SAVP 8",
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"), nil, ErrTransport},
	{"SRTP and not", lines(
		"v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0",
		"m=audio 6000 RTP/SAVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", "m=audio 6002 RTP/AVP 8"),
		[]string{"m=audio 0 RTP/SAVP 8", "m=audio 4000 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=ptime:20", "a=sendrecv"}, nil},
	{"carrier, static types without rtpmap, G.729 first", lines(
		"v=0", "o=Sonus_UAC 14466 26177 IN IP4 198.51.100.30", "s=SIP Media Capabilities", "c=IN IP4 198.51.100.30", "t=0 0",
		"m=audio 17000 RTP/AVP 18 8 0 100", "a=fmtp:18 annexb=no", "a=rtpmap:100 telephone-event/8000", "a=fmtp:100 0-15", "a=sendonly", "a=maxptime:20"),
		[]string{"m=audio 4000 RTP/AVP 8 0 100", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:100 telephone-event/8000", "a=fmtp:100 0-15", "a=ptime:20", "a=recvonly"}, nil},
	{"fax beside speech, no end of the last line", "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\nm=audio 6000 RTP/AVP 8\nm=image 6002 udptl t38\na=T38FaxVersion:0",
		[]string{"m=audio 4000 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=ptime:20", "a=sendrecv", "m=image 0 udptl t38"}, nil},
	{"multicast", lines("v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 233.252.0.1/127", "t=0 0", "m=audio 6000 RTP/AVP 0"), nil, ErrMulticast},
	{"no connection", lines("v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "t=0 0", "m=audio 6000 RTP/AVP 0"), nil, ErrNoAddress},
	{"video only", lines("v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0", "m=video 6000 RTP/AVP 31"), nil, ErrNoMedia},
	{"events alone are no codec", lines("v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0", "m=audio 6000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"), nil, ErrNoFormat},
	{"session times", lines("v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=3034423619 3042462419", "r=7d 1h 0 25h", "m=audio 6000 RTP/AVP 8"),
		[]string{"m=audio 4000 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=ptime:20", "a=sendrecv"}, nil},
}

// octetAlign is the payload identity of AMR (RFC 4867 section 8.3.1), and nothing more.
func octetAlign(ours, theirs string) (string, bool) {
	a, _ := Param(ours, "octet-align")
	b, _ := Param(theirs, "octet-align")
	return ours, (a == "1") == (b == "1")
}

func format(pt uint8, name string, rate int, fmtp string) Format {
	return Format{Codec: Codec{PayloadType: pt, Name: name, ClockRate: rate, Fmtp: fmtp}, Match: octetAlign}
}

// voice is what we have in the tests: both forms of AMR, bandwidth-efficient AMR-WB, G.711, events.
func voice() Local {
	pcma, _ := FormatStatic(8)
	pcmu, _ := FormatStatic(0)
	return Local{Username: "us", Media: []LocalMedia{{
		Address: ourAddr, Ptime: 20,
		Formats: []Format{
			format(96, "AMR-WB", 16000, "mode-change-capability=2"), format(97, "AMR", 8000, "mode-change-capability=2"),
			format(98, "AMR", 8000, "octet-align=1"), pcma, pcmu, FormatEvents(99, 16000), FormatEvents(100, 8000),
		},
	}}}
}

func TestRealOffers(t *testing.T) {
	for _, c := range realOffers {
		var s Session
		offer := mustParse(t, c.text)
		answer, err := s.Answer(offer, voice())
		if c.refused != nil {
			var re *RefusedError
			if !errors.As(err, &re) || !errors.Is(err, c.refused) || s.State != Stable || s.Remote != nil {
				t.Errorf("%s: %v, want %v", c.name, err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		text := answer.String()
		at := strings.Index(text, "m=")
		if diff := cmp.Diff(lines(c.want...), text[at:]); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if diff := cmp.Diff(offer.Time, answer.Time); diff != "" || answer.Origin.Username != "us" {
			t.Errorf("%s: %s", c.name, text)
		}
		checkAnswer(t, offer, answer)
	}
}
