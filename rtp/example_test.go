package rtp_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gotelco/telco/rtp"
)

// Two streams without a network: what one appends is what the other receives.
func ExampleStream() {
	alice, bob := netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("192.0.2.2:5000")
	now := time.Now()
	pcma := rtp.Format{PayloadType: 8}
	events := rtp.Format{PayloadType: 101, Event: true}
	a := rtp.NewStream(now, rtp.Config{Remote: bob, Send: pcma, SendEvent: events})
	b := rtp.NewStream(now, rtp.Config{Remote: alice, Send: pcma, Receive: []rtp.Format{pcma, events}})

	key, _ := rtp.DTMF('#')
	a.StartEvent(key, 10, 100*time.Millisecond)
	var datagram, frame []byte
	played := 0
	for range 20 {
		now = now.Add(20 * time.Millisecond)
		var err error
		if datagram, _, err = a.AppendAudio(datagram[:0], now, make([]byte, 160), 160); err != nil {
			fmt.Println(err)
			return
		}
		if err := b.Receive(now, alice, datagram); err != nil {
			fmt.Println(err)
			return
		}
		for f, ok := b.Pop(now, frame); ok; f, ok = b.Pop(now, frame) {
			frame = f.Payload
			played++
		}
		for e, ok := b.PopEvent(now); ok; e, ok = b.PopEvent(now) {
			fmt.Println("key", e.Code, "end", e.End, e.Duration)
		}
	}
	fmt.Println("played", played, "frames, heard", b.Stats().PacketsReceived, "packets")
	// Output:
	// key # end false 20ms
	// key # end true 100ms
	// played 10 frames, heard 20 packets
}

func ExampleSender() {
	s := rtp.NewSender(0) // random SSRC, sequence number and timestamp
	f := rtp.Format{PayloadType: 0}
	packet, _ := s.AppendAudio(nil, time.Now(), f, make([]byte, 160), 160)
	fmt.Println(len(packet), "octets, marker", packet[1]>>7)
	packet, _ = s.AppendAudio(packet[:0], time.Now(), f, make([]byte, 160), 160)
	fmt.Println(len(packet), "octets, marker", packet[1]>>7)
	s.Skip(8000) // a second of silence
	packet, _ = s.AppendAudio(packet[:0], time.Now(), f, make([]byte, 160), 160)
	fmt.Println(len(packet), "octets, marker", packet[1]>>7)
	// Output:
	// 172 octets, marker 1
	// 172 octets, marker 0
	// 172 octets, marker 1
}
