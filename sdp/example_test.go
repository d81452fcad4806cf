package sdp_test

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gotelco/telco/sdp"
)

func ExampleSession() {
	pcma, _ := sdp.FormatStatic(8)
	pcmu, _ := sdp.FormatStatic(0)
	alice := sdp.Local{Media: []sdp.LocalMedia{{
		Address: netip.MustParseAddrPort("192.0.2.1:4000"),
		Formats: []sdp.Format{pcma, pcmu, sdp.FormatEvents(101, 8000)},
	}}}
	bob := sdp.Local{Media: []sdp.LocalMedia{{
		Address: netip.MustParseAddrPort("192.0.2.2:5000"),
		Formats: []sdp.Format{pcmu, sdp.FormatEvents(96, 8000)},
	}}}

	var a, b sdp.Session
	offer, _ := a.CreateOffer(alice)
	answer, err := b.Answer(offer, bob)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := a.ReceiveAnswer(answer, alice); err != nil {
		fmt.Println(err)
		return
	}
	st := a.Streams[0]
	fmt.Println(st.Codecs[0].Send.Name, "to", st.Remote, "events", st.Events[0].Send.PayloadType)

	alice.Media[0].Direction = sdp.SendOnly // hold
	offer, _ = a.CreateOffer(alice)
	answer, _ = b.Answer(offer, bob)
	text := answer.String()
	fmt.Print(strings.ReplaceAll(text[strings.Index(text, "m="):], "\r\n", "\n"))
	// Output:
	// PCMU to 192.0.2.2:5000 events 101
	// m=audio 5000 RTP/AVP 0 101
	// a=rtpmap:0 PCMU/8000
	// a=rtpmap:101 telephone-event/8000
	// a=fmtp:101 0-15
	// a=recvonly
}

func ExampleMatcher() {
	// Payload identity of AMR: both forms are different payloads.
	amr := func(ours, theirs string) (string, bool) {
		a, _ := sdp.Param(ours, "octet-align")
		b, _ := sdp.Param(theirs, "octet-align")
		return ours, (a == "1") == (b == "1")
	}
	local := sdp.Local{Media: []sdp.LocalMedia{{
		Address: netip.MustParseAddrPort("192.0.2.1:4000"),
		Formats: []sdp.Format{{Codec: sdp.Codec{Name: "AMR-WB", ClockRate: 16000, Fmtp: "octet-align=1"}, Match: amr}},
	}}}
	offer, _ := sdp.Parse([]byte(`v=0
o=- 1 1 IN IP4 192.0.2.2
s=-
c=IN IP4 192.0.2.2
t=0 0
m=audio 5000 RTP/AVP 97 98
a=rtpmap:97 AMR-WB/16000
a=rtpmap:98 AMR-WB/16000
a=fmtp:98 octet-align=1`))
	var s sdp.Session
	answer, err := s.Answer(offer, local)
	fmt.Println(answer.Media[0].Formats, err)
	// Output: [98] <nil>
}

func ExampleParse() {
	_, err := sdp.Parse([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nm=audio x RTP/AVP 0\r\n"))
	fmt.Println(err)
	// Output: sdp: line 4 "m=audio x RTP/AVP 0": not a number in range
}

// A handset offers, and rings at the other end when both have their bearers.
func ExamplePreconditions() {
	handset, server := sdp.SegmentedQoS(sdp.Mandatory, sdp.Optional), sdp.Preconditions{Callee: true}
	say := func(from, to string, p *sdp.Preconditions) *sdp.Media {
		m := &sdp.Media{Attributes: p.Attributes()}
		fmt.Println(from, "to", to)
		for _, a := range m.Attributes {
			fmt.Println("  a=" + a.Name + ":" + a.Value)
		}
		return m
	}
	offer := say("handset", "server", &handset) // in INVITE
	if err := server.ReceiveOffer(offer); err != nil {
		fmt.Println(err) // 580
	}
	server.Set(true)                            // it needs no bearer
	answer := say("server", "handset", &server) // in 183
	if err := handset.ReceiveAnswer(answer); err != nil {
		fmt.Println(err)
	}
	handset.Set(true) // the bearer is there
	fmt.Println("to be told:", handset.Due())
	if err := server.ReceiveOffer(say("handset", "server", &handset)); err != nil { // in UPDATE
		fmt.Println(err)
	}
	fmt.Println("rings:", server.Met())
	// Output:
	// handset to server
	//   a=curr:qos local none
	//   a=curr:qos remote none
	//   a=des:qos mandatory local sendrecv
	//   a=des:qos optional remote sendrecv
	// server to handset
	//   a=curr:qos local sendrecv
	//   a=curr:qos remote none
	//   a=des:qos optional local sendrecv
	//   a=des:qos mandatory remote sendrecv
	//   a=conf:qos remote sendrecv
	// to be told: true
	// handset to server
	//   a=curr:qos local sendrecv
	//   a=curr:qos remote sendrecv
	//   a=des:qos mandatory local sendrecv
	//   a=des:qos optional remote sendrecv
	// rings: true
}
